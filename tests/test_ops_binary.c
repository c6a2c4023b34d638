/* Remainders, lengths, signs, logic and blends of two or three numbers: their special cases and gradients. */
#include "array_suite.h"
#include <math.h>

START_TEST(fmod_has_the_sign_of_the_dividend_remainder_that_of_the_divisor) {
    wg_var a = F64(5.5, -5.5, 5.5, -5.5, 4, -4), b = F64(2, 2, -2, -2, 2, 2);
    assert_values(wg_fmod(a, b), 0, 1.5, -1.5, 1.5, -1.5, 0, 0);
    assert_values(wg_remainder(a, b), 0, 1.5, 0.5, -0.5, -1.5, 0, 0);
    wg_var i = I32(7, -7, 7, -7, 6), j = I32(3, 3, -3, -3, -1);
    assert_values(wg_fmod(i, j), 0, 1, -1, 1, -1, 0);
    assert_values(wg_remainder(i, j), 0, 1, 2, -2, -1, 0);
}
END_TEST

START_TEST(gradient_of_a_remainder_for_the_divisor_is_the_whole_quotient_taken) {
    wg_var a = F64(5.5, -5.5), b = F64(2, 2);
    assert_values(gradient(wg_fmod(a, b), a), 0, 1, 1);
    assert_values(gradient(wg_fmod(a, b), b), 0, -2, 2);
    assert_values(gradient(wg_remainder(a, b), b), 0, -2, 3);
}
END_TEST

START_TEST(a_remainder_by_a_whole_zero_fails_the_run) {
    wg_var y = wg_remainder(I32(1, 2), I32(1, 0));
    ck_assert_int_eq(wg_eval(y), WG_ERROR_INDEX);
    wg_tape_recover(tape, NULL);
}
END_TEST

START_TEST(hypot_neither_overflows_nor_loses_what_is_small) {
    wg_var a = F32(0x3p120f, 0x3p-140f, 0, INFINITY, NAN), b = F32(0x4p120f, 0x4p-140f, 0, NAN, 1);
    assert_values(wg_hypot(a, b), 0, 0x5p120, 0x5p-140, 0, INFINITY, NAN);
    assert_values(wg_hypot(F64(0x3p1020, 0x3p-1060), F64(0x4p1020, 0x4p-1060)), 0, 0x5p1020, 0x5p-1060);
    wg_var x = F64(3, 0), y = F64(4, 0);
    assert_values(gradient(wg_hypot(x, y), x), 1e-15, 0.6, 0);
}
END_TEST

START_TEST(logaddexp_is_right_far_out_and_at_infinities) {
    wg_var a = F64(1e4, -1e4, -INFINITY, INFINITY, -INFINITY), b = F64(1e4, -1e4, -INFINITY, -INFINITY, 3);
    assert_values(wg_logaddexp(a, b), 1e-15, 1e4 + 0.6931471805599453, -1e4 + 0.6931471805599453, -INFINITY,
                  INFINITY, 3);
    wg_var x = F64(2, 1e4), y = F64(2, -1e4);
    assert_values(gradient(wg_logaddexp(x, y), x), 1e-15, 0.5, 1);
    assert_values(gradient(wg_logaddexp(x, y), y), 1e-15, 0.5, 0);
}
END_TEST

START_TEST(xlogy_is_zero_where_the_factor_is) {
    wg_var a = F64(0, 0, 2, 0), b = F64(0, INFINITY, 1, NAN);
    assert_values(wg_xlogy(a, b), 0, 0, 0, 0, NAN);
    wg_var x = F64(0, 3), y = F64(0, 2);
    assert_values(gradient(wg_xlogy(x, y), y), 0, 0, 1.5);
}
END_TEST

START_TEST(gradients_of_xlogy_are_nan_where_the_number_is) {
    wg_var x = F64(0, 3), y = F64(NAN, NAN);
    assert_values(gradient(wg_xlogy(x, y), x), 0, NAN, NAN);
    assert_values(gradient(wg_xlogy(x, y), y), 0, NAN, NAN);
}
END_TEST

