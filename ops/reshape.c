/* reshape — y has x's elements in x's order under another shape; dx = dy under x's
 *
 * One extent may be -1: it becomes what the others leave. squeeze, unsqueeze and
 * flatten record it too. */
#include "op.h"

typedef struct reshape_attributes {
    wg_type shape;
} reshape_attributes;

#ifdef WG_RULES

static void reshape_forward(const wg_call *call) {
    const size_t bytes = wg_type_bytes(&call->outputs[0].type);
    if (bytes) memcpy(call->outputs[0].data, call->inputs[0].data, bytes);
}
WG_BYTES_KERNEL(reshape, reshape_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(reshape_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE,
                 .meaning = "of the result; one extent may be -1: what the others leave"),
    WG_NO_MORE_ATTRIBUTES};

/* The product of the extents that are not -1, 0 if one is; -1 where it does not fit 64 bits. */
static int64_t product(const wg_type *shape) {
    int64_t count = 1;
    bool fits = true, empty = false;
    for (int i = 0; i < shape->rank; i++) {
        empty |= shape->extent[i] == 0;
        if (shape->extent[i] > 0) fits = fits && !__builtin_mul_overflow(count, shape->extent[i], &count);
    }
    return empty ? 0 : fits ? count : -1;
}

/* *open: the axis that says -1, or -1 where none does. */
static int find_open(wg_infer *infer, const wg_type *shape, int *open) {
    *open = -1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->extent[i] < -1)
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "extent %d of %s is %lld; it must be at least 0, or -1 for what is left", i,
                                 wg_infer_shape_text(infer, shape), (long long)shape->extent[i]);
        if (shape->extent[i] >= 0) continue;
        if (*open >= 0)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s has -1 twice; one extent can be what is left",
                                 wg_infer_shape_text(infer, shape));
        *open = i;
    }
    return WG_OK;
}

static int refuse(wg_infer *infer, const wg_type *shape, const char *why) {
    const wg_type *x = &infer->inputs[0];
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x %s has %lld elements, %s%s", wg_infer_shape_text(infer, x),
                         (long long)wg_type_count(x), wg_infer_shape_text(infer, shape), why);
}

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    wg_type *shape = &((reshape_attributes *)infer->attributes)->shape;
    const int64_t count = wg_type_count(x), given = product(shape);
    int open;
    const int status = find_open(infer, shape, &open);
    if (status) return status;
    if (open < 0 && given != count) return refuse(infer, shape, " has not");
    if (open >= 0 && given == 0) return refuse(infer, shape, " does not say what -1 is beside a 0");
    if (open >= 0 && (given < 0 || count % given)) return refuse(infer, shape, " never has");
    if (open >= 0) shape->extent[open] = count / given;
    infer->outputs[0] = *shape;
    infer->outputs[0].dtype = x->dtype;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const reshape_attributes back = {wg_type_of(rule->inputs[0])};
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_reshape, &back, rule->cotangents[0]));
}

static wg_cost cost(const wg_call *call) {
    (void)call; /* a view: nothing is moved */
    return (wg_cost){0};
}

static void samples(wg_sampler *s) {
#define RESHAPE(from, of_rank, ...)                                                                \
    WG_SAMPLE(s, (&(reshape_attributes){{.rank = of_rank, .extent = {__VA_ARGS__}}}), {.shape = from})
    RESHAPE(WG_SCALAR_SHAPE, 0, 0);
    RESHAPE(WG_SCALAR_SHAPE, 3, 1, 1, 1);
    RESHAPE(WG_SHAPE(1, 1), 0, 0);
    RESHAPE(WG_SHAPE(1), 1, -1);
    RESHAPE(WG_SHAPE(2, 3), 2, 3, 2);
    RESHAPE(WG_SHAPE(2, 3), 1, -1);
    RESHAPE(WG_SHAPE(7), 3, 1, 7, 1);
    RESHAPE(WG_SHAPE(3, 4, 5), 2, 5, -1);
    RESHAPE(WG_SHAPE(3, 4, 5), 4, -1, 2, 5, 2);
    RESHAPE(WG_SHAPE(6, 5), 8, 1, 2, 1, 3, 1, 5, 1, 1);
    RESHAPE(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 2, 4, 4);
    RESHAPE(WG_SHAPE(0), 2, 3, 0);
    RESHAPE(WG_SHAPE(2, 0, 3), 2, -1, 6);
#undef RESHAPE
}

const wg_op wg_op_reshape = {
    .name = "reshape", .formula = "y[i] = x[i], i counting elements in row-major order",
    .shapes = "x [*] -> y [*]; as the attribute says, with as many elements",
    .gradient = "dx = dy under x's shape",
    .onnx = "Reshape", .torch = "reshape",
    .inputs = 1, .outputs = 1, .flags = WG_VIEW, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(reshape_attributes),
    .infer = infer, .forward = WG_FORWARD(reshape), .backward = backward, .cost = cost,
    .samples = samples,
};

wg_var (wg_reshape)(wg_var x, const wg_shape *shape) {
    reshape_attributes chosen;
    if (!wg_read_shape(x.tape, "reshape", shape, &chosen.shape)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_reshape, &chosen, x);
}

#endif
