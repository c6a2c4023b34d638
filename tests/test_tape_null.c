/* NULL where a list, a struct or a stream is expected: an error value or nothing, never a crash; and a var
 * that is none is told to the tape of its neighbours. */
#include "tape_suite.h"
#include <math.h>

START_TEST(lists_that_are_null) {
    ck_assert_int_eq(wg_eval_list(NULL), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_peek_list(NULL), WG_ERROR_TAPE);
    ck_assert(!wg_valid(wg_concat_list(0, NULL)));
    ck_assert(!wg_valid(wg_apply_list(wg_op_find("add"), sizeof(wg_op), NULL, NULL)));
    wg_var x = wg_scalar(tape, 1), y;
    ck_assert_int_eq(wg_grad_list(x, WG_NONE, NULL, 1, &y), WG_ERROR_TAPE);
    assert_error(tape, WG_ERROR_TAPE, "wg_grad_list: the list of inputs is NULL");
    ck_assert_int_eq(wg_grad_list(x, WG_NONE, &x, 1, NULL), WG_ERROR_TAPE);
    assert_error(tape, WG_ERROR_TAPE, "wg_grad_list: the list of gradients is NULL");
    wg_apply_named(tape, "add", NULL, "");
    assert_error(tape, WG_ERROR_TAPE, "add: 0 inputs given; it takes 2");
}
END_TEST

START_TEST(vars_that_are_none_are_told_to_their_neighbours_tape) {
    wg_var x = wg_scalar(tape, 1);
    ck_assert_int_ne(wg_eval(WG_NONE, x), WG_OK);
    assert_error(tape, WG_ERROR_TAPE, "wg_eval: an argument is no var");
    ck_assert_int_ne(wg_eval(wg_add(WG_NONE, WG_NONE), x), WG_OK);
    assert_error(tape, WG_ERROR_TAPE, "wg_eval: an argument");
    const wg_var none[] = {WG_NONE, WG_END_};
    wg_apply_named(tape, "sin", none, "");
    assert_error(tape, WG_ERROR_TAPE, "sin: none of its inputs is a var");
}
END_TEST

static wg_var identity(wg_tape *on, const wg_var *inputs, void *context) {
    (void)on, (void)context;
    return inputs[0];
}

START_TEST(structs_and_streams_that_are_null) {
    wg_gradcheck_report report;
    wg_error error;
    ck_assert_int_eq(wg_gradcheck(NULL, NULL, NULL, 0, &report), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_gradcheck(identity, NULL, NULL, 1, &report), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_gradcheck(identity, NULL, NULL, 0, NULL), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_gradcheck_op(NULL, &report), WG_ERROR_TAPE);
    wg_gradcheck_print(NULL, NULL);
    ck_assert_ptr_null(wg_case_tensor(NULL, 0, WG_F64, 1, &error));
    ck_assert_ptr_null(wg_tensor_of_type(NULL, &error));
    ck_assert_int_eq(error.status, WG_ERROR_SHAPE);
    ck_assert_int_eq(wg_type_count(NULL), 0);
    ck_assert_uint_eq(wg_type_bytes(NULL), 0);
    ck_assert_int_eq(wg_attributes_text(NULL, NULL, NULL, 0), 0);
    ck_assert(!wg_loader_next(NULL, NULL));
    wg_fail(tape, WG_ERROR_NAME, "something");
    ck_assert_int_eq(wg_report(NULL, tape), WG_ERROR_NAME);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
}
END_TEST

WG_TAPE_SUITE("tape/null", lists_that_are_null, vars_that_are_none_are_told_to_their_neighbours_tape,
              structs_and_streams_that_are_null)
