/* verify_memory — walks through the plan as it would run, and keeps book of which value lies where: every
 * read finds the value that the lowered graph says, whole; within a wave no step writes what another one
 * reads or writes; and in the end every result and every state holds what it should. Assumes what
 * verify_order.c has proved, and begins with verify_places.c.
 *
 * A location is a buffer, a result or a state; verify_buffers.c has proved that no two buffers share bytes.
 */
#include "plan/verify.h"
#include <stdlib.h>

enum { SHARED = 1, UNEVEN = 2, SUM = 4 };

/* Who reads a value in the wave at hand. */
typedef struct reading {
    uint32_t wave, step, member; /* the last member that does */
    uint8_t how; /* by other steps too; not element for element; as the sum that a kernel adds to */
} reading;

typedef struct walk {
    const wg_proof *p;
    uint32_t *holder;     /* by location: the value that lies there */
    uint32_t *written;    /* by location: the wave in which it was last written */
    uint32_t *state_of;   /* by value: the assign that changes the state which this leaf reads */
    reading *readings;    /* by value */
    uint32_t wave, aside; /* at hand; the buffer after that which an early copy found last */
} walk;

static size_t bytes_of(const walk *w, uint32_t value) {
    return wg_type_bytes(&w->p->low->values.at[value].type);
}
static uint32_t result_at(const walk *w, uint64_t i) { return (uint32_t)(w->p->plan->buffers.count + i); }
static uint32_t state_at(const walk *w, uint64_t i) { return result_at(w, w->p->low->count.results + i); }
static uint32_t root(const walk *w, uint64_t i) { return wg_bytes_of(w->p->low, w->p->low->roots[i]); }

/* Where a made value's bytes are kept from step to step; WG_ABSENT: in a tile, or in a leaf that never
 * changes. */
static uint32_t location_of(const walk *w, uint32_t own) {
    const wg_place place = w->p->plan->places[own];
    if (place.kind == WG_PLACE_ARENA) return w->p->plan->buffer_of[own];
    if (place.kind == WG_PLACE_RESULT) return result_at(w, place.offset);
    if (place.kind == WG_PLACE_STATE) return state_at(w, place.offset);
    return w->state_of[own] == WG_ABSENT ? WG_ABSENT : state_at(w, w->state_of[own]);
}

/* --- Reads ------------------------------------------------------------------------------------ */

static bool prove_held(const walk *w, uint32_t node, uint32_t own) {
    const uint32_t at = location_of(w, own);
    if (at == WG_ABSENT) {
        return w->p->plan->places[own].kind == WG_PLACE_LEAF ||
               wg_refute(w->p, node, "reads value %u, which is only in a tile of another step", own);
    }
    if (w->holder[at] != own)
        return wg_refute(w->p, node,
                         w->holder[at] == WG_ABSENT ? "reads value %u before it is there"
                                                    : "reads value %u where value %u lies in wave %u",
                         own, w->holder[at], w->wave);
    return at >= w->p->plan->buffers.count || w->p->plan->buffers.at[at].last >= w->wave ||
           wg_refute(w->p, node, "reads value %u in wave %u, when its buffer has been given back", own,
                     w->wave);
}

static void note(const walk *w, uint32_t own, uint32_t step, uint32_t member, uint8_t how) {
    reading *r = &w->readings[own];
    if (r->wave != w->wave)
        *r = (reading){w->wave, step, member, how};
    else if (r->step != step)
        r->how |= SHARED;
    else
        r->member = member, r->how |= how;
}

static bool read_input(const walk *w, uint32_t step, uint32_t member, uint32_t k, bool inside) {
    const wg_lowered *low = w->p->low;
    const uint32_t index = w->p->plan->members.at[member];
    const wg_low_node *node = &low->nodes.at[index];
    const uint32_t value = low->edges.at[node->inputs + k];
    if (value == WG_ABSENT || bytes_of(w, value) == 0) return true;
    const uint32_t own = wg_bytes_of(low, value), maker = low->values.at[own].node;
    const bool is_inside = wg_step_of_member(w->p, maker) == step;
    const wg_place_kind kind = w->p->plan->places[own].kind;
    if (is_inside != inside || (inside && (kind == WG_PLACE_TILE || kind == WG_PLACE_RUN))) return true;
    const bool sum = node->accumulates && k + 1u == node->input_count;
    const bool even = wg_is_tiled(node) &&
                      (w->p->plan->steps.at[step].elements == 1 ||
                       wg_shape_equal(&low->values.at[value].type, &low->values.at[node->outputs].type));
    if (!prove_held(w, index, own)) return false;
    note(w, own, step, member, sum ? SUM : even ? 0 : UNEVEN);
    return true;
}

