/* linear, bilinear — products with weights that have the output first, composed of matmul and mul
 *
 *   linear:    y[…, o] = sum_i x[…, i] weight[o, i] + bias[o] torch.nn.functional.linear bilinear:  y[…, o] =
 * sum_ij x1[…, i] weight[o, i, j] x2[…, j] + bias[o]          torch.nn.functional.bilinear
 *
 * A weight that is a vector [i] makes one number, y […], and its bias is one. bilinear multiplies all pairs
 * x1[i] x2[j] by the weight as a matrix [o, i j]: one product for all rows. */
#include "rearrange.h"

#ifdef WG_RULES

static wg_var multiply(wg_var a, wg_var b, bool transpose_b) {
    return (wg_matmul)(a, b,
                       &(wg_matmul_options){.size_ = sizeof(wg_matmul_options), .transpose_b = transpose_b});
}

static int mismatch(wg_infer *infer, const char *first, int a, const char *second, int b,
                    const char *expected) {
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s is %s, %s is %s; %s", first,
                         wg_infer_shape_text(infer, &infer->inputs[a]), second,
                         wg_infer_shape_text(infer, &infer->inputs[b]), expected);
}

/* The bias, where there is one, has a number for each output of the weight. */
static int check_bias(wg_infer *infer, int at, const wg_type *weight) {
    if (infer->input_count <= at || infer->inputs[at].dtype == WG_NO_DTYPE) return WG_OK;
    const wg_type *bias = &infer->inputs[at];
    const bool single = weight->rank == 1;
    if (bias->rank == (single ? 0 : 1) && (single || bias->extent[0] == weight->extent[0])) return WG_OK;
    return mismatch(infer, "weight", at - 1, "bias", at,
                    single ? "the bias must be a scalar"
                           : "the bias must be a vector as long as weight's first axis");
}

/* --- linear --------------------------------------------------------------------------------------------- */

static int infer_linear(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *weight = &infer->inputs[1];
    int status = wg_infer_numbers(infer);
    if (status) return status;
    if (x->rank < 1 || weight->rank < 1 || weight->rank > 2 ||
        x->extent[x->rank - 1] != weight->extent[weight->rank - 1])
        return mismatch(infer, "x", 0, "weight", 1, "they must be [..., in] and [out, in]");
    if ((status = check_bias(infer, 2, weight))) return status;
    wg_type y = *x;
    y.rank--;
    if (weight->rank == 2) y.extent[y.rank++] = weight->extent[0];
    infer->outputs[0] = y;
    return WG_OK;
}

static wg_var expand_linear(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    wg_var y = multiply(inputs[0], inputs[1], wg_type_of(inputs[1]).rank == 2);
    return inputs[2].tape ? wg_add(y, inputs[2]) : y;
}

#define S(...) {{__VA_ARGS__, INT64_MIN}}
#define SCALAR {{INT64_MIN}}
static void samples_linear(wg_sampler *s) {
    static const wg_shape shapes[][3] = {
        {S(3), S(2, 3), S(2)},          {S(4, 3), S(2, 3), S(2)}, {S(2, 2, 3), S(4, 3), S(4)},
        {S(1, 1), S(1, 1), S(1)},       {S(5, 1), S(3, 1), S(3)}, {S(1, 7), S(1, 7), S(1)},
        {S(3), S(3), SCALAR},           {S(2, 5), S(5), SCALAR},  {S(2, 3, 2), S(2), SCALAR},
        {S(0, 3), S(2, 3), S(2)},       {S(2, 0), S(3, 0), S(3)}, {S(2, 3), S(0, 3), S(0)},
        {S(0), S(2, 0), S(2)},          {S(0), S(0), SCALAR},     {S(1, 2, 1, 1, 2, 1, 1, 2), S(3, 2), S(3)},
        {S(2, 1, 3, 2), S(3, 2), S(3)},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        WG_SAMPLE(s, NULL, {.shape = &shapes[i][0]}, {.shape = &shapes[i][1]});
        WG_SAMPLE(s, NULL, {.shape = &shapes[i][0]}, {.shape = &shapes[i][1]}, {.shape = &shapes[i][2]});
    }
}

const wg_op wg_op_linear = {
    .name = "linear", .formula = "y = x @ weight^T + bias", .torch = "nn.functional.linear",
    .shapes = "x [..., in], weight [*], bias [*]? -> y [*]; weight [out, in] and bias [out] make y [..., "
              "out], weight [in] and bias [] make y [...]",
    .gradient = "dx = dy weight, dweight = dy^T x, dbias = sum dy",
    .inputs = 2, .inputs_max = 3, .outputs = 1, .infer = infer_linear, .expand = expand_linear,
    .samples = samples_linear,
};

wg_var (wg_affine)(wg_var x, wg_var weight, wg_var bias) {
    return WG_RECORD(&wg_op_linear, NULL, x, weight, bias);
}

