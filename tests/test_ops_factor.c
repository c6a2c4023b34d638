/* Factorizations: matrices of several blocks, what is singular or not positive definite, determinants that
 * would overflow on the way, and the conventions that the gradient check cannot see. */
#include "array_suite.h"
#include <math.h>
#include <stdlib.h>

#define MATRIX(n, ...) wg_reshape(F64(__VA_ARGS__), WG_SHAPE(n, n))

static void assert_fails(wg_var y, const char *message) {
    ck_assert_int_eq(wg_eval(y), WG_ERROR_SINGULAR);
    ck_assert_msg(strstr(wg_tape_message(tape), message) != NULL, "%s", wg_tape_message(tape));
    wg_tape_recover(tape, NULL);
}

/* --- Several blocks: checked by multiplying out ----------------------------------------------------------
 */

enum { LARGE = 83, WIDE = 71 }; /* no multiple of a block, a tile or a panel */

static wg_var random_matrix(int64_t rows, int64_t columns, wg_dtype dtype, uint64_t seed) {
    double *numbers = malloc((size_t)(rows * columns) * sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    for (int64_t i = 0; i < rows * columns; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        numbers[i] = (double)(seed >> 40) * 0x1p-23 - 1;
    }
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(rows, columns), numbers);
    free(numbers);
    return wg_cast(x, dtype);
}

static wg_var identity(int64_t n, wg_dtype dtype) { return wg_diag(wg_full(tape, dtype, WG_SHAPE(n), 1), 0); }

static void assert_near(wg_var a, wg_var b, double tolerance) {
    wg_var off = wg_max(wg_abs(wg_sub(a, b)), WG_ALL_AXES);
    ck_assert_int_eq(wg_eval(off), WG_OK);
    ck_assert_double_le(wg_item(off), tolerance);
}

START_TEST(products_of_large_factors_give_the_matrix_back) {
    for (int k = 0; k < 2; k++) {
        const wg_dtype dtype = k ? WG_F32 : WG_F64;
        const double tolerance = k ? 2e-3 : 1e-11;
        wg_var a = random_matrix(LARGE, LARGE, dtype, 1), b = random_matrix(LARGE, WIDE, dtype, 2);
        assert_near(wg_matmul(a, wg_solve(a, b)), b, tolerance);
        assert_near(wg_matmul(wg_inverse(a), a), identity(LARGE, dtype), tolerance);
        wg_var square = wg_add(wg_matmul(a, a, .transpose_b = true), identity(LARGE, dtype));
        wg_var lower = wg_cholesky(square), upper = wg_cholesky(square, .upper = true);
        assert_near(wg_matmul(lower, lower, .transpose_b = true), square, tolerance);
        assert_near(wg_matmul(upper, upper, .transpose_a = true), square, tolerance);
        assert_near(wg_tril(lower, 0), lower, 0);
        for (int flags = 0; flags < 16; flags++) {
            const bool is_upper = flags & 1, transpose = flags & 2, unit = flags & 4, right = flags & 8;
            wg_var scaled = wg_mul(a, wg_scalar(tape, 0.02));
            wg_var part = is_upper ? wg_triu(scaled, 1) : wg_tril(scaled, -1);
            wg_var whole = wg_add(part, identity(LARGE, dtype)); /* its diagonal is read or not, but 1 */
            wg_var given = wg_add(whole, wg_sub(scaled, is_upper ? wg_triu(scaled, 0) : wg_tril(scaled, 0)));
            wg_var of = right ? wg_transpose(b, WG_ALL_AXES) : b;
            wg_var x = wg_triangular_solve(given, of, .upper = is_upper, .transpose = transpose,
                                           .unitriangular = unit, .right = right);
            wg_var back = right ? wg_matmul(x, whole, .transpose_b = transpose)
                                : wg_matmul(whole, x, .transpose_a = transpose);
            assert_near(back, of, tolerance);
        }
    }
}
END_TEST

