/* nll_loss — the loss of logarithms of probabilities x, of which each target t picks one
 *
 *     y[n, d…] = -w[t] x[n, t, d…],  t = t[n, d…];    mean: sum y / sum w[t]
 *
 * ONNX NegativeLogLikelihoodLoss, torch.nn.functional.nll_loss. A t that is negative or `ignore_index` counts
 * nothing: its y is 0, whatever x and w are, and so is its weight in the mean; where nothing counts the mean
 * is 0 / 0 = NaN. The gradients are those of what is picked, -dy w[t] for x and -dy x[n, t, d…] for w, in
 * which PyTorch has none. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t reduction, ignore_index;
} nll_attributes;

static const wg_attribute schema[] = {
    LOSS_REDUCTION(nll_attributes),
    WG_ATTRIBUTE(nll_attributes, ignore_index, .kind = WG_ATTRIBUTE_INT, .preset = -100,
                 .meaning = "a class that does not count; negative ones never do"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const nll_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *t = &infer->inputs[1], *weight = &infer->inputs[2];
    const int status = wg_infer_one_real(infer, 0, "x");
    if (status) return status;
    if (x->rank < 2 || x->extent[1] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [N, C, …] with at least one class",
                             wg_infer_shape_text(infer, x));
    if (t->dtype != WG_I32 && t->dtype != WG_I64 && t->dtype != WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "targets are %s; they must be class indices: i32, i64 or u8",
                             wg_infer_text(infer, t));
    if (t->rank != x->rank - 1 || t->extent[0] != x->extent[0] ||
        memcmp(t->extent + 1, x->extent + 2, (size_t)(t->rank - 1) * sizeof *t->extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s, targets are %s; they must be x's shape without its axis of classes, 1",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, t));
    if (wg_infer_given(infer, 2) &&
        (weight->dtype != x->dtype || weight->rank != 1 || weight->extent[0] != x->extent[1]))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the weight is %s; it must be [C] of x's dtype",
                             wg_infer_text(infer, x), wg_infer_text(infer, weight));
    infer->outputs[0] = (wg_type){.dtype = x->dtype};
    if (a->reduction == WG_NO_REDUCTION) {
        infer->outputs[0] = *t;
        infer->outputs[0].dtype = x->dtype;
    }
    return WG_OK;
}

static wg_var whole(wg_var like, int64_t class) {
    return wg_full(like.tape, WG_I64, WG_SCALAR_SHAPE, (double)class);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const nll_attributes *a = given;
    const bool weighted = inputs[2].tape != NULL;
    wg_var x = inputs[0], t = wg_cast(inputs[1], WG_I64), zero = wg_scalar(tape, 0);
    wg_var counts = wg_greater_equal(t, whole(t, 0));
    if (a->ignore_index >= 0) counts = wg_logical_and(counts, wg_not_equal(t, whole(t, a->ignore_index)));
    t = wg_where(counts, t, whole(t, 0));
    wg_var picked = wg_squeeze(wg_take_along_axis(x, wg_unsqueeze(t, WG_AXES(1)), 1), WG_AXES(1));
    wg_var weight = weighted ? wg_gather(inputs[2], t, 0) : WG_NONE;
    wg_var loss = wg_neg(weighted ? wg_mul(weight, picked) : picked);
    loss = wg_where(counts, loss, zero);
    if (a->reduction != WG_MEAN) return loss_reduced(loss, a->reduction);
    wg_var all = weighted ? wg_where(counts, weight, zero) : wg_cast(counts, wg_type_of(x).dtype);
    return wg_div(wg_sum(loss, WG_ALL_AXES), wg_sum(all, WG_ALL_AXES));
}

/* --- Samples ----------------------------------------------------------------------------------------- */

