/* solve, inverse — A X = B and A Y = I for square A, by LU with partial pivoting
 *
 * b of rank 1 is a vector, and so is then what each A makes of it (numpy.linalg.solve; PyTorch also takes a
 * batch of vectors, which here is b with an axis of 1 at the end). Axes before a matrix broadcast.
 *
 *     solve:    dB = A^-T dX,   dA = -dB X^T          inverse:  dA = -Y^T dY Y^T
 *
 * (Giles 2008, Collected matrix derivative results.) A pivot of 0 is an error of the run: A is singular. */
#include "factor.h"

/* x := A⁻¹ x for matrix number `batch`, whose factors are in `lu` already if it is the same as before. */
typedef struct {
    real *lu;
    int64_t *pivots;
    const real *factored;
} solve_work;

static solve_work work_in(void *workspace, int64_t n) {
    return (solve_work){.pivots = workspace, .lu = (real *)((int64_t *)workspace + n)};
}

static bool solve_one(const wg_call *call, solve_work *work, const real *a, int64_t n, int64_t batch, real *x,
                      int64_t columns) {
    if (work->factored != a) {
        memcpy(work->lu, a, (size_t)(n * n) * sizeof(real));
        const int64_t singular = factor_lu(work->lu, n, work->pivots);
        if (singular < n) {
            wg_call_fail(call, WG_ERROR_SINGULAR, "matrix %lld is singular: column %lld has no pivot but 0",
                         (long long)batch, (long long)singular);
            return false;
        }
        work->factored = a;
    }
    solve_lu(work->lu, work->pivots, n, x, columns);
    return true;
}

static void solve_forward(const wg_call *call) {
    const wg_type *a_type = &call->inputs[0].type, *b_type = &call->inputs[1].type;
    const wg_type *x_type = &call->outputs[0].type;
    const int64_t n = matrix_columns(a_type);
    const int kept = b_type->rank == 1 ? 1 : 2;
    const int64_t columns = kept == 1 ? 1 : matrix_columns(b_type);
    solve_work work = work_in(call->workspace, n);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *x = WG_OUT(call, 0, real) + unit * n * columns;
        memcpy(x, WG_IN(call, 1, real) + matrix_offset(b_type, kept, x_type, kept, unit),
               (size_t)(n * columns) * sizeof(real));
        const real *a = WG_IN(call, 0, real) + matrix_offset(a_type, 2, x_type, kept, unit);
        if (!solve_one(call, &work, a, n, unit, x, columns)) return;
    }
}
WG_KERNEL(solve, solve_forward)

static void inverse_forward(const wg_call *call) {
    const int64_t n = matrix_columns(&call->inputs[0].type);
    solve_work work = work_in(call->workspace, n);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *y = WG_OUT(call, 0, real) + unit * n * n;
        memset(y, 0, (size_t)(n * n) * sizeof(real));
        for (int64_t i = 0; i < n; i++) y[i * n + i] = 1;
        if (!solve_one(call, &work, WG_IN(call, 0, real) + unit * n * n, n, unit, y, n)) return;
    }
}
WG_KERNEL(inverse, inverse_forward)

#ifdef WG_RULES

static int infer_solve(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    wg_type *x = &infer->outputs[0];
    const int kept = b->rank == 1 ? 1 : 2;
    int status = infer_square(infer);
    if (status) return status;
    if (b->rank < 1 || b->extent[b->rank - kept] != matrix_columns(a))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "a is %s, b is %s; b must be a vector or matrices of as many rows",
                             wg_infer_shape_text(infer, a), wg_infer_shape_text(infer, b));
    if ((status = infer_batches(infer, 2, kept, x))) return status;
    for (int i = b->rank - kept; i < b->rank; i++) x->extent[x->rank++] = b->extent[i];
    return WG_OK;
}

static int infer_inverse(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return infer_square(infer);
}

static void solve_backward(wg_rule *rule) {
    const wg_type a_type = wg_type_of(rule->inputs[0]), b_type = wg_type_of(rule->inputs[1]);
    const int vector = b_type.rank == 1;
    wg_type b_matrix = b_type;
    if (vector) b_matrix.extent[b_matrix.rank++] = 1;
    wg_var x = with_axes(rule->outputs[0], vector);
    wg_var db = wg_solve(transposed(rule->inputs[0]), with_axes(rule->cotangents[0], vector));
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, wg_neg(unbroadcast(wg_matmul(db, x, .transpose_b = true), &a_type)));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, reshape_to(unbroadcast(db, &b_matrix), &b_type));
}

