/* tape — inside view of the first two rooms: what is recorded, and how it is walked.
 *
 * Nodes lie in one flat array in the order of recording, so a node's inputs have lower ids; edges,
 * attributes and extents lie in arrays beside it. Nothing here knows how nodes are computed. */
#ifndef WG_TAPE_TAPE_H
#define WG_TAPE_TAPE_H

#include "base/base.h"
#include "base/table.h"
#include "tensor/tensor.h"

#define WG_ABSENT UINT32_MAX           /* the edge of an optional input left out */
#define WG_INVALID_ID (UINT32_MAX - 1) /* the id of the var that an op returns after an error */

typedef enum wg_node_flags {
    WG_NODE_WEAK = 1 << 0,     /* a scalar that takes the dtype of what it meets */
    WG_NODE_ADJOINT = 1 << 1,  /* recorded while differentiating */
    WG_NODE_RECOMPUTE = 1 << 2, /* in a region of which the backward pass is to find nothing in memory */
    WG_NODE_INNER = 1 << 3      /* of what an op is composed of, before the node that is its result */
} wg_node_flags;

/* One recorded operation. Its further outputs are the nodes right after it, with `output` 1, 2, …
 * and no edges of their own. */
typedef struct wg_node {
    const wg_op *op;
    uint32_t inputs;     /* its first edge */
    uint32_t attributes; /* where its attributes begin, in words of 8 bytes */
    uint32_t extents;    /* where its shape begins */
    uint32_t site;       /* file:line; 0: not known yet */
    uint32_t scope;      /* 0: none */
    uint32_t value;      /* its entry in values; 0: none */
    uint16_t input_count;
    uint8_t rank, dtype, flags, output, output_count;
} wg_node;

/* What one call of an op that is composed of others recorded: the nodes from `begin` up to `end`. */
typedef struct wg_composition {
    uint32_t begin, end;
    const wg_op *op;
} wg_composition;

typedef struct wg_site {
    const char *file;
    int line;
} wg_site;

typedef struct wg_value_entry {
    uint32_t id;
    bool kept;         /* until the tape is cleared, not only until the next evaluation */
    wg_tensor *tensor; /* NULL: asked for, not evaluated yet */
} wg_value_entry;

typedef struct wg_read_entry {
    wg_state *state;
    uint64_t version; /* of the state when it was read */
} wg_read_entry;

typedef struct wg_assign_entry {
    wg_state *state;
    uint32_t value;
} wg_assign_entry;

#define WG_ARRAY(type)          \
    struct {                    \
        type *at;               \
        size_t count, capacity; \
    }

struct wg_tape {
    wg_engine *engine;
    uint32_t epoch;

    WG_ARRAY(wg_node) nodes;
    WG_ARRAY(uint32_t) edges;
    WG_ARRAY(uint64_t) attributes;
    WG_ARRAY(int64_t) extents;
    WG_ARRAY(wg_tensor *) inputs;
    WG_ARRAY(wg_read_entry) reads;
    WG_ARRAY(wg_assign_entry) assigns; /* not carried out yet */
    WG_ARRAY(uint32_t) guards;         /* checks that the next assigns depend on */
    WG_ARRAY(wg_composition) compositions; /* one after the other; not those within one */
    WG_ARRAY(wg_value_entry) values;   /* entry 0 is none */
    WG_ARRAY(wg_tensor *) spare;       /* results of earlier evaluations, to be used again */

    WG_ARRAY(wg_site) sites; /* entry 0 is none; kept over clears */
    wg_table site_table;
    WG_ARRAY(char) text;       /* scope paths and names met, zero-terminated */
    WG_ARRAY(uint32_t) scopes; /* entry i: where path i begins in text; entry 0 is "" */
    WG_ARRAY(uint32_t) scope_stack;
    wg_table name_table, state_table, cast_table;
    uint32_t unstamped; /* nodes from here on may lack a site */
    uint32_t site_now;  /* the site that nodes get as they are recorded; 0: none */
    uint32_t scope_now;
    uint32_t regions;  /* wg_recompute_begin without its end yet */
    uint8_t flags_now; /* that nodes get as they are recorded */
    const wg_op *rule_now; /* whose backward rule is recording */
    bool composing; /* an op that is composed of others is recording them */
    uint32_t unopened_scopes; /* calls of wg_scope that failed and whose end is still to come */

