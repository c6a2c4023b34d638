/* peak — what this machine is able to: fused multiply-adds in registers and copies of much memory, on the
 * threads of an engine. The best of a few tries counts: others may be using the machine. */
#include "kernels/peak.h"
#include "trace/profile.h"
#include <stdlib.h>

enum { ROUNDS = 2000, PARTS = 8, TRIES = 5 };
enum { PIECE = 1 << 18, PIECES = 256 }; /* 64 MiB: more than most caches hold */

static const double long_enough = 5e6; /* ns: then starting and ending no longer count */

/* --- Arithmetic -------------------------------------------------------------------------------- */

static void multiply_add(void *context, int worker, int64_t begin, int64_t end) {
    wg_peak_work *const *work = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) (*work)(ROUNDS);
}

static double time_of(wg_engine *engine, wg_work *work, void *context, int64_t units) {
    const uint64_t begin = wg_clock_ns();
    wg_pool_run(engine->pool, work, context, units, 1);
    return (double)(wg_clock_ns() - begin);
}

static double measure_flops(wg_engine *engine, wg_dtype dtype) {
    wg_peak_work *work = wg_peak_work_of(engine->isa, dtype);
    const double each = work(ROUNDS);
    int64_t units = PARTS * (int64_t)wg_pool_threads(engine->pool);
    double best = time_of(engine, multiply_add, &work, units);
    for (; best < long_enough; best = time_of(engine, multiply_add, &work, units)) units *= 2;
    for (int i = 1; i < TRIES; i++) {
        const double time = time_of(engine, multiply_add, &work, units);
        if (time < best) best = time;
    }
    return 1e9 * each * (double)units / best;
}

/* --- Memory ------------------------------------------------------------------------------------ */

static void copy_pieces(void *context, int worker, int64_t begin, int64_t end) {
    char *memory = context;
    (void)worker;
    for (int64_t i = begin; i < end; i++) memcpy(memory + i * PIECE, memory + (i + PIECES) * PIECE, PIECE);
}

static double measure_bytes(wg_engine *engine) {
    char *memory = malloc((size_t)2 * PIECES * PIECE);
    if (!memory) return 0;
    memset(memory, 1, (size_t)2 * PIECES * PIECE);
    double best = time_of(engine, copy_pieces, memory, PIECES);
    for (int i = 1; i < TRIES; i++) {
        const double time = time_of(engine, copy_pieces, memory, PIECES);
        if (time < best) best = time;
    }
    free(memory);
    return 1e9 * 2.0 * PIECES * PIECE / best;
}

wg_peak wg_peak_measure(wg_engine *engine) {
    wg_run_begin(engine); /* the pool stays */
    const wg_peak peak = {.flops = measure_flops(engine, WG_F32),
                          .wide_flops = measure_flops(engine, WG_F64),
                          .bytes = measure_bytes(engine)};
    wg_run_end(engine);
    return peak;
}
