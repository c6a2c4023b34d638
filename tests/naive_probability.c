/* naive_probability — softmax and what is made of it.
 *
 * With m the largest of x, d = x - m and S = sum exp(d): rounding d changes exp(d) by u |d| relative to it,
 * and S by u sum p |d|, p being the probabilities; adding up n terms rounds n times more. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>

/* The n numbers x[first], x[first + step], … */
typedef struct {
    naive_real most, log_sum, spread; /* m, log S, sum p |d| */
} row_facts;

static row_facts facts(const naive_real *x, int64_t n, int64_t step) {
    row_facts f = {.most = -INFINITY};
    naive_real sum = 0;
    for (int64_t k = 0; k < n; k++)
        f.most = isnan(x[k * step]) || x[k * step] > f.most ? x[k * step] : f.most;
    for (int64_t k = 0; k < n; k++) {
        const naive_real d = x[k * step] - f.most, weight = expl(d);
        sum += weight;
        f.spread += weight * fabsl(d);
    }
    f.spread /= sum;
    f.log_sum = logl(sum);
    return f;
}

static void set(naive_array *y, int64_t i, naive_real value, naive_real size) {
    y->value[i] = value;
    y->size[i] = size;
}

static void along_axis(naive_call *call, bool logarithm) {
    const naive_array *x = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    naive_array *y = naive_output(call, 0, x->type);
    const int64_t n = x->type.rank ? x->type.extent[axis] : 1;
    int64_t step = 1;
    for (int i = axis + 1; i < x->type.rank; i++) step *= x->type.extent[i];
    call->roundings = (naive_real)n + 8;
    for (int64_t i = 0; i < x->count; i++) {
        if (i / step % n != 0) continue; /* the first of each row */
        const row_facts f = facts(x->value + i, n, step);
        for (int64_t k = i; k < i + n * step; k += step) {
            const naive_real d = x->value[k] - f.most, log_p = d - f.log_sum, p = logarithm ? 0 : expl(log_p);
            if (logarithm)
                set(y, k, log_p, fabsl(d) + fabsl(f.log_sum) + f.spread + 1);
            else
                set(y, k, p, p * (1 + fabsl(d) + f.spread));
        }
    }
}
static void softmax(naive_call *call) { along_axis(call, false); }
static void log_softmax(naive_call *call) { along_axis(call, true); }

/* The row that element i of the logits x is part of: its first element, the step to the next, and c. */
static int64_t row_of(const naive_array *x, int64_t i, int64_t *first, int64_t *step, int64_t *c) {
    const int64_t classes = x->type.extent[1];
    *step = 1;
    for (int k = 2; k < x->type.rank; k++) *step *= x->type.extent[k];
    *c = i / *step % classes;
    *first = i - *c * *step;
    return *first / (*step * classes) * *step + *first % *step;
}

/* w[c] ((1 - e) p[c] + e / C) of element i of the logits x, input `first`: p is one-hot for class indices,
 * and all of it is 0 for one that is ignored. */
static naive_real share(const naive_call *call, int first, int64_t i) {
    const naive_array *x = &call->inputs[first], *targets = x + 1, *weight = x + 2;
    int64_t start, step, c;
    const int64_t row = row_of(x, i, &start, &step, &c);
    const naive_real smoothing = naive_number(call, "label_smoothing");
    naive_real p;
    if (targets->type.rank == x->type.rank) {
        p = targets->value[i];
    } else {
        const naive_real class = targets->value[row];
        if (class < 0 || class == (naive_real)naive_int(call, "ignore_index", 0)) return 0;
        p = class == (naive_real)c;
    }
    const naive_real w = call->input_count > first + 2 && weight->type.dtype ? weight->value[c] : 1;
    return w * ((1 - smoothing) * p + smoothing / (naive_real)x->type.extent[1]);
}

static void softmax_cross_entropy(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    wg_type type = x->type;
    for (int i = 1; i + 1 < type.rank; i++) type.extent[i] = type.extent[i + 1];
    type.extent[--type.rank] = 0;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)(2 * x->type.extent[1] + 12);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t first, step, c;
        const int64_t row = row_of(x, i, &first, &step, &c);
        const row_facts f = facts(x->value + first, x->type.extent[1], step);
        const naive_real q = share(call, 0, i), d = x->value[i] - f.most;
        if (q == 0) continue;
        y->value[row] -= q * (d - f.log_sum);
        y->size[row] += fabsl(q) * (fabsl(d) + fabsl(f.log_sum) + f.spread + 1);
    }
}

/* dy[n] times the derivative of that loss for logits[n, c]: dy (sum_k q[k] softmax[c] - q[c]). */
static void softmax_cross_entropy_grad(naive_call *call) {
    const naive_array *dy = &call->inputs[0], *x = &call->inputs[1];
    const int64_t classes = x->type.extent[1];
    naive_array *g = naive_output(call, 0, x->type);
    call->roundings = (naive_real)(2 * classes + 16);
    for (int64_t i = 0; i < g->count; i++) {
        int64_t first, step, c;
        const int64_t row = row_of(x, i, &first, &step, &c);
        const row_facts f = facts(x->value + first, classes, step);
        const naive_real d = x->value[i] - f.most, s = expl(d - f.log_sum), q = share(call, 1, i);
        naive_real mass = 0;
        for (int64_t k = 0; k < classes; k++) mass += share(call, 1, first + k * step);
        set(g, i, dy->value[row] * (mass * s - q),
            fabsl(dy->value[row]) * (mass * s * (1 + fabsl(d) + f.spread) + q));
    }
}

const naive_entry naive_probability[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"softmax_cross_entropy", softmax_cross_entropy},
    {"softmax_cross_entropy_grad", softmax_cross_entropy_grad},
    {NULL, NULL},
};
