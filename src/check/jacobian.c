/* jacobian — the analytic Jacobian of a function at a point, held element by element against the
 * numeric one. What counts as agreement stands in wengert/check.h; the rounding of the differences is
 * derived in difference.c. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

typedef struct {
    int64_t outputs, columns;
    double *value;    /* f, one number an output */
    double *analytic; /* outputs × columns */
    double *error;    /* bound of f's rounding, one number an output */
    double *size;     /* of what is rounded */
    double each;      /* that of a number of size 1 */
    double *seed;     /* a cotangent */
    double *gradient; /* what it gives, one number a column */
    double *scratch;  /* of the differences */
    wg_difference *column;
    int64_t reals; /* elements of real inputs, held ones included */
} jacobian;

static void *numbers(int64_t rows, int64_t columns, size_t size) {
    int64_t count;
    if (__builtin_mul_overflow(rows, columns, &count) || count > INT64_MAX / (int64_t)size) return NULL;
    return calloc((size_t)wg_max_int(count, 1), size);
}

static int jacobian_open(jacobian *j, const wg_point *point, wg_error *error) {
    *j = (jacobian){.outputs = wg_type_count(&point->output),
                    .columns = wg_point_columns(point),
                    .reals = wg_point_reals(point)};
    j->value = numbers(j->outputs, 1, sizeof(double));
    j->error = numbers(j->outputs, 1, sizeof(double));
    j->size = numbers(j->outputs, 1, sizeof(double));
    j->seed = numbers(j->outputs, 1, sizeof(double));
    j->gradient = numbers(j->columns, 1, sizeof(double));
    j->scratch = numbers(j->outputs, WG_DIFFERENCE_POINTS, sizeof(double));
    j->column = numbers(j->outputs, 1, sizeof(wg_difference));
    j->analytic = numbers(j->outputs, j->columns, sizeof(double));
    const bool complete =
        j->value && j->error && j->size && j->seed && j->gradient && j->scratch && j->column && j->analytic;
    return complete ? WG_OK
                    : wg_error_set(error, WG_ERROR_MEMORY,
                                   "gradient check: no memory for a Jacobian of %lld x %lld",
                                   (long long)j->outputs, (long long)j->columns);
}

static void jacobian_close(jacobian *j) {
    free(j->value);
    free(j->error);
    free(j->size);
    free(j->seed);
    free(j->gradient);
    free(j->scratch);
    free(j->column);
    free(j->analytic);
}

/* Puts down that something else went wrong than one element; passes on what stops the whole check. */
static int failed(wg_check *check, const char *what, int status) {
    if (status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "%s: %s", what, check->error.message);
    return WG_OK;
}

/* Rows by one-hot cotangents. Their size is no 1, so that a rule not linear in the cotangent shows. */
static int find_analytic(wg_check *check, wg_point *point, jacobian *j) {
    for (int64_t i = 0; i < j->outputs; i++) {
        const uint64_t bits = wg_check_bits(check->options.seed, 1, 0, (uint64_t)i);
        const double hot = (1.25 + (double)(bits >> 12 & 0xff) / 512) * (bits >> 63 ? 1 : -1);
        double *row = j->analytic + i * j->columns;
        j->seed[i] = hot;
        const int status = wg_point_gradient(point, j->seed, row, &check->error);
        if (status) return status;
        j->seed[i] = 0;
        for (int64_t k = 0; k < j->columns; k++) row[k] /= hot;
    }
    return WG_OK;
}

/* e = u (8 + n) (|f_i| + sum_j |x_j df_i/dx_j|) for every output, at x. */
static void bound_rounding(const wg_point *point, jacobian *j) {
    j->each = point->unit * (double)(8 + j->reals);
    for (int64_t i = 0; i < j->outputs; i++) {
        const double *row = j->analytic + i * j->columns;
        double size = fabs(j->value[i]);
        for (int input = 0; input < point->count; input++) {
            const int64_t count = point->active[input] ? wg_tensor_count(point->inputs[input]) : 0;
            for (int64_t k = 0; k < count; k++, row++)
                size += isfinite(*row) ? fabs(wg_point_get(point, input, k) * *row) : 0;
        }
        j->size[i] = size;
        j->error[i] = j->each * size;
    }
}

/* One column of it; x is the input's element. What cancels within the rule has the size of the function's own
 * parts by x, and rounds as they do; no value tells of what cancels whole, which is taken to be as large as
 * the cotangent. */
