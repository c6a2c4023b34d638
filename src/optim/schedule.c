/* schedule — the learning rate as a function of t, the updates made so far:
 *
 *     rate · min(1, (t + 1) / warm_up) · law(s),   s = max(0, t - warm_up)
 *
 * The cosine is that of Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts. Everything is
 * recorded, in f64, on the step's var: a tape that is evaluated again goes on along the schedule. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <wengert/ops.h>

static const double pi = 0x1.921fb54442d18p+1;

static wg_var stepwise(wg_tape *tape, const wg_schedule_options *options, wg_var s) {
    const wg_var falls = (wg_div)(s, (wg_scalar)(tape, (double)options->period));
    const wg_var whole = (wg_cast)((wg_cast)(falls, WG_I64), WG_F64); /* a cast rounds towards 0 */
    return (wg_pow)((wg_scalar)(tape, options->decay), whole);
}

/* floor + (1 - floor) (1 + cos(pi s / S)) / 2, and floor after the last step. */
static wg_var cosine(wg_tape *tape, const wg_schedule_options *options, wg_var s) {
    const wg_var length = (wg_scalar)(tape, (double)(options->steps - options->warm_up));
    const wg_var way = (wg_minimum)((wg_div)(s, length), (wg_scalar)(tape, 1));
    const wg_var wave = (wg_cos)((wg_mul)((wg_scalar)(tape, pi), way));
    const wg_var half = (wg_scalar)(tape, (1 - options->floor) / 2);
    const wg_var least = (wg_scalar)(tape, options->floor);
    return (wg_add)(least, (wg_mul)(half, (wg_add)((wg_scalar)(tape, 1), wave)));
}

wg_var wg_schedule_rate(wg_tape *tape, const wg_schedule_plan *schedule, double base, wg_var step) {
    const wg_schedule_options *options = &schedule->options;
    wg_var rate = (wg_scalar)(tape, base);
    if (schedule->kind == WG_CONSTANT && options->warm_up == 0) return rate;
    const wg_var t = (wg_cast)(step, WG_F64), one = (wg_scalar)(tape, 1);
    const wg_var warm_up = (wg_scalar)(tape, (double)options->warm_up);
    const wg_var s = (wg_maximum)((wg_sub)(t, warm_up), (wg_scalar)(tape, 0));
    if (schedule->kind == WG_STEPWISE) rate = (wg_mul)(rate, stepwise(tape, options, s));
    if (schedule->kind == WG_COSINE) rate = (wg_mul)(rate, cosine(tape, options, s));
    if (options->warm_up == 0) return rate;
    return (wg_mul)(rate, (wg_minimum)((wg_div)((wg_add)(t, one), warm_up), one));
}

/* Each option is in its range, and none is given that the schedule would not look at. */
static bool is_usable(wg_schedule schedule, const wg_schedule_options *options) {
    const bool is_cosine = schedule == WG_COSINE, is_stepwise = schedule == WG_STEPWISE;
    return schedule <= WG_COSINE && options->warm_up >= 0 &&
           (is_cosine ? options->steps > options->warm_up : options->steps == 0) &&
           (is_cosine ? options->floor >= 0 && options->floor <= 1 : options->floor == 0) &&
           (is_stepwise ? options->period > 0 : options->period == 0) &&
           (is_stepwise ? options->decay > 0 && options->decay <= 1 : options->decay == 0);
}

int (wg_set_schedule)(wg_optimizer *optimizer, wg_schedule schedule, const wg_schedule_options *given) {
    WG_OPTIONS_READ(wg_schedule_options, options, given);
    if (!optimizer) return WG_ERROR_MEMORY;
    if (schedule == WG_STEPWISE && options.decay == 0) options.decay = 0.1;
    if (!is_usable(schedule, &options)) return WG_ERROR_ATTRIBUTE;
    optimizer->schedule = (wg_schedule_plan){schedule, options};
    return WG_OK;
}
