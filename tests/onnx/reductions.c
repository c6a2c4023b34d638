/* reductions — sums, extremes and the like over axes, running sums, the largest elements. */
#include "onnx.h"

typedef wg_var reduction(wg_var x, const wg_axes *axes, const wg_reduce_options *options);

/* Of no axes: all of them, or none where noop_with_empty_axes says so; f then has nothing to reduce. */
static void reduce(onnx_node *node, wg_var x, reduction *f) {
    int64_t list[ONNX_MOST];
    const int count = onnx_list(node, "axes", 1, list);
    if (count <= 0 && onnx_int(node, "noop_with_empty_axes", 0)) {
        node->outputs[0] = x;
        return;
    }
    const wg_axes axes = onnx_axes(list, count);
    const wg_reduce_options options = {.size_ = sizeof options,
                                       .keepdims = onnx_int(node, "keepdims", 1) != 0};
    node->outputs[0] = f(x, count > 0 ? &axes : WG_ALL_AXES, &options);
}

/* The largest or least of bools is whether any or all are true; of no elements there is none in ours. */
static void extremum(onnx_node *node, reduction *f, reduction *of_bools) {
    const wg_var x = onnx_input(node, 0);
    const wg_type type = wg_type_of(x);
    if (type.dtype == WG_BOOL)
        reduce(node, x, of_bools);
    else if (!wg_type_count(&type))
        onnx_lacks(node, "of no elements: none is the largest or the least, an error");
    else
        reduce(node, x, f);
}

static wg_var norm1(wg_var x, const wg_axes *axes, const wg_reduce_options *o) {
    return (wg_norm)(x, 1, axes, o);
}
static wg_var norm2(wg_var x, const wg_axes *axes, const wg_reduce_options *o) {
    return (wg_norm)(x, 2, axes, o);
}

static void sum(onnx_node *node) { reduce(node, onnx_input(node, 0), wg_sum); }
static void mean(onnx_node *node) { reduce(node, onnx_input(node, 0), wg_mean); }
static void max(onnx_node *node) { extremum(node, wg_max, wg_any); }
static void min(onnx_node *node) { extremum(node, wg_min, wg_all); }
static void prod(onnx_node *node) { reduce(node, onnx_input(node, 0), wg_prod); }
static void l1(onnx_node *node) { reduce(node, onnx_input(node, 0), norm1); }
static void l2(onnx_node *node) { reduce(node, onnx_input(node, 0), norm2); }
static void logsumexp(onnx_node *node) { reduce(node, onnx_input(node, 0), wg_logsumexp); }
static void sum_square(onnx_node *node) { reduce(node, wg_square(onnx_input(node, 0)), wg_sum); }
static void log_sum(onnx_node *node) {
    sum(node);
    node->outputs[0] = wg_log(node->outputs[0]);
}

/* The index of the first, or with select_last_index of the last: the first from behind. */
static void index_of(onnx_node *node, wg_var (*f)(wg_var, int, const wg_reduce_options *)) {
    wg_var x = onnx_input(node, 0);
    const int axis = onnx_axis(onnx_int(node, "axis", 0), onnx_rank(node, 0));
    const bool last = onnx_int(node, "select_last_index", 0) != 0;
    const wg_reduce_options options = {.size_ = sizeof options,
                                       .keepdims = onnx_int(node, "keepdims", 1) != 0};
    if (last) x = wg_flip(x, WG_AXES(axis));
    node->outputs[0] = f(x, axis, &options);
    if (!last) return;
    const int64_t from[] = {wg_type_of(x).extent[axis] - 1};
    node->outputs[0] = wg_sub(wg_array(node->tape, WG_I64, WG_SCALAR_SHAPE, from), node->outputs[0]);
}

static void argmax(onnx_node *node) { index_of(node, wg_argmax); }
static void argmin(onnx_node *node) { index_of(node, wg_argmin); }

static void cumsum(onnx_node *node) {
    int64_t axis[ONNX_MOST] = {0};
    onnx_input_ints(node, 1, axis);
    node->outputs[0] =
        wg_cumsum(onnx_input(node, 0), (int)axis[0], .exclusive = onnx_int(node, "exclusive", 0) != 0,
                  .reverse = onnx_int(node, "reverse", 0) != 0);
}

static void cumprod(onnx_node *node) {
    int64_t axis[ONNX_MOST] = {0};
    onnx_input_ints(node, 1, axis);
    node->outputs[0] =
        wg_cumprod(onnx_input(node, 0), (int)axis[0], .exclusive = onnx_int(node, "exclusive", 0) != 0,
                   .reverse = onnx_int(node, "reverse", 0) != 0);
}

static void topk(onnx_node *node) {
    int64_t k[ONNX_MOST] = {onnx_int(node, "k", 0)};
    onnx_input_ints(node, 1, k);
    const wg_var y =
        wg_topk(onnx_input(node, 0), k[0], (int)onnx_int(node, "axis", -1),
                .smallest = !onnx_int(node, "largest", 1), .unsorted = !onnx_int(node, "sorted", 1));
    node->outputs[0] = y;
    node->outputs[1] = wg_output(y, 1);
}

const onnx_op onnx_reductions[] = {
    {"ArgMax", .record = argmax},
    {"ArgMin", .record = argmin},
    {"CumProd", .record = cumprod},
    {"CumSum", .record = cumsum},
    {"ReduceL1", .record = l1},
    {"ReduceL2", .record = l2},
    {"ReduceLogSum", .record = log_sum},
    {"ReduceLogSumExp", .record = logsumexp},
    {"ReduceMax", .record = max},
    {"ReduceMean", .record = mean},
    {"ReduceMin", .record = min},
    {"ReduceProd", .record = prod},
    {"ReduceSum", .record = sum},
    {"ReduceSumSquare", .record = sum_square},
    {"TopK", .record = topk},
    {.name = NULL},
};
