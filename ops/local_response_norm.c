/* local_response_norm — each channel by the mean square of its neighbours, x [N, C, …]
 *
 *     y[n, c] = x[n, c] / (bias + alpha / size sum_k x[n, k]²)^beta
 *
 * over the channels k from c - floor((size - 1) / 2) to c + floor(size / 2) that there are. Krizhevsky,
 * Sutskever, Hinton 2012 (NIPS), with alpha / size for alpha. */
#include "op.h"

#ifdef WG_RULES

typedef struct {
    int64_t size;
    double alpha, beta, bias;
} local_response_norm_attributes;

#define NUMBER(name, value, what)                                                                            \
    WG_ATTRIBUTE(local_response_norm_attributes, name, .kind = WG_ATTRIBUTE_REAL, .preset = value,           \
                 .meaning = what)
static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(local_response_norm_attributes, size, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 1,
                 .high = 0x1p30, .preset = 5, .meaning = "how many channels are added up"),
    NUMBER(alpha, 1e-4, "the factor of the mean square"), NUMBER(beta, 0.75, "the power of the divisor"),
    NUMBER(bias, 1, "added before the power is taken"), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (x->rank < 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be [N, C, …] with at least 2 axes",
                             wg_infer_shape_text(infer, x));
    infer->outputs[0] = *x;
    return WG_OK;
}

/* The mean over `size` channels, as a pooling over planes [C, the rest]. Its padding has size / 2 channels on
 * either side; for an even size there is a window more than there are channels, and the first is dropped. */
static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *given) {
    const local_response_norm_attributes *a = given;
    const wg_var x = inputs[0];
    const wg_type type = wg_type_of(x);
    const wg_shape shape = wg_shape_of(&type);
    const int64_t channels = type.extent[1];
    int64_t rest = 1;
    for (int axis = 2; axis < type.rank; axis++) rest *= type.extent[axis];
    if (wg_type_count(&type) == 0) return x;
    wg_var squares = wg_reshape(wg_square(x), WG_SHAPE(type.extent[0], 1, channels, rest));
    wg_var means = wg_avg_pool2d(squares, .kernel_hw = {(int)a->size, 1}, .stride = 1,
                                 .padding_hw = {(int)(a->size / 2), 0});
    if (a->size % 2 == 0) means = wg_slice(means, 2, 1, channels + 1);
    wg_var divisor = wg_add(wg_mul(means, wg_scalar(tape, a->alpha)), wg_scalar(tape, a->bias));
    return wg_div(x, wg_reshape(wg_pow(divisor, wg_scalar(tape, a->beta)), &shape));
}

static void samples(wg_sampler *s) {
    static const wg_shape shapes[] = {
        {{2, 5, INT64_MIN}}, {{1, 7, 3, INT64_MIN}}, {{2, 3, 2, 2, INT64_MIN}}, {{1, 1, 4, INT64_MIN}},
        {{2, 4, 1, 2, 1, INT64_MIN}}, {{1, 2, 1, 2, 1, 2, 1, 2, INT64_MIN}}, {{0, 3, 2, INT64_MIN}},
        {{3, 6, INT64_MIN}},
    };
    static const local_response_norm_attributes chosen[] = {
        {5, 1e-4, 0.75, 1}, {3, 0.5, 0.75, 2}, {2, 1, 0.5, 1}, {1, 0.25, 1, 0.5}, {4, 0.5, 1.5, 1},
    };
    for (int shape = 0; shape < 8; shape++)
        for (int i = 0; i < 5; i++) WG_SAMPLE(s, &chosen[i], {.shape = &shapes[shape]});
}

const wg_op wg_op_local_response_norm = {
    .name = "local_response_norm", .formula = "y = x / (bias + alpha mean x^2)^beta over `size` channels",
    .shapes = "x [N, C, ...] -> y [N, C, ...]",
    .gradient = "dx = dy s^-beta - 2 alpha beta x / size sum over the channels whose window holds it of dy "
                "y / s, s = bias + alpha mean x^2",
    .onnx = "LRN", .torch = "local_response_norm", .inputs = 1, .outputs = 1,
    .attributes = attributes, .attributes_size = sizeof(local_response_norm_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var (wg_local_response_norm)(wg_var x, int size, const wg_local_response_norm_options *options) {
    WG_READ_OPTIONS(wg_local_response_norm_options, given, options);
    const local_response_norm_attributes with = {size, wg_read_number(given.alpha, 1e-4),
                                                 wg_read_number(given.beta, 0.75), wg_read_number(given.bias, 1)};
    return WG_RECORD(&wg_op_local_response_norm, &with, x);
}

#endif
