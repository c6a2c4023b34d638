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

/* What the options of every kind have. */
#define WG_OPTIMIZER_OPTIONS                                                                                   \
    double weight_decay WG_DEFAULT_; /* default 0, of AdamW and LAMB 0.01; WG_ZERO: 0 */                       \
    double clip_value WG_DEFAULT_;   /* elements of gradients are brought into [-clip_value, clip_value] */    \
    double clip_layer WG_DEFAULT_;   /* then each gradient is scaled down to this norm */                      \
    double clip_norm WG_DEFAULT_;    /* then all, to this norm over all parameters together */                 \
    double average WG_DEFAULT_       /* running means of the weights, such as 0.999: see wg_swap_averages */

/* Stochastic gradient descent. For each parameter w with gradient g:
 *   g += weight_decay w;  m = momentum m + g;  g = nesterov ? g + momentum m : m;  w -= rate g
 * Sutskever et al. 2013, ICML, in PyTorch's form. */
typedef struct wg_sgd_options {
    WG_OPTIONS_HEAD;
    double momentum WG_DEFAULT_; /* default 0: none */
    bool nesterov WG_DEFAULT_;   /* needs momentum */
    WG_OPTIMIZER_OPTIONS;
} wg_sgd_options;

/* Adam. For each parameter w with gradient g, at its t-th update:
 *   g += weight_decay w;  m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g²
 *   w -= rate (m / (1 - beta1ᵗ)) / (sqrt(v / (1 - beta2ᵗ)) + eps)
 * Kingma & Ba 2015, arXiv:1412.6980. In AdamW the decay leaves the gradient alone and acts on the
 * parameter itself, w -= rate weight_decay w: Loshchilov & Hutter 2019, arXiv:1711.05101. LAMB takes the step u of
 * AdamW at rate 1, decay included, times |w| / |u| over each parameter: w -= rate |w| / |u| u; where either is 0 the
 * factor is 1: You et al. 2020, arXiv:1904.00962.
 * WG_ZERO stands for an exact 0 where the default is another number. */
typedef struct wg_adam_options {
    WG_OPTIONS_HEAD;
    double beta1 WG_DEFAULT_; /* default 0.9 */
    double beta2 WG_DEFAULT_; /* default 0.999 */
    double eps WG_DEFAULT_;   /* default 1e-8, of LAMB 1e-6 */
    WG_OPTIMIZER_OPTIONS;
} wg_adam_options;

/* RMSProp. For each parameter w with gradient g:
 *   g += weight_decay w;  v = alpha v + (1 - alpha) g²;  m = momentum m + g / (sqrt(v) + eps);  w -= rate m
 * Centered: the variance v - n² for v, with n = alpha n + (1 - alpha) g. Tieleman & Hinton 2012; Graves 2013,
 * arXiv:1308.0850; in PyTorch's form. */
typedef struct wg_rmsprop_options {
    WG_OPTIONS_HEAD;
    double alpha WG_DEFAULT_;    /* default 0.99 */
    double eps WG_DEFAULT_;      /* default 1e-8 */
    double momentum WG_DEFAULT_; /* default 0 */
    bool centered WG_DEFAULT_;
    WG_OPTIMIZER_OPTIONS;
} wg_rmsprop_options;

/* Adagrad. For each parameter w with gradient g, s beginning with `initial`:
 *   g += weight_decay w;  s += g²;  w -= rate g / (sqrt(s) + eps)
 * Duchi, Hazan & Singer 2011, JMLR 12. PyTorch's lr_decay is the schedule WG_INVERSE_TIME. */
typedef struct wg_adagrad_options {
    WG_OPTIONS_HEAD;
    double eps WG_DEFAULT_;     /* default 1e-10 */
    double initial WG_DEFAULT_; /* default 0 */
    WG_OPTIMIZER_OPTIONS;
} wg_adagrad_options;

/* Lion. For each parameter w with gradient g:
 *   w -= rate (sign(beta1 m + (1 - beta1) g) + weight_decay w);  m = beta2 m + (1 - beta2) g
 * Chen et al. 2023, arXiv:2302.06675. */
typedef struct wg_lion_options {
    WG_OPTIONS_HEAD;
    double beta1 WG_DEFAULT_; /* default 0.9 */
    double beta2 WG_DEFAULT_; /* default 0.99 */
    WG_OPTIMIZER_OPTIONS;
} wg_lion_options;

/* L-BFGS, which evaluates the loss itself, is in lbfgs.h. */

/* An optimizer of a model's parameters. NULL: no memory, or no model. An option out of its range makes an
 * optimizer whose every step puts that error on the tape. */
