/* conv2d, conv2d_grad_input, conv2d_grad_weight — convolution of images, and its two transposes
 *
 *   conv2d:       y[n, k, i, j]  = sum_{c, u, v} x[n, c, si + du - p, sj + dv - p] w[k, c, u, v]  (+ bias[k])
 *   grad_input:   dx[n, c, h, w] = sum_{k, u, v} dy[n, k, i, j] w[k, c, u, v]
 *                                  over  s i + d u - p = h,  s j + d v - p = w
 *   grad_weight:  dw[k, c, u, v] = sum_{n, i, j} dy[n, k, i, j] x[n, c, si + du - p, sj + dv - p]
 *
 * with stride s, dilation d, padding p in front (each for both axes; padding behind decides how many i and j
 * there are); c runs over the channels of k's group; x is
 * zero outside the image, and so is dy. The trilinear form <dy, conv2d(x, w)> has these three as its
 * derivatives, so each is bilinear and the other two give its rule: the family is closed under
 * differentiation.
 *
 * The order of the sums is part of the definition (see kernels/cpu/blocks.h): blocks of WG_K_BLOCK
 * terms in the order written under the sum, the last index fastest; for grad_weight the blocks of an
 * image's pixels are added image after image, and parts of WG_K_BLOCK images in order. In grad_input only (u, v) that hit a whole i and j are
 * terms. Bias is added last. */
#include "window.h"
#include "kernels/cpu/blocks.h"

typedef wg_conv2d_attributes conv2d_attributes;

/* A sum in the agreed order. */
typedef struct {
    real total, block;
    int64_t terms;
} blocked_sum;

WG_INLINE void end_block(blocked_sum *sum) {
    sum->total = sum->terms > WG_K_BLOCK ? sum->total + sum->block : sum->block;
}

WG_INLINE void add_term(blocked_sum *sum, real a, real b) {
    if (sum->terms && sum->terms % WG_K_BLOCK == 0) end_block(sum), sum->block = 0;
    sum->block = wg_fma(a, b, sum->block);
    sum->terms++;
}

/* The pixel of a plane of `extent`, zero outside. */
WG_INLINE real pixel(const real *plane, const int64_t extent[2], int64_t row, int64_t column) {
    const bool inside = row >= 0 && row < extent[0] && column >= 0 && column < extent[1];
    return inside ? plane[row * extent[1] + column] : 0;
}

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