/* What other steps made, and leaves hold: all that the wave reads, before it writes anything. */
static bool read_inputs(const walk *w, uint32_t step, bool inside, uint32_t member) {
    const wg_low_node *node = &w->p->low->nodes.at[w->p->plan->members.at[member]];
    for (uint32_t k = 0; k < node->input_count; k++)
        if (!read_input(w, step, member, k, inside)) return false;
    return true;
}

/* --- Writes ----------------------------------------------------------------------------------- */

/* May the member write `own` over the value that lies there? Yes, if nobody in the wave reads that; or only
 * this step, no later member, element for element, elements of the same size. Or a kernel adds to the sum
 * that lies there. */
static bool may_overwrite(const walk *w, uint32_t step, uint32_t member, uint32_t own, uint32_t old) {
    const wg_lowered *low = w->p->low;
    const uint32_t maker = low->values.at[old].node;
    const wg_low_node *node = wg_maker(low, own);
    const reading *r = &w->readings[old];
    const bool inside = wg_step_of_member(w->p, maker) == step;
    if (inside && !wg_is_tiled(&low->nodes.at[maker]) && old != low->nodes.at[maker].outputs) return false;
    if (r->wave != w->wave) return !inside;
    if (r->step != step || r->member > member) return false;
    if (r->how == SUM)
        return node->accumulates && own == node->outputs && bytes_of(w, own) == bytes_of(w, old);
    return r->how == 0 && wg_is_tiled(node) &&
           wg_dtype_size(low->values.at[own].type.dtype) == wg_dtype_size(low->values.at[old].type.dtype);
}

static bool write_output(walk *w, uint32_t step, uint32_t member, uint32_t own) {
    const wg_plan *plan = w->p->plan;
    const uint32_t node = w->p->low->values.at[own].node, at = location_of(w, own);
    if (at == WG_ABSENT || bytes_of(w, own) == 0) return true;
    const uint32_t old = w->holder[at];
    if (plan->places[own].kind == WG_PLACE_STATE && w->wave < plan->commit)
        return wg_refute(w->p, node, "writes to a state in wave %u, before the commit at wave %u", w->wave,
                         plan->commit);
    if (at < plan->buffers.count &&
        (plan->buffers.at[at].first > w->wave || plan->buffers.at[at].last < w->wave))
        return wg_refute(w->p, node, "is made in wave %u, its buffer is there from wave %u to %u", w->wave,
                         plan->buffers.at[at].first, plan->buffers.at[at].last);
    const bool inside = old != WG_ABSENT && wg_step_of_member(w->p, w->p->low->values.at[old].node) == step;
    if (w->written[at] == w->wave && !inside)
        return wg_refute(w->p, node, "is written where value %u is written in the same wave", old);
    if (old != WG_ABSENT && !may_overwrite(w, step, member, own, old))
        return wg_refute(w->p, node, "is written by step %u over value %u, which is still read there", step,
                         old);
    w->holder[at] = own;
    w->written[at] = w->wave;
    return true;
}

/* --- Tiles and runs --------------------------------------------------------------------------- */

/* Tile slots of the step, then its run slots; WG_ABSENT: the value lies in neither. */
static uint32_t slot_of(const walk *w, uint32_t step, uint32_t own) {
    const wg_place place = w->p->plan->places[own];
    if (place.kind == WG_PLACE_TILE) return (uint32_t)place.offset;
    return place.kind == WG_PLACE_RUN ? w->p->plan->steps.at[step].slots + (uint32_t)place.offset : WG_ABSENT;
}

/* Only a run may be written over what the member reads there, element for element. */
static bool may_replace(const walk *w, const wg_low_node *node, uint32_t value, uint32_t old) {
    const wg_lowered *low = w->p->low;
    bool reads = false;
    for (uint32_t k = 0; k < node->input_count; k++) reads |= low->edges.at[node->inputs + k] == old;
    return !reads ||
           (w->p->plan->places[value].kind == WG_PLACE_RUN && wg_is_tiled(node) &&
            wg_shape_equal(&low->values.at[old].type, &low->values.at[value].type) &&
            wg_dtype_size(low->values.at[old].type.dtype) == wg_dtype_size(low->values.at[value].type.dtype));
}

