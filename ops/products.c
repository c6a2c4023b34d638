/* dot, outer, kron — products composed of matmul, mul and rearranging
 *
 *   dot:       y[…, …, n] = sum_k a[…, k] b[…, k, n]; of a scalar, its multiple      numpy.dot
 *   outer:     y[i, j] = a[i] b[j], both read as vectors                             numpy.outer
 *   kron:      y[…, i n + j, …] = a[…, i, …] b[…, j, …], b of extent n               numpy.kron
 *
 * Gradients are those of what they are composed of. */
#include "rearrange.h"

#ifdef WG_RULES

/* Fails naming the inputs and what was expected. */
static int mismatch(wg_infer *infer, const char *expected) {
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "a is %s, b is %s; %s",
                         wg_infer_shape_text(infer, &infer->inputs[0]),
                         wg_infer_shape_text(infer, &infer->inputs[1]), expected);
}

/* --- dot ------------------------------------------------------------------------------------------------ */

static int infer_dot(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    const int status = wg_infer_numbers(infer);
    if (status) return status;
    infer->outputs[0] = a->rank ? *a : *b;
    if (!a->rank || !b->rank) return WG_OK;
    const int inner = b->rank > 1 ? b->rank - 2 : 0;
    if (a->extent[a->rank - 1] != b->extent[inner])
        return mismatch(infer,
                        b->rank > 1 ? "a's last must equal b's last but one" : "a's last must equal b's");
    if (a->rank + b->rank - 2 > WG_MAX_RANK)
        return mismatch(infer, "the result would have more than 8 axes");
    wg_type y = {.dtype = a->dtype};
    for (int i = 0; i < a->rank - 1; i++) y.extent[y.rank++] = a->extent[i];
    for (int i = 0; i < b->rank; i++)
        if (i != inner) y.extent[y.rank++] = b->extent[i];
    infer->outputs[0] = y;
    return WG_OK;
}

/* Of more than a matrix b, the axis that is summed goes to the front, and all others become one. */
static wg_var expand_dot(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const wg_type a = wg_type_of(inputs[0]), b = wg_type_of(inputs[1]);
    if (!a.rank || !b.rank) return wg_mul(inputs[0], inputs[1]);
    if (b.rank <= 2) return (wg_matmul)(inputs[0], inputs[1], NULL);
    wg_type y = {.dtype = a.dtype};
    wg_axes order = {{b.rank - 2}};
    int moved = 1;
    for (int i = 0; i < a.rank - 1; i++) y.extent[y.rank++] = a.extent[i];
    for (int i = 0; i < b.rank; i++) {
        if (i == b.rank - 2) continue;
        order.axis[moved++] = i;
        y.extent[y.rank++] = b.extent[i];
    }
    order.axis[moved] = INT_MIN;
    const int64_t inner = b.extent[b.rank - 2];
    const int64_t rows = rearrange_product(&y, 0, a.rank - 1),
                  columns = rearrange_product(&y, a.rank - 1, y.rank);
    wg_var left = REARRANGE_RESHAPE(inputs[0], rows, inner);
    wg_var right = REARRANGE_RESHAPE((wg_transpose)(inputs[1], &order), inner, columns);
    return rearrange_reshape((wg_matmul)(left, right, NULL), &y);
}

#define S(...) {{__VA_ARGS__, INT64_MIN}}
#define SCALAR {{INT64_MIN}}
static void samples_of_pairs(wg_sampler *s, const wg_shape (*pairs)[2], size_t count) {
    for (size_t i = 0; i < count; i++) WG_SAMPLE(s, NULL, {.shape = &pairs[i][0]}, {.shape = &pairs[i][1]});
}

