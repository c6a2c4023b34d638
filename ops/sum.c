/* sum, mean — along axes
 *
 *     sum:   y[k] = sum_r x[k, r]          dx[k, r] = dy[k]
 *     mean:  y[k] = sum_r x[k, r] / n      dx[k, r] = dy[k] / n
 *
 * where r runs over the n reduced elements of output k. Of none of them the sum is 0 and the mean NaN.
 *
 * The order depends on the shape alone. What is added is rows: of outputs side by side, or, where the reduced
 * elements are the ones side by side, of WG_LANES of them, and those partial sums make a tree at the end;
 * fewer elements than lanes are added in order. Rows are added four at a time; ROWS of them make a block, and
 * blocks are summed pairwise, so that the error grows with the logarithm of n (Higham, "The accuracy of
 * floating point summation", 1993). */
#include "reduce.h"

enum { ROWS = 64 };

/* Sums of rows. Behind the sums stand, at k widths, those of 2^(k-1) blocks, where bit k-1 of `blocks` is
 * set. */
typedef struct {
    wrapping *sums;
    int64_t width, rows, blocks;
} cascade;

WG_INLINE void add_rows(const number *x, int64_t rows, int64_t stride, int64_t width,
                        wrapping *restrict sums) {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
        const number *a = x + i * stride, *b = a + stride, *c = b + stride, *d = c + stride;
        for (int64_t j = 0; j < width; j++)
            sums[j] += ((wrapping)a[j] + (wrapping)b[j]) + ((wrapping)c[j] + (wrapping)d[j]);
    }
    for (; i < rows; i++)
        for (int64_t j = 0; j < width; j++) sums[j] += (wrapping)x[i * stride + j];
}

static void add_stored(cascade *c, int64_t level) {
    const wrapping *stored = c->sums + level * c->width;
    for (int64_t j = 0; j < c->width; j++) c->sums[j] = stored[j] + c->sums[j];
}

static void clear(cascade *c) {
    memset(c->sums, 0, (size_t)c->width * sizeof *c->sums);
    c->rows = 0;
}

/* A block is full: adds to it the sums of as many blocks as it stands for, again and again, and stores it. */
static void carry(cascade *c) {
    int64_t level = 1;
    for (int64_t blocks = c->blocks++; blocks & 1; blocks >>= 1) add_stored(c, level++);
    memcpy(c->sums + level * c->width, c->sums, (size_t)c->width * sizeof *c->sums);
    clear(c);
}

static void finish(cascade *c) {
    int64_t level = 1;
    for (int64_t blocks = c->blocks; blocks; blocks >>= 1, level++)
        if (blocks & 1) add_stored(c, level);
}

/* Adds rows, of which the caller's constant width lets the compiler keep the sums in registers. */
WG_INLINE void add(cascade *c, const number *x, int64_t rows, int64_t stride, int64_t width) {
    while (rows > 0) {
        const int64_t now = rows < ROWS - c->rows ? rows : ROWS - c->rows;
        add_rows(x, now, stride, width, c->sums);
        x += now * stride;
        rows -= now;
        if ((c->rows += now) == ROWS) carry(c);
    }
}

WG_INLINE number sum_in_order(const number *x, int64_t count) {
    wrapping sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (wrapping)x[i];
    return (number)sum;
}

/* One output, its elements side by side in runs. */
static number sum_along(const reduction *r, const number *x, wrapping *memory) {
    const int64_t run = r->reduced.extent[0], whole = run / WG_LANES, rest = run % WG_LANES;
    if (r->runs == 1 && whole == 0) return sum_in_order(x, rest);
    cascade c = {.sums = memory, .width = WG_LANES};
    clear(&c);
    for (int64_t i = 0; i < r->runs; i++) {
        const number *from = x + axis_offset(&r->reduced, 1, i);
        add(&c, from, whole, WG_LANES, WG_LANES);
        if (rest) add(&c, from + whole * WG_LANES, 1, WG_LANES, rest);
    }
    finish(&c);
    for (int64_t half = WG_LANES / 2; half; half /= 2)
        for (int64_t lane = 0; lane < half; lane++) c.sums[lane] += c.sums[lane + half];
    return (number)c.sums[0];
}

/* `width` outputs side by side. */
static void sum_across(const reduction *r, const number *x, int64_t width, wrapping *memory, number *y) {
    cascade c = {.sums = memory, .width = width};
    clear(&c);
    for (int64_t i = 0; i < r->runs; i++)
        add(&c, x + axis_offset(&r->reduced, 1, i), r->reduced.extent[0], r->reduced.stride[0], width);
    finish(&c);
    for (int64_t j = 0; j < width; j++) y[j] = (number)c.sums[j];
}

