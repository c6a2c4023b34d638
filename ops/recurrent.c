/* rnn, lstm, gru — a layer of a recurrent network, recorded step by step
 *
 *     rnn     h' = tanh(W x + b + R h + b_R), or relu                Elman 1990
 *     lstm    lstm_cell of W x + b + R h + b_R and c                 Hochreiter & Schmidhuber 1997
 *     gru     gru_cell of W x + b, R h + b_R and h                   Cho et al. 2014
 *
 * for each direction by itself. One product makes W x of all steps, `quarters` take it apart; then each step
 * is one product and one cell. The result is [T + k, N, D H]: the T outputs and behind them the k final
 * states, h and the lstm's c, so that one value holds all; the recorders cut it. Where lengths are given a
 * step beyond the end of a sequence keeps the state and puts out 0. */
#include "op.h"
#include <stdlib.h>

#ifdef WG_RULES

typedef struct recurrent_attributes {
    int64_t direction, relu;
    bool batch_first;
} rnn_attributes, lstm_attributes, gru_attributes;

#define SHARED_ATTRIBUTES                                                                          \
    WG_ATTRIBUTE(rnn_attributes, direction, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 2,  \
                 .meaning = "0 forward, 1 reverse, 2 both"),                                       \
    WG_ATTRIBUTE(rnn_attributes, batch_first, .kind = WG_ATTRIBUTE_BOOL,                           \
                 .meaning = "[N, T, …], not [T, N, …]?")
static const wg_attribute attributes[] = {SHARED_ATTRIBUTES, WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_rnn[] = {SHARED_ATTRIBUTES,
                                                 WG_ATTRIBUTE(rnn_attributes, relu, .kind = WG_ATTRIBUTE_INT,
                                                              .bounded = true, .high = 1,
                                                              .meaning = "0 tanh, 1 relu"),
                                                 WG_NO_MORE_ATTRIBUTES};

/* What differs: gates, and states, of which the first is h. */
typedef struct network {
    int gates, states;
} network;
static const network rnn_network = {1, 1}, lstm_network = {4, 2}, gru_network = {3, 1};

/* Places of the inputs; c0 is only the lstm's, and lengths stand behind the states. */
enum { X, WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH, H0, MOST_INPUTS = 8 };
enum { MOST_STEPS = 1 << 20 };

/* --- Shape rule ------------------------------------------------------------------------------------ */

static const char *const input_names[2][MOST_INPUTS] = {
    {"x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "lengths", ""},
    {"x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0", "c0", "lengths"}};

static int expect(wg_infer *infer, const network *net, int input, wg_type expected) {
    const wg_type *type = &infer->inputs[input], *x = &infer->inputs[X];
    const char *name = input_names[net->states - 1][input];
    const bool is_lengths = input == H0 + net->states;
    if (!wg_infer_given(infer, input)) return WG_OK;
    if (is_lengths ? type->dtype != WG_I32 && type->dtype != WG_I64 : type->dtype != x->dtype)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "%s is %s, x is %s; %s", name, wg_infer_text(infer, type),
                             wg_infer_text(infer, x),
                             is_lengths ? "lengths are i32 or i64" : "they must be alike (wg_cast converts)");
    if (wg_shape_equal(type, &expected)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s is %s; with x %s and weight_hh %s it must be %s", name,
                         wg_infer_shape_text(infer, type), wg_infer_shape_text(infer, x),
                         wg_infer_shape_text(infer, &infer->inputs[WEIGHT_HH]),
                         wg_infer_shape_text(infer, &expected));
}

static int infer(wg_infer *infer, const network *net) {
    const rnn_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[X], *weight = &infer->inputs[WEIGHT_HH];
    const int64_t directions = a->direction == WG_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    int status = wg_infer_one_real(infer, X, "x");
    if (status) return status;
    if (x->rank != 3 || weight->rank != 3 || weight->extent[2] < 1)
        return wg_infer_fail(
            infer, WG_ERROR_SHAPE,
            "x is %s, weight_hh is %s; they must be [steps, sequences, numbers] and [directions, "
            "gates and states, states], with at least one state",
            wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, weight));
    const int64_t size = weight->extent[2], rows = net->gates * size, n = x->extent[a->batch_first ? 0 : 1];
    const wg_type expected[] = {{.rank = 3, .extent = {directions, rows, x->extent[2]}},
                                {.rank = 3, .extent = {directions, rows, size}},
                                {.rank = 2, .extent = {directions, rows}},
                                {.rank = 3, .extent = {directions, n, size}},
                                {.rank = 1, .extent = {n}}};
    static const int which[] = {0, 0, 1, 2, 2, 3, 3, 3};
    for (int i = WEIGHT_IH; i < infer->input_count; i++)
        if ((status = expect(infer, net, i, expected[i == H0 + net->states ? 4 : which[i]]))) return status;
    infer->outputs[0] = *x;
    infer->outputs[0].extent[2] = directions * size;
    int64_t *steps = &infer->outputs[0].extent[a->batch_first ? 1 : 0];
    if (*steps > MOST_STEPS)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it may have %d steps, as each is recorded",
                             wg_infer_shape_text(infer, x), MOST_STEPS);
    *steps += net->states;
    return WG_OK;
}
static int infer_rnn(wg_infer *i) { return infer(i, &rnn_network); }
static int infer_lstm(wg_infer *i) { return infer(i, &lstm_network); }
static int infer_gru(wg_infer *i) { return infer(i, &gru_network); }

