/* profile — the times of waves and steps, noted while plans of one tape run.
 *
 * All memory for notes is there before a run begins. The thread that evaluates notes each wave by one look at
 * the clock; in a wave of several steps each worker adds up, in a row of its own, how long it was busy with
 * which. The wave's time is then shared out to its steps by that, so steps add up to waves. Sums by step go
 * on when there is no room for single events any more. */
#ifndef WG_RUN_PROFILE_H
#define WG_RUN_PROFILE_H

#include "run/run.h"

enum { WG_PROFILE_NAME = 72, WG_PROFILE_SCOPE = 56, WG_PROFILE_PLANS = 256 };

/* What is known of a step after its tape was cleared, and how long it took. */
typedef struct wg_profile_step {
    char name[WG_PROFILE_NAME], scope[WG_PROFILE_SCOPE];
    const char *file; /* NULL: not known */
    int line;
    uint8_t role;
    bool wide;           /* computes in f64 */
    double flops, bytes; /* of a call */
    uint64_t calls, ns;
} wg_profile_step;

typedef struct wg_profile_plan {
    wg_plan *plan;          /* held */
    wg_profile_step *steps; /* the plan's, and behind them one for what is copied outside of steps */
    uint64_t runs;
} wg_profile_plan;

typedef struct wg_profile_event {
    uint64_t begin, end; /* ns */
    uint32_t plan;
    uint32_t what; /* among waves: the wave, or, behind the last, copies; of a worker: the step */
} wg_profile_event;

typedef struct wg_profile_track {
    _Alignas(64) wg_profile_event *at;
    size_t count, capacity;
    uint64_t dropped; /* events for which there was no room */
} wg_profile_track;

struct wg_profile {
    bool on, running;
    int threads;
    uint64_t started, mark; /* ns; mark: the end of what was noted last */
    uint64_t missed;        /* runs of which nothing was noted */
    bool (*describe)(const wg_tape *tape, const wg_profile_plan *plan); /* fills in steps; false: no memory */
    wg_profile_track *tracks;                                           /* of waves, then of each worker */
    wg_profile_event *events;
    uint64_t *busy; /* ns by worker and step of the wave */
    size_t busy_row;
    WG_ARRAY(wg_profile_plan) plans;
    uint32_t now; /* the plan that runs */
};

/* Room for `events` and `threads`; NULL: no memory. */
wg_profile *wg_profile_new(size_t events, int threads);
void wg_profile_free(wg_profile *profile);

/* Before a run: the profile if it is on and has room for what this plan needs, else NULL, and the run is
 * missed. */
wg_profile *wg_profile_begin(wg_profile *profile, const wg_tape *tape, wg_plan *plan, int threads);
void wg_profile_end(wg_profile *profile); /* of a run; the profile may be NULL */

/* What lies between the last note and now is nobody's. */
static inline void wg_profile_mark(wg_profile *profile) { profile->mark = wg_clock_ns(); }
/* The plan's wave of this number, or, behind the last, the copies, took from the last note to now. */
void wg_profile_wave(wg_profile *profile, uint32_t index);
/* A worker was busy with a step of a wave, `job` counting from the wave's first. */
void wg_profile_piece(wg_profile *profile, int worker, uint32_t job, uint32_t step, uint64_t begin,
                      uint64_t end);

#endif
