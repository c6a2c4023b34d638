/* naive_error_elementwise — rules of elementwise ops, and of those whose outputs jump or are exact. */
#include "naive_error.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

ELEMENT_RULE(sum_of_errors) {
    UNUSED;
    return a.e[0] + a.e[1];
}

/* No slope is steeper than 1; an operand that surely loses does not count. */
static naive_real larger_error(element a, naive_real sign) {
    const naive_real lead = sign * (a.x[0] - a.x[1]);
    return lead > a.e[0] + a.e[1] ? a.e[0] : -lead > a.e[0] + a.e[1] ? a.e[1] : naive_larger(a.e[0], a.e[1]);
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

/* 0 if either is surely 0, whatever the other. */
ELEMENT_RULE(scale_cotangent) {
    UNUSED;
    if ((a.x[0] == 0 && a.e[0] == 0) || (a.x[1] == 0 && a.e[1] == 0)) return 0;
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
    return naive_larger(a.e[0], a.e[1]);
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
void naive_error_power(propagation *p) {
    naive_error_corners(p);
    naive_value *out = p->outputs[0];
    for (naive_index i = naive_first(&out->type); i.more; naive_next(&i)) {
        const element a = naive_element_at(p, &i);
        if ((a.e[0] != 0 && fabsl(a.x[0]) <= a.e[0]) || (a.x[0] <= 0 && a.e[1] != 0))
            out->error[i.number] = INFINITY;
    }
}

/* From real numbers to whole ones f jumps; to f32 it rounds what was not exact. */
void naive_error_cast(propagation *p) {
    const wg_dtype to = p->outputs[0]->type.dtype;
    if (to != WG_F32 && to != WG_F64) {
        naive_error_corners(p);
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

void naive_error_exact(propagation *p) { (void)p; }

/* Whole numbers that nothing is said of make a row of which nothing is said. */
void naive_error_any_input(propagation *p) {
    bool known = true;
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int64_t i = 0; !known && i < p->outputs[0]->count; i++) p->outputs[0]->error[i] = INFINITY;
}
