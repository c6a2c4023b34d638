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
    wg_pool *pool;
    pthread_mutex_t lock; /* of all below */
    wg_cache cache;
    uint64_t planning_ns;
    WG_ARRAY(wg_arena) arenas; /* not in use */
};

/* An arena of at least `bytes`; false: no memory. */
bool wg_arena_take(wg_engine *engine, size_t bytes, wg_arena *arena);
void wg_arena_return(wg_engine *engine, wg_arena *arena);

#endif
