/* lower — the third room: from what was recorded to how it is computed.
 *
 * The lowered graph is a pure function of the recorded one. It holds every decision that touches
 * rounding: which kernel computes a node, and from which operands. It is equal on every machine and
 * for any number of threads, and says nothing of memory or time. */
#ifndef WG_LOWER_LOWER_H
#define WG_LOWER_LOWER_H

#include "kernels/table.h"
#include "lower/pass.h"
#include "tape/tape.h"

typedef enum wg_leaf {
    WG_LEAF_NOT = 0,
    WG_LEAF_INPUT, /* a tensor of the program's */
    WG_LEAF_STATE, /* what a state holds */
    WG_LEAF_VALUE  /* a value from an earlier evaluation */
} wg_leaf;

/* What an evaluation asks for, in this order. */
typedef struct wg_root_counts {
    size_t results, assigns, guards;
} wg_root_counts;
static inline size_t wg_root_count(const wg_root_counts *count) {
    return count->results + count->assigns + count->guards;
}

typedef struct wg_lower_settings {
    wg_isa isa;
    uint32_t disabled; /* passes, by bit */
} wg_lower_settings;

typedef struct wg_low_node {
    const wg_op *op;
    wg_kernel kernel;
    wg_leaf leaf;
    bool dense;        /* a leaf whose memory can be used as it is */
    bool dead;         /* nobody needs it any more */
    wg_dtype dtype;    /* what the kernel is typed by */
    uint32_t source;   /* place in the canonical order of the node whose attributes, line and tensor it has */
    uint32_t inputs;   /* first of its edges */
    uint32_t given;    /* the same, before the plan replaced what it reads by clones */
    uint32_t clone_of; /* the node that it computes again; WG_ABSENT: none */
    uint32_t pack_of;  /* the value that it packs for the backward pass; WG_ABSENT: none */
    uint32_t outputs;  /* first of its values */
    uint32_t attributes; /* in low->attributes; WG_ABSENT: those of its source */
    uint16_t input_count, output_count;
    uint8_t flags;    /* wg_node_flags */
    bool accumulates; /* its last input is a sum that the kernel adds to */
    bool in_runs;     /* its kernel's units write runs of output 0, one after the other */
} wg_low_node;

typedef struct wg_low_value {
    wg_type type;
    uint32_t node;
    uint32_t view_of; /* the value whose bytes these are; WG_ABSENT: its own */
} wg_low_value;

typedef struct wg_lowered {
    WG_ARRAY(wg_low_node) nodes; /* inputs before users */
    WG_ARRAY(uint32_t) edges;    /* values; WG_ABSENT: left out */
    WG_ARRAY(wg_low_value) values;
    WG_ARRAY(uint64_t) attributes; /* of nodes that a rewrite changed */
    wg_isa isa;                    /* that kernels are picked for */
    uint32_t *roots;               /* values: results, then assigned values, then guards */
    wg_root_counts count;
    uint32_t *read_by; /* by assign: the leaf that reads the same state; WG_ABSENT: none does */
} wg_lowered;

/* Lowers what tape->order holds. `roots` are node ids. A wg_status, sticking to the tape. */
int wg_lower(wg_tape *tape, const wg_lower_settings *settings, const uint32_t *roots,
             const wg_root_counts *count, wg_lowered *lowered);
void wg_lowered_free(wg_lowered *lowered);

/* The value itself, or the one that it is a view of. */
static inline uint32_t wg_bytes_of(const wg_lowered *lowered, uint32_t value) {
    while (lowered->values.at[value].view_of != WG_ABSENT) value = lowered->values.at[value].view_of;
    return value;
}
static inline const wg_low_node *wg_maker(const wg_lowered *lowered, uint32_t value) {
    return &lowered->nodes.at[lowered->values.at[value].node];
}

/* The node's attributes, for a tape with this canonical order. */
static inline const void *wg_low_attributes(const wg_lowered *lowered, const wg_low_node *node,
                                            const wg_tape *tape, const uint32_t *order) {
    if (node->attributes != WG_ABSENT) return lowered->attributes.at + node->attributes;
    return wg_node_attributes(tape, &tape->nodes.at[order[node->source]]);
}

/* The inputs that the op knows of; a sum that is added to stands behind them. */
static inline uint32_t wg_op_inputs(const wg_low_node *node) {
    return node->input_count - (node->accumulates ? 1u : 0u);
}
static inline uint32_t wg_sum_of(const wg_lowered *lowered, const wg_low_node *node) {
    return lowered->edges.at[node->inputs + node->input_count - 1u];
}

/* A call of the node's kernel, types and attributes filled in, data not. */
void wg_low_call(const wg_lowered *lowered, const wg_low_node *node, const void *attributes,
                 wg_operand *operands, wg_call *call);

/* The most operands that a node has. */
size_t wg_most_operands(const wg_lowered *lowered);

/* Picks the kernel of a node that is no leaf; `operands` has room for its operands. */
void wg_low_pick(const wg_lowered *lowered, wg_low_node *node, const void *attributes, wg_isa isa,
                 wg_operand *operands);

/* What a node that is no leaf costs; `operands` has room for its operands. */
wg_cost wg_low_cost(const wg_lowered *lowered, const wg_low_node *node, const void *attributes,
                    wg_operand *operands);

/* --- rewrites, each a file; false: no memory, error on the tape --------------------------------- */

/* The value that a node's output of this type is, to the bit; WG_ABSENT: it is to be computed. */
uint32_t wg_lower_identity(const wg_lowered *lowered, const wg_low_node *node, const wg_type *output,
                           const void *attributes);

bool wg_lower_transposes(wg_lowered *lowered, wg_tape *tape);
bool wg_lower_accumulate(wg_lowered *lowered, wg_tape *tape);

/* --- key.c ------------------------------------------------------------------------------------ */

/* Writes all that a lowered graph depends on, and nothing else, to tape->key: ops, structural
 * attributes, edges in canonical numbering, types of leaves, roots. Two recordings with equal keys have
 * the same lowered graph and the same plan. */
bool wg_write_key(wg_tape *tape, const uint32_t *roots, const wg_root_counts *count,
                  const wg_lower_settings *settings);

#endif
