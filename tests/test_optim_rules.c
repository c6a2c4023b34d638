/* Optimizers step by step, against torch.optim (PyTorch 1.13, f64) on one function:
 *   f(w) = (w0² + 2 w1² + w2² / 2) / 2,  from w = (1, -2, 3),  five steps with learning rate 0.1. */
#include "tape_suite.h"

static wg_state *w;

static void place(wg_dtype dtype) {
    static const double start64[] = {1, -2, 3};
    static const float start32[] = {1, -2, 3};
    const void *start = dtype == WG_F64 ? (const void *)start64 : start32;
    wg_tensor *tensor = wg_tensor_over(dtype, WG_SHAPE(3), start, NULL);
    wg_state_free(w);
    w = wg_state_new(tensor, NULL);
    wg_tensor_free(tensor);
    ck_assert_ptr_nonnull(w);
}

static void begin(void) {
    make_tape();
    place(WG_F64);
}

static void end(void) {
    wg_state_free(w);
    w = NULL;
    free_tape();
}

static wg_var bowl(wg_var x) {
    const double curvature64[] = {0.5, 1, 0.25};
    const float curvature32[] = {0.5f, 1, 0.25f};
    const wg_dtype dtype = wg_type_of(x).dtype;
    const void *curvature = dtype == WG_F64 ? (const void *)curvature64 : curvature32;
    return wg_sum(wg_mul(wg_array(tape, dtype, WG_SHAPE(3), curvature), wg_square(x)), WG_ALL_AXES);
}

/* Takes five steps of the optimizer and lets go of it. */
static void five_steps(wg_optimizer *optimizer, double tolerance, double w0, double w1, double w2) {
    const double expected[] = {w0, w1, w2};
    ck_assert_ptr_nonnull(optimizer);
    for (int i = 0; i < 5; i++) {
        const wg_var loss = bowl(wg_read(tape, w));
        wg_minimize(optimizer, loss);
        ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
        wg_tape_clear(tape);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_double_eq_tol(wg_tensor_get(wg_state_tensor(w), i), expected[i], tolerance);
    wg_optimizer_free(optimizer);
}

START_TEST(sgd_goes_against_the_gradient) {
    five_steps(wg_sgd_states(&w, 1, 0.1), 1e-15, 0.59049000000000007, -0.65536000000000005,
               2.3213428125000002);
}
END_TEST

START_TEST(sgd_takes_weight_decay_into_the_gradient) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .weight_decay = 0.1), 1e-15, 0.55840594490000006,
               -0.61541127979999988, 2.2017120671999999);
}
END_TEST

START_TEST(momentum_remembers_past_gradients) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .momentum = 0.9), 1e-15, -0.029159999999999978, 1.1608400000000001,
               1.2514678125000001);
}
END_TEST

START_TEST(nesterov_looks_ahead) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.1), 1e-15,
               -0.16324899779944912, 0.84109500207479804, 0.63929946434332763);
}
END_TEST

START_TEST(adam_divides_by_the_root_of_the_mean_square) {
    five_steps(wg_adam_states(&w, 1, 0.1), 1e-13, 0.50796366192722098, -1.5029557812950118,
               2.5017794587933455);
}
END_TEST

START_TEST(adam_takes_weight_decay_into_the_gradient) {
    five_steps(wg_adam_states(&w, 1, 0.1, .weight_decay = 0.1), 1e-13, 0.50796366144306093,
               -1.5029557812332039, 2.5017794582231105);
}
END_TEST

START_TEST(adam_takes_its_betas_and_eps) {
    five_steps(wg_adam_states(&w, 1, 0.1, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3), 1e-13,
               0.50918798050865588, -1.5033496265277997, 2.5022864775166185);
}
END_TEST

START_TEST(WG_ZERO_is_an_exact_beta1_of_zero) {
    five_steps(wg_adam_states(&w, 1, 0.1, .beta1 = WG_ZERO, .beta2 = 0.9), 1e-13, 0.55250576716637378,
               -1.5245125873628029, 2.5159586561529617);
}
END_TEST