typedef struct {
    wg_shape x, t;
    wg_dtype dtype;
} nll_case;
static const nll_case nll_cases[] = {
    {{{4, 5, INT64_MIN}}, {{4, INT64_MIN}}, WG_I64},
    {{{6, 3, INT64_MIN}}, {{6, INT64_MIN}}, WG_I32},
    {{{5, 4, INT64_MIN}}, {{5, INT64_MIN}}, WG_U8},
    {{{3, 1, INT64_MIN}}, {{3, INT64_MIN}}, WG_I64}, /* one class */
    {{{1, 17, INT64_MIN}}, {{1, INT64_MIN}}, WG_I32},
    {{{2, 3, 4, INT64_MIN}}, {{2, 4, INT64_MIN}}, WG_I64},
    {{{2, 2, 2, 3, INT64_MIN}}, {{2, 2, 3, INT64_MIN}}, WG_I32},
    {{{1, 3, 1, 5, INT64_MIN}}, {{1, 1, 5, INT64_MIN}}, WG_U8},
    {{{2, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}}, {{2, 1, 2, 1, 2, 1, 2, INT64_MIN}}, WG_I64},
    {{{7, 2, INT64_MIN}}, {{7, INT64_MIN}}, WG_I64},
    {{{0, 3, INT64_MIN}}, {{0, INT64_MIN}}, WG_I64},
    {{{2, 3, 0, INT64_MIN}}, {{2, 0, INT64_MIN}}, WG_I32},
};
enum { NLL_CASES = sizeof nll_cases / sizeof *nll_cases };

/* Indices from -1 on where they can be; a mean where there is at least one that counts. One of targets alike
 * does not depend on the weight but for rounding: it has one where there are many targets. */
static void samples(wg_sampler *s) {
    for (int i = 0; i < 3 * NLL_CASES; i++) {
        const nll_case *at = &nll_cases[i / 3];
        const int64_t last = at->x.extent[1] - 1;
        const nll_attributes with = {i % 3, (int64_t[]){-100, 1, 7}[i / 3 % 3]};
        const bool mean = with.reduction == WG_MEAN;
        const double low = !mean ? at->dtype == WG_U8 ? 0 : -1 : last == with.ignore_index ? 0 : (double)last;
        if (mean && i / 3 >= NLL_CASES - 2) continue;
        WG_SAMPLE(s, &with, {.shape = &at->x},
                  {.dtype = at->dtype,
                   .shape = &at->t,
                   .values = mean ? WG_ALL_EQUAL : WG_INTEGERS,
                   .low = low,
                   .high = (double)last},
                  {.shape = WG_SHAPE(last + 1),
                   .values = WG_UNIFORM,
                   .low = 0.25,
                   .high = 3,
                   .absent = mean || i % 5 < 2});
    }
    for (int i = 0; i < 4; i++)
        WG_SAMPLE(s, (&(nll_attributes){WG_MEAN, (int64_t[]){-100, 1, 7, 0}[i]}),
                  {.shape = i % 2 ? WG_SHAPE(13, 4) : WG_SHAPE(2, 3, 8)},
                  {.dtype = WG_I64,
                   .shape = i % 2 ? WG_SHAPE(13) : WG_SHAPE(2, 8),
                   .values = WG_INTEGERS,
                   .low = -1,
                   .high = i % 2 ? 3 : 2},
                  {.shape = WG_SHAPE(i % 2 ? 4 : 3), .values = WG_UNIFORM, .low = 0.25, .high = 3});
}

const wg_op wg_op_nll_loss = {
    .name = "nll_loss", .formula = "y = sum -w[t] x[n, t, d] / sum w[t], t = t[n, d]",
    .shapes = "x [N, C, ...], target [N, ...], weight [C]? -> y [*]; [], or [N, ...] without reduction",
    .gradient = "dx[n, t, d] = -dy w[t] / sum w[t], dweight[t] = -dy (x[n, t, d] + y) / sum w[t] (sum and "
                "none: not divided)",
    .onnx = "NegativeLogLikelihoodLoss", .torch = "nll_loss", .inputs = 2, .inputs_max = 3, .outputs = 1,
    .flags = WG_CAN_FAIL, .attributes = schema, .attributes_size = sizeof(nll_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var (wg_nll_loss)(wg_var x, wg_var targets, wg_var weight, const wg_class_loss_options *options) {
    WG_READ_OPTIONS(wg_class_loss_options, given, options);
    const nll_attributes with = {given.reduction, given.ignore_index ? given.ignore_index : -100};
    return WG_RECORD(&wg_op_nll_loss, &with, x, targets, weight);
}

#endif
