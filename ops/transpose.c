/* transpose — y[i_0, …, i_(r-1)] = x[j_0, …, j_(r-1)] with j[axes[k]] = i_k; dx is dy under the inverse
 *
 * No axes: in reverse order. */
#include "rows.h"

typedef struct transpose_attributes {
    wg_axes axes;
} transpose_attributes;

#ifdef WG_RULES

/* --- The kernel --------------------------------------------------------------------------------------- */

/* The axes of y, those of extent 1 left out and neighbours joined that are neighbours in x too; strides in
 * elements. Then either the last one lies dense in x as well, or another one does: `dense`. */
typedef struct walk {
    int rank, dense;
    int64_t extent[WG_MAX_RANK], from[WG_MAX_RANK], to[WG_MAX_RANK];
} walk;

static walk walk_of(const wg_call *call) {
    const wg_type *x = &call->inputs[0].type, *y = &call->outputs[0].type;
    const int *axes = WG_ATTRIBUTES(call, transpose)->axes.axis;
    walk w = {0};
    int64_t strides[WG_MAX_RANK], stride = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= x->extent[i];
    }
    for (int i = 0; i < y->rank; i++) {
        const int64_t extent = y->extent[i], from = strides[axes[i]];
        if (extent == 1) continue;
        if (w.rank > 0 && w.from[w.rank - 1] == from * extent) {
            w.extent[w.rank - 1] *= extent;
            w.from[w.rank - 1] = from;
        } else {
            w.extent[w.rank] = extent;
            w.from[w.rank++] = from;
        }
    }
    if (w.rank == 0) w.extent[0] = w.from[0] = w.rank = 1;
    stride = 1;
    for (int i = w.rank - 1; i >= 0; i--) {
        if (w.from[i] == 1) w.dense = i;
        w.to[i] = stride;
        stride *= w.extent[i];
    }
    return w;
}

enum { STRIP = 64, TILE = 16 };

/* A unit is a row of y where that lies dense in x too; else a strip of up to STRIP places along the axis
 * that is dense in x, by all of the last axis. */
static int64_t strips_of(const walk *w) {
    return w->dense == w->rank - 1 ? 1 : (w->extent[w->dense] + STRIP - 1) / STRIP;
}

static int64_t units(const wg_call *call) {
    if (wg_type_count(&call->outputs[0].type) == 0) return 0;
    const walk w = walk_of(call);
    int64_t count = strips_of(&w);
    for (int i = 0; i < w.rank - 1; i++) count *= i == w.dense ? 1 : w.extent[i];
    return count;
}

/* Where unit number `outer`, strips not counted, begins in x and y. */
static void place(const walk *w, int64_t outer, int64_t *from, int64_t *to) {
    *from = *to = 0;
    for (int i = w->rank - 2; i >= 0; i--) {
        if (i == w->dense) continue;
        *from += outer % w->extent[i] * w->from[i];
        *to += outer % w->extent[i] * w->to[i];
        outer /= w->extent[i];
    }
}

/* y[i to + j] = x[i + j from] for i < rows, j < columns: by tiles, so that a line of x serves while it is
 * in the cache. */
#define SWAP(T, SUFFIX)                                                                            \
    static void swap_##SUFFIX(void *y, int64_t to, const void *x, int64_t from, int64_t rows,      \
                              int64_t columns) {                                                   \
        for (int64_t j0 = 0; j0 < columns; j0 += TILE) {                                           \
            const int64_t j1 = j0 + TILE < columns ? j0 + TILE : columns;                          \
            for (int64_t i = 0; i < rows; i++)                                                     \
                for (int64_t j = j0; j < j1; j++)                                                  \
                    ((T *)y)[i * to + j] = ((const T *)x)[i + j * from];                           \
        }                                                                                          \
    }
typedef uint32_t __attribute__((may_alias)) four_bytes;
typedef uint64_t __attribute__((may_alias)) eight_bytes;
SWAP(char, 1)
SWAP(four_bytes, 4)
SWAP(eight_bytes, 8)
typedef void swap_function(void *y, int64_t to, const void *x, int64_t from, int64_t rows, int64_t columns);

static void transpose_forward(const wg_call *call) {
    const int64_t size = (int64_t)wg_dtype_size(call->dtype);
    const walk w = walk_of(call);
    const int64_t strips = strips_of(&w), last = w.rank - 1;
    swap_function *swap = size == 4 ? swap_4 : size == 8 ? swap_8 : swap_1;
    const char *x = WG_IN(call, 0, char);
    char *y = WG_OUT(call, 0, char);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t first = unit % strips * STRIP;
        int64_t from, to;
        place(&w, unit / strips, &from, &to);
        if (w.dense == last) {
            rows_copy(y + to * size, x + from * size, w.extent[last] * size);
            continue;
        }
        const int64_t left = w.extent[w.dense] - first, rows = left < STRIP ? left : STRIP;
        const char *at = x + (from + first) * size;
        char *put = y + (to + first * w.to[w.dense]) * size;
        swap(put, w.to[w.dense], at, w.from[last], rows, w.extent[last]);
    }
}
WG_BYTES_KERNEL(transpose, transpose_forward)

