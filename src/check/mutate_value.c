/* mutate_value — a mistake in a value: the value made wrong by ordinary recordings, so that no kernel knows
 * of it and gradients pass. */
#include "check/mutate.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/ops.h>

static wg_shape shape_of(const wg_type *type) {
    wg_shape shape;
    memcpy(shape.extent, type->extent, sizeof type->extent);
    shape.extent[type->rank] = INT64_MIN;
    return shape;
}

/* The first axis that has more than one place; -1: none. */
static int long_axis(const wg_type *type) {
    for (int i = 0; i < type->rank; i++)
        if (type->extent[i] > 1) return i;
    return -1;
}

static int long_axes(const wg_type *type) {
    int count = 0;
    for (int i = 0; i < type->rank; i++) count += type->extent[i] > 1;
    return count;
}

bool wg_mutation_applies(wg_mutation_kind kind, const wg_type *type) {
    const int64_t count = wg_type_count(type);
    if (!wg_dtype_real(type->dtype) || count == 0) return false;
    switch (kind) {
    case WG_SIGN_FLIPPED:
    case WG_SCALED:
    case WG_DROPPED:
    case WG_ELEMENT_NAN:
        return true;
    case WG_ELEMENT_DROPPED:
    case WG_ELEMENTS_SWAPPED:
    case WG_SHIFTED:
    case WG_WRONG_AXIS:
        return count > 1;
    case WG_TRANSPOSED:
    case WG_OPERAND_TRANSPOSED:
        return long_axes(type) > 1;
    default:
        return false;
    }
}

/* The place at which single elements are changed: neither the first nor the last where there are others. */
static int64_t place(int64_t count) { return count * 3 / 7; }

/* x times a tensor of ones but for one element. */
static wg_var times_at_one(wg_var x, const wg_type *type, double factor) {
    const int64_t count = wg_type_count(type);
    const wg_shape shape = shape_of(type);
    double *twice = malloc((size_t)count * sizeof *twice);
    float *single = malloc((size_t)count * sizeof *single);
    wg_var mask = wg_invalid(x.tape);
    if (twice && single) {
        for (int64_t i = 0; i < count; i++) single[i] = (float)(twice[i] = i == place(count) ? factor : 1);
        mask = (wg_array)(x.tape, type->dtype, &shape,
                          type->dtype == WG_F32 ? (const void *)single : (const void *)twice);
    } else {
        wg_tape_no_memory(x.tape);
    }
    free(twice);
    free(single);
    return (wg_mul)(x, mask);
}

static int64_t transposed(const wg_type *type, int64_t i) {
    int64_t at = 0; /* of the reversed axes, read in row-major order, number i */
    int64_t stride = 1, strides[WG_MAX_RANK];
    for (int axis = type->rank; axis-- > 0; stride *= type->extent[axis]) strides[axis] = stride;
    for (int axis = 0; axis < type->rank; axis++) {
        at += i % type->extent[axis] * strides[axis];
        i /= type->extent[axis];
    }
    return at;
}

/* Which element stands at place i. */
static int64_t moved(wg_mutation_kind kind, const wg_type *type, int64_t i) {
    const int64_t count = wg_type_count(type), one = place(count), other = (one + (count + 1) / 2) % count;
    if (kind == WG_SHIFTED) return (i + count - 1) % count;
    if (kind == WG_ELEMENTS_SWAPPED) return i == one ? other : i == other ? one : i;
    return transposed(type, i);
}

static wg_var permuted(wg_var x, const wg_type *type, wg_mutation_kind kind) {
    const int64_t count = wg_type_count(type);
    const wg_shape shape = shape_of(type);
    int64_t *order = malloc((size_t)count * sizeof *order);
    if (!order) return wg_tape_no_memory(x.tape), wg_invalid(x.tape);
    for (int64_t i = 0; i < count; i++) order[i] = moved(kind, type, i);
    wg_var index = (wg_array)(x.tape, WG_I64, WG_SHAPE(count), order);
    free(order);
    return (wg_reshape)((wg_gather)((wg_reshape)(x, WG_SHAPE(count)), index, 0), &shape);
}

wg_var wg_mutation_of(wg_var x, wg_mutation_kind kind) {
    const wg_type type = wg_type_of(x);
    const wg_shape shape = shape_of(&type);
    switch (kind) {
    case WG_SIGN_FLIPPED:
        return (wg_neg)(x);
    case WG_SCALED:
        return (wg_mul)(x, (wg_scalar)(x.tape, 1.001));
    case WG_DROPPED:
        return (wg_mul)(x, (wg_scalar)(x.tape, 0));
    case WG_ELEMENT_DROPPED:
        return times_at_one(x, &type, 0);
    case WG_ELEMENT_NAN:
        return times_at_one(x, &type, NAN);
    case WG_WRONG_AXIS:
        return (wg_broadcast_to)((wg_sum)(x, WG_AXES(long_axis(&type)),
                                          WG_OPTIONS_(wg_reduce_options, .keepdims = true)),
                                 &shape);
    default:
        return permuted(x, &type, kind);
    }
}
