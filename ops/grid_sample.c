/* grid_sample, grid_sample_grad_input — images read at places of one's choice
 *
 *   grid_sample:  y[n, c, o] = sum_k x[n, c, k] prod_a w_a[k_a],  the weights being those of place grid[n, o]
 *   grad_input:   dx[n, c, k] += dy[n, c, o] prod_a w_a[k_a], in the order of o
 *
 * grid[n, o] holds a number for each axis of the image, its last axis first (x, y, z), -1 … 1 from border to
 * border: the centres of the border's pixels with align_corners, else their outer edges. Linear, nearest (to even)
 * and cubic (Keys, a = -0.75) weights; places outside are padded by zeros, the border or reflection, as PyTorch
 * has it: the place itself, of cubic each of its taps. `order` counts derivatives by the grid's numbers: weights
 * are then derivatives of the above, so that with S[e] for order e
 *
 *   S[e]'s gradients:           dx = S[e]'s transpose,  dgrid_a = sum_c dy S[e + 1_a](x)
 *   those of its transpose:     ddy = S[e](ddx),        dgrid_a = sum_c dy S[e + 1_a](ddx)
 *
 * and the two are closed under differentiation. A weight has no derivative at a pixel's centre, and the padding
 * none at the border: there it is that of the side above, and 0. A place of 2^30 and more pixels away counts as
 * outside; at NaN, y is NaN. */
#include "op.h"

enum { GRID_LINEAR, GRID_NEAREST, GRID_CUBIC };
enum { PAD_ZEROS, PAD_BORDER, PAD_REFLECTION };

typedef struct grid_sample_attributes {
    int64_t mode, padding, order[3], size[3];
    bool align_corners;
} grid_sample_attributes;

/* An image of three axes, those it lacks being 1, and so many places. */
typedef struct sampling {
    int64_t images, channels, extent[3], pixels, places;
    int axes, wide; /* taps of an axis */
} sampling;

/* The taps of one place along one axis; those outside have weight 0. */
typedef struct axis_taps {
    int64_t index[4];
    real weight[4];
} axis_taps;

WG_INLINE sampling sampling_of(const grid_sample_attributes *a, const wg_type *image, const wg_type *grid) {
    sampling s = {.images = image->extent[0], .channels = image->extent[1], .extent = {1, 1, 1}, .pixels = 1,
                  .places = 1, .axes = image->rank - 2};
    for (int i = 0; i < s.axes; i++) {
        s.pixels *= s.extent[3 - s.axes + i] = image->extent[2 + i];
        s.places *= grid->extent[1 + i];
    }
    s.wide = a->mode == GRID_CUBIC ? 4 : a->mode == GRID_LINEAR ? 2 : 1;
    return s;
}

WG_INLINE real floor_of(real x) {
    const real whole = (real)(int64_t)x;
    return whole > x ? whole - 1 : whole;
}

/* The place by the rule of padding, and how it moves with the place given. */
static real padded(const grid_sample_attributes *a, int64_t extent, real place, real *slope) {
    const real last = (real)(extent - 1);
    *slope = 1;
    if (a->padding == PAD_ZEROS) return place;
    if (a->padding == PAD_REFLECTION) {
        const real low = a->align_corners ? 0 : (real)-0.5, span = a->align_corners ? last : (real)extent;
        if (span <= 0) {
            *slope = 0;
            return 0;
        }
        real away = place - low;
        if (away < 0) away = -away, *slope = -*slope;
        const real turns = floor_of(away / span), rest = away - turns * span;
        const bool back = turns - 2 * floor_of(turns / 2) != 0;
        if (back) *slope = -*slope;
        place = low + (back ? span - rest : rest);
    }
    if (place > 0 && place < last) return place;
    *slope = 0;
    return place > 0 ? last : 0;
}

/* A derivative of Keys' kernel, a = -0.75, by t, at tap k of a place that lies t behind its floor. In powers of
 * the distance the kernel would cancel near its zeros, which are pixels; so it is a product of t and s = 1 - t:
 *
 *     a t s²,   s (1 + t (1 - (a + 2) t)),   and both with t and s exchanged. */
