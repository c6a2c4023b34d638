/* random_graph_make — a random graph from its seed: leaves, then node after node, gradients, assigns, roots.
 *
 * Each node is recorded and evaluated as it is made, so that its type is known, and only what has finite
 * numbers of moderate size stays. */
#include "random_graph_make.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double LARGEST = 1e4;

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): neighbouring seeds have nothing in common. */
int graph_below(graph_maker *m, int bound) {
    uint64_t z = m->random += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (int)(((z ^ z >> 31) >> 33) % (uint64_t)bound);
}

static double uniform(graph_maker *m, double low, double high) {
    return low + (high - low) * graph_below(m, 1 << 20) / (1 << 20);
}

int64_t graph_count(const wg_type *type) { return wg_type_count(type); }

/* --- Nodes ------------------------------------------------------------------------------------------ */

static void *member(graph_node *node, const wg_attribute *a) { return (char *)node->attributes + a->offset; }

static void set_member(graph_node *node, const wg_attribute *a, int index, double value) {
    void *at = member(node, a);
    switch (a->kind) {
    case WG_ATTRIBUTE_INT:
        ((int64_t *)at)[index] = (int64_t)value;
        break;
    case WG_ATTRIBUTE_REAL:
        ((double *)at)[index] = value;
        break;
    case WG_ATTRIBUTE_BOOL:
        *(bool *)at = value != 0;
        break;
    case WG_ATTRIBUTE_DTYPE:
        *(wg_dtype *)at = (wg_dtype)value;
        break;
    case WG_ATTRIBUTE_AXES:
        ((wg_axes *)at)->axis[index] = (int)value;
        ((wg_axes *)at)->axis[index + 1] = INT_MIN;
        break;
    case WG_ATTRIBUTE_SHAPE:
        ((wg_type *)at)->extent[index] = (int64_t)value;
        ((wg_type *)at)->rank = index + 1;
        break;
    case WG_ATTRIBUTE_BITS:
        *(uint64_t *)at = (uint64_t)value;
        break;
    case WG_ATTRIBUTE_TEXT: /* whole samples only */
        break;
    }
}

graph_node graph_node_of(const wg_op *op) {
    graph_node node = {.kind = GRAPH_OP, .op = op};
    ck_assert_uint_le(op->attributes_size, sizeof node.attributes);
    for (const wg_attribute *a = op->attributes; a && a->name; a++) {
        if (a->kind == WG_ATTRIBUTE_AXES) ((wg_axes *)member(&node, a))->axis[0] = INT_MIN;
        if (a->kind == WG_ATTRIBUTE_DTYPE) set_member(&node, a, 0, a->preset != 0 ? a->preset : WG_F32);
        if (a->kind == WG_ATTRIBUTE_INT || a->kind == WG_ATTRIBUTE_REAL || a->kind == WG_ATTRIBUTE_BOOL)
            for (int i = 0; i < (a->count ? a->count : 1); i++) set_member(&node, a, i, a->preset);
    }
    return node;
}

graph_node graph_op(const char *name) {
    const wg_op *op = wg_op_find(name);
    ck_assert_msg(op != NULL, "there is no op %s", name);
    return graph_node_of(op);
}

void graph_set(graph_node *node, const char *attribute, int index, double value) {
    for (const wg_attribute *a = node->op->attributes; a && a->name; a++)
        if (!strcmp(a->name, attribute)) {
            set_member(node, a, index, value);
            return;
        }
    ck_abort_msg("%s has no attribute %s", node->op->name, attribute);
}

void graph_input(graph_node *node, graph_ref input) {
    ck_assert_int_lt(node->input_count, GRAPH_INPUTS);
    node->inputs[node->input_count++] = input;
}

/* The numbers of a value: false where one is not finite or too large, and that is not wanted. */
static bool look_at(const wg_tensor *value, bool wild, graph_facts *facts) {
    const wg_dtype dtype = wg_tensor_type(value).dtype;
    *facts = (graph_facts){0, 0, dtype != WG_F32 && dtype != WG_F64};
    for (int64_t i = 0, count = wg_tensor_count(value); i < count; i++) {
        const double x = wg_tensor_get(value, i);
        if (!(fabs(x) <= LARGEST) && !wild) return false;
        if (isnan(x)) continue;
        facts->least = i ? fmin(facts->least, x) : x;
        facts->most = i ? fmax(facts->most, x) : x;
    }
    return true;
}

