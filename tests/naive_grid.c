/* naive_grid — images read at places of a grid: every output from every pixel, by the weight between them. */
#include "naive.h"
#include <math.h>
#include <string.h>

/* Reflected between the outermost centres or edges, as often as it takes; *sign turns with it. */
static naive_real reflected(naive_real s, int64_t n, bool align, naive_real *sign) {
    const naive_real low = align ? 0 : -0.5L, high = align ? (naive_real)(n - 1) : (naive_real)n - 0.5L;
    if (high <= low) return *sign = 0, 0;
    while (s < low || s > high) {
        s = s < low ? 2 * low - s : 2 * high - s;
        *sign = -*sign;
    }
    return s;
}

static naive_real clipped(naive_real s, int64_t n, naive_real *sign) {
    if (s > 0 && s < (naive_real)(n - 1)) return s;
    *sign = 0;
    return fminl(fmaxl(s, 0), (naive_real)(n - 1));
}

static naive_real padded(const naive_call *call, naive_real s, int64_t n, naive_real *sign) {
    const int64_t padding = naive_int(call, "padding", 0);
    if (padding == 2) s = reflected(s, n, naive_bool(call, "align_corners"), sign);
    return padding ? clipped(s, n, sign) : s;
}

/* A polynomial's derivative of that order; c[k] belongs to x^k. */
static naive_real derivative(const naive_real c[4], naive_real x, int64_t order) {
    naive_real sum = 0;
    for (int64_t k = order; k < 4; k++) {
        naive_real term = c[k];
        for (int64_t i = 0; i < order; i++) term *= (naive_real)(k - i);
        sum += term * powl(x, (naive_real)(k - order));
    }
    return sum;
}

/* The kernel and its derivatives at d = place - pixel. */
static naive_real kernel(int64_t mode, naive_real d, int64_t order) {
    static const naive_real linear[] = {1, -1, 0, 0}, near[] = {1, 0, -2.25L, 1.25L}, far[] = {3, -6, 3.75L, -0.75L};
    const naive_real x = fabsl(d);
    if (x >= (mode == 0 ? 1 : 2)) return 0;
    const naive_real *c = mode == 0 ? linear : x < 1 ? near : far;
    return derivative(c, x, order) * (order % 2 && d < 0 ? -1 : 1);
}

/* The weight of pixel k of an axis at a number of the grid, or a derivative of it. */
static naive_real weight_of(const naive_call *call, int64_t n, naive_real number, int64_t order, int64_t k) {
    const int64_t mode = naive_int(call, "mode", 0);
    const bool align = naive_bool(call, "align_corners");
    const naive_real ratio = (naive_real)(align ? n - 1 : n) / 2, s = (number + 1) * ratio - (align ? 0 : 0.5L);
    naive_real sign = 1, sum = 0;
    if (mode == 2) {
        for (naive_real i = floorl(s) - 2; i <= floorl(s) + 3; i++) {
            naive_real ignored = 1;
            if (roundl(padded(call, i, n, &ignored)) == (naive_real)k) sum += kernel(2, s - i, order);
        }
        return sum * powl(ratio, (naive_real)order);
    }
    const naive_real at = padded(call, s, n, &sign);
    const naive_real slope = order ? powl(sign * ratio, (naive_real)order) : 1;
    if (mode == 1) return order ? 0 : rintl(at) == (naive_real)k;
    if (order == 0) return kernel(0, at - (naive_real)k, 0);
    return order > 1 ? 0 : (floorl(at) == (naive_real)k ? -slope : floorl(at) + 1 == (naive_real)k ? slope : 0);
}

static void grid_sample_by(naive_call *call, bool transposed) {
    const naive_array *from = &call->inputs[0], *grid = &call->inputs[1];
    const int axes = from->type.rank - 2;
    wg_type x = from->type, y = from->type;
    for (int i = 0; i < axes; i++)
        if (transposed)
            x.extent[2 + i] = naive_int(call, "size", i);
        else
            y.extent[2 + i] = grid->type.extent[1 + i];
    naive_array *to = naive_output(call, 0, transposed ? x : y);
    call->roundings = 64;
    for (naive_index o = naive_first(&y); o.more; naive_next(&o))
        for (naive_index k = naive_first(&x); k.more; naive_next(&k)) {
            if (o.at[0] != k.at[0] || o.at[1] != k.at[1]) continue;
            naive_real weight = 1, size = 1;
            for (int axis = 0; axis < axes; axis++) {
                int64_t at[WG_MAX_RANK] = {o.at[0]};
                for (int i = 0; i < axes; i++) at[1 + i] = o.at[2 + i];
                at[1 + axes] = axes - 1 - axis;
                const int64_t order = naive_int(call, "order", axes - 1 - axis), n = x.extent[2 + axis];
                weight *= weight_of(call, n, grid->value[naive_at(&grid->type, at)], order, k.at[2 + axis]);
                size *= 1 + powl((naive_real)n / 2, (naive_real)order) * (order ? 8 : 1);
            }
            const naive_real value = from->value[transposed ? o.number : k.number];
            to->value[transposed ? k.number : o.number] += weight * value;
            to->size[transposed ? k.number : o.number] += size * fabsl(value); /* places are rounded, not only weights */
        }
}
static void grid_sample(naive_call *call) { grid_sample_by(call, false); }
static void grid_sample_grad_input(naive_call *call) { grid_sample_by(call, true); }

const naive_entry naive_grid[] = {
    {"grid_sample", grid_sample},
    {"grid_sample_grad_input", grid_sample_grad_input},
    {NULL, NULL},
};
