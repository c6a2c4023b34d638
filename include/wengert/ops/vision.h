/* ops/vision — convolution, pooling and images of another size. See wengert/ops.h. */
#ifndef WENGERT_OPS_VISION_H
#define WENGERT_OPS_VISION_H

#include <wengert/tape.h>

WG_BEGIN_C

/* --- Convolution and pooling ----------------------------------------------------------------------- */

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
/* As max_pool2d and avg_pool2d, of x [N, C, L] and [N, C, D, H, W]; indices count through the volume. */
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

/* --- Images of another size ------------------------------------------------------------------------ */

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

typedef struct wg_affine_grid_options {
    WG_OPTIONS_HEAD;
    bool align_corners WG_DEFAULT_; /* as that of wg_grid_sample */
} wg_affine_grid_options;
/* theta [N, 2, 3] and WG_SHAPE(H, W), or [N, 3, 4] and WG_SHAPE(D, H, W), give the grid of wg_grid_sample,
 * [N, H, W, 2] or [N, D, H, W, 3]. */
WG_API wg_var wg_affine_grid(wg_var theta, const wg_shape *extents, const wg_affine_grid_options *options);

/* --- Boxes ----------------------------------------------------------------------------------------- */

typedef struct wg_roi_align_options {
    WG_OPTIONS_HEAD;
    double spatial_scale WG_DEFAULT_; /* pixels of x by units of boxes; default 1 */
    int sampling_ratio WG_DEFAULT_;   /* samples of a window each way; 0: as many as it has pixels, rounded up */
    bool aligned WG_DEFAULT_;         /* boxes less half a pixel, ONNX's half_pixel (its default; torchvision's not) */
    bool maximum WG_DEFAULT_;         /* the largest weighted pixel, as ONNX's mode "max", instead of the mean */
} wg_roi_align_options;
/* x [N, C, H, W] pooled over boxes [boxes, 4] of corners (x1, y1, x2, y2) in the images batch [boxes], i32 or i64,
 * each into WG_SHAPE(H', W') windows (NULL: one): gives [boxes, C, H', W']. A gradient to x; none passes the boxes, as
 * in torchvision, and asking for it is an error. WG_ERROR_INDEX at run time where there is no such image. */
WG_API wg_var wg_roi_align(wg_var x, wg_var boxes, wg_var batch, const wg_shape *extents,
                           const wg_roi_align_options *options);

typedef struct wg_non_max_suppression_options {
    WG_OPTIONS_HEAD;
    double score_threshold WG_DEFAULT_; /* only higher scores take part; default: all. 0: WG_ZERO */
    bool center_point_box WG_DEFAULT_;  /* boxes are x, y of the middle, width, height; default: y, x, y, x of corners */
} wg_non_max_suppression_options;
/* boxes [N, boxes, 4] and scores [N, classes, boxes]: of each image and class the best boxes that share no more than
 * iou_threshold (0 … 1) of what they cover with a better one. Gives [N · classes · min(max_boxes_per_class, boxes), 3]
 * in i64: rows (image, class, box) in the order in which they are selected, then rows of -1, where ONNX's result ends;
 * wg_output(y, 1) is how many are selected. No gradient. */
WG_API wg_var wg_non_max_suppression(wg_var boxes, wg_var scores, int64_t max_boxes_per_class, double iou_threshold,
                                     const wg_non_max_suppression_options *options);

WG_END_C

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
#define wg_affine_grid(...) WG_AT(wg_affine_grid_(__VA_ARGS__, ))
#define wg_affine_grid_(theta, extents, ...)                                                       \
    (wg_affine_grid)(theta, extents, WG_OPTIONS_(wg_affine_grid_options, __VA_ARGS__))
#define wg_roi_align(...) WG_AT(wg_roi_align_(__VA_ARGS__, ))
#define wg_roi_align_(x, boxes, batch, extents, ...)                                               \
    (wg_roi_align)(x, boxes, batch, extents, WG_OPTIONS_(wg_roi_align_options, __VA_ARGS__))
#define wg_non_max_suppression(...) WG_AT(wg_non_max_suppression_(__VA_ARGS__, ))
#define wg_non_max_suppression_(boxes, scores, most, threshold, ...)                               \
    (wg_non_max_suppression)(boxes, scores, most, threshold,                                       \
                             WG_OPTIONS_(wg_non_max_suppression_options, __VA_ARGS__))
#define wg_pool_(function, x, ...) (function)(x, WG_OPTIONS_(wg_pool_options, __VA_ARGS__))
#define wg_avg_pool2d(...) WG_AT(wg_avg_pool2d_(__VA_ARGS__, ))
#define wg_avg_pool2d_(x, ...) (wg_avg_pool2d)(x, WG_OPTIONS_(wg_pool2d_options, __VA_ARGS__))

#endif
