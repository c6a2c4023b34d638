/* naive_resample — interpolation and adaptive means: every output from every input, by the weight between them. */
#include "naive.h"
#include <math.h>
#include <string.h>

typedef struct {
    int64_t mode, coordinates, rounding;
    bool antialias;
    double scale;
    naive_real a;
} way;

static naive_real keys(const way *w, naive_real x) {
    const naive_real d = fabsl(x), a = w->a;
    if (w->mode == 1) return d < 1 ? 1 - d : 0;
    return d < 1   ? (a + 2) * d * d * d - (a + 3) * d * d + 1
           : d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a
                   : 0;
}

/* Where output j looks. A given scale divides in double, as that is part of the definition. */
static naive_real place(const way *w, int64_t in, int64_t out, int64_t j) {
    const naive_real ratio = (naive_real)in / (naive_real)out;
    if (w->coordinates == 1) return out > 1 ? (naive_real)j * (naive_real)(in - 1) / (naive_real)(out - 1) : 0;
    if (w->coordinates == 2) return w->scale > 0 ? (double)j / w->scale : (naive_real)j * ratio;
    if (w->coordinates == 3 && out == 1) return 0;
    return w->scale > 0 ? ((double)j + 0.5) / w->scale - 0.5
                        : ((naive_real)(2 * j + 1) * (naive_real)in - (naive_real)out) / (naive_real)(2 * out);
}

/* The weight of x[k] in y[j]. */
static naive_real weight_of(const way *w, int64_t in, int64_t out, int64_t j, int64_t k) {
    const naive_real s = place(w, in, out, j), last = (naive_real)(in - 1);
    if (w->mode == 3) {
        const int64_t begin = j * in / out, end = ((j + 1) * in + out - 1) / out;
        return k >= begin && k < end ? 1 / (naive_real)(end - begin) : 0;
    }
    if (w->mode == 0) {
        const naive_real r[] = {floorl(s), ceill(s), ceill(s - 0.5L), floorl(s + 0.5L)};
        return fminl(fmaxl(r[w->rounding], 0), last) == (naive_real)k;
    }
    const naive_real stretch = w->scale > 0 ? 1 / (naive_real)w->scale : (naive_real)in / (naive_real)out;
    naive_real sum = 0, all = 0;
    if (w->antialias) { /* what lies outside has no weight */
        const naive_real wide = fmaxl(stretch, 1);
        for (int64_t i = 0; i < in; i++) all += keys(w, ((naive_real)i - s) / wide);
        return all == 0 ? k == (s > 0 ? in - 1 : 0) : keys(w, ((naive_real)k - s) / wide) / all;
    }
    for (naive_real i = floorl(s) - 2; i <= floorl(s) + 3; i++) /* what lies outside counts as the border */
        if (fminl(fmaxl(i, 0), last) == (naive_real)k) sum += keys(w, i - s);
    return sum;
}

/* y[i] += weight x[k], or for the transpose dx[k] += weight dy[i], over all pairs; axis i of `ways` is axis
 * first + i of the arrays. */
static void each_pair(naive_call *call, const wg_type *x, const wg_type *y, const way *ways, int first, int count,
                      bool transposed) {
    const naive_array *from = &call->inputs[0];
    naive_array *to = &call->outputs[0];
    call->roundings = 8;
    for (int axis = 0; axis < count; axis++) call->roundings += 8 + 3 * (naive_real)x->extent[first + axis];
    for (int axis = 0; axis < count && transposed; axis++) call->roundings += 4 * (naive_real)y->extent[first + axis];
    for (naive_index i = naive_first(y); i.more; naive_next(&i))
        for (naive_index k = naive_first(x); k.more; naive_next(&k)) {
            naive_real weight = 1;
            for (int axis = 0; axis < x->rank; axis++)
                if (axis < first || axis >= first + count)
                    weight *= i.at[axis] == k.at[axis];
                else
                    weight *= weight_of(&ways[axis - first], x->extent[axis], y->extent[axis], i.at[axis], k.at[axis]);
            if (weight == 0) continue;
            const int64_t at = transposed ? k.number : i.number;
            const naive_real value = from->value[transposed ? i.number : k.number];
            to->value[at] += weight * value;
            to->size[at] += (fabsl(weight) + 0.5L) * fabsl(value); /* weights are rounded as differences of places */
        }
}

static way read_way(const naive_call *call, int axis) {
    return (way){.mode = naive_int(call, "mode", 0),
                 .coordinates = naive_int(call, "coordinates", 0),
                 .rounding = naive_int(call, "rounding", 0),
                 .antialias = naive_bool(call, "antialias"),
                 .scale = naive_double(call, "scale", axis),
                 .a = naive_number(call, "cubic_a")};
}

static void resample_by(naive_call *call, bool transposed) {
    const wg_type given = call->inputs[0].type;
    wg_type made = given;
    const int axis = naive_axis(naive_int(call, "axis", 0), given.rank);
    made.extent[axis] = naive_int(call, "size", 0);
    naive_output(call, 0, made);
    const way w = read_way(call, 0);
    each_pair(call, transposed ? &made : &given, transposed ? &given : &made, &w, axis, 1, transposed);
}
static void resample(naive_call *call) { resample_by(call, false); }
static void resample_grad(naive_call *call) { resample_by(call, true); }

static void interpolate(naive_call *call) {
    const wg_type x = call->inputs[0].type;
    const bool adaptive = strcmp(call->op->name, "interpolate") != 0;
    wg_type y = x;
    way ways[3];
    for (int i = 0; i < x.rank - 2; i++) {
        ways[i] = adaptive ? (way){.mode = 3} : read_way(call, i);
        y.extent[2 + i] = naive_int(call, "size", i);
        if (!y.extent[2 + i]) y.extent[2 + i] = (int64_t)floor((double)x.extent[2 + i] * ways[i].scale);
    }
    naive_output(call, 0, y);
    each_pair(call, &x, &y, ways, 2, x.rank - 2, false);
}

const naive_entry naive_resample[] = {
    {"resample", resample},
    {"resample_grad", resample_grad},
    {"interpolate", interpolate},
    {"adaptive_avg_pool1d", interpolate},
    {"adaptive_avg_pool2d", interpolate},
    {"adaptive_avg_pool3d", interpolate},
    {NULL, NULL},
};
