/* model_suite.h — suite.h for files in which each test gets a fresh `tape` and a fresh `model` of seed 7:
 * WG_MODEL_SUITE stands in the place of WG_SUITE. */
#ifndef WG_TESTS_MODEL_SUITE_H
#define WG_TESTS_MODEL_SUITE_H

#include "suite.h"

static wg_tape *tape;
static wg_model *model;

static void make_model(void) {
    tape = wg_tape_new();
    model = wg_model_new(.seed = 7);
    ck_assert(tape && model);
}

static void free_model(void) {
    wg_tape_free(tape);
    wg_model_free(model);
}

#define WG_MODEL_SUITE(name, ...) WG_SUITE_WITH(name, make_model, free_model, __VA_ARGS__)

#endif
