/* exp, log — with cotangent dy of y:
 *
 *     y = exp(x)    dx = dy y
 *     y = log(x)    dx = dy / x        log(0) = -inf, log(x < 0) = NaN */
#include "op.h"

WG_UNARY(exp, wm_exp(x))
WG_UNARY(log, wm_log(x))

#ifdef WG_RULES

static void exp_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], rule->outputs[0]));
}

static void log_backward(wg_rule *rule) {
    wg_var factor = wg_div(wg_scalar(rule->tape, 1), rule->inputs[0]);
    wg_rule_set(rule, 0, wg_scale_cotangent(rule->cotangents[0], factor));
}

static void exp_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_NORMAL, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -30, .high = 8});
}

static void log_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_UNIFORM, 0.2, 6);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = 1, .high = 1e6});
}

static wg_cost exp_cost(const wg_call *call) { return wg_cost_per_element(call, 25); }
static wg_cost log_cost(const wg_call *call) { return wg_cost_per_element(call, 30); }

const wg_op wg_op_exp = {
    .name = "exp", .formula = "y = exp(x)", .onnx = "Exp", .torch = "exp",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(exp), .backward = exp_backward,
    .cost = exp_cost, .samples = exp_samples,
};

const wg_op wg_op_log = {
    .name = "log", .formula = "y = log(x)", .onnx = "Log", .torch = "log",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = WG_FORWARD(log), .backward = log_backward,
    .cost = log_cost, .samples = log_samples,
};

wg_var (wg_exp)(wg_var x) { return WG_RECORD(&wg_op_exp, NULL, x); }
wg_var (wg_log)(wg_var x) { return WG_RECORD(&wg_op_log, NULL, x); }

#endif
