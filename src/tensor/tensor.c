/* tensor — counted arrays in the host's memory, dense or strided. */
#include "tensor/tensor.h"
#include <math.h>
#include <stdlib.h>

static void dense_strides(wg_tensor *tensor) {
    int64_t stride = 1;
    for (int i = tensor->type.rank - 1; i >= 0; i--) {
        tensor->strides[i] = stride;
        stride *= tensor->type.extent[i] > 0 ? tensor->type.extent[i] : 1;
    }
}

/* Extents of 1 and empty tensors are dense whatever their strides. */
static bool is_dense(const wg_tensor *tensor) {
    const wg_type *type = &tensor->type;
    if ((uintptr_t)tensor->data % wg_dtype_size(type->dtype)) return false;
    if (wg_type_count(type) == 0) return true;
    int64_t stride = 1;
    for (int i = type->rank - 1; i >= 0; i--) {
        if (type->extent[i] == 1) continue;
        if (tensor->strides[i] != stride) return false;
        stride *= type->extent[i];
    }
    return true;
}

void wg_tensor_embed(wg_tensor *tensor, const wg_type *type, void *data) {
    atomic_store_explicit(&tensor->owners, 1, memory_order_relaxed);
    tensor->space = WG_HOST;
    tensor->type = *type;
    tensor->data = data;
    tensor->writable = true;
    tensor->dense = true;
    tensor->release = NULL;
    tensor->context = NULL;
    dense_strides(tensor);
}

wg_tensor *wg_tensor_of_type(const wg_type *type, wg_error *error) {
    if (!type) return wg_error_set(error, WG_ERROR_SHAPE, "wg_tensor_of_type: the type is NULL"), NULL;
    char text[WG_TEXT_SIZE];
    const size_t head = wg_round_up(sizeof(wg_tensor), WG_ALIGNMENT), bytes = wg_type_bytes(type);
    void *block = NULL;
    if (posix_memalign(&block, WG_ALIGNMENT, head + wg_round_up(bytes ? bytes : 1, WG_ALIGNMENT))) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a tensor %s of %zu bytes",
                     wg_type_text(text, type, true), bytes);
        return NULL;
    }
    wg_tensor *tensor = block;
    memset(tensor, 0, sizeof *tensor);
    wg_tensor_embed(tensor, type, (char *)block + head);
    memset(tensor->data, 0, bytes);
    return tensor;
}

wg_tensor *wg_tensor_new(wg_dtype dtype, const wg_shape *shape, wg_error *error) {
    wg_type type;
    return wg_type_make(&type, dtype, shape, error) ? NULL : wg_tensor_of_type(&type, error);
}

wg_tensor *(wg_tensor_over)(wg_dtype dtype, const wg_shape *shape, const void *data, wg_error *error,
                            const wg_tensor_options *options) {
    wg_type type;
    if (wg_type_make(&type, dtype, shape, error)) return NULL;
    if (!data && wg_type_count(&type) > 0) {
        wg_error_set(error, WG_ERROR_TAPE, "a tensor over NULL; give it memory");
        return NULL;
    }
    wg_tensor *tensor = calloc(1, sizeof *tensor);
    if (!tensor) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a tensor");
        return NULL;
    }
    wg_tensor_embed(tensor, &type, (void *)(uintptr_t)data);
    tensor->writable = false;
    if (options && options->strides)
        memcpy(tensor->strides, options->strides, (size_t)type.rank * sizeof *tensor->strides);
    tensor->dense = is_dense(tensor);
    if (options) {
        tensor->release = options->release;
        tensor->context = options->context;
    }
    return tensor;
}

wg_tensor *wg_tensor_retain(wg_tensor *tensor) {
    if (tensor) atomic_fetch_add_explicit(&tensor->owners, 1, memory_order_relaxed);
    return tensor;
}

void wg_tensor_free(wg_tensor *tensor) {
    if (!tensor || atomic_fetch_sub_explicit(&tensor->owners, 1, memory_order_acq_rel) != 1) return;
    if (tensor->release) tensor->release(tensor->context);
    free(tensor);
}

int wg_tensor_owners(const wg_tensor *tensor) {
    return tensor ? atomic_load_explicit(&tensor->owners, memory_order_acquire) : 0;
}

wg_type wg_tensor_type(const wg_tensor *tensor) { return tensor ? tensor->type : (wg_type){0}; }
int64_t wg_tensor_count(const wg_tensor *tensor) { return tensor ? wg_type_count(&tensor->type) : 0; }
const void *wg_tensor_data(const wg_tensor *tensor) { return tensor ? tensor->data : NULL; }
void *wg_tensor_writable(wg_tensor *tensor) { return tensor && tensor->writable ? tensor->data : NULL; }

int64_t wg_tensor_stride(const wg_tensor *tensor, int axis) {
    return tensor && axis >= 0 && axis < tensor->type.rank ? tensor->strides[axis] : 0;
}

/* The memory may be unaligned, hence memcpy. */
static double element(const char *at, wg_dtype dtype) {
    union {
        float f32;
        double f64;
        int32_t i32;
        int64_t i64;
        uint8_t u8;
    } value;
    memcpy(&value, at, wg_dtype_size(dtype));
    switch (dtype) {
    case WG_F32:
        return (double)value.f32;
    case WG_F64:
        return value.f64;
    case WG_I32:
        return (double)value.i32;
    case WG_I64:
        return (double)value.i64;
    case WG_U8:
    case WG_BOOL:
        return (double)value.u8;
    default:
        return NAN;
    }
}

double wg_tensor_get(const wg_tensor *tensor, int64_t index) {
    if (!tensor || index < 0 || index >= wg_type_count(&tensor->type)) return NAN;
    const wg_type *type = &tensor->type;
    int64_t offset = 0;
    for (int i = type->rank - 1; i >= 0; i--) {
        offset += index % type->extent[i] * tensor->strides[i];
        index /= type->extent[i];
    }
    return element((const char *)tensor->data + offset * (int64_t)wg_dtype_size(type->dtype), type->dtype);
}

void wg_tensor_gather(const wg_tensor *tensor, void *dense) {
    const wg_type *type = &tensor->type;
    const int64_t size = (int64_t)wg_dtype_size(type->dtype), count = wg_type_count(type);
    int64_t index[WG_MAX_RANK] = {0}, offset = 0;
    char *to = dense;
    for (int64_t n = 0; n < count; n++, to += size) {
        memcpy(to, (const char *)tensor->data + offset * size, (size_t)size);
        for (int i = type->rank - 1; i >= 0; i--) { /* count up like an odometer */
            offset += tensor->strides[i];
            if (++index[i] < type->extent[i]) break;
            offset -= tensor->strides[i] * type->extent[i];
            index[i] = 0;
        }
    }
}
