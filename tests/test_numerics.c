/* Numerics that users of other engines have been bitten by: values, gradients and, where there is something
 * to go wrong, second derivatives, against closed forms; each in f32 and in f64. */
#include "array_suite.h"
#include <math.h>

/* The dtype whose turn it is, and a few roundings of a number of size 1 in it. */
static wg_dtype dtype;
static double few;
static bool next_dtype(void) {
    dtype = dtype == WG_F32 ? WG_F64 : dtype == WG_F64 ? WG_NO_DTYPE : WG_F32;
    few = dtype == WG_F32 ? 3e-7 : 1e-15;
    return dtype != WG_NO_DTYPE;
}
#define REAL(...) wg_cast(F64(__VA_ARGS__), dtype)

static wg_var number(double value) { return wg_scalar(tape, value); }
static wg_var zeros(const wg_shape *shape) { return wg_full(tape, dtype, shape, 0); }
/* Row i of the Hessian of y's sum. */
static wg_var hessian(wg_var y, wg_var x, int i) {
    return gradient(wg_slice(gradient(y, x), 0, i, i + 1), x);
}

/* --- where ------------------------------------------------------------------------------------ */

static wg_var sqrt_log(wg_var x) { return wg_mul(wg_sqrt(x), wg_log(x)); }

START_TEST(where_makes_no_nan_of_the_branch_that_was_not_taken) {
    const struct {
        wg_var (*function)(wg_var);
        double at_4, second_at_4; /* its derivatives */
    } cases[] = {{wg_sqrt, 1.0 / 4, -1.0 / 32},
                 {wg_log, 1.0 / 4, -1.0 / 16},
                 {wg_rsqrt, -1.0 / 16, 3.0 / 128},
                 {wg_reciprocal, -1.0 / 16, 1.0 / 32},
                 {wg_log2, 1.0 / 4 / M_LN2, -1.0 / 16 / M_LN2},
                 {wg_acosh, 1 / sqrt(15), -4 / (15 * sqrt(15))},
                 {wg_lgamma, 1.2561176684318005, 0.28382295573711533}, /* digamma, trigamma */
                 {sqrt_log, M_LN2 / 2 + 0.5, -M_LN2 / 16}};
    while (next_dtype()) {
        wg_var x = REAL(0, 4, -1), positive = wg_greater(x, number(0));
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            wg_var y = wg_where(positive, cases[i].function(x), number(0));
            assert_values(gradient(y, x), few, 0, cases[i].at_4, 0);
            assert_values(gradient(gradient(y, x), x), few, 0, cases[i].second_at_4, 0);
        }
        wg_var nan = wg_div(x, wg_sub(x, x));
        assert_values(gradient(wg_where(positive, number(1), nan), x), 0, NAN, 0, NAN); /* it is taken */
        assert_values(gradient(wg_where(positive, number(1), wg_where(positive, nan, x)), x), 0, 1, 0, 1);
    }
}
END_TEST

/* --- norm and sqrt at 0 ----------------------------------------------------------------------- */

START_TEST(norm_of_zero_has_gradient_zero_at_every_order) {
    static const double powers[] = {0, 0.5, 1, 1.5, 2, 3, INFINITY};
    while (next_dtype()) {
        wg_var x = REAL(0, 0), other = REAL(0, 0);
        for (size_t i = 0; i < sizeof powers / sizeof *powers; i++) {
            wg_var y = wg_norm(x, powers[i], WG_ALL_AXES);
            assert_values(y, 0, 0);
            assert_values(wg_grad(y, x), 0, 0, 0);
            assert_values(hessian(y, x, 0), 0, 0, 0);
        }
        assert_values(wg_hypot(x, other), 0, 0, 0);
        assert_values(gradient(wg_hypot(x, other), x), 0, 0, 0);
        assert_values(hessian(wg_hypot(x, other), x, 0), 0, 0, 0);
    }
}
END_TEST

