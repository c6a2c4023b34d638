/* expansion — a kernel and its rule against the op written in other ops: the value, and the gradient for a
 * dense cotangent. It sees what differences cannot: which gradient is taken at a tie or a kink. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

static wg_var record_case(wg_tape *tape, const wg_var *inputs, void *context) {
    return (wg_case_record)(tape, context, inputs);
}

/* Value and gradient, one after the other. */
static int evaluate(wg_check *check, wg_point *point, double *numbers) {
    const int64_t count = wg_type_count(&point->output);
    double *seed = malloc(((size_t)count + 1) * sizeof *seed);
    if (!seed) return wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    for (int64_t i = 0; i < count; i++) seed[i] = wg_check_normal(check->options.seed, 5, 0, (uint64_t)i);
    int status = wg_point_value(point, numbers, &check->error);
    if (!status) status = wg_point_gradient(point, seed, numbers + count, &check->error);
    free(seed);
    return status;
}

/* Rounding errors are as large as the largest numbers allow. */
static void compare(wg_check *check, const char *what, const double *own, const double *expanded,
                    int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs(expanded[i]));
    for (int64_t i = 0; i < count; i++) {
        if (fabs(own[i] - expanded[i]) <= check->options.tolerance * largest) continue;
        wg_gradcheck_fail(check->report, &check->where,
                          "the %s is not that of the op's expansion: element %lld is %.17g, there %.17g",
                          what, (long long)i, own[i], expanded[i]);
        return;
    }
}

static int hold_together(wg_check *check, wg_point *own, wg_point *expanded) {
    int status = wg_point_infer(own, &check->error);
    if (!status) status = wg_point_infer(expanded, &check->error);
    if (status) return status;
    const int64_t outputs = wg_type_count(&own->output), columns = wg_point_columns(own);
    double *numbers = calloc((size_t)(2 * (outputs + columns) + 1), sizeof *numbers);
    if (!numbers) return wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    double *others = numbers + outputs + columns;
    status = evaluate(check, own, numbers);
    if (!status) status = evaluate(check, expanded, others);
    if (!status) compare(check, "value", numbers, others, outputs);
    if (!status) compare(check, "gradient", numbers + outputs, others + outputs, columns);
    free(numbers);
    return status;
}

int wg_check_expansion(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, uint64_t held) {
    wg_op composed = *sample->op;
    wg_case own = *sample, expanded = *sample;
    composed.forward = NULL;
    composed.outputs = 1;
    expanded.op = &composed;
    wg_point a, b = {0};
    const int count = sample->input_count;
    int status =
        wg_point_open(&a, record_case, &own, inputs, count, held, check->options.engine, &check->error);
    if (!status)
        status = wg_point_open(&b, record_case, &expanded, inputs, count, held, check->options.engine,
                               &check->error);
    if (!status) status = hold_together(check, &a, &b);
    wg_point_close(&a);
    wg_point_close(&b);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "its expansion cannot be differentiated: %s",
                      check->error.message);
    return WG_OK;
}
