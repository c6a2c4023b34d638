/* naive_probability — softmax and what is made of it.
 *
 * With m the largest of x, d = x - m and S = sum exp(d): rounding d changes exp(d) by u |d| relative to it,
 * and S by u sum p |d|, p being the probabilities; adding up n terms rounds n times more. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Salmon, Moraes, Dror, Shaw (SC 2011): Philox with four words of 32 bits and ten rounds. */
static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t k[2] = {key[0], key[1]};
    memcpy(out, counter, 4 * sizeof *out);
    for (int round = 0; round < 10; round++) {
        const uint64_t first = 0xD2511F53ull * out[0], second = 0xCD9E8D57ull * out[2];
        const uint32_t next[4] = {(uint32_t)(second >> 32) ^ out[1] ^ k[0], (uint32_t)second,
                                  (uint32_t)(first >> 32) ^ out[3] ^ k[1], (uint32_t)first};
        memcpy(out, next, sizeof next);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
}

/* Word i mod 4 of block i / 4 decides on element i: dropped where it is below p 2^32, to the nearest. */
static void dropout_mask(naive_call *call) {
    const naive_real p = naive_number(call, "p");
    const uint64_t bits = naive_bits(call, "key"), step = (uint64_t)call->inputs[1].value[0];
    const uint32_t key[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
    naive_array *y = naive_output(call, 0, call->inputs[0].type);
    for (int64_t i = 0; i < y->count; i++) {
        const uint64_t block = (uint64_t)i / 4;
        const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)step,
                                     (uint32_t)(step >> 32)};
        uint32_t drawn[4];
        philox(counter, key, drawn);
        naive_set(y, i, (naive_real)drawn[i % 4] < floorl(p * 0x1p32L + 0.5L) ? 0 : 1 / (1 - p));
    }
    call->roundings = 3; /* of 1 - p and of its reciprocal, in double, then once more */
}

const naive_entry naive_probability[] = {
    {"softmax", softmax},
    {"log_softmax", log_softmax},
    {"softmax_cross_entropy", softmax_cross_entropy},
    {"softmax_cross_entropy_grad", softmax_cross_entropy_grad},
    {"dropout_mask", dropout_mask},
    {NULL, NULL},
};
