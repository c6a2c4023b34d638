/* bench — `wengert bench`: reference steps, timed, and what memory they take. This file reads the command
 * line; each piece of work is done in a process of its own, so that the memory it takes is its own. */
#include "cli/bench.h"
#include <getopt.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int bench_work(const bench_options *options, const reference_model *model, const char *variant);

static void usage(FILE *stream) {
    fprintf(
        stream,
        "usage: wengert bench [MODEL]… [OPTION]…\n\n"
        "Takes training steps of a model, of all models where none is named, and prints a line of JSON for\n"
        "each way of taking them: `record`, which records the step anew each time, and `rerun`. Models:");
    for (int i = 0; reference_at(i); i++) fprintf(stream, " %s", reference_name(reference_at(i)));
    fprintf(stream,
            ".\n\n"
            "  --threads N       threads to run on; default: as `wengert info` says\n"
            "  --dtype TYPE      f32 (the default) or f64\n"
            "  --disable PASSES  switches passes off: \"fuse,reuse\"\n"
            "  --budget BYTES    the most memory that the plan may need\n"
            "  --runs N          how many steps are timed; default: as many as fit\n"
            "  --seconds S       into this time, at least 5; default 2\n"
            "  --variant NAME    record or rerun alone\n"
            "  --passes          instead: each pass switched off in turn, beside all switched on\n"
            "  --sweep           instead: under 20 memory budgets; fails where a larger one costs more work\n"
            "  --paced           instead: as many steps as each line of the input says, timed a line\n"
            "  --export FILE     with one model: writes first weights and batch as a safetensors file\n");
}

static int wrong(const char *format, const char *what) { return cli_wrong("bench", format, what); }

/* --- The command line --------------------------------------------------------------------------------- */

typedef struct command_line {
    bench_options options;
    const char *variant; /* NULL: both */
    bench_work *work;
    bool help;
} command_line;

/* A number in a range; false where the text is something else. */
static bool read_number(const char *text, double least, double most, double *number) {
    char *end;
    *number = strtod(text, &end);
    return end != text && !*end && *number >= least && *number <= most;
}

static bool read_whole(const char *text, double least, double most, double *number) {
    return text[strspn(text, "0123456789")] == '\0' && read_number(text, least, most, number);
}

/* One option; an exit status. */
static int read_option(command_line *line, int option, const char *text) {
    bench_options *options = &line->options;
    double number = 0;
    switch (option) {
    case 't':
        if (!read_whole(text, 1, 1024, &number)) return wrong("--threads wants 1 to 1024, not \"%s\"", text);
        return options->threads = (int)number, EXIT_GOOD;
    case 'd':
        options->dtype = strcmp(text, "f32") == 0 ? WG_F32 : WG_F64;
        if (options->dtype == WG_F64 && strcmp(text, "f64") != 0)
            return wrong("--dtype wants f32 or f64, not \"%s\"", text);
        return EXIT_GOOD;
    case 'b':
        if (!read_whole(text, 1, 1e15, &number))
            return wrong("--budget wants a count of bytes, not \"%s\"", text);
        return options->budget = (size_t)number, EXIT_GOOD;
    case 'r':
        if (!read_whole(text, 1, 1e6, &number)) return wrong("--runs wants 1 to 1000000, not \"%s\"", text);
        return options->runs = (int)number, EXIT_GOOD;
    case 's':
        if (!read_number(text, 0, 1e5, &options->seconds))
            return wrong("--seconds wants a time, not \"%s\"", text);
        return EXIT_GOOD;
    case 'v':
        if (strcmp(text, "record") != 0 && strcmp(text, "rerun") != 0)
            return wrong("--variant wants record or rerun, not \"%s\"", text);
        return line->variant = text, EXIT_GOOD;
    case 'x':
        return options->disable = text, EXIT_GOOD;
    case 'e':
        return options->export = text, EXIT_GOOD;
    case 'P':
        return line->work = bench_passes, EXIT_GOOD;
    case 'S':
        return line->work = bench_sweep, EXIT_GOOD;
    case 'p':
        return line->work = bench_paced, EXIT_GOOD;
    case 'h':
        return line->help = true, EXIT_GOOD;
    default:
        return EXIT_USAGE; /* getopt has said what is wrong */
    }
}

static int read_models(bench_options *options, char **names) {
    for (; *names; names++) {
        const reference_model *model = reference_find(*names);
        if (!model) return wrong("there is no model \"%s\"", *names);
        if (options->model_count == MOST_MODELS) return wrong("too many models, from \"%s\" on", *names);
        options->models[options->model_count++] = model;
    }
    const bool named = options->model_count > 0;
    for (int i = 0; !named && i < MOST_MODELS && reference_at(i); i++)
        options->models[options->model_count++] = reference_at(i);
    return EXIT_GOOD;
}

static int read_line(command_line *line, int argc, char **argv) {
    static const struct option known[] = {
        {"threads", 1, NULL, 't'}, {"dtype", 1, NULL, 'd'},  {"disable", 1, NULL, 'x'},
        {"budget", 1, NULL, 'b'},  {"runs", 1, NULL, 'r'},   {"seconds", 1, NULL, 's'},
        {"variant", 1, NULL, 'v'}, {"export", 1, NULL, 'e'}, {"passes", 0, NULL, 'P'},
        {"sweep", 0, NULL, 'S'},   {"paced", 0, NULL, 'p'},  {"help", 0, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    argv[0] = (char[]){"wengert bench"}; /* what getopt begins its messages with */
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        const int status = read_option(line, option, optarg);
        if (status) return status;
    }
    if (line->help) return EXIT_GOOD;
    const int status = read_models(&line->options, argv + optind);
    if (status) return status;
    const bench_options *options = &line->options;
    if (options->export && options->model_count != 1) return wrong("--export goes with %s", "one model");
    if (line->work == bench_paced && options->model_count != 1)
        return wrong("--paced goes with %s", "one model");
    if (line->work == bench_passes && options->disable)
        return wrong("%s", "--passes itself chooses what to disable");
    if (line->work == bench_sweep && options->budget)
        return wrong("%s", "--sweep itself chooses the budgets");
    return EXIT_GOOD;
}

/* --- Processes ---------------------------------------------------------------------------------------- */

static int in_child(bench_work *work, const bench_options *options, const reference_model *model,
                    const char *variant) {
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) exit(work(options, model, variant));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        perror("wengert bench: no process for it");
        return EXIT_BAD;
    }
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    fprintf(stderr, "wengert bench: %s: killed by signal %d\n", reference_name(model), WTERMSIG(status));
    return EXIT_BAD;
}

int cli_bench(int argc, char **argv) {
    command_line line = {.options = {.dtype = WG_F32, .seconds = 2}, .work = bench_plain};
    const int wrong_usage = read_line(&line, argc, argv);
    if (wrong_usage) return wrong_usage;
    if (line.help) return usage(stdout), EXIT_GOOD;
    const bool both = !line.variant && line.work == bench_plain;
    int worst = EXIT_GOOD;
    for (int i = 0; i < line.options.model_count; i++) {
        const reference_model *model = line.options.models[i];
        int status = in_child(line.work, &line.options, model, line.variant ? line.variant : "record");
        if (!status && both) status = in_child(line.work, &line.options, model, "rerun");
        if (status > worst) worst = status;
    }
    return worst;
}
