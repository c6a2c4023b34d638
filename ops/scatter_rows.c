/* scatter_rows, scatter_reduce_rows, scatter_last — rows of updates put into x [R, …] where an index says
 *
 *   scatter_rows:         y = x, then for j in order  y[n[j]] = u[j]  (none)  or  y[n[j]] += u[j]  (add)
 *   scatter_reduce_rows:  the same with y[n[j]] *= u[j], and the larger or the smaller of the two; no gradient
 *   scatter_last:         k[j] = is j the last that names its row?
 *
 * none:  dx = dy, 0 in the rows that are written;  du[j] = dy[n[j]] where k[j], else 0
 * add:   dx = dy;  du[j] = dy[n[j]] */
#include "rows.h"
#include "scatter.h"

enum { NONE, ADD, MUL, MAX, MIN };
typedef scatter_rows_attributes scatter_reduce_rows_attributes;

/* The row that index number j names, -1 with a failure of the run if there is none. */
WG_INLINE int64_t row_of(const wg_call *call, const wg_operand *index, int64_t j, int64_t rows) {
    const int64_t row = ((const int64_t *)index->data)[j];
    if (__builtin_expect(row >= 0 && row < rows, 1)) return row;
    wg_call_fail(call, WG_ERROR_INDEX, "index %lld at place %lld is out of range: there are %lld rows",
                 (long long)row, (long long)j, (long long)rows);
    return -1;
}

/* A unit is up to so many columns: all that is put there goes in order, and no two threads meet. */
enum { UNIT_ELEMENTS = 64 };

WG_INLINE void put_row(number *y, const number *u, int64_t count, int64_t reduction) {
#define EACH(expression) WG_INDEPENDENT_LOOP for (int64_t i = 0; i < count; i++) y[i] = (number)(expression)
    switch (reduction) {
    case NONE: EACH(u[i]); break;
    case ADD: EACH((wrapping)y[i] + (wrapping)u[i]); break;
    case MUL: EACH((wrapping)y[i] * (wrapping)u[i]); break;
    case MAX: EACH(y[i] >= u[i] || y[i] != y[i] ? y[i] : u[i]); break;
    default: EACH(y[i] <= u[i] || y[i] != y[i] ? y[i] : u[i]);
    }
#undef EACH
}

static void scatter_rows_forward(const wg_call *call) {
    const int64_t reduction = WG_ATTRIBUTES(call, scatter_rows)->reduction;
    const rows_split s = rows_split_at(&call->outputs[0].type, 0);
    const int64_t count = wg_type_count(&call->inputs[1].type);
    const int64_t blocks = (s.inner + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t first = unit % blocks * UNIT_ELEMENTS, left = s.inner - first;
        const int64_t columns = left < UNIT_ELEMENTS ? left : UNIT_ELEMENTS;
        const int64_t size = (int64_t)sizeof(number), row = s.inner * size;
        const number *u = WG_IN(call, 2, number) + first;
        number *y = WG_OUT(call, 0, number) + first;
        rows_copy_apart((char *)y, row, (const char *)(WG_IN(call, 0, number) + first), row, s.extent, columns * size);
        for (int64_t j = 0; j < count; j++) {
            const int64_t to = row_of(call, &call->inputs[1], j, s.extent);
            if (to < 0) return;
            put_row(y + to * s.inner, u + j * s.inner, columns, reduction);
        }
    }
}
WG_KERNEL(scatter_rows, scatter_rows_forward)
WG_KERNEL(scatter_reduce_rows, scatter_rows_forward)

#ifdef WG_RULES

static void scatter_last_forward(const wg_call *call) {
    const int64_t rows = WG_ATTRIBUTES(call, scatter_last)->rows, count = wg_type_count(&call->inputs[0].type);
    bool *last = WG_OUT(call, 0, bool);
    char *named = call->workspace;
    memset(named, 0, (size_t)rows);
    for (int64_t j = count - 1; j >= 0; j--) {
        const int64_t row = row_of(call, &call->inputs[0], j, rows);
        if (row < 0) return;
        last[j] = !named[row];
        named[row] = 1;
    }
}
WG_BYTES_KERNEL(scatter_last, scatter_last_forward)
static size_t workspace(const wg_call *call) { return (size_t)WG_ATTRIBUTES(call, scatter_last)->rows + 1; }

