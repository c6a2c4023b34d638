/* What a program is told when something does not fit: the operation, the argument, the shapes, the scope and
 * its own line; and that nothing else happens until it has heard. */
#include "tape_suite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A var of ones. */
static wg_var(ones)(const wg_shape *shape) { return (wg_full)(tape, WG_F32, shape, 1.0); }
#define ones(...) ones(WG_SHAPE(__VA_ARGS__))

static wg_var whole(int32_t a, int32_t b) { return wg_array(tape, WG_I32, WG_SHAPE(2), (int32_t[]){a, b}); }

/* --- As ops are recorded ------------------------------------------------------------------------- */

START_TEST(shapes_that_do_not_broadcast) {
    wg_add(ones(2, 3), ones(4));
    assert_error(tape, WG_ERROR_SHAPE,
                 "add: shapes do not broadcast: [2, 3] and [4] differ in axis 1 from the back (3 and 4)");
}
END_TEST

START_TEST(dtypes_that_are_mixed) {
    wg_mul(ones(2), wg_full(tape, WG_F64, WG_SHAPE(2), 1.0));
    assert_error(tape, WG_ERROR_DTYPE, "mul: dtypes differ: input 0 is f32[2], input 1 is f64[2]; wg_cast");
}
END_TEST

START_TEST(inner_sizes_of_a_product) {
    wg_matmul(ones(64, 784), ones(256, 10));
    assert_error(
        tape, WG_ERROR_SHAPE,
        "matmul: inner sizes differ: a is [64, 784], b is [256, 10]; a's last must equal b's last but one");
}
END_TEST

START_TEST(a_kernel_larger_than_the_padded_input) {
    wg_conv2d(ones(1, 1, 4, 4), ones(1, 1, 7, 7), WG_NONE, .padding = 1);
    assert_error(tape, WG_ERROR_SHAPE, "conv2d: kernel 7×7 with dilation 1×1 does not fit the image 4×4");
}
END_TEST

START_TEST(groups_that_do_not_divide) {
    wg_conv2d(ones(1, 4, 8, 8), ones(6, 1, 3, 3), WG_NONE, .groups = 3);
    assert_error(tape, WG_ERROR_SHAPE, "conv2d: groups = 3 do not divide 4 channels into 6 filters");
}
END_TEST

START_TEST(a_negative_stride) {
    wg_conv2d(ones(1, 4, 8, 8), ones(6, 4, 3, 3), WG_NONE, .stride = -1);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "conv2d: stride[0] is -1; it must be");
}
END_TEST

START_TEST(one_number_for_both_axes_and_one_for_each) {
    wg_max_pool2d(ones(1, 4, 8, 8), .kernel = 2, .kernel_hw = {2, 2});
    assert_error(tape, WG_ERROR_ATTRIBUTE, "max_pool2d: both kernel = 2 and kernel_hw = {2, 2} are given");
    wg_conv2d(ones(1, 4, 8, 8), ones(6, 4, 3, 3), WG_NONE, .stride = 2, .stride_hw = {1, 2});
    assert_error(tape, WG_ERROR_ATTRIBUTE, "conv2d: both stride = 2 and stride_hw = {1, 2} are given");
}
END_TEST

START_TEST(an_axis_out_of_range_or_named_twice) {
    wg_sum(ones(2, 3), WG_AXES(2));
    assert_error(tape, WG_ERROR_AXIS, "sum: axis 2 is out of range: [2, 3] has axes -2 to 1");
    wg_softmax(ones(2, 3), -3);
    assert_error(tape, WG_ERROR_AXIS, "softmax: axis -3 is out of range: [2, 3] has axes -2 to 1");
    wg_mean(ones(2, 3), WG_AXES(1, -1));
    assert_error(tape, WG_ERROR_AXIS, "mean: axis 1 is named twice");
}
END_TEST

START_TEST(a_reshape_to_another_size) {
    wg_reshape(ones(2, 3), WG_SHAPE(4, 2));
    assert_error(tape, WG_ERROR_SHAPE, "reshape: x [2, 3] has 6 elements, [4, 2] has not");
}
END_TEST

