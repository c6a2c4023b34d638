/* A chain of a million nodes is recorded, differentiated, planned and run like any other: nothing recurses,
 * and nothing is quadratic. Prints seconds and bytes a node. */
#include "suite.h"
#include <math.h>
#include <stdio.h>
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

WG_SUITE("tape/chain", a_million_nodes_in_a_row, a_var_used_a_hundred_thousand_times)
