/* Sorting, the k best, running extremes, medians and quantiles: what the definitions leave to convention
 * (ties, NaN, zeros of both signs, nothing at all), sizes of which the kernels take different ways, and what
 * a program is told of its mistakes. */
#include "array_suite.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The gradient of y weighted with 1, 2, 3, … */
static wg_var weighted_gradient(wg_var y, wg_var x) {
    const wg_type type = wg_type_of(y);
    double weights[64];
    for (int i = 0; i < 64; i++) weights[i] = i + 1;
    wg_var flat = wg_reshape(y, WG_SHAPE(wg_type_count(&type)));
    wg_var weight = wg_array(tape, WG_F64, WG_SHAPE(wg_type_count(&type)), weights);
    return wg_grad(wg_sum(wg_mul(flat, weight), WG_ALL_AXES), x);
}

/* --- Sorting
 * ------------------------------------------------------------------------------------------------- */

START_TEST(equal_elements_keep_their_order_either_way) {
    wg_var x = F64(2, 1, 2, 0, 1, 2), up = wg_sort(x, 0), down = wg_sort(x, 0, .descending = true);
    assert_values(up, 0, 0, 1, 1, 2, 2, 2);
    assert_values(wg_output(up, 1), 0, 3, 1, 4, 0, 2, 5);
    assert_values(down, 0, 2, 2, 2, 1, 1, 0);
    assert_values(wg_output(down, 1), 0, 0, 2, 5, 1, 4, 3);
    assert_values(wg_argsort(x, -1, .descending = true), 0, 0, 2, 5, 1, 4, 3);
}
END_TEST

START_TEST(nan_of_either_sign_is_larger_than_infinity) {
    wg_var x = F32(NAN, INFINITY, -NAN, -INFINITY, FLT_MAX, -FLT_MAX);
    assert_values(wg_sort(x, 0), 0, (double)-INFINITY, (double)-FLT_MAX, (double)FLT_MAX, (double)INFINITY,
                  NAN, NAN);
    assert_values(wg_argsort(x, 0), 0, 3, 5, 4, 1, 0, 2);
    assert_values(wg_argsort(x, 0, .descending = true), 0, 0, 2, 1, 4, 5, 3);
    assert_values(wg_argsort(F64(NAN, INFINITY, -NAN, -DBL_MAX), 0), 0, 3, 1, 0, 2);
}
END_TEST

START_TEST(zeros_of_both_signs_are_equal_and_subnormal_numbers_are_not) {
    wg_var x = F32(0x1p-149f, 0, -0.0f, -0x1p-149f, 0, -0.0f);
    assert_values(wg_argsort(x, 0), 0, 3, 1, 2, 4, 5, 0);
    wg_var y = wg_div(wg_scalar(tape, 1), wg_sort(F64(0, -0.0, -1), 0)); /* each keeps its sign */
    assert_values(y, 0, -1, INFINITY, -INFINITY);
}
END_TEST

START_TEST(whole_numbers_are_sorted_to_the_ends_of_their_range) {
    assert_values(wg_argsort(I32(0, INT32_MAX, -1, INT32_MIN, 1), 0), 0, 3, 2, 0, 4, 1);
    assert_values(wg_argsort(I64(0, INT64_MAX, -1, INT64_MIN, INT64_MAX - 1), 0), 0, 3, 2, 0, 4, 1);
    ck_assert_int_eq(wg_type_of(wg_sort(I32(1), 0)).dtype, WG_I32);
}
END_TEST

