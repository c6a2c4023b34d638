/* Random ops: numbers of the distribution that they are named after, drawn by seed, path and step alone.
 * Bounds are five standard deviations of what is counted, or the chi² that is exceeded once in some ten
 * million tries; seeds are fixed, so that nothing is left to chance. */
#include "model_suite.h"
#include <math.h>
#include <stdlib.h>

enum { COUNT = 60000, BINS = 20 };
static const double chi2_of_19 = 74, chi2_of_23 = 81, chi2_of_4 = 39;

static wg_draw from(const char *path, double step) {
    return wg_draw_from(wg_full(tape, WG_I64, WG_SCALAR_SHAPE, step), 1, path);
}

static double *numbers_of(wg_var y) {
    ck_assert_msg(wg_eval(y) == WG_OK, "%s", wg_tape_message(tape));
    const int64_t count = wg_tensor_count(wg_value(y));
    double *numbers = calloc((size_t)count + 1, sizeof *numbers);
    ck_assert_ptr_nonnull(numbers);
    for (int64_t i = 0; i < count; i++) numbers[i] = wg_tensor_get(wg_value(y), i);
    return numbers;
}

static double moment(const double *x, int count, int power, double about) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += pow(x[i] - about, power);
    return sum / count;
}

/* Where counts are expected to be alike. */
static double chi2(const int *counts, int bins, double expected) {
    double sum = 0;
    for (int k = 0; k < bins; k++) sum += (counts[k] - expected) * (counts[k] - expected) / expected;
    return sum;
}

/* Numbers whose distribution function is `below`, in bins that are as likely as each other. */
static void assert_distribution(const double *x, double below(double)) {
    int counts[BINS] = {0};
    for (int i = 0; i < COUNT; i++) {
        const int bin = (int)(below(x[i]) * BINS);
        counts[bin < 0 ? 0 : bin < BINS ? bin : BINS - 1]++;
    }
    ck_assert_double_lt(chi2(counts, BINS, (double)COUNT / BINS), chi2_of_19);
}

static double below_uniform(double x) { return (x + 2) / 5; }
static double below_normal(double x) { return erfc(-(x - 3) / 2 / sqrt(2)) / 2; }

static void uniform_in(bool is_f64) {
    double *x =
        numbers_of(wg_uniform(from("u", 0), WG_SHAPE(COUNT), -2, 3, .dtype = is_f64 ? WG_F64 : WG_F32));
    int outside = 0;
    for (int i = 0; i < COUNT; i++) outside += !(x[i] >= -2 && x[i] < 3);
    ck_assert_int_eq(outside, 0);
    ck_assert_double_lt(fabs(moment(x, COUNT, 1, 0) - 0.5), 5 * sqrt(25.0 / 12 / COUNT));
    ck_assert_double_lt(fabs(moment(x, COUNT, 2, 0.5) - 25.0 / 12), 5 * sqrt(25 * 25 / 180.0 / COUNT));
    assert_distribution(x, below_uniform);
    free(x);
}
START_TEST(uniform_is_even_between_low_and_high) {
    uniform_in(false);
    uniform_in(true);
}
END_TEST

static void normal_in(bool is_f64) {
    double *x = numbers_of(wg_normal(from("z", 0), WG_SHAPE(COUNT), 3, 2, .dtype = is_f64 ? WG_F64 : WG_F32));
    const double unit = 1 / sqrt(COUNT);
    ck_assert_double_lt(fabs(moment(x, COUNT, 1, 3)), 5 * 2 * unit);
    ck_assert_double_lt(fabs(moment(x, COUNT, 2, 3) - 4), 5 * 4 * sqrt(2) * unit);
    ck_assert_double_lt(fabs(moment(x, COUNT, 3, 3)), 5 * 8 * sqrt(15) * unit);
    ck_assert_double_lt(fabs(moment(x, COUNT, 4, 3) - 3 * 16), 5 * 16 * sqrt(96) * unit);
    assert_distribution(x, below_normal);
    free(x);
}
START_TEST(normal_has_the_moments_and_the_shape_of_the_bell) {
    normal_in(false);
    normal_in(true);
}
END_TEST

