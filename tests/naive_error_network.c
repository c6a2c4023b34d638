/* naive_error_network — rules of normalizations, attention, softmax and cross entropy. */
#include "naive_error.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* With D the errors of x less its mean, V = mean (2 |d| D + D²) bounds the error of the variance, and the
 * scale is off most where the variance is least. */
void naive_error_standardize(propagation *p) {
    const naive_array *x = &p->call->inputs[0], *mean = &p->call->outputs[1], *scale = &p->call->outputs[2];
    const naive_real center = naive_bool(p->call, "center"), epsilon = naive_number(p->call, "epsilon");
    const naive_real n = (naive_real)x->count / (naive_real)mean->count;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i))
        p->outputs[1]->error[naive_broadcast_at(mean, i.at, x->type.rank)] +=
            center * p->errors[0][i.number] / n;
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(mean, i.at, x->type.rank);
        const naive_real off = p->errors[0][i.number] + p->outputs[1]->error[at];
        p->outputs[3]->error[at] += off * (2 * fabsl(x->value[i.number] - mean->value[at]) + off) / n;
    }
    for (int64_t at = 0; at < mean->count; at++) {
        const naive_real least = p->call->outputs[3].value[at] - p->outputs[3]->error[at];
        const naive_real off = 1 / sqrtl((least > 0 ? least : 0) + epsilon) - scale->value[at];
        p->outputs[2]->error[at] = p->outputs[3]->error[at] > 0 ? off : 0;
    }
    for (naive_index i = naive_first(&x->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(mean, i.at, x->type.rank);
        const naive_real off = p->errors[0][i.number] + p->outputs[1]->error[at];
        const naive_real error = off * (scale->value[at] + p->outputs[2]->error[at]) +
                                 fabsl(x->value[i.number] - mean->value[at]) * p->outputs[2]->error[at];
        p->outputs[0]->error[i.number] = isnan(error) ? INFINITY : error;
    }
}

/* The largest |x| and the largest error in a column of what is rows of `columns` numbers. */
static void column_most(const naive_array *x, const naive_real *errors, int64_t columns, int64_t column,
                        naive_real *most, naive_real *error) {
    *most = *error = 0;
    for (int64_t i = column; i < x->count; i += columns) {
        *most = naive_larger(*most, fabsl(x->value[i]));
        *error = naive_larger(*error, errors[i]);
    }
}

/* The errors of a mask that is added; of one of bool nothing can be said. */
static naive_real mask_error(const propagation *p) {
    naive_real most = 0;
    const naive_array *mask = &p->call->inputs[3];
    for (int64_t i = 0; p->call->input_count > 3 && mask->type.dtype && i < mask->count; i++)
        most = naive_larger(most,
                            mask->type.dtype == WG_BOOL && p->errors[3][i] > 0 ? INFINITY : p->errors[3][i]);
    return most;
}

/* Scores that are off by at most e change weights by a factor exp(±2 e) at most, and the logarithm of their
 * sum by e; e is bounded for all keys of a query at once. */
void naive_error_attention(propagation *p) {
    const naive_array *q = &p->call->inputs[0], *k = q + 1, *v = q + 2;
    const int64_t depth = q->type.extent[q->type.rank - 1], values = v->type.extent[v->type.rank - 1];
    const naive_real scale = fabsl(naive_number(p->call, "scale")), added = mask_error(p);
    naive_real *off = p->outputs[1]->error, most, error;
    for (int64_t i = 0; i < p->outputs[1]->count; i++) off[i] = added;
    for (int64_t e = 0; e < depth; e++) {
        column_most(k, p->errors[1], depth, e, &most, &error);
        for (int64_t i = e; i < q->count; i += depth)
            off[i / depth] += scale * (fabsl(q->value[i]) * error + p->errors[0][i] * (most + error));
    }
    for (int64_t d = 0; d < values; d++) {
        column_most(v, p->errors[2], values, d, &most, &error);
        for (int64_t i = d; i < p->outputs[0]->count; i += values) {
            const naive_real factor = expm1l(2 * off[i / values]);
            p->outputs[0]->error[i] = factor > 0 ? factor * (most + error) + error : error;
        }
    }
}

