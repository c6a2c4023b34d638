/* naive_graph — walks a tape and evaluates each node from its definition, with a bound of the rounding
 * errors.
 *
 * How an error goes through an op, by family. With E for the errors of the inputs, f for the definition:
 *
 *     linear     f moves numbers or adds them up:            f(E)
 *     product    a polynomial with positive coefficients:    f(|x| + E) - f(|x|)
 *     monotone   in each input on the interval of its error: the largest |f(x ± E) - f(x)| of the corners
 *     decided    f jumps: 0 where it gives the same all over the interval, else infinite
 *
 * and rules of their own for the others. */
#include "naive_graph.h"
#include "tape/tape.h"
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct propagation {
    const naive_call *call;                 /* the op's call, evaluated */
    const naive_real *errors[NAIVE_INPUTS]; /* of its inputs */
    const uint64_t *names[NAIVE_INPUTS];
    naive_value *outputs[NAIVE_OUTPUTS]; /* to be filled */
} propagation;

typedef void rule(propagation *p);

static naive_real *numbers(int64_t count) {
    naive_real *at = calloc((size_t)count + 1, sizeof *at);
    if (!at) ck_abort_msg("out of memory"); /* a ck_assert would write a file each time */
    return at;
}

static naive_real larger(naive_real a, naive_real b) { return a > b || isnan(a) ? a : b; }

/* --- The definition at other inputs ------------------------------------------------------------------- */

/* The op's definition with some inputs replaced; `replaced[i]` NULL: as it is. To be freed. */
static void evaluate_at(const naive_call *call, naive_real *const *replaced, naive_call *other) {
    *other = *call;
    for (int i = 0; i < call->input_count; i++)
        if (replaced[i]) other->inputs[i].value = replaced[i];
    memset(other->outputs, 0, sizeof other->outputs);
    naive_find(call->op->name)(other);
}

static void free_outputs(naive_call *call) {
    for (int i = 0; i < NAIVE_OUTPUTS; i++) {
        free(call->outputs[i].value);
        free(call->outputs[i].size);
    }
}

static bool is_real(const naive_array *x) { return x->type.dtype == WG_F32 || x->type.dtype == WG_F64; }

/* f(E): the errors in place of the real inputs. */
static void linear(propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {NULL};
    naive_call other;
    for (int i = 0; i < p->call->input_count; i++)
        if (is_real(&p->call->inputs[i])) replaced[i] = (naive_real *)p->errors[i];
    evaluate_at(p->call, replaced, &other);
    const naive_array *y = &other.outputs[0];
    for (int64_t i = 0; i < y->count; i++) p->outputs[0]->error[i] = fabsl(y->value[i]);
    free_outputs(&other);
}

/* Linear in input 0 with weights of any sign, whose sizes the definition gives; real numbers after it, if
 * there are any, are places: where those are not known nothing can be said. */
static void weighted(propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {(naive_real *)p->errors[0]};
    naive_call other;
    evaluate_at(p->call, replaced, &other);
    bool known = true;
    for (int i = 1; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] = known ? other.outputs[0].size[i] : INFINITY;
    free_outputs(&other);
}

/* f(|x| + E) - f(|x|), both as sums of positive terms. */
static void product(propagation *p) {
    naive_real *low[NAIVE_INPUTS] = {NULL}, *high[NAIVE_INPUTS] = {NULL};
    naive_call at_low, at_high;
    for (int i = 0; i < p->call->input_count; i++) {
        const naive_array *x = &p->call->inputs[i];
        if (!is_real(x)) continue;
        low[i] = numbers(x->count);
        high[i] = numbers(x->count);
        for (int64_t k = 0; k < x->count; k++) {
            low[i][k] = fabsl(x->value[k]);
            high[i][k] = low[i][k] + p->errors[i][k];
        }
    }
    evaluate_at(p->call, low, &at_low);
    evaluate_at(p->call, high, &at_high);
    for (int64_t i = 0; i < p->outputs[0]->count; i++) {
        const naive_real upper = fabsl(at_high.outputs[0].value[i]),
                         lower = fabsl(at_low.outputs[0].value[i]);
        p->outputs[0]->error[i] = upper == lower ? 0 : upper - lower + 0x1p-60L * upper;
    }
    free_outputs(&at_low);
    free_outputs(&at_high);
    for (int i = 0; i < NAIVE_INPUTS; i++) {
        free(low[i]);
        free(high[i]);
    }
}

/* The largest difference at the 2^n corners x ± E; infinite where a corner has no value. */
static void corners(propagation *p) {
    const naive_call *call = p->call;
    for (unsigned corner = 0; corner < 1u << call->input_count; corner++) {
        naive_real *moved[NAIVE_INPUTS] = {NULL};
        naive_call other;
        for (int i = 0; i < call->input_count; i++) {
            moved[i] = numbers(call->inputs[i].count);
            for (int64_t k = 0; k < call->inputs[i].count; k++)
                moved[i][k] = call->inputs[i].value[k] + (corner >> i & 1 ? 1 : -1) * p->errors[i][k];
        }
        evaluate_at(call, moved, &other);
        for (int64_t i = 0; i < p->outputs[0]->count; i++) {
            const naive_real y = call->outputs[0].value[i], off = fabsl(other.outputs[0].value[i] - y);
            naive_real *error = &p->outputs[0]->error[i];
            *error = other.outputs[0].value[i] == y ? *error : isnan(off) ? INFINITY : larger(*error, off);
        }
        free_outputs(&other);
        for (int i = 0; i < NAIVE_INPUTS; i++) free(moved[i]);
    }
}

/* Smooth, but not monotone everywhere, and with poles: infinite where the interval is not small against the
 * way to the next whole multiple of what may separate two poles. Next to an extremum one corner is farther
 * off than the extremum. */
static void smooth(propagation *p) {
    corners(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++) {
        const naive_real x = p->call->inputs[0].value[i], e = p->errors[0][i];
        const naive_real pole = p->call->op->name[0] == 't' ? fabsl(cosl(x))
                                : x < 0.5L                  ? fabsl(x - rintl(x))
                                                            : x;
        if (e > 0 && p->call->op->name[0] != 'c' && e >= pole) p->outputs[0]->error[i] = INFINITY;
    }
}

/* --- Elementwise -----------------------------------------------------------------------------------------
 */

/* The inputs of one element of an elementwise op, with their errors. */
typedef struct element {
    naive_real x[3], e[3];
    uint64_t name[3];
} element;
typedef naive_real element_rule(const propagation *p, element a, naive_real y);

