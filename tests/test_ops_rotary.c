/* Pairs turned by their places: PyTorch's numbers, every way of saying where a place is, and what turning
 * promises: lengths, and products that depend on the distance alone. */
#include "tape_suite.h"
#include <math.h>
#include <stdlib.h>

enum { N = 2, HEADS = 2, L = 3, E = 6, COUNT = N * HEADS * L * E };

static const int64_t places[] = {0, 5, 1000, 7, -2, 3};

/* 0, 0.1, 0.2, … */
static wg_var numbers(const wg_shape *shape) {
    double x[COUNT];
    for (int i = 0; i < COUNT; i++) x[i] = i / 10.0;
    return wg_array(tape, WG_F64, shape, x);
}

/* One number of all of y: sum_i y[i] cos(i). */
static double digest(wg_var y) {
    double weight[COUNT];
    for (int i = 0; i < COUNT; i++) weight[i] = cos(i);
    return value_of(wg_dot(wg_reshape(y, WG_SHAPE(COUNT)), wg_array(tape, WG_F64, WG_SHAPE(COUNT), weight)));
}

static double apart(wg_var a, wg_var b) { return value_of(wg_max(wg_abs(wg_sub(a, b)), WG_ALL_AXES)); }

/* By f64 tensors of PyTorch 1.13, from the formula in the op's file. */
START_TEST(numbers_are_those_that_pytorch_gives) {
    const struct {
        int64_t rotary_dim;
        bool interleaved;
        double expected;
    } cases[] = {{6, false, -11.0156212567742},
                 {4, false, -4.34614183684594},
                 {6, true, 35.5899656359711},
                 {4, true, 26.6068503313685}};
    wg_var x = numbers(WG_SHAPE(N, HEADS, L, E)), ids = wg_array(tape, WG_I64, WG_SHAPE(N, L), places);
    for (int i = 0; i < 4; i++) {
        wg_var y = wg_rotary_embedding(x, ids, .base = 500, .rotary_dim = cases[i].rotary_dim,
                                       .interleaved = cases[i].interleaved);
        ck_assert_double_eq_tol(digest(y), cases[i].expected, 1e-11);
    }
    ck_assert_double_eq_tol(digest(wg_rotary_embedding(x, WG_NONE)), 28.5043593857726, 1e-11);
}
END_TEST

/* [N, L, heads E] is [N, heads, L, E] with its axes in another order. */
START_TEST(heads_side_by_side_are_turned_as_those_with_an_axis) {
    wg_var x = numbers(WG_SHAPE(N, HEADS, L, E)), ids = wg_array(tape, WG_I64, WG_SHAPE(N, L), places);
    wg_var beside = wg_reshape(wg_transpose(x, WG_AXES(0, 2, 1, 3)), WG_SHAPE(N, L, HEADS * E));
    wg_var y = wg_transpose(wg_rotary_embedding(x, ids), WG_AXES(0, 2, 1, 3));
    wg_var other = wg_rotary_embedding(beside, ids, .heads = HEADS);
    ck_assert_double_eq(apart(wg_reshape(y, WG_SHAPE(N, L, HEADS * E)), other), 0);
}
END_TEST

/* Quarter turns, so that all is seen: place 0 stays, place 1 turns by 90 degrees, place 2 by 180. */
START_TEST(caches_are_picked_by_places_or_hold_one_row_each) {
    const double x[] = {1, 2, 1, 2, 1, 2}, quarter_cos[] = {1, 0, -1}, quarter_sin[] = {0, 1, 0};
    const int64_t backwards[] = {2, 1, 0};
    wg_var rows = wg_array(tape, WG_F64, WG_SHAPE(3, 2), x);
    wg_var c = wg_array(tape, WG_F64, WG_SHAPE(3, 1), quarter_cos),
           s = wg_array(tape, WG_F64, WG_SHAPE(3, 1), quarter_sin);
    wg_var y = wg_rotary_embedding(rows, WG_NONE, .cos = c, .sin = s);
    assert_values(wg_reshape(y, WG_SHAPE(6)), 0, 1, 2, -2, 1, -1, -2);
    wg_var ids = wg_array(tape, WG_I64, WG_SHAPE(3), backwards);
    y = wg_rotary_embedding(rows, ids, .cos = c, .sin = s);
    assert_values(wg_reshape(y, WG_SHAPE(6)), 0, -1, -2, -2, 1, 1, 2);
}
END_TEST

/* Su et al. 2021, equation 11: q at place m and k at place n meet as at m - n and 0, far away too. */
START_TEST(products_depend_on_the_distance_of_places_alone) {
    const int64_t far[] = {1000003}, near[] = {3}, distant[] = {1000000}, zero[] = {0};
    wg_var q = wg_slice(numbers(WG_SHAPE(12, E)), 0, 3, 4), k = wg_slice(numbers(WG_SHAPE(12, E)), 0, 7, 8);
#define AT(x, place) wg_rotary_embedding(x, wg_array(tape, WG_I64, WG_SHAPE(1), place))
    wg_var there = wg_matmul(AT(q, far), AT(k, distant), .transpose_b = true);
    wg_var here = wg_matmul(AT(q, near), AT(k, zero), .transpose_b = true);
    ck_assert_double_lt(apart(there, here), 1e-7);
    ck_assert_double_gt(apart(here, wg_matmul(q, k, .transpose_b = true)), 1);
#undef AT
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    wg_var x = numbers(WG_SHAPE(N, HEADS, L, E)), line = wg_array(tape, WG_I64, WG_SHAPE(2), places);
    wg_rotary_embedding(x, line);
    assert_error(tape, WG_ERROR_SHAPE, "rotary_embedding: position_ids must be [L], or [N, L]");
    wg_rotary_embedding(x, WG_NONE, .rotary_dim = 3);
    assert_error(tape, WG_ERROR_SHAPE, "rotary_embedding: rotary_dim must be even");
    wg_rotary_embedding(x, WG_NONE, .rotary_dim = 8);
    assert_error(tape, WG_ERROR_SHAPE, "at most what a row of x has");
    wg_rotary_embedding(x, WG_NONE, .heads = 4);
    assert_error(tape, WG_ERROR_SHAPE, "heads must divide x's last axis");
    wg_rotary_embedding(x, WG_NONE, .cos = x);
    assert_error(tape, WG_ERROR_SHAPE, "cos and sin go together");
    wg_rotary_embedding(x, wg_array(tape, WG_F64, WG_SHAPE(L), (const double[]){0, 1, 2}));
    assert_error(tape, WG_ERROR_DTYPE, "position_ids is f64[3]; it must be i32 or i64");
    wg_rotary_embedding(line, WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE, "x must have an axis of places and one of numbers");
    wg_rotary_embedding(x, WG_NONE, .base = -1);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "base");
}
END_TEST

WG_TAPE_SUITE("ops/rotary", numbers_are_those_that_pytorch_gives,
              heads_side_by_side_are_turned_as_those_with_an_axis,
              caches_are_picked_by_places_or_hold_one_row_each,
              products_depend_on_the_distance_of_places_alone, what_does_not_fit_is_refused)
