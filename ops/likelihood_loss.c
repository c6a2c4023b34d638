/* gaussian_nll_loss, poisson_nll_loss — minus the logarithm of how likely targets t are, each by itself,
 * their mean or their sum
 *
 *     gaussian:   (log v + (t - x)² / v) / 2 (+ log(2 pi) / 2 if `full`), v the variance or, if larger, epsilon
 *     poisson:    exp(x) - t x with `log_input`, x - t log(x + epsilon) without
 *                 (+ t log t - t + log(2 pi t) / 2 where t > 1 if `full`: Stirling's log t!)
 *
 * Nix, Weigend (ICNN 1994) for the first. A variance below epsilon has gradient 0; PyTorch hands it that of
 * epsilon. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t reduction;
    bool full;
    double epsilon;
} gaussian_nll_loss_attributes;
typedef struct {
    int64_t reduction;
    bool full, log_input;
    double epsilon;
} poisson_nll_loss_attributes;

#define LIKELIHOOD_ATTRIBUTES(type, preset_epsilon)                                                          \
    LOSS_REDUCTION(type),                                                                                    \
        WG_ATTRIBUTE(type, full, .kind = WG_ATTRIBUTE_BOOL, .meaning = "with what x has no part in"),        \
        WG_ATTRIBUTE(type, epsilon, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0, .high = 1e30,      \
                     .preset = preset_epsilon, .meaning = "keeps away from 0 what is divided by or logged")
static const wg_attribute attributes_of_gaussian[] = {
    LIKELIHOOD_ATTRIBUTES(gaussian_nll_loss_attributes, 1e-6), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_poisson[] = {
    LIKELIHOOD_ATTRIBUTES(poisson_nll_loss_attributes, 1e-8),
    WG_ATTRIBUTE(poisson_nll_loss_attributes, log_input, .kind = WG_ATTRIBUTE_BOOL, .preset = 1,
                 .meaning = "is x the logarithm of the rate?"),
    WG_NO_MORE_ATTRIBUTES};

static const double log_two_pi = 1.8378770664093454836;

static wg_var expand_gaussian(wg_tape *tape, const wg_var *inputs, const void *given) {
    const gaussian_nll_loss_attributes *a = given;
    wg_var v = wg_maximum(inputs[2], wg_scalar(tape, a->epsilon)), d = wg_sub(inputs[1], inputs[0]);
    wg_var loss = wg_add(wg_log(v), wg_div(wg_square(d), v));
    if (a->full) loss = wg_add(loss, wg_scalar(tape, log_two_pi));
    return loss_reduced(wg_mul(loss, wg_scalar(tape, 0.5)), a->reduction);
}

/* Where t <= 1 the logarithm is taken of 1, so that a t of 0 makes no infinity. */
static wg_var log_factorial(wg_tape *tape, wg_var t) {
    wg_var large = wg_greater(t, wg_scalar(tape, 1)), safe = wg_where(large, t, wg_scalar(tape, 1));
    wg_var log = wg_log(safe), half = wg_mul(wg_add(log, wg_scalar(tape, log_two_pi)), wg_scalar(tape, 0.5));
    return wg_where(large, wg_add(wg_sub(wg_mul(safe, log), safe), half), wg_scalar(tape, 0));
}

static wg_var expand_poisson(wg_tape *tape, const wg_var *inputs, const void *given) {
    const poisson_nll_loss_attributes *a = given;
    const wg_var x = inputs[0], t = inputs[1];
    wg_var loss = a->log_input ? wg_sub(wg_exp(x), wg_mul(t, x))
                               : wg_sub(x, wg_mul(t, wg_log(wg_add(x, wg_scalar(tape, a->epsilon)))));
    if (a->full) loss = wg_add(loss, log_factorial(tape, t));
    return loss_reduced(loss, a->reduction);
}

static const wg_shape loss_shapes[] = {
    {{INT64_MIN}}, {{1, INT64_MIN}}, {{7, INT64_MIN}}, {{3, 5, INT64_MIN}}, {{1, 4, INT64_MIN}},
    {{2, 3, 2, INT64_MIN}}, {{2, 1, 2, 1, 3, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}},
    {{19, INT64_MIN}}, {{4, 2, INT64_MIN}}, {{0, 3, INT64_MIN}}, /* the last one of none: it has no mean */
};
enum { LOSS_SHAPES = sizeof loss_shapes / sizeof *loss_shapes };

