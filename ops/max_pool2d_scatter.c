/* max_pool2d_scatter, max_pool2d_gather — planes at the places that indices of windows name
 *
 *   scatter:  dx[n, c, index] += dy[n, c, i, j]
 *   gather:   y[n, c, i, j] = x[n, c, index]
 *
 * Given the indices, pooling is the linear map `gather`, whose transpose is `scatter`: each is the other's rule,
 * and scatter is max_pool2d's. Both take max_pool2d_offset's bytes for the indices, if their attributes tell the
 * windows. */
#include "pool.h"

static bool outside(const wg_call *call, int64_t index, int64_t pixels) {
    if (index >= 0 && index < pixels) return false;
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld in a plane of %lld pixels", (long long)index,
                 (long long)pixels);
    return true;
}

/* Indices given as max_pool2d_offset's bytes: the plane's place of each, made out row by row of windows. */
typedef struct {
    const pool_attributes *a;
    const uint8_t *offset;
    int64_t width, windows[2], pixels, from_corner[256];
} offsets;

static offsets read_offsets(const wg_call *call, const int64_t size[2]) {
    offsets o = {.a = WG_ATTRIBUTES(call, pool),
                 .offset = WG_IN(call, 1, uint8_t),
                 .width = size[1],
                 .pixels = size[0] * size[1]};
    memcpy(o.windows, call->inputs[1].type.extent + 2, sizeof o.windows);
    for (int64_t k = 0; k < o.a->kernel[0] * o.a->kernel[1]; k++)
        o.from_corner[k] =
            k / o.a->kernel[1] * o.a->dilation[0] * size[1] + k % o.a->kernel[1] * o.a->dilation[1];
    return o;
}

/* Of all windows of the plane; -1: an offset is not in the image, and the call has failed. */
WG_INLINE int64_t place_of(const wg_call *call, const offsets *o, int64_t unit, int64_t i, int64_t j) {
    const pool_attributes *a = o->a;
    const int64_t offset = o->offset[(unit * o->windows[0] + i) * o->windows[1] + j];
    const int64_t corner = (i * a->stride[0] - a->padding[0]) * o->width + j * a->stride[1] - a->padding[1];
    const int64_t at = offset < a->kernel[0] * a->kernel[1] ? corner + o->from_corner[offset] : -1;
    return (uint64_t)at < (uint64_t)o->pixels || !outside(call, at, o->pixels) ? at : -1;
}

static void scatter_by_offsets(const wg_call *call) {
    const offsets o = read_offsets(call, call->outputs[0].type.extent + 2);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *dy = WG_IN(call, 0, real) + unit * o.windows[0] * o.windows[1];
        real *dx = WG_OUT(call, 0, real) + unit * o.pixels;
        memset(dx, 0, (size_t)o.pixels * sizeof(real));
        for (int64_t i = 0; i < o.windows[0]; i++)
            for (int64_t j = 0; j < o.windows[1]; j++) {
                const int64_t at = place_of(call, &o, unit, i, j);
                if (at < 0) return;
                dx[at] += *dy++;
            }
    }
}

static void gather_by_offsets(const wg_call *call) {
    const offsets o = read_offsets(call, call->inputs[0].type.extent + 2);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * o.pixels;
        real *y = WG_OUT(call, 0, real) + unit * o.windows[0] * o.windows[1];
        for (int64_t i = 0; i < o.windows[0]; i++)
            for (int64_t j = 0; j < o.windows[1]; j++) {
                const int64_t at = place_of(call, &o, unit, i, j);
                if (at < 0) return;
                *y++ = x[at];
            }
    }
}

static void scatter(const wg_call *call) {
    if (call->inputs[1].type.dtype == WG_U8) {
        scatter_by_offsets(call);
        return;
    }
    const int64_t *in = call->inputs[0].type.extent + 2, *out = call->outputs[0].type.extent + 2;
    const int64_t windows = in[0] * in[1], pixels = out[0] * out[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *dy = WG_IN(call, 0, real) + unit * windows;
        const int32_t *index = WG_IN(call, 1, int32_t) + unit * windows;
        real *dx = WG_OUT(call, 0, real) + unit * pixels;
        memset(dx, 0, (size_t)pixels * sizeof(real));
        for (int64_t i = 0; i < windows; i++) {
            if (__builtin_expect((uint64_t)index[i] >= (uint64_t)pixels, 0) &&
                outside(call, index[i], pixels))
                return;
            dx[index[i]] += dy[i];
        }
    }
}
WG_KERNEL(max_pool2d_scatter, scatter)

