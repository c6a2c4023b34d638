/* ops — the operations that a program records. Each returns a new var, or an invalid one after
 * putting an error on the tape. Formulas, shape rules and gradients stand in ops/NAME.c.
 *
 * Elementwise operations of two or three inputs broadcast as NumPy does. Dtypes must be alike
 * (wg_cast converts); a wg_scalar takes the dtype of what it meets. */
#ifndef WENGERT_OPS_H
#define WENGERT_OPS_H

#include <wengert/tape.h>

WG_BEGIN_C

/* --- Elementwise ------------------------------------------------------------------------------ */

WG_API wg_var wg_add(wg_var a, wg_var b);
WG_API wg_var wg_sub(wg_var a, wg_var b);
WG_API wg_var wg_mul(wg_var a, wg_var b);
WG_API wg_var wg_div(wg_var a, wg_var b);     /* whole numbers: truncated; by 0 is an error at run time */
WG_API wg_var wg_pow(wg_var a, wg_var b);     /* a to the power b, as C99 pow: pow(0, 0) = 1 */
WG_API wg_var wg_maximum(wg_var a, wg_var b); /* at a tie the gradient goes to a; NaN if either is */
WG_API wg_var wg_minimum(wg_var a, wg_var b); /* at a tie the gradient goes to a; NaN if either is */

WG_API wg_var wg_neg(wg_var x);
WG_API wg_var wg_abs(wg_var x); /* gradient 0 at 0 */
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

/* x itself; the run fails with WG_ERROR_NOT_FINITE, before anything is assigned, if it holds NaN or
 * infinity, and names the first node that made one. */
WG_API wg_var wg_check_finite(wg_var x);

/* --- Functions of one number ---------------------------------------------------------------------- */

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

/* min(max(x, min), max); an infinite bound is none. The gradient is 1 at the bounds, as PyTorch's clamp
 * has it; NaN is handed on. ONNX Clip, there with the bounds as inputs. */
WG_API wg_var wg_clip(wg_var x, double min, double max);
/* x, with numbers for NaN and the infinities: an infinite posinf or neginf is the largest or least finite
 * number of the dtype. PyTorch's defaults are wg_nan_to_num(x, 0, INFINITY, -INFINITY). The gradient is 0 where
 * x is not finite. */
WG_API wg_var wg_nan_to_num(wg_var x, double nan, double posinf, double neginf);

/* These give bool and have no gradient. */
WG_API wg_var wg_isnan(wg_var x);
WG_API wg_var wg_isinf(wg_var x); /* of either sign */
WG_API wg_var wg_isfinite(wg_var x);
WG_API wg_var wg_logical_not(wg_var x); /* x == 0, of any dtype, as PyTorch has it; ONNX takes bool alone */

/* --- Activations ------------------------------------------------------------------------------ */

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

/* --- Of two and three numbers ------------------------------------------------------------------- */

/* What is left of a divided by b: with the sign of a, as C's fmod and % have it (ONNX Mod, fmod = 1), and with
 * the sign of b, as Python's % has it (ONNX Mod, fmod = 0). Whole numbers: by 0 is an error at run time. */
WG_API wg_var wg_fmod(wg_var a, wg_var b);
WG_API wg_var wg_remainder(wg_var a, wg_var b);

WG_API wg_var wg_hypot(wg_var a, wg_var b);     /* sqrt(a² + b²) without overflow; gradient 0 at (0, 0) */
WG_API wg_var wg_copysign(wg_var a, wg_var b);  /* |a| with the sign of b, that of -0 too; gradient 0 where a is 0 */
WG_API wg_var wg_logaddexp(wg_var a, wg_var b); /* log(exp(a) + exp(b)) without overflow */
WG_API wg_var wg_xlogy(wg_var a, wg_var b);     /* a log(b), and 0 where a is 0 */

WG_API wg_var wg_lerp(wg_var a, wg_var b, wg_var t);                  /* a + t (b - a) */
WG_API wg_var wg_addcmul(wg_var x, double value, wg_var a, wg_var b); /* x + value a b */

/* Of any dtype, true where not 0, as PyTorch has it (ONNX takes bool alone). They give bool and have no gradient. */
WG_API wg_var wg_logical_and(wg_var a, wg_var b);
WG_API wg_var wg_logical_or(wg_var a, wg_var b);
WG_API wg_var wg_logical_xor(wg_var a, wg_var b);

/* --- Reductions ------------------------------------------------------------------------------- */

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

/* --- Shape and indexing ----------------------------------------------------------------------- */

WG_API wg_var wg_reshape(wg_var x, const wg_shape *shape); /* one extent may be -1: what is left */
WG_API wg_var wg_transpose(wg_var x, const wg_axes *axes); /* output axis i is input axis axes[i]; WG_ALL_AXES: reversed */
WG_API wg_var wg_broadcast_to(wg_var x, const wg_shape *shape);

