/* check — what the files of this room share: a function at a point, differences there, the report. */
#ifndef WG_CHECK_CHECK_H
#define WG_CHECK_CHECK_H

#include "base/base.h"
#include <wengert/check.h>

/* --- values.c --------------------------------------------------------------------------------- */

/* A number that depends on all four, uniform over 2^64. */
uint64_t wg_check_bits(uint64_t seed, uint64_t sample, uint64_t input, uint64_t index);
/* The same as a standard normal number. */
double wg_check_normal(uint64_t seed, uint64_t sample, uint64_t input, uint64_t index);

/* --- point.c: a function, and the inputs at which it is looked at ----------------------------- */

typedef struct wg_point {
    wg_tape *tape;
    wg_function *function;
    wg_function *gradient_as; /* whose derivative the gradient is to be; NULL: the function's own */
    void *context;
    int count;
    wg_tensor **inputs; /* dense copies of the caller's; NULL: left out */
    bool *active;       /* is that input differentiated? */
    wg_var *vars;       /* count + 1 of them, closed by WG_END_ */
    wg_var *gradients;  /* the same, of the active inputs */
    wg_type output;     /* of the function's value */
    double unit;        /* roundoff of the coarsest real type among inputs and output */
} wg_point;

/* Copies the inputs and makes a tape. Inputs that are integers or in `held` stay constant. */
int wg_point_open(wg_point *point, wg_function *function, void *context, wg_tensor *const *inputs, int count,
                  uint64_t held, wg_engine *engine, wg_error *error);
void wg_point_close(wg_point *point);

/* The number of elements of the active inputs: columns of the Jacobian. */
int64_t wg_point_columns(const wg_point *point);
/* The number of elements of all real inputs. */
int64_t wg_point_reals(const wg_point *point);

/* The same function of the same numbers, with the f64 inputs in `which` as f32. To be closed in any case. */
int wg_point_single(wg_point *single, const wg_point *point, uint64_t which, wg_error *error);

/* Records the function and finds the type of its value. */
int wg_point_infer(wg_point *point, wg_error *error);
/* The value there of what the gradient belongs to, wg_type_count(&point->output) numbers. */
int wg_point_value(wg_point *point, double *value, wg_error *error);
/* WG_ERROR_GRADIENT where the value is no longer that. again: room for as many numbers. */
int wg_point_repeat(wg_point *point, const double *value, double *again, wg_error *error);
/* Gradients of the sum of seed * value, those of the active inputs one after the other. */
int wg_point_gradient(wg_point *point, const double *seed, double *gradient, wg_error *error);
/* The gradients of the sum of those times `direction`: a product of the Hessian of sum(seed * value). */
int wg_point_curvature(wg_point *point, const double *seed, const double *direction, double *product,
                       wg_error *error);
/* Operations that recording the function amounts to. */
int wg_point_flops(wg_point *point, double *flops, wg_error *error);
/* Is the gradient refused, and where the value is real with `name` in the message? 0 if so. */
int wg_point_refuses(wg_point *point, const char *name, wg_error *error);

/* One element of one input; set rounds to its dtype. */
double wg_point_get(const wg_point *point, int input, int64_t element);
void wg_point_set(wg_point *point, int input, int64_t element, double value);
/* All elements of the active inputs, one input after the other. */
void wg_point_get_all(const wg_point *point, double *x);
void wg_point_set_all(wg_point *point, const double *x);

/* --- difference.c: one column of the Jacobian, numerically ------------------------------------ */

typedef enum wg_verdict {
    WG_UNSETTLED = 0, /* the extrapolations do not agree at any step */
    WG_SMOOTH,
    WG_KINK, /* the one-sided derivatives differ whatever the step */
    WG_JUMP, /* they grow as 1/h */
    WG_NEVER_FINITE
} wg_verdict;

typedef struct wg_difference {
    wg_verdict verdict;
    double derivative;
    double left, right;                        /* one-sided */
    double step;                               /* at which they were taken; 0: none gave numbers so far */
    double truncation;                         /* bound of the derivative's, beside rounding */
    double size;                               /* the largest |f| at x and at the points around */
    double gap, slope;                         /* |right - left|, and the larger of their magnitudes */
    double first_step, first_gap, first_slope; /* these at the longest step that gave numbers */
} wg_difference;

enum { WG_DIFFERENCE_POINTS = 6 }; /* h, h/2 and h/4 to both sides */

/* What rounding errors of size `error` in the function become in wg_difference.derivative. */
double wg_difference_rounding(double error, double step);

/* What rounding makes of f where it is as large as at the points around: `at_x` is its bound at x itself, and
 * `each` that of a number of size 1. */
double wg_difference_error(const wg_difference *difference, double value, double at_x, double each);

/* d value[i] / d (that element) for each i, to about `tolerance` and what error[i] and `each` allow: see
 * wg_difference_error. scratch: WG_DIFFERENCE_POINTS * outputs numbers. */
int wg_difference_column(wg_point *point, int input, int64_t element, const double *value,
                         const double *error, double each, double tolerance, wg_difference *column,
                         double *scratch, wg_error *failure);