/* --- What they are made of -------------------------------------------------------------------------- */

typedef struct layer {
    wg_tape *tape;
    const network *net;
    bool relu;
    wg_var inputs[MOST_INPUTS]; /* of which x is [T, N, I] */
    wg_var lengths;
    wg_dtype dtype;
    int64_t steps, sequences, size; /* T, N, H */
} layer;

/* A direction's states on its way: h and c. */
typedef struct states {
    wg_var of[2];
} states;

/* The part of an input [D, …] that belongs to direction d, without that axis; WG_NONE if it is left out. */
static wg_var part_of(const layer *l, int input, int d) {
    wg_var whole = l->inputs[input];
    if (!wg_valid(whole)) return WG_NONE;
    wg_type type = wg_type_of(whole);
    if (type.extent[0] > 1) whole = wg_slice(whole, 0, d, d + 1);
    type.rank--;
    memmove(type.extent, type.extent + 1, (size_t)type.rank * sizeof *type.extent);
    const wg_shape shape = wg_shape_of(&type);
    return wg_reshape(whole, &shape);
}

static wg_var plus(wg_var a, wg_var b) { return !wg_valid(b) ? a : wg_valid(a) ? wg_add(a, b) : b; }

/* The n rows of x, [n, N, G H], as [N, G H] each. As deep as log4 n. */
static void take_rows(wg_var x, int64_t n, wg_var *rows) {
    const wg_type type = wg_type_of(x);
    if (n == 1) *rows = wg_reshape(x, WG_SHAPE(type.extent[1], type.extent[2]));
    if (n <= 1) return;
    wg_var runs = WG_RECORD(&wg_op_quarters, NULL, x);
    for (int k = 0; k < 4 && wg_valid(runs); k++) {
        wg_var run = wg_output(runs, k);
        const int64_t count = wg_type_of(run).extent[0];
        take_rows(run, count, rows);
        rows += count;
    }
}

/* W x + b of each step, and of gates that are added up b_R too. */
static void project(const layer *l, int d, wg_var *rows) {
    const wg_type x = wg_type_of(l->inputs[X]);
    const int64_t columns = l->net->gates * l->size;
    wg_var bias = part_of(l, BIAS_IH, d);
    if (l->net != &gru_network) bias = plus(bias, part_of(l, BIAS_HH, d));
    wg_var flat = wg_reshape(l->inputs[X], WG_SHAPE(l->steps * l->sequences, x.extent[2]));
    wg_var y = plus(wg_matmul(flat, part_of(l, WEIGHT_IH, d), .transpose_b = true), bias);
    take_rows(wg_reshape(y, WG_SHAPE(l->steps, l->sequences, columns)), l->steps, rows);
}

static states step(const layer *l, wg_var of_x, wg_var weight, wg_var bias, states s) {
    wg_var of_h = wg_matmul(s.of[0], weight, .transpose_b = true);
    if (l->net == &gru_network) return (states){{wg_gru_cell(of_x, plus(of_h, bias), s.of[0]), WG_NONE}};
    wg_var gates = wg_add(of_x, of_h);
    if (l->net == &rnn_network) return (states){{l->relu ? wg_relu(gates) : wg_tanh(gates), WG_NONE}};
    wg_var h = wg_lstm_cell(gates, s.of[1]);
    return (states){{h, wg_valid(h) ? wg_output(h, 1) : h}};
}

