/* sgd — stochastic gradient descent: with momentum mu, weight decay d and learning rate r,
 *
 *     g' = g + d w,   m' = mu m + g',   w' = w - r (nesterov ? g' + mu m' : m')
 *
 * Sutskever, Martens, Dahl & Hinton 2013, ICML, in the form of torch.optim.SGD, where the rate multiplies
 * the whole sum. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

enum { MOMENTUM };

static void record_plain(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    (void)memory;
    slot->next[0] = wg_update_moved(update, w, wg_update_decayed(update, w, g));
}

/* m <- mu m + g; nesterov looks ahead by another mu m. */
static void record_velocity(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, wg_var memory,
                            bool nesterov) {
    const wg_var mu = wg_update_number(update, MOMENTUM, wg_type_of(w).dtype);
    const wg_var decayed_g = wg_update_decayed(update, w, g), m = (wg_add)((wg_mul)(mu, memory), decayed_g);
    slot->next[0] = wg_update_moved(update, w, nesterov ? (wg_add)(decayed_g, (wg_mul)(mu, m)) : m);
    slot->next[1] = m;
}
static void record_momentum(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g,
                            const wg_var *memory) {
    record_velocity(update, slot, w, g, memory[0], false);
}
static void record_nesterov(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g,
                            const wg_var *memory) {
    record_velocity(update, slot, w, g, memory[0], true);
}

static wg_optimizer describe(double rate, const wg_sgd_options *given) {
    WG_OPTIONS_READ(wg_sgd_options, options, given);
    wg_optimizer sgd = {
        .rule = {.name = "sgd", .record = record_plain},
        .numbers = {[MOMENTUM] = options.momentum},
        .rate = rate,
        WG_OPTIMIZER_COMMON(options, 0),
    };
    if (options.momentum != 0) {
        sgd.rule.record = options.nesterov ? record_nesterov : record_momentum;
        sgd.rule.memory_count = 1;
        sgd.rule.memory[0].name = "momentum";
    }
    wg_option_check(&sgd, options.momentum >= 0 && options.momentum < 1, "momentum", options.momentum,
                    "at least 0 and below 1");
    wg_option_check(&sgd, options.momentum != 0 || !options.nesterov, "momentum", options.momentum,
                    "above 0 for nesterov");
    return sgd;
}

wg_optimizer *(wg_sgd)(wg_model *model, double learning_rate, const wg_sgd_options *options) {
    const wg_optimizer sgd = describe(learning_rate, options);
    return wg_optimizer_of_model(model, &sgd);
}

wg_optimizer *(wg_sgd_states)(wg_state *const *states, int count, double learning_rate,
                              const wg_sgd_options *options) {
    const wg_optimizer sgd = describe(learning_rate, options);
    return wg_optimizer_of_states(states, count, &sgd);
}
