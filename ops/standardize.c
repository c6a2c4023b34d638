/* standardize, standardize_grad — numbers with mean 0 and variance 1, the kernel of the normalization ops
 *
 * The axes from … to-1 stay apart; over the n elements of all others, for each index of those,
 *
 *     m = sum x / n,   v = sum (x - m)² / n,   r = 1 / sqrt(v + epsilon),   y = (x - m) r
 *
 * without `center` m = 0, and v is the mean square. Outputs: y, m, r, v; the last three keep the other axes,
 * with extent 1. Ba, Kiros, Hinton 2016 (arXiv:1607.06450) has from = 0; Ioffe, Szegedy 2015
 * (arXiv:1502.03167) the axis of channels alone. With E the mean over the n elements, as y = (x - m) r:
 *
 *     dx = r (dy - E dy - y E(dy y)) + dm / n - dr r² y / n + dv 2 y / (n r)
 *
 * without E dy and dm if there is no `center`. The first term is standardize_grad(dy, y, r), which is linear
 * in dy and symmetric: with cotangent c of it
 *
 *     ddy = standardize_grad(c, y, r)     c_y = -r (c E(dy y) + dy E(c y))
 *     c_r = sum c standardize_grad(dy, y, 1)
 *
 * A product with a cotangent, or with a mean of such, that is 0 is 0: where y or r is no number or infinite, as
 * of equal elements without epsilon, dx is 0 nevertheless if dy is 0 everywhere.
 *
 * Moments are taken in two passes: d = x - m' for m' the mean as rounded, then e = E d, v = E d² - e²,
 * m = m' + e, y = (d - e) r (Chan, Golub, LeVeque 1983): nothing cancels where all x are large and alike. The
 * mean is that of the differences from the first element, which is added to it: so equal elements, however many
 * and large, are m' exactly, and y and v are 0. */
#include "standardize.h"

/* The tensor as outer × kept × inner, with the axes that stay apart in the middle. Where nothing lies behind
 * them a unit does COLUMNS of them side by side, else one. */
typedef struct {
    int64_t outer, kept, inner;
    bool columns;
} standardize_split;
enum { COLUMNS = 64 };

WG_INLINE standardize_split split_of(const wg_type *x, const standardize_attributes *a) {
    standardize_split s = {1, 1, 1, false};
    for (int axis = 0; axis < x->rank; axis++)
        *(axis < a->from ? &s.outer : axis < a->to ? &s.kept : &s.inner) *= x->extent[axis];
    s.columns = s.inner == 1 && s.outer != 1;
    return s;
}

#if WG_IS_REAL

