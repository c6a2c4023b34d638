/* profile — see profile.h. */
#include "run/profile.h"
#include <stdlib.h>

/* --- Life ------------------------------------------------------------------------------------- */

/* Zeros that are there: memory that the system has yet to bring in would cost its time later. */
static void *make_zeros(size_t bytes) {
    void *memory = NULL;
    bytes = wg_round_up(bytes ? bytes : 1, 64);
    return posix_memalign(&memory, 64, bytes) ? NULL : memset(memory, 0, bytes);
}

/* Waves get half of the events, workers share the other half. */
wg_profile *wg_profile_new(size_t events, int threads) {
    wg_profile *profile = calloc(1, sizeof *profile);
    if (!profile) return NULL;
    profile->events = make_zeros(events * sizeof *profile->events);
    profile->tracks = make_zeros((size_t)(threads + 1) * sizeof *profile->tracks);
    if (!profile->events || !profile->tracks) {
        wg_profile_free(profile);
        return NULL;
    }
    profile->threads = threads;
    const size_t waves = events - events / 2, each = events / 2 / (size_t)threads;
    for (int i = 0; i <= threads; i++) {
        profile->tracks[i].at = profile->events + (i ? waves + (size_t)(i - 1) * each : 0);
        profile->tracks[i].capacity = i ? each : waves;
    }
    profile->on = true;
    profile->started = wg_clock_ns();
    return profile;
}

void wg_profile_free(wg_profile *profile) {
    if (!profile) return;
    for (size_t i = 0; i < profile->plans.count; i++) {
        wg_plan_free(profile->plans.at[i].plan);
        free(profile->plans.at[i].steps);
    }
    free(profile->plans.at);
    free(profile->tracks);
    free(profile->events);
    free(profile->busy);
    free(profile);
}

/* --- A run ------------------------------------------------------------------------------------ */

/* A row for each worker, each on cache lines of its own. */
static bool make_rows(wg_profile *profile, const wg_plan *plan) {
    if (plan->most_steps <= profile->busy_row) return true;
    const size_t row = wg_round_up(plan->most_steps, 8);
    uint64_t *busy = make_zeros(row * (size_t)profile->threads * sizeof *busy);
    if (!busy) return false;
    free(profile->busy);
    profile->busy = busy;
    profile->busy_row = row;
    return true;
}

static bool meet(wg_profile *profile, const wg_tape *tape, wg_plan *plan) {
    if (profile->plans.count == WG_PROFILE_PLANS ||
        !WG_RESERVE(&profile->plans.at, &profile->plans.capacity, profile->plans.count + 1) ||
        !make_rows(profile, plan))
        return false;
    wg_profile_plan *met = &profile->plans.at[profile->plans.count];
    *met = (wg_profile_plan){.plan = plan, .steps = calloc(plan->steps.count + 1, sizeof *met->steps)};
    if (!met->steps || !profile->describe(tape, met)) {
        free(met->steps);
        return false;
    }
    wg_plan_retain(plan);
    profile->now = (uint32_t)profile->plans.count++;
    return true;
}

static bool find(wg_profile *profile, const wg_plan *plan) {
    if (profile->now < profile->plans.count && profile->plans.at[profile->now].plan == plan) return true;
    for (size_t i = 0; i < profile->plans.count; i++)
        if (profile->plans.at[i].plan == plan) return profile->now = (uint32_t)i, true;
    return false;
}

wg_profile *wg_profile_begin(wg_profile *profile, const wg_tape *tape, wg_plan *plan, int threads) {
    if (!profile || !profile->on) return NULL;
    if (tape->engine->executor != WG_PLANNED || threads > profile->threads ||
        (!find(profile, plan) && !meet(profile, tape, plan))) {
        profile->missed++;
        return NULL;
    }
    profile->plans.at[profile->now].runs++;
    profile->running = true;
    wg_profile_mark(profile);
    return profile;
}

void wg_profile_end(wg_profile *profile) {
    if (profile) profile->running = false;
}

/* --- Notes ------------------------------------------------------------------------------------ */

static inline void note(const wg_profile *profile, wg_profile_track *track, uint64_t begin, uint64_t end,
                        uint32_t what) {
    if (track->count < track->capacity)
        track->at[track->count++] = (wg_profile_event){begin, end, profile->now, what};
    else
        track->dropped++;
}

void wg_profile_piece(wg_profile *profile, int worker, uint32_t job, uint32_t step, uint64_t begin,
                      uint64_t end) {
    profile->busy[(size_t)worker * profile->busy_row + job] += end - begin;
    note(profile, &profile->tracks[worker + 1], begin, end, step);
}

/* To each step its part of the wave's time; the first row becomes the sum of all, then all are 0 again. */
static void share_out(wg_profile *profile, wg_profile_step *steps, uint32_t count, uint64_t ns) {
    uint64_t *sums = profile->busy, all = 0;
    for (int worker = 1; worker < profile->threads; worker++) {
        uint64_t *row = profile->busy + (size_t)worker * profile->busy_row;
        for (uint32_t i = 0; i < count; i++) {
            sums[i] += row[i];
            row[i] = 0;
        }
    }
    for (uint32_t i = 0; i < count; i++) all += sums[i];
    for (uint32_t i = 0; i < count; i++) {
        const double part = all ? (double)sums[i] / (double)all : 1.0 / count;
        steps[i].ns += (uint64_t)(part * (double)ns + 0.5);
        steps[i].calls++;
        sums[i] = 0;
    }
}

void wg_profile_wave(wg_profile *profile, uint32_t index) {
    const wg_profile_plan *met = &profile->plans.at[profile->now];
    const wg_plan *plan = met->plan;
    const uint64_t begin = profile->mark, end = wg_clock_ns();
    const wg_wave copies = {(uint32_t)plan->steps.count, 1, 1};
    const wg_wave *wave = index < plan->waves.count ? &plan->waves.at[index] : &copies;
    if (wave->count > 1) {
        share_out(profile, &met->steps[wave->first], wave->count, end - begin);
    } else {
        met->steps[wave->first].ns += end - begin;
        met->steps[wave->first].calls++;
    }
    note(profile, &profile->tracks[0], begin, end, index);
    profile->mark = end;
}
