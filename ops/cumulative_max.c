/* cumulative_max, cumulative_min — along one axis the largest or the least of all elements up to each, and
 * its index
 *
 *     y[i] = max_{j <= i} x[j] = x[index[i]]            dx[j] = sum of dy[i] over all i with index[i] = j
 *
 * Of equal elements the last counts, and from the first NaN on all is NaN, with the index of the last of
 * them: as torch.cummax and torch.cummin have it (elsewhere, as in wg_max, the first counts). */
#include "order.h"

typedef struct {
    int64_t axis;
} cumulative_attributes;

/* A unit: up to so many rows side by side. */
enum { SIDE_BY_SIDE = 64 };

WG_INLINE bool counts(bool least, number x, number best) {
    const bool no_worse = least ? x <= best : x >= best;
#if WG_IS_REAL
    return (no_worse & (best == best)) | (x != x);
#else
    return no_worse;
#endif
}

WG_INLINE void accumulate(bool least, const wg_call *call) {
    const rows_split s = rows_split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, cumulative)->axis);
    const int64_t blocks = (s.inner + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t begin = unit % blocks * SIDE_BY_SIDE, left = s.inner - begin;
        const int64_t width = left < SIDE_BY_SIDE ? left : SIDE_BY_SIDE;
        const int64_t origin = unit / blocks * s.extent * s.inner + begin;
        number best[SIDE_BY_SIDE];
        int64_t where[SIDE_BY_SIDE] = {0};
        for (int64_t j = 0; j < width && s.extent; j++) best[j] = WG_IN(call, 0, number)[origin + j];
        for (int64_t i = 0; i < s.extent; i++) {
            const number *x = WG_IN(call, 0, number) + origin + i * s.inner;
            number *y = WG_OUT(call, 0, number) + origin + i * s.inner;
            int64_t *index = WG_OUT(call, 1, int64_t) + origin + i * s.inner;
            for (int64_t j = 0; j < width; j++) {
                const bool take = counts(least, x[j], best[j]);
                y[j] = best[j] = take ? x[j] : best[j];
                index[j] = where[j] = take ? i : where[j];
            }
        }
    }
}
static void cumulative_max_forward(const wg_call *call) { accumulate(false, call); }
WG_KERNEL(cumulative_max, cumulative_max_forward)
static void cumulative_min_forward(const wg_call *call) { accumulate(true, call); }
WG_KERNEL(cumulative_min, cumulative_min_forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(cumulative_attributes, axis, .kind = WG_ATTRIBUTE_INT, .meaning = "that is gone along"),
    WG_NO_MORE_ATTRIBUTES};

static int64_t units(const wg_call *call) {
    const rows_split s = rows_split_at(&call->inputs[0].type, WG_ATTRIBUTES(call, cumulative)->axis);
    return s.outer * ((s.inner + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE);
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < ORDER_CASES; i++) {
        const order_case *at = &order_cases[i];
        WG_SAMPLE(s, &(cumulative_attributes){at->axis}, order_input(at));
    }
    for (int64_t n = 2; n < 15; n++)
        WG_SAMPLE(s, (&(cumulative_attributes){n % 2 - 2}),
                  {.shape = WG_SHAPE(n, 16 - n), .values = n % 3 ? WG_DISTINCT : WG_TIES});
    WG_SAMPLE(s, &(cumulative_attributes){0}, {.shape = WG_SHAPE(2, 67), .values = WG_DISTINCT});
}

#define CUMULATIVE(op, text, shapes_text, gradient_text, torch_name)                                        \
    const wg_op wg_op_##op = {                                                                              \
        .name = #op, .formula = text, .torch = torch_name, .inputs = 1, .outputs = 2,                       \
        .shapes = shapes_text, .gradient = gradient_text,                                                   \
        .attributes = attributes, .attributes_size = sizeof(cumulative_attributes), .infer = order_infer,   \
        .forward = WG_FORWARD(op), .backward = order_backward, .units = units, .samples = samples,          \
    };                                                                                                      \
    wg_var (wg_##op)(wg_var x, int axis) { return WG_RECORD(&wg_op_##op, &(cumulative_attributes){axis}, x); }
CUMULATIVE(cumulative_max, "y[i] = max_{j <= i} x[j], index[i] = the last j of it",
           "x [...] -> y [...], index [...]", "dx[j] = sum over i with index[i] = j of dy[i]", "cummax")
CUMULATIVE(cumulative_min, "y[i] = min_{j <= i} x[j], index[i] = the last j of it",
           "x [...] -> y [...], index [...]", "dx[j] = sum over i with index[i] = j of dy[i]", "cummin")

#endif
