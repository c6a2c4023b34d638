/* naive_error.h — how errors of an op's inputs reach its outputs: the rules of naive_graph.
 *
 * How an error goes through an op, by family. With E for the errors of the inputs, f for the definition:
 *
 *     linear     f moves numbers or adds them up:            f(E)
 *     product    a polynomial with positive coefficients:    f(|x| + E) - f(|x|)
 *     monotone   in each input on the interval of its error: the largest |f(x ± E) - f(x)| of the corners
 *     decided    f jumps: 0 where it gives the same all over the interval, else infinite
 *
 * and rules of their own for the others. */
#ifndef WG_TESTS_NAIVE_ERROR_H
#define WG_TESTS_NAIVE_ERROR_H

#include "naive_graph.h"

typedef struct propagation {
    const naive_call *call;                 /* the op's call, evaluated */
    const naive_real *errors[NAIVE_INPUTS]; /* of its inputs */
    const uint64_t *names[NAIVE_INPUTS];
    naive_value *outputs[NAIVE_OUTPUTS]; /* to be filled */
} propagation;

typedef void naive_error_rule(propagation *p);

/* The inputs of one element of an elementwise op, with their errors. */
typedef struct element {
    naive_real x[3], e[3];
    uint64_t name[3];
} element;
typedef naive_real element_rule(const propagation *p, element a, naive_real y);

/* Fills in the errors of the outputs by the op's rule. */
void naive_propagate(propagation *p);
/* The op's rule; NULL: one by the element. */
naive_error_rule *naive_rule_of(const char *op);

/* --- For rules ---------------------------------------------------------------------------------------- */

naive_real *naive_numbers(int64_t count);            /* zeros, to be freed */
naive_real naive_larger(naive_real a, naive_real b); /* NaN if either is */
bool naive_is_real(const naive_array *x);
/* The op's definition with some inputs replaced; `replaced[i]` NULL: as it is. Its outputs are to be freed.
 */
void naive_evaluate_at(const naive_call *call, naive_real *const *replaced, naive_call *other);
void naive_free_outputs(naive_call *call);
element naive_element_at(const propagation *p, const naive_index *at);
void naive_each_element(propagation *p, element_rule *error);

/* Of elementwise ops: the error of an element y whose inputs a are off. */
#define ELEMENT_RULE(name) naive_real naive_error_##name(const propagation *p, element a, naive_real y)
#define UNUSED (void)p, (void)a, (void)y

#define ERROR(op, rule) naive_error_rule naive_error_##rule;
#define ELEMENT_ERROR(op, rule) element_rule naive_error_##rule;
#include "naive_error.def"
#undef ERROR
#undef ELEMENT_ERROR

#endif
