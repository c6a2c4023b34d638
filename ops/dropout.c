/* dropout, dropout1d, dropout2d, dropout3d, alpha_dropout, feature_alpha_dropout — recorded as products with
 * masks
 *
 *     dropout:        y = x m,    m = 0 with probability p, else 1 / (1 - p)     Srivastava et al. 2014
 *     dropout1d … 3d: the same, one m for each channel of each sample            Tompson et al. 2015
 *     alpha_dropout:  y = a x + b with probability 1 - p, else a s + b           Klambauer et al. 2017
 *                     s = -1.7580993408473766 what selu tends to at -infinity,
 *                     a = 1 / sqrt((1 - p) (1 + p s²)), b = -a p s: a mean of 0 and a variance of 1 are kept
 *     feature_alpha_dropout: that with one draw for each channel of each sample
 *
 * The mask is dropout_mask's. x and dy are multiplied by the same m. */
#include "draw.h"

#ifdef WG_RULES

#define DROPPED (-1.7580993408473766)

typedef dropout_mask_attributes dropout_attributes; /* of all of them */

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(dropout_attributes, p, .kind = WG_ATTRIBUTE_REAL, .is_value = true, .bounded = true,
                 .high = 1 - 0x1p-32, .preset = 0.5, .meaning = "the probability of being dropped"),
    DRAW_KEY(dropout_attributes), WG_NO_MORE_ATTRIBUTES};

/* `spatial`: how many axes stand behind [N, C]; -1: any number of them; -2: no axis is needed. */
static int infer(wg_infer *infer, int spatial) {
    const wg_type *x = &infer->inputs[0];
    int status = wg_infer_one_real(infer, 0, "x");
    if (status || (status = draw_infer_step(infer, 1))) return status;
    infer->outputs[0] = *x;
    if (spatial == -2 || x->rank == spatial + 2 || (spatial == -1 && x->rank >= 2)) return WG_OK;
    if (spatial == -1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [N, C, …]",
                             wg_infer_shape_text(infer, x));
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must have %d axes, [N, C, …]",
                         wg_infer_shape_text(infer, x), spatial + 2);
}

/* The mask of x's elements, or of its channels: [N, C, 1, …]. */
static wg_var mask(wg_tape *tape, const wg_var *inputs, const void *given, bool of_channels) {
    wg_var like = inputs[0];
    if (of_channels) {
        wg_type type = wg_type_of(like);
        for (int axis = 2; axis < type.rank; axis++) type.extent[axis] = 1;
        like = wg_full_of(tape, &type, 0);
    }
    return WG_RECORD(&wg_op_dropout_mask, given, like, inputs[1]);
}

static wg_var plain(wg_tape *tape, const wg_var *inputs, const void *given, bool of_channels) {
    return wg_mul(inputs[0], mask(tape, inputs, given, of_channels));
}

/* With k = (1 - p) m, which is 1 or 0:  y = x (a k) + (a s + b - a s k). */
static wg_var alpha(wg_tape *tape, const wg_var *inputs, const void *given, bool of_channels) {
    const double p = ((const dropout_attributes *)given)->p, kept = 1 - p;
    const double a = 1 / __builtin_sqrt(kept * (1 + p * DROPPED * DROPPED));
    wg_var m = wg_mul(mask(tape, inputs, given, of_channels), wg_scalar(tape, a * kept));
    wg_var rest = wg_sub(wg_scalar(tape, a * DROPPED * kept), wg_mul(m, wg_scalar(tape, DROPPED)));
    return wg_add(wg_mul(inputs[0], m), rest);
}

