/* avg_pool1d, avg_pool2d, avg_pool3d, avg_pool1d_grad, … — the mean of each window of each plane, and its transpose
 *
 *   avg_pool2d:       y[n, c, i, j]  = 1 / m(i, j)  sum_{u, v} x[n, c, s i + d u - p, s j + d v - p]
 *   avg_pool2d_grad:  dx[n, c, h, w] = sum dy[n, c, i, j] / m(i, j)  over the windows that hold (h, w)
 *
 * where m counts the window's taps in the image and, if count_include_pad (PyTorch's default; ONNX's is not),
 * those in the padding, but none beyond, where ceil_mode lets a window reach; divisor_override stands for m if
 * it is given (1: the sum). Both are linear, each is the other's rule. Sums run in the order
 * of their taps, those of an image's element window row by window row, in each tap by tap. */
#include "pool.h"

/* What a row of windows shares: its taps first … last - 1 in layers and rows. */
typedef struct window_row {
    int64_t start[2], first[2], last[2], counted;
} window_row;

/* The taps of a window that begins at `start` that count in its mean. */
WG_INLINE int64_t counted_taps(const pool_attributes *a, const pool_geometry *g, int axis, int64_t start) {
    int64_t first, last;
    const int64_t front = a->count_include_pad ? g->front[axis] : 0, back = a->count_include_pad ? g->back[axis] : 0;
    pool_taps(start + front, g->kernel[axis], g->dilation[axis], g->in[axis] + front + back, &first, &last);
    return last - first;
}

WG_INLINE window_row row_at(const pool_attributes *a, const pool_geometry *g, int64_t row) {
    window_row w = {.start = {row / g->out[1] * g->stride[0] - g->front[0], row % g->out[1] * g->stride[1] - g->front[1]},
                    .counted = 1};
    for (int axis = 0; axis < 2; axis++) {
        pool_taps(w.start[axis], g->kernel[axis], g->dilation[axis], g->in[axis], &w.first[axis], &w.last[axis]);
        w.counted *= counted_taps(a, g, axis, w.start[axis]);
    }
    return w;
}

/* What the sums of a row are multiplied by; `last` is the count of the row that `scale` was made for. */
static void scale_row(const pool_attributes *a, const pool_geometry *g, int64_t counted, int64_t *last, real *scale) {
    if (counted == *last) return;
    *last = counted;
    for (int64_t j = 0; j < g->out[2]; j++) {
        const int64_t taps = counted_taps(a, g, 2, j * g->stride[2] - g->front[2]);
        scale[j] = (real)1 / (real)(a->divisor_override ? a->divisor_override : counted * taps);
    }
}

/* Windows first … last - 1 whose tap v lies in the image, and where that of window 0 would lie in its row. */
WG_INLINE int64_t windows_of_tap(const pool_geometry *g, int64_t v, int64_t *first, int64_t *last) {
    const int64_t shift = v * g->dilation[2] - g->front[2], stride = g->stride[2];
    const int64_t columns = g->in[2] > shift ? (g->in[2] - shift - 1) / stride + 1 : 0;
    *first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    *last = columns < g->out[2] ? columns : g->out[2];
    return shift;
}

/* The caller's constant stride lets the compiler vectorise. */
WG_INLINE void add_to_windows(const real *x, int64_t at, int64_t stride, int64_t first, int64_t last, real *restrict y) {
    for (int64_t j = first; j < last; j++) y[j] += x[at + j * stride];
}
WG_INLINE void add_to_image(const real *dy, const real *scale, int64_t at, int64_t stride, int64_t first, int64_t last,
                            real *restrict dx) {
    for (int64_t j = first; j < last; j++) dx[at + j * stride] += dy[j] * scale[j];
}

/* Every tap of every window of a row: adds the image to the windows y, or the windows dy to the image. */
WG_INLINE void each_tap(const pool_geometry *g, const window_row *row, const real *from, const real *scale, real *to) {
    int64_t v0, v1;
    pool_taps_of_row(g, &v0, &v1);
    for (int64_t w = row->first[0]; w < row->last[0]; w++)
        for (int64_t u = row->first[1]; u < row->last[1]; u++)
            for (int64_t v = v0; v < v1; v++) {
                const int64_t line = (row->start[0] + w * g->dilation[0]) * g->in[1] + row->start[1] + u * g->dilation[1];
                int64_t first, last;
                const int64_t at = line * g->in[2] + windows_of_tap(g, v, &first, &last), stride = g->stride[2];
                if (scale && stride == 1) add_to_image(from, scale, at, 1, first, last, to);
                else if (scale) add_to_image(from, scale, at, stride, first, last, to);
                else if (stride == 1) add_to_windows(from, at, 1, first, last, to);
                else if (stride == 2) add_to_windows(from, at, 2, first, last, to);
                else add_to_windows(from, at, stride, first, last, to);
            }
}

