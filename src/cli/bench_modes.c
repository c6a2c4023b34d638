/* bench_modes — the ways in which `wengert bench` times a model: as it is, as another program paces it, with
 * each pass switched off in turn, under each of a row of memory budgets. */
#include "cli/bench.h"

enum { MOST_RUNS = 64, BUDGETS = 20, MOST_PEAKS = 200 };

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

/* All peaks that plans have, the largest first: each the peak of what fits in a byte less than the one
 * before. */
static int find_peaks(reference_step *step, size_t peaks[MOST_PEAKS]) {
    int count = 0;
    for (size_t peak = peak_within(step, 0); peak && count < MOST_PEAKS; peak = peak_within(step, peak - 1))
        peaks[count++] = peak;
    return count;
}

static int smaller_first(const void *one, const void *other) {
    const size_t a = *(const size_t *)one, b = *(const size_t *)other;
    return a < b ? -1 : a > b;
}

/* The peaks as budgets, of too many as many as there is room for, evenly; and where there are few, what lies
 * halfway in the widest gaps. */
static void spread_budgets(const size_t *peaks, int count, size_t budgets[BUDGETS]) {
    const int own = count < BUDGETS ? count : BUDGETS;
    for (int i = 0; i < own; i++) budgets[i] = peaks[own > 1 ? i * (count - 1) / (own - 1) : 0];
    for (int n = own; n < BUDGETS; n++) {
        size_t widest = 0, between = budgets[0];
        qsort(budgets, (size_t)n, sizeof *budgets, smaller_first);
        for (int i = 1; i < n; i++)
            if (budgets[i] - budgets[i - 1] > widest) {
                widest = budgets[i] - budgets[i - 1];
                between = budgets[i - 1] + widest / 2;
            }
        budgets[n] = between;
    }
    qsort(budgets, BUDGETS, sizeof *budgets, smaller_first);
}

/* From the least budget to one that asks for nothing; `distinct`: how many peaks there are. */
static int find_budgets(const bench_options *options, const reference_model *model, wg_engine *engine,
                        size_t budgets[BUDGETS], int *distinct, wg_error *error) {
    static size_t peaks[MOST_PEAKS];
    reference_step step;
    const int status = reference_open(&step, model, options->dtype, engine, error);
    *distinct = status ? 0 : find_peaks(&step, peaks);
    spread_budgets(peaks, *distinct, budgets);
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
    size_t budgets[BUDGETS] = {0};
    int distinct = 0;
    wg_error error = {0};
    wg_engine *engine = wg_engine_new(&error, .threads = options->threads, .disable = options->disable);
    int status = engine ? find_budgets(options, model, engine, budgets, &distinct, &error) : error.status;
    for (int i = 0; i < BUDGETS && !status; i++) {
        runs[i] = run_of(options, variant);
        runs[i].budget = budgets[i];
        runs[i].distinct = distinct;
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