static void inverse_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0];
    wg_var left = wg_matmul(y, rule->cotangents[0], .transpose_a = true);
    wg_rule_set(rule, 0, wg_neg(wg_matmul(left, y, .transpose_b = true)));
}

static int64_t units_of_solve(const wg_call *call) {
    return matrix_count(&call->outputs[0].type, call->inputs[1].type.rank == 1 ? 1 : 2);
}
static int64_t units_of_inverse(const wg_call *call) { return matrix_count(&call->inputs[0].type, 2); }
static size_t workspace(const wg_call *call) {
    const size_t n = (size_t)matrix_columns(&call->inputs[0].type);
    return n * n * wg_dtype_size(call->dtype) + n * sizeof(int64_t);
}
static wg_cost cost_of_solve(const wg_call *call) {
    const double n = (double)matrix_columns(&call->inputs[0].type);
    wg_cost cost = cost_cubic(call, 2.0 / 3);
    cost.flops += 2 * n * (double)wg_type_count(&call->outputs[0].type);
    return cost;
}
static wg_cost cost_of_inverse(const wg_call *call) { return cost_cubic(call, 2.0 / 3 + 2); }

#define S(...) {{__VA_ARGS__, INT64_MIN}}
static void samples_of_solve(wg_sampler *s) {
    static const wg_shape cases[][2] = {
        {S(1, 1), S(1)},          {S(2, 2), S(2)},             {S(3, 3), S(3)},
        {S(4, 4), S(4)},          {S(5, 5), S(5)},             {S(1, 1), S(1, 1)},
        {S(2, 2), S(2, 3)},       {S(3, 3), S(3, 1)},          {S(3, 3), S(3, 3)},
        {S(4, 4), S(4, 2)},       {S(5, 5), S(5, 1)},          {S(2, 2, 2), S(2)},
        {S(2, 3, 3), S(3)},       {S(2, 2, 2), S(2, 2, 2)},    {S(3, 2, 2), S(2, 2)},
        {S(2, 2), S(3, 2, 1)},    {S(1, 2, 2), S(3, 2, 2)},    {S(3, 2, 2), S(1, 2, 1)},
        {S(3, 3), S(2, 3, 1)},    {S(2, 1, 2, 2), S(3, 2, 1)}, {S(2, 2, 2), S(2, 1, 2, 1)},
        {S(0, 0), S(0)},          {S(0, 0), S(0, 3)},          {S(3, 3), S(3, 0)},
        {S(0, 2, 2), S(2)},       {S(0, 2, 2), S(2, 2)},       {S(1, 2, 2), S(0, 2, 1)},
        {S(2, 0, 0), S(0, 2)},    {S(2, 0, 0), S(0)},          {S(7, 1, 1), S(1, 2)},
        {S(1, 3, 3), S(3)},       {S(1, 1, 1, 1, 1, 2, 2, 2), S(2, 1)},
    };
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        WG_SAMPLE(s, NULL, {.shape = &cases[i][0], .values = WG_INVERTIBLE}, {.shape = &cases[i][1]});
}
#undef S

const wg_op wg_op_solve = {
    .name = "solve", .formula = "y = a^-1 b", .torch = "linalg.solve",
    .shapes = "a [..., n, n], b [*] -> y [*]; y as b, [..., n, m] or [n]; axes before broadcast",
    .gradient = "db = a^-T dy, da = -db y^T",
    .inputs = 2, .outputs = 1, .linear_in = 1 << 1, .flags = WG_CAN_FAIL | WG_EVEN_UNITS,
    .infer = infer_solve, .forward = WG_FORWARD(solve), .backward = solve_backward,
    .units = units_of_solve, .workspace = workspace, .cost = cost_of_solve, .samples = samples_of_solve,
};
const wg_op wg_op_inverse = {
    .name = "inverse", .formula = "y = a^-1", .torch = "linalg.inv",
    .shapes = "a [..., n, n] -> y [..., n, n]",
    .gradient = "da = -y^T dy y^T",
    .inputs = 1, .outputs = 1, .flags = WG_CAN_FAIL | WG_EVEN_UNITS | WG_EVEN_READS, .infer = infer_inverse,
    .forward = WG_FORWARD(inverse), .backward = inverse_backward, .units = units_of_inverse,
    .workspace = workspace, .cost = cost_of_inverse, .samples = samples_of_squares,
};

wg_var (wg_solve)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_solve, NULL, a, b); }
wg_var (wg_inverse)(wg_var a) { return WG_RECORD(&wg_op_inverse, NULL, a); }

#endif
