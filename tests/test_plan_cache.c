/* A structure that has been met costs no planning: over an epoch with a changing learning
 * rate, a last partial batch and evaluation passes in between. And the cache is bounded. */
#include "suite.h"
#include <stdio.h>

enum { FULL = 8, PARTIAL = 3, BATCHES = 5, FEATURES = 6, CLASSES = 4 };

typedef struct training {
    wg_engine *engine;
    wg_tape *tape;
    wg_model *model;
    wg_optimizer *optimizer;
    wg_tensor *x[2], *y[2]; /* a full batch, and the last */
} training;

static void begin(training *t) {
    float pictures[FULL * FEATURES * FEATURES];
    int64_t classes[FULL];
    for (int i = 0; i < FULL * FEATURES * FEATURES; i++) pictures[i] = (float)(i * 7 % 11) / 11;
    for (int i = 0; i < FULL; i++) classes[i] = i % CLASSES;
    t->engine = wg_engine_new(NULL, .threads = 2);
    t->tape = wg_tape_new(.engine = t->engine);
    t->model = wg_model_new(.seed = 1);
    t->optimizer = wg_adamw(t->model, 1e-2, .clip_norm = 1.0);
    ck_assert(t->engine && t->tape && t->model && t->optimizer);
    for (int i = 0; i < 2; i++) {
        const int size = i ? PARTIAL : FULL;
        t->x[i] = wg_tensor_new(WG_F32, WG_SHAPE(size, 1, FEATURES, FEATURES), NULL);
        t->y[i] = wg_tensor_new(WG_I64, WG_SHAPE(size), NULL);
        memcpy(wg_tensor_writable(t->x[i]), pictures, (size_t)size * FEATURES * FEATURES * sizeof *pictures);
        memcpy(wg_tensor_writable(t->y[i]), classes, (size_t)size * sizeof *classes);
    }
}

static void end(training *t) {
    for (int i = 0; i < 2; i++) {
        wg_tensor_free(t->x[i]);
        wg_tensor_free(t->y[i]);
    }
    wg_tape_free(t->tape);
    wg_optimizer_free(t->optimizer);
    wg_model_free(t->model);
    wg_engine_free(t->engine);
}

static wg_var network(wg_model *model, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv", x, 4, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_dropout(model, "dropout", wg_flatten(x, 1), 0.2);
    return wg_linear(model, "out", x, CLASSES);
}

static int step(training *t, int last, bool learn) {
    wg_model_train(t->model, learn);
    wg_var logits = network(t->model, wg_input(t->tape, t->x[last]));
    wg_var loss = wg_softmax_cross_entropy(logits, wg_input(t->tape, t->y[last]));
    if (learn) wg_minimize(t->optimizer, loss);
    const int status = wg_eval(loss, logits);
    wg_tape_clear(t->tape);
    return status;
}

static int epoch(training *t, int number) {
    int status = WG_OK;
    for (int i = 0; i < BATCHES && !status; i++) {
        wg_set_learning_rate(t->optimizer, 1e-2 / (1 + number + i));
        status = step(t, i == BATCHES - 1, true);
        if (i == 2 && !status) status = step(t, 0, false); /* an evaluation pass in between */
    }
    return status;
}

START_TEST(steps_after_the_first_plan_nothing) {
    training t;
    begin(&t);
    ck_assert_int_eq(epoch(&t, 0), WG_OK);
    const wg_engine_counters first = wg_engine_count(t.engine);
    /* a full batch, the last, and an evaluation; the first step's memory of past gradients begins as zeros */
    ck_assert_uint_le(first.plans_made, 4);
    for (int i = 1; i <= 20; i++) ck_assert_int_eq(epoch(&t, i), WG_OK);
    const wg_engine_counters later = wg_engine_count(t.engine);
    ck_assert_uint_eq(later.plans_made, first.plans_made);
    ck_assert_uint_eq(later.plans_found - first.plans_found, 20 * (BATCHES + 1));
    ck_assert_uint_eq(later.planning_ns, first.planning_ns);
    printf(
        "epoch 1: %llu plans made, %llu found; epochs 2 to 21: %llu made, %llu found, %.1f us of planning\n",
        (unsigned long long)first.plans_made, (unsigned long long)first.plans_found,
        (unsigned long long)(later.plans_made - first.plans_made),
        (unsigned long long)(later.plans_found - first.plans_found),
        (double)(later.planning_ns - first.planning_ns) / 1e3);
    end(&t);
}
END_TEST

