/* What recording promises: names and attributes can be looked up, the order of recording never matters, weak
 * scalars take the dtype of what they meet, and "no gradient", "stopped" and "independent" are told apart. */
#include "tape_suite.h"
#include <math.h>
#include <stdio.h>

/* --- Reflection --------------------------------------------------------------------------------------- */

START_TEST(ops_are_found_by_name_and_by_number) {
    ck_assert_int_gt(wg_op_count(), 40);
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        ck_assert_ptr_eq(wg_op_find(op->name), op); /* so no two have one name */
        ck_assert_msg(op->formula && *op->formula, "%s has no formula", op->name);
        ck_assert_msg(op->samples != NULL, "%s has no samples", op->name);
        ck_assert_msg(op->forward || op->expand || op->flags & WG_VIEW, "%s has no kernel", op->name);
    }
    ck_assert_ptr_null(wg_op_find("no such op"));
    ck_assert_ptr_null(wg_op_find(NULL));
    ck_assert_ptr_null(wg_op_at(-1));
    ck_assert_ptr_null(wg_op_at(wg_op_count()));
}
END_TEST

START_TEST(attributes_lie_within_their_struct_and_presets_within_their_range) {
    int met = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        for (const wg_attribute *a = op->attributes; a && a->name; a++, met++) {
            ck_assert_msg(a->offset < op->attributes_size, "%s: %s lies outside", op->name, a->name);
            ck_assert_msg(!a->bounded || a->low <= a->high, "%s: %s has no range", op->name, a->name);
            /* 0 where it must be given: then 0 is out of range, and leaving it out is an error */
            ck_assert_msg(!a->bounded || (a->preset >= a->low && a->preset <= a->high) || a->preset == 0,
                          "%s: the preset of %s is out of its range", op->name, a->name);
        }
    }
    ck_assert_int_gt(met, 20);
}
END_TEST

START_TEST(an_op_is_recorded_by_its_name_with_attributes_as_text) {
    const double numbers[] = {1, 2, 3, 4, 5, 6};
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2, 3), numbers);
    const wg_var one[] = {x, WG_END_};
    assert_values(wg_apply_named(tape, "sum", one, "axes=1 keepdims=1"), 0, 6.0, 15.0);
    assert_values(wg_apply_named(tape, "sum", one, ""), 0, 21.0);
    assert_values(wg_apply_named(tape, "reshape", one, "shape=3,-1"), 0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
    const wg_var two[] = {x, x, WG_END_};
    assert_values(wg_apply_named(tape, "matmul", two, "transpose_b=1"), 0, 14.0, 32.0, 32.0, 77.0);
}
END_TEST

START_TEST(wrong_names_and_wrong_texts_are_errors) {
    const wg_var one[] = {wg_scalar(tape, 1), WG_END_};
    wg_apply_named(tape, "summ", one, "");
    assert_error(tape, WG_ERROR_NAME, "summ");
    wg_apply_named(tape, "sum", one, "axis=1");
    assert_error(tape, WG_ERROR_ATTRIBUTE, "axis");
    wg_apply_named(tape, "sum", one, "axes=one");
    assert_error(tape, WG_ERROR_ATTRIBUTE, "axes");
}
END_TEST

START_TEST(attributes_are_written_as_they_are_read) {
    const double numbers[36] = {1};
    wg_var image = wg_array(tape, WG_F64, WG_SHAPE(1, 1, 6, 6), numbers);
    const wg_var inputs[] = {image, WG_END_};
    const wg_op *pool = wg_op_find("max_pool2d");
    int64_t attributes[64] = {2, 3, 0, 1, 2, 0, 1, 0, 1, 0, 0, 0, 1, 1}; /* kernel, stride, padding, dilation */
    ck_assert_uint_le(pool->attributes_size, sizeof attributes);
    char text[200];
    static const char written[] =
        "kernel=2,3 stride=1,2 padding=1,0,1,0 dilation=1,1 auto_pad=0 ceil_mode=0";
    ck_assert_int_gt(wg_attributes_text(pool, attributes, text, sizeof text), 0);
    ck_assert_str_eq(text, written);
    const wg_type named = wg_type_of(wg_apply_named(tape, "max_pool2d", inputs, text));
    const wg_type plain =
        wg_type_of(wg_max_pool2d(image, .kernel_hw = {2, 3}, .stride_hw = {1, 2}, .padding_hw = {1, 0}));
    ck_assert_int_eq(memcmp(&named, &plain, sizeof named), 0);
    ck_assert_int_eq(wg_attributes_text(pool, attributes, text, 4),
                     (int)strlen(written));
    ck_assert_str_eq(text, "ker");
}
END_TEST