/* C99 F.9.1.4, in quarters of π. */
START_TEST(atan2_has_the_special_cases_of_c99) {
    const double quarter = 0.78539816339744830962;
    wg_var a = F64(0, -0.0, 0, -0.0, 0, -2, 2, -2, 1, 1, INFINITY, -INFINITY, INFINITY, -INFINITY, NAN, 0);
    wg_var b =
        F64(-0.0, -0.0, -3, -3, 0, 0, -0.0, -0.0, -INFINITY, INFINITY, 5, 5, INFINITY, -INFINITY, 1, NAN);
    wg_var y = wg_div(wg_atan2(a, b), wg_scalar(tape, quarter));
    assert_values(y, 0, 4, -4, 4, -4, 0, -2, 2, -2, 4, 0, 2, -2, 1, -3, NAN, NAN);
    wg_var signs = wg_div(wg_scalar(tape, 1), wg_atan2(F32(0, -0.0f, -1), F32(0, 0, INFINITY)));
    assert_values(signs, 0, INFINITY, -INFINITY, -INFINITY);
}
END_TEST

START_TEST(gradient_of_atan2_neither_overflows_nor_loses_what_is_small) {
    wg_var a = F32(0x3p100f, 0, -0.0f, 1, 2), b = F32(0x4p100f, 0, -0.0f, -INFINITY, INFINITY);
    assert_values(gradient(wg_atan2(a, b), a), 1e-38, 0x4p-100 / 25, 0, 0, 0, 0);
    assert_values(gradient(wg_atan2(a, b), b), 1e-38, -0x3p-100 / 25, 0, 0, 0, 0);
    wg_var x = F32(0x3p-100f), y = F32(0x4p-100f);
    assert_values(gradient(wg_atan2(x, y), x), 0x1p78, 0x4p100 / 25);
    assert_values(gradient(wg_atan2(x, y), y), 0x1p78, -0x3p100 / 25);
    wg_var zero = F64(0, -0.0);
    assert_values(gradient(gradient(wg_atan2(zero, zero), zero), zero), 0, 0, 0);
}
END_TEST

START_TEST(copysign_takes_the_sign_of_minus_zero) {
    assert_values(wg_copysign(F64(1, -2, 3), F64(-0.0, 0.0, -5)), 0, -1, 2, -3);
    wg_var a = F64(1, -2, 0), b = F64(-1, -1, -1);
    assert_values(gradient(wg_copysign(a, b), a), 0, -1, 1, 0);
    assert_values(gradient(wg_copysign(a, b), b), 0, 0, 0, 0);
}
END_TEST

START_TEST(gradient_of_copysign_is_that_of_the_sign_however_small_the_number) {
    wg_var a = F32(1e-30f, -1e-30f, 1e30f), b = F32(-1, -1, 1);
    assert_values(gradient(wg_copysign(a, b), a), 0, -1, 1, 1);
}
END_TEST

START_TEST(lerp_reaches_both_ends_exactly) {
    wg_var a = F32(0.1f, 1e8f), b = F32(0.7f, 1);
    assert_values(wg_lerp(a, b, wg_scalar(tape, 1)), 0, (double)0.7f, 1);
    assert_values(wg_lerp(a, b, wg_scalar(tape, 0)), 0, (double)0.1f, 1e8);
    assert_values(wg_addcmul(F64(1, 2), 0.5, F64(2, 3), F64(4, 5)), 0, 5, 9.5);
}
END_TEST

START_TEST(logic_takes_any_dtype_and_nan_is_true) {
    assert_values(wg_logical_and(F32(0, NAN, 2), F32(1, 1, 0)), 0, 0, 1, 0);
    assert_values(wg_logical_or(I32(0, 0, 2), I32(1, 0, 0)), 0, 1, 0, 1);
    wg_var c = wg_less(F32(1, 2), F32(2, 1)), d = wg_less(F32(1, 1), F32(2, 2));
    assert_values(wg_logical_xor(c, d), 0, 0, 1);
}
END_TEST

WG_TAPE_SUITE("ops/binary", fmod_has_the_sign_of_the_dividend_remainder_that_of_the_divisor,
              gradient_of_a_remainder_for_the_divisor_is_the_whole_quotient_taken,
              a_remainder_by_a_whole_zero_fails_the_run, hypot_neither_overflows_nor_loses_what_is_small,
              logaddexp_is_right_far_out_and_at_infinities, xlogy_is_zero_where_the_factor_is,
              gradients_of_xlogy_are_nan_where_the_number_is, atan2_has_the_special_cases_of_c99,
              gradient_of_atan2_neither_overflows_nor_loses_what_is_small,
              copysign_takes_the_sign_of_minus_zero,
              gradient_of_copysign_is_that_of_the_sign_however_small_the_number,
              lerp_reaches_both_ends_exactly, logic_takes_any_dtype_and_nan_is_true)
