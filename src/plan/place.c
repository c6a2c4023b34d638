/* place — says where the bytes of every value lie: in a leaf's own memory, in a result's, in a state's, in a
 * tile, or at an offset of the arena.
 *
 * Assumes: steps and waves fixed. Leaves: plan->places, copies, buffers, arena_bytes and the slots of each
 * tile step. A buffer lives from the wave that makes it to the last wave that reads it; assigned values in
 * the arena live to the end. An elementwise output takes over the buffer of an input that is read there for
 * the last time. Where in the arena a buffer lies is said by offsets.c. */
#include "plan/plan.h"
#include <stdlib.h>

#define END (UINT32_MAX - 1) /* the wave after all others */

typedef struct placing {
    wg_plan *plan;
    wg_tape *tape;
    uint32_t *last;        /* by value: the last wave that reads its bytes; WG_ABSENT: none does */
    uint32_t *reader;      /* by value: a step of that wave which reads them */
    uint32_t *buffer;      /* by value: the value whose buffer it has: itself, or the one it took over */
    uint32_t *last_member; /* by value in a tile: the last member of its step that reads it */
    size_t *aside;         /* by assign of what a leaf holds: the buffer that it is set aside in */
    uint8_t *shared;       /* by value: another step of that wave reads them too */
    uint8_t *exposed;      /* by value: is read outside of tiles of its own step */
    WG_ARRAY(uint32_t) free_slots;
} placing;

/* --- Lifetimes -------------------------------------------------------------------------------- */

static void note_use(placing *p, uint32_t value, uint32_t step, bool tiled) {
    const wg_lowered *low = &p->plan->low;
    const uint32_t own = wg_bytes_of(low, value), wave = p->plan->steps.at[step].wave;
    if (p->last[own] == WG_ABSENT || p->last[own] < wave) {
        p->last[own] = wave;
        p->reader[own] = step;
        p->shared[own] = false;
    } else if (p->last[own] == wave && p->reader[own] != step) {
        p->shared[own] = true;
    }
    if (!tiled || own != value || p->plan->step_of[low->values.at[own].node] != step) p->exposed[own] = true;
}

static bool is_follower(const wg_plan *plan, const wg_step *step, uint32_t node) {
    return step->followed && plan->members.at[step->first + step->count - 1] == node;
}

static void find_lifetimes(placing *p) {
    const wg_plan *plan = p->plan;
    for (uint32_t i = 0; i < plan->low.nodes.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[i];
        if (plan->step_of[i] == WG_ABSENT) continue;
        const wg_step *step = &plan->steps.at[plan->step_of[i]];
        const bool tiled = wg_is_tiled(node), follows = is_follower(plan, step, i);
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = plan->low.edges.at[node->inputs + k];
            if (value != WG_ABSENT) note_use(p, value, plan->step_of[i], tiled || (follows && k == 0));
        }
        const uint32_t hidden = !follows && step->followed ? 1 : 0; /* output 0, which may pass as runs */
        for (uint32_t k = hidden; !tiled && k < node->output_count; k++) p->exposed[node->outputs + k] = true;
    }
}

/* --- Results and assigns: the roots ----------------------------------------------------------- */

static bool is_leaf_bytes(const placing *p, uint32_t own) {
    return p->plan->places[own].kind == WG_PLACE_LEAF;
}

static void copy(placing *p, wg_place from, wg_place to, size_t bytes) {
    if (bytes) p->plan->copies.at[p->plan->copies.count++] = (wg_copy){from, to, bytes};
}

/* The first result that asks for a value's bytes gets them made in its own tensor; all others are copies. */
static void place_results(placing *p) {
    for (size_t i = 0; i < p->plan->low.count.results; i++) {
        wg_place *place = &p->plan->places[wg_bytes_of(&p->plan->low, p->plan->low.roots[i])];
        if (place->kind == WG_PLACE_NONE) *place = (wg_place){WG_PLACE_RESULT, i};
    }
}

