/* unfold, fold — windows of images as columns (im2col), and the sum of such columns in an image (col2im)
 *
 *   unfold:  y[…, (c kh + u) kw + v, i W' + j] = x[…, c, i sh + u dh - ph, j sw + v dw - pw], 0 in the padding
 *   fold:    y[…, c, h, w] = sum of x[…, (c kh + u) kw + v, i W' + j] over all u, v, i, j, in this order, for which
 *            (h, w) = (i sh + u dh - ph, j sw + v dw - pw)
 *
 * of W' = (W + 2 pw - dw (kw - 1) - 1) / sw + 1 windows across, rounded down, and H' down. The two are each
 * other's transposes, and so each other's rules. */
#include "rows.h"

typedef struct unfold_attributes {
    int64_t kernel[2], stride[2], padding[2], dilation[2], size[2]; /* size: of the image, for fold */
} unfold_attributes;
typedef unfold_attributes fold_attributes;

/* One axis of the windows: how many there are, of which first … last-1 have tap u in the image, that of the first
 * at place `from`. */
typedef struct taps {
    int64_t count, first, last, from;
} taps;

WG_INLINE int64_t windows_along(const unfold_attributes *a, int axis, int64_t extent) {
    const int64_t span = a->dilation[axis] * (a->kernel[axis] - 1) + 1, padded = extent + 2 * a->padding[axis];
    return padded < span ? 0 : (padded - span) / a->stride[axis] + 1;
}

WG_INLINE taps taps_of(const unfold_attributes *a, int axis, int64_t extent, int64_t u) {
    const int64_t stride = a->stride[axis], start = u * a->dilation[axis] - a->padding[axis];
    taps t = {.count = windows_along(a, axis, extent)};
    t.first = start < 0 ? (stride - 1 - start) / stride : 0;
    t.last = start < extent ? (extent - 1 - start) / stride + 1 : 0;
    if (t.last > t.count) t.last = t.count;
    if (t.first > t.last) t.first = t.last;
    t.from = start + t.first * stride;
    return t;
}

#if WG_IS_REAL
/* Adds to a plane what columns u, v hold. */
static void add_tap(const unfold_attributes *a, const int64_t size[2], int64_t u, int64_t v, real *plane,
                    const real *column) {
    const taps down = taps_of(a, 0, size[0], u), across = taps_of(a, 1, size[1], v);
    for (int64_t i = down.first; i < down.last; i++) {
        real *to = plane + (down.from + (i - down.first) * a->stride[0]) * size[1] + across.from;
        const real *from = column + i * across.count + across.first;
        const int64_t count = across.last - across.first, step = a->stride[1];
        if (step == 1) WG_INDEPENDENT_LOOP for (int64_t j = 0; j < count; j++) to[j] += from[j];
        else WG_INDEPENDENT_LOOP for (int64_t j = 0; j < count; j++) to[j * step] += from[j];
    }
}

/* A unit is a plane of the image. */
static void fold_forward(const wg_call *call) {
    const fold_attributes *a = WG_ATTRIBUTES(call, fold);
    const wg_type *x = &call->inputs[0].type;
    const int64_t columns = x->extent[x->rank - 1], taps_of_plane = a->kernel[0] * a->kernel[1];
    const int64_t pixels = a->size[0] * a->size[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *plane = WG_OUT(call, 0, real) + unit * pixels;
        const real *from = WG_IN(call, 0, real) + unit * taps_of_plane * columns;
        memset(plane, 0, (size_t)pixels * sizeof(real));
        for (int64_t tap = 0; tap < taps_of_plane; tap++)
            add_tap(a, a->size, tap / a->kernel[1], tap % a->kernel[1], plane, from + tap * columns);
    }
}
WG_KERNEL(fold, fold_forward)
#endif

#ifdef WG_RULES

/* A unit is a row of y: a tap of a plane. */
static void unfold_forward(const wg_call *call) {
    const unfold_attributes *a = WG_ATTRIBUTES(call, unfold);
    const wg_type *x = &call->inputs[0].type;
    const int64_t *image = &x->extent[x->rank - 2], size = (int64_t)wg_dtype_size(call->dtype);
    const int64_t taps_of_plane = a->kernel[0] * a->kernel[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t tap = unit % taps_of_plane;
        const taps down = taps_of(a, 0, image[0], tap / a->kernel[1]);
        const taps across = taps_of(a, 1, image[1], tap % a->kernel[1]);
        const int64_t row = across.count * size, head = across.first * size;
        const int64_t count = across.last - across.first, tail = (across.count - across.last) * size;
        const char *plane = WG_IN(call, 0, char) + unit / taps_of_plane * image[0] * image[1] * size;
        char *y = WG_OUT(call, 0, char) + unit * down.count * row;
        memset(y, 0, (size_t)(down.first * row));
        memset(y + down.last * row, 0, (size_t)((down.count - down.last) * row));
        for (int64_t i = down.first; i < down.last; i++) {
            const int64_t from = (down.from + (i - down.first) * a->stride[0]) * image[1] + across.from;
            char *to = y + i * row;
            memset(to, 0, (size_t)head);
            rows_copy_apart(to + head, size, plane + from * size, a->stride[1] * size, count, size);
            memset(to + row - tail, 0, (size_t)tail);
        }
    }
}
WG_BYTES_KERNEL(unfold, unfold_forward)

