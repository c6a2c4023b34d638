/* naive_sequence — attention and its gradient, score by score; words as vectors, and places in a sequence.
 *
 * A score that is off by a (its products' rounding, and that of subtracting the largest) changes its weight
 * by a factor exp(a), and all weights of the row by as much as the mean of a. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>

/* A row of scores of one query, with what may be off in each. */
typedef struct row_of_scores {
    int64_t keys;
    naive_real *s, *off;
    int64_t kv; /* the head of keys, counted through all batches */
    naive_real scale;
} row_of_scores;

/* The inputs of a call: q, k, v are inputs first … first + 2. */
typedef struct attention_inputs {
    const naive_array *q, *k, *v, *mask;
    int rank;
    int64_t rows, keys, depth, value_depth;
} attention_inputs;

static attention_inputs inputs_of(const naive_call *call, int first, int mask) {
    const naive_array *q = &call->inputs[first];
    const int rank = q->type.rank;
    attention_inputs in = {q,
                           q + 1,
                           q + 2,
                           NULL,
                           rank,
                           q->type.extent[rank - 2],
                           q[1].type.extent[rank - 2],
                           q->type.extent[rank - 1],
                           q[2].type.extent[rank - 1]};
    if (call->input_count > mask && call->inputs[mask].type.dtype) in.mask = &call->inputs[mask];
    return in;
}

/* Which head of k and v the query number `query`, counted through all, reads. */
static int64_t kv_head_of(const attention_inputs *in, int64_t query) {
    const int64_t head = query / in->rows;
    if (in->rank < 3) return 0;
    const int64_t heads = in->q->type.extent[in->rank - 3], shared = in->k->type.extent[in->rank - 3];
    return head / heads * shared + head % heads * shared / heads;
}

static row_of_scores scores_of(const naive_call *call, const attention_inputs *in, int64_t query) {
    row_of_scores r = {in->keys, calloc((size_t)in->keys + 1, sizeof *r.s),
                       calloc((size_t)in->keys + 1, sizeof *r.s), kv_head_of(in, query),
                       naive_number(call, "scale")};
    if (r.scale == 0 && !signbit(r.scale)) r.scale = 1 / sqrtl((naive_real)in->depth);
    wg_type scores = in->q->type;
    scores.extent[in->rank - 1] = in->keys;
    int64_t at[WG_MAX_RANK] = {0}, left = query;
    for (int axis = in->rank - 2; axis >= 0; axis--) {
        at[axis] = left % scores.extent[axis];
        left /= scores.extent[axis];
    }
    for (int64_t j = 0; j < in->keys; j++) {
        const naive_real *q = in->q->value + query * in->depth,
                         *k = in->k->value + (r.kv * in->keys + j) * in->depth;
        for (int64_t e = 0; e < in->depth; e++) {
            r.s[j] += r.scale * q[e] * k[e];
            r.off[j] += fabsl(r.scale * q[e] * k[e]);
        }
        at[in->rank - 1] = j;
        const naive_real mask = in->mask ? in->mask->value[naive_broadcast_at(in->mask, at, in->rank)] : 0;
        const bool of_bool = in->mask && in->mask->type.dtype == WG_BOOL;
        if (in->mask && !of_bool) r.s[j] += mask, r.off[j] += fabsl(mask);
        if ((of_bool && mask == 0) || (naive_bool(call, "is_causal") && j > at[in->rank - 2]))
            r.s[j] = -INFINITY;
    }
    return r;
}

static void free_scores(row_of_scores *r) {
    free(r->s);
    free(r->off);
}

static void attend(naive_call *call) {
    const attention_inputs in = inputs_of(call, 0, 3);
    wg_type type = in.q->type, rows = in.q->type;
    type.extent[in.rank - 1] = in.value_depth;
    rows.extent[--rows.rank] = 0;
    naive_array *y = naive_output(call, 0, type), *lse = naive_output(call, 1, rows);
    call->roundings = (naive_real)(in.depth + in.keys) + 24;
    for (int64_t i = 0; i < lse->count; i++) {
        row_of_scores r = scores_of(call, &in, i);
        naive_real most = -INFINITY, total = 0, mean = 0;
        for (int64_t j = 0; j < r.keys; j++) most = fmaxl(most, r.s[j]);
        for (int64_t j = 0; j < r.keys && most > -INFINITY; j++) {
            const naive_real weight = expl(r.s[j] - most);
            if (weight > 0) r.off[j] += fabsl(r.s[j] - most);
            total += weight;
            mean += weight * r.off[j];
        }
        if (total > 0) {
            lse->value[i] = most + logl(total);
            lse->size[i] = fabsl(most) + fabsl(logl(total)) + mean / total + 1;
        }
        for (int64_t j = 0; j < r.keys && total > 0; j++) {
            const naive_real p = expl(r.s[j] - most) / total, off = 1 + r.off[j] + mean / total;
            for (int64_t d = 0; p > 0 && d < in.value_depth; d++) {
                const naive_real term = p * in.v->value[(r.kv * in.keys + j) * in.value_depth + d];
                y->value[i * in.value_depth + d] += term;
                y->size[i * in.value_depth + d] += fabsl(term) * off;
            }
        }
        free_scores(&r);
    }
}