START_TEST(adamw_decays_the_weights_themselves_by_one_percent_of_the_rate) {
    five_steps(wg_adamw_states(&w, 1, 0.1), 1e-13, 0.50408009274720167, -1.4940456940602977,
               2.4878693121422497);
}
END_TEST

START_TEST(adamw_takes_its_weight_decay) {
    five_steps(wg_adamw_states(&w, 1, 0.1, .weight_decay = 0.1), 1e-13, 0.46995265961880672,
               -1.4155664799457415, 2.365278575778889);
}
END_TEST

START_TEST(adamw_without_decay_is_adam) {
    five_steps(wg_adamw_states(&w, 1, 0.1, .weight_decay = WG_ZERO), 1e-13, 0.50796366192722098,
               -1.5029557812950118, 2.5017794587933455);
}
END_TEST

START_TEST(f32_states_follow_the_same_path) {
    place(WG_F32);
    five_steps(wg_adamw_states(&w, 1, 0.1), 1e-6, 0.50408009274720167, -1.4940456940602977,
               2.4878693121422497);
}
END_TEST

START_TEST(rmsprop_divides_by_the_root_of_the_running_mean_square) {
    five_steps(wg_rmsprop_states(&w, 1, 0.1), 1e-14, 1.56935418898977e-15, -0.09831010689888423,
               0.6025133463010479);
}
END_TEST

START_TEST(rmsprop_takes_all_its_options) {
    wg_optimizer *rmsprop = wg_rmsprop_states(&w, 1, 0.1, .alpha = 0.9, .eps = 1e-3, .momentum = 0.5,
                                              .centered = true, .weight_decay = 0.1);
    five_steps(rmsprop, 1e-13, -0.15583511415113033, -0.34370683264608587, 1.1956300511723752);
}
END_TEST

START_TEST(adagrad_divides_by_the_root_of_the_sum_of_squares) {
    five_steps(wg_adagrad_states(&w, 1, 0.1), 1e-14, 0.6977148620648239, -1.6867615981333823,
               2.683340092734539);
}
END_TEST

/* Its lr_decay is a schedule. */
START_TEST(adagrad_takes_all_its_options) {
    wg_optimizer *adagrad = wg_adagrad_states(&w, 1, 0.1, .initial = 0.5, .eps = 1e-3, .weight_decay = 0.1);
    ck_assert_int_eq(wg_set_schedule(adagrad, WG_INVERSE_TIME, .decay = 0.25), WG_OK);
    five_steps(adagrad, 1e-14, 0.789672907495734, -1.7613384957014424, 2.7682308570641503);
}
END_TEST

/* Lion and LAMB, which torch.optim does not have: their papers' programs in NumPy. */
START_TEST(lion_goes_by_the_sign) {
    five_steps(wg_lion_states(&w, 1, 0.1), 1e-15, 0.5000000000000001, -1.4999999999999996,
               2.4999999999999996);
}
END_TEST

START_TEST(lion_takes_all_its_options) {
    five_steps(wg_lion_states(&w, 1, 0.1, .beta1 = 0.5, .beta2 = 0.8, .weight_decay = 0.1), 1e-14,
               0.46089054890000003, -1.4118805987999998, 2.3628706487);
}
END_TEST

START_TEST(lamb_goes_as_far_as_the_weights_are_long) {
    five_steps(wg_lamb_states(&w, 1, 0.1), 1e-13, 0.13075033242318435, -1.0906973684270498,
               2.0759459660056194);
}
END_TEST

START_TEST(lamb_takes_all_its_options) {
    wg_optimizer *lamb =
        wg_lamb_states(&w, 1, 0.1, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-3, .weight_decay = WG_ZERO);
    five_steps(lamb, 1e-13, 0.12502099238243822, -1.0881957371658864, 2.0821697791409863);
}
END_TEST

