/* plan — the fourth room: when and where. In which order nodes run, which of them together, and at which
 * place of one arena every buffer lies. Nothing here touches rounding: whatever is decided, the bits are
 * those of the lowered graph computed node by node.
 *
 * The passes, each a file, in the order in which they work: order, fuse, group, place; then verify proves the
 * plan. Cache finds plans again. */
#ifndef WG_PLAN_PLAN_H
#define WG_PLAN_PLAN_H

#include "lower/lower.h"
#include <stdatomic.h>

enum {
    WG_TILE = 1024, /* elements that a fused chain handles at a time: a few operands of it stay in L1 */
    WG_FOLLOW_OPERANDS = 8 /* the most that a kernel has that follows another one, or is followed */
};

/* Where the bytes of a value are found while the plan runs. */
typedef enum wg_place_kind {
    WG_PLACE_NONE = 0, /* of a view: see the value that it is a view of */
    WG_PLACE_ARENA,    /* at `offset` of the arena */
    WG_PLACE_LEAF,     /* the leaf's own memory; `offset` is the node */
    WG_PLACE_RESULT,   /* in the tensor of result number `offset` */
    WG_PLACE_STATE,    /* in the state that assign number `offset` changes */
    WG_PLACE_TILE,     /* only ever in a tile, in slot number `offset` of its step */
    WG_PLACE_RUN       /* only ever a run of it, in run slot number `offset` of its step */
} wg_place_kind;

typedef struct wg_place {
    wg_place_kind kind;
    uint64_t offset;
} wg_place;

typedef enum wg_step_kind {
    WG_STEP_KERNEL = 0, /* one node, and others that work on its output 0, run by run: elementwise ones, and
                           then one more that reads such runs */
    WG_STEP_TILES,      /* elementwise nodes of one shape, tile by tile */
    WG_STEP_GATHER      /* a leaf that is not dense, copied */
} wg_step_kind;

typedef struct wg_step {
    wg_step_kind kind;
    uint32_t first, count; /* its nodes, in plan->members */
    uint32_t slots;        /* tiles that it needs at once */
    uint32_t runs;         /* run slots that it needs */
    bool followed;         /* its last member is a kernel that reads the runs */
    uint32_t wave;         /* that it runs in */
    int64_t elements;      /* of each elementwise member, and of a kernel's output 0 */
    int64_t run_elements;  /* the most of a run, where a kernel follows */
    int64_t units;         /* independent parts; of a tile step: tiles */
    int64_t grain;         /* units that a thread takes at a time */
    size_t run_bytes;      /* of a run slot */
    size_t workspace;      /* bytes that each thread needs: for the kernels, then for tiles, then for runs */
    size_t kernel_workspace;
} wg_step;

/* Steps that run side by side: none of them reads what another one writes. Waves run one after the other. */
typedef struct wg_wave {
    uint32_t first, count; /* steps */
    int64_t grain;         /* of several steps: how many of their pieces a thread takes at a time */
} wg_wave;

/* A piece of the arena, and the waves in which it is in use, both included. */
typedef struct wg_buffer {
    uint32_t value; /* that made it first; others may have taken it over */
    uint32_t first, last;
    uint64_t offset, bytes;
} wg_buffer;

/* Bytes moved outside of any step. */
typedef struct wg_copy {
    wg_place from, to;
    size_t bytes;
} wg_copy;

/* An elementwise member of a step: its kernel, and its operands in plan->tile_operands, inputs first. */
typedef struct wg_tile_member {
    void (*run)(const wg_call *call);
    const wg_op *op;
    uint32_t source; /* as wg_low_node.source */
    uint32_t operands;
    uint8_t inputs, outputs, dtype;
} wg_tile_member;

typedef struct wg_tile_operand {
    uint64_t offset; /* its place */
    uint32_t value;  /* WG_ABSENT: an input left out */
    uint8_t kind, dtype, size;
    bool spread; /* broadcast: spread out for each tile */
} wg_tile_operand;

typedef struct wg_plan_settings {
    wg_lower_settings lower;
    size_t budget; /* bytes that arena and workspace may take; 0: any number */
    int threads;   /* each with a workspace of its own */
} wg_plan_settings;

typedef struct wg_plan wg_plan;
struct wg_plan {
    atomic_int owners;
    uint64_t hash;
    wg_plan *chain, *newer, *older; /* in the cache: see cache.c */
    uint64_t *key;
    size_t key_count;
    uint32_t disabled; /* passes that were off, by bit */
    wg_lowered low;
    WG_ARRAY(uint32_t) order; /* the nodes that have work to do, as they run */
    size_t tail; /* nodes of the order from here on only compute what states will hold: see order.c */
    WG_ARRAY(wg_step) steps;
    WG_ARRAY(uint32_t) members;
    wg_tile_member *program; /* by place in members */
    WG_ARRAY(wg_tile_operand) tile_operands;
    WG_ARRAY(wg_wave) waves;
    uint32_t tail_step; /* the first step of the tail; as many as there are steps: none */
    uint32_t commit;    /* the first wave that may write to a state: all that can fail or stop is over */
    WG_ARRAY(wg_copy) copies; /* results that alias something else, and assigns */
    size_t early_copies; /* so many of them are done before the commit: what they read may be overwritten */
    WG_ARRAY(wg_buffer) buffers; /* in the order in which they come to life */
    uint32_t *step_of;           /* by node; WG_ABSENT: no step */
    wg_place *places;            /* by value */
    uint32_t *buffer_of;         /* by value in the arena: its entry in buffers */
    size_t arena_bytes;          /* the peak of all buffers */
    size_t workspace_bytes;      /* for each thread */
    double recomputed_flops;
    uint64_t verifying_ns;  /* that its proof took */
    uint32_t most_operands; /* of all steps of a wave together */
    uint32_t most_steps;    /* of a wave */
};