#define WG_SLICE_TO_END INT64_MAX    /* as `stop`: up to and with the last */
#define WG_SLICE_TO_FRONT INT64_MIN  /* as `stop` with a negative step: down to and with the first */
typedef struct wg_slice_options {
    WG_OPTIONS_HEAD;
    int64_t step WG_DEFAULT_; /* default 1; negative: backwards */
} wg_slice_options;
/* Elements start, start + step, … before stop along one axis. Negative start and stop count from the
 * back, both are clamped, as in NumPy. */
WG_API wg_var wg_slice(wg_var x, int axis, int64_t start, int64_t stop, const wg_slice_options *options);

/* Joins vars (a list closed by WG_END_) along an axis; all other extents alike. */
WG_API wg_var wg_concat_list(int axis, const wg_var *vars);

/* Rows of x along `axis`, picked by indices (i32 or i64, any rank): axis is replaced by their shape.
 * Negative indices count from the back. ONNX Gather. */
WG_API wg_var wg_gather(wg_var x, wg_var indices, int axis);

/* A new last axis of `depth`: 1 at the index (i32, i64, u8), else 0; an index outside 0 … depth-1 gives
 * zeros. */
WG_API wg_var wg_one_hot(wg_var indices, int64_t depth, wg_dtype dtype);

/* --- Rearranging ------------------------------------------------------------------------------ */

typedef struct wg_flatten_options {
    WG_OPTIONS_HEAD;
    int last_axis WG_DEFAULT_; /* default, and 0: the last */
} wg_flatten_options;
/* Axes first_axis … last_axis become one, a scalar a vector of one, as torch.flatten has it. (ONNX's Flatten
 * makes two axes of all: at axis 1 it is y = flatten(x, 1), at a later one flatten(flatten(x, axis), 0,
 * .last_axis = axis - 1).) */
WG_API wg_var wg_flatten(wg_var x, int first_axis, const wg_flatten_options *options);

/* Leaves out the listed axes, of extent 1, or with WG_ALL_AXES all of extent 1. An axis of another extent is
 * an error, as in ONNX (torch.squeeze leaves it). */
WG_API wg_var wg_squeeze(wg_var x, const wg_axes *axes);
WG_API wg_var wg_unsqueeze(wg_var x, const wg_axes *axes); /* puts axes of extent 1 in; they count in the result */

/* Joins vars of one shape (a list closed by WG_END_) along a new axis, that of the result. */
WG_API wg_var wg_stack_list(int axis, const wg_var *vars);
/* Cuts x along an axis into `count` parts of these sizes, which add up to its extent: fills parts[0 … count-1].
 * sizes NULL: alike, the last ones smaller where they must be, as ONNX Split's num_outputs (torch.chunk may
 * give fewer parts). On an error every part is invalid. */
WG_API void wg_split(wg_var x, int axis, int count, const int64_t *sizes, wg_var *parts);

WG_API wg_var wg_flip(wg_var x, const wg_axes *axes); /* turns the order round along the axes, or along all */
/* x repeats[i] times along axis i. NumPy's tile, and PyTorch's, there called repeat too: fewer numbers than
 * axes are those of the last axes, more make new ones in front. (ONNX's Tile asks for one an axis.) */
WG_API wg_var wg_tile(wg_var x, const wg_shape *repeats);
/* Each row along an axis `repeats` times in turn: a a b b c c. torch.repeat_interleave, NumPy's repeat. */
WG_API wg_var wg_repeat_interleave(wg_var x, int64_t repeats, int axis);

/* What stands outside x: a value; x mirrored at its first and last, which are not repeated; the first and
 * last; x again. */
typedef enum wg_pad_mode { WG_PAD_CONSTANT = 0, WG_PAD_REFLECT, WG_PAD_EDGE, WG_PAD_CIRCULAR } wg_pad_mode;
typedef struct wg_pad_options {
    WG_OPTIONS_HEAD;
    wg_pad_mode mode WG_DEFAULT_; /* default constant; ONNX's names, of which PyTorch calls edge replicate */
    double value WG_DEFAULT_;     /* default 0 */
} wg_pad_options;
/* before[i] and after[i] elements more on axis i, every axis named as in ONNX (PyTorch names the last first);
 * negative ones crop, before anything is added. More than x has is mirrored and repeated as often as needed. */
WG_API wg_var wg_pad(wg_var x, const wg_shape *before, const wg_shape *after, const wg_pad_options *options);
/* Moves elements shifts[k] places back along axes[k], those that leave come in at the front; WG_ALL_AXES: one
 * shift, of the elements in row-major order. torch.roll. */
WG_API wg_var wg_roll(wg_var x, const wg_shape *shifts, const wg_axes *axes);

/* Where the block's rows and columns stand among the channels: first, as ONNX's default; or last. */
typedef enum wg_channel_order { WG_DCR = 0, WG_CRD } wg_channel_order;
typedef struct wg_depth_to_space_options {
    WG_OPTIONS_HEAD;
    wg_channel_order mode WG_DEFAULT_; /* default WG_DCR */
} wg_depth_to_space_options;
/* x [..., C, H, W] to [..., C / block², H block, W block], and back. (ONNX has four axes, and space_to_depth
 * in DCR alone.) */
