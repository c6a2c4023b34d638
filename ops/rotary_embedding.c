/* rotary_embedding — pairs of numbers turned by angles that grow with their place in a sequence; ONNX
 * RotaryEmbedding-23; Su et al. 2021 (arXiv:2104.09864)
 *
 *     y1 = x1 cos - x2 sin,   y2 = x2 cos + x1 sin
 *
 * Of the first R numbers of a row, pair i is x[i] and x[i + R/2], or x[2i] and x[2i + 1] where they are
 * interleaved; the numbers from R on stay. Turning back is the transpose of turning, so
 *
 *     dx = rotary_embedding(dy, cos, -sin),   dcos = dy1 x1 + dy2 x2,   dsin = dy2 x1 - dy1 x2 */
#include "rotary.h"

typedef struct rotary_embedding_attributes {
    bool interleaved;
} rotary_embedding_attributes;

/* The element of a table of angles [.., R/2] at which row number `row` of x has its own. */
WG_INLINE int64_t table_row(const wg_type *table, const wg_type *x, int64_t row) {
    int64_t at = 0, step = table->extent[table->rank - 1];
    for (int axis = x->rank - 2, own = table->rank - 2; own >= 0; axis--, own--) {
        if (table->extent[own] > 1) at += row % x->extent[axis] * step;
        row /= x->extent[axis];
        step *= table->extent[own];
    }
    return at;
}

#if WG_IS_REAL
WG_INLINE void turn_row(const real *x, const real *c, const real *s, real *y, int64_t half, int64_t apart,
                        int64_t step) {
    WG_INDEPENDENT_LOOP for (int64_t i = 0; i < half; i++) {
        const real a = x[i * step], b = x[i * step + apart];
        y[i * step] = a * c[i] - b * s[i];
        y[i * step + apart] = b * c[i] + a * s[i];
    }
}

/* A unit is a row of x. */
static void rotary_forward(const wg_call *call) {
    const bool interleaved = WG_ATTRIBUTES(call, rotary_embedding)->interleaved;
    const wg_type *type = &call->inputs[0].type, *table = &call->inputs[1].type;
    const int64_t n = type->extent[type->rank - 1], half = table->extent[table->rank - 1];
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const real *x = WG_IN(call, 0, real) + unit * n;
        real *y = WG_OUT(call, 0, real) + unit * n;
        const int64_t at = table_row(table, type, unit);
        const real *c = WG_IN(call, 1, real) + at, *s = WG_IN(call, 2, real) + at;
        if (interleaved)
            turn_row(x, c, s, y, half, 1, 2);
        else
            turn_row(x, c, s, y, half, half, 1);
        memcpy(y + 2 * half, x + 2 * half, (size_t)(n - 2 * half) * sizeof(real));
    }
}
WG_KERNEL(rotary_embedding, rotary_forward)
#endif

#ifdef WG_RULES

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(rotary_embedding_attributes, interleaved, .kind = WG_ATTRIBUTE_BOOL,
                 .meaning = "are pairs x[2i] and x[2i + 1], not x[i] and x[i + R/2]?"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const wg_type *x = &infer->inputs[0], *c = &infer->inputs[1], *s = &infer->inputs[2];
    const int status = wg_infer_real(infer);
    if (status) return status;
    if (!wg_shape_equal(c, s))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "cos is %s, sin is %s; they must be alike",
                             wg_infer_shape_text(infer, c), wg_infer_shape_text(infer, s));
    bool fits = c->rank > 0 && c->rank <= x->rank && c->extent[c->rank - 1] <= x->extent[x->rank - 1] / 2;
    for (int back = 2; fits && back <= c->rank; back++) {
        const int64_t extent = c->extent[c->rank - back];
        fits = extent == 1 || extent == x->extent[x->rank - back];
    }
    infer->outputs[0] = *x;
    if (fits) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_SHAPE,
                         "x is %s, cos is %s; cos must broadcast to x but for its last axis, of at most "
                         "half of x's",
                         wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, c));
}

/* One of the two numbers of each pair. */
static wg_var member(wg_var x, int64_t half, bool interleaved, int which) {
    const wg_slice_options step = {.size_ = sizeof step, .step = interleaved ? 2 : 1};
    const int64_t start = which * (interleaved ? 1 : half);
    return (wg_slice)(x, -1, start, interleaved ? 2 * half : start + half, &step);
}

/* What was broadcast from a table, added up. */
static wg_var unbroadcast(wg_var x, wg_var table) {
    const wg_type full = wg_type_of(x), type = wg_type_of(table);
    const wg_shape shape = wg_shape_of(&type);
    wg_axes axes;
    int count = 0;
    for (int axis = 0; axis < full.rank - 1; axis++) {
        const int own = axis - (full.rank - type.rank);
        if (own < 0 || type.extent[own] != full.extent[axis]) axes.axis[count++] = axis;
    }
    axes.axis[count] = INT_MIN;
    return count ? (wg_reshape)((wg_sum)(x, &axes, NULL), &shape) : x;
}

