/* resample, resample_grad — one axis read at other places: what interpolation and adaptive means are made of
 *
 *   resample:       y[o, j, i] = sum_t w[j, t] x[o, k[j, t], i]
 *   resample_grad:  dx[o, k[j, t], i] += w[j, t] dy[o, j, i], in the order of j, then t
 *
 * with o and i standing for all axes before and after. Output j looks at the place s(j) of the axis:
 *
 *   half_pixel      (j + 1/2) in / out - 1/2      (or / scale, where that is given)
 *   align_corners   j (in - 1) / (out - 1), 0 if there is one output
 *   asymmetric      j in / out
 *   pytorch_half_pixel   half_pixel, 0 if there is one output
 *
 * and takes, with floor(s) = f and s - f = t:
 *
 *   nearest   x[s rounded by `rounding`]
 *   linear    (1 - t) x[f] + t x[f + 1]
 *   cubic     Keys 1981 (IEEE ASSP 29) with his a: x[f - 1] … x[f + 2], weights 0 outside of the kernel
 *   area      the mean of x[floor(j in / out)] … x[ceil((j + 1) in / out) - 1]: PyTorch's adaptive mean
 *
 * An index outside the axis is that of the border. With `antialias`, linear and cubic kernels are stretched by
 * in / out where that is above 1, and, stretched or not, cut at the border and normalised, as PyTorch and Pillow
 * do. Places and weights are computed in f64 for both types. Both ops are linear, each is the other's rule. ONNX
 * Resize names the rest. */
#include "resample.h"
#include "rows.h"

enum { NEAREST, LINEAR, CUBIC, AREA };
enum { HALF_PIXEL, ALIGN_CORNERS, ASYMMETRIC, PYTORCH_HALF_PIXEL };
enum { FLOOR, CEIL, PREFER_FLOOR, PREFER_CEIL };

/* The taps of all outputs: `most` places for each, of which count[j] are used. */
typedef struct tap_table {
    int64_t most, *count, *index;
    real *weight;
} tap_table;

