/* test_ops_forward — every op of the registry computes what its definition says, on each of its samples. */
#include "naive.h"
#include "suite.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { SEED = 20, LEAST_SAMPLES = 10 };

typedef struct {
    wg_tape *tape;
    wg_dtype real; /* the dtype of inputs that name none */
    int samples, evaluations;
    int64_t elements;
    double largest_error; /* of |result - definition| / bound */
    int wrong;
} progress;

/* Says what is wrong; the test goes on, so that one run shows all there is. */
static void complain(progress *so_far, const wg_case *sample, const char *format, ...) WG_PRINTF(3, 4);
static void complain(progress *so_far, const wg_case *sample, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("%s, sample %d in %s: ", sample->op->name, sample->number, wg_dtype_name(so_far->real));
    vprintf(format, arguments);
    printf("\n");
    va_end(arguments);
    so_far->wrong++;
}

/* The same numbers in memory where they lie apart, the first axis backwards. */
static wg_tensor *spread(const wg_tensor *dense, void **memory) {
    const wg_type type = wg_tensor_type(dense);
    const size_t size = wg_dtype_size(type.dtype);
    int64_t strides[WG_MAX_RANK], at = 0;
    wg_shape shape = {{0}};
    *memory = calloc((size_t)(2 * wg_tensor_count(dense) + 2), size);
    ck_assert_ptr_nonnull(*memory);
    for (int axis = 0; axis < type.rank; axis++) {
        shape.extent[axis] = type.extent[axis];
        strides[axis] = 2 * wg_tensor_stride(dense, axis);
    }
    shape.extent[type.rank] = INT64_MIN;
    if (type.rank && type.extent[0] > 1) {
        at = strides[0] * (type.extent[0] - 1);
        strides[0] = -strides[0];
    }
    char *origin = (char *)*memory + (size_t)at * size;
    for (naive_index i = naive_first(&type); i.more; naive_next(&i)) {
        int64_t place = 0;
        for (int axis = 0; axis < type.rank; axis++) place += i.at[axis] * strides[axis];
        memcpy(origin + place * (int64_t)size, (const char *)wg_tensor_data(dense) + (size_t)i.number * size,
               size);
    }
    wg_tensor *tensor = wg_tensor_over(type.dtype, &shape, origin, NULL, .strides = strides);
    ck_assert_ptr_nonnull(tensor);
    return tensor;
}

static double roundoff(wg_dtype dtype) { return dtype == WG_F32 ? 0x1p-24 : dtype == WG_F64 ? 0x1p-53 : 0; }

static void compare(progress *so_far, const wg_case *sample, int output, const naive_call *expected,
                    const wg_tensor *got) {
    const naive_array *y = &expected->outputs[output];
    const wg_type type = wg_tensor_type(got);
    if (memcmp(&type, &y->type, sizeof type)) {
        complain(so_far, sample, "output %d has another type", output);
        return;
    }
    const double least = type.dtype == WG_F32 ? 0x1p-147 : type.dtype == WG_F64 ? 0x1p-1072 : 0;
    for (int64_t i = 0; i < y->count; i++) {
        const double value = wg_tensor_get(got, i), wanted = (double)y->value[i];
        const double bound = roundoff(type.dtype) * (double)(expected->roundings * y->size[i]) + least;
        so_far->elements++;
        if (value == wanted || (isnan(value) && isnan(wanted))) continue;
        const double off = fabs((double)((naive_real)value - y->value[i]));
        so_far->largest_error = fmax(so_far->largest_error, off / bound);
        if (!(off <= bound))
            complain(so_far, sample, "element %lld of output %d is %.17g, not %.17g within %g", (long long)i,
                     output, value, wanted, bound);
    }
}

/* Does the definition itself give something that is no number? */
static bool undefined(const naive_call *expected, int outputs) {
    for (int output = 0; output < outputs; output++)
        for (int64_t i = 0; i < expected->outputs[output].count; i++)
            if (!isfinite((double)expected->outputs[output].value[i])) return true;
    return false;
}

static void hold_against_definition(progress *so_far, const wg_case *sample, wg_tensor *const *inputs,
                                    wg_var y) {
    const wg_op *op = sample->op;
    naive_call expected;
    naive_evaluate(&expected, op, sample->attributes, inputs, sample->input_count);
    wg_var vars[NAIVE_OUTPUTS + 1] = {y};
    for (int output = 1; output < op->outputs; output++) vars[output] = wg_output(y, output);
    vars[op->outputs] = (wg_var)WG_END_;
    const bool real = so_far->real == WG_F32 || so_far->real == WG_F64;
    if (wg_eval_list(vars) == WG_OK) {
        for (int output = 0; output < op->outputs; output++)
            compare(so_far, sample, output, &expected, wg_value(vars[output]));
        so_far->evaluations++;
    } else if (real || !undefined(&expected, op->outputs)) { /* whole numbers may be divided by 0 */
        complain(so_far, sample, "%s", wg_tape_message(so_far->tape));
    }
    wg_tape_recover(so_far->tape, NULL);
    naive_free(&expected);
}

