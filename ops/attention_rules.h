/* attention_rules.h — shape rule, samples and recordings that attention and its gradient share.
 *
 * Tensors of queries are [.., Hq, L, X], those of keys [.., Hkv, S, X], of scores [.., Hq, L, S]. With fewer
 * heads of keys, those of queries that share one count as more rows of one matrix. */
#ifndef WG_OPS_ATTENTION_RULES_H
#define WG_OPS_ATTENTION_RULES_H

#include "attention.h"

#ifdef WG_RULES

#define ATTENTION_ATTRIBUTES                                                                       \
    {                                                                                              \
        WG_ATTRIBUTE(attention_attributes, is_causal, .kind = WG_ATTRIBUTE_BOOL,                   \
                     .meaning = "query i sees keys 0 … i"),                                        \
            WG_ATTRIBUTE(attention_attributes, scale, .kind = WG_ATTRIBUTE_REAL, .is_value = true, \
                         .meaning = "of the scores; 0: 1 / sqrt(E)"),                              \
            WG_NO_MORE_ATTRIBUTES                                                                  \
    }

/* --- Shapes
 * --------------------------------------------------------------------------------------------------- */

/* All inputs of q's dtype, but for a mask of bool. */
static inline int attention_infer_dtypes(wg_infer *infer, int q, int mask) {
    const wg_dtype dtype = infer->inputs[q].dtype;
    for (int i = 0; i < infer->input_count; i++) {
        const wg_type *type = &infer->inputs[i];
        if (type->dtype == WG_NO_DTYPE || (i == mask && type->dtype == WG_BOOL)) continue;
        if (type->dtype != dtype || (dtype != WG_F32 && dtype != WG_F64))
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "q is %s, input %d is %s; all must be f32, or all f64%s",
                                 wg_infer_text(infer, &infer->inputs[q]), i, wg_infer_text(infer, type),
                                 i == mask ? ", or the mask bool" : " (wg_cast converts)");
    }
    return WG_OK;
}

static inline int attention_infer_mask(wg_infer *infer, const wg_type *q, const wg_type *k,
                                       const wg_type *mask) {
    wg_type scores = *q;
    scores.extent[q->rank - 1] = k->extent[k->rank - 2];
    bool fits = mask->rank <= scores.rank;
    for (int back = 1; fits && back <= mask->rank; back++) {
        const int64_t extent = mask->extent[mask->rank - back];
        fits = extent == 1 || extent == scores.extent[scores.rank - back];
    }
    if (fits) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE,
                         "the mask is %s, the scores are %s; the mask must broadcast to them",
                         wg_infer_shape_text(infer, mask), wg_infer_shape_text(infer, &scores));
}

/* q, k and v are inputs first … first + 2; mask: its input, or -1. Gives the scale its default. */
static inline int attention_infer(wg_infer *infer, int first, int mask) {
    const wg_type *q = &infer->inputs[first], *k = q + 1, *v = q + 2;
    attention_attributes *with = infer->attributes;
    const int status = attention_infer_dtypes(infer, first, mask), rank = q->rank;
    if (status) return status;
    bool fits = rank >= 2 && k->rank == rank && v->rank == rank &&
                k->extent[rank - 1] == q->extent[rank - 1] && k->extent[rank - 2] == v->extent[rank - 2] &&
                q->extent[rank - 1] > 0;
    for (int axis = 0; fits && axis < rank - 2; axis++) {
        const int64_t heads = q->extent[axis], shared = k->extent[axis];
        const bool groups = axis == rank - 3 && shared > 0 && heads > 0 && heads % shared == 0;
        fits = v->extent[axis] == shared && (heads == shared || groups);
    }
    if (!fits)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "q is %s, k is %s, v is %s; they must be [..., Hq, L, E], [..., Hkv, S, E] and "
                             "[..., Hkv, S, D] with Hq a multiple of Hkv and E at least 1",
                             wg_infer_shape_text(infer, q), wg_infer_shape_text(infer, k),
                             wg_infer_shape_text(infer, v));
    if (with->scale == 0 && !__builtin_signbit(with->scale))
        with->scale = 1 / wg_sqrt_f64((double)q->extent[rank - 1]);
    const bool masked = mask >= 0 && mask < infer->input_count && infer->inputs[mask].dtype != WG_NO_DTYPE;
    return masked ? attention_infer_mask(infer, q, k, &infer->inputs[mask]) : WG_OK;
}

