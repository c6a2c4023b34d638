/* conv2d.h — what conv2d and its two transposes share: the order of sums, attributes, shapes, cost, samples. */
#ifndef WG_OPS_CONV2D_H
#define WG_OPS_CONV2D_H

#include "kernels/cpu/blocks.h"
#include "window.h"

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

#ifdef WG_RULES

#define CONV2D_EACH(member, least, otherwise, text)                                                         \
    WG_ATTRIBUTE(conv2d_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = 2, .bounded = true, .low = least, \
                 .high = INT32_MAX, .preset = otherwise, .meaning = text)
#define CONV2D_ATTRIBUTES                                                                                   \
    CONV2D_EACH(stride, 1, 1, "pixels from one window to the next, down and across"),                       \
        WG_ATTRIBUTE(conv2d_attributes, padding, .kind = WG_ATTRIBUTE_INT, .count = 4, .bounded = true, .low = 0, \
                     .high = INT32_MAX, .meaning = "zeros around the image: above, left, below, right"),    \
        CONV2D_EACH(dilation, 1, 1, "pixels from one tap of the kernel to the next"),                       \
        WG_ATTRIBUTE(conv2d_attributes, groups, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 1,        \
                     .high = INT32_MAX, .preset = 1, .meaning = "parts of the channels that do not mix")

/* Height and width of the result, or an error. */
static inline int conv2d_infer_size(wg_infer *infer, const int64_t in[2], const int64_t taps[2],
                                    int64_t out[2]) {
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

/* Do the groups divide both counts of channels? */
static inline int conv2d_infer_groups(wg_infer *infer, int64_t channels, int64_t filters) {
    const conv2d_attributes *a = infer->attributes;
    if (channels % a->groups || filters % a->groups)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "groups = %lld do not divide %lld channels into %lld filters",
                             (long long)a->groups, (long long)channels, (long long)filters);
    return WG_OK;
}

/* Are both inputs [?, ?, ?, ?]? */
static inline int conv2d_infer_ranks(wg_infer *infer, const char *names) {
    for (int i = 0; i < 2; i++)
        if (infer->inputs[i].rank != 4)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "input %d is %s; the inputs are %s", i,
                                 wg_infer_text(infer, &infer->inputs[i]), names);
    return wg_infer_real(infer);
}

/* The two gradients with the attributes of the rule at hand, for a tensor shaped like `like`. */
static inline wg_var conv2d_gradient(wg_rule *rule, const wg_op *op, wg_var a, wg_var b, wg_var like) {
    conv2d_attributes chosen = *WG_ATTRIBUTES(rule, conv2d);
    const wg_type type = wg_type_of(like);
    chosen.size[0] = type.extent[2], chosen.size[1] = type.extent[3];
    return WG_RECORD(op, &chosen, a, b);
}

static inline int64_t conv2d_units(const wg_call *call) {
    return call->outputs[0].type.extent[0] * call->outputs[0].type.extent[1];
}

/* All three multiply every pixel of y with every tap of every channel of its group. */
static inline wg_cost conv2d_cost(const wg_call *call) {
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
typedef struct conv2d_case {
    int64_t n, channels, in[2], filters, taps[2];
    conv2d_attributes with;
} conv2d_case;
static const conv2d_case conv2d_cases[] = {
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

/* The cases as those of conv2d, 0, of its grad_input, 1, or of its grad_weight, 2. */
static inline void conv2d_sample(wg_sampler *s, int which) {
    for (size_t i = 0; i < sizeof conv2d_cases / sizeof *conv2d_cases; i++) {
        const conv2d_case *c = &conv2d_cases[i];
        const int64_t n = c->n, k = c->filters, *in = c->in, *taps = c->taps;
        conv2d_attributes with = c->with;
        int64_t out[2];
        for (int axis = 0; axis < 2; axis++) {
            const int64_t padded = in[axis] + with.padding[axis] + with.padding[2 + axis];
            out[axis] = (padded - with.dilation[axis] * (taps[axis] - 1) - 1) / with.stride[axis] + 1;
            with.size[axis] = which == 1 ? in[axis] : which == 2 ? taps[axis] : 0;
        }
        const wg_shape *x = WG_SHAPE(n, c->channels, in[0], in[1]), *dy = WG_SHAPE(n, k, out[0], out[1]);
        const wg_shape *weight = WG_SHAPE(k, c->channels / with.groups, taps[0], taps[1]);
        if (which == 0)
            WG_SAMPLE(s, &with, {.shape = x}, {.shape = weight}, {.shape = WG_SHAPE(k), .absent = i % 2});
        if (which == 1) WG_SAMPLE(s, &with, {.shape = dy}, {.shape = weight});
        if (which == 2) WG_SAMPLE(s, &with, {.shape = x}, {.shape = dy});
    }
}

#endif
#endif
