/* ops/random — numbers from a generator that counts: their bits come from seed, path, step and element.
 * See wengert/ops.h. */
#ifndef WENGERT_OPS_RANDOM_H
#define WENGERT_OPS_RANDOM_H

#include <wengert/tape.h>

WG_BEGIN_C

/* Where an op draws from: its bits are a function of this and of the element's place, whatever else a program
 * records and however many threads run. wg_model_draw (model.h) makes one of a model's seed and step and a
 * name that the tape has not met yet; two ops that are given the same one draw numbers that depend on each
 * other. */
typedef struct wg_draw {
    wg_var step; /* i64 scalar: another step draws afresh */
    uint64_t key;
} wg_draw;
WG_API wg_draw wg_draw_from(wg_var step, uint64_t seed, const char *path);

typedef struct wg_draw_options {
    WG_OPTIONS_HEAD;
    wg_dtype dtype WG_DEFAULT_; /* f32 (the default) or f64 */
} wg_draw_options;
/* Evenly distributed from low on and below high, which only rounding can give; ONNX RandomUniform,
 * torch.rand. To let a gradient reach low and high, draw with 0 and 1 and compute low + (high - low) u. */
WG_API wg_var wg_uniform(wg_draw draw, const wg_shape *shape, double low, double high,
                         const wg_draw_options *options);
/* Normally distributed, by Box and Muller's method; ONNX RandomNormal, torch.normal. To let a gradient reach
 * mean and std, draw with 0 and 1 and compute mean + std z. */
WG_API wg_var wg_normal(wg_draw draw, const wg_shape *shape, double mean, double std,
                        const wg_draw_options *options);

/* In what follows there is no gradient: a whole number does not follow probabilities continuously. */

/* Of p's shape and dtype: 1 with probability p, else 0. A p outside 0 … 1 fails the run. ONNX Bernoulli,
 * torch.bernoulli. One p for many: wg_broadcast_to. */
WG_API wg_var wg_bernoulli(wg_draw draw, wg_var p);
typedef struct wg_categorical_options {
    WG_OPTIONS_HEAD;
    bool probabilities WG_DEFAULT_; /* the input holds weights, at least 0, of any sum, not logarithms */
} wg_categorical_options;
/* Of each row of logits [..., C] so many classes, i64 [..., num_samples], with replacement: k with
 * probability softmax(logits)[k]. ONNX Multinomial; torch.multinomial with .probabilities (and
 * replacement=True). A row without weight, or with NaN, fails the run. */
WG_API wg_var wg_categorical(wg_draw draw, wg_var logits, int64_t num_samples,
                             const wg_categorical_options *options);
/* A random order of 0 … n-1, i64. torch.randperm. */
WG_API wg_var wg_randperm(wg_draw draw, int64_t n);

/* Of x's shape and dtype: 1 / (1 - p) with probability 1 - p, else 0. Bits come from (seed, path,
 * step, element): `step` is an i64 scalar. */
WG_API wg_var wg_dropout_mask(wg_var x, wg_var step, double p, uint64_t seed, const char *path);

/* The ops dropout, dropout1d, dropout2d, dropout3d, alpha_dropout and feature_alpha_dropout; model.h has
 * layers of these names, which know when a model trains. x times dropout's mask. */
WG_API wg_var wg_drop(wg_draw draw, wg_var x, double p);
/* One draw for each channel of each sample: x [N, C, L], [N, C, H, W], [N, C, D, H, W]. (PyTorch takes x
 * without N too.) */
WG_API wg_var wg_drop1d(wg_draw draw, wg_var x, double p);
WG_API wg_var wg_drop2d(wg_draw draw, wg_var x, double p);
WG_API wg_var wg_drop3d(wg_draw draw, wg_var x, double p);
/* What is dropped becomes selu's least value, and all is scaled and shifted so that a mean of 0 and a
 * variance of 1 are kept; each element by itself, or each channel of x [N, C, …]. */
WG_API wg_var wg_drop_alpha(wg_draw draw, wg_var x, double p);
WG_API wg_var wg_drop_feature_alpha(wg_draw draw, wg_var x, double p);

WG_END_C

#define wg_uniform(...) WG_AT(wg_uniform_(__VA_ARGS__, ))
#define wg_uniform_(draw, shape, low, high, ...)                                                   \
    (wg_uniform)(draw, WG_LIST_(shape), low, high, WG_OPTIONS_(wg_draw_options, __VA_ARGS__))
#define wg_normal(...) WG_AT(wg_normal_(__VA_ARGS__, ))
#define wg_normal_(draw, shape, mean, std, ...)                                                    \
    (wg_normal)(draw, WG_LIST_(shape), mean, std, WG_OPTIONS_(wg_draw_options, __VA_ARGS__))
#define wg_bernoulli(...) WG_AT((wg_bernoulli)(__VA_ARGS__))
#define wg_categorical(...) WG_AT(wg_categorical_(__VA_ARGS__, ))
#define wg_categorical_(draw, logits, num_samples, ...)                                            \
    (wg_categorical)(draw, logits, num_samples, WG_OPTIONS_(wg_categorical_options, __VA_ARGS__))
#define wg_randperm(...) WG_AT((wg_randperm)(__VA_ARGS__))
#define wg_dropout_mask(...) WG_AT((wg_dropout_mask)(__VA_ARGS__))
#define wg_drop(...) WG_AT((wg_drop)(__VA_ARGS__))
#define wg_drop1d(...) WG_AT((wg_drop1d)(__VA_ARGS__))
#define wg_drop2d(...) WG_AT((wg_drop2d)(__VA_ARGS__))
#define wg_drop3d(...) WG_AT((wg_drop3d)(__VA_ARGS__))
#define wg_drop_alpha(...) WG_AT((wg_drop_alpha)(__VA_ARGS__))
#define wg_drop_feature_alpha(...) WG_AT((wg_drop_feature_alpha)(__VA_ARGS__))

#endif
