/* ops/elementwise — functions of one, two or three numbers, element by element. See wengert/ops.h. */
#ifndef WENGERT_OPS_ELEMENTWISE_H
#define WENGERT_OPS_ELEMENTWISE_H

#include <wengert/tape.h>

WG_BEGIN_C

/* --- Elementwise ----------------------------------------------------------------------------------- */

WG_API wg_var wg_add(wg_var a, wg_var b);
WG_API wg_var wg_sub(wg_var a, wg_var b);
WG_API wg_var wg_mul(wg_var a, wg_var b);
WG_API wg_var wg_div(wg_var a, wg_var b);     /* whole numbers: truncated; by 0 is an error at run time */
/* a to the power b, as C99 pow: pow(0, 0) = 1. Whole numbers wrap around, and of them a negative b gives 1 / a^-b
 * towards zero, or 0 where a is 0, as in PyTorch. */
WG_API wg_var wg_pow(wg_var a, wg_var b);

WG_API wg_var wg_maximum(wg_var a, wg_var b); /* at a tie the gradient goes to a; NaN if either is */
WG_API wg_var wg_minimum(wg_var a, wg_var b); /* at a tie the gradient goes to a; NaN if either is */

WG_API wg_var wg_neg(wg_var x);
WG_API wg_var wg_abs(wg_var x); /* gradient 0 at 0 */
WG_API wg_var wg_sign(wg_var x); /* -1, 0 or 1, NaN of NaN; f32 and f64; no gradient flows through it */
WG_API wg_var wg_exp(wg_var x);
WG_API wg_var wg_log(wg_var x);
WG_API wg_var wg_sqrt(wg_var x);
WG_API wg_var wg_square(wg_var x);
WG_API wg_var wg_sin(wg_var x);
WG_API wg_var wg_cos(wg_var x);
WG_API wg_var wg_tanh(wg_var x);
WG_API wg_var wg_sigmoid(wg_var x); /* 1 / (1 + exp(-x)) */
WG_API wg_var wg_relu(wg_var x);    /* max(x, 0); gradient 0 at 0 */

/* Comparisons give bool and have no gradient. */
WG_API wg_var wg_equal(wg_var a, wg_var b);
WG_API wg_var wg_not_equal(wg_var a, wg_var b);
WG_API wg_var wg_less(wg_var a, wg_var b);
WG_API wg_var wg_less_equal(wg_var a, wg_var b);
WG_API wg_var wg_greater(wg_var a, wg_var b);
WG_API wg_var wg_greater_equal(wg_var a, wg_var b);

/* a where condition (bool) is true, else b. The branch not taken gets a zero, never NaN. */
WG_API wg_var wg_where(wg_var condition, wg_var a, wg_var b);

/* Converts the dtype. To whole numbers: towards zero, saturating, NaN to 0; to bool: x != 0. */
WG_API wg_var wg_cast(wg_var x, wg_dtype dtype);

/* x itself, through which no gradient flows. */
WG_API wg_var wg_stop_gradient(wg_var x);
/* x itself, with `scale` times its gradient; reversed: -scale times. */
WG_API wg_var wg_gradient_scale(wg_var x, double scale);
WG_API wg_var wg_gradient_reversal(wg_var x, double scale);
/* `value` itself, whose gradient goes to x instead, of the same type: wg_straight_through(wg_round(x), x).
 * None goes to `value`: it is as behind wg_stop_gradient. */
WG_API wg_var wg_straight_through(wg_var value, wg_var x);

/* x itself; the run fails with WG_ERROR_NOT_FINITE, before anything is assigned, if it holds NaN or
 * infinity, and names the first node that made one. */
WG_API wg_var wg_check_finite(wg_var x);

/* --- Functions of one number ----------------------------------------------------------------------- */

/* To whole numbers: downwards, upwards, to the nearest with ties to even, towards 0. Gradient 0. */
WG_API wg_var wg_floor(wg_var x);
WG_API wg_var wg_ceil(wg_var x);
WG_API wg_var wg_round(wg_var x);
WG_API wg_var wg_trunc(wg_var x);

WG_API wg_var wg_expm1(wg_var x); /* exp(x) - 1 */
WG_API wg_var wg_exp2(wg_var x);  /* 2 to the power x */
WG_API wg_var wg_log1p(wg_var x); /* log(1 + x) */
WG_API wg_var wg_log2(wg_var x);
WG_API wg_var wg_rsqrt(wg_var x); /* 1 / sqrt(x) */
WG_API wg_var wg_reciprocal(wg_var x);
WG_API wg_var wg_tan(wg_var x);
WG_API wg_var wg_asin(wg_var x);
WG_API wg_var wg_acos(wg_var x);
WG_API wg_var wg_atan(wg_var x);
WG_API wg_var wg_sinh(wg_var x);
WG_API wg_var wg_cosh(wg_var x);
WG_API wg_var wg_asinh(wg_var x);
WG_API wg_var wg_acosh(wg_var x);
WG_API wg_var wg_atanh(wg_var x);
WG_API wg_var wg_erf(wg_var x);
WG_API wg_var wg_erfc(wg_var x);    /* 1 - erf(x) */
WG_API wg_var wg_lgamma(wg_var x);  /* log |Γ(x)| */
WG_API wg_var wg_digamma(wg_var x); /* the derivative of log Γ */
WG_API wg_var wg_polygamma(wg_var x, int n); /* the n-th derivative of digamma, n = 0 … 170 */