START_TEST(lamb_with_weights_of_zero_goes_as_adam) {
    const double zeros[] = {0, 0};
    wg_tensor *tensor = wg_tensor_over(WG_F64, WG_SHAPE(2), zeros, NULL);
    wg_state *zero = wg_state_new(tensor, NULL);
    wg_optimizer *lamb = wg_lamb_states(&zero, 1, 0.1, .weight_decay = WG_ZERO);
    const wg_var loss = wg_sum(wg_read(tape, zero), WG_ALL_AXES);
    wg_minimize(lamb, loss);
    ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
    ck_assert_double_eq_tol(wg_tensor_get(wg_state_tensor(zero), 1), -0.1, 1e-6);
    wg_optimizer_free(lamb);
    wg_state_free(zero);
    wg_tensor_free(tensor);
}
END_TEST

/* Clipping: torch.nn.utils.clip_grad_value_, and min(1, limit / norm) on the gradient. */
START_TEST(clipping_by_norm_keeps_the_direction) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .clip_norm = 1.0), 1e-15, 0.88168270529664083, -1.5496582164213841,
               2.8180600254383954);
}
END_TEST

START_TEST(clipping_by_value_cuts_each_element) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .clip_value = 1.0), 1e-15, 0.59049000000000007, -1.4999999999999996,
               2.4999999999999996);
}
END_TEST

START_TEST(values_are_clipped_before_the_norm) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .clip_norm = 1.0, .clip_value = 1.5), 1e-15, 0.79827744675708279,
               -1.6695562214303834, 2.6837963201394013);
}
END_TEST

START_TEST(a_gradient_below_the_norm_is_left_alone) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .clip_norm = 100.0), 1e-15, 0.59049000000000007,
               -0.65536000000000005, 2.3213428125000002);
}
END_TEST

/* With one parameter its own norm is that of all. */
START_TEST(clipping_a_layer_keeps_its_direction) {
    five_steps(wg_sgd_states(&w, 1, 0.1, .clip_layer = 1.0), 1e-15, 0.88168270529664083, -1.5496582164213841,
               2.8180600254383954);
}
END_TEST

/* Schedules: torch.optim.lr_scheduler.CosineAnnealingLR(T_max=5) and StepLR(2, 0.1). */
START_TEST(the_cosine_falls_over_all_its_steps) {
    wg_optimizer *sgd = wg_sgd_states(&w, 1, 0.1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_COSINE, .steps = 5), WG_OK);
    five_steps(sgd, 1e-15, 0.73153300781249997, -1.0400500000000001, 2.5742405822753902);
}
END_TEST

START_TEST(the_stepwise_schedule_falls_at_each_period) {
    wg_optimizer *sgd = wg_sgd_states(&w, 1, 0.1);
    ck_assert_int_eq(wg_set_schedule(sgd, WG_STEPWISE, .period = 2), WG_OK);
    five_steps(sgd, 1e-15, 0.79308711900000006, -1.226853376, 2.67915244115625);
}
END_TEST

WG_SUITE_WITH("optim/rules", begin, end, rmsprop_divides_by_the_root_of_the_running_mean_square,
              rmsprop_takes_all_its_options, adagrad_divides_by_the_root_of_the_sum_of_squares,
              adagrad_takes_all_its_options, lion_goes_by_the_sign, lion_takes_all_its_options,
              lamb_goes_as_far_as_the_weights_are_long, lamb_takes_all_its_options,
              lamb_with_weights_of_zero_goes_as_adam, clipping_a_layer_keeps_its_direction,
              sgd_goes_against_the_gradient, sgd_takes_weight_decay_into_the_gradient,
              momentum_remembers_past_gradients, nesterov_looks_ahead,
              adam_divides_by_the_root_of_the_mean_square, adam_takes_weight_decay_into_the_gradient,
              adam_takes_its_betas_and_eps, WG_ZERO_is_an_exact_beta1_of_zero,
              adamw_decays_the_weights_themselves_by_one_percent_of_the_rate, adamw_takes_its_weight_decay,
              adamw_without_decay_is_adam, f32_states_follow_the_same_path,
              clipping_by_norm_keeps_the_direction, clipping_by_value_cuts_each_element,
              values_are_clipped_before_the_norm, a_gradient_below_the_norm_is_left_alone,
              the_cosine_falls_over_all_its_steps, the_stepwise_schedule_falls_at_each_period)
