/* ctc_lattice — ctc_loss, its gradient and the gradient of that as recordings of other ops, all entries side
 * by side.
 *
 * P(s at t) is the probability that an alignment is in state s at step t. With v the cotangent of the
 * gradient g, an alignment p is worth V = sum_t v[t, p_t]; the mean of V is F, and that over the alignments
 * in state s at t is E[t, s]:
 *
 *     d dy = -F,    d x[t, c] = -dy sum over states s of label c of P(s at t) (E[t, s] - F)
 *
 * the covariance of V and of having label c at t. E adds up what is gained before t and after it: means over
 * the states that can come before or after, weighted by their probabilities. In the place of -infinity stands
 * a number whose differences are numbers too. */
#include "ctc.h"
#include <stdlib.h>

#ifdef WG_RULES

static const double never = -1e30, hardly = -1e29;

typedef struct {
    wg_tape *tape;
    wg_dtype dtype;
    int64_t steps, batch, classes, states;
    wg_var x, v;           /* [T, N, C]; v is WG_NONE where only probabilities are asked for */
    wg_var labels;         /* [N, states], i64 */
    wg_var skips, skipped; /* bool: may s follow the one before the last, may s + 2 follow s? */
    wg_var end;            /* [N, 1], i64: an alignment ends in this state, a blank, or in the one before */
    wg_var is_last;        /* bool: may it end in s? */
    wg_var length;         /* [N, 1], i64, of x */
} lattice;

static wg_var whole(const lattice *l, int64_t value) {
    return wg_full(l->tape, WG_I64, WG_SCALAR_SHAPE, (double)value);
}
static wg_var constant(const lattice *l, double value) {
    return wg_full(l->tape, l->dtype, WG_SCALAR_SHAPE, value);
}

/* v [N, states] moved on by so many states, and `fill` where none comes from. */
static wg_var moved(const lattice *l, wg_var v, int by, double fill) {
    const int64_t far = by < 0 ? -by : by, left = l->states - far;
    const wg_dtype dtype = wg_type_of(v).dtype;
    if (left <= 0) return wg_full(l->tape, dtype, WG_SHAPE(l->batch, l->states), fill);
    wg_var edge = wg_full(l->tape, dtype, WG_SHAPE(l->batch, far), fill);
    if (by > 0) return wg_concat(1, edge, wg_slice(v, 1, 0, left));
    return wg_concat(1, wg_slice(v, 1, far, l->states), edge);
}

/* 0, 1, 2, … as [1, count] */
static wg_var places(const lattice *l, int64_t count) {
    return wg_cumsum(wg_full(l->tape, WG_I64, WG_SHAPE(1, count), 1), 1, .exclusive = true);
}

static lattice lattice_of(wg_tape *tape, const wg_var *of, const ctc_attributes *a, wg_var v) {
    const wg_type x = wg_type_of(of[0]);
    const int64_t n = x.extent[1], most = wg_type_of(of[1]).extent[1];
    lattice l = {.tape = tape, .dtype = x.dtype, .steps = x.extent[0], .batch = n, .classes = x.extent[2],
                 .states = 2 * most + 1, .x = of[0], .v = v};
    wg_var count = wg_reshape(wg_cast(of[3], WG_I64), WG_SHAPE(n, 1)), blank = whole(&l, a->blank);
    l.length = wg_reshape(wg_cast(of[2], WG_I64), WG_SHAPE(n, 1));
    wg_var targets = wg_where(wg_less(places(&l, most), count), wg_cast(of[1], WG_I64), blank);
    wg_var blanks = wg_full(tape, WG_I64, WG_SHAPE(n, most), (double)a->blank);
    l.labels = wg_concat(1, wg_reshape(wg_stack(2, blanks, targets), WG_SHAPE(n, 2 * most)),
                         wg_full(tape, WG_I64, WG_SHAPE(n, 1), (double)a->blank));
    l.skips = wg_logical_and(wg_not_equal(l.labels, blank),
                             wg_not_equal(l.labels, moved(&l, l.labels, 2, (double)a->blank)));
    l.skipped = moved(&l, l.skips, -2, 0);
    wg_var state = places(&l, l.states);
    l.end = wg_mul(count, whole(&l, 2));
    l.is_last = wg_logical_or(wg_equal(state, l.end), wg_equal(state, wg_sub(l.end, whole(&l, 1))));
    return l;
}

