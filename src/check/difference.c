/* difference — one column of a Jacobian by central differences, extrapolated twice, at a step chosen
 * for each element.
 *
 *   D(h) = (f(x + h) - f(x - h)) / 2h                 = f' + a h^2 + b h^4 + O(h^6)
 *   A = (4 D(h/2) - D(h)) / 3                         = f' + O(h^4)
 *   B = (4 D(h/4) - D(h/2)) / 3                       = f' + O(h^4) / 16
 *   E = (16 B - A) / 15                               = f' + O(h^6)
 *
 * (L. F. Richardson, Phil. Trans. R. Soc. A 210, 1911.) Where f is smooth |E - B| = |A - B| / 15 bounds the
 * error of B, hence that of E. Where f'' jumps by 2 k close by, D(h) = f' + k h / 2 + …, and E is off by
 * 0.08 k h, which |A - B| = k h / 12 bounds: so that is the bound, unless A - B is seen to shrink as h^4.
 * Terms of A and B can cancel all the same: what disagrees is looked at again at a shorter step. Values of f
 * that are off by e make D(h) off by e/h, A by 3 e/h, B by 6 e/h and E by 6.6 e/h, which balances the
 * truncation for h about u^(1/7) with e = u. One-sided derivatives are extrapolated once:
 *
 *   R = 2 r(h/4) - r(h/2),   r(h) = (f(x + h) - f(x)) / h,
 *
 * and L alike from the left; R - L is O(h^3) where f is smooth, does not shrink with h at a kink, and
 * grows as 1/h at a jump. Rounding makes R - L off by 40 e/h at most.
 *
 * e is a bound at all of the points: where f and its gradient are 0 at x, f around x is not, and rounds too.
 *
 * A kink or jump at a distance d of x shows as one while d < h/8 or so, and not at all where d > h. In
 * between nothing settles: what has not, after the last step, is looked at once more at an eighth of it. A
 * slope that is steep over less than the last step looks like a jump, or does not settle; but the steeper it
 * is, the shorter the steps at which rounding leaves it alone, down to 2^-21 of the last. */
#include "check/check.h"
#include <math.h>

enum { STEPS = 3, SHRINK_BITS = 3 }; /* h, h/8, h/64, and further where h is long because x is large */
enum { FURTHER = 7 };                /* where it is steep */

double wg_difference_rounding(double error, double step) { return 6.6 * error / step; }

double wg_difference_error(const wg_difference *difference, double value, double at_x, double each) {
    return at_x + each * fmax(difference->size - fabs(value), 0);
}

static int scale_bits(double x) { return isfinite(x) && fabs(x) > 1 ? ilogb(x) : 0; }

static double first_step(double unit, double x) {
    return ldexp(1, scale_bits(x) + (int)rint(log2(unit) / 7));
}

/* f at x + h, x + h/2, x + h/4, x - h/4, x - h/2, x - h, one after the other. An evaluation that the
 * function refuses gives NaN: a smaller step may do. */
static int evaluate(wg_point *point, int input, int64_t element, double h, double *f, wg_error *failure) {
    static const double where[WG_DIFFERENCE_POINTS] = {1, 0.5, 0.25, -0.25, -0.5, -1};
    const double x = wg_point_get(point, input, element);
    const int64_t outputs = wg_type_count(&point->output);
    for (int i = 0; i < WG_DIFFERENCE_POINTS; i++, f += outputs) {
        wg_point_set(point, input, element, x + where[i] * h);
        const int status = wg_point_value(point, f, failure);
        wg_point_set(point, input, element, x);
        if (status == WG_ERROR_MEMORY) return status;
        for (int64_t j = 0; status && j < outputs; j++) f[j] = NAN;
    }
    return WG_OK;
}

