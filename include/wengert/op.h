/* op — the contract of an operation: the struct that built-in ops and a program's own ops fill in.
 *
 *     static const wg_op swish = {
 *         .name = "swish", .formula = "y = x * sigmoid(x)", .inputs = 1, .outputs = 1,
 *         .infer = wg_infer_same, .forward = swish_forward, .backward = swish_backward,
 *         .samples = swish_samples,
 *     };
 *     wg_var y = wg_apply(&swish, x);
 *
 * An op is pure: its outputs depend on its inputs and attributes and on nothing else. It must
 * outlive the tapes and engines that met it; usually it is static. */
#ifndef WENGERT_OP_H
#define WENGERT_OP_H

#include <wengert/tape.h>

WG_BEGIN_C

typedef struct wg_op wg_op;
typedef struct wg_sampler wg_sampler;

/* --- Attributes: the members of a struct, described ------------------------------------------- */

typedef enum wg_attribute_kind {
    WG_ATTRIBUTE_INT = 1, /* int64_t, or `count` of them */
    WG_ATTRIBUTE_REAL,    /* double, or `count` of them */
    WG_ATTRIBUTE_BOOL,    /* bool */
    WG_ATTRIBUTE_DTYPE,   /* wg_dtype */
    WG_ATTRIBUTE_AXES,    /* wg_axes */
    WG_ATTRIBUTE_SHAPE,   /* wg_type, of which rank and extents count */
    WG_ATTRIBUTE_BITS,    /* uint64_t: a seed or a key */
    WG_ATTRIBUTE_TEXT     /* `count` chars, closed by a zero, and zeros behind it; no quotes ' in it */
} wg_attribute_kind;

/* One attribute. A structural one (the default) decides shapes or code and is part of what a plan
 * is found by; a value one (`is_value`: a rate, an epsilon, a probability) may change from step to
 * step without a new plan, and no pass may build its value into one. */
