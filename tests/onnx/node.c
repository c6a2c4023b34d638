/* node — what a node is asked while it is recorded: its attributes and inputs. */
#include "onnx.h"
#include <stdio.h>
#include <string.h>

const Onnx__AttributeProto *onnx_attribute(const onnx_node *node, const char *name) {
    for (size_t i = 0; i < node->proto->n_attribute; i++)
        if (!strcmp(node->proto->attribute[i]->name, name)) return node->proto->attribute[i];
    return NULL;
}

int64_t onnx_int(const onnx_node *node, const char *name, int64_t preset) {
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute ? attribute->i : preset;
}

double onnx_real(const onnx_node *node, const char *name, double preset) {
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute ? (double)attribute->f : preset;
}

const char *onnx_text(const onnx_node *node, const char *name, const char *preset) {
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    return attribute && attribute->s ? attribute->s : preset;
}

bool onnx_says(const onnx_node *node, const char *name, const char *preset, const char *text) {
    return !strcmp(onnx_text(node, name, preset), text);
}

int onnx_ints(const onnx_node *node, const char *name, int64_t list[ONNX_MOST]) {
    const Onnx__AttributeProto *attribute = onnx_attribute(node, name);
    if (!attribute) return -1;
    for (size_t i = 0; i < attribute->n_ints && i < ONNX_MOST; i++) list[i] = attribute->ints[i];
    return (int)attribute->n_ints;
}

/* Without the tape's assigns, of which there are none; NULL where the input was left out. */
static const wg_tensor *evaluated(onnx_node *node, int input) {
    const wg_var var = onnx_input(node, input);
    return wg_valid(var) && !wg_peek(var) ? wg_value(var) : NULL;
}

int onnx_input_ints(onnx_node *node, int input, int64_t list[ONNX_MOST]) {
    const wg_tensor *tensor = evaluated(node, input);
    if (!tensor) return -1;
    const int count = (int)wg_tensor_count(tensor);
    for (int i = 0; i < count && i < ONNX_MOST; i++)
        list[i] = wg_tensor_type(tensor).dtype == WG_I64 ? ((const int64_t *)wg_tensor_data(tensor))[i]
                                                         : (int64_t)wg_tensor_get(tensor, i);
    return count;
}

double onnx_input_real(onnx_node *node, int input, double preset) {
    const wg_tensor *tensor = evaluated(node, input);
    return tensor && wg_tensor_count(tensor) == 1 ? wg_tensor_get(tensor, 0) : preset;
}

int onnx_list(onnx_node *node, const char *name, int input, int64_t list[ONNX_MOST]) {
    const int count = onnx_ints(node, name, list);
    return count >= 0 ? count : onnx_input_ints(node, input, list);
}

wg_var onnx_input(const onnx_node *node, int input) {
    return input < node->input_count ? node->inputs[input] : WG_NONE;
}

int onnx_rank(const onnx_node *node, int input) { return wg_type_of(onnx_input(node, input)).rank; }

int onnx_axis(int64_t axis, int rank) { return (int)(axis < 0 ? axis + rank : axis); }

wg_shape onnx_shape(const int64_t *extents, int count) {
    wg_shape shape;
    for (int i = 0; i < WG_MAX_RANK + 1; i++) shape.extent[i] = i < count ? extents[i] : INT64_MIN;
    return shape;
}

wg_axes onnx_axes(const int64_t *axes, int count) {
    wg_axes list;
    for (int i = 0; i < WG_MAX_RANK + 1; i++) list.axis[i] = i < count ? (int)axes[i] : INT_MIN;
    return list;
}

wg_shape onnx_shape_of(wg_var x) {
    const wg_type type = wg_type_of(x);
    return onnx_shape(type.extent, type.rank);
}

void onnx_lacks(onnx_node *node, const char *reason) {
    node->verdict->outcome = ONNX_LACKING;
    snprintf(node->verdict->reason, sizeof node->verdict->reason, "%s", reason);
}

void onnx_out_of_scope(onnx_node *node, const char *reason) {
    node->verdict->outcome = ONNX_OUT_OF_SCOPE;
    snprintf(node->verdict->reason, sizeof node->verdict->reason, "%s", reason);
}
