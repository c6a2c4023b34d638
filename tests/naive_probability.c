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

/* p[n, c], one-hot for class indices: nowhere 1 for a negative one. */
static naive_real probability(const naive_array *targets, int64_t n, int64_t c, int64_t classes) {
    return targets->type.rank == 2 ? targets->value[n * classes + c] : targets->value[n] == (naive_real)c;
}

/* The loss of row n: -sum_c p[n, c] log softmax(logits[n])[c]. */
static void row_loss(const naive_array *logits, const naive_array *targets, int64_t n, naive_real *loss,
                     naive_real *size) {
    const int64_t classes = logits->type.extent[1];
    const naive_real *x = logits->value + n * classes;
    const row_facts f = facts(x, classes, 1);
    for (int64_t c = 0; c < classes; c++) {
        const naive_real p = probability(targets, n, c, classes);
        if (p == 0) continue;
        *loss -= p * (x[c] - f.most - f.log_sum);
        *size += fabsl(p) * (fabsl(x[c] - f.most) + fabsl(f.log_sum) + f.spread + 1);
    }
}

static void softmax_cross_entropy(naive_call *call) {
    const naive_array *logits = &call->inputs[0], *targets = &call->inputs[1];
    naive_array *y = naive_output(call, 0, (wg_type){logits->type.dtype, 1, {logits->type.extent[0]}});
    call->roundings = (naive_real)(2 * logits->type.extent[1] + 8);
    for (int64_t n = 0; n < y->count; n++) row_loss(logits, targets, n, &y->value[n], &y->size[n]);
}

/* dy[n] times the derivative of that loss for logits[n, c]: dy (sum_k p[k] softmax[c] - p[c]). */
static void softmax_cross_entropy_grad(naive_call *call) {
    const naive_array *dy = &call->inputs[0], *logits = &call->inputs[1], *targets = &call->inputs[2];
    const int64_t classes = logits->type.extent[1];
    naive_array *g = naive_output(call, 0, logits->type);
    call->roundings = (naive_real)(2 * classes + 12);
    for (int64_t i = 0; i < g->count; i++) {
        const int64_t n = i / classes, c = i % classes;
        const row_facts f = facts(logits->value + n * classes, classes, 1);
        const naive_real d = logits->value[i] - f.most, s = expl(d - f.log_sum);
        naive_real mass = 0;
        for (int64_t k = 0; k < classes; k++) mass += probability(targets, n, k, classes);
        const naive_real p = probability(targets, n, c, classes),
                         size = mass * s * (1 + fabsl(d) + f.spread) + p;
        set(g, i, dy->value[n] * (mass * s - p), fabsl(dy->value[n]) * size);
    }
}

const naive_entry naive_probability[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"softmax_cross_entropy", softmax_cross_entropy},
    {"softmax_cross_entropy_grad", softmax_cross_entropy_grad},
    {NULL, NULL},
};
