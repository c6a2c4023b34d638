/* engine — made from options and environment, and the one default engine of the process. */
#include "run/engine.h"
#include "base/options.h"
#include "kernels/cpu/product.h"
#include <stdlib.h>

enum { CACHED_PLANS = 256, MOST_THREADS = 1024 };

/* Of the options, else of the environment, else one for each processor. A wg_status. */
static int count_threads(const wg_engine_options *options, int *threads, wg_error *error) {
    const char *text = getenv("WG_THREADS");
    *threads = options->threads;
    if (*threads < 0 || *threads > MOST_THREADS)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                            "wg_engine_new: threads is %d; expected 1 to %d, or 0: one for each processor",
                            *threads, MOST_THREADS);
    if (*threads == 0 && text && *text) {
        char *end;
        const long wanted = strtol(text, &end, 10);
        if (*end || wanted < 1 || wanted > MOST_THREADS)
            return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                                "WG_THREADS is \"%.40s\"; expected a number of threads, 1 to %d", text,
                                MOST_THREADS);
        *threads = (int)wanted;
    }
    if (*threads == 0) *threads = wg_processors();
    return WG_OK;
}

static int choose_passes(const wg_engine_options *options, uint32_t *disabled, wg_error *error) {
    const bool given = options->disable;
    return wg_passes_parse(given ? options->disable : getenv("WG_DISABLE"),
                           given ? "wg_engine_new: disable" : "WG_DISABLE", disabled, error);
}

wg_engine *(wg_engine_new)(wg_error *error, const wg_engine_options *given) {
    WG_OPTIONS_READ(wg_engine_options, options, given);
    wg_isa isa;
    int threads;
    uint32_t disabled;
    if (wg_isa_choose(options.isa, &isa, error) || count_threads(&options, &threads, error) ||
        choose_passes(&options, &disabled, error))
        return NULL;
    wg_blis_micro_kernel(isa,
                         WG_F32); /* BLIS is set up here, not while a plan runs: it aborts without memory */
    wg_engine *engine = calloc(1, sizeof *engine);
    if (engine) engine->pool = wg_pool_new(threads);
    if (!engine || !engine->pool) {
        free(engine);
        wg_error_set(error, WG_ERROR_MEMORY, "wg_engine_new: out of memory");
        return NULL;
    }
    pthread_mutex_init(&engine->lock, NULL);
    engine->isa = isa;
    engine->executor = options.executor;
    /* node by node means: as lowered */
    engine->disabled = options.executor == WG_NODE_BY_NODE ? disabled | wg_planning_passes() : disabled;
    engine->poison = options.poison;
    engine->cache.bound = options.cached_plans > 0 ? (size_t)options.cached_plans : CACHED_PLANS;
    return engine;
}

void wg_engine_free(wg_engine *engine) {
    if (!engine) return;
    wg_pool_free(engine->pool);
    wg_cache_free(&engine->cache);
    for (size_t i = 0; i < engine->arenas.count; i++) free(engine->arenas.at[i].memory);
    free(engine->arenas.at);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

wg_engine *wg_engine_default(wg_error *error) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static wg_engine *engine; /* lives as long as the process */
    pthread_mutex_lock(&lock);
    if (!engine) engine = (wg_engine_new)(error, NULL);
    wg_engine *made = engine;
    pthread_mutex_unlock(&lock);
    return made;
}

wg_engine_counters wg_engine_count(wg_engine *engine) {
    if (!engine) return (wg_engine_counters){.isa = "none"};
    pthread_mutex_lock(&engine->lock);
    const wg_engine_counters counters = {.plans_made = engine->cache.made,
                                         .plans_found = engine->cache.found,
                                         .plans_dropped = engine->cache.dropped,
                                         .plans_held = engine->cache.plans.count,
                                         .planning_ns = engine->planning_ns,
                                         .threads = wg_pool_threads(engine->pool),
                                         .isa = wg_isa_name(engine->isa)};
    pthread_mutex_unlock(&engine->lock);
    return counters;
}

/* --- Arenas ----------------------------------------------------------------------------------- */

bool wg_arena_take(wg_engine *engine, size_t bytes, wg_arena *arena) {
    *arena = (wg_arena){0};
    pthread_mutex_lock(&engine->lock);
    if (engine->arenas.count) *arena = engine->arenas.at[--engine->arenas.count];
    pthread_mutex_unlock(&engine->lock);
    if (arena->memory && arena->bytes >= bytes) return true;
    free(arena->memory);
    *arena = (wg_arena){0};
    bytes = wg_round_up(bytes ? bytes : 1, 4096);
    if (posix_memalign(&arena->memory, 4096, bytes)) return false;
    arena->bytes = bytes;
    return true;
}

void wg_arena_return(wg_engine *engine, wg_arena *arena) {
    if (!arena->memory) return;
    pthread_mutex_lock(&engine->lock);
    const bool kept = WG_RESERVE(&engine->arenas.at, &engine->arenas.capacity, engine->arenas.count + 1);
    if (kept) engine->arenas.at[engine->arenas.count++] = *arena;
    pthread_mutex_unlock(&engine->lock);
    if (!kept) free(arena->memory);
}
