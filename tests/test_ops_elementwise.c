/* The elementwise operations: values against the C library, conventions at ties, kinks and 0 · ∞, whole
 * numbers, broadcasting, errors. That the rules are the derivatives is the gradient check's matter. */
#include "array_suite.h"
#include <math.h>

/* --- Values -------------------------------------------------------------------------------------- */

static double square(double x) { return x * x; }
static double negative(double x) { return -x; }
static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double relu(double x) { return x <= 0 ? 0 : x; }

static const struct {
    const char *name;
    wg_var (*op)(wg_var);
    double (*reference)(double);
} unary[] = {
    {"neg", wg_neg, negative}, {"abs", wg_abs, fabs},
    {"exp", wg_exp, exp},      {"log", wg_log, log},
    {"sqrt", wg_sqrt, sqrt},   {"square", wg_square, square},
    {"sin", wg_sin, sin},      {"cos", wg_cos, cos},
    {"tanh", wg_tanh, tanh},   {"sigmoid", wg_sigmoid, sigmoid},
    {"relu", wg_relu, relu},
};

START_TEST(functions_of_one_number_are_those_of_the_c_library) {
    const double x[] = {-700, -35.5, -1, -1e-3, 0, 1e-300, 0.3, 1, 2.5, 19, 300, 1e10, INFINITY, NAN};
    enum { N = sizeof x / sizeof *x };
    wg_var input = wg_array(tape, WG_F64, WG_SHAPE(N), x);
    for (size_t f = 0; f < sizeof unary / sizeof *unary; f++) {
        wg_var y = unary[f].op(input);
        ck_assert_msg(wg_eval(y) == WG_OK, "%s", wg_tape_message(tape));
        for (int i = 0; i < N; i++) {
            const double got = wg_tensor_get(wg_value(y), i), want = unary[f].reference(x[i]);
            if (isnan(want) || isinf(want))
                ck_assert_msg(isnan(want) ? isnan(got) : got == want, "%s(%g)", unary[f].name, x[i]);
            else
                ck_assert_msg(fabs(got - want) <= 4e-16 * fabs(want), "%s(%g) = %.17g, not %.17g",
                              unary[f].name, x[i], got, want);
        }
    }
}
END_TEST

START_TEST(operands_broadcast_in_every_direction) {
    wg_var row = wg_reshape(F64(1, 2, 3), WG_SHAPE(1, 3)), column = wg_reshape(F64(10, 20), WG_SHAPE(2, 1));
    assert_values(wg_add(row, column), 0, 11, 12, 13, 21, 22, 23);
    assert_values(wg_sub(column, F64(1, 2, 3)), 0, 9, 8, 7, 19, 18, 17);
    assert_values(wg_mul(row, wg_scalar(tape, 2)), 0, 2, 4, 6);
    assert_values(wg_div(wg_scalar(tape, 6), row), 0, 6, 3, 2);
    assert_values(gradient(wg_mul(row, column), row), 0, 30, 30, 30);
    assert_values(gradient(wg_mul(row, column), column), 0, 6, 6);
}
END_TEST

START_TEST(empty_operands_give_empty_results) {
    wg_var none = wg_array(tape, WG_F32, WG_SHAPE(0), NULL);
    wg_var y = wg_mul(none, F32(3)), dx = gradient(wg_tanh(y), none);
    ck_assert_int_eq(wg_eval(y, dx), WG_OK);
    ck_assert_int_eq(wg_tensor_count(wg_value(y)), 0);
    ck_assert_int_eq(wg_tensor_count(wg_value(dx)), 0);
}
END_TEST

START_TEST(a_scalar_takes_the_dtype_of_what_it_meets) {
    ck_assert_int_eq(wg_type_of(wg_mul(wg_scalar(tape, 0.5), F32(1))).dtype, WG_F32);
    ck_assert_int_eq(wg_type_of(wg_maximum(wg_scalar(tape, 1), wg_scalar(tape, 2))).dtype, WG_F64);
}
END_TEST

/* --- Whole numbers */

START_TEST(whole_numbers_wrap_around) {
    wg_var high = I32(INT32_MAX), low = I32(INT32_MIN), one = I32(1);
    assert_values(wg_add(high, one), 0, INT32_MIN);
    assert_values(wg_sub(low, one), 0, INT32_MAX);
    assert_values(wg_mul(high, high), 0, 1);
    assert_values(wg_neg(low), 0, INT32_MIN);
    assert_values(wg_abs(low), 0, INT32_MIN);
    assert_values(wg_square(I64(INT64_MAX)), 0, 1);
}
END_TEST

START_TEST(whole_numbers_divide_towards_zero) {
    assert_values(wg_div(I32(7, -7, 7, -7, INT32_MIN), I32(2, 2, -2, -2, -1)), 0, 3, -3, -3, 3, INT32_MIN);
    assert_values(wg_div(I64(INT64_MIN), I64(-1)), 0, (double)INT64_MIN);
}
END_TEST

