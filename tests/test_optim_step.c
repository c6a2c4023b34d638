/* What an optimizer touches and when: whole steps, frozen parameters, accumulated gradients, groups,
 * averages. */
#include "optim_suite.h"
#include <math.h>

START_TEST(only_what_the_loss_reaches_is_touched) {
    wg_optimizer *sgd = wg_sgd(model, 0.25, .weight_decay = 0.5);
    const wg_var a = one("a"), b = one("b");
    wg_minimize(sgd, a);
    wg_eval(a, b);
    ck_assert_double_eq(now("a"), 1 - 0.25 * 1.5);
    ck_assert_double_eq(now("b"), 1);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(what_is_reached_through_stop_gradient_alone_is_not_touched) {
    wg_optimizer *sgd = wg_sgd(model, 0.25, .weight_decay = 0.5);
    const wg_var loss = wg_add(one("a"), wg_stop_gradient(one("b")));
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 1 - 0.25 * 1.5);
    ck_assert_double_eq(now("b"), 1);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(frozen_parameters_keep_their_bits) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    ck_assert_int_eq(wg_model_freeze(model, "a", true), WG_OK);
    wg_var loss = wg_mul(one("a"), one("b"));
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 1);
    ck_assert_double_eq(now("b"), 0.75);
    ck_assert_int_eq(wg_model_freeze(model, "a", false), WG_OK);
    loss = wg_mul(one("a"), one("b"));
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 1 - 0.25 * 0.75);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(an_adam_step_of_a_parameter_thawed_late_is_a_first_step) {
    wg_optimizer *adam = wg_adam(model, 0.25);
    wg_model_freeze(model, "a", true);
    for (int i = 0; i < 100; i++) {
        if (i == 99) wg_model_freeze(model, "a", false);
        const wg_var loss = wg_add(wg_mul(wg_scalar(tape, 3), one("a")), one("b"));
        wg_minimize(adam, loss);
        carry_out(loss);
    }
    ck_assert_double_eq_tol(now("a"), 0.75, 1e-8); /* m/c = g, sqrt(v/e) = |g|: one step of the rate */
    wg_optimizer_free(adam);
}
END_TEST

START_TEST(a_loss_that_reaches_nothing_is_an_error) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    ck_assert_int_eq(wg_minimize(sgd, wg_scalar(tape, 1)), WG_ERROR_GRADIENT);
    assert_error(tape, WG_ERROR_GRADIENT, "sgd: the loss reaches no parameter");
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_changes_nothing) {
    wg_optimizer *adam = wg_adam(model, 0.25);
    const wg_var huge = wg_scalar(tape, 1e308);
    const wg_var loss =
        wg_add(wg_mul(one("a"), wg_scalar(tape, 2)), wg_stop_gradient(wg_mul(wg_mul(huge, huge), one("b"))));
    wg_minimize(adam, loss); /* its gradient is finite */
    ck_assert_int_eq(wg_eval(loss), WG_ERROR_NOT_FINITE);
    wg_tape_recover(tape, NULL);
    wg_tape_clear(tape);
    ck_assert_double_eq(now("a"), 1);
    ck_assert_int_eq(wg_model_step(model), 0);
    for (int i = 0; i < wg_optimizer_count(adam); i++)
        ck_assert_double_eq(wg_tensor_get(wg_state_tensor(wg_optimizer_state(adam, i).state), 0), 0);
    ck_assert_int_eq(wg_optimizer_count(adam), 4);
    wg_optimizer_free(adam);
}
END_TEST

static void gradient_of_a_is_infinite(wg_optimizer *optimizer) {
    const wg_var a = one("a"), zero = wg_sub(a, wg_stop_gradient(a));
    const wg_var loss = wg_add(wg_sqrt(zero), one("b")); /* d sqrt / d 0 = infinity, sqrt(0) = 0 */
    wg_minimize(optimizer, loss);
    ck_assert_int_eq(wg_eval(loss), WG_ERROR_NOT_FINITE);
    wg_tape_recover(tape, NULL);
    wg_tape_clear(tape);
    ck_assert_double_eq(now("a"), 1);
    ck_assert_double_eq(now("b"), 1);
    ck_assert_int_eq(wg_model_step(model), 0);
    wg_optimizer_free(optimizer);
}

START_TEST(a_gradient_that_is_not_finite_changes_nothing) { gradient_of_a_is_infinite(wg_sgd(model, 0.25)); }
END_TEST

START_TEST(nor_does_it_when_values_are_clipped) {
    gradient_of_a_is_infinite(wg_sgd(model, 0.25, .clip_value = 1));
}
END_TEST

