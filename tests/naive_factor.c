/* naive_factor — factorizations by other ways than the kernels': determinants and minors by Laplace's
 * expansion, inverses by Gauss and Jordan's elimination with full pivoting, the exponential by its series.
 *
 * A kernel that eliminates gives what is exact for a matrix off by some roundings of each element, or of what
 * is made of it on the way; `size` carries that to the result to first order: |A⁻¹| |A| |x| for x = A⁻¹ b
 * (Higham, Accuracy and Stability of Numerical Algorithms, 9.3), the permanent of |A| for its determinant,
 * exp(|A|) for exp(A). */
#include "naive.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 16, WIDEST = 2 * MOST };

/* A small matrix; element (i, j). */
typedef struct {
    int64_t rows, columns;
    naive_real at[MOST][WIDEST];
} matrix;

/* Number `batch` of those in x's last two axes; a vector is a column. */
static matrix read_matrix(const naive_array *x, bool vector, int64_t offset) {
    const int rank = x->type.rank;
    matrix m = {.rows = vector ? x->type.extent[rank - 1] : x->type.extent[rank - 2],
                .columns = vector ? 1 : x->type.extent[rank - 1]};
    if (m.rows > MOST || m.columns > WIDEST) ck_abort_msg("a sample's matrix is too large");
    for (int64_t i = 0; i < m.rows; i++)
        for (int64_t j = 0; j < m.columns; j++) m.at[i][j] = x->value[offset + i * m.columns + j];
    return m;
}

static matrix absolute(matrix a) {
    for (int64_t i = 0; i < a.rows; i++)
        for (int64_t j = 0; j < a.columns; j++) a.at[i][j] = fabsl(a.at[i][j]);
    return a;
}

static matrix times(const matrix *a, const matrix *b) {
    matrix y = {.rows = a->rows, .columns = b->columns};
    for (int64_t i = 0; i < y.rows; i++)
        for (int64_t j = 0; j < y.columns; j++)
            for (int64_t k = 0; k < a->columns; k++) y.at[i][j] += a->at[i][k] * b->at[k][j];
    return y;
}

static matrix transpose(const matrix *a) {
    matrix y = {.rows = a->columns, .columns = a->rows};
    for (int64_t i = 0; i < y.rows; i++)
        for (int64_t j = 0; j < y.columns; j++) y.at[i][j] = a->at[j][i];
    return y;
}

static matrix identity(int64_t n) {
    matrix y = {.rows = n, .columns = n};
    for (int64_t i = 0; i < n; i++) y.at[i][i] = 1;
    return y;
}

/* The determinant, or the permanent, of the rows and columns whose bits are set: along the first such row. */
static naive_real expand(const matrix *a, unsigned rows, unsigned columns, naive_real sign) {
    naive_real sum = 0, alternating = 1;
    if (!rows) return 1;
    const int i = __builtin_ctz(rows);
    for (int j = 0; j < (int)a->columns; j++) {
        if (!(columns >> j & 1)) continue;
        sum += alternating * a->at[i][j] * expand(a, rows & ~(1u << i), columns & ~(1u << j), sign);
        alternating *= sign;
    }
    return sum;
}
static unsigned all_bits(int64_t n) { return (1u << n) - 1; }

/* [A B] becomes [I A⁻¹B], the pivot being the largest number left in A, with its row brought where its column
 * is. */
static matrix quotient(matrix a, matrix b) {
    bool done[MOST] = {false};
    for (int64_t step = 0; step < a.rows; step++) {
        int64_t row = -1, column = -1;
        for (int64_t i = 0; i < a.rows; i++)
            for (int64_t j = 0; j < a.rows && !done[i]; j++)
                if (!done[j] && (row < 0 || fabsl(a.at[i][j]) > fabsl(a.at[row][column])))
                    row = i, column = j;
        /* rows that are not done change places */
        for (int64_t j = 0; j < a.rows; j++) {
            const naive_real kept = a.at[row][j];
            a.at[row][j] = a.at[column][j], a.at[column][j] = kept;
        }
        for (int64_t j = 0; j < b.columns; j++) {
            const naive_real kept = b.at[row][j];
            b.at[row][j] = b.at[column][j], b.at[column][j] = kept;
        }
        done[column] = true;
        const naive_real pivot = a.at[column][column];
        for (int64_t j = 0; j < a.rows; j++) a.at[column][j] /= pivot;
        for (int64_t j = 0; j < b.columns; j++) b.at[column][j] /= pivot;
        for (int64_t i = 0; i < a.rows; i++) {
            const naive_real factor = a.at[i][column];
            if (i == column) continue;
            for (int64_t j = 0; j < a.rows; j++) a.at[i][j] -= factor * a.at[column][j];
            for (int64_t j = 0; j < b.columns; j++) b.at[i][j] -= factor * b.at[column][j];
        }
    }
    return b;
}

