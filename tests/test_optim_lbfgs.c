/* L-BFGS: against closed forms and plain C, how a step ends, what is left when it fails, and that it goes on
 * from a checkpoint. */
#include "tape_suite.h"
#include <math.h>

static wg_error error;

static wg_state *new_state(wg_dtype dtype, int64_t count, const void *start) {
    wg_tensor *tensor = wg_tensor_over(dtype, WG_SHAPE(count), start, NULL);
    wg_state *state = wg_state_new(tensor, NULL);
    wg_tensor_free(tensor);
    ck_assert_ptr_nonnull(state);
    return state;
}
static double at(const wg_state *state, int64_t i) { return wg_tensor_get(wg_state_tensor(state), i); }

#define ck_assert_step(optimizer, loss, context, report) \
    ck_assert_msg(wg_lbfgs_step(optimizer, tape, loss, context, report) == WG_OK, "%s", wg_tape_message(tape))

/* --- Functions -------------------------------------------------------------------------------- */

/* (1 - a)² + 100 (b - a²)², from (-1.2, 1), least at (1, 1): Rosenbrock 1960, Computer J. 3. */
static wg_var rosenbrock(wg_tape *on, void *context) {
    wg_var x = wg_read(on, *(wg_state **)context), one = wg_scalar(on, 1);
    wg_var a = wg_slice(x, 0, 0, 1), b = wg_slice(x, 0, 1, 2);
    wg_var steep = wg_square(wg_sub(b, wg_square(a))), flat = wg_square(wg_sub(one, a));
    return wg_sum(wg_add(flat, wg_mul(wg_scalar(on, 100), steep)), WG_ALL_AXES);
}
static const double rosenbrock_start[] = {-1.2, 1};

enum { N = 6 };
static const double solution[N] = {1, -2, 0.5, 3, -1, 0.25};
static double hilbert(int i, int j) { return 1.0 / (i + j + 1) + (i == j); }

/* x A x / 2 - b x, least where A x = b; b is made of the solution. */
static wg_var quadratic(wg_tape *on, void *context) {
    double a[N * N], b[N] = {0};
    for (int i = 0; i < N * N; i++) a[i] = hilbert(i / N, i % N);
    for (int i = 0; i < N * N; i++) b[i / N] += a[i] * solution[i % N];
    wg_var x = wg_read(on, *(wg_state **)context), ax = wg_matmul(wg_array(on, WG_F64, WG_SHAPE(N, N), a), x);
    wg_var bx = wg_dot(wg_array(on, WG_F64, WG_SHAPE(N), b), x);
    return wg_sub(wg_mul(wg_scalar(on, 0.5), wg_dot(x, ax)), bx);
}

/* x - log x, least at 1, no number below 0. */
static wg_var barrier(wg_tape *on, void *context) {
    wg_var x = wg_read(on, *(wg_state **)context);
    return wg_sum(wg_sub(x, wg_log(x)), WG_ALL_AXES);
}

/* --- Where it goes ---------------------------------------------------------------------------- */

/* With exact line searches BFGS takes the steps of conjugate gradients on a quadratic: Nocedal & Wright,
 * theorem 6.4. */
