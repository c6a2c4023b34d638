/* average — parameters and the running means of their values change places. */
#include "optim/optimizer.h"
#include <stdlib.h>

/* A copy of what each slot's parameter holds, NULL for slots that have not been updated. All, or none. */
static bool copy_parameters(const wg_optimizer *optimizer, wg_tensor **copies, wg_error *error) {
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        if (!slot->state || !slot->memory[0]) continue;
        const wg_tensor *now = wg_state_tensor(slot->state);
        const wg_type type = wg_tensor_type(now);
        copies[i] = wg_tensor_of_type(&type, error);
        if (!copies[i]) return false;
        memcpy(wg_tensor_writable(copies[i]), wg_tensor_data(now), (size_t)wg_type_bytes(&type));
    }
    return true;
}

int wg_swap_averages(wg_optimizer *optimizer, wg_error *error) {
    if (!optimizer)
        return wg_error_set(error, WG_ERROR_MEMORY, "the optimizer is NULL; it could not be made");
    if (optimizer->average_share <= 0)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                            "%s: no averages are kept; the option average = 0.999, say, keeps them",
                            optimizer->rule.name);
    wg_error own = {0};
    wg_tensor **copies = calloc(optimizer->slot_count + 1, sizeof *copies);
    if (!copies) return wg_error_set(error, WG_ERROR_MEMORY, "%s: out of memory", optimizer->rule.name);
    const bool good = copy_parameters(optimizer, copies, &own);
    const int average_at = optimizer->rule.memory_count - 2;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        if (good && copies[i]) {
            wg_state_set(slot->state, wg_state_tensor(slot->memory[average_at]), NULL);
            wg_state_set(slot->memory[average_at], copies[i], NULL);
        }
        wg_tensor_free(copies[i]);
    }
    free(copies);
    if (!good) return wg_error_set(error, own.status, "%s", own.message);
    optimizer->is_swapped = !optimizer->is_swapped;
    return WG_OK;
}
