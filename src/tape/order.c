/* order — the canonical order of what some roots need.
 *
 * C leaves open in which order the arguments of a call are evaluated, so the order of recording may
 * differ between compilers. The walk does not: from the roots, along the inputs as they stand in the
 * node, each node after its inputs. Sums of cotangents, plans and their keys follow it. No recursion:
 * a chain of a million nodes is walked as well. */
#include "tape/tape.h"

#define NO_MORE (UINT32_MAX - 2)

/* A node's inputs; a further output of a node has the node's first output as its only one. */
static uint32_t input_of(const wg_tape *tape, const wg_node *node, uint32_t id, uint32_t which) {
    if (node->output > 0) return which == 0 ? id - node->output : NO_MORE;
    return which < node->input_count ? tape->edges.at[node->inputs + which] : NO_MORE;
}

static bool seen(const wg_tape *tape, uint32_t id) { return tape->rank.at[id] >> 32 == tape->walk; }

static bool walk_from(wg_tape *tape, uint32_t root, bool stop_at_values) {
    size_t depth = 0; /* stack entries: id, then the next input to look at */
    tape->stack.at[depth++] = (uint64_t)root << 32;
    tape->rank.at[root] = (uint64_t)tape->walk << 32 | WG_UNRANKED;
    while (depth > 0) {
        uint64_t *top = &tape->stack.at[depth - 1];
        const uint32_t id = (uint32_t)(*top >> 32), which = (uint32_t)*top;
        const wg_node *node = &tape->nodes.at[id];
        const bool at_hand = stop_at_values && wg_at_hand(tape, node);
        const uint32_t next = at_hand ? NO_MORE : input_of(tape, node, id, which);
        if (next == NO_MORE) { /* all inputs are done */
            tape->rank.at[id] = (uint64_t)tape->walk << 32 | (uint32_t)tape->order.count;
            tape->order.at[tape->order.count++] = id;
            depth--;
            continue;
        }
        ++*top;
        if (next == WG_ABSENT || seen(tape, next)) continue;
        if (!WG_RESERVE(&tape->stack.at, &tape->stack.capacity, depth + 1)) return wg_tape_no_memory(tape);
        tape->rank.at[next] = (uint64_t)tape->walk << 32 | WG_UNRANKED;
        tape->stack.at[depth++] = (uint64_t)next << 32;
    }
    return true;
}

bool wg_order(wg_tape *tape, const uint32_t *roots, size_t count, bool stop_at_values) {
    const size_t nodes = tape->nodes.count;
    tape->order.count = 0;
    if (!WG_TAPE_ROOM(tape, order, nodes) || !WG_RESERVE(&tape->rank.at, &tape->rank.capacity, nodes) ||
        !WG_RESERVE(&tape->stack.at, &tape->stack.capacity, 64))
        return wg_tape_no_memory(tape);
    if (tape->rank.count < nodes) {
        memset(tape->rank.at + tape->rank.count, 0, (nodes - tape->rank.count) * sizeof *tape->rank.at);
        tape->rank.count = nodes;
    }
    if (++tape->walk == 0) { /* after 2^32 walks of one recording */
        memset(tape->rank.at, 0, nodes * sizeof *tape->rank.at);
        tape->walk = 1;
    }
    for (size_t i = 0; i < count; i++)
        if (!seen(tape, roots[i]) && !walk_from(tape, roots[i], stop_at_values)) return false;
    return true;
}
