/* path — how a var leads to another: which nodes lie between them, and what stands in the way. */
#ifndef WG_TAPE_PATH_H
#define WG_TAPE_PATH_H

#include "tape/tape.h"

/* How x leads to a node, worst to best; the best path counts. */
enum { PATH_NONE, PATH_STOPPED, PATH_BLOCKED, PATH_OPEN };

/* Does no gradient pass from the node to this input of it? */
static inline bool wg_op_blocks(const wg_tape *tape, const wg_node *node, int input) {
    const wg_op *op = node->op;
    const wg_node *from = &tape->nodes.at[wg_edge(tape, node, input)];
    return (op->flags & WG_BLOCKS) || !op->backward || (input < 32 && op->blocked_inputs >> input & 1) ||
           !wg_dtype_real((wg_dtype)from->dtype) || !wg_dtype_real((wg_dtype)node->dtype);
}

/* What a path that leads to an input of the node is behind it. */
uint8_t wg_path_through(const wg_tape *tape, const wg_node *node, int input, uint8_t path);

/* Walks what y needs and finds the best path from any x to each place of the
 * order, left in tape->paths; -1: no memory, else the path to y.
 * *blocker becomes the first node that stands in a way. */
int wg_find_paths(wg_tape *tape, uint32_t y, const wg_var *inputs, int input_count, uint32_t *blocker);

#endif
