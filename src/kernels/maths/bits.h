/* bits — floating-point numbers as whole numbers and back, for the elementary functions. */
#ifndef WG_KERNELS_MATHS_BITS_H
#define WG_KERNELS_MATHS_BITS_H

#include "kernels/variant.h"

#define WG_INFINITY_F32 __builtin_inff()
#define WG_INFINITY_F64 __builtin_inf()
/* One NaN for every processor: what 0/0 gives has a sign that differs between families. */
#define WG_NAN_F32 __builtin_nanf("")
#define WG_NAN_F64 __builtin_nan("")

WG_INLINE uint32_t wg_bits_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
WG_INLINE uint64_t wg_bits_f64(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
WG_INLINE float wg_of_bits_f32(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
WG_INLINE double wg_of_bits_f64(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* |x| with the sign of s. */
WG_INLINE float wg_copysign_f32(float x, float s) {
    return wg_of_bits_f32((wg_bits_f32(x) & 0x7fffffffu) | (wg_bits_f32(s) & 0x80000000u));
}
WG_INLINE double wg_copysign_f64(double x, double s) {
    return wg_of_bits_f64((wg_bits_f64(x) & 0x7fffffffffffffffu) |
                          (wg_bits_f64(s) & 0x8000000000000000u));
}

/* Adding 1.5 · 2^23 (2^52) to a small x rounds it to a whole number n, ties to even; the sum's last
 * bits are those of n in two's complement. Subtracting it again gives n as a number. */
#define WG_SHIFTER_F32 0x1.8p+23f
#define WG_SHIFTER_F64 0x1.8p+52

/* n out of x + shifter, as a whole number modulo 2^32 (2^64). */
WG_INLINE uint32_t wg_shifted_f32(float shifted) { return wg_bits_f32(shifted) - 0x4b400000u; }
WG_INLINE uint64_t wg_shifted_f64(double shifted) { return wg_bits_f64(shifted) - 0x4338000000000000u; }

/* 2^n, -126 <= n <= 127 (-1022 <= n <= 1023). */
WG_INLINE float wg_exp2_int_f32(uint32_t n) { return wg_of_bits_f32((n + 127) << 23); }
WG_INLINE double wg_exp2_int_f64(uint64_t n) { return wg_of_bits_f64((n + 1023) << 52); }

/* x · 2^n for |n| <= 250 (|n| <= 2000), in two steps of which only the second rounds, so that a
 * result too small to be normal is rounded once. */
WG_INLINE float wg_scale_f32(float x, uint32_t n) {
    const uint32_t half = ((n + 512) >> 1) - 256;
    return x * wg_exp2_int_f32(half) * wg_exp2_int_f32(n - half);
}
WG_INLINE double wg_scale_f64(double x, uint64_t n) {
    const uint64_t half = ((n + 4096) >> 1) - 2048;
    return x * wg_exp2_int_f64(half) * wg_exp2_int_f64(n - half);
}

/* A whole number 0 <= n < 2^23 (2^52) as a floating-point number: without a conversion instruction,
 * which AVX2 lacks for 64 bits. */
WG_INLINE float wg_float_of_f32(uint32_t n) { return wg_of_bits_f32(n | 0x4b000000u) - 0x1p23f; }
WG_INLINE double wg_float_of_f64(uint64_t n) { return wg_of_bits_f64(n | 0x4330000000000000u) - 0x1p52; }

/* The error of s = a + b, exactly, where |a| >= |b| or a = 0 (Dekker 1971), and without condition
 * (Knuth). */
WG_INLINE float wg_fast_sum_error_f32(float s, float a, float b) { return b - (s - a); }
WG_INLINE double wg_fast_sum_error_f64(double s, double a, double b) { return b - (s - a); }
WG_INLINE float wg_sum_error_f32(float s, float a, float b) {
    const float t = s - a;
    return (a - (s - t)) + (b - t);
}
WG_INLINE double wg_sum_error_f64(double s, double a, double b) {
    const double t = s - a;
    return (a - (s - t)) + (b - t);
}

#endif
