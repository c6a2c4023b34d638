/* ops/losses — distances between what a model says and what it should. See wengert/ops.h. */
#ifndef WENGERT_OPS_LOSSES_H
#define WENGERT_OPS_LOSSES_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef enum wg_reduction { WG_MEAN = 0, WG_SUM, WG_NO_REDUCTION } wg_reduction;
typedef struct wg_cross_entropy_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_;
    wg_var weight WG_DEFAULT_;          /* [C], of classes; default: none */
    double label_smoothing WG_DEFAULT_; /* e: targets are p (1 - e) + e / C in the place of p; 0 … 1 */
    int64_t ignore_index WG_DEFAULT_;   /* as in wg_class_loss_options */
} wg_cross_entropy_options;
/* logits [N, C, …]; targets: class indices [N, …] (i32, i64, u8), or probabilities [N, C, …] of the logits'
 * dtype. loss[n, …] = -sum_c w[c] p[n, c, …] log softmax(logits[n, :, …])[c]. A negative index is ignored:
 * loss 0, and not counted in the mean, which divides by the weights of the classes that are, but of
 * probabilities by the number of rows. A mean over no rows is NaN. All as in PyTorch's cross_entropy. */
WG_API wg_var wg_softmax_cross_entropy(wg_var logits, wg_var targets,
                                       const wg_cross_entropy_options *options);

typedef struct wg_loss_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN */
} wg_loss_options;
/* Of x and target, f32 or f64 and of one shape (PyTorch broadcasts them, with a warning): of that shape with
 * WG_NO_REDUCTION, else a scalar. With d = x - target: d²; |d|; d² / 2 up to |d| = delta (> 0) and
 * delta (|d| - delta / 2) from there on; and that divided by beta for delta = beta, |d| for beta = 0. PyTorch's
 * delta and beta are 1 by default. */
WG_API wg_var wg_mse_loss(wg_var x, wg_var target, const wg_loss_options *options);
WG_API wg_var wg_l1_loss(wg_var x, wg_var target, const wg_loss_options *options);
WG_API wg_var wg_huber_loss(wg_var x, wg_var target, double delta, const wg_loss_options *options);
WG_API wg_var wg_smooth_l1_loss(wg_var x, wg_var target, double beta, const wg_loss_options *options);

typedef struct wg_gaussian_nll_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN */
    bool full WG_DEFAULT_;              /* with log(2 pi) / 2 */
    double epsilon WG_DEFAULT_;         /* the least variance; default 1e-6 */
} wg_gaussian_nll_options;
/* (log variance + (target - x)² / variance) / 2, all three of one shape. */
WG_API wg_var wg_gaussian_nll_loss(wg_var x, wg_var target, wg_var variance,
                                   const wg_gaussian_nll_options *options);

typedef struct wg_poisson_nll_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN */
    bool full WG_DEFAULT_;              /* with Stirling's log target! where target > 1 */
    bool plain_input WG_DEFAULT_;       /* x is the rate, not its logarithm; PyTorch's log_input = False */
    double epsilon WG_DEFAULT_;         /* added to such an x; default 1e-8 */
} wg_poisson_nll_options;
/* exp(x) - target x, or x - target log(x + epsilon), of one shape. */
WG_API wg_var wg_poisson_nll_loss(wg_var x, wg_var target, const wg_poisson_nll_options *options);

/* Of targets t between 0 and 1, alike in shape with x. The weights are optional (WG_NONE) and broadcast to x;
 * the mean is of all elements, whatever their weights. bce_loss takes probabilities x, and no logarithm below
 * -100; bce_with_logits takes logits x of any size, pos_weight being a further factor of t. PyTorch's
 * binary_cross_entropy and binary_cross_entropy_with_logits. */
WG_API wg_var wg_bce_loss(wg_var x, wg_var target, wg_var weight, const wg_loss_options *options);
WG_API wg_var wg_bce_with_logits(wg_var x, wg_var target, wg_var weight, wg_var pos_weight,
                                 const wg_loss_options *options);
/* As bce_with_logits, times (1 - the probability of the target)^gamma, and times alpha where t = 1, 1 - alpha
 * where t = 0 (alpha < 0: no such factor). torchvision.ops.sigmoid_focal_loss, there with alpha 0.25, gamma 2
 * and no reduction by default. */
WG_API wg_var wg_sigmoid_focal_loss(wg_var x, wg_var target, double alpha, double gamma,
                                    const wg_loss_options *options);

typedef struct wg_kl_div_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN, of all elements; PyTorch's batchmean: the sum, over N */
    bool log_target WG_DEFAULT_;        /* the target is a logarithm too */
} wg_kl_div_options;
/* t (log t - x), and 0 where t is 0, for logarithms x of probabilities; exp(t) (t - x) with log_target. */
WG_API wg_var wg_kl_div(wg_var x, wg_var target, const wg_kl_div_options *options);

