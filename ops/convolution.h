/* convolution.h — what convolutions along one to three axes and their transposes share, which are all composed of
 * conv2d and conv2d_grad_input: attributes, shapes, expansions, samples, options. */
#ifndef WG_OPS_CONVOLUTION_H
#define WG_OPS_CONVOLUTION_H

#include "kernels/cpu/blocks.h"
#include "slice.h"
#include "window.h"

#ifdef WG_RULES

/* Of as many axes as the op has; the first of each array are used. */
typedef struct convolution_attributes {
    int64_t stride[3], padding[6], dilation[3], groups, auto_pad, output_padding[3];
} convolution_attributes;

#define CONVOLUTION_EACH(member, many, least, otherwise, text)                                              \
    WG_ATTRIBUTE(convolution_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,  \
                 .low = least, .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define CONVOLUTION_ATTRIBUTES(axes)                                                                        \
    CONVOLUTION_EACH(stride, axes, 1, 1, "elements from one window to the next"),                           \
        CONVOLUTION_EACH(padding, 2 * axes, 0, 0, "zeros in front of each axis, then behind each"),         \
        CONVOLUTION_EACH(dilation, axes, 1, 1, "elements from one tap of the kernel to the next"),          \
        CONVOLUTION_EACH(groups, 1, 1, 1, "parts of the channels that do not mix"),                         \
        WG_ATTRIBUTE(convolution_attributes, auto_pad, .kind = WG_ATTRIBUTE_INT, .bounded = true,           \
                     .high = WG_PAD_VALID,                                                                  \
                     .meaning = "0: padding as given; 1, 2: SAME, the odd zero behind or in front; 3: no padding")

/* Ranks, dtypes, channels, groups and bias; `filters` are the channels of the result. */
static inline int convolution_infer_channels(wg_infer *infer, int axes, bool transposed, int64_t *filters) {
    const convolution_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1], *bias = &infer->inputs[2];
    for (int i = 0; i < 2; i++)
        if (infer->inputs[i].rank != 2 + axes)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s is %s; it must have %d axes: %s", i ? "weight" : "x",
                                 wg_infer_text(infer, &infer->inputs[i]), 2 + axes,
                                 i == 0       ? "[N, C, extents]"
                                 : transposed ? "[C, K / groups, kernel]"
                                              : "[K, C / groups, kernel]");
    const int status = wg_infer_real(infer);
    if (status) return status;
    *filters = weight->extent[0];
    if (transposed && __builtin_mul_overflow(weight->extent[1], a->groups, filters))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "weight is %s: too many channels in %lld groups",
                             wg_infer_shape_text(infer, weight), (long long)a->groups);
    if (x->extent[1] % a->groups || *filters % a->groups)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "groups = %lld do not divide %lld channels into %lld filters",
                             (long long)a->groups, (long long)x->extent[1], (long long)*filters);
    const int64_t expected = transposed ? x->extent[1] : x->extent[1] / a->groups;
    if (weight->extent[transposed ? 0 : 1] != expected)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "channels differ: x is %s, weight is %s; weight's %s must be %lld",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, weight),
                             transposed ? "first extent" : "second extent", (long long)expected);
    if (wg_infer_given(infer, 2) && (bias->rank != 1 || bias->extent[0] != *filters))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "bias is %s; it must be [%lld], a number for each filter",
                             wg_infer_shape_text(infer, bias), (long long)*filters);
    return WG_OK;
}

/* Taps in depth are recorded one after the other. */
static inline int convolution_infer_depth(wg_infer *infer) {
    enum { MOST_TAPS = 4096 };
    const wg_type *weight = &infer->inputs[1];
    if (weight->rank != 5 || weight->extent[2] <= MOST_TAPS) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "weight is %s; its axis 2 may have an extent up to %d",
                         wg_infer_shape_text(infer, weight), MOST_TAPS);
}

/* The last two of `axes` axes as conv2d has them; of one axis, the rows are one. */
static inline wg_conv2d_attributes in_a_plane(const convolution_attributes *a, int axes) {
    wg_conv2d_attributes plane = {.stride = {1, 1}, .dilation = {1, 1}, .groups = a->groups};
    for (int i = axes > 1 ? axes - 2 : 0; i < axes; i++) {
        const int to = i - axes + 2;
        plane.stride[to] = a->stride[i], plane.dilation[to] = a->dilation[i];
        plane.padding[to] = a->padding[i], plane.padding[2 + to] = a->padding[axes + i];
    }
    return plane;
}

static inline wg_var shaped(wg_var x, int rank, const int64_t *extent) {
    wg_shape shape;
    for (int i = 0; i <= WG_MAX_RANK; i++) shape.extent[i] = i < rank ? extent[i] : INT64_MIN;
    return (wg_reshape)(x, &shape);
}

/* [a, b, c] as [a, b, 1, c], and back. */
static inline wg_var with_row(wg_var x) {
    const wg_type t = wg_type_of(x);
    return shaped(x, 4, (const int64_t[]){t.extent[0], t.extent[1], 1, t.extent[2]});
}
static inline wg_var without_row(wg_var x) {
    const wg_type t = wg_type_of(x);
    return shaped(x, 3, (const int64_t[]){t.extent[0], t.extent[1], t.extent[3]});
}

