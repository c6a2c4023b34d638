/* test_check_naive — gradients against differences of the naive definitions, to 1e-12 where an op is smooth.
 * Neither the kernels nor the rules of the library have a part in what they are held to.
 *
 * Definitions are in long double, of 64 bits. Central differences at h, h/2, h/4 and h/8, extrapolated three
 * times (Richardson), are off by O(h^8) and by about 2^-64 / (h/8): of 1e-15 with h = 1/128. An element whose
 * extrapolations do not come to within 1e-12 at any step is left out, and counted: it lies at a kink or near
 * one. */
#include "naive.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 20, MOST_COLUMNS = 20, LEVELS = 4, STEPS = 4 };
#define TOLERANCE 1e-12L

typedef struct {
    const wg_case *sample;
    int output;
    naive_call *call; /* at x */
    const double *w;  /* the cotangent */
    int64_t compared, unsettled;
    int wrong;
    double largest_error; /* in tolerances */
} progress;

/* Bound of the definition's own rounding of element i. */
static naive_real rounding(const naive_call *call, int output, int64_t i) {
    return 0x1p-64L * (call->roundings + 1) * call->outputs[output].size[i];
}

static void evaluate(naive_call *call) {
    for (int i = 0; i < NAIVE_OUTPUTS; i++) {
        free(call->outputs[i].value);
        free(call->outputs[i].size);
        call->outputs[i] = (naive_array){.count = 0};
    }
    call->roundings = 1;
    naive_find(call->op->name)(call);
}

typedef struct {
    naive_real value, size, doubt; /* of sum w f', of its terms' magnitudes, and what is in doubt */
} slope;

/* f at x, and at x + side h / 2^level, of one element. */
typedef struct {
    naive_real middle, at[2][LEVELS], error;
} values;

/* Adds w f'. */
static void add_slope(slope *s, const values *f, naive_real h, naive_real w) {
    naive_real r[LEVELS], right[LEVELS], left[LEVELS], before = 0;
    bool moves = false;
    for (int level = 0; level < LEVELS; level++) {
        const naive_real step = h / (1 << level);
        right[level] = (f->at[1][level] - f->middle) / step;
        left[level] = (f->middle - f->at[0][level]) / step;
        r[level] = (f->at[1][level] - f->at[0][level]) / (2 * step);
        moves = moves || right[level] != 0 || left[level] != 0;
    }
    if (!moves) return;
    for (int times = 1, power = 4; times < LEVELS; times++, power *= 4) {
        before = r[1];
        for (int level = 0; level < LEVELS - times; level++)
            r[level] = (power * r[level + 1] - r[level]) / (power - 1);
    }
    s->value += w * r[0];
    s->size += fabsl(w * r[0]);
    s->doubt += fabsl(w) * (fabsl(r[0] - before) + 2 * f->error / (h / (1 << (LEVELS - 1))));
    const naive_real gap =
        2 * (right[LEVELS - 1] - left[LEVELS - 1]) - (right[LEVELS - 2] - left[LEVELS - 2]);
    if (fabsl(gap) > 1e-3L * (fabsl(right[LEVELS - 1]) + fabsl(left[LEVELS - 1])))
        s->doubt = INFINITY; /* a kink */
}

/* d sum(w f) / d *x at step h. */
static slope slope_at(progress *p, naive_real *x, naive_real h) {
    const int64_t count = p->call->outputs[p->output].count;
    const naive_real middle = *x;
    values *f = calloc((size_t)count + 1, sizeof *f);
    if (!f) ck_abort_msg("out of memory");
    for (int point = -1; point < 2 * LEVELS; point++) {
        if (point >= 0) *x = middle + (point % 2 ? h : -h) / (1 << point / 2);
        evaluate(p->call);
        for (int64_t i = 0; i < count; i++) {
            *(point < 0 ? &f[i].middle : &f[i].at[point % 2][point / 2]) =
                p->call->outputs[p->output].value[i];
            f[i].error = fmaxl(f[i].error, rounding(p->call, p->output, i));
        }
        *x = middle;
    }
    slope s = {0, 0, 0};
    for (int64_t i = 0; i < count; i++) add_slope(&s, &f[i], h, p->w[i]);
    free(f);
    return s;
}

static void compare(progress *p, int input, int64_t element, double gradient) {
    naive_real *x = &p->call->inputs[input].value[element];
    naive_real h = 0x1p-7L * (fabsl(*x) > 1 ? ldexpl(1, ilogbl(*x)) : 1);
    for (int step = 0; step < STEPS; step++, h /= 8) {
        const slope s = slope_at(p, x, h);
        if (!(s.doubt <= TOLERANCE * s.size)) continue;
        const naive_real off = fabsl(gradient - s.value), bound = TOLERANCE * s.size + s.doubt;
        p->compared++;
        if (s.size > 0) p->largest_error = fmax(p->largest_error, (double)(off / bound));
        if (!(off <= bound) && p->wrong++ < 3)
            printf("%s, sample %d, output %d: for element %lld of input %d the gradient is %.17g, its "
                   "definition's %.17Lg, off by %.3Lg, more than %.3Lg\n",
                   p->sample->op->name, p->sample->number, p->output, (long long)element, input, gradient,
                   s.value, off, bound);
        return;
    }
    p->unsettled++;
}

/* --- What the rules say ----------------------------------------------------------------------------------
 */

