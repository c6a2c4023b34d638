/* conv1d, conv3d — composed of conv2d
 *
 *   conv1d:  conv2d of images of one row
 *   conv3d:  y[n, k, z, i, j] = sum_{c, w, u, v} x[n, c, s z + d w - p, …] weight[k, c, w, u, v]: the kernel's taps
 *            in depth become channels (w beside c), the outputs' depth z more images, and conv2d does the rest
 *
 * Attributes and layouts are PyTorch's; padding is ONNX's, its numbers in front of all axes, then those behind. */
#include "convolution.h"

#ifdef WG_RULES

static const wg_attribute attributes_1d[] = {CONVOLUTION_ATTRIBUTES(1), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_3d[] = {CONVOLUTION_ATTRIBUTES(3), WG_NO_MORE_ATTRIBUTES};

/* --- Shapes --------------------------------------------------------------------------------------------- */

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
    int64_t filters = 0;
    const int status = convolution_infer_channels(infer, axes, false, &filters);
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

static int infer_1d(wg_infer *infer) { return infer_axes(infer, 1); }
static int infer_3d(wg_infer *infer) {
    const int status = infer_axes(infer, 3);
    return status ? status : convolution_infer_depth(infer);
}

/* --- Expansions ----------------------------------------------------------------------------------------- */

static wg_var expand_1d(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const wg_conv2d_attributes plane = in_a_plane(attributes, 1);
    return without_row(
        WG_RECORD(&wg_op_conv2d, &plane, with_row(inputs[0]), with_row(inputs[1]), inputs[2]));
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

/* --- Samples -------------------------------------------------------------------------------------------- */

static void samples_1d(wg_sampler *s) { convolution_sample(s, 1, false); }
static void samples_3d(wg_sampler *s) { convolution_sample(s, 3, false); }

/* --- Ops ------------------------------------------------------------------------------------------------ */

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

/* Only a transpose has output_padding. */
static wg_var record(const wg_op *op, int axes, wg_var x, wg_var weight, wg_var bias,
                     const wg_convolution_options *options) {
    WG_READ_OPTIONS(wg_convolution_options, given, options);
    bool padded = given.output_padding != 0;
    for (int i = 0; i < axes; i++) padded |= given.output_paddings[i] != 0;
    if (!padded) return convolution_record(op, axes, x, weight, bias, options);
    wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "%s: only a transpose has output_padding", op->name);
    return wg_refuse(x.tape);
}

wg_var (wg_conv1d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv1d, 1, x, weight, bias, options);
}
wg_var (wg_conv3d)(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options) {
    return record(&wg_op_conv3d, 3, x, weight, bias, options);
}

#endif