static element element_at(const propagation *p, const naive_index *at) {
    element found = {{0}, {0}, {0}};
    for (int i = 0; i < p->call->input_count && i < 3; i++) {
        const naive_array *x = &p->call->inputs[i];
        const int64_t place = naive_broadcast_at(x, at->at, at->type->rank);
        found.x[i] = x->value[place];
        found.e[i] = p->errors[i][place];
        found.name[i] = p->names[i][place];
    }
    return found;
}

static void each_element(propagation *p, element_rule *error) {
    naive_value *out = p->outputs[0];
    for (naive_index i = naive_first(&out->type); i.more; naive_next(&i))
        out->error[i.number] = error(p, element_at(p, &i), p->call->outputs[0].value[i.number]);
}

/* Of elementwise ops: the error of an element y whose inputs a are off. */
#define ELEMENT_RULE(name) static naive_real name(const propagation *p, element a, naive_real y)
#define UNUSED (void)p, (void)a, (void)y

ELEMENT_RULE(sum_of_errors) {
    UNUSED;
    return a.e[0] + a.e[1];
}

/* No slope is steeper than 1; an operand that surely loses does not count. */
static naive_real larger_error(element a, naive_real sign) {
    const naive_real lead = sign * (a.x[0] - a.x[1]);
    return lead > a.e[0] + a.e[1] ? a.e[0] : -lead > a.e[0] + a.e[1] ? a.e[1] : larger(a.e[0], a.e[1]);
}
ELEMENT_RULE(maximum) {
    UNUSED;
    return larger_error(a, 1);
}
ELEMENT_RULE(minimum) {
    UNUSED;
    return larger_error(a, -1);
}
ELEMENT_RULE(absolute) {
    UNUSED;
    return a.e[0];
}
/* Nothing where x is surely negative. */
ELEMENT_RULE(relu) {
    UNUSED;
    return a.x[0] + a.e[0] <= 0 ? 0 : a.e[0];
}

/* |f(x + d) - f(x)| <= |f'(x)| |d| + d² / 2, as |f''| <= 1; and never more than 2. */
ELEMENT_RULE(sine) {
    UNUSED;
    return fminl(2, fabsl(cosl(a.x[0])) * a.e[0] + a.e[0] * a.e[0] / 2);
}
ELEMENT_RULE(cosine) {
    UNUSED;
    return fminl(2, fabsl(sinl(a.x[0])) * a.e[0] + a.e[0] * a.e[0] / 2);
}

ELEMENT_RULE(quotient) {
    UNUSED;
    const naive_real least = fabsl(a.x[1]) - a.e[1];
    if (a.e[0] == 0 && a.e[1] == 0) return 0;
    return least <= 0 ? INFINITY : (a.e[0] + fabsl(y) * a.e[1]) / least;
}

/* 0 if a is surely 0, whatever b. */
ELEMENT_RULE(scale_cotangent) {
    UNUSED;
    if (a.x[0] == 0 && a.e[0] == 0) return 0;
    return a.e[0] * (fabsl(a.x[1]) + a.e[1]) + fabsl(a.x[0]) * a.e[1];
}

/* a where b > 0. */
ELEMENT_RULE(relu_grad) {
    UNUSED;
    if (a.e[1] != 0 && fabsl(a.x[1]) <= a.e[1]) return INFINITY;
    return a.x[1] > 0 ? a.e[0] : 0;
}

/* Decided where 0 is not within the error. */
ELEMENT_RULE(relu_mask) {
    UNUSED;
    return a.e[0] != 0 && fabsl(a.x[0]) <= a.e[0] ? INFINITY : 0;
}

/* Decided where the numbers are apart by more than their errors, are exact, or have the same bits. */
ELEMENT_RULE(comparison) {
    UNUSED;
    const naive_real gap = fabsl(a.x[0] - a.x[1]), both = a.e[0] + a.e[1];
    return both == 0 || gap > both || a.name[0] == a.name[1] ? 0 : INFINITY;
}
ELEMENT_RULE(where) {
    UNUSED;
    return a.e[0] > 0 ? INFINITY : a.x[0] != 0 ? a.e[1] : a.e[2];
}
ELEMENT_RULE(sign) {
    UNUSED;
    return a.e[0] == 0 || fabsl(a.x[0]) > a.e[0] ? 0 : INFINITY;
}

/* Decided where neither bound of the interval is within the error. */
ELEMENT_RULE(clip_grad) {
    UNUSED;
    const naive_real gap =
        fminl(fabsl(a.x[1] - naive_number(p->call, "low")), fabsl(a.x[1] - naive_number(p->call, "high")));
    return a.e[1] != 0 && gap <= a.e[1] * (1 + 0x1p-20L) + 0x1p-23L ? INFINITY : a.e[0];
}

/* Known where the whole quotient is the same all over the errors: then linear with slopes 1 and -n. */
static naive_real remainder_error(element a, naive_real (*whole)(naive_real)) {
    if (a.e[0] == 0 && a.e[1] == 0) return 0;
    if (fabsl(a.x[1]) <= a.e[1]) return INFINITY;
    const naive_real n = whole(a.x[0] / a.x[1]);
    for (int corner = 0; corner < 4; corner++)
        if (whole((a.x[0] + (corner & 1 ? 1 : -1) * a.e[0]) / (a.x[1] + (corner & 2 ? 1 : -1) * a.e[1])) != n)
            return INFINITY;
    return a.e[0] + fabsl(n) * a.e[1];
}
ELEMENT_RULE(c_remainder) {
    UNUSED;
    return remainder_error(a, truncl);
}
ELEMENT_RULE(floored_remainder) {
    UNUSED;
    return remainder_error(a, floorl);
}
/* The weights of a and b add up to 1. */
ELEMENT_RULE(larger_of_errors) {
    UNUSED;
    return larger(a.e[0], a.e[1]);
}
ELEMENT_RULE(copied_sign) {
    UNUSED;
    return fabsl(a.x[1]) > a.e[1] ? a.e[0] : 2 * (fabsl(a.x[0]) + a.e[0]);
}
/* Moved by a vector of length e, a point at a distance r turns by no more than asin(e / r); on the ray of ±π
 * it may turn all round. */
ELEMENT_RULE(angle) {
    UNUSED;
    const naive_real length = hypotl(a.x[0], a.x[1]), e = hypotl(a.e[0], a.e[1]);
    if (e == 0) return 0;
    return e >= length || (a.x[1] < a.e[1] && fabsl(a.x[0]) <= a.e[0]) ? INFINITY : asinl(e / length);
}
ELEMENT_RULE(logic) {
    UNUSED;
    const bool first = a.e[0] == 0 || fabsl(a.x[0]) > a.e[0], second = a.e[1] == 0 || fabsl(a.x[1]) > a.e[1];
    return first && second ? 0 : INFINITY;
}

