/* naive_unary — functions of one number: rounding, predicates, elementary and special functions. */
#include "naive.h"
#include <float.h>
#include <math.h>

static void unary(naive_call *call, naive_real (*f)(naive_real), int roundings) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = roundings;
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, f(x->value[i]));
}

static void predicate(naive_call *call, naive_real (*f)(naive_real)) {
    unary(call, f, 0);
    call->outputs[0].type.dtype = WG_BOOL;
}

/* --- Rounding, predicates, bounds ------------------------------------------------------------------------
 */

static naive_real is_nan(naive_real x) { return isnan(x); }
static naive_real is_finite(naive_real x) { return isfinite(x); }
static naive_real is_zero(naive_real x) { return x == 0; }

static void floor_(naive_call *call) { unary(call, floorl, 0); }
static void ceil_(naive_call *call) { unary(call, ceill, 0); }
static void round_(naive_call *call) { unary(call, rintl, 0); }
static void trunc_(naive_call *call) { unary(call, truncl, 0); }
static void isnan_(naive_call *call) { predicate(call, is_nan); }
static void isfinite_(naive_call *call) { predicate(call, is_finite); }
static void logical_not(naive_call *call) { predicate(call, is_zero); }

static void isinf_(naive_call *call) {
    predicate(call, is_zero);
    const bool low = naive_bool(call, "detect_negative"), high = naive_bool(call, "detect_positive");
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        naive_set(&call->outputs[0], i, isinf(x) && (x > 0 ? high : low));
    }
}

/* An attribute as the kernel has it: rounded to the dtype. */
static naive_real attribute(const naive_call *call, const char *name) {
    const naive_real value = naive_number(call, name);
    return call->inputs[0].type.dtype == WG_F32 ? (naive_real)(float)value : value;
}

static void clip(naive_call *call) {
    const naive_real low = attribute(call, "min"), high = attribute(call, "max");
    unary(call, fabsl, 0);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        naive_set(&call->outputs[0], i, isnan(x) ? x : fminl(fmaxl(x, low), high));
    }
}

static void nan_to_num(naive_call *call) {
    const naive_real largest = call->inputs[0].type.dtype == WG_F32 ? FLT_MAX : DBL_MAX;
    naive_real nan = attribute(call, "nan"), high = attribute(call, "posinf"),
               low = attribute(call, "neginf");
    if (high == INFINITY) high = largest;
    if (low == -INFINITY) low = -largest;
    unary(call, fabsl, 0);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        naive_set(&call->outputs[0], i, isnan(x) ? nan : isinf(x) ? (x > 0 ? high : low) : x);
    }
}

static void clip_grad(naive_call *call) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    const naive_real low = attribute(call, "low"), high = attribute(call, "high");
    naive_array *y = naive_output(call, 0, naive_broadcast_type(call, a->type.dtype));
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const naive_real x = b->value[naive_broadcast_at(b, i.at, y->type.rank)];
        const bool inside = naive_bool(call, "open") ? low < x && x < high : low <= x && x <= high;
        const bool passes = isnan(x) || inside != naive_bool(call, "outside");
        naive_set(y, i.number, passes ? a->value[naive_broadcast_at(a, i.at, y->type.rank)] : 0);
    }
}

const naive_entry naive_unary[] = {
    {"floor", floor_},        {"ceil", ceil_},
    {"round", round_},        {"trunc", trunc_},
    {"isnan", isnan_},        {"isfinite", isfinite_},
    {"isinf", isinf_},        {"logical_not", logical_not},
    {"clip", clip},           {"nan_to_num", nan_to_num},
    {"clip_grad", clip_grad}, {NULL, NULL},
};
