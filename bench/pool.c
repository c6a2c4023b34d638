/* pool — what the worker pool costs, printed: fork and join of jobs that do nothing, and a training step on
 * more threads than there are processors. Reads the clock around each job and gives the median and the tenth
 * and ninetieth hundredths, in microseconds.
 *
 *     ninja -C build bench/pool && build/bench/pool */
#include "run/engine.h"
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <wengert.h>

enum { JOBS = 100000, STEPS = 300, LONG = 7 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec * 1e-3;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts the samples; returns the median. */
static double print_spread(const char *name, double *sample, int count) {
    qsort(sample, (size_t)count, sizeof *sample, ascending);
    printf("%-46s %8.3f  (%.3f … %.3f)", name, sample[count / 2], sample[count / 10], sample[count * 9 / 10]);
    return sample[count / 2];
}

static wg_engine *engine_of(int threads) {
    wg_error error;
    wg_engine *engine = wg_engine_new(&error, .threads = threads);
    if (engine) return engine;
    fprintf(stderr, "bench/pool: %s\n", error.message);
    exit(1);
}

/* --- Fork and join ---------------------------------------------------------------------------- */

static int helped; /* written by the worker alone */

static void nothing(void *context, int worker, int64_t begin, int64_t end) {
    (void)context, (void)begin, (void)end;
    if (worker) helped++;
}

/* Leaves only when both units have begun: what it takes to have a worker at work and back. */
static void meet(void *context, int worker, int64_t begin, int64_t end) {
    atomic_int *arrived = context;
    (void)begin, (void)end, (void)worker;
    atomic_fetch_add(arrived, 1);
    for (int i = 0; atomic_load(arrived) < 2; i++)
        if (i > 100000) sched_yield();
}

static double clock_cost(double *sample) {
    for (int i = 0; i < JOBS; i++) {
        const double start = now();
        sample[i] = now() - start;
    }
    return print_spread("reading the clock", sample, JOBS);
}

static void fork_and_join(wg_pool *pool, double *sample) {
    for (int i = -JOBS / 10; i < JOBS; i++) {
        const double start = now();
        wg_pool_run(pool, nothing, NULL, 2, 1);
        if (i >= 0) sample[i] = now() - start;
    }
    print_spread("empty job of 2 units, 2 threads", sample, JOBS);
    printf("  a worker took a unit of %.0f %%\n", 100.0 * helped / (JOBS + JOBS / 10));
    for (int i = -JOBS / 10; i < JOBS; i++) {
        atomic_int arrived = 0;
        const double start = now();
        wg_pool_run(pool, meet, &arrived, 2, 1);
        if (i >= 0) sample[i] = now() - start;
    }
    print_spread("job of 2 units that wait for each other", sample, JOBS);
    printf("\n");
}

/* --- A training step -------------------------------------------------------------------------- */

static double training_step(int threads, double *sample) {
    char name[64];
    wg_engine *engine = engine_of(threads);
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *adam = wg_adamw(model, 1e-3);
    wg_tensor *x = wg_tensor_new(WG_F32, WG_SHAPE(64, 784), NULL);
    wg_tensor *y = wg_tensor_new(WG_I64, WG_SHAPE(64), NULL);
    for (int i = -STEPS / 10; i < STEPS; i++) {
        const double start = now();
        wg_var hidden = wg_relu(wg_linear(model, "fc1", wg_input(tape, x), 256));
        wg_var loss = wg_softmax_cross_entropy(wg_linear(model, "fc2", hidden, 10), wg_input(tape, y));
        wg_minimize(adam, loss);
        if (wg_eval(loss)) fprintf(stderr, "bench/pool: %s\n", wg_tape_message(tape));
        wg_tape_clear(tape);
        if (i >= 0) sample[i] = now() - start;
    }
    snprintf(name, sizeof name, "training step of an MLP, %d threads", threads);
    const double median = print_spread(name, sample, STEPS);
    wg_tensor_free(x);
    wg_tensor_free(y);
    wg_tape_free(tape);
    wg_optimizer_free(adam);
    wg_model_free(model);
    wg_engine_free(engine);
    return median;
}

int main(void) {
    double *sample = malloc(JOBS * sizeof *sample);
    wg_engine *engine = engine_of(2);
    if (!sample) return 1;
    printf("%-46s   median  (10 %% … 90 %%), µs; %d processors\n", "", wg_processors());
    clock_cost(sample);
    printf("\n");
    fork_and_join(engine->pool, sample);
    wg_engine_free(engine);
    training_step(1, sample);
    printf("\n");
    const double two = training_step(2, sample);
    printf("\n");
    printf("  %.2f times as long as with 2\n", training_step(LONG, sample) / two);
    free(sample);
    return 0;
}
