/* ops/normalization — values brought to mean 0 and variance 1, and their kin. See wengert/ops.h. */
#ifndef WENGERT_OPS_NORMALIZATION_H
#define WENGERT_OPS_NORMALIZATION_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_standardize_options {
    WG_OPTIONS_HEAD;
    double epsilon WG_DEFAULT_; /* added to the variance; default 1e-5 */
    bool no_center WG_DEFAULT_; /* the mean counts as 0, and the mean square as variance */
} wg_standardize_options;
/* y = (x - mean) / sqrt(variance + epsilon), of x's shape: for each index of the axes from … to-1, over all
 * others. wg_output(y, 1), (y, 2) and (y, 3) are the mean, 1 / sqrt(variance + epsilon) and the variance
 * (divided by the count), in which all other axes have extent 1. The ops below are made of it. */
WG_API wg_var wg_standardize(wg_var x, int from, int to, const wg_standardize_options *options);

typedef struct wg_norm_options {
    WG_OPTIONS_HEAD;
    double epsilon WG_DEFAULT_; /* added to the variance; default 1e-5 */
} wg_norm_options;
/* y = (x - mean) / sqrt(variance + epsilon) weight + bias, of x's shape; weight and bias may be WG_NONE. Over
 * axes axis … last, where weight and bias have those axes' extents; rms_norm with 0 for the mean. PyTorch's
 * rms_norm has the dtype's roundoff as default of epsilon, ONNX's 1e-5. */
WG_API wg_var wg_layer_norm(wg_var x, wg_var weight, wg_var bias, int axis, const wg_norm_options *options);
WG_API wg_var wg_rms_norm(wg_var x, wg_var weight, int axis, const wg_norm_options *options);
/* As layer_norm, for x [N, C, …] with weight and bias [C]: over each of num_groups groups of channels, and over
 * each channel, of each sample. */
WG_API wg_var wg_group_norm(wg_var x, wg_var weight, wg_var bias, int64_t num_groups,
                            const wg_norm_options *options);
WG_API wg_var wg_instance_norm(wg_var x, wg_var weight, wg_var bias, const wg_norm_options *options);
/* Over each channel of all samples: with a mean and a variance [C] that are given (running ones, for
 * inference), or, where both are WG_NONE, with x's own, through which gradients flow. */
WG_API wg_var wg_batch_norm(wg_var x, wg_var weight, wg_var bias, wg_var mean, wg_var variance,
                            const wg_norm_options *options);

typedef struct wg_local_response_norm_options {
    WG_OPTIONS_HEAD;
    double alpha WG_DEFAULT_, beta WG_DEFAULT_, bias WG_DEFAULT_; /* defaults 1e-4, 0.75 and 1 */
} wg_local_response_norm_options;
/* y = x / (bias + alpha / size sum x²)^beta, the sum over `size` channels about each of x [N, C, …], beyond
 * which there are zeros. An even size has one channel more behind than before, as in ONNX, not PyTorch. */
WG_API wg_var wg_local_response_norm(wg_var x, int size, const wg_local_response_norm_options *options);

/* w = g v / |v|: for each index of one axis the root of the sum of squares over all others; in g these have
 * extent 1. */
WG_API wg_var wg_weight_norm(wg_var v, wg_var g, int axis);

WG_END_C

#define wg_standardize(...) WG_AT(wg_standardize_(__VA_ARGS__, ))
#define wg_standardize_(x, from, to, ...)                                                          \
    (wg_standardize)(x, from, to, WG_OPTIONS_(wg_standardize_options, __VA_ARGS__))
#define wg_layer_norm(...) WG_AT(wg_layer_norm_(__VA_ARGS__, ))
#define wg_layer_norm_(x, weight, bias, axis, ...)                                                 \
    (wg_layer_norm)(x, weight, bias, axis, WG_OPTIONS_(wg_norm_options, __VA_ARGS__))
#define wg_rms_norm(...) WG_AT(wg_rms_norm_(__VA_ARGS__, ))
#define wg_rms_norm_(x, weight, axis, ...)                                                         \
    (wg_rms_norm)(x, weight, axis, WG_OPTIONS_(wg_norm_options, __VA_ARGS__))
#define wg_group_norm(...) WG_AT(wg_group_norm_(__VA_ARGS__, ))
#define wg_group_norm_(x, weight, bias, num_groups, ...)                                           \
    (wg_group_norm)(x, weight, bias, num_groups, WG_OPTIONS_(wg_norm_options, __VA_ARGS__))
#define wg_instance_norm(...) WG_AT(wg_instance_norm_(__VA_ARGS__, ))
#define wg_instance_norm_(x, weight, bias, ...)                                                    \
    (wg_instance_norm)(x, weight, bias, WG_OPTIONS_(wg_norm_options, __VA_ARGS__))
#define wg_batch_norm(...) WG_AT(wg_batch_norm_(__VA_ARGS__, ))
#define wg_batch_norm_(x, weight, bias, mean, variance, ...)                                       \
    (wg_batch_norm)(x, weight, bias, mean, variance, WG_OPTIONS_(wg_norm_options, __VA_ARGS__))
#define wg_local_response_norm(...) WG_AT(wg_local_response_norm_(__VA_ARGS__, ))
#define wg_local_response_norm_(x, size, ...)                                                      \
    (wg_local_response_norm)(x, size, WG_OPTIONS_(wg_local_response_norm_options, __VA_ARGS__))
#define wg_weight_norm(...) WG_AT((wg_weight_norm)(__VA_ARGS__))

#endif
