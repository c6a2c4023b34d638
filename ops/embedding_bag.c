/* embedding_bag — sums, means and maxima of the rows of a table that are in one bag; torch.nn.EmbeddingBag
 *
 *     sum:  y[b] = sum over the j in bag b of s[j] weight[index[j]]      s: per_sample_weights, or 1
 *     mean: the same over how many they are;    max: the largest, number by number, the first of equals
 *
 * Bag b is row b of the indices [B, L], or of a vector of indices those from offsets[b] to before
 * offsets[b + 1]. Padding is in no bag, and an empty bag gives 0.
 *
 * Composed: gather picks rows; bags of one length are an axis, and gather_grad, which adds rows up by
 * numbers, sums those of any length. */
#include "embedding.h"
#include "scatter.h"

enum { SUM, MEAN, MAX };
enum { WEIGHT, INDICES, OFFSETS, SAMPLE_WEIGHTS };
enum { SCATTER_MAX = 3, SCATTER_MIN = 4 };

typedef struct embedding_bag_attributes {
    int64_t mode;
    bool include_last_offset, has_padding;
    int64_t padding_index;
} embedding_bag_attributes;

#ifdef WG_RULES

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(embedding_bag_attributes, mode, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = MAX,
                 .meaning = "0 sum, 1 mean, 2 max"),
    WG_ATTRIBUTE(embedding_bag_attributes, include_last_offset, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "is the last offset the end of the last bag, not the begin of one more?"),
    EMBEDDING_PADDING(embedding_bag), WG_NO_MORE_ATTRIBUTES};

static int infer_offsets(wg_infer *infer, int64_t *bags) {
    const wg_type *indices = &infer->inputs[INDICES], *offsets = &infer->inputs[OFFSETS];
    const bool last = WG_ATTRIBUTES(infer, embedding_bag)->include_last_offset;
    if (offsets->dtype != WG_I32 && offsets->dtype != WG_I64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "the offsets are %s; they must be i32 or i64",
                             wg_infer_text(infer, offsets));
    if (indices->rank != 1 || offsets->rank != 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "the indices are %s, the offsets %s; both must be vectors",
                             wg_infer_shape_text(infer, indices), wg_infer_shape_text(infer, offsets));
    *bags = offsets->extent[0] - last;
    if (offsets->extent[0] > 0 || (!last && indices->extent[0] == 0)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "there are no offsets; there must be one for each bag%s",
                         last ? ", and the last" : "");
}

static int infer_sample_weights(wg_infer *infer) {
    const wg_type *indices = &infer->inputs[INDICES], *s = &infer->inputs[SAMPLE_WEIGHTS];
    if (WG_ATTRIBUTES(infer, embedding_bag)->mode != SUM)
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                             "per_sample_weights are given; they go with mode sum only");
    if (s->dtype == infer->inputs[WEIGHT].dtype && wg_shape_equal(s, indices)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE,
                         "per_sample_weights is %s; it must have the indices' shape, %s, and the weight's "
                         "dtype",
                         wg_infer_text(infer, s), wg_infer_shape_text(infer, indices));
}

static int infer(wg_infer *infer) {
    embedding_bag_attributes *a = infer->attributes;
    const wg_type *weight = &infer->inputs[WEIGHT], *indices = &infer->inputs[INDICES];
    int64_t bags = indices->extent[0];
    int status = embedding_infer(infer, &a->has_padding, &a->padding_index);
    if (status) return status;
    if (weight->rank != 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "the weight is %s; it must be [V, D]",
                             wg_infer_shape_text(infer, weight));
    if (wg_infer_given(infer, OFFSETS)) {
        if ((status = infer_offsets(infer, &bags))) return status;
    } else if (indices->rank != 2 || a->include_last_offset) {
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "the indices are %s; without offsets they must be [B, L], and none is the last",
                             wg_infer_shape_text(infer, indices));
    }
    if (wg_infer_given(infer, SAMPLE_WEIGHTS) && (status = infer_sample_weights(infer))) return status;
    infer->outputs[0] = (wg_type){.dtype = weight->dtype, .rank = 2, .extent = {bags, weight->extent[1]}};
    return WG_OK;
}

/* --- Expansion ------------------------------------------------------------------------------------------ */

/* Rows [B, L, D], or [N, D] with the number of each one's bag; `kept`, where one can be left out, has an axis
 * of 1 for D. */
typedef struct bags {
    wg_tape *tape;
    wg_var rows, kept, number;
    wg_dtype dtype;
    int64_t count, columns, places; /* bags, D, and L or N */
} bags;

