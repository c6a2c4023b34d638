/* bce_loss, bce_with_logits, sigmoid_focal_loss, kl_div — how far probabilities are from targets t, each by itself,
 * their mean or their sum
 *
 *     bce_loss:         -w (t log x + (1 - t) log(1 - x)),  no logarithm below -100
 *     bce_with_logits:  -w (q t log s(x) + (1 - t) log s(-x)),  s the sigmoid, q the weight of positives
 *     focal:            a bce_with_logits(x, t) m^gamma,  m = t s(-x) + (1 - t) s(x),  a = t alpha + (1 - t) (1 - alpha)
 *     kl_div:           t (log t - x),  x a logarithm;  exp(t) (t - x) with `log_target`
 *
 * bce and kl_div as PyTorch has them, focal (Lin et al. 2017, arXiv:1708.02002) as torchvision. Of logits both terms
 * are at least 0: nothing cancels however large they are, and a term whose factor is 0 is 0 even where its logarithm is
 * infinite; so it is in kl_div (PyTorch: NaN). bce_loss has gradient 0 for x where its logarithm is cut off; PyTorch
 * has there (x - t) 1e12. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t reduction;
} bce_attributes;
typedef struct {
    int64_t reduction;
    double alpha, gamma;
} focal_attributes;
typedef struct {
    int64_t reduction;
    bool log_target;
} kl_div_attributes;

static const wg_attribute bce_schema[] = {LOSS_REDUCTION(bce_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute focal_schema[] = {
    LOSS_REDUCTION(focal_attributes),
    WG_ATTRIBUTE(focal_attributes, alpha, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = -1, .high = 1,
                 .preset = 0.25, .meaning = "weight of positives; negative: none"),
    WG_ATTRIBUTE(focal_attributes, gamma, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0, .high = 1e3,
                 .preset = 2, .meaning = "how little what is easy counts"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute kl_div_schema[] = {
    LOSS_REDUCTION(kl_div_attributes),
    WG_ATTRIBUTE(kl_div_attributes, log_target, .kind = WG_ATTRIBUTE_BOOL, .meaning = "is the target a logarithm?"),
    WG_NO_MORE_ATTRIBUTES};

/* x and target alike, weights that broadcast to them. */
static int infer_weighted(wg_infer *infer) {
    static const char *const names[] = {"x", "target", "the weight", "the weight of positives"};
    const wg_type *x = &infer->inputs[0];
    const int status = loss_infer_alike(infer, names, 2);
    for (int i = 2; !status && i < infer->input_count; i++) {
        const wg_type *weight = &infer->inputs[i];
        bool fits = weight->rank <= x->rank;
        for (int back = 1; fits && back <= weight->rank; back++)
            fits = weight->extent[weight->rank - back] == 1 ||
                   weight->extent[weight->rank - back] == x->extent[x->rank - back];
        if (weight->dtype != WG_NO_DTYPE && !fits)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, %s is %s; it must broadcast to x",
                                 wg_infer_shape_text(infer, x), names[i], wg_infer_shape_text(infer, weight));
    }
    return status;
}

static bool is_end(wg_var input) { return !input.tape && input.id == UINT32_MAX; }

static wg_var expand_bce(wg_tape *tape, const wg_var *inputs, const void *given) {
    const wg_var x = inputs[0], t = inputs[1], least = wg_scalar(tape, -100);
    wg_var log = wg_maximum(wg_log(x), least), log_rest = wg_maximum(wg_log1p(wg_neg(x)), least);
    wg_var loss = wg_neg(wg_add(wg_mul(t, log), wg_mul(wg_sub(wg_scalar(tape, 1), t), log_rest)));
    if (!is_end(inputs[2])) loss = wg_mul(loss, inputs[2]);
    return loss_reduced(loss, ((const bce_attributes *)given)->reduction);
}

/* Elements of bce_with_logits; q may be invalid: none. */
static wg_var of_logits(wg_tape *tape, wg_var x, wg_var t, wg_var q) {
    wg_var rest = wg_sub(wg_scalar(tape, 1), t), positives = wg_valid(q) ? wg_mul(t, q) : t;
    return wg_neg(wg_add(wg_scale_cotangent(positives, wg_log_sigmoid(x)),
                         wg_scale_cotangent(rest, wg_log_sigmoid(wg_neg(x)))));
}

