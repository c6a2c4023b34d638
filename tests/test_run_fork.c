/* A child made by fork computes as its parent does, with threads of its own, whatever other threads of the
 * parent were doing at the time. */
#include "threads.h"

#include <pthread.h>
#include <sys/wait.h>

static float expected[STEP_WEIGHTS];

enum { GOOD = 0, NO_TRAINING, OTHER_WEIGHTS, ALONE, NO_CHANGE, NO_CHILD, HUNG = 99 };

/* A child's end is not the test program's: nothing of Check's is to run there. */
static int in_child(int (*check)(wg_engine *engine), wg_engine *engine) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(60); /* a child that waits for ever is killed */
        _exit(check(engine));
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child) return NO_CHILD;
    return WIFEXITED(status) ? WEXITSTATUS(status) : HUNG;
}

static int computes(wg_engine *engine) {
    float found[STEP_WEIGHTS];
    if (train(engine, 3, found)) return NO_TRAINING;
    return memcmp(found, expected, sizeof found) ? OTHER_WEIGHTS : GOOD;
}

static int computes_on_three(wg_engine *engine) {
    const int status = computes(engine);
    if (status) return status;
    if (!work_together(engine->pool, 3) || wg_engine_count(engine).threads != 3) return ALONE;
    wg_engine_free(engine);
    return GOOD;
}

static wg_engine *used_engine(void) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 3);
    train_on_one(expected);
    ck_assert_int_eq(computes(engine), GOOD);
    ck_assert(work_together(engine->pool, 3));
    return engine;
}

START_TEST(a_child_computes_with_threads_of_its_own) {
    wg_engine *engine = used_engine();
    ck_assert_int_eq(in_child(computes_on_three, engine), GOOD);
    ck_assert_int_eq(computes_on_three(engine), GOOD);
}
END_TEST

static int has_a_child(wg_engine *engine) {
    const int status = in_child(computes_on_three, engine);
    return status ? status : computes_on_three(engine);
}

START_TEST(so_does_a_child_of_a_child) {
    wg_engine *engine = used_engine();
    ck_assert_int_eq(in_child(has_a_child, engine), GOOD);
    wg_engine_free(engine);
}
END_TEST

static int changes_threads(wg_engine *engine) {
    if (wg_set_threads(engine, 2, NULL) || wg_engine_count(engine).threads != 2) return NO_CHANGE;
    return work_together(engine->pool, 2) ? computes(engine) : ALONE;
}

START_TEST(a_child_may_change_the_number_of_threads) {
    wg_engine *engine = used_engine();
    ck_assert_int_eq(in_child(changes_threads, engine), GOOD);
    wg_engine_free(engine);
}
END_TEST

static int frees(wg_engine *engine) {
    wg_engine_free(engine);
    return GOOD;
}

START_TEST(a_child_may_free_what_it_does_not_use) {
    wg_engine *engine = used_engine();
    ck_assert_int_eq(in_child(frees, engine), GOOD);
    wg_engine_free(engine);
}
END_TEST

/* --- While another thread evaluates ----------------------------------------------------------------- */

enum { FORKS = 60 };

typedef struct other {
    wg_engine *engine;
    atomic_bool stop;
    atomic_int rounds, wrong;
} other;

static void *evaluate_on(void *argument) {
    other *o = argument;
    while (!atomic_load(&o->stop)) {
        atomic_fetch_add(&o->wrong, computes(o->engine) != GOOD);
        atomic_fetch_add(&o->rounds, 1);
    }
    return NULL;
}

static int computes_and_changes(wg_engine *engine) {
    const int status = computes(engine);
    return status ? status : changes_threads(engine);
}

START_TEST(a_fork_while_others_evaluate_leaves_the_child_whole) {
    pthread_t threads[2];
    other o = {.engine = used_engine()};
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, evaluate_on, &o), 0);
    int failed = 0, last = GOOD;
    for (int i = 0; i < FORKS; i++) {
        const int status = in_child(computes_and_changes, o.engine);
        if (status) failed++, last = status;
    }
    atomic_store(&o.stop, true);
    for (int i = 0; i < 2; i++) ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    ck_assert_msg(failed == 0, "%d of %d children failed, the last in way %d", failed, FORKS, last);
    ck_assert_int_gt(o.rounds, 2);
    ck_assert_int_eq(o.wrong, 0);
    wg_engine_free(o.engine);
}
END_TEST

static int uses_the_default_engine(wg_engine *engine) {
    (void)engine;
    return computes(NULL);
}

START_TEST(a_child_may_use_the_default_engine) {
    train_on_one(expected);
    ck_assert_int_eq(in_child(uses_the_default_engine, NULL), GOOD); /* made in the child */
    ck_assert_int_eq(computes(NULL), GOOD);
    ck_assert_int_eq(in_child(uses_the_default_engine, NULL), GOOD);
}
END_TEST

WG_SUITE("run/fork", a_child_computes_with_threads_of_its_own, so_does_a_child_of_a_child,
         a_child_may_change_the_number_of_threads, a_child_may_free_what_it_does_not_use,
         a_fork_while_others_evaluate_leaves_the_child_whole, a_child_may_use_the_default_engine)
