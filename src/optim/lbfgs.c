/* lbfgs — limited-memory BFGS: evaluates a loss that is given as a function, goes down along -H g, and
 * remembers how the gradient has changed. See wengert/lbfgs.h for the source; the direction is
 * lbfgs_history.c's, the distance line_search.c's.
 *
 * Every vector stays a tensor, and what is added up is so by operations, in their fixed order: so the bits
 * depend on no number of threads. What a step changes but parameters and pairs is the step's count, at its
 * end. */
#include "optim/lbfgs.h"
#include "optim/line_search.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/op.h>
#include <wengert/ops.h>

enum { MOST_TRIALS = 25 }; /* of a line search */

/* --- One iteration ---------------------------------------------------------------------------- */

/* Parameters become base + t direction: all, or none. */
static int move(lbfgs_step *step, double t) {
    wg_tape_clear(step->tape);
    const wg_var far = (wg_scalar)(step->tape, t);
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        const wg_var way = (wg_mul)(far, (wg_input)(step->tape, part->direction));
        (wg_assign)(part->state, (wg_add)((wg_input)(step->tape, part->base), way));
    }
    const int status = wg_eval_list((const wg_var[]){far, WG_END_});
    for (int i = 0; i < step->count; i++) step->parts[i].version = wg_state_version(step->parts[i].state);
    return status;
}

static int evaluate_at(void *context, wg_line_point *at) {
    lbfgs_step *step = context;
    int status = move(step, at->t);
    if (!status) status = wg_lbfgs_evaluate(step);
    at->loss = step->loss;
    at->slope = step->slope;
    return status;
}

/* Goes to the lowest place that the line search finds, but for nothing where that is the beginning. */
static int descend(lbfgs_step *step, wg_line_point *found, const wg_lbfgs_report *before) {
    const wg_optimizer *optimizer = step->optimizer;
    const double *numbers = optimizer->numbers, left = numbers[LBFGS_MAX_EVAL] - (double)step->evaluations;
    const wg_line_point start = {0, before->loss, step->slope};
    const double first = step->pairs ? optimizer->rate : optimizer->rate * fmin(1, 1 / step->base_size);
    const wg_line_search search = {.evaluate = evaluate_at,
                                   .context = step,
                                   .decrease = numbers[LBFGS_DECREASE],
                                   .curvature = numbers[LBFGS_CURVATURE],
                                   .narrowest = numbers[LBFGS_TOLERANCE_CHANGE] / step->farthest,
                                   .most = left < MOST_TRIALS ? (int)left : MOST_TRIALS};
    int status = wg_line_search_run(&search, start, first, found);
    if (!status && found->t > 0 && (found->loss != step->loss || found->slope != step->slope)) {
        wg_line_point again = *found; /* a later trial was higher */
        status = evaluate_at(step, &again);
    }
    const double bend = found->slope - start.slope; /* s y = t (f'(t) - f'(0)) */
    if (!status && found->t > 0) status = wg_lbfgs_advance(step, bend > 1e-10 * -start.slope);
    return status;
}

static void restore(lbfgs_step *step) {
    for (int i = 0; i < step->count; i++) {
        lbfgs_part *part = &step->parts[i];
        wg_state_set(part->state, part->base, NULL);
        part->version = wg_state_version(part->state);
    }
}

/* Has the last iteration changed too little to go on? */
static bool is_still(const lbfgs_step *step, double t, double loss_before) {
    const double least = step->optimizer->numbers[LBFGS_TOLERANCE_CHANGE];
    return t * step->farthest <= least || fabs(step->loss - loss_before) < least;
}

static int iterate(lbfgs_step *step, wg_lbfgs_report *report) {
    const double *numbers = step->optimizer->numbers;
    while (!report->end) {
        wg_line_point found = {0, 0, 0};
        int status = wg_lbfgs_direct(step);
        if (!status && step->pairs && !(step->slope < 0)) { /* rounding has spoilt the pairs */
            step->pairs = 0;
            status = wg_lbfgs_direct(step);
        }
        if (!status && step->slope < 0) status = descend(step, &found, report);
        if (status) return status;
        if (found.t == 0) restore(step);
        const double before = report->loss;
        if (found.t > 0) {
            report->iterations++;
            report->loss = step->loss;
            report->largest = step->largest;
            step->base_size = step->size;
        }
        if (report->largest <= numbers[LBFGS_TOLERANCE_GRAD])
            report->end = WG_LBFGS_GRADIENT;
        else if ((double)step->evaluations >= numbers[LBFGS_MAX_EVAL])
            report->end = WG_LBFGS_EVALUATIONS;
        else if (found.t == 0 && step->pairs == 0)
            report->end = WG_LBFGS_NO_DESCENT;
        else if (found.t > 0 && is_still(step, found.t, before))
            report->end = WG_LBFGS_CHANGE;
        else if ((double)report->iterations >= numbers[LBFGS_MAX_ITER])
            report->end = WG_LBFGS_ITERATIONS;
        if (found.t == 0) step->pairs = 0; /* next against the gradient itself */
    }
    return WG_OK;
}