/* Takes over what step h says of one element: f at the points around, `value` at x. */
static void judge(wg_difference *d, const double f[WG_DIFFERENCE_POINTS], double value, double h, double at_x,
                  double each, double tolerance, bool last) {
    const double d1 = (f[0] - f[5]) / (2 * h), d2 = (f[1] - f[4]) / h, d4 = (f[2] - f[3]) / (h / 2);
    const double a = (4 * d2 - d1) / 3, b = (4 * d4 - d2) / 3, e = (16 * b - a) / 15;
    const double right = 2 * (f[2] - value) / (h / 4) - (f[1] - value) / (h / 2);
    const double left = 2 * (value - f[3]) / (h / 4) - (value - f[4]) / (h / 2);
    if (!isfinite(e) || !isfinite(right) || !isfinite(left)) {
        if (last && d->step == 0) d->verdict = WG_NEVER_FINITE;
        return;
    }
    const wg_difference before = *d;
    const bool first = before.step == 0;
    *d = (wg_difference){.derivative = e, .left = left, .right = right, .step = h};
    d->gap = fabs(right - left);
    d->slope = fmax(fabs(right), fabs(left));
    d->truncation = fabs(a - b);
    d->size = fabs(value);
    for (int k = 0; k < WG_DIFFERENCE_POINTS; k++) d->size = fmax(d->size, fabs(f[k]));
    const double error = wg_difference_error(d, value, at_x, each);
    d->first_step = first ? h : before.first_step;
    d->first_gap = first ? d->gap : before.first_gap;
    d->first_slope = first ? d->slope : before.first_slope;
    const bool converges = last && !first && d->truncation <= before.truncation / 256;
    if (converges) d->truncation /= 15;
    const bool settled =
        converges || d->truncation <= tolerance / 4 * fabs(e) + wg_difference_rounding(error, h);
    const bool joined = d->gap <= 1e-6 * d->slope + 40 * error / h || (!first && d->gap <= before.gap / 32);
    if (settled && joined)
        d->verdict = WG_SMOOTH;
    else if (last && !first && d->slope >= d->first_slope * (d->first_step / h) / 2)
        d->verdict = WG_JUMP;
    else if (last && !joined && d->gap >= d->first_gap / 8)
        d->verdict = WG_KINK;
}

int wg_difference_column(wg_point *point, int input, int64_t element, const double *value,
                         const double *error, double each, double tolerance, wg_difference *column,
                         double *scratch, wg_error *failure) {
    const int64_t outputs = wg_type_count(&point->output);
    for (int64_t i = 0; i < outputs; i++) column[i] = (wg_difference){.verdict = WG_UNSETTLED};
    const double x = wg_point_get(point, input, element);
    double h = first_step(point->unit, x);
    const int steps = STEPS + (scale_bits(x) + SHRINK_BITS - 1) / SHRINK_BITS;
    int64_t open = outputs;
    for (int step = 0; step <= steps && open; step++, h = ldexp(h, -SHRINK_BITS)) {
        const int status = evaluate(point, input, element, h, scratch, failure);
        if (status) return status;
        open = 0;
        for (int64_t i = 0; i < outputs; i++) {
            if (column[i].verdict == WG_SMOOTH || (step == steps && column[i].verdict)) continue;
            double f[WG_DIFFERENCE_POINTS];
            for (int k = 0; k < WG_DIFFERENCE_POINTS; k++) f[k] = scratch[k * outputs + i];
            judge(&column[i], f, value[i], h, error[i], each, tolerance, step == steps - 1);
            open += step < steps - 1 ? column[i].verdict != WG_SMOOTH : column[i].verdict == WG_UNSETTLED;
        }
    }
    return WG_OK;
}

int wg_difference_shorten(wg_point *point, int input, int64_t element, int64_t output, double value,
                          double error, double each, double tolerance, wg_difference *difference,
                          double *scratch, wg_error *failure) {
    const int64_t outputs = wg_type_count(&point->output);
    const double h = ldexp(difference->step, -SHRINK_BITS);
    const int status = evaluate(point, input, element, h, scratch, failure);
    if (status) return status;
    double f[WG_DIFFERENCE_POINTS];
    for (int k = 0; k < WG_DIFFERENCE_POINTS; k++) f[k] = scratch[k * outputs + output];
    wg_difference shorter = {.verdict = WG_UNSETTLED};
    judge(&shorter, f, value, h, error, each, tolerance, false);
    const double rounding = wg_difference_rounding(wg_difference_error(&shorter, value, error, each), h);
    const double doubt = shorter.truncation + rounding;
    if (shorter.verdict == WG_SMOOTH && doubt <= tolerance * fabs(shorter.derivative)) *difference = shorter;
    return WG_OK;
}

int wg_difference_sharpen(wg_point *point, int input, int64_t element, int64_t output, double value,
                          double error, double each, double tolerance, wg_difference *difference,
                          double *scratch, wg_error *failure) {
    for (int time = 0; time < FURTHER && difference->step > 0; time++) {
        wg_difference shorter = {.verdict = WG_UNSETTLED,
                                 .step = ldexp(difference->step, -SHRINK_BITS * time)};
        const int status = wg_difference_shorten(point, input, element, output, value, error, each, tolerance,
                                                 &shorter, scratch, failure);
        if (status) return status;
        if (shorter.verdict != WG_SMOOTH) continue;
        *difference = shorter;
        return WG_OK;
    }
    return WG_OK;
}
