/* batches.h — matrices in the last two axes, and the axes before them. */
#ifndef WG_OPS_BATCHES_H
#define WG_OPS_BATCHES_H

#include "op.h"

#ifdef WG_RULES

static inline wg_var reshape_to(wg_var x, const wg_type *type) {
    const wg_shape shape = wg_shape_of(type);
    return (wg_reshape)(x, &shape);
}

/* dx summed over the axes before the last two along which an operand of this type was broadcast. */
static inline wg_var unbroadcast(wg_var dx, const wg_type *operand) {
    const wg_type full = wg_type_of(dx);
    const int added = full.rank - operand->rank;
    wg_axes axes;
    int count = 0;
    for (int i = 0; i < full.rank - 2; i++)
        if (i < added || (operand->extent[i - added] == 1 && full.extent[i] != 1)) axes.axis[count++] = i;
    axes.axis[count] = INT_MIN;
    return count ? reshape_to((wg_sum)(dx, &axes, NULL), operand) : dx;
}

#endif
#endif