static wg_var given_input(const wg_var *inputs, int index) {
    for (int i = 0; i <= index; i++)
        if (!inputs[i].tape && inputs[i].id == UINT32_MAX) return WG_NONE;
    return inputs[index];
}

static wg_var whole(wg_tape *tape, int64_t value, const wg_shape *shape) {
    return (wg_full)(tape, WG_I64, shape, (double)value);
}

static wg_var column(wg_var x) {
    wg_type type = wg_type_of(x);
    type.extent[type.rank++] = 1;
    const wg_shape shape = wg_shape_of(&type);
    return (wg_reshape)(x, &shape);
}

/* How many offsets after the first are at each of N places or before it. Negative ones, which would count from
 * behind, are led out of range. */
static wg_var number_of(wg_tape *tape, wg_var offsets, int64_t n) {
    const wg_type type = wg_type_of(offsets);
    wg_var others = (wg_cast)((wg_slice)(offsets, 0, 1, WG_SLICE_TO_END, NULL), WG_I64);
    wg_var is_negative = (wg_less)(others, whole(tape, 0, WG_SCALAR_SHAPE));
    others = (wg_where)(is_negative, whole(tape, n + 1, WG_SCALAR_SHAPE), others);
    wg_var ones = whole(tape, 1, WG_SHAPE(type.extent[0] > 0 ? type.extent[0] - 1 : 0));
    wg_var begun = (wg_scatter_add)(whole(tape, 0, WG_SHAPE(n + 1)), others, ones, 0);
    return (wg_slice)((wg_cumsum)(begun, 0, NULL), 0, 0, n, NULL);
}

static bags bags_of(wg_tape *tape, const wg_var *inputs, const embedding_bag_attributes *a) {
    wg_var offsets = given_input(inputs, OFFSETS), scale = given_input(inputs, SAMPLE_WEIGHTS);
    const wg_type table = wg_type_of(inputs[WEIGHT]), type = wg_type_of(inputs[INDICES]);
    bags b = {tape, (wg_gather)(inputs[WEIGHT], inputs[INDICES], 0), WG_NONE, WG_NONE, table.dtype,
              type.extent[0], table.extent[1], type.extent[type.rank - 1]};
    if (offsets.tape) {
        b.number = number_of(tape, offsets, b.places);
        b.count = wg_type_of(offsets).extent[0];
    }
    if (scale.tape) b.rows = (wg_mul)(b.rows, column(scale));
    if (!a->has_padding) return b;
    wg_var padding = embedding_is_padding(inputs[INDICES], a->padding_index, table.extent[0]);
    b.kept = (wg_logical_not)(column(padding));
    const double fill = a->mode == MAX && b.places > 0 ? -WG_INFINITY_F64 : 0;
    b.rows = (wg_where)(b.kept, b.rows, (wg_scalar)(tape, fill));
    return b;
}

static wg_var summed(const bags *b, wg_var rows) {
    const gather_grad_attributes put = {0, b->count};
    if (b->number.tape) return WG_RECORD(&wg_op_gather_grad, &put, rows, b->number);
    return (wg_sum)(rows, WG_AXES(1), NULL);
}

/* [B, 1]: the rows of each bag, at least 1. */
static wg_var counts(const bags *b) {
    if (!b->number.tape && !b->kept.tape)
        return (wg_scalar)(b->tape, b->places > 0 ? (double)b->places : 1);
    wg_var ones = b->kept.tape ? (wg_cast)(b->kept, b->dtype)
                               : (wg_full)(b->tape, b->dtype, WG_SHAPE(b->places, 1), 1);
    return (wg_maximum)(summed(b, ones), (wg_scalar)(b->tape, 1));
}

static wg_var reduced(const bags *b, int64_t how, wg_var start, wg_var rows) {
    const scatter_rows_attributes reduce = {how};
    return WG_RECORD(&wg_op_scatter_reduce_rows, &reduce, start, b->number, rows);
}

/* Of bags of any length: the place of the first row that is as large as the largest, in each column, and
 * what is there. Where there is none the bag is empty, or has NaN in it. */
