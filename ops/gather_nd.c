/* take_along_axis, scatter_elements, scatter_add, gather_nd, scatter_nd — elements and rows by their indices
 *
 *   take_along_axis:   y[i_0, …] = x[i_0, …, indices[i_0, …], …], the axis's index replaced
 *   scatter_elements:  y = x, then y[i_0, …, indices[i_0, …], …] = updates[i_0, …], or what `reduction` says
 *   scatter_add:       scatter_elements that adds
 *   gather_nd:         y[b, i, …] = x[b, indices[b, i, 0], …, indices[b, i, K-1], …]
 *   scatter_nd:        y = x, then y[indices[i, 0], …, indices[i, K-1], …] = updates[i, …], or as `reduction` says
 *
 * Composed: element_index or nd_index numbers the rows, gather or scatter_rows moves them. What is put at one
 * place several times is put in row-major order of the updates, whatever threads there are: the last one stays. */
#include "rearrange.h"
#include "scatter.h"

typedef struct take_along_axis_attributes {
    int64_t axis;
} take_along_axis_attributes;
typedef take_along_axis_attributes scatter_add_attributes;

typedef struct scatter_elements_attributes {
    int64_t axis, reduction;
} scatter_elements_attributes;

typedef struct gather_nd_attributes {
    int64_t batch_dims;
} gather_nd_attributes;

typedef struct scatter_nd_attributes {
    int64_t reduction;
} scatter_nd_attributes;

#ifdef WG_RULES

#define AXIS(op) WG_ATTRIBUTE(op##_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is indexed")
#define REDUCTION(op)                                                                              \
    WG_ATTRIBUTE(op##_attributes, reduction, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 4, \
                 .meaning = "0 none, 1 add, 2 mul, 3 max, 4 min; those after add have no gradient")
static const wg_attribute take_schema[] = {AXIS(take_along_axis), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute add_schema[] = {AXIS(scatter_add), WG_NO_MORE_ATTRIBUTES};
static const wg_attribute elements_schema[] = {AXIS(scatter_elements), REDUCTION(scatter_elements),
                                               WG_NO_MORE_ATTRIBUTES};
static const wg_attribute gather_schema[] = {
    WG_ATTRIBUTE(gather_nd_attributes, batch_dims, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = WG_MAX_RANK,
                 .meaning = "axes in front that x and the indices share"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute scatter_schema[] = {REDUCTION(scatter_nd), WG_NO_MORE_ATTRIBUTES};

static int infer_indices(wg_infer *infer) {
    const wg_type *indices = &infer->inputs[1];
    if (indices->dtype == WG_I32 || indices->dtype == WG_I64) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_DTYPE, "the indices are %s; they must be i32 or i64 (wg_cast converts)",
                         wg_infer_text(infer, indices));
}

/* Fails unless the updates have this shape, and x's dtype. */
static int infer_updates(wg_infer *infer, const wg_type *wanted) {
    const wg_type *x = &infer->inputs[0], *u = &infer->inputs[2];
    if (x->dtype != u->dtype || x->dtype == WG_BOOL || x->dtype == WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "x is %s, the updates are %s; both must be f32, f64, i32 or i64",
                             wg_infer_text(infer, x), wg_infer_text(infer, u));
    infer->outputs[0] = *x;
    if (wg_shape_equal(u, wanted)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "the updates are %s; for x %s and indices %s they must be %s",
                         wg_infer_shape_text(infer, u), wg_infer_shape_text(infer, x),
                         wg_infer_shape_text(infer, &infer->inputs[1]), wg_infer_shape_text(infer, wanted));
}

/* x [R, …] with the updates' rows put at the numbers `index` (of any shape). */
static wg_var put(wg_var x, wg_var index, wg_var updates, wg_type rows, int64_t reduction) {
    const wg_type type = wg_type_of(x), numbers = wg_type_of(index);
    const int64_t count = wg_type_count(&numbers);
    const scatter_rows_attributes how = {reduction};
    wg_var from = rearrange_reshape(x, &rows);
    rows.extent[0] = count;
    wg_var y = WG_RECORD(reduction > 1 ? &wg_op_scatter_reduce_rows : &wg_op_scatter_rows, &how, from,
                         REARRANGE_RESHAPE(index, count), rearrange_reshape(updates, &rows));
    return rearrange_reshape(y, &type);
}

/* --- Along an axis -------------------------------------------------------------------------------------------- */

static int infer_along(wg_infer *infer, int64_t *axis) {
    const wg_type *x = &infer->inputs[0], *indices = &infer->inputs[1];
    int status = wg_infer_axis(infer, axis, x->rank);
    if (status || (status = infer_indices(infer))) return status;
    bool fits = indices->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) fits = i == *axis || indices->extent[i] <= x->extent[i];
    infer->outputs[0] = *indices;
    infer->outputs[0].dtype = x->dtype;
    if (fits) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the indices are %s; but for axis %lld they must be no larger",
                         wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, indices), (long long)*axis);
}

