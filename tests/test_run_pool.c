/* The worker pool: each unit is done once, by as many threads as were asked for, for several callers at a
 * time; threads sleep when there is nothing to do, are the only ones, can be pinned, changed in number, and
 * be the program's own. Timings are bench/pool's to print. */
#include "threads.h"

#include <fenv.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

static wg_pool *pool_of(int threads) {
    wg_pool *pool = wg_pool_new(&(wg_pool_setup){.threads = threads});
    ck_assert_ptr_nonnull(pool);
    ck_assert_int_eq(wg_pool_threads(pool), threads);
    return pool;
}

/* --- Jobs ----------------------------------------------------------------------------------------- */

enum { MOST_UNITS = 1000 };

typedef struct counted {
    atomic_int done[MOST_UNITS], wrong;
    int threads;
    int64_t units, grain;
} counted;

static void count_unit(void *context, int worker, int64_t begin, int64_t end) {
    counted *c = context;
    if (worker < 0 || worker >= c->threads || begin < 0 || end > c->units || begin >= end)
        atomic_fetch_add(&c->wrong, 1);
    else
        for (int64_t i = begin; i < end; i++) atomic_fetch_add(&c->done[i], 1);
}

/* How many units were not done exactly once, or by a thread that there is not. */
static int faults_of_job(wg_pool *pool, int64_t units, int64_t grain) {
    counted c = {.threads = wg_pool_threads(pool), .units = units, .grain = grain};
    wg_pool_run(pool, count_unit, &c, units, grain);
    int faults = c.wrong;
    for (int64_t i = 0; i < MOST_UNITS; i++) faults += c.done[i] != (i < units);
    return faults;
}

START_TEST(each_unit_is_done_once) {
    static const int threads[] = {1, 2, 3, 7}, units[] = {0, 1, 2, 3, 64, 999, MOST_UNITS},
                     grains[] = {1, 2, 7, 2000};
    int faults = 0;
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        wg_pool *pool = pool_of(threads[t]);
        for (size_t u = 0; u < sizeof units / sizeof *units; u++)
            for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
                for (int i = 0; i < 20; i++) faults += faults_of_job(pool, units[u], grains[g]);
        wg_pool_free(pool);
    }
    ck_assert_int_eq(faults, 0);
}
END_TEST

START_TEST(as_many_threads_work_as_were_asked_for) {
    for (int threads = 1; threads <= 7; threads += 2) {
        wg_pool *pool = pool_of(threads);
        ck_assert_int_eq(wg_pool_used(pool), 0);
        ck_assert(work_together(pool, threads));
        ck_assert_int_eq(wg_pool_used(pool), threads);
        wg_pool_free(pool);
    }
}
END_TEST

START_TEST(workers_that_sleep_are_woken) {
    wg_pool *pool = pool_of(3);
    for (int i = 0; i < 20; i++) {
        sleep_ms(i % 3 * 10);
        ck_assert(work_together(pool, 3));
    }
    wg_pool_free(pool);
}
END_TEST

/* --- Several callers -------------------------------------------------------------------------------- */

enum { CALLERS = 12 }; /* more than a pool has jobs for */

typedef struct caller {
    wg_pool *pool;
    meeting *all;
    pthread_t thread;
    int faults;
} caller;

static void *call_often(void *argument) {
    caller *c = argument;
    meet(c->all);
    for (int i = 0; i < 300; i++) c->faults += faults_of_job(c->pool, 40 + i % 7, 1 + i % 3);
    return NULL;
}

START_TEST(many_callers_at_once_each_get_their_units_done) {
    meeting all = {.expected = CALLERS};
    caller callers[CALLERS];
    wg_pool *pool = pool_of(3);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){.pool = pool, .all = &all};
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
        ck_assert_int_eq(callers[i].faults, 0);
    }
    ck_assert_int_eq(all.waited_in_vain, 0);
    wg_pool_free(pool);
}
END_TEST

static void *call_once(void *argument) {
    caller *c = argument;
    wg_pool_run(c->pool, meet_in_unit, c->all, 2, 1);
    return NULL;
}

/* Two workers may take both units of one caller, before it takes one; the third, which nobody has woken for the
 * other's, has to come all the same. */
START_TEST(a_free_worker_helps_a_second_caller) {
    wg_pool *pool = pool_of(4);
    bool met = true;
    for (int i = 0; met && i < 200; i++) {
        meeting all = {.expected = 4}; /* one in each unit of both callers */
        caller second = {.pool = pool, .all = &all};
        ck_assert_int_eq(pthread_create(&second.thread, NULL, call_once, &second), 0);
        call_once(&second);
        ck_assert_int_eq(pthread_join(second.thread, NULL), 0);
        met = all.waited_in_vain == 0;
    }
    ck_assert(met);
    wg_pool_free(pool);
}
END_TEST

