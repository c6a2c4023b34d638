/* relu6, leaky_relu, prelu, hard_sigmoid, hard_swish, hard_tanh, hard_shrink, soft_shrink, threshold
 *
 *     relu6           min(max(x, 0), 6)                       dx = dy where 0 < x < 6
 *     leaky_relu      x > 0 ? x : alpha x                     dx = x > 0 ? dy : alpha dy
 *     prelu           x > 0 ? x : slope x                     dslope = x > 0 ? 0 : dy x
 *     hard_sigmoid    u = alpha x + beta, in 0 … 1            dx = dy alpha where 0 < u < 1
 *     hard_swish      x h, h = x / 6 + 1/2, in 0 … 1          dx = dy (x / 3 + 1/2) where -3 < x < 3; dy beyond 3
 *     hard_tanh       min(max(x, min), max)                   dx = dy where min < x < max
 *     hard_shrink     |x| > lambda ? x : 0                    dx = dy where |x| > lambda
 *     soft_shrink     sign(x) max(|x| - lambda, 0)            dx = dy where |x| > lambda
 *     threshold       x > threshold ? x : value               dx = dy where x > threshold
 *
 * At a kink dx is that of the flat side, as in PyTorch; NaN is handed on. Defaults are ONNX's where it has the
 * op: hard_sigmoid's alpha is 0.2 there and 1/6 in PyTorch. prelu's slope broadcasts to x as in ONNX. */
#include "activation.h"
#include "clip_grad.h"

typedef struct leaky_relu_attributes {
    double alpha;
} leaky_relu_attributes;
typedef struct hard_sigmoid_attributes {
    double alpha, beta;
} hard_sigmoid_attributes;
typedef struct hard_tanh_attributes {
    double min, max;
} hard_tanh_attributes;
typedef struct shrink_attributes {
    double lambda;
} hard_shrink_attributes, soft_shrink_attributes;
typedef struct threshold_attributes {
    double threshold, value;
} threshold_attributes;

#if WG_IS_REAL

WG_UNARY(relu6, x <= 0 ? 0 : x >= 6 ? 6 : x)
WG_BINARY(prelu, a > 0 ? a : b * a)
WG_UNARY(hard_swish, x <= -3 ? 0 : x >= 3 ? x : x * (x / 6 + (number)0.5))