static wg_var number_along(wg_var x, wg_var indices, int64_t axis) {
    const element_index_attributes chosen = {wg_type_of(x), axis};
    return WG_RECORD(&wg_op_element_index, &chosen, indices);
}

static wg_type elements_of(wg_var x) {
    const wg_type type = wg_type_of(x);
    return (wg_type){.dtype = type.dtype, .rank = 1, .extent = {wg_type_count(&type)}};
}

static int infer_take(wg_infer *infer) { return infer_along(infer, &((take_along_axis_attributes *)infer->attributes)->axis); }
static wg_var expand_take(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const wg_type elements = elements_of(inputs[0]);
    return (wg_gather)(rearrange_reshape(inputs[0], &elements),
                       number_along(inputs[0], inputs[1], ((const take_along_axis_attributes *)attributes)->axis), 0);
}

/* Both scatters have the axis first. */
static int infer_elements(wg_infer *infer) {
    const int status = infer_along(infer, &((scatter_add_attributes *)infer->attributes)->axis);
    return status ? status : infer_updates(infer, &infer->inputs[1]);
}
static wg_var expand_elements(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const scatter_elements_attributes *a = attributes;
    return put(inputs[0], number_along(inputs[0], inputs[1], a->axis), inputs[2], elements_of(inputs[0]), a->reduction);
}
static wg_var expand_add(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    const scatter_elements_attributes add = {((const scatter_add_attributes *)attributes)->axis, WG_SCATTER_ADD};
    return expand_elements(tape, inputs, &add);
}

static const struct {
    wg_dtype dtype;
    int axis;
    double extent; /* of that axis */
    wg_shape x, indices;
} along[] = {
#define S(...) {{__VA_ARGS__, INT64_MIN}}
    {WG_I64, 0, 5, S(5), S(3)},           {WG_I32, -1, 5, S(5), S(7)},          {WG_I64, 0, 1, S(1), S(1)},
    {WG_I64, 0, 1, S(1), S(4)},           {WG_I32, 0, 4, S(4), S(0)},           {WG_I64, 0, 3, S(3, 4), S(2, 4)},
    {WG_I32, 0, 3, S(3, 4), S(5, 4)},     {WG_I64, 1, 4, S(3, 4), S(3, 2)},     {WG_I64, -1, 4, S(3, 4), S(3, 1)},
    {WG_I32, -1, 4, S(3, 4), S(2, 6)},    {WG_I64, 0, 3, S(3, 4), S(2, 3)},     {WG_I64, 1, 2, S(3, 2), S(1, 5)},
    {WG_I64, 1, 3, S(2, 3, 2), S(2, 2, 2)}, {WG_I32, 0, 2, S(2, 3, 2), S(3, 3, 2)}, {WG_I64, 2, 2, S(2, 3, 2), S(2, 2, 3)},
    {WG_I64, 1, 3, S(0, 3), S(0, 2)},     {WG_I64, 1, 3, S(2, 3), S(0, 2)},     {WG_I64, 0, 2, S(2, 1, 2, 1, 2, 1, 2, 1), S(3, 1, 1, 1, 2, 1, 1, 1)},
#undef S
};
#define EACH_ALONG(k) int k = 0; k < (int)(sizeof along / sizeof *along); k++
#define X_AND_INDICES(k)                                                                           \
    {.shape = &along[k].x},                                                                        \
    {.dtype = along[k].dtype, .shape = &along[k].indices, .values = WG_INTEGERS, .low = -along[k].extent, \
     .high = along[k].extent - 1}
