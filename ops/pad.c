/* pad, roll — composed of index_map
 *
 *   pad:   y[…, i, …] = x[…, i - before, …], and outside x by the mode: a value, x mirrored without its end,
 *          its end, or x again. Negative numbers crop, before anything is added.
 *   roll:  y[…, i, …] = x[…, (i - shift) mod n, …] */
#include "index_map.h"
#include "rearrange.h"

typedef struct pad_attributes {
    wg_type before, after;
    int64_t mode;
    double value;
} pad_attributes;

typedef struct roll_attributes {
    wg_type shifts;
    wg_axes axes;
} roll_attributes;

#ifdef WG_RULES

/* --- pad -------------------------------------------------------------------------------------------------- */

static const wg_attribute pad_schema[] = {
    WG_ATTRIBUTE(pad_attributes, before, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "added at the front of each axis"),
    WG_ATTRIBUTE(pad_attributes, after, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "added at the back of each axis"),
    WG_ATTRIBUTE(pad_attributes, mode, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 3,
                 .meaning = "0 constant, 1 reflect, 2 edge, 3 circular"),
    WG_ATTRIBUTE(pad_attributes, value, .kind = WG_ATTRIBUTE_REAL, .is_value = true,
                 .meaning = "that is added, in mode 0"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_pad(wg_infer *infer) {
    const pad_attributes *a = WG_ATTRIBUTES(infer, pad);
    const wg_type *x = &infer->inputs[0];
    if (a->before.rank != x->rank || a->after.rank != x->rank)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, before names %d axes, after %d; it must be all",
                             wg_infer_shape_text(infer, x), a->before.rank, a->after.rank);
    infer->outputs[0] = *x;
    for (int i = 0; i < x->rank; i++) {
        const int64_t before = a->before.extent[i], after = a->after.extent[i];
        int64_t *y = &infer->outputs[0].extent[i], left = x->extent[i];
        if (__builtin_add_overflow(left, before < 0 ? before : 0, &left) ||
            __builtin_add_overflow(left, after < 0 ? after : 0, &left) || left < 0)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of x %s has not the %lld and %lld that are cropped",
                                 i, wg_infer_shape_text(infer, x), (long long)before, (long long)after);
        if (__builtin_add_overflow(left, before > 0 ? before : 0, y) ||
            __builtin_add_overflow(*y, after > 0 ? after : 0, y) || *y > INT64_MAX / 2)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%lld and %lld more are more than can be counted",
                                 (long long)before, (long long)after);
        if (a->mode && !left && *y)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of x %s is empty; there is nothing to repeat", i,
                                 wg_infer_shape_text(infer, x));
    }
    return WG_OK;
}

static wg_var expand_pad(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const pad_attributes *a = attributes;
    index_map_attributes map = {.shape = wg_type_of(inputs[0]), .mode = a->mode, .value = a->value};
    map.shape.dtype = WG_NO_DTYPE;
    for (int i = 0; i < map.shape.rank; i++) {
        const int64_t before = a->before.extent[i], after = a->after.extent[i], extent = map.shape.extent[i];
        map.base[i] = before < 0 ? -before : 0;
        map.shift[i] = before > 0 ? before : 0;
        map.period[i] = extent + (before < 0 ? before : 0) + (after < 0 ? after : 0);
        map.shape.extent[i] = extent + before + after;
    }
    return WG_RECORD(&wg_op_index_map, &map, inputs[0]);
}

static void samples_pad(wg_sampler *s) {
#define PAD(of_mode, from, of_rank, ...)                                                           \
    WG_SAMPLE(s, (&(pad_attributes){.before = {.rank = of_rank}, .after = {.rank = of_rank},       \
                                    .mode = of_mode, __VA_ARGS__}), {.shape = from})
#define B(i) .before.extent[i]
#define A(i) .after.extent[i]
    PAD(0, WG_SCALAR_SHAPE, 0, .value = 1);
    for (int mode = 0; mode < 4; mode++) {
        PAD(mode, WG_SHAPE(5), 1, B(0) = 2, A(0) = 1, .value = -1.5);
        PAD(mode, WG_SHAPE(5), 1, B(0) = 11, A(0) = 4);
        PAD(mode, WG_SHAPE(5), 1, B(0) = -1, A(0) = 2, .value = 3);
        PAD(mode, WG_SHAPE(5), 1, B(0) = -2, A(0) = -1);
        PAD(mode, WG_SHAPE(1), 1, B(0) = 2, A(0) = 3);
        PAD(mode, WG_SHAPE(3, 4), 2, B(0) = 1, A(1) = 3, .value = 0.25);
        PAD(mode, WG_SHAPE(3, 4), 2, B(1) = 2, A(0) = 2, A(1) = -1);
        PAD(mode, WG_SHAPE(2, 3, 2), 3, B(1) = 1, A(1) = 2);
        PAD(mode, WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 1), 8, B(3) = 1, A(7) = 1);
        PAD(mode, WG_SHAPE(2, 0), 2, B(0) = 1);
    }
    PAD(0, WG_SHAPE(0, 3), 2, B(0) = 1, A(1) = 1, .value = 2);
    WG_SAMPLE(s, (&(pad_attributes){{.rank = 1, .extent = {2}}, {.rank = 1, .extent = {-1}}, 0, 300}),
              {.dtype = WG_U8, .shape = WG_SHAPE(5)});
#undef PAD
#undef A
#undef B
}

