/* tensor — inside view of a wg_tensor: counted owners, a memory, strides over it. */
#ifndef WG_TENSOR_TENSOR_H
#define WG_TENSOR_TENSOR_H

#include "base/base.h"
#include <stdatomic.h>

/* Where bytes live. The host's memory is the only space today; each device adds one. */
typedef enum wg_space { WG_HOST = 0 } wg_space;

struct wg_tensor {
    atomic_int owners;
    wg_space space;
    wg_type type;
    int64_t strides[WG_MAX_RANK]; /* in elements */
    void *data;
    bool writable;
    bool dense; /* row-major without gaps, and aligned for its dtype */
    void (*release)(void *context);
    void *context;
};

/* A dense tensor over memory that somebody else manages; the memory is not freed with it. Embedded
 * in its owner: it must outlive all other owners. */
void wg_tensor_embed(wg_tensor *tensor, const wg_type *type, void *data);

/* Copies a tensor's elements, row-major, to dense memory. */
void wg_tensor_gather(const wg_tensor *tensor, void *dense);

#endif
