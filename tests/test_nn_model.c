/* Models: parameters under paths, initial values, freezing, modes. */
#include "model_suite.h"
#include <math.h>

static const wg_tensor *values(const wg_model *of, const char *path) {
    const wg_parameter_info *info = wg_model_find(of, path);
    ck_assert_msg(info != NULL, "no parameter \"%s\"", path);
    return wg_state_tensor(info->state);
}

/* --- Names ---------------------------------------------------------------------------------------------- */

START_TEST(a_parameter_has_the_scopes_path) {
    wg_scope(tape, "encoder");
    wg_scope(tape, "block1");
    wg_parameter(model, tape, "weight", WG_SHAPE(2, 3));
    wg_scope_end(tape);
    wg_parameter(model, tape, "bias", WG_SHAPE(3));
    wg_scope_end(tape);
    ck_assert_int_eq(wg_model_count(model), 2);
    ck_assert_str_eq(wg_model_parameter(model, 0)->path, "encoder/bias");
    ck_assert_str_eq(wg_model_parameter(model, 1)->path, "encoder/block1/weight");
    ck_assert_int_eq(wg_model_elements(model), 9);
}
END_TEST

START_TEST(a_name_met_again_is_the_same_parameter) {
    const wg_var first = wg_parameter(model, tape, "w", WG_SHAPE(2), .init = WG_INIT_ONES);
    const wg_var second = wg_parameter(model, tape, "w", WG_SHAPE(2), .init = WG_HE_NORMAL);
    const wg_var loss = wg_sum(wg_mul(first, second), WG_ALL_AXES); /* sum of squares: gradient 2 w */
    assert_values(wg_grad(loss, first), 0, 2, 2);
    ck_assert_int_eq(wg_model_count(model), 1);
}
END_TEST

START_TEST(two_tapes_share_the_parameters) {
    wg_tape *other = wg_tape_new();
    wg_parameter(model, tape, "w", WG_SHAPE(2), .init = WG_INIT_ONES);
    const wg_var w = wg_parameter(model, other, "w", WG_SHAPE(2));
    assert_values(w, 0, 1, 1);
    ck_assert_int_eq(wg_model_count(model), 1);
    wg_tape_free(other);
}
END_TEST

START_TEST(another_shape_is_an_error_that_names_both) {
    wg_linear(model, "fc", wg_full(tape, WG_F32, WG_SHAPE(4, 3), 1), 2);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    wg_linear(model, "fc", wg_full(tape, WG_F32, WG_SHAPE(4, 5), 1), 2);
    assert_error(tape, WG_ERROR_SHAPE,
                 "parameter \"fc.weight\": f32[2, 5] is asked for, but the model has it as f32[2, 3]");
    ck_assert_int_eq(wg_model_count(model), 2);
}
END_TEST

START_TEST(another_dtype_is_an_error_that_names_both) {
    wg_parameter(model, tape, "w", WG_SHAPE(2), .dtype = WG_F64);
    wg_parameter(model, tape, "w", WG_SHAPE(2));
    assert_error(tape, WG_ERROR_DTYPE,
                 "parameter \"w\": f32[2] is asked for, but the model has it as f64[2]");
}
END_TEST

START_TEST(what_is_no_parameter_is_an_error) {
    wg_parameter(model, tape, "", WG_SHAPE(2));
    assert_error(tape, WG_ERROR_NAME, "has no name");
    wg_parameter(model, tape, NULL, WG_SHAPE(2));
    assert_error(tape, WG_ERROR_NAME, "has no name");
    wg_parameter(model, tape, "w", WG_SHAPE(2), .dtype = WG_I32);
    assert_error(tape, WG_ERROR_DTYPE, "parameter \"w\": its dtype is i32; f32 or f64 are taken");
    wg_parameter(model, tape, "w", WG_SHAPE(-2));
    assert_error(tape, WG_ERROR_SHAPE, "parameter \"w\"");
    wg_parameter(NULL, tape, "w", WG_SHAPE(2));
    assert_error(tape, WG_ERROR_MEMORY, "the model is NULL");
    char name[600];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    wg_parameter(model, tape, name, WG_SHAPE(2));
    assert_error(tape, WG_ERROR_NAME, "is longer than 511 bytes");
    ck_assert_int_eq(wg_model_count(model), 0);
}
END_TEST

