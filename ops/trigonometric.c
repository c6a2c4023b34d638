/* sin, cos, tan — with cotangent dy of y:
 *
 *     y = sin(x)    dx = dy cos(x)
 *     y = cos(x)    dx = -dy sin(x)
 *     y = tan(x)    dx = dy (1 + y²)
 *
 * Huge arguments need a reduction that does not vectorise, so the kernel asks block by block whether there
 * are any; the bits are the same either way (kernels/maths/circular.h). */
#include "op.h"

enum { BLOCK = 256 };

#define CIRCULAR(op)                                                                               \
    static void op##_forward(const wg_call *call) {                                                \
        const real *x = WG_IN(call, 0, real);                                                      \
        real *y = WG_OUT(call, 0, real);                                                           \
        for (int64_t begin = call->begin, end; begin < call->end; begin = end) {                   \
            end = call->end - begin > BLOCK ? begin + BLOCK : call->end;                           \
            unsigned far = 0;                                                                      \
            for (int64_t i = begin; i < end; i++) far |= !wm_is_near(x[i]);                        \
            if (far)                                                                               \
                for (int64_t i = begin; i < end; i++) y[i] = wm_##op(x[i]);                        \
            else                                                                                   \
                WG_INDEPENDENT_LOOP for (int64_t i = begin; i < end; i++)                          \
                    y[i] = wm_##op##_near(x[i]);                                                   \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
CIRCULAR(sin)
CIRCULAR(cos)
CIRCULAR(tan)

#ifdef WG_RULES

static void sin_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_cos(rule->inputs[0])));
}

static void cos_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], wg_neg(wg_sin(rule->inputs[0]))));
}

static void tan_backward(wg_rule *rule) {
    wg_var factor = wg_add(wg_scalar(rule->tape, 1), wg_square(rule->outputs[0]));
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -100, 100); }
static void tan_samples(wg_sampler *s) { wg_sample_unary_and(s, WG_UNIFORM, -1.4, 1.4, 14.3, 17.1); }

static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 40); }

const wg_op wg_op_sin = {
    .name = "sin", .formula = "y = sin(x)", .onnx = "Sin", .torch = "sin",
    .gradient = "dx = dy cos(x)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(sin), .backward = sin_backward,
    .cost = cost, .samples = samples,
};

const wg_op wg_op_cos = {
    .name = "cos", .formula = "y = cos(x)", .onnx = "Cos", .torch = "cos",
    .gradient = "dx = -dy sin(x)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(cos), .backward = cos_backward,
    .cost = cost, .samples = samples,
};

WG_UNARY_OP(tan, "y = sin(x) / cos(x)", "Tan", "tan", 60, .backward = tan_backward, .samples = tan_samples,
            .gradient = "dx = dy (1 + y^2)")

wg_var (wg_sin)(wg_var x) { return WG_RECORD(&wg_op_sin, NULL, x); }
wg_var (wg_cos)(wg_var x) { return WG_RECORD(&wg_op_cos, NULL, x); }

#endif
