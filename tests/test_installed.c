/* What `meson install` leaves: headers, both libraries with none but wg_ names, and a pkg-config file that is
 * all a program needs to build against either. Each test looks at a copy installed below a root of its own.
 */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

static char installed[512];

/* pkg-config as a machine would answer on which that copy is the system's. Libraries that the system itself
 * has stay where they are. */
static const char pkg_config[] = "root=%s\n"
                                 "here=$(dirname $(find $root -name wengert.pc))\n"
                                 "prefix=$root$(sed -n 's/^prefix=//p' $here/wengert.pc)\n"
                                 "sed \"s|^prefix=.*|prefix=$prefix|\" $here/wengert.pc >$root/wengert.pc\n"
                                 "export PKG_CONFIG_PATH=$root\n"
                                 "libraries=$(pkg-config --variable=libdir wengert)\n"
                                 "compile() { ${CC:-cc} -std=gnu11 -O1 -Wall -Wextra -Werror \"$@\"; }\n";

static void install(void) {
    const char *build = getenv("WG_BUILD_ROOT");
    ck_assert_ptr_nonnull(build);
    snprintf(installed, sizeof installed, "%s", temporary_path("installed"));
    must_run("DESTDIR='%s' meson install --no-rebuild --quiet -C '%s'", installed, build);
}

/* Runs a script after those lines, in which a failing command ends it. */
static void with_the_copy(const char *script) {
    char before[1024];
    snprintf(before, sizeof before, pkg_config, installed);
    must_run("set -e\n%s%s", before, script);
}

START_TEST(every_public_header_is_there) {
    with_the_copy(
        "cd include; for header in wengert.h wengert/*.h; do cmp $header $prefix/include/$header; done");
}
END_TEST

START_TEST(the_shared_library_exports_only_wg_names) {
    with_the_copy("nm -D --defined-only $libraries/libwengert.so | awk '{ print $3 }' >$root/names\n"
                  "grep -q '^wg_tape_new$' $root/names\n"
                  "! grep -v '^wg_' $root/names");
}
END_TEST

/* An archive has no inside: what its files share among themselves can be seen by a program, so it is named
 * apart. BLIS is linked beside it, not put into it. */
START_TEST(the_archive_defines_only_wg_names) {
    with_the_copy("nm -g --defined-only $libraries/libwengert.a | awk 'NF == 3 { print $3 }' >$root/names\n"
                  "grep -q '^wg_tape_new$' $root/names\n"
                  "! grep -v '^wg_' $root/names");
}
END_TEST

START_TEST(no_exported_function_is_missing_in_the_headers) {
    with_the_copy("nm -D --defined-only $libraries/libwengert.so | awk '{ print $3 }' | sort >$root/names\n"
                  "cat include/wengert/*.h include/wengert/ops/*.h | tr -c 'a-z0-9_' '\\n' | sort -u >$root/words\n"
                  "echo 'exported, and in no header:'; comm -23 $root/names $root/words | tee $root/missing\n"
                  "! test -s $root/missing");
}
END_TEST

START_TEST(a_program_builds_and_runs_with_the_shared_library) {
    with_the_copy("compile $(pkg-config --cflags wengert) tests/samples/use_installed.c -o $root/program"
                  " $(pkg-config --libs wengert) -lm\n"
                  "readelf -d $root/program | grep -q 'NEEDED.*libwengert'\n"
                  "LD_LIBRARY_PATH=$libraries $root/program");
}
END_TEST

START_TEST(a_program_builds_and_runs_with_the_archive) {
    with_the_copy(
        "rm $libraries/libwengert.so*\n"
        "compile $(pkg-config --cflags --static wengert) tests/samples/use_installed.c -o $root/program"
        " $(pkg-config --libs --static wengert) -lm\n"
        "if readelf -d $root/program | grep 'NEEDED.*libwengert'; then exit 1; fi\n"
        "$root/program");
}
END_TEST

/* show.c is no program: it belongs to those that include its header. */
START_TEST(every_example_builds_against_the_copy) {
    with_the_copy("built=0\n"
                  "for source in examples/*.c; do\n"
                  "  more=\n"
                  "  if [ $source = examples/show.c ]; then continue; fi\n"
                  "  if grep -q 'include .show.h.' $source; then more=examples/show.c; fi\n"
                  "  compile -Wpedantic $(pkg-config --cflags wengert) $source $more -o $root/program"
                  " $(pkg-config --libs wengert) -lm\n"
                  "  LD_LIBRARY_PATH=$libraries $root/program --help | grep -q $(basename $source .c)\n"
                  "  built=$((built + 1))\n"
                  "done\n"
                  "test $built -ge 6");
}
END_TEST

START_TEST(a_program_built_with_fast_math_and_lto_gets_the_same_bits) {
    with_the_copy("export LD_LIBRARY_PATH=$libraries\n"
                  "compile $(pkg-config --cflags wengert) tests/samples/print_bits.c -o $root/plain"
                  " $(pkg-config --libs wengert)\n"
                  "$root/plain >$root/expected\n"
                  "test $(wc -l <$root/expected) = 33\n"
                  "for flags in -ffast-math '-O3 -flto' '-O3 -ffast-math -flto'; do\n"
                  "  compile $flags $(pkg-config --cflags wengert) tests/samples/print_bits.c -o $root/other"
                  " $(pkg-config --libs wengert)\n"
                  "  $root/other | cmp - $root/expected\n"
                  "done");
}
END_TEST

WG_SUITE_WITH("installed", install, NULL, every_public_header_is_there,
              the_shared_library_exports_only_wg_names, the_archive_defines_only_wg_names,
              no_exported_function_is_missing_in_the_headers,
              a_program_builds_and_runs_with_the_shared_library, a_program_builds_and_runs_with_the_archive,
              every_example_builds_against_the_copy,
              a_program_built_with_fast_math_and_lto_gets_the_same_bits)
