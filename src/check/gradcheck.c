/* gradcheck — the check of a function, of first and second order.
 *
 * The second order is the first order of the gradient: of g(v, x) = d/dx sum(v * f(x)), one input x
 * after the other, as a function of the cotangent v and of all inputs; and the Hessian's symmetry. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

int wg_check_open(wg_check *check, wg_gradcheck_report *report, const wg_gradcheck_options *options) {
    *check = (wg_check){.report = report};
    *report = (wg_gradcheck_report){0};
    if (options)
        memcpy(&check->options, options, options->size_ < sizeof *options ? options->size_ : sizeof *options);
    wg_gradcheck_options *o = &check->options;
    if (o->tolerance == 0) o->tolerance = 1e-7;
    check->where = (wg_gradcheck_failure){.seed = o->seed, .order = o->order};
    if (o->order < 0 || o->order > 2 || !(o->tolerance > 0 && o->tolerance < 1) || o->sample < 0 ||
        o->directions < 0 || (o->directions && o->order == 2))
        return wg_error_set(&check->error, WG_ERROR_ATTRIBUTE,
                            "gradient check: order must be 1 or 2, and 1 with directions; tolerance within 0 "
                            "and 1, sample at least 1");
    return WG_OK;
}

int64_t wg_check_compared(const wg_check *check) {
    const wg_gradcheck_report *report = check->report;
    return report->elements + report->directions + report->kinks + report->failures;
}

void wg_check_options_text(const wg_check *check, char *text, size_t size) {
    const wg_gradcheck_options *o = &check->options;
    if (o->directions)
        snprintf(text, size, ".seed = %lluu, .directions = %d", (unsigned long long)o->seed, o->directions);
    else
        snprintf(text, size, ".seed = %lluu, .tolerance = %g", (unsigned long long)o->seed, o->tolerance);
}

int wg_check_close(wg_check *check, int status) {
    wg_gradcheck_report *report = check->report;
    if (status) {
        wg_gradcheck_fail(report, &check->where, "the check could not be carried out: %s",
                          check->error.message);
        return status;
    }
    const bool refused =
        report->not_differentiable && report->samples > 0 && report->samples_blocked == report->samples;
    const bool nothing =
        (!report->elements && !report->directions) || report->samples == report->samples_empty;
    if (nothing && !report->failures && !refused)
        wg_gradcheck_fail(report, &check->where,
                          report->kinks ? "nothing but kinks: no element was compared"
                                        : "no element was compared");
    return report->failures ? WG_ERROR_GRADIENT : WG_OK;
}

static int check_first_order(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs,
                             int count, uint64_t held) {
    wg_point point;
    int status =
        wg_point_open(&point, function, context, inputs, count, held, check->options.engine, &check->error);
    point.gradient_as = check->where.order == 1 ? check->gradient_as : NULL;
    if (!status)
        status =
            check->options.directions ? wg_check_directions(check, &point) : wg_check_jacobian(check, &point);
    wg_point_close(&point);
    return status;
}

typedef struct {
    wg_function *function;
    void *context;
    int input; /* whose gradient it is */
} gradient_of;

/* g(v, x) for one input: inputs[0] is v. */
static wg_var gradient(wg_tape *tape, const wg_var *inputs, void *context) {
    const gradient_of *of = context;
    wg_var y = of->function(tape, inputs + 1, of->context), dx = WG_NONE;
    wg_grad_list(y, inputs[0], &inputs[1 + of->input], 1, &dx);
    return dx;
}

static wg_tensor *cotangent(const wg_point *point, uint64_t seed, wg_error *error) {
    wg_tensor *v = wg_tensor_of_type(&point->output, error);
    for (int64_t i = 0, count = v ? wg_tensor_count(v) : 0; i < count; i++) {
        const double x = wg_check_normal(seed, 3, 0, (uint64_t)i);
        if (point->output.dtype == WG_F32)
            ((float *)wg_tensor_writable(v))[i] = (float)x;
        else
            ((double *)wg_tensor_writable(v))[i] = (float)x;
    }
    return v;
}