/* --- Order --------------------------------------------------------------------------------------- */

/* f(x) = sum of products of x's sine, exponential and square, recorded in one of two orders. */
static double gradient_in_order(bool reversed, wg_engine_counters *counters) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 1);
    wg_tape *own = wg_tape_new(.engine = engine);
    const float number = 0.7f;
    wg_var x = wg_array(own, WG_F32, WG_SHAPE(1), &number), sine, exponential, square;
    for (int round = 0; round < 2; round++) {
        if (round == 1) {
            wg_tape_clear(own);
            x = wg_array(own, WG_F32, WG_SHAPE(1), &number);
            reversed = !reversed; /* the other order finds the same plan */
        }
        if (reversed)
            square = wg_square(x), exponential = wg_exp(x), sine = wg_sin(x);
        else
            sine = wg_sin(x), exponential = wg_exp(x), square = wg_square(x);
        wg_var y = wg_add(wg_mul(sine, exponential), wg_mul(square, sine));
        y = wg_grad(y, x);
        ck_assert_int_eq(wg_eval(y), WG_OK);
        if (round == 1) {
            const double result = wg_item(y);
            *counters = wg_engine_count(engine);
            wg_tape_free(own);
            wg_engine_free(engine);
            return result;
        }
    }
    return NAN;
}

START_TEST(the_order_of_recording_changes_neither_bits_nor_plan) {
    wg_engine_counters first, second;
    const double one = gradient_in_order(false, &first), other = gradient_in_order(true, &second);
    ck_assert_double_eq(one, other);
    ck_assert_uint_eq(first.plans_made, 1);
    ck_assert_uint_eq(first.plans_found, 1);
    ck_assert_uint_eq(second.plans_made, 1);
}
END_TEST

enum { STEPS = 3, MOST_WEIGHTS = 200 };

static wg_var branch(wg_model *model, wg_var x, const char *name) {
    wg_scope(x.tape, name);
    wg_var y = wg_tanh(wg_linear(model, "fc", wg_dropout(model, "drop", x, 0.3), 5));
    wg_scope_end(x.tape);
    return y;
}

/* Steps of a fresh model of two branches, one recorded before the other or after it; how many weights it has. */
static int train_branches(wg_engine *engine, bool reversed, double weights[MOST_WEIGHTS]) {
    static const float numbers[] = {0.5f, -1, 2, 0.25f, 1, 3, -2, 0.75f};
    wg_model *model = wg_model_new(.seed = 5);
    wg_optimizer *adam = wg_adamw(model, 1e-2, .clip_norm = 0.5);
    wg_tape *own = wg_tape_new(.engine = engine);
    for (int step = 0; step < STEPS; step++, wg_tape_clear(own)) {
        wg_var x = wg_array(own, WG_F32, WG_SHAPE(2, 4), numbers), left, right;
        if (reversed)
            right = branch(model, x, "right"), left = branch(model, x, "left");
        else
            left = branch(model, x, "left"), right = branch(model, x, "right");
        wg_var loss = wg_mean(wg_square(wg_sub(left, wg_mul(right, left))), WG_ALL_AXES);
        wg_minimize(adam, loss);
        ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(own));
    }
    int count = 0;
    for (int i = 0; i < wg_model_count(model); i++) {
        const wg_tensor *tensor = wg_state_tensor(wg_model_parameter(model, i)->state);
        for (int64_t k = 0; k < wg_tensor_count(tensor) && count < MOST_WEIGHTS; k++)
            weights[count++] = wg_tensor_get(tensor, k);
    }
    wg_tape_free(own);
    wg_optimizer_free(adam);
    wg_model_free(model);
    return count;
}

