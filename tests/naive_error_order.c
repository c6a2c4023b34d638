/* naive_error_order — rules of ops that give the place of an element, or go by it: extremes, order, gathers.
 */
#include "naive_error.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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
        *w = (winner){x, e, naive_larger(w->runner_up, loser), name};
    } else if (!tie) {
        w->runner_up = naive_larger(w->runner_up, x + e);
    }
}

/* value_at, place_at: the outputs that hold the largest and its place; below 0: none. */
static void settle(propagation *p, const winner *w, int value_at, int place_at, int64_t i) {
    const bool decided = w->value - w->error > w->runner_up || (w->error == 0 && w->runner_up < w->value);
    if (value_at >= 0) {
        const naive_real most = naive_larger(w->value + w->error, w->runner_up) - w->value;
        p->outputs[value_at]->error[i] = decided ? w->error : naive_larger(w->error, most);
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
void naive_error_max(propagation *p) { largest(p, 1, 0, 1); }
void naive_error_min(propagation *p) { largest(p, -1, 0, 1); }
void naive_error_argmax(propagation *p) { largest(p, 1, -1, 0); }
void naive_error_argmin(propagation *p) { largest(p, -1, -1, 0); }

/* --- In order ---------------------------------------------------------------------------------- */

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
void naive_error_ordered(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    const int places = p->call->op->outputs - 1,
              axis = naive_axis(naive_int(p->call, "axis", 0), x->type.rank);
    const bool unsorted = !strcmp(p->call->op->name, "topk") && !naive_bool(p->call, "sorted");
    bool reduced[WG_MAX_RANK] = {false}, all = true;
    reduced[axis] = true;
    bool *apart = apart_of(p, reduced);
    if (places) naive_error_corners(p);
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

void naive_error_median(propagation *p) {
    const naive_array *x = &p->call->inputs[0];
    bool reduced[WG_MAX_RANK];
    naive_reduced(p->call, x->type.rank, reduced);
    bool *apart = apart_of(p, reduced);
    naive_error_corners(p);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        int64_t kept[WG_MAX_RANK], place;
        naive_split_index(&x->type, reduced, naive_bool(p->call, "keepdims"), i.at, kept, &place);
        const int64_t at = naive_at(&p->outputs[1]->type, kept);
        if ((naive_real)place == p->call->outputs[1].value[at])
            p->outputs[1]->error[at] = apart[i.number] ? 0 : INFINITY;
    }
    free(apart);
}

void naive_error_max_pool(propagation *p) {
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
void naive_error_by_places(propagation *p) {
    const naive_array *places = &p->call->inputs[1];
    naive_error_linear(p);
    bool known = true;
    for (int64_t i = 0; i < places->count; i++) known &= p->errors[1][i] == 0;
    for (int64_t i = 0; !known && i < p->outputs[0]->count; i++) p->outputs[0]->error[i] = INFINITY;
}

/* Decided where it is the same at both ends of the error of its one number. */
void naive_error_decided(propagation *p) {
    naive_error_corners(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        if (p->outputs[0]->error[i] > 0) p->outputs[0]->error[i] = INFINITY;
}

/* Of rows along the last axis: nothing is said of what is made of a row that is not exact. */
void naive_error_exact_rows(propagation *p) {
    const naive_array *x = &p->call->inputs[0], *y = &p->call->outputs[0];
    const int64_t in = x->type.extent[x->type.rank - 1], out = y->type.extent[y->type.rank - 1];
    for (int64_t i = 0; i < y->count; i++)
        for (int64_t k = i / out * in; k < (i / out + 1) * in; k++)
            if (p->errors[0][k] > 0) p->outputs[0]->error[i] = INFINITY;
}

/* Four outputs, one behind the other the numbers of the input. */
void naive_error_each_run(propagation *p) {
    int64_t at = 0;
    for (int k = 0; k < 4; k++)
        for (int64_t i = 0; i < p->outputs[k]->count; i++) p->outputs[k]->error[i] = p->errors[0][at++];
}

/* Smooth: what the error of each number makes of the outputs, added up; the second order is lost in what is
 * added to it, as long as errors are small. */
void naive_error_one_at_a_time(propagation *p) {
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) {
            const naive_real e = p->errors[i][k];
            if (e == 0) continue;
            naive_real *moved[NAIVE_INPUTS] = {NULL};
            naive_call other;
            moved[i] = naive_numbers(p->call->inputs[i].count);
            memcpy(moved[i], p->call->inputs[i].value, (size_t)p->call->inputs[i].count * sizeof *moved[i]);
            moved[i][k] += e;
            naive_evaluate_at(p->call, moved, &other);
            for (int out = 0; out < p->call->op->outputs; out++)
                for (int64_t at = 0; at < p->outputs[out]->count; at++) {
                    const naive_real off =
                        fabsl(other.outputs[out].value[at] - p->call->outputs[out].value[at]);
                    p->outputs[out]->error[at] += e < 0x1p-14L ? 1.01L * off + 0x1p-60L * e
                                                  : off == 0   ? 0
                                                               : INFINITY; /* NaN too */
                }
            naive_free_outputs(&other);
            free(moved[i]);
        }
}
