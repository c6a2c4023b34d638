/* line_search — ends where the strong Wolfe conditions hold: with f(t) the loss and f'(t) its slope,
 *
 *     f(t) <= f(0) + c1 t f'(0)      |f'(t)| <= c2 |f'(0)|
 *
 * Nocedal & Wright 2006, algorithm 3.5, which goes on until an interval must have such a place in it,
 * and 3.6, which narrows that down; between two places the least of the cubic that has both losses and
 * slopes, (3.59). A loss that is not finite counts as infinite. */
#include "optim/line_search.h"
#include <math.h>
#include <stdbool.h>

/* Of an interval: how close to an end the next place may be; of one that is open: how far beyond. */
#define MARGIN 0.1
#define FARTHEST 10

typedef struct walk {
    const wg_line_search *search;
    wg_line_point start;
    int evaluations, status;
} walk;

static bool evaluate(walk *w, wg_line_point *at, double t) {
    if (w->evaluations++ == w->search->most) return false;
    at->t = t;
    w->status = w->search->evaluate(w->search->context, at);
    if (!isfinite(at->loss) || !isfinite(at->slope)) at->loss = INFINITY;
    return w->status == 0;
}

static bool is_too_high(const walk *w, const wg_line_point *at) {
    return at->loss > w->start.loss + w->search->decrease * at->t * w->start.slope;
}
static bool is_flat(const walk *w, const wg_line_point *at) {
    return fabs(at->slope) <= -w->search->curvature * w->start.slope;
}

/* Where the cubic through both is least, kept between low and high; their middle if it has no such place. */
static double interpolate(const wg_line_point *a, const wg_line_point *b, double low, double high) {
    const double d1 = a->slope + b->slope - 3 * (a->loss - b->loss) / (a->t - b->t);
    const double d2 = copysign(sqrt(d1 * d1 - a->slope * b->slope), b->t - a->t);
    const double t = b->t - (b->t - a->t) * (b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2);
    if (!isfinite(t)) return low + (high - low) / 2;
    return t < low ? low : t > high ? high : t;
}

/* Algorithm 3.6: `low` is the lowest place so far that is low enough, and the slope there leads towards
 * `high`. */
static wg_line_point narrow(walk *w, wg_line_point low, wg_line_point high) {
    wg_line_point at;
    while (fabs(high.t - low.t) > w->search->narrowest) {
        const double least = fmin(low.t, high.t), width = fabs(high.t - low.t), margin = MARGIN * width;
        const double t = interpolate(&low, &high, least + margin, least + width - margin);
        if (t == low.t || t == high.t || !evaluate(w, &at, t)) break;
        if (is_too_high(w, &at) || at.loss >= low.loss) {
            high = at;
            continue;
        }
        if (is_flat(w, &at)) return at;
        if (at.slope * (high.t - low.t) >= 0) high = low;
        low = at;
    }
    return low;
}

int wg_line_search_run(const wg_line_search *search, wg_line_point start, double first,
                       wg_line_point *found) {
    walk w = {.search = search, .start = start};
    wg_line_point before = start, at;
    *found = start;
    for (double t = first; evaluate(&w, &at, t);) {
        if (is_too_high(&w, &at) || (before.t > 0 && at.loss >= before.loss)) {
            *found = narrow(&w, before, at);
            break;
        }
        *found = at;
        if (is_flat(&w, &at)) break;
        if (at.slope >= 0) {
            *found = narrow(&w, at, before);
            break;
        }
        t = interpolate(&before, &at, at.t + MARGIN * (at.t - before.t), FARTHEST * at.t);
        if (!isfinite(t)) break;
        before = at;
    }
    return w.status;
}
