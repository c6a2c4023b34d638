/* offsets — where in the arena each buffer lies, its life being known.
 *
 * The large ones first: by size, the largest first, each in the smallest gap that is free for its whole life,
 * at a tie the lowest; else behind what is there (greedy by size for offset calculation: Pisarchyk & Lee
 * 2020, arXiv:2001.03288). Ties go to the earlier birth. That takes time in proportion to the square of their
 * number, so there are at most MOST_LARGE of them. All others lie behind, filled in the order of births: the
 * smallest hole that is large enough, at a tie the lowest, else the end. Equal plans are equal. */
#include "plan/plan.h"
#include <stdlib.h>

enum { MOST_LARGE = 512 };

typedef struct hole {
    uint64_t offset, size;
} hole;

typedef struct placing {
    wg_plan *plan;
    uint32_t *by_size, *by_offset; /* buffers; the large ones that are placed already */
    size_t large, placed;
    WG_ARRAY(hole) holes; /* by offset; no two touch */
    uint64_t end;         /* of the arena so far */
} placing;

/* What it takes: every buffer begins at a multiple of the alignment, and no two are at the same place. */
static uint64_t size_of(const wg_buffer *buffer) {
    return wg_round_up(buffer->bytes ? buffer->bytes : 1, WG_ALIGNMENT);
}

/* --- The large ones --------------------------------------------------------------------------- */

typedef struct sized {
    uint64_t bytes;
    uint32_t buffer;
} sized;

static int larger_first(const void *one, const void *other) {
    const sized *a = one, *b = other;
    if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
    return a->buffer < b->buffer ? -1
                                 : a->buffer > b->buffer; /* buffers stand in the order of their births */
}

static bool live_together(const wg_buffer *a, const wg_buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* The smallest gap that is free for the buffer's whole life. */
static uint64_t best_gap(const placing *p, const wg_buffer *buffer) {
    const uint64_t size = size_of(buffer);
    uint64_t end = 0, best = UINT64_MAX, best_size = UINT64_MAX;
    for (size_t i = 0; i < p->placed; i++) {
        const wg_buffer *other = &p->plan->buffers.at[p->by_offset[i]];
        if (!live_together(buffer, other)) continue;
        if (other->offset > end && other->offset - end >= size && other->offset - end < best_size) {
            best = end;
            best_size = other->offset - end;
        }
        if (end < other->offset + size_of(other)) end = other->offset + size_of(other);
    }
    return best == UINT64_MAX ? end : best;
}

static void place_large(placing *p) {
    for (size_t i = 0; i < p->large; i++) {
        wg_buffer *buffer = &p->plan->buffers.at[p->by_size[i]];
        buffer->offset = best_gap(p, buffer);
        if (p->end < buffer->offset + size_of(buffer)) p->end = buffer->offset + size_of(buffer);
        size_t at = p->placed++;
        for (; at > 0 && p->plan->buffers.at[p->by_offset[at - 1]].offset > buffer->offset; at--)
            p->by_offset[at] = p->by_offset[at - 1];
        p->by_offset[at] = p->by_size[i];
    }
}

/* --- The others ------------------------------------------------------------------------------- */

static uint64_t take(placing *p, uint64_t size) {
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < p->holes.count; i++)
        if (p->holes.at[i].size >= size && (best == SIZE_MAX || p->holes.at[i].size < p->holes.at[best].size))
            best = i;
    if (best == SIZE_MAX) { /* at the end, which a hole may reach into */
        hole *last = p->holes.count ? &p->holes.at[p->holes.count - 1] : NULL;
        uint64_t offset = p->end;
        if (last && last->offset + last->size == p->end) {
            offset = last->offset;
            p->holes.count--;
        }
        p->end = offset + size;
        return offset;
    }
    hole *h = &p->holes.at[best];
    const uint64_t offset = h->offset;
    h->offset += size;
    h->size -= size;
    if (h->size == 0) memmove(h, h + 1, (--p->holes.count - best) * sizeof *h);
    return offset;
}

