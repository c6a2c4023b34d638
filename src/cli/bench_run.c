/* bench_run — steps that are timed: see bench.h. */
#include "cli/bench.h"
#include "cli/memory.h"
#include "cli/version.h"
#include <math.h>
#include <time.h>

enum { WARM_UP = 4, LEAST_RUNS = 5, LONGEST_BLOCK = 2000 };
static const double block_ms = 40;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e3 * (double)time.tv_sec + 1e-6 * (double)time.tv_nsec;
}

/* --- Life ------------------------------------------------------------------------------------------- */

int bench_open(bench_run *run, const bench_options *options, const reference_model *model, wg_engine *shared,
               wg_error *error) {
    run->engine =
        shared ? shared : wg_engine_new(error, .threads = options->threads, .disable = run->disable);
    if (!run->engine) return error->status;
    const int status = reference_open(&run->step, model, options->dtype, run->engine, error);
    wg_set_memory_budget(run->step.tape, run->budget);
    return status;
}

/* Memory grows by what recording and planning take, and then by what running takes. */
int bench_warm(bench_run *run, wg_error *error) {
    reference_step *step = &run->step;
    process_memory_mark();
    const process_memory before = process_memory_now();
    reference_record(step);
    if (reference_prepare(step)) return wg_tape_recover(step->tape, error);
    wg_plan_report(step->tape, &run->plan);
    const double peak = process_memory_now().peak;
    process_memory_mark();
    const process_memory planned = process_memory_now();
    if (reference_evaluate(step)) return wg_tape_recover(step->tape, error);
    run->recorded = true;
    const int status = bench_take(run, WARM_UP, false, error);
    const process_memory after = process_memory_now();
    run->grown = fmax(peak, after.peak) - before.resident;
    run->files = after.files - before.files;
    run->measured = after.peak - planned.resident;
    return status;
}

void bench_close(bench_run *run, const wg_engine *shared) {
    reference_close(&run->step);
    if (run->engine != shared) wg_engine_free(run->engine);
    free(run->milliseconds);
    run->milliseconds = NULL;
}

/* --- Time ------------------------------------------------------------------------------------------- */

static int keep_time(bench_run *run, double milliseconds, wg_error *error) {
    if (run->count == run->capacity) {
        const size_t capacity = run->capacity ? 2 * run->capacity : 1024;
        double *more = realloc(run->milliseconds, capacity * sizeof *more);
        if (!more) {
            snprintf(error->message, sizeof error->message, "no memory for the times of %zu steps", capacity);
            return error->status = WG_ERROR_MEMORY;
        }
        run->milliseconds = more;
        run->capacity = capacity;
    }
    run->milliseconds[run->count++] = milliseconds;
    return WG_OK;
}

int bench_take(bench_run *run, int count, bool timed, wg_error *error) {
    reference_step *step = &run->step;
    for (int i = 0; i < count; i++) {
        const double begin = now_ms();
        const bool replays = run->replays && run->recorded;
        if (!replays) reference_record(step);
        const int failed = replays ? wg_rerun(step->tape) : reference_evaluate(step);
        const double end = now_ms();
        if (failed) return wg_tape_recover(step->tape, error);
        run->recorded = true;
        const int status = timed ? keep_time(run, end - begin, error) : WG_OK;
        if (status) return status;
    }
    return WG_OK;
}

