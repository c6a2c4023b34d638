/* tape — the life of a tape: made, cleared (its memory is kept), freed; and what can be asked of it. */
#include "tape/tape.h"
#include <math.h>
#include <stdlib.h>

/* What stands at place 0 of the arrays in which 0 means "none". */
static bool add_nones(wg_tape *tape) {
    if (!WG_TAPE_ROOM(tape, values, 1) || !WG_TAPE_ROOM(tape, scopes, 1) || !WG_TAPE_ROOM(tape, sites, 1) ||
        !WG_TAPE_ROOM(tape, attributes, 1))
        return false;
    tape->values.at[0] = (wg_value_entry){.id = WG_ABSENT};
    tape->scopes.at[0] = 0;
    tape->values.count = tape->scopes.count = 1;
    if (tape->sites.count == 0) tape->sites.at[tape->sites.count++] = (wg_site){0};
    return true;
}

wg_tape *(wg_tape_new)(const wg_tape_options *options) {
    wg_tape *tape = calloc(1, sizeof *tape);
    if (!tape) return NULL;
    tape->epoch = 1;
    tape->engine = options && options->engine ? options->engine : wg_engine_default(NULL);
    if (!tape->engine || !add_nones(tape)) {
        wg_tape_free(tape);
        return NULL;
    }
    return tape;
}

enum { SPARE_TENSORS = 64 }; /* results kept for the next recording; the oldest go first */

static void retire(wg_tape *tape, wg_tensor *tensor) {
    if (!tensor) return;
    if (wg_tensor_owners(tensor) > 1 || !WG_RESERVE(&tape->spare.at, &tape->spare.capacity, SPARE_TENSORS)) {
        wg_tensor_free(tensor);
        return;
    }
    if (tape->spare.count == SPARE_TENSORS) {
        wg_tensor_free(tape->spare.at[0]);
        memmove(tape->spare.at, tape->spare.at + 1, (SPARE_TENSORS - 1) * sizeof *tape->spare.at);
        tape->spare.count--;
    }
    tape->spare.at[tape->spare.count++] = tensor;
}

void wg_tape_clear(wg_tape *tape) {
    if (!tape) return;
    for (size_t i = 0; i < tape->inputs.count; i++) wg_tensor_free(tape->inputs.at[i]);
    for (size_t i = 0; i < tape->reads.count; i++) wg_state_free(tape->reads.at[i].state);
    for (size_t i = 0; i < tape->assigns.count; i++) wg_state_free(tape->assigns.at[i].state);
    for (size_t i = 1; i < tape->values.count; i++) retire(tape, tape->values.at[i].tensor);
    tape->nodes.count = tape->edges.count = tape->attributes.count = tape->extents.count = 0;
    tape->inputs.count = tape->reads.count = tape->assigns.count = tape->guards.count = 0;
    tape->compositions.count = 0;
    tape->text.count = tape->scope_stack.count = 0;
    tape->values.count = tape->scopes.count = 1;
    tape->rank.count = tape->order.count = 0;
    tape->walk = 0;
    wg_table_clear(&tape->name_table);
    wg_table_clear(&tape->state_table);
    wg_table_clear(&tape->cast_table);
    tape->unstamped = tape->site_now = tape->scope_now = tape->unopened_scopes = tape->regions = 0;
    tape->flags_now = 0;
    tape->error_scope = 0; /* its text is gone */
    if (++tape->epoch == 0) tape->epoch = 1;
}

void wg_tape_free(wg_tape *tape) {
    if (!tape) return;
    if (tape->values.count) wg_tape_clear(tape);
    for (size_t i = 0; i < tape->spare.count; i++) wg_tensor_free(tape->spare.at[i]);
    if (tape->scratch) tape->free_scratch(tape->scratch);
    void *const arrays[] = {
        tape->nodes.at,  tape->edges.at,       tape->attributes.at, tape->extents.at,
        tape->inputs.at, tape->reads.at,       tape->assigns.at,    tape->guards.at,
        tape->values.at, tape->spare.at,       tape->sites.at,      tape->text.at,
        tape->scopes.at, tape->scope_stack.at, tape->order.at,      tape->rank.at,
        tape->stack.at,  tape->paths.at,       tape->cotangents.at, tape->contributions.at,
        tape->key.at,    tape->compositions.at};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) free(arrays[i]);
    wg_table_free(&tape->site_table);
    wg_table_free(&tape->name_table);
    wg_table_free(&tape->state_table);
    wg_table_free(&tape->cast_table);
    free(tape);
}