/* Of weights that are exponentials of scores less a number that is given, little can be said. */
void naive_error_attention_grad(propagation *p) {
    bool known = true;
    for (int i = 0; i < p->call->input_count; i++)
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) known &= p->errors[i][k] == 0;
    for (int output = 0; !known && output < p->call->op->outputs; output++)
        for (int64_t i = 0; i < p->outputs[output]->count; i++) p->outputs[output]->error[i] = INFINITY;
}

/* What r (dy + mean dy + y mean (dy y)) grows by, of absolute values, where each is larger by its error. */
void naive_error_standardize_grad(propagation *p) {
    const naive_array *dy = &p->call->inputs[0], *y = &p->call->inputs[1], *r = &p->call->inputs[2];
    const naive_real center = naive_bool(p->call, "center");
    const naive_real n = (naive_real)dy->count / (naive_real)r->count;
    naive_real *sums[4]; /* mean dy and mean dy y, without errors and with them */
    for (int k = 0; k < 4; k++) sums[k] = naive_numbers(r->count);
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(r, i.at, dy->type.rank);
        for (int k = 0; k < 2; k++) {
            const naive_real of_dy = fabsl(dy->value[i.number]) + (k ? p->errors[0][i.number] : 0);
            const naive_real of_y = fabsl(y->value[i.number]) + (k ? p->errors[1][i.number] : 0);
            sums[2 * k][at] += center * of_dy / n;
            sums[2 * k + 1][at] += of_dy * of_y / n;
        }
    }
    for (naive_index i = naive_first(&dy->type); i.more; naive_next(&i)) {
        const int64_t at = naive_broadcast_at(r, i.at, dy->type.rank);
        const naive_real own = fabsl(dy->value[i.number]), e_own = p->errors[0][i.number];
        const naive_real of_y = fabsl(y->value[i.number]), e_y = p->errors[1][i.number];
        const naive_real inner = own + sums[0][at] + of_y * sums[1][at];
        const naive_real grown =
            e_own + (sums[2][at] - sums[0][at]) + (of_y * (sums[3][at] - sums[1][at]) + e_y * sums[3][at]);
        const naive_real error = fabsl(r->value[at]) * grown + p->errors[2][at] * (inner + grown);
        p->outputs[0]->error[i.number] = isnan(error) ? INFINITY : error;
    }
    for (int k = 0; k < 4; k++) free(sums[k]);
}

/* Products and extrema of what is put by places: linear or monotone in each number, so largest at corners. */
void naive_error_reduced_by_places(propagation *p) {
    naive_error_by_places(p);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] = isinf(p->outputs[0]->error[i]) ? INFINITY : 0;
    naive_error_corners(p);
}

/* f(E) - f(0): a number that is written beside those of x has no error. */
void naive_error_affine(propagation *p) {
    naive_real *zero[NAIVE_INPUTS] = {naive_numbers(p->call->inputs[0].count)};
    naive_call other;
    naive_error_linear(p);
    naive_evaluate_at(p->call, zero, &other);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->error[i] -= fabsl(other.outputs[0].value[i]);
    naive_free_outputs(&other);
    free(zero[0]);
}

/* --- Probability ------------------------------------------------------------------------------- */

/* log of sum_j p_j exp(e_j): what the errors of a row make of the logarithm of its sum, at most. */
static naive_real log_sum_error(const naive_real *x, const naive_real *e, int64_t n, int64_t step) {
    naive_real most = -INFINITY, sum = 0, moved = 0;
    for (int64_t k = 0; k < n; k++) most = naive_larger(most, x[k * step]);
    for (int64_t k = 0; k < n; k++) {
        const naive_real weight = expl(x[k * step] - most);
        sum += weight;
        moved += weight * expm1l(e[k * step]);
    }
    return log1pl(moved / sum);
}

