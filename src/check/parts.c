/* parts — a rule is told which inputs are asked for and which outputs have a cotangent, and may take shorter
 * ways by it. What it gives must not depend on that: the gradient for one input is the same if it alone is
 * asked for, and that for the cotangents of all outputs is the sum of those for one output each. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/ops.h>

/* As far apart as roundings of numbers as large as the largest. */
static bool alike(wg_check *check, const wg_point *point, const char *format, int input, const double *part,
                  const double *whole, int64_t count) {
    double largest = 0;
    for (int64_t i = 0; i < count; i++) largest = fmax(largest, fmax(fabs(part[i]), fabs(whole[i])));
    const double rounding = point->unit * (double)(8 + wg_point_reals(point)) * largest;
    for (int64_t i = 0; i < count; i++) {
        const double size = fmax(fabs(part[i]), fabs(whole[i]));
        if (isfinite(size) && fabs(part[i] - whole[i]) <= check->options.tolerance * size + rounding)
            continue;
        char what[160];
        snprintf(what, sizeof what, format, input);
        wg_gradcheck_fail(check->report, &check->where, "%s: element %lld is %.17g, there %.17g", what,
                          (long long)i, part[i], whole[i]);
        return false;
    }
    return true;
}

/* --- Inputs ------------------------------------------------------------------------------------- */

/* Asks for each of the active inputs; `one` is all false. */
static int ask_for_each(wg_check *check, wg_point *point, bool *one, const double *seed, const double *whole,
                        double *alone) {
    bool *active = point->active;
    int status = WG_OK;
    for (int input = 0; input < point->count && !status; input++) {
        if (!active[input]) continue;
        const int64_t count = wg_tensor_count(point->inputs[input]);
        one[input] = true;
        point->active = one;
        status = wg_point_gradient(point, seed, alone, &check->error);
        point->active = active;
        one[input] = false;
        if (!status &&
            !alike(check, point, "the gradient for input %d is another if no other input's is asked for",
                   input + check->first_input, alone, whole, count))
            return WG_OK;
        whole += count;
    }
    return status;
}

int wg_check_alone(wg_check *check, wg_point *point, const double *seed, const double *gradient) {
    bool *one = calloc((size_t)point->count + 1, sizeof *one);
    double *alone = calloc((size_t)wg_point_columns(point) + 1, sizeof *alone);
    const int status = one && alone
                           ? ask_for_each(check, point, one, seed, gradient, alone)
                           : wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    free(one);
    free(alone);
    return status;
}

/* --- Outputs ------------------------------------------------------------------------------------ */

typedef struct {
    const wg_case *sample;
    unsigned outputs; /* bit i: output i is one of them, if it is real */
} outputs_of;

/* Their elements, one output after the other. */
static wg_var record_outputs(wg_tape *tape, const wg_var *inputs, void *context) {
    const outputs_of *of = context;
    wg_var first = (wg_case_record)(tape, of->sample, inputs), flat[8];
    int count = 0;
    for (int i = 0; i < of->sample->op->outputs && count < 7; i++) {
        wg_var y = i ? (wg_output)(first, i) : first;
        if (of->outputs >> i & 1 && wg_dtype_real(wg_type_of(y).dtype))
            flat[count++] = wg_reshape(y, WG_SHAPE(-1));
    }
    flat[count] = (wg_var)WG_END_;
    return count == 1 ? flat[0] : count ? wg_concat_list(0, flat) : WG_NONE;
}

/* The gradient for a dense cotangent, whose elements are numbered from *begin on; moves it on. */
static int dense_gradient(wg_check *check, wg_point *point, int64_t *begin, double *gradient) {
    int status = wg_point_infer(point, &check->error);
    const int64_t count = status ? 0 : wg_type_count(&point->output);
    double *seed = malloc(((size_t)count + 1) * sizeof *seed);
    if (!seed) return wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    for (int64_t i = 0; i < count; i++)
        seed[i] = wg_check_normal(check->options.seed, 8, 0, (uint64_t)(*begin + i));
    *begin += count;
    if (!status) status = wg_point_gradient(point, seed, gradient, &check->error);
    free(seed);
    return status;
}

static int hold_to_sum(wg_check *check, wg_point *point, outputs_of *of, unsigned real, double *numbers) {
    const int64_t columns = wg_point_columns(point);
    double *sum = numbers, *gradient = numbers + columns;
    int64_t begin = 0;
    int status = WG_OK;
    for (int i = 0; i < of->sample->op->outputs && !status; i++) {
        of->outputs = 1u << i;
        if (!(real & of->outputs)) continue;
        status = dense_gradient(check, point, &begin, gradient);
        for (int64_t k = 0; k < columns && !status; k++) sum[k] += gradient[k];
    }
    of->outputs = real;
    begin = 0;
    if (!status) status = dense_gradient(check, point, &begin, gradient);
    if (!status)
        alike(check, point, "the gradient for all %d outputs is not the sum of those for one of them",
              __builtin_popcount(real), gradient, sum, columns);
    return status;
}

