/* matmul — products of matrices,  y[m, n] = sum_k a[m, k] b[k, n], over the last two axes
 *
 * Axes before the last two broadcast. A vector a counts as [1, k], a vector b as [k, 1], and the
 * axis so added is dropped from y (numpy.matmul). transpose_a and transpose_b swap the operand's
 * last two axes first.
 *
 * With cotangent dy:  da = dy b^T,  db = a^T dy,  summed over the batch axes that were broadcast.
 *
 * The order of the sum is part of the definition: runs of WG_K_BLOCK products are each a chain of
 * fused multiply-adds from zero, in order of k; the runs' sums are added in order. Whole numbers wrap
 * around. */
#include "batches.h"
#include "kernels/cpu/blocks.h"

typedef wg_matmul_attributes matmul_attributes;

WG_INLINE number add_product(number a, number b, number sum) {
#if WG_IS_REAL
    return wg_fma(a, b, sum);
#else
    return (number)((wrapping)sum + (wrapping)a * (wrapping)b);
#endif
}

/* One unit is one row of one product: chunks of columns side by side, so that the compiler's vectors
 * run along n. */
static void row_times_matrix(const number *a, int64_t a_step, const number *b, const wg_product *p,
                             bool accumulate, number *y) {
    enum { CHUNK = 64 };
    for (int64_t j0 = 0; j0 < p->n; j0 += CHUNK) {
        const int64_t width = p->n - j0 < CHUNK ? p->n - j0 : CHUNK;
        number total[CHUNK] = {0};
        if (accumulate) memcpy(total, y + j0, (size_t)width * sizeof(number));
        for (int64_t k0 = 0; k0 < p->k; k0 += WG_K_BLOCK) {
            const int64_t k1 = p->k - k0 < WG_K_BLOCK ? p->k : k0 + WG_K_BLOCK;
            number sum[CHUNK] = {0};
            for (int64_t t = k0; t < k1; t++)
                for (int64_t j = 0; j < width; j++)
                    sum[j] = add_product(a[t * a_step], b[t * p->b_k + (j0 + j) * p->b_n], sum[j]);
            for (int64_t j = 0; j < width; j++)
                total[j] = k0 || accumulate ? (number)((wrapping)total[j] + (wrapping)sum[j]) : sum[j];
        }
        memcpy(y + j0, total, (size_t)width * sizeof(number));
    }
}

static void forward(const wg_call *call) {
    const wg_product p = wg_product_of(call);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t batch = unit / p.m, i = unit % p.m;
        const number *a = WG_IN(call, 0, number) + wg_product_batch(&p, batch, p.a_batch);
        const number *b = WG_IN(call, 1, number) + wg_product_batch(&p, batch, p.b_batch);
        row_times_matrix(a + i * p.a_m, p.a_k, b, &p, call->accumulate, WG_OUT(call, 0, number) + unit * p.n);
    }
}
WG_KERNEL(matmul, forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(matmul_attributes, transpose_a, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "swap a's last two axes first"),
    WG_ATTRIBUTE(matmul_attributes, transpose_b, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "swap b's last two axes first"),
    WG_NO_MORE_ATTRIBUTES};

static int fail(wg_infer *infer, int status, const char *what, const char *expected) {
    const char *a = wg_infer_shape_text(infer, &infer->inputs[0]),
               *b = wg_infer_shape_text(infer, &infer->inputs[1]);
    return wg_infer_fail(infer, status, "%s: a is %s, b is %s; %s", what, a, b, expected);
}

static int infer(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    const matmul_attributes *flags = infer->attributes;
    const int status = wg_infer_numbers(infer);
    if (status) return status;
    if (a->rank < 1 || b->rank < 1)
        return fail(infer, WG_ERROR_SHAPE, "a scalar has no rows or columns", "use wg_mul");
    if ((a->rank == 1 && flags->transpose_a) || (b->rank == 1 && flags->transpose_b))
        return fail(infer, WG_ERROR_ATTRIBUTE, "a vector cannot be transposed", "leave that flag out");

    const int64_t a_inner = a->extent[a->rank - (flags->transpose_a ? 2 : 1)];
    const int64_t b_inner = b->extent[b->rank - (b->rank == 1 || flags->transpose_b ? 1 : 2)];
    if (a_inner != b_inner)
        return fail(infer, WG_ERROR_SHAPE, "inner sizes differ",
                    flags->transpose_a || flags->transpose_b
                        ? "a's columns must equal b's rows, each after its transposition"
                        : b->rank == 1 ? "a's last must equal b's" : "a's last must equal b's last but one");

    const int a_batch = a->rank > 2 ? a->rank - 2 : 0, b_batch = b->rank > 2 ? b->rank - 2 : 0;
    const int rank = a_batch > b_batch ? a_batch : b_batch;
    wg_type *y = &infer->outputs[0];
    *y = (wg_type){.dtype = a->dtype, .rank = rank};
    for (int i = 0; i < rank; i++) {
        const int64_t ea = i < rank - a_batch ? 1 : a->extent[i - (rank - a_batch)];
        const int64_t eb = i < rank - b_batch ? 1 : b->extent[i - (rank - b_batch)];
        if (ea != eb && ea != 1 && eb != 1)
            return fail(infer, WG_ERROR_SHAPE, "batch axes do not broadcast",
                        "each pair must be equal or hold a 1");
        y->extent[i] = ea == 1 ? eb : ea;
    }
    if (a->rank > 1) y->extent[y->rank++] = a->extent[a->rank - (flags->transpose_a ? 1 : 2)];
    if (b->rank > 1) y->extent[y->rank++] = b->extent[b->rank - (flags->transpose_b ? 2 : 1)];
    return WG_OK;
}

