/* where — y = a where c is true, else b
 *
 * With cotangent dy:  da = where(c, dy, 0),  db = where(c, 0, dy): the branch not taken gets a 0 whatever
 * stands in it. */
#include "op.h"

static void where_forward(const wg_call *call) {
    const uint8_t *c = WG_IN(call, 0, uint8_t); /* a bool; gcc does not vectorise a condition of that type */
    const number *a = WG_IN(call, 1, number), *b = WG_IN(call, 2, number);
    number *y = WG_OUT(call, 0, number);
    WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {
        const number taken = a[i], other = b[i]; /* both are read, so that the loop vectorises */
        y[i] = c[i] != 0 ? taken : other;
    }
}
WG_KERNEL(where, where_forward)

#ifdef WG_RULES

static int infer(wg_infer *infer) {
    const wg_type *c = &infer->inputs[0], *a = &infer->inputs[1], *b = &infer->inputs[2];
    if (c->dtype != WG_BOOL)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "the condition is %s; it must be bool (a comparison, or wg_cast)",
                             wg_infer_text(infer, c));
    if (a->dtype != b->dtype)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "dtypes differ: a is %s, b is %s; wg_cast converts",
                             wg_infer_text(infer, a), wg_infer_text(infer, b));
    const int status = wg_infer_one_number(infer, 1, "a");
    if (status) return status;
    infer->outputs[0].dtype = a->dtype;
    return wg_infer_broadcast_shapes(infer, &infer->outputs[0]);
}

static void backward(wg_rule *rule) {
    wg_var c = rule->inputs[0], dy = rule->cotangents[0], zero = wg_scalar(rule->tape, 0);
    if (wg_rule_wants(rule, 1)) wg_rule_set(rule, 1, wg_where(c, dy, zero));
    if (wg_rule_wants(rule, 2)) wg_rule_set(rule, 2, wg_where(c, zero, dy));
}

static void samples(wg_sampler *s) {
#define WHERE(c, a, b)                                                                             \
    WG_SAMPLE(s, NULL, {.dtype = WG_BOOL, .shape = c, .values = WG_INTEGERS, .low = 0, .high = 1}, \
              {.shape = a}, {.shape = b})
    WHERE(WG_SCALAR_SHAPE, WG_SCALAR_SHAPE, WG_SCALAR_SHAPE);
    WHERE(WG_SHAPE(1), WG_SHAPE(1), WG_SHAPE(1));
    WHERE(WG_SHAPE(17), WG_SHAPE(17), WG_SHAPE(17));
    WHERE(WG_SHAPE(3, 5), WG_SHAPE(3, 5), WG_SHAPE(3, 5));
    WHERE(WG_SHAPE(3, 1), WG_SHAPE(1, 5), WG_SHAPE(3, 5));
    WHERE(WG_SHAPE(5), WG_SHAPE(3, 5), WG_SCALAR_SHAPE);
    WHERE(WG_SHAPE(3, 5), WG_SCALAR_SHAPE, WG_SHAPE(5));
    WHERE(WG_SCALAR_SHAPE, WG_SHAPE(2, 3), WG_SHAPE(2, 3));
    WHERE(WG_SHAPE(2, 1, 3), WG_SHAPE(4, 1), WG_SHAPE(1, 1, 1));
    WHERE(WG_SHAPE(1, 7), WG_SHAPE(2, 1), WG_SHAPE(7));
    WHERE(WG_SHAPE(0), WG_SHAPE(0), WG_SHAPE(1));
    WHERE(WG_SHAPE(2, 1), WG_SHAPE(1, 0), WG_SCALAR_SHAPE);
#undef WHERE
}

const wg_op wg_op_where = {
    .name = "where", .formula = "y = c ? a : b", .onnx = "Where", .torch = "where",
    .shapes = "c [*], a [*], b [*] -> y [*]",
    .gradient = "da = c ? dy : 0, db = c ? 0 : dy",
    .inputs = 3, .outputs = 1, .typed_by = 1, .flags = WG_ELEMENTWISE, .blocked_inputs = 1 << 0,
    .infer = infer, .forward = WG_FORWARD(where), .backward = backward, .samples = samples,
};

wg_var (wg_where)(wg_var condition, wg_var a, wg_var b) {
    return WG_RECORD(&wg_op_where, NULL, condition, a, b);
}

#endif
