/* identities — a node whose output is an earlier value as it is, to the bit and of the same type, is not
 * computed: whoever reads it reads that. So are views that lead back to where they came from, and what an op
 * says of itself (wg_op.is_identity). Apart from the work it saves, fusion sees through no view.
 *
 * Works on one node at a time as it is lowered, before equal nodes are merged. */
#include "lower/lower.h"

uint32_t wg_lower_identity(const wg_lowered *low, const wg_low_node *node, const wg_type *output,
                           const void *attributes) {
    if (node->leaf || node->input_count == 0) return WG_ABSENT;
    uint32_t value = low->edges.at[node->inputs];
    if (value == WG_ABSENT) return value;
    if (!(node->op->flags & WG_VIEW)) {
        const bool is = node->op->is_identity && wg_type_equal(&low->values.at[value].type, output) &&
                        node->op->is_identity(attributes);
        return is ? value : WG_ABSENT;
    }
    while (value != WG_ABSENT && !wg_type_equal(&low->values.at[value].type, output))
        value = low->values.at[value].view_of;
    return value;
}
