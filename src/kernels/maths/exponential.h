/* exponential — exp, expm1, and what is made of them: tanh, sigmoid.
 *
 * x = n ln 2 + r, |r| <= ln 2 / 2, with ln 2 in two parts (Cody & Waite, Software Manual for the
 * Elementary Functions, 1980); exp(x) = 2^n exp(r). exp(r) = 1 + r + r²/2 + r³ Q(r), where Q is a
 * polynomial near the best one (f32: Remez exchange, error 2^-32.9; f64: Chebyshev nodes, 2^-59.8). */
#ifndef WG_KERNELS_MATHS_EXPONENTIAL_H
#define WG_KERNELS_MATHS_EXPONENTIAL_H

#include "kernels/maths/bits.h"

/* 1/2 + r Q(r) */
WG_INLINE float wg_exp_tail_f32(float r) {
    float q = 0x1.9dd732p-13f;
    q = wg_fma_f32(q, r, 0x1.6d4dc6p-10f);
    q = wg_fma_f32(q, r, 0x1.111330p-7f);
    q = wg_fma_f32(q, r, 0x1.5554e8p-5f);
    q = wg_fma_f32(q, r, 0x1.555554p-3f);
    return wg_fma_f32(q, r, 0.5f);
}
WG_INLINE double wg_exp_tail_f64(double r) {
    double q = 0x1.1f66df7fca49fp-29;
    q = wg_fma_f64(q, r, 0x1.af38a9b0ec855p-26);
    q = wg_fma_f64(q, r, 0x1.27e4e1f48534fp-22);
    q = wg_fma_f64(q, r, 0x1.71de0dae63bb3p-19);
    q = wg_fma_f64(q, r, 0x1.a01a01a47b054p-16);
    q = wg_fma_f64(q, r, 0x1.a01a01a7c41d5p-13);
    q = wg_fma_f64(q, r, 0x1.6c16c16c167e1p-10);
    q = wg_fma_f64(q, r, 0x1.11111111109b3p-7);
    q = wg_fma_f64(q, r, 0x1.5555555555555p-5);
    q = wg_fma_f64(q, r, 0x1.5555555555556p-3);
    return wg_fma_f64(q, r, 0.5);
}

/* high + low = n ln 2 + r; gives r, exp(r) - 1 - r as tail, and n. */
WG_INLINE uint32_t wg_exp_reduce_f32(float high, float low, float *r, float *tail) {
    const float shifted = wg_fma_f32(high, 0x1.715476p+0f, WG_SHIFTER_F32);
    const float n = shifted - WG_SHIFTER_F32;
    const float exact = wg_fma_f32(-n, 0x1.62e430p-1f, high), rest = wg_fma_f32(-n, -0x1.05c610p-29f, low);
    const float sum = exact + rest, error = wg_fast_sum_error_f32(sum, exact, rest);
    *r = sum;
    *tail = wg_fma_f32(sum * sum, wg_exp_tail_f32(sum), wg_fma_f32(error, sum, error));
    return wg_shifted_f32(shifted);
}
WG_INLINE uint64_t wg_exp_reduce_f64(double high, double low, double *r, double *tail) {
    const double shifted = wg_fma_f64(high, 0x1.71547652b82fep+0, WG_SHIFTER_F64);
    const double n = shifted - WG_SHIFTER_F64;
    const double exact = wg_fma_f64(-n, 0x1.62e42fefa39efp-1, high);
    const double rest = wg_fma_f64(-n, 0x1.abc9e3b39803fp-56, low);
    const double sum = exact + rest, error = wg_fast_sum_error_f64(sum, exact, rest);
    *r = sum;
    *tail = wg_fma_f64(sum * sum, wg_exp_tail_f64(sum), wg_fma_f64(error, sum, error));
    return wg_shifted_f64(shifted);
}

/* exp(high + low), low a small correction. Beyond the bounds the result is infinity or 0. */
WG_INLINE double wg_exp_sum_f64(double high, double low) {
    const double bounded = high > 710 ? 710 : high < -746 ? -746 : high;
    double r, tail;
    const uint64_t n = wg_exp_reduce_f64(bounded, bounded == high ? low : 0, &r, &tail);
    const double y = wg_scale_f64(1 + (r + tail), n);
    return high != high ? high : y;
}

WG_INLINE float wg_exp_f32(float x) {
    float r, tail;
    const uint32_t n = wg_exp_reduce_f32(x > 89 ? 89 : x < -104 ? -104 : x, 0, &r, &tail);
    const float y = wg_scale_f32(1 + (r + tail), n);
    return x != x ? x : y;
}
WG_INLINE double wg_exp_f64(double x) { return wg_exp_sum_f64(x, 0); }

