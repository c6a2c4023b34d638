/* logical_and, logical_or, logical_xor — of two numbers of any dtype, each true where it is not 0, a bool; no
 * gradient
 *
 * ONNX And, Or and Xor take bool alone; other dtypes are PyTorch's. NaN is not 0. */
#include "op.h"

#ifdef WG_RULES

#define LOGICAL_LOOP(type, relation)                                                               \
    {                                                                                              \
        const type *a = WG_IN(call, 0, type), *b = WG_IN(call, 1, type);                           \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)           \
            y[i] = (a[i] != 0) relation (b[i] != 0);                                               \
        break;                                                                                     \
    }
#define LOGICAL(op, relation)                                                                      \
    static void op##_forward(const wg_call *call) {                                                \
        uint8_t *y = WG_OUT(call, 0, uint8_t);                                                     \
        switch (call->dtype) {                                                                     \
        case WG_F32: LOGICAL_LOOP(float, relation)                                                 \
        case WG_F64: LOGICAL_LOOP(double, relation)                                                \
        case WG_I32: LOGICAL_LOOP(int32_t, relation)                                               \
        case WG_I64: LOGICAL_LOOP(int64_t, relation)                                               \
        default: LOGICAL_LOOP(uint8_t, relation)                                                   \
        }                                                                                          \
    }                                                                                              \
    WG_BYTES_KERNEL(op, op##_forward)
LOGICAL(logical_and, &)
LOGICAL(logical_or, |)
LOGICAL(logical_xor, ^)

static int infer(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    if (a->dtype != b->dtype)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "dtypes differ: a is %s, b is %s; wg_cast converts",
                             wg_infer_text(infer, a), wg_infer_text(infer, b));
    infer->outputs[0].dtype = WG_BOOL;
    return wg_infer_broadcast_shapes(infer, &infer->outputs[0]);
}

static void samples(wg_sampler *s) {
    wg_sample_binary(s, WG_TIES, 0, 0);
    static const wg_dtype dtypes[] = {WG_BOOL, WG_U8, WG_I32, WG_I64};
    for (int i = 0; i < 4; i++) {
#define WHOLE(a, b)                                                                                         \
    WG_SAMPLE(s, NULL, {.dtype = dtypes[i], .shape = a, .values = WG_INTEGERS, .low = 0, .high = i ? 2 : 1}, \
              {.dtype = dtypes[i], .shape = b, .values = WG_INTEGERS, .low = 0, .high = i ? 2 : 1})
        WHOLE(WG_SHAPE(19), WG_SHAPE(19));
        WHOLE(WG_SHAPE(3, 1), WG_SHAPE(1, 5));
        WHOLE(WG_SHAPE(2, 3, 4), WG_SCALAR_SHAPE);
        WHOLE(WG_SHAPE(0), WG_SHAPE(1));
#undef WHOLE
    }
}

#define LOGICAL_OP(op, sign, onnx_name)                                                            \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = "y = (a != 0) " sign " (b != 0)", .onnx = onnx_name, .torch = #op, \
        .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_BLOCKS | WG_NAMES_DTYPE,           \
        .infer = infer, .forward = WG_FORWARD(op), .samples = samples,                             \
    };                                                                                             \
    wg_var (wg_##op)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_##op, NULL, a, b); }
LOGICAL_OP(logical_and, "&", "And")
LOGICAL_OP(logical_or, "|", "Or")
LOGICAL_OP(logical_xor, "^", "Xor")

#endif
