/* glu, swiglu, softmin — recorded as other ops
 *
 *     glu        a sigmoid(b), a and b the first and the second half of x along an axis    Dauphin et al. 2017
 *     swiglu     silu(a) b                                                                 Shazeer 2020, arXiv:2002.05202
 *     softmin    softmax(-x) */
#include "op.h"

#ifdef WG_RULES

typedef struct gated_attributes {
    int64_t axis;
} glu_attributes, swiglu_attributes, softmin_attributes;

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(glu_attributes, axis, .kind = WG_ATTRIBUTE_INT, .preset = -1,
                 .meaning = "along which it goes; negative from the back"),
    WG_NO_MORE_ATTRIBUTES};

static int halved_infer(wg_infer *infer) {
    glu_attributes *at = infer->attributes;
    int status = wg_infer_same(infer);
    if (!status) status = wg_infer_axis(infer, &at->axis, infer->inputs[0].rank);
    if (status) return status;
    int64_t *extent = &infer->outputs[0].extent[at->axis];
    if (*extent % 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of %s has an odd extent; it must be even to be halved",
                             (int)at->axis, wg_infer_text(infer, &infer->inputs[0]));
    *extent /= 2;
    return WG_OK;
}
static int softmin_infer(wg_infer *infer) {
    const int status = wg_infer_same(infer);
    return status ? status : wg_infer_axis(infer, &((softmin_attributes *)infer->attributes)->axis, infer->inputs[0].rank);
}

/* The halves of x. */
static wg_var half(wg_var x, const void *given, int which) {
    const int axis = (int)((const glu_attributes *)given)->axis;
    const int64_t size = wg_type_of(x).extent[axis] / 2;
    return wg_slice(x, axis, which * size, (which + 1) * size);
}
static wg_var glu_expand(wg_tape *tape, const wg_var *x, const void *given) {
    (void)tape;
    return wg_mul(half(*x, given, 0), wg_sigmoid(half(*x, given, 1)));
}
static wg_var swiglu_expand(wg_tape *tape, const wg_var *x, const void *given) {
    (void)tape;
    return wg_mul(wg_silu(half(*x, given, 0)), half(*x, given, 1));
}
static wg_var softmin_expand(wg_tape *tape, const wg_var *x, const void *given) {
    (void)tape;
    return wg_softmax(wg_neg(*x), (int)((const softmin_attributes *)given)->axis);
}

static void samples(wg_sampler *s) {
    const wg_shape *const shapes[] = {WG_SHAPE(2), WG_SHAPE(6), WG_SHAPE(4, 2), WG_SHAPE(2, 10), WG_SHAPE(2, 4, 6),
                                      WG_SHAPE(2, 0, 2), WG_SHAPE(0, 4), WG_SHAPE(2, 2, 2, 2), WG_SHAPE(8, 2),
                                      WG_SHAPE(2, 2, 2, 2, 2, 2)};
    static const int ranks[] = {1, 1, 2, 2, 3, 3, 2, 4, 2, 6};
    for (int i = 0; i < 10; i++)
        for (int axis = -1; axis < ranks[i]; axis++) {
            const glu_attributes chosen = {axis};
            WG_SAMPLE(s, &chosen, {.shape = shapes[i]});
        }
}

#define GATED_OP(op, text, shapes_text, gradient_text, torch_name, infers)                         \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .torch = torch_name, .inputs = 1, .outputs = 1,              \
        .shapes = shapes_text, .gradient = gradient_text,                                          \
        .attributes = attributes, .attributes_size = sizeof(op##_attributes),                      \
        .infer = infers, .expand = op##_expand, .samples = samples,                                \
    };                                                                                             \
    wg_var (wg_##op)(wg_var x, int axis) {                                                         \
        return WG_RECORD(&wg_op_##op, (&(op##_attributes){axis}), x);                              \
    }
GATED_OP(glu, "y = a sigmoid(b), [a, b] = x", "x [*] -> y [*]; the axis has half of x's extent",
         "da = dy s, db = dy a s (1 - s), s = sigmoid(b), dx = [da, db]", "glu", halved_infer)
GATED_OP(swiglu, "y = silu(a) b, [a, b] = x", "x [*] -> y [*]; the axis has half of x's extent",
         "da = dy b (s + a s (1 - s)), db = dy a s, s = sigmoid(a), dx = [da, db]", NULL, halved_infer)
GATED_OP(softmin, "y = softmax(-x)", "x [...] -> y [...]", "dx = -y (dy - sum(dy y)), summed along the axis",
         "softmin", softmin_infer)

#endif
