/* summary — a model's layers as a table: what each gives, its parameters, and the operations of its forward
 * pass.
 *
 * A layer is a scope: its row has the forward nodes recorded in it, and the parameters named after it. */
#include "trace/trace.h"
#include <stdlib.h>
#include <string.h>
#include <wengert/model.h>

typedef struct row {
    uint32_t place; /* of the row among the others, counted from 1 as scopes are met; 0: not met */
    wg_type output; /* of its last forward node */
    double flops;
    int64_t parameters;
} row;

typedef struct summary {
    wg_facts facts;
    row *rows;          /* by scope */
    uint32_t *in_order; /* scopes */
    uint32_t count;
    double forward, all; /* operations */
    int name_width, type_width;
} summary;

/* How long the path of the layer is that a parameter belongs to: "block/fc.weight" is one of "block/fc",
 * "block/scale" one of the scope "block". */
static size_t layer_length(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strchr(name, '.');
    return (size_t)((dot ? dot : slash ? slash : path) - path);
}

static void count_nodes(summary *s) {
    const wg_lowered *low = s->facts.low;
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        if (node->leaf || node->dead) continue;
        const double flops = wg_flops_of(&s->facts, node);
        s->all += flops;
        if (s->facts.roles[i] != WG_ROLE_FORWARD) continue;
        s->forward += flops;
        const uint32_t scope = wg_recorded(&s->facts, node)->scope;
        row *r = &s->rows[scope];
        if (!r->place) {
            s->in_order[s->count++] = scope;
            r->place = s->count;
        }
        r->flops += flops;
        r->output = low->values.at[node->outputs].type;
    }
}

/* Returns how many elements belong to layers without a row. */
static int64_t count_parameters(summary *s, const wg_model *model) {
    int64_t elsewhere = 0;
    for (int i = 0; i < wg_model_count(model); i++) {
        const wg_parameter_info *info = wg_model_parameter(model, i);
        const size_t length = layer_length(info->path);
        row *found = NULL;
        for (uint32_t k = 0; k < s->count && !found; k++) {
            const char *scope = wg_scope_text(s->facts.tape, s->in_order[k]);
            if (strlen(scope) == length && !strncmp(scope, info->path, length))
                found = &s->rows[s->in_order[k]];
        }
        *(found ? &found->parameters : &elsewhere) += wg_tensor_count(wg_state_tensor(info->state));
    }
    return elsewhere;
}

static void measure(summary *s) {
    s->name_width = 8;
    s->type_width = 8;
    for (uint32_t k = 0; k < s->count; k++) {
        char type[WG_TEXT_SIZE];
        const int name = (int)strlen(wg_scope_text(s->facts.tape, s->in_order[k]));
        const int width = (int)strlen(wg_type_text(type, &s->rows[s->in_order[k]].output, true));
        if (s->name_width < name) s->name_width = name;
        if (s->type_width < width) s->type_width = width;
    }
}

static void write_row(const summary *s, FILE *stream, const char *name, const char *type, int64_t parameters,
                      double flops) {
    char text[WG_AMOUNT_SIZE];
    fprintf(stream, "%-*s  %-*s  %12lld  %12s %5.1f%%\n", s->name_width, name, s->type_width, type,
            (long long)parameters, wg_count_text(text, flops),
            s->forward > 0 ? 100 * flops / s->forward : 0.0);
}

static void write_table(const summary *s, FILE *stream, int64_t elsewhere) {
    int64_t parameters = elsewhere;
    fprintf(stream, "%-*s  %-*s  %12s  %12s %6s\n", s->name_width, "layer", s->type_width, "output",
            "parameters", "FLOPs", "");
    for (uint32_t k = 0; k < s->count; k++) {
        const row *r = &s->rows[s->in_order[k]];
        const char *scope = wg_scope_text(s->facts.tape, s->in_order[k]);
        char type[WG_TEXT_SIZE];
        write_row(s, stream, *scope ? scope : "-", wg_type_text(type, &r->output, true), r->parameters,
                  r->flops);
        parameters += r->parameters;
    }
    if (elsewhere) write_row(s, stream, "(others)", "not used", elsewhere, 0);
    write_row(s, stream, "all", "", parameters, s->forward);
    char text[WG_AMOUNT_SIZE];
    if (s->all > s->forward)
        fprintf(stream, "with backward pass and update: %s FLOPs\n", wg_count_text(text, s->all));
}

int wg_summary(const wg_model *model, const wg_tape *tape, FILE *stream) {
    if (!stream) return WG_ERROR_FILE;
    summary s = {0};
    int status = wg_facts_open(&s.facts, tape, "wg_summary", NULL);
    if (!status) {
        s.rows = calloc(tape->scopes.count + 1, sizeof *s.rows);
        s.in_order = calloc(tape->scopes.count + 1, sizeof *s.in_order);
        if (!s.rows || !s.in_order) status = WG_ERROR_MEMORY;
    }
    if (!status) {
        count_nodes(&s);
        const int64_t elsewhere = count_parameters(&s, model);
        measure(&s);
        write_table(&s, stream, elsewhere);
        if (fflush(stream) || ferror(stream)) status = WG_ERROR_FILE;
    }
    free(s.rows);
    free(s.in_order);
    wg_facts_close(&s.facts);
    return status;
}
