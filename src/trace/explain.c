/* explain — a plan as a listing: totals, leaves, then every step with its members. */
#include "trace/trace.h"
#include <wengert/plan.h>

enum { OPERATION = 40, TYPE = 22, PLACE = 20, WHERE = 30 }; /* widths of columns */

/* --- Totals ----------------------------------------------------------------------------------- */

static void write_totals(FILE *stream, const wg_plan_info *info) {
    char t[10][WG_AMOUNT_SIZE];
    fprintf(stream, "plan: %zu nodes in %zu steps in %zu waves; %sFLOP", info->nodes, info->steps,
            info->moments, wg_count_text(t[0], info->flops));
    if (info->recomputed || info->packed)
        fprintf(stream, ", of which %s for %zu nodes recomputed and %zu packed",
                wg_count_text(t[1], info->recomputed_flops), info->recomputed, info->packed);
    fprintf(stream, "\nmemory: peak %s = arena %s + workspace %s; most live: %s, in wave %zu\n",
            wg_bytes_text(t[2], (double)info->peak), wg_bytes_text(t[3], (double)info->arena),
            wg_bytes_text(t[4], (double)info->workspace), wg_bytes_text(t[5], (double)info->live),
            info->peak_moment);
    fprintf(stream, "        activations %s, gradients %s; outside: parameters %s, inputs %s",
            wg_bytes_text(t[6], (double)info->activations), wg_bytes_text(t[7], (double)info->gradients),
            wg_bytes_text(t[8], (double)info->parameters), wg_bytes_text(t[9], (double)info->inputs));
    fprintf(stream, ", results %s\n", wg_bytes_text(t[0], (double)info->results));
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* Appends to text of `size` bytes, cut where it is full. */
static void add(char *text, size_t size, const char *format, ...) WG_PRINTF(3, 4);
static void add(char *text, size_t size, const char *format, ...) {
    const size_t at = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + at, size - at, format, arguments);
    va_end(arguments);
}

/* "%7 = add(%3, %5)": nodes have the numbers of the lowered graph, further outputs a dot and theirs. */
static void name_value(const wg_facts *f, char *text, size_t size, uint32_t value) {
    if (value == WG_ABSENT) {
        add(text, size, "-");
        return;
    }
    const wg_low_node *node = wg_maker(f->low, value);
    add(text, size, "%%%u", f->low->values.at[value].node);
    if (value > node->outputs) add(text, size, ".%u", value - node->outputs);
}

static void name_operation(const wg_facts *f, char *text, size_t size, const wg_low_node *node) {
    name_value(f, text, size, node->outputs);
    add(text, size, " = %s(", node->op->name);
    for (uint32_t k = 0; k < wg_op_inputs(node); k++) {
        if (k) add(text, size, ", ");
        name_value(f, text, size, f->low->edges.at[node->inputs + k]);
        if (strlen(text) + 1 >= size) break;
    }
    add(text, size, ")");
    if (!node->accumulates) return;
    add(text, size, " + ");
    name_value(f, text, size, wg_sum_of(f->low, node));
}

/* Which input of the step had the buffer before? It is read there for the last time. */
static uint32_t taken_from(const wg_facts *f, const wg_step *step, uint32_t value) {
    const wg_plan *plan = f->plan;
    const uint32_t index = (uint32_t)(step - plan->steps.at);
    if (step->elements == 1 && step->kind == WG_STEP_TILES) return WG_ABSENT; /* scalars share nothing */
    if (plan->places[value].kind != WG_PLACE_ARENA || plan->buffers.at[plan->buffer_of[value]].value == value)
        return WG_ABSENT;
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &f->low->nodes.at[plan->members.at[step->first + m]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t edge = f->low->edges.at[node->inputs + k];
            const uint32_t own = edge == WG_ABSENT ? edge : wg_bytes_of(f->low, edge);
            if (own != WG_ABSENT && own != value && plan->places[own].kind == WG_PLACE_ARENA &&
                plan->buffer_of[own] == plan->buffer_of[value] &&
                plan->step_of[f->low->values.at[own].node] != index)
                return own;
        }
    }
    return WG_ABSENT;
}

static void name_place(const wg_facts *f, char *text, size_t size, const wg_step *step, uint32_t value) {
    static const char *const kinds[] = {"view", "@", "leaf ", "result ", "state ", "tile ", "run "};
    const wg_place place = f->plan->places[value];
    add(text, size, "%s", kinds[place.kind]);
    if (place.kind != WG_PLACE_NONE) add(text, size, "%llu", (unsigned long long)place.offset);
    const uint32_t before = taken_from(f, step, value);
    if (before == WG_ABSENT) return;
    add(text, size, " was ");
    name_value(f, text, size, before);
}