START_TEST(a_system_of_n_equations_is_solved_in_n_iterations) {
    const double start[N] = {0};
    wg_state *x = new_state(WG_F64, N, start);
    wg_optimizer *lbfgs =
        wg_lbfgs_states(&x, 1, .max_iter = N, .max_eval = 100, .decrease = 1e-8, .curvature = 1e-7,
                        .tolerance_grad = 1e-12, .tolerance_change = WG_ZERO);
    wg_lbfgs_report report;
    ck_assert_step(lbfgs, quadratic, &x, &report);
    printf("%lld iterations, %lld evaluations, gradient %g\n", (long long)report.iterations,
           (long long)report.evaluations, report.largest);
    ck_assert_int_le(report.iterations, N);
    for (int i = 0; i < N; i++) ck_assert_double_eq_tol(at(x, i), solution[i], 1e-8);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

START_TEST(rosenbrocks_valley_is_walked_in_less_than_60_evaluations) {
    wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1, .max_iter = 60, .max_eval = 59, .tolerance_change = WG_ZERO);
    wg_lbfgs_report report;
    ck_assert_step(lbfgs, rosenbrock, &x, &report);
    printf("%lld iterations, %lld evaluations, loss %g\n", (long long)report.iterations,
           (long long)report.evaluations, report.loss);
    ck_assert_double_eq_tol(report.first_loss, 24.2, 1e-13);
    ck_assert_double_eq_tol(at(x, 0), 1, 1e-8);
    ck_assert_double_eq_tol(at(x, 1), 1, 1e-8);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

enum { POINTS = 20 };
static double feature(int i, int k) { return sin(1.7 * i + 2.3 * k) + 0.1 * k; }
static double label(int i) { return (feature(i, 0) - 0.5 * feature(i, 1) + 0.8 * cos(5.0 * i)) > 0; }

static wg_var logistic(wg_tape *on, void *context) {
    double x[POINTS * 2], y[POINTS];
    for (int i = 0; i < 2 * POINTS; i++) x[i] = feature(i / 2, i % 2);
    for (int i = 0; i < POINTS; i++) y[i] = label(i);
    wg_var logits = wg_linear(context, "fc", wg_array(on, WG_F64, WG_SHAPE(POINTS, 2), x), 1);
    wg_var targets = wg_array(on, WG_F64, WG_SHAPE(POINTS, 1), y);
    return wg_bce_with_logits(logits, targets, WG_NONE, WG_NONE);
}

/* The gradient of the mean loss is mean (sigmoid(w x + b) - y) (x, 1). */
START_TEST(logistic_regression_ends_where_its_gradient_is_zero) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *lbfgs =
        wg_lbfgs(model, .max_iter = 50, .tolerance_grad = 5e-7, .tolerance_change = WG_ZERO);
    wg_lbfgs_report report;
    ck_assert_step(lbfgs, logistic, model, &report);
    printf("%lld iterations, %lld evaluations\n", (long long)report.iterations,
           (long long)report.evaluations);
    ck_assert_int_eq(report.end, WG_LBFGS_GRADIENT);
    const wg_state *weight = wg_model_find(model, "fc.weight")->state,
                   *bias = wg_model_find(model, "fc.bias")->state;
    double g[3] = {0};
    for (int i = 0; i < POINTS; i++) {
        const double z = at(weight, 0) * feature(i, 0) + at(weight, 1) * feature(i, 1) + at(bias, 0);
        const double off = (1 / (1 + exp(-z)) - label(i)) / POINTS;
        for (int k = 0; k < 3; k++) g[k] += off * (k < 2 ? feature(i, k) : 1);
    }
    ck_assert_double_le(sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]), 1e-6);
    ck_assert_int_eq(wg_model_step(model), 1);
    wg_optimizer_free(lbfgs);
    wg_model_free(model);
}
END_TEST

/* Pairs stay from step to step, and a step begins as an iteration does. Of three pairs the oldest make room.
 */
START_TEST(many_iterations_are_many_steps_of_one) {
    for (int rows = 3; rows <= 100; rows += 97) {
        wg_state *x = new_state(WG_F64, 2, rosenbrock_start), *y = new_state(WG_F64, 2, rosenbrock_start);
        wg_optimizer *whole = wg_lbfgs_states(&x, 1, .max_iter = 12, .max_eval = 99, .history_size = rows);
        wg_optimizer *each = wg_lbfgs_states(&y, 1, .max_iter = 1, .max_eval = 99, .history_size = rows);
        ck_assert_step(whole, rosenbrock, &x, NULL);
        for (int i = 0; i < 12; i++) ck_assert_step(each, rosenbrock, &y, NULL);
        for (int i = 0; i < 2; i++) ck_assert_double_eq(at(x, i), at(y, i));
        ck_assert_double_lt(fabs(at(x, 0) + 1.2), 3);
        ck_assert_double_ne(at(x, 0), -1.2);
        wg_optimizer_free(whole);
        wg_optimizer_free(each);
        wg_state_free(x);
        wg_state_free(y);
    }
}
END_TEST

/* scale x A x / 2 - scale b x, least where A x = b whatever the scale is. */
typedef struct scaled {
    wg_state *x;
    double scale;
} scaled;
static wg_var scaled_quadratic(wg_tape *on, void *context) {
    const scaled *s = context;
    float a[N * N], b[N] = {0};
    for (int i = 0; i < N * N; i++) a[i] = (float)hilbert(i / N, i % N);
    for (int i = 0; i < N * N; i++) b[i / N] += (float)(hilbert(i / N, i % N) * solution[i % N]);
    wg_var x = wg_read(on, s->x), ax = wg_matmul(wg_array(on, WG_F32, WG_SHAPE(N, N), a), x);
    wg_var value =
        wg_sub(wg_mul(wg_scalar(on, 0.5), wg_dot(x, ax)), wg_dot(wg_array(on, WG_F32, WG_SHAPE(N), b), x));
    return wg_mul(wg_scalar(on, s->scale), value);
}

