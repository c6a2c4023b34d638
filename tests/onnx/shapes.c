/* shapes — axes moved, made and left out, parts joined and cut, numbers that are no more than a shape. */
#include "onnx.h"
#include <string.h>

/* An extent of 0 is that of the input's axis, unless allowzero. */
static void reshape(onnx_node *node) {
    int64_t extents[ONNX_MOST];
    const int count = onnx_list(node, "shape", 1, extents);
    const wg_type type = wg_type_of(onnx_input(node, 0));
    for (int i = 0; i < count && i < WG_MAX_RANK; i++)
        if (!extents[i] && !onnx_int(node, "allowzero", 0)) extents[i] = type.extent[i];
    const wg_shape shape = onnx_shape(extents, count);
    node->outputs[0] = wg_reshape(onnx_input(node, 0), &shape);
}

/* To two axes: those before `axis` and those from it on. */
static void flatten(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    const int axis = onnx_axis(onnx_int(node, "axis", 1), type.rank);
    int64_t rows = 1, columns = 1;
    for (int i = 0; i < type.rank; i++) *(i < axis ? &rows : &columns) *= type.extent[i];
    node->outputs[0] = wg_reshape(onnx_input(node, 0), WG_SHAPE(rows, columns));
}

static void transpose(onnx_node *node) {
    int64_t list[ONNX_MOST];
    const int count = onnx_ints(node, "perm", list);
    const wg_axes axes = onnx_axes(list, count);
    node->outputs[0] = wg_transpose(onnx_input(node, 0), count < 0 ? WG_ALL_AXES : &axes);
}

static void squeeze(onnx_node *node) {
    int64_t list[ONNX_MOST];
    const int count = onnx_list(node, "axes", 1, list);
    const wg_axes axes = onnx_axes(list, count);
    node->outputs[0] = wg_squeeze(onnx_input(node, 0), count < 0 ? WG_ALL_AXES : &axes);
}

static void unsqueeze(onnx_node *node) {
    int64_t list[ONNX_MOST];
    const wg_axes axes = onnx_axes(list, onnx_list(node, "axes", 1, list));
    node->outputs[0] = wg_unsqueeze(onnx_input(node, 0), &axes);
}

/* To what x and the shape broadcast to: an extent of 1 in the shape leaves x's. */
static void expand(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    int64_t extents[ONNX_MOST], joined[ONNX_MOST];
    const int count = onnx_input_ints(node, 1, extents), rank = count > type.rank ? count : type.rank;
    for (int i = 0; i < rank && i < ONNX_MOST; i++) {
        const int in_x = i - (rank - type.rank), in_shape = i - (rank - count);
        joined[i] =
            in_shape < 0 || extents[in_shape] == 1 ? (in_x < 0 ? 1 : type.extent[in_x]) : extents[in_shape];
    }
    const wg_shape shape = onnx_shape(joined, rank);
    node->outputs[0] = wg_broadcast_to(onnx_input(node, 0), &shape);
}

static void concat(onnx_node *node) {
    wg_var list[ONNX_MOST + 1];
    memcpy(list, node->inputs, sizeof node->inputs);
    list[node->input_count] = (wg_var)WG_END_;
    node->outputs[0] = wg_concat_list((int)onnx_int(node, "axis", 1), list);
}

static void split(onnx_node *node) {
    int64_t sizes[ONNX_MOST];
    const int count = onnx_list(node, "split", 1, sizes);
    wg_split(onnx_input(node, 0), (int)onnx_int(node, "axis", 0), node->output_count,
             count < 0 ? NULL : sizes, node->outputs);
}

static void tile(onnx_node *node) {
    int64_t list[ONNX_MOST];
    const wg_shape repeats = onnx_shape(list, onnx_input_ints(node, 1, list));
    node->outputs[0] = wg_tile(onnx_input(node, 0), &repeats);
}

static void depth_to_space(onnx_node *node) {
    node->outputs[0] = wg_depth_to_space(onnx_input(node, 0), onnx_int(node, "blocksize", 1),
                                         .mode = onnx_says(node, "mode", "DCR", "CRD") ? WG_CRD : WG_DCR);
}

static void space_to_depth(onnx_node *node) {
    node->outputs[0] = wg_space_to_depth(onnx_input(node, 0), onnx_int(node, "blocksize", 1),
                                         .mode = onnx_says(node, "mode", "DCR", "CRD") ? WG_CRD : WG_DCR);
}

