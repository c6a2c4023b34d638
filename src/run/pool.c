/* pool — see pool.h.
 *
 * A caller opens a job; its units are handed out by an atomic counter, to the caller and to every worker that
 * comes in; the caller closes the job when it finds none left, and waits for those workers that are inside.
 * Others never see the job. So a worker that the system has put aside holds nobody up, and seven threads on
 * two processors are no disaster.
 *
 * Each caller has a job of its own, out of a fixed number; which of them are open is a mask beside the first
 * job, on the same cache line: with one caller, all that threads tell each other goes through that line. */
#include "run/pool.h"
#include "run/float_mode.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    JOBS = 8,     /* open at a time; further callers work alone */
    SPINS = 2000, /* about 100 µs of looking for work before a worker goes to sleep, */
    CROWDED_SPINS =
        8, /* and where there are fewer processors than threads, each time after letting others go */
    PATIENCE = 1000, /* looks of a caller at whether the others are ready, before it lets others go */
};
enum { NO_JOB = -1, STOPPED = -2 };
#define STOP (1u << JOBS) /* in wg_pool.open: workers are to end */

typedef struct job {
    _Alignas(64) wg_work *work;
    void *context;
    int64_t units, grain;
    _Atomic int64_t left; /* units not handed out yet; below 0 when it has been asked for more */
    atomic_int inside;    /* workers */
    atomic_uint open;     /* of the first job only: a bit for each open job, and STOP */
} job;
_Static_assert(sizeof(job) == 64, "a job is a cache line");

typedef struct worker {
    wg_pool *pool;
    int number;
    pthread_t thread;
} worker;

struct wg_pool {
    job jobs[JOBS];
    _Alignas(64) atomic_uint claimed; /* a bit for each job that belongs to a caller */
    _Alignas(64) atomic_int sleepers; /* workers asleep, or about to be, that nobody has woken yet */
    atomic_bool forked;               /* the workers are in another process */
    bool crowded;                     /* more threads than processors */
    int threads;                      /* the caller included */
    worker *workers;                  /* worker 1 first */
    int started;
    sem_t wake;
    pthread_mutex_t starting;
    wg_pool_setup setup;
    _Atomic uint64_t used[WG_MOST_THREADS / 64]; /* a bit for each worker that has done a unit */
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* --- Units ------------------------------------------------------------------------------------ */

static void note_use(wg_pool *pool, int number) {
    _Atomic uint64_t *word = &pool->used[number / 64];
    const uint64_t bit = (uint64_t)1 << number % 64;
    if (!(atomic_load_explicit(word, memory_order_relaxed) & bit))
        atomic_fetch_or_explicit(word, bit, memory_order_relaxed);
}

static void take_units(wg_pool *pool, job *of, int number) {
    const int64_t units = of->units, grain = of->grain;
    wg_work *const work = of->work;
    void *const context = of->context;
    bool any = false;
    for (;;) {
        const int64_t left = atomic_fetch_sub_explicit(&of->left, grain, memory_order_relaxed);
        if (left <= 0) break;
        work(context, number, units - left, wg_smaller(units - left + grain, units));
        any = true;
    }
    if (any) note_use(pool, number);
}

/* --- Workers ---------------------------------------------------------------------------------- */

/* An open job with units left, the one after `last` if there are several; or NO_JOB or STOPPED. */
static int find_job(wg_pool *pool, int last) {
    const unsigned open = atomic_load(&pool->jobs[0].open);
    if (open == 0) return NO_JOB;
    if (open & STOP) return STOPPED;
    for (int i = 1; i <= JOBS; i++) {
        const int at = (last + i) % JOBS;
        if (open >> at & 1 && atomic_load_explicit(&pool->jobs[at].left, memory_order_relaxed) > 0) return at;
    }
    return NO_JOB;
}

/* Takes up to `most` away from the sleepers; how many. */
static int take_sleepers(wg_pool *pool, int most) {
    int sleepers = atomic_load(&pool->sleepers), taken;
    do {
        taken = (int)wg_smaller(sleepers, most);
        if (taken == 0) return 0;
    } while (!atomic_compare_exchange_weak(&pool->sleepers, &sleepers, sleepers - taken));
    return taken;
}

static void wake(wg_pool *pool, int most) {
    for (int taken = take_sleepers(pool, most); taken > 0; taken--) sem_post(&pool->wake);
}

/* Whoever takes a sleeper away owes it a post. A worker first says that it sleeps and then looks once more, a
 * caller first opens its job and then looks for sleepers, so one of the two sees the other. */
static void fall_asleep(wg_pool *pool, int last) {
    atomic_fetch_add(&pool->sleepers, 1);
    if (find_job(pool, last) != NO_JOB && take_sleepers(pool, 1)) return;
    while (sem_wait(&pool->wake)) {
    }
}

/* A caller wakes as many as its own job can use. They may find another's first, and nobody would come for its
 * own: so a worker that goes into one of several jobs wakes one more for what another has left. */
static void wake_for_others(wg_pool *pool, int at) {
    const int other = find_job(pool, at);
    if (other >= 0 && other != at) wake(pool, 1);
}

static int wait_for_job(wg_pool *pool, int last) {
    for (;;) {
        const int spins = pool->crowded ? CROWDED_SPINS : SPINS;
        for (int i = 0; i < spins; i++) {
            const int found = find_job(pool, last);
            if (found != NO_JOB) return found;
            if (pool->crowded)
                sched_yield();
            else
                pause_briefly();
        }
        fall_asleep(pool, last);
    }
}

static void *worker_main(void *argument) {
    const worker *self = argument;
    wg_pool *pool = self->pool;
    wg_float_mode_set(WG_FLOAT_MODE_DEFAULT);
    for (int at = 0; (at = wait_for_job(pool, at)) != STOPPED;) {
        job *of = &pool->jobs[at];
        atomic_fetch_add(&of->inside, 1); /* first come in, then look whether the job is still open */
        const unsigned open = atomic_load(&pool->jobs[0].open);
        if (open >> at & 1) {
            if (open & (open - 1)) wake_for_others(pool, at);
            take_units(pool, of, self->number);
        }
        atomic_fetch_sub_explicit(&of->inside, 1, memory_order_release);
    }
    return NULL;
}

static int start_worker(worker *self) {
    const wg_processor_set *cpus = &self->pool->setup.cpus;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes)) return -1;