/* --- Rules ---------------------------------------------------------------------------------------------------- */

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(scatter_rows_attributes, reduction, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = ADD,
                 .meaning = "0 none, 1 add"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute reduce_attributes[] = {
    WG_ATTRIBUTE(scatter_rows_attributes, reduction, .kind = WG_ATTRIBUTE_INT, .bounded = true, .low = MUL,
                 .high = MIN, .preset = MUL, .meaning = "2 mul, 3 max, 4 min"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute last_attributes[] = {
    WG_ATTRIBUTE(scatter_last_attributes, rows, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 0x1p40,
                 .meaning = "that there are"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_index(wg_infer *infer, const wg_type *index) {
    if (index->dtype == WG_I64 && index->rank == 1) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_DTYPE, "the index is %s; it must be an i64 vector",
                         wg_infer_text(infer, index));
}

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *index = &infer->inputs[1], *u = &infer->inputs[2];
    const int status = infer_index(infer, index);
    if (status) return status;
    if (x->dtype != u->dtype || x->dtype == WG_BOOL || x->dtype == WG_U8)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "x is %s, the updates are %s; both must be f32, f64, i32 or i64",
                             wg_infer_text(infer, x), wg_infer_text(infer, u));
    bool fits = x->rank > 0 && u->rank == x->rank && u->extent[0] == index->extent[0];
    for (int i = 1; fits && i < x->rank; i++) fits = u->extent[i] == x->extent[i];
    infer->outputs[0] = *x;
    if (fits) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the index %s, the updates %s; they must be rows of x",
                         wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, index),
                         wg_infer_shape_text(infer, u));
}

static int infer_last(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    infer->outputs[0].dtype = WG_BOOL;
    return infer_index(infer, &infer->inputs[0]);
}

static void backward(wg_rule *rule) {
    const scatter_rows_attributes *a = WG_ATTRIBUTES(rule, scatter_rows);
    wg_var dy = rule->cotangents[0], index = rule->inputs[1];
    const wg_type x = wg_type_of(rule->inputs[0]), u = wg_type_of(rule->inputs[2]);
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, a->reduction == ADD ? dy : WG_RECORD(&wg_op_scatter_rows, a, dy, index,
                                                                  wg_full_of(rule->tape, &u, 0)));
    if (!wg_rule_wants(rule, 2)) return;
    wg_var du = (wg_gather)(dy, index, 0);
    if (a->reduction == NONE) {
        wg_shape column = {{u.extent[0]}};
        for (int i = 1; i <= u.rank; i++) column.extent[i] = i < u.rank ? 1 : INT64_MIN;
        wg_var last = WG_RECORD(&wg_op_scatter_last, (&(scatter_last_attributes){x.extent[0]}), index);
        du = (wg_where)((wg_reshape)(last, &column), du, (wg_scalar)(rule->tape, 0));
    }
    wg_rule_set(rule, 2, du);
}

static int64_t units(const wg_call *call) {
    const rows_split s = rows_split_at(&call->outputs[0].type, 0);
    return s.extent ? (s.inner + UNIT_ELEMENTS - 1) / UNIT_ELEMENTS : 0;
}
static wg_cost cost(const wg_call *call) {
    return (wg_cost){(double)wg_type_count(&call->inputs[2].type), wg_call_bytes(call)};
}
static wg_cost cost_of_last(const wg_call *call) { return (wg_cost){.bytes = wg_call_bytes(call)}; }