/* Evaluates what the node gives; later evaluations start from it. */
static bool evaluates(graph_maker *m, const graph_node *node, int number) {
    wg_var list[GRAPH_OUTPUTS + 1];
    for (int i = 0; i < node->output_count; i++) {
        const wg_type type = wg_type_of(m->vars.at[number][i]);
        if (wg_type_count(&type) > (m->large ? GRAPH_ELEMENTS_OF_LARGE : GRAPH_ELEMENTS)) return false;
        list[i] = wg_keep(m->vars.at[number][i]);
    }
    list[node->output_count] = (wg_var)WG_END_;
    if (wg_peek_list(list)) return false;
    for (int i = 0; i < node->output_count; i++)
        if (!look_at(wg_value(list[i]), m->wild, &m->facts[number][i])) return false;
    return true;
}

static bool inputs_exist(const graph_node *node) {
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i].node < -1) return false;
    return node->input_count == 0 || node->inputs[0].node >= 0;
}

graph_ref graph_add(graph_maker *m, graph_node *node) {
    random_graph *graph = m->graph;
    const int number = graph->node_count;
    node->output_count = node->kind == GRAPH_OP         ? node->op->outputs
                         : node->kind == GRAPH_GRADIENT ? node->input_count - 1
                                                        : 1;
    bool good = number < GRAPH_NODES && inputs_exist(node);
    if (good) {
        graph->nodes[number] = *node;
        graph_record_node(graph, number, m->tape, m->states, &m->vars);
        good = wg_tape_status(m->tape) == WG_OK && evaluates(m, node, number);
        wg_tape_recover(m->tape, NULL);
    }
    if (!good) {
        wg_tensor_free(node->tensor);
        return GRAPH_NOTHING;
    }
    for (int i = 0; i < node->output_count; i++)
        graph->nodes[number].types[i] = wg_type_of(m->vars.at[number][i]);
    graph->node_count++;
    return (graph_ref){number, 0};
}

graph_ref graph_apply(graph_maker *m, const char *name, graph_ref a, graph_ref b) {
    graph_node node = graph_op(name);
    graph_input(&node, a);
    if (node.op->inputs == 2) graph_input(&node, b);
    return graph_is(a) && (node.op->inputs < 2 || graph_is(b)) ? graph_add(m, &node) : GRAPH_NOTHING;
}

graph_ref graph_scalar(graph_maker *m, double value) {
    graph_node node = {.kind = GRAPH_SCALAR, .number = value};
    return graph_add(m, &node);
}

/* --- Leaves ----------------------------------------------------------------------------------------- */

static void put_number(void *data, wg_dtype dtype, int64_t at, double value) {
    switch (dtype) {
    case WG_F32:
        ((float *)data)[at] = (float)value;
        break;
    case WG_F64:
        ((double *)data)[at] = value;
        break;
    case WG_I32:
        ((int32_t *)data)[at] = (int32_t)value;
        break;
    case WG_I64:
        ((int64_t *)data)[at] = (int64_t)value;
        break;
    case WG_BOOL:
        ((uint8_t *)data)[at] = value > 0;
        break;
    default:
        ((uint8_t *)data)[at] = (uint8_t)value;
    }
}

static wg_tensor *random_tensor(graph_maker *m, const wg_type *type, double low, double high) {
    wg_tensor *tensor = wg_tensor_of_type(type, NULL);
    ck_assert_ptr_nonnull(tensor);
    const bool real = type->dtype == WG_F32 || type->dtype == WG_F64;
    for (int64_t i = 0, count = wg_type_count(type); i < count; i++)
        put_number(wg_tensor_writable(tensor), type->dtype, i,
                   real ? uniform(m, low, high) : floor(uniform(m, low, high + 1)));
    return tensor;
}

/* The same numbers, every other place of the memory left out. */
static wg_tensor *spread(wg_tensor *dense) {
    const wg_type type = wg_tensor_type(dense);
    const size_t size = wg_dtype_size(type.dtype);
    int64_t strides[WG_MAX_RANK], count = wg_type_count(&type);
    wg_shape shape = {{0}};
    char *memory = calloc((size_t)(2 * count + 1), size);
    ck_assert_ptr_nonnull(memory);
    for (int axis = 0; axis < type.rank; axis++) {
        shape.extent[axis] = type.extent[axis];
        strides[axis] = 2 * wg_tensor_stride(dense, axis);
    }
    shape.extent[type.rank] = INT64_MIN;
    for (int64_t i = 0; i < count; i++)
        memcpy(memory + 2 * (size_t)i * size, (const char *)wg_tensor_data(dense) + (size_t)i * size, size);
    wg_tensor *tensor = wg_tensor_over(type.dtype, &shape, memory, NULL, .strides = strides, .release = free,
                                       .context = memory);
    ck_assert_ptr_nonnull(tensor);
    wg_tensor_free(dense);
    return tensor;
}

