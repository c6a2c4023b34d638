/* random_graph_ops — what a random graph is made of: ops on values met before, with random attributes; every
 * op of the registry on the attributes and shapes of one of its samples; and a few patterns that passes look
 * for. */
#include "random_graph_make.h"
#include <check.h>
#include <string.h>

/* --- Any op, as one of its samples has it -------------------------------------------------------------- */

typedef struct chosen_case {
    int number; /* counts down to the case that is wanted; below 0: counts all */
    int met;
    graph_node node;
    wg_type types[GRAPH_INPUTS];
    wg_sample_input inputs[GRAPH_INPUTS];
    bool good;
} chosen_case;

static int take_case(const wg_case *sample, void *context) {
    chosen_case *chosen = context;
    chosen->met++;
    if (sample->number != chosen->number) return 0;
    if (sample->input_count > GRAPH_INPUTS) return 1;
    chosen->node = graph_node_of(sample->op);
    if (sample->attributes) memcpy(chosen->node.attributes, sample->attributes, sample->op->attributes_size);
    chosen->node.input_count = sample->input_count;
    chosen->good = true;
    for (int i = 0; i < sample->input_count; i++) {
        const wg_sample_input *input = &sample->inputs[i];
        wg_type *type = &chosen->types[i];
        chosen->inputs[i] = *input;
        *type = (wg_type){.dtype = input->dtype};
        for (; !input->absent && input->shape->extent[type->rank] != INT64_MIN; type->rank++)
            type->extent[type->rank] = input->shape->extent[type->rank];
        chosen->good &= wg_type_count(type) <= 700;
    }
    return 1;
}

static bool choose_case(graph_maker *m, const wg_op *op, chosen_case *chosen) {
    *chosen = (chosen_case){.number = -1};
    wg_op_samples(op, take_case, chosen);
    if (!chosen->met) return false;
    *chosen = (chosen_case){.number = 1 + graph_below(m, chosen->met)};
    wg_op_samples(op, take_case, chosen);
    return chosen->good;
}

/* The numbers that an op's samples have for an input: sqrt's are positive. */
static graph_ref fitted(graph_maker *m, graph_ref x, const wg_sample_input *input) {
    if (input->values == WG_UNIFORM) return graph_within(m, x, input->low, input->high);
    return graph_within(m, x, -16, 16);
}

/* Whole numbers low … high: a leaf, or made of real ones. */
static graph_ref whole_numbers(graph_maker *m, const wg_type *type, double low, double high) {
    if (low > high || type->dtype == WG_BOOL || !graph_chance(m, 4)) return graph_leaf(m, type, low, high);
    wg_type real = *type;
    real.dtype = m->real;
    const graph_ref x = graph_within(m, graph_coerce(m, graph_any_real(m), &real), low, high + 0.875);
    return graph_coerce(m, x, type);
}

static graph_ref input_of_case(graph_maker *m, const chosen_case *chosen, int i) {
    const wg_sample_input *input = &chosen->inputs[i];
    wg_type type = chosen->types[i];
    if (input->absent) return GRAPH_NOTHING;
    if (!type.dtype) type.dtype = m->real;
    if (input->values == WG_ALL_EQUAL) return graph_leaf(m, &type, input->low, input->low);
    if (input->values == WG_INTEGERS || (type.dtype != WG_F32 && type.dtype != WG_F64))
        return input->values == WG_INTEGERS ? whole_numbers(m, &type, input->low, input->high)
                                            : whole_numbers(m, &type, 0, 1);
    return fitted(m, graph_coerce(m, graph_any_real(m), &type), input);
}

graph_ref graph_apply_sample(graph_maker *m, const wg_op *op) {
    chosen_case chosen;
    if (!choose_case(m, op, &chosen)) return GRAPH_NOTHING;
    for (int i = 0; i < chosen.node.input_count; i++) {
        const graph_ref input = input_of_case(m, &chosen, i);
        if (!graph_is(input) && !chosen.inputs[i].absent) return GRAPH_NOTHING;
        chosen.node.inputs[i] = input;
    }
    return graph_add(m, &chosen.node);
}

static void any_sample(graph_maker *m) { graph_apply_sample(m, wg_op_at(graph_below(m, wg_op_count()))); }

/* --- Elementwise, on values met before -------------------------------------------------------------------
 */

