/* convolutions — convolution, its transpose, and pooling. */
#include "onnx.h"

/* What an axis list of a window says, and what else both kinds of options have. */
typedef struct window {
    int axes;
    int64_t kernel[ONNX_MOST], strides[ONNX_MOST], dilations[ONNX_MOST], pads[ONNX_MOST];
    wg_auto_pad auto_pad;
} window;

static void preset(onnx_node *node, const char *name, int64_t list[ONNX_MOST], int64_t value) {
    if (onnx_ints(node, name, list) >= 0) return;
    for (int i = 0; i < ONNX_MOST; i++) list[i] = value;
}

static window window_of(onnx_node *node) {
    window w = {.axes = onnx_rank(node, 0) - 2};
    if (w.axes < 1 || w.axes > 3) {
        onnx_lacks(node, "windows of other than one to three axes");
        w.axes = 1;
    }
    preset(node, "kernel_shape", w.kernel, 1);
    preset(node, "strides", w.strides, 1);
    preset(node, "dilations", w.dilations, 1);
    preset(node, "pads", w.pads, 0);
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    for (int i = 0; i < 4; i++)
        if (onnx_says(node, "auto_pad", "NOTSET", names[i])) w.auto_pad = (wg_auto_pad)i;
    return w;
}

#define HEIGHT_WIDTH(list) \
    { (int)(list)[0], (int)(list)[1] }
#define EACH_AXIS(w, list) \
    { (int)(list)[0], (w).axes > 1 ? (int)(list)[1] : 0, (w).axes > 2 ? (int)(list)[2] : 0 }

static void fill_pads(const window *w, int pads[6]) {
    for (int i = 0; i < 2 * w->axes; i++) pads[i] = (int)w->pads[i];
}

static void convolution(onnx_node *node) {
    const window w = window_of(node);
    const wg_var x = onnx_input(node, 0), weight = onnx_input(node, 1), bias = onnx_input(node, 2);
    const int groups = (int)onnx_int(node, "group", 1);
    if (w.axes == 2) {
        const wg_conv2d_options options = {
            .size_ = sizeof options,
            .stride_hw = HEIGHT_WIDTH(w.strides),
            .dilation_hw = HEIGHT_WIDTH(w.dilations),
            .groups = groups,
            .auto_pad = w.auto_pad,
            .pads = {(int)w.pads[0], (int)w.pads[1], (int)w.pads[2], (int)w.pads[3]}};
        node->outputs[0] = (wg_conv2d)(x, weight, bias, &options);
        return;
    }
    wg_convolution_options options = {.size_ = sizeof options,
                                      .strides = EACH_AXIS(w, w.strides),
                                      .groups = groups,
                                      .dilations = EACH_AXIS(w, w.dilations),
                                      .auto_pad = w.auto_pad};
    fill_pads(&w, options.pads);
    node->outputs[0] = (w.axes == 1 ? (wg_conv1d) : (wg_conv3d))(x, weight, bias, &options);
}

/* Instead of pads the extents of the result: what is too much is cut off on both sides, of an odd number one
 * more in front, or with SAME_UPPER behind; what is missing is added behind. */
static void pads_for_extents(onnx_node *node, const wg_type *x, const wg_type *weight, window *w,
                             int64_t *output_padding) {
    int64_t extents[ONNX_MOST];
    const int count = onnx_ints(node, "output_shape", extents), skipped = count - w->axes;
    for (int i = 0; i < w->axes && count >= w->axes; i++) {
        const int64_t reach = (weight->extent[2 + i] - 1) * w->dilations[i] + 1;
        const int64_t whole = w->strides[i] * (x->extent[2 + i] - 1) + output_padding[i] + reach;
        const int64_t over = whole - extents[skipped + i], cut = over > 0 ? over : 0, less = cut / 2;
        const bool upper = w->auto_pad == WG_PAD_SAME_UPPER;
        w->pads[i] = upper ? less : cut - less;
        w->pads[w->axes + i] = upper ? cut - less : less;
        output_padding[i] += cut - over;
    }
    if (count >= w->axes) w->auto_pad = WG_PAD_AS_GIVEN;
}

