/* arc — asin, acos, atan, atan2; f32 is computed in f64.
 *
 * asin(x) = x + x³ P(x²) for |x| <= 1/2, else π/2 - 2 asin(sqrt((1 - |x|) / 2)) with the root in two parts.
 * atan(x) = c + t + t³ Q(t²), |t| <= sqrt(2) - 1: t is x, (x - 1) / (x + 1) or -1 / x in two parts, and c is
 * 0, π/4 or π/2. P and Q at Chebyshev nodes, errors 2^-57.9 and 2^-62.3.
 *
 * atan2(y, x) = c ± atan(smaller / larger of |y| and |x|) with the sign of y; c is 0, π/2 or π in two parts.
 * The quotient of two zeros counts as 0, that of two infinities as 1, as C99 has it. */
#ifndef WG_KERNELS_MATHS_ARC_H
#define WG_KERNELS_MATHS_ARC_H

#include "kernels/maths/exponential.h"

#define WG_HALF_PI_HIGH 0x1.921fb54442d18p+0
#define WG_HALF_PI_LOW 0x1.1a62633145c07p-54

/* z P(z), z <= 1/4 */
WG_INLINE double wg_asin_tail(double z) {
    double p = 0x1.d72b2bc8155f8p-6;
    p = wg_fma_f64(p, z, -0x1.e6aaa8a0a04ccp-7);
    p = wg_fma_f64(p, z, 0x1.1d189408314eep-6);
    p = wg_fma_f64(p, z, 0x1.65a9c4dfcf8b2p-8);
    p = wg_fma_f64(p, z, 0x1.52420b04b37bep-7);
    p = wg_fma_f64(p, z, 0x1.782651caa6547p-7);
    p = wg_fma_f64(p, z, 0x1.c9cf07674736ap-7);
    p = wg_fma_f64(p, z, 0x1.1c4d35cf95421p-6);
    p = wg_fma_f64(p, z, 0x1.6e8bb1c8209a2p-6);
    p = wg_fma_f64(p, z, 0x1.f1c71c1db0623p-6);
    p = wg_fma_f64(p, z, 0x1.6db6db6e31f13p-5);
    p = wg_fma_f64(p, z, 0x1.3333333332ecap-4);
    p = wg_fma_f64(p, z, 0x1.5555555555556p-3);
    return z * p;
}

/* sqrt((1 - size) / 2) + low = s; both are 0 at 1. */
WG_INLINE double wg_asin_root(double size, double *z, double *low) {
    *z = 0.5 - 0.5 * size;
    const double s = __builtin_sqrt(*z);
    *low = s > 0 ? wg_fma_f64(-s, s, *z) / (2 * s) : 0;
    return s;
}

WG_INLINE double wg_asin_f64(double x) {
    const double size = __builtin_fabs(x);
    double z, low;
    const double s = wg_asin_root(size, &z, &low);
    const bool near = size <= 0.5;
    const double tail = wg_asin_tail(near ? x * x : z);
    const double rest = wg_fma_f64(s, tail, low), head = WG_HALF_PI_HIGH - 2 * s;
    const double error = (WG_HALF_PI_HIGH - head) - 2 * s;
    const double far = head + (error + wg_fma_f64(-2, rest, WG_HALF_PI_LOW));
    const double y = near ? wg_fma_f64(x, tail, x) : wg_copysign_f64(far, x);
    return x != x ? x : size > 1 ? WG_NAN_F64 : x == 0 ? x : y;
}
WG_INLINE double wg_acos_f64(double x) {
    const double size = __builtin_fabs(x);
    double z, low;
    const double s = wg_asin_root(size, &z, &low);
    const bool near = size <= 0.5;
    const double tail = wg_asin_tail(near ? x * x : z);
    const double head = WG_HALF_PI_HIGH - x, error = (WG_HALF_PI_HIGH - head) - x;
    const double middle = head + (error + wg_fma_f64(-x, tail, WG_HALF_PI_LOW));
    const double rest = wg_fma_f64(s, tail, low), right = 2 * (s + rest);
    const double turned = WG_HALF_PI_HIGH - s, turned_error = (WG_HALF_PI_HIGH - turned) - s;
    const double left = 2 * (turned + (turned_error + (WG_HALF_PI_LOW - rest)));
    const double y = near ? middle : x > 0 ? right : left;
    return x != x ? x : size > 1 ? WG_NAN_F64 : y;
}

