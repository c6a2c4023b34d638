/* quarters — the rows of x along axis 0 in four runs, as even as can be, the first ones longer
 *
 * The gradient is the four cotangents one behind the other. So a tree of quarters takes T rows apart, and
 * puts their cotangents together, in log4 T passes over x; T slices would take T passes back, since each
 * cotangent of a slice is as large as x. */
#include "op.h"

/* Of n rows the first of run k; run 4 begins at n. */
WG_INLINE int64_t run_begin(int64_t n, int64_t k) { return k * (n / 4) + (k < n % 4 ? k : n % 4); }

#ifdef WG_RULES

/* A unit is a run. */
static void quarters_forward(const wg_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const size_t row = x->extent[0] ? wg_type_bytes(x) / (size_t)x->extent[0] : 0;
    for (int64_t k = call->begin; k < call->end; k++) {
        const int64_t begin = run_begin(x->extent[0], k), end = run_begin(x->extent[0], k + 1);
        if (end > begin && row)
            memcpy(call->outputs[k].data, WG_IN(call, 0, char) + (size_t)begin * row,
                   (size_t)(end - begin) * row);
    }
}
WG_BYTES_KERNEL(quarters, quarters_forward)

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    if (x->rank < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x has no axes; it must have one to be cut along");
    for (int k = 0; k < 4; k++) {
        infer->outputs[k] = *x;
        infer->outputs[k].extent[0] = run_begin(x->extent[0], k + 1) - run_begin(x->extent[0], k);
    }
    return WG_OK;
}

static void backward(wg_rule *rule) {
    wg_var runs[5];
    int count = 0;
    for (int k = 0; k < 4; k++)
        if (wg_type_of(rule->outputs[k]).extent[0] > 0) runs[count++] = wg_rule_cotangent(rule, k);
    runs[count] = (wg_var)WG_END_;
    if (count > 0) wg_rule_set(rule, 0, count > 1 ? wg_concat_list(0, runs) : runs[0]);
}

static int64_t units(const wg_call *call) { return call->output_count; }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
    for (int64_t n = 0; n < 10; n++) {
        WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(n)});
        WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(n, 3)});
        WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(n, 1, 2)});
    }
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(4, 0)});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(5, 1, 2, 1, 2, 1, 1, 2)});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(33)});
}

const wg_op wg_op_quarters = {
    .name = "quarters",
    .formula = "y_0, y_1, y_2, y_3 one behind the other = x",
    .shapes = "x [*] -> y_0 [*], y_1 [*], y_2 [*], y_3 [*]; axis 0 in four runs, as even as can be",
    .gradient = "dx = dy_0, dy_1, dy_2, dy_3 one behind the other",
    .torch = "tensor_split",
    .inputs = 1,
    .outputs = 4,
    .flags = WG_HELPER,
    .linear_in = 1,
    .infer = infer,
    .forward = WG_FORWARD(quarters),
    .backward = backward,
    .units = units,
    .cost = cost,
    .samples = samples,
};

#endif
