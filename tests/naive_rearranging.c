/* naive_rearranging — ops that say for each element of y where in x it stands. All are exact, but for sums.
 */
#include "naive.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* x's elements in their order under another shape. */
static void under(naive_call *call, wg_type type) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, x->value[i]);
}

static bool is_listed(const wg_axes *axes, int axis, int rank) {
    for (int i = 0; i <= WG_MAX_RANK && axes->axis[i] != INT_MIN; i++)
        if (naive_axis(axes->axis[i], rank) == axis) return true;
    return false;
}

static void squeeze(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const wg_axes *axes = naive_axes(call, "axes");
    wg_type type = {.dtype = x->dtype};
    for (int i = 0; i < x->rank; i++) {
        const bool gone = axes->axis[0] == INT_MIN ? x->extent[i] == 1 : is_listed(axes, i, x->rank);
        if (!gone) type.extent[type.rank++] = x->extent[i];
    }
    under(call, type);
}

static void unsqueeze(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const wg_axes *axes = naive_axes(call, "axes");
    wg_type type = {.dtype = x->dtype, .rank = x->rank};
    for (int i = 0; axes->axis[i] != INT_MIN; i++) type.rank++;
    for (int i = 0, from = 0; i < type.rank; i++)
        type.extent[i] = is_listed(axes, i, type.rank) ? 1 : x->extent[from++];
    under(call, type);
}

static void flatten(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const int rank = x->rank ? x->rank : 1;
    const int first = naive_axis(naive_int(call, "first_axis", 0), rank);
    const int last = naive_axis(naive_int(call, "last_axis", 0), rank);
    wg_type type = {.dtype = x->dtype};
    for (int i = 0; i < first; i++) type.extent[type.rank++] = x->extent[i];
    type.extent[type.rank++] = 1;
    for (int i = first; i <= last && i < x->rank; i++) type.extent[first] *= x->extent[i];
    for (int i = last + 1; i < x->rank; i++) type.extent[type.rank++] = x->extent[i];
    under(call, type);
}

static void stack(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    wg_type type = {.dtype = x->dtype, .rank = x->rank + 1};
    const int axis = naive_axis(naive_int(call, "axis", 0), type.rank);
    for (int i = 0; i < type.rank; i++)
        type.extent[i] = i == axis ? call->input_count : x->extent[i - (i > axis)];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK] = {0};
        for (int k = 0; k < x->rank; k++) at[k] = i.at[k + (k >= axis)];
        naive_set(y, i.number, call->inputs[i.at[axis]].value[naive_at(x, at)]);
    }
}

static void flip(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_axes *axes = naive_axes(call, "axes");
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        for (int k = 0; k < x->type.rank; k++) {
            const bool turned = axes->axis[0] == INT_MIN || is_listed(axes, k, x->type.rank);
            at[k] = turned ? x->type.extent[k] - 1 - i.at[k] : i.at[k];
        }
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

static void tile(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_type *repeats = naive_shape(call, "repeats");
    wg_type type = {.dtype = x->type.dtype,
                    .rank = repeats->rank > x->type.rank ? repeats->rank : x->type.rank};
    const int new_axes = type.rank - x->type.rank, once = type.rank - repeats->rank;
    for (int i = 0; i < type.rank; i++)
        type.extent[i] =
            (i < new_axes ? 1 : x->type.extent[i - new_axes]) * (i < once ? 1 : repeats->extent[i - once]);
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK] = {0};
        for (int k = 0; k < x->type.rank; k++) at[k] = i.at[k + new_axes] % x->type.extent[k];
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

static void repeat_interleave(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    wg_type type = x->type;
    type.extent[axis] *= naive_int(call, "repeats", 0);
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        at[axis] /= naive_int(call, "repeats", 0);
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

/* --- Outside x ---------------------------------------------------------------------------------------- */

/* The place among 0 … count-1 that place t, maybe outside, reads, found by walking; -1: none. */
static int64_t folded(int64_t t, int64_t count, int mode) {
    int64_t at = 0, direction = 1;
    if (t >= 0 && t < count) return t;
    if (mode == 0) return -1;
    if (mode == 2) return t < 0 ? 0 : count - 1;
    if (count == 1) return 0;
    for (int64_t steps = t < 0 ? -t : t; steps > 0; steps--) { /* from 0, towards t */
        if (mode == 3) {
            at = t < 0 ? (at ? at - 1 : count - 1) : at + 1 == count ? 0 : at + 1;
        } else {
            if (at + direction < 0 || at + direction == count) direction = -direction;
            at += direction;
        }
    }
    return at; /* mirrored at 0, a walk to the left looks like one to the right */
}

static naive_real as_dtype(naive_real value, wg_dtype dtype) {
    switch (dtype) {
    case WG_U8:
        return value < 0 ? 0 : value > 255 ? 255 : (naive_real)(int64_t)value;
    case WG_BOOL:
        return value != 0;
    case WG_F32:
        return (float)value;
    case WG_F64:
        return value;
    default:
        return (naive_real)(int64_t)value;
    }
}

/* The number in x that index `at` of the padded type reads; -1: none. */
static int64_t index_mapped(const wg_type *x, const int64_t *at, int64_t (*axes)[3], int mode) {
    int64_t from[WG_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        const int64_t shift = axes[i][0], base = axes[i][1], count = axes[i][2];
        const int64_t place = folded(at[i] - shift, count, mode);
        if (place < 0) return -1;
        from[i] = base + place;
    }
    return naive_at(x, from);
}

/* The result, of this type: elements of x, and the value outside. */
static void map_indices(naive_call *call, wg_type type, int64_t axes[][3]) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const int64_t at = index_mapped(&x->type, i.at, axes, (int)naive_int(call, "mode", 0));
        naive_set(y, i.number, at < 0 ? as_dtype(naive_number(call, "value"), type.dtype) : x->value[at]);
    }
}

