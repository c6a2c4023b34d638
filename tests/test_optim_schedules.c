/* Learning rates, and the schedules that they follow. */
#include "optim_suite.h"
#include <math.h>

START_TEST(a_learning_rate_holds_for_the_steps_recorded_after_it) {
    wg_optimizer *sgd = wg_sgd(model, 0.25);
    wg_var loss = one("a");
    wg_minimize(sgd, loss);
    wg_set_learning_rate(sgd, 0.0);
    ck_assert_double_eq(wg_learning_rate(sgd), 0.0);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 0.75);
    loss = one("a");
    wg_minimize(sgd, loss);
    carry_out(loss);
    ck_assert_double_eq(now("a"), 0.75);
    wg_set_learning_rate(sgd, NAN);
    ck_assert_int_eq(wg_minimize(sgd, one("a")), WG_ERROR_ATTRIBUTE);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(rates_that_change_cost_no_new_plan) {
    wg_optimizer *adam = wg_adamw(model, 0.25, .clip_norm = 1);
    ck_assert_int_eq(wg_set_schedule(adam, WG_COSINE, .steps = 10, .warm_up = 2), WG_OK);
    uint64_t plans = 0;
    for (int i = 0; i < 10; i++) {
        wg_set_learning_rate(adam, 0.25 + i);
        const wg_var loss = wg_square(one("a"));
        wg_minimize(adam, loss);
        carry_out(loss);
        const uint64_t made = wg_engine_count(wg_tape_engine(tape)).plans_made;
        if (i == 0) plans = made;
        ck_assert_uint_eq(made, plans);
    }
    wg_optimizer_free(adam);
}
END_TEST

/* --- Schedules ---------------------------------------------------------------------------------------- */

/* Steps of SGD on a gradient of 1 are the learning rates. */
static void follows(wg_optimizer *sgd, const double *rates, int count) {
    double before = 1;
    for (int i = 0; i < count; i++) {
        const wg_var loss = one("a");
        wg_minimize(sgd, loss);
        carry_out(loss);
        ck_assert_double_eq_tol(before - now("a"), rates[i], 1e-15);
        before = now("a");
    }
    ck_assert_int_eq(wg_model_step(model), count);
    wg_optimizer_free(sgd);
}

START_TEST(warm_up_rises_linearly_to_the_full_rate) {
    wg_optimizer *sgd = wg_sgd(model, 0.5);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_CONSTANT, .warm_up = 4), WG_OK);
    follows(sgd, (const double[]){0.125, 0.25, 0.375, 0.5, 0.5, 0.5}, 6);
}
END_TEST

START_TEST(the_cosine_begins_after_the_warm_up_and_ends_at_its_floor) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE, .warm_up = 2, .steps = 6, .floor = 0.2), WG_OK);
    const double r = sqrt(0.5);
    follows(sgd, (const double[]){0.5, 1, 1, 0.2 + 0.4 * (1 + r), 0.6, 0.2 + 0.4 * (1 - r), 0.2, 0.2}, 8);
}
END_TEST

START_TEST(the_stepwise_rate_falls_by_its_decay_at_each_period_after_the_warm_up) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_STEPWISE, .warm_up = 2, .period = 3, .decay = 0.5), WG_OK);
    follows(sgd, (const double[]){0.5, 1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25}, 9);
}
END_TEST

START_TEST(the_line_falls_to_its_floor) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_LINEAR, .warm_up = 1, .steps = 5, .floor = 0.2), WG_OK);
    follows(sgd, (const double[]){1, 1, 0.8, 0.6, 0.4, 0.2, 0.2}, 7);
}
END_TEST

START_TEST(the_exponential_rate_falls_by_its_decay_over_each_period) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_EXPONENTIAL, .period = 2, .decay = 0.25), WG_OK);
    follows(sgd, (const double[]){1, 0.5, 0.25, 0.125}, 4);
}
END_TEST

START_TEST(the_rate_of_inverse_time_is_one_over_one_plus_time) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_INVERSE_TIME, .decay = 0.5), WG_OK);
    follows(sgd, (const double[]){1, 1 / 1.5, 0.5, 0.4}, 4);
}
END_TEST

