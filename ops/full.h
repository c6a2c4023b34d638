/* full — the attributes of a tensor that holds one number everywhere: wg_full records it as a leaf. */
#ifndef WG_OPS_FULL_H
#define WG_OPS_FULL_H

#include <wengert/op.h>

typedef struct full_attributes {
    wg_dtype dtype;
    wg_type shape;
    double value;
} full_attributes;

#endif