/* (exp(x) - 1) / 2 = s + the value returned, for x within the range of expm1's result. The half keeps
 * 2^(n-1) finite where expm1(x) is. */
WG_INLINE float wg_half_expm1_f32(float x, float *s) {
    float r, tail;
    const float scale = wg_exp2_int_f32(wg_exp_reduce_f32(x, 0, &r, &tail) - 1), whole = scale - 0.5f;
    *s = wg_fma_f32(scale, r, whole);
    return wg_fma_f32(scale, tail, wg_fma_f32(scale, r, whole - *s) + ((scale - whole) - 0.5f));
}
WG_INLINE double wg_half_expm1_f64(double x, double *s) {
    double r, tail;
    const double scale = wg_exp2_int_f64(wg_exp_reduce_f64(x, 0, &r, &tail) - 1), whole = scale - 0.5;
    *s = wg_fma_f64(scale, r, whole);
    return wg_fma_f64(scale, tail, wg_fma_f64(scale, r, whole - *s) + ((scale - whole) - 0.5));
}

/* exp(x) - 1 */
WG_INLINE float wg_expm1_f32(float x) {
    float s;
    const float low = wg_half_expm1_f32(x > 89 ? 89 : x < -20 ? -20 : x, &s), y = 2 * (s + low);
    return ((__builtin_fabsf(x) < 0x1p-25f) | (x != x)) ? x : y;
}
WG_INLINE double wg_expm1_f64(double x) {
    double s;
    const double low = wg_half_expm1_f64(x > 710 ? 710 : x < -40 ? -40 : x, &s), y = 2 * (s + low);
    return ((__builtin_fabs(x) < 0x1p-54) | (x != x)) ? x : y;
}

/* (a + a_low) / (d + d_low), rounded once more than a division. */
WG_INLINE float wg_divide_sums_f32(float a, float a_low, float d, float d_low) {
    const float inverse = 1 / d, q = a * inverse;
    return wg_fma_f32(wg_fma_f32(-q, d_low, a_low) + wg_fma_f32(-q, d, a), inverse, q);
}
WG_INLINE double wg_divide_sums_f64(double a, double a_low, double d, double d_low) {
    const double inverse = 1 / d, q = a * inverse;
    return wg_fma_f64(wg_fma_f64(-q, d_low, a_low) + wg_fma_f64(-q, d, a), inverse, q);
}

/* tanh(x) = e / (e + 2), e = expm1(2 |x|), with x's sign; from a bound on it is 1. */
WG_INLINE float wg_tanh_f32(float x) {
    const float size = __builtin_fabsf(x);
    float s;
    const float low = wg_half_expm1_f32(2 * (size > 10 ? 10 : size), &s);
    const float h = s + low, h_low = wg_fast_sum_error_f32(h, s, low);
    const float d = h + 1, d_low = wg_sum_error_f32(d, h, 1) + h_low;
    const float y = wg_copysign_f32(wg_divide_sums_f32(h, h_low, d, d_low), x);
    return ((size < 0x1p-13f) | (x != x)) ? x : y;
}
WG_INLINE double wg_tanh_f64(double x) {
    const double size = __builtin_fabs(x);
    double s;
    const double low = wg_half_expm1_f64(2 * (size > 20 ? 20 : size), &s);
    const double h = s + low, h_low = wg_fast_sum_error_f64(h, s, low);
    const double d = h + 1, d_low = wg_sum_error_f64(d, h, 1) + h_low;
    const double y = wg_copysign_f64(wg_divide_sums_f64(h, h_low, d, d_low), x);
    return ((size < 0x1p-27) | (x != x)) ? x : y;
}

/* 1 / (1 + exp(-x)) as 1 / (1 + e) or e / (1 + e), e = exp(-|x|) <= 1: never infinity over infinity. */
WG_INLINE float wg_sigmoid_f32(float x) {
    const float e = wg_exp_f32(-__builtin_fabsf(x)), d = 1 + e;
    const float y = wg_divide_sums_f32(x < 0 ? e : 1, 0, d, wg_fast_sum_error_f32(d, 1, e));
    return x != x ? x : y;
}
WG_INLINE double wg_sigmoid_f64(double x) {
    const double e = wg_exp_f64(-__builtin_fabs(x)), d = 1 + e;
    const double y = wg_divide_sums_f64(x < 0 ? e : 1, 0, d, wg_fast_sum_error_f64(d, 1, e));
    return x != x ? x : y;
}

#endif
