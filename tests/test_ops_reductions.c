/* The reductions: what the definitions leave to convention (ties, NaN, nothing at all), how exact a long sum
 * is, that its bits depend on nothing but the numbers, and what a program is told of its mistakes. */
#include "array_suite.h"
#include <math.h>
#include <stdlib.h>

/* 0, 1, 2, … */
static wg_var counted(const wg_shape *shape) {
    double numbers[64];
    for (int i = 0; i < 64; i++) numbers[i] = i;
    return wg_array(tape, WG_F64, shape, numbers);
}

static wg_var zeros(wg_dtype dtype, const wg_shape *shape) { return wg_full(tape, dtype, shape, 0); }

static void assert_shape(wg_var x, const wg_shape *shape) {
    const wg_type type = wg_type_of(x);
    ck_assert(wg_valid(x));
    for (int axis = 0; axis < type.rank; axis++) ck_assert_int_eq(type.extent[axis], shape->extent[axis]);
    ck_assert(shape->extent[type.rank] == INT64_MIN);
}

/* --- Axes ------------------------------------------------------------------------------------ */

START_TEST(axes_are_listed_in_any_order_from_either_end) {
    wg_var x = counted(WG_SHAPE(2, 3, 4));
    assert_values(wg_sum(x, WG_AXES(1)), 0, 12, 15, 18, 21, 48, 51, 54, 57);
    assert_values(wg_sum(x, WG_AXES(-1, 0)), 0, 60, 92, 124);
    assert_values(wg_mean(x, WG_AXES(0, 2)), 0, 7.5, 11.5, 15.5);
    assert_values(wg_max(x, WG_AXES(-2, -1)), 0, 11, 23);
    assert_values(wg_sum(x, WG_ALL_AXES), 0, 276);
}
END_TEST

START_TEST(reduced_axes_vanish_or_stay_with_extent_1) {
    wg_var x = counted(WG_SHAPE(2, 3, 4));
    assert_shape(wg_sum(x, WG_AXES(1)), WG_SHAPE(2, 4));
    assert_shape(wg_sum(x, WG_AXES(1), .keepdims = true), WG_SHAPE(2, 1, 4));
    assert_shape(wg_mean(x, WG_ALL_AXES), WG_SCALAR_SHAPE);
    assert_shape(wg_mean(x, WG_ALL_AXES, .keepdims = true), WG_SHAPE(1, 1, 1));
    assert_shape(wg_output(wg_max(x, WG_AXES(0, 2)), 1), WG_SHAPE(3));
    assert_shape(wg_argmax(x, -1), WG_SHAPE(2, 3));
    assert_shape(wg_argmax(x, -1, .keepdims = true), WG_SHAPE(2, 3, 1));
}
END_TEST

START_TEST(a_number_without_axes_is_its_own_reduction) {
    wg_var x = wg_reshape(F64(5), WG_SCALAR_SHAPE), y = wg_max(x, WG_ALL_AXES);
    assert_values(wg_sum(x, WG_ALL_AXES), 0, 5);
    assert_values(y, 0, 5);
    assert_values(wg_output(y, 1), 0, 0);
    assert_values(wg_grad(wg_mean(x, WG_ALL_AXES), x), 0, 1);
}
END_TEST

/* --- Sums ------------------------------------------------------------------------------------ */

START_TEST(the_sum_of_nothing_is_0_and_its_mean_is_no_number) {
    wg_var x = zeros(WG_F64, WG_SHAPE(2, 0, 3));
    assert_values(wg_sum(x, WG_AXES(1)), 0, 0, 0, 0, 0, 0, 0);
    assert_values(wg_sum(x, WG_ALL_AXES), 0, 0);
    assert_values(wg_mean(x, WG_AXES(0, 1)), 0, NAN, NAN, NAN);
    assert_shape(wg_sum(x, WG_AXES(0)), WG_SHAPE(0, 3));
    assert_shape(wg_grad(wg_mean(x, WG_ALL_AXES), x), WG_SHAPE(2, 0, 3));
}
END_TEST

