/* random_graph_make.h — what the parts of the generator share: a graph under construction. */
#ifndef WG_TESTS_RANDOM_GRAPH_MAKE_H
#define WG_TESTS_RANDOM_GRAPH_MAKE_H

#include "base/base.h"
#include "random_graph.h"

enum { GRAPH_ELEMENTS = 1 << 12, GRAPH_ELEMENTS_OF_LARGE = 1 << 15 }; /* that a value may have */

/* What is known of an output: the numbers that it had when it was made. */
typedef struct graph_facts {
    double least, most;
    bool whole; /* integers or bool */
} graph_facts;

/* The graph and a tape on which each node is recorded and evaluated as it is made. */
typedef struct graph_maker {
    random_graph *graph;
    graph_options options;
    uint64_t random;
    wg_dtype real; /* of most of the numbers */
    bool large;    /* some values are cut among threads */
    bool wild;     /* numbers may be infinite, or none */
    wg_engine *engine;
    wg_tape *tape;
    wg_state *states[GRAPH_STATES];
    graph_vars vars;
    graph_facts facts[GRAPH_NODES][GRAPH_OUTPUTS];
} graph_maker;

/* A whole number 0 … bound-1. */
int graph_below(graph_maker *m, int bound);
static inline bool graph_chance(graph_maker *m, int one_in) { return graph_below(m, one_in) == 0; }

static inline bool graph_is(graph_ref ref) { return ref.node >= 0; }
static inline const wg_type *graph_type(const graph_maker *m, graph_ref ref) {
    return &m->graph->nodes[ref.node].types[ref.output];
}
static inline const graph_facts *graph_facts_of(const graph_maker *m, graph_ref ref) {
    return &m->facts[ref.node][ref.output];
}
int64_t graph_count(const wg_type *type);

/* A node of the registered op with the preset attributes, and one of them set. */
graph_node graph_op(const char *name);
graph_node graph_node_of(const wg_op *op);
void graph_set(graph_node *node, const char *attribute, int index, double value);
void graph_input(graph_node *node, graph_ref input);

/* Adds a node: recorded and evaluated. GRAPH_NOTHING where it does not fit, or gives numbers that are not
 * finite or too large, or too many. */
graph_ref graph_add(graph_maker *m, graph_node *node);
/* The same for an op of one input or of two without attributes. */
graph_ref graph_apply(graph_maker *m, const char *name, graph_ref a, graph_ref b);
graph_ref graph_scalar(graph_maker *m, double value);
/* A new leaf with numbers low … high, now and then strided. */
graph_ref graph_leaf(graph_maker *m, const wg_type *type, double low, double high);

/* What a state holds: one met before, or a new one of random shape. */
graph_ref graph_read_state(graph_maker *m);

/* A value met before: the later ones more often. Of a real dtype; of any. */
graph_ref graph_any_real(graph_maker *m);
graph_ref graph_any(graph_maker *m);

/* x in that type, by whatever views, casts and slices it takes. */
graph_ref graph_coerce(graph_maker *m, graph_ref x, const wg_type *type);
/* x if its numbers lie in low … high, else something made of it that does. */
graph_ref graph_within(graph_maker *m, graph_ref x, double low, double high);

/* --- random_graph_ops.c ------------------------------------------------------------------------------ */

/* Adds the op as one of its samples has it. */
graph_ref graph_apply_sample(graph_maker *m, const wg_op *op);
/* Does a take the shape of b by broadcasting? */
bool graph_broadcasts(const wg_type *a, const wg_type *b);
/* Adds something to the graph: one op, or a few that belong together. */
void graph_grow(graph_maker *m);

/* --- random_graph_layers.c --------------------------------------------------------------------------- */

/* A matrix product; one with bias and activation; a convolution with what belongs to it, or pooling. */
void graph_product(graph_maker *m);
void graph_layer(graph_maker *m);
void graph_image(graph_maker *m);

#endif
