/* The elementary functions of the kernels against the C library's long double ones, and their bits on
 * every instruction set that this machine runs against the portable ones. */
#include "suite.h"
#define WG_VARIANT_ISA test
#define WG_VARIANT_TYPE f64
#include "kernels/maths.h"
#include "kernels/table.h"
#include "gamma_table.h"
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- Numbers to try ------------------------------------------------------------------------------ */

static uint64_t state = 88172645463325252u;

static uint64_t random_bits(void) { /* xorshift64: Marsaglia 2003 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}
static double uniform(double low, double high) {
    return low + (high - low) * (double)(random_bits() >> 11) * 0x1p-53;
}

static const double specials[] = {0,        1,       2,        3,         4,          0.5,
                                  0.25,     1.5,     1e-5,     0x1p-1074, 1e-310,     0x1p-1022,
                                  0x1p-149, 1e-40,   0x1p-126, 0x1p-54,   0x1p-27,    0x1p-13,
                                  0x1p23,   0x1p24,  0x1p52,   0x1p53,    0x1p53 + 2, 0x1.fffffffffffffp52,
                                  FLT_MAX,  DBL_MAX, 20,       36,        37.5,       87.5,
                                  88.8,     89,      103.9,    104,       709.5,      709.79,
                                  744.5,    745.2,   746,      1e22,      INFINITY,   NAN};
enum { SPECIALS = 2 * sizeof specials / sizeof *specials };
static double special(int i) { return i % 2 ? -specials[i / 2] : specials[i / 2]; }

/* --- Errors in units of the last place ----------------------------------------------------------- */

/* Of a result with `digits` bits whose least exponent (of frexp) is `least`. Infinite where one of both is
 * NaN, infinite, or a zero of the other sign, and the other is not. */
static double ulps(long double got, long double wanted, int digits, int least, long double largest) {
    if (isnan(got) || isnan(wanted)) return isnan(got) && isnan(wanted) ? 0 : INFINITY;
    if (isinf(got)) return (got > 0) == (wanted > 0) && fabsl(wanted) > largest ? 0 : INFINITY;
    if (isinf(wanted) || (got == 0 && signbit(got) != signbit(wanted))) return INFINITY;
    int exponent;
    frexpl(wanted, &exponent);
    if (exponent < least || wanted == 0) exponent = least;
    return (double)(fabsl(got - wanted) / ldexpl(1, exponent - digits));
}
static double ulps_f64(double got, long double wanted) { return ulps(got, wanted, 53, -1021, DBL_MAX); }
static double ulps_f32(float got, long double wanted) { return ulps(got, wanted, 24, -125, FLT_MAX); }

/* --- The functions */

static long double sigmoid(long double x) { return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)); }

static long double rsqrt(long double x) { return 1 / sqrtl(x); }
static long double normal(long double x) { return erfcl(-x * sqrtl(0.5L)) / 2; }