START_TEST(infinities_of_both_signs_make_a_nan_as_a_nan_does) {
    wg_var x =
        wg_reshape(F64(1, INFINITY, 2, INFINITY, -INFINITY, 3, NAN, 0, 4, -INFINITY, 5, 6), WG_SHAPE(4, 3));
    assert_values(wg_sum(x, WG_AXES(1)), 0, INFINITY, NAN, NAN, -INFINITY);
    assert_values(wg_mean(x, WG_AXES(0)), 0, NAN, NAN, 3.75);
}
END_TEST

START_TEST(whole_numbers_are_summed_in_their_own_type_and_wrap) {
    assert_values(wg_sum(I32(INT32_MAX, 1, 5), WG_ALL_AXES), 0, (double)INT32_MIN + 5);
    wg_var y = wg_sum(I64(INT64_MAX, -1, -INT64_MAX), WG_ALL_AXES);
    ck_assert_int_eq(wg_type_of(y).dtype, WG_I64);
    assert_values(y, 0, -1);
}
END_TEST

static float *million(void) {
    float *numbers = malloc(1000000 * sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    for (uint32_t i = 0, bits = 1; i < 1000000; i++, bits = bits * 1664525 + 1013904223)
        numbers[i] = (float)(bits >> 8) * 0x1p-24f;
    return numbers;
}

/* A chain of sums would be off by hundreds of times as much. */
START_TEST(a_million_numbers_are_summed_to_a_few_roundings) {
    float *numbers = million();
    const wg_shape *shapes[] = {WG_SHAPE(1000000), WG_SHAPE(1000000, 1), WG_SHAPE(500, 2000),
                                WG_SHAPE(200000, 5)};
    double expected[5] = {0}, total = 0;
    for (int i = 0; i < 1000000; i++) expected[i % 5] += (double)numbers[i], total += (double)numbers[i];
    for (int i = 0; i < 3; i++) {
        const double got = value_of(wg_sum(wg_array(tape, WG_F32, shapes[i], numbers), WG_ALL_AXES));
        ck_assert_double_le(fabs(got - total), 8 * 0x1p-24 * total);
    }
    wg_var columns = wg_sum(wg_array(tape, WG_F32, shapes[3], numbers), WG_AXES(0));
    ck_assert_int_eq(wg_eval(columns), WG_OK);
    for (int j = 0; j < 5; j++)
        ck_assert_double_le(fabs(wg_tensor_get(wg_value(columns), j) - expected[j]),
                            8 * 0x1p-24 * expected[j]);
    free(numbers);
}
END_TEST

/* Sums over axis 0, and 2 where there is one, of 1000 samples: the chain of those of 256, 256, 256 and 232.
 */
static void adds_parts_in_order(wg_dtype dtype, const wg_shape *shape, const wg_axes *axes, int64_t outputs) {
    float *numbers = million();
    wg_var x = wg_mul(wg_array(tape, WG_F32, shape, numbers), wg_scalar(tape, 1e6)), chain = WG_NONE;
    x = wg_cast(x, dtype);
    for (int64_t at = 0; at < 1000; at += 256) {
        wg_var part = wg_sum(wg_slice(x, 0, at, at + 256), axes);
        chain = at ? wg_add(chain, part) : part;
    }
    wg_var whole = wg_sum(x, axes);
    ck_assert_msg(wg_eval(whole, chain) == WG_OK, "%s", wg_tape_message(tape));
    ck_assert_int_eq(wg_tensor_count(wg_value(whole)), outputs);
    ck_assert_mem_eq(wg_tensor_data(wg_value(whole)), wg_tensor_data(wg_value(chain)),
                     (size_t)outputs * wg_dtype_size(dtype));
    wg_tape_clear(tape);
    free(numbers);
}

START_TEST(sums_over_samples_are_those_of_256_at_a_time_added_in_order) {
    static const wg_dtype types[] = {WG_F32, WG_F64, WG_I32};
    for (int i = 0; i < 3; i++) {
        adds_parts_in_order(types[i], WG_SHAPE(1000, 7), WG_AXES(0), 7);
        adds_parts_in_order(types[i], WG_SHAPE(1000, 700), WG_AXES(0), 700);
        adds_parts_in_order(types[i], WG_SHAPE(1000, 5, 37), WG_AXES(0, 2), 5);
        adds_parts_in_order(types[i], WG_SHAPE(1000, 5, 3), WG_AXES(0, 2), 5);
    }
}
END_TEST

/* The sums of the million under one engine, one after the other. */
static void sum_with(wg_engine *engine, const float *numbers, float *sums) {
    static const wg_shape shape = {{50, 25, 40, 20, INT64_MIN}};
    static const wg_axes axes[] = {
        {{0, 2, 3, INT_MIN}}, {{3, INT_MIN}}, {{0, INT_MIN}}, {{1, 2, INT_MIN}}, {{INT_MIN}}};
    ck_assert_ptr_nonnull(engine);
    wg_tape *own = wg_tape_new(.engine = engine);
    wg_var x = wg_array(own, WG_F32, &shape, numbers);
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        wg_var y = wg_mean(x, &axes[i]);
        ck_assert_int_eq(wg_eval(y), WG_OK);
        const int64_t count = wg_tensor_count(wg_value(y));
        memcpy(sums, wg_tensor_data(wg_value(y)), (size_t)count * sizeof *sums);
        sums += count;
    }
    wg_tape_free(own);
    wg_engine_free(engine);
}

