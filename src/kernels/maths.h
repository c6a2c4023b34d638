/* maths — elementary functions for kernels: the same bits on every instruction set.
 *
 * Each is plain C over IEEE + - * / sqrt, fused multiply-add by name and whole-number bit tricks,
 * without a branch or a table, so that a loop over it vectorises; only sin and cos of huge arguments
 * branch (see maths/circular.h). wm_exp and so on pick by the variant's type: wg_exp_f32 or wg_exp_f64.
 *
 * Largest error met, in units of the last place (tests/test_kernels_maths.c holds them to it):
 *
 *              exp    expm1  log    log1p  sin    cos    tanh   sigmoid  pow
 *     f32      0.8    0.9    0.7    0.7    0.51   0.51   0.8    1.5      0.51
 *     f64      0.8    0.9    0.75   0.75   0.75   0.75   0.8    1.4      0.8
 *
 *              exp2   log2   rsqrt  tan    asin   acos   atan   sinh   cosh   asinh acosh atanh  erf   erfc
 *     f32      0.51   0.51   1.5    0.51   0.51   0.51   0.51   0.51   0.51   0.51 (all three)   0.51  0.51
 *     f64      0.8    0.51   1.5    0.9    0.7    0.7    0.75   0.8    0.9    0.75 (all three)   1.1   1.4
 *
 * lgamma, digamma and polygamma: f32 0.51, f64 2.6 for x > 0; below 0, where terms cancel at zeros of the function,
 * in units of the last place of the largest of them. floor, ceil, round and trunc are exact.
 */
#ifndef WG_KERNELS_MATHS_H
#define WG_KERNELS_MATHS_H

#include "kernels/maths/arc.h"
#include "kernels/maths/base_two.h"
#include "kernels/maths/circular.h"
#include "kernels/maths/error_function.h"
#include "kernels/maths/exponential.h"
#include "kernels/maths/gamma.h"
#include "kernels/maths/hyperbolic.h"
#include "kernels/maths/logarithm.h"
#include "kernels/maths/power.h"
#include "kernels/maths/rounding.h"
#include "kernels/maths/remainder.h"

WG_INLINE float wg_sqrt_f32(float x) { return __builtin_sqrtf(x); }
WG_INLINE double wg_sqrt_f64(double x) { return __builtin_sqrt(x); }
WG_INLINE float wg_rsqrt_f32(float x) { return 1 / __builtin_sqrtf(x); }
WG_INLINE double wg_rsqrt_f64(double x) { return 1 / __builtin_sqrt(x); }
WG_INLINE float wg_abs_f32(float x) { return __builtin_fabsf(x); }
WG_INLINE double wg_abs_f64(double x) { return __builtin_fabs(x); }

#define wm_abs WG_TYPED(wg_abs)
#define wm_sqrt WG_TYPED(wg_sqrt)
#define wm_exp WG_TYPED(wg_exp)
#define wm_expm1 WG_TYPED(wg_expm1)
#define wm_log WG_TYPED(wg_log)
#define wm_log1p WG_TYPED(wg_log1p)
#define wm_sin WG_TYPED(wg_sin)
#define wm_cos WG_TYPED(wg_cos)
#define wm_sin_near WG_TYPED(wg_sin_near)
#define wm_cos_near WG_TYPED(wg_cos_near)
#define wm_is_near WG_TYPED(wg_is_near)
#define wm_tanh WG_TYPED(wg_tanh)
#define wm_sigmoid WG_TYPED(wg_sigmoid)
#define wm_pow WG_TYPED(wg_pow)
#define wm_exp2 WG_TYPED(wg_exp2)
#define wm_log2 WG_TYPED(wg_log2)
#define wm_rsqrt WG_TYPED(wg_rsqrt)
#define wm_tan WG_TYPED(wg_tan)
#define wm_tan_near WG_TYPED(wg_tan_near)
#define wm_asin WG_TYPED(wg_asin)
#define wm_acos WG_TYPED(wg_acos)
#define wm_atan WG_TYPED(wg_atan)
#define wm_atan2 WG_TYPED(wg_atan2)
#define wm_sinh WG_TYPED(wg_sinh)
#define wm_cosh WG_TYPED(wg_cosh)
#define wm_asinh WG_TYPED(wg_asinh)
#define wm_acosh WG_TYPED(wg_acosh)
#define wm_atanh WG_TYPED(wg_atanh)
#define wm_erf WG_TYPED(wg_erf)
#define wm_erfc WG_TYPED(wg_erfc)
#define wm_normal WG_TYPED(wg_normal)
#define wm_lgamma WG_TYPED(wg_lgamma)
#define wm_digamma WG_TYPED(wg_digamma)
#define wm_polygamma WG_TYPED(wg_polygamma)
#define wm_floor WG_TYPED(wg_floor)
#define wm_ceil WG_TYPED(wg_ceil)
#define wm_round WG_TYPED(wg_round)
#define wm_trunc WG_TYPED(wg_trunc)
#define wm_fmod WG_TYPED(wg_fmod) /* exact */
#define wm_fmod_near WG_TYPED(wg_fmod_near)
#define wm_fmod_is_near WG_TYPED(wg_fmod_is_near)
#define wm_copysign WG_TYPED(wg_copysign)

#endif
