/* report — tells of a plan what can be told before it runs. */
#include "run/evaluation.h"
#include <stdlib.h>
#include <wengert/plan.h>

/* --- Roles ------------------------------------------------------------------------------------ */

bool wg_is_adjoint(const wg_tape *tape, const wg_evaluation *e, const wg_low_node *node) {
    return tape->nodes.at[e->order.at[node->source]].flags & WG_NODE_ADJOINT;
}

enum { FOR_ADJOINTS = 1, FOR_UPDATES = 2 };

/* Bytes that pass from forward nodes to adjoints, and from adjoints to what follows them. */
static bool sum_by_role(const wg_tape *tape, const wg_evaluation *e, wg_plan_info *info) {
    const wg_plan *plan = e->plan;
    const wg_lowered *low = &plan->low;
    uint8_t *use = calloc(plan->buffers.count + 1, 1);
    if (!use) return false;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        for (uint32_t k = 0; wg_has_work(node) && k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(low, value);
            if (own == WG_ABSENT || plan->places[own].kind != WG_PLACE_ARENA) continue;
            const bool made = wg_is_adjoint(tape, e, wg_maker(low, own)), read = wg_is_adjoint(tape, e, node);
            if (made != read) use[plan->buffer_of[own]] |= made ? FOR_UPDATES : FOR_ADJOINTS;
        }
    }
    for (size_t i = 0; i < plan->buffers.count; i++) {
        if (use[i] & FOR_ADJOINTS) info->activations += plan->buffers.at[i].bytes;
        if (use[i] & FOR_UPDATES) info->gradients += plan->buffers.at[i].bytes;
    }
    free(use);
    return true;
}

/* --- What lies outside of the arena ----------------------------------------------------------- */

static void sum_outside(const wg_evaluation *e, wg_plan_info *info) {
    const wg_lowered *low = &e->plan->low;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        const size_t bytes = wg_type_bytes(&low->values.at[node->outputs].type);
        if (node->leaf == WG_LEAF_INPUT) info->inputs += bytes;
        if (node->leaf == WG_LEAF_STATE) info->parameters += bytes;
    }
    for (size_t i = 0; i < low->count.assigns; i++)
        if (low->read_by[i] == WG_ABSENT)
            info->parameters += wg_type_bytes(&low->values.at[low->roots[low->count.results + i]].type);
    for (size_t i = 0; i < low->count.results; i++)
        info->results += wg_type_bytes(&low->values.at[low->roots[i]].type);
}

/* --- Work ------------------------------------------------------------------------------------- */

static bool sum_work(const wg_tape *tape, const wg_evaluation *e, wg_plan_info *info) {
    const wg_lowered *low = &e->plan->low;
    wg_operand *operands = malloc((wg_most_operands(low) + 1) * sizeof *operands);
    if (!operands) return false;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        if (!wg_has_work(node) || node->leaf) continue;
        info->recomputed += node->clone_of != WG_ABSENT;
        info->packed += node->pack_of != WG_ABSENT;
        info->flops += wg_low_cost(low, node, wg_low_attributes(low, node, tape, e->order.at), operands).flops;
    }
    free(operands);
    return true;
}

/* --- Moments ---------------------------------------------------------------------------------- */

static bool find_peak(const wg_plan *plan, wg_plan_info *info) {
    int64_t *change = calloc(plan->waves.count + 2, sizeof *change), live = 0;
    if (!change) return false;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        const wg_buffer *buffer = &plan->buffers.at[i];
        change[buffer->first] += (int64_t)buffer->bytes;
        if (buffer->last < plan->waves.count) change[buffer->last + 1] -= (int64_t)buffer->bytes;
    }
    for (size_t i = 0; i <= plan->waves.count; i++) {
        live += change[i];
        if (live <= (int64_t)info->live) continue;
        info->live = (size_t)live;
        info->peak_moment = i;
    }
    free(change);
    return true;
}

int wg_plan_report_(const wg_tape *tape, wg_plan_info *report, size_t size) {
    const wg_evaluation *e = tape ? wg_evaluation_latest(tape) : NULL;
    if (!e || !report) return WG_ERROR_STALE;
    const wg_plan *plan = e->plan;
    const int threads = wg_engine_count(tape->engine).threads;
    wg_plan_info info = {.arena = plan->arena_bytes,
                         .workspace = wg_plan_workspace(plan, threads),
                         .peak = wg_plan_bytes(plan, threads),
                         .moments = plan->waves.count,
                         .nodes = plan->members.count,
                         .steps = plan->steps.count,
                         .recomputed_flops = plan->recomputed_flops};
    sum_outside(e, &info);
    if (!sum_by_role(tape, e, &info) || !sum_work(tape, e, &info) || !find_peak(plan, &info))
        return WG_ERROR_MEMORY;
    memcpy(report, &info, size < sizeof info ? size : sizeof info);
    return WG_OK;
}

static int larger_first(const void *one, const void *other) {
    const wg_plan_buffer *a = one, *b = other;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

size_t wg_plan_live(wg_tape *tape, size_t moment, wg_plan_buffer *buffers, size_t count) {
    const wg_evaluation *e = tape ? wg_evaluation_latest(tape) : NULL;
    if (!e) return 0;
    const bool all = moment > e->plan->waves.count;
    size_t found = 0;
    for (size_t i = 0; i < e->plan->buffers.count; i++) {
        const wg_buffer *b = &e->plan->buffers.at[i];
        if (!all && (b->first > moment || b->last < moment)) continue;
        const wg_low_value *value = &e->plan->low.values.at[b->value];
        const wg_low_node *node = &e->plan->low.nodes.at[value->node];
        const uint32_t id = e->order.at[node->source] + (b->value - node->outputs);
        const wg_plan_buffer buffer = {wg_var_of(tape, id), b->offset, b->bytes, b->first, b->last};
        if (found < count) {
            buffers[found] = buffer;
        } else if (!all && count > 0) { /* in place of the smallest */
            qsort(buffers, count, sizeof *buffers, larger_first);
            if (larger_first(&buffer, &buffers[count - 1]) < 0) buffers[count - 1] = buffer;
        }
        found++;
    }
    if (!all) qsort(buffers, found < count ? found : count, sizeof *buffers, larger_first);
    return found;
}

void wg_set_memory_budget(wg_tape *tape, size_t bytes) {
    if (tape) tape->budget = bytes;
}
