/* recompute — what the memory budget needs of recompute.c and candidates.c. */
#ifndef WG_PLAN_RECOMPUTE_H
#define WG_PLAN_RECOMPUTE_H

#include "plan/plan.h"

/* Where in the order the backward pass proper begins: at the first adjoint that reads an adjoint. */
size_t wg_plan_turn(const wg_lowered *low, const uint32_t *order, size_t count);

/* Computes the dropped values (by value; views go with what they are views of) again where the backward pass
 * reads them. */
bool wg_plan_recompute(wg_plan *plan, wg_tape *tape, const uint8_t *dropped);

/* The lowered graph as it was when `before` was copied. */
void wg_plan_forget_clones(wg_plan *plan, const wg_lowered *before);

/* The sets of values that may be dropped, a fixed list that depends on the lowered graph and its order alone.
 */
typedef struct wg_candidates {
    const wg_plan *plan;
    size_t values;          /* of the graph without clones */
    uint8_t *region;        /* by value: made in a region that the program marked: always dropped */
    uint8_t *forward;       /* by value: made in the forward pass */
    struct wg_saved *saved; /* three times: as they run, by worth, by size */
    size_t saved_count, count, by_worth, subset_bits;
} wg_candidates;

bool wg_candidates_make(wg_candidates *candidates, const wg_plan *plan, wg_tape *tape);
void wg_candidates_free(wg_candidates *candidates);
/* Fills `dropped`, by value, with candidate number `index` of `count`. */
void wg_candidate_get(const wg_candidates *candidates, size_t index, uint8_t *dropped);

/* --- budget.c --------------------------------------------------------------------------------- */

/* Builds the plan, with what regions and the budget ask for computed again. `build` makes the rest of the
 * plan from its order. False: error on the tape. */
bool wg_plan_within(wg_plan *plan, wg_tape *tape, const wg_plan_settings *settings,
                    bool (*build)(wg_plan *plan, wg_tape *tape));

#endif
