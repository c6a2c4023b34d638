/* ctc_loss, ctc_loss_grad — connectionist temporal classification (Graves, Fernández, Gomez, Schmidhuber,
 * ICML 2006)
 *
 *     loss[n] = -log sum over alignments p of exp(sum_t x[t, n, p_t])
 *     grad:     g[t, n, c] = -dy[n] sum over states s of label c of P(s at t),
 *               P(s at t) = exp(ways[t, s] + rest[t, s] + loss)
 *
 * An alignment gives each of the first input_lengths[n] steps a class, so that with repeats made one and
 * blanks left out the targets remain. Sums over them go forward step by step over states (ctc.h), and
 * backward for the rest, in logarithms: nothing underflows. Without an alignment the loss is infinite, 0 with
 * `zero_infinity`, and the gradient 0, where PyTorch has NaN without. PyTorch's own gradient is g + exp(x),
 * which is the same behind a log_softmax; this one is the derivative for any x. */
#include "ctc.h"

#if WG_IS_REAL

/* A unit is an entry of the batch. */
static void forward(const wg_call *call) {
    const ctc_attributes *a = WG_ATTRIBUTES(call, ctc);
    for (int64_t n = call->begin; n < call->end; n++) {
        ctc_entry e;
        if (!ctc_entry_of(call, 0, n, &e)) return;
        real *ways = ctc_numbers(call, 1), *next = ways + e.states;
        ctc_start(&e, ways);
        for (int64_t t = 0; t < e.steps; t++) {
            real *before = ways;
            ctc_advance(&e, t, before, next);
            ways = next;
            next = before;
        }
        const real loss = ctc_end(&e, ways);
        WG_OUT(call, 0, real)[n] = a->zero_infinity && loss == (real)__builtin_inf() ? 0 : loss;
    }
}
WG_KERNEL(ctc_loss, forward)

/* From what is left after step t to what is left after the step before. */
WG_INLINE void go_back(const ctc_entry *e, int64_t t, real *rest) {
    const real never = -(real)__builtin_inf();
    for (int64_t s = 0; s < e->states; s++) rest[s] += ctc_at(e, t, s);
    for (int64_t s = 0; s < e->states; s++)
        rest[s] = ctc_sum(rest[s], s + 1 < e->states ? rest[s + 1] : never,
                          s + 2 < e->states && ctc_skips(e, s + 2) ? rest[s + 2] : never);
}

static void grad(const wg_call *call) {
    const wg_type *x = &call->inputs[1].type;
    for (int64_t n = call->begin; n < call->end; n++) {
        ctc_entry e;
        real *g = WG_OUT(call, 0, real) + n * x->extent[2];
        const real dy = WG_IN(call, 0, real)[n];
        const int64_t row = x->extent[1] * x->extent[2];
        if (!ctc_entry_of(call, 1, n, &e)) return;
        real *rest = ctc_numbers(call, 2), *ways = rest + e.states;
        for (int64_t t = 0; t < x->extent[0]; t++)
            for (int64_t c = 0; c < e.classes; c++) g[t * row + c] = 0;
        ctc_start(&e, ways);
        for (int64_t t = 0; t < e.steps; t++)
            ctc_advance(&e, t, ways + t * e.states, ways + (t + 1) * e.states);
        const real loss = ctc_end(&e, ways + e.steps * e.states);
        if (dy == 0 || loss == (real)__builtin_inf()) continue;
        for (int64_t s = 0; s < e.states; s++) rest[s] = s + 2 < e.states ? -(real)__builtin_inf() : 0;
        for (int64_t t = e.steps - 1; t >= 0; t--) {
            for (int64_t s = 0; s < e.states; s++)
                g[t * row + e.label[s]] -= dy * wm_exp(ways[(t + 1) * e.states + s] + rest[s] + loss);
            go_back(&e, t, rest);
        }
    }
}
WG_KERNEL(ctc_loss_grad, grad)

#endif

#ifdef WG_RULES

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(ctc_attributes, blank, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 0, .high = 0x1p62,
                 .meaning = "the class that stands for none"),
    WG_ATTRIBUTE(ctc_attributes, zero_infinity, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "is the loss 0 where there is no alignment?"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    infer->outputs[0] = (wg_type){infer->inputs[0].dtype, 1, {infer->inputs[0].extent[1]}};
    return wg_ctc_infer(infer, 0);
}
static int infer_grad(wg_infer *infer) {
    const wg_type *dy = &infer->inputs[0], *x = &infer->inputs[1];
    const int status = wg_ctc_infer(infer, 1);
    if (status) return status;
    if (dy->dtype != x->dtype || dy->rank != 1 || dy->extent[0] != x->extent[1])
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "dy is %s, x is %s; dy must be [N] of its dtype",
                             wg_infer_text(infer, dy), wg_infer_text(infer, x));
    infer->outputs[0] = *x;
    return WG_OK;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    return wg_ctc_loss_of(tape, inputs, given);
}
static wg_var expand_grad(wg_tape *tape, const wg_var *inputs, const void *given) {
    return wg_ctc_gradient_of(tape, inputs[0], inputs + 1, given);
}