#ifdef __linux__
    if (cpus->count) { /* the list's first is for the caller */
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpus->at[self->number % cpus->count], &one);
        pthread_attr_setaffinity_np(&attributes, sizeof one, &one);
    }
#endif
    const int status = pthread_create(&self->thread, &attributes, worker_main, self);
    pthread_attr_destroy(&attributes);
    return status;
}

/* Signals are for the program's own threads. */
static void start_workers(wg_pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->started + 1 < pool->threads) {
        worker *next = &pool->workers[pool->started];
        *next = (worker){.pool = pool, .number = pool->started + 1};
        if (start_worker(next)) break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* --- The pool --------------------------------------------------------------------------------- */

wg_pool *wg_pool_new(const wg_pool_setup *setup) {
    void *block;
    if (posix_memalign(&block, 64, sizeof(wg_pool))) return NULL;
    wg_pool *pool = memset(block, 0, sizeof *pool);
    pool->workers = calloc((size_t)setup->threads, sizeof *pool->workers);
    if (!pool->workers) {
        free(pool);
        return NULL;
    }
    pool->setup = *setup;
    pool->threads = setup->threads;
    pool->crowded = pool->threads > (setup->cpus.count ? setup->cpus.count : wg_processors());
    pthread_mutex_init(&pool->starting, NULL);
    sem_init(&pool->wake, 0, 0);
    if (!setup->parallel) {
        start_workers(pool);
        pool->threads = pool->started + 1;
    }
    return pool;
}

void wg_pool_free(wg_pool *pool) {
    if (!pool) return;
    atomic_fetch_or(&pool->jobs[0].open, STOP);
    wake(pool, WG_MOST_THREADS);
    for (int i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    sem_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->starting);
    free(pool->workers);
    free(pool);
}

int wg_pool_threads(const wg_pool *pool) { return pool->threads; }

int wg_pool_used(const wg_pool *pool) {
    int count = 0;
    for (int i = 0; i < WG_MOST_THREADS / 64; i++)
        count += __builtin_popcountll(atomic_load_explicit(&pool->used[i], memory_order_relaxed));
    return count;
}

void wg_pool_forked(wg_pool *pool) {
    for (int i = 0; i < JOBS; i++) atomic_store(&pool->jobs[i].inside, 0);
    atomic_store(&pool->jobs[0].open, 0);
    atomic_store(&pool->claimed, 0);
    atomic_store(&pool->sleepers, 0);
    sem_init(&pool->wake, 0, 0);
    pthread_mutex_init(&pool->starting, NULL);
    pool->started = 0;
    atomic_store(&pool->forked, !pool->setup.parallel && pool->threads > 1);
}

static void start_again(wg_pool *pool) {
    pthread_mutex_lock(&pool->starting);
    if (atomic_load(&pool->forked)) start_workers(pool);
    atomic_store(&pool->forked, false);
    pthread_mutex_unlock(&pool->starting);
}

/* --- Jobs ------------------------------------------------------------------------------------- */

static int claim_job(wg_pool *pool) {
    unsigned claimed = atomic_load_explicit(&pool->claimed, memory_order_relaxed);
    for (;;) {
        const int at = __builtin_ctz(~claimed);
        if (at >= JOBS) return NO_JOB;
        if (atomic_compare_exchange_weak(&pool->claimed, &claimed, claimed | 1u << at)) return at;
    }
}

static void run_with_workers(wg_pool *pool, int at) {
    job *of = &pool->jobs[at];
    atomic_fetch_or(&pool->jobs[0].open, 1u << at);
    if (atomic_load(&pool->sleepers))
        wake(pool, (int)wg_smaller((of->units - 1) / of->grain, WG_MOST_THREADS));
    take_units(pool, of, 0);
    atomic_fetch_and(&pool->jobs[0].open, ~(1u << at));
    for (int i = pool->crowded ? PATIENCE : 0; atomic_load(&of->inside) > 0; i++) {
        if (i < PATIENCE)
            pause_briefly();
        else
            sched_yield();
    }
    atomic_fetch_and(&pool->claimed, ~(1u << at));
}

typedef struct program_job {
    wg_pool *pool;
    int shares;
    job job;
} program_job;

/* On a thread of the program's. */
static void do_share(void *context, int index) {
    program_job *of = context;
    if (index < 0 || index >= of->shares) return;
    const uint64_t mode = wg_float_mode_get();
    wg_float_mode_set(WG_FLOAT_MODE_DEFAULT);
    take_units(of->pool, &of->job, index);
    wg_float_mode_set(mode);
}

static void run_with_the_program(wg_pool *pool, wg_work *work, void *context, int64_t units, int64_t grain) {
    program_job of = {
        .pool = pool,
        .shares = (int)wg_smaller((units - 1) / grain + 1, pool->threads),
        .job = {.work = work, .context = context, .units = units, .grain = grain, .left = units}};
    pool->setup.parallel(pool->setup.parallel_context, of.shares, do_share, &of);
    take_units(pool, &of.job, 0); /* all of it, had the program made no call */
}

void wg_pool_run(wg_pool *pool, wg_work *work, void *context, int64_t units, int64_t grain) {
    if (units <= 0) return;
    const bool alone = units <= grain || pool->threads == 1;
    if (!alone && pool->setup.parallel) {
        run_with_the_program(pool, work, context, units, grain);
        return;
    }
    const int at = alone ? NO_JOB : claim_job(pool);
    if (at == NO_JOB) {
        work(context, 0, 0, units);
        note_use(pool, 0);
        return;
    }
    if (atomic_load_explicit(&pool->forked, memory_order_relaxed)) start_again(pool);
    job *of = &pool->jobs[at];
    of->work = work;
    of->context = context;
    of->units = units;
    of->grain = grain;
    atomic_store_explicit(&of->left, units, memory_order_relaxed);
    run_with_workers(pool, at);
}
