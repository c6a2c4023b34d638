/* verify_places — every value has a place that it may have, and leaves read the states that they are said to
 * read. */
#include "plan/verify.h"
#include <stdlib.h>

/* --- Places ----------------------------------------------------------------------------------- */

static size_t bytes_of(const wg_proof *p, uint32_t value) {
    return wg_type_bytes(&p->low->values.at[value].type);
}
static uint32_t root(const wg_proof *p, uint64_t i) { return wg_bytes_of(p->low, p->low->roots[i]); }

static bool prove_place(const wg_proof *p, uint32_t value) {
    const wg_lowered *low = p->low;
    const uint32_t node = low->values.at[value].node;
    const wg_low_node *maker = &low->nodes.at[node];
    const wg_place place = p->plan->places[value];
    if (maker->dead) return true;
    if (low->values.at[value].view_of != WG_ABSENT)
        return place.kind == WG_PLACE_NONE || wg_refute(p, node, "is a view, and has a place");
    if (maker->leaf && maker->dense)
        return (place.kind == WG_PLACE_LEAF && place.offset == node) ||
               wg_refute(p, node, "is not where it lies");
    if (place.kind == WG_PLACE_ARENA) {
        const uint32_t buffer = p->plan->buffer_of[value];
        if (buffer >= p->plan->buffers.count || p->plan->buffers.at[buffer].offset != place.offset)
            return wg_refute(p, node, "lies at byte %llu, where no buffer begins that was made for it",
                             (unsigned long long)place.offset);
        return bytes_of(p, value) <= p->plan->buffers.at[buffer].bytes ||
               wg_refute(p, node, "has %zu bytes, its buffer %llu", bytes_of(p, value),
                         (unsigned long long)p->plan->buffers.at[buffer].bytes);
    }
    if (place.kind == WG_PLACE_RESULT)
        return (place.offset < low->count.results && root(p, place.offset) == value) ||
               wg_refute(p, node, "lies in result %llu, which is another value",
                         (unsigned long long)place.offset);
    if (place.kind == WG_PLACE_STATE)
        return (place.offset < low->count.assigns && root(p, low->count.results + place.offset) == value &&
                wg_is_tiled(maker) && wg_plan_pass_on(p->plan, WG_PASS_UPDATE)) ||
               wg_refute(p, node, "lies in state %llu, and may not", (unsigned long long)place.offset);
    const wg_step *step = &p->plan->steps.at[p->plan->step_of[node]];
    if (place.kind == WG_PLACE_RUN) /* of output 0 of the kernel, or of an elementwise member */
        return (step->followed && place.offset < step->runs && value == maker->outputs &&
                p->member[node] < step->first + step->count - 1) ||
               wg_refute(p, node, "passes as runs where no kernel follows");
    return (place.kind == WG_PLACE_TILE && wg_is_tiled(maker) &&
            place.offset < p->plan->steps.at[p->plan->step_of[node]].slots) ||
           wg_refute(p, node, "has no place");
}

bool wg_prove_places(const wg_proof *p) {
    for (uint32_t v = 0; v < p->low->values.count; v++)
        if (!prove_place(p, v)) return false;
    return true;
}

/* --- States ----------------------------------------------------------------------------------- */

static const wg_state *state_of_leaf(const wg_proof *p, const wg_low_node *leaf) {
    const input_attributes *a = wg_node_attributes(p->tape, &p->tape->nodes.at[p->order[leaf->source]]);
    return p->tape->reads.at[a->index].state;
}

typedef struct assigned {
    const wg_state *state;
    uint32_t assign;
} assigned;

static int by_state(const void *one, const void *other) {
    const uintptr_t a = (uintptr_t)((const assigned *)one)->state,
                    b = (uintptr_t)((const assigned *)other)->state;
    return a < b ? -1 : a > b;
}

bool wg_prove_states(const wg_proof *p, uint32_t *state_of) {
    const size_t count = p->low->count.assigns;
    assigned *list = malloc((count + 1) * sizeof *list);
    bool good = list || wg_tape_no_memory(p->tape);
    if (good && p->tape->assigns.count < count)
        good = wg_refute(p, WG_ABSENT, "it has assigns that the tape has not");
    for (uint32_t i = 0; good && i < count; i++) list[i] = (assigned){p->tape->assigns.at[i].state, i};
    if (good) qsort(list, count, sizeof *list, by_state);
    for (size_t i = 1; good && i < count; i++)
        if (list[i].state == list[i - 1].state) good = wg_refute(p, WG_ABSENT, "a state is assigned twice");
    for (uint32_t i = 0; good && i < p->low->nodes.count; i++) {
        const wg_low_node *node = &p->low->nodes.at[i];
        if (node->leaf != WG_LEAF_STATE || node->dead || !count) continue;
        const assigned wanted = {state_of_leaf(p, node), 0};
        const assigned *found = bsearch(&wanted, list, count, sizeof *list, by_state);
        if (!found) continue;
        if (p->low->read_by[found->assign] != i)
            good = wg_refute(p, i, "reads the state of assign %u, which says that node %u does",
                             found->assign, p->low->read_by[found->assign]);
        state_of[node->outputs] = found->assign;
    }
    for (size_t i = 0; good && i < count; i++) {
        const uint32_t leaf = p->low->read_by[i];
        if (leaf != WG_ABSENT &&
            (leaf >= p->low->nodes.count || state_of[p->low->nodes.at[leaf].outputs] != i))
            good = wg_refute(p, leaf, "does not read the state of assign %zu", i);
    }
    free(list);
    return good;
}
