/* max_pool2d, max_pool2d_scatter, max_pool2d_gather — the largest element of each window
 *
 *   max_pool2d:  y[n, c, i, j] = max_{u, v} x[n, c, s i + u - p, s j + v - p]
 *                index[n, c, i, j] = where in the plane
 *   scatter:     dx[n, c, index] += dy[n, c, i, j]
 *   gather:      y[n, c, i, j] = x[n, c, index]
 *
 * scatter and gather take max_pool2d_offset's bytes for the indices, if their attributes tell the windows.
 *
 * Padding never wins. The first of equals wins, and the first NaN over everything. Given the
 * indices, pooling is the linear map `gather`, whose transpose is `scatter`: each is the other's rule,
 * and scatter is max_pool2d's. */
#include "pool2d.h"
#include "kernels/cpu/vector.h"

typedef pool2d_attributes max_pool2d_attributes;

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

static void pool_row(const pool2d_attributes *a, const real *x, const int64_t in[2], int64_t top,
                     int64_t count, real *y, int32_t *index) {
    int64_t u0, u1;
    pool2d_window(top, a->kernel[0], in[0], &u0, &u1);
    for (int64_t j = 0; j < count; j++) {
        const int64_t left = j * a->stride[1] - a->padding[1];
        index[j] = (int32_t)((top + u0) * in[1] + (left < 0 ? 0 : left));
        y[j] = x[index[j]];
    }
    for (int64_t u = u0; u < u1; u++) {
        for (int64_t v = 0; v < a->kernel[1]; v++) {
            const int64_t shift = v - a->padding[1],
                          stride = a->stride[1]; /* column of window j: j stride + shift */
            const int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
            const int64_t columns = in[1] > shift ? (in[1] - shift - 1) / stride + 1 : 0;
            const int64_t last = columns < count ? columns : count, at = (top + u) * in[1] + shift;
            if (stride == 1) take_larger(x, at, 1, first, last, y, index);
            else take_larger(x, at, stride, first, last, y, index);
        }
    }
}

static void forward(const wg_call *call) {
    const pool2d_attributes *a = WG_ATTRIBUTES(call, max_pool2d);
    const int64_t *in = call->inputs[0].type.extent + 2, *out = call->outputs[0].type.extent + 2;
    const bool simple =
        a->kernel[0] == 2 && a->kernel[1] == 2 && a->stride[1] == 2 && !a->padding[0] && !a->padding[1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * in[0] * in[1];
        real *y = WG_OUT(call, 0, real) + unit * out[0] * out[1];
        int32_t *index = WG_OUT(call, 1, int32_t) + unit * out[0] * out[1];
        if (simple && pool_plane_2x2(x, in, a->stride[0], out, y, index)) continue;
        for (int64_t i = 0; i < out[0]; i++, y += out[1], index += out[1])
            pool_row(a, x, in, i * a->stride[0] - a->padding[0], out[1], y, index);
    }
}
WG_KERNEL(max_pool2d, forward)

static bool outside(const wg_call *call, int64_t index, int64_t pixels) {
    if (index >= 0 && index < pixels) return false;
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld in a plane of %lld pixels", (long long)index,
                 (long long)pixels);
    return true;
}

/* Indices given as max_pool2d_offset's bytes: the plane's place of each, made out row by row of windows. */
typedef struct {
    const pool2d_attributes *a;
    const uint8_t *offset;
    int64_t width, windows[2], pixels, from_corner[256];
} offsets;

static offsets read_offsets(const wg_call *call, const int64_t size[2]) {
    offsets o = {.a = WG_ATTRIBUTES(call, max_pool2d),
                 .offset = WG_IN(call, 1, uint8_t),
                 .width = size[1],
                 .pixels = size[0] * size[1]};
    memcpy(o.windows, call->inputs[1].type.extent + 2, sizeof o.windows);
    for (int64_t k = 0; k < o.a->kernel[0] * o.a->kernel[1]; k++)
        o.from_corner[k] = k / o.a->kernel[1] * size[1] + k % o.a->kernel[1];
    return o;
}

