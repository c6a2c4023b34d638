/* `wengert show`, run as a person would run it. */
#include "suite.h"
#include <stdio.h>

static char output[1 << 16];

static int show(const char *arguments) {
    return run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" show %s", arguments);
}

START_TEST(a_budget_is_met_by_the_plan_that_is_shown) {
    ck_assert_int_eq(show("cnn"), 0);
    ck_assert_ptr_null(strstr(output, "recomputed"));
    ck_assert_int_eq(show("cnn --budget 14000000"), 0);
    ck_assert_message_contains(output, "recomputed");
    ck_assert_int_eq(show("cnn --budget 1"), 1);
    ck_assert_message_contains(output, "cannot be met");
}
END_TEST

START_TEST(a_budget_that_is_no_number_of_bytes_is_refused) {
    static const char *const wrong[] = {"-1", "+5", "0", "12MB", "1e6", "''", "' 5'", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char arguments[64];
        snprintf(arguments, sizeof arguments, "cnn --budget %s", wrong[i]);
        ck_assert_int_eq(show(arguments), 2);
        ck_assert_message_contains(output, "usage: wengert show");
    }
}
END_TEST

WG_SUITE("cli/show", a_budget_is_met_by_the_plan_that_is_shown,
         a_budget_that_is_no_number_of_bytes_is_refused)
