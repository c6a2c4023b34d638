/* path — how a var leads to another: which nodes lie between them, and what stands in the way. */
#ifndef WG_TAPE_PATH_H
#define WG_TAPE_PATH_H

#include "tape/tape.h"

/* How x leads to a node, worst to best; the best path counts. */
enum { PATH_NONE, PATH_STOPPED, PATH_BLOCKED, PATH_OPEN };

/* Does no gradient pass from the node to this input of it? */
bool wg_op_blocks(const wg_tape *tape, const wg_node *node, int input);

/* Walks what y needs and finds the best path from any x to each place of the
 * order, left in tape->paths; -1: no memory, else the path to y.
 * *blocker becomes the first node that stands in a way. */
int wg_find_paths(wg_tape *tape, uint32_t y, const wg_var *inputs, int input_count, uint32_t *blocker);

#endif
