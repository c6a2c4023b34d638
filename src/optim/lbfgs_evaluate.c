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

/* --- What the loss function must leave alone --------------------------------------------------- */

static bool add_part(lbfgs_step *step, wg_state *state, const char *path) {
    wg_tensor *now = wg_lbfgs_copy(state);
    const uint64_t version = wg_state_version(state);
    if (now)
        step->parts[step->count++] =
            (lbfgs_part){.state = state, .path = path, .origin = now, .first = version, .version = version};
    return now != NULL;
}

int wg_lbfgs_watch(lbfgs_step *step) {
    const wg_optimizer *optimizer = step->optimizer;
    const int count = optimizer->model ? wg_model_count(optimizer->model) : (int)optimizer->slot_count;
    step->parts = calloc((size_t)count + 1, sizeof *step->parts);
    step->steps = wg_lbfgs_copy(optimizer->step);
    step->step_version = wg_state_version(optimizer->step);
    bool good = step->parts && step->steps;
    for (int i = 0; i < count && good; i++) {
        const wg_parameter_info *info = optimizer->model ? wg_model_parameter(optimizer->model, i) : NULL;
        if (!info)
            good = add_part(step, optimizer->slots[i].state, optimizer->slots[i].path);
        else if (!info->frozen)
            good = add_part(step, info->state, info->path);
    }
    return good ? WG_OK : wg_lbfgs_fail(step, WG_ERROR_MEMORY, "out of memory");
}

/* Is everything as the step left it? Else an error on the tape. */
static bool is_untouched(const lbfgs_step *step) {
    const char *name = step->optimizer->rule.name;
    for (int i = 0; i < step->count; i++)
        if (wg_state_version(step->parts[i].state) != step->parts[i].version)
            wg_fail(step->tape, WG_ERROR_STALE,
                    "%s: the loss function has changed the parameter \"%.300s\"; it may only record the loss",
                    name, step->parts[i].path);
    if (wg_state_version(step->optimizer->step) != step->step_version)
        wg_fail(
            step->tape, WG_ERROR_STALE,
            "%s: the loss function has changed the count of steps, as a step of another optimizer does; it "
            "may only record the loss",
            name);
    return !wg_tape_status(step->tape);
}

/* --- The loss ----------------------------------------------------------------------------------- */

/* The loss where parameters are, and its gradients, in the slots. */
static wg_var record_loss(lbfgs_step *step) {
    wg_tape_clear(step->tape);
    const char *before = wg_record_only(step->tape, "the loss function of wg_lbfgs_step");
    step->optimizer->is_asking = true;
    const wg_var loss = step->function(step->tape, step->context);
    step->optimizer->is_asking = false;
    wg_record_only(step->tape, before);
    step->evaluations++;
    if (!is_untouched(step)) return WG_NONE;
    if (loss.tape != step->tape || !wg_valid(loss)) {
        wg_lbfgs_fail(step, WG_ERROR_TAPE, "the loss function returned no var of its tape");
        return WG_NONE;
    }
    return (wg_accumulate)(step->optimizer, loss) ? WG_NONE : loss;
}

static bool is_reached(const wg_slot *slot) {
    return slot->gradient.tape && wg_tensor_count(wg_state_tensor(slot->state));
}

/* The part of a slot that is reached; one that the function made is as it is now. */
static bool keep_part(lbfgs_step *step, const wg_slot *slot, lbfgs_part *watched, int count) {
    int i = 0;
    while (i < count && watched[i].state != slot->state) i++;
    if (i == count && !add_part(step, slot->state, slot->path)) return false;
    if (i < count) {
        step->parts[step->count++] = watched[i];
        watched[i].origin = NULL;
    }
    lbfgs_part *part = &step->parts[step->count - 1];
    part->base = wg_tensor_retain(part->origin);
    return true;
}

/* Parts are from now on the slots that the first evaluation reaches. */
static int make_parts(lbfgs_step *step) {
    wg_optimizer *optimizer = step->optimizer;
    lbfgs_part *watched = step->parts;
    const int count = step->count;
    step->count = 0;
    step->parts = calloc(optimizer->slot_count, sizeof *step->parts);
    step->vars = calloc(optimizer->slot_count + 5, sizeof *step->vars);
    step->numbers = calloc(3 * (size_t)optimizer->rule.rows, sizeof *step->numbers);
    bool good = step->parts && step->vars && step->numbers;
    for (size_t i = 0; i < optimizer->slot_count && good; i++)
        if (is_reached(&optimizer->slots[i])) good = keep_part(step, &optimizer->slots[i], watched, count);
    for (int i = 0; i < count; i++) wg_tensor_free(watched[i].origin);
    free(watched);
    if (!good) return wg_lbfgs_fail(step, WG_ERROR_MEMORY, "out of memory");
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
    if (status || !is_untouched(step)) return wg_tape_status(step->tape);
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
