/* Rewrites of the lowered graph: what they save, and that they save nothing that is needed. */
#include "suite.h"
#include "tape/tape.h"
#include <stdio.h>
#include <wengert/plan.h>

static wg_tape *tape_with(wg_engine **engine, const char *disable) {
    *engine = wg_engine_new(NULL, .threads = 2, .disable = disable, .poison = true);
    return wg_tape_new(.engine = *engine);
}

static void close_tape(wg_tape *tape, wg_engine *engine) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

/* Leaves the bits of the var, and closes its tape; returns how many nodes ran. */
static size_t evaluated(wg_var out, void *bits, size_t size, wg_engine *engine) {
    wg_plan_info info = {0};
    ck_assert_int_eq(wg_eval(out), WG_OK);
    ck_assert_int_eq(wg_plan_report(out.tape, &info), WG_OK);
    memcpy(bits, wg_tensor_data(wg_value(out)), size);
    close_tape(out.tape, engine);
    return info.nodes;
}

typedef wg_var recipe(wg_tape *tape, wg_var a, wg_var b);

/* Runs the recipe on a [3, 40, 50] and b [3, 40, 60]; returns the nodes that ran, and the bits of the result.
 */
static size_t run(recipe *record, const char *disable, double *result, size_t size) {
    static double x[3 * 40 * 50], y[3 * 40 * 60];
    for (int i = 0; i < 3 * 40 * 50; i++) x[i] = (i * 7919 % 1009) / 1009.0 - 0.5;
    for (int i = 0; i < 3 * 40 * 60; i++) y[i] = (i * 6007 % 1013) / 1013.0 - 0.5;
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, disable);
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(3, 40, 50), x),
           b = wg_array(tape, WG_F64, WG_SHAPE(3, 40, 60), y);
    wg_var out = record(tape, a, b);
    return evaluated(out, result, size, engine);
}

/* To where it was, by way of everything that changes nothing. */
static wg_var unchanged(wg_tape *tape, wg_var a) {
    a = wg_cast(wg_broadcast_to(a, WG_SHAPE(3, 40, 50)), WG_F64);
    a = wg_slice(wg_transpose(a, WG_AXES(0, -2, 2)), 1, 0, 40);
    a = wg_concat(0, a, wg_full(tape, WG_F64, WG_SHAPE(0, 40, 50), 1));
    return wg_stop_gradient(wg_reshape(wg_reshape(a, WG_SHAPE(6000)), WG_SHAPE(3, 40, 50)));
}
static wg_var exp_of_unchanged(wg_tape *tape, wg_var a, wg_var b) {
    (void)b;
    return wg_exp(unchanged(tape, wg_add(wg_sin(unchanged(tape, a)), wg_sin(a))));
}
static wg_var nothing_else(wg_tape *tape, wg_var a, wg_var b) {
    (void)b;
    return unchanged(tape, a);
}
/* Of the same type, and not the same. */
static wg_var square_transposed(wg_tape *tape, wg_var a, wg_var b) {
    (void)b, (void)tape;
    return wg_transpose(wg_slice(a, 2, 5, 45), WG_AXES(0, 2, 1));
}
static wg_var shortened_and_moved(wg_tape *tape, wg_var a, wg_var b) {
    (void)b;
    a = wg_slice(a, 1, 1, 40);
    return wg_concat(1, wg_full(tape, WG_F64, WG_SHAPE(3, 1, 50), -0.0), a);
}

START_TEST(what_is_an_earlier_value_as_it_is_is_not_computed) {
    static double with[3 * 40 * 50], without[3 * 40 * 50];
    recipe *const recipes[] = {exp_of_unchanged, nothing_else, square_transposed, shortened_and_moved};
    static const size_t nodes[][2] = {
        {3, 16}, {0, 6}, {2, 2}, {3, 3}}; /* sin, add, exp: equal ones are merged */
    for (size_t i = 0; i < 4; i++) {
        const size_t size = i == 2 ? sizeof(double[3 * 40 * 40]) : sizeof with;
        const size_t fewer = run(recipes[i], "", with, size),
                     all = run(recipes[i], "identities", without, size);
        printf("recipe %zu: %zu nodes run, %zu without the pass\n", i, fewer, all);
        ck_assert_uint_eq(fewer, nodes[i][0]);
        ck_assert_uint_eq(all, nodes[i][1]);
        ck_assert_int_eq(memcmp(with, without, size), 0);
    }
}
END_TEST

/* Numbers that are easily lost: -0, infinity, NaN with a payload, the least. */
static void fill_with_hard_numbers(wg_tensor *tensor) {
    static const uint32_t bits[] = {0x80000000, 0xFF800000, 0x7FC12345, 1, 0x3F800000, 0xFFD00001, 0};
    uint32_t *numbers = wg_tensor_writable(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) numbers[i] = bits[i % 7];
}

typedef struct claims {
    wg_tape *tape;
    int tried, wrong;
} claims;

