/* Layers: what they compute, the parameters they make, what they refuse. */
#include "model_suite.h"
#include <math.h>
#include <stdlib.h>

/* Sets element i of a parameter to first + i step. */
static void ramp(const char *path, double first, double step) {
    const wg_parameter_info *info = wg_model_find(model, path);
    ck_assert_msg(info != NULL, "no parameter \"%s\"", path);
    const wg_type type = wg_tensor_type(wg_state_tensor(info->state));
    wg_tensor *tensor = wg_tensor_of_type(&type, NULL);
    const int64_t count = wg_tensor_count(tensor);
    for (int64_t i = 0; i < count; i++) {
        if (type.dtype == WG_F32)
            ((float *)wg_tensor_writable(tensor))[i] = (float)(first + step * (double)i);
        else
            ((double *)wg_tensor_writable(tensor))[i] = first + step * (double)i;
    }
    ck_assert_int_eq(wg_state_set(info->state, tensor, NULL), WG_OK);
    wg_tensor_free(tensor);
}

static wg_var numbers(const wg_shape *shape, const double *data) {
    return wg_array(tape, WG_F64, shape, data);
}

START_TEST(linear_is_x_times_weight_transposed_plus_bias) {
    const double x[] = {1, 2, 3, -1, 0, 1};
    wg_linear(model, "fc", numbers(WG_SHAPE(2, 3), x), 2);
    ramp("fc.weight", 1, 1); /* [[1, 2, 3], [4, 5, 6]] */
    ramp("fc.bias", 10, 10);
    wg_tape_clear(tape);
    assert_values(wg_linear(model, "fc", numbers(WG_SHAPE(2, 3), x), 2), 0, 24, 52, 12, 22);
}
END_TEST

START_TEST(linear_works_on_the_last_axis_of_any_rank) {
    const double x[] = {1, 2, 3, -1, 0, 1};
    wg_linear(model, "fc", numbers(WG_SHAPE(3), x), 2, .no_bias = true);
    ramp("fc.weight", 1, 1);
    wg_tape_clear(tape);
    assert_values(wg_linear(model, "fc", numbers(WG_SHAPE(3), x), 2, .no_bias = true), 0, 14, 32);
    const wg_var y = wg_linear(model, "fc", numbers(WG_SHAPE(1, 2, 1, 3), x), 2, .no_bias = true);
    ck_assert_int_eq(wg_type_of(y).rank, 4);
    assert_values(y, 0, 14, 32, 2, 2);
    ck_assert_int_eq(wg_model_count(model), 1);
}
END_TEST

/* One output of a convolution of x [2, 4, 5] with 3 x 2 kernels, stride 2, a row of padding, where weight
 * number n is -3 + n / 2 and bias number k is 1 + k. */
static double convolved(const double *x, int k, int i, int j) {
    double sum = 1 + k;
    for (int at = 0; at < 2 * 3 * 2; at++) {
        const int c = at / 6, row = 2 * i + at / 2 % 3 - 1, column = 2 * j + at % 2;
        if (row >= 0 && row < 4) sum += x[(c * 4 + row) * 5 + column] * (-3 + 0.5 * (k * 12 + at));
    }
    return sum;
}

static wg_var convolution(const double *x) {
    return wg_conv2d_layer(model, "conv", numbers(WG_SHAPE(1, 2, 4, 5), x), 3, .kernel_hw = {3, 2},
                           .stride = 2, .padding_hw = {1, 0});
}

START_TEST(conv2d_layer_is_conv2d_of_its_parameters) {
    double x[2 * 4 * 5];
    for (int i = 0; i < 40; i++) x[i] = (i * 7 % 11) - 5;
    convolution(x);
    ramp("conv.weight", -3, 0.5);
    ramp("conv.bias", 1, 1);
    wg_tape_clear(tape);
    const wg_var y = convolution(x);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_int_eq(wg_tensor_count(wg_value(y)), 3 * 2 * 2);
    for (int at = 0; at < 12; at++)
        ck_assert_double_eq_tol(wg_tensor_get(wg_value(y), at), convolved(x, at / 4, at / 2 % 2, at % 2),
                                1e-12);
}
END_TEST

START_TEST(layers_make_parameters_of_these_shapes) {
    wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 4, 8, 8), 1);
    x = wg_conv2d_layer(model, "conv", x, 6, .kernel = 3, .groups = 2, .no_bias = true);
    wg_linear(model, "fc", wg_flatten(x, 1), 10);
    static const char *const paths[] = {"conv.weight", "fc.bias", "fc.weight"};
    static const int64_t extents[][4] = {{6, 2, 3, 3}, {10, 0, 0, 0}, {10, 216, 0, 0}};
    ck_assert_int_eq(wg_model_count(model), 3);
    for (int i = 0; i < 3; i++) {
        const wg_parameter_info *info = wg_model_parameter(model, i);
        const wg_type type = wg_tensor_type(wg_state_tensor(info->state));
        ck_assert_str_eq(info->path, paths[i]);
        ck_assert_int_eq(type.dtype, WG_F32);
        for (int k = 0; k < 4; k++) ck_assert_int_eq(type.extent[k], extents[i][k]);
    }
}
END_TEST

