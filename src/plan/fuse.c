/* fuse — puts nodes into steps: elementwise nodes of one shape share a step, which runs all of them on one
 * tile after the other, so that what passes between them never leaves the first-level cache. They may stand
 * behind a kernel, and another kernel behind them: see follow.c.
 *
 * Assumes: plan->order, inputs before users. Leaves: steps in the order in which they run, the members of
 * each, step_of each node, the first step of the tail, which nothing from before it joins. A node may join
 * the latest step of many elements if all that it needs is ready before that step or made in it; scalars join
 * the earliest step of scalars that may have them, so that they do not stand between the others. */
#include "plan/plan.h"
#include <stdlib.h>

typedef struct fusing {
    wg_plan *plan;
    wg_tape *tape;
    uint32_t *next_member;         /* by node: the member of the step that comes after it */
    uint32_t latest;               /* the latest step that is not one of scalars */
    WG_ARRAY(uint32_t) first_last; /* by step: first and last member */
    WG_ARRAY(uint32_t) scalars;    /* the steps of scalars, in order */
    wg_operand *operands;          /* room for those of a node */
} fusing;

enum { MOST_MEMBERS = 24 }; /* of a step of many elements: more would not find room in the cache */

static const wg_type *type_of(const fusing *f, const wg_low_node *node) {
    return &f->plan->low.values.at[node->outputs].type;
}

/* The latest step that makes an input of the node; -1: none does. */
static int64_t latest_maker(const fusing *f, const wg_low_node *node) {
    const wg_lowered *low = &f->plan->low;
    int64_t latest = -1;
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t value = low->edges.at[node->inputs + (uint32_t)i];
        if (value == WG_ABSENT) continue;
        const uint32_t step = f->plan->step_of[low->values.at[wg_bytes_of(low, value)].node];
        if (step != WG_ABSENT && (int64_t)step > latest) latest = step;
    }
    return latest;
}

/* Is every input made before the step, or in it and not seen through a view? Of what the step's kernel makes
 * it must be output 0: by the piece, only that is sure to be there. */
static bool may_join(const fusing *f, const wg_low_node *node, uint32_t step) {
    const wg_lowered *low = &f->plan->low;
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t value = low->edges.at[node->inputs + (uint32_t)i];
        if (value == WG_ABSENT) continue;
        const uint32_t made = f->plan->step_of[low->values.at[wg_bytes_of(low, value)].node];
        if (made == WG_ABSENT || made < step) continue;
        if (made > step || low->values.at[value].view_of != WG_ABSENT) return false;
        const wg_low_node *maker = wg_maker(low, value);
        if (!wg_is_tiled(maker) && value != maker->outputs) return false;
    }
    return true;
}

static bool add_step(fusing *f, wg_step_kind kind, int64_t elements) {
    wg_plan *plan = f->plan;
    if (!WG_RESERVE(&plan->steps.at, &plan->steps.capacity, plan->steps.count + 1) ||
        !WG_RESERVE(&f->first_last.at, &f->first_last.capacity, 2 * (plan->steps.count + 1)))
        return wg_tape_no_memory(f->tape);
    f->first_last.at[2 * plan->steps.count] = f->first_last.at[2 * plan->steps.count + 1] = WG_ABSENT;
    plan->steps.at[plan->steps.count++] =
        (wg_step){.kind = kind, .elements = elements, .units = 1, .grain = 1};
    return true;
}

static void join(fusing *f, uint32_t node, uint32_t step) {
    uint32_t *first = &f->first_last.at[2 * step], *last = first + 1;
    if (*first == WG_ABSENT)
        *first = node;
    else
        f->next_member[*last] = node;
    *last = node;
    f->next_member[node] = WG_ABSENT;
    f->plan->step_of[node] = step;
    f->plan->steps.at[step].count++;
}

