/* check — does a gradient belong to its function? And the cases on which an op is tried.
 *
 *     wg_gradcheck_report report;
 *     if (wg_gradcheck_op(&swish, &report)) wg_gradcheck_print(stderr, &report);
 *
 * The check compares the whole Jacobian, element by element, with differences of the function. */
#ifndef WENGERT_CHECK_H
#define WENGERT_CHECK_H

#include <stdio.h>
#include <wengert/op.h>
#include <wengert/tape.h>

WG_BEGIN_C

/* --- The cases of an op ---------------------------------------------------------------------- */

/* One case that an op's `samples` describes. Good while its visitor runs. */
typedef struct wg_case {
    const wg_op *op;
    size_t op_size;
    int number;                    /* 1 for the op's first */
    const void *attributes;        /* NULL: none */
    const wg_sample_input *inputs; /* dtype WG_NO_DTYPE: the real type asked for */
    int input_count;
} wg_case;

/* Gets each case in turn; anything but 0 ends the walk. */
typedef int wg_case_visitor(const wg_case *sample, void *context);

/* Shows the visitor all cases of an op, and returns 0 or what ended the walk. */
WG_API int wg_op_samples(const wg_op *op, size_t op_size, wg_case_visitor *visit, void *context);

/* A new tensor for one input of a case, the caller its owner; the values depend on seed, case and
 * input alone. All of them are f32 numbers, so that f32 and f64 see the same. NULL for an input left
 * out, and on failure, which alone fills in `error`. */
WG_API wg_tensor *wg_case_tensor(const wg_case *sample, int input, wg_dtype real, uint64_t seed,
                                 wg_error *error) WG_MUST_USE;

/* Records the case's op on vars for its inputs, a list closed by WG_END_ with WG_NONE for one left out. */
WG_API wg_var wg_case_record(wg_tape *tape, const wg_case *sample, const wg_var *inputs);

/* --- The gradient check ----------------------------------------------------------------------- */

/* Any function of vars; `inputs` is a list closed by WG_END_, with WG_NONE for one left out. It is
 * recorded anew for every evaluation, and must record the same computation each time. */
typedef wg_var wg_function(wg_tape *tape, const wg_var *inputs, void *context);

/* One disagreement. In a check of order 2 the function is the gradient for input `output` of
 * sum(v * f(x)), and input -1 is the cotangent v. */
typedef struct wg_gradcheck_failure {
    char attributes[192];
    char reason[320];
    char reproduce[256];  /* a line of C */
    uint64_t seed;
    int sample;           /* the case's number; 0 for a function */
    int order;
    bool located;         /* is it of one element? Then what follows counts */
    int input, output;
    int64_t input_element, output_element;
    double analytic, numeric, tolerance;
} wg_gradcheck_failure;

typedef struct wg_gradcheck_report {
    char name[64];            /* the op's, or the one in the options */
    bool not_differentiable;  /* the op says so; it passes if wg_grad refuses each time */
    int samples;              /* cases looked at */
    int samples_empty;        /* of them those without an element to compare */
    int samples_blocked;      /* of them those refused a gradient, as declared: integers, WG_BLOCKS */
    int64_t elements;         /* of Jacobians, compared with differences */
    int64_t symmetries;       /* Hessians whose symmetry was looked at */
    int64_t singles;          /* elements of values and gradients, compared in f32 and f64 */
    double largest_single;    /* of the error in f32 / its bound: up to 1 passes */
    int64_t directions;       /* along which slopes were compared */
    int64_t largest_size;     /* elements then, of the inputs or of the output, at most */
    int64_t kinks;            /* and jumps: not compared but held between the one-sided derivatives */
    int64_t failures;
    double largest_error;     /* of |analytic - numeric| / tolerance: up to 1 passes */
    wg_gradcheck_failure first;
} wg_gradcheck_report;

typedef struct wg_gradcheck_options {
    WG_OPTIONS_HEAD;
    int order WG_DEFAULT_;          /* 1: gradients; 2: gradients of gradients; default: both */
    double tolerance WG_DEFAULT_;   /* relative; default 1e-7. Rounding is allowed for beside it */
    uint64_t seed WG_DEFAULT_;      /* of sampled inputs and of cotangents */
    int sample WG_DEFAULT_;         /* wg_gradcheck_op: this case only; default: all */
    int directions WG_DEFAULT_;     /* along so many, instead of the Jacobian; default: 0 */
    uint64_t held_inputs WG_DEFAULT_; /* bit i: input i is a constant */
    const char *name WG_DEFAULT_;   /* wg_gradcheck: what the report calls the function */
    wg_engine *engine WG_DEFAULT_;  /* default: the process's engine */
} wg_gradcheck_options;

