/* gradcheck — `wengert gradcheck [OP…]`: the gradient check on the samples of operations, a line each. */
#include "cli/cli.h"
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <time.h>

enum { DIRECTIONS = 20 };

typedef struct command_line {
    uint64_t seed;
    uint64_t direction_seed; /* another each time, unless one is given */
    int part, parts; /* of the registry, when no op is named: those whose number is `part` modulo `parts` */
    bool help, mutants;
} command_line;

typedef struct totals {
    int ops, failed;
    int64_t samples, elements, kinks;
} totals;

static void usage(FILE *stream) {
    fprintf(
        stream,
        "usage: wengert gradcheck [OP…] [OPTION]…\n\n"
        "Checks the gradients, and their gradients, of the operations named, or of all, on their samples.\n"
        "Prints a line each with tabs between: operation, samples, elements of Jacobians that were "
        "compared,\n"
        "kinks, largest error in tolerances, that of f32 in bounds; and for an enlarged sample directions,\n"
        "elements, largest error. What fails is shown on standard error, with a line of C that does it "
        "again.\n"
        "docs/gradient-check.md says what is compared with what.\n\n"
        "  --seed N     of the numbers that inputs hold, default 0, and of directions, default another each "
        "time\n"
        "  --part I/N   the I-th of N parts of the registry\n"
        "  --mutants    instead: plants mistakes in the rules, each of which the check must find; a line "
        "each:\n"
        "               operation, planted, killed, equivalent, survived\n");
}

static int wrong(const char *format, const char *what) { return cli_wrong("gradcheck", format, what); }

/* A whole number of digits alone. */
static bool read_number(const char *text, const char **end, uint64_t *number) {
    char *stop;
    if (*text < '0' || *text > '9') return false;
    errno = 0;
    *number = strtoull(text, &stop, 10);
    *end = stop;
    return !errno;
}

static int read_option(command_line *line, int option, const char *text) {
    const char *end;
    uint64_t part, parts;
    switch (option) {
    case 's':
        if (!read_number(text, &end, &line->seed) || *end)
            return wrong("--seed wants a number, not \"%s\"", text);
        line->direction_seed = line->seed;
        return EXIT_GOOD;
    case 'p':
        if (!read_number(text, &end, &part) || *end++ != '/' || !read_number(end, &end, &parts) || *end ||
            !part || part > parts || parts > INT_MAX)
            return wrong("--part wants two numbers like 1/8, not \"%s\"", text);
        line->part = (int)part;
        line->parts = (int)parts;
        return EXIT_GOOD;
    case 'm':
        return line->mutants = true, EXIT_GOOD;
    case 'h':
        return line->help = true, EXIT_GOOD;
    default:
        return EXIT_USAGE; /* getopt has said what is wrong */
    }
}

static int read_line(command_line *line, int argc, char **argv) {
    static const struct option known[] = {{"seed", 1, NULL, 's'},
                                          {"part", 1, NULL, 'p'},
                                          {"help", 0, NULL, 'h'},
                                          {"mutants", 0, NULL, 'm'},
                                          {NULL, 0, NULL, 0}};
    argv[0] = (char[]){"wengert gradcheck"}; /* what getopt begins its messages with */
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        const int status = read_option(line, option, optarg);
        if (status) return status;
    }
    for (int i = optind; i < argc; i++)
        if (!wg_op_find(argv[i])) return wrong("there is no operation \"%s\"", argv[i]);
    if (line->parts && optind < argc) return wrong("%s", "--part is of all operations: name none");
    if (line->part > wg_op_count()) {
        char text[40];
        snprintf(text, sizeof text, "%d/%d", line->part, line->parts);
        return wrong("--part %s is empty: there are fewer operations", text);
    }
    return EXIT_GOOD;
}

static void check(const wg_op *op, const command_line *line, wg_engine *engine, totals *all) {
    wg_gradcheck_report report, large;
    fprintf(stderr, "%s …", op->name);
    int status = wg_gradcheck_op(op, &report, .seed = line->seed, .engine = engine);
    const int along =
        wg_gradcheck_op(op, &large, .seed = line->direction_seed, .directions = DIRECTIONS, .engine = engine);
    fprintf(stderr, " %s\n", status || along ? "FAILED" : "passed");
    if (status) wg_gradcheck_print(stderr, &report);
    if (along) wg_gradcheck_print(stderr, &large);
    if (!status) status = along;
    printf("%s\t%d\t%lld\t%lld\t", op->name, report.samples, (long long)report.elements,
           (long long)report.kinks);
    if (report.not_differentiable)
        printf("refused\n");
    else
        printf("%.3g\t%.3g\t%lld\t%lld\t%.3g\n", report.largest_error, report.largest_single,
               (long long)large.directions, (long long)large.largest_size, large.largest_error);
    fflush(stdout);
    all->ops++;
    all->failed += status != WG_OK;
    all->samples += report.samples;
    all->elements += report.elements;
    all->kinks += report.kinks;
}

/* On standard output, a line an op; with an engine that all share. */
static int check_all(const wg_op *const *ops, int count, const command_line *line) {
    wg_error error;
    wg_engine *engine =
        wg_engine_new(&error, .threads = 1); /* the values are small: threads would only wait */
    if (!engine) {
        fprintf(stderr, "wengert gradcheck: %s\n", error.message);
        return EXIT_BAD;
    }
    totals all = {0};
    for (int i = 0; i < count; i++) check(ops[i], line, engine, &all);
    wg_engine_free(engine);
    printf("gradcheck: %d ops, %lld samples, %lld elements, %lld kinks, %d failed\n", all.ops,
           (long long)all.samples, (long long)all.elements, (long long)all.kinks, all.failed);
    return fflush(stdout) || all.failed || !all.ops ? EXIT_BAD : EXIT_GOOD;
}

int cli_gradcheck(int argc, char **argv) {
    command_line line = {.direction_seed = (uint64_t)time(NULL)};
    const int wrong_usage = read_line(&line, argc, argv);
    if (wrong_usage) return wrong_usage;
    if (line.help) return usage(stdout), EXIT_GOOD;
    const wg_op **ops = calloc((size_t)(argc + wg_op_count()), sizeof *ops);
    if (!ops) return fprintf(stderr, "wengert gradcheck: no memory\n"), EXIT_BAD;
    int count = 0;
    for (int i = optind; i < argc; i++) ops[count++] = wg_op_find(argv[i]);
    for (int i = 0; optind == argc && i < wg_op_count(); i++)
        if (!line.parts || i % line.parts == line.part - 1) ops[count++] = wg_op_at(i);
    fprintf(stderr, "seed %llu, of directions %llu\n", (unsigned long long)line.seed,
            (unsigned long long)line.direction_seed);
    const int status =
        line.mutants ? cli_mutants(ops, count, line.seed, optind < argc) : check_all(ops, count, &line);
    free(ops);
    return status;
}
