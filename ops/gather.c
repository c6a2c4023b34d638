/* gather, gather_grad — rows along one axis picked by indices; ONNX Gather
 *
 *   gather:       y[o, j, i] = x[o, index[j], i]
 *   gather_grad:  dx[o, r, i] = sum over the j with index[j] = r, in order, of dy[o, j, i]
 *
 * with o and i standing for all axes before and after, j for all axes of the indices. Negative indices
 * count from the back. The two are each other's transposes, and so each other's rules. */
#include "rows.h"
#include "scatter.h"

typedef struct gather_attributes {
    int64_t axis;
} gather_attributes;

/* The row that index number j names, -1 with a failure of the run if there is none. */
WG_INLINE int64_t row_of(const wg_call *call, int64_t j, int64_t extent) {
    const wg_operand *indices = &call->inputs[1];
    const int64_t given = indices->type.dtype == WG_I32 ? ((const int32_t *)indices->data)[j]
                                                        : ((const int64_t *)indices->data)[j];
    const int64_t row = given < 0 ? given + extent : given;
    if (__builtin_expect(row >= 0 && row < extent, 1)) return row;
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld at place %lld is out of range: the axis has %lld rows",
                 (long long)given, (long long)j, (long long)extent);
    return -1;
}

/* A unit is up to so many elements of the rows of one outer place: it sums them over all j, so that no two
 * threads meet and the order is fixed. */
enum { UNIT_ELEMENTS = 64 };

#if WG_IS_REAL
static void gather_grad_forward(const wg_call *call) {
    const gather_grad_attributes *a = WG_ATTRIBUTES(call, gather_grad);
    const rows_split out = rows_split_at(&call->outputs[0].type, a->axis);
    const int64_t count = wg_type_count(&call->inputs[1].type);
    const int64_t blocks = (out.inner + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t outer = unit / blocks, first = unit % blocks * UNIT_ELEMENTS, left = out.inner - first;
        const int64_t elements = left < UNIT_ELEMENTS ? left : UNIT_ELEMENTS;
        const real *dy = WG_IN(call, 0, real) + outer * count * out.inner + first;
        real *dx = WG_OUT(call, 0, real) + outer * out.extent * out.inner + first;
        for (int64_t r = 0; r < out.extent; r++)
            memset(dx + r * out.inner, 0, (size_t)elements * sizeof(real));
        for (int64_t j = 0; j < count; j++) {
            const int64_t row = row_of(call, j, out.extent);
            if (row < 0) return;
            const real *from = dy + j * out.inner;
            real *to = dx + row * out.inner;
            WG_INDEPENDENT_LOOP for (int64_t i = 0; i < elements; i++) to[i] += from[i];
        }
    }
}
WG_KERNEL(gather_grad, gather_grad_forward)
#endif

#ifdef WG_RULES

/* A unit is a row of y. */
static void gather_forward(const wg_call *call) {
    const rows_split in = rows_split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, gather)->axis);
    const int64_t count = wg_type_count(&call->inputs[1].type);
    const int64_t bytes = in.inner * (int64_t)wg_dtype_size(call->dtype);
    int64_t outer = call->begin / count, j = call->begin % count;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t row = row_of(call, j, in.extent);
        if (row < 0) return;
        rows_copy(WG_OUT(call, 0, char) + unit * bytes,
                  WG_IN(call, 0, char) + (outer * in.extent + row) * bytes, bytes);
        if (++j == count) j = 0, outer++;
    }
}
WG_BYTES_KERNEL(gather, gather_forward)

#define AXIS(op)                                                                                   \
    WG_ATTRIBUTE(op##_attributes, axis, .kind = WG_ATTRIBUTE_INT,                                  \
                 .meaning = "of x; those of the indices take its place")
