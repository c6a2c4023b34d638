/* cross_entropy.h — what softmax_cross_entropy and its gradient share. Of logits x [N, C, d…] there is a row
 * of C for each n, d…; its targets become shares
 *
 *     q[c] = w[c] ((1 - smoothing) p[c] + smoothing / C),    p the probabilities, or one-hot of the class
 *
 * and q = 0 for a class that is ignored. Without smoothing, of classes only the one share w[class] is looked
 * at. */
#ifndef WG_OPS_CROSS_ENTROPY_H
#define WG_OPS_CROSS_ENTROPY_H

#include "rowwise.h"

typedef struct cross_entropy_attributes {
    int64_t ignore_index;
    double label_smoothing;
} cross_entropy_attributes;

/* Does a row's loss come from one class alone? */
WG_INLINE bool cross_entropy_picks(const wg_type *targets, const wg_type *logits,
                                   const cross_entropy_attributes *a) {
    return targets->rank < logits->rank && a->label_smoothing == 0;
}

#if WG_IS_REAL

typedef struct {
    int64_t classes, inner, ignored; /* a row's numbers lie `inner` apart */
    const wg_operand *targets;
    const real *weight; /* NULL: none */
    bool has_classes, picks;
    real rest, even; /* 1 - smoothing, smoothing / C */
} cross_entropy;

/* Of a call whose logits are input `first`, followed by targets and weight. */
WG_INLINE cross_entropy cross_entropy_of(const wg_call *call, int first) {
    const cross_entropy_attributes *a = WG_ATTRIBUTES(call, cross_entropy);
    const wg_type *logits = &call->inputs[first].type;
    cross_entropy e = {.classes = logits->extent[1], .inner = 1, .ignored = a->ignore_index};
    for (int i = 2; i < logits->rank; i++) e.inner *= logits->extent[i];
    e.targets = &call->inputs[first + 1];
    e.weight = call->input_count > first + 2 ? WG_IN(call, first + 2, real) : NULL;
    e.has_classes = e.targets->type.rank < logits->rank;
    e.picks = cross_entropy_picks(&e.targets->type, logits, a);
    e.rest = (real)(1 - a->label_smoothing);
    e.even = (real)(a->label_smoothing / (double)e.classes);
    return e;
}

/* The class of row n, negative where it is ignored, 0 of probabilities; targets are i32, i64 or u8. One that
 * is not there fails the run. */
WG_INLINE bool class_of(const cross_entropy *e, const wg_call *call, int64_t n, int64_t *class) {
    *class = 0;
    if (!e->has_classes) return true;
    switch (e->targets->type.dtype) {
    case WG_I32: *class = ((const int32_t *)e->targets->data)[n]; break;
    case WG_I64: *class = ((const int64_t *)e->targets->data)[n]; break;
    default: *class = ((const uint8_t *)e->targets->data)[n];
    }
    if (*class == e->ignored) *class = -1;
    if (__builtin_expect(*class < e->classes, 1)) return true;
    wg_call_fail(call, WG_ERROR_INDEX, "row %lld has class %lld; there are %lld classes", (long long)n,
                 (long long)*class, (long long)e->classes);
    return false;
}

WG_INLINE int64_t row_start(const cross_entropy *e, int64_t n) {
    return e->inner == 1 ? n * e->classes : n / e->inner * e->inner * e->classes + n % e->inner;
}

/* Row n of x, copied unless its numbers lie side by side. */
WG_INLINE const real *row_of(const cross_entropy *e, const real *x, int64_t n, real *copy) {
    if (e->inner == 1) return x + n * e->classes;
    x += row_start(e, n);
    for (int64_t c = 0; c < e->classes; c++) copy[c] = x[c * e->inner];
    return copy;
}

/* The shares of row n. */
WG_INLINE const real *shares_of(const cross_entropy *e, int64_t n, int64_t class, real *copy) {
    const real *p = e->has_classes ? NULL : row_of(e, e->targets->data, n, copy);
    if (p && !e->weight && e->even == 0) return p;
    for (int64_t c = 0; c < e->classes; c++) {
        const real share = e->rest * (p ? p[c] : c == class) + e->even;
        copy[c] = e->weight ? e->weight[c] * share : share;
    }
    return copy;
}

