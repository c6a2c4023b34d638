/* blocked — real inputs from which an op keeps gradients (wg_op.blocked_inputs): its value may change with
 * them by jumps alone, or else the op says why (wg_op.blocked_because;
 * no_gradient, of all inputs of an op with WG_BLOCKS). */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    int64_t outputs;
    double *value, *error, *scratch;
    wg_difference *column;
} differences;

static bool open_differences(differences *d, int64_t outputs) {
    const size_t count = (size_t)outputs + 1;
    d->outputs = outputs;
    d->value = calloc(count, sizeof *d->value);
    d->error = calloc(count, sizeof *d->error);
    d->scratch = calloc(count * WG_DIFFERENCE_POINTS, sizeof *d->scratch);
    d->column = calloc(count, sizeof *d->column);
    return d->value && d->error && d->scratch && d->column;
}

static void close_differences(differences *d) {
    free(d->value);
    free(d->error);
    free(d->scratch);
    free(d->column);
}

/* Does an output change smoothly with the element, by more than rounding? */
static bool changes(const differences *d, double each, int64_t *output) {
    for (int64_t i = 0; i < d->outputs; i++) {
        const wg_difference *at = &d->column[i];
        if (at->verdict != WG_SMOOTH) continue;
        const double error = wg_difference_error(at, d->value[i], d->error[i], each);
        *output = i;
        if (fabs(at->derivative) > wg_difference_rounding(error, at->step) + at->truncation) return true;
    }
    return false;
}

static int look(wg_check *check, wg_point *point, differences *d) {
    const double each = point->unit * (double)(8 + wg_point_reals(point));
    int status = wg_point_value(point, d->value, &check->error);
    for (int64_t i = 0; i < d->outputs; i++) d->error[i] = each * fabs(d->value[i]);
    for (int input = 0; input < point->count && !status; input++) {
        const int64_t count = point->active[input] ? wg_tensor_count(point->inputs[input]) : 0;
        for (int64_t element = 0; element < count && !status; element++) {
            int64_t output;
            status = wg_difference_column(point, input, element, d->value, d->error, each,
                                          check->options.tolerance, d->column, d->scratch, &check->error);
            if (status || !changes(d, each, &output)) continue;
            wg_gradcheck_fail(
                check->report, &check->where,
                "input %d is declared to have no gradient, but element %lld of the value changes by "
                "%.9g with its element %lld: it needs a rule, or a reason (blocked_because, or no_gradient "
                "of all)",
                input, (long long)output, d->column[output].derivative, (long long)element);
            return WG_OK;
        }
    }
    return status;
}

int wg_check_blocked(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs,
                     int count, uint64_t blocked) {
    differences d = {0};
    wg_point point;
    int status = wg_point_open(&point, function, context, inputs, count, ~blocked, check->options.engine,
                               &check->error);
    if (!status && wg_point_columns(&point) > 0) {
        status = wg_point_infer(&point, &check->error);
        if (!status && !open_differences(&d, wg_type_count(&point.output)))
            status = wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
        if (!status) status = look(check, &point, &d);
    }
    close_differences(&d);
    wg_point_close(&point);
    return status == WG_ERROR_MEMORY ? status
                                     : WG_OK; /* what is not defined beside the sample tells nothing */
}