START_TEST(the_bits_of_a_sum_depend_on_neither_threads_nor_instruction_set) {
    enum { SUMS = 25 + 50 * 25 * 40 + 25 * 40 * 20 + 50 * 20 + 1 };
    float *numbers = million(), *expected = calloc(SUMS, sizeof *expected), *got = calloc(SUMS, sizeof *got);
    ck_assert(expected && got);
    sum_with(wg_engine_new(NULL, .threads = 1, .isa = "portable"), numbers, expected);
    ck_assert_float_gt(expected[SUMS - 1], 0.4f);
    sum_with(wg_engine_new(NULL, .threads = 1), numbers, got);
    ck_assert_mem_eq(got, expected, SUMS * sizeof *got);
    sum_with(wg_engine_new(NULL, .threads = 5), numbers, got);
    ck_assert_mem_eq(got, expected, SUMS * sizeof *got);
    free(numbers);
    free(expected);
    free(got);
}
END_TEST

START_TEST(a_sum_hands_its_cotangent_to_each_element_and_a_mean_its_share) {
    wg_var x = counted(WG_SHAPE(2, 3)), weights = F64(1, 10, 100);
    wg_var rows = wg_sum(wg_mul(weights, wg_sum(x, WG_AXES(0))), WG_ALL_AXES);
    assert_values(wg_grad(rows, x), 0, 1, 10, 100, 1, 10, 100);
    rows = wg_sum(wg_mul(weights, wg_mean(x, WG_AXES(0))), WG_ALL_AXES);
    assert_values(wg_grad(rows, x), 0, 0.5, 5, 50, 0.5, 5, 50);
}
END_TEST

/* --- Largest --------------------------------------------------------------------------------- */

START_TEST(the_first_of_equals_is_the_largest) {
    wg_var x = wg_reshape(F64(1, 3, 3, 0, 3, 3, 2, 3), WG_SHAPE(2, 4)), rows = wg_max(x, WG_AXES(1));
    assert_values(rows, 0, 3, 3);
    assert_values(wg_output(rows, 1), 0, 1, 0);
    assert_values(wg_output(wg_max(x, WG_AXES(0)), 1), 0, 1, 0, 0, 1);
    assert_values(wg_output(wg_max(x, WG_ALL_AXES), 1), 0, 1);
    assert_values(wg_argmax(x, 1), 0, 1, 0);
    wg_var zero = wg_max(F64(-1, -0.0, 0.0), WG_ALL_AXES);
    ck_assert(signbit(value_of(zero)));
}
END_TEST

