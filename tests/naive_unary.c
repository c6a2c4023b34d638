/* naive_unary — functions of one number: rounding, predicates, elementary and special functions. */
#include "naive.h"
#include <float.h>
#include <math.h>

static void predicate(naive_call *call, naive_real (*f)(naive_real)) {
    naive_map(call, f, 0);
    call->outputs[0].type.dtype = WG_BOOL;
}

/* --- Rounding, predicates, bounds ------------------------------------------------------------------------
 */

static naive_real is_nan(naive_real x) { return isnan(x); }
static naive_real is_finite(naive_real x) { return isfinite(x); }
static naive_real is_zero(naive_real x) { return x == 0; }

static void floor_(naive_call *call) { naive_map(call, floorl, 0); }
static void ceil_(naive_call *call) { naive_map(call, ceill, 0); }
static void round_(naive_call *call) { naive_map(call, rintl, 0); }
static void trunc_(naive_call *call) { naive_map(call, truncl, 0); }
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
    const wg_dtype dtype = call->inputs[0].type.dtype;
    const bool whole = dtype == WG_I32 || dtype == WG_I64;
    const naive_real min = attribute(call, "min"), max = attribute(call, "max");
    const naive_real low = whole ? ceill(min) : min, high = whole ? floorl(max) : max;
    naive_map(call, fabsl, 0);
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
    naive_map(call, fabsl, 0);
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

/* --- Elementary and special functions --------------------------------------------------------------------
 */

static naive_real inverse_root(naive_real x) { return 1 / sqrtl(x); }
static naive_real inverse(naive_real x) { return 1 / x; }

/* The n-th derivative of digamma: by its recurrence up to x >= 40, there by its asymptotic series
 * (Abramowitz & Stegun 6.3.18, 6.4.11, with the Bernoulli numbers B2 … B20); below 0 by the recurrence too.
 */
static naive_real polygamma_of(int n, naive_real x) {
    static const naive_real bernoulli[] = {1.0L / 6,       -1.0L / 30,      1.0L / 42, -1.0L / 30,
                                           5.0L / 66,      -691.0L / 2730,  7.0L / 6,  -3617.0L / 510,
                                           43867.0L / 798, -174611.0L / 330};
    const naive_real sign = n % 2 ? 1 : -1, factorial = tgammal(n + 1);
    naive_real sum = 0;
    if (isinf(x)) return n == 0 && x > 0 ? x : x > 0 ? -sign * 0 : NAN;
    for (; x < 40; x++) sum += sign * factorial * powl(x, -n - 1);
    sum +=
        n == 0 ? logl(x) - 1 / (2 * x) : sign * (tgammal(n) * powl(x, -n) + factorial * powl(x, -n - 1) / 2);
    for (int k = 1; k <= 10; k++) {
        const naive_real term =
            bernoulli[k - 1] * tgammal(2 * k + n) / tgammal(2 * k + 1) * powl(x, -2 * k - n);
        sum += n == 0 ? -term : sign * term;
    }
    return sum;
}
static naive_real digamma_of(naive_real x) { return polygamma_of(0, x); }

#define FUNCTION(name, definition, roundings) \
    static void name##_(naive_call *call) { naive_map(call, definition, roundings); }
FUNCTION(expm1, expm1l, 4)
FUNCTION(exp2, exp2l, 4)
FUNCTION(log1p, log1pl, 4)
FUNCTION(log2, log2l, 4)
FUNCTION(rsqrt, inverse_root, 4)
FUNCTION(reciprocal, inverse, 1)
FUNCTION(tan, tanl, 4)
FUNCTION(asin, asinl, 4)
FUNCTION(acos, acosl, 4)
FUNCTION(atan, atanl, 4)
FUNCTION(sinh, sinhl, 4)
FUNCTION(cosh, coshl, 4)
FUNCTION(asinh, asinhl, 4)
FUNCTION(acosh, acoshl, 4)
FUNCTION(atanh, atanhl, 4)
FUNCTION(erf, erfl, 4)
FUNCTION(erfc, erfcl, 4)

/* Below 0, zeros of the gamma family lie between its poles: there the error is 8 u of the terms that cancel.
 */
static void gamma_family(naive_call *call, naive_real (*f)(naive_real)) {
    naive_map(call, f, 8);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        if (x < 0) call->outputs[0].size[i] += 2 + fabsl(f(1 - x)) + fabsl(f(x - floorl(x)));
    }
}
static void lgamma_(naive_call *call) { gamma_family(call, lgammal); }
static void digamma_(naive_call *call) { gamma_family(call, digamma_of); }
static void polygamma_(naive_call *call) {
    const int n = (int)naive_int(call, "n", 0);
    naive_map(call, fabsl, 8);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        naive_set(&call->outputs[0], i, polygamma_of(n, x));
        if (x < 0)
            call->outputs[0].size[i] +=
                2 + fabsl(polygamma_of(n, 1 - x)) + fabsl(polygamma_of(n, x - floorl(x)));
    }
}

