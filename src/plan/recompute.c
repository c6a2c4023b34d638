/* recompute — lets go of values of the forward pass and computes them again when the backward pass needs
 * them, or keeps no more of them than it needs: less memory for more operations, and the same bits, for a
 * node computed twice has the same inputs and attributes; random ones draw by counters.
 *
 * Assumes plan->order. Some values are dropped: adjoints that read them read those of clones instead,
 * which run just before the first such adjoint. A clone reads clones of what is dropped too, and keeps alive
 * the rest that it reads. Others are packed as soon as they are made, by a node that the recorded graph has
 * not, and adjoints read that. Leaves clones and packing nodes at the end of the lowered graph's nodes and
 * values, and their places in plan->order; the edges of their readers are replaced, wg_low_node.given keeps
 * the old ones. */
#include "plan/recompute.h"
#include <stdlib.h>

typedef struct recomputing {
    wg_plan *plan;
    wg_isa isa;
    const uint8_t *fates; /* by value of the graph as lowered, of those that own bytes */
    uint32_t *clone;      /* by node; WG_ABSENT: none yet */
    wg_tape *tape;
    uint32_t *readers;        /* by value: as wg_plan_packs */
    uint32_t *packed;         /* by value: its packed form; WG_ABSENT: none yet */
    WG_ARRAY(uint32_t) stack; /* nodes to be cloned, each after what it reads */
} recomputing;

static bool is_dropped(const recomputing *r, uint32_t value) {
    return value != WG_ABSENT && r->fates[wg_bytes_of(&r->plan->low, value)] == WG_DROPPED;
}

static bool is_packed(const recomputing *r, uint32_t value) {
    if (value == WG_ABSENT) return false;
    const uint32_t own = wg_bytes_of(&r->plan->low, value);
    return r->fates[own] == WG_PACKED && r->readers[own] != WG_ABSENT;
}

/* What a late reader finds in place of the value; a clone finds what is packed whole. */
static uint32_t replacement(const recomputing *r, uint32_t value, bool packed) {
    const wg_lowered *low = &r->plan->low;
    if (packed && is_packed(r, value)) return r->packed[wg_bytes_of(low, value)];
    if (!is_dropped(r, value)) return value;
    const uint32_t node = low->values.at[value].node;
    return low->nodes.at[r->clone[node]].outputs + (value - low->nodes.at[node].outputs);
}

/* The node's edges once more, to the replacements. */
static bool replace_edges(wg_lowered *low, const recomputing *r, const wg_low_node *node, bool packed,
                          uint32_t *inputs) {
    if (!WG_RESERVE(&low->edges.at, &low->edges.capacity, low->edges.count + node->input_count)) return false;
    *inputs = (uint32_t)low->edges.count;
    for (uint32_t k = 0; k < node->input_count; k++)
        low->edges.at[low->edges.count++] = replacement(r, low->edges.at[node->given + k], packed);
    return true;
}

static bool make_clone(recomputing *r, uint32_t index) {
    wg_plan *plan = r->plan;
    wg_lowered *low = &plan->low;
    wg_low_node clone = low->nodes.at[index];
    if (!WG_RESERVE(&low->nodes.at, &low->nodes.capacity, low->nodes.count + 1) ||
        !WG_RESERVE(&low->values.at, &low->values.capacity, low->values.count + clone.output_count) ||
        !WG_RESERVE(&plan->order.at, &plan->order.capacity, plan->order.count + 1) ||
        !replace_edges(low, r, &clone, false, &clone.inputs))
        return false;
    const uint32_t number = (uint32_t)low->nodes.count++;
    clone.clone_of = index;
    clone.given = clone.inputs;
    for (uint32_t v = 0; v < clone.output_count; v++) {
        wg_low_value value = low->values.at[low->nodes.at[index].outputs + v];
        value.node = number;
        if (value.view_of != WG_ABSENT) value.view_of = low->edges.at[clone.inputs];
        low->values.at[low->values.count + v] = value;
    }
    clone.outputs = (uint32_t)low->values.count;
    low->values.count += clone.output_count;
    low->nodes.at[number] = clone;
    r->clone[index] = number;
    if (wg_has_work(&clone)) plan->order.at[plan->order.count++] = number;
    return true;
}

/* The attributes of the node that packs: its reader's, copied, for its own line is that of what is packed. */
static bool copy_attributes(recomputing *r, const wg_low_node *reader, wg_low_node *node) {
    wg_lowered *low = &r->plan->low;
    const size_t size = node->op->attributes_size, words = (size + 7) / 8;
    if (!size) return true;
    if (!WG_RESERVE(&low->attributes.at, &low->attributes.capacity, low->attributes.count + words))
        return false;
    node->attributes = (uint32_t)low->attributes.count;
    low->attributes.count += words;
    memcpy(low->attributes.at + node->attributes, wg_low_attributes(low, reader, r->tape, r->tape->order.at),
           size);
    return true;
}

