/* main — the `wengert` command: finds the subcommand and hands it the rest of the line. */
#include "cli/cli.h"

static const struct command {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"bench", "takes and times training steps of reference models", cli_bench},
    {"gradcheck", "holds the gradients of operations against differences of their functions", cli_gradcheck},
    {"hash", "trains in every way that must not change a bit, and compares the weights", cli_hash},
    {"info", "what the library was built with, and what it would run on here", cli_info},
    {"ops", "lists the operations", cli_ops},
    {"reference", "writes a page for each operation", cli_reference},
    {"show", "what the plan of a reference step looks like", cli_show},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void usage(FILE *stream) {
    fprintf(stream, "usage: wengert COMMAND [OPTION]…\n\n");
    for (int i = 0; i < COMMANDS; i++) fprintf(stream, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fprintf(stream, "\n`wengert COMMAND --help` says more.\n");
}

static bool is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

/* A result that could not be written is none, whatever the command made of it. */
static int written(int status) {
    if (!fflush(stdout) && !ferror(stdout)) return status;
    fprintf(stderr, "wengert: standard output cannot be written\n");
    return status ? status : EXIT_BAD;
}

static int run(const struct command *command, int argc, char **argv) {
    static char help[] = "--help";
    for (int i = 1; i < argc; i++)
        if (is_help(argv[i])) argv[i] = help;
    return written(command->run(argc, argv));
}

int main(int argc, char **argv) {
    if (argc > 1 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) {
        usage(stdout);
        return written(EXIT_GOOD);
    }
    for (int i = 0; argc > 1 && i < COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0) return run(&commands[i], argc - 1, argv + 1);
    if (argc > 1) fprintf(stderr, "wengert: there is no command \"%s\"\n", argv[1]);
    usage(stderr);
    return EXIT_USAGE;
}
