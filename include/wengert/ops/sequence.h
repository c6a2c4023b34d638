/* ops/sequence — words as vectors, places in a sequence, and attention. See wengert/ops.h. */
#ifndef WENGERT_OPS_SEQUENCE_H
#define WENGERT_OPS_SEQUENCE_H

#include <wengert/ops/random.h>
#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_embedding_options {
    WG_OPTIONS_HEAD;
    int64_t padding_index WG_DEFAULT_; /* a row without gradient; negative: from the back. Default: none */
    bool has_padding WG_DEFAULT_;      /* there is one, also where padding_index is 0 */
} wg_embedding_options;
/* Rows of weight [V, D] by indices (i32 or i64, any shape): [indices', D]; D may be several axes, or none.
 * Negative indices count from the back, as in ONNX Gather (PyTorch refuses them); one out of range fails the
 * run, naming it and V. PyTorch's max_norm and scale_grad_by_freq are not there. */
WG_API wg_var wg_embedding(wg_var weight, wg_var indices, const wg_embedding_options *options);

typedef enum wg_bag_mode { WG_BAG_SUM = 0, WG_BAG_MEAN, WG_BAG_MAX } wg_bag_mode;
typedef struct wg_embedding_bag_options {
    WG_OPTIONS_HEAD;
    wg_bag_mode mode WG_DEFAULT_;      /* default: sum (PyTorch's: mean) */
    wg_var offsets WG_DEFAULT_;        /* [B], i32 or i64: where bags of indices [N] begin, rising from 0 */
    bool include_last_offset WG_DEFAULT_;   /* offsets are [B + 1], and the last one ends the last bag */
    wg_var per_sample_weights WG_DEFAULT_;  /* of the indices' shape, times the rows; of sums only */
    int64_t padding_index WG_DEFAULT_; /* a row that is in no bag; negative: from the back. Default: none */
    bool has_padding WG_DEFAULT_;      /* there is one, also where padding_index is 0 */
} wg_embedding_bag_options;
/* Of weight [V, D] the rows that indices [B, L] name, those of each bag made one: [B, D]. An empty bag gives
 * 0. The first offset counts as 0, and offsets that fall as if they were sorted. torch.nn.EmbeddingBag. */
WG_API wg_var wg_embedding_bag(wg_var weight, wg_var indices, const wg_embedding_bag_options *options);

typedef struct wg_rotary_options {
    WG_OPTIONS_HEAD;
    double base WG_DEFAULT_;        /* default 1e4: pair i of R/2 turns by id base^(-2i / R) radians */
    int64_t rotary_dim WG_DEFAULT_; /* R, how many numbers of a row are turned, the first; default: all */
    bool interleaved WG_DEFAULT_;   /* pairs are x[2i] and x[2i + 1], not x[i] and x[i + R/2] */
    int64_t heads WG_DEFAULT_;      /* x is [N, L, heads E], not [N, heads, L, E]; ONNX's num_heads */
    wg_var cos WG_DEFAULT_, sin WG_DEFAULT_; /* ONNX's caches instead of a base: [M, R/2], of which
                               position_ids picks rows; or without those [L, R/2] or [N, L, R/2] */
} wg_rotary_options;
/* x [N, .., L, E] or [L, E], each place's rows turned by its position_id: [L] or [N, L] of i32 or i64, or
 * WG_NONE for 0, 1, …, L - 1. ONNX RotaryEmbedding, but that angles need no cache: they are computed in
 * f64. */
WG_API wg_var wg_rotary_embedding(wg_var x, wg_var position_ids, const wg_rotary_options *options);

