/* memory — the arena over time as a picture: x is the wave, y the offset, each buffer a rectangle; above it
 * the bytes that are live. */
#include "trace/sink.h"
#include "trace/trace.h"
#include <math.h>
#include <stdlib.h>

enum {
    LEFT = 84,
    WIDTH = 900,
    RIGHT = 30,
    CURVE_TOP = 64,
    CURVE_HEIGHT = 96,
    TOP = 196,
    HEIGHT = 420,
    STRIP = 10 /* which role the waves have */
};

enum { ACTIVATION, GRADIENT, OTHER, KINDS };
static const char *const colours[KINDS] = {"#4c86c6", "#e8834a", "#a9b4bf"};
static const char *const meanings[KINDS] = {"activation, kept for the backward pass", "gradient", "other"};
static const char *const role_colours[] = {"#4c86c6", "#e8834a", "#63a35c"};
static const char *const role_names[] = {"forward", "backward", "update"};

typedef struct picture {
    wg_sink sink;
    wg_facts facts;
    const wg_plan *plan;
    uint8_t *kinds; /* by buffer */
    int64_t *live;  /* by wave, one more than there are: at the end */
    size_t waves, peak;
    double bytes; /* that the height stands for */
} picture;

static double x_of(const picture *p, double wave) { return LEFT + WIDTH * wave / (double)p->waves; }
static double y_of(const picture *p, double offset) { return TOP + HEIGHT * (1 - offset / p->bytes); }

/* --- What is drawn ---------------------------------------------------------------------------- */

static void find_kinds(picture *p) {
    const wg_lowered *low = p->facts.low;
    for (size_t i = 0; i < p->plan->buffers.count; i++) {
        const uint32_t maker = low->values.at[p->plan->buffers.at[i].value].node;
        p->kinds[i] = p->facts.roles[maker] == WG_ROLE_BACKWARD ? GRADIENT : OTHER;
    }
    for (size_t i = 0; i < low->nodes.count; i++) {
        const wg_low_node *node = &low->nodes.at[i];
        if (!wg_has_work(node) || p->facts.roles[i] != WG_ROLE_BACKWARD) continue;
        for (uint32_t k = 0; k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(low, value);
            if (own == WG_ABSENT || p->plan->places[own].kind != WG_PLACE_ARENA) continue;
            const uint32_t buffer = p->plan->buffer_of[own];
            if (p->facts.roles[low->values.at[own].node] == WG_ROLE_FORWARD && p->kinds[buffer] == OTHER)
                p->kinds[buffer] = ACTIVATION;
        }
    }
}

static void find_live(picture *p) {
    for (size_t i = 0; i < p->plan->buffers.count; i++) {
        const wg_buffer *buffer = &p->plan->buffers.at[i];
        p->live[wg_smaller(buffer->first, (int64_t)p->waves - 1)] += (int64_t)buffer->bytes;
        if (buffer->last + 1u < p->waves) p->live[buffer->last + 1u] -= (int64_t)buffer->bytes;
    }
    for (size_t i = 1; i < p->waves; i++) p->live[i] += p->live[i - 1];
    for (size_t i = 0; i < p->waves; i++)
        if (p->live[i] > p->live[p->peak]) p->peak = i;
}

/* --- Axes ------------------------------------------------------------------------------------- */

/* 1, 2 or 5 times a power of two of bytes below KiB steps, so that there are some six lines. */
static double tick_of(double range, double base) {
    double unit = 1;
    while (base == 1024 && range / unit >= 1024) unit *= 1024;
    const double rough = range / unit / 6, power = pow(10, floor(log10(rough > 0 ? rough : 1)));
    const double step = rough / power <= 1   ? power
                        : rough / power <= 2 ? 2 * power
                        : rough / power <= 5 ? 5 * power
                                             : 10 * power;
    return unit * step;
}

static void draw_axes(picture *p) {
    char text[WG_AMOUNT_SIZE];
    const double tick = tick_of(p->bytes, 1024);
    for (double offset = 0; offset <= p->bytes * 1.0001; offset += tick) {
        const double y = y_of(p, offset);
        wg_sink_print(&p->sink, "<path d=\"M%d %.1fH%d\" stroke=\"#e3e6e9\"/>\n", LEFT, y, LEFT + WIDTH);
        wg_sink_print(&p->sink, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n", LEFT - 8, y + 4,
                      wg_bytes_text(text, offset));
    }
    const double step = fmax(1, tick_of((double)p->waves, 10));
    for (double wave = 0; wave < (double)p->waves; wave += step)
        wg_sink_print(&p->sink, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>\n",
                      x_of(p, wave + 0.5), TOP + HEIGHT + STRIP + 20, wave);
    wg_sink_print(&p->sink, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">wave</text>\n", LEFT + WIDTH / 2,
                  TOP + HEIGHT + STRIP + 38);
    wg_sink_print(&p->sink,
                  "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">"
                  "offset in the arena</text>\n",
                  TOP + HEIGHT / 2);
}

