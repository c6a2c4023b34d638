/* naive_normalization — numbers less their mean, by the root of their variance, over whatever axes.
 *
 * With n numbers of variance v and standard deviation s = sqrt(v + epsilon): adding up rounds n times. A mean
 * that is off by n roundings of mean |x| is made good by a second pass, in which roundings of that error are
 * left; it is `residue` here, beside the numbers less their mean. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>

/* Of all elements with one index in the axes that stay apart. */
typedef struct {
    naive_real n, mean, variance, residue, scale, deviation; /* scale 1 / s; deviation: mean |x - mean| */
} group_facts;

/* Does element `at` belong to the group that element `of` belongs to? */
static bool same_group(const bool apart[WG_MAX_RANK], int rank, const int64_t *at, const int64_t *of) {
    for (int axis = 0; axis < rank; axis++)
        if (apart[axis] && at[axis] != of[axis]) return false;
    return true;
}

static naive_real group_mean(const naive_array *x, const naive_array *y, const bool apart[WG_MAX_RANK],
                             const int64_t *of, bool absolute) {
    naive_real sum = 0, n = 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        if (!same_group(apart, x->type.rank, i.at, of)) continue;
        const naive_real term = x->value[i.number] * (y ? y->value[i.number] : 1);
        sum += absolute ? fabsl(term) : term;
        n += 1;
    }
    return sum / n;
}

static group_facts facts(const naive_array *x, const bool apart[WG_MAX_RANK], const int64_t *of,
                         naive_real epsilon, bool center) {
    group_facts f = {.mean = center ? group_mean(x, NULL, apart, of, false) : 0};
    f.residue = center ? 0x1p-18L * group_mean(x, NULL, apart, of, true) : 0;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        if (!same_group(apart, x->type.rank, i.at, of)) continue;
        const naive_real d = x->value[i.number] - f.mean;
        f.n += 1;
        f.variance += d * d;
        f.deviation += fabsl(d);
    }
    f.variance /= f.n;
    f.deviation /= f.n;
    f.scale = 1 / sqrtl(f.variance + epsilon);
    return f;
}

/* How large what is rounded on the way to (x - mean) / s is. */
static naive_real standard_size(const group_facts *f, naive_real x) {
    return (fabsl(x - f->mean) + f->deviation + f->residue) * f->scale *
           (1 + f->residue * f->residue * f->scale * f->scale);
}

static wg_type kept_type(wg_type type, const bool apart[WG_MAX_RANK]) {
    for (int axis = 0; axis < type.rank; axis++)
        if (!apart[axis]) type.extent[axis] = 1;
    return type;
}

static void axes_apart(const naive_call *call, bool apart[WG_MAX_RANK]) {
    for (int axis = 0; axis < WG_MAX_RANK; axis++)
        apart[axis] = axis >= naive_int(call, "from", 0) && axis < naive_int(call, "to", 0);
}

static void standardize(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const naive_real epsilon = naive_number(call, "epsilon");
    const bool center = naive_bool(call, "center");
    bool apart[WG_MAX_RANK];
    axes_apart(call, apart);
    naive_array *y = naive_output(call, 0, x->type), *further[3];
    for (int i = 0; i < 3; i++) further[i] = naive_output(call, 1 + i, kept_type(x->type, apart));
    call->roundings = 16;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const group_facts f = facts(x, apart, i.at, epsilon, center);
        y->value[i.number] = (x->value[i.number] - f.mean) * f.scale;
        y->size[i.number] = standard_size(&f, x->value[i.number]);
        const int64_t at = naive_broadcast_at(further[0], i.at, x->type.rank);
        const naive_real spread = f.variance + f.residue * f.residue;
        further[0]->value[at] = f.mean;
        further[0]->size[at] = fabsl(f.mean) + f.residue + f.deviation;
        further[1]->value[at] = f.scale;
        further[1]->size[at] = f.scale * (spread + epsilon) / (f.variance + epsilon);
        further[2]->value[at] = f.variance;
        further[2]->size[at] = spread;
        call->roundings = f.n + 16;
    }
}

/* --- With a weight and a bias -------------------------------------------------------------------------- */

/* The number of an input that belongs to an element of x: input axis k is axis first + k of x. */
static naive_real factor(const naive_call *call, int input, const int64_t *at, int first, naive_real absent) {
    const naive_array *v = &call->inputs[input];
    if (input >= call->input_count || !v->type.dtype) return absent;
    return v->value[naive_at(&v->type, at + first)];
}

/* Element i of the output: standardized by f, times weight (input 1), plus bias (input 2). */
static void set_affine(naive_call *call, const naive_index *i, const group_facts *f, int first) {
    naive_array *y = &call->outputs[0];
    const naive_real x = call->inputs[0].value[i->number];
    const naive_real weight = factor(call, 1, i->at, first, 1), bias = factor(call, 2, i->at, first, 0);
    y->value[i->number] = (x - f->mean) * f->scale * weight + bias;
    y->size[i->number] = standard_size(f, x) * fabsl(weight) + fabsl(bias);
    call->roundings = f->n + 20;
}

/* Over the axes that do not stay apart; weight and bias belong to x's axes from `first` on. */
static void normalize(naive_call *call, const bool apart[WG_MAX_RANK], int first, bool center) {
    const naive_array *x = &call->inputs[0];
    const naive_real epsilon = naive_number(call, "epsilon");
    naive_output(call, 0, x->type);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const group_facts f = facts(x, apart, i.at, epsilon, center);
        set_affine(call, &i, &f, first);
    }
}