START_TEST(more_elements_than_can_be_counted) {
    wg_full(tape, WG_F32, WG_SHAPE(1LL << 31, 1LL << 31, 1LL << 31), 1.0);
    assert_error(tape, WG_ERROR_SHAPE, "[2147483648, 2147483648, 2147483648] has more bytes than");
    wg_broadcast_to(ones(1, 1, 1), WG_SHAPE(1LL << 31, 1LL << 31, 1LL << 31));
    assert_error(tape, WG_ERROR_SHAPE,
                 "broadcast_to: the result f32[2147483648, 2147483648, 2147483648] has more");
}
END_TEST

/* Three values of 2^62 bytes and a fourth to make one from live at once: 2^64 bytes of buffers. */
START_TEST(more_bytes_of_buffers_than_can_be_counted) {
    wg_var y[3];
    for (int i = 0; i < 3; i++)
        y[i] = wg_transpose(wg_full(tape, WG_F64, WG_SHAPE((int64_t)1 << 58, 2), i), WG_ALL_AXES);
    ck_assert_int_ne(wg_eval(wg_sum(wg_add(y[0], wg_add(y[1], y[2])), WG_ALL_AXES)), WG_OK);
    assert_error(tape, WG_ERROR_MEMORY, "wg_eval: its buffers together have more bytes than");
}
END_TEST

/* --- An op of the program's that breaks what its flags promise ----------------------------------- */

static int infer_four(wg_infer *infer) {
    infer->outputs[0] = (wg_type){.dtype = WG_F32, .rank = 1, .extent = {4}};
    return WG_OK;
}
static void forward_zeros(const wg_call *call) {
    for (int64_t i = call->begin; i < call->end; i++) ((float *)call->outputs[0].data)[i] = 0;
}

START_TEST(a_view_of_another_size) {
    static const wg_op op = {
        .name = "my_view", .inputs = 1, .outputs = 1, .flags = WG_VIEW, .infer = infer_four};
    ck_assert(wg_valid(wg_apply(&op, ones(2, 2))));
    wg_apply(&op, ones(3));
    assert_error(tape, WG_ERROR_SHAPE, "my_view: its shape rule gives f32[4], which a view of input 0");
}
END_TEST

START_TEST(an_elementwise_op_of_another_shape) {
    static const wg_op op = {.name = "my_op",
                             .inputs = 1,
                             .outputs = 1,
                             .flags = WG_ELEMENTWISE,
                             .infer = infer_four,
                             .forward = forward_zeros};
    ck_assert(wg_valid(wg_apply(&op, ones(1))));
    wg_apply(&op, ones(3));
    assert_error(tape, WG_ERROR_SHAPE,
                 "my_op: its shape rule gives f32[4], which the result of these inputs");
}
END_TEST

static wg_var expand_to_twice(wg_tape *t, const wg_var *inputs, const void *attributes) {
    (void)t, (void)attributes;
    return wg_add(inputs[0], inputs[0]);
}
static wg_var expand_to_nothing(wg_tape *t, const wg_var *inputs, const void *attributes) {
    (void)t, (void)inputs, (void)attributes;
    return WG_NONE;
}

START_TEST(an_expansion_of_another_type) {
    static const wg_op op = {
        .name = "my_op", .inputs = 1, .outputs = 1, .infer = infer_four, .expand = expand_to_twice};
    ck_assert(wg_valid(wg_apply(&op, ones(4))));
    wg_apply(&op, ones(3));
    assert_error(tape, WG_ERROR_SHAPE, "my_op: it expands to f32[3], and its shape rule says f32[4]");
}
END_TEST

START_TEST(an_expansion_into_nothing) {
    static const wg_op op = {
        .name = "my_op", .inputs = 1, .outputs = 1, .infer = infer_four, .expand = expand_to_nothing};
    ck_assert(!wg_valid(wg_apply(&op, ones(4))));
    assert_error(tape, WG_ERROR_TAPE, "my_op: its expansion is no var of this tape");
}
END_TEST

START_TEST(two_outputs_of_a_composed_op) {
    static const wg_op op = {
        .name = "my_op", .inputs = 1, .outputs = 2, .infer = infer_four, .expand = expand_to_twice};
    wg_apply(&op, ones(4));
    assert_error(tape, WG_ERROR_UNSUPPORTED, "my_op: an op that is composed of others");
}
END_TEST

