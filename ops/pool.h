/* pool.h — what pooling along one to three axes shares: attributes, geometry, shape rule, samples, options. */
#ifndef WG_OPS_POOL_H
#define WG_OPS_POOL_H

#include "window.h"

/* Of as many axes as the op has: the first of each array are used; padding lies in front of each axis, then behind
 * each. `size` are the image's extents, for the ops that go back from windows to the image. */
typedef struct pool_attributes {
    int64_t kernel[3], stride[3], padding[6], dilation[3], size[3], auto_pad, divisor_override;
    bool ceil_mode, count_include_pad;
    double p;
} pool_attributes;

/* The same for three axes, of which those that the op lacks have one element and come first. */
typedef struct pool_geometry {
    int64_t in[3], out[3], kernel[3], stride[3], dilation[3], front[3], back[3];
    int64_t pixels, windows;
} pool_geometry;

WG_INLINE pool_geometry pool_geometry_of(const pool_attributes *a, const wg_type *image, const wg_type *windows) {
    pool_geometry g = {.in = {1, 1, 1},     .out = {1, 1, 1},      .kernel = {1, 1, 1},
                       .stride = {1, 1, 1}, .dilation = {1, 1, 1}, .pixels = 1, .windows = 1};
    const int axes = image->rank - 2;
    for (int i = 0; i < axes; i++) {
        const int to = 3 - axes + i;
        g.pixels *= g.in[to] = image->extent[2 + i];
        g.windows *= g.out[to] = windows->extent[2 + i];
        g.kernel[to] = a->kernel[i], g.stride[to] = a->stride[i], g.dilation[to] = a->dilation[i];
        g.front[to] = a->padding[i], g.back[to] = a->padding[axes + i];
    }
    return g;
}

/* Taps of a window along one axis that lie at 0 … extent - 1: first … last - 1 of its kernel. */
WG_INLINE void pool_taps(int64_t start, int64_t kernel, int64_t dilation, int64_t extent, int64_t *first,
                         int64_t *last) {
    int64_t reached = extent > start ? extent - start : 0, before = start < 0 ? -start : 0;
    if (dilation != 1) { /* spares the common case two divisions */
        reached = (reached + dilation - 1) / dilation;
        before = (before + dilation - 1) / dilation;
    }
    *first = before;
    *last = reached < kernel ? reached : kernel;
}

/* Taps first … last - 1 of the last axis lie in the image for one window of a row at least: a kernel may be much
 * larger than that. */
WG_INLINE void pool_taps_of_row(const pool_geometry *g, int64_t *first, int64_t *last) {
    int64_t ignored;
    pool_taps((g->out[2] - 1) * g->stride[2] - g->front[2], g->kernel[2], g->dilation[2], g->in[2], first, &ignored);
    pool_taps(-g->front[2], g->kernel[2], g->dilation[2], g->in[2], &ignored, last);
}

/* A unit is a plane (or row, or volume) [n, c]. */
WG_INLINE int64_t pool_units(const wg_call *call) {
    return call->inputs[0].type.extent[0] * call->inputs[0].type.extent[1];
}

