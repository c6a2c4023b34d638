/* max_pool1d, max_pool2d, max_pool3d, max_pool2d_scatter, max_pool2d_gather — the largest of each window
 *
 *   max_pool2d:  y[n, c, i, j] = max_{u, v} x[n, c, s i + d u - p, s j + d v - p]
 *                index[n, c, i, j] = where in the plane (PyTorch's; ONNX adds where the plane begins)
 *   scatter:     dx[n, c, index] += dy[n, c, i, j]
 *   gather:      y[n, c, i, j] = x[n, c, index]
 *
 * scatter and gather take max_pool2d_offset's bytes for the indices, if their attributes tell the windows.
 *
 * Padding never wins. The first of equals wins, and the first NaN over everything. Given the
 * indices, pooling is the linear map `gather`, whose transpose is `scatter`: each is the other's rule,
 * and scatter is max_pool2d's; for one and three axes, a plane stands as one row. */
#include "pool.h"
#include "kernels/cpu/vector.h"

/* Tap (row, left + v) of the windows first … last of one row: y and index take it where it is larger. The
 * caller's constant stride lets the compiler vectorise. */
WG_INLINE void take_larger(const real *x, int64_t at, int64_t stride, int64_t first, int64_t last, real *y,
                           int32_t *index) {
    for (int64_t j = first; j < last; j++) {
        const real value = x[at + j * stride], best = y[j];
        const bool larger = value > best || (value != value && best == best);
        y[j] = larger ? value : best;
        index[j] = larger ? (int32_t)(at + j * stride) : index[j];
    }
}

/* VEC_LANES windows of 2 × 2 side by side: y is their largest, and index where the first of the largest is.
 * Where there is a NaN, or infinities that make one, they may be wrong, and a lane of the result is not 0. */
WG_INLINE vec_whole pool_run_2x2(const real *x, int64_t at, int64_t width, real *y, int32_t *index) {
    typedef int32_t places __attribute__((vector_size(VEC_LANES * sizeof(int32_t)), aligned(4)));
    const vec left = vec_load(x + at), right = vec_load(x + at + VEC_LANES);
    const vec left_below = vec_load(x + at + width), right_below = vec_load(x + at + width + VEC_LANES);
    const vec a = vec_even(left, right), b = vec_odd(left, right);
    const vec c = vec_even(left_below, right_below), d = vec_odd(left_below, right_below);
    const vec_whole b_wins = b > a;
    const vec above = vec_pick(b_wins, b, a);
    const vec_whole c_wins = c > above;
    const vec three = vec_pick(c_wins, c, above);
    const vec_whole d_wins = d > three;
    const vec sum = a + b + c + d;
    vec_store(y, vec_pick(d_wins, d, three));
    const vec_whole right_wins = d_wins | (b_wins & ~c_wins), below_wins = d_wins | c_wins;
    static const int32_t steps[16] = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
    places to;
    memcpy(&to, steps, sizeof to);
    to += (int32_t)at - __builtin_convertvector(right_wins, places);
    to += __builtin_convertvector(below_wins, places) & (int32_t)width;
    memcpy(index, &to, sizeof to);
    return sum != sum;
}

/* A plane of windows of 2 × 2 without padding, the common case; false if there is something unordered in it.
 * A run may reach beyond its row, where the next row overwrites what is wrong, but not beyond the plane. */
static bool pool_plane_2x2(const real *x, const int64_t in[2], int64_t row_stride, const int64_t out[2],
                           real *y, int32_t *index) {
    const int64_t width = in[1], windows = out[0] * out[1], pixels = in[0] * in[1];
    vec_whole unordered = {0};
    bool any = false;
    for (int64_t i = 0; i < out[0]; i++)
        for (int64_t j = 0; j < out[1];) {
            const int64_t at = i * row_stride * width + 2 * j, to = i * out[1] + j;
            if (to + VEC_LANES <= windows && at + width + 2 * VEC_LANES <= pixels) {
                unordered |= pool_run_2x2(x, at, width, y + to, index + to);
                j += VEC_LANES;
                continue;
            }
            const int64_t four[] = {at, at + 1, at + width, at + width + 1};
            index[to] = (int32_t)at;
            for (int k = 0; k < 4; k++) {
                if (x[four[k]] > x[index[to]]) index[to] = (int32_t)four[k];
                any |= x[four[k]] != x[four[k]];
            }
            y[to] = x[index[to]];
            j++;
        }
    for (int lane = 0; lane < VEC_LANES; lane++) any |= unordered[lane] != 0;
    return !any;
}