static const wg_attribute attributes[] = {AXIS(gather), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {
    AXIS(gather_grad),
    WG_ATTRIBUTE(gather_grad_attributes, extent, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p62,
                 .meaning = "of x's axis"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_indices(wg_infer *infer) {
    const wg_type *indices = &infer->inputs[1];
    if (indices->dtype == WG_I32 || indices->dtype == WG_I64) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_DTYPE,
                         "the indices are %s; they must be i32 or i64 (wg_cast converts)",
                         wg_infer_text(infer, indices));
}

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *indices = &infer->inputs[1];
    int64_t *axis = &((gather_attributes *)infer->attributes)->axis;
    int status = wg_infer_axis(infer, axis, x->rank);
    if (status || (status = infer_indices(infer))) return status;
    if (x->rank - 1 + indices->rank > WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s, the indices are %s; the result would have more than %d axes",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, indices), WG_MAX_RANK);
    wg_type y = {.dtype = x->dtype};
    for (int i = 0; i < *axis; i++) y.extent[y.rank++] = x->extent[i];
    for (int i = 0; i < indices->rank; i++) y.extent[y.rank++] = indices->extent[i];
    for (int i = (int)*axis + 1; i < x->rank; i++) y.extent[y.rank++] = x->extent[i];
    infer->outputs[0] = y;
    return WG_OK;
}

static int infer_grad(wg_infer *infer) {
    const wg_type *dy = &infer->inputs[0], *indices = &infer->inputs[1];
    gather_grad_attributes *a = infer->attributes;
    wg_type dx = {.dtype = dy->dtype, .rank = dy->rank - indices->rank + 1};
    int status = wg_infer_one_real(infer, 0, "dy");
    if (status || (status = infer_indices(infer))) return status;
    if (dx.rank > WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, the indices are %s; the result would have more than %d axes",
                             wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, indices), WG_MAX_RANK);
    if ((status = wg_infer_axis(infer, &a->axis, dx.rank > 0 ? dx.rank : 0))) return status;
    for (int i = 0; i < indices->rank; i++)
        if (dy->extent[a->axis + i] != indices->extent[i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE,
                                 "dy is %s, the indices are %s; dy must have their axes from %lld on",
                                 wg_infer_shape_text(infer, dy), wg_infer_shape_text(infer, indices),
                                 (long long)a->axis);
    for (int i = 0; i < dx.rank; i++) dx.extent[i] = dy->extent[i < a->axis ? i : i + indices->rank - 1];
    dx.extent[a->axis] = a->extent;
    infer->outputs[0] = dx;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const int64_t axis = WG_ATTRIBUTES(rule, gather)->axis;
    const gather_grad_attributes put = {axis, wg_type_of(rule->inputs[0]).extent[axis]};
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_gather_grad, &put, rule->cotangents[0], rule->inputs[1]));
}

static void backward_of_grad(wg_rule *rule) {
    const gather_attributes take = {WG_ATTRIBUTES(rule, gather_grad)->axis};
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_gather, &take, rule->cotangents[0], rule->inputs[1]));
}

