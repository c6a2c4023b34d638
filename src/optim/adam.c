/* adam — Adam, AdamW and LAMB: with learning rate r, weight decay d, a = 1 - beta1 and b = 1 - beta2,
 *
 *     m' = m + a (g - m),   v' = v + b (g² - v),   w' = w - r (m' / c) / (sqrt(v' / e) + eps)
 *
 * Means that start at 0 are too small by c = 1 - beta1^t and e = 1 - beta2^t after t updates. These are
 * themselves the same means of the constant 1, c' = c + a (1 - c), and are kept so, for each parameter:
 * one that is thawed later starts anew, as it should. Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
 *
 * The decay d adds d w to g in Adam; in AdamW it takes r d w from w: Loshchilov & Hutter 2019,
 * arXiv:1711.05101, algorithm 2. LAMB: You et al. 2020, arXiv:1904.00962, algorithm 2. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

enum { MEAN_SHARE, SQUARE_SHARE, EPS };            /* a, b, eps */
enum { MEAN, SQUARE, MEAN_WEIGHT, SQUARE_WEIGHT }; /* m, v, c, e */

/* rate (m / c) / (sqrt(v / e) + eps); what depends on no element is computed once, in f64. */
static wg_var change(wg_update_record *update, const wg_slot *slot, wg_dtype dtype, wg_var rate) {
    const wg_var *next = slot->next + 1;
    const wg_var one = (wg_scalar)(update->tape, 1);
    const wg_var size = (wg_cast)((wg_div)(rate, next[MEAN_WEIGHT]), dtype);
    const wg_var scale = (wg_cast)((wg_div)(one, (wg_sqrt)(next[SQUARE_WEIGHT])), dtype);
    const wg_var root = (wg_mul)((wg_sqrt)(next[SQUARE]), scale);
    const wg_var eps = wg_update_number(update, EPS, dtype);
    return (wg_mul)(size, (wg_div)(next[MEAN], (wg_add)(root, eps)));
}

static void record_means(wg_update_record *update, wg_slot *slot, wg_dtype dtype, wg_var g,
                         const wg_var *memory) {
    const wg_var one = (wg_scalar)(update->tape, 1);
    wg_var *next = slot->next + 1;
    next[MEAN] = wg_mean_with(memory[MEAN], wg_update_number(update, MEAN_SHARE, dtype), g);
    next[SQUARE] =
        wg_mean_with(memory[SQUARE], wg_update_number(update, SQUARE_SHARE, dtype), (wg_square)(g));
    next[MEAN_WEIGHT] = wg_mean_with(memory[MEAN_WEIGHT], wg_update_number(update, MEAN_SHARE, WG_F64), one);
    next[SQUARE_WEIGHT] =
        wg_mean_with(memory[SQUARE_WEIGHT], wg_update_number(update, SQUARE_SHARE, WG_F64), one);
}

static void record_adam(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    record_means(update, slot, dtype, wg_update_decayed(update, w, g), memory);
    slot->next[0] = (wg_sub)(w, change(update, slot, dtype, update->rate));
}

static void record_adamw(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    record_means(update, slot, dtype, g, memory);
    const wg_var taken = change(update, slot, dtype, update->rate);
    if (update->decay.tape) {
        const wg_var one = (wg_scalar)(update->tape, 1);
        w = (wg_mul)(w, (wg_cast)((wg_sub)(one, (wg_mul)(update->rate, update->decay)), dtype));
    }
    slot->next[0] = (wg_sub)(w, taken);
}

/* The direction u of AdamW at rate 1, decay included, goes as far as the weights are long: w' = w - r |w| /
 * |u| u. Where either is 0 the factor is 1. */
