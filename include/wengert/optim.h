/* optim — optimizers: what turns gradients into updates, recorded on the tape like everything else.
 *
 *     wg_optimizer *adam = wg_adamw(model, 1e-3, .clip_norm = 1.0);
 *     wg_minimize(adam, loss);
 *     if (wg_eval(loss)) ...
 *
 * An optimizer touches the parameters that are its model's, not frozen, and reached by the loss; the
 * others keep their bits. A step happens whole or not at all: if the loss, a gradient or (when
 * clipping by it) the norm of the gradients is not finite, the evaluation fails with
 * WG_ERROR_NOT_FINITE and nothing has changed.
 *
 * Rates and coefficients are values, not structure: changing them costs no new plan. */
#ifndef WENGERT_OPTIM_H
#define WENGERT_OPTIM_H

#include <wengert/model.h>
#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_optimizer wg_optimizer;

/* --- Kinds ------------------------------------------------------------------------------------ */

/* Stochastic gradient descent. For each parameter w with gradient g:
 *   g += weight_decay w;  m = momentum m + g;  g = nesterov ? g + momentum m : m;  w -= rate g
 * Sutskever et al. 2013, ICML, in PyTorch's form. */
typedef struct wg_sgd_options {
    WG_OPTIONS_HEAD;
    double momentum WG_DEFAULT_;     /* default 0: none */
    bool nesterov WG_DEFAULT_;       /* needs momentum */
    double weight_decay WG_DEFAULT_; /* default 0 */
    double clip_norm WG_DEFAULT_;    /* gradients are scaled down to this norm over all parameters together */
    double clip_value WG_DEFAULT_;   /* elements of gradients are brought into [-clip_value, clip_value] */
} wg_sgd_options;

/* Adam. For each parameter w with gradient g, at its t-th update:
 *   g += weight_decay w;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²
 *   w -= rate (m / (1 - beta1ᵗ)) / (sqrt(v / (1 - beta2ᵗ)) + eps)
 * Kingma & Ba 2015, arXiv:1412.6980. In AdamW the decay leaves the gradient alone and acts on the
 * parameter itself, w -= rate weight_decay w: Loshchilov & Hutter 2019, arXiv:1711.05101.
 * WG_ZERO stands for an exact 0 where the default is another number. */
typedef struct wg_adam_options {
    WG_OPTIONS_HEAD;
    double beta1 WG_DEFAULT_;        /* default 0.9 */
    double beta2 WG_DEFAULT_;        /* default 0.999 */
    double eps WG_DEFAULT_;          /* default 1e-8 */
    double weight_decay WG_DEFAULT_; /* default: Adam 0, AdamW 0.01 */
    double clip_norm WG_DEFAULT_;    /* as in wg_sgd_options */
    double clip_value WG_DEFAULT_;
} wg_adam_options;

/* An optimizer of a model's parameters. NULL: no memory, or no model. An option out of its range makes an
 * optimizer whose every step puts that error on the tape. */