/* --- Rules -------------------------------------------------------------------------------------------------------- */

#define PAIR(member, least, otherwise, what)                                                       \
    WG_ATTRIBUTE(unfold_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = 2, .bounded = true, .low = least, \
                 .high = 0x1p30, .preset = otherwise, .meaning = what)
#define WINDOWS                                                                                    \
    PAIR(kernel, 1, 1, "height and width of a window"),                                            \
    PAIR(stride, 1, 1, "pixels from one window to the next, down and across"),                     \
    PAIR(padding, 0, 0, "zeros on both sides"),                                                    \
    PAIR(dilation, 1, 1, "pixels from one tap of a window to the next")
static const wg_attribute attributes[] = {WINDOWS, WG_NO_MORE_ATTRIBUTES};
static const wg_attribute fold_schema[] = {WINDOWS, PAIR(size, 0, 0, "height and width of the image"),
                                           WG_NO_MORE_ATTRIBUTES};

/* How many windows an image of this size has. */
static int infer_windows(wg_infer *infer, const int64_t size[2], int64_t *windows) {
    const unfold_attributes *a = infer->attributes;
    *windows = 1;
    for (int i = 0; i < 2; i++) {
        const int64_t count = size[i] > INT64_MAX / 4 ? 0 : windows_along(a, i, size[i]);
        if (count < 1 || __builtin_mul_overflow(*windows, count, windows))
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "an image of %lld×%lld, padding %lld×%lld, has no window of kernel %lld×%lld, "
                                 "dilation %lld×%lld, or too many",
                                 (long long)size[0], (long long)size[1], (long long)a->padding[0],
                                 (long long)a->padding[1], (long long)a->kernel[0], (long long)a->kernel[1],
                                 (long long)a->dilation[0], (long long)a->dilation[1]);
    }
    return WG_OK;
}

static int infer(wg_infer *infer) {
    unfold_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    if (x->rank < 3)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [..., channels, height, width]",
                             wg_infer_shape_text(infer, x));
    wg_type y = *x;
    y.rank--;
    for (int i = 0; i < 2; i++) a->size[i] = x->extent[x->rank - 2 + i];
    const int status = infer_windows(infer, a->size, &y.extent[y.rank - 1]);
    if (status) return status;
    int64_t *rows = &y.extent[y.rank - 2];
    if (__builtin_mul_overflow(*rows, a->kernel[0] * a->kernel[1], rows))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; the result has more elements than can be counted",
                             wg_infer_shape_text(infer, x));
    y.extent[y.rank] = 0;
    infer->outputs[0] = y;
    return WG_OK;
}

static int infer_fold(wg_infer *infer) {
    const fold_attributes *a = WG_ATTRIBUTES(infer, fold);
    const wg_type *x = &infer->inputs[0];
    int64_t windows;
    int status = wg_infer_real(infer);
    if (status || (status = infer_windows(infer, a->size, &windows))) return status;
    const int64_t taps_of_plane = a->kernel[0] * a->kernel[1];
    if (x->rank < 2 || x->rank == WG_MAX_RANK || x->extent[x->rank - 2] % taps_of_plane ||
        x->extent[x->rank - 1] != windows)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s; it must be [..., a multiple of %lld, %lld], with at most %d axes",
                             wg_infer_shape_text(infer, x), (long long)taps_of_plane, (long long)windows,
                             WG_MAX_RANK - 1);
    wg_type y = *x;
    y.extent[y.rank - 2] /= taps_of_plane;
    y.extent[y.rank - 1] = a->size[0];
    y.extent[y.rank++] = a->size[1];
    infer->outputs[0] = y;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_fold, rule->attributes, rule->cotangents[0]));
}
static void backward_of_fold(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_unfold, rule->attributes, rule->cotangents[0]));
}