static wg_var expand_with_logits(wg_tape *tape, const wg_var *inputs, const void *given) {
    const wg_var weight = is_end(inputs[2]) ? WG_NONE : inputs[2];
    const wg_var q = is_end(inputs[2]) || is_end(inputs[3]) ? WG_NONE : inputs[3];
    wg_var loss = of_logits(tape, inputs[0], inputs[1], q);
    if (wg_valid(weight)) loss = wg_mul(loss, weight);
    return loss_reduced(loss, ((const bce_attributes *)given)->reduction);
}

static wg_var expand_focal(wg_tape *tape, const wg_var *inputs, const void *given) {
    const focal_attributes *a = given;
    const wg_var x = inputs[0], t = inputs[1], rest = wg_sub(wg_scalar(tape, 1), t);
    wg_var loss = of_logits(tape, x, t, WG_NONE);
    wg_var m = wg_add(wg_mul(t, wg_sigmoid(wg_neg(x))), wg_mul(rest, wg_sigmoid(x)));
    if (a->gamma != 0)
        loss = wg_mul(loss, a->gamma == 1   ? m
                            : a->gamma == 2 ? wg_square(m)
                                            : wg_pow(m, wg_scalar(tape, a->gamma)));
    if (a->alpha >= 0)
        loss = wg_mul(loss, wg_add(wg_mul(t, wg_scalar(tape, a->alpha)),
                                   wg_mul(rest, wg_scalar(tape, 1 - a->alpha))));
    return loss_reduced(loss, a->reduction);
}

static wg_var expand_kl_div(wg_tape *tape, const wg_var *inputs, const void *given) {
    const kl_div_attributes *a = given;
    const wg_var x = inputs[0], t = inputs[1], zero = wg_scalar(tape, 0);
    if (a->log_target) return loss_reduced(wg_mul(wg_exp(t), wg_sub(t, x)), a->reduction);
    /* 0 times the logarithm of 0. */
    const wg_var is_none = wg_logical_and(wg_equal(wg_stop_gradient(t), zero), wg_isinf(wg_stop_gradient(x)));
    const wg_var cross = wg_where(is_none, zero, wg_mul(t, x));
    return loss_reduced(wg_sub(wg_xlogy(t, t), cross), a->reduction);
}

/* --- Samples ----------------------------------------------------------------------------------------- */

static const wg_shape loss_shapes[] = {
    {{INT64_MIN}}, {{1, INT64_MIN}}, {{7, INT64_MIN}}, {{3, 5, INT64_MIN}}, {{1, 4, INT64_MIN}},
    {{2, 3, 2, INT64_MIN}}, {{2, 1, 2, 1, 3, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}},
    {{19, INT64_MIN}}, {{4, 2, INT64_MIN}}, {{3, 3, INT64_MIN}}, {{0, 3, INT64_MIN}},
};
enum { LOSS_SHAPES = sizeof loss_shapes / sizeof *loss_shapes, CASES = 3 * LOSS_SHAPES };

/* The reduction of case i; an empty one has no mean. */
static bool is_case(int i, int64_t *reduction) {
    *reduction = i % 3;
    return *reduction != WG_MEAN || i / 3 != LOSS_SHAPES - 1;
}
static wg_sample_input between(int i, double low, double high) {
    return (wg_sample_input){.shape = &loss_shapes[i / 3], .values = WG_UNIFORM, .low = low, .high = high};
}
/* A weight of each element, or one of all, or none. */
static wg_sample_input weight_of(int i, bool absent) {
    static const wg_shape one = {{INT64_MIN}}, column = {{3, 1, INT64_MIN}};
    return (wg_sample_input){.shape = i % 2 ? &one : i / 3 == 3 ? &column : &loss_shapes[i / 3],
                             .values = WG_UNIFORM, .low = 0.25, .high = 3, .absent = absent};
}

static void bce_samples(wg_sampler *s) {
    bce_attributes with;
    for (int i = 0; i < CASES; i++)
        if (is_case(i, &with.reduction))
            WG_SAMPLE(s, &with, between(i, 0.05, 0.95), between(i, 0, 1), weight_of(i, i % 5 < 2));
}
static void with_logits_samples(wg_sampler *s) {
    bce_attributes with;
    for (int i = 0; i < CASES; i++)
        if (is_case(i, &with.reduction))
            WG_SAMPLE(s, &with, between(i, -6, 6), between(i, 0, 1), weight_of(i, i % 5 < 2),
                      weight_of(i, i % 4 < 2));
}
static void focal_samples(wg_sampler *s) {
    for (int i = 0; i < CASES; i++) {
        focal_attributes with = {0, (double[]){0.25, -1, 0.75}[(i + i / 3) % 3],
                                 (double[]){2, 0, 1, 1.5, 3}[i % 5]};
        if (is_case(i, &with.reduction)) WG_SAMPLE(s, &with, between(i, -4, 4), between(i, 0, 1));
    }
}
static void kl_div_samples(wg_sampler *s) {
    for (int i = 0; i < CASES; i++) {
        kl_div_attributes with;
        memset(&with, 0, sizeof with);
        with.log_target = i % 2;
        if (is_case(i, &with.reduction))
            WG_SAMPLE(s, &with, between(i, -4, -0.1), with.log_target ? between(i, -3, 0) : between(i, 0.1, 1));
    }
}