static real keys(int k, real t, int64_t order) {
    const bool mirrored = k > 1, is_outer = k == 0 || k == 3;
    const real a = (real)-0.75, c = a + 2, s = mirrored ? t : 1 - t, sign = mirrored && order % 2 ? -1 : 1;
    if (mirrored) t = 1 - t;
    switch (order) {
    case 0: return is_outer ? a * t * s * s : s * (1 + t * (1 - c * t));
    case 1: return sign * (is_outer ? a * s * (1 - 3 * t) : t * (3 * c * t - 2 * (c + 1)));
    case 2: return is_outer ? a * (6 * t - 4) : 6 * c * t - 2 * (c + 1);
    case 3: return sign * (is_outer ? 6 * a : 6 * c);
    default: return 0;
    }
}

/* Weight of tap k of a place that lies t behind its floor. */
static real weight_at(const grid_sample_attributes *a, int k, real t, int64_t order) {
    if (a->mode == GRID_NEAREST) return order == 0;
    if (a->mode == GRID_LINEAR) return order == 0 ? (k ? t : 1 - t) : order == 1 ? (k ? 1 : -1) : 0;
    return keys(k, t, order);
}

static void taps_of(const grid_sample_attributes *a, const sampling *s, int64_t extent, real given, int64_t order,
                    axis_taps *taps) {
    const real n = (real)extent, ratio = (a->align_corners ? n - 1 : n) / 2;
    real place = a->align_corners ? (given + 1) * ratio : (given + 1) * ratio - (real)0.5, slope = 1;
    const bool none = place != place;
    if (!(place > -0x1p30f && place < 0x1p30f)) place = -100;
    if (a->mode != GRID_CUBIC) place = padded(a, extent, place, &slope);
    real down = floor_of(place), t = place - down, factor = 1;
    if (a->mode == GRID_NEAREST) /* halves to even */
        down += t > (real)0.5 || (t == (real)0.5 && down - 2 * floor_of(down / 2) != 0);
    for (int64_t i = 0; i < order; i++) factor *= slope * ratio;
    for (int k = 0; k < s->wide; k++) {
        int64_t index = (int64_t)down + k - (a->mode == GRID_CUBIC);
        real ignored;
        if (a->mode == GRID_CUBIC) index = (int64_t)floor_of(padded(a, extent, (real)index, &ignored) + (real)0.5);
        const bool inside = index >= 0 && index < extent;
        taps->index[k] = inside ? index : 0;
        taps->weight[k] = none ? given : inside ? weight_at(a, k, t, order) * factor : 0;
    }
    bool one = a->padding != PAD_ZEROS && s->wide > 1 && !none;
    for (int k = 1; k < s->wide; k++) one = one && taps->index[k] == taps->index[0];
    for (int k = 0; k < s->wide && one; k++) /* what is padded by one pixel is constant, to the last bit */
        taps->weight[k] = k == 0 && order == 0;
}

/* All taps of a place: their pixels and weights; how many there are. */
static int taps_at(const grid_sample_attributes *a, const sampling *s, const real *given, int64_t pixel[64],
                   real weight[64]) {
    axis_taps taps[3] = {{{0}, {1}}, {{0}, {1}}, {{0}, {1}}};
    int wide[3] = {1, 1, 1}, count = 0;
    for (int i = 0; i < s->axes; i++) { /* the grid's numbers are in the order of the axes from the last */
        const int axis = 2 - i;
        taps_of(a, s, s->extent[axis], given[i], a->order[i], &taps[axis]);
        wide[axis] = s->wide;
    }
    for (int u = 0; u < wide[0]; u++)
        for (int v = 0; v < wide[1]; v++)
            for (int w = 0; w < wide[2]; w++) {
                const real product = taps[0].weight[u] * taps[1].weight[v] * taps[2].weight[w];
                if (product == 0) continue;
                pixel[count] = (taps[0].index[u] * s->extent[1] + taps[1].index[v]) * s->extent[2] + taps[2].index[w];
                weight[count++] = product;
            }
    return count;
}

enum { UNIT_PLACES = 64, UNIT_CHANNELS = 16 };

