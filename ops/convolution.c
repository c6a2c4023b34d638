/* conv1d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d — composed of conv2d and its transpose
 *
 *   conv1d:  conv2d of images of one row
 *   conv3d:  y[n, k, z, i, j] = sum_{c, w, u, v} x[n, c, s z + d w - p, …] weight[k, c, w, u, v]: the kernel's taps
 *            in depth become channels (w beside c), the outputs' depth z more images, and conv2d does the rest
 *   conv_transpose:  the transpose of x -> conv(x, weight), applied to x:
 *            y[n, c, s i + d u - p] += x[n, k, i] weight[k, c, u], as conv2d_grad_input computes it
 *
 * Attributes and layouts are PyTorch's (weight of the transposes: [K, C / groups, …]); padding is ONNX's, its
 * numbers in front of all axes, then those behind. The result of a transpose has
 * (extent - 1) stride - padding + dilation (kernel - 1) + 1 + output_padding rows an axis; by auto_pad SAME,
 * extent * stride. */
#include "kernels/cpu/blocks.h"
#include "slice.h"
#include "window.h"

#ifdef WG_RULES

/* Of as many axes as the op has; the first of each array are used. */
typedef struct convolution_attributes {
    int64_t stride[3], padding[6], dilation[3], groups, auto_pad, output_padding[3];
} convolution_attributes;

#define EACH(member, many, least, otherwise, text)                                                              \
    WG_ATTRIBUTE(convolution_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,      \
                 .low = least, .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define COMMON_ATTRIBUTES(axes)                                                                                 \
    EACH(stride, axes, 1, 1, "elements from one window to the next"),                                           \
        EACH(padding, 2 * axes, 0, 0, "zeros in front of each axis, then behind each"),                         \
        EACH(dilation, axes, 1, 1, "elements from one tap of the kernel to the next"),                          \
        EACH(groups, 1, 1, 1, "parts of the channels that do not mix"),                                         \
        WG_ATTRIBUTE(convolution_attributes, auto_pad, .kind = WG_ATTRIBUTE_INT, .bounded = true,               \
                     .high = WG_PAD_VALID, .meaning = "0: padding as given; 1, 2: SAME, the odd zero behind or in "  \
                                                      "front; 3: no padding")
#define ATTRIBUTES(axes) {COMMON_ATTRIBUTES(axes), WG_NO_MORE_ATTRIBUTES}
#define TRANSPOSE_ATTRIBUTES(axes)                                                                              \
    {COMMON_ATTRIBUTES(axes), EACH(output_padding, axes, 0, 0, "more rows behind the result"), WG_NO_MORE_ATTRIBUTES}
static const wg_attribute attributes_1d[] = ATTRIBUTES(1), attributes_3d[] = ATTRIBUTES(3);
static const wg_attribute transpose_attributes_1d[] = TRANSPOSE_ATTRIBUTES(1),
                          transpose_attributes_2d[] = TRANSPOSE_ATTRIBUTES(2),
                          transpose_attributes_3d[] = TRANSPOSE_ATTRIBUTES(3);

/* --- Shapes --------------------------------------------------------------------------------------------- */

/* Ranks, dtypes, channels, groups and bias; `filters` are the channels of the result. */
static int infer_channels(wg_infer *infer, int axes, bool transposed, int64_t *filters) {
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

static int does_not_fit(wg_infer *infer, int axis) {
    const convolution_attributes *a = infer->attributes;
    return wg_infer_fail(infer, WG_ERROR_SHAPE,
                         "weight %s does not fit x %s in axis %d with dilation %lld and the padding: it must not be "
                         "empty, nor larger than the padded input",
                         wg_infer_shape_text(infer, &infer->inputs[1]), wg_infer_shape_text(infer, &infer->inputs[0]),
                         2 + axis, (long long)a->dilation[axis]);
}

static int infer_axes(wg_infer *infer, int axes) {
    convolution_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1];
    wg_type *y = &infer->outputs[0];
    int64_t filters;
    const int status = infer_channels(infer, axes, false, &filters);
    if (status) return status;
    *y = (wg_type){.dtype = x->dtype, .rank = x->rank, .extent = {x->extent[0], filters}};
    for (int i = 0; i < axes; i++) {
        const int64_t in = x->extent[2 + i], taps = weight->extent[2 + i];
        int64_t *front = &a->padding[i], *back = &a->padding[axes + i], padded, reach;
        if (taps < 1 || __builtin_mul_overflow(taps - 1, a->dilation[i], &reach)) return does_not_fit(infer, i);
        window_auto_pad(a->auto_pad, in, reach + 1, a->stride[i], front, back);
        if (__builtin_add_overflow(in, *front + *back, &padded) || reach >= padded) return does_not_fit(infer, i);
        y->extent[2 + i] = (padded - reach - 1) / a->stride[i] + 1;
    }
    a->auto_pad = WG_PAD_AS_GIVEN;
    return WG_OK;
}
/* Taps in depth are recorded one after the other. */
static int infer_depth(wg_infer *infer) {
    enum { MOST_TAPS = 4096 };
    const wg_type *weight = &infer->inputs[1];
    if (weight->rank != 5 || weight->extent[2] <= MOST_TAPS) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "weight is %s; its axis 2 may have an extent up to %d",
                         wg_infer_shape_text(infer, weight), MOST_TAPS);
}

