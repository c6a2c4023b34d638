/* pool — the worker threads of an engine: fork and join by spinning, asleep when idle. */
#ifndef WG_RUN_POOL_H
#define WG_RUN_POOL_H

#include "run/processors.h"

typedef struct wg_pool wg_pool;

/* What a worker does with some units; `worker` numbers the threads, the caller is 0. */
typedef void wg_work(void *context, int worker, int64_t begin, int64_t end);

/* What a pool is made of. */
typedef struct wg_pool_setup {
    int threads;           /* the calling one included; 1 … WG_MOST_THREADS */
    wg_processor_set cpus; /* where the workers are pinned, one after the other; empty: nowhere */
    wg_parallel *parallel; /* the program's own threads in place of workers; NULL: none */
    void *parallel_context;
} wg_pool_setup;

enum { WG_MOST_THREADS = 1024 };

/* Threads that the system refuses are done without. NULL: no memory. */
wg_pool *wg_pool_new(const wg_pool_setup *setup);
void wg_pool_free(wg_pool *pool);
int wg_pool_threads(const wg_pool *pool); /* the most that a job may see as worker + 1 */
int wg_pool_used(const wg_pool *pool);    /* those of them that have done a unit */

/* Does units 0 … units-1, `grain` at a time, on all threads; returns when all are done. Several threads may
 * call at once: each works on its own job, and free workers help with any. */
void wg_pool_run(wg_pool *pool, wg_work *work, void *context, int64_t units, int64_t grain);

/* To be called in a child after fork: its workers did not come along, and are started by the next job that
 * wants them. */
void wg_pool_forked(wg_pool *pool);

#endif
