/* test_tape_derivatives — derivatives of derivatives of derivatives …, against closed forms. */
#include "suite.h"
#include <math.h>
#include <stdio.h>

enum { ORDERS = 8 };

/* The derivatives of x sin(x^2), by its Taylor series around x in long double:
 *
 *     u(t) = (x + t)^2 = x^2 + 2 x t + t^2,   s = sin u,   c = cos u
 *     s' = u' c,  c' = -u' s,  u' = 2 x + 2 t, so that with s = sum s_n t^n
 *     (n + 1) s_{n+1} = 2 x c_n + 2 c_{n-1},  (n + 1) c_{n+1} = -2 x s_n - 2 s_{n-1}
 *
 * and the n-th derivative of (x + t) s at t = 0 is n! (x s_n + s_{n-1}). */
static void closed_form(long double x, long double derivative[ORDERS + 1]) {
    long double s[ORDERS + 2] = {sinl(x * x)}, c[ORDERS + 2] = {cosl(x * x)}, factorial = 1;
    for (int n = 0; n <= ORDERS; n++) {
        s[n + 1] = (2 * x * c[n] + (n ? 2 * c[n - 1] : 0)) / (n + 1);
        c[n + 1] = (-2 * x * s[n] - (n ? 2 * s[n - 1] : 0)) / (n + 1);
        factorial *= n ? n : 1;
        derivative[n] = factorial * (x * s[n] + (n ? s[n - 1] : 0));
    }
}

START_TEST(derivatives_to_order_8_agree_with_the_closed_form) {
    static const double points[] = {0.3, 1, 1.7, -0.9, 2.5};
    double largest = 0;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        long double expected[ORDERS + 1];
        closed_form(points[i], expected);
        wg_tape *tape = wg_tape_new();
        ck_assert_ptr_nonnull(tape);
        wg_var x = wg_scalar(tape, points[i]), y = wg_mul(x, wg_sin(wg_square(x)));
        for (int order = 0; order <= ORDERS; order++) {
            const double got = value_of(y), wanted = (double)expected[order];
            const double error = fabs((got - wanted) / wanted);
            largest = fmax(largest, error);
            ck_assert_msg(error <= 1e-10, "order %d at %g: %.17g, not %.17g", order, points[i], got, wanted);
            y = wg_grad(y, x);
        }
        wg_tape_free(tape);
    }
    printf("derivatives of x sin(x^2) to order %d at 5 points: largest relative error %.2g\n", ORDERS,
           largest);
}
END_TEST

/* The closed form itself, against derivatives worked out by hand: s = sin x^2, c = cos x^2,
 * f' = s + 2 x^2 c, f'' = 6 x c - 4 x^3 s. */
START_TEST(the_closed_form_is_right_where_it_can_be_worked_out) {
    const long double x = 1.3L, s = sinl(x * x), c = cosl(x * x);
    long double d[ORDERS + 1];
    closed_form(x, d);
    ck_assert_ldouble_eq_tol(d[0], x * s, 1e-17L);
    ck_assert_ldouble_eq_tol(d[1], s + 2 * x * x * c, 1e-17L);
    ck_assert_ldouble_eq_tol(d[2], 6 * x * c - 4 * x * x * x * s, 1e-16L);
}
END_TEST

START_TEST(third_derivatives_of_tensors_agree_element_by_element) {
    const double x[] = {0.5, -1.25, 2, 0.125};
    wg_tape *tape = wg_tape_new();
    wg_var v = wg_array(tape, WG_F64, WG_SHAPE(2, 2), x), y = wg_mul(v, wg_sin(wg_square(v)));
    for (int order = 1; order <= 3; order++) y = wg_grad(wg_sum(y, WG_ALL_AXES), v);
    double expected[4];
    for (int i = 0; i < 4; i++) {
        long double d[ORDERS + 1];
        closed_form(x[i], d);
        expected[i] = (double)d[3];
    }
    assert_values(y, 1e-12, expected[0], expected[1], expected[2], expected[3]);
    wg_tape_free(tape);
}
END_TEST

WG_SUITE("tape/derivatives", derivatives_to_order_8_agree_with_the_closed_form,
         the_closed_form_is_right_where_it_can_be_worked_out,
         third_derivatives_of_tensors_agree_element_by_element)