/* A unit is so many places of an image, in all channels. */
static void forward(const wg_call *call) {
    const grid_sample_attributes *a = WG_ATTRIBUTES(call, grid_sample);
    const sampling s = sampling_of(a, &call->inputs[0].type, &call->inputs[1].type);
    const int64_t blocks = (s.places + UNIT_PLACES - 1) / UNIT_PLACES;
    int64_t pixel[64];
    real weight[64];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / blocks, first = unit % blocks * UNIT_PLACES;
        const int64_t last = first + UNIT_PLACES < s.places ? first + UNIT_PLACES : s.places;
        for (int64_t o = first; o < last; o++) {
            const int count = taps_at(a, &s, WG_IN(call, 1, real) + (n * s.places + o) * s.axes, pixel, weight);
            for (int64_t c = 0; c < s.channels; c++) {
                const real *x = WG_IN(call, 0, real) + (n * s.channels + c) * s.pixels;
                real sum = 0;
                for (int t = 0; t < count; t++) sum += weight[t] * x[pixel[t]];
                WG_OUT(call, 0, real)[(n * s.channels + c) * s.places + o] = sum;
            }
        }
    }
}
WG_KERNEL(grid_sample, forward)

/* A unit is so many channels of an image. */
static void grad_input(const wg_call *call) {
    const grid_sample_attributes *a = WG_ATTRIBUTES(call, grid_sample);
    const sampling s = sampling_of(a, &call->outputs[0].type, &call->inputs[1].type);
    const int64_t blocks = (s.channels + UNIT_CHANNELS - 1) / UNIT_CHANNELS;
    int64_t pixel[64];
    real weight[64];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / blocks, first = unit % blocks * UNIT_CHANNELS;
        const int64_t last = first + UNIT_CHANNELS < s.channels ? first + UNIT_CHANNELS : s.channels;
        real *dx = WG_OUT(call, 0, real) + n * s.channels * s.pixels;
        for (int64_t i = first * s.pixels; i < last * s.pixels; i++) dx[i] = 0;
        for (int64_t o = 0; o < s.places; o++) {
            const int count = taps_at(a, &s, WG_IN(call, 1, real) + (n * s.places + o) * s.axes, pixel, weight);
            for (int64_t c = first; c < last; c++) {
                const real dy = WG_IN(call, 0, real)[(n * s.channels + c) * s.places + o];
                for (int t = 0; t < count; t++) dx[c * s.pixels + pixel[t]] += weight[t] * dy;
            }
        }
    }
}
WG_KERNEL(grid_sample_grad_input, grad_input)

#ifdef WG_RULES

#define WHOLE(member, many, least, most, text)                                                                  \
    WG_ATTRIBUTE(grid_sample_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,      \
                 .low = least, .high = most, .meaning = text)
#define COMMON                                                                                                  \
    WHOLE(mode, 1, 0, GRID_CUBIC, "0: linear, 1: nearest, 2: cubic"),                                           \
        WHOLE(padding, 1, 0, PAD_REFLECTION, "0: zeros, 1: border, 2: reflection"),                             \
        WG_ATTRIBUTE(grid_sample_attributes, align_corners, .kind = WG_ATTRIBUTE_BOOL,                          \
                     .meaning = "-1 and 1 are the centres of the border's pixels, not their outer edges"),      \
        WHOLE(order, 3, 0, 9, "derivatives by the grid's x, y, z")
static const wg_attribute attributes[] = {COMMON, WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {COMMON, WHOLE(size, 3, 0, INT32_MAX, "extents of the image"),
                                               WG_NO_MORE_ATTRIBUTES};

/* Are grid and a tensor of so many axes for the same images? */
static int infer_grid(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *grid = &infer->inputs[1];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if ((x->rank != 4 && x->rank != 5) || grid->rank != x->rank || grid->extent[0] != x->extent[0] ||
        grid->extent[grid->rank - 1] != x->rank - 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s, grid is %s; they must be [N, C, H, W] and [N, H', W', 2], or [N, C, D, H, W] "
                             "and [N, D', H', W', 3]",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, grid));
    return WG_OK;
}

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *grid = &infer->inputs[1];
    const int status = infer_grid(infer);
    if (status) return status;
    infer->outputs[0] = *x;
    for (int i = 2; i < x->rank; i++) {
        if (x->extent[i] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; there is nothing in axis %d",
                                 wg_infer_shape_text(infer, x), i);
        infer->outputs[0].extent[i] = grid->extent[i - 1];
    }
    return WG_OK;
}

