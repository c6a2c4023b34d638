/* recompute — what the memory budget needs of recompute.c and candidates.c. */
#ifndef WG_PLAN_RECOMPUTE_H
#define WG_PLAN_RECOMPUTE_H

#include "plan/plan.h"

/* Where in the order the backward pass proper begins: at the first adjoint that reads an adjoint. */
size_t wg_plan_turn(const wg_lowered *low, const uint32_t *order, size_t count);

/* What becomes of a value of the forward pass that the backward pass reads. */
typedef enum wg_fate {
    WG_KEPT = 0,
    WG_DROPPED, /* and computed again */
    WG_PACKED   /* only what wg_op.pack makes of it is kept */
} wg_fate;

/* Computes the dropped values again where the backward pass reads them, and packs the packed ones where they
 * are made. `fates` are wg_fate by value; views go with what they are views of. */
bool wg_plan_recompute(wg_plan *plan, wg_tape *tape, wg_isa isa, const uint8_t *fates);
/* By value: a late reader that says how it is packed for all of them; WG_ABSENT: none. `readers` has room for
 * all values, `operands` for those of a node. */
void wg_plan_packs(const wg_plan *plan, const wg_tape *tape, uint32_t *readers, wg_operand *operands);

/* The lowered graph as it was when `before` was copied. */
void wg_plan_forget_clones(wg_plan *plan, const wg_lowered *before);

/* The fates that values may have, a fixed list that depends on the lowered graph and its order alone. */
typedef struct wg_candidates {
    const wg_plan *plan;
    size_t values;     /* of the graph without clones */
    uint8_t *region;   /* by value: made in a region that the program marked: always dropped */
    uint8_t *forward;  /* by value: made in the forward pass */
    uint32_t *readers; /* by value: as wg_plan_packs */
    struct wg_saved *saved; /* values, as they run */
    struct wg_lever *by_worth, *by_size;
    size_t saved_count, lever_count, count, worth_steps, subset_bits;
} wg_candidates;

bool wg_candidates_make(wg_candidates *candidates, const wg_plan *plan, wg_tape *tape);
void wg_candidates_free(wg_candidates *candidates);
/* Fills `fates`, by value, with candidate number `index` of `count`. */
void wg_candidate_get(const wg_candidates *candidates, size_t index, uint8_t *fates);

/* --- budget.c --------------------------------------------------------------------------------- */

/* Builds the plan, with what regions and the budget ask for computed again. `build` makes the rest of the
 * plan from its order. False: error on the tape. */
bool wg_plan_within(wg_plan *plan, wg_tape *tape, const wg_plan_settings *settings,
                    bool (*build)(wg_plan *plan, wg_tape *tape));

#endif