/* Below the time axis: what the waves do. Neighbours of one role are one piece. */
static void draw_strip(picture *p) {
    size_t begin = 0;
    for (size_t i = 0; i < p->plan->waves.count; i = begin) {
        const wg_step *step = &p->plan->steps.at[p->plan->waves.at[i].first];
        const uint8_t role = p->facts.roles[p->plan->members.at[step->first]];
        for (begin = i + 1; begin < p->plan->waves.count; begin++) {
            const wg_step *next = &p->plan->steps.at[p->plan->waves.at[begin].first];
            if (p->facts.roles[p->plan->members.at[next->first]] != role) break;
        }
        wg_sink_print(
            &p->sink,
            "<rect x=\"%.2f\" y=\"%d\" width=\"%.2f\" height=\"%d\" fill=\"%s\"><title>%s: waves %zu to %zu"
            "</title></rect>\n",
            x_of(p, (double)i), TOP + HEIGHT + 2, x_of(p, (double)begin) - x_of(p, (double)i), STRIP - 2,
            role_colours[role], role_names[role], i, begin - 1);
    }
}

static void draw_legend(picture *p) {
    double x = LEFT;
    for (int i = 0; i < KINDS; i++) {
        wg_sink_print(&p->sink,
                      "<rect x=\"%.0f\" y=\"36\" width=\"12\" height=\"12\" rx=\"2\" fill=\"%s\"/>"
                      "<text x=\"%.0f\" y=\"46\">%s</text>\n",
                      x, colours[i], x + 18, meanings[i]);
        x += 40 + 6.4 * (double)strlen(meanings[i]);
    }
    wg_sink_print(&p->sink,
                  "<text x=\"%d\" y=\"46\" text-anchor=\"end\">bar below: "
                  "<tspan fill=\"%s\">forward</tspan>, <tspan fill=\"%s\">backward</tspan>, "
                  "<tspan fill=\"%s\">update</tspan></text>\n",
                  LEFT + WIDTH, role_colours[0], role_colours[1], role_colours[2]);
}

/* --- Curve, buffers, peak --------------------------------------------------------------------- */

static void draw_curve(picture *p) {
    const double most = fmax(1, (double)p->live[p->peak]), base = CURVE_TOP + CURVE_HEIGHT;
    char text[WG_AMOUNT_SIZE];
    wg_sink_print(&p->sink, "<path fill=\"#dfe7ef\" stroke=\"#5b7288\" d=\"M%d %.1f", LEFT, base);
    for (size_t i = 0; i < p->waves; i++)
        wg_sink_print(&p->sink, "V%.1fH%.2f", base - (CURVE_HEIGHT - 14) * (double)p->live[i] / most,
                      x_of(p, (double)i + 1));
    wg_sink_print(&p->sink, "V%.1fZ\"/>\n", base);
    wg_sink_print(&p->sink, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">live</text>\n", LEFT - 8, base);
    wg_sink_print(&p->sink, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>\n", LEFT - 8,
                  CURVE_TOP + 18, wg_bytes_text(text, most));
}

static void draw_buffer(picture *p, size_t index) {
    const wg_buffer *b = &p->plan->buffers.at[index];
    const wg_low_node *node = wg_maker(p->facts.low, b->value);
    const wg_site site = wg_site_of(&p->facts, node);
    const double end = fmin((double)b->last + 1, (double)p->waves), begin = fmin((double)b->first, end - 1);
    const double x = x_of(p, begin), w = x_of(p, end) - x, h = HEIGHT * (double)b->bytes / p->bytes,
                 y = y_of(p, (double)b->offset) - h;
    char type[WG_TEXT_SIZE], bytes[WG_AMOUNT_SIZE];
    wg_type_text(type, &p->facts.low->values.at[b->value].type, true);
    wg_bytes_text(bytes, (double)b->bytes);
    wg_sink_print(
        &p->sink,
        "<rect class=\"b\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" fill=\"%s\"><title>", x, y, w,
        fmax(h, 0.3), colours[p->kinds[index]]);
    wg_sink_escaped(&p->sink, node->op->name);
    wg_sink_print(&p->sink, " %s, %s at %llu, waves %u to %u\n", type, bytes, (unsigned long long)b->offset,
                  b->first, b->last);
    wg_sink_escaped(&p->sink, wg_scope_of(&p->facts, node));
    wg_sink_print(&p->sink, " ");
    if (site.file) wg_sink_escaped(&p->sink, site.file);
    if (site.file) wg_sink_print(&p->sink, ":%d", site.line);
    wg_sink_print(&p->sink, "</title></rect>\n");
    const char *name = strrchr(node->op->name, '/') ? strrchr(node->op->name, '/') + 1 : node->op->name;
    const double letters = (double)(strlen(name) + 1 + strlen(bytes)) * 6.6;
    const bool upright = w >= 14 && h >= letters && w < letters;
    if (h < 14 || (w < letters && !upright)) return;
    wg_sink_print(&p->sink, "<text class=\"n\" transform=\"translate(%.1f %.1f)%s\">",
                  x + w / 2 + (upright ? 4 : 0), y + h / 2 + (upright ? 0 : 4),
                  upright ? " rotate(-90)" : "");
    wg_sink_escaped(&p->sink, name);
    wg_sink_print(&p->sink, " %s</text>\n", bytes);
}

