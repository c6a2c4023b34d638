/* softmax_cross_entropy, softmax_cross_entropy_grad — the loss of a classifier, row by row
 *
 *     loss[n] = -sum_c p[n, c] log s[n, c],    s = softmax(logits[n])
 *     grad:     g[n, c] = dy[n] (P[n] s[n, c] - p[n, c]),    P[n] = sum_c p[n, c]
 *
 * Targets are probabilities p [N, C], or class indices [N] that stand for p one-hot; a negative index stands
 * for p = 0: loss and gradient 0. A p of 0 makes a term 0 even where the logit is -infinity. grad is the
 * loss's rule, and has one of its own; with the cotangent v of g, and t = sum_c s[c] v[c] along each row,
 *
 *     d dy = sum_c v[c] (P s[c] - p[c])     d logits[c] = dy P s[c] (v[c] - t)     d p[c] = dy (t - v[c])
 *
 * The loss's derivative for p is -dy log s. */
#include "rowwise.h"

/* The class of row n; targets are i32, i64 or u8. */
WG_INLINE int64_t class_at(const wg_operand *targets, int64_t n) {
    switch (targets->type.dtype) {
    case WG_I32: return ((const int32_t *)targets->data)[n];
    case WG_I64: return ((const int64_t *)targets->data)[n];
    default: return ((const uint8_t *)targets->data)[n];
    }
}

#if WG_IS_REAL

/* Is it a class, or negative? Else the run fails. */
WG_INLINE bool class_is_good(const wg_call *call, int64_t n, int64_t class, int64_t classes) {
    if (__builtin_expect(class < classes, 1)) return true;
    wg_call_fail(call, WG_ERROR_INDEX, "row %lld has class %lld; there are %lld classes", (long long)n,
                 (long long)class, (long long)classes);
    return false;
}

/* A unit is a row. */
static void forward(const wg_call *call) {
    const wg_operand *targets = &call->inputs[1];
    const int64_t classes = call->inputs[0].type.extent[1];
    real *e = call->workspace, *loss = WG_OUT(call, 0, real);
    for (int64_t n = call->begin; n < call->end; n++) {
        const real *x = WG_IN(call, 0, real) + n * classes, most = row_max(x, classes);
        const int64_t class = targets->type.rank == 1 ? class_at(targets, n) : 0;
        if (!class_is_good(call, n, class, classes)) return;
        if (class < 0) {
            loss[n] = 0;
            continue;
        }
        const real log_sum = wm_log(row_exp(x, classes, most, e));
        if (targets->type.rank == 1) {
            loss[n] = log_sum - (x[class] - most);
        } else {
            const real *p = WG_IN(call, 1, real) + n * classes;
            WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) {
                const real term = p[c] * (log_sum - (x[c] - most));
                e[c] = p[c] == 0 ? 0 : term;
            }
            loss[n] = row_sum(e, classes);
        }
    }
}
WG_KERNEL(softmax_cross_entropy, forward)

static void grad(const wg_call *call) {
    const wg_operand *targets = &call->inputs[2];
    const int64_t classes = call->inputs[1].type.extent[1];
    for (int64_t n = call->begin; n < call->end; n++) {
        const real *x = WG_IN(call, 1, real) + n * classes, dy = WG_IN(call, 0, real)[n];
        real *g = WG_OUT(call, 0, real) + n * classes;
        const int64_t class = targets->type.rank == 1 ? class_at(targets, n) : 0;
        if (!class_is_good(call, n, class, classes)) return;
        if (class < 0 || dy == 0) { /* whatever the logits are */
            memset(g, 0, (size_t)classes * sizeof(real));
            continue;
        }
        const real sum = row_exp(x, classes, row_max(x, classes), g);
        if (targets->type.rank == 1) {
            WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) g[c] = dy * (g[c] / sum - (c == class));
        } else {
            const real *p = WG_IN(call, 2, real) + n * classes, mass = row_sum(p, classes);
            WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) g[c] = dy * (mass * (g[c] / sum) - p[c]);
        }
    }
}
WG_KERNEL(softmax_cross_entropy_grad, grad)

#endif

#ifdef WG_RULES

static bool is_index(wg_dtype dtype) { return dtype == WG_I32 || dtype == WG_I64 || dtype == WG_U8; }

