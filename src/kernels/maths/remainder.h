/* remainder — fmod: what is left of x once y has been taken from it as often as it goes, which is exact.
 *
 * Near: where the quotient |x| / |y| is a small number. Rounded and cut off it is the whole quotient n, or n
 * + 1 where it was rounded up to a whole number; x - n y and x - (n + 1) y are multiples of y's last place no
 * larger than y, hence numbers, and a fused multiply-add gives them without error. Else x is first reduced by
 * y · 2^k, which is exact for the same reason, with k falling to 0. */
#ifndef WG_KERNELS_MATHS_REMAINDER_H
#define WG_KERNELS_MATHS_REMAINDER_H

#include "kernels/maths/bits.h"

#define WG_REMAINDER(type, T, SIZE, NEAR, SHIFTER, STEP)                                                    \
    WG_INLINE bool wg_fmod_is_near_##T(type x, type y) {                                                    \
        return (SIZE(x) / SIZE(y) < NEAR) & (SIZE(y) < (type)WG_INFINITY_F64);                              \
    }                                                                                                       \
    WG_INLINE type wg_fmod_near_##T(type x, type y) {                                                       \
        const type size = SIZE(x), by = SIZE(y), quotient = size / by;                                      \
        const type nearest = (quotient + SHIFTER) - SHIFTER;                                                \
        const type left = wg_fma_##T(-(nearest - (nearest > quotient ? 1 : 0)), by, size);                  \
        return wg_copysign_##T(left < 0 ? left + by : left, x);                                             \
    }                                                                                                       \
    static inline type wg_fmod_##T(type x, type y) {                                                        \
        type size = SIZE(x), by = SIZE(y), scaled = by;                                                     \
        if (!(size < (type)WG_INFINITY_F64) | !(by > 0)) return x != x ? x : y != y ? y : (type)WG_NAN_F64; \
        if (by == (type)WG_INFINITY_F64) return x;                                                          \
        while (!(size / scaled < NEAR)) scaled *= STEP;                                                     \
        for (; scaled > by; scaled /= STEP) size = wg_fmod_near_##T(size, scaled);                          \
        return wg_copysign_##T(wg_fmod_near_##T(size, by), x);                                              \
    }
WG_REMAINDER(float, f32, __builtin_fabsf, 0x1p21f, 0x1p23f, 0x1p20f)
WG_REMAINDER(double, f64, __builtin_fabs, 0x1p50, 0x1p52, 0x1p48)
#undef WG_REMAINDER

#endif
