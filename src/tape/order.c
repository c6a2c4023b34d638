/* order — the canonical order of what some roots need.
 *
 * C leaves open in which order the arguments of a call are evaluated, so the order of recording may
 * differ between compilers. The walk does not: from the roots, along the inputs as they stand in the
 * node, each node after its inputs. Sums of cotangents, plans and their keys follow it. No recursion:
 * a chain of a million nodes is walked as well. */
#include "tape/tape.h"

static bool seen(const wg_tape *tape, uint32_t id) { return tape->rank.at[id] >> 32 == tape->walk; }

/* How many inputs the walk goes to. A further output of a node has the node's first output as its only one.
 */
static uint32_t input_count(const wg_tape *tape, const wg_node *node, bool stop_at_values) {
    if (stop_at_values && wg_at_hand(tape, node)) return 0;
    return node->output > 0 ? 1 : node->input_count;
}

/* The first input from number *which on that has not been met; *which becomes the number after it. WG_ABSENT:
 * all have been. */
static uint32_t next_input(const wg_tape *tape, uint32_t id, bool stop_at_values, uint32_t *which) {
    const wg_node *node = &tape->nodes.at[id];
    const uint32_t first = id - node->output, count = input_count(tape, node, stop_at_values);
    while (*which < count) {
        const uint32_t input = node->output > 0 ? first : tape->edges.at[node->inputs + *which];
        ++*which;
        if (input != WG_ABSENT && !seen(tape, input)) return input;
    }
    return WG_ABSENT;
}

static bool walk_from(wg_tape *tape, uint32_t root, bool stop_at_values) {
    const uint64_t met = (uint64_t)tape->walk << 32;
    uint32_t id = root, which = 0; /* the node at hand, and the input of it to look at */
    size_t depth = 0;              /* of the stack, where the nodes that wait for it stand like it */
    tape->rank.at[root] = met | WG_UNRANKED;
    for (;;) {
        const uint32_t next = next_input(tape, id, stop_at_values, &which);
        if (next != WG_ABSENT) {
            if (!WG_RESERVE(&tape->stack.at, &tape->stack.capacity, depth + 1))
                return wg_tape_no_memory(tape);
            tape->stack.at[depth++] = (uint64_t)id << 32 | which;
            tape->rank.at[next] = met | WG_UNRANKED;
            id = next;
            which = 0;
            continue;
        }
        tape->rank.at[id] = met | (uint32_t)tape->order.count;
        tape->order.at[tape->order.count++] = id;
        if (depth == 0) return true;
        const uint64_t top = tape->stack.at[--depth];
        id = (uint32_t)(top >> 32);
        which = (uint32_t)top;
    }
}

bool wg_order(wg_tape *tape, const uint32_t *roots, size_t count, bool stop_at_values) {
    const size_t nodes = tape->nodes.count;
    if (tape->rule_now) /* its gradient stands on the order of another walk */
        return wg_tape_fail(tape, WG_ERROR_GRADIENT,
                            "%s: its backward function differentiates or evaluates; it may only record",
                            tape->rule_now->name),
               false;
    tape->order.count = 0;
    if (!WG_TAPE_ROOM(tape, order, nodes) || !WG_RESERVE(&tape->rank.at, &tape->rank.capacity, nodes) ||
        !WG_RESERVE(&tape->stack.at, &tape->stack.capacity, 64))
        return wg_tape_no_memory(tape);
    if (tape->rank.count < nodes) {
        memset(tape->rank.at + tape->rank.count, 0, (nodes - tape->rank.count) * sizeof *tape->rank.at);
        tape->rank.count = nodes;
    }
    if (++tape->walk == 0) { /* after 2^32 walks of one recording */
        memset(tape->rank.at, 0, nodes * sizeof *tape->rank.at);
        tape->walk = 1;
    }
    for (size_t i = 0; i < count; i++)
        if (!seen(tape, roots[i]) && !walk_from(tape, roots[i], stop_at_values)) return false;
    return true;
}
