/* lbfgs — inside view of a step of L-BFGS under way. */
#ifndef WG_OPTIM_LBFGS_H
#define WG_OPTIM_LBFGS_H

#include "optim/optimizer.h"
#include <wengert/lbfgs.h>

/* Of each slot: two matrices with a row for each pair, s and y, the n-th pair in row n modulo the rows, and
 * how many pairs there have been. */
enum { LBFGS_STEPS, LBFGS_DIFFERENCES, LBFGS_PAIRS, LBFGS_MEMORIES };

/* In the optimizer's numbers. */
enum {
    LBFGS_MAX_ITER,
    LBFGS_MAX_EVAL,
    LBFGS_TOLERANCE_GRAD,
    LBFGS_TOLERANCE_CHANGE,
    LBFGS_DECREASE,
    LBFGS_CURVATURE
};

/* A parameter that the loss reaches. The tensors are of its type and the step's. */
typedef struct lbfgs_part {
    wg_state *state;
    const char *path;
    wg_slot *slot;                /* of the state, since the latest evaluation */
    wg_tensor *origin;            /* the parameter before the step */
    uint64_t first, version;      /* of the state: before the step, and since the step changed it last */
    wg_tensor *base;              /* before this iteration */
    wg_tensor *gradient, *latest; /* there, and where it was evaluated last */
    wg_tensor *direction;
} lbfgs_part;

typedef struct lbfgs_step {
    wg_optimizer *optimizer;
    wg_tape *tape;
    wg_loss_function *function;
    void *context;
    lbfgs_part *parts; /* until the first evaluation says which: all parameters that it might reach */
    int count;
    wg_tensor *steps;      /* the optimizer's count of steps, before this one */
    uint64_t step_version; /* of the state that counts them */
    wg_var *vars;          /* scratch: what is evaluated */
    double *numbers;       /* scratch: of each row a number for s and one for y, twice */
    double loss, size,
        largest;      /* evaluated last: the loss, and of its gradient |g|₁ and the largest element */
    double base_size; /* |g|₁ before this iteration */
    double slope; /* along the direction where it was evaluated last; of a new direction at its beginning */
    double farthest; /* the direction's largest element */
    int64_t pairs, new_pairs, evaluations;
} lbfgs_step;

/* The sum over all parts of sum a b, in f64; and the largest |a|. */
wg_var wg_lbfgs_sum(wg_var total, wg_var a, wg_var b);
wg_var wg_lbfgs_largest(wg_var total, wg_var a);

wg_tensor *wg_lbfgs_copy(const wg_state *state); /* of what it holds; NULL: no memory */

int wg_lbfgs_fail(const lbfgs_step *step, int status, const char *what); /* returns the tape's status */

/* --- lbfgs_evaluate.c ------------------------------------------------------------------------- */

/* Takes note of how all parameters are before the step. Returns the tape's status. */
int wg_lbfgs_watch(lbfgs_step *step);

/* Evaluates the loss: loss, size, largest and slope, and the gradients as `latest`; the first time it makes
 * the parts, and the gradients are those of the base. Returns the tape's status. */
int wg_lbfgs_evaluate(lbfgs_step *step);

/* Finds the parts' slots, which move when layers meet new parameters. False: some are not there, or `reached`
 * and the loss reaches others. */
bool wg_lbfgs_find_slots(lbfgs_step *step, bool reached);

/* --- lbfgs_history.c: each returns the tape's status ------------------------------------------ */

/* Looks at what the slots remember, and works out products of it that are not known. */
int wg_lbfgs_recall(lbfgs_step *step);

/* Of the iteration that has led from base and gradient to where parameters are and `latest`: makes these the
 * base and the gradient of the next, and remembers the pair unless the loss curves the wrong way. */
int wg_lbfgs_advance(lbfgs_step *step, bool remember);

/* The next direction, -H g, with slope and farthest. */
int wg_lbfgs_direct(lbfgs_step *step);

#endif