typedef struct wg_attribute {
    const char *name;
    wg_attribute_kind kind;
    size_t offset;
    int count;       /* of numbers in the member, or of chars; 0 means 1 */
    bool is_value;
    bool bounded;    /* low <= x <= high is checked as the op is recorded */
    double low, high;
    double preset;   /* the value that wg_apply_named gives it when it is not named */
    const char *meaning;
} wg_attribute;
#define WG_ATTRIBUTE(struct_type, member, ...)                                                     \
    {.name = #member, .offset = offsetof(struct_type, member), __VA_ARGS__}
#define WG_NO_MORE_ATTRIBUTES {.name = NULL}

/* --- infer: shapes and dtypes ------------------------------------------------------------------ */

/* What the shape rule sees. It fills outputs[] or returns wg_infer_fail(…). Attributes may be
 * brought into canonical form (a negative axis counted from the front). */
typedef struct wg_infer {
    const wg_op *op;
    int input_count, output_count;
    const wg_type *inputs;   /* an input left out has dtype WG_NO_DTYPE */
    void *attributes;
    wg_type *outputs;
    struct wg_infer_state *state_;
} wg_infer;

/* Says what does not fit: "a is [64, 784], b is [256, 10]; a's last must equal b's last but one". */
WG_API int wg_infer_fail(wg_infer *infer, int status, const char *format, ...) WG_PRINTF(3, 4);
/* "f32[64, 784]", and "[64, 784]" for the shape alone; good until the rule returns. */
WG_API const char *wg_infer_text(wg_infer *infer, const wg_type *type);
WG_API const char *wg_infer_shape_text(wg_infer *infer, const wg_type *type);

WG_API int wg_infer_same(wg_infer *infer);      /* every output as input 0; all inputs f32 or f64, alike */
WG_API int wg_infer_broadcast(wg_infer *infer); /* one output, NumPy's broadcasting; all dtypes alike, not bool */
/* The shape that all inputs broadcast to, for a rule that checks dtypes itself: fills result's rank and
 * extents, leaves its dtype. */
WG_API int wg_infer_broadcast_shapes(wg_infer *infer, wg_type *result);
/* Brings a possibly negative axis into 0 … rank-1, or fails naming it. */
WG_API int wg_infer_axis(wg_infer *infer, int64_t *axis, int rank);

/* --- forward: the plain kernel ------------------------------------------------------------------ */

typedef struct wg_operand {
    void *data;   /* dense, row-major; an input left out: NULL */
    wg_type type;
} wg_operand;

/* What a kernel sees. It writes all of its outputs, or, where the op has `units`, the part of them
 * that belongs to units begin … end-1: other threads do the others at the same time. It keeps no
 * memory, and an input is never written. An elementwise op's units are its elements: operands are
 * then runs of end elements, each of them as long (broadcasting has been done), and an output may be
 * the very memory of an input. */
typedef struct wg_call {
    const wg_op *op;
    const void *attributes;
    int input_count, output_count;
    const wg_operand *inputs;
    const wg_operand *outputs;
    wg_dtype dtype;          /* of input `typed_by`, or of output 0 where there is no input */
    int64_t begin, end;      /* the units to do; 0 … 1 for an op without `units` */
    bool accumulate;         /* output 0 holds a sum, which its parts are added to in order; see WG_ACCUMULATES */
    void *workspace;         /* as many bytes as `workspace` asked for, 64-byte aligned, this thread's own */
    struct wg_call_state *state_;
} wg_call;

/* Data that cannot be used: an index out of range. The run fails before anything is assigned. */
WG_API void wg_call_fail(const wg_call *call, int status, const char *format, ...) WG_PRINTF(3, 4);

WG_API int64_t wg_type_count(const wg_type *type); /* elements */
WG_API size_t wg_type_bytes(const wg_type *type);

/* --- backward: the rule ------------------------------------------------------------------------- */

/* What a backward rule sees. It records ordinary ops and gives each wanted input its cotangent; it may
 * neither differentiate nor evaluate. It leaves to the driver: summing cotangents of several uses, and undoing broadcasting (of an
 * elementwise op, a cotangent may have the shape of the output). An input that gets none has
 * gradient zero. */
typedef struct wg_rule {
    wg_tape *tape;
    const wg_op *op;
    const void *attributes;
    int input_count, output_count;
    const wg_var *inputs;     /* an input left out is invalid */
    const wg_var *outputs;
    const wg_var *cotangents; /* of each output; invalid where it is zero */
    struct wg_rule_state *state_;
} wg_rule;

WG_API bool wg_rule_wants(const wg_rule *rule, int input); /* is that input's cotangent asked for? */
WG_API void wg_rule_set(wg_rule *rule, int input, wg_var cotangent);

/* cotangent · factor, and 0 where either is 0, even if the other is infinite or NaN: how a rule of an elementwise
 * op multiplies, so that an element that does not matter never makes NaN. */
WG_API wg_var wg_scale_cotangent(wg_var cotangent, wg_var factor);

/* --- cost --------------------------------------------------------------------------------------- */

typedef struct wg_cost {
    double flops; /* floating-point operations, a multiply-add being two */
    double bytes; /* that must be read and written */
} wg_cost;

/* --- samples: cases to check the op with --------------------------------------------------------- */

typedef enum wg_values {
    WG_NORMAL = 0,   /* standard normal */
    WG_UNIFORM,      /* between low and high */
    WG_DISTINCT,     /* a random order of equally spaced numbers: no ties, no kinks within 0.05 of each other or of 0 */
    WG_TIES,         /* small whole numbers, many alike */
    WG_INTEGERS,     /* whole numbers low … high */
    WG_ALL_EQUAL,    /* `low` everywhere */
    WG_DOMINANT,     /* matrices of the last two axes, well conditioned: the diagonal within 1 … 2, the others of a
                      * row or column less than 1 together; so each triangle is that of a positive definite matrix */
    WG_INVERTIBLE    /* the same with the rows of each matrix moved on, each by another number of places */
} wg_values;

typedef struct wg_sample_input {
    wg_dtype dtype;       /* default: the real type the sampler is asked for */
    const wg_shape *shape;
    wg_values values;
    double low, high;
    bool absent;          /* an optional input left out */
    bool end_;
} wg_sample_input;

/* One case: the op with these attributes (a struct of the op's, copied; NULL: none) on these inputs. */
WG_API void wg_sample_list(wg_sampler *sampler, const void *attributes, const wg_sample_input *inputs);
#define WG_SAMPLE(sampler, attributes, ...)                                                        \
    wg_sample_list(sampler, attributes, (const wg_sample_input[]){__VA_ARGS__, {.end_ = true}})
/* Ready-made cases of one input, and of two that broadcast in every direction. */
WG_API void wg_sample_unary(wg_sampler *sampler, wg_values values, double low, double high);
WG_API void wg_sample_binary(wg_sampler *sampler, wg_values values, double low, double high);

/* --- the op ---------------------------------------------------------------------------------------- */

typedef enum wg_op_flags {
    WG_ELEMENTWISE = 1 << 0, /* each element of each output depends on the same element of the broadcast inputs */
    WG_VIEW = 1 << 1,        /* the output is input 0's bytes under another shape */
    WG_RANDOM = 1 << 2,      /* draws numbers: never merged with an equal node */
    WG_CAN_FAIL = 1 << 3,    /* may call wg_call_fail */
    WG_BLOCKS = 1 << 4,      /* no gradient to any input, and asking for one is an error; see no_gradient */
    WG_STOPS = 1 << 5,       /* the gradient to every input is zero by intention */
    WG_NAMES_DTYPE = 1 << 6, /* the output's dtype is asked for by name, so it is never weak */
    WG_INTEGERS_FAIL = 1 << 7, /* may call wg_call_fail, but only where its dtype is one of integers */
    WG_ACCUMULATES = 1 << 9,  /* heeds wg_call.accumulate: y + part 1 + part 2 + … where it makes part 1 + part 2 + … */
    WG_EVEN_READS = 1 << 10,  /* has units, and of U units unit u reads of input 0 the u-th of U equal runs alone */
    WG_HELPER = 1 << 11,      /* for rules and expansions of other ops: no header in ops/ has a function of it */
    WG_EVEN_UNITS = 1 << 8    /* has units, and of U units unit u writes the u-th of U equal runs of output 0, all of it */
} wg_op_flags;

struct wg_op {
    const char *name;    /* ONNX's or PyTorch's term, lower case with underscores */
    const char *formula; /* the mathematics, in one line */
    /* Operands by name: "x [N, C, ...], weight [K, C], bias [K]? -> y [N, K, ...]; remarks". Equal letters are
     * equal extents, "..." the same further axes, * any number of any; ? marks an input that may be left out, and
     * "x [*]..." stands for one or more. NULL, of elementwise ops: x, or a and b, which broadcast, give y. */
    const char *shapes;
    const char *gradient; /* the rule in the names of `shapes`: "da = dy b, db = dy a"; NULL: there is none */
    const char *onnx, *torch; /* the names there, NULL where there is none */

    int inputs, inputs_max;   /* at least, at most (0: exactly `inputs`; -1: any number) */
    int outputs;              /* 1 … 4; those after the first are reached by wg_output */
    int typed_by;             /* the input whose dtype names the kernel's */
    unsigned flags;           /* wg_op_flags */
    unsigned blocked_inputs;  /* bit i: input i has no gradient, as integers have none */
    const char *blocked_because; /* why real inputs among those have none although the value depends on them */
    const char *no_gradient;  /* why none passes the op, where types and flags do not say it: "constant between jumps" */
    unsigned linear_in;       /* bit i: linear in input i when the others are held */

    const wg_attribute *attributes; /* closed by WG_NO_MORE_ATTRIBUTES; NULL: none */
    size_t attributes_size;

    /* Is output 0 input 0 as it is, to the bit, where their types are equal? NULL: no. */
    bool (*is_identity)(const void *attributes);

    /* Of input `packed_input` the op needs no more than what `pack` makes of it, and takes that in its place with
     * the same bits: it can be kept for the backward pass where memory is short. `pack` has one input, one output
     * of the same shape and of `packed_dtype`; and no attributes, or else this op's, all structural, and is not
     * elementwise. NULL: no such input. */
    const wg_op *pack;
    int packed_input;
    wg_dtype packed_dtype;
    bool (*may_pack)(const wg_call *call); /* by types and attributes; NULL: always */

    int (*infer)(wg_infer *infer);
    void (*forward)(const wg_call *call);
    void (*backward)(wg_rule *rule);          /* NULL: like WG_BLOCKS */
    /* Output 0 in other ops; an input left out is WG_NONE. Without `forward` the op is composed: it has one
     * output, and recording it checks the inputs by `infer` and records this. With `forward`, what the kernel
     * and the rule are held to. */
    wg_var (*expand)(wg_tape *tape, const wg_var *inputs, const void *attributes);
    int64_t (*units)(const wg_call *call);    /* independent parts; NULL: one. Depends on shapes and attributes only */
    size_t (*workspace)(const wg_call *call); /* scratch bytes a thread needs; NULL: none */
    wg_cost (*cost)(const wg_call *call);     /* NULL: an operation an element of output 0, every operand moved once */
    void (*samples)(wg_sampler *sampler);

    /* Of an op whose gradient is by intention not the derivative of its value: records the function whose
     * derivative it is, to which the gradient check holds it. NULL: its own. */
    wg_var (*gradient_as)(wg_tape *tape, const wg_var *inputs, const void *attributes);

    /* Of an op on whose samples parts of a value or gradient cancel that may be as large as this, as 1 - y^2 of
     * tanh: f32 is held to f64 within the roundings of numbers larger by so much (wengert/check.h). 0: what
     * x df/dx tells of is all. */
    double f32_cancelled;
};

/* Records an op. Inputs are listed; WG_NONE leaves an optional one out. */
WG_API wg_var wg_apply_list(const wg_op *op, size_t op_size, const void *attributes, const wg_var *inputs);

/* Output number `index` of the op that recorded `var` as its first. */
WG_API wg_var wg_output(wg_var var, int index);

/* --- the registry ------------------------------------------------------------------------------------ */

WG_API int wg_op_count(void);
WG_API const wg_op *wg_op_at(int index);         /* in the registry's order; NULL out of range */
WG_API const wg_op *wg_op_find(const char *name); /* NULL: no such op */

/* Why no gradient passes the op, as it declares by types, flags or in words; NULL: one does. */
WG_API const char *wg_op_no_gradient(const wg_op *op);

/* Records the registered op `name` on the listed inputs with attributes written as text:
 * "kernel=3,3 stride=2,2"; a text with spaces stands in quotes, "equation='ij, jk -> ik'".
 * Attributes not named have their preset value. For bindings, tools and tests. */
WG_API wg_var wg_apply_named(wg_tape *tape, const char *name, const wg_var *inputs, const char *attributes);

/* The attributes as text, in the form that wg_apply_named reads. Returns the length it has or would
 * have had, as snprintf does. */
WG_API int wg_attributes_text(const wg_op *op, const void *attributes, char *text, size_t size);

WG_END_C

#ifdef __cplusplus
template <class... V> static inline wg_var wg_apply(const wg_op *op, V... inputs) {
    const wg_var list[] = {inputs..., WG_END_};
    return wg_apply_list(op, sizeof(wg_op), nullptr, list);
}
template <class... V>
static inline wg_var wg_apply_with(const wg_op *op, const void *attributes, V... inputs) {
    const wg_var list[] = {inputs..., WG_END_};
    return wg_apply_list(op, sizeof(wg_op), attributes, list);
}
#else
#define wg_apply(op, ...) WG_AT(wg_apply_list((op), sizeof(wg_op), NULL, WG_VARS(__VA_ARGS__)))
/* The same with attributes: a pointer to the op's struct of them. */
#define wg_apply_with(op, attributes, ...)                                                         \
    WG_AT(wg_apply_list((op), sizeof(wg_op), (attributes), WG_VARS(__VA_ARGS__)))
#endif
#define wg_output(...) WG_AT((wg_output)(__VA_ARGS__))
#define wg_scale_cotangent(...) WG_AT((wg_scale_cotangent)(__VA_ARGS__))
#endif
