/* test_check_mutants — every mistake planted in a backward rule is found by the gradient check, or changes
 * not a bit of any cotangent. */
#include "check/mutate.h"
#include "suite.h"
#include <stdio.h>
#include <time.h>

enum { LEAST_MUTANTS = 8, MOST_EQUIVALENT_PERCENT = 3 };

static void say(const wg_op *op, const wg_mutation *mutation, wg_mutant_fate fate, const char *reason,
                void *context) {
    char text[160];
    (void)context;
    if (fate == WG_MUTANT_SURVIVED)
        printf("%s: %s: survived (%s)\n", op->name, wg_mutation_text(mutation, text, sizeof text), reason);
}

/* Under a sanitizer one op in eight, others each day: the check is the same code for all. */
enum { PARTS = UNDER_SANITIZER ? 8 : 1 };

START_TEST(every_mistake_in_a_rule_is_found) {
    wg_mutants_report all = {0};
    int ops = 0, failed = 0;
    const int part = (int)(time(NULL) / 86400 % PARTS);
    for (int i = part; i < wg_op_count(); i += PARTS) {
        const wg_op *op = wg_op_at(i);
        wg_mutants_report report;
        wg_error error = {.message = ""};
        if (!wg_has_rule(op)) continue;
        ops++;
        if (wg_check_mutants(op, 1, &report, say, NULL, &error)) failed += printf("%s\n", error.message) > 0;
        ck_assert_msg(report.planted >= LEAST_MUTANTS, "%s has %d mutants", op->name, report.planted);
        all.planted += report.planted;
        for (int fate = 0; fate < WG_MUTANT_FATES; fate++) all.fates[fate] += report.fates[fate];
    }
    printf("part %d of %d, %d ops: %d planted, %d killed, %d equivalent, %d survived\n", part + 1, PARTS, ops,
           all.planted, all.fates[WG_MUTANT_KILLED], all.fates[WG_MUTANT_EQUIVALENT],
           all.fates[WG_MUTANT_SURVIVED]);
    fflush(stdout);
    ck_assert_int_gt(ops, 0);
    ck_assert_int_eq(failed, 0);
    if (PARTS == 1)
        ck_assert_int_le(100 * all.fates[WG_MUTANT_EQUIVALENT], MOST_EQUIVALENT_PERCENT * all.planted);
}
END_TEST

/* Scaling an operand of a comparison shows at ties alone, where the check takes either gradient. */
static void ties_alone(wg_sampler *sampler) {
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(2, 2), .values = WG_TIES}, {.shape = WG_SHAPE(2, 2)});
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(3), .values = WG_ALL_EQUAL, .low = 1},
              {.shape = WG_SHAPE(3), .values = WG_TIES});
}

START_TEST(a_mistake_that_the_samples_do_not_show_survives) {
    wg_op op = *wg_op_find("maximum");
    op.samples = ties_alone;
    op.expand = NULL;
    wg_mutants_report report;
    wg_error error = {.message = ""};
    ck_assert_int_eq(wg_check_mutants(&op, 1, &report, NULL, NULL, &error), WG_ERROR_GRADIENT);
    ck_assert_int_gt(report.fates[WG_MUTANT_SURVIVED], 0);
    ck_assert_int_gt(report.fates[WG_MUTANT_KILLED], LEAST_MUTANTS);
    ck_assert_message_contains(error.message, "survived");
}
END_TEST

static void doubled_gradient(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_add(rule->cotangents[0], rule->cotangents[0]));
}

START_TEST(an_op_that_fails_the_check_as_it_is_has_no_table) {
    wg_op op = *wg_op_find("exp");
    op.backward = doubled_gradient;
    wg_mutants_report report;
    wg_error error = {.message = ""};
    ck_assert_int_eq(wg_check_mutants(&op, 1, &report, NULL, NULL, &error), WG_ERROR_GRADIENT);
    ck_assert_message_contains(error.message, "as it is");
}
END_TEST

WG_SUITE("check/mutants", every_mistake_in_a_rule_is_found, a_mistake_that_the_samples_do_not_show_survives,
         an_op_that_fails_the_check_as_it_is_has_no_table)