#endif

#ifdef WG_RULES

/* Both are defined in softmax_cross_entropy.c: the shape rule of logits, targets and weight, inputs `first` …
 * of a call, and the samples, with a cotangent in front of each or without. */
int wg_cross_entropy_infer(wg_infer *infer, int first);
void wg_cross_entropy_samples(wg_sampler *s, bool with_dy);

/* Buffers of a row each: exponentials, and copies of logits and shares unless one class is picked of plain
 * rows. */
static inline size_t cross_entropy_rows(const wg_call *call, int first) {
    const wg_type *logits = &call->inputs[first].type, *targets = &call->inputs[first + 1].type;
    const bool picks = cross_entropy_picks(targets, logits, WG_ATTRIBUTES(call, cross_entropy));
    return (picks && logits->rank == 2 ? 1 : 3) * (size_t)logits->extent[1] * wg_dtype_size(call->dtype);
}

static inline bool is_index(wg_dtype dtype) { return dtype == WG_I32 || dtype == WG_I64 || dtype == WG_U8; }

/* v [N, d…] as [N, 1, d…], and a weight [C] as [C, 1…] */
static inline wg_var column(wg_var v) { return wg_unsqueeze(v, WG_AXES(1)); }
static inline wg_var weight_of_logits(wg_var weight, wg_var logits) {
    wg_type type = {.rank = wg_type_of(logits).rank - 1, .extent = {wg_type_of(logits).extent[1]}};
    for (int i = 1; i < type.rank; i++) type.extent[i] = 1;
    const wg_shape shape = wg_shape_of(&type);
    return wg_reshape(weight, &shape);
}
static inline wg_var row_total(wg_var v) { return wg_sum(v, WG_AXES(1), .keepdims = true); }
/* [N, C, d…] to [C] */
static inline wg_var class_total(wg_var v) {
    const int rank = wg_type_of(v).rank;
    for (int axis = rank - 1; axis >= 0; axis--)
        if (axis != 1) v = wg_sum(v, WG_AXES(axis));
    return v;
}

/* Is each index a class that counts? */
static inline wg_var is_counted(wg_var targets, int64_t ignore_index) {
    const wg_dtype dtype = wg_type_of(targets).dtype;
    wg_var t = dtype == WG_U8 ? wg_cast(targets, WG_I32) : targets;
    const wg_dtype whole = wg_type_of(t).dtype;
    wg_var counts = wg_greater_equal(t, wg_full(t.tape, whole, WG_SCALAR_SHAPE, 0));
    if (ignore_index < 0) return counts;
    return wg_logical_and(counts,
                          wg_not_equal(t, wg_full(t.tape, whole, WG_SCALAR_SHAPE, (double)ignore_index)));
}

/* The shares before they are weighted: like the logits. */
static inline wg_var smoothed(wg_var logits, wg_var targets, const cross_entropy_attributes *a) {
    const wg_type type = wg_type_of(logits);
    wg_var p = targets, even = wg_scalar(logits.tape, a->label_smoothing / (double)type.extent[1]);
    if (is_index(wg_type_of(targets).dtype)) {
        wg_var counts = wg_cast(is_counted(targets, a->ignore_index), type.dtype);
        wg_axes axes = {{0, type.rank - 1}};
        for (int i = 2; i < type.rank; i++) axes.axis[i] = i - 1;
        axes.axis[type.rank] = INT_MIN;
        wg_var hot = wg_transpose(wg_one_hot(targets, type.extent[1], type.dtype), &axes);
        p = wg_mul(hot, column(counts));
        even = wg_mul(column(counts), even);
    }
    if (a->label_smoothing == 0) return p;
    return wg_add(wg_mul(p, wg_scalar(logits.tape, 1 - a->label_smoothing)), even);
}

static inline wg_var weighted(wg_var shares, wg_var weight) {
    return weight.tape ? wg_mul(shares, weight_of_logits(weight, shares)) : shares;
}

#endif
#endif
