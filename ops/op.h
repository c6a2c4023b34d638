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

/* The attributes of a call, a rule or an infer as the op's struct. */
#define WG_ATTRIBUTES(where, op) ((const op##_attributes *)(where)->attributes)

/* Elementwise kernels in one line: WG_UNARY(relu, x > 0 ? x : 0) */
#define WG_UNARY(op, expression)                                                                   \
    static void op##_forward(const wg_call *call) {                                                \
        const number *px = WG_IN(call, 0, number);                                                 \
        number *py = WG_OUT(call, 0, number);                                                      \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {         \
            const number x = px[i];                                                                \
            py[i] = (number)(expression);                                                          \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)
#define WG_BINARY(op, expression)                                                                  \
    static void op##_forward(const wg_call *call) {                                                \
        const number *pa = WG_IN(call, 0, number), *pb = WG_IN(call, 1, number);                   \
        number *py = WG_OUT(call, 0, number);                                                      \
        WG_INDEPENDENT_LOOP for (int64_t i = call->begin, end = call->end; i < end; i++) {         \
            const number a = pa[i], b = pb[i];                                                     \
            py[i] = (number)(expression);                                                          \
        }                                                                                          \
    }                                                                                              \
    WG_KERNEL(op, op##_forward)

/* The wg_op and the recorder of a function of one real number; what else it needs is listed as members. */
#define WG_UNARY_OP(op, text, onnx_name, torch_name, operations, ...)                              \
    static wg_cost op##_cost(const wg_call *call) { return wg_cost_per_element(call, operations); } \
    const wg_op wg_op_##op = {                                                                     \
        .name = #op, .formula = text, .onnx = onnx_name, .torch = torch_name,                      \
        .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,                                        \
        .infer = wg_infer_same, .forward = WG_FORWARD(op), .cost = op##_cost, __VA_ARGS__,         \
    };                                                                                             \
    wg_var (wg_##op)(wg_var x) { return WG_RECORD(&wg_op_##op, NULL, x); }

#ifdef WG_RULES
#include "base/base.h"
#include <wengert/ops.h>
#define WG_OP(name)                                                                                \
    extern const wg_op wg_op_##name;                                                               \
    extern void wg_forward_##name(const wg_call *call);
#define WG_REAL_OP(name) WG_OP(name)
#define WG_NUMERIC_OP(name) WG_OP(name)
#define WG_BYTES_OP(name) WG_OP(name)
#define WG_COMPOSED_OP(name) extern const wg_op wg_op_##name;
#include "ops.def"
#undef WG_OP
#undef WG_REAL_OP
#undef WG_NUMERIC_OP
#undef WG_BYTES_OP
#undef WG_COMPOSED_OP

static inline wg_shape wg_shape_of(const wg_type *type) {
    wg_shape shape;
    for (int i = 0; i < WG_MAX_RANK; i++) shape.extent[i] = i < type->rank ? type->extent[i] : INT64_MIN;
    shape.extent[WG_MAX_RANK] = INT64_MIN;
    return shape;
}

/* A var of this dtype and shape, all of it `value`. */
static inline wg_var wg_full_of(wg_tape *tape, const wg_type *type, double value) {
    const wg_shape shape = wg_shape_of(type);
    return wg_full(tape, type->dtype, &shape, value);
}

/* A rule's cotangent of an output, zeros where it is absent. */
static inline wg_var wg_rule_cotangent(const wg_rule *rule, int output) {
    if (wg_valid(rule->cotangents[output])) return rule->cotangents[output];
    const wg_type type = wg_type_of(rule->outputs[output]);
    return wg_full_of(rule->tape, &type, 0);
}

/* Bytes of all operands. */
static inline double wg_call_bytes(const wg_call *call) {
    double bytes = 0;
    for (int i = 0; i < call->input_count; i++) bytes += (double)wg_type_bytes(&call->inputs[i].type);
    for (int i = 0; i < call->output_count; i++) bytes += (double)wg_type_bytes(&call->outputs[i].type);
    return bytes;
}

/* Is it f32, f64 or, with `whole`, i32 or i64? */
static inline bool wg_dtype_is_number(wg_dtype dtype, bool whole) {
    return wg_dtype_real(dtype) || (whole && (dtype == WG_I32 || dtype == WG_I64));
}

/* Fails unless the input, which the message calls by that name, has such a dtype. */
static inline int wg_infer_one(wg_infer *infer, int input, const char *name, bool whole) {
    const wg_type *type = &infer->inputs[input];
    if (wg_dtype_is_number(type->dtype, whole)) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_DTYPE, "%s is %s; %s are taken (wg_cast converts)", name,
                         wg_infer_text(infer, type), whole ? "f32, f64, i32 or i64" : "f32 or f64");
}

static inline int wg_infer_one_real(wg_infer *infer, int input, const char *name) {
    return wg_infer_one(infer, input, name, false);
}
static inline int wg_infer_one_number(wg_infer *infer, int input, const char *name) {
    return wg_infer_one(infer, input, name, true);
}

/* Fails unless all inputs that are there have one such dtype. */
static inline int wg_infer_alike(wg_infer *infer, bool whole) {
    for (int i = 0; i < infer->input_count; i++) {
        const wg_type *type = &infer->inputs[i];
        if (type->dtype == WG_NO_DTYPE) continue;
        if (!wg_dtype_is_number(type->dtype, whole))
            return wg_infer_fail(infer, WG_ERROR_DTYPE, "input %d is %s; %s are taken (wg_cast converts)", i,
                                 wg_infer_text(infer, type), whole ? "f32, f64, i32 or i64" : "f32 or f64");
        if (type->dtype != infer->inputs[0].dtype)
            return wg_infer_fail(infer, WG_ERROR_DTYPE,
                                 "dtypes differ: input 0 is %s, input %d is %s (wg_cast converts)",
                                 wg_infer_text(infer, &infer->inputs[0]), i, wg_infer_text(infer, type));
    }
    return WG_OK;
}