static void each_case(wg_sampler *s, int64_t reduction) {
#define SCATTER_SHAPES(rows, count, x, updates)                                                    \
    WG_SAMPLE(s, (&(scatter_rows_attributes){reduction}), {.shape = x, .values = WG_DISTINCT},     \
              {.dtype = WG_I64, .shape = WG_SHAPE(count), .values = WG_INTEGERS, .low = 0, .high = (rows) - 1}, \
              {.shape = updates, .values = WG_DISTINCT})
#define SCATTER(rows, count) SCATTER_SHAPES(rows, count, WG_SHAPE(rows), WG_SHAPE(count))
#define SCATTER_ROWS(rows, count, ...)                                                             \
    SCATTER_SHAPES(rows, count, WG_SHAPE(rows, __VA_ARGS__), WG_SHAPE(count, __VA_ARGS__))
    for (int64_t count = 0; count < 6; count++) {
        SCATTER(4, count);
        SCATTER(1, count);
        SCATTER_ROWS(3, count, 2);
        SCATTER_ROWS(3, count, 1, 3);
    }
    SCATTER_ROWS(2, 3, 0);
    SCATTER_ROWS(2, 2, 67);
    SCATTER_ROWS(2, 3, 1, 2, 1, 2, 1, 1, 2);
#undef SCATTER
#undef SCATTER_ROWS
#undef SCATTER_SHAPES
}
static void samples(wg_sampler *s) { each_case(s, NONE), each_case(s, ADD); }
static void samples_of_reduce(wg_sampler *s) { each_case(s, MUL), each_case(s, MAX), each_case(s, MIN); }
static void samples_of_last(wg_sampler *s) {
    for (int64_t rows = 1; rows < 6; rows++)
        for (int64_t count = 0; count < 6; count++)
            WG_SAMPLE(s, (&(scatter_last_attributes){rows}), {.dtype = WG_I64, .shape = WG_SHAPE(count),
                      .values = WG_INTEGERS, .low = 0, .high = (double)rows - 1});
}

const wg_op wg_op_scatter_rows = {
    .name = "scatter_rows", .formula = "y = x, then y[n[j]] = u[j] or y[n[j]] += u[j], j in order",
    .shapes = "x [R, ...], n [J], u [J, ...] -> y [R, ...]",
    .gradient = "dx = dy, 0 in rows that are replaced, du[j] = dy[n[j]], 0 where a later one replaces it",
    .inputs = 3, .outputs = 1, .flags = WG_CAN_FAIL | WG_HELPER, .blocked_inputs = 1 << 1,
    .attributes = attributes, .attributes_size = sizeof(scatter_rows_attributes),
    .infer = infer, .forward = WG_FORWARD(scatter_rows), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_scatter_reduce_rows = {
    .name = "scatter_reduce_rows", .formula = "y = x, then y[n[j]] = y[n[j]] * u[j], or max, or min, j in order",
    .shapes = "x [R, ...], n [J], u [J, ...] -> y [R, ...]",
    .inputs = 3, .outputs = 1, .flags = WG_CAN_FAIL | WG_BLOCKS | WG_HELPER, .blocked_inputs = 7,
    .no_gradient = "products and extremes of what meets in a row have no rule",
    .attributes = reduce_attributes, .attributes_size = sizeof(scatter_rows_attributes),
    .infer = infer, .forward = WG_FORWARD(scatter_reduce_rows), .units = units, .cost = cost,
    .samples = samples_of_reduce,
};

const wg_op wg_op_scatter_last = {
    .name = "scatter_last", .formula = "k[j] = (n[i] != n[j] for all i > j)",
    .shapes = "n [J] -> k [J]",
    .inputs = 1, .outputs = 1, .flags = WG_CAN_FAIL | WG_BLOCKS | WG_HELPER, .blocked_inputs = 1,
    .attributes = last_attributes, .attributes_size = sizeof(scatter_last_attributes),
    .infer = infer_last, .forward = WG_FORWARD(scatter_last), .workspace = workspace, .cost = cost_of_last,
    .samples = samples_of_last,
};

#endif
