/* Attention: rows without keys, masks of -infinity, many blocks against plain products, and how much memory.
 */
#include "tape_suite.h"
#include <math.h>
#include <stdlib.h>

#define F64(shape, ...) wg_array(tape, WG_F64, shape, (const double[]){__VA_ARGS__})

/* Numbers between -1 and 1 that follow no simple rule. */
static wg_var numbers(const wg_shape *shape, wg_dtype dtype, int seed) {
    wg_tensor *tensor = wg_tensor_new(dtype, shape, NULL);
    ck_assert_ptr_nonnull(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) {
        const double x = sin((double)(i * (seed + 3)) + seed);
        if (dtype == WG_F32)
            ((float *)wg_tensor_writable(tensor))[i] = (float)x;
        else
            ((double *)wg_tensor_writable(tensor))[i] = x;
    }
    const wg_var var = wg_input(tape, tensor);
    wg_tensor_free(tensor);
    return var;
}

/* Query 0 sees nothing, query 1 the second key alone. */
START_TEST(a_query_that_sees_nothing_gives_0_and_so_does_its_gradient) {
    wg_var q = F64(WG_SHAPE(2, 1), 1, 2), k = F64(WG_SHAPE(2, 1), 3, 4), v = F64(WG_SHAPE(2, 1), 5, 7);
    const double open[] = {-INFINITY, -INFINITY, -INFINITY, 0};
    wg_var added = wg_array(tape, WG_F64, WG_SHAPE(2, 2), open), seen = wg_equal(added, wg_scalar(tape, 0));
    for (int i = 0; i < 2; i++) {
        wg_var y = wg_scaled_dot_product_attention(q, k, v, i ? seen : added);
        wg_var dq, dk, dv, list[] = {q, k, v}, d[3];
        ck_assert_int_eq(wg_grad_list(wg_sum(y, WG_ALL_AXES), WG_NONE, list, 3, d), WG_OK);
        dq = d[0], dk = d[1], dv = d[2];
        assert_values(y, 0, 0, 7);
        assert_values(dq, 0, 0, 0);
        assert_values(dk, 0, 0, 0);
        assert_values(dv, 0, 0, 1);
    }
}
END_TEST

START_TEST(nan_in_a_query_is_handed_on_in_its_row_alone) {
    const double given[] = {NAN, 1};
    wg_var q = wg_array(tape, WG_F64, WG_SHAPE(2, 1), given), k = F64(WG_SHAPE(1, 1), 2),
           v = F64(WG_SHAPE(1, 1), 3);
    assert_values(wg_scaled_dot_product_attention(q, k, v, WG_NONE), 0, NAN, 3);
}
END_TEST

/* exp(ln 3 · 1) against exp(0): weights 3/4 and 1/4, and half of them where the scale is 0. */
START_TEST(weights_are_those_of_softmax) {
    wg_var q = F64(WG_SHAPE(1, 1), log(3)), k = F64(WG_SHAPE(2, 1), 1, 0), v = F64(WG_SHAPE(2, 1), 4, 8);
    wg_var y = wg_scaled_dot_product_attention(q, k, v, WG_NONE);
    assert_values(y, 1e-14, 5);
    assert_values(wg_output(wg_scaled_dot_product_attention(q, k, v, WG_NONE), 1), 1e-14, log(4));
    assert_values(wg_scaled_dot_product_attention(q, k, v, WG_NONE, .scale = WG_ZERO), 1e-14, 6);
    assert_values(wg_scaled_dot_product_attention(q, k, v, WG_NONE, .is_causal = true), 1e-14, 4);
}
END_TEST

/* The largest difference of a and b. */
static double apart(wg_var a, wg_var b) { return value_of(wg_max(wg_abs(wg_sub(a, b)), WG_ALL_AXES)); }

