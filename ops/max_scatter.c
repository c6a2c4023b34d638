/* max_scatter, max_gather — the elements of outputs reduced along axes at the places that an index names
 *
 *     max_scatter:  x[k, r] = y[k] where r = index[k], else 0
 *     max_gather:   y[k] = x[k, index[k]]
 *
 * where r numbers the reduced elements of output k in row-major order. Given the index, max is the linear map
 * `gather`, whose transpose is `scatter`: each is the other's rule, and scatter is max's, min's and median's. */
#include "reduce.h"

typedef reduce_scatter_attributes max_scatter_attributes;
typedef reduce_attributes max_gather_attributes;

#if WG_IS_REAL

/* The offset of a place among the reduced elements; -1 where there is none such. */
WG_INLINE int64_t place_offset(const wg_call *call, const reduction *r, int64_t index) {
    if (index >= 0 && index < r->count) return axis_offset(&r->reduced, 0, index);
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld among %lld elements", (long long)index,
                 (long long)r->count);
    return -1;
}

/* Zeros for every element of the outputs of a tile. */
static void clear_tile(const reduction *r, real *x, int64_t width) {
    const int64_t run = r->reduced.extent[0];
    for (int64_t i = 0; i < r->runs; i++) {
        real *to = x + axis_offset(&r->reduced, 1, i);
        if (r->along)
            memset(to, 0, (size_t)run * sizeof *to);
        else
            for (int64_t row = 0; row < run; row++)
                memset(to + row * r->reduced.stride[0], 0, (size_t)width * sizeof *to);
    }
}

static void scatter(const wg_call *call) {
    const reduction r =
        reduction_of(&call->outputs[0].type, reduced_axes(&WG_ATTRIBUTES(call, max_scatter)->axes));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        const real *y = WG_IN(call, 0, real) + tile.first;
        const int64_t *index = WG_IN(call, 1, int64_t) + tile.first;
        real *x = WG_OUT(call, 0, real) + tile.offset;
        clear_tile(&r, x, tile.count);
        for (int64_t j = 0; j < tile.count; j++) {
            const int64_t offset = place_offset(call, &r, index[j]);
            if (offset < 0) return;
            x[j + offset] = y[j];
        }
    }
}
WG_KERNEL(max_scatter, scatter)

static void gather(const wg_call *call) {
    const reduction r =
        reduction_of(&call->inputs[0].type, reduced_axes(&WG_ATTRIBUTES(call, max_gather)->axes));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        const real *x = WG_IN(call, 0, real) + tile.offset;
        const int64_t *index = WG_IN(call, 1, int64_t) + tile.first;
        real *y = WG_OUT(call, 0, real) + tile.first;
        for (int64_t j = 0; j < tile.count; j++) {
            const int64_t offset = place_offset(call, &r, index[j]);
            if (offset < 0) return;
            y[j] = x[j + offset];
        }
    }
}
WG_KERNEL(max_gather, gather)

#endif

#ifdef WG_RULES

static const wg_attribute gather_schema[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute scatter_schema[] = {
    REDUCE_ATTRIBUTES(max_scatter_attributes),
    WG_ATTRIBUTE(max_scatter_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of the result"),
    WG_NO_MORE_ATTRIBUTES};

/* Is there an index for each output, and a real type? */
static int infer_indices(wg_infer *infer, const wg_type *x, const wg_type *y) {
    const wg_type *indices = &infer->inputs[1];
    const int status = wg_infer_one_real(infer, 0, "input 0");
    if (status) return status;
    if (indices->dtype != WG_I64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "indices are %s; they must be i64",
                             wg_infer_text(infer, indices));
    if (wg_shape_equal(indices, y)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "indices are %s; x %s reduced along the axes is %s",
                         wg_infer_shape_text(infer, indices), wg_infer_shape_text(infer, x),
                         wg_infer_shape_text(infer, y));
}

static int infer_gather(wg_infer *infer) {
    const int status = reduce_infer(infer);
    return status ? status : infer_indices(infer, &infer->inputs[0], &infer->outputs[0]);
}

static int infer_scatter(wg_infer *infer) {
    max_scatter_attributes *a = infer->attributes;
    wg_type *x = &infer->outputs[0];
    *x = a->shape;
    x->dtype = infer->inputs[0].dtype;
    const int status = reduce_infer_axes(infer, x, &a->axes);
    if (status) return status;
    const wg_type y = reduced_type(x, reduced_axes(&a->axes), a->keepdims);
    if (!wg_shape_equal(&infer->inputs[0], &y))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "input 0 is %s; %s reduced along the axes is %s",
                             wg_infer_shape_text(infer, &infer->inputs[0]), wg_infer_shape_text(infer, x),
                             wg_infer_shape_text(infer, &y));
    return infer_indices(infer, x, &y);
}

static void backward_of_gather(wg_rule *rule) {
    wg_rule_set(
        rule, 0,
        reduce_scatter(rule->cotangents[0], rule->inputs[1], rule->inputs[0], WG_ATTRIBUTES(rule, reduce)));
}
static void backward_of_scatter(wg_rule *rule) {
    const max_scatter_attributes *a = WG_ATTRIBUTES(rule, max_scatter);
    reduce_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.axes = a->axes;
    chosen.keepdims = a->keepdims;
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_max_gather, &chosen, rule->cotangents[0], rule->inputs[1]));
}

