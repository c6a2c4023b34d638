/* The operations that move numbers about, beyond what walks over the registry see: Python's slices said in
 * literals, what is told of each mistake, shapes of more elements than memory has, work cut among threads. */
#include "array_suite.h"

/* A var of ones. */
static wg_var(ones)(const wg_shape *shape) { return (wg_full)(tape, WG_F32, shape, 1.0); }
#define ones(...) ones(WG_SHAPE(__VA_ARGS__))

static wg_var named(const char *name, wg_var x, const char *attributes) {
    return wg_apply_named(tape, name, WG_VARS(x), attributes);
}

/* Fails the test unless the var, evaluated or not, has this type. */
#define assert_type(var, type, ...) assert_type_at(__LINE__, var, type, WG_SHAPE(__VA_ARGS__))
static void assert_type_at(int line, wg_var var, wg_dtype dtype, const wg_shape *shape) {
    ck_assert_msg(wg_valid(var), "line %d: %s", line, wg_tape_message(tape));
    const wg_type type = wg_type_of(var);
    ck_assert_msg(type.dtype == dtype, "line %d: %s", line, wg_describe(var));
    int rank = 0;
    for (; shape->extent[rank] != INT64_MIN; rank++)
        ck_assert_msg(rank < type.rank && type.extent[rank] == shape->extent[rank], "line %d: %s", line,
                      wg_describe(var));
    ck_assert_msg(rank == type.rank, "line %d: %s", line, wg_describe(var));
}

/* --- Slices, as Python has them ---------------------------------------------------------------------- */

static const struct {
    int64_t start, stop, step;
    int count;
    double expected[7];
} slices[] = {
    {0, WG_SLICE_TO_END, 1, 7, {0, 1, 2, 3, 4, 5, 6}},            /* list(range(7))[:] */
    {0, 7, 1, 7, {0, 1, 2, 3, 4, 5, 6}},                          /* [0:7] */
    {2, 5, 1, 3, {2, 3, 4}},                                      /* [2:5] */
    {5, 2, 1, 0, {0}},                                            /* [5:2] */
    {-3, WG_SLICE_TO_END, 1, 3, {4, 5, 6}},                       /* [-3:] */
    {-3, -1, 1, 2, {4, 5}},                                       /* [-3:-1] */
    {-100, 3, 1, 3, {0, 1, 2}},                                   /* [-100:3] */
    {4, 100, 1, 3, {4, 5, 6}},                                    /* [4:100] */
    {100, 200, 1, 0, {0}},                                        /* [100:200] */
    {0, WG_SLICE_TO_END, 3, 3, {0, 3, 6}},                        /* [::3] */
    {1, 6, 2, 3, {1, 3, 5}},                                      /* [1:6:2] */
    {INT64_MAX, WG_SLICE_TO_FRONT, -1, 7, {6, 5, 4, 3, 2, 1, 0}}, /* [::-1] */
    {5, 1, -2, 2, {5, 3}},                                        /* [5:1:-2] */
    {1, 5, -2, 0, {0}},                                           /* [1:5:-2] */
    {-2, -6, -3, 2, {5, 2}},                                      /* [-2:-6:-3] */
    {100, -100, -4, 2, {6, 2}},                                   /* [100:-100:-4] */
    {-1, WG_SLICE_TO_FRONT, -6, 2, {6, 0}},                       /* [-1::-6] */
    {0, WG_SLICE_TO_FRONT, -1, 1, {0}},                           /* [0::-1] */
    {0, -1, -1, 0, {0}},                       /* [0:-1:-1]: -1 is the last, not the front */
    {3, WG_SLICE_TO_END, INT64_MAX, 1, {3}},   /* [3::2**63-1] */
    {3, WG_SLICE_TO_FRONT, INT64_MIN, 1, {3}}, /* [3::-2**63] */
};

