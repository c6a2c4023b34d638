/* candidates — what might become of the values of the forward pass: a fixed list of fates, from all kept on.
 * The list depends on the graph alone, never on a budget, so that the cheapest candidate that fits costs no
 * more under a larger budget, and takes no more memory under a smaller one.
 *
 * Saved are the values of the forward pass that the backward pass reads. A candidate says which of them are
 * kept, and which packed; all others of the forward pass are dropped, and computed again where they are
 * needed after all. A lever is one saved value dropped or packed.
 *
 *   by worth    levers that cost the fewest operations for each byte are pulled first: 1, 2, 3, … of them.
 *   by segment  of n segments only the last saved value is kept, as in Chen, Xu, Zhang & Guestrin 2016,
 *               arXiv:1604.06174. Segments have the same number of bytes, or shrink evenly towards the end:
 *               the backward pass goes through the last one while all kept values are still there. What can
 *               be packed is dropped as well, or packed.
 *   subsets     of the levers that free most, every combination; of as many as is quick. */
#include "plan/recompute.h"
#include <stdlib.h>

typedef struct wg_saved {
    uint32_t value;
    double bytes, flops; /* that keeping it takes, that computing it again takes */
} wg_saved;

typedef struct wg_lever {
    uint32_t value;
    wg_fate fate;
    double bytes, flops; /* that it frees, that it costs */
} wg_lever;

enum {
    MOST_BY_WORTH = 32,
    SEGMENT_COUNTS = 16,
    SEGMENT_WAYS = 4,
    MOST_SUBSET_BITS = 10,
    SUBSET_WORK = 1 << 17
};
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

/* Each saved value dropped; and packed, where that is possible. */
static void list_levers(wg_candidates *c) {
    for (size_t i = 0; i < c->saved_count; i++) {
        const wg_saved saved = c->saved[i];
        const double elements = (double)wg_type_count(&c->plan->low.values.at[saved.value].type);
        c->by_worth[c->lever_count++] = (wg_lever){saved.value, WG_DROPPED, saved.bytes, saved.flops};
        if (c->readers[saved.value] != WG_ABSENT)
            c->by_worth[c->lever_count++] =
                (wg_lever){saved.value, WG_PACKED, saved.bytes - elements, elements};
    }
}

static int in_order(const wg_lever *a, const wg_lever *b) {
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return (a->fate > b->fate) - (a->fate < b->fate);
}

static int least_worth_first(const void *one, const void *other) {
    const wg_lever *a = one, *b = other;
    const double x = a->flops * b->bytes, y = b->flops * a->bytes;
    return x < y ? -1 : x > y ? 1 : in_order(a, b);
}

static int largest_first(const void *one, const void *other) {
    const wg_lever *a = one, *b = other;
    return a->bytes > b->bytes ? -1 : a->bytes < b->bytes ? 1 : in_order(a, b);
}

static void count(wg_candidates *c) {
    const size_t most = SUBSET_WORK / (c->plan->order.count + 1);
    c->worth_steps = c->lever_count < MOST_BY_WORTH ? c->lever_count : MOST_BY_WORTH;
    while (c->subset_bits < MOST_SUBSET_BITS && c->subset_bits < c->lever_count &&
           (2u << c->subset_bits) <= most)
        c->subset_bits++;
    c->count = 1;
    if (c->saved_count)
        c->count += c->worth_steps + SEGMENT_WAYS * SEGMENT_COUNTS + ((size_t)1 << c->subset_bits);
}