static void backward(wg_rule *rule) {
    const rotary_embedding_attributes *a = WG_ATTRIBUTES(rule, rotary_embedding);
    wg_var x = rule->inputs[0], c = rule->inputs[1], s = rule->inputs[2], dy = rule->cotangents[0];
    const wg_type table = wg_type_of(c);
    const int64_t half = table.extent[table.rank - 1];
    if (wg_rule_wants(rule, 0))
        wg_rule_set(rule, 0, WG_RECORD(&wg_op_rotary_embedding, a, dy, c, (wg_neg)(s)));
    if (!wg_rule_wants(rule, 1) && !wg_rule_wants(rule, 2)) return;
    wg_var x1 = member(x, half, a->interleaved, 0), x2 = member(x, half, a->interleaved, 1);
    wg_var dy1 = member(dy, half, a->interleaved, 0), dy2 = member(dy, half, a->interleaved, 1);
    wg_rule_set(rule, 1, unbroadcast((wg_add)((wg_mul)(dy1, x1), (wg_mul)(dy2, x2)), c));
    wg_rule_set(rule, 2, unbroadcast((wg_sub)((wg_mul)(dy2, x1), (wg_mul)(dy1, x2)), s));
}

static wg_var expand(wg_tape *tape, const wg_var *inputs, const void *attributes) {
    (void)tape;
    const bool interleaved = ((const rotary_embedding_attributes *)attributes)->interleaved;
    wg_var x = inputs[0], c = inputs[1], s = inputs[2];
    wg_type type = wg_type_of(x);
    const wg_type table = wg_type_of(c);
    const int64_t half = table.extent[table.rank - 1];
    wg_var x1 = member(x, half, interleaved, 0), x2 = member(x, half, interleaved, 1);
    wg_var y1 = (wg_sub)((wg_mul)(x1, c), (wg_mul)(x2, s)), y2 = (wg_add)((wg_mul)(x2, c), (wg_mul)(x1, s));
    wg_var rest = (wg_slice)(x, -1, 2 * half, WG_SLICE_TO_END, NULL);
    type.extent[type.rank - 1] = 2 * half;
    const wg_shape shape = wg_shape_of(&type);
    if (!interleaved) return wg_concat_list(-1, (const wg_var[]){y1, y2, rest, WG_END_});
    type.extent[type.rank - 1] = half;
    if (type.rank == WG_MAX_RANK) { /* no room for an axis of two: one of all rows */
        type = (wg_type){.dtype = type.dtype, .rank = 2, .extent = {-1, half}};
        if (half == 0) return rest;
        const wg_shape rows = wg_shape_of(&type);
        y1 = (wg_reshape)(y1, &rows), y2 = (wg_reshape)(y2, &rows);
    }
    wg_var pairs = (wg_reshape)(wg_stack_list(-1, (const wg_var[]){y1, y2, WG_END_}), &shape);
    return wg_concat_list(-1, (const wg_var[]){pairs, rest, WG_END_});
}

static int64_t units(const wg_call *call) {
    const wg_type *x = &call->inputs[0].type;
    int64_t rows = 1;
    for (int i = 0; i < x->rank - 1; i++) rows *= x->extent[i];
    return rows;
}
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 3); }

static void samples(wg_sampler *s) {
#define S(...) {{__VA_ARGS__, INT64_MIN}}
    static const wg_shape cases[][2] = {
        {S(2), S(1)},             {S(4), S(2)},          {S(5), S(2)},          {S(7), S(1)},
        {S(3, 4), S(3, 2)},       {S(3, 6), S(2)},       {S(3, 5), S(1, 2)},    {S(1, 2), S(1, 1)},
        {S(2, 3, 4), S(3, 2)},    {S(2, 3, 4), S(2, 3, 1)}, {S(2, 3, 2), S(2, 1, 1)},
        {S(2, 2, 3, 4), S(2, 1, 3, 2)}, {S(2, 2, 2, 5), S(2, 2, 1, 2)}, {S(0, 3, 4), S(3, 2)},
        {S(3, 2), S(3, 0)},       {S(2, 1, 2, 1, 1, 2, 1, 4), S(2, 1, 2)},
    };
#undef S
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int interleaved = 0; interleaved < 2; interleaved++)
            WG_SAMPLE(s, (&(rotary_embedding_attributes){interleaved}), {.shape = &cases[i][0]},
                      {.shape = &cases[i][1], .values = WG_DISTINCT},
                      {.shape = &cases[i][1], .values = WG_DISTINCT});
}

const wg_op wg_op_rotary_embedding = {
    .name = "rotary_embedding", .formula = "y1 = x1 cos - x2 sin, y2 = x2 cos + x1 sin",
    .shapes = "x [...], cos [*], sin [*] -> y [...]; cos and sin alike, broadcasting to x but for the last "
              "axis, half of what is turned",
    .gradient = "dx = rotary_embedding(dy, cos, -sin), dcos = dy1 x1 + dy2 x2, dsin = dy2 x1 - dy1 x2",
    .onnx = "RotaryEmbedding",
    .inputs = 3, .outputs = 1, .flags = WG_EVEN_UNITS | WG_EVEN_READS, .linear_in = 1,
    .attributes = schema, .attributes_size = sizeof(rotary_embedding_attributes),
    .infer = infer, .forward = WG_FORWARD(rotary_embedding), .backward = backward, .expand = expand,
    .units = units, .cost = cost, .samples = samples,
};

