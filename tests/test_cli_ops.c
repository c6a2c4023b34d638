/* `wengert ops`, run as a person or a script would run it. */
#include "suite.h"
#include <stdio.h>

static char output[1 << 18];

static int ops(const char *arguments) {
    return run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" ops %s", arguments);
}

/* The line that begins with this name, ended by 0; NULL: there is none. */
static char *line_of(const char *name) {
    const size_t length = strlen(name);
    for (char *line = output, *end; (end = strchr(line, '\n')); line = end + 1)
        if (strncmp(line, name, length) == 0 && line[length] == '\t') return *end = '\0', line;
    return NULL;
}

START_TEST(each_op_has_a_line_and_the_last_line_counts_them) {
    int lines = 0, differentiable = 0, registered = 0, counted = 0, length = 0;
    ck_assert_int_eq(ops(""), 0);
    char *last = output;
    for (char *line = output, *end; (end = strchr(line, '\n')); line = end + 1) {
        lines++;
        last = line;
        *end = '\0';
        differentiable += strstr(line, "\tdifferentiable\t") && !strstr(line, "helper");
        *end = '\n';
    }
    ck_assert_int_eq(
        sscanf(last, "ops: %d registered, %d differentiable\n%n", &registered, &counted, &length), 2);
    ck_assert_int_eq(length, (int)strlen(last));
    ck_assert_int_eq(registered, wg_op_count());
    ck_assert_int_eq(lines, registered + 1);
    ck_assert_int_eq(counted, differentiable);
    ck_assert_int_gt(counted, 100);
    printf("wengert ops: %s", last);
}
END_TEST

START_TEST(a_line_says_what_an_op_takes_and_why_it_has_no_gradient) {
    static const char *const lines[] = {"add\t2\t1\tdifferentiable\tkernel\telementwise",
                                        "argmax\t1\t1\tno gradient: its values are whole numbers",
                                        "floor\t1\t1\tno gradient: constant between jumps",
                                        "relu_grad\t2\t1\tdifferentiable\tkernel\thelper,",
                                        "layer_norm\t1-3\t1\tdifferentiable\tcomposed\t-"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char name[32];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(lines[i], "\t"), lines[i]);
        ck_assert_int_eq(ops(""), 0);
        const char *line = line_of(name);
        ck_assert_msg(line && strncmp(line, lines[i], strlen(lines[i])) == 0, "%s", line ? line : name);
    }
}
END_TEST

START_TEST(wrong_usage_is_status_2) {
    ck_assert_int_eq(ops("add"), 2);
    ck_assert_message_contains(output, "usage: wengert ops");
    ck_assert_int_eq(ops("--help"), 0);
    ck_assert_message_contains(output, "usage: wengert ops");
}
END_TEST

START_TEST(help_is_h_as_well) {
    static const char *const commands[] = {"",     "bench", "gradcheck", "hash",
                                           "info", "ops",   "reference", "show"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const int status =
            run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" %s -h 2>/dev/null", commands[i]);
        ck_assert_msg(status == 0, "%s -h: %d", commands[i], status);
        ck_assert_message_contains(output, "usage: wengert");
    }
}
END_TEST

START_TEST(what_cannot_be_written_is_no_success) {
    static const char *const commands[] = {"--help", "info", "ops", "ops --help", "gradcheck neg"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const int status =
            run_command(output, sizeof output, "\"$WG_BUILD_ROOT/wengert\" %s 2>&1 >/dev/full", commands[i]);
        ck_assert_msg(status == 1, "%s: %d", commands[i], status);
        ck_assert_message_contains(output, "standard output cannot be written");
    }
}
END_TEST

WG_SUITE("cli/ops", each_op_has_a_line_and_the_last_line_counts_them,
         a_line_says_what_an_op_takes_and_why_it_has_no_gradient, wrong_usage_is_status_2, help_is_h_as_well,
         what_cannot_be_written_is_no_success)
