/* clip, nan_to_num, clip_grad — with cotangent dy of y:
 *
 *     y = min(max(x, min), max)              dx = dy where min <= x <= max, else 0
 *     y = x, or what stands for NaN, ±inf    dx = dy where x is finite, else 0
 *     y = a where low <= x <= high, else 0   da = the same of dy, dx = 0                     (clip_grad)
 *
 * Whole numbers are not below the first that is not below min, nor above the last that is not above max.
 *
 * clip's gradient at its bounds is dy, as PyTorch's clamp has it; NaN is handed on, as value and as cotangent.
 * Where min > max all is max, as in PyTorch and ONNX. nan_to_num has PyTorch's defaults; an infinite posinf or
 * neginf stands for the largest finite number of the dtype.
 *
 * clip_grad is also what other piecewise linear functions multiply by: `open` leaves the bounds out of the
 * interval, `outside` passes what is not in it. NaN as x passes. */
#include "clip_grad.h"

typedef struct clip_attributes {
    double min, max;
} clip_attributes;
typedef struct nan_to_num_attributes {
    double nan, posinf, neginf;
} nan_to_num_attributes;
typedef struct clip_grad_attributes {
    double low, high;
    bool open, outside;
} clip_grad_attributes;

#if WG_IS_REAL
static number lower_bound(double min) { return (number)min; }
static number upper_bound(double max) { return (number)max; }
#else
static const number least = sizeof(number) == 4 ? (number)INT32_MIN : (number)INT64_MIN;
static const number largest = sizeof(number) == 4 ? (number)INT32_MAX : (number)INT64_MAX;
/* The first whole number from a bound on upwards or downwards, of those that there are; NaN bounds nothing. */
static number lower_bound(double min) {
    if (!(min > (double)least)) return least;
    if (min >= (double)largest) return largest;
    const int64_t whole = (int64_t)min;
    return (number)(whole + ((double)whole < min));
}
static number upper_bound(double max) {
    if (!(max < (double)largest)) return largest;
    if (max < (double)least) return least;
    const int64_t whole = (int64_t)max;
    return (number)(whole - ((double)whole > max));
}
#endif

static void clip_forward(const wg_call *call) {
    const clip_attributes *a = WG_ATTRIBUTES(call, clip);
    const number low = lower_bound(a->min), high = upper_bound(a->max);
    const number *px = WG_IN(call, 0, number);
    number *y = WG_OUT(call, 0, number);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
        const number x = px[i], raised = x < low ? low : x;
        y[i] = raised > high ? high : raised;
    }
}
WG_KERNEL(clip, clip_forward)

#if WG_IS_REAL

static void nan_to_num_forward(const wg_call *call) {
    const nan_to_num_attributes *a = WG_ATTRIBUTES(call, nan_to_num);
    const number largest = sizeof(number) == 4 ? (number)0x1.fffffep127 : (number)0x1.fffffffffffffp1023;
    const number infinity = (number)WG_INFINITY_F64, nan = (number)a->nan;
    const number high = a->posinf == WG_INFINITY_F64 ? largest : (number)a->posinf;
    const number low = a->neginf == -WG_INFINITY_F64 ? -largest : (number)a->neginf;
    const number *px = WG_IN(call, 0, number);
    number *y = WG_OUT(call, 0, number);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
        const number x = px[i], bounded = x == infinity ? high : x == -infinity ? low : x;
        y[i] = x != x ? nan : bounded;
    }
}
WG_KERNEL(nan_to_num, nan_to_num_forward)

static void clip_grad_forward(const wg_call *call) {
    const clip_grad_attributes *attributes = WG_ATTRIBUTES(call, clip_grad);
    const number low = (number)attributes->low, high = (number)attributes->high;
    const bool open = attributes->open, outside = attributes->outside;
    const number *a = WG_IN(call, 0, number), *px = WG_IN(call, 1, number);
    number *y = WG_OUT(call, 0, number);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
        const number x = px[i], given = a[i];
        const bool at_bound = (x == low) | (x == high), beyond = (x < low) | (x > high);
        const bool inside = !(beyond | (at_bound & open));
        y[i] = ((inside != outside) | (x != x)) ? given : 0;
    }
}
WG_KERNEL(clip_grad, clip_grad_forward)

