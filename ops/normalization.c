/* layer_norm, rms_norm, group_norm, instance_norm, batch_norm — standardize, then a scale and a shift
 *
 *     y = (x - m) / sqrt(v + epsilon) weight + bias,   m and v the mean and the variance (over the count)
 *
 *     layer_norm      over axes axis … last; weight and bias of their extents      Ba, Kiros, Hinton 2016
 *     rms_norm        the same with m = 0, and no bias                             Zhang, Sennrich 2019
 *     group_norm      x [N, C, …] over each of num_groups groups of channels       Wu, He 2018
 *     instance_norm   x [N, C, …] over each channel of each sample                 Ulyanov et al. 2016
 *     batch_norm      x [N, C, …] over each channel of all samples                 Ioffe, Szegedy 2015
 *
 * where weight and bias are [C] for the last three. batch_norm takes m and v as inputs too, for inference;
 * weight / sqrt(v + epsilon) is then taken first, for each channel. */
#include "standardize.h"

#ifdef WG_RULES

typedef struct {
    int64_t axis;
    double epsilon;
} layer_norm_attributes; /* and rms_norm's */
typedef struct {
    int64_t num_groups;
    double epsilon;
} group_norm_attributes;
typedef struct {
    double epsilon;
} channel_norm_attributes; /* of instance_norm and batch_norm */

#define EPSILON(type)                                                                                        \
    WG_ATTRIBUTE(type, epsilon, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0, .high = 1e30,          \
                 .preset = 1e-5, .meaning = "added to the variance")
static const wg_attribute attributes_of_layer[] = {
    WG_ATTRIBUTE(layer_norm_attributes, axis, .kind = WG_ATTRIBUTE_INT, .preset = -1,
                 .meaning = "the first axis that is normalised over"),
    EPSILON(layer_norm_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_group[] = {
    WG_ATTRIBUTE(group_norm_attributes, num_groups, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 1,
                 .high = 0x1p62, .preset = 1, .meaning = "of channels, of which there are as many in each"),
    EPSILON(group_norm_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_of_channel[] = {EPSILON(channel_norm_attributes), WG_NO_MORE_ATTRIBUTES};

/* --- Shape rules ---------------------------------------------------------------------------------- */

static const char *const input_names[] = {"x", "weight", "bias", "mean", "variance"};

/* Has each input after x, where it is there, the extents of x's axes from … to-1? */
static int infer_others(wg_infer *infer, int64_t from, int64_t to) {
    const wg_type *x = &infer->inputs[0];
    wg_type expected = {.dtype = x->dtype, .rank = (int)(to - from)};
    memcpy(expected.extent, x->extent + from, (size_t)expected.rank * sizeof *expected.extent);
    for (int i = 1; i < infer->input_count; i++) {
        const wg_type *type = &infer->inputs[i];
        if (wg_infer_given(infer, i) && !wg_shape_equal(type, &expected))
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s is %s, x is %s; %s must be %s", input_names[i],
                                 wg_infer_shape_text(infer, type), wg_infer_shape_text(infer, x),
                                 input_names[i], wg_infer_shape_text(infer, &expected));
    }
    infer->outputs[0] = *x;
    return WG_OK;
}

static int infer_layer(wg_infer *infer) {
    layer_norm_attributes *a = infer->attributes;
    const int rank = infer->inputs[0].rank;
    int status = wg_infer_real(infer);
    if (status || (status = wg_infer_axis(infer, &a->axis, rank))) return status;
    return infer_others(infer, a->axis, rank);
}

/* x [N, C, …], with as many axes behind C or more. */
static int infer_channels(wg_infer *infer, int behind) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (x->rank < 2 + behind)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [N, C, …] with at least %d axes",
                             wg_infer_shape_text(infer, x), 2 + behind);
    return infer_others(infer, 1, 2);
}

static int infer_group(wg_infer *infer) {
    const int64_t groups = WG_ATTRIBUTES(infer, group_norm)->num_groups;
    const int status = infer_channels(infer, 0);
    if (status) return status;
    if (infer->inputs[0].extent[1] % groups == 0) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                         "num_groups is %lld, x is %s; it must divide the channels", (long long)groups,
                         wg_infer_shape_text(infer, &infer->inputs[0]));
}

