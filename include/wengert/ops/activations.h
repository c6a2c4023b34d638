/* ops/activations — the nonlinearities of networks. See wengert/ops.h. */
#ifndef WENGERT_OPS_ACTIVATIONS_H
#define WENGERT_OPS_ACTIVATIONS_H

#include <wengert/tape.h>

WG_BEGIN_C

/* At a kink the gradient is that of the flat side. Numbers are ONNX's attributes; where it has no such op, or where
 * its default is another, what PyTorch has is said. */
WG_API wg_var wg_relu6(wg_var x);                    /* min(max(x, 0), 6) */
WG_API wg_var wg_leaky_relu(wg_var x, double alpha); /* x > 0 ? x : alpha x; default 0.01 */
WG_API wg_var wg_prelu(wg_var x, wg_var slope);      /* x > 0 ? x : slope x; slope broadcasts to x, as in ONNX */
WG_API wg_var wg_elu(wg_var x, double alpha);        /* x > 0 ? x : alpha (exp(x) - 1); default 1 */
WG_API wg_var wg_celu(wg_var x, double alpha);       /* x > 0 ? x : alpha (exp(x / alpha) - 1); default 1 */
WG_API wg_var wg_selu(wg_var x);                     /* with the paper's constants, as PyTorch */
typedef struct wg_gelu_options {
    WG_OPTIONS_HEAD;
    bool tanh WG_DEFAULT_; /* the approximation by tanh; approximate="tanh" in ONNX and PyTorch */
} wg_gelu_options;
WG_API wg_var wg_gelu(wg_var x, const wg_gelu_options *options); /* x Φ(x) */
WG_API wg_var wg_silu(wg_var x); /* x sigmoid(x) */
WG_API wg_var wg_mish(wg_var x); /* x tanh(log(1 + exp(x))) */
WG_API wg_var wg_log_sigmoid(wg_var x);
WG_API wg_var wg_softplus(wg_var x, double beta, double threshold); /* PyTorch's: 1, 20; ONNX: 1 and no threshold */
WG_API wg_var wg_softsign(wg_var x);                                /* x / (1 + |x|) */
WG_API wg_var wg_hard_sigmoid(wg_var x, double alpha, double beta); /* alpha x + beta in 0 … 1; 0.2, 0.5; PyTorch 1/6 */
WG_API wg_var wg_hard_swish(wg_var x);                              /* x (x / 6 + 1/2), the factor in 0 … 1 */
WG_API wg_var wg_hard_tanh(wg_var x, double min, double max);       /* PyTorch's: -1, 1 */
WG_API wg_var wg_hard_shrink(wg_var x, double lambda); /* |x| > lambda ? x : 0; ONNX Shrink, bias 0; default 0.5 */
WG_API wg_var wg_soft_shrink(wg_var x, double lambda); /* ONNX Shrink with bias = lambda; PyTorch's default 0.5 */
WG_API wg_var wg_threshold(wg_var x, double threshold, double value); /* x > threshold ? x : value; ONNX: 1, 0 */
/* The halves a and b of x along an axis: a sigmoid(b), and silu(a) b. */
WG_API wg_var wg_glu(wg_var x, int axis);
WG_API wg_var wg_swiglu(wg_var x, int axis);

WG_API wg_var wg_softmin(wg_var x, int axis); /* softmax(-x) */

WG_API wg_var wg_softmax(wg_var x, int axis);
WG_API wg_var wg_log_softmax(wg_var x, int axis);

WG_END_C

#define wg_softmax(...) WG_AT((wg_softmax)(__VA_ARGS__))
#define wg_log_softmax(...) WG_AT((wg_log_softmax)(__VA_ARGS__))
#define wg_relu6(...) WG_AT((wg_relu6)(__VA_ARGS__))
#define wg_leaky_relu(...) WG_AT((wg_leaky_relu)(__VA_ARGS__))
#define wg_prelu(...) WG_AT((wg_prelu)(__VA_ARGS__))
#define wg_hard_sigmoid(...) WG_AT((wg_hard_sigmoid)(__VA_ARGS__))
#define wg_hard_swish(...) WG_AT((wg_hard_swish)(__VA_ARGS__))
#define wg_hard_tanh(...) WG_AT((wg_hard_tanh)(__VA_ARGS__))
#define wg_hard_shrink(...) WG_AT((wg_hard_shrink)(__VA_ARGS__))
#define wg_soft_shrink(...) WG_AT((wg_soft_shrink)(__VA_ARGS__))
#define wg_threshold(...) WG_AT((wg_threshold)(__VA_ARGS__))
#define wg_elu(...) WG_AT((wg_elu)(__VA_ARGS__))
#define wg_selu(...) WG_AT((wg_selu)(__VA_ARGS__))
#define wg_celu(...) WG_AT((wg_celu)(__VA_ARGS__))
#define wg_gelu(...) WG_AT(wg_gelu_(__VA_ARGS__, ))
#define wg_gelu_(x, ...) (wg_gelu)(x, WG_OPTIONS_(wg_gelu_options, __VA_ARGS__))
#define wg_silu(...) WG_AT((wg_silu)(__VA_ARGS__))
#define wg_mish(...) WG_AT((wg_mish)(__VA_ARGS__))
#define wg_log_sigmoid(...) WG_AT((wg_log_sigmoid)(__VA_ARGS__))
#define wg_softplus(...) WG_AT((wg_softplus)(__VA_ARGS__))
#define wg_softsign(...) WG_AT((wg_softsign)(__VA_ARGS__))
#define wg_glu(...) WG_AT((wg_glu)(__VA_ARGS__))
#define wg_swiglu(...) WG_AT((wg_swiglu)(__VA_ARGS__))
#define wg_softmin(...) WG_AT((wg_softmin)(__VA_ARGS__))

#endif
