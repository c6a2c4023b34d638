/* add, sub, mul, div, neg — with cotangent dy of y:
 *
 *     y = a + b    da = dy      db = dy
 *     y = a - b    da = dy      db = -dy
 *     y = a b      da = dy b    db = dy a
 *     y = a / b    da = dy / b  db = -dy y / b
 *     y = -x       dx = -dy
 *
 * Whole numbers wrap around. Their quotient is truncated; dividing by 0 fails the run. */
#include "op.h"

WG_BINARY(add, (wrapping)a + (wrapping)b)
WG_BINARY(sub, (wrapping)a - (wrapping)b)
WG_BINARY(mul, (wrapping)a * (wrapping)b)
WG_UNARY(neg, -(wrapping)x)

#if WG_IS_REAL
WG_BINARY(div, a / b)
#else
static void div_forward(const wg_call *call) {
    const number *pa = WG_IN(call, 0, number), *pb = WG_IN(call, 1, number);
    number *py = WG_OUT(call, 0, number);
    for (int64_t i = call->begin; i < call->end; i++) {
        if (pb[i] == 0) {
            wg_call_fail(call, WG_ERROR_INDEX, "a whole number is divided by 0");
            return;
        }
        /* The least number / -1 is one more than the largest: it wraps, where the processor would trap. */
        py[i] = pb[i] == -1 ? (number)-(wrapping)pa[i] : pa[i] / pb[i];
    }
}
WG_KERNEL(div, div_forward)
#endif

#ifdef WG_RULES

static void add_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, rule->cotangents[0]);
    wg_rule_set(rule, 1, rule->cotangents[0]);
}

static void sub_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, rule->cotangents[0]);
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_neg(rule->cotangents[0]));
}

static void mul_backward(wg_rule *rule) {
    wg_var a = rule->inputs[0], b = rule->inputs[1], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0)) wg_rule_set(rule, 0, wg_scale_cotangent(dy, b));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_scale_cotangent(dy, a));
}

static void div_backward(wg_rule *rule) {
    wg_var b = rule->inputs[1], y = rule->outputs[0], dy = rule->cotangents[0];
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, wg_scale_cotangent(dy, wg_div(wg_scalar(rule->tape, 1), b)));
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_scale_cotangent(dy, wg_neg(wg_div(y, b))));
}

static void neg_backward(wg_rule *rule) { wg_rule_set(rule, 0, wg_neg(rule->cotangents[0])); }

static void binary_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_NORMAL, 0, 0);
    wg_sample_binary(s, WG_UNIFORM, -100, 100);
}

static void div_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_UNIFORM, 0.5, 4);
    wg_sample_binary(s, WG_UNIFORM, -20, -1);
}

static void unary_samples(wg_sampler *s) { wg_sample_unary(s, WG_NORMAL, 0, 0); }

const wg_op wg_op_add = {
    .name = "add", .formula = "y = a + b", .onnx = "Add", .torch = "add",
    .gradient = "da = dy, db = dy",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(add), .backward = add_backward,
    .samples = binary_samples,
};

const wg_op wg_op_sub = {
    .name = "sub", .formula = "y = a - b", .onnx = "Sub", .torch = "sub",
    .gradient = "da = dy, db = -dy",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(sub), .backward = sub_backward,
    .samples = binary_samples,
};

const wg_op wg_op_mul = {
    .name = "mul", .formula = "y = a * b", .onnx = "Mul", .torch = "mul",
    .gradient = "da = dy b, db = dy a",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE, .linear_in = 1 << 0 | 1 << 1,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(mul), .backward = mul_backward,
    .samples = binary_samples,
};

const wg_op wg_op_div = {
    .name = "div", .formula = "y = a / b", .onnx = "Div", .torch = "div",
    .gradient = "da = dy / b, db = -dy y / b",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_INTEGERS_FAIL, .linear_in = 1 << 0,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(div), .backward = div_backward,
    .samples = div_samples,
};

const wg_op wg_op_neg = {
    .name = "neg", .formula = "y = -x", .onnx = "Neg", .torch = "neg",
    .gradient = "dx = -dy",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE, .linear_in = 1 << 0,
    .infer = wg_infer_broadcast, .forward = WG_FORWARD(neg), .backward = neg_backward,
    .samples = unary_samples,
};

wg_var (wg_add)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_add, NULL, a, b); }
wg_var (wg_sub)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_sub, NULL, a, b); }
wg_var (wg_mul)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_mul, NULL, a, b); }
wg_var (wg_div)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_div, NULL, a, b); }
wg_var (wg_neg)(wg_var x) { return WG_RECORD(&wg_op_neg, NULL, x); }

#endif
