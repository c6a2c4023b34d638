/* A chain of a million nodes is recorded, differentiated, planned and run like any other: nothing recurses,
 * and nothing is quadratic. Prints seconds and bytes a node, and, of a chain of a thousand, what each part of
 * a step costs. */
#include "run/engine.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LONG = 1000000 };

static double seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* x -> x a + b, alternating; the derivative is a to the number of products. */
START_TEST(a_million_nodes_in_a_row) {
    wg_engine *engine = wg_engine_new(NULL);
    wg_tape *tape = wg_tape_new(.engine = engine);
    const double factor = 1 - 1e-6;
    for (int round = 0; round < 2; round++) {
        const double start = seconds();
        wg_var x = wg_scalar(tape, 1), a = wg_scalar(tape, factor), b = wg_scalar(tape, 1e-6), y = x;
        for (int i = 0; i < LONG / 2; i++) y = wg_add(wg_mul(y, a), b);
        ck_assert_uint_eq(wg_tape_nodes(tape), LONG + 3);
        const double recorded = seconds();
        const size_t bytes = wg_tape_bytes(tape);
        wg_var dy = wg_grad(y, x);
        const uint32_t nodes = wg_tape_nodes(tape);
        const double differentiated = seconds();
        ck_assert_int_eq(wg_eval(y, dy), WG_OK);
        const double run = seconds();
        ck_assert_double_eq_tol(wg_item(dy), pow(factor, LONG / 2), 1e-9);
        printf("%d nodes: recorded %.3f s, %.0f bytes a node; differentiated %.3f s (%u nodes); %s and run "
               "%.3f s\n",
               LONG, recorded - start, (double)bytes / LONG, differentiated - recorded, nodes,
               round ? "plan found" : "planned", run - differentiated);
        wg_tape_clear(tape);
    }
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, 1);
    wg_tape_free(tape);
    wg_engine_free(engine);
}
END_TEST

/* --- What a step of a thousand scalar operations costs ------------------------------------------------- */

enum { SHORT = 1000, STEPS = 1000 };
enum { RECORD, DIFFERENTIATE, EVALUATE, ORDER, KEY, HASH, FIND, PARTS };

static double ns_since(double *start) {
    const double before = *start;
    *start = seconds();
    return (*start - before) * 1e9;
}

/* Records a chain and its gradient and evaluates it. What wg_eval does before it runs is done once more, part
 * by part. */
static double timed_step(wg_tape *tape, double factor, double times[PARTS]) {
    double now = seconds();
    wg_var x = wg_scalar(tape, 1), a = wg_scalar(tape, factor), b = wg_scalar(tape, 1e-3), y = x;
    for (int i = 0; i < SHORT / 2; i++) y = wg_add(wg_mul(y, a), b);
    times[RECORD] = ns_since(&now);
    wg_var dy = wg_grad(y, x);
    times[DIFFERENTIATE] = ns_since(&now);
    const uint32_t roots[] = {y.id, dy.id};
    wg_engine *engine = wg_tape_engine(tape);
    ck_assert(wg_order(tape, roots, 2, true));
    times[ORDER] = ns_since(&now);
    const wg_lower_settings settings = {engine->isa, engine->disabled};
    ck_assert(wg_write_key(tape, roots, &(wg_root_counts){.results = 2}, &settings));
    times[KEY] = ns_since(&now);
    const int status = wg_eval(y, dy);
    times[EVALUATE] = ns_since(&now);
    ck_assert_int_eq(status, WG_OK);
    now = seconds();
    const uint64_t hash = wg_hash(tape->key.at, tape->key.count * sizeof *tape->key.at, 0);
    times[HASH] = ns_since(&now);
    wg_plan *plan = wg_cache_find(&engine->cache, tape->key.at, tape->key.count, hash);
    times[FIND] = ns_since(&now);
    ck_assert_ptr_nonnull(plan);
    wg_plan_free(plan);
    const double derivative = wg_item(dy);
    wg_tape_clear(tape);
    return derivative;
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double times[STEPS][PARTS], int part) {
    static double column[STEPS];
    for (int i = 0; i < STEPS; i++) column[i] = times[i][part] / SHORT;
    qsort(column, STEPS, sizeof *column, by_size);
    return column[STEPS / 2];
}

START_TEST(each_step_of_a_thousand_scalars_finds_its_plan) {
    static double times[STEPS][PARTS];
    wg_engine *engine = wg_engine_new(NULL);
    wg_tape *tape = wg_tape_new(.engine = engine);
    double first[PARTS];
    for (int i = -1; i < STEPS; i++) {
        const double factor = 1 - 1e-6 * (i + 2);
        ck_assert_double_eq_tol(timed_step(tape, factor, i < 0 ? first : times[i]), pow(factor, SHORT / 2),
                                1e-12);
    }
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, 1);
    const double record = median_of(times, RECORD), differentiate = median_of(times, DIFFERENTIATE),
                 evaluate = median_of(times, EVALUATE), order = median_of(times, ORDER),
                 key = median_of(times, KEY), hash = median_of(times, HASH), find = median_of(times, FIND);
    printf("a step of %d operations, ns each: %.1f = record %.1f + differentiate %.1f + evaluate %.1f (order "
           "%.1f, key %.1f, hash %.1f, find %.1f, run %.1f); planned in %.0f\n",
           SHORT, record + differentiate + evaluate, record, differentiate, evaluate, order, key, hash, find,
           evaluate - order - key - hash - find, (double)wg_engine_count(engine).planning_ns / SHORT);
    wg_tape_free(tape);
    wg_engine_free(engine);
}
END_TEST

/* A wide and shallow graph: one var used by all, whose cotangents are summed. */
START_TEST(a_var_used_a_hundred_thousand_times) {
    enum { WIDE = 100000 };
    wg_tape *tape = wg_tape_new();
    wg_var x = wg_scalar(tape, 0.5), y = wg_scalar(tape, 0);
    for (int i = 0; i < WIDE; i++) y = wg_add(y, wg_mul(x, wg_scalar(tape, i)));
    ck_assert_double_eq(value_of(wg_grad(y, x)), (double)WIDE * (WIDE - 1) / 2);
    wg_tape_free(tape);
}
END_TEST

WG_SUITE("tape/chain", a_million_nodes_in_a_row, each_step_of_a_thousand_scalars_finds_its_plan,
         a_var_used_a_hundred_thousand_times)
