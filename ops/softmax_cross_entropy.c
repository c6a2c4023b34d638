/* softmax_cross_entropy — the loss of a classifier, row by row; the gradient is softmax_cross_entropy_grad
 *
 *     loss[n] = -sum_c q[n, c] log s[n, c],    s = softmax(logits[n]),  q the shares of cross_entropy.h
 *
 * Targets are probabilities p [N, C, d…], or class indices [N, d…] that stand for p one-hot; an index that is
 * negative or `ignore_index` stands for q = 0: loss and gradient 0. A q of 0 makes a term 0 even where the
 * logit is -infinity. With the cotangent dy of the loss,
 *
 *     d p[c] = -dy w[c] (1 - smoothing) log s[c]    d w[c] = -sum_n dy (q[n, c] / w[c]) log s[n, c]
 *
 * As ONNX and PyTorch have it, where weights have no gradient. */
#include "cross_entropy.h"

#if WG_IS_REAL

/* A unit is a row. */
static void forward(const wg_call *call) {
    const cross_entropy of = cross_entropy_of(call, 0);
    const int64_t classes = of.classes;
    real *e = call->workspace, *loss = WG_OUT(call, 0, real);
    for (int64_t n = call->begin; n < call->end; n++) {
        int64_t class;
        if (!class_of(&of, call, n, &class)) return;
        if (class < 0) {
            loss[n] = 0;
            continue;
        }
        const real *x = row_of(&of, WG_IN(call, 0, real), n, e + classes), most = row_max(x, classes);
        const real log_sum = wm_log(row_exp(x, classes, most, e));
        if (of.picks) {
            const real weight = of.weight ? of.weight[class] : 1, alone = log_sum - (x[class] - most);
            loss[n] = weight == 0 ? 0 : weight * alone;
        } else {
            const real *q = shares_of(&of, n, class, e + 2 * classes);
            WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) {
                const real term = q[c] * (log_sum - (x[c] - most));
                e[c] = q[c] == 0 ? 0 : term;
            }
            loss[n] = row_sum(e, classes);
        }
    }
}
WG_KERNEL(softmax_cross_entropy, forward)

#endif

#ifdef WG_RULES

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(cross_entropy_attributes, ignore_index, .kind = WG_ATTRIBUTE_INT, .preset = -100,
                 .meaning = "a class that does not count; negative ones never do"),
    WG_ATTRIBUTE(cross_entropy_attributes, label_smoothing, .kind = WG_ATTRIBUTE_REAL, .bounded = true,
                 .low = 0, .high = 1, .meaning = "how much of each target is spread evenly over all classes"),
    WG_NO_MORE_ATTRIBUTES};

int wg_cross_entropy_infer(wg_infer *infer, int first) {
    const wg_type *logits = &infer->inputs[first], *targets = logits + 1, *weight = logits + 2;
    if (logits->dtype != WG_F32 && logits->dtype != WG_F64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "logits are %s; they must be f32 or f64 (wg_cast converts)",
                             wg_infer_text(infer, logits));
    if (logits->rank < 2 || logits->extent[1] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "logits are %s; they must be [N, C, …] with at least one class",
                             wg_infer_shape_text(infer, logits));
    if (!is_index(targets->dtype) && targets->dtype != logits->dtype)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "targets are %s, logits %s; targets must be class indices (i32, i64, u8), or "
                             "probabilities of the logits' dtype",
                             wg_infer_text(infer, targets), wg_infer_text(infer, logits));
    wg_type wanted = *logits;
    if (is_index(targets->dtype)) {
        for (int i = 1; i + 1 < wanted.rank; i++) wanted.extent[i] = wanted.extent[i + 1];
        wanted.extent[--wanted.rank] = 0;
    }
    if (targets->rank != wanted.rank ||
        memcmp(targets->extent, wanted.extent, (size_t)wanted.rank * sizeof *wanted.extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "targets are %s, logits %s; targets must be %s",
                             wg_infer_text(infer, targets), wg_infer_text(infer, logits),
                             is_index(targets->dtype) ? "[N, …], a class for each row"
                                                      : "[N, C, …], like the logits");
    if (infer->input_count > first + 2 && weight->dtype != WG_NO_DTYPE &&
        (weight->dtype != logits->dtype || weight->rank != 1 || weight->extent[0] != logits->extent[1]))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "logits are %s, the weight is %s; it must be [C] of their dtype",
                             wg_infer_text(infer, logits), wg_infer_text(infer, weight));
    return WG_OK;
}

