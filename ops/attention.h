/* attention.h — what the kernels of attention and of its gradient share: how a call is read, scores of a tile
 * of queries and keys, and products of such tiles.
 *
 * A unit of work has one block of up to BLOCK queries, or keys, as its outer side, laid down once with the
 * places side by side; blocks of the other, inner side come by in order, and their rows are read where they
 * lie. Tiles of scores are [inner][outer], so vectors run across the outer places, and each sum is a chain of
 * fused multiply-adds of one block, added to what was there: the same bits whatever the width of a vector. */
#ifndef WG_OPS_ATTENTION_H
#define WG_OPS_ATTENTION_H

#include "op.h"
#include "kernels/cpu/vector.h"

typedef struct attention_attributes {
    bool is_causal;
    double scale;
} attention_attributes;

enum {
    BLOCK = 64,
    COLUMNS = 32 /* a multiple of the columns of a tile in registers, on any instruction set */
};

/* q [batches, heads, rows, depth], k and v [batches, kv_heads, keys, depth or value_depth]. */
typedef struct attention {
    int64_t batches, heads, kv_heads, rows, keys, depth, value_depth;
    double scale;
    bool is_causal;
    const wg_operand *mask; /* NULL: none */
    int axes;               /* in front of the last two */
    int64_t extent[WG_MAX_RANK], mask_stride[WG_MAX_RANK], mask_row, mask_key;
} attention;

WG_INLINE int64_t attention_blocks(int64_t places) { return (places + BLOCK - 1) / BLOCK; }
WG_INLINE int64_t attention_width(int64_t columns) { return (columns + COLUMNS - 1) / COLUMNS * COLUMNS; }
WG_INLINE int64_t attention_share(int64_t places, int64_t first) {
    return places - first < BLOCK ? places - first : BLOCK;
}

WG_INLINE attention attention_of(const attention_attributes *with, const wg_type *q, const wg_type *k,
                                 const wg_type *v, const wg_operand *mask) {
    const int rank = q->rank;
    attention a = {.batches = 1,
                   .heads = rank > 2 ? q->extent[rank - 3] : 1,
                   .rows = q->extent[rank - 2],
                   .kv_heads = rank > 2 ? k->extent[rank - 3] : 1,
                   .keys = k->extent[rank - 2],
                   .depth = q->extent[rank - 1],
                   .value_depth = v->extent[rank - 1],
                   .scale = with->scale,
                   .is_causal = with->is_causal,
                   .axes = rank - 2};
    for (int axis = 0; axis < rank - 3; axis++) a.batches *= q->extent[axis];
    for (int axis = 0; axis < rank - 2; axis++) a.extent[axis] = q->extent[axis];
    if (!mask || mask->type.dtype == WG_NO_DTYPE) return a;
    a.mask = mask;
    int64_t stride = 1;
    for (int back = 1; back <= mask->type.rank; back++) {
        const int64_t extent = mask->type.extent[mask->type.rank - back], step = extent == 1 ? 0 : stride;
        *(back == 1 ? &a.mask_key : back == 2 ? &a.mask_row : &a.mask_stride[rank - back]) = step;
        stride *= extent;
    }
    return a;
}

/* Which of the heads of k and v a head of q, counted through all batches, reads. */
WG_INLINE int64_t attention_kv_head(const attention *a, int64_t head) {
    return head / a->heads * a->kv_heads + head % a->heads / (a->heads / a->kv_heads);
}

#if WG_IS_REAL

/* turned[e][i] = x[i][e]; places from `count` to its width are 0. */
WG_INLINE void turn(const real *x, int64_t count, int64_t depth, real *turned) {
    memset(turned, 0, (size_t)(depth * BLOCK) * sizeof(real));
    for (int64_t i = 0; i < count; i++)
        for (int64_t e = 0; e < depth; e++) turned[e * BLOCK + i] = x[i * depth + e];
}

/* x's rows, as long as whole tiles are: x itself, or a copy with zeros behind each row. */
WG_INLINE const real *widened(const real *x, int64_t count, int64_t depth, real *copy) {
    const int64_t width = attention_width(depth);
    if (width == depth) return x;
    for (int64_t i = 0; i < count; i++) {
        memcpy(copy + i * width, x + i * depth, (size_t)depth * sizeof(real));
        memset(copy + i * width + depth, 0, (size_t)(width - depth) * sizeof(real));
    }
    return copy;
}