START_TEST(a_tape_with_an_error_makes_no_parameter) {
    wg_fail(tape, WG_ERROR_SHAPE, "made to fail");
    ck_assert(!wg_valid(wg_parameter(model, tape, "w", WG_SHAPE(2))));
    ck_assert_int_eq(wg_model_count(model), 0);
}
END_TEST

START_TEST(parameters_are_walked_in_the_order_of_their_paths) {
    static const char *const names[] = {"conv2.weight", "conv10.weight", "a", "conv1/b", "conv1.b", "z"};
    for (int i = 0; i < 6; i++) wg_parameter(model, tape, names[i], WG_SHAPE(1));
    static const char *const sorted[] = {"a", "conv1.b", "conv1/b", "conv10.weight", "conv2.weight", "z"};
    ck_assert_int_eq(wg_model_count(model), 6);
    for (int i = 0; i < 6; i++) ck_assert_str_eq(wg_model_parameter(model, i)->path, sorted[i]);
    ck_assert_ptr_null(wg_model_parameter(model, 6));
    ck_assert_ptr_null(wg_model_parameter(model, -1));
    ck_assert_ptr_null(wg_model_find(model, "conv1"));
}
END_TEST

/* --- Initial values ------------------------------------------------------------------------------ */

START_TEST(initial_values_depend_on_seed_path_and_element_alone) {
    wg_model *again = wg_model_new(.seed = 7), *other = wg_model_new(.seed = 8);
    wg_parameter(again, tape, "before", WG_SHAPE(50, 4), .init = WG_HE_NORMAL);
    wg_parameter(again, tape, "a", WG_SHAPE(3, 4), .init = WG_HE_NORMAL);
    wg_parameter(other, tape, "a", WG_SHAPE(3, 4), .init = WG_HE_NORMAL);
    wg_parameter(model, tape, "a", WG_SHAPE(3, 4), .init = WG_HE_NORMAL);
    wg_parameter(model, tape, "b", WG_SHAPE(3, 4), .init = WG_HE_NORMAL);
    int same = 0;
    for (int i = 0; i < 12; i++) {
        const double value = wg_tensor_get(values(model, "a"), i);
        ck_assert_double_eq(value, wg_tensor_get(values(again, "a"), i));
        same += value == wg_tensor_get(values(other, "a"), i);
        same += value == wg_tensor_get(values(model, "b"), i);
    }
    ck_assert_int_eq(same, 0);
    wg_model_free(again);
    wg_model_free(other);
}
END_TEST

/* The moments and the largest magnitude of 40,000 values against those of the distribution. */
static void draws(wg_init init, double variance, bool is_uniform) {
    char name[16];
    snprintf(name, sizeof name, "w%d", (int)init);
    wg_parameter(model, tape, name, WG_SHAPE(100, 40, 2, 5), .init = init, .dtype = WG_F64);
    double sum = 0, squares = 0, fourths = 0, largest = 0;
    for (int i = 0; i < 40000; i++) {
        const double x = wg_tensor_get(values(model, name), i);
        sum += x;
        squares += x * x;
        fourths += x * x * x * x;
        largest = fmax(largest, fabs(x));
    }
    const double n = 40000, kurtosis = fourths / n / (variance * variance);
    ck_assert_double_le(fabs(sum / n), 5 * sqrt(variance / n));
    ck_assert_double_eq_tol(squares / n / variance, 1, 0.03);
    ck_assert_double_eq_tol(kurtosis, is_uniform ? 1.8 : 3, is_uniform ? 0.05 : 0.2);
    if (is_uniform)
        ck_assert_double_le(largest, sqrt(3 * variance));
    else
        ck_assert_double_ge(largest, 3.5 * sqrt(variance));
}

