/* A library without zlib, libpng and jansson: its functions are there and say which option gives them back.
 */
#include "io_suite.h"

START_TEST(what_was_left_out_says_how_to_get_it) {
    char output[2048], folder[512];
    file_of("wg_config.h", "", 0);
    file_of("packed", "\037\213\010\000", 4);
    snprintf(folder, sizeof folder, "%s", temporary_path(""));
    must_run("${CC:-cc} -std=gnu11 -Wall -Wextra -Werror -Wno-overlength-strings -D_GNU_SOURCE -DWG_INTERNAL "
             "-I'%s' -Iinclude -Isrc -Iops"
             " tests/samples/without_libraries.c src/base/*.c src/tensor/*.c src/io/*.c -lm -o '%s/program'",
             folder, folder);
    ck_assert_int_eq(run_command(output, sizeof output, "cd '%s' && ./program packed", folder), 0);
    ck_assert_str_eq(
        output,
        "png_read, unsupported: cannot read a: built without PNG; configure with -Dpng=enabled\n"
        "png_write, unsupported: cannot write a: built without PNG; configure with -Dpng=enabled\n"
        "safetensors_open, unsupported: cannot read a: built without safetensors; configure with "
        "-Dsafetensors=enabled\n"
        "safetensors_write, unsupported: cannot write a: built without safetensors; configure with "
        "-Dsafetensors=enabled\n"
        "write_idx, unsupported: cannot write a.gz: built without gzip; configure with -Dzlib=enabled\n"
        "read_idx, unsupported: cannot read packed: built without gzip; configure with -Dzlib=enabled\n");
    ck_assert_int_eq(run_command(output, sizeof output, "ls -A '%s'", folder), 0);
    ck_assert_str_eq(output, "packed\nprogram\nwg_config.h\n");
}
END_TEST

WG_SUITE("io/without", what_was_left_out_says_how_to_get_it)
