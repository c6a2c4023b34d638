/* indexing — numbers picked, put somewhere, and put around. */
#include "onnx.h"
#include <string.h>

static void gather(onnx_node *node) {
    node->outputs[0] = wg_gather(onnx_input(node, 0), onnx_input(node, 1), (int)onnx_int(node, "axis", 0));
}

static void gather_elements(onnx_node *node) {
    node->outputs[0] =
        wg_take_along_axis(onnx_input(node, 0), onnx_input(node, 1), (int)onnx_int(node, "axis", 0));
}

static void gather_nd(onnx_node *node) {
    node->outputs[0] = wg_gather_nd(onnx_input(node, 0), onnx_input(node, 1),
                                    .batch_dims = (int)onnx_int(node, "batch_dims", 0));
}

static wg_scatter_reduction reduction_of(const onnx_node *node) {
    const char *names[] = {"none", "add", "mul", "max", "min"};
    for (int i = 0; i < 5; i++)
        if (onnx_says(node, "reduction", "none", names[i])) return (wg_scatter_reduction)i;
    return WG_SCATTER_REPLACE;
}

static void scatter_elements(onnx_node *node) {
    node->outputs[0] = wg_scatter_elements(onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2),
                                           (int)onnx_int(node, "axis", 0), .reduction = reduction_of(node));
}

static void scatter_nd(onnx_node *node) {
    node->outputs[0] = wg_scatter_nd(onnx_input(node, 0), onnx_input(node, 1), onnx_input(node, 2),
                                     .reduction = reduction_of(node));
}

/* Indices of any numbers, negative ones from the back; `values` off and on; the new axis where `axis` says.
 */
static void one_hot(onnx_node *node) {
    int64_t depth[ONNX_MOST] = {0};
    onnx_input_ints(node, 1, depth);
    const wg_var values = onnx_input(node, 2), count = wg_array(node->tape, WG_I64, WG_SCALAR_SHAPE, depth);
    const wg_var off = wg_slice(values, 0, 0, 1), on = wg_slice(values, 0, 1, 2);
    wg_var indices = wg_cast(onnx_input(node, 0), WG_I64);
    const wg_var zero = wg_full(node->tape, WG_I64, WG_SCALAR_SHAPE, 0);
    indices = wg_where(wg_less(indices, zero), wg_add(indices, count), indices);
    const wg_var hot = wg_one_hot(indices, depth[0], WG_BOOL);
    const int rank = wg_type_of(hot).rank, axis = onnx_axis(onnx_int(node, "axis", -1), rank);
    int64_t order[WG_MAX_RANK];
    for (int i = 0; i < rank; i++) order[i] = i == axis ? rank - 1 : i < axis ? i : i - 1;
    const wg_axes moved = onnx_axes(order, rank);
    node->outputs[0] = wg_where(wg_transpose(hot, &moved), on, off);
}

static void slice(onnx_node *node) {
    int64_t starts[ONNX_MOST], ends[ONNX_MOST], axes[ONNX_MOST], steps[ONNX_MOST];
    const int count = onnx_list(node, "starts", 1, starts);
    onnx_list(node, "ends", 2, ends);
    const int named = onnx_list(node, "axes", 3, axes), stepped = onnx_input_ints(node, 4, steps);
    wg_var y = onnx_input(node, 0);
    for (int i = 0; i < count && i < ONNX_MOST; i++)
        y = wg_slice(y, (int)(named < 0 ? i : axes[i]), starts[i], ends[i],
                     .step = stepped < 0 ? 1 : steps[i]);
    node->outputs[0] = y;
}

/* Those before all axes, then those behind; from version 18 on of some axes only. */
static void pads_of_axes(onnx_node *node, int rank, int64_t pads[ONNX_MOST]) {
    int64_t given[ONNX_MOST], axes[ONNX_MOST];
    const int count = onnx_list(node, "pads", 1, given) / 2, named = onnx_input_ints(node, 3, axes);
    for (int i = 0; i < count && count <= rank; i++) {
        const int axis = named < 0 ? i : onnx_axis(axes[i], rank);
        pads[axis] = given[i];
        pads[rank + axis] = given[count + i];
    }
}

static void pad(onnx_node *node) {
    static const struct {
        const char *name;
        wg_pad_mode mode;
    } modes[] = {{"reflect", WG_PAD_REFLECT}, {"edge", WG_PAD_EDGE}, {"wrap", WG_PAD_CIRCULAR}};
    int64_t pads[ONNX_MOST] = {0};
    const int rank = onnx_rank(node, 0);
    pads_of_axes(node, rank, pads);
    wg_pad_mode mode = WG_PAD_CONSTANT;
    for (int i = 0; i < 3; i++)
        if (onnx_says(node, "mode", "constant", modes[i].name)) mode = modes[i].mode;
    const wg_shape before = onnx_shape(pads, rank), after = onnx_shape(pads + rank, rank);
    const double value = onnx_input_real(node, 2, onnx_real(node, "value", 0));
    node->outputs[0] = wg_pad(onnx_input(node, 0), &before, &after, .mode = mode, .value = value);
}

/* Ours has all rows there might be, and says how many are selected. */
static void non_max_suppression(onnx_node *node) {
    int64_t most[ONNX_MOST] = {0}, count[ONNX_MOST] = {0};
    onnx_input_ints(node, 2, most);
    const double overlap = onnx_input_real(node, 3, 0), least = onnx_input_real(node, 4, 0);
    const wg_non_max_suppression_options options = {
        .size_ = sizeof options,
        .score_threshold = node->input_count > 4 ? (least == 0 ? WG_ZERO : least) : 0,
        .center_point_box = onnx_int(node, "center_point_box", 0) != 0};
    const wg_var y =
        (wg_non_max_suppression)(onnx_input(node, 0), onnx_input(node, 1), most[0], overlap, &options);
    onnx_node selected = {.tape = node->tape, .input_count = 1, .inputs = {wg_output(y, 1)}};
    onnx_input_ints(&selected, 0, count);
    node->outputs[0] = wg_slice(y, 0, 0, count[0]);
}

const onnx_op onnx_indexing[] = {
    {"Gather", .record = gather},
    {"GatherElements", .record = gather_elements},
    {"GatherND", .record = gather_nd},
    {"NonMaxSuppression", .record = non_max_suppression},
    {"OneHot", .record = one_hot},
    {"Pad", .record = pad},
    {"Scatter", .record = scatter_elements}, /* its name before version 11 */
    {"ScatterElements", .record = scatter_elements},
    {"ScatterND", .record = scatter_nd},
    {"Slice", .record = slice},
    {.name = NULL},
};
