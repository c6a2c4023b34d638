/* elu, selu, celu, gelu, silu, mish, log_sigmoid, softplus, softsign — with cotangent dy of y:
 *
 *     elu            x > 0 ? x : alpha (exp(x) - 1)                dx = x > 0 ? dy : dy alpha exp(x)
 *     selu           gamma elu(x)                                  Klambauer et al. 2017, arXiv:1706.02515
 *     celu           x > 0 ? x : alpha (exp(x / alpha) - 1)        dx = x > 0 ? dy : dy exp(x / alpha)
 *     gelu           x Φ(x), Φ(x) = erfc(-x / sqrt(2)) / 2         dx = dy (Φ(x) + x exp(-x²/2) / sqrt(2 π))
 *     gelu, tanh     x s, s = sigmoid(2 sqrt(2/π) (x + 0.044715 x³)) = (1 + tanh(…)) / 2      dx = dy (s + x s')
 *     silu           x s, s = sigmoid(x)                           dx = dy (s + x s (1 - s))
 *     mish           x t, t = tanh(log(1 + exp(x)))                dx = dy (t + x (1 - t²) sigmoid(x))
 *     log_sigmoid    -log(1 + exp(-x))                             dx = dy sigmoid(-x)
 *     softplus       log(1 + exp(beta x)) / beta                   dx = dy sigmoid(beta x)
 *     softsign       x / (1 + |x|)                                 dx = dy / (1 + |x|)²
 *
 * softplus is x where beta x > threshold, as in PyTorch. selu has the paper's constants, as PyTorch; ONNX's are
 * the same rounded to f32. exp is never taken of a positive number where it is divided by: nothing overflows. */
#include "activation.h"

typedef struct elu_attributes {
    double alpha;
} elu_attributes, celu_attributes;
typedef struct selu_attributes {
    double alpha, gamma;
} selu_attributes;
typedef struct gelu_attributes {
    bool tanh;
} gelu_attributes;
typedef struct softplus_attributes {
    double beta, threshold;
} softplus_attributes;

#define ROOT_1_2 0x1.6a09e667f3bcdp-1      /* sqrt(1/2) */
#define NORMAL_AT_0 0x1.9884533d43651p-2   /* 1 / sqrt(2 π) */
#define TWICE_ROOT_2_PI 0x1.9884533d43651p+0 /* 2 sqrt(2 / π) */
#define CUBIC 0.044715

#if WG_IS_REAL

/* x f where f is 0 for x < -1000, and so is the product at minus infinity. */
#define GATED(x, f) (((x) < -1000 ? -1000 : (x)) * (f))

static inline number mish_gate(number x) { /* with e = exp(-|x|): (1 + 2 e) / (1 + 2 e + 2 e²), or e (e + 2) / (e (e + 2) + 2) */
    const number e = wm_exp(-wm_abs(x)), above = 1 + 2 * e, below = e * (e + 2);
    return x >= 0 ? above / (above + 2 * e * e) : below / (below + 2);
}

WG_UNARY(silu, GATED(x, wm_sigmoid(x)))
WG_UNARY(mish, GATED(x, mish_gate(x)))
WG_UNARY(log_sigmoid, (x < 0 ? x : 0) - wm_log1p(wm_exp(-wm_abs(x))))
WG_UNARY(softsign, wm_abs(x) == (number)WG_INFINITY_F64 ? (x > 0 ? 1 : -1) : x / (1 + wm_abs(x)))

#define WITH_ATTRIBUTES(op, expression)                                                            \
    static void op##_forward(const wg_call *call) {                                                \
        const op##_attributes *at = WG_ATTRIBUTES(call, op);                                       \
        const number *px = WG_IN(call, 0, number);                                                 \
        number *py = WG_OUT(call, 0, number);                                                      \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {         \
            const number x = px[i];                                                                \
            py[i] = expression;                                                                    \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
#define SOFT(beta) (((beta) > 0 ? (beta) : 0) + wm_log1p(wm_exp(-wm_abs(beta)))) /* log(1 + exp(beta)) */
WITH_ATTRIBUTES(elu, x > 0 ? x : (number)at->alpha * wm_expm1(x))
WITH_ATTRIBUTES(selu, (number)at->gamma * (x > 0 ? x : (number)at->alpha * wm_expm1(x)))
WITH_ATTRIBUTES(celu, x > 0 ? x : (number)at->alpha * wm_expm1(x / (number)at->alpha))
WITH_ATTRIBUTES(softplus, (number)at->beta * x > (number)at->threshold
                              ? x
                              : SOFT((number)at->beta * x) / (number)at->beta)

static void gelu_forward(const wg_call *call) {
    const number *px = WG_IN(call, 0, number);
    number *y = WG_OUT(call, 0, number);
    if (WG_ATTRIBUTES(call, gelu)->tanh)
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
            const number x = px[i], u = (number)TWICE_ROOT_2_PI * (x + (number)CUBIC * x * x * x);
            y[i] = GATED(x, wm_sigmoid(u));
        }
    else
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)
            y[i] = GATED(px[i], wm_normal(px[i]));
}
WG_KERNEL(gelu, gelu_forward)

