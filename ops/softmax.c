/* softmax, log_softmax — along one axis, with m = max_j x[j]
 *
 *     softmax:      y[i] = exp(x[i] - m) / sum_j exp(x[j] - m)       dx = y (dy - sum_j dy[j] y[j])
 *     log_softmax:  y[i] = x[i] - m - log sum_j exp(x[j] - m)        dx = dy - exp(y) sum_j dy[j]
 *
 * Subtracting m changes nothing in the mathematics and keeps exp in range. A row that holds NaN or infinity,
 * or nothing but -infinity, gives NaN, as in ONNX Softmax-13 and torch.softmax; one -infinity among finite
 * numbers has probability 0. Where dy is 0 along the axis such a row has gradient 0: products are
 * scale_cotangent's. */
#include "rowwise.h"

typedef struct softmax_attributes {
    int64_t axis;
} softmax_attributes;

/* Columns that a unit does where the axis is not the last: they stand side by side. */
enum { COLUMNS = 64 };

/* The tensor as outer × count × inner, with the axis in the middle. */
typedef struct {
    int64_t outer, count, inner, tiles;
} axis_split;

WG_INLINE axis_split split_at(const wg_type *x, int64_t axis) {
    axis_split s = {1, x->rank ? x->extent[axis] : 1, 1, 1};
    for (int64_t i = 0; i < axis; i++) s.outer *= x->extent[i];
    for (int64_t i = axis + 1; i < x->rank; i++) s.inner *= x->extent[i];
    s.tiles = (s.inner + COLUMNS - 1) / COLUMNS;
    return s;
}

#if WG_IS_REAL

WG_INLINE void row(const real *x, int64_t count, bool logarithm, real *y) {
    const real most = row_max(x, count), sum = row_exp(x, count, most, y);
    if (logarithm) {
        const real log_sum = wm_log(sum);
        WG_INDEPENDENT_LOOP for (int64_t i = 0; i < count; i++) y[i] = x[i] - most - log_sum;
    } else {
        WG_INDEPENDENT_LOOP for (int64_t i = 0; i < count; i++) y[i] = y[i] / sum;
    }
}

/* `width` rows side by side, whose elements lie `inner` apart; each is summed in order. */
WG_INLINE void columns(const real *x, int64_t count, int64_t inner, int64_t width, bool logarithm, real *y) {
    real most[COLUMNS], sum[COLUMNS];
    for (int64_t j = 0; j < width; j++) most[j] = -(real)__builtin_inf(), sum[j] = 0;
    for (int64_t i = 0; i < count; i++)
        for (int64_t j = 0; j < width; j++) most[j] = x[i * inner + j] > most[j] ? x[i * inner + j] : most[j];
    for (int64_t i = 0; i < count; i++)
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < width; j++) {
            y[i * inner + j] = wm_exp(x[i * inner + j] - most[j]);
            sum[j] += y[i * inner + j];
        }
    for (int64_t j = 0; j < width && logarithm; j++) sum[j] = wm_log(sum[j]);
    for (int64_t i = 0; i < count; i++)
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < width; j++)
            y[i * inner + j] = logarithm ? x[i * inner + j] - most[j] - sum[j] : y[i * inner + j] / sum[j];
}

WG_INLINE void along_axis(const wg_call *call, bool logarithm) {
    const axis_split s = split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, softmax)->axis);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t first = unit % s.tiles * COLUMNS, left = s.inner - first;
        const int64_t at = unit / s.tiles * s.count * s.inner + first;
        const real *x = WG_IN(call, 0, real) + at;
        real *y = WG_OUT(call, 0, real) + at;
        if (s.inner == 1)
            row(x, s.count, logarithm, y);
        else
            columns(x, s.count, s.inner, left < COLUMNS ? left : COLUMNS, logarithm, y);
    }
}

static void softmax_forward(const wg_call *call) { along_axis(call, false); }
static void log_softmax_forward(const wg_call *call) { along_axis(call, true); }
WG_KERNEL(softmax, softmax_forward)
WG_KERNEL(log_softmax, log_softmax_forward)

#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {WG_ATTRIBUTE(softmax_attributes, axis, .kind = WG_ATTRIBUTE_INT,
                                                       .preset = -1, .meaning = "whose elements sum to 1"),
                                          WG_NO_MORE_ATTRIBUTES};

/* A scalar is a row of one element. */
static int infer(wg_infer *infer) {
    softmax_attributes *a = infer->attributes;
    const int rank = infer->inputs[0].rank;
    const int status = wg_infer_axis(infer, &a->axis, rank ? rank : 1);
    return status ? status : wg_infer_same(infer);
}