START_TEST(he_has_variance_two_over_fan_in) {
    draws(WG_HE_UNIFORM, 2.0 / 400, true);
    draws(WG_HE_NORMAL, 2.0 / 400, false);
}
END_TEST

START_TEST(glorot_has_variance_two_over_both_fans) {
    draws(WG_GLOROT_UNIFORM, 2.0 / 1400, true);
    draws(WG_GLOROT_NORMAL, 2.0 / 1400, false);
}
END_TEST

START_TEST(lecun_has_variance_one_over_fan_in) {
    draws(WG_LECUN_UNIFORM, 1.0 / 400, true);
    draws(WG_LECUN_NORMAL, 1.0 / 400, false);
}
END_TEST

START_TEST(plain_distributions_take_no_notice_of_the_shape) {
    draws(WG_INIT_UNIFORM, 1.0 / 3, true);
    draws(WG_INIT_NORMAL, 1, false);
}
END_TEST

/* Of the standard normal distribution cut at a = 2 the variance is 1 - 2 a φ(a) / (2 Φ(a) - 1) = 0.7737413.
 */
START_TEST(a_truncated_normal_distribution_ends_at_two) {
    wg_parameter(model, tape, "w", WG_SHAPE(40000), .init = WG_INIT_TRUNCATED, .dtype = WG_F64, .scale = 0.5);
    double sum = 0, squares = 0, largest = 0;
    for (int i = 0; i < 40000; i++) {
        const double x = 2 * wg_tensor_get(values(model, "w"), i);
        sum += x;
        squares += x * x;
        largest = fmax(largest, fabs(x));
    }
    ck_assert_double_eq_tol(sum / 40000, 0, 0.02);
    ck_assert_double_eq_tol(squares / 40000, 0.7737413, 0.02);
    ck_assert(largest <= 2 && largest > 1.99);
}
END_TEST

/* The largest deviation of the products of rows (or columns) from those of orthogonal ones of length 3. */
static double skew(const char *name, int count, int length, int row_step, int column_step) {
    double worst = 0;
    for (int a = 0; a < count; a++)
        for (int b = 0; b < count; b++) {
            double product = 0;
            for (int i = 0; i < length; i++)
                product += wg_tensor_get(values(model, name), a * row_step + i * column_step) *
                           wg_tensor_get(values(model, name), b * row_step + i * column_step);
            worst = fmax(worst, fabs(product - (a == b ? 9 : 0)));
        }
    return worst;
}

START_TEST(orthogonal_rows_or_columns_are_so) {
    wg_parameter(model, tape, "wide", WG_SHAPE(6, 2, 5), .init = WG_ORTHOGONAL, .dtype = WG_F64, .scale = 3);
    wg_parameter(model, tape, "tall", WG_SHAPE(9, 7), .init = WG_ORTHOGONAL, .dtype = WG_F64, .scale = 3);
    wg_parameter(model, tape, "none", WG_SHAPE(0, 7), .init = WG_ORTHOGONAL);
    wg_parameter(model, tape, "one", WG_SCALAR_SHAPE, .init = WG_ORTHOGONAL);
    ck_assert_double_lt(skew("wide", 6, 10, 10, 1), 1e-14);
    ck_assert_double_lt(skew("tall", 7, 9, 1, 7), 1e-14);
    ck_assert_double_eq(fabs(wg_tensor_get(values(model, "one"), 0)), 1);
}
END_TEST

START_TEST(a_scale_that_is_not_finite_is_an_error) {
    wg_parameter(model, tape, "x", WG_SHAPE(2), .init = WG_INIT_NORMAL, .scale = INFINITY);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "parameter \"x\": scale is inf; it must be finite");
}
END_TEST

