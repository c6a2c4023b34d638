/* dataset — inside view of a wg_dataset: whatever its source, a function that gives one sample. */
#ifndef WG_DATA_DATASET_H
#define WG_DATA_DATASET_H

#include "base/base.h"
#include <stdatomic.h>
#include <wengert/data.h>

struct wg_dataset {
    atomic_int owners;
    int64_t length;
    wg_type x, y; /* of one sample */
    wg_dataset_get_function get;
    void *context;
    void (*release)(void *context);
    const char *const *classes; /* the context's; NULL: no names */
    int class_count;
};

/* numbers[i] = bytes[i] / 255, in 0 … 1. */
static inline void wg_unit_interval(float *numbers, const uint8_t *bytes, int64_t count) {
    for (int64_t i = 0; i < count; i++) numbers[i] = (float)bytes[i] / 255.0f;
}

#endif