/* --- Activations -----------------------------------------------------------------------------------------
 */

typedef struct parameters {
    naive_real a, b;
} parameters;

/* y = f(x, attributes), and what is rounded on the way to it. */
static void with_parameters(naive_call *call, const char *a, const char *b, int roundings,
                            naive_real (*f)(naive_real x, parameters p),
                            naive_real (*size)(naive_real x, parameters p)) {
    const parameters p = {a ? attribute(call, a) : 0, b ? attribute(call, b) : 0};
    naive_map(call, fabsl, roundings);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i];
        naive_set(&call->outputs[0], i, isnan(x) ? x : f(x, p));
        if (size) call->outputs[0].size[i] += fabsl(size(x, p));
    }
}

#define OF_X(name) static naive_real name(naive_real x, parameters p)
#define UNUSED (void)p
OF_X(relu6_of) {
    UNUSED;
    return fminl(fmaxl(x, 0), 6);
}
OF_X(leaky_relu_of) { return x > 0 ? x : p.a * x; }
OF_X(hard_sigmoid_of) { return fmaxl(0, fminl(1, p.a * x + p.b)); }
OF_X(hard_sigmoid_size) { return fabsl(p.a * x) + fabsl(p.b); }
OF_X(hard_swish_of) {
    UNUSED;
    return x * fmaxl(0, fminl(1, x / 6 + 0.5L));
}
OF_X(hard_swish_size) {
    UNUSED;
    return x > -3 && x < 3 ? x * (fabsl(x) / 6 + 0.5L) : 0;
}
OF_X(hard_tanh_of) { return fminl(fmaxl(x, p.a), p.b); }
OF_X(hard_shrink_of) { return x > p.a || x < -p.a ? x : 0; }
OF_X(soft_shrink_of) { return x > p.a ? x - p.a : x < -p.a ? x + p.a : 0; }
OF_X(threshold_of) { return x > p.a ? x : p.b; }
OF_X(elu_of) { return x > 0 ? x : p.a * expm1l(x); }
OF_X(selu_of) { return p.b * elu_of(x, p); }
OF_X(celu_of) { return x > 0 ? x : p.a * expm1l(x / p.a); }
OF_X(celu_size) { return x > 0 ? 0 : x * expl(x / p.a); }
OF_X(silu_of) {
    UNUSED;
    return x / (1 + expl(-x));
}
OF_X(mish_of) {
    UNUSED;
    return x * tanhl(log1pl(expl(x)));
}
OF_X(log_sigmoid_of) {
    UNUSED;
    return x < 0 ? x - log1pl(expl(x)) : -log1pl(expl(-x));
}
OF_X(softplus_of) { return p.a * x > p.b ? x : log1pl(expl(p.a * x)) / p.a; }
OF_X(softplus_size) { return x / (1 + expl(-p.a * x)); }
OF_X(softsign_of) {
    UNUSED;
    return x / (1 + fabsl(x));
}
OF_X(gelu_of) {
    UNUSED;
    return x * erfcl(-x * sqrtl(0.5L)) / 2;
}
OF_X(gelu_argument) {
    UNUSED;
    return sqrtl(2 / acosl(-1)) * (x + 0.044715L * x * x * x);
}
OF_X(gelu_tanh_of) { return x / (1 + expl(-2 * gelu_argument(x, p))); }
OF_X(gelu_tanh_size) { return gelu_tanh_of(x, p) * 2 * gelu_argument(x, p); }

