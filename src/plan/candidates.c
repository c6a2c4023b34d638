/* candidates — which values of the forward pass might be computed twice: a fixed list of sets, from none on.
 * The list depends on the graph alone, never on a budget, so that the cheapest candidate that fits costs no
 * more under a larger budget, and takes no more memory under a smaller one.
 *
 * Saved are the values of the forward pass that the backward pass reads. A candidate says which of them are
 * kept; all others of the forward pass are dropped, and computed again where they are needed after all.
 *
 *   by worth    those that cost the fewest operations for each byte are dropped first: 1, 2, 3, … of them.
 *   by segment  of n segments only the last saved value is kept, as in Chen, Xu, Zhang & Guestrin 2016,
 *               arXiv:1604.06174. Segments have the same number of bytes, or shrink evenly towards the end:
 * the backward pass goes through the last one while all kept values are still there. subsets     of the
 * largest, every combination; of as many as is quick. */
#include "plan/recompute.h"
#include <stdlib.h>

typedef struct wg_saved {
    uint32_t value;
    double bytes, flops; /* that keeping it takes, that computing it again takes */
} wg_saved;

enum { MOST_BY_WORTH = 32, SEGMENT_COUNTS = 16, MOST_SUBSET_BITS = 10, SUBSET_WORK = 1 << 17 };
static const int segment_counts[SEGMENT_COUNTS] = {1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 32, 48, 64};

/* --- What is saved ---------------------------------------------------------------------------- */

/* Marks what forward nodes make; and what adjoints read after the turn. */
static void mark(wg_candidates *c, uint8_t *read_late) {
    const wg_plan *plan = c->plan;
    const wg_lowered *low = &plan->low;
    const size_t turn = wg_plan_turn(low, plan->order.at, plan->order.count);
    for (size_t at = 0; at < plan->order.count; at++) {
        const wg_low_node *node = &low->nodes.at[plan->order.at[at]];
        const bool adjoint = node->flags & WG_NODE_ADJOINT, forward = at < turn && !adjoint && !node->leaf;
        for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++) c->forward[v] = forward;
        for (uint32_t k = 0; at >= turn && adjoint && k < node->input_count; k++) {
            const uint32_t value = low->edges.at[node->inputs + k];
            if (value != WG_ABSENT) read_late[wg_bytes_of(low, value)] = true;
        }
    }
    for (size_t i = 0; i < wg_root_count(&low->count); i++) /* there anyway */
        c->forward[wg_bytes_of(low, low->roots[i])] = false;
    for (size_t v = 0; v < low->values.count; v++)
        c->region[v] = c->forward[v] && low->nodes.at[low->values.at[v].node].flags & WG_NODE_RECOMPUTE;
}

/* Operations to compute the node from what is saved: its own, and those of inputs that are not. */
static double cost_of(const wg_candidates *c, wg_tape *tape, uint32_t index, const uint8_t *read_late,
                      const double *costs, wg_operand *operands) {
    const wg_lowered *low = &c->plan->low;
    const wg_low_node *node = &low->nodes.at[index];
    double flops =
        node->leaf
            ? 0
            : wg_low_cost(low, node, wg_low_attributes(low, node, tape, tape->order.at), operands).flops;
    for (uint32_t k = 0; k < node->input_count; k++) {
        const uint32_t value = low->edges.at[node->inputs + k];
        const uint32_t own = value == WG_ABSENT ? value : wg_bytes_of(low, value);
        if (own != WG_ABSENT && c->forward[own] && !read_late[own]) flops += costs[low->values.at[own].node];
    }
    return flops;
}

static void list_saved(wg_candidates *c, wg_tape *tape, const uint8_t *read_late, double *costs,
                       wg_operand *operands) {
    const wg_lowered *low = &c->plan->low;
    for (size_t at = 0; at < c->plan->order.count; at++) {
        const uint32_t index = c->plan->order.at[at];
        const wg_low_node *node = &low->nodes.at[index];
        costs[index] = cost_of(c, tape, index, read_late, costs, operands);
        for (uint32_t v = node->outputs; v < node->outputs + node->output_count; v++)
            if (c->forward[v] && read_late[v] && !c->region[v])
                c->saved[c->saved_count++] =
                    (wg_saved){v, (double)wg_type_bytes(&low->values.at[v].type), costs[index]};
    }
}