static void record_lamb(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    const wg_var one = (wg_scalar)(update->tape, 1), zero = (wg_scalar)(update->tape, 0);
    record_means(update, slot, dtype, g, memory);
    const wg_var u = wg_update_decayed(update, w, change(update, slot, dtype, one));
    const wg_var length = (wg_norm)(w, 2, WG_ALL_AXES, NULL), step = (wg_norm)(u, 2, WG_ALL_AXES, NULL);
    const wg_var usable = (wg_logical_and)((wg_greater)(length, zero), (wg_greater)(step, zero));
    const wg_var ratio = (wg_where)(usable, (wg_div)(length, step), (wg_cast)(one, dtype));
    slot->next[0] = wg_update_moved(update, w, (wg_mul)(ratio, u));
}

typedef enum adam_kind { ADAM, ADAMW, LAMB } adam_kind;

static wg_optimizer describe(adam_kind kind, double rate, const wg_adam_options *given) {
    static const struct {
        const char *name;
        void (*record)(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory);
        double eps, decay;
    } kinds[] = {[ADAM] = {"adam", record_adam, 1e-8, 0},
                 [ADAMW] = {"adamw", record_adamw, 1e-8, 0.01},
                 [LAMB] = {"lamb", record_lamb, 1e-6, 0.01}};
    WG_OPTIONS_READ(wg_adam_options, options, given);
    const double beta1 = wg_option_or(options.beta1, 0.9), beta2 = wg_option_or(options.beta2, 0.999);
    const double eps = wg_option_or(options.eps, kinds[kind].eps);
    wg_optimizer adam = {
        .rule =
            {
                .name = kinds[kind].name,
                .memory_count = 4,
                .memory = {[MEAN] = {"mean", WG_MEMORY_ALIKE},
                           [SQUARE] = {"square", WG_MEMORY_ALIKE},
                           [MEAN_WEIGHT] = {"mean_weight", WG_MEMORY_SCALAR},
                           [SQUARE_WEIGHT] = {"square_weight", WG_MEMORY_SCALAR}},
                .record = kinds[kind].record,
            },
        .numbers = {[MEAN_SHARE] = 1 - beta1, [SQUARE_SHARE] = 1 - beta2, [EPS] = eps},
        .rate = rate,
        WG_OPTIMIZER_COMMON(options, kinds[kind].decay),
    };
    wg_option_check(&adam, beta1 >= 0 && beta1 < 1, "beta1", beta1, "at least 0 and below 1");
    wg_option_check(&adam, beta2 >= 0 && beta2 < 1, "beta2", beta2, "at least 0 and below 1");
    wg_option_check(&adam, eps >= 0 && eps < 1e30, "eps", eps, "finite and at least 0");
    return adam;
}

wg_optimizer *(wg_adam)(wg_model *model, double learning_rate, const wg_adam_options *options) {
    const wg_optimizer adam = describe(ADAM, learning_rate, options);
    return wg_optimizer_of_model(model, &adam);
}

wg_optimizer *(wg_adamw)(wg_model *model, double learning_rate, const wg_adam_options *options) {
    const wg_optimizer adamw = describe(ADAMW, learning_rate, options);
    return wg_optimizer_of_model(model, &adamw);
}

wg_optimizer *(wg_adam_states)(wg_state *const *states, int count, double learning_rate,
                               const wg_adam_options *options) {
    const wg_optimizer adam = describe(ADAM, learning_rate, options);
    return wg_optimizer_of_states(states, count, &adam);
}

wg_optimizer *(wg_adamw_states)(wg_state *const *states, int count, double learning_rate,
                                const wg_adam_options *options) {
    const wg_optimizer adamw = describe(ADAMW, learning_rate, options);
    return wg_optimizer_of_states(states, count, &adamw);
}

wg_optimizer *(wg_lamb)(wg_model *model, double learning_rate, const wg_adam_options *options) {
    const wg_optimizer lamb = describe(LAMB, learning_rate, options);
    return wg_optimizer_of_model(model, &lamb);
}

wg_optimizer *(wg_lamb_states)(wg_state *const *states, int count, double learning_rate,
                               const wg_adam_options *options) {
    const wg_optimizer lamb = describe(LAMB, learning_rate, options);
    return wg_optimizer_of_states(states, count, &lamb);
}