const wg_op wg_op_pad = {
    .name = "pad", .formula = "y[..., i, ...] = x[..., i - before, ...], outside by the mode", .onnx = "Pad",
    .shapes = "x [*] -> y [*]; extents + before + after",
    .gradient = "dx = dy cropped, and what stands outside added to the element that it mirrors, holds or "
                "wraps to",
    .torch = "pad",
    .inputs = 1, .outputs = 1,
    .attributes = pad_schema, .attributes_size = sizeof(pad_attributes),
    .infer = infer_pad, .expand = expand_pad, .samples = samples_pad,
};

wg_var (wg_pad)(wg_var x, const wg_shape *before, const wg_shape *after, const wg_pad_options *options) {
    WG_READ_OPTIONS(wg_pad_options, o, options);
    pad_attributes chosen = {.mode = o.mode, .value = o.value};
    if (!wg_read_shape(x.tape, "pad", before, &chosen.before)) return wg_refuse(x.tape);
    if (!wg_read_shape(x.tape, "pad", after, &chosen.after)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_pad, &chosen, x);
}

/* --- roll --------------------------------------------------------------------------------------------------- */

static const wg_attribute roll_schema[] = {
    WG_ATTRIBUTE(roll_attributes, shifts, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "towards the back, of each axis"),
    WG_ATTRIBUTE(roll_attributes, axes, .kind = WG_ATTRIBUTE_AXES,
                 .meaning = "that are rolled; none listed: all as if they were one"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_roll(wg_infer *infer) {
    roll_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    unsigned set;
    int count = 0;
    const int status = rearrange_infer_axes(infer, &a->axes, x->rank, &set);
    if (status) return status;
    while (a->axes.axis[count] != INT_MIN) count++;
    if (a->shifts.rank != (count ? count : 1))
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "there are %d shifts; there must be %d, one an axis",
                             a->shifts.rank, count ? count : 1);
    infer->outputs[0] = *x;
    return WG_OK;
}

static wg_var expand_roll(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const roll_attributes *a = attributes;
    const wg_type x = wg_type_of(inputs[0]);
    const bool flat = a->axes.axis[0] == INT_MIN;
    const wg_var from = flat ? REARRANGE_RESHAPE(inputs[0], wg_type_count(&x)) : inputs[0];
    index_map_attributes map = {.shape = wg_type_of(from), .mode = INDEX_MAP_CIRCULAR};
    map.shape.dtype = WG_NO_DTYPE;
    for (int i = 0; i < map.shape.rank; i++) map.period[i] = map.shape.extent[i];
    for (int k = 0; k < a->shifts.rank; k++) {
        const int axis = flat ? 0 : a->axes.axis[k];
        const int64_t extent = map.shape.extent[axis];
        map.shift[axis] = extent ? a->shifts.extent[k] % extent : 0;
    }
    wg_var y = WG_RECORD(&wg_op_index_map, &map, from);
    return flat ? rearrange_reshape(y, &x) : y;
}

static void samples_roll(wg_sampler *s) {
#define ROLL(from, shift, ...)                                                                     \
    WG_SAMPLE(s, (&(roll_attributes){{.rank = 1, .extent = {shift}}, {{__VA_ARGS__}}}), {.shape = from})
    const int64_t shifts[] = {0, 1, -1, 3, -7};
    for (int i = 0; i < 5; i++) {
        ROLL(WG_SHAPE(5), shifts[i], 0, INT_MIN);
        ROLL(WG_SHAPE(1), shifts[i], INT_MIN);
        ROLL(WG_SHAPE(3, 4), shifts[i], INT_MIN);
        ROLL(WG_SHAPE(3, 4), shifts[i], 0, INT_MIN);
        ROLL(WG_SHAPE(2, 3, 2), shifts[i], -2, INT_MIN);
        WG_SAMPLE(s, (&(roll_attributes){{.rank = 2, .extent = {shifts[i], 1}}, {{1, 0, INT_MIN}}}),
                  {.shape = WG_SHAPE(3, 4)});
    }
    ROLL(WG_SCALAR_SHAPE, 2, INT_MIN);
    ROLL(WG_SHAPE(0), 2, 0, INT_MIN);
    ROLL(WG_SHAPE(2, 0, 3), 2, -1, INT_MIN);
    ROLL(WG_SHAPE(2, 1, 2, 1, 2, 1, 3, 1), -1, 6, INT_MIN);
    WG_SAMPLE(s, (&(roll_attributes){{.rank = 1, .extent = {INT64_MAX}}, {{0, INT_MIN}}}),
              {.dtype = WG_U8, .shape = WG_SHAPE(5)});
#undef ROLL
}

const wg_op wg_op_roll = {
    .name = "roll", .formula = "y[..., i, ...] = x[..., (i - shift) mod n, ...]", .torch = "roll",
    .shapes = "x [...] -> y [...]",
    .gradient = "dx = dy rolled back",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = roll_schema, .attributes_size = sizeof(roll_attributes),
    .infer = infer_roll, .expand = expand_roll, .samples = samples_roll,
};

wg_var (wg_roll)(wg_var x, const wg_shape *shifts, const wg_axes *axes) {
    roll_attributes chosen = {.axes = rearrange_axes(axes)};
    if (!wg_read_shape(x.tape, "roll", shifts, &chosen.shifts)) return wg_refuse(x.tape);
    return WG_RECORD(&wg_op_roll, &chosen, x);
}

#endif
