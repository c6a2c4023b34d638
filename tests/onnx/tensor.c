/* tensor — numbers of a file as a tensor, and whether two tensors are alike. */
#include "onnx.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* TensorProto.DataType. */
enum {
    FLOAT = 1,
    UINT8,
    INT8,
    UINT16,
    INT16,
    INT32,
    INT64,
    STRING,
    BOOL,
    FLOAT16,
    DOUBLE,
    UINT32,
    UINT64,
    COMPLEX64,
    COMPLEX128,
    BFLOAT16,
    TYPES
};

static const char *const names[TYPES] = {
    "undefined", "float",   "uint8",  "int8",   "uint16", "int16",     "int32",      "int64",   "strings",
    "bool",      "float16", "double", "uint32", "uint64", "complex64", "complex128", "bfloat16"};

wg_dtype onnx_dtype(int64_t data_type, bool widen) {
    switch (data_type) {
    case FLOAT:
        return WG_F32;
    case DOUBLE:
        return WG_F64;
    case UINT8:
        return widen ? WG_I32 : WG_U8;
    case INT8:
    case UINT16:
    case INT16:
    case INT32:
        return WG_I32;
    case UINT32:
    case UINT64:
    case INT64:
        return WG_I64;
    case BOOL:
        return WG_BOOL;
    default:
        return WG_NO_DTYPE;
    }
}

bool onnx_holds(int64_t data_type, char reason[ONNX_TEXT]) {
    if (onnx_dtype(data_type, false) != WG_NO_DTYPE) return true;
    snprintf(reason, ONNX_TEXT, "of %s", names[data_type > 0 && data_type < TYPES ? data_type : 0]);
    return false;
}

/* Number `index` where it lies packed as in memory. */
static int64_t raw_integer(int32_t data_type, const uint8_t *raw, size_t index) {
#define AS(T)                                                 \
    T value;                                                  \
    memcpy(&value, raw + index * sizeof value, sizeof value); \
    return (int64_t)value
    switch (data_type) {
    case INT8: {
        AS(int8_t);
    }
    case UINT16: {
        AS(uint16_t);
    }
    case INT16: {
        AS(int16_t);
    }
    case INT32: {
        AS(int32_t);
    }
    case UINT32: {
        AS(uint32_t);
    }
    case INT64:
    case UINT64: {
        AS(int64_t);
    }
    default: {
        AS(uint8_t);
    }
    }
}

static int64_t integer(const Onnx__TensorProto *proto, size_t index) {
    if (proto->has_raw_data) return raw_integer(proto->data_type, proto->raw_data.data, index);
    if (index < proto->n_int32_data) return proto->int32_data[index];
    if (index < proto->n_int64_data) return proto->int64_data[index];
    return index < proto->n_uint64_data ? (int64_t)proto->uint64_data[index] : 0;
}

/* Of f32 and f64: memory as it is. */
static void copy_reals(const Onnx__TensorProto *proto, wg_tensor *tensor) {
    const size_t count = (size_t)wg_tensor_count(tensor);
    const bool is_float = proto->data_type == FLOAT;
    const void *from = proto->has_raw_data ? (const void *)proto->raw_data.data
                       : is_float          ? (const void *)proto->float_data
                                           : (const void *)proto->double_data;
    if (count) memcpy(wg_tensor_writable(tensor), from, count * (is_float ? sizeof(float) : sizeof(double)));
}

/* False where a number does not fit. */
static bool copy_integers(const Onnx__TensorProto *proto, wg_tensor *tensor) {
    const size_t count = (size_t)wg_tensor_count(tensor);
    void *to = wg_tensor_writable(tensor);
    for (size_t i = 0; i < count; i++) {
        const int64_t value = integer(proto, i);
        if (proto->data_type == UINT64 && value < 0) return false;
        switch (wg_tensor_type(tensor).dtype) {
        case WG_I64:
            ((int64_t *)to)[i] = value;
            break;
        case WG_I32:
            ((int32_t *)to)[i] = (int32_t)value;
            break;
        default:
            ((uint8_t *)to)[i] = (uint8_t)value;
        }
    }
    return true;
}