bool wg_candidates_make(wg_candidates *c, const wg_plan *plan, wg_tape *tape) {
    const size_t nodes = plan->low.nodes.count + 1, values = plan->low.values.count + 1;
    *c = (wg_candidates){.plan = plan,
                         .values = plan->low.values.count,
                         .region = calloc(values, 1),
                         .forward = calloc(values, 1),
                         .readers = malloc(values * sizeof *c->readers),
                         .saved = malloc(values * sizeof *c->saved),
                         .by_worth = malloc(4 * values * sizeof *c->by_worth)};
    uint8_t *read_late = calloc(values, 1);
    double *costs = calloc(nodes, sizeof *costs);
    wg_operand *operands = malloc((wg_most_operands(&plan->low) + 1) * sizeof *operands);
    const bool good =
        c->region && c->forward && c->readers && c->saved && c->by_worth && read_late && costs && operands;
    if (good) {
        mark(c, read_late);
        list_saved(c, tape, read_late, costs, operands);
        wg_plan_packs(plan, tape, c->readers, operands);
        list_levers(c);
        c->by_size = c->by_worth + c->lever_count;
        memcpy(c->by_size, c->by_worth, c->lever_count * sizeof *c->by_size);
        qsort(c->by_worth, c->lever_count, sizeof *c->by_worth, least_worth_first);
        qsort(c->by_size, c->lever_count, sizeof *c->by_size, largest_first);
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
    free(c->readers);
    free(c->saved);
    free(c->by_worth);
    *c = (wg_candidates){0};
}

/* --- The list --------------------------------------------------------------------------------- */

/* Of two levers of one value the one that frees more works. */
static void pull(uint8_t *fates, const wg_lever *lever) {
    if (fates[lever->value] != WG_DROPPED) fates[lever->value] = (uint8_t)lever->fate;
}

static void keep_saved(const wg_candidates *c, uint8_t *fates) {
    for (size_t i = 0; i < c->saved_count; i++) fates[c->saved[i].value] = WG_KEPT;
}

/* Pulls the first levers by worth: `step` of c->worth_steps parts of them. */
static void pull_by_worth(const wg_candidates *c, size_t step, uint8_t *fates) {
    keep_saved(c, fates);
    for (size_t i = 0; i < step * c->lever_count / c->worth_steps; i++) pull(fates, &c->by_worth[i]);
}

/* The share of all bytes that `k` of `n` segments have: as many each, or n, n - 1, … 1 parts. */
static double share(double k, double n, bool shrinking) {
    return shrinking ? k * (2 * n - k + 1) / (n * (n + 1)) : k / n;
}

/* Keeps the last saved value of each segment but the last, which ends with the loss. */
static void drop_by_segment(const wg_candidates *c, int segments, bool shrinking, uint8_t *fates) {
    double all = 0, done = 0;
    for (size_t i = 0; i < c->saved_count; i++) all += c->saved[i].bytes;
    int segment = 1;
    for (size_t i = 0; i < c->saved_count && segment < segments; i++) {
        done += c->saved[i].bytes;
        if (done < all * share(segment, segments, shrinking)) continue;
        fates[c->saved[i].value] = WG_KEPT;
        while (segment < segments && done >= all * share(segment, segments, shrinking)) segment++;
    }
}

/* What can be packed is packed instead of dropped. */
static void pack_dropped(const wg_candidates *c, uint8_t *fates) {
    for (size_t i = 0; i < c->saved_count; i++)
        if (fates[c->saved[i].value] == WG_DROPPED && c->readers[c->saved[i].value] != WG_ABSENT)
            fates[c->saved[i].value] = WG_PACKED;
}

/* Pulls those of the levers that free most whose bit is set. */
static void pull_subset(const wg_candidates *c, size_t bits, uint8_t *fates) {
    keep_saved(c, fates);
    for (size_t i = 0; i < c->subset_bits; i++)
        if (bits >> i & 1) pull(fates, &c->by_size[i]);
}

void wg_candidate_get(const wg_candidates *c, size_t index, uint8_t *fates) {
    memcpy(fates, index == 0 ? c->region : c->forward, c->values); /* true: WG_DROPPED */
    if (index-- == 0) return;
    if (index < c->worth_steps) {
        pull_by_worth(c, index + 1, fates);
        return;
    }
    index -= c->worth_steps;
    if (index >= SEGMENT_WAYS * SEGMENT_COUNTS) {
        pull_subset(c, index - SEGMENT_WAYS * SEGMENT_COUNTS, fates);
        return;
    }
    drop_by_segment(c, segment_counts[index / SEGMENT_WAYS], index % 2, fates);
    if (index % SEGMENT_WAYS / 2) pack_dropped(c, fates);
}
