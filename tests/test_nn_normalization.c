/* Layers that normalise: what they compute, what they keep, what they refuse. */
#include "model_suite.h"
#include <math.h>

static wg_var numbers(const wg_shape *shape, const double *data) {
    return wg_array(tape, WG_F64, shape, data);
}

/* Sets a parameter of f64. */
static void set(const char *path, const double *values) {
    const wg_parameter_info *info = wg_model_find(model, path);
    ck_assert_msg(info != NULL, "no parameter \"%s\"", path);
    const wg_type type = wg_tensor_type(wg_state_tensor(info->state));
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(type.extent[0]), NULL);
    memcpy(wg_tensor_writable(tensor), values, (size_t)type.extent[0] * sizeof *values);
    ck_assert_int_eq(wg_state_set(info->state, tensor, NULL), WG_OK);
    wg_tensor_free(tensor);
}

static double held(const char *path, int at) {
    const wg_parameter_info *info = wg_model_find(model, path);
    ck_assert_msg(info != NULL, "no parameter \"%s\"", path);
    return wg_tensor_get(wg_state_tensor(info->state), at);
}

START_TEST(layer_norm_layer_scales_and_shifts_standardized_rows) {
    const double x[] = {1, 3, 10, 10}, weight[] = {2, 3}, bias[] = {-1, 5}, s = 1 / sqrt(1.25);
    wg_layer_norm_layer(model, "norm", numbers(WG_SHAPE(2, 2), x), -1);
    assert_values(wg_parameter(model, tape, "norm.weight", WG_SHAPE(2), .dtype = WG_F64), 0, 1, 1);
    set("norm.weight", weight);
    set("norm.bias", bias);
    wg_tape_clear(tape);
    assert_values(wg_layer_norm_layer(model, "norm", numbers(WG_SHAPE(2, 2), x), -1, .epsilon = 0.25), 1e-14,
                  -2 * s - 1, 3 * s + 5, -1, 5);
}
END_TEST

START_TEST(rms_norm_layer_scales_rows_by_their_mean_square) {
    const double x[] = {1, 7, 0, 0}, weight[] = {2, 3};
    wg_rms_norm_layer(model, "norm", numbers(WG_SHAPE(2, 2), x), 1);
    set("norm.weight", weight);
    wg_tape_clear(tape);
    assert_values(wg_rms_norm_layer(model, "norm", numbers(WG_SHAPE(2, 2), x), 1, .epsilon = 11), 1e-14,
                  2 / 6., 21 / 6., 0, 0);
    ck_assert_int_eq(wg_model_count(model), 1);
}
END_TEST

START_TEST(group_norm_layer_standardizes_groups_of_channels) {
    const double x[] = {1, 3, 4, 4}, weight[] = {1, 2, 3, 4}, bias[] = {0, 0, 1, 2}, s = 1 / sqrt(1.25);
    wg_group_norm_layer(model, "norm", numbers(WG_SHAPE(1, 4), x), 2);
    set("norm.weight", weight);
    set("norm.bias", bias);
    wg_tape_clear(tape);
    assert_values(wg_group_norm_layer(model, "norm", numbers(WG_SHAPE(1, 4), x), 2, .epsilon = 0.25), 1e-14,
                  -s, 2 * s, 1, 2);
}
END_TEST

/* Channels 1, 2, 3, 6 and 5, 5, 5, 5: means 3 and 5, variances 3.5 and 0, of all there is 14/3 and 0. */
static const double batch[] = {1, 5, 2, 5, 3, 5, 6, 5};

START_TEST(batch_norm_layer_goes_by_the_batch_in_training) {
    const double s = 1 / sqrt(3.5 + 1e-5);
    assert_values(wg_batch_norm_layer(model, "norm", numbers(WG_SHAPE(4, 2), batch)), 1e-14, -2 * s, 0, -s, 0,
                  0, 0, 3 * s, 0);
}
END_TEST

START_TEST(batch_norm_layer_keeps_running_statistics) {
    for (int step = 0; step < 2; step++) {
        const double kept = step ? 0.9 : 0;
        const wg_var y = wg_batch_norm_layer(model, "norm", numbers(WG_SHAPE(4, 2), batch));
        ck_assert_int_eq(wg_eval(y), WG_OK);
        wg_tape_clear(tape);
        ck_assert_double_eq_tol(held("norm.running_mean", 0), kept * 0.3 + 0.3, 1e-14);
        ck_assert_double_eq_tol(held("norm.running_mean", 1), kept * 0.5 + 0.5, 1e-14);
    }
    ck_assert_double_eq_tol(held("norm.running_var", 0), 0.81 + 0.19 * 14 / 3, 1e-14);
    ck_assert_double_eq_tol(held("norm.running_var", 1), 0.81, 1e-14);
}
END_TEST

