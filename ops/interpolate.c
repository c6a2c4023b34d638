/* interpolate, adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d — images of another size
 *
 *   y[n, c, i, j] = sum_{h, w} a[i, h] b[j, w] x[n, c, h, w]
 *
 * with the weights of ops/resample.c along each axis: the axes are resampled one after the other, which is less
 * work than all at once. Modes as PyTorch's interpolate: nearest (asymmetric, floor), nearest_exact (half_pixel,
 * rounded), linear, cubic, area; coordinates, rounding and cubic_a as ONNX Resize. */
#include "op.h"
#include "resample.h"

#ifdef WG_RULES

typedef struct interpolate_attributes {
    int64_t size[3], mode, coordinates, rounding;
    double scale[3], cubic_a;
    bool antialias;
} interpolate_attributes;

#define CHOICE(member, most, otherwise, text)                                                                   \
    WG_ATTRIBUTE(interpolate_attributes, member, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = most,       \
                 .preset = otherwise, .meaning = text)
#define SIZE(many, text)                                                                                        \
    WG_ATTRIBUTE(interpolate_attributes, size, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,        \
                 .high = INT32_MAX, .meaning = text)
static const wg_attribute attributes[] = {
    SIZE(3, "extents of the result, one for each axis after the second; 0: by scale"),
    WG_ATTRIBUTE(interpolate_attributes, scale, .kind = WG_ATTRIBUTE_REAL, .count = 3, .bounded = true,
                 .high = 0x1p31, .meaning = "the result's extents by those of x; 0: by size"),
    CHOICE(mode, 3, 1, "0: nearest, 1: linear, 2: cubic, 3: area"),
    CHOICE(coordinates, 3, 0, "0: half_pixel, 1: align_corners, 2: asymmetric, 3: pytorch_half_pixel"),
    CHOICE(rounding, 3, 0, "of nearest; 0: floor, 1: ceil, 2: round_prefer_floor, 3: round_prefer_ceil"),
    WG_ATTRIBUTE(interpolate_attributes, cubic_a, .kind = WG_ATTRIBUTE_REAL, .preset = -0.75, .meaning = "Keys' a"),
    WG_ATTRIBUTE(interpolate_attributes, antialias, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "stretch the kernel where an axis shrinks"),
    WG_NO_MORE_ATTRIBUTES};

/* Fills in sizes that a scale stands for. */
static int infer_axes(wg_infer *infer, int least, int most) {
    interpolate_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (x->rank < 2 + least || x->rank > 2 + most)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must have %d to %d axes, [N, C, extents]",
                             wg_infer_text(infer, x), 2 + least, 2 + most);
    infer->outputs[0] = *x;
    for (int i = 0; i < x->rank - 2; i++) {
        const double scaled = (double)x->extent[2 + i] * a->scale[i];
        if (!a->size[i] && scaled >= 1 && scaled <= INT32_MAX) a->size[i] = (int64_t)scaled;
        if (x->extent[2 + i] < 1 || a->size[i] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "axis %d: from extent %lld to %lld, scale %g; both extents must be at least 1", 2 + i,
                                 (long long)x->extent[2 + i], (long long)a->size[i], a->scale[i]);
        infer->outputs[0].extent[2 + i] = a->size[i];
    }
    return WG_OK;
}
static int infer(wg_infer *infer) { return infer_axes(infer, 1, 3); }

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes_) {
    (void)tape;
    const interpolate_attributes *a = attributes_;
    wg_var y = inputs[0];
    for (int i = 0; i < wg_type_of(inputs[0]).rank - 2; i++) {
        const resample_attributes axis = {.axis = 2 + i, .size = a->size[i], .mode = a->mode,
                                          .coordinates = a->coordinates, .rounding = a->rounding,
                                          .scale = a->scale[i], .cubic_a = a->cubic_a, .antialias = a->antialias};
        y = WG_RECORD(&wg_op_resample, &axis, y);
    }
    return y;
}

static wg_shape image_shape(int axes, int which) {
    static const int64_t extents[] = {4, 1, 5, 3, 2, 6, 4};
    wg_shape x = {.extent = {which == 9 ? 0 : 1 + which % 2, which == 14 ? 0 : 1 + which / 2 % 2}};
    for (int i = 2; i <= WG_MAX_RANK; i++)
        x.extent[i] = i >= 2 + axes ? INT64_MIN : axes == 3 ? 1 + (which + i) % 3 : extents[(which + 2 * i) % 7];
    return x;
}

static void samples(wg_sampler *s) {
    static const int64_t sizes[] = {3, 1, 4, 6, 2, 5};
    static const double scales[] = {2, 1.5, 0.6, 1, 2.6};
    for (int i = 0; i < 48; i++) {
        const int axes = i % 3 + 1;
        interpolate_attributes with = {.mode = i / 3 % 4, .coordinates = i / 12 % 4, .rounding = (i / 3 + i / 12) % 4,
                                       .cubic_a = (double[]){-0.75, -0.5, -0.6}[i % 3], .antialias = i % 5 == 1};
        const wg_shape x = image_shape(axes, i);
        for (int axis = 0; axis < axes; axis++)
            if (i % 4 == 3)
                with.scale[axis] = x.extent[2 + axis] > 1 ? scales[(i / 4 + axis) % 5] : 2;
            else
                with.size[axis] = axes == 3 ? 1 + (i + axis) % 3 : sizes[(i + 2 * axis + i / 6) % 6];
        WG_SAMPLE(s, &with, {.shape = &x});
    }
}