static int64_t units(const wg_call *call) {
    const wg_type *y = &call->outputs[0].type;
    return wg_type_count(y) / (y->extent[y->rank - 1] ? y->extent[y->rank - 1] : 1);
}
static int64_t units_of_fold(const wg_call *call) {
    const wg_type *y = &call->outputs[0].type;
    const int64_t pixels = y->extent[y->rank - 2] * y->extent[y->rank - 1];
    return pixels ? wg_type_count(y) / pixels : 0;
}
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }
static wg_cost cost_of_fold(const wg_call *call) {
    return (wg_cost){(double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

static const unfold_attributes cases[] = {
    /* kernel  stride  padding dilation size */
    {{1, 1}, {1, 1}, {0, 0}, {1, 1}, {3, 4}}, {{2, 2}, {1, 1}, {0, 0}, {1, 1}, {3, 4}},
    {{2, 2}, {2, 2}, {0, 0}, {1, 1}, {4, 4}}, {{2, 3}, {1, 2}, {1, 0}, {1, 1}, {3, 5}},
    {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {5, 4}}, {{2, 2}, {1, 1}, {0, 1}, {2, 1}, {4, 3}},
    {{2, 2}, {1, 3}, {2, 2}, {1, 3}, {3, 3}}, {{1, 3}, {1, 1}, {0, 1}, {1, 1}, {1, 5}},
    {{3, 1}, {3, 1}, {0, 0}, {1, 1}, {7, 2}}, {{3, 3}, {1, 1}, {0, 0}, {1, 1}, {3, 3}},
    {{2, 2}, {1, 1}, {3, 3}, {1, 1}, {1, 1}}, {{1, 1}, {3, 2}, {0, 0}, {1, 1}, {4, 5}},
    {{2, 1}, {2, 1}, {1, 0}, {3, 2}, {3, 2}}, {{4, 4}, {2, 2}, {2, 2}, {1, 1}, {2, 3}},
    {{1, 2}, {1, 1}, {0, 1}, {1, 4}, {2, 5}}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 2}},
};
#define EACH_CASE(a) const unfold_attributes *a = cases; a < cases + sizeof cases / sizeof *cases; a++

static void samples(wg_sampler *s) {
    for (EACH_CASE(a)) {
        WG_SAMPLE(s, a, {.shape = WG_SHAPE(1, a->size[0], a->size[1])});
        WG_SAMPLE(s, a, {.shape = WG_SHAPE(a - cases < 8, 2, a->size[0], a->size[1])});
    }
    WG_SAMPLE(s, &cases[2], {.shape = WG_SHAPE(1, 1, 1, 1, 1, 2, 4, 4)});
    WG_SAMPLE(s, &cases[3], {.dtype = WG_U8, .shape = WG_SHAPE(2, 3, 5)});
}
static void samples_of_fold(wg_sampler *s) {
    for (EACH_CASE(a)) {
        const int64_t windows = windows_along(a, 0, a->size[0]) * windows_along(a, 1, a->size[1]);
        const int64_t taps_of_plane = a->kernel[0] * a->kernel[1];
        WG_SAMPLE(s, a, {.shape = WG_SHAPE(taps_of_plane, windows)});
        WG_SAMPLE(s, a, {.shape = WG_SHAPE(a - cases < 8, 2 * taps_of_plane, windows)});
    }
    WG_SAMPLE(s, &cases[2], {.shape = WG_SHAPE(1, 1, 1, 1, 1, 8, 4)});
}

const wg_op wg_op_unfold = {
    .name = "unfold", .formula = "y[(c kh + u) kw + v, i W' + j] = x[c, i sh + u dh - ph, j sw + v dw - pw]",
    .shapes = "x [..., C, H, W] -> y [..., C kh kw, H' W']",
    .gradient = "dx = fold(dy)",
    .torch = "unfold",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(unfold_attributes),
    .infer = infer, .forward = WG_FORWARD(unfold), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_fold = {
    .name = "fold", .formula = "y[c, i sh + u dh - ph, j sw + v dw - pw] += x[(c kh + u) kw + v, i W' + j]",
    .shapes = "x [..., C kh kw, H' W'] -> y [..., C, H, W]",
    .gradient = "dx = unfold(dy)",
    .onnx = "Col2Im", .torch = "fold",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = fold_schema, .attributes_size = sizeof(fold_attributes),
    .infer = infer_fold, .forward = WG_FORWARD(fold), .backward = backward_of_fold, .units = units_of_fold,
    .cost = cost_of_fold, .samples = samples_of_fold,
};

static bool read_windows(wg_tape *tape, const char *op, const wg_unfold_options *options, unfold_attributes *a) {
    WG_READ_OPTIONS(wg_unfold_options, given, options);
    *a = (unfold_attributes){0};
    return wg_read_pair(tape, op, "kernel", given.kernel, given.kernel_hw, 1, a->kernel) &&
           wg_read_pair(tape, op, "stride", given.stride, given.stride_hw, 1, a->stride) &&
           wg_read_pair(tape, op, "padding", given.padding, given.padding_hw, 0, a->padding) &&
           wg_read_pair(tape, op, "dilation", given.dilation, given.dilation_hw, 1, a->dilation);
}

wg_var (wg_unfold)(wg_var x, const wg_unfold_options *options) {
    unfold_attributes chosen;
    if (!read_windows(x.tape, "unfold", options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_unfold, &chosen, x);
}

wg_var (wg_fold)(wg_var x, int64_t height, int64_t width, const wg_unfold_options *options) {
    fold_attributes chosen;
    if (!read_windows(x.tape, "fold", options, &chosen)) return wg_refuse(x.tape);
    chosen.size[0] = height;
    chosen.size[1] = width;
    return WG_RECORD(&wg_op_fold, &chosen, x);
}

#endif