static bool dense_agrees(wg_check *check, const wg_point *point, const jacobian *j, int64_t k, double x) {
    double sum = 0, size = 0, error = 0;
    for (int64_t i = 0; i < j->outputs; i++) {
        const double term = j->seed[i] * j->analytic[i * j->columns + k];
        sum += term;
        size += fabs(term) + fabs(j->seed[i]);
        error += fabs(j->seed[i]) * j->error[i];
    }
    const double roundings = (double)(8 + j->reals + j->outputs);
    const double bound = check->options.tolerance * fmax(fabs(sum), fabs(j->gradient[k])) +
                         point->unit * roundings * size + error / fmax(0x1p-26, fabs(x));
    if (isfinite(bound) && fabs(j->gradient[k] - sum) <= bound) return true;
    wg_gradcheck_fail(check->report, &check->where,
                      "the gradient for a dense cotangent is not the sum of those for one-hot ones: "
                      "column %lld is %.17g, their sum %.17g, tolerance %.3g",
                      (long long)k, j->gradient[k], sum, bound);
    return false;
}

/* The gradient for a cotangent that is nowhere zero must be the sum of the rows. */
static int check_dense(wg_check *check, wg_point *point, jacobian *j) {
    for (int64_t i = 0; i < j->outputs; i++)
        j->seed[i] = wg_check_normal(check->options.seed, 2, 0, (uint64_t)i);
    const int status = wg_point_gradient(point, j->seed, j->gradient, &check->error);
    if (status) return status;
    int64_t k = 0;
    for (int input = 0; input < point->count; input++) {
        const int64_t count = point->active[input] ? wg_tensor_count(point->inputs[input]) : 0;
        for (int64_t element = 0; element < count; element++, k++)
            if (!dense_agrees(check, point, j, k, wg_point_get(point, input, element))) return WG_OK;
    }
    return wg_check_alone(check, point, j->seed, j->gradient);
}

static bool all_zero(const jacobian *j, int64_t first, int64_t count) {
    for (int64_t i = 0; i < j->outputs; i++)
        for (int64_t k = first; k < first + count; k++)
            if (j->analytic[i * j->columns + k] != 0) return false;
    return true;
}

/* Where the function is not differentiable, any number between the one-sided derivatives will do; beside
 * a jump, where at least one of them is infinite, it is the other one or 0. */
static void compare_at_kink(wg_check *check, const wg_difference *d, double error, wg_gradcheck_failure *at) {
    double low = fmin(d->left, d->right), high = fmax(d->left, d->right);
    if (d->verdict == WG_JUMP) {
        low = fmin(low, 0);
        high = fmax(high, 0);
    }
    check->report->kinks++;
    at->tolerance = check->options.tolerance * fmax(fabs(low), fabs(high)) + 20 * error / d->step;
    if (!(at->analytic >= low - at->tolerance && at->analytic <= high + at->tolerance))
        wg_gradcheck_fail(check->report, at, "at a kink, the gradient is not within %.9g and %.9g", low,
                          high);
}

static double smooth_tolerance(const wg_check *check, const wg_difference *d, double analytic, double error) {
    return check->options.tolerance * fmax(fabs(analytic), fabs(d->derivative)) + d->truncation +
           wg_difference_rounding(error, d->step);
}

static void compare_smooth(wg_check *check, const wg_difference *d, double error, wg_gradcheck_failure *at) {
    wg_gradcheck_report *report = check->report;
    const double off = fabs(at->analytic - at->numeric);
    at->tolerance = smooth_tolerance(check, d, at->analytic, error);
    report->elements++;
    report->largest_error = fmax(report->largest_error, off == 0 ? 0 : off / at->tolerance);
    if (!(off <= at->tolerance))
        wg_gradcheck_fail(report, at, "analytic and numeric derivative disagree");
    else if (at->tolerance > check->coarse)
        wg_gradcheck_fail(
            report, at,
            "f32 rounds too coarsely to tell anything, the tolerance being %.3g: check f64 inputs, "
            "or fewer, or smaller parts of the function",
            at->tolerance);
}

static void compare(wg_check *check, const wg_difference *d, double analytic, double error,
                    wg_gradcheck_failure *at) {
    at->analytic = analytic;
    at->numeric = d->derivative;
    at->tolerance = 0;
    if (!isfinite(analytic))
        wg_gradcheck_fail(check->report, at, "the gradient is not a finite number");
    else if (d->verdict == WG_NEVER_FINITE)
        wg_gradcheck_fail(check->report, at, "the function is not finite nearby");
    else if (d->verdict == WG_UNSETTLED)
        wg_gradcheck_fail(check->report, at, "the difference quotients do not settle as the step shrinks");
    else if (d->verdict == WG_SMOOTH)
        compare_smooth(check, d, error, at);
    else
        compare_at_kink(check, d, error, at);
}

/* The bound of f's rounding around x; `zero`: all of the input's gradient is, so that f does not move. */
static double rounding_of(const wg_point *point, const jacobian *j, int64_t i, bool zero) {
    const wg_difference *d = &j->column[i];
    if (zero) return 4 * point->unit * fmax(d->size, fabs(j->value[i]));
    return wg_difference_error(d, j->value[i], j->error[i], j->each);
}

