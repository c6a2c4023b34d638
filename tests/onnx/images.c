/* images — other sizes, samples at places, boxes. */
#include "onnx.h"
#include <string.h>

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

/* Where all axes but those after the second stay, as they do in images. */
static void resize_by(onnx_node *node, const int64_t *extents, const double *scales, int mode, int at,
                      int rounding) {
    static const wg_interpolation kinds[] = {WG_INTERPOLATE_NEAREST, WG_INTERPOLATE_LINEAR,
                                             WG_INTERPOLATE_CUBIC};
    const wg_type type = wg_type_of(onnx_input(node, 0));
    wg_interpolate_options options = {.size_ = sizeof options,
                                      .mode = kinds[mode],
                                      .coordinates = (wg_coordinates)(WG_HALF_PIXEL + at),
                                      .rounding = (wg_nearest_mode)(WG_NEAREST_FLOOR + rounding),
                                      .cubic_a = onnx_real(node, "cubic_coeff_a", -0.75),
                                      .antialias = onnx_int(node, "antialias", 0) != 0};
    for (int i = 2; i < type.rank && scales; i++) options.scales[i - 2] = scales[i];
    const wg_shape shape = onnx_shape(extents ? extents + 2 : NULL, extents ? type.rank - 2 : 0);
    node->outputs[0] = (wg_interpolate)(onnx_input(node, 0), extents ? &shape : NULL, &options);
}

static int input_reals(onnx_node *node, int input, double list[ONNX_MOST]) {
    const wg_var x = onnx_input(node, input);
    if (!wg_valid(x) || wg_peek(x)) return 0;
    const wg_tensor *tensor = wg_value(x);
    const int count = (int)wg_tensor_count(tensor);
    for (int i = 0; i < count && i < ONNX_MOST; i++) list[i] = wg_tensor_get(tensor, i);
    return count;
}

/* Is there an axis of which scaling leaves a part of a pixel? */
static bool cuts(onnx_node *node, const double *scales) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    bool any = false;
    for (int i = 0; i < type.rank && scales; i++) {
        const double extent = (double)type.extent[i] * scales[i];
        any = any || extent != (double)(int64_t)extent;
    }
    return any;
}

static void resize(onnx_node *node) {
    const int mode = choice(node, "mode", "nearest", modes);
    int at = choice(node, "coordinate_transformation_mode", "half_pixel", coordinates);
    int rounding = choice(node, "nearest_mode", "round_prefer_floor", roundings);
    if (onnx_int(node, "exclude_outside", 0)) {
        onnx_lacks(node, "exclude_outside: weights of pixels outside count as those of the border's");
        return;
    }
    if (at == 4) at = 0, rounding = rounding_for_nn(rounding);
    if (mode < 0 || at < 0 || rounding < 0) {
        onnx_lacks(node, "tf_crop_and_resize: a part of the image, and a value beyond it");
        return;
    }
    double scales[ONNX_MOST];
    int64_t extents[ONNX_MOST];
    const int scaled = input_reals(node, 2, scales), sized = onnx_input_ints(node, 3, extents);
    if (at == 1 && cuts(node, scaled > 0 ? scales : NULL)) {
        onnx_lacks(
            node,
            "align_corners: up to version 1.12 the last pixel that is not whole counts into the length");
        return;
    }
    resize_by(node, sized > 0 ? extents : NULL, scaled > 0 ? scales : NULL, mode, at, rounding);
}

/* What Resize was up to version 9. */
static void upsample(onnx_node *node) {
    double scales[ONNX_MOST];
    input_reals(node, 1, scales);
    resize_by(node, NULL, scales, choice(node, "mode", "nearest", modes), 2, 0);
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

const onnx_op onnx_images[] = {
    {"AffineGrid", .without = "since version 20"},
    {"Col2Im", .without = "since version 18"},
    {"GridSample", .record = grid_sample},
    {"Resize", .record = resize},
    {"RoiAlign", .record = roi_align},
    {"Upsample", .record = upsample},
    {.name = NULL},
};
