/* lgamma, digamma, polygamma — with cotangent dy of y:
 *
 *     y = log |Γ(x)|                                     dx = dy ψ(x)
 *     y = ψ(x), the derivative of log Γ                  dx = dy ψ'(x)
 *     y = the n-th derivative of ψ, n = 0 … 170          dx = dy polygamma(n + 1, x)
 *
 * At 0 and the negative whole numbers lgamma is infinite, as in C99; digamma is -inf at 0, inf at -0 and NaN at
 * the others, as in PyTorch; polygamma is infinite there for odd n, and for even n as digamma. */
#include "op.h"

typedef struct polygamma_attributes {
    int64_t n;
} polygamma_attributes;

#if WG_IS_REAL

WG_UNARY(lgamma, wm_lgamma(x))
WG_UNARY(digamma, wm_digamma(x))

static void polygamma_forward(const wg_call *call) {
    const int n = (int)WG_ATTRIBUTES(call, polygamma)->n;
    const number *x = WG_IN(call, 0, number);
    number *y = WG_OUT(call, 0, number);
    for (int64_t i = call->begin; i < call->end; i++) y[i] = wm_polygamma(n, x[i]);
}
WG_KERNEL(polygamma, polygamma_forward)

#endif

#ifdef WG_RULES

enum { HIGHEST = 170 }; /* 170! is finite */

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(polygamma_attributes, n, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = HIGHEST, .preset = 1,
                 .meaning = "how often digamma is derived"),
    WG_NO_MORE_ATTRIBUTES};

static void lgamma_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_digamma(rule->inputs[0])));
}

static void digamma_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_polygamma(rule->inputs[0], 1)));
}

static void polygamma_backward(wg_rule *rule) {
    const int n = (int)WG_ATTRIBUTES(rule, polygamma)->n;
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_polygamma(rule->inputs[0], n + 1)));
}

static void samples(wg_sampler *s) {
    wg_sample_unary_and(s, WG_UNIFORM, 0.3, 6, 2, 50);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(5), .values = WG_UNIFORM, .low = -0.8, .high = -0.2});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(5), .values = WG_UNIFORM, .low = -4.8, .high = -4.2});
}

static void polygamma_samples(wg_sampler *s) {
    for (int n = 0; n < 5; n++) {
        const polygamma_attributes a = {n};
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(7), .values = WG_UNIFORM, .low = 0.3, .high = 6});
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(3, 1, 3), .values = WG_UNIFORM, .low = 0.6, .high = 30});
        WG_SAMPLE(s, &a, {.shape = WG_SCALAR_SHAPE, .values = WG_UNIFORM, .low = 1, .high = 3});
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(1, 2, 1, 1, 1, 2, 1, 1), .values = WG_UNIFORM, .low = 1, .high = 3});
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(2, 0), .values = WG_UNIFORM, .low = 1, .high = 3});
        WG_SAMPLE(s, &a, {.shape = WG_SHAPE(3), .values = WG_UNIFORM, .low = -2.8, .high = -2.2});
    }
}

WG_UNARY_OP(lgamma, "y = log |gamma(x)|", NULL, "lgamma", 250, .backward = lgamma_backward,
            .samples = samples, .gradient = "dx = dy digamma(x)")
WG_UNARY_OP(digamma, "y = d log gamma(x) / dx", NULL, "digamma", 250, .backward = digamma_backward,
            .samples = samples, .gradient = "dx = dy polygamma(1, x)")

static wg_cost polygamma_cost(const wg_call *call) { return wg_cost_per_element(call, 1000); }

const wg_op wg_op_polygamma = {
    .name = "polygamma", .formula = "y = d^n digamma(x) / dx^n", .torch = "polygamma",
    .gradient = "dx = dy polygamma(n + 1, x)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .attributes = attributes, .attributes_size = sizeof(polygamma_attributes),
    .infer = wg_infer_same, .forward = WG_FORWARD(polygamma), .backward = polygamma_backward,
    .cost = polygamma_cost, .samples = polygamma_samples,
};

wg_var (wg_polygamma)(wg_var x, int n) {
    return WG_RECORD(&wg_op_polygamma, (&(polygamma_attributes){n}), x);
}

#endif