START_TEST(large_factors_have_the_same_bits_on_every_instruction_set) {
    static const char *const isas[] = {"portable", "avx2", "avx512", "neon"};
    double first[6] = {0};
    int compared = 0;
    wg_tape *own = tape;
    for (int i = 0; i < 4; i++) {
        wg_engine *engine = wg_engine_new(NULL, .isa = isas[i], .threads = 2);
        if (!engine) continue;
        tape = wg_tape_new(.engine = engine);
        wg_var a = wg_mul(random_matrix(LARGE, LARGE, WG_F32, 1), wg_scalar(tape, 0.1));
        wg_var b = random_matrix(LARGE, WIDE, WG_F32, 2);
        wg_var square = wg_add(wg_matmul(a, a, .transpose_b = true), identity(LARGE, WG_F32));
        wg_var made[] = {wg_solve(a, b),      wg_inverse(a),
                         wg_cholesky(square), wg_triangular_solve(square, b),
                         wg_matrix_exp(a),    wg_output(wg_slogdet(a), 1)};
        for (int k = 0; k < 6; k++) {
            wg_var sum = wg_sum(wg_cast(wg_mul(made[k], made[k]), WG_F64), WG_ALL_AXES);
            ck_assert_int_eq(wg_eval(sum), WG_OK);
            if (compared) ck_assert_double_eq(wg_item(sum), first[k]);
            first[k] = wg_item(sum);
        }
        compared++;
        wg_tape_free(tape);
        wg_engine_free(engine);
    }
    tape = own;
    ck_assert_int_ge(compared, 1);
}
END_TEST

START_TEST(nan_is_never_passed_over_for_a_pivot) {
    wg_var a = MATRIX(2, 0, 1, NAN, 2), singular = MATRIX(2, 0, NAN, 0, 0), log = wg_slogdet(a);
    assert_values(wg_det(a), 0, NAN);
    assert_values(log, 0, NAN);
    assert_values(wg_output(log, 1), 0, NAN);
    assert_values(wg_reshape(wg_inverse(a), WG_SHAPE(4)), 0, NAN, NAN, NAN, NAN);
    assert_values(wg_reshape(wg_grad(wg_det(singular), singular), WG_SHAPE(4)), 0, NAN, NAN, NAN, NAN);
}
END_TEST

START_TEST(what_overflows_of_a_gradient_of_det_spoils_no_other_element) {
    wg_var a = MATRIX(3, 1e20, 0, 0, 0, 1e20, 0, 0, 0, 1e-10), x = wg_cast(a, WG_F32);
    wg_var dx = wg_reshape(wg_cast(wg_grad(wg_det(x), x), WG_F64), WG_SHAPE(9));
    assert_values(dx, 1e4, 1e10, 0, 0, 0, 1e10, 0, 0, 0, INFINITY);
}
END_TEST

START_TEST(the_inverse_of_the_exponential_is_that_of_the_negative) {
    wg_var a = wg_mul(random_matrix(LARGE, LARGE, WG_F64, 3), wg_scalar(tape, 0.2));
    assert_near(wg_matmul(wg_matrix_exp(a), wg_matrix_exp(wg_neg(a))), identity(LARGE, WG_F64), 1e-8);
    wg_var turn = wg_matrix_exp(MATRIX(2, 0, -100, 100, 0)); /* a rotation: many squarings */
    assert_values(wg_reshape(turn, WG_SHAPE(4)), 1e-12, cos(100), -sin(100), sin(100), cos(100));
    wg_var jordan = wg_matrix_exp(MATRIX(2, 1, 1, 0, 1));
    assert_values(wg_reshape(jordan, WG_SHAPE(4)), 1e-14, M_E, M_E, 0, M_E);
}
END_TEST

/* --- What has no factor ----------------------------------------------------------------------------------
 */

START_TEST(a_singular_matrix_fails_the_run_and_is_named) {
    wg_var good_and_bad = wg_reshape(F64(1, 0, 0, 1, 1, 2, 2, 4), WG_SHAPE(2, 2, 2));
    assert_fails(wg_inverse(good_and_bad), "inverse: matrix 1 is singular: column 1");
    assert_fails(wg_solve(good_and_bad, F64(1, 1)), "solve: matrix 1 is singular: column 1");
    assert_fails(wg_triangular_solve(MATRIX(2, 1, 0, 5, 0), MATRIX(2, 1, 1, 1, 1)),
                 "triangular_solve: matrix 0 is singular: column 1");
    assert_fails(wg_inverse(MATRIX(2, 0, 3, 0, 4)), "matrix 0 is singular: column 0");
}
END_TEST

