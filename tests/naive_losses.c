/* naive_losses — losses of predictions and targets, element by element, then their mean or sum.
 *
 * Differences of inputs are rounded once, and all that is added up is at least 0: sizes are the values, but
 * for the parabola's ends, where two terms of up to twice the value are subtracted. */
#include "naive.h"
#include <math.h>
#include <stdlib.h>

typedef naive_real element_loss(naive_real d, naive_real end);

static naive_real squared(naive_real d, naive_real end) { return (void)end, d * d; }
static naive_real absolute(naive_real d, naive_real end) { return (void)end, fabsl(d); }
static naive_real huber(naive_real d, naive_real end) {
    return fabsl(d) <= end ? d * d / 2 : end * (fabsl(d) - end / 2);
}
static naive_real smooth(naive_real d, naive_real end) { return end == 0 ? fabsl(d) : huber(d, end) / end; }

static void loss_of(naive_call *call, element_loss *loss, naive_real end) {
    const naive_array *x = &call->inputs[0], *target = &call->inputs[1];
    const int64_t reduction = naive_int(call, "reduction", 0);
    const bool each = reduction == WG_NO_REDUCTION;
    naive_array *y = naive_output(call, 0, each ? x->type : (wg_type){.dtype = x->type.dtype});
    for (int64_t i = 0; i < x->count; i++)
        y->value[each ? i : 0] += loss(x->value[i] - target->value[i], end);
    if (reduction == WG_MEAN) y->value[0] /= (naive_real)x->count;
    for (int64_t i = 0; i < y->count; i++) y->size[i] = 4 * fabsl(y->value[i]);
    call->roundings = (naive_real)x->count + 6;
}

static void mse_loss(naive_call *call) { loss_of(call, squared, 0); }
static void l1_loss(naive_call *call) { loss_of(call, absolute, 0); }
static void huber_loss(naive_call *call) { loss_of(call, huber, naive_number(call, "delta")); }
static void smooth_l1_loss(naive_call *call) { loss_of(call, smooth, naive_number(call, "beta")); }

/* --- Of likelihoods ----------------------------------------------------------------------------------- */

/* Adds the loss of element i, whose terms have this size, to what the reduction makes of it. */
static void add_loss(naive_call *call, int64_t i, naive_real loss, naive_real size) {
    const int64_t reduction = naive_int(call, "reduction", 0), count = call->inputs[0].count;
    naive_array *y = &call->outputs[0];
    const int64_t at = reduction == WG_NO_REDUCTION ? i : 0;
    y->value[at] += reduction == WG_MEAN ? loss / (naive_real)count : loss;
    y->size[at] += reduction == WG_MEAN ? size / (naive_real)count : size;
}

static void make_loss(naive_call *call) {
    const naive_array *x = &call->inputs[0];
    const bool each = naive_int(call, "reduction", 0) == WG_NO_REDUCTION;
    naive_output(call, 0, each ? x->type : (wg_type){.dtype = x->type.dtype});
    call->roundings = (naive_real)x->count + 12;
}

static void gaussian_nll_loss(naive_call *call) {
    const naive_real rest = naive_bool(call, "full") ? logl(2 * acosl(-1)) : 0;
    make_loss(call);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real v = fmaxl(call->inputs[2].value[i], naive_number(call, "epsilon"));
        const naive_real d = call->inputs[1].value[i] - call->inputs[0].value[i];
        add_loss(call, i, (logl(v) + d * d / v + rest) / 2, (fabsl(logl(v)) + d * d / v + rest) / 2);
    }
}

static void poisson_nll_loss(naive_call *call) {
    const bool log_input = naive_bool(call, "log_input"), full = naive_bool(call, "full");
    make_loss(call);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i], t = call->inputs[1].value[i];
        const naive_real log_rate = log_input ? x : logl(x + naive_number(call, "epsilon"));
        const naive_real rate = log_input ? expl(x) : x;
        naive_real loss = rate - t * log_rate,
                   size = rate * (1 + fabsl(log_rate)) + t * (1 + fabsl(log_rate));
        if (full && t > 1) {
            loss += t * logl(t) - t + logl(2 * acosl(-1) * t) / 2;
            size += t * logl(t) + t + logl(2 * acosl(-1) * t);
        }
        add_loss(call, i, loss, size);
    }
}

/* --- Of probabilities --------------------------------------------------------------------------------- */

/* The factor that an optional input is for the element: 1 where it is left out. */
static naive_real weight_at(const naive_call *call, int input, const naive_index *at) {
    if (input >= call->input_count || !call->inputs[input].type.dtype) return 1;
    return call->inputs[input]
        .value[naive_broadcast_at(&call->inputs[input], at->at, call->inputs[0].type.rank)];
}

static naive_real log_sigmoid(naive_real x) { return x < 0 ? x - log1pl(expl(x)) : -log1pl(expl(-x)); }