/* min(max(x, min), max), of whole numbers too; an infinite bound is none. The gradient is 1 at the bounds, as PyTorch's clamp
 * has it; NaN is handed on. ONNX Clip, there with the bounds as inputs. */
WG_API wg_var wg_clip(wg_var x, double min, double max);
/* x, with numbers for NaN and the infinities: an infinite posinf or neginf is the largest or least finite
 * number of the dtype. PyTorch's defaults are wg_nan_to_num(x, 0, INFINITY, -INFINITY). The gradient is 0
 * where x is not finite. */
WG_API wg_var wg_nan_to_num(wg_var x, double nan, double posinf, double neginf);

/* These give bool and have no gradient. */
WG_API wg_var wg_isnan(wg_var x);
WG_API wg_var wg_isinf(wg_var x); /* of either sign */
WG_API wg_var wg_isfinite(wg_var x);
WG_API wg_var wg_logical_not(wg_var x); /* x == 0, of any dtype, as PyTorch has it; ONNX takes bool alone */

/* --- Of two and three numbers ---------------------------------------------------------------------- */

/* What is left of a divided by b: with the sign of a, as C's fmod and % have it (ONNX Mod, fmod = 1), and
 * with the sign of b, as Python's % has it (ONNX Mod, fmod = 0). Whole numbers: by 0 is an error at run time.
 */
WG_API wg_var wg_fmod(wg_var a, wg_var b);
WG_API wg_var wg_remainder(wg_var a, wg_var b);

WG_API wg_var wg_hypot(wg_var a, wg_var b);     /* sqrt(a² + b²) without overflow; gradient 0 at (0, 0) */
/* The angle of the point (b, a), in -π … π, in all quadrants and at signed zeros as C99 atan2(a, b). Gradient 0 at (0, 0). */
WG_API wg_var wg_atan2(wg_var a, wg_var b);

WG_API wg_var wg_copysign(wg_var a, wg_var b);  /* |a| with the sign of b, that of -0 too; gradient 0 where a is 0 */
WG_API wg_var wg_logaddexp(wg_var a, wg_var b); /* log(exp(a) + exp(b)) without overflow */
WG_API wg_var wg_xlogy(wg_var a, wg_var b);     /* a log(b), and 0 where a is 0 */

WG_API wg_var wg_lerp(wg_var a, wg_var b, wg_var t);                  /* a + t (b - a) */
WG_API wg_var wg_addcmul(wg_var x, double value, wg_var a, wg_var b); /* x + value a b */

/* Of any dtype, true where not 0, as PyTorch has it (ONNX takes bool alone). They give bool and have no
 * gradient. */
WG_API wg_var wg_logical_and(wg_var a, wg_var b);
WG_API wg_var wg_logical_or(wg_var a, wg_var b);
WG_API wg_var wg_logical_xor(wg_var a, wg_var b);

WG_END_C