START_TEST(zeros_and_ones_are_what_they_say) {
    assert_values(wg_parameter(model, tape, "d", WG_SHAPE(2)), 0, 0, 0);
    assert_values(wg_parameter(model, tape, "z", WG_SHAPE(2), .init = WG_INIT_ZEROS), 0, 0, 0);
    assert_values(wg_parameter(model, tape, "o", WG_SHAPE(2), .init = WG_INIT_ONES, .dtype = WG_F64), 0, 1,
                  1);
    wg_parameter(model, tape, "x", WG_SHAPE(2), .init = (wg_init)99);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "there is no initialisation 99");
}
END_TEST

/* --- Freezing */

static bool frozen(const char *path) {
    const wg_parameter_info *info = wg_model_find(model, path);
    ck_assert_ptr_nonnull(info);
    return info->frozen;
}

START_TEST(freezing_goes_by_whole_names) {
    static const char *const names[] = {"conv1.weight", "conv10.weight", "conv1/norm.scale", "fc.bias"};
    for (int i = 0; i < 4; i++) wg_parameter(model, tape, names[i], WG_SHAPE(1));
    ck_assert_int_eq(wg_model_freeze(model, "conv1", true), WG_OK);
    ck_assert(frozen("conv1.weight") && frozen("conv1/norm.scale"));
    ck_assert(!frozen("conv10.weight") && !frozen("fc.bias"));
}
END_TEST

START_TEST(the_last_word_on_a_parameter_counts_also_for_those_met_later) {
    wg_model_freeze(model, "", true);
    wg_model_freeze(model, "head", false);
    wg_model_freeze(model, "head.bias", true);
    wg_parameter(model, tape, "body.weight", WG_SHAPE(1));
    wg_parameter(model, tape, "head.weight", WG_SHAPE(1));
    wg_parameter(model, tape, "head.bias", WG_SHAPE(1));
    ck_assert(frozen("body.weight") && !frozen("head.weight") && frozen("head.bias"));
    wg_model_freeze(model, "head", false);
    ck_assert(frozen("body.weight") && !frozen("head.weight") && !frozen("head.bias"));
    wg_model_freeze(model, "", false);
    ck_assert(!frozen("body.weight"));
}
END_TEST

/* --- Life */

START_TEST(a_model_begins_in_training_at_step_zero) {
    ck_assert(wg_model_training(model));
    ck_assert_int_eq(wg_model_step(model), 0);
    ck_assert_uint_eq(wg_model_seed(model), 7);
    wg_model_train(model, false);
    ck_assert(!wg_model_training(model));
}
END_TEST

START_TEST(no_model_is_harmless) {
    wg_model_free(NULL);
    wg_model_train(NULL, true);
    ck_assert_int_eq(wg_model_count(NULL), 0);
    ck_assert_int_eq(wg_model_elements(NULL), 0);
    ck_assert_int_eq(wg_model_step(NULL), 0);
    ck_assert_ptr_null(wg_model_parameter(NULL, 0));
    ck_assert_int_eq(wg_model_freeze(NULL, "", true), WG_ERROR_NAME);
}
END_TEST

WG_MODEL_SUITE("nn/model", a_parameter_has_the_scopes_path, a_name_met_again_is_the_same_parameter,
               two_tapes_share_the_parameters, another_shape_is_an_error_that_names_both,
               another_dtype_is_an_error_that_names_both, what_is_no_parameter_is_an_error,
               a_tape_with_an_error_makes_no_parameter, parameters_are_walked_in_the_order_of_their_paths,
               initial_values_depend_on_seed_path_and_element_alone, he_has_variance_two_over_fan_in,
               lecun_has_variance_one_over_fan_in, plain_distributions_take_no_notice_of_the_shape,
               a_truncated_normal_distribution_ends_at_two, orthogonal_rows_or_columns_are_so,
               a_scale_that_is_not_finite_is_an_error, glorot_has_variance_two_over_both_fans,
               zeros_and_ones_are_what_they_say, freezing_goes_by_whole_names,
               the_last_word_on_a_parameter_counts_also_for_those_met_later,
               a_model_begins_in_training_at_step_zero, no_model_is_harmless)
