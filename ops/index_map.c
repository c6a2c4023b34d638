/* index_map, index_map_grad — along each axis, y reads x in order, wrapped round, mirrored or held at its ends
 *
 *   index_map:       y[i_0, i_1, …] = x[m_0(i_0), m_1(i_1), …], or value where an m has no index
 *   index_map_grad:  dx[j_0, j_1, …] = sum over all i with m(i) = j, in row-major order, of dy[i_0, i_1, …]
 *
 * On an axis m(i) = base + f(i - shift), f into 0 … period-1 by the mode:
 *   constant  f(t) = t, none outside      edge      f(t) = min(max(t, 0), period - 1)
 *   circular  f(t) = t mod period         reflect   t mod 2 (period - 1), the second half backwards
 * It is what pad and roll are composed of. The two are each other's rules, the value being a constant. */
#include "rows.h"
#include "index_map.h"

typedef struct index_map_grad_attributes {
    index_map_attributes map; /* first, so that the same descriptions hold */
    wg_type x_shape;
} index_map_grad_attributes;

/* One axis. */
typedef struct axis_map {
    int64_t mode, extent, shift, base, period;
} axis_map;

/* A stretch of an axis of y: `count` places that read x from `from` on in steps of 1, 0 or -1; from < 0: none. */
typedef struct stretch {
    int64_t count, from, step;
} stretch;

WG_INLINE int64_t modulo(int64_t t, int64_t n) {
    const int64_t left = t % n;
    return left < 0 ? left + n : left;
}

/* The stretch that begins at place i. */
WG_INLINE stretch stretch_at(const axis_map *m, int64_t i) {
    const int64_t t = i - m->shift, p = m->period, left = m->extent - i;
    const bool held = m->mode == INDEX_MAP_EDGE;
    stretch s = {left, m->base + t, 1};
    if (m->mode == INDEX_MAP_CIRCULAR) {
        const int64_t at = modulo(t, p);
        s = (stretch){p - at, m->base + at, 1};
    } else if (m->mode == INDEX_MAP_REFLECT) {
        const int64_t at = p > 1 ? modulo(t, 2 * (p - 1)) : 0;
        if (p == 1) s = (stretch){left, m->base, 0};
        else if (at < p - 1) s = (stretch){p - 1 - at, m->base + at, 1};
        else s = (stretch){2 * (p - 1) - at, m->base + 2 * (p - 1) - at, -1};
    } else if (t < 0) {
        s = (stretch){-t, held ? m->base : -1, 0};
    } else if (t < p) {
        s.count = p - t;
    } else {
        s = (stretch){left, held ? m->base + p - 1 : -1, 0};
    }
    if (s.count > left) s.count = left;
    return s;
}

/* The axes of y before `first` and after `last` are those of x; what is after is one element of `inner`. */
typedef struct mapping {
    int first, last;
    int64_t inner, x_stride[WG_MAX_RANK];
    axis_map axis[WG_MAX_RANK];
} mapping;

WG_INLINE mapping mapping_of(const index_map_attributes *a, const wg_type *x) {
    mapping m = {.first = x->rank, .inner = 1};
    for (int i = 0; i < x->rank; i++) {
        m.axis[i] = (axis_map){a->mode, a->shape.extent[i], a->shift[i], a->base[i], a->period[i]};
        const bool same = a->shape.extent[i] == x->extent[i] && !a->shift[i] && a->period[i] == x->extent[i];
        if (same) continue;
        if (m.first == x->rank) m.first = i;
        m.last = i;
    }
    if (m.first == x->rank && x->rank) m.first = m.last = x->rank - 1; /* all are alike */
    int64_t stride = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        if (i > m.last) m.inner *= x->extent[i];
        m.x_stride[i] = stride;
        stride *= x->extent[i];
    }
    return m;
}

/* Where in x the row of y lies whose number, counted along axes begin … last-1, this is; -1: nowhere. */
WG_INLINE int64_t row_in_x(const mapping *m, int begin, int64_t row) {
    int64_t at = 0;
    for (int i = m->last - 1; i >= begin; i--) {
        const stretch s = stretch_at(&m->axis[i], row % m->axis[i].extent);
        if (s.from < 0) return -1;
        at += s.from * m->x_stride[i];
        row /= m->axis[i].extent;
    }
    return at;
}