static const struct {
    const char *name;
    float (*f32)(float);
    double (*f64)(double);
    long double (*reference)(long double);
    double low, high;            /* where its values are neither 0 nor infinite nor alike */
    double bound_f32, bound_f64; /* as kernels/maths.h states them */
} functions[] = {
#define FUNCTION(name, ...) \
    { #name, wg_##name##_f32, wg_##name##_f64, __VA_ARGS__ }
    FUNCTION(exp, expl, -746, 710, 0.8, 0.8),
    FUNCTION(expm1, expm1l, -40, 710, 0.9, 0.9),
    FUNCTION(log, logl, 0, 3, 0.7, 0.75),
    FUNCTION(log1p, log1pl, -1, 2, 0.7, 0.75),
    FUNCTION(sin, sinl, -1000, 1000, 0.51, 0.75),
    FUNCTION(cos, cosl, -1000, 1000, 0.51, 0.75),
    FUNCTION(tanh, tanhl, -10, 10, 0.8, 0.8),
    FUNCTION(sigmoid, sigmoid, -746, 40, 1.5, 1.4),
    FUNCTION(sqrt, sqrtl, 0, 1e4, 0.5, 0.5),
    FUNCTION(exp2, exp2l, -1080, 1025, 0.51, 0.8),
    FUNCTION(log2, log2l, 0, 3, 0.51, 0.51),
    FUNCTION(rsqrt, rsqrt, 0, 1e4, 1.5, 1.5),
    FUNCTION(tan, tanl, -1000, 1000, 0.51, 0.9),
    FUNCTION(asin, asinl, -1, 1, 0.51, 0.7),
    FUNCTION(acos, acosl, -1, 1, 0.51, 0.7),
    FUNCTION(atan, atanl, -10, 10, 0.51, 0.75),
    FUNCTION(sinh, sinhl, -711, 711, 0.51, 0.8),
    FUNCTION(cosh, coshl, -711, 711, 0.51, 0.9),
    FUNCTION(asinh, asinhl, -10, 10, 0.51, 0.75),
    FUNCTION(acosh, acoshl, 1, 10, 0.51, 0.75),
    FUNCTION(atanh, atanhl, -1, 1, 0.51, 0.75),
    FUNCTION(erf, erfl, -6, 6, 0.51, 1.1),
    FUNCTION(erfc, erfcl, -6, 27.5, 0.51, 1.4),
    /* the reference is off by half an ulp itself: it rounds -x sqrt(1/2) */
    FUNCTION(normal, normal, -39, 9, 0.51, 2.6),
    FUNCTION(floor, floorl, -1e4, 1e4, 0, 0),
    FUNCTION(ceil, ceill, -1e4, 1e4, 0, 0),
    FUNCTION(round, rintl, -1e4, 1e4, 0, 0),
    FUNCTION(trunc, truncl, -1e4, 1e4, 0, 0),
};
enum { FUNCTIONS = sizeof functions / sizeof *functions, DRAWS = 60000 };

/* Number `i` of the arguments for function `f`: across its range, around 0, of any size at all. */
static double argument(int f, int i) {
    if (i < SPECIALS) return special(i);
    if (i % 3 == 0) return uniform(functions[f].low, functions[f].high);
    if (i % 3 == 1) return uniform(-1, 1);
    return wg_of_bits_f64(random_bits());
}

START_TEST(f64_functions_keep_their_error_bounds) {
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0, at = 0;
        for (int i = 0; i < DRAWS; i++) {
            const double x = argument(f, i), error = ulps_f64(functions[f].f64(x), functions[f].reference(x));
            if (!(error <= worst)) worst = error, at = x;
        }
        ck_assert_msg(worst <= functions[f].bound_f64, "%s(%a) = %a, wrong by %g ulp", functions[f].name, at,
                      functions[f].f64(at), worst);
    }
}
END_TEST

START_TEST(f32_functions_keep_their_error_bounds) {
    for (int f = 0; f < FUNCTIONS; f++) {
        double worst = 0, at = 0;
        for (int i = 0; i < 2 * DRAWS; i++) {
            const float x = i % 3 == 2 ? wg_of_bits_f32((uint32_t)random_bits()) : (float)argument(f, i);
            const double error = ulps_f32(functions[f].f32(x), functions[f].reference(x));
            if (!(error <= worst)) worst = error, at = x;
        }
        ck_assert_msg(worst <= functions[f].bound_f32, "%s(%a) = %a, wrong by %g ulp", functions[f].name, at,
                      (double)functions[f].f32((float)at), worst);
    }
}
END_TEST

START_TEST(nan_goes_through_and_zero_keeps_its_sign) {
    for (int f = 0; f < FUNCTIONS; f++) {
        ck_assert_msg(isnan(functions[f].f64(NAN)) && isnan(functions[f].f32(NAN)), "%s(NaN)",
                      functions[f].name);
        if (isnan(functions[f].reference(-0.0L))) continue;
        const bool negative = signbit(functions[f].reference(-0.0L));
        ck_assert_msg(!signbit(functions[f].f64(-0.0)) == !negative &&
                          !signbit(functions[f].f32(-0.0f)) == !negative,
                      "%s(-0)", functions[f].name);
    }
}
END_TEST

