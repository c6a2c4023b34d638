/* equal, not_equal, less, less_equal, greater, greater_equal — of two numbers a bool; no gradient
 *
 * NaN is not equal to anything, and neither less nor greater. */
#include "op.h"

#define COMPARISON(op, relation)                                                                   \
    static void op##_forward(const wg_call *call) {                                                \
        const number *a = WG_IN(call, 0, number), *b = WG_IN(call, 1, number);                     \
        bool *y = WG_OUT(call, 0, bool);                                                           \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)           \
            y[i] = a[i] relation b[i];                                                             \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
COMPARISON(equal, ==)
COMPARISON(not_equal, !=)
COMPARISON(less, <)
COMPARISON(less_equal, <=)
COMPARISON(greater, >)
COMPARISON(greater_equal, >=)

#ifdef WG_RULES

static int infer(wg_infer *infer) {
    const int status = wg_infer_broadcast(infer);
    infer->outputs[0].dtype = WG_BOOL;
    return status;
}

static void samples(wg_sampler *s) {
    wg_sample_binary(s, WG_NORMAL, 0, 0);
    wg_sample_binary(s, WG_TIES, 0, 0);
    WG_SAMPLE(s, NULL, {.dtype = WG_I64, .shape = WG_SHAPE(19), .values = WG_INTEGERS, .low = -3, .high = 3},
              {.dtype = WG_I64, .shape = WG_SHAPE(19), .values = WG_INTEGERS, .low = -3, .high = 3});
}

#define COMPARISON_OP(op, sign, onnx_name, torch_name)                                             \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = "y = a " sign " b", .onnx = onnx_name, .torch = torch_name,        \
        .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_BLOCKS | WG_NAMES_DTYPE,           \
        .infer = infer, .forward = WG_FORWARD(op), .samples = samples,                             \
    };                                                                                             \
    wg_var (wg_##op)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_##op, NULL, a, b); }
COMPARISON_OP(equal, "==", "Equal", "eq")
COMPARISON_OP(not_equal, "!=", NULL, "ne")
COMPARISON_OP(less, "<", "Less", "lt")
COMPARISON_OP(less_equal, "<=", "LessOrEqual", "le")
COMPARISON_OP(greater, ">", "Greater", "gt")
COMPARISON_OP(greater_equal, ">=", "GreaterOrEqual", "ge")

#endif