/* A unit is all that lies at one place of the axes before the first that is not x's. */
#if WG_IS_REAL
static void add_row(const mapping *m, real *dx, const real *dy) {
    const axis_map *axis = &m->axis[m->last];
    const int64_t inner = m->inner;
    for (int64_t i = 0; i < axis->extent;) {
        const stretch s = stretch_at(axis, i);
        const real *from = dy + i * inner;
        i += s.count;
        if (s.from < 0) continue;
        real *to = dx + s.from * inner;
        if (s.step == 1) {
            WG_INDEPENDENT_LOOP for (int64_t k = 0; k < s.count * inner; k++) to[k] += from[k];
        } else {
            for (int64_t r = 0; r < s.count; r++, to += s.step * inner, from += inner)
                WG_INDEPENDENT_LOOP for (int64_t k = 0; k < inner; k++) to[k] += from[k];
        }
    }
}

static void index_map_grad_forward(const wg_call *call) {
    const index_map_grad_attributes *a = WG_ATTRIBUTES(call, index_map_grad);
    const wg_type *x = &call->outputs[0].type;
    const mapping m = mapping_of(&a->map, x);
    int64_t block = 1, rows = 1, row = m.inner;
    if (x->rank) row *= m.axis[m.last].extent;
    for (int i = m.first; i < x->rank; i++) block *= x->extent[i];
    for (int i = m.first; i < m.last; i++) rows *= m.axis[i].extent;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        real *dx = WG_OUT(call, 0, real) + unit * block;
        const real *dy = WG_IN(call, 0, real) + unit * rows * row;
        if (!x->rank) {
            *dx = *dy;
            continue;
        }
        memset(dx, 0, (size_t)block * sizeof(real));
        for (int64_t r = 0; r < rows && row; r++) {
            const int64_t at = row_in_x(&m, m.first, r);
            if (at >= 0) add_row(&m, dx + at, dy + r * row);
        }
    }
}
WG_KERNEL(index_map_grad, index_map_grad_forward)
#endif

#ifdef WG_RULES

/* --- The kernel: a unit is a row of y ------------------------------------------------------------------- */

/* Towards zero, saturating, NaN to 0, as full has it. */
static int64_t whole(double x, int64_t low, int64_t high) {
    if (x != x) return 0;
    return x >= (double)high ? high : x <= (double)low ? low : (int64_t)x;
}

static void write_element(char *to, wg_dtype dtype, double value) {
    switch (dtype) {
    case WG_F32: memcpy(to, &(float){(float)value}, 4); break;
    case WG_F64: memcpy(to, &value, 8); break;
    case WG_I32: memcpy(to, &(int32_t){(int32_t)whole(value, INT32_MIN, INT32_MAX)}, 4); break;
    case WG_I64: memcpy(to, &(int64_t){whole(value, INT64_MIN, INT64_MAX)}, 8); break;
    case WG_U8: *to = (char)(uint8_t)whole(value, 0, UINT8_MAX); break;
    default: *to = value != 0;
    }
}

static void write_row(const mapping *m, char *y, const char *x, const char *element, int64_t size) {
    const axis_map *axis = &m->axis[m->last];
    const int64_t bytes = m->inner * size;
    for (int64_t i = 0; i < axis->extent;) {
        const stretch s = x ? stretch_at(axis, i) : (stretch){axis->extent, -1, 0};
        char *to = y + i * bytes;
        i += s.count;
        if (s.from < 0) rows_copy_apart(to, size, element, 0, s.count * m->inner, size);
        else rows_copy_apart(to, bytes, x + s.from * bytes, s.step * bytes, s.count, bytes);
    }
}

static void index_map_forward(const wg_call *call) {
    const index_map_attributes *a = WG_ATTRIBUTES(call, index_map);
    const wg_type *x = &call->inputs[0].type;
    const int64_t size = (int64_t)wg_dtype_size(call->dtype);
    const mapping m = mapping_of(a, x);
    char element[16]; /* more than the largest dtype has */
    write_element(element, call->dtype, a->value);
    if (!x->rank) {
        memcpy(call->outputs[0].data, call->inputs[0].data, (size_t)size);
        return;
    }
    const int64_t row = m.axis[m.last].extent * m.inner * size;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t at = row_in_x(&m, 0, unit);
        write_row(&m, WG_OUT(call, 0, char) + unit * row, at < 0 ? NULL : WG_IN(call, 0, char) + at * size,
                  element, size);
    }
}
WG_BYTES_KERNEL(index_map, index_map_forward)

