/* pool2d.h — what max_pool2d and avg_pool2d share: attributes, shape rule, samples, options. */
#ifndef WG_OPS_POOL2D_H
#define WG_OPS_POOL2D_H

#include "op.h"

/* `size` is the image's height and width, for the ops that go back from windows to the image. */
typedef struct {
    int64_t kernel[2], stride[2], padding[2], size[2];
} pool2d_attributes;

/* Taps of window `i` along one axis that lie inside the image: first … last - 1 of its kernel. */
WG_INLINE void pool2d_window(int64_t start, int64_t kernel, int64_t extent, int64_t *first, int64_t *last) {
    *first = start < 0 ? -start : 0;
    *last = extent - start < kernel ? extent - start : kernel;
}

#ifdef WG_RULES
#define POOL2D_PAIR(member, least, otherwise, text)                                                             \
    WG_ATTRIBUTE(pool2d_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = 2, .bounded = true, .low = least, \
                 .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define POOL2D_ATTRIBUTES                                                                                       \
    POOL2D_PAIR(kernel, 1, 0, "height and width of a window"),                                                  \
        POOL2D_PAIR(stride, 1, 1, "pixels from one window to the next, down and across"),                       \
        POOL2D_PAIR(padding, 0, 0, "pixels added around the image, at most half the kernel")
#define POOL2D_SIZE POOL2D_PAIR(size, 1, 0, "height and width of the image")

/* The windows of an image [N, C, height, width]; fills y's type. */
static inline int pool2d_infer(wg_infer *infer, const wg_type *image, wg_type *y) {
    const pool2d_attributes *a = infer->attributes;
    *y = (wg_type){.dtype = image->dtype, .rank = 4, .extent = {image->extent[0], image->extent[1]}};
    for (int i = 0; i < 2; i++) {
        const int64_t extent = image->extent[2 + i];
        int64_t padded;
        if (2 * a->padding[i] > a->kernel[i])
            return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "padding %lld is more than half the kernel %lld",
                                 (long long)a->padding[i], (long long)a->kernel[i]);
        if (__builtin_add_overflow(extent, 2 * a->padding[i], &padded) || extent < 1 || a->kernel[i] > padded)
            return wg_infer_fail(
                infer, WG_ERROR_SHAPE,
                "kernel larger than the padded input: x is %s, kernel %lld×%lld, padding %lld×%lld",
                wg_infer_shape_text(infer, image), (long long)a->kernel[0], (long long)a->kernel[1],
                (long long)a->padding[0], (long long)a->padding[1]);
        y->extent[2 + i] = (padded - a->kernel[i]) / a->stride[i] + 1;
    }
    return WG_OK;
}

static inline int pool2d_infer_rank(wg_infer *infer, const wg_type *type, const char *expected) {
    if (type->rank == 4) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "input 0 is %s; it must be %s", wg_infer_text(infer, type),
                         expected);
}

/* For an op that goes from windows back to the image of a->size: is dy what pooling gives? */
static inline int pool2d_infer_image(wg_infer *infer, const wg_type *dy, wg_type *image) {
    const pool2d_attributes *a = infer->attributes;
    wg_type expected;
    int status = pool2d_infer_rank(infer, dy, "dy [N, C, H', W']");
    if (status) return status;
    *image = (wg_type){
        .dtype = dy->dtype, .rank = 4, .extent = {dy->extent[0], dy->extent[1], a->size[0], a->size[1]}};
    if ((status = pool2d_infer(infer, image, &expected))) return status;
    if (memcmp(expected.extent, dy->extent, sizeof expected.extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "dy is %s; windows of an image %s are %s",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, image),
                             wg_infer_shape_text(infer, &expected));
    return WG_OK;
}

/* Offsets within windows are bytes. */
static inline int pool2d_infer_offsets(wg_infer *infer) {
    const pool2d_attributes *a = infer->attributes;
    if (a->kernel[0] <= 256 / a->kernel[1]) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                         "kernel %lld×%lld: offsets are bytes, so that a window has at most 256 elements",
                         (long long)a->kernel[0], (long long)a->kernel[1]);
}

