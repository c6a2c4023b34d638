/* test_check_cannot_be_fooled — ops whose rules are wrong, each in one way, must fail the gradient check;
 * the same op with the right rule passes it.
 *
 * The op is y = a sin(b), with da = dy sin(b) and db = dy a cos(b). */
#include "suite.h"
#include <math.h>
#include <stdlib.h>

static void product(const wg_call *call) {
    for (int64_t i = call->begin; i < call->end; i++)
        if (call->dtype == WG_F64)
            ((double *)call->outputs[0].data)[i] =
                ((const double *)call->inputs[0].data)[i] * sin(((const double *)call->inputs[1].data)[i]);
        else
            ((float *)call->outputs[0].data)[i] =
                ((const float *)call->inputs[0].data)[i] * sinf(((const float *)call->inputs[1].data)[i]);
}

static int64_t elements(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }

static void samples(wg_sampler *sampler) {
    const wg_shape *const shapes[] = {WG_SHAPE(4, 4), WG_SHAPE(1, 1), WG_SHAPE(3, 3), WG_SHAPE(0, 0)};
    for (int i = 0; i < 4; i++) WG_SAMPLE(sampler, NULL, {.shape = shapes[i]}, {.shape = shapes[i]});
}

static wg_var da_of(const wg_rule *rule) { return wg_mul(rule->cotangents[0], wg_sin(rule->inputs[1])); }
static wg_var db_of(const wg_rule *rule) {
    return wg_mul(wg_mul(rule->cotangents[0], rule->inputs[0]), wg_cos(rule->inputs[1]));
}
static wg_var number(const wg_rule *rule, double value) { return wg_scalar(rule->tape, value); }

static void right(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, db_of(rule));
}
static void sign_flipped(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_neg(db_of(rule)));
}
static void scaled(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(da_of(rule), number(rule, 1.001)));
    wg_rule_set(rule, 1, db_of(rule));
}
static void factor_dropped(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_mul(rule->cotangents[0], wg_cos(rule->inputs[1])));
}
static void operand_replaced(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_mul(wg_mul(rule->cotangents[0], rule->inputs[1]), wg_cos(rule->inputs[1])));
}

/* A tensor of ones but for its last element. */
static wg_var ones_but(const wg_rule *rule, double last) {
    double values[16];
    const wg_type type = wg_type_of(rule->inputs[0]);
    const int64_t count = wg_type_count(&type);
    wg_shape shape = {{type.extent[0], type.extent[1], INT64_MIN}};
    for (int i = 0; i < 16; i++) values[i] = i == count - 1 ? last : 1;
    return wg_array(rule->tape, WG_F64, &shape, values);
}
static void one_element_wrong(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(da_of(rule), ones_but(rule, 1.00001)));
    wg_rule_set(rule, 1, db_of(rule));
}
static void one_element_dropped(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_mul(db_of(rule), ones_but(rule, 0)));
}
static void one_element_nan(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(da_of(rule), ones_but(rule, NAN)));
    wg_rule_set(rule, 1, db_of(rule));
}
static void infinite(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_mul(db_of(rule), number(rule, INFINITY)));
}
static void all_zero(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(da_of(rule), number(rule, 0)));
    wg_rule_set(rule, 1, wg_mul(db_of(rule), number(rule, 0)));
}
static void nothing_set(wg_rule *rule) { (void)rule; }
static void one_input_forgotten(wg_rule *rule) { wg_rule_set(rule, 0, da_of(rule)); }
static void transposed(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, wg_transpose(db_of(rule), WG_ALL_AXES));
}
static void summed(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_broadcast_to(wg_sum(da_of(rule), WG_AXES(0), .keepdims = true), WG_SHAPE(4, 4)));
    wg_rule_set(rule, 1, db_of(rule));
}
static void of_another_shape(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_sum(da_of(rule), WG_ALL_AXES));
    wg_rule_set(rule, 1, db_of(rule));
}
static void of_another_dtype(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_cast(da_of(rule), WG_F32));
    wg_rule_set(rule, 1, db_of(rule));
}
static void not_linear(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(wg_square(rule->cotangents[0]), wg_sin(rule->inputs[1])));
    wg_rule_set(rule, 1, db_of(rule));
}
static void cut_off(wg_rule *rule) { /* right, but no gradient of the gradient */
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(
        rule, 1,
        wg_mul(rule->cotangents[0], wg_stop_gradient(wg_mul(rule->inputs[0], wg_cos(rule->inputs[1])))));
}

