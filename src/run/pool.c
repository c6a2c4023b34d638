/* pool — see pool.h.
 *
 * A job is opened, its units are handed out by an atomic counter, and it is closed when the caller finds
 * none left; workers that came in by then are waited for, others never see it. So a worker that the
 * system has put aside holds nobody up, and seven threads on two processors are no disaster. */
#include "run/pool.h"
#include "run/float_mode.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SPINS = 4000 }; /* about 50 µs of looking for work before a worker goes to sleep */

struct wg_pool {
    pthread_mutex_t caller; /* held by the tape whose job it is */
    wg_work *work;
    void *context;
    int64_t units, grain;
    _Alignas(64) _Atomic int64_t next; /* unit to be handed out */
    _Alignas(64) atomic_int active;    /* workers inside the job */
    _Alignas(64) atomic_uint open;     /* number of the open job; 0: none */
    atomic_int sleeping;
    pthread_mutex_t sleep;
    pthread_cond_t wake;
    unsigned jobs;
    atomic_bool stop;
    pid_t process; /* threads do not come along into a forked child */
    int threads;   /* the caller included */
    atomic_int next_number;
    pthread_t *workers;
};

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_units(wg_pool *pool, int worker) {
    for (;;) {
        const int64_t begin = atomic_fetch_add_explicit(&pool->next, pool->grain, memory_order_relaxed);
        if (begin >= pool->units) return;
        pool->work(pool->context, worker, begin, wg_min(begin + pool->grain, pool->units));
    }
}

/* Waits for a job other than `seen`; 0: the pool is being freed. */
static unsigned wait_for_job(wg_pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS; i++) {
        const unsigned open = atomic_load(&pool->open);
        if (open && open != seen) return open;
        if (atomic_load_explicit(&pool->stop, memory_order_relaxed)) return 0;
        pause_briefly();
    }
    unsigned open;
    pthread_mutex_lock(&pool->sleep);
    atomic_fetch_add(&pool->sleeping, 1);
    while (((open = atomic_load(&pool->open)) == 0 || open == seen) && !atomic_load(&pool->stop))
        pthread_cond_wait(&pool->wake, &pool->sleep);
    atomic_fetch_sub(&pool->sleeping, 1);
    pthread_mutex_unlock(&pool->sleep);
    return atomic_load(&pool->stop) ? 0 : open;
}

static void *worker_main(void *argument) {
    wg_pool *pool = argument;
    const int number = atomic_fetch_add(&pool->next_number, 1);
    wg_float_mode_set(WG_FLOAT_MODE_DEFAULT);
    for (unsigned seen = 0; (seen = wait_for_job(pool, seen)) != 0;) {
        atomic_fetch_add(&pool->active, 1); /* first come in, then look whether the job is still open */
        const unsigned open = atomic_load(&pool->open);
        if (open) {
            seen = open;
            take_units(pool, number);
        }
        atomic_fetch_sub_explicit(&pool->active, 1, memory_order_release);
    }
    return NULL;
}

static void initialise(wg_pool *pool) {
    pthread_mutex_init(&pool->caller, NULL);
    pthread_mutex_init(&pool->sleep, NULL);
    pthread_cond_init(&pool->wake, NULL);
    atomic_store(&pool->active, 0);
    atomic_store(&pool->open, 0);
    atomic_store(&pool->sleeping, 0);
    atomic_store(&pool->next_number, 1);
    pool->process = getpid();
}

wg_pool *wg_pool_new(int threads) {
    void *block;
    if (posix_memalign(&block, 64, sizeof(wg_pool))) return NULL;
    wg_pool *pool = memset(block, 0, sizeof *pool);
    pool->workers = calloc((size_t)(threads > 1 ? threads : 1), sizeof *pool->workers);
    if (!pool->workers) {
        free(pool);
        return NULL;
    }
    initialise(pool);
    pool->threads = 1;
    while (pool->threads < threads &&
           pthread_create(&pool->workers[pool->threads - 1], NULL, worker_main, pool) == 0)
        pool->threads++;
    return pool;
}

void wg_pool_free(wg_pool *pool) {
    if (!pool) return;
    if (pool->process == getpid()) {
        pthread_mutex_lock(&pool->sleep);
        atomic_store(&pool->stop, true);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->sleep);
        for (int i = 0; i + 1 < pool->threads; i++) pthread_join(pool->workers[i], NULL);
        pthread_mutex_destroy(&pool->caller);
        pthread_mutex_destroy(&pool->sleep);
        pthread_cond_destroy(&pool->wake);
    }
    free(pool->workers);
    free(pool);
}

int wg_pool_threads(const wg_pool *pool) { return pool->threads; }

void wg_pool_run(wg_pool *pool, wg_work *work, void *context, int64_t units, int64_t grain) {
    if (units <= 0) return;
    if (units <= grain || pool->threads == 1 || pool->process != getpid() ||
        pthread_mutex_trylock(&pool->caller) != 0) {
        work(context, 0, 0, units);
        return;
    }
    pool->work = work;
    pool->context = context;
    pool->units = units;
    pool->grain = grain;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    if (++pool->jobs == 0) pool->jobs = 1;
    atomic_store(&pool->open, pool->jobs);
    if (atomic_load(&pool->sleeping) > 0) {
        pthread_mutex_lock(&pool->sleep);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->sleep);
    }
    take_units(pool, 0);
    atomic_store(&pool->open, 0);
    while (atomic_load(&pool->active) > 0) pause_briefly(); /* in one order with `open`: see worker_main */
    pthread_mutex_unlock(&pool->caller);
}