const wg_op wg_op_interpolate = {
    .name = "interpolate", .formula = "y[n, c, i, j] = sum_{h, w} a[i, h] b[j, w] x[n, c, h, w]", .onnx = "Resize",
    .shapes = "x [N, C, ...] -> y [*]; y is [N, C, size], with one to three axes",
    .gradient = "dx[n, c, h, w] = sum_{i, j} a[i, h] b[j, w] dy[n, c, i, j]",
    .torch = "interpolate", .inputs = 1, .outputs = 1, .linear_in = 1, .attributes = attributes,
    .attributes_size = sizeof(interpolate_attributes), .infer = infer, .expand = expand, .samples = samples};

/* --- Adaptive means --------------------------------------------------------------------------------------- */

static wg_var expand_adaptive(wg_tape *tape, const wg_var *inputs, const void *given) {
    interpolate_attributes a = *(const interpolate_attributes *)given;
    a.mode = 3;
    return expand(tape, inputs, &a);
}

static void sample_adaptive(wg_sampler *s, int axes) {
    static const int64_t sizes[] = {3, 1, 4, 2, 5};
    for (int i = 0; i < 30; i++) {
        interpolate_attributes with = {.mode = 0};
        const wg_shape x = image_shape(axes, i);
        for (int axis = 0; axis < axes; axis++)
            with.size[axis] = axes == 3 ? 1 + (i + axis) % 3 : sizes[(i + 2 * axis + i / 5) % 5];
        WG_SAMPLE(s, &with, {.shape = &x});
    }
}

#define ADAPTIVE_AVG_POOL(axes, many)                                                                           \
    static const wg_attribute attributes_##axes[] = {SIZE(many, "extents of the result"), WG_NO_MORE_ATTRIBUTES}; \
    static int infer_##axes(wg_infer *infer) { return infer_axes(infer, many, many); }                          \
    static void samples_##axes(wg_sampler *s) { sample_adaptive(s, many); }                                     \
    const wg_op wg_op_adaptive_avg_pool##axes = {                                                               \
        .name = "adaptive_avg_pool" #axes,                                                                      \
        .formula = "y[n, c, i] = mean of x[n, c, floor(i in / out) ... ceil((i + 1) in / out) - 1]",            \
        .shapes = "x [N, C, ...] -> y [N, C, *]",                                                               \
        .gradient = "dx[n, c, h] = sum over the windows that hold h of dy[n, c, window] / their elements",      \
        .torch = "adaptive_avg_pool" #axes, .inputs = 1, .outputs = 1, .linear_in = 1,                          \
        .attributes = attributes_##axes, .attributes_size = sizeof(interpolate_attributes),                     \
        .infer = infer_##axes, .expand = expand_adaptive, .samples = samples_##axes};                           \
    wg_var (wg_adaptive_avg_pool##axes)(wg_var x, const wg_shape *extents) {                                    \
        interpolate_attributes chosen = {.mode = 0};                                                            \
        if (!wg_read_extents(x.tape, "adaptive_avg_pool" #axes, extents, many, chosen.size))                     \
            return wg_refuse(x.tape);                                                                           \
        return WG_RECORD(&wg_op_adaptive_avg_pool##axes, &chosen, x);                                           \
    }
ADAPTIVE_AVG_POOL(1d, 1)
ADAPTIVE_AVG_POOL(2d, 2)
ADAPTIVE_AVG_POOL(3d, 3)

wg_var (wg_interpolate)(wg_var x, const wg_shape *extents, const wg_interpolate_options *options) {
    WG_READ_OPTIONS(wg_interpolate_options, given, options);
    static const int64_t modes[] = {0, 0, 1, 2, 3}, coordinates[] = {2, 0, 0, 0, 0}, rounding[] = {0, 3, 0, 0, 0};
    if (given.mode > WG_INTERPOLATE_AREA || (given.align_corners && given.coordinates)) {
        wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "interpolate: mode is %d, and both align_corners and coordinates may not be given",
                (int)given.mode);
        return wg_refuse(x.tape);
    }
    interpolate_attributes chosen = {.mode = modes[given.mode], .antialias = given.antialias,
                                     .cubic_a = wg_read_number(given.cubic_a, given.antialias ? -0.5 : -0.75)};
    chosen.coordinates = given.align_corners ? 1 : given.coordinates ? given.coordinates - 1 : coordinates[given.mode];
    chosen.rounding = given.rounding ? given.rounding - 1 : rounding[given.mode];
    const int axes = wg_type_of(x).rank - 2;
    if (!wg_read_extents(x.tape, "interpolate", extents, axes >= 1 && axes <= 3 ? axes : 3, chosen.size))
        return wg_refuse(x.tape);
    for (int i = 0; i < 3; i++) {
        chosen.scale[i] = given.scales[i] != 0 ? given.scales[i] : given.scale;
        if (chosen.scale[i] == 0 || chosen.size[i] == 0) continue;
        wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "interpolate: both extents and a scale are given; give one of them");
        return wg_refuse(x.tape);
    }
    return WG_RECORD(&wg_op_interpolate, &chosen, x);
}
#endif