START_TEST(dividing_a_whole_number_by_zero_fails_the_run) {
    ck_assert_int_eq(wg_eval(wg_div(I64(1, 2), I64(1, 0))), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "divided by 0");
}
END_TEST

/* --- Comparisons, where, extrema */

START_TEST(comparisons_give_bool_and_nan_is_never_related) {
    wg_var a = F64(1, 2, 3, NAN), b = F64(2, 2, 2, NAN);
    ck_assert_int_eq(wg_type_of(wg_less(a, b)).dtype, WG_BOOL);
    assert_values(wg_equal(a, b), 0, 0, 1, 0, 0);
    assert_values(wg_not_equal(a, b), 0, 1, 0, 1, 1);
    assert_values(wg_less(a, b), 0, 1, 0, 0, 0);
    assert_values(wg_less_equal(a, b), 0, 1, 1, 0, 0);
    assert_values(wg_greater(a, b), 0, 0, 0, 1, 0);
    assert_values(wg_greater_equal(a, b), 0, 0, 1, 1, 0);
    assert_values(wg_less(I64(INT64_MIN, 0), I64(0, INT64_MIN)), 0, 1, 0);
}
END_TEST

START_TEST(nan_of_either_operand_is_the_extremum) {
    wg_var a = F32(NAN, 1, -INFINITY), b = F32(1, NAN, INFINITY);
    assert_values(wg_maximum(a, b), 0, NAN, NAN, INFINITY);
    assert_values(wg_minimum(a, b), 0, NAN, NAN, -INFINITY);
    assert_values(wg_relu(a), 0, NAN, 1, 0);
}
END_TEST

/* Whatever both operands are: NaN, infinities, zeros of either sign, numbers below the normal ones. */
START_TEST(a_packed_operand_gives_the_bits_of_the_whole_one) {
    const float numbers[] = {NAN,  -NAN,  INFINITY, -INFINITY, 0.0f,   -0.0f,
                             1.5f, -1.5f, 1e-40f,   -1e-40f,   3.4e38f};
    enum { N = sizeof numbers / sizeof *numbers };
    int found = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        if (!op->pack || !(op->flags & WG_ELEMENTWISE)) continue;
        found++;
        ck_assert_int_eq(op->inputs, 2); /* for others there are no cases here yet */
        ck_assert_int_eq(op->packed_input, 1);
        wg_var a = wg_array(tape, WG_F32, WG_SHAPE(N, 1), numbers),
               b = wg_array(tape, WG_F32, WG_SHAPE(1, N), numbers), packed = wg_apply(op->pack, b);
        wg_var whole = wg_apply(op, a, b), same = wg_apply(op, a, packed);
        ck_assert_msg(wg_eval(whole, same, packed) == WG_OK, "%s", wg_tape_message(tape));
        ck_assert_int_eq(wg_tensor_type(wg_value(packed)).dtype, op->packed_dtype);
        ck_assert_mem_eq(wg_tensor_data(wg_value(whole)), wg_tensor_data(wg_value(same)),
                         N * N * sizeof(float));
    }
    ck_assert_int_gt(found, 0);
}
END_TEST

/* --- cast, stop_gradient, check_finite */

START_TEST(cast_to_whole_numbers_truncates_and_saturates) {
    wg_var x = F64(1.9, -1.9, 3e9, -3e9, NAN, INFINITY, 2147483647.5, -2147483648.5);
    assert_values(wg_cast(x, WG_I32), 0, 1, -1, INT32_MAX, INT32_MIN, 0, INT32_MAX, INT32_MAX, INT32_MIN);
    assert_values(wg_cast(F32(1e19f, -1e19f, 0.5f), WG_I64), 0, (double)INT64_MAX, (double)INT64_MIN, 0);
    assert_values(wg_cast(F64(-1, 0.5, 255.9, 256, NAN), WG_U8), 0, 0, 0, 255, 255, 0);
    assert_values(wg_cast(I64(INT64_MAX, INT64_MIN, -5), WG_I32), 0, INT32_MAX, INT32_MIN, -5);
    assert_values(wg_cast(I32(-1, 256, 7), WG_U8), 0, 0, 255, 7);
    assert_values(wg_cast(F64(0, -0.0, 0.1, NAN), WG_BOOL), 0, 0, 0, 1, 1);
    assert_values(wg_cast(BOOL(true, false), WG_F32), 0, 1, 0);
    assert_values(wg_cast(U8(200, 3), WG_I64), 0, 200, 3);
    assert_values(wg_cast(F64(0.1), WG_F32), 0, (double)0.1f);
}
END_TEST