#define ACTIVATION(name, a, b, roundings, size) \
    static void name(naive_call *call) { with_parameters(call, a, b, roundings, name##_of, size); }
ACTIVATION(relu6, NULL, NULL, 0, NULL)
ACTIVATION(leaky_relu, "alpha", NULL, 1, NULL)
ACTIVATION(hard_sigmoid, "alpha", "beta", 2, hard_sigmoid_size)
ACTIVATION(hard_swish, NULL, NULL, 3, hard_swish_size)
ACTIVATION(hard_tanh, "min", "max", 0, NULL)
ACTIVATION(hard_shrink, "lambda", NULL, 0, NULL)
ACTIVATION(soft_shrink, "lambda", NULL, 1, NULL)
ACTIVATION(threshold, "threshold", "value", 0, NULL)
ACTIVATION(elu, "alpha", NULL, 5, NULL)
ACTIVATION(selu, "alpha", "gamma", 6, NULL)
ACTIVATION(celu, "alpha", NULL, 6, celu_size)
ACTIVATION(silu, NULL, NULL, 6, NULL)
ACTIVATION(mish, NULL, NULL, 12, NULL)
ACTIVATION(log_sigmoid, NULL, NULL, 8, NULL)
ACTIVATION(softplus, "beta", "threshold", 8, softplus_size)
ACTIVATION(softsign, NULL, NULL, 2, NULL)

static void gelu(naive_call *call) {
    if (naive_bool(call, "tanh"))
        with_parameters(call, NULL, NULL, 8, gelu_tanh_of, gelu_tanh_size);
    else
        with_parameters(call, NULL, NULL, 8, gelu_of, NULL);
}

static void prelu(naive_call *call) {
    const naive_array *x = &call->inputs[0], *slope = &call->inputs[1];
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 1;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const naive_real a = x->value[i.number];
        naive_set(y, i.number, a > 0 ? a : a * slope->value[naive_broadcast_at(slope, i.at, y->type.rank)]);
    }
}

/* One of the halves of x along the axis at each element of the result. */
static naive_real of_half(const naive_call *call, const naive_index *i, int axis, int which) {
    const naive_array *x = &call->inputs[0];
    int64_t at[WG_MAX_RANK];
    for (int k = 0; k < x->type.rank; k++) at[k] = i->at[k];
    at[axis] += which * x->type.extent[axis] / 2;
    return x->value[naive_at(&x->type, at)];
}
static void halved(naive_call *call, bool swiglu) {
    wg_type type = call->inputs[0].type;
    const int axis = naive_axis(naive_int(call, "axis", 0), type.rank);
    type.extent[axis] /= 2;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = 8;
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        const naive_real a = of_half(call, &i, axis, 0), b = of_half(call, &i, axis, 1);
        naive_set(y, i.number, swiglu ? a * b / (1 + expl(-a)) : a / (1 + expl(-b)));
    }
}
static void glu(naive_call *call) { halved(call, false); }
static void swiglu(naive_call *call) { halved(call, true); }

static void softmin(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const int axis = naive_axis(naive_int(call, "axis", 0), x->type.rank);
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = 12 + (naive_real)x->type.extent[axis];
    for (naive_index i = naive_first(&y->type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK];
        naive_real sum = 0, most = 0;
        for (int k = 0; k < x->type.rank; k++) at[k] = i.at[k];
        for (at[axis] = 0; at[axis] < x->type.extent[axis]; at[axis]++) {
            const naive_real other = x->value[naive_at(&x->type, at)];
            sum += expl(x->value[i.number] - other);
            most = fmaxl(most, fabsl(other));
        }
        naive_set(y, i.number, 1 / sum);
        y->size[i.number] *= 1 + most;
    }
}

const naive_entry naive_unary[] = {
    {"floor", floor_},
    {"ceil", ceil_},
    {"round", round_},
    {"trunc", trunc_},
    {"isnan", isnan_},
    {"isfinite", isfinite_},
    {"isinf", isinf_},
    {"logical_not", logical_not},
    {"clip", clip},
    {"nan_to_num", nan_to_num},
    {"clip_grad", clip_grad},
    {"expm1", expm1_},
    {"exp2", exp2_},
    {"log1p", log1p_},
    {"log2", log2_},
    {"rsqrt", rsqrt_},
    {"reciprocal", reciprocal_},
    {"tan", tan_},
    {"asin", asin_},
    {"acos", acos_},
    {"atan", atan_},
    {"sinh", sinh_},
    {"cosh", cosh_},
    {"asinh", asinh_},
    {"acosh", acosh_},
    {"atanh", atanh_},
    {"erf", erf_},
    {"erfc", erfc_},
    {"lgamma", lgamma_},
    {"digamma", digamma_},
    {"polygamma", polygamma_},
    {"relu6", relu6},
    {"leaky_relu", leaky_relu},
    {"prelu", prelu},
    {"hard_sigmoid", hard_sigmoid},
    {"hard_swish", hard_swish},
    {"hard_tanh", hard_tanh},
    {"hard_shrink", hard_shrink},
    {"soft_shrink", soft_shrink},
    {"threshold", threshold},
    {"elu", elu},
    {"selu", selu},
    {"celu", celu},
    {"gelu", gelu},
    {"silu", silu},
    {"mish", mish},
    {"log_sigmoid", log_sigmoid},
    {"softplus", softplus},
    {"softsign", softsign},
    {"glu", glu},
    {"swiglu", swiglu},
    {"softmin", softmin},
    {NULL, NULL},
};