static bool names_all_dtypes(const wg_case *sample) {
    for (int i = 0; i < sample->input_count; i++)
        if (!sample->inputs[i].dtype && !sample->inputs[i].absent) return false;
    return true;
}

/* Inputs of every other sample lie apart in memory. */
static int try_case(const wg_case *sample, void *context) {
    progress *so_far = context;
    so_far->samples++;
    if (so_far->real != WG_F64 && names_all_dtypes(sample)) return 0;
    wg_tensor *inputs[NAIVE_INPUTS + 1] = {NULL}, *given[NAIVE_INPUTS + 1] = {NULL};
    void *memory[NAIVE_INPUTS + 1] = {NULL};
    wg_var vars[NAIVE_INPUTS + 1];
    ck_assert_int_le(sample->input_count, NAIVE_INPUTS);
    for (int i = 0; i < sample->input_count; i++) {
        wg_error error = {0};
        inputs[i] = wg_case_tensor(sample, i, so_far->real, SEED, &error);
        ck_assert_msg(inputs[i] || sample->inputs[i].absent, "%s: %s", sample->op->name, error.message);
        if (inputs[i])
            given[i] = sample->number % 2 ? wg_tensor_retain(inputs[i]) : spread(inputs[i], &memory[i]);
        vars[i] = given[i] ? wg_input(so_far->tape, given[i]) : WG_NONE;
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    wg_var y = wg_case_record(so_far->tape, sample, vars);
    const bool real = so_far->real == WG_F32 || so_far->real == WG_F64;
    if (wg_tape_status(so_far->tape) == WG_ERROR_DTYPE && !real)
        wg_tape_recover(so_far->tape, NULL); /* an op for real numbers only */
    else
        hold_against_definition(so_far, sample, inputs, y);
    wg_tape_clear(so_far->tape);
    for (int i = 0; i < sample->input_count; i++) {
        wg_tensor_free(given[i]);
        wg_tensor_free(inputs[i]);
        free(memory[i]);
    }
    return 0;
}

/* All ops in one dtype; prints a line an op. Returns how many ops took it. */
static int try_all(wg_dtype real) {
    int taken = 0, wrong = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        progress so_far = {.tape = wg_tape_new(), .real = real};
        ck_assert_ptr_nonnull(so_far.tape);
        wg_op_samples(op, try_case, &so_far);
        wg_tape_free(so_far.tape);
        wrong += so_far.wrong;
        ck_assert_msg(so_far.samples >= LEAST_SAMPLES, "%s has %d samples", op->name, so_far.samples);
        taken += so_far.evaluations > 0;
        if (so_far.evaluations)
            printf("%-4s %-24s %3d samples %8lld elements   largest error %.3f of the bound\n",
                   wg_dtype_name(real), op->name, so_far.evaluations, (long long)so_far.elements,
                   so_far.largest_error);
    }
    fflush(stdout);
    ck_assert_int_eq(wrong, 0);
    return taken;
}

START_TEST(every_op_has_a_naive_counterpart) {
    ck_assert_int_gt(wg_op_count(), 0);
    for (int i = 0; i < wg_op_count(); i++)
        ck_assert_msg(naive_find(wg_op_at(i)->name) != NULL, "%s has no naive evaluation", wg_op_at(i)->name);
}
END_TEST

START_TEST(every_op_gives_in_f64_what_its_definition_says) {
    ck_assert_int_eq(try_all(WG_F64), wg_op_count());
}
END_TEST

START_TEST(every_op_gives_in_f32_what_its_definition_says) {
    ck_assert_int_gt(try_all(WG_F32), wg_op_count() / 2);
}
END_TEST

START_TEST(ops_of_whole_numbers_are_exact) {
    ck_assert_int_gt(try_all(WG_I32), 5);
    ck_assert_int_gt(try_all(WG_I64), 5);
}
END_TEST

WG_SUITE("ops/forward", every_op_has_a_naive_counterpart, every_op_gives_in_f64_what_its_definition_says,
         every_op_gives_in_f32_what_its_definition_says, ops_of_whole_numbers_are_exact)
