/* naive_recurrent — recurrent networks, a number at a time. Each number carries the size of its error, in
 * units of roundoff: of a sum the sizes of its terms and of what was rounded on the way, of a bounded
 * function at most that of its argument and its own. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct number {
    naive_real v, e; /* value, size of the error */
} number;

static number exact(naive_real v) { return (number){v, 0}; }
static number plus(number a, number b) {
    const naive_real v = a.v + b.v;
    return (number){v, a.e + b.e + fabsl(a.v) + fabsl(b.v)};
}
static number times(number a, number b) {
    const naive_real v = a.v * b.v;
    return (number){v, a.e * fabsl(b.v) + b.e * fabsl(a.v) + fabsl(v)};
}
static number minus(number a, number b) { return plus(a, (number){-b.v, b.e}); }
static number sigmoid(number a) { return (number){1 / (1 + expl(-a.v)), a.e / 4 + 2}; }
static number bent(number a) { return (number){tanhl(a.v), a.e + 1}; }
static number rest(number a) { return minus(exact(1), a); }
static number slope(number s) { return times(s, rest(s)); }
static number bent_slope(number t) { return rest(times(t, t)); }

static void put(naive_array *y, int64_t i, number x) {
    y->value[i] = x.v;
    y->size[i] = x.e + fabsl(x.v);
}

/* --- Cells -------------------------------------------------------------------------------------------------
 */

static void lstm_step(const number a[4], number c, number *h, number *next) {
    *next = plus(times(sigmoid(a[1]), c), times(sigmoid(a[0]), bent(a[2])));
    *h = times(sigmoid(a[3]), bent(*next));
}

static number gru_step(const number x[3], const number g[3], number h) {
    const number r = sigmoid(plus(x[0], g[0])), z = sigmoid(plus(x[1], g[1]));
    return plus(times(rest(z), bent(plus(x[2], times(r, g[2])))), times(z, h));
}

/* Gate k of element i of the state, [N, H]. */
static int64_t gate(const wg_type *state, int64_t i, int64_t gates, int64_t k) {
    const int64_t size = state->extent[1];
    return (i / size * gates + k) * size + i % size;
}

static void read_gates(const naive_array *a, const wg_type *state, int64_t i, int64_t gates, number *into) {
    for (int64_t k = 0; k < gates; k++) into[k] = exact(a->value[gate(state, i, gates, k)]);
}

static void lstm_cell(naive_call *call) {
    const naive_array *c = &call->inputs[1];
    naive_array *h = naive_output(call, 0, c->type), *next = naive_output(call, 1, c->type);
    for (int64_t i = 0; i < c->count; i++) {
        number a[4], new_h, new_c;
        read_gates(&call->inputs[0], &c->type, i, 4, a);
        lstm_step(a, exact(c->value[i]), &new_h, &new_c);
        put(h, i, new_h);
        put(next, i, new_c);
    }
    call->roundings = 2;
}

static void lstm_cell_grad(naive_call *call) {
    const naive_array *dh = &call->inputs[0], *dnext = &call->inputs[1], *c = &call->inputs[3];
    naive_array *da = naive_output(call, 0, call->inputs[2].type), *dc = naive_output(call, 1, c->type);
    for (int64_t at = 0; at < c->count; at++) {
        number a[4];
        read_gates(&call->inputs[2], &c->type, at, 4, a);
        const number i = sigmoid(a[0]), f = sigmoid(a[1]), g = bent(a[2]), o = sigmoid(a[3]);
        const number old = exact(c->value[at]), s = bent(plus(times(f, old), times(i, g)));
        const number d = exact(dh->value[at]);
        const number e = plus(exact(dnext->value[at]), times(d, times(o, bent_slope(s))));
        put(da, gate(&c->type, at, 4, 0), times(e, times(g, slope(i))));
        put(da, gate(&c->type, at, 4, 1), times(e, times(old, slope(f))));
        put(da, gate(&c->type, at, 4, 2), times(e, times(i, bent_slope(g))));
        put(da, gate(&c->type, at, 4, 3), times(d, times(s, slope(o))));
        put(dc, at, times(e, f));
    }
    call->roundings = 2;
}