static int least_worth_first(const void *one, const void *other) {
    const wg_saved *a = one, *b = other;
    const double x = a->flops * b->bytes, y = b->flops * a->bytes;
    if (x != y) return x < y ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static int largest_first(const void *one, const void *other) {
    const wg_saved *a = one, *b = other;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return a->value < b->value ? -1 : a->value > b->value;
}

static void count(wg_candidates *c) {
    const size_t most = SUBSET_WORK / (c->plan->order.count + 1);
    c->by_worth = c->saved_count < MOST_BY_WORTH ? c->saved_count : MOST_BY_WORTH;
    while (c->subset_bits < MOST_SUBSET_BITS && c->subset_bits < c->saved_count &&
           (2u << c->subset_bits) <= most)
        c->subset_bits++;
    c->count = 1;
    if (c->saved_count) c->count += c->by_worth + 2 * SEGMENT_COUNTS + ((size_t)1 << c->subset_bits);
}

bool wg_candidates_make(wg_candidates *c, const wg_plan *plan, wg_tape *tape) {
    const size_t nodes = plan->low.nodes.count + 1, values = plan->low.values.count + 1;
    *c = (wg_candidates){.plan = plan,
                         .values = plan->low.values.count,
                         .region = calloc(values, 1),
                         .forward = calloc(values, 1),
                         .saved = malloc(3 * values * sizeof *c->saved)};
    uint8_t *read_late = calloc(values, 1);
    double *costs = calloc(nodes, sizeof *costs);
    wg_operand *operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *operands);
    const bool good = c->region && c->forward && c->saved && read_late && costs && operands;
    if (good) {
        mark(c, read_late);
        list_saved(c, tape, read_late, costs, operands);
        wg_saved *by_worth = c->saved + c->saved_count, *by_size = by_worth + c->saved_count;
        memcpy(by_worth, c->saved, c->saved_count * sizeof *c->saved);
        memcpy(by_size, c->saved, c->saved_count * sizeof *c->saved);
        qsort(by_worth, c->saved_count, sizeof *by_worth, least_worth_first);
        qsort(by_size, c->saved_count, sizeof *by_size, largest_first);
        count(c);
    }
    free(read_late);
    free(costs);
    free(operands);
    if (!good) wg_candidates_free(c);
    return good || wg_tape_no_memory(tape);
}

void wg_candidates_free(wg_candidates *c) {
    free(c->region);
    free(c->forward);
    free(c->saved);
    *c = (wg_candidates){0};
}

/* --- The list --------------------------------------------------------------------------------- */

/* Drops the first saved values by worth: `step` of c->by_worth parts of them. */
static void drop_by_worth(const wg_candidates *c, size_t step, uint8_t *dropped) {
    const wg_saved *by_worth = c->saved + c->saved_count;
    for (size_t i = step * c->saved_count / c->by_worth; i < c->saved_count; i++)
        dropped[by_worth[i].value] = false;
}

/* The share of all bytes that `k` of `n` segments have: as many each, or n, n - 1, … 1 parts. */
static double share(double k, double n, bool shrinking) {
    return shrinking ? k * (2 * n - k + 1) / (n * (n + 1)) : k / n;
}

/* Keeps the last saved value of each segment but the last, which ends with the loss. */
static void drop_by_segment(const wg_candidates *c, int segments, bool shrinking, uint8_t *dropped) {
    double all = 0, done = 0;
    for (size_t i = 0; i < c->saved_count; i++) all += c->saved[i].bytes;
    int segment = 1;
    for (size_t i = 0; i < c->saved_count && segment < segments; i++) {
        done += c->saved[i].bytes;
        if (done < all * share(segment, segments, shrinking)) continue;
        dropped[c->saved[i].value] = false;
        while (segment < segments && done >= all * share(segment, segments, shrinking)) segment++;
    }
}

/* Drops those of the largest saved values whose bit is set. */
static void drop_subset(const wg_candidates *c, size_t bits, uint8_t *dropped) {
    const wg_saved *by_size = c->saved + 2 * c->saved_count;
    for (size_t i = 0; i < c->saved_count; i++)
        if (i >= c->subset_bits || !(bits >> i & 1)) dropped[by_size[i].value] = false;
}

void wg_candidate_get(const wg_candidates *c, size_t index, uint8_t *dropped) {
    if (index == 0) {
        memcpy(dropped, c->region, c->values);
        return;
    }
    memcpy(dropped, c->forward, c->values);
    index--;
    if (index < c->by_worth) {
        drop_by_worth(c, index + 1, dropped);
        return;
    }
    index -= c->by_worth;
    if (index < 2 * SEGMENT_COUNTS)
        drop_by_segment(c, segment_counts[index / 2], index % 2, dropped);
    else
        drop_subset(c, index - 2 * SEGMENT_COUNTS, dropped);
}