/* Early: of leaves, before any state may change. Late: of all that is made. */
static void copy_results(placing *p, bool early) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->low.count.results; i++) {
        const uint32_t own = wg_bytes_of(&plan->low, plan->low.roots[i]);
        const wg_place place = plan->places[own];
        if (early == is_leaf_bytes(p, own) && !(place.kind == WG_PLACE_RESULT && place.offset == i))
            copy(p, place, (wg_place){WG_PLACE_RESULT, i}, wg_type_bytes(&plan->low.values.at[own].type));
    }
}

static void expose_roots(placing *p) {
    for (size_t i = 0; i < wg_root_count(&p->plan->low.count); i++) {
        const uint32_t own = wg_bytes_of(&p->plan->low, p->plan->low.roots[i]);
        if (is_leaf_bytes(p, own)) continue; /* copied early */
        p->last[own] = END;
        p->exposed[own] = true;
    }
}

static void place_leaves(placing *p) {
    for (uint32_t i = 0; i < p->plan->low.nodes.count; i++) {
        const wg_low_node *node = &p->plan->low.nodes.at[i];
        if (node->leaf && node->dense) p->plan->places[node->outputs] = (wg_place){WG_PLACE_LEAF, i};
    }
}

/* --- New content of states -------------------------------------------------------------------- */

/* In the step that makes `output` as member `at`: is `input` read by no later member, and element for
 * element? */
static bool reads_before(const wg_plan *plan, const wg_step *step, uint32_t at, uint32_t output,
                         uint32_t input) {
    const wg_lowered *low = &plan->low;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &low->nodes.at[plan->members.at[step->first + m]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value == WG_ABSENT || wg_bytes_of(low, value) != input) continue;
            if (m > at || !wg_is_tiled(node) ||
                !wg_shape_equal(&low->values.at[value].type, &low->values.at[output].type))
                return false;
        }
    }
    return true;
}

static uint32_t member_of(const wg_plan *plan, const wg_step *step, uint32_t node) {
    uint32_t m = 0;
    while (plan->members.at[step->first + m] != node) m++;
    return m;
}

/* May the value be made where the state's old content lies, which `leaf` reads? It must be made element by
 * element in the tail, and everything else that reads the old content must be over. */
static bool may_update(const placing *p, uint32_t value, uint32_t leaf) {
    const wg_plan *plan = p->plan;
    const uint32_t maker = plan->low.values.at[value].node, index = plan->step_of[maker];
    if (!wg_plan_pass_on(plan, WG_PASS_UPDATE) || plan->places[value].kind != WG_PLACE_NONE ||
        index < plan->tail_step || !wg_is_tiled(&plan->low.nodes.at[maker]))
        return false;
    if (leaf == WG_ABSENT) return true;
    const uint32_t old = plan->low.nodes.at[leaf].outputs;
    const wg_step *step = &plan->steps.at[index];
    if (p->last[old] == WG_ABSENT || p->last[old] < step->wave) return true;
    return p->last[old] == step->wave && p->reader[old] == index && !p->shared[old] &&
           reads_before(plan, step, member_of(plan, step, maker), value, old);
}

static void place_states(placing *p) {
    wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->low.count.assigns; i++) {
        const uint32_t own = wg_bytes_of(&plan->low, plan->low.roots[plan->low.count.results + i]);
        if (!is_leaf_bytes(p, own) && may_update(p, own, plan->low.read_by[i]))
            plan->places[own] = (wg_place){WG_PLACE_STATE, i};
    }
}

/* Early: what leaves hold is set aside, for it may lie in a state that changes. Late: what was not made in
 * place is copied into its state. */
static void copy_states(placing *p, bool early) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->low.count.assigns; i++) {
        const uint32_t own = wg_bytes_of(&plan->low, plan->low.roots[plan->low.count.results + i]);
        const wg_place state = {WG_PLACE_STATE, i};
        const size_t bytes = wg_type_bytes(&plan->low.values.at[own].type);
        wg_place place = plan->places[own];
        if (is_leaf_bytes(p, own)) {
            const wg_place aside = {WG_PLACE_ARENA, plan->buffers.at[p->aside[i]].offset};
            if (early) copy(p, place, aside, bytes);
            place = aside;
        }
        if (!early && (place.kind != state.kind || place.offset != state.offset))
            copy(p, place, state, bytes);
    }
}

/* --- In place --------------------------------------------------------------------------------- */

