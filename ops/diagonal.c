/* diagonal, diag, trace — composed of transpose, reshape, slice and its adjoint, and sum
 *
 *   diagonal:  y[…, i] = x[…, i + max(-k, 0), …, i + max(k, 0), …]: axes axis1 and axis2 go, the diagonal is last
 *   diag:      of a vector, the matrix with it on diagonal k and 0 elsewhere; of a matrix, its diagonal k
 *   trace:     the sum of diagonal k
 *
 * Rows of n elements lie one behind the other, so a diagonal is every (n+1)-th element. */
#include "rearrange.h"
#include "slice.h"

typedef struct diagonal_attributes {
    int64_t offset, axis1, axis2;
} diagonal_attributes;

typedef struct diag_attributes {
    int64_t k;
} diag_attributes;

#ifdef WG_RULES

/* Elements on diagonal `offset` of a matrix. */
static int64_t length_of(int64_t rows, int64_t columns, int64_t offset) {
    if (offset < 0) rows = offset < -rows ? 0 : rows + offset;
    else columns = offset > columns ? 0 : columns - offset;
    return rows < columns ? rows : columns;
}

static int infer_diagonal(wg_infer *infer) {
    diagonal_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    if (x->rank < 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must have at least 2 axes",
                             wg_infer_shape_text(infer, x));
    int status = wg_infer_axis(infer, &a->axis1, x->rank);
    if (status || (status = wg_infer_axis(infer, &a->axis2, x->rank))) return status;
    if (a->axis1 == a->axis2)
        return wg_infer_fail(infer, WG_ERROR_AXIS, "axis1 and axis2 are both %lld; a diagonal runs along two",
                             (long long)a->axis1);
    wg_type y = {.dtype = x->dtype};
    for (int i = 0; i < x->rank; i++)
        if (i != a->axis1 && i != a->axis2) y.extent[y.rank++] = x->extent[i];
    y.extent[y.rank++] = length_of(x->extent[a->axis1], x->extent[a->axis2], a->offset);
    infer->outputs[0] = y;
    return WG_OK;
}

static wg_var diagonal_of(wg_var x, const diagonal_attributes *a) {
    wg_type type = wg_type_of(x), y = {.dtype = type.dtype};
    const int64_t rows = type.extent[a->axis1], columns = type.extent[a->axis2];
    const int64_t length = length_of(rows, columns, a->offset);
    wg_axes order;
    for (int i = 0; i < type.rank; i++) {
        if (i == a->axis1 || i == a->axis2) continue;
        order.axis[y.rank] = i;
        y.extent[y.rank++] = type.extent[i];
    }
    const int64_t outer = rearrange_product(&y, 0, y.rank);
    order.axis[y.rank] = (int)a->axis1;
    order.axis[y.rank + 1] = (int)a->axis2;
    order.axis[y.rank + 2] = INT_MIN;
    y.extent[y.rank++] = length;
    const int64_t first = !length ? 0 : a->offset < 0 ? -a->offset * columns : a->offset;
    const int64_t after = length ? first + (length - 1) * (columns + 1) + 1 : 0;
    const wg_slice_options apart = {.size_ = sizeof apart, .step = columns + 1};
    x = REARRANGE_RESHAPE((wg_transpose)(x, &order), outer, rows * columns);
    return rearrange_reshape((wg_slice)(x, 1, first, after, &apart), &y);
}

static wg_var expand_diagonal(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return diagonal_of(inputs[0], attributes);
}

static const wg_attribute diagonal_schema[] = {
    WG_ATTRIBUTE(diagonal_attributes, offset, .kind = WG_ATTRIBUTE_INT,
                 .meaning = "of the diagonal: 0 the main, above it positive"),
    WG_ATTRIBUTE(diagonal_attributes, axis1, .kind = WG_ATTRIBUTE_INT, .meaning = "of rows"),
    WG_ATTRIBUTE(diagonal_attributes, axis2, .kind = WG_ATTRIBUTE_INT, .preset = 1, .meaning = "of columns"),
    WG_NO_MORE_ATTRIBUTES};

static diagonal_attributes diagonal_chosen(const wg_diagonal_options *options) {
    WG_READ_OPTIONS(wg_diagonal_options, o, options);
    return (diagonal_attributes){o.offset, o.axis1, o.axis1 || o.axis2 ? o.axis2 : 1};
}

static void samples_diagonal(wg_sampler *s) {
#define DIAGONAL_OF(from, offset, axis1, axis2)                                                    \
    WG_SAMPLE(s, (&(diagonal_attributes){offset, axis1, axis2}), {.shape = from})
    for (int64_t offset = -3; offset <= 3; offset++) {
        DIAGONAL_OF(WG_SHAPE(3, 4), offset, 0, 1);
        DIAGONAL_OF(WG_SHAPE(4, 3), offset, 1, 0);
        DIAGONAL_OF(WG_SHAPE(2, 3, 2), offset, -1, -2);
        DIAGONAL_OF(WG_SHAPE(1, 1), offset, 0, 1);
    }
    DIAGONAL_OF(WG_SHAPE(5, 5), 0, 0, 1);
    DIAGONAL_OF(WG_SHAPE(3, 0), 0, 0, 1);
    DIAGONAL_OF(WG_SHAPE(0, 3, 3), 1, 1, 2);
    DIAGONAL_OF(WG_SHAPE(3, 2, 3), -1, 0, 2);
    DIAGONAL_OF(WG_SHAPE(2, 1, 2, 1, 2, 1, 3, 1), 0, 0, 6);
    DIAGONAL_OF(WG_SHAPE(3, 3), INT64_MIN, 0, 1);
    DIAGONAL_OF(WG_SHAPE(3, 3), INT64_MAX, 0, 1);
#undef DIAGONAL_OF
}