START_TEST(an_index_numbers_the_reduced_elements_in_row_major_order) {
    wg_var x = wg_reshape(F64(0, 1, 9, 3, 4, 5, 6, 7, 8, 2, 10, 11), WG_SHAPE(2, 3, 2));
    assert_values(wg_output(wg_max(x, WG_AXES(0, 2)), 1), 0, 3, 0, 3);
    assert_values(wg_output(wg_max(x, WG_AXES(0, 1)), 1), 0, 5, 5);
    assert_values(wg_output(wg_max(x, WG_AXES(1, 2), .keepdims = true), 1), 0, 2, 5);
}
END_TEST

/* `mark` at i, and an equal one some way after it, in row i of many: so found along rows and across them. */
static void find_in_every_place(double mark) {
    enum { N = 201 };
    double *numbers = calloc(N * N, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    for (int i = 0; i < N; i++)
        for (int k = i; k < N; k += 37) numbers[i * N + k] = mark;
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(N, N), numbers), rows = wg_max(x, WG_AXES(1));
    wg_var columns = wg_max(wg_transpose(x, WG_ALL_AXES), WG_AXES(0));
    wg_var found[] = {wg_output(rows, 1), wg_output(columns, 1), wg_argmax(x, 1)};
    ck_assert_msg(wg_eval(rows, columns, found[0], found[1], found[2]) == WG_OK, "%s", wg_tape_message(tape));
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 3; k++) ck_assert_double_eq(wg_tensor_get(wg_value(found[k]), i), i);
        const double along = wg_tensor_get(wg_value(rows), i), across = wg_tensor_get(wg_value(columns), i);
        ck_assert(isnan(mark) ? isnan(along) && isnan(across) : along == mark && across == mark);
    }
    free(numbers);
}

START_TEST(the_largest_is_found_in_every_place) { find_in_every_place(1); }
END_TEST

START_TEST(the_first_nan_is_larger_than_any_number) {
    find_in_every_place(NAN);
    wg_var y = wg_max(wg_reshape(F64(INFINITY, NAN, 1, NAN, 2, INFINITY), WG_SHAPE(3, 2)), WG_AXES(0));
    assert_values(y, 0, INFINITY, NAN);
    assert_values(wg_output(y, 1), 0, 0, 0);
    assert_values(wg_argmax(F64(-INFINITY, -INFINITY), 0), 0, 0);
}
END_TEST

START_TEST(whole_numbers_have_a_largest_too) {
    assert_values(wg_max(I64(INT64_MIN, INT64_MIN + 1024), WG_ALL_AXES), 0, (double)(INT64_MIN + 1024));
    assert_values(wg_argmax(I32(-5, 7, INT32_MAX, INT32_MAX), 0), 0, 2);
}
END_TEST

/* --- Mistakes -------------------------------------------------------------------------------- */

START_TEST(an_axis_that_there_is_not) {
    wg_max(zeros(WG_F32, WG_SHAPE(2, 3)), WG_AXES(0, -3));
    assert_error(tape, WG_ERROR_AXIS, "max: axis -3 is out of range: [2, 3] has axes -2 to 1");
    wg_argmax(zeros(WG_F32, WG_SHAPE(2, 3)), 2);
    assert_error(tape, WG_ERROR_AXIS, "argmax: axis 2 is out of range: [2, 3] has axes -2 to 1");
    wg_sum(wg_scalar(tape, 1), WG_AXES(0));
    assert_error(tape, WG_ERROR_AXIS, "sum: axis 0 is out of range: the input has no axes");
}
END_TEST

START_TEST(an_axis_named_twice) {
    wg_sum(zeros(WG_F32, WG_SHAPE(2, 3, 4)), WG_AXES(2, 0, -1));
    assert_error(tape, WG_ERROR_AXIS, "sum: axis 2 is named twice; [2, 3, 4] has 3 axes");
}
END_TEST

START_TEST(the_largest_of_nothing) {
    wg_max(zeros(WG_F32, WG_SHAPE(2, 0)), WG_AXES(0, 1));
    assert_error(tape, WG_ERROR_SHAPE, "max: x is [2, 0]: axis 1 is empty");
    wg_argmax(zeros(WG_F32, WG_SHAPE(0, 2)), 0);
    assert_error(tape, WG_ERROR_SHAPE, "argmax: x is [0, 2]: axis 0 is empty");
    assert_shape(wg_max(zeros(WG_F32, WG_SHAPE(0, 2)), WG_AXES(1)), WG_SHAPE(0));
}
END_TEST