START_TEST(neighbours_of_a_normal_draw_know_nothing_of_each_other) {
    double *x = numbers_of(wg_normal(from("z", 0), WG_SHAPE(COUNT), 0, 1)), sum = 0, of_squares = 0;
    for (int i = 0; i + 1 < COUNT; i += 2) {
        sum += x[i] * x[i + 1];
        of_squares += (x[i] * x[i] - 1) * (x[i + 1] * x[i + 1] - 1);
    }
    ck_assert_double_lt(fabs(sum), 5 * sqrt(COUNT / 2));
    ck_assert_double_lt(fabs(of_squares), 5 * 2 * sqrt(COUNT / 2));
    free(x);
}
END_TEST

START_TEST(bernoulli_is_1_as_often_as_p_says) {
    const double probabilities[] = {0, 0.125, 0.5, 0.9, 1};
    const wg_var p =
        wg_broadcast_to(wg_array(tape, WG_F64, WG_SHAPE(5, 1), probabilities), WG_SHAPE(5, 10000));
    double *x = numbers_of(wg_bernoulli(from("b", 0), p));
    for (int k = 0; k < 5; k++) {
        const double expected = probabilities[k];
        const double off = fabs(moment(x + 10000 * k, 10000, 1, 0) - expected);
        ck_assert_double_le(off, 5 * sqrt(expected * (1 - expected) / 10000));
    }
    free(x);
}
END_TEST

static void categorical_of(bool given) {
    const double weights[] = {3, 0, 1, 2, 4},
                 logarithms[] = {log(3) + 700, -INFINITY, 700, log(2) + 700, log(4) + 700};
    const wg_var p = wg_array(tape, WG_F64, WG_SHAPE(1, 5), given ? weights : logarithms);
    double *x = numbers_of(wg_categorical(from("c", 0), p, COUNT, .probabilities = given)), sum = 0;
    int counts[5] = {0};
    for (int i = 0; i < COUNT; i++) counts[(int)x[i]]++;
    ck_assert_int_eq(counts[1], 0);
    for (int k = 0; k < 5; k++) {
        const double expected = COUNT * weights[k] / 10;
        if (k != 1) sum += (counts[k] - expected) * (counts[k] - expected) / expected;
    }
    ck_assert_double_lt(sum, chi2_of_4);
    free(x);
}
START_TEST(categorical_draws_classes_as_often_as_their_weights_say) {
    categorical_of(false);
    categorical_of(true);
}
END_TEST

START_TEST(randperm_gives_each_order_as_often) {
    int counts[24] = {0};
    for (int step = 0; step < 6000; step++) {
        double *x = numbers_of(wg_randperm(from("p", step), 4));
        int met = 0, order = 0;
        for (int i = 0; i < 4; i++) {
            int smaller = 0;
            for (int k = i + 1; k < 4; k++) smaller += x[k] < x[i];
            met |= 1 << (int)x[i];
            order = order * (4 - i) + smaller;
        }
        ck_assert_int_eq(met, 15);
        counts[order]++;
        free(x);
        wg_tape_clear(tape);
    }
    ck_assert_double_lt(chi2(counts, 24, 250), chi2_of_23);
}
END_TEST

/* --- Dropout -----------------------------------------------------------------------------------------------
 */

START_TEST(dropout_of_channels_drops_whole_channels) {
    enum { CHANNELS = 10000, PIXELS = 6 };
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(10, CHANNELS / 10, 2, 3), 3);
    double *y = numbers_of(wg_dropout2d(model, "drop", x, 0.25));
    int mixed = 0, dropped = 0;
    for (int c = 0; c < CHANNELS; c++) {
        for (int i = 0; i < PIXELS; i++) {
            mixed += y[c * PIXELS + i] != y[c * PIXELS];
            mixed += y[c * PIXELS + i] != 0 && fabs(y[c * PIXELS + i] - 4) > 1e-5;
        }
        dropped += y[c * PIXELS] == 0;
    }
    ck_assert_int_eq(mixed, 0);
    ck_assert_int_lt(abs(dropped - CHANNELS / 4), 5 * 44);
    free(y);
}
END_TEST

