/* show — `wengert show MODEL`: what the plan of a reference step looks like, without running it. */
#include "cli/cli.h"
#include "cli/models.h"

static int usage(FILE *stream) {
    fprintf(stream, "usage: wengert show MODEL [--explain] [--memory FILE.svg] [--graph FILE.dot]\n\n"
                    "  --explain  every step of the plan, as text; so without an option\n"
                    "  --memory   every buffer over time, as a picture\n"
                    "  --graph    its steps, for Graphviz\n\nmodels:");
    for (int i = 0; reference_at(i); i++) fprintf(stream, " %s", reference_name(reference_at(i)));
    fprintf(stream, "\n");
    return stream == stdout ? EXIT_GOOD : EXIT_USAGE;
}

static int show(reference_step *step, const char *picture, const char *graph, bool explain, wg_error *error) {
    reference_record(step);
    if (reference_prepare(step)) return wg_tape_recover(step->tape, error);
    int status = WG_OK;
    if (explain && (status = wg_explain(step->tape, stdout)))
        snprintf(error->message, sizeof error->message, "cannot write the listing");
    if (!status && picture) status = wg_memory_svg(step->tape, picture, error);
    if (!status && graph) status = wg_graph_dot(step->tape, graph, error);
    return status;
}

int cli_show(int argc, char **argv) {
    const reference_model *model = NULL;
    const char *picture = NULL, *graph = NULL;
    bool explain = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) return usage(stdout);
        if (strcmp(argv[i], "--explain") == 0)
            explain = true;
        else if (strcmp(argv[i], "--memory") == 0 && i + 1 < argc)
            picture = argv[++i];
        else if (strcmp(argv[i], "--graph") == 0 && i + 1 < argc)
            graph = argv[++i];
        else if (model || !(model = reference_find(argv[i])))
            return usage(stderr);
    }
    if (!model) return usage(stderr);
    wg_error error = {0};
    reference_step step = {0};
    wg_engine *engine = wg_engine_new(&error);
    int status = engine ? reference_open(&step, model, WG_F32, engine, &error) : error.status;
    if (!status) status = show(&step, picture, graph, explain || (!picture && !graph), &error);
    if (engine) reference_close(&step);
    wg_engine_free(engine);
    if (status) fprintf(stderr, "wengert show: %s\n", error.message);
    return status ? EXIT_BAD : EXIT_GOOD;
}
