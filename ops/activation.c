/* tanh, sigmoid, relu, relu_grad — with cotangent dy of y:
 *
 *     y = tanh(x)                   dx = dy (1 - y²)
 *     y = 1 / (1 + exp(-x))         dx = dy y (1 - y)
 *     y = max(x, 0)                 dx = relu_grad(dy, y)
 *     y = a where b > 0, else 0     da = relu_grad(dy, b), db = 0        (relu_grad)
 *
 * relu's rule asks y, not x, so that x's memory is free once y is there; its gradient at 0 is 0. NaN is
 * handed on by all of them, as a value and as a cotangent. */
#include "op.h"

WG_UNARY(tanh, wm_tanh(x))
WG_UNARY(sigmoid, wm_sigmoid(x))
WG_UNARY(relu, x <= 0 ? 0 : x)
WG_BINARY(relu_grad, b <= 0 ? 0 : a)

#ifdef WG_RULES

static void tanh_backward(wg_rule *rule) {
    wg_var factor = wg_sub(wg_scalar(rule->tape, 1), wg_square(rule->outputs[0]));
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void sigmoid_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], factor = wg_mul(y, wg_sub(wg_scalar(rule->tape, 1), y));
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void relu_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_relu_grad, NULL, rule->cotangents[0], rule->outputs[0]));
}

static void relu_grad_backward(wg_rule *rule) {
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, WG_RECORD(&wg_op_relu_grad, NULL, rule->cotangents[0], rule->inputs[1]));
}

static void samples(wg_sampler *s) {
    wg_sample_unary(s, WG_NORMAL, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -8, .high = 8});
}

static void relu_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_DISTINCT, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(23), .values = WG_TIES});
}

static void relu_grad_samples(wg_sampler *s) { wg_sample_binary(s, WG_DISTINCT, 0, 0); }

static wg_cost tanh_cost(const wg_call *call) { return wg_cost_per_element(call, 40); }
static wg_cost sigmoid_cost(const wg_call *call) { return wg_cost_per_element(call, 35); }

const wg_op wg_op_tanh = {
    .name = "tanh", .formula = "y = tanh(x)", .onnx = "Tanh", .torch = "tanh",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(tanh), .backward = tanh_backward,
    .cost = tanh_cost, .samples = samples,
};

const wg_op wg_op_sigmoid = {
    .name = "sigmoid", .formula = "y = 1 / (1 + exp(-x))", .onnx = "Sigmoid", .torch = "sigmoid",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(sigmoid), .backward = sigmoid_backward,
    .cost = sigmoid_cost, .samples = samples,
};

const wg_op wg_op_relu = {
    .name = "relu", .formula = "y = max(x, 0)", .onnx = "Relu", .torch = "relu",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(relu), .backward = relu_backward, .samples = relu_samples,
};

const wg_op wg_op_relu_grad = {
    .name = "relu_grad", .formula = "y = b <= 0 ? 0 : a", .torch = "threshold_backward",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE, .linear_in = 1 << 0,
    .infer = wg_infer_real_broadcast, .forward = WG_FORWARD(relu_grad), .backward = relu_grad_backward,
    .samples = relu_grad_samples,
};

wg_var (wg_tanh)(wg_var x) { return WG_RECORD(&wg_op_tanh, NULL, x); }
wg_var (wg_sigmoid)(wg_var x) { return WG_RECORD(&wg_op_sigmoid, NULL, x); }
wg_var (wg_relu)(wg_var x) { return WG_RECORD(&wg_op_relu, NULL, x); }

#endif
