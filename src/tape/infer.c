/* infer — shape rules that many ops share. */
#include "base/base.h"

static int check_dtypes(wg_infer *infer) {
    const wg_type *first = &infer->inputs[0];
    if (!wg_dtype_real(first->dtype))
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "input 0 is %s; it must be f32 or f64 (wg_cast converts)",
                             wg_infer_text(infer, first));
    for (int i = 1; i < infer->input_count; i++)
        if (infer->inputs[i].dtype != WG_NO_DTYPE && infer->inputs[i].dtype != first->dtype)
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "dtypes differ: input 0 is %s, input %d is %s; wg_cast converts",
                                 wg_infer_text(infer, first), i, wg_infer_text(infer, &infer->inputs[i]));
    return WG_OK;
}

int wg_infer_same(wg_infer *infer) {
    const int status = check_dtypes(infer);
    if (status) return status;
    for (int i = 1; i < infer->input_count; i++)
        if (infer->inputs[i].dtype != WG_NO_DTYPE && !wg_shape_equal(&infer->inputs[0], &infer->inputs[i]))
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "shapes differ: input 0 is %s, input %d is %s",
                                 wg_infer_shape_text(infer, &infer->inputs[0]), i,
                                 wg_infer_shape_text(infer, &infer->inputs[i]));
    for (int i = 0; i < infer->output_count; i++) infer->outputs[i] = infer->inputs[0];
    return WG_OK;
}

int wg_infer_broadcast_shapes(wg_infer *infer, wg_type *result) {
    const wg_dtype dtype = result->dtype;
    *result = infer->inputs[0];
    result->dtype = dtype;
    for (int i = 1; i < infer->input_count; i++) {
        const wg_type *type = &infer->inputs[i];
        if (wg_shape_equal(type, result)) continue;
        wg_type joined = {.dtype = dtype, .rank = type->rank > result->rank ? type->rank : result->rank};
        for (int k = 0; k < joined.rank; k++) { /* k counts from the back */
            const int64_t a = k < result->rank ? result->extent[result->rank - 1 - k] : 1;
            const int64_t b = k < type->rank ? type->extent[type->rank - 1 - k] : 1;
            if (a != b && a != 1 && b != 1)
                return wg_infer_fail(
                    infer, WG_ERROR_SHAPE,
                    "shapes do not broadcast: %s and %s differ in axis %d from the back (%lld and %lld); "
                    "they must be equal, or one of them 1",
                    wg_infer_shape_text(infer, &infer->inputs[0]), wg_infer_shape_text(infer, type), k + 1,
                    (long long)a, (long long)b);
            joined.extent[joined.rank - 1 - k] = a == 1 ? b : a;
        }
        *result = joined;
    }
    return WG_OK;
}

int wg_infer_broadcast(wg_infer *infer) {
    const wg_type *first = &infer->inputs[0];
    for (int i = 0; i < infer->input_count; i++) {
        const wg_type *type = &infer->inputs[i];
        if (type->dtype == WG_BOOL || type->dtype == WG_U8)
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "input %d is %s; it must be f32, f64, i32 or i64 (wg_cast converts)", i,
                                 wg_infer_text(infer, type));
        if (type->dtype != first->dtype)
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "dtypes differ: input 0 is %s, input %d is %s; wg_cast converts",
                                 wg_infer_text(infer, first), i, wg_infer_text(infer, type));
    }
    infer->outputs[0].dtype = first->dtype;
    return wg_infer_broadcast_shapes(infer, &infer->outputs[0]);
}

int wg_infer_axis(wg_infer *infer, int64_t *axis, int rank) {
    if (*axis < -rank || *axis >= rank)
        return rank == 0 ? wg_infer_fail(infer, WG_ERROR_AXIS,
                                         "axis %lld is out of range: the input has no axes", (long long)*axis)
                         : wg_infer_fail(infer, WG_ERROR_AXIS,
                                         "axis %lld is out of range: %s has axes %d to %d", (long long)*axis,
                                         wg_infer_shape_text(infer, &infer->inputs[0]), -rank, rank - 1);
    if (*axis < 0) *axis += rank;
    return WG_OK;
}
