/* tensor — an array in memory: what goes onto a tape as input and comes off it as a value.
 *
 * Tensors are counted: wg_tensor_retain adds an owner, wg_tensor_free takes one away, and the
 * memory goes with the last. A tape keeps its inputs until it is cleared. */
#ifndef WENGERT_TENSOR_H
#define WENGERT_TENSOR_H

#include <wengert/base.h>

WG_BEGIN_C

typedef struct wg_tensor wg_tensor;

/* A new tensor of zeros, dense and row-major, the caller its owner. NULL on failure: an extent
 * below 0, more than WG_MAX_RANK of them, a count of bytes beyond 2^63, no memory. */
WG_API wg_tensor *wg_tensor_new(wg_dtype dtype, const wg_shape *shape, wg_error *error) WG_MUST_USE;

/* The same with the shape of a type at hand. */
WG_API wg_tensor *wg_tensor_of_type(const wg_type *type, wg_error *error) WG_MUST_USE;

typedef struct wg_tensor_options {
    WG_OPTIONS_HEAD;
    const int64_t *strides WG_DEFAULT_;      /* elements from one index to the next, one for each axis, may be
                                              * negative or 0; default: dense, row-major */
    void (*release)(void *context) WG_DEFAULT_; /* called when the last owner lets go */
    void *context WG_DEFAULT_;
} wg_tensor_options;

/* A tensor over memory of the caller's, which it only reads; the memory may be unaligned and must
 * outlive the tensor (see `release`). NULL on failure; `release` is then not called. */
WG_API wg_tensor *wg_tensor_over(wg_dtype dtype, const wg_shape *shape, const void *data,
                                 wg_error *error, const wg_tensor_options *options) WG_MUST_USE;

WG_API wg_tensor *wg_tensor_retain(wg_tensor *tensor); /* returns it */
WG_API void wg_tensor_free(wg_tensor *tensor);         /* NULL is harmless */

/* How many owners it has; a loader refills a tensor only when it is the only one. */
WG_API int wg_tensor_owners(const wg_tensor *tensor);

WG_API wg_type wg_tensor_type(const wg_tensor *tensor); /* of NULL: no dtype, rank 0 */
WG_API int64_t wg_tensor_count(const wg_tensor *tensor); /* elements; of NULL: 0 */
WG_API int64_t wg_tensor_stride(const wg_tensor *tensor, int axis);

/* The memory: element at index i lies at sum_k i[k] * stride[k] elements from it. The writable form
 * is NULL for memory that the caller of wg_tensor_over owns. */
WG_API const void *wg_tensor_data(const wg_tensor *tensor);
WG_API void *wg_tensor_writable(wg_tensor *tensor);

/* Element number `index` in row-major order, as a double. NaN when out of range. */
WG_API double wg_tensor_get(const wg_tensor *tensor, int64_t index);

WG_END_C

#define wg_tensor_over(...) wg_tensor_over_(__VA_ARGS__, )
#define wg_tensor_over_(dtype, shape, data, error, ...)                                            \
    (wg_tensor_over)(dtype, shape, data, error, WG_OPTIONS_(wg_tensor_options, __VA_ARGS__))
#endif
