/* The gradient check of a function: what is no gradient, no number or no smooth place must fail it. */
#include "suite.h"

static int check_at(wg_function *function, double x, wg_gradcheck_report *report) {
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &x, NULL)};
    const int status = wg_gradcheck(function, NULL, inputs, 1, report, .order = 1);
    wg_tensor_free(inputs[0]);
    return status;
}

static wg_var stopped_on_a_hill(wg_tape *tape, const wg_var *x, void *context) {
    (void)context;
    return wg_add(wg_stop_gradient(x[0]), wg_scalar(tape, 1e10));
}
static wg_var root(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_sqrt(x[0]);
}
static wg_var size(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_abs(x[0]);
}
static wg_var compared(wg_tape *tape, const wg_var *x, void *context) {
    (void)context;
    return wg_less(x[0], wg_scalar(tape, 1));
}
static wg_var fourth_power(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_square(wg_square(x[0]));
}
static wg_var nothing(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)x, (void)context;
    return WG_NONE;
}

START_TEST(a_zero_gradient_fails_even_where_rounding_is_coarse) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(stopped_on_a_hill, 1, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "disagree");
}
END_TEST

START_TEST(a_function_that_is_not_finite_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(root, -1, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(check_at(root, 0, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(check_at(root, 2, &report), WG_OK);
}
END_TEST

START_TEST(nothing_but_a_kink_fails_and_is_counted) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(size, 0, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.kinks, 1);
    ck_assert_int_eq(report.elements, 0);
    ck_assert_int_eq(check_at(size, -3, &report), WG_OK);
}
END_TEST

static wg_var step(wg_tape *tape, const wg_var *x, void *context) {
    (void)context;
    return wg_mul(wg_cast(wg_less(wg_scalar(tape, 1), x[0]), WG_F64), wg_sin(x[0]));
}

START_TEST(a_jump_is_no_smooth_place) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(step, 1, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.kinks, 1);
    ck_assert_int_eq(check_at(step, 1.5, &report), WG_OK);
}
END_TEST

/* tanh(k x) about 0, where it is k times as steep as it is wide; x = 1/2 is flat, so that not all is a kink.
 */
static wg_var steep(wg_tape *tape, const wg_var *x, void *by) {
    wg_var y = wg_tanh(wg_mul(x[0], wg_scalar(tape, *(const double *)by)));
    return wg_add(y, wg_sin(x[0]));
}
static wg_var steep_but_flat(wg_tape *tape, const wg_var *x, void *by) {
    wg_var y = wg_stop_gradient(wg_tanh(wg_mul(x[0], wg_scalar(tape, *(const double *)by))));
    return wg_add(y, wg_sin(x[0]));
}

START_TEST(a_steep_place_of_a_smooth_function_is_no_jump) {
    double x[] = {0, 3e-9, 0.5};
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SHAPE(3), x, NULL)};
    wg_gradcheck_report report;
    for (double by = 1e3; by < 2e8; by *= 10) {
        ck_assert_msg(wg_gradcheck(steep, &by, inputs, 1, &report, .order = 1) == WG_OK, "%g: %s", by,
                      report.first.reason);
        ck_assert_int_eq(report.kinks, 0);
        ck_assert_int_eq(wg_gradcheck(steep_but_flat, &by, inputs, 1, &report, .order = 1),
                         WG_ERROR_GRADIENT);
        ck_assert_message_contains(report.first.reason, "disagree");
    }
    wg_tensor_free(inputs[0]);
}
END_TEST

START_TEST(a_flat_place_of_a_smooth_function_is_no_kink) {
    wg_gradcheck_report report;
    ck_assert_msg(check_at(fourth_power, 0, &report) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.kinks, 0);
    ck_assert_int_eq(report.elements, 1);
}
END_TEST

START_TEST(a_function_without_real_value_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(compared, 0, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "bool");
    ck_assert_int_eq(check_at(nothing, 0, &report), WG_ERROR_GRADIENT);
}
END_TEST

static int calls;
static wg_var slower_each_time(wg_tape *tape, const wg_var *x, void *context) {
    (void)context;
    return wg_mul(x[0], wg_scalar(tape, 1 + 1e-9 * calls++));
}

START_TEST(a_function_that_is_another_each_time_fails_and_says_so) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check_at(slower_each_time, 2, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "does not compute the same each time");
    double x = 2;
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &x, NULL)};
    ck_assert_int_eq(wg_gradcheck(slower_each_time, NULL, inputs, 1, &report, .directions = 20),
                     WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "element 0 was 2.0");
    wg_tensor_free(inputs[0]);
}
END_TEST

static wg_var of_another_tape_later(wg_tape *own, const wg_var *x, void *another) {
    (void)own;
    return calls++ ? wg_full(another, WG_F64, WG_SHAPE(1000), 1) : wg_sin(x[0]);
}

START_TEST(a_function_that_leaves_its_tape_fails) {
    double x = 2;
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &x, NULL)};
    wg_gradcheck_report report;
    wg_tape *another = wg_tape_new();
    calls = 0;
    ck_assert_int_eq(wg_gradcheck(of_another_tape_later, another, inputs, 1, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "no valid var of the tape that it was given");
    wg_tape_free(another);
    wg_tensor_free(inputs[0]);
}
END_TEST

static wg_var of_no_elements(wg_tape *tape, const wg_var *x, void *context) {
    (void)context;
    return wg_mul(x[0], wg_full(tape, WG_F64, WG_SHAPE(0), 1));
}

START_TEST(a_function_without_elements_fails) { /* though its gradient has some */
    double x = 2;
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &x, NULL)};
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck(of_no_elements, NULL, inputs, 1, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "no element was compared");
    wg_tensor_free(inputs[0]);
}
END_TEST

START_TEST(nothing_to_check_does_not_pass) {
    double x = 2;
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &x, NULL)};
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck(NULL, NULL, inputs, 1, &report), WG_ERROR_TAPE);
    ck_assert_int_eq(report.failures, 1);
    ck_assert_int_eq(wg_gradcheck(root, NULL, NULL, 1, &report), WG_ERROR_TAPE);
    ck_assert_int_eq(report.failures, 1);
    ck_assert_int_eq(wg_gradcheck(root, NULL, inputs, -1, &report), WG_ERROR_TAPE);
    ck_assert_message_contains(report.first.reason, "-1 of them");
    ck_assert_int_eq(wg_gradcheck_op(NULL, &report), WG_ERROR_TAPE);
    ck_assert_int_eq(report.failures, 1);
    wg_tensor_free(inputs[0]);
}
END_TEST

WG_SUITE("check/functions", a_zero_gradient_fails_even_where_rounding_is_coarse,
         a_function_that_is_not_finite_fails, nothing_but_a_kink_fails_and_is_counted,
         a_jump_is_no_smooth_place, a_steep_place_of_a_smooth_function_is_no_jump,
         a_flat_place_of_a_smooth_function_is_no_kink, a_function_without_real_value_fails,
         a_function_that_is_another_each_time_fails_and_says_so, a_function_that_leaves_its_tape_fails,
         a_function_without_elements_fails, nothing_to_check_does_not_pass)
