/* element_index, nd_index — indices along an axis, and tuples of indices, as numbers of elements or rows in
 * row-major order; no gradient
 *
 *   element_index:  n[i_0, …] = the number of x[i_0, …, indices[i_0, …], …], which replaces the axis's index
 *   nd_index:       n[i] = the number of the row x[i_0, …, i_(batch_dims-1), indices[i, 0], …, indices[i, K-1]]
 *
 * Negative indices count from the back; one out of range fails the run. take_along_axis, gather_nd and their
 * scatters are composed of them. */
#include "rows.h"
#include "scatter.h"

#ifdef WG_RULES

static int64_t index_at(const wg_operand *indices, int64_t place) {
    return indices->type.dtype == WG_I32 ? ((const int32_t *)indices->data)[place]
                                         : ((const int64_t *)indices->data)[place];
}

/* Index number `place`, from the front; -1 with a failure of the run if it is out of range. */
static int64_t within(const wg_call *call, int64_t place, int64_t extent, int axis) {
    const int64_t given = index_at(&call->inputs[0], place), at = given < 0 ? given + extent : given;
    if (__builtin_expect(at >= 0 && at < extent, 1)) return at;
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld at place %lld is out of range: axis %d has extent %lld",
                 (long long)given, (long long)place, axis, (long long)extent);
    return -1;
}

/* --- element_index: a unit is a row along the last axis --------------------------------------------------- */

static void element_index_forward(const wg_call *call) {
    const element_index_attributes *a = WG_ATTRIBUTES(call, element_index);
    const wg_type *y = &call->outputs[0].type;
    const int last = y->rank - 1, axis = (int)a->axis;
    const int64_t columns = y->extent[last], extent = a->shape.extent[axis];
    int64_t stride[WG_MAX_RANK] = {0}, all = 1;
    for (int i = last; i >= 0; i--) {
        stride[i] = all;
        all *= a->shape.extent[i];
    }
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        int64_t base = 0, number_left = unit, *to = WG_OUT(call, 0, int64_t) + unit * columns;
        for (int i = last - 1; i >= 0; i--) {
            if (i != axis) base += number_left % y->extent[i] * stride[i];
            number_left /= y->extent[i];
        }
        for (int64_t c = 0; c < columns; c++) {
            const int64_t at = within(call, unit * columns + c, extent, axis);
            if (at < 0) return;
            to[c] = base + at * stride[axis] + (axis == last ? 0 : c);
        }
    }
}
WG_BYTES_KERNEL(element_index, element_index_forward)

/* --- nd_index: a unit is a row's number --------------------------------------------------------------------- */

static void nd_index_forward(const wg_call *call) {
    const nd_index_attributes *a = WG_ATTRIBUTES(call, nd_index);
    const wg_type *y = &call->outputs[0].type;
    const int batch = (int)a->batch_dims, tuple = a->shape.rank - batch;
    int64_t in_batch = 1;
    for (int i = batch; i < y->rank; i++) in_batch *= y->extent[i];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        int64_t at = unit / in_batch; /* indices and x have the same axes in front */
        for (int k = 0; k < tuple; k++) {
            const int64_t extent = a->shape.extent[batch + k];
            const int64_t index = within(call, unit * tuple + k, extent, batch + k);
            if (index < 0) return;
            at = at * extent + index;
        }
        WG_OUT(call, 0, int64_t)[unit] = at;
    }
}
WG_BYTES_KERNEL(nd_index, nd_index_forward)

/* --- Rules ---------------------------------------------------------------------------------------------------- */

