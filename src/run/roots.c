/* roots — what an evaluation starts from and what it leaves behind: vars asked for, assigns, values. */
#include "run/evaluation.h"

#define ROOM(tape, array, more) \
    (WG_RESERVE(&(array).at, &(array).capacity, (array).count + (more)) || wg_tape_no_memory(tape))

/* --- Values of earlier evaluations ------------------------------------------------------------ */

bool wg_drop_values(wg_tape *tape) {
    if (!WG_TAPE_ROOM(tape, spare, tape->values.count)) return false;
    size_t left = 1;
    for (size_t i = 1; i < tape->values.count; i++) {
        wg_value_entry entry = tape->values.at[i];
        if (entry.kept) {
            tape->nodes.at[entry.id].value = (uint32_t)left;
            tape->values.at[left++] = entry;
            continue;
        }
        tape->nodes.at[entry.id].value = 0;
        if (wg_tensor_owners(entry.tensor) > 1)
            wg_tensor_free(entry.tensor);
        else if (entry.tensor)
            tape->spare.at[tape->spare.count++] = entry.tensor;
    }
    tape->values.count = left;
    return true;
}

/* --- Roots ------------------------------------------------------------------------------------ */

static bool add_root(wg_tape *tape, wg_evaluation *e, uint32_t id) {
    if (!ROOM(tape, e->roots, 1)) return false;
    e->roots.at[e->roots.count++] = id;
    return true;
}

static bool is_root(const wg_evaluation *e, size_t count, uint32_t id) {
    for (size_t i = 0; i < count; i++)
        if (e->roots.at[i] == id) return true;
    return false;
}

/* The vars asked for, each once; those whose value is kept need nothing. */
static bool add_vars(wg_tape *tape, wg_evaluation *e, const wg_var *vars) {
    for (const wg_var *var = vars; var->tape || var->id != UINT32_MAX; var++) {
        if (!wg_tape_owns(tape, *var, "wg_eval: an argument")) return false;
        const wg_node *node = &tape->nodes.at[var->id];
        if (node->value && tape->values.at[node->value].tensor) continue;
        if (!is_root(e, e->roots.count, var->id) && !add_root(tape, e, var->id)) return false;
    }
    return true;
}

static bool add_assigns(wg_tape *tape, wg_evaluation *e) {
    if (!ROOM(tape, e->states, tape->assigns.count)) return false;
    for (size_t i = 0; i < tape->assigns.count; i++) {
        if (!add_root(tape, e, tape->assigns.at[i].value)) return false;
        e->states.at[e->states.count++] = wg_state_retain(tape->assigns.at[i].state);
    }
    for (size_t i = 0; i < tape->guards.count; i++)
        if (!add_root(tape, e, tape->guards.at[i])) return false;
    e->count.assigns = tape->assigns.count;
    e->count.guards = tape->guards.count;
    return true;
}

/* What is to be kept and is computed on the way is a result as well: it goes behind those asked for. */
static bool add_kept(wg_tape *tape, wg_evaluation *e) {
    const size_t asked = e->count.results;
    for (size_t i = 1; i < tape->values.count; i++) {
        const wg_value_entry *entry = &tape->values.at[i];
        if (entry->tensor || wg_rank(tape, entry->id) == WG_UNRANKED || is_root(e, asked, entry->id))
            continue;
        if (!add_root(tape, e, entry->id)) return false;
        uint32_t *behind = e->roots.at + e->count.results++;
        memmove(behind + 1, behind, (e->roots.count - e->count.results) * sizeof *behind);
        *behind = entry->id;
    }
    return true;
}

bool wg_find_roots(wg_tape *tape, wg_evaluation *e, const wg_var *vars, bool assign) {
    e->roots.count = 0;
    e->count = (wg_root_counts){0};
    if (!add_vars(tape, e, vars)) return false;
    e->count.results = e->roots.count;
    return (!assign || add_assigns(tape, e)) && wg_order(tape, e->roots.at, e->roots.count, true) &&
           add_kept(tape, e);
}

/* --- Results ---------------------------------------------------------------------------------- */

static wg_tensor *result_tensor(wg_tape *tape, const wg_type *type) {
    for (size_t i = tape->spare.count; i-- > 0;) {
        wg_tensor *tensor = tape->spare.at[i];
        if (!wg_type_equal(&tensor->type, type)) continue;
        tape->spare.at[i] = tape->spare.at[--tape->spare.count];
        return tensor;
    }
    wg_error error;
    wg_tensor *tensor = wg_tensor_of_type(type, &error);
    if (!tensor) wg_tape_fail(tape, error.status, "%s", error.message);
    return tensor;
}

/* Takes the value's tensor away from it, if it has one and nobody else holds it. */
static wg_tensor *take_value(wg_tape *tape, const wg_node *node) {
    wg_tensor **value = node->value ? &tape->values.at[node->value].tensor : NULL,
              *tensor = value ? *value : NULL;
    if (!tensor) return NULL;
    *value = NULL;
    if (wg_tensor_owners(tensor) == 1) return tensor;
    wg_tensor_free(tensor);
    return NULL;
}

bool wg_make_results(wg_tape *tape, wg_evaluation *e) {
    const size_t count = e->count.results;
    e->results.count = 0;
    if (!ROOM(tape, e->results, count) || !WG_TAPE_ROOM(tape, values, count) ||
        !WG_TAPE_ROOM(tape, spare, count))
        return false;
    for (size_t i = 0; i < count; i++) {
        const wg_node *node = &tape->nodes.at[e->roots.at[i]];
        const wg_type type = wg_node_type(tape, node);
        wg_tensor *tensor = take_value(tape, node);
        if (!tensor) tensor = result_tensor(tape, &type);
        if (!tensor) return false;
        e->results.at[e->results.count++] = tensor;
    }
    return true;
}

void wg_hand_over_results(wg_tape *tape, wg_evaluation *e, bool success) {
    for (size_t i = 0; i < e->results.count; i++) {
        wg_node *node = &tape->nodes.at[e->roots.at[i]];
        if (!success) {
            tape->spare.at[tape->spare.count++] = e->results.at[i];
        } else if (node->value) {
            tape->values.at[node->value].tensor = e->results.at[i];
        } else {
            node->value = (uint32_t)tape->values.count;
            tape->values.at[tape->values.count++] =
                (wg_value_entry){.id = e->roots.at[i], .tensor = e->results.at[i]};
        }
    }
    e->results.count = 0;
}
