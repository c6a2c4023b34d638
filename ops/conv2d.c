/* conv2d — convolution of images
 *
 *   y[n, k, i, j] = sum_{c, u, v} x[n, c, si + du - p, sj + dv - p] w[k, c, u, v]  (+ bias[k])
 *
 * with stride s, dilation d, padding p in front (each for both axes; padding behind decides how many i and j
 * there are); c runs over the channels of k's group; x is zero outside the image. The trilinear form
 * <dy, conv2d(x, w)> has conv2d and its two transposes (conv2d_grad.c) as its derivatives, so each is bilinear and
 * the other two give its rule: the family is closed under differentiation.
 *
 * The order of the sums is part of the definition (see kernels/cpu/blocks.h): blocks of WG_K_BLOCK terms in the
 * order written under the sum, the last index fastest. Bias is added last. */
#include "conv2d.h"

/* A unit is a plane y[n, k]. */
static void forward(const wg_call *call) {
    const wg_operand *in = call->inputs, *out = call->outputs;
    const wg_convolution c = wg_convolution_of(call, &in[0].type, &in[1].type, &out[0].type);
    const real *x = WG_IN(call, 0, real), *weight = WG_IN(call, 1, real);
    const real *bias = call->input_count > 2 ? WG_IN(call, 2, real) : NULL;
    const int64_t filters = c.groups * c.filters, taps = c.taps[0] * c.taps[1], plane = c.in[0] * c.in[1];
    real *y = WG_OUT(call, 0, real) + call->begin * c.out[0] * c.out[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / filters, k = unit % filters;
        const real *image = x + (n * c.groups + k / c.filters) * c.channels * plane;
        for (int64_t at = 0; at < c.out[0] * c.out[1]; at++) {
            const int64_t row = at / c.out[1] * c.stride[0] - c.padding[0];
            const int64_t column = at % c.out[1] * c.stride[1] - c.padding[1];
            blocked_sum sum = {0};
            for (int64_t t = 0; t < c.channels * taps; t++) {
                const int64_t u = t % taps / c.taps[1], v = t % c.taps[1];
                add_term(&sum,
                         pixel(image + t / taps * plane, c.in, row + u * c.dilation[0],
                               column + v * c.dilation[1]),
                         weight[k * c.channels * taps + t]);
            }
            end_block(&sum);
            *y++ = bias ? sum.total + bias[k] : sum.total;
        }
    }
}
WG_KERNEL(conv2d, forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    CONV2D_ATTRIBUTES,
    WG_ATTRIBUTE(conv2d_attributes, auto_pad, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = WG_PAD_VALID,
                 .meaning = "0: padding as given; 1, 2: as many outputs as strides in the image, the odd zero "
                            "behind or in front; 3: no padding"),
    WG_NO_MORE_ATTRIBUTES};

static void resolve_auto_pad(conv2d_attributes *a, const int64_t in[2], const int64_t taps[2]) {
    for (int i = 0; i < 2; i++) {
        int64_t reach;
        if (__builtin_mul_overflow(taps[i] - 1, a->dilation[i], &reach)) continue; /* refused below */
        window_auto_pad(a->auto_pad, in[i], reach + 1, a->stride[i], &a->padding[i], &a->padding[2 + i]);
    }
    a->auto_pad = WG_PAD_AS_GIVEN;
}

static int infer(wg_infer *infer) {
    const conv2d_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1], *bias = &infer->inputs[2];
    wg_type *y = &infer->outputs[0];
    int status = conv2d_infer_ranks(infer, "x [N, C, H, W] and weight [K, C / groups, kh, kw]");
    if (status) return status;
    if ((status = conv2d_infer_groups(infer, x->extent[1], weight->extent[0]))) return status;
    if (weight->extent[1] != x->extent[1] / a->groups)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "channels differ: x is %s, weight is %s; weight's second extent must be %lld",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, weight),
                             (long long)(x->extent[1] / a->groups));
    if (wg_infer_given(infer, 2) && (bias->rank != 1 || bias->extent[0] != weight->extent[0]))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "bias is %s, weight is %s; bias must be [%lld], a number for each filter",
                             wg_infer_shape_text(infer, bias), wg_infer_shape_text(infer, weight),
                             (long long)weight->extent[0]);
    *y = (wg_type){.dtype = x->dtype, .rank = 4, .extent = {x->extent[0], weight->extent[0]}};
    resolve_auto_pad(infer->attributes, x->extent + 2, weight->extent + 2);
    return conv2d_infer_size(infer, x->extent + 2, weight->extent + 2, y->extent + 2);
}

