/* non_max_suppression — of boxes that overlap, those of the best scores; ONNX NonMaxSuppression
 *
 * For each image n and class c the boxes are gone through from the best score on, of equal scores the one of lower
 * index first; a box is selected unless one selected before it, u, has
 *
 *     |u ∩ v| / |u ∪ v| > iou_threshold
 *
 * up to max_boxes_per_class of them. Taking part are scores above score_threshold, or all where that is -infinity;
 * never NaN. Output 0 holds a row (n, c, box) for each, in this order, and rows of -1 behind them, for shapes do not
 * depend on numbers; output 1 says how many there are. Areas are made in f64, and compared without a division: boxes
 * without area overlap nothing. No gradient: indices are constant between jumps. */
#include "order.h"

typedef struct {
    int64_t max_boxes_per_class;
    double iou_threshold, score_threshold;
    bool center_point_box;
} non_max_suppression_attributes;

#if WG_IS_REAL
typedef struct {
    double low[2], high[2];
} box;

/* Two corners, in any order, y before x; or, x first, the middle and extents. */
static box box_at(const real *given, bool centered) {
    const double a[] = {(double)given[0], (double)given[1], (double)given[2], (double)given[3]};
    box b;
    for (int i = 0; i < 2; i++) {
        const double from = centered ? a[i] - a[2 + i] / 2 : a[i], to = centered ? a[i] + a[2 + i] / 2 : a[2 + i];
        b.low[i] = from < to ? from : to;
        b.high[i] = from < to ? to : from;
    }
    return b;
}

static double area(const box *b) { return (b->high[0] - b->low[0]) * (b->high[1] - b->low[1]); }

static bool overlap(const box *a, const box *b, double threshold) {
    double shared = 1;
    for (int i = 0; i < 2; i++) {
        const double low = a->low[i] > b->low[i] ? a->low[i] : b->low[i];
        const double high = a->high[i] < b->high[i] ? a->high[i] : b->high[i];
        if (!(high > low)) return false;
        shared *= high - low;
    }
    return shared > threshold * (area(a) + area(b) - shared);
}

static void forward(const wg_call *call) {
    const non_max_suppression_attributes *a = WG_ATTRIBUTES(call, non_max_suppression);
    const int64_t *extent = call->inputs[1].type.extent, classes = extent[1], n = extent[2];
    const int64_t rows = call->outputs[0].type.extent[0];
    const bool all = a->score_threshold == -__builtin_inf();
    int64_t *selected = WG_OUT(call, 0, int64_t), count = 0;
    order_pair *pairs = call->workspace;
    for (int64_t row = 0; row < extent[0] * classes; row++) {
        const real *scores = WG_IN(call, 1, real) + row * n, *boxes = WG_IN(call, 0, real) + row / classes * n * 4;
        const int64_t first = count, most = count + a->max_boxes_per_class;
        order_read(scores, n, 1, true, pairs);
        const order_pair *best = order_sort(pairs, pairs + n, n);
        for (int64_t i = 0; i < n && count < most; i++) {
            const int64_t at = best[i].place;
            const double score = (double)scores[at];
            if (!(score > a->score_threshold || (all && score == -__builtin_inf()))) continue;
            const box candidate = box_at(boxes + 4 * at, a->center_point_box);
            bool free = true;
            for (int64_t k = first; k < count && free; k++) {
                const box chosen = box_at(boxes + 4 * selected[3 * k + 2], a->center_point_box);
                free = !overlap(&chosen, &candidate, a->iou_threshold);
            }
            if (!free) continue;
            selected[3 * count] = row / classes;
            selected[3 * count + 1] = row % classes;
            selected[3 * count++ + 2] = at;
        }
    }
    *WG_OUT(call, 1, int64_t) = count;
    for (int64_t i = 3 * count; i < 3 * rows; i++) selected[i] = -1;
}
WG_KERNEL(non_max_suppression, forward)
#endif

#ifdef WG_RULES

#define NUMBER(member, ...)                                                                                     \
    WG_ATTRIBUTE(non_max_suppression_attributes, member, .kind = WG_ATTRIBUTE_REAL, .bounded = true, __VA_ARGS__)