#define OP(rule)                                                                                     \
    {                                                                                                \
        .name = #rule, .formula = "y = a sin(b)", .inputs = 2, .outputs = 1, .infer = wg_infer_same, \
        .forward = product, .backward = rule, .units = elements, .samples = samples,                 \
    }
static const wg_op right_op = OP(right);

/* Fails the check, at the given order alone; the report says something like `reason`. */
static void must_fail_at(const wg_op *op, int order, const char *reason) {
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(op, &report, .order = order) == WG_ERROR_GRADIENT, "%s passes", op->name);
    ck_assert_int_gt(report.failures, 0);
    ck_assert_message_contains(report.first.reason, reason);
}

START_TEST(the_right_rule_passes) {
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(&right_op, &report) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.samples, 4);
    ck_assert_int_eq(report.samples_empty, 1);
    const int64_t first = 16 * 32 + 1 * 2 + 9 * 18, second = 2 * (16 * 48 + 1 * 3 + 9 * 27);
    ck_assert_int_eq(report.elements, first + second);
    ck_assert_double_lt(report.largest_error, 1);
}
END_TEST

START_TEST(a_rule_that_is_wrong_anywhere_fails) {
    static const wg_op ops[] = {OP(sign_flipped),
                                OP(scaled),
                                OP(factor_dropped),
                                OP(operand_replaced),
                                OP(one_element_wrong),
                                OP(one_element_dropped),
                                OP(all_zero),
                                OP(nothing_set),
                                OP(one_input_forgotten),
                                OP(transposed)};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        must_fail_at(&ops[i], 1, "analytic and numeric derivative disagree");
}
END_TEST

static void of_the_first_alone(wg_rule *rule) { wg_rule_set(rule, 0, da_of(rule)); }

START_TEST(an_input_without_gradient_that_the_value_depends_on_fails_unless_declared) {
    wg_op op = OP(of_the_first_alone);
    op.blocked_inputs = 1 << 1;
    must_fail_at(&op, 1, "input 1 is declared to have no gradient, but element");
    wg_gradcheck_report report;
    op.blocked_because = "angles are taken for given";
    ck_assert_msg(wg_gradcheck_op(&op, &report) == WG_OK, "%s", report.first.reason);
}
END_TEST

START_TEST(nan_and_infinity_fail) {
    static const wg_op ops[] = {OP(one_element_nan), OP(infinite)};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) must_fail_at(&ops[i], 1, "");
}
END_TEST

START_TEST(a_cotangent_of_another_type_fails) {
    static const wg_op ops[] = {OP(of_another_shape), OP(of_another_dtype), OP(summed)};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) must_fail_at(&ops[i], 1, "");
}
END_TEST

START_TEST(a_rule_not_linear_in_the_cotangent_fails) {
    static const wg_op op = OP(not_linear);
    must_fail_at(&op, 1, "");
}
END_TEST

START_TEST(a_missing_rule_fails_unless_declared) {
    static const wg_op missing = OP(NULL);
    must_fail_at(&missing, 1, "no backward rule");
    wg_op declared = missing;
    declared.name = "declared";
    declared.flags = WG_BLOCKS;
    must_fail_at(&declared, 1, "input 0 is declared to have no gradient, but element");
    declared.no_gradient = "nobody asks for it";
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(&declared, &report) == WG_OK, "%s", report.first.reason);
    ck_assert(report.not_differentiable);
    ck_assert_int_eq(report.samples_blocked, 4);
}
END_TEST

static wg_var in_other_ops(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    return wg_mul(inputs[0], wg_sin(inputs[1]));
}
static wg_var stopped(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    return wg_mul(inputs[0], wg_stop_gradient(wg_sin(inputs[1])));
}

