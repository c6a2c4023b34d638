/* median — along axes, the element in the middle, the lower of two, and where it stands
 *
 *     y[k] = x[k, index[k]],  the element number (n - 1) / 2, rounded down, of the n reduced ones in order
 *     dx[k, r] = dy[k] where r = index[k], else 0
 *
 * r numbers the reduced elements of output k in row-major order, as in max. Equal elements are in order as
 * they stand; with a NaN among them the first NaN is the median. torch.median for one axis, where the index
 * of equal elements is open, and for all axes, where there is none; wg_quantile(x, 0.5, …) takes the mean of
 * two middle elements, as numpy.median does. */
#include "order.h"
#include "reduce.h"

/* The place of the median among those of x that are reduced to one output. */
static int64_t median_place(const reduction *r, const number *x, order_pair *pairs) {
    int64_t place = 0;
    for (int64_t run = 0; run < r->runs; run++) {
        const number *from = x + axis_offset(&r->reduced, 1, run);
        for (int64_t k = 0; k < r->reduced.extent[0]; k++, place++) {
            const order_key key = order_key_of(from[k * r->reduced.stride[0]]);
            if (order_is_nan(key)) return place;
            pairs[place] = (order_pair){key, place};
        }
    }
    return order_select(pairs, place, (place - 1) / 2).place;
}

static void median_forward(const wg_call *call) {
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&WG_ATTRIBUTES(call, reduce)->axes));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        for (int64_t j = 0; j < tile.count; j++) {
            const number *x = WG_IN(call, 0, number) + tile.offset + j;
            const int64_t place = median_place(&r, x, call->workspace);
            WG_OUT(call, 0, number)[tile.first + j] = x[axis_offset(&r.reduced, 0, place)];
            WG_OUT(call, 1, int64_t)[tile.first + j] = place;
        }
    }
}
WG_KERNEL(median, median_forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) { return reduce_infer_element(infer, "there is no median"); }

static size_t workspace(const wg_call *call) {
    const unsigned reduced = reduced_axes(&WG_ATTRIBUTES(call, reduce)->axes);
    return sizeof(order_pair) * (size_t)reduction_of(&call->inputs[0].type, reduced).count;
}
static wg_cost cost(const wg_call *call) {
    return (wg_cost){10 * (double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < REDUCE_CASES - REDUCE_CASES_OF_NONE; i++) {
        if (reduce_cases[i].shape.extent[0] > 1000) continue; /* the second order is quadratic */
        const reduce_attributes with = {reduce_cases[i].axes, reduce_cases[i].keepdims};
        WG_SAMPLE(s, &with, {.shape = &reduce_cases[i].shape, .values = WG_DISTINCT});
    }
#define MEDIAN(of_dtype, drawn, of, keepdims, ...)                          \
    WG_SAMPLE(s, (&(reduce_attributes){REDUCE_AXES(__VA_ARGS__), keepdims}), \
              {.dtype = of_dtype, .shape = of, .values = drawn, .low = -2, .high = 2})
    MEDIAN(WG_NO_DTYPE, WG_TIES, WG_SHAPE(2, 6), true, 0); /* ties of more: see order.h */
    MEDIAN(WG_NO_DTYPE, WG_TIES, WG_SHAPE(9, 2), false, -1);
    MEDIAN(WG_I32, WG_INTEGERS, WG_SHAPE(41), false, 0);
    MEDIAN(WG_I64, WG_INTEGERS, WG_SHAPE(3, 5, 3), false, 0, 2);
    MEDIAN(WG_I32, WG_INTEGERS, WG_SHAPE(130, 2), false, 0);
    MEDIAN(WG_I64, WG_ALL_EQUAL, WG_SHAPE(70), false, 0);
    MEDIAN(WG_NO_DTYPE, WG_DISTINCT, WG_SHAPE(2, 4, 3), true, -1, 1);
    MEDIAN(WG_NO_DTYPE, WG_DISTINCT, WG_SHAPE(2, 6), false, 1);
#undef MEDIAN
}

const wg_op wg_op_median = {
    .name = "median", .formula = "y[k] = x[k, index[k]], (n - 1) / 2 of n elements being before it",
    .shapes = "x [*] -> y [*], index [*]; without the reduced axes, or with extent 1",
    .gradient = "dx[k, r] = r == index[k] ? dy[k] : 0",
    .torch = "median",
    .inputs = 1, .outputs = 2, .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer, .forward = WG_FORWARD(median), .backward = reduce_element_backward, .units = reduce_units,
    .workspace = workspace, .cost = cost, .samples = samples,
};

wg_var (wg_median)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
    const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_median, &chosen, x);
}

#endif
