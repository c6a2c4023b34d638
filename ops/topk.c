/* topk — along one axis the k largest elements, or with `largest` false the k least, and where they stand
 *
 *     y[r] = x[index[r]]            dx[index[r]] = dy[r]
 *
 * With `sorted` the best comes first, without it they keep the order that they have in x (ONNX TopK and
 * torch.topk leave that open). Of equal elements the one with the lower index is better, as ONNX has it and
 * torch leaves open; a NaN counts as larger than any number. */
#include "order.h"

typedef struct {
    int64_t axis, k;
    bool largest, sorted;
} topk_attributes;

enum { TOPK_SHARE = 16 }; /* a smaller share of the elements than 1 of so many is kept in a heap */

/* Is a better than b? Keys are turned so that the best is the least. */
WG_INLINE bool better(order_pair a, order_pair b) {
    return a.key < b.key || (a.key == b.key && a.place < b.place);
}

/* The element at the top of a heap of n, whose two branches are in order, sinks to its place; the worst is
 * on top. */
WG_INLINE void sink(order_pair *heap, int64_t n, int64_t at) {
    const order_pair moved = heap[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && better(heap[child], heap[child + 1]);
        if (!better(moved, heap[child])) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* The k > 0 best of n in order: seen one by one, those better than the worst of k take its place. */
static const order_pair *best_in_heap(const number *x, int64_t n, int64_t step, int64_t k, bool largest,
                                      order_pair *heap) {
    const order_key turn = largest ? (order_key)-1 : 0;
    order_read(x, k, step, largest, heap);
    for (int64_t at = k / 2; at-- > 0;) sink(heap, k, at);
    for (int64_t i = k; i < n; i++) {
        const order_key key = order_key_of(x[i * step]) ^ turn;
        if (key >= heap[0].key) continue;
        heap[0] = (order_pair){key, i};
        sink(heap, k, 0);
    }
    for (int64_t left = k - 1; left > 0; left--) {
        const order_pair worst = heap[0];
        heap[0] = heap[left];
        heap[left] = worst;
        sink(heap, left, 0);
    }
    return heap;
}

static const order_pair *best_of_all(const number *x, int64_t n, int64_t step, bool largest,
                                     order_pair *pairs) {
    order_read(x, n, step, largest, pairs);
    return order_sort(pairs, pairs + n, n);
}

/* The places of the k best in the order of x: those no worse than the last. */
WG_INLINE void places_in_order(const number *x, int64_t n, int64_t step, order_pair last, bool largest,
                               int64_t *index) {
    const order_key turn = largest ? (order_key)-1 : 0;
    for (int64_t i = 0; i < n; i++)
        if (!better(last, (order_pair){order_key_of(x[i * step]) ^ turn, i})) *index = i, index += step;
}

static void topk_forward(const wg_call *call) {
    const topk_attributes *a = WG_ATTRIBUTES(call, topk);
    const rows_split s = rows_split_at(&call->inputs[0].type, a->axis);
    if (a->k == 0) return;
    for (int64_t unit = call->begin; unit < call->end; unit++) {
        const int64_t outer = unit / s.inner, lane = unit % s.inner, to = outer * a->k * s.inner + lane;
        const number *x = WG_IN(call, 0, number) + outer * s.extent * s.inner + lane;
        number *y = WG_OUT(call, 0, number) + to;
        int64_t *index = WG_OUT(call, 1, int64_t) + to;
        const order_pair *best =
            a->k < s.extent / TOPK_SHARE
                ? best_in_heap(x, s.extent, s.inner, a->k, a->largest, call->workspace)
                : best_of_all(x, s.extent, s.inner, a->largest, call->workspace);
        if (a->sorted)
            for (int64_t r = 0; r < a->k; r++) index[r * s.inner] = best[r].place;
        else
            places_in_order(x, s.extent, s.inner, best[a->k - 1], a->largest, index);
        for (int64_t r = 0; r < a->k; r++) y[r * s.inner] = x[index[r * s.inner] * s.inner];
    }
}
WG_KERNEL(topk, topk_forward)

#ifdef WG_RULES

static const wg_attribute attributes[] = {
    WG_ATTRIBUTE(topk_attributes, axis, .kind = WG_ATTRIBUTE_INT, .preset = -1,
                 .meaning = "whose best are found"),
    WG_ATTRIBUTE(topk_attributes, k, .kind = WG_ATTRIBUTE_INT, .preset = 1, .meaning = "how many"),
    WG_ATTRIBUTE(topk_attributes, largest, .kind = WG_ATTRIBUTE_BOOL, .preset = true,
                 .meaning = "the largest, else the least"),
    WG_ATTRIBUTE(topk_attributes, sorted, .kind = WG_ATTRIBUTE_BOOL, .preset = true,
                 .meaning = "the best first, else in the order of x"),
    WG_NO_MORE_ATTRIBUTES};

static int infer(wg_infer *infer) {
    const topk_attributes *a = infer->attributes;
    const wg_type *x = &infer->inputs[0];
    const int status = order_infer(infer);
    if (status) return status;
    if (a->k < 0 || a->k > x->extent[a->axis])
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE,
                             "k is %lld; x is %s, so along axis %lld it must be 0 to %lld",
                             (long long)a->k, wg_infer_shape_text(infer, x), (long long)a->axis,
                             (long long)x->extent[a->axis]);
    infer->outputs[0].extent[a->axis] = infer->outputs[1].extent[a->axis] = a->k;
    return WG_OK;
}

static size_t workspace(const wg_call *call) {
    const topk_attributes *a = WG_ATTRIBUTES(call, topk);
    const int64_t n = call->inputs[0].type.extent[a->axis];
    return sizeof(order_pair) * (size_t)(a->k < n / TOPK_SHARE ? a->k : 2 * n);
}
static wg_cost cost(const wg_call *call) {
    return (wg_cost){20 * (double)wg_type_count(&call->inputs[0].type), wg_call_bytes(call)};
}

static topk_attributes topk_of(int64_t axis, int64_t k, bool largest, bool sorted) {
    topk_attributes a;
    memset(&a, 0, sizeof a);
    a.axis = axis;
    a.k = k;
    a.largest = largest;
    a.sorted = sorted;
    return a;
}

static void samples(wg_sampler *s) {
    for (int i = 0; i < ORDER_CASES; i++) {
        const order_case *at = &order_cases[i];
        int rank = 0;
        while (at->shape.extent[rank] != INT64_MIN) rank++;
        const int64_t n = at->shape.extent[at->axis < 0 ? at->axis + rank : at->axis];
        for (int how = 0; how < 4; how++) {
            const int64_t ks[] = {n, n / 20 + (n > 0), n / 2, n - n / 3};
            const topk_attributes with = topk_of(at->axis, ks[(i + how) % 4], how & 1, how >> 1);
            if (i % 3 == 0 || how == i % 4 || how == (i + 1) % 4)
                WG_SAMPLE(s, &with, order_input(at));
        }
    }
}

const wg_op wg_op_topk = {
    .name = "topk", .formula = "y[r] = x[index[r]], the k largest or least", .onnx = "TopK", .torch = "topk",
    .shapes = "x [*] -> y [*], index [*]; the axis has extent k",
    .gradient = "dx[index[r]] = dy[r], else 0",
    .inputs = 1, .outputs = 2, .attributes = attributes, .attributes_size = sizeof(topk_attributes),
    .infer = infer, .forward = WG_FORWARD(topk), .backward = order_backward, .units = order_units,
    .workspace = workspace, .cost = cost, .samples = samples,
};

wg_var (wg_topk)(wg_var x, int64_t k, int axis, const wg_topk_options *options) {
    WG_READ_OPTIONS(wg_topk_options, given, options);
    const topk_attributes chosen = topk_of(axis, k, !given.smallest, !given.unsorted);
    return WG_RECORD(&wg_op_topk, &chosen, x);
}

#endif
