/* roi_align, roi_align_gather, roi_align_grad — images pooled over boxes (He et al. 2017, arXiv:1703.06870)
 *
 *   roi_align:         y[r, c, i, j] = mean or max over the taps t of window (i, j) of box r of w_t x[batch[r], c, p_t]
 *   roi_align_gather:  mean as above; max: w_t v[batch[r], c, p_t], t the tap that wins in x
 *   roi_align_grad:    their transpose in x and v: dx[batch[r], c, p_t] += w_t dy[r, c, i, j], in the order of r, i, j
 *
 * A box (x1, y1, x2, y2), times spatial_scale, less half a pixel if `aligned` (ONNX's half_pixel; without it boxes
 * are at least a pixel wide), is cut into as many windows as y has, and a window into sampling_ratio samples each way,
 * or with 0 as many as it has pixels, rounded up. A sample between pixels has four taps, of bilinear weights; up to
 * a pixel outside the image it is taken at the border, farther off it is 0, as torchvision has it. The maximum is
 * that of single taps w_t x_t, which is how ONNX's own evaluation reads its definition; its gradient goes to the first
 * tap that wins. A window without samples is 0.
 *
 * No gradient passes boxes: samples jump with their number, and torchvision has none. NaN in a box makes NaN;
 * corners count as 2^30 pixels away at most. */
#include "op.h"

typedef struct roi_align_attributes {
    int64_t output[2], sampling_ratio, size[3];
    double spatial_scale;
    bool aligned, maximum;
} roi_align_attributes;

enum { UNIT_CHANNELS = 16 };

/* Taps that an axis of a window may have, a sample two: a sample is more than half a pixel from the next where
 * their number follows the window. */
WG_INLINE int64_t most_taps(const roi_align_attributes *a, int64_t extent) {
    return 2 * (a->sampling_ratio ? a->sampling_ratio : 2 * extent + 8);
}

#if WG_IS_REAL
typedef struct {
    int64_t index;
    real weight;
} tap;

/* What of one axis goes into a window. */
typedef struct {
    tap *taps;
    int64_t count;
    double samples; /* with those outside the image */
    bool outside;   /* are there any? */
} axis_taps;

static double ceil_of(double x) {
    const double whole = (double)(int64_t)x;
    return whole < x ? whole + 1 : whole;
}

/* Of a mean, taps of one pixel are one: the pixels of samples do not turn back. */
static void add_tap(axis_taps *axis, bool joined, int64_t index, double weight) {
    for (int64_t i = axis->count; joined && i-- > 0 && i > axis->count - 3;)
        if (axis->taps[i].index == index) {
            axis->taps[i].weight += (real)weight;
            return;
        }
    axis->taps[axis->count++] = (tap){index, (real)weight};
}

static double corner(const roi_align_attributes *a, real given) {
    const double x = (double)given * a->spatial_scale - (a->aligned ? 0.5 : 0);
    return x > 0x1p30 ? 0x1p30 : x < -0x1p30 ? -0x1p30 : x;
}

/* The taps of window number `window` along an axis, between the corners `from` and `to`. */
static void find_taps(const roi_align_attributes *a, int64_t extent, int64_t windows, double from, double to,
                      int64_t window, axis_taps *axis) {
    double span = to - from;
    if (!a->aligned && span < 1) span = 1;
    const double wide = span / (double)windows, start = from + (double)window * wide;
    const double samples = a->sampling_ratio ? (double)a->sampling_ratio : ceil_of(wide);
    const double step = wide / samples, last = (double)(extent - 1);
    int64_t begin = 0, end = samples > 0 ? (int64_t)samples : 0;
    if (!a->sampling_ratio && end > 0) { /* of many samples most are outside */
        const double first = (-1 - start) / step - 2, past = ((double)extent - start) / step + 2;
        if (first > 0) begin = first < (double)end ? (int64_t)first : end;
        if (past < (double)end) end = past > (double)begin ? (int64_t)past : begin;
    }
    axis->count = 0;
    axis->samples = samples > 0 ? samples : 0;
    int64_t inside = 0;
    for (int64_t i = begin; i < end; i++) {
        double at = start + ((double)i + 0.5) * step;
        if (at < -1 || at > (double)extent || axis->count + 2 > most_taps(a, extent)) continue;
        inside++;
        if (at < 0) at = 0;
        if (at > last) at = last;
        const int64_t low = (int64_t)at, high = low < extent - 1 ? low + 1 : low;
        add_tap(axis, !a->maximum, low, 1 - (at - (double)low));
        add_tap(axis, !a->maximum, high, at - (double)low);
    }
    axis->outside = (double)inside < axis->samples;
}