static int64_t scatter_units(const wg_call *call) {
    return reduction_of(&call->outputs[0].type, reduced_axes(&WG_ATTRIBUTES(call, max_scatter)->axes)).units;
}
static wg_cost scatter_cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }
/* An element of x for each index is read. */
static wg_cost gather_cost(const wg_call *call) {
    const double y = (double)wg_type_bytes(&call->outputs[0].type);
    return (wg_cost){.bytes = 2 * y + (double)wg_type_bytes(&call->inputs[1].type)};
}

/* The case's shape, and which of its axes are reduced. */
static wg_type type_of_case(const reduce_case *at, unsigned *reduced) {
    wg_type x = {.rank = 0};
    for (; x.rank < WG_MAX_RANK && at->shape.extent[x.rank] != INT64_MIN; x.rank++)
        x.extent[x.rank] = at->shape.extent[x.rank];
    *reduced = at->axes.axis[0] == INT_MIN ? (1u << x.rank) - 1 : 0;
    for (int i = 0; at->axes.axis[i] != INT_MIN; i++)
        *reduced |= 1u << (at->axes.axis[i] + (at->axes.axis[i] < 0 ? x.rank : 0));
    return x;
}

/* Any element may be the one that an index names. */
static void sample_indices(wg_sampler *s, bool scatters) {
    for (int i = 0; i < REDUCE_CASES - REDUCE_CASES_OF_NONE; i++) {
        const reduce_case *at = &reduce_cases[i];
        unsigned reduced;
        const wg_type x = type_of_case(at, &reduced), y = reduced_type(&x, reduced, at->keepdims);
        const wg_shape of_y = wg_shape_of(&y);
        const max_scatter_attributes scatter_with = {at->axes, at->keepdims, x};
        const max_gather_attributes gather_with = {at->axes, at->keepdims};
        const double last = (double)(reduction_of(&x, reduced).count - 1);
        WG_SAMPLE(s, scatters ? (const void *)&scatter_with : &gather_with,
                  {.shape = scatters ? &of_y : &at->shape},
                  {.dtype = WG_I64, .shape = &of_y, .values = WG_INTEGERS, .high = last});
    }
}
static void samples_of_scatter(wg_sampler *s) { sample_indices(s, true); }
static void samples_of_gather(wg_sampler *s) { sample_indices(s, false); }

const wg_op wg_op_max_scatter = {
    .name = "max_scatter", .formula = "x[k, r] = r == index[k] ? y[k] : 0",
    .shapes = "y [*], index [*] -> x [*]; y and index alike, x as the attribute says",
    .gradient = "dy[k] = dx[k, index[k]]",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 2, .linear_in = 1,
    .attributes = scatter_schema, .attributes_size = sizeof(max_scatter_attributes),
    .infer = infer_scatter, .forward = WG_FORWARD(max_scatter), .backward = backward_of_scatter,
    .units = scatter_units, .cost = scatter_cost, .samples = samples_of_scatter,
};

const wg_op wg_op_max_gather = {
    .name = "max_gather", .formula = "y[k] = x[k, index[k]]",
    .shapes = "x [*], index [*] -> y [*]; y as the index",
    .gradient = "dx[k, r] = r == index[k] ? dy[k] : 0",
    .inputs = 2, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 2, .linear_in = 1,
    .attributes = gather_schema, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_gather, .forward = WG_FORWARD(max_gather), .backward = backward_of_gather,
    .units = reduce_units, .cost = gather_cost, .samples = samples_of_gather,
};

#endif
