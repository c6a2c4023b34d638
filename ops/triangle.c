/* tril, triu — the lower and the upper triangle of the last two axes, 0 elsewhere; any dtype
 *
 *   tril:  y[…, i, j] = x[…, i, j] where j <= i + k, else 0
 *   triu:  y[…, i, j] = x[…, i, j] where j >= i + k, else 0
 *
 * Each is its own transpose: dx is the same triangle of dy. */
#include "op.h"

typedef struct triangle_attributes {
    int64_t k;
} triangle_attributes;

#ifdef WG_RULES

/* A unit is a row. Columns low … high-1 of it are x's. */
static void copy_columns(const wg_call *call, bool lower) {
    const wg_type *x = &call->inputs[0].type;
    const int64_t rows = x->extent[x->rank - 2], columns = x->extent[x->rank - 1];
    const int64_t k = ((const triangle_attributes *)call->attributes)->k, size = (int64_t)wg_dtype_size(call->dtype);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t row = unit % rows + lower;
        int64_t edge = k > columns ? columns : k < -rows ? 0 : row + k;
        if (edge < 0) edge = 0;
        if (edge > columns) edge = columns;
        const char *from = WG_IN(call, 0, char) + unit * columns * size;
        char *to = WG_OUT(call, 0, char) + unit * columns * size;
        const size_t head = (size_t)(edge * size), tail = (size_t)((columns - edge) * size);
        if (lower) memcpy(to, from, head), memset(to + head, 0, tail);
        else memset(to, 0, head), memcpy(to + head, from + head, tail);
    }
}
static void tril_forward(const wg_call *call) { copy_columns(call, true); }
WG_BYTES_KERNEL(tril, tril_forward)
static void triu_forward(const wg_call *call) { copy_columns(call, false); }
WG_BYTES_KERNEL(triu, triu_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(triangle_attributes, k, .kind = WG_ATTRIBUTE_INT,
                 .meaning = "the last diagonal that is kept: 0 the main, above it positive"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    if (infer->inputs[0].rank >= 2) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must have at least 2 axes",
                         wg_infer_shape_text(infer, &infer->inputs[0]));
}

static void backward(wg_rule *rule) {
    wg_rule_set(rule, 0, wg_apply_list(rule->op, sizeof(wg_op), rule->attributes,
                                       (const wg_var[]){rule->cotangents[0], WG_END_}));
}

static int64_t units(const wg_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const int64_t columns = x->extent[x->rank - 1];
    return columns ? wg_type_count(x) / columns : 0;
}
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define TRIANGLE(from, k) WG_SAMPLE(s, (&(triangle_attributes){k}), {.shape = from})
    for (int64_t k = -3; k <= 3; k++) {
        TRIANGLE(WG_SHAPE(3, 5), k);
        TRIANGLE(WG_SHAPE(4, 2), k);
        TRIANGLE(WG_SHAPE(2, 3, 3), k);
    }
    TRIANGLE(WG_SHAPE(1, 1), 0);
    TRIANGLE(WG_SHAPE(1, 1), 1);
    TRIANGLE(WG_SHAPE(1, 5), 0);
    TRIANGLE(WG_SHAPE(5, 1), -1);
    TRIANGLE(WG_SHAPE(0, 3), 0);
    TRIANGLE(WG_SHAPE(3, 0), 1);
    TRIANGLE(WG_SHAPE(2, 0, 3), -1);
    TRIANGLE(WG_SHAPE(3, 3), INT64_MAX);
    TRIANGLE(WG_SHAPE(3, 3), INT64_MIN);
    TRIANGLE(WG_SHAPE(1, 2, 1, 2, 1, 1, 2, 3), 0);
    WG_SAMPLE(s, (&(triangle_attributes){1}), {.dtype = WG_U8, .shape = WG_SHAPE(3, 5)});
    WG_SAMPLE(s, (&(triangle_attributes){-1}), {.dtype = WG_BOOL, .shape = WG_SHAPE(4, 4)});
#undef TRIANGLE
}

#define OP(of, says, shapes_text, gradient_text)                                                   \
    const wg_op wg_op_##of = {                                                                     \
        .name = #of, .formula = says, .onnx = "Trilu", .torch = #of,                               \
        .shapes = shapes_text, .gradient = gradient_text,                                          \
        .inputs = 1, .outputs = 1, .linear_in = 1, .flags = WG_EVEN_UNITS,                         \
        .attributes = attributes, .attributes_size = sizeof(triangle_attributes),                  \
        .infer = infer, .forward = WG_FORWARD(of), .backward = backward, .units = units, .cost = cost, \
        .samples = samples,                                                                        \
    }
OP(tril, "y[..., i, j] = j <= i + k ? x[..., i, j] : 0", "x [..., m, n] -> y [..., m, n]", "dx = tril(dy)");
OP(triu, "y[..., i, j] = j >= i + k ? x[..., i, j] : 0", "x [..., m, n] -> y [..., m, n]", "dx = triu(dy)");

wg_var (wg_tril)(wg_var x, int64_t k) {
    const triangle_attributes chosen = {k};
    return WG_RECORD(&wg_op_tril, &chosen, x);
}
wg_var (wg_triu)(wg_var x, int64_t k) {
    const triangle_attributes chosen = {k};
    return WG_RECORD(&wg_op_triu, &chosen, x);
}

#endif
