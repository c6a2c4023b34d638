/* engine — inside view: what the tapes of an engine share, locked inside. */
#ifndef WG_RUN_ENGINE_H
#define WG_RUN_ENGINE_H

#include "plan/plan.h"
#include "run/pool.h"
#include <pthread.h>

/* Memory for the buffers of one run; runs that do not overlap in time use the same one. */
typedef struct wg_arena {
    void *memory;
    size_t bytes;
} wg_arena;

struct wg_engine {
    wg_isa isa;
    wg_executor executor;
    uint32_t disabled; /* passes, by bit */
    bool poison;
    wg_pool_setup setup;
    wg_pool *pool;             /* another one only while nothing runs */
    wg_engine *before, *after; /* in the list of engines: see fork.c */
    pthread_mutex_t lock;      /* of all below */
    int running;               /* evaluations under way */
    wg_cache cache;
    uint64_t planning_ns, verifying_ns;
    WG_ARRAY(wg_arena) arenas; /* not in use */
};

/* A run begins, and ends: in between the pool and its number of threads stay. */
void wg_run_begin(wg_engine *engine);
void wg_run_end(wg_engine *engine);

/* An arena of at least `bytes`; false: no memory. */
bool wg_arena_take(wg_engine *engine, size_t bytes, wg_arena *arena);
void wg_arena_return(wg_engine *engine, wg_arena *arena);

/* --- fork.c --- */

/* Held while the process's default engine is made. */
extern pthread_mutex_t wg_default_lock;

/* From here on a fork finds the engine, until it is to be forgotten. False: no memory. */
bool wg_fork_watch(wg_engine *engine);
void wg_fork_forget(wg_engine *engine);

#endif
