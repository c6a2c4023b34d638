/* suite — runs a file's tests under Check; directories, and commands that tests run. */
#include "suite.h"

#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds for one test, by far enough under a sanitizer on a busy machine: it ends what hangs. */
enum { SECONDS_FOR_A_TEST = 600 };

static char suite_directory[512];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *level) {
    (void)status, (void)kind, (void)level;
    return remove(path);
}

static int open_directory(void) {
    const char *parent = getenv("TMPDIR");
    const int length = snprintf(suite_directory, sizeof suite_directory, "%s/wengert-XXXXXX",
                                parent && *parent ? parent : "/tmp");
    return length < (int)sizeof suite_directory && mkdtemp(suite_directory) ? 0 : -1;
}

int suite_run(const char *name, SFun setup, SFun teardown, const TTest *const *tests, int count) {
    if (open_directory()) {
        fprintf(stderr, "%s: cannot make a temporary directory: %s\n", suite_directory, strerror(errno));
        return EXIT_FAILURE;
    }
    setenv("WG_SOURCE_ROOT", SOURCE_ROOT, 0); /* for this process's tests and the commands that they run */
    setenv("WG_BUILD_ROOT", BUILD_ROOT, 0);
    setenv("CC", COMPILER, 0);
    Suite *suite = suite_create(name);
    for (int i = 0; i < count; i++) { /* a case a test: CK_RUN_CASE finds it by its name */
        TCase *one = tcase_create(tests[i]->name);
        tcase_set_timeout(one, SECONDS_FOR_A_TEST);
        if (setup || teardown) tcase_add_checked_fixture(one, setup, teardown);
        tcase_add_test(one, tests[i]);
        suite_add_tcase(suite, one);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int run = srunner_ntests_run(runner), failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    nftw(suite_directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    return run > 0 && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* --- Paths ---------------------------------------------------------------------------------------------- */

static char *next_text(size_t *size) {
    static char texts[8][1024];
    static unsigned next;
    *size = sizeof texts[0];
    return texts[next++ % 8];
}

const char *temporary_path(const char *name) {
    size_t size;
    char *path = next_text(&size);
    snprintf(path, size, "%s/%ld", suite_directory, (long)getpid());
    ck_assert_msg(mkdir(path, 0700) == 0 || errno == EEXIST, "%s: %s", path, strerror(errno));
    const size_t length = strlen(path);
    ck_assert_int_lt(snprintf(path + length, size - length, "/%s", name), (int)(size - length));
    return path;
}

const char *source_path(const char *name) {
    size_t size;
    char *path = next_text(&size);
    ck_assert_int_lt(snprintf(path, size, "%s/%s", getenv("WG_SOURCE_ROOT"), name), (int)size);
    return path;
}

/* --- Commands ------------------------------------------------------------------------------------------- */

static int run_listed(char *output, size_t size, const char *format, va_list arguments) WG_PRINTF(3, 0);
static int run_listed(char *output, size_t size, const char *format, va_list arguments) {
    char command[8192];
    const int begin = snprintf(command, sizeof command, "cd '%s' && { ", source_path(""));
    const int length = vsnprintf(command + begin, sizeof command - (size_t)begin, format, arguments);
    static const char end[] = "\n} 2>&1";
    ck_assert_int_lt(begin + length + (int)sizeof end, (int)sizeof command);
    memcpy(command + begin + length, end, sizeof end);

    fflush(NULL);
    FILE *stream = popen(command, "r");
    ck_assert_msg(stream != NULL, "popen: %s", strerror(errno));
    size_t kept = 0, got;
    char block[4096];
    while ((got = fread(block, 1, sizeof block, stream)) > 0) {
        const size_t room = output && size ? size - 1 - kept : 0, part = got < room ? got : room;
        if (part) memcpy(output + kept, block, part);
        kept += part;
    }
    if (output && size) output[kept] = '\0';
    const int status = pclose(stream);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int run_command(char *output, size_t size, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int status = run_listed(output, size, format, arguments);
    va_end(arguments);
    return status;
}

void must_run(const char *format, ...) {
    char output[3000], command[3000]; /* Check takes messages of 8 KiB */
    va_list arguments;
    va_start(arguments, format);
    const int status = run_listed(output, sizeof output, format, arguments);
    va_end(arguments);
    va_start(arguments, format);
    vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    ck_assert_msg(status == 0, "exit status %d from: %s\n%s", status, command, output);
}
