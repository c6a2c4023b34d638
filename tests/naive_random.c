/* naive_random — what is drawn, word by word of the generator, and what is made of it. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Word `word` of a block of the call's key; `step_at`: the input that holds the step. */
static uint32_t word_of(const naive_call *call, int step_at, uint64_t block, int word) {
    const uint64_t bits = naive_bits(call, "key"), step = (uint64_t)call->inputs[step_at].value[0];
    const uint32_t key[2] = {(uint32_t)bits, (uint32_t)(bits >> 32)};
    const uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32), (uint32_t)step,
                                 (uint32_t)(step >> 32)};
    uint32_t drawn[4];
    philox(counter, key, drawn);
    return drawn[word];
}
static uint32_t word_at(const naive_call *call, int64_t i) {
    return word_of(call, 1, (uint64_t)i / 4, (int)(i % 4));
}
/* 64 bits: two words, the first of them above. */
static uint64_t pair_at(const naive_call *call, int step_at, int64_t i) {
    const uint64_t high = word_of(call, step_at, (uint64_t)i / 2, (int)(i % 2) * 2);
    return high << 32 | word_of(call, step_at, (uint64_t)i / 2, (int)(i % 2) * 2 + 1);
}

/* In [0, 1): 24 bits of a word for f32, 53 of two for f64. */
static naive_real unit(const naive_call *call, int64_t i) {
    if (call->inputs[0].type.dtype == WG_F32) return (naive_real)(word_at(call, i) >> 8) * 0x1p-24L;
    return (naive_real)(pair_at(call, 1, i) >> 11) * 0x1p-53L;
}

static wg_type drawn_type(const naive_call *call) {
    wg_type type = *naive_shape(call, "shape");
    type.dtype = call->inputs[0].type.dtype;
    return type;
}

static void uniform(naive_call *call) {
    const naive_real low = naive_number(call, "low"), high = naive_number(call, "high");
    naive_array *y = naive_output(call, 0, drawn_type(call));
    for (int64_t i = 0; i < y->count; i++) {
        y->value[i] = low + (high - low) * unit(call, i);
        y->size[i] = fabsl(low) + fabsl(high);
    }
    call->roundings = 4;
}

/* Of a pair 2k, 2k + 1 the first draws the distance, the second the angle. */
static void normal(naive_call *call) {
    const naive_real mean = naive_number(call, "mean"), std = naive_number(call, "std");
    naive_array *y = naive_output(call, 0, drawn_type(call));
    const bool is_f32 = y->type.dtype == WG_F32;
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t first = i - i % 2;
        const naive_real v =
            is_f32 ? (naive_real)(float)(((double)word_at(call, first) + 0.5) * 0x1p-32)
                   : (naive_real)(double)((double)(pair_at(call, 1, first) >> 11) * 0x1p-53 + 0x1p-54);
        const naive_real angle = unit(call, first + 1) * 2 * acosl(-1), distance = sqrtl(-2 * logl(v));
        const naive_real z = distance * (i % 2 ? sinl(angle) : cosl(angle));
        y->value[i] = mean + std * z;
        y->size[i] = fabsl(mean) + fabsl(std) * distance * (1 + angle);
    }
    call->roundings = 6;
}

static void bernoulli(naive_call *call) {
    naive_array *y = naive_output(call, 0, call->inputs[0].type);
    for (int64_t i = 0; i < y->count; i++)
        y->value[i] = (naive_real)word_at(call, i) < call->inputs[0].value[i] * 0x1p32L;
}

/* The class whose share of 0 … 1 the draw falls into. */
static void categorical(naive_call *call) {
    const naive_array *p = &call->inputs[0];
    const int64_t classes = p->type.extent[p->type.rank - 1], count = naive_int(call, "num_samples", 0);
    wg_type type = p->type;
    type.dtype = WG_I64;
    type.extent[type.rank - 1] = count;
    naive_array *y = naive_output(call, 0, type);
    const bool given = naive_bool(call, "probabilities");
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real *row = p->value + i / count * classes;
        naive_real whole = 0, sum = 0;
        for (int64_t k = 0; k < classes; k++) whole += given ? row[k] : expl(row[k]);
        const naive_real target = (naive_real)(pair_at(call, 1, i) >> 11) * 0x1p-53L * whole;
        for (int64_t k = 0; k < classes; k++) {
            sum += given ? row[k] : expl(row[k]);
            if (sum > target) break;
            y->value[i]++;
        }
    }
}

static void randperm(naive_call *call) {
    const int64_t n = naive_int(call, "n", 0);
    naive_array *y = naive_output(call, 0, (wg_type){.dtype = WG_I64, .rank = 1, .extent = {n}});
    for (int64_t i = 0; i < n; i++) y->value[i] = (naive_real)i;
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)(pair_at(call, 0, i) % (uint64_t)(i + 1));
        const naive_real other = y->value[i];
        y->value[i] = y->value[j];
        y->value[j] = other;
    }
}

/* Dropped where the word is below p 2^32, to the nearest. */
static bool is_dropped(const naive_call *call, int64_t i) {
    return (naive_real)word_at(call, i) < floorl(naive_number(call, "p") * 0x1p32L + 0.5L);
}

static void dropout_mask(naive_call *call) {
    const naive_real p = naive_number(call, "p");
    naive_array *y = naive_output(call, 0, call->inputs[0].type);
    for (int64_t i = 0; i < y->count; i++) naive_set(y, i, is_dropped(call, i) ? 0 : 1 / (1 - p));
    call->roundings = 3; /* of 1 - p and of its reciprocal, in double, then once more */
}

/* One draw for each run of so many elements: 1, or a channel. */
static int64_t run_of(const naive_call *call) {
    const wg_type *x = &call->inputs[0].type;
    const bool by_element = !strcmp(call->op->name, "dropout") || !strcmp(call->op->name, "alpha_dropout");
    int64_t run = 1;
    for (int axis = 2; axis < x->rank && !by_element; axis++) run *= x->extent[axis];
    return run;
}

static void dropout(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, x->type);
    for (int64_t i = 0; i < y->count; i++)
        naive_set(y, i, is_dropped(call, i / run_of(call)) ? 0 : x->value[i] / (1 - naive_number(call, "p")));
    call->roundings = 5;
}

/* selu tends to s = -scale alpha, with its constants. */
static void alpha_dropout(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const naive_real p = naive_number(call, "p"),
                     s = -1.0507009873554804934193349852946L * 1.6732632423543772848170429916717L;
    const naive_real a = 1 / sqrtl((1 - p) * (1 + p * s * s)), b = -a * p * s;
    naive_array *y = naive_output(call, 0, x->type);
    for (int64_t i = 0; i < y->count; i++) {
        y->value[i] = a * (is_dropped(call, i / run_of(call)) ? s : x->value[i]) + b;
        y->size[i] = a * (fabsl(x->value[i]) + 2 * fabsl(s));
    }
    call->roundings = 12;
}

const naive_entry naive_random[] = {
    {"uniform", uniform},
    {"normal", normal},
    {"bernoulli", bernoulli},
    {"categorical", categorical},
    {"randperm", randperm},
    {"dropout_mask", dropout_mask},
    {"dropout", dropout},
    {"dropout1d", dropout},
    {"dropout2d", dropout},
    {"dropout3d", dropout},
    {"alpha_dropout", alpha_dropout},
    {"feature_alpha_dropout", alpha_dropout},
    {NULL, NULL},
};
