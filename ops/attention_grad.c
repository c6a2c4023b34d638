/* attention_grad — dq, dk and dv of scaled_dot_product_attention, from the row's lse and d
 *
 *     s = scale q k^T + mask,  p = exp(s - lse),  ds = p (dy v^T - d)
 *     dq = scale ds k          dk = scale ds^T q          dv = p^T dy
 *
 * A function of dy, q, k, v, lse, d and the mask on its own (Dao et al. 2022, arXiv:2205.14135): scores are
 * computed again, block by block, once for dq and once for dk and dv. With cotangents A, B and C of the
 * three, and row sums Σ:
 *
 *     G = scale (A k^T + q B^T)      W = p ((dy v^T - d) G + dy C^T)
 *     q:  scale (ds B + W k)         k:  scale (ds^T A + W^T q)      v:  (p G)^T dy      dy:  p C + (p G) v
 *     lse:  -Σ W                     d:  -Σ p G                      mask:  W
 *
 * which are recorded with whole scores: memory is quadratic in the length from the second order on. */
#include "attention.h"
#include "attention_rules.h"

typedef attention_attributes attention_grad_attributes;

enum { DY, Q, K, V, LSE, D, MASK_INPUT };

#if WG_IS_REAL

/* Blocks of a thread's memory: two operands of the outer side turned, tiles of scores and slopes, a copy of
 * inner rows, and sums. */
typedef struct scratch {
    real *turned, *turned_value, *scores, *slopes, *copy, *copy_value, *sums, *sums_value;
} scratch;

static scratch scratch_of(const wg_call *call, const attention *a) {
    const int64_t width = attention_width(a->depth), value_width = attention_width(a->value_depth);
    scratch at = {.turned = call->workspace};
    at.turned_value = at.turned + a->depth * BLOCK;
    at.scores = at.turned_value + a->value_depth * BLOCK;
    at.slopes = at.scores + BLOCK * BLOCK;
    at.copy = at.slopes + BLOCK * BLOCK;
    at.copy_value = at.copy + width * BLOCK;
    at.sums = at.copy_value + value_width * BLOCK;
    at.sums_value = at.sums + width * BLOCK;
    return at;
}

static void clear(real *x, int64_t count) { memset(x, 0, (size_t)count * sizeof(real)); }

/* Scores and slopes of a tile: products of the inner rows with what is turned. */
static void fill_tile(const attention *a, const score_tile *t, const real *inner, const real *inner_value,
                      int64_t count, int64_t wide, const scratch *at) {
    clear(at->scores, count * BLOCK), clear(at->slopes, count * BLOCK);
    add_product(inner, a->depth, 1, at->turned, BLOCK, at->scores, BLOCK, count, a->depth, wide);
    finish_scores(a, t, wide, count, at->scores);
    add_product(inner_value, a->value_depth, 1, at->turned_value, BLOCK, at->slopes, BLOCK, count,
                a->value_depth, wide);
}