static void gru_cell(naive_call *call) {
    const naive_array *h = &call->inputs[2];
    naive_array *y = naive_output(call, 0, h->type);
    for (int64_t i = 0; i < h->count; i++) {
        number x[3], g[3];
        read_gates(&call->inputs[0], &h->type, i, 3, x);
        read_gates(&call->inputs[1], &h->type, i, 3, g);
        put(y, i, gru_step(x, g, exact(h->value[i])));
    }
    call->roundings = 2;
}

static void gru_cell_grad(naive_call *call) {
    const naive_array *h = &call->inputs[3];
    naive_array *dx = naive_output(call, 0, call->inputs[1].type);
    naive_array *dg = naive_output(call, 1, call->inputs[2].type), *dh = naive_output(call, 2, h->type);
    for (int64_t i = 0; i < h->count; i++) {
        number x[3], g[3];
        read_gates(&call->inputs[1], &h->type, i, 3, x);
        read_gates(&call->inputs[2], &h->type, i, 3, g);
        const number r = sigmoid(plus(x[0], g[0])), z = sigmoid(plus(x[1], g[1]));
        const number n = bent(plus(x[2], times(r, g[2]))), d = exact(call->inputs[0].value[i]);
        const number dn = times(d, times(rest(z), bent_slope(n))), dr = times(dn, times(g[2], slope(r)));
        const number dz = times(d, times(minus(exact(h->value[i]), n), slope(z)));
        const number of_x[] = {dr, dz, dn}, of_g[] = {dr, dz, times(dn, r)};
        for (int k = 0; k < 3; k++) {
            put(dx, gate(&h->type, i, 3, k), of_x[k]);
            put(dg, gate(&h->type, i, 3, k), of_g[k]);
        }
        put(dh, i, times(d, z));
    }
    call->roundings = 2;
}

static void quarters(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int64_t n = x->type.extent[0], row = n ? x->count / n : 0;
    int64_t at = 0;
    for (int k = 0; k < 4; k++) {
        wg_type type = x->type;
        type.extent[0] = n / 4 + (k < n % 4);
        naive_array *y = naive_output(call, k, type);
        for (int64_t i = 0; i < type.extent[0] * row; i++) naive_set(y, i, x->value[at++]);
    }
    call->roundings = 0;
}

/* --- Layers ------------------------------------------------------------------------------------------------
 */

typedef struct layer {
    const naive_call *call;
    int gates, states;
    int64_t steps, sequences, inputs, size;
    bool batch_first;
} layer;

static naive_real at(const layer *l, int input, int64_t i) {
    return l->call->inputs[input].count ? l->call->inputs[input].value[i] : 0;
}

/* Row `row` of a weight times numbers, and the bias. */
static number product(const layer *l, int weight, int64_t row, int64_t count, const number *x) {
    const int bias = weight + 2;
    number sum = exact(bias < l->call->input_count ? at(l, bias, row) : 0);
    for (int64_t k = 0; k < count; k++) sum = plus(sum, times(exact(at(l, weight, row * count + k)), x[k]));
    return sum;
}

static void new_state(const layer *l, int d, const number *x, const number *h, const number *c, int64_t j,
                      number *of) {
    number from_x[4], from_h[4], both[4];
    for (int k = 0; k < l->gates; k++) {
        const int64_t row = (d * l->gates + k) * l->size + j;
        from_x[k] = product(l, 1, row, l->inputs, x);
        from_h[k] = product(l, 2, row, l->size, h);
        both[k] = plus(from_x[k], from_h[k]);
    }
    if (l->gates == 4)
        lstm_step(both, c[j], &of[0], &of[1]);
    else if (l->gates == 3)
        of[0] = gru_step(from_x, from_h, h[j]);
    else if (naive_int(l->call, "relu", 0))
        of[0] = both[0].v > 0 ? both[0] : (number){0, both[0].e};
    else
        of[0] = bent(both[0]);
}

