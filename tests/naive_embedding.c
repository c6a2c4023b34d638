/* naive_embedding — rows of a table by their indices, by themselves and in bags. */
#include "naive.h"

/* The row that an index names. */
static int64_t row_of(const naive_array *weight, naive_real index) {
    return (int64_t)index + (index < 0 ? weight->type.extent[0] : 0);
}

static int64_t row_length(const naive_array *weight) {
    int64_t length = 1;
    for (int i = 1; i < weight->type.rank; i++) length *= weight->type.extent[i];
    return length;
}

static void embedding(naive_call *call) {
    const naive_array *weight = &call->inputs[0], *indices = &call->inputs[1];
    const int64_t length = row_length(weight);
    wg_type type = indices->type;
    type.dtype = weight->type.dtype;
    for (int i = 1; i < weight->type.rank; i++) type.extent[type.rank++] = weight->type.extent[i];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < y->count; i++)
        naive_set(y, i, weight->value[row_of(weight, indices->value[i / length]) * length + i % length]);
}

/* The bag of place j: of a vector, how many offsets after the first have been met. */
static int64_t bag_of(const naive_call *call, int64_t j) {
    const naive_array *indices = &call->inputs[1], *offsets = &call->inputs[2];
    int64_t bag = 0;
    if (indices->type.rank == 2) return j / indices->type.extent[1];
    for (int64_t k = 1; k < offsets->count; k++) bag += offsets->value[k] <= (naive_real)j;
    return bag;
}

/* Number d of bag b: kept rows one after the other. */
static void fill_bag(naive_call *call, int64_t b, int64_t d) {
    const naive_array *weight = &call->inputs[0], *indices = &call->inputs[1], *scale = &call->inputs[3];
    const int64_t mode = naive_int(call, "mode", 0), columns = weight->type.extent[1];
    const int64_t padding = naive_bool(call, "has_padding") ? naive_int(call, "padding_index", 0) : -1;
    naive_array *y = &call->outputs[0];
    const int64_t at = b * columns + d;
    naive_real met = 0;
    for (int64_t j = 0; j < indices->count; j++) {
        const int64_t row = row_of(weight, indices->value[j]);
        const naive_real x = weight->value[row * columns + d];
        if (row == padding || bag_of(call, j) != b) continue;
        if (mode < 2)
            naive_add(y, at, x * (call->input_count > 3 && scale->type.dtype ? scale->value[j] : 1));
        else if (met == 0 || x > y->value[at])
            naive_set(y, at, x);
        met++;
    }
    if (mode != 1 || met == 0) return;
    y->value[at] /= met;
    y->size[at] /= met;
}

static void embedding_bag(naive_call *call) {
    const wg_type *indices = &call->inputs[1].type, *weight = &call->inputs[0].type;
    const int64_t rows = indices->rank == 2 ? indices->extent[0] : call->inputs[2].count;
    const wg_type type = {.dtype = weight->dtype,
                          .rank = 2,
                          .extent = {rows - naive_bool(call, "include_last_offset"), weight->extent[1]}};
    naive_output(call, 0, type);
    call->roundings = (naive_real)call->inputs[1].count + 2;
    for (int64_t b = 0; b < type.extent[0]; b++)
        for (int64_t d = 0; d < type.extent[1]; d++) fill_bag(call, b, d);
}

const naive_entry naive_embedding[] = {
    {"embedding", embedding},
    {"embedding_bag", embedding_bag},
    {NULL, NULL},
};
