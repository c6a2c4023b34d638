/* circular — sin, cos, tan.
 *
 * x = n π/2 + r, |r| <= π/4, the remainder in two parts. For |x| < 2^30 with π/2 in three parts (Cody &
 * Waite 1980); beyond, from the 192 bits of 2/π that matter at x's exponent (Payne & Hanek, SIGNUM
 * Newsletter 18, 1983). sin(r) = r + r³ S(r²), cos(r) = 1 - r²/2 + r⁴ C(r²), S and C by Remez exchange:
 * errors 2^-56.8 and 2^-59.2; f32 is computed in f64, with 2^-37.5 and 2^-33.
 *
 * Payne and Hanek's way branches and does not vectorise. A loop that wants to be fast looks first
 * whether wg_is_near of all its elements, and then calls wg_sin_near, whose bits are the same there. */
#ifndef WG_KERNELS_MATHS_CIRCULAR_H
#define WG_KERNELS_MATHS_CIRCULAR_H

#include "kernels/maths/bits.h"

#define WG_HALF_PI_1 0x1.921fb54442d18p+0
#define WG_HALF_PI_2 0x1.1a62633145c07p-54
#define WG_HALF_PI_3 -0x1.f1976b7ed8fbcp-110

WG_INLINE bool wg_is_near_f32(float x) { return __builtin_fabsf(x) < 0x1p30f; }
WG_INLINE bool wg_is_near_f64(double x) { return __builtin_fabs(x) < 0x1p30; }

/* n modulo 4; r + r_low is the remainder. n · WG_HALF_PI_1 is taken off without error, as x and it
 * have a common last place that leaves the difference 53 bits. */
WG_INLINE uint64_t wg_quadrant_near(double x, double *r, double *r_low) {
    const double shifted = wg_fma_f64(x, 0x1.45f306dc9c883p-1, WG_SHIFTER_F64), n = shifted - WG_SHIFTER_F64;
    const double exact = wg_fma_f64(-n, WG_HALF_PI_1, x);
    const double part = -n * WG_HALF_PI_2, part_low = wg_fma_f64(-n, WG_HALF_PI_2, -part);
    *r = exact + part;
    *r_low = wg_sum_error_f64(*r, exact, part) + wg_fma_f64(-n, WG_HALF_PI_3, part_low);
    return wg_bits_f64(shifted) & 3;
}

/* Bits first … first + 63 of 2/π, the bit after the point being number 64. */
static inline uint64_t wg_bits_of_2_over_pi(int first) {
    static const uint64_t words[] = {0,
                                     0xa2f9836e4e441529,
                                     0xfc2757d1f534ddc0,
                                     0xdb6295993c439041,
                                     0xfe5163abdebbc561,
                                     0xb7246e3a424dd2e0,
                                     0x06492eea09d1921c,
                                     0xfe1deb1cb129a73e,
                                     0xe88235f52ebb4484,
                                     0xe99c7026b45f7e41,
                                     0x3991d639835339f4,
                                     0x9c845f8bbdf9283b,
                                     0x1ff897ffde05980f,
                                     0xef2f118b5a0a6d1f,
                                     0x6d367ecf27cb09b7,
                                     0x4f463f669e5fea2d,
                                     0x7527bac7ebe5f17b,
                                     0x3d0739f78a5292ea,
                                     0x6bfb5fb11f8d5d08,
                                     0x56033046fc7b6bab,
                                     0xf0cfbc209af4361d};
    const int word = first / 64, shift = first % 64;
    return shift ? words[word] << shift | words[word + 1] >> (64 - shift) : words[word];
}

/* The same for a finite |x| >= 2^30. With |x| = m 2^e, m whole, the bits of 2/π that are left of
 * 2^(1-e) only add multiples of 4 to x 2/π; the next 192 give x 2/π modulo 4 to 2^-137, where no f64 comes
 * nearer than 2^-62 to a multiple of π/2. */