static void forward(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const pool_geometry g = pool_geometry_of(a, &call->inputs[0].type, &call->outputs[0].type);
    real *scale = call->workspace, *y = WG_OUT(call, 0, real) + call->begin * g.windows;
    int64_t scaled = -1;
    for (int64_t unit = call->begin; unit < call->end; unit++)
        for (int64_t i = 0; i < g.out[0] * g.out[1]; i++, y += g.out[2]) {
            const window_row row = row_at(a, &g, i);
            scale_row(a, &g, row.counted, &scaled, scale);
            for (int64_t j = 0; j < g.out[2]; j++) y[j] = 0;
            each_tap(&g, &row, WG_IN(call, 0, real) + unit * g.pixels, NULL, y);
            for (int64_t j = 0; j < g.out[2]; j++) y[j] *= scale[j];
        }
}
WG_KERNEL(avg_pool1d, forward)
WG_KERNEL(avg_pool2d, forward)
WG_KERNEL(avg_pool3d, forward)

static void grad(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const pool_geometry g = pool_geometry_of(a, &call->outputs[0].type, &call->inputs[0].type);
    const real *dy = WG_IN(call, 0, real) + call->begin * g.windows;
    real *scale = call->workspace;
    int64_t scaled = -1;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *dx = WG_OUT(call, 0, real) + unit * g.pixels;
        for (int64_t i = 0; i < g.pixels; i++) dx[i] = 0;
        for (int64_t i = 0; i < g.out[0] * g.out[1]; i++, dy += g.out[2]) {
            const window_row row = row_at(a, &g, i);
            scale_row(a, &g, row.counted, &scaled, scale);
            each_tap(&g, &row, dy, scale, dx);
        }
    }
}
WG_KERNEL(avg_pool1d_grad, grad)
WG_KERNEL(avg_pool2d_grad, grad)
WG_KERNEL(avg_pool3d_grad, grad)

#ifdef WG_RULES

static int infer_axes(wg_infer *infer, int axes) {
    int status = pool_infer_rank(infer, &infer->inputs[0], axes, "x");
    if (status || (status = wg_infer_real(infer))) return status;
    return pool_infer(infer, &infer->inputs[0], &infer->outputs[0]);
}
static int infer_grad_axes(wg_infer *infer, int axes) {
    const int status = wg_infer_real(infer);
    return status ? status : pool_infer_image(infer, axes, &infer->inputs[0], &infer->outputs[0]);
}

/* What the sums of a row of windows are multiplied by. */
static size_t workspace(const wg_call *call) {
    const bool back = WG_ATTRIBUTES(call, pool)->size[0] > 0;
    const wg_type *windows = back ? &call->inputs[0].type : &call->outputs[0].type;
    return (size_t)windows->extent[windows->rank - 1] * wg_dtype_size(windows->dtype);
}

static void backward_by(wg_rule *rule, const wg_op *op) {
    pool_attributes chosen = *WG_ATTRIBUTES(rule, pool);
    const wg_type x = wg_type_of(rule->inputs[0]);
    for (int i = 0; i < x.rank - 2; i++) chosen.size[i] = x.extent[2 + i];
    wg_rule_set(rule, 0, WG_RECORD(op, &chosen, rule->cotangents[0]));
}

static void backward_of_grad_by(wg_rule *rule, const wg_op *op) {
    pool_attributes chosen = *WG_ATTRIBUTES(rule, pool);
    memset(chosen.size, 0, sizeof chosen.size);
    wg_rule_set(rule, 0, WG_RECORD(op, &chosen, rule->cotangents[0]));
}

static void sample_grad(wg_sampler *s, int axes) {
    for (int i = 0; i < POOL_CASES; i++) {
        pool_case c = pool_case_at(axes, i);
        const wg_type windows = pool_case_windows(&c);
        const wg_shape shape = wg_shape_of(&windows);
        for (int axis = 0; axis < axes; axis++) c.with.size[axis] = c.image.extent[axis];
        WG_SAMPLE(s, &c.with, {.shape = &shape});
    }
}