/* dq of a block of queries of one head. */
static void for_queries(const wg_call *call, const attention *a, int64_t unit, const scratch *at) {
    const int64_t head = unit / attention_blocks(a->rows), row = unit % attention_blocks(a->rows) * BLOCK;
    const int64_t rows = attention_share(a->rows, row), wide = attention_width(rows),
                  first = head * a->rows + row;
    const int64_t from = attention_kv_head(a, head) * a->keys, width = attention_width(a->depth);
    real lse[BLOCK] = {0}, d[BLOCK] = {0};
    memcpy(lse, WG_IN(call, LSE, real) + first, (size_t)rows * sizeof(real));
    memcpy(d, WG_IN(call, D, real) + first, (size_t)rows * sizeof(real));
    turn(WG_IN(call, Q, real) + first * a->depth, rows, a->depth, at->turned);
    turn(WG_IN(call, DY, real) + first * a->value_depth, rows, a->value_depth, at->turned_value);
    clear(at->sums, rows * width);
    for (int64_t key = 0; key < a->keys && !(a->is_causal && key >= row + rows); key += BLOCK) {
        const int64_t keys = attention_share(a->keys, key);
        const score_tile tile = {head, row, rows, key, keys, 1, BLOCK};
        const real *k = WG_IN(call, K, real) + (from + key) * a->depth;
        fill_tile(a, &tile, k, WG_IN(call, V, real) + (from + key) * a->value_depth, keys, wide, at);
        for (int64_t j = 0; j < keys; j++) {
            real *s = at->scores + j * BLOCK, *t = at->slopes + j * BLOCK;
            for (int64_t i = 0; i < wide; i++) s[i] = wm_exp(s[i] - lse[i]) * (t[i] - d[i]);
        }
        add_product(at->scores, 1, BLOCK, widened(k, keys, a->depth, at->copy), width, at->sums, width, rows,
                    keys, width);
    }
    real *dq = WG_OUT(call, 0, real) + first * a->depth;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t e = 0; e < a->depth; e++)
            dq[i * a->depth + e] = at->sums[i * width + e] * (real)a->scale;
}

/* Adds to dk and dv what the queries of a tile give them. */
static void add_queries(const wg_call *call, const attention *a, const score_tile *t, const scratch *at) {
    const int64_t width = attention_width(a->depth), value_width = attention_width(a->value_depth);
    const int64_t first = t->head * a->rows + t->row;
    const real *q = WG_IN(call, Q, real) + first * a->depth,
               *dy = WG_IN(call, DY, real) + first * a->value_depth;
    const int64_t wide = attention_width(t->keys);
    fill_tile(a, t, q, dy, t->rows, wide, at);
    for (int64_t i = 0; i < t->rows; i++) {
        const real lse = WG_IN(call, LSE, real)[first + i], d = WG_IN(call, D, real)[first + i];
        real *p = at->scores + i * BLOCK, *ds = at->slopes + i * BLOCK;
        for (int64_t j = 0; j < wide; j++) p[j] = wm_exp(p[j] - lse);
        for (int64_t j = 0; j < wide; j++) ds[j] = p[j] * (ds[j] - d);
    }
    add_product(at->slopes, 1, BLOCK, widened(q, t->rows, a->depth, at->copy), width, at->sums, width,
                t->keys, t->rows, width);
    add_product(at->scores, 1, BLOCK, widened(dy, t->rows, a->value_depth, at->copy_value), value_width,
                at->sums_value, value_width, t->keys, t->rows, value_width);
}

/* dk and dv of a block of keys of one of their heads, by all heads of queries that read it, in order. */
static void for_keys(const wg_call *call, const attention *a, int64_t unit, const scratch *at) {
    const int64_t shared = unit / attention_blocks(a->keys), key = unit % attention_blocks(a->keys) * BLOCK;
    const int64_t keys = attention_share(a->keys, key), first = shared * a->keys + key,
                  group = a->heads / a->kv_heads;
    const int64_t width = attention_width(a->depth), value_width = attention_width(a->value_depth);
    const int64_t from = shared / a->kv_heads * a->heads + shared % a->kv_heads * group;
    turn(WG_IN(call, K, real) + first * a->depth, keys, a->depth, at->turned);
    turn(WG_IN(call, V, real) + first * a->value_depth, keys, a->value_depth, at->turned_value);
    clear(at->sums, keys * width), clear(at->sums_value, keys * value_width);
    for (int64_t head = from; head < from + group; head++)
        for (int64_t row = a->is_causal ? key : 0; row < a->rows; row += BLOCK) {
            const score_tile tile = {head, row, attention_share(a->rows, row), key, keys, BLOCK, 1};
            add_queries(call, a, &tile, at);
        }
    real *dk = WG_OUT(call, 1, real) + first * a->depth, *dv = WG_OUT(call, 2, real) + first * a->value_depth;
    for (int64_t j = 0; j < keys; j++) {
        for (int64_t e = 0; e < a->depth; e++)
            dk[j * a->depth + e] = at->sums[j * width + e] * (real)a->scale;
        memcpy(dv + j * a->value_depth, at->sums_value + j * value_width,
               (size_t)a->value_depth * sizeof(real));
    }
}

