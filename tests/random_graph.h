/* random_graph.h — valid random graphs over the whole registry, each made from a seed alone: mixed shapes and
 * dtypes, broadcasting, views, several outputs, products, convolutions, gathers, dropout masks, shared
 * subexpressions, gradients (and gradients of gradients) through all of it, states that are assigned, kept
 * values, several roots, one evaluation or two, one step or two.
 *
 * A graph is a description, not a recording: it can be recorded on any tape, in any order that its edges
 * allow, printed as text, and cut down to what makes a test fail. */
#ifndef WG_TESTS_RANDOM_GRAPH_H
#define WG_TESTS_RANDOM_GRAPH_H

#include <stdio.h>
#include <wengert.h>

enum {
    GRAPH_NODES = 220,
    GRAPH_INPUTS = 8,
    GRAPH_OUTPUTS = 4,
    GRAPH_ATTRIBUTES = 48, /* words of 8 bytes */
    GRAPH_STATES = 5,
    GRAPH_ROOTS = 16,
    GRAPH_EVALUATIONS = 2
};

typedef enum graph_kind {
    GRAPH_LEAF = 0, /* a tensor of the program's */
    GRAPH_STATE,    /* what a state holds */
    GRAPH_SCALAR,   /* a weak number */
    GRAPH_OP,
    GRAPH_GRADIENT /* of input 0, of one element, for the other inputs: an output each */
} graph_kind;

/* An output of a node; node -1: left out. */
typedef struct graph_ref {
    int node, output;
} graph_ref;
#define GRAPH_NOTHING ((graph_ref){-1, 0})

typedef struct graph_node {
    graph_kind kind;
    const wg_op *op;
    uint64_t attributes[GRAPH_ATTRIBUTES];
    int input_count, output_count;
    graph_ref inputs[GRAPH_INPUTS];
    wg_type types[GRAPH_OUTPUTS];
    wg_tensor *tensor; /* of a leaf */
    double number;     /* of a scalar */
    int state;
} graph_node;

typedef struct graph_root {
    graph_ref of;
    int evaluation; /* in which it is asked for */
    bool kept;
} graph_root;

typedef struct graph_assign {
    int state;
    graph_ref value;
} graph_assign;

typedef struct random_graph {
    uint64_t seed;
    int node_count, state_count, root_count, assign_count;
    graph_node nodes[GRAPH_NODES];   /* inputs before users */
    wg_tensor *states[GRAPH_STATES]; /* what they begin with */
    graph_root roots[GRAPH_ROOTS];
    graph_assign assigns[GRAPH_STATES];
    int evaluations, steps;
    int assigned_with; /* the evaluation that carries out the assigns */
} random_graph;

/* --- Making (random_graph_make.c, random_graph_ops.c) ----------------------------------------------------
 */

typedef struct graph_options {
    const wg_op *extra; /* an op beside those of the registry, of one input, met often; NULL: none */
    bool one_step;      /* one step, one evaluation, f32 for the most part */
} graph_options;

/* The graph of that seed, for the caller to free. Of most graphs, and all of one step, the numbers are finite
 * in the first step. */
random_graph *graph_make(uint64_t seed, const graph_options *options);
random_graph *graph_copy(const random_graph *graph);
void graph_free(random_graph *graph);

/* --- Recording and running (random_graph.c) --------------------------------------------------------------
 */

/* The vars of a recorded graph. */
typedef struct graph_vars {
    wg_var at[GRAPH_NODES][GRAPH_OUTPUTS];
} graph_vars;

/* Records all nodes on the tape; order_seed 0: as they stand, else in another order that their edges allow.
 */
void graph_record(const random_graph *graph, wg_tape *tape, wg_state *const *states, uint64_t order_seed,
                  graph_vars *vars);
/* Fresh states; to be freed. */
void graph_new_states(const random_graph *graph, wg_state *states[GRAPH_STATES]);
void graph_free_states(wg_state *states[GRAPH_STATES]);

/* All that a run gives, as bytes: of each evaluation the status and the values of its roots, then the states.
 */
typedef struct graph_outcome {
    unsigned char *bytes;
    size_t size, capacity;
    int status;        /* the first that was not WG_OK */
    char message[256]; /* its message */
    int64_t elements;  /* of results and states */
} graph_outcome;

/* How a graph is run; whatever is chosen here, the outcome has the same bits. */
typedef struct graph_settings {
    wg_engine *engine;
    uint64_t order_seed; /* of the order of recording; 0: as the nodes stand */
    bool prepare;        /* each evaluation is prepared before */
    bool tight;          /* each has the least memory budget that can be met */
    bool rerun;          /* a second step of one evaluation is run again, not recorded again */
    int64_t *uses; /* counts the nodes that are needed, by their op's place in the registry; NULL: not */
} graph_settings;

void graph_run(const random_graph *graph, const graph_settings *settings, graph_outcome *outcome);
void graph_outcome_free(graph_outcome *outcome);
bool graph_outcome_equal(const graph_outcome *a, const graph_outcome *b);

/* The graph as text, a line a node. */
void graph_print(FILE *stream, const random_graph *graph);

/* --- Cutting down (random_graph_shrink.c) ----------------------------------------------------------------
 */

typedef bool graph_test(const random_graph *graph, void *context);

/* Cuts down a graph that fails: drops roots and assigns, replaces nodes by their inputs or by leaves that
 * hold what they gave, as long as it goes on failing. */
void graph_shrink(random_graph *graph, graph_test *fails, void *context);

/* --- For those files -------------------------------------------------------------------------------------
 */

/* Records one node, its inputs being there. */
void graph_record_node(const random_graph *graph, int number, wg_tape *tape, wg_state *const *states,
                       graph_vars *vars);
/* Takes out what nothing needs; nodes keep their order. */
void graph_prune(random_graph *graph);
/* The value of a node's output in the first step, for the caller to free; NULL where it has none. */
wg_tensor *graph_value(const random_graph *graph, graph_ref ref);

#endif