static bool plain(const wg_op *op, int inputs) {
    return op->flags & WG_ELEMENTWISE && op->inputs == inputs && !op->attributes;
}

static const wg_op *plain_op(graph_maker *m, int inputs) {
    for (;;) {
        const wg_op *op = wg_op_at(graph_below(m, wg_op_count()));
        if (plain(op, inputs)) return op;
    }
}

static void apply_unary(graph_maker *m, const wg_op *op) {
    chosen_case chosen;
    if (!choose_case(m, op, &chosen)) return;
    graph_node node = graph_node_of(op);
    graph_input(&node, fitted(m, graph_any_real(m), &chosen.inputs[0]));
    graph_add(m, &node);
}
static void unary(graph_maker *m) { apply_unary(m, plain_op(m, 1)); }

bool graph_broadcasts(const wg_type *a, const wg_type *b) {
    for (int back = 1; back <= a->rank && back <= b->rank; back++) {
        const int64_t x = a->extent[a->rank - back], y = b->extent[b->rank - back];
        if (x != y && x != 1 && y != 1) return false;
    }
    return a->dtype == b->dtype;
}

/* A value that broadcasts with a: one met before, or a new leaf with some of a's extents. */
static graph_ref partner(graph_maker *m, graph_ref a) {
    wg_type type = *graph_type(m, a);
    for (int tries = 0; tries < 6; tries++) {
        const graph_ref b = graph_any_real(m);
        if (graph_broadcasts(&type, graph_type(m, b))) return b;
    }
    if (graph_chance(m, 8)) return graph_scalar(m, (graph_below(m, 17) - 8) / 4.0);
    for (int i = graph_below(m, type.rank + 1); i > 0; i--) { /* drop the first axis */
        memmove(type.extent, type.extent + 1, sizeof type.extent - sizeof *type.extent);
        type.extent[--type.rank] = 0;
    }
    for (int axis = 0; axis < type.rank; axis++)
        if (graph_chance(m, 3)) type.extent[axis] = 1;
    return graph_coerce(m, graph_chance(m, 3) ? graph_leaf(m, &type, -2, 2) : graph_any_real(m), &type);
}

static void binary(graph_maker *m) {
    const wg_op *op = plain_op(m, 2);
    const bool remains = strstr(op->name, "mod") || strstr(op->name, "remainder");
    if (op->flags & WG_BLOCKS || remains) op = plain_op(m, 2); /* they jump, and little can be said of them */
    chosen_case chosen;
    if (!choose_case(m, op, &chosen)) return;
    graph_ref a = graph_any_real(m), b = partner(m, a);
    if (graph_chance(m, 2)) {
        const graph_ref first = a;
        a = b;
        b = first;
    }
    graph_node node = graph_node_of(op);
    a = fitted(m, a, &chosen.inputs[0]);
    b = fitted(m, b, &chosen.inputs[1]);
    if (!graph_is(a) || !graph_is(b)) return;
    graph_input(&node, a);
    graph_input(&node, b);
    graph_add(m, &node);
}

static void select_one(graph_maker *m) {
    static const char *const comparisons[] = {"equal",      "not_equal", "less",
                                              "less_equal", "greater",   "greater_equal"};
    const graph_ref a = graph_any_real(m), b = partner(m, a);
    const graph_ref c = graph_is(b) ? graph_apply(m, comparisons[graph_below(m, 6)], a, b) : b;
    if (!graph_is(c)) return;
    graph_node node = graph_op("where");
    graph_input(&node, c);
    graph_input(&node, graph_chance(m, 2) ? a : b);
    graph_input(&node, graph_chance(m, 2) ? partner(m, a) : a);
    if (graph_is(node.inputs[2])) graph_add(m, &node);
}

/* --- Reductions and rows -----------------------------------------------------------------------------------
 */