WG_API wg_var wg_depth_to_space(wg_var x, int64_t block, const wg_depth_to_space_options *options);
WG_API wg_var wg_space_to_depth(wg_var x, int64_t block, const wg_depth_to_space_options *options);
WG_API wg_var wg_pixel_shuffle(wg_var x, int64_t factor);   /* depth_to_space in CRD, as PyTorch names it */
WG_API wg_var wg_pixel_unshuffle(wg_var x, int64_t factor); /* space_to_depth in CRD */

typedef struct wg_diagonal_options {
    WG_OPTIONS_HEAD;
    int64_t offset WG_DEFAULT_;         /* 0 the main diagonal, above it positive */
    int axis1 WG_DEFAULT_, axis2 WG_DEFAULT_; /* of rows and columns; default 0 and 1, give both or none */
} wg_diagonal_options;
/* The diagonal of two axes, as a new last one. torch.diagonal, numpy.diagonal. */
WG_API wg_var wg_diagonal(wg_var x, const wg_diagonal_options *options);
/* Its sum, of any rank as numpy.trace (torch.trace takes a matrix). */
WG_API wg_var wg_trace(wg_var x, const wg_diagonal_options *options);
/* Of a vector the matrix that has it on diagonal k, of a matrix diagonal k. torch.diag. */
WG_API wg_var wg_diag(wg_var x, int64_t k);
/* The triangle of the last two axes up to diagonal k, or from it on; 0 elsewhere. ONNX's Trilu. */
WG_API wg_var wg_tril(wg_var x, int64_t k);
WG_API wg_var wg_triu(wg_var x, int64_t k);

/* x, but value where mask (bool, broadcasts to x) is true. torch.masked_fill. */
WG_API wg_var wg_masked_fill(wg_var x, wg_var mask, double value);
/* Rows along an axis picked by a vector of i32 or i64; negative ones count from the back (not in PyTorch). */
WG_API wg_var wg_index_select(wg_var x, int axis, wg_var index);

/* In what follows indices are i32 or i64, negative ones count from the back, one out of range fails the run. */

/* The elements of x that the indices name along an axis: x's rank, in other axes no larger than x. ONNX
 * GatherElements, torch.gather, numpy.take_along_axis. */
WG_API wg_var wg_take_along_axis(wg_var x, wg_var indices, int axis);

/* What becomes of an element that is updated: the update, or the sum, product, larger or smaller of the two.
 * Several updates of one element are taken in row-major order. Those after add have no gradient. */
typedef enum wg_scatter_reduction {
    WG_SCATTER_REPLACE = 0, WG_SCATTER_ADD, WG_SCATTER_MUL, WG_SCATTER_MAX, WG_SCATTER_MIN
} wg_scatter_reduction;
typedef struct wg_scatter_options {
    WG_OPTIONS_HEAD;
    wg_scatter_reduction reduction WG_DEFAULT_; /* default: replace, ONNX's none */
} wg_scatter_options;
/* x with updates, of the indices' shape, put where take_along_axis would take them. ONNX ScatterElements. */
WG_API wg_var wg_scatter_elements(wg_var x, wg_var indices, wg_var updates, int axis,
                                  const wg_scatter_options *options);
WG_API wg_var wg_scatter_add(wg_var x, wg_var indices, wg_var updates, int axis); /* the same, adding */

typedef struct wg_gather_nd_options {
    WG_OPTIONS_HEAD;
    int batch_dims WG_DEFAULT_; /* axes in front that x and the indices share; default 0 */
} wg_gather_nd_options;
/* Rows of x named by tuples: the last axis of the indices holds the index of each axis. ONNX GatherND. */
WG_API wg_var wg_gather_nd(wg_var x, wg_var indices, const wg_gather_nd_options *options);
/* x with updates put in rows named by tuples. ONNX ScatterND. */
WG_API wg_var wg_scatter_nd(wg_var x, wg_var indices, wg_var updates, const wg_scatter_options *options);

/* One number for both axes, or one for each: {height, width}; setting both is an error. */
typedef struct wg_unfold_options {
    WG_OPTIONS_HEAD;
    int kernel WG_DEFAULT_, kernel_hw[2] WG_DEFAULT_;     /* default 1 */
    int stride WG_DEFAULT_, stride_hw[2] WG_DEFAULT_;     /* default 1 */
    int padding WG_DEFAULT_, padding_hw[2] WG_DEFAULT_;   /* zeros on both sides */
    int dilation WG_DEFAULT_, dilation_hw[2] WG_DEFAULT_; /* default 1 */
} wg_unfold_options;
/* Windows of x [..., C, H, W] as columns, [..., C kh kw, windows]: im2col, torch.nn.functional.unfold. */
WG_API wg_var wg_unfold(wg_var x, const wg_unfold_options *options);
/* The sum of columns [..., C kh kw, windows] in an image [..., C, height, width]: col2im, ONNX Col2Im,
 * torch.nn.functional.fold. */
WG_API wg_var wg_fold(wg_var x, int64_t height, int64_t width, const wg_unfold_options *options);

/* --- Products --------------------------------------------------------------------------------- */