START_TEST(one_cycle_goes_up_and_down) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_ONE_CYCLE, .steps = 4, .start = 0.2, .rise = 0.5), WG_OK);
    follows(sgd, (const double[]){0.2, 0.6, 1, 0.5, 0, 0}, 6);
}
END_TEST

START_TEST(a_plateau_lowers_the_rate_when_the_loss_does_not_fall) {
    static const double losses[] = {3, 2, 2, 2.5, 1.9999, 1, 1, NAN, 1, 1, 1, 1};
    static const double rates[] = {1, 1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.2};
    wg_optimizer *sgd = wg_sgd(model, 1);
    wg_plateau plateau = {.factor = 0.5, .patience = 2, .least = 0.2};
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        const bool lowered = wg_plateau_show(&plateau, sgd, losses[i]);
        ck_assert_double_eq(wg_learning_rate(sgd), rates[i]);
        ck_assert(lowered == (i > 0 && rates[i] < rates[i - 1]));
    }
    wg_optimizer_free(sgd);
}
END_TEST

/* Losses are shown, and the rates after them, of a patience of 2. */
static void assert_plateau(const double *losses, const double *rates, int count) {
    wg_optimizer *sgd = wg_sgd(model, 1);
    wg_plateau plateau = {.factor = 0.5, .patience = 2};
    for (int i = 0; i < count; i++) {
        wg_plateau_show(&plateau, sgd, losses[i]);
        ck_assert_double_eq(wg_learning_rate(sgd), rates[i]);
    }
    wg_optimizer_free(sgd);
}

START_TEST(a_plateau_of_losses_that_are_no_numbers_lowers_the_rate_and_an_infinite_one_can_fall) {
    assert_plateau((const double[]){NAN, NAN, NAN, 5, 5, 5, 5},
                   (const double[]){1, 1, 0.5, 0.5, 0.5, 0.5, 0.25}, 7);
    assert_plateau((const double[]){INFINITY, 9, 8, 7, 6, 5}, (const double[]){1, 1, 1, 1, 1, 1}, 6);
    assert_plateau((const double[]){-1, -1.00005, -1.00005, -1.00005}, (const double[]){1, 1, 1, 0.5}, 4);
}
END_TEST

START_TEST(schedules_refuse_what_they_cannot_use) {
    wg_optimizer *sgd = wg_sgd(model, 0.5);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE, .steps = 5, .warm_up = 5), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE, .steps = 5, .floor = 2), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE, .steps = 5, .period = 2), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_STEPWISE), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_STEPWISE, .period = 2, .decay = -1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_CONSTANT, .warm_up = -1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_CONSTANT, .steps = 1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_LINEAR), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_EXPONENTIAL, .steps = 3), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_INVERSE_TIME, .decay = NAN), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_ONE_CYCLE, .steps = 4, .rise = 1), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(sgd, (wg_schedule)99), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_set_schedule(NULL, WG_CONSTANT), WG_ERROR_MEMORY);
    follows(sgd, (const double[]){0.5, 0.5}, 2);
}
END_TEST

WG_MODEL_SUITE("optim/schedules", a_learning_rate_holds_for_the_steps_recorded_after_it,
               rates_that_change_cost_no_new_plan, warm_up_rises_linearly_to_the_full_rate,
               the_cosine_begins_after_the_warm_up_and_ends_at_its_floor,
               the_stepwise_rate_falls_by_its_decay_at_each_period_after_the_warm_up,
               the_line_falls_to_its_floor, the_exponential_rate_falls_by_its_decay_over_each_period,
               the_rate_of_inverse_time_is_one_over_one_plus_time, one_cycle_goes_up_and_down,
               a_plateau_lowers_the_rate_when_the_loss_does_not_fall,
               a_plateau_of_losses_that_are_no_numbers_lowers_the_rate_and_an_infinite_one_can_fall,
               schedules_refuse_what_they_cannot_use)