static int infer_1d(wg_infer *infer) { return infer_axes(infer, 1); }
static int infer_3d(wg_infer *infer) {
    const int status = infer_axes(infer, 3);
    return status ? status : infer_depth(infer);
}

/* The rows of a transpose's axis and its padding, or 0. */
static int64_t transposed_extent(convolution_attributes *a, int axes, int i, int64_t in, int64_t taps) {
    int64_t reach, rows, *front = &a->padding[i], *back = &a->padding[axes + i];
    if (in < 1 || taps < 1 || __builtin_mul_overflow(taps - 1, a->dilation[i], &reach) ||
        __builtin_mul_overflow(in - 1, a->stride[i], &rows) ||
        __builtin_add_overflow(rows, reach + 1 + a->output_padding[i], &rows))
        return 0;
    if (a->auto_pad) {
        const int64_t wanted = in * a->stride[i], pad = rows > wanted && a->auto_pad != WG_PAD_VALID ? rows - wanted : 0;
        *front = a->auto_pad == WG_PAD_SAME_LOWER ? pad - pad / 2 : pad / 2;
        *back = pad - *front;
    }
    return rows - *front - *back;
}

static int infer_transposed(wg_infer *infer, int axes) {
    convolution_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1];
    wg_type *y = &infer->outputs[0];
    int64_t filters;
    const int status = infer_channels(infer, axes, true, &filters);
    if (status) return status;
    *y = (wg_type){.dtype = x->dtype, .rank = x->rank, .extent = {x->extent[0], filters}};
    for (int i = 0; i < axes; i++) {
        if (a->output_padding[i] >= a->stride[i] && a->output_padding[i] >= a->dilation[i])
            return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                                 "output_padding[%d] is %lld; it must be less than the stride %lld or the dilation %lld",
                                 i, (long long)a->output_padding[i], (long long)a->stride[i], (long long)a->dilation[i]);
        y->extent[2 + i] = transposed_extent(a, axes, i, x->extent[2 + i], weight->extent[2 + i]);
        if (y->extent[2 + i] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "axis %d of the result is empty: x is %s, weight %s, padding %lld and %lld", 2 + i,
                                 wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, weight),
                                 (long long)a->padding[i], (long long)a->padding[axes + i]);
    }
    a->auto_pad = WG_PAD_AS_GIVEN;
    return WG_OK;
}
static int infer_transposed_1d(wg_infer *infer) { return infer_transposed(infer, 1); }
static int infer_transposed_2d(wg_infer *infer) { return infer_transposed(infer, 2); }
static int infer_transposed_3d(wg_infer *infer) {
    const int status = infer_transposed(infer, 3);
    return status ? status : infer_depth(infer);
}