typedef struct wg_matmul_options {
    WG_OPTIONS_HEAD;
    bool transpose_a WG_DEFAULT_, transpose_b WG_DEFAULT_; /* swap the operand's last two axes first */
} wg_matmul_options;
/* Matrix product over the last two axes, earlier ones broadcast; vectors as numpy.matmul has them. */
WG_API wg_var wg_matmul(wg_var a, wg_var b, const wg_matmul_options *options);

/* --- Convolution and pooling ------------------------------------------------------------------- */

/* Padding that depends on the shapes. SAME: ceil(extent / stride) outputs an axis, with the odd pixel behind
 * (UPPER: ONNX's SAME_UPPER, TensorFlow's and PyTorch's "same") or in front (LOWER). */
typedef enum wg_auto_pad { WG_PAD_AS_GIVEN = 0, WG_PAD_SAME_UPPER, WG_PAD_SAME_LOWER, WG_PAD_VALID } wg_auto_pad;

/* One number for both axes, or one for each: {height, width}; setting both is an error. */
typedef struct wg_conv2d_options {
    WG_OPTIONS_HEAD;
    int stride WG_DEFAULT_, stride_hw[2] WG_DEFAULT_;     /* default 1 */
    int padding WG_DEFAULT_, padding_hw[2] WG_DEFAULT_;   /* zeros on both sides */
    int dilation WG_DEFAULT_, dilation_hw[2] WG_DEFAULT_; /* default 1 */
    int groups WG_DEFAULT_;                               /* default 1 */
    int pads[4] WG_DEFAULT_;                              /* instead of padding: above, left, below, right */
    wg_auto_pad auto_pad WG_DEFAULT_;                     /* instead of padding */
} wg_conv2d_options;
/* x [N, C, H, W], weight [K, C / groups, kh, kw], bias [K] or WG_NONE; gives [N, K, H', W'] with
 * H' = (H + padding above and below - dilation (kh - 1) - 1) / stride + 1, rounded down. */
WG_API wg_var wg_conv2d(wg_var x, wg_var weight, wg_var bias, const wg_conv2d_options *options);

/* Of 1, 2 or 3 axes: one number for all of them, or one for each of the first 1, 2 or 3. */
typedef struct wg_convolution_options {
    WG_OPTIONS_HEAD;
    int stride WG_DEFAULT_, strides[3] WG_DEFAULT_;                 /* default 1 */
    int padding WG_DEFAULT_, pads[6] WG_DEFAULT_;                   /* as ONNX: in front of each axis, then behind each */
    int dilation WG_DEFAULT_, dilations[3] WG_DEFAULT_;             /* default 1 */
    int groups WG_DEFAULT_;                                         /* default 1 */
    int output_padding WG_DEFAULT_, output_paddings[3] WG_DEFAULT_; /* of a transpose: more rows behind the result */
    wg_auto_pad auto_pad WG_DEFAULT_;                               /* instead of padding */
} wg_convolution_options;
/* x [N, C, L] or [N, C, D, H, W], weight [K, C / groups, kernel], bias [K] or WG_NONE; as wg_conv2d. */
WG_API wg_var wg_conv1d(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options);
WG_API wg_var wg_conv3d(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options);
/* x [N, C, extents], weight [C, K / groups, kernel], bias [K] or WG_NONE; gives [N, K, extents'] with
 * H' = (H - 1) stride - padding in front and behind + dilation (kh - 1) + 1 + output_padding. */
WG_API wg_var wg_conv_transpose1d(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options);
WG_API wg_var wg_conv_transpose2d(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options);
WG_API wg_var wg_conv_transpose3d(wg_var x, wg_var weight, wg_var bias, const wg_convolution_options *options);