static int64_t units(const wg_call *call) {
    const axis_split s = split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, softmax)->axis);
    return s.outer * s.tiles;
}

/* Subtract, exp, add, divide: exp is about 20 operations. */
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 24); }

static wg_var row_total(const wg_rule *rule, wg_var x) {
    const int axis = (int)WG_ATTRIBUTES(rule, softmax)->axis;
    if (wg_type_of(x).rank == 0) return x;
    return wg_sum(x, WG_AXES(axis), .keepdims = true);
}

static void softmax_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], weighted = wg_scale_cotangent(rule->cotangents[0], y);
    wg_rule_set(rule, 0, wg_sub(weighted, wg_scale_cotangent(row_total(rule, weighted), y)));
}

static void log_softmax_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], dy = rule->cotangents[0];
    wg_rule_set(rule, 0, wg_sub(dy, wg_scale_cotangent(row_total(rule, dy), wg_exp(y))));
}

static void samples(wg_sampler *s) {
#define SOFTMAX(along, shape_of, ...)                                                                        \
    WG_SAMPLE(s, (&(softmax_attributes){along}), {.shape = shape_of, __VA_ARGS__})
    SOFTMAX(0, WG_SHAPE(7), .values = WG_NORMAL);
    SOFTMAX(-1, WG_SHAPE(3, 10), .values = WG_NORMAL);
    SOFTMAX(1, WG_SHAPE(2, 37), .values = WG_UNIFORM, .low = -5, .high = 5);
    SOFTMAX(0, WG_SHAPE(5, 3), .values = WG_NORMAL);
    SOFTMAX(1, WG_SHAPE(3, 4, 2), .values = WG_NORMAL);
    SOFTMAX(-3, WG_SHAPE(3, 1, 4), .values = WG_NORMAL);
    SOFTMAX(0, WG_SHAPE(2, 70), .values = WG_NORMAL);
    SOFTMAX(1, WG_SHAPE(4, 1), .values = WG_NORMAL);
    SOFTMAX(0, WG_SCALAR_SHAPE, .values = WG_NORMAL);
    SOFTMAX(1, WG_SHAPE(2, 6), .values = WG_ALL_EQUAL, .low = 3);
    SOFTMAX(1, WG_SHAPE(2, 6), .values = WG_TIES);
    SOFTMAX(1, WG_SHAPE(3, 5), .values = WG_UNIFORM, .low = 9990, .high = 10000);
    SOFTMAX(0, WG_SHAPE(4, 3), .values = WG_UNIFORM, .low = -5, .high = 5);
    SOFTMAX(1, WG_SHAPE(0, 3), .values = WG_NORMAL);
    SOFTMAX(1, WG_SHAPE(3, 0), .values = WG_NORMAL);
    SOFTMAX(2, WG_SHAPE(2, 1, 3, 1, 2), .values = WG_NORMAL);
#undef SOFTMAX
}

const wg_op wg_op_softmax = {
    .name = "softmax", .formula = "y = exp(x) / sum(exp(x))", .onnx = "Softmax", .torch = "softmax",
    .shapes = "x [...] -> y [...]",
    .gradient = "dx = y (dy - sum(dy y)), summed along the axis",
    .inputs = 1, .outputs = 1, .attributes = attributes, .attributes_size = sizeof(softmax_attributes),
    .infer = infer, .forward = WG_FORWARD(softmax), .backward = softmax_backward, .units = units,
    .cost = cost, .samples = samples,
};

const wg_op wg_op_log_softmax = {
    .name = "log_softmax",
    .formula = "y = x - log(sum(exp(x)))",
    .shapes = "x [...] -> y [...]",
    .gradient = "dx = dy - exp(y) sum(dy), summed along the axis",
    .onnx = "LogSoftmax",
    .torch = "log_softmax",
    .inputs = 1,
    .outputs = 1,
    .attributes = attributes,
    .attributes_size = sizeof(softmax_attributes),
    .infer = infer,
    .forward = WG_FORWARD(log_softmax),
    .backward = log_softmax_backward,
    .units = units,
    .cost = cost,
    .samples = samples,
};

wg_var (wg_softmax)(wg_var x, int axis) {
    return WG_RECORD(&wg_op_softmax, (&(softmax_attributes){axis}), x);
}
wg_var (wg_log_softmax)(wg_var x, int axis) {
    return WG_RECORD(&wg_op_log_softmax, (&(softmax_attributes){axis}), x);
}

#endif
