/* multi_head_attention — heads that lie side by side, each attending by itself; Vaswani et al. 2017
 * (arXiv:1706.03762), ONNX Attention-23 of three axes
 *
 * A function that records reshape, transpose and scaled_dot_product_attention; with dropout, which is of the
 * weights of attention, it records the weights themselves. */
#include "op.h"

#ifdef WG_RULES

/* x [.., L, heads E] as [.., heads, L, E]; WG_NONE, with an error on the tape, where it is not. */
static wg_var split_heads(wg_var x, int64_t heads, const char *name) {
    wg_type type = wg_type_of(x);
    wg_axes axes;
    const int rank = type.rank;
    if (!wg_valid(x))
        return wg_fail(x.tape, WG_ERROR_STALE, "multi_head_attention: %s is not a valid var", name);
    if (rank < 2 || rank >= WG_MAX_RANK)
        return wg_fail(x.tape, WG_ERROR_SHAPE, "multi_head_attention: %s has %d axes; it must have 2 to %d",
                       name, rank, WG_MAX_RANK - 1);
    if (heads < 1 || type.extent[rank - 1] % heads)
        return wg_fail(x.tape, WG_ERROR_SHAPE,
                       "multi_head_attention: %s has rows of %lld numbers, which %lld heads do not divide",
                       name, (long long)type.extent[rank - 1], (long long)heads);
    type.extent[rank] = type.extent[rank - 1] / heads;
    type.extent[rank - 1] = heads;
    type.rank++;
    for (int i = 0; i < rank - 2; i++) axes.axis[i] = i;
    axes.axis[rank - 2] = rank - 1, axes.axis[rank - 1] = rank - 2, axes.axis[rank] = rank;
    axes.axis[type.rank] = INT_MIN;
    const wg_shape shape = wg_shape_of(&type);
    return (wg_transpose)((wg_reshape)(x, &shape), &axes);
}

static wg_var join_heads(wg_var y) {
    wg_type type = wg_type_of(y);
    wg_axes axes;
    const int rank = type.rank;
    if (!wg_valid(y)) return y;
    for (int i = 0; i < rank - 3; i++) axes.axis[i] = i;
    axes.axis[rank - 3] = rank - 2, axes.axis[rank - 2] = rank - 3, axes.axis[rank - 1] = rank - 1;
    axes.axis[rank] = INT_MIN;
    y = (wg_transpose)(y, &axes);
    type.extent[rank - 2] = type.extent[rank - 3] * type.extent[rank - 1]; /* heads E; L goes before it */
    type.extent[rank - 3] = wg_type_of(y).extent[rank - 3];
    type.rank--;
    const wg_shape shape = wg_shape_of(&type);
    return (wg_reshape)(y, &shape);
}

/* softmax(scale q k^T + mask), 0 in the row of a query that sees nothing. */
static wg_var weights_of(wg_var q, wg_var k, wg_var mask, const wg_multi_head_options *with) {
    const wg_type type = wg_type_of(q);
    const double depth = (double)type.extent[type.rank - 1];
    const wg_matmul_options transposed = {.size_ = sizeof transposed, .transpose_b = true};
    const wg_reduce_options kept = {.size_ = sizeof kept, .keepdims = true};
    const double scale = wg_read_number(with->scale, depth > 0 ? 1 / __builtin_sqrt(depth) : 1);
    wg_var s = (wg_mul)((wg_matmul)(q, k, &transposed), (wg_scalar)(q.tape, scale));
    wg_var hidden = (wg_scalar)(q.tape, -__builtin_inf()), zero = (wg_scalar)(q.tape, 0);
    if (mask.tape) s = wg_type_of(mask).dtype == WG_BOOL ? (wg_where)(mask, s, hidden) : (wg_add)(s, mask);
    if (!wg_valid(s)) return s;
    if (with->is_causal) {
        const wg_type scores = wg_type_of(s);
        const wg_shape *matrix = WG_SHAPE(scores.extent[scores.rank - 2], scores.extent[scores.rank - 1]);
        s = (wg_where)((wg_tril)((wg_full)(q.tape, WG_BOOL, matrix, 1), 0), s, hidden);
    }
    if (wg_type_of(k).extent[type.rank - 2] == 0) return s; /* no keys: no weights */
    wg_var empty = (wg_equal)((wg_stop_gradient)((wg_max)(s, WG_AXES(-1), &kept)), hidden);
    return (wg_where)(empty, zero, (wg_softmax)((wg_where)(empty, zero, s), -1));
}

wg_var (wg_multi_head_attention)(wg_var q, wg_var k, wg_var v, wg_var mask, int64_t heads,
                                const wg_multi_head_options *options) {
    WG_READ_OPTIONS(wg_multi_head_options, given, options);
    const int64_t kv_heads = given.kv_heads ? given.kv_heads : heads;
    if (!q.tape || !k.tape || !v.tape) /* it is refused there, on the tape of another one */
        return (wg_scaled_dot_product_attention)(q, k, v, mask, NULL);
    if (!(given.dropout >= 0 && given.dropout <= 1))
        return wg_fail(q.tape, WG_ERROR_ATTRIBUTE,
                       "multi_head_attention: dropout is %g; it must be from 0 to 1", given.dropout);
    q = split_heads(q, heads, "q"), k = split_heads(k, kv_heads, "k"), v = split_heads(v, kv_heads, "v");
    if (!wg_valid(q) || !wg_valid(k) || !wg_valid(v)) return !wg_valid(q) ? q : !wg_valid(k) ? k : v;
    const wg_attention_options with = {
        .size_ = sizeof with, .is_causal = given.is_causal, .scale = given.scale};
    wg_var y = (wg_scaled_dot_product_attention)(q, k, v, mask, &with); /* which refuses what does not fit */
    if (!given.draw.step.tape || given.dropout == 0 || !wg_valid(y)) return join_heads(y);
    const int axis = wg_type_of(q).rank - 3;
    if (kv_heads != heads) {
        k = (wg_repeat_interleave)(k, heads / kv_heads, axis);
        v = (wg_repeat_interleave)(v, heads / kv_heads, axis);
    }
    wg_var p = (wg_drop)(given.draw, weights_of(q, k, mask, &given), given.dropout);
    return join_heads((wg_matmul)(p, v, NULL));
}

#endif
