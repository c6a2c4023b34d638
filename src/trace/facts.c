/* facts — of a plan's nodes their roles, of its steps their work: what listing and pictures share. */
#include "trace/trace.h"
#include <stdlib.h>

/* --- Roles ------------------------------------------------------------------------------------ */

const char *wg_role_name(int role) {
    static const char *const names[] = {"forward", "backward", "update"};
    return names[role];
}

enum { FROM_ADJOINT = 1, FOR_ADJOINT = 2, FOR_RESULT = 4 };

/* An adjoint is backward. Of the others those are update that no adjoint needs, and that come from adjoints
 * or serve no result: they only make new content of states, or check whether it may be made. */
static void find_roles(wg_facts *f, uint8_t *reach) {
    const wg_lowered *low = f->low;
    for (size_t i = 0; i < low->count.results; i++) reach[low->values.at[low->roots[i]].node] |= FOR_RESULT;
    for (size_t i = low->nodes.count; i-- > 0;) {
        const wg_low_node *node = &low->nodes.at[i];
        const bool adjoint = wg_is_adjoint(f->tape, f->evaluation, node);
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value == WG_ABSENT) continue;
            reach[low->values.at[value].node] |=
                (uint8_t)((reach[i] & (FOR_ADJOINT | FOR_RESULT)) | (adjoint ? FOR_ADJOINT : 0));
        }
    }
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value != WG_ABSENT) reach[i] |= reach[low->values.at[value].node] & FROM_ADJOINT;
        }
        const bool adjoint = wg_is_adjoint(f->tape, f->evaluation, node);
        if (adjoint) reach[i] |= FROM_ADJOINT;
        const bool update =
            !(reach[i] & FOR_ADJOINT) && (reach[i] & FROM_ADJOINT || !(reach[i] & FOR_RESULT));
        f->roles[i] = (uint8_t)(adjoint ? WG_ROLE_BACKWARD : update ? WG_ROLE_UPDATE : WG_ROLE_FORWARD);
    }
}

int wg_facts_open(wg_facts *f, const wg_tape *tape, const char *what, wg_error *error) {
    *f = (wg_facts){.tape = tape, .evaluation = tape ? wg_evaluation_latest(tape) : NULL};
    if (!f->evaluation)
        return wg_error_set(
            error, WG_ERROR_STALE, "%s: %s", what,
            tape ? "the tape has no plan: nothing was evaluated or prepared since it was cleared"
                 : "the tape is NULL");
    f->plan = f->evaluation->plan;
    f->low = &f->plan->low;
    f->roles = malloc(f->low->nodes.count + 1);
    f->seen = calloc(f->low->values.count + 1, sizeof *f->seen);
    f->operands = malloc((wg_most_operands(f->low) + 1) * sizeof *f->operands);
    uint8_t *reach = calloc(f->low->nodes.count + 1, 1);
    const bool good = f->roles && f->seen && f->operands && reach;
    if (good) find_roles(f, reach);
    free(reach);
    return good ? WG_OK : wg_error_set(error, WG_ERROR_MEMORY, "%s: out of memory", what);
}

void wg_facts_close(wg_facts *f) {
    free(f->roles);
    free(f->seen);
    free(f->operands);
    *f = (wg_facts){0};
}

/* --- Work ------------------------------------------------------------------------------------- */

double wg_flops_of(const wg_facts *f, const wg_low_node *node) {
    if (node->leaf) return 0;
    const void *attributes = wg_low_attributes(f->low, node, f->tape, f->evaluation->order.at);
    return wg_low_cost(f->low, node, attributes, f->operands).flops;
}

wg_step_work wg_work_of(wg_facts *f, uint32_t index) {
    const wg_step *step = &f->plan->steps.at[index];
    wg_step_work work = {0};
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &f->low->nodes.at[f->plan->members.at[step->first + m]];
        work.flops += wg_flops_of(f, node);
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = f->low->edges.at[node->inputs + k];
            const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(f->low, value);
            if (own == WG_ABSENT || f->plan->step_of[f->low->values.at[own].node] == index ||
                f->seen[own] == index + 1)
                continue;
            f->seen[own] = index + 1;
            work.read += (double)wg_type_bytes(&f->low->values.at[own].type);
        }
        for (uint32_t k = 0; k < node->output_count; k++) {
            if (f->plan->places[node->outputs + k].kind >= WG_PLACE_TILE) continue; /* in the cache */
            const double bytes = (double)wg_type_bytes(&f->low->values.at[node->outputs + k].type);
            work.written += bytes;
            if (node->leaf) work.read += bytes;
        }
    }
    return work;
}

/* --- Amounts ---------------------------------------------------------------------------------- */

static const char *amount(char text[WG_AMOUNT_SIZE], double x, double unit, const char *const *names) {
    while (x >= unit && names[1]) {
        x /= unit;
        names++;
    }
    snprintf(text, WG_AMOUNT_SIZE, "%.4g%s%s", x, **names ? " " : "", *names);
    return text;
}

const char *wg_bytes_text(char text[WG_AMOUNT_SIZE], double bytes) {
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", NULL};
    return amount(text, bytes, 1024, names);
}
const char *wg_count_text(char text[WG_AMOUNT_SIZE], double count) {
    static const char *const names[] = {"", "K", "M", "G", "T", NULL};
    return amount(text, count, 1000, names);
}