/* Gradients are of the size of the scale, and f32 has no number for its square. */
START_TEST(gradients_whose_square_is_out_of_range_are_remembered_like_others) {
    static const double scales[] = {1, 0x1p80, 0x1p-76};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        const float start[N] = {0};
        scaled s = {new_state(WG_F32, N, start), scales[i]};
        wg_optimizer *lbfgs =
            wg_lbfgs_states(&s.x, 1, .learning_rate = scales[i] < 1 ? 0.1 / scales[i] : 1, .max_iter = 1,
                            .tolerance_grad = WG_ZERO, .tolerance_change = WG_ZERO);
        ck_assert_step(lbfgs, scaled_quadratic, &s, NULL);
        wg_set_learning_rate(lbfgs, 1);
        for (int k = 0; k < 15; k++) ck_assert_step(lbfgs, scaled_quadratic, &s, NULL);
        for (int k = 0; k < N; k++) ck_assert_double_eq_tol(at(s.x, k), solution[k], 1e-4);
        wg_optimizer_free(lbfgs);
        wg_state_free(s.x);
    }
}
END_TEST

/* sum c (1 - x)², c being 1, 2, … 7 by turns, of vectors that follow on one another. */
enum { LONG = 10000 };
typedef struct pieces {
    wg_state *x[3];
    int count;
} pieces;
static wg_var of_pieces(wg_tape *on, void *context) {
    const pieces *p = context;
    static float c[LONG];
    wg_var all[4];
    for (int i = 0; i < LONG; i++) c[i] = (float)(i % 7 + 1);
    for (int i = 0; i < p->count; i++) all[i] = wg_read(on, p->x[i]);
    all[p->count] = (wg_var)WG_END_;
    wg_var off = wg_square(wg_sub(wg_scalar(on, 1), wg_concat_list(0, all)));
    return wg_sum(wg_mul(wg_array(on, WG_F32, WG_SHAPE(LONG), c), off), WG_ALL_AXES);
}

/* Products of a long vector are made in pieces; of several vectors their products are added up. */
START_TEST(a_long_vector_goes_where_its_pieces_go_as_vectors) {
    static float start[LONG];
    const int first = 3000, second = 2345;
    pieces one = {{new_state(WG_F32, LONG, start)}, 1};
    pieces three = {{new_state(WG_F32, first, start), new_state(WG_F32, second, start),
                     new_state(WG_F32, LONG - first - second, start)},
                    3};
    wg_optimizer *of_one = wg_lbfgs_states(one.x, 1, .max_iter = 3, .tolerance_grad = 1e-30);
    wg_optimizer *of_three = wg_lbfgs_states(three.x, 3, .max_iter = 3, .tolerance_grad = 1e-30);
    ck_assert_step(of_one, of_pieces, &one, NULL);
    ck_assert_step(of_three, of_pieces, &three, NULL);
    double largest = 0;
    for (int i = 0; i < LONG; i++) {
        const int part = i < first ? 0 : i < first + second ? 1 : 2;
        const double there = at(three.x[part], i - (part == 0 ? 0 : part == 1 ? first : first + second));
        largest = fmax(largest, fabs(at(one.x[0], i) - there));
    }
    ck_assert_double_le(largest, 1e-6);
    ck_assert_double_ge(fabs(at(one.x[0], 0) - 1), 1e-4); /* still on the way */
    wg_optimizer_free(of_one);
    wg_optimizer_free(of_three);
    wg_state_free(one.x[0]);
    for (int i = 0; i < 3; i++) wg_state_free(three.x[i]);
}
END_TEST

/* --- The same bits ---------------------------------------------------------------------------- */

static wg_var network(wg_tape *on, void *context) {
    float x[64 * 40], y[64];
    for (int i = 0; i < 64 * 40; i++) x[i] = (float)(i % 37) / 37 - 0.5f;
    for (int i = 0; i < 64; i++) y[i] = (float)sin(i);
    wg_var h = wg_tanh(wg_linear(context, "fc1", wg_array(on, WG_F32, WG_SHAPE(64, 40), x), 50));
    wg_var out = wg_linear(context, "fc2", wg_dropout(context, "dropout", h, 0.1), 1);
    return wg_mse_loss(out, wg_array(on, WG_F32, WG_SHAPE(64, 1), y));
}

