/* random_graph_layers — what of a random graph networks are made of: products with bias and activation,
 * convolutions with pooling. */
#include "random_graph_make.h"
#include <string.h>

/* --- Products --------------------------------------------------------------------------------------------
 */

/* x as a matrix or a stack of them, whatever its rank. */
static graph_ref as_matrix(graph_maker *m, graph_ref x) {
    const wg_type *type = graph_type(m, x);
    if (type->rank >= 2 && type->rank <= 4) return x;
    const int64_t count = graph_count(type), columns = 1 + graph_below(m, 9);
    if (!count) return GRAPH_NOTHING;
    const wg_type matrix = {.dtype = type->dtype,
                            .rank = 2,
                            .extent = {count > 12 * columns ? 12 : (count + columns - 1) / columns, columns}};
    return graph_coerce(m, x, &matrix);
}

/* a, and a matrix that fits it: made of something else, or a leaf. */
static graph_ref multiply(graph_maker *m, graph_ref a, int columns) {
    const wg_type *type = graph_type(m, a);
    graph_node node = graph_op("matmul");
    const bool transpose_a = graph_chance(m, 3), transpose_b = graph_chance(m, 3);
    const int64_t inner = type->extent[type->rank - (transpose_a ? 2 : 1)];
    const wg_type other = {.dtype = type->dtype,
                           .rank = 2,
                           .extent = {transpose_b ? columns : inner, transpose_b ? inner : columns}};
    const graph_ref b =
        graph_chance(m, 2) ? graph_leaf(m, &other, -1, 1) : graph_coerce(m, graph_any_real(m), &other);
    graph_set(&node, "transpose_a", 0, transpose_a);
    graph_set(&node, "transpose_b", 0, transpose_b);
    graph_input(&node, a);
    graph_input(&node, graph_within(m, b, -4, 4));
    return graph_is(node.inputs[1]) ? graph_add(m, &node) : GRAPH_NOTHING;
}

void graph_product(graph_maker *m) {
    const graph_ref a = graph_within(m, as_matrix(m, graph_any_real(m)), -16, 16);
    if (graph_is(a)) multiply(m, a, 1 + graph_below(m, 17));
}

/* activation(a w + bias), and a itself added where it fits: what layers are made of. */
void graph_layer(graph_maker *m) {
    static const char *const activations[] = {"relu", "tanh", "sigmoid", "exp", "abs"};
    const graph_ref a = graph_within(m, as_matrix(m, graph_any_real(m)), -4, 4);
    if (!graph_is(a)) return;
    const bool residual = graph_chance(m, 2);
    const int columns =
        residual ? (int)graph_type(m, a)->extent[graph_type(m, a)->rank - 1] : 1 + graph_below(m, 20);
    graph_ref y = multiply(m, a, columns);
    if (!graph_is(y)) return;
    const wg_type bias = {.dtype = graph_type(m, y)->dtype, .rank = 1, .extent = {columns}};
    y = graph_apply(m, "add", y, graph_leaf(m, &bias, -1, 1));
    if (graph_is(y) && !graph_chance(m, 4))
        y = graph_apply(m, activations[graph_below(m, 5)], graph_within(m, y, -8, 8), GRAPH_NOTHING);
    if (graph_is(y) && residual && graph_broadcasts(graph_type(m, a), graph_type(m, y)))
        graph_apply(m, "add", a, y);
}

/* Something as [N, C, H, W]. */
static graph_ref as_images(graph_maker *m) {
    const graph_ref x = graph_any_real(m);
    if (graph_type(m, x)->rank == 4 && graph_type(m, x)->extent[2] > 1 && graph_type(m, x)->extent[3] > 1)
        return x;
    const wg_type type = {.dtype = graph_type(m, x)->dtype,
                          .rank = 4,
                          .extent = {1 + graph_below(m, 2), 1 + graph_below(m, 4), 2 + graph_below(m, 6),
                                     2 + graph_below(m, 6)}};
    return graph_within(m, graph_coerce(m, x, &type), -16, 16);
}

/* So many and so large images that a convolution makes its output in several runs. */
static graph_ref many_images(graph_maker *m) {
    const wg_type type = {
        .dtype = graph_chance(m, 2) ? WG_F32 : WG_F64,
        .rank = 4,
        .extent = {8 + graph_below(m, 3), 1 + graph_below(m, 2), 20 + graph_below(m, 3), 20}};
    return graph_leaf(m, &type, -2, 2);
}

static void set_pair(graph_maker *m, graph_node *node, const char *name, int least, int most) {
    for (int i = 0; i < 2; i++) graph_set(node, name, i, least + graph_below(m, most - least + 1));
}

static void pool(graph_maker *m, graph_ref x) {
    static const char *const pools[] = {"max_pool2d", "avg_pool2d"};
    graph_node node = graph_op(pools[graph_below(m, 2)]);
    set_pair(m, &node, "kernel", 1, 3);
    set_pair(m, &node, "stride", 1, 3);
    set_pair(m, &node, "dilation", 1, 1 + graph_chance(m, 4));
    const int padding = graph_below(m, 2);
    for (int side = 0; side < 4; side++) graph_set(&node, "padding", side, graph_below(m, padding + 1));
    graph_set(&node, "ceil_mode", 0, graph_chance(m, 3));
    if (!strcmp(node.op->name, "avg_pool2d")) graph_set(&node, "count_include_pad", 0, graph_chance(m, 2));
    graph_input(&node, x);
    graph_add(m, &node);
}

/* A convolution with bias, activation and pooling, or pooling alone. */
void graph_image(graph_maker *m) {
    const graph_ref x = graph_chance(m, 8) ? many_images(m) : as_images(m);
    if (!graph_is(x)) return;
    const wg_type type = *graph_type(m, x);
    if (graph_chance(m, 2)) {
        pool(m, x);
        return;
    }
    graph_node conv = graph_op("conv2d");
    const int groups = type.extent[1] % 2 == 0 && graph_chance(m, 3) ? 2 : 1,
              filters = groups * (1 + graph_below(m, 3));
    const wg_type weight = {
        .dtype = type.dtype,
        .rank = 4,
        .extent = {filters, type.extent[1] / groups, 1 + graph_below(m, 3), 1 + graph_below(m, 3)}};
    const wg_type bias = {.dtype = type.dtype, .rank = 1, .extent = {filters}};
    set_pair(m, &conv, "stride", 1, 2);
    for (int side = 0; side < 4; side++) graph_set(&conv, "padding", side, graph_below(m, 3));
    set_pair(m, &conv, "dilation", 1, 1 + graph_below(m, 2));
    graph_set(&conv, "groups", 0, groups);
    graph_input(&conv, x);
    graph_input(&conv, graph_chance(m, 3)
                           ? graph_within(m, graph_coerce(m, graph_any_real(m), &weight), -4, 4)
                           : graph_leaf(m, &weight, -1, 1));
    graph_input(&conv, graph_chance(m, 3) ? GRAPH_NOTHING : graph_leaf(m, &bias, -1, 1));
    if (!graph_is(conv.inputs[1])) return;
    graph_ref y = graph_add(m, &conv);
    if (graph_is(y) && graph_chance(m, 2)) y = graph_apply(m, "relu", y, GRAPH_NOTHING);
    if (graph_is(y) && graph_chance(m, 2)) pool(m, y);
}
