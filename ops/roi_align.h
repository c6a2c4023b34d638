/* roi_align.h — what roi_align and its gradient share: which taps of an image go into a window of a
 * box, attributes, shapes, samples. The mathematics stands in roi_align.c. */
#ifndef WG_OPS_ROI_ALIGN_H
#define WG_OPS_ROI_ALIGN_H

#include "op.h"

typedef struct roi_align_attributes {
    int64_t output[2], sampling_ratio, size[3];
    double spatial_scale;
    bool aligned, maximum;
} roi_align_attributes;

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

static inline double ceil_of(double x) {
    const double whole = (double)(int64_t)x;
    return whole < x ? whole + 1 : whole;
}

/* Of a mean, taps of one pixel are one: the pixels of samples do not turn back. */
static inline void add_tap(axis_taps *axis, bool joined, int64_t index, double weight) {
    for (int64_t i = axis->count; joined && i-- > 0 && i > axis->count - 3;)
        if (axis->taps[i].index == index) {
            axis->taps[i].weight += (real)weight;
            return;
        }
    axis->taps[axis->count++] = (tap){index, (real)weight};
}

static inline double corner(const roi_align_attributes *a, real given) {
    const double x = (double)given * a->spatial_scale - (a->aligned ? 0.5 : 0);
    return x > 0x1p30 ? 0x1p30 : x < -0x1p30 ? -0x1p30 : x;
}

/* The taps of window number `window` along an axis, between the corners `from` and `to`. */
static inline void find_taps(const roi_align_attributes *a, int64_t extent, int64_t windows, double from, double to,
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
static inline int64_t winner(const axis_taps *rows, const axis_taps *columns, int64_t width, const real *x, real *weight) {
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

static inline pooling pooling_of(const wg_call *call, const wg_type *image) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    tap *taps = call->workspace;
    const int64_t *extent = image->extent;
    return (pooling){a, extent, extent[2] * extent[3], a->output[0] * a->output[1], {.taps = taps},
                     {.taps = taps + most_taps(a, extent[2])}};
}

/* The image that box r is in; -1 with a failure of the run if there is none. */
static inline int64_t image_of(const wg_call *call, int64_t r, int64_t images) {
    const wg_operand *batch = &call->inputs[2];
    const int64_t n = batch->type.dtype == WG_I32 ? ((const int32_t *)batch->data)[r] : ((const int64_t *)batch->data)[r];
    if (n >= 0 && n < images) return n;
    wg_call_fail(call, WG_ERROR_INDEX, "batch index %lld of box %lld is out of range: there are %lld images",
                 (long long)n, (long long)r, (long long)images);
    return -1;
}

/* The taps of a window; false where the box is no number. */
static inline bool look_at(pooling *p, const real *given, int64_t window) {
    double at[4];
    bool good = true;
    for (int i = 0; i < 4; i++) at[i] = corner(p->a, given[i]), good = good && at[i] == at[i];
    if (!good) return false;
    find_taps(p->a, p->extent[2], p->a->output[0], at[1], at[3], window / p->a->output[1], &p->rows);
    find_taps(p->a, p->extent[3], p->a->output[1], at[0], at[2], window % p->a->output[1], &p->columns);
    return true;
}

static inline real samples_of(const pooling *p) {
    const double samples = p->rows.samples * p->columns.samples;
    return (real)(samples > 1 ? samples : 1);
}

#endif

#ifdef WG_RULES

#define ROI_ALIGN_WHOLE(member, many, least, most, otherwise, text)                                         \
    WG_ATTRIBUTE(roi_align_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = many, .bounded = true,    \
                 .low = least, .high = most, .preset = otherwise, .meaning = text)
#define ROI_ALIGN_ATTRIBUTES                                                                                \
    ROI_ALIGN_WHOLE(output, 2, 1, INT32_MAX, 1, "windows of a box: rows, columns"),                         \
        ROI_ALIGN_WHOLE(sampling_ratio, 1, 0, 4096, 0, "samples of a window each way; 0: a pixel or less apart"), \
        WG_ATTRIBUTE(roi_align_attributes, spatial_scale, .kind = WG_ATTRIBUTE_REAL, .bounded = true,       \
                     .high = 0x1p30, .preset = 1, .meaning = "pixels of the image by units of boxes"),      \
        WG_ATTRIBUTE(roi_align_attributes, aligned, .kind = WG_ATTRIBUTE_BOOL,                              \
                     .meaning = "boxes are moved by half a pixel: places are the edges of pixels"),         \
        WG_ATTRIBUTE(roi_align_attributes, maximum, .kind = WG_ATTRIBUTE_BOOL,                              \
                     .meaning = "the largest tap instead of the mean of samples")

/* What is pooled, boxes, batch indices, and what says which tap wins. */
static inline int roi_align_infer(wg_infer *infer) {
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

static inline size_t roi_align_scratch(const wg_call *call, const wg_type *image) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    return sizeof(tap) * (size_t)(most_taps(a, image->extent[2]) + most_taps(a, image->extent[3]));
}

static inline wg_cost roi_align_cost(const wg_call *call) {
    const roi_align_attributes *a = WG_ATTRIBUTES(call, roi_align);
    const bool back = call->op == &wg_op_roi_align_grad;
    const double side = a->sampling_ratio ? (double)a->sampling_ratio : 2; /* the boxes are not known */
    return (wg_cost){8 * side * side * (double)wg_type_count(back ? &call->inputs[0].type : &call->outputs[0].type),
                     wg_call_bytes(call)};
}

/* Boxes of 0 … 5 pixels before the scale; which corner is first is left to chance, as no op asks. */
static inline void roi_align_sample(wg_sampler *s, bool pooled, bool fourth) {
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

#endif
#endif
