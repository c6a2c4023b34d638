/* naive_reductions — ops that make one number of many along axes. A sum of n numbers rounds at most n
 * times, each time by no more than u times the sum of their magnitudes. */
#include "naive.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void naive_reduced(const naive_call *call, int rank, bool reduced[WG_MAX_RANK]) {
    if (!strncmp(call->op->name, "arg", 3)) {
        for (int axis = 0; axis < WG_MAX_RANK; axis++) reduced[axis] = false;
        reduced[naive_axis(naive_int(call, "axis", 0), rank)] = true;
        return;
    }
    const wg_axes *axes = naive_axes(call, "axes");
    for (int axis = 0; axis < WG_MAX_RANK; axis++) reduced[axis] = axes->axis[0] == INT_MIN;
    for (int i = 0; i <= WG_MAX_RANK && axes->axis[i] != INT_MIN; i++)
        reduced[naive_axis(axes->axis[i], rank)] = true;
}

static wg_type reduced_type(const wg_type *x, const bool reduced[WG_MAX_RANK], bool keepdims,
                            wg_dtype dtype) {
    wg_type type = {.dtype = dtype};
    for (int axis = 0; axis < x->rank; axis++)
        if (!reduced[axis])
            type.extent[type.rank++] = x->extent[axis];
        else if (keepdims)
            type.extent[type.rank++] = 1;
    return type;
}

void naive_split_index(const wg_type *x, const bool reduced[WG_MAX_RANK], bool keepdims, const int64_t *at,
                       int64_t *kept, int64_t *place) {
    int rank = 0;
    *place = 0;
    for (int axis = 0; axis < x->rank; axis++) {
        if (reduced[axis]) *place = *place * x->extent[axis] + at[axis];
        if (!reduced[axis] || keepdims) kept[rank++] = reduced[axis] ? 0 : at[axis];
    }
}

static int64_t reduced_count(const wg_type *x, const bool reduced[WG_MAX_RANK]) {
    int64_t count = 1;
    for (int axis = 0; axis < x->rank; axis++) count *= reduced[axis] ? x->extent[axis] : 1;
    return count;
}

static void add_up(naive_call *call, bool divide) {
    const naive_array *x = &call->inputs[0];
    const bool keepdims = naive_bool(call, "keepdims");
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, x->type.rank, reduced);
    naive_array *y = naive_output(call, 0, reduced_type(&x->type, reduced, keepdims, x->type.dtype));
    const int64_t count = reduced_count(&x->type, reduced);
    call->roundings = (naive_real)count + 1;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        naive_add(y, naive_at(&y->type, kept), x->value[i.number]);
    }
    for (int64_t i = 0; divide && i < y->count; i++) {
        y->value[i] /= (naive_real)count;
        y->size[i] /= (naive_real)count;
    }
}
static void sum(naive_call *call) { add_up(call, false); }
static void mean(naive_call *call) { add_up(call, true); }

/* The first place of the largest (sign 1) or the least (-1); a NaN wins over any number. The places go to
 * output `place_at`, the numbers there to output `value_at` unless that is negative. */
static void largest(naive_call *call, int sign, const bool reduced[WG_MAX_RANK], bool keepdims, int value_at,
                    int place_at) {
    const naive_array *x = &call->inputs[0];
    const wg_type type = reduced_type(&x->type, reduced, keepdims, x->type.dtype);
    wg_type place_type = type;
    place_type.dtype = WG_I64;
    naive_call aside = {0};
    naive_array *y = value_at < 0 ? naive_output(&aside, 0, type) : naive_output(call, value_at, type);
    naive_array *places = naive_output(call, place_at, place_type);
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        const int64_t at = naive_at(&type, kept);
        const naive_real candidate = x->value[i.number], best = y->value[at];
        /* the reduced axes are walked in row-major order, so the first comes first */
        if (place == 0 || (!isnan(best) && (isnan(candidate) || sign * candidate > sign * best))) {
            naive_set(y, at, candidate);
            naive_set(places, at, (naive_real)place);
        }
    }
    naive_free(&aside);
}

static void extremum(naive_call *call, int sign, int value_at, int place_at) {
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, call->inputs[0].type.rank, reduced);
    largest(call, sign, reduced, naive_bool(call, "keepdims"), value_at, place_at);
}
static void max(naive_call *call) { extremum(call, 1, 0, 1); }
static void min(naive_call *call) { extremum(call, -1, 0, 1); }
static void argmax(naive_call *call) { extremum(call, 1, -1, 0); }
static void argmin(naive_call *call) { extremum(call, -1, -1, 0); }

/* y[o] = x[o, index[o]] */
static void max_gather(naive_call *call) {
    const naive_array *x = &call->inputs[0], *index = &call->inputs[1];
    const bool keepdims = naive_bool(call, "keepdims");
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, x->type.rank, reduced);
    naive_array *y = naive_output(call, 0, reduced_type(&x->type, reduced, keepdims, x->type.dtype));
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        const int64_t at = naive_at(&y->type, kept);
        if (index->value[at] == (naive_real)place) naive_set(y, at, x->value[i.number]);
    }
}