static int infer_instance(wg_infer *infer) { return infer_channels(infer, 1); }

static int infer_batch(wg_infer *infer) {
    const int status = infer_channels(infer, 0);
    if (status || wg_infer_given(infer, 3) == wg_infer_given(infer, 4)) return status;
    return wg_infer_fail(infer, WG_ERROR_SHAPE,
                         "of mean and variance only one is given; give both, or neither for those of x");
}

/* --- What they are made of -------------------------------------------------------------------------- */

/* Input number `index` of a list, closed by WG_END_, that may be shorter. */
static wg_var input_at(const wg_var *inputs, int index) {
    for (int i = 0; i <= index; i++)
        if (!inputs[i].tape && inputs[i].id == UINT32_MAX) return WG_NONE;
    return inputs[index];
}

static wg_var standard(wg_var x, int64_t from, int64_t to, double epsilon, bool center) {
    const standardize_attributes with = standardize_chosen(from, to, epsilon, center);
    return WG_RECORD(&wg_op_standardize, &with, x);
}

/* v [C] beside x [N, C, …]: [C, 1, …] */
static wg_var per_channel(wg_var v, wg_var x) {
    wg_type type = {.rank = wg_type_of(x).rank - 1};
    if (!wg_valid(v)) return v;
    for (int axis = 0; axis < type.rank; axis++) type.extent[axis] = axis ? 1 : wg_type_of(v).extent[0];
    const wg_shape shape = wg_shape_of(&type);
    return wg_reshape(v, &shape);
}

static wg_var affine(wg_var y, wg_var weight, wg_var bias) {
    if (wg_valid(weight)) y = wg_mul(y, weight);
    return wg_valid(bias) ? wg_add(y, bias) : y;
}

static wg_var expand_layer(wg_tape *tape, const wg_var *inputs, const void *given) {
    const layer_norm_attributes *a = given;
    (void)tape;
    wg_var y = standard(inputs[0], 0, a->axis, a->epsilon, true);
    return affine(y, input_at(inputs, 1), input_at(inputs, 2));
}

static wg_var expand_rms(wg_tape *tape, const wg_var *inputs, const void *given) {
    const layer_norm_attributes *a = given;
    (void)tape;
    wg_var y = standard(inputs[0], 0, a->axis, a->epsilon, false);
    return affine(y, input_at(inputs, 1), WG_NONE);
}

static wg_var expand_group(wg_tape *tape, const wg_var *inputs, const void *given) {
    const group_norm_attributes *a = given;
    const wg_var x = inputs[0];
    const wg_type type = wg_type_of(x);
    const wg_shape shape = wg_shape_of(&type);
    int64_t share = type.extent[1] / a->num_groups; /* the numbers of one group */
    for (int axis = 2; axis < type.rank; axis++) share *= type.extent[axis];
    (void)tape;
    wg_var groups = wg_reshape(x, WG_SHAPE(type.extent[0], a->num_groups, share));
    wg_var y = wg_reshape(standard(groups, 0, 2, a->epsilon, true), &shape);
    return affine(y, per_channel(input_at(inputs, 1), x), per_channel(input_at(inputs, 2), x));
}

static wg_var expand_instance(wg_tape *tape, const wg_var *inputs, const void *given) {
    const channel_norm_attributes *a = given;
    (void)tape;
    wg_var x = inputs[0], y = standard(x, 0, 2, a->epsilon, true);
    return affine(y, per_channel(input_at(inputs, 1), x), per_channel(input_at(inputs, 2), x));
}

