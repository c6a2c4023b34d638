/* path — see path.h. */
#include "tape/path.h"

uint8_t wg_path_through(const wg_tape *tape, const wg_node *node, int input, uint8_t path) {
    if (path == PATH_NONE || path == PATH_STOPPED) return path;
    if (node->op->flags & WG_STOPS) return PATH_STOPPED;
    return wg_op_blocks(tape, node, input) ? PATH_BLOCKED : path;
}

int wg_find_paths(wg_tape *tape, uint32_t y, const wg_var *inputs, int input_count, uint32_t *blocker) {
    *blocker = WG_ABSENT;
    tape->paths.count = 0;
    if (!wg_order(tape, &y, 1, false) || !WG_TAPE_ROOM(tape, paths, tape->order.count)) return -1;
    const size_t count = tape->paths.count = tape->order.count;
    uint8_t *path = tape->paths.at;
    memset(path, PATH_NONE, count);
    for (int i = 0; i < input_count; i++)
        if (wg_rank(tape, inputs[i].id) != WG_UNRANKED) path[wg_rank(tape, inputs[i].id)] = PATH_OPEN;
    for (size_t at = 0; at < count; at++) {
        const uint32_t id = tape->order.at[at];
        const wg_node *node = &tape->nodes.at[id];
        if (path[at] == PATH_OPEN) continue; /* an x itself */
        if (node->output > 0) {
            path[at] = path[wg_rank(tape, id - node->output)];
            if (path[at] == PATH_OPEN && !wg_dtype_real((wg_dtype)node->dtype)) path[at] = PATH_BLOCKED;
            if (path[at] == PATH_BLOCKED && *blocker == WG_ABSENT) *blocker = id;
            continue;
        }
        for (int i = 0; i < node->input_count; i++) {
            const uint32_t edge = wg_edge(tape, node, i);
            if (edge == WG_ABSENT) continue;
            const uint8_t before = path[wg_rank(tape, edge)], after = wg_path_through(tape, node, i, before);
            if (after == PATH_BLOCKED && before == PATH_OPEN && *blocker == WG_ABSENT) *blocker = id;
            if (after > path[at]) path[at] = after;
        }
    }
    return path[count - 1];
}

wg_connection wg_connection_of(wg_var y, wg_var x) {
    static const wg_connection meaning[] = {WG_INDEPENDENT, WG_STOPPED, WG_BLOCKED, WG_CONNECTED};
    wg_tape *tape = y.tape;
    if (!tape || !wg_tape_owns(tape, y, "wg_connection_of: y") ||
        !wg_tape_owns(tape, x, "wg_connection_of: x"))
        return WG_INDEPENDENT;
    uint32_t blocker;
    const int path = wg_find_paths(tape, y.id, &x, 1, &blocker);
    const bool real = wg_dtype_real(wg_type_of(x).dtype) && wg_dtype_real(wg_type_of(y).dtype);
    return path < 0 ? WG_INDEPENDENT : path == PATH_OPEN && !real ? WG_BLOCKED : meaning[path];
}