/* --- At rest ---------------------------------------------------------------------------------------- */

static double processor_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

START_TEST(an_idle_pool_uses_no_processor_time) {
    static const int threads[] = {2, 7};
    for (int i = 0; i < 2; i++) {
        wg_pool *pool = pool_of(threads[i]);
        ck_assert(work_together(pool, threads[i]));
        sleep_ms(200); /* to fall asleep in */
        const double before = processor_seconds();
        sleep_ms(1000);
        ck_assert_double_le(processor_seconds() - before, 0.02);
        wg_pool_free(pool);
    }
}
END_TEST

/* A sanitizer starts a thread of its own with the first one. */
static int tasks_without_a_pool(void) {
    const int before = tasks();
    wg_pool_free(pool_of(2));
    return tasks_after(before);
}

START_TEST(an_engine_s_threads_are_the_only_ones) {
    const int before = tasks_without_a_pool();
    wg_engine *engine = wg_engine_new(NULL, .threads = 3);
    ck_assert_int_eq(wg_engine_count(engine).threads, 3);
    ck_assert_int_eq(train(engine, 3, NULL), WG_OK);
    ck_assert_int_eq(tasks() - before, 3 - 1);
    wg_engine_free(engine);
    ck_assert_int_eq(tasks_after(before), before);
}
END_TEST

START_TEST(no_other_threading_runtime_is_loaded) {
    static const char *const others[] = {"libgomp", "libomp", "libiomp", "libtbb", "libcilk", "libopenblas"};
    char line[4096];
    int lines = 0;
    wg_engine *engine = wg_engine_new(NULL);
    ck_assert_int_eq(train(engine, 1, NULL), WG_OK);
    FILE *maps = fopen("/proc/self/maps", "r");
    ck_assert_ptr_nonnull(maps);
    for (; fgets(line, sizeof line, maps); lines++)
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            if (strstr(line, others[i])) ck_abort_msg("%s", line);
    fclose(maps);
    ck_assert_int_gt(lines, 5);
    wg_engine_free(engine);
}
END_TEST

static atomic_int signals;
static void count_signal(int number) { (void)number, atomic_fetch_add(&signals, 1); }

START_TEST(workers_take_no_signals) {
    sigset_t set;
    wg_pool *pool = pool_of(4);
    signal(SIGUSR1, count_signal);
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    ck_assert_int_eq(kill(getpid(), SIGUSR1), 0);
    ck_assert(work_together(pool, 4));
    ck_assert_int_eq(signals, 0);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    ck_assert_int_eq(signals, 1);
    wg_pool_free(pool);
}
END_TEST

/* --- The number of threads --------------------------------------------------------------------------- */

START_TEST(the_number_of_threads_can_be_changed) {
    static const int numbers[] = {2, 5, 1, 3};
    static float expected[STEP_WEIGHTS], found[STEP_WEIGHTS];
    const int before = tasks_without_a_pool();
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    train_on_one(expected);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ck_assert_int_eq(wg_set_threads(engine, numbers[i], NULL), WG_OK);
        ck_assert_int_eq(wg_engine_count(engine).threads, numbers[i]);
        ck_assert_int_eq(wg_engine_count(engine).threads_used, 0);
        ck_assert_int_eq(tasks_after(before + numbers[i] - 1), before + numbers[i] - 1);
        ck_assert_int_eq(train(engine, 3, found), WG_OK);
        ck_assert_mem_eq(found, expected, sizeof found);
        ck_assert_int_ge(wg_engine_count(engine).threads_used, 1);
        ck_assert(work_together(engine->pool, numbers[i]));
        ck_assert_int_eq(wg_engine_count(engine).threads_used, numbers[i]);
    }
    setenv("WG_THREADS", "4", 1);
    ck_assert_int_eq(wg_set_threads(engine, 0, NULL), WG_OK);
    ck_assert_int_eq(wg_engine_count(engine).threads, 4);
    wg_engine_free(engine);
}
END_TEST

START_TEST(a_wrong_number_of_threads_changes_nothing) {
    wg_error error;
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    ck_assert_int_eq(wg_set_threads(engine, -1, &error), WG_ERROR_ATTRIBUTE);
    ck_assert_message_contains(error.message, "wg_set_threads: threads is -1; expected 1 to 1024");
    ck_assert_int_eq(wg_set_threads(engine, 1025, &error), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_engine_count(engine).threads, 2);
    ck_assert_int_eq(wg_set_threads(NULL, 2, &error), WG_ERROR_ATTRIBUTE);
    wg_engine_free(engine);
}
END_TEST