static int64_t units(const wg_call *call) {
    const wg_type *y = &call->outputs[0].type;
    const mapping m = mapping_of(WG_ATTRIBUTES(call, index_map), &call->inputs[0].type);
    int64_t rows = 1;
    for (int i = 0; i < m.last; i++) rows *= y->extent[i];
    return wg_type_count(y) ? rows : 0;
}
static int64_t units_of_grad(const wg_call *call) {
    const wg_type *x = &call->outputs[0].type;
    const mapping m = mapping_of(&WG_ATTRIBUTES(call, index_map_grad)->map, x);
    int64_t blocks = 1;
    for (int i = 0; i < m.first; i++) blocks *= x->extent[i];
    return wg_type_count(x) ? blocks : 0;
}

/* --- Rules ---------------------------------------------------------------------------------------------- */

#define EACH_AXIS(member, what)                                                                 \
    WG_ATTRIBUTE(index_map_attributes, member, .kind = WG_ATTRIBUTE_INT, .count = WG_MAX_RANK,     \
                 .bounded = true, .low = -0x1p62, .high = 0x1p62, .meaning = what)
#define OF_MAP                                                                                     \
    WG_ATTRIBUTE(index_map_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of the mapped"), \
    EACH_AXIS(shift, "the place on each axis that reads base"),                                    \
    EACH_AXIS(base, "the first on each axis that is read"),                                        \
    EACH_AXIS(period, "how many on each axis are read"),                                           \
    WG_ATTRIBUTE(index_map_attributes, mode, .kind = WG_ATTRIBUTE_INT, .bounded = true, .high = 3, \
                 .meaning = "0 constant, 1 reflect, 2 edge, 3 circular")
static const wg_attribute attributes[] = {
    OF_MAP,
    WG_ATTRIBUTE(index_map_attributes, value, .kind = WG_ATTRIBUTE_REAL, .is_value = true,
                 .meaning = "outside, in mode 0"),
    WG_NO_MORE_ATTRIBUTES};
static const wg_attribute grad_attributes[] = {
    OF_MAP,
    WG_ATTRIBUTE(index_map_grad_attributes, x_shape, .kind = WG_ATTRIBUTE_SHAPE, .meaning = "of dx"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_map(wg_infer *infer, const index_map_attributes *a, const wg_type *x) {
    if (a->shape.rank != x->rank)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "x is %s, the result %s; they must have as many axes",
                             wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, &a->shape));
    for (int i = 0; i < x->rank; i++) {
        if (a->base[i] < 0 || a->period[i] < 0 || a->base[i] > x->extent[i] - a->period[i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "%lld from %lld on do not lie in axis %d of x %s",
                                 (long long)a->period[i], (long long)a->base[i], i, wg_infer_shape_text(infer, x));
        if (a->mode && !a->period[i] && a->shape.extent[i])
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "axis %d of x %s is empty; there is nothing to repeat", i,
                                 wg_infer_shape_text(infer, x));
    }
    return wg_infer_extents(infer, &a->shape);
}

static int infer(wg_infer *infer) {
    const index_map_attributes *a = WG_ATTRIBUTES(infer, index_map);
    infer->outputs[0] = a->shape;
    infer->outputs[0].dtype = infer->inputs[0].dtype;
    return infer_map(infer, a, &infer->inputs[0]);
}

static int infer_grad(wg_infer *infer) {
    const index_map_grad_attributes *a = WG_ATTRIBUTES(infer, index_map_grad);
    const wg_type *dy = &infer->inputs[0];
    int status = wg_infer_real(infer);
    if (status || (status = wg_infer_extents(infer, &a->x_shape))) return status;
    if (!wg_shape_equal(dy, &a->map.shape))
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "dy is %s; it must be %s", wg_infer_shape_text(infer, dy),
                             wg_infer_shape_text(infer, &a->map.shape));
    infer->outputs[0] = a->x_shape;
    infer->outputs[0].dtype = dy->dtype;
    return infer_map(infer, &a->map, &a->x_shape);
}

static void backward(wg_rule *rule) {
    const index_map_grad_attributes sum = {*WG_ATTRIBUTES(rule, index_map), wg_type_of(rule->inputs[0])};
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_index_map_grad, &sum, rule->cotangents[0]));
}
static void backward_of_grad(wg_rule *rule) {
    index_map_attributes take = WG_ATTRIBUTES(rule, index_map_grad)->map;
    take.value = 0;
    wg_rule_set(rule, 0, WG_RECORD(&wg_op_index_map, &take, rule->cotangents[0]));
}

