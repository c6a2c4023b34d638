/* leaf — the nodes that stand for something outside the tape: a tensor, a state, a number. */
#include "full.h"
#include "tape/tape.h"
#include <wengert/ops.h>

static int infer_leaf(wg_infer *infer) {
    const input_attributes *a = infer->attributes;
    infer->outputs[0] = a->shape;
    infer->outputs[0].dtype = a->dtype;
    return WG_OK;
}

/* Index and density say which tensor it is; the type is what a plan depends on. */
static const wg_attribute leaf_schema[] = {
    WG_ATTRIBUTE(input_attributes, index, .kind = WG_ATTRIBUTE_INT, .is_value = true),
    WG_ATTRIBUTE(input_attributes, dense, .kind = WG_ATTRIBUTE_INT),
    WG_ATTRIBUTE(input_attributes, dtype, .kind = WG_ATTRIBUTE_DTYPE),
    WG_ATTRIBUTE(input_attributes, shape, .kind = WG_ATTRIBUTE_SHAPE), WG_NO_MORE_ATTRIBUTES};

const wg_op wg_op_input = {.name = "input",
                           .formula = "y = a tensor of the program's",
                           .outputs = 1,
                           .infer = infer_leaf,
                           .attributes = leaf_schema,
                           .attributes_size = sizeof(input_attributes)};
const wg_op wg_op_state = {.name = "state",
                           .formula = "y = what the state holds",
                           .outputs = 1,
                           .infer = infer_leaf,
                           .attributes = leaf_schema,
                           .attributes_size = sizeof(input_attributes)};

static int infer_scalar(wg_infer *infer) {
    infer->outputs[0] = (wg_type){.dtype = WG_F64};
    return WG_OK;
}
static void forward_scalar(const wg_call *call) {
    *(double *)call->outputs[0].data = ((const scalar_attributes *)call->attributes)->value;
}
static const wg_attribute scalar_schema[] = {
    WG_ATTRIBUTE(scalar_attributes, value, .kind = WG_ATTRIBUTE_REAL, .is_value = true),
    WG_NO_MORE_ATTRIBUTES};
const wg_op wg_op_scalar = {.name = "scalar",
                            .formula = "y = value",
                            .outputs = 1,
                            .infer = infer_scalar,
                            .forward = forward_scalar,
                            .attributes = scalar_schema,
                            .attributes_size = sizeof(scalar_attributes)};

wg_var (wg_scalar)(wg_tape *tape, double value) {
    return tape ? wg_record(tape, &wg_op_scalar, &(scalar_attributes){value}, NULL, 0) : wg_invalid(NULL);
}

wg_var (wg_input)(wg_tape *tape, wg_tensor *tensor) {
    if (!tape || tape->error.status) return wg_invalid(tape);
    if (!tensor)
        return wg_fail(tape, WG_ERROR_TAPE,
                       "wg_input: the tensor is NULL; the call that should have made it failed");
    if (!WG_TAPE_ROOM(tape, inputs, 1)) return wg_invalid(tape);
    input_attributes a = {.index = (int64_t)tape->inputs.count,
                          .dense = tensor->dense,
                          .dtype = tensor->type.dtype,
                          .shape = tensor->type};
    const wg_var var = wg_record(tape, &wg_op_input, &a, NULL, 0);
    if (var.id != WG_INVALID_ID) tape->inputs.at[tape->inputs.count++] = wg_tensor_retain(tensor);
    return var;
}

wg_var (wg_array)(wg_tape *tape, wg_dtype dtype, const wg_shape *shape, const void *data) {
    if (!tape || tape->error.status) return wg_invalid(tape);
    wg_error error;
    wg_tensor *tensor = wg_tensor_new(dtype, shape, &error);
    if (!tensor) return wg_fail(tape, error.status, "wg_array: %.900s", error.message);
    const size_t bytes = wg_type_bytes(&tensor->type);
    wg_var var = wg_invalid(tape);
    if (bytes && !data)
        wg_fail(tape, WG_ERROR_TAPE, "wg_array: the data are NULL");
    else {
        if (bytes) memcpy(tensor->data, data, bytes);
        var = (wg_input)(tape, tensor);
    }
    wg_tensor_free(tensor);
    return var;
}