/* The first step of scalars at or after `from` that the node may join; WG_ABSENT: none. */
static uint32_t scalar_step(const fusing *f, const wg_low_node *node, int64_t from) {
    size_t low = 0, high = f->scalars.count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((int64_t)f->scalars.at[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < f->scalars.count && i < low + 2; i++)
        if (may_join(f, node, f->scalars.at[i])) return f->scalars.at[i];
    return WG_ABSENT;
}

static bool put_elementwise(fusing *f, uint32_t index) {
    const wg_low_node *node = &f->plan->low.nodes.at[index];
    const wg_type *type = type_of(f, node);
    const int64_t elements = wg_type_count(type);
    if (!wg_plan_pass_on(f->plan, WG_PASS_FUSE)) {
        if (!add_step(f, WG_STEP_TILES, elements)) return false;
        join(f, index, (uint32_t)f->plan->steps.count - 1);
        return true;
    }
    if (elements == 1) {
        uint32_t step = scalar_step(f, node, latest_maker(f, node));
        if (step == WG_ABSENT) {
            step = (uint32_t)f->plan->steps.count;
            if (!WG_RESERVE(&f->scalars.at, &f->scalars.capacity, f->scalars.count + 1))
                return wg_tape_no_memory(f->tape);
            if (!add_step(f, WG_STEP_TILES, 1)) return false;
            f->scalars.at[f->scalars.count++] = step;
        }
        join(f, index, step);
        return true;
    }
    const wg_step *latest = f->latest == WG_ABSENT ? NULL : &f->plan->steps.at[f->latest];
    const wg_low_node *first = latest ? &f->plan->low.nodes.at[f->first_last.at[2 * f->latest]] : NULL;
    const bool fits =
        latest && !latest->followed &&
        (latest->kind == WG_STEP_TILES || (first->in_runs && wg_plan_pass_on(f->plan, WG_PASS_EPILOGUE))) &&
        latest->count < MOST_MEMBERS && wg_shape_equal(type, type_of(f, first)) &&
        may_join(f, node, f->latest);
    if (!fits) {
        f->latest = (uint32_t)f->plan->steps.count;
        if (!add_step(f, WG_STEP_TILES, elements)) return false;
    }
    join(f, index, f->latest);
    return true;
}

/* Joins the latest step as the kernel that follows, if it may. */
static bool follows(fusing *f, uint32_t index) {
    wg_step *latest = f->latest == WG_ABSENT ? NULL : &f->plan->steps.at[f->latest];
    if (!latest || latest->kind != WG_STEP_KERNEL || latest->followed ||
        !wg_plan_pass_on(f->plan, WG_PASS_FUSE) || !wg_plan_pass_on(f->plan, WG_PASS_EPILOGUE))
        return false;
    const int64_t run =
        wg_plan_follow(f->plan, f->tape, f->latest, f->first_last.at[2 * f->latest], index, f->operands);
    if (run < 0) return false;
    join(f, index, f->latest);
    latest->followed = true;
    latest->run_elements = run;
    return true;
}

static bool put(fusing *f, uint32_t index) {
    const wg_low_node *node = &f->plan->low.nodes.at[index];
    if (wg_is_tiled(node)) return put_elementwise(f, index);
    if (follows(f, index)) return true;
    f->latest = (uint32_t)f->plan->steps.count;
    if (!add_step(f, node->leaf ? WG_STEP_GATHER : WG_STEP_KERNEL, wg_type_count(type_of(f, node))))
        return false;
    join(f, index, f->latest);
    return true;
}

static bool put_all(fusing *f) {
    wg_plan *plan = f->plan;
    for (size_t i = 0; i < plan->low.nodes.count; i++) plan->step_of[i] = WG_ABSENT;
    for (size_t i = 0; i < plan->order.count; i++) {
        if (i == plan->tail) {
            plan->tail_step = (uint32_t)plan->steps.count;
            f->latest = WG_ABSENT;
            f->scalars.count = 0;
        }
        if (!put(f, plan->order.at[i])) return false;
    }
    if (plan->tail == plan->order.count) plan->tail_step = (uint32_t)plan->steps.count;
    return true;
}

bool wg_plan_fuse(wg_plan *plan, wg_tape *tape) {
    fusing f = {.plan = plan, .tape = tape, .latest = WG_ABSENT};
    const size_t nodes = plan->low.nodes.count;
    plan->step_of = malloc((nodes + 1) * sizeof *plan->step_of);
    f.next_member = malloc((nodes + 1) * sizeof *f.next_member);
    f.operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *f.operands);
    bool good = (plan->step_of && f.next_member && f.operands &&
                 WG_RESERVE(&plan->members.at, &plan->members.capacity, nodes)) ||
                wg_tape_no_memory(tape);
    good = good && put_all(&f);
    for (size_t s = 0; good && s < plan->steps.count; s++) { /* the lists as arrays */
        plan->steps.at[s].first = (uint32_t)plan->members.count;
        for (uint32_t node = f.first_last.at[2 * s]; node != WG_ABSENT; node = f.next_member[node])
            plan->members.at[plan->members.count++] = node;
    }
    free(f.next_member);
    free(f.operands);
    free(f.first_last.at);
    free(f.scalars.at);
    return good;
}
