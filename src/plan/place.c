/* place — says where the bytes of every value lie: in a leaf's own memory, in a result's, in a tile, or at
 * an offset of the arena.
 *
 * Assumes: steps fixed. Leaves: plan->places, copies, arena_bytes and the slots of each tile step. A value
 * lives from the step that makes it to the last step that reads it; assigned values live to the end. An
 * elementwise output takes over the buffer of an input that is read there for the last time. The arena is
 * filled in the order of steps: the smallest hole that is large enough, at a tie the lowest, else the
 * end; so equal plans are equal. */
#include "plan/plan.h"
#include <stdlib.h>

#define END (UINT32_MAX - 1) /* the step after all others */

typedef struct hole {
    uint64_t offset, size;
} hole;

typedef struct placing {
    wg_plan *plan;
    wg_tape *tape;
    uint32_t *last;   /* by value: the last step that reads its bytes; WG_ABSENT: none does */
    uint8_t *exposed; /* by value: is read outside of tiles of its own step */
    uint32_t *buffer; /* by value: the value whose buffer it has: itself, or the one it took over */
    uint32_t *dying;  /* by step: list of buffers that end there, linked by dies_with */
    uint32_t *dies_with;
    WG_ARRAY(hole) holes;
    uint64_t end; /* of the arena so far */
} placing;

static size_t bytes_of(const placing *p, uint32_t value) {
    const size_t bytes = wg_type_bytes(&p->plan->low.values.at[value].type);
    return wg_round_up(bytes ? bytes : 1, WG_ALIGNMENT);
}

/* --- Lifetimes -------------------------------------------------------------------------------- */

static void note_use(placing *p, uint32_t value, uint32_t step, bool tiled) {
    const wg_lowered *low = &p->plan->low;
    const uint32_t own = wg_bytes_of(low, value);
    if (p->last[own] == WG_ABSENT || p->last[own] < step) p->last[own] = step;
    if (!tiled || own != value || p->plan->step_of[low->values.at[own].node] != step) p->exposed[own] = true;
}

static void find_lifetimes(placing *p) {
    const wg_plan *plan = p->plan;
    for (uint32_t i = 0; i < plan->low.nodes.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[i];
        if (plan->step_of[i] == WG_ABSENT || node->leaf) continue;
        for (int k = 0; k < node->input_count; k++) {
            const uint32_t value = plan->low.edges.at[node->inputs + (uint32_t)k];
            if (value != WG_ABSENT) note_use(p, value, plan->step_of[i], wg_is_tiled(node));
        }
    }
}

/* --- Results and assigns: the roots ----------------------------------------------------------- */

/* The first result that asks for a value's bytes gets them made in its own tensor; all others are copies. An
 * assigned leaf is copied to the arena first, for the state that it is read from may be assigned too. */
static bool place_roots(placing *p) {
    wg_plan *plan = p->plan;
    if (!WG_RESERVE(&plan->copies.at, &plan->copies.capacity, plan->low.root_count))
        return wg_tape_no_memory(p->tape);
    for (size_t i = 0; i < plan->low.root_count; i++) {
        const uint32_t own = wg_bytes_of(&plan->low, plan->low.roots[i]);
        wg_place *place = &plan->places[own];
        p->last[own] = END;
        p->exposed[own] = true;
        if (i >= plan->result_count) continue;
        if (place->kind == WG_PLACE_NONE)
            *place = (wg_place){WG_PLACE_RESULT, i};
        else
            plan->copies.at[plan->copies.count++] = (wg_copy){own, (uint32_t)i};
    }
    return true;
}