START_TEST(slices_are_those_of_python) {
    wg_var x = I64(0, 1, 2, 3, 4, 5, 6);
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        wg_var y = wg_slice(x, 0, slices[i].start, slices[i].stop, .step = slices[i].step);
        assert_values_(__FILE__, __LINE__, y, 0, slices[i].expected, slices[i].count);
    }
}
END_TEST

START_TEST(a_slice_steps_by_one_unless_told_otherwise) {
    assert_values(wg_slice(I64(5, 6, 7, 8), -1, 1, 3), 0, 6, 7);
}
END_TEST

START_TEST(the_gradient_of_a_slice_lies_where_the_slice_was) {
    wg_var x = wg_cast(I64(0, 1, 2, 3, 4, 5, 6), WG_F64), weights = wg_cast(I64(10, 20, 30), WG_F64);
    wg_var y = wg_mul(wg_slice(x, 0, 5, WG_SLICE_TO_FRONT, .step = -2), weights);
    assert_values(wg_grad(wg_sum(y, WG_ALL_AXES), x), 0, 0, 30, 0, 20, 0, 10, 0);
}
END_TEST

/* --- Shapes ------------------------------------------------------------------------------------------ */

START_TEST(one_extent_of_a_reshape_is_what_the_others_leave) {
    assert_type(wg_reshape(ones(4, 6), WG_SHAPE(-1)), WG_F32, 24);
    assert_type(wg_reshape(ones(4, 6), WG_SHAPE(3, -1, 2)), WG_F32, 3, 4, 2);
    assert_type(wg_reshape(ones(0, 6), WG_SHAPE(-1, 3)), WG_F32, 0, 3);
    assert_type(wg_reshape(ones(0, 6), WG_SHAPE(7, 0)), WG_F32, 7, 0);
    ck_assert_int_eq(wg_type_of(wg_reshape(ones(1, 1), WG_SCALAR_SHAPE)).rank, 0);
}
END_TEST

/* The examples of ONNX ScatterElements, with updates named twice, ten times as large. */
START_TEST(scatters_reduce_as_onnx_says) {
    wg_var x = wg_reshape(I64(10, 20, 30, 40, 50), WG_SHAPE(1, 5)),
           u = wg_reshape(I64(11, 21), WG_SHAPE(1, 2));
    wg_var apart = wg_reshape(I64(1, -2), WG_SHAPE(1, 2)), twice = wg_reshape(I32(1, 1), WG_SHAPE(1, 2));
    assert_values(wg_scatter_elements(x, apart, u, 1), 0, 10, 11, 30, 21, 50);
    assert_values(wg_scatter_elements(x, twice, u, 1), 0, 10, 21, 30, 40, 50);
    assert_values(wg_scatter_elements(x, twice, u, 1, .reduction = WG_SCATTER_ADD), 0, 10, 52, 30, 40, 50);
    assert_values(wg_scatter_add(x, twice, u, -1), 0, 10, 52, 30, 40, 50);
    assert_values(wg_scatter_elements(x, twice, u, 1, .reduction = WG_SCATTER_MUL), 0, 10, 20 * 11 * 21, 30,
                  40, 50);
    assert_values(wg_scatter_elements(x, twice, u, 1, .reduction = WG_SCATTER_MAX), 0, 10, 21, 30, 40, 50);
    assert_values(wg_scatter_elements(x, twice, u, 1, .reduction = WG_SCATTER_MIN), 0, 10, 11, 30, 40, 50);
    wg_var rows =
        wg_scatter_nd(wg_reshape(I64(1, 2, 3, 4), WG_SHAPE(2, 2)), wg_reshape(I64(-1, -1), WG_SHAPE(2, 1)),
                      wg_reshape(I64(5, 6, 7, 2), WG_SHAPE(2, 2)), .reduction = WG_SCATTER_MAX);
    assert_values(rows, 0, 1, 2, 7, 6);
}
END_TEST

