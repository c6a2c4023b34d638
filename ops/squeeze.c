/* squeeze, unsqueeze, flatten — x under a shape with axes of extent 1 left out, put in, or axes joined
 *
 * Composed of reshape, which moves nothing; so the gradient is dy under x's shape. */
#include "rearrange.h"

typedef struct squeeze_attributes {
    wg_axes axes;
} squeeze_attributes;
typedef squeeze_attributes unsqueeze_attributes;

typedef struct flatten_attributes {
    int64_t first_axis, last_axis;
} flatten_attributes;

#ifdef WG_RULES

/* --- squeeze --------------------------------------------------------------------------------------------- */

static const wg_attribute squeeze_schema[] = {
    WG_ATTRIBUTE(squeeze_attributes, axes, .kind = WG_ATTRIBUTE_AXES,
                 .meaning = "of extent 1, left out; none listed: all of extent 1"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_squeeze(wg_infer *infer) {
    wg_axes *axes = &((squeeze_attributes *)infer->attributes)->axes;
    const wg_type *x = &infer->inputs[0];
    unsigned set;
    const bool all = axes->axis[0] == INT_MIN;
    const int status = rearrange_infer_axes(infer, axes, x->rank, &set);
    if (status) return status;
    wg_type y = {.dtype = x->dtype};
    for (int i = 0; i < x->rank; i++) {
        const bool named = set >> i & 1;
        if (named && x->extent[i] != 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of x %s is %lld; only an extent of 1 goes", i,
                                 wg_infer_shape_text(infer, x), (long long)x->extent[i]);
        if (!named && !(all && x->extent[i] == 1)) y.extent[y.rank++] = x->extent[i];
    }
    infer->outputs[0] = y;
    return WG_OK;
}

static wg_var expand_squeeze(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const int *axis = ((const squeeze_attributes *)attributes)->axes.axis;
    const wg_type x = wg_type_of(inputs[0]);
    unsigned set = 0;
    for (int i = 0; axis[i] != INT_MIN; i++) set |= 1u << axis[i];
    wg_type y = {.dtype = x.dtype};
    for (int i = 0; i < x.rank; i++)
        if (set ? !(set >> i & 1) : x.extent[i] != 1) y.extent[y.rank++] = x.extent[i];
    return rearrange_reshape(inputs[0], &y);
}

static void samples_squeeze(wg_sampler *s) {
#define SQUEEZE(from, ...) WG_SAMPLE(s, (&(squeeze_attributes){{{__VA_ARGS__}}}), {.shape = from})
    SQUEEZE(WG_SCALAR_SHAPE, INT_MIN);
    SQUEEZE(WG_SHAPE(1), INT_MIN);
    SQUEEZE(WG_SHAPE(1), 0, INT_MIN);
    SQUEEZE(WG_SHAPE(1), -1, INT_MIN);
    SQUEEZE(WG_SHAPE(7), INT_MIN);
    SQUEEZE(WG_SHAPE(0), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 1), 0, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 1), 1, 0, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 5), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 5), 0, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 5), -2, INT_MIN);
    SQUEEZE(WG_SHAPE(5, 1), INT_MIN);
    SQUEEZE(WG_SHAPE(5, 1), 1, INT_MIN);
    SQUEEZE(WG_SHAPE(5, 1), -1, INT_MIN);
    SQUEEZE(WG_SHAPE(3, 4), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 3, 1), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 3, 1), 0, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 3, 1), 2, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 3, 1), 0, 2, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 3, 1), -1, -3, INT_MIN);
    SQUEEZE(WG_SHAPE(2, 1, 3), 1, INT_MIN);
    SQUEEZE(WG_SHAPE(2, 1, 1, 3), -2, INT_MIN);
    SQUEEZE(WG_SHAPE(2, 1, 1, 3), 1, 2, INT_MIN);
    SQUEEZE(WG_SHAPE(2, 1, 0), 1, INT_MIN);
    SQUEEZE(WG_SHAPE(0, 1), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), 0, 4, INT_MIN);
    SQUEEZE(WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), INT_MIN);
    SQUEEZE(WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1), 0, 1, 2, 3, 4, 5, 6, 7, INT_MIN);
    WG_SAMPLE(s, (&(squeeze_attributes){{{0, INT_MIN}}}), {.dtype = WG_U8, .shape = WG_SHAPE(1, 5)});
    WG_SAMPLE(s, (&(squeeze_attributes){{{INT_MIN}}}), {.dtype = WG_BOOL, .shape = WG_SHAPE(3, 1)});
#undef SQUEEZE
}

const wg_op wg_op_squeeze = {
    .name = "squeeze", .formula = "y = x without axes of extent 1", .onnx = "Squeeze", .torch = "squeeze",
    .shapes = "x [*] -> y [*]; without axes of extent 1",
    .gradient = "dx = dy under x's shape",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = squeeze_schema, .attributes_size = sizeof(squeeze_attributes),
    .infer = infer_squeeze, .expand = expand_squeeze, .samples = samples_squeeze,
};

