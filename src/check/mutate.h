/* mutate — the check of the check: mistakes planted in what a backward rule records, each of which the
 * gradient check must find. Private to the library and to its command. */
#ifndef WG_CHECK_MUTATE_H
#define WG_CHECK_MUTATE_H

#include "check/check.h"
#include "tape/tape.h"

typedef enum wg_mutation_kind {
    WG_MUTATION_NONE = 0,
    /* of a value */
    WG_SIGN_FLIPPED,
    WG_SCALED,          /* by 1.001 */
    WG_DROPPED,         /* a cotangent not set, another value zero */
    WG_ELEMENT_DROPPED, /* one is zero */
    WG_ELEMENT_NAN,
    WG_ELEMENTS_SWAPPED, /* two */
    WG_SHIFTED,          /* every element one place on, the last at the front */
    WG_TRANSPOSED,       /* its axes reversed, read as if they were not */
    WG_WRONG_AXIS,       /* its sum along an axis in place of its elements */
    /* of a recorded node */
    WG_OPERAND_TRANSPOSED, /* of a reduction, which so goes over the wrong axis */
    WG_OPERAND_REPLACED,   /* by another value of the same type */
    WG_MUTATION_KINDS
} wg_mutation_kind;

/* What is planted in a rule: in the cotangent that it sets for an input, or in a node that it records, found
 * by its op and how many of this op came before. */
typedef struct wg_mutation {
    wg_mutation_kind kind;
    const wg_op *node; /* NULL: the cotangent */
    int before;
    int input; /* of the rule, whose cotangent it is; or of the node, the operand */
} wg_mutation;

/* "mul 2, operand 1: replaced by a neighbour". Returns text. */
const char *wg_mutation_text(const wg_mutation *mutation, char *text, size_t size);

/* --- mutate_value.c ----------------------------------------------------------------------------- */

/* Does the mutation change a value of this type? */
bool wg_mutation_applies(wg_mutation_kind kind, const wg_type *type);
/* The value with the mutation in it, recorded with ordinary ops. */
wg_var wg_mutation_of(wg_var x, wg_mutation_kind kind);

/* --- mutate_rule.c ------------------------------------------------------------------------------ */

/* An op whose rule has a mistake. */
typedef struct wg_mutant_op {
    wg_op
        op; /* a copy of the original but for its rule; the first member, by which the rule finds the rest */
    const wg_op *original;
    wg_mutation planted;
    /* Given each mutation that applies where the rule runs; NULL: nobody asks. */
    void (*found)(const wg_mutation *mutation, void *context);
    void *context;
} wg_mutant_op;

void wg_mutant_of(wg_mutant_op *mutant, const wg_op *op);

/* --- mutants.c ---------------------------------------------------------------------------------- */

typedef enum wg_mutant_fate {
    WG_MUTANT_KILLED,
    WG_MUTANT_EQUIVALENT, /* on every sample the cotangents are the original's to the bit */
    WG_MUTANT_SURVIVED,
    WG_MUTANT_FATES
} wg_mutant_fate;

typedef struct wg_mutants_report {
    int planted, fates[WG_MUTANT_FATES];
} wg_mutants_report;

/* One that was not killed: why it is equivalent, or the sample on which it lives. */
typedef void wg_mutant_visitor(const wg_op *op, const wg_mutation *mutation, wg_mutant_fate fate,
                               const char *reason, void *context);

/* Plants every mutation in the op's rule, one at a time, and runs the gradient check on the op's samples,
 * small ones first, until one finds it. WG_ERROR_GRADIENT: one survived, or the op itself fails the check. */
int wg_check_mutants(const wg_op *op, uint64_t seed, wg_mutants_report *report, wg_mutant_visitor *visit,
                     void *context, wg_error *error);

/* Is there a rule to plant anything in? */
static inline bool wg_has_rule(const wg_op *op) {
    return op->backward && !(op->flags & (WG_BLOCKS | WG_STOPS));
}

#endif
