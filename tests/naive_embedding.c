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

const naive_entry naive_embedding[] = {
    {"embedding", embedding},
    {NULL, NULL},
};
