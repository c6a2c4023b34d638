/* einsum_order — in which order the operands of an einsum are multiplied
 *
 * A contraction of two values costs a multiply-add for each combination of the indices that either has. Up to
 * EXHAUSTIVE operands the cheapest of all orders is found: for each set of operands the best pair of parts,
 * from smaller sets to larger (Pfeifer, Haegeman, Verstraete 2014, Phys. Rev. E 90, 033315). Beyond,
 * greedily: next are the two values whose product is smaller than they are together by most, and of those the
 * cheapest (Smith, Gray 2018, JOSS 3(26), 753, "opt_einsum"). Ties go to the pair that is met first. All
 * depends on extents alone. */
#include "op.h"
#include "einsum.h"
#include <math.h>

#ifdef WG_RULES

enum { EXHAUSTIVE = 8, SETS = 1 << EXHAUSTIVE };

/* How many combinations of these indices there are. */
static double combinations(uint64_t labels, const int64_t *extent) {
    double product = 1;
    for (; labels; labels &= labels - 1) product *= (double)extent[__builtin_ctzll(labels)];
    return product;
}

/* The labels that the product of a set of operands still has: those met outside it, or in the result. */
static void find_open(int count, const uint64_t *masks, uint64_t result, uint64_t *open) {
    for (unsigned set = 0; set < 1u << count; set++) {
        uint64_t inside = 0, outside = result;
        for (int i = 0; i < count; i++) *(set >> i & 1 ? &inside : &outside) |= masks[i];
        open[set] = inside & outside;
    }
}

/* split[set]: one part of each set, the other being the rest. */
static void find_splits(int count, const uint64_t *open, const int64_t *extent, unsigned *split) {
    double cost[SETS] = {0};
    for (unsigned set = 1; set < 1u << count; set++) {
        if (!(set & (set - 1))) continue;
        cost[set] = INFINITY;
        split[set] = set & (set - 1);
        for (unsigned part = (set - 1) & set; part > (set ^ part); part = (part - 1) & set) {
            const double parts = cost[part] + cost[set ^ part];
            if (parts >= cost[set]) continue;
            const double all = parts + combinations(open[part] | open[set ^ part], extent);
            if (all < cost[set]) cost[set] = all, split[set] = part;
        }
    }
}

static void order_best(int count, const uint64_t *masks, uint64_t result, const int64_t *extent,
                       einsum_step *steps) {
    uint64_t open[SETS];
    unsigned split[SETS];
    bool needed[SETS] = {false};
    int value[SETS], made = 0;
    find_open(count, masks, result, open);
    find_splits(count, open, extent, split);
    needed[(1u << count) - 1] = true;
    for (unsigned set = (1u << count) - 1; set; set--) /* parts have smaller numbers than their set */
        if (needed[set] && set & (set - 1)) needed[split[set]] = needed[set ^ split[set]] = true;
    for (unsigned set = 1; set < 1u << count; set++) {
        if (!(set & (set - 1))) value[set] = __builtin_ctz(set);
        else if (needed[set]) {
            const int one = value[split[set]], other = value[set ^ split[set]];
            steps[made] = one < other ? (einsum_step){one, other} : (einsum_step){other, one};
            value[set] = count + made++;
        }
    }
}

/* The pair to multiply next among the values that are left. */
static einsum_step next_pair(int values, const uint64_t *masks, const bool *used, uint64_t result,
                             const int64_t *extent, uint64_t *product) {
    einsum_step best = {-1, -1};
    double least_growth = 0, least_cost = 0;
    for (int i = 0; i < values; i++)
        for (int k = i + 1; k < values && !used[i]; k++) {
            if (used[k]) continue;
            uint64_t outside = result;
            for (int other = 0; other < values; other++)
                if (!used[other] && other != i && other != k) outside |= masks[other];
            const uint64_t all = masks[i] | masks[k], open = all & outside;
            const double cost = combinations(all, extent);
            const double growth = combinations(open, extent) - combinations(masks[i], extent) -
                                  combinations(masks[k], extent);
            if (best.left >= 0 && (growth > least_growth || (growth == least_growth && cost >= least_cost)))
                continue;
            best = (einsum_step){i, k}, least_growth = growth, least_cost = cost, *product = open;
        }
    return best;
}

static void order_greedily(int count, const uint64_t *masks, uint64_t result, const int64_t *extent,
                           einsum_step *steps) {
    uint64_t all[2 * EINSUM_OPERANDS];
    bool used[2 * EINSUM_OPERANDS] = {false};
    memcpy(all, masks, (size_t)count * sizeof *masks);
    for (int k = 0; k < count - 1; k++) {
        steps[k] = next_pair(count + k, all, used, result, extent, &all[count + k]);
        used[steps[k].left] = used[steps[k].right] = true;
    }
}

void wg_einsum_order(int count, const uint64_t *masks, uint64_t result, const int64_t *extent,
                  einsum_step *steps) {
    if (count < 2) return;
    (count <= EXHAUSTIVE ? order_best : order_greedily)(count, masks, result, extent, steps);
}

#endif