/* The tap of the largest w x among all, and its weight; -1: samples outside the image, or none, are 0. */
static int64_t winner(const axis_taps *rows, const axis_taps *columns, int64_t width, const real *x, real *weight) {
    const bool any = rows->samples > 0 && columns->samples > 0;
    int64_t best = -1;
    real most = 0;
    bool free = any && !rows->outside && !columns->outside; /* is there nothing yet to be larger than? */
    for (int64_t i = 0; i < rows->count; i++)
        for (int64_t j = 0; j < columns->count; j++) {
            const real w = rows->taps[i].weight * columns->taps[j].weight;
            const int64_t at = rows->taps[i].index * width + columns->taps[j].index;
            const real value = w * x[at];
            if (!free && !(value > most) && !(value != value && most == most)) continue;
            free = false, most = value, best = at, *weight = w;
        }
    return best;
}

/* What a kernel works on; images are those of `image`, which is x or dx. */
typedef struct {
    const roi_align_attributes *a;
    const int64_t *extent; /* of the image */
    int64_t pixels, places;
    axis_taps rows, columns;
} pooling;

static pooling pooling_of(const wg_call *call, const wg_type *image) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    tap *taps = call->workspace;
    const int64_t *extent = image->extent;
    return (pooling){a, extent, extent[2] * extent[3], a->output[0] * a->output[1], {.taps = taps},
                     {.taps = taps + most_taps(a, extent[2])}};
}

/* The image that box r is in; -1 with a failure of the run if there is none. */
static int64_t image_of(const wg_call *call, int64_t r, int64_t images) {
    const wg_operand *batch = &call->inputs[2];
    const int64_t n = batch->type.dtype == WG_I32 ? ((const int32_t *)batch->data)[r] : ((const int64_t *)batch->data)[r];
    if (n >= 0 && n < images) return n;
    wg_call_fail(call, WG_ERROR_INDEX, "batch index %lld of box %lld is out of range: there are %lld images",
                 (long long)n, (long long)r, (long long)images);
    return -1;
}

/* The taps of a window; false where the box is no number. */
static bool look_at(pooling *p, const real *given, int64_t window) {
    double at[4];
    bool good = true;
    for (int i = 0; i < 4; i++) at[i] = corner(p->a, given[i]), good = good && at[i] == at[i];
    if (!good) return false;
    find_taps(p->a, p->extent[2], p->a->output[0], at[1], at[3], window / p->a->output[1], &p->rows);
    find_taps(p->a, p->extent[3], p->a->output[1], at[0], at[2], window % p->a->output[1], &p->columns);
    return true;
}

static real samples_of(const pooling *p) {
    const double samples = p->rows.samples * p->columns.samples;
    return (real)(samples > 1 ? samples : 1);
}

static real mean_of(const pooling *p, const real *x) {
    real sum = 0;
    for (int64_t i = 0; i < p->rows.count; i++) {
        const real *row = x + p->rows.taps[i].index * p->extent[3];
        real part = 0;
        for (int64_t j = 0; j < p->columns.count; j++) part += p->columns.taps[j].weight * row[p->columns.taps[j].index];
        sum += p->rows.taps[i].weight * part;
    }
    return sum / samples_of(p);
}

