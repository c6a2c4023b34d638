/* verify_buffers — no two buffers whose lives overlap share bytes, and all lie within the arena.
 *
 * A sweep through the births, in O(n log n): those alive are disjoint, so a new one has to be compared with
 * its neighbours in the order of offsets only. Who has died is taken out when it is met as a neighbour. */
#include "plan/verify.h"
#include <stdlib.h>

enum { LEVELS = 6 }; /* 64^6 buffers */

/* A set of ranks; bit i of a level says whether word i of the level below has any. */
typedef struct ranks {
    uint64_t *level[LEVELS];
} ranks;

static void insert(ranks *set, size_t rank) {
    for (int l = 0; l < LEVELS; l++, rank /= 64) set->level[l][rank / 64] |= UINT64_C(1) << rank % 64;
}

static void take_out(ranks *set, size_t rank) {
    for (int l = 0; l < LEVELS; l++, rank /= 64)
        if (set->level[l][rank / 64] &= ~(UINT64_C(1) << rank % 64)) return;
}

/* The next one in the set above, or below, `rank`; SIZE_MAX: none. */
static size_t neighbour(const ranks *set, size_t rank, bool above) {
    for (int l = 0; l < LEVELS; l++, rank /= 64) {
        const uint64_t word = set->level[l][rank / 64], bit = UINT64_C(1) << rank % 64;
        uint64_t rest = above ? word & ~(bit | (bit - 1)) : word & (bit - 1);
        if (!rest) continue;
        for (size_t at = rank / 64;; rest = set->level[--l][at]) {
            at = at * 64 + (size_t)(above ? __builtin_ctzll(rest) : 63 - __builtin_clzll(rest));
            if (l == 0) return at;
        }
    }
    return SIZE_MAX;
}

typedef struct placed {
    uint64_t offset;
    uint32_t buffer;
} placed;

static int by_offset(const void *one, const void *other) {
    const placed *a = one, *b = other;
    if (a->offset != b->offset) return a->offset < b->offset ? -1 : 1;
    return a->buffer < b->buffer ? -1 : a->buffer > b->buffer;
}

/* Is the neighbour on this side gone, or apart? */
static bool prove_apart(const wg_proof *p, ranks *alive, const placed *sorted, size_t rank, bool above) {
    const wg_buffer *buffers = p->plan->buffers.at, *buffer = &buffers[sorted[rank].buffer];
    for (size_t other; (other = neighbour(alive, rank, above)) != SIZE_MAX;) {
        const wg_buffer *at = &buffers[sorted[other].buffer];
        if (at->last < buffer->first) {
            take_out(alive, other);
            continue;
        }
        const wg_buffer *low = above ? buffer : at, *high = above ? at : buffer;
        return high->offset - low->offset >= low->bytes ||
               wg_refute(
                   p, p->low->values.at[buffer->value].node,
                   "has bytes %llu to %llu from wave %u to %u; value %u has some of them from wave %u to %u",
                   (unsigned long long)buffer->offset, (unsigned long long)(buffer->offset + buffer->bytes),
                   buffer->first, buffer->last, at->value, at->first, at->last);
    }
    return true;
}

static bool sweep(const wg_proof *p, const placed *sorted, const uint32_t *rank_of, ranks *alive) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        const wg_buffer *buffer = &plan->buffers.at[i];
        if (buffer->bytes == 0) continue;
        if (!prove_apart(p, alive, sorted, rank_of[i], true) ||
            !prove_apart(p, alive, sorted, rank_of[i], false))
            return false;
        insert(alive, rank_of[i]);
    }
    return true;
}

static bool prove_sound(const wg_proof *p) {
    const wg_plan *plan = p->plan;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        const wg_buffer *buffer = &plan->buffers.at[i];
        if (buffer->value >= p->low->values.count)
            return wg_refute(p, WG_ABSENT, "buffer %zu is of no value", i);
        const uint32_t node = p->low->values.at[buffer->value].node;
        if (buffer->first > buffer->last || buffer->last > plan->waves.count ||
            (i && buffer->first < plan->buffers.at[i - 1].first))
            return wg_refute(p, node, "has a buffer from wave %u to %u, out of turn", buffer->first,
                             buffer->last);
        if (buffer->offset % WG_ALIGNMENT || buffer->offset > plan->arena_bytes ||
            buffer->bytes > plan->arena_bytes - buffer->offset)
            return wg_refute(p, node, "has bytes %llu to %llu of an arena of %zu",
                             (unsigned long long)buffer->offset,
                             (unsigned long long)(buffer->offset + buffer->bytes), plan->arena_bytes);
    }
    return true;
}

bool wg_prove_buffers(const wg_proof *p) {
    const size_t count = p->plan->buffers.count;
    if (!prove_sound(p)) return false;
    size_t words = 0, size[LEVELS], at = count;
    for (int l = 0; l < LEVELS; l++) words += size[l] = at = at / 64 + 1;
    placed *sorted = malloc((count + 1) * sizeof *sorted);
    uint32_t *rank_of = malloc((count + 1) * sizeof *rank_of);
    uint64_t *bits = calloc(words, sizeof *bits);
    bool good = (sorted && rank_of && bits) || wg_tape_no_memory(p->tape);
    if (good) {
        ranks alive;
        for (uint32_t i = 0; i < count; i++) sorted[i] = (placed){p->plan->buffers.at[i].offset, i};
        qsort(sorted, count, sizeof *sorted, by_offset);
        for (uint32_t i = 0; i < count; i++) rank_of[sorted[i].buffer] = i;
        alive.level[0] = bits;
        for (int l = 1; l < LEVELS; l++) alive.level[l] = alive.level[l - 1] + size[l - 1];
        good = sweep(p, sorted, rank_of, &alive);
    }
    free(sorted);
    free(rank_of);
    free(bits);
    return good;
}
