/* resample.h — the attributes of resample, for the ops that are composed of it. */
#ifndef WG_OPS_RESAMPLE_H
#define WG_OPS_RESAMPLE_H

#include <stdbool.h>
#include <stdint.h>

/* `size` is the extent of the result: of the axis read for resample_grad. */
typedef struct resample_attributes {
    int64_t axis, size, mode, coordinates, rounding;
    double scale, cubic_a;
    bool antialias;
} resample_attributes;

#endif