START_TEST(nor_does_it_when_the_norm_is_clipped) {
    gradient_of_a_is_infinite(wg_adamw(model, 0.25, .clip_norm = 1));
}
END_TEST

START_TEST(the_next_step_after_a_refused_one_is_as_if_it_had_not_been) {
    wg_optimizer *adam = wg_adam(model, 0.25);
    wg_var loss = wg_mul(one("a"), wg_scalar(tape, INFINITY));
    wg_minimize(adam, loss);
    ck_assert_int_eq(wg_eval(loss), WG_ERROR_NOT_FINITE);
    wg_tape_recover(tape, NULL);
    wg_tape_clear(tape);
    loss = wg_mul(one("a"), wg_scalar(tape, 3));
    wg_minimize(adam, loss);
    carry_out(loss);
    ck_assert_double_eq_tol(now("a"), 0.75, 1e-8);
    ck_assert_int_eq(wg_model_step(model), 1);
    wg_optimizer_free(adam);
}
END_TEST

START_TEST(accumulated_gradients_are_added_up) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    const wg_var a = one("a"), first = wg_square(a),
                 second = wg_mul(wg_scalar(tape, 0.5), wg_add(a, one("b")));
    ck_assert_int_eq(wg_accumulate(sgd, first), WG_OK);
    ck_assert_int_eq(wg_accumulate(sgd, second), WG_OK);
    ck_assert_int_eq(wg_update(sgd), WG_OK);
    ck_assert_int_eq(wg_eval(first, second), WG_OK);
    ck_assert_double_eq(now("a"), 1 - 0.25 * 2.5);
    ck_assert_double_eq(now("b"), 1 - 0.25 * 0.5);
    ck_assert_int_eq(wg_model_step(model), 1);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(gradients_lost_with_their_tape_are_an_error) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    wg_accumulate(sgd, one("a"));
    wg_tape_clear(tape);
    ck_assert_int_eq(wg_accumulate(sgd, one("a")), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "wg_update must follow on the same tape");
    const wg_var loss = one("a");
    ck_assert_int_eq(wg_minimize(sgd, loss), WG_OK);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 0.75);
    wg_accumulate(sgd, one("a"));
    wg_tape_clear(tape);
    ck_assert_int_eq(wg_update(sgd), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "their tape has been cleared");
    ck_assert_int_eq(wg_update(sgd), WG_ERROR_TAPE);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(a_tape_with_an_error_is_not_updated) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    const wg_var loss = one("a");
    wg_fail(tape, WG_ERROR_SHAPE, "made to fail");
    ck_assert_int_eq(wg_minimize(sgd, loss), WG_ERROR_SHAPE);
    ck_assert_int_eq(wg_eval(loss), WG_ERROR_SHAPE);
    ck_assert_double_eq(now("a"), 1);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(a_loss_of_more_elements_is_an_error) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    const wg_var w = wg_parameter(model, tape, "w", WG_SHAPE(2), .dtype = WG_F64);
    ck_assert_int_eq(wg_minimize(sgd, w), WG_ERROR_GRADIENT);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(no_optimizer_is_an_error_of_the_tape) {
    ck_assert_int_eq(wg_minimize(NULL, one("a")), WG_ERROR_MEMORY);
    assert_error(tape, WG_ERROR_MEMORY, "the optimizer is NULL");
    ck_assert_int_eq(wg_minimize(NULL, WG_NONE), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_update(NULL), WG_ERROR_TAPE);
    ck_assert_ptr_null(wg_sgd(NULL, 0.1));
}
END_TEST

/* --- Options ------------------------------------------------------------------------------------------ */

static void refuses(wg_optimizer *optimizer, const char *message) {
    const wg_var loss = one("a");
    ck_assert_ptr_nonnull(optimizer);
    ck_assert_int_eq(wg_minimize(optimizer, loss), WG_ERROR_ATTRIBUTE);
    assert_error(tape, WG_ERROR_ATTRIBUTE, message);
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    ck_assert_double_eq(now("a"), 1);
    wg_optimizer_free(optimizer);
}

