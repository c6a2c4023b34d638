/* lp_pool, global pooling, max_unpool — pooling composed of other ops
 *
 *   lp_pool:         y = (sum over the window of |x|^p)^(1/p); gradient 0 where a window is all 0
 *   global_avg_pool, global_max_pool, global_lp_pool:  over all axes after the second, which stay as 1
 *   max_unpool:      y[n, c, index] = x[n, c, window], 0 elsewhere; indices are those of max_pool, i32 in the plane
 *                    as PyTorch's (ONNX adds where the plane begins). Where windows share a place their values
 *                    are summed; PyTorch and ONNX leave open which of them stays. */
#include "pool.h"

#ifdef WG_RULES

static wg_axes after_channels(int rank) {
    wg_axes axes;
    for (int i = 0; i <= WG_MAX_RANK; i++) axes.axis[i] = i < rank - 2 ? 2 + i : INT_MIN;
    return axes;
}

/* --- lp_pool -------------------------------------------------------------------------------------------- */

static wg_var power(wg_var x, double p) {
    return p == 1 ? x : p == 2 ? (wg_square)(x) : (wg_pow)(x, (wg_scalar)(x.tape, p));
}

/* s^(1/p) of sums that are not negative; 0, with gradient 0, where they are 0. */
static wg_var root(wg_var s, double p) {
    if (p == 1) return s;
    const wg_var zero = (wg_scalar)(s.tape, 0), positive = (wg_not_equal)(s, zero);
    const wg_var safe = (wg_where)(positive, s, (wg_scalar)(s.tape, 1));
    return (wg_where)(positive, p == 2 ? (wg_sqrt)(safe) : (wg_pow)(safe, (wg_scalar)(s.tape, 1 / p)), zero);
}

static wg_var expand_lp(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    static const wg_op *const sums[] = {&wg_op_avg_pool1d, &wg_op_avg_pool2d, &wg_op_avg_pool3d};
    pool_attributes a = *(const pool_attributes *)attributes;
    const double p = a.p;
    a.divisor_override = 1, a.count_include_pad = true, a.p = 0;
    return root(WG_RECORD(sums[wg_type_of(inputs[0]).rank - 3], &a, power((wg_abs)(inputs[0]), p)), p);
}

static int infer_lp(wg_infer *infer, int axes) {
    int status = pool_infer_rank(infer, &infer->inputs[0], axes, "x");
    if (status || (status = wg_infer_real(infer))) return status;
    return pool_infer(infer, &infer->inputs[0], &infer->outputs[0]);
}

static void sample_lp(wg_sampler *s, int axes) {
    for (int i = 0; i < POOL_CASES; i++) {
        pool_case c = pool_case_at(axes, i);
        const wg_type image = pool_case_image(&c);
        const wg_shape shape = wg_shape_of(&image);
        c.with.p = (double[]){1, 2, 3, 2.5}[i % 4];
        c.with.count_include_pad = false, c.with.divisor_override = 0;
        WG_SAMPLE(s, &c.with, {.shape = &shape, .values = WG_DISTINCT});
    }
}

#define POWER                                                                                                   \
    WG_ATTRIBUTE(pool_attributes, p, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 1, .high = 1e6,         \
                 .preset = 2, .meaning = "of the norm")
