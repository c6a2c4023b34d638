/* vector — the machine's vector of `real`, for kernels that say themselves what stays in registers.
 *
 * VEC_LANES numbers of the width of the variant's instruction set. A kernel that uses it gives the same bits
 * on every set if its vectors run across results, never along a sum: then the width only says how many
 * results are computed at once. Portable C is one more instruction set here, with two lanes of f64. */
#ifndef WG_KERNELS_VECTOR_H
#define WG_KERNELS_VECTOR_H

#include "kernels/variant.h"

#if WG_IS_REAL

#if defined(__AVX512F__)
#include <immintrin.h>
enum { VEC_BYTES = 64, VEC_REGISTERS = 32 };
#elif defined(__AVX2__)
#include <immintrin.h>
enum { VEC_BYTES = 32, VEC_REGISTERS = 16 };
#elif defined(__ARM_NEON)
#include <arm_neon.h>
enum { VEC_BYTES = 16, VEC_REGISTERS = 32 };
#else
enum { VEC_BYTES = 16, VEC_REGISTERS = 16 };
#endif
enum { VEC_LANES = VEC_BYTES / (int)sizeof(real) };

typedef real vec __attribute__((vector_size(VEC_BYTES)));

WG_INLINE vec vec_load(const real *x) {
    vec v;
    memcpy(&v, x, sizeof v);
    return v;
}
WG_INLINE void vec_store(real *y, vec v) { memcpy(y, &v, sizeof v); }

/* Whole numbers as wide as a real, as many as a vector has lanes; what comparisons of vectors give: -1 or 0.
 */
#if WG_TYPE_NUMBER == WG_TYPE_f32
typedef int32_t vec_whole __attribute__((vector_size(VEC_BYTES)));
#else
typedef int64_t vec_whole __attribute__((vector_size(VEC_BYTES)));
#endif

/* a where the mask is -1, b where it is 0. */
WG_INLINE vec vec_pick(vec_whole mask, vec a, vec b) {
    return (vec)((mask & (vec_whole)a) | (~mask & (vec_whole)b));
}

/* Every other lane of a and b one behind the other: those with even numbers, or those with odd ones. */
#if defined(__AVX512F__) && WG_TYPE_NUMBER == WG_TYPE_f32
#define VEC_EVERY_OTHER(a, b, i)                                                                         \
    __builtin_shufflevector(a, b, i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14, i + 16, i + 18, \
                            i + 20, i + 22, i + 24, i + 26, i + 28, i + 30)
#elif defined(__AVX512F__) || (defined(__AVX2__) && WG_TYPE_NUMBER == WG_TYPE_f32)
#define VEC_EVERY_OTHER(a, b, i) \
    __builtin_shufflevector(a, b, i, i + 2, i + 4, i + 6, i + 8, i + 10, i + 12, i + 14)
#elif defined(__AVX2__) || WG_TYPE_NUMBER == WG_TYPE_f32
#define VEC_EVERY_OTHER(a, b, i) __builtin_shufflevector(a, b, i, i + 2, i + 4, i + 6)
#else
#define VEC_EVERY_OTHER(a, b, i) __builtin_shufflevector(a, b, i, i + 2)
#endif
WG_INLINE vec vec_even(vec a, vec b) { return VEC_EVERY_OTHER(a, b, 0); }
WG_INLINE vec vec_odd(vec a, vec b) { return VEC_EVERY_OTHER(a, b, 1); }

/* a b + c in each lane, rounded once. */
WG_INLINE vec vec_fma(vec a, vec b, vec c) {
#if defined(__AVX512F__) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX512F__)
    return (vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__AVX2__)
    return (vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__ARM_NEON) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#elif defined(__ARM_NEON)
    return (vec)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
    for (int lane = 0; lane < VEC_LANES; lane++) c[lane] = wg_fma(a[lane], b[lane], c[lane]);
    return c;
#endif
}

/* The same number in every lane. */
WG_INLINE vec vec_all(real x) {
#if defined(__AVX512F__) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)_mm512_set1_ps(x);
#elif defined(__AVX512F__)
    return (vec)_mm512_set1_pd(x);
#elif defined(__AVX2__) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)_mm256_set1_ps(x);
#elif defined(__AVX2__)
    return (vec)_mm256_set1_pd(x);
#else
    vec v = {0}; /* all lanes of it are overwritten */
    for (int lane = 0; lane < VEC_LANES; lane++) v[lane] = x;
    return v;
#endif
}

/* The first `count` lanes only, 0 … VEC_LANES; the others load as 0, and their memory is not touched. */
WG_INLINE vec vec_load_some(const real *x, int64_t count) {
#if defined(__AVX512F__) && WG_TYPE_NUMBER == WG_TYPE_f32
    return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), x);
#elif defined(__AVX512F__)
    return (vec)_mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), x);
#else
    vec v = {0};
    if (count >= VEC_LANES) return vec_load(x);
    for (int lane = 0; lane < VEC_LANES; lane++)
        if (lane < count) v[lane] = x[lane];
    return v;
#endif
}
WG_INLINE void vec_store_some(real *y, vec v, int64_t count) {
#if defined(__AVX512F__) && WG_TYPE_NUMBER == WG_TYPE_f32
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << count) - 1), (__m512)v);
#elif defined(__AVX512F__)
    _mm512_mask_storeu_pd(y, (__mmask8)((1u << count) - 1), (__m512d)v);
#else
    if (count >= VEC_LANES)
        vec_store(y, v);
    else
        for (int lane = 0; lane < VEC_LANES; lane++)
            if (lane < count) y[lane] = v[lane];
#endif
}

#endif
#endif