/* WG_UNARY with an attribute or two, as a and b. */
#define WITH_TWO(op, first, second, expression)                                                    \
    static void op##_forward(const wg_call *call) {                                                \
        const number a = (number)WG_ATTRIBUTES(call, op)->first;                                   \
        const number b = (number)WG_ATTRIBUTES(call, op)->second;                                  \
        const number *px = WG_IN(call, 0, number);                                                 \
        number *py = WG_OUT(call, 0, number);                                                      \
        (void)b;                                                                                   \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {         \
            const number x = px[i];                                                                \
            py[i] = expression;                                                                    \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
#define WITH_ONE(op, first, expression) WITH_TWO(op, first, first, expression)
WITH_ONE(leaky_relu, alpha, x > 0 ? x : a * x)
WITH_TWO(hard_sigmoid, alpha, beta, a * x + b <= 0 ? 0 : a * x + b >= 1 ? 1 : a * x + b)
WITH_TWO(hard_tanh, min, max, x < a ? a : x > b ? b : x)
WITH_ONE(hard_shrink, lambda, ((x >= -a) & (x <= a)) ? 0 : x)
WITH_ONE(soft_shrink, lambda, x > a ? x - a : x < -a ? x + a : x != x ? x : 0)
WITH_TWO(threshold, threshold, value, x <= a ? b : x)

#endif

#ifdef WG_RULES

static const wg_attribute leaky_relu_attribute[] = {
    ACTIVATION_NUMBER(leaky_relu, alpha, .preset = 0.01, .meaning = "slope below 0"), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute hard_sigmoid_attribute[] = {
    ACTIVATION_NUMBER(hard_sigmoid, alpha, .preset = 0.2, .meaning = "slope"),
    ACTIVATION_NUMBER(hard_sigmoid, beta, .preset = 0.5, .meaning = "value at 0"), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute hard_tanh_attribute[] = {
    ACTIVATION_NUMBER(hard_tanh, min, .preset = -1, .meaning = "nothing is below"),
    ACTIVATION_NUMBER(hard_tanh, max, .preset = 1, .meaning = "nothing is above"), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute hard_shrink_attribute[] = {
    ACTIVATION_NUMBER(hard_shrink, lambda, .bounded = true, .high = WG_INFINITY_F64, .preset = 0.5,
                      .meaning = "half the width of what becomes 0"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute soft_shrink_attribute[] = {
    ACTIVATION_NUMBER(soft_shrink, lambda, .bounded = true, .high = WG_INFINITY_F64, .preset = 0.5,
                      .meaning = "half the width of what becomes 0"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute threshold_attribute[] = {
    ACTIVATION_NUMBER(threshold, threshold, .preset = 1, .meaning = "what is not above is replaced"),
    ACTIVATION_NUMBER(threshold, value, .preset = 0, .meaning = "by this"), WG_NO_MORE_ATTRIBUTES};

/* The cotangent where x lies between low and high, or not between. */
static void pass(wg_rule *rule, double low, double high, bool open, bool outside) {
    wg_rule_set(rule, 0, wg_clip_grad_(rule->cotangents[0], rule->inputs[0], low, high, open, outside));
}

static void relu6_backward(wg_rule *rule) { pass(rule, 0, 6, true, false); }
static void hard_tanh_backward(wg_rule *rule) {
    pass(rule, WG_ATTRIBUTES(rule, hard_tanh)->min, WG_ATTRIBUTES(rule, hard_tanh)->max, true, false);
}
static void hard_shrink_backward(wg_rule *rule) {
    const double lambda = WG_ATTRIBUTES(rule, hard_shrink)->lambda;
    pass(rule, -lambda, lambda, false, true);
}
static void threshold_backward(wg_rule *rule) {
    pass(rule, -WG_INFINITY_F64, WG_ATTRIBUTES(rule, threshold)->threshold, false, true);
}

static void leaky_relu_backward(wg_rule *rule) {
    wg_var zero = wg_scalar(rule->tape, 0), dy = rule->cotangents[0];
    wg_var flat = wg_less_equal(wg_stop_gradient(rule->inputs[0]), zero);
    wg_var below = wg_mul(dy, wg_scalar(rule->tape, WG_ATTRIBUTES(rule, leaky_relu)->alpha));
    wg_rule_set(rule, 0, wg_where(flat, below, dy));
}

static void prelu_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], dy = rule->cotangents[0], zero = wg_scalar(rule->tape, 0);
    wg_var flat = wg_less_equal(wg_stop_gradient(x), zero);
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, wg_where(flat, wg_scale_cotangent(dy, rule->inputs[1]), dy));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_where(flat, wg_scale_cotangent(dy, x), zero));
}

static void hard_sigmoid_backward(wg_rule *rule) {
    const hard_sigmoid_attributes *a = WG_ATTRIBUTES(rule, hard_sigmoid);
    wg_var alpha = wg_scalar(rule->tape, a->alpha), beta = wg_scalar(rule->tape, a->beta);
    wg_var u = wg_add(wg_mul(wg_stop_gradient(rule->inputs[0]), alpha), beta);
    wg_rule_set(rule, 0, wg_mul(wg_clip_grad_(rule->cotangents[0], u, 0, 1, true, false), alpha));
}

static void hard_swish_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], dy = rule->cotangents[0];
    wg_var slope = wg_add(wg_div(x, wg_scalar(rule->tape, 3)), wg_scalar(rule->tape, 0.5));
    wg_var curved = wg_clip_grad_(wg_scale_cotangent(dy, slope), x, -3, 3, true, false);
    wg_var right = wg_less(wg_stop_gradient(x), wg_scalar(rule->tape, 3));
    wg_rule_set(rule, 0, wg_where(right, curved, dy));
}

static int prelu_infer(wg_infer *infer) {
    const int status = wg_infer_real_broadcast(infer);
    if (status) return status;
    const wg_type *x = &infer->inputs[0], *y = &infer->outputs[0];
    if (wg_shape_equal(x, y)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "the slope is %s and does not broadcast to x, which is %s",
                         wg_infer_text(infer, &infer->inputs[1]), wg_infer_text(infer, x));
}

ACTIVATION_SAMPLES(leaky_relu, {0.01}, {0.3}, {-1.5}, {1})
ACTIVATION_SAMPLES(hard_sigmoid, {0.2, 0.5}, {1.0 / 6, 0.5}, {-0.73, 0.21}, {1.3, 0})
ACTIVATION_SAMPLES(hard_tanh, {-1, 1}, {-0.513, 0.733}, {0.011, 3.37}, {-2.21, -0.37})
ACTIVATION_SAMPLES(hard_shrink, {0.513}, {0}, {1.37}, {3.03})
ACTIVATION_SAMPLES(soft_shrink, {0.513}, {0}, {1.37}, {3.03})
ACTIVATION_SAMPLES(threshold, {1, 0}, {-0.513, 2}, {0, -3}, {3.37, 0.25})

static void plain_samples(wg_sampler *s) {
    activation_plain_samples(s);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(9), .values = WG_UNIFORM, .low = 1, .high = 2.5});
}