/* Slots hold what members of the same step are still to read; `slots` has room for them. */
static bool walk_slots(const walk *w, uint32_t step, uint32_t index, uint32_t *slots) {
    const wg_low_node *node = &w->p->low->nodes.at[index];
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = w->p->low->edges.at[node->inputs + k];
        const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(w->p->low, value);
        if (own == WG_ABSENT || slot_of(w, step, own) == WG_ABSENT) continue;
        if (wg_step_of_member(w->p, w->p->low->values.at[own].node) != step ||
            slots[slot_of(w, step, own)] != own)
            return wg_refute(w->p, index, "reads value %u, which is not in slot %u of its step", own,
                             slot_of(w, step, own));
    }
    for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++) {
        const uint32_t slot = slot_of(w, step, v);
        if (slot == WG_ABSENT) continue;
        const uint32_t old = slots[slot];
        if (old != WG_ABSENT && !may_replace(w, node, v, old))
            return wg_refute(w->p, index, "is written to slot %u, which it reads", slot);
        if (old != WG_ABSENT && old >= node->outputs && old < v)
            return wg_refute(w->p, index, "writes slot %u twice", slot);
        slots[slot] = v;
    }
    return true;
}

static bool walk_step(walk *w, uint32_t index, uint32_t *slots) {
    const wg_step *step = &w->p->plan->steps.at[index];
    for (uint32_t s = 0; s < step->slots + step->runs; s++) slots[s] = WG_ABSENT;
    for (uint32_t m = step->first; m < step->first + step->count; m++) {
        const uint32_t at = w->p->plan->members.at[m];
        const wg_low_node *node = &w->p->low->nodes.at[at];
        if (!read_inputs(w, index, true, m) || !walk_slots(w, index, at, slots)) return false;
        for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++)
            if (!write_output(w, index, m, v)) return false;
    }
    return true;
}

/* --- Copies ----------------------------------------------------------------------------------- */

/* The buffer at this offset into which something is set aside at the commit. */
static uint32_t find_aside(walk *w, uint64_t offset, uint32_t own) {
    const wg_plan *plan = w->p->plan;
    for (size_t n = 0; n < plan->buffers.count; n++) {
        const size_t i = (w->aside + n) % plan->buffers.count;
        const wg_buffer *buffer = &plan->buffers.at[i];
        if (buffer->first != plan->commit || buffer->value != own || buffer->offset != offset ||
            buffer->bytes < bytes_of(w, own) || buffer->last < plan->waves.count)
            continue;
        w->aside = (uint32_t)i + 1;
        return (uint32_t)i;
    }
    return WG_ABSENT;
}

static uint32_t target_of(const walk *w, wg_place to, uint32_t *own) {
    const wg_root_counts *count = &w->p->low->count;
    const bool result = to.kind == WG_PLACE_RESULT;
    if (!(result && to.offset < count->results) && !(to.kind == WG_PLACE_STATE && to.offset < count->assigns))
        return WG_ABSENT;
    *own = root(w, result ? to.offset : count->results + to.offset);
    return result ? result_at(w, to.offset) : state_at(w, to.offset);
}

static bool walk_copy(walk *w, size_t index, bool early) {
    const wg_proof *p = w->p;
    const wg_copy *copy = &p->plan->copies.at[index];
    uint32_t own = WG_ABSENT, to, from = WG_ABSENT;
    if (early) {
        if (copy->from.kind != WG_PLACE_LEAF || copy->from.offset >= p->low->nodes.count)
            return wg_refute(p, WG_ABSENT, "copy %zu is made at the commit, and not from a leaf", index);
        own = p->low->nodes.at[copy->from.offset].outputs;
        if (p->plan->places[own].kind != WG_PLACE_LEAF)
            return wg_refute(p, (uint32_t)copy->from.offset, "is no leaf that copy %zu could read", index);
        from = location_of(w, own);
        uint32_t wanted = own;
        to = copy->to.kind == WG_PLACE_RESULT  ? target_of(w, copy->to, &wanted)
             : copy->to.kind == WG_PLACE_ARENA ? find_aside(w, copy->to.offset, own)
                                               : WG_ABSENT;
        if (wanted != own) to = WG_ABSENT;
    } else {
        to = target_of(w, copy->to, &own);
        if (to == WG_ABSENT) return wg_refute(p, WG_ABSENT, "copy %zu goes nowhere", index);
        const wg_place place = p->plan->places[own];
        if (copy->from.kind == WG_PLACE_ARENA && place.kind == WG_PLACE_LEAF)
            from = find_aside(w, copy->from.offset, own);
        else if (copy->from.kind == place.kind && copy->from.offset == place.offset &&
                 place.kind != WG_PLACE_LEAF)
            from = location_of(w, own);
        if (from == WG_ABSENT || from == to) to = WG_ABSENT;
    }
    const uint32_t node = p->low->values.at[own].node;
    if (to == WG_ABSENT || copy->bytes != bytes_of(w, own))
        return wg_refute(p, node, "is copied from or to where it should not be, by copy %zu of %zu bytes",
                         index, copy->bytes);
    if (from != WG_ABSENT && w->holder[from] != own)
        return wg_refute(p, node, "is copied by copy %zu from where value %u lies", index, w->holder[from]);
    if (w->written[to] != WG_ABSENT)
        return wg_refute(p, node, "is copied by copy %zu to where value %u lies already", index,
                         w->holder[to]);
    w->holder[to] = own;
    w->written[to] = w->wave;
    return true;
}

