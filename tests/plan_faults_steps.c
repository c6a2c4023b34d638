/* plan_faults_steps — steps that read, pack or compute something else. */
#include "plan_faults.h"
#include <stdlib.h>
#include <string.h>

/* The next value of the type of this one that is no view; itself where there is none. */
static uint32_t another_like(const wg_plan *plan, uint32_t value) {
    for (uint32_t i = 1; i < plan->low.values.count; i++) {
        const uint32_t v = (value + i) % (uint32_t)plan->low.values.count;
        const wg_low_value *at = &plan->low.values.at[v];
        if (at->view_of == WG_ABSENT && wg_type_equal(&at->type, &plan->low.values.at[value].type)) return v;
    }
    return value;
}

/* What is asked for, or assigned, is another value. */
static bool wrong_root(wg_plan *plan, size_t at, bool *skip) {
    if (at >= plan->low.count.results + plan->low.count.assigns) return false;
    const uint32_t root = plan->low.roots[at], own = wg_bytes_of(&plan->low, root),
                   another = another_like(plan, own);
    if (own == another) return *skip = true;
    plan->low.roots[at] = another;
    return true;
}
static bool result_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RESULT || plan->low.count.results < 2) return *skip = true;
    plan->places[at].offset = (plan->places[at].offset + 1) % plan->low.count.results;
    plan_sync_operands(plan);
    return true;
}
/* A leaf that lies apart in memory is not copied together. */
static bool gather_dropped(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    const wg_step step = plan->steps.at[at];
    if (step.kind != WG_STEP_GATHER) return *skip = true;
    plan->step_of[plan->members.at[step.first]] = WG_ABSENT;
    memmove(&plan->members.at[step.first], &plan->members.at[step.first + 1],
            (--plan->members.count - step.first) * sizeof *plan->members.at);
    memmove(&plan->program[step.first], &plan->program[step.first + 1],
            (plan->members.count - step.first) * sizeof *plan->program);
    memmove(&plan->steps.at[at], &plan->steps.at[at + 1],
            (--plan->steps.count - at) * sizeof *plan->steps.at);
    for (size_t i = at; i < plan->steps.count; i++) {
        wg_step *later = &plan->steps.at[i];
        later->first--;
        for (uint32_t m = later->first; m < later->first + later->count; m++)
            plan->step_of[plan->members.at[m]]--;
    }
    for (size_t i = step.wave + 1; i < plan->waves.count; i++) plan->waves.at[i].first--;
    if (--plan->waves.at[step.wave].count == 0) plan_forget_wave(plan, step.wave);
    return true;
}
/* It is copied together once more at the end, to where other values lie by then. */
static bool gather_doubled(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    wg_step again = plan->steps.at[at];
    if (again.kind != WG_STEP_GATHER) return *skip = true;
    if (!WG_RESERVE(&plan->steps.at, &plan->steps.capacity, plan->steps.count + 1) ||
        !WG_RESERVE(&plan->members.at, &plan->members.capacity, plan->members.count + 1))
        return false;
    wg_wave *last = &plan->waves.at[plan->waves.count - 1];
    plan->members.at[plan->members.count] = plan->members.at[again.first];
    again.first = (uint32_t)plan->members.count++;
    again.wave = (uint32_t)plan->waves.count - 1;
    plan->steps.at[plan->steps.count++] = again;
    if (plan->most_steps < ++last->count) plan->most_steps = last->count;
    plan->most_operands *= 2;
    return true;
}
/* The output is written over an input that is still to be read, or that a kernel reads in another order. */
static bool in_place_forced(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    const wg_low_node *node = &plan->low.nodes.at[at];
    const uint32_t output = node->outputs;
    for (uint32_t k = 0; k < node->input_count && wg_has_work(node); k++) {
        const uint32_t value = plan->low.edges.at[node->inputs + k];
        const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(&plan->low, value);
        if (own == WG_ABSENT || plan->places[own].kind != WG_PLACE_ARENA ||
            plan->places[output].kind != WG_PLACE_ARENA || plan->buffer_of[own] == plan->buffer_of[output] ||
            wg_type_bytes(&plan->low.values.at[own].type) <
                wg_type_bytes(&plan->low.values.at[output].type) ||
            plan->buffers.at[plan->buffer_of[own]].last <= plan->steps.at[plan->step_of[at]].wave)
            continue;
        plan->places[output] = plan->places[own];
        plan->buffer_of[output] = plan->buffer_of[own];
        return plan_sync_operands(plan), true;
    }
    return *skip = true;
}
static bool kind_changed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    (void)skip;
    plan->steps.at[at].kind = plan->steps.at[at].kind == WG_STEP_GATHER ? WG_STEP_KERNEL : WG_STEP_GATHER;
    return true;
}
static bool operand_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(tile_operands)) return false;
    if (plan->tile_operands.at[at].value == WG_ABSENT) return *skip = true;
    plan->tile_operands.at[at].offset += 64;
    return true;
}

/* What is computed again draws other numbers, or reads another value of the same type. */
static bool clone_differs(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->clone_of == WG_ABSENT) return *skip = true;
    for (uint32_t v = 0; v < plan->low.nodes.at[node->clone_of].outputs && node->input_count; v++) {
        uint32_t *edge = &plan->low.edges.at[node->inputs];
        if (*edge == v || !wg_type_equal(&plan->low.values.at[v].type, &plan->low.values.at[*edge].type))
            continue;
        if (plan->low.nodes.at[plan->low.values.at[*edge].node].clone_of == plan->low.values.at[v].node)
            continue;
        *edge = v;
        return true;
    }
    return *skip = true;
}
static bool clone_draws_anew(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->clone_of == WG_ABSENT || !(node->op->flags & WG_RANDOM)) return *skip = true;
    for (size_t i = 0; i < plan->low.nodes.count; i++)
        if (plan->low.nodes.at[i].op == node->op && plan->low.nodes.at[i].source != node->source)
            return node->source = plan->low.nodes.at[i].source, true;
    return *skip = true;
}