graph_ref graph_leaf(graph_maker *m, const wg_type *type, double low, double high) {
    graph_node node = {.kind = GRAPH_LEAF, .tensor = random_tensor(m, type, low, high)};
    if (graph_chance(m, 8)) node.tensor = spread(node.tensor);
    return graph_add(m, &node);
}

/* Extents that tiles, lanes and blocks do not divide, now and then 0 or more than a tile or a thread takes.
 */
static wg_type random_type(graph_maker *m) {
    static const int extents[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33};
    wg_type type = {.dtype = m->real, .rank = graph_below(m, 5)};
    if (graph_chance(m, m->large ? 2 : 16)) {
        type.rank = 1 + (m->large && graph_chance(m, 2));
        type.extent[0] =
            type.rank == 2 ? 60 + graph_below(m, 120) : 1000 + graph_below(m, m->large ? 25000 : 2000);
        type.extent[1] = type.rank == 2 ? 60 + graph_below(m, 120) : 0;
        return type;
    }
    for (int axis = 0; axis < type.rank; axis++)
        type.extent[axis] = extents[graph_below(m, type.rank > 2 ? 5 : sizeof extents / sizeof *extents)];
    if (type.rank && graph_chance(m, 60)) type.extent[graph_below(m, type.rank)] = 0;
    return type;
}

graph_ref graph_read_state(graph_maker *m) {
    random_graph *graph = m->graph;
    if (graph->state_count < GRAPH_STATES && (graph->state_count == 0 || graph_chance(m, 2))) {
        wg_type type = random_type(m);
        if (graph->state_count && graph_chance(m, 2))
            type = wg_tensor_type(graph->states[0]); /* to be swapped */
        graph->states[graph->state_count] = random_tensor(m, &type, -1, 1);
        m->states[graph->state_count] = wg_state_new(graph->states[graph->state_count], NULL);
        ck_assert_ptr_nonnull(m->states[graph->state_count]);
        graph->state_count++;
    }
    graph_node node = {.kind = GRAPH_STATE, .state = graph_below(m, graph->state_count)};
    return graph_add(m, &node);
}

/* --- Values met before ------------------------------------------------------------------------------ */

static bool real_value(const graph_maker *m, graph_ref ref) { return !graph_facts_of(m, ref)->whole; }

static graph_ref any_of(graph_maker *m, bool real) {
    for (int tries = 0; tries < 40; tries++) {
        const int count = m->graph->node_count, recent = count < 10 ? count : 10;
        const int node = graph_chance(m, 2) ? count - 1 - graph_below(m, recent) : graph_below(m, count);
        const graph_ref ref = {node, graph_below(m, m->graph->nodes[node].output_count)};
        if (m->graph->nodes[node].kind == GRAPH_SCALAR && !graph_chance(m, 8)) continue;
        if (!real || (real_value(m, ref) && (graph_type(m, ref)->dtype == m->real || graph_chance(m, 4))))
            return ref;
    }
    return (graph_ref){0, 0};
}
graph_ref graph_any_real(graph_maker *m) { return any_of(m, true); }
graph_ref graph_any(graph_maker *m) { return any_of(m, false); }

/* --- To another type -------------------------------------------------------------------------------- */

static graph_ref shaped(graph_maker *m, graph_ref x, const char *op, int rank, const int64_t *extent) {
    wg_type wanted = {.rank = rank};
    memcpy(wanted.extent, extent, (size_t)rank * sizeof *extent);
    if (wg_shape_equal(graph_type(m, x), &wanted)) return x;
    graph_node node = graph_op(op);
    for (int i = 0; i < rank; i++) graph_set(&node, "shape", i, (double)extent[i]);
    graph_input(&node, x);
    return graph_add(m, &node);
}

/* The first `count` elements of x in a row, x repeated as often as that takes. */
static graph_ref row_of(graph_maker *m, graph_ref x, int64_t count) {
    const int64_t have = graph_count(graph_type(m, x)), times = (count + have - 1) / have;
    if (times > 1 && graph_is(x = shaped(m, x, "reshape", 2, (int64_t[]){1, have})))
        x = shaped(m, x, "broadcast_to", 2, (int64_t[]){times, have});
    if (graph_is(x)) x = shaped(m, x, "reshape", 1, (int64_t[]){times * have});
    if (!graph_is(x) || times * have == count) return x;
    graph_node node = graph_op("slice");
    graph_set(&node, "stop", 0, (double)count);
    graph_input(&node, x);
    return graph_add(m, &node);
}