/* Of a tensor [T, N, C] what each state's label has at step t. */
static wg_var at_step(const lattice *l, wg_var x, int64_t t) {
    wg_var row = wg_reshape(wg_slice(x, 0, t, t + 1), WG_SHAPE(l->batch, l->classes));
    return wg_take_along_axis(row, l->labels, 1);
}
static wg_var runs_at(const lattice *l, int64_t t) { return wg_less(whole(l, t), l->length); }

/* The three states that s can come from, or with -1 go to. */
typedef struct {
    wg_var of[3], sum;
} neighbours;
static neighbours neighbours_of(const lattice *l, wg_var ways, int by) {
    wg_var far = wg_where(by > 0 ? l->skips : l->skipped, moved(l, ways, 2 * by, never), constant(l, never));
    neighbours w = {{ways, moved(l, ways, by, never), far}, WG_NONE};
    w.sum = wg_logaddexp(wg_logaddexp(w.of[0], w.of[1]), w.of[2]);
    return w;
}

/* The mean of what the neighbours have. */
static wg_var mean_over(const lattice *l, const neighbours *w, wg_var worth, int by) {
    wg_var mean = WG_NONE;
    for (int k = 0; k < 3; k++) {
        wg_var share = wg_exp(wg_sub(w->of[k], w->sum));
        share = wg_where(wg_less(constant(l, hardly), w->of[k]), share, constant(l, 0));
        wg_var part = wg_mul(share, moved(l, worth, k * by, 0));
        mean = k ? wg_add(mean, part) : part;
    }
    return mean;
}

/* The ways to each state at step t. Those at the first step are taken as they are: a factor that all ways had
 * in common would cancel unseen. */
static void step_forward(const lattice *l, int64_t t, wg_var *ways, wg_var *gained) {
    wg_var runs = runs_at(l, t), sum, worth = constant(l, 0);
    if (t == 0) {
        sum = wg_where(wg_less(places(l, l->states), whole(l, 2)), worth, constant(l, never));
    } else {
        const neighbours w = neighbours_of(l, *ways, 1);
        sum = w.sum;
        if (l->v.tape) worth = mean_over(l, &w, *gained, 1);
    }
    if (l->v.tape) *gained = wg_where(runs, wg_add(worth, at_step(l, l->v, t)), *gained);
    *ways = wg_where(runs, wg_add(sum, at_step(l, l->x, t)), *ways);
}

/* Forward through all steps; returns the logarithm of the probability of all alignments, [N, 1]. Where they
 * are asked for, keeps the ways to the states of each step, and what is gained on them. */
static wg_var go_forward(const lattice *l, wg_var *ways_at, wg_var *gained_at) {
    wg_var first = wg_equal(places(l, l->states), whole(l, 0));
    wg_var gained = wg_full(l->tape, l->dtype, WG_SHAPE(l->batch, l->states), 0);
    wg_var ways = wg_where(first, gained, constant(l, never));
    for (int64_t t = 0; t < l->steps && !wg_tape_status(l->tape); t++) {
        step_forward(l, t, &ways, &gained);
        if (ways_at) ways_at[t] = ways, gained_at[t] = gained;
    }
    wg_var outside = wg_full(l->tape, l->dtype, WG_SHAPE(l->batch, 1), never);
    wg_var in_label = wg_take_along_axis(wg_concat(1, ways, outside), wg_sub(l->end, whole(l, 1)), 1);
    return wg_logaddexp(wg_take_along_axis(ways, l->end, 1), in_label);
}

/* And back: ways_at become probabilities of being there, and gained_at E. */
static void go_back(const lattice *l, wg_var all, wg_var *ways_at, wg_var *gained_at) {
    wg_var zero = constant(l, 0), possible = wg_less(constant(l, hardly), all);
    wg_var end = wg_where(l->is_last, zero, constant(l, never)), rest = end, gained = zero;
    for (int64_t t = l->steps - 1; t >= 0 && !wg_tape_status(l->tape); t--) {
        if (t + 1 < l->steps) {
            const neighbours w = neighbours_of(l, wg_add(rest, at_step(l, l->x, t + 1)), -1);
            wg_var runs = runs_at(l, t + 1);
            if (l->v.tape) {
                wg_var worth = wg_add(at_step(l, l->v, t + 1), gained);
                gained = wg_where(runs, mean_over(l, &w, worth, -1), zero);
            }
            rest = wg_where(runs, w.sum, end);
        }
        wg_var there = wg_exp(wg_sub(wg_add(ways_at[t], rest), all));
        ways_at[t] = wg_where(wg_logical_and(possible, runs_at(l, t)), there, zero);
        if (l->v.tape) gained_at[t] = wg_add(gained_at[t], gained);
    }
}

