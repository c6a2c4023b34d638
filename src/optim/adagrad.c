/* adagrad — with learning rate r, weight decay d and s beginning with `initial`,
 *
 *     g' = g + d w,   s' = s + g'²,   w' = w - r g' / (sqrt(s') + eps)
 *
 * Duchi, Hazan & Singer 2011, JMLR 12, in the form of torch.optim.Adagrad; its lr_decay is the schedule
 * WG_INVERSE_TIME. What is remembered begins with zeros, so `initial` is added where s is used. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

enum { EPS, INITIAL };

static void record(wg_update_record *update, wg_slot *slot, wg_var w, wg_var g, const wg_var *memory) {
    const wg_dtype dtype = wg_type_of(w).dtype;
    g = wg_update_decayed(update, w, g);
    slot->next[1] = (wg_add)(memory[0], (wg_square)(g));
    wg_var sum = slot->next[1];
    if (update->optimizer->numbers[INITIAL] != 0)
        sum = (wg_add)(sum, wg_update_number(update, INITIAL, dtype));
    const wg_var root = (wg_add)((wg_sqrt)(sum), wg_update_number(update, EPS, dtype));
    slot->next[0] = wg_update_moved(update, w, (wg_div)(g, root));
}

static wg_optimizer describe(double rate, const wg_adagrad_options *given) {
    WG_OPTIONS_READ(wg_adagrad_options, options, given);
    const double eps = wg_option_or(options.eps, 1e-10);
    wg_optimizer adagrad = {
        .rule = {.name = "adagrad",
                 .memory_count = 1,
                 .memory = {{"sum", WG_MEMORY_ALIKE}},
                 .record = record},
        .numbers = {[EPS] = eps, [INITIAL] = options.initial},
        .rate = rate,
        WG_OPTIMIZER_COMMON(options, 0),
    };
    wg_option_check(&adagrad, eps >= 0 && eps < 1e30, "eps", eps, "finite and at least 0");
    wg_option_check(&adagrad, options.initial >= 0 && options.initial < 1e30, "initial", options.initial,
                    "finite and at least 0");
    return adagrad;
}

wg_optimizer *(wg_adagrad)(wg_model *model, double learning_rate, const wg_adagrad_options *options) {
    const wg_optimizer adagrad = describe(learning_rate, options);
    return wg_optimizer_of_model(model, &adagrad);
}

wg_optimizer *(wg_adagrad_states)(wg_state *const *states, int count, double learning_rate,
                                  const wg_adagrad_options *options) {
    const wg_optimizer adagrad = describe(learning_rate, options);
    return wg_optimizer_of_states(states, count, &adagrad);
}