START_TEST(tuples_name_rows_as_onnx_says) {
    wg_var x = wg_reshape(I64(0, 1, 2, 3, 4, 5, 6, 7), WG_SHAPE(2, 2, 2));
    assert_values(wg_gather_nd(x, wg_reshape(I64(1, 0), WG_SHAPE(2, 1)), .batch_dims = 1), 0, 2, 3, 4, 5);
    assert_values(wg_gather_nd(x, wg_reshape(I64(0, 1, 1, 0), WG_SHAPE(2, 2))), 0, 2, 3, 4, 5);
    assert_values(wg_take_along_axis(wg_reshape(I64(1, 2, 3, 4), WG_SHAPE(2, 2)),
                                     wg_reshape(I64(0, 0, 1, 0), WG_SHAPE(2, 2)), 1),
                  0, 1, 1, 4, 3);
}
END_TEST

START_TEST(split_cuts_into_parts_of_the_sizes_given_or_alike) {
    wg_var parts[4], x = wg_reshape(I64(1, 2, 3, 4, 5, 6, 7), WG_SHAPE(1, 7));
    wg_split(x, -1, 3, (const int64_t[]){1, 0, 6}, parts);
    assert_values(parts[0], 0, 1);
    assert_type(parts[1], WG_I64, 1, 0);
    assert_values(parts[2], 0, 2, 3, 4, 5, 6, 7);
    wg_split(x, 1, 3, NULL, parts); /* numpy and ONNX: 3, 3, 1 */
    assert_values(parts[0], 0, 1, 2, 3);
    assert_values(parts[1], 0, 4, 5, 6);
    assert_values(parts[2], 0, 7);
    wg_split(ones(2), 0, 4, NULL, parts);
    assert_type(parts[1], WG_F32, 1);
    assert_type(parts[3], WG_F32, 0);
}
END_TEST

START_TEST(parts_that_split_refuses) {
    wg_var parts[2] = {ones(1), ones(1)};
    wg_split(ones(2, 3), 1, 2, (const int64_t[]){1, 1}, parts);
    assert_error(tape, WG_ERROR_SHAPE, "the sizes of the 2 parts must be at least 0 and add up to 3");
    ck_assert(!wg_valid(parts[0]) && !wg_valid(parts[1]));
    wg_split(ones(2, 3), 2, 2, NULL, parts);
    assert_error(tape, WG_ERROR_AXIS, "split: the axis is out of range: x has 2 axes");
    wg_split(ones(2, 3), 0, 0, NULL, parts);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "split: 0 parts");
}
END_TEST

START_TEST(flatten_joins_the_axes_from_the_first_on) {
    assert_type(wg_flatten(ones(2, 3, 4), 1), WG_F32, 2, 12);
    assert_type(wg_flatten(ones(2, 3, 4), 0), WG_F32, 24);
    assert_type(wg_flatten(ones(2, 3, 4), -1), WG_F32, 2, 3, 4);
    assert_type(wg_flatten(ones(0, 3, 4), 1), WG_F32, 0, 12);
    assert_values(wg_flatten(wg_reshape(I64(1, 2, 3, 4), WG_SHAPE(2, 1, 2)), 0), 0, 1, 2, 3, 4);
}
END_TEST

START_TEST(axes_change_places) {
    wg_var x = wg_reshape(I64(0, 1, 2, 3, 4, 5), WG_SHAPE(1, 2, 3));
    assert_type(wg_transpose(x, WG_ALL_AXES), WG_I64, 3, 2, 1);
    assert_values(wg_transpose(x, WG_ALL_AXES), 0, 0, 3, 1, 4, 2, 5);
    assert_type(wg_transpose(x, WG_AXES(-2, 0, -1)), WG_I64, 2, 1, 3);
    assert_values(wg_transpose(x, WG_AXES(-2, 0, -1)), 0, 0, 1, 2, 3, 4, 5);
}
END_TEST