/* The kernel's taps in depth as channels: [K, C, kd, kh, kw] as [K, C kd, kh, kw], which moves nothing. */
static inline wg_var flat_kernel(wg_var weight) {
    const wg_type w = wg_type_of(weight);
    return shaped(weight, 4, (const int64_t[]){w.extent[0], w.extent[1] * w.extent[2], w.extent[3], w.extent[4]});
}

/* Attributes of the axes taken from rows of a table, each axis another row. */
static inline void convolution_sample(wg_sampler *s, int axes, bool transposed) {
    static const struct { int64_t stride, front, back, dilation, taps, in, more; } rows[] = {
        {1, 0, 0, 1, 1, 1, 0}, {1, 1, 1, 1, 3, 4, 0}, {2, 1, 0, 1, 3, 5, 1}, {2, 0, 1, 2, 2, 4, 1},
        {3, 2, 1, 1, 2, 4, 2}, {1, 0, 2, 2, 2, 3, 1}, {1, 2, 0, 1, 3, 2, 0}, {3, 0, 0, 1, 2, 5, 0},
        {2, 1, 0, 3, 2, 4, 2},
    };
    static const int64_t channels[][4] = {{1, 1, 1, 1}, {2, 1, 2, 1}, {1, 2, 2, 2}, {1, 2, 4, 2}, {2, 3, 3, 3}};
    const int count = sizeof rows / sizeof *rows;
    for (int i = 0; i < 36; i++) {
        const int64_t *c = channels[axes == 3 ? i % 4 : i % 5];
        convolution_attributes with = {.groups = c[3], .auto_pad = i >= 27 ? i % 4 : 0};
        int64_t x[5] = {i == 13 ? 0 : axes == 3 ? 1 : c[0], c[1]};
        int64_t weight[5] = {transposed ? c[1] : c[2], (transposed ? c[2] : c[1]) / c[3]};
        for (int axis = 0; axis < axes; axis++) {
            const int row = axis ? (i + 2 * axis + i / count) % (axes == 3 ? count - 1 : count) : i % count;
            with.stride[axis] = rows[row].stride, with.dilation[axis] = rows[row].dilation;
            const int64_t most = axes < 3 ? 5 : transposed ? 2 : 3;
            x[2 + axis] = rows[row].in < most ? rows[row].in : most, weight[2 + axis] = rows[row].taps;
            const int64_t reach = rows[row].dilation * (rows[row].taps - 1) + 1;
            if (with.auto_pad == WG_PAD_VALID && reach > x[2 + axis]) with.auto_pad = WG_PAD_SAME_LOWER;
            if (!with.auto_pad) with.padding[axis] = rows[row].front, with.padding[axes + axis] = rows[row].back;
            if (transposed) with.output_padding[axis] = rows[row].more;
        }
        wg_shape shapes[2];
        for (int axis = 0; axis <= WG_MAX_RANK; axis++)
            shapes[0].extent[axis] = axis < 2 + axes ? x[axis] : INT64_MIN,
            shapes[1].extent[axis] = axis < 2 + axes ? weight[axis] : INT64_MIN;
        WG_SAMPLE(s, &with, {.shape = &shapes[0]}, {.shape = &shapes[1]},
                  {.shape = WG_SHAPE(c[2]), .absent = i % 2});
    }
}

#define CONVOLUTION(ndim, of_attributes, infer_by, expand_by, samples_by, onnx_name, formula_text,          \
                    shapes_text, gradient_text)                                                             \
    const wg_op wg_op_##ndim = {                                                                            \
        .name = #ndim, .formula = formula_text, .onnx = onnx_name, .torch = #ndim, .inputs = 2, .inputs_max = 3, \
        .shapes = shapes_text, .gradient = gradient_text,                                                   \
        .outputs = 1, .attributes = of_attributes, .attributes_size = sizeof(convolution_attributes),       \
        .infer = infer_by, .expand = expand_by, .samples = samples_by}

static inline wg_var convolution_record(const wg_op *op, int axes, wg_var x, wg_var weight, wg_var bias,
                                        const wg_convolution_options *options) {
    WG_READ_OPTIONS(wg_convolution_options, given, options);
    convolution_attributes chosen = {.groups = given.groups ? given.groups : 1, .auto_pad = given.auto_pad};
    if (!window_read_each(x.tape, op->name, "stride", given.stride, given.strides, axes, 1, chosen.stride) ||
        !window_read_each(x.tape, op->name, "dilation", given.dilation, given.dilations, axes, 1, chosen.dilation) ||
        !window_read_each(x.tape, op->name, "output_padding", given.output_padding, given.output_paddings, axes, 0,
                          chosen.output_padding) ||
        !window_read_padding(x.tape, op->name, given.padding, NULL, given.pads, given.auto_pad, axes, chosen.padding))
        return wg_refuse(x.tape);
    return WG_RECORD(op, &chosen, x, weight, bias);
}

#endif
#endif
