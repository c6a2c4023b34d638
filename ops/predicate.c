/* isnan, isinf, isfinite, logical_not — of a number a bool; no gradient
 *
 * isinf has ONNX's attributes that leave out the infinity of one sign. logical_not is y = (x == 0) of any
 * dtype, as PyTorch's; ONNX's Not takes bool alone. NaN is not 0. */
#include "op.h"

typedef struct isinf_attributes {
    bool detect_negative, detect_positive;
} isinf_attributes;

#if WG_IS_REAL

#define PREDICATE(op, expression)                                                                  \
    static void op##_forward(const wg_call *call) {                                                \
        const number *px = WG_IN(call, 0, number);                                                 \
        bool *y = WG_OUT(call, 0, bool);                                                           \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {         \
            const number x = px[i];                                                                \
            y[i] = expression;                                                                     \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
PREDICATE(isnan, x != x)
PREDICATE(isfinite, x - x == 0)

static void isinf_forward(const wg_call *call) {
    const isinf_attributes *a = WG_ATTRIBUTES(call, isinf);
    const number infinity = (number)WG_INFINITY_F64, *x = WG_IN(call, 0, number);
    const number high = a->detect_positive ? infinity : -infinity, low = a->detect_negative ? -infinity : infinity;
    const bool any = a->detect_positive | a->detect_negative;
    bool *y = WG_OUT(call, 0, bool);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)
        y[i] = any & ((x[i] == high) | (x[i] == low));
}
WG_KERNEL(isinf, isinf_forward)

#endif

#ifdef WG_RULES

#define IS_ZERO(T)                                                                                 \
    {                                                                                              \
        const T *x = WG_IN(call, 0, T);                                                            \
        bool *y = WG_OUT(call, 0, bool);                                                           \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)           \
            y[i] = x[i] == 0;                                                                      \
    }                                                                                              \
    break;

static void logical_not_forward(const wg_call *call) {
    switch (call->inputs[0].type.dtype) {
    case WG_F32: IS_ZERO(float)
    case WG_F64: IS_ZERO(double)
    case WG_I32: IS_ZERO(int32_t)
    case WG_I64: IS_ZERO(int64_t)
    case WG_U8: IS_ZERO(uint8_t)
    case WG_BOOL: IS_ZERO(bool)
    default: break;
    }
}
WG_BYTES_KERNEL(logical_not, logical_not_forward)

static const wg_attribute isinf_attribute[] = {
    WG_ATTRIBUTE(isinf_attributes, detect_negative, .kind = WG_ATTRIBUTE_BOOL, .preset = 1,
                 .meaning = "is minus infinity counted?"),
    WG_ATTRIBUTE(isinf_attributes, detect_positive, .kind = WG_ATTRIBUTE_BOOL, .preset = 1,
                 .meaning = "is plus infinity counted?"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_of_real(wg_infer *infer) {
    const int status = wg_infer_same(infer);
    infer->outputs[0].dtype = WG_BOOL;
    return status;
}

static int infer_of_any(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    infer->outputs[0].dtype = WG_BOOL;
    return WG_OK;
}

static void samples(wg_sampler *s) {
    wg_sample_unary(s, WG_NORMAL, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3), .values = WG_ALL_EQUAL, .low = (double)WG_NAN_F64});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3), .values = WG_ALL_EQUAL, .low = WG_INFINITY_F64});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3), .values = WG_ALL_EQUAL, .low = -WG_INFINITY_F64});
}

static void isinf_samples(wg_sampler *s) {
    static const double values[] = {1, WG_INFINITY_F64, -WG_INFINITY_F64};
    for (int i = 0; i < 12; i++)
        WG_SAMPLE(s, (&(isinf_attributes){i % 4 & 1, i % 4 >> 1}),
                  {.shape = WG_SHAPE(i), .values = WG_ALL_EQUAL, .low = values[i / 4]});
}

static void logical_not_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_TIES, 0, 0);
    static const wg_dtype dtypes[] = {WG_I32, WG_I64, WG_U8, WG_BOOL};
    for (int i = 0; i < 4; i++)
        WG_SAMPLE(s, NULL,
                  {.dtype = dtypes[i], .shape = WG_SHAPE(3, 7), .values = WG_INTEGERS, .low = 0, .high = 1});
}

#define PREDICATE_OP(op, text, onnx_name, torch_name, ...)                                         \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                      \
        .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_BLOCKS | WG_NAMES_DTYPE,           \
        .forward = WG_FORWARD(op), __VA_ARGS__,                                                    \
    };
PREDICATE_OP(isnan, "y = x is NaN", "IsNaN", "isnan", .infer = infer_of_real, .samples = samples)
PREDICATE_OP(isfinite, "y = x is neither infinite nor NaN", NULL, "isfinite", .infer = infer_of_real,
             .samples = samples)
PREDICATE_OP(isinf, "y = x is infinite", "IsInf", "isinf", .infer = infer_of_real, .samples = isinf_samples,
             .attributes = isinf_attribute, .attributes_size = sizeof(isinf_attributes))
PREDICATE_OP(logical_not, "y = (x == 0)", "Not", "logical_not", .infer = infer_of_any,
             .samples = logical_not_samples)

wg_var (wg_isnan)(wg_var x) { return WG_RECORD(&wg_op_isnan, NULL, x); }
wg_var (wg_isfinite)(wg_var x) { return WG_RECORD(&wg_op_isfinite, NULL, x); }
wg_var (wg_isinf)(wg_var x) {
    return WG_RECORD(&wg_op_isinf, (&(isinf_attributes){true, true}), x);
}
wg_var (wg_logical_not)(wg_var x) { return WG_RECORD(&wg_op_logical_not, NULL, x); }

#endif
