/* swap — rows and columns of small blocks change places, in registers: y[i to + j] = x[i + j from] for i, j
 * < 4. */
#ifndef WG_KERNELS_SWAP_H
#define WG_KERNELS_SWAP_H

#include "kernels/variant.h"

typedef uint32_t __attribute__((may_alias)) wg_four_bytes;
typedef uint32_t wg_four_lanes __attribute__((vector_size(16), aligned(4), may_alias));

/* Of elements of four bytes. */
WG_INLINE void wg_swap_four(wg_four_bytes *y, int64_t to, const wg_four_bytes *x, int64_t from) {
#define WG_MIX(p, q, ...) __builtin_shufflevector(p, q, __VA_ARGS__)
    const wg_four_lanes a = *(const wg_four_lanes *)x, b = *(const wg_four_lanes *)(x + from);
    const wg_four_lanes c = *(const wg_four_lanes *)(x + 2 * from),
                        d = *(const wg_four_lanes *)(x + 3 * from);
    const wg_four_lanes ab_low = WG_MIX(a, b, 0, 4, 1, 5), cd_low = WG_MIX(c, d, 0, 4, 1, 5);
    const wg_four_lanes ab_high = WG_MIX(a, b, 2, 6, 3, 7), cd_high = WG_MIX(c, d, 2, 6, 3, 7);
    *(wg_four_lanes *)y = WG_MIX(ab_low, cd_low, 0, 1, 4, 5);
    *(wg_four_lanes *)(y + to) = WG_MIX(ab_low, cd_low, 2, 3, 6, 7);
    *(wg_four_lanes *)(y + 2 * to) = WG_MIX(ab_high, cd_high, 0, 1, 4, 5);
    *(wg_four_lanes *)(y + 3 * to) = WG_MIX(ab_high, cd_high, 2, 3, 6, 7);
#undef WG_MIX
}

#if WG_IS_REAL
/* y[i to + j] = x[i + j from] for i < rows, j < columns. */
WG_INLINE void wg_swap(real *y, int64_t to, const real *x, int64_t from, int64_t rows, int64_t columns) {
    const bool fours = sizeof(real) == 4;
    const int64_t whole_rows = fours ? rows / 4 * 4 : 0, whole_columns = fours ? columns / 4 * 4 : 0;
    for (int64_t i = 0; i < whole_rows; i += 4)
        for (int64_t j = 0; j < whole_columns; j += 4)
            wg_swap_four((wg_four_bytes *)(y + i * to + j), to, (const wg_four_bytes *)(x + i + j * from),
                         from);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)
            y[i * to + j] = x[i + j * from];
}
#endif

#endif