typedef struct wg_pool2d_options {
    WG_OPTIONS_HEAD;
    int kernel WG_DEFAULT_, kernel_hw[2] WG_DEFAULT_;   /* must be given */
    int stride WG_DEFAULT_, stride_hw[2] WG_DEFAULT_;   /* default: the kernel */
    int padding WG_DEFAULT_, padding_hw[2] WG_DEFAULT_; /* each window must hold a pixel */
    int dilation WG_DEFAULT_, dilation_hw[2] WG_DEFAULT_; /* default 1 */
    int pads[4] WG_DEFAULT_;              /* instead of padding: above, left, below, right */
    wg_auto_pad auto_pad WG_DEFAULT_;     /* instead of padding */
    bool ceil_mode WG_DEFAULT_;           /* a last window that is not filled counts too */
    bool count_exclude_pad WG_DEFAULT_;   /* means: padding does not count, as ONNX's count_include_pad = 0 */
    int divisor_override WG_DEFAULT_;     /* means: what sums are divided by */
} wg_pool2d_options;
/* Of 1, 2 or 3 axes: one number for all of them, or one for each of the first 1, 2 or 3. */
typedef struct wg_pool_options {
    WG_OPTIONS_HEAD;
    int kernel WG_DEFAULT_, kernels[3] WG_DEFAULT_;     /* must be given */
    int stride WG_DEFAULT_, strides[3] WG_DEFAULT_;     /* default: the kernel */
    int padding WG_DEFAULT_, pads[6] WG_DEFAULT_;       /* as ONNX: in front of each axis, then behind each */
    int dilation WG_DEFAULT_, dilations[3] WG_DEFAULT_; /* default 1 */
    wg_auto_pad auto_pad WG_DEFAULT_;                   /* these as in wg_pool2d_options */
    bool ceil_mode WG_DEFAULT_, count_exclude_pad WG_DEFAULT_;
    int divisor_override WG_DEFAULT_;
} wg_pool_options;
/* x [N, C, H, W]. Padding never wins a maximum. wg_output(y, 1) are the indices (i32, in the plane; ONNX has i64). */
WG_API wg_var wg_max_pool2d(wg_var x, const wg_pool2d_options *options);
/* The mean over the window; padding counts as zeros, as PyTorch's count_include_pad=True. */
WG_API wg_var wg_avg_pool2d(wg_var x, const wg_pool2d_options *options);
/* The same of x [N, C, L] and [N, C, D, H, W]; indices count through the volume. */
WG_API wg_var wg_max_pool1d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_max_pool3d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_avg_pool1d(wg_var x, const wg_pool_options *options);
WG_API wg_var wg_avg_pool3d(wg_var x, const wg_pool_options *options);
/* (sum over the window of |x|^p)^(1/p), p >= 1. */
WG_API wg_var wg_lp_pool1d(wg_var x, double p, const wg_pool_options *options);
WG_API wg_var wg_lp_pool2d(wg_var x, double p, const wg_pool_options *options);
WG_API wg_var wg_lp_pool3d(wg_var x, double p, const wg_pool_options *options);
/* x [N, C, extents] and the indices of its max pooling; extents of the result, WG_SHAPE(H, W), or NULL:
 * (H - 1) stride + kernel - padding. Values at one place are summed. */
WG_API wg_var wg_max_unpool1d(wg_var x, wg_var indices, const wg_shape *extents, const wg_pool_options *options);
WG_API wg_var wg_max_unpool2d(wg_var x, wg_var indices, const wg_shape *extents, const wg_pool_options *options);
WG_API wg_var wg_max_unpool3d(wg_var x, wg_var indices, const wg_shape *extents, const wg_pool_options *options);
/* Over all axes after the second, which stay with extent 1. */
WG_API wg_var wg_global_avg_pool(wg_var x);
WG_API wg_var wg_global_max_pool(wg_var x);
WG_API wg_var wg_global_lp_pool(wg_var x, double p);
/* As many windows as WG_SHAPE(H, W) says divide the image, as in PyTorch; wg_output(y, 1) as in wg_max_pool2d. */
WG_API wg_var wg_adaptive_max_pool1d(wg_var x, const wg_shape *extents);
WG_API wg_var wg_adaptive_max_pool2d(wg_var x, const wg_shape *extents);
WG_API wg_var wg_adaptive_max_pool3d(wg_var x, const wg_shape *extents);
WG_API wg_var wg_adaptive_avg_pool1d(wg_var x, const wg_shape *extents);
WG_API wg_var wg_adaptive_avg_pool2d(wg_var x, const wg_shape *extents);
WG_API wg_var wg_adaptive_avg_pool3d(wg_var x, const wg_shape *extents);

/* --- Images of another size -------------------------------------------------------------------- */

typedef enum wg_interpolation {
    WG_INTERPOLATE_NEAREST = 0, WG_INTERPOLATE_NEAREST_EXACT, WG_INTERPOLATE_LINEAR, WG_INTERPOLATE_CUBIC,
    WG_INTERPOLATE_AREA
} wg_interpolation;
/* Where output j of an axis looks, in ONNX Resize's terms; and how nearest rounds that. */
typedef enum wg_coordinates {
    WG_COORDINATES_DEFAULT = 0, WG_HALF_PIXEL, WG_ALIGN_CORNERS, WG_ASYMMETRIC, WG_PYTORCH_HALF_PIXEL
} wg_coordinates;
typedef enum wg_nearest_mode {
    WG_NEAREST_DEFAULT = 0, WG_NEAREST_FLOOR, WG_NEAREST_CEIL, WG_NEAREST_PREFER_FLOOR, WG_NEAREST_PREFER_CEIL
} wg_nearest_mode;
typedef struct wg_interpolate_options {
    WG_OPTIONS_HEAD;
    wg_interpolation mode WG_DEFAULT_;
    double scale WG_DEFAULT_, scales[3] WG_DEFAULT_; /* instead of extents: for all axes, or for each */
    bool align_corners WG_DEFAULT_, antialias WG_DEFAULT_;
    wg_coordinates coordinates WG_DEFAULT_;          /* default PyTorch's: asymmetric for nearest, else half_pixel */
    wg_nearest_mode rounding WG_DEFAULT_;            /* default PyTorch's: floor; of NEAREST_EXACT, to the nearest */
    double cubic_a WG_DEFAULT_;                      /* default -0.75, with antialias -0.5 */
} wg_interpolate_options;
/* x [N, C, extents] of one to three axes; extents of the result, WG_SHAPE(H, W), or NULL and a scale. */
WG_API wg_var wg_interpolate(wg_var x, const wg_shape *extents, const wg_interpolate_options *options);

