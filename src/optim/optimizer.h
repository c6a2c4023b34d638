/* optimizer — inside view of an optimizer: slots, one a parameter, and the rule that updates them. */
#ifndef WG_OPTIM_OPTIMIZER_H
#define WG_OPTIM_OPTIMIZER_H

#include "base/base.h"
#include "io/parcel.h"
#include <wengert/optim.h>

enum { WG_MEMORY_MAX = 6, WG_NUMBER_MAX = 6 };

/* A parameter, what is remembered of its past gradients, and its part in the update being recorded. A slot
 * without a state waits: its memory was loaded before its parameter was met. */
typedef struct wg_slot {
    wg_state *state;
    const char *path;                /* the model's; without `info` the optimizer's */
    const wg_parameter_info *info;   /* the model's; NULL: a plain state, or none yet */
    wg_state *memory[WG_MEMORY_MAX]; /* NULL until it is first updated */
    wg_var gradient;                 /* accumulated so far; without a tape: none */
    wg_var next[1 + WG_MEMORY_MAX];  /* what the state and its memory become */
} wg_slot;

/* Parameters that are updated in their own way: those whose path the pattern matches. */
typedef struct wg_group {
    char *pattern;
    double rate, decay; /* a factor on the learning rate, and the weight decay */
} wg_group;

/* An update of one group while it is recorded. Numbers stand on the tape once for each dtype. */
typedef struct wg_update_record {
    const wg_optimizer *optimizer;
    wg_tape *tape;
    wg_var rate, rate_as[2];          /* the learning rate, f64, and as f32 and f64 */
    wg_var decay, decay_as[2];        /* the weight decay; without a tape: none */
    wg_var numbers[2][WG_NUMBER_MAX]; /* the rule's, as f32 and as f64 */
    wg_var shrink, shrink_as[2];      /* what clipping by norm multiplies gradients by */
} wg_update_record;

/* An f64 scalar, or of the parameter's type, or as many of those as the rule has rows. All begin with zeros.
 */
typedef enum wg_memory_form { WG_MEMORY_ALIKE, WG_MEMORY_SCALAR, WG_MEMORY_ROWS } wg_memory_form;
typedef struct wg_memory_kind {
    const char *name;
    wg_memory_form form;
} wg_memory_kind;

/* A kind of optimizer. Without `record` it has a step of its own. `record` fills in slot->next from w (the
 * parameter), g (its gradient, of the same dtype) and memory (its memory's vars). */
typedef struct wg_update_rule {
    const char *name;
    int memory_count;
    int64_t rows;
    wg_memory_kind memory[WG_MEMORY_MAX];
    void (*record)(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory);
} wg_update_rule;

typedef struct wg_schedule_plan {
    wg_schedule kind;
    wg_schedule_options options;
} wg_schedule_plan;

struct wg_optimizer {
    wg_update_rule rule;
    double numbers[WG_NUMBER_MAX]; /* the rule's coefficients, in an order that it knows */
    double rate, decay, clip_norm, clip_value, clip_layer;
    double average_share; /* 1 - average; 0: no averages are kept. Else they are the last two memories */
    bool is_swapped;      /* the parameters hold their averages, and these the parameters */
    wg_group *groups;     /* of those that match the last counts */
    size_t group_count, group_capacity;
    wg_schedule_plan schedule;
    wg_model *model; /* NULL: plain states */
    wg_state *step;  /* updates so far, i64: the model's, or its own */
    wg_slot *slots;  /* in the order of the paths, or of the list of states */
    size_t slot_count, slot_capacity;
    wg_var *vars; /* scratch: inputs of a gradient, then the gradients */
    size_t var_capacity;
    wg_var pending;        /* the loss accumulated last; without a tape: none since the last update */
    wg_error error;        /* of the options; every step says it */
    double *products;      /* lbfgs_history.c: of its pairs; NULL: not looked at yet */
    bool products_are_old; /* other pairs have been loaded since */
    bool is_asking;        /* lbfgs_evaluate.c: its loss function is at work */
};