/* A unit is a box. The last input says which tap wins. */
static void forward(const wg_call *call) {
    pooling p = pooling_of(call, &call->inputs[0].type);
    const int64_t channels = p.extent[1];
    for (int64_t r = call->begin; r < call->end; r++) {
        const int64_t n = image_of(call, r, p.extent[0]);
        if (n < 0) return;
        const real *given = WG_IN(call, 1, real) + 4 * r, *v = WG_IN(call, 0, real) + n * channels * p.pixels;
        const real *x = call->input_count > 3 ? WG_IN(call, 3, real) + n * channels * p.pixels : v;
        real *y = WG_OUT(call, 0, real) + r * channels * p.places;
        for (int64_t window = 0; window < p.places; window++) {
            const bool good = look_at(&p, given, window);
            for (int64_t c = 0; c < channels; c++) {
                real weight = 0, value = (real)__builtin_nan("");
                if (good && !p.a->maximum) {
                    value = mean_of(&p, v + c * p.pixels);
                } else if (good) {
                    const int64_t at = winner(&p.rows, &p.columns, p.extent[3], x + c * p.pixels, &weight);
                    value = at < 0 ? 0 : weight * v[c * p.pixels + at];
                }
                y[c * p.places + window] = value;
            }
        }
    }
}
WG_KERNEL(roi_align, forward)
WG_KERNEL(roi_align_gather, forward)

static void spread(const pooling *p, real dy, real *dx) {
    dy /= samples_of(p);
    for (int64_t i = 0; i < p->rows.count; i++)
        for (int64_t j = 0; j < p->columns.count; j++)
            dx[p->rows.taps[i].index * p->extent[3] + p->columns.taps[j].index] +=
                p->rows.taps[i].weight * p->columns.taps[j].weight * dy;
}

/* A unit is so many channels of an image. */
static void grad(const wg_call *call) {
    pooling p = pooling_of(call, &call->outputs[0].type);
    const int64_t channels = p.extent[1], blocks = (channels + UNIT_CHANNELS - 1) / UNIT_CHANNELS;
    const int64_t boxes = call->inputs[1].type.extent[0];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t n = unit / blocks, first = unit % blocks * UNIT_CHANNELS;
        const int64_t last = first + UNIT_CHANNELS < channels ? first + UNIT_CHANNELS : channels;
        real *dx = WG_OUT(call, 0, real) + n * channels * p.pixels;
        for (int64_t i = first * p.pixels; i < last * p.pixels; i++) dx[i] = 0;
        for (int64_t window = 0, r = 0; r < boxes; window = 0, r++) {
            const int64_t image = image_of(call, r, p.extent[0]);
            if (image < 0) return;
            for (; image == n && window < p.places; window++) {
                const bool good = look_at(&p, WG_IN(call, 1, real) + 4 * r, window);
                for (int64_t c = first; c < last && good; c++) {
                    const real dy = WG_IN(call, 0, real)[(r * channels + c) * p.places + window];
                    real *to = dx + c * p.pixels, weight = 0;
                    if (!p.a->maximum) {
                        spread(&p, dy, to);
                        continue;
                    }
                    const real *x = WG_IN(call, 3, real) + (n * channels + c) * p.pixels;
                    const int64_t at = winner(&p.rows, &p.columns, p.extent[3], x, &weight);
                    if (at >= 0) to[at] += weight * dy;
                }
            }
        }
    }
}
WG_KERNEL(roi_align_grad, grad)
#endif

#ifdef WG_RULES

#define WHOLE(member, many, least, most, otherwise, text)                                                       \
    WG_ATTRIBUTE(roi_align_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,        \
                 .low = least, .high = most, .preset = otherwise, .meaning = text)
