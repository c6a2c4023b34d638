/* plan_faults_places — wrong places, lives, orders, copies and units. */
#include "plan_faults.h"
#include <stdlib.h>
#include <string.h>

void plan_sync_operands(wg_plan *plan) {
    for (size_t i = 0; i < plan->tile_operands.count; i++) {
        wg_tile_operand *o = &plan->tile_operands.at[i];
        if (o->value == WG_ABSENT) continue;
        const wg_place place = plan->places[wg_bytes_of(&plan->low, o->value)];
        o->kind = (uint8_t)place.kind;
        o->offset = place.offset;
    }
}

/* From when to when the value is there, in waves, or, in its own step, in members: what it is made by, and
 * who reads it last; results and assigned values to the end. */
static void life_of(const wg_plan *plan, uint32_t own, bool in_members, uint32_t *first, uint32_t *last) {
    const wg_lowered *low = &plan->low;
    *first = *last = 0;
    for (uint32_t at = 0; at < plan->members.count; at++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[at]];
        const uint32_t now = in_members ? at : plan->steps.at[plan->step_of[plan->members.at[at]]].wave;
        if (plan->members.at[at] == low->values.at[own].node) *first = *last = now;
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value != WG_ABSENT && wg_bytes_of(low, value) == own) *last = now;
        }
    }
    for (size_t i = 0; !in_members && i < low->count.results + low->count.assigns; i++)
        if (wg_bytes_of(low, low->roots[i]) == own) *last = (uint32_t)plan->waves.count;
}

/* May `next` be made in place of `value`? It is made in the step that reads the value last, elementwise, and
 * all who read the value in that wave do so there, no later, the same elements of the same size. */
static bool may_follow(const wg_plan *plan, uint32_t value, uint32_t next) {
    const wg_lowered *low = &plan->low;
    const wg_low_value *v = &low->values.at[value], *n = &low->values.at[next];
    const uint32_t step = plan->step_of[n->node], wave = plan->steps.at[step].wave;
    uint32_t made = 0;
    while (plan->members.at[made] != n->node) made++;
    if (!wg_is_tiled(&low->nodes.at[n->node]) || !wg_shape_equal(&v->type, &n->type) ||
        wg_dtype_size(v->type.dtype) != wg_dtype_size(n->type.dtype))
        return false;
    for (uint32_t at = 0; at < plan->members.count; at++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[at]];
        const uint32_t reader = plan->step_of[plan->members.at[at]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t input = low->edges.at[node->inputs + k];
            if (input == WG_ABSENT || wg_bytes_of(low, input) != value || plan->steps.at[reader].wave < wave)
                continue;
            if (reader != step || at > made || !wg_is_tiled(node) ||
                !wg_shape_equal(&low->values.at[input].type, &low->values.at[node->outputs].type))
                return false;
        }
    }
    return true;
}

/* Could the value just as well lie there? Nothing else does during its life, and a buffer is there for all of
 * it. */
static bool may_lie_in(const wg_plan *plan, uint32_t value, bool tile, uint32_t there) {
    uint32_t first, last, begin, end;
    life_of(plan, value, tile, &first, &last);
    const wg_buffer *buffer = &plan->buffers.at[there];
    if (!tile && (buffer->first > first || buffer->last < last ||
                  buffer->bytes < wg_type_bytes(&plan->low.values.at[value].type)))
        return false;
    for (uint32_t v = 0; v < plan->low.values.count; v++) {
        const wg_place place = plan->places[v];
        const bool lies = tile ? place.kind == WG_PLACE_TILE && place.offset == there &&
                                     plan->step_of[plan->low.values.at[v].node] ==
                                         plan->step_of[plan->low.values.at[value].node]
                               : place.kind == WG_PLACE_ARENA && plan->buffer_of[v] == there;
        if (!lies || v == value) continue;
        life_of(plan, v, tile, &begin, &end);
        const bool follows = !tile && ((begin == last && may_follow(plan, value, v)) ||
                                       (end == first && may_follow(plan, v, value)));
        if (begin <= last && first <= end && !follows) return false;
    }
    return true;
}