/* --- Expansions ----------------------------------------------------------------------------------------- */

/* The last two of `axes` axes as conv2d has them; of one axis, the rows are one. */
static wg_conv2d_attributes in_a_plane(const convolution_attributes *a, int axes) {
    wg_conv2d_attributes plane = {.stride = {1, 1}, .dilation = {1, 1}, .groups = a->groups};
    for (int i = axes > 1 ? axes - 2 : 0; i < axes; i++) {
        const int to = i - axes + 2;
        plane.stride[to] = a->stride[i], plane.dilation[to] = a->dilation[i];
        plane.padding[to] = a->padding[i], plane.padding[2 + to] = a->padding[axes + i];
    }
    return plane;
}

static wg_var shaped(wg_var x, int rank, const int64_t *extent) {
    wg_shape shape;
    for (int i = 0; i <= WG_MAX_RANK; i++) shape.extent[i] = i < rank ? extent[i] : INT64_MIN;
    return (wg_reshape)(x, &shape);
}

/* [a, b, c] as [a, b, 1, c], and back. */
static wg_var with_row(wg_var x) {
    const wg_type t = wg_type_of(x);
    return shaped(x, 4, (const int64_t[]){t.extent[0], t.extent[1], 1, t.extent[2]});
}
static wg_var without_row(wg_var x) {
    const wg_type t = wg_type_of(x);
    return shaped(x, 3, (const int64_t[]){t.extent[0], t.extent[1], t.extent[3]});
}

static wg_var expand_1d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const wg_conv2d_attributes plane = in_a_plane(attributes, 1);
    return without_row(
        WG_RECORD(&wg_op_conv2d, &plane, with_row(inputs[0]), with_row(inputs[1]), inputs[2]));
}

/* The kernel's taps in depth as channels: [K, C, kd, kh, kw] as [K, C kd, kh, kw], which moves nothing. */
static wg_var flat_kernel(wg_var weight) {
    const wg_type w = wg_type_of(weight);
    return shaped(weight, 4, (const int64_t[]){w.extent[0], w.extent[1] * w.extent[2], w.extent[3], w.extent[4]});
}

/* x [N, C, D, H, W] as [N Z, C kd, H, W]: what the kernel's taps in depth see at each z of the result. */
static wg_var unfold_depth(wg_var x, const convolution_attributes *a, int64_t taps, int64_t outputs) {
    const wg_type t = wg_type_of(x);
    const int64_t n = t.extent[0], c = t.extent[1], h = t.extent[3], w = t.extent[4];
    if (a->padding[0] || a->padding[3]) {
        const slice_grad_attributes pad = {2, t.extent[2] + a->padding[0] + a->padding[3],
                                                                   a->padding[0], 1};
        x = WG_RECORD(&wg_op_slice_grad, &pad, x);
    }
    wg_var seen = WG_NONE;
    for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t first = tap * a->dilation[0];
        const wg_var plane = (wg_slice)(x, 2, first, first + (outputs - 1) * a->stride[0] + 1,
                                        &(wg_slice_options){.size_ = sizeof(wg_slice_options), .step = a->stride[0]});
        const wg_var one = shaped(plane, 6, (const int64_t[]){n, c, 1, outputs, h, w});
        seen = tap ? wg_concat_list(2, (const wg_var[]){seen, one, WG_END_}) : one;
    }
    return shaped((wg_transpose)(seen, WG_AXES(0, 3, 1, 2, 4, 5)), 4,
                  (const int64_t[]){n * outputs, c * taps, h, w});
}

