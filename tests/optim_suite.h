/* optim_suite.h — model_suite.h for files that look at parameters of one element before and after a step. */
#ifndef WG_TESTS_OPTIM_SUITE_H
#define WG_TESTS_OPTIM_SUITE_H

#include "model_suite.h"

/* A parameter of one element, f64, that starts at 1. */
static inline wg_var one(const char *name) {
    return wg_parameter(model, tape, name, WG_SCALAR_SHAPE, .init = WG_INIT_ONES, .dtype = WG_F64);
}

static inline double now(const char *path) {
    const wg_parameter_info *info = wg_model_find(model, path);
    ck_assert_ptr_nonnull(info);
    return wg_tensor_get(wg_state_tensor(info->state), 0);
}

static inline void carry_out(wg_var loss) {
    ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
    wg_tape_clear(tape);
}

#endif