static void index_map(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    int64_t axes[WG_MAX_RANK][3];
    for (int i = 0; i < x->type.rank; i++) {
        axes[i][0] = naive_int(call, "shift", i);
        axes[i][1] = naive_int(call, "base", i);
        axes[i][2] = naive_int(call, "period", i);
    }
    wg_type type = *naive_shape(call, "shape");
    type.dtype = x->type.dtype;
    map_indices(call, type, axes);
}

static void index_map_grad(naive_call *call) {
    const naive_array *dy = &call->inputs[0];
    wg_type type = *naive_shape(call, "x_shape");
    type.dtype = dy->type.dtype;
    int64_t axes[WG_MAX_RANK][3];
    for (int i = 0; i < type.rank; i++) {
        axes[i][0] = naive_int(call, "shift", i);
        axes[i][1] = naive_int(call, "base", i);
        axes[i][2] = naive_int(call, "period", i);
    }
    naive_array *dx = naive_output(call, 0, type);
    int64_t *terms = calloc((size_t)dx->count + 1, sizeof *terms);
    ck_assert_ptr_nonnull(terms);
    call->roundings = 0;
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const int64_t at = index_mapped(&type, i.at, axes, (int)naive_int(call, "mode", 0));
        if (at < 0) continue;
        naive_add(dx, at, dy->value[i.number]);
        naive_count_term(call, terms, at);
    }
    free(terms);
}

static void pad(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_type *before = naive_shape(call, "before"), *after = naive_shape(call, "after");
    wg_type type = x->type;
    int64_t axes[WG_MAX_RANK][3];
    for (int i = 0; i < type.rank; i++) {
        const int64_t front = before->extent[i], back = after->extent[i];
        axes[i][0] = front > 0 ? front : 0;
        axes[i][1] = front < 0 ? -front : 0;
        axes[i][2] = type.extent[i] - axes[i][1] - (back < 0 ? -back : 0);
        type.extent[i] += front + back;
    }
    map_indices(call, type, axes);
}

static void roll(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_axes *axes = naive_axes(call, "axes");
    const int64_t *shifts = naive_shape(call, "shifts")->extent;
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) { /* where x's element goes */
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        for (int k = 0; axes->axis[k] != INT_MIN; k++) {
            const int axis = naive_axis(axes->axis[k], x->type.rank);
            const int64_t extent = x->type.extent[axis];
            at[axis] = (at[axis] + shifts[k] % extent + extent) % extent;
        }
        const bool flat = axes->axis[0] == INT_MIN;
        const int64_t to =
            flat ? (i.number + shifts[0] % x->count + x->count) % x->count : naive_at(&x->type, at);
        naive_set(y, to, x->value[i.number]);
    }
}