WG_INLINE real lane_total(real lanes[WG_LANES]) {
    for (int half = WG_LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

/* Adds x - shift to `sum` and its square to `squares`, lane by lane. */
WG_INLINE void add_run(const real *x, int64_t count, real shift, real sum[WG_LANES], real squares[WG_LANES]) {
    int64_t i = 0;
    for (; i + WG_LANES <= count; i += WG_LANES)
        for (int lane = 0; lane < WG_LANES; lane++) {
            const real d = x[i + lane] - shift;
            sum[lane] += d;
            squares[lane] += d * d;
        }
    for (int lane = 0; i < count; i++, lane++) {
        sum[lane] += x[i] - shift;
        squares[lane] += (x[i] - shift) * (x[i] - shift);
    }
}

/* What a cotangent that is 0 hands on is 0, whatever the factor is. */
WG_INLINE real scaled(real cotangent, real factor) { return cotangent == 0 ? 0 : cotangent * factor; }

/* Adds dy to `sum` and dy y to `products`, lane by lane. */
WG_INLINE void add_cotangents(const real *dy, const real *y, int64_t count, real sum[WG_LANES],
                              real products[WG_LANES]) {
    int64_t i = 0;
    for (; i + WG_LANES <= count; i += WG_LANES)
        for (int lane = 0; lane < WG_LANES; lane++) {
            sum[lane] += dy[i + lane];
            products[lane] += scaled(dy[i + lane], y[i + lane]);
        }
    for (int lane = 0; i < count; i++, lane++) {
        sum[lane] += dy[i];
        products[lane] += scaled(dy[i], y[i]);
    }
}

WG_INLINE real run_mean(const real *x, const standardize_split *s, real n) {
    const real start = n > 0 ? x[0] : 0;
    real lanes[WG_LANES] = {0};
    for (int64_t o = 0; o < s->outer; o++) {
        const real *run = x + o * s->kept * s->inner;
        int64_t i = 0;
        for (; i + WG_LANES <= s->inner; i += WG_LANES)
            for (int lane = 0; lane < WG_LANES; lane++) lanes[lane] += run[i + lane] - start;
        for (int lane = 0; i < s->inner; i++, lane++) lanes[lane] += run[i] - start;
    }
    return start + lane_total(lanes) / n;
}

/* What is known of `width` indices side by side: m', e, r. */
typedef struct {
    real first[COLUMNS], rest[COLUMNS], scale[COLUMNS];
} moments;

/* From the sums of d and d². */
WG_INLINE void set_moments(const wg_call *call, moments *of, int64_t column, int64_t at, real n, real sum,
                           real squares) {
    const standardize_attributes *a = WG_ATTRIBUTES(call, standardize);
    const real rest = a->center ? sum / n : 0, spread = squares / n - rest * rest;
    const real v = spread < 0 ? 0 : spread; /* NaN stays */
    of->rest[column] = rest;
    of->scale[column] = 1 / wm_sqrt(v + (real)a->epsilon);
    WG_OUT(call, 1, real)[at] = of->first[column] + rest;
    WG_OUT(call, 2, real)[at] = of->scale[column];
    WG_OUT(call, 3, real)[at] = v;
}

static void runs(const wg_call *call, const standardize_split *s, int64_t kept) {
    const real n = (real)(s->outer * s->inner), *x = WG_IN(call, 0, real) + kept * s->inner;
    real *y = WG_OUT(call, 0, real) + kept * s->inner, sum[WG_LANES] = {0}, squares[WG_LANES] = {0};
    const int64_t step = s->kept * s->inner;
    moments of;
    of.first[0] = WG_ATTRIBUTES(call, standardize)->center ? run_mean(x, s, n) : 0;
    for (int64_t o = 0; o < s->outer; o++)
        add_run(x + o * step, s->inner, of.first[0], sum, squares);
    set_moments(call, &of, 0, kept, n, lane_total(sum), lane_total(squares));
    const real first = of.first[0], rest = of.rest[0], scale = of.scale[0];
    for (int64_t o = 0; o < s->outer; o++)
        WG_INDEPENDENT_LOOP for (int64_t i = 0; i < s->inner; i++)
            y[o * step + i] = (x[o * step + i] - first - rest) * scale;
}

static void columns(const wg_call *call, const standardize_split *s, int64_t from, int64_t width) {
    const real n = (real)s->outer, *x = WG_IN(call, 0, real) + from;
    real *y = WG_OUT(call, 0, real) + from, sum[COLUMNS] = {0}, squares[COLUMNS] = {0};
    moments of = {.first = {0}};
    if (WG_ATTRIBUTES(call, standardize)->center) {
        for (int64_t o = 0; o < s->outer; o++)
            for (int64_t j = 0; j < width; j++) of.first[j] += x[o * s->kept + j] - x[j];
        for (int64_t j = 0; j < width; j++) of.first[j] = (s->outer ? x[j] : 0) + of.first[j] / n;
    }
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < width; j++) {
            const real d = x[o * s->kept + j] - of.first[j];
            sum[j] += d;
            squares[j] += d * d;
        }
    for (int64_t j = 0; j < width; j++) set_moments(call, &of, j, from + j, n, sum[j], squares[j]);
    for (int64_t o = 0; o < s->outer; o++)
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < width; j++)
            y[o * s->kept + j] = (x[o * s->kept + j] - of.first[j] - of.rest[j]) * of.scale[j];
}

