/* rounding — to whole numbers, without an instruction that SSE2 lacks; exact, and zeros keep their sign. */
#ifndef WG_KERNELS_MATHS_ROUNDING_H
#define WG_KERNELS_MATHS_ROUNDING_H

#include "kernels/maths/bits.h"

/* To the nearest, ties to even: adding and taking off 2^23 (2^52) rounds a smaller |x|; a larger one is
 * whole. */
WG_INLINE float wg_round_f32(float x) {
    const float size = __builtin_fabsf(x), whole = (size + 0x1p23f) - 0x1p23f;
    return size < 0x1p23f ? wg_copysign_f32(whole, x) : x;
}
WG_INLINE double wg_round_f64(double x) {
    const double size = __builtin_fabs(x), whole = (size + 0x1p52) - 0x1p52;
    return size < 0x1p52 ? wg_copysign_f64(whole, x) : x;
}

/* Downwards, upwards, towards 0: the nearest, and one step back where that went the wrong way. */
WG_INLINE float wg_floor_f32(float x) {
    const float y = wg_round_f32(x);
    return y > x ? y - 1 : y;
}
WG_INLINE double wg_floor_f64(double x) {
    const double y = wg_round_f64(x);
    return y > x ? y - 1 : y;
}
WG_INLINE float wg_ceil_f32(float x) {
    const float y = wg_round_f32(x);
    return wg_copysign_f32(y < x ? y + 1 : y, x);
}
WG_INLINE double wg_ceil_f64(double x) {
    const double y = wg_round_f64(x);
    return wg_copysign_f64(y < x ? y + 1 : y, x);
}
WG_INLINE float wg_trunc_f32(float x) { return wg_copysign_f32(wg_floor_f32(__builtin_fabsf(x)), x); }
WG_INLINE double wg_trunc_f64(double x) { return wg_copysign_f64(wg_floor_f64(__builtin_fabs(x)), x); }

#endif
