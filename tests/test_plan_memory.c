/* What a plan says before it runs is what is measured afterwards: the arena's high-water mark to the byte.
 * And what states will hold is written where it belongs, when all that reads the old content is over. */
#include "run/evaluation.h"
#include "countdown.h"
#include "pairs.h"
#include "suite.h"
#include <math.h>
#include <stdio.h>

static wg_engine *engine;
static wg_tape *tape;

static void open_tape(void) {
    engine = wg_engine_new(NULL, .threads = 2, .poison = true);
    tape = wg_tape_new(.engine = engine);
}
static void close_tape(void) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

/* How far into the arena anything has been written, whatever was poisoned since. */
static size_t high_water(const wg_plan *plan, const char *arena) {
    for (size_t at = plan->arena_bytes + 4096; at-- > 0;) {
        char poison[8];
        wg_poison(poison, sizeof poison);
        if (arena[at] != poison[at % 8]) return at + 1;
    }
    return 0;
}

static wg_var network(wg_model *model, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv1", x, 8, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv2", x, 16, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 32));
    return wg_linear(model, "fc2", x, 10);
}

enum { BATCH = 8, SIZE = 12 };

static wg_var record_step(wg_model *model, wg_optimizer *optimizer) {
    static float pictures[BATCH * SIZE * SIZE];
    int64_t classes[BATCH];
    for (int i = 0; i < BATCH * SIZE * SIZE; i++) pictures[i] = (float)(i % 17) / 17;
    for (int i = 0; i < BATCH; i++) classes[i] = i % 10;
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(BATCH, 1, SIZE, SIZE), pictures);
    wg_var y = wg_array(tape, WG_I64, WG_SHAPE(BATCH), classes);
    wg_var loss = wg_softmax_cross_entropy(network(model, x), y);
    wg_minimize(optimizer, loss);
    return loss;
}

START_TEST(the_arena_is_written_up_to_the_byte_that_was_foretold) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *optimizer = wg_sgd(model, 0.1, .momentum = 0.9);
    wg_var loss = record_step(model, optimizer);
    ck_assert_int_eq(wg_prepare(loss), WG_OK);
    wg_plan_info info = {0};
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    ck_assert_uint_eq(engine->arenas.count, 0); /* nothing has been allocated */
    ck_assert(isnan(wg_item(loss)));

    wg_arena arena;
    const wg_plan *plan = wg_evaluation_latest(tape)->plan;
    ck_assert(wg_arena_take(engine, info.peak + 8192, &arena)); /* to be found and used by the run */
    wg_poison(arena.memory, arena.bytes);
    wg_arena_return(engine, &arena);
    engine->poison = false; /* of the run itself: it would cover the traces */
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    ck_assert_uint_eq(wg_engine_count(engine).plans_found, 1);
    ck_assert_uint_eq(high_water(plan, (const char *)arena.memory + info.workspace), info.arena);
    printf("parameters %zu, activations %zu, gradients %zu, arena %zu, workspace %zu, peak %zu bytes; %.0f "
           "FLOPs\n",
           info.parameters, info.activations, info.gradients, info.arena, info.workspace, info.peak,
           info.flops);
    ck_assert_uint_le(info.live, info.arena);
    wg_plan_buffer buffers[64];
    const size_t live = wg_plan_live(tape, info.peak_moment, buffers, 64);
    size_t bytes = 0;
    for (size_t i = 0; i < live && i < 64; i++) bytes += buffers[i].bytes;
    ck_assert_uint_eq(bytes, info.live);
    wg_optimizer_free(optimizer);
    wg_model_free(model);
}
END_TEST

/* No copy of weights or of the optimizer's memory: all new content is made in place. */
START_TEST(states_are_updated_where_they_lie) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *optimizer = wg_adamw(model, 1e-3, .clip_norm = 1.0);
    for (int step = 0; step < 2; step++, wg_tape_clear(tape))
        ck_assert_int_eq(wg_eval(record_step(model, optimizer)), WG_OK);
    ck_assert_int_eq(wg_prepare(record_step(model, optimizer)), WG_OK);
    const wg_plan *plan = wg_evaluation_latest(tape)->plan;
    ck_assert_uint_gt(plan->low.count.assigns, 16);
    ck_assert_uint_eq(plan->copies.count, 0);
    wg_optimizer_free(optimizer);
    wg_model_free(model);
}
END_TEST

