/* norms — values brought to mean 0 and variance 1, products of matrices, losses. */
#include "onnx.h"
#include <stdio.h>

static double epsilon_of(const onnx_node *node) { return onnx_real(node, "epsilon", (double)1e-5f); }

static wg_var as_vector(wg_var x) { return wg_flatten(x, 0); }

/* part · x + (1 - part) · y */
static wg_var mixed(double part, wg_var x, wg_var y) {
    return wg_add(wg_mul(wg_scalar(x.tape, part), x), wg_mul(wg_scalar(x.tape, 1 - part), y));
}

/* While training also what the running mean and variance become. */
static void batch_norm(onnx_node *node) {
    const wg_var x = onnx_input(node, 0), weight = onnx_input(node, 1), bias = onnx_input(node, 2);
    const wg_var mean = onnx_input(node, 3), variance = onnx_input(node, 4);
    const double epsilon = epsilon_of(node);
    if (!onnx_int(node, "training_mode", 0)) {
        node->outputs[0] = wg_batch_norm(x, weight, bias, mean, variance, .epsilon = epsilon);
        return;
    }
    const double part = onnx_real(node, "momentum", (double)0.9f);
    node->outputs[0] = wg_batch_norm(x, weight, bias, WG_NONE, WG_NONE, .epsilon = epsilon);
    const wg_var moments = wg_standardize(x, 1, 2, .epsilon = epsilon);
    node->outputs[1] = mixed(part, mean, as_vector(wg_output(moments, 1)));
    node->outputs[2] = mixed(part, variance, as_vector(wg_output(moments, 3)));
}

static void instance_norm(onnx_node *node) {
    node->outputs[0] = wg_instance_norm(onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2),
                                        .epsilon = epsilon_of(node));
}

/* Mean and 1 / deviation over axes axis …, for each index of those before. */
static void layer_norm(onnx_node *node) {
    const wg_var x = onnx_input(node, 0);
    const int rank = onnx_rank(node, 0), axis = onnx_axis(onnx_int(node, "axis", -1), rank);
    const double epsilon = epsilon_of(node);
    node->outputs[0] = wg_layer_norm(x, onnx_input(node, 1), onnx_input(node, 2), axis, .epsilon = epsilon);
    if (node->output_count < 2) return;
    const wg_var moments = wg_standardize(x, 0, axis, .epsilon = epsilon);
    node->outputs[1] = wg_output(moments, 1);
    node->outputs[2] = wg_output(moments, 2);
}

/* Weights and biases were those of groups before version 21, and are of channels since. */
static void group_norm(onnx_node *node) {
    const wg_var x = onnx_input(node, 0);
    wg_var weight = onnx_input(node, 1), bias = onnx_input(node, 2);
    const int64_t groups = onnx_int(node, "num_groups", 1), channels = wg_type_of(x).extent[1];
    if (node->version < 21) {
        weight = wg_repeat_interleave(weight, channels / groups, 0);
        bias = wg_repeat_interleave(bias, channels / groups, 0);
    }
    node->outputs[0] = wg_group_norm(x, weight, bias, groups, .epsilon = epsilon_of(node));
}

static void rms_norm(onnx_node *node) {
    node->outputs[0] = wg_rms_norm(onnx_input(node, 0), onnx_input(node, 1), (int)onnx_int(node, "axis", -1),
                                   .epsilon = epsilon_of(node));
}

static void local_response_norm(onnx_node *node) {
    node->outputs[0] = wg_local_response_norm(
        onnx_input(node, 0), (int)onnx_int(node, "size", 1), .alpha = onnx_real(node, "alpha", (double)1e-4f),
        .beta = onnx_real(node, "beta", 0.75), .bias = onnx_real(node, "bias", 1));
}

/* (x - mean) / (deviation + 1e-9), over axes 0, 2 and 3 unless others are named. */
static void mean_variance_norm(onnx_node *node) {
    int64_t list[ONNX_MOST] = {0, 2, 3};
    const int count = onnx_ints(node, "axes", list);
    const wg_axes axes = onnx_axes(list, count < 0 ? 3 : count);
    const wg_var x = onnx_input(node, 0), mean = wg_mean(x, &axes, .keepdims = true);
    const wg_var deviation = wg_std(x, &axes, .keepdims = true, .correction = WG_ZERO);
    node->outputs[0] = wg_div(wg_sub(x, mean), wg_add(deviation, wg_scalar(node->tape, 1e-9)));
}