/* --- Recordings
 * ----------------------------------------------------------------------------------------------- */

/* What attention and its gradient are recorded from: lse and d are [.., Hq, L]; mask may be WG_NONE. */
typedef struct attention_vars {
    wg_var dy, q, k, v, lse, d, mask;
} attention_vars;

/* Input number `index` of a list, closed by WG_END_, that may be shorter. */
static inline wg_var attention_input(const wg_var *inputs, int index) {
    for (int i = 0; i <= index; i++)
        if (!inputs[i].tape && inputs[i].id == UINT32_MAX) return WG_NONE;
    return inputs[index];
}

static inline wg_var attention_product(wg_var a, bool transpose_a, wg_var b, bool transpose_b) {
    const wg_matmul_options how = {
        .size_ = sizeof how, .transpose_a = transpose_a, .transpose_b = transpose_b};
    return (wg_matmul)(a, b, &how);
}

/* A tensor of queries or scores with as many heads as k has, or back with those of q. */
static inline wg_var attention_with_heads(wg_var x, wg_var like) {
    wg_type type = wg_type_of(x);
    const wg_type of = wg_type_of(like);
    const int heads = type.rank - 3;
    if (heads < 0 || type.extent[heads] == of.extent[heads]) return x;
    type.extent[heads + 1] = type.extent[heads] * type.extent[heads + 1] / of.extent[heads];
    type.extent[heads] = of.extent[heads];
    const wg_shape shape = wg_shape_of(&type);
    return (wg_reshape)(x, &shape);
}

/* a b^T of queries a and keys b, p b of scores p, and p^T a. */
static inline wg_var attention_outer(wg_var a, wg_var b) {
    return attention_with_heads(attention_product(attention_with_heads(a, b), false, b, true), a);
}
static inline wg_var attention_times(wg_var p, wg_var b) {
    return attention_with_heads(attention_product(attention_with_heads(p, b), false, b, false), p);
}
static inline wg_var attention_across(wg_var p, wg_var a, wg_var like_k) {
    return attention_product(attention_with_heads(p, like_k), true, attention_with_heads(a, like_k), false);
}

static inline wg_var attention_column(wg_var x) {
    wg_type type = wg_type_of(x);
    type.extent[type.rank++] = 1;
    const wg_shape shape = wg_shape_of(&type);
    return (wg_reshape)(x, &shape);
}

/* Scores with -inf where a key is hidden. */
static inline wg_var attention_scores(const attention_vars *of, const attention_attributes *with) {
    wg_tape *tape = of->q.tape;
    wg_var hidden = (wg_scalar)(tape, -WG_INFINITY_F64);
    wg_var s = (wg_mul)(attention_outer(of->q, of->k), (wg_scalar)(tape, with->scale));
    const wg_type type = wg_type_of(s);
    if (wg_valid(of->mask))
        s = wg_type_of(of->mask).dtype == WG_BOOL ? (wg_where)(of->mask, s, hidden) : (wg_add)(s, of->mask);
    if (!with->is_causal || type.rank < 2) return s;
    const wg_shape *matrix = WG_SHAPE(type.extent[type.rank - 2], type.extent[type.rank - 1]);
    return (wg_where)((wg_tril)((wg_full)(tape, WG_BOOL, matrix, 1), 0), s, hidden);
}

static inline wg_var attention_weights(const attention_vars *of, const attention_attributes *with) {
    return (wg_exp)((wg_sub)(attention_scores(of, with), attention_column(of->lse)));
}

/* dy · v - d, what the weights are multiplied by. */
static inline wg_var attention_slopes(const attention_vars *of) {
    return (wg_sub)(attention_outer(of->dy, of->v), attention_column(of->d));
}

