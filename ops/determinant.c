/* det, slogdet, cofactor — of square matrices, by LU
 *
 *     det:       y = det A, 0 of a singular one                  dA = dy C
 *     slogdet:   sign of det A and log |det A|; 0 and -inf       dA = dlog A^-T, an error where A is singular
 *     cofactor:  C[i, j] = d det A / d A[i, j], which is det(A) A^-T where A has an inverse
 *                                                                dA = A^-T (<dC, C> I - dC^T C)
 *
 * (Giles 2008, Collected matrix derivative results; the last is the differential of det(A) A^-T.) C is what it should be of a singular A
 * too, so that the gradient of det is right everywhere. Gradients of that gradient need A^-1, and of a
 * singular matrix are an error of the run, although they exist: a limit.
 *
 * With complete pivoting P A Q = L U, and U = [U1 u; 0 t] has a 0 in U1 only if C = 0. Else, D being the
 * product of U1's diagonal,
 *
 *     C^T = det(P) det(Q)  Q [t D U1^-1, -D U1^-1 u; 0, D]  L^-1 P,
 *
 * in which nothing is divided by t. Of a matrix without rows det is 1. */
#include "factor.h"

/* x as m 2^(32 p), m near 1, but what has no such form; adds to p. */
static real normalised(real x, int64_t *p) {
    if (x == 0 || x - x != 0) return x;
    for (; wm_abs(x) >= (real)0x1p32; ++*p) x *= (real)0x1p-32;
    for (; wm_abs(x) < (real)0x1p-32; --*p) x *= (real)0x1p32;
    return x;
}

/* x 2^(32 p). */
static real scaled(real x, int64_t p) {
    for (; p > 0 && x - x == 0 && x != 0; p--) x *= (real)0x1p32;
    for (; p < 0 && x != 0; p++) x *= (real)0x1p-32;
    return x;
}

/* The product of numbers `step` apart as m 2^(32 p). */
static real product_of(const real *x, int64_t step, int64_t count, real sign, int64_t *p) {
    for (int64_t i = *p = 0; i < count; i++) sign = normalised(sign * normalised(x[i * step], p), p);
    return sign;
}

/* A's factors in the workspace; their place, and the sign of the rows' permutation. */
static const real *factors_of(const wg_call *call, int64_t unit, int64_t n, real *sign) {
    int64_t *pivots = call->workspace;
    real *lu = (real *)(pivots + n);
    memcpy(lu, WG_IN(call, 0, real) + unit * n * n, (size_t)(n * n) * sizeof(real));
    factor_lu(lu, n, pivots);
    *sign = 1;
    for (int64_t i = 0; i < n; i++)
        if (pivots[i] != i) *sign = -*sign;
    return lu;
}

static void det_forward(const wg_call *call) {
    const int64_t n = matrix_columns(&call->inputs[0].type);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        int64_t power;
        real sign;
        const real *lu = factors_of(call, unit, n, &sign), product = product_of(lu, n + 1, n, sign, &power);
        WG_OUT(call, 0, real)[unit] = scaled(product, power);
    }
}

static void slogdet_forward(const wg_call *call) {
    const int64_t n = matrix_columns(&call->inputs[0].type);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real sign, sum = 0;
        const real *lu = factors_of(call, unit, n, &sign);
        for (int64_t i = 0; i < n; i++) {
            const real pivot = lu[i * (n + 1)];
            sum += wm_log(wm_abs(pivot));
            sign *= pivot > 0 ? 1 : pivot < 0 ? -1 : pivot; /* 0 or NaN */
        }
        WG_OUT(call, 0, real)[unit] = sign;
        WG_OUT(call, 1, real)[unit] = sum;
    }
}

/* Brings the largest of what is left to (k, k), the first of equals; what was swapped goes to rows and
 * columns. */
static void pivot_completely(real *a, int64_t n, int64_t k, int64_t *rows, int64_t *columns) {
    rows[k] = columns[k] = k;
    for (int64_t i = k; i < n; i++)
        for (int64_t j = k; j < n; j++)
            if (is_larger(a[i * n + j], a[rows[k] * n + columns[k]])) rows[k] = i, columns[k] = j;
    swap_rows(a, n, n, k, rows[k]);
    for (int64_t i = 0; i < n && columns[k] != k; i++) {
        const real kept = a[i * n + k];
        a[i * n + k] = a[i * n + columns[k]];
        a[i * n + columns[k]] = kept;
    }
}

/* P A Q = L U in place; the sign of both permutations, or 0 if one of the first n - 1 pivots is. */
static real factor_completely(real *a, int64_t n, int64_t *rows, int64_t *columns) {
    real sign = 1;
    for (int64_t k = 0; k < n; k++) {
        pivot_completely(a, n, k, rows, columns);
        if ((rows[k] != k) != (columns[k] != k)) sign = -sign;
        if (k < n - 1 && a[k * n + k] == 0) return 0;
        for (int64_t i = k + 1; i < n; i++) {
            const real multiplier = a[i * n + k] /= a[k * n + k];
            for (int64_t j = k + 1; j < n; j++)
                a[i * n + j] = wg_fma(-multiplier, a[k * n + j], a[i * n + j]);
        }
    }
    return sign;
}