static int64_t units(const wg_call *call) {
    const rows_split in = rows_split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, gather)->axis);
    return in.outer * wg_type_count(&call->inputs[1].type);
}
static int64_t units_of_grad(const wg_call *call) {
    const rows_split out = rows_split_at(&call->outputs[0].type, WG_ATTRIBUTES(call, gather_grad)->axis);
    return out.outer * ((out.inner + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS);
}

/* As many rows are read as are written. */
static wg_cost cost(const wg_call *call) {
    return (wg_cost){.bytes = 2 * (double)wg_type_bytes(&call->outputs[0].type) +
                              (double)wg_type_bytes(&call->inputs[1].type)};
}
static wg_cost cost_of_grad(const wg_call *call) {
    return (wg_cost){(double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

/* Few rows and many indices, so that some are named several times and some not at all. */
typedef struct gather_case {
    wg_dtype dtype;
    wg_shape x, indices, y;
    int64_t axis, extent;
} gather_case;
#define SHAPE_OF(...) {{__VA_ARGS__, INT64_MIN}}
static const gather_case cases[] = {
    {WG_I64, SHAPE_OF(5), SHAPE_OF(7), SHAPE_OF(7), 0, 5},
    {WG_I32, SHAPE_OF(5), {{INT64_MIN}}, {{INT64_MIN}}, 0, 5},
    {WG_I64, SHAPE_OF(1), SHAPE_OF(3), SHAPE_OF(3), 0, 1},
    {WG_I32, SHAPE_OF(4, 3), SHAPE_OF(6), SHAPE_OF(6, 3), 0, 4},
    {WG_I64, SHAPE_OF(4, 3), SHAPE_OF(2, 3), SHAPE_OF(2, 3, 3), 0, 4},
    {WG_I32, SHAPE_OF(3, 4), SHAPE_OF(2, 2), SHAPE_OF(3, 2, 2), -1, 4},
    {WG_I64, SHAPE_OF(2, 3, 2), SHAPE_OF(5), SHAPE_OF(2, 5, 2), 1, 3},
    {WG_I32, SHAPE_OF(2, 3, 2), {{INT64_MIN}}, SHAPE_OF(2, 2), -2, 3},
    {WG_I64, SHAPE_OF(2, 3, 2), SHAPE_OF(1, 1), SHAPE_OF(2, 3, 1, 1), 2, 2},
    {WG_I64, SHAPE_OF(3, 2), SHAPE_OF(0), SHAPE_OF(0, 2), 0, 3},
    {WG_I32, SHAPE_OF(0, 2), SHAPE_OF(0, 4), SHAPE_OF(0, 4, 2), 0, 0},
    {WG_I64, SHAPE_OF(0, 3), SHAPE_OF(2), SHAPE_OF(0, 2), 1, 3},
    {WG_I64, SHAPE_OF(2, 67), SHAPE_OF(3), SHAPE_OF(3, 67), 0, 2},
    {WG_I32, SHAPE_OF(1, 2, 1, 2, 3), SHAPE_OF(2, 1, 2, 1), SHAPE_OF(1, 2, 1, 2, 2, 1, 2, 1), 4, 3},
};
#define EACH_CASE(c) const gather_case *c = cases; c < cases + sizeof cases / sizeof *cases; c++
#define INDICES(c)                                                                                 \
    {.dtype = c->dtype, .shape = &c->indices, .values = WG_INTEGERS, .low = (double)-c->extent,    \
     .high = (double)c->extent - 1}

static void samples(wg_sampler *s) {
    for (EACH_CASE(c)) WG_SAMPLE(s, (&(gather_attributes){c->axis}), {.shape = &c->x}, INDICES(c));
}
static void samples_of_grad(wg_sampler *s) {
    for (EACH_CASE(c))
        WG_SAMPLE(s, (&(gather_grad_attributes){c->axis, c->extent}), {.shape = &c->y}, INDICES(c));
}

const wg_op wg_op_gather = {
    .name = "gather", .formula = "y[o, j, i] = x[o, index[j], i]", .onnx = "Gather", .torch = "index_select",
    .shapes = "x [*], index [*] -> y [*]; the axis is replaced by the index's axes",
    .gradient = "dx[o, r, i] = sum over j with index[j] = r of dy[o, j, i]",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL, .blocked_inputs = 1 << 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(gather_attributes),
    .infer = infer, .forward = WG_FORWARD(gather), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_gather_grad = {
    .name = "gather_grad", .formula = "dx[o, index[j], i] += dy[o, j, i]", .torch = "index_add",
    .shapes = "dy [*], index [*] -> dx [*]; the index's axes are replaced by one of the attribute's extent",
    .gradient = "ddy = gather(ddx, index)",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1, .linear_in = 1,
    .attributes = grad_attributes, .attributes_size = sizeof(gather_grad_attributes),
    .infer = infer_grad, .forward = WG_FORWARD(gather_grad), .backward = backward_of_grad,
    .units = units_of_grad, .cost = cost_of_grad, .samples = samples_of_grad,
};

wg_var (wg_gather)(wg_var x, wg_var indices, int axis) {
    const gather_attributes chosen = {axis};
    return WG_RECORD(&wg_op_gather, &chosen, x, indices);
}

#endif
