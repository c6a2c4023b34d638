/* bench_modes — the ways in which `wengert bench` times a model: as it is, as another program paces it, with
 * each pass switched off in turn, under each of a row of memory budgets. */
#include "cli/bench.h"

enum { MOST_RUNS = 64, BUDGETS = 20 };

static int fail(const reference_model *model, const wg_error *error) {
    fprintf(stderr, "wengert bench: %s: %s\n", reference_name(model), error->message);
    return error->status == WG_ERROR_ATTRIBUTE ? EXIT_USAGE : EXIT_BAD;
}

static bench_run run_of(const bench_options *options, const char *variant) {
    return (bench_run){.variant = variant,
                       .disable = options->disable,
                       .budget = options->budget,
                       .replays = strcmp(variant, "rerun") == 0};
}

/* --- As it is --------------------------------------------------------------------------------------- */

static int open_and_export(bench_run *run, const bench_options *options, const reference_model *model,
                           wg_error *error) {
    const int status = bench_open(run, options, model, NULL, error);
    return status || !options->export ? status : reference_export(&run->step, options->export, error);
}

int bench_plain(const bench_options *options, const reference_model *model, const char *variant) {
    bench_run run = run_of(options, variant);
    wg_error error = {0};
    int status = open_and_export(&run, options, model, &error);
    if (!status) status = bench_warm(&run, &error);
    if (!status) status = bench_race(&run, 1, options, &error);
    if (!status) bench_print(&run, true);
    bench_close(&run, NULL);
    return status ? fail(model, &error) : EXIT_GOOD;
}

/* --- As another program paces it -------------------------------------------------------------------- */

static void print_list(const char *key, const double *values, size_t count) {
    printf("\"%s\":[", key);
    for (size_t i = 0; i < count; i++) printf("%s%s", i ? "," : "", bench_number("%.17g", values[i]));
    printf("]");
}

/* Takes so many steps and answers with the time of each and the loss that it found, which is that before its
 * update. Of `chain`: the last number, and its gradient. */
static int take_order(bench_run *run, int count, wg_error *error) {
    enum { MOST = 10000 };
    static double losses[MOST];
    if (count > MOST) count = MOST;
    const size_t begin = run->count;
    for (int i = 0; i < count; i++) {
        if (bench_take(run, 1, true, error)) return error->status;
        losses[i] = wg_item(run->step.loss);
    }
    printf("{");
    print_list("ms", run->milliseconds + begin, run->count - begin);
    printf(",");
    print_list("loss", losses, run->count - begin);
    if (run->step.gradient.tape)
        printf(",\"gradient\":%s", bench_number("%.17g", wg_item(run->step.gradient)));
    printf("}\n");
    return WG_OK;
}

int bench_paced(const bench_options *options, const reference_model *model, const char *variant) {
    bench_run run = run_of(options, variant);
    wg_error error = {0};
    int status = open_and_export(&run, options, model, &error);
    if (!status) printf("{\"ready\":true}\n");
    char line[64];
    while (!status && fflush(stdout) == 0 && fgets(line, sizeof line, stdin))
        status = take_order(&run, atoi(line), &error);
    bench_close(&run, NULL);
    return status ? fail(model, &error) : EXIT_GOOD;
}

/* --- With each pass switched off in turn ------------------------------------------------------------ */

static int passes_without(const bench_options *options, bench_run *runs, char (*names)[80]) {
    int count = 0;
    runs[count++] = run_of(options, "all passes");
    for (const wg_pass_info *pass; count < MOST_RUNS && (pass = wg_pass_at(count - 1)); count++) {
        snprintf(names[count], sizeof *names, "without %s", pass->name);
        runs[count] = run_of(options, names[count]);
        runs[count].disable = pass->name;
    }
    return count;
}

