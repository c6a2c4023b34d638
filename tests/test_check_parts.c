/* test_check_parts — a rule that is right where all inputs are asked for and one output has a cotangent, and
 * wrong otherwise, must fail the gradient check.
 *
 * The op is y = a sin(b), z = a cos(b), with da = dy sin(b) + dz cos(b) and db = dy z - dz y. */
#include "suite.h"
#include <math.h>

static void both(const wg_call *call) {
    for (int64_t i = call->begin; i < call->end; i++)
        if (call->dtype == WG_F64) {
            const double a = ((const double *)call->inputs[0].data)[i],
                         b = ((const double *)call->inputs[1].data)[i];
            ((double *)call->outputs[0].data)[i] = a * sin(b);
            ((double *)call->outputs[1].data)[i] = a * cos(b);
        } else {
            const float a = ((const float *)call->inputs[0].data)[i],
                        b = ((const float *)call->inputs[1].data)[i];
            ((float *)call->outputs[0].data)[i] = a * sinf(b);
            ((float *)call->outputs[1].data)[i] = a * cosf(b);
        }
}
static int64_t elements(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static void samples(wg_sampler *sampler) {
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(3)}, {.shape = WG_SHAPE(3)});
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(2, 2)}, {.shape = WG_SHAPE(2, 2)});
}

static wg_var times(wg_var dy, wg_var factor) { return wg_valid(dy) ? wg_mul(dy, factor) : WG_NONE; }
static wg_var plus(wg_var a, wg_var b) { return !wg_valid(a) ? b : wg_valid(b) ? wg_add(a, b) : a; }
static wg_var da_of(const wg_rule *rule) {
    return plus(times(rule->cotangents[0], wg_sin(rule->inputs[1])),
                times(rule->cotangents[1], wg_cos(rule->inputs[1])));
}
static wg_var db_of(const wg_rule *rule) {
    return plus(times(rule->cotangents[0], rule->outputs[1]),
                times(rule->cotangents[1], wg_neg(rule->outputs[0])));
}

static void right(wg_rule *rule) {
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, db_of(rule));
}
static void wrong_alone(wg_rule *rule) { /* for b, if a's is not asked for */
    wg_var db = db_of(rule);
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, da_of(rule));
    else
        db = wg_add(db, db);
    wg_rule_set(rule, 1, db);
}
static void wrong_together(wg_rule *rule) { /* the first output's cotangent hides the second's */
    wg_rule of_one = *rule;
    wg_var one[] = {rule->cotangents[0], WG_NONE};
    if (wg_valid(one[0])) of_one.cotangents = one;
    right(&of_one);
}
static void infinite_where_dense(wg_rule *rule) {
    wg_var dy = wg_valid(rule->cotangents[0]) ? rule->cotangents[0] : rule->cotangents[1];
    wg_var zero = wg_scalar(rule->tape, 0), da = da_of(rule);
    wg_var sparse = wg_any(wg_equal(dy, zero), WG_ALL_AXES);
    wg_rule_set(rule, 0, wg_where(sparse, da, wg_div(da, zero)));
    wg_rule_set(rule, 1, db_of(rule));
}

static void wrong_of_one_var(wg_rule *rule) {
    wg_var db = db_of(rule);
    wg_rule_set(rule, 0, da_of(rule));
    wg_rule_set(rule, 1, rule->inputs[0].id == rule->inputs[1].id ? wg_neg(db) : db);
}

static int check(void (*rule)(wg_rule *), wg_gradcheck_report *report) {
    const wg_op op = {.name = "rotated",
                      .formula = "y = a sin(b), z = a cos(b)",
                      .inputs = 2,
                      .outputs = 2,
                      .infer = wg_infer_same,
                      .forward = both,
                      .backward = rule,
                      .units = elements,
                      .samples = samples};
    return wg_gradcheck_op(&op, report, .order = 1);
}

START_TEST(the_right_rule_passes) {
    wg_gradcheck_report report;
    ck_assert_msg(check(right, &report) == WG_OK, "%s", report.first.reason);
    ck_assert_int_eq(report.elements, 2 * (3 * 6 + 4 * 8));
}
END_TEST

START_TEST(a_rule_that_is_wrong_for_an_input_alone_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check(wrong_alone, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.failures, 4);
    ck_assert_message_contains(report.first.reason, "the gradient for input 1 is another if no other");
}
END_TEST

START_TEST(a_rule_that_is_wrong_for_two_outputs_at_once_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check(wrong_together, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.failures, 2);
    ck_assert_message_contains(report.first.reason, "the gradient for all 2 outputs is not the sum");
}
END_TEST

START_TEST(a_rule_that_is_wrong_where_one_var_is_both_inputs_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check(wrong_of_one_var, &report), WG_ERROR_GRADIENT);
    ck_assert_int_eq(report.failures, 2);
    ck_assert_message_contains(report.first.reason, "one var that is both of 2 inputs is not the sum");
}
END_TEST

START_TEST(a_rule_that_is_infinite_for_a_dense_cotangent_fails) {
    wg_gradcheck_report report;
    ck_assert_int_eq(check(infinite_where_dense, &report), WG_ERROR_GRADIENT);
    ck_assert_message_contains(report.first.reason, "the gradient for a dense cotangent is not the sum");
}
END_TEST

WG_SUITE("check/parts", the_right_rule_passes, a_rule_that_is_wrong_for_an_input_alone_fails,
         a_rule_that_is_wrong_for_two_outputs_at_once_fails,
         a_rule_that_is_wrong_where_one_var_is_both_inputs_fails,
         a_rule_that_is_infinite_for_a_dense_cotangent_fails)