/* p_i is off by no more than a factor exp(± (e_i + log sum_j p_j exp(e_j))), by Jensen's inequality. */
static void along_axis(propagation *p, bool logarithm) {
    const naive_array *x = &p->call->inputs[0], *y = &p->call->outputs[0];
    const int axis = naive_axis(naive_int(p->call, "axis", 0), x->type.rank);
    const int64_t n = x->type.rank ? x->type.extent[axis] : 1;
    int64_t step = 1;
    for (int i = axis + 1; i < x->type.rank; i++) step *= x->type.extent[i];
    for (int64_t i = 0; i < x->count; i++) {
        if (i / step % n != 0) continue; /* the first of each row */
        const naive_real of_sum = log_sum_error(x->value + i, p->errors[0] + i, n, step);
        for (int64_t k = i; k < i + n * step; k += step) {
            const naive_real off = p->errors[0][k] + of_sum;
            p->outputs[0]->error[k] = logarithm ? off : y->value[k] * expm1l(off);
        }
    }
}
void naive_error_softmax(propagation *p) { along_axis(p, false); }
void naive_error_log_softmax(propagation *p) { along_axis(p, true); }

/* p[n, c] of the targets and its error; class indices are exact or unknown. */
static naive_real target(const propagation *p, int input, int64_t n, int64_t c, int64_t classes,
                         naive_real *error) {
    const naive_array *targets = &p->call->inputs[input];
    const int64_t at = targets->type.rank == 2 ? n * classes + c : n;
    *error = p->errors[input][at];
    return targets->type.rank == 2 ? targets->value[at] : targets->value[at] == (naive_real)c;
}

/* Is it more than logits [N, C] and targets, logits being input `first`? */
static bool is_extended(const propagation *p, int first) {
    return p->call->inputs[first].type.rank != 2 || p->call->input_count > first + 2 ||
           naive_number(p->call, "label_smoothing") != 0 || naive_int(p->call, "ignore_index", 0) >= 0;
}

void naive_error_cross_entropy(propagation *p) {
    if (is_extended(p, 0)) {
        naive_error_one_at_a_time(p);
        return;
    }
    const naive_array *x = &p->call->inputs[0];
    const int64_t classes = x->type.extent[1];
    for (int64_t n = 0; n < p->outputs[0]->count; n++) {
        const naive_real *row = x->value + n * classes, *e = p->errors[0] + n * classes;
        const naive_real off = log_sum_error(row, e, classes, 1);
        naive_real most = -INFINITY, sum = 0;
        for (int64_t c = 0; c < classes; c++) most = naive_larger(most, row[c]);
        for (int64_t c = 0; c < classes; c++) sum += expl(row[c] - most);
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            const naive_real probability = fabsl(target(p, 1, n, c, classes, &error));
            if (probability == 0 && error == 0) continue;
            p->outputs[0]->error[n] +=
                (probability + error) * (e[c] + off) + error * fabsl(row[c] - most - logl(sum));
        }
    }
}

/* dy (P s - p) with P = sum p: each factor with its error. */
void naive_error_cross_entropy_grad(propagation *p) {
    if (is_extended(p, 1)) {
        naive_error_one_at_a_time(p);
        return;
    }
    const naive_array *dy = &p->call->inputs[0], *x = &p->call->inputs[1];
    const int64_t classes = x->type.extent[1];
    for (int64_t n = 0; n < dy->count; n++) {
        const naive_real *row = x->value + n * classes, *e = p->errors[1] + n * classes;
        const naive_real off = log_sum_error(row, e, classes, 1), edy = p->errors[0][n];
        naive_real most = -INFINITY, sum = 0, mass = 0, mass_error = 0;
        for (int64_t c = 0; c < classes; c++) most = naive_larger(most, row[c]);
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            sum += expl(row[c] - most);
            mass += fabsl(target(p, 2, n, c, classes, &error));
            mass_error += p->call->inputs[2].type.rank == 2 ? error : 0;
        }
        for (int64_t c = 0; c < classes; c++) {
            naive_real error;
            const naive_real one_hot = target(p, 2, n, c, classes, &error), s = expl(row[c] - most) / sum;
            const naive_real es = s * expm1l(e[c] + off), inner = mass * es + mass_error * (s + es) + error;
            p->outputs[0]->error[n * classes + c] =
                (fabsl(dy->value[n]) + edy) * inner + edy * fabsl(mass * s - one_hot);
        }
    }
}