static bool in_arena(const placing *p, uint32_t value) {
    return p->plan->places[value].kind == WG_PLACE_NONE &&
           p->plan->low.values.at[value].view_of == WG_ABSENT && p->exposed[value];
}

/* May `output`, made by member `at` of the step, overwrite the bytes of `input`? They must be as long,
 * element for element, and no later member may read the input. */
static bool may_overwrite(const placing *p, const wg_step *step, uint32_t at, uint32_t output,
                          uint32_t input) {
    const wg_plan *plan = p->plan;
    const wg_low_value *out = &plan->low.values.at[output], *in = &plan->low.values.at[input];
    const uint32_t index = (uint32_t)(step - plan->steps.at);
    if (!in_arena(p, input) || p->last[input] != step->wave || p->reader[input] != index ||
        p->shared[input] ||
        (plan->step_of[in->node] == index && wg_is_tiled(&plan->low.nodes.at[in->node])) ||
        p->last[p->buffer[input]] == END)
        return false;
    if (wg_dtype_size(in->type.dtype) != wg_dtype_size(out->type.dtype)) return false;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (uint32_t v = node->outputs; v < node->outputs + node->output_count;
             v++) /* taken over already? */
            if (v != output && v != input && p->buffer[v] == p->buffer[input]) return false;
    }
    return reads_before(plan, step, at, output, input);
}

static void share_in_step(placing *p, const wg_step *step) {
    const wg_plan *plan = p->plan;
    for (uint32_t m = wg_first_tiled(step); m < wg_tiled_end(step); m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (int o = 0; o < node->output_count; o++) {
            const uint32_t output = node->outputs + (uint32_t)o;
            for (uint32_t n = 0; in_arena(p, output) && p->buffer[output] == output && n <= m; n++) {
                const wg_low_node *reader = &plan->low.nodes.at[plan->members.at[step->first + n]];
                for (int k = 0; k < reader->input_count && p->buffer[output] == output; k++) {
                    const uint32_t value = plan->low.edges.at[reader->inputs + (uint32_t)k];
                    const uint32_t input = value == WG_ABSENT ? value : wg_bytes_of(&plan->low, value);
                    if (input != WG_ABSENT && may_overwrite(p, step, m, output, input))
                        p->buffer[output] = p->buffer[input];
                }
            }
        }
    }
}

/* A kernel that adds to a sum does so where the sum lies, if it is the only one that reads it there, once and
 * for the last time. */
static void share_sum(placing *p, const wg_step *step) {
    const wg_plan *plan = p->plan;
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first]];
    const uint32_t index = (uint32_t)(step - plan->steps.at),
                   sum = wg_bytes_of(&plan->low, wg_sum_of(&plan->low, node));
    if (!in_arena(p, sum) || !in_arena(p, node->outputs) || p->last[sum] != step->wave ||
        p->reader[sum] != index || p->shared[sum] || p->last[p->buffer[sum]] == END)
        return;
    uint32_t readings = 0;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *member = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (uint32_t k = 0; k < member->input_count; k++) {
            const uint32_t value = plan->low.edges.at[member->inputs + k];
            readings += value != WG_ABSENT && wg_bytes_of(&plan->low, value) == sum;
        }
    }
    if (readings == 1) p->buffer[node->outputs] = p->buffer[sum];
}

/* --- Tiles and runs: values that never leave their step --------------------------------------- */

/* Must the value be there by the run: as what a kernel makes, or the one behind it reads? */
static bool passes_as_run(const wg_plan *plan, const wg_step *step, uint32_t member, uint32_t value) {
    if (!step->followed) return false;
    const wg_low_node *follower = &plan->low.nodes.at[plan->members.at[step->first + step->count - 1]];
    return member == 0 || plan->low.edges.at[follower->inputs] == value;
}

/* In the place of an input that is a run, has elements of the same size and is read for the last time, or in
 * a slot of its own. */
