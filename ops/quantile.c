/* quantile — along axes, what a share q of the elements is not above, composed of sort
 *
 *     y[k] = s + w (t - s)     s, t: the elements number floor(p) and ceil(p) of the n reduced ones in order,
 *                              p = q (n - 1),  w = p - floor(p)
 *
 * That is `linear`; `lower` is s, `higher` t, `midpoint` has w = 1/2, and `nearest` is the element number p
 * rounded, at a tie to the even one. Of a list of q the results stand along a new axis in front. A NaN among
 * the elements makes the result NaN. torch.quantile and numpy.quantile, and their interpolation; p is taken
 * in f64 (torch: in x's dtype). The gradient goes to s and t. Halves are subtracted, so that nothing
 * overflows; beyond w = 1/2 from t, as lerp does. */
#include "rearrange.h"
#include "reduce.h"

#ifdef WG_RULES

typedef struct {
    wg_axes axes;
    bool keepdims;
    double q[WG_MOST_QUANTILES];
    int64_t count, interpolation;
} quantile_attributes;

static const wg_attribute schema[] = {
    REDUCE_ATTRIBUTES(quantile_attributes),
    WG_ATTRIBUTE(quantile_attributes, q, .kind = WG_ATTRIBUTE_REAL, .count = WG_MOST_QUANTILES,
                 .bounded = true, .high = 1, .meaning = "shares of the elements"),
    WG_ATTRIBUTE(quantile_attributes, count, .kind = WG_ATTRIBUTE_INT, .bounded = true,
                 .high = WG_MOST_QUANTILES, .meaning = "how many of q, along an axis in front; 0: the first, without an axis"),
    WG_ATTRIBUTE(quantile_attributes, interpolation, .kind = WG_ATTRIBUTE_INT, .bounded = true,
                 .high = WG_QUANTILE_NEAREST,
                 .meaning = "0 linear, 1 lower, 2 higher, 3 midpoint, 4 nearest"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const quantile_attributes *a = infer->attributes;
    int status = wg_infer_real(infer);
    if (status || (status = reduce_infer(infer)) ||
        (status = reduce_infer_some(infer, reduced_axes(&a->axes), "there is no quantile")) || !a->count)
        return status;
    wg_type *y = &infer->outputs[0];
    if (y->rank == WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s; with an axis for a list of q it would have %d axes",
                             wg_infer_shape_text(infer, &infer->inputs[0]), WG_MAX_RANK + 1);
    memmove(y->extent + 1, y->extent, (size_t)y->rank++ * sizeof *y->extent);
    y->extent[0] = a->count;
    return WG_OK;
}

/* x with the reduced axes last, as [kept, n], each row in order. */
static wg_var sorted_rows(wg_var x, unsigned reduced) {
    const wg_type type = wg_type_of(x);
    wg_axes order = {{INT_MIN}};
    int64_t extents[2] = {1, 1};
    int count = 0;
    for (unsigned pass = 0; pass < 2; pass++)
        for (int axis = 0; axis < type.rank; axis++) {
            if ((reduced >> axis & 1) != pass) continue;
            order.axis[count++] = axis;
            extents[pass] *= type.extent[axis];
        }
    order.axis[count] = INT_MIN;
    wg_var rows = type.rank > 1 ? wg_transpose(x, &order) : x;
    return wg_sort(REARRANGE_RESHAPE(rows, extents[0], extents[1]), 1);
}

static wg_var column(wg_var rows, int64_t at) { return wg_slice(rows, 1, at, at + 1); }

/* s + w (t - s). */
static wg_var between(wg_var s, wg_var t, double w) {
    wg_tape *tape = s.tape;
    wg_var half = wg_scalar(tape, 0.5), way = wg_sub(wg_mul(half, t), wg_mul(half, s));
    if (w < 0.5) return wg_add(s, wg_mul(wg_scalar(tape, 2 * w), way));
    return wg_sub(t, wg_mul(wg_scalar(tape, 2 * (1 - w)), way));
}

static wg_var quantile_of(wg_var rows, double q, int64_t interpolation) {
    const double p = q * (double)(wg_type_of(rows).extent[1] - 1);
    const int64_t below = (int64_t)p, above = below + (p > (double)below);
    const double w = p - (double)below;
    switch (interpolation) {
    case WG_QUANTILE_LOWER: return column(rows, below);
    case WG_QUANTILE_HIGHER: return column(rows, above);
    case WG_QUANTILE_NEAREST: return column(rows, w < 0.5 || (w == 0.5 && below % 2 == 0) ? below : above);
    default: break;
    }
    if (above == below) return column(rows, below);
    return between(column(rows, below), column(rows, above), interpolation == WG_QUANTILE_MIDPOINT ? 0.5 : w);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const quantile_attributes *a = attributes;
    const unsigned reduced = reduced_axes(&a->axes);
    const wg_type x = wg_type_of(inputs[0]);
    wg_var rows = sorted_rows(inputs[0], reduced), last = column(rows, wg_type_of(rows).extent[1] - 1);
    wg_var found[WG_MOST_QUANTILES + 1];
    for (int i = 0; i < a->count || i == 0; i++) found[i] = quantile_of(rows, a->q[i], a->interpolation);
    found[a->count ? a->count : 1] = (wg_var)WG_END_;
    wg_var y = a->count > 1 ? wg_concat_list(1, found) : found[0];
    wg_var seen = wg_stop_gradient(last);
    y = wg_where(wg_equal(seen, seen), y, last);
    if (a->count > 1) y = REARRANGE_TRANSPOSE(y, 1, 0);
    wg_type type = reduced_type(&x, reduced, a->keepdims);
    if (a->count) {
        memmove(type.extent + 1, type.extent, (size_t)type.rank++ * sizeof *type.extent);
        type.extent[0] = a->count;
    }
    return rearrange_reshape(y, &type);
}

static quantile_attributes quantile_with(const double *q, int64_t count, const wg_axes *axes, bool keepdims,
                                         int64_t interpolation) {
    quantile_attributes a;
    memset(&a, 0, sizeof a);
    a.axes = axes ? *axes : (wg_axes){{INT_MIN}};
    a.keepdims = keepdims;
    a.count = count;
    a.interpolation = interpolation;
    memcpy(a.q, q, (size_t)(count ? count : 1) * sizeof *q);
    return a;
}

static void samples(wg_sampler *s) {
    static const double q[] = {0.5, 0, 1, 0.25, 0.9, 0.37, 0.75};
    for (int i = 0; i < REDUCE_CASES - REDUCE_CASES_OF_NONE; i++) {
        if (reduce_cases[i].shape.extent[0] > 1000) continue; /* the second order is quadratic */
        const reduce_case *at = &reduce_cases[i];
        const quantile_attributes with = quantile_with(q + i % 7, i % 4 == 3, &at->axes, at->keepdims, i % 5);
        WG_SAMPLE(s, &with, {.shape = &at->shape, .values = WG_DISTINCT});
    }
#define QUANTILE(drawn, of, share, count, keepdims, how, ...)                                              \
    do {                                                                                                    \
        const quantile_attributes with = quantile_with(share, count, WG_AXES(__VA_ARGS__), keepdims, how);  \
        WG_SAMPLE(s, &with, {.shape = of, .values = drawn});                                                \
    } while (0)
    for (int how = 0; how <= WG_QUANTILE_NEAREST; how++) {
        QUANTILE(WG_DISTINCT, WG_SHAPE(4, 6), q, 7, false, how, 1);
        QUANTILE(WG_DISTINCT, WG_SHAPE(6, 4), q + how, 0, true, how, 0);
        QUANTILE(WG_DISTINCT, WG_SHAPE(2, 3, 4), q + 1, 3, how % 2, how, -1, 0);
        QUANTILE(WG_TIES, WG_SHAPE(8, 2), q + 3, 2, false, how, 1);
        QUANTILE(WG_DISTINCT, WG_SHAPE(9), q + 4, 1, how % 2, how, 0);
    }
#undef QUANTILE
}

const wg_op wg_op_quantile = {
    .name = "quantile",
    .formula = "y[k] = s + w * (t - s), s and t the elements around number q * (n - 1) in order",
    .shapes = "x [*] -> y [*]; without the reduced axes, or with extent 1; of several q a new axis in front",
    .gradient = "ds = dy[k] (1 - w), dt = dy[k] w, at the places of s and t, else 0",
    .torch = "quantile", .inputs = 1, .outputs = 1,
    .attributes = schema, .attributes_size = sizeof(quantile_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var (wg_quantile)(wg_var x, double q, const wg_axes *axes, const wg_quantile_options *options) {
    WG_READ_OPTIONS(wg_quantile_options, given, options);
    const quantile_attributes chosen = quantile_with(&q, 0, axes, given.keepdims, given.interpolation);
    return WG_RECORD(&wg_op_quantile, &chosen, x);
}

wg_var (wg_quantiles)(wg_var x, const double *q, int count, const wg_axes *axes,
                      const wg_quantile_options *options) {
    WG_READ_OPTIONS(wg_quantile_options, given, options);
    if (!q || count < 1 || count > WG_MOST_QUANTILES) {
        if (q)
            wg_fail(x.tape, WG_ERROR_ATTRIBUTE,
                    "quantile: q is a list of %d numbers; it must be one of 1 to %d", count, WG_MOST_QUANTILES);
        else
            wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "quantile: q is NULL; it must be a list of numbers");
        return wg_refuse(x.tape);
    }
    const quantile_attributes chosen = quantile_with(q, count, axes, given.keepdims, given.interpolation);
    return WG_RECORD(&wg_op_quantile, &chosen, x);
}

#endif