static bool same_parameters(const wg_model *a, const wg_model *b) {
    bool same = wg_model_count(a) == wg_model_count(b) && wg_model_count(a) > 0;
    for (int i = 0; i < wg_model_count(a) && same; i++) {
        const wg_tensor *of_a = wg_state_tensor(wg_model_parameter(a, i)->state);
        const wg_tensor *of_b = wg_state_tensor(wg_model_parameter(b, i)->state);
        same = !memcmp(wg_tensor_data(of_a), wg_tensor_data(of_b),
                       (size_t)wg_tensor_count(of_a) * sizeof(float));
    }
    return same;
}

static wg_model *trained(int threads, double *loss) {
    wg_engine *engine = wg_engine_new(NULL, .threads = threads);
    wg_tape *own = wg_tape_new(.engine = engine);
    wg_model *model = wg_model_new(.seed = 4);
    wg_optimizer *lbfgs = wg_lbfgs(model, .max_iter = 6, .history_size = 4);
    wg_lbfgs_report report;
    for (int i = 0; i < 2; i++)
        ck_assert_msg(!wg_lbfgs_step(lbfgs, own, network, model, &report), "%s", wg_tape_message(own));
    *loss = report.loss;
    wg_optimizer_free(lbfgs);
    wg_tape_free(own);
    wg_engine_free(engine);
    return model;
}

START_TEST(bits_do_not_depend_on_the_number_of_threads) {
    double loss[2];
    wg_model *one = trained(1, &loss[0]), *many = trained(4, &loss[1]);
    ck_assert(same_parameters(one, many));
    ck_assert_double_eq(loss[0], loss[1]);
    wg_model_free(one);
    wg_model_free(many);
}
END_TEST

START_TEST(loaded_from_a_checkpoint_it_goes_on_with_the_same_bits) {
    const char *path = temporary_path("lbfgs.checkpoint");
    wg_model *model = wg_model_new(.seed = 4), *other = wg_model_new(.seed = 5);
    wg_optimizer *lbfgs = wg_lbfgs(model, .max_iter = 6, .history_size = 4);
    wg_optimizer *again = wg_lbfgs(other, .max_iter = 6, .history_size = 4);
    wg_optimizer *longer = wg_lbfgs(other, .max_iter = 6, .history_size = 5);
    ck_assert_step(lbfgs, network, model, NULL);
    ck_assert_step(again, network, other, NULL); /* has pairs of its own, which give way */
    ck_assert_msg(!wg_checkpoint_save(path, &error, .model = model, .optimizer = lbfgs), "%s", error.message);
    ck_assert_msg(!wg_checkpoint_load(path, &error, .model = other, .optimizer = again), "%s", error.message);
    wg_lbfgs_report of_model, of_other;
    ck_assert_step(lbfgs, network, model, &of_model);
    ck_assert_step(again, network, other, &of_other);
    ck_assert(same_parameters(model, other));
    ck_assert_int_eq(of_model.evaluations, of_other.evaluations);
    ck_assert_double_eq(of_model.loss, of_other.loss);
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = longer), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message,
                               "steps of \"fc1.bias\" is f32[4, 50] in the file, f32[5, 50] is");
    wg_optimizer_free(longer);
    wg_optimizer_free(again);
    wg_optimizer_free(lbfgs);
    wg_model_free(other);
    wg_model_free(model);
}
END_TEST

/* --- How it ends ------------------------------------------------------------------------------ */

