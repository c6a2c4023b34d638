/* wg_rerun: after a stop, after errors, with other inputs, with values that were kept. */
#include "countdown.h"
#include "pairs.h"
#include "tape_suite.h"

#include <stdio.h>

/* Stopped at every place: each time nothing has changed, and the next rerun does the whole step. */
START_TEST(a_stopped_rerun_changes_nothing_and_can_be_done_again) {
    wg_state *u = state_of(1, 2);
    wg_tensor *big = wg_tensor_new(WG_F64, WG_SHAPE(300, 2), NULL);
    for (int i = 0; i < 600; i++) ((double *)wg_tensor_writable(big))[i] = 1;
    wg_var moved = wg_matmul(wg_input(tape, big), wg_reshape(wg_read(tape, u), WG_SHAPE(2, 1)));
    wg_var mean = wg_mean(wg_exp(wg_neg(wg_square(moved))), WG_ALL_AXES);
    wg_assign(u, wg_add(wg_read(tape, u), wg_add(wg_mul(mean, wg_scalar(tape, 0)), wg_scalar(tape, 1))));
    ck_assert_int_eq(wg_eval(mean), WG_OK);
    int stops = 0;
    for (int status = WG_ERROR_STOPPED; status == WG_ERROR_STOPPED;) {
        countdown c = {.stop_at = ++stops};
        wg_set_stop(tape, count_down, &c);
        status = wg_rerun(tape);
        ck_assert_double_eq(held(u, 0), 1 + stops + (status == WG_OK));
        wg_set_stop(tape, NULL, NULL);
        ck_assert_int_eq(wg_tape_recover(tape, NULL), status);
        ck_assert_int_eq(wg_rerun(tape), WG_OK);
        ck_assert_double_eq(held(u, 1), 3 + stops + (status == WG_OK));
    }
    printf("stopped at %d places\n", stops - 1);
    ck_assert_int_gt(stops, 2);
    wg_tensor_free(big);
    wg_state_free(u);
}
END_TEST

/* An index out of range, and numbers that are not finite: nothing is assigned, and with good data it goes on.
 */
START_TEST(a_rerun_that_failed_on_data_can_be_done_again) {
    wg_state *u = state_of(1, 2);
    wg_tensor *good = pair(1, 1), *bad = pair(1, -1);
    wg_var x = wg_input(tape, good), y = wg_add(wg_read(tape, u), wg_log(x));
    wg_guard(wg_check_finite(y));
    wg_assign(u, wg_add(y, x));
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_double_eq(held(u, 1), 3);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(wg_bind(x, bad), WG_OK);
        ck_assert_int_eq(wg_rerun(tape), WG_ERROR_NOT_FINITE);
        ck_assert_int_eq(wg_rerun(tape), WG_ERROR_NOT_FINITE); /* the error sticks */
        ck_assert_int_eq(wg_tape_recover(tape, NULL), WG_ERROR_NOT_FINITE);
        ck_assert_double_eq(held(u, 1), 3 + round);
        ck_assert_int_eq(wg_bind(x, good), WG_OK);
        ck_assert_int_eq(wg_rerun(tape), WG_OK);
        ck_assert_double_eq(held(u, 1), 4 + round);
        ck_assert_double_eq(wg_tensor_get(wg_value(y), 0), 2 + round);
    }
    wg_tensor_free(good);
    wg_tensor_free(bad);
    wg_state_free(u);
}
END_TEST

/* Its assigns are still to come with the next wg_eval: done by a rerun too they would be done twice. */
START_TEST(what_never_ran_to_its_end_is_not_run_again) {
    wg_state *u = state_of(1, 2);
    countdown c = {.stop_at = 1};
    wg_var y = wg_add(wg_read(tape, u), wg_scalar(tape, 1));
    wg_assign(u, y);
    wg_set_stop(tape, count_down, &c);
    ck_assert_int_eq(wg_eval(y), WG_ERROR_STOPPED);
    wg_tape_recover(tape, NULL);
    ck_assert_int_eq(wg_rerun(tape), WG_ERROR_STALE);
    wg_tape_recover(tape, NULL);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_double_eq(held(u, 0), 2);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, 0), 3);
    wg_state_free(u);
}
END_TEST

/* What was kept before the evaluation stays as it was; what it has kept itself is computed anew. */
START_TEST(kept_values_stand_where_the_evaluation_started_from_them) {
    wg_tensor *first = pair(1, 2), *second = pair(10, 20);
    wg_var x = wg_input(tape, first), before = wg_keep(wg_mul(x, wg_scalar(tape, 2)));
    ck_assert_int_eq(wg_eval(before), WG_OK);
    wg_var inside = wg_keep(wg_add(before, x)), y = wg_mul(inside, wg_scalar(tape, 100));
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(y), 1), 600);
    ck_assert_int_eq(wg_bind(x, second), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(before), 1), 4); /* values do not change by it */
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(before), 1), 4);
    ck_assert_double_eq(wg_tensor_get(wg_value(inside), 1), 24);
    ck_assert_double_eq(wg_tensor_get(wg_value(y), 1), 2400);

    wg_var z = wg_add(inside, wg_scalar(tape, 1)); /* and the next evaluation starts from the new one */
    ck_assert_int_eq(wg_eval(z), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(z), 1), 25);
    wg_tensor_free(first);
    wg_tensor_free(second);
}
END_TEST

