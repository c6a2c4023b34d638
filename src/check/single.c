/* single — the same function of the same numbers in f32. Inputs of cases are f32 numbers, so nothing but the
 * rounding on the way differs: that of f_i is at most e_i as in wengert/check.h, with f32's unit roundoff,
 * and with the size of what cancels where the op states it. The gradient is looked at as a function of the
 * second order, whose Jacobian says how ill-conditioned it is. */
#include "check/check.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Beyond f32's range both are infinite; an f64 number within a rounding of it may be either. */
static bool agrees(double single, double value, double bound) {
    if (single == value || (isnan(single) && isnan(value))) return true;
    if (isinf(single)) return copysign(1, single) == copysign(1, value) && fabs(value) >= FLT_MAX - bound;
    return fabs(single - value) <= bound;
}

static void compare(wg_check *check, const wg_point *point, const double *single, const double *value,
                    const double *size) {
    wg_gradcheck_report *report = check->report;
    const int64_t count = wg_type_count(&point->output);
    const double roundings = (double)(8 + wg_point_reals(point));
    const bool exact = !wg_dtype_real(point->output.dtype);
    for (int64_t i = 0; i < count; i++) {
        const double bound =
            exact ? 0 : roundings * (0x1p-24 * (size[i] + check->single_cancelled) + 0x1p-149);
        const double off = fabs(single[i] - value[i]);
        report->singles++;
        if (off > 0 && off <= bound) report->largest_single = fmax(report->largest_single, off / bound);
        if (agrees(single[i], value[i], bound)) continue;
        wg_gradcheck_fail(report, &check->where,
                          "in f32 element %lld is %.9g, in f64 %.17g: off by %.3g, more than %.3g",
                          (long long)i, single[i], value[i], off, bound);
        return;
    }
}

/* `numbers` has room for three an element. */
static int evaluate_both(wg_check *check, wg_point *point, wg_point *single, double *numbers,
                         const double *value, const double *size) {
    const int64_t count = wg_type_count(&point->output);
    int status = wg_point_infer(single, &check->error);
    if (!status && wg_type_count(&single->output) != count)
        return wg_error_set(&check->error, WG_ERROR_SHAPE, "its value has another shape");
    if (!status) status = wg_point_value(single, numbers, &check->error);
    if (!status && !value) {
        value = numbers + count;
        size = value + count;
        status = wg_point_value(point, numbers + count, &check->error);
        for (int64_t i = 0; i < count; i++) numbers[2 * count + i] = fabs(value[i]);
    }
    if (!status) compare(check, point, numbers, value, size);
    return status;
}

int wg_check_single(wg_check *check, wg_point *point, const double *value, const double *size) {
    if (!check->single) return WG_OK;
    const int64_t count = wg_type_count(&point->output);
    double *numbers = calloc(3 * (size_t)count + 1, sizeof *numbers);
    if (!numbers) return wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    wg_point single;
    int status = wg_point_single(&single, point, check->single, &check->error);
    if (!status) status = evaluate_both(check, point, &single, numbers, value, size);
    wg_point_close(&single);
    free(numbers);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "it cannot be evaluated in f32: %s",
                      check->error.message);
    return WG_OK;
}
