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

/* The program's own threads as an engine's. A function of this type calls share(job, 0) … share(job, shares - 1), each
 * once, from any threads, at the same time or one after the other, and returns when all have returned. Parallelism is
 * all that depends on it: a call not made, or made late by a thread that was busy, leaves its work to the others. It
 * is called by the thread that evaluates; where several tapes are evaluated at once, by several. `shares` is at most
 * the engine's number of threads. With OpenMP:
 *
 *     static void with_openmp(void *context, int shares, wg_share *share, void *job) {
 *     #pragma omp parallel for schedule(static, 1)
 *         for (int i = 0; i < shares; i++) share(job, i);
 *     }
 */
typedef void wg_share(void *job, int index);
typedef void wg_parallel(void *context, int shares, wg_share *share, void *job);

typedef struct wg_engine_options {
    WG_OPTIONS_HEAD;
    int threads WG_DEFAULT_;          /* default: WG_THREADS, else one for each of `cpus`, else for each processor this
                                       * process may use, by its affinity and its control groups' limits */
    const char *isa WG_DEFAULT_;      /* "avx512", "avx2", "neon", "portable"; default: WG_ISA, else the best there is */
    int cached_plans WG_DEFAULT_;     /* plans kept, least recently used out; default 256 */
    wg_executor executor WG_DEFAULT_;
    const char *disable WG_DEFAULT_;  /* passes switched off, "fuse,group"; default: WG_DISABLE, else none */
    bool poison WG_DEFAULT_;          /* bytes that no live value holds are filled with signalling NaNs, at all times */
    const char *cpus WG_DEFAULT_;     /* "0-3,8": worker i is pinned to the i-th processor of the list, and so on round;
                                       * the first is for the calling thread, which is left where it is */
    wg_parallel *parallel WG_DEFAULT_; /* does the work on threads of the program's; the engine then starts none */
    void *parallel_context WG_DEFAULT_; /* handed to `parallel` */
} wg_engine_options;

/* A pass of lowering or planning. Those of planning never change a bit of any value. */
typedef struct wg_pass_info {
    const char *name;
    bool lowers;         /* works on the lowered graph; else on the plan */
    const char *meaning; /* in a line */
} wg_pass_info;
WG_API const wg_pass_info *wg_pass_at(int index); /* in the order in which they work; NULL out of range */

/* A new engine; NULL on failure: an instruction set or a processor that this machine or build lacks, no memory. Its
 * threads sleep while nothing is evaluated, and take no signals.
 *
 * A child made by fork may use it too, with threads of its own, whatever other threads were doing at the time. Only
 * the tapes that those were using are lost to it. (A child that a kernel made in the middle of a run may only exec or
 * exit, as after any fork in the middle of things.) */
WG_API wg_engine *wg_engine_new(wg_error *error, const wg_engine_options *options) WG_MUST_USE;

/* Frees it; tapes of it must be gone. NULL is harmless. */
WG_API void wg_engine_free(wg_engine *engine);

/* Changes the number of threads, 1 to 1024, or 0: the default. A wg_status: an error, and nothing has changed, while an
 * evaluation of this engine is under way, or without memory. Bits of results do not depend on it. */
WG_API int wg_set_threads(wg_engine *engine, int threads, wg_error *error);

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
    int threads_used;        /* threads that have done work since their number was set; calling threads are one */
    uint64_t verifying_ns;   /* of planning_ns, the time spent proving plans before they run */
} wg_engine_counters;
WG_API wg_engine_counters wg_engine_count(wg_engine *engine);

WG_END_C

#define wg_engine_new(...) wg_engine_new_(__VA_ARGS__, )
#define wg_engine_new_(error, ...)                                                                 \
    (wg_engine_new)(error, WG_OPTIONS_(wg_engine_options, __VA_ARGS__))
#endif