/* Monotone in each operand, unless the base may be 0 or change sign. */
static void power(propagation *p) {
    corners(p);
    naive_value *out = p->outputs[0];
    for (naive_index i = naive_first(&out->type); i.more; naive_next(&i)) {
        const element a = element_at(p, &i);
        if ((a.e[0] != 0 && fabsl(a.x[0]) <= a.e[0]) || (a.x[0] <= 0 && a.e[1] != 0))
            out->error[i.number] = INFINITY;
    }
}

/* From real numbers to whole ones f jumps; to f32 it rounds what was not exact. */
static void cast(propagation *p) {
    const wg_dtype to = p->outputs[0]->type.dtype;
    if (to != WG_F32 && to != WG_F64) {
        corners(p);
        for (int64_t i = 0; i < p->outputs[0]->count; i++)
            if (p->outputs[0]->error[i] > 0) p->outputs[0]->error[i] = INFINITY;
        return;
    }
    const naive_array *x = &p->call->inputs[0];
    for (int64_t i = 0; i < x->count; i++) {
        naive_value *y = p->outputs[0];
        y->error[i] = p->errors[0][i];
        if (y->error[i] == 0) continue; /* rounded by the definition, as the engine does */
        y->value[i] = x->value[i];
        y->error[i] += (to == WG_F32 ? 0x1p-24L : 0x1p-53L) * (fabsl(x->value[i]) + y->error[i]);
    }
}

static void exact(propagation *p) { (void)p; }

/* Whole numbers that nothing is said of make a row of which nothing is said. */
static void any_input(propagation *p) {
    bool known = true;
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int64_t i = 0; !known && i < p->outputs[0]->count; i++) p->outputs[0]->error[i] = INFINITY;
}

/* --- The largest -----------------------------------------------------------------------------------------
 */

/* The largest of the candidates met so far. */
typedef struct winner {
    naive_real value, error, runner_up; /* runner_up: the largest that another candidate may be */
    uint64_t name;
} winner;

static void meet(winner *w, naive_real x, naive_real e, uint64_t name, bool first) {
    if (first) {
        *w = (winner){x, e, -INFINITY, name};
        return;
    }
    const bool tie = name == w->name || (x == w->value && e == 0 && w->error == 0); /* the first wins */
    if (x > w->value && !tie) {
        const naive_real loser = w->value + w->error;
        *w = (winner){x, e, larger(w->runner_up, loser), name};
    } else if (!tie) {
        w->runner_up = larger(w->runner_up, x + e);
    }
}

/* value_at, place_at: the outputs that hold the largest and its place; below 0: none. */
static void settle(propagation *p, const winner *w, int value_at, int place_at, int64_t i) {
    const bool decided = w->value - w->error > w->runner_up || (w->error == 0 && w->runner_up < w->value);
    if (value_at >= 0) {
        const naive_real most = larger(w->value + w->error, w->runner_up) - w->value;
        p->outputs[value_at]->error[i] = decided ? w->error : larger(w->error, most);
    }
    if (place_at >= 0) p->outputs[place_at]->error[i] = decided ? 0 : INFINITY;
}

/* sign -1: the least, as the largest of what is negated. */
static void largest(propagation *p, int sign, int value_at, int place_at) {
    const naive_array *x = &p->call->inputs[0];
    const naive_value *y = p->outputs[0];
    const bool keepdims = naive_bool(p->call, "keepdims");
    bool reduced[WG_MAX_RANK];
    naive_reduced(p->call, x->type.rank, reduced);
    winner *winners = calloc((size_t)y->count + 1, sizeof *winners);
    ck_assert_ptr_nonnull(winners);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, keepdims, i.at, kept, &place);
        meet(&winners[naive_at(&y->type, kept)], sign * x->value[i.number], p->errors[0][i.number],
             p->names[0][i.number], place == 0);
    }
    for (int64_t i = 0; i < y->count; i++) settle(p, &winners[i], value_at, place_at, i);
    free(winners);
}
static void max(propagation *p) { largest(p, 1, 0, 1); }
static void min(propagation *p) { largest(p, -1, 0, 1); }
static void argmax(propagation *p) { largest(p, 1, -1, 0); }
static void argmin(propagation *p) { largest(p, -1, -1, 0); }

/* --- In order --------------------------------------------------------------------------------------------
 */

/* For each element of x: is it surely apart from all others of its row or reduction, or a tie that errors do
 * not touch? */
static bool *apart_of(const propagation *p, const bool reduced[WG_MAX_RANK]) {
    const naive_array *x = &p->call->inputs[0];
    bool *apart = malloc((size_t)x->count + 1);
    if (!apart) ck_abort_msg("out of memory");
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        apart[i.number] = true;
        wg_type row = x->type;
        for (int axis = 0; axis < x->type.rank; axis++)
            if (!reduced[axis]) row.extent[axis] = 1;
        for (naive_index j = naive_first(&row); j.more; naive_next(&j)) {
            for (int axis = 0; axis < x->type.rank; axis++)
                if (!reduced[axis]) j.at[axis] = i.at[axis];
            const int64_t other = naive_at(&x->type, j.at);
            for (int axis = 0; axis < x->type.rank; axis++)
                if (!reduced[axis]) j.at[axis] = 0;
            const naive_real both = p->errors[0][i.number] + p->errors[0][other];
            apart[i.number] &= both == 0 || p->names[0][i.number] == p->names[0][other] ||
                               fabsl(x->value[i.number] - x->value[other]) > both;
        }
    }
    return apart;
}

/* Elements by their place in order along an axis: each is monotone in all numbers, so its error is that of
 * corners, and its index is known where the element that stands there is apart. */
static void ordered(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    const int places = p->call->op->outputs - 1,
              axis = naive_axis(naive_int(p->call, "axis", 0), x->type.rank);
    const bool unsorted = !strcmp(p->call->op->name, "topk") && !naive_bool(p->call, "sorted");
    bool reduced[WG_MAX_RANK] = {false}, all = true;
    reduced[axis] = true;
    bool *apart = apart_of(p, reduced);
    if (places) corners(p);
    for (naive_index i = naive_first(&p->outputs[places]->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        memcpy(at, i.at, sizeof at);
        at[axis] = (int64_t)p->call->outputs[places].value[i.number];
        const bool known = apart[naive_at(&x->type, at)];
        p->outputs[places]->error[i.number] = known ? 0 : INFINITY;
        all &= known;
    }
    for (int64_t i = 0; unsorted && !all && i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] = p->outputs[1]->error[i] = INFINITY;
    free(apart);
}

static void median(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    bool reduced[WG_MAX_RANK];
    naive_reduced(p->call, x->type.rank, reduced);
    bool *apart = apart_of(p, reduced);
    corners(p);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, naive_bool(p->call, "keepdims"), i.at, kept, &place);
        const int64_t at = naive_at(&p->outputs[1]->type, kept);
        if ((naive_real)place == p->call->outputs[1].value[at])
            p->outputs[1]->error[at] = apart[i.number] ? 0 : INFINITY;
    }
    free(apart);
}

