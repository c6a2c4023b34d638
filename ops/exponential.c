/* exp, expm1, exp2, log, log1p, log2 — with cotangent dy of y:
 *
 *     y = exp(x)        dx = dy y             y = log(x)        dx = dy / x
 *     y = exp(x) - 1    dx = dy exp(x)        y = log(1 + x)    dx = dy / (1 + x)
 *     y = 2^x           dx = dy y ln 2        y = log2(x)       dx = dy / (x ln 2)
 *
 * A logarithm of 0 is -inf, of less NaN. expm1 and log1p are exact to rounding where x is small. */
#include "op.h"

WG_UNARY(exp, wm_exp(x))
WG_UNARY(expm1, wm_expm1(x))
WG_UNARY(exp2, wm_exp2(x))
WG_UNARY(log, wm_log(x))
WG_UNARY(log1p, wm_log1p(x))
WG_UNARY(log2, wm_log2(x))

#ifdef WG_RULES

#define LN_2 0x1.62e42fefa39efp-1

static void exp_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], y));
}

static void expm1_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_exp(x)));
}

static void exp2_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_mul(y, wg_scalar(rule->tape, LN_2))));
}

static void log_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_div(one, x)));
}

static void log1p_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_var one = wg_scalar(rule->tape, 1);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_div(one, wg_add(x, one))));
}

static void log2_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_div(wg_scalar(rule->tape, 1 / LN_2), x)));
}

static void exp_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -30, 8); }
static void exp2_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -30, 9); }
static void log_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, 0.2, 6, 1, 1e6); }
static void log1p_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, -0.8, 3, 1, 1e6); }

WG_UNARY_OP(exp, "y = exp(x)", "Exp", "exp", 25, .backward = exp_backward, .samples = exp_samples,
            .gradient = "dx = dy y")
WG_UNARY_OP(expm1, "y = exp(x) - 1", NULL, "expm1", 30, .backward = expm1_backward, .samples = exp_samples,
            .gradient = "dx = dy exp(x)")
WG_UNARY_OP(exp2, "y = 2^x", NULL, "exp2", 30, .backward = exp2_backward, .samples = exp2_samples,
            .gradient = "dx = dy y log(2)")
WG_UNARY_OP(log, "y = log(x)", "Log", "log", 30, .backward = log_backward, .samples = log_samples,
            .gradient = "dx = dy / x")
WG_UNARY_OP(log1p, "y = log(1 + x)", NULL, "log1p", 35, .backward = log1p_backward, .samples = log1p_samples,
            .gradient = "dx = dy / (1 + x)")
WG_UNARY_OP(log2, "y = log(x) / log(2)", NULL, "log2", 50, .backward = log2_backward, .samples = log_samples,
            .gradient = "dx = dy / (x log(2))")

#endif
