/* margin_ranking_loss, hinge_embedding_loss, triplet_margin_loss — what is closer than a margin counts,
 * each by itself, their mean or their sum; as PyTorch has them
 *
 *     margin_ranking:   max(0, margin - t (a - b)),  t = 1: a is to be the larger, t = -1: b
 *     hinge_embedding:  x where t = 1,  max(0, margin - x) where t = -1,  their sum for any other t
 *     triplet_margin:   max(0, d(a, p) - d(a, n) + margin),  d(u, v) = (sum |u - v + epsilon|^p)^(1/p) along
 *                       the last axis; with `swap` the lesser of d(a, n) and d(p, n) in the place of d(a, n)
 *
 * Triplets: Balntas, Riba, Ponsa, Mikolajczyk (BMVC 2016). At the kink of max the gradient is 0, as relu's;
 * PyTorch hands it on there. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t reduction;
    double margin;
} margin_attributes;
typedef struct {
    int64_t reduction;
    double margin, p, epsilon;
    bool swap;
} triplet_attributes;

#define MARGIN(type, preset_margin)                                                                \
    LOSS_REDUCTION(type),                                                                          \
        WG_ATTRIBUTE(type, margin, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = -1e30, .high = 1e30, \
                     .preset = preset_margin, .meaning = "how far apart is far enough")
static const wg_attribute ranking_schema[] = {MARGIN(margin_attributes, 0), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute hinge_schema[] = {MARGIN(margin_attributes, 1), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute triplet_schema[] = {
    MARGIN(triplet_attributes, 1),
    WG_ATTRIBUTE(triplet_attributes, p, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 1e-3,
                 .high = __builtin_inf(), .preset = 2, .meaning = "the power of the norm"),
    WG_ATTRIBUTE(triplet_attributes, epsilon, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0,
                 .high = 1e30, .preset = 1e-6, .meaning = "added to differences"),
    WG_ATTRIBUTE(triplet_attributes, swap, .kind = WG_ATTRIBUTE_BOOL, .meaning = "by the nearer of a and p?"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_ranking(wg_infer *infer) {
    static const char *const names[] = {"a", "b", "target"};
    return loss_infer_alike(infer, names, 3);
}

static int infer_triplet(wg_infer *infer) {
    static const char *const names[] = {"the anchor", "the positive", "the negative"};
    const wg_type *anchor = &infer->inputs[0];
    const int status = loss_infer_alike(infer, names, 3);
    if (status) return status;
    if (!anchor->rank || !anchor->extent[anchor->rank - 1])
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "the anchor is %s; distances need a last axis with an element",
                             wg_infer_shape_text(infer, anchor));
    if (infer->outputs[0].rank) infer->outputs[0].extent[--infer->outputs[0].rank] = 0;
    return WG_OK;
}

static wg_var expand_ranking(wg_tape *tape, const wg_var *inputs, const void *given) {
    const margin_attributes *a = given;
    wg_var ahead = wg_mul(inputs[2], wg_sub(inputs[0], inputs[1]));
    return loss_reduced(wg_relu(wg_sub(wg_scalar(tape, a->margin), ahead)), a->reduction);
}

static wg_var expand_hinge(wg_tape *tape, const wg_var *inputs, const void *given) {
    const margin_attributes *a = given;
    const wg_var x = inputs[0], t = inputs[1], zero = wg_scalar(tape, 0);
    wg_var alike = wg_where(wg_equal(t, wg_scalar(tape, -1)), zero, x);
    wg_var apart = wg_relu(wg_sub(wg_scalar(tape, a->margin), x));
    return loss_reduced(wg_add(alike, wg_where(wg_equal(t, wg_scalar(tape, 1)), zero, apart)), a->reduction);
}

static wg_var distance(wg_tape *tape, wg_var u, wg_var v, const triplet_attributes *a) {
    return wg_norm(wg_add(wg_sub(u, v), wg_scalar(tape, a->epsilon)), a->p, WG_AXES(-1));
}

static wg_var expand_triplet(wg_tape *tape, const wg_var *inputs, const void *given) {
    const triplet_attributes *a = given;
    wg_var near = distance(tape, inputs[0], inputs[1], a), far = distance(tape, inputs[0], inputs[2], a);
    if (a->swap) far = wg_minimum(far, distance(tape, inputs[1], inputs[2], a));
    return loss_reduced(wg_relu(wg_add(wg_sub(near, far), wg_scalar(tape, a->margin))), a->reduction);
}

/* --- Samples ----------------------------------------------------------------------------------------- */

static const wg_shape loss_shapes[] = {
    {{2, INT64_MIN}}, {{7, INT64_MIN}}, {{3, 5, INT64_MIN}}, {{1, 4, INT64_MIN}}, {{2, 3, 2, INT64_MIN}},
    {{2, 1, 2, 1, 3, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}}, {{19, INT64_MIN}},
    {{4, 2, INT64_MIN}}, {{5, 3, INT64_MIN}}, {{2, 2, 3, INT64_MIN}},
    {{0, 3, INT64_MIN}}, /* of none: it has no mean */
};
enum { LOSS_SHAPES = sizeof loss_shapes / sizeof *loss_shapes, CASES = 3 * LOSS_SHAPES };