static wg_cost cost(const wg_call *call) {
    return (wg_cost){.bytes = 2 * (double)wg_type_bytes(&call->outputs[0].type)};
}
static wg_cost cost_of_grad(const wg_call *call) {
    return (wg_cost){(double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

/* One or two axes; the second is read in order. */
static const struct {
    int64_t extent, to, shift, base, period;
} cases[] = {{5, 5, 0, 0, 5}, {5, 8, 2, 0, 5}, {5, 3, -1, 1, 4}, {5, 6, 2, 1, 3}, {1, 4, 2, 0, 1},
             {4, 17, 6, 0, 4}, {3, 0, 0, 0, 3}, {2, 9, 3, 0, 2}};
enum { CASES = sizeof cases / sizeof *cases };

static index_map_attributes case_of(int k, int mode, int axis, int rank) {
    index_map_attributes a = {.mode = mode, .value = 0.5 * k - 1, .shape = {.rank = rank}};
    for (int i = 0; i < rank; i++) a.shape.extent[i] = a.period[i] = 2;
    a.shape.extent[axis] = cases[k].to;
    a.shift[axis] = cases[k].shift;
    a.base[axis] = cases[k].base;
    a.period[axis] = cases[k].period;
    if (rank > 2) a.shape.extent[rank - 2] = 3, a.shift[rank - 2] = 1; /* another one */
    return a;
}
static wg_type x_of(int k, int axis, int rank) {
    wg_type x = {.rank = rank};
    for (int i = 0; i < rank; i++) x.extent[i] = i == axis ? cases[k].extent : 2;
    return x;
}

static void each_case(wg_sampler *s, bool grad) {
    for (int mode = 0; mode < 4; mode++)
        for (int k = 0; k < CASES; k++)
            for (int rank = 1; rank < 4; rank += 1 + k % 2) {
                const int axis = rank == 3 ? 2 * (mode % 2) : k % rank;
                index_map_grad_attributes a = {case_of(k, mode, axis, rank), x_of(k, axis, rank)};
                const wg_shape x = wg_shape_of(&a.x_shape), y = wg_shape_of(&a.map.shape);
                if (rank == 3 && wg_type_count(&a.map.shape) > 60) continue;
                if (grad) WG_SAMPLE(s, &a, {.shape = &y});
                else WG_SAMPLE(s, &a.map, {.shape = &x});
            }
}
static void samples(wg_sampler *s) {
    each_case(s, false);
    WG_SAMPLE(s, (&(index_map_attributes){.shape = {.rank = 0}}), {.shape = WG_SCALAR_SHAPE});
    index_map_attributes a = case_of(1, 0, 0, 1);
    a.value = 300;
    WG_SAMPLE(s, &a, {.dtype = WG_U8, .shape = WG_SHAPE(5)});
    WG_SAMPLE(s, &a, {.dtype = WG_BOOL, .shape = WG_SHAPE(5)});
    WG_SAMPLE(s, &a, {.dtype = WG_I32, .shape = WG_SHAPE(5)});
}
static void samples_of_grad(wg_sampler *s) {
    each_case(s, true);
    WG_SAMPLE(s, (&(index_map_grad_attributes){.map = {.shape = {.rank = 0}}}), {.shape = WG_SCALAR_SHAPE});
}

const wg_op wg_op_index_map = {
    .name = "index_map", .formula = "y[i, ...] = x[base + f(i - shift), ...]",
    .shapes = "x [*] -> y [*]; as the attribute says",
    .gradient = "dx[base + f(i - shift), ...] += dy[i, ...]",
    .inputs = 1, .outputs = 1, .flags = WG_HELPER,
    .attributes = attributes, .attributes_size = sizeof(index_map_attributes),
    .infer = infer, .forward = WG_FORWARD(index_map), .backward = backward, .units = units, .cost = cost,
    .samples = samples,
};

const wg_op wg_op_index_map_grad = {
    .name = "index_map_grad", .formula = "dx[base + f(i - shift), ...] += dy[i, ...]",
    .shapes = "dy [*] -> dx [*]; as the attribute says",
    .gradient = "ddy = index_map(ddx), value 0",
    .inputs = 1, .outputs = 1, .flags = WG_HELPER, .linear_in = 1,
    .attributes = grad_attributes, .attributes_size = sizeof(index_map_grad_attributes),
    .infer = infer_grad, .forward = WG_FORWARD(index_map_grad), .backward = backward_of_grad,
    .units = units_of_grad, .cost = cost_of_grad, .samples = samples_of_grad,
};

#endif