/* Nothing is allocated as long as nothing is evaluated. */
START_TEST(shapes_beyond_memory_are_inferred) {
    const int64_t big = 1 << 20;
    wg_var x = wg_broadcast_to(ones(1), WG_SHAPE(big, big));
    assert_type(x, WG_F32, big, big);
    assert_type(wg_reshape(x, WG_SHAPE(-1)), WG_F32, big * big);
    assert_type(wg_reshape(x, WG_SHAPE(4, -1)), WG_F32, 4, big * big / 4);
    assert_type(wg_flatten(x, 0), WG_F32, big * big);
    assert_type(wg_slice(wg_flatten(x, 0), 0, -3, WG_SLICE_TO_FRONT, .step = -2), WG_F32, big * big / 2 - 1);
    assert_type(wg_transpose(wg_reshape(x, WG_SHAPE(4, -1)), WG_ALL_AXES), WG_F32, big * big / 4, 4);
    assert_type(wg_concat(1, x, x, x), WG_F32, big, 3 * big);
    assert_type(wg_gather(x, wg_cast(wg_flatten(x, 0), WG_I32), 0), WG_F32, big * big, big);
    assert_type(wg_one_hot(wg_cast(x, WG_I64), 16, WG_BOOL), WG_BOOL, big, big, 16);
    assert_type(wg_full(tape, WG_U8, WG_SHAPE(1LL << 40), 1), WG_U8, 1LL << 40);
    assert_type(wg_grad(wg_sum(x, WG_ALL_AXES), x), WG_F32, big, big);
    wg_reshape(x, WG_SHAPE(3, -1));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: x [1048576, 1048576] has 1099511627776 elements, [3, -1]");
}
END_TEST

START_TEST(counts_that_overflow_are_refused) {
    const int64_t huge = 1LL << 31;
    wg_broadcast_to(ones(1), WG_SHAPE(huge, huge));
    assert_error(tape, WG_ERROR_SHAPE, "broadcast_to: the result f32[2147483648, 2147483648] has more bytes");
    wg_reshape(ones(2, 3), WG_SHAPE(huge, huge, huge));
    assert_error(tape, WG_ERROR_SHAPE, "has 6 elements, [2147483648, 2147483648, 2147483648] has not");
    wg_reshape(ones(2, 3), WG_SHAPE(huge, huge, huge, -1));
    assert_error(tape, WG_ERROR_SHAPE, "has 6 elements, [2147483648, 2147483648, 2147483648, -1] never has");
    wg_var x = wg_full(tape, WG_U8, WG_SHAPE(0, 1LL << 62), 0);
    wg_concat(1, x, x, x);
    assert_error(tape, WG_ERROR_SHAPE, "concat: ");
    wg_one_hot(wg_full(tape, WG_I64, WG_SHAPE(huge), 0), huge, WG_F32);
    assert_error(tape, WG_ERROR_SHAPE, "one_hot: the result f32[2147483648, 2147483648] has more bytes");
}
END_TEST

/* --- Values that no sample has ------------------------------------------------------------------- */

START_TEST(a_number_everywhere_may_change_without_a_new_plan) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_tape *own = wg_tape_new(.engine = engine);
    for (int i = 0; i < 3; i++) {
        wg_var y = wg_full(own, WG_F32, WG_SHAPE(2), i);
        assert_values(y, 0, i, i);
        wg_tape_clear(own);
    }
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, 1);
    wg_tape_free(own);
    wg_engine_free(engine);
}
END_TEST

START_TEST(indices_count_from_the_back_and_may_repeat) {
    wg_var x = wg_cast(I64(10, 20, 30), WG_F64), y = wg_gather(x, I32(-1, 0, 0, -3), 0);
    assert_values(y, 0, 30, 10, 10, 10);
    assert_values(wg_grad(wg_sum(wg_mul(y, wg_cast(I64(1, 2, 4, 8), WG_F64)), WG_ALL_AXES), x), 0, 14, 0, 1);
}
END_TEST