static void convolution_transposed(onnx_node *node) {
    window w = window_of(node);
    const wg_var x = onnx_input(node, 0), weight = onnx_input(node, 1), bias = onnx_input(node, 2);
    const wg_type of_x = wg_type_of(x), of_weight = wg_type_of(weight);
    int64_t padding[ONNX_MOST];
    preset(node, "output_padding", padding, 0);
    pads_for_extents(node, &of_x, &of_weight, &w, padding);
    wg_convolution_options options = {.size_ = sizeof options,
                                      .strides = EACH_AXIS(w, w.strides),
                                      .dilations = EACH_AXIS(w, w.dilations),
                                      .auto_pad = w.auto_pad,
                                      .output_paddings = EACH_AXIS(w, padding),
                                      .groups = (int)onnx_int(node, "group", 1)};
    fill_pads(&w, options.pads);
    node->outputs[0] = (w.axes == 1   ? (wg_conv_transpose1d)
                        : w.axes == 2 ? (wg_conv_transpose2d)
                                      : (wg_conv_transpose3d))(x, weight, bias, &options);
}

/* --- Pooling ----------------------------------------------------------------------------------------------
 */

typedef wg_var pool_2d(wg_var x, const wg_pool2d_options *options);
typedef wg_var pool_nd(wg_var x, const wg_pool_options *options);

static bool counts_pads(const onnx_node *node) { return onnx_int(node, "count_include_pad", 0) != 0; }

static wg_pool_options pool_options(onnx_node *node, const window *w) {
    wg_pool_options options = {.size_ = sizeof options,
                               .kernels = EACH_AXIS(*w, w->kernel),
                               .strides = EACH_AXIS(*w, w->strides),
                               .dilations = EACH_AXIS(*w, w->dilations),
                               .auto_pad = w->auto_pad,
                               .ceil_mode = onnx_int(node, "ceil_mode", 0) != 0};
    fill_pads(w, options.pads);
    return options;
}

static wg_var pooled(onnx_node *node, pool_nd *of_1, pool_2d *of_2, pool_nd *of_3, bool exclude) {
    const window w = window_of(node);
    if (w.axes == 2) {
        const wg_pool2d_options options = {
            .size_ = sizeof options,
            .kernel_hw = HEIGHT_WIDTH(w.kernel),
            .stride_hw = HEIGHT_WIDTH(w.strides),
            .dilation_hw = HEIGHT_WIDTH(w.dilations),
            .auto_pad = w.auto_pad,
            .ceil_mode = onnx_int(node, "ceil_mode", 0) != 0,
            .pads = {(int)w.pads[0], (int)w.pads[1], (int)w.pads[2], (int)w.pads[3]},
            .count_exclude_pad = exclude};
        return of_2(onnx_input(node, 0), &options);
    }
    wg_pool_options options = pool_options(node, &w);
    options.count_exclude_pad = exclude;
    return (w.axes == 1 ? of_1 : of_3)(onnx_input(node, 0), &options);
}

static void average_pool(onnx_node *node) {
    node->outputs[0] = pooled(node, wg_avg_pool1d, wg_avg_pool2d, wg_avg_pool3d, !counts_pads(node));
}

static void lp_pool(onnx_node *node) {
    const window w = window_of(node);
    const wg_pool_options options = pool_options(node, &w);
    node->outputs[0] =
        (w.axes == 1   ? (wg_lp_pool1d)
         : w.axes == 2 ? (wg_lp_pool2d)
                       : (wg_lp_pool3d))(onnx_input(node, 0), (double)onnx_int(node, "p", 2), &options);
}

static void global_lp_pool(onnx_node *node) {
    node->outputs[0] = wg_global_lp_pool(onnx_input(node, 0), (double)onnx_int(node, "p", 2));
}