static void gather(const wg_call *call) {
    if (call->inputs[1].type.dtype == WG_U8) {
        gather_by_offsets(call);
        return;
    }
    const int64_t *in = call->inputs[0].type.extent + 2, *out = call->outputs[0].type.extent + 2;
    const int64_t pixels = in[0] * in[1], windows = out[0] * out[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * pixels;
        const int32_t *index = WG_IN(call, 1, int32_t) + unit * windows;
        real *y = WG_OUT(call, 0, real) + unit * windows;
        for (int64_t i = 0; i < windows; i++) {
            if (outside(call, index[i], pixels)) return;
            y[i] = x[index[i]];
        }
    }
}
WG_KERNEL(max_pool2d_gather, gather)

#ifdef WG_RULES

/* The image, and which windows the indices are of; kernel 0: of none, just any. */
static const wg_attribute attributes[] = {
    POOL_EACH(kernel, 2, 0, 0, "extents of the windows that the indices are of; 0: of no windows"),
    POOL_EACH(stride, 2, 0, 0, "pixels from one window to the next"),
    POOL_EACH(padding, 4, 0, 0, "pixels added in front of each axis, then behind each"),
    POOL_EACH(dilation, 2, 0, 1, "pixels from one tap of a window to the next"),
    WG_ATTRIBUTE(pool_attributes, ceil_mode, .kind = WG_ATTRIBUTE_BOOL, .meaning = "as of the pooling"),
    POOL_SIZE(2), WG_NO_MORE_ATTRIBUTES};

/* A real [N, C, …] and indices [N, C, …] into the planes of the image. */
static int infer_indices(wg_infer *infer, bool same_windows) {
    const wg_type *values = &infer->inputs[0], *indices = &infer->inputs[1];
    int status = wg_infer_one_real(infer, 0, "input 0");
    if (status) return status;
    if (indices->dtype != WG_I32 && indices->dtype != WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "indices are %s; they must be i32, or u8 offsets in windows",
                             wg_infer_text(infer, indices));
    if (values->rank != 4 || indices->rank != 4 || values->extent[0] != indices->extent[0] ||
        values->extent[1] != indices->extent[1] || (same_windows && !wg_shape_equal(values, indices)))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s, indices are %s; both must be [N, C, …, …], alike in %s",
                             wg_infer_shape_text(infer, values), wg_infer_shape_text(infer, indices),
                             same_windows ? "all four" : "N and C");
    const pool_attributes *a = infer->attributes;
    if (!a->kernel[0] && indices->dtype == WG_I32) return WG_OK;
    if (!a->kernel[0] || !a->kernel[1] || !a->stride[0] || !a->stride[1] || !a->dilation[0] || !a->dilation[1])
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                             "kernel, stride and dilation of the windows must be given");
    wg_type image;
    status = pool_infer_image(infer, 2, indices, &image);
    return status || indices->dtype == WG_I32 ? status : pool2d_infer_offsets(infer);
}

static int infer_scatter(wg_infer *infer) {
    const pool_attributes *a = infer->attributes;
    const int status = infer_indices(infer, true);
    infer->outputs[0] = infer->inputs[0];
    for (int i = 0; i < 2; i++) infer->outputs[0].extent[2 + i] = a->size[i];
    return status;
}

static int infer_gather(wg_infer *infer) {
    const pool_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    const int status = infer_indices(infer, false);
    if (!status && (x->extent[2] != a->size[0] || x->extent[3] != a->size[1]))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; its planes must be %lld×%lld",
                             wg_infer_shape_text(infer, x), (long long)a->size[0], (long long)a->size[1]);
    infer->outputs[0] = infer->inputs[1];
    infer->outputs[0].dtype = infer->inputs[0].dtype;
    return status;
}

