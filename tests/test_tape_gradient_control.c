/* Gradients that a program takes into its own hands: stopped, scaled, led elsewhere, recorded by itself; and
 * what stands in a gradient's way. */
#include "tape_suite.h"
#include <math.h>

static wg_var number(double value) { return wg_array(tape, WG_F64, WG_SCALAR_SHAPE, &value); }
#define F64(count, ...) wg_array(tape, WG_F64, WG_SHAPE(count), (const double[]){__VA_ARGS__})

START_TEST(a_scaled_gradient_leaves_the_value) {
    wg_var x = number(3), y = wg_square(wg_gradient_scale(x, 0.25)),
           z = wg_square(wg_gradient_reversal(x, 2));
    assert_values(y, 0, 9);
    assert_values(wg_grad(y, x), 0, 1.5);
    assert_values(wg_grad(z, x), 0, -12);
}
END_TEST

/* y = round(x)², with dy/dx as if round were not there: 2 round(x). */
START_TEST(a_gradient_goes_straight_through) {
    wg_var x = number(2.6), rounded = wg_round(x), y = wg_square(wg_straight_through(rounded, x));
    assert_values(y, 0, 9);
    assert_values(wg_grad(y, x), 0, 6);
    assert_values(wg_grad(y, rounded), 0, 0);
    ck_assert_int_eq(wg_connection_of(y, rounded), WG_STOPPED);
    wg_straight_through(F64(2, 1, 2), x);
    assert_error(tape, WG_ERROR_SHAPE, "straight_through: shapes differ: input 0 is [2], input 1 is []");
}
END_TEST

/* sqrt(a² + b²), with the gradient 0 at 0 instead of NaN. */
static wg_var length(wg_tape *on, const wg_var *x, void *context) {
    (void)on;
    ++*(int *)context;
    return wg_sqrt(wg_add(wg_square(x[0]), wg_square(x[1])));
}
static void length_backward(wg_tape *on, const wg_var *x, wg_var y, wg_var dy, wg_var *gradients,
                            void *context) {
    *(int *)context += 10;
    wg_var zero = wg_scalar(on, 0), safe = wg_where(wg_equal(y, zero), wg_scalar(on, 1), y);
    for (int i = 0; i < 2; i++) gradients[i] = wg_mul(dy, wg_div(x[i], safe));
}

START_TEST(a_region_has_the_gradient_that_the_program_records) {
    int calls = 0;
    wg_var a = number(3), b = number(4), y = wg_own_gradient(WG_VARS(a, b), length, length_backward, &calls);
    wg_var da = wg_grad(y, a), db = wg_grad(y, b);
    ck_assert_int_eq(calls, 21);
    assert_values(y, 0, 5);
    assert_values(da, 1e-15, 0.6);
    assert_values(db, 1e-15, 0.8);
    assert_values(wg_grad(da, a), 1e-15, 16.0 / 125); /* b² / y³ */
    wg_var zero = number(0), at_zero = wg_own_gradient(WG_VARS(zero, zero), length, length_backward, &calls);
    assert_values(wg_grad(at_zero, zero), 0, 0);
}
END_TEST

static wg_var times_captured(wg_tape *on, const wg_var *x, void *captured) {
    (void)on;
    return wg_mul(x[0], *(wg_var *)captured);
}
static void none(wg_tape *on, const wg_var *x, wg_var y, wg_var dy, wg_var *gradients, void *context) {
    (void)on, (void)x, (void)y, (void)dy, (void)gradients, (void)context;
}
static void of_another_shape(wg_tape *on, const wg_var *x, wg_var y, wg_var dy, wg_var *gradients,
                             void *context) {
    (void)on, (void)x, (void)y, (void)context;
    gradients[0] = wg_sum(dy, WG_ALL_AXES);
}
static wg_var nothing(wg_tape *on, const wg_var *x, void *context) {
    (void)on, (void)x, (void)context;
    return WG_NONE;
}

START_TEST(a_region_says_what_is_wrong_with_it) {
    wg_var x = F64(2, 1, 2), w = F64(2, 3, 4);
    wg_var y = wg_sum(wg_own_gradient(WG_VARS(x), times_captured, none, &w), WG_ALL_AXES);
    assert_values(wg_grad(y, x), 0, 0, 0);
    wg_grad(y, w);
    assert_error(tape, WG_ERROR_GRADIENT, "blocked by an op without gradient: own_gradient");
    wg_var z = wg_sum(wg_own_gradient(WG_VARS(x), times_captured, of_another_shape, &w), WG_ALL_AXES);
    wg_grad(z, x);
    assert_error(tape, WG_ERROR_GRADIENT,
                 "wg_own_gradient: the backward function gave input 0, which is f64[2], a gradient of f64[]");
    wg_own_gradient(WG_VARS(x), nothing, none, NULL);
    assert_error(tape, WG_ERROR_TAPE, "wg_own_gradient: the forward function returned no var of this tape");
    wg_own_gradient(WG_VARS(x), NULL, none, NULL);
    assert_error(tape, WG_ERROR_TAPE, "wg_own_gradient: the forward function is NULL");
}
END_TEST

/* embedding_bag is composed of others, of which one looks the rows up. */
static wg_var bag_of(wg_tape *on, const wg_var *x, void *context) {
    const int64_t offset = 0;
    return wg_add(
        wg_embedding_bag(x[0], *(wg_var *)context, .offsets = wg_array(on, WG_I64, WG_SHAPE(1), &offset)),
        wg_scalar(on, 1));
}

