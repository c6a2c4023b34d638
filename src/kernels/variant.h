/* variant — kernels are written once and compiled for each instruction set and element type.
 *
 * The build compiles every file that includes this header several times, each time with
 *   WG_VARIANT_ISA    portable, avx2, avx512 or neon: a suffix, the compiler's flags decide the code
 *   WG_VARIANT_TYPE   f32, f64, i32 or i64
 *   WG_RULES          defined in exactly one of them (portable, f32): rules, samples and the
 *                     functions that record are compiled there
 * so a kernel is plain C over `real` (f32, f64) or `number` (i32, i64 too), and the compiler
 * vectorises it for the set at hand. Sums, differences and products of whole numbers are taken as
 * `wrapping`, which is unsigned for them and so defined where they overflow.
 *
 * Why the bits are the same on every set: each element goes through the same IEEE operations in the
 * same order; nothing is contracted (-ffp-contract=off), a fused multiply-add is wg_fma by name;
 * sums run over WG_LANES lanes and one tree, whatever the width of the machine's vectors; and no
 * kernel calls the C library's mathematics, which differs between processors. */
#ifndef WG_KERNELS_VARIANT_H
#define WG_KERNELS_VARIANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WG_PASTE5_(a, b, c, d, e) a##b##c##d##e
#define WG_PASTE5(a, b, c, d, e) WG_PASTE5_(a, b, c, d, e)
#define WG_PASTE2_(a, b) a##b
#define WG_PASTE2(a, b) WG_PASTE2_(a, b)

/* name_isa_type: the external name of this variant of a kernel. */
#define WG_VARIANT(name) WG_PASTE5(name, _, WG_VARIANT_ISA, _, WG_VARIANT_TYPE)
/* name_type: picks, say, wg_exp_f32 or wg_exp_f64. */
#define WG_TYPED(name) WG_PASTE5(name, _, WG_VARIANT_TYPE, , )

#define WG_TYPE_f32 1
#define WG_TYPE_f64 2
#define WG_TYPE_i32 3
#define WG_TYPE_i64 4
#define WG_TYPE_NUMBER WG_PASTE2(WG_TYPE_, WG_VARIANT_TYPE)

#if WG_TYPE_NUMBER == WG_TYPE_f32
typedef float number, real, wrapping;
#define WG_IS_REAL 1
#elif WG_TYPE_NUMBER == WG_TYPE_f64
typedef double number, real, wrapping;
#define WG_IS_REAL 1
#elif WG_TYPE_NUMBER == WG_TYPE_i32
typedef int32_t number;
typedef uint32_t wrapping;
#define WG_IS_REAL 0
#else
typedef int64_t number;
typedef uint64_t wrapping;
#define WG_IS_REAL 0
#endif

/* Operands of a wg_call as typed pointers. */
#define WG_IN(call, index, type) ((const type *)(call)->inputs[index].data)
#define WG_OUT(call, index, type) ((type *)(call)->outputs[index].data)

/* Fixed for every instruction set and both real types: sums keep this many partial sums. */
enum { WG_LANES = 16 };

#define WG_INLINE static inline __attribute__((always_inline, unused))

/* Before a loop whose iterations do not depend on each other although its arrays may be the same
 * memory, element for element. */
#if defined(__clang__)
#define WG_INDEPENDENT_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define WG_INDEPENDENT_LOOP _Pragma("GCC ivdep")
#else
#define WG_INDEPENDENT_LOOP
#endif

WG_INLINE float wg_fma_f32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
WG_INLINE double wg_fma_f64(double a, double b, double c) { return __builtin_fma(a, b, c); }
#define wg_fma WG_TYPED(wg_fma)

#endif