static int infer_grad(wg_infer *infer) {
    const grid_sample_attributes *a = infer->attributes;
    const wg_type *dy = &infer->inputs[0], *grid = &infer->inputs[1];
    const int status = infer_grid(infer);
    if (status) return status;
    infer->outputs[0] = *dy;
    for (int i = 2; i < dy->rank; i++) {
        if (dy->extent[i] != grid->extent[i - 1] || a->size[i - 2] < 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "dy is %s, grid is %s: their places must be alike, and size at least 1",
                                 wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, grid));
        infer->outputs[0].extent[i] = a->size[i - 2];
    }
    return WG_OK;
}

/* dgrid = for each of its numbers, sum_c dy S[order + 1](x): nothing where all weights are constant. */
static void set_grid(wg_rule *rule, wg_var dy, wg_var x) {
    grid_sample_attributes a = *WG_ATTRIBUTES(rule, grid_sample);
    const int axes = wg_type_of(x).rank - 2, degree = a.mode == GRID_CUBIC ? 3 : a.mode == GRID_LINEAR ? 1 : 0;
    wg_var numbers[4];
    wg_type one = wg_type_of(rule->inputs[1]);
    one.extent[one.rank - 1] = 1;
    const wg_shape shape = wg_shape_of(&one);
    bool moves = false;
    memset(a.size, 0, sizeof a.size);
    for (int i = 0; i < axes; i++) moves = moves || a.order[i] < degree;
    if (!moves) return;
    for (int i = 0; i < axes; i++) {
        a.order[i]++;
        numbers[i] = (wg_reshape)((wg_sum)((wg_mul)(dy, WG_RECORD(&wg_op_grid_sample, &a, x, rule->inputs[1])),
                                           WG_AXES(1), NULL),
                                  &shape);
        a.order[i]--;
    }
    numbers[axes] = (wg_var)WG_END_;
    wg_rule_set(rule, 1, wg_concat_list(axes + 1, numbers));
}

static void backward(wg_rule *rule) {
    wg_var x = rule->inputs[0], grid = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) {
        grid_sample_attributes a = *WG_ATTRIBUTES(rule, grid_sample);
        const wg_type image = wg_type_of(x);
        for (int i = 2; i < image.rank; i++) a.size[i - 2] = image.extent[i];
        wg_rule_set(rule, 0, WG_RECORD(&wg_op_grid_sample_grad_input, &a, dy, grid));
    }
    if (wg_rule_wants(rule, 1)) set_grid(rule, dy, x);
}

static void backward_of_grad(wg_rule *rule) {
    wg_var dy = rule->inputs[0], grid = rule->inputs[1], ddx = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) {
        grid_sample_attributes a = *WG_ATTRIBUTES(rule, grid_sample);
        memset(a.size, 0, sizeof a.size);
        wg_rule_set(rule, 0, WG_RECORD(&wg_op_grid_sample, &a, ddx, grid));
    }
    if (wg_rule_wants(rule, 1)) set_grid(rule, dy, ddx);
}

static int64_t units(const wg_call *call) {
    const sampling s =
        sampling_of(WG_ATTRIBUTES(call, grid_sample), &call->inputs[0].type, &call->inputs[1].type);
    return s.images * ((s.places + UNIT_PLACES - 1) / UNIT_PLACES);
}
static int64_t units_of_grad(const wg_call *call) {
    const int64_t *extent = call->outputs[0].type.extent;
    return extent[0] * ((extent[1] + UNIT_CHANNELS - 1) / UNIT_CHANNELS);
}

static wg_cost cost(const wg_call *call) {
    const grid_sample_attributes *a = WG_ATTRIBUTES(call, grid_sample);
    double taps = 2;
    for (int i = 2; i < call->inputs[0].type.rank; i++) taps *= a->mode == GRID_CUBIC ? 4 : a->mode == GRID_LINEAR ? 2 : 1;
    const bool back = call->op == &wg_op_grid_sample_grad_input;
    const wg_type *y = back ? &call->inputs[0].type : &call->outputs[0].type;
    return (wg_cost){taps * (double)wg_type_count(y), wg_call_bytes(call)};
}