START_TEST(what_is_not_positive_definite_fails_the_run_and_is_named) {
    assert_fails(wg_cholesky(MATRIX(2, 1, 2, 2, 1)), "cholesky: matrix 0 is not positive definite: column 1");
    assert_fails(wg_cholesky(MATRIX(1, 0)), "column 0 leaves 0");
    assert_fails(wg_cholesky(MATRIX(1, NAN)), "column 0 leaves");
}
END_TEST

START_TEST(shapes_that_do_not_fit_are_refused_by_name) {
    wg_var line = F64(1, 2, 3), square = MATRIX(2, 1, 0, 0, 1);
    wg_cholesky(line);
    assert_error(tape, WG_ERROR_SHAPE, "cholesky: a is [3]; its last two axes must be those of square");
    wg_det(wg_reshape(line, WG_SHAPE(1, 3)));
    assert_error(tape, WG_ERROR_SHAPE, "det: a is [1, 3]");
    wg_solve(square, line);
    assert_error(tape, WG_ERROR_SHAPE,
                 "solve: a is [2, 2], b is [3]; b must be a vector or matrices of as many");
    wg_triangular_solve(square, wg_reshape(line, WG_SHAPE(3, 1)));
    assert_error(tape, WG_ERROR_SHAPE, "b's last but one must equal a's");
    wg_solve(wg_broadcast_to(square, WG_SHAPE(2, 2, 2)), wg_broadcast_to(square, WG_SHAPE(3, 2, 2)));
    assert_error(tape, WG_ERROR_SHAPE, "solve: batch axes do not broadcast");
}
END_TEST

/* --- Determinants ----------------------------------------------------------------------------------------
 */

START_TEST(a_determinant_over_or_underflows_only_as_a_whole) {
    wg_var a = wg_diag(F64(1e200, 1e200, 1e-200, 1e-200, -3), 0);
    assert_values(wg_reshape(wg_det(a), WG_SHAPE(1)), 1e-12, -3);
    wg_var huge = wg_diag(F64(1e300, 1e300), 0), size = wg_output(wg_slogdet(huge), 1);
    assert_values(wg_reshape(wg_det(huge), WG_SHAPE(1)), 0, INFINITY);
    assert_values(wg_reshape(size, WG_SHAPE(1)), 1e-10, 600 * log(10));
}
END_TEST

START_TEST(a_singular_matrix_has_determinant_0_and_logarithm_minus_infinity) {
    wg_var a = MATRIX(2, 1, 2, 2, 4), sign = wg_slogdet(a);
    assert_values(wg_reshape(wg_det(a), WG_SHAPE(1)), 0, 0);
    assert_values(wg_reshape(sign, WG_SHAPE(1)), 0, 0);
    assert_values(wg_reshape(wg_output(sign, 1), WG_SHAPE(1)), 0, -INFINITY);
    assert_fails(gradient(wg_output(sign, 1), a), "singular");
}
END_TEST