static wg_var expand_batch(wg_tape *tape, const wg_var *inputs, const void *given) {
    const channel_norm_attributes *a = given;
    const wg_var x = inputs[0], weight = input_at(inputs, 1), bias = per_channel(input_at(inputs, 2), x);
    const wg_var mean = input_at(inputs, 3), variance = input_at(inputs, 4);
    if (!wg_valid(mean)) return affine(standard(x, 1, 2, a->epsilon, true), per_channel(weight, x), bias);
    wg_var deviation = wg_sqrt(wg_add(variance, wg_scalar(tape, a->epsilon)));
    wg_var d = wg_sub(x, per_channel(mean, x));
    if (!wg_valid(weight)) return affine(wg_div(d, per_channel(deviation, x)), WG_NONE, bias);
    return affine(d, per_channel(wg_div(weight, deviation), x), bias);
}

/* --- Samples -------------------------------------------------------------------------------------- */

static const wg_shape norm_shapes[] = {
    {{3, 4, INT64_MIN}}, {{2, 4, 3, INT64_MIN}}, {{2, 6, 2, 2, INT64_MIN}}, {{1, 4, 5, INT64_MIN}},
    {{3, 2, 1, INT64_MIN}}, {{2, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}}, {{0, 2, 3, INT64_MIN}},
    {{2, 2, 19, INT64_MIN}}, {{5, 8, 1, 1, INT64_MIN}}, {{2, 4, 2, 3, INT64_MIN}},
    {{1, 2, 3, 1, 2, INT64_MIN}},
};
enum { NORM_SHAPES = sizeof norm_shapes / sizeof *norm_shapes };

/* Where few numbers are normalised, a smaller epsilon leaves of the gradient little but what cancels. */
static const double epsilons[3] = {1e-2, 0.1, 0.5};

static int rank_of(const wg_shape *shape) {
    int rank = 0;
    while (shape->extent[rank] != INT64_MIN) rank++;
    return rank;
}

static wg_sample_input maybe(const wg_shape *shape, bool present) {
    return (wg_sample_input){.shape = shape, .absent = !present};
}

/* Every shape with three axes, and with or without weight and bias. */
static void samples_of_rows(wg_sampler *s, bool with_bias) {
    for (int i = 0; i < 3 * NORM_SHAPES; i++) {
        const wg_shape *shape = &norm_shapes[i / 3];
        const int rank = rank_of(shape), axis = i % 3 == 0 ? -1 : i % 3 == 1 ? 1 : rank - 2;
        const int from = axis < 0 ? axis + rank : axis;
        wg_shape tail = {{INT64_MIN}};
        for (int k = from; k <= rank; k++) tail.extent[k - from] = shape->extent[k];
        const layer_norm_attributes with = {axis, epsilons[(i + i / 3) % 3]};
        const bool weight = i % 4 < 2, bias = i % 2 == 0;
        if (with_bias) WG_SAMPLE(s, &with, {.shape = shape}, maybe(&tail, weight), maybe(&tail, bias));
        else WG_SAMPLE(s, &with, {.shape = shape}, maybe(&tail, weight));
    }
}
static void samples_of_layer(wg_sampler *s) {
    samples_of_rows(s, true);
    WG_SAMPLE(s, &((layer_norm_attributes){1, 1e-5}), {.shape = WG_SHAPE(2, 24)}, {.shape = WG_SHAPE(24)},
              {.shape = WG_SHAPE(24)});
}
static void samples_of_rms(wg_sampler *s) {
    samples_of_rows(s, false);
    WG_SAMPLE(s, &((layer_norm_attributes){-1, 1e-5}), {.shape = WG_SHAPE(2, 24)}, {.shape = WG_SHAPE(24)});
}

static void samples_of_group(wg_sampler *s) {
    for (int i = 0; i < 3 * NORM_SHAPES; i++) {
        const wg_shape *shape = &norm_shapes[i / 3];
        const int64_t channels = shape->extent[1];
        const int64_t groups = i % 3 == 0 ? 1 : i % 3 == 1 ? 2 : channels;
        const group_norm_attributes with = {groups, epsilons[(i + i / 3) % 3]};
        WG_SAMPLE(s, &with, {.shape = shape}, maybe(WG_SHAPE(channels), i % 4 < 2),
                  maybe(WG_SHAPE(channels), i % 2 == 0));
    }
    WG_SAMPLE(s, &((group_norm_attributes){3, 1e-5}), {.shape = WG_SHAPE(1, 6, 3, 4)}, {.shape = WG_SHAPE(6)},
              {.shape = WG_SHAPE(6)});
}