/* Half of the vectors are 0: they are no matter to the others. */
START_TEST(norm_of_other_vectors_is_right_beside_a_zero) {
    while (next_dtype()) {
        wg_var x = wg_reshape(REAL(0, 0, 3, 4), WG_SHAPE(2, 2)), y = wg_norm(x, 2, WG_AXES(1));
        assert_values(gradient(y, x), few, 0, 0, 0.6, 0.8);
        assert_values(gradient(wg_mul(gradient(y, x), REAL(1, 0)), x), few, 0, 0, 16.0 / 125, -12.0 / 125);
    }
}
END_TEST

START_TEST(sqrt_at_zero_is_as_steep_as_can_be_but_not_where_it_does_not_count) {
    while (next_dtype()) {
        wg_var x = REAL(0, 0), dy = REAL(0, 1), dx;
        const struct {
            wg_var y;
            double at_one;
        } cases[] = {{wg_sqrt(x), INFINITY},
                     {wg_log(x), INFINITY},
                     {wg_div(number(1), x), -INFINITY},
                     {wg_pow(x, number(0.5)), INFINITY}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            ck_assert_int_eq(wg_grad_list(cases[i].y, dy, &x, 1, &dx), WG_OK);
            assert_values(dx, 0, 0, cases[i].at_one);
        }
        assert_values(wg_sqrt(x), 0, 0, 0);
        assert_values(wg_grad(wg_sqrt(wg_sum(wg_square(x), WG_ALL_AXES)), x), 0, 0, 0); /* 0 · ∞ */
    }
}
END_TEST

START_TEST(norm_of_large_and_small_numbers_neither_overflows_nor_vanishes) {
    while (next_dtype()) {
        const double size = dtype == WG_F32 ? 0x1p120 : 0x1p1020;
        for (int i = 0; i < 2; i++) {
            const double scale = i ? size : 1 / size;
            wg_var x = REAL(3 * scale, 4 * scale), y = wg_norm(x, 2, WG_ALL_AXES);
            assert_values(y, few * scale, 5 * scale);
            assert_values(wg_grad(y, x), few, 0.6, 0.8);
        }
        assert_values(wg_norm(REAL(0, -2, 3, NAN), 2, WG_ALL_AXES), 0, NAN);
        assert_values(wg_norm(REAL(INFINITY, 1), 2, WG_ALL_AXES), 0, INFINITY);
        assert_values(wg_norm(REAL(0, -2, 3), 0, WG_ALL_AXES), 0, 2);
        assert_values(wg_norm(REAL(-3, 3), INFINITY, WG_AXES(0)), 0, 3);
    }
}
END_TEST

/* --- At ±1e4 ---------------------------------------------------------------------------------- */

/* Of s = softmax(x)[0] with x = (a, a, b), b far below: s = 1/2, ds = (1/4, -1/4, 0), and d²s = 0. */
START_TEST(softmax_is_right_at_ten_thousand) {
    while (next_dtype())
        for (int i = 0; i < 2; i++) {
            wg_var x = i ? REAL(1e4, 1e4, -1e4) : REAL(-1e4, -1e4, -3e4), y = wg_softmax(x, 0);
            wg_var first = wg_slice(y, 0, 0, 1), logarithm = wg_log_softmax(x, 0);
            assert_values(y, few, 0.5, 0.5, 0);
            assert_values(gradient(first, x), few, 0.25, -0.25, 0);
            assert_values(hessian(first, x, 0), few, 0, 0, 0);
            assert_values(logarithm, 2e4 * few, -M_LN2, -M_LN2, -2e4 - M_LN2);
            assert_values(gradient(wg_slice(logarithm, 0, 2, 3), x), few, -0.5, -0.5, 1);
            assert_values(hessian(wg_slice(logarithm, 0, 2, 3), x, 0), few, -0.25, 0.25, 0);
        }
}
END_TEST

