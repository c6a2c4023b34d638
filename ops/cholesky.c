/* cholesky — symmetric positive definite A as L L^T, or with `upper` U^T U, over the last two axes
 *
 * Only the lower (with `upper`: the upper) triangle of A is read, and A is what is symmetric with it; numpy
 * and torch.linalg.cholesky read as much. So y is a function of that triangle, and dA lies in it:
 *
 *     S = L^-T Φ(L^T dL) L^-1,   dA = Φ(S + S^T)        Φ(X): the lower triangle, its diagonal halved
 *
 * (Murray 2016, arXiv:1602.07527). An element off the diagonal gets
 * what A[i, j] and A[j, i] would get each half of in PyTorch, whose gradient is symmetric; through an A that
 * is made symmetric, (M + M^T) / 2 say, both give the same. Of U = L^T everything is transposed.
 *
 * Each row of U is what the rows above it leave of A's, by its diagonal's root. One that is not positive is
 * an error of the run; so is NaN there. */
#include "factor.h"

typedef struct {
    bool upper;
} cholesky_attributes;

/* A = U^T U in place, of and in the upper triangle; returns the column where A is not positive definite, or
 * n. */
static int64_t factor_symmetric(real *u, int64_t n) {
    for (int64_t first = 0; first < n; first += FACTOR_BLOCK) {
        const int64_t last = n - first < FACTOR_BLOCK ? n : first + FACTOR_BLOCK;
        const factor_product p = {.a = u + first, .a_row = 1, .a_step = n, .b = u + first, .b_row = n,
                                  .y_row = n, .terms = first, .sign = -1};
        add_product(p, last - first, n - first, u + first * n + first);
        for (int64_t i = first; i < last; i++) {
            real *row = u + i * n;
            for (int64_t j = first; j < i; j++) {
                const real scale = -u[j * n + i], *other = u + j * n;
                for (int64_t c = i; c < n; c++) row[c] = wg_fma(scale, other[c], row[c]);
            }
            if (!(row[i] > 0)) return i;
            const real root = wm_sqrt(row[i]);
            row[i] = root;
            for (int64_t c = i + 1; c < n; c++) row[c] /= root;
        }
    }
    return n;
}

static void forward(const wg_call *call) {
    const bool upper = WG_ATTRIBUTES(call, cholesky)->upper;
    const int64_t n = matrix_columns(&call->inputs[0].type);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *a = WG_IN(call, 0, real) + unit * n * n;
        real *y = WG_OUT(call, 0, real) + unit * n * n;
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = i; j < n; j++) y[i * n + j] = upper ? a[i * n + j] : a[j * n + i];
        for (int64_t i = 0; i < n; i++) memset(y + i * n, 0, (size_t)i * sizeof(real));
        const int64_t failed = factor_symmetric(y, n);
        if (failed < n) {
            wg_call_fail(call, WG_ERROR_SINGULAR,
                         "matrix %lld is not positive definite: column %lld leaves %g", (long long)unit,
                         (long long)failed, (double)y[failed * n + failed]);
            return;
        }
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < i; j++) {
                y[i * n + j] = upper ? 0 : y[j * n + i];
                if (!upper) y[j * n + i] = 0;
            }
    }
}
WG_KERNEL(cholesky, forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(cholesky_attributes, upper, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "reads the upper triangle and gives the upper factor"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return infer_square(infer);
}

static wg_var half_diagonal(wg_tape *tape, wg_var x) {
    return wg_mul(wg_add((wg_tril)(x, 0), (wg_tril)(x, -1)), wg_scalar(tape, 0.5));
}

static void backward(wg_rule *rule) {
    const bool upper = WG_ATTRIBUTES(rule, cholesky)->upper;
    wg_var y = rule->outputs[0], dy = rule->cotangents[0];
    wg_var product = upper ? wg_matmul(y, dy, .transpose_b = true) : wg_matmul(y, dy, .transpose_a = true);
    wg_var inner = half_diagonal(rule->tape, product);
    wg_var left = wg_triangular_solve(y, inner, .upper = upper, .transpose = !upper);
    wg_var s = wg_triangular_solve(y, left, .upper = upper, .transpose = upper, .right = true);
    wg_var da = half_diagonal(rule->tape, wg_add(s, transposed(s)));
    wg_rule_set(rule, 0, upper ? transposed(da) : da);
}

static int64_t units(const wg_call *call) { return matrix_count(&call->inputs[0].type, 2); }
static wg_cost cost(const wg_call *call) { return cost_cubic(call, 1.0 / 3); }

static void samples(wg_sampler *s) {
    static const wg_shape shapes[] = {
        {{1, 1, INT64_MIN}},    {{2, 2, INT64_MIN}},       {{3, 3, INT64_MIN}},
        {{4, 4, INT64_MIN}},    {{5, 5, INT64_MIN}},       {{0, 0, INT64_MIN}},
        {{2, 3, 3, INT64_MIN}}, {{3, 1, 1, INT64_MIN}},    {{0, 2, 2, INT64_MIN}},
        {{3, 0, 0, INT64_MIN}}, {{2, 1, 2, 2, INT64_MIN}}, {{1, 2, 1, 2, 1, 1, 2, 2, INT64_MIN}},
        {{1, 4, 4, INT64_MIN}}, {{7, 2, 2, INT64_MIN}},    {{6, 6, INT64_MIN}},
    };
    for (int i = 0; i < 2 * (int)(sizeof shapes / sizeof *shapes); i++)
        WG_SAMPLE(s, (&(cholesky_attributes){i & 1}), {.shape = &shapes[i / 2], .values = WG_DOMINANT});
}

const wg_op wg_op_cholesky = {
    .name = "cholesky", .formula = "a = y y^T, y lower triangular", .torch = "linalg.cholesky",
    .shapes = "a [..., n, n] -> y [..., n, n]",
    .gradient = "da = Phi(S + S^T), S = y^-T Phi(y^T dy) y^-1, Phi(X): the lower triangle, its diagonal "
                "halved",
    .inputs = 1, .outputs = 1, .flags = WG_CAN_FAIL | WG_EVEN_UNITS | WG_EVEN_READS,
    .attributes = attributes, .attributes_size = sizeof(cholesky_attributes), .infer = infer,
    .forward = WG_FORWARD(cholesky), .backward = backward, .units = units, .cost = cost, .samples = samples,
};

wg_var (wg_cholesky)(wg_var a, const wg_cholesky_options *options) {
    WG_READ_OPTIONS(wg_cholesky_options, given, options);
    return WG_RECORD(&wg_op_cholesky, &((cholesky_attributes){given.upper}), a);
}

#endif
