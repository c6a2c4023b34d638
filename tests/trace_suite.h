/* trace_suite.h — suite.h for what is shown of plans and runs: each test gets a fresh tape, model and
 * optimizer, and can record a step of a small network. TRACE_SUITE stands in the place of WG_SUITE. */
#ifndef WG_TESTS_TRACE_SUITE_H
#define WG_TESTS_TRACE_SUITE_H

#include "run/evaluation.h"
#include "suite.h"

static wg_engine *engine;
static wg_tape *tape;
static wg_model *model;
static wg_optimizer *optimizer;

static void open_all(void) {
    engine = wg_engine_new(NULL, .threads = 2);
    tape = wg_tape_new(.engine = engine);
    model = wg_model_new(.seed = 7);
    optimizer = wg_sgd(model, 0.1, .momentum = 0.9);
    ck_assert(engine && tape && model && optimizer);
}
static void close_all(void) {
    wg_optimizer_free(optimizer);
    wg_model_free(model);
    wg_tape_free(tape);
    wg_engine_free(engine);
}

enum { BATCH = 8, SIZE = 8 };

/* A step of a small network in a scope, forward pass, backward pass and update. */
static wg_var record_step(int batch, const char *scope) {
    static float pictures[BATCH * SIZE * SIZE];
    static const int64_t classes[BATCH] = {0, 3, 1, 2, 4, 4, 0, 1};
    for (int i = 0; i < BATCH * SIZE * SIZE; i++) pictures[i] = (float)(i % 17) / 17;
    wg_tape_clear(tape);
    wg_scope(tape, scope);
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(batch, 1, SIZE, SIZE), pictures);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv", x, 4, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_linear(model, "fc", wg_flatten(x, 1), 5);
    const wg_var loss = wg_softmax_cross_entropy(x, wg_array(tape, WG_I64, WG_SHAPE(batch), classes));
    wg_scope_end(tape);
    wg_minimize(optimizer, loss);
    return loss;
}

static inline const wg_plan *latest_plan(void) { return wg_evaluation_latest(tape)->plan; }

#define TRACE_SUITE(name, ...) WG_SUITE_WITH(name, open_all, close_all, __VA_ARGS__)

#endif
