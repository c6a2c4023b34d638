/* wg_lbfgs_evaluate — the loss and its gradients where parameters are, for a step of L-BFGS; which parameters
 * these are the first evaluation says. */
#include "optim/lbfgs.h"
#include <stdlib.h>
#include <wengert/op.h>
#include <wengert/ops.h>

int wg_lbfgs_fail(const lbfgs_step *step, int status, const char *what) {
    wg_fail(step->tape, status, "%s: %s", step->optimizer->rule.name, what);
    return wg_tape_status(step->tape);
}

/* The loss where parameters are, and its gradients, in the slots. */
static wg_var record_loss(lbfgs_step *step) {
    wg_tape_clear(step->tape);
    const wg_var loss = step->function(step->tape, step->context);
    step->evaluations++;
    if (wg_tape_status(step->tape)) return WG_NONE;
    if (loss.tape != step->tape || !wg_valid(loss)) {
        wg_lbfgs_fail(step, WG_ERROR_TAPE, "the loss function returned no var of its tape");
        return WG_NONE;
    }
    return (wg_accumulate)(step->optimizer, loss) ? WG_NONE : loss;
}

static bool is_reached(const wg_slot *slot) {
    return slot->gradient.tape && wg_tensor_count(wg_state_tensor(slot->state));
}

/* Parts are the slots that the first evaluation reaches. */
static int make_parts(lbfgs_step *step) {
    wg_optimizer *optimizer = step->optimizer;
    step->parts = calloc(optimizer->slot_count, sizeof *step->parts);
    step->vars = calloc(optimizer->slot_count + 5, sizeof *step->vars);
    step->numbers = calloc(3 * (size_t)optimizer->rule.rows, sizeof *step->numbers);
    if (!step->parts || !step->vars || !step->numbers)
        return wg_lbfgs_fail(step, WG_ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        if (!is_reached(slot)) continue;
        wg_tensor *now = wg_lbfgs_copy(slot->state);
        if (!now) return wg_lbfgs_fail(step, WG_ERROR_MEMORY, "out of memory");
        step->parts[step->count++] =
            (lbfgs_part){.state = slot->state, .origin = now, .base = wg_tensor_retain(now)};
    }
    return step->count
               ? WG_OK
               : wg_lbfgs_fail(step, WG_ERROR_GRADIENT, "all parameters that the loss reaches are empty");
}

bool wg_lbfgs_find_slots(lbfgs_step *step, bool reached) {
    wg_optimizer *optimizer = step->optimizer;
    int at = 0;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        wg_slot *slot = &optimizer->slots[i];
        if (at < step->count && step->parts[at].state == slot->state)
            step->parts[at++].slot = slot;
        else if (reached && is_reached(slot))
            return false;
    }
    return at == step->count;
}

/* What is to be known of the loss: vars[0 … 3], then a gradient of each part. */
static int record_numbers(lbfgs_step *step, wg_var loss) {
    wg_var slope = WG_NONE, size = WG_NONE, largest = WG_NONE;
    bool good = wg_lbfgs_find_slots(step, true);
    for (int i = 0; i < step->count && good; i++) good = is_reached(step->parts[i].slot);
    if (!good)
        return wg_lbfgs_fail(step, WG_ERROR_GRADIENT, "the loss reaches other parameters than it did before");
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        const wg_var g = step->vars[4 + i] = part->slot->gradient;
        const wg_var along = part->direction ? (wg_input)(step->tape, part->direction) : g;
        slope = wg_lbfgs_sum(slope, g, along);
        size = wg_lbfgs_sum(size, (wg_abs)(g), (wg_scalar)(step->tape, 1));
        largest = wg_lbfgs_largest(largest, g);
    }
    step->vars[0] = loss;
    step->vars[1] = slope;
    step->vars[2] = size;
    step->vars[3] = largest;
    step->vars[4 + step->count] = (wg_var)WG_END_;
    return wg_tape_status(step->tape);
}

int wg_lbfgs_evaluate(lbfgs_step *step) {
    const bool is_first = !step->evaluations;
    const wg_var loss = record_loss(step);
    int status = wg_tape_status(step->tape);
    if (!status && is_first) status = make_parts(step);
    if (!status) status = record_numbers(step, loss);
    wg_optimizer_forget(step->optimizer);
    if (!status) status = is_first ? wg_eval_list(step->vars) : wg_peek_list(step->vars);
    if (status) return status;
    step->loss = wg_item(step->vars[0]);
    step->slope = wg_item(step->vars[1]);
    step->size = wg_item(step->vars[2]);
    step->largest = wg_item(step->vars[3]);
    for (int i = 0; i < step->count; i++) {
        wg_tensor **latest = is_first ? &step->parts[i].gradient : &step->parts[i].latest;
        wg_tensor_free(*latest);
        *latest = wg_tensor_retain((wg_tensor *)(uintptr_t)wg_value(step->vars[4 + i]));
    }
    return WG_OK;
}
