/* Recurrent networks as a whole: their gradients, their layers, and what sequences of several lengths mean.
 */
#include "model_suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { T = 3, N = 2, I = 2, H = UNDER_SANITIZER ? 1 : 2 };

static wg_tensor *numbers(const wg_shape *shape, int seed) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, shape, NULL);
    ck_assert_ptr_nonnull(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++)
        ((double *)wg_tensor_writable(tensor))[i] = 0.9 * sin(1.7 * (double)i + seed + 0.3);
    return tensor;
}

/* inputs: x, then of each of two layers weight_ih, weight_hh, bias_ih, bias_hh; h0 and c0 of the first. */
static wg_var two_layers(wg_tape *on, const wg_var *inputs, void *context) {
    const int64_t *lengths = context;
    const wg_var ends = wg_array(on, WG_I64, WG_SHAPE(N), lengths);
    const wg_recurrent a =
        wg_lstm(inputs[0], inputs[1], inputs[2], .bias_ih = inputs[3], .bias_hh = inputs[4],
                .direction = WG_DIRECTION_BIDIRECTIONAL, .h0 = inputs[9], .c0 = inputs[10], .lengths = ends);
    const wg_recurrent b =
        wg_lstm(a.output, inputs[5], inputs[6], .bias_ih = inputs[7], .bias_hh = inputs[8],
                .direction = WG_DIRECTION_BIDIRECTIONAL, .h0 = a.h, .c0 = a.c, .lengths = ends);
    return wg_concat(0, b.output, wg_reshape(b.c, WG_SHAPE(1, N, 2 * H)));
}

START_TEST(a_bidirectional_lstm_of_two_layers_has_the_gradients_of_its_function) {
    const wg_shape *const shapes[] = {WG_SHAPE(T, N, I),     WG_SHAPE(2, 4 * H, I), WG_SHAPE(2, 4 * H, H),
                                      WG_SHAPE(2, 4 * H),    WG_SHAPE(2, 4 * H),    WG_SHAPE(2, 4 * H, 2 * H),
                                      WG_SHAPE(2, 4 * H, H), WG_SHAPE(2, 4 * H),    WG_SHAPE(2, 4 * H),
                                      WG_SHAPE(2, N, H),     WG_SHAPE(2, N, H)};
    int64_t lengths[N] = {3, 2};
    wg_tensor *inputs[11];
    wg_gradcheck_report report;
    for (int i = 0; i < 11; i++) inputs[i] = numbers(shapes[i], i);
    const int status = wg_gradcheck(two_layers, lengths, inputs, 11, &report, .name = "two layers");
    wg_gradcheck_print(stdout, &report);
    ck_assert_int_eq(status, WG_OK);
    ck_assert_int_gt(report.elements, UNDER_SANITIZER ? 500 : 5000);
    for (int i = 0; i < 11; i++) wg_tensor_free(inputs[i]);
}
END_TEST

/* What a sequence gives by itself it gives beside a longer one. */
START_TEST(a_short_sequence_gives_the_same_beside_a_longer_one) {
    wg_tensor *data = numbers(WG_SHAPE(T, N, I), 1);
    const wg_var x = wg_input(tape, data);
    const int64_t lengths[N] = {3, 2};
    const wg_recurrent both = wg_gru_layer(model, "gru", x, H, .layers = 2, .bidirectional = true,
                                           .lengths = wg_array(tape, WG_I64, WG_SHAPE(N), lengths));
    const wg_var alone = wg_slice(wg_slice(x, 1, 1, 2), 0, 0, 2);
    const wg_recurrent one = wg_gru_layer(model, "gru", alone, H, .layers = 2, .bidirectional = true);
    ck_assert_msg(wg_eval(both.output, both.h, one.output, one.h) == WG_OK, "%s", wg_tape_message(tape));
    double off = 0;
    for (int i = 0; i < T * 2 * H; i++) {
        const int t = i / (2 * H), column = i % (2 * H);
        const double expected = t < 2 ? wg_tensor_get(wg_value(one.output), i) : 0;
        off = fmax(off, fabs(wg_tensor_get(wg_value(both.output), (t * N + 1) * 2 * H + column) - expected));
    }
    for (int i = 0; i < 4 * H; i++) {
        const double expected = wg_tensor_get(wg_value(one.h), i);
        off = fmax(off, fabs(wg_tensor_get(wg_value(both.h), (i / H * N + 1) * H + i % H) - expected));
    }
    ck_assert_double_lt(off, 1e-15);
    wg_tensor_free(data);
}
END_TEST

START_TEST(layers_make_parameters_of_pytorchs_names_within_its_bounds) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 5, 3), 1);
    const wg_recurrent r =
        wg_lstm_layer(model, "lstm", x, 16, .layers = 2, .bidirectional = true, .batch_first = true);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    ck_assert_int_eq(wg_model_count(model), 16);
    const wg_type output = wg_type_of(r.output), c = wg_type_of(r.c);
    ck_assert(output.extent[0] == 2 && output.extent[1] == 5 && output.extent[2] == 32);
    ck_assert(c.extent[0] == 4 && c.extent[1] == 2 && c.extent[2] == 16);
    const wg_parameter_info *info = wg_model_find(model, "lstm.weight_ih_l1_reverse");
    ck_assert_ptr_nonnull(info);
    const wg_tensor *weight = wg_state_tensor(info->state);
    double most = 0, squares = 0;
    ck_assert_int_eq(wg_tensor_count(weight), 64 * 32);
    for (int i = 0; i < 64 * 32; i++) {
        const double value = wg_tensor_get(weight, i);
        most = fmax(most, fabs(value));
        squares += value * value;
    }
    ck_assert(most <= 0.25 && most > 0.24);
    ck_assert_double_lt(fabs(squares / (64 * 32) - 0.25 * 0.25 / 3), 0.002);
}
END_TEST

START_TEST(recurrent_ops_say_what_does_not_fit) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(T, N, I), 1),
                 w = wg_full(tape, WG_F32, WG_SHAPE(1, 4, I), 1);
    const wg_var r = wg_full(tape, WG_F32, WG_SHAPE(1, 4, 1), 1);
    wg_gru(x, w, r);
    assert_error(tape, WG_ERROR_SHAPE,
                 "gru: weight_ih is [1, 4, 2]; with x [3, 2, 2] and weight_hh [1, 4, 1] it must be "
                 "[1, 3, 2]");
    wg_lstm(x, w, r, .lengths = wg_full(tape, WG_F32, WG_SHAPE(N), 1));
    assert_error(tape, WG_ERROR_DTYPE, "lstm: lengths is f32[2]");
    wg_lstm(x, w, r, .relu = true);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "lstm: relu is given");
    wg_rnn(x, w, r, .c0 = w);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "rnn: c0 is given");
    wg_lstm_layer(model, "lstm", x, 0);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "lstm_layer \"lstm\": hidden_size is 0");
}
END_TEST

WG_MODEL_SUITE("check/recurrent", a_bidirectional_lstm_of_two_layers_has_the_gradients_of_its_function,
               a_short_sequence_gives_the_same_beside_a_longer_one,
               layers_make_parameters_of_pytorchs_names_within_its_bounds,
               recurrent_ops_say_what_does_not_fit)