static void backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], weight = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, conv2d_gradient(rule, &wg_op_conv2d_grad_input, dy, weight, x));
    if (wg_rule_wants(rule, 1))
        wg_rule_set(rule, 1, conv2d_gradient(rule, &wg_op_conv2d_grad_weight, x, dy, weight));
    if (rule->input_count > 2 && wg_rule_wants(rule, 2))
        wg_rule_set(rule, 2, (wg_sum)(dy, WG_AXES(0, 2, 3), NULL));
}

static void samples(wg_sampler *s) {
    conv2d_sample(s, 0);
    static const int64_t strides[][2] = {{1, 1}, {2, 1}, {2, 3}}, dilations[][2] = {{1, 1}, {1, 2}, {2, 1}};
    for (int i = 0; i < 9; i++) {
        const conv2d_attributes with = {.stride = {strides[i / 3][0], strides[i / 3][1]},
                                        .dilation = {dilations[i % 3][0], dilations[i % 3][1]},
                                        .groups = 1 + i % 2,
                                        .auto_pad = WG_PAD_SAME_UPPER + (i + i / 3) % 3};
        WG_SAMPLE(s, &with, {.shape = WG_SHAPE(1, 2, 5 + i % 2, 6)},
                  {.shape = WG_SHAPE(2, 2 / with.groups, 2, 2 + i % 3 / 2)},
                  {.shape = WG_SHAPE(2), .absent = i % 2});
    }
}

const wg_op wg_op_conv2d = {
    .name = "conv2d",
    .formula = "y[n, k, i, j] = sum_{c, u, v} x[n, c, s i + d u - p, s j + d v - p] w[k, c, u, v] + bias[k]",
    .shapes = "x [N, C, H, W], weight [K, C / groups, kh, kw], bias [K]? -> y [N, K, H', W']",
    .gradient = "dx = conv2d_grad_input(dy, w), dw = conv2d_grad_weight(x, dy), dbias[k] = sum_{n, i, j} "
                "dy[n, k, i, j]",
    .onnx = "Conv",
    .torch = "conv2d",
    .inputs = 2,
    .inputs_max = 3,
    .outputs = 1,
    .linear_in = 1, /* in x when there is no bias: see backward */
    .attributes = attributes,
    .attributes_size = sizeof(conv2d_attributes),
    .infer = infer,
    .forward = WG_FORWARD(conv2d),
    .backward = backward,
    .flags = WG_EVEN_UNITS,
    .units = conv2d_units,
    .cost = conv2d_cost,
    .samples = samples,
};

wg_var (wg_conv2d)(wg_var x, wg_var weight, wg_var bias, const wg_conv2d_options *options) {
    WG_READ_OPTIONS(wg_conv2d_options, given, options);
    conv2d_attributes chosen = {.groups = given.groups ? given.groups : 1, .auto_pad = given.auto_pad};
    if (!wg_read_pair(x.tape, "conv2d", "stride", given.stride, given.stride_hw, 1, chosen.stride) ||
        !window_read_padding(x.tape, "conv2d", given.padding, given.padding_hw, given.pads, given.auto_pad, 2,
                             chosen.padding) ||
        !wg_read_pair(x.tape, "conv2d", "dilation", given.dilation, given.dilation_hw, 1, chosen.dilation))
        return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_conv2d, &chosen, x, weight, bias);
}
#endif