static void prelu_samples(wg_sampler *s) {
    const wg_shape *const shapes[][2] = {
        {WG_SHAPE(7), WG_SHAPE(7)}, {WG_SHAPE(7), WG_SHAPE(1)}, {WG_SHAPE(7), WG_SCALAR_SHAPE},
        {WG_SHAPE(3, 4), WG_SHAPE(4)}, {WG_SHAPE(3, 4), WG_SHAPE(3, 1)}, {WG_SHAPE(3, 4), WG_SHAPE(3, 4)},
        {WG_SHAPE(2, 3, 5), WG_SHAPE(3, 1)}, {WG_SHAPE(2, 3, 5), WG_SHAPE(1, 1, 1)},
        {WG_SHAPE(2, 3, 5), WG_SHAPE(5)}, {WG_SHAPE(2, 3, 2, 2), WG_SHAPE(3, 1, 1)},
        {WG_SCALAR_SHAPE, WG_SCALAR_SHAPE}, {WG_SHAPE(1), WG_SHAPE(1)}, {WG_SHAPE(0), WG_SHAPE(1)},
        {WG_SHAPE(2, 0), WG_SCALAR_SHAPE}, {WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), WG_SHAPE(2, 1, 2)}};
    for (int i = 0; i < 30; i++)
        WG_SAMPLE(s, NULL, {.shape = shapes[i / 2][0], .values = WG_DISTINCT},
                  {.shape = shapes[i / 2][1], .values = i % 2 ? WG_NORMAL : WG_UNIFORM, .low = 0.1, .high = 0.5});
}

WG_UNARY_OP(relu6, "y = min(max(x, 0), 6)", NULL, "relu6", 2, .backward = relu6_backward,
            .samples = plain_samples, .gradient = "dx = 0 < x < 6 ? dy : 0")
WG_UNARY_OP(hard_swish, "y = x min(max(x / 6 + 1/2, 0), 1)", "HardSwish", "hardswish", 5,
            .backward = hard_swish_backward, .samples = plain_samples,
            .gradient = "dx = x <= -3 ? 0 : x >= 3 ? dy : dy (x / 3 + 1/2)")

#define PIECEWISE_OP(op, text, gradient_text, onnx_name, torch_name)                               \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                      \
        .gradient = gradient_text,                                                                 \
        .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,                                        \
        .attributes = op##_attribute, .attributes_size = sizeof(op##_attributes),                  \
        .infer = wg_infer_same, .forward = WG_FORWARD(op), .backward = op##_backward,              \
        .samples = op##_samples,                                                                   \
    };
#define soft_shrink_backward hard_shrink_backward /* their attributes are one struct */
PIECEWISE_OP(leaky_relu, "y = x > 0 ? x : alpha * x", "dx = x > 0 ? dy : alpha dy", "LeakyRelu", "leaky_relu")
PIECEWISE_OP(hard_sigmoid, "y = min(max(alpha * x + beta, 0), 1)",
             "dx = 0 < alpha x + beta < 1 ? alpha dy : 0", "HardSigmoid", "hardsigmoid")
PIECEWISE_OP(hard_tanh, "y = min(max(x, min), max)", "dx = min < x < max ? dy : 0", NULL, "hardtanh")
PIECEWISE_OP(hard_shrink, "y = |x| > lambda ? x : 0", "dx = |x| > lambda ? dy : 0", "Shrink", "hardshrink")
PIECEWISE_OP(soft_shrink, "y = sign(x) max(|x| - lambda, 0)", "dx = |x| > lambda ? dy : 0", "Shrink",
             "softshrink")
PIECEWISE_OP(threshold, "y = x > threshold ? x : value", "dx = x > threshold ? dy : 0", "ThresholdedRelu",
             "threshold")

const wg_op wg_op_prelu = {
    .name = "prelu", .formula = "y = x > 0 ? x : slope * x", .onnx = "PRelu", .torch = "prelu",
    .shapes = "x [...], slope [*] -> y [...]; the slope broadcasts to x",
    .gradient = "dx = x > 0 ? dy : slope dy, dslope = x > 0 ? 0 : dy x, summed over what it was broadcast",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = prelu_infer, .forward = WG_FORWARD(prelu), .backward = prelu_backward, .samples = prelu_samples,
};

wg_var (wg_prelu)(wg_var x, wg_var slope) { return WG_RECORD(&wg_op_prelu, NULL, x, slope); }
wg_var (wg_leaky_relu)(wg_var x, double alpha) {
    return WG_RECORD(&wg_op_leaky_relu, (&(leaky_relu_attributes){alpha}), x);
}
wg_var (wg_hard_sigmoid)(wg_var x, double alpha, double beta) {
    return WG_RECORD(&wg_op_hard_sigmoid, (&(hard_sigmoid_attributes){alpha, beta}), x);
}
wg_var (wg_hard_tanh)(wg_var x, double min, double max) {
    return WG_RECORD(&wg_op_hard_tanh, (&(hard_tanh_attributes){min, max}), x);
}
wg_var (wg_hard_shrink)(wg_var x, double lambda) {
    return WG_RECORD(&wg_op_hard_shrink, (&(hard_shrink_attributes){lambda}), x);
}
wg_var (wg_soft_shrink)(wg_var x, double lambda) {
    return WG_RECORD(&wg_op_soft_shrink, (&(soft_shrink_attributes){lambda}), x);
}
wg_var (wg_threshold)(wg_var x, double threshold, double value) {
    return WG_RECORD(&wg_op_threshold, (&(threshold_attributes){threshold, value}), x);
}

#endif