static wg_var multiply(wg_var a, bool transpose_a, wg_var b, bool transpose_b) {
    return (wg_matmul)(a, b, &(wg_matmul_options){.size_ = sizeof(wg_matmul_options),
                                                   .transpose_a = transpose_a, .transpose_b = transpose_b});
}

/* The type of a matrix that a vector stands for: [1, k] left, [k, 1] right. */
static wg_type as_matrix(wg_type type, bool left) {
    if (type.rank != 1) return type;
    type.rank = 2;
    type.extent[left] = type.extent[0];
    type.extent[!left] = 1;
    return type;
}

/* Batch axes and rows as one axis: [b…, m, k] as [b… m, k]. */
static wg_var joined_rows(wg_var x) {
    wg_type type = wg_type_of(x), joined = {.dtype = type.dtype, .rank = 2, .extent = {1}};
    for (int i = 0; i < type.rank - 1; i++) joined.extent[0] *= type.extent[i];
    joined.extent[1] = type.extent[type.rank - 1];
    return reshape_to(x, &joined);
}

static void backward(wg_rule *rule) {
    const matmul_attributes *flags = WG_ATTRIBUTES(rule, matmul);
    const bool ta = flags->transpose_a, tb = flags->transpose_b;
    const wg_type a_type = wg_type_of(rule->inputs[0]), b_type = wg_type_of(rule->inputs[1]);
    const wg_type a_matrix = as_matrix(a_type, true), b_matrix = as_matrix(b_type, false);
    const wg_var a = a_type.rank == 1 ? reshape_to(rule->inputs[0], &a_matrix) : rule->inputs[0];
    const wg_var b = b_type.rank == 1 ? reshape_to(rule->inputs[1], &b_matrix) : rule->inputs[1];

    wg_var dy = rule->cotangents[0];
    if (a_type.rank == 1 || b_type.rank == 1) { /* give it the axes back that y has dropped */
        wg_type y = wg_type_of(dy);
        const int batch = y.rank - (a_type.rank > 1) - (b_type.rank > 1);
        const int64_t m = a_matrix.extent[a_matrix.rank - (ta ? 1 : 2)],
                      n = b_matrix.extent[b_matrix.rank - (tb ? 2 : 1)];
        y.rank = batch + 2, y.extent[batch] = m, y.extent[batch + 1] = n;
        dy = reshape_to(dy, &y);
    }
    if (wg_rule_wants(rule, 0)) {
        wg_var da = ta ? multiply(b, tb, dy, true) : multiply(dy, false, b, !tb);
        da = unbroadcast(da, &a_matrix);
        wg_rule_set(rule, 0, a_type.rank == 1 ? reshape_to(da, &a_type) : da);
    }
    if (wg_rule_wants(rule, 1)) {
        /* One matrix b for all batches of a: its cotangent is a single product over all their rows. */
        const bool joins = b_matrix.rank == 2 && a_matrix.rank > 2 && !ta;
        const wg_var left = joins ? joined_rows(a) : a, right = joins ? joined_rows(dy) : dy;
        wg_var db = tb ? multiply(right, true, left, ta) : multiply(left, !ta, right, false);
        db = unbroadcast(db, &b_matrix);
        wg_rule_set(rule, 1, b_type.rank == 1 ? reshape_to(db, &b_type) : db);
    }
}

static int64_t units(const wg_call *call) {
    const wg_product p = wg_product_of(call);
    return p.batches * p.m;
}

static wg_cost cost(const wg_call *call) {
    const wg_product p = wg_product_of(call);
    return (wg_cost){.flops = 2.0 * (double)p.batches * (double)p.m * (double)p.n * (double)p.k,
                     .bytes = wg_call_bytes(call)};
}

static void sample(wg_sampler *s, bool ta, const wg_shape *a, bool tb, const wg_shape *b) {
    WG_SAMPLE(s, (&(matmul_attributes){.transpose_a = ta, .transpose_b = tb}), {.shape = a}, {.shape = b});
}