/* Direction d: the outputs of all steps, and behind them the final states. */
static void go_through(const layer *l, int d, bool reverse, wg_var *rows) {
    wg_var weight = part_of(l, WEIGHT_HH, d),
           bias = l->net == &gru_network ? part_of(l, BIAS_HH, d) : WG_NONE;
    states s = {{WG_NONE, WG_NONE}};
    for (int k = 0; k < l->net->states; k++) {
        s.of[k] = part_of(l, H0 + k, d);
        if (!wg_valid(s.of[k])) s.of[k] = wg_full(l->tape, l->dtype, WG_SHAPE(l->sequences, l->size), 0);
    }
    project(l, d, rows);
    for (int64_t i = 0; i < l->steps && !wg_tape_status(l->tape); i++) {
        const int64_t t = reverse ? l->steps - 1 - i : i;
        states next = step(l, rows[t], weight, bias, s);
        rows[t] = next.of[0];
        if (wg_valid(l->lengths)) {
            wg_var now = wg_full(l->tape, wg_type_of(l->lengths).dtype, WG_SCALAR_SHAPE, (double)t);
            wg_var runs = wg_reshape(wg_less(now, l->lengths), WG_SHAPE(l->sequences, 1));
            rows[t] = wg_where(runs, next.of[0], wg_scalar(l->tape, 0));
            for (int k = 0; k < l->net->states; k++) next.of[k] = wg_where(runs, next.of[k], s.of[k]);
        }
        s = next;
    }
    for (int k = 0; k < l->net->states; k++) rows[l->steps + k] = s.of[k];
}

/* Both directions side by side, all rows in one. */
static wg_var assemble(const layer *l, int directions, wg_var *rows) {
    const int64_t count = l->steps + l->net->states;
    for (int64_t t = 0; directions == 2 && t < count; t++) rows[t] = wg_concat(1, rows[t], rows[count + t]);
    rows[count] = (wg_var)WG_END_;
    return wg_stack_list(0, rows);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const rnn_attributes *a, const network *net) {
    layer l = {.tape = tape, .net = net, .relu = a->relu};
    for (int i = 0; i < MOST_INPUTS; i++) l.inputs[i] = WG_NONE;
    for (int i = 0; i < MOST_INPUTS && (inputs[i].tape || inputs[i].id != UINT32_MAX); i++)
        l.inputs[i] = inputs[i];
    l.lengths = l.inputs[H0 + net->states];
    if (a->batch_first) l.inputs[X] = wg_transpose(l.inputs[X], WG_AXES(1, 0, 2));
    const wg_type x = wg_type_of(l.inputs[X]), weight = wg_type_of(l.inputs[WEIGHT_HH]);
    l.dtype = x.dtype, l.steps = x.extent[0], l.sequences = x.extent[1], l.size = weight.extent[2];
    const int directions = (int)weight.extent[0];
    const size_t count = (size_t)(l.steps + net->states);
    wg_var *rows = malloc((2 * count + 1) * sizeof *rows);
    if (!rows)
        return wg_fail(tape, WG_ERROR_MEMORY, "out of memory for the %lld steps of a sequence",
                       (long long)l.steps);
    for (int d = 0; d < directions; d++)
        go_through(&l, d, d == 1 || a->direction == WG_DIRECTION_REVERSE, rows + (size_t)d * count);
    wg_var y = wg_tape_status(tape) ? wg_refuse(tape) : assemble(&l, directions, rows);
    free(rows);
    return a->batch_first ? wg_transpose(y, WG_AXES(1, 0, 2)) : y;
}
static wg_var expand_rnn(wg_tape *tape, const wg_var *inputs, const void *a) {
    return expand(tape, inputs, a, &rnn_network);
}
static wg_var expand_lstm(wg_tape *tape, const wg_var *inputs, const void *a) {
    return expand(tape, inputs, a, &lstm_network);
}
static wg_var expand_gru(wg_tape *tape, const wg_var *inputs, const void *a) {
    return expand(tape, inputs, a, &gru_network);
}