static bool pack(recomputing *r, uint32_t value) {
    wg_plan *plan = r->plan;
    wg_lowered *low = &plan->low;
    const wg_low_node *maker = wg_maker(low, value), reader = low->nodes.at[r->readers[value]];
    wg_low_node node = {.op = reader.op->pack,
                        .source = maker->source,
                        .inputs = (uint32_t)low->edges.count,
                        .given = (uint32_t)low->edges.count,
                        .clone_of = WG_ABSENT,
                        .pack_of = value,
                        .outputs = (uint32_t)low->values.count,
                        .attributes = WG_ABSENT,
                        .input_count = 1,
                        .output_count = 1,
                        .flags = maker->flags};
    if (!WG_RESERVE(&low->nodes.at, &low->nodes.capacity, low->nodes.count + 1) ||
        !WG_RESERVE(&low->values.at, &low->values.capacity, low->values.count + 1) ||
        !WG_RESERVE(&low->edges.at, &low->edges.capacity, low->edges.count + 1) ||
        !WG_RESERVE(&plan->order.at, &plan->order.capacity, plan->order.count + 1) ||
        !copy_attributes(r, &reader, &node))
        return false;
    wg_low_value output = {low->values.at[value].type, (uint32_t)low->nodes.count, WG_ABSENT};
    output.type.dtype = reader.op->packed_dtype;
    low->edges.at[low->edges.count++] = value;
    low->values.at[low->values.count++] = output;
    wg_operand operands[2];
    wg_low_pick(low, &node, wg_low_attributes(low, &node, r->tape, r->tape->order.at), r->isa, operands);
    r->packed[value] = node.outputs;
    plan->order.at[plan->order.count++] = (uint32_t)low->nodes.count;
    low->nodes.at[low->nodes.count++] = node;
    return true;
}

/* Packs what the node has made and is to be packed. */
static bool pack_outputs(recomputing *r, uint32_t index) {
    const wg_low_node maker = r->plan->low.nodes.at[index];
    for (uint32_t value = maker.outputs; value < maker.outputs + maker.output_count; value++)
        if (is_packed(r, value) && !pack(r, value)) return false;
    return true;
}

static bool push(recomputing *r, uint32_t node) {
    if (!WG_RESERVE(&r->stack.at, &r->stack.capacity, r->stack.count + 1)) return false;
    r->stack.at[r->stack.count++] = node;
    return true;
}

/* Clones the maker of the value, and before it what that reads. No recursion: chains are long. */
static bool clone_value(recomputing *r, uint32_t value) {
    const wg_lowered *low = &r->plan->low;
    if (!push(r, low->values.at[value].node)) return false;
    while (r->stack.count > 0) {
        const uint32_t index = r->stack.at[r->stack.count - 1];
        const wg_low_node *node = &low->nodes.at[index];
        uint32_t missing = WG_ABSENT;
        for (uint32_t k = 0; k < node->input_count && r->clone[index] == WG_ABSENT && missing == WG_ABSENT;
             k++) {
            const uint32_t input = low->edges.at[node->given + k];
            if (is_dropped(r, input) && r->clone[low->values.at[input].node] == WG_ABSENT)
                missing = low->values.at[input].node;
        }
        if (missing != WG_ABSENT) {
            if (!push(r, missing)) return false;
            continue;
        }
        r->stack.count--;
        if (r->clone[index] == WG_ABSENT && !make_clone(r, index)) return false;
    }
    return true;
}

/* Sees to it that the adjoint finds what it reads, then lets it run. */
static bool put_late(recomputing *r, uint32_t index) {
    wg_plan *plan = r->plan;
    wg_lowered *low = &plan->low;
    bool replaced = false;
    for (uint32_t k = 0; k < low->nodes.at[index].input_count; k++) {
        const uint32_t value = low->edges.at[low->nodes.at[index].given + k];
        if (is_dropped(r, value) && !clone_value(r, value)) return false;
        replaced |= is_dropped(r, value) || is_packed(r, value);
    }
    if (!replaced) return true;
    const wg_low_node node = low->nodes.at[index];
    return replace_edges(low, r, &node, true, &low->nodes.at[index].inputs);
}

/* A node reads late if it belongs to the backward pass proper, from the first adjoint of an adjoint on. */
static bool rewrite(recomputing *r, const uint32_t *order, size_t count, size_t tail) {
    wg_plan *plan = r->plan;
    const size_t turn = wg_plan_turn(&plan->low, order, count);
    plan->order.count = 0;
    for (size_t at = 0; at < count; at++) {
        const bool late = at >= turn && plan->low.nodes.at[order[at]].flags & WG_NODE_ADJOINT;
        if (at == tail) plan->tail = plan->order.count;
        if (late && !put_late(r, order[at])) return false;
        if (!WG_RESERVE(&plan->order.at, &plan->order.capacity, plan->order.count + 1)) return false;
        plan->order.at[plan->order.count++] = order[at];
        if (!pack_outputs(r, order[at])) return false;
    }
    if (tail == count) plan->tail = plan->order.count;
    return true;
}