const wg_op wg_op_diagonal = {
    .name = "diagonal", .formula = "y[..., i] = x[..., i, ..., i + offset, ...]", .torch = "diagonal",
    .shapes = "x [*] -> y [*]; without axis1 and axis2, the diagonal last",
    .gradient = "dx[..., i, ..., i + offset, ...] = dy[..., i], else 0",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = diagonal_schema, .attributes_size = sizeof(diagonal_attributes),
    .infer = infer_diagonal, .expand = expand_diagonal, .samples = samples_diagonal,
};

wg_var (wg_diagonal)(wg_var x, const wg_diagonal_options *options) {
    const diagonal_attributes chosen = diagonal_chosen(options);
    return WG_RECORD(&wg_op_diagonal, &chosen, x);
}

/* --- trace ---------------------------------------------------------------------------------------------------- */

static int infer_trace(wg_infer *infer) {
    int status = wg_infer_one_number(infer, 0, "x");
    if (!status) status = infer_diagonal(infer);
    if (!status) infer->outputs[0].rank--;
    return status;
}

static wg_var expand_trace(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    return (wg_sum)(diagonal_of(inputs[0], attributes), WG_AXES(-1), NULL);
}

const wg_op wg_op_trace = {
    .name = "trace", .formula = "y[...] = sum_i x[..., i, ..., i + offset, ...]", .torch = "trace",
    .shapes = "x [*] -> y [*]; without axis1 and axis2",
    .gradient = "dx[..., i, ..., i + offset, ...] = dy[...], else 0",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = diagonal_schema, .attributes_size = sizeof(diagonal_attributes),
    .infer = infer_trace, .expand = expand_trace, .samples = samples_diagonal,
};

wg_var (wg_trace)(wg_var x, const wg_diagonal_options *options) {
    const diagonal_attributes chosen = diagonal_chosen(options);
    return WG_RECORD(&wg_op_trace, &chosen, x);
}

/* --- diag ------------------------------------------------------------------------------------------------------ */

static int infer_diag(wg_infer *infer) {
    const int64_t k = WG_ATTRIBUTES(infer, diag)->k;
    const wg_type *x = &infer->inputs[0];
    wg_type y = {.dtype = x->dtype, .rank = x->rank == 1 ? 2 : 1};
    if (x->rank != 1 && x->rank != 2)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s; it must be a vector or a matrix",
                             wg_infer_shape_text(infer, x));
    if (x->rank == 2) {
        y.extent[0] = length_of(x->extent[0], x->extent[1], k);
    } else {
        if (k == INT64_MIN || __builtin_add_overflow(x->extent[0], k < 0 ? -k : k, &y.extent[0]))
            return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "k is %lld; no matrix has that diagonal", (long long)k);
        y.extent[1] = y.extent[0];
    }
    infer->outputs[0] = y;
    return WG_OK;
}

static wg_var expand_diag(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const int64_t k = ((const diag_attributes *)attributes)->k;
    const wg_type x = wg_type_of(inputs[0]);
    if (x.rank == 2) return diagonal_of(inputs[0], &(diagonal_attributes){k, 0, 1});
    const int64_t n = x.extent[0] + (k < 0 ? -k : k);
    const slice_grad_attributes put = {0, n * n, k < 0 ? -k * n : k, n + 1};
    return REARRANGE_RESHAPE(WG_RECORD(&wg_op_slice_grad, &put, inputs[0]), n, n);
}

static const wg_attribute diag_schema[] = {
    WG_ATTRIBUTE(diag_attributes, k, .kind = WG_ATTRIBUTE_INT, .meaning = "the diagonal: 0 the main, above it positive"),
    WG_NO_MORE_ATTRIBUTES};

static void samples_diag(wg_sampler *s) {
    for (int64_t k = -3; k <= 3; k++) {
        WG_SAMPLE(s, (&(diag_attributes){k}), {.shape = WG_SHAPE(4)});
        WG_SAMPLE(s, (&(diag_attributes){k}), {.shape = WG_SHAPE(1)});
        WG_SAMPLE(s, (&(diag_attributes){k}), {.shape = WG_SHAPE(0)});
        WG_SAMPLE(s, (&(diag_attributes){k}), {.shape = WG_SHAPE(3, 4)});
        WG_SAMPLE(s, (&(diag_attributes){k}), {.shape = WG_SHAPE(5, 2)});
    }
    WG_SAMPLE(s, (&(diag_attributes){0}), {.shape = WG_SHAPE(0, 4)});
    WG_SAMPLE(s, (&(diag_attributes){1}), {.dtype = WG_U8, .shape = WG_SHAPE(3)});
}

const wg_op wg_op_diag = {
    .name = "diag", .formula = "y[i, i + k] = x[i], else 0; of a matrix y[i] = x[i, i + k]", .torch = "diag",
    .shapes = "x [*] -> y [*]; [n] to [n + |k|, n + |k|], a matrix to its diagonal",
    .gradient = "dx[i] = dy[i, i + k]; of a matrix dx[i, i + k] = dy[i], else 0",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = diag_schema, .attributes_size = sizeof(diag_attributes),
    .infer = infer_diag, .expand = expand_diag, .samples = samples_diag,
};

wg_var (wg_diag)(wg_var x, int64_t k) {
    const diag_attributes chosen = {k};
    return WG_RECORD(&wg_op_diag, &chosen, x);
}

#endif
