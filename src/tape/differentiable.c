/* differentiable — does a gradient flow from y to x, and which nodes stand in the way? Walks, records
 * nothing. */
#include "base/writer.h"
#include "tape/path.h"

/* What becomes of the paths that lead to the node openly: the best of those that go no further; PATH_OPEN:
 * all do. */
static uint8_t obstacle_at(const wg_tape *tape, size_t at) {
    const uint32_t id = tape->order.at[at];
    const wg_node *node = &tape->nodes.at[id];
    uint8_t worst = PATH_OPEN;
    if (node->output > 0) {
        const uint32_t place = wg_rank(tape, id - node->output);
        return tape->paths.at[place] == PATH_OPEN && !wg_dtype_real((wg_dtype)node->dtype) ? PATH_BLOCKED
                                                                                           : PATH_OPEN;
    }
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t edge = wg_edge(tape, node, i);
        if (edge == WG_ABSENT || tape->paths.at[wg_rank(tape, edge)] != PATH_OPEN) continue;
        const uint8_t after = wg_path_through(tape, node, i, PATH_OPEN);
        if (after < worst) worst = after;
    }
    return worst;
}

/* Is the node part of something that lets the gradient through as a whole, by another path? What an op is
 * composed of stops it for reasons of its own, as the largest element that norm divides by. The result comes
 * after it, and is the first that is no inner node. */
static bool is_passed(const wg_tape *tape, uint32_t id) {
    if (!(tape->nodes.at[id].flags & WG_NODE_INNER)) return false;
    while (id < tape->nodes.count && tape->nodes.at[id].flags & WG_NODE_INNER) id++;
    const uint32_t place = id < tape->nodes.count ? wg_rank(tape, id) : WG_UNRANKED;
    return place != WG_UNRANKED && tape->paths.at[place] == PATH_OPEN;
}

static void list_obstacles(wg_writer *w, const wg_tape *tape, uint32_t x) {
    for (size_t at = 0; at < tape->order.count; at++) {
        const uint8_t after = tape->order.at[at] == x ? PATH_OPEN : obstacle_at(tape, at);
        if (after == PATH_OPEN || is_passed(tape, tape->order.at[at])) continue;
        const wg_node *node = &tape->nodes.at[tape->order.at[at]];
        const wg_site site = tape->sites.at[node->site];
        wg_put(w, "%s, recorded at %s:%d, %s\n", node->op->name, site.file ? site.file : "a line not known",
               site.line, after == PATH_STOPPED ? "stops the gradient" : "has none");
    }
}

bool wg_differentiable(wg_var y, wg_var x, char *report, size_t size) {
    wg_tape *tape = y.tape;
    wg_writer w = {report, size, 0};
    uint32_t none;
    char text[WG_TEXT_SIZE];
    if (size) *report = 0;
    if (!tape || !wg_tape_owns(tape, y, "wg_differentiable: y") ||
        !wg_tape_owns(tape, x, "wg_differentiable: x"))
        return false;
    const wg_type types[] = {wg_type_of(y), wg_type_of(x)};
    for (int i = 0; i < 2; i++)
        if (!wg_dtype_real(types[i].dtype))
            wg_put(&w, "%c is %s; only f32 and f64 have gradients\n", "yx"[i],
                   wg_type_text(text, &types[i], true));
    const int path = wg_find_paths(tape, y.id, &x, 1, &none);
    if (path < 0) return false;
    if (path == PATH_NONE) wg_put(&w, "y does not depend on x\n");
    list_obstacles(&w, tape, x.id);
    return path == PATH_OPEN && wg_dtype_real(types[0].dtype) && wg_dtype_real(types[1].dtype);
}