START_TEST(the_line_search_comes_back_from_where_the_loss_is_no_number) {
    const double start[] = {5}; /* against the gradient, 0.8, at once to -35 */
    wg_state *x = new_state(WG_F64, 1, start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1, .learning_rate = 50, .max_eval = 1000);
    wg_lbfgs_report report;
    ck_assert_step(lbfgs, barrier, &x, &report);
    ck_assert_int_eq(report.end, WG_LBFGS_GRADIENT);
    ck_assert_double_eq_tol(at(x, 0), 1, 1e-7);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

static wg_var uphill(wg_tape *on, void *context) { return wg_gradient_reversal(rosenbrock(on, context), 1); }

START_TEST(where_there_is_no_descent_parameters_stay) {
    wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1, .max_eval = 100);
    wg_lbfgs_report report;
    ck_assert_step(lbfgs, uphill, &x, &report);
    ck_assert_int_eq(report.end, WG_LBFGS_NO_DESCENT);
    ck_assert_int_eq(report.iterations, 0);
    for (int i = 0; i < 2; i++) ck_assert_double_eq(at(x, i), rosenbrock_start[i]);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

START_TEST(a_step_says_why_it_ended) {
    const struct {
        wg_lbfgs_options options;
        wg_lbfgs_end end;
    } cases[] = {{{.size_ = sizeof(wg_lbfgs_options), .max_iter = 3, .max_eval = 99}, WG_LBFGS_ITERATIONS},
                 {{.size_ = sizeof(wg_lbfgs_options), .max_iter = 1}, WG_LBFGS_ITERATIONS},
                 {{.size_ = sizeof(wg_lbfgs_options), .max_eval = 4}, WG_LBFGS_EVALUATIONS},
                 {{.size_ = sizeof(wg_lbfgs_options), .tolerance_change = 1e-2}, WG_LBFGS_CHANGE},
                 {{.size_ = sizeof(wg_lbfgs_options), .tolerance_grad = 1e3}, WG_LBFGS_GRADIENT}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
        wg_optimizer *lbfgs = (wg_lbfgs_states)(&x, 1, &cases[i].options);
        wg_lbfgs_report report;
        ck_assert_step(lbfgs, rosenbrock, &x, &report);
        ck_assert_int_eq(report.end, cases[i].end);
        ck_assert_double_le(report.loss, report.first_loss);
        ck_assert_double_eq(report.loss, value_of(rosenbrock(tape, &x)));
        wg_optimizer_free(lbfgs);
        wg_state_free(x);
        wg_tape_clear(tape);
    }
}
END_TEST

/* --- Failures --------------------------------------------------------------------------------- */

typedef struct failing {
    wg_state *x;
    int left; /* evaluations that succeed */
    bool loudly;
} failing;
static wg_var fails_later(wg_tape *on, void *context) {
    failing *f = context;
    if (f->left-- > 0) return rosenbrock(on, &f->x);
    return f->loudly ? wg_fail(on, WG_ERROR_INDEX, "no data left") : WG_NONE;
}

START_TEST(a_function_that_fails_leaves_parameters_as_before_the_step) {
    for (int left = 0; left < 12; left++) {
        wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
        wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1, .max_iter = 3, .max_eval = 60);
        failing f = {x, left, left % 2};
        wg_lbfgs_report report;
        ck_assert_step(lbfgs, rosenbrock, &x, NULL); /* pairs of an earlier step */
        const double before[] = {at(x, 0), at(x, 1)};
        wg_set_learning_rate(lbfgs, 1e-3); /* which takes more evaluations */
        const int status = wg_lbfgs_step(lbfgs, tape, fails_later, &f, &report);
        ck_assert_int_eq(status, wg_tape_status(tape));
        ck_assert_int_eq(report.end, WG_LBFGS_FAILED);
        ck_assert_int_eq(report.evaluations, left + 1);
        if (f.loudly)
            assert_error(tape, WG_ERROR_INDEX, "no data left");
        else
            assert_error(tape, WG_ERROR_TAPE, "lbfgs: the loss function returned no var of its tape");
        for (int i = 0; i < 2; i++) ck_assert_double_eq(at(x, i), before[i]);
        wg_set_learning_rate(lbfgs, 1);
        for (int i = 0; i < 20; i++) ck_assert_step(lbfgs, rosenbrock, &x, NULL);
        ck_assert_double_eq_tol(at(x, 0), 1, 1e-6);
        wg_optimizer_free(lbfgs);
        wg_state_free(x);
    }
}
END_TEST

/* A loss function that does more than to record, once: at its call number `when`, after the parameter has
 * been read or before. */
typedef struct meddler {
    wg_state *x;
    wg_optimizer *lbfgs, *other, *sgd;
    wg_tape *own;
    const char *path;
    int when, what, status; /* what the call it may not make returned */
    bool heals;
} meddler;
enum {
    MEDDLE_EVAL,
    MEDDLE_PEEK,
    MEDDLE_STEP,       /* on the same tape */
    MEDDLE_OTHER,      /* the same, of another optimizer of the same parameters */
    MEDDLE_MINIMIZE,   /* the same by wg_minimize, and evaluated */
    MEDDLE_STEP_ALONE, /* of the same optimizer, on another tape */
    MEDDLE_ACCUMULATE,
    MEDDLE_LOAD,
    MEDDLE_REFUSED, /* those above are refused where they are made, those below when they have been */
    MEDDLE_OTHER_ALONE = MEDDLE_REFUSED,
    MEDDLE_MINIMIZE_ALONE,
    MEDDLE_SET,
    MEDDLE_ASSIGN,
    MEDDLES
};