#define wg_add(...) WG_AT((wg_add)(__VA_ARGS__))
#define wg_sub(...) WG_AT((wg_sub)(__VA_ARGS__))
#define wg_mul(...) WG_AT((wg_mul)(__VA_ARGS__))
#define wg_div(...) WG_AT((wg_div)(__VA_ARGS__))
#define wg_pow(...) WG_AT((wg_pow)(__VA_ARGS__))
#define wg_maximum(...) WG_AT((wg_maximum)(__VA_ARGS__))
#define wg_minimum(...) WG_AT((wg_minimum)(__VA_ARGS__))
#define wg_neg(...) WG_AT((wg_neg)(__VA_ARGS__))
#define wg_abs(...) WG_AT((wg_abs)(__VA_ARGS__))
#define wg_sign(...) WG_AT((wg_sign)(__VA_ARGS__))
#define wg_exp(...) WG_AT((wg_exp)(__VA_ARGS__))
#define wg_log(...) WG_AT((wg_log)(__VA_ARGS__))
#define wg_sqrt(...) WG_AT((wg_sqrt)(__VA_ARGS__))
#define wg_square(...) WG_AT((wg_square)(__VA_ARGS__))
#define wg_sin(...) WG_AT((wg_sin)(__VA_ARGS__))
#define wg_cos(...) WG_AT((wg_cos)(__VA_ARGS__))
#define wg_tanh(...) WG_AT((wg_tanh)(__VA_ARGS__))
#define wg_sigmoid(...) WG_AT((wg_sigmoid)(__VA_ARGS__))
#define wg_relu(...) WG_AT((wg_relu)(__VA_ARGS__))
#define wg_equal(...) WG_AT((wg_equal)(__VA_ARGS__))
#define wg_not_equal(...) WG_AT((wg_not_equal)(__VA_ARGS__))
#define wg_less(...) WG_AT((wg_less)(__VA_ARGS__))
#define wg_less_equal(...) WG_AT((wg_less_equal)(__VA_ARGS__))
#define wg_greater(...) WG_AT((wg_greater)(__VA_ARGS__))
#define wg_greater_equal(...) WG_AT((wg_greater_equal)(__VA_ARGS__))
#define wg_floor(...) WG_AT((wg_floor)(__VA_ARGS__))
#define wg_ceil(...) WG_AT((wg_ceil)(__VA_ARGS__))
#define wg_round(...) WG_AT((wg_round)(__VA_ARGS__))
#define wg_trunc(...) WG_AT((wg_trunc)(__VA_ARGS__))
#define wg_clip(...) WG_AT((wg_clip)(__VA_ARGS__))
#define wg_nan_to_num(...) WG_AT((wg_nan_to_num)(__VA_ARGS__))
#define wg_isnan(...) WG_AT((wg_isnan)(__VA_ARGS__))
#define wg_isinf(...) WG_AT((wg_isinf)(__VA_ARGS__))
#define wg_isfinite(...) WG_AT((wg_isfinite)(__VA_ARGS__))
#define wg_logical_not(...) WG_AT((wg_logical_not)(__VA_ARGS__))
#define wg_expm1(...) WG_AT((wg_expm1)(__VA_ARGS__))
#define wg_exp2(...) WG_AT((wg_exp2)(__VA_ARGS__))
#define wg_log1p(...) WG_AT((wg_log1p)(__VA_ARGS__))
#define wg_log2(...) WG_AT((wg_log2)(__VA_ARGS__))
#define wg_rsqrt(...) WG_AT((wg_rsqrt)(__VA_ARGS__))
#define wg_reciprocal(...) WG_AT((wg_reciprocal)(__VA_ARGS__))
#define wg_tan(...) WG_AT((wg_tan)(__VA_ARGS__))
#define wg_asin(...) WG_AT((wg_asin)(__VA_ARGS__))
#define wg_acos(...) WG_AT((wg_acos)(__VA_ARGS__))
#define wg_atan(...) WG_AT((wg_atan)(__VA_ARGS__))
#define wg_sinh(...) WG_AT((wg_sinh)(__VA_ARGS__))
#define wg_cosh(...) WG_AT((wg_cosh)(__VA_ARGS__))
#define wg_asinh(...) WG_AT((wg_asinh)(__VA_ARGS__))
#define wg_acosh(...) WG_AT((wg_acosh)(__VA_ARGS__))
#define wg_atanh(...) WG_AT((wg_atanh)(__VA_ARGS__))
#define wg_erf(...) WG_AT((wg_erf)(__VA_ARGS__))
#define wg_erfc(...) WG_AT((wg_erfc)(__VA_ARGS__))
#define wg_lgamma(...) WG_AT((wg_lgamma)(__VA_ARGS__))
#define wg_digamma(...) WG_AT((wg_digamma)(__VA_ARGS__))
#define wg_polygamma(...) WG_AT((wg_polygamma)(__VA_ARGS__))
#define wg_fmod(...) WG_AT((wg_fmod)(__VA_ARGS__))
#define wg_remainder(...) WG_AT((wg_remainder)(__VA_ARGS__))
#define wg_hypot(...) WG_AT((wg_hypot)(__VA_ARGS__))
#define wg_atan2(...) WG_AT((wg_atan2)(__VA_ARGS__))
#define wg_copysign(...) WG_AT((wg_copysign)(__VA_ARGS__))
#define wg_logaddexp(...) WG_AT((wg_logaddexp)(__VA_ARGS__))
#define wg_xlogy(...) WG_AT((wg_xlogy)(__VA_ARGS__))
#define wg_lerp(...) WG_AT((wg_lerp)(__VA_ARGS__))
#define wg_addcmul(...) WG_AT((wg_addcmul)(__VA_ARGS__))
#define wg_logical_and(...) WG_AT((wg_logical_and)(__VA_ARGS__))
#define wg_logical_or(...) WG_AT((wg_logical_or)(__VA_ARGS__))
#define wg_logical_xor(...) WG_AT((wg_logical_xor)(__VA_ARGS__))
#define wg_where(...) WG_AT((wg_where)(__VA_ARGS__))
#define wg_cast(...) WG_AT((wg_cast)(__VA_ARGS__))
#define wg_stop_gradient(...) WG_AT((wg_stop_gradient)(__VA_ARGS__))
#define wg_gradient_scale(...) WG_AT((wg_gradient_scale)(__VA_ARGS__))
#define wg_gradient_reversal(...) WG_AT((wg_gradient_reversal)(__VA_ARGS__))
#define wg_straight_through(...) WG_AT((wg_straight_through)(__VA_ARGS__))
#define wg_check_finite(...) WG_AT((wg_check_finite)(__VA_ARGS__))

#endif