/* Where the op says of the sample that it is an identity, is it? */
static int try_claim(const wg_case *sample, void *context) {
    claims *c = context;
    wg_var vars[8];
    ck_assert_int_lt(sample->input_count, 8);
    for (int i = 0; i < sample->input_count; i++) {
        wg_tensor *tensor = wg_case_tensor(sample, i, WG_F32, 1, NULL);
        if (tensor && wg_tensor_type(tensor).dtype == WG_F32) fill_with_hard_numbers(tensor);
        vars[i] = tensor ? wg_input(c->tape, tensor) : WG_NONE;
        wg_tensor_free(tensor);
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    const wg_var y = wg_case_record(c->tape, sample, vars);
    if (wg_tape_recover(c->tape, NULL) == WG_OK) {
        const wg_type from = wg_type_of(vars[0]), to = wg_type_of(y);
        const void *attributes = wg_node_attributes(c->tape, &c->tape->nodes.at[y.id]);
        if (wg_type_equal(&from, &to) && sample->op->is_identity(attributes)) {
            ck_assert_int_eq(wg_eval(y, vars[0]), WG_OK);
            c->tried++;
            c->wrong += memcmp(wg_tensor_data(wg_value(y)), wg_tensor_data(wg_value(vars[0])),
                               wg_type_bytes(&to)) != 0;
        }
    }
    wg_tape_clear(c->tape);
    return 0;
}

START_TEST(an_op_that_says_that_it_changes_nothing_changes_no_bit) {
    wg_engine *engine;
    claims c = {.tape = tape_with(&engine, "identities")};
    int ops = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        if (!op->is_identity) continue;
        const int before = c.tried;
        wg_op_samples(op, try_claim, &c);
        printf("%s: %d samples\n", op->name, c.tried - before);
        ck_assert_msg(c.tried > before, "%s has no sample in which it changes nothing", op->name);
        ops++;
    }
    ck_assert_int_ge(ops, 6);
    ck_assert_int_eq(c.wrong, 0);
    close_tape(c.tape, engine);
}
END_TEST

static wg_var transposed_left(wg_tape *tape, wg_var a, wg_var b) {
    (void)tape;
    return wg_matmul(wg_transpose(a, WG_AXES(0, 2, 1)), b);
}

static wg_var transposed_twice(wg_tape *tape, wg_var a, wg_var b) {
    (void)tape;
    return wg_matmul(wg_transpose(a, WG_AXES(0, -1, 1)), wg_transpose(b, WG_AXES(0, 2, 1)),
                     .transpose_b = true);
}

static wg_var other_axes(wg_tape *tape, wg_var a, wg_var b) { /* [3, 50, 40] by way of [50, 3, 40] */
    (void)tape;
    return wg_matmul(wg_transpose(wg_transpose(a, WG_AXES(2, 0, 1)), WG_AXES(1, 0, 2)), b);
}

START_TEST(a_product_reads_a_transposed_matrix_as_it_lies) {
    static double with[3 * 50 * 60], without[3 * 50 * 60];
    recipe *const recipes[] = {transposed_left, transposed_twice};
    for (size_t i = 0; i < 2; i++) {
        const size_t fewer = run(recipes[i], "", with, sizeof with),
                     all = run(recipes[i], "transposes", without, sizeof without);
        ck_assert_uint_eq(fewer, 1);
        ck_assert_uint_eq(all, 2 + i);
        ck_assert_mem_eq(with, without, sizeof with);
    }
    ck_assert_uint_eq(run(other_axes, "", with, sizeof with), 3); /* neither swaps the last two alone */
    ck_assert_uint_eq(run(other_axes, "transposes", without, sizeof without), 3);
    ck_assert_mem_eq(with, without, sizeof with);
}
END_TEST

START_TEST(a_transposed_matrix_that_others_read_is_still_made) {
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, "");
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(2, 2), (const double[]){1, 2, 3, 4});
    wg_var turned = wg_transpose(a, WG_ALL_AXES), product = wg_matmul(turned, a),
           sum = wg_sum(turned, WG_AXES(0));
    ck_assert_int_eq(wg_eval(product, sum, turned), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_value(product), 0), 10); /* 1 + 9 */
    ck_assert_double_eq(wg_tensor_get(wg_value(sum), 0), 3);
    ck_assert_double_eq(wg_tensor_get(wg_value(turned), 1), 3);
    close_tape(tape, engine);
}
END_TEST

/* --- Sums of products ------------------------------------------------------------------------- */

enum { ROWS = 1024, LEFT = 40, RIGHT = 24 };

