/* step — records a step: gradients, accumulated; then clipping, and the update.
 *
 * Whole or not at all: what could fail is recorded as checks that every assign waits for, and all new
 * values are recorded before the first assign. */
#include "optim/optimizer.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/ops.h>

void wg_optimizer_forget(wg_optimizer *optimizer) {
    for (size_t i = 0; i < optimizer->slot_count; i++) optimizer->slots[i].gradient = WG_NONE;
    optimizer->pending = WG_NONE;
}

/* --- Accumulate ------------------------------------------------------------------------------- */

/* The slot that has waited for this parameter becomes its own, if what was loaded fits. */
static bool adopt(const wg_update_rule *rule, wg_slot *slot, const wg_parameter_info *info, wg_tape *tape) {
    const wg_type parameter = wg_tensor_type(wg_state_tensor(info->state));
    for (int k = 0; k < rule->memory_count; k++) {
        const wg_type has = wg_tensor_type(wg_state_tensor(slot->memory[k]));
        const wg_type expected = wg_memory_type(rule, k, &parameter);
        char has_text[WG_TEXT_SIZE], expected_text[WG_TEXT_SIZE];
        if (wg_type_equal(&has, &expected)) continue;
        return wg_fail(tape, has.dtype == expected.dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
                       "%s: %s of \"%.300s\" was loaded as %s; %s is expected", rule->name,
                       rule->memory[k].name, slot->path, wg_type_text(has_text, &has, true),
                       wg_type_text(expected_text, &expected, true)),
               false;
    }
    free((char *)(uintptr_t)slot->path);
    slot->path = info->path;
    slot->info = info;
    slot->state = wg_state_retain(info->state);
    return true;
}

static int order_of(const wg_slot *slot, const wg_parameter_info *info) {
    return slot->info == info ? 0 : strcmp(slot->path, info->path);
}

/* Gives each parameter that a layer has met a slot; both stand in the order of their paths, and so do slots
 * that wait. False, with an error on the tape, where that is not possible. */
static bool make_slots(wg_optimizer *optimizer, wg_tape *tape) {
    size_t place = 0;
    bool good = true;
    for (int i = 0; i < wg_model_count(optimizer->model) && good; i++) {
        const wg_parameter_info *info = wg_model_parameter(optimizer->model, i);
        if (!info->met) continue;
        while (place < optimizer->slot_count && order_of(&optimizer->slots[place], info) < 0) place++;
        if (place == optimizer->slot_count || order_of(&optimizer->slots[place], info) > 0) {
            wg_slot *slot = wg_slot_insert(optimizer, place);
            if (slot)
                *slot = (wg_slot){.state = wg_state_retain(info->state), .path = info->path, .info = info};
            good = slot != NULL;
        } else if (!optimizer->slots[place].info &&
                   !adopt(&optimizer->rule, &optimizer->slots[place], info, tape)) {
            return false;
        }
        place++;
    }
    good = good && WG_RESERVE(&optimizer->vars, &optimizer->var_capacity, 2 * optimizer->slot_count);
    if (!good) wg_fail(tape, WG_ERROR_MEMORY, "%s: out of memory", optimizer->rule.name);
    return good;
}

/* Is a gradient to be asked for? One that is blocked is: wg_grad_list then says by what. */
static bool is_reached(const wg_slot *slot, wg_var loss, wg_var w) {
    if (!slot->state || (slot->info && slot->info->frozen)) return false;
    const wg_connection connection = wg_connection_of(loss, w);
    return connection == WG_CONNECTED || connection == WG_BLOCKED;
}

static int add_gradients(wg_optimizer *optimizer, wg_var loss) {
    wg_tape *tape = loss.tape;
    wg_var *inputs = optimizer->vars, *gradients = inputs + optimizer->slot_count;
    int count = 0;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        wg_slot *slot = &optimizer->slots[i];
        const wg_var w = slot->state ? (wg_read)(tape, slot->state) : WG_NONE;
        slot->next[0] = is_reached(slot, loss, w) ? w : WG_NONE;
        if (slot->next[0].tape) inputs[count++] = w;
    }
    if (wg_tape_status(tape)) return wg_tape_status(tape);
    if (count == 0) {
        wg_fail(tape, WG_ERROR_GRADIENT, "%s: the loss reaches no parameter that may be updated",
                optimizer->rule.name);
        return wg_tape_status(tape);
    }
    if (wg_grad_list(loss, WG_NONE, inputs, count, gradients)) return wg_tape_status(tape);
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        wg_slot *slot = &optimizer->slots[i];
        if (!slot->next[0].tape) continue;
        slot->gradient = slot->gradient.tape ? (wg_add)(slot->gradient, *gradients) : *gradients;
        gradients++;
    }
    return wg_tape_status(tape);
}

