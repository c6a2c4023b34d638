/* Images read at places of one's choice: what the definitions cannot see, being no more exact themselves. */
#include "tape_suite.h"
#include <math.h>

/* A place t = 2^-12 behind pixel 3 of a row of 8, exactly: -0.75 t (1 - t)² of pixel 2, -0.75 t² (1 - t) of
 * pixel 5. */
START_TEST(cubic_weights_close_to_a_pixel_are_exact_to_the_last_digits) {
    const double t = 0x1p-12, weights[] = {-0.75 * t * (1 - t) * (1 - t), -0.75 * t * t * (1 - t)};
    wg_var place = wg_array(tape, WG_F32, WG_SHAPE(1, 1, 1, 2), (const float[]){-0.125f + 0x1p-14f, 0});
    for (int far = 0; far < 2; far++) {
        float pixels[8] = {0};
        pixels[far ? 5 : 2] = 1;
        wg_var row = wg_array(tape, WG_F32, WG_SHAPE(1, 1, 1, 8), pixels);
        wg_var y = wg_reshape(wg_grid_sample(row, place, .mode = WG_GRID_CUBIC), WG_SCALAR_SHAPE);
        ck_assert_double_eq_tol(value_of(y) / weights[far], 1, 4 * 0x1p-23);
    }
}
END_TEST

START_TEST(an_affine_grid_wants_every_extent_of_the_image) {
    wg_var theta = wg_full(tape, WG_F64, WG_SHAPE(1, 2, 3), 1);
    wg_affine_grid(theta, NULL);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "affine_grid: 0 extents are given of an image with 2 axes");
    wg_affine_grid(theta, WG_SHAPE(3));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "affine_grid: 1 extents are given of an image with 2 axes");
}
END_TEST

WG_TAPE_SUITE("ops/vision", cubic_weights_close_to_a_pixel_are_exact_to_the_last_digits,
              an_affine_grid_wants_every_extent_of_the_image)
