/* Options of ops: that leaving one out, 0 and WG_ZERO mean what is said, and lists too long are refused. */
#include "tape_suite.h"
#include <math.h>

#define COUNT(...) (sizeof((const double[]){__VA_ARGS__}) / sizeof(double))
#define F64(...) wg_array(tape, WG_F64, WG_SHAPE(COUNT(__VA_ARGS__)), (const double[]){__VA_ARGS__})

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

WG_TAPE_SUITE("ops/options", an_exact_zero_is_an_epsilon_of_zero, an_exact_zero_is_a_coefficient_of_zero)
