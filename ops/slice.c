/* slice, slice_grad — every step-th row along one axis
 *
 *   slice:       y[…, i, …] = x[…, start + i step, …]  for as long as that is before stop
 *   slice_grad:  dx[…, start + i step, …] = dy[…, i, …], and 0 elsewhere
 *
 * start and stop are those of Python: negative ones count from the back, both are clamped. The two are
 * each other's transposes, and so each other's rules. */
#include "rows.h"
#include "slice.h"

typedef struct slice_attributes {
    int64_t axis, start, stop, step;
} slice_attributes;

#ifdef WG_RULES

/* --- Kernels: a unit is a row of the output ------------------------------------------------------------ */

static void slice_forward(const wg_call *call) {
    const slice_attributes *a = WG_ATTRIBUTES(call, slice);
    const rows_split in = rows_split_at(&call->inputs[0].type, a->axis);
    const int64_t count = call->outputs[0].type.extent[a->axis];
    const int64_t row = in.inner * (int64_t)wg_dtype_size(call->dtype);
    const char *x = WG_IN(call, 0, char);
    char *y = WG_OUT(call, 0, char);
    for (int64_t unit = call->begin, end; unit < call->end; unit = end) {
        const int64_t outer = unit / count, first = unit % count;
        end = (outer + 1) * count < call->end ? (outer + 1) * count : call->end;
        rows_copy_apart(y + unit * row, row, x + (outer * in.extent + a->start + first * a->step) * row,
                        a->step * row, end - unit, row);
    }
}
WG_BYTES_KERNEL(slice, slice_forward)

/* Of the rows low, low + step, … (there are `count`) the first at `from` or after it. */
static int64_t first_at(int64_t low, int64_t step, int64_t count, int64_t from) {
    const int64_t at = from <= low ? 0 : (from - low - 1) / step + 1;
    return at < count ? at : count;
}

static void slice_grad_forward(const wg_call *call) {
    const slice_grad_attributes *a = WG_ATTRIBUTES(call, slice_grad);
    const rows_split out = rows_split_at(&call->outputs[0].type, a->axis);
    const int64_t count = call->inputs[0].type.extent[a->axis];
    const int64_t row = out.inner * (int64_t)wg_dtype_size(call->dtype);
    const bool backwards = a->step < 0; /* then dy is read from its last row on */
    const int64_t step = backwards ? -a->step : a->step;
    const int64_t low = backwards ? a->start + (count - 1) * a->step : a->start;
    for (int64_t unit = call->begin, end; unit < call->end; unit = end) {
        const int64_t outer = unit / out.extent, first = unit % out.extent;
        end = (outer + 1) * out.extent < call->end ? (outer + 1) * out.extent : call->end;
        char *dx = WG_OUT(call, 0, char) + unit * row;
        memset(dx, 0, (size_t)((end - unit) * row));
        const int64_t i0 = first_at(low, step, count, first);
        const int64_t i1 = first_at(low, step, count, first + end - unit);
        if (i0 == i1) continue;
        const char *dy = WG_IN(call, 0, char) + (outer * count + (backwards ? count - 1 - i0 : i0)) * row;
        rows_copy_apart(dx + (low + i0 * step - first) * row, step * row, dy, backwards ? -row : row, i1 - i0,
                        row);
    }
}
WG_BYTES_KERNEL(slice_grad, slice_grad_forward)

/* --- Rules -------------------------------------------------------------------------------------------- */