static int infer(wg_infer *infer) {
    wg_type *y = &infer->outputs[0];
    *y = infer->inputs[0];
    for (int i = 1; i + 1 < y->rank; i++) y->extent[i] = y->extent[i + 1];
    if (y->rank) y->extent[--y->rank] = 0;
    return wg_cross_entropy_infer(infer, 0);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const wg_var weight = inputs[2].tape ? inputs[2] : WG_NONE;
    (void)tape;
    wg_var shares = weighted(smoothed(inputs[0], inputs[1], given), weight);
    return wg_neg(wg_sum(wg_scale_cotangent(shares, wg_log_softmax(inputs[0], 1)), WG_AXES(1)));
}

static void backward(wg_rule *rule) {
    wg_var logits = rule->inputs[0], targets = rule->inputs[1], dy = rule->cotangents[0];
    const wg_var weight = rule->input_count > 2 ? rule->inputs[2] : WG_NONE;
    const cross_entropy_attributes *a = rule->attributes;
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, WG_RECORD(&wg_op_softmax_cross_entropy_grad, a, dy, logits, targets, weight));
    if (wg_rule_wants(rule, 1)) {
        wg_var d = wg_scale_cotangent(column(wg_neg(dy)), wg_log_softmax(logits, 1));
        if (a->label_smoothing != 0) d = wg_mul(d, wg_scalar(rule->tape, 1 - a->label_smoothing));
        wg_rule_set(rule, 1, weighted(d, weight));
    }
    if (rule->input_count > 2 && wg_rule_wants(rule, 2)) {
        wg_var shares = wg_mul(column(wg_neg(dy)), smoothed(logits, targets, a));
        wg_rule_set(rule, 2, class_total(wg_scale_cotangent(shares, wg_log_softmax(logits, 1))));
    }
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static size_t workspace(const wg_call *call) { return cross_entropy_rows(call, 0); }
static wg_cost cost(const wg_call *call) {
    return (wg_cost){24 * (double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

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

/* Of more axes, with weights, smoothing, and a class that is ignored besides: all for indices and
 * probabilities. */
static const wg_shape deep_shapes[] = {
    {{4, 3, INT64_MIN}},       {{2, 3, 2, INT64_MIN}},  {{3, 2, 1, INT64_MIN}},
    {{1, 4, 2, 2, INT64_MIN}}, {{2, 1, 3, INT64_MIN}},  {{1, 2, 1, 2, 1, 1, 1, 2, INT64_MIN}},
    {{2, 3, 0, INT64_MIN}},    {{1, 19, 2, INT64_MIN}},
};
enum { DEEP_SHAPES = sizeof deep_shapes / sizeof *deep_shapes };

static void sample(wg_sampler *s, bool with_dy, const cross_entropy_attributes *a, const wg_shape *shape,
                   wg_sample_input logits, wg_sample_input targets, bool with_weight) {
    const wg_sample_input weight = {.shape = WG_SHAPE(shape->extent[1]), .values = WG_UNIFORM, .low = 0.25,
                                    .high = 3, .absent = !with_weight};
    wg_shape rows = {{shape->extent[0]}};
    for (int i = 1; rows.extent[i - 1] != INT64_MIN; i++) rows.extent[i] = shape->extent[i + 1];
    logits.shape = shape;
    targets.shape = targets.dtype == WG_NO_DTYPE ? shape : &rows;
    if (with_dy) WG_SAMPLE(s, a, {.shape = &rows}, logits, targets, weight);
    else WG_SAMPLE(s, a, logits, targets, weight);
}

/* Indices from -2 on: some rows are ignored. */
void wg_cross_entropy_samples(wg_sampler *s, bool with_dy) {
    const cross_entropy_attributes plain = {-100, 0};
    for (int i = 0; i < LOSS_CASES; i++) {
        const loss_case *at = &loss_cases[i];
        const double least = at->dtype == WG_NO_DTYPE || at->dtype == WG_U8 ? 0 : -2;
        sample(s, with_dy, &plain, WG_SHAPE(at->rows, at->classes),
               (wg_sample_input){.values = at->logits, .low = at->low, .high = at->high},
               (wg_sample_input){.dtype = at->dtype, .values = at->targets, .low = least, .high = at->most},
               false);
    }
    for (int i = 0; i < 3 * DEEP_SHAPES; i++) {
        const cross_entropy_attributes with = {(int64_t[]){-100, 0, 1}[(i + i / 3) % 3],
                                               (double[]){0, 0.1, 1}[(i / 3 + i / 9) % 3]};
        const wg_shape *shape = &deep_shapes[i / 3];
        const bool probabilities = i % 3 == 2;
        sample(s, with_dy, &with, shape, (wg_sample_input){.values = WG_NORMAL},
               (wg_sample_input){.dtype = probabilities ? WG_NO_DTYPE
                                          : i % 2       ? WG_I64
                                                        : WG_I32,
                                 .values = probabilities ? WG_UNIFORM : WG_INTEGERS,
                                 .low = probabilities ? 0.1 : -1,
                                 .high = probabilities ? 0.5 : (double)shape->extent[1] - 1},
               i % 3 || i % 2);
    }
}
static void samples(wg_sampler *s) { wg_cross_entropy_samples(s, false); }

const wg_op wg_op_softmax_cross_entropy = {
    .name = "softmax_cross_entropy", .formula = "y[n] = -sum_c q[n, c] log softmax(x[n])[c]",
    .shapes = "x [N, C, ...], target [*], weight [C]? -> y [N, ...]; targets are classes [N, ...], or "
              "probabilities like x",
    .gradient = "dx = softmax_cross_entropy_grad(dy, x, target, weight), dtarget[n, c] = -dy[n] weight[c] "
                "(1 - label_smoothing) log softmax(x[n])[c]",
    .onnx = "SoftmaxCrossEntropyLoss", .torch = "cross_entropy",
    .inputs = 2, .inputs_max = 3, .outputs = 1, .flags = WG_CAN_FAIL, .linear_in = 1 << 2,
    .attributes = schema, .attributes_size = sizeof(cross_entropy_attributes),
    .infer = infer, .forward = WG_FORWARD(softmax_cross_entropy), .backward = backward, .expand = expand,
    .units = units, .workspace = workspace, .cost = cost, .samples = samples,
};

/* What the mean divides by: the rows that count, or their weights. */
static wg_var counted(wg_var targets, wg_var weight, int64_t ignore_index, wg_dtype dtype) {
    wg_var counts = is_counted(targets, ignore_index);
    if (!weight.tape) return wg_sum(wg_cast(counts, dtype), WG_ALL_AXES);
    const wg_dtype whole = wg_type_of(targets).dtype == WG_I32 ? WG_I32 : WG_I64;
    wg_var t = wg_where(counts, wg_cast(targets, whole), wg_full(targets.tape, whole, WG_SCALAR_SHAPE, 0));
    return wg_sum(wg_where(counts, wg_gather(weight, t, 0), wg_scalar(targets.tape, 0)), WG_ALL_AXES);
}

wg_var (wg_softmax_cross_entropy)(wg_var logits, wg_var targets, const wg_cross_entropy_options *options) {
    WG_READ_OPTIONS(wg_cross_entropy_options, given, options);
    const cross_entropy_attributes with = {given.ignore_index ? given.ignore_index : -100,
                                           given.label_smoothing};
    wg_var loss = WG_RECORD(&wg_op_softmax_cross_entropy, &with, logits, targets, given.weight);
    if (!wg_valid(loss) || given.reduction == WG_NO_REDUCTION) return loss;
    if (given.reduction == WG_SUM) return wg_sum(loss, WG_ALL_AXES);
    if (given.reduction != WG_MEAN)
        return wg_fail(
            loss.tape, WG_ERROR_ATTRIBUTE,
            "softmax_cross_entropy: reduction is %d; there are WG_MEAN, WG_SUM and WG_NO_REDUCTION",
            (int)given.reduction);
    const wg_dtype dtype = wg_type_of(targets).dtype;
    const bool all_count = dtype == WG_U8 && with.ignore_index < 0 && !given.weight.tape;
    if (!is_index(dtype) || all_count) return wg_mean(loss, WG_ALL_AXES);
    return wg_div(wg_sum(loss, WG_ALL_AXES),
                  counted(targets, given.weight, with.ignore_index, wg_type_of(loss).dtype));
}

#endif