static wg_var expand_3d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const convolution_attributes *a = attributes;
    const wg_conv2d_attributes plane = in_a_plane(a, 3);
    const wg_type x = wg_type_of(inputs[0]), weight = wg_type_of(inputs[1]);
    const int64_t reach = (weight.extent[2] - 1) * a->dilation[0] + 1;
    const int64_t outputs = (x.extent[2] + a->padding[0] + a->padding[3] - reach) / a->stride[0] + 1;
    const wg_var y = WG_RECORD(&wg_op_conv2d, &plane, unfold_depth(inputs[0], a, weight.extent[2], outputs),
                               flat_kernel(inputs[1]), inputs[2]);
    const wg_type t = wg_type_of(y);
    const int64_t extent[] = {x.extent[0], outputs, t.extent[1], t.extent[2], t.extent[3]};
    return (wg_transpose)(shaped(y, 5, extent), WG_AXES(0, 2, 1, 3, 4));
}

static wg_var add_bias(wg_var y, wg_var bias) {
    if (!wg_valid(bias)) return y;
    int64_t extent[WG_MAX_RANK] = {wg_type_of(bias).extent[0], 1, 1, 1};
    return (wg_add)(y, shaped(bias, wg_type_of(y).rank - 1, extent));
}

/* `rows` zeros behind an axis. */
static wg_var zeros_behind(wg_var y, int axis, int64_t rows) {
    const slice_grad_attributes pad = {axis, wg_type_of(y).extent[axis] + rows, 0, 1};
    return rows > 0 ? WG_RECORD(&wg_op_slice_grad, &pad, y) : y;
}

/* The transpose in the last two axes. Rows of output_padding that lie behind all windows of that many strides
 * are zeros. */
static wg_var transposed_plane(wg_var x, wg_var weight, const convolution_attributes *a, int axes) {
    wg_conv2d_attributes plane = in_a_plane(a, axes);
    const wg_type in = wg_type_of(x), taps = wg_type_of(weight);
    int64_t zeros[2];
    for (int i = 0; i < 2; i++) {
        const int64_t more = i + axes >= 2 ? a->output_padding[i + axes - 2] : 0;
        const int64_t last = more - plane.padding[2 + i] - (plane.stride[i] - 1);
        zeros[i] = last > 0 ? last : 0;
        plane.size[i] = (in.extent[2 + i] - 1) * plane.stride[i] + (taps.extent[2 + i] - 1) * plane.dilation[i] + 1 +
                        more - plane.padding[i] - plane.padding[2 + i] - zeros[i];
        /* As much less padding behind as there is output_padding, so that the windows are counted right. */
        const int64_t less = more < plane.padding[2 + i] ? more : plane.padding[2 + i];
        plane.padding[2 + i] -= less;
    }
    const wg_var y = WG_RECORD(&wg_op_conv2d_grad_input, &plane, x, weight);
    return zeros_behind(zeros_behind(y, 2, zeros[0]), 3, zeros[1]);
}

static wg_var expand_transposed_1d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return add_bias(without_row(transposed_plane(with_row(inputs[0]), with_row(inputs[1]), attributes, 1)),
                    inputs[2]);
}

static wg_var expand_transposed_2d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return add_bias(transposed_plane(inputs[0], inputs[1], attributes, 2), inputs[2]);
}

/* seen [N, C, kd, Z, H, W], what each tap in depth gives: put where it belongs and summed, tap after tap. */
static wg_var fold_depth(wg_var seen, const convolution_attributes *a, int64_t extent) {
    const wg_type t = wg_type_of(seen);
    const int64_t taps = t.extent[2], inputs = t.extent[3];
    const int64_t reached = (inputs - 1) * a->stride[0] + (taps - 1) * a->dilation[0] + 1;
    const int64_t wanted = a->padding[0] + extent, padded = wanted > reached ? wanted : reached;
    wg_var sum = WG_NONE;
    for (int64_t tap = 0; tap < taps; tap++) {
        const wg_var one = shaped((wg_slice)(seen, 2, tap, tap + 1, NULL), 5,
                                  (const int64_t[]){t.extent[0], t.extent[1], inputs, t.extent[4], t.extent[5]});
        const slice_grad_attributes put = {2, padded, tap * a->dilation[0], a->stride[0]};
        const wg_var there = WG_RECORD(&wg_op_slice_grad, &put, one);
        sum = tap ? (wg_add)(sum, there) : there;
    }
    return (wg_slice)(sum, 2, a->padding[0], wanted, NULL);
}

