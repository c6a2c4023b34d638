/* factor.h — what factorizations share: products, substitution and LU of one dense matrix in place, and how
 * batches of matrices are read, inferred and differentiated.
 *
 * Matrices are row-major. Every element of a factor is a chain of fused multiply-adds in an order that n
 * alone decides, then a division, a root, or nothing; so neither the width of a vector nor a tile changes a
 * bit. */
#ifndef WG_OPS_FACTOR_H
#define WG_OPS_FACTOR_H

#include "batches.h"
#include "kernels/cpu/vector.h"

/* --- One matrix --------------------------------------------------------------------------------------- */

enum {
    FACTOR_BLOCK = 32,
    TILE_ROWS = VEC_REGISTERS == 32 ? 12 : 6,
    TILE_COLUMNS = 2 * VEC_LANES,
    TERMS = 128 /* of a sum, for which b's columns are copied at a time */
};

/* y[i, j] += sum_t (sign a[i, t]) b[t, j], in order of t; a's element (i, t) is at i a_row + t a_step. */
typedef struct {
    const real *a, *b;
    int64_t a_row, a_step, b_row, y_row, terms;
    real sign;
} factor_product;

/* A tile as wide as TILE_COLUMNS, its sums in registers; b is TILE_COLUMNS wide too. */
WG_INLINE void add_tile(const factor_product *p, const real *a, const real *b, int rows, real *y) {
    vec sum[TILE_ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 2; v++) sum[i][v] = vec_load(y + i * p->y_row + v * VEC_LANES);
    for (int64_t t = 0; t < p->terms; t++, b += TILE_COLUMNS) {
        const vec first = vec_load(b), second = vec_load(b + VEC_LANES);
        for (int i = 0; i < rows; i++) {
            const vec scale = vec_all(p->sign * a[i * p->a_row + t * p->a_step]);
            sum[i][0] = vec_fma(scale, first, sum[i][0]);
            sum[i][1] = vec_fma(scale, second, sum[i][1]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 2; v++) vec_store(y + i * p->y_row + v * VEC_LANES, sum[i][v]);
}

/* A row of fewer columns. */
static inline void add_part(const factor_product *p, const real *a, const real *b, int64_t columns, real *y) {
    real sum[TILE_COLUMNS];
    memcpy(sum, y, (size_t)columns * sizeof(real));
    for (int64_t t = 0; t < p->terms; t++) {
        const real scale = p->sign * a[t * p->a_step];
        for (int64_t j = 0; j < columns; j++) sum[j] = wg_fma(scale, b[t * TILE_COLUMNS + j], sum[j]);
    }
    memcpy(y, sum, (size_t)columns * sizeof(real));
}

/* As many columns as a tile has, or fewer, of y. */
static inline void add_columns(const factor_product *p, int64_t rows, int64_t columns, real *y) {
    real b[TERMS * TILE_COLUMNS];
    int64_t i = 0;
    for (int64_t t = 0; t < p->terms; t++)
        memcpy(b + t * TILE_COLUMNS, p->b + t * p->b_row, (size_t)columns * sizeof(real));
    if (columns == TILE_COLUMNS) {
        for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
            add_tile(p, p->a + i * p->a_row, b, TILE_ROWS, y + i * p->y_row);
        for (; i < rows; i++) add_tile(p, p->a + i * p->a_row, b, 1, y + i * p->y_row);
    }
    for (; i < rows; i++) add_part(p, p->a + i * p->a_row, b, columns, y + i * p->y_row);
}

__attribute__((unused)) static void add_product(factor_product p, int64_t rows, int64_t columns, real *y) {
    const real *b = p.b;
    for (int64_t left = p.terms; left > 0; left -= TERMS, p.a += TERMS * p.a_step, b += TERMS * p.b_row) {
        p.terms = left < TERMS ? left : TERMS;
        for (int64_t j = 0; j < columns; j += TILE_COLUMNS) {
            p.b = b + j;
            add_columns(&p, rows, columns - j < TILE_COLUMNS ? columns - j : TILE_COLUMNS, y + j);
        }
    }
}

/* A triangular matrix, its element (i, j) at i row + j step. */
typedef struct {
    const real *at;
    int64_t row, step, n;
    bool upper, unit; /* unit: the diagonal counts as 1 and is not read */
} factor_triangle;

/* x := T⁻¹ x for `columns` columns side by side, rows of x being x_row apart: substitution, forward or
 * backward. */
__attribute__((unused)) static void substitute(const factor_triangle *t, real *x, int64_t x_row,
                                               int64_t columns) {
    for (int64_t done = 0; done < t->n; done += FACTOR_BLOCK) {
        const int64_t size = t->n - done < FACTOR_BLOCK ? t->n - done : FACTOR_BLOCK;
        const int64_t first = t->upper ? t->n - done - size : done, known = t->upper ? first + size : 0;
        const factor_product p = {.a = t->at + first * t->row + known * t->step, .a_row = t->row,
                                  .a_step = t->step, .b = x + known * x_row, .b_row = x_row, .y_row = x_row,
                                  .terms = done, .sign = -1};
        add_product(p, size, columns, x + first * x_row);
        for (int64_t k = 0; k < size; k++) {
            const int64_t i = t->upper ? first + size - 1 - k : first + k, from = t->upper ? i + 1 : first;
            real *row = x + i * x_row;
            for (int64_t j = from; j < from + k; j++) {
                const real scale = -t->at[i * t->row + j * t->step], *other = x + j * x_row;
                for (int64_t c = 0; c < columns; c++) row[c] = wg_fma(scale, other[c], row[c]);
            }
            if (t->unit) continue;
            const real pivot = t->at[i * t->row + i * t->step];
            for (int64_t c = 0; c < columns; c++) row[c] /= pivot;
        }
    }
}

__attribute__((unused)) static void swap_rows(real *a, int64_t row, int64_t columns, int64_t i, int64_t j) {
    if (i == j) return;
    for (int64_t c = 0; c < columns; c++) {
        const real kept = a[i * row + c];
        a[i * row + c] = a[j * row + c];
        a[j * row + c] = kept;
    }
}

/* Is x the better pivot? NaN is the best, lest it be passed over for a 0. */
WG_INLINE bool is_larger(real x, real y) { return wm_abs(x) > wm_abs(y) || x != x; }

/* Column j of the panel that ends at `last`: the pivot, the multipliers, what they take from the panel's
 * columns. */
static inline bool eliminate(real *a, int64_t n, int64_t j, int64_t last, int64_t *pivots) {
    int64_t best = j;
    for (int64_t i = j + 1; i < n; i++)
        if (is_larger(a[i * n + j], a[best * n + j])) best = i;
    pivots[j] = best;
    swap_rows(a, n, n, j, best);
    const real pivot = a[j * n + j];
    if (pivot == 0) return false;
    for (int64_t i = j + 1; i < n; i++) {
        const real multiplier = a[i * n + j] / pivot;
        a[i * n + j] = multiplier;
        for (int64_t c = j + 1; c < last; c++) a[i * n + c] = wg_fma(-multiplier, a[j * n + c], a[i * n + c]);
    }
    return true;
}

/* P A = L U in place: U on and above the diagonal, L's multipliers below. Row j was swapped with pivots[j]
 * >= j, the largest left in column j, the first of equals. Returns the first column that has none but 0, or
 * n: such a column is left as it is, and U has a 0 there. Right-looking, in blocks of columns. */
__attribute__((unused)) static int64_t factor_lu(real *a, int64_t n, int64_t *pivots) {
    int64_t singular = n;
    for (int64_t first = 0; first < n; first += FACTOR_BLOCK) {
        const int64_t last = n - first < FACTOR_BLOCK ? n : first + FACTOR_BLOCK, rest = n - last;
        for (int64_t j = first; j < last; j++)
            if (!eliminate(a, n, j, last, pivots) && singular == n) singular = j;
        const factor_triangle lower = {.at = a + first * n + first, .row = n, .step = 1, .n = last - first,
                                       .unit = true};
        substitute(&lower, a + first * n + last, n, rest);
        const factor_product p = {.a = a + last * n + first, .a_row = n, .a_step = 1,
                                  .b = a + first * n + last, .b_row = n, .y_row = n, .terms = last - first,
                                  .sign = -1};
        add_product(p, rest, rest, a + last * n + last);
    }
    return singular;
}

/* x := A⁻¹ x by A's factors. */
__attribute__((unused)) static void solve_lu(const real *lu, const int64_t *pivots, int64_t n, real *x,
                                             int64_t columns) {
    for (int64_t j = 0; j < n; j++) swap_rows(x, columns, columns, j, pivots[j]);
    substitute(&(factor_triangle){.at = lu, .row = n, .step = 1, .n = n, .unit = true}, x, columns, columns);
    substitute(&(factor_triangle){.at = lu, .row = n, .step = 1, .n = n, .upper = true}, x, columns, columns);
}

/* --- Batches of matrices ------------------------------------------------------------------------------- */

static inline int64_t matrix_rows(const wg_type *x) { return x->extent[x->rank - 2]; }
static inline int64_t matrix_columns(const wg_type *x) { return x->extent[x->rank - 1]; }

/* How many matrices there are, where the last `kept` axes are one. */
static inline int64_t matrix_count(const wg_type *x, int kept) {
    int64_t count = 1;
    for (int i = 0; i < x->rank - kept; i++) count *= x->extent[i];
    return count;
}

/* Where the matrix begins that number `batch` of y's broadcasts; y has y_kept axes that are not batches. */
static inline int64_t matrix_offset(const wg_type *x, int kept, const wg_type *y, int y_kept, int64_t batch) {
    int64_t offset = 0, stride = 1;
    for (int i = x->rank - kept; i < x->rank; i++) stride *= x->extent[i];
    for (int i = y->rank - y_kept - 1, axis = x->rank - kept - 1; axis >= 0; i--, axis--) {
        if (x->extent[axis] != 1) offset += batch % y->extent[i] * stride;
        batch /= y->extent[i];
        stride *= x->extent[axis];
    }
    return offset;
}

#ifdef WG_RULES

/* Fails unless input 0 is one of square matrices, and all inputs are alike f32 or f64. */
static inline int infer_square(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (a->rank >= 2 && matrix_rows(a) == matrix_columns(a)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "a is %s; its last two axes must be those of square matrices",
                         wg_infer_shape_text(infer, a));
}

/* Broadcasts the axes of a and b before the last a_kept and b_kept into y. */
static inline int infer_batches(wg_infer *infer, int a_kept, int b_kept, wg_type *y) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    const int of_a = a->rank - a_kept, of_b = b->rank - b_kept;
    y->dtype = a->dtype;
    y->rank = of_a > of_b ? of_a : of_b;
    for (int i = 0; i < y->rank; i++) {
        const int64_t ea = i < y->rank - of_a ? 1 : a->extent[i - (y->rank - of_a)];
        const int64_t eb = i < y->rank - of_b ? 1 : b->extent[i - (y->rank - of_b)];
        if (ea != eb && ea != 1 && eb != 1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "batch axes do not broadcast: a is %s, b is %s; each pair must be equal or "
                                 "hold a 1",
                                 wg_infer_shape_text(infer, a), wg_infer_shape_text(infer, b));
        y->extent[i] = ea == 1 ? eb : ea;
    }
    return WG_OK;
}

/* x with `added` axes of extent 1 at the end. */
static inline wg_var with_axes(wg_var x, int added) {
    wg_type type = wg_type_of(x);
    while (added--) type.extent[type.rank++] = 1;
    return reshape_to(x, &type);
}

static inline wg_var transposed(wg_var x) {
    const int rank = wg_type_of(x).rank;
    wg_axes axes;
    for (int i = 0; i < rank; i++) axes.axis[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    axes.axis[rank] = INT_MIN;
    return (wg_transpose)(x, &axes);
}

/* Of each matrix so many operations times n³. */
static inline wg_cost cost_cubic(const wg_call *call, double operations) {
    const wg_type *a = &call->inputs[0].type;
    const double n = (double)matrix_columns(a);
    return (wg_cost){operations * n * n * n * (double)matrix_count(a, 2), wg_call_bytes(call)};
}

/* Cases of an op that takes invertible matrices alone. */
static inline void samples_of_squares(wg_sampler *s) {
#define EXTENTS(...) {{__VA_ARGS__, INT64_MIN}}
    static const wg_shape cases[] = {
        EXTENTS(1, 1),    EXTENTS(2, 2),    EXTENTS(3, 3),    EXTENTS(4, 4),       EXTENTS(5, 5),
        EXTENTS(0, 0),    EXTENTS(2, 2, 2), EXTENTS(3, 1, 1), EXTENTS(2, 3, 3),    EXTENTS(0, 2, 2),
        EXTENTS(2, 0, 0), EXTENTS(2, 1, 2, 2), EXTENTS(1, 1, 2, 1, 1, 1, 2, 2)};
#undef EXTENTS
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        WG_SAMPLE(s, NULL, {.shape = &cases[i], .values = WG_INVERTIBLE});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(4, 4), .values = WG_DOMINANT});
}

#endif
#endif
