/* tape — record operations, differentiate them, evaluate.
 *
 *     wg_tape *tape = wg_tape_new();
 *     wg_var x = wg_scalar(tape, 3.0), y = wg_mul(x, wg_sin(x));
 *     wg_var dy = wg_grad(y, x);
 *     wg_eval(y, dy);
 *     printf("%g %g\n", wg_item(y), wg_item(dy));
 *     wg_tape_free(tape);
 *
 * Errors are values. The first one sticks to the tape; all later calls on it are harmless: ops
 * return an invalid var, wg_eval the error's status, wg_item NaN, wg_value NULL.
 * wg_tape_recover reads the error and heals the tape. A tape belongs to one thread at a time. */
#ifndef WENGERT_TAPE_H
#define WENGERT_TAPE_H

#include <stdio.h>
#include <wengert/base.h>
#include <wengert/engine.h>
#include <wengert/tensor.h>

WG_BEGIN_C

typedef struct wg_tape wg_tape;
typedef struct wg_state wg_state;

/* A value on a tape. Small, passed by value; valid until its tape is cleared. */
typedef struct wg_var {
    wg_tape *tape;
    uint32_t id, epoch;
} wg_var;

/* No var at all: an input left out, a cotangent that is zero. */
#ifdef __cplusplus
#define WG_NONE (wg_var{nullptr, 0, 0})
#else
#define WG_NONE ((wg_var){0, 0, 0})
#endif
#define WG_END_ {0, UINT32_MAX, 0}

/* Every node that the expression recorded and that has no line yet gets this file and line; so
 * does an error that the expression raised. Each op's macro does this; for a call through a
 * function pointer write WG_AT(function(x)). */
#ifdef WG_INTERNAL /* inside the library a node's line is that of the program's call */
#define WG_AT(expression) (expression)
#else
#define WG_AT(expression) wg_at_((expression), __FILE__, __LINE__)
#endif
WG_API wg_var wg_at_(wg_var result, const char *file, int line);

/* --- Life ------------------------------------------------------------------------------------ */

typedef struct wg_tape_options {
    WG_OPTIONS_HEAD;
    wg_engine *engine WG_DEFAULT_; /* default: the process's engine */
} wg_tape_options;

WG_API wg_tape *wg_tape_new(const wg_tape_options *options) WG_MUST_USE; /* NULL: no memory, or no engine */
WG_API void wg_tape_free(wg_tape *tape);                                 /* NULL is harmless */

/* Forgets all nodes and values, lets go of inputs, keeps the memory for the next recording. Vars
 * from before become stale. Does not swallow an error: see wg_tape_recover. */
WG_API void wg_tape_clear(wg_tape *tape);

/* --- Leaves ---------------------------------------------------------------------------------- */

/* The tensor as a var. The tape holds a reference until it is cleared; what stands in the memory
 * when the tape is evaluated counts. */
WG_API wg_var wg_input(wg_tape *tape, wg_tensor *tensor);

/* A number: f64, and weak: where it meets a tensor it takes the tensor's dtype. */
WG_API wg_var wg_scalar(wg_tape *tape, double value);

/* A small dense array, copied onto the tape. */
WG_API wg_var wg_array(wg_tape *tape, wg_dtype dtype, const wg_shape *shape, const void *data);

/* Every element `value`, converted to dtype. */
WG_API wg_var wg_full(wg_tape *tape, wg_dtype dtype, const wg_shape *shape, double value);

/* --- State: the one thing that changes ------------------------------------------------------- */

/* A state holds a tensor from one evaluation to the next. It starts with a copy of `initial`, the
 * caller its owner; tapes that read it keep it alive. NULL: no memory, or `initial` is NULL. */
WG_API wg_state *wg_state_new(const wg_tensor *initial, wg_error *error) WG_MUST_USE;
WG_API wg_state *wg_state_retain(wg_state *state);
WG_API void wg_state_free(wg_state *state);

/* What it holds now; belongs to the state, dense. */
WG_API const wg_tensor *wg_state_tensor(const wg_state *state);

/* Grows with each change: while it stays the same, so does what the state holds. Of NULL 0. */
WG_API uint64_t wg_state_version(const wg_state *state);

/* Replaces what it holds by `tensor`, of the same dtype and shape. A tape that has read the old
 * content and not evaluated it finds WG_ERROR_STALE. */
WG_API int wg_state_set(wg_state *state, const wg_tensor *tensor, wg_error *error);

/* The state's content as a var. */
WG_API wg_var wg_read(wg_tape *tape, wg_state *state);

/* From the next evaluation on the state holds `value`, of the same dtype and shape. Assigns
 * happen together, after everything that the evaluation reads, and only if all of it succeeded.
 * A state is assigned at most once between evaluations. Returns a wg_status, which sticks to the
 * tape as well. */
WG_API int wg_assign(wg_state *state, wg_var value);
WG_API int wg_assign_at_(wg_state *state, wg_var value, const char *file, int line);

/* The next evaluation that carries out assigns evaluates this var too: if it fails (wg_check_finite),
 * nothing is assigned. Returns a wg_status. */
