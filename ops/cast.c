/* cast — the same numbers in another dtype; dx = dy in x's dtype
 *
 * To a float: rounded to nearest, ties to even. To whole numbers: towards zero, saturating, NaN to 0. To
 * bool: x != 0. No gradient flows from or to whole numbers. */
#include "op.h"

typedef struct cast_attributes {
    wg_dtype dtype;
} cast_attributes;

#ifdef WG_RULES

/* The largest whole number of `limit` and more is out of reach as a float: both bounds are exclusive of
 * what the conversion could not hold. */
#define FLOAT_TO_WHOLE(x, T, low, high, limit) \
    ((x) >= (limit) ? (T)(high) : (x) > (low) ? (T)(x) : (x) <= (low) ? (T)(low) : (T)0)
#define CLAMP(x, T, low, high) ((x) > (high) ? (T)(high) : (x) < (low) ? (T)(low) : (T)(x))

#define TO_NUMBER(x, T) (T)(x)
#define TO_BOOL(x, T) ((x) != 0)
#define F_TO_I32(x, T) FLOAT_TO_WHOLE(x, T, INT32_MIN, INT32_MAX, 0x1p31f)
#define F_TO_I64(x, T) FLOAT_TO_WHOLE(x, T, -0x1p63f, INT64_MAX, 0x1p63f)
#define F_TO_U8(x, T) FLOAT_TO_WHOLE(x, T, 0, UINT8_MAX, 256)
#define I_TO_I32(x, T) CLAMP(x, T, INT32_MIN, INT32_MAX)
#define I_TO_U8(x, T) CLAMP(x, T, 0, UINT8_MAX)

#define CONVERT(FROM, TO, conversion)                                                              \
    {                                                                                              \
        const FROM *x = WG_IN(call, 0, FROM);                                                      \
        TO *y = WG_OUT(call, 0, TO);                                                               \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)           \
            y[i] = conversion(x[i], TO);                                                           \
    }                                                                                              \
    break;

/* From one type to every other. */
#define CONVERT_FROM(FROM, to_i32, to_i64, to_u8)                                                  \
    switch (call->outputs[0].type.dtype) {                                                         \
    case WG_F32: CONVERT(FROM, float, TO_NUMBER)                                                   \
    case WG_F64: CONVERT(FROM, double, TO_NUMBER)                                                  \
    case WG_I32: CONVERT(FROM, int32_t, to_i32)                                                    \
    case WG_I64: CONVERT(FROM, int64_t, to_i64)                                                    \
    case WG_U8: CONVERT(FROM, uint8_t, to_u8)                                                      \
    case WG_BOOL: CONVERT(FROM, bool, TO_BOOL)                                                     \
    default: break;                                                                                \
    }                                                                                              \
    break;

static void cast_forward(const wg_call *call) {
    switch (call->inputs[0].type.dtype) {
    case WG_F32: CONVERT_FROM(float, F_TO_I32, F_TO_I64, F_TO_U8)
    case WG_F64: CONVERT_FROM(double, F_TO_I32, F_TO_I64, F_TO_U8)
    case WG_I32: CONVERT_FROM(int32_t, TO_NUMBER, TO_NUMBER, I_TO_U8)
    case WG_I64: CONVERT_FROM(int64_t, I_TO_I32, TO_NUMBER, I_TO_U8)
    case WG_U8: CONVERT_FROM(uint8_t, TO_NUMBER, TO_NUMBER, TO_NUMBER)
    case WG_BOOL: CONVERT_FROM(bool, TO_NUMBER, TO_NUMBER, TO_NUMBER)
    default: break;
    }
}
WG_BYTES_KERNEL(cast, cast_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(cast_attributes, dtype, .kind = WG_ATTRIBUTE_DTYPE, .preset = WG_F32,
                 .meaning = "of the result"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_dtype dtype = WG_ATTRIBUTES(infer, cast)->dtype;
    if (dtype <= WG_NO_DTYPE || dtype > WG_BOOL)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "there is no conversion to %s; f32, f64, i32, i64, u8 and bool are taken",
                             wg_dtype_name(dtype));
    infer->outputs[0] = infer->inputs[0];
    infer->outputs[0].dtype = dtype;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_cast(rule->cotangents[0], wg_type_of(rule->inputs[0]).dtype));
}

static void samples(wg_sampler *s) {
#define CAST(to, ...) WG_SAMPLE(s, (&(cast_attributes){to}), {__VA_ARGS__})
    CAST(WG_F64, .shape = WG_SHAPE(7));
    CAST(WG_F64, .shape = WG_SCALAR_SHAPE);
    CAST(WG_F64, .shape = WG_SHAPE(3, 0));
    CAST(WG_F32, .shape = WG_SHAPE(33), .values = WG_INTEGERS, .low = -100, .high = 100);
    CAST(WG_I32, .shape = WG_SHAPE(17), .values = WG_UNIFORM, .low = -9, .high = 9);
    CAST(WG_I64, .shape = WG_SHAPE(17), .values = WG_UNIFORM, .low = -9, .high = 9);
    CAST(WG_U8, .shape = WG_SHAPE(17), .values = WG_UNIFORM, .low = -50, .high = 300);
    CAST(WG_BOOL, .shape = WG_SHAPE(17), .values = WG_TIES);
    CAST(WG_F64, .dtype = WG_I32, .shape = WG_SHAPE(9), .values = WG_INTEGERS, .low = -1000, .high = 1000);
    CAST(WG_I32, .dtype = WG_I64, .shape = WG_SHAPE(9), .values = WG_INTEGERS, .low = -1e10, .high = 1e10);
    CAST(WG_F32, .dtype = WG_U8, .shape = WG_SHAPE(2, 3), .values = WG_INTEGERS, .low = 0, .high = 255);
    CAST(WG_F64, .dtype = WG_BOOL, .shape = WG_SHAPE(1), .values = WG_INTEGERS, .low = 0, .high = 1);
    CAST(WG_U8, .dtype = WG_I32, .shape = WG_SHAPE(3, 5), .values = WG_INTEGERS, .low = -300, .high = 600);
#undef CAST
}

const wg_op wg_op_cast = {
    .name = "cast", .formula = "y = x as dtype", .onnx = "Cast", .torch = "to",
    .gradient = "dx = dy as x's dtype, between real dtypes",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_NAMES_DTYPE,
    .attributes = attributes, .attributes_size = sizeof(cast_attributes),
    .is_identity = wg_is_identity,
    .infer = infer, .forward = WG_FORWARD(cast), .backward = backward, .samples = samples,
};

wg_var (wg_cast)(wg_var x, wg_dtype dtype) {
    const cast_attributes chosen = {dtype};
    return WG_RECORD(&wg_op_cast, &chosen, x);
}

#endif
