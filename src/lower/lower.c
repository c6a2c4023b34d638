/* lower — builds the lowered graph: one node for each recorded one, equal nodes merged, views seen
 * through, a kernel picked for each. See lower.h. */
#include "lower/lower.h"
#include <stdlib.h>

typedef struct lowering {
    wg_tape *tape;
    const wg_lower_settings *settings;
    wg_lowered *low;
    uint32_t *value_of; /* by place in the canonical order */
    wg_table known;     /* nodes by what they compute */
} lowering;

static bool no_memory(const lowering *l) { return wg_tape_no_memory(l->tape); }

#define ROOM(l, array, more)                                                                       \
    (WG_RESERVE(&(l)->low->array.at, &(l)->low->array.capacity, (l)->low->array.count + (more)) || \
     no_memory(l))

/* The node's own attributes, or those of the node that it stands for. */
static const void *attributes_of(const lowering *l, const wg_low_node *node) {
    return wg_low_attributes(l->low, node, l->tape, l->tape->order.at);
}

/* --- Equal nodes are computed once ------------------------------------------------------------ */

/* Attributes that may change from run to run make equal what is not. */
static bool may_merge(const wg_op *op) {
    if (op->flags & WG_RANDOM) return false;
    for (const wg_attribute *a = op->attributes; a && a->name; a++)
        if (a->is_value) return false;
    return true;
}

static bool same_attribute(const wg_attribute *a, const void *x, const void *y) {
    const char *one = (const char *)x + a->offset, *other = (const char *)y + a->offset;
    if (a->kind == WG_ATTRIBUTE_SHAPE) return wg_shape_equal((const void *)one, (const void *)other);
    if (a->kind == WG_ATTRIBUTE_AXES) {
        const wg_axes *p = (const void *)one, *q = (const void *)other;
        for (int i = 0; p->axis[i] == q->axis[i]; i++)
            if (p->axis[i] == INT_MIN) return true;
        return false;
    }
    return memcmp(one, other, wg_attribute_size(a)) == 0;
}

static bool same(const lowering *l, const wg_low_node *a, const wg_low_node *b) {
    const wg_lowered *low = l->low;
    if (a->op != b->op || a->input_count != b->input_count || a->leaf || b->leaf) return false;
    if (a->input_count &&
        memcmp(low->edges.at + a->inputs, low->edges.at + b->inputs, a->input_count * sizeof(uint32_t)))
        return false;
    const void *x = attributes_of(l, a), *y = attributes_of(l, b);
    if (!a->op->attributes) return memcmp(x, y, a->op->attributes_size) == 0;
    for (const wg_attribute *at = a->op->attributes; at->name; at++)
        if (!same_attribute(at, x, y)) return false;
    return true;
}

/* An earlier node that computes the same, or `node` itself, entered for later ones; -1: no memory. */
static int64_t merge(lowering *l, uint32_t node) {
    const wg_low_node *n = &l->low->nodes.at[node];
    if (n->leaf || !may_merge(n->op) || !wg_pass_on(l->settings->disabled, WG_PASS_MERGE)) return node;
    const uint64_t hash =
        wg_hash(l->low->edges.at + n->inputs, n->input_count * sizeof(uint32_t), (uint64_t)(uintptr_t)n->op);
    size_t probe = 0;
    for (uint32_t other; (other = wg_table_next(&l->known, hash, &probe)) != UINT32_MAX;)
        if (same(l, &l->low->nodes.at[other], n)) return other;
    return wg_table_add(&l->known, hash, node) ? (int64_t)node : (no_memory(l), -1);
}

/* --- One node --------------------------------------------------------------------------------- */

static wg_leaf leaf_kind(const wg_tape *tape, const wg_node *node) {
    return wg_at_hand(tape, node)     ? WG_LEAF_VALUE
           : node->op == &wg_op_input ? WG_LEAF_INPUT
           : node->op == &wg_op_state ? WG_LEAF_STATE
                                      : WG_LEAF_NOT;
}

static bool add_values(lowering *l, const wg_node *node, uint32_t id, uint32_t low_node, int count) {
    if (!ROOM(l, values, (size_t)count)) return false;
    for (int i = 0; i < count; i++)
        l->low->values.at[l->low->values.count++] =
            (wg_low_value){wg_node_type(l->tape, count == 1 ? node : &l->tape->nodes.at[id + (uint32_t)i]),
                           low_node, WG_ABSENT};
    return true;
}