/* The same of one output at an eighth of the step that was good for it; it stays as it is where rounding then
 * leaves more in doubt than `tolerance`. */
int wg_difference_shorten(wg_point *point, int input, int64_t element, int64_t output, double value,
                          double error, double each, double tolerance, wg_difference *difference,
                          double *scratch, wg_error *failure);

/* The same of what looks like a jump or does not settle, at shorter and shorter steps: perhaps it is steep.
 */
int wg_difference_sharpen(wg_point *point, int input, int64_t element, int64_t output, double value,
                          double error, double each, double tolerance, wg_difference *difference,
                          double *scratch, wg_error *failure);

/* --- report.c --------------------------------------------------------------------------------- */

/* Counts a failure, and writes it down with its reason if it is the report's first. */
void wg_gradcheck_fail(wg_gradcheck_report *report, const wg_gradcheck_failure *failure, const char *format,
                       ...) WG_PRINTF(3, 4);

/* --- gradcheck.c, jacobian.c ------------------------------------------------------------------ */

/* A check under way. */
typedef struct wg_check {
    wg_gradcheck_options options; /* all of them filled in */
    wg_gradcheck_report *report;
    wg_gradcheck_failure where; /* what all failures of this check share */
    wg_function *gradient_as;   /* see wg_point: of first order */
    uint64_t single;            /* the inputs that take f32 as well; none: no comparison with f32 */
    bool compared;              /* was there an element to compare, of the lower order that was asked for? */
    bool large;                 /* inputs are made larger: no failure where the function is not defined */
    double single_cancelled;    /* see wg_op.f32_cancelled */
    double coarse;              /* a tolerance above this tells nothing */
    int first_input;            /* what the report calls the first input: -1 if that is the cotangent */
    wg_error error;
} wg_check;

/* Reads the options and clears the report. */
int wg_check_open(wg_check *check, wg_gradcheck_report *report, const wg_gradcheck_options *options);
/* What was compared so far, or failed. */
int64_t wg_check_compared(const wg_check *check);
/* The options that do it again, as C. */
void wg_check_options_text(const wg_check *check, char *text, size_t size);
/* What the check amounts to, after `status` of carrying it out. */
int wg_check_close(wg_check *check, int status);

/* Compares the analytic and the numeric Jacobian of a function at its inputs. Adds to the report.
 * Returns a status other than WG_OK only if the check could not be carried out. */
int wg_check_jacobian(wg_check *check, wg_point *point);

/* Checks orders 1 and 2 as the options say. */
int wg_check_orders(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs,
                    int count, uint64_t held);

/* --- symmetry.c ------------------------------------------------------------------------------- */

/* Holds u'Hv to v'Hu, of the Hessian of a weighted sum of the function's elements. As wg_check_jacobian. */
int wg_check_symmetry(wg_check *check, wg_point *point);

/* --- single.c --------------------------------------------------------------------------------- */

/* Holds the function in f32 to its value in f64, whose elements round as numbers of size[i] do.
 * size NULL: of the value itself, which is evaluated here. As wg_check_jacobian. */
int wg_check_single(wg_check *check, wg_point *point, const double *value, const double *size);

/* --- flops.c, directions.c, enlarge.c --------------------------------------------------------- */

/* Operations of all that is on the tape. */
double wg_check_flops(wg_tape *tape);

/* Compares slopes along random directions, as many as the options say. As wg_check_jacobian. */
int wg_check_directions(wg_check *check, wg_point *point);

/* A case with a larger extent in place of one that its shapes have, wherever they have it. */
typedef struct wg_large_case {
    wg_case sample;
    wg_shape *shapes; /* of its inputs */
    wg_sample_input *inputs;
} wg_large_case;

/* Makes it, of the first such extent that the op takes. WG_ERROR_SHAPE: none. To be freed in any case. */
int wg_large_case_of(wg_large_case *large, const wg_case *sample, wg_engine *engine, wg_error *error);
void wg_large_case_free(wg_large_case *large);

/* --- blocked.c -------------------------------------------------------------------------------- */

/* Looks for a derivative by the real ones among the `blocked` inputs, where there is to be none. As
 * wg_check_jacobian. */
int wg_check_blocked(wg_check *check, wg_function *function, void *context, wg_tensor *const *inputs, int count,
                     uint64_t blocked);

/* --- parts.c ---------------------------------------------------------------------------------- */

/* Asks for each input's gradient alone, for the cotangent `seed` for which that of all is `gradient`. */
int wg_check_alone(wg_check *check, wg_point *point, const double *seed, const double *gradient);
/* Gives a case one var as two inputs, of the first two that are alike in type; differentiates output 0. As
 * wg_check_jacobian. */
int wg_check_shared(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, uint64_t held);
/* Differentiates several outputs of a case at once, those of the bits in `real`. As wg_check_jacobian. */
int wg_check_together(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, unsigned real);

/* --- expansion.c ------------------------------------------------------------------------------ */

/* Holds output 0 of a case whose op has a kernel and an expansion to the expansion. As wg_check_jacobian. */
int wg_check_expansion(wg_check *check, const wg_case *sample, wg_tensor *const *inputs, uint64_t held);

#endif