#define COMMON                                                                                                  \
    WHOLE(output, 2, 1, INT32_MAX, 1, "windows of a box: rows, columns"),                                       \
        WHOLE(sampling_ratio, 1, 0, 4096, 0, "samples of a window each way; 0: a pixel or less apart"),         \
        WG_ATTRIBUTE(roi_align_attributes, spatial_scale, .kind = WG_ATTRIBUTE_REAL, .bounded = true,           \
                     .high = 0x1p30, .preset = 1, .meaning = "pixels of the image by units of boxes"),          \
        WG_ATTRIBUTE(roi_align_attributes, aligned, .kind = WG_ATTRIBUTE_BOOL,                                  \
                     .meaning = "boxes are moved by half a pixel: places are the edges of pixels"),             \
        WG_ATTRIBUTE(roi_align_attributes, maximum, .kind = WG_ATTRIBUTE_BOOL,                                  \
                     .meaning = "the largest tap instead of the mean of samples")
static const wg_attribute attributes[] = {COMMON, WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {COMMON, WHOLE(size, 3, 0, INT32_MAX, 1, "images, rows, columns"),
                                               WG_NO_MORE_ATTRIBUTES};

/* What is pooled, boxes, batch indices, and what says which tap wins. */
static int infer_all(wg_infer *infer) {
    const wg_type *v = &infer->inputs[0], *boxes = &infer->inputs[1], *batch = &infer->inputs[2];
    const wg_type *x = infer->input_count > 3 ? &infer->inputs[3] : v;
    if ((v->dtype != WG_F32 && v->dtype != WG_F64) || boxes->dtype != v->dtype || x->dtype != v->dtype ||
        (batch->dtype != WG_I32 && batch->dtype != WG_I64))
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "input 0 is %s, boxes are %s, batch indices are %s, input %d is %s; they must be i32 or "
                             "i64, and the others f32 or f64, alike",
                             wg_infer_text(infer, v), wg_infer_text(infer, boxes), wg_infer_text(infer, batch),
                             x == v ? 0 : 3, wg_infer_text(infer, x));
    if (v->rank != 4 || boxes->rank != 2 || boxes->extent[1] != 4 || batch->rank != 1 ||
        batch->extent[0] != boxes->extent[0] || x->rank != 4)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s, boxes are %s, batch indices are %s; they must be [N, C, H, W], [boxes, 4] "
                             "and [boxes]",
                             wg_infer_shape_text(infer, v), wg_infer_shape_text(infer, boxes),
                             wg_infer_shape_text(infer, batch));
    return WG_OK;
}

static int infer(wg_infer *infer) {
    const roi_align_attributes *a = infer->attributes;
    const wg_type *v = &infer->inputs[0], *boxes = &infer->inputs[1];
    const int status = infer_all(infer);
    if (status) return status;
    if (v->extent[2] < 1 || v->extent[3] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; there is nothing in its images",
                             wg_infer_shape_text(infer, v));
    for (int i = 0; infer->input_count > 3 && i < 4; i++)
        if (v->extent[i] != infer->inputs[3].extent[i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "v is %s, x is %s; they must be alike",
                                 wg_infer_shape_text(infer, v), wg_infer_shape_text(infer, &infer->inputs[3]));
    infer->outputs[0] = (wg_type){.dtype = v->dtype, .rank = 4,
                                  .extent = {boxes->extent[0], v->extent[1], a->output[0], a->output[1]}};
    return WG_OK;
}

static int infer_grad(wg_infer *infer) {
    const roi_align_attributes *a = infer->attributes;
    const wg_type *dy = &infer->inputs[0], *boxes = &infer->inputs[1];
    const int status = infer_all(infer);
    if (status) return status;
    const wg_type dx = {.dtype = dy->dtype, .rank = 4, .extent = {a->size[0], dy->extent[1], a->size[1], a->size[2]}};
    if (dy->extent[0] != boxes->extent[0] || dy->extent[2] != a->output[0] || dy->extent[3] != a->output[1] ||
        a->size[1] < 1 || a->size[2] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, boxes are %s, images are %lld x %lld; dy must be [boxes, C, %lld, %lld]",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, boxes), (long long)a->size[1],
                             (long long)a->size[2], (long long)a->output[0], (long long)a->output[1]);
    if (a->maximum && (infer->input_count < 4 || memcmp(infer->inputs[3].extent, dx.extent, sizeof dx.extent)))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "of a maximum the images must be given: input 3 of shape %s",
                             wg_infer_shape_text(infer, &dx));
    infer->outputs[0] = dx;
    return WG_OK;
}

