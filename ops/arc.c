/* asin, acos, atan, atan2 — with cotangent dy of y:
 *
 *     y = asin(x)        dx = dy / sqrt(1 - x²)
 *     y = acos(x)        dx = -dy / sqrt(1 - x²)
 *     y = atan(x)        dx = dy / (1 + x²)
 *     y = atan2(a, b)    da = dy b / (a² + b²),  db = -dy a / (a² + b²)
 *
 * asin and acos are NaN beyond ±1, and their gradients infinite there. 1 - x² is (1 - x)(1 + x), which cancels
 * nothing. atan2 is the angle of the point (b, a), in all quadrants and at signed zeros and infinities as C99 has it;
 * its gradients divide by the length of (b, a) twice, which does not overflow, and are 0 at (0, 0), as in PyTorch, and
 * where the length is infinite. */
#include "op.h"

WG_UNARY(asin, wm_asin(x))
WG_UNARY(acos, wm_acos(x))
WG_UNARY(atan, wm_atan(x))
WG_BINARY(atan2, wm_atan2(a, b))

#ifdef WG_RULES

static void asin_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_rsqrt(wg_mul(wg_sub(one, x), wg_add(one, x)))));
}

static void acos_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_neg(wg_rsqrt(wg_mul(wg_sub(one, x), wg_add(one, x))))));
}

static void atan_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_reciprocal(wg_add(one, wg_square(x)))));
}

/* Where the length is 0 or infinite, through the point 0 with length 1: the branch not taken makes no NaN. */
static void atan2_backward(wg_rule *rule) {
    wg_var zero = wg_scalar(rule->tape, 0), length = wg_hypot(rule->inputs[0], rule->inputs[1]);
    wg_var no_angle = wg_logical_or(wg_equal(length, zero), wg_equal(length, wg_scalar(rule->tape, __builtin_inf())));
    length = wg_where(no_angle, wg_scalar(rule->tape, 1), length);
    for (int i = 0; i < 2; i++) {
        if (!wg_rule_wants(rule, i)) continue;
        wg_var other = wg_where(no_angle, zero, rule->inputs[1 - i]);
        wg_var slope = wg_div(wg_div(other, length), length);
        wg_rule_set(rule, i, wg_scale_cotangent(rule->cotangents[0], i ? wg_neg(slope) : slope));
    }
}

static void asin_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, -0.9, 0.9, -0.97, -0.4); }
static void atan_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -30, 30); }

/* Each quadrant and both sides of the diagonals; no ray where the angle jumps. */
static void atan2_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_DISTINCT, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, 0.25, 9);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -2, .high = -0.5},
              {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -2, .high = 2});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3, 5), .values = WG_UNIFORM, .low = 0.5, .high = 2},
              {.shape = WG_SHAPE(5), .values = WG_UNIFORM, .low = -40, .high = 40});
}

WG_UNARY_OP(asin, "y = asin(x)", "Asin", "asin", 50, .backward = asin_backward, .samples = asin_samples,
            .gradient = "dx = dy / sqrt(1 - x^2)")
WG_UNARY_OP(acos, "y = acos(x)", "Acos", "acos", 50, .backward = acos_backward, .samples = asin_samples,
            .gradient = "dx = -dy / sqrt(1 - x^2)")
WG_UNARY_OP(atan, "y = atan(x)", "Atan", "atan", 50, .backward = atan_backward, .samples = atan_samples,
            .gradient = "dx = dy / (1 + x^2)")

static wg_cost atan2_cost(const wg_call *call) { return wg_cost_per_element(call, 60); }

const wg_op wg_op_atan2 = {
    .name = "atan2", .formula = "y = the angle of (b, a), atan(a / b) for b > 0", .torch = "atan2",
    .gradient = "da = dy b / (a^2 + b^2), db = -dy a / (a^2 + b^2), 0 at (0, 0)",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(atan2), .backward = atan2_backward,
    .cost = atan2_cost, .samples = atan2_samples,
};
wg_var (wg_atan2)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_atan2, NULL, a, b); }

#endif