/* Moves the buffer, and whatever lies in it. */
static void move_buffer(wg_plan *plan, size_t index, uint64_t offset) {
    for (size_t v = 0; v < plan->low.values.count; v++)
        if (plan->places[v].kind == WG_PLACE_ARENA && plan->buffer_of[v] == index)
            plan->places[v].offset = offset;
    for (size_t i = 0; i < plan->copies.count; i++) {
        wg_copy *c = &plan->copies.at[i];
        if (c->from.kind == WG_PLACE_ARENA && c->from.offset == plan->buffers.at[index].offset)
            c->from.offset = offset;
        if (c->to.kind == WG_PLACE_ARENA && c->to.offset == plan->buffers.at[index].offset)
            c->to.offset = offset;
    }
    plan->buffers.at[index].offset = offset;
    if (plan->arena_bytes < offset + plan->buffers.at[index].bytes)
        plan->arena_bytes = offset + plan->buffers.at[index].bytes;
    plan_sync_operands(plan);
}

static bool shift_by_a_byte(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    (void)skip;
    move_buffer(plan, at, plan->buffers.at[at].offset + 1);
    return true;
}
/* Onto another one that is alive in one of its waves. */
static bool onto_another(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    const wg_buffer *b = &plan->buffers.at[at];
    for (size_t n = 1; n < plan->buffers.count; n++) {
        const wg_buffer *o = &plan->buffers.at[(at + n) % plan->buffers.count];
        if (o->first > b->last || b->first > o->last || !o->bytes || !b->bytes) continue;
        return move_buffer(plan, at, o->offset), true;
    }
    return *skip = true;
}
static bool value_shifted(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_ARENA || !wg_type_bytes(&plan->low.values.at[at].type))
        return *skip = true;
    plan->places[at].offset += 64;
    plan_sync_operands(plan);
    return true;
}
static bool value_in_a_buffer_to_come(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_ARENA || plan->buffers.count < 2) return *skip = true;
    const uint32_t other = (plan->buffer_of[at] + 1) % (uint32_t)plan->buffers.count;
    if (may_lie_in(plan, (uint32_t)at, false, other)) return *skip = true; /* as good a plan as before */
    plan->buffer_of[at] = other;
    plan->places[at].offset = plan->buffers.at[plan->buffer_of[at]].offset;
    plan_sync_operands(plan);
    return true;
}
static bool life_cut_at_its_end(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (plan->buffers.at[at].last == plan->buffers.at[at].first) return *skip = true;
    uint32_t first, last, end = 0;
    for (uint32_t v = 0; v < plan->low.values.count; v++) {
        if (plan->places[v].kind != WG_PLACE_ARENA || plan->buffer_of[v] != at) continue;
        life_of(plan, v, false, &first, &last);
        if (end < last) end = last;
    }
    const bool set_aside = !wg_has_work(wg_maker(&plan->low, plan->buffers.at[at].value));
    if (end < plan->buffers.at[at].last && !set_aside) return *skip = true; /* longer than it has to be */
    plan->buffers.at[at].last--;
    return true;
}
static bool born_late(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (plan->buffers.at[at].last == plan->buffers.at[at].first) return *skip = true;
    plan->buffers.at[at].first++;
    return true;
}
static bool buffer_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(buffers)) return false;
    if (!plan->buffers.at[at].bytes) return *skip = true;
    plan->buffers.at[at].bytes--;
    return true;
}
static bool arena_shrunk(wg_plan *plan, size_t at, bool *skip) {
    (void)skip;
    return at < 1 && plan->arena_bytes > 0 && (plan->arena_bytes--, true);
}
/* A member and the next one of its step change places, the second reading the first. */
static bool members_swapped(wg_plan *plan, size_t at, bool *skip) {
    if (at + 1 >= plan->members.count) return false;
    const uint32_t a = plan->members.at[at], b = plan->members.at[at + 1];
    const wg_low_node *one = &plan->low.nodes.at[a], *two = &plan->low.nodes.at[b];
    bool reads = false;
    for (uint32_t k = 0; k < two->input_count; k++) {
        const uint32_t value = plan->low.edges.at[two->inputs + k];
        if (value != WG_ABSENT && plan->low.values.at[wg_bytes_of(&plan->low, value)].node == a) reads = true;
    }
    if (!reads || plan->step_of[a] != plan->step_of[b] || !wg_is_tiled(one)) return *skip = true;
    plan->members.at[at] = b;
    plan->members.at[at + 1] = a;
    const wg_tile_member member = plan->program[at];
    plan->program[at] = plan->program[at + 1];
    plan->program[at + 1] = member;
    return true;
}
/* Waves behind it move up; what was in it is in the one before. */
void plan_forget_wave(wg_plan *plan, uint32_t wave) {
    memmove(&plan->waves.at[wave], &plan->waves.at[wave + 1],
            (--plan->waves.count - wave) * sizeof *plan->waves.at);
    for (size_t i = 0; i < plan->steps.count; i++)
        plan->steps.at[i].wave -= plan->steps.at[i].wave >= wave && plan->steps.at[i].wave > 0;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        wg_buffer *buffer = &plan->buffers.at[i];
        buffer->first -= buffer->first >= wave && buffer->first > 0;
        buffer->last -= buffer->last >= wave && buffer->last > 0;
    }
    plan->commit -= plan->commit >= wave && plan->commit > 0;
}
/* The first step of a wave runs in the wave before it, which it does not if it could: it reads something made
 * there. */