static void bce_loss(naive_call *call) {
    make_loss(call);
    for (naive_index i = naive_first(&call->inputs[0].type); i.more; naive_next(&i)) {
        const naive_real x = call->inputs[0].value[i.number], t = call->inputs[1].value[i.number];
        const naive_real yes = fmaxl(logl(x), -100), no = fmaxl(log1pl(-x), -100), w = weight_at(call, 2, &i);
        add_loss(call, i.number, -w * (t * yes + (1 - t) * no), fabsl(w) * fabsl(t * yes + (1 - t) * no));
    }
}

static void bce_with_logits(naive_call *call) {
    make_loss(call);
    for (naive_index i = naive_first(&call->inputs[0].type); i.more; naive_next(&i)) {
        const naive_real x = call->inputs[0].value[i.number], t = call->inputs[1].value[i.number];
        const naive_real w = weight_at(call, 2, &i), q = weight_at(call, 3, &i);
        const naive_real loss = -w * (q * t * log_sigmoid(x) + (1 - t) * (log_sigmoid(x) - x));
        add_loss(call, i.number, loss, fabsl(loss));
    }
}

/* p the probability of the target: it is 1 - p that counts. */
static void sigmoid_focal_loss(naive_call *call) {
    const naive_real alpha = naive_number(call, "alpha"), gamma = naive_number(call, "gamma");
    make_loss(call);
    call->roundings += 16 * gamma;
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i], t = call->inputs[1].value[i], s = 1 / (1 + expl(-x));
        const naive_real p = t * s + (1 - t) * (1 - s);
        naive_real loss = -(t * logl(s) + (1 - t) * log_sigmoid(-x)) * powl(1 - p, gamma);
        if (alpha >= 0) loss *= t * alpha + (1 - t) * (1 - alpha);
        add_loss(call, i, loss, fabsl(loss));
    }
}

static void kl_div(naive_call *call) {
    const bool log_target = naive_bool(call, "log_target");
    make_loss(call);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i], t = call->inputs[1].value[i];
        const naive_real p = log_target ? expl(t) : t, log_p = log_target ? t : t == 0 ? 0 : logl(t);
        add_loss(call, i, p * (log_p - x), p * (fabsl(log_p) + fabsl(x)) * (1 + (log_target ? fabsl(t) : 0)));
    }
}

/* --- With a margin ------------------------------------------------------------------------------------ */

static void margin_ranking_loss(naive_call *call) {
    const naive_real margin = naive_number(call, "margin");
    make_loss(call);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real a = call->inputs[0].value[i], b = call->inputs[1].value[i],
                         t = call->inputs[2].value[i];
        add_loss(call, i, fmaxl(0, margin - t * (a - b)), fabsl(margin) + fabsl(t) * (fabsl(a) + fabsl(b)));
    }
}

static void hinge_embedding_loss(naive_call *call) {
    const naive_real margin = naive_number(call, "margin");
    make_loss(call);
    for (int64_t i = 0; i < call->inputs[0].count; i++) {
        const naive_real x = call->inputs[0].value[i], t = call->inputs[1].value[i];
        const naive_real loss = (t == -1 ? 0 : x) + (t == 1 ? 0 : fmaxl(0, margin - x));
        add_loss(call, i, loss, 2 * fabsl(x) + fabsl(margin));
    }
}

/* Of vectors of n numbers; adds what is rounded to size. */
static naive_real distance(const naive_call *call, const naive_real *u, const naive_real *v, int64_t n,
                           naive_real *size) {
    const naive_real p = naive_number(call, "p"), epsilon = naive_number(call, "epsilon");
    naive_real sum = 0, most = 0;
    for (int64_t k = 0; k < n; k++) {
        const naive_real d = fabsl(u[k] - v[k] + epsilon);
        sum += powl(d, p);
        most = fmaxl(most, d);
        *size += fabsl(u[k]) + fabsl(v[k]) + epsilon;
    }
    return isinf(p) ? most : powl(sum, 1 / p);
}

static void triplet_margin_loss(naive_call *call) {
    wg_type type = call->inputs[0].type;
    const int64_t n = type.extent[--type.rank], reduction = naive_int(call, "reduction", 0);
    const bool each = reduction == WG_NO_REDUCTION;
    const naive_real margin = naive_number(call, "margin");
    naive_array *y = naive_output(call, 0, each ? type : (wg_type){.dtype = type.dtype});
    const int64_t rows = call->inputs[0].count / n;
    call->roundings = (naive_real)(rows + 4 * n + 24);
    for (int64_t row = 0; row < rows; row++) {
        const naive_real *a = call->inputs[0].value + row * n, *p = call->inputs[1].value + row * n;
        const naive_real *q = call->inputs[2].value + row * n,
                         share = reduction == WG_MEAN ? (naive_real)rows : 1;
        naive_real size = fabsl(margin), near = distance(call, a, p, n, &size),
                   far = distance(call, a, q, n, &size);
        if (naive_bool(call, "swap")) far = fminl(far, distance(call, p, q, n, &size));
        y->value[each ? row : 0] += fmaxl(0, near - far + margin) / share;
        y->size[each ? row : 0] += (size + near + far) / share;
    }
}

/* --- Of angles ---------------------------------------------------------------------------------------- */