#define ONE_FOR_EACH_AXIS(member, least, otherwise, text)                                                       \
    WG_ATTRIBUTE(conv2d_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = 2, .bounded = true, .low = least, \
                 .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define COMMON_ATTRIBUTES                                                                                       \
    ONE_FOR_EACH_AXIS(stride, 1, 1, "pixels from one window to the next, down and across"),                     \
        WG_ATTRIBUTE(conv2d_attributes, padding, .kind = WG_ATTRIBUTE_INT, .count = 4, .bounded = true, .low = 0, \
                     .high = INT32_MAX, .meaning = "zeros around the image: above, left, below, right"),        \
        ONE_FOR_EACH_AXIS(dilation, 1, 1, "pixels from one tap of the kernel to the next"),                     \
        WG_ATTRIBUTE(conv2d_attributes, groups, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 1,            \
                     .high = INT32_MAX, .preset = 1, .meaning = "parts of the channels that do not mix")

static const wg_attribute attributes[] = {
    COMMON_ATTRIBUTES,
    WG_ATTRIBUTE(conv2d_attributes, auto_pad, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = WG_PAD_VALID,
                 .meaning = "0: padding as given; 1, 2: as many outputs as strides in the image, the odd zero behind or "
                            "in front; 3: no padding"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {
    COMMON_ATTRIBUTES, ONE_FOR_EACH_AXIS(size, 0, 0, "height and width of what the gradient is for"),
    WG_NO_MORE_ATTRIBUTES};

static void resolve_auto_pad(conv2d_attributes *a, const int64_t in[2], const int64_t taps[2]) {
    for (int i = 0; i < 2; i++) {
        int64_t reach;
        if (__builtin_mul_overflow(taps[i] - 1, a->dilation[i], &reach)) continue; /* infer_size refuses it */
        window_auto_pad(a->auto_pad, in[i], reach + 1, a->stride[i], &a->padding[i], &a->padding[2 + i]);
    }
    a->auto_pad = WG_PAD_AS_GIVEN;
}

/* Height and width of the result, or an error. */
static int infer_size(wg_infer *infer, const int64_t in[2], const int64_t taps[2], int64_t out[2]) {
    const conv2d_attributes *a = infer->attributes;
    for (int i = 0; i < 2; i++) {
        int64_t padded, reach;
        if (__builtin_add_overflow(in[i], a->padding[i] + a->padding[2 + i], &padded) || taps[i] < 1 ||
            __builtin_mul_overflow(taps[i] - 1, a->dilation[i], &reach) || reach >= padded)
            return wg_infer_fail(
                infer, WG_ERROR_SHAPE,
                "kernel %lld×%lld with dilation %lld×%lld does not fit the image %lld×%lld with padding "
                "%lld, %lld, %lld, %lld: it must not be empty, nor larger than the padded input",
                (long long)taps[0], (long long)taps[1], (long long)a->dilation[0], (long long)a->dilation[1],
                (long long)in[0], (long long)in[1], (long long)a->padding[0], (long long)a->padding[1],
                (long long)a->padding[2], (long long)a->padding[3]);
        out[i] = (padded - reach - 1) / a->stride[i] + 1;
    }
    return WG_OK;
}

/* Are all of these [?, ?, ?, ?], and do the groups divide both counts of channels? */
static int infer_groups(wg_infer *infer, int64_t channels, int64_t filters) {
    const conv2d_attributes *a = infer->attributes;
    if (channels % a->groups || filters % a->groups)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "groups = %lld do not divide %lld channels into %lld filters",
                             (long long)a->groups, (long long)channels, (long long)filters);
    return WG_OK;
}

static int infer_ranks(wg_infer *infer, const char *names) {
    for (int i = 0; i < 2; i++)
        if (infer->inputs[i].rank != 4)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "input %d is %s; the inputs are %s", i,
                                 wg_infer_text(infer, &infer->inputs[i]), names);
    return wg_infer_real(infer);
}

static int infer(wg_infer *infer) {
    const conv2d_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1], *bias = &infer->inputs[2];
    wg_type *y = &infer->outputs[0];
    int status = infer_ranks(infer, "x [N, C, H, W] and weight [K, C / groups, kh, kw]");
    if (status) return status;
    if ((status = infer_groups(infer, x->extent[1], weight->extent[0]))) return status;
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
    return infer_size(infer, x->extent + 2, weight->extent + 2, y->extent + 2);
}

/* Does dy have the shape that conv2d gives? */
static int infer_result(wg_infer *infer, const wg_type *dy, const wg_type *x, const wg_type *weight) {
    int64_t out[2];
    const int status = infer_size(infer, x->extent + 2, weight->extent + 2, out);
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
    int status = infer_ranks(infer, "dy [N, K, H', W'] and weight [K, C / groups, kh, kw]");
    if (status) return status;
    if (__builtin_mul_overflow(weight->extent[1], a->groups, &channels))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "weight is %s: too many channels in %lld groups",
                             wg_infer_shape_text(infer, weight), (long long)a->groups);
    if ((status = infer_groups(infer, channels, weight->extent[0]))) return status;
    *dx =
        (wg_type){.dtype = dy->dtype, .rank = 4, .extent = {dy->extent[0], channels, a->size[0], a->size[1]}};
    return infer_result(infer, dy, dx, weight);
}