static int64_t place(const layer *l, int64_t t, int64_t n, int64_t column, int64_t columns) {
    const int64_t rows = l->steps + l->states;
    return (l->batch_first ? n * rows + t : t * l->sequences + n) * columns + column;
}

/* Direction d of sequence n. */
static void go_through(const layer *l, naive_array *y, int d, bool reverse, int64_t n) {
    const int64_t columns = y->type.extent[2];
    const int lengths = 5 + l->states;
    const bool ends = lengths < l->call->input_count && l->call->inputs[lengths].type.dtype != WG_NO_DTYPE;
    const naive_real end = ends ? at(l, lengths, n) : (naive_real)l->steps;
    number *x = calloc((size_t)(l->inputs + 4 * l->size) + 1, sizeof *x), *old = x + l->inputs,
           *new = old + 2 * l->size;
    for (int k = 0; k < l->states; k++)
        for (int64_t j = 0; j < l->size; j++)
            old[k * l->size + j] =
                exact(5 + k < l->call->input_count ? at(l, 5 + k, (d * l->sequences + n) * l->size + j) : 0);
    for (int64_t i = 0; i < l->steps; i++) {
        const int64_t t = reverse ? l->steps - 1 - i : i,
                      row = l->batch_first ? n * l->steps + t : t * l->sequences + n;
        if ((naive_real)t >= end) continue;
        for (int64_t k = 0; k < l->inputs; k++) x[k] = exact(at(l, 0, row * l->inputs + k));
        for (int64_t j = 0; j < l->size; j++) {
            number of[2];
            new_state(l, d, x, old, old + l->size, j, of);
            for (int k = 0; k < l->states; k++) new[k * l->size + j] = of[k];
            put(y, place(l, t, n, d * l->size + j, columns), of[0]);
        }
        memcpy(old, new, (size_t)(l->states * l->size) * sizeof *old);
    }
    for (int k = 0; k < l->states; k++)
        for (int64_t j = 0; j < l->size; j++)
            put(y, place(l, l->steps + k, n, d * l->size + j, columns), old[k * l->size + j]);
    free(x);
}

static void run_layer(naive_call *call, int gates, int states) {
    const wg_type x = call->inputs[0].type, weight = call->inputs[2].type;
    const bool batch_first = naive_bool(call, "batch_first");
    const layer l = {call,
                     gates,
                     states,
                     x.extent[batch_first],
                     x.extent[!batch_first],
                     x.extent[2],
                     weight.extent[2],
                     batch_first};
    const int64_t direction = naive_int(call, "direction", 0);
    wg_type type = x;
    type.extent[batch_first] += states;
    type.extent[2] = weight.extent[0] * l.size;
    naive_array *y = naive_output(call, 0, type);
    for (int d = 0; d < weight.extent[0]; d++)
        for (int64_t n = 0; n < l.sequences; n++) go_through(&l, y, d, d == 1 || direction == 1, n);
    call->roundings = 3;
}
static void rnn(naive_call *call) { run_layer(call, 1, 1); }
static void lstm(naive_call *call) { run_layer(call, 4, 2); }
static void gru(naive_call *call) { run_layer(call, 3, 1); }

const naive_entry naive_recurrent[] = {
    {"lstm_cell", lstm_cell},
    {"lstm_cell_grad", lstm_cell_grad},
    {"gru_cell", gru_cell},
    {"gru_cell_grad", gru_cell_grad},
    {"quarters", quarters},
    {"rnn", rnn},
    {"lstm", lstm},
    {"gru", gru},
    {NULL, NULL},
};