static void take_samples(wg_sampler *s) {
    for (EACH_ALONG(k)) WG_SAMPLE(s, (&(take_along_axis_attributes){along[k].axis}), X_AND_INDICES(k));
    for (int64_t n = 2; n < 14; n++)
        WG_SAMPLE(s, (&(take_along_axis_attributes){n % 2}), {.shape = WG_SHAPE(n, 3)},
                  {.dtype = WG_I64, .shape = WG_SHAPE(2, 3), .values = WG_INTEGERS, .low = -2, .high = 1});
}
static void add_samples(wg_sampler *s) {
    for (EACH_ALONG(k))
        WG_SAMPLE(s, (&(scatter_add_attributes){along[k].axis}), X_AND_INDICES(k), {.shape = &along[k].indices});
    for (int64_t n = 2; n < 14; n++)
        WG_SAMPLE(s, (&(scatter_add_attributes){n % 2}), {.shape = WG_SHAPE(n, 3)},
                  {.dtype = WG_I64, .shape = WG_SHAPE(2, 3), .values = WG_INTEGERS, .low = -2, .high = 1},
                  {.shape = WG_SHAPE(2, 3)});
}
static void elements_samples(wg_sampler *s) {
    for (int reduction = 0; reduction < 2; reduction++)
        for (EACH_ALONG(k))
            WG_SAMPLE(s, (&(scatter_elements_attributes){along[k].axis, reduction}), X_AND_INDICES(k),
                      {.shape = &along[k].indices});
}

/* --- By tuples -------------------------------------------------------------------------------------------------- */

/* The type that x's rows have when `batch` axes and a tuple of `tuple` name one: leading, then x's after them. */
static wg_type with_rows(const wg_type *leading, int leading_rank, const wg_type *x, int named) {
    wg_type y = {.dtype = x->dtype};
    for (int i = 0; i < leading_rank; i++) y.extent[y.rank++] = leading->extent[i];
    for (int i = named; i < x->rank; i++) y.extent[y.rank++] = x->extent[i];
    return y;
}

static int infer_tuples(wg_infer *infer, int64_t batch, wg_type *y) {
    const wg_type *x = &infer->inputs[0], *indices = &infer->inputs[1];
    const int status = infer_indices(infer);
    if (status) return status;
    const int64_t tuple = indices->rank ? indices->extent[indices->rank - 1] : 0;
    bool fits = tuple > 0 && indices->rank > batch && tuple <= x->rank - batch;
    for (int i = 0; fits && i < batch; i++) fits = indices->extent[i] == x->extent[i];
    if (!fits)
        return wg_infer_fail(infer, WG_ERROR_SHAPE,
                             "x is %s, the indices are %s; their last axis must be 1 to as many axes as x has after "
                             "the %lld they share in front",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, indices), (long long)batch);
    if (indices->rank - 1 + x->rank - batch - tuple > WG_MAX_RANK)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the indices are %s; the rows would have more than %d axes",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, indices), WG_MAX_RANK);
    *y = with_rows(indices, indices->rank - 1, x, (int)(batch + tuple));
    return WG_OK;
}

static int infer_gather(wg_infer *infer) {
    return infer_tuples(infer, WG_ATTRIBUTES(infer, gather_nd)->batch_dims, &infer->outputs[0]);
}
static int infer_scatter(wg_infer *infer) {
    wg_type rows = {0};
    const int status = infer_tuples(infer, 0, &rows);
    return status ? status : infer_updates(infer, &rows);
}