/* Of vectors of n numbers: the sum of products over the lengths, of which none counts as less than epsilon.
 */
static naive_real cosine(const naive_real *a, const naive_real *b, int64_t n, naive_real epsilon) {
    naive_real dot = 0, aa = 0, bb = 0;
    for (int64_t k = 0; k < n; k++) dot += a[k] * b[k], aa += a[k] * a[k], bb += b[k] * b[k];
    return dot / (fmaxl(sqrtl(aa), epsilon) * fmaxl(sqrtl(bb), epsilon));
}

static void cosine_similarity(naive_call *call) {
    wg_type all = naive_broadcast_type(call, call->inputs[0].type.dtype), type = all;
    const int axis = naive_axis(naive_int(call, "axis", 0), all.rank);
    const int64_t n = all.extent[axis];
    naive_real *a = calloc((size_t)n + 1, sizeof *a), *b = calloc((size_t)n + 1, sizeof *b);
    for (int i = axis; i + 1 < type.rank; i++) type.extent[i] = type.extent[i + 1];
    type.extent[--type.rank] = 0;
    naive_array *y = naive_output(call, 0, type);
    call->roundings = (naive_real)(3 * n + 24);
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        int64_t at[WG_MAX_RANK] = {0};
        for (int j = 0; j < all.rank; j++) at[j] = j < axis ? i.at[j] : j > axis ? i.at[j - 1] : 0;
        for (at[axis] = 0; at[axis] < n; at[axis]++) {
            a[at[axis]] = call->inputs[0].value[naive_broadcast_at(&call->inputs[0], at, all.rank)];
            b[at[axis]] = call->inputs[1].value[naive_broadcast_at(&call->inputs[1], at, all.rank)];
        }
        y->value[i.number] = cosine(a, b, n, naive_number(call, "epsilon"));
        y->size[i.number] = 1; /* of unit vectors the terms are no more together */
    }
    free(a);
    free(b);
}

static void cosine_embedding_loss(naive_call *call) {
    const naive_array *a = &call->inputs[0], *b = &call->inputs[1], *target = &call->inputs[2];
    const int64_t n = a->type.extent[a->type.rank - 1], reduction = naive_int(call, "reduction", 0);
    const bool each = reduction == WG_NO_REDUCTION;
    naive_array *y = naive_output(call, 0, each ? target->type : (wg_type){.dtype = a->type.dtype});
    call->roundings = (naive_real)(target->count + 3 * n + 24);
    for (int64_t row = 0; row < target->count; row++) {
        const naive_real c = cosine(a->value + row * n, b->value + row * n, n, 1e-8L), t = target->value[row];
        const naive_real loss = t == 1 ? 1 - c : t == -1 ? fmaxl(0, c - naive_number(call, "margin")) : 0;
        const naive_real share = reduction == WG_MEAN ? (naive_real)target->count : 1;
        y->value[each ? row : 0] += loss / share;
        y->size[each ? row : 0] += 3 / share;
    }
}

/* --- Of classes --------------------------------------------------------------------------------------- */

static void nll_loss(naive_call *call) {
    const naive_array *x = &call->inputs[0], *targets = &call->inputs[1];
    const int64_t reduction = naive_int(call, "reduction", 0);
    const bool each = reduction == WG_NO_REDUCTION,
               weighted = call->input_count > 2 && call->inputs[2].type.dtype;
    wg_type type = targets->type;
    naive_real all = 0;
    type.dtype = x->type.dtype;
    naive_array *y = naive_output(call, 0, each ? type : (wg_type){.dtype = type.dtype});
    call->roundings = (naive_real)(2 * targets->count + 4);
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        const int64_t class = (int64_t)targets->value[i.number];
        int64_t at[WG_MAX_RANK] = {i.at[0], class};
        for (int j = 1; j < type.rank; j++) at[j + 1] = i.at[j];
        if (class < 0 || class == naive_int(call, "ignore_index", 0)) continue;
        const naive_real w = weighted ? call->inputs[2].value[class] : 1;
        naive_add(y, each ? i.number : 0, -w * x->value[naive_at(&x->type, at)]);
        all += w;
    }
    if (reduction == WG_MEAN) y->value[0] /= all, y->size[0] /= all;
}

const naive_entry naive_losses[] = {
    {"mse_loss", mse_loss},
    {"l1_loss", l1_loss},
    {"huber_loss", huber_loss},
    {"smooth_l1_loss", smooth_l1_loss},
    {"gaussian_nll_loss", gaussian_nll_loss},
    {"poisson_nll_loss", poisson_nll_loss},
    {"bce_loss", bce_loss},
    {"bce_with_logits", bce_with_logits},
    {"sigmoid_focal_loss", sigmoid_focal_loss},
    {"kl_div", kl_div},
    {"margin_ranking_loss", margin_ranking_loss},
    {"hinge_embedding_loss", hinge_embedding_loss},
    {"triplet_margin_loss", triplet_margin_loss},
    {"cosine_similarity", cosine_similarity},
    {"cosine_embedding_loss", cosine_embedding_loss},
    {"nll_loss", nll_loss},
    {NULL, NULL},
};