/* Can a loss be accumulated now? Else an error on its tape. */
static bool may_accumulate(wg_optimizer *optimizer, wg_var loss) {
    const wg_var pending = optimizer ? optimizer->pending : WG_NONE;
    if (wg_tape_status(loss.tape)) return false;
    if (!optimizer) {
        wg_fail(loss.tape, WG_ERROR_MEMORY, "the optimizer is NULL; it could not be made");
    } else if (optimizer->error.status) {
        wg_fail(loss.tape, optimizer->error.status, "%s", optimizer->error.message);
    } else if (optimizer->is_asking) {
        wg_fail(loss.tape, WG_ERROR_TAPE, "%s: its loss function may only record the loss, not minimize it",
                optimizer->rule.name);
    } else if (pending.tape && (pending.tape != loss.tape || pending.epoch != loss.epoch)) {
        wg_optimizer_forget(optimizer);
        wg_fail(loss.tape, WG_ERROR_STALE,
                "%s: gradients accumulated before are lost: wg_update must follow on the same tape, before "
                "it is cleared",
                optimizer->rule.name);
    } else {
        make_slots(optimizer, loss.tape);
    }
    return !wg_tape_status(loss.tape);
}

int (wg_accumulate)(wg_optimizer *optimizer, wg_var loss) {
    if (!loss.tape) return WG_ERROR_TAPE;
    if (may_accumulate(optimizer, loss) && !add_gradients(optimizer, loss)) {
        wg_guard((wg_check_finite)(loss));
        optimizer->pending = loss;
    }
    if (optimizer && wg_tape_status(loss.tape)) wg_optimizer_forget(optimizer);
    return wg_tape_status(loss.tape);
}

/* --- Update ----------------------------------------------------------------------------------- */

static int at_dtype(wg_dtype dtype) { return dtype == WG_F64; }

/* The scalar as this dtype, recorded when it is first wanted. */
static wg_var once(wg_var *as, wg_var scalar, wg_dtype dtype) {
    if (!as->tape) *as = (wg_cast)(scalar, dtype);
    return *as;
}

wg_var wg_update_rate(wg_update_record *update, wg_dtype dtype) {
    return once(&update->rate_as[at_dtype(dtype)], update->rate, dtype);
}

wg_var wg_update_number(wg_update_record *update, int index, wg_dtype dtype) {
    wg_var *number = &update->numbers[at_dtype(dtype)][index];
    if (number->tape) return *number;
    return once(number, (wg_scalar)(update->tape, update->optimizer->numbers[index]), dtype);
}

wg_var wg_update_decay(wg_update_record *update, wg_dtype dtype) {
    return once(&update->decay_as[at_dtype(dtype)], update->decay, dtype);
}

wg_var wg_update_decayed(wg_update_record *update, wg_var w, wg_var g) {
    if (!update->decay.tape) return g;
    return (wg_add)(g, (wg_mul)(wg_update_decay(update, wg_type_of(w).dtype), w));
}

wg_var wg_update_moved(wg_update_record *update, wg_var w, wg_var direction) {
    return (wg_sub)(w, (wg_mul)(wg_update_rate(update, wg_type_of(w).dtype), direction));
}

wg_var wg_mean_with(wg_var mean, wg_var share, wg_var value) {
    return (wg_add)(mean, (wg_mul)(share, (wg_sub)(value, mean)));
}

static wg_var clip_value(wg_var g, double limit) {
    return (wg_maximum)((wg_minimum)(g, (wg_scalar)(g.tape, limit)), (wg_scalar)(g.tape, -limit));
}

/* g times min(1, limit / |g|). */
static wg_var clip_layer(wg_var g, double limit) {
    const wg_var most = (wg_scalar)(g.tape, limit);
    const wg_var norm = (wg_check_finite)((wg_sqrt)((wg_sum)((wg_square)(g), WG_ALL_AXES, NULL)));
    return (wg_mul)(g, (wg_div)(most, (wg_maximum)(norm, most)));
}