START_TEST(an_error_of_the_run_in_a_region_names_the_op_that_was_called) {
    const int64_t index = -4;
    wg_var weight = wg_reshape(F64(3, 1, 2, 3), WG_SHAPE(3, 1));
    wg_var indices = wg_array(tape, WG_I64, WG_SHAPE(1), &index);
    ck_assert_int_eq(wg_eval(wg_own_gradient(WG_VARS(weight), bag_of, none, &indices)), WG_ERROR_INDEX);
    ck_assert_message_contains(wg_tape_message(tape), "test_tape_gradient_control.c:");
    assert_error(tape, WG_ERROR_INDEX, "embedding_bag: gather: index -4 at place 0 is out of range");
}
END_TEST

static bool evaluates;
static void not_only_recording(wg_tape *on, const wg_var *x, wg_var y, wg_var dy, wg_var *gradients,
                               void *context) {
    (void)on, (void)y, (void)context;
    if (evaluates)
        gradients[0] = wg_eval(dy) == WG_OK ? dy : WG_NONE;
    else
        gradients[0] = wg_mul(dy, wg_grad(wg_sum(wg_square(x[0]), WG_ALL_AXES), x[0]));
}

START_TEST(a_backward_function_that_differentiates_or_evaluates_is_an_error) {
    wg_var x = F64(3, 1, 2, 3), w = number(2);
    for (int i = 0; i < 2; i++) {
        evaluates = i;
        wg_grad(wg_sum(wg_own_gradient(WG_VARS(x), times_captured, not_only_recording, &w), WG_ALL_AXES), x);
        assert_error(tape, WG_ERROR_GRADIENT,
                     "own_gradient: its backward function differentiates or evaluates; it may only record");
        assert_values(wg_grad(wg_sum(wg_square(x), WG_ALL_AXES), x), 0, 2, 4, 6);
    }
}
END_TEST

static void assert_report(bool differentiable, wg_var y, wg_var x, const char *part) {
    char report[512] = "unwritten";
    ck_assert_int_eq(wg_differentiable(y, x, report, sizeof report), differentiable);
    ck_assert_message_contains(report, part);
    if (!*part) ck_assert_str_eq(report, "");
}

START_TEST(what_stands_in_the_way_of_a_gradient_is_listed) {
    wg_var x = F64(3, 1, 2, 3), other = number(1);
    wg_var largest = wg_cast(wg_argmax(x, 0), WG_F64), stopped = wg_sum(wg_stop_gradient(x), WG_ALL_AXES);
    const uint32_t nodes = wg_tape_nodes(tape);
    assert_report(true, wg_sum(x, WG_ALL_AXES), x, "");
    assert_report(false, other, x, "y does not depend on x\n");
    assert_report(false, stopped, x, "stop_gradient, recorded at ");
    assert_report(false, stopped, x, "test_tape_gradient_control.c:");
    assert_report(false, stopped, x, ", stops the gradient\n");
    assert_report(false, largest, x, "argmax, recorded at ");
    assert_report(false, largest, x, ", has none\n");
    assert_report(false, wg_argmax(x, 0), x, "y is i64[]; only f32 and f64 have gradients\n");
    wg_var both = wg_add(wg_add(stopped, largest), wg_sum(x, WG_ALL_AXES));
    assert_report(true, both, x, "stop_gradient");
    assert_report(true, both, x, "argmax");
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    ck_assert_uint_eq(wg_tape_nodes(tape), nodes + 5);
    char cut[8];
    ck_assert(!wg_differentiable(stopped, x, cut, sizeof cut));
    ck_assert_str_eq(cut, "stop_gr");
    ck_assert(!wg_differentiable(stopped, x, NULL, 0));
}
END_TEST

START_TEST(what_an_op_stops_inside_is_no_obstacle_unless_it_stops_all) {
    wg_var x = F64(3, 1, 2, 3), w = F64(3, 4, 5, 6);
    wg_var norm = wg_norm(x, 2, WG_ALL_AXES); /* which divides by the largest as by a constant */
    assert_report(true, norm, x, "");
    assert_report(true, wg_std(x, WG_ALL_AXES), x, "");
    assert_report(false, wg_sum(wg_cast(wg_any(x, WG_ALL_AXES), WG_F64), WG_ALL_AXES), x, ", has none\n");
    wg_var y = wg_sum(wg_own_gradient(WG_VARS(x), times_captured, none, &w), WG_ALL_AXES);
    assert_report(true, y, x, "");
    assert_report(false, y, w, "own_gradient, recorded at ");
    wg_var both = wg_add(norm, wg_sum(wg_stop_gradient(x), WG_ALL_AXES));
    char report[512];
    ck_assert(wg_differentiable(both, x, report, sizeof report));
    ck_assert_ptr_eq(strchr(report, '\n'), strrchr(report, '\n')); /* one line: that of the program's own */
    ck_assert_message_contains(report, "stop_gradient, recorded at ");
}
END_TEST

WG_TAPE_SUITE("tape/gradient_control", a_scaled_gradient_leaves_the_value, a_gradient_goes_straight_through,
              a_backward_function_that_differentiates_or_evaluates_is_an_error,
              a_region_has_the_gradient_that_the_program_records, a_region_says_what_is_wrong_with_it,
              an_error_of_the_run_in_a_region_names_the_op_that_was_called,
              what_stands_in_the_way_of_a_gradient_is_listed,
              what_an_op_stops_inside_is_no_obstacle_unless_it_stops_all)
