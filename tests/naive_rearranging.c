/* naive_rearranging — ops that say for each element of y where in x it stands. All are exact, but for sums.
 */
#include "naive.h"
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

const naive_entry naive_rearranging[] = {
    {"squeeze", squeeze},
    {"unsqueeze", unsqueeze},
    {"flatten", flatten},
    {"stack", stack},
    {"flip", flip},
    {"tile", tile},
    {"repeat_interleave", repeat_interleave},
    {NULL, NULL},
};
