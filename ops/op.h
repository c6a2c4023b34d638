/* op.h — what a file in ops/ includes: the op contract, the variant it is compiled for, and the few
 * helpers that kernels and rules share.
 *
 * A file reads: formula, attributes, kernel (compiled for each type and instruction set), then under
 * WG_RULES (compiled once) shape rule, backward rule, cost, samples, the wg_op, the recorder. */
#ifndef WG_OPS_OP_H
#define WG_OPS_OP_H

#include "kernels/maths.h"
#include "kernels/variant.h"
#include <wengert/op.h>

/* WG_KERNEL(relu, forward) gives this variant of the plain kernel its external name, which the
 * registry finds through the line of ops.def. */
#define WG_KERNEL(op, function)                                                                    \
    extern void WG_VARIANT(wg_kernel_##op)(const wg_call *call);                                   \
    void WG_VARIANT(wg_kernel_##op)(const wg_call *call) { function(call); }
/* The same for a kernel that moves bytes, whatever their type: compiled once. */
#ifdef WG_RULES
#define WG_BYTES_KERNEL(op, function)                                                              \
    extern void wg_kernel_##op(const wg_call *call);                                               \
    void wg_kernel_##op(const wg_call *call) { function(call); }
#else
#define WG_BYTES_KERNEL(op, function)                                                              \
    extern int wg_nothing_
#endif

/* The `forward` of a wg_op: the registry's function that picks the plain kernel by dtype. */
#define WG_FORWARD(op) wg_forward_##op

/* Operands of a call as typed pointers. */
#define WG_IN(call, index, type) ((const type *)(call)->inputs[index].data)
#define WG_OUT(call, index, type) ((type *)(call)->outputs[index].data)

/* The attributes of a call, a rule or an infer as the op's struct. */
#define WG_ATTRIBUTES(where, op) ((const op##_attributes *)(where)->attributes)

/* Elementwise kernels in one line: WG_UNARY(relu, x > 0 ? x : 0) */
#define WG_UNARY(op, expression)                                                                   \
    static void op##_forward(const wg_call *call) {                                                \
        const number *px = WG_IN(call, 0, number);                                                 \
        number *py = WG_OUT(call, 0, number);                                                      \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin; i < call->end; i++) {                         \
            const number x = px[i];                                                                \
            py[i] = (number)(expression);                                                          \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
#define WG_BINARY(op, expression)                                                                  \
    static void op##_forward(const wg_call *call) {                                                \
        const number *pa = WG_IN(call, 0, number), *pb = WG_IN(call, 1, number);                   \
        number *py = WG_OUT(call, 0, number);                                                      \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin; i < call->end; i++) {                         \
            const number a = pa[i], b = pb[i];                                                     \
            py[i] = (number)(expression);                                                          \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)

#ifdef WG_RULES
#include <wengert/ops.h>
#define WG_OP(name) extern void wg_forward_##name(const wg_call *call);
#define WG_REAL_OP(name) WG_OP(name)
#define WG_NUMERIC_OP(name) WG_OP(name)
#define WG_BYTES_OP(name) WG_OP(name)
#include "ops.def"
#undef WG_OP
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP

/* Records op on inputs listed as vars; the attributes are copied. */
#define WG_RECORD(op, attributes, ...)                                                             \
    wg_apply_list(op, sizeof(wg_op), attributes, (const wg_var[]){__VA_ARGS__, WG_END_})
#endif

#endif