/* --- Samples -------------------------------------------------------------------------------------- */

/* T, N, I, H */
static const int64_t recurrent_cases[][4] = {{2, 2, 2, 2}, {1, 1, 1, 1}, {4, 1, 2, 1}, {2, 2, 1, 1},
                                             {0, 2, 1, 2}, {2, 0, 1, 2}, {3, 1, 0, 1}, {5, 2, 1, 1}};
static void samples(wg_sampler *s, const network *net) {
    for (int i = 0; i < 32; i++) {
        const int64_t *of = recurrent_cases[i / 4], T = of[0], N = of[1], I = of[2], H = of[3],
                      rows = net->gates * H;
        rnn_attributes a;
        memset(&a, 0, sizeof a); /* the bytes between the members */
        a.direction = i % 3, a.batch_first = i % 2, a.relu = net == &rnn_network && i % 4 > 1;
        const int64_t D = a.direction == 2 ? 2 : 1;
        const bool biases = i % 4 < 3, begins = i % 3 != 1, ends = i % 5 < 3;
        const wg_shape *state = WG_SHAPE(D, N, H);
        const wg_sample_input x = {.shape = a.batch_first ? WG_SHAPE(N, T, I) : WG_SHAPE(T, N, I)};
        const wg_sample_input lengths = {.dtype = i % 2 ? WG_I32 : WG_I64,
                                         .shape = WG_SHAPE(N),
                                         .values = WG_INTEGERS,
                                         .low = -1,
                                         .high = (double)T + 1,
                                         .absent = !ends};
        const wg_sample_input w = {.shape = WG_SHAPE(D, rows, I), .values = WG_UNIFORM, .low = -1, .high = 1};
        const wg_sample_input r = {.shape = WG_SHAPE(D, rows, H), .values = WG_UNIFORM, .low = -1, .high = 1};
        const wg_sample_input b = {.shape = WG_SHAPE(D, rows), .absent = !biases};
        const wg_sample_input of_h = {.shape = WG_SHAPE(D, rows), .absent = i % 7 == 0};
        const wg_sample_input h0 = {.shape = state, .absent = !begins},
                              c0 = {.shape = state, .absent = i % 5 == 1};
        if (net->states == 2) WG_SAMPLE(s, &a, x, w, r, b, of_h, h0, c0, lengths);
        else WG_SAMPLE(s, &a, x, w, r, b, of_h, h0, lengths);
    }
}
static void samples_of_rnn(wg_sampler *s) { samples(s, &rnn_network); }
static void samples_of_lstm(wg_sampler *s) { samples(s, &lstm_network); }
static void samples_of_gru(wg_sampler *s) { samples(s, &gru_network); }

/* --- The ops -------------------------------------------------------------------------------------- */

#define RECURRENT_OP(op, text, shapes_text, gradient_text, onnx_name, most, schema)                \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = #op, .inputs = 3,          \
        .shapes = shapes_text, .gradient = gradient_text,                                          \
        .inputs_max = most, .outputs = 1, .blocked_inputs = 1 << (most - 1), .attributes = schema,  \
        .attributes_size = sizeof(op##_attributes),                                                \
        .infer = infer_##op, .expand = expand_##op, .samples = samples_of_##op,                    \
        .f32_cancelled = 1,                                                                        \
    };                                                                                             \
    wg_recurrent (wg_##op)(wg_var x, wg_var weight_ih, wg_var weight_hh,                           \
                           const wg_recurrent_options *options) {                                  \
        return record(&wg_op_##op, &op##_network, x, weight_ih, weight_hh, options);               \
    }

/* States number k behind the outputs, [N, D H], as [D, N, H]. */
static wg_var final_state(wg_var joined, int axis, int64_t at, int64_t directions) {
    const wg_type type = wg_type_of(joined);
    const int64_t n = type.extent[1 - axis], size = type.extent[2] / directions;
    wg_var s = wg_reshape(wg_slice(joined, axis, at, at + 1), WG_SHAPE(n, directions, size));
    return directions == 1 ? wg_reshape(s, WG_SHAPE(1, n, size)) : wg_transpose(s, WG_AXES(1, 0, 2));
}

static wg_recurrent refuse(wg_var x, const char *name, const char *what) {
    wg_var invalid = wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "%s: %s", name, what);
    return (wg_recurrent){invalid, invalid, invalid};
}