START_TEST(an_index_without_a_class_gives_zeros) {
    assert_values(wg_one_hot(I64(1, -1, 3, 0), 3, WG_U8), 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
}
END_TEST

/* Large enough for threads to share: every element is where it belongs, wherever the work was cut. */
enum { ROWS = 401, COLUMNS = 307 };

#define assert_each(var, rows, columns, expected)                                                        \
    do {                                                                                                 \
        wg_var all = var;                                                                                \
        ck_assert_msg(wg_eval(all) == WG_OK, "%s", wg_tape_message(all.tape));                           \
        ck_assert_int_eq(wg_tensor_count(wg_value(all)), (rows) * (columns));                            \
        for (int64_t i = 0; i < (rows); i++)                                                             \
            for (int64_t j = 0; j < (columns); j++) {                                                    \
                const int64_t number = (int64_t)wg_tensor_get(wg_value(all), i * (columns) + j);         \
                if (number != (expected)) ck_abort_msg("%s [%d, %d]", wg_describe(all), (int)i, (int)j); \
            }                                                                                            \
    } while (0)

START_TEST(work_cut_among_threads_is_put_together_again) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 3);
    wg_tape *own = wg_tape_new(.engine = engine);
    wg_tensor *numbers = wg_tensor_new(WG_I32, WG_SHAPE(ROWS, COLUMNS), NULL);
    wg_tensor *picks = wg_tensor_new(WG_I64, WG_SHAPE(COLUMNS), NULL);
    ck_assert(own && numbers && picks);
    for (int i = 0; i < ROWS * COLUMNS; i++) ((int32_t *)wg_tensor_writable(numbers))[i] = i;
    for (int j = 0; j < COLUMNS; j++) ((int64_t *)wg_tensor_writable(picks))[j] = 7 * j % COLUMNS;
    wg_var x = wg_input(own, numbers), indices = wg_input(own, picks);

    assert_each(wg_transpose(x, WG_ALL_AXES), COLUMNS, ROWS, j * COLUMNS + i);
    wg_var planes = wg_transpose(wg_reshape(x, WG_SHAPE(ROWS, 1, COLUMNS)), WG_AXES(1, 2, 0));
    assert_each(planes, COLUMNS, ROWS, j * COLUMNS + i);
    assert_each(wg_slice(x, 0, ROWS, WG_SLICE_TO_FRONT, .step = -2), 201, COLUMNS,
                (ROWS - 1 - 2 * i) * COLUMNS + j);
    assert_each(wg_slice(x, 1, 3, WG_SLICE_TO_END, .step = 2), ROWS, 152, i * COLUMNS + 3 + 2 * j);
    wg_var apart = wg_apply_named(own, "slice_grad", WG_VARS(x), "axis=1 extent=930 start=920 step=-3");
    assert_each(apart, ROWS, 930, j >= 2 && j <= 920 && (920 - j) % 3 == 0 ? i * COLUMNS + (920 - j) / 3 : 0);
    assert_each(wg_concat(1, x, x), ROWS, 2 * COLUMNS, i * COLUMNS + j % COLUMNS);
    assert_each(wg_concat(0, x, x), 2 * ROWS, COLUMNS, i % ROWS * COLUMNS + j);
    assert_each(wg_gather(x, indices, 1), ROWS, COLUMNS, i * COLUMNS + 7 * j % COLUMNS);
    assert_each(wg_gather(x, indices, 0), COLUMNS, COLUMNS, 7 * i % COLUMNS * COLUMNS + j);
    assert_each(wg_one_hot(indices, COLUMNS, WG_F64), COLUMNS, COLUMNS, j == 7 * i % COLUMNS);
    assert_each(wg_broadcast_to(indices, WG_SHAPE(ROWS, COLUMNS)), ROWS, COLUMNS, 7 * j % COLUMNS);
    assert_each(wg_apply_named(own, "gather_grad", WG_VARS(wg_cast(x, WG_F64), indices), "axis=1 extent=307"),
                ROWS, COLUMNS, i * COLUMNS + 44 * j % COLUMNS); /* 7 · 44 = 1 modulo 307 */

    wg_tensor_free(numbers);
    wg_tensor_free(picks);
    wg_tape_free(own);
    wg_engine_free(engine);
}
END_TEST

