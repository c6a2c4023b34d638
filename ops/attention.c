/* scaled_dot_product_attention — values weighed by how well their keys fit a query
 *
 *     s[i, j] = scale q[i] · k[j] + mask[i, j]        p[i, j] = exp(s[i, j] - lse[i])
 *     lse[i] = log sum_j exp(s[i, j])                 y[i] = sum_j p[i, j] v[j]
 *
 * for each head (Vaswani et al. 2017, arXiv:1706.03762). A mask of bool has -inf where it is false, a causal
 * one where j > i. A row of nothing but -inf gives y = 0, and lse = 0 in place of -inf. Scores are never whole
 * in memory: blocks of keys come by in order, and what has been summed is scaled down where a larger score is
 * met (Dao et al. 2022, arXiv:2205.14135; Milakov, Gimelshein 2018, arXiv:1805.02867). With cotangents dy and
 * dlse, and d[i] = dy[i] · y[i] - dlse[i]
 *
 *     ds[i, j] = p[i, j] (dy[i] · v[j] - d[i])        dmask = ds
 *     dq = scale ds k      dk = scale ds^T q          dv = p^T dy
 *
 * of which attention_grad makes the last three from lse and d, in blocks too; dmask is as large as the mask.
 */
#include "attention.h"
#include "attention_rules.h"

typedef attention_attributes scaled_dot_product_attention_attributes;

#if WG_IS_REAL

/* What is known of each query of the block after some keys: the largest score, and the sum of exp(s - most).
 */
typedef struct running {
    real most[BLOCK], total[BLOCK], kept[BLOCK]; /* kept: what the sums so far are to be multiplied by */
} running;

/* Scores s [keys][BLOCK] become exp(s - most). NaN is the largest of all, so that it is handed on. */
static void add_keys(running *r, real *s, int64_t keys, int64_t wide) {
    const real infinity = (real)WG_INFINITY_F64;
    real most[BLOCK], sum[BLOCK] = {0};
    memcpy(most, r->most, sizeof most);
    for (int64_t j = 0; j < keys; j++)
        for (int64_t i = 0; i < wide; i++) {
            const real x = s[j * BLOCK + i];
            most[i] = ((x > most[i]) | (x != x)) ? x : most[i];
        }
    for (int64_t i = 0; i < wide; i++) {
        const real from = most[i] == -infinity ? 0 : most[i];
        r->kept[i] = wm_exp(r->most[i] - from);
        r->most[i] = most[i];
        most[i] = from;
    }
    for (int64_t j = 0; j < keys; j++) {
        real *e = s + j * BLOCK;
        for (int64_t i = 0; i < wide; i++) e[i] = wm_exp(e[i] - most[i]);
        for (int64_t i = 0; i < wide; i++) sum[i] += e[i];
    }
    for (int64_t i = 0; i < wide; i++) r->total[i] = r->total[i] * r->kept[i] + sum[i];
}

/* Blocks of a thread's memory, in numbers. */
typedef struct scratch {
    real *queries, *values, *scores, *sums;
} scratch;

static void store_rows(const wg_call *call, const attention *a, int64_t first, int64_t rows, const running *r,
                       const real *sums) {
    const int64_t width = attention_width(a->value_depth);
    for (int64_t i = 0; i < rows; i++) {
        const bool none = r->total[i] == 0; /* a key that is seen adds exp(0), or at the most makes NaN */
        real *y = WG_OUT(call, 0, real) + (first + i) * a->value_depth;
        for (int64_t d = 0; d < a->value_depth; d++) y[d] = none ? 0 : sums[i * width + d] / r->total[i];
        WG_OUT(call, 1, real)[first + i] = none ? 0 : r->most[i] + wm_log(r->total[i]);
    }
}

