/* gamma — lgamma = log |Γ(x)|, and its derivatives digamma and polygamma; f32 is computed in f64.
 *
 * lgamma, with t = x - 2: t G(t) for |t| <= 1/2, where Γ(x + 1) = x Γ(x) leads from 0 … 3/2 too; from 5/2 on
 * Stirling's (x - 1/2)(log x - 1) + (log(2 π) - 1) / 2 + M(1/x²) / x, with the logarithm in two parts.
 * digamma: (x - root) P(x - 3/2) on 1 … 2, where ψ(x + 1) = ψ(x) + 1/x leads from 0 … 3; from 3 on
 * log x - 1/(2 x) + V(1/x²) / x². Chebyshev nodes, errors 2^-63.6 (G), 2^-58.2 (M), 2^-58 (P), 2^-60.4 (V).
 * polygamma(n, x) = (-1)^(n+1) n! ζ(n + 1, x) by Euler-Maclaurin summation. Below 0 all by reflection: next
 * to the zeros that lie there, the error is small against the terms that cancel, not against the result. */
#ifndef WG_KERNELS_MATHS_GAMMA_H
#define WG_KERNELS_MATHS_GAMMA_H

#include "kernels/maths/circular.h"
#include "kernels/maths/power.h"
#include "kernels/maths/rounding.h"

/* sin(π x) and cos(π x) as sums, up to a common sign: r = π (x - n/2), |r| <= π/4. */
WG_INLINE uint64_t wg_half_turns(double x, double *r, double *r_low) {
    const double f = x - wg_round_f64(x), shifted = 2 * f + WG_SHIFTER_F64;
    const double g = f - 0.5 * (shifted - WG_SHIFTER_F64);
    *r = g * 0x1.921fb54442d18p+1;
    *r_low = wg_fma_f64(g, 0x1.1a62633145c07p-53, wg_fma_f64(g, 0x1.921fb54442d18p+1, -*r));
    return wg_bits_f64(shifted) & 3;
}