/* c[i, j] += sum_t a[i, t] b[t, j] for so many rows and the columns of two vectors. */
WG_INLINE void add_tile(const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t b_row, real *c,
                        int64_t c_row, int64_t depth, int rows) {
    vec sum[4][2];
    for (int i = 0; i < rows; i++) sum[i][0] = sum[i][1] = vec_all(0);
    for (int64_t t = 0; t < depth; t++) {
        const vec left = vec_load(b + t * b_row), right = vec_load(b + t * b_row + VEC_LANES);
        for (int i = 0; i < rows; i++) {
            const vec factor = vec_all(a[i * a_row + t * a_step]);
            sum[i][0] = vec_fma(factor, left, sum[i][0]);
            sum[i][1] = vec_fma(factor, right, sum[i][1]);
        }
    }
    for (int i = 0; i < rows; i++) {
        real *to = c + i * c_row;
        vec_store(to, vec_load(to) + sum[i][0]);
        vec_store(to + VEC_LANES, vec_load(to + VEC_LANES) + sum[i][1]);
    }
}

/* The same for any number of rows, and columns in a multiple of COLUMNS. */
static void add_product(const real *a, int64_t a_row, int64_t a_step, const real *b, int64_t b_row, real *c,
                        int64_t c_row, int64_t rows, int64_t depth, int64_t columns) {
    for (int64_t j = 0; j < columns; j += 2 * VEC_LANES)
        for (int64_t i = 0; i < rows; i += 4) {
            const real *from = a + i * a_row;
            real *to = c + i * c_row + j;
            switch (rows - i) {
            case 1:
                add_tile(from, a_row, a_step, b + j, b_row, to, c_row, depth, 1);
                break;
            case 2:
                add_tile(from, a_row, a_step, b + j, b_row, to, c_row, depth, 2);
                break;
            case 3:
                add_tile(from, a_row, a_step, b + j, b_row, to, c_row, depth, 3);
                break;
            default:
                add_tile(from, a_row, a_step, b + j, b_row, to, c_row, depth, 4);
            }
        }
}

/* A tile of queries from `row` on and keys from `key` on: element (i, j) at i row_step + j key_step. */
typedef struct score_tile {
    int64_t head, row, rows, key, keys, row_step, key_step;
} score_tile;

/* Scores from products of queries and keys: scaled, the mask added, -inf where it or causality hides a key.
 */
static void finish_scores(const attention *a, const score_tile *t, int64_t outer, int64_t inner, real *s) {
    const real scale = (real)a->scale, hidden = -(real)WG_INFINITY_F64;
    for (int64_t i = 0; i < inner; i++)
        for (int64_t j = 0; j < outer; j++) s[i * BLOCK + j] *= scale;
    int64_t offset = 0;
    for (int64_t axis = a->axes - 1, left = t->head; axis >= 0 && a->mask; axis--) {
        offset += left % a->extent[axis] * a->mask_stride[axis];
        left /= a->extent[axis];
    }
    for (int64_t i = 0; i < t->rows; i++) {
        const int64_t first = offset + (t->row + i) * a->mask_row + t->key * a->mask_key;
        real *x = s + i * t->row_step;
        if (a->mask && a->mask->type.dtype == WG_BOOL) {
            const uint8_t *seen = (const uint8_t *)a->mask->data + first;
            for (int64_t j = 0; j < t->keys; j++)
                if (!seen[j * a->mask_key]) x[j * t->key_step] = hidden;
        } else if (a->mask) {
            const real *term = (const real *)a->mask->data + first;
            for (int64_t j = 0; j < t->keys; j++) x[j * t->key_step] += term[j * a->mask_key];
        }
        const int64_t later = t->row + i + 1 - t->key;
        for (int64_t j = later > 0 ? later : 0; a->is_causal && j < t->keys; j++) x[j * t->key_step] = hidden;
    }
}

#endif
#endif