START_TEST(a_dtype_that_cannot_be_reduced) {
    wg_sum(zeros(WG_BOOL, WG_SHAPE(2)), WG_ALL_AXES);
    assert_error(tape, WG_ERROR_DTYPE,
                 "sum: x is bool[2]; f32, f64, i32 or i64 are taken (wg_cast converts)");
    wg_argmax(zeros(WG_U8, WG_SHAPE(2)), 0);
    assert_error(tape, WG_ERROR_DTYPE, "argmax: x is u8[2]; f32, f64, i32 or i64 are taken");
    wg_mean(I32(1, 2), WG_ALL_AXES);
    assert_error(tape, WG_ERROR_DTYPE, "mean: input 0 is i32[2]; f32 or f64 are taken");
}
END_TEST

static wg_var named(const char *name, const char *attributes, wg_var a, wg_var b) {
    return wg_apply_named(tape, name, WG_VARS(a, b), attributes);
}

START_TEST(indices_that_do_not_belong_to_x) {
    wg_var x = counted(WG_SHAPE(2, 3)), y = F64(1, 2);
    named("max_gather", "axes=1", x, I64(0, 0, 0));
    assert_error(tape, WG_ERROR_SHAPE, "max_gather: indices are [3]; x [2, 3] reduced along the axes is [2]");
    named("max_gather", "axes=1", x, I32(0, 0));
    assert_error(tape, WG_ERROR_DTYPE, "max_gather: indices are i32[2]; they must be i64");
    named("max_scatter", "axes=0 shape=2,3", y, I64(0, 0));
    assert_error(tape, WG_ERROR_SHAPE, "max_scatter: input 0 is [2]; [2, 3] reduced along the axes is [3]");
    named("max_scatter", "axes=2 shape=2,3", y, I64(0, 0));
    assert_error(tape, WG_ERROR_AXIS, "max_scatter: axis 2 is out of range: [2, 3] has axes -2 to 1");
}
END_TEST

START_TEST(a_correction_that_is_no_number) {
    wg_variance(counted(WG_SHAPE(3)), WG_ALL_AXES, .correction = NAN);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "var: correction is NaN; it must be a number");
    wg_std(counted(WG_SHAPE(3)), WG_ALL_AXES, .correction = NAN);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "std: correction is NaN; it must be a number");
}
END_TEST

START_TEST(an_index_out_of_range) {
    wg_var x = counted(WG_SHAPE(2, 3)), y = F64(1, 2);
    assert_values(named("max_gather", "axes=1", x, I64(2, 0)), 0, 2, 3);
    ck_assert_int_eq(wg_eval(named("max_gather", "axes=1", x, I64(2, 3))), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "max_gather: index 3 among 3 elements");
    assert_values(named("max_scatter", "axes=1 shape=2,3", y, I64(2, 0)), 0, 0, 0, 1, 2, 0, 0);
    ck_assert_int_eq(wg_eval(named("max_scatter", "axes=1 shape=2,3", y, I64(0, -1))), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "max_scatter: index -1 among 3 elements");
}
END_TEST

START_TEST(min_takes_the_first_of_equals_and_nan_before_all) {
    wg_var x = F64(3, -1, 5, -1), with_nan = F64(2, NAN, -7, NAN);
    wg_var y = wg_min(x, WG_ALL_AXES);
    assert_values(y, 0, -1);
    assert_values(wg_output(y, 1), 0, 1);
    assert_values(wg_grad(y, x), 0, 0, 1, 0, 0);
    assert_values(wg_argmin(x, 0), 0, 1);
    assert_values(wg_argmin(with_nan, 0, .keepdims = true), 0, 1);
    assert_values(wg_min(with_nan, WG_AXES(0)), 0, NAN);
    assert_values(wg_min(I32(4, -9, 2), WG_ALL_AXES), 0, -9);
}
END_TEST

/* --- Products and scans */

