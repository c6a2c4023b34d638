/* ops/reductions — sums, extremes and the like over axes, and running ones along an axis. See wengert/ops.h. */
#ifndef WENGERT_OPS_REDUCTIONS_H
#define WENGERT_OPS_REDUCTIONS_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_reduce_options {
    WG_OPTIONS_HEAD;
    bool keepdims WG_DEFAULT_; /* reduced axes stay, with extent 1 */
} wg_reduce_options;

/* Over the listed axes (negative ones from the back), or over WG_ALL_AXES. */
WG_API wg_var wg_sum(wg_var x, const wg_axes *axes, const wg_reduce_options *options);
WG_API wg_var wg_mean(wg_var x, const wg_axes *axes, const wg_reduce_options *options);
WG_API wg_var wg_max(wg_var x, const wg_axes *axes, const wg_reduce_options *options); /* gradient to the first of equals; NaN if any is */
WG_API wg_var wg_min(wg_var x, const wg_axes *axes, const wg_reduce_options *options); /* as wg_max */
/* Index (i64) of the first largest along one axis; of the first NaN if there is one. No gradient. */
WG_API wg_var wg_argmax(wg_var x, int axis, const wg_reduce_options *options);
WG_API wg_var wg_argmin(wg_var x, int axis, const wg_reduce_options *options); /* of the first least */

/* The gradient is exact with zeros too; of no elements 1. */
WG_API wg_var wg_prod(wg_var x, const wg_axes *axes, const wg_reduce_options *options);

typedef struct wg_scan_options {
    WG_OPTIONS_HEAD;
    bool exclusive WG_DEFAULT_; /* each sum or product without the element itself */
    bool reverse WG_DEFAULT_;   /* from the last to the first */
} wg_scan_options;
/* Sums and products of all elements up to each, along one axis. ONNX CumSum; torch without the options. */
WG_API wg_var wg_cumsum(wg_var x, int axis, const wg_scan_options *options);
WG_API wg_var wg_cumprod(wg_var x, int axis, const wg_scan_options *options);

typedef struct wg_deviation_options {
    WG_OPTIONS_HEAD;
    bool keepdims WG_DEFAULT_;
    double correction WG_DEFAULT_; /* subtracted from the count that is divided by; default 1; WG_ZERO: 0 */
} wg_deviation_options;
/* Variance (op `var`) and standard deviation, with PyTorch's correction; of no more elements than that they are
 * infinite or NaN. The gradient of std is 0 where it is 0. */
WG_API wg_var wg_variance(wg_var x, const wg_axes *axes, const wg_deviation_options *options);
WG_API wg_var wg_std(wg_var x, const wg_axes *axes, const wg_deviation_options *options);
/* (sum |x|^p)^(1/p), as torch.linalg.vector_norm: p = INFINITY and -INFINITY are the largest and the least size (the
 * gradient goes to the first of equals), p = 0 counts what is not 0. Does not overflow; gradient 0 at 0. */
WG_API wg_var wg_norm(wg_var x, double p, const wg_axes *axes, const wg_reduce_options *options);
WG_API wg_var wg_logsumexp(wg_var x, const wg_axes *axes, const wg_reduce_options *options); /* does not overflow */
/* Is any, are all elements not 0? Of any dtype; they give bool and have no gradient. Of none: false, true. */
WG_API wg_var wg_any(wg_var x, const wg_axes *axes, const wg_reduce_options *options);
WG_API wg_var wg_all(wg_var x, const wg_axes *axes, const wg_reduce_options *options);

WG_END_C

#define wg_sum(...) WG_AT(wg_sum_(__VA_ARGS__, ))
#define wg_sum_(x, axes, ...) (wg_sum)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_mean(...) WG_AT(wg_mean_(__VA_ARGS__, ))
#define wg_mean_(x, axes, ...) (wg_mean)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_max(...) WG_AT(wg_max_(__VA_ARGS__, ))
#define wg_max_(x, axes, ...) (wg_max)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_prod(...) WG_AT(wg_prod_(__VA_ARGS__, ))
#define wg_prod_(x, axes, ...) (wg_prod)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_cumsum(...) WG_AT(wg_cumsum_(__VA_ARGS__, ))
#define wg_cumsum_(x, axis, ...) (wg_cumsum)(x, axis, WG_OPTIONS_(wg_scan_options, __VA_ARGS__))
#define wg_cumprod(...) WG_AT(wg_cumprod_(__VA_ARGS__, ))
#define wg_cumprod_(x, axis, ...) (wg_cumprod)(x, axis, WG_OPTIONS_(wg_scan_options, __VA_ARGS__))
#define wg_variance(...) WG_AT(wg_variance_(__VA_ARGS__, ))
#define wg_variance_(x, axes, ...)                                                                 \
    (wg_variance)(x, WG_LIST_(axes), WG_OPTIONS_(wg_deviation_options, __VA_ARGS__))
#define wg_std(...) WG_AT(wg_std_(__VA_ARGS__, ))
#define wg_std_(x, axes, ...) (wg_std)(x, WG_LIST_(axes), WG_OPTIONS_(wg_deviation_options, __VA_ARGS__))
#define wg_norm(...) WG_AT(wg_norm_(__VA_ARGS__, ))
#define wg_norm_(x, p, axes, ...) (wg_norm)(x, p, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_logsumexp(...) WG_AT(wg_logsumexp_(__VA_ARGS__, ))
#define wg_logsumexp_(x, axes, ...)                                                                \
    (wg_logsumexp)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_any(...) WG_AT(wg_any_(__VA_ARGS__, ))
#define wg_any_(x, axes, ...) (wg_any)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_all(...) WG_AT(wg_all_(__VA_ARGS__, ))
#define wg_all_(x, axes, ...) (wg_all)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_min(...) WG_AT(wg_min_(__VA_ARGS__, ))
#define wg_min_(x, axes, ...) (wg_min)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_argmin(...) WG_AT(wg_argmin_(__VA_ARGS__, ))
#define wg_argmin_(x, axis, ...) (wg_argmin)(x, axis, WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_argmax(...) WG_AT(wg_argmax_(__VA_ARGS__, ))
#define wg_argmax_(x, axis, ...) (wg_argmax)(x, axis, WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))

#endif
