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
 * floating point summation", 1993).
 *
 * Sums over samples come in parts of WG_K_BLOCK of them, as in products: rows of outputs side by side, or runs of
 * elements side by side where there is more than one. Parts are added in order, PARTS of them, and such groups
 * pairwise. So PARTS batches of that size, one added to the other, give the bits of all of them together. */
#include "reduce.h"
#include "kernels/cpu/blocks.h"

enum { ROWS = 64, PARTS = 16 };

/* Sums of rows, `block` of which make a block. Behind the sums stand, at k widths, those of 2^(k-1) blocks,
 * where bit k-1 of `blocks` is set. */
typedef struct {
    wrapping *sums;
    int64_t width, block, rows, blocks;
} cascade;

/* How many widths of memory a cascade of so many rows needs. */
WG_INLINE int64_t levels(int64_t rows, int64_t block) {
    int64_t count = 1;
    for (int64_t blocks = rows / block; blocks; blocks >>= 1) count++;
    return count;
}

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
        const int64_t room = c->block - c->rows, now = rows < room ? rows : room;
        add_rows(x, now, stride, width, c->sums);
        x += now * stride;
        rows -= now;
        if ((c->rows += now) == c->block) carry(c);
    }
}

/* A part is over: its sums go to those of all parts, and the next one begins. */
static void end_part(cascade *part, cascade *total) {
    finish(part);
    add(total, (const number *)part->sums, 1, 0, part->width);
    clear(part);
    part->blocks = 0;
}

WG_INLINE number sum_in_order(const number *x, int64_t count) {
    wrapping sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (wrapping)x[i];
    return (number)sum;
}

WG_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Rows of lanes in a part of runs, and rows of outputs side by side in a part. */
WG_INLINE int64_t rows_along(const reduction *r) {
    return least(r->runs, WG_K_BLOCK) * ((r->reduced.extent[0] + WG_LANES - 1) / WG_LANES);
}
WG_INLINE int64_t rows_across(const reduction *r) { return least(r->count, WG_K_BLOCK); }

/* Runs first … last-1 of one output, each of elements side by side; the sum is left in c->sums[0]. */
static void add_runs(cascade *c, const reduction *r, const number *x, int64_t first, int64_t last) {
    const int64_t run = r->reduced.extent[0], whole = run / WG_LANES, rest = run % WG_LANES;
    c->blocks = 0;
    clear(c);
    for (int64_t i = first; i < last; i++) {
        const number *from = x + axis_offset(&r->reduced, 1, i);
        add(c, from, whole, WG_LANES, WG_LANES);
        if (rest) add(c, from + whole * WG_LANES, 1, WG_LANES, rest);
    }
    finish(c);
    for (int64_t half = WG_LANES / 2; half; half /= 2)
        for (int64_t lane = 0; lane < half; lane++) c->sums[lane] += c->sums[lane + half];
}

/* One output, its elements side by side in runs. */
static number sum_along(const reduction *r, const number *x, wrapping *memory) {
    if (r->runs == 1 && r->count < WG_LANES) return sum_in_order(x, r->count);
    cascade part = {.sums = memory, .width = WG_LANES, .block = ROWS};
    cascade total = {.sums = memory + levels(rows_along(r), ROWS) * WG_LANES, .width = 1, .block = PARTS};
    clear(&total);
    for (int64_t first = 0; first < r->runs || first == 0; first += WG_K_BLOCK) {
        add_runs(&part, r, x, first, least(first + WG_K_BLOCK, r->runs));
        if (r->runs <= WG_K_BLOCK) return (number)part.sums[0];
        add(&total, (const number *)part.sums, 1, 0, 1);
    }
    finish(&total);
    return (number)total.sums[0];
}

/* `width` outputs side by side. */
static void sum_across(const reduction *r, const number *x, int64_t width, wrapping *memory, number *y) {
    const bool in_parts = r->count > WG_K_BLOCK;
    cascade part = {.sums = memory, .width = width, .block = ROWS};
    cascade total = {.sums = memory + levels(rows_across(r), ROWS) * width, .width = width, .block = PARTS};
    clear(&part);
    if (in_parts) clear(&total);
    int64_t room = WG_K_BLOCK; /* for rows in this part */
    for (int64_t i = 0; i < r->runs; i++) {
        const number *from = x + axis_offset(&r->reduced, 1, i);
        const int64_t rows = r->reduced.extent[0], stride = r->reduced.stride[0];
        for (int64_t at = 0, now; at < rows; at += now) {
            now = least(rows - at, room);
            add(&part, from + at * stride, now, stride, width);
            if ((room -= now) > 0) continue;
            if (in_parts) end_part(&part, &total);
            room = WG_K_BLOCK;
        }
    }
    if (in_parts && room < WG_K_BLOCK) end_part(&part, &total);
    const cascade *all = in_parts ? &total : &part;
    finish(in_parts ? &total : &part);
    for (int64_t j = 0; j < width; j++) y[j] = (number)all->sums[j];
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
    const int status = wg_infer_one_number(infer, 0, "x");
    return status ? status : reduce_infer(infer);
}

static int infer_mean(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    return status ? status : reduce_infer(infer);
}

/* Of a part, and of all parts. */
static size_t workspace(const wg_call *call) {
    const reduce_attributes *a = WG_ATTRIBUTES(call, reduce);
    const reduction r = reduction_of(&call->inputs[0].type, reduced_axes(&a->axes));
    const int64_t sums = r.along ? levels(rows_along(&r), ROWS) * WG_LANES + levels(r.runs / WG_K_BLOCK + 1, PARTS)
                                 : (levels(rows_across(&r), ROWS) + levels(r.count / WG_K_BLOCK + 1, PARTS)) * r.tile;
    return (size_t)sums * wg_dtype_size(call->dtype);
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
    .shapes = "x [*] -> y [*]; without the axes summed over, or with extent 1",
    .gradient = "dx[k, r] = dy[k]",
    .inputs = 1, .outputs = 1, .linear_in = 1,
    .attributes = attributes, .attributes_size = sizeof(reduce_attributes),
    .infer = infer_sum, .forward = WG_FORWARD(sum), .backward = backward_of_sum, .units = reduce_units,
    .workspace = workspace, .cost = reduce_cost, .samples = samples,
};

const wg_op wg_op_mean = {
    .name = "mean", .formula = "y[k] = sum_r x[k, r] / n", .onnx = "ReduceMean", .torch = "mean",
    .shapes = "x [*] -> y [*]; without the axes averaged over, or with extent 1",
    .gradient = "dx[k, r] = dy[k] / n",
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