/* 6381956970095103 · 2^797 is the f64 nearest to a multiple of π/2 (Muller, Elementary Functions, 2016,
 * section 11.3.1); 10^22 is the classic test of argument reduction. */
START_TEST(sin_and_cos_are_right_at_huge_arguments) {
    ck_assert_double_eq_tol(wg_cos_f64(6381956970095103.0 * 0x1p797), -4.68716592425462761112e-19, 1e-34);
    ck_assert_double_eq(wg_sin_f64(1e22), -0.8522008497671888);
    ck_assert_double_eq(wg_sin_f64(-1e22), 0.8522008497671888);
    ck_assert_double_eq(wg_cos_f64(1e22), 0.523214785395139);
}
END_TEST

START_TEST(far_and_near_reduction_of_arguments_agree) {
    for (int i = 0; i < DRAWS; i++) {
        const double x = (i % 2 ? 1 : -1) * uniform(0x1p29, 0x1p30);
        double near, near_low, far, far_low;
        const uint64_t quadrant = wg_quadrant_near(x, &near, &near_low);
        if (fabs(near) > 0.785) continue; /* where both may round to either side of π/4 */
        ck_assert_uint_eq(quadrant, wg_quadrant_far(x, &far, &far_low));
        ck_assert_double_le(fabs((near - far) + (near_low - far_low)), 0x1p-100 * fabs(near));
    }
}
END_TEST

/* --- fmod */

/* Exact, so there is one right answer, to the sign of 0. */
static bool same_number(double a, double b) { return isnan(a) ? isnan(b) : wg_bits_f64(a) == wg_bits_f64(b); }

START_TEST(fmod_is_that_of_the_c_library_to_the_bit) {
    for (int i = 0; i < SPECIALS; i++)
        for (int j = 0; j < SPECIALS; j++) {
            const double x = special(i), y = special(j);
            ck_assert_msg(same_number(wg_fmod_f64(x, y), fmod(x, y)), "fmod(%a, %a)", x, y);
            ck_assert_msg(
                same_number((double)wg_fmod_f32((float)x, (float)y), (double)fmodf((float)x, (float)y)),
                "f32 fmod(%a, %a)", x, y);
        }
    int wrong = 0, near = 0;
    for (int i = 0; i < DRAWS; i++) {
        double x = wg_of_bits_f64(random_bits()), y = wg_of_bits_f64(random_bits());
        if (i % 2) x = uniform(-1, 1) * exp2(uniform(-20, 45)), y = uniform(-1, 1);
        if (i % 8 == 1) x = y * floor(uniform(0, 1e9)); /* about a whole quotient */
        const float a = (float)x, b = (float)y;
        wrong += !same_number(wg_fmod_f64(x, y), fmod(x, y));
        wrong += !same_number((double)wg_fmod_f32(a, b), (double)fmodf(a, b));
        near += wg_fmod_is_near_f64(x, y);
        if (wg_fmod_is_near_f64(x, y)) wrong += !same_number(wg_fmod_near_f64(x, y), fmod(x, y));
        if (wg_fmod_is_near_f32(a, b))
            wrong += !same_number((double)wg_fmod_near_f32(a, b), (double)fmodf(a, b));
    }
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_gt(near, DRAWS / 4);
}
END_TEST

/* --- The gamma family */