#ifdef WG_RULES
#define POOL_EACH(member, many, least, otherwise, text)                                                         \
    WG_ATTRIBUTE(pool_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true, .low = least, \
                 .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define POOL_ATTRIBUTES(axes)                                                                                   \
    POOL_EACH(kernel, axes, 1, 0, "extents of a window"),                                                       \
        POOL_EACH(stride, axes, 1, 1, "pixels from one window to the next"),                                    \
        POOL_EACH(padding, 2 * (axes), 0, 0, "pixels added in front of each axis, then behind each"),           \
        POOL_EACH(dilation, axes, 1, 1, "pixels from one tap of a window to the next"),                         \
        WG_ATTRIBUTE(pool_attributes, auto_pad, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = WG_PAD_VALID, \
                     .meaning = "0: padding as given; 1, 2: SAME, the odd pixel behind or in front; 3: none"),  \
        WG_ATTRIBUTE(pool_attributes, ceil_mode, .kind = WG_ATTRIBUTE_BOOL,                                     \
                     .meaning = "a last window that is not filled counts too")
#define POOL_MEAN_ATTRIBUTES                                                                                    \
    WG_ATTRIBUTE(pool_attributes, count_include_pad, .kind = WG_ATTRIBUTE_BOOL, .preset = 1,                    \
                 .meaning = "padding is part of the mean"),                                                     \
        POOL_EACH(divisor_override, 1, 0, 0, "what sums are divided by, instead of counting")
#define POOL_SIZE(axes) POOL_EACH(size, axes, 1, 0, "extents of the image")

/* Windows along one axis, 0 where one of them would hold no pixel: its padding is as large as its kernel. */
static inline int64_t pool_windows(pool_attributes *a, int axes, int i, int64_t extent) {
    int64_t *front = &a->padding[i], *back = &a->padding[axes + i], reach, padded;
    if (a->kernel[i] < 1 || __builtin_mul_overflow(a->kernel[i] - 1, a->dilation[i], &reach)) return 0;
    window_auto_pad(a->auto_pad, extent, reach + 1, a->stride[i], front, back);
    if (__builtin_add_overflow(extent, *front + *back, &padded) || extent < 1 || reach >= padded) return 0;
    const int64_t left = padded - reach - 1;
    int64_t windows = left / a->stride[i] + 1;
    if (a->ceil_mode && left % a->stride[i] && windows * a->stride[i] < extent + *front) windows++;
    if ((windows - 1) * a->stride[i] >= extent + *front) return 0;
    for (int64_t k = 0; k < windows && k * a->stride[i] < *front; k++) {
        int64_t first, last;
        pool_taps(k * a->stride[i] - *front, a->kernel[i], a->dilation[i], extent, &first, &last);
        if (first >= last) return 0;
    }
    return windows;
}

/* The windows of an image [N, C, extents…]; fills y's type. */
static inline int pool_infer(wg_infer *infer, const wg_type *image, wg_type *y) {
    pool_attributes *a = infer->attributes;
    *y = (wg_type){.dtype = image->dtype, .rank = image->rank, .extent = {image->extent[0], image->extent[1]}};
    const int axes = image->rank - 2;
    for (int i = 0; i < axes; i++) {
        y->extent[2 + i] = pool_windows(a, axes, i, image->extent[2 + i]);
        if (!y->extent[2 + i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "axis %d: kernel larger than the padded input, or windows in the padding alone: x is "
                                 "%s, kernel %lld, dilation %lld, padding %lld and %lld",
                                 2 + i, wg_infer_shape_text(infer, image), (long long)a->kernel[i],
                                 (long long)a->dilation[i], (long long)a->padding[i], (long long)a->padding[axes + i]);
    }
    a->auto_pad = WG_PAD_AS_GIVEN;
    return WG_OK;
}

static inline int pool_infer_rank(wg_infer *infer, const wg_type *type, int axes, const char *name) {
    static const char *const extents[] = {"L", "H, W", "D, H, W"};
    if (type->rank == 2 + axes) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "input 0 is %s; it must be %s [N, C, %s]",
                         wg_infer_text(infer, type), name, extents[axes - 1]);
}

/* For an op that goes from windows back to the image of a->size: is dy what pooling gives? */
static inline int pool_infer_image(wg_infer *infer, int axes, const wg_type *dy, wg_type *image) {
    const pool_attributes *a = infer->attributes;
    wg_type expected;
    int status = pool_infer_rank(infer, dy, axes, "dy");
    if (status) return status;
    *image = (wg_type){.dtype = dy->dtype, .rank = dy->rank, .extent = {dy->extent[0], dy->extent[1]}};
    for (int i = 0; i < axes; i++) image->extent[2 + i] = a->size[i];
    if ((status = pool_infer(infer, image, &expected))) return status;
    if (!wg_shape_equal(&expected, dy))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "dy is %s; windows of an image %s are %s",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, image),
                             wg_infer_shape_text(infer, &expected));
    return WG_OK;
}

/* Offsets within windows are bytes. */
static inline int pool2d_infer_offsets(wg_infer *infer) {
    const pool_attributes *a = infer->attributes;
    if (a->kernel[0] <= 256 / a->kernel[1]) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                         "kernel %lld×%lld: offsets are bytes, so that a window has at most 256 elements",
                         (long long)a->kernel[0], (long long)a->kernel[1]);
}

static inline wg_var pool_shaped(wg_var x, const wg_type *type) {
    const wg_shape shape = wg_shape_of(type);
    return (wg_reshape)(x, &shape);
}

/* [N, C, extents…] as images of one row. */
static inline wg_var pool_as_row(wg_var x) {
    const wg_type t = wg_type_of(x);
    wg_type row = {.dtype = t.dtype, .rank = 4, .extent = {t.extent[0], t.extent[1], 1, 1}};
    for (int i = 2; i < t.rank; i++) row.extent[3] *= t.extent[i];
    return pool_shaped(x, &row);
}

