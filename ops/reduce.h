/* reduce.h — what the reductions share: how a shape is read, attributes, shape rule, samples.
 *
 * Axes of one kind, kept or reduced, that stand beside each other count as one, and those of extent 1 as
 * none, so that few are left of any shape. The reduced elements of an output are numbered in row-major
 * order; they lie in runs, one step from the next. Where the innermost axis is reduced, the step is 1.
 * Where it is kept, the outputs lie side by side, and a tile of them is computed at once. */
#ifndef WG_OPS_REDUCE_H
#define WG_OPS_REDUCE_H

#include "op.h"

typedef struct {
    wg_axes axes;
    bool keepdims;
} reduce_attributes;

/* Of max_scatter. */
typedef struct {
    wg_axes axes;
    bool keepdims;
    wg_type shape; /* of the result */
} reduce_scatter_attributes;

/* --- How a shape is read --------------------------------------------------------------------- */

/* Merged axes, the innermost first. */
typedef struct {
    int rank;
    int64_t extent[WG_MAX_RANK], stride[WG_MAX_RANK];
} axis_list;

typedef struct {
    axis_list kept, reduced;
    bool along;          /* is the innermost axis reduced? */
    int64_t count;       /* reduced elements for each output */
    int64_t runs;        /* of reduced.extent[0] elements, each reduced.stride[0] from the last */
    int64_t width, tile; /* outputs side by side, and how many of them are computed at once */
    int64_t units;       /* tiles of outputs */
} reduction;

enum { LEAST_TILE = 64, MOST_TILE = 512 };

/* Where the element at `place` in the axes from `first` outwards lies. */
WG_INLINE int64_t axis_offset(const axis_list *list, int first, int64_t place) {
    int64_t offset = 0;
    for (int i = first; i < list->rank; i++) {
        offset += place % list->extent[i] * list->stride[i];
        place /= list->extent[i];
    }
    return offset;
}

WG_INLINE int64_t axis_count(const axis_list *list, int first) {
    int64_t count = 1;
    for (int i = first; i < list->rank; i++) count *= list->extent[i];
    return count;
}

/* Bit i of `reduced`: is axis i? */
static inline reduction reduction_of(const wg_type *x, unsigned reduced) {
    reduction r = {.along = false};
    axis_list *last = NULL;
    int64_t stride = 1;
    for (int axis = x->rank - 1; axis >= 0; axis--) {
        const int64_t extent = x->extent[axis];
        axis_list *list = reduced >> axis & 1 ? &r.reduced : &r.kept;
        if (extent == 1) continue;
        if (!last) r.along = list == &r.reduced;
        if (list != last) list->stride[list->rank] = stride, list->extent[list->rank++] = 1;
        list->extent[list->rank - 1] *= extent;
        stride *= extent;
        last = list;
    }
    if (!r.kept.rank) r.kept = (axis_list){.rank = 1, .extent = {1}, .stride = {1}};
    if (!r.reduced.rank) r.reduced = (axis_list){.rank = 1, .extent = {1}, .stride = {1}};
    r.count = axis_count(&r.reduced, 0);
    r.runs = axis_count(&r.reduced, 1);
    r.width = r.along ? 1 : r.kept.extent[0];
    const int64_t share = (r.width / 8 + LEAST_TILE - 1) / LEAST_TILE * LEAST_TILE;
    r.tile = r.along ? 1 : share < LEAST_TILE ? LEAST_TILE : share > MOST_TILE ? MOST_TILE : share;
    r.units = axis_count(&r.kept, r.along ? 0 : 1) * ((r.width + r.tile - 1) / r.tile);
    return r;
}

/* The outputs of one unit: `count` of them from number `first` on; x of the first begins at `offset`. */
typedef struct {
    int64_t first, count, offset;
} reduction_tile;

WG_INLINE reduction_tile reduction_tile_of(const reduction *r, int64_t unit) {
    if (r->along) return (reduction_tile){unit, 1, axis_offset(&r->kept, 0, unit)};
    const int64_t tiles = (r->width + r->tile - 1) / r->tile, outer = unit / tiles;
    const int64_t at = unit % tiles * r->tile, left = r->width - at;
    return (reduction_tile){outer * r->width + at, left < r->tile ? left : r->tile,
                            axis_offset(&r->kept, 1, outer) + at};
}

