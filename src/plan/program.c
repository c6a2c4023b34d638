/* program — writes down for each elementwise member of a step what running it takes, so that a tile costs no
 * search.
 *
 * Assumes places. Leaves plan->program, one entry a member (of a step's kernel an empty one), and
 * plan->tile_operands. */
#include "plan/plan.h"
#include <stdlib.h>

static bool is_spread(const wg_plan *plan, const wg_step *step, const wg_type *of_step, uint32_t value) {
    return step->elements != 1 && !wg_shape_equal(&plan->low.values.at[value].type, of_step);
}

static void add_operand(wg_plan *plan, uint32_t value, bool spread) {
    wg_tile_operand *operand = &plan->tile_operands.at[plan->tile_operands.count++];
    *operand = (wg_tile_operand){.value = value};
    if (value == WG_ABSENT) return;
    const wg_place place = plan->places[wg_bytes_of(&plan->low, value)];
    const wg_dtype dtype = plan->low.values.at[value].type.dtype;
    operand->offset = place.offset;
    operand->kind = (uint8_t)place.kind;
    operand->dtype = (uint8_t)dtype;
    operand->size = (uint8_t)wg_dtype_size(dtype);
    operand->spread = spread;
}

static void add_member(wg_plan *plan, const wg_step *step, uint32_t at) {
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[at]];
    const wg_type *of_step = &plan->low.values.at[node->outputs].type;
    plan->program[at] = (wg_tile_member){.run = node->kernel.run,
                                         .op = node->op,
                                         .source = node->source,
                                         .operands = (uint32_t)plan->tile_operands.count,
                                         .inputs = (uint8_t)node->input_count,
                                         .outputs = (uint8_t)node->output_count,
                                         .dtype = (uint8_t)node->dtype};
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = plan->low.edges.at[node->inputs + k];
        add_operand(plan, value, value != WG_ABSENT && is_spread(plan, step, of_step, value));
    }
    for (uint32_t k = 0; k < node->output_count; k++) add_operand(plan, node->outputs + k, false);
}

bool wg_plan_program(wg_plan *plan, wg_tape *tape) {
    size_t operands = 0;
    for (size_t i = 0; i < plan->members.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[i]];
        if (wg_is_tiled(node)) operands += (size_t)node->input_count + node->output_count;
    }
    plan->program = calloc(plan->members.count + 1, sizeof *plan->program);
    plan->tile_operands.count = 0;
    if (!plan->program || !WG_RESERVE(&plan->tile_operands.at, &plan->tile_operands.capacity, operands + 1))
        return wg_tape_no_memory(tape);
    for (size_t i = 0; i < plan->steps.count; i++) {
        const wg_step *step = &plan->steps.at[i];
        for (uint32_t m = wg_first_tiled(step); m < wg_tiled_end(step); m++)
            add_member(plan, step, step->first + m);
    }
    return true;
}
