/* lion — with learning rate r, a = 1 - beta1, b = 1 - beta2 and weight decay d,
 *
 *     w' = w - r (sign(m + a (g - m)) + d w),   m' = m + b (g - m)
 *
 * Chen et al. 2023, arXiv:2302.06675, program 1. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/op.h>
#include <wengert/ops.h>

enum { STEP_SHARE, MEAN_SHARE };

static void record(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    const wg_var towards = wg_mean_with(memory[0], wg_update_number(update, STEP_SHARE, dtype), g);
    slot->next[0] = wg_update_moved(update, w, wg_update_decayed(update, w, (wg_sign)(towards)));
    slot->next[1] = wg_mean_with(memory[0], wg_update_number(update, MEAN_SHARE, dtype), g);
}

static wg_optimizer describe(double rate, const wg_lion_options *given) {
    WG_OPTIONS_READ(wg_lion_options, options, given);
    const double beta1 = wg_option_or(options.beta1, 0.9), beta2 = wg_option_or(options.beta2, 0.99);
    wg_optimizer lion = {
        .rule = {.name = "lion", .memory_count = 1, .memory = {{"mean", WG_MEMORY_ALIKE}}, .record = record},
        .numbers = {[STEP_SHARE] = 1 - beta1, [MEAN_SHARE] = 1 - beta2},
        .rate = rate,
        WG_OPTIMIZER_COMMON(options, 0),
    };
    wg_option_check(&lion, beta1 >= 0 && beta1 < 1, "beta1", beta1, "at least 0 and below 1");
    wg_option_check(&lion, beta2 >= 0 && beta2 < 1, "beta2", beta2, "at least 0 and below 1");
    return lion;
}

wg_optimizer *(wg_lion)(wg_model *model, double learning_rate, const wg_lion_options *options) {
    const wg_optimizer lion = describe(learning_rate, options);
    return wg_optimizer_of_model(model, &lion);
}

wg_optimizer *(wg_lion_states)(wg_state *const *states, int count, double learning_rate,
                               const wg_lion_options *options) {
    const wg_optimizer lion = describe(learning_rate, options);
    return wg_optimizer_of_states(states, count, &lion);
}