typedef struct {
    double value;
    int64_t place;
} element;
static int in_order(const void *a, const void *b) {
    const element *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

/* Numbers of which many are equal, against qsort. */
static void sorts_as_qsort(int64_t n, wg_dtype dtype, double scale) {
    element *wanted = calloc((size_t)n, sizeof *wanted);
    double *numbers = calloc((size_t)n, sizeof *numbers);
    ck_assert(wanted && numbers);
    for (uint32_t i = 0, bits = 7; i < n; i++, bits = bits * 1664525 + 1013904223) {
        numbers[i] = (double)((int32_t)bits >> 16) / 256 * scale;
        if (dtype == WG_I32 || dtype == WG_I64) numbers[i] = rint(numbers[i]);
        wanted[i] = (element){numbers[i], i};
    }
    wg_var x = wg_cast(wg_array(tape, WG_F64, WG_SHAPE(n), numbers), dtype), y = wg_sort(x, 0);
    wg_var places = wg_output(y, 1), half = wg_topk(x, n / 2, 0, .smallest = true),
           few = wg_topk(x, n / 40, 0);
    wg_var middle = wg_median(x, WG_ALL_AXES);
    ck_assert_int_eq(wg_eval(y, places, half, few, middle), WG_OK);
    qsort(wanted, (size_t)n, sizeof *wanted, in_order);
    int64_t wrong = wg_item(middle) != wanted[(n - 1) / 2].value;
    for (int64_t i = 0; i < n; i++) {
        wrong += wg_tensor_get(wg_value(y), i) != wanted[i].value;
        wrong += wg_tensor_get(wg_value(places), i) != (double)wanted[i].place;
        if (i < n / 2) wrong += wg_tensor_get(wg_value(half), i) != wanted[i].value;
        if (i < n / 40) wrong += wg_tensor_get(wg_value(few), i) != wanted[n - 1 - i].value;
    }
    ck_assert_msg(wrong == 0, "%lld of %lld %s are wrong", (long long)wrong, (long long)n,
                  wg_dtype_name(dtype));
    free(wanted);
    free(numbers);
}

START_TEST(any_count_of_any_dtype_is_sorted_as_qsort_sorts_it) {
    const int64_t counts[] = {1, 2, 47, 48, 49, 200, 1000, 20011};
    for (int i = 0; i < 8; i++) {
        sorts_as_qsort(counts[i], WG_F32, 1);
        sorts_as_qsort(counts[i], WG_F64, 0x1p-700);
        sorts_as_qsort(counts[i], WG_I32, 0x1p20);
        sorts_as_qsort(counts[i], WG_I64, 0.125);
        wg_tape_clear(tape);
    }
}
END_TEST

START_TEST(the_gradient_of_a_sort_goes_where_the_elements_came_from) {
    wg_var x = F64(5, 3, 3, 3, 1);
    assert_values(weighted_gradient(wg_sort(x, 0), x), 0, 5, 2, 3, 4, 1);
    wg_var y = weighted_gradient(wg_square(wg_sort(x, 0, .descending = true)), x); /* 2 weight x */
    assert_values(y, 0, 10, 12, 18, 24, 10);
    assert_values(wg_grad(wg_sum(y, WG_ALL_AXES), x), 0, 2, 4, 6, 8, 10);
}
END_TEST

/* --- The k best
 * ---------------------------------------------------------------------------------------------- */

START_TEST(of_equal_elements_those_with_the_lower_index_are_among_the_best) {
    wg_var x = F64(1, 3, 2, 3, 1, 3), y = wg_topk(x, 2, 0), z = wg_topk(x, 3, 0, .smallest = true);
    assert_values(y, 0, 3, 3);
    assert_values(wg_output(y, 1), 0, 1, 3);
    assert_values(wg_output(z, 1), 0, 0, 4, 2);
    assert_values(weighted_gradient(y, x), 0, 0, 1, 0, 2, 0, 0);
}
END_TEST

START_TEST(without_order_the_best_stand_as_they_do_in_x) {
    wg_var x = F64(1, 2, 3, NAN, 3, 3), y = wg_topk(x, 3, 0, .unsorted = true);
    assert_values(y, 0, 3, NAN, 3);
    assert_values(wg_output(y, 1), 0, 2, 3, 4);
    assert_values(wg_output(wg_topk(x, 3, 0), 1), 0, 3, 2, 4);
}
END_TEST

START_TEST(none_and_all_may_be_the_best) {
    wg_var x = wg_reshape(F64(1, 4, 2, 3, 6, 5), WG_SHAPE(2, 3)), none = wg_topk(x, 0, 1);
    ck_assert_int_eq(wg_type_of(none).extent[1], 0);
    ck_assert_int_eq(wg_eval(none), WG_OK);
    assert_values(wg_topk(x, 3, -1), 0, 4, 2, 1, 6, 5, 3);
    assert_values(wg_output(wg_topk(x, 2, 0), 1), 0, 1, 1, 1, 0, 0, 0);
}
END_TEST

START_TEST(more_than_all_and_less_than_none) {
    wg_topk(F64(1, 2), 3, 0);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "topk: k is 3; x is [2], so along axis 0 it must be 0 to 2");
    wg_topk(F64(1, 2), -1, 0);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "topk: k is -1");
    wg_topk(F64(1, 2), 1, 1);
    assert_error(tape, WG_ERROR_AXIS, "topk: axis 1 is out of range: [2] has axes -1 to 0");
    wg_sort(wg_cast(F64(1, 2), WG_U8), 0);
    assert_error(tape, WG_ERROR_DTYPE, "sort: x is u8[2]; f32, f64, i32 or i64 are taken");
    wg_argsort(wg_scalar(tape, 1), 0);
    assert_error(tape, WG_ERROR_AXIS, "argsort: axis 0 is out of range: the input has no axes");
}
END_TEST