static void samples_dot(wg_sampler *s) {
    static const wg_shape pairs[][2] = {
        {SCALAR, SCALAR},
        {SCALAR, S(3)},
        {S(2, 3), SCALAR},
        {SCALAR, S(0)},
        {S(5), S(5)},
        {S(1), S(1)},
        {S(0), S(0)},
        {S(17), S(17)},
        {S(3), S(3, 4)},
        {S(2, 3), S(3)},
        {S(2, 3), S(3, 4)},
        {S(1, 3), S(3, 1)},
        {S(2, 1), S(1, 5)},
        {S(0, 3), S(3, 2)},
        {S(2, 0), S(0, 3)},
        {S(2, 3), S(3, 0)},
        {S(2, 2, 3), S(3)},
        {S(2, 2, 3), S(3, 2)},
        {S(3), S(2, 3, 2)},
        {S(2, 3), S(2, 3, 2)},
        {S(1, 2, 3), S(2, 3, 1)},
        {S(2, 2, 2), S(2, 2, 2)},
        {S(3), S(2, 1, 3, 2)},
        {S(2, 1, 2), S(2, 1, 2, 2)},
        {S(0, 2), S(3, 2, 1)},
        {S(2, 2), S(0, 2, 3)},
        {S(2, 0), S(2, 0, 3)},
        {S(2, 1, 1, 1, 2), S(2, 1, 1, 2, 2)},
        {S(2), S(1, 2, 1, 1, 2, 1, 2, 1)},
        {S(1, 2, 1, 1, 2, 1, 2, 1), S(1)},
    };
    samples_of_pairs(s, pairs, sizeof pairs / sizeof *pairs);
}

const wg_op wg_op_dot = {
    .name = "dot",
    .formula = "y = sum_k a[..., k] * b[..., k, n]",
    .shapes = "a [*], b [*] -> y [*]; [..., k] and [..., k, n] to the axes of a but the last, then those of "
              "b but k",
    .gradient = "da[..., k] = sum dy b[..., k, n], db[..., k, n] = sum dy a[..., k]",
    .torch = "dot",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .infer = infer_dot,
    .expand = expand_dot,
    .samples = samples_dot,
};

wg_var (wg_dot)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_dot, NULL, a, b); }

/* --- outer ---------------------------------------------------------------------------------------------- */

static int infer_outer(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    const int status = wg_infer_numbers(infer);
    if (status) return status;
    infer->outputs[0] =
        (wg_type){.dtype = a->dtype,
                  .rank = 2,
                  .extent = {rearrange_product(a, 0, a->rank), rearrange_product(b, 0, b->rank)}};
    return WG_OK;
}

static wg_var expand_outer(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const wg_type a = wg_type_of(inputs[0]), b = wg_type_of(inputs[1]);
    return wg_mul(REARRANGE_RESHAPE(inputs[0], wg_type_count(&a), 1),
                  REARRANGE_RESHAPE(inputs[1], 1, wg_type_count(&b)));
}

static void samples_outer(wg_sampler *s) {
    static const wg_shape shapes[] = {SCALAR, S(1), S(3), S(7), S(2, 2), S(0), S(1, 2, 1, 1, 2, 1, 1, 1)};
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < 5; k++)
            WG_SAMPLE(s, NULL, {.shape = &shapes[i]}, {.shape = &shapes[(i + 2 * k) % 7]});
}

const wg_op wg_op_outer = {
    .name = "outer", .formula = "y[i, j] = a[i] * b[j]", .torch = "outer",
    .shapes = "a [*], b [*] -> y [*]; of n and m elements, y [n, m]",
    .gradient = "da[i] = sum_j dy[i, j] b[j], db[j] = sum_i dy[i, j] a[i]",
    .inputs = 2, .outputs = 1, .linear_in = 3, .infer = infer_outer, .expand = expand_outer,
    .samples = samples_outer,
};

wg_var (wg_outer)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_outer, NULL, a, b); }

/* --- kron ----------------------------------------------------------------------------------------------- */

/* Extent of axis `axis` of `rank` axes, those that x lacks in front being 1. */
static int64_t extent_of(const wg_type *x, int axis, int rank) {
    return axis < rank - x->rank ? 1 : x->extent[axis - (rank - x->rank)];
}

static int infer_kron(wg_infer *infer) {
    const wg_type *a = &infer->inputs[0], *b = &infer->inputs[1];
    const int status = wg_infer_numbers(infer);
    if (status) return status;
    wg_type *y = &infer->outputs[0];
    *y = (wg_type){.dtype = a->dtype, .rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < y->rank; i++)
        if (__builtin_mul_overflow(extent_of(a, i, y->rank), extent_of(b, i, y->rank), &y->extent[i]))
            return mismatch(infer, "the result has more elements than can be counted");
    return WG_OK;
}

/* Each axis of the result is a pair of axes, a's and b's. Where those are more than there may be, the
 * elements are repeated instead. */