typedef enum wg_grid_mode { WG_GRID_LINEAR = 0, WG_GRID_NEAREST, WG_GRID_CUBIC } wg_grid_mode;
typedef enum wg_grid_padding { WG_GRID_ZEROS = 0, WG_GRID_BORDER, WG_GRID_REFLECTION } wg_grid_padding;
typedef struct wg_grid_sample_options {
    WG_OPTIONS_HEAD;
    wg_grid_mode mode WG_DEFAULT_;
    wg_grid_padding padding WG_DEFAULT_;
    bool align_corners WG_DEFAULT_; /* -1 and 1 are the centres of the border's pixels, not their outer edges */
} wg_grid_sample_options;
/* x [N, C, H, W] read at grid [N, H', W', 2], which holds (x, y) in -1 … 1; or x [N, C, D, H, W] at
 * [N, D', H', W', 3]. Gradients to both. */
WG_API wg_var wg_grid_sample(wg_var x, wg_var grid, const wg_grid_sample_options *options);

/* --- Probability ------------------------------------------------------------------------------- */

WG_API wg_var wg_softmax(wg_var x, int axis);
WG_API wg_var wg_log_softmax(wg_var x, int axis);

typedef enum wg_reduction { WG_MEAN = 0, WG_SUM, WG_NO_REDUCTION } wg_reduction;
typedef struct wg_cross_entropy_options {
    WG_OPTIONS_HEAD;
    wg_reduction reduction WG_DEFAULT_;
} wg_cross_entropy_options;
/* logits [N, C]; targets: class indices [N] (i32, i64, u8), or probabilities [N, C] of the logits'
 * dtype. loss[n] = -sum_c p[n, c] log softmax(logits[n])[c]. A negative index is ignored: loss 0, and
 * not counted in the mean. A mean over no rows is NaN, as in PyTorch. */
WG_API wg_var wg_softmax_cross_entropy(wg_var logits, wg_var targets, const wg_cross_entropy_options *options);

/* Of x's shape and dtype: 1 / (1 - p) with probability 1 - p, else 0. Bits come from (seed, path,
 * step, element): `step` is an i64 scalar. wg_dropout takes seed and step from a model. */
WG_API wg_var wg_dropout_mask(wg_var x, wg_var step, double p, uint64_t seed, const char *path);

/* --- Normalization ------------------------------------------------------------------------------- */

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
/* The same for x [N, C, …] with weight and bias [C]: over each of num_groups groups of channels, and over
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

/* --- Losses ------------------------------------------------------------------------------------- */

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
#define wg_fmod(...) WG_AT((wg_fmod)(__VA_ARGS__))
#define wg_remainder(...) WG_AT((wg_remainder)(__VA_ARGS__))
#define wg_hypot(...) WG_AT((wg_hypot)(__VA_ARGS__))
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
#define wg_check_finite(...) WG_AT((wg_check_finite)(__VA_ARGS__))

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

#define wg_reshape(...) WG_AT((wg_reshape)(__VA_ARGS__))
#define wg_transpose(...) WG_AT((wg_transpose)(__VA_ARGS__))
#define wg_broadcast_to(...) WG_AT((wg_broadcast_to)(__VA_ARGS__))
#define wg_slice(...) WG_AT(wg_slice_(__VA_ARGS__, ))
#define wg_slice_(x, axis, start, stop, ...)                                                       \
    (wg_slice)(x, axis, start, stop, WG_OPTIONS_(wg_slice_options, __VA_ARGS__))
#define wg_gather(...) WG_AT((wg_gather)(__VA_ARGS__))
#define wg_one_hot(...) WG_AT((wg_one_hot)(__VA_ARGS__))
#ifdef __cplusplus
template <class... V> static inline wg_var wg_concat(int axis, V... vars) {
    const wg_var list[] = {vars..., WG_END_};
    return wg_concat_list(axis, list);
}
#else
#define wg_concat(axis, ...) WG_AT(wg_concat_list(axis, WG_VARS(__VA_ARGS__)))
#endif

#define wg_flatten(...) WG_AT(wg_flatten_(__VA_ARGS__, ))
#define wg_flatten_(x, first_axis, ...)                                                            \
    (wg_flatten)(x, first_axis, WG_OPTIONS_(wg_flatten_options, __VA_ARGS__))
