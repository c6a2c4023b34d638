/* Functions of one number: their values where a formula needs care, conventions at kinks, and no NaN where
 * there is a limit. That values and gradients are right elsewhere is the matter of test_ops_forward and the
 * gradient check. */
#include "tape_suite.h"
#include <float.h>
#include <math.h>

#define COUNT(...) (sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
#define F64(...) wg_array(tape, WG_F64, WG_SHAPE(COUNT(__VA_ARGS__)), (const double[]){__VA_ARGS__})
#define F32(...) wg_array(tape, WG_F32, WG_SHAPE(COUNT(__VA_ARGS__)), (const float[]){__VA_ARGS__})

/* The gradient of y's sum. */
static wg_var gradient(wg_var y, wg_var x) { return wg_grad(wg_sum(y, WG_ALL_AXES), x); }

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

WG_TAPE_SUITE("ops/unary", whole_numbers_infinities_and_nan_stay_when_rounded, rounding_goes_each_its_way,
              a_zero_that_comes_of_rounding_keeps_the_sign,
              predicates_tell_nan_infinite_and_finite_numbers_apart,
              clip_hands_nan_on_and_has_gradient_one_at_its_bounds, nan_to_num_replaces_what_is_not_finite)
