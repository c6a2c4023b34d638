/* recurrent — networks that go through a sequence, or look at all of it at once. */
#include "onnx.h"
#include <math.h>

typedef wg_recurrent network(wg_var x, wg_var weight_ih, wg_var weight_hh,
                             const wg_recurrent_options *options);

/* Gates along axis 1 in our order, of which gate i is ONNX's order[i]. */
static wg_var in_our_order(wg_var x, const int *order, int gates) {
    wg_var parts[5];
    wg_split(x, 1, gates, NULL, parts);
    wg_var list[5];
    for (int i = 0; i < gates; i++) list[i] = parts[order[i]];
    list[gates] = (wg_var)WG_END_;
    return wg_concat_list(1, list);
}

/* With layout 1 sequences come first, in states too. */
static wg_var state(const onnx_node *node, int input) {
    const wg_var h = onnx_input(node, input);
    return wg_valid(h) && onnx_int(node, "layout", 0) ? wg_transpose(h, WG_AXES(1, 0, 2)) : h;
}

static wg_direction direction_of(const onnx_node *node) {
    return onnx_says(node, "direction", "forward", "reverse")         ? WG_DIRECTION_REVERSE
           : onnx_says(node, "direction", "forward", "bidirectional") ? WG_DIRECTION_BIDIRECTIONAL
                                                                      : WG_DIRECTION_FORWARD;
}

/* [T, N, D H] to [T, D, N, H], with layout 1 [N, T, D H] to [N, T, D, H]; final states [D, N, H], [N, D, H].
 */
static void give(onnx_node *node, wg_recurrent r, bool batch_first) {
    const wg_type y = wg_type_of(r.output), h = wg_type_of(r.h);
    const wg_var apart = wg_reshape(r.output, WG_SHAPE(y.extent[0], y.extent[1], h.extent[0], h.extent[2]));
    node->outputs[0] = batch_first ? apart : wg_transpose(apart, WG_AXES(0, 2, 1, 3));
    node->outputs[1] = batch_first ? wg_transpose(r.h, WG_AXES(1, 0, 2)) : r.h;
    if (wg_valid(r.c)) node->outputs[2] = batch_first ? wg_transpose(r.c, WG_AXES(1, 0, 2)) : r.c;
}

static void record(onnx_node *node, network *f, const int *order, int gates) {
    const wg_var x = onnx_input(node, 0), b = onnx_input(node, 3), weight = onnx_input(node, 1);
    const bool batch_first = onnx_int(node, "layout", 0) != 0;
    wg_recurrent_options options = {.size_ = sizeof options,
                                    .direction = direction_of(node),
                                    .batch_first = batch_first,
                                    .lengths = onnx_input(node, 4),
                                    .h0 = state(node, 5),
                                    .c0 = state(node, 6)};
    if (onnx_attribute(node, "activations") || onnx_attribute(node, "clip")) {
        onnx_lacks(node, "other activations");
        return;
    }
    if (wg_valid(b)) {
        wg_var halves[2];
        wg_split(b, 1, 2, NULL, halves);
        options.bias_ih = in_our_order(halves[0], order, gates);
        options.bias_hh = in_our_order(halves[1], order, gates);
    }
    give(node,
         f(x, in_our_order(weight, order, gates), in_our_order(onnx_input(node, 2), order, gates), &options),
         batch_first);
}

static void rnn(onnx_node *node) { record(node, wg_rnn, (const int[]){0}, 1); }

/* i o f g */
static void lstm(onnx_node *node) {
    if (wg_valid(onnx_input(node, 7)))
        onnx_lacks(node, "peepholes");
    else
        record(node, wg_lstm, (const int[]){0, 2, 3, 1}, 4);
}

/* Is this bias, of h for the new gate, which is the last, nothing? */
static bool is_unbiased(onnx_node *node) {
    const wg_var b = onnx_input(node, 3);
    if (!wg_valid(b)) return true;
    const int64_t hidden = wg_type_of(b).extent[1] / 6;
    const wg_var largest = wg_max(wg_abs(wg_slice(b, 1, 5 * hidden, 6 * hidden)), WG_ALL_AXES);
    return !wg_peek(largest) && wg_item(largest) == 0;
}