static wg_recurrent record(const wg_op *op, const network *net, wg_var x, wg_var weight_ih, wg_var weight_hh,
                           const wg_recurrent_options *options) {
    WG_READ_OPTIONS(wg_recurrent_options, given, options);
    rnn_attributes a;
    if (net != &rnn_network && given.relu)
        return refuse(x, op->name, "relu is given; it is an option of rnn");
    if (net != &lstm_network && given.c0.tape)
        return refuse(x, op->name, "c0 is given; only an lstm has cells");
    memset(&a, 0, sizeof a); /* the bytes between the members */
    a.direction = given.direction, a.batch_first = given.batch_first,
    a.relu = net == &rnn_network && given.relu;
    wg_var inputs[MOST_INPUTS + 1] = {x, weight_ih, weight_hh, given.bias_ih, given.bias_hh, given.h0};
    int count = H0 + 1;
    if (net->states == 2) inputs[count++] = given.c0;
    inputs[count++] = given.lengths;
    inputs[count] = (wg_var)WG_END_;
    wg_var joined = wg_apply_list(op, sizeof *op, &a, inputs);
    wg_recurrent result = {joined, joined, net->states == 2 ? joined : WG_NONE};
    if (!wg_valid(joined)) return result;
    const int axis = given.batch_first ? 1 : 0,
              directions = given.direction == WG_DIRECTION_BIDIRECTIONAL ? 2 : 1;
    const int64_t steps = wg_type_of(x).extent[axis];
    result.output = wg_slice(joined, axis, 0, steps);
    result.h = final_state(joined, axis, steps, directions);
    if (net->states == 2) result.c = final_state(joined, axis, steps + 1, directions);
    return result;
}

RECURRENT_OP(rnn, "h' = tanh(W x + b + R h + b_R), step by step",
             "x [*], weight_ih [D, H, I], weight_hh [D, H, H], bias_ih [D, H]?, bias_hh [D, H]?, h0 [D, N, "
             "H]?, lengths [N]? -> y [*]; x [T, N, I], y [T + 1, N, D H], the final states behind the "
             "outputs; batch_first: N before T",
             "back through time: da = dh' (1 - h'^2), dW = sum da x^T, dR = sum da h^T, db = sum da, dx = "
             "W^T da, dh = R^T da", "RNN", 7, attributes_of_rnn)
RECURRENT_OP(lstm, "h', c' = lstm_cell(W x + b + R h + b_R, c), step by step",
             "x [*], weight_ih [D, 4 H, I], weight_hh [D, 4 H, H], bias_ih [D, 4 H]?, bias_hh [D, 4 H]?, h0 "
             "[D, N, H]?, c0 [D, N, H]?, lengths [N]? -> y [*]; x [T, N, I], y [T + 2, N, D H], the final "
             "states behind the outputs; batch_first: N before T",
             "back through time: da as lstm_cell's, dW = sum da x^T, dR = sum da h^T, db = sum da, dx = W^T "
             "da, dh = R^T da", "LSTM", 8, attributes)
RECURRENT_OP(gru, "h' = gru_cell(W x + b, R h + b_R, h), step by step",
             "x [*], weight_ih [D, 3 H, I], weight_hh [D, 3 H, H], bias_ih [D, 3 H]?, bias_hh [D, 3 H]?, h0 "
             "[D, N, H]?, lengths [N]? -> y [*]; x [T, N, I], y [T + 1, N, D H], the final states behind "
             "the outputs; batch_first: N before T",
             "back through time: da and dg as gru_cell's, dW = sum da x^T, dR = sum dg h^T, db = sum da, "
             "db_R = sum dg, dx = W^T da, dh = d z + R^T dg", "GRU", 7, attributes)

wg_var (wg_lstm_cell)(wg_var gates, wg_var c) { return WG_RECORD(&wg_op_lstm_cell, NULL, gates, c); }
wg_var (wg_gru_cell)(wg_var of_x, wg_var of_h, wg_var h) {
    return WG_RECORD(&wg_op_gru_cell, NULL, of_x, of_h, h);
}

wg_recurrent wg_recurrent_at_(wg_recurrent result, const char *file, int line) {
    wg_at_(result.output, file, line);
    return result;
}

#endif
