/* plan — from the tape's canonical order to a plan: lower, order, recompute, fuse, group,
 * place, verify; and the life of a plan. */
#include "plan/recompute.h"
#include <stdlib.h>

/* About so much work is worth handing to another thread: some microseconds of it. */
enum { GRAIN_BYTES = 1 << 16 };

static void size_kernel(const wg_plan *plan, const wg_tape *tape, wg_step *step, wg_operand *operands) {
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first]];
    const void *attributes = wg_low_attributes(&plan->low, node, tape, tape->order.at);
    wg_call call;
    wg_low_call(&plan->low, node, attributes, operands, &call);
    step->units = node->kernel.units ? node->kernel.units(&call) : 1;
    if (node->kernel.workspace)
        step->kernel_workspace = wg_round_up(node->kernel.workspace(&call), WG_ALIGNMENT);
    size_t bytes = 0;
    for (int k = 0; k < call.input_count + call.output_count; k++) bytes += wg_type_bytes(&operands[k].type);
    const int64_t unit_bytes = (int64_t)(bytes / (size_t)wg_max_int(step->units, 1)) + 1;
    step->grain = wg_max_int(1, GRAIN_BYTES / unit_bytes);
}

/* What the kernel that follows needs has room where the first one's was. */
static void size_follower(const wg_plan *plan, const wg_tape *tape, wg_step *step, wg_operand *operands) {
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + step->count - 1]];
    wg_call call;
    wg_low_call(&plan->low, node, wg_low_attributes(&plan->low, node, tape, tape->order.at), operands, &call);
    if (!node->kernel.workspace) return;
    const size_t bytes = wg_round_up(node->kernel.workspace(&call), WG_ALIGNMENT);
    if (step->kernel_workspace < bytes) step->kernel_workspace = bytes;
}

/* Units, and how many a thread takes at a time. */
static bool size_steps(wg_plan *plan, wg_tape *tape) {
    wg_operand *operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *operands);
    if (!operands) return wg_tape_no_memory(tape);
    for (size_t i = 0; i < plan->steps.count; i++) {
        wg_step *step = &plan->steps.at[i];
        if (step->kind == WG_STEP_KERNEL) size_kernel(plan, tape, step, operands);
        if (step->followed) size_follower(plan, tape, step, operands);
        if (step->kind != WG_STEP_TILES) continue;
        step->units = (step->elements + WG_TILE - 1) / WG_TILE;
        step->grain = GRAIN_BYTES / (WG_TILE * 8);
    }
    free(operands);
    return true;
}

/* The scratch memory that each thread needs: for tiles, their slots, and one for each input to be spread out.
 */
static void size_workspace(wg_plan *plan) {
    for (size_t i = 0; i < plan->steps.count; i++) {
        wg_step *step = &plan->steps.at[i];
        step->workspace = step->kernel_workspace;
        if (wg_first_tiled(step) < wg_tiled_end(step)) {
            uint32_t most_inputs = 0;
            for (uint32_t m = wg_first_tiled(step); m < wg_tiled_end(step); m++) {
                const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
                if (most_inputs < node->input_count) most_inputs = node->input_count;
            }
            step->workspace += wg_round_up((step->slots + most_inputs) * wg_slot_bytes(step), WG_ALIGNMENT);
        }
        step->workspace += step->runs * step->run_bytes;
        if (plan->workspace_bytes < step->workspace) plan->workspace_bytes = step->workspace;
    }
}

static bool keep_key(wg_plan *plan, wg_tape *tape) {
    plan->key = malloc((tape->key.count + 1) * sizeof *plan->key);
    if (!plan->key) return wg_tape_no_memory(tape);
    memcpy(plan->key, tape->key.at, tape->key.count * sizeof *plan->key);
    plan->key_count = tape->key.count;
    plan->hash = wg_hash(plan->key, plan->key_count * sizeof *plan->key, 0);
    return true;
}

/* --- A plan ----------------------------------------------------------------------------------- */

/* From plan->order on: steps, waves, places. What an earlier call left is replaced. */
static bool build(wg_plan *plan, wg_tape *tape) {
    plan->steps.count = plan->members.count = plan->waves.count = plan->copies.count = plan->buffers.count =
        0;
    plan->arena_bytes = plan->workspace_bytes = 0;
    plan->most_operands = plan->most_steps = 0;
    free(plan->step_of);
    free(plan->places);
    free(plan->buffer_of);
    free(plan->program);
    plan->program = NULL;
    plan->step_of = plan->buffer_of = NULL;
    plan->places = NULL;
    if (!wg_plan_fuse(plan, tape) || !size_steps(plan, tape) || !wg_plan_group(plan, tape) ||
        !wg_plan_place(plan, tape) || !wg_plan_program(plan, tape))
        return false;
    size_workspace(plan);
    return true;
}

static bool verify(wg_plan *plan, wg_tape *tape) {
    const uint64_t start = wg_clock_ns();
    const bool good = wg_plan_verify(plan, tape, tape->order.at);
    plan->verifying_ns = wg_clock_ns() - start;
    return good;
}

wg_plan *wg_plan_make(wg_tape *tape, const wg_plan_settings *settings, const uint32_t *roots,
                      const wg_root_counts *count) {
    wg_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return wg_tape_no_memory(tape), NULL;
    atomic_init(&plan->owners, 1);
    plan->disabled = settings->lower.disabled;
    const bool good = wg_lower(tape, &settings->lower, roots, count, &plan->low) == WG_OK &&
                      keep_key(plan, tape) && wg_plan_order(plan, tape) &&
                      wg_plan_within(plan, tape, settings, build) && verify(plan, tape);
    if (good) return plan;
    wg_plan_free(plan);
    return NULL;
}

wg_plan *wg_plan_retain(wg_plan *plan) {
    atomic_fetch_add_explicit(&plan->owners, 1, memory_order_relaxed);
    return plan;
}

void wg_plan_free(wg_plan *plan) {
    if (!plan || atomic_fetch_sub_explicit(&plan->owners, 1, memory_order_acq_rel) != 1) return;
    wg_lowered_free(&plan->low);
    free(plan->key);
    free(plan->steps.at);
    free(plan->members.at);
    free(plan->order.at);
    free(plan->waves.at);
    free(plan->buffers.at);
    free(plan->copies.at);
    free(plan->step_of);
    free(plan->places);
    free(plan->buffer_of);
    free(plan->program);
    free(plan->tile_operands.at);
    free(plan);
}