static bool prove_roots(const walk *w) {
    const wg_root_counts *count = &w->p->low->count;
    for (size_t i = 0; i < count->results + count->assigns; i++) {
        const uint32_t own = root(w, i);
        if (bytes_of(w, own) && w->holder[result_at(w, i)] != own)
            return wg_refute(w->p, w->p->low->values.at[own].node, "is wanted as %s %zu, and is not there",
                             i < count->results ? "result" : "new content of state",
                             i < count->results ? i : i - count->results);
    }
    return true;
}

/* --- The walk --------------------------------------------------------------------------------- */

static bool walk_wave(walk *w, uint32_t *slots) {
    const wg_plan *plan = w->p->plan;
    const wg_wave *wave = &plan->waves.at[w->wave];
    for (uint32_t s = wave->first; s < wave->first + wave->count; s++) {
        const wg_step *step = &plan->steps.at[s];
        for (uint32_t m = step->first; m < step->first + step->count; m++)
            if (!read_inputs(w, s, false, m)) return false;
    }
    for (uint32_t s = wave->first; s < wave->first + wave->count; s++)
        if (!walk_step(w, s, slots)) return false;
    return true;
}

static bool walk_all(walk *w, uint32_t *slots) {
    const wg_plan *plan = w->p->plan;
    if (plan->early_copies > plan->copies.count)
        return wg_refute(w->p, WG_ABSENT, "%zu of %zu copies are early", plan->early_copies,
                         plan->copies.count);
    if (!wg_prove_places(w->p) || !wg_prove_states(w->p, w->state_of)) return false;
    for (uint32_t v = 0; v < w->p->low->values.count; v++)
        if (w->state_of[v] != WG_ABSENT) w->holder[state_at(w, w->state_of[v])] = v;
    for (w->wave = 0; w->wave <= plan->waves.count; w->wave++) {
        for (size_t i = 0; w->wave == plan->commit && i < plan->early_copies; i++)
            if (!walk_copy(w, i, true)) return false;
        if (w->wave < plan->waves.count && !walk_wave(w, slots)) return false;
    }
    w->wave = (uint32_t)plan->waves.count;
    w->aside = 0;
    for (size_t i = plan->early_copies; i < plan->copies.count; i++)
        if (!walk_copy(w, i, false)) return false;
    return prove_roots(w);
}

bool wg_prove_memory(const wg_proof *p) {
    if (!wg_prove_buffers(p)) return false;
    const size_t values = p->low->values.count + 1,
                 locations = p->plan->buffers.count + p->low->count.results + p->low->count.assigns + 1;
    uint32_t slots = 1;
    for (size_t i = 0; i < p->plan->steps.count; i++)
        slots = (uint32_t)wg_max_int(slots, (int64_t)p->plan->steps.at[i].slots + p->plan->steps.at[i].runs);
    walk w = {.p = p};
    uint32_t *words = malloc((2 * locations + values + slots) * sizeof *words);
    w.readings = malloc(values * sizeof *w.readings);
    bool good = (words && w.readings) || wg_tape_no_memory(p->tape);
    if (good) {
        memset(words, 0xFF, (2 * locations + values + slots) * sizeof *words); /* WG_ABSENT */
        memset(w.readings, 0xFF, values * sizeof *w.readings);
        w.holder = words;
        w.written = w.holder + locations;
        w.state_of = w.written + locations;
        good = walk_all(&w, w.state_of + values);
    }
    free(words);
    free(w.readings);
    return good;
}