/* z := C^T, n × n, by the factors. */
static void adjugate(const real *lu, int64_t n, const int64_t *rows, const int64_t *columns, real sign,
                     real *z) {
    const int64_t m = n - 1;
    int64_t power;
    const real t = lu[m * n + m], d = product_of(lu, n + 1, m, sign, &power);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) z[i * n + j] = i == j;
    for (int64_t k = 0; k < n; k++) swap_rows(z, n, n, k, rows[k]);
    substitute(&(factor_triangle){.at = lu, .row = n, .step = 1, .n = n, .unit = true}, z, n, n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) z[i * n + j] = wg_fma(-lu[i * n + m], z[m * n + j], t * z[i * n + j]);
    substitute(&(factor_triangle){.at = lu, .row = n, .step = 1, .n = m, .upper = true}, z, n, n);
    for (int64_t i = 0; i < n * n; i++) z[i] = scaled(z[i] * d, power);
    for (int64_t k = n; k-- > 0;) swap_rows(z, n, n, k, columns[k]);
}

static void cofactor_forward(const wg_call *call) {
    const int64_t n = matrix_columns(&call->inputs[0].type);
    int64_t *rows = call->workspace, *columns = rows + n;
    real *lu = (real *)(columns + n), *z = lu + n * n;
    for (int64_t unit = call->begin; unit < call->end && n; unit++) {
        real *c = WG_OUT(call, 0, real) + unit * n * n;
        memcpy(lu, WG_IN(call, 0, real) + unit * n * n, (size_t)(n * n) * sizeof(real));
        const real sign = factor_completely(lu, n, rows, columns);
        if (sign == 0) memset(z, 0, (size_t)(n * n) * sizeof(real));
        else adjugate(lu, n, rows, columns, sign, z);
        for (int64_t i = 0; i < n; i++)
            for (int64_t j = 0; j < n; j++) c[i * n + j] = z[j * n + i];
    }
}

WG_KERNEL(det, det_forward)
WG_KERNEL(slogdet, slogdet_forward)
WG_KERNEL(cofactor, cofactor_forward)

#ifdef WG_RULES

static int infer(wg_infer *infer) {
    const int status = infer_square(infer);
    for (int i = 0; i < infer->output_count && !status; i++) {
        wg_type *y = &infer->outputs[i];
        *y = infer->inputs[0];
        y->rank -= 2;
        y->extent[y->rank] = y->extent[y->rank + 1] = 0;
    }
    return status;
}
static int infer_cofactor(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return infer_square(infer);
}

static void det_backward(wg_rule *rule) {
    wg_var cofactors = WG_RECORD(&wg_op_cofactor, NULL, rule->inputs[0]);
    wg_rule_set(rule, 0, wg_mul(with_axes(rule->cotangents[0], 2), cofactors));
}

static void slogdet_backward(wg_rule *rule) {
    if (!rule->cotangents[1].tape) return; /* the sign is constant where it is not singular */
    wg_var inverse = transposed(wg_inverse(rule->inputs[0]));
    wg_rule_set(rule, 0, wg_mul(with_axes(rule->cotangents[1], 2), inverse));
}

static void cofactor_backward(wg_rule *rule) {
    const wg_type type = wg_type_of(rule->inputs[0]);
    const int64_t n = matrix_columns(&type);
    if (n < 2) return; /* C is 1, or nothing */
    wg_var c = rule->outputs[0], dc = rule->cotangents[0];
    const wg_shape line = {{n, INT64_MIN}};
    wg_var identity = (wg_diag)(wg_full(rule->tape, type.dtype, &line, 1), 0);
    wg_var product = wg_sum(wg_mul(dc, c), WG_AXES(-2, -1), .keepdims = true);
    wg_var inner = wg_sub(wg_mul(product, identity), wg_matmul(dc, c, .transpose_a = true));
    wg_rule_set(rule, 0, wg_solve(transposed(rule->inputs[0]), inner));
}

static int64_t units(const wg_call *call) { return matrix_count(&call->inputs[0].type, 2); }
static size_t workspace(const wg_call *call) {
    const size_t n = (size_t)matrix_columns(&call->inputs[0].type);
    return 2 * n * n * wg_dtype_size(call->dtype) + 2 * n * sizeof(int64_t);
}
static wg_cost cost(const wg_call *call) { return cost_cubic(call, 2.0 / 3); }
static wg_cost cost_of_cofactor(const wg_call *call) { return cost_cubic(call, 2.0 / 3 + 2); }

#define OP(of, says, shapes_text, gradient_text, onnx_name, torch_name, count, further, shape_rule,        \
           cost_rule)                                                                                      \
    const wg_op wg_op_##of = {                                                                             \
        .name = #of, .formula = says, .onnx = onnx_name, .torch = torch_name, .inputs = 1, .outputs = count, \
        .shapes = shapes_text, .gradient = gradient_text,                                                  \
        .flags = WG_EVEN_UNITS | WG_EVEN_READS | further, .infer = shape_rule, .forward = WG_FORWARD(of),  \
        .backward = of##_backward, .units = units, .workspace = workspace, .cost = cost_rule,              \
        .samples = samples_of_squares, .f32_cancelled = 1,                                                 \
    }
OP(det, "y = det a", "a [..., n, n] -> y [...]", "da = dy C, C[i, j] = d det a / d a[i, j]", "Det",
   "linalg.det", 1, 0, infer, cost);
OP(slogdet, "sign of det a, log |det a|", "a [..., n, n] -> sign [...], log [...]", "da = dlog a^-T", NULL,
   "linalg.slogdet", 2, 0, infer, cost);
OP(cofactor, "y[i, j] = d det a / d a[i, j]", "a [..., n, n] -> y [..., n, n]",
   "da = a^-T (sum(dy y) I - dy^T y)", NULL, NULL, 1, WG_HELPER, infer_cofactor, cost_of_cofactor);

wg_var (wg_det)(wg_var a) { return WG_RECORD(&wg_op_det, NULL, a); }
wg_var (wg_slogdet)(wg_var a) { return WG_RECORD(&wg_op_slogdet, NULL, a); }

#endif