static wg_var expand_kron(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape, (void)attributes;
    const wg_type a = wg_type_of(inputs[0]), b = wg_type_of(inputs[1]);
    wg_type left = {.dtype = a.dtype}, right = left, y = left, whole_a = left, whole_b = left;
    y.rank = whole_a.rank = whole_b.rank = a.rank > b.rank ? a.rank : b.rank;
    int axes = 0;
    for (int i = 0; i < y.rank; i++) {
        const int64_t of_a = extent_of(&a, i, y.rank), of_b = extent_of(&b, i, y.rank);
        whole_a.extent[i] = of_a, whole_b.extent[i] = of_b, y.extent[i] = of_a * of_b;
        axes += (of_a != 1) + (of_b != 1);
    }
    if (axes > WG_MAX_RANK) {
        wg_var spread = rearrange_reshape(inputs[0], &whole_a);
        for (int i = 0; i < y.rank; i++) spread = (wg_repeat_interleave)(spread, whole_b.extent[i], i);
        const wg_shape times = wg_shape_of(&whole_a);
        return wg_mul(spread, (wg_tile)(rearrange_reshape(inputs[1], &whole_b), &times));
    }
    for (int i = 0; i < y.rank; i++) {
        if (whole_a.extent[i] != 1)
            left.extent[left.rank++] = whole_a.extent[i], right.extent[right.rank++] = 1;
        if (whole_b.extent[i] != 1)
            left.extent[left.rank++] = 1, right.extent[right.rank++] = whole_b.extent[i];
    }
    return rearrange_reshape(
        wg_mul(rearrange_reshape(inputs[0], &left), rearrange_reshape(inputs[1], &right)), &y);
}

static void samples_kron(wg_sampler *s) {
    static const wg_shape pairs[][2] = {
        {SCALAR, SCALAR}, {SCALAR, S(3)}, {S(3), SCALAR}, {S(2, 2), SCALAR}, {S(2), S(3)}, {S(3), S(2)},
        {S(1), S(5)}, {S(5), S(1)}, {S(0), S(3)}, {S(2), S(0)}, {S(2, 2), S(2, 3)}, {S(2, 3), S(2, 2)},
        {S(2, 2), S(1, 1)}, {S(1, 3), S(3, 1)}, {S(3, 1), S(1, 3)}, {S(2, 2), S(3)}, {S(3), S(2, 2)},
        {S(2, 0), S(2, 2)}, {S(2, 2), S(0, 2)}, {S(2, 1, 2), S(2, 2, 1)}, {S(2, 2, 2), S(2)},
        {S(2), S(2, 1, 2)}, {S(2, 1, 2), S(2, 2)}, {S(1, 2, 1, 2), S(2, 1, 2, 1)}, {S(2, 1, 2, 1), S(1, 2)},
        {S(0, 1, 2, 1), S(2, 2)}, {S(1, 1, 1, 2, 1, 1, 2, 1), S(2, 1, 1, 1, 1, 1, 1, 1)},
        {S(2, 1, 2, 1, 1), S(1, 2, 2, 1, 1)}, {S(1, 2, 1, 1, 1, 1, 1, 2), S(2)},
        {S(1, 0, 1, 2, 1, 1, 1, 1), S(2, 1)},
    };
    samples_of_pairs(s, pairs, sizeof pairs / sizeof *pairs);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(2, 2, 0, 2, 2)}, {.shape = WG_SHAPE(2, 2, 2, 2, 3)});
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(2, 0, 2, 2, 2)}, {.shape = WG_SHAPE(3, 0, 2, 2, 2)});
    WG_SAMPLE(
        s, NULL,
        {.dtype = WG_I64, .shape = WG_SHAPE(2, 2, 2, 2, 2), .values = WG_INTEGERS, .low = -9, .high = 9},
        {.dtype = WG_I64, .shape = WG_SHAPE(2, 2, 3, 2, 2), .values = WG_INTEGERS, .low = -9, .high = 9});
}

const wg_op wg_op_kron = {
    .name = "kron",
    .formula = "y[..., i * n + j, ...] = a[..., i, ...] * b[..., j, ...]",
    .shapes = "a [*], b [*] -> y [*]; extents multiplied",
    .gradient = "da[i] = sum_j dy[i n + j] b[j], db[j] = sum_i dy[i n + j] a[i], along each axis",
    .torch = "kron",
    .inputs = 2,
    .outputs = 1,
    .linear_in = 3,
    .infer = infer_kron,
    .expand = expand_kron,
    .samples = samples_kron,
};

wg_var (wg_kron)(wg_var a, wg_var b) { return WG_RECORD(&wg_op_kron, NULL, a, b); }

#endif
