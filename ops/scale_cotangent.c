/* scale_cotangent — y = a b, and 0 where a or b is 0, whatever the other is
 *
 * With cotangent dy:  da = dy b,  db = dy a,  both by the same rule.
 *
 * The one product in the rules of elementwise ops. 0 · ∞ would be NaN: an element whose cotangent is 0, as on
 * the untaken branch of where, would spoil the whole gradient. Where the slope b is 0 it is the same: sqrt(sum x²)
 * has gradient 0 at 0; and at second order it is b that is the cotangent which was 0 at first. */
#include "op.h"

#if WG_IS_REAL
WG_BINARY(scale_cotangent, ((a == 0) | (b == 0)) ? 0 : a * b)
#endif

#ifdef WG_RULES

static void backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], b = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, wg_scale_cotangent(dy, b));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_scale_cotangent(dy, a));
}

static void samples(wg_sampler *s) {
    wg_sample_binary(s, WG_NORMAL, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, 10, 1000);
}

const wg_op wg_op_scale_cotangent = {
    .name = "scale_cotangent", .formula = "y = a == 0 or b == 0 ? 0 : a * b",
    .gradient = "da = dy == 0 or b == 0 ? 0 : dy b, db = dy == 0 or a == 0 ? 0 : dy a",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_HELPER, .linear_in = 1 << 0 | 1 << 1,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(scale_cotangent), .backward = backward,
    .samples = samples,
};

wg_var (wg_scale_cotangent)(wg_var cotangent, wg_var factor) {
    return WG_RECORD(&wg_op_scale_cotangent, NULL, cotangent, factor);
}

#endif
