/* Rewrites of the lowered graph: what they save, and that they save nothing that is needed. */
#include "suite.h"
#include <stdio.h>
#include <wengert/plan.h>

static wg_tape *tape_with(wg_engine **engine, const char *disable) {
    *engine = wg_engine_new(NULL, .threads = 2, .disable = disable, .poison = true);
    return wg_tape_new(.engine = *engine);
}

static void close_tape(wg_tape *tape, wg_engine *engine) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

typedef wg_var recipe(wg_tape *tape, wg_var a, wg_var b);

/* Runs the recipe on a [3, 40, 50] and b [3, 40, 60]; returns the nodes that ran, and the bits of the result.
 */
static size_t run(recipe *record, const char *disable, double *result, size_t size) {
    static double x[3 * 40 * 50], y[3 * 40 * 60];
    for (int i = 0; i < 3 * 40 * 50; i++) x[i] = (i * 7919 % 1009) / 1009.0 - 0.5;
    for (int i = 0; i < 3 * 40 * 60; i++) y[i] = (i * 6007 % 1013) / 1013.0 - 0.5;
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, disable);
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(3, 40, 50), x),
           b = wg_array(tape, WG_F64, WG_SHAPE(3, 40, 60), y);
    wg_var out = record(tape, a, b);
    ck_assert_int_eq(wg_eval(out), WG_OK);
    wg_plan_info info = {0};
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    memcpy(result, wg_tensor_data(wg_value(out)), size);
    close_tape(tape, engine);
    return info.nodes;
}

static wg_var transposed_left(wg_tape *tape, wg_var a, wg_var b) {
    (void)tape;
    return wg_matmul(wg_transpose(a, WG_AXES(0, 2, 1)), b);
}

static wg_var transposed_twice(wg_tape *tape, wg_var a, wg_var b) {
    (void)tape;
    return wg_matmul(wg_transpose(a, WG_AXES(0, -1, 1)), wg_transpose(b, WG_AXES(0, 2, 1)),
                     .transpose_b = true);
}

static wg_var other_axes(wg_tape *tape, wg_var a, wg_var b) { /* [3, 50, 40] by way of [50, 3, 40] */
    (void)tape;
    return wg_matmul(wg_transpose(wg_transpose(a, WG_AXES(2, 0, 1)), WG_AXES(1, 0, 2)), b);
}

START_TEST(a_product_reads_a_transposed_matrix_as_it_lies) {
    static double with[3 * 50 * 60], without[3 * 50 * 60];
    recipe *const recipes[] = {transposed_left, transposed_twice};
    for (size_t i = 0; i < 2; i++) {
        const size_t fewer = run(recipes[i], "", with, sizeof with),
                     all = run(recipes[i], "transposes", without, sizeof without);
        ck_assert_uint_eq(fewer, 1);
        ck_assert_uint_eq(all, 2 + i);
        ck_assert_mem_eq(with, without, sizeof with);
    }
    ck_assert_uint_eq(run(other_axes, "", with, sizeof with), 3); /* neither swaps the last two alone */
    ck_assert_uint_eq(run(other_axes, "transposes", without, sizeof without), 3);
    ck_assert_mem_eq(with, without, sizeof with);
}
END_TEST

START_TEST(a_transposed_matrix_that_others_read_is_still_made) {
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, "");
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(2, 2), (const double[]){1, 2, 3, 4});
    wg_var turned = wg_transpose(a, WG_ALL_AXES), product = wg_matmul(turned, a),
           sum = wg_sum(turned, WG_AXES(0));
    ck_assert_int_eq(wg_eval(product, sum, turned), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(product), 0), 10); /* 1 + 9 */
    ck_assert_double_eq(wg_tensor_get(wg_value(sum), 0), 3);
    ck_assert_double_eq(wg_tensor_get(wg_value(turned), 1), 3);
    close_tape(tape, engine);
}
END_TEST

WG_SUITE("lower", a_product_reads_a_transposed_matrix_as_it_lies,
         a_transposed_matrix_that_others_read_is_still_made)