WG_INLINE double floor_of(double x) {
    const double whole = (double)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

/* Taps of one output, at most. */
WG_INLINE int64_t most_taps(const resample_attributes *a, int64_t in, int64_t out) {
    const double stretch = a->scale > 0 ? 1 / a->scale : (double)in / (double)(out > 0 ? out : 1);
    if (a->mode == NEAREST) return 1;
    if (a->mode == AREA) return out > 0 ? in / out + 2 : 1;
    const int64_t taps = a->mode == LINEAR ? 2 : 4;
    if (!a->antialias || stretch <= 1) return taps;
    const double wide = (double)taps * stretch + 2;
    return wide < (double)in ? (int64_t)wide : in;
}

WG_INLINE size_t table_bytes(const resample_attributes *a, int64_t in, int64_t out) {
    return (size_t)out * ((size_t)most_taps(a, in, out) * (sizeof(int64_t) + sizeof(real)) + sizeof(int64_t));
}

static double place_of(const resample_attributes *a, int64_t in, int64_t out, int64_t j) {
    const double n = (double)in, m = (double)out, at = (double)j;
    if (a->coordinates == ALIGN_CORNERS) return out > 1 ? at * (n - 1) / (m - 1) : 0;
    if (a->coordinates == ASYMMETRIC) return a->scale > 0 ? at / a->scale : at * n / m;
    if (a->coordinates == PYTORCH_HALF_PIXEL && out == 1) return 0;
    return a->scale > 0 ? (at + 0.5) / a->scale - 0.5 : ((2 * at + 1) * n - m) / (2 * m);
}

static double kernel_at(const resample_attributes *a, double x) {
    const double c = a->cubic_a, d = x < 0 ? -x : x;
    if (a->mode == LINEAR) return d < 1 ? 1 - d : 0;
    if (d < 1) return ((c + 2) * d - (c + 3)) * d * d + 1;
    return d < 2 ? ((c * d - 5 * c) * d + 8 * c) * d - 4 * c : 0;
}

static void add_tap(tap_table *table, int64_t j, int64_t index, double weight, int64_t in) {
    if (weight == 0) return; /* so that it takes no part, though it be infinite */
    int64_t *count = &table->count[j];
    table->index[j * table->most + *count] = index < 0 ? 0 : index < in ? index : in - 1;
    table->weight[j * table->most + (*count)++] = (real)weight;
}

static void taps_nearest(const resample_attributes *a, tap_table *table, int64_t in, int64_t j, double s) {
    const double down = floor_of(s), up = -floor_of(-s);
    const double near = a->rounding == FLOOR          ? down
                        : a->rounding == CEIL         ? up
                        : a->rounding == PREFER_FLOOR ? -floor_of(0.5 - s)
                                                      : floor_of(s + 0.5);
    add_tap(table, j, (int64_t)near, 1, in);
}

/* What of a kernel, stretched where the axis shrinks, lies inside the axis, normalised. */
static void taps_stretched(const resample_attributes *a, tap_table *table, int64_t in, int64_t j, double s,
                           double stretch) {
    const double support = (a->mode == LINEAR ? 1 : 2) * stretch;
    const double low = floor_of(s - support + 1), high = floor_of(s + support + 1);
    const int64_t first = low < 0 ? 0 : (int64_t)low, last = high < (double)in ? (int64_t)high : in;
    double total = 0;
    for (int64_t k = first; k < last; k++) total += kernel_at(a, ((double)k - s) / stretch);
    for (int64_t k = first; k < last; k++) add_tap(table, j, k, kernel_at(a, ((double)k - s) / stretch) / total, in);
}

/* At least one: a stretched kernel that lies beyond the border has that of the border. */
static void taps_of(const resample_attributes *a, tap_table *table, int64_t in, int64_t out, int64_t j) {
    const double s = place_of(a, in, out, j);
    const double stretch = a->scale > 0 ? 1 / a->scale : (double)in / (double)out;
    table->count[j] = 0;
    if (a->mode == NEAREST) {
        taps_nearest(a, table, in, j, s);
    } else if (a->mode == AREA) {
        const int64_t first = j * in / out, last = ((j + 1) * in + out - 1) / out;
        for (int64_t k = first; k < last; k++) add_tap(table, j, k, 1 / (double)(last - first), in);
    } else if (a->antialias) {
        taps_stretched(a, table, in, j, s, stretch > 1 ? stretch : 1);
    } else {
        const double f = floor_of(s), t = s - f;
        for (int64_t k = a->mode == LINEAR ? 0 : -1; k <= (a->mode == LINEAR ? 1 : 2); k++)
            add_tap(table, j, (int64_t)f + k, kernel_at(a, (double)k - t), in);
    }
    if (!table->count[j]) add_tap(table, j, s > 0 ? in - 1 : 0, 1, in);
}

static tap_table table_in(void *memory, const resample_attributes *a, int64_t in, int64_t out) {
    tap_table table = {.most = most_taps(a, in, out), .count = memory};
    table.index = table.count + out;
    table.weight = (real *)(void *)(table.index + out * table.most);
    for (int64_t j = 0; j < out; j++) taps_of(a, &table, in, out, j);
    return table;
}

/* A unit is a row y[o, j]. */
static void forward(const wg_call *call) {
    const resample_attributes *a = WG_ATTRIBUTES(call, resample);
    const rows_split in = rows_split_at(&call->inputs[0].type, a->axis);
    const int64_t out = a->size, inner = in.inner;
    const tap_table table = table_in(call->workspace, a, in.extent, out);
    int64_t outer = out ? call->begin / out : 0, j = out ? call->begin % out : 0;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + outer * in.extent * inner;
        real *y = WG_OUT(call, 0, real) + unit * inner;
        const int64_t *index = table.index + j * table.most;
        const real *weight = table.weight + j * table.most;
        for (int64_t i = 0; i < inner; i++) y[i] = weight[0] * x[index[0] * inner + i];
        for (int64_t t = 1; t < table.count[j]; t++) {
            const real *row = x + index[t] * inner;
            for (int64_t i = 0; i < inner; i++) y[i] += weight[t] * row[i];
        }
        if (++j == out) j = 0, outer++;
    }
}
WG_KERNEL(resample, forward)

