/* rmsprop — with learning rate r, share a = 1 - alpha, momentum mu and weight decay d,
 *
 *     g' = g + d w,   v' = v + a (g'² - v),   u = g' / (sqrt(v') + eps),   m' = mu m + u,   w' = w - r m'
 *
 * centred: v' - n'² in the place of v', where n' = n + a (g' - n). Tieleman & Hinton 2012, lecture 6.5 of
 * Neural Networks for Machine Learning; centred: Graves 2013, arXiv:1308.0850, equations 38-45. Both in the
 * form of torch.optim.RMSprop, in which eps stands outside of the root. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

enum { SHARE, EPS, MOMENTUM, CENTERED };

static void record(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const double *numbers = update->optimizer->numbers;
    const wg_dtype dtype = wg_type_of(w).dtype;
    const wg_var share = wg_update_number(update, SHARE, dtype);
    int k = 0; /* of the memories, in the order of describe() */
    g = wg_update_decayed(update, w, g);
    wg_var square = wg_mean_with(memory[k], share, (wg_square)(g));
    slot->next[1 + k++] = square;
    if (numbers[CENTERED] != 0) {
        const wg_var mean = wg_mean_with(memory[k], share, g);
        slot->next[1 + k++] = mean;
        /* A variance: rounding may leave less than 0. */
        square =
            (wg_maximum)((wg_sub)(square, (wg_square)(mean)), (wg_cast)((wg_scalar)(update->tape, 0), dtype));
    }
    wg_var change = (wg_div)(g, (wg_add)((wg_sqrt)(square), wg_update_number(update, EPS, dtype)));
    if (numbers[MOMENTUM] != 0) {
        change = (wg_add)((wg_mul)(wg_update_number(update, MOMENTUM, dtype), memory[k]), change);
        slot->next[1 + k] = change;
    }
    slot->next[0] = wg_update_moved(update, w, change);
}

static wg_optimizer describe(double rate, const wg_rmsprop_options *given) {
    WG_OPTIONS_READ(wg_rmsprop_options, options, given);
    const double alpha = wg_option_or(options.alpha, 0.99), eps = wg_option_or(options.eps, 1e-8);
    wg_optimizer rmsprop = {
        .rule = {.name = "rmsprop", .record = record},
        .numbers =
            {[SHARE] = 1 - alpha, [EPS] = eps, [MOMENTUM] = options.momentum, [CENTERED] = options.centered},
        .rate = rate,
        WG_OPTIMIZER_COMMON(options, 0),
    };
    wg_memory_kind *memory = rmsprop.rule.memory;
    int *count = &rmsprop.rule.memory_count;
    memory[(*count)++].name = "square";
    if (options.centered) memory[(*count)++].name = "mean";
    if (options.momentum != 0) memory[(*count)++].name = "momentum";
    wg_option_check(&rmsprop, alpha >= 0 && alpha < 1, "alpha", alpha, "at least 0 and below 1");
    wg_option_check(&rmsprop, eps >= 0 && eps < 1e30, "eps", eps, "finite and at least 0");
    wg_option_check(&rmsprop, options.momentum >= 0 && options.momentum < 1, "momentum", options.momentum,
                    "at least 0 and below 1");
    return rmsprop;
}

wg_optimizer *(wg_rmsprop)(wg_model *model, double learning_rate, const wg_rmsprop_options *options) {
    const wg_optimizer rmsprop = describe(learning_rate, options);
    return wg_optimizer_of_model(model, &rmsprop);
}

wg_optimizer *(wg_rmsprop_states)(wg_state *const *states, int count, double learning_rate,
                                  const wg_rmsprop_options *options) {
    const wg_optimizer rmsprop = describe(learning_rate, options);
    return wg_optimizer_of_states(states, count, &rmsprop);
}
