/* product — micro-kernels of matrix products, and where they come from.
 *
 * A micro-kernel computes a tile of up to `rows` by `columns` of c from packed panels:
 *
 *     c[i, j] = (add ? c[i, j] : 0) + sum_t a[t][i] b[t][j],    t < k <= WG_K_BLOCK,
 *
 * a[t] being `rows` numbers side by side and b[t] `columns`; the sum is a chain of fused multiply-adds from
 * zero. */
#ifndef WG_KERNELS_PRODUCT_H
#define WG_KERNELS_PRODUCT_H

#include "kernels/table.h"

typedef struct wg_micro_kernel {
    int rows, columns;
    bool turned; /* is it faster where c's rows, not its columns, are side by side? */
    void (*run)(const struct wg_micro_kernel *kernel, int64_t m, int64_t n, int64_t k, const void *a,
                const void *b, void *c, int64_t row_step, int64_t column_step, bool add);
    void *blis[2]; /* BLIS's kernel and context, where it is one of its */
} wg_micro_kernel;

/* BLIS's micro-kernel of an instruction set and dtype. NULL where BLIS has none of that set on this machine,
 * where it does not sum as above, and in a build without BLIS. Sets BLIS up when first called, with whatever
 * memory that takes. */
const wg_micro_kernel *wg_blis_micro_kernel(wg_isa isa, wg_dtype dtype);

#endif