START_TEST(logsumexp_is_right_at_ten_thousand_and_of_infinities) {
    while (next_dtype()) {
        for (int i = 0; i < 2; i++) {
            const double at = i ? 1e4 : -1e4;
            wg_var x = REAL(at, at), y = wg_logsumexp(x, WG_ALL_AXES), a = REAL(at), b = REAL(-at);
            assert_values(y, 1e4 * few, at + M_LN2);
            assert_values(wg_grad(y, x), few, 0.5, 0.5);
            assert_values(hessian(y, x, 0), few, 0.25, -0.25);
            assert_values(wg_logaddexp(a, b), 0, 1e4);
            assert_values(gradient(wg_logaddexp(a, b), a), 0, i);
            assert_values(hessian(wg_logaddexp(a, b), a, 0), 0, 0);
        }
        assert_values(wg_logsumexp(REAL(-INFINITY, -INFINITY), WG_ALL_AXES), 0, -INFINITY);
        assert_values(wg_logsumexp(REAL(INFINITY, 3), WG_ALL_AXES), 0, INFINITY);
    }
}
END_TEST

START_TEST(softplus_is_right_at_ten_thousand) {
    while (next_dtype())
        for (int i = 0; i < 2; i++) {
            wg_var x = REAL(-1e4, 0, 1e4), y = wg_softplus(x, 1, i ? 20 : INFINITY);
            assert_values(y, few, 0, M_LN2, 1e4);
            assert_values(gradient(y, x), few, 0, 0.5, 1);
            assert_values(gradient(gradient(y, x), x), few, 0, 0.25, 0);
        }
}
END_TEST

START_TEST(log_sigmoid_is_right_at_ten_thousand) {
    while (next_dtype()) {
        wg_var x = REAL(-1e4, 0, 1e4), y = wg_log_sigmoid(x);
        assert_values(y, few, -1e4, -M_LN2, 0);
        assert_values(gradient(y, x), few, 1, 0.5, 0);
        assert_values(gradient(gradient(y, x), x), few, 0, -0.25, 0);
    }
}
END_TEST

START_TEST(bce_with_logits_is_right_at_ten_thousand_and_of_infinities) {
    while (next_dtype()) {
        wg_var x = REAL(1e4, 1e4, -1e4, -1e4, 0), t = REAL(1, 0, 1, 0, 1);
        wg_var y = wg_bce_with_logits(x, t, WG_NONE, WG_NONE, .reduction = WG_NO_REDUCTION);
        assert_values(y, few, 0, 1e4, 1e4, 0, M_LN2);
        assert_values(gradient(y, x), few, 0, 1, -1, 0, -0.5);
        assert_values(gradient(gradient(y, x), x), few, 0, 0, 0, 0, 0.25);
        x = REAL(INFINITY, -INFINITY, NAN), t = REAL(1, 0, 1);
        y = wg_bce_with_logits(x, t, WG_NONE, WG_NONE, .reduction = WG_NO_REDUCTION);
        assert_values(y, 0, 0, 0, NAN);
        x = REAL(-40, 40), t = REAL(0, 1); /* log(1 + exp(-40)) = exp(-40) to the last digit */
        y = wg_bce_with_logits(x, t, WG_NONE, WG_NONE, .reduction = WG_NO_REDUCTION);
        assert_values(y, few * 4e-18, 4.248354255291589e-18, 4.248354255291589e-18);
    }
}
END_TEST

/* --- Ties and kinks --------------------------------------------------------------------------- */

START_TEST(at_a_tie_of_maximum_and_minimum_the_first_operand_wins) {
    while (next_dtype()) {
        wg_var a = REAL(1, 5, 3), b = REAL(1, 4, 6);
        assert_values(gradient(wg_maximum(a, b), a), 0, 1, 1, 0);
        assert_values(gradient(wg_maximum(a, b), b), 0, 0, 0, 1);
        assert_values(gradient(wg_minimum(a, b), a), 0, 1, 0, 1);
        assert_values(gradient(wg_minimum(a, b), b), 0, 0, 1, 0);
        assert_values(gradient(wg_maximum(a, a), a), 0, 1, 1, 1);
        assert_values(gradient(gradient(wg_maximum(a, b), a), a), 0, 0, 0, 0);
    }
}
END_TEST

