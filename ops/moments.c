/* var, std, norm, logsumexp, any, all — along axes, composed of others. r runs over the n reduced elements of output
 * k, m is a constant to derivatives, and 1
 * (logsumexp: 0) where it is beyond 2^126 (f64: 2^1022).
 *
 *     var:        y[k] = sum_r (d[k, r] - mean_k(d))² / max(0, n - correction),  d = x - m,  m = mean_k(x) as rounded
 *     std:        y[k] = sqrt(var[k]);  its gradient is 0 where y is 0, as in PyTorch
 *     norm:       y[k] = m (sum_r (|x[k, r]| / m)^p)^(1/p),  m = max_r |x[k, r]|     no power overflows
 *                 p = inf: max_r |x|, p = -inf: min_r |x|, p = 0: how many are not 0
 *     logsumexp:  y[k] = m + log(sum_r exp(x[k, r] - m)),  m = max_r x[k, r]
 *     any, all:   is an element (are all) not 0?
 *
 * The mean of many equal numbers may be off by a few units in the last place, that of the differences d, which are then
 * equal and have few digits, is not: so equal numbers have variance 0, and large means do no harm.
 *
 * The gradient of norm is 0 where all elements are (torch.linalg.vector_norm), and for every element that is 0 where
 * p < 1 makes its slope infinite. Where the largest counts alone, the first of equals gets the gradient; PyTorch
 * shares it among them. */
#include "reduce.h"

#ifdef WG_RULES

typedef struct {
    wg_axes axes;
    bool keepdims;
    double correction;
} var_attributes;
typedef struct {
    wg_axes axes;
    bool keepdims;
    double p;
} norm_attributes;

static const wg_attribute var_schema[] = {
    REDUCE_ATTRIBUTES(var_attributes),
    WG_ATTRIBUTE(var_attributes, correction, .kind = WG_ATTRIBUTE_REAL, .preset = 1,
                 .meaning = "subtracted from the count that the sum is divided by"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute norm_schema[] = {
    REDUCE_ATTRIBUTES(norm_attributes),
    WG_ATTRIBUTE(norm_attributes, p, .kind = WG_ATTRIBUTE_REAL, .preset = 2, .meaning = "the power"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute schema[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};

/* --- Shape rules: the attributes begin with those of reduce_attributes ---------------------------- */

static int infer_real(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    return status ? status : reduce_infer(infer);
}

static int64_t count_of(const wg_type *x, const wg_axes *axes) {
    return reduction_of(x, reduced_axes(axes)).count;
}

static int infer_deviation(wg_infer *infer) {
    const double correction = ((const var_attributes *)infer->attributes)->correction;
    if (correction != correction)
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "correction is NaN; it must be a number");
    return infer_real(infer);
}

static int infer_norm(wg_infer *infer) {
    const int status = infer_real(infer);
    const norm_attributes *a = infer->attributes;
    if (status) return status;
    if (a->p != a->p) return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "p is NaN; it must be a number or an infinity");
    if ((a->p >= 0 && a->p <= 0x1p1023) || count_of(&infer->inputs[0], &a->axes)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s: of no elements there is no norm for p = %g",
                         wg_infer_shape_text(infer, &infer->inputs[0]), a->p);
}

static int infer_bool(wg_infer *infer) {
    const int status = reduce_infer(infer);
    infer->outputs[0].dtype = WG_BOOL;
    return status;
}

/* --- Expansions -------------------------------------------------------------------------------------- */

static wg_var var_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const var_attributes *a = attributes;
    const wg_type type = wg_type_of(inputs[0]);
    const double divisor = (double)count_of(&type, &a->axes) - a->correction;
    wg_var m = wg_stop_gradient(wg_mean(inputs[0], &a->axes, .keepdims = true)), d = wg_sub(inputs[0], m);
    wg_var off = wg_sub(d, wg_mean(d, &a->axes, .keepdims = true));
    wg_var sum = wg_sum(wg_square(off), &a->axes, .keepdims = a->keepdims);
    return wg_div(sum, wg_scalar(tape, divisor > 0 ? divisor : 0));
}

/* sqrt(x), whose gradient is 0 where x is 0. */
static wg_var root(wg_tape *tape, wg_var x) {
    wg_var zero = wg_equal(x, wg_scalar(tape, 0));
    return wg_where(zero, wg_scalar(tape, 0), wg_sqrt(wg_where(zero, wg_scalar(tape, 1), x)));
}

static wg_var std_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    return root(tape, var_expand(tape, inputs, attributes));
}