WG_API wg_optimizer *wg_sgd(wg_model *model, double learning_rate,
                            const wg_sgd_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adam(wg_model *model, double learning_rate,
                             const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adamw(wg_model *model, double learning_rate,
                              const wg_adam_options *options) WG_MUST_USE;

/* The same for `count` states of f32 or f64 without a model. The list is copied, the states are retained. */
WG_API wg_optimizer *wg_sgd_states(wg_state *const *states, int count, double learning_rate,
                                   const wg_sgd_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adam_states(wg_state *const *states, int count, double learning_rate,
                                    const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adamw_states(wg_state *const *states, int count, double learning_rate,
                                     const wg_adam_options *options) WG_MUST_USE;

WG_API void wg_optimizer_free(wg_optimizer *optimizer); /* NULL is harmless */

/* --- Steps ------------------------------------------------------------------------------------ */

/* Records the backward pass from a loss of one element, clipping and the update; the tape's next
 * evaluation carries it out. Returns the tape's wg_status. */
WG_API int wg_minimize(wg_optimizer *optimizer, wg_var loss);

/* The two halves. Gradients of several losses, each accumulated once, are added up; then one update
 * takes them all. All of it belongs on one tape, between two clears. */
WG_API int wg_accumulate(wg_optimizer *optimizer, wg_var loss);
WG_API int wg_update(wg_optimizer *optimizer);

WG_API int wg_minimize_at_(wg_optimizer *optimizer, wg_var loss, const char *file, int line);
WG_API int wg_accumulate_at_(wg_optimizer *optimizer, wg_var loss, const char *file, int line);
WG_API int wg_update_at_(wg_optimizer *optimizer, const char *file, int line);

/* --- Learning rate ---------------------------------------------------------------------------- */

/* Holds for updates recorded from now on. */
WG_API void wg_set_learning_rate(wg_optimizer *optimizer, double learning_rate);
WG_API double wg_learning_rate(const wg_optimizer *optimizer);

/* A factor on the learning rate that depends on t, the updates made so far. It is recorded as ops of
 * the step's state: no call for each step, and the same bits on every machine. */
typedef enum wg_schedule {
    WG_CONSTANT = 0, /* 1 */
    WG_STEPWISE,     /* decay to the power floor(s / period) */
    WG_COSINE        /* half a wave from 1 down to `floor`: floor + (1 - floor) (1 + cos(π s / S)) / 2 */
} wg_schedule;

typedef struct wg_schedule_options {
    WG_OPTIONS_HEAD;
    int64_t warm_up WG_DEFAULT_; /* times (t + 1) / warm_up in the first updates; s counts from their end */
    int64_t steps WG_DEFAULT_;   /* cosine: all updates, warm-up included; S is what is left of them */
    int64_t period WG_DEFAULT_;  /* stepwise: updates from one fall to the next */
    double decay WG_DEFAULT_;    /* stepwise: default 0.1 */
    double floor WG_DEFAULT_;    /* cosine: default 0 */
} wg_schedule_options;

/* Returns WG_ERROR_ATTRIBUTE, and leaves the schedule as it was, if an option is out of its range. */
WG_API int wg_set_schedule(wg_optimizer *optimizer, wg_schedule schedule, const wg_schedule_options *options);

/* --- What it remembers ------------------------------------------------------------------------ */

/* One of the states in which an optimizer keeps its memory of past gradients. */
typedef struct wg_optimizer_memory {
    const char *parameter; /* its path; of an optimizer without a model "state 0", "state 1", … */
    const char *name;      /* "momentum", "mean", "square" … */
    wg_state *state;       /* the optimizer's */
} wg_optimizer_memory;

/* They are made when a parameter is first updated, or come from a checkpoint; counted from 0 in the order of the parameters. Out of
 * range: all zeros. */
WG_API int wg_optimizer_count(const wg_optimizer *optimizer);
WG_API wg_optimizer_memory wg_optimizer_state(const wg_optimizer *optimizer, int index);

WG_END_C

#define wg_sgd(...) wg_sgd_(__VA_ARGS__, )
#define wg_sgd_(model, learning_rate, ...)                                                         \
    (wg_sgd)(model, learning_rate, WG_OPTIONS_(wg_sgd_options, __VA_ARGS__))
#define wg_adam(...) wg_adam_(__VA_ARGS__, )
#define wg_adam_(model, learning_rate, ...)                                                        \
    (wg_adam)(model, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_adamw(...) wg_adamw_(__VA_ARGS__, )
#define wg_adamw_(model, learning_rate, ...)                                                       \
    (wg_adamw)(model, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_sgd_states(...) wg_sgd_states_(__VA_ARGS__, )
#define wg_sgd_states_(states, count, learning_rate, ...)                                          \
    (wg_sgd_states)(states, count, learning_rate, WG_OPTIONS_(wg_sgd_options, __VA_ARGS__))
#define wg_adam_states(...) wg_adam_states_(__VA_ARGS__, )
#define wg_adam_states_(states, count, learning_rate, ...)                                         \
    (wg_adam_states)(states, count, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_adamw_states(...) wg_adamw_states_(__VA_ARGS__, )
#define wg_adamw_states_(states, count, learning_rate, ...)                                        \
    (wg_adamw_states)(states, count, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_set_schedule(...) wg_set_schedule_(__VA_ARGS__, )
#define wg_set_schedule_(optimizer, schedule, ...)                                                 \
    (wg_set_schedule)(optimizer, schedule, WG_OPTIONS_(wg_schedule_options, __VA_ARGS__))
#define wg_minimize(...) wg_minimize_(__VA_ARGS__)
#define wg_minimize_(optimizer, loss) wg_minimize_at_(optimizer, loss, __FILE__, __LINE__)
#define wg_accumulate(...) wg_accumulate_(__VA_ARGS__)
#define wg_accumulate_(optimizer, loss) wg_accumulate_at_(optimizer, loss, __FILE__, __LINE__)
#define wg_update(optimizer) wg_update_at_(optimizer, __FILE__, __LINE__)
#endif
