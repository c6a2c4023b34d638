/* engine — made from options and environment, and the one default engine of the process. */
#include "run/engine.h"
#include "base/options.h"
#include "kernels/cpu/product.h"
#include <stdlib.h>

enum { CACHED_PLANS = 256 };

/* What is asked for, else what the environment says, else one thread for each processor. A wg_status. */
static int count_threads(const char *who, int asked, wg_pool_setup *setup, wg_error *error) {
    const char *text = getenv("WG_THREADS");
    setup->threads = asked;
    if (asked < 0 || asked > WG_MOST_THREADS)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                            "%s: threads is %d; expected 1 to %d, or 0: one for each processor", who, asked,
                            WG_MOST_THREADS);
    if (asked == 0 && text && *text) {
        char *end;
        const long wanted = strtol(text, &end, 10);
        if (*end || wanted < 1 || wanted > WG_MOST_THREADS)
            return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                                "WG_THREADS is \"%.40s\"; expected a number of threads, 1 to %d", text,
                                WG_MOST_THREADS);
        setup->threads = (int)wanted;
    }
    if (setup->threads == 0) setup->threads = setup->cpus.count ? setup->cpus.count : wg_processors();
    return WG_OK;
}

static int choose_passes(const wg_engine_options *options, uint32_t *disabled, wg_error *error) {
    const bool given = options->disable;
    return wg_passes_parse(given ? options->disable : getenv("WG_DISABLE"),
                           given ? "wg_engine_new: disable" : "WG_DISABLE", disabled, error);
}

/* Whose threads they are, how many and where. A wg_status. */
static int set_up(const wg_engine_options *options, wg_pool_setup *setup, wg_error *error) {
    if (options->cpus && options->parallel)
        return wg_error_set(
            error, WG_ERROR_ATTRIBUTE,
            "wg_engine_new: cpus pins the engine's own threads, and with parallel it has none; "
            "expected one of the two");
    setup->parallel = options->parallel;
    setup->parallel_context = options->parallel_context;
    if (options->cpus) {
        const int status = wg_processor_list(options->cpus, &setup->cpus, error);
        if (status) return status;
    }
    const int status = count_threads("wg_engine_new", options->threads, setup, error);
    return status || !options->cpus ? status : wg_processors_try(&setup->cpus, error);
}

wg_engine *(wg_engine_new)(wg_error *error, const wg_engine_options *given) {
    WG_OPTIONS_READ(wg_engine_options, options, given);
    wg_isa isa;
    uint32_t disabled;
    wg_pool_setup setup = {0};
    if (wg_isa_choose(options.isa, &isa, error) || choose_passes(&options, &disabled, error) ||
        set_up(&options, &setup, error))
        return NULL;
    /* BLIS is set up here, not while a plan runs: it aborts without memory. */
    wg_blis_micro_kernel(isa, WG_F32);
    wg_engine *engine = calloc(1, sizeof *engine);
    if (engine) engine->pool = wg_pool_new(&setup);
    if (engine && engine->pool) {
        pthread_mutex_init(&engine->lock, NULL);
        engine->setup = setup;
        engine->isa = isa;
        engine->executor = options.executor;
        /* node by node means: as lowered */
        engine->disabled = options.executor == WG_NODE_BY_NODE ? disabled | wg_planning_passes() : disabled;
        engine->poison = options.poison;
        engine->cache.bound = options.cached_plans > 0 ? (size_t)options.cached_plans : CACHED_PLANS;
        if (wg_fork_watch(engine)) return engine;
        pthread_mutex_destroy(&engine->lock);
    }
    if (engine) wg_pool_free(engine->pool);
    free(engine);
    wg_error_set(error, WG_ERROR_MEMORY, "wg_engine_new: out of memory");
    return NULL;
}

void wg_engine_free(wg_engine *engine) {
    if (!engine) return;
    wg_fork_forget(engine);
    wg_pool_free(engine->pool);
    wg_cache_free(&engine->cache);
    for (size_t i = 0; i < engine->arenas.count; i++) free(engine->arenas.at[i].memory);
    free(engine->arenas.at);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

wg_engine *wg_engine_default(wg_error *error) {
    static wg_engine *engine; /* lives as long as the process */
    pthread_mutex_lock(&wg_default_lock);
    if (!engine) engine = (wg_engine_new)(error, NULL);
    wg_engine *made = engine;
    pthread_mutex_unlock(&wg_default_lock);
    return made;
}

wg_engine_counters wg_engine_count(wg_engine *engine) {
    if (!engine) return (wg_engine_counters){.isa = "none"};
    pthread_mutex_lock(&engine->lock);
    const wg_engine_counters counters = {.plans_made = engine->cache.made,
                                         .plans_found = engine->cache.found,
                                         .plans_dropped = engine->cache.dropped,
                                         .plans_held = engine->cache.count,
                                         .planning_ns = engine->planning_ns,
                                         .verifying_ns = engine->verifying_ns,
                                         .threads = wg_pool_threads(engine->pool),
                                         .isa = wg_isa_name(engine->isa),
                                         .threads_used = wg_pool_used(engine->pool)};
    pthread_mutex_unlock(&engine->lock);
    return counters;
}

/* --- Threads ---------------------------------------------------------------------------------- */

int wg_set_threads(wg_engine *engine, int threads, wg_error *error) {
    if (!engine) return wg_error_set(error, WG_ERROR_ATTRIBUTE, "wg_set_threads: no engine");
    wg_pool *old = NULL;
    pthread_mutex_lock(&engine->lock);
    wg_pool_setup setup = engine->setup;
    int status = count_threads("wg_set_threads", threads, &setup, error);
    if (!status && engine->running)
        status = wg_error_set(error, WG_ERROR_ATTRIBUTE,
                              "wg_set_threads: an evaluation of this engine is under way; expected none");
    wg_pool *pool = status ? NULL : wg_pool_new(&setup);
    if (pool) {
        old = engine->pool;
        engine->pool = pool;
    } else if (!status) {
        status = wg_error_set(error, WG_ERROR_MEMORY, "wg_set_threads: out of memory");
    }
    pthread_mutex_unlock(&engine->lock);
    wg_pool_free(old);
    return status;
}

void wg_run_begin(wg_engine *engine) {
    pthread_mutex_lock(&engine->lock);
    engine->running++;
    pthread_mutex_unlock(&engine->lock);
}

void wg_run_end(wg_engine *engine) {
    pthread_mutex_lock(&engine->lock);
    if (engine->running) engine->running--; /* 0 already: a run that forked, in the child */
    pthread_mutex_unlock(&engine->lock);
}

/* --- Arenas ----------------------------------------------------------------------------------- */

/* The smallest that is large enough, so that a small run does not keep the large arena from the one that
 * needs it; else the largest, which makes room for a larger one. At least one is there. */
static size_t fitting(const wg_engine *engine, size_t bytes) {
    size_t best = 0;
    for (size_t i = 1; i < engine->arenas.count; i++) {
        const size_t have = engine->arenas.at[i].bytes, held = engine->arenas.at[best].bytes;
        if (held < bytes ? have > held : have >= bytes && have < held) best = i;
    }
    return best;
}

bool wg_arena_take(wg_engine *engine, size_t bytes, wg_arena *arena) {
    *arena = (wg_arena){0};
    pthread_mutex_lock(&engine->lock);
    if (engine->arenas.count) {
        const size_t best = fitting(engine, bytes);
        *arena = engine->arenas.at[best];
        engine->arenas.at[best] = engine->arenas.at[--engine->arenas.count];
    }
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