#define AXIS(op) WG_ATTRIBUTE(op##_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is cut")
#define STEP(op)                                                                                   \
    WG_ATTRIBUTE(op##_attributes, step, .kind = WG_ATTRIBUTE_INT, .preset = 1, .meaning = "not 0")
static const wg_attribute attributes[] = {
    AXIS(slice),
    WG_ATTRIBUTE(slice_attributes, start, .kind = WG_ATTRIBUTE_INT, .meaning = "the first row"),
    WG_ATTRIBUTE(slice_attributes, stop, .kind = WG_ATTRIBUTE_INT, .preset = 0x1p53,
                 .meaning = "the first row that is left out"),
    STEP(slice),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {
    AXIS(slice_grad),
    WG_ATTRIBUTE(slice_grad_attributes, extent, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p62,
                 .meaning = "of the axis before it was cut"),
    WG_ATTRIBUTE(slice_grad_attributes, start, .kind = WG_ATTRIBUTE_INT, .meaning = "where row 0 lies"),
    STEP(slice_grad),
    WG_NO_MORE_ATTRIBUTES};

/* A bound as Python's slice.indices has it: from the back if negative, then clamped. */
static int64_t clamped(int64_t bound, int64_t extent, bool backwards) {
    const int64_t lowest = backwards ? -1 : 0, highest = backwards ? extent - 1 : extent;
    if (bound < 0) bound = bound < -extent ? lowest : bound + extent;
    return bound > highest ? highest : bound;
}

/* Brings start and stop into bounds; what is left, and the same attributes for every way to say it. */
static int64_t resolve(slice_attributes *a, int64_t extent) {
    const bool backwards = a->step < 0;
    const uint64_t step = backwards ? 0 - (uint64_t)a->step : (uint64_t)a->step;
    const int64_t start = clamped(a->start, extent, backwards), stop = clamped(a->stop, extent, backwards);
    const int64_t distance = backwards ? start - stop : stop - start;
    const int64_t count = distance > 0 ? (int64_t)((uint64_t)(distance - 1) / step) + 1 : 0;
    a->start = count ? start : 0;
    a->stop = count < 2 ? a->start + count : stop < 0 ? WG_SLICE_TO_FRONT : stop;
    if (count < 2) a->step = 1;
    return count;
}

static int infer_step(wg_infer *infer, int64_t step) {
    if (step) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "step is 0; it must be positive or negative");
}

static int infer(wg_infer *infer) {
    slice_attributes *a = infer->attributes;
    int status = wg_infer_axis(infer, &a->axis, infer->inputs[0].rank);
    if (status || (status = infer_step(infer, a->step))) return status;
    infer->outputs[0] = infer->inputs[0];
    infer->outputs[0].extent[a->axis] = resolve(a, infer->inputs[0].extent[a->axis]);
    return WG_OK;
}

static int infer_grad(wg_infer *infer) {
    slice_grad_attributes *a = infer->attributes;
    const wg_type *dy = &infer->inputs[0];
    int status = wg_infer_axis(infer, &a->axis, dy->rank);
    if (status || (status = infer_step(infer, a->step))) return status;
    const int64_t count = dy->extent[a->axis];
    if (count == 0) a->start = 0;
    if (count < 2) a->step = 1;
    int64_t last;
    const bool far = __builtin_mul_overflow(count - 1, a->step, &last) ||
                     __builtin_add_overflow(last, a->start, &last);
    if (count && (far || a->start < 0 || a->start >= a->extent || last < 0 || last >= a->extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "%lld rows from %lld in steps of %lld do not fit an axis of extent %lld",
                             (long long)count, (long long)a->start, (long long)a->step, (long long)a->extent);
    infer->outputs[0] = *dy;
    infer->outputs[0].extent[a->axis] = a->extent;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const slice_attributes *a = WG_ATTRIBUTES(rule, slice);
    const int64_t extent = wg_type_of(rule->inputs[0]).extent[a->axis];
    const slice_grad_attributes put = {a->axis, extent, a->start, a->step};
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_slice_grad, &put, rule->cotangents[0]));
}

static void backward_of_grad(wg_rule *rule) {
    const slice_grad_attributes *a = WG_ATTRIBUTES(rule, slice_grad);
    const int64_t count = wg_type_of(rule->inputs[0]).extent[a->axis];
    slice_attributes take = {a->axis, a->start, a->start + (count - 1) * a->step, a->step};
    take.stop += a->step < 0 ? -1 : 1;
    if (take.stop < 0) take.stop = WG_SLICE_TO_FRONT;
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_slice, &take, rule->cotangents[0]));
}

static int64_t units_along(const wg_type *y, int64_t axis) {
    const rows_split out = rows_split_at(y, axis);
    return out.inner ? out.outer * out.extent : 0;
}
static int64_t units(const wg_call *call) {
    return units_along(&call->outputs[0].type, WG_ATTRIBUTES(call, slice)->axis);
}
static int64_t units_of_grad(const wg_call *call) {
    return units_along(&call->outputs[0].type, WG_ATTRIBUTES(call, slice_grad)->axis);
}

/* As much is read as is written. */
static wg_cost cost(const wg_call *call) {
    return (wg_cost){.bytes = 2 * (double)wg_type_bytes(&call->outputs[0].type)};
}

