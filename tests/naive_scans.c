/* naive_scans — sums, products and linear recurrences along an axis, each element from the start anew. */
#include "naive.h"
#include <math.h>

/* Of one element y: the state after the elements before it, and after itself unless the scan is exclusive. */
typedef void step(naive_real *state, naive_real *size, naive_real x, naive_real b);
static void add(naive_real *state, naive_real *size, naive_real x, naive_real b) {
    (void)b;
    *state += x;
    *size += fabsl(x);
}
static void multiply(naive_real *state, naive_real *size, naive_real x, naive_real b) {
    (void)b;
    *state *= x;
    *size *= fabsl(x);
}
static void recur(naive_real *state, naive_real *size, naive_real x, naive_real b) {
    *state = x * *state + b;
    *size = fabsl(x) * *size + fabsl(b);
}

static void scan(naive_call *call, naive_real first, step *next) {
    const naive_array *x = &call->inputs[0], *b = &call->inputs[call->input_count - 1];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    const int64_t extent = x->type.extent[axis];
    const bool exclusive = naive_bool(call, "exclusive"), reverse = naive_bool(call, "reverse");
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 2 * (naive_real)extent;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        naive_real state = first, size = first;
        int64_t at[WG_MAX_RANK];
        for (int k = 0; k < WG_MAX_RANK; k++) at[k] = i.at[k];
        const int64_t steps = (reverse ? extent - 1 - i.at[axis] : i.at[axis]) + !exclusive;
        for (int64_t k = 0; k < steps; k++) {
            at[axis] = reverse ? extent - 1 - k : k;
            next(&state, &size, x->value[naive_at(&x->type, at)], b->value[naive_at(&x->type, at)]);
        }
        naive_set(y, i.number, state);
        y->size[i.number] = size;
    }
}
static void cumsum(naive_call *call) { scan(call, 0, add); }
static void cumprod(naive_call *call) { scan(call, 1, multiply); }
static void linear_scan(naive_call *call) { scan(call, 0, recur); }

const naive_entry naive_scans[] = {
    {"cumsum", cumsum},
    {"cumprod", cumprod},
    {"linear_scan", linear_scan},
    {NULL, NULL},
};