__attribute__((noinline, unused)) static uint64_t wg_quadrant_far(double x, double *r, double *r_low) {
    __extension__ typedef unsigned __int128 wide;
    const uint64_t bits = wg_bits_f64(x), m = (bits & 0x000fffffffffffffu) | 0x0010000000000000u;
    const int first = (int)(bits >> 52 & 0x7ff) - 1075 - 2 + 64;
    wide sum = (wide)m * wg_bits_of_2_over_pi(first + 128);
    uint64_t low = (uint64_t)sum;
    sum = (wide)m * wg_bits_of_2_over_pi(first + 64) + (uint64_t)(sum >> 64);
    uint64_t middle = (uint64_t)sum;
    uint64_t high = m * wg_bits_of_2_over_pi(first) + (uint64_t)(sum >> 64);
    uint64_t n = high >> 62;

    /* The fraction as high:middle:low / 2^192 in -1/2 … 1/2, then its size. */
    high = high << 2 | middle >> 62;
    middle = middle << 2 | low >> 62;
    low <<= 2;
    const bool negative = high >> 63;
    if (negative) {
        n++;
        low = -low;
        middle = ~middle + !low;
        high = ~high + (!low & !middle);
    }
    const double a = (double)(high >> 32) * 0x1p-32, b = (double)(high & 0xffffffff) * 0x1p-64;
    const double c = (double)(middle >> 32) * 0x1p-96, d = (double)(middle & 0xffffffff) * 0x1p-128;
    const double top = a + b, rest = c + d, fraction = top + rest;
    const double fraction_low = wg_fast_sum_error_f64(fraction, top, rest) + wg_fast_sum_error_f64(top, a, b);
    const double size = fraction * WG_HALF_PI_1;
    const double size_low = wg_fma_f64(fraction, WG_HALF_PI_1, -size) +
                            wg_fma_f64(fraction, WG_HALF_PI_2, fraction_low * WG_HALF_PI_1);
    const bool flip = negative != (bool)(bits >> 63);
    *r = flip ? -size : size;
    *r_low = flip ? -size_low : size_low;
    return (bits >> 63 ? -n : n) & 3;
}

/* sin(r + r_low) = r + the value returned, cos(r + r_low) = head + tail. */
WG_INLINE double wg_circular_sums_f64(double r, double r_low, double *head, double *tail) {
    const double z = r * r, z_low = wg_fma_f64(r, r, -z), half = 0.5 * z;
    double s = 0x1.5d8e0e04eb2c8p-33;
    s = wg_fma_f64(s, z, -0x1.ae5e54b852da1p-26);
    s = wg_fma_f64(s, z, 0x1.71de3560af4cap-19);
    s = wg_fma_f64(s, z, -0x1.a01a019bf61b4p-13);
    s = wg_fma_f64(s, z, 0x1.111111110f795p-7);
    s = wg_fma_f64(s, z, -0x1.5555555555548p-3);
    double c = -0x1.8fa293f21d425p-37;
    c = wg_fma_f64(c, z, 0x1.1ee9d3e653476p-29);
    c = wg_fma_f64(c, z, -0x1.27e4f7e5547b6p-22);
    c = wg_fma_f64(c, z, 0x1.a01a019c7d075p-16);
    c = wg_fma_f64(c, z, -0x1.6c16c16c14f4ap-10);
    c = wg_fma_f64(c, z, 0x1.555555555554bp-5);
    *head = 1 - half;
    const double error = (1 - *head) - half;
    *tail = wg_fma_f64(z * z, c, wg_fma_f64(-r, r_low, wg_fma_f64(-0.5, z_low, error)));
    return wg_fma_f64(r * z, s, wg_fma_f64(-half, r_low, r_low));
}

/* sin(r + r_low) for an even quadrant, cos for an odd one; negative in the upper two. */
WG_INLINE double wg_sin_in_quadrant_f64(uint64_t quadrant, double r, double r_low) {
    double head, tail;
    const double sine = r + wg_circular_sums_f64(r, r_low, &head, &tail), cosine = head + tail;
    return wg_of_bits_f64(wg_bits_f64(quadrant & 1 ? cosine : sine) ^ (quadrant & 2) << 62);
}
WG_INLINE float wg_sin_in_quadrant_f32(uint64_t quadrant, double r) {
    const double z = r * r;
    double s = 0x1.6ccf65d041697p-19;
    s = wg_fma_f64(s, z, -0x1.a00f74a750840p-13);
    s = wg_fma_f64(s, z, 0x1.1111085dadcb5p-7);
    s = wg_fma_f64(s, z, -0x1.5555554c61007p-3);
    const double sine = wg_fma_f64(r * z, s, r);
    double c = 0x1.99e8b70dc7720p-16;
    c = wg_fma_f64(c, z, -0x1.6c0c2a3b038a8p-10);
    c = wg_fma_f64(c, z, 0x1.55554a03832f1p-5);
    const double cosine = wg_fma_f64(z * z, c, wg_fma_f64(-0.5, z, 1));
    return (float)wg_of_bits_f64(wg_bits_f64(quadrant & 1 ? cosine : sine) ^ (quadrant & 2) << 62);
}