START_TEST(gradients_flow_through_a_cast_of_floats_and_not_of_whole_numbers) {
    wg_var x = F32(2, 3), y = wg_square(wg_cast(x, WG_F64)), dx = gradient(y, x);
    ck_assert_int_eq(wg_type_of(dx).dtype, WG_F32);
    assert_values(dx, 0, 4, 6);
    wg_var whole = wg_cast(wg_cast(x, WG_I32), WG_F32);
    ck_assert_int_eq(wg_connection_of(whole, x), WG_BLOCKED);
    ck_assert(!wg_valid(gradient(whole, x)));
    assert_error(tape, WG_ERROR_GRADIENT, "cast");
}
END_TEST

START_TEST(no_gradient_flows_through_stop_gradient) {
    wg_var x = F64(2, 3), held = wg_stop_gradient(x);
    assert_values(held, 0, 2, 3);
    ck_assert_int_eq(wg_connection_of(held, x), WG_STOPPED);
    assert_values(gradient(wg_mul(x, held), x), 0, 2, 3);
    assert_values(gradient(wg_square(held), x), 0, 0, 0);
}
END_TEST

START_TEST(check_finite_hands_on_finite_numbers_and_their_gradient) {
    wg_var x = F32(1, -2, 3e38f), y = wg_check_finite(x);
    assert_values(y, 0, 1, -2, (double)3e38f);
    assert_values(gradient(wg_mul(y, F32(1, 2, 3)), x), 0, 1, 2, 3);
}
END_TEST

START_TEST(check_finite_fails_the_run_on_nan_and_infinity) {
    ck_assert_int_eq(wg_eval(wg_check_finite(wg_log(F64(1, -1)))), WG_ERROR_NOT_FINITE);
    assert_error(tape, WG_ERROR_NOT_FINITE, "NaN");
    ck_assert_int_eq(wg_eval(wg_check_finite(wg_exp(F32(1, 100)))), WG_ERROR_NOT_FINITE);
    assert_error(tape, WG_ERROR_NOT_FINITE, "infinity");
}
END_TEST

/* Wrapping; and the reciprocal of a whole number is one for 1 and -1 alone. */
START_TEST(pow_of_whole_numbers_is_a_product) {
    assert_values(wg_pow(I32(0, 0, 3, -3, 7, -2, 2), I32(0, 3, 4, 3, 1, 31, 32)), 0, 1, 0, 81, -27, 7,
                  INT32_MIN, 0);
    assert_values(wg_pow(I64(0, 1, -1, -1, 2, -5, 3), I64(-1, -7, -3, -4, -1, -2, 33)), 0, 0, 1, -1, 1, 0, 0,
                  5559060566555523.0);
}
END_TEST

/* --- Errors ------------------------------------------------------------------------------------ */

START_TEST(operands_that_do_not_fit_are_refused) {
    wg_add(F64(1, 2), F64(1, 2, 3));
    assert_error(tape, WG_ERROR_SHAPE, "[2] and [3]");
    wg_mul(F64(1), F32(1));
    assert_error(tape, WG_ERROR_DTYPE, "wg_cast");
    wg_atan2(I32(1), I32(1));
    assert_error(tape, WG_ERROR_DTYPE, "i32");
    wg_exp(I64(1));
    assert_error(tape, WG_ERROR_DTYPE, "i64");
    wg_add(BOOL(true), BOOL(true));
    assert_error(tape, WG_ERROR_DTYPE, "bool");
    wg_where(F64(1), F64(1), F64(1));
    assert_error(tape, WG_ERROR_DTYPE, "condition");
    wg_where(BOOL(true), F64(1), F32(1));
    assert_error(tape, WG_ERROR_DTYPE, "a is f64[1], b is f32[1]");
    wg_cast(F64(1), WG_BF16);
    assert_error(tape, WG_ERROR_DTYPE, "bf16");
}
END_TEST

WG_TAPE_SUITE("ops/elementwise", functions_of_one_number_are_those_of_the_c_library,
              operands_broadcast_in_every_direction, empty_operands_give_empty_results,
              a_scalar_takes_the_dtype_of_what_it_meets, pow_of_whole_numbers_is_a_product,
              whole_numbers_wrap_around, whole_numbers_divide_towards_zero,
              dividing_a_whole_number_by_zero_fails_the_run, comparisons_give_bool_and_nan_is_never_related,
              nan_of_either_operand_is_the_extremum, a_packed_operand_gives_the_bits_of_the_whole_one,
              cast_to_whole_numbers_truncates_and_saturates,
              gradients_flow_through_a_cast_of_floats_and_not_of_whole_numbers,
              no_gradient_flows_through_stop_gradient,
              check_finite_hands_on_finite_numbers_and_their_gradient,
              check_finite_fails_the_run_on_nan_and_infinity, operands_that_do_not_fit_are_refused)