START_TEST(options_out_of_range_are_errors_of_every_step) {
    refuses(wg_sgd(model, -1), "sgd: the learning rate is -1; it must be finite and at least 0");
    refuses(wg_sgd(model, NAN), "the learning rate is nan");
    refuses(wg_sgd(model, 1, .momentum = 1), "sgd: momentum is 1; it must be at least 0 and below 1");
    refuses(wg_sgd(model, 1, .nesterov = true), "momentum is 0; it must be above 0 for nesterov");
    refuses(wg_sgd(model, 1, .weight_decay = -1), "weight_decay is -1");
    refuses(wg_sgd(model, 1, .clip_norm = -1), "clip_norm is -1");
    refuses(wg_sgd(model, 1, .clip_value = INFINITY), "clip_value is inf");
    refuses(wg_adam(model, 1, .beta1 = 1), "adam: beta1 is 1; it must be at least 0 and below 1");
    refuses(wg_adamw(model, 1, .beta2 = -0.1), "adamw: beta2 is -0.1");
    refuses(wg_adam(model, 1, .eps = -1), "eps is -1");
    refuses(wg_adam(model, 1, .weight_decay = NAN), "weight_decay is nan");
}
END_TEST

/* --- Groups --------------------------------------------------------------------------------------------- */

/* One step of SGD from a = b/x = b/y = 1 with gradients of 1. */
static void one_step(wg_optimizer *sgd, double a, double x, double y) {
    wg_scope(tape, "b");
    const wg_var in_b = wg_add(one("x"), one("y"));
    wg_scope_end(tape);
    const wg_var loss = wg_add(one("a"), in_b);
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq_tol(now("a"), a, 1e-15);
    ck_assert_double_eq_tol(now("b/x"), x, 1e-15);
    ck_assert_double_eq_tol(now("b/y"), y, 1e-15);
    wg_optimizer_free(sgd);
}

START_TEST(a_group_has_its_own_rate_and_decay) {
    wg_optimizer *sgd = wg_sgd(model, 0.5, .weight_decay = 0.25);
    ck_assert_int_eq(wg_set_group(sgd, "b/*", .rate = 0.5), WG_OK);
    ck_assert_int_eq(wg_set_group(sgd, "*?y", .rate = WG_ZERO, .weight_decay = WG_ZERO), WG_OK);
    ck_assert_int_eq(wg_set_group(sgd, "*a*b*", .rate = 7), WG_OK); /* none has that */
    one_step(sgd, 1 - 0.5 * 1.25, 1 - 0.25 * 1.25, 1);
}
END_TEST

START_TEST(a_group_set_again_is_changed) {
    wg_optimizer *sgd = wg_sgd(model, 0.5);
    ck_assert_int_eq(wg_set_group(sgd, "b/x", .rate = 0.25), WG_OK);
    ck_assert_int_eq(wg_set_group(sgd, "b/?", .rate = 0.5), WG_OK);
    ck_assert_int_eq(wg_set_group(sgd, "b/x", .rate = 2), WG_OK); /* the other still counts */
    one_step(sgd, 0.5, 0.75, 0.75);
}
END_TEST