/* --- Rules -------------------------------------------------------------------------------------------- */

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(transpose_attributes, axes, .kind = WG_ATTRIBUTE_AXES,
                 .meaning = "axis i of the result is axis axes[i] of x; none: in reverse order"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0];
    int *axes = ((transpose_attributes *)infer->attributes)->axes.axis, count = 0;
    while (count <= WG_MAX_RANK && axes[count] != INT_MIN) count++;
    if (count == 0) {
        for (; count < x->rank; count++) axes[count] = x->rank - 1 - count;
        axes[count] = INT_MIN;
    }
    if (count != x->rank)
        return wg_infer_fail(infer, WG_ERROR_AXIS, "%d axes are named, x %s has %d; each must be named once",
                             count, wg_infer_shape_text(infer, x), x->rank);
    infer->outputs[0] = *x;
    for (int i = 0, seen = 0; i < count; i++) {
        int64_t axis = axes[i];
        const int status = wg_infer_axis(infer, &axis, x->rank);
        if (status) return status;
        if (seen >> axis & 1) return wg_infer_fail(infer, WG_ERROR_AXIS, "axis %d is named twice", (int)axis);
        seen |= 1 << axis;
        axes[i] = (int)axis;
        infer->outputs[0].extent[i] = x->extent[axis];
    }
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const int *axes = WG_ATTRIBUTES(rule, transpose)->axes.axis;
    transpose_attributes inverse = {{{INT_MIN}}};
    int count = 0;
    for (; axes[count] != INT_MIN; count++) inverse.axes.axis[axes[count]] = count;
    inverse.axes.axis[count] = INT_MIN;
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_transpose, &inverse, rule->cotangents[0]));
}

static wg_cost cost(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void samples(wg_sampler *s) {
#define TRANSPOSE(from, ...)                                                                       \
    WG_SAMPLE(s, (&(transpose_attributes){{{__VA_ARGS__, INT_MIN}}}), {.shape = from})
#define REVERSE(...) WG_SAMPLE(s, (&(transpose_attributes){{{INT_MIN}}}), {.shape = __VA_ARGS__})
    REVERSE(WG_SCALAR_SHAPE);
    REVERSE(WG_SHAPE(1));
    REVERSE(WG_SHAPE(7));
    REVERSE(WG_SHAPE(5, 7));
    REVERSE(WG_SHAPE(17, 3));
    REVERSE(WG_SHAPE(2, 3, 4));
    REVERSE(WG_SHAPE(3, 0, 2));
    TRANSPOSE(WG_SHAPE(3, 5), 0, 1);
    TRANSPOSE(WG_SHAPE(3, 5), -1, -2);
    TRANSPOSE(WG_SHAPE(2, 3, 4), 1, 0, 2);
    TRANSPOSE(WG_SHAPE(2, 3, 4), 0, 2, 1);
    TRANSPOSE(WG_SHAPE(2, 3, 4), 2, 0, 1);
    TRANSPOSE(WG_SHAPE(2, 3, 4, 2), 0, 2, 3, 1);
    TRANSPOSE(WG_SHAPE(2, 3, 2, 4), 0, 3, 1, -2);
    TRANSPOSE(WG_SHAPE(2, 1, 3, 1), 3, 2, 1, 0);
    TRANSPOSE(WG_SHAPE(1, 65, 2), 2, 1, 0);
    TRANSPOSE(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 6, 1, 0, 3, 4, 7, 2, 5);
    REVERSE(WG_SHAPE(70, 19), .dtype = WG_U8);
    REVERSE(WG_SHAPE(3, 5), .dtype = WG_BOOL);
    REVERSE(WG_SHAPE(67, 81), .dtype = WG_I32);
    REVERSE(WG_SHAPE(9, 67, 2), .dtype = WG_I64);
#undef TRANSPOSE
#undef REVERSE
}

const wg_op wg_op_transpose = {
    .name = "transpose", .formula = "y[i_0, ...] = x[j_0, ...], j[axes[k]] = i_k", .onnx = "Transpose",
    .torch = "permute",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(transpose_attributes),
    .infer = infer, .forward = WG_FORWARD(transpose), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

wg_var (wg_transpose)(wg_var x, const wg_axes *axes) {
    const transpose_attributes chosen = {axes ? *axes : (wg_axes){{INT_MIN}}};
    return WG_RECORD(&wg_op_transpose, &chosen, x);
}

#endif
