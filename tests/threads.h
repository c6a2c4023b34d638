/* threads — what the suites of the worker pool share: jobs whose units wait for each other, which shows that
 * several threads are at work without reading a clock, and a training step to have something to compute. */
#ifndef WG_TESTS_THREADS_H
#define WG_TESTS_THREADS_H

#include "run/engine.h"
#include "suite.h"

#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static inline void sleep_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

/* Threads that meet: each waits until `expected` have come, for 20 seconds at most. */
typedef struct meeting {
    int expected;
    atomic_int came, waited_in_vain;
} meeting;

static inline bool meet(meeting *at) {
    atomic_fetch_add(&at->came, 1);
    for (int ms = 0; atomic_load(&at->came) < at->expected; ms++) {
        if (ms == 20000) return atomic_fetch_add(&at->waited_in_vain, 1), false;
        sleep_ms(1);
    }
    return true;
}

static inline void meet_in_unit(void *context, int worker, int64_t begin, int64_t end) {
    (void)worker;
    for (int64_t i = begin; i < end; i++) meet(context);
}

/* Do `threads` threads of the pool work at the same time? */
static inline bool work_together(wg_pool *pool, int threads) {
    meeting at = {.expected = threads};
    wg_pool_run(pool, meet_in_unit, &at, threads, 1);
    return at.waited_in_vain == 0;
}

/* Threads of this process now. */
static inline int tasks(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; folder && (entry = readdir(folder));) count += entry->d_name[0] != '.';
    if (folder) closedir(folder);
    return count;
}

/* The same where threads may still be ending: a joined one leaves the list a moment later. */
static inline int tasks_after(int expected) {
    for (int ms = 0; ms < 5000 && tasks() != expected; ms++) sleep_ms(1);
    return tasks();
}

enum { BATCH = 64, INPUTS = 128, HIDDEN = 256, STEP_WEIGHTS = INPUTS * HIDDEN };

/* Some steps of training a small network on an engine; its weights. A wg_status. */
static inline int train(wg_engine *engine, int steps, float weights[STEP_WEIGHTS]) {
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_model *model = wg_model_new(.seed = 7);
    wg_optimizer *adam = wg_adamw(model, 1e-2);
    wg_tensor *x = wg_tensor_new(WG_F32, WG_SHAPE(BATCH, INPUTS), NULL),
              *y = wg_tensor_new(WG_I64, WG_SHAPE(BATCH), NULL);
    int status = tape && model && adam && x && y ? WG_OK : WG_ERROR_MEMORY;
    for (int i = 0; !status && i < BATCH * INPUTS; i++)
        ((float *)wg_tensor_writable(x))[i] = (float)(i * 37 % 101) / 50 - 1;
    for (int i = 0; !status && i < BATCH; i++) ((int64_t *)wg_tensor_writable(y))[i] = i % 10;
    for (int i = 0; !status && i < steps; i++) {
        wg_var hidden = wg_tanh(wg_linear(model, "first", wg_input(tape, x), HIDDEN));
        wg_var loss = wg_softmax_cross_entropy(wg_linear(model, "second", hidden, 10), wg_input(tape, y));
        wg_minimize(adam, loss);
        status = wg_eval(loss);
        wg_tape_clear(tape);
    }
    const wg_tensor *first = status ? NULL : wg_state_tensor(wg_model_find(model, "first.weight")->state);
    if (first && weights) memcpy(weights, wg_tensor_data(first), STEP_WEIGHTS * sizeof *weights);
    wg_tensor_free(x);
    wg_tensor_free(y);
    wg_tape_free(tape);
    wg_optimizer_free(adam);
    wg_model_free(model);
    return status;
}

/* The weights that one thread gives. */
static inline void train_on_one(float weights[STEP_WEIGHTS]) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    ck_assert_int_eq(train(engine, 3, weights), WG_OK);
    wg_engine_free(engine);
}

#endif
