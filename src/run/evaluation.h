/* evaluation — what a tape's latest evaluation was asked for and how it was planned; and the memory that
 * evaluations need, kept from one to the next. */
#ifndef WG_RUN_EVALUATION_H
#define WG_RUN_EVALUATION_H

#include "run/profile.h"

/* Addresses from the first on, to the one behind the last. */
typedef struct wg_span {
    uintptr_t begin, end;
} wg_span;

typedef struct wg_evaluation {
    WG_ARRAY(uint32_t) roots; /* results, then assigned values, then guards: nodes of the tape */
    wg_root_counts count;
    WG_ARRAY(uint32_t) order;      /* their canonical order */
    WG_ARRAY(wg_state *) states;   /* assigned, each held */
    WG_ARRAY(wg_span) spans;       /* the memory of those that have any */
    WG_ARRAY(wg_tensor *) results; /* while it runs */
    WG_ARRAY(wg_operand) operands;
    WG_ARRAY(wg_job) jobs;
    wg_plan *plan;       /* NULL: none was made since the tape was cleared */
    uint32_t epoch;      /* of the tape */
    bool ran;            /* from beginning to end, once, so that it can be run again */
    wg_profile *profile; /* of the tape's runs, over clears; NULL: there was none */
} wg_evaluation;

/* The tape's; NULL: no memory, error on the tape. */
wg_evaluation *wg_evaluation_of(wg_tape *tape);
/* The tape's latest, with a plan, or NULL. */
wg_evaluation *wg_evaluation_latest(const wg_tape *tape);

/* Was the node recorded while differentiating? */
bool wg_is_adjoint(const wg_tape *tape, const wg_evaluation *evaluation, const wg_low_node *node);

/* --- roots.c ---------------------------------------------------------------------------------- */

/* Lets go of the values of earlier evaluations that were not to be kept; their tensors may serve again. */
bool wg_drop_values(wg_tape *tape);
/* What is to be computed for these vars, and, where `assign`, for the assigns recorded: roots, count, states;
 * and tape->order. False: error on the tape. */
bool wg_find_roots(wg_tape *tape, wg_evaluation *evaluation, const wg_var *vars, bool assign);
/* Tensors for the results: those that the values have already, where nobody else holds them, else others. */
bool wg_make_results(wg_tape *tape, wg_evaluation *evaluation);
/* Results become values, or, after a failure, spare tensors. */
void wg_hand_over_results(wg_tape *tape, wg_evaluation *evaluation, bool success);

#endif