static int meddle(meddler *m, wg_tape *on, wg_var loss) {
    const double far[] = {7, -7};
    wg_tensor *tensor = wg_tensor_over(WG_F64, WG_SHAPE(2), far, NULL);
    int status = WG_OK;
    switch (m->what) {
    case MEDDLE_EVAL:
        status = wg_eval(loss);
        break;
    case MEDDLE_PEEK:
        status = wg_peek(loss);
        break;
    case MEDDLE_STEP:
        status = wg_lbfgs_step(m->lbfgs, on, rosenbrock, &m->x, NULL);
        break;
    case MEDDLE_OTHER:
        status = wg_lbfgs_step(m->other, on, rosenbrock, &m->x, NULL);
        break;
    case MEDDLE_MINIMIZE:
        wg_minimize(m->sgd, loss);
        status = wg_eval(loss);
        break;
    case MEDDLE_STEP_ALONE:
        status = wg_lbfgs_step(m->lbfgs, m->own, rosenbrock, &m->x, NULL);
        break;
    case MEDDLE_ACCUMULATE:
        status = wg_accumulate(m->lbfgs, loss);
        break;
    case MEDDLE_LOAD:
        status = wg_checkpoint_load(m->path, &error, .optimizer = m->lbfgs);
        break;
    case MEDDLE_OTHER_ALONE:
        status = wg_lbfgs_step(m->other, m->own, rosenbrock, &m->x, NULL);
        break;
    case MEDDLE_MINIMIZE_ALONE:
        wg_tape_clear(m->own);
        loss = rosenbrock(m->own, &m->x);
        wg_minimize(m->sgd, loss);
        status = wg_eval(loss);
        break;
    case MEDDLE_SET:
        status = wg_state_set(m->x, tensor, &error);
        break;
    case MEDDLE_ASSIGN:
        status = wg_assign(m->x, wg_array(on, WG_F64, WG_SHAPE(2), far));
        break;
    }
    wg_tensor_free(tensor);
    return status;
}

static wg_var meddles(wg_tape *on, void *context) {
    meddler *m = context;
    if (m->when-- != 0) return rosenbrock(on, &m->x);
    wg_var loss = rosenbrock(on, &m->x);
    m->status = meddle(m, on, loss);
    if (!m->heals) return loss;
    wg_tape_recover(on, NULL);
    wg_tape_recover(m->own, NULL);
    wg_tape_clear(on);
    return rosenbrock(on, &m->x);
}

/* What is refused has not happened: a function that heals the tape goes on as if it had not tried. */
static bool succeeds(const meddler *m, int when) {
    if (m->what == MEDDLE_ASSIGN) return m->heals || when > 0; /* later evaluations carry no assigns out */
    if (m->what == MEDDLE_STEP_ALONE || m->what == MEDDLE_LOAD)
        return true; /* the step's tape has no error */
    return m->what < MEDDLE_REFUSED && m->heals;
}