/* From dy to what was pooled; x says which tap wins. */
static void set_pooled(wg_rule *rule, wg_var x) {
    roi_align_attributes a = *WG_ATTRIBUTES(rule, roi_align);
    const wg_type image = wg_type_of(rule->inputs[0]);
    a.size[0] = image.extent[0], a.size[1] = image.extent[2], a.size[2] = image.extent[3];
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_roi_align_grad, &a, rule->cotangents[0], rule->inputs[1], rule->inputs[2],
                                   a.maximum ? x : WG_NONE));
}
static void backward(wg_rule *rule) { set_pooled(rule, rule->inputs[0]); }
static void backward_of_gather(wg_rule *rule) { set_pooled(rule, rule->inputs[3]); }

static void backward_of_grad(wg_rule *rule) {
    roi_align_attributes a = *WG_ATTRIBUTES(rule, roi_align);
    const wg_var ddx = rule->cotangents[0], boxes = rule->inputs[1], batch = rule->inputs[2];
    memset(a.size, 0, sizeof a.size);
    wg_rule_set(rule, 0, a.maximum ? WG_RECORD(&wg_op_roi_align_gather, &a, ddx, boxes, batch, rule->inputs[3])
                                   : WG_RECORD(&wg_op_roi_align, &a, ddx, boxes, batch));
}

static int64_t units(const wg_call *call) {
    return wg_type_count(&call->outputs[0].type) ? call->inputs[1].type.extent[0] : 0;
}
static int64_t units_of_grad(const wg_call *call) {
    const int64_t *extent = call->outputs[0].type.extent;
    return extent[0] * ((extent[1] + UNIT_CHANNELS - 1) / UNIT_CHANNELS);
}

static size_t scratch(const wg_call *call, const wg_type *image) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    return sizeof(tap) * (size_t)(most_taps(a, image->extent[2]) + most_taps(a, image->extent[3]));
}
static size_t workspace(const wg_call *call) { return scratch(call, &call->inputs[0].type); }
static size_t workspace_of_grad(const wg_call *call) { return scratch(call, &call->outputs[0].type); }

static wg_cost cost(const wg_call *call) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    const bool back = call->op == &wg_op_roi_align_grad;
    const double side = a->sampling_ratio ? (double)a->sampling_ratio : 2; /* the boxes are not known */
    return (wg_cost){8 * side * side * (double)wg_type_count(back ? &call->inputs[0].type : &call->outputs[0].type),
                     wg_call_bytes(call)};
}

/* Boxes of 0 … 5 pixels before the scale; which corner is first is left to chance, as no op asks. */
static void sample(wg_sampler *s, bool pooled, bool fourth) {
    for (int i = 0; i < 36; i++) {
        roi_align_attributes with;
        memset(&with, 0, sizeof with);
        with.output[0] = 1 + i % 3, with.output[1] = 1 + i / 2 % 2;
        with.sampling_ratio = (int[]){0, 2, 0, 1, 3}[i % 5];
        with.spatial_scale = (double[]){1, 0.5, 0.8, 2}[i / 2 % 4];
        with.aligned = i / 3 % 2, with.maximum = i / 4 % 2;
        const int64_t n = i == 19 ? 0 : 1 + i % 2, boxes = i == 19 || i == 22 ? 0 : 1 + i / 3 % 3, c = i == 9 ? 0 : 1 + i % 3 / 2;
        const int64_t height = 1 + i % 4, width = 1 + i / 4 % 5;
        const wg_shape *image = WG_SHAPE(n, c, height, width), *y = WG_SHAPE(boxes, c, with.output[0], with.output[1]);
        if (!pooled) with.size[0] = n, with.size[1] = height, with.size[2] = width;
        const wg_sample_input first = {.shape = pooled ? image : y, .values = pooled && !fourth ? WG_DISTINCT : WG_NORMAL};
        const wg_sample_input corners = {.shape = WG_SHAPE(boxes, 4), .values = WG_UNIFORM, .low = -1, .high = 5};
        const wg_sample_input batch = {.dtype = i % 2 ? WG_I32 : WG_I64, .shape = WG_SHAPE(boxes), .values = WG_INTEGERS,
                                       .high = n > 0 ? (double)n - 1 : 0};
        if (fourth && (pooled || with.maximum))
            WG_SAMPLE(s, &with, first, corners, batch, {.shape = image, .values = WG_DISTINCT});
        else
            WG_SAMPLE(s, &with, first, corners, batch);
    }
}
static void samples(wg_sampler *s) { sample(s, true, false); }
static void samples_of_gather(wg_sampler *s) { sample(s, true, true); }
static void samples_of_grad(wg_sampler *s) { sample(s, false, true); }