/* m where it is far from infinity, else other. */
static wg_var finite_or(wg_tape *tape, wg_var m, double other) {
    const double most = wg_type_of(m).dtype == WG_F32 ? 0x1p126 : 0x1p1022;
    return wg_where(wg_less_equal(wg_abs(m), wg_scalar(tape, most)), m, wg_scalar(tape, other));
}

/* m where it is a number to scale with, else 1. */
static wg_var scale_of(wg_tape *tape, wg_var m) {
    return wg_where(wg_greater(m, wg_scalar(tape, 0)), finite_or(tape, m, 1), wg_scalar(tape, 1));
}

static wg_var reshaped_like(wg_var x, wg_var like) {
    const wg_type type = wg_type_of(like);
    const wg_shape shape = wg_shape_of(&type);
    return wg_reshape(x, &shape);
}

/* (sum x^p)^(1/p) of scaled x >= 0. Elements that are 0 are left out where their slope or value is infinite. */
static wg_var power_sum(wg_tape *tape, wg_var x, const norm_attributes *a) {
    wg_var p = wg_scalar(tape, a->p), one = wg_scalar(tape, 1), zero = wg_scalar(tape, 0);
    if (a->p < 1 && a->p > 0) {
        wg_var none = wg_equal(x, zero);
        x = wg_where(none, zero, wg_pow(wg_where(none, one, x), p));
    } else {
        x = wg_pow(x, p);
    }
    wg_var sum = wg_sum(x, &a->axes, .keepdims = a->keepdims), none = wg_equal(sum, zero);
    wg_var power = wg_pow(wg_where(none, one, sum), wg_scalar(tape, 1 / a->p));
    return wg_where(none, zero, power);
}

static wg_var norm_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const norm_attributes *a = attributes;
    const double infinity = __builtin_inf();
    wg_var x = inputs[0], size = wg_abs(x);
    const wg_type type = wg_type_of(x);
    if (a->p == 1) return wg_sum(size, &a->axes, .keepdims = a->keepdims);
    if (a->p == infinity) return wg_max(size, &a->axes, .keepdims = a->keepdims);
    if (a->p == -infinity) return wg_min(size, &a->axes, .keepdims = a->keepdims);
    if (a->p == 0)
        return wg_sum(wg_abs(WG_RECORD(&wg_op_sign, NULL, x)), &a->axes, .keepdims = a->keepdims);
    if (!count_of(&type, &a->axes)) return wg_sum(size, &a->axes, .keepdims = a->keepdims);
    wg_var m = scale_of(tape, wg_stop_gradient(wg_max(size, &a->axes, .keepdims = true)));
    wg_var scaled = wg_div(a->p == 2 ? x : size, m);
    wg_var y = a->p == 2 ? root(tape, wg_sum(wg_square(scaled), &a->axes, .keepdims = a->keepdims))
                         : power_sum(tape, scaled, a);
    return wg_mul(y, reshaped_like(m, y));
}

static wg_var logsumexp_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const reduce_attributes *a = attributes;
    const wg_type type = wg_type_of(inputs[0]);
    wg_var x = inputs[0];
    if (!count_of(&type, &a->axes)) return wg_log(wg_sum(x, &a->axes, .keepdims = a->keepdims));
    wg_var m = finite_or(tape, wg_stop_gradient(wg_max(x, &a->axes, .keepdims = true)), 0);
    wg_var y = wg_log(wg_sum(wg_exp(wg_sub(x, m)), &a->axes, .keepdims = a->keepdims));
    return wg_add(y, reshaped_like(m, y));
}

/* How many elements are not 0, against a number. */
static wg_var compared_count(wg_tape *tape, const wg_var *inputs, const reduce_attributes *a, bool all) {
    const wg_type type = wg_type_of(inputs[0]);
    wg_var holds = wg_cast(wg_cast(inputs[0], WG_BOOL), WG_I64);
    wg_var sum = wg_sum(holds, &a->axes, .keepdims = a->keepdims);
    wg_var wanted = wg_full(tape, WG_I64, WG_SCALAR_SHAPE, all ? (double)count_of(&type, &a->axes) : 0);
    return all ? wg_equal(sum, wanted) : wg_not_equal(sum, wanted);
}
static wg_var any_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    return compared_count(tape, inputs, attributes, false);
}
static wg_var all_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    return compared_count(tape, inputs, attributes, true);
}

