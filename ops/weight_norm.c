/* weight_norm — a weight as length and direction: w = g v / |v|, |v| the root of the sum of squares over all
 * axes but one. Salimans, Kingma 2016 (arXiv:1602.07868). Of v = 0 there is no direction: NaN, as in PyTorch. */
#include "op.h"

#ifdef WG_RULES

typedef struct {
    int64_t axis;
} weight_norm_attributes;

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(weight_norm_attributes, axis, .kind = WG_ATTRIBUTE_INT,
                 .meaning = "the axis each of whose indices has a length"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    weight_norm_attributes *a = infer->attributes;
    const wg_type *v = &infer->inputs[0], *g = &infer->inputs[1];
    int status = wg_infer_real(infer);
    if (status || (status = wg_infer_axis(infer, &a->axis, v->rank))) return status;
    wg_type expected = *v;
    for (int axis = 0; axis < v->rank; axis++)
        if (axis != a->axis) expected.extent[axis] = 1;
    if (!wg_shape_equal(g, &expected))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "g is %s, v is %s; along axis %lld g must be %s",
                             wg_infer_shape_text(infer, g), wg_infer_shape_text(infer, v),
                             (long long)a->axis, wg_infer_shape_text(infer, &expected));
    infer->outputs[0] = *v;
    return WG_OK;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const int64_t kept = ((const weight_norm_attributes *)given)->axis;
    const wg_reduce_options keep = {.size_ = sizeof keep, .keepdims = true};
    const int rank = wg_type_of(inputs[0]).rank;
    wg_var squares = wg_square(inputs[0]);
    wg_axes axes;
    int count = 0;
    (void)tape;
    for (int axis = 0; axis < rank; axis++)
        if (axis != kept) axes.axis[count++] = axis;
    axes.axis[count] = INT_MIN;
    if (count) squares = (wg_sum)(squares, &axes, &keep);
    return wg_mul(inputs[0], wg_div(inputs[1], wg_sqrt(squares)));
}

/* Each number alone is all sign, with a jump at 0 and no slope: no such cases. */
static void samples(wg_sampler *s) {
    static const wg_shape shapes[] = {
        {{3, 5, INT64_MIN}}, {{4, 2, 3, INT64_MIN}}, {{2, 3, 2, 2, INT64_MIN}}, {{5, 1, INT64_MIN}},
        {{1, 6, INT64_MIN}}, {{2, 1, 2, 1, 3, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}},
        {{0, 3, INT64_MIN}}, {{4, 7, INT64_MIN}}, {{3, 2, 1, 2, INT64_MIN}}, {{2, 2, INT64_MIN}},
        {{3, 3, 3, INT64_MIN}},
    };
    for (int i = 0; i < 36; i++) {
        wg_shape g = shapes[i / 3];
        int rank = 0;
        int64_t others = 1;
        while (g.extent[rank] != INT64_MIN) rank++;
        const int axis = i % 3 == 0 ? 0 : i % 3 == 1 ? -1 : 1;
        for (int k = 0; k < rank; k++) {
            if (k == (axis < 0 ? rank - 1 : axis)) continue;
            others *= g.extent[k];
            g.extent[k] = 1;
        }
        if (others == 1) continue;
        WG_SAMPLE(s, &((weight_norm_attributes){axis}), {.shape = &shapes[i / 3], .values = WG_DISTINCT},
                  {.shape = &g});
    }
}

const wg_op wg_op_weight_norm = {
    .name = "weight_norm", .formula = "w = g v / |v|, |v| over all axes but one", .torch = "_weight_norm",
    .shapes = "v [...], g [*] -> w [...]; g as v, with extent 1 but for the axis",
    .gradient = "dg = sum dw v / |v|, dv = g / |v| (dw - v sum (dw v) / |v|^2)",
    .inputs = 2, .outputs = 1, .linear_in = 1 << 1,
    .attributes = attributes, .attributes_size = sizeof(weight_norm_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var (wg_weight_norm)(wg_var v, wg_var g, int axis) {
    return WG_RECORD(&wg_op_weight_norm, &((weight_norm_attributes){axis}), v, g);
}

#endif