START_TEST(a_layers_nodes_carry_the_line_of_its_call) {
    const int line = __LINE__ + 1;
    const wg_var y = wg_linear(model, "fc", wg_full(tape, WG_F32, WG_SHAPE(4, 3), 1), 2);
    char place[64];
    snprintf(place, sizeof place, "test_nn_layers.c:%d", line);
    ck_assert_message_contains(wg_describe(y), place);
}
END_TEST

/* Of the layer in its scope, forward and backward; what follows is outside of it again. */
START_TEST(a_layers_nodes_stand_in_a_scope_of_its_name) {
    const double data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    char *text = NULL;
    size_t size = 0;
    wg_scope(tape, "b");
    wg_var x = wg_conv2d_layer(model, "conv", numbers(WG_SHAPE(1, 2, 2, 2), data), 3, .kernel = 1);
    wg_var y = wg_dropout(model, "drop", wg_linear(model, "fc", wg_flatten(x, 1), 2), 0.5);
    wg_scope_end(tape);
    wg_var z = wg_exp(y);
    ck_assert_int_eq(wg_prepare(wg_grad(wg_sum(z, WG_ALL_AXES), x)), WG_OK);
    FILE *stream = open_memstream(&text, &size);
    ck_assert_int_eq(wg_explain(tape, stream), WG_OK);
    fclose(stream);
    static const char *const lines[][2] = {{"= conv2d(", "b/conv"},
                                           {"= matmul(", "b/fc"},
                                           {"= dropout_mask(", "b/drop"},
                                           {"= exp(", ""}};
    for (int i = 0; i < 4; i++) {
        const char *at = strstr(text, lines[i][0]);
        ck_assert_msg(at != NULL, "no %s in\n%s", lines[i][0], text);
        const char *end = strchr(at, '\n'), *scope = strstr(at, " b/");
        if (!*lines[i][1])
            ck_assert(!scope || scope > end);
        else
            ck_assert_msg(strncmp(end - strlen(lines[i][1]), lines[i][1], strlen(lines[i][1])) == 0,
                          "%s is not in %s:\n%s", lines[i][0], lines[i][1], text);
    }
    free(text);
}
END_TEST

START_TEST(layers_say_what_they_cannot_take) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 4, 8, 8), 1),
                 plane = wg_full(tape, WG_F32, WG_SHAPE(8, 8), 1);
    wg_linear(model, "fc", wg_full(tape, WG_I32, WG_SHAPE(2, 3), 1), 5);
    assert_error(tape, WG_ERROR_DTYPE, "linear \"fc\": x is i32[2, 3]; f32 or f64 are taken");
    wg_linear(model, "fc", wg_scalar(tape, 1), 5);
    assert_error(tape, WG_ERROR_SHAPE, "linear \"fc\": x is f64[]; it must have 1 axis or more");
    wg_linear(model, "fc", plane, 0);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "linear \"fc\": out_features is 0; at least 1");
    wg_linear(model, "", plane, 1);
    assert_error(tape, WG_ERROR_NAME, "name is empty");
    wg_linear(model, NULL, plane, 1);
    assert_error(tape, WG_ERROR_NAME, "name is empty");
    wg_linear(NULL, "fc", plane, 1);
    assert_error(tape, WG_ERROR_MEMORY, "the model is NULL");
    wg_conv2d_layer(model, "c", plane, 5, .kernel = 3);
    assert_error(tape, WG_ERROR_SHAPE, "conv2d_layer \"c\": x is f32[8, 8]; it must have 4 axes");
    wg_conv2d_layer(model, "c", x, 5);
    assert_error(tape, WG_ERROR_ATTRIBUTE,
                 "conv2d_layer \"c\": the kernel is {0, 0}; give .kernel or .kernel_hw");
    wg_conv2d_layer(model, "c", x, 5, .kernel = 3, .kernel_hw = {3, 3});
    assert_error(tape, WG_ERROR_ATTRIBUTE, "both kernel = 3 and kernel_hw = {3, 3} are given");
    wg_conv2d_layer(model, "c", x, 5, .kernel = 3, .groups = 2);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "4 channels to 5 in 2 groups; groups must divide both");
    ck_assert_int_eq(wg_model_count(model), 0);
    wg_tape_clear(tape);
    wg_linear(model, "fc", x, 5);
    assert_error(tape, WG_ERROR_STALE, "linear \"fc\": x is stale");
    wg_dropout(model, "drop", x, 0.5);
    assert_error(tape, WG_ERROR_STALE, "dropout \"drop\": x is stale");
}
END_TEST

/* --- Dropout */

static wg_var ones(void) { return wg_full(tape, WG_F64, WG_SHAPE(10000), 1); }

START_TEST(dropout_keeps_the_mean_and_is_zero_with_probability_p) {
    const wg_var y = wg_dropout(model, "drop", ones(), 0.3);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    int zeros = 0;
    for (int i = 0; i < 10000; i++) {
        const double value = wg_tensor_get(wg_value(y), i);
        ck_assert(value == 0 || fabs(value - 1 / 0.7) < 1e-15);
        zeros += value == 0;
    }
    ck_assert_int_le(abs(zeros - 3000), 230); /* five standard deviations */
}
END_TEST