/* -dy [N] times what the states have, added up by label: [T, N, C]. `rows` is closed. */
static wg_var by_label(const lattice *l, wg_var dy, wg_var *rows) {
    wg_var hot = wg_one_hot(l->labels, l->classes, l->dtype);
    wg_var share = wg_reshape(wg_neg(dy), WG_SHAPE(l->batch, 1));
    for (int64_t t = 0; t < l->steps; t++) {
        wg_var row = wg_reshape(wg_mul(share, rows[t]), WG_SHAPE(l->batch, 1, l->states));
        rows[t] = wg_reshape(wg_matmul(row, hot), WG_SHAPE(l->batch, l->classes));
    }
    rows[l->steps] = (wg_var)WG_END_;
    return wg_stack_list(0, rows);
}

wg_var wg_ctc_loss_of(wg_tape *tape, const wg_var *of, const ctc_attributes *a) {
    const lattice l = lattice_of(tape, of, a, WG_NONE);
    wg_var all = wg_reshape(go_forward(&l, NULL, NULL), WG_SHAPE(l.batch));
    wg_var none = constant(&l, a->zero_infinity ? 0 : __builtin_inf());
    return wg_where(wg_less(constant(&l, hardly), all), wg_neg(all), none);
}

/* The two rows of a lattice, each closed; NULL, with an error on the tape, where there is no memory. */
static wg_var *rows_of(const lattice *l) {
    wg_var *rows = malloc(2 * (size_t)(l->steps + 1) * sizeof *rows);
    if (!rows) wg_fail(l->tape, WG_ERROR_MEMORY, "ctc_loss: no memory for %lld steps", (long long)l->steps);
    return rows;
}

wg_var wg_ctc_gradient_of(wg_tape *tape, wg_var dy, const wg_var *of, const ctc_attributes *a) {
    const lattice l = lattice_of(tape, of, a, WG_NONE);
    wg_var *rows = l.steps ? rows_of(&l) : NULL,
           g = wg_full(tape, l.dtype, WG_SHAPE(0, l.batch, l.classes), 0);
    if (!rows) return g;
    go_back(&l, go_forward(&l, rows, rows + l.steps + 1), rows, rows + l.steps + 1);
    g = by_label(&l, dy, rows);
    free(rows);
    return g;
}

void wg_ctc_second_of(wg_tape *tape, wg_var dy, const wg_var *of, const ctc_attributes *a, wg_var v,
                      wg_var *of_dy, wg_var *of_x) {
    const lattice l = lattice_of(tape, of, a, v);
    wg_var *rows = l.steps ? rows_of(&l) : NULL, mean = constant(&l, 0);
    *of_dy = *of_x = WG_NONE;
    if (!rows) return;
    wg_var *gained = rows + l.steps + 1;
    go_back(&l, go_forward(&l, rows, gained), rows, gained);
    for (int64_t t = 0; t < l.steps; t++)
        mean = wg_add(mean, wg_sum(wg_mul(rows[t], at_step(&l, v, t)), WG_AXES(1), .keepdims = true));
    for (int64_t t = 0; t < l.steps; t++) rows[t] = wg_mul(rows[t], wg_sub(gained[t], mean));
    *of_dy = wg_neg(wg_reshape(mean, WG_SHAPE(l.batch)));
    *of_x = by_label(&l, dy, rows);
    free(rows);
}

/* --- Shapes and samples ------------------------------------------------------------------------------- */

static bool is_whole(wg_dtype dtype) { return dtype == WG_I32 || dtype == WG_I64; }