/* Axes in canonical form: all listed, from the front. */
WG_INLINE unsigned reduced_axes(const wg_axes *axes) {
    unsigned reduced = 0;
    for (int i = 0; i < WG_MAX_RANK && axes->axis[i] != INT_MIN; i++) reduced |= 1u << axes->axis[i];
    return reduced;
}

#ifdef WG_RULES

/* --- Attributes and shape rule --------------------------------------------------------------- */

#define REDUCE_KEEPDIMS(struct_type)                               \
    WG_ATTRIBUTE(struct_type, keepdims, .kind = WG_ATTRIBUTE_BOOL, \
                 .meaning = "reduced axes stay, with extent 1")
#define REDUCE_ATTRIBUTES(struct_type)                                                                  \
    WG_ATTRIBUTE(struct_type, axes, .kind = WG_ATTRIBUTE_AXES, .meaning = "reduced; none listed: all"), \
        REDUCE_KEEPDIMS(struct_type)

/* Brings the axes of x into canonical form: each once, counted from the front, in order. */
static inline int reduce_infer_axes(wg_infer *infer, const wg_type *x, wg_axes *axes) {
    wg_infer of_x = *infer; /* messages show input 0 */
    of_x.inputs = x;
    unsigned reduced = axes->axis[0] == INT_MIN ? (1u << x->rank) - 1 : 0;
    for (int i = 0; i <= WG_MAX_RANK && axes->axis[i] != INT_MIN; i++) {
        int64_t axis = axes->axis[i];
        const int status = wg_infer_axis(&of_x, &axis, x->rank);
        if (status) return status;
        if (reduced >> axis & 1)
            return wg_infer_fail(infer, WG_ERROR_AXIS,
                                 "axis %lld is named twice; %s has %d axes, each reduced once",
                                 (long long)axis, wg_infer_shape_text(infer, x), x->rank);
        reduced |= 1u << axis;
    }
    int count = 0;
    for (int axis = 0; axis < x->rank; axis++)
        if (reduced >> axis & 1) axes->axis[count++] = axis;
    while (count <= WG_MAX_RANK) axes->axis[count++] = INT_MIN;
    return WG_OK;
}

static inline wg_type reduced_type(const wg_type *x, unsigned reduced, bool keepdims) {
    wg_type y = {.dtype = x->dtype};
    for (int axis = 0; axis < x->rank; axis++) {
        const bool gone = reduced >> axis & 1;
        if (!gone || keepdims) y.extent[y.rank++] = gone ? 1 : x->extent[axis];
    }
    return y;
}

/* Output 0 is x reduced along the axes of reduce_attributes. */
static inline int reduce_infer(wg_infer *infer) {
    reduce_attributes *a = infer->attributes;
    const int status = reduce_infer_axes(infer, &infer->inputs[0], &a->axes);
    if (!status) infer->outputs[0] = reduced_type(&infer->inputs[0], reduced_axes(&a->axes), a->keepdims);
    return status;
}

/* Fails with `lack` where no element is reduced to an output: "none is the largest". */
static inline int reduce_infer_some(wg_infer *infer, unsigned reduced, const char *lack) {
    const wg_type *x = &infer->inputs[0];
    for (int axis = 0; axis < x->rank; axis++)
        if (reduced >> axis & 1 && x->extent[axis] == 0)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s: axis %d is empty, and of no elements %s",
                                 wg_infer_shape_text(infer, x), axis, lack);
    return WG_OK;
}

/* Output 0 is one of the elements that are reduced to it, output 1 its number among them. */
static inline int reduce_infer_element(wg_infer *infer, const char *lack) {
    int status = wg_infer_one_number(infer, 0, "x");
    if (status || (status = reduce_infer(infer)) ||
        (status = reduce_infer_some(infer, reduced_axes(&WG_ATTRIBUTES(infer, reduce)->axes), lack)))
        return status;
    infer->outputs[1] = infer->outputs[0];
    infer->outputs[1].dtype = WG_I64;
    return WG_OK;
}

/* A cotangent for `like`: each dy at the element that the index names among those reduced to it, else 0. */
static inline wg_var reduce_scatter(wg_var dy, wg_var index, wg_var like, const reduce_attributes *a) {
    reduce_scatter_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    chosen.axes = a->axes;
    chosen.keepdims = a->keepdims;
    chosen.shape = wg_type_of(like);
    chosen.shape.dtype = WG_NO_DTYPE;
    return WG_RECORD(&wg_op_max_scatter, &chosen, dy, index);
}

