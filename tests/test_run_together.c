/* Several tapes of one engine, in several threads of the program at once: what they share is one arena for
 * those that never run at the same time, and a cache that may drop a plan while another thread runs it. */
#include "run/evaluation.h"
#include "suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <wengert/plan.h>

enum { WIDTH = 16 };

/* The sum over x of `rows` rows of 1, times weights of 1/4, squared: rows · WIDTH · (WIDTH/4)². */
static wg_var record(wg_tape *tape, int64_t rows) {
    wg_var x = wg_full(tape, WG_F32, WG_SHAPE(rows, WIDTH), 1);
    wg_var w = wg_full(tape, WG_F32, WG_SHAPE(WIDTH, WIDTH), 0.25);
    return wg_sum(wg_square(wg_matmul(x, w)), WG_ALL_AXES);
}
static double expected(int64_t rows) { return (double)rows * WIDTH * (WIDTH / 4.0) * (WIDTH / 4.0); }

/* The value for `rows` rows; NaN after an error. */
static double evaluate(wg_tape *tape, int64_t rows) {
    wg_var y = record(tape, rows);
    wg_eval(y);
    const double value = wg_item(y);
    wg_tape_clear(tape);
    return value;
}

/* --- Arenas ----------------------------------------------------------------------------------------- */

static size_t peak(wg_tape *tape, int64_t rows) {
    wg_plan_info info = {0};
    ck_assert_int_eq(wg_prepare(record(tape, rows)), WG_OK);
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    wg_tape_clear(tape);
    return info.peak;
}

START_TEST(cached_plans_share_one_arena_as_large_as_the_largest_needs) {
    static const int64_t rows[] = {100, 3, 5000, 700, 1};
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    wg_tape *tapes[2] = {wg_tape_new(.engine = engine), wg_tape_new(.engine = engine)};
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++)
            for (int t = 0; t < 2; t++) {
                ck_assert_double_eq(evaluate(tapes[t], rows[i]), expected(rows[i]));
                ck_assert_uint_eq(engine->arenas.count, 1);
            }
    ck_assert_uint_eq(engine->arenas.at[0].bytes, wg_round_up(peak(tapes[0], 5000), 4096));
    ck_assert_uint_eq(wg_engine_count(engine).plans_held, 5);
    for (int t = 0; t < 2; t++) wg_tape_free(tapes[t]);
    wg_engine_free(engine);
}
END_TEST

/* What two runs at once have left behind serves one after the other: the large one is taken for what is
 * large, and neither is exchanged. */
START_TEST(of_several_arenas_the_smallest_that_fits_is_taken) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_arena large, small, again;
    ck_assert(wg_arena_take(engine, 1 << 20, &large) && wg_arena_take(engine, 100, &small));
    wg_arena_return(engine, &large);
    wg_arena_return(engine, &small);
    ck_assert(wg_arena_take(engine, 1 << 19, &again));
    ck_assert_ptr_eq(again.memory, large.memory);
    wg_arena_return(engine, &again);
    ck_assert(wg_arena_take(engine, 4096, &again));
    ck_assert_ptr_eq(again.memory, small.memory);
    wg_arena_return(engine, &again);
    ck_assert(wg_arena_take(engine, 1 << 21, &again)); /* none fits: one gives way */
    wg_arena_return(engine, &again);
    ck_assert_uint_eq(engine->arenas.count, 2);
    wg_engine_free(engine);
}
END_TEST

/* --- Threads ---------------------------------------------------------------------------------------- */

typedef struct evaluator {
    wg_engine *engine;
    int64_t shapes; /* 1 … shapes rows in turn */
    int evaluations, wrong;
    pthread_t thread;
    atomic_bool *over; /* NULL: does its number of evaluations */
} evaluator;

static void *evaluate_all(void *context) {
    evaluator *e = context;
    wg_tape *tape = wg_tape_new(.engine = e->engine);
    for (int i = 0; e->over ? !atomic_load(e->over) : i < e->evaluations; i++) {
        const int64_t rows = 1 + i % e->shapes;
        e->wrong += evaluate(tape, rows) != expected(rows);
        if (e->over) e->evaluations++;
    }
    wg_tape_free(tape);
    return NULL;
}

static void start(evaluator *e) { ck_assert_int_eq(pthread_create(&e->thread, NULL, evaluate_all, e), 0); }
static void join(evaluator *e) { ck_assert_int_eq(pthread_join(e->thread, NULL), 0); }

START_TEST(two_threads_have_two_arenas_at_most) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    evaluator of[2] = {{.engine = engine, .shapes = 40, .evaluations = 400},
                       {.engine = engine, .shapes = 7, .evaluations = 400}};
    for (int i = 0; i < 2; i++) start(&of[i]);
    for (int i = 0; i < 2; i++) join(&of[i]);
    ck_assert_int_eq(of[0].wrong + of[1].wrong, 0);
    printf("two threads left %zu arenas\n", engine->arenas.count);
    ck_assert_uint_ge(engine->arenas.count, 1);
    ck_assert_uint_le(engine->arenas.count, 2);
    wg_engine_free(engine);
}
END_TEST