#define LP_POOL(axes, count)                                                                                    \
    static const wg_attribute lp_attributes_##axes[] = {POOL_ATTRIBUTES(count), POWER, WG_NO_MORE_ATTRIBUTES};  \
    static int infer_lp_##axes(wg_infer *infer) { return infer_lp(infer, count); }                              \
    static void samples_lp_##axes(wg_sampler *s) { sample_lp(s, count); }                                       \
    const wg_op wg_op_lp_pool##axes = {                                                                         \
        .name = "lp_pool" #axes, .formula = "y = (sum over the window of |x|^p)^(1 / p)", .onnx = "LpPool",     \
        .shapes = "x [N, C, ...] -> y [N, C, *]",                                                               \
        .gradient = "dx[n, c, h] = sum over the windows that hold h of dy sign(x) (|x| / y)^(p - 1)",           \
        .torch = "lp_pool" #axes, .inputs = 1, .outputs = 1, .attributes = lp_attributes_##axes,                \
        .attributes_size = sizeof(pool_attributes), .infer = infer_lp_##axes, .expand = expand_lp,              \
        .samples = samples_lp_##axes};                                                                          \
    wg_var (wg_lp_pool##axes)(wg_var x, double p, const wg_pool_options *options) {                             \
        pool_attributes chosen;                                                                                 \
        if (!pool_options(x.tape, "lp_pool" #axes, count, options, &chosen)) return wg_refuse(x.tape);          \
        chosen.p = p;                                                                                           \
        return WG_RECORD(&wg_op_lp_pool##axes, &chosen, x);                                                     \
    }
LP_POOL(1d, 1)
LP_POOL(2d, 2)
LP_POOL(3d, 3)

/* --- Global pooling --------------------------------------------------------------------------------------- */

static int infer_global(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (x->rank < 3)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must have at least 3 axes, [N, C, extents]",
                             wg_infer_text(infer, x));
    infer->outputs[0] = *x;
    for (int i = 2; i < x->rank; i++) {
        if (!x->extent[i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; there is nothing in axis %d",
                                 wg_infer_text(infer, x), i);
        infer->outputs[0].extent[i] = 1;
    }
    return WG_OK;
}

static const wg_reduce_options kept = {.size_ = sizeof(wg_reduce_options), .keepdims = true};

static wg_var expand_global_avg(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const wg_axes axes = after_channels(wg_type_of(inputs[0]).rank);
    return (wg_mean)(inputs[0], &axes, &kept);
}
static wg_var expand_global_max(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const wg_axes axes = after_channels(wg_type_of(inputs[0]).rank);
    return (wg_max)(inputs[0], &axes, &kept);
}
static wg_var expand_global_lp(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const double p = ((const pool_attributes *)attributes)->p;
    const wg_axes axes = after_channels(wg_type_of(inputs[0]).rank);
    return root((wg_sum)(power((wg_abs)(inputs[0]), p), &axes, &kept), p);
}

static void sample_global(wg_sampler *s, const pool_attributes *with, wg_values values) {
    static const wg_shape shapes[] = {
        {{1, 1, 1, INT64_MIN}},       {{2, 3, 4, INT64_MIN}},       {{1, 2, 17, INT64_MIN}},
        {{2, 2, 3, 5, INT64_MIN}},    {{0, 2, 3, 3, INT64_MIN}},    {{2, 0, 3, 3, INT64_MIN}},
        {{1, 3, 1, 1, INT64_MIN}},    {{3, 1, 2, 1, INT64_MIN}},    {{1, 2, 2, 3, 2, INT64_MIN}},
        {{2, 1, 3, 1, 2, INT64_MIN}}, {{1, 2, 1, 2, 2, 2, INT64_MIN}}, {{1, 1, 2, 1, 2, 2, 1, 2, INT64_MIN}}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        WG_SAMPLE(s, with, {.shape = &shapes[i], .values = values});
}
static void samples_global_avg(wg_sampler *s) { sample_global(s, NULL, WG_NORMAL); }
static void samples_global_max(wg_sampler *s) { sample_global(s, NULL, WG_DISTINCT); }
static void samples_global_lp(wg_sampler *s) {
    for (int p = 1; p <= 2; p++) sample_global(s, &(pool_attributes){.p = p}, WG_DISTINCT);
    /* Of one element this is |x|, whose second derivative is 0 as a difference of large terms. */
    for (int64_t n = 2; n < 14; n++)
        WG_SAMPLE(s, (&(pool_attributes){.p = n % 2 ? 3 : 1.5}), {.shape = WG_SHAPE(1, 1 + n % 3, n), .values = WG_DISTINCT});
}

static const wg_attribute global_lp_attributes[] = {POWER, WG_NO_MORE_ATTRIBUTES};
const wg_op wg_op_global_avg_pool = {
    .name = "global_avg_pool", .formula = "y[n, c, 1, …] = mean of x[n, c]", .onnx = "GlobalAveragePool",
    .shapes = "x [N, C, ...] -> y [*]; y is [N, C, 1, ...], of x's rank",
    .gradient = "dx[n, c, i] = dy[n, c] / n, n elements a channel",
    .inputs = 1, .outputs = 1, .infer = infer_global, .expand = expand_global_avg, .samples = samples_global_avg};
const wg_op wg_op_global_max_pool = {
    .name = "global_max_pool", .formula = "y[n, c, 1, …] = max of x[n, c]", .onnx = "GlobalMaxPool",
    .shapes = "x [N, C, ...] -> y [*]; y is [N, C, 1, ...], of x's rank",
    .gradient = "dx[n, c, i] = dy[n, c] at the first largest, else 0",
    .inputs = 1, .outputs = 1, .infer = infer_global, .expand = expand_global_max, .samples = samples_global_max};
const wg_op wg_op_global_lp_pool = {
    .name = "global_lp_pool", .formula = "y[n, c, 1, …] = (sum of |x[n, c]|^p)^(1 / p)", .onnx = "GlobalLpPool",
    .shapes = "x [N, C, ...] -> y [*]; y is [N, C, 1, ...], of x's rank",
    .gradient = "dx[n, c, i] = dy[n, c] sign(x) (|x| / y)^(p - 1)",
    .inputs = 1, .outputs = 1, .attributes = global_lp_attributes, .attributes_size = sizeof(pool_attributes),
    .infer = infer_global, .expand = expand_global_lp, .samples = samples_global_lp};

wg_var (wg_global_avg_pool)(wg_var x) { return WG_RECORD(&wg_op_global_avg_pool, NULL, x); }
wg_var (wg_global_max_pool)(wg_var x) { return WG_RECORD(&wg_op_global_max_pool, NULL, x); }
wg_var (wg_global_lp_pool)(wg_var x, double p) {
    return WG_RECORD(&wg_op_global_lp_pool, (&(pool_attributes){.p = p}), x);
}

/* --- max_unpool ------------------------------------------------------------------------------------------- */

static int infer_unpool(wg_infer *infer, int axes) {
    pool_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0], *indices = &infer->inputs[1];
    const int status = pool_infer_rank(infer, x, axes, "x");
    if (status) return status;
    if ((x->dtype != WG_F32 && x->dtype != WG_F64) || indices->dtype != WG_I32)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "x is %s, indices are %s; they must be f32 or f64, and i32",
                             wg_infer_text(infer, x), wg_infer_text(infer, indices));
    if (!wg_shape_equal(x, indices))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, indices are %s; they must be alike",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, indices));
    infer->outputs[0] = *x;
    for (int i = 0; i < axes; i++) {
        int64_t extent;
        if (__builtin_mul_overflow(x->extent[2 + i] - 1, a->stride[i], &extent) ||
            __builtin_add_overflow(extent, a->kernel[i] - a->padding[i] - a->padding[axes + i], &extent))
            extent = 0;
        if (!a->size[i]) a->size[i] = extent;
        if (a->size[i] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of the result would have extent %lld: x is %s", 2 + i,
                                 (long long)a->size[i], wg_infer_shape_text(infer, x));
        infer->outputs[0].extent[2 + i] = a->size[i];
    }
    return WG_OK;
}

static wg_var expand_unpool(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const pool_attributes *a = attributes;
    wg_type image = wg_type_of(inputs[0]);
    for (int i = 2; i < image.rank; i++) image.extent[i] = a->size[i - 2];
    return pool_scattered(inputs[0], inputs[1], &image);
}

static void sample_unpool(wg_sampler *s, int axes) {
    for (int i = 0; i < POOL_CASES; i++) {
        pool_case c = pool_case_at(axes, i);
        pool_attributes with = {.size = {0}};
        const wg_type windows = pool_case_windows(&c);
        const wg_shape shape = wg_shape_of(&windows);
        int64_t pixels = 1;
        for (int k = 0; k < axes; k++) {
            with.kernel[k] = c.with.kernel[k], with.stride[k] = c.with.stride[k];
            with.size[k] = i % 2 ? c.image.extent[k] : 0;
            const int64_t back = (windows.extent[2 + k] - 1) * with.stride[k] + with.kernel[k];
            if (back > c.with.padding[k] + 1) with.padding[k] = c.with.padding[k];
            pixels *= i % 2 ? c.image.extent[k] : back - with.padding[k];
        }
        WG_SAMPLE(s, &with, {.shape = &shape},
                  {.dtype = WG_I32, .shape = &shape, .values = WG_INTEGERS, .high = (double)pixels - 1});
    }
}

#define MAX_UNPOOL(axes, count)                                                                                 \
    static const wg_attribute unpool_attributes_##axes[] = {                                                    \
        POOL_EACH(kernel, count, 1, 0, "extents of a window"),                                                  \
        POOL_EACH(stride, count, 1, 1, "pixels from one window to the next"),                                   \
        POOL_EACH(padding, 2 * (count), 0, 0, "pixels that were added in front of each axis, then behind each"), \
        POOL_EACH(size, count, 0, 0, "extents of the result; 0: (extent - 1) stride + kernel - padding"),       \
        WG_NO_MORE_ATTRIBUTES};                                                                                 \
    static int infer_unpool_##axes(wg_infer *infer) { return infer_unpool(infer, count); }                      \
    static void samples_unpool_##axes(wg_sampler *s) { sample_unpool(s, count); }                               \
    const wg_op wg_op_max_unpool##axes = {                                                                      \
        .name = "max_unpool" #axes, .formula = "y[n, c, index[n, c, window]] += x[n, c, window]",               \
        .shapes = "x [N, C, ...], index [N, C, ...] -> y [N, C, *]",                                            \
        .gradient = "dx[n, c, window] = dy[n, c, index[n, c, window]]",                                         \
        .onnx = "MaxUnpool", .torch = "max_unpool" #axes, .inputs = 2, .outputs = 1, .blocked_inputs = 2,       \
        .linear_in = 1, .flags = WG_CAN_FAIL, .attributes = unpool_attributes_##axes,                           \
        .attributes_size = sizeof(pool_attributes), .infer = infer_unpool_##axes, .expand = expand_unpool,      \
        .samples = samples_unpool_##axes};                                                                      \
    wg_var (wg_max_unpool##axes)(wg_var x, wg_var indices, const wg_shape *extents, const wg_pool_options *options) { \
        pool_attributes chosen;                                                                                 \
        if (!pool_options(x.tape, "max_unpool" #axes, count, options, &chosen)) return wg_refuse(x.tape);       \
        if (!wg_read_extents(x.tape, "max_unpool" #axes, extents, count, chosen.size)) return wg_refuse(x.tape); \
        return WG_RECORD(&wg_op_max_unpool##axes, &chosen, x, indices);                                         \
    }
MAX_UNPOOL(1d, 1)
MAX_UNPOOL(2d, 2)
MAX_UNPOOL(3d, 3)
#endif
