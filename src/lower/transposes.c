/* transposes — a product of a matrix that was transposed just for it reads the matrix as it lies: the
 * transposition goes into the product's flags, and where nobody else reads it, it is not computed. The order
 * of sums stays, so do the bits.
 *
 * Assumes the lowered graph with all its nodes, kernels not picked yet. Leaves nodes that nobody needs to
 * drop_dead. */
#include "kernels/cpu/blocks.h"
#include "lower/lower.h"

extern const wg_op wg_op_matmul, wg_op_transpose;

/* Does the node swap the last two axes of its input and nothing else? */
static bool swaps_last_two(const wg_lowered *low, const wg_tape *tape, const wg_low_node *node) {
    if (node->op != &wg_op_transpose || node->leaf) return false;
    const int rank = low->values.at[node->outputs].type.rank;
    const int *axes = ((const wg_axes *)wg_low_attributes(low, node, tape, tape->order.at))->axis;
    for (int i = 0; i < rank - 2; i++)
        if (axes[i] != i) return false;
    return rank >= 2 && axes[rank - 2] == rank - 1 && axes[rank - 1] == rank - 2;
}

static wg_matmul_attributes *own_attributes(wg_lowered *low, const wg_tape *tape, wg_low_node *node) {
    enum { WORDS = (sizeof(wg_matmul_attributes) + 7) / 8 };
    if (!WG_RESERVE(&low->attributes.at, &low->attributes.capacity, low->attributes.count + WORDS))
        return NULL;
    void *to = low->attributes.at + low->attributes.count;
    memcpy(to, wg_low_attributes(low, node, tape, tape->order.at), sizeof(wg_matmul_attributes));
    node->attributes = (uint32_t)low->attributes.count;
    low->attributes.count += WORDS;
    return to;
}

bool wg_lower_transposes(wg_lowered *low, wg_tape *tape) {
    for (size_t i = 0; i < low->nodes.count; i++) {
        wg_low_node *node = &low->nodes.at[i];
        if (node->op != &wg_op_matmul || node->leaf) continue;
        for (uint32_t k = 0; k < 2; k++) {
            const wg_low_node *maker = wg_maker(low, low->edges.at[node->inputs + k]);
            if (!swaps_last_two(low, tape, maker)) continue;
            wg_matmul_attributes *flags = own_attributes(low, tape, node);
            if (!flags) return wg_tape_no_memory(tape);
            if (k == 0)
                flags->transpose_a = !flags->transpose_a;
            else
                flags->transpose_b = !flags->transpose_b;
            low->edges.at[node->inputs + k] = low->edges.at[maker->inputs];
        }
    }
    return true;
}
