/* graph_svg — the steps of a plan as a picture: forward on the left from top to bottom, backward beside it
 * from bottom to top, as the chain rule goes, updates on the right; arrows for what passes between them.
 * Leaves are left out. */
#include "trace/sink.h"
#include "trace/trace.h"
#include <stdlib.h>

enum { COLUMNS = 3, MOST_BOXES = 400, LINES = 5 };
enum { WIDTH = 236, GAP = 110, LINE = 13, PAD = 7, BETWEEN = 16, TOP = 64, MARGIN = 60 };

static const char *const fills[COLUMNS] = {"#cfe0f3", "#fbdcc7",
                                           "#d4ebd0"}; /* by role, as in the other pictures */
static const char *const strokes[COLUMNS] = {"#5b86b8", "#cf7f4a", "#5f9f57"};

typedef struct box {
    int column, place; /* its place in the column, in the order of steps */
    double x, y, height;
} box;

typedef struct picture {
    wg_sink sink;
    wg_facts facts;
    box *boxes;      /* by step */
    uint32_t *drawn; /* by value: the last step to which an arrow was drawn, plus 1 */
    double height;
} picture;

static const wg_low_node *member_of(const picture *p, uint32_t step, uint32_t m) {
    const wg_plan *plan = p->facts.plan;
    return &p->facts.low->nodes.at[plan->members.at[plan->steps.at[step].first + m]];
}

/* --- Where boxes stand ------------------------------------------------------------------------ */

static void arrange(picture *p) {
    const wg_plan *plan = p->facts.plan;
    double used[COLUMNS] = {0};
    int places[COLUMNS] = {0};
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        const uint32_t count = plan->steps.at[i].count;
        box *b = &p->boxes[i];
        b->column = p->facts.roles[member_of(p, i, 0) - p->facts.low->nodes.at];
        b->place = places[b->column]++;
        b->height = 2 * PAD + LINE * (double)(count > LINES ? LINES + 1 : count);
        b->x = MARGIN + b->column * (WIDTH + GAP);
        b->y = used[b->column];
        used[b->column] += b->height + BETWEEN;
    }
    for (int c = 0; c < COLUMNS; c++)
        if (p->height < used[c]) p->height = used[c];
    for (uint32_t i = 0; i < plan->steps.count; i++) {
        box *b = &p->boxes[i];
        b->y = TOP + (b->column == WG_ROLE_BACKWARD ? p->height - b->y - b->height : b->y);
    }
}

/* --- Boxes ------------------------------------------------------------------------------------ */

static void write_title(picture *p, uint32_t step) {
    const wg_low_node *node = member_of(p, step, 0);
    const wg_site site = wg_site_of(&p->facts, node);
    const wg_step_work work = wg_work_of(&p->facts, step);
    char flops[WG_AMOUNT_SIZE], bytes[WG_AMOUNT_SIZE];
    wg_sink_print(&p->sink, "<title>step %u, ", step);
    wg_sink_escaped(&p->sink, site.file ? site.file : "line not known");
    wg_sink_print(&p->sink, ":%d ", site.line);
    wg_sink_escaped(&p->sink, wg_scope_of(&p->facts, node));
    wg_sink_print(&p->sink, " %s FLOPs, %s read and written</title>", wg_count_text(flops, work.flops),
                  wg_bytes_text(bytes, work.read + work.written));
}

static void write_box(picture *p, uint32_t step) {
    const box *b = &p->boxes[step];
    const uint32_t count = p->facts.plan->steps.at[step].count;
    char type[WG_TEXT_SIZE];
    wg_sink_print(
        &p->sink,
        "<g class=\"step\"><rect x=\"%.0f\" y=\"%.0f\" width=\"%d\" height=\"%.0f\" rx=\"4\" fill=\"%s\" "
        "stroke=\"%s\"/>",
        b->x, b->y, WIDTH, b->height, fills[b->column], strokes[b->column]);
    write_title(p, step);
    for (uint32_t m = 0; m < count && m < LINES; m++) {
        const wg_low_node *node = member_of(p, step, m);
        wg_sink_print(&p->sink, "<text x=\"%.0f\" y=\"%.0f\">", b->x + PAD, b->y + PAD + LINE * (m + 0.8));
        wg_sink_escaped(&p->sink, node->leaf ? "input, copied" : node->op->name);
        wg_sink_print(&p->sink, " <tspan fill=\"#667\">%.26s</tspan></text>",
                      wg_type_text(type, &p->facts.low->values.at[node->outputs].type, true));
    }
    if (count > LINES)
        wg_sink_print(&p->sink, "<text x=\"%.0f\" y=\"%.0f\" fill=\"#667\">and %u more</text>", b->x + PAD,
                      b->y + PAD + LINE * (LINES + 0.8), count - LINES);
    wg_sink_print(&p->sink, "</g>\n");
}

/* --- Arrows ----------------------------------------------------------------------------------- */

/* From neighbour to neighbour straight; within a column past others in a bow on its outer side; else across.
 */