/* A cotangent of normal size that no symmetry cancels. */
static wg_var cotangent(wg_tape *tape, const wg_type *type, double **numbers) {
    wg_tensor *tensor = wg_tensor_of_type(type, NULL);
    ck_assert_ptr_nonnull(tensor);
    double *w = wg_tensor_writable(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++)
        w[i] = (i % 3 == 1 ? -1 : 1) * (0.75 + (double)(i * 5 % 13) / 8);
    *numbers = malloc((size_t)wg_tensor_count(tensor) * sizeof **numbers + 1);
    ck_assert_ptr_nonnull(*numbers);
    memcpy(*numbers, w, (size_t)wg_tensor_count(tensor) * sizeof *w);
    wg_var var = wg_input(tape, tensor);
    wg_tensor_free(tensor);
    return var;
}

/* Gradients of one output for the inputs that have one. */
static void compare_output(progress *p, wg_tape *tape, wg_tensor *const *inputs) {
    const wg_case *sample = p->sample;
    wg_var vars[NAIVE_INPUTS + 1], wanted[NAIVE_INPUTS], gradients[NAIVE_INPUTS + 1];
    int which[NAIVE_INPUTS], count = 0;
    wg_tape_clear(tape);
    for (int i = 0; i < sample->input_count; i++) {
        vars[i] = inputs[i] ? wg_input(tape, inputs[i]) : WG_NONE;
        if (!inputs[i] || wg_tensor_type(inputs[i]).dtype != WG_F64 || sample->op->blocked_inputs >> i & 1)
            continue;
        which[count] = i;
        wanted[count++] = vars[i];
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    wg_var y = wg_case_record(tape, sample, vars);
    if (p->output) y = wg_output(y, p->output);
    const wg_type type = wg_type_of(y);
    if (type.dtype != WG_F64 || !count) return;
    double *w;
    wg_grad_list(y, cotangent(tape, &type, &w), wanted, count, gradients);
    gradients[count] = (wg_var)WG_END_;
    wg_eval_list(gradients);
    ck_assert_msg(wg_tape_status(tape) == WG_OK, "%s, sample %d: %s", sample->op->name, sample->number,
                  wg_tape_message(tape));
    p->w = w;
    for (int k = 0; k < count; k++)
        for (int64_t i = 0; i < wg_tensor_count(inputs[which[k]]); i++)
            compare(p, which[k], i, wg_tensor_get(wg_value(gradients[k]), i));
    free(w);
}

static wg_tape *tape;
static wg_engine *engine;

static void make_tape(void) {
    engine = wg_engine_new(NULL, .threads = 1); /* the values are small: threads would only wait */
    tape = wg_tape_new(.engine = engine);
    ck_assert_ptr_nonnull(tape);
}
static void free_tape(void) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

static int compare_case(const wg_case *sample, void *context) {
    progress *p = context;
    wg_tensor *inputs[NAIVE_INPUTS + 1] = {NULL};
    int64_t columns = 0;
    ck_assert_int_le(sample->input_count, NAIVE_INPUTS);
    for (int i = 0; i < sample->input_count; i++) {
        inputs[i] = wg_case_tensor(sample, i, WG_F64, SEED, NULL);
        columns += inputs[i] ? wg_tensor_count(inputs[i]) : 0;
    }
    p->sample = sample;
    if (columns && columns <= MOST_COLUMNS) {
        naive_call call;
        naive_evaluate(&call, sample->op, sample->attributes, inputs, sample->input_count);
        p->call = &call;
        for (p->output = 0; p->output < sample->op->outputs; p->output++) compare_output(p, tape, inputs);
        naive_free(&call);
    }
    for (int i = 0; i < sample->input_count; i++) wg_tensor_free(inputs[i]);
    return 0;
}

START_TEST(gradients_are_those_of_the_definitions_to_12_digits) {
    int ops = 0, wrong = 0;
    int64_t compared = 0, unsettled = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        progress p = {.wrong = 0};
        if (op->flags & (WG_BLOCKS | WG_STOPS) || op->gradient_as || !naive_find(op->name)) continue;
        wg_op_samples(op, compare_case, &p);
        printf("%-24s %7lld compared %6lld not smooth   largest error %.3f of the tolerance\n", op->name,
               (long long)p.compared, (long long)p.unsettled, p.largest_error);
        fflush(stdout);
        ops += p.compared > 0;
        wrong += p.wrong;
        compared += p.compared;
        unsettled += p.unsettled;
    }
    printf("%d ops, %lld elements of gradients compared, %lld not smooth there, %d wrong\n", ops,
           (long long)compared, (long long)unsettled, wrong);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_ge(ops, 200);
    ck_assert_int_le(unsettled, compared / 10);
}
END_TEST

/* sin with a rule that is off in the eleventh digit. */
static void nearly_cosine(wg_rule *rule) {
    wg_var factor = wg_mul(wg_cos(rule->inputs[0]), wg_scalar(rule->tape, 1 + 1e-11));
    wg_rule_set(rule, 0, wg_mul(rule->cotangents[0], factor));
}

START_TEST(a_rule_that_is_off_in_the_eleventh_digit_is_found) {
    wg_op op = *wg_op_find("sin");
    progress right = {.wrong = 0}, off = {.wrong = 0};
    wg_op_samples(&op, compare_case, &right);
    op.backward = nearly_cosine;
    wg_op_samples(&op, compare_case, &off);
    ck_assert_int_eq(right.wrong, 0);
    ck_assert_int_gt(right.compared, 0);
    ck_assert_int_eq(off.wrong, off.compared);
    ck_assert_int_eq(off.compared, right.compared);
}
END_TEST

WG_SUITE_WITH("check/naive", make_tape, free_tape, gradients_are_those_of_the_definitions_to_12_digits,
              a_rule_that_is_off_in_the_eleventh_digit_is_found)