/* --- Errors ------------------------------------------------------------------------------------------ */

START_TEST(shapes_that_reshape_refuses) {
    wg_reshape(ones(2, 3), WG_SHAPE(4, 2));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: x [2, 3] has 6 elements, [4, 2] has not");
    wg_reshape(ones(2, 3), WG_SHAPE(4, -1));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: x [2, 3] has 6 elements, [4, -1] never has");
    wg_reshape(ones(2, 3), WG_SHAPE(-1, 2, -1));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: [-1, 2, -1] has -1 twice");
    wg_reshape(ones(0, 3), WG_SHAPE(0, -1));
    assert_error(tape, WG_ERROR_SHAPE, "[0, -1] does not say what -1 is beside a 0");
    wg_reshape(ones(2, 3), WG_SHAPE(3, -2));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: extent 1 of [3, -2] is -2; it must be at least 0, or -1");
    wg_reshape(ones(2, 3), NULL);
    assert_error(tape, WG_ERROR_SHAPE, "reshape: the shape is NULL; write WG_SHAPE(");
    wg_reshape(ones(1), &(const wg_shape){{1, 1, 1, 1, 1, 1, 1, 1, 1}});
    assert_error(tape, WG_ERROR_SHAPE, "reshape: the shape has more than 8 extents");
    wg_flatten(ones(2, 3), 2);
    assert_error(tape, WG_ERROR_AXIS, "flatten: axis 2 is out of range: [2, 3] has axes -2 to 1");
    wg_flatten(ones(2, 3), -3);
    assert_error(tape, WG_ERROR_AXIS, "flatten: axis -3 is out of range");
}
END_TEST

START_TEST(shapes_that_broadcast_to_refuses) {
    wg_broadcast_to(ones(2, 3), WG_SHAPE(4, 2, 4));
    assert_error(
        tape, WG_ERROR_SHAPE,
        "broadcast_to: x [2, 3] does not broadcast to [4, 2, 4]: axis 1 from the back is 3, not 1 or 4");
    wg_broadcast_to(ones(1, 3), WG_SHAPE(3));
    assert_error(tape, WG_ERROR_SHAPE, "broadcast_to: x [1, 3] has 2 axes, [3] has fewer");
    wg_broadcast_to(ones(1, 3), WG_SHAPE(-1, 3));
    assert_error(tape, WG_ERROR_SHAPE, "broadcast_to: extent 0 of [-1, 3] is -1; it must be at least 0");
    wg_broadcast_to(ones(3), NULL);
    assert_error(tape, WG_ERROR_SHAPE, "broadcast_to: the shape is NULL");
}
END_TEST

START_TEST(numbers_everywhere_that_full_refuses) {
    wg_full(tape, WG_BF16, WG_SHAPE(2), 1);
    assert_error(tape, WG_ERROR_DTYPE, "wg_full: dtype 7 (bf16) is none that a tensor can have");
    wg_full(tape, WG_F32, WG_SHAPE(2, -1), 1);
    assert_error(tape, WG_ERROR_SHAPE, "wg_full: extent 1 of the shape is -1");
    wg_apply_named(tape, "full", (const wg_var[]){WG_END_}, "dtype=f32 shape=2,-1 value=1");
    assert_error(tape, WG_ERROR_SHAPE, "full: extent 1 of [2, -1] is -1; it must be at least 0");
}
END_TEST