#define AVG_POOL(axes, count, formula_text)                                                                     \
    static const wg_attribute attributes_##axes[] = {POOL_ATTRIBUTES(count), POOL_MEAN_ATTRIBUTES,              \
                                                     WG_NO_MORE_ATTRIBUTES};                                    \
    static const wg_attribute grad_attributes_##axes[] = {POOL_ATTRIBUTES(count), POOL_MEAN_ATTRIBUTES,         \
                                                          POOL_SIZE(count), WG_NO_MORE_ATTRIBUTES};             \
    static int infer_##axes(wg_infer *infer) { return infer_axes(infer, count); }                               \
    static int infer_grad_##axes(wg_infer *infer) { return infer_grad_axes(infer, count); }                     \
    static void backward_##axes(wg_rule *rule) { backward_by(rule, &wg_op_avg_pool##axes##_grad); }             \
    static void backward_of_grad_##axes(wg_rule *rule) { backward_of_grad_by(rule, &wg_op_avg_pool##axes); }    \
    static void samples_##axes(wg_sampler *s) { pool_sample(s, count, WG_NORMAL); }                             \
    static void samples_of_grad_##axes(wg_sampler *s) { sample_grad(s, count); }                                \
    const wg_op wg_op_avg_pool##axes = {                                                                        \
        .name = "avg_pool" #axes,                                                                               \
        .formula = formula_text,                                                                                \
        .shapes = "x [N, C, ...] -> y [N, C, *]",                                                               \
        .gradient = "dx[n, c, h] = sum over the windows that hold h of dy[n, c, window] / their elements",      \
        .onnx = "AveragePool",                                                                                  \
        .torch = "avg_pool" #axes,                                                                              \
        .inputs = 1,                                                                                            \
        .outputs = 1,                                                                                           \
        .linear_in = 1,                                                                                         \
        .attributes = attributes_##axes,                                                                        \
        .attributes_size = sizeof(pool_attributes),                                                             \
        .infer = infer_##axes,                                                                                  \
        .forward = WG_FORWARD(avg_pool##axes),                                                                  \
        .backward = backward_##axes,                                                                            \
        .flags = WG_EVEN_UNITS | WG_EVEN_READS,                                                                 \
        .units = pool_units,                                                                                    \
        .workspace = workspace,                                                                                 \
        .cost = pool_cost,                                                                                      \
        .samples = samples_##axes,                                                                              \
    };                                                                                                          \
    const wg_op wg_op_avg_pool##axes##_grad = {                                                                 \
        .name = "avg_pool" #axes "_grad",                                                                       \
        .formula = "dx = the transpose of avg_pool" #axes ", applied to dy",                                    \
        .shapes = "dy [N, C, *] -> dx [N, C, ...]",                                                             \
        .gradient = "ddy = the same pooling of ddx",                                                            \
        .inputs = 1,                                                                                            \
        .outputs = 1,                                                                                           \
        .linear_in = 1,                                                                                         \
        .attributes = grad_attributes_##axes,                                                                   \
        .attributes_size = sizeof(pool_attributes),                                                             \
        .infer = infer_grad_##axes,                                                                             \
        .forward = WG_FORWARD(avg_pool##axes##_grad),                                                           \
        .backward = backward_of_grad_##axes,                                                                    \
        .flags = WG_EVEN_UNITS | WG_HELPER,                                                                     \
        .units = pool_units,                                                                                    \
        .workspace = workspace,                                                                                 \
        .cost = pool_cost,                                                                                      \
        .samples = samples_of_grad_##axes,                                                                      \
    }
AVG_POOL(1d, 1, "y[n, c, i] = mean_u x[n, c, s i + d u - p]");
AVG_POOL(2d, 2, "y[n, c, i, j] = mean_{u, v} x[n, c, s i + d u - p, s j + d v - p]");
AVG_POOL(3d, 3, "y[n, c, z, i, j] = mean_{w, u, v} x[n, c, s z + d w - p, s i + d u - p, s j + d v - p]");

wg_var (wg_avg_pool1d)(wg_var x, const wg_pool_options *options) {
    return pool_record(&wg_op_avg_pool1d, 1, x, options);
}
wg_var (wg_avg_pool2d)(wg_var x, const wg_pool2d_options *options) {
    return pool2d_record(&wg_op_avg_pool2d, x, options);
}
wg_var (wg_avg_pool3d)(wg_var x, const wg_pool_options *options) {
    return pool_record(&wg_op_avg_pool3d, 3, x, options);
}
#endif
