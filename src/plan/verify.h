/* verify — what the files of the verifier share. It proves a plan from the plan and the lowered graph alone,
 * and shares no code with the passes that made it: a mistake of theirs is not made twice. */
#ifndef WG_PLAN_VERIFY_H
#define WG_PLAN_VERIFY_H

#include "plan/plan.h"

typedef struct wg_proof {
    const wg_plan *plan;
    const wg_lowered *low;
    wg_tape *tape;
    const uint32_t *order; /* the canonical order that the nodes' sources are places in */
    uint32_t *member;      /* by node: its place in plan->members; WG_ABSENT: it does not run */
} wg_proof;

/* The error WG_ERROR_PLAN at the node's line, and false. */
bool wg_refute(const wg_proof *proof, uint32_t node, const char *format, ...) WG_PRINTF(3, 4);

/* verify_order.c: every node with work runs once, after what it reads, in a step that fits it. Fills
 * proof->member. */
bool wg_prove_order(wg_proof *proof);
/* verify_sizes.c: units, slots, workspaces and the resolved operands are those of the nodes. */
bool wg_prove_sizes(const wg_proof *proof);
/* verify_memory.c: every read finds the value that the lowered graph says. */
bool wg_prove_memory(const wg_proof *proof);
/* verify_places.c: every value has a place that it may have. */
bool wg_prove_places(const wg_proof *proof);
/* The same: a leaf reads the state that an assign changes if and only if the lowered graph says so. Fills
 * `state_of` by value with that assign; the rest is left as it is. */
bool wg_prove_states(const wg_proof *proof, uint32_t *state_of);
/* verify_buffers.c: buffers alive at the same time have bytes of their own. */
bool wg_prove_buffers(const wg_proof *proof);

static inline uint32_t wg_step_of_member(const wg_proof *proof, uint32_t node) {
    return proof->member[node] == WG_ABSENT ? WG_ABSENT : proof->plan->step_of[node];
}

#endif