/* --- Running extremes
 * ---------------------------------------------------------------------------------------- */

START_TEST(the_last_of_equals_is_the_running_extreme) {
    wg_var x = F64(1, 3, 2, 3, -1, 3), most = wg_cumulative_max(x, 0), least = wg_cumulative_min(x, 0);
    assert_values(most, 0, 1, 3, 3, 3, 3, 3);
    assert_values(wg_output(most, 1), 0, 0, 1, 1, 3, 3, 5);
    assert_values(least, 0, 1, 1, 1, 1, -1, -1);
    assert_values(wg_output(least, 1), 0, 0, 0, 0, 0, 4, 4);
    assert_values(weighted_gradient(most, x), 0, 1, 2 + 3, 0, 4 + 5, 0, 6);
}
END_TEST

START_TEST(after_a_nan_a_running_extreme_is_nan) {
    wg_var x = F32(1, NAN, 5, NAN, INFINITY), y = wg_cumulative_max(x, 0);
    assert_values(y, 0, 1, NAN, NAN, NAN, NAN);
    assert_values(wg_output(y, 1), 0, 0, 1, 1, 3, 3);
    assert_values(wg_output(wg_cumulative_min(x, 0), 1), 0, 0, 1, 1, 3, 3);
    assert_values(wg_cumulative_max(F64(-INFINITY, -INFINITY, -3), 0), 0, -INFINITY, -INFINITY, -3);
    assert_values(wg_cumulative_min(I64(INT64_MAX, 4, 5), 0), 0, (double)INT64_MAX, 4, 4);
}
END_TEST

/* --- Medians and quantiles
 * ----------------------------------------------------------------------------------- */

START_TEST(the_median_of_an_even_number_is_the_lower_middle) {
    wg_var x = wg_reshape(F64(4, 1, 3, 2, 9, 9, 7, 9), WG_SHAPE(2, 4)), y = wg_median(x, WG_AXES(1));
    assert_values(y, 0, 2, 9);
    assert_values(wg_output(y, 1), 0, 3, 0);
    assert_values(wg_median(x, WG_ALL_AXES), 0, 4);
    assert_values(wg_output(wg_median(x, WG_ALL_AXES), 1), 0, 0);
    assert_values(wg_output(wg_median(x, WG_AXES(0), .keepdims = true), 1), 0, 0, 0, 0, 0);
    assert_values(weighted_gradient(y, x), 0, 0, 0, 0, 1, 2, 0, 0, 0);
    assert_values(wg_median(wg_reshape(F64(6), WG_SCALAR_SHAPE), WG_ALL_AXES), 0, 6);
}
END_TEST

START_TEST(the_median_with_a_nan_is_the_first_nan) {
    wg_var y = wg_median(F32(1, 2, NAN, 0, NAN), WG_ALL_AXES);
    assert_values(y, 0, NAN);
    assert_values(wg_output(y, 1), 0, 2);
    assert_values(wg_median(I32(INT32_MAX, INT32_MAX, 0), WG_ALL_AXES), 0, (double)INT32_MAX);
}
END_TEST

/* numpy.quantile([1, 2, 4, 8, 16], q, method = …) for q = 0.3, p = 1.2; 0.625, p = 2.5; 0.875, p = 3.5. */
START_TEST(quantiles_interpolate_in_five_ways) {
    wg_var x = F64(16, 2, 8, 1, 4);
    const double q[] = {0, 0.3, 0.625, 0.875, 1};
    assert_values(wg_quantiles(x, q, 5, WG_ALL_AXES), 1e-14, 1, 2.4, 6, 12, 16);
    assert_values(wg_quantiles(x, q, 5, WG_ALL_AXES, .interpolation = WG_QUANTILE_LOWER), 0, 1, 2, 4, 8, 16);
    assert_values(wg_quantiles(x, q, 5, WG_ALL_AXES, .interpolation = WG_QUANTILE_HIGHER), 0, 1, 4, 8, 16,
                  16);
    assert_values(wg_quantiles(x, q, 5, WG_ALL_AXES, .interpolation = WG_QUANTILE_MIDPOINT), 0, 1, 3, 6, 12,
                  16);
    assert_values(wg_quantiles(x, q, 5, WG_ALL_AXES, .interpolation = WG_QUANTILE_NEAREST), 0, 1, 2, 4, 16,
                  16);
    assert_values(wg_grad(wg_quantile(x, 0.3, WG_ALL_AXES), x), 1e-14, 0, 0.8, 0, 0, 0.2);
}
END_TEST

