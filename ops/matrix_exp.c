/* matrix_exp — sum_k A^k / k! of square matrices, by scaling and squaring with Padé approximants
 *
 *     exp(A) = r(A / 2^s)^(2^s),   r = q(-x)^-1 q(x),   q(x) = sum_{k <= m} c_k x^k
 *
 * with m and s by the 1-norm of A, so that r(A / 2^s)^(2^s) = exp(A + E) with |E| below a roundoff of |A|:
 * Higham 2005, "The scaling and squaring method for the matrix exponential revisited", SIAM J. Matrix Anal.
 * 26 (4), with its theta_m for double and for single precision. q is split in its odd part U = A (…) and its
 * even part V, both polynomials of A², which for m = 13 are taken in two pieces.
 *
 * dA is the derivative of exp at A^T in the direction dY, which stands above the diagonal in
 *
 *     exp [A^T dY; 0 A^T] = [exp(A^T) dA; 0 exp(A^T)]
 *
 * (Najfeld, Havel 1995; Higham 2008, Functions of Matrices). Lest a dY much larger than A costs digits, as
 * any large element off the diagonal would, A is first balanced: exp(A) = D exp(D^-1 A D) D^-1 with powers
 * of 2 in the diagonal D that make the sums of magnitudes in row i and column i alike, a preprocessing of
 * Higham's too. */
#include "factor.h"

enum { MOST_SCALED = 1200, MOST_SWEEPS = 40 }; /* an infinite norm stays one */

#if WG_TYPE_NUMBER == WG_TYPE_f32
static const struct {
    int degree;
    real most; /* norm, for which this degree is enough */
} approximants[] = {{3, 4.258730016922831e-1f}, {5, 1.880152677804762f}, {7, 3.925724783138660f}};
#else
static const struct {
    int degree;
    real most;
} approximants[] = {{3, 1.495585217958292e-2}, {5, 2.539398330063230e-1}, {7, 9.504178996162932e-1},
                    {9, 2.097847961257068}, {13, 5.371920351148152}};
#endif
enum { LAST = sizeof approximants / sizeof *approximants - 1, MOST_DEGREE = 13, MATRICES = 7 };

/* y := a b, n × n. */
static void multiply(real *y, const real *a, const real *b, int64_t n) {
    memset(y, 0, (size_t)(n * n) * sizeof(real));
    add_product((factor_product){.a = a, .a_row = n, .a_step = 1, .b = b, .b_row = n, .y_row = n, .terms = n,
                                 .sign = 1}, n, n, y);
}

/* The largest sum of magnitudes in a column. */
static real one_norm(const real *a, int64_t n) {
    real most = 0;
    for (int64_t j = 0; j < n; j++) {
        real sum = 0;
        for (int64_t i = 0; i < n; i++) sum += wm_abs(a[i * n + j]);
        if (!(sum <= most)) most = sum;
    }
    return most;
}

/* The sum of magnitudes in a row or column whose elements are so far apart; what is below 1 is small enough.
 * */
static real line_size(const real *x, int64_t step, int64_t n) {
    real sum = 0;
    for (int64_t i = 0; i < n; i++) sum += wm_abs(x[i * step]);
    return sum < 1 ? 1 : sum;
}

/* a := D⁻¹ a D, D's diagonal in d. One element of D after the other is a power of 2, as long as one makes a
 * row and its column together less than 0.95 of what they were: Parlett, Reinsch 1969. */
static void balance(real *a, real *d, int64_t n) {
    for (int64_t i = 0; i < n; i++) d[i] = 1;
    bool changed = true;
    for (int sweep = 0; sweep < MOST_SWEEPS && changed; sweep++) {
        changed = false;
        for (int64_t i = 0; i < n; i++) {
            const real row = line_size(a + i * n, 1, n), column = line_size(a + i, n, n);
            real factor = 1;
            if (row - row != 0 || column - column != 0) continue;
            while (column * factor < row / factor / 2) factor *= 2;
            while (column * factor > row / factor * 2) factor /= 2;
            if (!(column * factor + row / factor < (real)0.95 * (column + row))) continue;
            changed = true;
            d[i] *= factor;
            for (int64_t j = 0; j < n; j++) a[i * n + j] /= factor;
            for (int64_t j = 0; j < n; j++) a[j * n + i] *= factor;
        }
    }
}

/* y += sum_i c[first + 2 i] powers[i], `count` terms, where the first of all powers is I. */
static void add_powers(real *y, const real *c, int count, real *const *powers, bool identity, int64_t n) {
    for (int64_t i = 0; i < n && identity; i++) y[i * n + i] += c[0];
    for (int k = identity; k < count; k++) {
        const real factor = c[2 * k], *power = powers[k];
        for (int64_t i = 0; i < n * n; i++) y[i] = wg_fma(factor, power[i], y[i]);
    }
}

/* One half of q: sum_i c[2 i] A^(2 i) up to degree m, in y; `spare` is room for m = 13. powers: NULL, A²,
 * A⁴, A⁶, A⁸. */
static void half_of(real *y, real *spare, const real *c, int m, real *const *powers, int64_t n) {
    memset(y, 0, (size_t)(n * n) * sizeof(real));
    if (m == 13) { /* A⁶ (c[8] A² + c[10] A⁴ + c[12] A⁶) + … */
        memset(spare, 0, (size_t)(n * n) * sizeof(real));
        add_powers(spare, c + 8, 3, powers + 1, false, n);
        multiply(y, powers[3], spare, n);
    }
    add_powers(y, c, m == 13 ? 4 : (m + 1) / 2, powers, true, n);
}

