/* The pages in docs/ and the README: their C code is compiled by gcc and by clang without a warning, run, and
 * held to the output that the page claims. */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

/* Writes the snippets of all pages into a directory of this test; $snippets in the scripts below. */
static const char *extracted(void) {
    const char *directory = temporary_path("snippets");
    must_run("mkdir -p '%s' && awk -v to='%s' -f tests/snippets.awk README.md docs/*.md", directory,
             directory);
    return directory;
}

/* Builds a program from a folder with both compilers and runs it; "here" is where it is compiled, so that
 * messages name the file as the page does. `output` is the file that its output must equal, or "". */
static void builds_and_runs(const char *here, const char *program, const char *snippets, const char *output) {
    must_run(
        "set -e\n"
        "source=$PWD\n"
        "libraries=${WG_BUILD_ROOT:?}/src\n"
        "cd '%s'\n"
        "for compiler in gcc clang; do\n"
        "  command -v $compiler >/dev/null || continue\n"
        "  $compiler -std=c11 -O1 -Wall -Wextra -Wpedantic -Werror -I$source/include -I'%s' %s.c -o '%s/%s'"
        " -L$libraries -Wl,-rpath,$libraries -lwengert -lm\n"
        "  '%s/%s' >'%s/%s.printed'\n"
        "  if [ -n '%s' ]; then diff '%s/%s.printed' '%s/%s'; fi\n"
        "done",
        here, snippets, program, snippets, program, snippets, program, snippets, program, output, snippets,
        program, snippets, output);
}

static void tutorial(const char *program) {
    const char *snippets = extracted();
    char output[64];
    snprintf(output, sizeof output, "%s.out", program);
    must_run("test -s '%s/%s'", snippets, output);
    builds_and_runs(snippets, program, snippets, output);
}

START_TEST(the_tutorials_derivative_prints_what_it_says) { tutorial("derivative"); }
END_TEST
START_TEST(the_tutorials_arrays_print_what_it_says) { tutorial("arrays"); }
END_TEST
START_TEST(the_tutorials_error_reads_as_it_says) { tutorial("errors"); }
END_TEST
START_TEST(the_tutorials_line_prints_what_it_says) { tutorial("line"); }
END_TEST
START_TEST(the_tutorials_network_prints_what_it_says) { tutorial("network"); }
END_TEST
START_TEST(the_guides_own_op_passes_the_gradient_check_and_trains) { tutorial("own_op"); }
END_TEST
START_TEST(the_readmes_program_prints_what_it_says) { tutorial("readme"); }
END_TEST

static void design(const char *sample) { builds_and_runs("tests/samples", sample, extracted(), ""); }

START_TEST(the_designs_gradient_sample_runs) { design("design_gradient"); }
END_TEST
START_TEST(the_designs_network_sample_trains) { design("design_network"); }
END_TEST
START_TEST(the_designs_op_sample_passes_the_gradient_check) { design("design_op"); }
END_TEST

/* Both files are written; what stands in them depends on the plan. */
START_TEST(the_page_on_looking_inside_explains_draws_and_times) {
    const char *snippets = extracted();
    builds_and_runs(snippets, "looking", snippets, "");
    must_run("cd '%s' && grep -q '^step 0 ' looking.printed && grep -q '</svg>' memory.svg", snippets);
    builds_and_runs(snippets, "times", snippets, "");
    must_run("cd '%s' && grep -q '^profile: 50 runs ' times.printed && grep -q traceEvents trace.json",
             snippets);
}
END_TEST

/* Whoever adds code to a page adds it above. */
START_TEST(no_code_on_a_page_is_left_out) {
    must_run("cd '%s' && echo *.c *.inc && test \"$(echo *.c *.inc)\" = "
             "'arrays.c derivative.c errors.c line.c looking.c network.c own_op.c readme.c times.c"
             " gradient.inc network.inc op.inc op_use.inc training.inc'",
             extracted());
}
END_TEST

/* All examples of `wengert reference` as one program: each main gets a name of its own. */
START_TEST(every_example_of_the_reference_prints_what_its_page_says) {
    must_run(
        "set -e\n"
        "folder='%s'; source=$PWD; libraries=${WG_BUILD_ROOT:?}/src\n"
        "\"$WG_BUILD_ROOT/wengert\" reference $folder | grep '^reference: [1-9]'\n"
        "awk -v to=$folder -f tests/snippets.awk $folder/*.md\n"
        "cd $folder\n"
        "for program in *.c; do\n"
        "  name=${program%%.c}\n"
        "  printf '#define main example_%%s\\n#define show show_%%s\\n#include \"%%s\"\\n' $name $name "
        "$program\n"
        "  printf '#undef main\\n#undef show\\n'\n"
        "  printf 'puts(\"# %%s\"); if (example_%%s()) return 1;\\n' $name $name >>calls\n"
        "  { echo \"# $name\"; cat $name.out; } >>expected\n"
        "done >every_example.h\n"
        "{ echo '#include \"every_example.h\"'; echo 'int main(void) {'; cat calls; echo '}'; } "
        ">every_example.c\n"
        "${CC:-cc} -std=gnu11 -O0 -Wall -Wextra -Werror -I$source/include every_example.c -o every_example"
        " -L$libraries -Wl,-rpath,$libraries -lwengert -lm\n"
        "./every_example >printed\n"
        "diff expected printed",
        temporary_path("reference"));
}
END_TEST

/* Links between the pages, and from them into the source tree, lead somewhere. */
START_TEST(every_link_leads_to_a_file) {
    must_run("for page in README.md docs/*.md; do\n"
             "  grep -o '](\\([^)#:]*\\))' $page | sed 's/^](//; s/)$//' | while read -r link; do\n"
             "    test -e \"$(dirname $page)/$link\" || { echo \"$page: $link\"; exit 1; }\n"
             "  done || exit 1\n"
             "done");
}
END_TEST

WG_SUITE("documents", the_tutorials_derivative_prints_what_it_says, the_tutorials_arrays_print_what_it_says,
         the_tutorials_error_reads_as_it_says, the_tutorials_line_prints_what_it_says,
         the_tutorials_network_prints_what_it_says, the_guides_own_op_passes_the_gradient_check_and_trains,
         the_readmes_program_prints_what_it_says, the_designs_gradient_sample_runs,
         the_designs_network_sample_trains, the_designs_op_sample_passes_the_gradient_check,
         the_page_on_looking_inside_explains_draws_and_times, no_code_on_a_page_is_left_out,
         every_example_of_the_reference_prints_what_its_page_says, every_link_leads_to_a_file)