static void alpha_dropout_of(bool channels) {
    const wg_draw draw = wg_model_draw(model, tape, channels ? "a" : "b");
    const wg_var x = wg_normal(draw, WG_SHAPE(COUNT, 1, 1), 0, 1);
    const wg_var y = channels ? wg_feature_alpha_dropout(model, "channels", x, 0.3)
                              : wg_alpha_dropout(model, "drop", x, 0.3);
    double *z = numbers_of(y);
    ck_assert_double_lt(fabs(moment(z, COUNT, 1, 0)), 5 / sqrt(COUNT));
    ck_assert_double_lt(fabs(moment(z, COUNT, 2, 0) - 1), 5 * 2 / sqrt(COUNT));
    free(z);
}
START_TEST(alpha_dropout_keeps_mean_and_variance_of_what_is_normal) {
    alpha_dropout_of(false);
    alpha_dropout_of(true);
}
END_TEST

START_TEST(dropout_layers_are_the_identity_in_evaluation_mode) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 3, 4), 1);
    wg_model_train(model, false);
    ck_assert_uint_eq(wg_dropout1d(model, "a", x, 0.5).id, x.id);
    ck_assert_uint_eq(wg_alpha_dropout(model, "a", x, 0.5).id, x.id);
}
END_TEST

/* --- What the numbers depend on ----------------------------------------------------------------------------
 */

static int agreements(const double *a, const double *b) {
    int count = 0;
    for (int i = 0; i < 1000; i++) count += a[i] == b[i];
    return count;
}

START_TEST(draws_are_a_function_of_seed_path_and_step) {
    double *drawn[5];
    for (int i = 0; i < 5; i++) {
        const wg_var step = wg_full(tape, WG_I64, WG_SCALAR_SHAPE, i == 1);
        const wg_draw draw = wg_draw_from(step, i == 2 ? 2 : 1, i == 3 ? "b" : "a");
        drawn[i] = numbers_of(wg_normal(draw, WG_SHAPE(1000), 0, 1));
    }
    for (int i = 1; i < 5; i++) ck_assert_int_eq(agreements(drawn[0], drawn[i]), i == 4 ? 1000 : 0);
    for (int i = 0; i < 5; i++) free(drawn[i]);
}
END_TEST

START_TEST(a_models_draws_have_its_seed_and_the_path_of_their_name) {
    wg_scope(tape, "block");
    double *drawn = numbers_of(wg_uniform(wg_model_draw(model, tape, "noise"), WG_SHAPE(1000), 0, 1));
    wg_scope_end(tape);
    const wg_var step = wg_full(tape, WG_I64, WG_SCALAR_SHAPE, 0);
    const wg_draw same = wg_draw_from(step, wg_model_seed(model), "block/noise");
    double *again = numbers_of(wg_uniform(same, WG_SHAPE(1000), 0, 1));
    ck_assert_int_eq(agreements(drawn, again), 1000);
    free(drawn);
    free(again);
}
END_TEST

START_TEST(the_bits_of_a_draw_do_not_depend_on_the_threads) {
    wg_tensor *drawn[2];
    for (int i = 0; i < 2; i++) {
        wg_engine *engine = wg_engine_new(NULL, .threads = i ? 5 : 1);
        wg_tape *own = wg_tape_new(.engine = engine);
        const wg_draw draw = wg_draw_from(wg_full(own, WG_I64, WG_SCALAR_SHAPE, 3), 1, "z");
        const wg_var y = wg_normal(draw, WG_SHAPE(30011), 0, 1);
        ck_assert_int_eq(wg_eval(y), WG_OK);
        drawn[i] = wg_tensor_retain((wg_tensor *)wg_value(y));
        wg_tape_free(own);
        wg_engine_free(engine);
    }
    ck_assert_mem_eq(wg_tensor_data(drawn[0]), wg_tensor_data(drawn[1]), 30011 * sizeof(float));
    wg_tensor_free(drawn[0]);
    wg_tensor_free(drawn[1]);
}
END_TEST

