/* logarithm — log, log1p, and the logarithm in two parts that pow needs.
 *
 * x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); log(x) = k ln 2 + log(1 + f). In f32
 * log(1 + f) = f - f²/2 + f³ P(f); in f64 with s = f / (2 + f), log(1 + f) = 2 atanh(s) =
 * f - f²/2 + s (f²/2 + s² R(s²)), which keeps the division's error small. P and R by Remez exchange,
 * errors 2^-27.2 and 2^-58.9. f - f²/2 and its sum with k ln 2 carry their rounding errors along. */
#ifndef WG_KERNELS_MATHS_LOGARITHM_H
#define WG_KERNELS_MATHS_LOGARITHM_H

#include "kernels/maths/bits.h"

/* k of a positive x, and m = 1 + f. */
WG_INLINE float wg_log_split_f32(float x, float *m) {
    const bool denormal = x < 0x1p-126f;
    const uint32_t bits = wg_bits_f32(denormal ? x * 0x1p23f : x) + (0x3f800000u - 0x3f3504f3u);
    *m = wg_of_bits_f32((bits & 0x007fffffu) + 0x3f3504f3u);
    return wg_float_of_f32(bits >> 23) - (denormal ? 127 + 23 : 127);
}
WG_INLINE double wg_log_split_f64(double x, double *m) {
    const bool denormal = x < 0x1p-1022;
    const uint64_t bits =
        wg_bits_f64(denormal ? x * 0x1p52 : x) + (0x3ff0000000000000u - 0x3fe6a09e667f3bcdu);
    *m = wg_of_bits_f64((bits & 0x000fffffffffffffu) + 0x3fe6a09e667f3bcdu);
    return wg_float_of_f64(bits >> 52) - (denormal ? 1023 + 52 : 1023);
}

/* k ln 2 + log(1 + f + f_low), f_low a small correction; k times the upper part of ln 2 is exact. */
WG_INLINE float wg_log_join_f32(float k, float f, float f_low) {
    float p = -0x1.38b546p-4f;
    p = wg_fma_f32(p, f, 0x1.055d5ep-3f);
    p = wg_fma_f32(p, f, -0x1.0d8634p-3f);
    p = wg_fma_f32(p, f, 0x1.22d9ecp-3f);
    p = wg_fma_f32(p, f, -0x1.547228p-3f);
    p = wg_fma_f32(p, f, 0x1.99a00ap-3f);
    p = wg_fma_f32(p, f, -0x1.000228p-2f);
    p = wg_fma_f32(p, f, 0x1.555554p-2f);
    const float half = -0.5f * f, head = wg_fma_f32(half, f, f);
    const float rest = wg_fma_f32(half, f, f - head) + wg_fma_f32(f_low, wg_fma_f32(f, f, -f), f_low);
    const float whole = k * 0x1.62e400p-1f, sum = whole + head;
    const float error = wg_fast_sum_error_f32(sum, whole, head);
    return sum + (error + wg_fma_f32(f * f, f * p, wg_fma_f32(k, 0x1.7f7d1cp-20f, rest)));
}
WG_INLINE double wg_log_join_f64(double k, double f, double f_low) {
    const double s = f / (2 + f), z = s * s;
    double p = 0x1.2f0c4c7135a75p-3;
    p = wg_fma_f64(p, z, 0x1.39a119414140bp-3);
    p = wg_fma_f64(p, z, 0x1.74664498a1350p-3);
    p = wg_fma_f64(p, z, 0x1.c71c51f07ce0ap-3);
    p = wg_fma_f64(p, z, 0x1.249249420c3e8p-2);
    p = wg_fma_f64(p, z, 0x1.999999997fc0bp-2);
    p = wg_fma_f64(p, z, 0x1.5555555555593p-1);
    const double half = -0.5 * f, head = wg_fma_f64(half, f, f);
    const double rest = wg_fma_f64(half, f, f - head) + wg_fma_f64(f_low, wg_fma_f64(f, f, -f), f_low);
    const double whole = k * 0x1.62e42fefa3800p-1, sum = whole + head;
    const double error = wg_fast_sum_error_f64(sum, whole, head);
    const double tail = s * wg_fma_f64(z, p, f - head);
    return sum + (error + (tail + wg_fma_f64(k, 0x1.ef35793c76730p-45, rest)));
}

/* The logarithm's values at 0, infinity, NaN and below 0. */
WG_INLINE float wg_log_special_f32(float x, float y) {
    y = x > 0 ? y : x == 0 ? -WG_INFINITY_F32 : WG_NAN_F32;
    return ((x == WG_INFINITY_F32) | (x != x)) ? x : y;
}
WG_INLINE double wg_log_special_f64(double x, double y) {
    y = x > 0 ? y : x == 0 ? -WG_INFINITY_F64 : WG_NAN_F64;
    return ((x == WG_INFINITY_F64) | (x != x)) ? x : y;
}

WG_INLINE float wg_log_f32(float x) {
    float m;
    const float k = wg_log_split_f32(x, &m);
    return wg_log_special_f32(x, wg_log_join_f32(k, m - 1, 0));
}
WG_INLINE double wg_log_f64(double x) {
    double m;
    const double k = wg_log_split_f64(x, &m);
    return wg_log_special_f64(x, wg_log_join_f64(k, m - 1, 0));
}

/* log(1 + x): the rounding error of u = 1 + x is added to f, scaled as u is; where k is large it no
 * longer matters. */
WG_INLINE float wg_log1p_f32(float x) {
    const float u = 1 + x, error = wg_sum_error_f32(u, 1, x);
    float m;
    const float k = wg_log_split_f32(u, &m), near = k < 64 ? k : 64;
    const float scale = wg_exp2_int_f32(-wg_shifted_f32(near + WG_SHIFTER_F32));
    const float f = wg_fma_f32(error, scale, m - 1), f_low = wg_fma_f32(error, scale, (m - 1) - f);
    const float y = wg_log_special_f32(u, wg_log_join_f32(k, f, f_low));
    return __builtin_fabsf(x) < 0x1p-25f ? x : y;
}
WG_INLINE double wg_log1p_f64(double x) {
    const double u = 1 + x, error = wg_sum_error_f64(u, 1, x);
    double m;
    const double k = wg_log_split_f64(u, &m), near = k < 128 ? k : 128;
    const double scale = wg_exp2_int_f64(-wg_shifted_f64(near + WG_SHIFTER_F64));
    const double f = wg_fma_f64(error, scale, m - 1), f_low = wg_fma_f64(error, scale, (m - 1) - f);
    const double y = wg_log_special_f64(u, wg_log_join_f64(k, f, f_low));
    return __builtin_fabs(x) < 0x1p-54 ? x : y;
}

#endif