typedef struct wg_attention_options {
    WG_OPTIONS_HEAD;
    bool is_causal WG_DEFAULT_; /* query i sees keys 0 … i, counted from the first of both */
    double scale WG_DEFAULT_;   /* of the scores; default 1 / sqrt(E) */
} wg_attention_options;
/* y = softmax(scale q k^T + mask) v for each head: q [..., Hq, L, E], k [..., Hkv, S, E], v [..., Hkv, S,
 * D] give y [..., Hq, L, D]; with two axes there is one head. Where Hq is a multiple of Hkv, so many
 * heads of q in turn share one of k and v, as in ONNX (PyTorch asks for it by enable_gqa). The mask may
 * be WG_NONE, and broadcasts to [..., Hq, L, S]: of bool it is true where a query sees a key, a real one
 * is added to the scores, and both go together with is_causal (not in PyTorch). A query that sees nothing
 * gives 0 (PyTorch: NaN), and a mask of -infinity never makes NaN. Memory is linear in L and S, also for
 * the gradient, but for that of a real mask, and for gradients of gradients. wg_output(y, 1) is the
 * logarithm of each row's sum of exponentials, [..., Hq, L], 0 where nothing is seen. */
WG_API wg_var wg_scaled_dot_product_attention(wg_var q, wg_var k, wg_var v, wg_var mask,
                                              const wg_attention_options *options);

typedef struct wg_multi_head_options {
    WG_OPTIONS_HEAD;
    int64_t kv_heads WG_DEFAULT_; /* default: as many as heads, which must be a multiple of it */
    bool is_causal WG_DEFAULT_;   /* this and the scale as in wg_scaled_dot_product_attention */
    double scale WG_DEFAULT_;
    double dropout WG_DEFAULT_;   /* of the weights of attention, whose memory is then L S; 0: none */
    wg_draw draw WG_DEFAULT_;     /* what dropout draws from; without it none is dropped */
} wg_multi_head_options;
/* wg_scaled_dot_product_attention of heads side by side: q [.., L, heads E], k [.., S, kv_heads E], v [.., S,
 * kv_heads D] give y [.., L, heads D]. The mask may be WG_NONE, and broadcasts to [.., heads, L, S]. ONNX
 * Attention of three axes; PyTorch's MultiheadAttention is wg_multihead_attention_layer of model.h. */
WG_API wg_var wg_multi_head_attention(wg_var q, wg_var k, wg_var v, wg_var mask, int64_t heads,
                                      const wg_multi_head_options *options);

WG_END_C

#define wg_embedding(...) WG_AT(wg_embedding_(__VA_ARGS__, ))
#define wg_embedding_(weight, indices, ...)                                                        \
    (wg_embedding)(weight, indices, WG_OPTIONS_(wg_embedding_options, __VA_ARGS__))
#define wg_embedding_bag(...) WG_AT(wg_embedding_bag_(__VA_ARGS__, ))
#define wg_embedding_bag_(weight, indices, ...)                                                    \
    (wg_embedding_bag)(weight, indices, WG_OPTIONS_(wg_embedding_bag_options, __VA_ARGS__))
#define wg_rotary_embedding(...) WG_AT(wg_rotary_embedding_(__VA_ARGS__, ))
#define wg_rotary_embedding_(x, position_ids, ...)                                                 \
    (wg_rotary_embedding)(x, position_ids, WG_OPTIONS_(wg_rotary_options, __VA_ARGS__))
#define wg_scaled_dot_product_attention(...) WG_AT(wg_scaled_dot_product_attention_(__VA_ARGS__, ))
#define wg_scaled_dot_product_attention_(q, k, v, mask, ...)                                       \
    (wg_scaled_dot_product_attention)(q, k, v, mask, WG_OPTIONS_(wg_attention_options, __VA_ARGS__))
#define wg_multi_head_attention(...) WG_AT(wg_multi_head_attention_(__VA_ARGS__, ))
#define wg_multi_head_attention_(q, k, v, mask, heads, ...)                                        \
    (wg_multi_head_attention)(q, k, v, mask, heads, WG_OPTIONS_(wg_multi_head_options, __VA_ARGS__))

#endif