/* The numbers of the rows, and in *rows x's type with what they number as its first axis. */
static wg_var number_tuples(wg_var x, wg_var indices, int64_t batch, wg_type *rows) {
    const wg_type type = wg_type_of(x), tuples = wg_type_of(indices);
    nd_index_attributes chosen = {type, batch};
    chosen.shape.rank = (int)(batch + tuples.extent[tuples.rank - 1]);
    const wg_type all = {.rank = 1, .extent = {wg_type_count(&chosen.shape)}};
    *rows = with_rows(&all, 1, &type, chosen.shape.rank);
    return WG_RECORD(&wg_op_nd_index, &chosen, indices);
}

static wg_var expand_gather(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    wg_type rows;
    const wg_var index =
        number_tuples(inputs[0], inputs[1], ((const gather_nd_attributes *)attributes)->batch_dims, &rows);
    return (wg_gather)(rearrange_reshape(inputs[0], &rows), index, 0);
}
static wg_var expand_scatter(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    wg_type rows;
    const wg_var index = number_tuples(inputs[0], inputs[1], 0, &rows);
    return put(inputs[0], index, inputs[2], rows, ((const scatter_nd_attributes *)attributes)->reduction);
}

static void gather_samples(wg_sampler *s) {
#define GATHER(batch, least, x, ...)                                                               \
    WG_SAMPLE(s, (&(gather_nd_attributes){batch}), {.shape = x},                                   \
              {.dtype = WG_I64, .shape = WG_SHAPE(__VA_ARGS__), .values = WG_INTEGERS, .low = -(least), .high = (least) - 1})
    for (int64_t n = 0; n < 5; n++) {
        GATHER(0, 5, WG_SHAPE(5), n, 1);
        GATHER(0, 3, WG_SHAPE(3, 4), n, 2);
        GATHER(0, 3, WG_SHAPE(3, 4), n, 1);
        GATHER(1, 3, WG_SHAPE(2, 3, 2), 2, n, 1);
        GATHER(1, 2, WG_SHAPE(2, 3, 2), 2, n, 2);
        GATHER(2, 2, WG_SHAPE(2, 1, 2, 3), 2, 1, n, 1);
    }
    GATHER(0, 5, WG_SHAPE(5), 1);
    GATHER(0, 1, WG_SHAPE(2, 1, 2, 1, 2, 1, 2, 1), 2, 1, 4);
    GATHER(1, 3, WG_SHAPE(0, 3), 0, 1);
#undef GATHER
}
static void scatter_samples(wg_sampler *s) {
#define SCATTER(least, x, updates, ...)                                                            \
    WG_SAMPLE(s, (&(scatter_nd_attributes){reduction}), {.shape = x},                              \
              {.dtype = WG_I64, .shape = WG_SHAPE(__VA_ARGS__), .values = WG_INTEGERS, .low = -(least), .high = (least) - 1}, \
              {.shape = updates})
    for (int reduction = 0; reduction < 2; reduction++)
        for (int64_t n = 0; n < 4; n++) {
            SCATTER(5, WG_SHAPE(5), WG_SHAPE(n), n, 1);
            SCATTER(3, WG_SHAPE(3, 4), WG_SHAPE(n), n, 2);
            SCATTER(3, WG_SHAPE(3, 4), WG_SHAPE(n, 4), n, 1);
            SCATTER(2, WG_SHAPE(2, 3, 2), WG_SHAPE(2, n, 2), 2, n, 2);
        }
#undef SCATTER
}

/* --- The ops ------------------------------------------------------------------------------------------------------ */

#define OP(of, says, shapes_text, gradient_text, onnx_name, torch_name, count, schema, shape_rule, \
           expansion, cases)                                                                       \
    const wg_op wg_op_##of = {                                                                     \
        .name = #of, .formula = says, .onnx = onnx_name, .torch = torch_name,                      \
        .shapes = shapes_text, .gradient = gradient_text,                                          \
        .inputs = count, .outputs = 1, .blocked_inputs = 1 << 1,                                   \
        .attributes = schema, .attributes_size = sizeof(of##_attributes),                          \
        .infer = shape_rule, .expand = expansion, .samples = cases,                                \
    }
