/* max, min, argmax, argmin — the largest or least along axes, and where it stands
 *
 *     max, min:  y[k] = max_r x[k, r],  index[k] = the first r at which x[k, r] = y[k]
 *     argmax:    index alone, along one axis; argmin: that of the least
 *
 * where r numbers the reduced elements of output k in row-major order. A NaN wins over any number, so the
 * first of them is found. The rule of max and min is max_scatter. */
#include "reduce.h"

typedef struct {
    int64_t axis;
    bool keepdims;
} argmax_attributes;

/* --- What wins: the largest or, where `least` is true, the least -------------------------------- */

enum { SIDE_BY_SIDE = 64 }; /* elements that are compared at once */

WG_INLINE bool is_nan(number x) {
#if WG_IS_REAL
    return x != x;
#else
    (void)x;
    return false;
#endif
}

WG_INLINE bool wins(bool least, number x, number best) {
    return !(least ? x >= best : x <= best) && !is_nan(best);
}
WG_INLINE bool same(number x, number best) { return (x == best) | (is_nan(x) && is_nan(best)); }

WG_INLINE void keep_winners(bool least, const number *x, int64_t count, number *lanes) {
    for (int64_t lane = 0; lane < count; lane++) {
        const number value = x[lane], best = lanes[lane];
        lanes[lane] = wins(least, value, best) ? value : best;
    }
}

/* The winner of at least SIDE_BY_SIDE elements; the last of them are looked at twice rather than one by one.
 * Which of 0 and -0 it is does not matter: it is looked up. */
WG_INLINE number winner_of(bool least, const number *x, int64_t count) {
    number lanes[SIDE_BY_SIDE];
    memcpy(lanes, x, sizeof lanes);
    for (int64_t i = SIDE_BY_SIDE; i + SIDE_BY_SIDE <= count; i += SIDE_BY_SIDE)
        keep_winners(least, x + i, SIDE_BY_SIDE, lanes);
    keep_winners(least, x + count - SIDE_BY_SIDE, SIDE_BY_SIDE, lanes);
    for (int64_t half = SIDE_BY_SIDE / 2; half; half /= 2) keep_winners(least, lanes + half, half, lanes);
    return lanes[0];
}

/* Where the first of a run stands that is as `best`; there is one. */
static int64_t first_of(const number *x, int64_t count, number best) {
    int64_t i = 0;
    for (; i + SIDE_BY_SIDE <= count; i += SIDE_BY_SIDE) {
        int found = 0;
        for (int64_t lane = 0; lane < SIDE_BY_SIDE; lane++) found |= same(x[i + lane], best);
        if (found) break;
    }
    while (!same(x[i], best)) i++;
    return i;
}

/* One output, its elements side by side in runs. A long run is gone through twice, each time many elements at
 * once. */
WG_INLINE number winner_along(bool least, const reduction *r, const number *x, int64_t *index) {
    const int64_t run = r->reduced.extent[0];
    number best = x[0];
    int64_t where = 0;
    for (int64_t i = 0; i < r->runs; i++) {
        const number *from = x + axis_offset(&r->reduced, 1, i);
        if (run < SIDE_BY_SIDE) {
            for (int64_t k = 0; k < run; k++) {
                const bool take = wins(least, from[k], best);
                best = take ? from[k] : best;
                where = take ? i * run + k : where;
            }
        } else {
            const number value = winner_of(least, from, run);
            if (i && !wins(least, value, best)) continue;
            const int64_t at = first_of(from, run, value);
            best = from[at], where = i * run + at;
        }
    }
    *index = where;
    return best;
}

/* y and index take what wins in the row of elements at `place`. */
WG_INLINE void take_winners(bool least, const number *row, int64_t place, int64_t width, number *restrict y,
                           int64_t *restrict index) {
    for (int64_t j = 0; j < width; j++) {
        const number value = row[j], best = y[j];
        const int64_t before = index[j];
        const bool take = wins(least, value, best);
        y[j] = take ? value : best;
        index[j] = take ? place : before;
    }
}

/* `width` outputs side by side. */
WG_INLINE void winners_across(bool least, const reduction *r, const number *x, int64_t width, number *y,
                              int64_t *index) {
    memcpy(y, x, (size_t)width * sizeof *y);
    memset(index, 0, (size_t)width * sizeof *index);
    int64_t place = 0;
    for (int64_t i = 0; i < r->runs; i++) {
        const number *row = x + axis_offset(&r->reduced, 1, i);
        for (int64_t k = 0; k < r->reduced.extent[0]; k++, row += r->reduced.stride[0])
            take_winners(least, row, place++, width, y, index);
    }
}