/* The number of each plane [N, C, 1, …] times its elements: what indices that count through all of x have
 * more than those that count through a plane. */
static wg_var plane_offsets(onnx_node *node, const wg_type *x) {
    int64_t extents[WG_MAX_RANK] = {x->extent[0], x->extent[1]}, size = 1;
    for (int i = 2; i < x->rank; i++) size *= x->extent[i], extents[i] = 1;
    const wg_shape shape = onnx_shape(extents, x->rank), line = *WG_SHAPE(extents[0] * extents[1]);
    const wg_var sizes = wg_full(node->tape, WG_I64, &line, (double)size);
    return wg_reshape(wg_cumsum(sizes, 0, .exclusive = true), &shape);
}

/* Column by column where storage_order is 1. */
static void max_pool(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    if (type.dtype != WG_F32 && type.dtype != WG_F64) {
        onnx_lacks(node, "of integers: max_pool2d takes f32 and f64");
        return;
    }
    const wg_var y = pooled(node, wg_max_pool1d, wg_max_pool2d, wg_max_pool3d, false);
    node->outputs[0] = y;
    if (node->output_count < 2) return;
    wg_var index = wg_cast(wg_output(y, 1), WG_I64);
    if (onnx_int(node, "storage_order", 0) && type.rank == 4) {
        const wg_var height = wg_array(node->tape, WG_I64, WG_SCALAR_SHAPE, &type.extent[2]);
        const wg_var width = wg_array(node->tape, WG_I64, WG_SCALAR_SHAPE, &type.extent[3]);
        index = wg_add(wg_div(index, width), wg_mul(wg_remainder(index, width), height));
    }
    node->outputs[1] = wg_add(index, plane_offsets(node, &type));
}

/* Indices count through all that the pads leave of what was pooled; where output_shape is larger, zeros stand
 * behind that. */
static void max_unpool(onnx_node *node) {
    const window w = window_of(node);
    const wg_var x = onnx_input(node, 0);
    const wg_type type = wg_type_of(x);
    wg_type whole = type;
    for (int i = 0; i < w.axes; i++)
        whole.extent[2 + i] =
            (type.extent[2 + i] - 1) * w.strides[i] + w.kernel[i] - w.pads[i] - w.pads[w.axes + i];
    const wg_var index = wg_cast(wg_sub(onnx_input(node, 1), plane_offsets(node, &whole)), WG_I32);
    wg_pool_options options = {
        .size_ = sizeof options, .kernels = EACH_AXIS(w, w.kernel), .strides = EACH_AXIS(w, w.strides)};
    fill_pads(&w, options.pads);
    const wg_shape extents = onnx_shape(whole.extent + 2, w.axes);
    const wg_var y = (w.axes == 1   ? (wg_max_unpool1d)
                      : w.axes == 2 ? (wg_max_unpool2d)
                                    : (wg_max_unpool3d))(x, index, &extents, &options);
    int64_t larger[ONNX_MOST], none[WG_MAX_RANK] = {0};
    node->outputs[0] = y;
    if (onnx_input_ints(node, 2, larger) != type.rank) return;
    for (int i = 0; i < type.rank; i++) larger[i] -= whole.extent[i];
    const wg_shape before = onnx_shape(none, type.rank), after = onnx_shape(larger, type.rank);
    node->outputs[0] = wg_pad(y, &before, &after);
}

const onnx_op onnx_convolutions[] = {
    {"AveragePool", .record = average_pool},
    {"Conv", .record = convolution},
    {"ConvTranspose", .record = convolution_transposed},
    {"GlobalAveragePool", .unary = wg_global_avg_pool},
    {"GlobalLpPool", .record = global_lp_pool},
    {"GlobalMaxPool", .unary = wg_global_max_pool},
    {"LpPool", .record = lp_pool},
    {"MaxPool", .record = max_pool},
    {"MaxUnpool", .record = max_unpool},
    {.name = NULL},
};