static bool wave_merged(wg_plan *plan, size_t at, bool *skip) {
    if (at + 1 >= plan->waves.count) return false;
    wg_wave *wave = &plan->waves.at[at], *next = wave + 1;
    bool reads = false;
    for (uint32_t s = next->first; s < next->first + next->count; s++)
        for (uint32_t m = 0; m < plan->steps.at[s].count; m++) {
            const wg_low_node *node = &plan->low.nodes.at[plan->members.at[plan->steps.at[s].first + m]];
            for (uint32_t k = 0; k < node->input_count; k++) {
                const uint32_t value = plan->low.edges.at[node->inputs + k];
                const uint32_t made =
                    value == WG_ABSENT
                        ? value
                        : plan->step_of[plan->low.values.at[wg_bytes_of(&plan->low, value)].node];
                reads |= made != WG_ABSENT && plan->steps.at[made].wave == at;
            }
        }
    if (!reads) return *skip = true; /* steps that need nothing of one another may share a wave */
    wave->count += next->count;
    plan_forget_wave(plan, (uint32_t)at + 1);
    if (plan->most_steps < wave->count) plan->most_steps = wave->count;
    plan->most_operands *= 2;
    return true;
}
static bool node_twice(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(members)) return false;
    if (plan->members.count < 2) return *skip = true;
    plan->members.at[at] = plan->members.at[(at + 1) % plan->members.count];
    return true;
}
static bool slot_shared(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_TILE) return *skip = true;
    const wg_step *step = &plan->steps.at[plan->step_of[plan->low.values.at[at].node]];
    if (step->slots < 2) return *skip = true;
    const uint32_t other = (uint32_t)(plan->places[at].offset + 1) % step->slots;
    if (may_lie_in(plan, (uint32_t)at, true, other)) return *skip = true; /* as good a plan as before */
    plan->places[at].offset = other;
    plan_sync_operands(plan);
    return true;
}
static bool slot_beyond(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(low.values)) return false;
    if (plan->places[at].kind != WG_PLACE_TILE) return *skip = true;
    plan->places[at].offset = plan->steps.at[plan->step_of[plan->low.values.at[at].node]].slots;
    plan_sync_operands(plan);
    return true;
}
static bool units_left_out(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].units) return *skip = true;
    plan->steps.at[at].units--;
    return true;
}
static bool grain_none(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    (void)skip;
    plan->steps.at[at].grain = 0;
    return true;
}
static bool workspace_shrunk(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(steps)) return false;
    if (!plan->steps.at[at].workspace) return *skip = true;
    plan->steps.at[at].workspace = plan->steps.at[at].kernel_workspace = 0;
    return true;
}
static bool copy_dropped(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    memmove(&plan->copies.at[at], &plan->copies.at[at + 1],
            (--plan->copies.count - at) * sizeof *plan->copies.at);
    if (at < plan->early_copies) plan->early_copies--;
    return true;
}
static bool copy_doubled(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    if (!WG_RESERVE(&plan->copies.at, &plan->copies.capacity, plan->copies.count + 1)) return false;
    plan->copies.at[plan->copies.count++] = plan->copies.at[at];
    return true;
}
static bool copy_to_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    wg_place *to = &plan->copies.at[at].to;
    to->offset += to->kind == WG_PLACE_ARENA ? 64 : 1;
    return true;
}
static bool copy_cut(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    (void)skip;
    plan->copies.at[at].bytes--;
    return true;
}
static bool copy_from_elsewhere(wg_plan *plan, size_t at, bool *skip) {
    if (!NEXT(copies)) return false;
    if (plan->copies.count < 2) return *skip = true;
    const wg_place other = plan->copies.at[(at + 1) % plan->copies.count].from;
    if (other.kind == plan->copies.at[at].from.kind && other.offset == plan->copies.at[at].from.offset)
        return *skip = true;
    plan->copies.at[at].from = other;
    return true;
}
static bool copies_one_late(wg_plan *plan, size_t at, bool *skip) {
    (void)skip;
    return at < 1 && plan->early_copies > 0 && (plan->early_copies--, true);
}
static bool commit_moved(wg_plan *plan, size_t at, bool *skip) {
    if (at > 1) return false;
    if (at ? plan->commit >= plan->waves.count : !plan->commit) return *skip = true;
    plan->commit += at ? 1 : UINT32_MAX;
    return true;
}
static bool reader_forgotten(wg_plan *plan, size_t at, bool *skip) {
    if (at >= plan->low.count.assigns) return false;
    if (plan->low.read_by[at] == WG_ABSENT) return *skip = true;
    plan->low.read_by[at] = WG_ABSENT;
    return true;
}

