/* test_check_gradient — every op of the registry has the gradient that belongs to it, and a gradient of that
 * gradient; an op that says it has none refuses. Prints a line an op. */
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEAST_SAMPLES = 10 };

/* Under a sanitizer one op in so many, others each day: kernels and rules all run in other suites too. */
enum { PARTS = UNDER_SANITIZER ? 16 : 1 };

/* What differs from day to day: the part, and the directions. CHECK_SEED names it again. */
static uint64_t seed_of_today(void) {
    const char *named = getenv("CHECK_SEED");
    return named ? strtoull(named, NULL, 10) : (uint64_t)time(NULL) / 86400;
}

static wg_engine *one_thread;

static void make_engine(void) {
    one_thread = wg_engine_new(NULL, .threads = 1); /* the values are small: threads would only wait */
    ck_assert_ptr_nonnull(one_thread);
}
static void free_engine(void) { wg_engine_free(one_thread); }

static void print_order(const wg_gradcheck_report *report) {
    printf(" %9lld %6lld %9.2g %9.2g", (long long)report->elements, (long long)report->kinks,
           report->largest_error, report->largest_single);
}

/* Both orders of an op; the number of those that failed. Counts the ops whose f32 was held to f64. */
static int check(const wg_op *op, int *in_single) {
    wg_gradcheck_report first, second;
    int failed = wg_gradcheck_op(op, &first, .order = 1, .engine = one_thread) != WG_OK;
    failed += wg_gradcheck_op(op, &second, .order = 2, .engine = one_thread) != WG_OK;
    ck_assert_msg(first.samples >= LEAST_SAMPLES, "%s has %d samples", op->name, first.samples);
    printf("%-22s %7d", op->name, first.samples);
    if (first.not_differentiable) {
        printf("   not differentiable, refused %d times", first.samples_blocked);
    } else {
        print_order(&first);
        print_order(&second);
    }
    *in_single += first.singles > 0;
    printf(failed ? "   FAILED\n" : "\n");
    if (first.failures) wg_gradcheck_print(stdout, &first);
    if (second.failures) wg_gradcheck_print(stdout, &second);
    fflush(stdout);
    return failed;
}

START_TEST(every_op_has_the_gradients_of_its_function) {
    int failed = 0, in_single = 0;
    printf(
        "op                     samples  elements  kinks     error    in f32  elements  kinks     error    "
        "in f32   (of order 1, then 2; error: the largest, in tolerances)\n");
    ck_assert_int_gt(wg_op_count(), 0);
    const uint64_t seed = seed_of_today();
    printf("CHECK_SEED=%llu: one op in %d\n", (unsigned long long)seed, PARTS);
    for (int i = (int)(seed % PARTS); i < wg_op_count(); i += PARTS) failed += check(wg_op_at(i), &in_single);
    ck_assert_int_eq(failed, 0);
    ck_assert_int_ge(in_single, (wg_op_count() / PARTS) * 9 / 10); /* not those without real inputs */
}
END_TEST

/* Of one op in so many of the part, others each day, along directions that are others each day. */
START_TEST(ops_have_their_gradients_at_training_size) {
    enum { DIRECTIONS = 20, EVERY = 8 * PARTS };
    const uint64_t seed = seed_of_today();
    int failed = 0, large = 0, compared = 0;
    printf("CHECK_SEED=%llu: one op in %d, along %d directions\n", (unsigned long long)seed, EVERY,
           DIRECTIONS);
    for (int i = (int)(seed % EVERY); i < wg_op_count(); i += EVERY) {
        wg_gradcheck_report report;
        const wg_op *op = wg_op_at(i);
        const int status =
            wg_gradcheck_op(op, &report, .directions = DIRECTIONS, .seed = seed, .engine = one_thread);
        if (status) wg_gradcheck_print(stdout, &report);
        failed += status != WG_OK;
        compared += report.directions > 0;
        large += report.largest_size >= 1024;
    }
    printf("%d ops compared, %d of them with at least 1024 elements\n", compared, large);
    fflush(stdout);
    ck_assert_int_eq(failed, 0);
    ck_assert_int_ge(large, wg_op_count() / EVERY / 2);
}
END_TEST

/* --- Functions of vars ---------------------------------------------------------------------------------- */

/* sigmoid(a b) sin(b): b is used twice, and broadcast. */
static wg_var composed(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_mul(wg_sigmoid(wg_mul(x[0], x[1])), wg_sin(x[1]));
}

static wg_tensor *numbers(const wg_shape *shape, const double *values) {
    return wg_tensor_over(WG_F64, shape, values, NULL);
}