/* dy put where the indices say, in the shape of `like`: of other than two axes, by way of one row. */
static inline wg_var pool_scattered(wg_var dy, wg_var indices, const wg_type *like) {
    if (like->rank == 4) {
        const pool_attributes chosen = {.size = {like->extent[2], like->extent[3]}};
        return WG_RECORD(&wg_op_max_pool2d_scatter, &chosen, dy, indices);
    }
    pool_attributes chosen = {.size = {1, 1}};
    for (int i = 2; i < like->rank; i++) chosen.size[1] *= like->extent[i];
    return pool_shaped(WG_RECORD(&wg_op_max_pool2d_scatter, &chosen, pool_as_row(dy), pool_as_row(indices)), like);
}

/* The rule of an op whose output 1 are places in the image, which do not move with x. */
static inline void pool_backward_by_places(wg_rule *rule) {
    const wg_type x = wg_type_of(rule->inputs[0]);
    const wg_var dy = rule->cotangents[0], places = wg_stop_gradient(rule->outputs[1]);
    if (x.rank != 4) {
        wg_rule_set(rule, 0, pool_scattered(dy, places, &x));
        return;
    }
    pool_attributes a = *WG_ATTRIBUTES(rule, pool); /* tells the windows, where they are regular */
    a.count_include_pad = false, a.divisor_override = 0;
    a.size[0] = x.extent[2], a.size[1] = x.extent[3];
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_scatter, &a, dy, places));
}

/* Output 1: the places of output 0, as i32. */
static inline int pool_infer_places(wg_infer *infer, int axes) {
    const wg_type *x = &infer->inputs[0];
    infer->outputs[1] = infer->outputs[0];
    infer->outputs[1].dtype = WG_I32;
    int64_t pixels = 1;
    for (int i = 0; i < axes; i++)
        if (__builtin_mul_overflow(pixels, x->extent[2 + i], &pixels) || pixels > INT32_MAX)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "x is %s; a plane has at most %d pixels, for their indices are i32",
                                 wg_infer_shape_text(infer, x), INT32_MAX);
    return WG_OK;
}

/* --- Options -------------------------------------------------------------------------------------------- */

static inline bool pool_kernel_given(wg_tape *tape, const char *op, int axes, pool_attributes *a) {
    for (int i = 0; i < axes; i++) {
        if (!a->kernel[i]) {
            wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: the kernel's size must be given: .kernel = 2", op);
            return false;
        }
        if (!a->stride[i]) a->stride[i] = a->kernel[i];
    }
    return true;
}

/* Options of two axes as attributes; false with an error on the tape. */
static inline bool pool2d_options(wg_tape *tape, const char *op, const wg_pool2d_options *options, pool_attributes *a) {
    WG_READ_OPTIONS(wg_pool2d_options, given, options);
    *a = (pool_attributes){.auto_pad = given.auto_pad, .divisor_override = given.divisor_override,
                           .ceil_mode = given.ceil_mode, .count_include_pad = !given.count_exclude_pad};
    return wg_read_pair(tape, op, "kernel", given.kernel, given.kernel_hw, 0, a->kernel) &&
           wg_read_pair(tape, op, "stride", given.stride, given.stride_hw, 0, a->stride) &&
           wg_read_pair(tape, op, "dilation", given.dilation, given.dilation_hw, 1, a->dilation) &&
           window_read_padding(tape, op, given.padding, given.padding_hw, given.pads, given.auto_pad, 2, a->padding) &&
           pool_kernel_given(tape, op, 2, a);
}

/* The same of one to three axes. */
static inline bool pool_options(wg_tape *tape, const char *op, int axes, const wg_pool_options *options,
                                pool_attributes *a) {
    WG_READ_OPTIONS(wg_pool_options, given, options);
    *a = (pool_attributes){.auto_pad = given.auto_pad, .divisor_override = given.divisor_override,
                           .ceil_mode = given.ceil_mode, .count_include_pad = !given.count_exclude_pad};
    return window_read_each(tape, op, "kernel", given.kernel, given.kernels, axes, 0, a->kernel) &&
           window_read_each(tape, op, "stride", given.stride, given.strides, axes, 0, a->stride) &&
           window_read_each(tape, op, "dilation", given.dilation, given.dilations, axes, 1, a->dilation) &&
           window_read_padding(tape, op, given.padding, NULL, given.pads, given.auto_pad, axes, a->padding) &&
           pool_kernel_given(tape, op, axes, a);
}

