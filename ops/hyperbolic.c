/* sinh, cosh, asinh, acosh, atanh — with cotangent dy of y:
 *
 *     y = sinh(x)     dx = dy cosh(x)
 *     y = cosh(x)     dx = dy sinh(x)
 *     y = asinh(x)    dx = dy / sqrt(x² + 1)
 *     y = acosh(x)    dx = dy / sqrt((x - 1)(x + 1))    NaN for x < 1
 *     y = atanh(x)    dx = dy / ((1 - x)(1 + x))        NaN beyond ±1 */
#include "op.h"

WG_UNARY(sinh, wm_sinh(x))
WG_UNARY(cosh, wm_cosh(x))
WG_UNARY(asinh, wm_asinh(x))
WG_UNARY(acosh, wm_acosh(x))
WG_UNARY(atanh, wm_atanh(x))

#ifdef WG_RULES

static void sinh_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_cosh(x)));
}

static void cosh_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_sinh(x)));
}

static void asinh_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_rsqrt(wg_add(wg_square(x), one))));
}

static void acosh_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_rsqrt(wg_mul(wg_sub(x, one), wg_add(x, one)))));
}

static void atanh_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_reciprocal(wg_mul(wg_sub(one, x), wg_add(one, x)))));
}

static void sinh_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -9, 9); }
static void asinh_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -90, 90); }
static void acosh_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, 1.3, 6, 2, 100); }
static void atanh_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, -0.9, 0.9, -0.5, 0.95); }

WG_UNARY_OP(sinh, "y = (exp(x) - exp(-x)) / 2", "Sinh", "sinh", 60, .backward = sinh_backward,
            .samples = sinh_samples, .gradient = "dx = dy cosh(x)")
WG_UNARY_OP(cosh, "y = (exp(x) + exp(-x)) / 2", "Cosh", "cosh", 50, .backward = cosh_backward,
            .samples = sinh_samples, .gradient = "dx = dy sinh(x)")
WG_UNARY_OP(asinh, "y = log(x + sqrt(x² + 1))", "Asinh", "asinh", 90, .backward = asinh_backward,
            .samples = asinh_samples, .gradient = "dx = dy / sqrt(x^2 + 1)")
WG_UNARY_OP(acosh, "y = log(x + sqrt(x² - 1))", "Acosh", "acosh", 90, .backward = acosh_backward,
            .samples = acosh_samples, .gradient = "dx = dy / sqrt(x^2 - 1)")
WG_UNARY_OP(atanh, "y = log((1 + x) / (1 - x)) / 2", "Atanh", "atanh", 80, .backward = atanh_backward,
            .samples = atanh_samples, .gradient = "dx = dy / (1 - x^2)")

#endif