static void max_pool(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    const naive_value *y = p->outputs[0];
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        winner w = {0};
        bool first = true;
        const wg_type taps = naive_taps(p->call, &x->type);
        for (naive_index tap = naive_first(&taps); tap.more; naive_next(&tap)) {
            const int64_t at = naive_tap(p->call, &x->type, i.at, tap.at);
            if (at < 0) continue;
            meet(&w, x->value[at], p->errors[0][at], p->names[0][at], first);
            first = false;
        }
        settle(p, &w, 0, 1, i.number);
    }
}

/* Numbers picked or put by places: linear, but of a place that is not known nothing can be said. */
static void by_places(propagation *p) {
    const naive_array *places = &p->call->inputs[1];
    linear(p);
    bool known = true;
    for (int64_t i = 0; i < places->count; i++) known &= p->errors[1][i] == 0;
    for (int64_t i = 0; !known && i < p->outputs[0]->count; i++) p->outputs[0]->error[i] = INFINITY;
}

/* Decided where it is the same at both ends of the error of its one number. */
static void decided(propagation *p) {
    corners(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        if (p->outputs[0]->error[i] > 0) p->outputs[0]->error[i] = INFINITY;
}

/* Of rows along the last axis: nothing is said of what is made of a row that is not exact. */
static void exact_rows(propagation *p) {
    const naive_array *x = &p->call->inputs[0], *y = &p->call->outputs[0];
    const int64_t in = x->type.extent[x->type.rank - 1], out = y->type.extent[y->type.rank - 1];
    for (int64_t i = 0; i < y->count; i++)
        for (int64_t k = i / out * in; k < (i / out + 1) * in; k++)
            if (p->errors[0][k] > 0) p->outputs[0]->error[i] = INFINITY;
}

/* Four outputs, one behind the other the numbers of the input. */
static void each_run(propagation *p) {
    int64_t at = 0;
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < p->outputs[k]->count; i++) p->outputs[k]->error[i] = p->errors[0][at++];
}

/* Smooth: what the error of each number makes of the outputs, added up; the second order is lost in what is
 * added to it, as long as errors are small. */
static void one_at_a_time(propagation *p) {
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) {
            const naive_real e = p->errors[i][k];
            if (e == 0) continue;
            naive_real *moved[NAIVE_INPUTS] = {NULL};
            naive_call other;
            moved[i] = numbers(p->call->inputs[i].count);
            memcpy(moved[i], p->call->inputs[i].value, (size_t)p->call->inputs[i].count * sizeof *moved[i]);
            moved[i][k] += e;
            evaluate_at(p->call, moved, &other);
            for (int out = 0; out < p->call->op->outputs; out++)
                for (int64_t at = 0; at < p->outputs[out]->count; at++) {
                    const naive_real off =
                        fabsl(other.outputs[out].value[at] - p->call->outputs[out].value[at]);
                    p->outputs[out]->error[at] += e < 0x1p-14L ? 1.01L * off + 0x1p-60L * e
                                                  : off == 0   ? 0
                                                               : INFINITY; /* NaN too */
                }
            free_outputs(&other);
            free(moved[i]);
        }
}

/* --- Normalization ---------------------------------------------------------------------------------------
 */

/* With D the errors of x less its mean, V = mean (2 |d| D + D²) bounds the error of the variance, and the
 * scale is off most where the variance is least. */
static void standardize(propagation *p) {
    const naive_array *x = &p->call->inputs[0], *mean = &p->call->outputs[1], *scale = &p->call->outputs[2];
    const naive_real center = naive_bool(p->call, "center"), epsilon = naive_number(p->call, "epsilon");
    const naive_real n = (naive_real)x->count / (naive_real)mean->count;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i))
        p->outputs[1]->error[naive_broadcast_at(mean, i.at, x->type.rank)] +=
            center * p->errors[0][i.number] / n;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(mean, i.at, x->type.rank);
        const naive_real off = p->errors[0][i.number] + p->outputs[1]->error[at];
        p->outputs[3]->error[at] += off * (2 * fabsl(x->value[i.number] - mean->value[at]) + off) / n;
    }
    for (int64_t at = 0; at < mean->count; at++) {
        const naive_real least = p->call->outputs[3].value[at] - p->outputs[3]->error[at];
        const naive_real off = 1 / sqrtl((least > 0 ? least : 0) + epsilon) - scale->value[at];
        p->outputs[2]->error[at] = p->outputs[3]->error[at] > 0 ? off : 0;
    }
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(mean, i.at, x->type.rank);
        const naive_real off = p->errors[0][i.number] + p->outputs[1]->error[at];
        const naive_real error = off * (scale->value[at] + p->outputs[2]->error[at]) +
                                 fabsl(x->value[i.number] - mean->value[at]) * p->outputs[2]->error[at];
        p->outputs[0]->error[i.number] = isnan(error) ? INFINITY : error;
    }
}

/* The largest |x| and the largest error in a column of what is rows of `columns` numbers. */
static void column_most(const naive_array *x, const naive_real *errors, int64_t columns, int64_t column,
                        naive_real *most, naive_real *error) {
    *most = *error = 0;
    for (int64_t i = column; i < x->count; i += columns) {
        *most = larger(*most, fabsl(x->value[i]));
        *error = larger(*error, errors[i]);
    }
}

/* The errors of a mask that is added; of one of bool nothing can be said. */
static naive_real mask_error(const propagation *p) {
    naive_real most = 0;
    const naive_array *mask = &p->call->inputs[3];
    for (int64_t i = 0; p->call->input_count > 3 && mask->type.dtype && i < mask->count; i++)
        most = larger(most, mask->type.dtype == WG_BOOL && p->errors[3][i] > 0 ? INFINITY : p->errors[3][i]);
    return most;
}

/* Scores that are off by at most e change weights by a factor exp(±2 e) at most, and the logarithm of their
 * sum by e; e is bounded for all keys of a query at once. */
