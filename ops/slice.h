/* slice.h — the attributes of slice_grad, for the ops that are composed of it. */
#ifndef WG_OPS_SLICE_H
#define WG_OPS_SLICE_H

#include <stdint.h>

typedef struct slice_grad_attributes {
    int64_t axis, extent, start, step;
} slice_grad_attributes;

#endif
