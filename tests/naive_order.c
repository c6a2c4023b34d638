/* naive_order — sorting, the k best, running extremes, medians and quantiles: an element's number in order is
 * counted as how many others go before it. */
#include "naive.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>

/* Does a, which stands at i, go before b, which stands at j? NaN is larger than any number. */
static bool before(naive_real a, int64_t i, naive_real b, int64_t j, bool descending) {
    if (isnan(a) && isnan(b)) return i < j;
    if (isnan(a)) return descending;
    if (isnan(b)) return !descending;
    return a != b ? (descending ? a > b : a < b) : i < j;
}

/* One row of n numbers, each `step` from the last: how many go before number i. */
static int64_t number_in_order(const naive_real *x, int64_t n, int64_t step, int64_t i, bool descending) {
    int64_t count = 0;
    for (int64_t j = 0; j < n; j++) count += j != i && before(x[j * step], j, x[i * step], i, descending);
    return count;
}

/* --- Along an axis ----------------------------------------------------------------------------------------
 */

typedef struct row {
    const naive_real *x;
    int64_t n, step;     /* of x */
    int64_t to, to_step; /* in the outputs */
} row;
typedef void of_row(naive_call *call, const row *r, naive_array *values, naive_array *indices);

/* Outputs that have `extent` elements along the axis. */
static void along(naive_call *call, int64_t extent, bool values, of_row *f) {
    const naive_array *x = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    wg_type type = x->type, lanes = x->type;
    type.extent[axis] = extent < 0 ? x->type.extent[axis] : extent;
    lanes.extent[axis] = 1;
    naive_array *y = values ? naive_output(call, 0, type) : NULL;
    type.dtype = WG_I64;
    naive_array *indices = naive_output(call, values, type);
    call->roundings = 0;
    int64_t step = 1;
    for (int i = axis + 1; i < x->type.rank; i++) step *= x->type.extent[i];
    if (!x->type.extent[axis]) return;
    for (naive_index i = naive_first(&lanes); i.more; naive_next(&i)) {
        const row r = {x->value + naive_at(&x->type, i.at), x->type.extent[axis], step,
                       type.extent[axis] ? naive_at(&type, i.at) : 0, step};
        f(call, &r, y, indices);
    }
}

static void put(const row *r, int64_t from, int64_t to, naive_array *values, naive_array *indices) {
    if (values) naive_set(values, r->to + to * r->to_step, r->x[from * r->step]);
    naive_set(indices, r->to + to * r->to_step, (naive_real)from);
}

static void sort_row(naive_call *call, const row *r, naive_array *values, naive_array *indices) {
    for (int64_t i = 0; i < r->n; i++)
        put(r, i, number_in_order(r->x, r->n, r->step, i, naive_bool(call, "descending")), values, indices);
}
static void sort(naive_call *call) { along(call, -1, true, sort_row); }
static void argsort(naive_call *call) { along(call, -1, false, sort_row); }

static void topk_row(naive_call *call, const row *r, naive_array *values, naive_array *indices) {
    int64_t taken = 0;
    for (int64_t i = 0; i < r->n; i++) {
        const int64_t number = number_in_order(r->x, r->n, r->step, i, naive_bool(call, "largest"));
        if (number >= naive_int(call, "k", 0)) continue;
        put(r, i, naive_bool(call, "sorted") ? number : taken, values, indices);
        taken++;
    }
}
static void topk(naive_call *call) { along(call, naive_int(call, "k", 0), true, topk_row); }

/* The last of the best up to each, or the last NaN. */
static void best_row(const row *r, int sign, naive_array *values, naive_array *indices) {
    for (int64_t i = 0; i < r->n; i++) {
        int64_t best = 0;
        for (int64_t j = 0; j <= i; j++) {
            const naive_real x = r->x[j * r->step], most = r->x[best * r->step];
            if (isnan(x) || sign * x >= sign * most) best = j;
        }
        put(r, best, i, values, indices);
    }
}
static void largest_row(naive_call *call, const row *r, naive_array *values, naive_array *indices) {
    (void)call;
    best_row(r, 1, values, indices);
}
static void least_row(naive_call *call, const row *r, naive_array *values, naive_array *indices) {
    (void)call;
    best_row(r, -1, values, indices);
}
static void cumulative_max(naive_call *call) { along(call, -1, true, largest_row); }
static void cumulative_min(naive_call *call) { along(call, -1, true, least_row); }