/* Targets are 1 or -1, all inputs of one shape. max(0, margin - t (a - b)), PyTorch's margin 0; and x where
 * t = 1, max(0, margin - x) where t = -1, PyTorch's margin 1, in which t has no gradient. */
WG_API wg_var wg_margin_ranking_loss(wg_var a, wg_var b, wg_var target, double margin,
                                     const wg_loss_options *options);
WG_API wg_var wg_hinge_embedding_loss(wg_var x, wg_var target, double margin, const wg_loss_options *options);

typedef struct wg_triplet_margin_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN */
    double margin WG_DEFAULT_;          /* default 1; WG_ZERO: 0 */
    double p WG_DEFAULT_;               /* of the norm, above 0, INFINITY too; default 2 */
    double epsilon WG_DEFAULT_;         /* added to differences; default 1e-6; WG_ZERO: 0 */
    bool swap WG_DEFAULT_;              /* the negative's distance to the nearer of anchor and positive */
} wg_triplet_margin_options;
/* max(0, d(anchor, positive) - d(anchor, negative) + margin), of distances along the last axis of three of one
 * shape (PyTorch broadcasts them): without reduction a number for each of the other axes. */
WG_API wg_var wg_triplet_margin_loss(wg_var anchor, wg_var positive, wg_var negative,
                                     const wg_triplet_margin_options *options);

typedef struct wg_cosine_options {
    WG_OPTIONS_HEAD;
    double epsilon WG_DEFAULT_; /* the least length that is divided by; default 1e-8 */
} wg_cosine_options;
/* The cosine of the angle between vectors along one axis of what a and b broadcast to, which the result
 * lacks; 0 of a zero vector. torch.nn.functional.cosine_similarity, whose dim is 1 by default. */
WG_API wg_var wg_cosine_similarity(wg_var a, wg_var b, int axis, const wg_cosine_options *options);
/* With that cosine y along the last axis of a and b, of one shape, and a target of it without that axis:
 * 1 - y where the target is 1, max(0, y - margin) where it is -1, else 0; PyTorch's margin is 0. The target
 * has no gradient. */
WG_API wg_var wg_cosine_embedding_loss(wg_var a, wg_var b, wg_var target, double margin,
                                       const wg_loss_options *options);

typedef struct wg_class_loss_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN */
    int64_t ignore_index WG_DEFAULT_;   /* a class that does not count, such as 255; default: none */
} wg_class_loss_options;
/* Of logarithms of probabilities x [N, C, …] and class indices [N, …] (i32, i64, u8): -w[t] x[n, t, …], w
 * being an optional weight [C] (WG_NONE). The mean divides by the weights of what counts, and is NaN where
 * nothing does; a negative index never does. An index that is not below C is an error of the run. The op's
 * ignore_index is -100 by default, and class 0 can be named there (wg_apply_named), or be given the weight 0.
 * torch.nn.functional.nll_loss, ONNX NegativeLogLikelihoodLoss. */
WG_API wg_var wg_nll_loss(wg_var x, wg_var targets, wg_var weight, const wg_class_loss_options *options);

typedef struct wg_ctc_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_; /* WG_MEAN: of losses over the number of targets, at least 1, of each */
    int64_t blank WG_DEFAULT_;          /* the class that stands for none; default 0 */
    bool zero_infinity WG_DEFAULT_;     /* 0 in the place of an infinite loss */
} wg_ctc_options;
/* -log of the probability that x [T, N, C], logarithms of probabilities, gives the targets [N, S]: of the first
 * input_lengths[n] steps, and the first target_lengths[n] targets, which are classes other than the blank. Whole
 * numbers are i32 or i64; one that is out of range is an error of the run. Infinite where there are too few steps;
 * there the gradient is 0. torch.nn.functional.ctc_loss, whose gradient is right only behind a log_softmax. */
WG_API wg_var wg_ctc_loss(wg_var x, wg_var targets, wg_var input_lengths, wg_var target_lengths,
                          const wg_ctc_options *options);

WG_END_C

#define wg_softmax_cross_entropy(...) WG_AT(wg_softmax_cross_entropy_(__VA_ARGS__, ))
#define wg_softmax_cross_entropy_(logits, targets, ...)                                            \
    (wg_softmax_cross_entropy)(logits, targets, WG_OPTIONS_(wg_cross_entropy_options, __VA_ARGS__))