    /* canonical order, left by wg_order */
    WG_ARRAY(uint32_t) order; /* node ids, inputs before users */
    WG_ARRAY(uint64_t) rank;  /* by node id: walk number, then place in order */
    WG_ARRAY(uint64_t) stack;
    uint32_t walk;

    /* while differentiating, by place in the order */
    WG_ARRAY(uint8_t) paths;
    WG_ARRAY(uint32_t) cotangents;    /* the latest contribution, then the sum's node; WG_ABSENT: none */
    WG_ARRAY(uint64_t) contributions; /* a cotangent's node, and the contribution before it */

    WG_ARRAY(uint64_t) key; /* what a plan is found by: see lower/key.c */
    size_t budget; /* bytes that a plan may take; 0: any number */
    bool (*should_stop)(void *context); /* asked while a plan runs; NULL: nobody is */
    void *stop_context;
    const char *only_recorder; /* who has the tape for recording alone; NULL: nobody */
    void *scratch;          /* of the rooms that evaluate: see run/evaluation.h */
    void (*free_scratch)(void *scratch);

    wg_error error; /* status 0: none. The message without scope and site */
    uint32_t error_scope;
    wg_site error_site;
    char message[1400]; /* the text last handed out */
};

/* Makes room for `more` items at the end of an array of the tape; else puts WG_ERROR_MEMORY on it. */
#define WG_TAPE_ROOM(tape, array, more)                                                      \
    (WG_RESERVE(&(tape)->array.at, &(tape)->array.capacity, (tape)->array.count + (more)) || \
     (wg_tape_no_memory(tape), false))

bool wg_tape_no_memory(wg_tape *tape); /* returns false */

/* The error's place is `node`'s site and scope. Keeps the first error. Returns the tape's status. */
int wg_tape_fail_at(wg_tape *tape, uint32_t node, int status, const char *format, ...) WG_PRINTF(4, 5);
int wg_tape_fail(wg_tape *tape, int status, const char *format, ...) WG_PRINTF(3, 4);
wg_var wg_invalid(wg_tape *tape);

/* Is it a var of this tape, neither stale nor invalid? */
static inline bool wg_is_on(const wg_tape *tape, wg_var var) {
    return var.tape == tape && var.epoch == tape->epoch && var.id < tape->nodes.count;
}
/* Says on the tape why the var is none of its; returns false. */
bool wg_tape_disown(wg_tape *tape, wg_var var, const char *what);
/* Is it a var of this live tape, and the tape without error? Else says on it what it is. `what` names the
 * argument. */
static inline bool wg_tape_owns(wg_tape *tape, wg_var var, const char *what) {
    return wg_is_on(tape, var) ? !tape->error.status : wg_tape_disown(tape, var, what);
}

static inline wg_var wg_var_of(wg_tape *tape, uint32_t id) { return (wg_var){tape, id, tape->epoch}; }
static inline uint32_t wg_edge(const wg_tape *tape, const wg_node *node, int input) {
    return tape->edges.at[node->inputs + (uint32_t)input];
}
/* Written where it is needed: to copy a type right after it was written waits for the writing. */
static inline void wg_node_type_to(wg_type *type, const wg_tape *tape, const wg_node *node) {
    *type = (wg_type){.dtype = (wg_dtype)node->dtype, .rank = node->rank};
    for (int i = 0; i < node->rank; i++) type->extent[i] = tape->extents.at[node->extents + (uint32_t)i];
}
static inline wg_type wg_node_type(const wg_tape *tape, const wg_node *node) {
    wg_type type;
    wg_node_type_to(&type, tape, node);
    return type;
}
/* The same as wg_shape_equal of their types, which most often stand in one place. */
static inline bool wg_same_shape(const wg_tape *tape, const wg_node *a, const wg_node *b) {
    const int64_t *extents = tape->extents.at;
    return a->rank == b->rank &&
           (a->rank == 0 || a->extents == b->extents ||
            !memcmp(extents + a->extents, extents + b->extents, a->rank * sizeof *extents));
}
static inline void *wg_node_attributes(const wg_tape *tape, const wg_node *node) {
    return tape->attributes.at + node->attributes;
}
const char *wg_scope_text(const wg_tape *tape, uint32_t scope);

