/* broadcast_to — y[…, i, …] = x[…, 0, …] where x's extent is 1, else x[…, i, …]; new axes come first
 *
 * Elementwise, so the engine spreads x out for it, within tiles where a tile uses it, and the driver sums
 * the cotangent over the axes along which x was broadcast. */
#include "op.h"

typedef struct broadcast_to_attributes {
    wg_type shape;
} broadcast_to_attributes;

#ifdef WG_RULES

static void broadcast_to_forward(const wg_call *call) {
    const size_t size = wg_dtype_size(call->dtype), begin = (size_t)call->begin * size;
    const size_t bytes = (size_t)(call->end - call->begin) * size;
    if (bytes) memmove(WG_OUT(call, 0, char) + begin, WG_IN(call, 0, char) + begin, bytes);
}
WG_BYTES_KERNEL(broadcast_to, broadcast_to_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(broadcast_to_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of the result"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *shape = &WG_ATTRIBUTES(infer, broadcast_to)->shape;
    const int status = wg_infer_extents(infer, shape);
    if (status) return status;
    if (x->rank > shape->rank)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x %s has %d axes, %s has fewer",
                             wg_infer_shape_text(infer, x), x->rank, wg_infer_shape_text(infer, shape));
    for (int back = 1; back <= x->rank; back++) {
        const int64_t from = x->extent[x->rank - back], to = shape->extent[shape->rank - back];
        if (from == 1 || from == to) continue;
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x %s does not broadcast to %s: axis %d from the back is %lld, not 1 or %lld",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, shape), back,
                             (long long)from, (long long)to);
    }
    infer->outputs[0] = *shape;
    infer->outputs[0].dtype = x->dtype;
    return WG_OK;
}

static void backward(wg_rule *rule) { wg_rule_set(rule, 0, rule->cotangents[0]); }

static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define BROADCAST(from, of_rank, ...)                                                              \
    WG_SAMPLE(s, (&(broadcast_to_attributes){{.rank = of_rank, .extent = {__VA_ARGS__}}}), {.shape = from})
    BROADCAST(WG_SCALAR_SHAPE, 0, 0);
    BROADCAST(WG_SCALAR_SHAPE, 1, 7);
    BROADCAST(WG_SCALAR_SHAPE, 3, 2, 1, 3);
    BROADCAST(WG_SHAPE(1), 2, 1, 1);
    BROADCAST(WG_SHAPE(1), 1, 5);
    BROADCAST(WG_SHAPE(5), 1, 5);
    BROADCAST(WG_SHAPE(5), 2, 3, 5);
    BROADCAST(WG_SHAPE(3, 1), 2, 3, 7);
    BROADCAST(WG_SHAPE(1, 7), 2, 3, 7);
    BROADCAST(WG_SHAPE(1, 1), 3, 2, 3, 2);
    BROADCAST(WG_SHAPE(2, 1, 3), 4, 2, 2, 4, 3);
    BROADCAST(WG_SHAPE(1, 3, 1, 2), 4, 2, 3, 3, 2);
    BROADCAST(WG_SHAPE(1, 2, 1, 1, 2, 1, 1, 1), 8, 2, 2, 1, 2, 2, 1, 2, 1);
    BROADCAST(WG_SHAPE(1), 1, 0);
    BROADCAST(WG_SHAPE(3, 1), 3, 2, 3, 0);
    BROADCAST(WG_SHAPE(0), 2, 4, 0);
    WG_SAMPLE(s, (&(broadcast_to_attributes){{.rank = 2, .extent = {3, 5}}}),
              {.dtype = WG_U8, .shape = WG_SHAPE(3, 1)});
    WG_SAMPLE(s, (&(broadcast_to_attributes){{.rank = 3, .extent = {2, 3, 7}}}),
              {.dtype = WG_BOOL, .shape = WG_SHAPE(1, 7)});
#undef BROADCAST
}

const wg_op wg_op_broadcast_to = {
    .name = "broadcast_to", .formula = "y[..., i, ...] = x[..., 0 or i, ...]", .onnx = "Expand",
    .shapes = "x [*] -> y [*]; as the attribute says; an extent of x is that of y, or 1",
    .gradient = "dx = dy summed over the axes along which x was broadcast",
    .torch = "broadcast_to",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(broadcast_to_attributes),
    .is_identity = wg_is_identity,
    .infer = infer, .forward = WG_FORWARD(broadcast_to), .backward = backward, .cost = cost,
    .samples = samples,
};

wg_var (wg_broadcast_to)(wg_var x, const wg_shape *shape) {
    broadcast_to_attributes chosen;
    if (!wg_read_shape(x.tape, "broadcast_to", shape, &chosen.shape)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_broadcast_to, &chosen, x);
}

#endif