int wg_check_together(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, unsigned real) {
    outputs_of of = {sample, real};
    wg_point point;
    int status = wg_point_open(&point, record_outputs, &of, inputs, sample->input_count,
                               sample->op->blocked_inputs | check->options.held_inputs, check->options.engine,
                               &check->error);
    double *numbers = status ? NULL : calloc(2 * (size_t)wg_point_columns(&point) + 1, sizeof *numbers);
    if (!status && !numbers)
        status = wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    if (!status) status = hold_to_sum(check, &point, &of, real, numbers);
    free(numbers);
    wg_point_close(&point);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "there is no gradient of all outputs: %s",
                      check->error.message);
    return WG_OK;
}

/* --- One var as two inputs ------------------------------------------------------------------------ */

enum { MOST_INPUTS = 64 };

typedef struct {
    const wg_case *sample;
    int one, other; /* inputs; the first stands for the other too if `shared` */
    bool shared;
} shared_of;

static wg_var record_shared(wg_tape *tape, const wg_var *inputs, void *context) {
    const shared_of *of = context;
    wg_var list[MOST_INPUTS + 1];
    memcpy(list, inputs, ((size_t)of->sample->input_count + 1) * sizeof *list);
    if (of->shared) list[of->other] = list[of->one];
    return (wg_case_record)(tape, of->sample, list);
}

/* The value of output 0, and the gradient for a dense cotangent, one after the other; NULL: it has none. */
static double *value_and_gradient(wg_check *check, shared_of *of, wg_tensor *const *inputs, bool shared,
                                  int64_t *outputs, wg_point *point) {
    uint64_t held = ~(UINT64_C(1) << of->one | UINT64_C(1) << of->other);
    int64_t begin = 0;
    of->shared = shared;
    if (shared) held |= UINT64_C(1) << of->other;
    int status = wg_point_open(point, record_shared, of, inputs, of->sample->input_count, held,
                               check->options.engine, &check->error);
    if (!status) status = wg_point_infer(point, &check->error);
    *outputs = status ? 0 : wg_type_count(&point->output);
    double *numbers =
        status ? NULL : calloc((size_t)(*outputs + wg_point_columns(point)) + 1, sizeof *numbers);
    if (!status && !numbers)
        status = wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    if (!status) status = wg_point_value(point, numbers, &check->error);
    if (!status) status = dense_gradient(check, point, &begin, numbers + *outputs);
    if (!status) return numbers;
    free(numbers);
    return NULL;
}

static bool all_finite(const double *x, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* With the numbers of the first in both, where the op is defined there. */
static int hold_shared(wg_check *check, shared_of *of, wg_tensor *const *inputs) {
    wg_point apart, together;
    int64_t outputs, others;
    check->error.status = WG_OK;
    const int64_t count = wg_tensor_count(inputs[of->one]);
    double *two = value_and_gradient(check, of, inputs, false, &outputs, &apart);
    double *one = value_and_gradient(check, of, inputs, true, &others, &together);
    if (two && all_finite(two, outputs + 2 * count)) {
        double *sum = two + outputs;
        for (int64_t i = 0; i < count; i++) sum[i] += sum[count + i];
        if (!one && check->error.status != WG_ERROR_MEMORY)
            wg_gradcheck_fail(check->report, &check->where, "one var cannot be both of two inputs: %s",
                              check->error.message);
        else if (one && alike(check, &apart, "the value is another if one var is both of %d inputs", 2, one,
                              two, outputs))
            alike(check, &apart,
                  "the gradient for one var that is both of %d inputs is not the sum of theirs", 2,
                  one + outputs, sum, count);
    }
    free(one);
    free(two);
    wg_point_close(&apart);
    wg_point_close(&together);
    return check->error.status == WG_ERROR_MEMORY ? WG_ERROR_MEMORY : WG_OK;
}

int wg_check_shared(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, uint64_t held) {
    shared_of of = {.sample = sample};
    wg_tensor *list[MOST_INPUTS];
    if (sample->input_count > MOST_INPUTS) return WG_OK;
    for (int j = 1; j < sample->input_count; j++)
        for (int i = 0; i < j; i++) {
            if (!inputs[i] || !inputs[j] || held >> i & 1 || held >> j & 1) continue;
            const wg_type a = wg_tensor_type(inputs[i]), b = wg_tensor_type(inputs[j]);
            if (!wg_dtype_real(a.dtype) || !wg_type_equal(&a, &b) || !wg_type_count(&a)) continue;
            memcpy(list, inputs, (size_t)sample->input_count * sizeof *list);
            list[of.other = j] = inputs[of.one = i];
            return hold_shared(check, &of, list); /* one pair will do */
        }
    return WG_OK;
}