static void write_matrix(naive_array *y, int64_t batch, const matrix *value, const matrix *size) {
    const int64_t offset = batch * value->rows * value->columns;
    for (int64_t i = 0; i < value->rows; i++)
        for (int64_t j = 0; j < value->columns; j++) {
            y->value[offset + i * value->columns + j] = value->at[i][j];
            y->size[offset + i * value->columns + j] = size->at[i][j];
        }
}

/* The type of the axes before the last `kept`. */
static wg_type batches_of(wg_type type, int kept) {
    type.rank -= kept;
    return type;
}

/* --- Of two matrices -------------------------------------------------------------------------------------
 */

/* The type of all batches that a and b broadcast to. */
static wg_type common_batches(const naive_array *a, const naive_array *b, int b_kept) {
    naive_call both = {.input_count = 2, .inputs = {*a, *b}};
    both.inputs[0].type = batches_of(a->type, 2);
    both.inputs[1].type = batches_of(b->type, b_kept);
    return naive_broadcast_type(&both, a->type.dtype);
}

static matrix broadcast_matrix(const naive_array *x, int kept, const naive_index *at) {
    const naive_array batches = {.type = batches_of(x->type, kept)};
    int64_t size = 1;
    for (int axis = x->type.rank - kept; axis < x->type.rank; axis++) size *= x->type.extent[axis];
    return read_matrix(x, kept == 1, size * naive_broadcast_at(&batches, at->at, at->type->rank));
}

typedef matrix prepare_function(const naive_call *call, matrix a);

/* A⁻¹ B, or B A⁻¹ as (A⁻ᵀ Bᵀ)ᵀ, for each batch; A is first prepared. */
static void divide(naive_call *call, int b_kept, bool right, prepare_function *prepare) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    const wg_type batches = common_batches(a, b, b_kept);
    wg_type type = batches;
    for (int axis = b->type.rank - b_kept; axis < b->type.rank; axis++)
        type.extent[type.rank++] = b->type.extent[axis];
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 4 * (naive_real)a->type.extent[a->type.rank - 1] + 4;
    for (naive_index i = naive_first(&batches); i.more; naive_next(&i)) {
        matrix divisor = prepare(call, broadcast_matrix(a, 2, &i)),
               dividend = broadcast_matrix(b, b_kept, &i);
        if (right) divisor = transpose(&divisor), dividend = transpose(&dividend);
        matrix x = quotient(divisor, dividend);
        const matrix inverse = absolute(quotient(divisor, identity(divisor.rows))), sizes = absolute(divisor);
        const matrix result = absolute(x), image = times(&sizes, &result);
        matrix size = times(&inverse, &image);
        if (right) x = transpose(&x), size = transpose(&size);
        write_matrix(y, i.number, &x, &size);
    }
}

static matrix as_it_is(const naive_call *call, matrix a) {
    (void)call;
    return a;
}
static void solve(naive_call *call) { divide(call, call->inputs[1].type.rank == 1 ? 1 : 2, false, as_it_is); }

static matrix triangle_of(const naive_call *call, matrix a) {
    const bool upper = naive_bool(call, "upper"), unit = naive_bool(call, "unitriangular");
    for (int64_t i = 0; i < a.rows; i++)
        for (int64_t j = 0; j < a.rows; j++)
            if (i == j ? unit : upper ? j < i : j > i) a.at[i][j] = i == j;
    return naive_bool(call, "transpose") ? transpose(&a) : a;
}
static void triangular_solve(naive_call *call) { divide(call, 2, naive_bool(call, "right"), triangle_of); }

/* --- Of one matrix ---------------------------------------------------------------------------------------
 */

typedef void of_one(const naive_call *call, const matrix *a, matrix *y, matrix *size);

static void each_matrix(naive_call *call, of_one *function, naive_real roundings) {
    const naive_array *a = &call->inputs[0];
    const wg_type batches = batches_of(a->type, 2);
    const int64_t n = a->type.extent[a->type.rank - 1];
    naive_array *y = naive_output(call, 0, a->type);
    call->roundings = roundings * (naive_real)(n + 1);
    for (naive_index i = naive_first(&batches); i.more; naive_next(&i)) {
        const matrix x = read_matrix(a, false, i.number * n * n);
        matrix value = {.rows = n, .columns = n}, size = value;
        function(call, &x, &value, &size);
        write_matrix(y, i.number, &value, &size);
    }
}

static void inverse_of(const naive_call *call, const matrix *a, matrix *y, matrix *size) {
    (void)call;
    *y = quotient(*a, identity(a->rows));
    const matrix inverse = absolute(*y), sizes = absolute(*a), image = times(&sizes, &inverse);
    *size = times(&inverse, &image);
}
static void inverse(naive_call *call) { each_matrix(call, inverse_of, 4); }