static void over_last_axes(naive_call *call, bool center) {
    const int axis = naive_axis(naive_int(call, "axis", 0), call->inputs[0].type.rank);
    bool apart[WG_MAX_RANK];
    for (int k = 0; k < WG_MAX_RANK; k++) apart[k] = k < axis;
    normalize(call, apart, axis, center);
}
static void layer_norm(naive_call *call) { over_last_axes(call, true); }
static void rms_norm(naive_call *call) { over_last_axes(call, false); }
static void instance_norm(naive_call *call) { normalize(call, (bool[WG_MAX_RANK]){true, true}, 1, true); }

static void batch_norm(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    if (call->input_count < 5 || !call->inputs[4].type.dtype) {
        normalize(call, (bool[WG_MAX_RANK]){false, true}, 1, true);
        return;
    }
    naive_output(call, 0, x->type);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const naive_real variance = factor(call, 4, i.at, 1, 1);
        const group_facts f = {.mean = factor(call, 3, i.at, 1, 0),
                               .scale = 1 / sqrtl(variance + naive_number(call, "epsilon"))};
        set_affine(call, &i, &f, 1);
    }
}

/* Channel c is in group c / (C / groups). */
static void group_norm(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int64_t groups = naive_int(call, "num_groups", 0), share = x->type.extent[1] / groups;
    const naive_real epsilon = naive_number(call, "epsilon");
    naive_array split = *x; /* as [N, groups, the rest] */
    split.type.rank = 3;
    split.type.extent[1] = groups;
    split.type.extent[2] = share;
    for (int axis = 2; axis < x->type.rank; axis++) split.type.extent[2] *= x->type.extent[axis];
    naive_output(call, 0, x->type);
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t of[3] = {i.at[0], i.at[1] / share};
        const group_facts f = facts(&split, (bool[WG_MAX_RANK]){true, true}, of, epsilon, true);
        set_affine(call, &i, &f, 1);
    }
}

/* r (dy - mean dy - y mean (dy y)) */
static void standardize_grad(naive_call *call) {
    const naive_array *dy = &call->inputs[0], *y = &call->inputs[1], *r = &call->inputs[2];
    const bool center = naive_bool(call, "center");
    bool apart[WG_MAX_RANK];
    axes_apart(call, apart);
    naive_array *g = naive_output(call, 0, dy->type);
    call->roundings = (naive_real)(r->count ? dy->count / r->count : 0) + 8;
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const naive_real scale = r->value[naive_broadcast_at(r, i.at, dy->type.rank)];
        const naive_real own = dy->value[i.number], at = y->value[i.number];
        const naive_real mean = center ? group_mean(dy, NULL, apart, i.at, false) : 0;
        const naive_real size = center ? group_mean(dy, NULL, apart, i.at, true) : 0;
        g->value[i.number] = scale * (own - mean - at * group_mean(dy, y, apart, i.at, false));
        g->size[i.number] =
            fabsl(scale) * (fabsl(own) + size + fabsl(at) * group_mean(dy, y, apart, i.at, true));
    }
}

/* Squares of neighbours are added up, then raised to a power, whose error grows with the logarithm. */
static void local_response_norm(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int64_t size = naive_int(call, "size", 0), channels = x->type.extent[1];
    const naive_real alpha = naive_number(call, "alpha"), beta = naive_number(call, "beta");
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = (naive_real)size + 16;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        naive_real divisor = naive_number(call, "bias");
        for (int64_t k = 0; k < size; k++) {
            int64_t at[WG_MAX_RANK];
            for (int axis = 0; axis < WG_MAX_RANK; axis++) at[axis] = i.at[axis];
            at[1] += k - (size - 1) / 2;
            if (at[1] < 0 || at[1] >= channels) continue;
            const naive_real other = x->value[naive_at(&x->type, at)];
            divisor += alpha / (naive_real)size * other * other;
        }
        y->value[i.number] = x->value[i.number] / powl(divisor, beta);
        y->size[i.number] = fabsl(y->value[i.number]) * (1 + fabsl(beta) * (1 + fabsl(logl(divisor))));
    }
}

static void weight_norm(naive_call *call) {
    const naive_array *v = &call->inputs[0], *g = &call->inputs[1];
    const int axis = naive_axis(naive_int(call, "axis", 0), v->type.rank);
    naive_array *w = naive_output(call, 0, v->type);
    call->roundings = (naive_real)v->count + 8;
    for (naive_index i = naive_first(&v->type); i.more; naive_next(&i)) {
        naive_real squares = 0;
        for (naive_index k = naive_first(&v->type); k.more; naive_next(&k))
            if (k.at[axis] == i.at[axis]) squares += v->value[k.number] * v->value[k.number];
        naive_set(w, i.number, g->value[i.at[axis]] * v->value[i.number] / sqrtl(squares));
    }
}

const naive_entry naive_normalization[] = {
    {"standardize", standardize},
    {"standardize_grad", standardize_grad},
    {"layer_norm", layer_norm},
    {"rms_norm", rms_norm},
    {"group_norm", group_norm},
    {"instance_norm", instance_norm},
    {"batch_norm", batch_norm},
    {"local_response_norm", local_response_norm},
    {"weight_norm", weight_norm},
    {NULL, NULL},
};