/* logits [N, C], and targets that belong to them */
static int infer_targets(wg_infer *infer, const wg_type *logits, const wg_type *targets) {
    if (logits->dtype != WG_F32 && logits->dtype != WG_F64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "logits are %s; they must be f32 or f64 (wg_cast converts)",
                             wg_infer_text(infer, logits));
    if (logits->rank != 2 || logits->extent[1] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "logits are %s; they must be [N, C] with at least one class",
                             wg_infer_shape_text(infer, logits));
    if (!is_index(targets->dtype) && targets->dtype != logits->dtype)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "targets are %s, logits %s; targets must be class indices (i32, i64, u8), or "
                             "probabilities of the logits' dtype",
                             wg_infer_text(infer, targets), wg_infer_text(infer, logits));
    const int rank = is_index(targets->dtype) ? 1 : 2;
    if (targets->rank != rank ||
        memcmp(targets->extent, logits->extent, (size_t)rank * sizeof *logits->extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "targets are %s, logits %s; targets must be %s",
                             wg_infer_text(infer, targets), wg_infer_text(infer, logits),
                             rank == 1 ? "[N], a class for each row" : "[N, C], like the logits");
    return WG_OK;
}

static int infer(wg_infer *infer) {
    const wg_type *logits = &infer->inputs[0];
    infer->outputs[0] = (wg_type){.dtype = logits->dtype, .rank = 1, .extent = {logits->extent[0]}};
    return infer_targets(infer, logits, &infer->inputs[1]);
}

static int infer_grad(wg_infer *infer) {
    const wg_type *dy = &infer->inputs[0], *logits = &infer->inputs[1];
    const int status = infer_targets(infer, logits, &infer->inputs[2]);
    if (status) return status;
    if (dy->dtype != logits->dtype || dy->rank != 1 || dy->extent[0] != logits->extent[0])
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "dy is %s, logits are %s; dy must be [N] of their dtype",
                             wg_infer_text(infer, dy), wg_infer_text(infer, logits));
    infer->outputs[0] = *logits;
    return WG_OK;
}

/* v [N] as [N, 1] */
static wg_var column(wg_var v) { return wg_reshape(v, WG_SHAPE(wg_type_of(v).extent[0], 1)); }
static wg_var row_total(wg_var v) { return wg_sum(v, WG_AXES(1), .keepdims = true); }

/* Is each index a class, not a negative one? In `dtype`, 1 or 0. */
static wg_var counts(wg_var targets, wg_dtype dtype) {
    const wg_type type = wg_type_of(targets);
    const wg_shape shape = wg_shape_of(&type);
    if (type.dtype == WG_U8) return wg_full(targets.tape, dtype, &shape, 1);
    return wg_cast(wg_greater_equal(targets, wg_full(targets.tape, type.dtype, WG_SCALAR_SHAPE, 0)), dtype);
}

static wg_var gradient(wg_var dy, wg_var logits, wg_var targets) {
    return WG_RECORD(&wg_op_softmax_cross_entropy_grad, NULL, dy, logits, targets);
}

static void backward(wg_rule *rule) {
    wg_var logits = rule->inputs[0], targets = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, gradient(dy, logits, targets));
    if (wg_rule_wants(rule, 1))
        wg_rule_set(rule, 1, wg_scale_cotangent(column(wg_neg(dy)), wg_log_softmax(logits, 1)));
}

static void backward_of_grad(wg_rule *rule) {
    wg_var dy = rule->inputs[0], logits = rule->inputs[1], targets = rule->inputs[2], v = rule->cotangents[0];
    const wg_type type = wg_type_of(logits);
    wg_var s = wg_softmax(logits, 1), t = row_total(wg_mul(s, v));
    if (wg_rule_wants(rule, 0)) {
        wg_var one = wg_full(rule->tape, type.dtype, WG_SHAPE(type.extent[0]), 1);
        wg_rule_set(rule, 0, wg_sum(wg_mul(v, gradient(one, logits, targets)), WG_AXES(1)));
    }
    if (wg_rule_wants(rule, 1)) {
        const bool indices = is_index(wg_type_of(targets).dtype);
        wg_var mass = indices ? column(counts(targets, type.dtype)) : row_total(targets);
        wg_rule_set(rule, 1, wg_mul(wg_mul(column(dy), mass), wg_mul(s, wg_sub(v, t))));
    }
    if (wg_rule_wants(rule, 2)) wg_rule_set(rule, 2, wg_mul(column(dy), wg_sub(t, v)));
}