/* Sees to it that gradients are finite, then clips them element by element, and each as a whole. Where only
 * the norm of all counts it is the norm that is checked: it is finite if and only if they are. */
static void clip_each(wg_optimizer *optimizer) {
    const bool is_checked_later =
        optimizer->clip_norm > 0 && optimizer->clip_value == 0 && optimizer->clip_layer == 0;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        wg_var *g = &optimizer->slots[i].gradient;
        if (!g->tape || is_checked_later) continue;
        *g = (wg_check_finite)(*g);
        if (optimizer->clip_value > 0) *g = clip_value(*g, optimizer->clip_value);
        if (optimizer->clip_layer > 0) *g = clip_layer(*g, optimizer->clip_layer);
    }
}

/* The factor min(1, clip_norm / norm), norm² being the sum of all squares: Pascanu, Mikolov & Bengio
 * 2013, arXiv:1211.5063. */
static wg_var norm_factor(const wg_optimizer *optimizer, wg_tape *tape) {
    wg_var total = WG_NONE;
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_var g = optimizer->slots[i].gradient;
        if (!g.tape) continue;
        const wg_var squares = (wg_cast)((wg_sum)((wg_square)(g), WG_ALL_AXES, NULL), WG_F64);
        total = total.tape ? (wg_add)(total, squares) : squares;
    }
    const wg_var limit = (wg_scalar)(tape, optimizer->clip_norm), norm = (wg_check_finite)((wg_sqrt)(total));
    return (wg_div)(limit, (wg_maximum)(norm, limit));
}

bool wg_slot_make_memory(const wg_update_rule *rule, wg_slot *slot) {
    const wg_type parameter = wg_tensor_type(wg_state_tensor(slot->state));
    if (slot->memory[0]) return true;
    bool good = true;
    for (int k = 0; k < rule->memory_count && good; k++) {
        const wg_type type = wg_memory_type(rule, k, &parameter);
        wg_tensor *zeros = wg_tensor_of_type(&type, NULL);
        slot->memory[k] = zeros ? wg_state_new(zeros, NULL) : NULL;
        wg_tensor_free(zeros);
        good = slot->memory[k] != NULL;
    }
    for (int k = 0; k < rule->memory_count && !good; k++) {
        wg_state_free(slot->memory[k]);
        slot->memory[k] = NULL;
    }
    return good;
}

/* The mean of the values so far, older ones counting ever less: each weighs `average` times the next. Kingma
 * & Ba's correction (adam.c) is in the share, so that the mean is right from the first value on. */
static void record_average(wg_update_record *update, wg_slot *slot, const wg_var *memory) {
    const int weight_at = update->optimizer->rule.memory_count - 1, average_at = weight_at - 1;
    const wg_var one = (wg_scalar)(update->tape, 1);
    const wg_var share = (wg_scalar)(update->tape, update->optimizer->average_share);
    const wg_var weight = wg_mean_with(memory[weight_at], share, one);
    const wg_var part = (wg_cast)((wg_div)(share, weight), wg_type_of(slot->next[0]).dtype);
    slot->next[1 + average_at] = wg_mean_with(memory[average_at], part, slot->next[0]);
    slot->next[1 + weight_at] = weight;
}

static void record_slot(wg_update_record *update, wg_slot *slot) {
    const wg_update_rule *rule = &update->optimizer->rule;
    const wg_dtype dtype = wg_type_of(slot->gradient).dtype;
    wg_var memory[WG_MEMORY_MAX], g = slot->gradient;
    if (!wg_slot_make_memory(rule, slot)) {
        wg_fail(update->tape, WG_ERROR_MEMORY, "%s: out of memory for \"%s\"", rule->name, slot->path);
        return;
    }
    for (int k = 0; k < rule->memory_count; k++) memory[k] = (wg_read)(update->tape, slot->memory[k]);
    if (update->optimizer->clip_norm > 0)
        g = (wg_mul)(g, once(&update->shrink_as[at_dtype(dtype)], update->shrink, dtype));
    rule->record(update, slot, (wg_read)(update->tape, slot->state), g, memory);
    if (update->optimizer->average_share > 0) record_average(update, slot, memory);
}

