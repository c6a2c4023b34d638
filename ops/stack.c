/* stack, split — y[…, k, …] = x_k[…], and x cut into parts along an axis
 *
 * stack is composed of reshape and concat. split has any number of results, and is a function that records
 * slices. */
#include "rearrange.h"
#include <stdlib.h>

typedef struct stack_attributes {
    int64_t axis;
} stack_attributes;

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(stack_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "the new one, in the result"),
    WG_NO_MORE_ATTRIBUTES};

static wg_type with_axis(const wg_type *x, int64_t axis, int64_t extent) {
    wg_type y = {.dtype = x->dtype, .rank = x->rank + 1};
    for (int i = 0; i < y.rank; i++) y.extent[i] = i == axis ? extent : x->extent[i < axis ? i : i - 1];
    return y;
}

static int infer(wg_infer *infer) {
    int64_t *axis = &((stack_attributes *)infer->attributes)->axis;
    const wg_type *first = &infer->inputs[0];
    if (first->rank == WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "input 0 is %s; the result would have more than %d axes",
                             wg_infer_shape_text(infer, first), WG_MAX_RANK);
    const int status = wg_infer_axis(infer, axis, first->rank + 1);
    if (status) return status;
    for (int k = 1; k < infer->input_count; k++) {
        const wg_type *x = &infer->inputs[k];
        if (!wg_type_equal(x, first))
            return wg_infer_fail(infer, x->dtype == first->dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                                 "input 0 is %s, input %d is %s; they must be alike",
                                 wg_infer_text(infer, first), k, wg_infer_text(infer, x));
    }
    infer->outputs[0] = with_axis(first, *axis, infer->input_count);
    return WG_OK;
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *chosen) {
    const int64_t axis = ((const stack_attributes *)chosen)->axis;
    const wg_type x = wg_type_of(inputs[0]), part = with_axis(&x, axis, 1);
    size_t count = 0;
    while (wg_valid(inputs[count])) count++;
    wg_var *parts = malloc((count + 1) * sizeof *parts);
    if (!parts) return wg_fail(tape, WG_ERROR_MEMORY, "stack: no memory for %zu inputs", count);
    for (size_t k = 0; k < count; k++) parts[k] = rearrange_reshape(inputs[k], &part);
    parts[count] = inputs[count]; /* the end of the list */
    wg_var y = wg_concat_list((int)axis, parts);
    free(parts);
    return y;
}

static void samples(wg_sampler *s) {
#define ONE(axis, of) WG_SAMPLE(s, (&(stack_attributes){axis}), {.shape = of})
#define TWO(axis, of) WG_SAMPLE(s, (&(stack_attributes){axis}), {.shape = of}, {.shape = of})
#define THREE(axis, of) WG_SAMPLE(s, (&(stack_attributes){axis}), {.shape = of}, {.shape = of}, {.shape = of})
    ONE(0, WG_SCALAR_SHAPE);
    TWO(0, WG_SCALAR_SHAPE);
    THREE(-1, WG_SCALAR_SHAPE);
    for (int axis = -2; axis < 2; axis++) {
        TWO(axis, WG_SHAPE(5));
        THREE(axis, WG_SHAPE(1));
        ONE(axis, WG_SHAPE(3));
    }
    for (int axis = -1; axis < 3; axis++) {
        TWO(axis, WG_SHAPE(2, 3));
        THREE(axis, WG_SHAPE(3, 1));
        TWO(axis, WG_SHAPE(0, 2));
    }
    TWO(0, WG_SHAPE(0));
    TWO(1, WG_SHAPE(2, 3, 2));
    THREE(3, WG_SHAPE(2, 1, 2));
    TWO(7, WG_SHAPE(2, 1, 2, 1, 2, 1, 2));
    TWO(2, WG_SHAPE(2, 1, 2, 1, 2, 1, 2));
    WG_SAMPLE(s, (&(stack_attributes){1}), {.dtype = WG_U8, .shape = WG_SHAPE(5)},
              {.dtype = WG_U8, .shape = WG_SHAPE(5)});
#undef ONE
#undef TWO
#undef THREE
}

const wg_op wg_op_stack = {
    .name = "stack", .formula = "y[..., k, ...] = x_k[...]", .torch = "stack",
    .shapes = "x [...]... -> y [*]; with a new axis, as many as there are inputs",
    .gradient = "dx_k[...] = dy[..., k, ...]",
    .inputs = 1, .inputs_max = -1, .outputs = 1,
    .attributes = attributes, .attributes_size = sizeof(stack_attributes),
    .infer = infer, .expand = expand, .samples = samples,
};

wg_var wg_stack_list(int axis, const wg_var *vars) {
    const stack_attributes chosen = {axis};
    return wg_apply_list(&wg_op_stack, sizeof(wg_op), &chosen, vars);
}

/* --- split ------------------------------------------------------------------------------------------------ */

/* Part k of `count` that are as long as the first but for the last. */
static int64_t even_size(int64_t extent, int count, int k) {
    const int64_t size = extent / count + (extent % count != 0), left = extent - k * size;
    return left < 0 ? 0 : left < size ? left : size;
}

static bool can_split(wg_var x, const wg_type *type, int axis, int count, const int64_t *sizes) {
    int64_t all = 0;
    if (axis < 0 || axis >= type->rank) {
        wg_fail(x.tape, WG_ERROR_AXIS, "split: the axis is out of range: x has %d axes", type->rank);
        return false;
    }
    if (count < 1) {
        wg_fail(x.tape, WG_ERROR_ATTRIBUTE, "split: %d parts; there must be at least 1", count);
        return false;
    }
    bool fits = true;
    for (int k = 0; sizes && k < count; k++)
        fits = fits && sizes[k] >= 0 && !__builtin_add_overflow(all, sizes[k], &all);
    if (!sizes || (fits && all == type->extent[axis])) return true;
    wg_fail(x.tape, WG_ERROR_SHAPE, "split: the sizes of the %d parts must be at least 0 and add up to %lld", count,
            (long long)type->extent[axis]);
    return false;
}

void wg_split(wg_var x, int axis, int count, const int64_t *sizes, wg_var *parts) {
    const wg_type type = wg_type_of(x);
    const int at = axis < 0 ? axis + type.rank : axis;
    const bool can = wg_valid(x) && can_split(x, &type, at, count, sizes);
    int64_t begin = 0;
    for (int k = 0; k < count; k++) {
        const int64_t size = !can ? 0 : sizes ? sizes[k] : even_size(type.extent[at], count, k);
        parts[k] = can ? (wg_slice)(x, at, begin, begin + size, NULL) : wg_refuse(x.tape);
        begin += size;
    }
}

#endif