START_TEST(the_gamma_family_keeps_its_error_bound) {
    double worst = 0, worst_f32 = 0, at = 0, at_f32 = 0;
    int order = 0;
    for (size_t i = 0; i < sizeof gamma_table / sizeof *gamma_table; i++) {
        const int n = gamma_table[i].n;
        const double x = gamma_table[i].x, y = n < 0 ? wg_lgamma_f64(x) : wg_polygamma_f64(n, x);
        int exponent;
        frexpl(gamma_table[i].size, &exponent);
        const double error = (double)(fabsl(y - gamma_table[i].y) / ldexpl(1, exponent - 53));
        if (!(error <= worst)) worst = error, at = x, order = n;
        const float a = (float)x, b = n < 0 ? wg_lgamma_f32(a) : wg_polygamma_f32(n, a);
        if (a != x || fabsl(gamma_table[i].y) > FLT_MAX || fabsl(gamma_table[i].y) < FLT_MIN) continue;
        const double error_f32 = ulps_f32(b, gamma_table[i].y);
        if (!(error_f32 <= worst_f32)) worst_f32 = error_f32, at_f32 = x;
    }
    ck_assert_msg(worst <= 2.6, "order %d at %a: wrong by %g ulp", order, at, worst);
    ck_assert_msg(worst_f32 <= 0.51, "f32 at %a: wrong by %g ulp", at_f32, worst_f32);
}
END_TEST

START_TEST(the_gamma_family_has_its_poles_and_limits) {
    ck_assert_double_eq(wg_lgamma_f64(1), 0);
    ck_assert_double_eq(wg_lgamma_f64(2), 0);
    const double infinite[] = {0, -0.0, -1, -7, INFINITY, -INFINITY, 1e306, -0x1p60};
    for (int i = 0; i < 8; i++) ck_assert_double_eq(wg_lgamma_f64(infinite[i]), INFINITY);
    ck_assert_double_eq(wg_digamma_f64(0), -INFINITY);
    ck_assert_double_eq(wg_digamma_f64(-0.0), INFINITY);
    ck_assert_double_eq(wg_digamma_f64(INFINITY), INFINITY);
    ck_assert(isnan(wg_digamma_f64(-3)) && isnan(wg_digamma_f64(-INFINITY)) && isnan(wg_digamma_f64(NAN)));
    ck_assert_double_eq(wg_polygamma_f64(1, 0), INFINITY);
    ck_assert_double_eq(wg_polygamma_f64(1, -2), INFINITY);
    ck_assert_double_eq(wg_polygamma_f64(2, 0), -INFINITY);
    ck_assert_double_eq(wg_polygamma_f64(2, INFINITY), 0);
    ck_assert_double_eq(wg_polygamma_f64(3, 1e300), 0);
    ck_assert_double_eq(wg_polygamma_f64(1, 1e-200), INFINITY);
    ck_assert_double_eq(wg_polygamma_f64(4, 1e-200), -INFINITY);
    ck_assert(isnan(wg_polygamma_f64(2, -2)) && isnan(wg_polygamma_f64(1, NAN)) && isnan(wg_lgamma_f64(NAN)));
}
END_TEST

/* --- pow */

START_TEST(pow_keeps_its_error_bound) {
    double worst = 0, worst_f32 = 0, at[2] = {0}, at_f32[2] = {0};
    for (int i = 0; i < 3 * DRAWS; i++) {
        double x = uniform(0, 10), y = uniform(-50, 50);
        if (i % 4 == 1) x = uniform(0.99, 1.01), y = uniform(-70000, 70000);
        if (i % 4 == 2) x = wg_of_bits_f64(random_bits()), y = uniform(-745, 710) / log(fabs(x));
        if (i % 4 == 3) x = uniform(-10, 10), y = rint(uniform(-40, 40));
        double error = ulps_f64(wg_pow_f64(x, y), powl(x, y));
        if (!(error <= worst)) worst = error, at[0] = x, at[1] = y;
        const float a = (float)x, b = (float)y;
        error = ulps_f32(wg_pow_f32(a, b), powl(a, b));
        if (!(error <= worst_f32)) worst_f32 = error, at_f32[0] = a, at_f32[1] = b;
    }
    ck_assert_msg(worst <= 0.8, "pow(%a, %a) is wrong by %g ulp", at[0], at[1], worst);
    ck_assert_msg(worst_f32 <= 0.51, "f32 pow(%a, %a) is wrong by %g ulp", at_f32[0], at_f32[1], worst_f32);
}
END_TEST