/* Coefficient number `index` of the rule, the learning rate, and the weight decay (which is not 0) as scalars
 * of the dtype. */
wg_var wg_update_number(wg_update_record *update, int index, wg_dtype dtype);
wg_var wg_update_rate(wg_update_record *update, wg_dtype dtype);
wg_var wg_update_decay(wg_update_record *update, wg_dtype dtype);

/* g + decay w, the gradient with that of decay |w|² / 2; g itself where there is no decay. */
wg_var wg_update_decayed(wg_update_record *update, wg_var w, wg_var g);
/* w - rate direction */
wg_var wg_update_moved(wg_update_record *update, wg_var w, wg_var direction);
/* The running mean after one more value: mean + share (value - mean). */
wg_var wg_mean_with(wg_var mean, wg_var share, wg_var value);

/* Initialisers of what wg_optimizer takes from the options that all kinds have. */
#define WG_OPTIMIZER_COMMON(options, preset_decay)                                                 \
    .decay = wg_option_or((options).weight_decay, preset_decay), .clip_norm = (options).clip_norm, \
    .clip_value = (options).clip_value, .clip_layer = (options).clip_layer,                        \
    .average_share = (options).average > 0 ? 1 - (options).average : (options).average

/* A new optimizer of a model, or of plain states. Takes rule, numbers, rate, decay, clips, average and error
 * from `like`. */
wg_optimizer *wg_optimizer_of_model(wg_model *model, const wg_optimizer *like);
wg_optimizer *wg_optimizer_of_states(wg_state *const *states, int count, const wg_optimizer *like);

/* An option out of its range is remembered as the optimizer's error. */
void wg_option_check(wg_optimizer *optimizer, bool good, const char *option, double value, const char *range);

/* An option whose default is not 0, where WG_ZERO means 0. */
double wg_option_or(double value, double preset);

/* group.c: the group of a path; NULL: none. */
const wg_group *wg_group_of(const wg_optimizer *optimizer, const char *path);
void wg_groups_free(wg_optimizer *optimizer);

/* schedule.c: the learning rate, f64, from what it is without a schedule and the step, i64. */
wg_var wg_schedule_rate(wg_tape *tape, const wg_schedule_plan *schedule, double base, wg_var step);

/* optimizer.c: makes room at a place for a slot that is all zeros; NULL: no memory. Frees what a slot owns.
 */
wg_slot *wg_slot_insert(wg_optimizer *optimizer, size_t place);
void wg_slot_free(wg_slot *slot);

/* step.c: makes a slot's memory, all zeros, when it is first updated: all of it, or none. What was
 * accumulated and not yet taken is forgotten. */
bool wg_slot_make_memory(const wg_update_rule *rule, wg_slot *slot);
void wg_optimizer_forget(wg_optimizer *optimizer);

/* The type of memory k of a parameter of that type. */
wg_type wg_memory_type(const wg_update_rule *rule, int k, const wg_type *parameter);

/* --- save.c: optimizers in checkpoints --------------------------------------------------------- */

/* Adds what the optimizer remembers, its step and its learning rate to the parcel; of one without a model its
 * states, too. */
void wg_optimizer_pack(const wg_optimizer *optimizer, wg_parcel *parcel);

/* What a slot is to hold: the plain state's value, and its memory. */
typedef struct wg_slot_change {
    char *path;
    wg_state *next[1 + WG_MEMORY_MAX]; /* as in wg_slot */
} wg_slot_change;

/* Loading in two halves: see wg_model_change. */
typedef struct wg_optimizer_change {
    wg_optimizer *optimizer;
    wg_slot_change *slots; /* one each that the file has, in the order of their paths */
    size_t slot_count, slot_capacity;
    wg_tensor *step;
    double rate;
} wg_optimizer_change;
int wg_optimizer_prepare(wg_optimizer_change *change, wg_optimizer *optimizer, wg_safetensors *file,
                         const char *path, wg_error *error);
void wg_optimizer_commit(wg_optimizer_change *change);
void wg_optimizer_discard(wg_optimizer_change *change); /* after either half; of {0} harmless */

#endif
