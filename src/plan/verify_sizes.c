/* verify_sizes — the numbers by which a step is run are those of its nodes: units, workspaces, slots, and the
 * operands of elementwise members, which are written down when the plan is made. */
#include "plan/verify.h"
#include <stdlib.h>

/* Of the step's kernel, and of the one that follows it. */
static bool prove_kernel(const wg_proof *p, uint32_t index, uint32_t m, wg_operand *operands) {
    const wg_step *step = &p->plan->steps.at[index];
    const uint32_t at = p->plan->members.at[m];
    const wg_low_node *node = &p->low->nodes.at[at];
    wg_call call;
    wg_low_call(p->low, node, wg_low_attributes(p->low, node, p->tape, p->order), operands, &call);
    const int64_t units = node->kernel.units ? node->kernel.units(&call) : 1;
    const size_t workspace = node->kernel.workspace ? node->kernel.workspace(&call) : 0;
    if (m == step->first && step->units != units)
        return wg_refute(p, at, "has %lld units, step %u does %lld", (long long)units, index,
                         (long long)step->units);
    if (step->kernel_workspace < workspace || step->kernel_workspace % WG_ALIGNMENT)
        return wg_refute(p, at, "needs a workspace of %zu bytes, step %u has %zu", workspace, index,
                         step->kernel_workspace);
    return true;
}

static bool prove_operand(const wg_proof *p, uint32_t node, uint32_t operand, uint32_t value, bool input) {
    const wg_lowered *low = p->low;
    if (operand >= p->plan->tile_operands.count) return wg_refute(p, node, "has no operand %u", operand);
    const wg_tile_operand *at = &p->plan->tile_operands.at[operand];
    if (at->value != value) return wg_refute(p, node, "has value %u as an operand, not %u", at->value, value);
    if (value == WG_ABSENT) return true;
    const uint32_t own = wg_bytes_of(low, value);
    const wg_type *type = &low->values.at[value].type;
    const bool one = p->plan->steps.at[p->plan->step_of[node]].elements == 1;
    const bool spread =
        input && !one && !wg_shape_equal(type, &low->values.at[low->nodes.at[node].outputs].type);
    if (at->kind != p->plan->places[own].kind || at->offset != p->plan->places[own].offset)
        return wg_refute(p, node, "looks for value %u where it is not", value);
    if (at->dtype != type->dtype || at->size != wg_dtype_size(type->dtype) || at->spread != spread)
        return wg_refute(p, node, "takes value %u for what it is not", value);
    return !spread || at->kind != WG_PLACE_TILE ||
           wg_refute(p, node, "spreads out value %u, of which it has a tile", value);
}

static bool prove_member(const wg_proof *p, uint32_t at) {
    const uint32_t index = p->plan->members.at[at];
    const wg_low_node *node = &p->low->nodes.at[index];
    const wg_tile_member *member = &p->plan->program[at];
    if (member->run != node->kernel.run || member->op != node->op || member->source != node->source ||
        member->dtype != node->dtype || member->inputs != node->input_count ||
        member->outputs != node->output_count)
        return wg_refute(p, index, "runs as something else");
    for (uint32_t k = 0; k < node->input_count; k++)
        if (!prove_operand(p, index, member->operands + k, p->low->edges.at[node->inputs + k], true))
            return false;
    for (uint32_t k = 0; k < node->output_count; k++)
        if (!prove_operand(p, index, member->operands + node->input_count + k, node->outputs + k, false))
            return false;
    return true;
}

/* A run slot has room for the longest run of whatever lies there. */
static bool prove_runs(const wg_proof *p, uint32_t index) {
    const wg_step *step = &p->plan->steps.at[index];
    for (uint32_t m = step->first; m < step->first + step->count; m++) {
        const wg_low_node *node = &p->low->nodes.at[p->plan->members.at[m]];
        for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++) {
            if (p->plan->places[v].kind != WG_PLACE_RUN) continue;
            const size_t bytes = (size_t)step->run_elements * wg_dtype_size(p->low->values.at[v].type.dtype);
            if (!step->followed || p->plan->places[v].offset >= step->runs || bytes > step->run_bytes ||
                step->run_bytes % WG_ALIGNMENT || step->workspace % WG_ALIGNMENT)
                return wg_refute(p, p->plan->members.at[m], "has no room for its runs of %zu bytes", bytes);
        }
    }
    return true;
}