static void forward(const wg_call *call) {
    const standardize_split s = split_of(&call->inputs[0].type, WG_ATTRIBUTES(call, standardize));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t from = unit * COLUMNS, left = s.kept - from;
        if (s.columns)
            columns(call, &s, from, left < COLUMNS ? left : COLUMNS);
        else
            runs(call, &s, unit);
    }
}
WG_KERNEL(standardize, forward)

static void runs_of_grad(const wg_call *call, const standardize_split *s, int64_t kept) {
    const int64_t at = kept * s->inner, step = s->kept * s->inner;
    const real n = (real)(s->outer * s->inner), r = WG_IN(call, 2, real)[kept];
    const real *dy = WG_IN(call, 0, real) + at, *y = WG_IN(call, 1, real) + at;
    real *g = WG_OUT(call, 0, real) + at, sum[WG_LANES] = {0}, products[WG_LANES] = {0};
    for (int64_t o = 0; o < s->outer; o++)
        add_cotangents(dy + o * step, y + o * step, s->inner, sum, products);
    const real mean = WG_ATTRIBUTES(call, standardize)->center ? lane_total(sum) / n : 0;
    const real slope = lane_total(products) / n;
    for (int64_t o = 0; o < s->outer; o++)
        WG_INDEPENDENT_LOOP for (int64_t i = o * step; i < o * step + s->inner; i++)
            g[i] = scaled(dy[i] - mean - scaled(slope, y[i]), r);
}

static void columns_of_grad(const wg_call *call, const standardize_split *s, int64_t from, int64_t width) {
    const real n = (real)s->outer, *r = WG_IN(call, 2, real) + from;
    const real *dy = WG_IN(call, 0, real) + from, *y = WG_IN(call, 1, real) + from;
    real *g = WG_OUT(call, 0, real) + from, mean[COLUMNS] = {0}, slope[COLUMNS] = {0};
    for (int64_t o = 0; o < s->outer; o++)
        for (int64_t j = 0; j < width; j++) {
            mean[j] += dy[o * s->kept + j];
            slope[j] += scaled(dy[o * s->kept + j], y[o * s->kept + j]);
        }
    for (int64_t j = 0; j < width; j++) {
        mean[j] = WG_ATTRIBUTES(call, standardize)->center ? mean[j] / n : 0;
        slope[j] /= n;
    }
    for (int64_t o = 0; o < s->outer; o++)
        WG_INDEPENDENT_LOOP for (int64_t j = 0; j < width; j++) {
            const int64_t i = o * s->kept + j;
            g[i] = scaled(dy[i] - mean[j] - scaled(slope[j], y[i]), r[j]);
        }
}

static void grad(const wg_call *call) {
    const standardize_split s = split_of(&call->inputs[0].type, WG_ATTRIBUTES(call, standardize));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t from = unit * COLUMNS, left = s.kept - from;
        if (s.columns)
            columns_of_grad(call, &s, from, left < COLUMNS ? left : COLUMNS);
        else
            runs_of_grad(call, &s, unit);
    }
}
WG_KERNEL(standardize_grad, grad)

#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(standardize_attributes, from, .kind = WG_ATTRIBUTE_INT,
                 .meaning = "the first axis that stays apart"),
    WG_ATTRIBUTE(standardize_attributes, to, .kind = WG_ATTRIBUTE_INT,
                 .meaning = "the axis after the last of them"),
    WG_ATTRIBUTE(standardize_attributes, epsilon, .kind = WG_ATTRIBUTE_REAL, .bounded = true, .low = 0,
                 .high = 1e30, .preset = 1e-5, .meaning = "added to the variance"),
    WG_ATTRIBUTE(standardize_attributes, center, .kind = WG_ATTRIBUTE_BOOL, .preset = 1,
                 .meaning = "is the mean subtracted?"),
    WG_NO_MORE_ATTRIBUTES};

