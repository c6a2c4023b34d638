/* gates.h — what cells of recurrent networks share: runs of H columns, one a gate, of [N, G H]. */
#ifndef WG_OPS_GATES_H
#define WG_OPS_GATES_H

#include "op.h"

#if WG_IS_REAL
/* cotangent · factor, and 0 where the cotangent is 0. */
WG_INLINE real gate_scaled(real cotangent, real factor) {
    const real product = cotangent * factor;
    return cotangent == 0 ? 0 : product;
}
#endif

#ifdef WG_RULES

/* Columns of gate k. */
static inline wg_var gate_at(wg_var gates, int64_t k, int64_t size) {
    return wg_slice(gates, 1, k * size, (k + 1) * size);
}

static inline wg_var gate_times(wg_var v, double factor) { return wg_mul(v, wg_scalar(v.tape, factor)); }
static inline wg_var gate_complement(wg_var v) { return wg_sub(wg_scalar(v.tape, 1), v); }
static inline wg_var gate_sigmoid_slope(wg_var s) { return wg_mul(s, gate_complement(s)); }
static inline wg_var gate_tanh_slope(wg_var t) { return gate_complement(wg_square(t)); }

/* Is input number `input` [N, count H]? `state` is [N, H]. */
static inline int gate_infer(wg_infer *infer, int input, const char *name, int64_t count,
                             const wg_type *state) {
    const wg_type *type = &infer->inputs[input];
    if (state->rank == 2 && type->rank == 2 && type->extent[0] == state->extent[0] &&
        type->extent[1] == count * state->extent[1])
        return WG_OK;
    return wg_infer_fail(
        infer, WG_ERROR_SHAPE, "%s is %s, the state is %s; they must be [N, %lld H] and [N, H]", name,
        wg_infer_shape_text(infer, type), wg_infer_shape_text(infer, state), (long long)count);
}

/* A unit is a row; so many operations for each element of the state. */
static inline int64_t gate_units(const wg_call *call) { return call->outputs[0].type.extent[0]; }
static inline wg_cost gate_cost(const wg_call *call, const wg_type *state, double flops) {
    return (wg_cost){flops * (double)wg_type_count(state), wg_call_bytes(call)};
}

/* Cases of a cell with `count` gates: each size with four kinds of numbers. */
enum { GATE_CASES = 32 };
typedef struct gate_case {
    wg_shape state, gates;
} gate_case;
static inline gate_case gate_case_at(int i, int64_t count) {
    static const int64_t sizes[][2] = {{1, 1}, {2, 2}, {3, 1}, {1, 5}, {2, 1}, {0, 3}, {2, 0}, {1, 3}};
    const int64_t rows = sizes[i / 4][0], columns = sizes[i / 4][1];
    return (gate_case){{{rows, columns, INT64_MIN}}, {{rows, count * columns, INT64_MIN}}};
}
static inline wg_sample_input gate_input(const wg_shape *shape, int which) {
    static const wg_sample_input values[] = {{.values = WG_NORMAL},
                                             {.values = WG_UNIFORM, .low = -2, .high = 2},
                                             {.values = WG_TIES},
                                             {.values = WG_ALL_EQUAL, .low = 0.5}};
    wg_sample_input input = values[which % 4];
    input.shape = shape;
    return input;
}

#endif
#endif
