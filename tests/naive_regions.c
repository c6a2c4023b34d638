/* naive_regions — grids of affine maps, boxes and what lies in them. */
#include "naive_error.h"
#include <math.h>
#include <stdlib.h>

/* Where pixel k of n is. */
static naive_real place(int64_t k, int64_t n, bool align) {
    if (align) return n > 1 ? -1 + 2 * (naive_real)k / (naive_real)(n - 1) : 0;
    return -1 + 2 * ((naive_real)k + 0.5L) / (naive_real)n;
}

static void affine_grid(naive_call *call) {
    const naive_array *theta = &call->inputs[0];
    const int axes = (int)theta->type.extent[1];
    wg_type type = {.dtype = theta->type.dtype, .rank = axes + 2, .extent = {theta->type.extent[0]}};
    for (int i = 0; i < axes; i++) type.extent[1 + i] = naive_int(call, "size", i);
    type.extent[1 + axes] = axes;
    naive_array *grid = naive_output(call, 0, type);
    call->roundings = 12;
    for (naive_index o = naive_first(&type); o.more; naive_next(&o))
        for (int64_t k = 0; k <= axes; k++) {
            const int axis = axes - 1 - (int)k; /* of the image: column 0 is x, its last */
            const naive_real at =
                k == axes ? 1
                          : place(o.at[1 + axis], type.extent[1 + axis], naive_bool(call, "align_corners"));
            const int64_t entry[] = {o.at[0], o.at[1 + axes], k};
            naive_add(grid, o.number, theta->value[naive_at(&theta->type, entry)] * at);
        }
}

/* --- non_max_suppression ------------------------------------------------------------------------ */

/* Corner `side` (0: low, 1: high) of a box along axis `i`: y, x. */
static naive_real side_of(const naive_call *call, int64_t n, int64_t at, int i, int side) {
    const naive_array *boxes = &call->inputs[0];
    naive_real a[4];
    for (int64_t k = 0; k < 4; k++) a[k] = boxes->value[naive_at(&boxes->type, (int64_t[]){n, at, k})];
    if (naive_bool(call, "center_point_box")) return a[i] + (side ? 1 : -1) * fabsl(a[2 + i]) / 2;
    return side ? fmaxl(a[i], a[2 + i]) : fminl(a[i], a[2 + i]);
}

static naive_real overlap(const naive_call *call, int64_t n, int64_t u, int64_t v) {
    naive_real both = 1, first = 1, second = 1;
    for (int i = 0; i < 2; i++) {
        const naive_real low = fmaxl(side_of(call, n, u, i, 0), side_of(call, n, v, i, 0));
        const naive_real high = fminl(side_of(call, n, u, i, 1), side_of(call, n, v, i, 1));
        both *= fmaxl(high - low, 0);
        first *= side_of(call, n, u, i, 1) - side_of(call, n, u, i, 0);
        second *= side_of(call, n, v, i, 1) - side_of(call, n, v, i, 0);
    }
    return both > 0 ? both / (first + second - both) : 0;
}

/* Marks one box after the other: the best of those left, which then takes those that it overlaps with it. */
static void non_max_suppression(naive_call *call) {
    const naive_array *scores = &call->inputs[1];
    const int64_t images = scores->type.extent[0], classes = scores->type.extent[1],
                  n = scores->type.extent[2];
    int64_t most = naive_int(call, "max_boxes_per_class", 0), count = 0;
    const double threshold = naive_double(call, "score_threshold", 0);
    if (most > n) most = n;
    naive_array *y =
        naive_output(call, 0, (wg_type){.dtype = WG_I64, .rank = 2, .extent = {images * classes * most, 3}});
    naive_array *rows = naive_output(call, 1, (wg_type){.dtype = WG_I64});
    bool *left = calloc((size_t)n + 1, sizeof *left);
    for (int64_t i = 0; i < y->count; i++) y->value[i] = -1;
    for (int64_t row = 0; row < images * classes; row++) {
        const naive_real *score = scores->value + row * n;
        for (int64_t i = 0; i < n; i++) left[i] = score[i] > threshold || threshold == -(double)INFINITY;
        for (int64_t picked = 0; picked < most; picked++) {
            int64_t best = -1;
            for (int64_t i = n; i-- > 0;)
                if (left[i] && (best < 0 || score[i] >= score[best])) best = i;
            if (best < 0) break;
            left[best] = false;
            for (int64_t i = 0; i < n; i++)
                if (overlap(call, row / classes, best, i) > naive_number(call, "iou_threshold"))
                    left[i] = false;
            y->value[3 * count] = (naive_real)(row / classes);
            y->value[3 * count + 1] = (naive_real)(row % classes);
            y->value[3 * count++ + 2] = (naive_real)best;
        }
    }
    rows->value[0] = (naive_real)count;
    free(left);
}

/* --- roi_align ---------------------------------------------------------------------------------- */

typedef struct {
    int64_t low, high;
    naive_real at, weight[2]; /* of low and high; 0 outside */
} sample_place;