#endif

#ifdef WG_RULES

static const wg_attribute elu_attribute[] = {
    ACTIVATION_NUMBER(elu, alpha, .preset = 1, .meaning = "-y far below 0"), WG_NO_MORE_ATTRIBUTES};
#define celu_attribute elu_attribute
static const wg_attribute selu_attribute[] = {
    ACTIVATION_NUMBER(selu, alpha, .preset = 1.6732632423543772848170429916717,
                      .meaning = "-y / gamma far below 0"),
    ACTIVATION_NUMBER(selu, gamma, .preset = 1.0507009873554804934193349852946, .meaning = "slope above 0"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute gelu_attribute[] = {
    WG_ATTRIBUTE(gelu_attributes, tanh, .kind = WG_ATTRIBUTE_BOOL, .meaning = "tanh in the place of erf?"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute softplus_attribute[] = {
    ACTIVATION_NUMBER(softplus, beta, .preset = 1, .meaning = "sharpness"),
    ACTIVATION_NUMBER(softplus, threshold, .preset = 20, .meaning = "of beta x, above which y is x"),
    WG_NO_MORE_ATTRIBUTES};

static void set(wg_rule *rule, wg_var factor) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}
static wg_var times(wg_rule *rule, wg_var x, double factor) { return wg_mul(x, wg_scalar(rule->tape, factor)); }

/* dx = above dy for x > 0, else slope dy, which is not looked at there. */
static void set_by_sign(wg_rule *rule, double above, wg_var slope) {
    wg_var dy = rule->cotangents[0], positive = wg_greater(wg_stop_gradient(rule->inputs[0]), wg_scalar(rule->tape, 0));
    wg_rule_set(rule, 0, wg_where(positive, above == 1 ? dy : times(rule, dy, above), wg_scale_cotangent(dy, slope)));
}
static void elu_backward(wg_rule *rule) {
    set_by_sign(rule, 1, times(rule, wg_exp(rule->inputs[0]), WG_ATTRIBUTES(rule, elu)->alpha));
}
static void selu_backward(wg_rule *rule) {
    const selu_attributes *at = WG_ATTRIBUTES(rule, selu);
    set_by_sign(rule, at->gamma, times(rule, wg_exp(rule->inputs[0]), at->alpha * at->gamma));
}
static void celu_backward(wg_rule *rule) {
    wg_var alpha = wg_scalar(rule->tape, WG_ATTRIBUTES(rule, celu)->alpha);
    set_by_sign(rule, 1, wg_exp(wg_div(rule->inputs[0], alpha)));
}

/* f + x f', f' first: it is 0 where x may be infinite. */
static wg_var gated_slope(wg_var f, wg_var x, wg_var slope) { return wg_add(f, wg_scale_cotangent(slope, x)); }

static void gelu_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], square = wg_square(x), one = wg_scalar(rule->tape, 1);
    if (WG_ATTRIBUTES(rule, gelu)->tanh) {
        wg_var u = times(rule, wg_mul(x, wg_add(one, times(rule, square, CUBIC))), TWICE_ROOT_2_PI);
        wg_var inner = times(rule, wg_add(one, times(rule, square, 3 * CUBIC)), TWICE_ROOT_2_PI);
        wg_var s = wg_sigmoid(u), slope = wg_mul(s, wg_sigmoid(wg_neg(u)));
        set(rule, gated_slope(s, wg_mul(x, inner), slope));
    } else {
        wg_var density = times(rule, wg_exp(times(rule, square, -0.5)), NORMAL_AT_0);
        set(rule, gated_slope(times(rule, wg_erfc(times(rule, x, -ROOT_1_2)), 0.5), x, density));
    }
}
static void silu_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], s = wg_sigmoid(x);
    set(rule, gated_slope(s, x, wg_mul(s, wg_sigmoid(wg_neg(x)))));
}
static void mish_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], t = wg_tanh(wg_softplus(x, 1, WG_INFINITY_F64));
    wg_var slope = wg_mul(wg_sub(wg_scalar(rule->tape, 1), wg_square(t)), wg_sigmoid(x));
    set(rule, gated_slope(t, x, slope));
}
static void log_sigmoid_backward(wg_rule *rule) { set(rule, wg_sigmoid(wg_neg(rule->inputs[0]))); }
static void softsign_backward(wg_rule *rule) {
    set(rule, wg_square(wg_reciprocal(wg_add(wg_abs(rule->inputs[0]), wg_scalar(rule->tape, 1)))));
}
static void softplus_backward(wg_rule *rule) {
    const softplus_attributes *at = WG_ATTRIBUTES(rule, softplus);
    wg_var dy = rule->cotangents[0], u = times(rule, rule->inputs[0], at->beta);
    wg_var linear = wg_greater(wg_stop_gradient(u), wg_scalar(rule->tape, at->threshold));
    wg_rule_set(rule, 0, wg_where(linear, dy, wg_scale_cotangent(dy, wg_sigmoid(u))));
}