/* The rule of an op whose output 1 is such an index. The places do not move with x: their gradient is zero, not
 * missing. */
static inline void reduce_element_backward(wg_rule *rule) {
    const wg_var index = wg_stop_gradient(rule->outputs[1]);
    const reduce_attributes *a = WG_ATTRIBUTES(rule, reduce);
    wg_rule_set(rule, 0, reduce_scatter(rule->cotangents[0], index, rule->inputs[0], a));
}

static inline reduce_attributes reduce_chosen(const wg_axes *axes, const wg_reduce_options *options) {
    WG_READ_OPTIONS(wg_reduce_options, given, options);
    reduce_attributes chosen;
    memset(&chosen, 0, sizeof chosen);
    if (axes)
        chosen.axes = *axes;
    else
        chosen.axes.axis[0] = INT_MIN;
    chosen.keepdims = given.keepdims;
    return chosen;
}

/* --- Units, cost, samples -------------------------------------------------------------------- */

static inline int64_t reduce_units(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    return reduction_of(&call->inputs[0].type, reduced_axes(&a->axes)).units;
}

/* An operation for each element of x. */
static inline wg_cost reduce_cost(const wg_call *call) {
    return (wg_cost){.flops = (double)wg_type_count(&call->inputs[0].type), .bytes = wg_call_bytes(call)};
}

typedef struct {
    wg_shape shape;
    wg_axes axes;
    bool keepdims;
} reduce_case;
#define REDUCE_SHAPE(...) {{__VA_ARGS__, INT64_MIN}}
#define REDUCE_AXES(...) {{__VA_ARGS__, INT_MIN}}
static const reduce_case reduce_cases[] = {
    {{{INT64_MIN}}, {{INT_MIN}}, false},
    {REDUCE_SHAPE(1), {{INT_MIN}}, true},
    {REDUCE_SHAPE(7), REDUCE_AXES(0), false},
    {REDUCE_SHAPE(33), REDUCE_AXES(-1), true},
    {REDUCE_SHAPE(3, 4), REDUCE_AXES(0), false},
    {REDUCE_SHAPE(3, 4), REDUCE_AXES(1), true},
    {REDUCE_SHAPE(5, 3), {{INT_MIN}}, false},
    {REDUCE_SHAPE(5, 1), REDUCE_AXES(1), false}, /* nothing to do but copy */
    {REDUCE_SHAPE(1, 9), REDUCE_AXES(-2), true},
    {REDUCE_SHAPE(2, 3, 5), REDUCE_AXES(1), false},
    {REDUCE_SHAPE(2, 3, 5), REDUCE_AXES(0, 2), true},
    {REDUCE_SHAPE(2, 3, 5), REDUCE_AXES(-1, -3), false},
    {REDUCE_SHAPE(2, 3, 4, 5), REDUCE_AXES(3, 0, 2), false}, /* the bias of an image */
    {REDUCE_SHAPE(2, 3, 4, 5), REDUCE_AXES(0, 2), false},
    {REDUCE_SHAPE(3, 2, 1, 2, 3), REDUCE_AXES(0, 2, 4), true},
    {REDUCE_SHAPE(2, 3, 2, 2, 1, 3), REDUCE_AXES(1, 2, -2), false},
    {REDUCE_SHAPE(2, 1, 2, 2, 2, 1, 2, 2), REDUCE_AXES(0, 3, 6), false},
    {REDUCE_SHAPE(3, 19, 3), REDUCE_AXES(0, 2), false}, /* short runs with a rest */
    {REDUCE_SHAPE(1090), REDUCE_AXES(0), false},        /* more rows of lanes than a block of a sum has */
    {REDUCE_SHAPE(201, 2), REDUCE_AXES(0), false},      /* the same of outputs side by side */
    {REDUCE_SHAPE(3, 149), REDUCE_AXES(0), false},      /* more outputs side by side than a tile has */
    {REDUCE_SHAPE(0, 3), REDUCE_AXES(1), false},        /* no outputs */
    {REDUCE_SHAPE(3, 0, 2), REDUCE_AXES(0), true},
    {REDUCE_SHAPE(0), {{INT_MIN}}, false}, /* outputs of no elements */
    {REDUCE_SHAPE(3, 0, 2), REDUCE_AXES(1), false},
};
enum { REDUCE_CASES = sizeof reduce_cases / sizeof reduce_cases[0], REDUCE_CASES_OF_NONE = 2 /* the last */ };

#endif
#endif