static void add(naive_array *y, int64_t i, naive_real term, naive_real size) {
    y->value[i] += term;
    y->size[i] += size;
}

/* What query i and key j give each other: p, and ds = p (dy · v - d). */
static void add_pair(naive_call *call, const attention_inputs *in, const row_of_scores *r, int64_t i,
                     int64_t j) {
    const naive_array *dy = &call->inputs[0], *lse = &call->inputs[4], *d = &call->inputs[5];
    const int64_t key = r->kv * in->keys + j;
    if (r->s[j] == -INFINITY) return;
    const naive_real p = expl(r->s[j] - lse->value[i]);
    const naive_real off = 1 + r->off[j] + fabsl(r->s[j] - lse->value[i]);
    naive_real slope = -d->value[i], slope_size = fabsl(d->value[i]);
    for (int64_t e = 0; e < in->value_depth; e++) {
        const naive_real g = dy->value[i * in->value_depth + e], v = in->v->value[key * in->value_depth + e];
        slope += g * v;
        slope_size += fabsl(g * v);
        add(&call->outputs[2], key * in->value_depth + e, p * g, fabsl(p * g) * off);
    }
    const naive_real ds = r->scale * p * slope, size = fabsl(r->scale) * p * slope_size * off;
    for (int64_t e = 0; e < in->depth; e++) {
        const naive_real q = in->q->value[i * in->depth + e], k = in->k->value[key * in->depth + e];
        add(&call->outputs[0], i * in->depth + e, ds * k, size * fabsl(k));
        add(&call->outputs[1], key * in->depth + e, ds * q, size * fabsl(q));
    }
}

static void attention_grad(naive_call *call) {
    const attention_inputs in = inputs_of(call, 1, 6);
    for (int i = 0; i < 3; i++) naive_output(call, i, call->inputs[1 + i].type);
    call->roundings = (naive_real)(in.depth + in.value_depth + in.keys + call->inputs[4].count) + 24;
    for (int64_t i = 0; i < call->inputs[4].count; i++) {
        row_of_scores r = scores_of(call, &in, i);
        for (int64_t j = 0; j < in.keys; j++) add_pair(call, &in, &r, i, j);
        free_scores(&r);
    }
}

/* --- Places -------------------------------------------------------------------------------------------- */

static void rotary_embedding(naive_call *call) {
    const naive_array *x = &call->inputs[0], *c = &call->inputs[1], *s = &call->inputs[2];
    naive_array *y = naive_output(call, 0, x->type);
    const int last = x->type.rank - 1;
    const int64_t half = c->type.extent[c->type.rank - 1];
    const bool interleaved = naive_bool(call, "interleaved");
    call->roundings = 3;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const int64_t e = i.at[last];
        if (e >= 2 * half) {
            naive_set(y, i.number, x->value[i.number]);
            continue;
        }
        const int64_t pair = interleaved ? e / 2 : e % half;
        const bool second = interleaved ? e % 2 : e >= half;
        const int64_t other = i.number + (interleaved ? 1 : half) * (second ? -1 : 1);
        int64_t at[WG_MAX_RANK];
        for (int axis = 0; axis < last; axis++) at[axis] = i.at[axis];
        at[last] = pair;
        const int64_t angle = naive_broadcast_at(c, at, x->type.rank);
        naive_add(y, i.number, x->value[i.number] * c->value[angle]);
        naive_add(y, i.number, (second ? 1 : -1) * x->value[other] * s->value[angle]);
    }
}

/* An angle is a product of f64 numbers, off by a few of its own roundings, of which f32 shows none. */
static void rotary_table(naive_call *call) {
    const naive_array *ids = &call->inputs[0];
    const int64_t half = naive_int(call, "half", 0);
    wg_type type = ids->type;
    type.dtype = naive_dtype(call, "dtype");
    type.extent[type.rank++] = half;
    naive_array *c = naive_output(call, 0, type), *s = naive_output(call, 1, type);
    call->roundings = 4;
    for (int64_t i = 0; i < c->count; i++) {
        const naive_real frequency =
            powl(naive_number(call, "base"), -(naive_real)(i % half) / (naive_real)half);
        const naive_real angle = ids->value[i / half] * frequency;
        c->value[i] = cosl(angle);
        s->value[i] = sinl(angle);
        c->size[i] = s->size[i] = 1 + (type.dtype == WG_F64 ? 4 * fabsl(angle) : 0);
    }
}

const naive_entry naive_sequence[] = {
    {"rotary_embedding", rotary_embedding},
    {"rotary_table", rotary_table},
    {"scaled_dot_product_attention", attend},
    {"attention_grad", attention_grad},
    {NULL, NULL},
};
