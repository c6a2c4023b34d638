/* schedule — the learning rate as a function of t, the updates made so far:
 *
 *     rate · min(1, (t + 1) / warm_up) · law(s),   s = max(0, t - warm_up)
 *
 * The cosine is that of Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts. Everything is
 * recorded, in f64, on the step's var: a tape that is evaluated again goes on along the schedule. */
#include "base/options.h"
#include "optim/optimizer.h"
#include <math.h>
#include <wengert/ops.h>

static const double pi = 0x1.921fb54442d18p+1;

static wg_var stepwise(wg_tape *tape, const wg_schedule_options *options, wg_var s) {
    const wg_var falls = (wg_div)(s, (wg_scalar)(tape, (double)options->period));
    const wg_var whole = (wg_cast)((wg_cast)(falls, WG_I64), WG_F64); /* a cast rounds towards 0 */
    return (wg_pow)((wg_scalar)(tape, options->decay), whole);
}

/* x brought into 0 … 1 */
static wg_var part(wg_tape *tape, wg_var x) {
    return (wg_maximum)((wg_minimum)(x, (wg_scalar)(tape, 1)), (wg_scalar)(tape, 0));
}

/* Half a wave from one number to another: to + (from - to) (1 + cos(pi way)) / 2. */
static wg_var wave(wg_tape *tape, double from, double to, wg_var way) {
    const wg_var cosine = (wg_cos)((wg_mul)((wg_scalar)(tape, pi), way));
    const wg_var half = (wg_scalar)(tape, (from - to) / 2);
    return (wg_add)((wg_scalar)(tape, to), (wg_mul)(half, (wg_add)((wg_scalar)(tape, 1), cosine)));
}

static wg_var exponential(wg_tape *tape, const wg_schedule_options *options, wg_var s) {
    return (wg_pow)((wg_scalar)(tape, options->decay),
                    (wg_div)(s, (wg_scalar)(tape, (double)options->period)));
}

static wg_var inverse_time(wg_tape *tape, const wg_schedule_options *options, wg_var s) {
    const wg_var one = (wg_scalar)(tape, 1);
    return (wg_div)(one, (wg_add)(one, (wg_mul)((wg_scalar)(tape, options->decay), s)));
}

/* The laws that know their end: a function of the part of the way that is done. */
static wg_var cosine(wg_tape *tape, const wg_schedule_options *options, wg_var way) {
    return wave(tape, 1, options->floor, way);
}

static wg_var linear(wg_tape *tape, const wg_schedule_options *options, wg_var way) {
    return (wg_sub)((wg_scalar)(tape, 1), (wg_mul)((wg_scalar)(tape, 1 - options->floor), way));
}

static wg_var one_cycle(wg_tape *tape, const wg_schedule_options *options, wg_var way) {
    const wg_var rise = (wg_scalar)(tape, options->rise), rest = (wg_scalar)(tape, 1 - options->rise);
    const wg_var up = part(tape, (wg_div)(way, rise)), down = part(tape, (wg_div)((wg_sub)(way, rise), rest));
    /* One of the two stands at 1 while the other is on its way. */
    return (wg_mul)(wave(tape, options->start, 1, up), wave(tape, 1, options->floor, down));
}

/* What a schedule is: its law, and the options that it looks at. */
static const struct {
    wg_var (*law)(wg_tape *tape, const wg_schedule_options *options, wg_var at);
    bool steps, period, decay, floor, cycle; /* `steps`: the law is of the part of the way, else of s */
} laws[] = {
    [WG_CONSTANT] = {0},
    [WG_STEPWISE] = {stepwise, .period = true, .decay = true},
    [WG_COSINE] = {cosine, .steps = true, .floor = true},
    [WG_LINEAR] = {linear, .steps = true, .floor = true},
    [WG_EXPONENTIAL] = {exponential, .period = true, .decay = true},
    [WG_INVERSE_TIME] = {inverse_time, .decay = true},
    [WG_ONE_CYCLE] = {one_cycle, .steps = true, .floor = true, .cycle = true},
};

