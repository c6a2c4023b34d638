/* lbfgs — the optimizer that sees the loss as a function: it may evaluate it several times a step.
 *
 *     static wg_var loss(wg_tape *tape, void *context) {
 *         wg_var y = network(model, wg_input(tape, batch.x));
 *         return wg_softmax_cross_entropy(y, wg_input(tape, batch.y));
 *     }
 *     wg_optimizer *lbfgs = wg_lbfgs(model);
 *     if (wg_lbfgs_step(lbfgs, tape, loss, NULL, NULL)) return wg_report(stderr, tape);
 *
 * Good where the loss is smooth and always the same function: fits, inverse problems, small networks on all
 * their data. What is drawn at random is drawn alike in all evaluations of a step. */
#ifndef WENGERT_LBFGS_H
#define WENGERT_LBFGS_H

#include <wengert/optim.h>

WG_BEGIN_C

/* Limited-memory BFGS: with g the gradient, and H an approximation of the inverse of the Hessian made of the
 * last pairs of s = w' - w and y = g' - g,
 *   w' = w - t H g,  t by a line search that ends where the strong Wolfe conditions hold
 * Liu & Nocedal 1989, Math. Programming 45; Nocedal & Wright 2006, algorithms 7.4, 3.5 and 3.6. Names and
 * defaults are those of torch.optim.LBFGS with line_search_fn = "strong_wolfe"; but a line search keeps to
 * max_eval too. */
typedef struct wg_lbfgs_options {
    WG_OPTIONS_HEAD;
    double learning_rate WG_DEFAULT_;    /* where a line search begins: default 1; without pairs yet at most
                                            1 / (sum of all |g|) */
    int64_t max_iter WG_DEFAULT_;        /* iterations of a step, that is line searches: default 20 */
    int64_t max_eval WG_DEFAULT_;        /* evaluations of the loss, 2 or more: default 5/4 of max_iter, and
                                            at least 10 more than max_iter */
    double tolerance_grad WG_DEFAULT_;   /* no element of g is larger: default 1e-7; WG_ZERO: 0 */
    double tolerance_change WG_DEFAULT_; /* no element of w changes by more, or the loss: default 1e-9; WG_ZERO */
    int64_t history_size WG_DEFAULT_;    /* pairs, each twice as large as the parameters: default 100 */
    double decrease WG_DEFAULT_;         /* the loss falls by that part of what the slope promises: 1e-4 */
    double curvature WG_DEFAULT_;        /* the slope comes down to that part of itself: default 0.9 */
} wg_lbfgs_options;

/* As the constructors of optim.h; but updates are made by wg_lbfgs_step, not by wg_minimize and wg_update, and
 * there are neither groups nor schedules. Checkpoints have its pairs. */
WG_API wg_optimizer *wg_lbfgs(wg_model *model, const wg_lbfgs_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_lbfgs_states(wg_state *const *states, int count,
                                     const wg_lbfgs_options *options) WG_MUST_USE;

/* Records the loss, of one element, on the tape, which is empty: within a step always the same function of the
 * parameters. WG_NONE: it fails. It may only record: evaluating the tape, or a step, wg_accumulate or loading of the
 * same optimizer, is an error where it is called; parameters that have been changed, or a step counted, as by another
 * optimizer on a tape of its own, fail the step. */
typedef wg_var wg_loss_function(wg_tape *tape, void *context);

typedef enum wg_lbfgs_end {
    WG_LBFGS_FAILED = 0,  /* as the tape's error says */
    WG_LBFGS_GRADIENT,    /* the gradient is as small as tolerance_grad */
    WG_LBFGS_CHANGE,      /* the last change was as small as tolerance_change */
    WG_LBFGS_ITERATIONS,  /* max_iter is reached */
    WG_LBFGS_EVALUATIONS, /* max_eval is reached */
    WG_LBFGS_NO_DESCENT   /* the loss does not even fall against the gradient: that is wrong, or rounding larger */
} wg_lbfgs_end;

typedef struct wg_lbfgs_report {
    wg_lbfgs_end end;
    int64_t iterations, evaluations;
    double first_loss, loss; /* before the step, after it */
    double largest;          /* of the gradient's elements, by size, after it */
} wg_lbfgs_report;

/* One step: up to max_iter iterations. Clears the tape before, between and after evaluations. Assigns that the
 * loss records, such as running statistics, are carried out once, with the first evaluation. Where the loss is
 * not finite the line search goes back. If it is not to begin with, or the function, an evaluation or memory
 * fails, the tape has the error, parameters are as before the step, and pairs are forgotten if the step had made
 * new ones. `report` may be NULL. Returns the tape's wg_status. */
WG_API int wg_lbfgs_step(wg_optimizer *optimizer, wg_tape *tape, wg_loss_function *loss, void *context,
                         wg_lbfgs_report *report);

WG_END_C

#define wg_lbfgs(...) wg_lbfgs_(__VA_ARGS__, )
#define wg_lbfgs_(model, ...) (wg_lbfgs)(model, WG_OPTIONS_(wg_lbfgs_options, __VA_ARGS__))
#define wg_lbfgs_states(...) wg_lbfgs_states_(__VA_ARGS__, )
#define wg_lbfgs_states_(states, count, ...)                                                       \
    (wg_lbfgs_states)(states, count, WG_OPTIONS_(wg_lbfgs_options, __VA_ARGS__))

#endif
