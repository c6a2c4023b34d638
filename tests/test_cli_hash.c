/* `wengert hash`: its last line, its exit status, and its rows. */
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>

enum { OUTPUT = 1 << 16 };

static int hash(char *output, const char *arguments) {
    return run_command(output, OUTPUT, "\"$WG_BUILD_ROOT\"/wengert hash %s", arguments);
}

static const char *last_line(char *output) {
    size_t length = strlen(output);
    ck_assert_uint_gt(length, 0);
    ck_assert_int_eq(output[length - 1], '\n');
    output[length - 1] = '\0';
    const char *newline = strrchr(output, '\n');
    return newline ? newline + 1 : output;
}

static int lines_with(const char *output, const char *part) {
    int count = 0;
    for (const char *at = output; (at = strstr(at, part)) != NULL; at++) count++;
    return count;
}

/* Every row counts, or says why it does not; the last line adds them up. */
static void must_be_one_hash(const char *arguments, int least) {
    static char output[OUTPUT];
    ck_assert_msg(hash(output, arguments) == 0, "%s", output);
    const int skipped = lines_with(output, " skipped: ") + lines_with(output, " does not count, no proof: ");
    int rows = 0, models = 0, skips = 0, length = 0;
    const char *last = last_line(output);
    ck_assert_int_eq(
        sscanf(last, "hash: %d rows, %d models, %d skipped, 0 differ%n", &rows, &models, &skips, &length), 3);
    ck_assert_int_eq(length, (int)strlen(last));
    printf("wengert hash %s: %s\n", arguments, last);
    ck_assert_int_eq(models, 4);
    ck_assert_int_ge(rows, least);
    ck_assert_int_eq(skips, skipped);
    static const char *const hashes[] = {
        "\nmlp f32: ",         "\nmlp f64: ",         "\ncnn f32: ",    "\ncnn f64: ",
        "\ntransformer f32: ", "\ntransformer f64: ", "\nresnet f32: ", "\nresnet f64: "};
    for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
        ck_assert_int_eq(lines_with(output, hashes[i]), 1);
}

START_TEST(a_few_settings_have_one_hash) { must_be_one_hash("--quick", 8 * 5); }
END_TEST

START_TEST(every_setting_has_one_hash) { must_be_one_hash("", 8 * 20); }
END_TEST

START_TEST(wrong_usage_is_status_2) {
    static const char *const wrong[] = {"--slow", "now", "--quick --quick", "''"};
    static char output[OUTPUT];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(hash(output, wrong[i]), 2);
        ck_assert_message_contains(output, "usage: wengert hash");
    }
    ck_assert_int_eq(hash(output, "--help"), 0);
    ck_assert_message_contains(output, "usage: wengert hash");
    ck_assert_int_eq(run_command(output, OUTPUT, "\"$WG_BUILD_ROOT\"/wengert hashes"), 2);
    ck_assert_int_eq(run_command(output, OUTPUT, "\"$WG_BUILD_ROOT\"/wengert"), 2);
}
END_TEST

WG_SUITE("cli/hash", a_few_settings_have_one_hash, every_setting_has_one_hash, wrong_usage_is_status_2)
