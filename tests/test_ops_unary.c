/* Functions of one number: their values where a formula needs care, conventions at kinks, and no NaN where
 * there is a limit. That values and gradients are right elsewhere is the matter of test_ops_forward and the
 * gradient check. */
#include "array_suite.h"
#include <float.h>
#include <math.h>

/* --- Rounding, predicates, bounds ------------------------------------------------------------------------
 */

START_TEST(whole_numbers_infinities_and_nan_stay_when_rounded) {
    wg_var x = F64(3, -3, 0x1p52 + 1, -0x1p53, DBL_MAX, INFINITY, -INFINITY, NAN);
    wg_var (*const ops[])(wg_var) = {wg_floor, wg_ceil, wg_round, wg_trunc};
    for (int i = 0; i < 4; i++)
        assert_values(ops[i](x), 0, 3, -3, 0x1p52 + 1, -0x1p53, DBL_MAX, INFINITY, -INFINITY, NAN);
}
END_TEST

START_TEST(rounding_goes_each_its_way) {
    wg_var x = F64(-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0x1.fffffffffffffp51, 0x1.fffffffffffffp-2, 5e-324);
    assert_values(wg_floor(x), 0, -3, -2, -1, 0, 1, 2, 0x1.ffffffffffffep51, 0, 0);
    assert_values(wg_ceil(x), 0, -2, -1, 0, 1, 2, 3, 0x1p52, 1, 1);
    assert_values(wg_round(x), 0, -2, -2, 0, 0, 2, 2, 0x1p52, 0, 0);
    assert_values(wg_trunc(x), 0, -2, -1, 0, 0, 1, 2, 0x1.ffffffffffffep51, 0, 0);
}
END_TEST

START_TEST(a_zero_that_comes_of_rounding_keeps_the_sign) {
    wg_var y = wg_div(wg_scalar(tape, 1), wg_ceil(F64(-0.5, -0.0, 0.0)));
    assert_values(y, 0, -INFINITY, -INFINITY, INFINITY);
    assert_values(wg_div(wg_scalar(tape, 1), wg_round(F32(-0.5f))), 0, -INFINITY);
}
END_TEST

START_TEST(predicates_tell_nan_infinite_and_finite_numbers_apart) {
    wg_var x = F32(1, 0, NAN, INFINITY, -INFINITY, FLT_MAX);
    assert_values(wg_isnan(x), 0, 0, 0, 1, 0, 0, 0);
    assert_values(wg_isinf(x), 0, 0, 0, 0, 1, 1, 0);
    assert_values(wg_isfinite(x), 0, 1, 1, 0, 0, 0, 1);
    assert_values(wg_logical_not(x), 0, 0, 1, 0, 0, 0, 0);
    const wg_var inputs[] = {x, WG_END_};
    assert_values(wg_apply_named(tape, "isinf", inputs, "detect_negative=0"), 0, 0, 0, 0, 1, 0, 0);
}
END_TEST

START_TEST(clip_keeps_whole_numbers_between_bounds_that_are_not) {
    assert_values(wg_clip(I32(-3, -1, 0, 2, 5), -1.5, 2.5), 0, -1, -1, 0, 2, 2);
    assert_values(wg_clip(I32(-3, 5), NAN, 1e30), 0, -3, 5);
    assert_values(wg_clip(I64(-3, 5), -1e30, 4), 0, -3, 4);
    assert_values(wg_clip(I32(-3, 5), 3e9, INFINITY), 0, INT32_MAX, INT32_MAX);
    assert_values(wg_clip(I64(-3, 5), 0x1p63, 7.5), 0, 7, 7);
    assert_values(wg_clip(I64(-3, 5), -INFINITY, -0x1p63), 0, -0x1p63, -0x1p63);
}
END_TEST

START_TEST(clip_hands_nan_on_and_has_gradient_one_at_its_bounds) {
    wg_var x = F64(-3, -1, 0, 2, 5, NAN), y = wg_clip(x, -1, 2);
    assert_values(y, 0, -1, -1, 0, 2, 2, NAN);
    assert_values(gradient(y, x), 0, 0, 1, 1, 1, 0, 1);
    assert_values(wg_clip(x, 2, -1), 0, -1, -1, -1, -1, -1, NAN);
    assert_values(wg_clip(x, 0, INFINITY), 0, 0, 0, 0, 2, 5, NAN);
}
END_TEST

START_TEST(nan_to_num_replaces_what_is_not_finite) {
    wg_var x = F64(1, NAN, INFINITY, -INFINITY), y = wg_nan_to_num(x, 0, INFINITY, -INFINITY);
    assert_values(y, 0, 1, 0, DBL_MAX, -DBL_MAX);
    assert_values(gradient(y, x), 0, 1, 0, 0, 0);
    assert_values(wg_nan_to_num(F32(NAN, INFINITY, -INFINITY), 7, 0, -INFINITY), 0, 7, 0, -FLT_MAX);
}
END_TEST

/* --- Elementary and special functions --------------------------------------------------------------------
 */

START_TEST(small_differences_do_not_cancel) {
    assert_values(wg_expm1(F64(1e-20, -1e-300)), 0, 1e-20, -1e-300);
    assert_values(wg_log1p(F64(1e-20, -1e-300)), 0, 1e-20, -1e-300);
    assert_values(wg_erfc(F64(27, 0)), 1e-15, 5.2370489494424e-319, 1);
    assert_values(wg_log2(F64(0x1p-1074, 0x1p1000, 0, -1)), 0, -1074, 1000, -INFINITY, NAN);
    assert_values(wg_exp2(F64(-1074, 10, 1024, -1100)), 0, 0x1p-1074, 1024, INFINITY, 0);
}
END_TEST