static wg_place place_run(placing *p, wg_step *step, uint32_t member, uint32_t value) {
    const wg_plan *plan = p->plan;
    const wg_lowered *low = &plan->low;
    const wg_low_node *node = &low->nodes.at[plan->members.at[step->first + member]];
    const size_t size = wg_dtype_size(low->values.at[value].type.dtype);
    const size_t bytes = wg_round_up((size_t)step->run_elements * size, WG_ALIGNMENT);
    if (step->run_bytes < bytes) step->run_bytes = bytes;
    for (uint32_t k = 0; member > 0 && value == node->outputs && k < node->input_count; k++) {
        const uint32_t input = low->edges.at[node->inputs + k];
        if (input != WG_ABSENT && plan->places[input].kind == WG_PLACE_RUN &&
            p->last_member[input] == member && wg_dtype_size(low->values.at[input].type.dtype) == size &&
            wg_plan_pass_on(plan, WG_PASS_OVERWRITE))
            return plan->places[input];
    }
    return (wg_place){WG_PLACE_RUN, step->runs++};
}

/* Gives each member's unexposed outputs slots, free again after the last member that reads them. */
static bool place_tiles(placing *p, wg_step *step) {
    wg_plan *plan = p->plan;
    uint32_t *last_member = p->last_member;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (int k = 0; k < node->output_count; k++) last_member[node->outputs + (uint32_t)k] = m;
        for (int k = 0; k < node->input_count; k++) {
            const uint32_t value = plan->low.edges.at[node->inputs + (uint32_t)k];
            if (value != WG_ABSENT) last_member[value] = m;
        }
    }
    p->free_slots.count = 0;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        if (!WG_RESERVE(&p->free_slots.at, &p->free_slots.capacity,
                        p->free_slots.count + node->input_count + node->output_count))
            return wg_tape_no_memory(p->tape);
        for (int k = 0; k < node->output_count; k++) {
            wg_place *place = &plan->places[node->outputs + (uint32_t)k];
            if (place->kind != WG_PLACE_NONE || p->exposed[node->outputs + (uint32_t)k]) continue;
            if (passes_as_run(plan, step, m, node->outputs + (uint32_t)k)) {
                *place = place_run(p, step, m, node->outputs + (uint32_t)k);
                continue;
            }
            *place = (wg_place){WG_PLACE_TILE, p->free_slots.count ? p->free_slots.at[--p->free_slots.count]
                                                                   : step->slots++};
        }
        for (int pass = 0; pass < 2;
             pass++) /* inputs read for the last time, then outputs that nobody reads */
            for (int k = 0; k < (pass ? node->output_count : node->input_count); k++) {
                const uint32_t value =
                    pass ? node->outputs + (uint32_t)k : plan->low.edges.at[node->inputs + (uint32_t)k];
                if (value == WG_ABSENT || last_member[value] != m ||
                    plan->places[value].kind != WG_PLACE_TILE)
                    continue;
                last_member[value] = WG_ABSENT; /* once, though an input be named twice */
                p->free_slots.at[p->free_slots.count++] = (uint32_t)plan->places[value].offset;
            }
    }
    return true;
}

/* --- Buffers ---------------------------------------------------------------------------------- */

/* The last step in which anything that shares the buffer is read. */
static void join_lifetimes(placing *p) {
    for (uint32_t v = 0; v < p->plan->low.values.count; v++) {
        const uint32_t b = p->buffer[v];
        if (b != v && p->last[v] != WG_ABSENT && (p->last[b] == WG_ABSENT || p->last[b] < p->last[v]))
            p->last[b] = p->last[v];
    }
}

static bool make_buffer(placing *p, uint32_t value, uint32_t first) {
    wg_plan *plan = p->plan;
    if (!WG_RESERVE(&plan->buffers.at, &plan->buffers.capacity, plan->buffers.count + 1))
        return wg_tape_no_memory(p->tape);
    const uint32_t last = p->last[value] == WG_ABSENT ? first : p->last[value];
    plan->buffers.at[plan->buffers.count++] =
        (wg_buffer){.value = value,
                    .first = first,
                    .last = last == END ? (uint32_t)plan->waves.count : last,
                    .bytes = wg_type_bytes(&plan->low.values.at[value].type)};
    return true;
}