static void backward_of_scatter(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_gather, rule->attributes, rule->cotangents[0],
                                   rule->inputs[1]));
}
static void backward_of_gather(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_scatter, rule->attributes, rule->cotangents[0],
                                   rule->inputs[1]));
}

static bool has_offsets(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    return a->kernel[0] && a->kernel[1] && a->kernel[0] <= 256 / a->kernel[1];
}

/* Any index may stand in any window, several times too. */
static void sample_indices(wg_sampler *s, bool scatters) {
    for (int i = 0; i < POOL_CASES; i++) {
        pool_case c = pool_case_at(2, i);
        const wg_type image = pool_case_image(&c), windows = pool_case_windows(&c);
        const wg_shape image_shape = wg_shape_of(&image), windows_shape = wg_shape_of(&windows);
        const pool_attributes with = {.size = {image.extent[2], image.extent[3]}};
        WG_SAMPLE(s, &with, {.shape = scatters ? &windows_shape : &image_shape},
                  {.dtype = WG_I32, .shape = &windows_shape, .values = WG_INTEGERS,
                   .high = (double)(image.extent[2] * image.extent[3] - 1)});
        pool_attributes of = c.with;
        bool inside = true; /* so that any offset is in the image */
        for (int axis = 0; axis < 2; axis++) {
            const int64_t begin = (windows.extent[2 + axis] - 1) * of.stride[axis];
            const int64_t last = begin + (of.kernel[axis] - 1) * of.dilation[axis];
            inside = inside && !of.padding[axis] && last < image.extent[2 + axis];
            of.size[axis] = image.extent[2 + axis];
        }
        of.count_include_pad = false, of.divisor_override = 0;
        if (inside)
            WG_SAMPLE(s, &of, {.shape = scatters ? &windows_shape : &image_shape},
                      {.dtype = WG_U8, .shape = &windows_shape, .values = WG_INTEGERS,
                       .high = (double)(of.kernel[0] * of.kernel[1] - 1)});
    }
}
static void samples_of_scatter(wg_sampler *s) { sample_indices(s, true); }
static void samples_of_gather(wg_sampler *s) { sample_indices(s, false); }

const wg_op wg_op_max_pool2d_scatter = {
    .name = "max_pool2d_scatter",
    .formula = "dx[n, c, index[n, c, i, j]] += dy[n, c, i, j]",
    .shapes = "dy [N, C, H', W'], index [N, C, H', W'] -> dx [N, C, H, W]",
    .gradient = "ddy[n, c, i, j] = ddx[n, c, index[n, c, i, j]]",
    .onnx = "MaxUnpool",
    .inputs = 2,
    .outputs = 1,
    .flags = WG_CAN_FAIL | WG_EVEN_UNITS | WG_HELPER,
    .blocked_inputs = 2,
    .linear_in = 1,
    .pack = &wg_op_max_pool2d_offset, .packed_input = 1, .packed_dtype = WG_U8, .may_pack = has_offsets,
    .attributes = attributes,
    .attributes_size = sizeof(pool_attributes),
    .infer = infer_scatter,
    .forward = WG_FORWARD(max_pool2d_scatter),
    .backward = backward_of_scatter,
    .units = pool_units,
    .samples = samples_of_scatter,
};

const wg_op wg_op_max_pool2d_gather = {
    .name = "max_pool2d_gather", .formula = "y[n, c, i, j] = x[n, c, index[n, c, i, j]]",
    .shapes = "x [N, C, H, W], index [N, C, H', W'] -> y [N, C, H', W']",
    .gradient = "dx[n, c, index[n, c, i, j]] += dy[n, c, i, j]",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL | WG_EVEN_UNITS | WG_HELPER,
    .blocked_inputs = 2, .linear_in = 1,
    .pack = &wg_op_max_pool2d_offset, .packed_input = 1, .packed_dtype = WG_U8, .may_pack = has_offsets,
    .attributes = attributes, .attributes_size = sizeof(pool_attributes), .infer = infer_gather,
    .forward = WG_FORWARD(max_pool2d_gather), .backward = backward_of_gather, .units = pool_units,
    .samples = samples_of_gather,
};

#endif
