/* engine — what tapes share: worker pool, memory, cached plans, the instruction set in use.
 *
 * A program that never names an engine uses the process's default one, made when first needed and
 * kept until the process ends. */
#ifndef WENGERT_ENGINE_H
#define WENGERT_ENGINE_H

#include <wengert/base.h>

WG_BEGIN_C

typedef struct wg_engine wg_engine;

/* How a plan is carried out. Every way gives the same bits. */
typedef enum wg_executor {
    WG_PLANNED = 0,  /* fused, placed in one arena, on all threads */
    WG_NODE_BY_NODE, /* one node after the other on one thread, each value in poisoned memory of its own */
} wg_executor;

typedef struct wg_engine_options {
    WG_OPTIONS_HEAD;
    int threads WG_DEFAULT_;          /* default: WG_THREADS, else the processors this process may use */
    const char *isa WG_DEFAULT_;      /* "avx512", "avx2", "neon", "portable"; default: WG_ISA, else the best there is */
    int cached_plans WG_DEFAULT_;     /* plans kept, least recently used out; default 256 */
    wg_executor executor WG_DEFAULT_;
    const char *disable WG_DEFAULT_;  /* passes switched off, "fuse,group"; default: WG_DISABLE, else none */
    bool poison WG_DEFAULT_;          /* bytes that no live value holds are filled with signalling NaNs, at all times */
} wg_engine_options;

/* A pass of lowering or planning. Those of planning never change a bit of any value. */
typedef struct wg_pass_info {
    const char *name;
    bool lowers;         /* works on the lowered graph; else on the plan */
    const char *meaning; /* in a line */
} wg_pass_info;
WG_API const wg_pass_info *wg_pass_at(int index); /* in the order in which they work; NULL out of range */

/* A new engine; NULL on failure: an instruction set that this machine or build lacks, no memory. A child made by fork
 * may use it too, on the one thread it has, unless another thread was evaluating at the time of the fork: what that
 * thread had locked stays locked. */
WG_API wg_engine *wg_engine_new(wg_error *error, const wg_engine_options *options) WG_MUST_USE;

/* Frees it; tapes of it must be gone. NULL is harmless. */
WG_API void wg_engine_free(wg_engine *engine);

/* The process's default engine; NULL when it cannot be made, `error` then says why. */
WG_API wg_engine *wg_engine_default(wg_error *error);

/* What an engine has done so far. */
typedef struct wg_engine_counters {
    uint64_t plans_made;     /* structures planned because they had not been met */
    uint64_t plans_found;    /* evaluations that found their plan again */
    uint64_t plans_dropped;  /* plans that the cache's bound pushed out */
    uint64_t plans_held;     /* plans in the cache now */
    uint64_t planning_ns;    /* time spent lowering and planning */
    int threads;             /* workers, the calling thread included */
    const char *isa;         /* the instruction set in use */
} wg_engine_counters;
WG_API wg_engine_counters wg_engine_count(wg_engine *engine);

WG_END_C

#define wg_engine_new(...) wg_engine_new_(__VA_ARGS__, )
#define wg_engine_new_(error, ...)                                                                 \
    (wg_engine_new)(error, WG_OPTIONS_(wg_engine_options, __VA_ARGS__))
#endif
