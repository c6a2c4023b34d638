/* Options of ops: that leaving one out, 0 and WG_ZERO mean what is said, and lists too long are refused. */
#include "array_suite.h"
#include <math.h>

START_TEST(an_exact_zero_is_an_epsilon_of_zero) {
    wg_var x = F64(1e-3, -1e-3), image = wg_reshape(x, WG_SHAPE(1, 1, 2));
    assert_values(wg_layer_norm(x, WG_NONE, WG_NONE, 0, .epsilon = WG_ZERO), 1e-12, 1, -1);
    assert_values(wg_layer_norm(x, WG_NONE, WG_NONE, 0), 1e-12, 1 / sqrt(11), -1 / sqrt(11));
    assert_values(wg_group_norm(image, WG_NONE, WG_NONE, 1, .epsilon = WG_ZERO), 1e-12, 1, -1);
    assert_values(wg_standardize(x, 0, 0, .epsilon = WG_ZERO), 1e-12, 1, -1);
    wg_var zero = F64(0), one = F64(1), least = F64(1e-8);
    assert_values(wg_gaussian_nll_loss(zero, zero, least, .epsilon = WG_ZERO), 1e-12, log(1e-8) / 2);
    assert_values(wg_gaussian_nll_loss(zero, zero, least), 1e-12, log(1e-6) / 2);
    assert_values(wg_poisson_nll_loss(least, one, .plain_input = true, .epsilon = WG_ZERO), 1e-12,
                  1e-8 - log(1e-8));
    assert_values(wg_poisson_nll_loss(least, one, .plain_input = true), 1e-12, 1e-8 - log(2e-8));
}
END_TEST

START_TEST(an_exact_zero_is_a_coefficient_of_zero) {
    wg_var x = wg_reshape(F64(3, -4), WG_SHAPE(1, 1, 2));
    assert_values(wg_local_response_norm(x, 1, .alpha = 1, .beta = 0.5, .bias = WG_ZERO), 1e-14, 1, -1);
    assert_values(wg_local_response_norm(x, 1, .alpha = WG_ZERO, .bias = 16), 1e-14, 0.375, -0.5);
    assert_values(wg_local_response_norm(x, 1, .beta = WG_ZERO, .bias = 16), 0, 3, -4);
    wg_var step = wg_reshape(F64(0, 1), WG_SHAPE(1, 1, 2)); /* a = 0: 3 t^2 - 2 t^3 from one to the next */
    assert_values(wg_interpolate(step, WG_SHAPE(4), .mode = WG_INTERPOLATE_CUBIC, .cubic_a = WG_ZERO), 1e-15,
                  0, 0.15625, 0.84375, 1);
}
END_TEST

START_TEST(more_extents_than_an_image_has_axes_are_refused) {
    wg_var line = wg_reshape(F64(1, 2, 3, 4), WG_SHAPE(1, 1, 4)),
           image = wg_reshape(line, WG_SHAPE(1, 1, 2, 2));
    wg_var places = wg_output(wg_max_pool1d(line, .kernel = 2), 1), pooled = wg_max_pool1d(line, .kernel = 2);
    wg_interpolate(line, WG_SHAPE(3, 9));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "interpolate: more extents are given than the image has axes, 1");
    wg_adaptive_avg_pool2d(image, WG_SHAPE(2, 2, 2));
    assert_error(tape, WG_ERROR_ATTRIBUTE,
                 "adaptive_avg_pool2d: more extents are given than the image has axes, 2");
    wg_adaptive_max_pool2d(image, WG_SHAPE(2, 2, 2));
    assert_error(tape, WG_ERROR_ATTRIBUTE,
                 "adaptive_max_pool2d: more extents are given than the image has axes, 2");
    wg_max_unpool1d(pooled, places, WG_SHAPE(4, 4), .kernel = 2);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "max_unpool1d: more extents are given than the image has axes, 1");
    wg_adaptive_max_pool2d(image, WG_SHAPE(2));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "size[1] is 0; it must be at least 1");
    assert_values(wg_max_unpool1d(pooled, places, WG_SHAPE(4), .kernel = 2), 0, 0, 2, 0, 4);
}
END_TEST

/* The numbers are PyTorch's. */
START_TEST(antialias_cuts_the_kernel_at_the_border_of_an_image_that_grows_too) {
    wg_var x = wg_reshape(F64(0, 1, 3, 2), WG_SHAPE(1, 1, 4));
    assert_values(wg_interpolate(x, WG_SHAPE(7), .mode = WG_INTERPOLATE_CUBIC, .antialias = true), 1e-12,
                  -0.07932692307692324, 0.22569149838791816, 0.8932921287038715, 2.125, 3.0161788765678965,
                  2.378415068725606, 1.920673076923077);
}
END_TEST

WG_TAPE_SUITE("ops/options", an_exact_zero_is_an_epsilon_of_zero, an_exact_zero_is_a_coefficient_of_zero,
              more_extents_than_an_image_has_axes_are_refused,
              antialias_cuts_the_kernel_at_the_border_of_an_image_that_grows_too)
