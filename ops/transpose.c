/* transpose — y[i_0, …, i_(r-1)] = x[j_0, …, j_(r-1)] with j[axes[k]] = i_k; dx is dy under the inverse
 *
 * No axes: in reverse order. */
#include "rows.h"
#include "kernels/cpu/swap.h"

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

/* Row-major strides of these extents, in elements. */
static void strides_of(const int64_t *extent, int rank, int64_t *strides) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= extent[i];
    }
}

static walk walk_of(const wg_call *call) {
    const wg_type *x = &call->inputs[0].type, *y = &call->outputs[0].type;
    const int *axes = WG_ATTRIBUTES(call, transpose)->axes.axis;
    walk w = {0};
    int64_t strides[WG_MAX_RANK];
    strides_of(x->extent, x->rank, strides);
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
    strides_of(w.extent, w.rank, w.to);
    while (w.from[w.dense] != 1) w.dense++;
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

typedef wg_four_bytes four_bytes;
typedef uint64_t __attribute__((may_alias)) eight_bytes;

/* block[i][j] = x[i + j from] for TILE × TILE elements of four bytes, 4 × 4 at a time. */
static void swap_tile(four_bytes block[TILE][TILE], const four_bytes *x, int64_t from) {
    for (int j = 0; j < TILE; j += 4)
        for (int i = 0; i < TILE; i += 4) wg_swap_four(&block[i][j], TILE, x + i + j * from, from);
}

/* y[i to + j] = x[i + j from] for i < rows, j < columns. */
#define SWAP(T, SUFFIX)                                                                            \
    static void swap_##SUFFIX(T *y, int64_t to, const T *x, int64_t from, int64_t rows,            \
                              int64_t columns) {                                                   \
        for (int64_t j0 = 0; j0 < columns; j0 += TILE) {                                           \
            const int64_t j1 = j0 + TILE < columns ? j0 + TILE : columns;                          \
            for (int64_t i = 0; i < rows; i++)                                                     \
                for (int64_t j = j0; j < j1; j++) y[i * to + j] = x[i + j * from];                 \
        }                                                                                          \
    }
SWAP(char, 1)
SWAP(four_bytes, 4)
SWAP(eight_bytes, 8)

/* Whole tiles go by way of a buffer, so that each cache line of x is read and of y written once. */
static void swap_tiles(four_bytes *y, int64_t to, const four_bytes *x, int64_t from, int64_t rows,
                       int64_t columns) {
    const int64_t whole_rows = rows - rows % TILE, whole_columns = columns - columns % TILE;
    four_bytes block[TILE][TILE];
    for (int64_t j = 0; j < whole_columns; j += TILE) {
        for (int64_t i = 0; i < whole_rows; i += TILE) {
            swap_tile(block, x + i + j * from, from);
            for (int k = 0; k < TILE; k++) memcpy(y + (i + k) * to + j, block[k], sizeof block[k]);
        }
    }
    swap_4(y + whole_columns, to, x + whole_columns * from, from, whole_rows, columns - whole_columns);
    swap_4(y + whole_rows * to, to, x + whole_rows, from, rows - whole_rows, columns);
}

static void swap(char *y, int64_t to, const char *x, int64_t from, int64_t rows, int64_t columns,
                 int64_t size) {
    if (size == 4) swap_tiles((four_bytes *)y, to, (const four_bytes *)x, from, rows, columns);
    else if (size == 8) swap_8((eight_bytes *)y, to, (const eight_bytes *)x, from, rows, columns);
    else swap_1(y, to, x, from, rows, columns);
}

/* Rows begin … end-1, in runs along the axis before the last. */
static void copy_rows(const wg_call *call, const walk *w, int64_t size) {
    const int last = w->rank - 1;
    const int64_t row = w->extent[last] * size, in_run = last ? w->extent[last - 1] : 1;
    const int64_t step = last ? w->from[last - 1] * size : row;
    for (int64_t unit = call->begin, end; unit < call->end; unit = end) {
        int64_t from, to;
        place(w, unit, &from, &to);
        end = unit - unit % in_run + in_run;
        if (end > call->end) end = call->end;
        rows_copy_apart(WG_OUT(call, 0, char) + to * size, row, WG_IN(call, 0, char) + from * size, step,
                        end - unit, row);
    }
}

static void transpose_forward(const wg_call *call) {
    const int64_t size = (int64_t)wg_dtype_size(call->dtype);
    const walk w = walk_of(call);
    const int last = w.rank - 1;
    if (w.dense == last) {
        copy_rows(call, &w, size);
        return;
    }
    const int64_t strips = strips_of(&w), to_step = w.to[w.dense];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t first = unit % strips * STRIP, left = w.extent[w.dense] - first;
        int64_t from, to;
        place(&w, unit / strips, &from, &to);
        swap(WG_OUT(call, 0, char) + (to + first * to_step) * size, to_step,
             WG_IN(call, 0, char) + (from + first) * size, w.from[last], left < STRIP ? left : STRIP,
             w.extent[last], size);
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

static bool keeps_order(const void *chosen) {
    const int *axis = ((const transpose_attributes *)chosen)->axes.axis;
    for (int i = 0; axis[i] != INT_MIN; i++)
        if (axis[i] != i) return false;
    return true;
}

const wg_op wg_op_transpose = {
    .name = "transpose", .formula = "y[i_0, ...] = x[j_0, ...], j[axes[k]] = i_k", .onnx = "Transpose",
    .shapes = "x [*] -> y [*]; extent i of y is extent axes[i] of x",
    .gradient = "dx = dy under the inverse permutation",
    .torch = "permute",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(transpose_attributes),
    .is_identity = keeps_order,
    .infer = infer, .forward = WG_FORWARD(transpose), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

wg_var (wg_transpose)(wg_var x, const wg_axes *axes) {
    const transpose_attributes chosen = {axes ? *axes : (wg_axes){{INT_MIN}}};
    return WG_RECORD(&wg_op_transpose, &chosen, x);
}

#endif