/* c_k = (2m - k)! m! / ((2m)! k! (m - k)!) */
static void coefficients(real *c, int m) {
    double exact = 1;
    c[0] = 1;
    for (int k = 1; k <= m; k++) c[k] = (real)(exact *= (double)(m - k + 1) / (double)(k * (2 * m - k + 1)));
}

/* w[5] := r(A) for A in w[0]; the others are room: for A², A⁴, A⁶, A⁸ and both halves. */
static void approximate(real *const *w, int m, int64_t *pivots, int64_t n) {
    real *const powers[] = {NULL, w[1], w[2], w[3], w[4]}, *a = w[0], *u = w[5], *v = w[6];
    real c[MOST_DEGREE + 1];
    coefficients(c, m);
    multiply(powers[1], a, a, n);
    for (int k = 2; 2 * k < m && k <= (m == 9 ? 4 : 3); k++) multiply(powers[k], powers[k - 1], powers[1], n);
    half_of(v, w[4], c + 1, m, powers, n); /* A⁸ is there for m = 9 alone, which needs no room */
    multiply(u, a, v, n);
    half_of(v, w[4], c, m, powers, n);
    for (int64_t i = 0; i < n * n; i++) {
        const real odd = u[i], even = v[i];
        u[i] = even + odd;
        v[i] = even - odd;
    }
    factor_lu(v, n, pivots);
    solve_lu(v, pivots, n, u, n);
}

static void forward(const wg_call *call) {
    const int64_t n = matrix_columns(&call->inputs[0].type);
    int64_t *pivots = call->workspace;
    real *w[MATRICES], *d = (real *)(pivots + n);
    for (int k = 0; k < MATRICES; k++) w[k] = d + n + k * n * n;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *to = WG_OUT(call, 0, real) + unit * n * n, *y = w[5], *spare = w[6];
        memcpy(w[0], WG_IN(call, 0, real) + unit * n * n, (size_t)(n * n) * sizeof(real));
        balance(w[0], d, n);
        real norm = one_norm(w[0], n), scale = 1;
        int chosen = 0, squarings = 0;
        while (chosen < LAST && !(norm <= approximants[chosen].most)) chosen++;
        for (; norm > approximants[LAST].most && squarings < MOST_SCALED; squarings++) norm /= 2, scale /= 2;
        for (int64_t i = 0; i < n * n; i++) w[0][i] *= scale;
        approximate(w, approximants[chosen].degree, pivots, n);
        for (int k = 0; k < squarings; k++) {
            multiply(spare, y, y, n);
            real *kept = y;
            y = spare, spare = kept;
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) to[i * n + j] = y[i * n + j] * (d[i] / d[j]);
    }
}

WG_KERNEL(matrix_exp, forward)

#ifdef WG_RULES

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return infer_square(infer);
}

static void backward(wg_rule *rule) {
    const wg_type type = wg_type_of(rule->inputs[0]);
    const int64_t n = matrix_columns(&type);
    if (!wg_type_count(&type)) return;
    wg_var a = transposed(rule->inputs[0]);
    wg_var above = wg_concat(-1, a, rule->cotangents[0]);
    wg_var below = wg_concat(-1, wg_full_of(rule->tape, &type, 0), a);
    wg_var whole = wg_matrix_exp(wg_concat(-2, above, below));
    wg_rule_set(rule, 0, wg_slice(wg_slice(whole, -2, 0, n), -1, n, 2 * n));
}

static int64_t units(const wg_call *call) { return matrix_count(&call->inputs[0].type, 2); }
static size_t workspace(const wg_call *call) {
    const size_t n = (size_t)matrix_columns(&call->inputs[0].type);
    return (MATRICES * n + 1) * n * wg_dtype_size(call->dtype) + n * sizeof(int64_t);
}
static wg_cost cost(const wg_call *call) { return cost_cubic(call, 2 * 8 + 2.0 / 3); }

#define S(...) {{__VA_ARGS__, INT64_MIN}}
static void samples(wg_sampler *s) {
    static const wg_shape cases[] = {S(1, 1), S(2, 2), S(3, 3), S(4, 4), S(0, 0), S(2, 2, 2), S(3, 1, 1),
                                     S(2, 3, 3), S(0, 2, 2), S(2, 0, 0), S(2, 1, 2, 2),
                                     S(1, 1, 2, 1, 1, 1, 2, 2)};
    static const double sizes[] = {0.001, 0.05, 0.2, 0.5, 1.2, 3, 6}; /* each degree, and squarings */
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        WG_SAMPLE(s, NULL, {.shape = &cases[i]});
    for (int i = 0; i < (int)(sizeof sizes / sizeof *sizes); i++)
        WG_SAMPLE(s, NULL,
                  {.shape = WG_SHAPE(2, 2), .values = WG_UNIFORM, .low = -sizes[i], .high = sizes[i]});
}
#undef S

const wg_op wg_op_matrix_exp = {
    .name = "matrix_exp", .formula = "y = sum_k a^k / k!", .torch = "linalg.matrix_exp",
    .shapes = "a [..., n, n] -> y [..., n, n]",
    .gradient = "da = the block above the diagonal of exp([a^T, dy; 0, a^T])",
    .inputs = 1, .outputs = 1, .flags = WG_EVEN_UNITS | WG_EVEN_READS, .infer = infer,
    .forward = WG_FORWARD(matrix_exp), .backward = backward, .units = units, .workspace = workspace,
    .cost = cost, .samples = samples,
};

wg_var (wg_matrix_exp)(wg_var a) { return WG_RECORD(&wg_op_matrix_exp, NULL, a); }

#endif
