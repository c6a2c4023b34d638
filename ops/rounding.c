/* floor, ceil, round, trunc — to a whole number downwards, upwards, to the nearest (ties to even), towards 0
 *
 * dx = 0: each is constant between its jumps. Infinities and NaN are handed on, and a zero keeps the sign of x. */
#include "op.h"

WG_UNARY(floor, wm_floor(x))
WG_UNARY(ceil, wm_ceil(x))
WG_UNARY(round, wm_round(x))
WG_UNARY(trunc, wm_trunc(x))

#ifdef WG_RULES

static void samples(wg_sampler *s) {
    wg_sample_unary(s, WG_NORMAL, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(33), .values = WG_UNIFORM, .low = -9, .high = 9});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(9), .values = WG_UNIFORM, .low = -1e9, .high = 1e9});
}

static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 5); }

#define ROUNDING_OP(op, text, onnx_name, torch_name)                                               \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                      \
        .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_STOPS,                             \
        .no_gradient = "constant between jumps: zero",                                             \
        .infer = wg_infer_same, .forward = WG_FORWARD(op), .cost = cost, .samples = samples,       \
    };                                                                                             \
    wg_var (wg_##op)(wg_var x) { return WG_RECORD(&wg_op_##op, NULL, x); }
ROUNDING_OP(floor, "y = the largest whole number <= x", "Floor", "floor")
ROUNDING_OP(ceil, "y = the smallest whole number >= x", "Ceil", "ceil")
ROUNDING_OP(round, "y = the whole number nearest to x, ties to even", "Round", "round")
ROUNDING_OP(trunc, "y = sign(x) floor(|x|)", NULL, "trunc")

#endif
