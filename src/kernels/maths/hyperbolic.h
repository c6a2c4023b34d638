/* hyperbolic — sinh, cosh, asinh, acosh, atanh; f32 is computed in f64.
 *
 * With E = exp(|x|) / 2 in two parts, cosh(x) = E + 1 / (4 E); sinh(x) = E - 1 / (4 E) from |x| = 1 on, and
 * below x + x³ S(x²), S at Chebyshev nodes with error 2^-61.3. The inverse functions are log(1 + t), t in two
 * parts:
 *
 *     asinh(x)   t = x + x² / (1 + sqrt(1 + x²))        x >= 0; for large x log(2 x)
 *     acosh(x)   t = y + sqrt(y² + 2 y), y = x - 1
 *     atanh(x)   half of it, t = 2 x / (1 - x)          x >= 0 */
#ifndef WG_KERNELS_MATHS_HYPERBOLIC_H
#define WG_KERNELS_MATHS_HYPERBOLIC_H

#include "kernels/maths/exponential.h"
#include "kernels/maths/logarithm.h"

/* exp(size) / 2 = the value returned + low, size >= 0; infinite where it is too large. */
WG_INLINE double wg_half_exp(double size, double *low) {
    double r, tail;
    const uint64_t n = wg_exp_reduce_f64(size > 712 ? 712 : size, 0, &r, &tail) - 1;
    const double a = r + tail, a_low = wg_fast_sum_error_f64(a, r, tail);
    const double e = 1 + a, e_low = wg_fast_sum_error_f64(e, 1, a) + a_low;
    *low = wg_scale_f64(e_low, n);
    return wg_scale_f64(e, n);
}

WG_INLINE double wg_cosh_f64(double x) {
    double low;
    const double e = wg_half_exp(__builtin_fabs(x), &low), y = e + (low + 0.25 / e);
    return x != x ? x : y;
}
WG_INLINE double wg_sinh_f64(double x) {
    const double size = __builtin_fabs(x), z = x * x;
    double low;
    const double e = wg_half_exp(size, &low), far = e + (low - 0.25 / e);
    double s = 0x1.b41232cf9950fp-41;
    s = wg_fma_f64(s, z, 0x1.611cb330c1fe8p-33);
    s = wg_fma_f64(s, z, 0x1.ae6460fae3728p-26);
    s = wg_fma_f64(s, z, 0x1.71de3a4e14f40p-19);
    s = wg_fma_f64(s, z, 0x1.a01a01a01ee70p-13);
    s = wg_fma_f64(s, z, 0x1.11111111110fdp-7);
    s = wg_fma_f64(s, z, 0x1.5555555555555p-3);
    const double near = wg_fma_f64(x * z, s, x);
    return ((x != x) | (x == 0)) ? x : size < 1 ? near : wg_copysign_f64(far, x);
}

/* log(1 + t + t_low); for t > 2^60 of t alone, or of 2 t where `twice`. */
WG_INLINE double wg_log1p_sum(double t, double t_low, bool twice) {
    const bool large = t > 0x1p60;
    const double u = large ? t : 1 + t, error = large ? 0 : wg_sum_error_f64(u, 1, t) + t_low;
    double m;
    const double k = wg_log_split_f64(u, &m), near = k < 128 ? k : 128;
    const double scale = wg_exp2_int_f64(-wg_shifted_f64(near + WG_SHIFTER_F64));
    const double f = wg_fma_f64(error, scale, m - 1), f_low = wg_fma_f64(error, scale, (m - 1) - f);
    return wg_log_special_f64(u, wg_log_join_f64((large & twice) ? k + 1 : k, f, f_low));
}

WG_INLINE double wg_asinh_f64(double x) {
    const double size = __builtin_fabs(x), a = size > 0x1p61 ? 0x1p61 : size;
    const double p = a * a, p_low = wg_fma_f64(a, a, -p), w = 1 + p, s = __builtin_sqrt(w);
    const double w_low = wg_sum_error_f64(w, 1, p) + p_low, s_low = (wg_fma_f64(-s, s, w) + w_low) / (2 * s);
    const double d = 1 + s, d_low = wg_fast_sum_error_f64(d, s, 1) + s_low, q = p / d;
    const double q_low = (wg_fma_f64(-q, d, p) + wg_fma_f64(-q, d_low, p_low)) / d, t = a + q;
    const double t_low = wg_sum_error_f64(t, a, q) + q_low;
    const double y = wg_log1p_sum(size > 0x1p61 ? size : t, t_low, size > 0x1p61);
    return ((size < 0x1p-28) | (x != x)) ? x : wg_copysign_f64(y, x);
}
WG_INLINE double wg_acosh_f64(double x) {
    const double a = x > 0x1p61 ? 0x1p61 : x, y = a - 1, y_low = wg_sum_error_f64(y, a, -1);
    const double p = y * y, w = p + 2 * y, s = __builtin_sqrt(w > 0 ? w : 0);
    const double w_low = wg_sum_error_f64(w, p, 2 * y) + wg_fma_f64(y, y, -p) + 2 * y_low * (1 + y);
    const double s_low = s > 0 ? (wg_fma_f64(-s, s, w) + w_low) / (2 * s) : 0, t = y + s;
    const double t_low = wg_sum_error_f64(t, y, s) + (s_low + y_low);
    const double result = wg_log1p_sum(x > 0x1p61 ? x : t, t_low, x > 0x1p61);
    return x < 1 ? WG_NAN_F64 : x != x ? x : result;
}
WG_INLINE double wg_atanh_f64(double x) {
    const double size = __builtin_fabs(x), a = 2 * size, d = 1 - size, d_low = (1 - d) - size;
    const double inverse = 1 / d, t = a * inverse;
    const double t_low = wg_fma_f64(-t, d_low, wg_fma_f64(-t, d, a)) * inverse;
    const double y = 0.5 * wg_log1p_sum(t, t_low, false);
    const double bounded = size == 1 ? WG_INFINITY_F64 : size > 1 ? WG_NAN_F64 : y;
    return ((size < 0x1p-28) | (x != x)) ? x : size > 1 ? WG_NAN_F64 : wg_copysign_f64(bounded, x);
}
WG_INLINE float wg_sinh_f32(float x) { return (float)wg_sinh_f64(x); }
WG_INLINE float wg_cosh_f32(float x) { return (float)wg_cosh_f64(x); }
WG_INLINE float wg_asinh_f32(float x) { return (float)wg_asinh_f64(x); }
WG_INLINE float wg_acosh_f32(float x) { return (float)wg_acosh_f64(x); }
WG_INLINE float wg_atanh_f32(float x) { return (float)wg_atanh_f64(x); }

#endif