static void write_arrow(picture *p, const box *from, const box *to) {
    const bool same = from->column == to->column, up = from->y > to->y;
    double x1 = from->x + WIDTH, x2 = to->x, y1 = from->y + from->height / 2, y2 = to->y + to->height / 2;
    double bend1 = x1 + GAP / 2.0, bend2 = x2 - GAP / 2.0;
    if (same && to->place == from->place + 1) {
        x1 = x2 = bend1 = bend2 = from->x + WIDTH / 2.0;
        y1 = up ? from->y : from->y + from->height;
        y2 = up ? to->y + to->height : to->y;
    } else if (same) {
        const double far = 14 + 30.0 * (up ? y1 - y2 : y2 - y1) / (p->height + 1);
        const bool left = from->column == WG_ROLE_FORWARD;
        x1 = x2 = left ? from->x : from->x + WIDTH;
        bend1 = bend2 = left ? x1 - far : x1 + far;
    } else if (from->column > to->column) {
        x1 = from->x, x2 = to->x + WIDTH;
        bend1 = x1 - GAP / 2.0, bend2 = x2 + GAP / 2.0;
    }
    wg_sink_print(&p->sink, "<path d=\"M%.1f %.1f C%.1f %.1f %.1f %.1f %.1f %.1f\" stroke=\"%s\"/>\n", x1, y1,
                  bend1, y1, bend2, y2, x2, y2, strokes[to->column]);
}

static void write_arrows(picture *p, uint32_t index) {
    const wg_plan *plan = p->facts.plan;
    const wg_lowered *low = p->facts.low;
    for (uint32_t m = 0; m < plan->steps.at[index].count; m++) {
        const wg_low_node *node = member_of(p, index, m);
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(low, value);
            const uint32_t maker = own == WG_ABSENT ? own : plan->step_of[low->values.at[own].node];
            if (maker == WG_ABSENT || maker == index || p->drawn[own] == index + 1) continue;
            p->drawn[own] = index + 1;
            write_arrow(p, &p->boxes[maker], &p->boxes[index]);
        }
    }
}

/* --- The file --------------------------------------------------------------------------------- */

static void write_all(picture *p) {
    const int width = 2 * MARGIN + COLUMNS * WIDTH + (COLUMNS - 1) * GAP;
    const uint32_t steps = (uint32_t)p->facts.plan->steps.count;
    wg_sink_print(
        &p->sink,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\" "
        "font-family=\"sans-serif\" font-size=\"10.5\">\n<rect width=\"100%%\" height=\"100%%\" "
        "fill=\"white\"/>\n<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
        "markerWidth=\"6\" markerHeight=\"6\" orient=\"auto\"><path d=\"M0 0 L8 4 L0 8 Z\" "
        "fill=\"#556\"/></marker></defs>\n",
        width, p->height + TOP + BETWEEN, width, p->height + TOP + BETWEEN);
    for (int c = 0; c < COLUMNS; c++)
        wg_sink_print(
            &p->sink,
            "<text x=\"%d\" y=\"38\" font-size=\"15\" font-weight=\"bold\" fill=\"%s\">%s %s</text>\n",
            MARGIN + c * (WIDTH + GAP), strokes[c], wg_role_name(c),
            c == WG_ROLE_BACKWARD ? "&#8593;" : "&#8595;");
    wg_sink_print(&p->sink, "<g fill=\"none\" stroke-opacity=\"0.6\" marker-end=\"url(#tip)\">\n");
    for (uint32_t i = 0; i < steps; i++) write_arrows(p, i);
    wg_sink_print(&p->sink, "</g>\n");
    for (uint32_t i = 0; i < steps; i++) write_box(p, i);
    wg_sink_print(&p->sink, "</svg>\n");
}

static int write_to(picture *p, const char *path, wg_error *error) {
    const size_t steps = p->facts.plan->steps.count;
    if (steps > MOST_BOXES)
        return wg_error_set(
            error, WG_ERROR_UNSUPPORTED,
            "wg_graph_svg: the plan has %zu steps; more than %d are no picture: see wg_graph_dot", steps,
            MOST_BOXES);
    p->boxes = calloc(steps + 1, sizeof *p->boxes);
    p->drawn = calloc(p->facts.low->values.count + 1, sizeof *p->drawn);
    if (!p->boxes || !p->drawn) return wg_error_set(error, WG_ERROR_MEMORY, "wg_graph_svg: out of memory");
    arrange(p);
    if (!wg_sink_open(&p->sink, path, error)) write_all(p);
    return wg_sink_close(&p->sink);
}

int wg_graph_svg(const wg_tape *tape, const char *path, wg_error *error) {
    picture *p = calloc(1, sizeof *p);
    if (!p) return wg_error_set(error, WG_ERROR_MEMORY, "wg_graph_svg: out of memory");
    int status = wg_facts_open(&p->facts, tape, "wg_graph_svg", error);
    if (!status) status = write_to(p, path, error);
    wg_facts_close(&p->facts);
    free(p->boxes);
    free(p->drawn);
    free(p);
    return status;
}