OP(take_along_axis, "y[i, j] = x[indices[i, j], j], for axis 0",
   "x [*], indices [...] -> y [...]; of x's rank, in other axes no larger",
   "dx[r, j] = sum over i with indices[i, j] = r of dy[i, j], for axis 0", "GatherElements", "take_along_dim",
   2, take_schema, infer_take, expand_take, take_samples);
OP(scatter_elements, "y = x, then y[indices[i, j], j] = updates[i, j], for axis 0",
   "x [...], indices [*], updates [*] -> y [...]; indices and updates alike, in other axes no larger than x",
   "dx = dy, 0 where it is replaced, dupdates[i, j] = dy[indices[i, j], j], 0 where a later one replaces it",
   "ScatterElements", "scatter", 3, elements_schema, infer_elements, expand_elements, elements_samples);
OP(scatter_add, "y = x, then y[indices[i, j], j] += updates[i, j], for axis 0",
   "x [...], indices [*], updates [*] -> y [...]; indices and updates alike, in other axes no larger than x",
   "dx = dy, dupdates[i, j] = dy[indices[i, j], j], for axis 0", NULL, "scatter_add", 3, add_schema,
   infer_elements, expand_add, add_samples);
OP(gather_nd, "y[i, ...] = x[indices[i, 0], ..., indices[i, K-1], ...]",
   "x [*], indices [..., K] -> y [*]; y is the indices' axes but the last, then what K indices leave of x's",
   "dx[indices[i, 0], ..., indices[i, K-1], ...] += dy[i, ...]", "GatherND", NULL, 2, gather_schema,
   infer_gather, expand_gather, gather_samples);
OP(scatter_nd, "y = x, then y[indices[i, 0], ..., indices[i, K-1], ...] = updates[i, ...]",
   "x [...], indices [*, K], updates [*] -> y [...]; updates are like gather_nd(x, indices)",
   "dx = dy, 0 where it is replaced, dupdates[i, ...] = dy[indices[i, 0], ..., indices[i, K-1], ...], 0 "
   "where a later one replaces it", "ScatterND", NULL, 3, scatter_schema, infer_scatter, expand_scatter,
   scatter_samples);

wg_var (wg_take_along_axis)(wg_var x, wg_var indices, int axis) {
    const take_along_axis_attributes chosen = {axis};
    return WG_RECORD(&wg_op_take_along_axis, &chosen, x, indices);
}
wg_var (wg_scatter_add)(wg_var x, wg_var indices, wg_var updates, int axis) {
    const scatter_add_attributes chosen = {axis};
    return WG_RECORD(&wg_op_scatter_add, &chosen, x, indices, updates);
}
wg_var (wg_scatter_elements)(wg_var x, wg_var indices, wg_var updates, int axis, const wg_scatter_options *options) {
    WG_READ_OPTIONS(wg_scatter_options, o, options);
    const scatter_elements_attributes chosen = {axis, o.reduction};
    return WG_RECORD(&wg_op_scatter_elements, &chosen, x, indices, updates);
}
wg_var (wg_gather_nd)(wg_var x, wg_var indices, const wg_gather_nd_options *options) {
    WG_READ_OPTIONS(wg_gather_nd_options, o, options);
    const gather_nd_attributes chosen = {o.batch_dims};
    return WG_RECORD(&wg_op_gather_nd, &chosen, x, indices);
}
wg_var (wg_scatter_nd)(wg_var x, wg_var indices, wg_var updates, const wg_scatter_options *options) {
    WG_READ_OPTIONS(wg_scatter_options, o, options);
    const scatter_nd_attributes chosen = {o.reduction};
    return WG_RECORD(&wg_op_scatter_nd, &chosen, x, indices, updates);
}

#endif