static void reduction(graph_maker *m) {
    static const char *const names[] = {"sum", "mean", "max",  "argmax", "argmin",
                                        "min", "sum",  "mean", "prod"};
    const int which = graph_below(m, 9);
    const graph_ref x = graph_any_real(m);
    const int rank = graph_type(m, x)->rank;
    graph_node node = graph_op(names[which]);
    const bool one_axis = which == 3 || which == 4;
    if (one_axis) {
        if (!rank) return;
        graph_set(&node, "axis", 0, graph_below(m, rank) - (graph_chance(m, 2) ? rank : 0));
    }
    for (int axis = 0, count = 0; !one_axis && axis < rank; axis++)
        if (graph_chance(m, 2)) graph_set(&node, "axes", count++, axis - (graph_chance(m, 2) ? rank : 0));
    graph_set(&node, "keepdims", 0, graph_chance(m, 2));
    graph_input(&node, x);
    graph_add(m, &node);
}

static void rows(graph_maker *m) {
    const graph_ref x = graph_within(m, graph_any_real(m), -16, 16);
    if (!graph_is(x) || !graph_type(m, x)->rank) return;
    const wg_type type = *graph_type(m, x);
    if (type.rank == 2 && graph_chance(m, 2) && type.extent[1]) {
        graph_node node = graph_op("softmax_cross_entropy");
        wg_type targets = {
            .dtype = graph_chance(m, 2) ? WG_I32 : WG_I64, .rank = 1, .extent = {type.extent[0]}};
        graph_input(&node, x);
        graph_input(&node,
                    whole_numbers(m, &targets, graph_chance(m, 4) ? -1 : 0, (double)type.extent[1] - 1));
        graph_add(m, &node);
        return;
    }
    graph_node node = graph_op(graph_chance(m, 2) ? "softmax" : "log_softmax");
    graph_set(&node, "axis", 0, graph_below(m, type.rank));
    graph_input(&node, x);
    graph_add(m, &node);
}

/* --- Shapes ----------------------------------------------------------------------------------------------
 */

static void transpose(graph_maker *m, graph_ref x) {
    int axes[WG_MAX_RANK];
    const int rank = graph_type(m, x)->rank;
    graph_node node = graph_op("transpose");
    for (int i = 0; i < rank; i++) { /* a random order */
        const int other = graph_below(m, i + 1);
        axes[i] = axes[other];
        axes[other] = i;
    }
    for (int i = 0; i < rank; i++) graph_set(&node, "axes", i, axes[i]);
    graph_input(&node, x);
    graph_add(m, &node);
}

/* Two neighbouring axes become one, or an axis two. */
static void reshape(graph_maker *m, graph_ref x) {
    wg_type type = *graph_type(m, x);
    graph_node node = graph_op("reshape");
    if (type.rank >= 2 && graph_chance(m, 2)) {
        const int axis = graph_below(m, type.rank - 1);
        type.extent[axis] *= type.extent[axis + 1];
        type.rank--;
        for (int i = axis + 1; i < type.rank; i++) type.extent[i] = type.extent[i + 1];
    } else if (type.rank < WG_MAX_RANK) {
        const int axis = type.rank ? graph_below(m, type.rank) : 0;
        for (int i = type.rank++; i > axis; i--) type.extent[i] = type.extent[i - 1];
        const bool even = type.rank > 1 && type.extent[axis + 1] % 2 == 0;
        type.extent[axis] = even ? 2 : 1;
        if (even) type.extent[axis + 1] /= 2;
    }
    for (int i = 0; i < type.rank; i++) graph_set(&node, "shape", i, (double)type.extent[i]);
    graph_input(&node, x);
    graph_add(m, &node);
}

static void slice(graph_maker *m, graph_ref x) {
    static const int steps[] = {1, 1, 2, 3, -1, -2};
    const wg_type *type = graph_type(m, x);
    const int axis = graph_below(m, type->rank), extent = (int)type->extent[axis];
    const int step = steps[graph_below(m, 6)], a = graph_below(m, extent + 1), b = graph_below(m, extent + 1);
    graph_node node = graph_op("slice");
    graph_set(&node, "axis", 0, axis);
    graph_set(&node, "step", 0, step);
    graph_set(&node, "start", 0, (a < b) == (step > 0) ? a : b);
    graph_set(&node, "stop", 0, (a < b) == (step > 0) ? b : a);
    graph_input(&node, x);
    graph_add(m, &node);
}