/* z r n. Reset before the product with R_n is what linear_before_reset = 0 asks for; in the first step after
 * a zero state and without b_Rn there is nothing to be reset, and it is the same. */
static void gru(onnx_node *node) {
    const int time = onnx_int(node, "layout", 0) ? 1 : 0;
    const bool first = wg_type_of(onnx_input(node, 0)).extent[time] == 1 && !wg_valid(onnx_input(node, 5));
    if (onnx_int(node, "linear_before_reset", 0) || (first && is_unbiased(node)))
        record(node, wg_gru, (const int[]){1, 0, 2}, 3);
    else
        onnx_lacks(node, "linear_before_reset = 0: gru resets after the product, as PyTorch and cuDNN do");
}

/* [N, L, heads E] to [N, heads, L, E], or what has four axes as it is. */
static wg_var by_heads(wg_var x, int64_t heads) {
    const wg_type type = wg_type_of(x);
    if (type.rank != 3 || !heads) return x;
    const wg_var apart = wg_reshape(x, WG_SHAPE(type.extent[0], type.extent[1], heads, -1));
    return wg_transpose(apart, WG_AXES(0, 2, 1, 3));
}

static wg_var after_past(wg_var past, wg_var x) { return wg_valid(past) ? wg_concat(2, past, x) : x; }

/* Keys and values go on from those of the past, and what becomes of both are outputs 1 and 2. */
static void attention(onnx_node *node) {
    const int64_t heads = onnx_int(node, "q_num_heads", 0), kv_heads = onnx_int(node, "kv_num_heads", 0);
    const bool beside = onnx_rank(node, 0) == 3, is_causal = onnx_int(node, "is_causal", 0) != 0;
    const wg_var q = by_heads(onnx_input(node, 0), heads), past = onnx_input(node, 4);
    const wg_var k = after_past(past, by_heads(onnx_input(node, 1), kv_heads));
    const wg_var v = after_past(onnx_input(node, 5), by_heads(onnx_input(node, 2), kv_heads));
    if (onnx_real(node, "softcap", 0) != 0)
        onnx_lacks(node, "softcap");
    else if (node->output_count > 3)
        onnx_lacks(node, "the scores as an output");
    else if (onnx_attribute(node, "left_window_size") || onnx_attribute(node, "right_window_size"))
        onnx_lacks(node, "a window: a mask says it");
    else if (wg_valid(onnx_input(node, 6)))
        onnx_lacks(node, "nonpad_kv_seqlen: a mask says it");
    else if (is_causal && wg_valid(past))
        onnx_lacks(node, "is_causal with a past: ours counts from the first key");
    if (node->verdict->outcome != ONNX_PASSED) return;
    wg_var y = wg_scaled_dot_product_attention(q, k, v, onnx_input(node, 3), .is_causal = is_causal,
                                               .scale = onnx_real(node, "scale", 0));
    if (beside) {
        const wg_type type = wg_type_of(y);
        y = wg_reshape(wg_transpose(y, WG_AXES(0, 2, 1, 3)), WG_SHAPE(type.extent[0], type.extent[2], -1));
    }
    node->outputs[0] = y;
    node->outputs[1] = k;
    node->outputs[2] = v;
}

static void rotary_embedding(onnx_node *node) {
    node->outputs[0] = wg_rotary_embedding(
        onnx_input(node, 0), onnx_input(node, 3), .cos = onnx_input(node, 1), .sin = onnx_input(node, 2),
        .heads = onnx_int(node, "num_heads", 0), .rotary_dim = onnx_int(node, "rotary_embedding_dim", 0),
        .interleaved = onnx_int(node, "interleaved", 0) != 0);
}

const onnx_op onnx_recurrent[] = {
    {"Attention", .record = attention},
    {"GRU", .record = gru},
    {"LSTM", .record = lstm},
    {"RNN", .record = rnn},
    {"RotaryEmbedding", .record = rotary_embedding},
    {.name = NULL},
};
