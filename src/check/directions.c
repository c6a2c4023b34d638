/* directions — the gradient check of inputs of training size: slopes along random directions.
 *
 * Cotangent u and direction v are of random signs, so phi(t) = u'f(x + t v) has the slope g'v, g = J'u, and
 * one entry of J that is off by d moves it by d, whatever else is there. Differences of phi are extrapolated
 * as in difference.c. The signs know nothing of the roundings d_i of f_i, |d_i| <= e_i, so |sum u_i d_i| <= 6
 * |e|_2 but once in 10^7 times (W. Hoeffding, J. Amer. Statist. Assoc. 58, 1963), and n roundings grow as
 * sqrt n (N. J. Higham & T. Mary, SIAM J. Sci. Comput. 41, 2019):
 *
 *   e_i = unit sqrt(8 + F) (|f_i| + sum_j |x_j J_ij|),      F = operations an output,
 *   |e|_2 <= unit sqrt(8 + F) (|f|_2 + sqrt(F sum_j x_j^2 |J_j|^2)),
 *
 * a row having no more than F entries, where |J_j|^2, of a column, is the mean of g_j^2 over the cotangents.
 * So the tolerance grows as the square root of the number of elements. Kinks within the step are no rounding:
 * what disagrees is looked at again at shorter steps, and is right if the difference goes away as they
 * shrink. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

enum { FIRST_BITS = -2, LAST_BITS = -29, LAST_BITS_F32 = -8, SHRINK_BITS = 3, AGAIN = 5 };

typedef struct {
    int64_t outputs, columns;
    int rounds;
    double *x, *u, *v, *gradient, *f;
    double *moved;  /* x + t v */
    double *square; /* of the columns' norms */
    double *slope;  /* g'v of each round */
    double flops;   /* an output */
    double step;
    double norm;    /* of f at x */
    double typical; /* the gradient's root mean square */
} walk;

static int walk_open(walk *w, const wg_check *check, wg_point *point, wg_error *error) {
    *w = (walk){.outputs = wg_type_count(&point->output),
                .columns = wg_point_columns(point),
                .rounds = check->options.directions};
    const size_t outputs = (size_t)w->outputs, columns = (size_t)w->columns;
    w->x = calloc(2 * outputs + 5 * columns + (size_t)w->rounds + 1, sizeof *w->x);
    if (!w->x) return wg_error_set(error, WG_ERROR_MEMORY, "gradient check: no memory");
    w->v = w->x + columns;
    w->gradient = w->v + columns;
    w->square = w->gradient + columns;
    w->moved = w->square + columns;
    w->u = w->moved + columns;
    w->f = w->u + outputs;
    w->slope = w->f + outputs;
    const int status = wg_point_flops(point, &w->flops, error);
    w->flops /= (double)w->outputs;
    return status;
}

static void signs(double *x, int64_t count, uint64_t seed, int round, uint64_t which) {
    uint64_t bits = 0;
    for (int64_t i = 0; i < count; i++, bits >>= 1) {
        if (i % 64 == 0) bits = wg_check_bits(seed, 7 + (uint64_t)round, which, (uint64_t)i);
        x[i] = bits & 1 ? 1 : -1;
    }
}

static void draw(walk *w, const wg_check *check, int round) {
    signs(w->u, w->outputs, check->options.seed, round, 0);
    signs(w->v, w->columns, check->options.seed, round, 1);
}

/* What the rules say of all rounds. */
static int find_slopes(wg_check *check, wg_point *point, walk *w) {
    int64_t k;
    wg_point_get_all(point, w->x);
    double total = 0;
    for (int round = 0; round < w->rounds; round++) {
        draw(w, check, round);
        const int status = wg_point_gradient(point, w->u, w->gradient, &check->error);
        if (status) return status;
        long double slope = 0;
        for (k = 0; k < w->columns; k++) {
            slope += (long double)w->gradient[k] * w->v[k];
            w->square[k] += w->gradient[k] * w->gradient[k] / w->rounds;
        }
        w->slope[round] = (double)slope;
    }
    for (k = 0; k < w->columns; k++) total += w->square[k];
    w->typical = sqrt(total / (double)w->columns);
    return WG_OK;
}

/* phi(t), NaN where the function refuses to be evaluated there. */
static int evaluate(wg_check *check, wg_point *point, walk *w, double t, long double *phi) {
    for (int64_t k = 0; k < w->columns; k++) w->moved[k] = w->x[k] + t * w->v[k];
    wg_point_set_all(point, w->moved);
    const int status = wg_point_value(point, w->f, &check->error);
    *phi = status ? NAN : 0;
    if (status) return status == WG_ERROR_MEMORY ? status : WG_OK;
    double squares = 0;
    for (int64_t i = 0; i < w->outputs; i++) {
        *phi += (long double)w->f[i] * w->u[i];
        squares += w->f[i] * w->f[i];
    }
    w->norm = fmax(w->norm, sqrt(squares));
    return WG_OK;
}

/* 6 |e|_2. */
static double rounding(const wg_point *point, const walk *w) {
    double moved = 0;
    for (int64_t k = 0; k < w->columns; k++) moved += w->x[k] * w->x[k] * w->square[k];
    return 6 * point->unit * sqrt(8 + w->flops) * (w->norm + sqrt(w->flops * moved));
}