START_TEST(a_function_of_several_inputs_is_checked_in_all_of_them) {
    const double a[] = {0.5, -1.25, 2, 0.125, 3, -0.75}, b[] = {1.5, -0.5, 0.25};
    wg_tensor *inputs[] = {numbers(WG_SHAPE(2, 3), a), numbers(WG_SHAPE(3), b)};
    wg_gradcheck_report report;
    const int status = wg_gradcheck(composed, NULL, inputs, 2, &report, .order = 1, .engine = one_thread);
    ck_assert_msg(status == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.elements, 6 * (6 + 3));
    ck_assert_int_eq(wg_gradcheck(composed, NULL, inputs, 2, &report, .order = 2, .engine = one_thread),
                     WG_OK);
    ck_assert_int_eq(report.elements, 6 * (6 + 6 + 3) + 3 * (6 + 6 + 3));
    for (int i = 0; i < 2; i++) wg_tensor_free(inputs[i]);
}
END_TEST

START_TEST(held_inputs_are_constants) {
    const double a[] = {0.5, -1.25, 2}, b[] = {1.5, -0.5, 0.25};
    wg_tensor *inputs[] = {numbers(WG_SHAPE(3), a), numbers(WG_SHAPE(3), b)};
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck(composed, NULL, inputs, 2, &report, .order = 1, .held_inputs = 1 << 1,
                                  .engine = one_thread),
                     WG_OK);
    ck_assert_int_eq(report.elements, 3 * 3);
    for (int i = 0; i < 2; i++) wg_tensor_free(inputs[i]);
}
END_TEST

static wg_var hinge(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_relu(x[0]);
}

/* Each is constant: what is left of its gradient is rounding. */
static wg_var cancelling(wg_tape *tape, const wg_var *inputs, void *which) {
    (void)tape;
    wg_var x = inputs[0];
    if (*(int *)which == 0) return wg_sum(wg_softmax(x, 1), WG_ALL_AXES);
    return wg_sum(wg_add(wg_square(wg_sin(x)), wg_square(wg_cos(x))), WG_ALL_AXES);
}

START_TEST(gradients_that_cancel_to_rounding_pass) {
    static const double numbers[] = {.3, -.7, 1.1, 2.2, -1.4, .05, .6, -.2};
    wg_tensor *x = wg_tensor_over(WG_F64, WG_SHAPE(2, 4), numbers, NULL);
    for (int which = 0; which < 2; which++) {
        wg_gradcheck_report report;
        const int status = wg_gradcheck(cancelling, &which, &x, 1, &report, .order = 1, .engine = one_thread);
        ck_assert_msg(status == WG_OK, "function %d: %s", which, report.first.reason);
    }
    wg_tensor_free(x);
}
END_TEST

START_TEST(kinks_are_counted_and_the_rest_is_compared) {
    const double x[] = {-1, 0, 2};
    wg_tensor *inputs[] = {numbers(WG_SHAPE(3), x)};
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck(hinge, NULL, inputs, 1, &report, .order = 1, .engine = one_thread), WG_OK);
    ck_assert_int_eq(report.kinks, 1);
    ck_assert_int_eq(report.elements, 8);
    wg_tensor_free(inputs[0]);
}
END_TEST

/* Each has an element where something close by is not smooth, or where f and its gradient are 0. */
START_TEST(what_lies_close_to_a_sample_does_not_mislead) {
    static const struct {
        const char *op;
        int sample;
        uint64_t seed;
    } cases[] = {{"grid_sample", 36, 77}, /* f'' jumps 4e-6 from it: its gradient was found with 40 digits */
                 {"grid_sample", 20, 99}, /* f jumps between h/8 and h from it, at every step h */
                 {"standardize", 31, 3}}; /* a variance of 0, whose values around are squares of the step */
    for (int i = 0; i < 3; i++) {
        wg_gradcheck_report report;
        const int status = wg_gradcheck_op(wg_op_find(cases[i].op), &report, .seed = cases[i].seed,
                                           .sample = cases[i].sample);
        if (status) wg_gradcheck_print(stderr, &report);
        ck_assert_int_eq(status, WG_OK);
    }
}
END_TEST

START_TEST(the_same_seed_gives_the_same_report) {
    wg_gradcheck_report a, b;
    ck_assert_int_eq(wg_gradcheck_op(wg_op_find("exp"), &a, .seed = 5, .engine = one_thread), WG_OK);
    ck_assert_int_eq(wg_gradcheck_op(wg_op_find("exp"), &b, .seed = 5, .engine = one_thread), WG_OK);
    ck_assert_double_gt(a.largest_error, 0);
    ck_assert_double_eq(a.largest_error, b.largest_error);
}
END_TEST

WG_SUITE_WITH("check/gradient", make_engine, free_engine, every_op_has_the_gradients_of_its_function,
              ops_have_their_gradients_at_training_size,
              a_function_of_several_inputs_is_checked_in_all_of_them, held_inputs_are_constants,
              gradients_that_cancel_to_rounding_pass, kinks_are_counted_and_the_rest_is_compared,
              what_lies_close_to_a_sample_does_not_mislead, the_same_seed_gives_the_same_report)