START_TEST(the_gradient_of_a_product_is_exact_with_zeros) {
    wg_var none = F64(2, 3, 5), one = F64(2, 0, 5), two = F64(0, 3, 0);
    assert_values(wg_grad(wg_prod(none, WG_ALL_AXES), none), 0, 15, 10, 6);
    assert_values(wg_grad(wg_prod(one, WG_ALL_AXES), one), 0, 0, 10, 0);
    assert_values(wg_grad(wg_prod(two, WG_ALL_AXES), two), 0, 0, 0, 0);
    wg_var dx = wg_grad(wg_prod(two, WG_ALL_AXES), two); /* 0 b 0: d²/da dc = b */
    assert_values(wg_grad(wg_sum(wg_mul(dx, F64(1, 0, 0)), WG_ALL_AXES), two), 0, 0, 0, 3);
    assert_values(wg_prod(zeros(WG_F64, WG_SHAPE(0)), WG_ALL_AXES), 0, 1);
    assert_values(wg_prod(I32(3, -4, 5), WG_AXES(0), .keepdims = true), 0, -60);
}
END_TEST

START_TEST(scans_run_both_ways_with_or_without_the_element_itself) {
    wg_var x = I32(1, 2, 3, 4);
    assert_values(wg_cumsum(x, 0), 0, 1, 3, 6, 10);
    assert_values(wg_cumsum(x, -1, .exclusive = true), 0, 0, 1, 3, 6);
    assert_values(wg_cumsum(x, 0, .reverse = true), 0, 10, 9, 7, 4);
    assert_values(wg_cumsum(x, 0, .exclusive = true, .reverse = true), 0, 9, 7, 4, 0);
    assert_values(wg_cumprod(x, 0), 0, 1, 2, 6, 24);
    assert_values(wg_cumprod(x, 0, .exclusive = true, .reverse = true), 0, 24, 12, 4, 1);
    wg_var zero = F64(2, 0, 3, 0);
    assert_values(wg_grad(wg_sum(wg_cumprod(zero, 0), WG_ALL_AXES), zero), 0, 1, 8, 0, 0);
}
END_TEST

/* --- Moments and norms */

START_TEST(any_of_nothing_is_false_and_all_of_nothing_true) {
    wg_var nothing = zeros(WG_F32, WG_SHAPE(0));
    assert_values(wg_any(nothing, WG_ALL_AXES), 0, 0);
    assert_values(wg_all(nothing, WG_ALL_AXES), 0, 1);
    assert_values(wg_any(F64(0, NAN), WG_ALL_AXES), 0, 1);
    assert_values(wg_all(I32(1, 2, 0), WG_AXES(0)), 0, 0);
}
END_TEST

WG_TAPE_SUITE("ops/reductions", the_gradient_of_a_product_is_exact_with_zeros,
              scans_run_both_ways_with_or_without_the_element_itself,
              any_of_nothing_is_false_and_all_of_nothing_true,
              min_takes_the_first_of_equals_and_nan_before_all, axes_are_listed_in_any_order_from_either_end,
              reduced_axes_vanish_or_stay_with_extent_1, a_number_without_axes_is_its_own_reduction,
              the_sum_of_nothing_is_0_and_its_mean_is_no_number,
              infinities_of_both_signs_make_a_nan_as_a_nan_does,
              whole_numbers_are_summed_in_their_own_type_and_wrap,
              sums_over_samples_are_those_of_256_at_a_time_added_in_order,
              a_million_numbers_are_summed_to_a_few_roundings,
              the_bits_of_a_sum_depend_on_neither_threads_nor_instruction_set,
              a_sum_hands_its_cotangent_to_each_element_and_a_mean_its_share,
              the_first_of_equals_is_the_largest, an_index_numbers_the_reduced_elements_in_row_major_order,
              the_largest_is_found_in_every_place, the_first_nan_is_larger_than_any_number,
              whole_numbers_have_a_largest_too, an_axis_that_there_is_not, an_axis_named_twice,
              the_largest_of_nothing, a_dtype_that_cannot_be_reduced, indices_that_do_not_belong_to_x,
              a_correction_that_is_no_number, an_index_out_of_range)