/* The type of what there is one of for each index of the axes that stay apart. */
static wg_type kept_type(const wg_type *x, const standardize_attributes *a) {
    wg_type type = *x;
    for (int axis = 0; axis < x->rank; axis++)
        if (axis < a->from || axis >= a->to) type.extent[axis] = 1;
    return type;
}

static int infer_axes(wg_infer *infer) {
    const standardize_attributes *a = WG_ATTRIBUTES(infer, standardize);
    const int rank = infer->inputs[0].rank, status = wg_infer_real(infer);
    if (status) return status;
    if (0 <= a->from && a->from <= a->to && a->to <= rank) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_AXIS,
                         "from is %lld, to is %lld; for x %s they must be within 0 … %d, in this order",
                         (long long)a->from, (long long)a->to, wg_infer_shape_text(infer, &infer->inputs[0]),
                         rank);
}

static int infer(wg_infer *infer) {
    const int status = infer_axes(infer);
    if (status) return status;
    infer->outputs[0] = infer->inputs[0];
    for (int i = 1; i < 4; i++)
        infer->outputs[i] = kept_type(&infer->inputs[0], WG_ATTRIBUTES(infer, standardize));
    return WG_OK;
}

static int infer_grad(wg_infer *infer) {
    const wg_type *dy = &infer->inputs[0], *y = &infer->inputs[1], *r = &infer->inputs[2];
    const int status = infer_axes(infer);
    if (status) return status;
    const wg_type kept = kept_type(dy, WG_ATTRIBUTES(infer, standardize));
    if (!wg_shape_equal(dy, y) || !wg_shape_equal(r, &kept))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, y is %s, r is %s; y must be like dy, and r be %s",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, y),
                             wg_infer_shape_text(infer, r), wg_infer_shape_text(infer, &kept));
    infer->outputs[0] = *dy;
    return WG_OK;
}

/* All axes but those that stay apart; false: there are none. */
static bool other_axes(int rank, const standardize_attributes *a, wg_axes *axes) {
    int count = 0;
    for (int axis = 0; axis < rank; axis++)
        if (axis < a->from || axis >= a->to) axes->axis[count++] = axis;
    axes->axis[count] = INT_MIN;
    return count > 0;
}
static wg_var total(wg_var x, const standardize_attributes *a) {
    wg_axes axes;
    const wg_reduce_options keep = {.size_ = sizeof keep, .keepdims = true};
    return other_axes(wg_type_of(x).rank, a, &axes) ? (wg_sum)(x, &axes, &keep) : x;
}
static wg_var mean(wg_var x, const standardize_attributes *a) {
    wg_axes axes;
    const wg_reduce_options keep = {.size_ = sizeof keep, .keepdims = true};
    return other_axes(wg_type_of(x).rank, a, &axes) ? (wg_mean)(x, &axes, &keep) : x;
}

static wg_var gradient(const standardize_attributes *a, wg_var dy, wg_var y, wg_var r) {
    return WG_RECORD(&wg_op_standardize_grad, a, dy, y, r);
}

/* dx so far and another term of it, of a shape that broadcasts to x's. */
static wg_var with(wg_var dx, wg_var term) { return wg_valid(dx) ? wg_add(dx, term) : term; }

static void backward(wg_rule *rule) {
    const standardize_attributes *a = WG_ATTRIBUTES(rule, standardize);
    const wg_var y = rule->outputs[0], r = rule->outputs[2], *d = rule->cotangents;
    const wg_type x_type = wg_type_of(rule->inputs[0]), type = kept_type(&x_type, a);
    const double n = (double)wg_type_count(&x_type) / (double)wg_type_count(&type);
    wg_var dx = WG_NONE, slope = WG_NONE;
    if (wg_valid(d[0])) dx = gradient(a, d[0], y, r);
    if (wg_valid(d[2])) slope = wg_scale_cotangent(wg_mul(d[2], wg_scalar(rule->tape, -1 / n)), wg_square(r));
    if (wg_valid(d[3])) {
        wg_var share = wg_mul(d[3], wg_scalar(rule->tape, 2 / n));
        slope = with(slope, wg_scale_cotangent(share, wg_reciprocal(r)));
    }
    if (wg_valid(slope)) dx = with(dx, wg_scale_cotangent(slope, y));
    if (wg_valid(d[1]) && a->center) dx = with(dx, wg_mul(d[1], wg_scalar(rule->tape, 1 / n)));
    if (!wg_valid(dx)) return;
    const wg_shape shape = wg_shape_of(&x_type);
    wg_rule_set(rule, 0, wg_broadcast_to(dx, &shape));
}