START_TEST(a_composed_op_is_checked_through_its_expansion) {
    wg_op composed = {.name = "composed",
                      .formula = "y = a sin(b)",
                      .inputs = 2,
                      .outputs = 1,
                      .infer = wg_infer_same,
                      .expand = in_other_ops,
                      .samples = samples};
    wg_gradcheck_report whole, report;
    ck_assert_int_eq(wg_gradcheck_op(&right_op, &whole), WG_OK);
    ck_assert_msg(wg_gradcheck_op(&composed, &report) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.elements, whole.elements);
    composed.expand = stopped;
    must_fail_at(&composed, 1, "analytic and numeric derivative disagree");
}
END_TEST

static wg_var twice_a(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)attributes;
    return wg_mul(wg_mul(wg_scalar(tape, 2), inputs[0]), wg_sin(inputs[1]));
}
static void twice(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_mul(da_of(rule), number(rule, 2)));
    wg_rule_set(rule, 1, wg_mul(db_of(rule), number(rule, 2)));
}

START_TEST(a_gradient_of_another_function_is_held_to_that_function) {
    wg_op declared = OP(twice);
    wg_gradcheck_report report;
    must_fail_at(&declared, 1, "analytic and numeric derivative disagree");
    declared.gradient_as = twice_a;
    ck_assert_msg(wg_gradcheck_op(&declared, &report) == WG_OK, "%s", report.first.reason);
    declared.backward = right;
    must_fail_at(&declared, 1, "analytic and numeric derivative disagree");
}
END_TEST

static wg_var nearly(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    return wg_mul(in_other_ops(tape, inputs, attributes), wg_scalar(tape, 1.00001));
}

START_TEST(a_kernel_is_held_to_the_expansion) {
    wg_op op = right_op;
    wg_gradcheck_report report;
    op.expand = in_other_ops;
    ck_assert_msg(wg_gradcheck_op(&op, &report, .order = 1) == WG_OK, "%s", report.first.reason);
    op.expand = nearly;
    must_fail_at(&op, 1, "the value is not that of the op's expansion");
    op.expand = stopped;
    must_fail_at(&op, 1, "the gradient is not that of the op's expansion");
}
END_TEST

START_TEST(a_gradient_without_gradient_fails_at_second_order) {
    static const wg_op op = OP(cut_off);
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(&op, &report, .order = 1) == WG_OK, "%s", report.first.reason);
    must_fail_at(&op, 2, "the Hessian is not symmetric");
}
END_TEST

/* da = dy sin(b), as it is; but its gradient for b is off by 5e-8, which no difference can see. */
static void sine_of(const wg_call *call) {
    for (int64_t i = call->begin; i < call->end; i++)
        if (call->dtype == WG_F64)
            ((double *)call->outputs[0].data)[i] = sin(((const double *)call->inputs[0].data)[i]);
        else
            ((float *)call->outputs[0].data)[i] = sinf(((const float *)call->inputs[0].data)[i]);
}
static void nearly_cosine(wg_rule *rule) {
    wg_rule_set(rule, 0,
                wg_mul(wg_mul(rule->cotangents[0], wg_cos(rule->inputs[0])), number(rule, 1 + 5e-8)));
}
static void asymmetric(wg_rule *rule) {
    static const wg_op sine = {.name = "sine",
                               .formula = "y = sin(x)",
                               .inputs = 1,
                               .outputs = 1,
                               .infer = wg_infer_same,
                               .forward = sine_of,
                               .backward = nearly_cosine,
                               .units = elements};
    wg_rule_set(rule, 0, wg_mul(rule->cotangents[0], wg_apply(&sine, rule->inputs[1])));
    wg_rule_set(rule, 1, db_of(rule));
}

