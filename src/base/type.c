/* type — element types and shapes: sizes, counts without overflow, and as text. */
#include "base/base.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[WG_DTYPE_COUNT] = {
    [WG_NO_DTYPE] = {"none", 0}, [WG_F32] = {"f32", 4}, [WG_F64] = {"f64", 8},   [WG_I32] = {"i32", 4},
    [WG_I64] = {"i64", 8},       [WG_U8] = {"u8", 1},   [WG_BOOL] = {"bool", 1}, [WG_BF16] = {"bf16", 2},
};

static bool known(wg_dtype dtype) { return (unsigned)dtype < WG_DTYPE_COUNT; }

const char *wg_dtype_name(wg_dtype dtype) { return known(dtype) ? dtypes[dtype].name : "none"; }
size_t wg_dtype_size(wg_dtype dtype) { return known(dtype) ? dtypes[dtype].size : 0; }

int64_t wg_type_count(const wg_type *type) {
    if (!type) return 0;
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++) count *= type->extent[i];
    return count;
}

size_t wg_type_bytes(const wg_type *type) {
    return type ? (size_t)wg_type_count(type) * wg_dtype_size(type->dtype) : 0;
}

/* The product of the extents that are not 0 must fit as well: strides are made of them. */
bool wg_type_fits(const wg_type *type) {
    int64_t bytes = (int64_t)wg_dtype_size(type->dtype);
    for (int i = 0; i < type->rank; i++) {
        const int64_t extent = type->extent[i] > 0 ? type->extent[i] : 1;
        if (__builtin_mul_overflow(bytes, extent, &bytes)) return false;
    }
    return bytes <= INT64_MAX - 4096;
}

const char *wg_type_text(char text[WG_TEXT_SIZE], const wg_type *type, bool with_dtype) {
    int at = snprintf(text, WG_TEXT_SIZE, "%s[", with_dtype ? wg_dtype_name(type->dtype) : "");
    for (int i = 0; i < type->rank; i++)
        at += snprintf(text + at, (size_t)(WG_TEXT_SIZE - at), "%s%lld", i ? ", " : "",
                       (long long)type->extent[i]);
    snprintf(text + at, (size_t)(WG_TEXT_SIZE - at), "]");
    return text;
}

int wg_type_make(wg_type *type, wg_dtype dtype, const wg_shape *shape, wg_error *error) {
    *type = (wg_type){.dtype = dtype};
    if (wg_dtype_size(dtype) == 0 || dtype == WG_BF16)
        return wg_error_set(error, WG_ERROR_DTYPE, "dtype %d (%s) is none that a tensor can have", (int)dtype,
                            wg_dtype_name(dtype));
    if (!shape)
        return wg_error_set(error, WG_ERROR_SHAPE, "the shape is NULL; write WG_SHAPE(…) or WG_SCALAR_SHAPE");
    while (shape->extent[type->rank] != INT64_MIN) {
        if (type->rank == WG_MAX_RANK)
            return wg_error_set(error, WG_ERROR_SHAPE, "the shape has more than %d extents", WG_MAX_RANK);
        if (shape->extent[type->rank] < 0)
            return wg_error_set(error, WG_ERROR_SHAPE,
                                "extent %d of the shape is %lld; it must be at least 0", type->rank,
                                (long long)shape->extent[type->rank]);
        type->extent[type->rank] = shape->extent[type->rank];
        type->rank++;
    }
    char text[WG_TEXT_SIZE];
    if (!wg_type_fits(type))
        return wg_error_set(error, WG_ERROR_SHAPE, "%s has more bytes than 64 bits can count",
                            wg_type_text(text, type, true));
    return WG_OK;
}