static int infer_grad_weight(wg_infer *infer) {
    const conv2d_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *dy = &infer->inputs[1];
    wg_type *dw = &infer->outputs[0];
    int status = infer_ranks(infer, "x [N, C, H, W] and dy [N, K, H', W']");
    if (status || (status = infer_groups(infer, x->extent[1], dy->extent[1]))) return status;
    *dw = (wg_type){.dtype = x->dtype, .rank = 4,
                    .extent = {dy->extent[1], x->extent[1] / a->groups, a->size[0], a->size[1]}};
    return infer_result(infer, dy, x, dw);
}

/* The two gradients with the attributes of the rule at hand, for a tensor shaped like `like`. */
static wg_var gradient(wg_rule *rule, const wg_op *op, wg_var a, wg_var b, wg_var like) {
    conv2d_attributes chosen = *WG_ATTRIBUTES(rule, conv2d);
    const wg_type type = wg_type_of(like);
    chosen.size[0] = type.extent[2], chosen.size[1] = type.extent[3];
    return WG_RECORD(op, &chosen, a, b);
}

static wg_var convolve(wg_rule *rule, wg_var x, wg_var weight) {
    conv2d_attributes chosen = *WG_ATTRIBUTES(rule, conv2d);
    chosen.size[0] = chosen.size[1] = 0;
    return WG_RECORD(&wg_op_conv2d, &chosen, x, weight);
}

static void backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], weight = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, gradient(rule, &wg_op_conv2d_grad_input, dy, weight, x));
    if (wg_rule_wants(rule, 1))
        wg_rule_set(rule, 1, gradient(rule, &wg_op_conv2d_grad_weight, x, dy, weight));
    if (rule->input_count > 2 && wg_rule_wants(rule, 2))
        wg_rule_set(rule, 2, (wg_sum)(dy, WG_AXES(0, 2, 3), NULL));
}

static void backward_of_grad_input(wg_rule *rule) {
    wg_var dy = rule->inputs[0], weight = rule->inputs[1], ddx = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, convolve(rule, ddx, weight));
    if (wg_rule_wants(rule, 1))
        wg_rule_set(rule, 1, gradient(rule, &wg_op_conv2d_grad_weight, ddx, dy, weight));
}

static void backward_of_grad_weight(wg_rule *rule) {
    wg_var x = rule->inputs[0], dy = rule->inputs[1], ddw = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, gradient(rule, &wg_op_conv2d_grad_input, dy, ddw, x));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, convolve(rule, x, ddw));
}

static int64_t units_planes(const wg_call *call) {
    return call->outputs[0].type.extent[0] * call->outputs[0].type.extent[1];
}
static int64_t units_filters(const wg_call *call) { return call->outputs[0].type.extent[0]; }

/* All three multiply every pixel of y with every tap of every channel of its group. */
static wg_cost cost(const wg_call *call) {
    const bool for_input = call->op == &wg_op_conv2d_grad_input,
               for_weight = call->op == &wg_op_conv2d_grad_weight;
    const wg_type *weight = for_weight ? &call->outputs[0].type : &call->inputs[1].type;
    const wg_type *y = for_weight  ? &call->inputs[1].type
                       : for_input ? &call->inputs[0].type
                                   : &call->outputs[0].type;
    const double taps = (double)(weight->extent[1] * weight->extent[2] * weight->extent[3]);
    return (wg_cost){.flops = 2 * taps * (double)wg_type_count(y), .bytes = wg_call_bytes(call)};
}