#define wg_squeeze(...) WG_AT((wg_squeeze)(__VA_ARGS__))
#define wg_unsqueeze(...) WG_AT((wg_unsqueeze)(__VA_ARGS__))
#ifdef __cplusplus
template <class... V> static inline wg_var wg_stack(int axis, V... vars) {
    const wg_var list[] = {vars..., WG_END_};
    return wg_stack_list(axis, list);
}
#else
#define wg_stack(axis, ...) WG_AT(wg_stack_list(axis, WG_VARS(__VA_ARGS__)))
#endif
#define wg_flip(...) WG_AT((wg_flip)(__VA_ARGS__))
#define wg_tile(...) WG_AT((wg_tile)(__VA_ARGS__))
#define wg_repeat_interleave(...) WG_AT((wg_repeat_interleave)(__VA_ARGS__))
#define wg_pad(...) WG_AT(wg_pad_(__VA_ARGS__, ))
#define wg_pad_(x, before, after, ...)                                                             \
    (wg_pad)(x, WG_LIST_(before), WG_LIST_(after), WG_OPTIONS_(wg_pad_options, __VA_ARGS__))
#define wg_roll(...) WG_AT((wg_roll)(__VA_ARGS__))
#define wg_depth_to_space(...) WG_AT(wg_depth_to_space_(__VA_ARGS__, ))
#define wg_depth_to_space_(x, block, ...)                                                          \
    (wg_depth_to_space)(x, block, WG_OPTIONS_(wg_depth_to_space_options, __VA_ARGS__))
#define wg_space_to_depth(...) WG_AT(wg_space_to_depth_(__VA_ARGS__, ))
#define wg_space_to_depth_(x, block, ...)                                                          \
    (wg_space_to_depth)(x, block, WG_OPTIONS_(wg_depth_to_space_options, __VA_ARGS__))
#define wg_pixel_shuffle(...) WG_AT((wg_pixel_shuffle)(__VA_ARGS__))
#define wg_pixel_unshuffle(...) WG_AT((wg_pixel_unshuffle)(__VA_ARGS__))
#define wg_diagonal(...) WG_AT(wg_diagonal_(__VA_ARGS__, ))
#define wg_diagonal_(x, ...) (wg_diagonal)(x, WG_OPTIONS_(wg_diagonal_options, __VA_ARGS__))
#define wg_trace(...) WG_AT(wg_trace_(__VA_ARGS__, ))
#define wg_trace_(x, ...) (wg_trace)(x, WG_OPTIONS_(wg_diagonal_options, __VA_ARGS__))
#define wg_diag(...) WG_AT((wg_diag)(__VA_ARGS__))
#define wg_tril(...) WG_AT((wg_tril)(__VA_ARGS__))
#define wg_triu(...) WG_AT((wg_triu)(__VA_ARGS__))
#define wg_masked_fill(...) WG_AT((wg_masked_fill)(__VA_ARGS__))
#define wg_index_select(...) WG_AT((wg_index_select)(__VA_ARGS__))
#define wg_take_along_axis(...) WG_AT((wg_take_along_axis)(__VA_ARGS__))
#define wg_scatter_elements(...) WG_AT(wg_scatter_elements_(__VA_ARGS__, ))
#define wg_scatter_elements_(x, indices, updates, axis, ...)                                       \
    (wg_scatter_elements)(x, indices, updates, axis, WG_OPTIONS_(wg_scatter_options, __VA_ARGS__))
#define wg_scatter_add(...) WG_AT((wg_scatter_add)(__VA_ARGS__))
#define wg_gather_nd(...) WG_AT(wg_gather_nd_(__VA_ARGS__, ))
#define wg_gather_nd_(x, indices, ...)                                                             \
    (wg_gather_nd)(x, indices, WG_OPTIONS_(wg_gather_nd_options, __VA_ARGS__))
#define wg_unfold(...) WG_AT(wg_unfold_(__VA_ARGS__, ))
#define wg_unfold_(x, ...) (wg_unfold)(x, WG_OPTIONS_(wg_unfold_options, __VA_ARGS__))
#define wg_fold(...) WG_AT(wg_fold_(__VA_ARGS__, ))
#define wg_fold_(x, height, width, ...)                                                            \
    (wg_fold)(x, height, width, WG_OPTIONS_(wg_unfold_options, __VA_ARGS__))
#define wg_scatter_nd(...) WG_AT(wg_scatter_nd_(__VA_ARGS__, ))
#define wg_scatter_nd_(x, indices, updates, ...)                                                   \
    (wg_scatter_nd)(x, indices, updates, WG_OPTIONS_(wg_scatter_options, __VA_ARGS__))

#define wg_matmul(...) WG_AT(wg_matmul_(__VA_ARGS__, ))
#define wg_matmul_(a, b, ...) (wg_matmul)(a, b, WG_OPTIONS_(wg_matmul_options, __VA_ARGS__))
#define wg_conv2d(...) WG_AT(wg_conv2d_(__VA_ARGS__, ))
#define wg_conv2d_(x, weight, bias, ...)                                                           \
    (wg_conv2d)(x, weight, bias, WG_OPTIONS_(wg_conv2d_options, __VA_ARGS__))
#define wg_conv1d(...) WG_AT(wg_convolution_(wg_conv1d, __VA_ARGS__, ))
#define wg_conv3d(...) WG_AT(wg_convolution_(wg_conv3d, __VA_ARGS__, ))
#define wg_conv_transpose1d(...) WG_AT(wg_convolution_(wg_conv_transpose1d, __VA_ARGS__, ))
#define wg_conv_transpose2d(...) WG_AT(wg_convolution_(wg_conv_transpose2d, __VA_ARGS__, ))
#define wg_conv_transpose3d(...) WG_AT(wg_convolution_(wg_conv_transpose3d, __VA_ARGS__, ))
#define wg_convolution_(function, x, weight, bias, ...)                                            \
    (function)(x, weight, bias, WG_OPTIONS_(wg_convolution_options, __VA_ARGS__))