static bool lower_node(lowering *l, uint32_t place) {
    wg_tape *tape = l->tape;
    wg_lowered *low = l->low;
    const uint32_t id = tape->order.at[place];
    const wg_node *node = &tape->nodes.at[id];
    const wg_leaf leaf = leaf_kind(tape, node);
    if (node->output > 0 && leaf == WG_LEAF_NOT) {
        l->value_of[place] = l->value_of[wg_rank(tape, id - node->output)] + node->output;
        return true;
    }
    const int inputs = leaf ? 0 : node->input_count, outputs = leaf ? 1 : node->output_count;
    if (!ROOM(l, nodes, 1) || !ROOM(l, edges, (size_t)inputs)) return false;
    const uint32_t index = (uint32_t)low->nodes.count;
    wg_low_node n = {.op = node->op,
                     .leaf = leaf,
                     .source = place,
                     .inputs = (uint32_t)low->edges.count,
                     .outputs = (uint32_t)low->values.count,
                     .given = (uint32_t)low->edges.count,
                     .attributes = WG_ABSENT,
                     .clone_of = WG_ABSENT,
                     .pack_of = WG_ABSENT,
                     .input_count = (uint16_t)inputs,
                     .output_count = (uint16_t)outputs,
                     .flags = node->flags};
    for (int i = 0; i < inputs; i++) {
        const uint32_t edge = wg_edge(tape, node, i);
        low->edges.at[low->edges.count + (size_t)i] =
            edge == WG_ABSENT ? WG_ABSENT : l->value_of[wg_rank(tape, edge)];
    }
    if (wg_pass_on(l->settings->disabled, WG_PASS_IDENTITIES) && !leaf && outputs == 1) {
        const wg_type type = wg_node_type(tape, node);
        const uint32_t same = wg_lower_identity(low, &n, &type, wg_node_attributes(tape, node));
        if (same != WG_ABSENT) {
            l->value_of[place] = same;
            return true;
        }
    }
    n.dense = leaf != WG_LEAF_INPUT || ((const input_attributes *)wg_node_attributes(tape, node))->dense;
    low->nodes.at[index] = n;
    const int64_t merged = merge(l, index);
    if (merged < 0) return false;
    if (merged != (int64_t)index) { /* computed already: the new node is not kept */
        l->value_of[place] = low->nodes.at[merged].outputs;
        return true;
    }
    if (!add_values(l, node, id, index, outputs)) return false;
    low->nodes.count++;
    low->edges.count += (size_t)inputs;
    l->value_of[place] = n.outputs;
    if (!leaf && node->op->flags & WG_VIEW) low->values.at[n.outputs].view_of = low->edges.at[n.inputs];
    return true;
}

/* --- Kernels ---------------------------------------------------------------------------------- */

void wg_low_call(const wg_lowered *low, const wg_low_node *node, const void *attributes, wg_operand *operands,
                 wg_call *call) {
    const uint32_t inputs = wg_op_inputs(node);
    *call = (wg_call){.op = node->op,
                      .attributes = attributes,
                      .input_count = (int)inputs,
                      .output_count = node->output_count,
                      .inputs = operands,
                      .outputs = operands + inputs,
                      .dtype = node->dtype,
                      .end = 1,
                      .accumulate = node->accumulates};
    for (uint32_t i = 0; i < inputs; i++) {
        const uint32_t value = low->edges.at[node->inputs + i];
        operands[i] = value == WG_ABSENT ? (wg_operand){0} : (wg_operand){NULL, low->values.at[value].type};
    }
    for (uint32_t i = 0; i < node->output_count; i++)
        operands[inputs + i] = (wg_operand){NULL, low->values.at[node->outputs + i].type};
}

size_t wg_most_operands(const wg_lowered *low) {
    size_t most = 0;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const size_t operands = (size_t)low->nodes.at[i].input_count + low->nodes.at[i].output_count;
        if (most < operands) most = operands;
    }
    return most;
}

wg_cost wg_low_cost(const wg_lowered *low, const wg_low_node *node, const void *attributes,
                    wg_operand *operands) {
    wg_call call;
    wg_low_call(low, node, attributes, operands, &call);
    if (node->op->cost) return node->op->cost(&call);
    wg_cost cost = {.flops = (double)wg_type_count(&call.outputs[0].type)};
    for (int i = 0; i < call.input_count + call.output_count; i++)
        cost.bytes += (double)wg_type_bytes(&operands[i].type);
    return cost;
}

