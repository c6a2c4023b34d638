/* verify — proves a plan before it is ever run: see verify.h. A plan that cannot be proved is an error value.
 */
#include "plan/verify.h"
#include <stdlib.h>

bool wg_refute(const wg_proof *proof, uint32_t node, const char *format, ...) {
    char what[700], type[WG_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (node >= proof->low->nodes.count) {
        wg_tape_fail(proof->tape, WG_ERROR_PLAN, "wg_eval: the plan is wrong and was not run: %s", what);
        return false;
    }
    const wg_low_node *at = &proof->low->nodes.at[node];
    wg_type_text(type, &proof->low->values.at[at->outputs].type, true);
    wg_tape_fail_at(proof->tape, proof->order[at->source], WG_ERROR_PLAN,
                    "wg_eval: the plan is wrong and was not run: node %u (%.60s, %s) %s", node, at->op->name,
                    type, what);
    return false;
}

bool wg_plan_verify(const wg_plan *plan, wg_tape *tape, const uint32_t *order) {
    wg_proof proof = {.plan = plan, .low = &plan->low, .tape = tape, .order = order};
    proof.member = malloc((plan->low.nodes.count + 1) * sizeof *proof.member);
    const bool good = proof.member
                          ? wg_prove_order(&proof) && wg_prove_sizes(&proof) && wg_prove_memory(&proof)
                          : wg_tape_no_memory(tape);
    free(proof.member);
    return good;
}
