/* rearrange — what the ops share that are composed of reshape, transpose and slice: axes as attributes, and
 * those three recorded from types and numbers. */
#ifndef WG_OPS_REARRANGE_H
#define WG_OPS_REARRANGE_H

#include "op.h"

#ifdef WG_RULES

/* Brings listed axes into 0 … rank-1, each named once; *set has bit i for axis i. None listed leaves it 0. */
static inline int rearrange_infer_axes(wg_infer *infer, wg_axes *axes, int rank, unsigned *set) {
    *set = 0;
    for (int i = 0; i <= WG_MAX_RANK && axes->axis[i] != INT_MIN; i++) {
        int64_t axis = axes->axis[i];
        const int status = wg_infer_axis(infer, &axis, rank);
        if (status) return status;
        if (*set >> axis & 1)
            return wg_infer_fail(infer, WG_ERROR_AXIS, "axis %lld is named twice", (long long)axis);
        *set |= 1u << axis;
        axes->axis[i] = (int)axis;
    }
    return WG_OK;
}

/* Multiplies an extent, and fails where 64 bits do not hold the product. */
static inline int rearrange_infer_times(wg_infer *infer, int64_t *extent, int64_t factor) {
    if (!__builtin_mul_overflow(*extent, factor, extent)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; the result has more elements than can be counted",
                         wg_infer_shape_text(infer, &infer->inputs[0]));
}

static inline wg_var rearrange_reshape(wg_var x, const wg_type *type) {
    const wg_shape shape = wg_shape_of(type);
    return (wg_reshape)(x, &shape);
}

/* x as a type of these extents. */
#define REARRANGE_RESHAPE(x, ...)                                                                  \
    (wg_reshape)(x, (&(const wg_shape){{__VA_ARGS__, INT64_MIN}}))
#define REARRANGE_TRANSPOSE(x, ...) (wg_transpose)(x, (&(const wg_axes){{__VA_ARGS__, INT_MIN}}))

/* Axes as attribute; NULL: none listed. */
static inline wg_axes rearrange_axes(const wg_axes *axes) { return axes ? *axes : (wg_axes){{INT_MIN}}; }

static inline int64_t rearrange_product(const wg_type *type, int begin, int end) {
    int64_t product = 1;
    for (int i = begin; i < end; i++) product *= type->extent[i];
    return product;
}

#endif
#endif