typedef struct {
    double slope, gap; /* and what the one-sided slopes are apart, beyond rounding */
    double doubt;      /* of the slope: truncation and rounding */
} slope;

static int difference(wg_check *check, wg_point *point, walk *w, double h, slope *s) {
    static const double where[] = {1, 0.5, 0.25, -0.25, -0.5, -1, 0};
    long double p[7];
    for (int i = 0; i < 7; i++) {
        const int status = evaluate(check, point, w, where[i] * h, &p[i]);
        if (status) return status;
    }
    const long double d1 = (p[0] - p[5]) / (2 * h), d2 = (p[1] - p[4]) / h, d4 = (p[2] - p[3]) / (h / 2);
    const long double a = (4 * d2 - d1) / 3, b = (4 * d4 - d2) / 3;
    const long double right = 2 * (p[2] - p[6]) / (h / 4) - (p[1] - p[6]) / (h / 2);
    const long double left = 2 * (p[6] - p[3]) / (h / 4) - (p[6] - p[4]) / (h / 2);
    const double error = rounding(point, w);
    s->slope = (double)((16 * b - a) / 15);
    s->gap = fabs((double)(right - left)) - 40 * error / h;
    s->doubt = fabs((double)(a - b)) + wg_difference_rounding(error, h);
    return WG_OK;
}

/* The step at which least is in doubt. */
static int choose_step(wg_check *check, wg_point *point, walk *w) {
    double least = INFINITY;
    draw(w, check, 0);
    const int last = point->unit > 0x1p-53 ? LAST_BITS_F32 : LAST_BITS;
    for (int bits = FIRST_BITS; bits >= last; bits -= SHRINK_BITS) {
        slope s;
        const int status = difference(check, point, w, ldexp(1, bits), &s);
        if (status) return status;
        if (s.doubt > 64 * least) break; /* rounding grows from here on */
        if (!(s.doubt < least)) continue;
        least = s.doubt;
        w->step = ldexp(1, bits);
    }
    return WG_OK;
}

/* Is the tolerance small enough to tell anything of a column? */
static bool is_telling(const walk *w, const slope *s) {
    return w->typical == 0 || s->doubt <= 0.01 * w->typical;
}

static int compare(wg_check *check, wg_point *point, walk *w, int round) {
    wg_gradcheck_report *report = check->report;
    const double analytic = w->slope[round];
    double first = INFINITY, off = 0; /* how far off it was at first */
    slope s;
    draw(w, check, round);
    for (int again = 0; again < AGAIN; again++) {
        const int status = difference(check, point, w, ldexp(w->step, -SHRINK_BITS * again), &s);
        if (status) return status;
        off = fabs(s.slope - analytic);
        if (off <= s.doubt && off <= first / 4 && is_telling(w, &s)) {
            report->directions++;
            if (off > 0) report->largest_error = fmax(report->largest_error, off / s.doubt);
            return WG_OK;
        }
        if (!(off <= s.doubt) && isinf(first)) first = off;
    }
    /* Beside a jump the doubt, which grows with the slope, is no bound. */
    if (off <= fmax(s.gap / 2, is_telling(w, &s) ? 0 : 8 * s.doubt)) {
        report->kinks++;
        return WG_OK;
    }
    wg_gradcheck_fail(
        report, &check->where,
        "along direction %d of %d the gradient's slope is %.17g, that of the function %.17g: off "
        "by %.3g, tolerance %.3g",
        round, w->rounds, analytic, s.slope, off, s.doubt);
    return WG_OK;
}

static int compare_all(wg_check *check, wg_point *point, walk *w) {
    long double phi;
    int status = wg_point_value(point, w->f, &check->error);
    if (status && status != WG_ERROR_MEMORY && check->large) return WG_OK;
    if (!status) status = wg_point_repeat(point, w->f, w->u, &check->error);
    if (!status) status = find_slopes(check, point, w);
    if (!status) status = evaluate(check, point, w, 0, &phi);
    if (!status && check->large && !isfinite(w->norm)) return WG_OK;
    if (!status) status = choose_step(check, point, w);
    if (status) return status;
    if (!isfinite(w->typical) || !isfinite(w->norm) || w->step == 0) {
        wg_gradcheck_fail(check->report, &check->where, "the function or its gradient is not finite");
        return WG_OK;
    }
    for (int round = 0; round < w->rounds && !status && !check->report->failures; round++)
        status = compare(check, point, w, round);
    const int64_t size = wg_max_int(w->columns, w->outputs);
    check->report->largest_size = wg_max_int(check->report->largest_size, size);
    return status;
}

int wg_check_directions(wg_check *check, wg_point *point) {
    int status = wg_point_infer(point, &check->error);
    if (!status && wg_dtype_real(point->output.dtype) &&
        (!wg_point_columns(point) || !wg_type_count(&point->output)))
        return WG_OK;
    walk w = {.x = NULL};
    if (!status && !wg_dtype_real(point->output.dtype))
        status = wg_error_set(&check->error, WG_ERROR_DTYPE, "only f32 and f64 have gradients");
    if (!status) status = walk_open(&w, check, point, &check->error);
    if (!status) status = compare_all(check, point, &w);
    free(w.x);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "there is no gradient: %s", check->error.message);
    return WG_OK;
}