/* Slots follow the kernel's workspace: those of values, then one for each input to be spread out; then runs.
 */
static bool prove_tiles(const wg_proof *p, uint32_t index) {
    const wg_step *step = &p->plan->steps.at[index];
    const uint32_t first = step->kind == WG_STEP_TILES ? 0 : 1, end = step->count - (step->followed ? 1 : 0);
    uint32_t inputs = 0;
    for (uint32_t m = first; m < end; m++) {
        if (!prove_member(p, step->first + m)) return false;
        const uint32_t count = p->low->nodes.at[p->plan->members.at[step->first + m]].input_count;
        if (inputs < count) inputs = count;
    }
    const size_t slot = step->elements == 1 ? 8 : (size_t)WG_TILE * 8;
    const size_t bytes =
        (first < end ? ((size_t)step->slots + inputs) * slot : 0) + step->runs * step->run_bytes;
    if (!prove_runs(p, index)) return false;
    if (step->workspace < step->kernel_workspace || step->workspace - step->kernel_workspace < bytes)
        return wg_refute(p, p->plan->members.at[step->first], "needs %zu bytes of workspace, step %u has %zu",
                         step->kernel_workspace + bytes, index, step->workspace);
    return true;
}

static bool prove_step(const wg_proof *p, uint32_t index, wg_operand *operands) {
    const wg_step *step = &p->plan->steps.at[index];
    const uint32_t at = p->plan->members.at[step->first];
    const int64_t tiles = step->elements / WG_TILE + (step->elements % WG_TILE != 0);
    if (step->grain <= 0) return wg_refute(p, at, "is done %lld units at a time", (long long)step->grain);
    if (step->kind == WG_STEP_KERNEL && !prove_kernel(p, index, step->first, operands)) return false;
    if (step->followed && !prove_kernel(p, index, step->first + step->count - 1, operands)) return false;
    if (step->kind != WG_STEP_KERNEL && step->units != (step->kind == WG_STEP_TILES ? tiles : 1))
        return wg_refute(p, at, "is done in %lld units in step %u", (long long)step->units, index);
    if (step->workspace > p->plan->workspace_bytes)
        return wg_refute(p, at, "has a workspace of %zu bytes, a thread has %zu", step->workspace,
                         p->plan->workspace_bytes);
    return prove_tiles(p, index);
}

static bool prove_wave(const wg_proof *p, const wg_wave *wave, wg_operand *operands) {
    size_t count = 0;
    for (uint32_t s = wave->first; s < wave->first + wave->count; s++) {
        const wg_step *step = &p->plan->steps.at[s];
        for (uint32_t m = 0; step->kind == WG_STEP_KERNEL && m < step->count; m++) {
            const wg_low_node *node = &p->low->nodes.at[p->plan->members.at[step->first + m]];
            if (!wg_is_tiled(node)) count += (size_t)node->input_count + node->output_count;
        }
        if (!prove_step(p, s, operands)) return false;
    }
    return (count <= p->plan->most_operands && wave->count <= p->plan->most_steps) ||
           wg_refute(p, p->plan->members.at[p->plan->steps.at[wave->first].first],
                     "begins a wave of %u steps and %zu operands; there is room for %u and %u", wave->count,
                     count, p->plan->most_steps, p->plan->most_operands);
}

bool wg_prove_sizes(const wg_proof *p) {
    wg_operand *operands = malloc((wg_most_operands(p->low) + 1) * sizeof *operands);
    bool good = operands || wg_tape_no_memory(p->tape);
    for (size_t i = 0; good && i < p->plan->waves.count; i++)
        good = prove_wave(p, &p->plan->waves.at[i], operands);
    free(operands);
    return good;
}