/* x^T y over all rows, or over halves of them, one added to the other. */
static wg_var product_of(wg_tape *tape, bool in_halves) {
    static float x[ROWS * LEFT], y[ROWS * RIGHT];
    for (int i = 0; i < ROWS * LEFT; i++) x[i] = (float)(i * 7919 % 1009) / 1009 - 0.5f;
    for (int i = 0; i < ROWS * RIGHT; i++) y[i] = (float)(i * 6007 % 1013) / 1013 - 0.5f;
    wg_var a = wg_array(tape, WG_F32, WG_SHAPE(ROWS, LEFT), x),
           b = wg_array(tape, WG_F32, WG_SHAPE(ROWS, RIGHT), y);
    if (!in_halves) return wg_matmul(a, b, .transpose_a = true);
    wg_var sum = WG_NONE;
    for (int half = 0; half < 2; half++) {
        wg_var rows = wg_slice(a, 0, half * ROWS / 2, (half + 1) * ROWS / 2);
        wg_var others = wg_slice(b, 0, half * ROWS / 2, (half + 1) * ROWS / 2);
        wg_var part = wg_matmul(rows, others, .transpose_a = true);
        sum = half ? wg_add(sum, part) : part;
    }
    return sum;
}

/* The same for the gradient of a convolution's weights, over 512 images. */
static wg_var gradient_of(wg_tape *tape, bool in_halves) {
    enum { IMAGES = 1024, SIZE = 6, FILTERS = 3 };
    static float x[IMAGES * SIZE * SIZE], w[FILTERS * 9];
    for (int i = 0; i < IMAGES * SIZE * SIZE; i++) x[i] = (float)(i * 7919 % 1009) / 1009 - 0.5f;
    for (int i = 0; i < FILTERS * 9; i++) w[i] = (float)(i * 31 % 27) / 27 - 0.5f;
    wg_var a = wg_array(tape, WG_F32, WG_SHAPE(IMAGES, 1, SIZE, SIZE), x);
    wg_var weight = wg_array(tape, WG_F32, WG_SHAPE(FILTERS, 1, 3, 3), w), sum = WG_NONE;
    const int parts = in_halves ? 2 : 1;
    for (int part = 0; part < parts; part++) {
        wg_var images = wg_slice(a, 0, part * IMAGES / parts, (part + 1) * IMAGES / parts);
        wg_var y = wg_conv2d(images, weight, WG_NONE, .padding = 1);
        wg_var g = wg_grad(wg_sum(wg_sin(y), WG_ALL_AXES), weight);
        sum = part ? wg_add(sum, g) : g;
    }
    return sum;
}

typedef wg_var sum_function(wg_tape *tape, bool in_halves);

/* The bits of the sum; returns how many nodes ran. */
static size_t sum_with(sum_function *record, bool in_halves, const char *disable, float *sum, size_t size) {
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, disable);
    wg_var out = record(tape, in_halves);
    return evaluated(out, sum, size, engine);
}

START_TEST(a_sum_of_products_over_parts_has_the_bits_of_the_product_over_all) {
    static float whole[LEFT * RIGHT], parts[LEFT * RIGHT], added[LEFT * RIGHT];
    sum_function *const functions[] = {product_of, gradient_of};
    const size_t sizes[] = {sizeof whole, 27 * sizeof(float)};
    for (int i = 0; i < 2; i++) {
        sum_with(functions[i], false, "", whole, sizes[i]);
        const size_t fewer = sum_with(functions[i], true, "", parts, sizes[i]);
        const size_t all = sum_with(functions[i], true, "accumulate", added, sizes[i]);
        ck_assert_uint_eq(fewer + 1, all);
        ck_assert_mem_eq(whole, parts, sizes[i]);
        ck_assert_mem_ne(whole, added, sizes[i]); /* rounded elsewhere: the pass decides that */
        sum_with(functions[i], true, "overwrite", parts, sizes[i]); /* added to a copy of the sum */
        ck_assert_mem_eq(whole, parts, sizes[i]);
    }
}
END_TEST

/* A product that others read too, and a sum that is needed afterwards, stay what they are. */
START_TEST(what_is_read_elsewhere_is_not_added_to) {
    wg_engine *engine;
    wg_tape *tape = tape_with(&engine, "");
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(2, 2), (const double[]){1, 2, 3, 4});
    wg_var b = wg_array(tape, WG_F64, WG_SHAPE(2, 2), (const double[]){1, 0, 0, 1});
    wg_var product = wg_matmul(a, b), shared = wg_matmul(b, a), sum = wg_add(wg_exp(a), product);
    wg_var other = wg_add(sum, shared), once_more = wg_mul(sum, shared);
    ck_assert_int_eq(wg_eval(other, once_more, sum), WG_OK);
    ck_assert_double_eq_tol(wg_tensor_get(wg_value(sum), 1), 7.38905609893065 + 2, 1e-12);
    ck_assert_double_eq_tol(wg_tensor_get(wg_value(other), 1), 7.38905609893065 + 4, 1e-12);
    ck_assert_double_eq_tol(wg_tensor_get(wg_value(once_more), 1), 2 * (7.38905609893065 + 2), 1e-12);
    close_tape(tape, engine);
}
END_TEST

WG_SUITE("lower", what_is_an_earlier_value_as_it_is_is_not_computed,
         an_op_that_says_that_it_changes_nothing_changes_no_bit,
         a_product_reads_a_transposed_matrix_as_it_lies, a_transposed_matrix_that_others_read_is_still_made,
         a_sum_of_products_over_parts_has_the_bits_of_the_product_over_all,
         what_is_read_elsewhere_is_not_added_to)
