/* group — puts steps into waves: what lies in one wave may run at the same time.
 *
 * Assumes: steps in the order in which they run, their units and grain known. Leaves plan->waves, commit,
 * each step's wave, most_operands, most_steps. A small step, one that a single thread would do anyway, joins
 * the wave before it if it reads nothing that is made there: the threads then share out the steps, and a fork
 * and a join are saved; steps that together are still small one thread does alone. Of the tail any step may
 * join, since nothing is placed there that could grow the arena. */
#include "plan/plan.h"

/* Is everything that the step reads made before step `first`, or in the step itself? */
static bool is_ready_before(const wg_plan *plan, uint32_t index, uint32_t first) {
    const wg_lowered *low = &plan->low;
    const wg_step *step = &plan->steps.at[index];
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[step->first + m]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value == WG_ABSENT) continue;
            const uint32_t made = plan->step_of[low->values.at[wg_bytes_of(low, value)].node];
            if (made != WG_ABSENT && made >= first && made != index) return false;
        }
    }
    return true;
}

static uint32_t operands_of(const wg_plan *plan, const wg_step *step) {
    uint32_t operands = 0;
    for (uint32_t m = 0; step->kind == WG_STEP_KERNEL && m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        if (!wg_is_tiled(node)) operands += (uint32_t)node->input_count + node->output_count;
    }
    return operands;
}

/* A piece is what a thread would take of a step alone, its grain of units or all there are; of small pieces a
 * thread takes several, about a grain's worth. */
static int64_t pieces_at_a_time(const wg_plan *plan, const wg_wave *wave) {
    double pieces = 0, worth = 0;
    for (uint32_t i = wave->first; i < wave->first + wave->count; i++) {
        const wg_step *step = &plan->steps.at[i];
        pieces += (double)((step->units + step->grain - 1) / step->grain);
        worth += (double)step->units / (double)step->grain;
    }
    return wg_max_int(1, (int64_t)(worth > 1 ? pieces / worth : pieces));
}

bool wg_plan_group(wg_plan *plan, wg_tape *tape) {
    if (!WG_RESERVE(&plan->waves.at, &plan->waves.capacity, plan->steps.count + 1))
        return wg_tape_no_memory(tape);
    uint32_t operands = 0;
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        wg_step *step = &plan->steps.at[i];
        wg_wave *wave = plan->waves.count ? &plan->waves.at[plan->waves.count - 1] : NULL;
        const bool joins = wave && wg_plan_pass_on(plan, WG_PASS_GROUP) && i != plan->tail_step &&
                           (step->units <= step->grain || i > plan->tail_step) &&
                           is_ready_before(plan, i, wave->first);
        if (joins) {
            wave->count++;
        } else {
            plan->waves.at[plan->waves.count++] = (wg_wave){i, 1, 1};
            operands = 0;
        }
        step->wave = (uint32_t)plan->waves.count - 1;
        operands += operands_of(plan, step);
        if (plan->most_operands < operands) plan->most_operands = operands;
        if (plan->most_steps < i + 1 - plan->waves.at[step->wave].first)
            plan->most_steps = i + 1 - plan->waves.at[step->wave].first;
    }
    for (size_t i = 0; i < plan->waves.count; i++)
        plan->waves.at[i].grain = pieces_at_a_time(plan, &plan->waves.at[i]);
    plan->commit = plan->tail_step < plan->steps.count ? plan->steps.at[plan->tail_step].wave
                                                       : (uint32_t)plan->waves.count;
    return true;
}