/* Cases for all three: image, filters, kernel, and what the kernel does. */
static const struct {
    int64_t n, channels, in[2], filters, taps[2];
    conv2d_attributes with;
} cases[] = {
    {2, 3, {5, 6}, 4, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 1, {0}, 0}},
    {1, 1, {1, 1}, 1, {1, 1}, {{1, 1}, {0, 0, 0, 0}, {1, 1}, 1, {0}, 0}},
    {2, 1, {7, 5}, 2, {3, 2}, {{1, 1}, {0, 0, 0, 0}, {1, 1}, 1, {0}, 0}},
    {1, 2, {6, 7}, 3, {2, 3}, {{2, 1}, {1, 0, 1, 0}, {1, 1}, 1, {0}, 0}},
    {1, 2, {7, 8}, 2, {3, 3}, {{2, 3}, {1, 2, 1, 2}, {1, 1}, 1, {0}, 0}},
    {1, 2, {7, 7}, 2, {3, 2}, {{1, 1}, {0, 1, 0, 1}, {2, 3}, 1, {0}, 0}},
    {1, 1, {9, 8}, 2, {3, 3}, {{2, 2}, {2, 2, 2, 2}, {2, 2}, 1, {0}, 0}},
    {2, 4, {4, 5}, 6, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 2, {0}, 0}},
    {1, 4, {5, 4}, 4, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 4, {0}, 0}},
    {1, 3, {5, 5}, 6, {2, 2}, {{2, 2}, {0, 0, 0, 0}, {1, 1}, 3, {0}, 0}},
    {2, 5, {3, 4}, 7, {1, 1}, {{1, 1}, {0, 0, 0, 0}, {1, 1}, 1, {0}, 0}},
    {1, 2, {5, 5}, 3, {1, 1}, {{2, 3}, {0, 0, 0, 0}, {1, 1}, 1, {0}, 0}},
    {1, 2, {3, 3}, 2, {3, 3}, {{1, 1}, {3, 4, 3, 4}, {1, 1}, 1, {0}, 0}},
    {1, 2, {4, 6}, 2, {4, 6}, {{1, 1}, {0, 0, 0, 0}, {1, 1}, 1, {0}, 0}},
    {1, 30, {3, 3}, 2, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 1, {0}, 0}}, /* two blocks of the sum */
    {0, 2, {4, 4}, 3, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 1, {0}, 0}},
    {1, 0, {4, 4}, 3, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 1, {0}, 0}},
    {1, 2, {5, 6}, 3, {3, 3}, {{1, 1}, {0, 1, 2, 0}, {1, 1}, 1, {0}, 0}}, /* more on one side */
    {1, 1, {4, 5}, 2, {2, 2}, {{1, 1}, {0, 0, 1, 1}, {1, 1}, 1, {0}, 0}},
    {1, 1, {4, 5}, 2, {2, 2}, {{1, 1}, {1, 1, 0, 0}, {1, 1}, 1, {0}, 0}},
    {2, 2, {6, 5}, 2, {3, 2}, {{2, 2}, {2, 0, 0, 1}, {1, 1}, 2, {0}, 0}},
    {1, 2, {5, 5}, 2, {2, 3}, {{3, 2}, {1, 3, 0, 2}, {2, 1}, 1, {0}, 0}},
    {1, 1, {6, 6}, 1, {3, 3}, {{2, 1}, {0, 2, 4, 1}, {1, 2}, 1, {0}, 0}},
    {1, 1, {2, 3}, 1, {2, 2}, {{1, 2}, {0, 0, 5, 4}, {1, 1}, 1, {0}, 0}}, /* windows in the padding alone */
    {1, 1, {1, 7}, 2, {1, 3}, {{1, 1}, {0, 2, 0, 0}, {1, 1}, 1, {0}, 0}}, /* causal, along one axis */
    {1, 1, {1, 9}, 2, {1, 3}, {{1, 2}, {0, 1, 0, 3}, {1, 3}, 1, {0}, 0}},
    {1, 6, {3, 4}, 6, {2, 2}, {{1, 1}, {0, 1, 1, 0}, {1, 1}, 6, {0}, 0}},
    {1, 6, {3, 3}, 12, {3, 3}, {{1, 1}, {1, 1, 1, 1}, {1, 1}, 6, {0}, 0}},
    {3, 1, {4, 4}, 1, {3, 3}, {{1, 3}, {1, 0, 1, 2}, {1, 1}, 1, {0}, 0}},
};

