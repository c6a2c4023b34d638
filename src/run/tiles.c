/* tiles — runs a step of elementwise nodes, all of them on one tile after the other. Operands that are
 * broadcast are spread out for the tile; what passes between the nodes stays in slots of the thread's
 * workspace. */
#include "run/run.h"

/* --- Broadcasting ----------------------------------------------------------------------------- */

static void fill(void *to, const void *from, size_t size, int64_t count) {
    if (size == 4) {
        uint32_t word, *at = to;
        memcpy(&word, from, 4);
        for (int64_t i = 0; i < count; i++) at[i] = word;
    } else if (size == 8) {
        uint64_t word, *at = to;
        memcpy(&word, from, 8);
        for (int64_t i = 0; i < count; i++) at[i] = word;
    } else {
        for (int64_t i = 0; i < count; i++) memcpy((char *)to + (size_t)i * size, from, size);
    }
}

/* The axes of `to`, neighbours joined where `from` runs through them evenly: extents and, in elements of
 * `from`, strides (0 where it is broadcast). Returns how many are left, at least 1. */
static int join_axes(const wg_type *from, const wg_type *to, int64_t *extent, int64_t *stride) {
    int64_t strides[WG_MAX_RANK], step = 1;
    for (int i = to->rank - 1; i >= 0; i--) {
        const int k = i - (to->rank - from->rank);
        const int64_t size = k >= 0 ? from->extent[k] : 1;
        strides[i] = size == 1 ? 0 : step;
        step *= size;
    }
    int rank = 0;
    for (int i = 0; i < to->rank; i++) {
        if (to->extent[i] == 1) continue;
        if (rank > 0 && stride[rank - 1] == strides[i] * to->extent[i]) {
            extent[rank - 1] *= to->extent[i];
            stride[rank - 1] = strides[i];
        } else {
            extent[rank] = to->extent[i];
            stride[rank++] = strides[i];
        }
    }
    if (rank == 0) {
        extent[0] = 1;
        stride[0] = 0;
        rank = 1;
    }
    return rank;
}

void wg_gather_run(void *dense, const void *data, const wg_type *from, const wg_type *to, int64_t begin,
                   int64_t count) {
    if (count <= 0) return; /* an extent may be 0 */
    const size_t size = wg_dtype_size(from->dtype);
    int64_t extent[WG_MAX_RANK], stride[WG_MAX_RANK], index[WG_MAX_RANK], rest = begin, offset = 0;
    const int rank = join_axes(from, to, extent, stride), inner = rank - 1;
    for (int i = inner; i >= 0; i--) {
        index[i] = rest % extent[i];
        rest /= extent[i];
        offset += index[i] * stride[i];
    }
    char *out = dense;
    while (count > 0) {
        const int64_t run = wg_min(extent[inner] - index[inner], count);
        const char *at = (const char *)data + offset * (int64_t)size;
        if (stride[inner] == 0)
            fill(out, at, size, run);
        else
            memcpy(out, at, (size_t)run * size); /* dense data: an inner stride is 0 or 1 */
        out += (size_t)run * size;
        count -= run;
        offset -= index[inner] * stride[inner];
        index[inner] = 0;
        for (int i = inner - 1; i >= 0; i--) {
            offset += stride[i];
            if (++index[i] < extent[i]) break;
            offset -= stride[i] * extent[i];
            index[i] = 0;
        }
    }
}

/* --- A tile ----------------------------------------------------------------------------------- */

enum { FEW_OPERANDS = 16 };

/* Every operand that a kernel sees is a run of as many elements as the tile has: the operands are made once
 * a tile, and a member of the step only says where its bytes are and of which dtype. */
typedef struct tile {
    const wg_run *run;
    const wg_step *step;
    const wg_type *type; /* the shape of the step */
    char *slots;
    size_t slot_bytes;
    int64_t begin, count;
    wg_operand operands[FEW_OPERANDS];
} tile;

/* The tile's part of a value that has the step's shape. */
static inline void *part_of(const tile *t, uint32_t value) {
    const wg_plan *plan = t->run->plan;
    const wg_place *place = &plan->places[value];
    if (place->kind == WG_PLACE_TILE) return t->slots + place->offset * t->slot_bytes;
    char *all = wg_value_address(t->run, value);
    return t->begin ? all + t->begin * (int64_t)wg_dtype_size(plan->low.values.at[value].type.dtype) : all;
}

/* The tile's part of an input; what is broadcast is spread out in the slot. */
static void *input_of(const tile *t, uint32_t value, uint32_t scratch_slot) {
    const wg_type *type = &t->run->plan->low.values.at[value].type;
    if (t->step->elements == 1 || wg_shape_equal(type, t->type)) return part_of(t, value);
    void *data = t->slots + (size_t)scratch_slot * t->slot_bytes;
    wg_gather_run(data, wg_value_address(t->run, value), type, t->type, t->begin, t->count);
    return data;
}

static void set_operand(tile *t, uint32_t index, void *data, wg_dtype dtype) {
    wg_operand *operand = &t->operands[index];
    operand->data = data;
    operand->type.dtype = dtype;
    operand->type.rank = data ? 1 : 0; /* an input left out has no type */
}

static void run_member(tile *t, const wg_low_node *node) {
    const wg_lowered *low = &t->run->plan->low;
    const uint32_t inputs = node->input_count, outputs = node->output_count;
    for (uint32_t i = 0; i < inputs; i++) {
        const uint32_t value = low->edges.at[node->inputs + i];
        if (value == WG_ABSENT)
            set_operand(t, i, NULL, WG_NO_DTYPE);
        else
            set_operand(t, i, input_of(t, value, t->step->slots + i), low->values.at[value].type.dtype);
    }
    for (uint32_t i = 0; i < outputs; i++) {
        const uint32_t value = node->outputs + i;
        set_operand(t, inputs + i, part_of(t, value), low->values.at[value].type.dtype);
    }
    struct wg_call_state state = {t->run->failure, wg_tape_node(t->run, node)};
    const wg_call call = {.op = node->op,
                          .attributes = wg_run_attributes(t->run, node),
                          .input_count = (int)inputs,
                          .output_count = (int)outputs,
                          .inputs = t->operands,
                          .outputs = t->operands + inputs,
                          .dtype = node->dtype,
                          .begin = 0,
                          .end = t->count,
                          .state_ = &state};
    node->kernel.run(&call);
}

void wg_run_tiles(const wg_run *run, const wg_step *step, int worker, int64_t begin, int64_t end) {
    const wg_plan *plan = run->plan;
    const uint32_t first = wg_first_tiled(step);
    const wg_low_node *node = &plan->low.nodes.at[plan->members.at[step->first + first]];
    tile t = {.run = run,
              .step = step,
              .type = &plan->low.values.at[node->outputs].type,
              .slots = run->workspace + (size_t)worker * plan->workspace_bytes + step->kernel_workspace,
              .slot_bytes = step->elements == 1 ? 8 : (size_t)WG_TILE * 8};
    for (t.begin = begin; t.begin < end; t.begin += WG_TILE) {
        t.count = wg_min(WG_TILE, end - t.begin);
        for (int i = 0; i < FEW_OPERANDS; i++) t.operands[i].type.extent[0] = t.count;
        for (uint32_t m = first; m < step->count; m++)
            run_member(&t, &plan->low.nodes.at[plan->members.at[step->first + m]]);
    }
}
