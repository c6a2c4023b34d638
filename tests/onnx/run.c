/* run — does a vector: records its model, evaluates it and compares with what the vector expects. */
#include "onnx.h"
#include <stdio.h>
#include <string.h>

enum { MOST_VALUES = 512 };

/* The values of a graph by name. */
typedef struct values {
    int count;
    const char *names[MOST_VALUES];
    wg_var vars[MOST_VALUES];
} values;

static bool put(values *known, const char *name, wg_var var) {
    if (known->count == MOST_VALUES) return false;
    known->names[known->count] = name;
    known->vars[known->count++] = var;
    return true;
}

static wg_var value_named(const values *known, const char *name) {
    for (int i = known->count - 1; i >= 0; i--)
        if (!strcmp(known->names[i], name)) return known->vars[i];
    return WG_NONE;
}

static bool end_with(onnx_verdict *verdict, onnx_outcome outcome, const char *reason) {
    verdict->outcome = outcome;
    if (reason != verdict->reason) snprintf(verdict->reason, sizeof verdict->reason, "%s", reason);
    return false;
}

const onnx_op *onnx_op_find(const char *name) {
    static const onnx_op *const tables[] = {onnx_elementwise, onnx_activations, onnx_reductions,
                                            onnx_shapes,      onnx_indexing,    onnx_convolutions,
                                            onnx_images,      onnx_norms,       onnx_recurrent};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const onnx_op *op = tables[i]; op->name; op++)
            if (!strcmp(op->name, name)) return op;
    return NULL;
}

/* --- What goes in and comes out ---------------------------------------------------------------------------
 */

/* By what the model says of it: a file of bfloat16 calls its numbers uint16. */
static bool is_held(const Onnx__ValueInfoProto *info, onnx_verdict *verdict) {
    if (!info->type || !info->type->tensor_type)
        return end_with(verdict, ONNX_OUT_OF_SCOPE, "a sequence or an optional");
    return onnx_holds(info->type->tensor_type->elem_type, verdict->reason) ||
           end_with(verdict, ONNX_OUT_OF_SCOPE, verdict->reason);
}

/* These vectors have their expected numbers as they were printed, with four digits after the point, of which
 * the last may be off by one. */
static double rounding_of(const char *directory) {
    static const char *const printed[] = {"test_gridsample_bicubic",
                                          "test_averagepool_2d_ceil_last_window_starts_on_pad",
                                          "test_roialign_aligned_false", "test_roialign_aligned_true"};
    const char *slash = strrchr(directory, '/');
    for (size_t i = 0; slash && i < sizeof printed / sizeof printed[0]; i++)
        if (!strcmp(slash + 1, printed[i])) return 1e-4;
    return 0;
}

/* A tensor of a file of the vector's, named by its kind and number; NULL: the verdict says why. */
static wg_tensor *read_numbers(const char *directory, const char *kind, size_t number, bool widen,
                               onnx_verdict *verdict) {
    char name[64];
    snprintf(name, sizeof name, "test_data_set_0/%s_%zu.pb", kind, number);
    Onnx__TensorProto *proto = onnx_read_tensor(directory, name);
    if (!proto) {
        end_with(verdict, ONNX_FAILED, "a file cannot be read");
        return NULL;
    }
    wg_tensor *tensor = onnx_tensor(proto, widen, verdict->reason);
    const bool broken = !tensor && !strcmp(verdict->reason, ONNX_BROKEN);
    if (!tensor) end_with(verdict, broken ? ONNX_FAILED : ONNX_OUT_OF_SCOPE, verdict->reason);
    onnx__tensor_proto__free_unpacked(proto, NULL);
    return tensor;
}

static bool put_tensor(wg_tape *tape, values *known, const char *name, wg_tensor *tensor) {
    const bool room = put(known, name, wg_input(tape, tensor));
    wg_tensor_free(tensor); /* the tape holds it */
    return room;
}

static bool read_inputs(const char *directory, const Onnx__GraphProto *graph, wg_tape *tape, bool widen,
                        values *known, onnx_verdict *verdict) {
    for (size_t i = 0; i < graph->n_initializer; i++) {
        wg_tensor *tensor = onnx_tensor(graph->initializer[i], widen, verdict->reason);
        if (!tensor) return end_with(verdict, ONNX_OUT_OF_SCOPE, verdict->reason);
        if (!put_tensor(tape, known, graph->initializer[i]->name, tensor))
            return end_with(verdict, ONNX_FAILED, "more values than a table has room for");
    }
    for (size_t i = 0; i < graph->n_input; i++) {
        wg_tensor *tensor = read_numbers(directory, "input", i, widen, verdict);
        if (!tensor) return false;
        if (!put_tensor(tape, known, graph->input[i]->name, tensor))
            return end_with(verdict, ONNX_FAILED, "more values than a table has room for");
    }
    return true;
}

static bool compare_outputs(const char *directory, const Onnx__GraphProto *graph, wg_tape *tape, bool widen,
                            const values *known, onnx_verdict *verdict) {
    for (size_t i = 0; i < graph->n_output; i++) {
        const wg_var y = value_named(known, graph->output[i]->name);
        if (wg_peek(y)) return end_with(verdict, ONNX_FAILED, wg_tape_message(tape));
        wg_tensor *expected = read_numbers(directory, "output", i, widen, verdict);
        if (!expected) return false;
        const bool equal = onnx_equal(wg_value(y), expected, rounding_of(directory), verdict->reason);
        wg_tensor_free(expected);
        if (!equal) return end_with(verdict, ONNX_FAILED, verdict->reason);
    }
    return true;
}

/* --- The graph --------------------------------------------------------------------------------------------
 */

