/* ops/shape — numbers moved, joined, picked and put somewhere. See wengert/ops.h. */
#ifndef WENGERT_OPS_SHAPE_H
#define WENGERT_OPS_SHAPE_H

#include <wengert/tape.h>

WG_BEGIN_C

/* --- Shape and indexing ---------------------------------------------------------------------------- */

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

/* --- Rearranging ----------------------------------------------------------------------------------- */

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

WG_END_C

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

#endif
