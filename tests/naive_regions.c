/* naive_regions — grids of affine maps, boxes and what lies in them. */
#include "naive.h"
#include <math.h>

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

const naive_entry naive_regions[] = {
    {"affine_grid", affine_grid},
    {NULL, NULL},
};