static const wg_attribute element_schema[] = {
    WG_ATTRIBUTE(element_index_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of x"),
    WG_ATTRIBUTE(element_index_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is indexed"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute nd_schema[] = {
    WG_ATTRIBUTE(nd_index_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE,
                 .meaning = "of x's axes before a row: batch_dims, and one for each index of a tuple"),
    WG_ATTRIBUTE(nd_index_attributes, batch_dims, .kind = WG_ATTRIBUTE_INT, .bounded = true,
                 .high = WG_MAX_RANK, .meaning = "axes in front that x and the indices share"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_indices(wg_infer *infer, const wg_type *shape) {
    const wg_type *indices = &infer->inputs[0];
    if (indices->dtype == WG_I32 || indices->dtype == WG_I64) return wg_infer_extents(infer, shape);
    return wg_infer_fail(infer, WG_ERROR_DTYPE, "the indices are %s; they must be i32 or i64 (wg_cast converts)",
                         wg_infer_text(infer, indices));
}

static int infer_element(wg_infer *infer) {
    element_index_attributes *a = infer->attributes;
    const wg_type *indices = &infer->inputs[0];
    int status = infer_indices(infer, &a->shape);
    if (status || (status = wg_infer_axis(infer, &a->axis, indices->rank))) return status;
    bool fits = indices->rank == a->shape.rank;
    for (int i = 0; fits && i < indices->rank; i++) fits = i == a->axis || indices->extent[i] <= a->shape.extent[i];
    if (!fits)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s, the indices are %s; but for axis %lld they must be no larger",
                             wg_infer_shape_text(infer, &a->shape), wg_infer_shape_text(infer, indices),
                             (long long)a->axis);
    infer->outputs[0] = *indices;
    infer->outputs[0].dtype = WG_I64;
    return WG_OK;
}

static int infer_nd(wg_infer *infer) {
    const nd_index_attributes *a = WG_ATTRIBUTES(infer, nd_index);
    const wg_type *indices = &infer->inputs[0];
    const int status = infer_indices(infer, &a->shape);
    if (status) return status;
    const int tuple = a->shape.rank - (int)a->batch_dims;
    bool fits = tuple > 0 && indices->rank > a->batch_dims && indices->extent[indices->rank - 1] == tuple;
    for (int i = 0; fits && i < a->batch_dims; i++) fits = indices->extent[i] == a->shape.extent[i];
    if (!fits)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "the indices are %s; for x %s with %lld batch_dims they do not fit",
                             wg_infer_shape_text(infer, indices), wg_infer_shape_text(infer, &a->shape),
                             (long long)a->batch_dims);
    infer->outputs[0] = *indices;
    infer->outputs[0].rank--;
    infer->outputs[0].dtype = WG_I64;
    return WG_OK;
}

static int64_t element_units(const wg_call *call) {
    const wg_type *y = &call->outputs[0].type;
    const int64_t columns = y->extent[y->rank - 1];
    return columns ? wg_type_count(y) / columns : 0;
}
static int64_t nd_units(const wg_call *call) { return wg_type_count(&call->outputs[0].type); }
static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void element_samples(wg_sampler *s) {
#define ELEMENT(of_axis, of_dtype, extent_of_axis, indices, of_rank, ...)                          \
    WG_SAMPLE(s, (&(element_index_attributes){{.rank = of_rank, .extent = {__VA_ARGS__}}, of_axis}), \
              {.dtype = of_dtype, .shape = indices, .values = WG_INTEGERS, .low = -(extent_of_axis), \
               .high = (extent_of_axis) - 1})
    for (int64_t count = 0; count < 5; count++) {
        ELEMENT(0, WG_I64, 4, WG_SHAPE(count), 1, 4);
        ELEMENT(-1, WG_I32, 1, WG_SHAPE(count), 1, 1);
        ELEMENT(0, WG_I32, 3, WG_SHAPE(count, 2), 2, 3, 2);
        ELEMENT(1, WG_I64, 5, WG_SHAPE(2, count), 2, 3, 5);
        ELEMENT(1, WG_I64, 3, WG_SHAPE(2, count, 1), 3, 2, 3, 2);
        ELEMENT(4, WG_I64, 2, WG_SHAPE(2, 1, 1, 1, count, 1, 2, 1), 8, 2, 1, 2, 1, 2, 1, 2, 1);
    }
#undef ELEMENT
}

static void nd_samples(wg_sampler *s) {
#define ND(batch, lowest, indices, of_rank, ...)                                                   \
    WG_SAMPLE(s, (&(nd_index_attributes){{.rank = of_rank, .extent = {__VA_ARGS__}}, batch}),      \
              {.dtype = WG_I64, .shape = indices, .values = WG_INTEGERS, .low = -(lowest), .high = (lowest) - 1})
    for (int64_t count = 0; count < 6; count++) {
        ND(0, 4, WG_SHAPE(count, 1), 1, 4);
        ND(0, 2, WG_SHAPE(count, 2), 2, 3, 2);
        ND(1, 3, WG_SHAPE(2, count, 1), 2, 2, 3);
        ND(2, 2, WG_SHAPE(2, 1, count, 2), 4, 2, 1, 3, 2);
        ND(0, 1, WG_SHAPE(2, count, 3), 3, 1, 2, 3);
    }
    ND(0, 4, WG_SHAPE(1), 1, 4);
    WG_SAMPLE(s, (&(nd_index_attributes){{.rank = 1, .extent = {4}}, 0}),
              {.dtype = WG_I32, .shape = WG_SHAPE(3, 1), .values = WG_INTEGERS, .low = -4, .high = 3});
#undef ND
}

const wg_op wg_op_element_index = {
    .name = "element_index", .formula = "n[i] = the number of x[i], indices[i] in the place of one axis",
    .shapes = "indices [...] -> n [...]",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS | WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1,
    .attributes = element_schema, .attributes_size = sizeof(element_index_attributes),
    .infer = infer_element, .forward = WG_FORWARD(element_index), .units = element_units, .cost = cost,
    .samples = element_samples,
};

const wg_op wg_op_nd_index = {
    .name = "nd_index", .formula = "n[i] = the number of the row x[indices[i, 0], ..., indices[i, K-1]]",
    .shapes = "indices [..., K] -> n [...]",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS | WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1,
    .attributes = nd_schema, .attributes_size = sizeof(nd_index_attributes),
    .infer = infer_nd, .forward = WG_FORWARD(nd_index), .units = nd_units, .cost = cost,
    .samples = nd_samples,
};

#endif
