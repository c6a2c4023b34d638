/* elementwise — operators of one, two or more numbers, element by element. */
#include "onnx.h"
#include <math.h>

/* NaN and the numbers that are too large or small saturate in ours; ONNX leaves them open. */
static void cast_to(onnx_node *node, wg_dtype dtype, const char *otherwise) {
    if (dtype == WG_NO_DTYPE)
        onnx_out_of_scope(node, otherwise);
    else
        node->outputs[0] = wg_cast(onnx_input(node, 0), dtype);
}

static void cast(onnx_node *node) {
    cast_to(node, onnx_dtype(onnx_int(node, "to", 0), node->widen), "to float16, bfloat16 or strings");
}

static void cast_like(onnx_node *node) {
    cast_to(node, wg_type_of(onnx_input(node, 1)).dtype, "to no dtype");
}

/* The bounds were attributes before version 11. */
static void clip(onnx_node *node) {
    const double min = onnx_real(node, "min", -INFINITY), max = onnx_real(node, "max", INFINITY);
    node->outputs[0] =
        wg_clip(onnx_input(node, 0), onnx_input_real(node, 1, min), onnx_input_real(node, 2, max));
}

static void modulo(onnx_node *node) {
    const wg_var a = onnx_input(node, 0), b = onnx_input(node, 1);
    node->outputs[0] = onnx_int(node, "fmod", 0) ? wg_fmod(a, b) : wg_remainder(a, b);
}

/* The result has a's dtype, which may be one of integers while b is real. */
static void power(onnx_node *node) {
    const wg_var a = onnx_input(node, 0), b = onnx_input(node, 1);
    const wg_dtype of_a = wg_type_of(a).dtype, of_b = wg_type_of(b).dtype;
    const bool in_b = (of_a == WG_I32 || of_a == WG_I64) && (of_b == WG_F32 || of_b == WG_F64);
    const wg_dtype dtype = in_b ? of_b : of_a;
    const wg_var y = wg_pow(of_a == dtype ? a : wg_cast(a, dtype), of_b == dtype ? b : wg_cast(b, dtype));
    node->outputs[0] = in_b ? wg_cast(y, of_a) : y;
}

static void is_infinite(onnx_node *node) {
    const wg_var x = onnx_input(node, 0), zero = wg_scalar(node->tape, 0);
    wg_var y = wg_isinf(x);
    if (!onnx_int(node, "detect_positive", 1)) y = wg_logical_and(y, wg_less(x, zero));
    if (!onnx_int(node, "detect_negative", 1)) y = wg_logical_and(y, wg_greater(x, zero));
    node->outputs[0] = y;
}

static void where(onnx_node *node) {
    node->outputs[0] = wg_where(onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2));
}

static void mean(onnx_node *node) {
    wg_var sum = onnx_input(node, 0);
    for (int i = 1; i < node->input_count; i++) sum = wg_add(sum, node->inputs[i]);
    node->outputs[0] = wg_div(sum, wg_scalar(node->tape, node->input_count));
}

static void identity(onnx_node *node) { node->outputs[0] = onnx_input(node, 0); }

/* What is dropped while training is drawn by another generator; the rest is exact. The ratio was an attribute
 * before version 12, and the mask is bool from 10 on. */
static void dropout(onnx_node *node) {
    const double ratio = onnx_input_real(node, 1, onnx_real(node, "ratio", 0.5));
    if (onnx_input_real(node, 2, 0) != 0 && ratio != 0) {
        onnx_out_of_scope(node, "drawn by another generator");
        return;
    }
    const wg_var x = onnx_input(node, 0);
    const wg_shape shape = onnx_shape_of(x);
    const wg_var step = wg_full(node->tape, WG_I64, WG_SCALAR_SHAPE, 0);
    node->outputs[0] = onnx_input_real(node, 2, 0) != 0 ? wg_drop(((wg_draw){step, 1}), x, ratio) : x;
    node->outputs[1] = wg_full(node->tape, WG_BOOL, &shape, 1);
}

static void drawn(onnx_node *node) { onnx_out_of_scope(node, "drawn by another generator"); }

const onnx_op onnx_elementwise[] = {
    {"Abs", .unary = wg_abs},
    {"Acos", .unary = wg_acos},
    {"Acosh", .unary = wg_acosh},
    {"Add", .binary = wg_add},
    {"And", .binary = wg_logical_and},
    {"Asin", .unary = wg_asin},
    {"Asinh", .unary = wg_asinh},
    {"Atan", .unary = wg_atan},
    {"Atanh", .unary = wg_atanh},
    {"Bernoulli", .record = drawn},
    {"Cast", .record = cast},
    {"CastLike", .record = cast_like},
    {"Ceil", .unary = wg_ceil},
    {"Clip", .record = clip},
    {"Cos", .unary = wg_cos},
    {"Cosh", .unary = wg_cosh},
    {"Div", .binary = wg_div},
    {"Dropout", .record = dropout},
    {"Equal", .binary = wg_equal},
    {"Erf", .unary = wg_erf},
    {"Exp", .unary = wg_exp},
    {"Floor", .unary = wg_floor},
    {"Greater", .binary = wg_greater},
    {"GreaterOrEqual", .binary = wg_greater_equal},
    {"Identity", .record = identity},
    {"IsInf", .record = is_infinite},
    {"IsNaN", .unary = wg_isnan},
    {"Less", .binary = wg_less},
    {"LessOrEqual", .binary = wg_less_equal},
    {"Log", .unary = wg_log},
    {"Max", .many = wg_maximum},
    {"Mean", .record = mean},
    {"Min", .many = wg_minimum},
    {"Mod", .record = modulo},
    {"Mul", .binary = wg_mul},
    {"Multinomial", .record = drawn},
    {"Neg", .unary = wg_neg},
    {"Not", .unary = wg_logical_not},
    {"Or", .binary = wg_logical_or},
    {"Pow", .record = power},
    {"RandomNormal", .record = drawn},
    {"RandomUniform", .record = drawn},
    {"Reciprocal", .unary = wg_reciprocal},
    {"Round", .unary = wg_round},
    {"Sign", .unary = wg_sign},
    {"Sin", .unary = wg_sin},
    {"Sinh", .unary = wg_sinh},
    {"Sqrt", .unary = wg_sqrt},
    {"Sub", .binary = wg_sub},
    {"Sum", .many = wg_add},
    {"Tan", .unary = wg_tan},
    {"Where", .record = where},
    {"Xor", .binary = wg_logical_xor},
    {.name = NULL},
};
