/* concat — y is the inputs one behind the other along an axis; each dx is its part of dy */
#include "rows.h"

typedef struct concat_attributes {
    int64_t axis;
} concat_attributes;

#ifdef WG_RULES

/* Of a part of y that begins at `at` and is `count` elements long, copies what lies in begin … end-1. */
static void copy_clipped(const wg_call *call, int64_t at, const char *x, int64_t count, int64_t size) {
    const int64_t begin = at < call->begin ? call->begin : at;
    const int64_t end = at + count < call->end ? at + count : call->end;
    char *y = WG_OUT(call, 0, char);
    if (begin < end) rows_copy(y + begin * size, x + (begin - at) * size, (end - begin) * size);
}

/* A unit is an element of y. Outer places that lie in begin … end-1 as a whole go together. */
static void concat_forward(const wg_call *call) {
    const int64_t axis = WG_ATTRIBUTES(call, concat)->axis, size = (int64_t)wg_dtype_size(call->dtype);
    const rows_split out = rows_split_at(&call->outputs[0].type, axis);
    const int64_t all = out.extent * out.inner;
    const int64_t head = call->begin / all, tail = call->end / all, first = (call->begin + all - 1) / all;
    int64_t before = 0;
    for (int k = 0; k < call->input_count; k++) {
        const int64_t count = call->inputs[k].type.extent[axis] * out.inner, bytes = count * size;
        const char *x = WG_IN(call, k, char);
        if (bytes == 0) continue;
        char *y = WG_OUT(call, 0, char) + (first * all + before) * size;
        if (first < tail) rows_copy_apart(y, all * size, x + first * bytes, bytes, tail - first, bytes);
        if (head < first) copy_clipped(call, head * all + before, x + head * bytes, count, size);
        if (tail >= first && tail * all < call->end)
            copy_clipped(call, tail * all + before, x + tail * bytes, count, size);
        before += count;
    }
}
WG_BYTES_KERNEL(concat, concat_forward)

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(concat_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "along which they are joined"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    int64_t *axis = &((concat_attributes *)infer->attributes)->axis;
    const wg_type *first = &infer->inputs[0];
    const int status = wg_infer_axis(infer, axis, first->rank);
    if (status) return status;
    wg_type joined = *first;
    for (int k = 1; k < infer->input_count; k++) {
        const wg_type *x = &infer->inputs[k];
        if (x->dtype != first->dtype)
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "dtypes differ: input 0 is %s, input %d is %s; wg_cast converts",
                                 wg_infer_text(infer, first), k, wg_infer_text(infer, x));
        bool alike = x->rank == first->rank;
        for (int i = 0; alike && i < first->rank; i++) alike = i == *axis || x->extent[i] == first->extent[i];
        if (!alike || __builtin_add_overflow(joined.extent[*axis], x->extent[*axis], &joined.extent[*axis]))
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "input 0 is %s, input %d is %s; all but axis %lld must be alike",
                                 wg_infer_shape_text(infer, first), k, wg_infer_shape_text(infer, x),
                                 (long long)*axis);
    }
    infer->outputs[0] = joined;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const int axis = (int)WG_ATTRIBUTES(rule, concat)->axis;
    wg_var dy = rule->cotangents[0];
    int64_t begin = 0;
    for (int k = 0; k < rule->input_count; k++) {
        const int64_t end = begin + wg_type_of(rule->inputs[k]).extent[axis];
        if (wg_rule_wants(rule, k)) wg_rule_set(rule, k, (wg_slice)(dy, axis, begin, end, NULL));
        begin = end;
    }
}

static int64_t units(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define CONCAT(axis, ...) WG_SAMPLE(s, (&(concat_attributes){axis}), __VA_ARGS__)
    CONCAT(0, {.shape = WG_SHAPE(5)});
    CONCAT(0, {.shape = WG_SHAPE(1)}, {.shape = WG_SHAPE(1)});
    CONCAT(0, {.shape = WG_SHAPE(3)}, {.shape = WG_SHAPE(4)}, {.shape = WG_SHAPE(2)});
    CONCAT(-1, {.shape = WG_SHAPE(3)}, {.shape = WG_SHAPE(0)}, {.shape = WG_SHAPE(2)});
    CONCAT(0, {.shape = WG_SHAPE(0)}, {.shape = WG_SHAPE(0)});
    CONCAT(0, {.shape = WG_SHAPE(2, 3)}, {.shape = WG_SHAPE(1, 3)});
    CONCAT(1, {.shape = WG_SHAPE(2, 3)}, {.shape = WG_SHAPE(2, 1)}, {.shape = WG_SHAPE(2, 2)});
    CONCAT(-2, {.shape = WG_SHAPE(2, 1, 3)}, {.shape = WG_SHAPE(2, 4, 3)});
    CONCAT(2, {.shape = WG_SHAPE(2, 3, 1)}, {.shape = WG_SHAPE(2, 3, 1)}, {.shape = WG_SHAPE(2, 3, 1)});
    CONCAT(1, {.shape = WG_SHAPE(3, 2, 0)}, {.shape = WG_SHAPE(3, 1, 0)});
    CONCAT(3, {.shape = WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 1)}, {.shape = WG_SHAPE(1, 2, 1, 1, 1, 2, 1, 1)});
    CONCAT(0, {.dtype = WG_U8, .shape = WG_SHAPE(3, 5)}, {.dtype = WG_U8, .shape = WG_SHAPE(2, 5)});
    CONCAT(1, {.dtype = WG_BOOL, .shape = WG_SHAPE(3, 5)}, {.dtype = WG_BOOL, .shape = WG_SHAPE(3, 1)});
#undef CONCAT
}

const wg_op wg_op_concat = {
    .name = "concat", .formula = "y = x_0, x_1, ... one behind the other along an axis", .onnx = "Concat",
    .shapes = "x [*]... -> y [*]; alike but for the axis, along which extents add up",
    .gradient = "dx_k = the part of dy that x_k became",
    .torch = "cat",
    .inputs = 1, .inputs_max = -1, .outputs = 1,
    .attributes = attributes, .attributes_size = sizeof(concat_attributes),
    .is_identity = wg_is_identity, /* the other inputs are empty */
    .infer = infer, .forward = WG_FORWARD(concat), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

wg_var wg_concat_list(int axis, const wg_var *vars) {
    const concat_attributes chosen = {axis};
    return wg_apply_list(&wg_op_concat, sizeof(wg_op), &chosen, vars);
}

#endif