static bool is_case(int i) { return i % 3 != WG_MEAN || i / 3 != LOSS_SHAPES - 1; }

static void samples_with(wg_sampler *s, bool ranking) {
    for (int i = 0; i < CASES; i++) {
        const wg_shape *shape = &loss_shapes[i / 3];
        const margin_attributes with = {i % 3, (double[]){1, 0, 0.55}[(i + i / 3) % 3]};
        const wg_sample_input x = {.shape = shape, .values = WG_DISTINCT}, other = {.shape = shape};
        const wg_sample_input sign = {.shape = shape, .values = WG_ALL_EQUAL, .low = i % 2 ? 1 : -1};
        const wg_sample_input any = {.shape = shape, .values = WG_TIES, .low = -1, .high = 1};
        if (!is_case(i)) continue;
        if (ranking) WG_SAMPLE(s, &with, x, other, sign);
        else WG_SAMPLE(s, &with, x, i % 5 ? sign : any);
    }
}
static void ranking_samples(wg_sampler *s) { samples_with(s, true); }
static void hinge_samples(wg_sampler *s) { samples_with(s, false); }

static void triplet_samples(wg_sampler *s) {
    for (int i = 0; i < CASES; i++) {
        const wg_sample_input x = {.shape = &loss_shapes[i / 3], .values = WG_NORMAL};
        triplet_attributes with;
        memset(&with, 0, sizeof with);
        with.reduction = i % 3;
        with.margin = (double[]){1, 4, 0.5}[(i + i / 3) % 3];
        with.p = (double[]){2, 1, 3}[i / 3 % 3];
        with.epsilon = (double[]){1e-6, 0, 0.01}[i % 3];
        with.swap = i % 2;
        if (is_case(i)) WG_SAMPLE(s, &with, x, x, x);
    }
}

const wg_op wg_op_margin_ranking_loss = {
    .name = "margin_ranking_loss", .formula = "y = mean max(0, margin - t (a - b))",
    .shapes = "a [...], b [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "where margin - t (a - b) > 0: da = -dy t / n, db = dy t / n, dt = -dy (a - b) / n, else 0 "
                "(sum and none: without / n)",
    .torch = "margin_ranking_loss",
    .inputs = 3, .outputs = 1, .attributes = ranking_schema, .attributes_size = sizeof(margin_attributes),
    .infer = infer_ranking, .expand = expand_ranking, .samples = ranking_samples,
};
const wg_op wg_op_hinge_embedding_loss = {
    .name = "hinge_embedding_loss", .formula = "y = mean (t = 1: x, t = -1: max(0, margin - x))",
    .shapes = "x [...], target [...] -> y [*]; [] but without reduction",
    .gradient = "dx = dy / n where t = 1, -dy / n where t = -1 and x < margin, else 0, dt = 0 (sum and "
                "none: without / n)",
    .torch = "hinge_embedding_loss", .inputs = 2, .outputs = 1, .blocked_inputs = 1 << 1,
    .attributes = hinge_schema, .attributes_size = sizeof(margin_attributes),
    .infer = loss_infer, .expand = expand_hinge, .samples = hinge_samples,
};
const wg_op wg_op_triplet_margin_loss = {
    .name = "triplet_margin_loss", .formula = "y = mean max(0, |a - p| - |a - n| + margin)",
    .shapes = "anchor [..., n], positive [..., n], negative [..., n] -> y [*]; [], or [...] without "
              "reduction",
    .gradient = "where y > 0: dpositive = -dy u(a, p) / n, dnegative = dy u(a, n) / n, danchor = "
                "-(dpositive + dnegative), else 0; u(v, w) = sign(e) (|e| / |e|_p)^(p - 1), e = v - w + "
                "epsilon",
    .torch = "triplet_margin_loss", .inputs = 3, .outputs = 1,
    .attributes = triplet_schema, .attributes_size = sizeof(triplet_attributes),
    .infer = infer_triplet, .expand = expand_triplet, .samples = triplet_samples, .f32_cancelled = 1,
};

wg_var (wg_margin_ranking_loss)(wg_var a, wg_var b, wg_var target, double margin,
                                    const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const margin_attributes with = {given.reduction, margin};
    return WG_RECORD(&wg_op_margin_ranking_loss, &with, a, b, target);
}
wg_var (wg_hinge_embedding_loss)(wg_var x, wg_var target, double margin, const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const margin_attributes with = {given.reduction, margin};
    return WG_RECORD(&wg_op_hinge_embedding_loss, &with, x, target);
}
wg_var (wg_triplet_margin_loss)(wg_var anchor, wg_var positive, wg_var negative,
                                const wg_triplet_margin_options *options) {
    WG_READ_OPTIONS(wg_triplet_margin_options, given, options);
    triplet_attributes with;
    memset(&with, 0, sizeof with);
    with.reduction = given.reduction;
    with.margin = wg_read_number(given.margin, 1);
    with.p = wg_read_number(given.p, 2);
    with.epsilon = wg_read_number(given.epsilon, 1e-6);
    with.swap = given.swap;
    return WG_RECORD(&wg_op_triplet_margin_loss, &with, anchor, positive, negative);
}

#endif