/* Something else is packed; the same, and it is said so; or another packed value is read. */
static bool packs_another(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    plan->low.edges.at[node->inputs] = another_like(plan, node->pack_of);
    return true;
}
static bool packs_another_openly(wg_plan *plan, size_t at, bool *skip) {
    if (!packs_another(plan, at, skip)) return false;
    if (!*skip) plan->low.nodes.at[at].pack_of = plan->low.edges.at[plan->low.nodes.at[at].inputs];
    return true;
}
static bool reads_another_packed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.edges)) return false;
    uint32_t *edge = &plan->low.edges.at[at];
    if (*edge == WG_ABSENT || wg_maker(&plan->low, *edge)->pack_of == WG_ABSENT) return *skip = true;
    const uint32_t another = another_like(plan, *edge);
    if (another == *edge) return *skip = true;
    *edge = another;
    return true;
}

/* Of a kernel that follows another one: runs elsewhere, too short, and no following. */
static bool run_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RUN) return *skip = true;
    const wg_step *step = &plan->steps.at[plan->step_of[plan->low.values.at[at].node]];
    plan->places[at].offset = step->runs > 1 ? (plan->places[at].offset + 1) % step->runs : step->runs;
    return true;
}
static bool run_as_tile(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_RUN) return *skip = true;
    plan->places[at].kind = WG_PLACE_TILE;
    return true;
}
static bool run_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].runs) return *skip = true;
    plan->steps.at[at].run_bytes -= WG_ALIGNMENT;
    return true;
}
static bool run_cut(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].run_elements--;
    return true;
}
static bool not_followed(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].followed = false;
    return true;
}
static bool followed_by_none(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (plan->steps.at[at].followed) return *skip = true;
    plan->steps.at[at].followed = true;
    return true;
}

/* Another op, like the right one in all but its name, packs; or another kernel does. */
static bool packs_by_another_op(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    static wg_op another;
    another = *node->op;
    node->op = &another;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(node)) plan->program[m].op = &another;
    return true;
}
static bool packs_by_another_kernel(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    wg_low_node *node = &plan->low.nodes.at[at];
    if (node->pack_of == WG_ABSENT) return *skip = true;
    node->kernel.run = wg_op_find("full")->forward;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(node)) plan->program[m].run = node->kernel.run;
    return true;
}
/* It stands in the order before the node that makes what it packs. */
static bool packs_early(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(order)) return false;
    const uint32_t node = plan->order.at[at];
    if (plan->low.nodes.at[node].pack_of == WG_ABSENT) return *skip = true;
    const uint32_t maker = plan->low.values.at[plan->low.nodes.at[node].pack_of].node;
    for (size_t i = 0; i < at; i++)
        if (plan->order.at[i] == maker) plan->order.at[i] = node;
    plan->order.at[at] = maker;
    return true;
}
static bool reads_packed(const wg_plan *plan, const wg_low_node *node) {
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = plan->low.edges.at[node->inputs + k];
        if (value != WG_ABSENT && wg_maker(&plan->low, value)->pack_of != WG_ABSENT) return true;
    }
    return false;
}
static void run_as(wg_plan *plan, size_t at, const wg_op *op) {
    plan->low.nodes.at[at].op = op;
    for (size_t m = 0; m < plan->members.count; m++)
        if (plan->members.at[m] == at && wg_is_tiled(&plan->low.nodes.at[at])) plan->program[m].op = op;
}
/* It is read by an op that takes nothing packed; or that does not with these types and attributes. */
static bool packed_for_another_reader(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    if (!reads_packed(plan, &plan->low.nodes.at[at])) return *skip = true;
    static wg_op another;
    another = *plan->low.nodes.at[at].op;
    another.pack = NULL;
    run_as(plan, at, &another);
    return true;
}
static bool never(const wg_call *call) { return !call; }
static bool packed_where_it_may_not(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.nodes)) return false;
    if (!reads_packed(plan, &plan->low.nodes.at[at])) return *skip = true;
    static wg_op another;
    another = *plan->low.nodes.at[at].op;
    another.may_pack = never;
    run_as(plan, at, &another);
    return true;
}

const plan_fault plan_faults_of_steps[] = {
    {"a run looked for elsewhere", run_elsewhere},
    {"a run taken for a tile", run_as_tile},
    {"a run slot shrunk", run_shrunk},
    {"runs cut by an element", run_cut},
    {"a kernel that follows, taken for elementwise", not_followed},
    {"a step said to be followed", followed_by_none},
    {"another op packs", packs_by_another_op},
    {"another kernel packs", packs_by_another_kernel},
    {"it packs before the value is made", packs_early},
    {"the reader takes nothing packed", packed_for_another_reader},
    {"the reader takes nothing packed of this kind", packed_where_it_may_not},
    {"what packs packs something else", packs_another},
    {"it packs something else, and says so", packs_another_openly},
    {"another packed value is read", reads_another_packed},
    {"a clone that reads something else", clone_differs},
    {"a clone that draws other numbers", clone_draws_anew},
    {"two results swapped", result_elsewhere},
    {"another value asked for", wrong_root},
    {"a leaf not gathered", gather_dropped},
    {"a leaf gathered twice", gather_doubled},
    {"in place forced", in_place_forced},
    {"a step of another kind", kind_changed},
    {"an operand looked for elsewhere", operand_elsewhere},
    {0},
};