START_TEST(at_a_tie_of_max_and_min_the_first_index_wins) {
    while (next_dtype()) {
        wg_var x = wg_reshape(REAL(1, 3, 3, 3, 3, 2), WG_SHAPE(2, 3)), weights = REAL(5, 7);
        assert_values(gradient(wg_mul(weights, wg_max(x, WG_AXES(1))), x), 0, 0, 5, 0, 7, 0, 0);
        assert_values(gradient(wg_max(x, WG_AXES(0), .keepdims = true), x), 0, 0, 1, 1, 1, 0, 0);
        assert_values(wg_grad(wg_max(x, WG_ALL_AXES), x), 0, 0, 1, 0, 0, 0, 0);
        assert_values(wg_grad(wg_min(wg_neg(x), WG_ALL_AXES), x), 0, 0, -1, 0, 0, 0, 0);
        assert_values(wg_grad(wg_norm(x, INFINITY, WG_ALL_AXES), x), 0, 0, 1, 0, 0, 0, 0);
        wg_var image = wg_reshape(x, WG_SHAPE(1, 1, 2, 3));
        assert_values(gradient(wg_max_pool2d(image, .kernel = 2, .stride = 1), x), 0, 0, 2, 0, 0, 0, 0);
    }
}
END_TEST

START_TEST(at_a_kink_relu_and_abs_are_flat) {
    while (next_dtype()) {
        wg_var x = REAL(-2, 0, 3);
        assert_values(gradient(wg_relu(x), x), 0, 0, 0, 1);
        assert_values(gradient(wg_abs(x), x), 0, -1, 0, 1);
        assert_values(gradient(gradient(wg_relu(x), x), x), 0, 0, 0, 0);
        assert_values(gradient(gradient(wg_abs(x), x), x), 0, 0, 0, 0);
        assert_values(gradient(gradient(wg_square(wg_relu(x)), x), x), 0, 0, 0, 2);
    }
}
END_TEST

/* --- Powers ----------------------------------------------------------------------------------- */

START_TEST(zero_to_the_power_zero_is_one_and_its_gradients_are_numbers) {
    while (next_dtype()) {
        wg_var a = REAL(0, 0, 0, 0), b = REAL(0, 1, 2, 3), y = wg_pow(a, b);
        assert_values(y, 0, 1, 0, 0, 0);
        assert_values(gradient(y, a), 0, 0, 1, 0, 0);
        assert_values(gradient(gradient(y, a), a), 0, 0, 0, 2, 0);
        assert_values(gradient(y, b), 0, 0, 0, 0, 0);
        assert_values(wg_pow(REAL(NAN, 1), REAL(0, NAN)), 0, 1, 1); /* C99 F.9.4.4 */
    }
}
END_TEST

START_TEST(a_negative_number_has_whole_powers_and_they_have_gradients) {
    while (next_dtype()) {
        wg_var a = REAL(-2, -2, -2, -2), b = REAL(3, 2, -1, 0), y = wg_pow(a, b);
        assert_values(y, few, -8, 4, -0.5, 1);
        assert_values(gradient(y, a), few, 12, -4, -0.25, 0);
        assert_values(gradient(gradient(y, a), a), few, -12, 2, -0.25, 0);
        assert_values(wg_pow(REAL(-2, -1), REAL(0.5, INFINITY)), 0, NAN, 1);
        wg_var x = REAL(-2, 4), not_counted = wg_where(wg_greater(x, number(0)), wg_pow(x, number(0.5)), x);
        assert_values(gradient(not_counted, x), few, 1, 0.25);
    }
}
END_TEST

/* --- Variances -------------------------------------------------------------------------------- */

