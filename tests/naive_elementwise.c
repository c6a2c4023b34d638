/* naive_elementwise — ops in which an element of the result depends on the same element of each input.
 *
 * Sums, products, quotients and roots are rounded once. Elementary functions are held to 4 u, two units in
 * the last place. */
#include "naive.h"
#include <math.h>
#include <string.h>

static bool whole(wg_dtype dtype) { return dtype != WG_F32 && dtype != WG_F64; }

static naive_real sigmoid_of(naive_real x) { return 1 / (1 + expl(-x)); }
static naive_real square_of(naive_real x) { return x * x; }
static naive_real negative(naive_real x) { return -x; }
static naive_real itself(naive_real x) { return x; }
static naive_real positive_part(naive_real x) { return x > 0 || isnan(x) ? x : 0; }

static naive_real sign_of(naive_real x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

static void negate(naive_call *call) { naive_map(call, negative, 0); }
static void absolute(naive_call *call) { naive_map(call, fabsl, 0); }
static void exponential(naive_call *call) { naive_map(call, expl, 4); }
static void logarithm(naive_call *call) { naive_map(call, logl, 4); }
static void root(naive_call *call) { naive_map(call, sqrtl, 1); }
static void square(naive_call *call) { naive_map(call, square_of, 1); }
static void sine(naive_call *call) { naive_map(call, sinl, 4); }
static void cosine(naive_call *call) { naive_map(call, cosl, 4); }
static void tangent_h(naive_call *call) { naive_map(call, tanhl, 4); }
static void sigmoid(naive_call *call) { naive_map(call, sigmoid_of, 4); }
static void relu(naive_call *call) { naive_map(call, positive_part, 0); }
static naive_real not_up_to_zero(naive_real x) { return !(x <= 0); }
static void relu_mask(naive_call *call) {
    naive_map(call, not_up_to_zero, 0);
    call->outputs[0].type.dtype = WG_BOOL;
}
static void sign(naive_call *call) { naive_map(call, sign_of, 0); }
static void identity(naive_call *call) { naive_map(call, itself, 0); }

/* f of two broadcast inputs; comparisons give bool. */
static void binary_as(naive_call *call, naive_real (*f)(naive_real, naive_real), int roundings,
                      wg_dtype dtype) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1];
    naive_array *y = naive_output(call, 0, naive_broadcast_type(call, dtype));
    call->roundings = roundings;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i))
        naive_set(y, i.number,
                  f(a->value[naive_broadcast_at(a, i.at, y->type.rank)],
                    b->value[naive_broadcast_at(b, i.at, y->type.rank)]));
}
static void binary(naive_call *call, naive_real (*f)(naive_real, naive_real), int roundings) {
    binary_as(call, f, roundings, call->inputs[0].type.dtype);
}

static naive_real plus(naive_real a, naive_real b) { return a + b; }
static naive_real minus(naive_real a, naive_real b) { return a - b; }
static naive_real times(naive_real a, naive_real b) { return a * b; }
static naive_real over(naive_real a, naive_real b) { return a / b; }
static naive_real truncated(naive_real a, naive_real b) { return truncl(a / b); }
static naive_real larger(naive_real a, naive_real b) { return isnan(a) || a >= b ? a : b; }
static naive_real smaller(naive_real a, naive_real b) { return isnan(a) || a <= b ? a : b; }
static naive_real where_positive(naive_real a, naive_real b) { return b <= 0 ? 0 : a; }
static naive_real times_unless_zero(naive_real a, naive_real b) { return a == 0 || b == 0 ? 0 : a * b; }
static naive_real eq(naive_real a, naive_real b) { return a == b; }
static naive_real ne(naive_real a, naive_real b) { return a != b; }
static naive_real lt(naive_real a, naive_real b) { return a < b; }
static naive_real le(naive_real a, naive_real b) { return a <= b; }
static naive_real gt(naive_real a, naive_real b) { return a > b; }
static naive_real ge(naive_real a, naive_real b) { return a >= b; }