START_TEST(training_steps_recorded_in_two_orders_have_the_same_bits_and_plans) {
    double one[MOST_WEIGHTS], other[MOST_WEIGHTS];
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    const int count = train_branches(engine, false, one);
    const uint64_t made = wg_engine_count(engine).plans_made;
    ck_assert_int_eq(count, 2 * (4 * 5 + 5));
    ck_assert_int_eq(train_branches(engine, true, other), count);
    ck_assert_int_eq(memcmp(one, other, (size_t)count * sizeof *one), 0);
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, made);
    wg_engine_free(engine);
}
END_TEST

START_TEST(a_weak_scalar_takes_the_dtype_of_the_tensor_it_meets) {
    const float single[] = {1, 2};
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(2), single), two = wg_scalar(tape, 2);
    ck_assert_int_eq(wg_type_of(wg_mul(two, x)).dtype, WG_F32);
    ck_assert_int_eq(wg_type_of(wg_mul(two, two)).dtype, WG_F64);
    ck_assert_int_eq(wg_type_of(wg_mul(wg_mul(two, two), x)).dtype, WG_F32); /* still weak */
    wg_add(x, wg_cast(two, WG_F64));                                         /* no longer */
    assert_error(tape, WG_ERROR_DTYPE, "wg_cast");
}
END_TEST

/* --- Gradients that are not there ----------------------------------------------------------------------- */

START_TEST(no_path_a_stopped_path_and_a_blocked_path_are_told_apart) {
    wg_var x = wg_scalar(tape, 0.5), other = wg_scalar(tape, 2);
    wg_var independent = wg_sin(other), stopped = wg_mul(other, wg_stop_gradient(x));
    wg_var blocked = wg_where(wg_less(x, other), other, wg_scalar(tape, 1));
    ck_assert_int_eq(wg_connection_of(wg_sin(x), x), WG_CONNECTED);
    ck_assert_int_eq(wg_connection_of(independent, x), WG_INDEPENDENT);
    ck_assert_int_eq(wg_connection_of(stopped, x), WG_STOPPED);
    ck_assert_int_eq(wg_connection_of(blocked, x), WG_BLOCKED);
    ck_assert_double_eq(value_of(wg_grad(independent, x)), 0);
    ck_assert_double_eq(value_of(wg_grad(stopped, x)), 0);
    wg_grad(blocked, x);
    assert_error(tape, WG_ERROR_GRADIENT, "less");
}
END_TEST

START_TEST(one_open_path_beside_a_stopped_and_a_blocked_one_is_the_gradient) {
    wg_var x = wg_scalar(tape, 3);
    wg_var y = wg_add(wg_mul(x, wg_stop_gradient(x)), wg_where(wg_less(x, wg_scalar(tape, 5)), x, wg_neg(x)));
    ck_assert_double_eq(value_of(wg_grad(y, x)), 4); /* 3 through the product, 1 through where's branch */
}
END_TEST

START_TEST(only_what_lies_between_is_recorded) {
    wg_var x = wg_scalar(tape, 0.5), w = wg_scalar(tape, 2), y = w;
    for (int i = 0; i < 100; i++) y = wg_sin(y); /* does not lead to x */
    y = wg_mul(x, y);
    const uint32_t before = wg_tape_nodes(tape);
    wg_grad(y, x);
    ck_assert_uint_le(wg_tape_nodes(tape) - before, 3);
}
END_TEST

START_TEST(gradients_for_many_inputs_are_one_pass) {
    enum { INPUTS = 50 };
    wg_var inputs[INPUTS], gradients[INPUTS], y = wg_scalar(tape, 0);
    for (int i = 0; i < INPUTS; i++) y = wg_sin(wg_add(wg_mul(y, y), inputs[i] = wg_scalar(tape, i)));
    const uint32_t before = wg_tape_nodes(tape);
    ck_assert_int_eq(wg_grad_list(y, WG_NONE, inputs, INPUTS, gradients), WG_OK);
    ck_assert_uint_le(wg_tape_nodes(tape) - before, 10 * INPUTS);
}
END_TEST

