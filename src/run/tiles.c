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
        const int64_t run = wg_smaller(extent[inner] - index[inner], count);
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
    char *runs; /* of which run slots hold the elements from first on */
    size_t slot_bytes;
    int64_t first, begin, count;
    wg_operand operands[FEW_OPERANDS];
} tile;

/* Where the operand's bytes begin, of the whole value or, in a slot, of the tile. */
static inline char *address_of(const tile *t, const wg_tile_operand *operand) {
    if (operand->kind == WG_PLACE_TILE) return t->slots + operand->offset * t->slot_bytes;
    if (operand->kind == WG_PLACE_ARENA) return t->run->arena + operand->offset;
    return wg_place_address(t->run, (wg_place){(wg_place_kind)operand->kind, operand->offset});
}

/* The tile's part of an operand; what is broadcast is spread out in the slot. */
static inline void *part_of(const tile *t, const wg_tile_operand *operand, uint32_t scratch_slot) {
    if (operand->kind == WG_PLACE_RUN)
        return t->runs + operand->offset * t->step->run_bytes + (t->begin - t->first) * operand->size;
    char *data = address_of(t, operand);
    if (operand->spread) {
        char *scratch = t->slots + (size_t)scratch_slot * t->slot_bytes;
        wg_gather_run(scratch, data, &t->run->plan->low.values.at[operand->value].type, t->type, t->begin,
                      t->count);
        return scratch;
    }
    return operand->kind == WG_PLACE_TILE || !t->begin ? data : data + t->begin * operand->size;
}

static void run_member(tile *t, const wg_tile_member *member) {
    const wg_tile_operand *operand = t->run->plan->tile_operands.at + member->operands;
    const int operands = member->inputs + member->outputs;
    for (int i = 0; i < operands; i++, operand++) {
        wg_operand *seen = &t->operands[i];
        const bool absent = operand->value == WG_ABSENT; /* an input left out has no type */
        seen->data = absent ? NULL : part_of(t, operand, t->step->slots + (uint32_t)i);
        seen->type.dtype = (wg_dtype)operand->dtype;
        seen->type.rank = !absent;
    }
    struct wg_call_state state = {t->run->failure, &t->run->order[member->source]};
    const wg_call call = {.op = member->op,
                          .attributes =
                              member->op->attributes_size ? wg_attributes_at(t->run, member->source) : NULL,
                          .input_count = member->inputs,
                          .output_count = member->outputs,
                          .inputs = t->operands,
                          .outputs = t->operands + member->inputs,
                          .dtype = (wg_dtype)member->dtype,
                          .end = t->count,
                          .state_ = &state};
    member->run(&call);
}

void wg_run_tiles(const wg_run *run, const wg_step *step, int worker, int64_t begin, int64_t end) {
    const wg_plan *plan = run->plan;
    const wg_tile_member *first = plan->program + step->first + wg_first_tiled(step),
                         *behind = plan->program + step->first + wg_tiled_end(step);
    const uint32_t made = plan->tile_operands.at[first->operands + first->inputs].value;
    char *workspace = run->workspace + (size_t)worker * plan->workspace_bytes;
    tile t = {.run = run,
              .step = step,
              .type = &plan->low.values.at[made].type,
              .slots = workspace + step->kernel_workspace,
              .runs = workspace + wg_runs_at(step),
              .slot_bytes = wg_slot_bytes(step),
              .first = begin};
    for (t.begin = begin; t.begin < end; t.begin += WG_TILE) {
        t.count = wg_smaller(WG_TILE, end - t.begin);
        for (int i = 0; i < FEW_OPERANDS; i++) t.operands[i].type.extent[0] = t.count;
        for (const wg_tile_member *member = first; member < behind; member++) run_member(&t, member);
    }
}
