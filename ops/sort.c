/* sort, argsort — along one axis, the elements from the least to the largest, or with `descending` from the
 * largest
 *
 *     sort:     y[r] = x[index[r]]            dx[index[r]] = dy[r]
 *     argsort:  index alone; no gradient
 *
 * Equal elements keep their order, either way; a NaN counts as larger than any number, and 0 as -0.
 * torch.sort with stable = True, and numpy.argsort with kind = "stable". */
#include "order.h"

typedef struct {
    int64_t axis;
    bool descending;
} sort_attributes;

/* y: NULL where only the index is asked for. */
WG_INLINE void sort_rows(const wg_call *call, number *y, int64_t *index) {
    const sort_attributes *a = WG_ATTRIBUTES(call, sort);
    const rows_split s = rows_split_at(&call->inputs[0].type, a->axis);
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t origin = unit / s.inner * s.extent * s.inner + unit % s.inner;
        const number *x = WG_IN(call, 0, number) + origin;
        order_pair *pairs = call->workspace;
        order_read(x, s.extent, s.inner, a->descending, pairs);
        pairs = order_sort(pairs, pairs + s.extent, s.extent);
        for (int64_t r = 0; r < s.extent; r++) index[origin + r * s.inner] = pairs[r].place;
        for (int64_t r = 0; y && r < s.extent; r++) y[origin + r * s.inner] = x[pairs[r].place * s.inner];
    }
}
static void sort_forward(const wg_call *call) {
    sort_rows(call, WG_OUT(call, 0, number), WG_OUT(call, 1, int64_t));
}
WG_KERNEL(sort, sort_forward)
static void argsort_forward(const wg_call *call) { sort_rows(call, NULL, WG_OUT(call, 0, int64_t)); }
WG_KERNEL(argsort, argsort_forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(sort_attributes, axis, .kind = WG_ATTRIBUTE_INT, .preset = -1,
                 .meaning = "that is put in order"),
    WG_ATTRIBUTE(sort_attributes, descending, .kind = WG_ATTRIBUTE_BOOL, .meaning = "the largest first"),
    WG_NO_MORE_ATTRIBUTES};

static int infer_argsort(wg_infer *infer) {
    const int status = order_infer(infer);
    infer->outputs[0].dtype = WG_I64;
    return status;
}

static size_t workspace(const wg_call *call) {
    return 2 * sizeof(order_pair) * (size_t)call->inputs[0].type.extent[WG_ATTRIBUTES(call, sort)->axis];
}
static wg_cost cost(const wg_call *call) { return wg_cost_per_element(call, 30); }

static sort_attributes sort_of(int64_t axis, bool descending) {
    sort_attributes a;
    memset(&a, 0, sizeof a);
    a.axis = axis;
    a.descending = descending;
    return a;
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < ORDER_CASES; i++)
        for (int descending = 0; descending < 2; descending++) {
            const order_case *at = &order_cases[i];
            const sort_attributes with = sort_of(at->axis, descending);
            WG_SAMPLE(s, &with, order_input(at));
        }
}

const wg_op wg_op_sort = {
    .name = "sort", .formula = "y[r] = x[index[r]], y[r] <= y[r+1]", .torch = "sort",
    .shapes = "x [...] -> y [...], index [...]",
    .gradient = "dx[index[r]] = dy[r]",
    .inputs = 1, .outputs = 2, .attributes = attributes, .attributes_size = sizeof(sort_attributes),
    .infer = order_infer, .forward = WG_FORWARD(sort), .backward = order_backward, .units = order_units,
    .workspace = workspace, .cost = cost, .samples = samples,
};

const wg_op wg_op_argsort = {
    .name = "argsort", .formula = "x[index[r]] <= x[index[r+1]]", .torch = "argsort",
    .shapes = "x [...] -> index [...]",
    .inputs = 1, .outputs = 1, .flags = WG_BLOCKS,
    .attributes = attributes, .attributes_size = sizeof(sort_attributes),
    .infer = infer_argsort, .forward = WG_FORWARD(argsort), .units = order_units,
    .workspace = workspace, .cost = cost, .samples = samples,
};

wg_var (wg_sort)(wg_var x, int axis, const wg_sort_options *options) {
    WG_READ_OPTIONS(wg_sort_options, given, options);
    const sort_attributes chosen = sort_of(axis, given.descending);
    return WG_RECORD(&wg_op_sort, &chosen, x);
}
wg_var (wg_argsort)(wg_var x, int axis, const wg_sort_options *options) {
    WG_READ_OPTIONS(wg_sort_options, given, options);
    const sort_attributes chosen = sort_of(axis, given.descending);
    return WG_RECORD(&wg_op_argsort, &chosen, x);
}

#endif