static void record(const onnx_op *op, onnx_node *node) {
    if (op->record)
        op->record(node);
    else if (op->unary)
        node->outputs[0] = op->unary(onnx_input(node, 0));
    else if (op->binary)
        node->outputs[0] = op->binary(onnx_input(node, 0), onnx_input(node, 1));
    else {
        node->outputs[0] = onnx_input(node, 0);
        for (int i = 1; i < node->input_count; i++)
            node->outputs[0] = op->many(node->outputs[0], node->inputs[i]);
    }
}

/* NULL: not ours, and the verdict says so. */
static const onnx_op *op_of(const Onnx__NodeProto *proto, onnx_verdict *verdict) {
    const onnx_op *op = proto->domain && *proto->domain ? NULL : onnx_op_find(proto->op_type);
    if (op) return op;
    char reason[ONNX_TEXT];
    snprintf(reason, sizeof reason, "%s is none of our ops", proto->op_type);
    end_with(verdict, ONNX_OUT_OF_SCOPE, reason);
    return NULL;
}

static bool record_node(const Onnx__NodeProto *proto, int64_t version, wg_tape *tape, bool widen,
                        values *known, onnx_verdict *verdict) {
    onnx_node node = {.tape = tape, .proto = proto, .version = version, .widen = widen, .verdict = verdict};
    if (proto->n_input > ONNX_MOST || proto->n_output > ONNX_MOST)
        return end_with(verdict, ONNX_FAILED, "more inputs or outputs than a node has room for");
    node.input_count = (int)proto->n_input, node.output_count = (int)proto->n_output;
    for (size_t i = 0; i < proto->n_input; i++) node.inputs[i] = value_named(known, proto->input[i]);
    record(op_of(proto, verdict), &node);
    if (verdict->outcome != ONNX_PASSED) return false;
    if (wg_tape_status(tape)) return end_with(verdict, ONNX_FAILED, wg_tape_message(tape));
    for (size_t i = 0; i < proto->n_output; i++) {
        if (!*proto->output[i]) continue;
        if (!wg_valid(node.outputs[i])) return end_with(verdict, ONNX_FAILED, "an output is not recorded");
        if (!put(known, proto->output[i], node.outputs[i]))
            return end_with(verdict, ONNX_FAILED, "more values than a table has room for");
    }
    return true;
}

static int64_t version_of(const Onnx__ModelProto *model) {
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (!model->opset_import[i]->domain || !*model->opset_import[i]->domain)
            return model->opset_import[i]->version;
    return 0;
}

static void run_model(const char *directory, const Onnx__ModelProto *model, wg_tape *tape, bool widen,
                      onnx_verdict *verdict) {
    const Onnx__GraphProto *graph = model->graph;
    values known = {0};
    for (size_t i = 0; i < graph->n_node; i++)
        if (!op_of(graph->node[i], verdict)) return;
    for (size_t i = 0; i < graph->n_input; i++)
        if (!is_held(graph->input[i], verdict)) return;
    for (size_t i = 0; i < graph->n_output; i++)
        if (!is_held(graph->output[i], verdict)) return;
    if (!read_inputs(directory, graph, tape, widen, &known, verdict)) return;
    for (size_t i = 0; i < graph->n_node; i++)
        if (!record_node(graph->node[i], version_of(model), tape, widen, &known, verdict)) return;
    compare_outputs(directory, graph, tape, widen, &known, verdict);
}

/* --- The vector -------------------------------------------------------------------------------------------
 */

/* Vectors that a later version of ONNX has with other numbers: ours. */
static void excuse_corrected(const char *directory, onnx_verdict *verdict) {
    static const char corrected[] =
        "/test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True";
    const size_t length = strlen(directory), less = sizeof corrected - 1;
    if (verdict->outcome != ONNX_FAILED || length < less || strcmp(directory + length - less, corrected))
        return;
    end_with(verdict, ONNX_LACKING, "a wrong vector, corrected later");
}

/* The vector of a function written out in other ops lies beside the function's own. */
static void name_op(const char *directory, const Onnx__ModelProto *model, onnx_verdict *verdict) {
    static const char ending[] = "_expanded";
    const char *name = model->graph->n_node ? model->graph->node[0]->op_type : "none";
    const char *of_several = model->graph->n_node > 1 ? ", first of several" : "";
    Onnx__ModelProto *function = NULL;
    const size_t length = strlen(directory), less = length - (sizeof ending - 1);
    if (length > sizeof ending && !strcmp(directory + less, ending)) {
        char path[1024];
        snprintf(path, sizeof path, "%.*s", (int)less, directory);
        function = onnx_read_model(path, "model.onnx");
        if (function) name = function->graph->node[0]->op_type, of_several = ", in other ops";
    }
    snprintf(verdict->op, sizeof verdict->op, "%s%s", name, of_several);
    if (function) onnx__model_proto__free_unpacked(function, NULL);
}

void onnx_run(const char *directory, onnx_verdict *verdict) {
    *verdict = (onnx_verdict){.outcome = ONNX_FAILED, .reason = "the model cannot be read"};
    Onnx__ModelProto *model = onnx_read_model(directory, "model.onnx");
    if (!model || !model->graph) return;
    name_op(directory, model, verdict);
    bool again = true;
    for (int widen = 0; widen < 2 && again; widen++) { /* in the vector's own dtypes, if they can be had */
        verdict->outcome = ONNX_PASSED;
        verdict->reason[0] = '\0';
        wg_tape *tape = wg_tape_new();
        run_model(directory, model, tape, widen, verdict);
        again = wg_tape_status(tape) == WG_ERROR_DTYPE;
        wg_tape_free(tape);
    }
    excuse_corrected(directory, verdict);
    onnx__model_proto__free_unpacked(model, NULL);
}
