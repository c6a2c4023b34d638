/* mse_loss, l1_loss, huber_loss, smooth_l1_loss — how far predictions x are from targets t, with d = x - t
 *
 *     mse:        d²                  dx = 2 d dy
 *     l1:         |d|                 dx = sign(d) dy, 0 where d = 0
 *     huber:      d² / 2              where |d| <= delta,   delta (|d| - delta / 2) elsewhere
 *     smooth_l1:  d² / (2 beta)       where |d| <= beta,    |d| - beta / 2 elsewhere;   l1 for beta = 0
 *
 * each element by itself, their mean or their sum. Huber (Annals of Mathematical Statistics, 1964);
 * smooth_l1 is huber with delta = beta, divided by beta. With c = d held to -delta … delta, huber is
 * c (d - c / 2): no branch overflows that is not taken, and derivatives of any order are right at 0, where
 * |d| has a kink and huber none. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t reduction;
} mse_loss_attributes; /* and l1_loss's */
typedef struct {
    int64_t reduction;
    double delta;
} huber_loss_attributes;
typedef struct {
    int64_t reduction;
    double beta;
} smooth_l1_loss_attributes;

static const wg_attribute attributes[] = {LOSS_REDUCTION(mse_loss_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_huber[] = {
    LOSS_REDUCTION(huber_loss_attributes),
    WG_ATTRIBUTE(huber_loss_attributes, delta, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 1e-30,
                 .high = 1e30, .preset = 1, .meaning = "where the parabola ends"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_smooth_l1[] = {
    LOSS_REDUCTION(smooth_l1_loss_attributes),
    WG_ATTRIBUTE(smooth_l1_loss_attributes, beta, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0,
                 .high = 1e30, .preset = 1, .meaning = "where the parabola ends; 0: there is none"),
    WG_NO_MORE_ATTRIBUTES};

static wg_var expand_mse(wg_tape *tape, const wg_var *inputs, const void *with) {
    (void)tape;
    return loss_reduced(wg_square(wg_sub(inputs[0], inputs[1])), ((const mse_loss_attributes *)with)->reduction);
}

static wg_var expand_l1(wg_tape *tape, const wg_var *inputs, const void *with) {
    (void)tape;
    return loss_reduced(wg_abs(wg_sub(inputs[0], inputs[1])), ((const mse_loss_attributes *)with)->reduction);
}

static wg_var huber(wg_tape *tape, const wg_var *inputs, double delta) {
    wg_var d = wg_sub(inputs[0], inputs[1]);
    wg_var c = wg_maximum(wg_minimum(d, wg_scalar(tape, delta)), wg_scalar(tape, -delta));
    return wg_mul(c, wg_sub(d, wg_mul(c, wg_scalar(tape, 0.5))));
}

static wg_var expand_huber(wg_tape *tape, const wg_var *inputs, const void *with) {
    const huber_loss_attributes *a = with;
    return loss_reduced(huber(tape, inputs, a->delta), a->reduction);
}

static wg_var expand_smooth_l1(wg_tape *tape, const wg_var *inputs, const void *with) {
    const smooth_l1_loss_attributes *a = with;
    if (a->beta == 0) return expand_l1(tape, inputs, &(mse_loss_attributes){a->reduction});
    return loss_reduced(wg_div(huber(tape, inputs, a->beta), wg_scalar(tape, a->beta)), a->reduction);
}

static const wg_shape loss_shapes[] = {
    {{INT64_MIN}}, {{1, INT64_MIN}}, {{7, INT64_MIN}}, {{3, 5, INT64_MIN}}, {{1, 4, INT64_MIN}},
    {{2, 3, 2, INT64_MIN}}, {{2, 1, 2, 1, 3, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}},
    {{37, INT64_MIN}}, {{0, 3, INT64_MIN}}, /* the last one of none: it has no mean */
};
enum { LOSS_SHAPES = sizeof loss_shapes / sizeof *loss_shapes };

/* Every shape with each reduction; `ends` goes through three numbers. */
static void samples_with(wg_sampler *s, const double ends[3]) {
    for (int i = 0; i < 3 * LOSS_SHAPES; i++) {
        const int reduction = i % 3, shape = i / 3;
        if (reduction == WG_MEAN && shape == LOSS_SHAPES - 1) continue;
        const huber_loss_attributes with = {reduction, ends[(reduction + shape) % 3]};
        const wg_values values = shape % 3 ? WG_NORMAL : WG_DISTINCT;
        WG_SAMPLE(s, &with, {.shape = &loss_shapes[shape], .values = values},
                  {.shape = &loss_shapes[shape], .values = WG_NORMAL});
    }
    const huber_loss_attributes sum = {WG_SUM, ends[0]}, each = {WG_NO_REDUCTION, ends[1]};
    WG_SAMPLE(s, &sum, {.shape = WG_SHAPE(11), .values = WG_UNIFORM, .low = -9, .high = 9},
              {.shape = WG_SHAPE(11)});
    WG_SAMPLE(s, &each, {.shape = WG_SHAPE(4, 4), .values = WG_TIES},
              {.shape = WG_SHAPE(4, 4), .values = WG_TIES});
}
static void samples(wg_sampler *s) { samples_with(s, (const double[3]){0}); }
static void samples_of_huber(wg_sampler *s) { samples_with(s, (const double[3]){1, 0.5, 2.25}); }
static void samples_of_smooth_l1(wg_sampler *s) { samples_with(s, (const double[3]){1, 0, 0.25}); }

const wg_op wg_op_mse_loss = {
    .name = "mse_loss", .formula = "y = mean (x - t)^2", .torch = "mse_loss", .inputs = 2, .outputs = 1,
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = 2 dy (x - t) / n, dt = -dx (sum and none: without / n)",
    .attributes = attributes, .attributes_size = sizeof(mse_loss_attributes),
    .infer = loss_infer, .expand = expand_mse, .samples = samples,
};

const wg_op wg_op_l1_loss = {
    .name = "l1_loss", .formula = "y = mean |x - t|", .torch = "l1_loss", .inputs = 2, .outputs = 1,
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy sign(x - t) / n, dt = -dx (sum and none: without / n)",
    .attributes = attributes, .attributes_size = sizeof(mse_loss_attributes),
    .infer = loss_infer, .expand = expand_l1, .samples = samples,
};

const wg_op wg_op_huber_loss = {
    .name = "huber_loss", .formula = "y = mean c (d - c / 2), d = x - t, c = min(max(d, -delta), delta)",
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy c / n, dt = -dx (sum and none: without / n)",
    .torch = "huber_loss", .inputs = 2, .outputs = 1,
    .attributes = attributes_of_huber, .attributes_size = sizeof(huber_loss_attributes),
    .infer = loss_infer, .expand = expand_huber, .samples = samples_of_huber,
};

const wg_op wg_op_smooth_l1_loss = {
    .name = "smooth_l1_loss",
    .formula = "y = mean c (d - c / 2) / beta, d = x - t, c = min(max(d, -beta), beta)",
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy c / (beta n), dt = -dx (sum and none: without / n)",
    .torch = "smooth_l1_loss", .inputs = 2, .outputs = 1,
    .attributes = attributes_of_smooth_l1, .attributes_size = sizeof(smooth_l1_loss_attributes),
    .infer = loss_infer, .expand = expand_smooth_l1, .samples = samples_of_smooth_l1,
};

wg_var (wg_mse_loss)(wg_var x, wg_var target, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    return WG_RECORD(&wg_op_mse_loss, &(mse_loss_attributes){given.reduction}, x, target);
}

wg_var (wg_l1_loss)(wg_var x, wg_var target, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    return WG_RECORD(&wg_op_l1_loss, &(mse_loss_attributes){given.reduction}, x, target);
}

wg_var (wg_huber_loss)(wg_var x, wg_var target, double delta, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const huber_loss_attributes with = {given.reduction, delta};
    return WG_RECORD(&wg_op_huber_loss, &with, x, target);
}

wg_var (wg_smooth_l1_loss)(wg_var x, wg_var target, double beta, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const smooth_l1_loss_attributes with = {given.reduction, beta};
    return WG_RECORD(&wg_op_smooth_l1_loss, &with, x, target);
}

#endif