static void step_with(int what, int when, bool heals, const char *path) {
    static const char *const messages[MEDDLES] = {
        [MEDDLE_EVAL] = "wg_eval: the loss function of wg_lbfgs_step may only record on this tape",
        [MEDDLE_PEEK] = "wg_peek: the loss function of wg_lbfgs_step may only record on this tape",
        [MEDDLE_STEP] = "lbfgs: its loss function may only record the loss, not begin another step of it",
        [MEDDLE_OTHER] = "wg_eval: the loss function of wg_lbfgs_step may only record on this tape",
        [MEDDLE_MINIMIZE] = "wg_eval: the loss function of wg_lbfgs_step may only record on this tape",
        [MEDDLE_ACCUMULATE] = "lbfgs: its loss function may only record the loss, not minimize it",
        [MEDDLE_OTHER_ALONE] = "lbfgs: the loss function has changed the parameter \"",
        [MEDDLE_MINIMIZE_ALONE] = "lbfgs: the loss function has changed the parameter \"",
        [MEDDLE_SET] = "lbfgs: the loss function has changed the parameter \"",
        [MEDDLE_ASSIGN] = "lbfgs: the loss function has changed the parameter \""};
    wg_state *x = new_state(WG_F64, 2, rosenbrock_start), *y = new_state(WG_F64, 2, rosenbrock_start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1, .max_iter = 3), *other = wg_lbfgs_states(&x, 1);
    wg_optimizer *alone = wg_lbfgs_states(&y, 1, .max_iter = 3), *sgd = wg_sgd_states(&x, 1, 1e-3);
    meddler m = {x, lbfgs, other, sgd, wg_tape_new(), path, when, what, 0, heals};
    ck_assert_step(lbfgs, rosenbrock, &x, NULL); /* has pairs */
    ck_assert_step(alone, rosenbrock, &y, NULL);
    const bool good = succeeds(&m, when);
    const int status = wg_lbfgs_step(lbfgs, tape, meddles, &m, NULL);
    const char *message = wg_tape_message(tape);
    if (m.when >= 0 || (what < MEDDLE_REFUSED) != (m.status != WG_OK))
        ck_abort_msg("%d, %d: the call returned %d", what, when, m.status);
    if (good != (status == WG_OK) || (!good && !strstr(message, messages[what])))
        ck_abort_msg("%d, %d, %d: status %d, \"%s\"", what, when, heals, status, message);
    wg_tape_recover(tape, NULL);
    if (good) ck_assert_step(alone, rosenbrock, &y, NULL);
    for (int again = 0; again < 2; again++) { /* parameters, and then what the next step makes of pairs */
        if (at(x, 0) != at(y, 0) || at(x, 1) != at(y, 1))
            ck_abort_msg("%d, %d, %d: %g %g and not %g %g", what, when, heals, at(x, 0), at(x, 1), at(y, 0),
                         at(y, 1));
        ck_assert_step(lbfgs, rosenbrock, &x, NULL);
        ck_assert_step(alone, rosenbrock, &y, NULL);
    }
    wg_tape_free(m.own);
    wg_optimizer_free(sgd);
    wg_optimizer_free(alone);
    wg_optimizer_free(other);
    wg_optimizer_free(lbfgs);
    wg_state_free(y);
    wg_state_free(x);
}

START_TEST(a_function_that_does_more_than_record_is_found_out_and_leaves_all_as_before) {
    const char *path = temporary_path("lbfgs.checkpoint");
    wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1);
    ck_assert_step(lbfgs, rosenbrock, &x, NULL);
    ck_assert_int_eq(wg_checkpoint_save(path, &error, .optimizer = lbfgs), WG_OK);
    for (int what = 0; what < MEDDLES; what++)
        for (int when = 0; when < 2; when++) /* the first evaluation, and one of the line search */
            for (int heals = 0; heals < 2; heals++) step_with(what, when, heals, path);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

static wg_var also_trains_another_layer(wg_tape *on, void *context) {
    wg_tape *own = wg_tape_new();
    wg_optimizer *sgd = wg_sgd(context, 0.1);
    double one[] = {1};
    wg_var other = wg_linear(context, "other", wg_array(own, WG_F64, WG_SHAPE(1, 1), one), 1);
    wg_var loss = wg_sum(other, WG_ALL_AXES);
    wg_minimize(sgd, loss);
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    wg_optimizer_free(sgd);
    wg_tape_free(own);
    return logistic(on, context);
}

START_TEST(a_function_that_makes_another_step_of_its_model_is_found_out) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *lbfgs = wg_lbfgs(model);
    ck_assert_int_eq(wg_lbfgs_step(lbfgs, tape, also_trains_another_layer, model, NULL), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "lbfgs: the loss function has changed the count of steps");
    ck_assert_int_eq(wg_model_step(model), 0);
    ck_assert_int_eq(wg_lbfgs_step(lbfgs, tape, also_trains_another_layer, model, NULL), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "lbfgs: the loss function has changed the parameter \"other.");
    ck_assert_step(lbfgs, logistic, model, NULL);
    ck_assert_int_eq(wg_model_step(model), 1);
    wg_optimizer_free(lbfgs);
    wg_model_free(model);
}
END_TEST

static wg_var root(wg_tape *on, void *context) {
    return wg_sum(wg_sqrt(wg_read(on, *(wg_state **)context)), WG_ALL_AXES);
}