static void place_leaves(placing *p) {
    for (uint32_t i = 0; i < p->plan->low.nodes.count; i++) {
        const wg_low_node *node = &p->plan->low.nodes.at[i];
        if (node->leaf && node->dense) p->plan->places[node->outputs] = (wg_place){WG_PLACE_LEAF, i};
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
    if (!in_arena(p, input) || p->last[input] != index || plan->step_of[in->node] == index ||
        p->last[p->buffer[input]] == END)
        return false;
    if (wg_dtype_size(in->type.dtype) != wg_dtype_size(out->type.dtype)) return false;
    for (uint32_t m = 0; m < step->count; m++) {
        const uint32_t member = plan->members.at[step->first + m];
        const wg_low_node *node = &plan->low.nodes.at[member];
        for (int k = 0; k < node->input_count; k++) {
            const uint32_t value = plan->low.edges.at[node->inputs + (uint32_t)k];
            if (value == WG_ABSENT || wg_bytes_of(&plan->low, value) != input) continue;
            if (m > at || !wg_shape_equal(&plan->low.values.at[value].type, &out->type)) return false;
        }
        for (int k = 0; k < node->output_count; k++) /* taken over already? */
            if (node->outputs + (uint32_t)k != output &&
                p->buffer[node->outputs + (uint32_t)k] == p->buffer[input])
                return false;
    }
    return true;
}

static void share_in_step(placing *p, const wg_step *step) {
    const wg_plan *plan = p->plan;
    for (uint32_t m = 0; m < step->count; m++) {
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

/* --- Tiles: values that never leave their step ------------------------------------------------ */

/* Gives each member's unexposed outputs slots, free again after the last member that reads them. */
static bool place_tiles(placing *p, wg_step *step, uint32_t *last_member) {
    wg_plan *plan = p->plan;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (int k = 0; k < node->output_count; k++) last_member[node->outputs + (uint32_t)k] = m;
        for (int k = 0; k < node->input_count; k++) {
            const uint32_t value = plan->low.edges.at[node->inputs + (uint32_t)k];
            if (value != WG_ABSENT) last_member[value] = m;
        }
    }
    p->holes.count = 0; /* free slots */
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        if (!WG_RESERVE(&p->holes.at, &p->holes.capacity,
                        p->holes.count + node->input_count + node->output_count))
            return wg_tape_no_memory(p->tape);
        for (int k = 0; k < node->output_count; k++) {
            wg_place *place = &plan->places[node->outputs + (uint32_t)k];
            if (place->kind != WG_PLACE_NONE || p->exposed[node->outputs + (uint32_t)k]) continue;
            *place = (wg_place){WG_PLACE_TILE,
                                p->holes.count ? p->holes.at[--p->holes.count].offset : step->slots++};
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
                p->holes.at[p->holes.count++] = (hole){plan->places[value].offset, 1};
            }
    }
    return true;
}

/* --- Offsets ---------------------------------------------------------------------------------- */

static uint64_t take(placing *p, uint64_t size) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < p->holes.count; i++)
        if (p->holes.at[i].size >= size && (best == SIZE_MAX || p->holes.at[i].size < p->holes.at[best].size))
            best = i;
    if (best == SIZE_MAX) { /* at the end, which a hole may reach into */
        hole *last = p->holes.count ? &p->holes.at[p->holes.count - 1] : NULL;
        uint64_t offset = p->end;
        if (last && last->offset + last->size == p->end) {
            offset = last->offset;
            p->holes.count--;
        }
        p->end = offset + size;
        return offset;
    }
    hole *h = &p->holes.at[best];
    const uint64_t offset = h->offset;
    h->offset += size;
    h->size -= size;
    if (h->size == 0) memmove(h, h + 1, (--p->holes.count - best) * sizeof *h);
    return offset;
}

/* Holes are sorted by offset and never touch each other. */
static bool give_back(placing *p, uint64_t offset, uint64_t size) {
    if (!WG_RESERVE(&p->holes.at, &p->holes.capacity, p->holes.count + 1)) return wg_tape_no_memory(p->tape);
    size_t at = 0, high = p->holes.count;
    while (at < high) {
        const size_t middle = (at + high) / 2;
        if (p->holes.at[middle].offset < offset)
            at = middle + 1;
        else
            high = middle;
    }
    hole *h = &p->holes.at[at];
    const bool before = at > 0 && h[-1].offset + h[-1].size == offset,
               after = at < p->holes.count && offset + size == h->offset;
    if (before && after) {
        h[-1].size += size + h->size;
        memmove(h, h + 1, (--p->holes.count - at) * sizeof *h);
    } else if (before) {
        h[-1].size += size;
    } else if (after) {
        h->offset = offset;
        h->size += size;
    } else {
        memmove(h + 1, h, (p->holes.count++ - at) * sizeof *h);
        *h = (hole){offset, size};
    }
    return true;
}