WG_API wg_optimizer *wg_sgd(wg_model *model, double learning_rate,
                            const wg_sgd_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adam(wg_model *model, double learning_rate,
                             const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adamw(wg_model *model, double learning_rate,
                              const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_lamb(wg_model *model, double learning_rate,
                             const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_rmsprop(wg_model *model, double learning_rate,
                                const wg_rmsprop_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adagrad(wg_model *model, double learning_rate,
                                const wg_adagrad_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_lion(wg_model *model, double learning_rate,
                             const wg_lion_options *options) WG_MUST_USE;

/* The same for `count` states of f32 or f64 without a model. The list is copied, the states are retained. */
WG_API wg_optimizer *wg_sgd_states(wg_state *const *states, int count, double learning_rate,
                                   const wg_sgd_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adam_states(wg_state *const *states, int count, double learning_rate,
                                    const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adamw_states(wg_state *const *states, int count, double learning_rate,
                                     const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_lamb_states(wg_state *const *states, int count, double learning_rate,
                                    const wg_adam_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_rmsprop_states(wg_state *const *states, int count, double learning_rate,
                                       const wg_rmsprop_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_adagrad_states(wg_state *const *states, int count, double learning_rate,
                                       const wg_adagrad_options *options) WG_MUST_USE;
WG_API wg_optimizer *wg_lion_states(wg_state *const *states, int count, double learning_rate,
                                    const wg_lion_options *options) WG_MUST_USE;

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

/* --- Groups ----------------------------------------------------------------------------------- */

typedef struct wg_group_options {
    WG_OPTIONS_HEAD;
    double rate WG_DEFAULT_;         /* a factor on the learning rate; default 1, WG_ZERO: 0 */
    double weight_decay WG_DEFAULT_; /* default: the optimizer's; WG_ZERO: none */
} wg_group_options;

/* Parameters whose path matches the pattern are updated with these, from the next update recorded on: `*` stands
 * for any characters, `?` for one. Of patterns that match the one set last counts; one set again keeps its place.
 *
 *     wg_set_group(adamw, "*bias", .weight_decay = WG_ZERO);
 *
 * Returns WG_ERROR_ATTRIBUTE for an option out of its range or no pattern, WG_ERROR_MEMORY without memory. */
WG_API int wg_set_group(wg_optimizer *optimizer, const char *pattern, const wg_group_options *options);

/* --- Averages --------------------------------------------------------------------------------- */

/* With the option `average` = b the optimizer keeps a running mean of the values of each parameter, each value
 * weighing b times the next: an exponential moving average, right from the first value on (Polyak & Juditsky 1992,
 * SIAM J. Control Optim. 30; with the correction of Adam). This makes parameters and means change places: before an
 * evaluation with the means, and after it again, before the next update or checkpoint. */
WG_API int wg_swap_averages(wg_optimizer *optimizer, wg_error *error);

/* --- Learning rate ---------------------------------------------------------------------------- */

/* Holds for updates recorded from now on. */
WG_API void wg_set_learning_rate(wg_optimizer *optimizer, double learning_rate);
WG_API double wg_learning_rate(const wg_optimizer *optimizer);

/* A factor on the learning rate that depends on t, the updates made so far. It is recorded as ops of
 * the step's state: no call for each step, and the same bits on every machine. */
typedef enum wg_schedule {
    WG_CONSTANT = 0, /* 1 */
    WG_STEPWISE,     /* decay to the power floor(s / period) */
    WG_COSINE,       /* half a wave from 1 down to `floor`: floor + (1 - floor) (1 + cos(π s / S)) / 2 */
    WG_LINEAR,       /* straight from 1 down to `floor`: floor + (1 - floor) (1 - s / S) */
    WG_EXPONENTIAL,  /* decay to the power s / period */
    WG_INVERSE_TIME, /* 1 / (1 + decay s) */
    WG_ONE_CYCLE     /* half a wave from `start` up to 1 in the first part `rise` of S, and one from there down to
                        `floor`: Smith & Topin 2018, arXiv:1708.07120 */
} wg_schedule;

typedef struct wg_schedule_options {
    WG_OPTIONS_HEAD;
    int64_t warm_up WG_DEFAULT_; /* times (t + 1) / warm_up in the first updates; s counts from their end */
    int64_t steps WG_DEFAULT_;   /* cosine, linear, one-cycle: all updates, warm-up included; S is what is left */
    int64_t period WG_DEFAULT_;  /* stepwise: updates from one fall to the next; exponential: default 1 */
    double decay WG_DEFAULT_;    /* stepwise, exponential, inverse time: default 0.1 */
    double floor WG_DEFAULT_;    /* cosine, linear, one-cycle: default 0 */
    double start WG_DEFAULT_;    /* one-cycle: default 0.04 */
    double rise WG_DEFAULT_;     /* one-cycle: default 0.3 */
} wg_schedule_options;

/* Returns WG_ERROR_ATTRIBUTE, and leaves the schedule as it was, if an option is out of its range. */
WG_API int wg_set_schedule(wg_optimizer *optimizer, wg_schedule schedule, const wg_schedule_options *options);

/* Lowers the learning rate when a loss, or whatever else should fall, does not: to be shown a value now and then, after
 * each epoch, say. After more than `patience` values in a row that are not below the least so far by the share
 * `threshold` of its size the rate is multiplied by `factor`, down to `least`, and the count begins anew. Belongs to the program:
 * {.factor = 0.5}, say; what is 0 has its default. */
typedef struct wg_plateau {
    double factor;    /* default 0.1 */
    double threshold; /* default 1e-4 */
    double least;
    int patience; /* default 10 */
    bool begun;
    int waited;
    double best;
} wg_plateau;

/* Returns true if this value has lowered the rate. A NaN counts as one that is not below. */
WG_API bool wg_plateau_show(wg_plateau *plateau, wg_optimizer *optimizer, double value);

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
#define wg_lamb(...) wg_lamb_(__VA_ARGS__, )
#define wg_lamb_(model, learning_rate, ...) \
    (wg_lamb)(model, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_lamb_states(...) wg_lamb_states_(__VA_ARGS__, )
#define wg_lamb_states_(states, count, learning_rate, ...) \
    (wg_lamb_states)(states, count, learning_rate, WG_OPTIONS_(wg_adam_options, __VA_ARGS__))
#define wg_rmsprop(...) wg_rmsprop_(__VA_ARGS__, )
#define wg_rmsprop_(model, learning_rate, ...) \
    (wg_rmsprop)(model, learning_rate, WG_OPTIONS_(wg_rmsprop_options, __VA_ARGS__))
#define wg_rmsprop_states(...) wg_rmsprop_states_(__VA_ARGS__, )
#define wg_rmsprop_states_(states, count, learning_rate, ...) \
    (wg_rmsprop_states)(states, count, learning_rate, WG_OPTIONS_(wg_rmsprop_options, __VA_ARGS__))
#define wg_adagrad(...) wg_adagrad_(__VA_ARGS__, )
#define wg_adagrad_(model, learning_rate, ...) \
    (wg_adagrad)(model, learning_rate, WG_OPTIONS_(wg_adagrad_options, __VA_ARGS__))
#define wg_adagrad_states(...) wg_adagrad_states_(__VA_ARGS__, )
#define wg_adagrad_states_(states, count, learning_rate, ...) \
    (wg_adagrad_states)(states, count, learning_rate, WG_OPTIONS_(wg_adagrad_options, __VA_ARGS__))
#define wg_lion(...) wg_lion_(__VA_ARGS__, )
#define wg_lion_(model, learning_rate, ...) \
    (wg_lion)(model, learning_rate, WG_OPTIONS_(wg_lion_options, __VA_ARGS__))
#define wg_lion_states(...) wg_lion_states_(__VA_ARGS__, )
#define wg_lion_states_(states, count, learning_rate, ...) \
    (wg_lion_states)(states, count, learning_rate, WG_OPTIONS_(wg_lion_options, __VA_ARGS__))
#define wg_set_group(...) wg_set_group_(__VA_ARGS__, )
#define wg_set_group_(optimizer, pattern, ...) \
    (wg_set_group)(optimizer, pattern, WG_OPTIONS_(wg_group_options, __VA_ARGS__))
#define wg_set_schedule(...) wg_set_schedule_(__VA_ARGS__, )
#define wg_set_schedule_(optimizer, schedule, ...)                                                 \
    (wg_set_schedule)(optimizer, schedule, WG_OPTIONS_(wg_schedule_options, __VA_ARGS__))
#define wg_minimize(...) wg_minimize_(__VA_ARGS__)
#define wg_minimize_(optimizer, loss) wg_minimize_at_(optimizer, loss, __FILE__, __LINE__)
#define wg_accumulate(...) wg_accumulate_(__VA_ARGS__)
#define wg_accumulate_(optimizer, loss) wg_accumulate_at_(optimizer, loss, __FILE__, __LINE__)
#define wg_update(optimizer) wg_update_at_(optimizer, __FILE__, __LINE__)
#endif
