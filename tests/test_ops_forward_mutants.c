/* test_ops_forward_mutants — a wrong result with a gradient that belongs to it passes any gradient check; the
 * naive definitions must find it. Here results are made wrong, one mistake at a time, and an op computes with
 * an operand in place of another. */
#include "naive.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 21 };

typedef enum mistake {
    SIGN_FLIPPED,
    SCALED,
    DROPPED,
    ELEMENT_DROPPED,
    ELEMENT_NAN,
    ELEMENTS_SWAPPED,
    SHIFTED,
    TRANSPOSED,
    WRONG_AXIS,
    RESULT_MISTAKES
} mistake;
static const char *const names[] = {"sign flipped",        "scaled by 1.001",    "dropped",
                                    "one element dropped", "NaN in one element", "two elements swapped",
                                    "shifted by one",      "transposed",         "summed over an axis"};

/* One op's: by output and mistake, and by operand replaced. */
typedef struct tally {
    wg_tape *tape;
    bool changed[NAIVE_OUTPUTS][RESULT_MISTAKES], found[NAIVE_OUTPUTS][RESULT_MISTAKES];
    bool operand_changed[NAIVE_INPUTS], operand_found[NAIVE_INPUTS];
} tally;

/* --- Mistakes ------------------------------------------------------------------------------------ */

static double of_element(mistake kind, wg_dtype dtype, double x) {
    const bool real = dtype == WG_F32 || dtype == WG_F64;
    if (kind == SIGN_FLIPPED) return dtype == WG_BOOL ? 1 - x : -x;
    if (kind == SCALED) return real ? 1.001 * x : x + 1;
    if (kind == ELEMENT_NAN) return real ? NAN : x;
    return 0;
}

static int64_t transposed(const wg_type *type, int64_t i) {
    int64_t at[WG_MAX_RANK] = {0};
    for (int axis = 0; axis < type->rank; axis++) {
        at[axis] = i % type->extent[axis];
        i /= type->extent[axis];
    }
    return naive_at(type, at);
}

static double sum_over_first_long_axis(const wg_type *type, const double *x, int64_t i) {
    int64_t stride = wg_type_count(type);
    for (int axis = 0; axis < type->rank; axis++) {
        const int64_t extent = type->extent[axis];
        stride /= extent;
        if (extent == 1) continue;
        const int64_t first = i - i / stride % extent * stride;
        double sum = 0;
        for (int64_t k = 0; k < extent; k++) sum += x[first + k * stride];
        return sum;
    }
    return x[i];
}

static double wrong_element(mistake kind, const wg_type *type, const double *x, int64_t i) {
    const int64_t count = wg_type_count(type), one = count * 3 / 7, other = (one + (count + 1) / 2) % count;
    switch (kind) {
    case SIGN_FLIPPED:
    case SCALED:
    case DROPPED:
        return of_element(kind, type->dtype, x[i]);
    case ELEMENT_DROPPED:
    case ELEMENT_NAN:
        return i == one ? of_element(kind, type->dtype, x[i]) : x[i];
    case ELEMENTS_SWAPPED:
        return i == one ? x[other] : i == other ? x[one] : x[i];
    case SHIFTED:
        return x[(i + count - 1) % count];
    case TRANSPOSED:
        return x[transposed(type, i)];
    default:
        return sum_over_first_long_axis(type, x, i);
    }
}

/* --- Comparison ---------------------------------------------------------------------------------- */

static double roundoff(wg_dtype dtype) { return dtype == WG_F32 ? 0x1p-24 : dtype == WG_F64 ? 0x1p-53 : 0; }

static bool alike(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* As test_ops_forward has it. */
static bool agrees(const naive_call *expected, int output, int64_t i, double value) {
    const naive_array *y = &expected->outputs[output];
    if (alike(value, (double)y->value[i])) return true;
    const double least = y->type.dtype == WG_F32 ? 0x1p-147 : y->type.dtype == WG_F64 ? 0x1p-1072 : 0;
    const double bound = roundoff(y->type.dtype) * (double)(expected->roundings * y->size[i]) + least;
    return fabs((double)((naive_real)value - y->value[i])) <= bound;
}

static double *numbers_of(const wg_tensor *tensor) {
    double *x = malloc((size_t)(wg_tensor_count(tensor) + 1) * sizeof *x);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) x[i] = wg_tensor_get(tensor, i);
    return x;
}

static void try_results(tally *t, const naive_call *expected, int output, const wg_tensor *got) {
    const wg_type type = wg_tensor_type(got);
    double *x = numbers_of(got);
    for (mistake kind = 0; kind < RESULT_MISTAKES; kind++)
        for (int64_t i = 0; i < wg_type_count(&type); i++) {
            const double wrong = wrong_element(kind, &type, x, i);
            t->changed[output][kind] |= !alike(wrong, x[i]);
            t->found[output][kind] |= !agrees(expected, output, i, wrong);
        }
    free(x);
}

/* --- The op with an operand in place of another -------------------------------------------------- */

static int evaluate(tally *t, const wg_case *sample, wg_tensor *const *inputs, wg_var *vars) {
    wg_var given[NAIVE_INPUTS + 1];
    for (int i = 0; i < sample->input_count; i++)
        given[i] = inputs[i] ? wg_input(t->tape, inputs[i]) : WG_NONE;
    given[sample->input_count] = (wg_var)WG_END_;
    vars[0] = wg_case_record(t->tape, sample, given);
    for (int output = 1; output < sample->op->outputs; output++) vars[output] = wg_output(vars[0], output);
    vars[sample->op->outputs] = (wg_var)WG_END_;
    return wg_eval_list(vars);
}