/* A thousand shapes push each other, and the plans that others are running, out of a cache of four. */
START_TEST(plans_are_dropped_while_other_tapes_run_them) {
    enum { OTHERS = 3, SHAPES = 1000, BOUND = 4 };
    atomic_bool over = false;
    wg_engine *engine = wg_engine_new(NULL, .threads = 2, .cached_plans = BOUND);
    evaluator others[OTHERS], all = {.engine = engine, .shapes = SHAPES, .evaluations = SHAPES};
    for (int i = 0; i < OTHERS; i++) {
        others[i] = (evaluator){.engine = engine, .shapes = 2 + i, .over = &over};
        start(&others[i]);
    }
    evaluate_all(&all);
    atomic_store(&over, true);
    int evaluations = 0, wrong = all.wrong;
    for (int i = 0; i < OTHERS; i++) {
        join(&others[i]);
        evaluations += others[i].evaluations;
        wrong += others[i].wrong;
    }
    const wg_engine_counters counters = wg_engine_count(engine);
    printf("%d shapes while others did %d evaluations: %llu plans dropped, %llu held, %d wrong\n", SHAPES,
           evaluations, (unsigned long long)counters.plans_dropped, (unsigned long long)counters.plans_held,
           wrong);
    ck_assert_int_eq(wrong, 0);
    ck_assert_uint_eq(counters.plans_held, BOUND);
    ck_assert_uint_ge(counters.plans_dropped, SHAPES - BOUND);
    ck_assert_uint_eq(counters.plans_made + counters.plans_found, (uint64_t)(SHAPES + evaluations));
    ck_assert_int_gt(evaluations, OTHERS);
    wg_engine_free(engine);
}
END_TEST

/* --- Stopped ---------------------------------------------------------------------------------------- */

typedef struct stopper {
    wg_engine *engine;
    int number, stopped, done, wrong;
    int asked, stop_at;
    pthread_t thread;
} stopper;

static bool stop_now(void *context) {
    stopper *s = context;
    return ++s->asked == s->stop_at;
}

/* Counts up a state by `number`, and is stopped every other time, at another place each. */
static void *count_and_stop(void *context) {
    stopper *s = context;
    wg_tape *tape = wg_tape_new(.engine = s->engine);
    wg_tensor *zeros = wg_tensor_new(WG_F64, WG_SHAPE(3), NULL);
    wg_state *state = wg_state_new(zeros, NULL);
    wg_set_stop(tape, stop_now, s);
    for (int i = 0; i < 200; i++) {
        s->asked = 0;
        s->stop_at = i % 2 ? 1 + i / 2 % 3 : 0;
        wg_var sum = wg_sum(record(tape, 10 + i % 5), WG_ALL_AXES);
        wg_var more = wg_mul(wg_scalar(tape, s->number), wg_div(sum, sum));
        wg_assign(state, wg_add(wg_read(tape, state), wg_cast(more, WG_F64)));
        const int status = wg_eval(sum);
        s->done += status == WG_OK;
        s->stopped += status == WG_ERROR_STOPPED;
        s->wrong += status != WG_OK && status != WG_ERROR_STOPPED;
        s->wrong += wg_tensor_get(wg_state_tensor(state), 1) != (double)s->number * s->done;
        if (status) wg_tape_recover(tape, NULL);
        wg_tape_clear(tape);
    }
    wg_tensor_free(zeros);
    wg_tape_free(tape);
    wg_state_free(state);
    return NULL;
}

START_TEST(a_stop_is_for_the_tape_that_was_asked) {
    enum { TAPES = 3 };
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    stopper of[TAPES];
    int stopped = 0;
    for (int i = 0; i < TAPES; i++) {
        of[i] = (stopper){.engine = engine, .number = i + 1};
        ck_assert_int_eq(pthread_create(&of[i].thread, NULL, count_and_stop, &of[i]), 0);
    }
    for (int i = 0; i < TAPES; i++) {
        ck_assert_int_eq(pthread_join(of[i].thread, NULL), 0);
        ck_assert_int_eq(of[i].wrong, 0);
        ck_assert_int_eq(of[i].stopped + of[i].done, 200);
        ck_assert_int_ge(of[i].done, 100);
        ck_assert_int_gt(of[i].stopped, 0);
        stopped += of[i].stopped;
    }
    printf("%d tapes at once: stopped %d times of %d\n", TAPES, stopped, TAPES * 200);
    wg_engine_free(engine);
}
END_TEST

WG_SUITE("run/together", cached_plans_share_one_arena_as_large_as_the_largest_needs,
         of_several_arenas_the_smallest_that_fits_is_taken, two_threads_have_two_arenas_at_most,
         plans_are_dropped_while_other_tapes_run_them, a_stop_is_for_the_tape_that_was_asked)
