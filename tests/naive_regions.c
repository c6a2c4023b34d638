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
};
