/* error_function — erf, erfc, and the normal distribution's Φ(x) = erfc(-x / sqrt(2)) / 2; f32 is computed in
 * f64.
 *
 * erfc(a) = exp(-a²) R / (1 + 2 a) for a >= 0, R a polynomial in (a - 4) / (a + 4), as Shepherd & Laframboise
 * have it (Mathematics of Computation 36, 1981): of degree 24, at Chebyshev nodes for a <= 28, error 2^-61.
 * Every factor is kept in two parts. erf(x) = 2 x / sqrt(π) + x³ Q(x²) for |x| < 1/2 (error 2^-63), else 1 -
 * erfc. */
#ifndef WG_KERNELS_MATHS_ERROR_FUNCTION_H
#define WG_KERNELS_MATHS_ERROR_FUNCTION_H

#include "kernels/maths/exponential.h"

/* exp(a²) erfc(a) = the value returned + low */
WG_INLINE double wg_erfcx_sum(double a, double *low) {
    const double t = (a - 4) / (a + 4);
    double p = 0x1.401609bf915e2p-32;
    p = wg_fma_f64(p, t, 0x1.210c970eb46d4p-29);
    p = wg_fma_f64(p, t, 0x1.cfaa94405e761p-30);
    p = wg_fma_f64(p, t, -0x1.1d56405fb00c0p-26);
    p = wg_fma_f64(p, t, -0x1.483e5f2f13f5cp-26);
    p = wg_fma_f64(p, t, 0x1.e689355383b88p-24);
    p = wg_fma_f64(p, t, 0x1.4adcd53cbbc96p-24);
    p = wg_fma_f64(p, t, -0x1.bc665b6377870p-21);
    p = wg_fma_f64(p, t, 0x1.3926a52c331a6p-22);
    p = wg_fma_f64(p, t, 0x1.7f3e45c1e5061p-18);
    p = wg_fma_f64(p, t, -0x1.7882d18e29e35p-17);
    p = wg_fma_f64(p, t, -0x1.995b13f6b0a3fp-16);
    p = wg_fma_f64(p, t, 0x1.3be033841dfc4p-13);
    p = wg_fma_f64(p, t, -0x1.a1df1879570cbp-13);
    p = wg_fma_f64(p, t, -0x1.8d4a996717f16p-11);
    p = wg_fma_f64(p, t, 0x1.49c6727714f22p-8);
    p = wg_fma_f64(p, t, -0x1.09623885955c8p-6);
    p = wg_fma_f64(p, t, 0x1.3079edf6ae2ebp-5);
    p = wg_fma_f64(p, t, -0x1.0fb06dfe46db3p-4);
    p = wg_fma_f64(p, t, 0x1.7fee004e113a0p-4);
    p = wg_fma_f64(p, t, -0x1.9ddb23c3e924bp-4);
    p = wg_fma_f64(p, t, 0x1.16ecefcfa5400p-4);
    p = wg_fma_f64(p, t, 0x1.f7f5df66fd7e6p-7);
    p = wg_fma_f64(p, t, -0x1.1df1ad154a28fp-3);
    const double rest = wg_fma_f64(p, t, -0x1.ac30edc64d8bcp-55), r = 0x1.3ba5916e9fd7fp+0 + rest;
    const double r_low = wg_fast_sum_error_f64(r, 0x1.3ba5916e9fd7fp+0, rest), d = wg_fma_f64(2, a, 1);
    const double d_low = wg_sum_error_f64(d, 2 * a, 1), q = r / d;
    *low = (wg_fma_f64(-q, d, r) + wg_fma_f64(-q, d_low, r_low)) / d;
    return q;
}

/* erfc(a + a_low) 2^shift for a >= 0; rounded once more where it is subnormal. */
WG_INLINE double wg_erfc_positive(double a, double a_low, uint64_t shift) {
    const double x = a > 27.5 ? 27.5 : a, x_low = a > 27.5 ? 0 : a_low;
    const double p = x * x, p_low = wg_fma_f64(2 * x, x_low, wg_fma_f64(x, x, -p));
    double r, tail, q_low;
    const uint64_t n = wg_exp_reduce_f64(-p, -p_low, &r, &tail);
    const double b = r + tail, b_low = wg_fast_sum_error_f64(b, r, tail);
    const double e = 1 + b, e_low = wg_fast_sum_error_f64(e, 1, b) + b_low;
    const double q = wg_erfcx_sum(x, &q_low), y = e * q;
    const double low = wg_fma_f64(e, q, -y) + wg_fma_f64(e, q_low, e_low * q);
    return wg_scale_f64(y + low, n + shift);
}

/* erf(x) for |x| < 1/2 */
WG_INLINE double wg_erf_near(double x) {
    const double z = x * x;
    double q = -0x1.3d8e8315e4ddep-23;
    q = wg_fma_f64(q, z, 0x1.b7f36af42c55ep-20);
    q = wg_fma_f64(q, z, -0x1.f4c2b861c2c9cp-17);
    q = wg_fma_f64(q, z, 0x1.f9a2dd9e25187p-14);
    q = wg_fma_f64(q, z, -0x1.c02db335c071dp-11);
    q = wg_fma_f64(q, z, 0x1.565bcd0d2ff6ep-8);
    q = wg_fma_f64(q, z, -0x1.b82ce31286cbcp-6);
    q = wg_fma_f64(q, z, 0x1.ce2f21a042bcfp-4);
    q = wg_fma_f64(q, z, -0x1.812746b0379e7p-2);
    return wg_fma_f64(x, 0x1.20dd750429b6dp+0, x * wg_fma_f64(z, q, 0x1.1ae3a914fed80p-56));
}

WG_INLINE double wg_erfc_f64(double x) {
    const double size = __builtin_fabs(x), y = wg_erfc_positive(size, 0, 0);
    const double far = x < 0 ? 2 - y : y;
    return x != x ? x : size < 0.5 ? 1 - wg_erf_near(x) : far;
}
WG_INLINE double wg_erf_f64(double x) {
    const double size = __builtin_fabs(x), far = 1 - wg_erfc_positive(size, 0, 0);
    return ((x != x) | (x == 0)) ? x : size < 0.5 ? wg_erf_near(x) : wg_copysign_f64(far, x);
}
WG_INLINE double wg_normal_f64(double x) {
    const double size = __builtin_fabs(x), a = size * 0x1.6a09e667f3bcdp-1;
    const double a_low = wg_fma_f64(size, -0x1.bdd3413b26456p-55, wg_fma_f64(size, 0x1.6a09e667f3bcdp-1, -a));
    const double y = wg_erfc_positive(a, a_low, (uint64_t)-1);
    const double near = 0.5 + 0.5 * wg_erf_near(wg_copysign_f64(a, x)), far = x < 0 ? y : 1 - y;
    return x != x ? x : a < 0.5 ? near : far;
}
WG_INLINE float wg_erf_f32(float x) { return (float)wg_erf_f64(x); }
WG_INLINE float wg_erfc_f32(float x) { return (float)wg_erfc_f64(x); }
WG_INLINE float wg_normal_f32(float x) { return (float)wg_normal_f64(x); }

#endif
