/* gradient_scale, straight_through — y = x as it is, with a gradient that is not its derivative
 *
 *     gradient_scale:    y = x,  dx = scale · dy     scale -1 reverses it: Ganin, Lempitsky 2015 (ICML)
 *     straight_through:  y = value,  dx = dy         none to value: Bengio, Léonard, Courville 2013
 * (arXiv:1308.3432)
 *
 * The gradient check holds them to the functions whose derivatives their gradients are: scale · x, and x. */
#include "op.h"

typedef struct {
    double scale;
} gradient_scale_attributes;

#ifdef WG_RULES

static void copy(const wg_call *call) {
    const size_t size = wg_dtype_size(call->dtype), begin = (size_t)call->begin * size;
    if (call->begin < call->end)
        memmove(WG_OUT(call, 0, char) + begin, WG_IN(call, 0, char) + begin,
                (size_t)call->end * size - begin);
}
WG_BYTES_KERNEL(gradient_scale, copy)
WG_BYTES_KERNEL(straight_through, copy)

static int64_t units(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

/* --- gradient_scale --------------------------------------------------------------------------------------
 */

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(gradient_scale_attributes, scale, .kind = WG_ATTRIBUTE_REAL, .is_value = true, .preset = 1,
                 .meaning = "the factor of the cotangent"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_scale(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return WG_OK;
}

static wg_var scaled(wg_var x, double scale) { return wg_mul(x, wg_scalar(x.tape, scale)); }

static void scale_backward(wg_rule *rule) {
    wg_rule_set(rule, 0, scaled(rule->cotangents[0], WG_ATTRIBUTES(rule, gradient_scale)->scale));
}

static wg_var scale_gradient_as(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return scaled(inputs[0], ((const gradient_scale_attributes *)attributes)->scale);
}

static void scale_samples(wg_sampler *s) {
    static const wg_shape shapes[] = {{{INT64_MIN}}, {{1, INT64_MIN}}, {{17, INT64_MIN}}, {{3, 4, INT64_MIN}},
                                      {{0, 3, INT64_MIN}}, {{2, 1, 2, 1, 2, 1, 2, 1, INT64_MIN}}};
    static const double scales[] = {1, -1, 0, 0.25, -3};
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < 5; k++)
            WG_SAMPLE(s, (&(gradient_scale_attributes){scales[k]}), {.shape = &shapes[i]});
}

const wg_op wg_op_gradient_scale = {
    .name = "gradient_scale", .formula = "y = x, dx = scale * dy",
    .shapes = "x [...] -> y [...]",
    .gradient = "dx = scale dy",
    .inputs = 1, .outputs = 1, .flags = WG_VIEW,
    .attributes = schema, .attributes_size = sizeof(gradient_scale_attributes),
    .infer = infer_scale, .forward = WG_FORWARD(gradient_scale), .backward = scale_backward,
    .gradient_as = scale_gradient_as, .units = units, .cost = cost, .samples = scale_samples,
};

wg_var (wg_gradient_scale)(wg_var x, double scale) {
    return WG_RECORD(&wg_op_gradient_scale, &(gradient_scale_attributes){scale}, x);
}
wg_var (wg_gradient_reversal)(wg_var x, double scale) { return (wg_gradient_scale)(x, -scale); }

/* --- straight_through ------------------------------------------------------------------------------------
 */

static void through_backward(wg_rule *rule) { wg_rule_set(rule, 1, rule->cotangents[0]); }

static wg_var through_gradient_as(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    return inputs[1];
}

static void through_samples(wg_sampler *s) {
    static const wg_shape shapes[] = {{{INT64_MIN}},
                                      {{1, INT64_MIN}},
                                      {{7, INT64_MIN}},
                                      {{17, INT64_MIN}},
                                      {{3, 4, INT64_MIN}},
                                      {{1, 9, INT64_MIN}},
                                      {{5, 1, INT64_MIN}},
                                      {{0, INT64_MIN}},
                                      {{3, 0, 2, INT64_MIN}},
                                      {{2, 3, 2, INT64_MIN}},
                                      {{2, 1, 2, 1, 2, 1, 2, 1, INT64_MIN}},
                                      {{33, INT64_MIN}}};
    for (int i = 0; i < 12; i++)
        for (int k = 0; k < 3; k++) {
            const wg_values values = k == 0 ? WG_NORMAL : k == 1 ? WG_TIES : WG_ALL_EQUAL;
            WG_SAMPLE(s, NULL, {.shape = &shapes[i], .values = values}, {.shape = &shapes[i]});
        }
}

const wg_op wg_op_straight_through = {
    .name = "straight_through", .formula = "y = value, dx = dy",
    .shapes = "value [...], x [...] -> y [...]",
    .gradient = "dx = dy, dvalue = 0",
    .inputs = 2, .outputs = 1, .flags = WG_VIEW, .blocked_inputs = 1 << 0,
    .infer = wg_infer_same, .forward = WG_FORWARD(straight_through), .backward = through_backward,
    .gradient_as = through_gradient_as, .units = units, .cost = cost, .samples = through_samples,
};

wg_var (wg_straight_through)(wg_var value, wg_var x) {
    return WG_RECORD(&wg_op_straight_through, NULL, (wg_stop_gradient)(value), x);
}

#endif
