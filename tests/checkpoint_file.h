/* checkpoint_file.h — a checkpoint of a training that has been walked for some steps, in a file that each
 * test has to itself. `name_file` goes before each test. */
#ifndef WG_TESTS_CHECKPOINT_FILE_H
#define WG_TESTS_CHECKPOINT_FILE_H

#include "checkpoint_suite.h"

#define ck_assert_ok(call) ck_assert_msg((call) == WG_OK, "%s", error.message)

static const char *path; /* of the test's checkpoint */

static inline void name_file(void) {
    static char text[512];
    snprintf(text, sizeof text, "%s", temporary_path("run.checkpoint"));
    path = text;
}

/* A training that has taken `steps` steps. */
static inline training walked(const way *how, int steps) {
    training t;
    ck_assert_ok(begin(&t, how));
    ck_assert_ok(walk(&t, steps, how));
    return t;
}

static inline void save_walked(const way *how, int steps) {
    training t = walked(how, steps);
    ck_assert_ok(save(path, &t));
    end(&t);
}

/* An optimizer of one state and no model. */
static inline wg_optimizer *adam_of(wg_state **state) {
    const double start[] = {1, -2};
    wg_tensor *tensor = wg_tensor_over(WG_F64, WG_SHAPE(2), start, &error);
    *state = wg_state_new(tensor, &error);
    wg_tensor_free(tensor);
    return wg_adam_states(state, 1, 0.1);
}

/* Kinds of optimizers of a model. */
static inline wg_optimizer *make_adam(wg_model *model) { return wg_adam(model, 0.01); }
static inline wg_optimizer *make_sgd(wg_model *model) { return wg_sgd(model, 0.1); }
static inline wg_optimizer *make_momentum(wg_model *model) {
    return wg_sgd(model, 0.1, .momentum = 0.9, .nesterov = true);
}

#endif