/* u, v <- v, u + 10 v; and what reads the old u after v is computed still finds it. */
START_TEST(assigns_read_the_old_content_of_one_another) {
    wg_state *u = state_of(1, 2), *v = state_of(3, 4);
    wg_var old_u = wg_read(tape, u), old_v = wg_read(tape, v);
    wg_assign(u, old_v);
    wg_assign(v, wg_add(old_u, wg_mul(old_v, wg_scalar(tape, 10))));
    wg_var reversed = wg_slice(old_u, 0, -1, WG_SLICE_TO_FRONT, .step = -1),
           same = wg_reshape(old_u, WG_SHAPE(1, 2));
    ck_assert_int_eq(wg_eval(reversed, same, old_v), WG_OK);
    ck_assert_double_eq(held(u, 0), 3);
    ck_assert_double_eq(held(u, 1), 4);
    ck_assert_double_eq(held(v, 0), 31);
    ck_assert_double_eq(held(v, 1), 42);
    ck_assert_double_eq(wg_tensor_get(wg_value(same), 1), 2);
    ck_assert_double_eq(wg_tensor_get(wg_value(reversed), 0), 2);
    ck_assert_double_eq(wg_tensor_get(wg_value(old_v), 0), 3);
    wg_state_free(u);
    wg_state_free(v);
}
END_TEST

/* An input of the program's may be the very memory of a state. */
START_TEST(an_input_that_lies_in_a_state_is_read_before_it_changes) {
    wg_state *u = state_of(1, 2);
    const double *memory = wg_tensor_data(wg_state_tensor(u));
    wg_tensor *backwards =
        wg_tensor_over(WG_F64, WG_SHAPE(2), memory + 1, NULL, .strides = (const int64_t[]){-1});
    wg_tensor *part = wg_tensor_over(WG_F64, WG_SHAPE(1), memory, NULL);
    wg_var x = wg_input(tape, backwards), first = wg_input(tape, part);
    wg_assign(u, wg_add(wg_mul(wg_read(tape, u), wg_scalar(tape, 100)), wg_add(x, first)));
    ck_assert_int_eq(wg_eval_list((const wg_var[]){x, WG_END_}), WG_OK);
    ck_assert_double_eq(held(u, 0), 103); /* 100 + 2 + 1 */
    ck_assert_double_eq(held(u, 1), 202); /* 200 + 1 + 1 */
    wg_tensor_free(backwards);
    wg_tensor_free(part);
    wg_state_free(u);
}
END_TEST

/* --- Again, with other inputs, and stopped -------------------------------------------------------- */

START_TEST(a_rerun_goes_on_from_what_states_and_inputs_hold_now) {
    wg_state *u = state_of(1, 2);
    wg_tensor *tens = wg_tensor_new(WG_F64, WG_SHAPE(2), NULL);
    memcpy(wg_tensor_writable(tens), (const double[]){10, 10}, 16);
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2), (const double[]){1, 1}), y = wg_add(wg_read(tape, u), x);
    ck_assert_int_eq(wg_rerun(tape), WG_ERROR_STALE); /* nothing to do again yet */
    wg_tape_recover(tape, NULL);
    wg_assign(u, y);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, 0), 3);
    ck_assert_double_eq(wg_tensor_get(wg_value(y), 1), 4);
    ck_assert_int_eq(wg_bind(x, tens), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    ck_assert_double_eq(held(u, 1), 14);
    ck_assert_uint_eq(wg_engine_count(engine).plans_made, 1);
    wg_tape_clear(tape);
    ck_assert_int_eq(wg_rerun(tape), WG_ERROR_STALE);
    wg_tensor_free(tens);
    wg_state_free(u);
}
END_TEST

START_TEST(what_cannot_be_bound_is_an_error) {
    wg_tensor *other = wg_tensor_new(WG_F32, WG_SHAPE(2), NULL);
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2), (const double[]){1, 1});
    wg_error error;
    ck_assert_int_eq(wg_bind(x, other), WG_ERROR_SHAPE);
    wg_tape_recover(tape, &error);
    ck_assert_ptr_nonnull(strstr(error.message, "f32[2]"));
    ck_assert_int_eq(wg_bind(x, NULL), WG_ERROR_TAPE);
    wg_tape_recover(tape, NULL);
    ck_assert_int_eq(wg_bind(wg_neg(x), other), WG_ERROR_TAPE);
    wg_tape_recover(tape, NULL);
    wg_tensor_free(other);
}
END_TEST