/* L[i, j] = det A[{0 … j-1, i}, {0 … j}] / sqrt(det A_j det A_{j+1}), A_j being the first j rows and columns.
 * Its derivative L Φ(L⁻¹ dA L⁻ᵀ) bounds what becomes of dA within roundings of |L| |Lᵀ|. */
static void cholesky_of(const naive_call *call, const matrix *given, matrix *y, matrix *size) {
    const bool upper = naive_bool(call, "upper");
    matrix a = upper ? transpose(given) : *given;
    const int64_t n = a.rows;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < i; j++) a.at[j][i] = a.at[i][j];
    for (int64_t j = 0; j < n; j++) {
        const naive_real before = expand(&a, all_bits(j), all_bits(j), -1);
        const naive_real after = expand(&a, all_bits(j + 1), all_bits(j + 1), -1);
        for (int64_t i = j; i < n; i++)
            y->at[i][j] = expand(&a, all_bits(j) | 1u << i, all_bits(j + 1), -1) / sqrtl(before * after);
    }
    const matrix l = absolute(*y), lt = transpose(&l), inverse = absolute(quotient(*y, identity(n)));
    const matrix inverse_t = transpose(&inverse), square = times(&l, &lt), half = times(&inverse, &square);
    matrix inner = times(&half, &inverse_t);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = i + 1; j < n; j++) inner.at[i][j] = 0;
    *size = times(&l, &inner);
    if (upper) *y = transpose(y), *size = transpose(size);
}
static void cholesky(naive_call *call) { each_matrix(call, cholesky_of, 2); }

static void cofactor_of(const naive_call *call, const matrix *a, matrix *y, matrix *size) {
    (void)call;
    const matrix sizes = absolute(*a);
    for (int i = 0; i < (int)a->rows; i++)
        for (int j = 0; j < (int)a->rows; j++) {
            const unsigned rows = all_bits(a->rows) & ~(1u << i), columns = all_bits(a->rows) & ~(1u << j);
            y->at[i][j] = ((i + j) % 2 ? -1 : 1) * expand(a, rows, columns, -1);
            size->at[i][j] = expand(&sizes, rows, columns, 1);
        }
}
static void cofactor(naive_call *call) { each_matrix(call, cofactor_of, 8); }

static void exponential_of(const naive_call *call, const matrix *a, matrix *y, matrix *size) {
    (void)call;
    const matrix sizes = absolute(*a);
    matrix term = identity(a->rows), bound = term;
    *y = *size = term;
    for (int k = 1; k < 400; k++) {
        term = times(&term, a);
        bound = times(&bound, &sizes);
        for (int64_t i = 0; i < a->rows; i++)
            for (int64_t j = 0; j < a->rows; j++) {
                y->at[i][j] += term.at[i][j] /= (naive_real)k;
                size->at[i][j] += bound.at[i][j] /= (naive_real)k;
            }
    }
}
static void matrix_exp(naive_call *call) { each_matrix(call, exponential_of, 16); }

static void det(naive_call *call) {
    const naive_array *a = &call->inputs[0];
    const int64_t n = a->type.extent[a->type.rank - 1];
    naive_array *y = naive_output(call, 0, batches_of(a->type, 2));
    call->roundings = 2 * (naive_real)n * (naive_real)n;
    for (int64_t batch = 0; batch < y->count; batch++) {
        const matrix x = read_matrix(a, false, batch * n * n), sizes = absolute(x);
        y->value[batch] = expand(&x, all_bits(n), all_bits(n), -1);
        y->size[batch] = expand(&sizes, all_bits(n), all_bits(n), 1);
    }
}

/* The logarithm of the determinant, and the sizes of those of its factors. */
static void slogdet(naive_call *call) {
    det(call);
    naive_array *sign = &call->outputs[0], *log = naive_output(call, 1, sign->type);
    const int64_t n = call->inputs[0].type.extent[call->inputs[0].type.rank - 1];
    for (int64_t i = 0; i < sign->count; i++) {
        const naive_real y = sign->value[i], condition = sign->size[i] / fabsl(y);
        log->value[i] = logl(fabsl(y));
        log->size[i] = condition + fabsl(log->value[i]) + (naive_real)n;
        sign->value[i] = (y > 0) - (y < 0);
        sign->size[i] = 0;
    }
}

const naive_entry naive_factor[] = {
    {"cholesky", cholesky}, {"triangular_solve", triangular_solve},
    {"solve", solve},       {"inverse", inverse},
    {"det", det},           {"slogdet", slogdet},
    {"cofactor", cofactor}, {"matrix_exp", matrix_exp},
    {NULL, NULL},
};