static void samples(wg_sampler *s) {
    sample(s, false, WG_SHAPE(3, 4), false, WG_SHAPE(4, 5));
    sample(s, true, WG_SHAPE(4, 3), false, WG_SHAPE(4, 5));
    sample(s, false, WG_SHAPE(3, 4), true, WG_SHAPE(5, 4));
    sample(s, true, WG_SHAPE(4, 3), true, WG_SHAPE(5, 4));
    sample(s, false, WG_SHAPE(1, 1), false, WG_SHAPE(1, 1));
    sample(s, false, WG_SHAPE(7, 1), true, WG_SHAPE(9, 1));
    sample(s, false, WG_SHAPE(4), false, WG_SHAPE(4));
    sample(s, false, WG_SHAPE(4), false, WG_SHAPE(4, 3));
    sample(s, false, WG_SHAPE(3, 4), false, WG_SHAPE(4));
    sample(s, true, WG_SHAPE(2, 4, 3), false, WG_SHAPE(4));
    sample(s, false, WG_SHAPE(2, 3, 4), false, WG_SHAPE(2, 4, 2));
    sample(s, false, WG_SHAPE(2, 3, 4), false, WG_SHAPE(4, 2));
    sample(s, true, WG_SHAPE(2, 4, 3), true, WG_SHAPE(2, 4));
    sample(s, false, WG_SHAPE(3, 4), false, WG_SHAPE(2, 4, 2));
    sample(s, false, WG_SHAPE(2, 1, 2, 3), true, WG_SHAPE(3, 2, 3));
    sample(s, false, WG_SHAPE(4), false, WG_SHAPE(2, 1, 4, 3));
    sample(s, false, WG_SHAPE(0, 4), false, WG_SHAPE(4, 5));
    sample(s, false, WG_SHAPE(3, 0), false, WG_SHAPE(0, 2));
    sample(s, false, WG_SHAPE(0, 3, 4), false, WG_SHAPE(1, 4, 2));
    sample(s, false, WG_SHAPE(2, 300), true, WG_SHAPE(3, 300)); /* two runs of the sum */
    sample(s, false, WG_SHAPE(0), false, WG_SHAPE(0));
    sample(s, false, WG_SHAPE(0), false, WG_SHAPE(0, 3));
    sample(s, false, WG_SHAPE(2, 0), false, WG_SHAPE(0));
    sample(s, false, WG_SHAPE(1), false, WG_SHAPE(1, 1));
    sample(s, false, WG_SHAPE(3), true, WG_SHAPE(2, 3));
    sample(s, false, WG_SHAPE(2, 3, 4), false, WG_SHAPE(4));
    sample(s, false, WG_SHAPE(3), true, WG_SHAPE(2, 2, 3));
    sample(s, false, WG_SHAPE(1, 2, 3), false, WG_SHAPE(2, 3, 2));
    sample(s, false, WG_SHAPE(2, 1, 2, 2), false, WG_SHAPE(1, 3, 2, 2));
    sample(s, true, WG_SHAPE(3, 1, 2, 2), true, WG_SHAPE(2, 1, 2));
    sample(s, false, WG_SHAPE(0, 1, 2, 2), false, WG_SHAPE(3, 2, 1));
    sample(s, false, WG_SHAPE(1, 2, 3), false, WG_SHAPE(0, 3, 2));
    sample(s, false, WG_SHAPE(2, 3, 0), false, WG_SHAPE(0, 2));
    sample(s, false, WG_SHAPE(1, 2, 1, 1, 1, 2, 2, 1), false, WG_SHAPE(2, 1, 2, 1, 1, 3));
    sample(s, false, WG_SHAPE(1, 2, 1, 1, 1, 1, 1, 2), false, WG_SHAPE(2));
}

const wg_op wg_op_matmul = {
    .name = "matmul",
    .formula = "y[m, n] = sum_k a[m, k] b[k, n]",
    .shapes = "a [*], b [*] -> y [*]; a [..., m, k], b [..., k, n] to y [..., m, n]; of vectors [k] the "
              "axis is added, then dropped; axes before broadcast",
    .gradient = "da = dy b^T, db = a^T dy, summed over the axes that were broadcast",
    .onnx = "MatMul",
    .torch = "matmul",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .attributes = attributes,
    .attributes_size = sizeof(matmul_attributes),
    .infer = infer,
    .forward = WG_FORWARD(matmul),
    .backward = backward,
    .flags = WG_EVEN_UNITS | WG_ACCUMULATES,
    .units = units,
    .cost = cost,
    .samples = samples,
};

wg_var (wg_matmul)(wg_var a, wg_var b, const wg_matmul_options *options) {
    WG_READ_OPTIONS(wg_matmul_options, given, options);
    const matmul_attributes chosen = {.transpose_a = given.transpose_a, .transpose_b = given.transpose_b};
    return WG_RECORD(&wg_op_matmul, &chosen, a, b);
}
#endif
