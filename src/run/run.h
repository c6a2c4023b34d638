/* run — the fifth room: carries a plan out. Knows no op by name. */
#ifndef WG_RUN_RUN_H
#define WG_RUN_RUN_H

#include "run/engine.h"

/* The first failure on data in a run; that of the lowest unit, whichever thread met its own first. */
typedef struct wg_failure {
    pthread_mutex_t lock;
    atomic_int status;
    int64_t unit;
    uint32_t node; /* of the tape */
    char message[900];
} wg_failure;

/* What a kernel's wg_call_fail finds its way by. */
struct wg_call_state {
    wg_failure *failure;
    const uint32_t *node; /* of the tape */
};

typedef struct wg_profile wg_profile; /* see profile.h */

/* One run of a plan for a tape. */
typedef struct wg_run {
    wg_tape *tape;
    wg_engine *engine;
    const wg_plan *plan;
    const uint32_t *order;     /* the canonical order in which the plan's nodes name those of the tape */
    wg_tensor *const *results; /* the plan's first roots */
    wg_state *const *states;   /* that get the values of the next roots; NULL: run only to find a culprit */
    char *arena, *workspace;   /* workspace: plan->workspace_bytes for each thread */
    wg_operand *operands;      /* plan->most_operands */
    struct wg_job *jobs;       /* plan->most_steps */
    wg_failure *failure;
    wg_profile *profile; /* that notes its times; NULL: none does */
} wg_run;

/* A step of a wave, ready to be run. */
typedef struct wg_job {
    const wg_step *step;
    wg_call call; /* of a kernel */
    wg_call next; /* of the one that follows it */
    struct wg_call_state state, next_state;
    int64_t first_piece; /* of the wave's; a piece is as many units as a thread takes at a time */
} wg_job;

/* The node's attributes and its id on the tape at hand. */
static inline uint32_t wg_tape_node(const wg_run *run, const wg_low_node *node) {
    return run->order[node->source];
}
static inline const void *wg_attributes_at(const wg_run *run, uint32_t source) {
    return wg_node_attributes(run->tape, &run->tape->nodes.at[run->order[source]]);
}
static inline const void *wg_run_attributes(const wg_run *run, const wg_low_node *node) {
    return wg_low_attributes(&run->plan->low, node, run->tape, run->order);
}
/* The tensor that a leaf stands for. */
const wg_tensor *wg_leaf_tensor(const wg_run *run, const wg_low_node *leaf);

/* Where bytes are while a plan runs; not those in tiles. */
void *wg_place_address(const wg_run *run, wg_place place);
static inline void *wg_value_address(const wg_run *run, uint32_t value) {
    return wg_place_address(run, run->plan->places[wg_bytes_of(&run->plan->low, value)]);
}

/* Carries out the plan: afterwards results have their values and states their new content. A wg_status, the
 * failure says more; after one no state has changed. */
int wg_run_plan(wg_run *run);

/* Asked before anything is assigned: has data failed, or does the program want to stop? A wg_status. */
int wg_run_stopped(const wg_run *run);

/* What wg_run_plan does, node by node on one thread, each value in poisoned memory of its own: the meaning of
 * a plan, against which wg_run_plan is tested. With `finite_only` it stops at the first node that makes a
 * number that is not finite: the one to name. */
int wg_run_nodes(wg_run *run, bool finite_only);

/* Fills memory with numbers that are signalling NaNs as f32 and as f64. */
void wg_poison(void *memory, size_t bytes);

/* tiles.c: elements begin … begin+count-1 of `from` broadcast to `to`, written densely. */
void wg_gather_run(void *dense, const void *data, const wg_type *from, const wg_type *to, int64_t begin,
                   int64_t count);
/* Does elements begin … end-1 of the step's elementwise members, tile by tile. */
void wg_run_tiles(const wg_run *run, const wg_step *step, int worker, int64_t begin, int64_t end);

#endif