/* A unit is dx[o]: all that one outer place gets. */
static void grad(const wg_call *call) {
    const resample_attributes *a = WG_ATTRIBUTES(call, resample);
    const rows_split out = rows_split_at(&call->inputs[0].type, a->axis);
    const int64_t in = a->size, inner = out.inner;
    const tap_table table = table_in(call->workspace, a, in, out.extent);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *dy = WG_IN(call, 0, real) + unit * out.extent * inner;
        real *dx = WG_OUT(call, 0, real) + unit * in * inner;
        for (int64_t i = 0; i < in * inner; i++) dx[i] = 0;
        for (int64_t j = 0; j < out.extent; j++)
            for (int64_t t = 0; t < table.count[j]; t++) {
                const real weight = table.weight[j * table.most + t], *row = dy + j * inner;
                real *to = dx + table.index[j * table.most + t] * inner;
                for (int64_t i = 0; i < inner; i++) to[i] += weight * row[i];
            }
    }
}
WG_KERNEL(resample_grad, grad)

#ifdef WG_RULES

#define CHOICE(member, most, otherwise, text)                                                                   \
    WG_ATTRIBUTE(resample_attributes, member, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = most,          \
                 .preset = otherwise, .meaning = text)
static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(resample_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is read at other places"),
    CHOICE(size, INT32_MAX, 1, "extent of the result's axis"),
    CHOICE(mode, AREA, 1, "0: nearest, 1: linear, 2: cubic, 3: area"),
    CHOICE(coordinates, PYTORCH_HALF_PIXEL, 0,
           "0: half_pixel, 1: align_corners, 2: asymmetric, 3: pytorch_half_pixel"),
    CHOICE(rounding, PREFER_CEIL, 0, "of nearest; 0: floor, 1: ceil, 2: round_prefer_floor, 3: round_prefer_ceil"),
    WG_ATTRIBUTE(resample_attributes, scale, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .high = 0x1p31,
                 .meaning = "places of the result for each of the input; 0: the ratio of the extents"),
    WG_ATTRIBUTE(resample_attributes, cubic_a, .kind = WG_ATTRIBUTE_REAL, .preset = -0.75, .meaning = "Keys' a"),
    WG_ATTRIBUTE(resample_attributes, antialias, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "stretch the kernel where the axis shrinks"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    resample_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    int status = wg_infer_real(infer);
    if (status || (status = wg_infer_axis(infer, &a->axis, x->rank))) return status;
    const int64_t from = x->extent[a->axis];
    if (from < 1 || a->size < 1 || from > INT32_MAX)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "axis %lld of %s to extent %lld; both extents must be at least 1, and at most 2^31",
                             (long long)a->axis, wg_infer_shape_text(infer, x), (long long)a->size);
    const double ratio = (double)from * a->scale;
    if (a->scale != 0 && (a->scale < 0x1p-31 || ratio > 0x1p62))
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "scale is %g; it must be positive and within range", a->scale);
    infer->outputs[0] = *x;
    infer->outputs[0].extent[a->axis] = a->size;
    return WG_OK;
}

static void turned(wg_rule *rule, const wg_op *op) {
    resample_attributes chosen = *WG_ATTRIBUTES(rule, resample);
    chosen.size = wg_type_of(rule->inputs[0]).extent[chosen.axis];
    wg_rule_set(rule, 0, WG_RECORD(op, &chosen, rule->cotangents[0]));
}
static void backward(wg_rule *rule) { turned(rule, &wg_op_resample_grad); }
static void backward_of_grad(wg_rule *rule) { turned(rule, &wg_op_resample); }

