/* ops/recurrent — networks that go through a sequence and keep a state. See wengert/ops.h. */
#ifndef WENGERT_OPS_RECURRENT_H
#define WENGERT_OPS_RECURRENT_H

#include <wengert/tape.h>

WG_BEGIN_C

/* --- Recurrent networks ---------------------------------------------------------------------------- */

/* From which end a layer goes through its sequences; D, the number of directions, is 2 where it does both. */
typedef enum wg_direction {
    WG_DIRECTION_FORWARD = 0, WG_DIRECTION_REVERSE, WG_DIRECTION_BIDIRECTIONAL
} wg_direction;

/* Of a layer of T steps, N sequences, I numbers each, H numbers of state. */
typedef struct wg_recurrent {
    wg_var output; /* [T, N, D H]: h after each step, the forward direction first; batch_first: [N, T, D H] */
    wg_var h;      /* [D, N, H]: h after the last step, for the reverse direction the first */
    wg_var c;      /* [D, N, H]: the same of an lstm's cells, WG_NONE of the others */
} wg_recurrent;

typedef struct wg_recurrent_options {
    WG_OPTIONS_HEAD;
    wg_direction direction WG_DEFAULT_;            /* default: forward */
    bool batch_first WG_DEFAULT_; /* x and output are [N, T, …], not [T, N, …]; ONNX's layout = 1 */
    wg_var bias_ih WG_DEFAULT_, bias_hh WG_DEFAULT_; /* [D, G H]; default: none */
    wg_var h0 WG_DEFAULT_, c0 WG_DEFAULT_; /* [D, N, H]: states before the first step; default: zeros */
    wg_var lengths WG_DEFAULT_; /* [N], i32 or i64: where sequences end. Outputs beyond are 0, final states
                                   those at the end, where the reverse direction begins. Below 0 counts as
                                   0, above T as T */
    bool relu WG_DEFAULT_;      /* wg_rnn: relu, not tanh */
} wg_recurrent_options;

/* One layer, x [T, N, I] with weight_ih [D, G H, I] and weight_hh [D, G H, H]; a bias of both adds up. All
 * formulas, and the order of the G gates, are PyTorch's:
 *     rnn   G = 1:              h' = tanh(W x + b + R h + b_R)
 *     lstm  G = 4 (i, f, g, o): c' = σ(f) c + σ(i) tanh(g),  h' = σ(o) tanh(c')
 *     gru   G = 3 (r, z, n):    n = tanh(W_n x + b_n + σ(r) (R_n h + b_Rn)),  h' = (1 - σ(z)) n + σ(z) h
 * ONNX's RNN, LSTM and GRU are the same with [W; R] and their biases apart, but LSTM has its gates in the
 * order i, o, f, g (and can have peepholes), GRU in the order z, r, n, and it multiplies by R_n after the
 * reset only where linear_before_reset is 1, which is what is done here. Several layers: src/nn has
 * wg_rnn_layer and so on. */
WG_API wg_recurrent wg_rnn(wg_var x, wg_var weight_ih, wg_var weight_hh, const wg_recurrent_options *options);
WG_API wg_recurrent wg_lstm(wg_var x, wg_var weight_ih, wg_var weight_hh,
                            const wg_recurrent_options *options);
WG_API wg_recurrent wg_gru(wg_var x, wg_var weight_ih, wg_var weight_hh, const wg_recurrent_options *options);

/* One step of an lstm: gates [N, 4 H] before their activations and cells c [N, H] give h, and c' as wg_output
 * 1. */
WG_API wg_var wg_lstm_cell(wg_var gates, wg_var c);
/* One step of a gru: what x and h make of the gates, [N, 3 H] each, and h [N, H] give h'. */
WG_API wg_var wg_gru_cell(wg_var of_x, wg_var of_h, wg_var h);

WG_API wg_recurrent wg_recurrent_at_(wg_recurrent result, const char *file, int line);

WG_END_C

#define wg_rnn(...) wg_recurrent_at_(wg_rnn_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_rnn_(x, weight_ih, weight_hh, ...)                                                      \
    (wg_rnn)(x, weight_ih, weight_hh, WG_OPTIONS_(wg_recurrent_options, __VA_ARGS__))
#define wg_lstm(...) wg_recurrent_at_(wg_lstm_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_lstm_(x, weight_ih, weight_hh, ...)                                                     \
    (wg_lstm)(x, weight_ih, weight_hh, WG_OPTIONS_(wg_recurrent_options, __VA_ARGS__))
#define wg_gru(...) wg_recurrent_at_(wg_gru_(__VA_ARGS__, ), __FILE__, __LINE__)
#define wg_gru_(x, weight_ih, weight_hh, ...)                                                      \
    (wg_gru)(x, weight_ih, weight_hh, WG_OPTIONS_(wg_recurrent_options, __VA_ARGS__))
#define wg_lstm_cell(...) WG_AT((wg_lstm_cell)(__VA_ARGS__))
#define wg_gru_cell(...) WG_AT((wg_gru_cell)(__VA_ARGS__))

#endif