static void sample(wg_sampler *s, bool back) {
    for (int i = 0; i < 42; i++) {
        const int axes = i % 6 == 5 ? 3 : 2;
        grid_sample_attributes with = {.mode = i % 3, .padding = i / 3 % 3, .align_corners = i / 9 % 2};
        if (i >= 36) with.mode = i % 2 * 2, with.order[i % 2] = 1, with.order[0] += i == 40;
        wg_type x = {.dtype = WG_F64, .rank = 2 + axes, .extent = {i == 17 ? 0 : 1 + i % 4 / 3, i == 23 ? 0 : 1 + i % 5 / 4}};
        wg_type grid = {.dtype = WG_F64, .rank = 2 + axes, .extent = {x.extent[0]}}, y = x;
        for (int axis = 0; axis < axes; axis++) {
            x.extent[2 + axis] = axes == 3 ? 2 + (i + axis) % 2 : i == 12 ? 1 : 2 + (i + 2 * axis) % 3;
            grid.extent[1 + axis] = y.extent[2 + axis] = axes == 3 ? 1 + (i + axis) % 2 : i == 29 ? 0 : 1 + (i + axis) % 3;
            if (back) with.size[axis] = x.extent[2 + axis];
        }
        grid.extent[1 + axes] = axes;
        const wg_shape x_shape = wg_shape_of(back ? &y : &x), grid_shape = wg_shape_of(&grid);
        WG_SAMPLE(s, &with, {.shape = &x_shape}, {.shape = &grid_shape, .values = WG_UNIFORM, .low = -1.4, .high = 1.4});
    }
}
static void samples(wg_sampler *s) { sample(s, false); }
static void samples_of_grad(wg_sampler *s) { sample(s, true); }

const wg_op wg_op_grid_sample = {
    .name = "grid_sample", .formula = "y[n, c, o] = sum_k x[n, c, k] prod_a w_a(grid[n, o, a])[k_a]", .onnx = "GridSample",
    .shapes = "x [N, C, ...], grid [N, *] -> y [N, C, *]; x has two or three axes more, grid [N, H', W', 2] "
              "or [N, D', H', W', 3], y [N, C, H', W'] or [N, C, D', H', W']",
    .gradient = "dx[n, c, k] += dy[n, c, o] prod_a w_a(grid[n, o, a])[k_a], dgrid[n, o, a] = sum_{c, k} "
                "dy[n, c, o] x[n, c, k] dw_a / dgrid[n, o, a] prod_{b != a} w_b",
    .torch = "grid_sample", .inputs = 2, .outputs = 1, .linear_in = 1, .attributes = attributes,
    .attributes_size = sizeof(grid_sample_attributes), .infer = infer, .forward = WG_FORWARD(grid_sample),
    .backward = backward, .units = units, .cost = cost, .samples = samples};

const wg_op wg_op_grid_sample_grad_input = {
    .name = "grid_sample_grad_input", .formula = "dx[n, c, k] += dy[n, c, o] prod_a w_a(grid[n, o, a])[k_a]",
    .shapes = "dy [N, C, *], grid [N, *] -> dx [N, C, ...]; as those of grid_sample",
    .gradient = "ddy = grid_sample(ddx, grid), dgrid as grid_sample's for x = ddx",
    .inputs = 2, .outputs = 1, .flags = WG_HELPER, .linear_in = 1, .attributes = grad_attributes,
    .attributes_size = sizeof(grid_sample_attributes), .infer = infer_grad,
    .forward = WG_FORWARD(grid_sample_grad_input), .backward = backward_of_grad, .units = units_of_grad, .cost = cost,
    .samples = samples_of_grad,
    .f32_cancelled = 1};

wg_var (wg_grid_sample)(wg_var x, wg_var grid, const wg_grid_sample_options *options) {
    WG_READ_OPTIONS(wg_grid_sample_options, given, options);
    const grid_sample_attributes chosen = {.mode = given.mode, .padding = given.padding,
                                           .align_corners = given.align_corners};
    return WG_RECORD(&wg_op_grid_sample, &chosen, x, grid);
}
#endif
