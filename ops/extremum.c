/* maximum, minimum, abs, sign — with cotangent dy of y:
 *
 *     y = max(a, b)       da = dy where a >= b, else 0;    db = dy - da
 *     y = min(a, b)       da = dy where a <= b, else 0;    db = dy - da
 *     y = |x|             dx = dy sign(x),    sign(0) = 0
 *     y = sign(x)         dx = 0
 *
 * At a tie the first operand wins. A NaN of either operand is the result. Which operand wins is a constant
 * to further derivatives: they are 0 through it, not blocked. */
#include "op.h"

WG_BINARY(maximum, ((a >= b) | (a != a)) ? a : b)
WG_BINARY(minimum, ((a <= b) | (a != a)) ? a : b)
WG_UNARY(abs, x <= 0 ? (number)(0 - (wrapping)x) : x)
#if WG_IS_REAL
WG_UNARY(sign, x > 0 ? 1 : x < 0 ? -1 : x)
#endif

#ifdef WG_RULES

static void select_backward(wg_rule *rule, wg_var (*first_wins)(wg_var a, wg_var b)) {
    wg_var dy = rule->cotangents[0], zero = wg_scalar(rule->tape, 0);
    wg_var first = first_wins(wg_stop_gradient(rule->inputs[0]), wg_stop_gradient(rule->inputs[1]));
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, wg_where(first, dy, zero));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_where(first, zero, dy));
}

static void maximum_backward(wg_rule *rule) { select_backward(rule, wg_greater_equal); }
static void minimum_backward(wg_rule *rule) { select_backward(rule, wg_less_equal); }

/* The first where it wins or is NaN. */
static wg_var select_expand(const wg_var *x, wg_var (*first_wins)(wg_var a, wg_var b)) {
    wg_var first = first_wins(wg_stop_gradient(x[0]), wg_stop_gradient(x[1]));
    return wg_where(wg_logical_or(first, wg_isnan(wg_stop_gradient(x[0]))), x[0], x[1]);
}
static wg_var maximum_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    return select_expand(inputs, wg_greater_equal);
}
static wg_var minimum_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    return select_expand(inputs, wg_less_equal);
}

static void abs_backward(wg_rule *rule) {
    wg_var sign = WG_RECORD(&wg_op_sign, NULL, rule->inputs[0]);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], sign));
}

static void binary_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_DISTINCT, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(17), .values = WG_TIES},
              {.shape = WG_SHAPE(17), .values = WG_TIES});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3, 5), .values = WG_TIES},
              {.shape = WG_SHAPE(5), .values = WG_TIES});
}

/* None at 0: the gradient jumps there, so there is no second difference to compare with. */
static void unary_samples(wg_sampler *s) { wg_sample_unary(s, WG_DISTINCT, 0, 0); }

const wg_op wg_op_maximum = {
    .name = "maximum", .formula = "y = max(a, b)", .onnx = "Max", .torch = "maximum",
    .gradient = "da = a >= b ? dy : 0, db = dy - da",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(maximum), .backward = maximum_backward,
    .expand = maximum_expand,
    .samples = binary_samples,
};

const wg_op wg_op_minimum = {
    .name = "minimum", .formula = "y = min(a, b)", .onnx = "Min", .torch = "minimum",
    .gradient = "da = a <= b ? dy : 0, db = dy - da",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(minimum), .backward = minimum_backward,
    .expand = minimum_expand,
    .samples = binary_samples,
};

const wg_op wg_op_abs = {
    .name = "abs", .formula = "y = |x|", .onnx = "Abs", .torch = "abs",
    .gradient = "dx = dy sign(x), 0 at 0",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(abs), .backward = abs_backward,
    .samples = unary_samples,
};

const wg_op wg_op_sign = {
    .name = "sign", .formula = "y = x > 0 ? 1 : x < 0 ? -1 : x", .onnx = "Sign", .torch = "sign",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_STOPS,
    .no_gradient = "constant between jumps: zero",
    .infer = wg_infer_same, .forward = WG_FORWARD(sign), .samples = unary_samples,
};

wg_var (wg_maximum)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_maximum, NULL, a, b); }
wg_var (wg_minimum)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_minimum, NULL, a, b); }
wg_var (wg_sign)(wg_var x) { return WG_RECORD(&wg_op_sign, NULL, x); }
wg_var (wg_abs)(wg_var x) { return WG_RECORD(&wg_op_abs, NULL, x); }

#endif
