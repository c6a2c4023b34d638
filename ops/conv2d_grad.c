/* conv2d_grad_input, conv2d_grad_weight — the two transposes of conv2d
 *
 *   grad_input:   dx[n, c, h, w] = sum_{k, u, v} dy[n, k, i, j] w[k, c, u, v]
 *                                  over  s i + d u - p = h,  s j + d v - p = w
 *   grad_weight:  dw[k, c, u, v] = sum_{n, i, j} dy[n, k, i, j] x[n, c, si + du - p, sj + dv - p]
 *
 * with stride s, dilation d and padding p of conv2d; x is zero outside the image, and so is dy. Sums are in blocks
 * as conv2d's. In grad_input only (u, v) that hit a whole i and j are terms; for grad_weight the blocks of an
 * image's pixels are added image after image, and parts of WG_K_BLOCK images in order. */
#include "conv2d.h"

/* A unit is a plane dx[n, c]. */
static void grad_input(const wg_call *call) {
    const wg_operand *in = call->inputs, *out = call->outputs;
    const wg_convolution c = wg_convolution_of(call, &out[0].type, &in[1].type, &in[0].type);
    const int64_t channels = c.groups * c.channels, taps = c.taps[0] * c.taps[1], plane = c.out[0] * c.out[1];
    real *dx = WG_OUT(call, 0, real) + call->begin * c.in[0] * c.in[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / channels, group = unit % channels / c.channels, channel = unit % c.channels;
        const real *dy = WG_IN(call, 0, real) + (n * c.groups + group) * c.filters * plane;
        const real *weight = WG_IN(call, 1, real) + (group * c.filters * c.channels + channel) * taps;
        for (int64_t at = 0; at < c.in[0] * c.in[1]; at++) {
            blocked_sum sum = {0};
            for (int64_t t = 0; t < c.filters * taps; t++) {
                const int64_t row = at / c.in[1] + c.padding[0] - t % taps / c.taps[1] * c.dilation[0];
                const int64_t column = at % c.in[1] + c.padding[1] - t % c.taps[1] * c.dilation[1];
                if (row % c.stride[0] || column % c.stride[1]) continue;
                add_term(&sum, pixel(dy + t / taps * plane, c.out, row / c.stride[0], column / c.stride[1]),
                         weight[t / taps * c.channels * taps + t % taps]);
            }
            end_block(&sum);
            *dx++ = sum.total;
        }
    }
}
WG_KERNEL(conv2d_grad_input, grad_input)

/* A unit is dw[k, c, u, v] of one k. */
static void grad_weight(const wg_call *call) {
    const wg_operand *in = call->inputs, *out = call->outputs;
    const wg_convolution c = wg_convolution_of(call, &in[0].type, &out[0].type, &in[1].type);
    const int64_t taps = c.taps[0] * c.taps[1], plane = c.in[0] * c.in[1], pixels = c.out[0] * c.out[1];
    for (int64_t k = call->begin; k < call->end; k++) {
        for (int64_t at = 0; at < c.channels * taps; at++) {
            real *dw = WG_OUT(call, 0, real) + k * c.channels * taps + at;
            real total = call->accumulate ? *dw : 0, part = 0;
            for (int64_t n = 0; n < c.images; n++) {
                const bool begins = n % WG_K_BLOCK == 0;
                const real *dy = WG_IN(call, 1, real) + (n * c.groups * c.filters + k) * pixels;
                const real *x = WG_IN(call, 0, real) +
                                ((n * c.groups + k / c.filters) * c.channels + at / taps) * plane;
                const int64_t row = at % taps / c.taps[1] * c.dilation[0] - c.padding[0];
                const int64_t column = at % c.taps[1] * c.dilation[1] - c.padding[1];
                for (int64_t start = 0; start < pixels; start += WG_K_BLOCK) {
                    const int64_t end = pixels - start < WG_K_BLOCK ? pixels : start + WG_K_BLOCK;
                    real sum = 0;
                    for (int64_t i = start; i < end; i++)
                        sum = wg_fma(pixel(x, c.in, row + i / c.out[1] * c.stride[0],
                                           column + i % c.out[1] * c.stride[1]),
                                     dy[i], sum);
                    part = begins && !start ? sum : part + sum;
                }
                if (n + 1 == c.images || (n + 1) % WG_K_BLOCK == 0)
                    total = n < WG_K_BLOCK && !call->accumulate ? part : total + part;
            }
            *dw = total;
        }
    }
}
WG_KERNEL(conv2d_grad_weight, grad_weight)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    CONV2D_ATTRIBUTES, CONV2D_EACH(size, 0, 0, "height and width of what the gradient is for"),
    WG_NO_MORE_ATTRIBUTES};