static bool give_back(placing *p, uint64_t offset, uint64_t size) {
    if (!WG_RESERVE(&p->holes.at, &p->holes.capacity, p->holes.count + 1)) return false;
    size_t at = 0, high = p->holes.count;
    while (at < high) {
        const size_t middle = (at + high) / 2;
        if (p->holes.at[middle].offset < offset)
            at = middle + 1;
        else
            high = middle;
    }
    hole *h = &p->holes.at[at];
    const bool before = at > 0 && h[-1].offset + h[-1].size == offset,
               after = at < p->holes.count && offset + size == h->offset;
    if (before && after) {
        h[-1].size += size + h->size;
        memmove(h, h + 1, (--p->holes.count - at) * sizeof *h);
    } else if (before) {
        h[-1].size += size;
    } else if (after) {
        h->offset = offset;
        h->size += size;
    } else {
        memmove(h + 1, h, (p->holes.count++ - at) * sizeof *h);
        *h = (hole){offset, size};
    }
    return true;
}

/* In the order of births; what has died by then is given back first, by lists of those that die in a wave. */
static bool place_small(placing *p, const uint8_t *is_large, uint32_t *dying, uint32_t *dies_with) {
    wg_plan *plan = p->plan;
    uint32_t dead = 0; /* waves whose dead have been given back */
    for (size_t i = 0; i <= plan->waves.count; i++) dying[i] = WG_ABSENT;
    for (uint32_t i = 0; i < plan->buffers.count; i++) {
        wg_buffer *buffer = &plan->buffers.at[i];
        for (; dead < buffer->first; dead++)
            for (uint32_t d = dying[dead]; d != WG_ABSENT; d = dies_with[d])
                if (!give_back(p, plan->buffers.at[d].offset, size_of(&plan->buffers.at[d]))) return false;
        if (is_large[i]) continue;
        buffer->offset = take(p, size_of(buffer));
        if (!wg_plan_pass_on(plan, WG_PASS_REUSE)) continue;
        dies_with[i] = dying[buffer->last];
        dying[buffer->last] = i;
    }
    return true;
}

/* --- All -------------------------------------------------------------------------------------- */

static bool fits(const wg_plan *plan, wg_tape *tape) {
    uint64_t all = 0;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        all += size_of(&plan->buffers.at[i]);
        if (all <= INT64_MAX) continue;
        wg_tape_fail(tape, WG_ERROR_MEMORY,
                     "wg_eval: its buffers together have more bytes than 64 bits can count");
        return false;
    }
    return true;
}

/* Which buffers are large, the largest first. */
static bool sort(placing *p, uint8_t *is_large) {
    const wg_plan *plan = p->plan;
    const size_t count = plan->buffers.count;
    sized *sizes = malloc((count + 1) * sizeof *sizes);
    if (!sizes) return false;
    for (uint32_t i = 0; i < count; i++) sizes[i] = (sized){plan->buffers.at[i].bytes, i};
    qsort(sizes, count, sizeof *sizes, larger_first);
    p->large = !wg_plan_pass_on(plan, WG_PASS_REUSE) ? 0 : count < MOST_LARGE ? count : MOST_LARGE;
    for (size_t i = 0; i < p->large; i++) {
        p->by_size[i] = sizes[i].buffer;
        is_large[sizes[i].buffer] = true;
    }
    free(sizes);
    return true;
}

bool wg_plan_offsets(wg_plan *plan, wg_tape *tape) {
    placing p = {.plan = plan};
    const size_t buffers = plan->buffers.count + 1, waves = plan->waves.count + 1;
    if (!fits(plan, tape)) return false;
    uint32_t *words = malloc((2 * MOST_LARGE + waves + buffers) * sizeof *words);
    uint8_t *is_large = calloc(buffers, 1);
    bool good = words && is_large;
    if (good) {
        p.by_size = words;
        p.by_offset = p.by_size + MOST_LARGE;
        uint32_t *dying = p.by_offset + MOST_LARGE, *dies_with = dying + waves;
        good = sort(&p, is_large);
        if (good) place_large(&p);
        good = good && place_small(&p, is_large, dying, dies_with);
    }
    for (size_t i = 0; i < plan->buffers.count; i++) {
        const wg_buffer *buffer = &plan->buffers.at[i];
        if (plan->arena_bytes < buffer->offset + buffer->bytes)
            plan->arena_bytes = buffer->offset + buffer->bytes;
    }
    free(words);
    free(is_large);
    free(p.holes.at);
    return good || wg_tape_no_memory(tape);
}
