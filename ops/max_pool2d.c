/* max_pool1d, max_pool2d, max_pool3d — the largest of each window
 *
 *   max_pool2d:  y[n, c, i, j] = max_{u, v} x[n, c, s i + d u - p, s j + d v - p]
 *                index[n, c, i, j] = where in the plane (PyTorch's; ONNX adds where the plane begins)
 *
 * Padding never wins. The first of equals wins, and the first NaN over everything. The rule is
 * max_pool2d_scatter; for one and three axes, a plane stands as one row. */
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

#ifdef WG_RULES

static const wg_attribute attributes_1d[] = {POOL_ATTRIBUTES(1), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_2d[] = {POOL_ATTRIBUTES(2), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute attributes_3d[] = {POOL_ATTRIBUTES(3), WG_NO_MORE_ATTRIBUTES};
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

static void samples_1d(wg_sampler *s) { pool_sample(s, 1, WG_DISTINCT); }
static void samples_2d(wg_sampler *s) { pool_sample(s, 2, WG_DISTINCT); }
static void samples_3d(wg_sampler *s) { pool_sample(s, 3, WG_DISTINCT); }

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

wg_var (wg_max_pool1d)(wg_var x, const wg_pool_options *options) {
    return pool_record(&wg_op_max_pool1d, 1, x, options);
}
wg_var (wg_max_pool2d)(wg_var x, const wg_pool2d_options *options) {
    return pool2d_record(&wg_op_max_pool2d, x, options);
}
wg_var (wg_max_pool3d)(wg_var x, const wg_pool_options *options) {
    return pool_record(&wg_op_max_pool3d, 3, x, options);
}
#endif