START_TEST(an_order_of_polygamma_out_of_range_is_refused) {
    ck_assert(!wg_valid(wg_polygamma(F64(1), -1)));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "polygamma");
}
END_TEST

/* --- Activations -----------------------------------------------------------------------------------------
 */

START_TEST(activations_and_their_gradients_are_finite_far_from_0) {
    wg_var x = F64(-1e4, 1e4);
    assert_values(wg_silu(x), 0, 0, 1e4);
    assert_values(gradient(wg_silu(x), x), 0, 0, 1);
    assert_values(wg_mish(x), 0, 0, 1e4);
    assert_values(gradient(wg_mish(x), x), 0, 0, 1);
    assert_values(wg_gelu(x), 0, 0, 1e4);
    assert_values(gradient(wg_gelu(x), x), 0, 0, 1);
    assert_values(wg_gelu(x, .tanh = true), 0, 0, 1e4);
    assert_values(gradient(wg_gelu(x, .tanh = true), x), 0, 0, 1);
    assert_values(wg_elu(x, 1), 0, -1, 1e4);
    assert_values(gradient(wg_elu(x, 1), x), 0, 0, 1);
}
END_TEST

START_TEST(activations_of_infinity_and_nan_are_their_limits) {
    wg_var x = F64(-INFINITY, INFINITY, NAN);
    assert_values(wg_silu(x), 0, 0, INFINITY, NAN);
    assert_values(wg_mish(x), 0, 0, INFINITY, NAN);
    assert_values(wg_gelu(x), 0, 0, INFINITY, NAN);
    assert_values(wg_gelu(x, .tanh = true), 0, 0, INFINITY, NAN);
    assert_values(wg_softsign(x), 0, -1, 1, NAN);
    assert_values(wg_softplus(x, 1, 20), 0, 0, INFINITY, NAN);
    assert_values(wg_hard_swish(x), 0, 0, INFINITY, NAN);
    assert_values(wg_relu6(x), 0, 0, 6, NAN);
    assert_values(wg_soft_shrink(x, 0.5), 0, -INFINITY, INFINITY, NAN);
    assert_values(wg_threshold(x, 1, 0), 0, 0, INFINITY, NAN);
}
END_TEST

START_TEST(at_a_kink_the_gradient_is_that_of_the_flat_side) {
    wg_var x = F64(-3, -1, -0.5, 0, 0.5, 1, 3, 6);
    assert_values(gradient(wg_relu6(x), x), 0, 0, 0, 0, 0, 1, 1, 1, 0);
    assert_values(gradient(wg_leaky_relu(x, 0.25), x), 0, 0.25, 0.25, 0.25, 0.25, 1, 1, 1, 1);
    assert_values(gradient(wg_hard_tanh(x, -1, 1), x), 0, 0, 0, 1, 1, 1, 0, 0, 0);
    assert_values(gradient(wg_hard_shrink(x, 0.5), x), 0, 1, 1, 0, 0, 0, 1, 1, 1);
    assert_values(gradient(wg_soft_shrink(x, 0.5), x), 0, 1, 1, 0, 0, 0, 1, 1, 1);
    assert_values(gradient(wg_threshold(x, 1, 0), x), 0, 0, 0, 0, 0, 0, 0, 1, 1);
    assert_values(gradient(wg_hard_sigmoid(x, 0.5, 0.5), x), 0, 0, 0, 0.5, 0.5, 0.5, 0, 0, 0);
    assert_values(gradient(wg_hard_swish(x), x), 1e-15, 0, 1.0 / 6, 1.0 / 3, 0.5, 2.0 / 3, 5.0 / 6, 1, 1);
}
END_TEST

START_TEST(what_does_not_fit_an_activation_is_refused) {
    ck_assert(!wg_valid(wg_prelu(F64(1, 2), wg_reshape(F64(1, 2), WG_SHAPE(2, 1)))));
    assert_error(tape, WG_ERROR_SHAPE, "prelu");
    wg_tape_recover(tape, NULL);
    ck_assert(!wg_valid(wg_glu(F64(1, 2, 3), 0)));
    assert_error(tape, WG_ERROR_SHAPE, "glu");
    wg_tape_recover(tape, NULL);
    ck_assert(!wg_valid(wg_celu(F64(1), 0)));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "celu");
}
END_TEST

WG_TAPE_SUITE("ops/unary", whole_numbers_infinities_and_nan_stay_when_rounded, rounding_goes_each_its_way,
              a_zero_that_comes_of_rounding_keeps_the_sign,
              predicates_tell_nan_infinite_and_finite_numbers_apart,
              clip_keeps_whole_numbers_between_bounds_that_are_not,
              clip_hands_nan_on_and_has_gradient_one_at_its_bounds, nan_to_num_replaces_what_is_not_finite,
              small_differences_do_not_cancel, an_order_of_polygamma_out_of_range_is_refused,
              activations_and_their_gradients_are_finite_far_from_0,
              activations_of_infinity_and_nan_are_their_limits,
              at_a_kink_the_gradient_is_that_of_the_flat_side, what_does_not_fit_an_activation_is_refused)