/* A value that the program holds on to is not written over. */
START_TEST(a_value_that_is_held_survives_a_rerun) {
    wg_state *u = state_of(1, 2);
    wg_var y = wg_add(wg_read(tape, u), wg_scalar(tape, 1));
    wg_assign(u, y);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    wg_tensor *old = wg_tensor_retain((wg_tensor *)wg_value(y));
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(wg_tensor_get(old, 0), 2);
    ck_assert_double_eq(wg_tensor_get(wg_value(y), 0), 3);
    wg_tensor_free(old);
    wg_state_free(u);
}
END_TEST

/* The plan writes u in place while it reads x: x must not lie in u by then, as it did not when it was
 * planned. */
START_TEST(an_input_bound_to_a_state_that_changes_is_an_error) {
    enum { COUNT = 100000, LAST = COUNT - 1 };
    wg_tensor *ones = wg_tensor_new(WG_F64, WG_SHAPE(COUNT), NULL),
              *apart = wg_tensor_new(WG_F64, WG_SHAPE(1), NULL);
    for (int i = 0; i < COUNT; i++) ((double *)wg_tensor_writable(ones))[i] = 1;
    wg_state *u = wg_state_new(ones, NULL);
    wg_tensor *inside = wg_tensor_over(WG_F64, WG_SHAPE(1), wg_tensor_data(wg_state_tensor(u)), NULL);
    wg_var x = wg_input(tape, apart);
    wg_assign(u, wg_add(wg_mul(wg_read(tape, u), wg_scalar(tape, 2)), x));
    ck_assert_int_eq(wg_eval(x), WG_OK);
    ck_assert_int_eq(wg_bind(x, inside), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "memory of a state");
    ck_assert_double_eq(held(u, LAST), 2);
    ck_assert_int_eq(wg_bind(x, apart), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, LAST), 4);

    wg_tape_clear(tape); /* recorded anew it is planned for */
    x = wg_input(tape, inside);
    wg_assign(u, wg_add(wg_mul(wg_read(tape, u), wg_scalar(tape, 2)), x));
    ck_assert_int_eq(wg_eval(x), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, 0), 36);
    ck_assert_double_eq(held(u, LAST), 36);
    wg_tensor_free(ones);
    wg_tensor_free(apart);
    wg_tensor_free(inside);
    wg_state_free(u);
}
END_TEST

/* Nothing has changed, and afterwards it is evaluated as before. */
START_TEST(a_tape_that_is_there_for_recording_alone_is_not_evaluated) {
    wg_state *u = state_of(1, 2);
    const uint64_t fresh = wg_state_version(u);
    wg_var y = wg_mul(wg_read(tape, u), wg_scalar(tape, 2));
    wg_assign(u, y);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_uint_gt(wg_state_version(u), fresh);
    const uint64_t moved = wg_state_version(u);
    ck_assert_ptr_null(wg_record_only(tape, "a visitor"));
    ck_assert_str_eq(wg_record_only(tape, "another"), "a visitor");
    ck_assert_int_eq(wg_rerun(tape), WG_ERROR_TAPE);
    assert_error(tape, WG_ERROR_TAPE, "wg_rerun: another may only record on this tape, not evaluate it");
    ck_assert_int_eq(wg_eval(y), WG_ERROR_TAPE);
    assert_error(tape, WG_ERROR_TAPE, "wg_eval: another may only record on this tape, not evaluate it");
    ck_assert_int_eq(wg_peek(y), WG_ERROR_TAPE);
    assert_error(tape, WG_ERROR_TAPE, "wg_peek: another may only record on this tape, not evaluate it");
    ck_assert_uint_eq(wg_state_version(u), moved);
    ck_assert_str_eq(wg_record_only(tape, NULL), "another");
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, 0), 4);
    ck_assert_uint_gt(wg_state_version(u), moved);
    ck_assert_uint_eq(wg_state_version(NULL), 0);
    ck_assert_ptr_null(wg_record_only(NULL, "nobody"));
    wg_state_free(u);
}
END_TEST

WG_TAPE_SUITE("run/again", a_stopped_rerun_changes_nothing_and_can_be_done_again,
              a_rerun_that_failed_on_data_can_be_done_again, what_never_ran_to_its_end_is_not_run_again,
              kept_values_stand_where_the_evaluation_started_from_them, a_value_that_is_held_survives_a_rerun,
              an_input_bound_to_a_state_that_changes_is_an_error,
              a_tape_that_is_there_for_recording_alone_is_not_evaluated)