START_TEST(groups_refuse_what_they_cannot_use) {
    wg_optimizer *sgd = wg_sgd(model, 0.5);
    ck_assert_int_eq(wg_set_group(sgd, NULL), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_group(sgd, "*", .rate = -1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_group(sgd, "*", .rate = INFINITY), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_group(sgd, "*", .weight_decay = NAN), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_group(NULL, "*"), WG_ERROR_MEMORY);
    one_step(sgd, 0.5, 0.5, 0.5);
}
END_TEST

/* --- Averages ------------------------------------------------------------------------------------------- */

/* Values 0.5, 0, -0.5 with weights b², b, 1, over their sum. */
START_TEST(averages_and_parameters_change_places) {
    wg_optimizer *sgd = wg_sgd(model, 0.5, .average = 0.5);
    for (int i = 0; i < 3; i++) {
        const wg_var loss = one("a");
        wg_minimize(sgd, loss);
        carry_out(loss);
    }
    ck_assert_double_eq(now("a"), -0.5);
    ck_assert_int_eq(wg_swap_averages(sgd, NULL), WG_OK);
    ck_assert_double_eq_tol(now("a"), (0.5 * 0.25 - 0.5) / 1.75, 1e-15);
    const wg_var loss = one("a");
    ck_assert_int_ne(wg_minimize(sgd, loss), WG_OK);
    ck_assert_ptr_nonnull(strstr(wg_tape_message(tape), "wg_swap_averages"));
    wg_tape_recover(tape, NULL);
    ck_assert_int_eq(wg_swap_averages(sgd, NULL), WG_OK);
    ck_assert_double_eq(now("a"), -0.5);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(without_averages_there_is_nothing_to_swap) {
    wg_error error = {0};
    wg_optimizer *sgd = wg_sgd(model, 0.5);
    ck_assert_int_eq(wg_swap_averages(sgd, &error), WG_ERROR_ATTRIBUTE);
    ck_assert_ptr_nonnull(strstr(error.message, "average"));
    ck_assert_int_eq(wg_swap_averages(NULL, NULL), WG_ERROR_MEMORY);
    wg_optimizer_free(sgd);
}
END_TEST

/* --- Memory and plain states ---------------------------------------------------------------------------- */

START_TEST(an_optimizer_tells_what_it_remembers) {
    wg_optimizer *sgd = wg_sgd(model, 0.25, .momentum = 0.5);
    ck_assert_int_eq(wg_optimizer_count(sgd), 0);
    for (int i = 0; i < 2; i++) {
        const wg_var loss = wg_add(one("b"), wg_mul(wg_scalar(tape, 2), one("a")));
        wg_minimize(sgd, loss);
        carry_out(loss);
    }
    ck_assert_int_eq(wg_optimizer_count(sgd), 2);
    const wg_optimizer_memory first = wg_optimizer_state(sgd, 0), second = wg_optimizer_state(sgd, 1);
    ck_assert_str_eq(first.parameter, "a");
    ck_assert_str_eq(second.parameter, "b");
    ck_assert_str_eq(second.name, "momentum");
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(first.state), 0), 3);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(second.state), 0), 1.5);
    ck_assert_ptr_null(wg_optimizer_state(sgd, 2).state);
    ck_assert_ptr_null(wg_optimizer_state(sgd, -1).state);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(plain_states_of_both_types_are_optimised_together) {
    const float start32 = 1;
    const double start64 = 1;
    wg_tensor *tensors[] = {wg_tensor_over(WG_F32, WG_SCALAR_SHAPE, &start32, NULL),
                            wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &start64, NULL)};
    wg_state *states[] = {wg_state_new(tensors[0], NULL), wg_state_new(tensors[1], NULL)};
    wg_optimizer *sgd = wg_sgd_states(states, 2, 0.5, .clip_norm = 5);
    const wg_var a = wg_cast(wg_read(tape, states[0]), WG_F64), b = wg_read(tape, states[1]);
    const wg_var loss = wg_add(wg_mul(wg_scalar(tape, 6), a), wg_mul(wg_scalar(tape, 8), b)); /* norm 10 */
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(states[0]), 0), 1 - 0.5 * 3);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(states[1]), 0), 1 - 0.5 * 4);
    wg_optimizer_free(sgd);
    for (int i = 0; i < 2; i++) {
        wg_state_free(states[i]);
        wg_tensor_free(tensors[i]);
    }
}
END_TEST

START_TEST(a_plain_state_of_integers_is_an_error_of_every_step) {
    const int64_t start = 1;
    wg_tensor *tensor = wg_tensor_over(WG_I64, WG_SCALAR_SHAPE, &start, NULL);
    wg_state *state = wg_state_new(tensor, NULL);
    wg_optimizer *sgd = wg_sgd_states(&state, 1, 0.5);
    ck_assert_int_eq(wg_minimize(sgd, wg_scalar(tape, 1)), WG_ERROR_DTYPE);
    assert_error(tape, WG_ERROR_DTYPE, "sgd: state 0 is i64; f32 or f64 are taken");
    wg_optimizer_free(sgd);
    wg_state_free(state);
    wg_tensor_free(tensor);
}
END_TEST

WG_MODEL_SUITE("optim/step", only_what_the_loss_reaches_is_touched,
               what_is_reached_through_stop_gradient_alone_is_not_touched, frozen_parameters_keep_their_bits,
               an_adam_step_of_a_parameter_thawed_late_is_a_first_step,
               a_loss_that_reaches_nothing_is_an_error, a_loss_that_is_not_finite_changes_nothing,
               a_gradient_that_is_not_finite_changes_nothing, nor_does_it_when_values_are_clipped,
               nor_does_it_when_the_norm_is_clipped,
               the_next_step_after_a_refused_one_is_as_if_it_had_not_been, accumulated_gradients_are_added_up,
               gradients_lost_with_their_tape_are_an_error, a_tape_with_an_error_is_not_updated,
               a_loss_of_more_elements_is_an_error, no_optimizer_is_an_error_of_the_tape,
               options_out_of_range_are_errors_of_every_step, a_group_has_its_own_rate_and_decay,
               a_group_set_again_is_changed, groups_refuse_what_they_cannot_use,
               averages_and_parameters_change_places, without_averages_there_is_nothing_to_swap,
               an_optimizer_tells_what_it_remembers, plain_states_of_both_types_are_optimised_together,
               a_plain_state_of_integers_is_an_error_of_every_step)
