/* graph — the steps of a plan and what passes between them, as text that Graphviz draws: a box for each step,
 * its members in it; boxes of one scope stand in one cluster. */
#include "trace/sink.h"
#include "trace/trace.h"
#include <stdlib.h>

enum { LINES = 8 }; /* members named in a box */

static const char *const fills[] = {"#cfe0f3", "#fbdcc7", "#d4ebd0"}; /* by role */

typedef struct graph {
    wg_sink sink;
    wg_facts facts;
    uint32_t *boxes;  /* steps, then leaves, in the order of their scopes */
    uint32_t *scopes; /* by box */
    uint32_t *drawn;  /* by value: the last step to which an edge was drawn, plus 1 */
} graph;

/* Step number, or, behind all steps, node number of a leaf. */
static uint32_t box_of(const graph *g, uint32_t own) {
    const uint32_t node = g->facts.low->values.at[own].node, step = g->facts.plan->step_of[node];
    return step != WG_ABSENT ? step : (uint32_t)g->facts.plan->steps.count + node;
}

static const wg_low_node *first_node(const graph *g, uint32_t box) {
    const wg_plan *plan = g->facts.plan;
    const uint32_t steps = (uint32_t)plan->steps.count;
    return &g->facts.low->nodes.at[box < steps ? plan->members.at[plan->steps.at[box].first] : box - steps];
}

/* --- Boxes ------------------------------------------------------------------------------------ */

static void write_member(graph *g, const wg_low_node *node) {
    static const char *const leaves[] = {"", "input", "state", "kept value"};
    char type[WG_TEXT_SIZE];
    wg_sink_escaped(&g->sink, node->leaf ? leaves[node->leaf] : node->op->name);
    wg_sink_print(&g->sink, " %s<br/>",
                  wg_type_text(type, &g->facts.low->values.at[node->outputs].type, true));
}

static void write_box(graph *g, uint32_t box) {
    const wg_plan *plan = g->facts.plan;
    const wg_low_node *node = first_node(g, box);
    const uint8_t role = g->facts.roles[node - g->facts.low->nodes.at];
    const bool leaf = box >= plan->steps.count;
    wg_sink_print(&g->sink, "  b%u [style=\"filled%s\" fillcolor=\"%s\" label=<", box, leaf ? ",rounded" : "",
                  leaf ? "#eeeeee" : fills[role]);
    const uint32_t count = leaf ? 1 : plan->steps.at[box].count;
    for (uint32_t m = 0; m < count && m < LINES; m++)
        write_member(g,
                     leaf ? node : &g->facts.low->nodes.at[plan->members.at[plan->steps.at[box].first + m]]);
    if (count > LINES) wg_sink_print(&g->sink, "and %u more<br/>", count - LINES);
    wg_sink_print(&g->sink, ">]\n");
}

/* One after the other: boxes are sorted by scope. */
static void write_boxes(graph *g, size_t count) {
    uint32_t open = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t box = g->boxes[i], scope = g->scopes[box];
        if (scope != open && open) wg_sink_print(&g->sink, "  }\n");
        if (scope != open && scope) {
            wg_sink_print(&g->sink, "  subgraph cluster_%u { color=\"#b8c0c8\" label=<", scope);
            wg_sink_escaped(&g->sink, wg_scope_text(g->facts.tape, scope));
            wg_sink_print(&g->sink, ">\n");
        }
        open = scope;
        write_box(g, box);
    }
    if (open) wg_sink_print(&g->sink, "  }\n");
}

/* --- Edges ------------------------------------------------------------------------------------ */

static void write_edges(graph *g, uint32_t index) {
    const wg_plan *plan = g->facts.plan;
    const wg_step *step = &plan->steps.at[index];
    for (uint32_t m = 0; m < step->count; m++) {
        const wg_low_node *node = &g->facts.low->nodes.at[plan->members.at[step->first + m]];
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = g->facts.low->edges.at[node->inputs + k];
            const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(g->facts.low, value);
            if (own == WG_ABSENT || box_of(g, own) == index || g->drawn[own] == index + 1) continue;
            g->drawn[own] = index + 1;
            wg_sink_print(&g->sink, "  b%u -> b%u\n", box_of(g, own), index);
        }
    }
}

/* --- The file --------------------------------------------------------------------------------- */

static int by_scope(const void *one, const void *other) {
    const uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return a < b ? -1 : a > b;
}

/* Which boxes there are, by scope and then in order; *count of them. */
static bool find_boxes(graph *g, size_t *count) {
    const wg_plan *plan = g->facts.plan;
    const size_t steps = plan->steps.count, most = steps + g->facts.low->nodes.count + 1;
    uint64_t *keys = malloc(most * sizeof *keys);
    g->boxes = malloc(most * sizeof *g->boxes);
    g->scopes = malloc(most * sizeof *g->scopes);
    g->drawn = calloc(g->facts.low->values.count + 1, sizeof *g->drawn);
    const bool good = keys && g->boxes && g->scopes && g->drawn;
    *count = 0;
    for (size_t box = 0; good && box + 1 < most; box++) {
        const wg_low_node *node = first_node(g, (uint32_t)box);
        if (box >= steps && (!node->leaf || node->dead || !node->dense)) continue;
        g->scopes[box] = wg_recorded(&g->facts, node)->scope;
        keys[(*count)++] = (uint64_t)g->scopes[box] << 32 | box;
    }
    if (good) qsort(keys, *count, sizeof *keys, by_scope);
    for (size_t i = 0; good && i < *count; i++) g->boxes[i] = (uint32_t)keys[i];
    free(keys);
    return good;
}

static int write_to(graph *g, const char *path, wg_error *error) {
    size_t count;
    if (!find_boxes(g, &count)) return wg_error_set(error, WG_ERROR_MEMORY, "wg_graph_dot: out of memory");
    if (!wg_sink_open(&g->sink, path, error)) {
        wg_sink_print(&g->sink,
                      "digraph step {\n  node [shape=box fontname=\"sans-serif\" fontsize=10 penwidth=0.5]\n"
                      "  edge [color=\"#7a8794\" arrowsize=0.6]\n");
        write_boxes(g, count);
        for (uint32_t i = 0; i < g->facts.plan->steps.count; i++) write_edges(g, i);
        wg_sink_print(&g->sink, "}\n");
    }
    return wg_sink_close(&g->sink);
}

int wg_graph_dot(const wg_tape *tape, const char *path, wg_error *error) {
    graph *g = calloc(1, sizeof *g);
    if (!g) return wg_error_set(error, WG_ERROR_MEMORY, "wg_graph_dot: out of memory");
    int status = wg_facts_open(&g->facts, tape, "wg_graph_dot", error);
    if (!status) status = write_to(g, path, error);
    wg_facts_close(&g->facts);
    free(g->boxes);
    free(g->scopes);
    free(g->drawn);
    free(g);
    return status;
}
