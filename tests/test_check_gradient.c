/* test_check_gradient — every op of the registry has the gradient that belongs to it, and a gradient of that
 * gradient; an op that says it has none refuses. Prints a line an op. */
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LEAST_SAMPLES = 10 };

/* Under a sanitizer one op in so many, others each day: kernels and rules all run in other suites too. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { PARTS = 8 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { PARTS = 8 };
#else
enum { PARTS = 1 };
#endif
#else
enum { PARTS = 1 };
#endif

/* CHECK_PART names the part again. */
static int part_of_today(void) {
    const char *named = getenv("CHECK_PART");
    return (int)((named ? strtol(named, NULL, 10) : (long)(time(NULL) / 86400)) % PARTS);
}

static wg_engine *one_thread;

static void make_engine(void) {
    one_thread = wg_engine_new(NULL, .threads = 1); /* the values are small: threads would only wait */
    ck_assert_ptr_nonnull(one_thread);
}
static void free_engine(void) { wg_engine_free(one_thread); }

static void print_order(const wg_gradcheck_report *report) {
    printf(" %9lld %6lld %9.2g", (long long)report->elements, (long long)report->kinks,
           report->largest_error);
}

/* Both orders of an op; the number of those that failed. */
static int check(const wg_op *op) {
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
    printf(failed ? "   FAILED\n" : "\n");
    if (first.failures) wg_gradcheck_print(stdout, &first);
    if (second.failures) wg_gradcheck_print(stdout, &second);
    fflush(stdout);
    return failed;
}

START_TEST(every_op_has_the_gradients_of_its_function) {
    int failed = 0;
    printf("op                     samples  elements  kinks     error  elements  kinks     error   "
           "(of order 1, then 2; error: the largest, in tolerances)\n");
    ck_assert_int_gt(wg_op_count(), 0);
    const int part = part_of_today();
    if (PARTS > 1) printf("CHECK_PART=%d of %d\n", part, PARTS);
    for (int i = part; i < wg_op_count(); i += PARTS) failed += check(wg_op_at(i));
    ck_assert_int_eq(failed, 0);
}
END_TEST

/* --- f32 against f64 ----------------------------------------------------------------------------- */

enum { MOST_INPUTS = 16, ROUNDINGS = 1024 };

typedef struct {
    wg_tape *tape;
    int compared;
} precision;

/* A cotangent with numbers that f32 and f64 share. */
static wg_var cotangent(wg_tape *tape, const wg_type *type, wg_dtype real) {
    wg_tensor *tensor = wg_tensor_of_type(type, NULL);
    ck_assert_ptr_nonnull(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) {
        const float number = 1.5f - (float)(i * 5 % 13) / 4;
        if (real == WG_F32)
            ((float *)wg_tensor_writable(tensor))[i] = number;
        else
            ((double *)wg_tensor_writable(tensor))[i] = number;
    }
    wg_var var = wg_input(tape, tensor);
    wg_tensor_free(tensor);
    return var;
}

/* The gradients of a case for a dense cotangent, at inputs that f32 and f64 share. How many there are; none
 * where the case has no real output. */
static int gradients_of(wg_tape *tape, const wg_case *sample, wg_dtype real, wg_var *gradients) {
    wg_var vars[MOST_INPUTS + 1], wanted[MOST_INPUTS];
    int count = 0;
    ck_assert_int_le(sample->input_count, MOST_INPUTS);
    for (int i = 0; i < sample->input_count; i++) {
        wg_tensor *tensor = wg_case_tensor(sample, i, real, 3, NULL);
        vars[i] = tensor ? wg_input(tape, tensor) : WG_NONE;
        if (tensor && wg_tensor_type(tensor).dtype == real && !(sample->op->blocked_inputs >> i & 1))
            wanted[count++] = vars[i];
        wg_tensor_free(tensor);
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    wg_var y = wg_case_record(tape, sample, vars);
    const wg_type type = wg_type_of(y);
    if (type.dtype != real || !count) return 0;
    wg_grad_list(y, cotangent(tape, &type, real), wanted, count, gradients);
    gradients[count] = (wg_var)WG_END_;
    wg_eval_list(gradients);
    ck_assert_msg(wg_tape_status(tape) == WG_OK, "%s, sample %d in %s: %s", sample->op->name, sample->number,
                  wg_dtype_name(real), wg_tape_message(tape));
    return count;
}

static void assert_near(const wg_case *sample, const wg_tensor *single, const wg_tensor *twice) {
    double largest = 0;
    ck_assert_int_eq(wg_tensor_count(single), wg_tensor_count(twice));
    for (int64_t i = 0; i < wg_tensor_count(twice); i++)
        largest = fmax(largest, fabs(wg_tensor_get(twice, i)));
    for (int64_t i = 0; i < wg_tensor_count(twice); i++)
        ck_assert_msg(
            fabs(wg_tensor_get(single, i) - wg_tensor_get(twice, i)) <= ROUNDINGS * 0x1p-24 * largest,
            "%s, sample %d: element %lld of a gradient is %.9g in f32, %.9g in f64", sample->op->name,
            sample->number, (long long)i, wg_tensor_get(single, i), wg_tensor_get(twice, i));
}

static int compare_precisions(const wg_case *sample, void *context) {
    precision *with = context;
    wg_var twice[MOST_INPUTS + 1], single[MOST_INPUTS + 1];
    const int count = gradients_of(with->tape, sample, WG_F64, twice);
    wg_tensor *kept[MOST_INPUTS];
    for (int i = 0; i < count; i++) kept[i] = wg_tensor_retain((wg_tensor *)wg_value(twice[i]));
    if (count && gradients_of(with->tape, sample, WG_F32, single) == count)
        for (int i = 0; i < count; i++, with->compared++) assert_near(sample, wg_value(single[i]), kept[i]);
    for (int i = 0; i < count; i++) wg_tensor_free(kept[i]);
    wg_tape_clear(with->tape);
    return 0;
}

START_TEST(gradients_in_f32_agree_with_those_in_f64) {
    int ops = 0, refused = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        precision with = {.tape = wg_tape_new(.engine = one_thread)};
        ck_assert_ptr_nonnull(with.tape);
        if (wg_op_at(i)->flags & WG_BLOCKS)
            refused++;
        else
            wg_op_samples(wg_op_at(i), compare_precisions, &with);
        ops += with.compared > 0;
        wg_tape_free(with.tape);
    }
    ck_assert_int_ge(ops, wg_op_count() - refused - 3); /* what has no real input: full, cast from integers */
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
              gradients_in_f32_agree_with_those_in_f64,
              a_function_of_several_inputs_is_checked_in_all_of_them, held_inputs_are_constants,
              gradients_that_cancel_to_rounding_pass, kinks_are_counted_and_the_rest_is_compared,
              what_lies_close_to_a_sample_does_not_mislead,
              the_same_seed_gives_the_same_report)
