/* affine_grid — where the pixels of an image come from under an affine map, for grid_sample
 *
 *   grid[n, i, :] = theta[n] (x_i, y_i, 1)        grid[n, i, :] = theta[n] (x_i, y_i, z_i, 1)
 *
 * Pixel k of an axis of extent n is at (2k + 1 - n) / n; with align_corners at (2k + 1 - n) / (n - 1), so that the
 * centres of the outermost pixels are at -1 and 1, and at 0 if there is but one (as PyTorch; ONNX's formula divides
 * by 0 there). The last axis is x. Linear in theta: dtheta[n] = sum_i dgrid[n, i, :] (x_i, y_i, 1)'. */
#include "op.h"

#ifdef WG_RULES

typedef struct affine_grid_attributes {
    int64_t size[3];
    bool align_corners;
} affine_grid_attributes;

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(affine_grid_attributes, size, .kind = WG_ATTRIBUTE_INT, .count = 3, .bounded = true,
                 .high = INT32_MAX, .meaning = "extents of the image; in the plane the first two are used"),
    WG_ATTRIBUTE(affine_grid_attributes, align_corners, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "-1 and 1 are the centres of the border's pixels, not their outer edges"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const affine_grid_attributes *a = infer->attributes;
    const wg_type *theta = &infer->inputs[0];
    const int status = wg_infer_real(infer);
    if (status) return status;
    const int axes = theta->rank == 3 ? (int)theta->extent[1] : 0;
    if ((axes != 2 && axes != 3) || theta->extent[2] != axes + 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "theta is %s; it must be [N, 2, 3] or [N, 3, 4]",
                             wg_infer_shape_text(infer, theta));
    wg_type *grid = &infer->outputs[0];
    *grid = (wg_type){.dtype = theta->dtype, .rank = axes + 2, .extent = {theta->extent[0]}};
    for (int i = 0; i < axes; i++) grid->extent[1 + i] = a->size[i];
    grid->extent[1 + axes] = axes;
    return WG_OK;
}

/* The places of an axis's pixels, in f64 until the last rounding, as the only extent but 1 of `rank`. */
static wg_var places(wg_var theta, int64_t extent, bool align_corners, int axis, int rank) {
    wg_shape shape = {.extent = {[WG_MAX_RANK] = INT64_MIN}};
    for (int i = 0; i < WG_MAX_RANK; i++) shape.extent[i] = i >= rank ? INT64_MIN : i == axis ? extent : 1;
    const double by = align_corners && extent > 1 ? (double)extent - 1 : (double)extent;
    const wg_var counted = (wg_cumsum)((wg_full)(theta.tape, WG_F64, &shape, 2), axis, NULL);
    const wg_var centred = (wg_sub)(counted, (wg_scalar)(theta.tape, (double)extent + 1));
    return (wg_cast)((wg_div)(centred, (wg_scalar)(theta.tape, by)), wg_type_of(theta).dtype);
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes_) {
    (void)tape;
    const affine_grid_attributes *a = attributes_;
    const wg_type theta = wg_type_of(inputs[0]);
    const int axes = (int)theta.extent[1], rank = axes + 2;
    wg_shape column = {.extent = {theta.extent[0], 1, 1}};
    for (int i = 1; i <= axes; i++) column.extent[i] = 1;
    column.extent[rank - 1] = axes;
    column.extent[rank] = INT64_MIN;
    wg_var grid = (wg_reshape)((wg_slice)(inputs[0], 2, axes, axes + 1, NULL), &column);
    for (int axis = 1; axis <= axes; axis++) { /* the widest last; theta's columns are in the order of x, y, z */
        const int from = axes - axis;
        const wg_var weights = (wg_reshape)((wg_slice)(inputs[0], 2, from, from + 1, NULL), &column);
        grid = (wg_add)(grid, (wg_mul)(weights, places(inputs[0], a->size[axis - 1], a->align_corners, axis, rank)));
    }
    return grid;
}

static void samples(wg_sampler *s) {
    static const int64_t extents[] = {3, 1, 4, 2, 5};
    for (int i = 0; i < 32; i++) {
        const int axes = i % 3 == 2 ? 3 : 2;
        affine_grid_attributes with = {.align_corners = i / 3 % 2};
        for (int axis = 0; axis < axes; axis++)
            with.size[axis] = i == 7 ? 0 : axes == 3 ? 1 + (i + axis) % 3 : extents[(i + 2 * axis + i / 5) % 5];
        WG_SAMPLE(s, &with, {.shape = WG_SHAPE(i == 13 ? 0 : 1 + i % 2, axes, axes + 1)});
    }
}

const wg_op wg_op_affine_grid = {
    .name = "affine_grid", .formula = "grid[n, i, :] = theta[n] (x_i, y_i, 1)", .onnx = "AffineGrid",
    .shapes = "theta [N, *] -> grid [N, *]; theta [N, 2, 3] to [N, H, W, 2], [N, 3, 4] to [N, D, H, W, 3]",
    .gradient = "dtheta[n] = sum_i dgrid[n, i, :] (x_i, y_i, 1)^T",
    .torch = "affine_grid", .inputs = 1, .outputs = 1, .linear_in = 1, .attributes = attributes,
    .attributes_size = sizeof(affine_grid_attributes), .infer = infer, .expand = expand, .samples = samples};

wg_var (wg_affine_grid)(wg_var theta, const wg_shape *extents, const wg_affine_grid_options *options) {
    WG_READ_OPTIONS(wg_affine_grid_options, given, options);
    affine_grid_attributes chosen = {.align_corners = given.align_corners};
    const wg_type type = wg_type_of(theta);
    const int axes = type.rank == 3 && type.extent[1] == 2 ? 2 : 3;
    int count = 0;
    while (extents && count < axes && extents->extent[count] != INT64_MIN) count++;
    if (!wg_read_extents(theta.tape, "affine_grid", extents, axes, chosen.size)) return wg_refuse(theta.tape);
    if (theta.tape && count < axes)
        return wg_fail(theta.tape, WG_ERROR_ATTRIBUTE,
                       "affine_grid: %d extents are given of an image with %d axes", count, axes);
    return WG_RECORD(&wg_op_affine_grid, &chosen, theta);
}
#endif