int bench_passes(const bench_options *options, const reference_model *model, const char *variant) {
    (void)variant;
    static bench_run runs[MOST_RUNS];
    static char names[MOST_RUNS][80];
    const int count = passes_without(options, runs, names);
    wg_error error = {0};
    int status = WG_OK;
    for (int i = 0; i < count && !status; i++) {
        status = bench_open(&runs[i], options, model, NULL, &error);
        if (!status) status = bench_warm(&runs[i], &error);
    }
    if (!status) status = bench_race(runs, count, options, &error);
    for (int i = 0; i < count && !status; i++) {
        bench_hold_against(&runs[i], &runs[0]);
        bench_print(&runs[i], false);
    }
    for (int i = 0; i < count; i++) bench_close(&runs[i], NULL);
    return status ? fail(model, &error) : EXIT_GOOD;
}

/* --- Under each of a row of memory budgets ---------------------------------------------------------- */

/* The peak of a plan that keeps to a budget (0: none); 0 where there is no such plan. */
static size_t peak_within(reference_step *step, size_t budget) {
    wg_plan_info plan = {0};
    wg_set_memory_budget(step->tape, budget);
    reference_record(step);
    if (reference_prepare(step) == WG_OK) wg_plan_report(step->tape, &plan);
    wg_tape_recover(step->tape, NULL);
    return plan.peak;
}

/* The smallest budget that can be met, by halving what lies between one that can and one that cannot. */
static size_t least_budget(reference_step *step, size_t most) {
    size_t fails = 0, works = most;
    while (works - fails > 1) {
        const size_t middle = fails + (works - fails) / 2, peak = peak_within(step, middle);
        if (peak)
            works = peak < middle ? peak : middle;
        else
            fails = middle;
    }
    return works;
}

/* From the least budget to one that asks for nothing, evenly. */
static int budgets_between(const bench_options *options, const reference_model *model, wg_engine *engine,
                           size_t budgets[BUDGETS], wg_error *error) {
    reference_step step;
    const int status = reference_open(&step, model, options->dtype, engine, error);
    const size_t most = status ? 0 : peak_within(&step, 0), least = status ? 0 : least_budget(&step, most);
    for (int i = 0; i < BUDGETS; i++) budgets[i] = least + (most - least) * (size_t)i / (BUDGETS - 1);
    reference_close(&step);
    return status;
}

/* Does a larger budget ever cost more operations, or a smaller one more memory? */
static bool are_monotonic(const bench_run *runs) {
    for (int i = 1; i < BUDGETS; i++)
        if (runs[i].plan.peak < runs[i - 1].plan.peak || runs[i].plan.flops > runs[i - 1].plan.flops)
            return false;
    return true;
}

int bench_sweep(const bench_options *options, const reference_model *model, const char *variant) {
    static bench_run runs[BUDGETS];
    size_t budgets[BUDGETS];
    wg_error error = {0};
    wg_engine *engine = wg_engine_new(&error, .threads = options->threads, .disable = options->disable);
    int status = engine ? budgets_between(options, model, engine, budgets, &error) : error.status;
    for (int i = 0; i < BUDGETS && !status; i++) {
        runs[i] = run_of(options, variant);
        runs[i].budget = budgets[i];
        status = bench_open(&runs[i], options, model, engine, &error);
        if (!status) status = bench_warm(&runs[i], &error);
    }
    if (!status) status = bench_race(runs, BUDGETS, options, &error);
    for (int i = 0; i < BUDGETS && !status; i++) {
        bench_hold_against(&runs[i], &runs[BUDGETS - 1]);
        bench_print(&runs[i], false);
    }
    for (int i = 0; i < BUDGETS; i++) bench_close(&runs[i], engine);
    wg_engine_free(engine);
    if (status) return fail(model, &error);
    if (are_monotonic(runs)) return EXIT_GOOD;
    fprintf(stderr,
            "wengert bench: %s: a larger budget costs more operations, or a smaller one needs more memory\n",
            reference_name(model));
    return EXIT_BAD;
}