START_TEST(pow_has_the_special_cases_of_c99) {
    for (int i = 0; i < SPECIALS; i++)
        for (int j = 0; j < SPECIALS; j++) {
            const double x = special(i), y = special(j);
            const double error = ulps_f64(wg_pow_f64(x, y), powl(x, y));
            ck_assert_msg(error <= 0.8, "pow(%g, %g) = %g, not %Lg", x, y, wg_pow_f64(x, y), powl(x, y));
            const float a = (float)x, b = (float)y;
            const double error_f32 = ulps_f32(wg_pow_f32(a, b), powl(a, b));
            ck_assert_msg(error_f32 <= 0.51, "f32 pow(%g, %g) = %g", x, y, (double)wg_pow_f32(a, b));
        }
}
END_TEST

/* --- atan2 */

static double worst_of_atan2(double y, double x, double *f32) {
    const double error = ulps_f32(wg_atan2_f32((float)y, (float)x), atan2l((float)y, (float)x));
    if (!(error <= *f32)) *f32 = error;
    return ulps_f64(wg_atan2_f64(y, x), atan2l(y, x));
}

START_TEST(atan2_keeps_its_error_bound) {
    double worst = 0, worst_f32 = 0, at[2] = {0};
    for (int i = 0; i < 3 * DRAWS; i++) {
        double y = uniform(-1, 1), x = uniform(-1, 1);
        if (i % 3 == 1) x = wg_of_bits_f64(random_bits()), y = x * uniform(-1, 1);
        if (i % 3 == 2) y = wg_of_bits_f64(random_bits()), x = wg_of_bits_f64(random_bits());
        const double error = worst_of_atan2(y, x, &worst_f32);
        if (!(error <= worst)) worst = error, at[0] = y, at[1] = x;
    }
    ck_assert_msg(worst <= 1.5, "atan2(%a, %a) is wrong by %g ulp", at[0], at[1], worst);
    ck_assert_msg(worst_f32 <= 0.51, "f32 atan2 is wrong by %g ulp", worst_f32);
}
END_TEST

START_TEST(atan2_is_right_at_special_numbers) {
    double worst_f32 = 0;
    for (int i = 0; i < SPECIALS * SPECIALS; i++) {
        const double y = special(i / SPECIALS), x = special(i % SPECIALS);
        const double error = worst_of_atan2(y, x, &worst_f32);
        if (!(error <= 1.5) || !(worst_f32 <= 0.51))
            ck_abort_msg("atan2(%a, %a) is wrong by %g ulp, f32 by %g", y, x, error, worst_f32);
    }
}
END_TEST

/* --- The same bits everywhere */

enum { COUNT = UNDER_SANITIZER ? 2011 : 20011 };
static const char *const ops[] = {"exp",     "log",   "sin",     "cos",   "tanh",  "sigmoid", "sqrt",
                                  "pow",     "relu",  "maximum", "div",   "exp2",  "expm1",   "log1p",
                                  "log2",    "rsqrt", "tan",     "asin",  "acos",  "atan",    "sinh",
                                  "cosh",    "asinh", "acosh",   "atanh", "erf",   "erfc",    "lgamma",
                                  "digamma", "floor", "ceil",    "round", "trunc", "atan2"};
enum { OPS = sizeof ops / sizeof *ops };

typedef struct {
    double a[COUNT], b[COUNT], y[COUNT]; /* room for either type */
} arrays;

static void fill(arrays *at, wg_dtype dtype, bool moderate) {
    for (int i = 0; i < COUNT; i++) {
        const double a = i < SPECIALS ? special(i) : i % 3 ? uniform(-30, 30) : wg_of_bits_f64(random_bits());
        const double b = i < SPECIALS * SPECIALS ? special(i / SPECIALS) : uniform(-9, 9);
        if (dtype == WG_F64)
            at->a[i] = moderate ? uniform(-1e6, 1e6) : a, at->b[i] = b;
        else
            ((float *)at->a)[i] = (float)(moderate ? uniform(-1e6, 1e6) : a), ((float *)at->b)[i] = (float)b;
    }
}

