/* plan — the fourth room: when and where. Which nodes run together, in which step, and at which place of
 * one arena every buffer lies. Nothing here touches rounding: whatever is decided, the bits are those of
 * the lowered graph computed node by node.
 *
 * The passes, each a file: fuse (steps), place (buffers, in-place, offsets); cache finds plans again. */
#ifndef WG_PLAN_PLAN_H
#define WG_PLAN_PLAN_H

#include "lower/lower.h"
#include <stdatomic.h>

enum {
    WG_TILE = 1024 /* elements that a fused chain handles at a time: a few operands of it stay in L1 */
};

/* Where the bytes of a value are found while the plan runs. */
typedef enum wg_place_kind {
    WG_PLACE_NONE = 0, /* of a view: see the value that it is a view of */
    WG_PLACE_ARENA,    /* at `offset` of the arena */
    WG_PLACE_LEAF,     /* the leaf's own memory; `offset` is the node */
    WG_PLACE_RESULT,   /* in the tensor of result number `offset` */
    WG_PLACE_TILE      /* only ever in a tile, in slot number `offset` of its step */
} wg_place_kind;

typedef struct wg_place {
    wg_place_kind kind;
    uint64_t offset;
} wg_place;

typedef enum wg_step_kind {
    WG_STEP_KERNEL = 0, /* one node */
    WG_STEP_TILES,      /* elementwise nodes of one shape, tile by tile */
    WG_STEP_GATHER      /* a leaf that is not dense, copied */
} wg_step_kind;

typedef struct wg_step {
    wg_step_kind kind;
    uint32_t first, count; /* its nodes, in plan->members */
    uint32_t slots;        /* tiles that it needs at once */
    int64_t elements;      /* of a tile step */
    int64_t units;         /* independent parts; of a tile step: tiles */
    int64_t grain;         /* units that a thread takes at a time */
} wg_step;

/* After a successful run these bytes are copied: results that alias something else, and assigns. */
typedef struct wg_copy {
    uint32_t value, result;
} wg_copy;

typedef struct wg_plan {
    atomic_int owners;
    uint64_t hash, used; /* `used`: when last, for the cache */
    uint64_t *key;
    size_t key_count;
    wg_lowered low;
    size_t result_count; /* the first roots are results, the others are assigned or only checked */
    WG_ARRAY(wg_step) steps;
    WG_ARRAY(uint32_t) members;
    WG_ARRAY(wg_copy) copies;
    uint32_t *step_of;      /* by node; WG_ABSENT: no step */
    wg_place *places;       /* by value */
    size_t arena_bytes;     /* the peak of all buffers */
    size_t workspace_bytes; /* for each thread */
    uint32_t most_operands;
} wg_plan;

/* Plans what the tape's order, key and roots say; NULL: error on the tape. The first `result_count` roots
 * are results. */
wg_plan *wg_plan_make(wg_tape *tape, wg_isa isa, const uint32_t *roots, size_t root_count,
                      size_t result_count);
wg_plan *wg_plan_retain(wg_plan *plan);
void wg_plan_free(wg_plan *plan);

/* --- the passes; false: no memory ------------------------------------------------------------- */

/* Forms steps: plan->steps, members, step_of. */
bool wg_plan_fuse(wg_plan *plan, wg_tape *tape);
/* Gives every value its place: plan->places, copies, arena_bytes; needs the steps. */
bool wg_plan_place(wg_plan *plan, wg_tape *tape);

/* --- cache.c ---------------------------------------------------------------------------------- */

typedef struct wg_cache {
    WG_ARRAY(wg_plan *) plans;
    size_t bound;
    uint64_t clock, made, found, dropped;
} wg_cache;

/* The plan with this very key, one owner more, or NULL. */
wg_plan *wg_cache_find(wg_cache *cache, const uint64_t *key, size_t key_count, uint64_t hash);
/* Takes a share in the plan; the least recently used goes when the bound is met. Without memory the plan
 * is just not kept. */
void wg_cache_add(wg_cache *cache, wg_plan *plan);
void wg_cache_free(wg_cache *cache);

static inline bool wg_is_tiled(const wg_low_node *node) {
    return !node->leaf && node->op->flags & WG_ELEMENTWISE;
}

#endif
