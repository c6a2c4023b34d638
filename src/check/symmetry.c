/* symmetry — the Hessian H of sum(w * f(x)) is symmetric (Schwarz), so u'Hv = v'Hu for any directions u and v
 * over all inputs. Both come from the rules alone, without differences, and so agree to 1e-10: far closer
 * than differences can see. */
#include "check/check.h"
#include <math.h>
#include <stdlib.h>

/* Of both products, sums of whose terms these are. */
#define TOLERANCE 1e-10

typedef struct {
    int64_t columns, reals; /* elements of the active inputs, and of all real ones */
    double *w, *u, *v, *gradient, *hu, *hv;
} directions;

static int directions_open(directions *d, wg_check *check, const wg_point *point) {
    const int64_t outputs = wg_type_count(&point->output);
    *d = (directions){.columns = wg_point_columns(point), .reals = wg_point_reals(point)};
    const size_t columns = (size_t)d->columns;
    d->w = calloc((size_t)outputs + 5 * columns + 1, sizeof *d->w);
    if (!d->w) return wg_error_set(&check->error, WG_ERROR_MEMORY, "gradient check: no memory");
    d->u = d->w + outputs;
    d->v = d->u + columns;
    d->gradient = d->v + columns;
    d->hu = d->gradient + columns;
    d->hv = d->hu + columns;
    const uint64_t seed = check->options.seed;
    for (int64_t i = 0; i < outputs; i++) d->w[i] = wg_check_normal(seed, 6, 0, (uint64_t)i);
    for (int64_t k = 0; k < d->columns; k++) {
        d->u[k] = wg_check_normal(seed, 6, 1, (uint64_t)k);
        d->v[k] = wg_check_normal(seed, 6, 2, (uint64_t)k);
    }
    return WG_OK;
}

static double sum_of_magnitudes(const double *x, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += fabs(x[i]);
    return sum;
}

static double length(const double *x, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += x[i] * x[i];
    return sqrt(sum);
}

/* What cancels within a rule, whole perhaps, so that no value tells of it, has the size of the gradient's own
 * parts by x, and is taken to be at least as large as that of functions whose Hessians have norm 1. */
static double cancelled(const wg_point *point, const directions *d) {
    double size = sum_of_magnitudes(d->w, wg_type_count(&point->output)) * length(d->u, d->columns) *
                  length(d->v, d->columns);
    int64_t k = 0;
    for (int input = 0; input < point->count; input++) {
        const int64_t count = point->active[input] ? wg_tensor_count(point->inputs[input]) : 0;
        for (int64_t i = 0; i < count; i++, k++)
            size +=
                fabs(d->gradient[k] * d->u[k] * d->v[k]) / fmax(0x1p-26, fabs(wg_point_get(point, input, i)));
    }
    return size;
}

static void compare(wg_check *check, const wg_point *point, const directions *d) {
    double uhv = 0, vhu = 0, size = 0;
    for (int64_t k = 0; k < d->columns; k++) {
        const double there = d->u[k] * d->hv[k], back = d->v[k] * d->hu[k];
        uhv += there;
        vhu += back;
        size += fabs(there) + fabs(back);
    }
    const double rounding = point->unit * (double)(8 + d->reals);
    const double tolerance = fmax(TOLERANCE, rounding) * size + rounding * cancelled(point, d);
    check->report->symmetries++;
    if (fabs(uhv - vhu) <= tolerance) return;
    wg_gradcheck_fail(check->report, &check->where,
                      "the Hessian is not symmetric: u'Hv is %.17g, v'Hu %.17g, tolerance %.3g", uhv, vhu,
                      tolerance);
}

int wg_check_symmetry(wg_check *check, wg_point *point) {
    if (!wg_point_columns(point) || !wg_type_count(&point->output)) return WG_OK;
    directions d;
    int status = directions_open(&d, check, point);
    if (!status) status = wg_point_gradient(point, d.w, d.gradient, &check->error);
    if (!status) status = wg_point_curvature(point, d.w, d.v, d.hv, &check->error);
    if (!status) status = wg_point_curvature(point, d.w, d.u, d.hu, &check->error);
    if (!status) compare(check, point, &d);
    free(d.w);
    if (!status || status == WG_ERROR_MEMORY) return status;
    wg_gradcheck_fail(check->report, &check->where, "there is no gradient of the gradient: %s",
                      check->error.message);
    return WG_OK;
}