static void sum_forward(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&a->axes));
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        const number *x = WG_IN(call, 0, number) + tile.offset;
        number *y = WG_OUT(call, 0, number) + tile.first;
        if (r.along)
            *y = sum_along(&r, x, call->workspace);
        else
            sum_across(&r, x, tile.count, call->workspace, y);
    }
}
WG_KERNEL(sum, sum_forward)

#if WG_IS_REAL
static void mean_forward(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&a->axes));
    sum_forward(call);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const reduction_tile tile = reduction_tile_of(&r, unit);
        number *y = WG_OUT(call, 0, number) + tile.first;
        for (int64_t j = 0; j < tile.count; j++) y[j] /= (number)r.count;
    }
}
WG_KERNEL(mean, mean_forward)
#endif

#ifdef WG_RULES

static const wg_attribute attributes[] = {REDUCE_ATTRIBUTES(reduce_attributes), WG_NO_MORE_ATTRIBUTES};

static int infer_sum(wg_infer *infer) {
    const int status = reduce_infer_number(infer);
    return status ? status : reduce_infer(infer);
}

static int infer_mean(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    return status ? status : reduce_infer(infer);
}

/* A cascade has room for one block and for what is stored of all the others. */
static size_t workspace(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&a->axes));
    const int64_t run = r.reduced.extent[0], rows = r.along ? (run + WG_LANES - 1) / WG_LANES : run;
    int64_t levels = 1;
    for (int64_t blocks = r.runs * rows / ROWS; blocks; blocks >>= 1) levels++;
    return (size_t)(levels * (r.along ? WG_LANES : r.tile)) * wg_dtype_size(call->dtype);
}

/* dy for each element of x. */
static wg_var spread(const wg_rule *rule, wg_var dy) {
    const reduce_attributes *a = WG_ATTRIBUTES(rule, reduce);
    const wg_type x = wg_type_of(rule->inputs[0]), kept = reduced_type(&x, reduced_axes(&a->axes), true);
    const wg_shape kept_shape = wg_shape_of(&kept), shape = wg_shape_of(&x);
    if (!a->keepdims) dy = wg_reshape(dy, &kept_shape);
    return wg_broadcast_to(dy, &shape);
}

static void backward_of_sum(wg_rule *rule) { wg_rule_set(rule, 0, spread(rule, rule->cotangents[0])); }

static void backward_of_mean(wg_rule *rule) {
    const reduce_attributes *a = WG_ATTRIBUTES(rule, reduce);
    const wg_type x = wg_type_of(rule->inputs[0]);
    const wg_var count = wg_scalar(rule->tape, (double)reduction_of(&x, reduced_axes(&a->axes)).count);
    wg_rule_set(rule, 0, spread(rule, wg_div(rule->cotangents[0], count)));
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < REDUCE_CASES; i++) {
        const reduce_case *at = &reduce_cases[i];
        const reduce_attributes with = {at->axes, at->keepdims};
        WG_SAMPLE(s, &with, {.shape = &at->shape});
    }
}

/* The mean of nothing is no number, and has no gradient to check. */
static void samples_of_mean(wg_sampler *s) {
    for (int i = 0; i < REDUCE_CASES - REDUCE_CASES_OF_NONE; i++) {
        const reduce_case *at = &reduce_cases[i];
        const reduce_attributes with = {at->axes, at->keepdims};
        WG_SAMPLE(s, &with, {.shape = &at->shape});
    }
}

const wg_op wg_op_sum = {
    .name = "sum", .formula = "y[k] = sum_r x[k, r]", .onnx = "ReduceSum", .torch = "sum",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_sum, .forward = WG_FORWARD(sum), .backward = backward_of_sum, .units = reduce_units,
    .workspace = workspace, .cost = reduce_cost, .samples = samples,
};

const wg_op wg_op_mean = {
    .name = "mean", .formula = "y[k] = sum_r x[k, r] / n", .onnx = "ReduceMean", .torch = "mean",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_mean, .forward = WG_FORWARD(mean), .backward = backward_of_mean, .units = reduce_units,
    .workspace = workspace, .cost = reduce_cost, .samples = samples_of_mean,
};

wg_var (wg_sum)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
        const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_sum, &chosen, x);
}

wg_var (wg_mean)(wg_var x, const wg_axes *axes, const wg_reduce_options *options) {
        const reduce_attributes chosen = reduce_chosen(axes, options);
    return WG_RECORD(&wg_op_mean, &chosen, x);
}

#endif