/* --- record.c --------------------------------------------------------------------------------- */

/* Records an op whose inputs are given as node ids (WG_ABSENT: left out). Where a weak scalar is converted,
 * its cast takes its place in `inputs`. */
wg_var wg_record(wg_tape *tape, const wg_op *op, const void *attributes, uint32_t *inputs, int count);

/* Nodes recorded between the two are inner ones. The first says whether they would be anyway, which the other
 * is to be told. */
static inline bool wg_inner_begin(wg_tape *tape) {
    const bool within = tape->flags_now & WG_NODE_INNER;
    tape->flags_now |= WG_NODE_INNER;
    return within;
}
static inline void wg_inner_end(wg_tape *tape, bool within) {
    if (!within) tape->flags_now &= (uint8_t)~WG_NODE_INNER;
}

/* The op, composed of others, whose call recorded the node; NULL: none did. */
const wg_op *wg_composed_of(const wg_tape *tape, uint32_t id);

/* --- leaf.c: ops without inputs that stand for something outside ------------------------------ */

extern const wg_op wg_op_input, wg_op_state, wg_op_scalar, wg_op_full;
typedef struct input_attributes {
    int64_t index;
    int64_t dense;
    wg_dtype dtype;
    wg_type shape;
} input_attributes;
typedef struct scalar_attributes {
    double value;
} scalar_attributes;
static inline bool wg_is_leaf(const wg_op *op) { return op == &wg_op_input || op == &wg_op_state; }

/* The node that reads the state's present content; WG_ABSENT: none does. */
uint32_t wg_read_of(const wg_tape *tape, const wg_state *state);

/* --- state.c ---------------------------------------------------------------------------------- */

struct wg_state {
    atomic_int owners;
    _Atomic uint64_t version; /* counts changes */
    wg_tensor *tensor;
};

/* Does an evaluation start from this node's value instead of computing it? The first of several outputs
 * does not count: the others may be needed, and one kernel writes all. */
static inline bool wg_at_hand(const wg_tape *tape, const wg_node *node) {
    return node->value && tape->values.at[node->value].tensor &&
           (node->output_count == 1 || node->output > 0);
}

/* --- order.c ---------------------------------------------------------------------------------- */

/* Canonical order: everything that `roots` need, inputs before users, in the order of a walk from the
 * roots along the inputs; it depends on the graph alone, never on the order of recording. Where
 * asked to, the walk stops at nodes whose value is at hand. False: no memory, error on the tape. */
bool wg_order(wg_tape *tape, const uint32_t *roots, size_t count, bool stop_at_values);

#define WG_UNRANKED UINT32_MAX
/* The node's place in tape->order, or WG_UNRANKED. */
static inline uint32_t wg_rank(const wg_tape *tape, uint32_t id) {
    const uint64_t rank = id < tape->rank.count ? tape->rank.at[id] : 0;
    return rank >> 32 == tape->walk ? (uint32_t)rank : WG_UNRANKED;
}

/* --- differentiate.c -------------------------------------------------------------------------- */

/* From the root to the inputs of the last wg_find_paths: sums each place's cotangent, left in
 * tape->cotangents, and hands it on through the op's rule. False: an error on the tape. */
bool wg_reverse(wg_tape *tape, wg_var y, wg_var seed);

/* Who gets what a rule sets in place of the driver: the check, which plants mistakes in it. */
struct wg_rule_state {
    void (*set)(struct wg_rule_state *state, int input, wg_var cotangent);
};

/* --- attribute.c ------------------------------------------------------------------------------ */

/* Checks ranges; WG_OK or the tape's status. */
int wg_attributes_check(wg_tape *tape, const wg_op *op, const void *attributes);
size_t wg_attribute_size(const wg_attribute *attribute);

#endif
