/* Training steps on a fresh engine while the system refuses memory, a thread or a file, once: at the
 * first call, at the second, and so on, until no call is left. Each time there is an error value or the right
 * result, nothing leaks, and the same process then reaches the weights that an undisturbed run reaches. */
#include "faults.h"
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <wengert/plan.h>

enum { BATCH = 4, SIZE = 6, CLASSES = 3, MOST_WEIGHTS = 512 };

typedef struct trained {
    int count;
    double weights[MOST_WEIGHTS];
} trained;

static wg_var network(wg_model *model, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv", x, 4, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_dropout(model, "dropout", wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 8)), 0.25);
    return wg_linear(model, "fc2", x, CLASSES);
}

static int two_steps(wg_tape *tape, wg_model *model, wg_optimizer *optimizer) {
    float pictures[BATCH * SIZE * SIZE];
    static const int32_t classes[BATCH] = {0, 1, 2, 1};
    for (int i = 0; i < BATCH * SIZE * SIZE; i++) pictures[i] = (float)(i % 7) * 0.25f - 0.5f;
    for (int step = 0; step < 2; step++) {
        wg_var x = wg_array(tape, WG_F32, WG_SHAPE(BATCH, 1, SIZE, SIZE), pictures);
        wg_var y = wg_array(tape, WG_I32, WG_SHAPE(BATCH), classes);
        wg_var loss = wg_softmax_cross_entropy(network(model, x), y);
        wg_minimize(optimizer, loss);
        if (wg_eval(loss)) return wg_tape_status(tape);
        wg_tape_clear(tape);
    }
    return WG_OK;
}

static void read_weights(const wg_model *model, trained *result) {
    result->count = 0;
    for (int i = 0; i < wg_model_count(model); i++) {
        const wg_tensor *weights = wg_state_tensor(wg_model_parameter(model, i)->state);
        for (int64_t k = 0; k < wg_tensor_count(weights); k++) {
            if (result->count < MOST_WEIGHTS) result->weights[result->count] = wg_tensor_get(weights, k);
            result->count++;
        }
    }
}

/* --- What is attempted. Nothing of Check's here: it asks for memory too -------------------------- */

/* From nothing to trained weights and back to nothing; a wg_status. */
static int train(trained *result) {
    wg_error error = {0};
    wg_engine *engine = wg_engine_new(&error, .threads = 2);
    wg_tape *tape = engine ? wg_tape_new(.engine = engine) : NULL;
    wg_model *model = wg_model_new(.seed = 7);
    wg_optimizer *optimizer = model ? wg_adamw(model, 1e-2, .clip_norm = 1.0) : NULL;
    int status = WG_ERROR_MEMORY;
    if (tape && optimizer) status = two_steps(tape, model, optimizer);
    if (status == WG_OK) read_weights(model, result);
    wg_tape_free(tape);
    wg_optimizer_free(optimizer);
    wg_model_free(model);
    wg_engine_free(engine);
    return status;
}

static char model_path[1024];

/* The model of an undisturbed run, written, read into another model and handed out again. */
static int save_and_load(trained *result) {
    wg_model *model = wg_model_new(.seed = 7), *other = wg_model_new(.seed = 8);
    wg_optimizer *optimizer = model ? wg_sgd(model, 1e-2, .momentum = 0.9) : NULL;
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_tape *tape = engine ? wg_tape_new(.engine = engine) : NULL;
    int status = WG_ERROR_MEMORY;
    if (tape && optimizer && other) status = two_steps(tape, model, optimizer);
    if (status == WG_OK) status = wg_model_save(model, model_path, NULL);
    if (status == WG_OK) status = wg_model_load(other, model_path, NULL);
    if (status == WG_OK) read_weights(other, result);
    wg_tape_free(tape);
    wg_optimizer_free(optimizer);
    wg_model_free(other);
    wg_model_free(model);
    wg_engine_free(engine);
    return status;
}

/* --- Each way of planning. States that are as before a failure, or as after the step, never in between -- */

enum { ROWS = 16, WIDE = 12, LAYERS = 3 };

typedef struct setting {
    size_t budget;
    bool region;
} setting;
static setting chosen;

/* Two layers of weights, one of which is used twice, so that its products are added to one sum; inputs that
 * lie backwards in memory; states that change places; perhaps a region that is computed twice. */
static wg_var deep(wg_tape *tape, wg_state *const w[2], const wg_tensor *backwards) {
    wg_var x = wg_input(tape, (wg_tensor *)backwards), first = wg_read(tape, w[0]),
           second = wg_read(tape, w[1]);
    if (chosen.region) wg_recompute_begin(tape);
    for (int i = 0; i < LAYERS; i++) x = wg_tanh(wg_matmul(x, i % 2 ? second : first));
    if (chosen.region) wg_recompute_end(tape);
    return wg_mean(wg_square(x), WG_ALL_AXES);
}

