/* tanh, sigmoid, relu, relu_grad, relu_mask — with cotangent dy of y:
 *
 *     y = tanh(x)                   dx = dy (1 - y²)
 *     y = 1 / (1 + exp(-x))         dx = dy y (1 - y)
 *     y = max(x, 0)                 dx = relu_grad(dy, y)
 *     y = 0 where b <= 0, else a    da = relu_grad(dy, b), db = 0        (relu_grad)
 *     y = not (x <= 0)              no gradient                          (relu_mask)
 *
 * relu's rule asks y, not x, so that x's memory is free once y is there; its gradient at 0 is 0. NaN is
 * handed on by all of them, as a value and as a cotangent. relu_grad takes relu_mask(b) for b: a quarter of the
 * bytes, or an eighth (Jain, Phanishayee, Mars, Tang & Pekhimenko 2018, "Gist: Efficient Data Encoding for Deep
 * Neural Network Training", keep a bit for the same purpose). */
#include "op.h"

WG_UNARY(tanh, wm_tanh(x))
WG_UNARY(sigmoid, wm_sigmoid(x))
WG_UNARY(relu, x <= 0 ? 0 : x)

static void relu_grad_forward(const wg_call *call) {
    const number *a = WG_IN(call, 0, number), *b = WG_IN(call, 1, number);
    const bool *mask = WG_IN(call, 1, bool);
    number *y = WG_OUT(call, 0, number);
    if (call->inputs[1].type.dtype == WG_BOOL)
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) y[i] = mask[i] ? a[i] : 0;
    else
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++)
            y[i] = b[i] <= 0 ? 0 : a[i];
}
WG_KERNEL(relu_grad, relu_grad_forward)

static void relu_mask_forward(const wg_call *call) {
    const number *x = WG_IN(call, 0, number);
    bool *y = WG_OUT(call, 0, bool);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) y[i] = !(x[i] <= 0);
}
WG_KERNEL(relu_mask, relu_mask_forward)

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

static int relu_grad_infer(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1]; /* b: bool, or as a */
    if (b->dtype != WG_BOOL) return wg_infer_real_broadcast(infer);
    const int status = wg_infer_one_real(infer, 0, "input 0");
    if (status) return status;
    infer->outputs[0].dtype = a->dtype;
    return wg_infer_broadcast_shapes(infer, &infer->outputs[0]);
}

static int relu_mask_infer(wg_infer *infer) {
    const int status = wg_infer_same(infer);
    infer->outputs[0].dtype = WG_BOOL;
    return status;
}

static void samples(wg_sampler *s) { wg_sample_unary_and(s, WG_NORMAL, 0, 0, -8, 8); }

static void relu_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_DISTINCT, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(23), .values = WG_TIES});
}

static void relu_grad_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_DISTINCT, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(3, 7)},
              {.dtype = WG_BOOL, .shape = WG_SHAPE(3, 7), .values = WG_INTEGERS, .low = 0, .high = 1});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(5, 1)},
              {.dtype = WG_BOOL, .shape = WG_SHAPE(2, 1, 4), .values = WG_INTEGERS, .low = 0, .high = 1});
}

static wg_cost tanh_cost(const wg_call *call) { return wg_cost_per_element(call, 40); }
static wg_cost sigmoid_cost(const wg_call *call) { return wg_cost_per_element(call, 35); }

const wg_op wg_op_tanh = {
    .name = "tanh", .formula = "y = tanh(x)", .onnx = "Tanh", .torch = "tanh",
    .gradient = "dx = dy (1 - y^2)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(tanh), .backward = tanh_backward,
    .cost = tanh_cost, .samples = samples, .f32_cancelled = 1,
};

const wg_op wg_op_sigmoid = {
    .name = "sigmoid", .formula = "y = 1 / (1 + exp(-x))", .onnx = "Sigmoid", .torch = "sigmoid",
    .gradient = "dx = dy y (1 - y)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(sigmoid), .backward = sigmoid_backward,
    .cost = sigmoid_cost, .samples = samples, .f32_cancelled = 1,
};

const wg_op wg_op_relu = {
    .name = "relu", .formula = "y = max(x, 0)", .onnx = "Relu", .torch = "relu",
    .gradient = "dx = x <= 0 ? 0 : dy",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(relu), .backward = relu_backward, .samples = relu_samples,
};

const wg_op wg_op_relu_grad = {
    .name = "relu_grad", .formula = "y = b <= 0 ? 0 : a", .torch = "threshold_backward",
    .shapes = "a [*], b [*] -> y [*]; b is also taken as relu_mask(b), a bool",
    .gradient = "da = relu_grad(dy, b), db = 0",
    .inputs = 2, .outputs = 1, .flags = WG_ELEMENTWISE | WG_HELPER, .linear_in = 1 << 0,
    .pack = &wg_op_relu_mask, .packed_input = 1, .packed_dtype = WG_BOOL,
    .infer = relu_grad_infer, .forward = WG_FORWARD(relu_grad), .backward = relu_grad_backward,
    .samples = relu_grad_samples,
};

const wg_op wg_op_relu_mask = {
    .name = "relu_mask", .formula = "y = not (x <= 0)",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE | WG_BLOCKS | WG_NAMES_DTYPE | WG_HELPER,
    .infer = relu_mask_infer, .forward = WG_FORWARD(relu_mask), .samples = relu_samples,
};

wg_var (wg_tanh)(wg_var x) { return WG_RECORD(&wg_op_tanh, NULL, x); }
wg_var (wg_sigmoid)(wg_var x) { return WG_RECORD(&wg_op_sigmoid, NULL, x); }
wg_var (wg_relu)(wg_var x) { return WG_RECORD(&wg_op_relu, NULL, x); }

#endif