const plan_fault plan_faults_of_places[] = {
    {"a buffer shifted by a byte", shift_by_a_byte},
    {"a buffer put onto another one that lives", onto_another},
    {"a value shifted by 64 bytes", value_shifted},
    {"a value made in another buffer", value_in_a_buffer_to_come},
    {"a life cut by one at its end", life_cut_at_its_end},
    {"a life begun a wave late", born_late},
    {"a buffer shrunk by a byte", buffer_shrunk},
    {"the arena shrunk by a byte", arena_shrunk},
    {"two members swapped", members_swapped},
    {"a wave merged with one that feeds it", wave_merged},
    {"a node left out, another run twice", node_twice},
    {"a tile's slot taken by another", slot_shared},
    {"a slot behind the last", slot_beyond},
    {"a unit left out", units_left_out},
    {"no grain", grain_none},
    {"no workspace", workspace_shrunk},
    {"a copy dropped", copy_dropped},
    {"a copy made twice", copy_doubled},
    {"a copy to another place", copy_to_elsewhere},
    {"a copy cut", copy_cut},
    {"a copy from another place", copy_from_elsewhere},
    {"an early copy made late", copies_one_late},
    {"the commit moved", commit_moved},
    {"a state's reader forgotten", reader_forgotten},
    {0},
};