/* w0, w1 <- w1 - g1, w0 - g0 */
static int exchange_step(wg_tape *tape, wg_state *const w[2], const wg_tensor *backwards) {
    wg_var loss = deep(tape, w, backwards), old[2] = {wg_read(tape, w[0]), wg_read(tape, w[1])}, gradients[2];
    if (wg_grad_list(loss, WG_NONE, old, 2, gradients)) return wg_tape_status(tape);
    for (int i = 0; i < 2; i++) wg_assign(w[i], wg_sub(old[1 - i], gradients[1 - i]));
    wg_guard(wg_check_finite(loss));
    return wg_eval(loss);
}

static wg_state *square_state(double scale) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(WIDE, WIDE), NULL);
    for (int i = 0; tensor && i < WIDE * WIDE; i++)
        ((double *)wg_tensor_writable(tensor))[i] = scale * (i * 7 % 11 - 5);
    wg_state *state = tensor ? wg_state_new(tensor, NULL) : NULL;
    wg_tensor_free(tensor);
    return state;
}

static void read_states(wg_state *const w[2], trained *result) {
    result->count = 2 * WIDE * WIDE;
    for (int i = 0; i < result->count; i++)
        result->weights[i] = wg_tensor_get(wg_state_tensor(w[i / (WIDE * WIDE)]), i % (WIDE * WIDE));
}

/* Two steps and a rerun on states that outlive their tapes. After a failure they must be as before the step
 * that failed, and a fresh tape on the same engine goes on from there: so the result is right even then. */
static bool states_changed, fresh_tape_failed; /* by an attempt that failed; after one */

static int try_steps(wg_engine *engine, wg_state *const w[2], const wg_tensor *backwards, int *done) {
    wg_tape *tape = wg_tape_new(.engine = engine);
    int status = tape ? WG_OK : WG_ERROR_MEMORY;
    wg_set_memory_budget(tape, chosen.budget);
    while (status == WG_OK && *done < 3) {
        trained before, after;
        read_states(w, &before);
        const bool rerun = *done == 2 && wg_tape_nodes(tape) > 0;
        if (!rerun) wg_tape_clear(tape);
        status = rerun ? wg_rerun(tape) : exchange_step(tape, w, backwards);
        read_states(w, &after);
        if (status)
            states_changed |=
                memcmp(before.weights, after.weights, sizeof(double) * (size_t)before.count) != 0;
        *done += status == WG_OK;
    }
    wg_tape_free(tape);
    return status;
}

static int exchange(trained *result) {
    static double numbers[ROWS * WIDE];
    for (int i = 0; i < ROWS * WIDE; i++) numbers[i] = (double)(i % 13) / 13 - 0.4;
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    wg_state *w[2] = {square_state(0.05), square_state(-0.04)};
    wg_tensor *backwards = wg_tensor_over(WG_F64, WG_SHAPE(ROWS, WIDE), numbers + ROWS * WIDE - 1, NULL,
                                          .strides = (const int64_t[]){-WIDE, -1});
    int done = 0, status = WG_ERROR_MEMORY;
    if (engine && w[0] && w[1] && backwards) {
        status = try_steps(engine, w, backwards, &done);
        if (status) { /* only one call fails */
            status = try_steps(engine, w, backwards, &done);
            fresh_tape_failed |= status != WG_OK;
        }
        if (status == WG_OK) read_states(w, result);
    }
    wg_tensor_free(backwards);
    wg_state_free(w[0]);
    wg_state_free(w[1]);
    wg_engine_free(engine);
    return status;
}

/* A step of L-BFGS of several evaluations, and where it fails once more on a fresh tape: as if it had not
 * been. */
static wg_var valley(wg_tape *tape, void *context) {
    wg_var x = wg_read(tape, *(wg_state **)context), steep = wg_slice(wg_square(x), 0, 0, 1);
    return wg_sum(
        wg_add(wg_square(wg_sub(wg_slice(x, 0, 1, 2), steep)), wg_square(wg_sub(x, wg_scalar(tape, 1)))),
        WG_ALL_AXES);
}

static int lbfgs(trained *result) {
    static const double start[2] = {-1, 2};
    wg_tensor *begin = wg_tensor_over(WG_F64, WG_SHAPE(2), start, NULL);
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_state *x = begin ? wg_state_new(begin, NULL) : NULL;
    wg_optimizer *optimizer =
        x ? wg_lbfgs_states(&x, 1, .history_size = 2, .max_iter = 4, .max_eval = 20) : NULL;
    int status = WG_ERROR_MEMORY;
    for (int attempt = 0; attempt < 2 && status && engine && optimizer; attempt++) {
        wg_tape *tape = wg_tape_new(.engine = engine);
        status = wg_lbfgs_step(optimizer, tape, valley, &x, NULL);
        if (status) states_changed |= memcmp(wg_tensor_data(wg_state_tensor(x)), start, sizeof start) != 0;
        if (attempt == 1) fresh_tape_failed |= status != WG_OK;
        wg_tape_free(tape);
    }
    result->count = 2;
    for (int i = 0; i < 2 && status == WG_OK; i++) result->weights[i] = wg_tensor_get(wg_state_tensor(x), i);
    wg_optimizer_free(optimizer);
    wg_state_free(x);
    wg_engine_free(engine);
    wg_tensor_free(begin);
    return status;
}