/* Both tapes have the error. */
START_TEST(vars_of_two_tapes) {
    wg_tape *other = wg_tape_new();
    wg_add(ones(2), wg_scalar(other, 1.0));
    assert_error(tape, WG_ERROR_TAPE, "add: input 1 is a var of another tape");
    assert_error(other, WG_ERROR_TAPE, "add: input 1 is a var of this tape, used on another one");
    wg_tape_free(other);
}
END_TEST

START_TEST(a_var_of_before_the_clear) {
    wg_var x = ones(2);
    wg_tape_clear(tape);
    ck_assert(!wg_valid(x));
    wg_neg(x);
    assert_error(tape, WG_ERROR_STALE, "neg: input 0 is stale: its tape has been cleared since");
}
END_TEST

START_TEST(no_var_where_one_is_needed) {
    wg_add(ones(2), WG_NONE);
    assert_error(tape, WG_ERROR_TAPE, "add: input 1 is no var");
}
END_TEST

START_TEST(a_random_name_met_twice) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_dropout(model, "drop", ones(2), 0.5);
    wg_scope(tape, "again");
    wg_dropout(model, "drop", ones(2), 0.5); /* within a scope it is another name */
    wg_scope_end(tape);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    wg_dropout(model, "drop", ones(2), 0.5);
    assert_error(tape, WG_ERROR_NAME, "dropout: the random name \"drop\" is met twice on this tape");
    wg_tape_clear(tape);
    wg_model_free(model);
}
END_TEST

/* --- Gradients ----------------------------------------------------------------------------------- */

START_TEST(the_gradient_of_many_elements_without_a_seed) {
    wg_var x = ones(2);
    wg_grad(wg_neg(x), x);
    assert_error(tape, WG_ERROR_GRADIENT,
                 "wg_grad: y is f32[2]; the gradient of more than one element needs a seed");
}
END_TEST

START_TEST(the_gradient_for_something_not_on_the_tape) {
    wg_tape *other = wg_tape_new();
    wg_grad(wg_sum(ones(2), WG_ALL_AXES), wg_scalar(other, 1.0));
    assert_error(tape, WG_ERROR_TAPE, "wg_grad: x is a var of another tape");
    wg_tape_free(other);
}
END_TEST

START_TEST(the_gradient_for_whole_numbers) {
    wg_var x = whole(0, 1);
    wg_grad(wg_sum(wg_cast(x, WG_F32), WG_ALL_AXES), x);
    assert_error(tape, WG_ERROR_GRADIENT, "wg_grad: x is i32[2]; only f32 and f64 have gradients");
}
END_TEST

START_TEST(a_gradient_that_an_op_blocks) {
    wg_var x = ones(2);
    wg_var y = wg_sum(wg_cast(wg_argmax(x, 0), WG_F32), WG_ALL_AXES);
    ck_assert_int_eq(wg_connection_of(y, x), WG_BLOCKED);
    wg_grad(y, x);
    assert_error(tape, WG_ERROR_GRADIENT, "blocked by an op without gradient: argmax, recorded at ");
}
END_TEST

/* --- As the tape is evaluated */

START_TEST(a_class_out_of_range) {
    wg_var loss = wg_softmax_cross_entropy(ones(2, 3), whole(0, 7));
    ck_assert_int_eq(wg_tape_status(tape), WG_OK); /* known only from the data */
    ck_assert_int_eq(wg_eval(loss), WG_ERROR_INDEX);
    ck_assert(isnan(wg_item(loss)));
    assert_error(tape, WG_ERROR_INDEX, "softmax_cross_entropy: row 1 has class 7; there are 3 classes");
}
END_TEST