/* --- Recorder ------------------------------------------------------------------------------------- */

/* What the options ask for, of x with one axis a head. */
typedef struct rotary {
    wg_var x, ids;
    wg_type type;
    int sequence; /* the axis of places */
    int64_t half;
} rotary;

static bool refuse(wg_var x, const char *what) {
    wg_fail(x.tape, WG_ERROR_SHAPE, "rotary_embedding: %s", what);
    return false;
}

static bool read_x(rotary *r, wg_var x, const wg_rotary_options *options) {
    wg_type type = wg_type_of(x);
    if (type.rank < 2) return refuse(x, "x must have an axis of places and one of numbers");
    r->sequence = type.rank - 2;
    if (options->heads) {
        const int64_t numbers = type.extent[type.rank - 1];
        if (type.rank == WG_MAX_RANK || options->heads < 0 || numbers % options->heads)
            return refuse(x, "heads must divide x's last axis, and x have fewer than 8 axes");
        type.extent[type.rank - 1] = options->heads;
        type.extent[type.rank++] = numbers / options->heads;
        const wg_shape shape = wg_shape_of(&type);
        x = (wg_reshape)(x, &shape);
    }
    const int64_t depth = type.extent[type.rank - 1];
    const int64_t turned = options->rotary_dim ? options->rotary_dim : depth;
    if (turned < 0 || turned > depth || turned % 2)
        return refuse(x, "rotary_dim must be even, and at most what a row of x has");
    r->x = x, r->type = type, r->half = turned / 2;
    return true;
}

/* Places 0, 1, … where none are given. */
static bool read_ids(rotary *r, wg_var ids) {
    const int64_t places = r->type.extent[r->sequence];
    if (!ids.tape) {
        wg_tape *tape = r->x.tape;
        wg_var ones = (wg_full)(tape, WG_I64, WG_SHAPE(places), 1);
        r->ids = (wg_sub)((wg_cumsum)(ones, 0, NULL), (wg_full)(tape, WG_I64, WG_SCALAR_SHAPE, 1));
        return true;
    }
    const wg_type type = wg_type_of(ids);
    r->ids = ids;
    if (type.rank == 1 && type.extent[0] == places) return true;
    if (type.rank == 2 && type.extent[1] == places && r->sequence > 0 &&
        (type.extent[0] == 1 || type.extent[0] == r->type.extent[0]))
        return true;
    return refuse(r->x, "position_ids must be [L], or [N, L] of x [N, .., L, E]");
}

/* A table [L, R/2] or [N, L, R/2] with the axes of x: N the first, L that of places. */
static wg_var with_axes(const rotary *r, wg_var table) {
    const wg_type type = wg_type_of(table);
    if (type.rank < 2 || type.rank > 3) return table; /* the op says what does not fit */
    wg_type spread = {.dtype = type.dtype, .rank = r->type.rank};
    for (int i = 0; i < spread.rank; i++) spread.extent[i] = 1;
    if (type.rank == 3) spread.extent[0] = type.extent[0];
    spread.extent[r->sequence] = type.extent[type.rank - 2];
    spread.extent[spread.rank - 1] = type.extent[type.rank - 1];
    const wg_shape shape = wg_shape_of(&spread);
    return (wg_reshape)(table, &shape);
}

wg_var (wg_rotary_embedding)(wg_var x, wg_var position_ids, const wg_rotary_options *options) {
    WG_READ_OPTIONS(wg_rotary_options, given, options);
    const rotary_embedding_attributes with = {given.interleaved};
    rotary r = {.x = x};
    if (!wg_valid(x)) return WG_RECORD(&wg_op_rotary_embedding, &with, x, x, x);
    if (!read_x(&r, x, &given)) return wg_refuse(x.tape);
    wg_var c = given.cos, s = given.sin;
    if (!c.tape != !s.tape) return refuse(x, "cos and sin go together; one is missing"), wg_refuse(x.tape);
    if (c.tape) {
        if (position_ids.tape) c = (wg_gather)(c, position_ids, 0), s = (wg_gather)(s, position_ids, 0);
    } else {
        if (!read_ids(&r, position_ids)) return wg_refuse(x.tape);
        const rotary_table_attributes how = {given.base != 0 ? given.base : 1e4, r.half, r.type.dtype};
        c = WG_RECORD(&wg_op_rotary_table, &how, r.ids);
        s = (wg_output)(c, 1);
    }
    wg_var y = WG_RECORD(&wg_op_rotary_embedding, &with, r.x, with_axes(&r, c), with_axes(&r, s));
    const wg_type type = wg_type_of(x);
    const wg_shape shape = wg_shape_of(&type);
    return given.heads ? (wg_reshape)(y, &shape) : y;
}

#endif