/* Checks the gradients of a function at `count` inputs: all f64 (and f32) ones that are not held.
 * NULL leaves an input out. Overwrites the report.
 *
 * The analytic Jacobian comes from wg_grad_list with one-hot cotangents, and with a dense one that
 * must agree with their sum. The numeric one comes from central differences at steps h, h/2 and h/4,
 * extrapolated twice (Richardson); h starts near u^(1/7) max(1, |x|), u being the unit roundoff of the
 * coarsest type involved, and shrinks for the elements whose extrapolations do not settle. An entry
 * passes if
 *     |analytic - numeric| <= tolerance max(|analytic|, |numeric|) + t + 6.6 e / h,
 *     e = u (8 + n) (|f_i| + sum_j |x_j df_i/dx_j|),      n = number of real input elements,
 * |f_i| being the largest at the points of the differences, and t what the extrapolations are apart.
 * The gradient for a dense cotangent v must agree with the sum of those for one-hot ones to within the same
 * relative tolerance, and sum_i |v_i| e_i / |x| beside it (|x| of at least 2^-26), and, for what cancels
 * whole, u (8 + n) sum_i |v_i|. Each input gets the same where its gradient alone is asked for, and the cotangents
 * of all outputs of an op give the sum of what each gives; one var that is two of an op's inputs gets the sum of
 * what two get.
 * e bounds the rounding of a value of f made of up to n + 8 roundings of numbers as large as its
 * first-order parts; 6.6 is what the extrapolation makes of it. Where all of an input's gradient is
 * zero, e is 4 u |f_i| and no more. In f32 a tolerance above a tenth of the largest entry tells nothing, and fails:
 * a loss of many f32 inputs is checked by f64 ones. A function whose value is itself what cancelling has left of larger numbers is
 * beyond that bound: scale its parts, or weigh them, before they are summed.
 *
 * An op is evaluated in f32 too, on the same numbers: value and gradient agree with those in f64 to
 *     (8 + n) 2^-24 (|f_i| + sum_j |x_j df_i/dx_j| + f32_cancelled)
 * with the f32_cancelled that the op states, mostly 0; integers, and bools, are the same.
 *
 * Of second order, the Hessian H of sum(w * f(x)) is symmetric too: for random w, and u and v over all
 * inputs,
 *     |u'Hv - v'Hu| <= max(1e-10, r) sum_k (|u_k (Hv)_k| + |v_k (Hu)_k|)
 *                      + r (|w|_1 |u|_2 |v|_2 + sum_k |g_k u_k v_k / x_k|),     r = (8 + n) unit roundoffs,
 * with the gradient g; the last two are for what cancels whole.
 *
 * With `directions`, 20 or more, no Jacobian is made, and time and memory grow with the elements alone: for
 * inputs of training size. For cotangents w and directions v of random signs, g'v, g the gradient of
 * sum(w * f), is held to differences of sum(w * f(x + t v)), within
 *     t + 6.6 * 6 e / h,   e = u sqrt(8 + F) (|f|_2 + sqrt(F sum_j x_j^2 |J_j|^2)),
 * F being the operations an output element, and |J_j| the norm of column j as the cotangents show it. One
 * entry of J that is wrong moves every one of the slopes by as much; h is that of the least tolerance.
 *
 * Never pass: NaN and infinity, in the function as in either Jacobian; a gradient that is missing or
 * has another type than its input; a function without any element to compare, or with another value when it is
 * recorded again. Where the two one-sided
 * derivatives differ whatever the step there is a kink, and the analytic value must lie between them; where
 * they grow as 1/h there is a jump, and 0 will do as well.
 *
 * WG_OK if all agree, WG_ERROR_GRADIENT if not; another status if the check could not be carried out
 * (no memory). Time and memory grow with input elements times output elements. */
WG_API int wg_gradcheck(wg_function *function, void *context, wg_tensor *const *inputs, int count,
                        wg_gradcheck_report *report, const wg_gradcheck_options *options);

/* Checks an op on all of its samples, each real output in turn. An op with WG_BLOCKS passes if wg_grad
 * refuses and names it; one with WG_STOPS if its gradient is zero; one that has no rule and neither flag
 * does not pass. A kernel whose op has an expansion too is held to its value and gradient. With `directions`
 * the op is checked on one of its samples that can be enlarged to some 16,000 elements, or as it is if none can. */
WG_API int wg_gradcheck_op(const wg_op *op, size_t op_size, wg_gradcheck_report *report,
                           const wg_gradcheck_options *options);

/* Writes the report in words: one line, and more about the first failure. */
WG_API void wg_gradcheck_print(FILE *stream, const wg_gradcheck_report *report);

WG_END_C

#define wg_op_samples(op, visit, context) (wg_op_samples)(op, sizeof(wg_op), visit, context)
#define wg_gradcheck(...) wg_gradcheck_(__VA_ARGS__, )
#define wg_gradcheck_(function, context, inputs, count, report, ...)                               \
    (wg_gradcheck)(function, context, inputs, count, report, WG_OPTIONS_(wg_gradcheck_options, __VA_ARGS__))
#define wg_gradcheck_op(...) wg_gradcheck_op_(__VA_ARGS__, )
#define wg_gradcheck_op_(op, report, ...)                                                          \
    (wg_gradcheck_op)(op, sizeof(wg_op), report, WG_OPTIONS_(wg_gradcheck_options, __VA_ARGS__))
#define wg_case_record(...) WG_AT((wg_case_record)(__VA_ARGS__))
#endif