/* --- Blocks of pixels, diagonals, masks ------------------------------------------------------------------
 */

/* Walks all pixels of the image of fewer channels, and says where each stands in the one of more. */
static void blocks(naive_call *call, int64_t b, bool crd, bool to_space) {
    const naive_array *x = &call->inputs[0];
    wg_type type = x->type;
    const int c = type.rank - 3;
    type.extent[c] = to_space ? type.extent[c] / (b * b) : type.extent[c] * b * b;
    for (int i = 1; i < 3; i++)
        type.extent[c + i] = to_space ? type.extent[c + i] * b : type.extent[c + i] / b;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    const wg_type *image = to_space ? &y->type : &x->type, *deep = to_space ? &x->type : &y->type;
    for (naive_index i = naive_first(image); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        const int64_t u = i.at[c + 1] % b, v = i.at[c + 2] % b;
        at[c] = crd ? (i.at[c] * b + u) * b + v : (u * b + v) * image->extent[c] + i.at[c];
        at[c + 1] /= b;
        at[c + 2] /= b;
        const int64_t there = naive_at(deep, at);
        naive_set(y, to_space ? i.number : there, x->value[to_space ? there : i.number]);
    }
}

static void depth_to_space(naive_call *call) {
    blocks(call, naive_int(call, "block", 0), naive_int(call, "mode", 0) == 1, true);
}
static void space_to_depth(naive_call *call) {
    blocks(call, naive_int(call, "block", 0), naive_int(call, "mode", 0) == 1, false);
}
static void pixel_shuffle(naive_call *call) { blocks(call, naive_int(call, "factor", 0), true, true); }
static void pixel_unshuffle(naive_call *call) { blocks(call, naive_int(call, "factor", 0), true, false); }

/* The elements with column - row = offset, in order, or their sums. */
static void along_diagonal(naive_call *call, int rows, int columns, int64_t offset, bool summed) {
    const naive_array *x = &call->inputs[0];
    wg_type type = {.dtype = x->type.dtype};
    int kept[WG_MAX_RANK];
    int64_t length = 0;
    for (int i = 0; i < x->type.rank; i++)
        if (i != rows && i != columns) kept[type.rank] = i, type.extent[type.rank++] = x->type.extent[i];
    for (int64_t r = 0; r < x->type.extent[rows]; r++)
        for (int64_t c = 0; c < x->type.extent[columns]; c++) length += c - r == offset;
    const int last = type.rank;
    if (!summed) type.extent[type.rank++] = length;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = summed ? (naive_real)length : 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        if (i.at[columns] - i.at[rows] != offset) continue;
        for (int k = 0; k < last; k++) at[k] = i.at[kept[k]];
        if (!summed) at[last] = i.at[offset < 0 ? columns : rows];
        naive_add(y, naive_at(&type, at), x->value[i.number]);
    }
}

static void diagonal_or_trace(naive_call *call, bool summed) {
    const int rank = call->inputs[0].type.rank;
    along_diagonal(call, naive_axis(naive_int(call, "axis1", 0), rank),
                   naive_axis(naive_int(call, "axis2", 0), rank), naive_int(call, "offset", 0), summed);
}
static void diagonal(naive_call *call) { diagonal_or_trace(call, false); }
static void trace(naive_call *call) { diagonal_or_trace(call, true); }

static void diag(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int64_t k = naive_int(call, "k", 0), n = x->count + (k < 0 ? -k : k);
    if (x->type.rank == 2) {
        along_diagonal(call, 0, 1, k, false);
        return;
    }
    naive_array *y = naive_output(call, 0, (wg_type){.dtype = x->type.dtype, .rank = 2, .extent = {n, n}});
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i))
        if (i.at[1] - i.at[0] == k) naive_set(y, i.number, x->value[k < 0 ? i.at[1] : i.at[0]]);
}

static void triangle(naive_call *call, int sign) {
    const naive_array *x = &call->inputs[0];
    const int64_t k = naive_int(call, "k", 0);
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t above = i.at[x->type.rank - 1] - i.at[x->type.rank - 2];
        if (sign < 0 ? above <= k : above >= k) naive_set(y, i.number, x->value[i.number]);
    }
}
static void tril(naive_call *call) { triangle(call, -1); }
static void triu(naive_call *call) { triangle(call, 1); }

