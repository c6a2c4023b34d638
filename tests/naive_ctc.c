/* naive_ctc — connectionist temporal classification from its definition: every way to give each step a class
 * is tried, and those count that leave the targets when repeats are made one and blanks left out.
 *
 * Each step adds a logarithm to a sum of ways, rounded to the size of what has been added up so far. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>

enum { MOST_STEPS = 16 };

typedef struct {
    const naive_array *x, *targets;
    int64_t n, steps, count, blank;
} entry;

static entry entry_of(const naive_call *call, int first, int64_t n) {
    return (entry){&call->inputs[first],
                   &call->inputs[first + 1],
                   n,
                   (int64_t)call->inputs[first + 2].value[n],
                   (int64_t)call->inputs[first + 3].value[n],
                   naive_int(call, "blank", 0)};
}

static int64_t place(const entry *e, int64_t t, int64_t class) {
    return naive_at(&e->x->type, (const int64_t[]){t, e->n, class});
}

static bool leaves_targets(const entry *e, const int64_t *path) {
    int64_t found = 0;
    for (int64_t t = 0; t < e->steps; t++) {
        if (path[t] == e->blank || (t && path[t] == path[t - 1])) continue;
        if (found == e->count ||
            (naive_real)path[t] != e->targets->value[e->n * e->targets->type.extent[1] + found])
            return false;
        found++;
    }
    return found == e->count;
}

/* The probability of all alignments; with `at`, to each of its elements [T, N, C] that of those through it is
 * added. */
static naive_real probability(const entry *e, naive_real *at) {
    int64_t path[MOST_STEPS] = {0}, t;
    naive_real sum = 0;
    do {
        naive_real log_p = 0;
        for (t = 0; t < e->steps; t++) log_p += e->x->value[place(e, t, path[t])];
        if (leaves_targets(e, path)) {
            sum += expl(log_p);
            for (t = 0; at && t < e->steps; t++) at[place(e, t, path[t])] += expl(log_p);
        }
        for (t = 0; t < e->steps && ++path[t] == e->x->type.extent[2]; t++) path[t] = 0; /* the next */
    } while (t < e->steps);
    return sum;
}

/* What a sum of ways may be off by, in units of the roundoff. */
static naive_real size_of(const entry *e) {
    naive_real size = 1;
    for (int64_t t = 0; t < e->steps; t++) {
        naive_real most = 0;
        for (int64_t c = 0; c < e->x->type.extent[2]; c++)
            most = fmaxl(most, fabsl(e->x->value[place(e, t, c)]));
        size += most + 2;
    }
    return size;
}

static void ctc_loss(naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    naive_array *y = naive_output(call, 0, (wg_type){x->dtype, 1, {x->extent[1]}});
    call->roundings = (naive_real)(4 * x->extent[0] + 8);
    for (int64_t n = 0; n < y->count; n++) {
        const entry e = entry_of(call, 0, n);
        y->value[n] = -logl(probability(&e, NULL));
        if (isinf(y->value[n]) && naive_bool(call, "zero_infinity")) y->value[n] = 0;
        y->size[n] = size_of(&e);
    }
}

static void ctc_loss_grad(naive_call *call) {
    const naive_array *dy = &call->inputs[0];
    const wg_type *x = &call->inputs[1].type;
    naive_array *g = naive_output(call, 0, *x);
    naive_real *through = calloc((size_t)g->count + 1, sizeof *through);
    call->roundings = (naive_real)(12 * x->extent[0] + 16);
    for (int64_t n = 0; n < dy->count; n++) {
        const entry e = entry_of(call, 1, n);
        const naive_real all = probability(&e, through);
        for (int64_t t = 0; all > 0 && t < e.steps; t++)
            for (int64_t c = 0; c < x->extent[2]; c++) {
                const int64_t i = place(&e, t, c);
                g->value[i] = -dy->value[n] * through[i] / all;
                g->size[i] = fabsl(g->value[i]) * size_of(&e);
            }
    }
    free(through);
}

const naive_entry naive_ctc[] = {
    {"ctc_loss", ctc_loss},
    {"ctc_loss_grad", ctc_loss_grad},
    {NULL, NULL},
};
