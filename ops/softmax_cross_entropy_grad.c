/* softmax_cross_entropy_grad — the gradient of softmax_cross_entropy for its logits, with cotangent dy [N,
 * d…]
 *
 *     g[n, c] = dy[n] (Q[n] s[n, c] - q[n, c]),    Q[n] = sum_c q[n, c],  q the shares of cross_entropy.h
 *
 * and 0 where the factor of dy is, even if dy is infinite, as that of a mean is if all weights are 0. It
 * has a rule of its own; with the cotangent v of g, and t = sum_c s[c] v[c] along each row,
 *
 *     d dy = sum_c v[c] (Q s[c] - q[c])        d logits[c] = dy Q s[c] (v[c] - t)
 *     d p[c] = dy (t - v[c]) w[c] (1 - smoothing)    d w[c] = sum_n dy (t - v[c]) q[c] / w[c] */
#include "cross_entropy.h"

#if WG_IS_REAL

/* g = Q s - q of row n, which is given as x, times dy. */
WG_INLINE void row_gradient(const cross_entropy *of, const real *x, int64_t n, int64_t class, real dy,
                            real *copy, real *g) {
    const int64_t classes = of->classes;
    const real sum = row_exp(x, classes, row_max(x, classes), g);
    if (of->picks) {
        WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) g[c] = dy * (g[c] / sum - (c == class));
    } else {
        const real *q = shares_of(of, n, class, copy), mass = row_sum(q, classes);
        WG_INDEPENDENT_LOOP for (int64_t c = 0; c < classes; c++) {
            const real factor = mass * (g[c] / sum) - q[c];
            g[c] = factor == 0 ? 0 : dy * factor;
        }
    }
}

static void grad(const wg_call *call) {
    const cross_entropy of = cross_entropy_of(call, 1);
    const int64_t classes = of.classes, inner = of.inner;
    real *buffer = call->workspace;
    for (int64_t n = call->begin; n < call->end; n++) {
        real dy = WG_IN(call, 0, real)[n], *g = WG_OUT(call, 0, real) + row_start(&of, n);
        int64_t class;
        if (!class_of(&of, call, n, &class)) return;
        if (of.picks && of.weight && class >= 0) dy = of.weight[class] == 0 ? 0 : dy * of.weight[class];
        if (class < 0 || dy == 0) { /* whatever the logits are */
            for (int64_t c = 0; c < classes; c++) g[c * inner] = 0;
            continue;
        }
        const real *x = row_of(&of, WG_IN(call, 1, real), n, buffer + classes);
        if (inner == 1) {
            row_gradient(&of, x, n, class, dy, buffer + 2 * classes, g);
        } else {
            row_gradient(&of, x, n, class, dy, buffer + 2 * classes, buffer);
            for (int64_t c = 0; c < classes; c++) g[c * inner] = buffer[c];
        }
    }
}
WG_KERNEL(softmax_cross_entropy_grad, grad)

#endif

#ifdef WG_RULES

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(cross_entropy_attributes, ignore_index, .kind = WG_ATTRIBUTE_INT, .preset = -100,
                 .meaning = "of the loss"),
    WG_ATTRIBUTE(cross_entropy_attributes, label_smoothing, .kind = WG_ATTRIBUTE_REAL, .bounded = true,
                 .low = 0, .high = 1, .meaning = "of the loss"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *dy = &infer->inputs[0], *logits = &infer->inputs[1];
    const int status = wg_cross_entropy_infer(infer, 1);
    if (status) return status;
    if (dy->dtype != logits->dtype || dy->rank != logits->rank - 1 || dy->extent[0] != logits->extent[0] ||
        memcmp(dy->extent + 1, logits->extent + 2, (size_t)(dy->rank - 1) * sizeof *dy->extent))
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, logits are %s; dy must be [N, …] of their dtype",
                             wg_infer_text(infer, dy), wg_infer_text(infer, logits));
    infer->outputs[0] = *logits;
    return WG_OK;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const wg_var weight = inputs[3].tape ? inputs[3] : WG_NONE;
    (void)tape;
    wg_var q = weighted(smoothed(inputs[1], inputs[2], given), weight);
    return wg_scale_cotangent(column(inputs[0]), wg_sub(wg_mul(row_total(q), wg_softmax(inputs[1], 1)), q));
}

static void backward(wg_rule *rule) {
    wg_var dy = rule->inputs[0], logits = rule->inputs[1], targets = rule->inputs[2], v = rule->cotangents[0];
    const wg_var weight = rule->input_count > 3 ? rule->inputs[3] : WG_NONE;
    const cross_entropy_attributes *a = rule->attributes;
    const wg_type type = wg_type_of(dy);
    const wg_shape shape = wg_shape_of(&type);
    wg_var s = wg_softmax(logits, 1), t = row_total(wg_mul(s, v));
    if (wg_rule_wants(rule, 0)) {
        wg_var one = wg_full(rule->tape, type.dtype, &shape, 1);
        wg_var g = WG_RECORD(&wg_op_softmax_cross_entropy_grad, a, one, logits, targets, weight);
        wg_rule_set(rule, 0, wg_sum(wg_mul(v, g), WG_AXES(1)));
    }
    if (wg_rule_wants(rule, 1)) {
        wg_var mass = row_total(weighted(smoothed(logits, targets, a), weight));
        wg_rule_set(rule, 1, wg_scale_cotangent(wg_mul(column(dy), mass), wg_mul(s, wg_sub(v, t))));
    }
    wg_var of_shares = wg_mul(column(dy), wg_sub(t, v));
    if (wg_rule_wants(rule, 2)) {
        wg_var rest = wg_scalar(rule->tape, 1 - a->label_smoothing);
        wg_rule_set(rule, 2, weighted(a->label_smoothing == 0 ? of_shares : wg_mul(of_shares, rest), weight));
    }
    if (rule->input_count > 3 && wg_rule_wants(rule, 3))
        wg_rule_set(rule, 3, class_total(wg_scale_cotangent(smoothed(logits, targets, a), of_shares)));
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->inputs[0].type); }
static size_t workspace(const wg_call *call) { return cross_entropy_rows(call, 1); }
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 26); }
static void samples(wg_sampler *s) { wg_cross_entropy_samples(s, true); }

const wg_op wg_op_softmax_cross_entropy_grad = {
    .name = "softmax_cross_entropy_grad",
    .formula = "g[n, c] = dy[n] (sum_k q[n, k] softmax(x[n])[c] - q[n, c])",
    .shapes = "dy [N, ...], x [N, C, ...], target [*], weight [C]? -> g [N, C, ...]; targets as "
              "softmax_cross_entropy's",
    .gradient = "ddy[n] = sum_c dg[n, c] (Q s[c] - q[c]), dx[n, c] = dy[n] Q s[c] (dg[n, c] - sum_k s[k] "
                "dg[n, k]), s = softmax(x[n]), Q = sum_c q[c]",
    .inputs = 3, .inputs_max = 4, .outputs = 1,
    .flags = WG_CAN_FAIL | WG_HELPER, .linear_in = 1 << 0 | 1 << 3,
    .attributes = schema, .attributes_size = sizeof(cross_entropy_attributes),
    .infer = infer, .forward = WG_FORWARD(softmax_cross_entropy_grad), .backward = backward, .expand = expand,
    .units = units, .workspace = workspace, .cost = cost, .samples = samples,
};

#endif
