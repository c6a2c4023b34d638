/* flops — how many operations a function takes, by the costs of what it has recorded. */
#include "check/check.h"
#include "tape/tape.h"
#include <stdlib.h>

static wg_operand operand(wg_tape *tape, uint32_t id) {
    if (id == WG_ABSENT) return (wg_operand){0};
    return (wg_operand){NULL, wg_type_of((wg_var){.tape = tape, .epoch = tape->epoch, .id = id})};
}

static double flops_of(wg_tape *tape, uint32_t id, wg_operand *operands) {
    const wg_node *node = &tape->nodes.at[id];
    const int inputs = node->input_count, outputs = node->output_count ? node->output_count : 1;
    for (int i = 0; i < inputs; i++) operands[i] = operand(tape, tape->edges.at[node->inputs + (uint32_t)i]);
    for (int i = 0; i < outputs; i++) operands[inputs + i] = operand(tape, id + (uint32_t)i);
    const int by = node->op->typed_by;
    const wg_call call = {.op = node->op,
                          .attributes = tape->attributes.at + node->attributes,
                          .input_count = inputs,
                          .output_count = outputs,
                          .inputs = operands,
                          .outputs = operands + inputs,
                          .dtype = operands[by < inputs ? by : inputs].type.dtype,
                          .end = 1};
    return node->op->cost ? node->op->cost(&call).flops : (double)wg_type_count(&operands[inputs].type);
}

double wg_check_flops(wg_tape *tape) {
    double flops = 0;
    size_t most = 0;
    for (size_t i = 0; i < tape->nodes.count; i++)
        if (most < tape->nodes.at[i].input_count) most = tape->nodes.at[i].input_count;
    wg_operand *operands = calloc(most + UINT8_MAX, sizeof *operands);
    if (!operands) return wg_tape_no_memory(tape), 0;
    for (uint32_t i = 0; i < tape->nodes.count; i++)
        if (tape->nodes.at[i].op && !tape->nodes.at[i].output && tape->nodes.at[i].input_count)
            flops += flops_of(tape, i, operands);
    free(operands);
    return flops;
}