/* sin(x + shift π/2), |x| < 2^30 */
WG_INLINE double wg_sin_shifted_near_f64(double x, unsigned shift) {
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_near(x, &r, &r_low);
    return wg_sin_in_quadrant_f64(quadrant + shift, r, r_low);
}
WG_INLINE float wg_sin_shifted_near_f32(float x, unsigned shift) {
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_near(x, &r, &r_low);
    return wg_sin_in_quadrant_f32(quadrant + shift, r);
}
WG_INLINE double wg_sin_near_f64(double x) {
    const double y = wg_sin_shifted_near_f64(x, 0);
    return x == 0 ? x : y; /* -0 */
}
WG_INLINE float wg_sin_near_f32(float x) {
    const float y = wg_sin_shifted_near_f32(x, 0);
    return x == 0 ? x : y;
}
WG_INLINE double wg_cos_near_f64(double x) { return wg_sin_shifted_near_f64(x, 1); }
WG_INLINE float wg_cos_near_f32(float x) { return wg_sin_shifted_near_f32(x, 1); }

/* sin(x + shift π/2) for every other x; NaN at infinity. */
WG_INLINE double wg_sin_shifted_far_f64(double x, unsigned shift) {
    if (x - x != 0) return x != x ? x : WG_NAN_F64;
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_far(x, &r, &r_low);
    return wg_sin_in_quadrant_f64(quadrant + shift, r, r_low);
}
WG_INLINE float wg_sin_shifted_far_f32(float x, unsigned shift) {
    if (x - x != 0) return x != x ? x : WG_NAN_F32;
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_far(x, &r, &r_low);
    return wg_sin_in_quadrant_f32(quadrant + shift, r);
}

WG_INLINE double wg_sin_f64(double x) {
    return wg_is_near_f64(x) ? wg_sin_near_f64(x) : wg_sin_shifted_far_f64(x, 0);
}
WG_INLINE float wg_sin_f32(float x) {
    return wg_is_near_f32(x) ? wg_sin_near_f32(x) : wg_sin_shifted_far_f32(x, 0);
}
WG_INLINE double wg_cos_f64(double x) {
    return wg_is_near_f64(x) ? wg_cos_near_f64(x) : wg_sin_shifted_far_f64(x, 1);
}
WG_INLINE float wg_cos_f32(float x) {
    return wg_is_near_f32(x) ? wg_cos_near_f32(x) : wg_sin_shifted_far_f32(x, 1);
}

/* tan = sin / cos, or -cos / sin in an odd quadrant, each in two parts. */
WG_INLINE double wg_tan_in_quadrant_f64(uint64_t quadrant, double r, double r_low) {
    double head, tail;
    const double s_tail = wg_circular_sums_f64(r, r_low, &head, &tail), s = r + s_tail, c = head + tail;
    const double s_low = wg_fast_sum_error_f64(s, r, s_tail), c_low = wg_fast_sum_error_f64(c, head, tail);
    const bool odd = quadrant & 1;
    const double a = odd ? -c : s, a_low = odd ? -c_low : s_low, d = odd ? s : c, d_low = odd ? s_low : c_low;
    const double q = a / d;
    return q + (wg_fma_f64(-q, d, a) + wg_fma_f64(-q, d_low, a_low)) / d;
}
WG_INLINE double wg_tan_near_f64(double x) {
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_near(x, &r, &r_low);
    const double y = wg_tan_in_quadrant_f64(quadrant, r, r_low);
    return x == 0 ? x : y;
}
WG_INLINE double wg_tan_far_f64(double x) {
    if (x - x != 0) return x != x ? x : WG_NAN_F64;
    double r, r_low;
    const uint64_t quadrant = wg_quadrant_far(x, &r, &r_low);
    return wg_tan_in_quadrant_f64(quadrant, r, r_low);
}
WG_INLINE double wg_tan_f64(double x) { return wg_is_near_f64(x) ? wg_tan_near_f64(x) : wg_tan_far_f64(x); }
WG_INLINE float wg_tan_near_f32(float x) { return (float)wg_tan_near_f64(x); }
WG_INLINE float wg_tan_f32(float x) { return (float)wg_tan_f64(x); }

#endif