/* Everything has been recorded: from the next evaluation on, states hold their new values. */
static void assign_all(wg_optimizer *optimizer, wg_var next_step) {
    for (size_t i = 0; i < optimizer->slot_count; i++) {
        const wg_slot *slot = &optimizer->slots[i];
        if (!slot->gradient.tape) continue;
        wg_assign(slot->state, slot->next[0]);
        for (int k = 0; k < optimizer->rule.memory_count; k++) wg_assign(slot->memory[k], slot->next[1 + k]);
    }
    wg_assign(optimizer->step, next_step);
}

/* The parameters of one group, or of none. */
static void record_group(wg_optimizer *optimizer, const wg_group *group, wg_var rate, wg_var shrink) {
    wg_tape *tape = rate.tape;
    wg_update_record update = {.optimizer = optimizer, .tape = tape, .rate = rate, .shrink = shrink};
    const double decay = group ? group->decay : optimizer->decay;
    if (group && group->rate != 1) update.rate = (wg_mul)(rate, (wg_scalar)(tape, group->rate));
    if (decay != 0) update.decay = (wg_scalar)(tape, decay);
    for (size_t i = 0; i < optimizer->slot_count && !wg_tape_status(tape); i++) {
        wg_slot *slot = &optimizer->slots[i];
        if (slot->gradient.tape && wg_group_of(optimizer, slot->path) == group) record_slot(&update, slot);
    }
}

static void record_update(wg_optimizer *optimizer, wg_tape *tape) {
    const wg_var step = (wg_read)(tape, optimizer->step);
    const wg_var next_step = (wg_add)(step, (wg_full)(tape, WG_I64, WG_SCALAR_SHAPE, 1));
    const wg_var rate = wg_schedule_rate(tape, &optimizer->schedule, optimizer->rate, step);
    clip_each(optimizer);
    const wg_var shrink = optimizer->clip_norm > 0 ? norm_factor(optimizer, tape) : WG_NONE;
    record_group(optimizer, NULL, rate, shrink);
    for (size_t i = 0; i < optimizer->group_count; i++)
        record_group(optimizer, &optimizer->groups[i], rate, shrink);
    if (!wg_tape_status(tape)) assign_all(optimizer, next_step);
}

int (wg_update)(wg_optimizer *optimizer) {
    const wg_var loss = optimizer ? optimizer->pending : WG_NONE;
    wg_tape *tape = loss.tape;
    if (!tape) return WG_ERROR_TAPE; /* nothing accumulated; why not stands on the tape of the loss */
    if (!wg_valid(loss)) {
        wg_fail(tape, WG_ERROR_STALE,
                "%s: gradients accumulated before are lost: their tape has been cleared",
                optimizer->rule.name);
    } else if (!optimizer->rule.record) {
        wg_fail(tape, WG_ERROR_UNSUPPORTED, "%s: it updates by a step of its own, wg_%s_step",
                optimizer->rule.name, optimizer->rule.name);
    } else if (!isfinite(optimizer->rate) || optimizer->rate < 0) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: the learning rate is %g; it must be finite and at least 0",
                optimizer->rule.name, optimizer->rate);
    } else if (optimizer->is_swapped) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE,
                "%s: the parameters hold their averages; wg_swap_averages changes them back",
                optimizer->rule.name);
    } else {
        wg_scope(tape, optimizer->rule.name);
        record_update(optimizer, tape);
        wg_scope_end(tape);
    }
    wg_optimizer_forget(optimizer);
    return wg_tape_status(tape);
}

int (wg_minimize)(wg_optimizer *optimizer, wg_var loss) {
    const int status = (wg_accumulate)(optimizer, loss);
    return status ? status : (wg_update)(optimizer);
}

/* --- With the line of the call ---------------------------------------------------------------- */

int wg_accumulate_at_(wg_optimizer *optimizer, wg_var loss, const char *file, int line) {
    const int status = (wg_accumulate)(optimizer, loss);
    wg_at_(loss, file, line);
    return status;
}

int wg_update_at_(wg_optimizer *optimizer, const char *file, int line) {
    const wg_var loss = optimizer ? optimizer->pending : WG_NONE;
    const int status = (wg_update)(optimizer);
    wg_at_(loss, file, line);
    return status;
}

int wg_minimize_at_(wg_optimizer *optimizer, wg_var loss, const char *file, int line) {
    const int status = (wg_minimize)(optimizer, loss);
    wg_at_(loss, file, line);
    return status;
}