static void add(naive_call *call) { binary(call, plus, 1); }
static void subtract(naive_call *call) { binary(call, minus, 1); }
static void multiply(naive_call *call) { binary(call, times, 1); }
static void divide(naive_call *call) {
    binary(call, whole(call->inputs[0].type.dtype) ? truncated : over, 1);
}
static naive_real whole_power(naive_real a, naive_real b) { return truncl(a == 0 && b < 0 ? 0 : powl(a, b)); }
static void power(naive_call *call) {
    binary(call, whole(call->inputs[0].type.dtype) ? whole_power : powl, 4);
}
static void maximum(naive_call *call) { binary(call, larger, 0); }
static void minimum(naive_call *call) { binary(call, smaller, 0); }
static void relu_grad(naive_call *call) { binary(call, where_positive, 0); }
static void scale_cotangent(naive_call *call) { binary(call, times_unless_zero, 1); }
static void equal(naive_call *call) { binary_as(call, eq, 0, WG_BOOL); }
static void not_equal(naive_call *call) { binary_as(call, ne, 0, WG_BOOL); }
static void less(naive_call *call) { binary_as(call, lt, 0, WG_BOOL); }
static void less_equal(naive_call *call) { binary_as(call, le, 0, WG_BOOL); }
static void greater(naive_call *call) { binary_as(call, gt, 0, WG_BOOL); }
static void greater_equal(naive_call *call) { binary_as(call, ge, 0, WG_BOOL); }

static void where(naive_call *call) {
    const naive_array *condition = &call->inputs[0], *a = &call->inputs[1], *b = &call->inputs[2];
    naive_array *y = naive_output(call, 0, naive_broadcast_type(call, a->type.dtype));
    call->roundings = 0;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const naive_array *from =
            condition->value[naive_broadcast_at(condition, i.at, y->type.rank)] != 0 ? a : b;
        naive_set(y, i.number, from->value[naive_broadcast_at(from, i.at, y->type.rank)]);
    }
}

/* Whole numbers: towards zero, saturating, NaN to 0; bool: is it not 0? */
static naive_real converted(naive_real x, wg_dtype dtype) {
    const naive_real low = dtype == WG_I32 ? -0x1p31L : dtype == WG_I64 ? -0x1p63L : 0;
    const naive_real high = dtype == WG_I32 ? 0x1p31L - 1 : dtype == WG_I64 ? 0x1p63L - 1 : 255;
    switch (dtype) {
    case WG_F32:
        return (naive_real)(float)x;
    case WG_F64:
        return (naive_real)(double)x;
    case WG_BOOL:
        return x != 0;
    default:
        return isnan(x) ? 0 : fminl(fmaxl(truncl(x), low), high);
    }
}

static void cast(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    wg_type type = x->type;
    type.dtype = naive_dtype(call, "dtype");
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0; /* conversions are exact to the bit */
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, converted(x->value[i], type.dtype));
}

static void full(naive_call *call) {
    wg_type type = *naive_shape(call, "shape");
    type.dtype = naive_dtype(call, "dtype");
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 0;
    for (int64_t i = 0; i < y->count; i++)
        naive_set(y, i, converted(naive_number(call, "value"), type.dtype));
}

const naive_entry naive_elementwise[] = {
    {"neg", negate},
    {"abs", absolute},
    {"exp", exponential},
    {"log", logarithm},
    {"sqrt", root},
    {"square", square},
    {"sin", sine},
    {"cos", cosine},
    {"tanh", tangent_h},
    {"sigmoid", sigmoid},
    {"relu", relu},
    {"sign", sign},
    {"relu_grad", relu_grad},
    {"relu_mask", relu_mask},
    {"scale_cotangent", scale_cotangent},
    {"stop_gradient", identity},
    {"gradient_scale", identity},
    {"straight_through", identity},
    {"check_finite", identity},
    {"add", add},
    {"sub", subtract},
    {"mul", multiply},
    {"div", divide},
    {"pow", power},
    {"maximum", maximum},
    {"minimum", minimum},
    {"equal", equal},
    {"not_equal", not_equal},
    {"less", less},
    {"less_equal", less_equal},
    {"greater", greater},
    {"greater_equal", greater_equal},
    {"where", where},
    {"cast", cast},
    {"full", full},
    {NULL, NULL},
};
