/* images — other sizes, samples at places, boxes. */
#include "onnx.h"
#include <math.h>

/* The place among `names`, closed by NULL, of what the attribute says; -1: not there. */
static int choice(const onnx_node *node, const char *name, const char *otherwise, const char *const *names) {
    for (int i = 0; names[i]; i++)
        if (onnx_says(node, name, otherwise, names[i])) return i;
    return -1;
}

static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const coordinates[] = {"half_pixel",         "align_corners",        "asymmetric",
                                          "pytorch_half_pixel", "tf_half_pixel_for_nn", NULL};
static const char *const roundings[] = {"floor", "ceil", "round_prefer_floor", "round_prefer_ceil", NULL};

/* (x + 1/2) / scale is half a pixel beyond half_pixel: rounded with a preference for the lower, that is
 * half_pixel rounded up, and rounded down, it is half_pixel rounded with a preference for the higher. */
static int rounding_for_nn(int rounding) { return rounding == 2 ? 1 : rounding == 0 ? 3 : -1; }

/* How large the result is, of all axes: by extents, or by scales. */
typedef struct sizes {
    bool sized;
    int64_t extents[WG_MAX_RANK];
    double scales[WG_MAX_RANK];
} sizes;

/* Where all axes but those after the second stay, as they do in images. */
static void resize_to(onnx_node *node, const sizes *to, int mode, int at, int rounding) {
    static const wg_interpolation kinds[] = {WG_INTERPOLATE_NEAREST, WG_INTERPOLATE_LINEAR,
                                             WG_INTERPOLATE_CUBIC};
    const wg_type type = wg_type_of(onnx_input(node, 0));
    wg_interpolate_options options = {.size_ = sizeof options,
                                      .mode = kinds[mode],
                                      .coordinates = (wg_coordinates)(WG_HALF_PIXEL + at),
                                      .rounding = (wg_nearest_mode)(WG_NEAREST_FLOOR + rounding),
                                      .cubic_a = onnx_real(node, "cubic_coeff_a", -0.75),
                                      .antialias = onnx_int(node, "antialias", 0) != 0};
    for (int i = 2; i < type.rank && i < 5 && !to->sized; i++) options.scales[i - 2] = to->scales[i];
    const wg_shape shape = onnx_shape(to->extents + 2, type.rank - 2);
    node->outputs[0] = (wg_interpolate)(onnx_input(node, 0), to->sized ? &shape : NULL, &options);
}

static int input_reals(onnx_node *node, int input, double list[ONNX_MOST]) {
    const wg_var x = onnx_input(node, input);
    if (!wg_valid(x) || wg_peek(x)) return 0;
    const wg_tensor *tensor = wg_value(x);
    const int count = (int)wg_tensor_count(tensor);
    for (int i = 0; i < count && i < ONNX_MOST; i++) list[i] = wg_tensor_get(tensor, i);
    return count;
}

/* Of all named axes the same scale, so that no extent is larger, or none smaller, than asked for. */
static void keep_aspect_ratio(onnx_node *node, const int *axes, int count, sizes *to) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    const bool larger = onnx_says(node, "keep_aspect_ratio_policy", "stretch", "not_smaller");
    if (onnx_says(node, "keep_aspect_ratio_policy", "stretch", "stretch")) return;
    double scale = larger ? 0 : INFINITY;
    for (int i = 0; i < count; i++) {
        const double own = (double)to->extents[axes[i]] / (double)type.extent[axes[i]];
        scale = larger ? fmax(scale, own) : fmin(scale, own);
    }
    for (int i = 0; i < count; i++)
        to->extents[axes[i]] = (int64_t)floor(scale * (double)type.extent[axes[i]] + 0.5);
}

/* From version 18 on of some axes only. */
static sizes sizes_of(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    sizes to = {0};
    double scales[ONNX_MOST];
    int64_t extents[ONNX_MOST], named[ONNX_MOST];
    int axes[ONNX_MOST];
    for (int i = 0; i < type.rank; i++) to.extents[i] = type.extent[i], to.scales[i] = 1;
    const int scaled = input_reals(node, 2, scales), sized = onnx_input_ints(node, 3, extents);
    const int count = sized > 0 ? sized : scaled, some = onnx_ints(node, "axes", named);
    for (int i = 0; i < count && count <= type.rank; i++) {
        axes[i] = some < 0 ? i : onnx_axis(named[i], type.rank);
        if (sized > 0)
            to.extents[axes[i]] = extents[i];
        else
            to.scales[axes[i]] = scales[i];
    }
    to.sized = sized > 0;
    if (to.sized) keep_aspect_ratio(node, axes, count, &to);
    return to;
}