static int64_t units(const wg_call *call) { return call->inputs[0].type.extent[0]; }
static size_t workspace(const wg_call *call) {
    return (size_t)call->inputs[0].type.extent[1] * wg_dtype_size(call->dtype);
}
static wg_cost cost(const wg_call *call) {
    return (wg_cost){24 * (double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}
static wg_cost cost_of_grad(const wg_call *call) { return wg_cost_per_element(call, 26); }

typedef struct {
    int64_t rows, classes;
    wg_dtype dtype; /* of indices; WG_NO_DTYPE: probabilities */
    wg_values logits, targets;
    double low, high; /* of the logits */
    double most;      /* of the targets */
} loss_case;
static const loss_case loss_cases[] = {
    {4, 5, WG_I64, WG_NORMAL, WG_INTEGERS, 0, 0, 4},
    {6, 3, WG_I32, WG_NORMAL, WG_INTEGERS, 0, 0, 2},
    {3, 10, WG_U8, WG_NORMAL, WG_INTEGERS, 0, 0, 9},
    {5, 1, WG_I64, WG_NORMAL, WG_INTEGERS, 0, 0, 0}, /* one class */
    {1, 37, WG_I32, WG_UNIFORM, WG_INTEGERS, -5, 5, 36},
    {3, 4, WG_I64, WG_ALL_EQUAL, WG_INTEGERS, 2, 0, 3},
    {3, 4, WG_I64, WG_TIES, WG_INTEGERS, 0, 0, 3},
    {3, 5, WG_I64, WG_UNIFORM, WG_INTEGERS, 9990, 10000, 4},
    {0, 3, WG_I64, WG_NORMAL, WG_INTEGERS, 0, 0, 2},
    {3, 5, WG_NO_DTYPE, WG_NORMAL, WG_UNIFORM, 0, 0, 0.4},
    {2, 17, WG_NO_DTYPE, WG_UNIFORM, WG_UNIFORM, -8, 8, 0.1},
    {3, 4, WG_NO_DTYPE, WG_NORMAL, WG_INTEGERS, 0, 0, 1}, /* zeros among them, and a mass that is not 1 */
    {2, 1, WG_NO_DTYPE, WG_NORMAL, WG_UNIFORM, 0, 0, 1},
    {0, 2, WG_NO_DTYPE, WG_NORMAL, WG_UNIFORM, 0, 0, 1},
};
enum { LOSS_CASES = sizeof loss_cases / sizeof *loss_cases };

/* Indices from -2 on: some rows are ignored. */
static void samples_with(wg_sampler *s, bool with_dy) {
    for (int i = 0; i < LOSS_CASES; i++) {
        const loss_case *at = &loss_cases[i];
        const wg_shape *matrix = WG_SHAPE(at->rows, at->classes), *vector = WG_SHAPE(at->rows);
        const bool probabilities = at->dtype == WG_NO_DTYPE;
        const wg_sample_input logits = {
            .shape = matrix, .values = at->logits, .low = at->low, .high = at->high};
        const wg_sample_input targets = {.dtype = at->dtype, .shape = probabilities ? matrix : vector,
                                         .values = at->targets, .high = at->most,
                                         .low = probabilities || at->dtype == WG_U8 ? 0 : -2};
        if (with_dy) WG_SAMPLE(s, NULL, {.shape = vector}, logits, targets);
        else WG_SAMPLE(s, NULL, logits, targets);
    }
}
static void samples(wg_sampler *s) { samples_with(s, false); }
static void samples_of_grad(wg_sampler *s) { samples_with(s, true); }

const wg_op wg_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy", .formula = "y[n] = -sum_c p[n, c] log softmax(x[n])[c]",
    .onnx = "SoftmaxCrossEntropyLoss", .torch = "cross_entropy",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL, .linear_in = 1 << 1,
    .infer = infer, .forward = WG_FORWARD(softmax_cross_entropy), .backward = backward, .units = units,
    .workspace = workspace, .cost = cost, .samples = samples,
};

const wg_op wg_op_softmax_cross_entropy_grad = {
    .name = "softmax_cross_entropy_grad",
    .formula = "g[n, c] = dy[n] (sum_k p[n, k] softmax(x[n])[c] - p[n, c])",
    .inputs = 3,
    .outputs = 1,
    .flags = WG_CAN_FAIL | WG_HELPER,
    .linear_in = 1 << 0 | 1 << 2,
    .infer = infer_grad,
    .forward = WG_FORWARD(softmax_cross_entropy_grad),
    .backward = backward_of_grad,
    .units = units,
    .cost = cost_of_grad,
    .samples = samples_of_grad,
};

wg_var (wg_softmax_cross_entropy)(wg_var logits, wg_var targets, const wg_cross_entropy_options *options) {
    WG_READ_OPTIONS(wg_cross_entropy_options, given, options);
    wg_var loss = WG_RECORD(&wg_op_softmax_cross_entropy, NULL, logits, targets);
    if (!wg_valid(loss) || given.reduction == WG_NO_REDUCTION) return loss;
    if (given.reduction == WG_SUM) return wg_sum(loss, WG_ALL_AXES);
    if (given.reduction != WG_MEAN)
        return wg_fail(
            loss.tape, WG_ERROR_ATTRIBUTE,
            "softmax_cross_entropy: reduction is %d; there are WG_MEAN, WG_SUM and WG_NO_REDUCTION",
            (int)given.reduction);
    const wg_dtype dtype = wg_type_of(targets).dtype;
    if (dtype != WG_I32 && dtype != WG_I64) return wg_mean(loss, WG_ALL_AXES);
    return wg_div(wg_sum(loss, WG_ALL_AXES), wg_sum(counts(targets, wg_type_of(loss).dtype), WG_ALL_AXES));
}

#endif