/* y = x w summed, for x of `rows` rows */
static double evaluate(wg_tape *tape, int rows) {
    static float ones[64];
    for (int i = 0; i < 64; i++) ones[i] = 1;
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(rows), ones), y = wg_sum(wg_mul(x, x), WG_ALL_AXES);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    const double result = wg_item(y);
    wg_tape_clear(tape);
    return result;
}

START_TEST(the_cache_is_bounded_and_what_was_used_last_stays) {
    enum { BOUND = 8, SHAPES = 40 };
    wg_engine *engine = wg_engine_new(NULL, .threads = 1, .cached_plans = BOUND);
    wg_tape *tape = wg_tape_new(.engine = engine);
    for (int rows = 1; rows <= SHAPES; rows++) {
        ck_assert_double_eq(evaluate(tape, rows), rows);
        ck_assert_double_eq(evaluate(tape, 1), 1); /* used again and again */
    }
    wg_engine_counters counters = wg_engine_count(engine);
    ck_assert_uint_eq(counters.plans_made, SHAPES);
    ck_assert_uint_eq(counters.plans_found, SHAPES);
    ck_assert_uint_eq(counters.plans_held, BOUND);
    ck_assert_uint_eq(counters.plans_dropped, SHAPES - BOUND);
    evaluate(tape, SHAPES / 2); /* long gone */
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, SHAPES + 1);
    wg_tape_free(tape);
    wg_engine_free(engine);
}
END_TEST

/* Structural attributes, dtypes, roots, aliasing: each another plan, and never another's result. */
START_TEST(what_differs_in_structure_never_shares_a_plan) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_tape *tape = wg_tape_new(.engine = engine);
    const float numbers[] = {1, 2, 3, 4};
    const float expected[] = {10, 4, 6, 30, 14};
    for (int round = 0; round < 2; round++)
        for (int kind = 0; kind < 5; kind++) {
            wg_var x = wg_array(tape, WG_F32, WG_SHAPE(2, 2), numbers), y;
            wg_var other = wg_array(tape, WG_F32, WG_SHAPE(2, 2), (const float[]){1, 1, 1, 2});
            switch (kind) {
            case 0:
                y = wg_sum(x, WG_ALL_AXES);
                break;
            case 1:
                y = wg_slice(wg_reshape(wg_sum(x, WG_AXES(0)), WG_SHAPE(2)), 0, 0, 1);
                break;
            case 2:
                y = wg_slice(wg_reshape(wg_sum(x, WG_AXES(0)), WG_SHAPE(2)), 0, 1, 2);
                break;
            case 3:
                y = wg_sum(wg_mul(x, x), WG_ALL_AXES);
                break;
            default:
                y = wg_sum(wg_mul(x, other), WG_ALL_AXES);
                break;
            }
            ck_assert_int_eq(wg_eval(y), WG_OK);
            ck_assert_double_eq(wg_item(y), (double)expected[kind]);
            wg_tape_clear(tape);
        }
    const wg_engine_counters counters = wg_engine_count(engine);
    ck_assert_uint_eq(counters.plans_made, 5);
    ck_assert_uint_eq(counters.plans_found, 5);
    wg_tape_free(tape);
    wg_engine_free(engine);
}
END_TEST

WG_SUITE("plan/cache", steps_after_the_first_plan_nothing, the_cache_is_bounded_and_what_was_used_last_stays,
         what_differs_in_structure_never_shares_a_plan)
