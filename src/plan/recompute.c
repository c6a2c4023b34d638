/* recompute — lets go of values of the forward pass and computes them again when the backward pass needs
 * them: less memory for more operations, and the same bits, for a node computed twice has the same inputs and
 * attributes; random ones draw by counters.
 *
 * Assumes plan->order. A set of values is `dropped`: adjoints that read them read those of clones instead,
 * which run just before the first such adjoint. A clone reads clones of what is dropped too, and keeps alive
 * the rest that it reads. Leaves clones at the end of the lowered graph's nodes and values, and their places
 * in plan->order; the edges of their readers are replaced, wg_low_node.given keeps the old ones. */
#include "plan/recompute.h"
#include <stdlib.h>

typedef struct recomputing {
    wg_plan *plan;
    const uint8_t *dropped;   /* by value of the graph as lowered, of those that own bytes */
    uint32_t *clone;          /* by node; WG_ABSENT: none yet */
    WG_ARRAY(uint32_t) stack; /* nodes to be cloned, each after what it reads */
} recomputing;

static bool is_dropped(const recomputing *r, uint32_t value) {
    return value != WG_ABSENT && r->dropped[wg_bytes_of(&r->plan->low, value)];
}

/* What a late reader finds in place of the value. */
static uint32_t replacement(const recomputing *r, uint32_t value) {
    const wg_lowered *low = &r->plan->low;
    if (!is_dropped(r, value)) return value;
    const uint32_t node = low->values.at[value].node;
    return low->nodes.at[r->clone[node]].outputs + (value - low->nodes.at[node].outputs);
}

/* The node's edges once more, to the replacements. */
static bool replace_edges(wg_lowered *low, const recomputing *r, const wg_low_node *node, uint32_t *inputs) {
    if (!WG_RESERVE(&low->edges.at, &low->edges.capacity, low->edges.count + node->input_count)) return false;
    *inputs = (uint32_t)low->edges.count;
    for (uint32_t k = 0; k < node->input_count; k++)
        low->edges.at[low->edges.count++] = replacement(r, low->edges.at[node->given + k]);
    return true;
}

static bool make_clone(recomputing *r, uint32_t index) {
    wg_plan *plan = r->plan;
    wg_lowered *low = &plan->low;
    wg_low_node clone = low->nodes.at[index];
    if (!WG_RESERVE(&low->nodes.at, &low->nodes.capacity, low->nodes.count + 1) ||
        !WG_RESERVE(&low->values.at, &low->values.capacity, low->values.count + clone.output_count) ||
        !WG_RESERVE(&plan->order.at, &plan->order.capacity, plan->order.count + 1) ||
        !replace_edges(low, r, &clone, &clone.inputs))
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
        if (!is_dropped(r, value)) continue;
        if (!clone_value(r, value)) return false;
        replaced = true;
    }
    if (!replaced) return true;
    const wg_low_node node = low->nodes.at[index];
    return replace_edges(low, r, &node, &low->nodes.at[index].inputs);
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

bool wg_plan_recompute(wg_plan *plan, wg_tape *tape, const uint8_t *dropped) {
    const size_t nodes = plan->low.nodes.count, count = plan->order.count;
    recomputing r = {.plan = plan, .dropped = dropped};
    uint32_t *order = malloc((count + 1) * sizeof *order);
    r.clone = malloc((nodes + 1) * sizeof *r.clone);
    bool good = order && r.clone;
    if (good) {
        memcpy(order, plan->order.at, count * sizeof *order);
        for (size_t i = 0; i < nodes; i++) r.clone[i] = WG_ABSENT;
        good = rewrite(&r, order, count, plan->tail);
    }
    free(order);
    free(r.clone);
    free(r.stack.at);
    return good || wg_tape_no_memory(tape);
}

void wg_plan_forget_clones(wg_plan *plan, const wg_lowered *before) {
    plan->low.nodes.count = before->nodes.count;
    plan->low.edges.count = before->edges.count;
    plan->low.values.count = before->values.count;
    for (size_t i = 0; i < plan->low.nodes.count; i++)
        plan->low.nodes.at[i].inputs = plan->low.nodes.at[i].given;
}
