/* dropout_mask — y = 0 with probability p, else 1 / (1 - p): what dropout multiplies by
 *
 * Srivastava et al. 2014, JMLR 15. Element i is 0 if word i mod 4 of Philox(key, counter = (i / 4, step)) is
 * below p 2^32, to the nearest; key comes from a model's seed and a path. So the numbers depend on neither
 * threads nor the order of recording, and a step drawn again draws the same. x gives only the shape. */
#include "draw.h"

#if WG_IS_REAL

static void forward(const wg_call *call) {
    const dropout_mask_attributes *a = WG_ATTRIBUTES(call, dropout_mask);
    const uint64_t step = (uint64_t)*WG_IN(call, 1, int64_t), limit = (uint64_t)(a->p * 0x1p32 + 0.5);
    const real kept = (real)(1 / (1 - a->p));
    const draw_range range = draw_range_of(call);
    real *y = WG_OUT(call, 0, real);
    for (int64_t i = range.begin; i < range.end; i += 4) {
        const wg_random4 drawn = wg_philox(a->key, (uint64_t)i / 4, step);
        for (int64_t k = 0; k < 4 && i + k < range.end; k++) y[i + k] = drawn.word[k] < limit ? 0 : kept;
    }
}
WG_KERNEL(dropout_mask, forward)

#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(dropout_mask_attributes, p, .kind = WG_ATTRIBUTE_REAL, .is_value = true, .bounded = true,
                 .high = 1 - 0x1p-32, .meaning = "the probability of 0"),
    DRAW_KEY(dropout_mask_attributes),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    const int status = wg_infer_one_real(infer, 0, "x");
    return status ? status : draw_infer_step(infer, 1);
}

/* Ten rounds of about eight operations make four numbers. */
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 20); }

static void samples(wg_sampler *s) {
#define MASK(probability, bits, number, shape_of)                                                            \
    WG_SAMPLE(s, (&(dropout_mask_attributes){probability, bits}), {.shape = shape_of}, \
              DRAW_STEP(number))
    MASK(0.5, 1, 0, WG_SHAPE(7));
    MASK(0.5, 1, 1, WG_SHAPE(7));
    MASK(0.1, 2, 3, WG_SHAPE(5, 9));
    MASK(0, 3, 3, WG_SHAPE(5));
    MASK(0.999, 4, 0, WG_SHAPE(33));
    MASK(0.25, UINT64_MAX, 1000000, WG_SHAPE(2, 3, 5));
    MASK(0.25, 0x123456789ABCDEF, 1, WG_SHAPE(1));
    MASK(0.3, 5, 2, WG_SCALAR_SHAPE);
    MASK(0.3, 6, 2, WG_SHAPE(0));
    MASK(0.3, 7, 2, WG_SHAPE(3, 0, 2));
    MASK(0.75, 8, 5, WG_SHAPE(2050));
#undef MASK
}

const wg_op wg_op_dropout_mask = {
    .name = "dropout_mask", .formula = "y = random < p ? 0 : 1 / (1 - p)",
    .shapes = "x [...], step [] -> y [...]",
    .inputs = 2, .outputs = 1, .flags = WG_STOPS | WG_RANDOM, .blocked_inputs = 1 << 1,
    .attributes = attributes, .attributes_size = sizeof(dropout_mask_attributes),
    .infer = infer, .forward = WG_FORWARD(dropout_mask), .units = draw_units, .cost = cost, .samples = samples,
};

wg_var (wg_dropout_mask)(wg_var x, wg_var step, double p, uint64_t seed, const char *path) {
    const dropout_mask_attributes chosen = {p, wg_random_key(seed, path)};
    return WG_RECORD(&wg_op_dropout_mask, &chosen, x, step);
}

#endif
