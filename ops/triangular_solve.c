/* triangular_solve — op(A) X = B, or with `right` X op(A) = B, for triangular A; op(A) is A or with
 * `transpose` A^T
 *
 * Of A only the lower (with `upper`: the upper) triangle is read, with `unitriangular` without its diagonal,
 * which then counts as 1. Axes before the last two broadcast. torch.linalg.solve_triangular, which has
 * `left` for `right` and no `transpose` (that is torch.triangular_solve's).
 *
 *     left:   dB = op(A)^-T dX,   d op(A) = -dB X^T
 *     right:  dB = dX op(A)^-T,   d op(A) = -X^T dB          d A in the triangle that is read
 *
 * (Giles 2008, Collected matrix derivative results.) A 0 on the diagonal is an error of the run. */
#include "factor.h"

typedef struct {
    bool upper, transpose, unitriangular, right;
} triangular_solve_attributes;

/* A unit is a panel: so many columns of X, or of its transpose where A stands right. */
enum { PANEL = 64 };

static int64_t panels_of(const triangular_solve_attributes *at, const wg_type *x) {
    return ((at->right ? matrix_rows(x) : matrix_columns(x)) + PANEL - 1) / PANEL;
}

static bool has_no_zero(const wg_call *call, const real *a, int64_t n, int64_t batch) {
    for (int64_t i = 0; i < n; i++)
        if (a[i * n + i] == 0) {
            wg_call_fail(call, WG_ERROR_SINGULAR,
                         "matrix %lld is singular: column %lld has a 0 on the diagonal", (long long)batch,
                         (long long)i);
            return false;
        }
    return true;
}

static void forward(const wg_call *call) {
    const triangular_solve_attributes *at = WG_ATTRIBUTES(call, triangular_solve);
    const wg_type *a_type = &call->inputs[0].type, *b_type = &call->inputs[1].type;
    const wg_type *x_type = &call->outputs[0].type;
    const int64_t n = matrix_columns(a_type), rows = matrix_rows(x_type), columns = matrix_columns(x_type);
    const int64_t panels = panels_of(at, x_type), others = at->right ? rows : columns;
    const bool flipped = at->right != at->transpose; /* the system is solved by A^T */
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t batch = unit / panels, first = unit % panels * PANEL;
        const int64_t width = others - first < PANEL ? others - first : PANEL;
        const real *a = WG_IN(call, 0, real) + matrix_offset(a_type, 2, x_type, 2, batch);
        const real *b = WG_IN(call, 1, real) + matrix_offset(b_type, 2, x_type, 2, batch);
        real *x = WG_OUT(call, 0, real) + batch * rows * columns, *panel = call->workspace;
        const int64_t row = at->right ? 1 : columns, column = at->right ? columns : 1;
        if (!at->unitriangular && !has_no_zero(call, a, n, batch)) return;
        for (int64_t i = 0; i < n; i++)
            for (int64_t c = 0; c < width; c++) panel[i * PANEL + c] = b[i * row + (first + c) * column];
        const factor_triangle t = {.at = a, .row = flipped ? 1 : n, .step = flipped ? n : 1, .n = n,
                                   .upper = at->upper != flipped, .unit = at->unitriangular};
        substitute(&t, panel, PANEL, width);
        for (int64_t i = 0; i < n; i++)
            for (int64_t c = 0; c < width; c++) x[i * row + (first + c) * column] = panel[i * PANEL + c];
    }
}
WG_KERNEL(triangular_solve, forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(triangular_solve_attributes, upper, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "A is upper triangular"),
    WG_ATTRIBUTE(triangular_solve_attributes, transpose, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "A^T in A's place"),
    WG_ATTRIBUTE(triangular_solve_attributes, unitriangular, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "A's diagonal counts as 1"),
    WG_ATTRIBUTE(triangular_solve_attributes, right, .kind = WG_ATTRIBUTE_BOOL, .meaning = "X op(A) = B"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const bool right = WG_ATTRIBUTES(infer, triangular_solve)->right;
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    wg_type *x = &infer->outputs[0];
    int status = infer_square(infer);
    if (status) return status;
    if (b->rank < 2 || (right ? matrix_columns(b) : matrix_rows(b)) != matrix_columns(a))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "a is %s, b is %s; b's last%s must equal a's",
                             wg_infer_shape_text(infer, a), wg_infer_shape_text(infer, b),
                             right ? "" : " but one");
    if ((status = infer_batches(infer, 2, 2, x))) return status;
    x->extent[x->rank++] = matrix_rows(b);
    x->extent[x->rank++] = matrix_columns(b);
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const triangular_solve_attributes *at = WG_ATTRIBUTES(rule, triangular_solve);
    const wg_type a_type = wg_type_of(rule->inputs[0]), b_type = wg_type_of(rule->inputs[1]);
    wg_var x = rule->outputs[0];
    wg_var db = wg_triangular_solve(rule->inputs[0], rule->cotangents[0], .upper = at->upper,
                                    .transpose = !at->transpose, .unitriangular = at->unitriangular,
                                    .right = at->right);
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, unbroadcast(db, &b_type));
    if (!wg_rule_wants(rule, 0)) return;
    wg_var first = at->right != at->transpose ? x : db, second = at->right != at->transpose ? db : x;
    wg_var da = at->right ? wg_matmul(first, second, .transpose_a = true)
                          : wg_matmul(first, second, .transpose_b = true);
    da = wg_neg(unbroadcast(da, &a_type));
    const int64_t strict = at->unitriangular;
    wg_rule_set(rule, 0, at->upper ? (wg_triu)(da, strict) : (wg_tril)(da, -strict));
}

