/* Memory of the program's as input: unaligned, strided, read-only, overlapping. The results have the bits
 * that a dense copy gives, and the memory is as it was. */
#include "tape_suite.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { ROWS = 5, COLUMNS = 7, COUNT = ROWS * COLUMNS };

static float numbers[COUNT];

static void setup(void) {
    for (int i = 0; i < COUNT; i++) numbers[i] = (float)((i * 37 + 11) % 23) / 8.0f - 1.25f;
    make_tape();
}

/* Of a matrix [ROWS, COLUMNS]: elementwise, a product, a sum along either axis, and a gradient. */
static wg_var expression(wg_var x) {
    wg_var y = wg_mul(x, wg_sigmoid(x));
    wg_var product = wg_matmul(y, x, .transpose_b = true);
    wg_var sums = wg_add(wg_sum(product, WG_ALL_AXES), wg_sum(wg_mean(x, WG_AXES(0)), WG_ALL_AXES));
    return wg_add(wg_grad(sums, x), wg_reshape(sums, WG_SHAPE(1, 1)));
}

/* The expression of a tensor has the bits that it has of a dense copy of `expected`. */
static void gives_what_a_copy_gives(wg_tensor *x, const float *expected) {
    ck_assert_ptr_nonnull(x);
    wg_var of_x = expression(wg_input(tape, x));
    wg_var of_copy = expression(wg_array(tape, WG_F32, WG_SHAPE(ROWS, COLUMNS), expected));
    ck_assert_msg(wg_eval(of_x, of_copy) == WG_OK, "%s", wg_tape_message(tape));
    ck_assert_int_eq(wg_tensor_count(wg_value(of_x)), COUNT);
    ck_assert_mem_eq(wg_tensor_data(wg_value(of_x)), wg_tensor_data(wg_value(of_copy)), sizeof numbers);
    wg_tape_clear(tape);
    wg_tensor_free(x);
}

START_TEST(memory_at_an_odd_address_will_do) {
    char *memory = malloc(sizeof numbers + 1);
    memcpy(memory + 1, numbers, sizeof numbers);
    gives_what_a_copy_gives(wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), memory + 1, NULL), numbers);
    free(memory);
}
END_TEST

START_TEST(memory_that_cannot_be_written_will_do) {
    float *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    memcpy(memory, numbers, sizeof numbers);
    ck_assert_int_eq(mprotect(memory, 4096, PROT_READ), 0);
    gives_what_a_copy_gives(wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), memory, NULL), numbers);
    ck_assert_int_eq(munmap(memory, 4096), 0);
}
END_TEST

START_TEST(columns_may_lie_before_rows) {
    float turned[COUNT];
    for (int i = 0; i < COUNT; i++) turned[i % COLUMNS * ROWS + i / COLUMNS] = numbers[i];
    gives_what_a_copy_gives(
        wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), turned, NULL, .strides = (int64_t[]){1, ROWS}),
        numbers);
}
END_TEST

START_TEST(elements_may_lie_apart) {
    float apart[2 * COUNT];
    for (int i = 0; i < COUNT; i++) apart[2 * i] = numbers[i], apart[2 * i + 1] = -1e30f;
    gives_what_a_copy_gives(
        wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), apart, NULL, .strides = (int64_t[]){2 * COLUMNS, 2}),
        numbers);
}
END_TEST

START_TEST(strides_may_go_backwards) {
    float backwards[COUNT];
    for (int i = 0; i < COUNT; i++) backwards[COUNT - 1 - i] = numbers[i];
    gives_what_a_copy_gives(wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), backwards + COUNT - 1, NULL,
                                           .strides = (int64_t[]){-COLUMNS, -1}),
                            numbers);
}
END_TEST

START_TEST(a_stride_of_0_repeats_a_row) {
    float repeated[COUNT];
    for (int i = 0; i < COUNT; i++) repeated[i] = numbers[i % COLUMNS];
    gives_what_a_copy_gives(
        wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), numbers, NULL, .strides = (int64_t[]){0, 1}),
        repeated);
}
END_TEST

START_TEST(strided_memory_at_an_odd_address_will_do) {
    char *memory = malloc(2 * sizeof numbers + 1);
    for (int i = 0; i < COUNT; i++)
        memcpy(memory + 1 + 2 * sizeof(float) * (size_t)i, &numbers[i], sizeof(float));
    gives_what_a_copy_gives(wg_tensor_over(WG_F32, WG_SHAPE(ROWS, COLUMNS), memory + 1, NULL,
                                           .strides = (int64_t[]){2 * COLUMNS, 2}),
                            numbers);
    free(memory);
}
END_TEST