START_TEST(quantiles_of_axes_have_the_list_in_front) {
    double numbers[24];
    for (int i = 0; i < 24; i++) numbers[i] = i;
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2, 3, 4), numbers);
    const double q[] = {0.5, 1};
    wg_var y = wg_quantiles(x, q, 2, WG_AXES(0, -1)),
           kept = wg_quantiles(x, q, 1, WG_AXES(1), .keepdims = true);
    assert_values(y, 0, 7.5, 11.5, 15.5, 15, 19, 23);
    assert_values(kept, 0, 4, 5, 6, 7, 16, 17, 18, 19);
    ck_assert_int_eq(wg_type_of(kept).rank, 4);
    ck_assert_int_eq(wg_type_of(wg_quantile(x, 0.5, WG_AXES(1))).rank, 2);
}
END_TEST

START_TEST(a_quantile_hands_on_nan_and_does_not_overflow) {
    wg_var x = wg_reshape(F32(1, NAN, 2, FLT_MAX, -FLT_MAX, 0), WG_SHAPE(2, 3));
    assert_values(wg_quantile(x, 0, WG_AXES(1)), 0, NAN, (double)-FLT_MAX);
    assert_values(wg_quantile(F32(-FLT_MAX, FLT_MAX), 0.5, WG_ALL_AXES), 0, 0);
    assert_values(wg_quantile(F64(INFINITY, INFINITY, -INFINITY), 0.5, WG_ALL_AXES), 0, INFINITY);
    assert_values(wg_quantile(F64(3), 0.7, WG_ALL_AXES), 0, 3);
}
END_TEST

START_TEST(quantiles_that_there_are_not) {
    const double q[17] = {0.5, 2};
    wg_quantile(F64(1, 2), 1.5, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "quantile: q[0] is 1.5; it must be 0 to 1");
    wg_quantile(F64(1, 2), NAN, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "quantile: q[0] is nan");
    wg_quantiles(F64(1, 2), q, 2, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "quantile: q[1] is 2");
    wg_quantiles(F64(1, 2), q, 17, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "quantile: q is a list of 17 numbers; it must be one of 1 to 16");
    wg_quantiles(F64(1, 2), NULL, 1, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "quantile: q is NULL");
    wg_quantile(wg_full(tape, WG_F64, WG_SHAPE(2, 0), 0), 0.5, WG_AXES(1));
    assert_error(tape, WG_ERROR_SHAPE,
                 "quantile: x is [2, 0]: axis 1 is empty, and of no elements there is no quantile");
    wg_median(wg_full(tape, WG_F64, WG_SHAPE(2, 0), 0), WG_AXES(1));
    assert_error(tape, WG_ERROR_SHAPE,
                 "median: x is [2, 0]: axis 1 is empty, and of no elements there is no median");
    wg_quantile(I32(1, 2), 0.5, WG_ALL_AXES);
    assert_error(tape, WG_ERROR_DTYPE, "quantile: input 0 is i32[2]; f32 or f64 are taken");
}
END_TEST

WG_TAPE_SUITE("ops/order", equal_elements_keep_their_order_either_way,
              nan_of_either_sign_is_larger_than_infinity,
              zeros_of_both_signs_are_equal_and_subnormal_numbers_are_not,
              whole_numbers_are_sorted_to_the_ends_of_their_range,
              any_count_of_any_dtype_is_sorted_as_qsort_sorts_it,
              the_gradient_of_a_sort_goes_where_the_elements_came_from,
              of_equal_elements_those_with_the_lower_index_are_among_the_best,
              without_order_the_best_stand_as_they_do_in_x, none_and_all_may_be_the_best,
              more_than_all_and_less_than_none, the_last_of_equals_is_the_running_extreme,
              after_a_nan_a_running_extreme_is_nan, the_median_of_an_even_number_is_the_lower_middle,
              the_median_with_a_nan_is_the_first_nan, quantiles_interpolate_in_five_ways,
              quantiles_of_axes_have_the_list_in_front, a_quantile_hands_on_nan_and_does_not_overflow,
              quantiles_that_there_are_not)
