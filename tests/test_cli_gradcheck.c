/* `wengert gradcheck`, run as a person or a script would run it. */
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>

static char output[1 << 16];

/* Standard output alone. */
static int gradcheck(const char *arguments) {
    return run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" gradcheck %s 2>/dev/null",
                       arguments);
}
static int with_errors(const char *arguments) {
    return run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" gradcheck %s", arguments);
}

typedef struct totals {
    int lines, ops, failed;
    long long samples, elements, kinks;
} totals;

/* Reads the last line, which must add up the lines before it. */
static totals read_totals(void) {
    totals sum = {0}, said = {0};
    int length = 0;
    char *last = output;
    for (char *end; (end = strchr(last, '\n')) && end[1]; last = end + 1) {
        long long samples, elements, kinks;
        ck_assert_int_eq(sscanf(strchr(last, '\t'), "%lld\t%lld\t%lld\t", &samples, &elements, &kinks), 3);
        sum.lines++;
        sum.samples += samples;
        sum.elements += elements;
        sum.kinks += kinks;
    }
    ck_assert_int_eq(sscanf(last, "gradcheck: %d ops, %lld samples, %lld elements, %lld kinks, %d failed\n%n",
                            &said.ops, &said.samples, &said.elements, &said.kinks, &said.failed, &length),
                     5);
    ck_assert_int_eq(length, (int)strlen(last));
    ck_assert_int_eq(said.ops, sum.lines);
    ck_assert_int_eq(said.samples, sum.samples);
    ck_assert_int_eq(said.elements, sum.elements);
    ck_assert_int_eq(said.kinks, sum.kinks);
    return said;
}

START_TEST(named_ops_are_checked_and_counted) {
    ck_assert_int_eq(gradcheck("tanh relu argmax"), 0);
    ck_assert_message_contains(output, "\nargmax\t");
    ck_assert_message_contains(output, "\trefused\n");
    const totals all = read_totals();
    ck_assert_int_eq(all.ops, 3);
    ck_assert_int_eq(all.failed, 0);
    ck_assert_int_gt(all.elements, 1000);
    ck_assert_int_gt(all.kinks, 0); /* relu at 0 */
}
END_TEST

START_TEST(parts_are_all_there_is) {
    int ops = 0;
    enum { PARTS = 40 };
    for (int part = 1; part <= PARTS; part += 13) {
        char arguments[64];
        snprintf(arguments, sizeof arguments, "--part %d/%d", part, PARTS);
        ck_assert_msg(gradcheck(arguments) == 0, "%s", output);
        const int some = read_totals().ops;
        ck_assert_int_ge(some, wg_op_count() / PARTS);
        ck_assert_int_le(some, wg_op_count() / PARTS + 1);
        ops += some;
    }
    ck_assert_int_gt(ops, 0);
}
END_TEST

START_TEST(the_same_seed_does_the_same_again) {
    static char first[sizeof output];
    ck_assert_int_eq(with_errors("sigmoid"), 0);
    ck_assert_message_contains(output, "seed 0, of directions 1"); /* the time */
    ck_assert_int_eq(with_errors("sigmoid --seed 0"), 0);
    ck_assert_message_contains(output, "seed 0, of directions 0\n");
    memcpy(first, output, sizeof output);
    ck_assert_int_eq(with_errors("sigmoid --seed 0"), 0);
    ck_assert_str_eq(first, output);
    ck_assert_int_eq(with_errors("sigmoid --seed 1"), 0);
    ck_assert_str_ne(strstr(first, "\nsigmoid\t"), strstr(output, "\nsigmoid\t"));
}
END_TEST

START_TEST(wrong_usage_is_status_2) {
    static const char *const wrong[] = {
        "no_such_op", "tanh no_such_op", "''",          "--seed", "--seed x",        "--part 1",
        "--part 0/2", "--part 3/2",      "--part 1/2x", "--what", "tanh --part 1/2", "--part 900/1000"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(gradcheck(wrong[i]), 2);
        ck_assert_str_eq(output, "");
    }
    ck_assert_int_eq(gradcheck("--help"), 0);
    ck_assert_message_contains(output, "usage: wengert gradcheck");
}
END_TEST

START_TEST(an_op_without_rule_has_no_mutants_and_says_why) {
    ck_assert_int_eq(with_errors("--mutants argmax"), 1);
    ck_assert_message_contains(output, "argmax: there is no rule to plant mistakes in: its values are whole");
    ck_assert_message_contains(output, "no mistake was planted");
    ck_assert_int_eq(with_errors("--mutants swiglu neg"), 0);
    ck_assert_message_contains(output, "swiglu: there is no rule to plant mistakes in: it is composed");
}
END_TEST

WG_SUITE("cli/gradcheck", named_ops_are_checked_and_counted, parts_are_all_there_is,
         the_same_seed_does_the_same_again, wrong_usage_is_status_2,
         an_op_without_rule_has_no_mutants_and_says_why)