/* What the plan of a step is like as it is set now. */
static wg_plan_info exchange_plan(void) {
    static const double numbers[ROWS * WIDE];
    wg_plan_info info = {0};
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_state *w[2] = {square_state(0.05), square_state(-0.04)};
    wg_tensor *backwards = wg_tensor_over(WG_F64, WG_SHAPE(ROWS, WIDE), numbers + ROWS * WIDE - 1, NULL,
                                          .strides = (const int64_t[]){-WIDE, -1});
    wg_set_memory_budget(tape, chosen.budget);
    ck_assert_int_eq(exchange_step(tape, w, backwards), WG_OK);
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    wg_tensor_free(backwards);
    wg_state_free(w[0]);
    wg_state_free(w[1]);
    wg_tape_free(tape);
    wg_engine_free(engine);
    return info;
}

/* --- The same again, with failures --------------------------------------------------------------- */

static bool same(const trained *a, const trained *b) {
    return a->count == b->count &&
           memcmp(a->weights, b->weights, (size_t)a->count * sizeof a->weights[0]) == 0;
}

static void undisturbed(int (*attempt)(trained *), const trained *reference, const char *after) {
    trained again = {0};
    const int status = attempt(&again);
    ck_assert_msg(status == WG_OK && same(&again, reference), "after %s: status \"%s\", or other weights",
                  after, wg_status_name(status));
}

/* Fails one call after the other and returns how many there were. The error is want of memory, but
 * `by_others` (fopen, jansson's parser) it may be told as something else. */
static long fail_each_call(int (*attempt)(trained *), bool by_others) {
    static trained reference, result;
    ck_assert_int_eq(attempt(&reference), WG_OK);
    ck_assert(reference.count > 0 && reference.count <= MOST_WEIGHTS);
    undisturbed(attempt, &reference, "an undisturbed run");
    const faults_held before = faults_hold();
    for (long n = 0;; n++) {
        faults_arm(n);
        const int status = attempt(&result);
        const bool hit = faults_disarm();
        const faults_held after = faults_hold();
        if (!hit) {
            ck_assert_int_eq(status, WG_OK);
            return n;
        }
        char call[300];
        snprintf(call, sizeof call, "failed call %ld, %s", n, faults_describe());
        ck_assert_msg(faults_same(before, after),
                      "%s: %ld blocks, %ld mapped bytes, %ld threads leak (status \"%s\")", call,
                      after.blocks - before.blocks, after.mapped - before.mapped,
                      after.threads - before.threads, wg_status_name(status));
        const bool right = status == WG_OK && same(&result, &reference);
        ck_assert_msg(right || status == WG_ERROR_MEMORY || (status && by_others),
                      "%s: status \"%s\", or other weights", call, wg_status_name(status));
        undisturbed(attempt, &reference, call);
    }
}

START_TEST(training_survives_each_allocation_that_fails) {
    const long calls = fail_each_call(train, false);
    printf("two training steps: %ld calls to the system, each made to fail once\n", calls);
    ck_assert_int_gt(calls, 100);
}
END_TEST

START_TEST(saving_and_loading_survive_each_allocation_that_fails) {
    snprintf(model_path, sizeof model_path, "%s", temporary_path("model.safetensors"));
    const long calls = fail_each_call(save_and_load, true);
    printf("saving and loading: %ld calls to the system, each made to fail once\n", calls);
    ck_assert_int_gt(calls, 100);
}
END_TEST

START_TEST(a_step_of_lbfgs_survives_each_allocation_that_fails) {
    states_changed = fresh_tape_failed = false;
    const long calls = fail_each_call(lbfgs, false);
    ck_assert(!states_changed && !fresh_tape_failed);
    printf("a step of L-BFGS: %ld calls to the system, each made to fail once\n", calls);
    ck_assert_int_gt(calls, 100);
}
END_TEST

START_TEST(every_way_of_planning_survives_each_allocation_that_fails) {
    const wg_plan_info whole = exchange_plan();
    const setting settings[] = {{0}, {.region = true}, {.budget = whole.peak - 1}};
    static const char *const names[] = {"as it comes", "with a region", "within a budget"};
    for (int i = 0; i < 3; i++) {
        chosen = settings[i];
        const wg_plan_info plan = exchange_plan();
        if (i == 0) ck_assert_uint_eq(plan.recomputed, 0);
        if (i > 0) ck_assert_uint_gt(plan.recomputed + plan.packed, 0);
        states_changed = fresh_tape_failed = false;
        const long calls = fail_each_call(exchange, false);
        ck_assert(!states_changed && !fresh_tape_failed);
        printf("%s: peak %zu, %zu nodes recomputed, %zu packed; %ld calls to the system, each made to fail "
               "once\n",
               names[i], plan.peak, plan.recomputed, plan.packed, calls);
    }
}
END_TEST

WG_SUITE("faults/training", a_step_of_lbfgs_survives_each_allocation_that_fails,
         every_way_of_planning_survives_each_allocation_that_fails,
         training_survives_each_allocation_that_fails, saving_and_loading_survive_each_allocation_that_fails)
