/* uniform, normal — numbers drawn by themselves, of a shape and dtype
 *
 *     uniform:  y = low + (high - low) u
 *     normal:   y = mean + std z,    z = sqrt(-2 ln v) cos(2π u)  and  sqrt(-2 ln v) sin(2π u)
 *
 * in pairs of neighbours: Box & Muller 1958, Ann. Math. Statist. 29. Of an f32 each word of 32 bits makes a
 * number: u is a multiple of 2^-24 below 1, v = (word + 1/2) / 2^32 rounded; of an f64 two words make one: u
 * is a multiple of 2^-53, v that and 2^-54. Neither input is read but for its dtype and the step. Where low
 * and high, or mean and std, are vars that a gradient should reach, draw with 0 and 1, then scale and shift
 * by them. */
#include "draw.h"

typedef struct uniform_attributes {
    wg_type shape;
    double low, high;
    uint64_t key;
} uniform_attributes;
typedef struct normal_attributes {
    wg_type shape;
    double mean, std;
    uint64_t key;
} normal_attributes;

#if WG_IS_REAL

/* How many numbers a block of four words makes. */
enum { PER_BLOCK = 16 / sizeof(real) };

#if WG_TYPE_NUMBER == WG_TYPE_f32
WG_INLINE real uniform_at(wg_random4 drawn, int k) { return wg_uniform_f32(drawn.word[k]); }
WG_INLINE real positive_at(wg_random4 drawn, int k) { return (real)((double)drawn.word[k] + 0.5) * 0x1p-32f; }
#else
WG_INLINE real uniform_at(wg_random4 drawn, int k) {
    return wg_uniform_f64(drawn.word[2 * k], drawn.word[2 * k + 1]);
}
WG_INLINE real positive_at(wg_random4 drawn, int k) { return uniform_at(drawn, k) + 0x1p-54; }
#endif

static void uniform_forward(const wg_call *call) {
    const uniform_attributes *a = WG_ATTRIBUTES(call, uniform);
    const uint64_t step = (uint64_t)*WG_IN(call, 1, int64_t);
    const draw_range range = draw_range_of(call);
    const double low = a->low, width = a->high - a->low;
    real *y = WG_OUT(call, 0, real);
    for (int64_t i = range.begin; i < range.end; i += PER_BLOCK) {
        const wg_random4 drawn = wg_philox(a->key, (uint64_t)(i / PER_BLOCK), step);
        for (int k = 0; k < PER_BLOCK && i + k < range.end; k++)
            y[i + k] = (real)(low + width * (double)uniform_at(drawn, k));
    }
}
WG_KERNEL(uniform, uniform_forward)

/* The pairs of a unit: the first of a pair gives the distance from 0, the second the angle. */
static void normal_unit(real *z, uint64_t key, uint64_t step, uint64_t block) {
    real distance[DRAW_UNIT / 2], angle[DRAW_UNIT / 2];
    const real turn = (real)0x1.921fb54442d18p+2; /* 2π */
    for (int i = 0; i < DRAW_UNIT; i += PER_BLOCK) {
        const wg_random4 drawn = wg_philox(key, block++, step);
        for (int k = 0; k < PER_BLOCK; k += 2) {
            distance[(i + k) / 2] = positive_at(drawn, k);
            angle[(i + k) / 2] = uniform_at(drawn, k + 1);
        }
    }
    WG_INDEPENDENT_LOOP for (int i = 0; i < DRAW_UNIT / 2; i++) {
        const real r = wm_sqrt(-2 * wm_log(distance[i])), turned = turn * angle[i];
        z[2 * i] = r * wm_cos_near(turned);
        z[2 * i + 1] = r * wm_sin_near(turned);
    }
}

static void normal_forward(const wg_call *call) {
    const normal_attributes *a = WG_ATTRIBUTES(call, normal);
    const uint64_t step = (uint64_t)*WG_IN(call, 1, int64_t);
    const draw_range range = draw_range_of(call);
    const real mean = (real)a->mean, std = (real)a->std;
    real *y = WG_OUT(call, 0, real), z[DRAW_UNIT];
    for (int64_t i = range.begin; i < range.end; i += DRAW_UNIT) {
        const int64_t left = range.end - i, count = left < DRAW_UNIT ? left : DRAW_UNIT;
        normal_unit(z, a->key, step, (uint64_t)(i / PER_BLOCK));
        for (int64_t k = 0; k < count; k++) y[i + k] = mean + std * z[k];
    }
}
WG_KERNEL(normal, normal_forward)

#endif

#ifdef WG_RULES