/* Of all windows of the plane; -1: an offset is not in the image, and the call has failed. */
WG_INLINE int64_t place_of(const wg_call *call, const offsets *o, int64_t unit, int64_t i, int64_t j) {
    const pool2d_attributes *a = o->a;
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

static const wg_attribute attributes[] = {POOL2D_ATTRIBUTES, WG_NO_MORE_ATTRIBUTES};
/* Of scatter and gather: the image, and which windows the indices are of; kernel 0: of none, just any. */
static const wg_attribute index_attributes[] = {
    POOL2D_PAIR(kernel, 0, 0, "height and width of the windows that the indices are of; 0: of no windows"),
    POOL2D_PAIR(stride, 0, 0, "pixels from one window to the next, down and across"),
    POOL2D_PAIR(padding, 0, 0, "pixels added around the image"), POOL2D_SIZE, WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    int status = pool2d_infer_rank(infer, &infer->inputs[0], "x [N, C, H, W]");
    if (status || (status = wg_infer_real(infer)) ||
        (status = pool2d_infer(infer, &infer->inputs[0], &infer->outputs[0])))
        return status;
    infer->outputs[1] = infer->outputs[0];
    infer->outputs[1].dtype = WG_I32;
    const wg_type *x = &infer->inputs[0];
    if (x->extent[2] > 0 && x->extent[3] > INT32_MAX / x->extent[2])
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; a plane has at most %d pixels, for their indices are i32",
                             wg_infer_shape_text(infer, x), INT32_MAX);
    return WG_OK;
}

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
        (same_windows && memcmp(values->extent, indices->extent, sizeof values->extent)))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s, indices are %s; both must be [N, C, …, …], alike in %s",
                             wg_infer_shape_text(infer, values), wg_infer_shape_text(infer, indices),
                             same_windows ? "all four" : "N and C");
    const pool2d_attributes *a = infer->attributes;
    if (!a->kernel[0] && indices->dtype == WG_I32) return WG_OK;
    if (!a->kernel[0] || !a->kernel[1] || !a->stride[0] || !a->stride[1])
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "kernel and stride of the windows must be given");
    wg_type image;
    const int status = pool2d_infer_image(infer, indices, &image);
    return status || indices->dtype == WG_I32 ? status : pool2d_infer_offsets(infer);
}

static int infer_scatter(wg_infer *infer) {
    const pool2d_attributes *a = infer->attributes;
    const int status = infer_indices(infer, true);
    infer->outputs[0] = infer->inputs[0];
    for (int i = 0; i < 2; i++) infer->outputs[0].extent[2 + i] = a->size[i];
    return status;
}

static int infer_gather(wg_infer *infer) {
    const pool2d_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    const int status = infer_indices(infer, false);
    if (!status && memcmp(x->extent + 2, a->size, sizeof a->size))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; its planes must be %lld×%lld",
                             wg_infer_shape_text(infer, x), (long long)a->size[0], (long long)a->size[1]);
    infer->outputs[0] = infer->inputs[1];
    infer->outputs[0].dtype = infer->inputs[0].dtype;
    return status;
}

/* The places do not move with x: their gradient is zero, not missing. */
static void backward(wg_rule *rule) {
    pool2d_attributes a = *WG_ATTRIBUTES(rule, max_pool2d);
    const wg_type x = wg_type_of(rule->inputs[0]);
    for (int i = 0; i < 2; i++) a.size[i] = x.extent[2 + i];
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_scatter, &a, rule->cotangents[0],
                                   wg_stop_gradient(rule->outputs[1])));
}
static void backward_of_scatter(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_gather, rule->attributes, rule->cotangents[0], rule->inputs[1]));
}
static void backward_of_gather(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_pool2d_scatter, rule->attributes, rule->cotangents[0], rule->inputs[1]));
}

static bool has_offsets(const wg_call *call) {
    const pool2d_attributes *a = WG_ATTRIBUTES(call, max_pool2d);
    return a->kernel[0] && a->kernel[1] && a->kernel[0] <= 256 / a->kernel[1];
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < POOL2D_CASES; i++) {
        const pool2d_case *at = &pool2d_cases[i];
        WG_SAMPLE(s, &at->with,
                  {.shape = WG_SHAPE(at->n, at->channels, at->in[0], at->in[1]), .values = WG_DISTINCT});
    }
}