/* Looks again at what disagrees, at shorter steps. */
static int look_again(wg_check *check, wg_point *point, jacobian *j, int input, int64_t element, int64_t i,
                      double analytic, bool zero) {
    enum { TIMES = 2 };
    wg_difference *d = &j->column[i];
    if (d->verdict == WG_JUMP || d->verdict == WG_UNSETTLED) {
        const int status = wg_difference_sharpen(point, input, element, i, j->value[i], j->error[i], j->each,
                                                 check->options.tolerance, d, j->scratch, &check->error);
        if (status) return status;
    }
    for (int time = 0; time < TIMES && d->verdict == WG_SMOOTH && isfinite(analytic); time++) {
        const double error = rounding_of(point, j, i, zero);
        if (fabs(analytic - d->derivative) <= smooth_tolerance(check, d, analytic, error)) break;
        const int status = wg_difference_shorten(point, input, element, i, j->value[i], j->error[i], j->each,
                                                 check->options.tolerance, d, j->scratch, &check->error);
        if (status) return status;
    }
    return WG_OK;
}

/* Every element of one input, whose columns begin at `first`. */
static int check_input(wg_check *check, wg_point *point, jacobian *j, int input, int64_t first) {
    const int64_t count = wg_tensor_count(point->inputs[input]);
    const bool zero = all_zero(j, first, count);
    wg_gradcheck_failure at = check->where;
    at.located = true;
    at.input = input + check->first_input;
    for (int64_t element = 0; element < count; element++) {
        const int status =
            wg_difference_column(point, input, element, j->value, j->error, j->each, check->options.tolerance,
                                 j->column, j->scratch, &check->error);
        if (status) return status;
        at.input_element = element;
        for (int64_t i = 0; i < j->outputs; i++) {
            const double analytic = j->analytic[i * j->columns + first + element];
            const int again = look_again(check, point, j, input, element, i, analytic, zero);
            if (again) return again;
            at.output_element = i;
            compare(check, &j->column[i], analytic, rounding_of(point, j, i, zero), &at);
        }
    }
    return WG_OK;
}

/* Where f32 rounds, the tolerance must be a tenth of the largest entry or less: it grows with the number of
 * inputs and the size of the function, and would let all pass in the end. */
static double coarse_tolerance(const wg_point *point, const jacobian *j) {
    double largest = 0;
    for (int64_t k = 0; k < j->outputs * j->columns; k++) largest = fmax(largest, fabs(j->analytic[k]));
    return point->unit > 0x1p-53 && largest > 0 ? largest / 10 : INFINITY;
}

/* Element by element; the analytic Jacobian is there. */
static int check_inputs(wg_check *check, wg_point *point, jacobian *j) {
    int64_t first = 0;
    for (int input = 0; input < point->count; input++) {
        if (!point->active[input]) continue;
        const int status = check_input(check, point, j, input, first);
        if (status) return status;
        first += wg_tensor_count(point->inputs[input]);
    }
    return WG_OK;
}

static int check_all(wg_check *check, wg_point *point, jacobian *j) {
    const bool empty = j->outputs == 0 || j->columns == 0;
    int status = wg_point_value(point, j->value, &check->error);
    if (status) return failed(check, "the function cannot be evaluated", status);
    status = wg_point_repeat(point, j->value, j->scratch, &check->error);
    if (status) return failed(check, "the function does not compute the same each time", status);
    for (int64_t i = 0; i < j->outputs && !empty; i++) {
        if (isfinite(j->value[i])) continue;
        wg_gradcheck_fail(check->report, &check->where, "the function's element %lld is %g", (long long)i,
                          j->value[i]);
        return WG_OK;
    }
    status = find_analytic(check, point, j);
    if (!status) {
        bound_rounding(point, j);
        status = check_dense(check, point, j);
    }
    if (status) return failed(check, "there is no gradient", status);
    check->coarse = coarse_tolerance(point, j);
    status = wg_check_single(check, point, j->value, j->size);
    if (status) return status;
    return check_inputs(check, point, j);
}

int wg_check_jacobian(wg_check *check, wg_point *point) {
    int status = wg_point_infer(point, &check->error);
    if (status) return failed(check, "the function cannot be recorded", status);
    if (!wg_dtype_real(point->output.dtype)) {
        wg_gradcheck_fail(check->report, &check->where,
                          "the function's value is %s: only f32 and f64 have gradients",
                          wg_dtype_name(point->output.dtype));
        return WG_OK;
    }
    jacobian j;
    status = jacobian_open(&j, point, &check->error);
    if (!status) status = check_all(check, point, &j);
    jacobian_close(&j);
    return status;
}