START_TEST(dropout_is_the_identity_in_evaluation_mode) {
    wg_model_train(model, false);
    const wg_var x = ones(), first = wg_dropout(model, "drop", x, 0.3);
    ck_assert_uint_eq(first.id, x.id);
    ck_assert_uint_eq(wg_dropout(model, "drop", x, 0.3).id, x.id);
}
END_TEST

START_TEST(a_random_name_met_twice_is_an_error_that_says_to_open_a_scope) {
    wg_dropout(model, "drop", ones(), 0.3);
    wg_dropout(model, "drop", ones(), 0.3);
    assert_error(tape, WG_ERROR_NAME, "the random name \"drop\" is met twice on this tape");
    wg_scope(tape, "second");
    wg_dropout(model, "drop", ones(), 0.3);
    wg_scope_end(tape);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    wg_tape_clear(tape);
    wg_dropout(model, "drop", ones(), 0.3);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
}
END_TEST

/* How many of 10,000 places have the same mask in both. */
static int agreements(wg_var a, wg_var b) {
    ck_assert_int_eq(wg_eval(a, b), WG_OK);
    int count = 0;
    for (int i = 0; i < 10000; i++) count += wg_tensor_get(wg_value(a), i) == wg_tensor_get(wg_value(b), i);
    return count;
}

START_TEST(a_probability_out_of_range_is_an_error_in_both_modes) {
    for (int training = 0; training < 2; training++) {
        wg_model_train(model, training);
        wg_dropout(model, "drop", ones(), training ? -0.5 : 1);
        assert_error(tape, WG_ERROR_ATTRIBUTE, "dropout \"drop\": p is");
    }
}
END_TEST

START_TEST(dropout_draws_by_seed_path_and_step) {
    wg_model *other = wg_model_new(.seed = 8), *same = wg_model_new(.seed = 7);
    wg_tape *second = wg_tape_new(), *third = wg_tape_new();
    const wg_var a = wg_dropout(model, "a", ones(), 0.5), b = wg_dropout(model, "b", ones(), 0.5);
    ck_assert_int_lt(abs(agreements(a, b) - 5000), 250);
    const wg_var x = wg_full(second, WG_F64, WG_SHAPE(10000), 1),
                 z = wg_full(third, WG_F64, WG_SHAPE(10000), 1);
    const wg_var seeded = wg_dropout(other, "a", x, 0.5), again = wg_dropout(same, "a", z, 0.5);
    ck_assert_int_eq(wg_eval(seeded), WG_OK);
    ck_assert_int_eq(wg_eval(again), WG_OK);
    int with_other = 0, with_same = 0;
    for (int i = 0; i < 10000; i++) {
        with_other += wg_tensor_get(wg_value(a), i) == wg_tensor_get(wg_value(seeded), i);
        with_same += wg_tensor_get(wg_value(a), i) == wg_tensor_get(wg_value(again), i);
    }
    ck_assert_int_lt(abs(with_other - 5000), 250);
    ck_assert_int_eq(with_same, 10000);
    wg_tape_free(second);
    wg_tape_free(third);
    wg_model_free(other);
    wg_model_free(same);
}
END_TEST

START_TEST(dropout_draws_afresh_after_each_update) {
    wg_optimizer *sgd = wg_sgd(model, 0.1);
    double before[10000];
    int agree = 0;
    for (int step = 0; step < 2; step++) {
        const wg_var y = wg_dropout(model, "drop", ones(), 0.5);
        const wg_var loss =
            wg_mul(wg_mean(y, WG_ALL_AXES), wg_parameter(model, tape, "w", WG_SCALAR_SHAPE, .dtype = WG_F64));
        wg_minimize(sgd, loss);
        ck_assert_int_eq(wg_eval(y, loss), WG_OK);
        for (int i = 0; i < 10000; i++) {
            agree += step == 1 && before[i] == wg_tensor_get(wg_value(y), i);
            before[i] = wg_tensor_get(wg_value(y), i);
        }
        wg_tape_clear(tape);
    }
    ck_assert_int_lt(abs(agree - 5000), 250);
    wg_optimizer_free(sgd);
}
END_TEST

WG_MODEL_SUITE("nn/layers", linear_is_x_times_weight_transposed_plus_bias,
               linear_works_on_the_last_axis_of_any_rank, conv2d_layer_is_conv2d_of_its_parameters,
               layers_make_parameters_of_these_shapes, a_layers_nodes_carry_the_line_of_its_call,
               a_layers_nodes_stand_in_a_scope_of_its_name, layers_say_what_they_cannot_take,
               dropout_keeps_the_mean_and_is_zero_with_probability_p,
               dropout_is_the_identity_in_evaluation_mode,
               a_random_name_met_twice_is_an_error_that_says_to_open_a_scope,
               a_probability_out_of_range_is_an_error_in_both_modes, dropout_draws_by_seed_path_and_step,
               dropout_draws_afresh_after_each_update)