wg_var (wg_squeeze)(wg_var x, const wg_axes *axes) {
    const squeeze_attributes chosen = {rearrange_axes(axes)};
    return WG_RECORD(&wg_op_squeeze, &chosen, x);
}

/* --- unsqueeze -------------------------------------------------------------------------------------------- */

static const wg_attribute unsqueeze_schema[] = {
    WG_ATTRIBUTE(unsqueeze_attributes, axes, .kind = WG_ATTRIBUTE_AXES,
                 .meaning = "of the result, that have extent 1"),
    WG_NO_MORE_ATTRIBUTES};

/* x with axes of extent 1 where `set` says. */
static wg_type unsqueezed(const wg_type *x, unsigned set) {
    wg_type y = {.dtype = x->dtype};
    for (int i = 0; i < x->rank || set >> y.rank; y.rank++)
        y.extent[y.rank] = set >> y.rank & 1 ? 1 : x->extent[i++];
    return y;
}

static int infer_unsqueeze(wg_infer *infer) {
    wg_axes *axes = &((unsqueeze_attributes *)infer->attributes)->axes;
    const wg_type *x = &infer->inputs[0];
    int count = 0;
    while (count <= WG_MAX_RANK && axes->axis[count] != INT_MIN) count++;
    if (x->rank + count > WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_AXIS, "x is %s; with %d axes more it would have more than %d",
                             wg_infer_shape_text(infer, x), count, WG_MAX_RANK);
    wg_type shown = *x; /* messages count the axes of the result */
    for (shown.rank = 0; shown.rank < x->rank + count; shown.rank++) shown.extent[shown.rank] = 1;
    wg_infer of_result = *infer;
    of_result.inputs = &shown;
    unsigned set;
    const int status = rearrange_infer_axes(&of_result, axes, shown.rank, &set);
    if (!status) infer->outputs[0] = unsqueezed(x, set);
    return status;
}

static wg_var expand_unsqueeze(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const int *axis = ((const unsqueeze_attributes *)attributes)->axes.axis;
    const wg_type x = wg_type_of(inputs[0]);
    unsigned set = 0;
    for (int i = 0; axis[i] != INT_MIN; i++) set |= 1u << axis[i];
    const wg_type y = unsqueezed(&x, set);
    return rearrange_reshape(inputs[0], &y);
}

static void samples_unsqueeze(wg_sampler *s) {
#define UNSQUEEZE(from, ...) WG_SAMPLE(s, (&(unsqueeze_attributes){{{__VA_ARGS__, INT_MIN}}}), {.shape = from})
    UNSQUEEZE(WG_SCALAR_SHAPE, 0);
    UNSQUEEZE(WG_SCALAR_SHAPE, -1);
    UNSQUEEZE(WG_SCALAR_SHAPE, 0, 1);
    UNSQUEEZE(WG_SCALAR_SHAPE, 0, 1, 2, 3, 4, 5, 6, 7);
    UNSQUEEZE(WG_SHAPE(1), 0);
    UNSQUEEZE(WG_SHAPE(1), 1);
    UNSQUEEZE(WG_SHAPE(5), 0);
    UNSQUEEZE(WG_SHAPE(5), 1);
    UNSQUEEZE(WG_SHAPE(5), -1);
    UNSQUEEZE(WG_SHAPE(5), -2);
    UNSQUEEZE(WG_SHAPE(5), 0, 2);
    UNSQUEEZE(WG_SHAPE(5), 2, 0);
    UNSQUEEZE(WG_SHAPE(5), -1, 0);
    UNSQUEEZE(WG_SHAPE(5), 0, 1, 2);
    UNSQUEEZE(WG_SHAPE(0), 0);
    UNSQUEEZE(WG_SHAPE(0), -1);
    UNSQUEEZE(WG_SHAPE(3, 4), 0);
    UNSQUEEZE(WG_SHAPE(3, 4), 1);
    UNSQUEEZE(WG_SHAPE(3, 4), 2);
    UNSQUEEZE(WG_SHAPE(3, 4), -3);
    UNSQUEEZE(WG_SHAPE(3, 4), 1, 3);
    UNSQUEEZE(WG_SHAPE(3, 4), 0, -1);
    UNSQUEEZE(WG_SHAPE(2, 1, 3), 1);
    UNSQUEEZE(WG_SHAPE(2, 1, 3), 3);
    UNSQUEEZE(WG_SHAPE(2, 0, 3), 2);
    UNSQUEEZE(WG_SHAPE(2, 3, 2), 1, 2, 4);
    UNSQUEEZE(WG_SHAPE(2, 1, 2, 1, 2, 1, 2), 7);
    UNSQUEEZE(WG_SHAPE(2, 1, 2, 1, 2, 1, 2), 3);
    WG_SAMPLE(s, (&(unsqueeze_attributes){{{0, INT_MIN}}}), {.dtype = WG_U8, .shape = WG_SHAPE(5)});
    WG_SAMPLE(s, (&(unsqueeze_attributes){{{INT_MIN}}}), {.dtype = WG_BOOL, .shape = WG_SHAPE(3, 1)});
    WG_SAMPLE(s, (&(unsqueeze_attributes){{{INT_MIN}}}), {.shape = WG_SHAPE(3)});
#undef UNSQUEEZE
}

