/* optimizer — the life of an optimizer, its options, and what it remembers. */
#include "optim/optimizer.h"
#include <math.h>
#include <stdlib.h>

void wg_option_check(wg_optimizer *optimizer, bool good, const char *option, double value,
                     const char *range) {
    if (good || optimizer->error.status) return;
    wg_error_set(&optimizer->error, WG_ERROR_ATTRIBUTE, "%s: %s is %g; it must be %s", optimizer->rule.name,
                 option, value, range);
}

double wg_option_or(double value, double preset) { return value != 0 ? value : signbit(value) ? 0 : preset; }

static wg_state *new_step(void) {
    wg_tensor *zero = wg_tensor_new(WG_I64, WG_SCALAR_SHAPE, NULL);
    wg_state *step = zero ? wg_state_new(zero, NULL) : NULL;
    wg_tensor_free(zero);
    return step;
}

static void keep_averages(wg_update_rule *rule) {
    rule->memory[rule->memory_count++] = (wg_memory_kind){"average", WG_MEMORY_ALIKE};
    rule->memory[rule->memory_count++] = (wg_memory_kind){"average_weight", WG_MEMORY_SCALAR};
}

static wg_optimizer *new_optimizer(const wg_optimizer *like) {
    wg_optimizer *optimizer = malloc(sizeof *optimizer);
    if (!optimizer) return NULL;
    *optimizer = *like;
    wg_option_check(optimizer, isfinite(like->rate) && like->rate >= 0, "the learning rate", like->rate,
                    "finite and at least 0");
    wg_option_check(optimizer, isfinite(like->clip_norm) && like->clip_norm >= 0, "clip_norm",
                    like->clip_norm, "finite and above 0");
    wg_option_check(optimizer, isfinite(like->clip_value) && like->clip_value >= 0, "clip_value",
                    like->clip_value, "finite and above 0");
    wg_option_check(optimizer, isfinite(like->clip_layer) && like->clip_layer >= 0, "clip_layer",
                    like->clip_layer, "finite and above 0");
    wg_option_check(optimizer, isfinite(like->decay) && like->decay >= 0, "weight_decay", like->decay,
                    "finite and at least 0");
    wg_option_check(optimizer, like->average_share >= 0 && like->average_share < 1, "average",
                    like->average_share < 0 ? like->average_share : 1 - like->average_share,
                    "at least 0 and below 1");
    if (like->average_share > 0) keep_averages(&optimizer->rule);
    return optimizer;
}

wg_optimizer *wg_optimizer_of_model(wg_model *model, const wg_optimizer *like) {
    wg_optimizer *optimizer = model ? new_optimizer(like) : NULL;
    if (!optimizer) return NULL;
    optimizer->model = model;
    optimizer->step = wg_state_retain(wg_model_step_state(model));
    return optimizer;
}

/* A slot of a plain state; its path, "state 7", is the optimizer's. */
static bool fill_slot(wg_slot *slot, wg_state *state, int index) {
    char name[32];
    const size_t size = (size_t)snprintf(name, sizeof name, "state %d", index) + 1;
    char *path = malloc(size);
    if (!path) return false;
    memcpy(path, name, size);
    *slot = (wg_slot){.state = wg_state_retain(state), .path = path};
    return true;
}

wg_optimizer *wg_optimizer_of_states(wg_state *const *states, int count, const wg_optimizer *like) {
    wg_optimizer *optimizer = count >= 0 && (states || count == 0) ? new_optimizer(like) : NULL;
    if (!optimizer) return NULL;
    bool good = (optimizer->step = new_step()) != NULL &&
                WG_RESERVE(&optimizer->slots, &optimizer->slot_capacity, (size_t)count);
    for (int i = 0; i < count && good; i++) {
        good = fill_slot(&optimizer->slots[i], states[i], i);
        optimizer->slot_count += good;
        const wg_dtype dtype = wg_tensor_type(wg_state_tensor(states[i])).dtype;
        if (!wg_dtype_real(dtype) && !optimizer->error.status)
            wg_error_set(&optimizer->error, WG_ERROR_DTYPE, "%s: state %d %s%s; f32 or f64 are taken",
                         like->rule.name, i, states[i] ? "is " : "is NULL",
                         states[i] ? wg_dtype_name(dtype) : "");
    }
    if (good) return optimizer;
    wg_optimizer_free(optimizer);
    return NULL;
}

wg_slot *wg_slot_insert(wg_optimizer *optimizer, size_t place) {
    if (!WG_RESERVE(&optimizer->slots, &optimizer->slot_capacity, optimizer->slot_count + 1)) return NULL;
    wg_slot *slot = &optimizer->slots[place];
    memmove(slot + 1, slot, (optimizer->slot_count++ - place) * sizeof *slot);
    *slot = (wg_slot){0};
    return slot;
}

void wg_slot_free(wg_slot *slot) {
    for (int k = 0; k < WG_MEMORY_MAX; k++) wg_state_free(slot->memory[k]);
    wg_state_free(slot->state);
    if (!slot->info) free((char *)(uintptr_t)slot->path);
}

wg_type wg_memory_type(const wg_update_rule *rule, int k, const wg_type *parameter) {
    switch (rule->memory[k].form) {
    case WG_MEMORY_SCALAR:
        return (wg_type){.dtype = WG_F64};
    case WG_MEMORY_ROWS:
        return (wg_type){
            .dtype = parameter->dtype, .rank = 2, .extent = {rule->rows, wg_type_count(parameter)}};
    default:
        return *parameter;
    }
}

void wg_optimizer_free(wg_optimizer *optimizer) {
    if (!optimizer) return;
    for (size_t i = 0; i < optimizer->slot_count; i++) wg_slot_free(&optimizer->slots[i]);
    wg_state_free(optimizer->step);
    wg_groups_free(optimizer);
    free(optimizer->slots);
    free(optimizer->vars);
    free(optimizer->products);
    free(optimizer);
}

void wg_set_learning_rate(wg_optimizer *optimizer, double learning_rate) {
    if (optimizer) optimizer->rate = learning_rate;
}

double wg_learning_rate(const wg_optimizer *optimizer) { return optimizer ? optimizer->rate : NAN; }

/* --- What it remembers ------------------------------------------------------------------------ */

/* Memory is made for a whole slot at once, so its first one tells. */
static int remembered(const wg_optimizer *optimizer, const wg_slot *slot) {
    return slot->memory[0] ? optimizer->rule.memory_count : 0;
}

int wg_optimizer_count(const wg_optimizer *optimizer) {
    int count = 0;
    for (size_t i = 0; optimizer && i < optimizer->slot_count; i++)
        count += remembered(optimizer, &optimizer->slots[i]);
    return count;
}

wg_optimizer_memory wg_optimizer_state(const wg_optimizer *optimizer, int index) {
    for (size_t i = 0; optimizer && index >= 0 && i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        const int count = remembered(optimizer, slot);
        if (index < count)
            return (wg_optimizer_memory){slot->path, optimizer->rule.memory[index].name, slot->memory[index]};
        index -= count;
    }
    return (wg_optimizer_memory){0};
}