START_TEST(a_hessian_that_is_not_symmetric_fails) {
    static const wg_op op = OP(asymmetric);
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(&op, &report, .order = 1) == WG_OK, "%s", report.first.reason);
    must_fail_at(&op, 2, "the Hessian is not symmetric");
    ck_assert_int_eq(wg_gradcheck_op(&op, &report, .order = 2, .seed = 7), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.failures, 3); /* one a sample that is not empty, and no difference sees it */
    ck_assert_int_eq(report.symmetries, 3);
    ck_assert_message_contains(report.first.reproduce,
                               "wg_gradcheck_op(&asymmetric, &report, .sample = 1, .seed = 7u");
    ck_assert_msg(wg_gradcheck_op(&right_op, &report, .order = 2) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.symmetries, 3);
}
END_TEST

/* As good as f64 where it is f64; f32 loses six of its bits. */
static void product_in_coarse_f32(const wg_call *call) {
    product(call);
    if (call->dtype == WG_F32)
        for (int64_t i = call->begin; i < call->end; i++) ((float *)call->outputs[0].data)[i] *= 1 + 0x1p-17f;
}

START_TEST(an_op_that_is_coarse_in_f32_alone_fails) {
    wg_op op = right_op;
    wg_gradcheck_report report;
    op.forward = product_in_coarse_f32;
    must_fail_at(&op, 1, "in f32 element");
    op.f32_cancelled = 100; /* which it may say if it be so */
    ck_assert_msg(wg_gradcheck_op(&op, &report) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.singles, (16 + 1 + 9) * 3); /* y, and the gradients for a and b */
    ck_assert_double_gt(report.largest_single, 0);
}
END_TEST

START_TEST(along_directions_a_wrong_element_fails_and_the_right_rule_passes) {
    static const wg_op wrong = OP(one_element_dropped);
    wg_gradcheck_report report;
    ck_assert_msg(wg_gradcheck_op(&right_op, &report, .directions = 20) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.directions, 20);
    ck_assert_int_gt(report.largest_size, 8000);
    ck_assert_int_eq(report.elements, 0);
    ck_assert_int_eq(wg_gradcheck_op(&wrong, &report, .directions = 20, .sample = 2, .seed = 5),
                     WG_ERROR_GRADIENT); /* a sample of one element, which stays as it is */
    ck_assert_message_contains(report.first.reason, "along direction 0 of 20");
    ck_assert_message_contains(report.first.reproduce, ".sample = 2, .seed = 5u, .directions = 20");
    ck_assert_int_eq(wg_gradcheck_op(&right_op, &report, .directions = 20, .order = 2), WG_ERROR_ATTRIBUTE);
}
END_TEST

static void no_samples(wg_sampler *sampler) { (void)sampler; }
static void empty_samples(wg_sampler *sampler) {
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(0, 3)}, {.shape = WG_SHAPE(0, 3)});
}

START_TEST(an_op_of_which_nothing_was_compared_fails) {
    wg_op op = right_op;
    op.samples = no_samples;
    must_fail_at(&op, 1, "no element was compared");
    op.samples = empty_samples;
    must_fail_at(&op, 1, "no element was compared");
    op.samples = NULL;
    must_fail_at(&op, 1, "no element was compared");
}
END_TEST

static void samples_beyond_memory(wg_sampler *sampler) {
    const wg_shape *beyond = WG_SHAPE(INT64_C(1) << 40, INT64_C(1) << 40);
    WG_SAMPLE(sampler, NULL, {.shape = beyond}, {.shape = WG_SHAPE(3)});
}

START_TEST(an_op_that_says_nonsense_of_itself_fails) {
    wg_op op = right_op;
    op.typed_by = -1;
    must_fail_at(&op, 1, "input -1 names its kernel's dtype");
    op = right_op;
    op.samples = samples_beyond_memory;
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck_op(&op, &report, .directions = 20), WG_ERROR_SHAPE);
    ck_assert_message_contains(report.first.reason, "more bytes than 64 bits can count");
}
END_TEST

