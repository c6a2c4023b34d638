/* order — decides in which order nodes run. Assumes the lowered graph, inputs before users. Leaves
 * plan->order and plan->tail.
 *
 * The canonical order walks from the roots along the inputs, so it would come to the gradients of a network's
 * last weights when the whole backward pass is over, with every cotangent still in memory. Here a node runs
 * as soon as its inputs are there if that frees at least as many bytes as it takes; the others keep their
 * canonical order.
 *
 * The tail holds what only computes new content of states, element by element: it runs after everything else.
 * By then nothing can fail, and whoever reads the old content has done so, so that the new may be written
 * over it. What joins several buffers into one is not put off, for that would keep them all. */
#include "plan/plan.h"
#include <stdlib.h>

enum { DONE = 1, LATE = 2 };

typedef struct ordering {
    wg_plan *plan;
    uint32_t
        *begin; /* by value, of those that own bytes: its first reader in `readers`; one more than values */
    uint32_t *readers; /* nodes with work, each once for each time that it names the value */
    uint32_t *left;    /* by value: readings of it that are still to come; roots have one that never comes */
    uint32_t *waiting; /* by node: inputs, named each time, that are not made yet */
    uint8_t *state;    /* by node */
    WG_ARRAY(uint32_t) ready; /* nodes to be looked at */
} ordering;

/* The value whose bytes input number `which` is, if a node makes them while the plan runs; else WG_ABSENT. */
static uint32_t buffer_of(const wg_lowered *low, const wg_low_node *node, int which) {
    const uint32_t value = low->edges.at[node->inputs + (uint32_t)which];
    if (value == WG_ABSENT) return WG_ABSENT;
    const uint32_t own = wg_bytes_of(low, value);
    return wg_has_work(wg_maker(low, own)) ? own : WG_ABSENT;
}

/* --- Who reads what --------------------------------------------------------------------------- */

/* Every reading of a buffer, in the order of nodes; one that names it twice reads it twice. */
#define EACH_READING(low, node, value)                                                                  \
    for (uint32_t node = 0; node < (low)->nodes.count; node++)                                          \
        for (int k_ = 0; wg_has_work(&(low)->nodes.at[node]) && k_ < (low)->nodes.at[node].input_count; \
             k_++)                                                                                      \
            for (uint32_t value = buffer_of((low), &(low)->nodes.at[node], k_), once_ = 1;              \
                 once_ && value != WG_ABSENT; once_ = 0)

static void list_readers(ordering *o) {
    const wg_lowered *low = &o->plan->low;
    EACH_READING(low, i, value) {
        o->left[value]++;
        o->waiting[i]++;
    }
    uint32_t at = 0;
    for (size_t v = 0; v < low->values.count; v++) {
        o->begin[v] = at;
        at += o->left[v];
        o->left[v] = 0;
    }
    o->begin[low->values.count] = at;
    EACH_READING(low, i, value) o->readers[o->begin[value] + o->left[value]++] = i;
    for (size_t i = 0; i < wg_root_count(&low->count); i++) o->left[wg_bytes_of(low, low->roots[i])]++;
}

/* --- The tail --------------------------------------------------------------------------------- */

static bool may_be_late(const wg_low_node *node) {
    const unsigned failing = wg_dtype_real(node->dtype) ? WG_CAN_FAIL : WG_CAN_FAIL | WG_INTEGERS_FAIL;
    return wg_is_tiled(node) && !(node->op->flags & failing);
}

/* Finds, for every value, the one buffer that it is computed from element by element, itself at least; a node
 * that has more than one joins them, and is marked DONE until `find_tail` has seen it. Of single elements any
 * number may be kept. */
static void find_sources(ordering *o, uint32_t *source) {
    const wg_lowered *low = &o->plan->low;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        const int64_t count = wg_type_count(&low->values.at[node->outputs].type);
        uint32_t from = WG_ABSENT;
        bool joins = !may_be_late(node);
        for (int k = 0; !joins && count > 1 && k < node->input_count; k++) {
            const uint32_t value = buffer_of(low, node, k);
            if (value == WG_ABSENT || wg_type_count(&low->values.at[value].type) != count) continue;
            const uint32_t other = source[value];
            if (other == WG_ABSENT || other == from) continue;
            joins = from != WG_ABSENT;
            from = other;
        }
        if (joins) o->state[i] = DONE;
        for (uint32_t v = 0; v < node->output_count; v++)
            source[node->outputs + v] = joins ? node->outputs + v : from;
    }
}

static bool all_late(const ordering *o, uint32_t value) {
    for (uint32_t at = o->begin[value]; at < o->begin[value + 1]; at++)
        if (o->state[o->readers[at]] != LATE) return false;
    return true;
}

enum { ASSIGNED = 1, GUARD = 2 };

static void find_tail(ordering *o, const uint8_t *root) {
    const wg_lowered *low = &o->plan->low;
    for (size_t i = low->nodes.count; i-- > 0;) {
        const wg_low_node *node = &low->nodes.at[i];
        bool late = wg_has_work(node) && o->state[i] != DONE;
        bool wanted = false;
        for (uint32_t v = node->outputs; late && v < node->outputs + node->output_count; v++) {
            late = all_late(o, v) && !(root[v] & GUARD);
            wanted |= o->begin[v] < o->begin[v + 1] || root[v] & ASSIGNED;
        }
        o->state[i] = late && wanted ? LATE : 0;
    }
}