static void samples_of_instance(wg_sampler *s) {
    for (int i = 0; i < 3 * NORM_SHAPES; i++) {
        const wg_shape *shape = &norm_shapes[i / 3];
        const channel_norm_attributes with = {epsilons[i % 3]};
        const wg_shape *vector = WG_SHAPE(shape->extent[1]);
        if (rank_of(shape) < 3) continue;
        WG_SAMPLE(s, &with, {.shape = shape}, maybe(vector, i % 4 < 2), maybe(vector, i % 2 == 0));
    }
    WG_SAMPLE(s, &((channel_norm_attributes){1e-5}), {.shape = WG_SHAPE(1, 3, 3, 5)}, {.shape = WG_SHAPE(3)},
              {.shape = WG_SHAPE(3)});
}

/* Of x's own statistics where i is even, else of given ones. An empty batch has none of its own. */
static void samples_of_batch(wg_sampler *s) {
    for (int i = 0; i < 4 * NORM_SHAPES; i++) {
        const wg_shape *shape = &norm_shapes[i / 4], *vector = WG_SHAPE(shape->extent[1]);
        const channel_norm_attributes with = {epsilons[i % 3]};
        const bool given = i % 2 == 1 || shape->extent[0] == 0, weight = i / 2 % 2 == 0, bias = i % 3 < 2;
        WG_SAMPLE(s, &with, {.shape = shape}, maybe(vector, weight), maybe(vector, bias),
                  maybe(vector, given),
                  {.shape = vector, .values = WG_UNIFORM, .low = 0.25, .high = 4, .absent = !given});
    }
    WG_SAMPLE(s, &((channel_norm_attributes){1e-5}), {.shape = WG_SHAPE(3, 2, 3, 3)}, {.shape = WG_SHAPE(2)},
              {.shape = WG_SHAPE(2)});
}

/* --- The ops -------------------------------------------------------------------------------------- */

const wg_op wg_op_layer_norm = {
    .name = "layer_norm", .formula = "y = (x - m) / sqrt(v + epsilon) weight + bias over axes axis … last",
    .shapes = "x [*], weight [*]?, bias [*]? -> y [*]; y as x, weight and bias with x's axes from axis on",
    .gradient = "dx = standardize_grad(dy weight, z, r), dweight = sum dy z, dbias = sum dy, z = (x - m) r",
    .onnx = "LayerNormalization", .torch = "layer_norm", .inputs = 1, .inputs_max = 3, .outputs = 1,
    .attributes = attributes_of_layer, .attributes_size = sizeof(layer_norm_attributes),
    .infer = infer_layer, .expand = expand_layer, .samples = samples_of_layer, .f32_cancelled = 1,
};

const wg_op wg_op_rms_norm = {
    .name = "rms_norm", .formula = "y = x / sqrt(mean x^2 + epsilon) weight over axes axis … last",
    .shapes = "x [*], weight [*]? -> y [*]; y as x, weight with x's axes from axis on",
    .gradient = "dx = r (dy weight - z mean (dy weight z)), dweight = sum dy z, z = x r, r = 1 / sqrt(mean "
                "x^2 + epsilon)",
    .onnx = "RMSNormalization", .torch = "rms_norm", .inputs = 1, .inputs_max = 2, .outputs = 1,
    .attributes = attributes_of_layer, .attributes_size = sizeof(layer_norm_attributes),
    .infer = infer_layer, .expand = expand_rms, .samples = samples_of_rms, .f32_cancelled = 1,
};

