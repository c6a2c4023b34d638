/* profile — inside view of what the times of a tape's runs are shown by. */
#ifndef WG_TRACE_PROFILE_H
#define WG_TRACE_PROFILE_H

#include "run/profile.h"
#include "trace/trace.h"

/* The tape's, with at least one run in it, or NULL. */
const wg_profile *wg_profile_of(const wg_tape *tape);

/* What a machine is able to; 0: could not be measured. */
typedef struct wg_peak {
    double flops, wide_flops; /* fused multiply-adds of f32 and of f64, two operations each, a second */
    double bytes;             /* copied from memory to memory, those read and those written, a second */
} wg_peak;

/* Measured on the engine's threads, in some tenths of a second. */
wg_peak wg_peak_measure(wg_engine *engine);

#endif