/* The cotangent is f32 as well where the function's value then is. */
static int single_of_gradient(wg_check *check, const wg_point *point) {
    if (!check->single) return WG_OK;
    wg_point single;
    int status = wg_point_single(&single, point, check->single, &check->error);
    if (!status) status = wg_point_infer(&single, &check->error);
    check->single = check->single << 1 | (single.output.dtype == WG_F32);
    wg_point_close(&single);
    return status;
}

/* For each active input in turn; `extended` has room for the cotangent before the inputs. */
static int check_gradients(wg_check *check, const wg_point *point, wg_tensor *const *extended,
                           uint64_t held) {
    wg_check second = *check;
    second.first_input = -1;
    second.where.order = 2;
    int status = single_of_gradient(&second, point);
    for (int input = 0; input < point->count && !status; input++) {
        if (!point->active[input]) continue;
        gradient_of of = {point->function, point->context, input};
        second.where.output = input;
        status = check_first_order(&second, gradient, &of, extended, point->count + 1, held << 1);
    }
    check->error = second.error;
    return status;
}

static int check_second_order(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs,
                              int count, uint64_t held) {
    wg_point point;
    wg_tensor **extended = calloc((size_t)count + 1, sizeof *extended);
    int status =
        wg_point_open(&point, function, context, inputs, count, held, check->options.engine, &check->error);
    if (!status && !extended)
        status = wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    /* A function that cannot be recorded or has no real value is the first order's failure. */
    if (!status && wg_point_infer(&point, &check->error) == WG_OK && wg_dtype_real(point.output.dtype)) {
        status = wg_check_symmetry(check, &point);
        memcpy(extended + 1, point.inputs, (size_t)count * sizeof *extended);
        if (!status) extended[0] = cotangent(&point, check->options.seed, &check->error);
        if (!status)
            status = extended[0] ? check_gradients(check, &point, extended, held) : check->error.status;
        wg_tensor_free(extended[0]);
    }
    wg_point_close(&point);
    free(extended);
    return status;
}

int wg_check_orders(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs,
                    int count, uint64_t held) {
    int status = WG_OK;
    const int64_t before = wg_check_compared(check);
    if (check->options.order != 2) {
        check->where.order = 1;
        status = check_first_order(check, function, context, inputs, count, held);
        check->compared = check->compared || wg_check_compared(check) > before;
    }
    if (!status && check->options.order != 1 && !check->options.directions) {
        check->where.order = 2;
        status = check_second_order(check, function, context, inputs, count, held);
        check->compared = check->compared || (check->options.order == 2 && wg_check_compared(check) > before);
    }
    return status;
}

int (wg_gradcheck)(wg_function *function, void *context, wg_tensor *const *inputs, int count,
                  wg_gradcheck_report *report, const wg_gradcheck_options *options) {
    if (!report) return WG_ERROR_TAPE;
    wg_check check;
    int status = wg_check_open(&check, report, options);
    if (!status && (!function || (!inputs && count > 0) || count < 0))
        status = wg_error_set(
            &check.error, WG_ERROR_TAPE,
            "gradient check: the function is NULL, or its inputs are, or there are %d of them", count);
    const wg_gradcheck_options *o = &check.options;
    snprintf(report->name, sizeof report->name, "%s", o->name ? o->name : "function");
    char further[80];
    wg_check_options_text(&check, further, sizeof further);
    snprintf(check.where.reproduce, sizeof check.where.reproduce,
             "wg_gradcheck(%s, context, inputs, %d, &report, %s);", report->name, count, further);
    if (!status) status = wg_check_orders(&check, function, context, inputs, count, o->held_inputs);
    report->samples = 1;
    report->samples_empty = !check.compared && !report->failures;
    return wg_check_close(&check, status);
}