#define wg_mse_loss(...) WG_AT(wg_mse_loss_(__VA_ARGS__, ))
#define wg_mse_loss_(x, target, ...) \
    (wg_mse_loss)(x, target, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_l1_loss(...) WG_AT(wg_l1_loss_(__VA_ARGS__, ))
#define wg_l1_loss_(x, target, ...) \
    (wg_l1_loss)(x, target, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_huber_loss(...) WG_AT(wg_huber_loss_(__VA_ARGS__, ))
#define wg_huber_loss_(x, target, delta, ...) \
    (wg_huber_loss)(x, target, delta, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_smooth_l1_loss(...) WG_AT(wg_smooth_l1_loss_(__VA_ARGS__, ))
#define wg_smooth_l1_loss_(x, target, beta, ...) \
    (wg_smooth_l1_loss)(x, target, beta, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_gaussian_nll_loss(...) WG_AT(wg_gaussian_nll_loss_(__VA_ARGS__, ))
#define wg_gaussian_nll_loss_(x, target, variance, ...)                                            \
    (wg_gaussian_nll_loss)(x, target, variance, WG_OPTIONS_(wg_gaussian_nll_options, __VA_ARGS__))
#define wg_poisson_nll_loss(...) WG_AT(wg_poisson_nll_loss_(__VA_ARGS__, ))
#define wg_poisson_nll_loss_(x, target, ...)                                                       \
    (wg_poisson_nll_loss)(x, target, WG_OPTIONS_(wg_poisson_nll_options, __VA_ARGS__))

#define wg_bce_loss(...) WG_AT(wg_bce_loss_(__VA_ARGS__, ))
#define wg_bce_loss_(x, target, weight, ...) \
    (wg_bce_loss)(x, target, weight, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_bce_with_logits(...) WG_AT(wg_bce_with_logits_(__VA_ARGS__, ))
#define wg_bce_with_logits_(x, target, weight, pos_weight, ...) \
    (wg_bce_with_logits)(x, target, weight, pos_weight, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_sigmoid_focal_loss(...) WG_AT(wg_sigmoid_focal_loss_(__VA_ARGS__, ))
#define wg_sigmoid_focal_loss_(x, target, alpha, gamma, ...) \
    (wg_sigmoid_focal_loss)(x, target, alpha, gamma, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_kl_div(...) WG_AT(wg_kl_div_(__VA_ARGS__, ))
#define wg_kl_div_(x, target, ...) (wg_kl_div)(x, target, WG_OPTIONS_(wg_kl_div_options, __VA_ARGS__))
#define wg_margin_ranking_loss(...) WG_AT(wg_margin_ranking_loss_(__VA_ARGS__, ))
#define wg_margin_ranking_loss_(a, b, target, margin, ...) \
    (wg_margin_ranking_loss)(a, b, target, margin, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_hinge_embedding_loss(...) WG_AT(wg_hinge_embedding_loss_(__VA_ARGS__, ))
#define wg_hinge_embedding_loss_(x, target, margin, ...) \
    (wg_hinge_embedding_loss)(x, target, margin, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_triplet_margin_loss(...) WG_AT(wg_triplet_margin_loss_(__VA_ARGS__, ))
#define wg_triplet_margin_loss_(anchor, positive, negative, ...)                                  \
    (wg_triplet_margin_loss)(anchor, positive, negative,                                          \
                             WG_OPTIONS_(wg_triplet_margin_options, __VA_ARGS__))
#define wg_cosine_similarity(...) WG_AT(wg_cosine_similarity_(__VA_ARGS__, ))
#define wg_cosine_similarity_(a, b, axis, ...)                                                    \
    (wg_cosine_similarity)(a, b, axis, WG_OPTIONS_(wg_cosine_options, __VA_ARGS__))
#define wg_cosine_embedding_loss(...) WG_AT(wg_cosine_embedding_loss_(__VA_ARGS__, ))
#define wg_cosine_embedding_loss_(a, b, target, margin, ...)                                      \
    (wg_cosine_embedding_loss)(a, b, target, margin, WG_OPTIONS_(wg_loss_options, __VA_ARGS__))
#define wg_nll_loss(...) WG_AT(wg_nll_loss_(__VA_ARGS__, ))
#define wg_nll_loss_(x, targets, weight, ...)                                                     \
    (wg_nll_loss)(x, targets, weight, WG_OPTIONS_(wg_class_loss_options, __VA_ARGS__))
#define wg_ctc_loss(...) WG_AT(wg_ctc_loss_(__VA_ARGS__, ))
#define wg_ctc_loss_(x, targets, input_lengths, target_lengths, ...)                               \
    (wg_ctc_loss)(x, targets, input_lengths, target_lengths, WG_OPTIONS_(wg_ctc_options, __VA_ARGS__))

#endif