static wg_var expand_transposed_3d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const convolution_attributes *a = attributes;
    const wg_type x = wg_type_of(inputs[0]), weight = wg_type_of(inputs[1]);
    const int64_t n = x.extent[0], z = x.extent[2], taps = weight.extent[2];
    const int64_t extent = (z - 1) * a->stride[0] + (taps - 1) * a->dilation[0] + 1 + a->output_padding[0] -
                           a->padding[0] - a->padding[3];
    const int64_t images[] = {n * z, x.extent[1], x.extent[3], x.extent[4]};
    const wg_var y = transposed_plane(shaped((wg_transpose)(inputs[0], WG_AXES(0, 2, 1, 3, 4)), 4, images),
                                      flat_kernel(inputs[1]), a, 3);
    const wg_type t = wg_type_of(y);
    const int64_t apart[] = {n, z, weight.extent[1] * a->groups, taps, t.extent[2], t.extent[3]};
    return add_bias(fold_depth((wg_transpose)(shaped(y, 6, apart), WG_AXES(0, 2, 3, 1, 4, 5)), a, extent), inputs[2]);
}

/* --- Samples -------------------------------------------------------------------------------------------- */

/* Attributes of the axes taken from rows of a table, each axis another row. */
static void sample(wg_sampler *s, int axes, bool transposed) {
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
static void samples_1d(wg_sampler *s) { sample(s, 1, false); }
static void samples_3d(wg_sampler *s) { sample(s, 3, false); }
static void samples_transposed_1d(wg_sampler *s) { sample(s, 1, true); }
static void samples_transposed_2d(wg_sampler *s) { sample(s, 2, true); }
static void samples_transposed_3d(wg_sampler *s) { sample(s, 3, true); }

/* --- Ops ------------------------------------------------------------------------------------------------ */

#define CONVOLUTION(ndim, of_attributes, infer_by, expand_by, samples_by, onnx_name, formula_text,              \
                    shapes_text, gradient_text)                                                                 \
    const wg_op wg_op_##ndim = {                                                                                \
        .name = #ndim, .formula = formula_text, .onnx = onnx_name, .torch = #ndim, .inputs = 2, .inputs_max = 3, \
        .shapes = shapes_text, .gradient = gradient_text,                                                                   \
        .outputs = 1, .attributes = of_attributes, .attributes_size = sizeof(convolution_attributes),           \
        .infer = infer_by, .expand = expand_by, .samples = samples_by}
CONVOLUTION(conv1d, attributes_1d, infer_1d, expand_1d, samples_1d, "Conv",
            "y[n, k, i] = sum_{c, u} x[n, c, s i + d u - p] w[k, c, u] + bias[k]",
            "x [N, C, L], weight [K, C / groups, kl], bias [K]? -> y [N, K, L']",
            "dx[n, c, s i + d u - p] += sum_k dy[n, k, i] w[k, c, u], dw[k, c, u] = sum_{n, i} dy[n, k, i] "
            "x[n, c, s i + d u - p], dbias[k] = sum dy[:, k]");
CONVOLUTION(conv3d, attributes_3d, infer_3d, expand_3d, samples_3d, "Conv",
            "y[n, k, z, i, j] = sum_{c, t, u, v} x[n, c, s z + d t - p, s i + d u - p, s j + d v - p] w[k, "
            "c, t, u, v] + bias[k]",
            "x [N, C, D, H, W], weight [K, C / groups, kd, kh, kw], bias [K]? -> y [N, K, D', H', W']",
            "dx[n, c, s o + d t - p] += sum_k dy[n, k, o] w[k, c, t], dw[k, c, t] = sum_{n, o} dy[n, k, o] "
            "x[n, c, s o + d t - p], o and t places and taps, dbias[k] = sum dy[:, k]");