/* --- The order -------------------------------------------------------------------------------- */

enum { FEW_INPUTS = 16 };

/* Does it belong to the backward pass, and is computed from values of the forward pass alone? */
static bool is_factor(const wg_lowered *low, const wg_low_node *node) {
    if (!(node->flags & WG_NODE_ADJOINT)) return false;
    for (int k = 0; k < node->input_count; k++) {
        const uint32_t value = buffer_of(low, node, k);
        if (value != WG_ABSENT && wg_maker(low, value)->flags & WG_NODE_ADJOINT) return false;
    }
    return true;
}

/* Does running the node free at least as many bytes as its outputs take? Of what it derives from the forward
 * pass for the backward pass it must free more: else nothing is won by computing it before the turn, and it
 * would have to be kept where what it is made from could be computed again. */
static bool frees(const ordering *o, const wg_low_node *node) {
    const wg_lowered *low = &o->plan->low;
    size_t taken = 0, freed = 0;
    if (node->input_count > FEW_INPUTS) return false;
    for (uint32_t v = 0; v < node->output_count; v++)
        taken += wg_type_bytes(&low->values.at[node->outputs + v].type);
    for (int k = 0; k < node->input_count; k++) {
        const uint32_t value = buffer_of(low, node, k);
        uint32_t named = 0;
        bool first = true;
        for (int n = 0; value != WG_ABSENT && n < node->input_count; n++) {
            const bool same = buffer_of(low, node, n) == value;
            named += same;
            if (same && n < k) first = false;
        }
        if (value != WG_ABSENT && first && o->left[value] == named)
            freed += wg_type_bytes(&low->values.at[value].type);
    }
    return is_factor(low, node) ? freed > taken : freed >= taken;
}

/* Notes that the node runs next; who may be able to run now is put on o->ready, for which there is room. */
static void put(ordering *o, uint32_t index) {
    const wg_lowered *low = &o->plan->low;
    const wg_low_node *node = &low->nodes.at[index];
    o->state[index] |= DONE;
    o->plan->order.at[o->plan->order.count++] = index;
    for (int k = 0; k < node->input_count; k++) { /* who is left alone with an input may free it now */
        const uint32_t value = buffer_of(low, node, k);
        if (value == WG_ABSENT || --o->left[value] != 1) continue;
        for (uint32_t at = o->begin[value]; at < o->begin[value + 1]; at++)
            if (!o->state[o->readers[at]]) o->ready.at[o->ready.count++] = o->readers[at];
    }
    for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++)
        for (uint32_t at = o->begin[v]; at < o->begin[v + 1]; at++)
            if (--o->waiting[o->readers[at]] == 0) o->ready.at[o->ready.count++] = o->readers[at];
}

static void put_all(ordering *o) {
    const wg_lowered *low = &o->plan->low;
    for (uint32_t i = 0; i < low->nodes.count; i++) {
        if (o->state[i] || !wg_has_work(&low->nodes.at[i])) continue;
        o->ready.count = 0;
        put(o, i);
        while (o->ready.count > 0) {
            const uint32_t next = o->ready.at[--o->ready.count];
            if (!o->state[next] && o->waiting[next] == 0 && frees(o, &low->nodes.at[next])) put(o, next);
        }
    }
    o->plan->tail = o->plan->order.count;
    for (uint32_t i = 0; i < low->nodes.count; i++)
        if (o->state[i] == LATE) o->plan->order.at[o->plan->order.count++] = i;
}

static void as_recorded(wg_plan *plan) {
    for (uint32_t i = 0; i < plan->low.nodes.count; i++)
        if (wg_has_work(&plan->low.nodes.at[i])) plan->order.at[plan->order.count++] = i;
    plan->tail = plan->order.count;
}

static void order_with(ordering *o, uint8_t *root, uint32_t *source) {
    const wg_lowered *low = &o->plan->low;
    list_readers(o);
    for (size_t i = 0; i < wg_root_count(&low->count); i++) {
        const size_t assigned = i - low->count.results; /* wraps round for results */
        if (i >= low->count.results)
            root[wg_bytes_of(low, low->roots[i])] |= assigned < low->count.assigns ? ASSIGNED : GUARD;
    }
    find_sources(o, source);
    find_tail(o, root);
    put_all(o);
}

bool wg_plan_order(wg_plan *plan, wg_tape *tape) {
    const size_t nodes = plan->low.nodes.count, values = plan->low.values.count,
                 edges = plan->low.edges.count;
    if (!WG_RESERVE(&plan->order.at, &plan->order.capacity, nodes + 1)) return wg_tape_no_memory(tape);
    if (!wg_plan_pass_on(plan, WG_PASS_ORDER)) return as_recorded(plan), true;
    ordering o = {.plan = plan};
    uint32_t *block = calloc(3 * (values + 1) + nodes + edges + 2, sizeof *block);
    uint8_t *bytes = calloc(nodes + values + 1, 1);
    const bool good = block && bytes && WG_RESERVE(&o.ready.at, &o.ready.capacity, 2 * edges + 1);
    if (good) {
        o.begin = block;
        o.left = o.begin + values + 1;
        o.waiting = o.left + values;
        o.readers = o.waiting + nodes;
        o.state = bytes;
        order_with(&o, bytes + nodes, o.readers + edges);
    }
    free(block);
    free(bytes);
    free(o.ready.at);
    return good || wg_tape_no_memory(tape);
}
