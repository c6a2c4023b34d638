/* embedding — rows of a table by their indices; torch.nn.functional.embedding, ONNX Gather along axis 0
 *
 *     y[j, …] = weight[index[j], …]        dweight[r, …] = sum over the j with index[j] = r of dy[j, …]
 *
 * with j standing for all axes of the indices. Of the row `padding_index` the gradient is 0 by intention: the
 * row stays as it was initialised, however often it is read.
 *
 * Composed of gather, whose gradient adds rows up in the order of j, and of a stop_gradient of what lies at
 * padding. */
#include "embedding.h"

#ifdef WG_RULES

static const wg_attribute schema[] = {EMBEDDING_PADDING(embedding), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *weight = &infer->inputs[0], *indices = &infer->inputs[1];
    embedding_attributes *a = infer->attributes;
    const int status = embedding_infer(infer, &a->has_padding, &a->padding_index);
    if (status) return status;
    if (weight->rank - 1 + indices->rank > WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "the weight is %s, the indices are %s; the result would have more than %d axes",
                             wg_infer_shape_text(infer, weight), wg_infer_shape_text(infer, indices),
                             WG_MAX_RANK);
    wg_type *y = &infer->outputs[0];
    *y = *indices;
    y->dtype = weight->dtype;
    for (int i = 1; i < weight->rank; i++) y->extent[y->rank++] = weight->extent[i];
    return WG_OK;
}

/* Where the indices name the padding, one element a row of y. */
static wg_var padding_of(const wg_var *inputs, const embedding_attributes *a) {
    wg_type type = wg_type_of(inputs[1]);
    for (int i = wg_type_of(inputs[0]).rank; i > 1; i--) type.extent[type.rank++] = 1;
    const wg_shape shape = wg_shape_of(&type);
    const int64_t rows = wg_type_of(inputs[0]).extent[0];
    return (wg_reshape)(embedding_is_padding(inputs[1], a->padding_index, rows), &shape);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const embedding_attributes *a = attributes;
    wg_var y = (wg_gather)(inputs[0], inputs[1], 0);
    return a->has_padding ? (wg_where)(padding_of(inputs, a), (wg_stop_gradient)(y), y) : y;
}

static wg_var gradient_as(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const embedding_attributes *a = attributes;
    wg_var y = (wg_gather)(inputs[0], inputs[1], 0);
    return a->has_padding ? (wg_masked_fill)(y, padding_of(inputs, a), 0) : y;
}

static void samples(wg_sampler *s) {
#define S(...) {{__VA_ARGS__, INT64_MIN}}
    static const struct {
        wg_dtype dtype;
        wg_shape weight, indices;
        int64_t rows;
    } cases[] = {
        {WG_I64, S(5, 3), S(4), 5},    {WG_I32, S(5, 3), {{INT64_MIN}}, 5}, {WG_I64, S(4, 2), S(2, 3), 4},
        {WG_I32, S(1, 2), S(3), 1},    {WG_I64, S(3, 1), S(1, 2), 3},       {WG_I64, S(3), S(2, 2), 3},
        {WG_I64, S(2, 2, 3), S(3), 2}, {WG_I32, S(4, 0), S(2), 4},          {WG_I64, S(3, 2), S(0, 2), 3},
        {WG_I64, S(2, 2), S(1, 2, 1, 1, 2, 1, 1), 2},
    };
#undef S
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int64_t padding = -2; padding < 2; padding++) {
            const bool has_padding = padding > -2;
            const embedding_attributes with = {has_padding, has_padding ? padding % cases[i].rows : 0};
            WG_SAMPLE(s, &with, {.shape = &cases[i].weight},
                      {.dtype = cases[i].dtype, .shape = &cases[i].indices, .values = WG_INTEGERS,
                       .low = (double)-cases[i].rows, .high = (double)cases[i].rows - 1});
        }
}

const wg_op wg_op_embedding = {
    .name = "embedding", .formula = "y[j] = weight[index[j]]", .onnx = "Gather", .torch = "embedding",
    .shapes = "weight [V, ...], index [*] -> y [*]; y is the index's axes, then those of weight but the "
              "first",
    .gradient = "dweight[r] = sum over j with index[j] = r of dy[j], 0 for the padding",
    .inputs = 2, .outputs = 1, .blocked_inputs = 1 << 1, .linear_in = 1,
    .attributes = schema, .attributes_size = sizeof(embedding_attributes),
    .infer = infer, .expand = expand, .gradient_as = gradient_as, .samples = samples,
};

wg_var (wg_embedding)(wg_var weight, wg_var indices, const wg_embedding_options *options) {
    WG_READ_OPTIONS(wg_embedding_options, given, options);
    const embedding_attributes with = {given.has_padding || given.padding_index, given.padding_index};
    return WG_RECORD(&wg_op_embedding, &with, weight, indices);
}

#endif
