/* naive.h — an evaluation of every op straight from its definition: index by index, in long double, with
 * nothing shared with the library's kernels but the names of ops and attributes. Slow, and meant to be
 * read: it says what the kernels must compute.
 *
 * Each output comes with `size`, so that a kernel working with roundoff u is right if its result is within
 * u * roundings * size of the value. `size` bounds the magnitudes that are rounded on the way: the terms of
 * a sum, the argument of an exponential where the result is sensitive to it; `roundings` counts them. */
#ifndef WG_TESTS_NAIVE_H
#define WG_TESTS_NAIVE_H

#include <wengert.h>

typedef long double naive_real; /* holds every i64 on x86 */

typedef struct naive_array {
    wg_type type; /* WG_NO_DTYPE: an input left out */
    int64_t count;
    naive_real *value, *size;
} naive_array;

enum { NAIVE_OUTPUTS = 4, NAIVE_INPUTS = 16 };

typedef struct naive_call {
    const wg_op *op;
    const void *attributes;
    int input_count;
    naive_array inputs[NAIVE_INPUTS], outputs[NAIVE_OUTPUTS];
    naive_real roundings;
} naive_call;

typedef void naive_function(naive_call *call);

/* The definition of the op of that name; NULL if there is none here. */
naive_function *naive_find(const char *name);

/* The tensors' numbers become the call's inputs (NULL: left out), and the outputs are computed. */
void naive_evaluate(naive_call *call, const wg_op *op, const void *attributes, wg_tensor *const *inputs,
                    int count);
void naive_free(naive_call *call);

/* A tensor's numbers; `value` is to be freed. */
naive_array naive_read(const wg_tensor *tensor);

/* --- For the definitions ------------------------------------------------------------------------------ */

/* An attribute by its name; a test that asks for one that is not in the schema fails. */
int64_t naive_int(const naive_call *call, const char *name, int index);
naive_real naive_number(const naive_call *call, const char *name);
double naive_double(const naive_call *call, const char *name, int index);
uint64_t naive_bits(const naive_call *call, const char *name);
bool naive_bool(const naive_call *call, const char *name);
wg_dtype naive_dtype(const naive_call *call, const char *name);
const wg_axes *naive_axes(const naive_call *call, const char *name);
const char *naive_text(const naive_call *call, const char *name);
const wg_type *naive_shape(const naive_call *call, const char *name);
/* An axis counted from the front. */
int naive_axis(int64_t axis, int rank);

/* Makes room for an output, filled with 0 in value and size. */
naive_array *naive_output(naive_call *call, int index, wg_type type);

/* Where an index lies in row-major order, and the numbers there. */
int64_t naive_at(const wg_type *type, const int64_t *index);

/* All indices of a type in row-major order:
 *     for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) … i.at[axis], i.number … */
typedef struct naive_index {
    const wg_type *type;
    int64_t at[WG_MAX_RANK];
    int64_t number;
    bool more;
} naive_index;
naive_index naive_first(const wg_type *type);
void naive_next(naive_index *index);

/* The element of x that index `at` of a type of `rank` axes reads when x is broadcast to it. */
int64_t naive_broadcast_at(const naive_array *x, const int64_t *at, int rank);
/* NumPy's broadcast of all inputs that are there. */
wg_type naive_broadcast_type(const naive_call *call, wg_dtype dtype);

/* Which axes a reduction reduces: those listed, or all where none is. */
void naive_reduced(const naive_call *call, int rank, bool reduced[WG_MAX_RANK]);
/* An index of x as an index of its reduction, and as its place among what is reduced to one number. */
void naive_split_index(const wg_type *x, const bool reduced[WG_MAX_RANK], bool keepdims, const int64_t *at,
                       int64_t *kept, int64_t *place);
/* The place in the image of tap `tap` of a pooling's window `at`, or -1 where that is padding; and the taps
 * that a window has. */
int64_t naive_tap(const naive_call *call, const wg_type *x, const int64_t *at, const int64_t *tap);
wg_type naive_taps(const naive_call *call, const wg_type *x);

/* Sets element number i, with its own magnitude as size. */
static inline void naive_set(naive_array *y, int64_t i, naive_real value) {
    y->value[i] = value;
    y->size[i] = value < 0 ? -value : value;
}
/* Adds a term to it. */
static inline void naive_add(naive_array *y, int64_t i, naive_real term) {
    y->value[i] += term;
    y->size[i] += term < 0 ? -term : term;
}

/* A function of one number, of each element. */
void naive_map(naive_call *call, naive_real (*f)(naive_real), int roundings);

/* Tables of the families, each closed by a NULL name. */
/* The roundings of sums of so many terms, of which terms[i] counts those of element i. */
static inline void naive_count_term(naive_call *call, int64_t *terms, int64_t i) {
    if (++terms[i] - 1 > call->roundings) call->roundings = (naive_real)(terms[i] - 1);
}

typedef struct naive_entry {
    const char *name;
    naive_function *function;
} naive_entry;
#define NAIVE(family) extern const naive_entry naive_##family[];
#include "naive.def"
#undef NAIVE

#endif