static void attention(propagation *p) {
    const naive_array *q = &p->call->inputs[0], *k = q + 1, *v = q + 2;
    const int64_t depth = q->type.extent[q->type.rank - 1], values = v->type.extent[v->type.rank - 1];
    const naive_real scale = fabsl(naive_number(p->call, "scale")), added = mask_error(p);
    naive_real *off = p->outputs[1]->error, most, error;
    for (int64_t i = 0; i < p->outputs[1]->count; i++) off[i] = added;
    for (int64_t e = 0; e < depth; e++) {
        column_most(k, p->errors[1], depth, e, &most, &error);
        for (int64_t i = e; i < q->count; i += depth)
            off[i / depth] += scale * (fabsl(q->value[i]) * error + p->errors[0][i] * (most + error));
    }
    for (int64_t d = 0; d < values; d++) {
        column_most(v, p->errors[2], values, d, &most, &error);
        for (int64_t i = d; i < p->outputs[0]->count; i += values) {
            const naive_real factor = expm1l(2 * off[i / values]);
            p->outputs[0]->error[i] = factor > 0 ? factor * (most + error) + error : error;
        }
    }
}

/* Of weights that are exponentials of scores less a number that is given, little can be said. */
static void attention_grad(propagation *p) {
    bool known = true;
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int output = 0; !known && output < p->call->op->outputs; output++)
        for (int64_t i = 0; i < p->outputs[output]->count; i++) p->outputs[output]->error[i] = INFINITY;
}

/* What r (dy + mean dy + y mean (dy y)) grows by, of absolute values, where each is larger by its error. */
static void standardize_grad(propagation *p) {
    const naive_array *dy = &p->call->inputs[0], *y = &p->call->inputs[1], *r = &p->call->inputs[2];
    const naive_real center = naive_bool(p->call, "center");
    const naive_real n = (naive_real)dy->count / (naive_real)r->count;
    naive_real *sums[4]; /* mean dy and mean dy y, without errors and with them */
    for (int k = 0; k < 4; k++) sums[k] = numbers(r->count);
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(r, i.at, dy->type.rank);
        for (int k = 0; k < 2; k++) {
            const naive_real of_dy = fabsl(dy->value[i.number]) + (k ? p->errors[0][i.number] : 0);
            const naive_real of_y = fabsl(y->value[i.number]) + (k ? p->errors[1][i.number] : 0);
            sums[2 * k][at] += center * of_dy / n;
            sums[2 * k + 1][at] += of_dy * of_y / n;
        }
    }
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(r, i.at, dy->type.rank);
        const naive_real own = fabsl(dy->value[i.number]), e_own = p->errors[0][i.number];
        const naive_real of_y = fabsl(y->value[i.number]), e_y = p->errors[1][i.number];
        const naive_real inner = own + sums[0][at] + of_y * sums[1][at];
        const naive_real grown =
            e_own + (sums[2][at] - sums[0][at]) + (of_y * (sums[3][at] - sums[1][at]) + e_y * sums[3][at]);
        const naive_real error = fabsl(r->value[at]) * grown + p->errors[2][at] * (inner + grown);
        p->outputs[0]->error[i.number] = isnan(error) ? INFINITY : error;
    }
    for (int k = 0; k < 4; k++) free(sums[k]);
}

/* Products and extrema of what is put by places: linear or monotone in each number, so largest at corners. */
static void reduced_by_places(propagation *p) {
    by_places(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] = isinf(p->outputs[0]->error[i]) ? INFINITY : 0;
    corners(p);
}

/* f(E) - f(0): a number that is written beside those of x has no error. */
static void affine(propagation *p) {
    naive_real *zero[NAIVE_INPUTS] = {numbers(p->call->inputs[0].count)};
    naive_call other;
    linear(p);
    evaluate_at(p->call, zero, &other);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] -= fabsl(other.outputs[0].value[i]);
    free_outputs(&other);
    free(zero[0]);
}

/* --- Probability -----------------------------------------------------------------------------------------
 */

/* log of sum_j p_j exp(e_j): what the errors of a row make of the logarithm of its sum, at most. */
static naive_real log_sum_error(const naive_real *x, const naive_real *e, int64_t n, int64_t step) {
    naive_real most = -INFINITY, sum = 0, moved = 0;
    for (int64_t k = 0; k < n; k++) most = larger(most, x[k * step]);
    for (int64_t k = 0; k < n; k++) {
        const naive_real weight = expl(x[k * step] - most);
        sum += weight;
        moved += weight * expm1l(e[k * step]);
    }
    return log1pl(moved / sum);
}

/* p_i is off by no more than a factor exp(± (e_i + log sum_j p_j exp(e_j))), by Jensen's inequality. */
static void along_axis(propagation *p, bool logarithm) {
    const naive_array *x = &p->call->inputs[0], *y = &p->call->outputs[0];
    const int axis = naive_axis(naive_int(p->call, "axis", 0), x->type.rank);
    const int64_t n = x->type.rank ? x->type.extent[axis] : 1;
    int64_t step = 1;
    for (int i = axis + 1; i < x->type.rank; i++) step *= x->type.extent[i];
    for (int64_t i = 0; i < x->count; i++) {
        if (i / step % n != 0) continue; /* the first of each row */
        const naive_real of_sum = log_sum_error(x->value + i, p->errors[0] + i, n, step);
        for (int64_t k = i; k < i + n * step; k += step) {
            const naive_real off = p->errors[0][k] + of_sum;
            p->outputs[0]->error[k] = logarithm ? off : y->value[k] * expm1l(off);
        }
    }
}
static void softmax(propagation *p) { along_axis(p, false); }
static void log_softmax(propagation *p) { along_axis(p, true); }

/* p[n, c] of the targets and its error; class indices are exact or unknown. */
static naive_real target(const propagation *p, int input, int64_t n, int64_t c, int64_t classes,
                         naive_real *error) {
    const naive_array *targets = &p->call->inputs[input];
    const int64_t at = targets->type.rank == 2 ? n * classes + c : n;
    *error = p->errors[input][at];
    return targets->type.rank == 2 ? targets->value[at] : targets->value[at] == (naive_real)c;
}

static void cross_entropy(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    const int64_t classes = x->type.extent[1];
    for (int64_t n = 0; n < p->outputs[0]->count; n++) {
        const naive_real *row = x->value + n * classes, *e = p->errors[0] + n * classes;
        const naive_real off = log_sum_error(row, e, classes, 1);
        naive_real most = -INFINITY, sum = 0;
        for (int64_t c = 0; c < classes; c++) most = larger(most, row[c]);
        for (int64_t c = 0; c < classes; c++) sum += expl(row[c] - most);
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            const naive_real probability = fabsl(target(p, 1, n, c, classes, &error));
            if (probability == 0 && error == 0) continue;
            p->outputs[0]->error[n] +=
                (probability + error) * (e[c] + off) + error * fabsl(row[c] - most - logl(sum));
        }
    }
}

