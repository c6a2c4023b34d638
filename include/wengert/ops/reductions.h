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

/* --- In order: a NaN counts as larger than any number, and equal elements stay in their order ----------- */

typedef struct wg_sort_options {
    WG_OPTIONS_HEAD;
    bool descending WG_DEFAULT_; /* the largest first */
} wg_sort_options;
/* The elements in order along one axis, from the least to the largest; their indices (i64) are output 1.
 * Stable, as torch.sort with stable = True. The gradient goes where the elements came from. */
WG_API wg_var wg_sort(wg_var x, int axis, const wg_sort_options *options);
/* The indices alone; no gradient. */
WG_API wg_var wg_argsort(wg_var x, int axis, const wg_sort_options *options);

typedef struct wg_topk_options {
    WG_OPTIONS_HEAD;
    bool smallest WG_DEFAULT_; /* the k least (attribute largest = false) */
    bool unsorted WG_DEFAULT_; /* in the order of x, not the best first (attribute sorted = false) */
} wg_topk_options;
/* The k largest along one axis; their indices (i64) are output 1. Of equal elements those with the lower
 * indices are taken, as ONNX TopK has it; torch.topk leaves that open. */
WG_API wg_var wg_topk(wg_var x, int64_t k, int axis, const wg_topk_options *options);

/* The largest or least of all elements up to each, along one axis; their indices (i64) are output 1: of
 * equal elements that of the last, as torch.cummax and torch.cummin have it. NaN from the first NaN on. */
WG_API wg_var wg_cumulative_max(wg_var x, int axis);
WG_API wg_var wg_cumulative_min(wg_var x, int axis);

/* The element in the middle, of two the lower, as torch.median (numpy.median: wg_quantile with q = 0.5); NaN
 * if any is. Output 1 is its index (i64) among the reduced elements in row-major order, of equal ones as a
 * stable sort has them. */
WG_API wg_var wg_median(wg_var x, const wg_axes *axes, const wg_reduce_options *options);

/* Between the elements s and t around number p = q (n - 1) of n in order. */
typedef enum wg_quantile_interpolation {
    WG_QUANTILE_LINEAR = 0, /* s + (p - floor(p)) (t - s) */
    WG_QUANTILE_LOWER,      /* s */
    WG_QUANTILE_HIGHER,     /* t */
    WG_QUANTILE_MIDPOINT,   /* (s + t) / 2 */
    WG_QUANTILE_NEAREST     /* the one that p is nearer to; of two the one with an even number */
} wg_quantile_interpolation;
typedef struct wg_quantile_options {
    WG_OPTIONS_HEAD;
    bool keepdims WG_DEFAULT_;
    wg_quantile_interpolation interpolation WG_DEFAULT_;
} wg_quantile_options;
enum { WG_MOST_QUANTILES = 16 };
/* The number that a share q, 0 … 1, of the elements is not above: torch.quantile. NaN if any element is. */
WG_API wg_var wg_quantile(wg_var x, double q, const wg_axes *axes, const wg_quantile_options *options);
/* Those of `count` shares, 1 … WG_MOST_QUANTILES, along a new axis in front. */
WG_API wg_var wg_quantiles(wg_var x, const double *q, int count, const wg_axes *axes,
                           const wg_quantile_options *options);

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
#define wg_sort(...) WG_AT(wg_sort_(__VA_ARGS__, ))
#define wg_sort_(x, axis, ...) (wg_sort)(x, axis, WG_OPTIONS_(wg_sort_options, __VA_ARGS__))
#define wg_argsort(...) WG_AT(wg_argsort_(__VA_ARGS__, ))
#define wg_argsort_(x, axis, ...) (wg_argsort)(x, axis, WG_OPTIONS_(wg_sort_options, __VA_ARGS__))
#define wg_topk(...) WG_AT(wg_topk_(__VA_ARGS__, ))
#define wg_topk_(x, k, axis, ...) (wg_topk)(x, k, axis, WG_OPTIONS_(wg_topk_options, __VA_ARGS__))
#define wg_cumulative_max(...) WG_AT((wg_cumulative_max)(__VA_ARGS__))
#define wg_cumulative_min(...) WG_AT((wg_cumulative_min)(__VA_ARGS__))
#define wg_median(...) WG_AT(wg_median_(__VA_ARGS__, ))
#define wg_median_(x, axes, ...) (wg_median)(x, WG_LIST_(axes), WG_OPTIONS_(wg_reduce_options, __VA_ARGS__))
#define wg_quantile(...) WG_AT(wg_quantile_(__VA_ARGS__, ))
#define wg_quantile_(x, q, axes, ...)                                                              \
    (wg_quantile)(x, q, WG_LIST_(axes), WG_OPTIONS_(wg_quantile_options, __VA_ARGS__))
#define wg_quantiles(...) WG_AT(wg_quantiles_(__VA_ARGS__, ))
#define wg_quantiles_(x, q, count, axes, ...)                                                      \
    (wg_quantiles)(x, q, count, WG_LIST_(axes), WG_OPTIONS_(wg_quantile_options, __VA_ARGS__))

#endif
