/* loss.h — what losses share whose parts each come from an element of x and of targets: the reduction, the first
 * member of their attributes, and the shape rule. */
#ifndef WG_OPS_LOSS_H
#define WG_OPS_LOSS_H

#include "op.h"

#ifdef WG_RULES
#define LOSS_REDUCTION(type)                                                                       \
    WG_ATTRIBUTE(type, reduction, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = WG_MEAN,       \
                 .high = WG_NO_REDUCTION, .meaning = "0: mean, 1: sum, 2: none")

/* The first `alike` inputs must have one shape: a column against a row would silently become a matrix. */
static inline int loss_infer_alike(wg_infer *infer, const char *const *names, int alike) {
    const wg_type *x = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    for (int i = 1; i < alike && i < infer->input_count; i++) {
        const wg_type *other = &infer->inputs[i];
        if (!wg_shape_equal(x, other))
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%s is %s, %s is %s; their shapes must be alike", names[0],
                                 wg_infer_shape_text(infer, x), names[i], wg_infer_shape_text(infer, other));
    }
    const bool each = *(const int64_t *)infer->attributes == WG_NO_REDUCTION;
    infer->outputs[0] = each ? *x : (wg_type){.dtype = x->dtype};
    return WG_OK;
}

static inline int loss_infer(wg_infer *infer) {
    static const char *const names[] = {"x", "target", "variance"};
    return loss_infer_alike(infer, names, 3);
}

static inline wg_var loss_reduced(wg_var loss, int64_t reduction) {
    if (reduction == WG_NO_REDUCTION) return loss;
    return reduction == WG_SUM ? wg_sum(loss, WG_ALL_AXES) : wg_mean(loss, WG_ALL_AXES);
}
#endif

#endif