/* Their mean may be off by a rounding, of which the square is large. */
static void assert_no_deviation(int64_t count, double value) {
    wg_var x = wg_reshape(wg_full(tape, dtype, WG_SHAPE(count), value), WG_SHAPE(count));
    wg_var variance = wg_variance(x, WG_ALL_AXES, .correction = WG_ZERO);
    wg_var deviation = wg_std(x, WG_ALL_AXES, .correction = WG_ZERO), dx = wg_grad(deviation, x);
    wg_var largest = wg_max(wg_abs(dx), WG_ALL_AXES), normed = wg_layer_norm(x, WG_NONE, WG_NONE, 0);
    wg_var of_norm = wg_max(wg_abs(normed), WG_ALL_AXES);
    ck_assert_msg(wg_eval(variance, deviation, largest, of_norm) == WG_OK, "%s", wg_tape_message(tape));
    const double found[] = {wg_item(variance), wg_item(deviation), wg_item(largest), wg_item(of_norm)};
    for (int i = 0; i < 4; i++)
        if (found[i] != 0)
            ck_abort_msg("of %lld times %g result %d is %g", (long long)count, value, i, found[i]);
    wg_tape_clear(tape);
}

START_TEST(the_variance_of_equal_large_numbers_is_zero) {
    static const double values[] = {1e9, 1e8 / 3, 16777213, 0.1, -1e20 / 7};
    while (next_dtype()) {
        for (int64_t count = 1; count < 200; count += count < 40 ? 1 : 13)
            for (size_t i = 0; i < sizeof values / sizeof *values; i++) assert_no_deviation(count, values[i]);
        wg_var many = wg_full(tape, dtype, WG_SHAPE(100003), 1e8 / 3);
        assert_values(wg_variance(many, WG_ALL_AXES), 0, 0);
        assert_values(wg_variance(REAL(3), WG_ALL_AXES), 0, NAN); /* 0 / 0 */
    }
}
END_TEST

/* As a row, as a column beside others, and as runs of a channel: their sum has long lost the last digits. */
START_TEST(however_many_equal_large_numbers_have_the_standard_form_zero) {
    enum { MANY = 200000 };
    static const double values[] = {1e4 + 0.1, 1e8 / 3, -1e20 / 7};
    const wg_shape shapes[] = {*WG_SHAPE(1, MANY), *WG_SHAPE(MANY, 3), *WG_SHAPE(10, 2, MANY / 20)};
    while (next_dtype())
        for (size_t i = 0; i < 3 * sizeof values / sizeof *values; i++) {
            wg_var x = wg_reshape(wg_full(tape, dtype, &shapes[i % 3], values[i / 3]), &shapes[i % 3]);
            wg_var y = wg_standardize(x, i % 3 == 0 ? 0 : 1, i % 3 == 0 ? 1 : 2), v = wg_output(y, 3);
            wg_var most = wg_max(wg_abs(y), WG_ALL_AXES), spread = wg_max(v, WG_ALL_AXES);
            wg_var off =
                wg_max(wg_abs(wg_sub(wg_output(y, 1), wg_cast(number(values[i / 3]), dtype))), WG_ALL_AXES);
            assert_values(most, 0, 0);
            assert_values(spread, 0, 0);
            assert_values(off, 0, 0);
            wg_tape_clear(tape);
        }
}
END_TEST

/* The mean is taken of differences from the first number: one that lies far off does no harm. */
START_TEST(a_first_number_far_from_the_others_costs_the_standard_form_no_digits) {
    enum { MANY = 1000 };
    while (next_dtype())
        for (int columns = 0; columns < 2; columns++) {
            double values[MANY], mean = 0, variance = 0, largest = 0;
            for (int i = 0; i < MANY; i++) values[i] = i ? sin(i) : 1e4;
            for (int i = 0; i < MANY; i++) mean += values[i] / MANY;
            for (int i = 0; i < MANY; i++) variance += (values[i] - mean) * (values[i] - mean) / MANY;
            wg_var x = wg_cast(wg_array(tape, WG_F64, WG_SHAPE(MANY), values), dtype);
            wg_var y = columns ? wg_standardize(wg_reshape(x, WG_SHAPE(-1, 1)), 1, 2, .epsilon = WG_ZERO)
                               : wg_standardize(x, 0, 0, .epsilon = WG_ZERO);
            ck_assert_int_eq(wg_eval(y), WG_OK);
            for (int i = 0; i < MANY; i++)
                largest =
                    fmax(largest, fabs(wg_tensor_get(wg_value(y), i) - (values[i] - mean) / sqrt(variance)));
            ck_assert_double_le(largest, 31 * 4 * few);
            wg_tape_clear(tape);
        }
}
END_TEST