#define wg_max_pool2d(...) WG_AT(wg_max_pool2d_(__VA_ARGS__, ))
#define wg_max_pool2d_(x, ...) (wg_max_pool2d)(x, WG_OPTIONS_(wg_pool2d_options, __VA_ARGS__))
#define wg_max_pool1d(...) WG_AT(wg_pool_(wg_max_pool1d, __VA_ARGS__, ))
#define wg_max_pool3d(...) WG_AT(wg_pool_(wg_max_pool3d, __VA_ARGS__, ))
#define wg_avg_pool1d(...) WG_AT(wg_pool_(wg_avg_pool1d, __VA_ARGS__, ))
#define wg_avg_pool3d(...) WG_AT(wg_pool_(wg_avg_pool3d, __VA_ARGS__, ))
#define wg_lp_pool1d(...) WG_AT(wg_lp_pool_(wg_lp_pool1d, __VA_ARGS__, ))
#define wg_lp_pool2d(...) WG_AT(wg_lp_pool_(wg_lp_pool2d, __VA_ARGS__, ))
#define wg_lp_pool3d(...) WG_AT(wg_lp_pool_(wg_lp_pool3d, __VA_ARGS__, ))
#define wg_lp_pool_(function, x, p, ...) (function)(x, p, WG_OPTIONS_(wg_pool_options, __VA_ARGS__))
#define wg_max_unpool1d(...) WG_AT(wg_max_unpool_(wg_max_unpool1d, __VA_ARGS__, ))
#define wg_max_unpool2d(...) WG_AT(wg_max_unpool_(wg_max_unpool2d, __VA_ARGS__, ))
#define wg_max_unpool3d(...) WG_AT(wg_max_unpool_(wg_max_unpool3d, __VA_ARGS__, ))
#define wg_max_unpool_(function, x, indices, extents, ...)                                         \
    (function)(x, indices, extents, WG_OPTIONS_(wg_pool_options, __VA_ARGS__))
#define wg_global_avg_pool(...) WG_AT((wg_global_avg_pool)(__VA_ARGS__))
#define wg_global_max_pool(...) WG_AT((wg_global_max_pool)(__VA_ARGS__))
#define wg_global_lp_pool(...) WG_AT((wg_global_lp_pool)(__VA_ARGS__))
#define wg_adaptive_max_pool1d(...) WG_AT((wg_adaptive_max_pool1d)(__VA_ARGS__))
#define wg_adaptive_max_pool2d(...) WG_AT((wg_adaptive_max_pool2d)(__VA_ARGS__))
#define wg_adaptive_max_pool3d(...) WG_AT((wg_adaptive_max_pool3d)(__VA_ARGS__))
#define wg_adaptive_avg_pool1d(...) WG_AT((wg_adaptive_avg_pool1d)(__VA_ARGS__))
#define wg_adaptive_avg_pool2d(...) WG_AT((wg_adaptive_avg_pool2d)(__VA_ARGS__))
#define wg_adaptive_avg_pool3d(...) WG_AT((wg_adaptive_avg_pool3d)(__VA_ARGS__))
#define wg_interpolate(...) WG_AT(wg_interpolate_(__VA_ARGS__, ))
#define wg_interpolate_(x, extents, ...) (wg_interpolate)(x, extents, WG_OPTIONS_(wg_interpolate_options, __VA_ARGS__))
#define wg_grid_sample(...) WG_AT(wg_grid_sample_(__VA_ARGS__, ))
#define wg_grid_sample_(x, grid, ...) (wg_grid_sample)(x, grid, WG_OPTIONS_(wg_grid_sample_options, __VA_ARGS__))
#define wg_pool_(function, x, ...) (function)(x, WG_OPTIONS_(wg_pool_options, __VA_ARGS__))
#define wg_avg_pool2d(...) WG_AT(wg_avg_pool2d_(__VA_ARGS__, ))
#define wg_avg_pool2d_(x, ...) (wg_avg_pool2d)(x, WG_OPTIONS_(wg_pool2d_options, __VA_ARGS__))

#define wg_softmax(...) WG_AT((wg_softmax)(__VA_ARGS__))
#define wg_log_softmax(...) WG_AT((wg_log_softmax)(__VA_ARGS__))
#define wg_softmax_cross_entropy(...) WG_AT(wg_softmax_cross_entropy_(__VA_ARGS__, ))
#define wg_softmax_cross_entropy_(logits, targets, ...)                                            \
    (wg_softmax_cross_entropy)(logits, targets, WG_OPTIONS_(wg_cross_entropy_options, __VA_ARGS__))
#define wg_dropout_mask(...) WG_AT((wg_dropout_mask)(__VA_ARGS__))

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
#endif
