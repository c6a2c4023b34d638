/* bernoulli, categorical, randperm — draws that are no smooth function of anything, and have no gradient
 *
 *     bernoulli:    y[i] = 1 with probability p[i], else 0
 *     categorical:  y[..., s] = k with probability p[..., k] / sum_j p[..., j],    p = exp(logits), or given
 *     randperm:     a permutation of 0 … n-1, each as likely as the others
 *
 * The first compares a word of 32 bits with p 2^32. The second inverts the distribution function: k is the
 * first whose cumulative sum, in double, is above u times the whole sum, so that of a class without weight
 * none is drawn. The third is Fisher and Yates' exchange (Knuth, TAOCP 2, algorithm 3.4.2P). A whole number
 * does not follow p continuously: asking for a gradient is an error. What stands for one is a choice of the
 * model's: wg_normal and wg_uniform scaled and shifted, or softmax of logits plus Gumbel noise. */
#include "draw.h"

typedef struct bernoulli_attributes {
    uint64_t key;
} bernoulli_attributes;
typedef struct categorical_attributes {
    int64_t num_samples;
    bool probabilities;
    uint64_t key;
} categorical_attributes;
typedef struct randperm_attributes {
    int64_t n;
    uint64_t key;
} randperm_attributes;

/* Number `at` of the step, uniform in whole numbers below 2^64: two words. */
WG_INLINE uint64_t bits_at(uint64_t key, uint64_t at, uint64_t step) {
    const wg_random4 drawn = wg_philox(key, at / 2, step);
    const int first = (int)(at % 2 * 2);
    return (uint64_t)drawn.word[first] << 32 | drawn.word[first + 1];
}

#if WG_IS_REAL

static void bernoulli_forward(const wg_call *call) {
    const uint64_t key = WG_ATTRIBUTES(call, bernoulli)->key, step = (uint64_t)*WG_IN(call, 1, int64_t);
    const draw_range range = draw_range_of(call);
    const real *p = WG_IN(call, 0, real);
    real *y = WG_OUT(call, 0, real);
    for (int64_t i = range.begin; i < range.end; i += 4) {
        const wg_random4 drawn = wg_philox(key, (uint64_t)i / 4, step);
        for (int64_t k = 0; k < 4 && i + k < range.end; k++) {
            const double limit = (double)p[i + k] * 0x1p32;
            if (__builtin_expect(!(limit >= 0 && limit <= 0x1p32), 0)) {
                wg_call_fail(call, WG_ERROR_INDEX, "p is %g at element %lld; probabilities are within 0 … 1",
                             (double)p[i + k], (long long)(i + k));
                return;
            }
            y[i + k] = (double)drawn.word[k] < limit;
        }
    }
}
WG_KERNEL(bernoulli, bernoulli_forward)

/* Cumulative sums of the weights of a row; whether they are weights. */
static bool add_up(double *sums, const real *p, int64_t classes, bool probabilities) {
    real most = 0;
    double sum = 0;
    bool good = true;
    for (int64_t k = 0; k < classes && !probabilities; k++) most = k == 0 || p[k] > most ? p[k] : most;
    for (int64_t k = 0; k < classes; k++) {
        const real weight = probabilities ? p[k] : wm_exp(p[k] - most);
        good &= weight >= 0;
        sums[k] = sum += (double)weight;
    }
    return good && sum > 0 && sum - sum == 0;
}

/* The first class whose cumulative sum is above t. */
static int64_t class_above(const double *sums, int64_t classes, double t) {
    int64_t low = 0, high = classes - 1; /* it is one of low … high */
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (sums[middle] > t) high = middle;
        else low = middle + 1;
    }
    return low;
}

/* A unit is a row of weights. */
static void categorical_forward(const wg_call *call) {
    const categorical_attributes *a = WG_ATTRIBUTES(call, categorical);
    const wg_type *type = &call->inputs[0].type;
    const int64_t classes = type->extent[type->rank - 1], count = a->num_samples;
    const uint64_t step = (uint64_t)*WG_IN(call, 1, int64_t);
    double *sums = call->workspace;
    for (int64_t n = call->begin; n < call->end; n++) {
        int64_t *y = WG_OUT(call, 0, int64_t) + n * count;
        if (!add_up(sums, WG_IN(call, 0, real) + n * classes, classes, a->probabilities)) {
            wg_call_fail(call, WG_ERROR_INDEX,
                         "row %lld has no distribution: weights must be finite, at least 0 and not all 0",
                         (long long)n);
            return;
        }
        for (int64_t s = 0; s < count; s++) {
            const double u = (double)(bits_at(a->key, (uint64_t)(n * count + s), step) >> 11) * 0x1p-53;
            y[s] = class_above(sums, classes, u * sums[classes - 1]);
        }
    }
}
WG_KERNEL(categorical, categorical_forward)