graph_ref graph_coerce(graph_maker *m, graph_ref x, const wg_type *type) {
    const int64_t count = graph_count(type);
    if (!graph_is(x)) return x;
    if (count == 0 || graph_count(graph_type(m, x)) == 0) return graph_leaf(m, type, -1, 1);
    if (graph_type(m, x)->dtype != type->dtype || m->graph->nodes[x.node].kind == GRAPH_SCALAR) {
        graph_node node = graph_op("cast");
        graph_set(&node, "dtype", 0, type->dtype);
        graph_input(&node, x);
        x = graph_add(m, &node);
    }
    if (!graph_is(x) || wg_shape_equal(graph_type(m, x), type)) return x;
    if (graph_count(graph_type(m, x)) != count) x = row_of(m, x, count);
    return graph_is(x) ? shaped(m, x, "reshape", type->rank, type->extent) : x;
}

graph_ref graph_within(graph_maker *m, graph_ref x, double low, double high) {
    if (!graph_is(x) || graph_facts_of(m, x)->whole || (m->wild && graph_chance(m, 2))) return x;
    if (graph_facts_of(m, x)->least >= low && graph_facts_of(m, x)->most <= high) return x;
    x = graph_apply(m, "sigmoid", x, GRAPH_NOTHING);
    if (graph_is(x)) x = graph_apply(m, "mul", x, graph_scalar(m, high - low));
    if (graph_is(x) && low != 0) x = graph_apply(m, "add", x, graph_scalar(m, low));
    return x;
}

/* --- Gradients -------------------------------------------------------------------------------------- */

/* The sum of up to three values, each weighed down to about 1. */
static graph_ref random_loss(graph_maker *m) {
    graph_ref loss = GRAPH_NOTHING;
    for (int i = 1 + graph_below(m, 4); i > 0; i--) {
        graph_ref x = graph_any_real(m);
        const double most = fmax(fabs(graph_facts_of(m, x)->least), fabs(graph_facts_of(m, x)->most));
        if (most > 4) x = graph_apply(m, "mul", x, graph_scalar(m, exp2(-ceil(log2(most)))));
        if (graph_is(x) && graph_chance(m, 3)) x = graph_apply(m, "square", x, GRAPH_NOTHING);
        if (graph_is(x)) x = graph_apply(m, graph_chance(m, 2) ? "sum" : "mean", x, GRAPH_NOTHING);
        if (graph_is(x) && graph_is(loss)) x = graph_apply(m, "add", loss, x);
        if (graph_is(x)) loss = x;
    }
    return loss;
}

/* Something that the loss depends on: leaves more often than others. */
static graph_ref source_of(graph_maker *m, wg_var loss) {
    graph_ref found = GRAPH_NOTHING;
    for (int tries = 0; tries < 30; tries++) {
        const graph_ref x = graph_any_real(m);
        const graph_kind kind = m->graph->nodes[x.node].kind;
        const wg_var var = m->vars.at[x.node][x.output];
        if (kind == GRAPH_SCALAR || var.id == loss.id || wg_connection_of(loss, var) != WG_CONNECTED)
            continue;
        found = x;
        if (kind == GRAPH_LEAF || kind == GRAPH_STATE) break;
    }
    return graph_is(found) ? found : graph_any_real(m);
}

static graph_ref gradient_of(graph_maker *m, graph_ref loss) {
    graph_node node = {.kind = GRAPH_GRADIENT};
    if (!graph_is(loss)) return loss;
    graph_input(&node, loss);
    for (int i = 1 + graph_below(m, GRAPH_OUTPUTS); i > 0; i--)
        graph_input(&node, source_of(m, m->vars.at[loss.node][loss.output]));
    return graph_add(m, &node);
}

static void add_gradients(graph_maker *m) {
    const graph_ref gradient = gradient_of(m, random_loss(m));
    if (!graph_is(gradient) || !graph_chance(m, 3)) return;
    graph_ref norm = graph_apply(m, "square", gradient, GRAPH_NOTHING);
    if (graph_is(norm)) norm = graph_apply(m, "sum", norm, GRAPH_NOTHING);
    gradient_of(m, norm);
}

/* --- Assigns and roots ------------------------------------------------------------------------------ */

