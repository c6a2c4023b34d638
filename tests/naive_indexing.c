/* naive_indexing — elements and rows that are read and written by index. All are exact, but for what is
 * reduced. */
#include "naive.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static int64_t from_front(naive_real index, int64_t extent) {
    return (int64_t)index < 0 ? (int64_t)index + extent : (int64_t)index;
}

/* The element of a type that index `at` of the indices names along an axis. */
static int64_t along(const wg_type *x, const naive_array *indices, int axis, const int64_t *at,
                     int64_t number) {
    int64_t from[WG_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++)
        from[i] = i == axis ? from_front(indices->value[number], x->extent[axis]) : at[i];
    return naive_at(x, from);
}

static void element_index(naive_call *call) {
    const naive_array *indices = &call->inputs[0];
    const wg_type *x = naive_shape(call, "shape");
    wg_type type = indices->type;
    type.dtype = WG_I64;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i))
        naive_set(
            y, i.number,
            (naive_real)along(x, indices, naive_axis(naive_int(call, "axis", 0), x->rank), i.at, i.number));
}

static void take_along_axis(naive_call *call) {
    const naive_array *x = &call->inputs[0], *indices = &call->inputs[1];
    wg_type type = indices->type;
    type.dtype = x->type.dtype;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    const int axis = naive_axis(naive_int(call, "axis", 0), type.rank);
    for (naive_index i = naive_first(&type); i.more; naive_next(&i))
        naive_set(y, i.number, x->value[along(&x->type, indices, axis, i.at, i.number)]);
}

/* y begins as x. */
static naive_array *copied(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, x->type);
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, x->value[i]);
    return y;
}

static void update(naive_array *y, int64_t i, naive_real u, int64_t reduction) {
    const naive_real x = y->value[i];
    if (reduction == 0)
        naive_set(y, i, u);
    else if (reduction == 1)
        naive_add(y, i, u);
    else
        naive_set(y, i, reduction == 2 ? x * u : reduction == 3 ? (u > x ? u : x) : (u < x ? u : x));
}

static void put_along(naive_call *call, int64_t reduction) {
    const naive_array *indices = &call->inputs[1], *u = &call->inputs[2];
    naive_array *y = copied(call);
    call->roundings = reduction ? (naive_real)u->count : 0;
    const int axis = naive_axis(naive_int(call, "axis", 0), y->type.rank);
    for (naive_index i = naive_first(&u->type); i.more; naive_next(&i))
        update(y, along(&y->type, indices, axis, i.at, i.number), u->value[i.number], reduction);
}
static void scatter_elements(naive_call *call) { put_along(call, naive_int(call, "reduction", 0)); }
static void scatter_add(naive_call *call) { put_along(call, 1); }

/* The row number `place` of what tuples name: the first element of it, in a type of whole rows. */
static int64_t row_named(const wg_type *x, const naive_array *indices, int batch, int64_t place) {
    const wg_type *t = &indices->type;
    const int tuple = (int)t->extent[t->rank - 1];
    int64_t from[WG_MAX_RANK] = {0}, left = place;
    for (int i = t->rank - 2; i >= 0; i--) {
        if (i < batch) from[i] = left % t->extent[i];
        left /= t->extent[i];
    }
    for (int k = 0; k < tuple; k++)
        from[batch + k] = from_front(indices->value[place * tuple + k], x->extent[batch + k]);
    return naive_at(x, from);
}

static int64_t row_length(const wg_type *x, int named) {
    int64_t length = 1;
    for (int i = named; i < x->rank; i++) length *= x->extent[i];
    return length;
}

static void nd_index(naive_call *call) {
    const naive_array *indices = &call->inputs[0];
    wg_type type = indices->type;
    type.rank--;
    type.dtype = WG_I64;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < y->count; i++)
        naive_set(y, i,
                  (naive_real)row_named(naive_shape(call, "shape"), indices,
                                        (int)naive_int(call, "batch_dims", 0), i));
}

static void gather_nd(naive_call *call) {
    const naive_array *x = &call->inputs[0], *indices = &call->inputs[1];
    const int batch = (int)naive_int(call, "batch_dims", 0), places = indices->type.rank - 1;
    const int named = batch + (int)indices->type.extent[places];
    wg_type type = {.dtype = x->type.dtype};
    for (int i = 0; i < places; i++) type.extent[type.rank++] = indices->type.extent[i];
    for (int i = named; i < x->type.rank; i++) type.extent[type.rank++] = x->type.extent[i];
    naive_array *y = naive_output(call, 0, type);
    const int64_t length = row_length(&x->type, named);
    call->roundings = 0;
    for (int64_t i = 0; i < y->count; i++)
        naive_set(y, i, x->value[row_named(&x->type, indices, batch, i / length) + i % length]);
}

static void scatter_nd(naive_call *call) {
    const naive_array *indices = &call->inputs[1], *u = &call->inputs[2];
    const int64_t reduction = naive_int(call, "reduction", 0);
    naive_array *y = copied(call);
    const int64_t length = row_length(&y->type, (int)indices->type.extent[indices->type.rank - 1]);
    call->roundings = reduction ? (naive_real)u->count : 0;
    for (int64_t i = 0; i < u->count; i++)
        update(y, row_named(&y->type, indices, 0, i / length) + i % length, u->value[i], reduction);
}

static void scatter_rows(naive_call *call) {
    const naive_array *index = &call->inputs[1], *u = &call->inputs[2];
    const int64_t reduction = naive_int(call, "reduction", 0);
    naive_array *y = copied(call);
    const int64_t length = row_length(&y->type, 1);
    int64_t *terms = calloc((size_t)y->count + 1, sizeof *terms);
    ck_assert_ptr_nonnull(terms);
    for (int64_t i = 0; i < y->count; i++) terms[i] = 1; /* x's own */
    call->roundings = 0;
    for (int64_t i = 0; i < u->count; i++) {
        const int64_t to = (int64_t)index->value[i / length] * length + i % length;
        update(y, to, u->value[i], reduction);
        if (reduction) naive_count_term(call, terms, to);
    }
    free(terms);
}

static void scatter_last(naive_call *call) {
    const naive_array *index = &call->inputs[0];
    wg_type type = index->type;
    type.dtype = WG_BOOL;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < index->count; i++) {
        bool last = true;
        for (int64_t j = i + 1; j < index->count; j++) last &= index->value[j] != index->value[i];
        naive_set(y, i, last);
    }
}

const naive_entry naive_indexing[] = {
    {"element_index", element_index},
    {"nd_index", nd_index},
    {"take_along_axis", take_along_axis},
    {"scatter_elements", scatter_elements},
    {"scatter_add", scatter_add},
    {"gather_nd", gather_nd},
    {"scatter_nd", scatter_nd},
    {"scatter_rows", scatter_rows},
    {"scatter_reduce_rows", scatter_rows},
    {"scatter_last", scatter_last},
    {NULL, NULL},
};