const wg_op wg_op_unsqueeze = {
    .name = "unsqueeze", .formula = "y = x with more axes, of extent 1", .onnx = "Unsqueeze",
    .shapes = "x [*] -> y [*]; with more axes of extent 1",
    .gradient = "dx = dy under x's shape",
    .torch = "unsqueeze",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = unsqueeze_schema, .attributes_size = sizeof(unsqueeze_attributes),
    .infer = infer_unsqueeze, .expand = expand_unsqueeze, .samples = samples_unsqueeze,
};

wg_var (wg_unsqueeze)(wg_var x, const wg_axes *axes) {
    const unsqueeze_attributes chosen = {rearrange_axes(axes)};
    return WG_RECORD(&wg_op_unsqueeze, &chosen, x);
}

/* --- flatten ------------------------------------------------------------------------------------------------ */

static const wg_attribute flatten_schema[] = {
    WG_ATTRIBUTE(flatten_attributes, first_axis, .kind = WG_ATTRIBUTE_INT, .meaning = "the first that is joined"),
    WG_ATTRIBUTE(flatten_attributes, last_axis, .kind = WG_ATTRIBUTE_INT, .preset = -1,
                 .meaning = "the last that is joined"),
    WG_NO_MORE_ATTRIBUTES};

static wg_type flattened(const wg_type *x, const flatten_attributes *a) {
    wg_type y = {.dtype = x->dtype, .rank = x->rank ? (int)(x->rank - a->last_axis + a->first_axis) : 1};
    for (int i = 0; i < y.rank; i++)
        y.extent[i] = i < a->first_axis ? x->extent[i] : x->rank ? x->extent[i + x->rank - y.rank] : 1;
    if (x->rank)
        y.extent[a->first_axis] = rearrange_product(x, (int)a->first_axis, (int)a->last_axis + 1);
    return y;
}

static int infer_flatten(wg_infer *infer) {
    flatten_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    const int rank = x->rank ? x->rank : 1; /* a scalar becomes a vector of one */
    int status = wg_infer_axis(infer, &a->first_axis, rank);
    if (status || (status = wg_infer_axis(infer, &a->last_axis, rank))) return status;
    if (a->first_axis > a->last_axis)
        return wg_infer_fail(infer, WG_ERROR_AXIS, "axes %lld to %lld of x %s; the first must not be after the last",
                             (long long)a->first_axis, (long long)a->last_axis, wg_infer_shape_text(infer, x));
    infer->outputs[0] = flattened(x, a);
    return WG_OK;
}

static wg_var expand_flatten(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const wg_type x = wg_type_of(inputs[0]), y = flattened(&x, attributes);
    return rearrange_reshape(inputs[0], &y);
}

static void samples_flatten(wg_sampler *s) {
#define FLATTEN(from, first, last) WG_SAMPLE(s, (&(flatten_attributes){first, last}), {.shape = from})
    FLATTEN(WG_SCALAR_SHAPE, 0, -1);
    FLATTEN(WG_SCALAR_SHAPE, -1, 0);
    FLATTEN(WG_SHAPE(1), 0, -1);
    FLATTEN(WG_SHAPE(7), 0, -1);
    FLATTEN(WG_SHAPE(7), 0, 0);
    FLATTEN(WG_SHAPE(0), 0, -1);
    const int64_t axes[][2] = {{0, -1}, {1, -1}, {0, 1}, {1, 1}, {-2, -1}, {0, 0}};
    for (int i = 0; i < 6; i++) FLATTEN(WG_SHAPE(3, 4), axes[i][0], axes[i][1]);
    for (int i = 0; i < 6; i++) FLATTEN(WG_SHAPE(2, 3, 4), axes[i][0], axes[i][1]);
    for (int i = 0; i < 6; i++) FLATTEN(WG_SHAPE(2, 0, 1, 3), axes[i][0], axes[i][1]);
    for (int i = 0; i < 6; i++) FLATTEN(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), axes[i][0], axes[i][1]);
    WG_SAMPLE(s, (&(flatten_attributes){1, -1}), {.dtype = WG_U8, .shape = WG_SHAPE(2, 3, 2)});
#undef FLATTEN
}

const wg_op wg_op_flatten = {
    .name = "flatten", .formula = "y = x with axes first_axis ... last_axis as one", .onnx = "Flatten",
    .shapes = "x [*] -> y [*]; axes first_axis ... last_axis become one",
    .gradient = "dx = dy under x's shape",
    .torch = "flatten",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = flatten_schema, .attributes_size = sizeof(flatten_attributes),
    .infer = infer_flatten, .expand = expand_flatten, .samples = samples_flatten,
};

wg_var (wg_flatten)(wg_var x, int first_axis, const wg_flatten_options *options) {
    WG_READ_OPTIONS(wg_flatten_options, o, options);
    const flatten_attributes chosen = {first_axis, o.last_axis ? o.last_axis : -1};
    return WG_RECORD(&wg_op_flatten, &chosen, x);
}

#endif