/* --- Samples ----------------------------------------------------------------------------------------- */

enum { SOME = REDUCE_CASES - REDUCE_CASES_OF_NONE };

/* How many elements a case has, and how many are reduced to one. */
static int64_t elements_of(const reduce_case *at, int64_t *count) {
    wg_type x = {.rank = 0};
    for (; x.rank < WG_MAX_RANK && at->shape.extent[x.rank] != INT64_MIN; x.rank++)
        x.extent[x.rank] = at->shape.extent[x.rank];
    unsigned reduced = at->axes.axis[0] == INT_MIN ? (1u << x.rank) - 1 : 0;
    for (int i = 0; at->axes.axis[i] != INT_MIN; i++)
        reduced |= 1u << (at->axes.axis[i] + (at->axes.axis[i] < 0 ? x.rank : 0));
    *count = reduction_of(&x, reduced).count;
    return wg_type_count(&x);
}
enum { FEW = 64 }; /* elements of a case that is tried more than once */

/* Of one element the deviation is 0, where std has a kink. */
static void deviations(wg_sampler *s, double correction) {
    for (int i = 0; i < SOME; i++) {
        int64_t count;
        const int64_t elements = elements_of(&reduce_cases[i], &count);
        const var_attributes with = {reduce_cases[i].axes, reduce_cases[i].keepdims, correction};
        if (count > 1 && (elements <= FEW || correction == 1)) WG_SAMPLE(s, &with, {.shape = &reduce_cases[i].shape});
    }
}
static void deviation_samples(wg_sampler *s) {
    deviations(s, 1);
    deviations(s, 0);
    const var_attributes with = {{{0, INT_MIN}}, false, 1.5};
    WG_SAMPLE(s, &with, {.shape = WG_SHAPE(5, 3)});
    WG_SAMPLE(s, &with, {.shape = WG_SHAPE(9, 2), .values = WG_UNIFORM, .low = 1000, .high = 1001});
}

static void norm_samples(wg_sampler *s) {
    static const double powers[] = {2, 1, 3, 0.5, -1};
    for (int k = 0; k < 5; k++)
        for (int i = 0; i < SOME; i++) {
            const norm_attributes with = {reduce_cases[i].axes, reduce_cases[i].keepdims, powers[k]};
            int64_t count;
            if (k && elements_of(&reduce_cases[i], &count) > FEW) continue;
            if (k > 1 && (i % 3 || count == 1)) continue; /* of one, all second derivatives cancel to 0 */
            WG_SAMPLE(s, &with, {.shape = &reduce_cases[i].shape, .values = WG_DISTINCT});
        }
    const norm_attributes most = {{{1, INT_MIN}}, true, __builtin_inf()}, least = {{{0, INT_MIN}}, false, -__builtin_inf()};
    WG_SAMPLE(s, &most, {.shape = WG_SHAPE(3, 7), .values = WG_DISTINCT});
    WG_SAMPLE(s, &least, {.shape = WG_SHAPE(3, 7), .values = WG_DISTINCT});
    WG_SAMPLE(s, (&(norm_attributes){{{0, INT_MIN}}, false, 0}), {.shape = WG_SHAPE(7, 2), .values = WG_DISTINCT});
    WG_SAMPLE(s, (&(norm_attributes){{{0, INT_MIN}}, false, 2}), {.shape = WG_SHAPE(0, 2)});
}

static void sample_cases(wg_sampler *s, int cases, wg_dtype dtype, double low, double high) {
    for (int i = 0; i < cases; i++) {
        const reduce_attributes with = {reduce_cases[i].axes, reduce_cases[i].keepdims};
        WG_SAMPLE(s, &with, {.dtype = dtype, .shape = &reduce_cases[i].shape,
                             .values = dtype ? WG_INTEGERS : WG_UNIFORM, .low = low, .high = high});
    }
}
static void logsumexp_samples(wg_sampler *s) {
    sample_cases(s, SOME, WG_NO_DTYPE, -3, 3);
    const reduce_attributes with = {{{-1, INT_MIN}}, false};
    for (int i = 0; i < 7; i++)
        WG_SAMPLE(s, &with, {.shape = WG_SHAPE(2, 3 + i), .values = WG_UNIFORM, .low = 9990 - i, .high = 9999});
}
static void bool_samples(wg_sampler *s) {
    sample_cases(s, REDUCE_CASES, WG_BOOL, 0, 1);
    sample_cases(s, REDUCE_CASES, WG_I32, -1, 1);
    sample_cases(s, 8, WG_U8, 0, 2);
    sample_cases(s, 8, WG_F32, 0, 1);
}

