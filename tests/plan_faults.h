/* plan_faults.h — ways to make a plan wrong, for the tests of its proof. */
#ifndef WG_TESTS_PLAN_FAULTS_H
#define WG_TESTS_PLAN_FAULTS_H

#include "run/evaluation.h"

/* Puts fault number `at` into the plan. False: there is no such place; `skip`: here it would be none, and the
 * plan is as it was. */
typedef struct plan_fault {
    const char *name;
    bool (*make)(wg_plan *plan, size_t at, bool *skip);
} plan_fault;

/* Both end with a row of zeros. */
extern const plan_fault plan_faults_of_places[]; /* where values lie, for how long, and in which order */
extern const plan_fault plan_faults_of_steps[];  /* what steps read and compute */

/* --- For those who make them ------------------------------------------------------------------------ */

#define NEXT(array) (at < plan->array.count)

void plan_sync_operands(wg_plan *plan); /* the program follows the places */
void plan_forget_wave(wg_plan *plan, uint32_t wave);

#endif