size_t wg_plan_turn(const wg_lowered *low, const uint32_t *order, size_t count) {
    for (size_t at = 0; at < count; at++) {
        const wg_low_node *node = &low->nodes.at[order[at]];
        for (uint32_t k = 0; node->flags & WG_NODE_ADJOINT && k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->given + k];
            if (value != WG_ABSENT && wg_maker(low, value)->flags & WG_NODE_ADJOINT) return at;
        }
    }
    return count;
}

/* A packing node has its reader's attributes, copied once and for all: none of them may change from run to
 * run, and tiles would look for them at its maker. */
static bool has_plain_attributes(const wg_op *pack) {
    if (pack->attributes_size && pack->flags & WG_ELEMENTWISE) return false;
    for (const wg_attribute *a = pack->attributes; a && a->name; a++)
        if (a->is_value) return false;
    return true;
}

static bool packs(const wg_plan *plan, const wg_tape *tape, const wg_low_node *node, uint32_t k,
                  wg_operand *operands) {
    const wg_lowered *low = &plan->low;
    const uint32_t value = low->edges.at[node->given + k], own = wg_bytes_of(low, value);
    if (node->leaf || !node->op->pack || k != (uint32_t)node->op->packed_input ||
        !wg_type_equal(&low->values.at[value].type, &low->values.at[own].type) ||
        !has_plain_attributes(node->op->pack))
        return false;
    wg_call call;
    wg_low_call(low, node, wg_low_attributes(low, node, tape, tape->order.at), operands, &call);
    return !node->op->may_pack || node->op->may_pack(&call);
}

/* Do both have their inputs packed in the same way? */
static bool packs_alike(const wg_lowered *low, const wg_tape *tape, const wg_low_node *a,
                        const wg_low_node *b) {
    const wg_op *pack = a->op->pack;
    const uint32_t *order = tape->order.at;
    return b->op->pack == pack && a->op->packed_dtype == b->op->packed_dtype &&
           (!pack->attributes_size || !memcmp(wg_low_attributes(low, a, tape, order),
                                              wg_low_attributes(low, b, tape, order), pack->attributes_size));
}

/* Someone who needs it whole, or packed in another way, leaves nothing to be won. */
void wg_plan_packs(const wg_plan *plan, const wg_tape *tape, uint32_t *readers, wg_operand *operands) {
    static const uint32_t whole = WG_ABSENT - 1;
    const wg_lowered *low = &plan->low;
    for (size_t v = 0; v < low->values.count; v++) readers[v] = WG_ABSENT;
    for (size_t at = wg_plan_turn(low, plan->order.at, plan->order.count); at < plan->order.count; at++) {
        const uint32_t index = plan->order.at[at];
        const wg_low_node *node = &low->nodes.at[index];
        for (uint32_t k = 0; node->flags & WG_NODE_ADJOINT && k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->given + k];
            if (value == WG_ABSENT) continue;
            uint32_t *reader = &readers[wg_bytes_of(low, value)];
            if (!packs(plan, tape, node, k, operands))
                *reader = whole;
            else if (*reader == WG_ABSENT)
                *reader = index;
            else if (*reader != whole && !packs_alike(low, tape, &low->nodes.at[*reader], node))
                *reader = whole;
        }
    }
    for (size_t v = 0; v < low->values.count; v++)
        if (readers[v] == whole) readers[v] = WG_ABSENT;
}

bool wg_plan_recompute(wg_plan *plan, wg_tape *tape, wg_isa isa, const uint8_t *fates) {
    const size_t nodes = plan->low.nodes.count, values = plan->low.values.count, count = plan->order.count;
    recomputing r = {.plan = plan, .tape = tape, .isa = isa, .fates = fates};
    uint32_t *order = malloc((count + 1) * sizeof *order);
    r.clone = malloc((nodes + 1) * sizeof *r.clone);
    r.packed = malloc((values + 1) * sizeof *r.packed);
    r.readers = malloc((values + 1) * sizeof *r.readers);
    wg_operand *operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *operands);
    bool good = order && r.clone && r.packed && r.readers && operands;
    if (good) {
        memcpy(order, plan->order.at, count * sizeof *order);
        for (size_t i = 0; i < nodes; i++) r.clone[i] = WG_ABSENT;
        wg_plan_packs(plan, tape, r.readers, operands);
        good = rewrite(&r, order, count, plan->tail);
    }
    free(operands);
    free(order);
    free(r.clone);
    free(r.packed);
    free(r.readers);
    free(r.stack.at);
    return good || wg_tape_no_memory(tape);
}

void wg_plan_forget_clones(wg_plan *plan, const wg_lowered *before) {
    plan->low.nodes.count = before->nodes.count;
    plan->low.edges.count = before->edges.count;
    plan->low.values.count = before->values.count;
    plan->low.attributes.count = before->attributes.count;
    for (size_t i = 0; i < plan->low.nodes.count; i++)
        plan->low.nodes.at[i].inputs = plan->low.nodes.at[i].given;
}
