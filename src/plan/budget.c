/* budget — builds a plan whose peak fits the memory budget: of all candidates that fit the one with the
 * fewest operations, at a tie with the lowest peak, at a tie the first. */
#include "plan/recompute.h"
#include <stdlib.h>

typedef struct trial {
    size_t peak, steps;
    double flops;      /* recomputed */
    uint32_t disabled; /* passes */
} trial;

typedef struct budgeting {
    wg_plan *plan;
    wg_tape *tape;
    const wg_plan_settings *settings;
    bool (*build)(wg_plan *plan, wg_tape *tape);
    wg_candidates candidates;
    wg_lowered before; /* counts of the lowered graph without clones */
    uint32_t *order;   /* the order without clones */
    size_t order_count, tail;
    uint32_t disabled;           /* passes that are off anyway */
    uint8_t *fates, *best_fates; /* by value: at trial, of the best so far */
    wg_operand *operands;
    trial best;
    bool fits; /* has any? */
    size_t least;
} budgeting;

static double clone_flops(const budgeting *b) {
    const wg_lowered *low = &b->plan->low;
    double flops = 0;
    for (size_t i = b->before.nodes.count; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        if (!wg_has_work(node)) continue;
        flops += wg_low_cost(low, node, wg_low_attributes(low, node, b->tape, b->tape->order.at), b->operands)
                     .flops;
    }
    return flops;
}

/* Builds the plan with these fates, and without these passes. */
static bool build_without(budgeting *b, const uint8_t *fates, uint32_t disabled, trial *result) {
    wg_plan *plan = b->plan;
    wg_plan_forget_clones(plan, &b->before);
    memcpy(plan->order.at, b->order, b->order_count * sizeof *b->order);
    plan->order.count = b->order_count;
    plan->tail = b->tail;
    plan->disabled = disabled;
    if (!wg_plan_recompute(plan, b->tape, b->settings->lower.isa, fates) || !b->build(plan, b->tape))
        return false;
    plan->recomputed_flops = clone_flops(b);
    *result = (trial){wg_plan_bytes(plan, b->settings->threads), plan->steps.count, plan->recomputed_flops,
                      disabled};
    return true;
}

static bool is_better(const trial *a, const trial *b) {
    if (a->flops != b->flops) return a->flops < b->flops;
    return a->steps != b->steps ? a->steps < b->steps : a->peak < b->peak;
}

/* Tries what b->fates say, and remembers it if it is the best so far. */
static bool try(budgeting *b, uint32_t disabled, trial *result) {
    if (!build_without(b, b->fates, disabled, result)) return false;
    if (b->least > result->peak) b->least = result->peak;
    if (b->settings->budget && result->peak > b->settings->budget) return true;
    if (b->fits && !is_better(result, &b->best)) return true;
    b->fits = true;
    b->best = *result;
    memcpy(b->best_fates, b->fates, b->before.values.count);
    return true;
}

static bool refuse(wg_tape *tape, size_t budget, size_t least) {
    wg_tape_fail(
        tape, WG_ERROR_MEMORY,
        "wg_eval: the memory budget of %zu bytes cannot be met; the least that the plan can do with is %zu "
        "bytes",
        budget, least);
    return false;
}

/* Leaves the plan of the best candidate. */
static bool choose(budgeting *b) {
    const size_t budget = b->settings->budget;
    trial result;
    for (size_t i = 0; i < (budget ? b->candidates.count : 1); i++) {
        wg_candidate_get(&b->candidates, i, b->fates);
        if (!try(b, b->disabled, &result)) return false;
        if (budget && !try(b, b->disabled | 1u << WG_PASS_EPILOGUE, &result)) return false;
    }
    if (b->fits) return build_without(b, b->best_fates, b->best.disabled, &result);
    return refuse(b->tape, budget, b->least);
}

static bool has_region(const wg_plan *plan) {
    for (size_t i = 0; i < plan->low.nodes.count; i++)
        if (plan->low.nodes.at[i].flags & WG_NODE_RECOMPUTE) return true;
    return false;
}

bool wg_plan_within(wg_plan *plan, wg_tape *tape, const wg_plan_settings *settings,
                    bool (*build)(wg_plan *plan, wg_tape *tape)) {
    const bool on = wg_plan_pass_on(plan, WG_PASS_RECOMPUTE) && (settings->budget || has_region(plan));
    if (!on) {
        if (!build(plan, tape)) return false;
        const size_t peak = wg_plan_bytes(plan, settings->threads);
        return !settings->budget || peak <= settings->budget || refuse(tape, settings->budget, peak);
    }
    budgeting b = {.plan = plan,
                   .tape = tape,
                   .settings = settings,
                   .build = build,
                   .before = plan->low,
                   .order_count = plan->order.count,
                   .tail = plan->tail,
                   .disabled = plan->disabled,
                   .least = SIZE_MAX};
    b.order = malloc((b.order_count + 1) * sizeof *b.order);
    b.fates = malloc(2 * plan->low.values.count + 1);
    b.best_fates = b.fates ? b.fates + plan->low.values.count : NULL;
    b.operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *b.operands);
    bool good = (b.order && b.fates && b.operands) || wg_tape_no_memory(tape);
    if (good) memcpy(b.order, plan->order.at, b.order_count * sizeof *b.order);
    good = good && wg_candidates_make(&b.candidates, plan, tape) && choose(&b);
    wg_candidates_free(&b.candidates);
    free(b.order);
    free(b.fates);
    free(b.operands);
    return good;
}