const wg_op wg_op_bce_loss = {
    .name = "bce_loss", .formula = "y = mean -w (t log x + (1 - t) log(1 - x))", .torch = "binary_cross_entropy",
    .shapes = "x [...], target [...], weight [*]? -> y [*]; [] but without reduction; the weight broadcasts "
              "to x",
    .gradient = "dx = dy w (x - t) / (x (1 - x) n), dt = dy w (log(1 - x) - log x) / n (sum and none: "
                "without / n), dweight the term that it multiplies",
    .inputs = 2, .inputs_max = 3, .outputs = 1, .attributes = bce_schema, .attributes_size = sizeof(bce_attributes),
    .infer = infer_weighted, .expand = expand_bce, .samples = bce_samples,
};
const wg_op wg_op_bce_with_logits = {
    .name = "bce_with_logits", .formula = "y = mean -w (q t log s(x) + (1 - t) log s(-x)), s the sigmoid",
    .shapes = "x [...], target [...], weight [*]?, pos_weight [*]? -> y [*]; [] but without reduction; the "
              "weights broadcast to x",
    .gradient = "dx = dy w ((1 - t) s(x) - q t s(-x)) / n, dt = -dy w (q log s(x) - log s(-x)) / n (sum and "
                "none: without / n), dweight and dpos_weight the terms that they multiply",
    .torch = "binary_cross_entropy_with_logits", .inputs = 2, .inputs_max = 4, .outputs = 1,
    .attributes = bce_schema, .attributes_size = sizeof(bce_attributes),
    .infer = infer_weighted, .expand = expand_with_logits, .samples = with_logits_samples,
};
const wg_op wg_op_sigmoid_focal_loss = {
    .name = "sigmoid_focal_loss", .formula = "y = mean a m^gamma bce_with_logits(x, t), m = t s(-x) + (1 - t) s(x)",
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy a m^gamma (db + gamma b dm / m) / n, b = bce_with_logits(x, t), db = s(x) - t, dm "
                "= (1 - 2 t) s(x) s(-x), dt alike",
    .torch = "torchvision.ops.sigmoid_focal_loss", .inputs = 2, .outputs = 1,
    .attributes = focal_schema, .attributes_size = sizeof(focal_attributes),
    .infer = loss_infer, .expand = expand_focal, .samples = focal_samples,
};
const wg_op wg_op_kl_div = {
    .name = "kl_div", .formula = "y = mean t (log t - x)", .torch = "kl_div", .inputs = 2, .outputs = 1,
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = -dy t / n, dt = dy (log t + 1 - x) / n; log_target: dx = -dy exp(t) / n, dt = dy "
                "exp(t) (t - x + 1) / n (sum and none: without / n)",
    .attributes = kl_div_schema, .attributes_size = sizeof(kl_div_attributes),
    .infer = loss_infer, .expand = expand_kl_div, .samples = kl_div_samples,
};

wg_var (wg_bce_loss)(wg_var x, wg_var target, wg_var weight, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    return WG_RECORD(&wg_op_bce_loss, &(bce_attributes){given.reduction}, x, target, weight);
}
wg_var (wg_bce_with_logits)(wg_var x, wg_var target, wg_var weight, wg_var pos_weight,
                            const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    return WG_RECORD(&wg_op_bce_with_logits, &(bce_attributes){given.reduction}, x, target, weight, pos_weight);
}
wg_var (wg_sigmoid_focal_loss)(wg_var x, wg_var target, double alpha, double gamma,
                               const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const focal_attributes with = {given.reduction, alpha, gamma};
    return WG_RECORD(&wg_op_sigmoid_focal_loss, &with, x, target);
}
wg_var (wg_kl_div)(wg_var x, wg_var target, const wg_kl_div_options *options) {
    WG_READ_OPTIONS(wg_kl_div_options, given, options);
    kl_div_attributes with;
    memset(&with, 0, sizeof with);
    with.reduction = given.reduction;
    with.log_target = given.log_target;
    return WG_RECORD(&wg_op_kl_div, &with, x, target);
}

#endif
