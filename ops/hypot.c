/* hypot, copysign, logaddexp — with cotangent dy of y:
 *
 *     y = sqrt(a² + b²)             da = dy a / y,  db = dy b / y,   0 where y is 0
 *     y = |a| with b's sign         da = dy where the signs are alike, -dy where they are not, 0 where a is 0;  db = 0
 *     y = log(exp(a) + exp(b))      da = dy sigmoid(a - b),  db = dy sigmoid(b - a)
 *
 * hypot scales by a power of two, so that no square overflows or is lost, and is infinite if a or b is, as C99
 * has it. logaddexp is m + log1p(exp(-|a - b|)), m the larger of both, which neither overflows nor cancels; of
 * two equal infinities it is that infinity. */
#include "op.h"

#if WG_IS_REAL

/* 2^-k where 2^k <= m < 2^(k+1), within what a normal number can be. */
#if WG_TYPE_NUMBER == WG_TYPE_f32
WG_INLINE float scale_of(float m) {
    const uint32_t exponent = wg_bits_f32(m) >> 23, bounded = exponent < 2 ? 2 : exponent > 252 ? 252 : exponent;
    return wg_of_bits_f32((254 - bounded) << 23);
}
#else
WG_INLINE double scale_of(double m) {
    const uint64_t exponent = wg_bits_f64(m) >> 52;
    const uint64_t bounded = exponent < 2 ? 2 : exponent > 2044 ? 2044 : exponent;
    return wg_of_bits_f64((2046 - bounded) << 52);
}
#endif

WG_INLINE real hypot_of(real a, real b) {
    const real infinity = (real)WG_INFINITY_F64, x = wm_abs(a), z = wm_abs(b), scale = scale_of(x > z ? x : z);
    const real u = x * scale, v = z * scale, y = wm_sqrt(wg_fma(u, u, v * v)) * (1 / scale);
    return ((x == infinity) | (z == infinity)) ? infinity : y;
}
WG_BINARY(hypot, hypot_of(a, b))

WG_BINARY(copysign, wm_copysign(a, b))

WG_INLINE real logaddexp_of(real a, real b) {
    const real m = a >= b ? a : b, y = m + wm_log1p(wm_exp(-wm_abs(a - b)));
    return ((a == b) & (wm_abs(a) == (real)WG_INFINITY_F64)) ? a : y;
}
WG_BINARY(logaddexp, logaddexp_of(a, b))

#endif

#ifdef WG_RULES

/* Through 1 where y is 0: the branch not taken makes no NaN. */
static void hypot_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], dy = rule->cotangents[0], zero = wg_scalar(rule->tape, 0);
    wg_var none = wg_equal(y, zero), divisor = wg_where(none, wg_scalar(rule->tape, 1), y);
    for (int i = 0; i < 2; i++)
        if (wg_rule_wants(rule, i))
            wg_rule_set(rule, i, wg_scale_cotangent(dy, wg_where(none, zero, wg_div(rule->inputs[i], divisor))));
}

/* The product of the signs, not the sign of the product, which may be lost as 0. */
static void copysign_backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) {
        wg_var of_a = WG_RECORD(&wg_op_sign, NULL, a), of_y = WG_RECORD(&wg_op_sign, NULL, rule->outputs[0]);
        wg_rule_set(rule, 0, wg_scale_cotangent(dy, wg_mul(of_a, of_y)));
    }
}

static void logaddexp_backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], b = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, wg_scale_cotangent(dy, wg_sigmoid(wg_sub(a, b))));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_scale_cotangent(dy, wg_sigmoid(wg_sub(b, a))));
}

static void hypot_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_DISTINCT, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, 0.25, 9);
}
static void copysign_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_DISTINCT, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, -4, -0.5);
}
static void logaddexp_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_NORMAL, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, -12, 12);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(17), .values = WG_TIES}, {.shape = WG_SHAPE(17), .values = WG_TIES});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(5), .values = WG_ALL_EQUAL, .low = 1e4},
              {.shape = WG_SHAPE(5), .values = WG_UNIFORM, .low = 9999, .high = 10001});
}

static wg_cost hypot_cost(const wg_call *call) { return wg_cost_per_element(call, 10); }
static wg_cost logaddexp_cost(const wg_call *call) { return wg_cost_per_element(call, 60); }

const wg_op wg_op_hypot = {
    .name = "hypot", .formula = "y = sqrt(a * a + b * b)", .torch = "hypot",
    .gradient = "da = dy a / y, db = dy b / y, 0 where y = 0",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(hypot), .backward = hypot_backward,
    .cost = hypot_cost, .samples = hypot_samples,
};

const wg_op wg_op_copysign = {
    .name = "copysign", .formula = "y = |a| * (signbit(b) ? -1 : 1)", .torch = "copysign",
    .gradient = "da = dy where the signs of a and b are alike, else -dy, 0 where a = 0, db = 0",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(copysign), .backward = copysign_backward,
    .samples = copysign_samples,
};

const wg_op wg_op_logaddexp = {
    .name = "logaddexp", .formula = "y = log(exp(a) + exp(b))", .torch = "logaddexp",
    .gradient = "da = dy sigmoid(a - b), db = dy sigmoid(b - a)",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(logaddexp), .backward = logaddexp_backward,
    .cost = logaddexp_cost, .samples = logaddexp_samples,
};

wg_var (wg_hypot)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_hypot, NULL, a, b); }
wg_var (wg_copysign)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_copysign, NULL, a, b); }
wg_var (wg_logaddexp)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_logaddexp, NULL, a, b); }

#endif
