/* index_map.h — the attributes of index_map, for the ops that are composed of it. */
#ifndef WG_OPS_INDEX_MAP_H
#define WG_OPS_INDEX_MAP_H

#include <wengert/op.h>

enum { INDEX_MAP_CONSTANT, INDEX_MAP_REFLECT, INDEX_MAP_EDGE, INDEX_MAP_CIRCULAR };

typedef struct index_map_attributes {
    wg_type shape;
    int64_t shift[WG_MAX_RANK], base[WG_MAX_RANK], period[WG_MAX_RANK];
    int64_t mode;
    double value;
} index_map_attributes;

#endif