/* A number everywhere: the op `full` of the registry. */
wg_var (wg_full)(wg_tape *tape, wg_dtype dtype, const wg_shape *shape, double value) {
    if (!tape || tape->error.status) return wg_invalid(tape);
    wg_error error;
    full_attributes a = {.dtype = dtype, .value = value};
    if (wg_type_make(&a.shape, dtype, shape, &error))
        return wg_fail(tape, error.status, "wg_full: %.900s", error.message);
    a.shape.dtype = WG_NO_DTYPE;
    return wg_record(tape, &wg_op_full, &a, NULL, 0);
}

/* --- State ------------------------------------------------------------------------------------ */

static uint64_t hash_of(const wg_state *state, uint64_t version) {
    return wg_hash(&state, sizeof state, version);
}

uint32_t wg_read_of(const wg_tape *tape, const wg_state *state) {
    const uint64_t version = atomic_load(&state->version);
    size_t probe = 0;
    for (uint32_t id; (id = wg_table_next(&tape->state_table, hash_of(state, version), &probe)) != UINT32_MAX;) {
        const input_attributes *a = wg_node_attributes(tape, &tape->nodes.at[id]);
        const wg_read_entry *read = &tape->reads.at[a->index];
        if (read->state == state && read->version == version) return id;
    }
    return WG_ABSENT;
}

wg_var (wg_read)(wg_tape *tape, wg_state *state) {
    if (!tape || tape->error.status) return wg_invalid(tape);
    if (!state)
        return wg_fail(tape, WG_ERROR_TAPE,
                       "wg_read: the state is NULL; the call that should have made it failed");
    const uint32_t known = wg_read_of(tape, state);
    if (known != WG_ABSENT) return wg_var_of(tape, known);
    const uint64_t version = atomic_load(&state->version);
    if (!WG_TAPE_ROOM(tape, reads, 1)) return wg_invalid(tape);
    const wg_tensor *tensor = state->tensor;
    input_attributes a = {
        .index = (int64_t)tape->reads.count, .dense = 1, .dtype = tensor->type.dtype, .shape = tensor->type};
    const wg_var var = wg_record(tape, &wg_op_state, &a, NULL, 0);
    if (var.id == WG_INVALID_ID) return var;
    if (!wg_table_add(&tape->state_table, hash_of(state, version), var.id)) return wg_tape_no_memory(tape), wg_invalid(tape);
    tape->reads.at[tape->reads.count++] = (wg_read_entry){wg_state_retain(state), version};
    return var;
}

int wg_assign(wg_state *state, wg_var value) {
    wg_tape *tape = value.tape;
    if (!tape) return WG_ERROR_TAPE;
    if (!wg_tape_owns(tape, value, "wg_assign: the value")) return tape->error.status;
    if (!state) return wg_tape_fail(tape, WG_ERROR_TAPE, "wg_assign: the state is NULL");
    const wg_type type = wg_type_of(value);
    char have[WG_TEXT_SIZE], want[WG_TEXT_SIZE];
    if (!wg_type_equal(&type, &state->tensor->type))
        return wg_tape_fail(tape, WG_ERROR_SHAPE, "wg_assign: the value is %s, the state holds %s",
                            wg_type_text(have, &type, true), wg_type_text(want, &state->tensor->type, true));
    for (size_t i = 0; i < tape->assigns.count; i++)
        if (tape->assigns.at[i].state == state)
            return wg_tape_fail(tape, WG_ERROR_TAPE,
                                "wg_assign: this state has been assigned already since the last evaluation");
    if (!WG_TAPE_ROOM(tape, assigns, 1)) return tape->error.status;
    tape->assigns.at[tape->assigns.count++] = (wg_assign_entry){wg_state_retain(state), value.id};
    return WG_OK;
}

int wg_assign_at_(wg_state *state, wg_var value, const char *file, int line) {
    const int status = wg_assign(state, value);
    wg_at_(value, file, line);
    return status;
}

int wg_guard(wg_var check) {
    wg_tape *tape = check.tape;
    if (!tape) return WG_ERROR_TAPE;
    if (!wg_tape_owns(tape, check, "wg_guard: the argument") || !WG_TAPE_ROOM(tape, guards, 1))
        return tape->error.status;
    tape->guards.at[tape->guards.count++] = check.id;
    return WG_OK;
}