/* Plans what the tape's order, key and roots say; NULL: error on the tape. */
wg_plan *wg_plan_make(wg_tape *tape, const wg_plan_settings *settings, const uint32_t *roots,
                      const wg_root_counts *count);
wg_plan *wg_plan_retain(wg_plan *plan);
void wg_plan_free(wg_plan *plan);

/* --- the passes; false: no memory ------------------------------------------------------------- */

/* In which order nodes run: plan->order, tail. */
bool wg_plan_order(wg_plan *plan, wg_tape *tape);
/* Forms steps: plan->steps, members, step_of, tail_step. */
bool wg_plan_fuse(wg_plan *plan, wg_tape *tape);
/* May node `index` follow `first`, the kernel of the step, run by run? The most elements of a run; -1: no.
 * `operands` has room for those of a node. */
int64_t wg_plan_follow(const wg_plan *plan, const wg_tape *tape, uint32_t step, uint32_t first,
                       uint32_t index, wg_operand *operands);
/* Forms waves of steps whose units and grain are known: plan->waves, commit. */
bool wg_plan_group(wg_plan *plan, wg_tape *tape);
/* Gives every value its place: plan->places, copies, buffers; and steps their slots. */
bool wg_plan_place(wg_plan *plan, wg_tape *tape);
/* Gives buffers whose lives are known their offsets, for wg_plan_place: and plan->arena_bytes. */
bool wg_plan_offsets(wg_plan *plan, wg_tape *tape);

/* Resolves the elementwise members: plan->program, tile_operands; needs the places. */
bool wg_plan_program(wg_plan *plan, wg_tape *tape);

/* --- verify.c: shares no code with the passes ------------------------------------------------- */

/* Proves that the plan does what its lowered graph says; false: WG_ERROR_PLAN on the tape, or no memory.
 * `order` is the canonical order of the tape that the plan was made for. */
bool wg_plan_verify(const wg_plan *plan, wg_tape *tape, const uint32_t *order);

/* --- cache.c ---------------------------------------------------------------------------------- */

typedef struct wg_cache {
    wg_plan **buckets; /* a power of two of them */
    size_t bucket_count;
    wg_plan *newest, *oldest; /* by when they were used */
    size_t count, bound;
    uint64_t made, found, dropped;
} wg_cache;

/* The plan with this very key, one owner more, or NULL. */
wg_plan *wg_cache_find(wg_cache *cache, const uint64_t *key, size_t key_count, uint64_t hash);
/* Takes a share in the plan; the least recently used goes when the bound is met. Without memory the plan
 * is just not kept. */
void wg_cache_add(wg_cache *cache, wg_plan *plan);
void wg_cache_free(wg_cache *cache);

/* Bytes that a run takes: the workspaces of all threads, then the arena. */
static inline size_t wg_plan_workspace(const wg_plan *plan, int threads) {
    return (size_t)threads * plan->workspace_bytes;
}
static inline size_t wg_plan_bytes(const wg_plan *plan, int threads) {
    return wg_plan_workspace(plan, threads) + plan->arena_bytes;
}

static inline bool wg_is_tiled(const wg_low_node *node) {
    return !node->leaf && node->op->flags & WG_ELEMENTWISE;
}
/* Which of the step's members is the first elementwise one. */
static inline uint32_t wg_first_tiled(const wg_step *step) { return step->kind == WG_STEP_TILES ? 0 : 1; }
/* And the one behind the last. */
static inline uint32_t wg_tiled_end(const wg_step *step) { return step->count - (step->followed ? 1u : 0u); }
/* Bytes of a tile slot. */
static inline size_t wg_slot_bytes(const wg_step *step) {
    return step->elements == 1 ? 8 : (size_t)WG_TILE * 8;
}
/* Where run slots begin in a workspace. */
static inline size_t wg_runs_at(const wg_step *step) {
    return step->workspace - step->runs * step->run_bytes;
}
/* Has the node anything to do when the plan runs? Views and dense leaves have not. */
static inline bool wg_has_work(const wg_low_node *node) {
    return !node->dead && (node->leaf ? !node->dense : !(node->op->flags & WG_VIEW));
}
static inline bool wg_plan_pass_on(const wg_plan *plan, wg_pass pass) {
    return wg_pass_on(plan->disabled, pass);
}

#endif
