/* rows — what the ops that move numbers about share: a tensor seen along one axis, and copies of bytes. */
#ifndef WG_OPS_ROWS_H
#define WG_OPS_ROWS_H

#include "op.h"

/* outer × extent × inner, the axis in the middle, whatever the rank. A row is the `inner` elements at one
 * place of the axis. */
typedef struct rows_split {
    int64_t outer, extent, inner;
} rows_split;

WG_INLINE rows_split rows_split_at(const wg_type *type, int64_t axis) {
    rows_split s = {1, type->extent[axis], 1};
    for (int i = 0; i < type->rank; i++) {
        if (i < axis) s.outer *= type->extent[i];
        if (i > axis) s.inner *= type->extent[i];
    }
    return s;
}

/* memcpy, but an element or four of them are moved without a call. */
WG_INLINE void rows_copy(char *to, const char *from, int64_t bytes) {
    switch (bytes) {
    case 1: *to = *from; break;
    case 4: memcpy(to, from, 4); break;
    case 8: memcpy(to, from, 8); break;
    case 16: memcpy(to, from, 16); break;
    default: memcpy(to, from, (size_t)bytes);
    }
}

/* `count` copies of `bytes`, to and from places that lie so many bytes apart. */
WG_INLINE void rows_copy_apart(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t count,
                               int64_t bytes) {
    if (to_step == bytes && from_step == bytes) {
        memcpy(to, from, (size_t)(count * bytes));
    } else if (bytes == 4) {
        for (int64_t i = 0; i < count; i++) memcpy(to + i * to_step, from + i * from_step, 4);
    } else if (bytes == 8) {
        for (int64_t i = 0; i < count; i++) memcpy(to + i * to_step, from + i * from_step, 8);
    } else {
        for (int64_t i = 0; i < count; i++) rows_copy(to + i * to_step, from + i * from_step, bytes);
    }
}

#endif
