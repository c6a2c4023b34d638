/* asin, acos, atan — with cotangent dy of y:
 *
 *     y = asin(x)    dx = dy / sqrt(1 - x²)
 *     y = acos(x)    dx = -dy / sqrt(1 - x²)
 *     y = atan(x)    dx = dy / (1 + x²)
 *
 * asin and acos are NaN beyond ±1, and their gradients infinite there. 1 - x² is (1 - x)(1 + x), which cancels
 * nothing. */
#include "op.h"

WG_UNARY(asin, wm_asin(x))
WG_UNARY(acos, wm_acos(x))
WG_UNARY(atan, wm_atan(x))

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

static void asin_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_UNIFORM, -0.9, 0.9);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -0.97, .high = -0.4});
}

static void atan_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_NORMAL, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -30, .high = 30});
}

WG_UNARY_OP(asin, "y = asin(x)", "Asin", "asin", 50, .backward = asin_backward,
            .samples = asin_samples)
WG_UNARY_OP(acos, "y = acos(x)", "Acos", "acos", 50, .backward = acos_backward,
            .samples = asin_samples)
WG_UNARY_OP(atan, "y = atan(x)", "Atan", "atan", 50, .backward = atan_backward,
            .samples = atan_samples)

#endif
