/* adam — Adam and AdamW: with learning rate r, weight decay d, a = 1 - beta1 and b = 1 - beta2,
 *
 *     m' = m + a (g - m),   v' = v + b (g² - v),   w' = w - r (m' / c) / (sqrt(v' / e) + eps)
 *
 * Means that start at 0 are too small by c = 1 - beta1^t and e = 1 - beta2^t after t updates. These are
 * themselves the same means of the constant 1, c' = c + a (1 - c), and are kept so, for each parameter:
 * one that is thawed later starts anew, as it should. Kingma & Ba 2015, arXiv:1412.6980, algorithm 1.
 *
 * The decay d adds d w to g in Adam; in AdamW it takes r d w from w: Loshchilov & Hutter 2019,
 * arXiv:1711.05101, algorithm 2. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

enum { MEAN_SHARE, SQUARE_SHARE, EPS, DECAY };     /* a, b, eps, d */
enum { MEAN, SQUARE, MEAN_WEIGHT, SQUARE_WEIGHT }; /* m, v, c, e */

/* The running mean after one more value: mean + share (value - mean). */
static wg_var mean_with(wg_var mean, wg_var share, wg_var value) {
    return (wg_add)(mean, (wg_mul)(share, (wg_sub)(value, mean)));
}

/* r (m / c) / (sqrt(v / e) + eps); what depends on no element is computed once, in f64. */
static wg_var change(wg_update_record *update, const wg_slot *slot, wg_dtype dtype) {
    const wg_var *next = slot->next + 1;
    const wg_var one = (wg_scalar)(update->tape, 1);
    const wg_var size = (wg_cast)((wg_div)(update->rate, next[MEAN_WEIGHT]), dtype);
    const wg_var scale = (wg_cast)((wg_div)(one, (wg_sqrt)(next[SQUARE_WEIGHT])), dtype);
    const wg_var root = (wg_mul)((wg_sqrt)(next[SQUARE]), scale);
    const wg_var eps = wg_update_number(update, EPS, dtype);
    return (wg_mul)(size, (wg_div)(next[MEAN], (wg_add)(root, eps)));
}

static void record_means(wg_update_record *update, wg_slot *slot, wg_dtype dtype, wg_var g,
                         const wg_var *memory) {
    const wg_var one = (wg_scalar)(update->tape, 1);
    wg_var *next = slot->next + 1;
    next[MEAN] = mean_with(memory[MEAN], wg_update_number(update, MEAN_SHARE, dtype), g);
    next[SQUARE] = mean_with(memory[SQUARE], wg_update_number(update, SQUARE_SHARE, dtype), (wg_square)(g));
    next[MEAN_WEIGHT] = mean_with(memory[MEAN_WEIGHT], wg_update_number(update, MEAN_SHARE, WG_F64), one);
    next[SQUARE_WEIGHT] =
        mean_with(memory[SQUARE_WEIGHT], wg_update_number(update, SQUARE_SHARE, WG_F64), one);
}

static void record_adam(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    if (update->optimizer->numbers[DECAY] != 0)
        g = (wg_add)(g, (wg_mul)(wg_update_number(update, DECAY, dtype), w));
    record_means(update, slot, dtype, g, memory);
    slot->next[0] = (wg_sub)(w, change(update, slot, dtype));
}

static void record_adamw(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    record_means(update, slot, dtype, g, memory);
    const wg_var decay = wg_update_number(update, DECAY, WG_F64), one = (wg_scalar)(update->tape, 1);
    const wg_var kept = (wg_cast)((wg_sub)(one, (wg_mul)(update->rate, decay)), dtype);
    slot->next[0] = (wg_sub)((wg_mul)(w, kept), change(update, slot, dtype));
}

static wg_optimizer describe(bool is_adamw, double rate, const wg_adam_options *given) {
    WG_OPTIONS_READ(wg_adam_options, options, given);
    const double beta1 = wg_option_or(options.beta1, 0.9), beta2 = wg_option_or(options.beta2, 0.999);
    const double eps = wg_option_or(options.eps, 1e-8);
    const double decay = wg_option_or(options.weight_decay, is_adamw ? 0.01 : 0);
    wg_optimizer adam = {
        .rule =
            {
                .name = is_adamw ? "adamw" : "adam",
                .memory_count = 4,
                .memory = {[MEAN] = {"mean", false},
                           [SQUARE] = {"square", false},
                           [MEAN_WEIGHT] = {"mean_weight", true},
                           [SQUARE_WEIGHT] = {"square_weight", true}},
                .record = is_adamw ? record_adamw : record_adam,
            },
        .numbers = {[MEAN_SHARE] = 1 - beta1, [SQUARE_SHARE] = 1 - beta2, [EPS] = eps, [DECAY] = decay},
        .rate = rate,
        .clip_norm = options.clip_norm,
        .clip_value = options.clip_value,
    };
    wg_option_check(&adam, beta1 >= 0 && beta1 < 1, "beta1", beta1, "at least 0 and below 1");
    wg_option_check(&adam, beta2 >= 0 && beta2 < 1, "beta2", beta2, "at least 0 and below 1");
    wg_option_check(&adam, eps >= 0 && eps < 1e30, "eps", eps, "finite and at least 0");
    wg_option_check(&adam, decay >= 0 && decay < 1e30, "weight_decay", decay, "finite and at least 0");
    return adam;
}

wg_optimizer *(wg_adam)(wg_model *model, double learning_rate, const wg_adam_options *options) {
    const wg_optimizer adam = describe(false, learning_rate, options);
    return wg_optimizer_of_model(model, &adam);
}

wg_optimizer *(wg_adamw)(wg_model *model, double learning_rate, const wg_adam_options *options) {
    const wg_optimizer adamw = describe(true, learning_rate, options);
    return wg_optimizer_of_model(model, &adamw);
}

wg_optimizer *(wg_adam_states)(wg_state *const *states, int count, double learning_rate,
                               const wg_adam_options *options) {
    const wg_optimizer adam = describe(false, learning_rate, options);
    return wg_optimizer_of_states(states, count, &adam);
}

wg_optimizer *(wg_adamw_states)(wg_state *const *states, int count, double learning_rate,
                                const wg_adam_options *options) {
    const wg_optimizer adamw = describe(true, learning_rate, options);
    return wg_optimizer_of_states(states, count, &adamw);
}