/* --- Of reduced elements -----------------------------------------------------------------------------------
 */

/* x's elements group by group, those reduced to one output beside each other; to be freed. */
static naive_real *grouped(const naive_call *call, wg_type *y, int64_t *n) {
    const naive_array *x = &call->inputs[0];
    const bool keepdims = naive_bool(call, "keepdims");
    bool reduced[WG_MAX_RANK];
    naive_reduced(call, x->type.rank, reduced);
    *y = (wg_type){.dtype = x->type.dtype};
    *n = 1;
    for (int axis = 0; axis < x->type.rank; axis++) {
        if (reduced[axis]) *n *= x->type.extent[axis];
        if (!reduced[axis] || keepdims) y->extent[y->rank++] = reduced[axis] ? 1 : x->type.extent[axis];
    }
    naive_real *groups = calloc((size_t)x->count + 1, sizeof *groups);
    if (!groups) ck_abort_msg("out of memory");
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        groups[naive_at(y, kept) * *n + place] = x->value[i.number];
    }
    return groups;
}

/* Where the element stands that has this number in order. */
static int64_t place_of(const naive_real *x, int64_t n, int64_t number) {
    int64_t i = 0;
    while (number_in_order(x, n, 1, i, false) != number) i++;
    return i;
}
static bool any_nan(const naive_real *x, int64_t n, int64_t *first) {
    for (*first = 0; *first < n; (*first)++)
        if (isnan(x[*first])) return true;
    return false;
}

static void median(naive_call *call) {
    wg_type type;
    int64_t n;
    naive_real *groups = grouped(call, &type, &n);
    naive_array *y = naive_output(call, 0, type);
    type.dtype = WG_I64;
    naive_array *indices = naive_output(call, 1, type);
    call->roundings = 0;
    for (int64_t k = 0; k < y->count; k++) {
        const naive_real *x = groups + k * n;
        int64_t place;
        if (!any_nan(x, n, &place)) place = place_of(x, n, (n - 1) / 2);
        naive_set(y, k, x[place]);
        naive_set(indices, k, (naive_real)place);
    }
    free(groups);
}

static void quantile(naive_call *call) {
    wg_type type;
    int64_t n;
    naive_real *groups = grouped(call, &type, &n);
    const int64_t count = naive_int(call, "count", 0), outputs = wg_type_count(&type);
    wg_type with_list = {.dtype = type.dtype, .rank = type.rank + 1, .extent = {count}};
    for (int axis = 0; axis < type.rank; axis++) with_list.extent[axis + 1] = type.extent[axis];
    naive_array *y = naive_output(call, 0, count ? with_list : type);
    call->roundings = 6;
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real *x = groups + i % outputs * n;
        const double q = naive_double(call, "q", (int)(i / outputs)), p = q * (double)(n - 1);
        const naive_real low = x[place_of(x, n, (int64_t)floor(p))],
                         high = x[place_of(x, n, (int64_t)ceil(p))];
        const naive_real w = p - floor(p);
        const naive_real ways[] = {low + w * (high - low), low, high, (low + high) / 2,
                                   x[place_of(x, n, (int64_t)rint(p))]};
        int64_t place;
        naive_set(y, i, any_nan(x, n, &place) ? x[place] : ways[naive_int(call, "interpolation", 0)]);
        y->size[i] = fabsl(low) + fabsl(high);
    }
    free(groups);
}

const naive_entry naive_order[] = {
    {"sort", sort},
    {"argsort", argsort},
    {"topk", topk},
    {"cumulative_max", cumulative_max},
    {"cumulative_min", cumulative_min},
    {"median", median},
    {"quantile", quantile},
    {NULL, NULL},
};