START_TEST(momentum_is_the_share_of_the_new_batch) {
    const wg_var x = numbers(WG_SHAPE(4, 2), batch);
    ck_assert_int_eq(wg_eval(wg_batch_norm_layer(model, "norm", x, .momentum = 0.5)), WG_OK);
    ck_assert_double_eq_tol(held("norm.running_mean", 0), 1.5, 1e-14);
    ck_assert_double_eq_tol(held("norm.running_var", 0), 0.5 + 7 / 3., 1e-14);
}
END_TEST

START_TEST(without_momentum_nothing_runs) {
    const wg_var x = numbers(WG_SHAPE(4, 2), batch);
    ck_assert_int_eq(wg_eval(wg_batch_norm_layer(model, "norm", x, .momentum = WG_ZERO)), WG_OK);
    ck_assert_double_eq(held("norm.running_mean", 0), 0);
    ck_assert_double_eq(held("norm.running_var", 0), 1);
}
END_TEST

START_TEST(batch_norm_layer_goes_by_running_statistics_in_evaluation_mode) {
    const double mean[] = {1, 2}, variance[] = {3, 8};
    wg_batch_norm_layer(model, "norm", numbers(WG_SHAPE(4, 2), batch));
    wg_tape_clear(tape);
    set("norm.running_mean", mean);
    set("norm.running_var", variance);
    wg_model_train(model, false);
    const double x[] = {3, 5};
    assert_values(wg_batch_norm_layer(model, "norm", numbers(WG_SHAPE(1, 2), x), .epsilon = 1), 1e-14, 1, 1);
    ck_assert_double_eq(held("norm.running_mean", 0), 1);
    ck_assert_double_eq(held("norm.running_var", 1), 8);
}
END_TEST

START_TEST(no_optimizer_touches_running_statistics) {
    wg_optimizer *sgd = wg_sgd(model, 0.1);
    wg_model_train(model, false);
    const wg_var y = wg_batch_norm_layer(model, "norm", numbers(WG_SHAPE(4, 2), batch));
    const wg_var loss = wg_sum(wg_square(y), WG_ALL_AXES);
    wg_minimize(sgd, loss);
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    ck_assert_double_ne(held("norm.bias", 0), 0);
    ck_assert_double_eq(held("norm.running_mean", 0), 0);
    ck_assert_double_eq(held("norm.running_var", 0), 1);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(without_running_statistics_the_batch_counts_in_both_modes) {
    const double s = 1 / sqrt(3.5 + 1e-5);
    for (int training = 0; training < 2; training++) {
        wg_model_train(model, training);
        const wg_var x = numbers(WG_SHAPE(4, 2), batch);
        const wg_var y =
            wg_batch_norm_layer(model, "norm", x, .no_running = true, .no_weight = true, .no_bias = true);
        assert_values(y, 1e-14, -2 * s, 0, -s, 0, 0, 0, 3 * s, 0);
    }
    ck_assert_int_eq(wg_model_count(model), 0);
}
END_TEST

START_TEST(layers_say_what_they_cannot_normalise) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(1, 4), 1);
    wg_layer_norm_layer(model, "n", x, 2);
    assert_error(tape, WG_ERROR_AXIS, "layer_norm_layer \"n\": axis is 2, and x has 2 axes");
    wg_rms_norm_layer(model, "n", wg_full(tape, WG_I32, WG_SHAPE(2), 1), 0);
    assert_error(tape, WG_ERROR_DTYPE, "rms_norm_layer \"n\": x is i32[2]; f32 or f64 are taken");
    wg_group_norm_layer(model, "n", x, 3);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "group_norm_layer \"n\": 4 channels in 3 groups");
    wg_batch_norm_layer(model, "n", x);
    assert_error(tape, WG_ERROR_SHAPE, "batch_norm_layer \"n\": x has 1 numbers a channel");
    wg_batch_norm_layer(model, "n", x, .momentum = 1.5);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "batch_norm_layer \"n\": momentum is 1.5");
    wg_batch_norm_layer(model, NULL, wg_full(tape, WG_F32, WG_SHAPE(2, 2), 1));
    assert_error(tape, WG_ERROR_NAME, "name is empty");
    ck_assert_int_eq(wg_model_count(model), 0);
}
END_TEST

WG_MODEL_SUITE("nn/normalization", layer_norm_layer_scales_and_shifts_standardized_rows,
               rms_norm_layer_scales_rows_by_their_mean_square,
               group_norm_layer_standardizes_groups_of_channels,
               batch_norm_layer_goes_by_the_batch_in_training, batch_norm_layer_keeps_running_statistics,
               momentum_is_the_share_of_the_new_batch, without_momentum_nothing_runs,
               batch_norm_layer_goes_by_running_statistics_in_evaluation_mode,
               no_optimizer_touches_running_statistics,
               without_running_statistics_the_batch_counts_in_both_modes,
               layers_say_what_they_cannot_normalise)