static int infer_divisor(wg_infer *infer) {
    if (*(const double *)infer->attributes == 0) /* the first attribute is what is divided by */
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "%s is 0; it must not be", infer->op->attributes->name);
    return wg_infer_same(infer);
}

ACTIVATION_SAMPLES(elu, {1}, {0.3}, {-1.5}, {2})
ACTIVATION_SAMPLES(celu, {1}, {0.3}, {1.5}, {4})
ACTIVATION_SAMPLES(selu, {1.6732632423543772, 1.0507009873554805}, {1, 2}, {0.3, 1}, {2, -0.5})
ACTIVATION_SAMPLES(softplus, {1, 20}, {0.5, 30}, {2.5, 40}, {-1, 20})
static void gelu_samples(wg_sampler *s) {
    for (int i = 0; i < 4; i++) activation_sample(s, &(gelu_attributes){i % 2});
}

WG_UNARY_OP(silu, "y = x sigmoid(x)", "Swish", "silu", 36, .backward = silu_backward,
            .samples = activation_plain_samples, .gradient = "dx = dy (s + y (1 - s)), s = sigmoid(x)")
WG_UNARY_OP(mish, "y = x tanh(log(1 + exp(x)))", "Mish", "mish", 36, .backward = mish_backward,
            .samples = activation_plain_samples,
            .gradient = "dx = dy (t + x (1 - t^2) sigmoid(x)), t = tanh(log(1 + exp(x)))")
WG_UNARY_OP(log_sigmoid, "y = -log(1 + exp(-x))", NULL, "logsigmoid", 60, .backward = log_sigmoid_backward,
            .samples = activation_plain_samples, .gradient = "dx = dy sigmoid(-x)")
WG_UNARY_OP(softsign, "y = x / (1 + |x|)", "Softsign", "softsign", 3, .backward = softsign_backward,
            .samples = activation_plain_samples, .gradient = "dx = dy / (1 + |x|)^2")

#define SOFT_OP(op, text, gradient_text, onnx_name, torch_name, infers, operations)                \
    static wg_cost op##_cost(const wg_call *call) { return wg_cost_per_element(call, operations); } \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                      \
        .gradient = gradient_text,                                                                 \
        .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,                                        \
        .attributes = op##_attribute, .attributes_size = sizeof(op##_attributes),                  \
        .infer = infers, .forward = WG_FORWARD(op), .backward = op##_backward, .cost = op##_cost,  \
        .samples = op##_samples,                                                                   \
    };
SOFT_OP(elu, "y = x > 0 ? x : alpha * (exp(x) - 1)", "dx = x > 0 ? dy : dy alpha exp(x)", "Elu", "elu",
        wg_infer_same, 32)
SOFT_OP(selu, "y = gamma * (x > 0 ? x : alpha * (exp(x) - 1))",
        "dx = x > 0 ? gamma dy : dy gamma alpha exp(x)", "Selu", "selu", wg_infer_same, 33)
SOFT_OP(celu, "y = x > 0 ? x : alpha * (exp(x / alpha) - 1)", "dx = x > 0 ? dy : dy exp(x / alpha)", "Celu",
        "celu", infer_divisor, 33)
SOFT_OP(gelu, "y = x (1 + erf(x / sqrt(2))) / 2",
        "dx = dy (Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi)); with tanh dy (s + x s')", "Gelu", "gelu",
        wg_infer_same, 120)
SOFT_OP(softplus, "y = log(1 + exp(beta * x)) / beta", "dx = dy sigmoid(beta x)", "Softplus", "softplus",
        infer_divisor, 60)

wg_var (wg_elu)(wg_var x, double alpha) { return WG_RECORD(&wg_op_elu, (&(elu_attributes){alpha}), x); }
wg_var (wg_celu)(wg_var x, double alpha) { return WG_RECORD(&wg_op_celu, (&(celu_attributes){alpha}), x); }
wg_var (wg_selu)(wg_var x) {
    const selu_attributes paper = {selu_attribute[0].preset, selu_attribute[1].preset};
    return WG_RECORD(&wg_op_selu, &paper, x);
}
wg_var (wg_gelu)(wg_var x, const wg_gelu_options *given) {
    WG_READ_OPTIONS(wg_gelu_options, options, given);
    return WG_RECORD(&wg_op_gelu, (&(gelu_attributes){options.tanh}), x);
}
wg_var (wg_softplus)(wg_var x, double beta, double threshold) {
    return WG_RECORD(&wg_op_softplus, (&(softplus_attributes){beta, threshold}), x);
}

#endif