/* --- Values -------------------------------------------------------------------------------------- */

START_TEST(only_what_was_asked_for_or_kept_has_a_value) {
    wg_var x = wg_scalar(tape, 0.5), hidden = wg_sin(x), kept = wg_keep(wg_cos(x));
    wg_var y = wg_mul(hidden, kept);
    ck_assert(isnan(wg_item(y)));
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_double_eq_tol(wg_item(y), sin(0.5) * cos(0.5), 1e-15);
    ck_assert_ptr_null(wg_value(hidden));
    ck_assert_double_eq_tol(wg_item(kept), cos(0.5), 1e-15);
    ck_assert_int_eq(wg_eval(hidden), WG_OK);
    ck_assert_ptr_null(wg_value(y));
    ck_assert_ptr_nonnull(wg_value(kept)); /* until the tape is cleared */
}
END_TEST

START_TEST(peek_evaluates_without_assigning) {
    const double number = 1;
    wg_tensor *one = wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &number, NULL);
    wg_state *state = wg_state_new(one, NULL);
    wg_var next = wg_add(wg_read(tape, state), wg_scalar(tape, 1));
    ck_assert_int_eq(wg_assign(state, next), WG_OK);
    ck_assert_int_eq(wg_peek(next), WG_OK);
    ck_assert_double_eq(wg_item(next), 2);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(state), 0), 1);
    ck_assert_int_eq(wg_eval(next), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(state), 0), 2);
    ck_assert_int_eq(wg_eval(next), WG_ERROR_STALE); /* never a mixture of old and new */
    wg_tape_recover(tape, NULL);
    wg_tape_clear(tape);
    wg_state_free(state);
    wg_tensor_free(one);
}
END_TEST

START_TEST(states_that_swap_see_each_others_old_content) {
    const double numbers[] = {1, 2};
    wg_state *states[2];
    for (int i = 0; i < 2; i++) {
        wg_tensor *tensor = wg_tensor_over(WG_F64, WG_SCALAR_SHAPE, &numbers[i], NULL);
        states[i] = wg_state_new(tensor, NULL);
        wg_tensor_free(tensor);
    }
    wg_var a = wg_read(tape, states[0]), b = wg_read(tape, states[1]);
    wg_assign(states[0], b);
    wg_assign(states[1], a);
    ck_assert_int_eq(wg_eval(wg_add(a, b)), WG_OK);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(states[0]), 0), 2);
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(states[1]), 0), 1);
    wg_tape_clear(tape);
    wg_state_free(states[0]);
    wg_state_free(states[1]);
}
END_TEST

START_TEST(a_description_names_op_type_scope_line_and_value) {
    wg_scope(tape, "block1");
    wg_var y = wg_mul(wg_scalar(tape, 3), wg_scalar(tape, 2));
    wg_scope_end(tape);
    wg_eval(y);
    const char *text = wg_describe(y);
    ck_assert_message_contains(text, "mul");
    ck_assert_message_contains(text, "f64[]");
    ck_assert_message_contains(text, "block1");
    ck_assert_message_contains(text, "test_tape_record.c:");
    ck_assert_message_contains(text, "6");
}
END_TEST

WG_TAPE_SUITE("tape/record", ops_are_found_by_name_and_by_number,
              attributes_lie_within_their_struct_and_presets_within_their_range,
              an_op_is_recorded_by_its_name_with_attributes_as_text, wrong_names_and_wrong_texts_are_errors,
              attributes_are_written_as_they_are_read, the_order_of_recording_changes_neither_bits_nor_plan,
              training_steps_recorded_in_two_orders_have_the_same_bits_and_plans,
              a_weak_scalar_takes_the_dtype_of_the_tensor_it_meets,
              no_path_a_stopped_path_and_a_blocked_path_are_told_apart,
              one_open_path_beside_a_stopped_and_a_blocked_one_is_the_gradient,
              only_what_lies_between_is_recorded, gradients_for_many_inputs_are_one_pass,
              only_what_was_asked_for_or_kept_has_a_value, peek_evaluates_without_assigning,
              states_that_swap_see_each_others_old_content, a_description_names_op_type_scope_line_and_value)