/* x of the scores' shape, summed over the axes along which an operand was broadcast to it. */
static inline wg_var attention_unbroadcast(wg_var x, wg_var operand) {
    const wg_type full = wg_type_of(x), type = wg_type_of(operand);
    const wg_shape shape = wg_shape_of(&type);
    wg_axes axes;
    int count = 0;
    for (int axis = 0; axis < full.rank; axis++) {
        const int own = axis - (full.rank - type.rank);
        if (own < 0 || (type.extent[own] == 1 && full.extent[axis] != 1)) axes.axis[count++] = axis;
    }
    axes.axis[count] = INT_MIN;
    return count ? (wg_reshape)((wg_sum)(x, &axes, NULL), &shape) : x;
}

static inline wg_var attention_record_grad(const attention_vars *of, const attention_attributes *with) {
    return WG_RECORD(&wg_op_attention_grad, with, of->dy, of->q, of->k, of->v, of->lse, of->d, of->mask);
}

/* --- Samples
 * -------------------------------------------------------------------------------------------------- */

enum { ATTENTION_OPEN, ATTENTION_BOOL, ATTENTION_ADDED };
typedef struct attention_case {
    int rank;
    int64_t lead[5], heads, kv_heads, rows, keys, depth, value_depth;
    int mask;
    wg_shape shape; /* of the mask */
    bool is_causal;
    double scale;
} attention_case;

#define MASK(...)                  \
    {                              \
        { __VA_ARGS__, INT64_MIN } \
    }
#define NO_MASK       \
    ATTENTION_OPEN, { \
        { INT64_MIN } \
    }
static const attention_case attention_cases[] = {
    {4, {1}, 1, 1, 1, 2, 1, 1, NO_MASK, false, 0},
    {4, {2}, 1, 1, 2, 2, 2, 1, NO_MASK, false, 0},
    {4, {1}, 2, 1, 1, 2, 2, 2, NO_MASK, false, 0},
    {4, {1}, 4, 2, 1, 2, 1, 1, NO_MASK, false, 0.5},
    {4, {2}, 1, 1, 2, 3, 1, 1, NO_MASK, true, 0},
    {3, {0}, 2, 2, 2, 2, 1, 1, NO_MASK, true, 0},
    {3, {0}, 3, 1, 1, 3, 1, 2, NO_MASK, false, 0.75},
    {2, {0}, 1, 1, 2, 3, 3, 2, NO_MASK, false, -1},
    {2, {0}, 1, 1, 4, 3, 2, 1, NO_MASK, true, 0.25},
    {2, {0}, 1, 1, 1, 5, 1, 2, NO_MASK, false, 0},
    {2, {0}, 1, 1, 5, 2, 1, 1, NO_MASK, true, 1},
    {5, {2, 1}, 1, 1, 2, 2, 1, 1, NO_MASK, true, 0},
    {8, {1, 2, 1, 1, 1}, 2, 1, 1, 2, 1, 1, NO_MASK, false, 0.25},
    {4, {1}, 2, 2, 2, 3, 1, 1, ATTENTION_BOOL, MASK(1, 2, 2, 3), false, 0},
    {4, {2}, 2, 1, 1, 3, 1, 1, ATTENTION_BOOL, MASK(2, 1, 1, 3), false, 0},
    {3, {0}, 2, 1, 3, 3, 1, 1, ATTENTION_BOOL, MASK(1, 3), true, 0},
    {3, {0}, 1, 1, 2, 5, 1, 2, ATTENTION_BOOL, MASK(5), false, 0.5},
    {2, {0}, 1, 1, 4, 3, 1, 1, ATTENTION_BOOL, MASK(4, 1), false, 0},
    {2, {0}, 1, 1, 3, 4, 1, 1, ATTENTION_BOOL, MASK(3, 4), true, 0},
    {2, {0}, 1, 1, 2, 3, 1, 1, ATTENTION_BOOL, {{INT64_MIN}}, false, 0.75},
    {4, {1}, 2, 2, 1, 3, 1, 1, ATTENTION_ADDED, MASK(1, 2, 1, 3), false, 0},
    {4, {2}, 1, 1, 2, 2, 1, 1, ATTENTION_ADDED, MASK(2, 1, 1, 2), true, 0},
    {3, {0}, 2, 1, 2, 2, 1, 1, ATTENTION_ADDED, MASK(2, 1, 2), false, 1},
    {3, {0}, 2, 2, 2, 2, 1, 1, ATTENTION_ADDED, MASK(2, 2), true, 0.5},
    {3, {0}, 1, 1, 2, 4, 1, 1, ATTENTION_ADDED, MASK(4), false, 0},
    {2, {0}, 1, 1, 3, 3, 1, 2, ATTENTION_ADDED, MASK(3, 3), false, 0},
    {2, {0}, 1, 1, 2, 3, 2, 1, ATTENTION_ADDED, MASK(1, 3), true, 0.75},
    {4, {0}, 2, 1, 2, 2, 1, 1, NO_MASK, false, 0},
    {3, {0}, 2, 2, 0, 3, 1, 1, NO_MASK, true, 0},
    {3, {0}, 2, 1, 2, 0, 1, 2, NO_MASK, false, 0},
    {3, {0}, 2, 1, 2, 3, 1, 0, NO_MASK, false, 0},
    {3, {0}, 0, 0, 2, 3, 1, 1, NO_MASK, false, 0},
    {2, {0}, 1, 1, 1, 66, 1, 1, NO_MASK, false, 0}, /* more keys, and more queries, than a block has */
    {2, {0}, 1, 1, 66, 2, 1, 1, NO_MASK, true, 0},
};
#undef MASK
#undef NO_MASK
enum {
    ATTENTION_CASES = sizeof attention_cases / sizeof *attention_cases,
    ATTENTION_LONG = 2 /* the last */
};