/* Buffers for what the wave makes and nothing else has room for. */
static bool place_wave(placing *p, uint32_t index) {
    wg_plan *plan = p->plan;
    const wg_wave *wave = &plan->waves.at[index];
    const wg_step *first = &plan->steps.at[wave->first],
                  *last = &plan->steps.at[wave->first + wave->count - 1];
    for (uint32_t m = first->first; m < last->first + last->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[m]];
        for (uint32_t value = node->outputs; value < node->outputs + node->output_count; value++) {
            const uint32_t b = p->buffer[value];
            if (plan->places[value].kind != WG_PLACE_NONE) continue;
            if (b == value && !make_buffer(p, value, index)) return false;
            plan->places[value].kind = WG_PLACE_ARENA;
            plan->buffer_of[value] = b == value ? (uint32_t)plan->buffers.count - 1 : plan->buffer_of[b];
        }
    }
    return true;
}

/* Before the first wave that may write to a state: room for what states get that other leaves hold. */
static bool set_aside(placing *p) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->low.count.assigns; i++) {
        const uint32_t own = wg_bytes_of(&plan->low, plan->low.roots[plan->low.count.results + i]);
        if (!is_leaf_bytes(p, own)) continue;
        p->last[own] = END;
        p->aside[i] = plan->buffers.count;
        if (!make_buffer(p, own, plan->commit)) return false;
    }
    return true;
}

static bool place_arena(placing *p) {
    wg_plan *plan = p->plan;
    for (uint32_t i = 0; i <= plan->waves.count; i++)
        if ((i == plan->commit && !set_aside(p)) || (i < plan->waves.count && !place_wave(p, i)))
            return false;
    if (!wg_plan_offsets(plan, p->tape)) return false;
    for (size_t v = 0; v < plan->low.values.count; v++)
        if (plan->places[v].kind == WG_PLACE_ARENA)
            plan->places[v].offset = plan->buffers.at[plan->buffer_of[v]].offset;
    return true;
}

static bool place_all(placing *p) {
    wg_plan *plan = p->plan;
    find_lifetimes(p);
    place_leaves(p);
    expose_roots(p);
    place_results(p);
    place_states(p);
    for (size_t i = 0; i < plan->steps.count; i++) {
        wg_step *step = &plan->steps.at[i];
        if (step->kind == WG_STEP_KERNEL && plan->low.nodes.at[plan->members.at[step->first]].accumulates &&
            wg_plan_pass_on(plan, WG_PASS_OVERWRITE))
            share_sum(p, step);
        if (wg_first_tiled(step) >= step->count) continue;
        if (!place_tiles(p, step)) return false;
        if (step->elements > 1 && wg_plan_pass_on(plan, WG_PASS_OVERWRITE)) share_in_step(p, step);
    }
    join_lifetimes(p);
    if (!place_arena(p)) return false;
    copy_results(p, true);
    copy_states(p, true);
    plan->early_copies = plan->copies.count;
    copy_results(p, false);
    copy_states(p, false);
    return true;
}

bool wg_plan_place(wg_plan *plan, wg_tape *tape) {
    placing p = {.plan = plan, .tape = tape};
    const size_t values = plan->low.values.count + 1, assigns = plan->low.count.assigns;
    plan->places = calloc(values, sizeof *plan->places);
    plan->buffer_of = calloc(values, sizeof *plan->buffer_of);
    uint32_t *words = malloc(4 * values * sizeof *words);
    uint8_t *bytes = calloc(2 * values, 1);
    p.aside = malloc((assigns + 1) * sizeof *p.aside);
    bool good =
        plan->places && plan->buffer_of && words && bytes && p.aside &&
        WG_RESERVE(&plan->copies.at, &plan->copies.capacity, plan->low.count.results + 2 * assigns + 1);
    if (good) {
        p.last = words;
        p.reader = p.last + values;
        p.buffer = p.reader + values;
        p.last_member = p.buffer + values;
        p.exposed = bytes;
        p.shared = p.exposed + values;
        for (uint32_t v = 0; v < values; v++) {
            p.last[v] = WG_ABSENT;
            p.buffer[v] = v;
        }
    }
    good = good ? place_all(&p) : wg_tape_no_memory(tape);
    free(words);
    free(bytes);
    free(p.aside);
    free(p.free_slots.at);
    return good;
}