/* The units of a call; y: NULL where only the index is asked for. */
WG_INLINE void winners(bool least, const wg_call *call, unsigned reduced, number *y, int64_t *index) {
    const reduction r = reduction_of(&call->inputs[0].type, reduced);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        const number *x = WG_IN(call, 0, number) + tile.offset;
        number unseen[MOST_TILE], *values = y ? y + tile.first : unseen;
        if (r.along)
            *values = winner_along(least, &r, x, index + tile.first);
        else
            winners_across(least, &r, x, tile.count, values, index + tile.first);
    }
}

/* A function of both ops, so that it is compiled once. */
#define EXTREMUM(op, arg_op, least)                                                                \
    static void op##_units(const wg_call *call, unsigned reduced, number *y, int64_t *index) {     \
        winners(least, call, reduced, y, index);                                                   \
    }                                                                                              \
    static void op##_forward(const wg_call *call) {                                                \
        const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);                                  \
        op##_units(call, reduced_axes(&a->axes), WG_OUT(call, 0, number), WG_OUT(call, 1, int64_t)); \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)                                                                    \
    static void arg_op##_forward(const wg_call *call) {                                            \
        op##_units(call, 1u << WG_ATTRIBUTES(call, argmax)->axis, NULL, WG_OUT(call, 0, int64_t)); \
    }                                                                                              \
    WG_KERNEL(arg_op, arg_op##_forward)
EXTREMUM(max, argmax, false)
EXTREMUM(min, argmin, true)

#ifdef WG_RULES

/* --- Attributes and shape rules -------------------------------------------------------------- */

static const wg_attribute attributes[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute argmax_schema[] = {
    WG_ATTRIBUTE(argmax_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "reduced"),
    REDUCE_KEEPDIMS(argmax_attributes), WG_NO_MORE_ATTRIBUTES};

#define WITHOUT_EXTREMUM "none is the largest or the least"

static int infer_max(wg_infer *infer) { return reduce_infer_element(infer, WITHOUT_EXTREMUM); }

static int infer_argmax(wg_infer *infer) {
    argmax_attributes *a = infer->attributes;
    int status = wg_infer_one_number(infer, 0, "x");
    if (status || (status = wg_infer_axis(infer, &a->axis, infer->inputs[0].rank)) ||
        (status = reduce_infer_some(infer, 1u << a->axis, WITHOUT_EXTREMUM)))
        return status;
    infer->outputs[0] = reduced_type(&infer->inputs[0], 1u << a->axis, a->keepdims);
    infer->outputs[0].dtype = WG_I64;
    return WG_OK;
}

/* --- Units, costs, samples ------------------------------------------------------------------- */

static int64_t argmax_units(const wg_call *call) {
    return reduction_of(&call->inputs[0].type, 1u << WG_ATTRIBUTES(call, argmax)->axis).units;
}
static void samples(wg_sampler *s) {
    for (int i = 0; i < REDUCE_CASES - REDUCE_CASES_OF_NONE; i++) {
        const reduce_case *at = &reduce_cases[i];
        const reduce_attributes with = {at->axes, at->keepdims};
        WG_SAMPLE(s, &with, {.shape = &at->shape, .values = WG_DISTINCT});
    }
#define TIES(of, axes, keepdims) \
    WG_SAMPLE(s, (&(reduce_attributes){axes, keepdims}), {.shape = of, .values = WG_TIES})
    TIES(WG_SHAPE(41), REDUCE_AXES(0), false);
    TIES(WG_SHAPE(4, 19), REDUCE_AXES(0), false);
    TIES(WG_SHAPE(4, 19), REDUCE_AXES(1), true);
    TIES(WG_SHAPE(3, 5, 3), REDUCE_AXES(0, 2), false);
#undef TIES
}

static void argmax_samples(wg_sampler *s) {
#define ARGMAX(drawn, of, axis, keepdims) \
    WG_SAMPLE(s, (&(argmax_attributes){axis, keepdims}), {.shape = of, .values = drawn})
    ARGMAX(WG_NORMAL, WG_SHAPE(1), 0, false);
    ARGMAX(WG_NORMAL, WG_SHAPE(7), -1, true);
    ARGMAX(WG_DISTINCT, WG_SHAPE(33), 0, false);
    ARGMAX(WG_TIES, WG_SHAPE(1100), 0, false);
    ARGMAX(WG_TIES, WG_SHAPE(64, 10), 1, false);
    ARGMAX(WG_TIES, WG_SHAPE(5, 17), 0, false);
    ARGMAX(WG_TIES, WG_SHAPE(5, 17), -1, true);
    ARGMAX(WG_ALL_EQUAL, WG_SHAPE(3, 40), 1, false);
    ARGMAX(WG_NORMAL, WG_SHAPE(5, 1), 1, false);
    ARGMAX(WG_NORMAL, WG_SHAPE(2, 3, 5), -3, false);
    ARGMAX(WG_TIES, WG_SHAPE(2, 3, 2, 3, 2), 2, true);
    ARGMAX(WG_TIES, WG_SHAPE(70, 600), 0, false);
    ARGMAX(WG_NORMAL, WG_SHAPE(0, 3), 1, false);
    ARGMAX(WG_NORMAL, WG_SHAPE(3, 4, 0), 1, true);
#undef ARGMAX
}

/* --- The ops --------------------------------------------------------------------------------- */

const wg_op wg_op_max = {
    .name = "max", .formula = "y[k] = max_r x[k, r], index[k] = the first r of it",
    .shapes = "x [*] -> y [*], index [*]; without the reduced axes, or with extent 1",
    .gradient = "dx[k, r] = r == index[k] ? dy[k] : 0",
    .onnx = "ReduceMax", .torch = "max",
    .inputs = 1, .outputs = 2, .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_max, .forward = WG_FORWARD(max), .backward = reduce_element_backward,
    .units = reduce_units, .cost = reduce_cost, .samples = samples,
};

const wg_op wg_op_argmax = {
    .name = "argmax", .formula = "y[k] = the first r at which x[k, r] is the largest",
    .shapes = "x [*] -> index [*]; without the axis, or with extent 1",
    .onnx = "ArgMax", .torch = "argmax",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS,
    .attributes = argmax_schema, .attributes_size = sizeof(argmax_attributes),
    .infer = infer_argmax, .forward = WG_FORWARD(argmax), .units = argmax_units, .cost = reduce_cost,
    .samples = argmax_samples,
};

const wg_op wg_op_min = {
    .name = "min", .formula = "y[k] = min_r x[k, r], index[k] = the first r of it",
    .shapes = "x [*] -> y [*], index [*]; without the reduced axes, or with extent 1",
    .gradient = "dx[k, r] = r == index[k] ? dy[k] : 0",
    .onnx = "ReduceMin", .torch = "min",
    .inputs = 1, .outputs = 2, .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_max, .forward = WG_FORWARD(min), .backward = reduce_element_backward,
    .units = reduce_units, .cost = reduce_cost, .samples = samples,
};

const wg_op wg_op_argmin = {
    .name = "argmin", .formula = "y[k] = the first r at which x[k, r] is the least",
    .shapes = "x [*] -> index [*]; without the axis, or with extent 1",
    .onnx = "ArgMin", .torch = "argmin",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS,
    .attributes = argmax_schema, .attributes_size = sizeof(argmax_attributes),
    .infer = infer_argmax, .forward = WG_FORWARD(argmin), .units = argmax_units, .cost = reduce_cost,
    .samples = argmax_samples,
};

wg_var (wg_max)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
    const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_max, &chosen, x);
}

wg_var (wg_min)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
    const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_min, &chosen, x);
}

static argmax_attributes argmax_chosen(int axis, const wg_reduce_options *options) {
    WG_READ_OPTIONS(wg_reduce_options, given, options);
    argmax_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.axis = axis;
    chosen.keepdims = given.keepdims;
    return chosen;
}

wg_var (wg_argmax)(wg_var x, int axis, const wg_reduce_options *options) {
    const argmax_attributes chosen = argmax_chosen(axis, options);
    return WG_RECORD(&wg_op_argmax, &chosen, x);
}

wg_var (wg_argmin)(wg_var x, int axis, const wg_reduce_options *options) {
    const argmax_attributes chosen = argmax_chosen(axis, options);
    return WG_RECORD(&wg_op_argmin, &chosen, x);
}

#endif