static void try_operand(tally *t, const wg_case *sample, wg_tensor *const *inputs, int operand, int other,
                        const naive_call *expected, double *const *right) {
    wg_tensor *wrong[NAIVE_INPUTS];
    wg_var vars[NAIVE_OUTPUTS + 1];
    memcpy(wrong, inputs, sizeof wrong);
    wrong[operand] = inputs[other];
    const int status = evaluate(t, sample, wrong, vars);
    if (status) t->operand_changed[operand] = t->operand_found[operand] = true; /* an index out of range */
    for (int output = 0; output < sample->op->outputs && !status; output++)
        for (int64_t i = 0; i < expected->outputs[output].count; i++) {
            const double value = wg_tensor_get(wg_value(vars[output]), i);
            t->operand_changed[operand] |= !alike(value, right[output][i]);
            t->operand_found[operand] |= !agrees(expected, output, i, value);
        }
    wg_tape_recover(t->tape, NULL);
    wg_tape_clear(t->tape);
}

static bool same_type(const wg_tensor *a, const wg_tensor *b) {
    if (!a || !b) return false;
    const wg_type x = wg_tensor_type(a), y = wg_tensor_type(b);
    return memcmp(&x, &y, sizeof x) == 0;
}

static void try_operands(tally *t, const wg_case *sample, wg_tensor *const *inputs,
                         const naive_call *expected, double *const *right) {
    for (int operand = 0; operand < sample->input_count; operand++)
        for (int other = 0; other < sample->input_count; other++)
            if (other != operand && same_type(inputs[operand], inputs[other]))
                try_operand(t, sample, inputs, operand, other, expected, right);
}

/* --- Every op ------------------------------------------------------------------------------------- */

static int try_case(const wg_case *sample, void *context) {
    tally *t = context;
    wg_tensor *inputs[NAIVE_INPUTS] = {NULL};
    wg_var vars[NAIVE_OUTPUTS + 1];
    double *right[NAIVE_OUTPUTS] = {NULL};
    ck_assert_int_le(sample->input_count, NAIVE_INPUTS);
    for (int i = 0; i < sample->input_count; i++) inputs[i] = wg_case_tensor(sample, i, WG_F64, SEED, NULL);
    naive_call expected;
    naive_evaluate(&expected, sample->op, sample->attributes, inputs, sample->input_count);
    ck_assert_msg(evaluate(t, sample, inputs, vars) == WG_OK, "%s, sample %d: %s", sample->op->name,
                  sample->number, wg_tape_message(t->tape));
    for (int output = 0; output < sample->op->outputs; output++) {
        right[output] = numbers_of(wg_value(vars[output]));
        try_results(t, &expected, output, wg_value(vars[output]));
    }
    wg_tape_clear(t->tape);
    try_operands(t, sample, inputs, &expected, right);
    for (int output = 0; output < sample->op->outputs; output++) free(right[output]);
    for (int i = 0; i < sample->input_count; i++) wg_tensor_free(inputs[i]);
    naive_free(&expected);
    return 0;
}

typedef struct counts {
    int planted, found, equal;
} counts;

/* Adds one mutant to the counts, and says so if it lives. */
static void count(counts *c, const char *op, bool changed, bool found, const char *what, int index) {
    c->planted++;
    c->found += changed && found;
    c->equal += !changed;
    if (changed && !found) printf("%s, %s %d: survived\n", op, what, index);
}

static counts try_op(const wg_op *op, wg_engine *engine) {
    tally t = {.tape = wg_tape_new(.engine = engine)};
    counts c = {0};
    ck_assert_ptr_nonnull(t.tape);
    wg_op_samples(op, try_case, &t);
    wg_tape_free(t.tape);
    for (int output = 0; output < op->outputs; output++)
        for (mistake kind = 0; kind < RESULT_MISTAKES; kind++)
            count(&c, op->name, t.changed[output][kind], t.found[output][kind], names[kind], output);
    for (int i = 0; i < NAIVE_INPUTS; i++)
        if (t.operand_changed[i]) count(&c, op->name, true, t.operand_found[i], "operand replaced", i);
    return c;
}

START_TEST(every_wrong_result_is_found) {
    counts all = {0};
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    ck_assert_ptr_nonnull(engine);
    printf("op\tmutants\tkilled\tequivalent\n");
    for (int i = 0; i < wg_op_count(); i++) {
        const counts c = try_op(wg_op_at(i), engine);
        printf("%s\t%d\t%d\t%d\n", wg_op_at(i)->name, c.planted, c.found, c.equal);
        all.planted += c.planted;
        all.found += c.found;
        all.equal += c.equal;
    }
    wg_engine_free(engine);
    printf("forward mutants: %d planted, %d killed, %d equivalent, %d survived\n", all.planted, all.found,
           all.equal, all.planted - all.found - all.equal);
    fflush(stdout);
    ck_assert_int_gt(all.planted, 8 * wg_op_count());
    ck_assert_int_eq(all.found, all.planted - all.equal);
    ck_assert_int_le(100 * all.equal, 3 * all.planted);
}
END_TEST

WG_SUITE("ops/forward_mutants", every_wrong_result_is_found)
