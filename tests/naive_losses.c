/* naive_losses — losses of predictions and targets, element by element, then their mean or sum.
 *
 * Differences of inputs are rounded once, and all that is added up is at least 0: sizes are the values, but
 * for the parabola's ends, where two terms of up to twice the value are subtracted. */
#include "naive.h"
#include <math.h>

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

const naive_entry naive_losses[] = {
    {"mse_loss", mse_loss},
    {"l1_loss", l1_loss},
    {"huber_loss", huber_loss},
    {"smooth_l1_loss", smooth_l1_loss},
    {NULL, NULL},
};
