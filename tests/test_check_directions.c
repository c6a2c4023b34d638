/* test_check_directions — the gradient check of inputs of training size: one entry of a Jacobian of 100,000
 * that is off by 1 % is found whatever the seed, and a right rule passes. */
#include "suite.h"
#include <stdlib.h>

enum { ENTRIES = 100000, ROWS = 100, TERMS = 1000, SEEDS = 100, DIRECTIONS = 20 };

static wg_engine *one_thread;
static double *numbers; /* ENTRIES of them */
static int wrong;       /* the entry that is off; -1: none */

static void set_up(void) {
    one_thread = wg_engine_new(NULL, .threads = 1);
    numbers = malloc(ENTRIES * sizeof *numbers);
    ck_assert_ptr_nonnull(one_thread);
    ck_assert_ptr_nonnull(numbers);
    uint64_t state = 11;
    for (int i = 0; i < ENTRIES; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const double sign = state >> 40 & 1 ? 1 : -1;
        numbers[i] = sign * (float)(0.05 + 2 * (double)(state >> 44) / (1 << 20));
    }
}
static void tear_down(void) {
    wg_engine_free(one_thread);
    free(numbers);
}

/* --- Element by element: y = x^3 -------------------------------------------------------------------- */

static void cubes(const wg_call *call) {
    const double *x = call->inputs[0].data;
    double *y = call->outputs[0].data;
    for (int64_t i = call->begin; i < call->end; i++) y[i] = x[i] * x[i] * x[i];
}
static int64_t elements(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }

static void cubes_backward(wg_rule *rule) {
    wg_var dx = wg_mul(rule->cotangents[0], wg_mul(wg_square(rule->inputs[0]), wg_scalar(rule->tape, 3)));
    if (wrong >= 0) {
        wg_var more = wg_mul(wg_slice(dx, 0, wrong, wrong + 1), wg_scalar(rule->tape, 0.01));
        dx = wg_add(dx, wg_pad(more, WG_SHAPE(wrong), WG_SHAPE(ENTRIES - 1 - wrong)));
    }
    wg_rule_set(rule, 0, dx);
}

static const wg_op cubes_op = {.name = "cubes",
                               .formula = "y = x^3",
                               .inputs = 1,
                               .outputs = 1,
                               .infer = wg_infer_same,
                               .forward = cubes,
                               .backward = cubes_backward,
                               .units = elements};

static wg_var elementwise(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_apply(&cubes_op, x[0]);
}

/* --- Sums of many terms: y = a x, whose Jacobian is a --------------------------------------------------- */

static int infer_sums(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    infer->outputs[0].rank = 1;
    infer->outputs[0].extent[1] = 0;
    return WG_OK;
}
static void multiply(const wg_call *call) {
    const double *a = call->inputs[0].data, *x = call->inputs[1].data;
    double *y = call->outputs[0].data;
    for (int i = 0; i < ROWS; i++) {
        y[i] = 0;
        for (int k = 0; k < TERMS; k++) y[i] += a[i * TERMS + k] * x[k];
    }
}
static void multiply_backward(wg_rule *rule) {
    const wg_var dy = rule->cotangents[0];
    const int row = wrong / TERMS, term = wrong % TERMS;
    wg_var dx = wg_matmul(dy, rule->inputs[0]);
    if (wrong >= 0) {
        wg_var more = wg_mul(wg_slice(dy, 0, row, row + 1), wg_scalar(rule->tape, 0.01 * numbers[wrong]));
        dx = wg_add(dx, wg_pad(more, WG_SHAPE(term), WG_SHAPE(TERMS - 1 - term)));
    }
    wg_rule_set(rule, 1, dx);
}
static const wg_op sums_op = {.name = "sums",
                              .formula = "y = a x",
                              .inputs = 2,
                              .outputs = 1,
                              .blocked_inputs = 1,
                              .infer = infer_sums,
                              .forward = multiply,
                              .backward = multiply_backward};

static wg_var many_terms(wg_tape *tape, const wg_var *x, void *context) {
    (void)tape, (void)context;
    return wg_apply(&sums_op, x[0], x[1]);
}

/* --- Both ------------------------------------------------------------------------------------------------
 */

/* Of the seeds, those that pass. */
static int passes(wg_function *function, wg_tensor *const *inputs, int count, bool planted) {
    int passed = 0;
    for (int seed = 1; seed <= SEEDS; seed++) {
        wg_gradcheck_report report;
        wrong = planted ? (int)((int64_t)seed * 7919 * 7907 % ENTRIES) : -1;
        const int status =
            wg_gradcheck(function, NULL, inputs, count, &report, .seed = (uint64_t)seed,
                         .directions = DIRECTIONS, .held_inputs = count > 1, .engine = one_thread);
        passed += status == WG_OK;
        if (status) ck_assert_message_contains(report.first.reason, "along direction");
        if ((status == WG_OK) == planted)
            printf("seed %d, entry %d: %s\n", seed, wrong, planted ? "not found" : report.first.reason);
        if (!planted && !report.failures) ck_assert_int_eq(report.directions, DIRECTIONS);
    }
    return passed;
}

static int passes_elementwise(bool planted) {
    wg_tensor *x = wg_tensor_over(WG_F64, WG_SHAPE(ENTRIES), numbers, NULL);
    const int passed = passes(elementwise, &x, 1, planted);
    wg_tensor_free(x);
    return passed;
}

static int passes_sums(bool planted) {
    wg_tensor *inputs[] = {wg_tensor_over(WG_F64, WG_SHAPE(ROWS, TERMS), numbers, NULL),
                           wg_tensor_over(WG_F64, WG_SHAPE(TERMS), numbers + TERMS / 2, NULL)};
    const int passed = passes(many_terms, inputs, 2, planted);
    for (int i = 0; i < 2; i++) wg_tensor_free(inputs[i]);
    return passed;
}

START_TEST(one_element_of_100_000_off_by_a_hundredth_is_found_by_every_seed) {
    ck_assert_int_eq(passes_elementwise(true), 0);
}
END_TEST

START_TEST(one_term_of_100_000_off_by_a_hundredth_is_found_by_every_seed) {
    ck_assert_int_eq(passes_sums(true), 0);
}
END_TEST

START_TEST(right_elements_pass_with_every_seed) { ck_assert_int_eq(passes_elementwise(false), SEEDS); }
END_TEST

START_TEST(right_sums_pass_with_every_seed) { ck_assert_int_eq(passes_sums(false), SEEDS); }
END_TEST

WG_SUITE_WITH("check/directions", set_up, tear_down,
              one_element_of_100_000_off_by_a_hundredth_is_found_by_every_seed,
              one_term_of_100_000_off_by_a_hundredth_is_found_by_every_seed,
              right_elements_pass_with_every_seed, right_sums_pass_with_every_seed)