static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(non_max_suppression_attributes, max_boxes_per_class, .kind = WG_ATTRIBUTE_INT, .bounded = true,
                 .high = 0x1p62, .meaning = "at most so many for each image and class"),
    NUMBER(iou_threshold, .high = 1, .meaning = "boxes that share more than this part of what they cover overlap"),
    NUMBER(score_threshold, .low = -__builtin_inf(), .high = __builtin_inf(), .preset = -__builtin_inf(),
           .meaning = "only boxes of higher scores take part"),
    WG_ATTRIBUTE(non_max_suppression_attributes, center_point_box, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "boxes are x, y of the middle, width, height; else y, x, y, x of two corners"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    non_max_suppression_attributes *a = infer->attributes;
    const wg_type *boxes = &infer->inputs[0], *scores = &infer->inputs[1];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (boxes->rank != 3 || scores->rank != 3 || boxes->extent[2] != 4 || boxes->extent[0] != scores->extent[0] ||
        boxes->extent[1] != scores->extent[2])
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "boxes are %s, scores are %s; they must be [N, boxes, 4] and "
                             "[N, classes, boxes]", wg_infer_shape_text(infer, boxes),
                             wg_infer_shape_text(infer, scores));
    const int64_t n = scores->extent[2];
    int64_t rows;
    if (a->max_boxes_per_class > n) a->max_boxes_per_class = n;
    if (__builtin_mul_overflow(scores->extent[0], scores->extent[1], &rows) ||
        __builtin_mul_overflow(rows, a->max_boxes_per_class, &rows))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "scores are %s; there is no room for so many boxes",
                             wg_infer_shape_text(infer, scores));
    infer->outputs[0] = (wg_type){.dtype = WG_I64, .rank = 2, .extent = {rows, 3}};
    infer->outputs[1] = (wg_type){.dtype = WG_I64};
    return WG_OK;
}

static size_t workspace(const wg_call *call) {
    return 2 * sizeof(order_pair) * (size_t)call->inputs[1].type.extent[2];
}

static wg_cost cost(const wg_call *call) {
    const wg_type *scores = &call->inputs[1].type;
    const double most = (double)WG_ATTRIBUTES(call, non_max_suppression)->max_boxes_per_class;
    return (wg_cost){(double)wg_type_count(scores) * (20 + 8 * most), wg_call_bytes(call)};
}

/* Thresholds are such that f64 knows on which side whole numbers fall. */
static void samples(wg_sampler *s) {
    static const double overlaps[] = {0.5, 0, 0.25, 1, 0.125}, scores[] = {-__builtin_inf(), 0, 1, -0.75, __builtin_inf()};
    static const int64_t boxes[] = {5, 1, 8, 3, 12};
    for (int i = 0; i < 40; i++) {
        non_max_suppression_attributes with;
        memset(&with, 0, sizeof with);
        with.max_boxes_per_class = (int64_t[]){3, 100, 1, 2, 0, 5}[i % 6];
        with.iou_threshold = overlaps[i / 2 % 5];
        with.score_threshold = i % 3 ? scores[i / 3 % 5] : -__builtin_inf();
        with.center_point_box = i % 2;
        const int64_t n = i == 11 ? 0 : i == 38 ? 60 : boxes[i % 5], images = i == 14 ? 0 : 1 + i % 2;
        const int64_t classes = i == 17 ? 0 : 1 + i / 2 % 3;
        WG_SAMPLE(s, &with, {.shape = WG_SHAPE(images, n, 4), .values = i % 4 == 3 ? WG_TIES : WG_NORMAL},
                  {.shape = WG_SHAPE(images, classes, n), .values = i % 4 > 1 ? WG_TIES : WG_NORMAL});
    }
}

const wg_op wg_op_non_max_suppression = {
    .name = "non_max_suppression", .formula = "box v is selected unless |u ∩ v| > iou_threshold |u ∪ v| for a better u",
    .shapes = "boxes [N, B, 4], scores [N, C, B] -> selected [*, 3], count []; as many rows as N C "
              "min(max_boxes_per_class, B)",
    .onnx = "NonMaxSuppression", .torch = "nms", .inputs = 2, .outputs = 2, .flags = WG_BLOCKS,
    .no_gradient = "which boxes are selected is constant between jumps", .attributes = attributes,
    .attributes_size = sizeof(non_max_suppression_attributes), .infer = infer,
    .forward = WG_FORWARD(non_max_suppression), .workspace = workspace, .cost = cost, .samples = samples};

wg_var (wg_non_max_suppression)(wg_var boxes, wg_var scores, int64_t max_boxes_per_class, double iou_threshold,
                                const wg_non_max_suppression_options *options) {
    WG_READ_OPTIONS(wg_non_max_suppression_options, given, options);
    non_max_suppression_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.max_boxes_per_class = max_boxes_per_class;
    chosen.iou_threshold = iou_threshold;
    chosen.score_threshold = wg_read_number(given.score_threshold, -__builtin_inf());
    chosen.center_point_box = given.center_point_box;
    return WG_RECORD(&wg_op_non_max_suppression, &chosen, boxes, scores);
}
#endif
