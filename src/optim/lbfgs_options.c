/* lbfgs_options — what L-BFGS is made with, and a few vectors' functions. */
#include "base/options.h"
#include "optim/lbfgs.h"
#include <math.h>
#include <wengert/ops.h>

/* Evaluations beyond one for each iteration: the first says where the descent begins, and a line search of a
 * single iteration wants some. */
enum { LEAST_MORE = 10, MOST_ITERATIONS = 1000000000 };

static wg_optimizer describe(const wg_lbfgs_options *given) {
    WG_OPTIONS_READ(wg_lbfgs_options, options, given);
    const int64_t iterations = options.max_iter ? options.max_iter : 20;
    const int64_t more = iterations / 4 > LEAST_MORE ? iterations / 4 : LEAST_MORE;
    const int64_t evaluations = options.max_eval ? options.max_eval : iterations + more;
    const int64_t rows = options.history_size ? options.history_size : 100;
    const double rate = options.learning_rate != 0 ? options.learning_rate : 1;
    const double decrease = wg_option_or(options.decrease, 1e-4);
    const double curvature = wg_option_or(options.curvature, 0.9);
    wg_optimizer lbfgs = {
        .rule = {.name = "lbfgs",
                 .rows = rows,
                 .memory_count = LBFGS_MEMORIES,
                 .memory = {[LBFGS_STEPS] = {"steps", WG_MEMORY_ROWS},
                            [LBFGS_DIFFERENCES] = {"differences", WG_MEMORY_ROWS},
                            [LBFGS_PAIRS] = {"pairs", WG_MEMORY_SCALAR}}},
        .numbers = {[LBFGS_MAX_ITER] = (double)iterations,
                    [LBFGS_MAX_EVAL] = (double)evaluations,
                    [LBFGS_TOLERANCE_GRAD] = wg_option_or(options.tolerance_grad, 1e-7),
                    [LBFGS_TOLERANCE_CHANGE] = wg_option_or(options.tolerance_change, 1e-9),
                    [LBFGS_DECREASE] = decrease,
                    [LBFGS_CURVATURE] = curvature},
        .rate = rate,
    };
    const double *numbers = lbfgs.numbers, grad = numbers[LBFGS_TOLERANCE_GRAD],
                 change = numbers[LBFGS_TOLERANCE_CHANGE];
    wg_option_check(&lbfgs, rate > 0, "learning_rate", rate, "above 0");
    wg_option_check(&lbfgs, iterations > 0 && iterations <= MOST_ITERATIONS, "max_iter", (double)iterations,
                    "1 to 1000000000");
    wg_option_check(&lbfgs, evaluations > 1, "max_eval", (double)evaluations, "at least 2");
    wg_option_check(&lbfgs, rows > 0 && rows <= 10000, "history_size", (double)rows, "1 to 10000");
    wg_option_check(&lbfgs, grad >= 0, "tolerance_grad", grad, "at least 0");
    wg_option_check(&lbfgs, change >= 0, "tolerance_change", change, "at least 0");
    wg_option_check(&lbfgs, decrease > 0 && decrease < 1, "decrease", decrease, "above 0 and below 1");
    wg_option_check(&lbfgs, curvature > decrease && curvature < 1, "curvature", curvature,
                    "above decrease and below 1");
    return lbfgs;
}

wg_optimizer *(wg_lbfgs)(wg_model *model, const wg_lbfgs_options *options) {
    const wg_optimizer lbfgs = describe(options);
    return wg_optimizer_of_model(model, &lbfgs);
}

wg_optimizer *(wg_lbfgs_states)(wg_state *const *states, int count, const wg_lbfgs_options *options) {
    const wg_optimizer lbfgs = describe(options);
    return wg_optimizer_of_states(states, count, &lbfgs);
}

wg_var wg_lbfgs_sum(wg_var total, wg_var a, wg_var b) {
    const wg_var products = (wg_mul)((wg_cast)(a, WG_F64), (wg_cast)(b, WG_F64));
    const wg_var sum = (wg_sum)(products, WG_ALL_AXES, NULL);
    return total.tape ? (wg_add)(total, sum) : sum;
}

wg_var wg_lbfgs_largest(wg_var total, wg_var a) {
    const wg_var largest = (wg_cast)((wg_max)((wg_abs)(a), WG_ALL_AXES, NULL), WG_F64);
    return total.tape ? (wg_maximum)(total, largest) : largest;
}

wg_tensor *wg_lbfgs_copy(const wg_state *state) {
    const wg_type type = wg_tensor_type(wg_state_tensor(state));
    wg_tensor *copy = wg_tensor_of_type(&type, NULL);
    if (copy)
        memcpy(wg_tensor_writable(copy), wg_tensor_data(wg_state_tensor(state)),
               (size_t)wg_type_bytes(&type));
    return copy;
}