/* Targets of poisson keep away from 1, where `full` has a jump. */
static void samples_with(wg_sampler *s, bool gaussian) {
    for (int i = 0; i < 3 * LOSS_SHAPES; i++) {
        const wg_shape *shape = &loss_shapes[i / 3];
        const double epsilon = (double[]){1e-6, 0.01, 0.125}[(i + i / 3) % 3];
        const bool full = i % 2 == 0, log_input = i % 4 < 2;
        if (i % 3 == WG_MEAN && i / 3 == LOSS_SHAPES - 1) continue;
        const gaussian_nll_loss_attributes normal = {i % 3, full, epsilon};
        const poisson_nll_loss_attributes poisson = {i % 3, full, log_input, epsilon};
        const bool small = i % 5 == 0;
        const wg_sample_input positive = {.shape = shape, .values = WG_UNIFORM, .low = 0.25, .high = 3};
        const wg_sample_input count = {.shape = shape, .values = WG_UNIFORM, .low = small ? 0.1 : 1.25,
                                       .high = small ? 0.9 : 6};
        if (gaussian) WG_SAMPLE(s, &normal, {.shape = shape}, {.shape = shape}, positive);
        else if (log_input) WG_SAMPLE(s, &poisson, {.shape = shape}, count);
        else WG_SAMPLE(s, &poisson, positive, count);
    }
}
static void samples_of_gaussian(wg_sampler *s) { samples_with(s, true); }
static void samples_of_poisson(wg_sampler *s) { samples_with(s, false); }

const wg_op wg_op_gaussian_nll_loss = {
    .name = "gaussian_nll_loss",
    .formula = "y = mean (log v + (t - x)^2 / v) / 2, v = max(variance, epsilon)",
    .shapes = "x [...], target [...], variance [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy (x - t) / (v n), dt = -dx, dvariance = variance > epsilon ? dy (1 / v - (t - x)^2 "
                "/ v^2) / (2 n) : 0 (sum and none: without / n)",
    .torch = "gaussian_nll_loss", .inputs = 3, .outputs = 1,
    .attributes = attributes_of_gaussian, .attributes_size = sizeof(gaussian_nll_loss_attributes),
    .infer = loss_infer, .expand = expand_gaussian, .samples = samples_of_gaussian,
};

const wg_op wg_op_poisson_nll_loss = {
    .name = "poisson_nll_loss", .formula = "y = mean exp(x) - t x, or x - t log(x + epsilon)",
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy (exp(x) - t) / n, or dy (1 - t / (x + epsilon)) / n, dt = -dy x / n, or -dy log(x "
                "+ epsilon) / n (sum and none: without / n)",
    .torch = "poisson_nll_loss", .inputs = 2, .outputs = 1,
    .attributes = attributes_of_poisson, .attributes_size = sizeof(poisson_nll_loss_attributes),
    .infer = loss_infer, .expand = expand_poisson, .samples = samples_of_poisson,
};

wg_var (wg_gaussian_nll_loss)(wg_var x, wg_var target, wg_var variance,
                              const wg_gaussian_nll_options *options) {
    WG_READ_OPTIONS(wg_gaussian_nll_options, given, options);
    gaussian_nll_loss_attributes with;
    memset(&with, 0, sizeof with);
    with.reduction = given.reduction;
    with.full = given.full;
    with.epsilon = wg_read_number(given.epsilon, 1e-6);
    return WG_RECORD(&wg_op_gaussian_nll_loss, &with, x, target, variance);
}

wg_var (wg_poisson_nll_loss)(wg_var x, wg_var target, const wg_poisson_nll_options *options) {
    WG_READ_OPTIONS(wg_poisson_nll_options, given, options);
    poisson_nll_loss_attributes with;
    memset(&with, 0, sizeof with);
    with.reduction = given.reduction;
    with.full = given.full;
    with.log_input = !given.plain_input;
    with.epsilon = wg_read_number(given.epsilon, 1e-8);
    return WG_RECORD(&wg_op_poisson_nll_loss, &with, x, target);
}

#endif
