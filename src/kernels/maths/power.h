/* power — pow, |x|^y = exp(y log |x|), with the special cases of C99 (F.9.4.4).
 *
 * An error of y log |x| counts whole in the result, up to 745 times as large as in the logarithm. So f64
 * takes the logarithm in two parts, exact to 2^-66: s = f / (2 + f) in two parts, and
 * atanh(s) = s + s³ (1/3 + s² P(s²)), P by Remez exchange (error 2^-66.6). f32 is computed in f64. */
#ifndef WG_KERNELS_MATHS_POWER_H
#define WG_KERNELS_MATHS_POWER_H

#include "kernels/maths/exponential.h"
#include "kernels/maths/logarithm.h"

/* log(x) = the value returned + low, x > 0 and finite. */
WG_INLINE double wg_log_sum_f64(double x, double *low) {
    double m;
    const double k = wg_log_split_f64(x, &m), f = m - 1;
    const double d = 2 + f, d_low = wg_fast_sum_error_f64(d, 2, f), inverse = 1 / d;
    const double s = f * inverse;
    const double s_low = wg_fma_f64(-s, d_low, wg_fma_f64(-s, d, f)) * inverse;
    const double z = s * s, z_low = wg_fma_f64(s, s, -z) + 2 * s * s_low;
    double p = 0x1.c32b935637324p-5;
    p = wg_fma_f64(p, z, 0x1.aae9d2649322ap-5);
    p = wg_fma_f64(p, z, 0x1.e20b9de5f436dp-5);
    p = wg_fma_f64(p, z, 0x1.111093dfdad45p-4);
    p = wg_fma_f64(p, z, 0x1.3b13b313b4d88p-4);
    p = wg_fma_f64(p, z, 0x1.745d1741797f0p-4);
    p = wg_fma_f64(p, z, 0x1.c71c71c7227ffp-4);
    p = wg_fma_f64(p, z, 0x1.249249249246fp-3);
    p = wg_fma_f64(p, z, 0x1.999999999999ap-3);

    /* t = 1/3 + z p, u = z t, log(1 + f) = 2 s + 2 s u, each in two parts. */
    const double zp = z * p, t = 0x1.5555555555555p-2 + zp;
    const double t_low = wg_fast_sum_error_f64(t, 0x1.5555555555555p-2, zp) + 0x1.5555555555555p-56;
    const double u = z * t, u_low = wg_fma_f64(z, t, -u) + wg_fma_f64(z, t_low, z_low * t);
    const double head = 2 * s, v = head * u;
    const double v_low = wg_fma_f64(head, u, -v) + wg_fma_f64(head, u_low, 2 * s_low * u);
    const double a = head + v, a_low = wg_fast_sum_error_f64(a, head, v) + (v_low + 2 * s_low);
    const double whole = k * 0x1.62e42fefa3800p-1, sum = whole + a;
    const double rest = wg_fma_f64(k, 0x1.ef35793c76730p-45, a_low);
    *low = wg_fast_sum_error_f64(sum, whole, a) + rest;
    return sum;
}

/* |x|^y for finite |x| > 0 and finite y. */
WG_INLINE double wg_pow_size_f64(double x, double y) {
    double low;
    const double high = wg_log_sum_f64(x, &low), product = y * high;
    return wg_exp_sum_f64(product, wg_fma_f64(y, high, -product) + y * low);
}

/* Is y whole; is it odd? Beyond 2^53 every y is even. */
WG_INLINE bool wg_is_whole(double y) {
    const double size = __builtin_fabs(y);
    return (size >= 0x1p52) | ((size + 0x1p52) - 0x1p52 == size);
}

WG_INLINE double wg_pow_special(double x, double y, double result) {
    const double size = __builtin_fabs(x), y_size = __builtin_fabs(y);
    const bool whole = wg_is_whole(y), odd = whole & !wg_is_whole(0.5 * y);
    const bool grows = (size > 1) == (y > 0); /* for y infinite, or x 0 or infinite */
    const bool limit = (size == 0) | (size == WG_INFINITY_F64) | (y_size == WG_INFINITY_F64);
    result = limit ? (grows ? WG_INFINITY_F64 : 0) : result;
    result = ((size == 1) & (y_size == WG_INFINITY_F64)) ? 1 : result;
    result = ((x < 0) & (size < WG_INFINITY_F64) & !whole) ? WG_NAN_F64 : result;
    result = odd ? wg_copysign_f64(result, x) : result;
    result = x != x ? x : y != y ? y : result;
    return ((x == 1) | (y == 0)) ? 1 : result;
}

WG_INLINE double wg_pow_f64(double x, double y) {
    return wg_pow_special(x, y, wg_pow_size_f64(__builtin_fabs(x), y));
}
WG_INLINE float wg_pow_f32(float x, float y) {
    const double size = wg_exp_f64((double)y * wg_log_f64(__builtin_fabs(x)));
    return (float)wg_pow_special(x, y, size);
}

#endif
