/* cosine_similarity, cosine_embedding_loss — of the angle between vectors
 *
 *     cosine_similarity:      y = sum (a / max(|a|, epsilon)) (b / max(|b|, epsilon))  along one axis
 *     cosine_embedding_loss:  1 - y where t = 1,  max(0, y - margin) where t = -1,  0 for any other t,
 *                             y along the last axis with epsilon 1e-8
 *
 * As PyTorch has them, whose loss has sum a b / sqrt((|a|² + 1e-12) (|b|² + 1e-12)) for y, which differs for
 * vectors shorter than 1e-5. Each vector is divided by its own length first: nothing overflows. A zero vector
 * has y = 0 and the gradient b / (epsilon max(|b|, epsilon)). At the kink of max the gradient is 0, as
 * relu's. */
#include "loss.h"

#ifdef WG_RULES

typedef struct {
    int64_t axis;
    double epsilon;
} similarity_attributes;
typedef struct {
    int64_t reduction;
    double margin;
} embedding_attributes;

static const wg_attribute similarity_schema[] = {
    WG_ATTRIBUTE(similarity_attributes, axis, .kind = WG_ATTRIBUTE_INT, .preset = 1,
                 .meaning = "of the vectors"),
    WG_ATTRIBUTE(similarity_attributes, epsilon, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 1e-30,
                 .high = 1e30, .preset = 1e-8, .meaning = "the least length that is divided by"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute embedding_schema[] = {
    LOSS_REDUCTION(embedding_attributes),
    WG_ATTRIBUTE(embedding_attributes, margin, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = -1,
                 .high = 1, .meaning = "the cosine that is far enough apart"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_similarity(wg_infer *infer) {
    similarity_attributes *a = infer->attributes;
    wg_type *y = &infer->outputs[0];
    int status = wg_infer_real(infer);
    if (!status) status = wg_infer_broadcast_shapes(infer, y);
    if (!status) status = wg_infer_axis(infer, &a->axis, y->rank);
    if (status) return status;
    y->dtype = infer->inputs[0].dtype;
    for (int i = (int)a->axis; i + 1 < y->rank; i++) y->extent[i] = y->extent[i + 1];
    y->extent[--y->rank] = 0;
    return WG_OK;
}

static int infer_embedding(wg_infer *infer) {
    static const char *const names[] = {"a", "b"};
    const wg_type *a = &infer->inputs[0], *target = &infer->inputs[2];
    const int status = loss_infer_alike(infer, names, 2);
    if (status) return status;
    if (!a->rank || target->rank != a->rank - 1 ||
        memcmp(target->extent, a->extent, (size_t)target->rank * sizeof *a->extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "a is %s, target is %s; it must be a's shape without a last axis",
                             wg_infer_shape_text(infer, a), wg_infer_shape_text(infer, target));
    if (infer->outputs[0].rank) infer->outputs[0] = *target;
    return WG_OK;
}

/* x with vectors no longer than 1 */
static wg_var unit(wg_tape *tape, wg_var x, int axis, double epsilon) {
    wg_var length = wg_norm(x, 2, WG_AXES(axis), .keepdims = true);
    return wg_div(x, wg_maximum(length, wg_scalar(tape, epsilon)));
}

static wg_var similarity(wg_tape *tape, wg_var a, wg_var b, int axis, double epsilon) {
    return wg_sum(wg_mul(unit(tape, a, axis, epsilon), unit(tape, b, axis, epsilon)), WG_AXES(axis));
}

static wg_var expand_similarity(wg_tape *tape, const wg_var *inputs, const void *given) {
    const similarity_attributes *a = given;
    const wg_type left = wg_type_of(inputs[0]), right = wg_type_of(inputs[1]);
    const int rank = left.rank > right.rank ? left.rank : right.rank;
    wg_type type = {.dtype = left.dtype, .rank = rank};
    for (int back = 1; back <= rank; back++) {
        const int64_t m = back <= left.rank ? left.extent[left.rank - back] : 1;
        type.extent[rank - back] = m == 1 && back <= right.rank ? right.extent[right.rank - back] : m;
    }
    const wg_shape shape = wg_shape_of(&type);
    return similarity(tape, wg_broadcast_to(inputs[0], &shape), wg_broadcast_to(inputs[1], &shape),
                      (int)a->axis, a->epsilon);
}

static wg_var expand_embedding(wg_tape *tape, const wg_var *inputs, const void *given) {
    const embedding_attributes *a = given;
    const wg_var t = inputs[2], zero = wg_scalar(tape, 0), one = wg_scalar(tape, 1);
    wg_var y = similarity(tape, inputs[0], inputs[1], -1, 1e-8);
    wg_var apart =
        wg_where(wg_equal(t, wg_scalar(tape, -1)), wg_relu(wg_sub(y, wg_scalar(tape, a->margin))), zero);
    return loss_reduced(wg_where(wg_equal(t, one), wg_sub(one, y), apart), a->reduction);
}

/* --- Samples ----------------------------------------------------------------------------------------- */

typedef struct {
    wg_shape a, b;
    int axis;
} similarity_case;
static const similarity_case similarity_cases[] = {
    {{{3, INT64_MIN}}, {{3, INT64_MIN}}, 0},
    {{{2, INT64_MIN}}, {{2, INT64_MIN}}, -1},
    {{{3, 5, INT64_MIN}}, {{3, 5, INT64_MIN}}, 1},
    {{{4, 3, INT64_MIN}}, {{4, 3, INT64_MIN}}, 0},
    {{{2, 3, 2, INT64_MIN}}, {{2, 3, 2, INT64_MIN}}, 1},
    {{{2, 3, INT64_MIN}}, {{3, INT64_MIN}}, 1},
    {{{3, INT64_MIN}}, {{2, 3, INT64_MIN}}, -1},
    {{{2, 1, 3, INT64_MIN}}, {{1, 2, 3, INT64_MIN}}, -1},
    {{{2, 1, 2, 1, 2, 1, 1, 3, INT64_MIN}}, {{2, 1, 2, 1, 2, 1, 1, 3, INT64_MIN}}, 7},
    {{{19, INT64_MIN}}, {{19, INT64_MIN}}, 0},
    {{{0, 3, INT64_MIN}}, {{0, 3, INT64_MIN}}, 1},
    {{{3, 0, INT64_MIN}}, {{3, 0, INT64_MIN}}, 1}, /* of nothing: 0 */
};
enum { SIMILARITY_CASES = sizeof similarity_cases / sizeof *similarity_cases };

static void similarity_samples(wg_sampler *s) {
    for (int i = 0; i < 3 * SIMILARITY_CASES; i++) {
        const similarity_case *at = &similarity_cases[i / 3];
        const similarity_attributes with = {at->axis, (double[]){1e-8, 100, 1e-3}[i % 3]};
        WG_SAMPLE(s, &with, {.shape = &at->a, .values = i % 2 ? WG_NORMAL : WG_DISTINCT},
                  {.shape = &at->b, .values = WG_NORMAL});
    }
    /* Of one number, or equal ones, the cosine is its sign, and the derivative 0 but for rounding, unless it
     * counts as short. */
    WG_SAMPLE(s, (&(similarity_attributes){-1, 100}), {.shape = WG_SHAPE(1)}, {.shape = WG_SHAPE(1)});
    WG_SAMPLE(s, (&(similarity_attributes){0, 100}), {.shape = WG_SHAPE(3)}, {.shape = WG_SHAPE(2, 1)});
}

static const wg_shape embedding_shapes[] = {
    {{3, INT64_MIN}},
    {{1, 4, INT64_MIN}},
    {{5, 3, INT64_MIN}},
    {{2, 3, 2, INT64_MIN}},
    {{7, 2, INT64_MIN}},
    {{4, 2, INT64_MIN}},
    {{2, 1, 2, 1, 3, INT64_MIN}},
    {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}},
    {{2, 9, INT64_MIN}},
    {{19, INT64_MIN}},
    {{3, 5, INT64_MIN}},
    {{0, 3, INT64_MIN}},
};
enum { EMBEDDING_CASES = 3 * sizeof embedding_shapes / sizeof *embedding_shapes };

static void embedding_samples(wg_sampler *s) {
    for (int i = 0; i < EMBEDDING_CASES; i++) {
        const wg_shape *shape = &embedding_shapes[i / 3];
        wg_shape each = *shape;
        const embedding_attributes with = {i % 3, (double[]){0, -0.9, 0.25}[(i + i / 3) % 3]};
        int rank = 0;
        while (each.extent[rank] != INT64_MIN) rank++;
        each.extent[rank - 1] = INT64_MIN;
        if (with.reduction == WG_MEAN && i / 3 == EMBEDDING_CASES / 3 - 1)
            continue; /* of none: it has no mean */
        WG_SAMPLE(s, &with, {.shape = shape}, {.shape = shape},
                  {.shape = &each, .values = i % 5 ? WG_ALL_EQUAL : WG_INTEGERS,
                   .low = i % 5 && i % 2 ? 1 : -1, .high = 1});
    }
}

const wg_op wg_op_cosine_similarity = {
    .name = "cosine_similarity", .formula = "y = sum (a / max(|a|, epsilon)) (b / max(|b|, epsilon))",
    .shapes = "a [*], b [*] -> y [*]; they broadcast; without the axis",
    .gradient = "da = dy (b / |b| - y a / |a|) / |a|, db alike",
    .torch = "cosine_similarity", .inputs = 2, .outputs = 1,
    .attributes = similarity_schema, .attributes_size = sizeof(similarity_attributes),
    .infer = infer_similarity, .expand = expand_similarity, .samples = similarity_samples, .f32_cancelled = 1,
};
const wg_op wg_op_cosine_embedding_loss = {
    .name = "cosine_embedding_loss",
    .formula = "y = mean (t = 1: 1 - cos(a, b), t = -1: max(0, cos(a, b) - margin))",
    .shapes = "a [..., n], b [..., n], target [...] -> y [*]; [], or [...] without reduction",
    .gradient = "da = dc (b / |b| - cos a / |a|) / |a|, db alike, dc = -dy / n where t = 1, dy / n where t "
                "= -1 and cos > margin, else 0, dt = 0 (sum and none: without / n)",
    .torch = "cosine_embedding_loss",
    .inputs = 3,
    .outputs = 1,
    .blocked_inputs = 1 << 2,
    .attributes = embedding_schema,
    .attributes_size = sizeof(embedding_attributes),
    .infer = infer_embedding,
    .expand = expand_embedding,
    .samples = embedding_samples,
    .f32_cancelled = 1,
};

wg_var (wg_cosine_similarity)(wg_var a, wg_var b, int axis, const wg_cosine_options *options) {
    WG_READ_OPTIONS(wg_cosine_options, given, options);
    const similarity_attributes with = {axis, wg_read_number(given.epsilon, 1e-8)};
    return WG_RECORD(&wg_op_cosine_similarity, &with, a, b);
}
wg_var (wg_cosine_embedding_loss)(wg_var a, wg_var b, wg_var target, double margin,
                                 const wg_loss_options *options) {
    WG_READ_OPTIONS(wg_loss_options, given, options);
    const embedding_attributes with = {given.reduction, margin};
    return WG_RECORD(&wg_op_cosine_embedding_loss, &with, a, b, target);
}

#endif
