/* conv_transpose1d, conv_transpose2d, conv_transpose3d — composed of conv2d's transpose, conv2d_grad_input
 *
 *   the transpose of x -> conv(x, weight), applied to x:  y[n, c, s i + d u - p] += x[n, k, i] weight[k, c, u]
 *
 * Attributes and layouts are PyTorch's (weight: [K, C / groups, …]); padding is ONNX's, its numbers in front of all
 * axes, then those behind. The result has (extent - 1) stride - padding + dilation (kernel - 1) + 1 + output_padding
 * rows an axis; by auto_pad SAME, extent * stride. */
#include "convolution.h"

#ifdef WG_RULES

#define ATTRIBUTES(axes)                                                                                    \
    {CONVOLUTION_ATTRIBUTES(axes),                                                                          \
     CONVOLUTION_EACH(output_padding, axes, 0, 0, "more rows behind the result"), WG_NO_MORE_ATTRIBUTES}
static const wg_attribute attributes_1d[] = ATTRIBUTES(1), attributes_2d[] = ATTRIBUTES(2),
                          attributes_3d[] = ATTRIBUTES(3);

/* --- Shapes --------------------------------------------------------------------------------------------- */

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

static int infer_axes(wg_infer *infer, int axes) {
    convolution_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1];
    wg_type *y = &infer->outputs[0];
    int64_t filters = 0;
    const int status = convolution_infer_channels(infer, axes, true, &filters);
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
static int infer_1d(wg_infer *infer) { return infer_axes(infer, 1); }
static int infer_2d(wg_infer *infer) { return infer_axes(infer, 2); }
static int infer_3d(wg_infer *infer) {
    const int status = infer_axes(infer, 3);
    return status ? status : convolution_infer_depth(infer);
}

/* --- Expansions ----------------------------------------------------------------------------------------- */

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

static wg_var expand_1d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return add_bias(without_row(transposed_plane(with_row(inputs[0]), with_row(inputs[1]), attributes, 1)),
                    inputs[2]);
}

static wg_var expand_2d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
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

static wg_var expand_3d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
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

static void samples_1d(wg_sampler *s) { convolution_sample(s, 1, true); }
static void samples_2d(wg_sampler *s) { convolution_sample(s, 2, true); }
static void samples_3d(wg_sampler *s) { convolution_sample(s, 3, true); }

/* --- Ops ------------------------------------------------------------------------------------------------ */

CONVOLUTION(conv_transpose1d, attributes_1d, infer_1d, expand_1d, samples_1d, "ConvTranspose",
            "y[n, k, s i + d u - p] += x[n, c, i] w[c, k, u]; + bias[k]",
            "x [N, C, L], weight [C, K / groups, kl], bias [K]? -> y [N, K, L']",
            "dx[n, c, i] = sum_{k, u} dy[n, k, s i + d u - p] w[c, k, u], dw[c, k, u] = sum_{n, i} x[n, c, "
            "i] dy[n, k, s i + d u - p], dbias[k] = sum dy[:, k]");
CONVOLUTION(conv_transpose2d, attributes_2d, infer_2d, expand_2d, samples_2d, "ConvTranspose",
            "y[n, k, s i + d u - p, s j + d v - p] += x[n, c, i, j] w[c, k, u, v]; + bias[k]",
            "x [N, C, H, W], weight [C, K / groups, kh, kw], bias [K]? -> y [N, K, H', W']",
            "dx = conv2d(dy, w), dw = conv2d_grad_weight(dy, x), dbias[k] = sum dy[:, k]");
CONVOLUTION(conv_transpose3d, attributes_3d, infer_3d, expand_3d, samples_3d, "ConvTranspose",
            "y[n, k, s z + d t - p, s i + d u - p, s j + d v - p] += x[n, c, z, i, j] w[c, k, t, u, v]; + "
            "bias[k]",
            "x [N, C, D, H, W], weight [C, K / groups, kd, kh, kw], bias [K]? -> y [N, K, D', H', W']",
            "dx = conv3d(dy, w), dw[c, k, t] = sum_{n, o} x[n, c, o] dy[n, k, s o + d t - p], o and t "
            "places and taps, dbias[k] = sum dy[:, k]");

wg_var (wg_conv_transpose1d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return convolution_record(&wg_op_conv_transpose1d, 1, x, weight, bias, options);
}
wg_var (wg_conv_transpose2d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return convolution_record(&wg_op_conv_transpose2d, 2, x, weight, bias, options);
}
wg_var (wg_conv_transpose3d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return convolution_record(&wg_op_conv_transpose3d, 3, x, weight, bias, options);
}

#endif