static void triangle(onnx_node *node) {
    int64_t k[ONNX_MOST] = {0};
    onnx_input_ints(node, 1, k);
    const wg_var x = onnx_input(node, 0);
    node->outputs[0] = onnx_int(node, "upper", 1) ? wg_triu(x, k[0]) : wg_tril(x, k[0]);
}

/* --- Numbers that a model has ------------------------------------------------------------------------------
 */

static wg_var whole_numbers(onnx_node *node, const wg_shape *shape, const int64_t *numbers) {
    return wg_array(node->tape, WG_I64, shape, numbers);
}

/* From start to end, both as in Python. */
static void shape(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    int64_t start = onnx_int(node, "start", 0), end = onnx_int(node, "end", type.rank);
    if (start < 0) start += type.rank;
    if (end < 0) end += type.rank;
    if (start < 0) start = 0;
    if (end > type.rank) end = type.rank;
    const int64_t count = end > start ? end - start : 0;
    node->outputs[0] = whole_numbers(node, WG_SHAPE(count), type.extent + (count ? start : 0));
}

static void size(onnx_node *node) {
    const wg_type type = wg_type_of(onnx_input(node, 0));
    node->outputs[0] = whole_numbers(node, WG_SCALAR_SHAPE, (const int64_t[]){wg_type_count(&type)});
}

static void tensor_constant(onnx_node *node, const Onnx__TensorProto *proto) {
    wg_tensor *tensor = onnx_tensor(proto, node->widen, node->verdict->reason);
    if (!tensor)
        onnx_out_of_scope(node, "a constant of a type that we have not");
    else
        node->outputs[0] = wg_input(node->tape, tensor);
    wg_tensor_free(tensor); /* the tape holds it */
}

static void constant(onnx_node *node) {
    const Onnx__AttributeProto *a = node->proto->n_attribute ? node->proto->attribute[0] : NULL;
    if (!a)
        onnx_lacks(node, "a constant without value");
    else if (a->t)
        tensor_constant(node, a->t);
    else if (!strcmp(a->name, "value_int"))
        node->outputs[0] = whole_numbers(node, WG_SCALAR_SHAPE, &a->i);
    else if (!strcmp(a->name, "value_ints"))
        node->outputs[0] = whole_numbers(node, WG_SHAPE((int64_t)a->n_ints), a->ints);
    else if (!strcmp(a->name, "value_float"))
        node->outputs[0] = wg_array(node->tape, WG_F32, WG_SCALAR_SHAPE, &a->f);
    else if (!strcmp(a->name, "value_floats"))
        node->outputs[0] = wg_array(node->tape, WG_F32, WG_SHAPE((int64_t)a->n_floats), a->floats);
    else
        onnx_out_of_scope(node, "a constant text");
}

/* An f32 of 0, unless `value` says otherwise. */
static void constant_of_shape(onnx_node *node) {
    int64_t extents[ONNX_MOST];
    const wg_shape shape = onnx_shape(extents, onnx_input_ints(node, 0, extents));
    const Onnx__AttributeProto *value = onnx_attribute(node, "value");
    if (!value) {
        node->outputs[0] = wg_full(node->tape, WG_F32, &shape, 0);
        return;
    }
    wg_tensor *tensor = onnx_tensor(value->t, node->widen, node->verdict->reason);
    if (!tensor)
        onnx_out_of_scope(node, "a constant of a type that we have not");
    else
        node->outputs[0] =
            wg_full(node->tape, wg_tensor_type(tensor).dtype, &shape, wg_tensor_get(tensor, 0));
    wg_tensor_free(tensor);
}

const onnx_op onnx_shapes[] = {
    {"Concat", .record = concat},
    {"Constant", .record = constant},
    {"ConstantOfShape", .record = constant_of_shape},
    {"DepthToSpace", .record = depth_to_space},
    {"Expand", .record = expand},
    {"Flatten", .record = flatten},
    {"Reshape", .record = reshape},
    {"Shape", .record = shape},
    {"Size", .record = size},
    {"SpaceToDepth", .record = space_to_depth},
    {"Split", .record = split},
    {"Squeeze", .record = squeeze},
    {"Tile", .record = tile},
    {"Transpose", .record = transpose},
    {"Trilu", .record = triangle},
    {"Unsqueeze", .record = unsqueeze},
    {.name = NULL},
};