static void backward(wg_rule *rule) {
    const wg_var *of = rule->inputs;
    wg_rule_set(
        rule, 0,
        WG_RECORD(&wg_op_ctc_loss_grad, rule->attributes, rule->cotangents[0], of[0], of[1], of[2], of[3]));
}
static void backward_of_grad(wg_rule *rule) {
    wg_var of_dy, of_x;
    wg_ctc_second_of(rule->tape, rule->inputs[0], rule->inputs + 1, rule->attributes, rule->cotangents[0],
                     &of_dy, &of_x);
    wg_rule_set(rule, 0, of_dy);
    wg_rule_set(rule, 1, of_x);
}

/* Labels, and of all states two rows of numbers, or one for each step and two. */
static size_t room(const wg_call *call, int first, int64_t rows) {
    const int64_t states = 2 * call->inputs[first + 1].type.extent[1] + 1;
    return (size_t)states * (sizeof(int64_t) + (size_t)rows * wg_dtype_size(call->dtype));
}
static size_t workspace(const wg_call *call) { return room(call, 0, 2); }
static size_t workspace_of_grad(const wg_call *call) {
    return room(call, 1, call->inputs[1].type.extent[0] + 2);
}
static int64_t units(const wg_call *call) { return wg_type_count(&call->inputs[call->input_count - 1].type); }
static wg_cost cost_of(const wg_call *call, int first, double flops) {
    const wg_type *x = &call->inputs[first].type;
    const double states = (double)(2 * call->inputs[first + 1].type.extent[1] + 1);
    return (wg_cost){flops * (double)(x->extent[0] * x->extent[1]) * states, wg_call_bytes(call)};
}
static wg_cost cost(const wg_call *call) { return cost_of(call, 0, 90); }
static wg_cost cost_of_grad(const wg_call *call) { return cost_of(call, 1, 200); }
static void samples(wg_sampler *s) { wg_ctc_samples(s, false); }
static void samples_of_grad(wg_sampler *s) { wg_ctc_samples(s, true); }

const wg_op wg_op_ctc_loss = {
    .name = "ctc_loss",
    .formula = "y[n] = -log sum_p exp(sum_t x[t, n, p[t]]), p the alignments of the targets",
    .shapes = "x [T, N, C], targets [N, S], input_lengths [N], target_lengths [N] -> y [N]",
    .gradient = "dx[t, n, c] = -dy[n] P(p[t] = c), P(p) = exp(y[n] + sum_t x[t, n, p[t]])",
    .torch = "ctc_loss",
    .inputs = 4,
    .outputs = 1,
    .flags = WG_CAN_FAIL,
    .attributes = schema,
    .attributes_size = sizeof(ctc_attributes),
    .infer = infer,
    .forward = WG_FORWARD(ctc_loss),
    .backward = backward,
    .expand = expand,
    .units = units,
    .workspace = workspace,
    .cost = cost,
    .samples = samples,
    .f32_cancelled = 1,
};
const wg_op wg_op_ctc_loss_grad = {
    .name = "ctc_loss_grad", .formula = "g[t, n, c] = -dy[n] P(the alignment of n has class c at t)",
    .shapes = "dy [N], x [T, N, C], targets [N, S], input_lengths [N], target_lengths [N] -> g [T, N, C]",
    .gradient = "ddy[n] = -E V, dx[t, n, c] = -dy[n] (E(V; p[t] = c) - E V P(p[t] = c)), V = sum_t dg[t, n, p[t]]",
    .inputs = 5, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .linear_in = 1 << 0,
    .attributes = schema, .attributes_size = sizeof(ctc_attributes),
    .infer = infer_grad, .forward = WG_FORWARD(ctc_loss_grad), .backward = backward_of_grad,
    .expand = expand_grad, .units = units, .workspace = workspace_of_grad, .cost = cost_of_grad,
    .samples = samples_of_grad,
    .f32_cancelled = 1,
};

wg_var (wg_ctc_loss)(wg_var x, wg_var targets, wg_var input_lengths, wg_var target_lengths,
                     const wg_ctc_options *options) {
    WG_READ_OPTIONS(wg_ctc_options, given, options);
    ctc_attributes with;
    memset(&with, 0, sizeof with);
    with.blank = given.blank;
    with.zero_infinity = given.zero_infinity;
    wg_var loss = WG_RECORD(&wg_op_ctc_loss, &with, x, targets, input_lengths, target_lengths);
    if (!wg_valid(loss) || given.reduction == WG_NO_REDUCTION) return loss;
    if (given.reduction == WG_SUM) return wg_sum(loss, WG_ALL_AXES);
    if (given.reduction != WG_MEAN)
        return wg_fail(loss.tape, WG_ERROR_ATTRIBUTE,
                       "ctc_loss: reduction is %d; there are WG_MEAN, WG_SUM and WG_NO_REDUCTION",
                       (int)given.reduction);
    wg_var count = wg_maximum(wg_cast(target_lengths, wg_type_of(loss).dtype), wg_scalar(loss.tape, 1));
    return wg_mean(wg_div(loss, count), WG_ALL_AXES);
}

#endif
