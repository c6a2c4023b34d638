/* avg_pool1d, avg_pool2d, avg_pool3d, avg_pool1d_grad, … — the mean of each window of each plane, and its transpose
 *
 *   avg_pool2d:       y[n, c, i, j]  = 1 / m(i, j)  sum_{u, v} x[n, c, s i + d u - p, s j + d v - p]
 *   avg_pool2d_grad:  dx[n, c, h, w] = sum dy[n, c, i, j] / m(i, j)  over the windows that hold (h, w)
 *
 * where m counts the window's taps in the image and, if count_include_pad (PyTorch's default; ONNX's is not),
 * those in the padding, but none beyond, where ceil_mode lets a window reach; divisor_override stands for m if
 * it is given (1: the sum). Both are linear, each is the other's rule. Sums run in the order of their indices. */
#include "pool.h"

/* Taps first … last - 1 of a window in each axis, and how many count in its mean. */
typedef struct window {
    int64_t start[3], first[3], last[3];
    int64_t counted[3];
} window;

/* Window number `at` of one axis. */
WG_INLINE void set_axis(window *w, const pool_attributes *a, const pool_geometry *g, int axis, int64_t at) {
    w->start[axis] = at * g->stride[axis] - g->front[axis];
    pool_taps(w->start[axis], g->kernel[axis], g->dilation[axis], g->in[axis], &w->first[axis], &w->last[axis]);
    int64_t first = w->first[axis], last = w->last[axis];
    if (a->count_include_pad)
        pool_taps(w->start[axis] + g->front[axis], g->kernel[axis], g->dilation[axis],
                  g->in[axis] + g->front[axis] + g->back[axis], &first, &last);
    w->counted[axis] = last - first;
}

WG_INLINE window row_at(const pool_attributes *a, const pool_geometry *g, int64_t row) {
    window w = {.counted = {0}};
    set_axis(&w, a, g, 0, row / g->out[1]);
    set_axis(&w, a, g, 1, row % g->out[1]);
    return w;
}

/* What the sum of so many taps is multiplied by; `last` holds that of the window before. */
typedef struct divided {
    int64_t counted;
    real scale;
} divided;

WG_INLINE real scale_of(const pool_attributes *a, const window *w, divided *last) {
    const int64_t counted =
        a->divisor_override ? a->divisor_override : w->counted[0] * w->counted[1] * w->counted[2];
    if (counted != last->counted) *last = (divided){counted, (real)1 / (real)counted};
    return last->scale;
}

/* Where row (w, u) of a window begins. */
WG_INLINE int64_t row_of(const pool_geometry *g, const window *at, int64_t w, int64_t u) {
    return ((at->start[0] + w * g->dilation[0]) * g->in[1] + at->start[1] + u * g->dilation[1]) * g->in[2] +
           at->start[2];
}

static void forward_plane(const pool_attributes *a, const pool_geometry *g, const real *x, real *y) {
    divided last = {0, 0};
    for (int64_t row = 0; row < g->out[0] * g->out[1]; row++) {
        window at = row_at(a, g, row);
        for (int64_t j = 0; j < g->out[2]; j++) {
            set_axis(&at, a, g, 2, j);
            real sum = 0;
            for (int64_t w = at.first[0]; w < at.last[0]; w++)
                for (int64_t u = at.first[1]; u < at.last[1]; u++) {
                    const int64_t from = row_of(g, &at, w, u);
                    for (int64_t v = at.first[2]; v < at.last[2]; v++) sum += x[from + v * g->dilation[2]];
                }
            *y++ = sum * scale_of(a, &at, &last);
        }
    }
}

static void forward(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const pool_geometry g = pool_geometry_of(a, &call->inputs[0].type, &call->outputs[0].type);
    for (int64_t unit = call->begin; unit < call->end; unit++)
        forward_plane(a, &g, WG_IN(call, 0, real) + unit * g.pixels, WG_OUT(call, 0, real) + unit * g.windows);
}
WG_KERNEL(avg_pool1d, forward)
WG_KERNEL(avg_pool2d, forward)
WG_KERNEL(avg_pool3d, forward)

static void grad_plane(const pool_attributes *a, const pool_geometry *g, const real *dy, real *dx) {
    for (int64_t i = 0; i < g->pixels; i++) dx[i] = 0;
    divided last = {0, 0};
    for (int64_t row = 0; row < g->out[0] * g->out[1]; row++) {
        window at = row_at(a, g, row);
        for (int64_t j = 0; j < g->out[2]; j++) {
            set_axis(&at, a, g, 2, j);
            const real share = *dy++ * scale_of(a, &at, &last);
            for (int64_t w = at.first[0]; w < at.last[0]; w++)
                for (int64_t u = at.first[1]; u < at.last[1]; u++) {
                    const int64_t to = row_of(g, &at, w, u);
                    for (int64_t v = at.first[2]; v < at.last[2]; v++) dx[to + v * g->dilation[2]] += share;
                }
        }
    }
}

static void grad(const wg_call *call) {
    const pool_attributes *a = WG_ATTRIBUTES(call, pool);
    const pool_geometry g = pool_geometry_of(a, &call->outputs[0].type, &call->inputs[0].type);
    for (int64_t unit = call->begin; unit < call->end; unit++)
        grad_plane(a, &g, WG_IN(call, 0, real) + unit * g.windows, WG_OUT(call, 0, real) + unit * g.pixels);
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
        .cost = pool_cost,                                                                                      \
        .samples = samples_##axes,                                                                              \
    };                                                                                                          \
    const wg_op wg_op_avg_pool##axes##_grad = {                                                                 \
        .name = "avg_pool" #axes "_grad",                                                                       \
        .formula = "dx = the transpose of avg_pool" #axes ", applied to dy",                                    \
        .inputs = 1,                                                                                            \
        .outputs = 1,                                                                                           \
        .linear_in = 1,                                                                                         \
        .attributes = grad_attributes_##axes,                                                                   \
        .attributes_size = sizeof(pool_attributes),                                                             \
        .infer = infer_grad_##axes,                                                                             \
        .forward = WG_FORWARD(avg_pool##axes##_grad),                                                           \
        .backward = backward_of_grad_##axes,                                                                    \
        .flags = WG_EVEN_UNITS,                                                                                 \
        .units = pool_units,                                                                                    \
        .cost = pool_cost,                                                                                      \
        .samples = samples_of_grad_##axes,                                                                      \
    }
AVG_POOL(1d, 1, "y[n, c, i] = mean_u x[n, c, s i + d u - p]");
AVG_POOL(2d, 2, "y[n, c, i, j] = mean_{u, v} x[n, c, s i + d u - p, s j + d v - p]");
AVG_POOL(3d, 3, "y[n, c, z, i, j] = mean_{w, u, v} x[n, c, s z + d w - p, s i + d u - p, s j + d v - p]");

wg_var (wg_avg_pool1d)(wg_var x, const wg_pool_options *options) {
    pool_attributes chosen;
    if (!pool_options(x.tape, "avg_pool1d", 1, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_avg_pool1d, &chosen, x);
}
wg_var (wg_avg_pool2d)(wg_var x, const wg_pool2d_options *options) {
    pool_attributes chosen;
    if (!pool2d_options(x.tape, "avg_pool2d", options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_avg_pool2d, &chosen, x);
}
wg_var (wg_avg_pool3d)(wg_var x, const wg_pool_options *options) {
    pool_attributes chosen;
    if (!pool_options(x.tape, "avg_pool3d", 3, options, &chosen)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_avg_pool3d, &chosen, x);
}
#endif