/* t G(t) - log(w) for 0 <= x < 5/2 */
WG_INLINE double wg_lgamma_near(double x) {
    const double next = x + 1, product = x * next;
    const double product_low = wg_fma_f64(x, next, -product) + x * wg_fast_sum_error_f64(next, 1, x);
    const bool low = x < 0.5, middle = !low & (x < 1.5);
    const double t = low ? x : middle ? x - 1 : x - 2, w = low ? product : middle ? x : 1;
    const double w_low = (low & (x > 0x1p-60)) ? product_low : 0;
    double g = 0x1.11fa5e7c86f7bp-24;
    g = wg_fma_f64(g, t, -0x1.2009c1a550d0dp-23);
    g = wg_fma_f64(g, t, 0x1.b40adb09a1e12p-23);
    g = wg_fma_f64(g, t, -0x1.ce17528bcf460p-22);
    g = wg_fma_f64(g, t, 0x1.012012be3900ap-20);
    g = wg_fma_f64(g, t, -0x1.1276ebd557fb0p-19);
    g = wg_fma_f64(g, t, 0x1.258f3057730fap-18);
    g = wg_fma_f64(g, t, -0x1.3cb3be36ad88bp-17);
    g = wg_fma_f64(g, t, 0x1.580e0afa55850p-16);
    g = wg_fma_f64(g, t, -0x1.78de9ab752b81p-15);
    g = wg_fma_f64(g, t, 0x1.a127afee53e7dp-14);
    g = wg_fma_f64(g, t, -0x1.d3fd4b679c1c4p-13);
    g = wg_fma_f64(g, t, 0x1.0b36af8779ca0p-11);
    g = wg_fma_f64(g, t, -0x1.38ac5c2d48207p-10);
    g = wg_fma_f64(g, t, 0x1.7add6eadb5317p-9);
    g = wg_fma_f64(g, t, -0x1.e404fc218dbaep-8);
    g = wg_fma_f64(g, t, 0x1.51322ac7d848ap-6);
    g = wg_fma_f64(g, t, -0x1.13e001a55760ap-4);
    g = wg_fma_f64(g, t, 0x1.4a34cc4a60fa6p-2);
    double log_low;
    const double log_high = wg_log_sum_f64(w, &log_low), a = t * 0x1.b0ee6072093cep-2;
    const double a_low =
        wg_fma_f64(t, 0x1.b0ee6072093cep-2, -a) + t * wg_fma_f64(g, t, 0x1.70cdfa63c7644p-58);
    const double s = a - log_high, s_low = wg_sum_error_f64(s, a, -log_high);
    return s + (s_low + (a_low - log_low - w_low / w));
}
/* Stirling's series for x >= 5/2 */
WG_INLINE double wg_lgamma_far(double x) {
    double log_low;
    const double log_high = wg_log_sum_f64(x, &log_low), k = log_high - 1, a = x - 0.5;
    const double k_low = wg_sum_error_f64(k, log_high, -1) + log_low, inverse = 1 / x, z = inverse * inverse;
    double m = 0x1.a86cf68474097p+0;
    m = wg_fma_f64(m, z, -0x1.fbe47040d5df2p+0);
    m = wg_fma_f64(m, z, 0x1.1c7f743b60ae6p+0);
    m = wg_fma_f64(m, z, -0x1.96d6570313276p-2);
    m = wg_fma_f64(m, z, 0x1.b5d744289690fp-4);
    m = wg_fma_f64(m, z, -0x1.9d12939e1dd9bp-6);
    m = wg_fma_f64(m, z, 0x1.974073ec1445fp-8);
    m = wg_fma_f64(m, z, -0x1.f502df404b751p-10);
    m = wg_fma_f64(m, z, 0x1.b93f9b12f201fp-11);
    m = wg_fma_f64(m, z, -0x1.3813437e05b10p-11);
    m = wg_fma_f64(m, z, 0x1.a01a013179c33p-11);
    m = wg_fma_f64(m, z, -0x1.6c16c16c02ef8p-9);
    m = wg_fma_f64(m, z, 0x1.5555555555554p-4);
    const double p = a * k, p_low = wg_fma_f64(a, k_low, wg_fma_f64(a, k, -p));
    const double s = p + 0x1.acfe390c97d69p-2, s_low = wg_sum_error_f64(s, p, 0x1.acfe390c97d69p-2);
    const double y = s + (s_low + (p_low + wg_fma_f64(m, inverse, 0x1.3494bc9001442p-56)));
    return p == WG_INFINITY_F64 ? p : y;
}
WG_INLINE double wg_lgamma_f64(double x) {
    const double a = x < 0 ? 1 - x : x;
    const double positive = a < 2.5 ? wg_lgamma_near(a) : wg_lgamma_far(a);
    double r, r_low;
    const double f = __builtin_fabs(x - wg_round_f64(x));
    const uint64_t quadrant = wg_half_turns(x, &r, &r_low);
    const double sine = __builtin_fabs(wg_sin_in_quadrant_f64(quadrant, r, r_low)) * 0x1.45f306dc9c883p-2;
    const double negative = -wg_log_f64(f < 0x1p-28 ? f : sine) - positive;
    const double y = x < 0 ? negative : positive;
    const bool infinite = (__builtin_fabs(x) == WG_INFINITY_F64) | ((x <= 0) & (f == 0));
    return x != x ? x : infinite ? WG_INFINITY_F64 : y;
}