static void broadcast(graph_maker *m, graph_ref x) {
    const wg_type *type = graph_type(m, x);
    graph_node node = graph_op("broadcast_to");
    const int more = type->rank < WG_MAX_RANK ? graph_below(m, 2) : 0;
    if (more) graph_set(&node, "shape", 0, 1 + graph_below(m, 3));
    for (int i = 0; i < type->rank; i++)
        graph_set(
            &node, "shape", more + i,
            (double)(type->extent[i] == 1 && graph_chance(m, 2) ? 1 + graph_below(m, 5) : type->extent[i]));
    graph_input(&node, x);
    if (more + type->rank > 0) graph_add(m, &node);
}

/* x, something of its type, and x again. */
static void concat(graph_maker *m, graph_ref x) {
    const wg_type type = *graph_type(m, x);
    graph_node node = graph_op("concat");
    graph_set(&node, "axis", 0, graph_below(m, type.rank));
    graph_input(&node, x);
    graph_input(&node, graph_coerce(m, graph_any_real(m), &type));
    if (graph_chance(m, 2)) graph_input(&node, x);
    if (graph_is(node.inputs[1])) graph_add(m, &node);
}

static void shaping(graph_maker *m) {
    static void (*const ways[])(graph_maker *, graph_ref) = {transpose, reshape, slice, broadcast, concat};
    const graph_ref x = graph_chance(m, 6) ? graph_any(m) : graph_any_real(m);
    if (graph_type(m, x)->rank > 0) ways[graph_below(m, 5)](m, x);
}

/* Rows picked by numbers; some are negative: counted from the back. */
static void lookup(graph_maker *m) {
    const graph_ref x = graph_any_real(m);
    const wg_type *type = graph_type(m, x);
    if (!type->rank || type->rank > 5) return;
    const int axis = graph_below(m, type->rank);
    const double extent = (double)type->extent[axis];
    if (extent == 0) return;
    wg_type indices = {.dtype = graph_chance(m, 2) ? WG_I32 : WG_I64, .rank = graph_below(m, 3)};
    for (int i = 0; i < indices.rank; i++) indices.extent[i] = 1 + graph_below(m, 5);
    graph_node node = graph_op("gather");
    graph_set(&node, "axis", 0, axis);
    graph_input(&node, x);
    graph_input(&node, whole_numbers(m, &indices, graph_chance(m, 3) ? -extent : 0, extent - 1));
    if (graph_is(node.inputs[1])) graph_add(m, &node);
}

/* --- The others ------------------------------------------------------------------------------------------
 */

static void dropout(graph_maker *m) {
    const graph_ref x = graph_any_real(m);
    const wg_type step = {.dtype = WG_I64};
    graph_node node = graph_op("dropout_mask");
    graph_set(&node, "p", 0, 0.25 * graph_below(m, 4));
    graph_set(&node, "key", 0, graph_below(m, 1000));
    graph_input(&node, x);
    graph_input(&node, graph_leaf(m, &step, 0, 3));
    const graph_ref mask = graph_add(m, &node);
    if (graph_is(mask)) graph_apply(m, "mul", x, mask);
}

/* The same again, in another order of the operands or not: what merging looks for. */
static void twin(graph_maker *m) {
    const graph_ref x = graph_any(m);
    graph_node node = m->graph->nodes[x.node];
    if (node.kind == GRAPH_OP) graph_add(m, &node);
}

/* A new leaf or state, so that not everything hangs on the first few. */
static void leaf(graph_maker *m) {
    if (graph_chance(m, 2)) {
        graph_read_state(m);
        return;
    }
    const wg_type type = *graph_type(m, graph_any_real(m));
    graph_leaf(m, &type, -2, 2);
}

/* Large numbers come back to about 1, most of the time. */
static void settle(graph_maker *m) {
    const graph_ref x = graph_any_real(m);
    const graph_facts *facts = graph_facts_of(m, x);
    if (facts->most > 8 || facts->least < -8) graph_apply(m, "tanh", x, GRAPH_NOTHING);
}

void graph_grow(graph_maker *m) {
    static void (*const families[])(graph_maker *) = {
        any_sample,  any_sample,  any_sample,  unary,       unary,   unary,   unary, binary, binary,
        binary,      binary,      select_one,  reduction,   shaping, shaping, rows,  lookup, graph_product,
        graph_layer, graph_layer, graph_image, graph_image, dropout, twin,    leaf,  settle, settle};
    if (m->options.extra && graph_chance(m, 6))
        apply_unary(m, m->options.extra);
    else
        families[graph_below(m, sizeof families / sizeof *families)](m);
}