/* Is there an axis of which scaling leaves a part of a pixel? */
static bool cuts(onnx_node *node, const sizes *to) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    bool any = false;
    for (int i = 0; i < type.rank && !to->sized; i++) {
        const double extent = (double)type.extent[i] * to->scales[i];
        any = any || extent != floor(extent);
    }
    return any;
}

static void resize(onnx_node *node) {
    const int mode = choice(node, "mode", "nearest", modes);
    int at = choice(node, "coordinate_transformation_mode", "half_pixel", coordinates);
    int rounding = choice(node, "nearest_mode", "round_prefer_floor", roundings);
    const bool excludes = onnx_int(node, "exclude_outside", 0) != 0,
               antialias = onnx_int(node, "antialias", 0) != 0;
    const sizes to = sizes_of(node);
    if (at == 4) at = 0, rounding = rounding_for_nn(rounding);
    if (excludes && !antialias)
        onnx_lacks(node, "exclude_outside: weights of pixels outside count as those of the border's");
    else if (antialias && !excludes)
        onnx_lacks(
            node, "antialias without exclude_outside: weights of pixels outside are left out, as in PyTorch");
    else if (mode < 0 || at < 0 || rounding < 0)
        onnx_lacks(node, "other coordinates, as tf_crop_and_resize");
    else if (at == 1 && cuts(node, &to))
        onnx_lacks(node, "align_corners: the part of a pixel that a scale cuts off counts into the length");
    else
        resize_to(node, &to, mode, at, rounding);
}

/* What Resize was up to version 9. */
static void upsample(onnx_node *node) {
    sizes to = {0};
    double scales[ONNX_MOST] = {0};
    input_reals(node, 1, scales);
    for (int i = 0; i < WG_MAX_RANK; i++) to.scales[i] = scales[i];
    resize_to(node, &to, choice(node, "mode", "nearest", modes), 2, 0);
}

static void grid_sample(onnx_node *node) {
    static const char *const old_modes[] = {"bilinear", "nearest", "bicubic", NULL};
    static const char *const new_modes[] = {"linear", "nearest", "cubic", NULL};
    static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
    int mode = choice(node, "mode", "bilinear", old_modes);
    if (mode < 0) mode = choice(node, "mode", "linear", new_modes);
    node->outputs[0] =
        wg_grid_sample(onnx_input(node, 0), onnx_input(node, 1), .mode = (wg_grid_mode)mode,
                       .padding = (wg_grid_padding)choice(node, "padding_mode", "zeros", paddings),
                       .align_corners = onnx_int(node, "align_corners", 0) != 0);
}

static void roi_align(onnx_node *node) {
    const wg_shape *extents = WG_SHAPE(onnx_int(node, "output_height", 1), onnx_int(node, "output_width", 1));
    node->outputs[0] = wg_roi_align(
        onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2), extents,
        .spatial_scale = onnx_real(node, "spatial_scale", 1),
        .sampling_ratio = (int)onnx_int(node, "sampling_ratio", 0),
        .maximum = onnx_says(node, "mode", "avg", "max"),
        .aligned = onnx_says(node, "coordinate_transformation_mode", "half_pixel", "half_pixel"));
}

static void affine_grid(onnx_node *node) {
    int64_t size[ONNX_MOST];
    const wg_shape extents = onnx_shape(size + 2, onnx_input_ints(node, 1, size) - 2);
    node->outputs[0] = wg_affine_grid(onnx_input(node, 0), &extents,
                                      .align_corners = onnx_int(node, "align_corners", 0) != 0);
}

/* Sums of columns in an image of two axes, with the same padding on both sides of each. */
static void fold(onnx_node *node) {
    int64_t image[ONNX_MOST], block[ONNX_MOST], pads[ONNX_MOST] = {0}, strides[ONNX_MOST] = {1, 1},
                                                dilations[ONNX_MOST] = {1, 1};
    const int axes = onnx_input_ints(node, 1, image);
    onnx_input_ints(node, 2, block);
    onnx_ints(node, "pads", pads), onnx_ints(node, "strides", strides),
        onnx_ints(node, "dilations", dilations);
    if (axes != 2 || pads[0] != pads[2] || pads[1] != pads[3]) {
        onnx_lacks(node, "other than two axes, or other padding in front than behind");
        return;
    }
    node->outputs[0] =
        wg_fold(onnx_input(node, 0), image[0], image[1], .kernel_hw = {(int)block[0], (int)block[1]},
                .stride_hw = {(int)strides[0], (int)strides[1]}, .padding_hw = {(int)pads[0], (int)pads[1]},
                .dilation_hw = {(int)dilations[0], (int)dilations[1]});
}

const onnx_op onnx_images[] = {
    {"AffineGrid", .record = affine_grid},
    {"Col2Im", .record = fold},
    {"GridSample", .record = grid_sample},
    {"Resize", .record = resize},
    {"RoiAlign", .record = roi_align},
    {"Upsample", .record = upsample},
    {.name = NULL},
};
