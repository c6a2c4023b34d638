/* Rows of a table: what padding does to gradients, and indices that name no row. */
#include "tape_suite.h"

#define F64(shape, ...) wg_array(tape, WG_F64, shape, (const double[]){__VA_ARGS__})
#define I64(shape, ...) wg_array(tape, WG_I64, shape, (const int64_t[]){__VA_ARGS__})

static wg_var flat(wg_var x) { return wg_reshape(x, WG_SHAPE(-1)); }

START_TEST(padding_is_read_as_any_row_but_gets_no_gradient) {
    wg_var weight = F64(WG_SHAPE(3, 2), 1, 2, 3, 4, 5, 6), indices = I64(WG_SHAPE(4), 1, 0, -3, 1);
    for (int64_t padding = 0; padding > -4; padding -= 3) {
        wg_var y = wg_embedding(weight, indices, .has_padding = true, .padding_index = padding), d;
        assert_values(flat(y), 0, 3, 4, 1, 2, 1, 2, 3, 4);
        d = wg_grad(wg_sum(y, WG_ALL_AXES), weight);
        assert_values(flat(d), 0, 0, 0, 2, 2, 0, 0);
    }
    wg_var all = wg_grad(wg_sum(wg_embedding(weight, indices), WG_ALL_AXES), weight);
    assert_values(flat(all), 0, 2, 2, 2, 2, 0, 0);
}
END_TEST

START_TEST(an_index_out_of_range_fails_the_run_and_is_named_with_the_rows) {
    wg_var weight = F64(WG_SHAPE(3, 1), 1, 2, 3);
    ck_assert_int_eq(wg_eval(wg_embedding(weight, I64(WG_SHAPE(2), 2, 3))), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "index 3 at place 1 is out of range: the axis has 3 rows");
}
END_TEST

START_TEST(what_is_no_table_and_no_index_is_refused) {
    wg_var weight = F64(WG_SHAPE(3, 1), 1, 2, 3), index = I64(WG_SHAPE(1), 0);
    wg_embedding(index, index);
    assert_error(tape, WG_ERROR_DTYPE, "embedding: the weight is i64[1]; f32 or f64 are taken");
    wg_embedding(weight, weight);
    assert_error(tape, WG_ERROR_DTYPE, "embedding: the indices are f64[3, 1]; they must be i32 or i64");
    wg_embedding(wg_sum(weight, WG_ALL_AXES), index);
    assert_error(tape, WG_ERROR_SHAPE, "embedding: the weight is []; it must have an axis of rows");
    wg_embedding(weight, index, .padding_index = -4);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "embedding: padding_index is -4; the weight has 3 rows");
    wg_embedding(wg_reshape(weight, WG_SHAPE(3, 1, 1)), I64(WG_SHAPE(1, 1, 1, 1, 1, 1, 1), 0));
    assert_error(tape, WG_ERROR_SHAPE, "would have more than 8 axes");
}
END_TEST

WG_TAPE_SUITE("ops/embedding", padding_is_read_as_any_row_but_gets_no_gradient,
              an_index_out_of_range_fails_the_run_and_is_named_with_the_rows,
              what_is_no_table_and_no_index_is_refused)
