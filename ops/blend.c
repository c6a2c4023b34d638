/* lerp, addcmul, xlogy — elementwise, composed of others
 *
 *     lerp:     y = a + t (b - a)       torch.lerp; for |t| >= 1/2 as b - (1 - t) (b - a), so that t = 1 gives b
 *     addcmul:  y = x + value a b       torch.addcmul
 *     xlogy:    y = a log(b)            0 where a is 0 and b is a number; da = dy log(b), db = dy a / b, 0 where a is 0 */
#include "op.h"

#ifdef WG_RULES

typedef struct {
    double value;
} addcmul_attributes;

static const wg_attribute addcmul_schema[] = {
    WG_ATTRIBUTE(addcmul_attributes, value, .kind = WG_ATTRIBUTE_REAL, .preset = 1, .meaning = "times a b"),
    WG_NO_MORE_ATTRIBUTES};

static wg_var lerp_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)attributes;
    wg_var a = inputs[0], b = inputs[1], t = inputs[2], way = wg_sub(b, a);
    wg_var from_a = wg_add(a, wg_mul(t, way));
    wg_var from_b = wg_sub(b, wg_mul(wg_sub(wg_scalar(tape, 1), t), way));
    return wg_where(wg_less(wg_abs(wg_stop_gradient(t)), wg_scalar(tape, 0.5)), from_a, from_b);
}

static wg_var addcmul_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const double value = ((const addcmul_attributes *)attributes)->value;
    wg_var product = wg_mul(inputs[1], inputs[2]);
    return wg_add(inputs[0], value == 1 ? product : wg_mul(wg_scalar(tape, value), product));
}

/* scale_cotangent is the product that is 0 where a is. Where b is NaN, so are y and both gradients. */
static wg_var xlogy_expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    wg_var a = inputs[0], b = inputs[1];
    return wg_where(wg_equal(b, b), wg_scale_cotangent(a, wg_log(b)), wg_mul(wg_add(a, b), b));
}

typedef struct {
    wg_shape first, second, third;
} three_shapes;
#define S(...) {{__VA_ARGS__, INT64_MIN}}
#define SCALAR {{INT64_MIN}}
static const three_shapes shapes[] = {
    {SCALAR, SCALAR, SCALAR}, {S(1), S(1), S(1)}, {S(17), S(17), S(17)}, {S(3, 4), S(3, 4), S(3, 4)},
    {S(3, 1), S(1, 5), S(3, 5)}, {S(5), S(3, 5), SCALAR}, {S(3, 5), SCALAR, S(5)}, {SCALAR, S(2, 3), S(2, 3)},
    {S(2, 1, 3), S(4, 1), S(1, 1, 1)}, {S(1, 7), S(2, 1), S(7)}, {S(0), S(0), S(1)}, {S(2, 1), S(1, 0), SCALAR},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };
#undef S
#undef SCALAR

static void lerp_samples(wg_sampler *s) {
    static const double bounds[][2] = {{0.05, 0.45}, {0.55, 1}, {-2, 2}};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < SHAPES; i++)
            WG_SAMPLE(s, NULL, {.shape = &shapes[i].first}, {.shape = &shapes[i].second},
                      {.shape = &shapes[i].third, .values = WG_UNIFORM, .low = bounds[k][0], .high = bounds[k][1]});
}

static void addcmul_samples(wg_sampler *s) {
    static const double values[] = {1, -0.5, 3};
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < SHAPES; i++)
            WG_SAMPLE(s, &(addcmul_attributes){values[k]}, {.shape = &shapes[i].first},
                      {.shape = &shapes[i].second}, {.shape = &shapes[i].third});
}

static void xlogy_samples(wg_sampler *s) {
    wg_sample_binary(s, WG_UNIFORM, 0.3, 3);
    wg_sample_binary(s, WG_UNIFORM, 1.5, 40);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(17), .values = WG_TIES},
              {.shape = WG_SHAPE(17), .values = WG_UNIFORM, .low = 0.1, .high = 10});
}

const wg_op wg_op_lerp = {
    .name = "lerp", .formula = "y = a + t * (b - a)", .torch = "lerp",
    .shapes = "a [*], b [*], t [*] -> y [*]; they broadcast",
    .gradient = "da = dy (1 - t), db = dy t, dt = dy (b - a)",
    .inputs = 3, .outputs = 1, .infer = wg_infer_real_broadcast, .expand = lerp_expand, .samples = lerp_samples,
};

const wg_op wg_op_addcmul = {
    .name = "addcmul", .formula = "y = x + value * a * b", .torch = "addcmul",
    .shapes = "x [*], a [*], b [*] -> y [*]; they broadcast",
    .gradient = "dx = dy, da = dy value b, db = dy value a",
    .inputs = 3, .outputs = 1, .attributes = addcmul_schema, .attributes_size = sizeof(addcmul_attributes),
    .infer = wg_infer_real_broadcast, .expand = addcmul_expand, .samples = addcmul_samples,
};

const wg_op wg_op_xlogy = {
    .name = "xlogy", .formula = "y = a == 0 ? 0 : a * log(b)", .torch = "xlogy",
    .shapes = "a [*], b [*] -> y [*]; they broadcast",
    .gradient = "da = dy log(b), db = dy a / b, 0 where a = 0",
    .inputs = 2, .outputs = 1, .infer = wg_infer_real_broadcast, .expand = xlogy_expand, .samples = xlogy_samples,
};

wg_var (wg_lerp)(wg_var a, wg_var b, wg_var t) { return WG_RECORD(&wg_op_lerp, NULL, a, b, t); }
wg_var (wg_addcmul)(wg_var x, double value, wg_var a, wg_var b) {
    return WG_RECORD(&wg_op_addcmul, &(addcmul_attributes){value}, x, a, b);
}
wg_var (wg_xlogy)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_xlogy, NULL, a, b); }

#endif