static void forward(const wg_call *call) {
    const wg_operand *in = call->inputs;
    const attention a = attention_of(WG_ATTRIBUTES(call, attention), &in[Q].type, &in[K].type, &in[V].type,
                                     call->input_count > MASK_INPUT ? &in[MASK_INPUT] : NULL);
    const scratch at = scratch_of(call, &a);
    const int64_t of_queries = a.batches * a.heads * attention_blocks(a.rows);
    for (int64_t unit = call->begin; unit < call->end; unit++)
        if (unit < of_queries)
            for_queries(call, &a, unit, &at);
        else
            for_keys(call, &a, unit - of_queries, &at);
}
WG_KERNEL(attention_grad, forward)

#endif

#ifdef WG_RULES

static attention attention_of_call(const wg_call *call) {
    const wg_operand *in = call->inputs;
    return attention_of(WG_ATTRIBUTES(call, attention), &in[Q].type, &in[K].type, &in[V].type, NULL);
}
static int64_t units(const wg_call *call) {
    const attention a = attention_of_call(call);
    return a.batches * (a.heads * attention_blocks(a.rows) + a.kv_heads * attention_blocks(a.keys));
}
static size_t workspace(const wg_call *call) {
    const attention a = attention_of_call(call);
    const int64_t widths = attention_width(a.depth) + attention_width(a.value_depth);
    return (size_t)(BLOCK * (a.depth + a.value_depth + 2 * BLOCK + 2 * widths)) * wg_dtype_size(call->dtype);
}
static wg_cost cost(const wg_call *call) {
    const attention a = attention_of_call(call);
    const double scores = (double)(a.batches * a.heads * a.rows) * (double)a.keys / (a.is_causal ? 2 : 1);
    return (wg_cost){scores * (double)(8 * a.depth + 6 * a.value_depth + 32), wg_call_bytes(call)};
}

static int infer(wg_infer *infer) {
    const wg_type *in = infer->inputs, *q = &in[Q];
    const int status = attention_infer(infer, Q, MASK_INPUT), rank = q->rank;
    if (status) return status;
    const size_t rows = (size_t)(rank - 1) * sizeof *q->extent;
    bool fits = in[DY].rank == rank && in[LSE].rank == rank - 1 && in[D].rank == rank - 1;
    for (int i = DY; i <= D; i++)
        if (i == DY || i >= LSE) fits = fits && !memcmp(in[i].extent, q->extent, rows);
    if (!fits || in[DY].extent[rank - 1] != in[V].extent[rank - 1])
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "dy is %s, lse %s, d %s, q %s; they must have the rows of q",
                             wg_infer_shape_text(infer, &in[DY]), wg_infer_shape_text(infer, &in[LSE]),
                             wg_infer_shape_text(infer, &in[D]), wg_infer_shape_text(infer, q));
    for (int i = 0; i < 3; i++) infer->outputs[i] = in[Q + i];
    return WG_OK;
}

/* Of both, where they are there. */
static wg_var sum_of(wg_var a, wg_var b) { return !wg_valid(a) ? b : !wg_valid(b) ? a : (wg_add)(a, b); }
static wg_var minus_row_sums(wg_var x) { return (wg_neg)((wg_sum)(x, WG_AXES(-1), NULL)); }