/* Several blocks of queries and of keys, the last of each not full, four heads on two. */
START_TEST(many_blocks_give_what_plain_products_give) {
    const wg_op *op = wg_op_find("scaled_dot_product_attention");
    const struct {
        bool is_causal;
        double scale;
    } with = {true, 0.3};
    wg_var in[] = {numbers(WG_SHAPE(2, 4, 150, 5), WG_F64, 1), numbers(WG_SHAPE(2, 2, 170, 5), WG_F64, 2),
                   numbers(WG_SHAPE(2, 2, 170, 33), WG_F64, 3), numbers(WG_SHAPE(4, 1, 170), WG_F64, 4),
                   WG_END_};
    wg_var fused =
        wg_scaled_dot_product_attention(in[0], in[1], in[2], in[3], .is_causal = true, .scale = 0.3);
    wg_var plain = op->expand(tape, in, &with), v = numbers(WG_SHAPE(2, 4, 150, 33), WG_F64, 5), a[4], b[4];
    ck_assert_double_lt(apart(fused, plain), 1e-14);
    ck_assert_int_eq(wg_grad_list(fused, v, in, 4, a), WG_OK);
    ck_assert_int_eq(wg_grad_list(plain, v, in, 4, b), WG_OK);
    for (int i = 0; i < 4; i++) ck_assert_double_lt(apart(a[i], b[i]), 1e-12);
}
END_TEST

static wg_var step_of_length(int64_t length) {
    const wg_shape *shape = WG_SHAPE(2, length, 8);
    wg_var q = numbers(shape, WG_F32, 1), k = numbers(shape, WG_F32, 2), v = numbers(shape, WG_F32, 3), d[3];
    wg_var list[] = {q, k, v};
    wg_var y = wg_scaled_dot_product_attention(q, k, v, WG_NONE, .is_causal = true);
    ck_assert_int_eq(wg_grad_list(wg_sum(wg_square(y), WG_ALL_AXES), WG_NONE, list, 3, d), WG_OK);
    return wg_add(wg_add(d[0], d[1]), d[2]);
}

static double peak_at(int64_t length) {
    wg_plan_info info;
    ck_assert_int_eq(wg_prepare(step_of_length(length)), WG_OK);
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    wg_tape_clear(tape);
    return (double)info.peak;
}

START_TEST(memory_is_linear_in_the_length) { ck_assert_double_le(peak_at(2048), 4.1 * peak_at(512)); }
END_TEST

/* Several blocks on three threads, on every instruction set that is there. */
START_TEST(bits_of_many_blocks_depend_on_neither_threads_nor_instruction_set) {
    static const char *const isas[] = {"avx2", "avx512", "neon", "portable"};
    wg_tape *const usual = tape;
    wg_engine *engine = wg_engine_new(NULL, .threads = 1, .isa = "portable");
    tape = wg_tape_new(.engine = engine);
    wg_var expected = step_of_length(200);
    ck_assert_int_eq(wg_eval(expected), WG_OK);
    wg_tape *const first = tape;
    int compared = 0;
    for (int i = 0; i < 4; i++) {
        wg_engine *other = wg_engine_new(NULL, .threads = 3, .isa = isas[i]);
        if (!other) continue;
        tape = wg_tape_new(.engine = other);
        wg_var y = step_of_length(200);
        ck_assert_int_eq(wg_eval(y), WG_OK);
        ck_assert_mem_eq(wg_tensor_data(wg_value(y)), wg_tensor_data(wg_value(expected)),
                         2 * 200 * 8 * sizeof(float));
        compared++;
        wg_tape_free(tape);
        wg_engine_free(other);
    }
    ck_assert_int_gt(compared, 0);
    wg_tape_free(first);
    wg_engine_free(engine);
    tape = usual;
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    wg_var q = numbers(WG_SHAPE(3, 2, 4), WG_F32, 1), k = numbers(WG_SHAPE(2, 5, 4), WG_F32, 2);
    wg_scaled_dot_product_attention(q, k, k, WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE, "q is [3, 2, 4], k is [2, 5, 4], v is [2, 5, 4]");
    wg_scaled_dot_product_attention(k, k, k, numbers(WG_SHAPE(3, 5), WG_F32, 3));
    assert_error(tape, WG_ERROR_SHAPE, "the mask is [3, 5], the scores are [2, 5, 5]");
    wg_scaled_dot_product_attention(k, k, k, wg_full(tape, WG_I32, WG_SHAPE(5), 1));
    assert_error(tape, WG_ERROR_DTYPE, "input 3 is i32[5]");
}
END_TEST

WG_TAPE_SUITE("ops/sequence", a_query_that_sees_nothing_gives_0_and_so_does_its_gradient,
              nan_in_a_query_is_handed_on_in_its_row_alone, weights_are_those_of_softmax,
              many_blocks_give_what_plain_products_give, memory_is_linear_in_the_length,
              bits_of_many_blocks_depend_on_neither_threads_nor_instruction_set, what_does_not_fit_is_refused)