/* Any index may stand in any window, several times too. */
static void sample_indices(wg_sampler *s, bool scatters) {
    for (int i = 0; i < POOL2D_CASES; i++) {
        const pool2d_case *at = &pool2d_cases[i];
        const pool2d_attributes with = {.size = {at->in[0], at->in[1]}};
        const wg_shape *image = WG_SHAPE(at->n, at->channels, at->in[0], at->in[1]);
        const wg_shape *windows = WG_SHAPE(at->n, at->channels, pool2d_windows(at, 0), pool2d_windows(at, 1));
        WG_SAMPLE(s, &with, {.shape = scatters ? windows : image},
                  {.dtype = WG_I32, .shape = windows, .values = WG_INTEGERS, .high = (double)(at->in[0] * at->in[1] - 1)});
        const pool2d_attributes *a = &at->with;
        pool2d_attributes of = *a;
        memcpy(of.size, at->in, sizeof of.size);
        const bool inside = !a->padding[0] && !a->padding[1]; /* so that any offset is in the image */
        if (inside)
            WG_SAMPLE(s, &of, {.shape = scatters ? windows : image},
                      {.dtype = WG_U8, .shape = windows, .values = WG_INTEGERS, .high = (double)(a->kernel[0] * a->kernel[1] - 1)});
    }
}
static void samples_of_scatter(wg_sampler *s) { sample_indices(s, true); }
static void samples_of_gather(wg_sampler *s) { sample_indices(s, false); }

const wg_op wg_op_max_pool2d = {
    .name = "max_pool2d",
    .formula = "y[n, c, i, j] = max_{u, v} x[n, c, s i + u - p, s j + v - p]",
    .onnx = "MaxPool",
    .torch = "max_pool2d",
    .inputs = 1,
    .outputs = 2,
    .attributes = attributes,
    .attributes_size = sizeof(pool2d_attributes),
    .infer = infer,
    .forward = WG_FORWARD(max_pool2d),
    .backward = backward,
    .flags = WG_EVEN_UNITS | WG_EVEN_READS,
    .units = pool2d_units,
    .cost = pool2d_cost,
    .samples = samples,
};

const wg_op wg_op_max_pool2d_scatter = {
    .name = "max_pool2d_scatter",
    .formula = "dx[n, c, index[n, c, i, j]] += dy[n, c, i, j]",
    .onnx = "MaxUnpool",
    .inputs = 2,
    .outputs = 1,
    .flags = WG_CAN_FAIL | WG_EVEN_UNITS,
    .blocked_inputs = 2,
    .linear_in = 1,
    .pack = &wg_op_max_pool2d_offset, .packed_input = 1, .packed_dtype = WG_U8, .may_pack = has_offsets,
    .attributes = index_attributes,
    .attributes_size = sizeof(pool2d_attributes),
    .infer = infer_scatter,
    .forward = WG_FORWARD(max_pool2d_scatter),
    .backward = backward_of_scatter,
    .units = pool2d_units,
    .samples = samples_of_scatter,
};

const wg_op wg_op_max_pool2d_gather = {
    .name = "max_pool2d_gather", .formula = "y[n, c, i, j] = x[n, c, index[n, c, i, j]]",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL | WG_EVEN_UNITS, .blocked_inputs = 2, .linear_in = 1,
    .pack = &wg_op_max_pool2d_offset, .packed_input = 1, .packed_dtype = WG_U8, .may_pack = has_offsets,
    .attributes = index_attributes, .attributes_size = sizeof(pool2d_attributes), .infer = infer_gather, .forward = WG_FORWARD(max_pool2d_gather), .backward = backward_of_gather,
    .units = pool2d_units, .samples = samples_of_gather,
};

wg_var (wg_max_pool2d)(wg_var x, const wg_pool2d_options *options) {
    pool2d_attributes chosen;
    if (!pool2d_options(x.tape, "max_pool2d", options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_max_pool2d, &chosen, x);
}
#endif