/* --- Products ----------------------------------------------------------------------------------------------
 */

static wg_var product(wg_var a, wg_var b) { return wg_matmul(a, b); }

/* alpha a b + beta c, a and b transposed on demand. */
static void gemm(onnx_node *node) {
    const wg_var c = onnx_input(node, 2);
    const double alpha = onnx_real(node, "alpha", 1), beta = onnx_real(node, "beta", 1);
    wg_var y =
        wg_matmul(onnx_input(node, 0), onnx_input(node, 1), .transpose_a = onnx_int(node, "transA", 0) != 0,
                  .transpose_b = onnx_int(node, "transB", 0) != 0);
    y = wg_mul(wg_scalar(node->tape, alpha), y);
    node->outputs[0] = wg_valid(c) ? wg_add(y, wg_mul(wg_scalar(node->tape, beta), c)) : y;
}

static void einsum(onnx_node *node) {
    wg_var list[ONNX_MOST + 1];
    for (int i = 0; i < node->input_count; i++) list[i] = node->inputs[i];
    list[node->input_count] = (wg_var)WG_END_;
    node->outputs[0] = wg_einsum_list(onnx_text(node, "equation", ""), list);
}

/* --- Losses ------------------------------------------------------------------------------------------------
 */

static wg_reduction reduction_of(const onnx_node *node) {
    return onnx_says(node, "reduction", "mean", "none")  ? WG_NO_REDUCTION
           : onnx_says(node, "reduction", "mean", "sum") ? WG_SUM
                                                         : WG_MEAN;
}

/* By the op's name: the option of wg_nll_loss cannot say class 0. */
static void nll_loss(onnx_node *node) {
    char text[100];
    snprintf(text, sizeof text, "reduction=%d ignore_index=%lld", (int)reduction_of(node),
             (long long)onnx_int(node, "ignore_index", -100));
    const wg_var x = onnx_input(node, 0), target = onnx_input(node, 1), weight = onnx_input(node, 2);
    node->outputs[0] = wg_apply_named(node->tape, "nll_loss", WG_VARS(x, target, weight), text);
}

/* Weights of classes: where class 0 is not to count, it weighs nothing. */
static void softmax_cross_entropy(onnx_node *node) {
    const wg_var x = onnx_input(node, 0), target = onnx_input(node, 1);
    const int64_t ignored = onnx_int(node, "ignore_index", -100), classes = wg_type_of(x).extent[1];
    const bool first = onnx_attribute(node, "ignore_index") && ignored == 0;
    wg_var weight = onnx_input(node, 2);
    if (first) {
        if (!wg_valid(weight)) weight = wg_full(node->tape, wg_type_of(x).dtype, WG_SHAPE(classes), 1);
        const wg_var others = wg_slice(weight, 0, 1, WG_SLICE_TO_END);
        weight = wg_pad(others, WG_SHAPE(1), WG_SHAPE(0));
    }
    node->outputs[0] = wg_softmax_cross_entropy(x, target, .reduction = reduction_of(node), .weight = weight,
                                                .ignore_index = first ? 0 : ignored);
    if (node->output_count > 1) node->outputs[1] = wg_log_softmax(x, 1);
}

const onnx_op onnx_norms[] = {
    {"BatchNormalization", .record = batch_norm},
    {"Det", .unary = wg_det},
    {"Einsum", .record = einsum},
    {"Gemm", .record = gemm},
    {"GroupNormalization", .record = group_norm},
    {"InstanceNormalization", .record = instance_norm},
    {"LRN", .record = local_response_norm},
    {"LayerNormalization", .record = layer_norm},
    {"MatMul", .binary = product},
    {"MeanVarianceNormalization", .record = mean_variance_norm},
    {"NegativeLogLikelihoodLoss", .record = nll_loss},
    {"RMSNormalization", .record = rms_norm},
    {"SoftmaxCrossEntropyLoss", .record = softmax_cross_entropy},
    {.name = NULL},
};
