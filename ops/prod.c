/* prod — along axes,  y[k] = prod_r x[k, r]
 *
 * With cotangent dy:  dx[k, r] = dy[k] prod_{s < r} x[k, s] prod_{s > r} x[k, s],  the exclusive cumprods from both
 * sides. Nothing is divided, so it is exact with any number of zeros, at every order. Of no elements it is 1.
 *
 * WG_LANES factors of a run are multiplied side by side, then the lanes as a tree; or, where outputs lie side by side,
 * row after row. */
#include "reduce.h"

static number prod_along(const reduction *r, const number *x) {
    const int64_t run = r->reduced.extent[0];
    wrapping lanes[WG_LANES];
    for (int lane = 0; lane < WG_LANES; lane++) lanes[lane] = 1;
    for (int64_t i = 0; i < r->runs; i++) {
        const number *from = x + axis_offset(&r->reduced, 1, i);
        int64_t k = 0;
        for (; k + WG_LANES <= run; k += WG_LANES)
            for (int lane = 0; lane < WG_LANES; lane++) lanes[lane] *= (wrapping)from[k + lane];
        for (; k < run; k++) lanes[k % WG_LANES] *= (wrapping)from[k];
    }
    for (int half = WG_LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++) lanes[lane] *= lanes[lane + half];
    return (number)lanes[0];
}

static void prod_across(const reduction *r, const number *x, int64_t width, number *restrict y) {
    for (int64_t j = 0; j < width; j++) y[j] = 1;
    for (int64_t i = 0; i < r->runs; i++) {
        const number *row = x + axis_offset(&r->reduced, 1, i);
        for (int64_t k = 0; k < r->reduced.extent[0]; k++, row += r->reduced.stride[0])
            for (int64_t j = 0; j < width; j++) y[j] = (number)((wrapping)y[j] * (wrapping)row[j]);
    }
}

static void prod_forward(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&a->axes));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        const number *x = WG_IN(call, 0, number) + tile.offset;
        number *y = WG_OUT(call, 0, number) + tile.first;
        if (r.along)
            *y = prod_along(&r, x);
        else
            prod_across(&r, x, tile.count, y);
    }
}
WG_KERNEL(prod, prod_forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const int status = wg_infer_one_number(infer, 0, "x");
    return status ? status : reduce_infer(infer);
}

/* For each element along an axis the product of the others. */
static wg_var others(wg_var x, int axis) {
    return wg_mul(wg_cumprod(x, axis, .exclusive = true), wg_cumprod(x, axis, .exclusive = true, .reverse = true));
}

/* The reduced axes come last and become one; and back. */
static wg_var others_of_axes(wg_var x, unsigned reduced) {
    const wg_type type = wg_type_of(x);
    wg_axes there = {{INT_MIN}}, back = {{INT_MIN}};
    wg_type moved = {.rank = 0}, flat = {.rank = 2, .extent = {1, 1}};
    for (unsigned pass = 0; pass < 2; pass++)
        for (int axis = 0; axis < type.rank; axis++) {
            if ((reduced >> axis & 1) != pass) continue;
            there.axis[moved.rank] = axis;
            back.axis[axis] = moved.rank;
            moved.extent[moved.rank++] = type.extent[axis];
            flat.extent[pass] *= type.extent[axis];
        }
    there.axis[type.rank] = back.axis[type.rank] = INT_MIN;
    const wg_shape flat_shape = wg_shape_of(&flat), moved_shape = wg_shape_of(&moved);
    return wg_transpose(wg_reshape(others(wg_reshape(wg_transpose(x, &there), &flat_shape), 1), &moved_shape), &back);
}

static void backward(wg_rule *rule) {
    const reduce_attributes *a = WG_ATTRIBUTES(rule, reduce);
    const unsigned reduced = reduced_axes(&a->axes);
    wg_var x = rule->inputs[0];
    const wg_type type = wg_type_of(x), kept = reduced_type(&type, reduced, true);
    const wg_shape kept_shape = wg_shape_of(&kept), shape = wg_shape_of(&type);
    wg_var dy = wg_broadcast_to(wg_reshape(rule->cotangents[0], &kept_shape), &shape);
    if (!reduced) {
        wg_rule_set(rule, 0, dy);
        return;
    }
    const bool one_axis = !(reduced & (reduced - 1));
    wg_var factor = one_axis ? others(x, a->axes.axis[0]) : others_of_axes(x, reduced);
    wg_rule_set(rule, 0, wg_scale_cotangent(dy, factor));
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < REDUCE_CASES; i++) {
        const reduce_attributes with = {reduce_cases[i].axes, reduce_cases[i].keepdims};
        WG_SAMPLE(s, &with, {.shape = &reduce_cases[i].shape, .values = WG_UNIFORM, .low = 0.9, .high = 1.1});
    }
#define PROD(drawn, of, keepdims, ...) \
    WG_SAMPLE(s, (&(reduce_attributes){REDUCE_AXES(__VA_ARGS__), keepdims}), {.shape = of, .values = drawn})
    PROD(WG_TIES, WG_SHAPE(6), false, 0); /* with zeros, some of them two in a product */
    PROD(WG_TIES, WG_SHAPE(4, 6), false, 1);
    PROD(WG_TIES, WG_SHAPE(6, 4), true, 0);
    PROD(WG_TIES, WG_SHAPE(2, 3, 3), false, 0, 2);
    PROD(WG_ALL_EQUAL, WG_SHAPE(5, 2), false, 0);
    PROD(WG_NORMAL, WG_SHAPE(3, 5), false, -1);
    PROD(WG_NORMAL, WG_SHAPE(2, 3, 2), true, 2, 0);
#undef PROD
}

const wg_op wg_op_prod = {
    .name = "prod", .formula = "y[k] = prod_r x[k, r]", .onnx = "ReduceProd", .torch = "prod",
    .shapes = "x [*] -> y [*]; without the reduced axes, or with extent 1",
    .gradient = "dx[k, r] = dy[k] prod_{s != r} x[k, s]",
    .inputs = 1, .outputs = 1, .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer, .forward = WG_FORWARD(prod), .backward = backward, .units = reduce_units, .cost = reduce_cost,
    .samples = samples,
};

wg_var (wg_prod)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
        const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_prod, &chosen, x);
}

#endif
