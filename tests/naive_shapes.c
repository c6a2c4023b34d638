/* naive_shapes — ops that move numbers about. All are exact but the sums of gather_grad. */
#include "naive.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static wg_type of_dtype(const wg_type *shape, wg_dtype dtype) {
    wg_type type = *shape;
    type.dtype = dtype;
    return type;
}

static void reshape(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    wg_type type = of_dtype(naive_shape(call, "shape"), x->type.dtype);
    int64_t known = 1;
    for (int axis = 0; axis < type.rank; axis++) known *= type.extent[axis] == -1 ? 1 : type.extent[axis];
    for (int axis = 0; axis < type.rank; axis++)
        if (type.extent[axis] == -1) type.extent[axis] = x->count / known;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, x->value[i]);
}

static void transpose(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const wg_axes *axes = naive_axes(call, "axes");
    const bool reversed = axes->axis[0] == INT_MIN;
    wg_type type = x->type;
    int from[WG_MAX_RANK];
    for (int axis = 0; axis < type.rank; axis++) {
        from[axis] = reversed ? type.rank - 1 - axis : naive_axis(axes->axis[axis], type.rank);
        type.extent[axis] = x->type.extent[from[axis]];
    }
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK] = {0};
        for (int axis = 0; axis < type.rank; axis++) at[from[axis]] = i.at[axis];
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

static void broadcast_to(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, of_dtype(naive_shape(call, "shape"), x->type.dtype));
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i))
        naive_set(y, i.number, x->value[naive_broadcast_at(x, i.at, y->type.rank)]);
}

/* The places that Python's range(*slice(start, stop, step).indices(extent)) lists: how many, and the first.
 */
static int64_t sliced(int64_t extent, int64_t start, int64_t stop, int64_t step, int64_t *first) {
    const int64_t lowest = step > 0 ? 0 : -1, highest = step > 0 ? extent : extent - 1;
    int64_t bounds[2] = {start, stop};
    for (int i = 0; i < 2; i++) {
        if (bounds[i] < 0) bounds[i] = bounds[i] < -extent ? lowest : bounds[i] + extent;
        if (bounds[i] > highest) bounds[i] = highest;
        if (bounds[i] < lowest) bounds[i] = lowest;
    }
    *first = bounds[0];
    const int64_t distance = step > 0 ? bounds[1] - bounds[0] : bounds[0] - bounds[1];
    int64_t count = 0;
    for (int64_t gone = 0; gone < distance; count++) /* the step may be the longest there is */
        gone = step > distance || step < -distance ? distance : gone + (step > 0 ? step : -step);
    return count;
}

static void slice(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    const int64_t step = naive_int(call, "step", 0);
    int64_t first;
    wg_type type = x->type;
    type.extent[axis] =
        sliced(type.extent[axis], naive_int(call, "start", 0), naive_int(call, "stop", 0), step, &first);
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        at[axis] = first + i.at[axis] * step;
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

static void slice_grad(naive_call *call) {
    const naive_array *y = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), y->type.rank);
    wg_type type = y->type;
    type.extent[axis] = naive_int(call, "extent", 0);
    naive_array *x = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        at[axis] = naive_int(call, "start", 0) + i.at[axis] * naive_int(call, "step", 0);
        naive_set(x, naive_at(&type, at), y->value[i.number]);
    }
}

static void concat(naive_call *call) {
    wg_type type = call->inputs[0].type;
    const int axis = naive_axis(naive_int(call, "axis", 0), type.rank);
    type.extent[axis] = 0;
    for (int k = 0; k < call->input_count; k++) type.extent[axis] += call->inputs[k].type.extent[axis];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    int64_t before = 0;
    for (int k = 0; k < call->input_count; k++) {
        const naive_array *x = &call->inputs[k];
        for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
            int64_t at[WG_MAX_RANK];
            memcpy(at, i.at, sizeof at);
            at[axis] += before;
            naive_set(y, naive_at(&type, at), x->value[i.number]);
        }
        before += x->type.extent[axis];
    }
}

/* For an index of what gather gives: where the row's number stands, and the index of x without it. */
static int64_t row_place(const wg_type *indices, const int64_t *at, int rank, int axis, int64_t *x_at) {
    for (int i = 0; i < axis; i++) x_at[i] = at[i];
    for (int i = axis + indices->rank; i < rank; i++) x_at[i - indices->rank + 1] = at[i];
    return naive_at(indices, at + axis);
}

static int64_t row(naive_real index, int64_t extent) {
    return (int64_t)index < 0 ? (int64_t)index + extent : (int64_t)index;
}

static void gather(naive_call *call) {
    const naive_array *x = &call->inputs[0], *indices = &call->inputs[1];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    wg_type type = {.dtype = x->type.dtype};
    for (int i = 0; i < axis; i++) type.extent[type.rank++] = x->type.extent[i];
    for (int i = 0; i < indices->type.rank; i++) type.extent[type.rank++] = indices->type.extent[i];
    for (int i = axis + 1; i < x->type.rank; i++) type.extent[type.rank++] = x->type.extent[i];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        const int64_t place = row_place(&indices->type, i.at, type.rank, axis, at);
        at[axis] = row(indices->value[place], x->type.extent[axis]);
        naive_set(y, i.number, x->value[naive_at(&x->type, at)]);
    }
}

static void gather_grad(naive_call *call) {
    const naive_array *y = &call->inputs[0], *indices = &call->inputs[1];
    const int rank = y->type.rank - indices->type.rank + 1;
    const int axis = naive_axis(naive_int(call, "axis", 0), rank);
    wg_type type = {.dtype = y->type.dtype, .rank = rank};
    for (int i = 0; i < rank; i++)
        type.extent[i] = i == axis ? naive_int(call, "extent", 0)
                                   : y->type.extent[i < axis ? i : i + indices->type.rank - 1];
    naive_array *x = naive_output(call, 0, type);
    int64_t *terms = calloc((size_t)x->count + 1, sizeof *terms);
    ck_assert_ptr_nonnull(terms);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        const int64_t place = row_place(&indices->type, i.at, y->type.rank, axis, at);
        at[axis] = row(indices->value[place], type.extent[axis]);
        naive_add(x, naive_at(&type, at), y->value[i.number]);
        naive_count_term(call, terms, naive_at(&type, at));
    }
    free(terms);
}

static void one_hot(naive_call *call) {
    const naive_array *indices = &call->inputs[0];
    wg_type type = of_dtype(&indices->type, naive_dtype(call, "dtype"));
    type.extent[type.rank++] = naive_int(call, "depth", 0);
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i))
        naive_set(y, i.number,
                  indices->value[naive_at(&indices->type, i.at)] == (naive_real)i.at[type.rank - 1]);
}

const naive_entry naive_shapes[] = {
    {"reshape", reshape}, {"transpose", transpose},     {"broadcast_to", broadcast_to},
    {"slice", slice},     {"slice_grad", slice_grad},   {"concat", concat},
    {"gather", gather},   {"gather_grad", gather_grad}, {"one_hot", one_hot},
    {NULL, NULL},
};