/* Cofactors by hand. Of rank n - 2 all are 0. */
START_TEST(the_gradient_of_a_determinant_is_right_at_singular_matrices) {
    wg_var a = MATRIX(2, 1, 2, 2, 4);
    assert_values(wg_reshape(gradient(wg_det(a), a), WG_SHAPE(4)), 1e-15, 4, -2, -2, 1);
    wg_var b = MATRIX(3, 1, 2, 3, 4, 5, 6, 7, 8, 9);
    assert_values(wg_reshape(gradient(wg_det(b), b), WG_SHAPE(9)), 1e-13, -3, 6, -3, 6, -12, 6, -3, 6, -3);
    wg_var c = MATRIX(3, 1, 2, 3, 2, 4, 6, 0, 0, 0), zero = MATRIX(1, 0), none = MATRIX(2, 0, 0, 0, 0);
    assert_values(wg_reshape(gradient(wg_det(c), c), WG_SHAPE(9)), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_values(wg_reshape(gradient(wg_det(zero), zero), WG_SHAPE(1)), 0, 1);
    assert_values(wg_reshape(gradient(wg_det(none), none), WG_SHAPE(4)), 0, 0, 0, 0, 0);
}
END_TEST

START_TEST(of_a_matrix_without_rows_the_determinant_is_1) {
    wg_var none = wg_full(tape, WG_F64, WG_SHAPE(2, 0, 0), 0);
    assert_values(wg_det(none), 0, 1, 1);
    assert_values(wg_slogdet(none), 0, 1, 1);
    assert_values(wg_output(wg_slogdet(none), 1), 0, 0, 0);
}
END_TEST

/* --- Conventions -----------------------------------------------------------------------------------------
 */

/* L = [sqrt a, 0; b / sqrt a, sqrt(c - b²/a)]: with a = 4, b = 2, c = 5 the sum of L is 2 + 1 + 2. */
START_TEST(the_gradient_of_cholesky_lies_in_the_triangle_that_is_read) {
    wg_var a = MATRIX(2, 4, 999, 2, 5), y = wg_cholesky(a);
    assert_values(wg_reshape(y, WG_SHAPE(4)), 1e-15, 2, 0, 1, 2);
    assert_values(wg_reshape(gradient(y, a), WG_SHAPE(4)), 1e-15, 0.25 - 0.125 + 0.0625, 0, 0.5 - 0.25, 0.25);
    wg_var upper = wg_transpose(a, WG_ALL_AXES), u = wg_cholesky(upper, .upper = true);
    assert_values(wg_reshape(u, WG_SHAPE(4)), 1e-15, 2, 1, 0, 2);
    assert_values(wg_reshape(gradient(u, upper), WG_SHAPE(4)), 1e-15, 0.1875, 0.25, 0, 0.25);
}
END_TEST

START_TEST(a_vector_is_solved_for_each_matrix_of_a_batch) {
    wg_var a = wg_reshape(F64(2, 0, 0, 4, 0, 1, 1, 0), WG_SHAPE(2, 2, 2)), b = F64(2, 8);
    assert_values(wg_reshape(wg_solve(a, b), WG_SHAPE(4)), 1e-15, 1, 2, 8, 2);
    assert_values(gradient(wg_solve(a, b), b), 1e-15, 1.5, 1.25);
}
END_TEST

START_TEST(the_exponential_of_a_badly_scaled_matrix_loses_no_digits) {
    wg_var a = MATRIX(2, 0, 1e8, 1e-8, 0), b = MATRIX(3, 1, 1e9, 0, 0, 1, 1e-9, 0, 0, 1);
    wg_var y = wg_div(wg_matrix_exp(a), MATRIX(2, 1, 1e8, 1e-8, 1));
    assert_values(wg_reshape(y, WG_SHAPE(4)), 1e-14, cosh(1), sinh(1), sinh(1), cosh(1));
    wg_var z = wg_div(wg_reshape(wg_matrix_exp(b), WG_SHAPE(9)), F64(1, 1e9, 1, 1, 1, 1e-9, 1, 1, 1));
    assert_values(z, 1e-14, M_E, M_E, M_E / 2, 0, M_E, M_E, 0, 0, M_E); /* e (I + N + N² / 2) */
}
END_TEST

/* exp'(A) applied to a direction that is large is that of a small one, enlarged. */
START_TEST(a_large_cotangent_of_the_exponential_costs_no_digits) {
    wg_var a = MATRIX(2, 0.3, -0.2, 0.7, 0.1), y = wg_matrix_exp(a);
    wg_var once = wg_grad(wg_sum(y, WG_ALL_AXES), a);
    wg_var often = wg_grad(wg_sum(wg_mul(y, wg_scalar(tape, 0x1p60)), WG_ALL_AXES), a);
    assert_near(wg_mul(often, wg_scalar(tape, 0x1p-60)), once, 1e-15);
}
END_TEST

WG_TAPE_SUITE(
    "ops/factor", nan_is_never_passed_over_for_a_pivot,
    what_overflows_of_a_gradient_of_det_spoils_no_other_element,
    products_of_large_factors_give_the_matrix_back, large_factors_have_the_same_bits_on_every_instruction_set,
    the_inverse_of_the_exponential_is_that_of_the_negative, a_singular_matrix_fails_the_run_and_is_named,
    what_is_not_positive_definite_fails_the_run_and_is_named, shapes_that_do_not_fit_are_refused_by_name,
    a_determinant_over_or_underflows_only_as_a_whole,
    a_singular_matrix_has_determinant_0_and_logarithm_minus_infinity,
    the_gradient_of_a_determinant_is_right_at_singular_matrices,
    of_a_matrix_without_rows_the_determinant_is_1, the_gradient_of_cholesky_lies_in_the_triangle_that_is_read,
    a_vector_is_solved_for_each_matrix_of_a_batch, the_exponential_of_a_badly_scaled_matrix_loses_no_digits,
    a_large_cotangent_of_the_exponential_costs_no_digits)