START_TEST(a_large_mean_costs_the_variance_no_digits) {
    while (next_dtype()) {
        const double mean = dtype == WG_F32 ? 1e6 : 1e15;
        wg_var x = REAL(mean + 1, mean + 2, mean + 3), y = wg_variance(x, WG_ALL_AXES);
        assert_values(y, 0, 1);
        assert_values(wg_grad(y, x), 0, -1, 0, 1);
        assert_values(hessian(y, x, 0), few, 2.0 / 3, -1.0 / 3, -1.0 / 3);
    }
}
END_TEST

/* --- Ignored targets -------------------------------------------------------------------------- */

/* The mean is that of no numbers; the gradient is what each row gives: nothing. */
START_TEST(cross_entropy_where_every_target_is_ignored_has_gradient_zero) {
    while (next_dtype()) {
        wg_var x = wg_reshape(REAL(1, NAN, 3, 4), WG_SHAPE(2, 2)), t = I64(-1, 1), loss;
        loss = wg_softmax_cross_entropy(x, t, .weight = REAL(1, 2), .reduction = WG_SUM, .ignore_index = 1);
        assert_values(loss, 0, 0);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
        assert_values(hessian(loss, x, 0), 0, 0, 0, 0, 0);
        loss = wg_softmax_cross_entropy(x, t, .weight = REAL(1, 2), .ignore_index = 1);
        assert_values(loss, 0, NAN);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
        loss = wg_nll_loss(x, I64(-1, -7), WG_NONE, .reduction = WG_SUM);
        assert_values(loss, 0, 0);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
        loss = wg_nll_loss(x, I64(-1, -7), WG_NONE);
        assert_values(loss, 0, NAN);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
    }
}
END_TEST

/* As where all are ignored. */
START_TEST(cross_entropy_where_every_weight_is_zero_has_gradient_zero) {
    while (next_dtype()) {
        wg_var x = wg_reshape(REAL(1, 2, 3, 4), WG_SHAPE(2, 2)), t = I64(0, 1), none = REAL(0, 0), loss;
        loss = wg_softmax_cross_entropy(x, t, .weight = none);
        assert_values(loss, 0, NAN);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
        loss = wg_softmax_cross_entropy(x, t, .weight = none, .label_smoothing = 0.1);
        assert_values(loss, 0, NAN);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
        loss = wg_nll_loss(x, t, none);
        assert_values(loss, 0, NAN);
        assert_values(wg_grad(loss, x), 0, 0, 0, 0, 0);
    }
}
END_TEST

/* --- Empty batches ---------------------------------------------------------------------------- */

START_TEST(of_an_empty_batch_the_sum_is_zero_and_the_mean_no_number) {
    while (next_dtype()) {
        wg_var x = zeros(WG_SHAPE(0, 3)), t = zeros(WG_SHAPE(0, 3));
        wg_var none = wg_full(tape, WG_I64, WG_SHAPE(0), 0);
        assert_values(wg_logsumexp(x, WG_ALL_AXES), 0, -INFINITY);
        assert_values(wg_norm(x, 2, WG_ALL_AXES), 0, 0);
        assert_values(wg_mse_loss(x, t, .reduction = WG_SUM), 0, 0);
        assert_values(wg_mse_loss(x, t), 0, NAN);
        assert_values(wg_bce_loss(x, t, WG_NONE, .reduction = WG_SUM), 0, 0);
        assert_values(wg_bce_loss(x, t, WG_NONE), 0, NAN);
        assert_values(wg_bce_with_logits(x, t, WG_NONE, WG_NONE, .reduction = WG_SUM), 0, 0);
        assert_values(wg_bce_with_logits(x, t, WG_NONE, WG_NONE), 0, NAN);
        assert_values(wg_kl_div(x, t, .reduction = WG_SUM), 0, 0);
        assert_values(wg_kl_div(x, t), 0, NAN);
        assert_values(wg_nll_loss(x, none, WG_NONE), 0, NAN);
        assert_values(wg_nll_loss(x, none, WG_NONE, .reduction = WG_SUM), 0, 0);
        assert_values(wg_softmax_cross_entropy(x, none), 0, NAN);
        assert_values(wg_softmax_cross_entropy(x, none, .reduction = WG_SUM, .label_smoothing = 0.5), 0, 0);
    }
}
END_TEST

