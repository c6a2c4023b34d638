/* square, sqrt, rsqrt, reciprocal, pow — with cotangent dy of y:
 *
 *     y = x²             dx = dy 2 x
 *     y = sqrt(x)        dx = dy / (2 y)
 *     y = 1 / sqrt(x)    dx = -dy y³ / 2
 *     y = 1 / x          dx = -dy y²
 *     y = a^b            da = dy b a^(b-1)    db = dy y log(a)
 *
 * Of whole numbers, which wrap around, a negative b gives 1 / a^-b towards zero, and 0 where a is 0, as in
 * PyTorch. The special cases of pow are those of C99. Its gradients are 0 where their limit is: da where b is 0,
 * db where a is 0. */
#include "op.h"

WG_UNARY(square, (wrapping)x * (wrapping)x)
#if WG_IS_REAL
WG_UNARY(sqrt, wm_sqrt(x))
WG_UNARY(rsqrt, wm_rsqrt(x))
WG_UNARY(reciprocal, 1 / x)
WG_BINARY(pow, wm_pow(a, b))
#else
WG_INLINE number whole_power(number a, number b) {
    if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    wrapping power = 1, factor = (wrapping)a;
    for (wrapping left = (wrapping)b; left; left >>= 1, factor *= factor)
        if (left & 1) power *= factor;
    return (number)power;
}
WG_BINARY(pow, whole_power(a, b))
#endif

#ifdef WG_RULES

static void square_backward(wg_rule *rule) {
    wg_var factor = wg_mul(rule->inputs[0], wg_scalar(rule->tape, 2));
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void sqrt_backward(wg_rule *rule) {
    wg_var factor = wg_div(wg_scalar(rule->tape, 0.5), rule->outputs[0]);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void rsqrt_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], factor = wg_mul(wg_square(y), wg_mul(y, wg_scalar(rule->tape, -0.5)));
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void reciprocal_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_neg(wg_square(rule->outputs[0]))));
}

/* scale_cotangent's "0 wins" serves for b a^(b-1) and log(a) y as well: neither is 0 · ∞. */
static void pow_backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], b = rule->inputs[1], y = rule->outputs[0], dy = rule->cotangents[0];
    wg_var one = wg_scalar(rule->tape, 1);
    if (wg_rule_wants(rule, 0)) {
        wg_var factor = wg_scale_cotangent(b, wg_pow(a, wg_sub(b, one)));
        wg_rule_set(rule, 0, wg_scale_cotangent(dy, factor));
    }
    if (wg_rule_wants(rule, 1)) {
        wg_var log_a = wg_log(wg_where(wg_equal(a, wg_scalar(rule->tape, 0)), one, a));
        wg_rule_set(rule, 1, wg_scale_cotangent(dy, wg_scale_cotangent(log_a, y)));
    }
}

static void square_samples(wg_sampler *s) { wg_sample_unary(s, WG_NORMAL, 0, 0); }
static void sqrt_samples(wg_sampler *s) { wg_sample_unary(s, WG_UNIFORM, 0.25, 9); }

static void reciprocal_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, 0.3, 5, -9, -0.3); }

static void pow_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_UNIFORM, 0.3, 3);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(9), .values = WG_UNIFORM, .low = 0.1, .high = 10},
              {.shape = WG_SHAPE(9), .values = WG_UNIFORM, .low = -4, .high = 4});
    WG_SAMPLE(s, NULL, {.dtype = WG_I32, .shape = WG_SHAPE(5, 7), .values = WG_INTEGERS, .low = -9, .high = 9},
              {.dtype = WG_I32, .shape = WG_SHAPE(5, 1), .values = WG_INTEGERS, .low = 0, .high = 9});
    WG_SAMPLE(s, NULL, {.dtype = WG_I64, .shape = WG_SHAPE(31), .values = WG_INTEGERS, .low = -2, .high = 2},
              {.dtype = WG_I64, .shape = WG_SHAPE(31), .values = WG_INTEGERS, .low = -4, .high = 17});
}

static wg_cost pow_cost(const wg_call *call) { return wg_cost_per_element(call, 80); }

const wg_op wg_op_square = {
    .name = "square", .formula = "y = x * x", .torch = "square",
    .gradient = "dx = 2 dy x",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(square), .backward = square_backward,
    .samples = square_samples,
};

const wg_op wg_op_sqrt = {
    .name = "sqrt", .formula = "y = sqrt(x)", .onnx = "Sqrt", .torch = "sqrt",
    .gradient = "dx = dy / (2 y)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(sqrt), .backward = sqrt_backward, .samples = sqrt_samples,
};

WG_UNARY_OP(rsqrt, "y = 1 / sqrt(x)", NULL, "rsqrt", 2, .backward = rsqrt_backward, .samples = sqrt_samples,
            .gradient = "dx = -dy y^3 / 2")
WG_UNARY_OP(reciprocal, "y = 1 / x", "Reciprocal", "reciprocal", 1, .backward = reciprocal_backward,
            .samples = reciprocal_samples, .gradient = "dx = -dy y^2")

const wg_op wg_op_pow = {
    .name = "pow", .formula = "y = a ^ b", .onnx = "Pow", .torch = "pow",
    .gradient = "da = dy b a^(b - 1), db = dy y log(a), 0 where a = 0 and b >= 0",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(pow), .backward = pow_backward,
    .cost = pow_cost, .samples = pow_samples,
};

wg_var (wg_square)(wg_var x) { return WG_RECORD(&wg_op_square, NULL, x); }
wg_var (wg_sqrt)(wg_var x) { return WG_RECORD(&wg_op_sqrt, NULL, x); }
wg_var (wg_pow)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_pow, NULL, a, b); }

#endif