/* Samples of a window along axis `axis` (0: rows) of box r. */
static int64_t samples_of(const naive_call *call, int64_t r, int axis, int64_t window, naive_real *start,
                          naive_real *step) {
    const naive_real *box = call->inputs[1].value + 4 * r, scale = naive_number(call, "spatial_scale");
    const bool aligned = naive_bool(call, "aligned");
    const naive_real from = box[1 - axis] * scale - (aligned ? 0.5L : 0);
    const naive_real to = box[3 - axis] * scale - (aligned ? 0.5L : 0);
    const naive_real wide =
        (aligned ? to - from : fmaxl(to - from, 1)) / (naive_real)naive_int(call, "output", axis);
    const int64_t ratio = naive_int(call, "sampling_ratio", 0),
                  many = ratio ? ratio : (int64_t)fmaxl(ceill(wide), 0);
    *start = from + (naive_real)window * wide;
    *step = many ? wide / (naive_real)many : 0;
    return many;
}

static sample_place look(naive_real at, int64_t extent) {
    sample_place s = {.at = at};
    if (at < -1 || at > (naive_real)extent) return s;
    const naive_real inside = fminl(fmaxl(at, 0), (naive_real)(extent - 1));
    s.low = (int64_t)floorl(inside);
    s.high = s.low + 1 < extent ? s.low + 1 : s.low;
    s.weight[1] = inside - (naive_real)s.low;
    s.weight[0] = 1 - s.weight[1];
    return s;
}

/* One window of one channel: what pixels of v count for how much, in `part`, all zeros before; `size` bounds
 * what is rounded. x says what the largest is. */
static void weigh(const naive_call *call, int64_t r, const int64_t *window, const int64_t *extent,
                  const naive_real *x, naive_real *part, naive_real *size) {
    naive_real start[2], step[2], most = -INFINITY, winning = 0;
    int64_t winner = 0;
    const int64_t rows = samples_of(call, r, 0, window[0], &start[0], &step[0]);
    const int64_t columns = samples_of(call, r, 1, window[1], &start[1], &step[1]);
    const bool maximum = naive_bool(call, "maximum");
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const sample_place v = look(start[0] + ((naive_real)i + 0.5L) * step[0], extent[0]);
            const sample_place h = look(start[1] + ((naive_real)j + 0.5L) * step[1], extent[1]);
            const naive_real share = maximum ? 1 : 1 / (naive_real)(rows * columns);
            for (int k = 0; k < 4; k++) {
                const int64_t at = (k / 2 ? v.high : v.low) * extent[1] + (k % 2 ? h.high : h.low);
                const naive_real weight = v.weight[k / 2] * h.weight[k % 2];
                size[at] += share * (4 + fabsl(v.at) + fabsl(h.at));
                if (!maximum) part[at] += weight * share;
                if (maximum && weight * x[at] > most) most = weight * x[at], winner = at, winning = weight;
            }
        }
    if (maximum && rows * columns > 0) part[winner] = winning;
}

/* Forth (x and v to y) or back (dy to dx). */
static void each_window(naive_call *call, bool back) {
    const int64_t *in = call->inputs[0].type.extent, boxes = call->inputs[1].type.extent[0], c_count = in[1];
    const int64_t output[] = {naive_int(call, "output", 0), naive_int(call, "output", 1)};
    const int64_t images = back ? naive_int(call, "size", 0) : in[0];
    const int64_t extent[] = {back ? naive_int(call, "size", 1) : in[2],
                              back ? naive_int(call, "size", 2) : in[3]};
    const int64_t pixels = extent[0] * extent[1], windows = output[0] * output[1];
    const wg_dtype dtype = call->inputs[0].type.dtype;
    naive_array *to = naive_output(
        call, 0,
        back ? (wg_type){.dtype = dtype, .rank = 4, .extent = {images, c_count, extent[0], extent[1]}}
             : (wg_type){.dtype = dtype, .rank = 4, .extent = {boxes, c_count, output[0], output[1]}});
    const naive_real *x = call->inputs[call->input_count > 3 ? 3 : 0].value, *from = call->inputs[0].value;
    naive_real *part = calloc((size_t)pixels + 1, sizeof *part),
               *size = calloc((size_t)pixels + 1, sizeof *size);
    call->roundings = 40;
    for (int64_t place = 0; place < boxes * c_count * windows; place++) {
        const int64_t r = place / windows / c_count, c = place / windows % c_count, w = place % windows;
        const int64_t plane = ((int64_t)call->inputs[2].value[r] * c_count + c) * pixels;
        for (int64_t k = 0; k < pixels; k++) part[k] = size[k] = 0;
        weigh(call, r, (int64_t[]){w / output[1], w % output[1]}, extent, x + plane, part, size);
        for (int64_t k = 0; k < pixels; k++) {
            const int64_t at = back ? plane + k : place;
            const naive_real value = from[back ? place : plane + k];
            to->value[at] += part[k] * value;
            to->size[at] += size[k] * fabsl(value);
        }
    }
    free(part);
    free(size);
}
static void roi_align(naive_call *call) { each_window(call, false); }
static void roi_align_grad(naive_call *call) { each_window(call, true); }

/* Nothing is said unless all inputs are exact. */
void naive_error_all_or_nothing(propagation *p) {
    bool known = true;
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int out = 0; out < p->call->op->outputs; out++)
        for (int64_t i = 0; !known && i < p->outputs[out]->count; i++) p->outputs[out]->error[i] = INFINITY;
}

const naive_entry naive_regions[] = {
    {"affine_grid", affine_grid},    {"non_max_suppression", non_max_suppression}, {"roi_align", roi_align},
    {"roi_align_gather", roi_align}, {"roi_align_grad", roi_align_grad},           {NULL, NULL},
};