static void samples(wg_sampler *s, int rank) {
    static const double probabilities[] = {0.5, 0, 0.25, 0.999};
    const wg_shape *const shapes[][5] = {
        {WG_SCALAR_SHAPE, WG_SHAPE(1), WG_SHAPE(7), WG_SHAPE(0), WG_SHAPE(19)},
        {WG_SHAPE(3, 5), WG_SHAPE(1, 1), WG_SHAPE(0, 3), WG_SHAPE(4, 2), WG_SHAPE(1, 9)},
        {WG_SHAPE(2, 3, 4), WG_SHAPE(1, 1, 1), WG_SHAPE(2, 0, 3), WG_SHAPE(2, 3, 0), WG_SHAPE(3, 5, 2)},
        {WG_SHAPE(2, 3, 2, 3), WG_SHAPE(1, 1, 1, 1), WG_SHAPE(2, 3, 1, 0), WG_SHAPE(1, 4, 2, 1),
         WG_SHAPE(4, 2, 1, 3)},
        {WG_SHAPE(2, 2, 2, 1, 3), WG_SHAPE(1, 1, 1, 1, 1), WG_SHAPE(0, 2, 1, 2, 1), WG_SHAPE(1, 4, 2, 1, 2),
         WG_SHAPE(3, 2, 1, 2, 2)},
    };
    const int first = rank ? rank - 1 : 0, last = rank ? rank - 1 : 4;
    for (int i = 0; i < (rank ? 30 : 60); i++) {
        const int group = first + i % (last - first + 1);
        const dropout_attributes chosen = {probabilities[i % 4], draw_sample_key(i)};
        WG_SAMPLE(s, &chosen,
                  {.shape = shapes[group][i / (last - first + 1) % 5], .values = i % 7 ? WG_NORMAL : WG_TIES},
                  DRAW_STEP(i));
    }
}

/* `spatial` as in infer; `rank` of the samples, 0 for any. */
#define DROPOUT_OP(op, recorder, how, of_channels, spatial, rank, text, shapes_text,               \
                   gradient_text, onnx_name)                                                       \
    static int op##_infer(wg_infer *i) { return infer(i, spatial); }                               \
    static wg_var op##_expand(wg_tape *tape, const wg_var *inputs, const void *given) {            \
        return how(tape, inputs, given, of_channels);                                              \
    }                                                                                              \
    static void op##_samples(wg_sampler *s) { samples(s, rank); }                                  \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = #op,                             \
        .shapes = shapes_text, .gradient = gradient_text,                                        \
        .inputs = 2, .outputs = 1, .blocked_inputs = 1 << 1, .attributes = attributes,             \
        .attributes_size = sizeof(dropout_attributes), .infer = op##_infer, .expand = op##_expand, \
        .samples = op##_samples,                                                                   \
    };                                                                                             \
    wg_var (recorder)(wg_draw draw, wg_var x, double p) {                                          \
        return WG_RECORD(&wg_op_##op, (&(dropout_attributes){p, draw.key}), x, draw.step);         \
    }
DROPOUT_OP(dropout, wg_drop, plain, false, -2, 0, "y = x m, m = 0 or 1 / (1 - p)",
           "x [...], step [] -> y [...]", "dx = dy m", "Dropout")
DROPOUT_OP(dropout1d, wg_drop1d, plain, true, 1, 3, "y[n, c, l] = x[n, c, l] m[n, c]",
           "x [N, C, L], step [] -> y [N, C, L]", "dx[n, c, l] = dy[n, c, l] m[n, c]", NULL)
DROPOUT_OP(dropout2d, wg_drop2d, plain, true, 2, 4, "y[n, c, h, w] = x[n, c, h, w] m[n, c]",
           "x [N, C, H, W], step [] -> y [N, C, H, W]", "dx[n, c, h, w] = dy[n, c, h, w] m[n, c]", NULL)
DROPOUT_OP(dropout3d, wg_drop3d, plain, true, 3, 5, "y[n, c, d, h, w] = x[n, c, d, h, w] m[n, c]",
           "x [N, C, D, H, W], step [] -> y [N, C, D, H, W]", "dx[n, c, d, h, w] = dy[n, c, d, h, w] m[n, c]",
           NULL)
DROPOUT_OP(alpha_dropout, wg_drop_alpha, alpha, false, -2, 0, "y = a (x or s) + b",
           "x [...], step [] -> y [...]", "dx = dy a where x is kept, else 0", NULL)
DROPOUT_OP(feature_alpha_dropout, wg_drop_feature_alpha, alpha, true, -1, 3,
           "y = a (x or s) + b, one draw a channel", "x [N, C, ...], step [] -> y [N, C, ...]",
           "dx = dy a where the channel is kept, else 0", NULL)

#endif
