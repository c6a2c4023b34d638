/* needed.h — which nodes of a tape an evaluation needs, worked out apart from the engine. */
#ifndef WG_TESTS_NEEDED_H
#define WG_TESTS_NEEDED_H

#include "tape/tape.h"

/* Of each node whether it is needed: given for those that are asked for, and left for whatever these need. */
static inline void mark_needed(const wg_tape *tape, bool *needed) {
    for (size_t id = tape->nodes.count; id-- > 0;) {
        const wg_node *node = &tape->nodes.at[id];
        if (!needed[id]) continue;
        if (node->output) needed[id - node->output] = true;
        for (int i = 0; !node->output && i < node->input_count; i++)
            if (wg_edge(tape, node, i) != WG_ABSENT) needed[wg_edge(tape, node, i)] = true;
    }
}

#endif
