/* check_finite — y = x; the run fails if an element is NaN or infinite
 *
 * With cotangent dy:  dx = dy. An elementwise op, so that looking costs no pass over memory of its own. */
#include "op.h"

static void check_finite_forward(const wg_call *call) {
    const real *x = WG_IN(call, 0, real);
    real *y = WG_OUT(call, 0, real);
    unsigned nan = 0, infinite = 0;
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
        const real value = x[i];
        nan |= value != value;
        infinite |= wm_abs(value) == (real)__builtin_inf();
        y[i] = value;
    }
    if (nan | infinite) wg_call_fail(call, WG_ERROR_NOT_FINITE, "there is %s", nan ? "a NaN" : "an infinity");
}
WG_KERNEL(check_finite, check_finite_forward)

#ifdef WG_RULES

static void backward(wg_rule *rule) { wg_rule_set(rule, 0, rule->cotangents[0]); }

static void samples(wg_sampler *s) { wg_sample_unary(s, WG_NORMAL, 0, 0); }

const wg_op wg_op_check_finite = {
    .name = "check_finite", .formula = "y = x, every element finite",
    .gradient = "dx = dy",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_CAN_FAIL, .linear_in = 1 << 0,
    .infer = wg_infer_same, .forward = WG_FORWARD(check_finite), .backward = backward, .samples = samples,
};

wg_var (wg_check_finite)(wg_var x) { return WG_RECORD(&wg_op_check_finite, NULL, x); }

#endif