static void backward_of_grad(wg_rule *rule) {
    const standardize_attributes *a = WG_ATTRIBUTES(rule, standardize);
    wg_var dy = rule->inputs[0], y = rule->inputs[1], r = rule->inputs[2], c = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, gradient(a, c, y, r));
    if (wg_rule_wants(rule, 1)) {
        wg_var of_dy = mean(wg_scale_cotangent(dy, y), a), of_c = mean(wg_scale_cotangent(c, y), a);
        wg_var both = wg_add(wg_scale_cotangent(c, of_dy), wg_scale_cotangent(dy, of_c));
        wg_rule_set(rule, 1, wg_scale_cotangent(both, wg_neg(r)));
    }
    if (wg_rule_wants(rule, 2)) {
        const wg_type type = wg_type_of(r);
        wg_var one = wg_full_of(rule->tape, &type, 1);
        wg_rule_set(rule, 2, total(wg_scale_cotangent(c, gradient(a, dy, y, one)), a));
    }
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const standardize_attributes *a = given;
    wg_var d = a->center ? wg_sub(inputs[0], mean(inputs[0], a)) : inputs[0];
    return wg_div(d, wg_sqrt(wg_add(mean(wg_square(d), a), wg_scalar(tape, a->epsilon))));
}

static wg_var expand_grad(wg_tape *tape, const wg_var *inputs, const void *given) {
    const standardize_attributes *a = given;
    wg_var dy = inputs[0], y = inputs[1], g = a->center ? wg_sub(dy, mean(dy, a)) : dy;
    (void)tape;
    wg_var slope = mean(wg_scale_cotangent(dy, y), a);
    return wg_scale_cotangent(wg_sub(g, wg_scale_cotangent(slope, y)), inputs[2]);
}

static int64_t units(const wg_call *call) {
    const standardize_split s = split_of(&call->inputs[0].type, WG_ATTRIBUTES(call, standardize));
    return s.columns ? (s.kept + COLUMNS - 1) / COLUMNS : s.kept;
}
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 8); }

typedef struct {
    wg_shape shape;
    int64_t from, to;
} standardize_case;
#define EXTENTS(...) {{__VA_ARGS__, INT64_MIN}}
static const standardize_case standardize_cases[] = {
    {EXTENTS(3, 5), 0, 1},          {EXTENTS(7), 0, 0},
    {EXTENTS(2, 37), 0, 1},         {EXTENTS(2, 3, 4), 0, 2},
    {EXTENTS(4, 3, 2), 1, 2},       {EXTENTS(5, 3), 1, 2},
    {EXTENTS(3, 67), 1, 2},         {EXTENTS(2, 3, 2, 2), 1, 2},
    {EXTENTS(2, 2, 3, 2), 1, 3},    {EXTENTS(2, 2, 2, 3), 0, 2},
    {EXTENTS(1, 4, 3), 1, 2},       {EXTENTS(4, 1, 6), 1, 2},
    {EXTENTS(3, 4), 1, 1},          {EXTENTS(2, 1, 3, 1, 2, 1, 2, 2), 2, 5},
    {EXTENTS(2, 3, 19), 1, 2},      {EXTENTS(3, 2, 1), 1, 2},
    {EXTENTS(0, 3), 0, 1},          {EXTENTS(2, 0, 3), 0, 2},
};
enum { STANDARDIZE_CASES = sizeof standardize_cases / sizeof *standardize_cases };