#endif

#ifdef WG_RULES

static void randperm_forward(const wg_call *call) {
    const randperm_attributes *a = WG_ATTRIBUTES(call, randperm);
    const uint64_t step = (uint64_t)*WG_IN(call, 0, int64_t);
    int64_t *y = WG_OUT(call, 0, int64_t);
    for (int64_t i = 0; i < a->n; i++) y[i] = i;
    for (int64_t i = a->n - 1; i > 0; i--) {
        const int64_t j =
            (int64_t)(bits_at(a->key, (uint64_t)i, step) % ((uint64_t)i + 1)); /* uneven by n / 2^64 */
        const int64_t other = y[j];
        y[j] = y[i];
        y[i] = other;
    }
}
WG_BYTES_KERNEL(randperm, randperm_forward)

static const wg_attribute bernoulli_schema[] = {DRAW_KEY(bernoulli_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute categorical_schema[] = {
    WG_ATTRIBUTE(categorical_attributes, num_samples, .kind = WG_ATTRIBUTE_INT, .bounded = true,
                 .high = 0x1p40, .preset = 1, .meaning = "drawn from each row, with replacement"),
    WG_ATTRIBUTE(categorical_attributes, probabilities, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "are the inputs weights, not their logarithms?"),
    DRAW_KEY(categorical_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute randperm_schema[] = {
    WG_ATTRIBUTE(randperm_attributes, n, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p40,
                 .meaning = "how many numbers"),
    DRAW_KEY(randperm_attributes), WG_NO_MORE_ATTRIBUTES};

static int bernoulli_infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    const int status = wg_infer_one_real(infer, 0, "p");
    return status ? status : draw_infer_step(infer, 1);
}

static int categorical_infer(wg_infer *infer) {
    const wg_type *p = &infer->inputs[0];
    int status = wg_infer_one_real(infer, 0, "input 0");
    if (status || (status = draw_infer_step(infer, 1))) return status;
    if (p->rank < 1 || p->extent[p->rank - 1] < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "input 0 is %s; its last axis must hold at least one class",
                             wg_infer_shape_text(infer, p));
    infer->outputs[0] = *p;
    infer->outputs[0].dtype = WG_I64;
    infer->outputs[0].extent[p->rank - 1] = WG_ATTRIBUTES(infer, categorical)->num_samples;
    return WG_OK;
}

static int randperm_infer(wg_infer *infer) {
    infer->outputs[0] = (wg_type){.dtype = WG_I64, .rank = 1, .extent = {WG_ATTRIBUTES(infer, randperm)->n}};
    return draw_infer_step(infer, 0);
}

static int64_t classes_of(const wg_call *call) {
    const wg_type *type = &call->inputs[0].type;
    return type->extent[type->rank - 1];
}
static int64_t categorical_units(const wg_call *call) {
    return wg_type_count(&call->inputs[0].type) / classes_of(call);
}
static size_t categorical_workspace(const wg_call *call) { return (size_t)classes_of(call) * sizeof(double); }
static wg_cost bernoulli_cost(const wg_call *call) { return wg_cost_per_element(call, 24); }
static wg_cost categorical_cost(const wg_call *call) {
    return (wg_cost){20 * (double)wg_type_count(&call->inputs[0].type) +
                         90 * (double)wg_type_count(&call->outputs[0].type),
                     wg_call_bytes(call)};
}
static wg_cost randperm_cost(const wg_call *call) { return wg_cost_per_element(call, 90); }

static void bernoulli_samples(wg_sampler *s) {
    const wg_shape *const shapes[] = {WG_SCALAR_SHAPE,   WG_SHAPE(1),    WG_SHAPE(7),
                                      WG_SHAPE(3, 5),    WG_SHAPE(0, 3), WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 3),
                                      WG_SHAPE(2, 3, 4), WG_SHAPE(1026)};
    for (int i = 0; i < 24; i++)
        WG_SAMPLE(s, &((bernoulli_attributes){draw_sample_key(i)}),
                  {.shape = shapes[i / 3],
                   .values = i % 3 ? WG_UNIFORM : WG_INTEGERS,
                   .high = i % 3 == 1 ? 0.5 : 1},
                  DRAW_STEP(i));
}

static void categorical_samples(wg_sampler *s) {
    const wg_shape *const shapes[] = {WG_SHAPE(1),    WG_SHAPE(7),       WG_SHAPE(3, 5),
                                      WG_SHAPE(0, 3), WG_SHAPE(2, 3, 4), WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 3),
                                      WG_SHAPE(4, 1), WG_SHAPE(2, 67)};
    static const int64_t counts[] = {1, 3, 0, 8, 33};
    for (int i = 0; i < 40; i++) {
        const bool probabilities = i % 2;
        WG_SAMPLE(s, &((categorical_attributes){counts[i % 5], probabilities, draw_sample_key(i)}),
                  {.shape = shapes[i / 5],
                   .values = probabilities ? WG_UNIFORM : WG_NORMAL,
                   .low = 0.1,
                   .high = 2},
                  DRAW_STEP(i));
    }
}

static void randperm_samples(wg_sampler *s) {
    for (int i = 0; i < 32; i++)
        WG_SAMPLE(s, &((randperm_attributes){i < 16 ? i : 3 * i, draw_sample_key(i)}), DRAW_STEP(i));
}

const wg_op wg_op_bernoulli = {
    .name = "bernoulli",
    .formula = "y = u < p",
    .shapes = "p [...], step [] -> y [...]",
    .onnx = "Bernoulli",
    .torch = "bernoulli",
    .inputs = 2,
    .outputs = 1,
    .flags = WG_BLOCKS | WG_RANDOM | WG_CAN_FAIL,
    .blocked_inputs = 3,
    .attributes = bernoulli_schema,
    .attributes_size = sizeof(bernoulli_attributes),
    .infer = bernoulli_infer,
    .forward = WG_FORWARD(bernoulli),
    .units = draw_units,
    .cost = bernoulli_cost,
    .samples = bernoulli_samples,
};

const wg_op wg_op_categorical = {
    .name = "categorical",
    .formula = "y = the first k with sum_{j <= k} p[j] > u sum_j p[j]",
    .shapes = "logits [..., C], step [] -> y [..., num_samples]",
    .onnx = "Multinomial",
    .torch = "multinomial",
    .inputs = 2,
    .outputs = 1,
    .flags = WG_BLOCKS | WG_RANDOM | WG_CAN_FAIL,
    .blocked_inputs = 3,
    .attributes = categorical_schema,
    .attributes_size = sizeof(categorical_attributes),
    .infer = categorical_infer,
    .forward = WG_FORWARD(categorical),
    .units = categorical_units,
    .workspace = categorical_workspace,
    .cost = categorical_cost,
    .samples = categorical_samples,
};

const wg_op wg_op_randperm = {
    .name = "randperm",
    .formula = "y = a random order of 0 … n-1",
    .shapes = "step [] -> y [n]",
    .torch = "randperm",
    .inputs = 1,
    .outputs = 1,
    .flags = WG_BLOCKS | WG_RANDOM,
    .blocked_inputs = 1,
    .attributes = randperm_schema,
    .attributes_size = sizeof(randperm_attributes),
    .infer = randperm_infer,
    .forward = WG_FORWARD(randperm),
    .cost = randperm_cost,
    .samples = randperm_samples,
};

wg_var (wg_bernoulli)(wg_draw draw, wg_var p) {
    return WG_RECORD(&wg_op_bernoulli, (&(bernoulli_attributes){draw.key}), p, draw.step);
}

wg_var (wg_categorical)(wg_draw draw, wg_var logits, int64_t num_samples,
                       const wg_categorical_options *options) {
    WG_READ_OPTIONS(wg_categorical_options, given, options);
    categorical_attributes chosen;
    memset(&chosen, 0, sizeof chosen); /* the bytes between the members */
    chosen.num_samples = num_samples;
    chosen.probabilities = given.probabilities;
    chosen.key = draw.key;
    return WG_RECORD(&wg_op_categorical, &chosen, logits, draw.step);
}

wg_var (wg_randperm)(wg_draw draw, int64_t n) {
    return WG_RECORD(&wg_op_randperm, (&(randperm_attributes){n, draw.key}), draw.step);
}

#endif