/* x[o, j] = y[o] where j = index[o], else 0 */
static void max_scatter(naive_call *call) {
    const naive_array *y = &call->inputs[0], *index = &call->inputs[1];
    const bool keepdims = naive_bool(call, "keepdims");
    wg_type type = *naive_shape(call, "shape");
    type.dtype = y->type.dtype;
    naive_array *x = naive_output(call, 0, type);
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, type.rank, reduced);
    call->roundings = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        const int64_t at = naive_at(&y->type, kept);
        if (index->value[at] == (naive_real)place) naive_set(x, i.number, y->value[at]);
    }
}

/* Each output from the elements that are reduced to it, in row-major order. */
typedef naive_real of_row(const naive_call *call, const naive_real *x, int64_t count, naive_real *size);
static void each_row(naive_call *call, of_row *f, wg_dtype dtype) {
    const naive_array *x = &call->inputs[0];
    const bool keepdims = naive_bool(call, "keepdims");
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, x->type.rank, reduced);
    naive_array *y = naive_output(call, 0, reduced_type(&x->type, reduced, keepdims, dtype));
    const int64_t count = reduced_count(&x->type, reduced);
    naive_real *rows = calloc((size_t)(y->count * count) + 1, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        rows[naive_at(&y->type, kept) * count + place] = x->value[i.number];
    }
    call->roundings = (naive_real)count + 8;
    for (int64_t i = 0; i < y->count; i++) {
        naive_real size = -1;
        naive_set(y, i, f(call, rows + i * count, count, &size));
        if (size >= 0) y->size[i] = size;
    }
    free(rows);
}
#define OF_ROW(name) \
    static naive_real name(const naive_call *call, const naive_real *x, int64_t count, naive_real *size)
#define UNUSED (void)call, (void)x, (void)count, (void)size

/* Subtracting the mean first, so that its error counts twice only. */
OF_ROW(var_of) {
    UNUSED;
    naive_real total = 0, squares = 0;
    for (int64_t r = 0; r < count; r++) total += x[r];
    for (int64_t r = 0; r < count; r++)
        squares += (x[r] - total / (naive_real)count) * (x[r] - total / (naive_real)count);
    return squares / fmaxl(0, (naive_real)count - naive_number(call, "correction"));
}
OF_ROW(std_of) { return sqrtl(var_of(call, x, count, size)); }
OF_ROW(norm_of) {
    const naive_real p = naive_number(call, "p");
    naive_real sum = 0, most = 0, least = INFINITY;
    for (int64_t r = 0; r < count; r++) {
        sum += p == 0 ? x[r] != 0 : powl(fabsl(x[r]), isinf(p) ? 1 : p);
        most = fmaxl(most, fabsl(x[r]));
        least = fminl(least, fabsl(x[r]));
    }
    if (p == 0) return sum;
    if (isinf(p)) return p > 0 ? most : least;
    const naive_real y = powl(sum, 1 / p);
    *size = y * 2 * fmaxl(1, 1 / fabsl(p));
    return y;
}
OF_ROW(logsumexp_of) {
    UNUSED;
    naive_real m = -INFINITY, least = INFINITY, sum = 0;
    for (int64_t r = 0; r < count; r++) m = fmaxl(m, x[r]), least = fminl(least, x[r]);
    for (int64_t r = 0; r < count; r++) sum += expl(x[r] - m);
    *size = fabsl(m) + 1 + m - least;
    return m + logl(sum);
}
OF_ROW(prod_of) {
    UNUSED;
    naive_real product = 1;
    for (int64_t r = 0; r < count; r++) product *= x[r];
    return product;
}
OF_ROW(any_of) {
    UNUSED;
    for (int64_t r = 0; r < count; r++)
        if (x[r] != 0) return 1;
    return 0;
}
OF_ROW(all_of) {
    UNUSED;
    for (int64_t r = 0; r < count; r++)
        if (x[r] == 0) return 0;
    return 1;
}
static void var(naive_call *call) { each_row(call, var_of, call->inputs[0].type.dtype); }
static void std(naive_call *call) { each_row(call, std_of, call->inputs[0].type.dtype); }
static void norm(naive_call *call) { each_row(call, norm_of, call->inputs[0].type.dtype); }
static void logsumexp(naive_call *call) { each_row(call, logsumexp_of, call->inputs[0].type.dtype); }
static void prod(naive_call *call) { each_row(call, prod_of, call->inputs[0].type.dtype); }
static void any(naive_call *call) { each_row(call, any_of, WG_BOOL); }
static void all(naive_call *call) { each_row(call, all_of, WG_BOOL); }

const naive_entry naive_reductions[] = {
    {"var", var},
    {"std", std},
    {"norm", norm},
    {"logsumexp", logsumexp},
    {"prod", prod},
    {"any", any},
    {"all", all},
    {"sum", sum},
    {"mean", mean},
    {"max", max},
    {"argmax", argmax},
    {"min", min},
    {"argmin", argmin},
    {"max_gather", max_gather},
    {"max_scatter", max_scatter},
    {NULL, NULL},
};