/* Each case centred and not, with an epsilon of three. */
static void samples_with(wg_sampler *s, bool of_grad) {
    for (int i = 0; i < 2 * STANDARDIZE_CASES; i++) {
        const standardize_case *at = &standardize_cases[i / 2];
        const double epsilon = (double[]){1e-2, 1e-5, 0.5}[i % 3];
        const standardize_attributes with = {at->from, at->to, epsilon, i % 2 == 0};
        wg_shape kept = at->shape;
        for (int axis = 0; kept.extent[axis] != INT64_MIN; axis++)
            if (axis < at->from || axis >= at->to) kept.extent[axis] = 1;
        if (of_grad)
            WG_SAMPLE(s, &with, {.shape = &at->shape}, {.shape = &at->shape},
                      {.shape = &kept, .values = WG_UNIFORM, .low = 0.25, .high = 2});
        else
            WG_SAMPLE(s, &with, {.shape = &at->shape, .values = i % 8 < 6 ? WG_NORMAL : WG_TIES});
    }
}
static void samples(wg_sampler *s) {
    const standardize_attributes rows = {0, 1, 0.25, true}, batch = {1, 2, 0.25, true};
    samples_with(s, false);
    WG_SAMPLE(s, &rows, {.shape = WG_SHAPE(3, 1)}); /* always 0 */
    WG_SAMPLE(s, &rows, {.shape = WG_SHAPE(2, 5), .values = WG_ALL_EQUAL, .low = 1000.1});
    WG_SAMPLE(s, &batch, {.shape = WG_SHAPE(5, 2), .values = WG_ALL_EQUAL, .low = -1000.1});
    WG_SAMPLE(s, &rows, {.shape = WG_SHAPE(2, 6), .values = WG_UNIFORM, .low = 100, .high = 102});
}
static void samples_of_grad(wg_sampler *s) { samples_with(s, true); }

const wg_op wg_op_standardize = {
    .name = "standardize",
    .formula = "y = (x - m) r, r = 1 / sqrt(v + epsilon), m and v the mean and the variance",
    .shapes = "x [...] -> y [...], m [*], r [*], v [*]; the last three have extent 1 but for the axes from "
              "... to - 1",
    .gradient = "dx = r (dy - mean dy - y mean (dy y)) + dm / n - dr r^2 y / n + 2 dv y / (n r)",
    .torch = "native_layer_norm", .inputs = 1, .outputs = 4,
    .attributes = attributes, .attributes_size = sizeof(standardize_attributes),
    .infer = infer, .forward = WG_FORWARD(standardize), .backward = backward, .expand = expand,
    .units = units, .cost = cost, .samples = samples, .f32_cancelled = 1,
};

const wg_op wg_op_standardize_grad = {
    .name = "standardize_grad", .formula = "g = r (dy - mean dy - y mean (dy y))", .inputs = 3, .outputs = 1,
    .shapes = "dy [...], y [...], r [*] -> g [...]; r as standardize's",
    .gradient = "ddy = standardize_grad(dg, y, r), d_y = -r (dg mean (dy y) + dy mean (dg y)), dr = sum dg "
                "g / r",
    .flags = WG_HELPER, .linear_in = 1 << 0 | 1 << 2,
    .attributes = attributes, .attributes_size = sizeof(standardize_attributes),
    .infer = infer_grad, .forward = WG_FORWARD(standardize_grad), .backward = backward_of_grad,
    .expand = expand_grad, .units = units, .cost = cost, .samples = samples_of_grad, .f32_cancelled = 1,
};

wg_var (wg_standardize)(wg_var x, int from, int to, const wg_standardize_options *options) {
    WG_READ_OPTIONS(wg_standardize_options, given, options);
    const double epsilon = wg_read_number(given.epsilon, 1e-5);
    const standardize_attributes with = standardize_chosen(from, to, epsilon, !given.no_center);
    return WG_RECORD(&wg_op_standardize, &with, x);
}

#endif