/* Two inputs over the same numbers, one of them shifted by one element. */
START_TEST(inputs_may_overlap) {
    float memory[COUNT + 1], shifted[COUNT];
    for (int i = 0; i <= COUNT; i++) memory[i] = numbers[i % COUNT];
    memcpy(shifted, memory + 1, sizeof shifted);
    wg_tensor *a = wg_tensor_over(WG_F32, WG_SHAPE(COUNT), memory, NULL);
    wg_tensor *b = wg_tensor_over(WG_F32, WG_SHAPE(COUNT), memory + 1, NULL);
    wg_var y = wg_mul(wg_input(tape, a), wg_exp(wg_input(tape, b)));
    wg_var z = wg_mul(wg_array(tape, WG_F32, WG_SHAPE(COUNT), memory),
                      wg_exp(wg_array(tape, WG_F32, WG_SHAPE(COUNT), shifted)));
    ck_assert_int_eq(wg_eval(y, z), WG_OK);
    ck_assert_mem_eq(wg_tensor_data(wg_value(y)), wg_tensor_data(wg_value(z)), sizeof numbers);
    wg_tape_clear(tape);
    wg_tensor_free(a);
    wg_tensor_free(b);
}
END_TEST

START_TEST(one_tensor_may_be_an_input_twice) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(COUNT), numbers, NULL);
    wg_var difference = wg_sub(wg_input(tape, x), wg_input(tape, x));
    wg_var sum = wg_add(wg_input(tape, x), wg_input(tape, x));
    ck_assert_int_eq(wg_eval(difference, sum), WG_OK);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_double_eq(wg_tensor_get(wg_value(difference), i), 0.0);
        ck_assert_double_eq(wg_tensor_get(wg_value(sum), i), 2.0 * (double)numbers[i]);
    }
    wg_tape_clear(tape);
    wg_tensor_free(x);
}
END_TEST

/* Not even where a value could take over the memory of an input that is read for the last time. */
START_TEST(an_input_is_never_written) {
    wg_tensor *x =
        wg_tensor_new(WG_F32, WG_SHAPE(COUNT), NULL); /* the library's own memory, dense and aligned */
    ck_assert_ptr_nonnull(x);
    memcpy(wg_tensor_writable(x), numbers, sizeof numbers);
    wg_var y = wg_relu(wg_neg(wg_input(tape, x))), s = wg_sum(y, WG_ALL_AXES);
    ck_assert_int_eq(wg_eval(s, wg_neg(y)), WG_OK);
    ck_assert_mem_eq(wg_tensor_data(x), numbers, sizeof numbers);
    wg_tape_clear(tape);
    wg_tensor_free(x);
}
END_TEST

/* What stands in the memory when the tape is evaluated counts, not what stood there when it was recorded. */
START_TEST(an_input_is_read_when_the_tape_is_evaluated) {
    float one = 1.0f;
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(1), &one, NULL);
    wg_var y = wg_add(wg_input(tape, x), wg_scalar(tape, 1.0));
    one = 5.0f;
    ck_assert_double_eq(value_of(y), 6.0);
    wg_tape_clear(tape);
    wg_tensor_free(x);
}
END_TEST

static int releases;
static void release(void *context) {
    ck_assert_ptr_eq(context, numbers);
    releases++;
}

START_TEST(a_tape_holds_its_inputs_until_it_is_cleared) {
    wg_tensor *x =
        wg_tensor_over(WG_F32, WG_SHAPE(COUNT), numbers, NULL, .release = release, .context = numbers);
    wg_var y = wg_input(tape, x);
    wg_tensor_free(x);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_int_eq(releases, 0);
    wg_tape_clear(tape);
    ck_assert_int_eq(releases, 1);
}
END_TEST

WG_SUITE_WITH("run/buffers", setup, free_tape, memory_at_an_odd_address_will_do,
              memory_that_cannot_be_written_will_do, columns_may_lie_before_rows, elements_may_lie_apart,
              strides_may_go_backwards, a_stride_of_0_repeats_a_row, strided_memory_at_an_odd_address_will_do,
              inputs_may_overlap, one_tensor_may_be_an_input_twice, an_input_is_never_written,
              an_input_is_read_when_the_tape_is_evaluated, a_tape_holds_its_inputs_until_it_is_cleared)