int wg_ctc_infer(wg_infer *infer, int first) {
    const ctc_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[first], *targets = x + 1, *of_x = x + 2, *of_targets = x + 3;
    if (x->dtype != WG_F32 && x->dtype != WG_F64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE, "x is %s; it must be f32 or f64 (wg_cast converts)",
                             wg_infer_text(infer, x));
    if (!is_whole(targets->dtype) || !is_whole(of_x->dtype) || !is_whole(of_targets->dtype))
        return wg_infer_fail(
            infer, WG_ERROR_DTYPE,
            "targets are %s, the lengths %s and %s; all must be i32 or i64 (wg_cast converts)",
            wg_infer_text(infer, targets), wg_infer_text(infer, of_x), wg_infer_text(infer, of_targets));
    if (x->rank != 3 || targets->rank != 2 || of_x->rank != 1 || of_targets->rank != 1 ||
        targets->extent[0] != x->extent[1] || of_x->extent[0] != x->extent[1] ||
        of_targets->extent[0] != x->extent[1])
        return wg_infer_fail(
            infer, WG_ERROR_SHAPE,
            "x is %s, targets are %s, the lengths %s and %s; they must be [T, N, C], [N, S], [N], [N]",
            wg_infer_shape_text(infer, x), wg_infer_shape_text(infer, targets),
            wg_infer_shape_text(infer, of_x), wg_infer_shape_text(infer, of_targets));
    if (a->blank >= x->extent[2])
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "blank is %lld; x has %lld classes",
                             (long long)a->blank, (long long)x->extent[2]);
    return WG_OK;
}

/* Without zero_infinity there is an alignment in each: of S targets that may be alike 2 S - 1 steps hold one.
 * They hold more than one in all: of one alone the second derivatives are 0 but for rounding. The rule of the
 * gradient records every step, so its samples have few. */
static const struct {
    int64_t steps, batch, classes, targets, blank, least, most; /* labels */
    bool zero_infinity;
    int64_t least_steps, most_steps;
} cases[] = {
    {3, 2, 2, 1, 0, 1, 1, true, 0, 0},  {2, 2, 3, 1, 0, 1, 2, false, 2, 2},
    {2, 3, 3, 2, 2, 1, 1, true, 2, 2},  {3, 1, 5, 1, 0, 1, 4, false, 3, 3},
    {3, 2, 4, 1, 1, 2, 3, false, 2, 3}, {2, 0, 3, 1, 0, 1, 2, false, 2, 2},
    {3, 3, 2, 1, 1, 0, 0, false, 2, 3}, {4, 1, 3, 2, 0, 2, 2, false, 4, 4},
    {3, 1, 3, 1, 2, 0, 1, true, 3, 3},  {2, 1, 2, 1, 1, 0, 0, false, 2, 2},
    {3, 1, 4, 1, 3, 0, 2, false, 2, 3}, {4, 2, 3, 2, 0, 1, 2, false, 4, 4},
    {5, 2, 2, 2, 1, 0, 0, false, 4, 5}, {6, 1, 3, 3, 2, 0, 1, false, 6, 6},
    {7, 1, 2, 1, 0, 1, 1, false, 3, 7}, {5, 3, 2, 2, 0, 1, 1, false, 5, 5},
};
enum { CASES = sizeof cases / sizeof *cases, SHORT_CASES = 11 };

void wg_ctc_samples(wg_sampler *s, bool with_dy) {
    for (int i = 0; i < 3 * (with_dy ? SHORT_CASES : CASES); i++) {
        const wg_shape *each = WG_SHAPE(cases[i / 3].batch);
        const wg_dtype dtype = i % 2 ? WG_I64 : WG_I32;
        ctc_attributes with;
        memset(&with, 0, sizeof with);
        with.blank = cases[i / 3].blank;
        with.zero_infinity = cases[i / 3].zero_infinity;
        const wg_sample_input x = {.shape =
                                       WG_SHAPE(cases[i / 3].steps, cases[i / 3].batch, cases[i / 3].classes),
                                   .values = i % 3 ? WG_NORMAL : WG_UNIFORM,
                                   .low = -4,
                                   .high = -0.1};
        const wg_sample_input targets = {.dtype = dtype,
                                         .shape = WG_SHAPE(cases[i / 3].batch, cases[i / 3].targets),
                                         .values = WG_INTEGERS,
                                         .low = (double)cases[i / 3].least,
                                         .high = (double)cases[i / 3].most};
        const wg_sample_input of_x = {.dtype = dtype, .shape = each, .values = WG_INTEGERS,
                                      .low = (double)cases[i / 3].least_steps,
                                      .high = (double)cases[i / 3].most_steps};
        const wg_sample_input of_targets = {.dtype = WG_I64, .shape = each, .values = WG_INTEGERS,
                                            .low = i % 3 == 1 ? (double)cases[i / 3].targets : 1,
                                            .high = (double)cases[i / 3].targets};
        if (with_dy) WG_SAMPLE(s, &with, {.shape = each}, x, targets, of_x, of_targets);
        else WG_SAMPLE(s, &with, x, targets, of_x, of_targets);
    }
}

#endif