wg_var wg_schedule_rate(wg_tape *tape, const wg_schedule_plan *schedule, double base, wg_var step) {
    const wg_schedule_options *options = &schedule->options;
    wg_var rate = (wg_scalar)(tape, base);
    if (schedule->kind == WG_CONSTANT && options->warm_up == 0) return rate;
    const wg_var t = (wg_cast)(step, WG_F64), one = (wg_scalar)(tape, 1);
    const wg_var warm_up = (wg_scalar)(tape, (double)options->warm_up);
    const wg_var s = (wg_maximum)((wg_sub)(t, warm_up), (wg_scalar)(tape, 0));
    const wg_var length = (wg_scalar)(tape, (double)(options->steps - options->warm_up));
    const wg_var at = laws[schedule->kind].steps ? part(tape, (wg_div)(s, length)) : s;
    if (laws[schedule->kind].law) rate = (wg_mul)(rate, laws[schedule->kind].law(tape, options, at));
    if (options->warm_up == 0) return rate;
    return (wg_mul)(rate, (wg_minimum)((wg_div)((wg_add)(t, one), warm_up), one));
}

/* Each option is in its range, and none is given that the schedule would not look at. */
static bool is_usable(wg_schedule schedule, const wg_schedule_options *options) {
    if ((unsigned)schedule >= sizeof laws / sizeof *laws || options->warm_up < 0) return false;
    return (laws[schedule].steps ? options->steps > options->warm_up : options->steps == 0) &&
           (laws[schedule].period ? options->period > 0 : options->period == 0) &&
           (laws[schedule].decay ? options->decay > 0 && options->decay <= 1 : options->decay == 0) &&
           (laws[schedule].floor ? options->floor >= 0 && options->floor <= 1 : options->floor == 0) &&
           (laws[schedule].cycle
                ? options->start >= 0 && options->start <= 1 && options->rise > 0 && options->rise < 1
                : options->start == 0 && options->rise == 0);
}

int (wg_set_schedule)(wg_optimizer *optimizer, wg_schedule schedule, const wg_schedule_options *given) {
    WG_OPTIONS_READ(wg_schedule_options, options, given);
    if (!optimizer) return WG_ERROR_MEMORY;
    if (!optimizer->rule.record) return WG_ERROR_UNSUPPORTED;
    if (schedule == WG_STEPWISE || schedule == WG_EXPONENTIAL || schedule == WG_INVERSE_TIME)
        options.decay = wg_option_or(options.decay, 0.1);
    if (schedule == WG_EXPONENTIAL && options.period == 0) options.period = 1;
    if (schedule == WG_ONE_CYCLE) {
        options.start = wg_option_or(options.start, 0.04);
        options.rise = wg_option_or(options.rise, 0.3);
    }
    if (!is_usable(schedule, &options)) return WG_ERROR_ATTRIBUTE;
    optimizer->schedule = (wg_schedule_plan){schedule, options};
    return WG_OK;
}

bool wg_plateau_show(wg_plateau *plateau, wg_optimizer *optimizer, double value) {
    if (!plateau || !optimizer) return false;
    const double threshold = wg_option_or(plateau->threshold, 1e-4),
                 factor = wg_option_or(plateau->factor, 0.1);
    /* By a share of the least's size: of one below 0 it is taken off, not added. An infinite one is no
     * measure. */
    const double share = isfinite(plateau->best) ? threshold * fabs(plateau->best) : 0;
    if (!isnan(value) && (!plateau->begun || value < plateau->best - share)) {
        plateau->begun = true;
        plateau->best = value;
        plateau->waited = 0;
        return false;
    }
    if (++plateau->waited <= (plateau->patience ? plateau->patience : 10)) return false;
    plateau->waited = 0;
    const double before = wg_learning_rate(optimizer), after = fmax(before * factor, plateau->least);
    if (after >= before) return false;
    wg_set_learning_rate(optimizer, after);
    return true;
}
