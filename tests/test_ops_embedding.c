/* Rows of a table, by themselves and in bags: what padding does to gradients, and indices that name no row.
 */
#include "tape_suite.h"
#include <math.h>

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

/* --- Bags --------------------------------------------------------------------------------------------- */

#define BAG(...) wg_embedding_bag(weight, indices, .offsets = offsets, __VA_ARGS__)
#define ASSERT_GRADIENT(y, ...) \
    assert_values(flat(wg_grad(wg_sum(wg_mul(y, v), WG_ALL_AXES), weight)), 1e-15, __VA_ARGS__)

/* By PyTorch 1.13, of F.embedding_bag on the same numbers: bags of 2, 0 and 3 rows. */
START_TEST(bags_and_their_gradients_are_those_of_pytorch) {
    wg_var weight = F64(WG_SHAPE(4, 2), 1, 2, 4, 3, -1, 5, 0, -6), indices = I64(WG_SHAPE(5), 1, 0, 2, 3, 1);
    wg_var offsets = I64(WG_SHAPE(3), 0, 2, 2), v = F64(WG_SHAPE(3, 2), 1, 2, 3, 4, 5, 6);
    wg_var scale = F64(WG_SHAPE(5), 0.5, 2, -1, 3, 0.25), y = BAG(.mode = WG_BAG_SUM);
    assert_values(flat(y), 0, 5, 5, 0, 0, 3, 2);
    ASSERT_GRADIENT(y, 1, 2, 6, 8, 5, 6, 5, 6);
    y = BAG(.mode = WG_BAG_MEAN, .padding_index = 1);
    assert_values(flat(y), 1e-15, 1, 2, 0, 0, -0.5, -0.5);
    ASSERT_GRADIENT(y, 1, 2, 0, 0, 2.5, 3, 2.5, 3);
    y = BAG(.mode = WG_BAG_MAX);
    assert_values(flat(y), 0, 4, 3, 0, 0, 4, 5);
    ASSERT_GRADIENT(y, 0, 0, 6, 2, 0, 6, 0, 0);
    y = BAG(.mode = WG_BAG_MAX, .padding_index = 2);
    assert_values(flat(y), 0, 4, 3, 0, 0, 4, 3);
    ASSERT_GRADIENT(y, 0, 0, 6, 8, 0, 0, 0, 0);
    assert_values(flat(BAG(.per_sample_weights = scale)), 0, 4, 5.5, 0, 0, 2, -22.25);
}
END_TEST

START_TEST(nan_in_a_bag_is_handed_on_but_not_from_padding) {
    wg_var weight = F64(WG_SHAPE(3, 1), NAN, 1, 2), indices = I64(WG_SHAPE(4), 0, 1, 2, 1);
    wg_var offsets = I64(WG_SHAPE(2), 0, 2);
    for (int mode = WG_BAG_SUM; mode <= WG_BAG_MAX; mode++) {
        wg_var y = BAG(.mode = mode), padded = BAG(.mode = mode, .has_padding = true);
        assert_values(flat(wg_slice(y, 0, 0, 1)), 0, NAN);
        assert_values(flat(wg_slice(y, 0, 1, 2)), 0, mode == WG_BAG_SUM ? 3 : mode == WG_BAG_MEAN ? 1.5 : 2);
        assert_values(flat(wg_slice(padded, 0, 0, 1)), 0, 1);
    }
}
END_TEST

START_TEST(bags_that_cannot_be_are_refused) {
    wg_var weight = F64(WG_SHAPE(3, 1), 1, 2, 3), indices = I64(WG_SHAPE(2), 0, 1), offsets = WG_NONE;
    BAG(.mode = WG_BAG_SUM);
    assert_error(tape, WG_ERROR_SHAPE, "embedding_bag: the indices are [2]; without offsets");
    wg_embedding_bag(weight, indices, .offsets = weight);
    assert_error(tape, WG_ERROR_DTYPE, "embedding_bag: the offsets are f64[3, 1]; they must be i32 or i64");
    offsets = I64(WG_SHAPE(1), 0);
    BAG(.mode = WG_BAG_MEAN, .per_sample_weights = F64(WG_SHAPE(2), 1, 1));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "per_sample_weights are given; they go with mode sum only");
    BAG(.per_sample_weights = F64(WG_SHAPE(3), 1, 1, 1));
    assert_error(tape, WG_ERROR_SHAPE, "per_sample_weights is f64[3]; it must have the indices' shape, [2]");
    offsets = I64(WG_SHAPE(2), 0, 3);
    ck_assert_int_eq(wg_eval(BAG(.mode = WG_BAG_SUM)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "embedding_bag: element_index: index 3 at place 0 is out of range");
    offsets = I64(WG_SHAPE(2), 0, -1);
    ck_assert_int_eq(wg_eval(BAG(.mode = WG_BAG_SUM)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "at place 0 is out of range");
    offsets = I64(WG_SHAPE(1), 0), indices = I64(WG_SHAPE(1), -4);
    ck_assert_int_eq(wg_eval(BAG(.mode = WG_BAG_MAX)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX,
                 "embedding_bag: gather: index -4 at place 0 is out of range: the axis has 3 rows");
}
END_TEST

WG_TAPE_SUITE("ops/embedding", padding_is_read_as_any_row_but_gets_no_gradient,
              an_index_out_of_range_fails_the_run_and_is_named_with_the_rows,
              what_is_no_table_and_no_index_is_refused, bags_and_their_gradients_are_those_of_pytorch,
              nan_in_a_bag_is_handed_on_but_not_from_padding, bags_that_cannot_be_are_refused)