/* A unit is a block of queries of one head. */
static void attend(const wg_call *call, const attention *a, int64_t unit, const scratch *at) {
    const int64_t head = unit / attention_blocks(a->rows), row = unit % attention_blocks(a->rows) * BLOCK;
    const int64_t rows = attention_share(a->rows, row), wide = attention_width(rows),
                  first = head * a->rows + row;
    const int64_t from = attention_kv_head(a, head) * a->keys, depth = a->value_depth,
                  width = attention_width(depth);
    running r;
    for (int i = 0; i < BLOCK; i++) r.most[i] = -(real)WG_INFINITY_F64, r.total[i] = 0;
    memset(at->sums, 0, (size_t)(rows * width) * sizeof(real));
    turn(WG_IN(call, 0, real) + first * a->depth, rows, a->depth, at->queries);
    for (int64_t key = 0; key < a->keys && !(a->is_causal && key >= row + rows); key += BLOCK) {
        const int64_t keys = attention_share(a->keys, key);
        const score_tile tile = {head, row, rows, key, keys, 1, BLOCK};
        const real *k = WG_IN(call, 1, real) + (from + key) * a->depth;
        const real *v = widened(WG_IN(call, 2, real) + (from + key) * depth, keys, depth, at->values);
        memset(at->scores, 0, (size_t)(keys * BLOCK) * sizeof(real));
        add_product(k, a->depth, 1, at->queries, BLOCK, at->scores, BLOCK, keys, a->depth, wide);
        finish_scores(a, &tile, wide, keys, at->scores);
        add_keys(&r, at->scores, keys, wide);
        for (int64_t i = 0; i < rows; i++)
            for (int64_t d = 0; d < width; d++) at->sums[i * width + d] *= r.kept[i];
        add_product(at->scores, 1, BLOCK, v, width, at->sums, width, rows, keys, width);
    }
    store_rows(call, a, first, rows, &r, at->sums);
}

static void forward(const wg_call *call) {
    const wg_operand *in = call->inputs;
    const attention a = attention_of(WG_ATTRIBUTES(call, attention), &in[0].type, &in[1].type, &in[2].type,
                                     call->input_count > 3 ? &in[3] : NULL);
    const int64_t width = attention_width(a.value_depth);
    scratch at = {.queries = call->workspace};
    at.values = at.queries + a.depth * BLOCK;
    at.scores = at.values + width * BLOCK;
    at.sums = at.scores + BLOCK * BLOCK;
    for (int64_t unit = call->begin; unit < call->end; unit++) attend(call, &a, unit, &at);
}
WG_KERNEL(scaled_dot_product_attention, forward)

#endif

#ifdef WG_RULES

static attention attention_of_call(const wg_call *call) {
    const wg_operand *in = call->inputs;
    return attention_of(WG_ATTRIBUTES(call, attention), &in[0].type, &in[1].type, &in[2].type, NULL);
}
static int64_t units(const wg_call *call) {
    const attention a = attention_of_call(call);
    return a.batches * a.heads * attention_blocks(a.rows);
}
static size_t workspace(const wg_call *call) {
    const attention a = attention_of_call(call);
    const int64_t numbers = BLOCK * (a.depth + 2 * attention_width(a.value_depth) + BLOCK);
    return (size_t)numbers * wg_dtype_size(call->dtype);
}
static wg_cost cost(const wg_call *call) {
    const attention a = attention_of_call(call);
    const double scores = (double)(a.batches * a.heads * a.rows) * (double)a.keys / (a.is_causal ? 2 : 1);
    return (wg_cost){scores * (double)(2 * a.depth + 2 * a.value_depth + 16), wg_call_bytes(call)};
}