#endif

#ifdef WG_RULES

#define REAL(struct_type, member, ...)                                                             \
    WG_ATTRIBUTE(struct_type, member, .kind = WG_ATTRIBUTE_REAL, .is_value = true, __VA_ARGS__)
static const wg_attribute clip_attribute[] = {
    REAL(clip_attributes, min, .preset = -WG_INFINITY_F64, .meaning = "nothing is below"),
    REAL(clip_attributes, max, .preset = WG_INFINITY_F64, .meaning = "nothing is above"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute nan_to_num_attribute[] = {
    REAL(nan_to_num_attributes, nan, .preset = 0, .meaning = "in place of NaN"),
    REAL(nan_to_num_attributes, posinf, .preset = WG_INFINITY_F64,
         .meaning = "in place of infinity; infinite: the largest number"),
    REAL(nan_to_num_attributes, neginf, .preset = -WG_INFINITY_F64,
         .meaning = "in place of minus infinity; infinite: the least number"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute clip_grad_attribute[] = {
    REAL(clip_grad_attributes, low, .preset = -WG_INFINITY_F64, .meaning = "lower bound of x"),
    REAL(clip_grad_attributes, high, .preset = WG_INFINITY_F64, .meaning = "upper bound of x"),
    WG_ATTRIBUTE(clip_grad_attributes, open, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "are the bounds not in the interval?"),
    WG_ATTRIBUTE(clip_grad_attributes, outside, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "does what lies outside pass?"),
    WG_NO_MORE_ATTRIBUTES};

static void clip_backward(wg_rule *rule) {
    const clip_attributes *a = WG_ATTRIBUTES(rule, clip);
    wg_rule_set(rule, 0, wg_clip_grad_(rule->cotangents[0], rule->inputs[0], a->min, a->max, false, false));
}

static void nan_to_num_backward(wg_rule *rule) {
    wg_var finite = wg_isfinite(wg_stop_gradient(rule->inputs[0]));
    wg_rule_set(rule, 0, wg_where(finite, rule->cotangents[0], wg_scalar(rule->tape, 0)));
}

static void clip_grad_backward(wg_rule *rule) {
    const clip_grad_attributes *a = WG_ATTRIBUTES(rule, clip_grad);
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, wg_clip_grad_(rule->cotangents[0], rule->inputs[1], a->low, a->high, a->open,
                                           a->outside));
}

static void clip_samples(wg_sampler *s) {
    static const clip_attributes bounds[] = {{-0.52, 0.73}, {0.01, WG_INFINITY_F64}, {-WG_INFINITY_F64, 1.03},
                                             {-WG_INFINITY_F64, WG_INFINITY_F64}, {0.4, -0.3}};
    for (int i = 0; i < 5; i++) {
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SHAPE(19), .values = WG_DISTINCT});
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SHAPE(3, 1, 5), .values = WG_DISTINCT});
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SHAPE(1)});
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SCALAR_SHAPE});
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SHAPE(0, 2)});
        WG_SAMPLE(s, &bounds[i], {.shape = WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), .values = WG_DISTINCT});
    }
    WG_SAMPLE(s, (&(clip_attributes){-1, 1}), {.shape = WG_SHAPE(23), .values = WG_TIES});
    for (int i = 0; i < 10; i++)
        WG_SAMPLE(s, (&(clip_attributes){6 * bounds[i % 5].min, 6 * bounds[i % 5].max}),
                  {.dtype = i < 5 ? WG_I32 : WG_I64, .shape = WG_SHAPE(31), .values = WG_INTEGERS, .low = -9,
                   .high = 9});
}

