/* flip, tile, repeat_interleave — composed of slice, broadcast_to and reshape
 *
 *   flip:               y[…, i, …] = x[…, n - 1 - i, …]
 *   tile:               y[…, i, …] = x[…, i mod n, …], of extent n · repeats
 *   repeat_interleave:  y[…, i, …] = x[…, i / repeats, …], of extent n · repeats
 *
 * Gradients are those of the ops they record: dy flipped, dy summed over the copies. */
#include "rearrange.h"

typedef struct flip_attributes {
    wg_axes axes;
} flip_attributes;

typedef struct tile_attributes {
    wg_type repeats;
} tile_attributes;

typedef struct repeat_interleave_attributes {
    int64_t axis, repeats;
} repeat_interleave_attributes;

#ifdef WG_RULES

/* --- flip -------------------------------------------------------------------------------------------------- */

static const wg_attribute flip_schema[] = {
    WG_ATTRIBUTE(flip_attributes, axes, .kind = WG_ATTRIBUTE_AXES, .meaning = "turned round; none listed: all"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_flip(wg_infer *infer) {
    wg_axes *axes = &((flip_attributes *)infer->attributes)->axes;
    const int rank = infer->inputs[0].rank;
    unsigned set;
    const int status = rearrange_infer_axes(infer, axes, rank, &set);
    if (axes->axis[0] == INT_MIN) {
        for (int i = 0; i < rank; i++) axes->axis[i] = i;
        axes->axis[rank] = INT_MIN;
    }
    infer->outputs[0] = infer->inputs[0];
    return status;
}

static wg_var expand_flip(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const int *axis = ((const flip_attributes *)attributes)->axes.axis;
    const wg_slice_options backwards = {.size_ = sizeof backwards, .step = -1};
    wg_var y = inputs[0];
    for (int i = 0; axis[i] != INT_MIN; i++)
        y = (wg_slice)(y, axis[i], -1, WG_SLICE_TO_FRONT, &backwards);
    return y;
}

static void samples_flip(wg_sampler *s) {
#define FLIP(from, ...) WG_SAMPLE(s, (&(flip_attributes){{{__VA_ARGS__}}}), {.shape = from})
    FLIP(WG_SCALAR_SHAPE, INT_MIN);
    const wg_shape *const shapes[] = {WG_SHAPE(1),       WG_SHAPE(7),       WG_SHAPE(0),
                                      WG_SHAPE(3, 4),    WG_SHAPE(1, 5),    WG_SHAPE(2, 3, 2),
                                      WG_SHAPE(2, 0, 3), WG_SHAPE(2, 1, 2, 1, 2, 1, 3, 1)};
    for (int i = 0; i < 8; i++) {
        FLIP(shapes[i], INT_MIN);
        FLIP(shapes[i], 0, INT_MIN);
        FLIP(shapes[i], -1, INT_MIN);
        if (i > 2) FLIP(shapes[i], -1, 0, INT_MIN);
    }
    WG_SAMPLE(s, (&(flip_attributes){{{1, INT_MIN}}}), {.dtype = WG_U8, .shape = WG_SHAPE(2, 5)});
#undef FLIP
}

const wg_op wg_op_flip = {
    .name = "flip", .formula = "y[..., i, ...] = x[..., n - 1 - i, ...]", .torch = "flip",
    .shapes = "x [...] -> y [...]",
    .gradient = "dx = flip(dy)",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = flip_schema, .attributes_size = sizeof(flip_attributes),
    .infer = infer_flip, .expand = expand_flip, .samples = samples_flip,
};

wg_var (wg_flip)(wg_var x, const wg_axes *axes) {
    const flip_attributes chosen = {rearrange_axes(axes)};
    return WG_RECORD(&wg_op_flip, &chosen, x);
}

/* --- tile --------------------------------------------------------------------------------------------------- */

static const wg_attribute tile_schema[] = {
    WG_ATTRIBUTE(tile_attributes, repeats, .kind = WG_ATTRIBUTE_SHAPE,
                 .meaning = "how often along each axis, the last ones where there are fewer"),
    WG_NO_MORE_ATTRIBUTES};

/* x with axes of extent 1 in front, as many as repeats has more. */
static wg_type tiled_from(const wg_type *x, int rank) {
    wg_type y = {.dtype = x->dtype, .rank = rank > x->rank ? rank : x->rank};
    for (int i = 0; i < y.rank; i++) y.extent[i] = i < y.rank - x->rank ? 1 : x->extent[i - y.rank + x->rank];
    return y;
}

static int infer_tile(wg_infer *infer) {
    const wg_type *repeats = &WG_ATTRIBUTES(infer, tile)->repeats;
    int status = wg_infer_extents(infer, repeats);
    wg_type y = tiled_from(&infer->inputs[0], repeats->rank);
    for (int i = 0; !status && i < repeats->rank; i++)
        status = rearrange_infer_times(infer, &y.extent[y.rank - repeats->rank + i], repeats->extent[i]);
    infer->outputs[0] = y;
    return status;
}

/* `times` copies along an axis, each followed by the next as a whole. */
static wg_var tile_axis(wg_var x, wg_type *type, int axis, int64_t times) {
    const int64_t outer = rearrange_product(type, 0, axis), inner = rearrange_product(type, axis, type->rank);
    wg_var y = (wg_broadcast_to)(REARRANGE_RESHAPE(x, outer, 1, inner), WG_SHAPE(outer, times, inner));
    type->extent[axis] *= times;
    return rearrange_reshape(y, type);
}

static wg_var expand_tile(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const wg_type *repeats = &((const tile_attributes *)attributes)->repeats, x = wg_type_of(inputs[0]);
    wg_type type = tiled_from(&x, repeats->rank);
    wg_var y = type.rank > x.rank ? rearrange_reshape(inputs[0], &type) : inputs[0];
    for (int i = repeats->rank - 1; i >= 0; i--) /* the longest runs are copied last */
        if (repeats->extent[i] != 1) y = tile_axis(y, &type, type.rank - repeats->rank + i, repeats->extent[i]);
    return y;
}

static void samples_tile(wg_sampler *s) {
#define TILE(from, of_rank, ...)                                                                   \
    WG_SAMPLE(s, (&(tile_attributes){{.rank = of_rank, .extent = {__VA_ARGS__}}}), {.shape = from})
    TILE(WG_SCALAR_SHAPE, 0, 0);
    TILE(WG_SCALAR_SHAPE, 1, 3);
    TILE(WG_SCALAR_SHAPE, 2, 2, 3);
    for (int64_t r = 0; r < 4; r++) {
        TILE(WG_SHAPE(5), 1, r);
        TILE(WG_SHAPE(1), 1, r);
        TILE(WG_SHAPE(0), 1, r);
        TILE(WG_SHAPE(2, 3), 2, r, 2);
        TILE(WG_SHAPE(2, 3), 2, 1, r);
        TILE(WG_SHAPE(2, 3), 1, r);
    }
    TILE(WG_SHAPE(3), 2, 2, 2);
    TILE(WG_SHAPE(3), 3, 2, 1, 2);
    TILE(WG_SHAPE(2, 3), 0, 0);
    TILE(WG_SHAPE(2, 2, 2), 3, 2, 1, 2);
    TILE(WG_SHAPE(2, 1, 3), 2, 3, 1);
    TILE(WG_SHAPE(1, 2, 1, 1, 1, 2, 1, 1), 8, 2, 1, 1, 2, 1, 2, 1, 1);
    TILE(WG_SHAPE(2, 0, 3), 3, 2, 2, 1);
    WG_SAMPLE(s, (&(tile_attributes){{.rank = 2, .extent = {2, 2}}}), {.dtype = WG_U8, .shape = WG_SHAPE(2, 3)});
#undef TILE
}

const wg_op wg_op_tile = {
    .name = "tile", .formula = "y[..., i, ...] = x[..., i mod n, ...]", .onnx = "Tile", .torch = "tile",
    .shapes = "x [*] -> y [*]; extents times repeats",
    .gradient = "dx = dy summed over the copies",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = tile_schema, .attributes_size = sizeof(tile_attributes),
    .infer = infer_tile, .expand = expand_tile, .samples = samples_tile,
};

wg_var (wg_tile)(wg_var x, const wg_shape *repeats) {
    tile_attributes chosen;
    if (!wg_read_shape(x.tape, "tile", repeats, &chosen.repeats)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_tile, &chosen, x);
}

/* --- repeat_interleave ---------------------------------------------------------------------------------------- */

static const wg_attribute repeat_schema[] = {
    WG_ATTRIBUTE(repeat_interleave_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that grows"),
    WG_ATTRIBUTE(repeat_interleave_attributes, repeats, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = 0,
                 .high = 0x1p62, .preset = 1, .meaning = "of each row"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_repeat(wg_infer *infer) {
    repeat_interleave_attributes *a = infer->attributes;
    const int status = wg_infer_axis(infer, &a->axis, infer->inputs[0].rank);
    if (status) return status;
    infer->outputs[0] = infer->inputs[0];
    return rearrange_infer_times(infer, &infer->outputs[0].extent[a->axis], a->repeats);
}

static wg_var expand_repeat(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const repeat_interleave_attributes *a = attributes;
    wg_type type = wg_type_of(inputs[0]);
    const int axis = (int)a->axis;
    const int64_t outer = rearrange_product(&type, 0, axis + 1), inner = rearrange_product(&type, axis + 1, type.rank);
    wg_var y = (wg_broadcast_to)(REARRANGE_RESHAPE(inputs[0], outer, 1, inner), WG_SHAPE(outer, a->repeats, inner));
    type.extent[axis] *= a->repeats;
    return rearrange_reshape(y, &type);
}

static void samples_repeat(wg_sampler *s) {
#define REPEAT(from, axis, times) WG_SAMPLE(s, (&(repeat_interleave_attributes){axis, times}), {.shape = from})
    for (int64_t r = 0; r < 4; r++) {
        REPEAT(WG_SHAPE(5), 0, r);
        REPEAT(WG_SHAPE(1), -1, r);
        REPEAT(WG_SHAPE(0), 0, r);
        REPEAT(WG_SHAPE(3, 4), 0, r);
        REPEAT(WG_SHAPE(3, 4), 1, r);
        REPEAT(WG_SHAPE(2, 3, 2), -2, r);
        REPEAT(WG_SHAPE(2, 0, 2), -1, r);
    }
    REPEAT(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 4, 3);
    REPEAT(WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 7, 2);
    WG_SAMPLE(s, (&(repeat_interleave_attributes){0, 2}), {.dtype = WG_U8, .shape = WG_SHAPE(2, 3)});
#undef REPEAT
}

const wg_op wg_op_repeat_interleave = {
    .name = "repeat_interleave", .formula = "y[..., i, ...] = x[..., i / repeats, ...]",
    .shapes = "x [*] -> y [*]; the axis's extent times repeats",
    .gradient = "dx = dy summed over the copies",
    .torch = "repeat_interleave",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = repeat_schema, .attributes_size = sizeof(repeat_interleave_attributes),
    .infer = infer_repeat, .expand = expand_repeat, .samples = samples_repeat,
};

wg_var (wg_repeat_interleave)(wg_var x, int64_t repeats, int axis) {
    const repeat_interleave_attributes chosen = {axis, repeats};
    return WG_RECORD(&wg_op_repeat_interleave, &chosen, x);
}

#endif