/* The recorders of an op whose options those are. */
static inline wg_var pool2d_record(const wg_op *op, wg_var x, const wg_pool2d_options *options) {
    pool_attributes chosen;
    if (!pool2d_options(x.tape, op->name, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(op, &chosen, x);
}
static inline wg_var pool_record(const wg_op *op, int axes, wg_var x, const wg_pool_options *options) {
    pool_attributes chosen;
    if (!pool_options(x.tape, op->name, axes, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(op, &chosen, x);
}

/* --- Samples -------------------------------------------------------------------------------------------- */

typedef struct pool_case {
    int64_t n, channels;
    wg_type image; /* extents of the axes that are pooled */
    pool_attributes with;
} pool_case;

/* Case `which` of so many axes, made of rows of a table, each axis another one; there are POOL_CASES. */
enum { POOL_CASES = 36 };
static inline pool_case pool_case_at(int axes, int which) {
    static const struct { int64_t in, kernel, stride, front, back, dilation; } rows[] = {
        {4, 2, 2, 0, 0, 1}, {1, 1, 1, 0, 0, 1}, {5, 2, 2, 0, 0, 1}, /* the last element is in no window */
        {5, 2, 2, 1, 1, 1}, {6, 3, 2, 1, 1, 1},                     /* windows that overlap */
        {5, 3, 1, 0, 0, 1}, {7, 2, 3, 0, 0, 1},                     /* gaps between windows */
        {3, 4, 2, 2, 2, 1},                                         /* a window larger than the image */
        {6, 2, 2, 0, 1, 1}, {5, 3, 2, 2, 0, 1}, {6, 2, 1, 0, 0, 2}, {7, 3, 2, 1, 2, 2}, {4, 1, 3, 0, 0, 1},
    };
    const int count = sizeof rows / sizeof *rows;
    pool_case c = {.n = which == 7 ? 0 : axes < 3 ? 1 + which % 2 : 1, .channels = which == 11 ? 0 : 1 + which / 3 % 2,
                   .image = {.rank = axes}};
    c.with = (pool_attributes){.auto_pad = which % 4 == 3 && which > 12 ? 1 + which / 4 % 3 : 0,
                               .ceil_mode = which % 5 > 2,
                               .count_include_pad = which % 3 != 1,
                               .divisor_override = which % 7 == 6 ? which / 7 : 0};
    for (int i = 0; i < axes; i++) {
        const int row = (which + i * (4 + which / count)) % count;
        const int64_t most = axes == 3 ? 4 : 7;
        c.image.extent[i] = rows[row].in < most ? rows[row].in : most;
        c.with.kernel[i] = rows[row].kernel, c.with.stride[i] = rows[row].stride;
        c.with.dilation[i] = rows[row].dilation;
        if (c.with.auto_pad == WG_PAD_VALID && rows[row].dilation * (rows[row].kernel - 1) >= c.image.extent[i])
            c.with.auto_pad = WG_PAD_SAME_LOWER;
        if (c.with.auto_pad) continue;
        c.with.padding[i] = rows[row].front, c.with.padding[axes + i] = rows[row].back;
    }
    return c;
}

static inline wg_type pool_case_image(const pool_case *c) {
    wg_type image = {.dtype = WG_F64, .rank = 2 + c->image.rank, .extent = {c->n, c->channels}};
    for (int i = 0; i < c->image.rank; i++) image.extent[2 + i] = c->image.extent[i];
    return image;
}

/* The windows of a case, whose auto_pad becomes numbers. */
static inline wg_type pool_case_windows(pool_case *c) {
    wg_type windows = pool_case_image(c);
    for (int i = 0; i < c->image.rank; i++)
        windows.extent[2 + i] = pool_windows(&c->with, c->image.rank, i, c->image.extent[i]);
    c->with.auto_pad = 0;
    return windows;
}

static inline void pool_sample(wg_sampler *s, int axes, wg_values values) {
    for (int i = 0; i < POOL_CASES; i++) {
        const pool_case c = pool_case_at(axes, i);
        const wg_type image = pool_case_image(&c);
        const wg_shape shape = wg_shape_of(&image);
        WG_SAMPLE(s, &c.with, {.shape = &shape, .values = values});
    }
}

/* An operation for each tap of each window; input 0 or output 0 is the image, the other one the windows. */
static inline wg_cost pool_cost(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const int64_t in = wg_type_count(&call->inputs[0].type), out = wg_type_count(&call->outputs[0].type);
    double taps = (double)(in < out ? in : out);
    for (int i = 0; i < call->inputs[0].type.rank - 2; i++) taps *= (double)a->kernel[i];
    return (wg_cost){.flops = taps, .bytes = wg_call_bytes(call)};
}
#endif

#endif