/* dy (P s - p) with P = sum p: each factor with its error. */
static void cross_entropy_grad(propagation *p) {
    const naive_array *dy = &p->call->inputs[0], *x = &p->call->inputs[1];
    const int64_t classes = x->type.extent[1];
    for (int64_t n = 0; n < dy->count; n++) {
        const naive_real *row = x->value + n * classes, *e = p->errors[1] + n * classes;
        const naive_real off = log_sum_error(row, e, classes, 1), edy = p->errors[0][n];
        naive_real most = -INFINITY, sum = 0, mass = 0, mass_error = 0;
        for (int64_t c = 0; c < classes; c++) most = larger(most, row[c]);
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            sum += expl(row[c] - most);
            mass += fabsl(target(p, 2, n, c, classes, &error));
            mass_error += p->call->inputs[2].type.rank == 2 ? error : 0;
        }
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            const naive_real one_hot = target(p, 2, n, c, classes, &error), s = expl(row[c] - most) / sum;
            const naive_real es = s * expm1l(e[c] + off), inner = mass * es + mass_error * (s + es) + error;
            p->outputs[0]->error[n * classes + c] =
                (fabsl(dy->value[n]) + edy) * inner + edy * fabsl(mass * s - one_hot);
        }
    }
}

static const struct {
    const char *name;
    rule *rule;
    element_rule *of_element;
} rules[] = {
    {"add", NULL, sum_of_errors},
    {"sub", NULL, sum_of_errors},
    {"mul", product, NULL},
    {"div", NULL, quotient},
    {"neg", linear, NULL},
    {"square", product, NULL},
    {"sqrt", corners, NULL},
    {"pow", power, NULL},
    {"exp", corners, NULL},
    {"log", corners, NULL},
    {"sin", NULL, sine},
    {"cos", NULL, cosine},
    {"tanh", corners, NULL},
    {"sigmoid", corners, NULL},
    {"relu", NULL, relu},
    {"relu_grad", NULL, relu_grad},
    {"relu_mask", NULL, relu_mask},
    {"maximum", NULL, maximum},
    {"minimum", NULL, minimum},
    {"abs", NULL, absolute},
    {"sign", NULL, sign},
    {"scale_cotangent", NULL, scale_cotangent},
    {"equal", NULL, comparison},
    {"not_equal", NULL, comparison},
    {"less", NULL, comparison},
    {"less_equal", NULL, comparison},
    {"greater", NULL, comparison},
    {"greater_equal", NULL, comparison},
    {"where", NULL, where},
    {"prod", product, NULL},
    {"cumsum", linear, NULL},
    {"cumprod", product, NULL},
    {"linear_scan", product, NULL},
    {"fmod", NULL, c_remainder},
    {"remainder", NULL, floored_remainder},
    {"hypot", NULL, sum_of_errors},
    {"copysign", NULL, copied_sign},
    {"logaddexp", NULL, larger_of_errors},
    {"logical_and", NULL, logic},
    {"logical_or", NULL, logic},
    {"logical_xor", NULL, logic},
    {"cast", cast, NULL},
    {"stop_gradient", linear, NULL},
    {"full", exact, NULL},
    {"reshape", linear, NULL},
    {"broadcast_to", linear, NULL},
    {"transpose", linear, NULL},
    {"slice", linear, NULL},
    {"slice_grad", linear, NULL},
    {"concat", linear, NULL},
    {"gather", by_places, NULL},
    {"gather_grad", by_places, NULL},
    {"one_hot", any_input, NULL},
    {"index_map", affine, NULL},
    {"index_map_grad", linear, NULL},
    {"tril", linear, NULL},
    {"triu", linear, NULL},
    {"element_index", any_input, NULL},
    {"nd_index", any_input, NULL},
    {"scatter_rows", by_places, NULL},
    {"scatter_reduce_rows", reduced_by_places, NULL},
    {"scatter_last", any_input, NULL},
    {"unfold", linear, NULL},
    {"fold", linear, NULL},
    {"check_finite", linear, NULL},
    {"sum", linear, NULL},
    {"mean", linear, NULL},
    {"max", max, NULL},
    {"max_scatter", by_places, NULL},
    {"max_gather", by_places, NULL},
    {"argmax", argmax, NULL},
    {"min", min, NULL},
    {"argmin", argmin, NULL},
    {"matmul", product, NULL},
    {"conv2d", product, NULL},
    {"conv2d_grad_input", product, NULL},
    {"conv2d_grad_weight", product, NULL},
    {"max_pool1d", max_pool, NULL},
    {"max_pool2d", max_pool, NULL},
    {"max_pool3d", max_pool, NULL},
    {"resample", weighted, NULL},
    {"resample_grad", weighted, NULL},
    {"grid_sample", weighted, NULL},
    {"grid_sample_grad_input", weighted, NULL},
    {"adaptive_max_pool1d", max_pool, NULL},
    {"adaptive_max_pool2d", max_pool, NULL},
    {"adaptive_max_pool3d", max_pool, NULL},
    {"max_pool2d_scatter", by_places, NULL},
    {"max_pool2d_gather", by_places, NULL},
    {"max_pool2d_offset", exact, NULL},
    {"avg_pool1d", linear, NULL},
    {"avg_pool1d_grad", linear, NULL},
    {"avg_pool3d", linear, NULL},
    {"avg_pool3d_grad", linear, NULL},
    {"avg_pool2d", linear, NULL},
    {"avg_pool2d_grad", linear, NULL},
    {"softmax", softmax, NULL},
    {"log_softmax", log_softmax, NULL},
    {"softmax_cross_entropy", cross_entropy, NULL},
    {"softmax_cross_entropy_grad", cross_entropy_grad, NULL},
    {"dropout_mask", exact, NULL},
    {"expm1", corners, NULL},
    {"exp2", corners, NULL},
    {"log1p", corners, NULL},
    {"log2", corners, NULL},
    {"rsqrt", corners, NULL},
    {"reciprocal", smooth, NULL},
    {"tan", smooth, NULL},
    {"asin", corners, NULL},
    {"acos", corners, NULL},
    {"atan", corners, NULL},
    {"sinh", corners, NULL},
    {"cosh", smooth, NULL},
    {"asinh", corners, NULL},
    {"acosh", corners, NULL},
    {"atanh", corners, NULL},
    {"erf", corners, NULL},
    {"erfc", corners, NULL},
    {"lgamma", smooth, NULL},
    {"digamma", smooth, NULL},
    {"polygamma", smooth, NULL},
    {"relu6", corners, NULL},
    {"leaky_relu", corners, NULL},
    {"prelu", corners, NULL},
    {"hard_sigmoid", corners, NULL},
    {"hard_swish", corners, NULL},
    {"hard_tanh", corners, NULL},
    {"hard_shrink", corners, NULL},
    {"soft_shrink", corners, NULL},
    {"threshold", corners, NULL},
    {"elu", corners, NULL},
    {"selu", corners, NULL},
    {"celu", corners, NULL},
    {"gelu", corners, NULL},
    {"silu", corners, NULL},
    {"mish", corners, NULL},
    {"log_sigmoid", corners, NULL},
    {"softplus", corners, NULL},
    {"softsign", corners, NULL},
    {"floor", corners, NULL},
    {"ceil", corners, NULL},
    {"round", corners, NULL},
    {"trunc", corners, NULL},
    {"clip", corners, NULL},
    {"clip_grad", NULL, clip_grad},
    {"nan_to_num", corners, NULL},
    {"isnan", corners, NULL},
    {"isinf", corners, NULL},
    {"isfinite", corners, NULL},
    {"logical_not", NULL, sign},
    {"standardize", standardize, NULL},
    {"standardize_grad", standardize_grad, NULL},
    {"atan2", NULL, angle},
    {"uniform", exact, NULL},
    {"normal", exact, NULL},
    {"bernoulli", decided, NULL},
    {"categorical", exact_rows, NULL},
    {"randperm", exact, NULL},
    {"scaled_dot_product_attention", attention, NULL},
    {"attention_grad", attention_grad, NULL},
    {"gradient_scale", linear, NULL},
    {"straight_through", linear, NULL},
    {"quarters", each_run, NULL},
    {"lstm_cell", one_at_a_time, NULL},
    {"lstm_cell_grad", one_at_a_time, NULL},
    {"gru_cell", one_at_a_time, NULL},
    {"gru_cell_grad", one_at_a_time, NULL},
    {"cholesky", one_at_a_time, NULL},
    {"triangular_solve", one_at_a_time, NULL},
    {"solve", one_at_a_time, NULL},
    {"inverse", one_at_a_time, NULL},
    {"det", one_at_a_time, NULL},
    {"slogdet", one_at_a_time, NULL},
    {"cofactor", one_at_a_time, NULL},
    {"matrix_exp", one_at_a_time, NULL},
    {"sort", ordered, NULL},
    {"argsort", ordered, NULL},
    {"topk", ordered, NULL},
    {"cumulative_max", ordered, NULL},
    {"cumulative_min", ordered, NULL},
    {"median", median, NULL},
};