CONVOLUTION(conv_transpose1d, transpose_attributes_1d, infer_transposed_1d, expand_transposed_1d,
            samples_transposed_1d, "ConvTranspose",
            "y[n, k, s i + d u - p] += x[n, c, i] w[c, k, u]; + bias[k]",
            "x [N, C, L], weight [C, K / groups, kl], bias [K]? -> y [N, K, L']",
            "dx[n, c, i] = sum_{k, u} dy[n, k, s i + d u - p] w[c, k, u], dw[c, k, u] = sum_{n, i} x[n, c, "
            "i] dy[n, k, s i + d u - p], dbias[k] = sum dy[:, k]");
CONVOLUTION(conv_transpose2d, transpose_attributes_2d, infer_transposed_2d, expand_transposed_2d,
            samples_transposed_2d, "ConvTranspose",
            "y[n, k, s i + d u - p, s j + d v - p] += x[n, c, i, j] w[c, k, u, v]; + bias[k]",
            "x [N, C, H, W], weight [C, K / groups, kh, kw], bias [K]? -> y [N, K, H', W']",
            "dx = conv2d(dy, w), dw = conv2d_grad_weight(dy, x), dbias[k] = sum dy[:, k]");
CONVOLUTION(conv_transpose3d, transpose_attributes_3d, infer_transposed_3d, expand_transposed_3d,
            samples_transposed_3d, "ConvTranspose",
            "y[n, k, s z + d t - p, s i + d u - p, s j + d v - p] += x[n, c, z, i, j] w[c, k, t, u, v]; + "
            "bias[k]",
            "x [N, C, D, H, W], weight [C, K / groups, kd, kh, kw], bias [K]? -> y [N, K, D', H', W']",
            "dx = conv3d(dy, w), dw[c, k, t] = sum_{n, o} x[n, c, o] dy[n, k, s o + d t - p], o and t "
            "places and taps, dbias[k] = sum dy[:, k]");

static wg_var record(const wg_op *op, int axes, wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    WG_READ_OPTIONS(wg_convolution_options, given, options);
    convolution_attributes chosen = {.groups = given.groups ? given.groups : 1, .auto_pad = given.auto_pad};
    if (!window_read_each(x.tape, op->name, "stride", given.stride, given.strides, axes, 1, chosen.stride) ||
        !window_read_each(x.tape, op->name, "dilation", given.dilation, given.dilations, axes, 1, chosen.dilation) ||
        !window_read_each(x.tape, op->name, "output_padding", given.output_padding, given.output_paddings, axes, 0,
                          chosen.output_padding) ||
        !window_read_padding(x.tape, op->name, given.padding, NULL, given.pads, given.auto_pad, axes, chosen.padding))
        return wg_refuse(x.tape);
    if (op->infer == infer_1d || op->infer == infer_3d)
        for (int i = 0; i < axes; i++)
            if (chosen.output_padding[i]) {
                wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "%s: only a transpose has output_padding", op->name);
                return wg_refuse(x.tape);
            }
    return WG_RECORD(op, &chosen, x, weight, bias);
}

wg_var (wg_conv1d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv1d, 1, x, weight, bias, options);
}
wg_var (wg_conv3d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv3d, 3, x, weight, bias, options);
}
wg_var (wg_conv_transpose1d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv_transpose1d, 1, x, weight, bias, options);
}
wg_var (wg_conv_transpose2d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv_transpose2d, 2, x, weight, bias, options);
}
wg_var (wg_conv_transpose3d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv_transpose3d, 3, x, weight, bias, options);
}
#endif