static void samples(wg_sampler *s) {
#define SLICE(from, axis, start, stop, step)                                                       \
    WG_SAMPLE(s, (&(slice_attributes){axis, start, stop, step}), {.shape = from})
    SLICE(WG_SHAPE(7), 0, 0, WG_SLICE_TO_END, 1);
    SLICE(WG_SHAPE(7), 0, 2, 5, 1);
    SLICE(WG_SHAPE(7), 0, -3, -1, 1);
    SLICE(WG_SHAPE(7), 0, 1, 100, 2);
    SLICE(WG_SHAPE(7), 0, -100, 6, 3);
    SLICE(WG_SHAPE(7), -1, 6, WG_SLICE_TO_FRONT, -1);
    SLICE(WG_SHAPE(7), 0, 100, 1, -2);
    SLICE(WG_SHAPE(7), 0, -2, -6, -3);
    SLICE(WG_SHAPE(7), 0, 5, 2, 1);
    SLICE(WG_SHAPE(7), 0, 2, 5, -1);
    SLICE(WG_SHAPE(7), 0, 3, WG_SLICE_TO_END, INT64_MAX);
    SLICE(WG_SHAPE(7), 0, 3, WG_SLICE_TO_FRONT, INT64_MIN);
    SLICE(WG_SHAPE(1), 0, 0, 1, 1);
    SLICE(WG_SHAPE(0), 0, 0, WG_SLICE_TO_END, 1);
    SLICE(WG_SHAPE(0), 0, -1, WG_SLICE_TO_FRONT, -1);
    SLICE(WG_SHAPE(5, 3), 0, 1, 4, 1);
    SLICE(WG_SHAPE(5, 3), 0, 4, WG_SLICE_TO_FRONT, -2);
    SLICE(WG_SHAPE(3, 5), 1, 0, WG_SLICE_TO_END, 2);
    SLICE(WG_SHAPE(2, 5, 3), 1, 1, 5, 3);
    SLICE(WG_SHAPE(2, 5, 3), -2, -1, 0, -1);
    SLICE(WG_SHAPE(2, 1, 2, 1, 2, 1, 3, 1), 6, 1, 3, 1);
    SLICE(WG_SHAPE(3, 0, 2), 0, 1, 3, 1);
    WG_SAMPLE(s, (&(slice_attributes){1, 17, 2, -4}), {.dtype = WG_U8, .shape = WG_SHAPE(3, 19)});
    WG_SAMPLE(s, (&(slice_attributes){0, 1, 8, 2}), {.dtype = WG_BOOL, .shape = WG_SHAPE(9, 2)});
#undef SLICE
}

static void samples_of_grad(wg_sampler *s) {
#define PUT(from, axis, extent, start, step)                                                       \
    WG_SAMPLE(s, (&(slice_grad_attributes){axis, extent, start, step}), {.shape = from})
    PUT(WG_SHAPE(3), 0, 7, 2, 1);
    PUT(WG_SHAPE(3), 0, 7, 0, 3);
    PUT(WG_SHAPE(3), -1, 7, 6, -3);
    PUT(WG_SHAPE(7), 0, 7, 6, -1);
    PUT(WG_SHAPE(7), 0, 7, 0, 1);
    PUT(WG_SHAPE(1), 0, 1, 0, 1);
    PUT(WG_SHAPE(1), 0, 5, 4, INT64_MIN);
    PUT(WG_SHAPE(0), 0, 4, 0, 1);
    PUT(WG_SHAPE(0), 0, 0, 0, -2);
    PUT(WG_SHAPE(2, 3), 0, 6, 1, 4);
    PUT(WG_SHAPE(3, 2), 1, 5, 3, -2);
    PUT(WG_SHAPE(2, 3, 2), 1, 9, 8, -4);
    PUT(WG_SHAPE(2, 2, 3), -1, 4, 1, 1);
    PUT(WG_SHAPE(2, 0, 3), 2, 8, 1, 2);
#undef PUT
}

static bool takes_all(const void *chosen) { return ((const slice_attributes *)chosen)->step == 1; }
static bool leaves_all(const void *chosen) { return ((const slice_grad_attributes *)chosen)->step == 1; }

const wg_op wg_op_slice = {
    .name = "slice", .formula = "y[..., i, ...] = x[..., start + i step, ...]", .onnx = "Slice",
    .shapes = "x [*] -> y [*]; alike but for the axis",
    .gradient = "dx[..., start + i step, ...] = dy[..., i, ...], else 0",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(slice_attributes),
    .is_identity = takes_all,
    .infer = infer, .forward = WG_FORWARD(slice), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_slice_grad = {
    .name = "slice_grad", .formula = "dx[..., start + i step, ...] = dy[..., i, ...], else 0",
    .shapes = "dy [*] -> dx [*]; alike but for the axis, in dx of the attribute's extent",
    .gradient = "ddy = slice(ddx)",
    .torch = "slice_backward",
    .inputs = 1, .outputs = 1, .flags = WG_HELPER, .linear_in = 1,
    .attributes = grad_attributes, .attributes_size = sizeof(slice_grad_attributes),
    .is_identity = leaves_all,
    .infer = infer_grad, .forward = WG_FORWARD(slice_grad), .backward = backward_of_grad,
    .units = units_of_grad, .cost = cost, .samples = samples_of_grad,
};

wg_var (wg_slice)(wg_var x, int axis, int64_t start, int64_t stop, const wg_slice_options *options) {
    WG_READ_OPTIONS(wg_slice_options, o, options);
    const slice_attributes chosen = {axis, start, stop, o.step ? o.step : 1};
    return WG_RECORD(&wg_op_slice, &chosen, x);
}

#endif
