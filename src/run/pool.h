/* pool — the worker threads of an engine: fork and join by spinning, asleep when idle. */
#ifndef WG_RUN_POOL_H
#define WG_RUN_POOL_H

#include "run/processors.h"

typedef struct wg_pool wg_pool;

/* What a worker does with some units; `worker` numbers the threads, the caller is 0. */
typedef void wg_work(void *context, int worker, int64_t begin, int64_t end);

/* A pool of `threads`, the calling one included. Threads that the system refuses are done without. NULL: no
 * memory. */
wg_pool *wg_pool_new(int threads);
void wg_pool_free(wg_pool *pool);
int wg_pool_threads(const wg_pool *pool); /* the most that a job may see as worker + 1 */

/* Does units 0 … units-1, `grain` at a time, on all threads; returns when all are done. A pool that is
 * busy with another tape's job leaves this one to the calling thread alone, as worker 0. */
void wg_pool_run(wg_pool *pool, wg_work *work, void *context, int64_t units, int64_t grain);

#endif
