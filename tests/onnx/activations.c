/* activations — the nonlinearities of networks, with the presets of ONNX. */
#include "onnx.h"
#include <math.h>

static void leaky_relu(onnx_node *node) {
    node->outputs[0] = wg_leaky_relu(onnx_input(node, 0), onnx_real(node, "alpha", (double)0.01f));
}

static void elu(onnx_node *node) {
    node->outputs[0] = wg_elu(onnx_input(node, 0), onnx_real(node, "alpha", 1));
}

static void celu(onnx_node *node) {
    node->outputs[0] = wg_celu(onnx_input(node, 0), onnx_real(node, "alpha", 1));
}

/* gamma elu(x, alpha), of which ours has the presets alone. */
static void selu(onnx_node *node) {
    const wg_var x = onnx_input(node, 0);
    if (!onnx_attribute(node, "alpha") && !onnx_attribute(node, "gamma")) {
        node->outputs[0] = wg_selu(x);
        return;
    }
    const wg_var gamma = wg_scalar(node->tape, onnx_real(node, "gamma", 1.0507009873554805));
    node->outputs[0] = wg_mul(gamma, wg_elu(x, onnx_real(node, "alpha", 1.6732632423543772)));
}

static void hard_sigmoid(onnx_node *node) {
    node->outputs[0] = wg_hard_sigmoid(onnx_input(node, 0), onnx_real(node, "alpha", (double)0.2f),
                                       onnx_real(node, "beta", 0.5));
}

/* Without the threshold of PyTorch's, beyond which x stands for it. */
static wg_var softplus(wg_var x) { return wg_softplus(x, 1, INFINITY); }

static void thresholded_relu(onnx_node *node) {
    node->outputs[0] = wg_threshold(onnx_input(node, 0), onnx_real(node, "alpha", 1), 0);
}

static void shrink(onnx_node *node) {
    const double lambda = onnx_real(node, "lambd", 0.5), bias = onnx_real(node, "bias", 0);
    if (bias == 0)
        node->outputs[0] = wg_hard_shrink(onnx_input(node, 0), lambda);
    else if (bias == lambda)
        node->outputs[0] = wg_soft_shrink(onnx_input(node, 0), lambda);
    else
        onnx_lacks(node, "a bias that is neither 0 nor lambd");
}

static void gelu(onnx_node *node) {
    node->outputs[0] = wg_gelu(onnx_input(node, 0), .tanh = onnx_says(node, "approximate", "none", "tanh"));
}

/* x sigmoid(alpha x), silu where alpha is 1. */
static void swish(onnx_node *node) {
    const wg_var x = onnx_input(node, 0);
    const double alpha = onnx_real(node, "alpha", 1);
    node->outputs[0] =
        alpha == 1 ? wg_silu(x) : wg_mul(x, wg_sigmoid(wg_mul(wg_scalar(node->tape, alpha), x)));
}

/* Before version 13 over all axes from `axis` on, which was 1 by default. */
static void softmax_like(onnx_node *node, wg_var (*function)(wg_var x, int axis)) {
    const wg_var x = onnx_input(node, 0);
    if (node->version >= 13) {
        node->outputs[0] = function(x, (int)onnx_int(node, "axis", -1));
        return;
    }
    const int axis = onnx_axis(onnx_int(node, "axis", 1), onnx_rank(node, 0));
    const wg_shape shape = onnx_shape_of(x);
    node->outputs[0] = wg_reshape(function(wg_flatten(x, axis), axis), &shape);
}

static void softmax(onnx_node *node) { softmax_like(node, wg_softmax); }
static void log_softmax(onnx_node *node) { softmax_like(node, wg_log_softmax); }

/* 1 at the first largest along an axis, else 0. */
static void hardmax(onnx_node *node) {
    const wg_var x = onnx_input(node, 0);
    const wg_type type = wg_type_of(x);
    const int axis = onnx_axis(onnx_int(node, "axis", node->version < 13 ? 1 : -1), type.rank);
    const wg_var y = wg_one_hot(wg_argmax(x, axis), type.extent[axis], type.dtype);
    int64_t order[WG_MAX_RANK];
    for (int i = 0; i < type.rank; i++) order[i] = i == axis ? type.rank - 1 : i < axis ? i : i - 1;
    const wg_axes back = onnx_axes(order, type.rank);
    node->outputs[0] = wg_transpose(y, &back);
}

const onnx_op onnx_activations[] = {
    {"Celu", .record = celu},
    {"Elu", .record = elu},
    {"Gelu", .record = gelu},
    {"HardSigmoid", .record = hard_sigmoid},
    {"HardSwish", .unary = wg_hard_swish},
    {"Hardmax", .record = hardmax},
    {"LeakyRelu", .record = leaky_relu},
    {"LogSoftmax", .record = log_softmax},
    {"Mish", .unary = wg_mish},
    {"PRelu", .binary = wg_prelu},
    {"Relu", .unary = wg_relu},
    {"Selu", .record = selu},
    {"Shrink", .record = shrink},
    {"Sigmoid", .unary = wg_sigmoid},
    {"Softmax", .record = softmax},
    {"Softplus", .unary = softplus},
    {"Softsign", .unary = wg_softsign},
    {"Swish", .record = swish},
    {"Tanh", .unary = wg_tanh},
    {"ThresholdedRelu", .record = thresholded_relu},
    {.name = NULL},
};