static int64_t units(const wg_call *call) {
    const wg_type *x = &call->outputs[0].type;
    return matrix_count(x, 2) * panels_of(WG_ATTRIBUTES(call, triangular_solve), x);
}
static size_t workspace(const wg_call *call) {
    return (size_t)matrix_columns(&call->inputs[0].type) * PANEL * wg_dtype_size(call->dtype);
}
static wg_cost cost(const wg_call *call) {
    const double n = (double)matrix_columns(&call->inputs[0].type);
    return (wg_cost){n * (double)wg_type_count(&call->outputs[0].type), wg_call_bytes(call)};
}

#define S(...) {{__VA_ARGS__, INT64_MIN}}
static void samples(wg_sampler *s) {
    static const wg_shape cases[][2] = {
        {S(3, 3), S(3, 2)}, {S(2, 2), S(2, 2)},       {S(1, 1), S(1, 1)},       {S(4, 4), S(4, 1)},
        {S(3, 3), S(3, 3)}, {S(2, 2, 2), S(2, 2, 3)}, {S(2, 2), S(3, 2, 1)},    {S(3, 2, 2), S(2, 2)},
        {S(0, 0), S(0, 2)}, {S(2, 2), S(2, 0)},       {S(0, 2, 2), S(1, 2, 2)}, {S(2, 1, 2, 2), S(3, 2, 2)},
    };
    for (int i = 0; i < (int)(sizeof cases / sizeof *cases); i++)
        for (int flags = 0; flags < 16; flags++) {
            const triangular_solve_attributes at = {flags & 1, flags & 2, flags & 4, flags & 8};
            const int64_t *of = cases[i][1].extent;
            wg_shape b = cases[i][1];
            int rank = 0;
            while (of[rank] != INT64_MIN) rank++;
            if (at.right) b.extent[rank - 2] = of[rank - 1], b.extent[rank - 1] = of[rank - 2];
            if (i == 0 || flags % 4 == i % 4)
                WG_SAMPLE(s, &at, {.shape = &cases[i][0], .values = WG_DOMINANT}, {.shape = &b});
        }
}
#undef S

const wg_op wg_op_triangular_solve = {
    .name = "triangular_solve", .formula = "y = a^-1 b, a triangular", .torch = "linalg.solve_triangular",
    .shapes = "a [..., n, n], b [*] -> y [*]; y as b [..., n, m], or with right [..., m, n]; axes before "
              "broadcast",
    .gradient = "db = a^-T dy, da = -db y^T in its triangle; right: db = dy a^-T, da = -y^T db",
    .inputs = 2, .outputs = 1, .linear_in = 1 << 1, .flags = WG_CAN_FAIL,
    .attributes = attributes, .attributes_size = sizeof(triangular_solve_attributes), .infer = infer,
    .forward = WG_FORWARD(triangular_solve), .backward = backward, .units = units, .workspace = workspace,
    .cost = cost, .samples = samples,
};

wg_var (wg_triangular_solve)(wg_var a, wg_var b, const wg_triangular_solve_options *options) {
    WG_READ_OPTIONS(wg_triangular_solve_options, o, options);
    const triangular_solve_attributes chosen = {o.upper, o.transpose, o.unitriangular, o.right};
    return WG_RECORD(&wg_op_triangular_solve, &chosen, a, b);
}

#endif