/* --- The ops ----------------------------------------------------------------------------------------- */

#define COMPOSED(op, formula_text, shapes_text, gradient_text, onnx_name, torch_name, schema_of,             \
                 attributes_of, shape_rule, cases, more)                                                     \
    const wg_op wg_op_##op = {                                                                               \
        .name = #op, .formula = formula_text, .onnx = onnx_name, .torch = torch_name,                        \
        .shapes = shapes_text, .gradient = gradient_text,                                                    \
        .inputs = 1, .outputs = 1, .flags = more, .attributes = schema_of,                                   \
        .attributes_size = sizeof(attributes_of), .infer = shape_rule, .expand = op##_expand,                \
        .samples = cases,                                                                                    \
    };
COMPOSED(var, "y[k] = sum_r (x[k, r] - mean[k])^2 / (n - correction)",
         "x [*] -> y [*]; without the reduced axes, or with extent 1",
         "dx[k, r] = 2 dy[k] (x[k, r] - mean[k]) / (n - correction)", NULL, "var", var_schema, var_attributes,
         infer_deviation, deviation_samples, 0)
COMPOSED(std, "y[k] = sqrt(var[k])", "x [*] -> y [*]; without the reduced axes, or with extent 1",
         "dx[k, r] = dy[k] (x[k, r] - mean[k]) / ((n - correction) y[k]), 0 where y = 0", NULL, "std",
         var_schema, var_attributes, infer_deviation, deviation_samples, 0)
COMPOSED(norm, "y[k] = (sum_r |x[k, r]|^p)^(1/p)",
         "x [*] -> y [*]; without the reduced axes, or with extent 1",
         "dx[k, r] = dy[k] sign(x[k, r]) (|x[k, r]| / y[k])^(p - 1), 0 where y = 0", "ReduceL2",
         "linalg.vector_norm", norm_schema, norm_attributes, infer_norm, norm_samples, 0)
COMPOSED(logsumexp, "y[k] = log(sum_r exp(x[k, r]))",
         "x [*] -> y [*]; without the reduced axes, or with extent 1", "dx[k, r] = dy[k] exp(x[k, r] - y[k])",
         "ReduceLogSumExp", "logsumexp", schema, reduce_attributes, infer_real, logsumexp_samples, 0)
COMPOSED(any, "y[k] = any_r (x[k, r] != 0)", "x [*] -> y [*]; without the reduced axes, or with extent 1",
         NULL, NULL, "any", schema, reduce_attributes, infer_bool, bool_samples, WG_BLOCKS | WG_NAMES_DTYPE)
COMPOSED(all, "y[k] = all_r (x[k, r] != 0)", "x [*] -> y [*]; without the reduced axes, or with extent 1",
         NULL, NULL, "all", schema, reduce_attributes, infer_bool, bool_samples, WG_BLOCKS | WG_NAMES_DTYPE)

static wg_var record_deviation(const wg_op *op, wg_var x, const wg_axes *axes, const wg_deviation_options *options) {
        WG_READ_OPTIONS(wg_deviation_options, given, options);
    const reduce_attributes base = reduce_chosen(axes, NULL);
    var_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.axes = base.axes;
    chosen.keepdims = given.keepdims;
    chosen.correction = wg_read_number(given.correction, 1);
    return WG_RECORD(op, &chosen, x);
}

wg_var (wg_variance)(wg_var x, const wg_axes *axes, const wg_deviation_options *options) {
    return record_deviation(&wg_op_var, x, axes, options);
}
wg_var (wg_std)(wg_var x, const wg_axes *axes, const wg_deviation_options *options) {
    return record_deviation(&wg_op_std, x, axes, options);
}

wg_var (wg_norm)(wg_var x, double p, const wg_axes *axes, const wg_reduce_options *options) {
    const reduce_attributes base = reduce_chosen(axes, options);
    norm_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.axes = base.axes;
    chosen.keepdims = base.keepdims;
    chosen.p = p;
    return WG_RECORD(&wg_op_norm, &chosen, x);
}

#define RECORDER(op)                                                                               \
    wg_var (wg_##op)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {            \
        const reduce_attributes chosen = reduce_chosen(axes, options);                             \
        return WG_RECORD(&wg_op_##op, &chosen, x);                                                 \
    }
RECORDER(logsumexp)
RECORDER(any)
RECORDER(all)

#endif
