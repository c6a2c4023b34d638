/* suite.h — what every test file includes: Check, the library, and the few helpers that tests share.
 *
 *     #include "suite.h"
 *
 *     START_TEST(cotangents_of_a_var_used_twice_are_summed) { … } END_TEST
 *
 *     WG_SUITE("tape/grad", cotangents_of_a_var_used_twice_are_summed, …)
 *
 * WG_SUITE defines main(). Each test runs in a process of its own (CK_FORK=no: all in one, for a
 * debugger), so a crash or a leak is laid at the door of the test that made it; CK_RUN_CASE=name runs one
 * test alone. A test that is defined and not listed is a compiler warning. A file whose tests each want a
 * fresh tape includes "tape_suite.h" instead. */
#ifndef WG_TESTS_SUITE_H
#define WG_TESTS_SUITE_H

#include <check.h>
#include <string.h>
#include <wengert.h>

/* Under a sanitizer everything takes many times as long; a test that walks much walks less there. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define UNDER_SANITIZER 1
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

/* Runs the tests under Check and prints its result; the exit status of main. No test at all is a failure. */
int suite_run(const char *name, SFun setup, SFun teardown, const TTest *const *tests, int count);

#define WG_SUITE(name, ...) WG_SUITE_WITH(name, NULL, NULL, __VA_ARGS__)

/* The same with functions called before and after each test, in the test's process. */
#define WG_SUITE_WITH(name, setup, teardown, ...)                                              \
    int main(void) {                                                                           \
        const TTest *const tests[] = {__VA_ARGS__};                                            \
        return suite_run(name, setup, teardown, tests, (int)(sizeof tests / sizeof tests[0])); \
    }

/* A path below a directory that this test has to itself and that vanishes after it. The text is good for
 * the next seven calls. */
const char *temporary_path(const char *name);

/* Where the source tree lies: for the documents and programs that tests build. */
const char *source_path(const char *name);

/* Runs a shell command in the source tree, with WG_BUILD_ROOT and CC set; its exit status, or -1 where it was
 * killed. What it wrote to both streams goes to `output` (NULL: nowhere), cut to `size`. */
int run_command(char *output, size_t size, const char *format, ...) WG_PRINTF(3, 4);

/* The same where anything but success fails the test, showing what the command wrote. */
void must_run(const char *format, ...) WG_PRINTF(1, 2);

/* --- Values: these fail the test, with the tape's message, where there is none ------------------------- */

/* Evaluates the var and returns its one element. */
double value_of(wg_var var);

/* Evaluates the var and compares its elements, in row-major order, to within `tolerance` of each (0: exactly;
 * NaN equals NaN):  assert_values(y, 1e-12, 1.0, 2.0, 3.0); */
#define assert_values(var, tolerance, ...)                                            \
    assert_values_(__FILE__, __LINE__, var, tolerance, (const double[]){__VA_ARGS__}, \
                   (int)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double)))
void assert_values_(const char *file, int line, wg_var var, double tolerance, const double *expected,
                    int count);

/* The inputs of a sample, real ones of this dtype, on the tape; closed by WG_END_, as lists of vars are. */
void inputs_of_sample(wg_tape *tape, const wg_case *sample, wg_dtype real, uint64_t seed, wg_var *inputs);

/* The tape carries an error of this status whose message has `part` in it; heals the tape. */
#define assert_error(tape, status, part) assert_error_(__FILE__, __LINE__, tape, status, part)
void assert_error_(const char *file, int line, wg_tape *tape, int status, const char *part);

#define ck_assert_message_contains(message, part) \
    ck_assert_msg(strstr((message), (part)) != NULL, "\"%s\" is not in \"%s\"", (part), (message))

#endif