WG_API int wg_guard(wg_var check);

/* --- Differentiate --------------------------------------------------------------------------- */

/* dy/dx for a y of one element, recorded on the tape: differentiable again, to any order. Zeros
 * where y does not depend on x. Fails where x has integers, or where every path from x to y is
 * blocked by an op that has no gradient; the error names that op. */
WG_API wg_var wg_grad(wg_var y, wg_var x);

/* The same for `count` inputs in one pass, with the cotangent `seed` of y's shape (WG_NONE: one,
 * for a y of one element). Writes gradients[i], invalid vars on failure; returns a wg_status. */
WG_API int wg_grad_list(wg_var y, wg_var seed, const wg_var *inputs, int count, wg_var *gradients);
WG_API int wg_grad_list_at_(wg_var y, wg_var seed, const wg_var *inputs, int count, wg_var *gradients,
                            const char *file, int line);

/* What leads from x to y. "No gradient" is not "zero gradient". */
typedef enum wg_connection {
    WG_CONNECTED = 0, /* a differentiable path */
    WG_INDEPENDENT,   /* no path at all: the gradient is zero */
    WG_STOPPED,       /* only paths through stop_gradient: the gradient is zero */
    WG_BLOCKED        /* only paths through an op without gradient: wg_grad fails */
} wg_connection;
WG_API wg_connection wg_connection_of(wg_var y, wg_var x);

/* Does a gradient flow from y to x, on any path? Writes what stands in the way into `report`, a line each, cut
 * off after `size` bytes (NULL and 0: nothing is written): "argmax, recorded at main.c:41, has none". A true
 * answer has lines as well, if other paths are cut; what an op does inside is no obstacle where the op has a gradient.
 * Nothing is recorded or run. */
WG_API bool wg_differentiable(wg_var y, wg_var x, char *report, size_t size);

/* A region with a gradient of the program's own, for what is faster or more accurate than the chain rule makes
 * it, or is no derivative at all. `forward` records it on `inputs`, a list closed by WG_END_, as it gets them:
 * what it captures beside them has no gradient, and asking for that is an error. `backward` is called whenever
 * the value y is differentiated: from dy it records a gradient of each input, of the input's type, and puts it
 * into gradients[i], which is WG_NONE at first: zero. What it records is differentiated like anything else, but it
 * may neither differentiate nor evaluate itself. The context is handed to both, and must be there until the tape is
 * cleared. At most 62 inputs.
 *
 *     static wg_var forward(wg_tape *tape, const wg_var *x, void *context) {
 *         return wg_log(wg_add(x[0], x[1]));
 *     }
 *     static void backward(wg_tape *tape, const wg_var *x, wg_var y, wg_var dy, wg_var *gradients,
 *                          void *context) {
 *         gradients[0] = gradients[1] = wg_mul(dy, wg_exp(wg_neg(y)));
 *     }
 *     wg_var y = wg_own_gradient(WG_VARS(a, b), forward, backward, NULL); */
typedef wg_var wg_region(wg_tape *tape, const wg_var *inputs, void *context);
typedef void wg_region_backward(wg_tape *tape, const wg_var *inputs, wg_var y, wg_var dy, wg_var *gradients,
                                void *context);
WG_API wg_var wg_own_gradient(const wg_var *inputs, wg_region *forward, wg_region_backward *backward,
                              void *context);

/* --- Evaluate -------------------------------------------------------------------------------- */

/* Evaluates the vars, one at least, and carries out all assigns recorded since the last evaluation. Values of the
 * vars can be read until the next evaluation or clear. Returns the tape's wg_status. */
WG_API int wg_eval_list(const wg_var *vars);

/* The same without carrying out assigns. */
WG_API int wg_peek_list(const wg_var *vars);

/* Plans what wg_eval of the same vars would do, without doing it and without taking memory for it: wg_plan_report and
 * the like then tell of this plan, and wg_eval finds it again. Values of earlier evaluations that are not kept are let
 * go, as by wg_eval. Returns a wg_status. */
WG_API int wg_prepare_list(const wg_var *vars);

/* Does the latest evaluation once more, from what inputs and states hold now: the same vars, the same assigns, no
 * recording, no planning. Kept values that it started from count as they are. The tape must not have been cleared
 * since. After a failure nothing has been assigned, and once the tape is healed it can be done again. Returns a
 * wg_status. */
WG_API int wg_rerun(wg_tape *tape);

/* From now on the input stands for this tensor, of the same dtype and shape, which the tape holds by reference. Values
 * that exist already do not change. For wg_rerun the tensor may not lie in a state that the evaluation assigns, unless
 * an input did so when it was recorded. Returns a wg_status. */
WG_API int wg_bind(wg_var input, wg_tensor *tensor);

/* While a plan runs the tape asks `should_stop`, on the thread that evaluates, between its parts; true ends the
 * evaluation with WG_ERROR_STOPPED, no state changed. It is asked for the last time before the first state changes,
 * and must leave the tape and what the evaluation reads and writes alone. NULL: nobody is asked. */