/* Options as attributes; false with an error on the tape. */
static inline bool pool2d_options(wg_tape *tape, const char *op, const wg_pool2d_options *options,
                                  pool2d_attributes *a) {
    WG_READ_OPTIONS(wg_pool2d_options, given, options);
    memset(a, 0, sizeof *a);
    if (!wg_read_pair(tape, op, "kernel", given.kernel, given.kernel_hw, 0, a->kernel)) return false;
    if (!a->kernel[0] || !a->kernel[1]) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE,
                "%s: the kernel's size must be given: .kernel = 2 or .kernel_hw = {2, 3}", op);
        return false;
    }
    if (!wg_read_pair(tape, op, "stride", given.stride, given.stride_hw, 0, a->stride) ||
        !wg_read_pair(tape, op, "padding", given.padding, given.padding_hw, 0, a->padding))
        return false;
    for (int i = 0; i < 2; i++)
        if (!a->stride[i]) a->stride[i] = a->kernel[i];
    return true;
}

typedef struct {
    int64_t n, channels, in[2];
    pool2d_attributes with;
} pool2d_case;
static const pool2d_case pool2d_cases[] = {
    {2, 3, {4, 6}, {{2, 2}, {2, 2}, {0, 0}, {0}}},
    {1, 1, {1, 1}, {{1, 1}, {1, 1}, {0, 0}, {0}}},
    {1, 2, {5, 7}, {{2, 2}, {2, 2}, {0, 0}, {0}}}, /* the last row and column are in no window */
    {1, 2, {5, 7}, {{2, 2}, {2, 2}, {1, 1}, {0}}},
    {1, 2, {6, 5}, {{3, 3}, {2, 2}, {1, 1}, {0}}}, /* windows that overlap */
    {2, 1, {5, 6}, {{3, 2}, {1, 1}, {0, 0}, {0}}},
    {1, 1, {4, 9}, {{1, 3}, {1, 2}, {0, 1}, {0}}},
    {1, 1, {9, 4}, {{3, 1}, {4, 1}, {1, 0}, {0}}},
    {1, 2, {7, 7}, {{2, 2}, {3, 4}, {0, 0}, {0}}}, /* gaps between windows */
    {1, 1, {5, 5}, {{5, 5}, {5, 5}, {0, 0}, {0}}},
    {2, 2, {2, 3}, {{4, 4}, {1, 2}, {2, 2}, {0}}}, /* a window larger than the image */
    {0, 2, {4, 4}, {{2, 2}, {2, 2}, {0, 0}, {0}}},
    {2, 0, {4, 4}, {{2, 2}, {2, 2}, {0, 0}, {0}}},
};
enum { POOL2D_CASES = sizeof pool2d_cases / sizeof pool2d_cases[0] };

static inline int64_t pool2d_windows(const pool2d_case *sample, int axis) {
    const pool2d_attributes *a = &sample->with;
    return (sample->in[axis] + 2 * a->padding[axis] - a->kernel[axis]) / a->stride[axis] + 1;
}

/* A unit is a plane [n, c]. */
static inline int64_t pool2d_units(const wg_call *call) {
    return call->inputs[0].type.extent[0] * call->inputs[0].type.extent[1];
}

/* An operation for each tap of each window; input 0 or output 0 is the image, the other one the windows. */
static inline wg_cost pool2d_cost(const wg_call *call) {
    const pool2d_attributes *a = WG_ATTRIBUTES(call, pool2d);
    const int64_t in = wg_type_count(&call->inputs[0].type), out = wg_type_count(&call->outputs[0].type);
    return (wg_cost){.flops = (double)(in < out ? in : out) * (double)a->kernel[0] * (double)a->kernel[1],
                     .bytes = wg_call_bytes(call)};
}
#endif

#endif
