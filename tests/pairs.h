/* pairs.h — tensors and states of two numbers. */
#ifndef WG_TESTS_PAIRS_H
#define WG_TESTS_PAIRS_H

#include "suite.h"

static inline wg_tensor *pair(double a, double b) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(2), NULL);
    memcpy(wg_tensor_writable(tensor), (const double[]){a, b}, 16);
    return tensor;
}

static inline wg_state *state_of(double a, double b) {
    wg_tensor *tensor = pair(a, b);
    wg_state *state = wg_state_new(tensor, NULL);
    wg_tensor_free(tensor);
    return state;
}

static inline double held(const wg_state *state, int64_t index) {
    return wg_tensor_get(wg_state_tensor(state), index);
}

#endif