WG_API void wg_set_stop(wg_tape *tape, bool (*should_stop)(void *context), void *context);

/* From now on evaluating the tape is an error, which says that `who` may only record: around a call of a function of
 * the program's that is to do no more. The text must last. NULL: it may be evaluated again. Returns what was set
 * before, to be set again afterwards. */
WG_API const char *wg_record_only(wg_tape *tape, const char *who);

/* Keeps the var's value, once evaluated, until the tape is cleared; later evaluations start from it. */
WG_API wg_var wg_keep(wg_var var);

/* The var's value; belongs to the tape, dense. NULL if it has none. */
WG_API const wg_tensor *wg_value(wg_var var);

/* The value of a var of one element. NaN if it has none or has more elements. */
WG_API double wg_item(wg_var var);

/* --- Ask ------------------------------------------------------------------------------------- */

WG_API bool wg_valid(wg_var var);      /* of a live tape without error, not stale */
WG_API wg_type wg_type_of(wg_var var); /* of an invalid var: no dtype, rank 0 */

/* A line of text: op, shape, dtype, scope, file:line, value if it has one. Belongs to the tape,
 * until its next call. */
WG_API const char *wg_describe(wg_var var);

/* Nodes recorded since the last clear, and the bytes that the tape holds for them. */
WG_API uint32_t wg_tape_nodes(const wg_tape *tape);
WG_API size_t wg_tape_bytes(const wg_tape *tape);
WG_API wg_engine *wg_tape_engine(const wg_tape *tape);

/* --- Scopes ---------------------------------------------------------------------------------- */

/* Names what is recorded until the matching wg_scope_end: "block1" inside "encoder" makes
 * "encoder/block1". Parameters and random ops take their path from it. */
WG_API void wg_scope(wg_tape *tape, const char *name);
WG_API void wg_scope_end(wg_tape *tape);
WG_API const char *wg_scope_path(const wg_tape *tape); /* "encoder/block1"; "" outside any */

/* True when the tape meets the path for the first time since it was cleared: what draws random numbers
 * by a name asks it, so that no two draw the same by mistake. False on a failed tape. */
WG_API bool wg_name_once(wg_tape *tape, const char *path);

/* --- Errors ---------------------------------------------------------------------------------- */

WG_API int wg_tape_status(const wg_tape *tape);          /* 0, or the error's; of NULL: WG_ERROR_MEMORY */
WG_API const char *wg_tape_message(const wg_tape *tape); /* "" without error */

/* Copies the error out (NULL: just forgets it) and heals the tape; returns the status it had. Vars
 * recorded before the error stay valid. Of NULL: why there is no tape, as far as can be told. */
WG_API int wg_tape_recover(wg_tape *tape, wg_error *error);

/* Writes "error: MESSAGE\n" to the stream, heals the tape, returns the status: the end of main. */
WG_API int wg_report(FILE *stream, wg_tape *tape);

/* Records an error on the tape, if it has none yet: for layers and functions of your own. Returns an
 * invalid var. */
WG_API wg_var wg_fail(wg_tape *tape, int status, const char *format, ...) WG_PRINTF(3, 4);

WG_END_C

#define wg_tape_new(...) (wg_tape_new)(WG_OPTIONS_(wg_tape_options, __VA_ARGS__))
#define wg_input(...) WG_AT((wg_input)(__VA_ARGS__))
#define wg_scalar(...) WG_AT((wg_scalar)(__VA_ARGS__))
#define wg_array(...) WG_AT((wg_array)(__VA_ARGS__))
#define wg_full(...) WG_AT((wg_full)(__VA_ARGS__))
#define wg_read(...) WG_AT((wg_read)(__VA_ARGS__))
#define wg_grad(...) WG_AT((wg_grad)(__VA_ARGS__))
#define wg_keep(...) WG_AT((wg_keep)(__VA_ARGS__))
#define wg_own_gradient(...) WG_AT((wg_own_gradient)(__VA_ARGS__))
#ifndef WG_INTERNAL
#define wg_assign(...) wg_assign_at_(__VA_ARGS__, __FILE__, __LINE__)
#define wg_grad_list(...) wg_grad_list_at_(__VA_ARGS__, __FILE__, __LINE__)
#endif
#ifdef __cplusplus
template <class... V> static inline int wg_eval(V... vars) {
    const wg_var list[] = {vars..., WG_END_};
    return wg_eval_list(list);
}
template <class... V> static inline int wg_prepare(V... vars) {
    const wg_var list[] = {vars..., WG_END_};
    return wg_prepare_list(list);
}
template <class... V> static inline int wg_peek(V... vars) {
    const wg_var list[] = {vars..., WG_END_};
    return wg_peek_list(list);
}
#else
#define WG_VARS(...) ((const wg_var[]){__VA_ARGS__, WG_END_})
#define wg_eval(...) wg_eval_list(WG_VARS(__VA_ARGS__))
#define wg_peek(...) wg_peek_list(WG_VARS(__VA_ARGS__))
#define wg_prepare(...) wg_prepare_list(WG_VARS(__VA_ARGS__))
#endif
#endif
