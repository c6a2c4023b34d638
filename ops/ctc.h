/* ctc.h — what ctc_loss and its gradient share: the states that an alignment goes through. For targets l_1 …
 * l_U they are blank, l_1, blank, l_2, …, l_U, blank, 2 U + 1 of them; from one step to the next a state
 * stays, or the next follows, or the next but one if that is no blank and another label. */
#ifndef WG_OPS_CTC_H
#define WG_OPS_CTC_H

#include "op.h"

typedef struct ctc_attributes {
    int64_t blank;
    bool zero_infinity;
} ctc_attributes;

#if WG_IS_REAL

/* Entry n of a batch. */
typedef struct {
    int64_t batch, classes, steps, states; /* steps and states are its own */
    int64_t *label;                        /* of each state */
    const real *x;                         /* its logarithm for class c at step t is x[t batch classes + c] */
} ctc_entry;

WG_INLINE int64_t ctc_whole(const wg_operand *of, int64_t i) {
    return of->type.dtype == WG_I32 ? ((const int32_t *)of->data)[i] : ((const int64_t *)of->data)[i];
}

/* Of a call whose logarithms are input `first`; the labels are put in front of the workspace. False: the run
 * fails. */
WG_INLINE bool ctc_entry_of(const wg_call *call, int first, int64_t n, ctc_entry *e) {
    const ctc_attributes *a = WG_ATTRIBUTES(call, ctc);
    const wg_type *x = &call->inputs[first].type;
    const int64_t most_steps = x->extent[0], most = call->inputs[first + 1].type.extent[1];
    const int64_t steps = ctc_whole(&call->inputs[first + 2], n),
                  count = ctc_whole(&call->inputs[first + 3], n);
    if (steps < 0 || steps > most_steps || count < 0 || count > most) {
        wg_call_fail(call, WG_ERROR_INDEX, "entry %lld has %lld steps of %lld and %lld targets of %lld",
                     (long long)n, (long long)steps, (long long)most_steps, (long long)count,
                     (long long)most);
        return false;
    }
    *e = (ctc_entry){x->extent[1], x->extent[2], steps, 2 * count + 1, call->workspace,
                     WG_IN(call, first, real) + n * x->extent[2]};
    for (int64_t s = 0; s < e->states; s++) {
        e->label[s] = s % 2 ? ctc_whole(&call->inputs[first + 1], n * most + s / 2) : a->blank;
        if (s % 2 && (e->label[s] < 0 || e->label[s] >= e->classes || e->label[s] == a->blank)) {
            wg_call_fail(call, WG_ERROR_INDEX,
                         "target %lld of entry %lld is %lld; it must be one of %lld classes, not the "
                         "blank, %lld",
                         (long long)(s / 2), (long long)n, (long long)e->label[s], (long long)e->classes,
                         (long long)a->blank);
            return false;
        }
    }
    return true;
}

WG_INLINE real *ctc_numbers(const wg_call *call, int targets) {
    return (real *)((int64_t *)call->workspace + 2 * call->inputs[targets].type.extent[1] + 1);
}

/* May state s follow the one before the last? */
WG_INLINE bool ctc_skips(const ctc_entry *e, int64_t s) {
    return s % 2 && s > 1 && e->label[s] != e->label[s - 2];
}
WG_INLINE real ctc_at(const ctc_entry *e, int64_t t, int64_t s) {
    return e->x[t * e->batch * e->classes + e->label[s]];
}

/* log(exp a + exp b + exp c) */
WG_INLINE real ctc_sum(real a, real b, real c) {
    real most = a > b ? a : b;
    most = c > most ? c : most;
    if (most == -(real)__builtin_inf()) return a + b + c;
    return most + wm_log(wm_exp(a - most) + wm_exp(b - most) + wm_exp(c - most));
}

/* The logarithms of the probabilities of all ways to each state at step t, from those a step before. */
WG_INLINE void ctc_advance(const ctc_entry *e, int64_t t, const real *before, real *after) {
    const real never = -(real)__builtin_inf();
    for (int64_t s = 0; s < e->states; s++)
        after[s] = ctc_at(e, t, s) +
                   ctc_sum(before[s], s > 0 ? before[s - 1] : never, ctc_skips(e, s) ? before[s - 2] : never);
}
/* Before the first step: as if a first blank had been there. */
WG_INLINE void ctc_start(const ctc_entry *e, real *ways) {
    for (int64_t s = 0; s < e->states; s++) ways[s] = s ? -(real)__builtin_inf() : 0;
}
/* -log of the probability of all alignments. */
WG_INLINE real ctc_end(const ctc_entry *e, const real *ways) {
    const real never = -(real)__builtin_inf();
    return -ctc_sum(ways[e->states - 1], e->states > 1 ? ways[e->states - 2] : never, never);
}

#endif

#ifdef WG_RULES

/* In ctc_lattice.c. The shape rule of logarithms, targets and both lengths, inputs `first` … of a call, and
 * the samples, with a cotangent in front of each or without. */
int wg_ctc_infer(wg_infer *infer, int first);
void wg_ctc_samples(wg_sampler *s, bool with_dy);
/* The loss, its gradient with cotangent dy, and of that the cotangents for dy and x that v gives, in other
 * ops; `of` are logarithms, targets and both lengths. */
wg_var wg_ctc_loss_of(wg_tape *tape, const wg_var *of, const ctc_attributes *a);
wg_var wg_ctc_gradient_of(wg_tape *tape, wg_var dy, const wg_var *of, const ctc_attributes *a);
void wg_ctc_second_of(wg_tape *tape, wg_var dy, const wg_var *of, const ctc_attributes *a, wg_var v,
                      wg_var *of_dy, wg_var *of_x);

#endif
#endif