typedef struct changer {
    wg_engine *engine;
    wg_error error;
    int status;
} changer;

static void change_meanwhile(void *context, int shares, wg_share *share, void *job) {
    changer *c = context;
    c->status = wg_set_threads(c->engine, 3, &c->error);
    for (int i = 0; i < shares; i++) share(job, i);
}

START_TEST(the_number_of_threads_stays_during_an_evaluation) {
    changer c = {0};
    c.engine = wg_engine_new(NULL, .threads = 2, .parallel = change_meanwhile, .parallel_context = &c);
    ck_assert_int_eq(train(c.engine, 1, NULL), WG_OK);
    ck_assert_int_eq(c.status, WG_ERROR_ATTRIBUTE);
    ck_assert_message_contains(c.error.message, "an evaluation of this engine is under way");
    ck_assert_int_eq(wg_engine_count(c.engine).threads, 2);
    ck_assert_int_eq(wg_set_threads(c.engine, 3, NULL), WG_OK);
    ck_assert_int_eq(wg_engine_count(c.engine).threads, 3);
    wg_engine_free(c.engine);
}
END_TEST

/* --- Threads of the program's ------------------------------------------------------------------------- */

typedef struct program {
    atomic_int calls, most_shares, mode_lost;
    bool backwards, idle; /* which calls are made */
    bool upward;          /* the threads' own floating-point mode is another one */
} program;

typedef struct task {
    program *program;
    wg_share *share;
    void *job;
    int index;
    pthread_t thread;
} task;

static void *do_task(void *argument) {
    const task *t = argument;
    if (t->program->upward) fesetround(FE_UPWARD);
    t->share(t->job, t->index);
    if (t->program->upward && fegetround() != FE_UPWARD) atomic_fetch_add(&t->program->mode_lost, 1);
    return NULL;
}

static void note_call(program *p, int shares) {
    atomic_fetch_add(&p->calls, 1);
    if (shares > atomic_load(&p->most_shares)) atomic_store(&p->most_shares, shares);
}

static void on_new_threads(void *context, int shares, wg_share *share, void *job) {
    task tasks_of_job[16];
    note_call(context, shares);
    for (int i = 0; i < shares; i++) {
        tasks_of_job[i] = (task){.program = context, .share = share, .job = job, .index = i};
        if (pthread_create(&tasks_of_job[i].thread, NULL, do_task, &tasks_of_job[i])) abort();
    }
    for (int i = 0; i < shares; i++) pthread_join(tasks_of_job[i].thread, NULL);
}

static void one_after_the_other(void *context, int shares, wg_share *share, void *job) {
    const program *p = context;
    note_call(context, shares);
    if (p->idle) return;
    for (int i = 0; i < shares; i++) share(job, p->backwards ? shares - 1 - i : i);
}

/* The program's threads give the weights that one thread gives, and the engine has none. */
static void gives_the_weights_of_one_thread(wg_parallel *parallel, program *p) {
    static float expected[STEP_WEIGHTS], found[STEP_WEIGHTS];
    train_on_one(expected);
    const int before = tasks_without_a_pool();
    wg_engine *engine = wg_engine_new(NULL, .threads = 3, .parallel = parallel, .parallel_context = p);
    ck_assert_ptr_nonnull(engine);
    ck_assert_int_eq(tasks(), before);
    ck_assert_int_eq(wg_engine_count(engine).threads, 3);
    ck_assert_int_eq(train(engine, 3, found), WG_OK);
    ck_assert_mem_eq(found, expected, sizeof found);
    ck_assert_int_gt(p->calls, 3);
    ck_assert_int_eq(p->most_shares, 3);
    wg_engine_free(engine);
}

START_TEST(a_program_s_own_threads_may_do_the_work) {
    program p = {0};
    gives_the_weights_of_one_thread(on_new_threads, &p);
    wg_engine *engine = wg_engine_new(NULL, .threads = 3, .parallel = on_new_threads, .parallel_context = &p);
    ck_assert(work_together(engine->pool, 3));
    ck_assert_int_eq(wg_engine_count(engine).threads_used, 3);
    wg_engine_free(engine);
}
END_TEST

START_TEST(a_program_s_threads_keep_their_floating_point_mode) {
    program p = {.upward = true};
    gives_the_weights_of_one_thread(on_new_threads, &p);
    ck_assert_int_eq(p.mode_lost, 0);
}
END_TEST