/* The windows of one row of outputs, whose first taps lie in layer `above` and row `top`. */
static void pool_row(const pool_geometry *g, const real *x, int64_t above, int64_t top, real *y, int32_t *index) {
    int64_t w0, w1, u0, u1, v0, v1;
    pool_taps_of_row(g, &v0, &v1);
    pool_taps(above, g->kernel[0], g->dilation[0], g->in[0], &w0, &w1);
    pool_taps(top, g->kernel[1], g->dilation[1], g->in[1], &u0, &u1);
    const int64_t width = g->in[2], stride = g->stride[2], count = g->out[2];
    const int64_t row = ((above + w0 * g->dilation[0]) * g->in[1] + top + u0 * g->dilation[1]) * width;
    for (int64_t j = 0; j < count; j++) {
        const int64_t left = j * stride - g->front[2], d = g->dilation[2];
        index[j] = (int32_t)(row + (left < 0 ? left + (d - 1 - left) / d * d : left));
        y[j] = x[index[j]];
    }
    for (int64_t w = w0; w < w1; w++)
        for (int64_t u = u0; u < u1; u++)
            for (int64_t v = v0; v < v1; v++) {
                const int64_t shift = v * g->dilation[2] - g->front[2]; /* column of window j: j stride + shift */
                const int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
                const int64_t columns = width > shift ? (width - shift - 1) / stride + 1 : 0;
                const int64_t last = columns < count ? columns : count;
                const int64_t at =
                    ((above + w * g->dilation[0]) * g->in[1] + top + u * g->dilation[1]) * width + shift;
                if (stride == 1) take_larger(x, at, 1, first, last, y, index);
                else take_larger(x, at, stride, first, last, y, index);
            }
}

/* Windows of 2 × 2 side by side in an image, all of them inside it? */
static bool is_2x2(const pool_geometry *g) {
    bool simple = g->in[0] == 1 && g->out[0] == 1 && g->kernel[0] == 1 && g->stride[2] == 2;
    for (int i = 1; i < 3; i++)
        simple = simple && g->kernel[i] == 2 && g->dilation[i] == 1 && !g->front[i] &&
                 (g->out[i] - 1) * g->stride[i] + 2 <= g->in[i];
    return simple;
}

static void forward(const wg_call *call) {
    const pool_geometry g =
        pool_geometry_of(WG_ATTRIBUTES(call, pool), &call->inputs[0].type, &call->outputs[0].type);
    const bool simple = is_2x2(&g);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * g.pixels;
        real *y = WG_OUT(call, 0, real) + unit * g.windows;
        int32_t *index = WG_OUT(call, 1, int32_t) + unit * g.windows;
        if (simple && pool_plane_2x2(x, g.in + 1, g.stride[1], g.out + 1, y, index)) continue;
        for (int64_t row = 0; row < g.out[0] * g.out[1]; row++, y += g.out[2], index += g.out[2])
            pool_row(&g, x, row / g.out[1] * g.stride[0] - g.front[0], row % g.out[1] * g.stride[1] - g.front[1], y,
                     index);
    }
}
WG_KERNEL(max_pool1d, forward)
WG_KERNEL(max_pool2d, forward)
WG_KERNEL(max_pool3d, forward)

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
        o.from_corner[k] = k / o.a->kernel[1] * o.a->dilation[0] * size[1] + k % o.a->kernel[1] * o.a->dilation[1];
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

static const wg_attribute attributes_1d[] = {POOL_ATTRIBUTES(1), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_2d[] = {POOL_ATTRIBUTES(2), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_3d[] = {POOL_ATTRIBUTES(3), WG_NO_MORE_ATTRIBUTES};
/* Of scatter and gather: the image, and which windows the indices are of; kernel 0: of none, just any. */
static const wg_attribute index_attributes[] = {
    POOL_EACH(kernel, 2, 0, 0, "extents of the windows that the indices are of; 0: of no windows"),
    POOL_EACH(stride, 2, 0, 0, "pixels from one window to the next"),
    POOL_EACH(padding, 4, 0, 0, "pixels added in front of each axis, then behind each"),
    POOL_EACH(dilation, 2, 0, 1, "pixels from one tap of a window to the next"),
    WG_ATTRIBUTE(pool_attributes, ceil_mode, .kind = WG_ATTRIBUTE_BOOL, .meaning = "as of the pooling"),
    POOL_SIZE(2), WG_NO_MORE_ATTRIBUTES};

static int infer_axes(wg_infer *infer, int axes) {
    int status = pool_infer_rank(infer, &infer->inputs[0], axes, "x");
    if (status || (status = wg_infer_real(infer)) ||
        (status = pool_infer(infer, &infer->inputs[0], &infer->outputs[0])))
        return status;
    return pool_infer_places(infer, axes);
}
static int infer_1d(wg_infer *infer) { return infer_axes(infer, 1); }
static int infer_2d(wg_infer *infer) { return infer_axes(infer, 2); }
static int infer_3d(wg_infer *infer) { return infer_axes(infer, 3); }

/* Scatter and gather: a real [N, C, …] and indices [N, C, …] into the planes of the image. */
static int infer_indices(wg_infer *infer, bool same_windows) {
    const wg_type *values = &infer->inputs[0], *indices = &infer->inputs[1];
    if (values->dtype != WG_F32 && values->dtype != WG_F64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "input 0 is %s; f32 or f64 are taken",
                             wg_infer_text(infer, values));
    if (indices->dtype != WG_I32 && indices->dtype != WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "indices are %s; they must be i32, or u8 offsets in windows",
                             wg_infer_text(infer, indices));
    if (values->rank != 4 || indices->rank != 4 || values->extent[0] != indices->extent[0] ||
        values->extent[1] != indices->extent[1] ||
        (same_windows && !wg_shape_equal(values, indices)))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s, indices are %s; both must be [N, C, …, …], alike in %s",
                             wg_infer_shape_text(infer, values), wg_infer_shape_text(infer, indices),
                             same_windows ? "all four" : "N and C");
    const pool_attributes *a = infer->attributes;
    if (!a->kernel[0] && indices->dtype == WG_I32) return WG_OK;
    if (!a->kernel[0] || !a->kernel[1] || !a->stride[0] || !a->stride[1] || !a->dilation[0] || !a->dilation[1])
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "kernel, stride and dilation of the windows must be given");
    wg_type image;
    const int status = pool_infer_image(infer, 2, indices, &image);
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
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_gather, rule->attributes, rule->cotangents[0], rule->inputs[1]));
}
static void backward_of_gather(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_scatter, rule->attributes, rule->cotangents[0], rule->inputs[1]));
}