static int infer(wg_infer *infer) {
    const wg_type *q = &infer->inputs[0], *v = &infer->inputs[2];
    const int status = attention_infer(infer, 0, infer->input_count > 3 ? 3 : -1);
    if (status) return status;
    infer->outputs[0] = infer->outputs[1] = *q;
    infer->outputs[0].extent[q->rank - 1] = v->extent[v->rank - 1];
    infer->outputs[1].rank--;
    infer->outputs[1].extent[q->rank - 1] = 0;
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const attention_attributes *with = WG_ATTRIBUTES(rule, attention);
    wg_var q = rule->inputs[0], k = rule->inputs[1], v = rule->inputs[2], y = rule->outputs[0];
    wg_var dy = wg_rule_cotangent(rule, 0), dlse = rule->cotangents[1];
    wg_var mask = rule->input_count > 3 ? rule->inputs[3] : WG_NONE;
    wg_var d = (wg_sum)((wg_mul)(dy, y), WG_AXES(-1), NULL);
    if (wg_valid(dlse)) d = (wg_sub)(d, dlse);
    const attention_vars of = {dy, q, k, v, rule->outputs[1], d, mask};
    if (wg_rule_wants(rule, 0) || wg_rule_wants(rule, 1) || wg_rule_wants(rule, 2)) {
        wg_var dq = attention_record_grad(&of, with);
        wg_rule_set(rule, 0, dq);
        for (int i = 1; i < 3; i++) wg_rule_set(rule, i, (wg_output)(dq, i));
    }
    if (wg_valid(mask) && wg_rule_wants(rule, 3)) {
        wg_var ds = (wg_mul)(attention_weights(&of, with), attention_slopes(&of));
        wg_rule_set(rule, 3, attention_unbroadcast(ds, mask));
    }
}

/* In a row of nothing but -inf scores count as 0, and their weights as 0 after that. */
static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const attention_vars of = {
        .q = inputs[0], .k = inputs[1], .v = inputs[2], .mask = attention_input(inputs, 3)};
    wg_var s = attention_scores(&of, attributes);
    if (wg_type_of(of.k).extent[wg_type_of(of.k).rank - 2] > 0) {
        const wg_reduce_options kept = {.size_ = sizeof kept, .keepdims = true};
        wg_var none = wg_scalar(tape, 0), most = (wg_stop_gradient)((wg_max)(s, WG_AXES(-1), &kept));
        wg_var empty = (wg_equal)(most, wg_scalar(tape, -WG_INFINITY_F64));
        wg_var p = (wg_softmax)((wg_where)(empty, none, s), -1);
        return attention_times((wg_where)(empty, none, p), of.v);
    }
    return attention_times((wg_softmax)(s, -1), of.v);
}

static void samples(wg_sampler *s) { attention_samples(s, false); }

static const wg_attribute attributes[] = ATTENTION_ATTRIBUTES;

const wg_op wg_op_scaled_dot_product_attention = {
    .name = "scaled_dot_product_attention",
    .formula = "y = softmax(scale q k^T + mask) v",
    .shapes = "q [*], k [*], v [*], mask [*]? -> y [*], lse [*]; q [..., Hq, L, E], k [..., Hkv, S, E], v "
              "[..., Hkv, S, D] to y [..., Hq, L, D], lse [..., Hq, L]; the mask broadcasts to [..., Hq, L, "
              "S]",
    .gradient = "dq = scale ds k, dk = scale ds^T q, dv = p^T dy, dmask = ds, ds[i, j] = p[i, j] (dy[i] "
                "v[j] - dy[i] y[i] + dlse[i]), p = softmax(scale q k^T + mask)",
    .onnx = "Attention",
    .torch = "scaled_dot_product_attention",
    .inputs = 3,
    .inputs_max = 4,
    .outputs = 2,
    .attributes = attributes,
    .attributes_size = sizeof(attention_attributes),
    .infer = infer,
    .forward = WG_FORWARD(scaled_dot_product_attention),
    .backward = backward,
    .expand = expand,
    .units = units,
    .workspace = workspace,
    .cost = cost,
    .samples = samples,
};

wg_var (wg_scaled_dot_product_attention)(wg_var q, wg_var k, wg_var v, wg_var mask,
                                        const wg_attention_options *options) {
    WG_READ_OPTIONS(wg_attention_options, given, options);
    const attention_attributes with = {given.is_causal, given.scale};
    return WG_RECORD(&wg_op_scaled_dot_product_attention, &with, q, k, v, mask);
}

#endif