/* --- What is refused ---------------------------------------------------------------------------------------
 */

static void fails_with(wg_var y, const char *message) {
    ck_assert_int_eq(wg_eval(y), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, message);
}

START_TEST(what_is_no_probability_fails_the_run) {
    const double bad[] = {0.5, 1.5, 0.5, -1, 2, 0}, none[] = {0, 0};
    fails_with(wg_bernoulli(from("b", 0), wg_array(tape, WG_F64, WG_SHAPE(6), bad)),
               "bernoulli: p is 1.5 at element 1; probabilities are within 0");
    fails_with(
        wg_categorical(from("c", 0), wg_array(tape, WG_F64, WG_SHAPE(3, 2), bad), 1, .probabilities = true),
        "categorical: row 1 has no distribution");
    fails_with(
        wg_categorical(from("d", 0), wg_array(tape, WG_F64, WG_SHAPE(2), none), 1, .probabilities = true),
        "row 0 has no distribution");
}
END_TEST

START_TEST(random_ops_say_what_does_not_fit) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 3), 1);
    wg_uniform(from("u", 0), WG_SHAPE(2), 1, 0);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "uniform: low is 1, high is 0; low must not be above high");
    wg_normal(from("z", 0), WG_SHAPE(2), 0, -1);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "normal");
    wg_normal(from("z", 0), WG_SHAPE(-2), 0, 1);
    assert_error(tape, WG_ERROR_SHAPE, "normal: extent 0 of [-2] is -2; it must be at least 0");
    wg_normal(from("z", 0), WG_SHAPE(2), 0, 1, .dtype = WG_I32);
    assert_error(tape, WG_ERROR_DTYPE, "normal: input 0, which gives the dtype, is i32[]");
    wg_bernoulli(wg_draw_from(x, 1, "b"), x);
    assert_error(tape, WG_ERROR_DTYPE, "bernoulli: the step is f32[2, 3]; it must be i64[]");
    wg_categorical(from("c", 0), wg_scalar(tape, 1), 1);
    assert_error(tape, WG_ERROR_SHAPE,
                 "categorical: input 0 is []; its last axis must hold at least one class");
    wg_dropout2d(model, "drop", x, 0.5);
    assert_error(tape, WG_ERROR_SHAPE, "dropout2d: x is [2, 3]; it must have 4 axes, [N, C, …]");
    wg_dropout1d(model, "drop", x, 1);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "dropout1d \"drop\": p is 1; it must be at least 0 and below 1");
    wg_tape_clear(tape);
    wg_model_draw(model, tape, "noise");
    wg_model_draw(model, tape, "noise");
    assert_error(tape, WG_ERROR_NAME, "model_draw: the random name \"noise\" is met twice on this tape");
}
END_TEST

WG_MODEL_SUITE("ops/random", uniform_is_even_between_low_and_high,
               normal_has_the_moments_and_the_shape_of_the_bell,
               neighbours_of_a_normal_draw_know_nothing_of_each_other, bernoulli_is_1_as_often_as_p_says,
               categorical_draws_classes_as_often_as_their_weights_say, randperm_gives_each_order_as_often,
               dropout_of_channels_drops_whole_channels,
               alpha_dropout_keeps_mean_and_variance_of_what_is_normal,
               dropout_layers_are_the_identity_in_evaluation_mode, draws_are_a_function_of_seed_path_and_step,
               a_models_draws_have_its_seed_and_the_path_of_their_name,
               the_bits_of_a_draw_do_not_depend_on_the_threads, what_is_no_probability_fails_the_run,
               random_ops_say_what_does_not_fit)