static wg_var largest_by_number(const bags *b) {
    const wg_shape *shape = WG_SHAPE(b->count, b->columns);
    wg_var least = (wg_full)(b->tape, b->dtype, shape, -WG_INFINITY_F64), zero = (wg_scalar)(b->tape, 0);
    wg_var m = reduced(b, SCATTER_MAX, least, (wg_stop_gradient)(b->rows));
    wg_var wins = (wg_equal)((wg_stop_gradient)(b->rows), (wg_gather)(m, b->number, 0));
    if (b->kept.tape) wins = (wg_logical_and)(wins, b->kept);
    wg_var none = whole(b->tape, b->places, WG_SCALAR_SHAPE), one = whole(b->tape, 1, WG_SCALAR_SHAPE);
    wg_var place = (wg_sub)((wg_cumsum)(whole(b->tape, 1, WG_SHAPE(b->places)), 0, NULL), one);
    wg_var places = (wg_where)(wins, column(place), none);
    wg_var first = reduced(b, SCATTER_MIN, whole(b->tape, b->places, shape), places);
    wg_var taken = (wg_take_along_axis)(b->rows, (wg_minimum)(first, (wg_sub)(none, one)), 0);
    wg_var other = (wg_where)((wg_equal)(m, least), zero, m);
    return (wg_where)((wg_less)(first, none), taken, other);
}

static wg_var largest(const bags *b) {
    if (b->places == 0 || b->count == 0) return summed(b, b->rows);
    if (b->number.tape) return largest_by_number(b);
    wg_var m = (wg_max)(b->rows, WG_AXES(1), NULL);
    if (!b->kept.tape) return m;
    return (wg_where)((wg_any)(b->kept, WG_AXES(1), NULL), m, (wg_scalar)(b->tape, 0));
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const embedding_bag_attributes *a = attributes;
    const bags b = bags_of(tape, inputs, a);
    wg_var y = a->mode == MAX ? largest(&b) : summed(&b, b.rows);
    if (a->mode == MEAN) y = (wg_div)(y, counts(&b));
    return a->include_last_offset ? (wg_slice)(y, 0, 0, b.count - 1, NULL) : y;
}

/* --- Samples -------------------------------------------------------------------------------------- */

static void sample(wg_sampler *s, const embedding_bag_attributes *with, const wg_shape *indices,
                   const wg_shape *offsets, bool scaled) {
    const wg_sample_input of_offsets = {.dtype = with->mode == MAX ? WG_I32 : WG_I64,
                                        .shape = offsets ? offsets : WG_SHAPE(0), .absent = !offsets,
                                        .values = WG_INTEGERS, .low = 0, .high = (double)indices->extent[0]};
    WG_SAMPLE(s, with, {.shape = WG_SHAPE(4, 2), .values = WG_DISTINCT},
              {.dtype = with->mode == SUM ? WG_I32 : WG_I64, .shape = indices, .values = WG_INTEGERS,
               .low = -4, .high = 3}, of_offsets, {.shape = indices, .absent = !scaled});
}

static void samples(wg_sampler *s) {
    for (int64_t mode = SUM; mode <= MAX; mode++)
        for (int64_t padding = -1; padding < 3; padding++) {
            const embedding_bag_attributes with = {mode, false, padding >= 0, padding < 0 ? 0 : padding};
            const embedding_bag_attributes last = {mode, true, padding >= 0, padding < 0 ? 0 : padding};
            const bool scaled = mode == SUM && padding % 2 == 0;
            sample(s, &with, WG_SHAPE(2, 3), NULL, scaled);
            sample(s, &with, WG_SHAPE(3, 1), NULL, scaled);
            sample(s, &with, WG_SHAPE(2, 0), NULL, scaled);
            sample(s, &with, WG_SHAPE(5), WG_SHAPE(3), scaled);
            sample(s, &last, WG_SHAPE(4), WG_SHAPE(3), scaled);
            sample(s, &with, WG_SHAPE(0), WG_SHAPE(2), scaled);
        }
}

const wg_op wg_op_embedding_bag = {
    .name = "embedding_bag", .formula = "y[b] = sum over the j in bag b of weight[index[j]]",
    .shapes = "weight [V, D], index [*], offsets [*]?, per_sample_weights [*]? -> y [*]; index [B, L], or "
              "with offsets [B] a vector; y [B, D]",
    .gradient = "dweight[r] = sum over bags b and their j with index[j] = r of s[j] dy[b], ds[j] = dy[b] "
                "weight[index[j]]; mean: over the bag's count; max: to the first largest",
    .torch = "embedding_bag",
    .inputs = 2, .inputs_max = 4, .outputs = 1, .blocked_inputs = 1 << INDICES | 1 << OFFSETS,
    .attributes = schema, .attributes_size = sizeof(embedding_bag_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var (wg_embedding_bag)(wg_var weight, wg_var indices, const wg_embedding_bag_options *options) {
    WG_READ_OPTIONS(wg_embedding_bag_options, given, options);
    const embedding_bag_attributes with = {given.mode, given.include_last_offset,
                                           given.has_padding || given.padding_index, given.padding_index};
    return WG_RECORD(&wg_op_embedding_bag, &with, weight, indices, given.offsets, given.per_sample_weights);
}

#endif