/* --- bilinear ------------------------------------------------------------------------------------------- */

static int infer_bilinear(wg_infer *infer) {
    const wg_type *x1 = &infer->inputs[0], *x2 = &infer->inputs[1], *weight = &infer->inputs[2];
    int status = wg_infer_numbers(infer);
    if (status) return status;
    bool alike = x1->rank == x2->rank && x1->rank > 0;
    for (int i = 0; alike && i < x1->rank - 1; i++) alike = x1->extent[i] == x2->extent[i];
    if (!alike) return mismatch(infer, "x1", 0, "x2", 1, "all but the last axis must be alike");
    if (weight->rank != 3 || weight->extent[1] != x1->extent[x1->rank - 1] ||
        weight->extent[2] != x2->extent[x2->rank - 1])
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x1 is %s, x2 is %s, weight is %s; they must be [..., in1], [..., in2] and "
                             "[out, in1, in2]",
                             wg_infer_shape_text(infer, x1), wg_infer_shape_text(infer, x2),
                             wg_infer_shape_text(infer, weight));
    if ((status = check_bias(infer, 3, weight))) return status;
    infer->outputs[0] = *x1;
    infer->outputs[0].extent[x1->rank - 1] = weight->extent[0];
    return WG_OK;
}

static wg_var expand_bilinear(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    wg_type y = wg_type_of(inputs[0]);
    const wg_type weight = wg_type_of(inputs[2]);
    const int64_t rows = rearrange_product(&y, 0, y.rank - 1), pairs = weight.extent[1] * weight.extent[2];
    wg_var all = wg_mul(REARRANGE_RESHAPE(inputs[0], rows, weight.extent[1], 1),
                        REARRANGE_RESHAPE(inputs[1], rows, 1, weight.extent[2]));
    y.extent[y.rank - 1] = weight.extent[0];
    wg_var sums = multiply(REARRANGE_RESHAPE(all, rows, pairs),
                           REARRANGE_RESHAPE(inputs[2], y.extent[y.rank - 1], pairs), true);
    sums = rearrange_reshape(sums, &y);
    return inputs[3].tape ? wg_add(sums, inputs[3]) : sums;
}

static void samples_bilinear(wg_sampler *s) {
    static const wg_shape shapes[][4] = {
        {S(2), S(3), S(2, 2, 3), S(2)},
        {S(3, 2), S(3, 3), S(2, 2, 3), S(2)},
        {S(1, 1), S(1, 1), S(1, 1, 1), S(1)},
        {S(2, 1), S(2, 4), S(3, 1, 4), S(3)},
        {S(2, 4), S(2, 1), S(1, 4, 1), S(1)},
        {S(3), S(2), S(1, 3, 2), S(1)},
        {S(2, 2, 2), S(2, 2, 1), S(2, 2, 1), S(2)},
        {S(2, 1, 2), S(2, 1, 2), S(3, 2, 2), S(3)},
        {S(0, 2), S(0, 3), S(2, 2, 3), S(2)},
        {S(2, 0), S(2, 2), S(3, 0, 2), S(3)},
        {S(2, 2), S(2, 0), S(1, 2, 0), S(1)},
        {S(2, 2), S(2, 3), S(0, 2, 3), S(0)},
        {S(0), S(0), S(2, 0, 0), S(2)},
        {S(1, 2, 1, 1, 1, 1, 1, 2), S(1, 2, 1, 1, 1, 1, 1, 1), S(2, 2, 1), S(2)},
        {S(5), S(1), S(5, 5, 1), S(5)},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const wg_shape *of = shapes[i];
        WG_SAMPLE(s, NULL, {.shape = &of[0]}, {.shape = &of[1]}, {.shape = &of[2]});
        WG_SAMPLE(s, NULL, {.shape = &of[0]}, {.shape = &of[1]}, {.shape = &of[2]}, {.shape = &of[3]});
    }
}

const wg_op wg_op_bilinear = {
    .name = "bilinear", .formula = "y[o] = sum_ij x1[i] * weight[o, i, j] * x2[j] + bias[o]",
    .shapes = "x1 [..., n], x2 [..., m], weight [out, n, m], bias [out]? -> y [..., out]",
    .gradient = "dx1[i] = sum_{o, j} dy[o] weight[o, i, j] x2[j], dx2[j] = sum_{o, i} dy[o] weight[o, i, j] "
                "x1[i], dweight[o, i, j] = sum dy[o] x1[i] x2[j], dbias = sum dy",
    .torch = "nn.functional.bilinear",
    .inputs = 3, .inputs_max = 4, .outputs = 1, .infer = infer_bilinear, .expand = expand_bilinear,
    .samples = samples_bilinear,
};

wg_var (wg_bilinear)(wg_var x1, wg_var x2, wg_var weight, wg_var bias) {
    return WG_RECORD(&wg_op_bilinear, NULL, x1, x2, weight, bias);
}

#endif