bool wg_valid(wg_var var) {
    return var.tape && !var.tape->error.status && var.epoch == var.tape->epoch &&
           var.id < var.tape->nodes.count;
}

wg_type wg_type_of(wg_var var) {
    return wg_valid(var) ? wg_node_type(var.tape, &var.tape->nodes.at[var.id]) : (wg_type){0};
}

uint32_t wg_tape_nodes(const wg_tape *tape) { return tape ? (uint32_t)tape->nodes.count : 0; }
wg_engine *wg_tape_engine(const wg_tape *tape) { return tape ? tape->engine : NULL; }

size_t wg_tape_bytes(const wg_tape *tape) {
    if (!tape) return 0;
    return tape->nodes.count * sizeof *tape->nodes.at + tape->edges.count * sizeof *tape->edges.at +
           tape->attributes.count * sizeof *tape->attributes.at +
           tape->extents.count * sizeof *tape->extents.at;
}

const wg_tensor *wg_value(wg_var var) {
    if (!wg_valid(var)) return NULL;
    const uint32_t value = var.tape->nodes.at[var.id].value;
    return value ? var.tape->values.at[value].tensor : NULL;
}

double wg_item(wg_var var) {
    const wg_tensor *tensor = wg_value(var);
    return tensor && wg_tensor_count(tensor) == 1 ? wg_tensor_get(tensor, 0) : NAN;
}

wg_var (wg_keep)(wg_var var) {
    wg_tape *tape = var.tape;
    if (!tape || !wg_tape_owns(tape, var, "wg_keep: the argument")) return wg_invalid(tape);
    uint32_t value = tape->nodes.at[var.id].value;
    if (!value) {
        if (!WG_TAPE_ROOM(tape, values, 1)) return wg_invalid(tape);
        value = (uint32_t)tape->values.count++;
        tape->values.at[value] = (wg_value_entry){.id = var.id};
        tape->nodes.at[var.id].value = value;
    }
    tape->values.at[value].kept = true;
    return var;
}

const char *wg_describe(wg_var var) {
    if (!var.tape) return "no var";
    char *text = var.tape->message;
    const size_t size = sizeof var.tape->message;
    if (var.epoch != var.tape->epoch) return "stale var of a cleared tape";
    if (var.id >= var.tape->nodes.count) return "invalid var";
    const wg_tape *tape = var.tape;
    const wg_node *node = &tape->nodes.at[var.id];
    const wg_type type = wg_node_type(tape, node);
    const wg_site site = tape->sites.at[node->site];
    char shape[WG_TEXT_SIZE];
    size_t at = (size_t)snprintf(text, size, "%%%u %s %s", (unsigned)var.id, node->op->name,
                                 wg_type_text(shape, &type, true));
    if (node->scope && at < size)
        at += (size_t)snprintf(text + at, size - at, " in \"%s\"", wg_scope_text(tape, node->scope));
    if (site.file && at < size)
        at += (size_t)snprintf(text + at, size - at, " at %s:%d", site.file, site.line);
    const wg_tensor *value = node->value ? tape->values.at[node->value].tensor : NULL;
    if (value && at < size) {
        at += (size_t)snprintf(text + at, size - at, " =");
        const int64_t shown = wg_smaller(wg_tensor_count(value), 4);
        for (int64_t i = 0; i < shown && at < size; i++)
            at += (size_t)snprintf(text + at, size - at, " %g", wg_tensor_get(value, i));
        if (shown < wg_tensor_count(value) && at < size) snprintf(text + at, size - at, " …");
    }
    return text;
}
