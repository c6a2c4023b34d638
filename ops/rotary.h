/* rotary — the attributes of the table that rotary_embedding turns by. */
#ifndef WG_OPS_ROTARY_H
#define WG_OPS_ROTARY_H

#include "op.h"

typedef struct rotary_table_attributes {
    double base;
    int64_t half;
    wg_dtype dtype;
} rotary_table_attributes;

#endif