/* file:line, of a long path the end; then the scope. */
static void write_where(const wg_facts *f, FILE *stream, const wg_low_node *node) {
    const wg_site site = wg_site_of(f, node);
    const char *slash = site.file ? strrchr(site.file, '/') : NULL;
    char text[WHERE + 1] = "";
    if (site.file) add(text, sizeof text, "%s:%d", slash ? slash + 1 : site.file, site.line);
    if (node->clone_of != WG_ABSENT) add(text, sizeof text, " recomputes %%%u", node->clone_of);
    if (node->pack_of != WG_ABSENT)
        add(text, sizeof text, " packs %%%u", f->low->values.at[node->pack_of].node);
    add(text, sizeof text, " %s", wg_scope_of(f, node));
    if (text[strlen(text) - 1] == ' ') text[strlen(text) - 1] = 0;
    fprintf(stream, "%s\n", text);
}

static void write_node(const wg_facts *f, FILE *stream, const wg_step *step, const wg_low_node *node) {
    char operation[OPERATION + 1] = "", type[WG_TEXT_SIZE], place[PLACE + 1] = "", flops[WG_AMOUNT_SIZE];
    if (node->leaf)
        add(operation, sizeof operation, "%%%u = copy of a strided input",
            (uint32_t)(node - f->low->nodes.at));
    else
        name_operation(f, operation, sizeof operation, node);
    name_place(f, place, sizeof place, step, node->outputs);
    fprintf(stream, "    %-*s %-*s %9s  %-*s ", OPERATION, operation, TYPE,
            wg_type_text(type, &f->low->values.at[node->outputs].type, true),
            wg_count_text(flops, wg_flops_of(f, node)), PLACE, place);
    write_where(f, stream, node);
    for (uint32_t k = 1; k < node->output_count; k++) {
        *operation = *place = 0;
        name_value(f, operation, sizeof operation, node->outputs + k);
        name_place(f, place, sizeof place, step, node->outputs + k);
        fprintf(stream, "    %-*s %-*s %9s  %s\n", OPERATION, operation, TYPE,
                wg_type_text(type, &f->low->values.at[node->outputs + k].type, true), "", place);
    }
}

/* --- The listing ------------------------------------------------------------------------------ */

static void write_leaves(const wg_facts *f, FILE *stream) {
    static const char *const kinds[] = {"", "input", "state", "kept value"};
    fprintf(stream, "\nleaves\n");
    for (uint32_t i = 0; i < f->low->nodes.count && !ferror(stream); i++) {
        const wg_low_node *node = &f->low->nodes.at[i];
        if (!node->leaf || node->dead) continue;
        const wg_type *type = &f->low->values.at[node->outputs].type;
        char name[OPERATION + 1], text[WG_TEXT_SIZE], bytes[WG_AMOUNT_SIZE];
        snprintf(name, sizeof name, "%%%u = %s", i, kinds[node->leaf]);
        fprintf(stream, "    %-*s %-*s %9s  ", OPERATION, name, TYPE, wg_type_text(text, type, true),
                wg_bytes_text(bytes, (double)wg_type_bytes(type)));
        write_where(f, stream, node);
    }
}

static void write_step(wg_facts *f, FILE *stream, uint32_t index) {
    const wg_step *step = &f->plan->steps.at[index];
    const wg_step_work work = wg_work_of(f, index);
    char flops[WG_AMOUNT_SIZE], read[WG_AMOUNT_SIZE], written[WG_AMOUNT_SIZE];
    fprintf(stream, "step %-6u wave %-6u %-8s %8lld units by %-6lld %9s FLOP   reads %-10s writes %s\n",
            index, step->wave, wg_role_name(f->roles[f->plan->members.at[step->first]]),
            (long long)step->units, (long long)step->grain, wg_count_text(flops, work.flops),
            wg_bytes_text(read, work.read), wg_bytes_text(written, work.written));
    for (uint32_t m = 0; m < step->count; m++)
        write_node(f, stream, step, &f->low->nodes.at[f->plan->members.at[step->first + m]]);
}

int wg_explain(const wg_tape *tape, FILE *stream) {
    wg_plan_info info;
    wg_facts facts;
    if (!stream) return WG_ERROR_FILE;
    int status = wg_facts_open(&facts, tape, "wg_explain", NULL);
    if (!status) status = wg_plan_report(tape, &info);
    if (!status) {
        write_totals(stream, &info);
        write_leaves(&facts, stream);
        fprintf(stream, "\nsteps\n");
        for (uint32_t i = 0; i < facts.plan->steps.count && !ferror(stream); i++)
            write_step(&facts, stream, i);
        if (fflush(stream) || ferror(stream)) status = WG_ERROR_FILE;
    }
    wg_facts_close(&facts);
    return status;
}
