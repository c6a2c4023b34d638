/* erf, erfc — with cotangent dy of y:
 *
 *     y = 2 / sqrt(π) times the integral of exp(-t²) over t = 0 … x    dx = dy exp(-x²) 2 / sqrt(π)
 *     y = 1 - erf(x), without the cancellation                         dx = -dy exp(-x²) 2 / sqrt(π) */
#include "op.h"

WG_UNARY(erf, wm_erf(x))
WG_UNARY(erfc, wm_erfc(x))

#ifdef WG_RULES

#define SLOPE_AT_0 0x1.20dd750429b6dp+0 /* 2 / sqrt(π) */

static void erf_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_mul(wg_exp(wg_neg(wg_square(x))), wg_scalar(rule->tape, SLOPE_AT_0))));
}

static void erfc_backward(wg_rule *rule) {
    wg_var x = rule->inputs[0];
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_mul(wg_exp(wg_neg(wg_square(x))), wg_scalar(rule->tape, -SLOPE_AT_0))));
}

static void erf_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -3, 3); }
static void erfc_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -3, 5); }

WG_UNARY_OP(erf, "y = 2 / sqrt(pi) integral of exp(-t²), t = 0 … x", "Erf", "erf", 120,
            .backward = erf_backward, .samples = erf_samples, .gradient = "dx = dy exp(-x^2) 2 / sqrt(pi)")
WG_UNARY_OP(erfc, "y = 1 - erf(x)", NULL, "erfc", 120, .backward = erfc_backward, .samples = erfc_samples,
            .gradient = "dx = -dy exp(-x^2) 2 / sqrt(pi)")

#endif
