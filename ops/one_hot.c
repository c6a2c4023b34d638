/* one_hot — y[…, c] = 1 where c is the index at […], else 0; so an index that is negative, or not below
 * depth, gives zeros. No gradient: whole numbers have none. */
#include "op.h"

typedef struct one_hot_attributes {
    int64_t depth;
    wg_dtype dtype;
} one_hot_attributes;

#ifdef WG_RULES

static int64_t index_at(const wg_operand *indices, int64_t i) {
    switch (indices->type.dtype) {
    case WG_I32: return ((const int32_t *)indices->data)[i];
    case WG_I64: return ((const int64_t *)indices->data)[i];
    default: return ((const uint8_t *)indices->data)[i];
    }
}

/* 1 in each dtype: how many bytes it has is the dtype's size. */
static void put_one(void *at, wg_dtype dtype) {
    switch (dtype) {
    case WG_F32: *(float *)at = 1; break;
    case WG_F64: *(double *)at = 1; break;
    case WG_I32: *(int32_t *)at = 1; break;
    case WG_I64: *(int64_t *)at = 1; break;
    default: *(uint8_t *)at = 1; break;
    }
}

/* A unit is a row of y: one index. */
static void one_hot_forward(const wg_call *call) {
    const one_hot_attributes *a = WG_ATTRIBUTES(call, one_hot);
    const int64_t size = (int64_t)wg_dtype_size(a->dtype), row = a->depth * size;
    char *y = WG_OUT(call, 0, char);
    memset(y + call->begin * row, 0, (size_t)((call->end - call->begin) * row));
    for (int64_t i = call->begin; i < call->end; i++) {
        const int64_t index = index_at(&call->inputs[0], i);
        if (index >= 0 && index < a->depth) put_one(y + i * row + index * size, a->dtype);
    }
}
WG_BYTES_KERNEL(one_hot, one_hot_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(one_hot_attributes, depth, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p62,
                 .meaning = "extent of the new last axis"),
    WG_ATTRIBUTE(one_hot_attributes, dtype, .kind = WG_ATTRIBUTE_DTYPE, .preset = WG_F32,
                 .meaning = "of the result"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const one_hot_attributes *a = WG_ATTRIBUTES(infer, one_hot);
    const wg_type *indices = &infer->inputs[0];
    if (indices->dtype != WG_I32 && indices->dtype != WG_I64 && indices->dtype != WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "the indices are %s; they must be i32, i64 or u8 (wg_cast converts)",
                             wg_infer_text(infer, indices));
    if (a->dtype <= WG_NO_DTYPE || a->dtype > WG_BOOL)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "there are no tensors of %s; f32, f64, i32, i64, u8 and bool are taken",
                             wg_dtype_name(a->dtype));
    if (indices->rank == WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "the indices are %s; the result would have more than %d axes",
                             wg_infer_shape_text(infer, indices), WG_MAX_RANK);
    wg_type *y = &infer->outputs[0];
    *y = *indices;
    y->dtype = a->dtype;
    y->extent[y->rank++] = a->depth;
    return WG_OK;
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->inputs[0].type); }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define ONE_HOT(depth, to, from, shape_of)                                                         \
    WG_SAMPLE(s, (&(one_hot_attributes){depth, to}),                                               \
              {.dtype = from, .shape = shape_of, .values = WG_INTEGERS, .low = -2, .high = (double)depth + 1})
    ONE_HOT(10, WG_F32, WG_I64, WG_SHAPE(7));
    ONE_HOT(10, WG_F64, WG_I32, WG_SHAPE(7));
    ONE_HOT(3, WG_I32, WG_I64, WG_SHAPE(9));
    ONE_HOT(3, WG_I64, WG_U8, WG_SHAPE(9));
    ONE_HOT(4, WG_U8, WG_I32, WG_SHAPE(3, 5));
    ONE_HOT(4, WG_BOOL, WG_I64, WG_SHAPE(3, 5));
    ONE_HOT(1, WG_F32, WG_I64, WG_SHAPE(6));
    ONE_HOT(0, WG_F32, WG_I64, WG_SHAPE(3));
    ONE_HOT(5, WG_F32, WG_I32, WG_SHAPE(2, 0));
    ONE_HOT(5, WG_F64, WG_I64, WG_SCALAR_SHAPE);
    ONE_HOT(2, WG_F32, WG_I32, WG_SHAPE(1, 2, 1, 2, 1, 2, 1));
    ONE_HOT(33, WG_F32, WG_U8, WG_SHAPE(17));
#undef ONE_HOT
}

const wg_op wg_op_one_hot = {
    .name = "one_hot", .formula = "y[..., c] = (index[...] == c)", .onnx = "OneHot", .torch = "one_hot",
    .shapes = "index [...] -> y [..., depth]",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS | WG_NAMES_DTYPE, .blocked_inputs = 1,
    .attributes = attributes, .attributes_size = sizeof(one_hot_attributes),
    .infer = infer, .forward = WG_FORWARD(one_hot), .units = units, .cost = cost, .samples = samples,
};

wg_var (wg_one_hot)(wg_var indices, int64_t depth, wg_dtype dtype) {
    const one_hot_attributes chosen = {depth, dtype};
    return WG_RECORD(&wg_op_one_hot, &chosen, indices);
}

#endif