START_TEST(an_index_out_of_range) {
    ck_assert_int_eq(wg_eval(wg_gather(ones(2, 3), whole(0, -4), 1)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "gather: index -4 at place 1 is out of range: the axis has 3 rows");
}
END_TEST

START_TEST(numbers_that_are_not_finite_are_laid_to_the_op_that_made_them) {
    wg_var x = wg_log(wg_neg(ones(2)));
    ck_assert_int_eq(wg_eval(wg_check_finite(wg_mul(x, x))), WG_ERROR_NOT_FINITE);
    assert_error(tape, WG_ERROR_NOT_FINITE,
                 "log: the result f32[2] holds NaN or infinity; nothing was assigned (");
}
END_TEST

START_TEST(state_that_has_been_overwritten_since_it_was_read) {
    wg_tensor *zeros = wg_tensor_new(WG_F32, WG_SHAPE(2), NULL);
    wg_state *state = wg_state_new(zeros, NULL);
    wg_var x = wg_read(tape, state), y = wg_exp(x), late = wg_neg(x);
    wg_assign(state, y);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_int_eq(wg_eval(late), WG_ERROR_STALE);
    assert_error(tape, WG_ERROR_STALE, "a state has been overwritten since it was read here");
    wg_tape_clear(tape);
    wg_state_free(state);
    wg_tensor_free(zeros);
}
END_TEST

START_TEST(a_state_assigned_twice_or_what_it_cannot_hold) {
    wg_tensor *zeros = wg_tensor_new(WG_F32, WG_SHAPE(2), NULL);
    wg_state *state = wg_state_new(zeros, NULL);
    ck_assert_int_eq(wg_assign(state, ones(3)), WG_ERROR_SHAPE);
    assert_error(tape, WG_ERROR_SHAPE, "wg_assign: the value is f32[3], the state holds f32[2]");
    ck_assert_int_eq(wg_assign(state, ones(2)), WG_OK);
    ck_assert_int_ne(wg_assign(state, ones(2)), WG_OK);
    assert_error(tape, WG_ERROR_TAPE, "wg_assign: this state has been assigned already");
    wg_tape_clear(tape);
    wg_state_free(state);
    wg_tensor_free(zeros);
}
END_TEST

/* --- Where, and what then */

START_TEST(an_error_names_the_scope_and_the_programs_line) {
    char place[256];
    wg_scope(tape, "block1");
    wg_scope(tape, "fc2");
    snprintf(place, sizeof place, "(scope \"block1/fc2\", %s:%d)", __FILE__, __LINE__ + 1);
    wg_matmul(ones(2, 3), ones(4, 5));
    wg_scope_end(tape);
    wg_scope_end(tape);
    assert_error(tape, WG_ERROR_SHAPE, place);
}
END_TEST

START_TEST(an_error_at_run_time_names_the_line_where_the_op_was_recorded) {
    char place[256];
    snprintf(place, sizeof place, "%s:%d)", __FILE__, __LINE__ + 1);
    wg_var y = wg_gather(ones(2, 3), whole(0, 7), 1);
    wg_eval(y);
    assert_error(tape, WG_ERROR_INDEX, place);
}
END_TEST

START_TEST(an_error_names_the_line_of_the_call_not_of_its_arguments) {
    char place[256];
    wg_tensor *zeros = wg_tensor_new(WG_F32, WG_SHAPE(2), NULL);
    wg_state *state = wg_state_new(zeros, NULL);
    wg_var x = ones(3), index = whole(0, 1), gradients[2];
    snprintf(place, sizeof place, "(%s:%d)", __FILE__, __LINE__ + 1);
    wg_assign(state, x);
    assert_error(tape, WG_ERROR_SHAPE, place);
    snprintf(place, sizeof place, "(%s:%d)", __FILE__, __LINE__ + 1);
    wg_grad(wg_sum(x, WG_ALL_AXES), index);
    assert_error(tape, WG_ERROR_GRADIENT, place);
    snprintf(place, sizeof place, "(%s:%d)", __FILE__, __LINE__ + 1);
    wg_grad_list(x, WG_NONE, (wg_var[]){x, x}, 2, gradients);
    assert_error(tape, WG_ERROR_GRADIENT, place);
    wg_state_free(state);
    wg_tensor_free(zeros);
}
END_TEST

START_TEST(the_first_error_stays_until_it_is_recovered) {
    wg_var good = wg_scalar(tape, 2.0);
    wg_var bad = wg_reshape(ones(2), WG_SHAPE(3));
    ck_assert(!wg_valid(bad));
    wg_var later = wg_add(wg_matmul(bad, bad), wg_sum(ones(2, 2), WG_AXES(7)));
    ck_assert(!wg_valid(later) && !wg_valid(wg_grad(later, good)));
    ck_assert_int_eq(wg_eval(later, good), WG_ERROR_SHAPE);
    ck_assert(isnan(wg_item(later)) && wg_value(later) == NULL);
    wg_tape_clear(tape); /* does not swallow it */
    ck_assert_int_eq(wg_tape_status(tape), WG_ERROR_SHAPE);
    assert_error(tape, WG_ERROR_SHAPE, "reshape: ");
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    ck_assert_str_eq(wg_tape_message(tape), "");
}
END_TEST

START_TEST(vars_from_before_the_error_stay_good) {
    wg_var x = wg_scalar(tape, 2.0), y = wg_square(x);
    wg_reshape(y, WG_SHAPE(3));
    ck_assert_int_eq(wg_tape_recover(tape, NULL), WG_ERROR_SHAPE);
    ck_assert_double_eq(value_of(y), 4.0);
    ck_assert_double_eq(value_of(wg_grad(y, x)), 4.0);
}
END_TEST

START_TEST(an_error_of_the_programs_own_sticks_like_any_other) {
    ck_assert(!wg_valid(wg_fail(tape, WG_ERROR_ATTRIBUTE, "my_layer: %d heads", 3)));
    wg_reshape(ones(2), WG_SHAPE(3));
    assert_error(tape, WG_ERROR_ATTRIBUTE, "my_layer: 3 heads");
}
END_TEST

START_TEST(a_report_is_one_line_and_heals_the_tape) {
    char text[1024];
    FILE *stream = fmemopen(text, sizeof text, "w");
    wg_reshape(ones(2), WG_SHAPE(3));
    ck_assert_int_eq(wg_report(stream, tape), WG_ERROR_SHAPE);
    fclose(stream);
    ck_assert_int_eq(strncmp(text, "error: reshape: ", 16), 0);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
}
END_TEST

START_TEST(a_report_says_which_setting_left_no_tape) {
    char text[1024];
    setenv("WG_ISA", "mmx", 1);
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_int_eq(wg_report(stream, NULL), WG_ERROR_UNSUPPORTED);
    fclose(stream);
    unsetenv("WG_ISA");
    ck_assert_message_contains(text, "error: no tape: there is no instruction set \"mmx\"");
}
END_TEST

START_TEST(calls_on_no_tape_are_harmless) {
    wg_var x = wg_scalar(NULL, 1.0), y = wg_add(x, wg_mul(x, x));
    ck_assert(!wg_valid(y) && isnan(wg_item(y)) && wg_value(y) == NULL);
    ck_assert_int_eq(wg_tape_status(NULL), WG_ERROR_MEMORY);
    ck_assert_int_ne(wg_eval(y), WG_OK);
    wg_tape_clear(NULL);
    wg_tape_free(NULL);
}
END_TEST

WG_TAPE_SUITE("tape/errors", shapes_that_do_not_broadcast, dtypes_that_are_mixed, inner_sizes_of_a_product,
              a_kernel_larger_than_the_padded_input, groups_that_do_not_divide, a_negative_stride,
              one_number_for_both_axes_and_one_for_each, an_axis_out_of_range_or_named_twice,
              a_reshape_to_another_size, more_elements_than_can_be_counted,
              more_bytes_of_buffers_than_can_be_counted, a_view_of_another_size,
              an_elementwise_op_of_another_shape, an_expansion_of_another_type, an_expansion_into_nothing,
              two_outputs_of_a_composed_op, vars_of_two_tapes, a_var_of_before_the_clear,
              no_var_where_one_is_needed, a_random_name_met_twice,
              the_gradient_of_many_elements_without_a_seed, the_gradient_for_something_not_on_the_tape,
              the_gradient_for_whole_numbers, a_gradient_that_an_op_blocks, a_class_out_of_range,
              an_index_out_of_range, numbers_that_are_not_finite_are_laid_to_the_op_that_made_them,
              state_that_has_been_overwritten_since_it_was_read,
              a_state_assigned_twice_or_what_it_cannot_hold, an_error_names_the_scope_and_the_programs_line,
              an_error_at_run_time_names_the_line_where_the_op_was_recorded,
              an_error_names_the_line_of_the_call_not_of_its_arguments,
              the_first_error_stays_until_it_is_recovered, vars_from_before_the_error_stay_good,
              an_error_of_the_programs_own_sticks_like_any_other, a_report_is_one_line_and_heals_the_tape,
              a_report_says_which_setting_left_no_tape, calls_on_no_tape_are_harmless)