START_TEST(a_program_may_call_in_any_order_on_one_thread) {
    program forwards = {0}, backwards = {.backwards = true};
    gives_the_weights_of_one_thread(one_after_the_other, &forwards);
    gives_the_weights_of_one_thread(one_after_the_other, &backwards);
}
END_TEST

START_TEST(a_program_that_makes_no_call_loses_only_time) {
    program p = {.idle = true};
    gives_the_weights_of_one_thread(one_after_the_other, &p);
}
END_TEST

/* --- Processors --------------------------------------------------------------------------------------- */

/* The processors that this thread may use, in order; how many. */
static int allowed(int at[CPU_SETSIZE]) {
    cpu_set_t set;
    int count = 0;
    ck_assert_int_eq(sched_getaffinity(0, sizeof set, &set), 0);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set)) at[count++] = i;
    return count;
}

typedef struct pinned {
    meeting all;
    cpu_set_t of[3]; /* by worker */
} pinned;

static void note_processors(void *context, int worker, int64_t begin, int64_t end) {
    pinned *p = context;
    (void)begin, (void)end;
    sched_getaffinity(0, sizeof p->of[worker], &p->of[worker]);
    meet(&p->all);
}

START_TEST(workers_are_pinned_to_processors_in_turn) {
    char list[64];
    int may[CPU_SETSIZE];
    const int count = allowed(may), first = may[0], second = may[count > 1];
    pinned p = {.all.expected = 3};
    snprintf(list, sizeof list, "%d,%d", first, second);
    wg_error error = {0};
    wg_engine *engine = wg_engine_new(&error, .threads = 3, .cpus = list);
    ck_assert_msg(engine != NULL, "%s", error.message);
    wg_pool_run(engine->pool, note_processors, &p, 3, 1);
    ck_assert_int_eq(p.all.waited_in_vain, 0);
    ck_assert_int_eq(CPU_COUNT(&p.of[0]), count); /* the caller is left where it is */
    ck_assert(CPU_COUNT(&p.of[1]) == 1 && CPU_ISSET(second, &p.of[1]));
    ck_assert(CPU_COUNT(&p.of[2]) == 1 && CPU_ISSET(first, &p.of[2]));
    wg_engine_free(engine);
}
END_TEST

START_TEST(there_is_a_thread_for_each_processor_of_the_list) {
    char list[64];
    int may[CPU_SETSIZE];
    allowed(may);
    snprintf(list, sizeof list, "%d,%d,%d", may[0], may[0], may[0]);
    wg_engine *engine = wg_engine_new(NULL, .cpus = list);
    ck_assert_int_eq(wg_engine_count(engine).threads, 3);
    wg_engine_free(engine);
}
END_TEST

START_TEST(processors_that_there_are_not_are_an_error) {
    wg_error error;
    ck_assert_ptr_null(wg_engine_new(&error, .cpus = "1023"));
    ck_assert_int_eq(error.status, WG_ERROR_UNSUPPORTED);
    ck_assert_message_contains(error.message, "there is no processor 1023 that this process may use");
    ck_assert_ptr_null(wg_engine_new(&error, .threads = 1, .cpus = "0-1023"));
    ck_assert_int_eq(error.status, WG_ERROR_UNSUPPORTED);
    ck_assert_ptr_null(wg_engine_new(&error, .cpus = "first"));
    ck_assert_int_eq(error.status, WG_ERROR_ATTRIBUTE);
    ck_assert_message_contains(error.message, "cpus is \"first\"; expected numbers of processors");
    ck_assert_ptr_null(wg_engine_new(&error, .cpus = "0", .parallel = on_new_threads));
    ck_assert_int_eq(error.status, WG_ERROR_ATTRIBUTE);
    ck_assert_message_contains(error.message, "expected one of the two");
}
END_TEST

WG_SUITE("run/pool", each_unit_is_done_once, as_many_threads_work_as_were_asked_for,
         workers_that_sleep_are_woken, many_callers_at_once_each_get_their_units_done,
         a_free_worker_helps_a_second_caller, an_idle_pool_uses_no_processor_time,
         an_engine_s_threads_are_the_only_ones, no_other_threading_runtime_is_loaded, workers_take_no_signals,
         the_number_of_threads_can_be_changed, a_wrong_number_of_threads_changes_nothing,
         the_number_of_threads_stays_during_an_evaluation, a_program_s_own_threads_may_do_the_work,
         a_program_s_threads_keep_their_floating_point_mode, a_program_may_call_in_any_order_on_one_thread,
         a_program_that_makes_no_call_loses_only_time, workers_are_pinned_to_processors_in_turn,
         there_is_a_thread_for_each_processor_of_the_list, processors_that_there_are_not_are_an_error)