static void sample(wg_sampler *s, int which) {
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        conv2d_attributes with = cases[i].with;
        const int64_t n = cases[i].n, k = cases[i].filters, *in = cases[i].in, *taps = cases[i].taps;
        int64_t out[2];
        for (int axis = 0; axis < 2; axis++) {
            out[axis] = (in[axis] + with.padding[axis] + with.padding[2 + axis] - with.dilation[axis] * (taps[axis] - 1) - 1) /
                            with.stride[axis] +
                        1;
            with.size[axis] = which == 1 ? in[axis] : which == 2 ? taps[axis] : 0;
        }
        const wg_shape *x = WG_SHAPE(n, cases[i].channels, in[0], in[1]),
                       *dy = WG_SHAPE(n, k, out[0], out[1]);
        const wg_shape *weight = WG_SHAPE(k, cases[i].channels / with.groups, taps[0], taps[1]);
        if (which == 0)
            WG_SAMPLE(s, &with, {.shape = x}, {.shape = weight}, {.shape = WG_SHAPE(k), .absent = i % 2});
        if (which == 1) WG_SAMPLE(s, &with, {.shape = dy}, {.shape = weight});
        if (which == 2) WG_SAMPLE(s, &with, {.shape = x}, {.shape = dy});
    }
}
static void samples(wg_sampler *s) {
    sample(s, 0);
    static const int64_t strides[][2] = {{1, 1}, {2, 1}, {2, 3}}, dilations[][2] = {{1, 1}, {1, 2}, {2, 1}};
    for (int i = 0; i < 9; i++) {
        const conv2d_attributes with = {.stride = {strides[i / 3][0], strides[i / 3][1]},
                                        .dilation = {dilations[i % 3][0], dilations[i % 3][1]},
                                        .groups = 1 + i % 2,
                                        .auto_pad = WG_PAD_SAME_UPPER + (i + i / 3) % 3};
        WG_SAMPLE(s, &with, {.shape = WG_SHAPE(1, 2, 5 + i % 2, 6)},
                  {.shape = WG_SHAPE(2, 2 / with.groups, 2, 2 + i % 3 / 2)}, {.shape = WG_SHAPE(2), .absent = i % 2});
    }
}
static void samples_of_grad_input(wg_sampler *s) { sample(s, 1); }
static void samples_of_grad_weight(wg_sampler *s) { sample(s, 2); }

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
    .units = units_planes,
    .cost = cost,
    .samples = samples,
};

const wg_op wg_op_conv2d_grad_input = {
    .name = "conv2d_grad_input",
    .formula = "dx = the transpose of x -> conv2d(x, w), applied to dy",
    .shapes = "dy [N, K, H', W'], weight [K, C / groups, kh, kw] -> dx [N, C, H, W]",
    .gradient = "ddy = conv2d(ddx, w), dw = conv2d_grad_weight(ddx, dy)",
    .torch = "nn.grad.conv2d_input",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .attributes = grad_attributes,
    .attributes_size = sizeof(conv2d_attributes),
    .infer = infer_grad_input,
    .forward = WG_FORWARD(conv2d_grad_input),
    .backward = backward_of_grad_input,
    .flags = WG_EVEN_UNITS | WG_HELPER,
    .units = units_planes,
    .cost = cost,
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
    .attributes = grad_attributes,
    .attributes_size = sizeof(conv2d_attributes),
    .infer = infer_grad_weight,
    .forward = WG_FORWARD(conv2d_grad_weight),
    .backward = backward_of_grad_weight,
    .flags = WG_EVEN_UNITS | WG_ACCUMULATES | WG_HELPER,
    .units = units_filters,
    .cost = cost,
    .samples = samples_of_grad_weight,
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