START_TEST(a_failure_says_where_and_how_to_see_it_again) {
    static const wg_op op = OP(one_element_wrong);
    wg_gradcheck_report report, again;
    ck_assert_int_ne(wg_gradcheck_op(&op, &report, .order = 1, .seed = 7), WG_OK);
    ck_assert_str_eq(report.name, "one_element_wrong");
    ck_assert_int_eq(report.first.sample, 1);
    ck_assert_int_eq(report.first.input, 0);
    ck_assert_int_eq(report.first.input_element, 15);
    ck_assert_int_eq(report.first.output_element, 15);
    ck_assert_double_eq_tol(report.first.analytic / report.first.numeric, 1.00001, 1e-9);
    ck_assert_message_contains(report.first.reproduce,
                               "wg_gradcheck_op(&one_element_wrong, &report, .sample = 1");
    ck_assert_message_contains(report.first.reproduce, ".seed = 7u");
    ck_assert_int_ne(wg_gradcheck_op(&op, &again, .order = 1, .seed = 7, .sample = 1), WG_OK);
    ck_assert_double_eq(again.first.analytic, report.first.analytic);
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    wg_gradcheck_print(stream, &report);
    fclose(stream);
    ck_assert_message_contains(text, "FAILED");
    ck_assert_message_contains(text, "input 0, element 15");
    free(text);
}
END_TEST

static void sine_negated(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_neg(wg_mul(rule->cotangents[0], wg_cos(rule->inputs[0]))));
}
static wg_var sum_of_sines(wg_tape *tape, const wg_var *x, void *context) {
    static const wg_op sine = {.name = "sine",
                               .formula = "y = sin(x)",
                               .inputs = 1,
                               .outputs = 1,
                               .infer = wg_infer_same,
                               .forward = sine_of,
                               .backward = sine_negated,
                               .units = elements};
    (void)tape, (void)context;
    return wg_sum(wg_apply(&sine, x[0]), WG_ALL_AXES);
}

/* The bound of f32's rounding of 1000 numbers, by the step, is larger than the gradient. */
START_TEST(a_tolerance_as_large_as_the_gradient_fails) {
    float x[1000];
    for (int i = 0; i < 1000; i++) x[i] = 0.1f + (float)(i * 37 % 100) / 64;
    wg_gradcheck_report report;
    for (int count = 8; count <= 1000; count *= 5) {
        wg_tensor *inputs[] = {wg_tensor_over(WG_F32, WG_SHAPE(count), x, NULL)};
        ck_assert_int_eq(wg_gradcheck(sum_of_sines, NULL, inputs, 1, &report, .order = 1), WG_ERROR_GRADIENT);
        ck_assert_message_contains(report.first.reason,
                                   count == 1000 ? "f32 rounds too coarsely" : "disagree");
        wg_tensor_free(inputs[0]);
    }
}
END_TEST

START_TEST(options_out_of_range_are_refused) {
    wg_gradcheck_report report;
    ck_assert_int_eq(wg_gradcheck_op(&right_op, &report, .order = 3), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_gradcheck_op(&right_op, &report, .tolerance = -1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_gradcheck_op(&right_op, &report, .tolerance = NAN), WG_ERROR_ATTRIBUTE);
}
END_TEST

WG_SUITE("check/cannot_be_fooled", the_right_rule_passes, a_rule_that_is_wrong_anywhere_fails,
         an_input_without_gradient_that_the_value_depends_on_fails_unless_declared, nan_and_infinity_fail,
         a_cotangent_of_another_type_fails, a_rule_not_linear_in_the_cotangent_fails,
         a_missing_rule_fails_unless_declared, a_composed_op_is_checked_through_its_expansion,
         a_gradient_of_another_function_is_held_to_that_function, a_kernel_is_held_to_the_expansion,
         a_gradient_without_gradient_fails_at_second_order, a_hessian_that_is_not_symmetric_fails,
         an_op_that_is_coarse_in_f32_alone_fails,
         along_directions_a_wrong_element_fails_and_the_right_rule_passes,
         an_op_of_which_nothing_was_compared_fails, an_op_that_says_nonsense_of_itself_fails,
         a_failure_says_where_and_how_to_see_it_again, a_tolerance_as_large_as_the_gradient_fails,
         options_out_of_range_are_refused)