static graph_ref new_content(graph_maker *m, int state, const wg_type *type) {
    const random_graph *graph = m->graph;
    for (int i = 0; i < graph->node_count && graph_chance(m, 2); i++) { /* what another state holds */
        const graph_node *node = &graph->nodes[i];
        if (node->kind == GRAPH_STATE && node->state != state && node->types[0].dtype == type->dtype &&
            wg_shape_equal(&node->types[0], type))
            return (graph_ref){i, 0};
    }
    return graph_coerce(m, graph_any_real(m), type);
}

static void add_assigns(graph_maker *m) {
    random_graph *graph = m->graph;
    for (int i = 0; i < graph->state_count; i++) {
        const wg_type type = wg_tensor_type(graph->states[i]);
        const graph_ref value = graph_chance(m, 8) ? GRAPH_NOTHING : new_content(m, i, &type);
        if (graph_is(value)) graph->assigns[graph->assign_count++] = (graph_assign){i, value};
    }
}

static void add_root(graph_maker *m, graph_ref ref) {
    random_graph *graph = m->graph;
    if (graph->root_count < GRAPH_ROOTS)
        graph->roots[graph->root_count++] =
            (graph_root){ref, graph_below(m, graph->evaluations), graph_chance(m, 5)};
}

/* What nothing reads yet, the last of it first, then a few others. */
static void add_roots(graph_maker *m) {
    random_graph *graph = m->graph;
    bool used[GRAPH_NODES] = {false};
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k].node >= 0) used[graph->nodes[i].inputs[k].node] = true;
    for (int i = graph->node_count - 1; i >= 0 && graph->root_count < GRAPH_ROOTS - 3; i--)
        if (!used[i])
            for (int k = 0; k < graph->nodes[i].output_count; k++) add_root(m, (graph_ref){i, k});
    for (int i = 1 + graph_below(m, 3); i > 0; i--) add_root(m, graph_any(m));
}

/* --- The whole -------------------------------------------------------------------------------------- */

static void begin(graph_maker *m, uint64_t seed, const graph_options *options) {
    m->options = options ? *options : (graph_options){0};
    m->random = seed * 0xD1342543DE82EF95u; /* apart from one another's sequences */
    m->real = graph_chance(m, m->options.one_step ? 1000000 : 4) ? WG_F64 : WG_F32;
    m->large = !m->options.one_step && graph_chance(m, 6);
    m->wild = !m->options.one_step && graph_chance(m, 8);
    m->engine = wg_engine_new(NULL, .executor = WG_NODE_BY_NODE, .threads = 1);
    m->tape = wg_tape_new(.engine = m->engine);
    m->graph = calloc(1, sizeof *m->graph);
    ck_assert(m->tape && m->graph);
    m->graph->seed = seed;
    m->graph->steps = m->options.one_step ? 1 : 1 + graph_chance(m, 3);
    m->graph->evaluations = m->options.one_step ? 1 : 1 + graph_chance(m, 3);
    m->graph->assigned_with =
        m->graph->evaluations - 1 - (graph_chance(m, 6) ? m->graph->evaluations - 1 : 0);
}

random_graph *graph_make(uint64_t seed, const graph_options *options) {
    graph_maker *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    begin(m, seed, options);
    for (int i = 2 + graph_below(m, 3); i > 0; i--) {
        const wg_type type = random_type(m);
        graph_leaf(m, &type, -2, 2);
    }
    if (!graph_chance(m, 3))
        for (int i = 1 + graph_below(m, 3); i > 0; i--) graph_read_state(m);
    const int wanted = 8 + graph_below(m, 60), gradients = graph_chance(m, 4) ? 0 : 1 + graph_below(m, 2);
    for (int i = 0; m->graph->node_count < wanted && i < 200; i++) graph_grow(m);
    const wg_op *turn = wg_op_at((int)(seed % (uint64_t)wg_op_count())); /* each op gets its turn */
    graph_ref sample = GRAPH_NOTHING;
    for (int tries = 0; tries < 20 && !graph_is(sample); tries++) /* some samples are too large */
        sample = graph_apply_sample(m, turn);
    for (int i = 0; i < gradients; i++) add_gradients(m);
    for (int i = graph_below(m, 8); i > 0; i--) graph_grow(m);
    add_assigns(m);
    if (graph_is(sample)) add_root(m, sample);
    add_roots(m);
    random_graph *graph = m->graph;
    graph_free_states(m->states);
    wg_tape_free(m->tape);
    wg_engine_free(m->engine);
    free(m);
    graph_prune(graph);
    return graph;
}