START_TEST(a_loss_or_gradient_that_is_no_number_to_begin_with_is_an_error) {
    const double below[] = {-1}, zero[] = {0};
    wg_state *x = new_state(WG_F64, 1, below), *y = new_state(WG_F64, 1, zero);
    wg_optimizer *of_x = wg_lbfgs_states(&x, 1), *of_y = wg_lbfgs_states(&y, 1);
    ck_assert_int_eq(wg_lbfgs_step(of_x, tape, barrier, &x, NULL), WG_ERROR_NOT_FINITE);
    assert_error(tape, WG_ERROR_NOT_FINITE, "log: the result f64[1] holds NaN or infinity");
    ck_assert_int_eq(wg_lbfgs_step(of_y, tape, root, &y, NULL), WG_ERROR_NOT_FINITE);
    assert_error(tape, WG_ERROR_NOT_FINITE, "lbfgs: the gradient is not finite");
    ck_assert_double_eq(at(x, 0), -1);
    ck_assert_double_eq(at(y, 0), 0);
    wg_optimizer_free(of_x);
    wg_optimizer_free(of_y);
    wg_state_free(x);
    wg_state_free(y);
}
END_TEST

static wg_var of_nothing(wg_tape *on, void *context) {
    (void)context;
    return wg_scalar(on, 1);
}

START_TEST(what_makes_no_sense_is_refused) {
    wg_state *x = new_state(WG_F64, 2, rosenbrock_start);
    wg_optimizer *lbfgs = wg_lbfgs_states(&x, 1), *sgd = wg_sgd_states(&x, 1, 0.1);
    wg_minimize(lbfgs, rosenbrock(tape, &x));
    assert_error(tape, WG_ERROR_UNSUPPORTED, "lbfgs: it updates by a step of its own, wg_lbfgs_step");
    wg_lbfgs_step(sgd, tape, rosenbrock, &x, NULL);
    assert_error(tape, WG_ERROR_UNSUPPORTED, "the optimizer is sgd; wg_lbfgs makes one for it");
    wg_lbfgs_step(lbfgs, tape, NULL, &x, NULL);
    assert_error(tape, WG_ERROR_TAPE, "lbfgs: the loss function is NULL");
    wg_lbfgs_step(NULL, tape, rosenbrock, &x, NULL);
    assert_error(tape, WG_ERROR_MEMORY, "the optimizer is NULL");
    wg_lbfgs_step(lbfgs, tape, of_nothing, &x, NULL);
    assert_error(tape, WG_ERROR_GRADIENT, "lbfgs: the loss reaches no parameter");
    ck_assert_int_eq(wg_lbfgs_step(lbfgs, NULL, rosenbrock, &x, NULL), WG_ERROR_MEMORY);
    ck_assert_int_eq(wg_set_group(lbfgs, "*", .rate = 2), WG_ERROR_UNSUPPORTED);
    ck_assert_int_eq(wg_set_schedule(lbfgs, WG_COSINE, .steps = 5), WG_ERROR_UNSUPPORTED);
    wg_optimizer *bad = wg_lbfgs_states(&x, 1, .curvature = 1.5);
    wg_lbfgs_step(bad, tape, rosenbrock, &x, NULL);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "lbfgs: curvature is 1.5; it must be above decrease and below 1");
    wg_optimizer_free(bad);
    wg_optimizer_free(sgd);
    wg_optimizer_free(lbfgs);
    wg_state_free(x);
}
END_TEST

WG_TAPE_SUITE("optim/lbfgs", a_system_of_n_equations_is_solved_in_n_iterations,
              rosenbrocks_valley_is_walked_in_less_than_60_evaluations,
              logistic_regression_ends_where_its_gradient_is_zero, many_iterations_are_many_steps_of_one,
              gradients_whose_square_is_out_of_range_are_remembered_like_others,
              a_long_vector_goes_where_its_pieces_go_as_vectors, bits_do_not_depend_on_the_number_of_threads,
              loaded_from_a_checkpoint_it_goes_on_with_the_same_bits,
              the_line_search_comes_back_from_where_the_loss_is_no_number,
              where_there_is_no_descent_parameters_stay, a_step_says_why_it_ended,
              a_function_that_fails_leaves_parameters_as_before_the_step,
              a_function_that_does_more_than_record_is_found_out_and_leaves_all_as_before,
              a_function_that_makes_another_step_of_its_model_is_found_out,
              a_loss_or_gradient_that_is_no_number_to_begin_with_is_an_error, what_makes_no_sense_is_refused)