static void draw_peak(picture *p) {
    char text[WG_AMOUNT_SIZE];
    const double x = x_of(p, (double)p->peak + 0.5), y = y_of(p, (double)p->plan->arena_bytes);
    const bool left = x > LEFT + WIDTH / 2.0;
    wg_sink_print(&p->sink, "<path d=\"M%.1f %dV%d\" stroke=\"#b3261e\" stroke-dasharray=\"4 3\"/>\n", x,
                  CURVE_TOP + 8, TOP + HEIGHT);
    wg_sink_print(
        &p->sink,
        "<text x=\"%.1f\" y=\"%d\" fill=\"#b3261e\" text-anchor=\"%s\">most live: %s, wave %zu</text>\n",
        x + (left ? -6 : 6), CURVE_TOP + 6, left ? "end" : "start",
        wg_bytes_text(text, (double)p->live[p->peak]), p->peak);
    wg_sink_print(&p->sink, "<path d=\"M%d %.1fH%d\" stroke=\"#b3261e\"/>\n", LEFT, y, LEFT + WIDTH);
    wg_sink_print(&p->sink,
                  "<text x=\"%d\" y=\"%.1f\" fill=\"#b3261e\" text-anchor=\"end\">arena: %s</text>\n",
                  LEFT + WIDTH, y - 5, wg_bytes_text(text, (double)p->plan->arena_bytes));
}

static void draw(picture *p) {
    wg_sink_print(
        &p->sink,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" "
        "font-size=\"12\" fill=\"#333\">\n<style>.b{stroke:#fff;stroke-width:.5}"
        ".n{fill:#fff;font-size:11px;text-anchor:middle;pointer-events:none}</style>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
        "<text x=\"%d\" y=\"22\" font-size=\"16\">Memory of a step: %zu buffers in %zu waves</text>\n",
        LEFT + WIDTH + RIGHT, TOP + HEIGHT + STRIP + 50, LEFT, p->plan->buffers.count, p->plan->waves.count);
    draw_legend(p);
    draw_axes(p);
    draw_strip(p);
    draw_curve(p);
    for (size_t i = 0; i < p->plan->buffers.count; i++) draw_buffer(p, i);
    draw_peak(p);
    wg_sink_print(&p->sink, "</svg>\n");
}

/* --- The file --------------------------------------------------------------------------------- */

static int draw_to(picture *p, const char *path, wg_error *error) {
    p->plan = p->facts.plan;
    p->waves = p->plan->waves.count ? p->plan->waves.count : 1;
    p->bytes = p->plan->arena_bytes ? (double)p->plan->arena_bytes : 1;
    p->kinds = calloc(p->plan->buffers.count + 1, 1);
    p->live = calloc(p->waves + 1, sizeof *p->live);
    if (!p->kinds || !p->live) return wg_error_set(error, WG_ERROR_MEMORY, "wg_memory_svg: out of memory");
    find_kinds(p);
    find_live(p);
    if (!wg_sink_open(&p->sink, path, error)) draw(p);
    return wg_sink_close(&p->sink);
}

int wg_memory_svg(const wg_tape *tape, const char *path, wg_error *error) {
    picture *p = calloc(1, sizeof *p);
    if (!p) return wg_error_set(error, WG_ERROR_MEMORY, "wg_memory_svg: out of memory");
    int status = wg_facts_open(&p->facts, tape, "wg_memory_svg", error);
    if (!status) status = draw_to(p, path, error);
    wg_facts_close(&p->facts);
    free(p->kinds);
    free(p->live);
    free(p);
    return status;
}