void wg_low_pick(const wg_lowered *low, wg_low_node *node, const void *attributes, wg_isa isa,
                 wg_operand *operands) {
    const int by = node->op->typed_by;
    const uint32_t typed_by =
        by < node->input_count ? low->edges.at[node->inputs + (uint32_t)by] : node->outputs;
    node->dtype = low->values.at[typed_by == WG_ABSENT ? node->outputs : typed_by].type.dtype;
    wg_call call;
    wg_low_call(low, node, attributes, operands, &call);
    node->kernel = wg_kernel_pick(&call, isa);
    node->in_runs = node->kernel.begins && node->kernel.begins(&call, 0) == 0;
}

static bool pick_kernels(lowering *l) {
    wg_lowered *low = l->low;
    wg_operand *operands = malloc((wg_most_operands(low) + 1) * sizeof *operands);
    if (!operands) return no_memory(l);
    for (size_t i = 0; i < low->nodes.count; i++) {
        wg_low_node *node = &low->nodes.at[i];
        if (!node->leaf && !node->dead)
            wg_low_pick(low, node, attributes_of(l, node), l->settings->isa, operands);
    }
    free(operands);
    return true;
}

/* --- The graph -------------------------------------------------------------------------------- */

/* Rewrites leave nodes that no root needs. */
static bool drop_dead(lowering *l) {
    wg_lowered *low = l->low;
    uint8_t *needed = calloc(low->nodes.count + 1, 1);
    if (!needed) return no_memory(l);
    for (size_t i = 0; i < wg_root_count(&low->count); i++) needed[low->values.at[low->roots[i]].node] = true;
    for (size_t i = low->nodes.count; i-- > 0;) {
        wg_low_node *node = &low->nodes.at[i];
        node->dead = !needed[i] && !node->leaf;
        for (uint32_t k = 0; needed[i] && k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value != WG_ABSENT) needed[low->values.at[value].node] = true;
        }
    }
    free(needed);
    return true;
}

static bool rewrite(lowering *l) {
    const uint32_t disabled = l->settings->disabled;
    const bool transposes = wg_pass_on(disabled, WG_PASS_TRANSPOSES),
               sums = wg_pass_on(disabled, WG_PASS_ACCUMULATE);
    if (transposes && !wg_lower_transposes(l->low, l->tape)) return false;
    if (sums && !wg_lower_accumulate(l->low, l->tape)) return false;
    return drop_dead(l);
}

static void lower_roots(lowering *l, const uint32_t *roots) {
    wg_tape *tape = l->tape;
    wg_lowered *low = l->low;
    for (size_t i = 0; i < wg_root_count(&low->count); i++)
        low->roots[i] = l->value_of[wg_rank(tape, roots[i])];
    for (size_t i = 0; i < low->count.assigns; i++) {
        const uint32_t id = wg_read_of(tape, tape->assigns.at[i].state);
        const uint32_t place = id == WG_ABSENT ? WG_UNRANKED : wg_rank(tape, id);
        const bool is_read = place != WG_UNRANKED && !wg_at_hand(tape, &tape->nodes.at[id]);
        low->read_by[i] = is_read ? low->values.at[l->value_of[place]].node : WG_ABSENT;
    }
}

int wg_lower(wg_tape *tape, const wg_lower_settings *settings, const uint32_t *roots,
             const wg_root_counts *count, wg_lowered *lowered) {
    *lowered = (wg_lowered){.count = *count, .isa = settings->isa};
    lowering l = {.tape = tape, .settings = settings, .low = lowered};
    l.value_of = malloc((tape->order.count + 1) * sizeof *l.value_of);
    lowered->roots = malloc((wg_root_count(count) + 1) * sizeof *lowered->roots);
    lowered->read_by = malloc((count->assigns + 1) * sizeof *lowered->read_by);
    bool good = (l.value_of && lowered->roots && lowered->read_by) || no_memory(&l);
    for (uint32_t place = 0; good && place < tape->order.count; place++) good = lower_node(&l, place);
    if (good) lower_roots(&l, roots);
    good = good && rewrite(&l) && pick_kernels(&l);
    wg_table_free(&l.known);
    free(l.value_of);
    if (!good) wg_lowered_free(lowered);
    return good ? WG_OK : tape->error.status;
}

void wg_lowered_free(wg_lowered *lowered) {
    free(lowered->nodes.at);
    free(lowered->edges.at);
    free(lowered->values.at);
    free(lowered->attributes.at);
    free(lowered->roots);
    free(lowered->read_by);
    *lowered = (wg_lowered){0};
}