START_TEST(axes_that_transpose_refuses) {
    wg_transpose(ones(2, 3, 4), WG_AXES(1, 0));
    assert_error(tape, WG_ERROR_AXIS,
                 "transpose: 2 axes are named, x [2, 3, 4] has 3; each must be named once");
    wg_transpose(ones(2, 3, 4), WG_AXES(0, 1, -2));
    assert_error(tape, WG_ERROR_AXIS, "transpose: axis 1 is named twice");
    wg_transpose(ones(2, 3), WG_AXES(0, 2));
    assert_error(tape, WG_ERROR_AXIS, "transpose: axis 2 is out of range: [2, 3] has axes -2 to 1");
    wg_transpose(ones(2, 3), &(const wg_axes){{0, 0, 0, 0, 0, 0, 0, 0, 0}});
    assert_error(tape, WG_ERROR_ATTRIBUTE, "transpose: axes has no end: INT_MIN closes it");
}
END_TEST

START_TEST(slices_that_are_refused) {
    wg_slice(ones(2, 3), 2, 0, 1);
    assert_error(tape, WG_ERROR_AXIS, "slice: axis 2 is out of range: [2, 3] has axes -2 to 1");
    wg_slice(wg_scalar(tape, 1), 0, 0, 1);
    assert_error(tape, WG_ERROR_AXIS, "slice: axis 0 is out of range: the input has no axes");
    named("slice", ones(3), "step=0");
    assert_error(tape, WG_ERROR_ATTRIBUTE, "slice: step is 0; it must be positive or negative");
    named("slice_grad", ones(3), "extent=7 start=3 step=2");
    assert_error(tape, WG_ERROR_SHAPE,
                 "slice_grad: 3 rows from 3 in steps of 2 do not fit an axis of extent 7");
    named("slice_grad", ones(3), "extent=7 start=1 step=-1");
    assert_error(tape, WG_ERROR_SHAPE, "slice_grad: 3 rows from 1 in steps of -1 do not fit");
    named("slice_grad", ones(3), "extent=7 start=0 step=9007199254740992");
    assert_error(tape, WG_ERROR_SHAPE, "slice_grad: 3 rows from 0 in steps of 9007199254740992 do not fit");
    named("slice_grad", ones(3), "extent=-1");
    assert_error(tape, WG_ERROR_ATTRIBUTE, "slice_grad: extent is -1; it must be at least 0");
}
END_TEST

START_TEST(vars_that_concat_refuses) {
    wg_concat(0, ones(2, 3), ones(4, 3), ones(2, 4));
    assert_error(tape, WG_ERROR_SHAPE,
                 "concat: input 0 is [2, 3], input 2 is [2, 4]; all but axis 0 must be alike");
    wg_concat(-1, ones(2, 3), ones(2));
    assert_error(tape, WG_ERROR_SHAPE,
                 "concat: input 0 is [2, 3], input 1 is [2]; all but axis 1 must be alike");
    wg_concat(0, ones(2), I64(1));
    assert_error(tape, WG_ERROR_DTYPE,
                 "concat: dtypes differ: input 0 is f32[2], input 1 is i64[1]; wg_cast");
    wg_concat(1, ones(2), ones(2));
    assert_error(tape, WG_ERROR_AXIS, "concat: axis 1 is out of range: [2] has axes -1 to 0");
    wg_concat(0, ones(2), WG_NONE, ones(2));
    assert_error(tape, WG_ERROR_TAPE, "concat: input 1 is no var");
    ck_assert(!wg_valid(wg_concat_list(0, (const wg_var[]){WG_END_})));
}
END_TEST

