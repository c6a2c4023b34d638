/* naive_graph.h — what a whole recorded graph must give: every node from its op's definition (naive.h), in
 * long double, each number with a bound of what rounding may have made of it in the engine.
 *
 * Running error analysis (Wilkinson 1963; Higham, "Accuracy and Stability of Numerical Algorithms", 3.3): if
 * the inputs x of an op are off by at most E, an output is off by at most
 *
 *     max { |f(x + d) - f(x)| : |d| <= E }  +  u * roundings * size
 *
 * the first term by a rule for each family of ops (naive_error.h), the second as naive.h has it for one op.
 * Where f jumps within the bound (a comparison, the place of a maximum, a conversion to whole numbers)
 * nothing can be said: the error is infinite, there and in all that depends on it. Where the engine compares
 * an element with a copy of itself there is no doubt: hence the names. */
#ifndef WG_TESTS_NAIVE_GRAPH_H
#define WG_TESTS_NAIVE_GRAPH_H

#include "naive.h"

typedef struct naive_value {
    wg_type type;
    int64_t count;
    naive_real *value, *error;
    uint64_t
        *name; /* elements of one name come about in one way, so the engine gives them the same bits: ties */
} naive_value;

/* A fault for tests: one element of one input of one node counts as 0, as if an index of each sum that it is
 * part of had been dropped. */
typedef struct naive_fault {
    uint32_t node; /* of the tape */
    int input;
    int64_t element;
} naive_fault;

typedef struct naive_graph {
    wg_tape *tape;
    naive_value *values; /* by node of the tape; those that the vars do not need have no value */
    uint32_t count;
} naive_graph;

/* Evaluates what the vars (a list closed by WG_END_) need, from inputs and states as they are now. */
naive_graph *naive_graph_of(wg_tape *tape, const wg_var *vars, const naive_fault *fault);
void naive_graph_free(naive_graph *graph);

/* Whether the engine's numbers are right. */
typedef struct naive_comparison {
    int64_t elements, skipped; /* compared, and those of them of which nothing can be said */
    int64_t wrong;
    double largest; /* of error / bound */
    double *ratios; /* of those with a bound above 0 */
    int64_t ratio_count, ratio_room;
    char first[512]; /* what is wrong with the first */
} naive_comparison;

/* Compares the var's value with the definition. */
void naive_compare(naive_comparison *comparison, const naive_graph *graph, wg_var var);
/* Half of the elements have no larger error / bound. */
double naive_median(naive_comparison *comparison);
void naive_comparison_free(naive_comparison *comparison);

#endif
