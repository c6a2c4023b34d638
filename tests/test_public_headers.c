/* The public headers in every dialect that a program may be written in: not a warning from gcc or clang.
 * Where one of the compilers is not installed (scripts/test installs them all), its tests say so. */
#include "suite.h"

#include <stdio.h>

/* Compiles every header alone, and samples/client.h. Two inclusions: each header guards itself. */
static void compiles(const char *compiler, const char *language, const char *standard) {
    if (run_command(NULL, 0, "command -v %s", compiler)) {
        printf("%s is not installed: %s not tested\n", compiler, standard);
        return;
    }
    must_run("set -e\n"
             "for header in wengert.h $(cd include && ls wengert/*.h); do\n"
             "  printf '#include <%%s>\\n#include <%%s>\\nextern int nothing;\\n' $header $header |\n"
             "    %s -x %s -std=%s -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -\n"
             "done\n"
             "{ cat tests/samples/client.h; echo 'wg_var (*use)(wg_tape *) = all_spellings;'; } |\n"
             "  %s -x %s -std=%s -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -",
             compiler, language, standard, compiler, language, standard);
}

START_TEST(compilers_accept_them_in_every_dialect) {
    static const char *const dialects[][3] = {
        {"gcc", "c", "c99"},   {"gcc", "c", "c11"},     {"gcc", "c", "c17"},        {"gcc", "c", "c2x"},
        {"gcc", "c", "gnu11"}, {"clang", "c", "c99"},   {"clang", "c", "c11"},      {"clang", "c", "c17"},
        {"clang", "c", "c2x"}, {"g++", "c++", "c++20"}, {"clang++", "c++", "c++20"}};
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
        compiles(dialects[i][0], dialects[i][1], dialects[i][2]);
}
END_TEST

START_TEST(a_forgotten_option_name_is_a_warning) {
    char output[4096];
    const int status =
        run_command(output, sizeof output,
                    "echo '#include <wengert.h>\nwg_var f(wg_var x) { return wg_max_pool2d(x, 2); }' |"
                    " gcc -x c -Wall -Werror -Iinclude -fsyntax-only -");
    ck_assert_int_ne(status, 0);
    ck_assert_message_contains(output, "wg_write_the_name_of_the_option");
}
END_TEST

START_TEST(an_axis_that_is_not_in_a_list_is_an_error) {
    char output[4096];
    const int status =
        run_command(output, sizeof output,
                    "echo '#include <wengert.h>\nwg_var f(wg_var x) { return wg_sum(x, 0); }' |"
                    " gcc -x c -Iinclude -fsyntax-only -");
    ck_assert_int_ne(status, 0);
    ck_assert_message_contains(output, "error: invalid type argument of unary");
}
END_TEST

WG_SUITE("public headers", compilers_accept_them_in_every_dialect, a_forgotten_option_name_is_a_warning,
         an_axis_that_is_not_in_a_list_is_an_error)