/* Does dy have the shape that conv2d gives? */
static int infer_result(wg_infer *infer, const wg_type *dy, const wg_type *x, const wg_type *weight) {
    int64_t out[2];
    const int status = conv2d_infer_size(infer, x->extent + 2, weight->extent + 2, out);
    if (status) return status;
    if (dy->extent[0] != x->extent[0] || dy->extent[1] != weight->extent[0] || dy->extent[2] != out[0] ||
        dy->extent[3] != out[1])
        return wg_infer_fail(
            infer, WG_ERROR_SHAPE, "dy is %s; for x %s and weight %s it must be [%lld, %lld, %lld, %lld]",
            wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, weight),
            (long long)x->extent[0], (long long)weight->extent[0], (long long)out[0], (long long)out[1]);
    return WG_OK;
}

static int infer_grad_input(wg_infer *infer) {
    const conv2d_attributes *a = infer->attributes;
    const wg_type *dy = &infer->inputs[0], *weight = &infer->inputs[1];
    wg_type *dx = &infer->outputs[0];
    int64_t channels;
    int status = conv2d_infer_ranks(infer, "dy [N, K, H', W'] and weight [K, C / groups, kh, kw]");
    if (status) return status;
    if (__builtin_mul_overflow(weight->extent[1], a->groups, &channels))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "weight is %s: too many channels in %lld groups",
                             wg_infer_shape_text(infer, weight), (long long)a->groups);
    if ((status = conv2d_infer_groups(infer, channels, weight->extent[0]))) return status;
    *dx = (wg_type){.dtype = dy->dtype, .rank = 4,
                    .extent = {dy->extent[0], channels, a->size[0], a->size[1]}};
    return infer_result(infer, dy, dx, weight);
}

static int infer_grad_weight(wg_infer *infer) {
    const conv2d_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *dy = &infer->inputs[1];
    wg_type *dw = &infer->outputs[0];
    int status = conv2d_infer_ranks(infer, "x [N, C, H, W] and dy [N, K, H', W']");
    if (status || (status = conv2d_infer_groups(infer, x->extent[1], dy->extent[1]))) return status;
    *dw = (wg_type){.dtype = x->dtype, .rank = 4,
                    .extent = {dy->extent[1], x->extent[1] / a->groups, a->size[0], a->size[1]}};
    return infer_result(infer, dy, x, dw);
}

static wg_var convolve(wg_rule *rule, wg_var x, wg_var weight) {
    conv2d_attributes chosen = *WG_ATTRIBUTES(rule, conv2d);
    chosen.size[0] = chosen.size[1] = 0;
    return WG_RECORD(&wg_op_conv2d, &chosen, x, weight);
}

static void backward_of_grad_input(wg_rule *rule) {
    wg_var dy = rule->inputs[0], weight = rule->inputs[1], ddx = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, convolve(rule, ddx, weight));
    if (wg_rule_wants(rule, 1))
        wg_rule_set(rule, 1, conv2d_gradient(rule, &wg_op_conv2d_grad_weight, ddx, dy, weight));
}

static void backward_of_grad_weight(wg_rule *rule) {
    wg_var x = rule->inputs[0], dy = rule->inputs[1], ddw = rule->cotangents[0];
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, conv2d_gradient(rule, &wg_op_conv2d_grad_input, dy, ddw, x));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, convolve(rule, x, ddw));
}

static int64_t units_filters(const wg_call *call) { return call->outputs[0].type.extent[0]; }

static void samples_of_grad_input(wg_sampler *s) { conv2d_sample(s, 1); }
static void samples_of_grad_weight(wg_sampler *s) { conv2d_sample(s, 2); }

const wg_op wg_op_conv2d_grad_input = {
    .name = "conv2d_grad_input",
    .formula = "dx = the transpose of x -> conv2d(x, w), applied to dy",
    .shapes = "dy [N, K, H', W'], weight [K, C / groups, kh, kw] -> dx [N, C, H, W]",
    .gradient = "ddy = conv2d(ddx, w), dw = conv2d_grad_weight(ddx, dy)",
    .torch = "nn.grad.conv2d_input",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .attributes = attributes,
    .attributes_size = sizeof(conv2d_attributes),
    .infer = infer_grad_input,
    .forward = WG_FORWARD(conv2d_grad_input),
    .backward = backward_of_grad_input,
    .flags = WG_EVEN_UNITS | WG_HELPER,
    .units = conv2d_units,
    .cost = conv2d_cost,
    .samples = samples_of_grad_input,
};

const wg_op wg_op_conv2d_grad_weight = {
    .name = "conv2d_grad_weight",
    .formula = "dw = the transpose of w -> conv2d(x, w), applied to dy",
    .shapes = "x [N, C, H, W], dy [N, K, H', W'] -> dw [K, C / groups, kh, kw]",
    .gradient = "dx = conv2d_grad_input(dy, ddw), ddy = conv2d(x, ddw)",
    .torch = "nn.grad.conv2d_weight",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .attributes = attributes,
    .attributes_size = sizeof(conv2d_attributes),
    .infer = infer_grad_weight,
    .forward = WG_FORWARD(conv2d_grad_weight),
    .backward = backward_of_grad_weight,
    .flags = WG_EVEN_UNITS | WG_ACCUMULATES | WG_HELPER,
    .units = units_filters,
    .cost = conv2d_cost,
    .samples = samples_of_grad_weight,
};

#endif