START_TEST(indices_that_gather_refuses) {
    wg_gather(ones(2, 3), ones(2), 0);
    assert_error(tape, WG_ERROR_DTYPE, "gather: the indices are f32[2]; they must be i32 or i64");
    wg_gather(ones(2, 3), I64(0), -3);
    assert_error(tape, WG_ERROR_AXIS, "gather: axis -3 is out of range: [2, 3] has axes -2 to 1");
    wg_gather(ones(1, 1, 1, 1, 1, 1, 1), wg_reshape(I64(0), WG_SHAPE(1, 1, 1)), 0);
    assert_error(tape, WG_ERROR_SHAPE,
                 "gather: x is [1, 1, 1, 1, 1, 1, 1], the indices are [1, 1, 1]; the result");
    wg_apply_named(tape, "gather_grad", WG_VARS(ones(2, 3), I64(0)), "axis=0 extent=4");
    assert_error(tape, WG_ERROR_SHAPE,
                 "gather_grad: dy is [2, 3], the indices are [1]; dy must have their axes from 0");
    wg_apply_named(tape, "gather_grad", WG_VARS(I64(1), I64(0)), "axis=0 extent=4");
    assert_error(tape, WG_ERROR_DTYPE, "gather_grad: dy is i64[1]; f32 or f64 are taken");
    wg_apply_named(tape, "gather_grad", WG_VARS(ones(1), wg_reshape(I64(0), WG_SHAPE(1, 1))),
                   "axis=0 extent=4");
    assert_error(tape, WG_ERROR_AXIS, "gather_grad: axis 0 is out of range");
}
END_TEST

START_TEST(an_index_out_of_range_fails_the_run) {
    ck_assert_int_eq(wg_eval(wg_gather(ones(3, 2), I64(0, 2, -3, 3), 0)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "gather: index 3 at place 3 is out of range: the axis has 3 rows");
    ck_assert_int_eq(wg_eval(wg_gather(ones(3, 2), I32(0, -4, 9), 0)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "gather: index -4 at place 1 is out of range: the axis has 3 rows");
    ck_assert_int_eq(wg_eval(wg_gather(ones(0, 2), I64(0), 0)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "gather: index 0 at place 0 is out of range: the axis has 0 rows");
    ck_assert_int_eq(wg_eval(wg_gather(ones(3), I64(INT64_MIN), 0)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "gather: index -9223372036854775808 at place 0");
    wg_var dx = wg_apply_named(tape, "gather_grad", WG_VARS(ones(2, 2), I64(1, 4)), "axis=0 extent=4");
    ck_assert_int_eq(wg_eval(dx), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX,
                 "gather_grad: index 4 at place 1 is out of range: the axis has 4 rows");
}
END_TEST

START_TEST(classes_that_one_hot_refuses) {
    wg_one_hot(ones(2), 3, WG_F32);
    assert_error(tape, WG_ERROR_DTYPE, "one_hot: the indices are f32[2]; they must be i32, i64 or u8");
    wg_one_hot(I64(0), -1, WG_F32);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "one_hot: depth is -1; it must be at least 0");
    wg_one_hot(I64(0), 3, WG_BF16);
    assert_error(tape, WG_ERROR_DTYPE, "one_hot: there are no tensors of bf16");
    wg_one_hot(wg_reshape(I64(0), WG_SHAPE(1, 1, 1, 1, 1, 1, 1, 1)), 3, WG_F32);
    assert_error(tape, WG_ERROR_SHAPE,
                 "one_hot: the indices are [1, 1, 1, 1, 1, 1, 1, 1]; the result would have");
}
END_TEST

WG_TAPE_SUITE("ops/shapes", slices_are_those_of_python, a_slice_steps_by_one_unless_told_otherwise,
              the_gradient_of_a_slice_lies_where_the_slice_was,
              one_extent_of_a_reshape_is_what_the_others_leave, scatters_reduce_as_onnx_says,
              tuples_name_rows_as_onnx_says, split_cuts_into_parts_of_the_sizes_given_or_alike,
              parts_that_split_refuses, flatten_joins_the_axes_from_the_first_on, axes_change_places,
              shapes_beyond_memory_are_inferred, counts_that_overflow_are_refused,
              a_number_everywhere_may_change_without_a_new_plan, indices_count_from_the_back_and_may_repeat,
              an_index_without_a_class_gives_zeros, work_cut_among_threads_is_put_together_again,
              shapes_that_reshape_refuses, shapes_that_broadcast_to_refuses,
              numbers_everywhere_that_full_refuses, axes_that_transpose_refuses, slices_that_are_refused,
              vars_that_concat_refuses, indices_that_gather_refuses, an_index_out_of_range_fails_the_run,
              classes_that_one_hot_refuses)