static int by_size(const void *one, const void *other) {
    const double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static double median_of(const bench_run *run) {
    double *sorted = run->count ? malloc(run->count * sizeof *sorted) : NULL;
    if (!sorted) return NAN;
    memcpy(sorted, run->milliseconds, run->count * sizeof *sorted);
    qsort(sorted, run->count, sizeof *sorted, by_size);
    const double median = sorted[run->count / 2];
    free(sorted);
    return median;
}

static double quickest_of(const bench_run *run) {
    double least = run->count ? run->milliseconds[0] : NAN;
    for (size_t i = 1; i < run->count; i++) least = fmin(least, run->milliseconds[i]);
    return least;
}

void bench_hold_against(bench_run *run, const bench_run *other) {
    run->ratio = median_of(run) / median_of(other);
    run->quickest = quickest_of(run) / quickest_of(other);
}

/* Steps of this run that take about as long as a block should. */
static int block_of(const bench_run *run, const bench_options *options) {
    const double steps = run->count ? block_ms / run->milliseconds[run->count - 1] : 1;
    const int block = steps < 1 ? 1 : steps < LONGEST_BLOCK ? (int)steps : LONGEST_BLOCK;
    return options->runs && block > options->runs - (int)run->count ? options->runs - (int)run->count : block;
}

static bool has_enough(const bench_run *run, const bench_options *options, double begin, int count) {
    if (options->runs) return run->count >= (size_t)options->runs;
    return run->count >= LEAST_RUNS && now_ms() - begin >= 1e3 * options->seconds * count;
}

int bench_race(bench_run *runs, int count, const bench_options *options, wg_error *error) {
    const double begin = now_ms();
    for (bool more = true; more;) {
        more = false;
        for (int i = 0; i < count; i++) {
            bench_run *run = &runs[i];
            if (has_enough(run, options, begin, count)) continue;
            /* the first step of a block finds the caches full of another's values */
            if (count > 1 && bench_take(run, 1, false, error)) return error->status;
            if (bench_take(run, block_of(run, options), true, error)) return error->status;
            more = true;
        }
    }
    return WG_OK;
}

/* --- The line --------------------------------------------------------------------------------------- */

const char *bench_number(const char *form, double value) {
    static char texts[8][40]; /* the last few, so that one call of printf can have several */
    static int next;
    char *text = texts[next++ % 8];
    if (isfinite(value))
        snprintf(text, sizeof texts[0], form, value);
    else
        snprintf(text, sizeof texts[0], "null");
    return text;
}

static void print_time(const bench_run *run) {
    printf(",\"median_ms\":%s,\"min_ms\":%s,\"runs\":%zu", bench_number("%.5f", median_of(run)),
           bench_number("%.5f", quickest_of(run)), run->count);
    if (run->ratio > 0)
        printf(",\"ratio\":%s,\"min_ratio\":%s", bench_number("%.4f", run->ratio),
               bench_number("%.4f", run->quickest));
}

static void print_memory(const bench_run *run) {
    const double mib = 1024 * 1024;
    printf(",\"peak_mb\":%s,\"grown_mb\":%s,\"grown_files_mb\":%s,\"measured_bytes\":%s",
           bench_number("%.1f", process_memory_now().peak / mib), bench_number("%.2f", run->grown / mib),
           bench_number("%.2f", run->files / mib), bench_number("%.0f", run->measured));
}

static void print_plan(const wg_plan_info *plan) {
    printf(",\"predicted_bytes\":%zu,\"parameter_bytes\":%zu,\"activation_bytes\":%zu,\"gradient_bytes\":%zu,"
           "\"workspace_bytes\":%zu,\"nodes\":%zu,\"plan_steps\":%zu,\"recomputed\":%zu,\"packed\":%zu,"
           "\"flops\":%s,"
           "\"recomputed_flops\":%s",
           plan->peak, plan->parameters, plan->activations, plan->gradients, plan->workspace, plan->nodes,
           plan->steps, plan->recomputed, plan->packed, bench_number("%.0f", plan->flops),
           bench_number("%.0f", plan->recomputed_flops));
}

void bench_print(const bench_run *run, bool alone) {
    const wg_engine_counters engine = wg_engine_count(run->engine);
    printf("{\"model\":\"%s\",\"peer\":\"wengert " VERSION "\",\"variant\":\"%s\",\"dtype\":\"%s\","
           "\"threads\":%d,\"isa\":\"%s\"",
           reference_name(run->step.model), run->variant, wg_dtype_name(run->step.dtype), engine.threads,
           engine.isa);
    if (run->disable) printf(",\"disabled\":\"%s\"", run->disable);
    if (run->budget) printf(",\"budget\":%zu", run->budget);
    if (run->distinct) printf(",\"distinct\":%d", run->distinct);
    print_time(run);
    if (alone) print_memory(run);
    print_plan(&run->plan);
    printf("}\n");
}