/* The last step in which anything that shares the buffer is read. */
static void join_lifetimes(placing *p) {
    for (uint32_t v = 0; v < p->plan->low.values.count; v++) {
        const uint32_t b = p->buffer[v];
        if (b != v && p->last[v] != WG_ABSENT && (p->last[b] == WG_ABSENT || p->last[b] < p->last[v]))
            p->last[b] = p->last[v];
    }
}

static bool place_step(placing *p, uint32_t index) {
    wg_plan *plan = p->plan;
    const wg_step *step = &plan->steps.at[index];
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + m]];
        for (int k = 0; k < node->output_count; k++) {
            const uint32_t value = node->outputs + (uint32_t)k, b = p->buffer[value];
            if (plan->places[value].kind != WG_PLACE_NONE) continue;
            if (b != value) {
                plan->places[value] = plan->places[b];
                continue;
            }
            plan->places[value] = (wg_place){WG_PLACE_ARENA, take(p, bytes_of(p, value))};
            if (p->end > INT64_MAX)
                return wg_tape_fail(p->tape, WG_ERROR_MEMORY,
                                    "wg_eval: its buffers together have more bytes than 64 bits can count"),
                       false;
            const uint32_t last = p->last[value] == WG_ABSENT ? index : p->last[value];
            if (last == END) continue;
            p->dies_with[value] = p->dying[last];
            p->dying[last] = value;
        }
    }
    for (uint32_t value = p->dying[index]; value != WG_ABSENT; value = p->dies_with[value])
        if (!give_back(p, plan->places[value].offset, bytes_of(p, value))) return false;
    return true;
}

static bool place_all(placing *p) {
    wg_plan *plan = p->plan;
    find_lifetimes(p);
    place_leaves(p);
    if (!place_roots(p)) return false;
    for (size_t i = 0; i < plan->steps.count; i++)
        if (plan->steps.at[i].kind != WG_STEP_TILES)
            for (uint32_t v = plan->low.nodes.at[plan->members.at[plan->steps.at[i].first]].outputs, n = 0;
                 n < plan->low.nodes.at[plan->members.at[plan->steps.at[i].first]].output_count; n++)
                p->exposed[v + n] = true;
    uint32_t *last_member = p->dies_with; /* not used yet */
    for (size_t i = 0; i < plan->steps.count; i++) {
        wg_step *step = &plan->steps.at[i];
        if (step->kind != WG_STEP_TILES) continue;
        if (!place_tiles(p, step, last_member)) return false;
        if (step->elements > 1) share_in_step(p, step);
    }
    join_lifetimes(p);
    for (size_t i = 0; i < plan->steps.count; i++) p->dying[i] = WG_ABSENT;
    p->holes.count = 0;
    for (uint32_t i = 0; i < plan->steps.count; i++)
        if (!place_step(p, i)) return false;
    plan->arena_bytes = p->end;
    return true;
}

bool wg_plan_place(wg_plan *plan, wg_tape *tape) {
    placing p = {.plan = plan, .tape = tape};
    const size_t values = plan->low.values.count + 1;
    plan->places = calloc(values, sizeof *plan->places);
    p.last = malloc(values * sizeof *p.last);
    p.exposed = calloc(values, 1);
    p.buffer = malloc(values * sizeof *p.buffer);
    p.dies_with = malloc(values * sizeof *p.dies_with);
    p.dying = malloc((plan->steps.count + 1) * sizeof *p.dying);
    bool good = plan->places && p.last && p.exposed && p.buffer && p.dies_with && p.dying;
    for (uint32_t v = 0; good && v < values; v++) {
        p.last[v] = WG_ABSENT;
        p.buffer[v] = v;
    }
    good = good ? place_all(&p) : wg_tape_no_memory(tape);
    free(p.last);
    free(p.exposed);
    free(p.buffer);
    free(p.dies_with);
    free(p.dying);
    free(p.holes.at);
    return good;
}
