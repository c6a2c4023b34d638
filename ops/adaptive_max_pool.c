/* adaptive_max_pool1d, adaptive_max_pool2d, adaptive_max_pool3d — the largest of windows that divide the image
 *
 *   y[n, c, i] = max of x[n, c, floor(i in / out) … ceil((i + 1) in / out) - 1], along each axis, and its place
 *
 * as PyTorch: neighbouring windows may overlap by one. The first of equals wins, and the first NaN over
 * everything; given the places, it is a gather, as max_pool2d is. */
#include "pool.h"

static void forward(const wg_call *call) {
    pool_attributes none = {.kernel = {0}};
    const pool_geometry g = pool_geometry_of(&none, &call->inputs[0].type, &call->outputs[0].type);
    real *y = WG_OUT(call, 0, real) + call->begin * g.windows;
    int32_t *index = WG_OUT(call, 1, int32_t) + call->begin * g.windows;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * g.pixels;
        for (int64_t window = 0; window < g.windows; window++) {
            const int64_t at[3] = {window / g.out[2] / g.out[1], window / g.out[2] % g.out[1], window % g.out[2]};
            int64_t first[3], last[3];
            for (int axis = 0; axis < 3; axis++) {
                first[axis] = at[axis] * g.in[axis] / g.out[axis];
                last[axis] = ((at[axis] + 1) * g.in[axis] + g.out[axis] - 1) / g.out[axis];
            }
            int64_t best = (first[0] * g.in[1] + first[1]) * g.in[2] + first[2];
            for (int64_t w = first[0]; w < last[0]; w++)
                for (int64_t u = first[1]; u < last[1]; u++)
                    for (int64_t v = first[2]; v < last[2]; v++) {
                        const int64_t place = (w * g.in[1] + u) * g.in[2] + v;
                        if (x[place] > x[best] || (x[place] != x[place] && x[best] == x[best])) best = place;
                    }
            *y++ = x[best];
            *index++ = (int32_t)best;
        }
    }
}
WG_KERNEL(adaptive_max_pool1d, forward)
WG_KERNEL(adaptive_max_pool2d, forward)
WG_KERNEL(adaptive_max_pool3d, forward)

#ifdef WG_RULES

static int infer_axes(wg_infer *infer, int axes) {
    const pool_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    int status = pool_infer_rank(infer, x, axes, "x");
    if (status || (status = wg_infer_real(infer))) return status;
    infer->outputs[0] = *x;
    for (int i = 0; i < axes; i++) {
        if (x->extent[2 + i] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; there is nothing in axis %d", wg_infer_text(infer, x),
                                 2 + i);
        infer->outputs[0].extent[2 + i] = a->size[i];
    }
    return pool_infer_places(infer, axes);
}

static void sample(wg_sampler *s, int axes) {
    static const int64_t in[] = {1, 4, 5, 7, 6, 3, 8}, out[] = {1, 2, 3, 5, 1, 4};
    for (int i = 0; i < 30; i++) {
        wg_type x = {.dtype = WG_F64, .rank = 2 + axes, .extent = {i == 5 ? 0 : 1 + i % 2, i == 9 ? 0 : 1 + i / 2 % 2}};
        pool_attributes with = {.size = {0}};
        for (int axis = 0; axis < axes; axis++) {
            x.extent[2 + axis] = axes == 3 && in[(i + axis) % 7] > 4 ? 4 : in[(i + axis) % 7];
            with.size[axis] = axes == 3 && out[(i + 2 * axis + i / 6) % 6] > 3 ? 3 : out[(i + 2 * axis + i / 6) % 6];
        }
        const wg_shape shape = wg_shape_of(&x);
        WG_SAMPLE(s, &with, {.shape = &shape, .values = WG_DISTINCT});
    }
}

#define ADAPTIVE_MAX_POOL(axes, count)                                                                          \
    static const wg_attribute attributes_##axes[] = {                                                           \
        POOL_EACH(size, count, 1, 1, "extents of the result"), WG_NO_MORE_ATTRIBUTES};                          \
    static int infer_##axes(wg_infer *infer) { return infer_axes(infer, count); }                               \
    static void samples_##axes(wg_sampler *s) { sample(s, count); }                                             \
    const wg_op wg_op_adaptive_max_pool##axes = {                                                               \
        .name = "adaptive_max_pool" #axes,                                                                      \
        .formula = "y[n, c, i] = max of x[n, c, floor(i in / out) ... ceil((i + 1) in / out) - 1]",             \
        .shapes = "x [N, C, ...] -> y [N, C, *], index [N, C, *]",                                              \
        .gradient = "dx[n, c, index[n, c, window]] += dy[n, c, window]",                                        \
        .torch = "adaptive_max_pool" #axes, .inputs = 1, .outputs = 2, .flags = WG_EVEN_UNITS,                  \
        .attributes = attributes_##axes, .attributes_size = sizeof(pool_attributes), .infer = infer_##axes,     \
        .forward = WG_FORWARD(adaptive_max_pool##axes), .backward = pool_backward_by_places,                    \
        .units = pool_units, .samples = samples_##axes};                                                        \
    wg_var (wg_adaptive_max_pool##axes)(wg_var x, const wg_shape *extents) {                                    \
        pool_attributes chosen = {.size = {0}};                                                                 \
        if (!wg_read_extents(x.tape, "adaptive_max_pool" #axes, extents, count, chosen.size))                    \
            return wg_refuse(x.tape);                                                                           \
        return WG_RECORD(&wg_op_adaptive_max_pool##axes, &chosen, x);                                           \
    }
ADAPTIVE_MAX_POOL(1d, 1)
ADAPTIVE_MAX_POOL(2d, 2)
ADAPTIVE_MAX_POOL(3d, 3)
#endif
