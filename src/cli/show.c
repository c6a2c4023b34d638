/* show — `wengert show MODEL`: what the plan of a reference step looks like, without running it; and, asked
 * for, where the time goes when it runs. */
#include "cli/cli.h"
#include "cli/models.h"
#include <errno.h>

enum { WARM_UP = 5, STEPS = 50 };

/* What is asked for. */
typedef struct views {
    bool explain, summary, profile;
    const char *picture, *graph, *trace;
    size_t budget; /* 0: none */
} views;

static int usage(FILE *stream) {
    fprintf(stream,
            "usage: wengert show MODEL [--explain] [--summary] [--memory FILE.svg]\n"
            "                          [--graph FILE] [--profile] [--trace FILE.json] [--budget BYTES]\n\n"
            "  --explain  every step of the plan, as text; so without an option\n"
            "  --summary  its layers: what they give, their parameters and operations\n"
            "  --memory   every buffer over time, as a picture\n"
            "  --graph    its steps: FILE.svg a picture, else text for Graphviz\n"
            "  --profile  where the time of %d steps goes, as text\n"
            "  --trace    when what ran, for chrome://tracing\n"
            "  --budget   the most memory that the plan may need\n\nmodels:",
            STEPS);
    for (int i = 0; reference_at(i); i++) fprintf(stream, " %s", reference_name(reference_at(i)));
    fprintf(stream, "\n");
    return stream == stdout ? EXIT_GOOD : EXIT_USAGE;
}

static bool ends_in(const char *text, const char *end) {
    const size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

static int show_plan(reference_step *step, const views *asked, wg_error *error) {
    reference_record(step);
    if (reference_prepare(step)) return wg_tape_recover(step->tape, error);
    int status = WG_OK;
    if (asked->explain && (status = wg_explain(step->tape, stdout)))
        snprintf(error->message, sizeof error->message, "cannot write the listing");
    if (!status && asked->summary && (status = wg_summary(step->weights, step->tape, stdout)))
        snprintf(error->message, sizeof error->message, "cannot write the table");
    if (!status && asked->picture) status = wg_memory_svg(step->tape, asked->picture, error);
    if (!status && asked->graph)
        status =
            (ends_in(asked->graph, ".svg") ? wg_graph_svg : wg_graph_dot)(step->tape, asked->graph, error);
    return status;
}

static int run_steps(reference_step *step, int count, wg_error *error) {
    for (int i = 0; i < count; i++) {
        reference_record(step);
        if (reference_evaluate(step)) return wg_tape_recover(step->tape, error);
    }
    return WG_OK;
}

static int show_times(reference_step *step, const views *asked, wg_error *error) {
    int status = run_steps(step, WARM_UP, error);
    if (!status) status = wg_profile_start(step->tape, 0, error);
    if (!status) status = run_steps(step, STEPS, error);
    wg_profile_stop(step->tape);
    if (!status && asked->profile && (status = wg_profile_table(step->tape, stdout)))
        snprintf(error->message, sizeof error->message, "cannot write the table");
    if (!status && asked->trace) status = wg_profile_trace(step->tape, asked->trace, error);
    return status;
}

/* The file behind an option, which is then taken from the arguments; NULL: it is another option. */
static const char *file_of(const char *option, int argc, char **argv, int *i) {
    return strcmp(argv[*i], option) == 0 && *i + 1 < argc ? argv[++*i] : NULL;
}

/* Of digits alone, and more than none. */
static bool is_bytes(const char *text, size_t *bytes) {
    char *end;
    errno = 0;
    const unsigned long long number = strtoull(text, &end, 10);
    *bytes = (size_t)number;
    return *text >= '0' && *text <= '9' && !*end && !errno && number;
}

int cli_show(int argc, char **argv) {
    const reference_model *model = NULL;
    views asked = {0};
    for (int i = 1; i < argc; i++) {
        const char *file;
        if (strcmp(argv[i], "--help") == 0) return usage(stdout);
        if (strcmp(argv[i], "--explain") == 0)
            asked.explain = true;
        else if (strcmp(argv[i], "--summary") == 0)
            asked.summary = true;
        else if (strcmp(argv[i], "--profile") == 0)
            asked.profile = true;
        else if ((file = file_of("--memory", argc, argv, &i)))
            asked.picture = file;
        else if ((file = file_of("--graph", argc, argv, &i)))
            asked.graph = file;
        else if ((file = file_of("--trace", argc, argv, &i)))
            asked.trace = file;
        else if ((file = file_of("--budget", argc, argv, &i)) && is_bytes(file, &asked.budget))
            continue;
        else if (model || !(model = reference_find(argv[i]))) {
            fprintf(stderr, "wengert show: \"%s\" is no option, nor the one model\n", argv[i]);
            return usage(stderr);
        }
    }
    const bool runs = asked.profile || asked.trace;
    asked.explain |= !asked.summary && !asked.picture && !asked.graph && !runs;
    if (!model) return usage(stderr);
    wg_error error = {0};
    reference_step step = {0};
    wg_engine *engine = wg_engine_new(&error);
    int status = engine ? reference_open(&step, model, WG_F32, engine, &error) : error.status;
    if (!status && asked.budget) wg_set_memory_budget(step.tape, asked.budget);
    if (!status && (asked.explain || asked.summary || asked.picture || asked.graph))
        status = show_plan(&step, &asked, &error);
    if (!status && runs) status = show_times(&step, &asked, &error);
    if (engine) reference_close(&step);
    wg_engine_free(engine);
    if (status) fprintf(stderr, "wengert show: %s\n", error.message);
    return status ? EXIT_BAD : EXIT_GOOD;
}