static int64_t units(const wg_call *call) {
    const rows_split out = rows_split_at(&call->outputs[0].type, WG_ATTRIBUTES(call, resample)->axis);
    return out.outer * out.extent;
}
static int64_t units_of_grad(const wg_call *call) {
    return rows_split_at(&call->outputs[0].type, WG_ATTRIBUTES(call, resample)->axis).outer;
}

/* Whichever type is computed: room for the table of the wider one. */
static size_t workspace_for(const wg_call *call, const wg_type *x, const wg_type *y) {
    const resample_attributes *a = WG_ATTRIBUTES(call, resample);
    const int64_t in = x->extent[a->axis], out = y->extent[a->axis];
    return table_bytes(a, in, out) * 2;
}
static size_t workspace(const wg_call *call) {
    return workspace_for(call, &call->inputs[0].type, &call->outputs[0].type);
}
static size_t workspace_of_grad(const wg_call *call) {
    return workspace_for(call, &call->outputs[0].type, &call->inputs[0].type);
}

static void sample(wg_sampler *s, bool back) {
    static const struct { int64_t axis; wg_shape shape; } shapes[] = {
        {0, {{5, INT64_MIN}}}, {-1, {{2, 4, INT64_MIN}}}, {1, {{2, 3, 2, INT64_MIN}}}, {-2, {{1, 7, 1, INT64_MIN}}},
        {0, {{1, 3, INT64_MIN}}}, {2, {{1, 2, 4, 1, 2, INT64_MIN}}}, {0, {{6, 0, INT64_MIN}}},
        {3, {{1, 1, 2, 3, 1, 1, 2, 1, INT64_MIN}}}};
    static const int64_t sizes[] = {1, 3, 7, 4, 9, 2};
    for (int i = 0; i < 48; i++) {
        wg_shape x = shapes[i % 8].shape;
        int64_t rank = 0;
        while (x.extent[rank] != INT64_MIN) rank++;
        const int64_t axis = shapes[i % 8].axis, at = axis < 0 ? axis + rank : axis, in = x.extent[at];
        resample_attributes with = {.axis = axis, .size = sizes[(i + i / 8) % 6], .mode = (i + i / 8) % 4,
                                    .coordinates = i / 4 % 4, .rounding = (i + i / 16) % 4,
                                    .cubic_a = (double[]){-0.75, -0.5, -0.6}[i % 3], .antialias = i % 5 == 2};
        if (i % 7 == 3) with.scale = ((double)with.size + 0.3) / (double)in;
        const int64_t out = with.size;
        if (back) x.extent[at] = out, with.size = in;
        WG_SAMPLE(s, &with, {.shape = &x});
    }
}
static void samples(wg_sampler *s) { sample(s, false); }
static void samples_of_grad(wg_sampler *s) { sample(s, true); }

const wg_op wg_op_resample = {
    .name = "resample", .formula = "y[o, j, i] = sum_t w[j, t] x[o, k[j, t], i]", .onnx = "Resize",
    .shapes = "x [*] -> y [*]; alike but for the axis",
    .gradient = "dx[o, k[j, t], i] += w[j, t] dy[o, j, i]",
    .inputs = 1, .outputs = 1, .linear_in = 1, .flags = WG_EVEN_UNITS | WG_HELPER,
    .attributes = attributes, .attributes_size = sizeof(resample_attributes), .infer = infer,
    .forward = WG_FORWARD(resample), .backward = backward, .units = units, .workspace = workspace,
    .samples = samples};

const wg_op wg_op_resample_grad = {
    .name = "resample_grad", .formula = "dx[o, k[j, t], i] += w[j, t] dy[o, j, i]",
    .shapes = "dy [*] -> dx [*]; alike but for the axis",
    .gradient = "ddy = resample(ddx)",
    .inputs = 1, .outputs = 1, .linear_in = 1, .flags = WG_EVEN_UNITS | WG_HELPER,
    .attributes = attributes, .attributes_size = sizeof(resample_attributes), .infer = infer,
    .forward = WG_FORWARD(resample_grad), .backward = backward_of_grad, .units = units_of_grad,
    .workspace = workspace_of_grad, .samples = samples_of_grad};
#endif