#define DRAWN_SHAPE(attributes)                                                                    \
    WG_ATTRIBUTE(attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of the result")
#define NUMBER(attributes, member, least, of, text)                                                \
    WG_ATTRIBUTE(attributes, member, .kind = WG_ATTRIBUTE_REAL, .is_value = true, .bounded = true,    \
                 .low = least, .high = 1e300, .preset = of, .meaning = text)
static const wg_attribute uniform_schema[] = {DRAWN_SHAPE(uniform_attributes),
                                              NUMBER(uniform_attributes, low, -1e300, 0, "the least"),
                                              NUMBER(uniform_attributes, high, -1e300, 1, "the bound above"),
                                              DRAW_KEY(uniform_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute normal_schema[] = {
    DRAWN_SHAPE(normal_attributes), NUMBER(normal_attributes, mean, -1e300, 0, "of the distribution"),
    NUMBER(normal_attributes, std, 0, 1, "the standard deviation"), DRAW_KEY(normal_attributes),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer, const wg_type *shape) {
    int status = wg_infer_one_real(infer, 0, "input 0, which gives the dtype,");
    if (status || (status = draw_infer_step(infer, 1))) return status;
    infer->outputs[0] = *shape;
    infer->outputs[0].dtype = infer->inputs[0].dtype;
    return wg_infer_extents(infer, shape);
}
static int uniform_infer(wg_infer *i) {
    const uniform_attributes *a = i->attributes;
    if (a->low > a->high)
        return wg_infer_fail(i, WG_ERROR_ATTRIBUTE, "low is %g, high is %g; low must not be above high",
                             a->low, a->high);
    return infer(i, &a->shape);
}
static int normal_infer(wg_infer *i) { return infer(i, &WG_ATTRIBUTES(i, normal)->shape); }

static wg_cost uniform_cost(const wg_call *call) { return wg_cost_per_element(call, 24); }
static wg_cost normal_cost(const wg_call *call) { return wg_cost_per_element(call, 60); }

/* Each shape, the last of which takes two units, with each low and high, or mean and std. */
#define DRAWN_SAMPLES(op)                                                                          \
    static void op##_samples(wg_sampler *s) {                                                      \
        static const wg_type shapes[] = {                                                          \
            {.rank = 0}, {.rank = 1, .extent = {1}}, {.rank = 1, .extent = {7}},                   \
            {.rank = 2, .extent = {3, 5}},                                                         \
            {.rank = 2, .extent = {0, 3}}, {.rank = 8, .extent = {1, 2, 1, 2, 1, 2, 1, 3}},        \
            {.rank = 3, .extent = {2, 3, 4}}, {.rank = 1, .extent = {1026}}};                      \
        static const double numbers[][2] = {{0, 1}, {-1, 1}, {2.5, 2.5}, {-1e3, 1e-3}, {1e-3, 1e3}}; \
        for (int i = 0; i < 40; i++) {                                                             \
            const double *pair = numbers[i % 5];                                                   \
            const op##_attributes chosen = {shapes[i / 5], pair[0], pair[1], draw_sample_key(i)};  \
            if (i < 37) WG_SAMPLE(s, &chosen, {.shape = WG_SCALAR_SHAPE}, DRAW_STEP(i % 3));       \
        }                                                                                          \
    }
DRAWN_SAMPLES(uniform)
DRAWN_SAMPLES(normal)

/* Nothing of the inputs reaches the numbers: the gradient to input 0 is zero by intention. */
#define DRAWN_OP(op, first, second, text, shapes_text, onnx_name, torch_name)                      \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name, .inputs = 2,    \
        .shapes = shapes_text,                                                                     \
        .outputs = 1,                                                                              \
        .flags = WG_STOPS | WG_RANDOM, .blocked_inputs = 1 << 1,                                   \
        .attributes = op##_schema, .attributes_size = sizeof(op##_attributes),                     \
        .infer = op##_infer, .forward = WG_FORWARD(op), .units = draw_units, .cost = op##_cost,    \
        .samples = op##_samples,                                                                   \
    };                                                                                             \
    wg_var (wg_##op)(wg_draw draw, const wg_shape *shape, double first, double second,             \
                     const wg_draw_options *options) {                                             \
        WG_READ_OPTIONS(wg_draw_options, given, options);                                          \
        wg_tape *tape = draw.step.tape;                                                            \
        op##_attributes chosen = {.first = first, .second = second, .key = draw.key};              \
        if (!wg_read_shape(tape, #op, shape, &chosen.shape)) return wg_refuse(tape);               \
        wg_var like = (wg_full)(tape, given.dtype ? given.dtype : WG_F32, WG_SCALAR_SHAPE, 0);     \
        return WG_RECORD(&wg_op_##op, &chosen, like, draw.step);                                   \
    }
DRAWN_OP(uniform, low, high, "y = low + (high - low) u",
         "like [], step [] -> y [*]; as the attribute says, of like's dtype", "RandomUniform", "rand")
DRAWN_OP(normal, mean, std, "y = mean + std z",
         "like [], step [] -> y [*]; as the attribute says, of like's dtype", "RandomNormal", "normal")

wg_draw wg_draw_from(wg_var step, uint64_t seed, const char *path) {
    return (wg_draw){step, wg_random_key(seed, path)};
}

#endif