static inline wg_shape attention_case_shape(const attention_case *c, int64_t heads, int64_t places,
                                            int64_t depth) {
    wg_shape shape;
    int axis = 0;
    for (; axis < c->rank - 3; axis++) shape.extent[axis] = c->lead[axis];
    if (c->rank > 2) shape.extent[axis++] = heads;
    shape.extent[axis++] = places;
    if (depth >= 0) shape.extent[axis++] = depth;
    shape.extent[axis] = INT64_MIN;
    return shape;
}

/* A mask of bool is false at one place, anywhere: where queries see one key alone, nothing is left of many
 * gradients but what cancels. One of a single element is true. */
static inline void hide_one(wg_sample_input *mask) {
    int64_t count = 1;
    for (const int64_t *extent = mask->shape->extent; *extent != INT64_MIN; extent++) count *= *extent;
    mask->values = count > 1 ? WG_DISTINCT : WG_ALL_EQUAL; /* 0 … count - 1 in any order, or 1 */
    mask->low = count > 1 ? -0.5 : 1, mask->high = (double)count - 0.5;
}

/* Keys that are nearly alike, or scores far apart, leave gradients that are small and lost in rounding. */
static inline wg_sample_input apart(const wg_shape *shape) {
    return (wg_sample_input){.shape = shape, .values = WG_DISTINCT, .low = -1, .high = 1.5};
}

/* Of the gradient: with dy in front, and lse and d. */
static inline void attention_samples(wg_sampler *s, bool of_grad) {
    for (int i = 0; i < ATTENTION_CASES - (of_grad ? ATTENTION_LONG : 0); i++) {
        const attention_case *c = &attention_cases[i];
        const attention_attributes with = {c->is_causal, c->scale};
        const wg_shape q = attention_case_shape(c, c->heads, c->rows, c->depth);
        const wg_shape k = attention_case_shape(c, c->kv_heads, c->keys, c->depth);
        const wg_shape v = attention_case_shape(c, c->kv_heads, c->keys, c->value_depth);
        const wg_shape y = attention_case_shape(c, c->heads, c->rows, c->value_depth);
        const wg_shape row = attention_case_shape(c, c->heads, c->rows, -1);
        wg_sample_input mask = {.shape = &c->shape, .absent = c->mask == ATTENTION_OPEN};
        if (c->mask == ATTENTION_BOOL) mask.dtype = WG_BOOL, hide_one(&mask);
        const wg_sample_input of_q = apart(&q), of_k = apart(&k), of_v = {.shape = &v, .values = WG_DISTINCT};
        const wg_sample_input lse = {.shape = &row, .values = WG_UNIFORM, .low = 0.5, .high = 1.5};
        if (of_grad)
            WG_SAMPLE(s, &with, {.shape = &y}, of_q, of_k, of_v, lse, {.shape = &row}, mask);
        else
            WG_SAMPLE(s, &with, of_q, of_k, of_v, mask);
    }
}

#endif
#endif