const wg_op wg_op_group_norm = {
    .name = "group_norm", .formula = "y = (x - m) / sqrt(v + epsilon) weight + bias over groups of channels",
    .shapes = "x [N, C, ...], weight [C]?, bias [C]? -> y [N, C, ...]",
    .gradient = "dx = standardize_grad(dy weight, z, r), dweight = sum dy z, dbias = sum dy, z = (x - m) r",
    .onnx = "GroupNormalization", .torch = "group_norm", .inputs = 1, .inputs_max = 3, .outputs = 1,
    .attributes = attributes_of_group, .attributes_size = sizeof(group_norm_attributes),
    .infer = infer_group, .expand = expand_group, .samples = samples_of_group,
};

const wg_op wg_op_instance_norm = {
    .name = "instance_norm", .formula = "y = (x - m) / sqrt(v + epsilon) weight + bias over axes 2 … last",
    .shapes = "x [N, C, ...], weight [C]?, bias [C]? -> y [N, C, ...]",
    .gradient = "dx = standardize_grad(dy weight, z, r), dweight = sum dy z, dbias = sum dy, z = (x - m) r",
    .onnx = "InstanceNormalization", .torch = "instance_norm", .inputs = 1, .inputs_max = 3, .outputs = 1,
    .attributes = attributes_of_channel, .attributes_size = sizeof(channel_norm_attributes),
    .infer = infer_instance, .expand = expand_instance, .samples = samples_of_instance,
};

const wg_op wg_op_batch_norm = {
    .name = "batch_norm", .formula = "y = (x - m) / sqrt(v + epsilon) weight + bias over all axes but axis 1",
    .shapes = "x [N, C, ...], weight [C]?, bias [C]?, mean [C]?, variance [C]? -> y [N, C, ...]",
    .gradient = "dx = standardize_grad(dy weight, z, r), or dy weight r with mean and variance given; "
                "dweight = sum dy z, dbias = sum dy, dmean = -sum dy weight r, dvariance = -sum dy weight z "
                "r^2 / 2, z = (x - m) r",
    .onnx = "BatchNormalization", .torch = "batch_norm", .inputs = 1, .inputs_max = 5, .outputs = 1,
    .attributes = attributes_of_channel, .attributes_size = sizeof(channel_norm_attributes),
    .infer = infer_batch, .expand = expand_batch, .samples = samples_of_batch,
};

static double epsilon_of(const wg_norm_options *options) {
    WG_READ_OPTIONS(wg_norm_options, given, options);
    return wg_read_number(given.epsilon, 1e-5);
}

wg_var (wg_layer_norm)(wg_var x, wg_var weight, wg_var bias, int axis, const wg_norm_options *options) {
    const layer_norm_attributes with = {axis, epsilon_of(options)};
    return WG_RECORD(&wg_op_layer_norm, &with, x, weight, bias);
}

wg_var (wg_rms_norm)(wg_var x, wg_var weight, int axis, const wg_norm_options *options) {
    const layer_norm_attributes with = {axis, epsilon_of(options)};
    return WG_RECORD(&wg_op_rms_norm, &with, x, weight);
}

wg_var (wg_group_norm)(wg_var x, wg_var weight, wg_var bias, int64_t num_groups,
                       const wg_norm_options *options) {
    const group_norm_attributes with = {num_groups, epsilon_of(options)};
    return WG_RECORD(&wg_op_group_norm, &with, x, weight, bias);
}

wg_var (wg_instance_norm)(wg_var x, wg_var weight, wg_var bias, const wg_norm_options *options) {
    const channel_norm_attributes with = {epsilon_of(options)};
    return WG_RECORD(&wg_op_instance_norm, &with, x, weight, bias);
}

wg_var (wg_batch_norm)(wg_var x, wg_var weight, wg_var bias, wg_var mean, wg_var variance,
                       const wg_norm_options *options) {
    const channel_norm_attributes with = {epsilon_of(options)};
    return WG_RECORD(&wg_op_batch_norm, &with, x, weight, bias, mean, variance);
}

#endif