WG_INLINE double wg_digamma_near(double x) {
    const bool low = x<1, high = x> 2;
    const double base = low ? x + 1 : high ? x - 1 : x, t = base - 1.5;
    double p = 0x1.f255c4568ac4dp-14;
    p = wg_fma_f64(p, t, -0x1.75c084e78a4cdp-13);
    p = wg_fma_f64(p, t, 0x1.94e73cc9821e1p-14);
    p = wg_fma_f64(p, t, -0x1.2fae5cb379bf2p-13);
    p = wg_fma_f64(p, t, 0x1.53b23429da21bp-12);
    p = wg_fma_f64(p, t, -0x1.fd8e50abf2196p-12);
    p = wg_fma_f64(p, t, 0x1.6a3e76070c135p-11);
    p = wg_fma_f64(p, t, -0x1.0fb38d217b800p-10);
    p = wg_fma_f64(p, t, 0x1.99d3f5c0cad5ep-10);
    p = wg_fma_f64(p, t, -0x1.336dbe66757c8p-9);
    p = wg_fma_f64(p, t, 0x1.cd2011454fd05p-9);
    p = wg_fma_f64(p, t, -0x1.5a06a5d662cb4p-8);
    p = wg_fma_f64(p, t, 0x1.03c0adafa529cp-7);
    p = wg_fma_f64(p, t, -0x1.863563f44f303p-7);
    p = wg_fma_f64(p, t, 0x1.2564717896ec6p-6);
    p = wg_fma_f64(p, t, -0x1.b9f8b11bfd3d0p-6);
    p = wg_fma_f64(p, t, 0x1.4de9aa1779d23p-5);
    p = wg_fma_f64(p, t, -0x1.fb44202a2306bp-5);
    p = wg_fma_f64(p, t, 0x1.8512e5903903ep-4);
    p = wg_fma_f64(p, t, -0x1.2feeeb98a78eap-3);
    p = wg_fma_f64(p, t, 0x1.eca189b8e6f6dp-3);
    p = wg_fma_f64(p, t, -0x1.b1cb63005ee98p-2);
    const double factor = wg_fma_f64(p, t, 0x1.8f70c7a125e6ap-55) + 0x1.e6f0cbb873616p-1;
    const double y = ((base - 0x1.762d86356be3fp+0) - 0x1.b86a722197829p-54) * factor;
    return low ? y - 1 / x : high ? y + 1 / base : y;
}
WG_INLINE double wg_digamma_far(double x) {
    double log_low;
    const double log_high = wg_log_sum_f64(x, &log_low), inverse = 1 / x, z = inverse * inverse;
    double v = -0x1.dcc42d0de76cfp+6;
    v = wg_fma_f64(v, z, 0x1.95432d7e32ed5p+6);
    v = wg_fma_f64(v, z, -0x1.463e8c2673371p+5);
    v = wg_fma_f64(v, z, 0x1.55c812318927bp+3);
    v = wg_fma_f64(v, z, -0x1.160a375cdb192p+1);
    v = wg_fma_f64(v, z, 0x1.9e3fea49ed1b1p-2);
    v = wg_fma_f64(v, z, -0x1.502c278576ebbp-4);
    v = wg_fma_f64(v, z, 0x1.591c8a3986c4bp-6);
    v = wg_fma_f64(v, z, -0x1.f074c3f80470ap-8);
    v = wg_fma_f64(v, z, 0x1.1110ffa599f9bp-8);
    v = wg_fma_f64(v, z, -0x1.041040ee3fc3ep-8);
    v = wg_fma_f64(v, z, 0x1.111111110b9eep-7);
    v = wg_fma_f64(v, z, -0x1.5555555555554p-4);
    return log_high + (log_low + wg_fma_f64(z, v, -0.5 * inverse));
}
WG_INLINE double wg_digamma_f64(double x) {
    const double a = x < 0 ? 1 - x : x;
    const double positive = a < 3 ? wg_digamma_near(a) : wg_digamma_far(a);
    double r, r_low;
    const uint64_t quadrant = wg_half_turns(x, &r, &r_low);
    const double sine = wg_sin_in_quadrant_f64(quadrant, r, r_low);
    const double cosine = wg_sin_in_quadrant_f64(quadrant + 1, r, r_low);
    const double y = x < 0 ? positive - 0x1.921fb54442d18p+1 * cosine / sine : positive;
    const double special = x == 0 ? -wg_copysign_f64(WG_INFINITY_F64, x) : WG_NAN_F64;
    const bool pole = (x <= 0) & (x == wg_round_f64(x));
    return x != x ? x : x == WG_INFINITY_F64 ? x : pole ? special : y;
}

/* n ζ(n + 1, x) = n times the sum over k >= 0 of (x + k)^-s, s = n + 1, for x > 0, all of it times unit^-s:
 * ten terms, and for the others w^-s (w + n (1/2 + sum over j of B(2j) / (2j)! s (s + 1) … (s + 2j - 2)
 * w^(1-2j))), w = x + 10. */