/* Are there as many numbers in the file as its extents say? */
static bool is_whole(const Onnx__TensorProto *proto, int64_t count) {
    static const size_t sizes[TYPES] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8};
    if (proto->has_raw_data) return proto->raw_data.len == (size_t)count * sizes[proto->data_type];
    return proto->n_float_data + proto->n_double_data + proto->n_int32_data + proto->n_int64_data +
               proto->n_uint64_data ==
           (size_t)count;
}

wg_tensor *onnx_tensor(const Onnx__TensorProto *proto, bool widen, char reason[ONNX_TEXT]) {
    const wg_dtype dtype = onnx_dtype(proto->data_type, widen);
    if (!onnx_holds(proto->data_type, reason)) return NULL;
    if (proto->n_dims > WG_MAX_RANK) {
        snprintf(reason, ONNX_TEXT, "more than %d axes", WG_MAX_RANK);
        return NULL;
    }
    const wg_shape shape = onnx_shape(proto->dims, (int)proto->n_dims);
    wg_error error;
    wg_tensor *tensor = wg_tensor_new(dtype, &shape, &error);
    if (!tensor || !is_whole(proto, wg_tensor_count(tensor))) {
        snprintf(reason, ONNX_TEXT, ONNX_BROKEN);
    } else if (dtype == WG_F32 || dtype == WG_F64) {
        copy_reals(proto, tensor);
        return tensor;
    } else if (copy_integers(proto, tensor)) {
        return tensor;
    } else {
        snprintf(reason, ONNX_TEXT, "a uint64 beyond i64");
    }
    wg_tensor_free(tensor);
    return NULL;
}

/* --- Alike? ----------------------------------------------------------------------------------------------
 */

static void describe(const wg_type *type, char *text, size_t size) {
    int length = snprintf(text, size, "%s[", wg_dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++)
        length += snprintf(text + length, size - (size_t)length, "%s%lld", i ? ", " : "",
                           (long long)type->extent[i]);
    snprintf(text + length, size - (size_t)length, "]");
}

static bool same_types(const wg_tensor *y, const wg_tensor *expected, char reason[ONNX_TEXT]) {
    const wg_type got = wg_tensor_type(y), wanted = wg_tensor_type(expected);
    bool same = got.dtype == wanted.dtype && got.rank == wanted.rank;
    for (int i = 0; same && i < got.rank; i++) same = got.extent[i] == wanted.extent[i];
    if (same) return true;
    char one[120], other[120];
    describe(&got, one, sizeof one);
    describe(&wanted, other, sizeof other);
    snprintf(reason, ONNX_TEXT, "gives %s, not %s", one, other);
    return false;
}

/* An i64 may have more digits than a double. */
static bool same_long(const wg_tensor *y, const wg_tensor *expected, int64_t index) {
    if (wg_tensor_type(y).dtype != WG_I64) return true;
    return ((const int64_t *)wg_tensor_data(y))[index] == ((const int64_t *)wg_tensor_data(expected))[index];
}

bool onnx_equal(const wg_tensor *y, const wg_tensor *expected, double rounded, char reason[ONNX_TEXT]) {
    if (!same_types(y, expected, reason)) return false;
    const wg_dtype dtype = wg_tensor_type(y).dtype;
    const double relative = dtype == WG_F32 ? 1e-5 : dtype == WG_F64 ? 1e-12 : 0;
    const int64_t count = wg_tensor_count(y);
    double largest = 0;
    for (int64_t i = 0; i < count; i++) {
        const double size = fabs(wg_tensor_get(expected, i));
        if (size > largest && isfinite(size)) largest = size;
    }
    for (int64_t i = 0; i < count; i++) {
        const double got = wg_tensor_get(y, i), wanted = wg_tensor_get(expected, i);
        if ((got == wanted && same_long(y, expected, i)) || (isnan(got) && isnan(wanted))) continue;
        const double tolerance =
            dtype == WG_I64 ? -1 : relative * fabs(wanted) + relative / 10 * largest + rounded;
        if (isfinite(wanted) && fabs(got - wanted) <= tolerance) continue;
        snprintf(reason, ONNX_TEXT, "element %lld is %.9g, not %.9g", (long long)i, got, wanted);
        return false;
    }
    return true;
}
