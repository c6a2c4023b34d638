/* cli — the subcommands of `wengert`, a file each: clients of the public interface. */
#ifndef WG_CLI_CLI_H
#define WG_CLI_CLI_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wengert.h>

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };

/* Each takes what stands behind its name, with the name itself as argv[0], and returns an exit status. */
int cli_bench(int argc, char **argv);
int cli_gradcheck(int argc, char **argv);
int cli_hash(int argc, char **argv);
int cli_info(int argc, char **argv);
int cli_ops(int argc, char **argv);
int cli_reference(int argc, char **argv);
int cli_show(int argc, char **argv);

/* `wengert gradcheck --mutants` of these ops; says of which no rule is there, if they were named. */
int cli_mutants(const wg_op *const *ops, int count, uint64_t seed, bool named);

/* Wrong usage of a command: says what is wrong with what, and returns the exit status. */
static inline int cli_wrong(const char *command, const char *format, const char *what) {
    fprintf(stderr, "wengert %s: ", command);
    fprintf(stderr, format, what);
    fprintf(stderr, "; `wengert %s --help` says more\n", command);
    return EXIT_USAGE;
}

/* The least memory that a plan can do with, of a tape that was to plan for a budget of one byte: its error
 * names it. 0: it does not. Heals the tape. */
static inline size_t cli_least_budget(wg_tape *tape) {
    wg_error error = {.message = ""};
    size_t least = 0;
    wg_tape_recover(tape, &error);
    const char *named = strstr(error.message, "can do with is ");
    return named && sscanf(named, "can do with is %zu bytes", &least) == 1 ? least : 0;
}

#endif