/* Wherever the program says stop, the weights are as before; and the step can be done after all. */
START_TEST(a_stopped_step_changes_nothing) {
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *optimizer = wg_adamw(model, 1e-2);
    ck_assert_int_eq(wg_eval(record_step(model, optimizer)), WG_OK);
    wg_tape_clear(tape);
    const wg_state *weight = wg_model_parameter(model, 0)->state;
    const size_t bytes = (size_t)wg_tensor_count(wg_state_tensor(weight)) * sizeof(float);
    float before[4096];
    ck_assert_uint_le(bytes, sizeof before);
    memcpy(before, wg_tensor_data(wg_state_tensor(weight)), bytes);
    int stops = 0;
    for (int status = WG_ERROR_STOPPED; status == WG_ERROR_STOPPED; wg_tape_clear(tape)) {
        countdown c = {.stop_at = ++stops};
        wg_set_stop(tape, count_down, &c);
        status = wg_eval(record_step(model, optimizer));
        const bool same = memcmp(before, wg_tensor_data(wg_state_tensor(weight)), bytes) == 0;
        if (status != WG_OK && !same)
            ck_abort_msg("stopped at question %d, and the weights have changed", stops);
        if (status == WG_OK && same) ck_abort_msg("not stopped, and the weights have not changed");
        wg_tape_recover(tape, NULL);
    }
    wg_set_stop(tape, NULL, NULL);
    ck_assert_int_gt(stops, 10);
    printf("stopped at %d places, each time without a trace\n", stops - 1);
    wg_optimizer_free(optimizer);
    wg_model_free(model);
}
END_TEST

/* The one to name is an input, and what reads it has not run. */
START_TEST(a_number_that_is_not_finite_is_found_in_an_input) {
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2), (const double[]){1, INFINITY});
    wg_var y = wg_check_finite(wg_sum(x, WG_ALL_AXES));
    wg_error error;
    ck_assert_int_eq(wg_eval(y), WG_ERROR_NOT_FINITE);
    wg_tape_recover(tape, &error);
    ck_assert_message_contains(error.message, "input: the result f64[2] holds NaN or infinity");
}
END_TEST

START_TEST(an_evaluation_node_by_node_can_be_stopped_too) {
    wg_engine *slow = wg_engine_new(NULL, .executor = WG_NODE_BY_NODE);
    wg_tape *other = wg_tape_new(.engine = slow);
    wg_state *u = state_of(1, 2);
    wg_var sine = wg_sin(wg_read(other, u));
    wg_assign(u, sine);
    for (int question = 1; question <= 2; question++) { /* before the only node, and before the assign */
        countdown c = {.stop_at = question};
        wg_set_stop(other, count_down, &c);
        ck_assert_int_eq(wg_eval(sine), WG_ERROR_STOPPED);
        wg_tape_recover(other, NULL);
        ck_assert_double_eq(held(u, 0), 1);
    }
    wg_set_stop(other, NULL, NULL);
    ck_assert_int_eq(wg_eval(sine), WG_OK);
    ck_assert_double_eq_tol(held(u, 0), sin(1), 1e-12);
    wg_tape_free(other);
    wg_engine_free(slow);
    wg_state_free(u);
}
END_TEST

START_TEST(unknown_passes_are_named) {
    wg_error error = {0};
    ck_assert_ptr_null(wg_engine_new(&error, .disable = "fuse,guess"));
    ck_assert_ptr_nonnull(strstr(error.message, "guess"));
    ck_assert_ptr_nonnull(strstr(error.message, wg_pass_at(0)->name));
    ck_assert_ptr_null(wg_pass_at(-1));
}
END_TEST

WG_SUITE_WITH("plan/memory", open_tape, close_tape, the_arena_is_written_up_to_the_byte_that_was_foretold,
              states_are_updated_where_they_lie, assigns_read_the_old_content_of_one_another,
              an_input_that_lies_in_a_state_is_read_before_it_changes,
              a_rerun_goes_on_from_what_states_and_inputs_hold_now, what_cannot_be_bound_is_an_error,
              a_stopped_step_changes_nothing, a_number_that_is_not_finite_is_found_in_an_input,
              an_evaluation_node_by_node_can_be_stopped_too, unknown_passes_are_named)