WG_INLINE double wg_zeta_scaled(int n, double x, double unit) {
    static const double terms[] = {0x1.5555555555555p-4,   -0x1.6c16c16c16c17p-10, 0x1.1566abc011567p-15,
                                   -0x1.bbd779334ef0bp-21, 0x1.66a8f2bf70ebep-26,  -0x1.22805d644267fp-31,
                                   0x1.d6db2c4e09162p-37,  -0x1.7da4e1f79955cp-42, 0x1.355871d652e9ep-47,
                                   -0x1.f57d968caacf1p-53, 0x1.967e1f09c376fp-58,  -0x1.497d9033a2b5cp-63};
    enum { DIRECT = 10, TERMS = sizeof terms / sizeof *terms };
    const double s = n + 1, w = x + DIRECT, w_low = wg_sum_error_f64(w, x, DIRECT), inverse = 1 / w;
    double part = s * inverse, tail = 0.5, sum = 0;
    for (int j = 0; j < TERMS; j++) {
        tail += terms[j] * part;
        part *= (s + 2 * j + 1) * inverse * ((s + 2 * j + 2) * inverse);
    }
    for (int k = DIRECT - 1; k >= 0; k--) {
        const double a = x + k, a_low = wg_sum_error_f64(a, x, k), power = wg_pow_size_f64(a * unit, -s);
        sum += power * (1 - s * a_low / a);
    }
    return wg_fma_f64(wg_pow_size_f64(w * unit, -s), w + wg_fma_f64(n, tail, -n * w_low), n * sum);
}
/* As far as f64 reaches without a unit. */
WG_INLINE double wg_zeta(int n, double x) {
    return x > 0 ? x < 0x1p1000 ? wg_zeta_scaled(n, x, 1) : 0 : WG_INFINITY_F64;
}

/* (n - 1)! */
WG_INLINE double wg_factorial_below(int n) {
    double product = 1, low = 0;
    for (int i = 2; i < n; i++) {
        const double next = product * i;
        low = wg_fma_f64(product, i, -next) + low * i;
        product = next;
    }
    return product + low;
}

/* For x > 0 in units of the power of two next to x, as (n - 1)! is large where the sum underflows. */
WG_INLINE double wg_polygamma_positive(int n, double x) {
    const double s = n + 1;
    double m;
    const double k = wg_log_split_f64(x, &m), e = k > 0 ? k : 0;
    const double unit = wg_exp2_int_f64(-wg_shifted_f64(e + WG_SHIFTER_F64));
    const double sum = wg_zeta_scaled(n, x, unit) * wg_factorial_below(n);
    const double shift = e * s < 3000 ? e * s : 3000, first = wg_round_f64(0.5 * shift);
    const double once = wg_scale_f64(sum, -wg_shifted_f64(first + WG_SHIFTER_F64));
    return wg_scale_f64(once, -wg_shifted_f64(shift - first + WG_SHIFTER_F64));
}
/* ζ(s, x) = ζ(s, f) + (-1)^s (ζ(s, 1 - f) - ζ(s, 1 - x)), f = x - floor(x), for x < 0: the smaller of f and 1
 * - f, which matters, is exact. */
WG_INLINE double wg_polygamma_negative(int n, double x) {
    const double g = x - wg_round_f64(x), f = g < 0 ? 1 + g : g, other = g < 0 ? -g : 1 - g;
    const double mirrored = wg_zeta(n, other) - wg_zeta(n, 1 - x);
    const double sum = wg_zeta(n, f) + (n & 1 ? mirrored : -mirrored);
    return g == 0 ? (n & 1 ? WG_INFINITY_F64 : WG_NAN_F64) : sum * wg_factorial_below(n);
}
/* n = 0 is digamma; 0 <= n <= 170. At 0, of even n, infinite as on the side of x's sign. */
WG_INLINE double wg_polygamma_f64(int n, double x) {
    if (n == 0) return wg_digamma_f64(x);
    if (x != x) return x;
    if (x == 0) return n & 1 ? WG_INFINITY_F64 : -wg_copysign_f64(WG_INFINITY_F64, x);
    if (x == WG_INFINITY_F64) return n & 1 ? 0.0 : -0.0;
    if (x == -WG_INFINITY_F64) return WG_NAN_F64;
    const double y = x > 0 ? wg_polygamma_positive(n, x) : wg_polygamma_negative(n, x);
    return n & 1 ? y : -y;
}
WG_INLINE float wg_polygamma_f32(int n, float x) { return (float)wg_polygamma_f64(n, x); }
WG_INLINE float wg_lgamma_f32(float x) { return (float)wg_lgamma_f64(x); }
WG_INLINE float wg_digamma_f32(float x) { return (float)wg_digamma_f64(x); }

#endif
