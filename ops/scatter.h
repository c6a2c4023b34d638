/* scatter.h — attributes of the ops that number rows and put them there, for the ops composed of them. */
#ifndef WG_OPS_SCATTER_H
#define WG_OPS_SCATTER_H

#include <wengert/op.h>

typedef struct element_index_attributes {
    wg_type shape;
    int64_t axis;
} element_index_attributes;

typedef struct nd_index_attributes {
    wg_type shape;
    int64_t batch_dims;
} nd_index_attributes;

typedef struct gather_grad_attributes {
    int64_t axis, extent;
} gather_grad_attributes;

typedef struct scatter_rows_attributes {
    int64_t reduction;
} scatter_rows_attributes;

typedef struct scatter_last_attributes {
    int64_t rows;
} scatter_last_attributes;

#endif