static int find_rule(const char *name) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (!strcmp(rules[i].name, name)) return (int)i;
    ck_abort_msg("%s has no rule for the errors of its inputs", name);
}

static void propagate(propagation *p) {
    const int found = find_rule(p->call->op->name);
    if (rules[found].rule)
        rules[found].rule(p);
    else
        each_element(p, rules[found].of_element);
}

/* --- Names -----------------------------------------------------------------------------------------------
 */

/* Of what is moved: the definition moves the names; what it fills in is 0. */
static void move_names(const propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {NULL};
    naive_call other;
    for (int i = 0; i < p->call->input_count; i++) {
        if (i > 0 && rules[find_rule(p->call->op->name)].rule == by_places) break; /* the places themselves */
        replaced[i] = numbers(p->call->inputs[i].count);
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) replaced[i][k] = (naive_real)p->names[i][k];
    }
    evaluate_at(p->call, replaced, &other);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->name[i] = (uint64_t)other.outputs[0].value[i];
    free_outputs(&other);
    for (int i = 0; i < NAIVE_INPUTS; i++) free(replaced[i]);
}

/* Of an elementwise op: made of op, attributes and the names of what it reads. */
static void combine_names(const propagation *p) {
    const wg_op *op = p->call->op;
    const uint64_t seed = wg_hash(p->call->attributes, op->attributes_size, (uint64_t)(uintptr_t)op);
    for (naive_index i = naive_first(&p->outputs[0]->type); i.more; naive_next(&i)) {
        const element a = element_at(p, &i);
        p->outputs[0]->name[i.number] = wg_hash(a.name, sizeof a.name, seed) >> 1;
    }
}

static void new_names(naive_value *y, uint32_t id) {
    for (int64_t i = 0; i < y->count; i++) y->name[i] = wg_hash(&i, sizeof i, (uint64_t)id + 1) >> 1;
}

static void name_outputs(const propagation *p, uint32_t id) {
    const int found = find_rule(p->call->op->name);
    const bool moves = rules[found].rule == linear || rules[found].rule == by_places;
    for (int i = 0; i < p->call->op->outputs; i++) new_names(p->outputs[i], id + (uint32_t)i);
    if (p->call->op->flags & WG_ELEMENTWISE && p->call->input_count > 0)
        combine_names(p);
    else if (moves && p->call->roundings == 0)
        move_names(p);
}

/* --- One node --------------------------------------------------------------------------------------------
 */

/* An op on whole numbers is exact, or nothing is known. */
static bool whole_only(const naive_call *call) {
    bool whole = call->input_count > 0;
    for (int i = 0; i < call->input_count; i++) whole &= !is_real(&call->inputs[i]);
    for (int i = 0; i < call->op->outputs; i++) whole &= !is_real(&call->outputs[i]);
    return whole;
}

/* The engine's own roundings, of numbers that are off already; those near 0 lose up to half a unit of the
 * least number more each time. 1 % allows for sizes taken at the exact inputs. */
static void add_rounding(const naive_call *call, int output, naive_value *y) {
    const naive_real u = y->type.dtype == WG_F32 ? 0x1p-24L : y->type.dtype == WG_F64 ? 0x1p-53L : 0;
    const naive_real least = y->type.dtype == WG_F32 ? 0x1p-149L : y->type.dtype == WG_F64 ? 0x1p-1074L : 0;
    const naive_real most = y->type.dtype == WG_F32 ? 0x1p127L : 0x1p1023L;
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real size = call->outputs[output].size[i] + y->error[i];
        if (call->roundings > 0 && u > 0 && size > 0)
            y->error[i] += call->roundings * (u * 1.01L * size + least);
        if (!(y->error[i] < INFINITY) || !(fabsl(y->value[i]) + y->error[i] < most)) y->error[i] = INFINITY;
    }
}