static bool has_offsets(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    return a->kernel[0] && a->kernel[1] && a->kernel[0] <= 256 / a->kernel[1];
}

static void samples_1d(wg_sampler *s) { pool_sample(s, 1, WG_DISTINCT); }
static void samples_2d(wg_sampler *s) { pool_sample(s, 2, WG_DISTINCT); }
static void samples_3d(wg_sampler *s) { pool_sample(s, 3, WG_DISTINCT); }

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
            const int64_t last = (windows.extent[2 + axis] - 1) * of.stride[axis] + (of.kernel[axis] - 1) * of.dilation[axis];
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

#define MAX_POOL(axes, formula_text)                                                                            \
    const wg_op wg_op_max_pool##axes = {                                                                        \
        .name = "max_pool" #axes,                                                                               \
        .formula = formula_text,                                                                                \
        .shapes = "x [N, C, ...] -> y [N, C, *], index [N, C, *]",                                              \
        .gradient = "dx[n, c, index[n, c, window]] += dy[n, c, window]",                                        \
        .onnx = "MaxPool",                                                                                      \
        .torch = "max_pool" #axes,                                                                              \
        .inputs = 1,                                                                                            \
        .outputs = 2,                                                                                           \
        .attributes = attributes_##axes,                                                                        \
        .attributes_size = sizeof(pool_attributes),                                                             \
        .infer = infer_##axes,                                                                                  \
        .forward = WG_FORWARD(max_pool##axes),                                                                  \
        .backward = pool_backward_by_places,                                                                    \
        .flags = WG_EVEN_UNITS | WG_EVEN_READS,                                                                 \
        .units = pool_units,                                                                                    \
        .cost = pool_cost,                                                                                      \
        .samples = samples_##axes,                                                                              \
    }
MAX_POOL(1d, "y[n, c, i] = max_u x[n, c, s i + d u - p]");
MAX_POOL(2d, "y[n, c, i, j] = max_{u, v} x[n, c, s i + d u - p, s j + d v - p]");
MAX_POOL(3d, "y[n, c, z, i, j] = max_{w, u, v} x[n, c, s z + d w - p, s i + d u - p, s j + d v - p]");

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
    .attributes = index_attributes,
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
    .attributes = index_attributes, .attributes_size = sizeof(pool_attributes), .infer = infer_gather, .forward = WG_FORWARD(max_pool2d_gather), .backward = backward_of_gather,
    .units = pool_units, .samples = samples_of_gather,
};

wg_var (wg_max_pool1d)(wg_var x, const wg_pool_options *options) {
    pool_attributes chosen;
    if (!pool_options(x.tape, "max_pool1d", 1, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_max_pool1d, &chosen, x);
}
wg_var (wg_max_pool2d)(wg_var x, const wg_pool2d_options *options) {
    pool_attributes chosen;
    if (!pool2d_options(x.tape, "max_pool2d", options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_max_pool2d, &chosen, x);
}
wg_var (wg_max_pool3d)(wg_var x, const wg_pool_options *options) {
    pool_attributes chosen;
    if (!pool_options(x.tape, "max_pool3d", 3, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_max_pool3d, &chosen, x);
}
#endif
