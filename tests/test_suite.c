/* The helpers of suite.h themselves: what they promise to the other files here. */
#include "suite.h"

#include <stdio.h>
#include <unistd.h>

START_TEST(a_temporary_path_can_be_written) {
    FILE *file = fopen(temporary_path("note"), "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs("text", file), 0);
    ck_assert_int_eq(fclose(file), 0);
}
END_TEST

START_TEST(a_test_has_its_directory_to_itself) { ck_assert_int_eq(access(temporary_path("note"), F_OK), -1); }
END_TEST

START_TEST(a_command_gives_its_exit_status_and_both_its_streams) {
    char output[64];
    ck_assert_int_eq(run_command(output, sizeof output, "echo one; echo two >&2; exit %d", 7), 7);
    ck_assert_str_eq(output, "one\ntwo\n");
}
END_TEST

START_TEST(a_command_that_is_killed_gives_minus_one) {
    ck_assert_int_eq(run_command(NULL, 0, "kill -9 $$"), -1);
}
END_TEST

START_TEST(a_commands_output_is_cut_to_the_size) {
    char output[4];
    ck_assert_int_eq(run_command(output, sizeof output, "echo 123456789"), 0);
    ck_assert_str_eq(output, "123");
}
END_TEST

START_TEST(commands_run_in_the_source_tree) {
    must_run("test -f include/wengert.h && test -f '%s'", source_path("include/wengert.h"));
}
END_TEST

WG_SUITE("suite", a_temporary_path_can_be_written, a_test_has_its_directory_to_itself,
         a_command_gives_its_exit_status_and_both_its_streams, a_command_that_is_killed_gives_minus_one,
         a_commands_output_is_cut_to_the_size, commands_run_in_the_source_tree)
