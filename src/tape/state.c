/* state — what lives from one evaluation to the next, and counts its changes. */
#include "tape/tape.h"
#include <stdlib.h>

wg_state *wg_state_new(const wg_tensor *initial, wg_error *error) {
    if (!initial) {
        wg_error_set(error, WG_ERROR_TAPE, "wg_state_new: the initial tensor is NULL");
        return NULL;
    }
    wg_state *state = calloc(1, sizeof *state);
    wg_tensor *copy = state ? wg_tensor_of_type(&initial->type, error) : NULL;
    if (!copy) {
        if (!state) wg_error_set(error, WG_ERROR_MEMORY, "wg_state_new: out of memory");
        free(state);
        return NULL;
    }
    wg_tensor_gather(initial, copy->data);
    atomic_init(&state->owners, 1);
    atomic_init(&state->version, 1);
    state->tensor = copy;
    return state;
}

wg_state *wg_state_retain(wg_state *state) {
    if (state) atomic_fetch_add_explicit(&state->owners, 1, memory_order_relaxed);
    return state;
}

void wg_state_free(wg_state *state) {
    if (!state || atomic_fetch_sub_explicit(&state->owners, 1, memory_order_acq_rel) != 1) return;
    wg_tensor_free(state->tensor);
    free(state);
}

const wg_tensor *wg_state_tensor(const wg_state *state) { return state ? state->tensor : NULL; }

uint64_t wg_state_version(const wg_state *state) { return state ? atomic_load(&state->version) : 0; }

int wg_state_set(wg_state *state, const wg_tensor *tensor, wg_error *error) {
    if (!state || !tensor)
        return wg_error_set(error, WG_ERROR_TAPE, "wg_state_set: the %s is NULL", state ? "tensor" : "state");
    char have[WG_TEXT_SIZE], want[WG_TEXT_SIZE];
    if (!wg_type_equal(&state->tensor->type, &tensor->type))
        return wg_error_set(error, WG_ERROR_SHAPE, "wg_state_set: the tensor is %s, the state holds %s",
                            wg_type_text(have, &tensor->type, true),
                            wg_type_text(want, &state->tensor->type, true));
    if (tensor != state->tensor) wg_tensor_gather(tensor, state->tensor->data);
    atomic_fetch_add(&state->version, 1);
    return WG_OK;
}