/* Is an input that may be left out there? */
static inline bool wg_infer_given(const wg_infer *infer, int input) {
    return input < infer->input_count && infer->inputs[input].dtype != WG_NO_DTYPE;
}

static inline int wg_infer_real(wg_infer *infer) { return wg_infer_alike(infer, false); }
static inline int wg_infer_numbers(wg_infer *infer) { return wg_infer_alike(infer, true); }

/* Elementwise on f32 or f64: one output of the shape that the inputs broadcast to. */
static inline int wg_infer_real_broadcast(wg_infer *infer) {
    const int status = wg_infer_real(infer);
    return status ? status : wg_infer_broadcast(infer);
}

/* Fails unless all extents of a shape given as an attribute are there: none is negative. */
static inline int wg_infer_extents(wg_infer *infer, const wg_type *shape) {
    for (int i = 0; i < shape->rank; i++)
        if (shape->extent[i] < 0)
            return wg_infer_fail(infer, WG_ERROR_SHAPE, "extent %d of %s is %lld; it must be at least 0", i,
                                 wg_infer_shape_text(infer, shape), (long long)shape->extent[i]);
    return WG_OK;
}

/* As `is_identity`: wherever the types are equal. */
static inline bool wg_is_identity(const void *attributes) {
    (void)attributes;
    return true;
}

/* The cost of an elementwise op of so many operations an element. */
static inline wg_cost wg_cost_per_element(const wg_call *call, double flops) {
    return (wg_cost){flops * (double)wg_type_count(&call->outputs[0].type), wg_call_bytes(call)};
}

/* The samples of a function of one number, and numbers from `from` to `to` as well. */
static inline void wg_sample_unary_and(wg_sampler *s, wg_values values, double low, double high, double from,
                                       double to) {
    wg_sample_unary(s, values, low, high);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = from, .high = to});
}

/* Copies the caller's options: as much of them as the caller knows; defaults are 0. */
static inline void wg_read_options_(void *options, size_t size, const void *given, size_t given_size) {
    memset(options, 0, size);
    if (given) memcpy(options, given, given_size < size ? given_size : size);
}
#define WG_READ_OPTIONS(T, name, given)                                                            \
    T name;                                                                                        \
    wg_read_options_(&name, sizeof(T), given, (given) ? (given)->size_ : 0)

/* A number given as an option, or its default: 0 stands for that, WG_ZERO for 0. */
static inline double wg_read_number(double given, double preset) {
    return given != 0 ? given : __builtin_signbit(given) ? 0 : preset;
}

/* A list of extents, one for each of `count` axes, of which some may be left out: false, with an error on the tape,
 * if there are more. NULL: none is given. */
static inline bool wg_read_extents(wg_tape *tape, const char *op, const wg_shape *extents, int count,
                                   int64_t *chosen) {
    for (int i = 0; extents && extents->extent[i] != INT64_MIN; i++) {
        if (i == count || i == WG_MAX_RANK) {
            wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: more extents are given than the image has axes, %d", op, count);
            return false;
        }
        chosen[i] = extents->extent[i];
    }
    return true;
}

/* An option for both axes or one for each, as attribute: false, with an error on the tape, if both are. */
static inline bool wg_read_pair(wg_tape *tape, const char *op, const char *name, int both, const int each[2],
                                int64_t preset, int64_t pair[2]) {
    if (both && (each[0] || each[1])) {
        wg_fail(tape, WG_ERROR_ATTRIBUTE, "%s: both %s = %d and %s_hw = {%d, %d} are given; give one of them",
                op, name, both, name, each[0], each[1]);
        return false;
    }
    for (int i = 0; i < 2; i++) pair[i] = each[i] ? each[i] : both ? both : preset;
    return true;
}

/* A shape as attribute, its extents yet to be checked: false, with an error on the tape, if it is none. */
static inline bool wg_read_shape(wg_tape *tape, const char *op, const wg_shape *given, wg_type *shape) {
    *shape = (wg_type){.dtype = WG_NO_DTYPE};
    if (!given) {
        wg_fail(tape, WG_ERROR_SHAPE, "%s: the shape is NULL; write WG_SHAPE(…) or WG_SCALAR_SHAPE", op);
        return false;
    }
    while (shape->rank < WG_MAX_RANK && given->extent[shape->rank] != INT64_MIN) {
        shape->extent[shape->rank] = given->extent[shape->rank];
        shape->rank++;
    }
    if (given->extent[shape->rank] == INT64_MIN) return true;
    wg_fail(tape, WG_ERROR_SHAPE, "%s: the shape has more than %d extents", op, WG_MAX_RANK);
    return false;
}

/* What a recorder returns once its options have put an error on the tape: an invalid var of that tape, so
 * that the error gets the line of the call. */
static inline wg_var wg_refuse(wg_tape *tape) {
    return wg_fail(tape, WG_ERROR_ATTRIBUTE, "the options do not fit"); /* the first error stays */
}

/* Records op on inputs listed as vars; the attributes are copied. */
#define WG_RECORD(op, attributes, ...)                                                             \
    wg_apply_list(op, sizeof(wg_op), attributes, (const wg_var[]){__VA_ARGS__, WG_END_})
#endif

#endif