WG_INLINE double wg_atan_f64(double x) {
    const double size = __builtin_fabs(x);
    const bool low_third = size<0x1.a827999fcef32p-2, high_third = size> 0x1.3504f333f9de6p+1;
    const double above = size - 1, below = size + 1;
    const double a = low_third    ? size
                     : high_third ? -1
                                  : above,
                 d = low_third    ? 1
                     : high_third ? size
                                  : below;
    const bool middle = !(low_third | high_third);
    const double a_low = middle ? wg_sum_error_f64(above, size, -1) : 0;
    const double d_low = middle ? wg_sum_error_f64(below, size, 1) : 0;
    const double inverse = 1 / d, t = a * inverse;
    const double t_low = (wg_fma_f64(-t, d, a) + wg_fma_f64(-t, d_low, a_low)) * inverse, z = t * t;
    double q = 0x1.0ad36a455cafbp-6;
    q = wg_fma_f64(q, z, -0x1.1b33b923aa954p-5);
    q = wg_fma_f64(q, z, 0x1.74ddd408bb4c1p-5);
    q = wg_fma_f64(q, z, -0x1.ac7a938b69c93p-5);
    q = wg_fma_f64(q, z, 0x1.e19a13b9fc6dfp-5);
    q = wg_fma_f64(q, z, -0x1.110e880a7a521p-4);
    q = wg_fma_f64(q, z, 0x1.3b1392d9e785cp-4);
    q = wg_fma_f64(q, z, -0x1.745d165df3f95p-4);
    q = wg_fma_f64(q, z, 0x1.c71c71c304b68p-4);
    q = wg_fma_f64(q, z, -0x1.249249248d7eep-3);
    q = wg_fma_f64(q, z, 0x1.9999999999953p-3);
    q = wg_fma_f64(q, z, -0x1.5555555555555p-2);
    const double base = low_third ? 0 : high_third ? WG_HALF_PI_HIGH : 0x1.921fb54442d18p-1;
    const double base_low = low_third ? 0 : high_third ? WG_HALF_PI_LOW : 0x1.1a62633145c07p-55;
    const double sum = base + t, error = base == 0 ? 0 : wg_fast_sum_error_f64(sum, base, t);
    const double y = sum + (error + wg_fma_f64(t * z, q, (low_third ? 0 : t_low) + base_low));
    const double bounded = size == WG_INFINITY_F64 ? WG_HALF_PI_HIGH : y;
    return ((x != x) | (x == 0)) ? x : wg_copysign_f64(bounded, x);
}
WG_INLINE double wg_atan2_f64(double y, double x) {
    const double a = __builtin_fabs(y), b = __builtin_fabs(x);
    const bool steep = a > b, left = wg_copysign_f64(1, x) < 0;
    const double least = steep ? b : a, most = steep ? a : b;
    const double quotient = most == 0 ? 0 : least == WG_INFINITY_F64 ? 1 : least / most;
    const double t = wg_atan_f64(quotient), turned = steep != left ? -t : t;
    const double base = steep ? WG_HALF_PI_HIGH : left ? 2 * WG_HALF_PI_HIGH : 0;
    const double base_low = steep ? WG_HALF_PI_LOW : left ? 2 * WG_HALF_PI_LOW : 0;
    const double angle = base + (turned + base_low);
    return ((y != y) | (x != x)) ? y + x : wg_copysign_f64(angle, y);
}
WG_INLINE float wg_asin_f32(float x) { return (float)wg_asin_f64(x); }
WG_INLINE float wg_acos_f32(float x) { return (float)wg_acos_f64(x); }
WG_INLINE float wg_atan_f32(float x) { return (float)wg_atan_f64(x); }
WG_INLINE float wg_atan2_f32(float y, float x) { return (float)wg_atan2_f64(y, x); }

#endif
