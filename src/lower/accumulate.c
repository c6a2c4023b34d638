/* accumulate — a product that is only made to be added to a sum is added by its kernel: the first writer of a
 * gradient writes it, later ones add to it where it lies, and nothing is filled with zeros.
 *
 *     s + sum_k a[k] b[k]   becomes   ((s + block 1) + block 2) + …
 *
 * which is how the blocks of one product are added too. So a sum of products over parts of a batch has the
 * bits of the product over all of it, where the parts are whole blocks.
 *
 * Assumes the lowered graph with all its nodes, kernels not picked yet. The sum becomes the last input of the
 * product's node, which stands where the addition stood; the product that was is left to drop_dead. */
#include "lower/lower.h"
#include <stdlib.h>

extern const wg_op wg_op_add;

/* How often each value is read, by roots too. */
static uint32_t *count_readings(const wg_lowered *low) {
    uint32_t *readings = calloc(low->values.count + 1, sizeof *readings);
    if (!readings) return NULL;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        for (uint32_t k = 0; !node->dead && k < node->input_count; k++)
            if (low->edges.at[node->inputs + k] != WG_ABSENT) readings[low->edges.at[node->inputs + k]]++;
    }
    for (size_t i = 0; i < wg_root_count(&low->count); i++) readings[low->roots[i]]++;
    return readings;
}

/* Is the value a product that only one node reads, of the type that it is added in? */
static bool may_accumulate(const wg_lowered *low, const uint32_t *readings, uint32_t value,
                           const wg_type *type) {
    const wg_low_node *maker = wg_maker(low, value);
    return !maker->leaf && !maker->accumulates && maker->op->flags & WG_ACCUMULATES &&
           value == maker->outputs && readings[value] == 1 &&
           wg_type_equal(&low->values.at[value].type, type) && wg_dtype_real(type->dtype);
}

/* The addition becomes the product, which adds to its last input. */
static bool fold(wg_lowered *low, uint32_t index, uint32_t product, uint32_t sum) {
    const wg_low_node *maker = wg_maker(low, product);
    wg_low_node *node = &low->nodes.at[index];
    if (!WG_RESERVE(&low->edges.at, &low->edges.capacity, low->edges.count + maker->input_count + 1))
        return false;
    node->op = maker->op;
    node->source = maker->source;
    node->attributes = maker->attributes;
    node->inputs = node->given = (uint32_t)low->edges.count;
    node->input_count = (uint16_t)(maker->input_count + 1);
    node->accumulates = true;
    for (uint32_t k = 0; k < maker->input_count; k++)
        low->edges.at[low->edges.count++] = low->edges.at[maker->inputs + k];
    low->edges.at[low->edges.count++] = sum;
    return true;
}

bool wg_lower_accumulate(wg_lowered *low, wg_tape *tape) {
    uint32_t *readings = count_readings(low);
    bool good = readings != NULL;
    for (uint32_t i = 0; good && i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        if (node->op != &wg_op_add || node->leaf || node->dead) continue;
        const wg_type *type = &low->values.at[node->outputs].type;
        const uint32_t a = low->edges.at[node->inputs], b = low->edges.at[node->inputs + 1];
        if (may_accumulate(low, readings, b, type) && wg_type_equal(&low->values.at[a].type, type))
            good = fold(low, i, b, a);
        else if (may_accumulate(low, readings, a, type) && wg_type_equal(&low->values.at[b].type, type))
            good = fold(low, i, a, b);
    }
    free(readings);
    return good || wg_tape_no_memory(tape);
}