/* Of finite numbers: an infinite one has no differences to compare the gradient with. */
static void nan_to_num_samples(wg_sampler *s) {
    static const nan_to_num_attributes numbers[] = {
        {0, WG_INFINITY_F64, -WG_INFINITY_F64}, {-2.5, 3, 4}, {1e9, 0, 0}};
    for (int i = 0; i < 3; i++) {
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(19)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(3, 1, 5)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SCALAR_SHAPE});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(0, 2)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(1, 1)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(5), .values = WG_TIES});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(2, 3, 4), .values = WG_UNIFORM, .low = -1e6, .high = 1e6});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(1)});
        WG_SAMPLE(s, &numbers[i], {.shape = WG_SHAPE(33)});
    }
}

static void clip_grad_samples(wg_sampler *s) {
    static const double bounds[][2] = {{-0.52, 0.73}, {0, 2.02}, {-WG_INFINITY_F64, 1.03}, {0.4, -0.3}};
    for (int i = 0; i < 16; i++) {
        const clip_grad_attributes a = {bounds[i / 4][0], bounds[i / 4][1], i & 1, i >> 1 & 1};
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(17)}, {.shape = WG_SHAPE(17), .values = WG_DISTINCT});
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(3, 1)}, {.shape = WG_SHAPE(2, 1, 4), .values = WG_DISTINCT});
    }
    WG_SAMPLE(s, (&(clip_grad_attributes){-1, 1, true, false}), {.shape = WG_SHAPE(9)},
              {.shape = WG_SHAPE(9), .values = WG_TIES});
    WG_SAMPLE(s, (&(clip_grad_attributes){-1, 1, false, true}), {.shape = WG_SHAPE(9)},
              {.shape = WG_SHAPE(9), .values = WG_TIES});
    WG_SAMPLE(s, (&(clip_grad_attributes){-1, 1, false, true}), {.shape = WG_SHAPE(0)}, {.shape = WG_SHAPE(1)});
}

const wg_op wg_op_clip = {
    .name = "clip", .formula = "y = min(max(x, min), max)", .onnx = "Clip", .torch = "clamp",
    .gradient = "dx = min <= x <= max ? dy : 0",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .attributes = clip_attribute, .attributes_size = sizeof(clip_attributes),
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(clip), .backward = clip_backward, .samples = clip_samples,
};

const wg_op wg_op_nan_to_num = {
    .name = "nan_to_num", .formula = "y = x is NaN ? nan : x is infinite ? posinf or neginf : x",
    .gradient = "dx = x is finite ? dy : 0",
    .torch = "nan_to_num", .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .attributes = nan_to_num_attribute, .attributes_size = sizeof(nan_to_num_attributes),
    .infer = wg_infer_same, .forward = WG_FORWARD(nan_to_num), .backward = nan_to_num_backward,
    .samples = nan_to_num_samples,
};

const wg_op wg_op_clip_grad = {
    .name = "clip_grad", .formula = "y = low <= x <= high ? a : 0", .torch = "clamp_backward",
    .gradient = "da = clip_grad(dy, x), dx = 0",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_HELPER, .linear_in = 1 << 0,
    .attributes = clip_grad_attribute, .attributes_size = sizeof(clip_grad_attributes),
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(clip_grad), .backward = clip_grad_backward,
    .samples = clip_grad_samples,
};

wg_var (wg_clip)(wg_var x, double min, double max) {
    return WG_RECORD(&wg_op_clip, (&(clip_attributes){min, max}), x);
}
wg_var (wg_nan_to_num)(wg_var x, double nan, double posinf, double neginf) {
    return WG_RECORD(&wg_op_nan_to_num, (&(nan_to_num_attributes){nan, posinf, neginf}), x);
}
wg_var wg_clip_grad_(wg_var a, wg_var x, double low, double high, bool open, bool outside) {
    const clip_grad_attributes chosen = {.low = low, .high = high, .open = open, .outside = outside};
    return WG_RECORD(&wg_op_clip_grad, &chosen, a, x);
}

#endif
