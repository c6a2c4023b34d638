/* full — y[i] = value, converted as wg_cast does
 *
 * The value may change from run to run without a new plan; dtype and shape may not. */
#include "full.h"
#include "op.h"

#ifdef WG_RULES

/* Towards zero, saturating, NaN to 0. As a double INT64_MAX is 2^63, the first number out of reach. */
static int64_t whole(double x, int64_t low, int64_t high) {
    if (x != x) return 0;
    return x >= (double)high ? high : x <= (double)low ? low : (int64_t)x;
}

#define FILL(T, converted)                                                                         \
    {                                                                                              \
        T *y = WG_OUT(call, 0, T);                                                                 \
        const T element = (T)(converted);                                                          \
        for (int64_t i = call->begin, end = call->end; i < end; i++) y[i] = element;               \
    }                                                                                              \
    break;

static void full_forward(const wg_call *call) {
    const double value = WG_ATTRIBUTES(call, full)->value;
    switch (call->outputs[0].type.dtype) {
    case WG_F32: FILL(float, value)
    case WG_F64: FILL(double, value)
    case WG_I32: FILL(int32_t, whole(value, INT32_MIN, INT32_MAX))
    case WG_I64: FILL(int64_t, whole(value, INT64_MIN, INT64_MAX))
    case WG_U8: FILL(uint8_t, whole(value, 0, UINT8_MAX))
    case WG_BOOL: FILL(bool, value != 0)
    default: break;
    }
}
WG_BYTES_KERNEL(full, full_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(full_attributes, dtype, .kind = WG_ATTRIBUTE_DTYPE, .preset = WG_F32,
                 .meaning = "of the result"),
    WG_ATTRIBUTE(full_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of the result"),
    WG_ATTRIBUTE(full_attributes, value, .kind = WG_ATTRIBUTE_REAL, .is_value = true,
                 .meaning = "of each element"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const full_attributes *a = WG_ATTRIBUTES(infer, full);
    if (a->dtype <= WG_NO_DTYPE || a->dtype > WG_BOOL)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "there are no tensors of %s; f32, f64, i32, i64, u8 and bool are taken",
                             wg_dtype_name(a->dtype));
    infer->outputs[0] = a->shape;
    infer->outputs[0].dtype = a->dtype;
    return wg_infer_extents(infer, &a->shape);
}

static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define FULL(of_dtype, number, of_rank, ...)                                                       \
    wg_sample_list(s, (&(full_attributes){of_dtype, {.rank = of_rank, .extent = {__VA_ARGS__}}, number}), \
                   (const wg_sample_input[]){{.end_ = true}})
    FULL(WG_F32, 0.1, 2, 3, 5);
    FULL(WG_F64, 0.1, 2, 3, 5);
    FULL(WG_F64, -2.5, 0, 0);
    FULL(WG_F32, 1, 1, 1);
    FULL(WG_F32, 1e300, 1, 2);
    FULL(WG_F64, 7, 2, 3, 0);
    FULL(WG_F32, 3, 8, 1, 2, 1, 2, 1, 2, 1, 3);
    FULL(WG_F64, 0.25, 2, 33, 71);
    FULL(WG_I32, -7.9, 1, 17);
    FULL(WG_I32, 3e9, 1, 2);
    FULL(WG_I64, -1e19, 1, 3);
    FULL(WG_I64, 9007199254740993.0, 1, 3);
    FULL(WG_U8, 300, 2, 2, 3);
    FULL(WG_U8, -1, 1, 5);
    FULL(WG_BOOL, -0.5, 1, 9);
    FULL(WG_BOOL, 0, 1, 9);
#undef FULL
}

const wg_op wg_op_full = {
    .name = "full", .formula = "y = value", .onnx = "ConstantOfShape", .torch = "full",
    .shapes = "-> y [*]; as the attribute says",
    .inputs = 0, .outputs = 1, .flags = WG_ELEMENTWISE | WG_NAMES_DTYPE,
    .attributes = attributes, .attributes_size = sizeof(full_attributes),
    .infer = infer, .forward = WG_FORWARD(full), .cost = cost, .samples = samples,
};

#endif