static void masked_fill(naive_call *call) {
    const naive_array *x = &call->inputs[0], *mask = &call->inputs[1];
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const bool masked = mask->value[naive_broadcast_at(mask, i.at, x->type.rank)] != 0;
        naive_set(y, i.number,
                  masked ? as_dtype(naive_number(call, "value"), x->type.dtype) : x->value[i.number]);
    }
}

static void index_select(naive_call *call) {
    const naive_array *x = &call->inputs[0], *index = &call->inputs[1];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    wg_type type = x->type;
    type.extent[axis] = index->count;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        at[axis] = (int64_t)index->value[i.at[axis]];
        if (at[axis] < 0) at[axis] += x->type.extent[axis];
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

/* --- Windows ----------------------------------------------------------------------------------------------
 */

/* For an index of columns […, (c kh + u) kw + v, i W' + j]: the pixel of an image it stands for, -1: padding.
 */
static int64_t pixel_of(naive_call *call, const wg_type *image, const int64_t *at) {
    const int c = image->rank - 3;
    const int64_t kernel[2] = {naive_int(call, "kernel", 0), naive_int(call, "kernel", 1)};
    const int64_t width = (image->extent[c + 2] + 2 * naive_int(call, "padding", 1) -
                           naive_int(call, "dilation", 1) * (kernel[1] - 1) - 1) /
                              naive_int(call, "stride", 1) +
                          1;
    const int64_t tap[2] = {at[c] / kernel[1] % kernel[0], at[c] % kernel[1]};
    const int64_t window[2] = {at[c + 1] / width, at[c + 1] % width};
    int64_t from[WG_MAX_RANK];
    for (int i = 0; i < c; i++) from[i] = at[i];
    from[c] = at[c] / (kernel[0] * kernel[1]);
    for (int i = 0; i < 2; i++) {
        from[c + 1 + i] = window[i] * naive_int(call, "stride", i) + tap[i] * naive_int(call, "dilation", i) -
                          naive_int(call, "padding", i);
        if (from[c + 1 + i] < 0 || from[c + 1 + i] >= image->extent[c + 1 + i]) return -1;
    }
    return naive_at(image, from);
}

static void unfold(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    wg_type type = x->type;
    int64_t windows = 1, taps = 1;
    for (int i = 0; i < 2; i++) {
        const int64_t span = naive_int(call, "dilation", i) * (naive_int(call, "kernel", i) - 1) + 1;
        windows *= (type.extent[type.rank - 2 + i] + 2 * naive_int(call, "padding", i) - span) /
                       naive_int(call, "stride", i) +
                   1;
        taps *= naive_int(call, "kernel", i);
    }
    type.extent[type.rank - 3] *= taps;
    type.extent[type.rank - 2] = windows;
    type.rank--;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        const int64_t pixel = pixel_of(call, &x->type, i.at);
        if (pixel >= 0) naive_set(y, i.number, x->value[pixel]);
    }
}

static void fold(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int64_t taps = naive_int(call, "kernel", 0) * naive_int(call, "kernel", 1);
    wg_type type = x->type;
    type.extent[type.rank - 2] /= taps;
    type.extent[type.rank - 1] = naive_int(call, "size", 0);
    type.extent[type.rank++] = naive_int(call, "size", 1);
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)taps;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t pixel = pixel_of(call, &type, i.at);
        if (pixel >= 0) naive_add(y, pixel, x->value[i.number]);
    }
}

const naive_entry naive_rearranging[] = {
    {"squeeze", squeeze},
    {"unsqueeze", unsqueeze},
    {"flatten", flatten},
    {"stack", stack},
    {"flip", flip},
    {"tile", tile},
    {"repeat_interleave", repeat_interleave},
    {"index_map", index_map},
    {"index_map_grad", index_map_grad},
    {"pad", pad},
    {"roll", roll},
    {"depth_to_space", depth_to_space},
    {"space_to_depth", space_to_depth},
    {"pixel_shuffle", pixel_shuffle},
    {"pixel_unshuffle", pixel_unshuffle},
    {"diagonal", diagonal},
    {"trace", trace},
    {"diag", diag},
    {"tril", tril},
    {"triu", triu},
    {"masked_fill", masked_fill},
    {"index_select", index_select},
    {"unfold", unfold},
    {"fold", fold},
    {NULL, NULL},
};