/* Elements begin … end-1 of y = op(a, b). */
static void run(const char *name, wg_isa isa, wg_dtype dtype, const arrays *in, void *y, int64_t begin,
                int64_t end) {
    const wg_type type = {.dtype = dtype, .rank = 1, .extent = {COUNT}};
    const wg_operand inputs[] = {{(void *)in->a, type}, {(void *)in->b, type}}, outputs[] = {{y, type}};
    const wg_op *op = wg_op_find(name);
    ck_assert_ptr_nonnull(op);
    const wg_call call = {.op = op,
                          .input_count = op->inputs,
                          .output_count = 1,
                          .inputs = inputs,
                          .outputs = outputs,
                          .dtype = dtype,
                          .begin = begin,
                          .end = end};
    wg_kernel_pick(&call, isa).run(&call);
}

static void compare(wg_isa isa, wg_dtype dtype, bool moderate) {
    arrays *in = malloc(sizeof *in), *out = malloc(sizeof *out);
    ck_assert(in && out);
    fill(in, dtype, moderate);
    for (int op = 0; op < OPS; op++) {
        memset(out, 0, sizeof *out);
        run(ops[op], WG_ISA_PORTABLE, dtype, in, in->y, 0, COUNT);
        run(ops[op], isa, dtype, in, out->y, 0, COUNT);
        for (int64_t i = 0; i < COUNT; i++) {
            const size_t size = wg_dtype_size(dtype), at = (size_t)i * size;
            const char *want = (char *)in->y + at, *got = (char *)out->y + at;
            ck_assert_msg(!memcmp(want, got, size), "%s %s on %s: element %d differs", ops[op],
                          wg_dtype_name(dtype), wg_isa_name(isa), (int)i);
        }
    }
    free(in);
    free(out);
}

START_TEST(every_instruction_set_gives_the_same_bits) {
    int compared = 0;
    for (wg_isa isa = WG_ISA_PORTABLE + 1; isa < WG_ISA_COUNT; isa++) {
        if (!wg_isa_available(isa)) continue;
        for (int moderate = 0; moderate < 2; moderate++) {
            compare(isa, WG_F32, moderate);
            compare(isa, WG_F64, moderate);
        }
        compared++;
    }
    if (compared == 0)
        printf("no instruction set but the portable one is built in and runs here: none compared\n");
}
END_TEST

START_TEST(bits_do_not_depend_on_how_the_work_is_cut) {
    wg_isa best;
    ck_assert_int_eq(wg_isa_choose(NULL, &best, NULL), WG_OK);
    arrays *in = malloc(sizeof *in);
    double *pieces = calloc(COUNT, sizeof *pieces);
    ck_assert(in && pieces);
    fill(in, WG_F64, false);
    for (int op = 0; op < OPS; op++) {
        run(ops[op], best, WG_F64, in, in->y, 0, COUNT);
        for (int64_t begin = 0, length = 1; begin < COUNT; begin += length, length = length % 37 + 1)
            run(ops[op], best, WG_F64, in, pieces, begin, begin + length < COUNT ? begin + length : COUNT);
        ck_assert_msg(!memcmp(pieces, in->y, COUNT * sizeof *pieces), "%s", ops[op]);
    }
    free(in);
    free(pieces);
}
END_TEST

WG_SUITE("kernels/maths", f64_functions_keep_their_error_bounds, f32_functions_keep_their_error_bounds,
         nan_goes_through_and_zero_keeps_its_sign, sin_and_cos_are_right_at_huge_arguments,
         far_and_near_reduction_of_arguments_agree, fmod_is_that_of_the_c_library_to_the_bit,
         the_gamma_family_keeps_its_error_bound, the_gamma_family_has_its_poles_and_limits,
         pow_keeps_its_error_bound, pow_has_the_special_cases_of_c99, atan2_keeps_its_error_bound,
         atan2_is_right_at_special_numbers, every_instruction_set_gives_the_same_bits,
         bits_do_not_depend_on_how_the_work_is_cut)