/* The numbers become the value's own. */
static naive_value value_of(const naive_array *x) {
    const naive_value y = {x->type, x->count, x->value, numbers(x->count),
                           calloc((size_t)x->count + 1, sizeof *y.name)};
    if (!y.name) ck_abort_msg("out of memory");
    return y;
}

static void evaluate_node(naive_graph *graph, uint32_t id, const naive_fault *fault) {
    const wg_node *node = &graph->tape->nodes.at[id];
    naive_call call = {.op = node->op,
                       .attributes = wg_node_attributes(graph->tape, node),
                       .roundings = 1,
                       .input_count = node->input_count};
    propagation p = {.call = &call};
    naive_real *spoilt = NULL;
    if (node->input_count > NAIVE_INPUTS) ck_abort_msg("%s has too many inputs", node->op->name);
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t edge = wg_edge(graph->tape, node, i);
        if (edge == WG_ABSENT) continue;
        const naive_value *x = &graph->values[edge];
        call.inputs[i] = (naive_array){.type = x->type, .count = x->count, .value = x->value};
        p.errors[i] = x->error;
        p.names[i] = x->name;
        if (!fault || fault->node != id || fault->input != i) continue;
        call.inputs[i].value = spoilt = numbers(x->count);
        memcpy(spoilt, x->value, (size_t)x->count * sizeof *spoilt);
        spoilt[fault->element] = 0;
    }
    naive_find(node->op->name)(&call);
    for (int i = 0; i < node->output_count; i++) {
        const naive_array *y = &call.outputs[i];
        p.outputs[i] = &graph->values[id + (uint32_t)i];
        *p.outputs[i] = value_of(y);
    }
    name_outputs(&p, id);
    if (whole_only(&call))
        any_input(&p);
    else
        propagate(&p);
    for (int i = 0; i < node->output_count; i++) {
        add_rounding(&call, i, p.outputs[i]);
        free(call.outputs[i].size);
    }
    free(spoilt);
}

static void evaluate_leaf(naive_graph *graph, uint32_t id) {
    const wg_tape *tape = graph->tape;
    const wg_node *node = &tape->nodes.at[id];
    naive_value *y = &graph->values[id];
    if (wg_is_leaf(node->op)) {
        const int64_t index = ((const input_attributes *)wg_node_attributes(tape, node))->index;
        const naive_array x = naive_read(node->op == &wg_op_input ? tape->inputs.at[index]
                                                                  : tape->reads.at[index].state->tensor);
        *y = value_of(&x);
    } else {
        *y = value_of(&(naive_array){.type = wg_node_type(tape, node), .count = 1, .value = numbers(1)});
        y->value[0] = ((const scalar_attributes *)wg_node_attributes(tape, node))->value;
    }
    for (int64_t i = 0; i < y->count; i++) { /* equal numbers are equal bits, but for the sign of 0 */
        const double exact = (double)y->value[i];
        y->name[i] = wg_hash(&exact, sizeof exact, (uint64_t)y->type.dtype) >> 1;
    }
}

/* --- The graph -------------------------------------------------------------------------------------------
 */

static bool *needed_by(const wg_tape *tape, const wg_var *vars) {
    bool *needed = calloc(tape->nodes.count + 1, sizeof *needed);
    ck_assert_ptr_nonnull(needed);
    for (; vars->tape; vars++) needed[vars->id] = true;
    for (size_t id = tape->nodes.count; id-- > 0;) {
        const wg_node *node = &tape->nodes.at[id];
        if (!needed[id]) continue;
        if (node->output) needed[id - node->output] = true;
        for (int i = 0; !node->output && i < node->input_count; i++)
            if (wg_edge(tape, node, i) != WG_ABSENT) needed[wg_edge(tape, node, i)] = true;
    }
    return needed;
}

naive_graph *naive_graph_of(wg_tape *tape, const wg_var *vars, const naive_fault *fault) {
    naive_graph *graph = calloc(1, sizeof *graph);
    bool *needed = needed_by(tape, vars);
    ck_assert_ptr_nonnull(graph);
    *graph = (naive_graph){tape, calloc(tape->nodes.count + 1, sizeof *graph->values),
                           (uint32_t)tape->nodes.count};
    ck_assert_ptr_nonnull(graph->values);
    for (uint32_t id = 0; id < graph->count; id++) {
        const wg_node *node = &tape->nodes.at[id];
        if (!needed[id] || node->output) continue;
        if (wg_is_leaf(node->op) || node->op == &wg_op_scalar)
            evaluate_leaf(graph, id);
        else
            evaluate_node(graph, id, fault);
    }
    free(needed);
    return graph;
}

void naive_graph_free(naive_graph *graph) {
    for (uint32_t id = 0; id < graph->count; id++) {
        free(graph->values[id].value);
        free(graph->values[id].error);
        free(graph->values[id].name);
    }
    free(graph->values);
    free(graph);
}

/* --- Comparison ------------------------------------------------------------------------------------------
 */

static void keep_ratio(naive_comparison *c, double ratio) {
    if (c->ratio_count == c->ratio_room) {
        c->ratio_room = 2 * c->ratio_room + 1024;
        c->ratios = realloc(c->ratios, (size_t)c->ratio_room * sizeof *c->ratios);
        ck_assert_ptr_nonnull(c->ratios);
    }
    c->ratios[c->ratio_count++] = ratio;
}

void naive_compare(naive_comparison *c, const naive_graph *graph, wg_var var) {
    const naive_value *y = &graph->values[var.id];
    const wg_tensor *got = wg_value(var);
    const wg_type type = wg_tensor_type(got);
    ck_assert_msg(!memcmp(&type, &y->type, sizeof type), "%s: the definition has another type",
                  wg_describe(var));
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real value = wg_tensor_get(got, i), off = fabsl(value - y->value[i]);
        c->elements++;
        if (!(y->error[i] < INFINITY)) {
            c->skipped++;
            continue;
        }
        if (y->error[i] > 0) keep_ratio(c, (double)(off / y->error[i]));
        c->largest = fmax(c->largest, y->error[i] > 0 ? (double)(off / y->error[i]) : 0);
        if (off <= y->error[i]) continue;
        if (!c->wrong++)
            snprintf(c->first, sizeof c->first,
                     "%.300s: element %" PRId64 " is %.9Lg, not %.9Lg within %.3Lg", wg_describe(var), i,
                     value, y->value[i], y->error[i]);
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double naive_median(naive_comparison *c) {
    if (!c->ratio_count) return 0;
    qsort(c->ratios, (size_t)c->ratio_count, sizeof *c->ratios, by_size);
    return c->ratios[c->ratio_count / 2];
}

void naive_comparison_free(naive_comparison *c) {
    free(c->ratios);
    *c = (naive_comparison){0};
}