/* --- The step --------------------------------------------------------------------------------- */

/* Can there be a step? Else an error on the tape. */
static bool may_begin(const wg_optimizer *optimizer, wg_tape *tape, wg_loss_function *loss) {
    if (wg_tape_status(tape)) return false;
    if (!optimizer)
        wg_fail(tape, WG_ERROR_MEMORY, "the optimizer is NULL; it could not be made");
    else if (!optimizer->rule.rows)
        wg_fail(tape, WG_ERROR_UNSUPPORTED, "wg_lbfgs_step: the optimizer is %s; wg_lbfgs makes one for it",
                optimizer->rule.name);
    else if (optimizer->error.status)
        wg_fail(tape, optimizer->error.status, "%s", optimizer->error.message);
    else if (optimizer->is_asking)
        wg_fail(tape, WG_ERROR_TAPE,
                "%s: its loss function may only record the loss, not begin another step of it",
                optimizer->rule.name);
    else if (!isfinite(optimizer->rate) || optimizer->rate <= 0)
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: the learning rate is %g; it must be finite and above 0",
                optimizer->rule.name, optimizer->rate);
    else if (!loss)
        wg_fail(tape, WG_ERROR_TAPE, "%s: the loss function is NULL", optimizer->rule.name);
    return !wg_tape_status(tape);
}

static int begin(lbfgs_step *step, wg_lbfgs_report *report) {
    int status = wg_lbfgs_watch(step);
    if (!status) status = wg_lbfgs_evaluate(step);
    if (status) return status;
    if (!isfinite(step->size)) return wg_lbfgs_fail(step, WG_ERROR_NOT_FINITE, "the gradient is not finite");
    report->first_loss = report->loss = step->loss;
    report->largest = step->largest;
    step->base_size = step->size;
    if (step->largest <= step->optimizer->numbers[LBFGS_TOLERANCE_GRAD]) report->end = WG_LBFGS_GRADIENT;
    return report->end ? WG_OK : wg_lbfgs_recall(step);
}

/* Parameters as they were, and no pair of a path that was not taken. */
static void undo(lbfgs_step *step, const wg_tensor *no_pairs) {
    wg_state *steps = step->optimizer->step;
    wg_optimizer_forget(step->optimizer);
    if (step->steps && wg_state_version(steps) != step->step_version) wg_state_set(steps, step->steps, NULL);
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        if (wg_state_version(part->state) != part->first) wg_state_set(part->state, part->origin, NULL);
    }
    if (!step->new_pairs || !wg_lbfgs_find_slots(step, false)) return;
    for (int i = 0; i < step->count; i++)
        wg_state_set(step->parts[i].slot->memory[LBFGS_PAIRS], no_pairs, NULL);
}

static void free_step(lbfgs_step *step) {
    for (int i = 0; i < step->count; i++) {
        const lbfgs_part *part = &step->parts[i];
        wg_tensor *const tensors[] = {part->origin, part->base, part->gradient, part->latest,
                                      part->direction};
        for (size_t k = 0; k < sizeof tensors / sizeof *tensors; k++) wg_tensor_free(tensors[k]);
    }
    free(step->parts);
    wg_tensor_free(step->steps);
    free(step->vars);
    free(step->numbers);
}

int wg_lbfgs_step(wg_optimizer *optimizer, wg_tape *tape, wg_loss_function *loss, void *context,
                  wg_lbfgs_report *report) {
    lbfgs_step step = {.optimizer = optimizer, .tape = tape, .function = loss, .context = context};
    wg_lbfgs_report own = {0};
    if (report) *report = own;
    if (!may_begin(optimizer, tape, loss)) return wg_tape_status(tape);
    wg_optimizer_forget(optimizer);
    wg_tensor *no_pairs = wg_tensor_new(WG_F64, WG_SCALAR_SHAPE, NULL);
    int status = no_pairs ? begin(&step, &own) : wg_lbfgs_fail(&step, WG_ERROR_MEMORY, "out of memory");
    if (!status) status = iterate(&step, &own);
    if (status) {
        undo(&step, no_pairs);
        own.end = WG_LBFGS_FAILED;
    } else {
        ++*(int64_t *)wg_tensor_writable(step.steps);
        wg_state_set(optimizer->step, step.steps, NULL);
        wg_tape_clear(tape);
    }
    own.evaluations = step.evaluations;
    if (report) *report = own;
    free_step(&step);
    wg_tensor_free(no_pairs);
    return status;
}