/* p G, and W; WG_NONE where they are 0. */
static void second_order(wg_rule *rule, const attention_vars *of, wg_var p, wg_var scale, wg_var *pg,
                         wg_var *w) {
    wg_var a = rule->cotangents[0], b = rule->cotangents[1], c = rule->cotangents[2], g = WG_NONE;
    if (wg_valid(a)) g = attention_outer(a, of->k);
    if (wg_valid(b)) g = sum_of(g, attention_outer(of->q, b));
    *pg = wg_valid(g) ? (wg_mul)(p, (wg_mul)(g, scale)) : WG_NONE;
    *w = wg_valid(g) ? (wg_mul)(attention_slopes(of), *pg) : WG_NONE;
    if (wg_valid(c)) *w = sum_of(*w, (wg_mul)(p, attention_outer(of->dy, c)));
}

static void set(wg_rule *rule, int input, wg_var cotangent) {
    if (wg_valid(cotangent) && wg_rule_wants(rule, input)) wg_rule_set(rule, input, cotangent);
}

static void backward(wg_rule *rule) {
    const attention_attributes *with = WG_ATTRIBUTES(rule, attention);
    const wg_var *in = rule->inputs, mask = rule->input_count > MASK_INPUT ? in[MASK_INPUT] : WG_NONE;
    const attention_vars of = {in[DY], in[Q], in[K], in[V], in[LSE], in[D], mask};
    wg_var a = rule->cotangents[0], b = rule->cotangents[1], c = rule->cotangents[2], pg, w, q = WG_NONE,
           k = WG_NONE;
    wg_var p = attention_weights(&of, with), scale = (wg_scalar)(rule->tape, with->scale);
    wg_var ds = (wg_mul)(p, attention_slopes(&of)), dy = wg_valid(c) ? attention_times(p, c) : WG_NONE;
    second_order(rule, &of, p, scale, &pg, &w);
    if (wg_valid(b)) q = attention_times(ds, b);
    if (wg_valid(a)) k = attention_across(ds, a, of.k);
    if (wg_valid(w)) q = sum_of(q, attention_times(w, of.k)), k = sum_of(k, attention_across(w, of.q, of.k));
    set(rule, Q, wg_valid(q) ? (wg_mul)(q, scale) : q);
    set(rule, K, wg_valid(k) ? (wg_mul)(k, scale) : k);
    set(rule, DY, sum_of(dy, wg_valid(pg) ? attention_times(pg, of.v) : WG_NONE));
    if (wg_valid(pg)) set(rule, V, attention_across(pg, of.dy, of.v)), set(rule, D, minus_row_sums(pg));
    if (wg_valid(w)) set(rule, LSE, minus_row_sums(w));
    if (wg_valid(w) && wg_valid(mask)) set(rule, MASK_INPUT, attention_unbroadcast(w, mask));
}

static void samples(wg_sampler *s) { attention_samples(s, true); }

static const wg_attribute attributes[] = ATTENTION_ATTRIBUTES;

const wg_op wg_op_attention_grad = {
    .name = "attention_grad",
    .formula = "dq = scale ds k, dk = scale ds^T q, dv = p^T dy, ds = p (dy v^T - d)",
    .shapes = "dy [*], q [*], k [*], v [*], lse [*], d [*], mask [*]? -> dq [*], dk [*], dv [*]; as those "
              "of scaled_dot_product_attention, d as lse",
    .gradient = "with cotangents A, B, C, G = scale (A k^T + q B^T) and W = p ((dy v^T - d) G + dy C^T): "
                "ddy = p C + (p G) v, d_q = scale (ds B + W k), d_k = scale (ds^T A + W^T q), d_v = (p G)^T "
                "dy, dlse = -sum W, d_d = -sum p G, dmask = W",
    .inputs = 6,
    .inputs_max = 7,
    .outputs = 3,
    .flags = WG_HELPER,
    .attributes = attributes,
    .attributes_size = sizeof(attention_attributes),
    .infer = infer,
    .forward = WG_FORWARD(attention_grad),
    .backward = backward,
    .units = units,
    .workspace = workspace,
    .cost = cost,
    .samples = samples,
};

#endif