const wg_op wg_op_roi_align = {
    .name = "roi_align", .formula = "y[r, c, i, j] = mean or max over t of w_t x[batch[r], c, p_t]", .onnx = "RoiAlign",
    .shapes = "x [N, C, H, W], boxes [B, 4], batch [B] -> y [B, C, H', W']",
    .gradient = "dx[batch[r], c, p_t] += w_t dy[r, c, i, j] / samples, or of the tap that wins",
    .torch = "roi_align", .inputs = 3, .outputs = 1, .flags = WG_CAN_FAIL, .blocked_inputs = 1 << 1 | 1 << 2,
    .attributes = attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer,
    .forward = WG_FORWARD(roi_align), .backward = backward, .units = units, .workspace = workspace, .cost = cost,
    .samples = samples};

const wg_op wg_op_roi_align_gather = {
    .name = "roi_align_gather", .formula = "y[r, c, i, j] = w_t v[batch[r], c, p_t], t the tap that wins in x",
    .shapes = "v [N, C, H, W], boxes [B, 4], batch [B], x [N, C, H, W] -> y [B, C, H', W']",
    .gradient = "dv[batch[r], c, p_t] += w_t dy[r, c, i, j], t the tap that wins in x",
    .inputs = 4, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1 | 1 << 2, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer,
    .forward = WG_FORWARD(roi_align_gather), .backward = backward_of_gather, .units = units, .workspace = workspace,
    .cost = cost, .samples = samples_of_gather};

const wg_op wg_op_roi_align_grad = {
    .name = "roi_align_grad", .formula = "dx[batch[r], c, p_t] += w_t dy[r, c, i, j]", .inputs = 3, .inputs_max = 4,
    .shapes = "dy [B, C, H', W'], boxes [B, 4], batch [B], x [N, C, H, W]? -> dx [N, C, H, W]",
    .gradient = "ddy[r, c, i, j] = w_t ddx[batch[r], c, p_t], as roi_align's y of ddx",
    .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1 | 1 << 2, .linear_in = 1,
    .attributes = grad_attributes, .attributes_size = sizeof(roi_align_attributes), .infer = infer_grad,
    .forward = WG_FORWARD(roi_align_grad), .backward = backward_of_grad, .units = units_of_grad,
    .workspace = workspace_of_grad, .cost = cost, .samples = samples_of_grad};

wg_var (wg_roi_align)(wg_var x, wg_var boxes, wg_var batch, const wg_shape *extents,
                      const wg_roi_align_options *options) {
    WG_READ_OPTIONS(wg_roi_align_options, given, options);
    roi_align_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.output[0] = chosen.output[1] = 1;
    chosen.sampling_ratio = given.sampling_ratio;
    chosen.spatial_scale = wg_read_number(given.spatial_scale, 1);
    chosen.aligned = given.aligned;
    chosen.maximum = given.maximum;
    if (!wg_read_extents(x.tape, "roi_align", extents, 2, chosen.output)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_roi_align, &chosen, x, boxes, batch);
}
#endif