/* Through a convolution, a normalization, pooling and a product. */
START_TEST(an_empty_batch_gives_every_weight_the_gradient_zero) {
    while (next_dtype()) {
        wg_var x = zeros(WG_SHAPE(0, 1, 4, 4)), filters = REAL(1, 2, 3, 4, 5, 6, 7, 8), bias = REAL(1, 2);
        wg_var weight = REAL(1, 2, 3, 4), w = wg_reshape(filters, WG_SHAPE(2, 1, 2, 2));
        wg_var h = wg_max_pool2d(wg_relu(wg_conv2d(x, w, bias)), .kernel = 2, .stride = 1);
        h = wg_layer_norm(wg_mean(h, WG_AXES(2, 3)), WG_NONE, WG_NONE, 1);
        wg_var logits = wg_matmul(h, wg_reshape(weight, WG_SHAPE(2, 2)));
        wg_var none = wg_full(tape, WG_I64, WG_SHAPE(0), 0);
        wg_var loss = wg_softmax_cross_entropy(logits, none, .reduction = WG_SUM);
        assert_values(loss, 0, 0);
        assert_values(wg_grad(loss, filters), 0, 0, 0, 0, 0, 0, 0, 0, 0);
        assert_values(wg_grad(loss, bias), 0, 0, 0);
        assert_values(wg_grad(loss, weight), 0, 0, 0, 0, 0);
        assert_values(hessian(loss, weight, 0), 0, 0, 0, 0, 0);
        wg_var dx = wg_grad(loss, x);
        ck_assert_int_eq(wg_eval(dx), WG_OK);
        ck_assert_int_eq(wg_tensor_count(wg_value(dx)), 0);
    }
}
END_TEST

WG_TAPE_SUITE(
    "numerics", where_makes_no_nan_of_the_branch_that_was_not_taken,
    norm_of_zero_has_gradient_zero_at_every_order, norm_of_other_vectors_is_right_beside_a_zero,
    sqrt_at_zero_is_as_steep_as_can_be_but_not_where_it_does_not_count,
    norm_of_large_and_small_numbers_neither_overflows_nor_vanishes, softmax_is_right_at_ten_thousand,
    logsumexp_is_right_at_ten_thousand_and_of_infinities, softplus_is_right_at_ten_thousand,
    log_sigmoid_is_right_at_ten_thousand, bce_with_logits_is_right_at_ten_thousand_and_of_infinities,
    at_a_tie_of_maximum_and_minimum_the_first_operand_wins, at_a_tie_of_max_and_min_the_first_index_wins,
    at_a_kink_relu_and_abs_are_flat, zero_to_the_power_zero_is_one_and_its_gradients_are_numbers,
    a_negative_number_has_whole_powers_and_they_have_gradients, the_variance_of_equal_large_numbers_is_zero,
    however_many_equal_large_numbers_have_the_standard_form_zero,
    a_first_number_far_from_the_others_costs_the_standard_form_no_digits,
    a_large_mean_costs_the_variance_no_digits, cross_entropy_where_every_target_is_ignored_has_gradient_zero,
    cross_entropy_where_every_weight_is_zero_has_gradient_zero,
    of_an_empty_batch_the_sum_is_zero_and_the_mean_no_number,
    an_empty_batch_gives_every_weight_the_gradient_zero)
