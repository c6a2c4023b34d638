/* naive — what all definitions share: looking up ops and attributes, walking indices. */
#include "naive.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

naive_function *naive_find(const char *name) {
    static const naive_entry *const families[] = {
#define NAIVE(family) naive_##family,
#include "naive.def"
#undef NAIVE
    };
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (const naive_entry *entry = families[i]; entry->name; entry++)
            if (!strcmp(entry->name, name)) return entry->function;
    return NULL;
}

static int64_t count_of(const wg_type *type) {
    int64_t count = 1;
    for (int axis = 0; axis < type->rank; axis++) count *= type->extent[axis];
    return count;
}

static naive_real *zeros(int64_t count) {
    naive_real *numbers = calloc((size_t)count + 1, sizeof *numbers);
    if (!numbers) ck_abort_msg("out of memory"); /* a ck_assert would write a file each time */
    return numbers;
}

static naive_real number_in(const wg_tensor *tensor, int64_t at) {
    const void *data = wg_tensor_data(tensor);
    switch (wg_tensor_type(tensor).dtype) {
    case WG_F32:
        return (naive_real)((const float *)data)[at];
    case WG_F64:
        return (naive_real)((const double *)data)[at];
    case WG_I32:
        return (naive_real)((const int32_t *)data)[at];
    case WG_I64:
        return (naive_real)((const int64_t *)data)[at];
    case WG_U8:
    case WG_BOOL:
        return (naive_real)((const uint8_t *)data)[at];
    default:
        ck_abort_msg("a tensor without numbers");
    }
}

naive_array naive_read(const wg_tensor *tensor) {
    naive_array array = {.type = wg_tensor_type(tensor)};
    array.count = count_of(&array.type);
    array.value = zeros(array.count);
    for (naive_index i = naive_first(&array.type); i.more; naive_next(&i)) {
        int64_t at = 0;
        for (int axis = 0; axis < array.type.rank; axis++) at += i.at[axis] * wg_tensor_stride(tensor, axis);
        array.value[i.number] = number_in(tensor, at);
    }
    return array;
}

void naive_evaluate(naive_call *call, const wg_op *op, const void *attributes, wg_tensor *const *inputs,
                    int count) {
    naive_function *function = naive_find(op->name);
    ck_assert_msg(function != NULL, "%s has no naive evaluation", op->name);
    ck_assert_int_le(count, NAIVE_INPUTS);
    *call = (naive_call){.op = op, .attributes = attributes, .input_count = count, .roundings = 1};
    for (int i = 0; i < count; i++)
        if (inputs[i]) call->inputs[i] = naive_read(inputs[i]);
    function(call);
}

void naive_free(naive_call *call) {
    for (int i = 0; i < NAIVE_INPUTS; i++) free(call->inputs[i].value);
    for (int i = 0; i < NAIVE_OUTPUTS; i++) {
        free(call->outputs[i].value);
        free(call->outputs[i].size);
    }
}

/* --- Attributes ---------------------------------------------------------------------------------- */

static const void *attribute(const naive_call *call, const char *name, wg_attribute_kind kind) {
    for (const wg_attribute *a = call->op->attributes; a && a->name; a++)
        if (!strcmp(a->name, name)) {
            if (a->kind != kind)
                ck_abort_msg("%s: attribute %s is of kind %d", call->op->name, name, (int)a->kind);
            if (!call->attributes) ck_abort_msg("%s: a sample without attributes", call->op->name);
            return (const char *)call->attributes + a->offset;
        }
    ck_abort_msg("%s has no attribute %s", call->op->name, name);
}

int64_t naive_int(const naive_call *call, const char *name, int index) {
    return ((const int64_t *)attribute(call, name, WG_ATTRIBUTE_INT))[index];
}
naive_real naive_number(const naive_call *call, const char *name) {
    return (naive_real) * (const double *)attribute(call, name, WG_ATTRIBUTE_REAL);
}
double naive_double(const naive_call *call, const char *name, int index) {
    return ((const double *)attribute(call, name, WG_ATTRIBUTE_REAL))[index];
}
uint64_t naive_bits(const naive_call *call, const char *name) {
    return *(const uint64_t *)attribute(call, name, WG_ATTRIBUTE_BITS);
}
bool naive_bool(const naive_call *call, const char *name) {
    return *(const bool *)attribute(call, name, WG_ATTRIBUTE_BOOL);
}
wg_dtype naive_dtype(const naive_call *call, const char *name) {
    return *(const wg_dtype *)attribute(call, name, WG_ATTRIBUTE_DTYPE);
}
const wg_axes *naive_axes(const naive_call *call, const char *name) {
    return attribute(call, name, WG_ATTRIBUTE_AXES);
}
const wg_type *naive_shape(const naive_call *call, const char *name) {
    return attribute(call, name, WG_ATTRIBUTE_SHAPE);
}
const char *naive_text(const naive_call *call, const char *name) {
    return attribute(call, name, WG_ATTRIBUTE_TEXT);
}
int naive_axis(int64_t axis, int rank) { return (int)(axis < 0 ? axis + rank : axis); }

/* --- Arrays -------------------------------------------------------------------------------------- */

naive_array *naive_output(naive_call *call, int index, wg_type type) {
    naive_array *y = &call->outputs[index];
    for (int axis = type.rank; axis < WG_MAX_RANK; axis++) type.extent[axis] = 0;
    y->type = type;
    y->count = count_of(&type);
    y->value = zeros(y->count);
    y->size = zeros(y->count);
    return y;
}

void naive_map(naive_call *call, naive_real (*f)(naive_real), int roundings) {
    const naive_array *x = &call->inputs[0];
    naive_array *y = naive_output(call, 0, x->type);
    call->roundings = roundings;
    for (int64_t i = 0; i < x->count; i++) naive_set(y, i, f(x->value[i]));
}

int64_t naive_at(const wg_type *type, const int64_t *index) {
    int64_t at = 0;
    for (int axis = 0; axis < type->rank; axis++) at = at * type->extent[axis] + index[axis];
    return at;
}

naive_index naive_first(const wg_type *type) {
    return (naive_index){.type = type, .more = count_of(type) > 0};
}

void naive_next(naive_index *index) {
    index->number++;
    for (int axis = index->type->rank; axis-- > 0;) {
        if (++index->at[axis] < index->type->extent[axis]) return;
        index->at[axis] = 0;
    }
    index->more = false;
}

int64_t naive_broadcast_at(const naive_array *x, const int64_t *at, int rank) {
    int64_t index[WG_MAX_RANK] = {0};
    for (int axis = 0; axis < x->type.rank; axis++)
        index[axis] = x->type.extent[axis] == 1 ? 0 : at[rank - x->type.rank + axis];
    return naive_at(&x->type, index);
}

wg_type naive_broadcast_type(const naive_call *call, wg_dtype dtype) {
    wg_type type = {.dtype = dtype};
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i].type.rank > type.rank) type.rank = call->inputs[i].type.rank;
    for (int axis = 0; axis < type.rank; axis++) {
        type.extent[axis] = 1;
        for (int i = 0; i < call->input_count; i++) {
            const wg_type *x = &call->inputs[i].type;
            const int own = axis - (type.rank - x->rank);
            if (x->dtype && own >= 0 && x->extent[own] != 1) type.extent[axis] = x->extent[own];
        }
    }
    return type;
}
