/* A memory budget is met by computing again; the bits stay, a larger budget never costs more operations, and
 * a smaller one never needs more memory. */
#include "suite.h"
#include <stdio.h>
#include <wengert/plan.h>

static wg_engine *engine;
static wg_tape *tape;
static wg_model *model;
static wg_optimizer *optimizer;

static void begin(void) {
    engine = wg_engine_new(NULL, .threads = 2, .poison = true, .cached_plans = 100);
    tape = wg_tape_new(.engine = engine);
    model = wg_model_new(.seed = 1);
    optimizer = wg_sgd(model, 0.1, .momentum = 0.9);
}
static void end(void) {
    wg_optimizer_free(optimizer);
    wg_model_free(model);
    wg_tape_free(tape);
    wg_engine_free(engine);
}

enum { LAYERS = 64, WIDTH = 64, ROWS = 4096 };
typedef wg_var network_function(wg_var x);

static wg_tensor *numbers(const wg_shape *shape) {
    wg_tensor *tensor = wg_tensor_new(WG_F32, shape, NULL);
    float *at = wg_tensor_writable(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++) at[i] = (float)((i * 7919 + 13) % 997) / 997 - 0.4f;
    return tensor;
}

static wg_var record(network_function *network, wg_tensor *x, int64_t batch) {
    int64_t classes[ROWS];
    for (int64_t i = 0; i < batch; i++) classes[i] = i % 10;
    wg_var y = wg_array(tape, WG_I64, WG_SHAPE(batch), classes);
    wg_var loss = wg_softmax_cross_entropy(network(wg_input(tape, x)), y);
    wg_minimize(optimizer, loss);
    return loss;
}

static wg_plan_info plan_within(network_function *network, wg_tensor *x, int64_t batch, size_t budget) {
    wg_plan_info info = {0};
    wg_set_memory_budget(tape, budget);
    if (wg_prepare(record(network, x, batch)) == WG_OK) wg_plan_report(tape, &info);
    wg_tape_clear(tape);
    return info;
}

/* --- Networks ----------------------------------------------------------------------------------- */

static wg_var deep(wg_var x) {
    char name[16];
    for (int i = 0; i < LAYERS; i++) {
        snprintf(name, sizeof name, "fc%02d", i);
        x = wg_relu(wg_linear(model, name, x, WIDTH));
    }
    return wg_linear(model, "out", x, 10);
}

static wg_var cnn(wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv1", x, 32, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv2", x, 64, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 128));
    return wg_linear(model, "fc2", x, 10);
}

static wg_var with_dropout(wg_var x) {
    x = wg_max_pool2d(wg_tanh(wg_conv2d_layer(model, "conv1", x, 8, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_dropout(model, "dropout1", x, 0.25);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv2", x, 16, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 32));
    return wg_linear(model, "fc2", wg_dropout(model, "dropout2", x, 0.5), 10);
}

/* --- What is promised --------------------------------------------------------------------------- */

/* Chen, Xu, Zhang & Guestrin 2016: a forward pass more for a fraction of the memory. */
START_TEST(a_deep_network_fits_in_a_quarter_of_its_activations) {
    wg_tensor *x = numbers(WG_SHAPE(ROWS, WIDTH));
    const wg_plan_info whole = plan_within(deep, x, ROWS, 0);
    ck_assert_uint_ge(whole.activations, LAYERS * WIDTH * ROWS * sizeof(float));
    const size_t budget = whole.activations / 4;
    const wg_plan_info small = plan_within(deep, x, ROWS, budget);
    printf("activations %zu, peak %zu; within %zu: peak %zu, %zu nodes again, %.1f %% more FLOPs\n",
           whole.activations, whole.peak, budget, small.peak, small.recomputed,
           100 * (small.flops / whole.flops - 1));
    ck_assert_uint_gt(small.peak, 0);
    ck_assert_uint_le(small.peak, budget);
    ck_assert_double_le(small.flops, 1.35 * whole.flops);
    wg_tensor_free(x);
}
END_TEST

enum { MOST_PEAKS = 64 };

/* Each time a byte less than what the last plan took, until that cannot be met. Lists the peaks
 * and returns how many there were. */
static int sweep(network_function *network, wg_tensor *x, int64_t batch, size_t *budgets) {
    const wg_plan_info whole = plan_within(network, x, batch, 0);
    wg_plan_info last = whole;
    int peaks = 1;
    budgets[0] = whole.peak;
    for (; peaks < MOST_PEAKS; peaks++) {
        const size_t budget = last.peak - 1;
        const wg_plan_info plan = plan_within(network, x, batch, budget);
        if (!plan.peak) break;
        if (plan.peak > budget || plan.flops < last.flops)
            ck_abort_msg("budget %zu: peak %zu after %zu, FLOPs %.0f after %.0f", budget, plan.peak,
                         last.peak, plan.flops, last.flops);
        printf("  peak %9zu, %2zu nodes again, %2zu packed, %.2f %% more FLOPs\n", plan.peak, plan.recomputed,
               plan.packed, 100 * (plan.flops / whole.flops - 1));
        last = plan;
        budgets[peaks] = plan.peak;
    }
    wg_error error;
    ck_assert_int_eq(wg_tape_recover(tape, &error), WG_ERROR_MEMORY);
    char least[40];
    snprintf(least, sizeof least, "with is %zu bytes", last.peak);
    ck_assert_message_contains(error.message, least);
    wg_tape_clear(tape);
    return peaks;
}

START_TEST(less_memory_for_more_operations_and_never_otherwise) {
    wg_tensor *x = numbers(WG_SHAPE(64, 1, 28, 28));
    size_t budgets[MOST_PEAKS];
    const int peaks = sweep(cnn, x, 64, budgets);
    ck_assert_int_ge(peaks, 10);
    printf("cnn: %d distinct peaks\n", peaks);
    wg_tensor_free(x);
}
END_TEST

/* The weights after some steps under each budget are the same to the bit; the masks of dropout are drawn
 * again. */
START_TEST(no_bit_depends_on_the_budget) {
    enum { BATCH = UNDER_SANITIZER ? 16 : 64 };
    wg_tensor *x = numbers(WG_SHAPE(BATCH, 1, 20, 20));
    size_t budgets[MOST_PEAKS], recomputed = 0, packed = 0;
    const int peaks = sweep(with_dropout, x, BATCH, budgets);
    uint64_t bits[MOST_PEAKS];
    for (int i = 0; i < peaks; i++) {
        end();
        begin();
        wg_set_memory_budget(tape, budgets[i]);
        for (int step = 0; step < 3; step++, wg_tape_clear(tape)) {
            wg_var loss = record(with_dropout, x, BATCH);
            ck_assert_int_eq(wg_eval(loss), WG_OK);
            const double item = wg_item(loss);
            memcpy(&bits[i], &item, sizeof item);
            wg_plan_info info = {0};
            wg_plan_report(tape, &info);
            recomputed += info.recomputed;
            packed += info.packed;
            ck_assert_uint_eq(info.peak, budgets[i]);
        }
        ck_assert_uint_eq(bits[i], bits[0]);
    }
    ck_assert_int_ge(peaks, 3);
    ck_assert_uint_gt(recomputed, 0);
    ck_assert_uint_gt(packed, 0);
    printf("%d budgets, %zu nodes computed again, %zu packed, one loss\n", peaks, recomputed, packed);
    wg_tensor_free(x);
}
END_TEST

static wg_var with_region(wg_var x) {
    x = wg_relu(wg_linear(model, "fc0", x, WIDTH));
    wg_recompute_begin(tape);
    for (int i = 1; i <= 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "fc%d", i);
        x = wg_tanh(wg_linear(model, name, x, WIDTH));
    }
    wg_recompute_end(tape);
    return wg_linear(model, "out", x, 10);
}

START_TEST(a_region_is_computed_again_and_changes_no_bit) {
    wg_tensor *x = numbers(WG_SHAPE(32, WIDTH));
    uint64_t bits[2];
    for (int on = 0; on < 2; on++) {
        end();
        begin();
        if (!on) { /* the same without the pass */
            wg_tape_free(tape);
            wg_engine_free(engine);
            engine = wg_engine_new(NULL, .disable = "recompute");
            tape = wg_tape_new(.engine = engine);
        }
        double loss = 0;
        for (int step = 0; step < 3; step++, wg_tape_clear(tape)) {
            wg_var y = record(with_region, x, 32);
            ck_assert_int_eq(wg_eval(y), WG_OK);
            loss = wg_item(y);
            wg_plan_info info = {0};
            wg_plan_report(tape, &info);
            if (on) ck_assert_uint_ge(info.recomputed, 6);
            if (!on) ck_assert_uint_eq(info.recomputed, 0);
        }
        memcpy(&bits[on], &loss, sizeof loss);
    }
    ck_assert_uint_eq(bits[0], bits[1]);
    wg_tensor_free(x);
}
END_TEST

/* Nor is a budget forgotten where nothing may be computed again; node by node nobody asks for it. */
START_TEST(a_budget_is_kept_to_though_nothing_is_computed_again) {
    wg_tensor *x = numbers(WG_SHAPE(32, WIDTH));
    for (int planned = 0; planned < 2; planned++) {
        end();
        begin();
        wg_tape_free(tape);
        wg_engine_free(engine);
        engine =
            wg_engine_new(NULL, .disable = "recompute", .executor = planned ? WG_PLANNED : WG_NODE_BY_NODE);
        tape = wg_tape_new(.engine = engine);
        const size_t peak = plan_within(deep, x, 32, 0).peak;
        ck_assert_uint_eq(plan_within(deep, x, 32, peak).peak, peak);
        ck_assert_uint_eq(plan_within(deep, x, 32, peak - 1).peak, planned ? 0 : peak);
        wg_error error;
        ck_assert_int_eq(wg_tape_recover(tape, &error), planned ? WG_ERROR_MEMORY : WG_OK);
        if (planned) ck_assert_message_contains(error.message, "cannot be met");
    }
    wg_tensor_free(x);
}
END_TEST

START_TEST(a_region_that_was_not_begun_cannot_end) {
    ck_assert_int_eq(wg_recompute_end(tape), WG_ERROR_TAPE);
    wg_error error;
    wg_tape_recover(tape, &error);
    ck_assert_message_contains(error.message, "wg_recompute_begin");
}
END_TEST

/* The derivative of sin is made of x alone: computed on the way there, it would stay in place of x. */
START_TEST(derivatives_of_elementwise_layers_are_not_kept_instead_of_them) {
    wg_tensor *tensor = numbers(WG_SHAPE(64, 64));
    const size_t layer = 64 * 64 * sizeof(float);
    wg_var x = wg_input(tape, tensor), y = x;
    for (int i = 0; i < LAYERS; i++) y = wg_sin(y);
    wg_var loss = wg_sum(y, WG_ALL_AXES), gradient = wg_grad(loss, x);
    wg_plan_info without = {0}, within = {0};
    ck_assert_int_eq(wg_prepare(loss, gradient), WG_OK);
    wg_plan_report(tape, &without);
    ck_assert_uint_ge(without.arena, (LAYERS - 1) * layer);
    wg_set_memory_budget(tape, without.workspace + LAYERS / 2 * layer);
    ck_assert_int_eq(wg_prepare(loss, gradient), WG_OK);
    wg_plan_report(tape, &within);
    ck_assert_uint_le(within.arena, LAYERS / 2 * layer);
    wg_tensor_free(tensor);
}
END_TEST

/* --- Passes that are off ------------------------------------------------------------------------ */

static size_t steps_with(wg_engine *own, size_t budget) {
    wg_tape *other = wg_tape_new(.engine = own);
    wg_var x = wg_array(other, WG_F64, WG_SHAPE(2), (const double[]){1, 2}), y = wg_sin(wg_exp(wg_neg(x)));
    wg_set_memory_budget(other, budget);
    wg_plan_info info = {0};
    ck_assert_msg(wg_eval(y) == WG_OK, "%s", wg_tape_message(other));
    ck_assert_int_eq(wg_plan_report(other, &info), WG_OK);
    wg_tape_free(other);
    return info.steps;
}

START_TEST(a_pass_that_is_off_stays_off_under_a_budget) {
    wg_engine *unfused = wg_engine_new(NULL, .threads = 1, .disable = "fuse");
    ck_assert_uint_eq(steps_with(unfused, 0), 3);
    ck_assert_uint_eq(steps_with(unfused, 1 << 20), 3);
    wg_engine_free(unfused);
}
END_TEST

/* An input may be the very memory of a state: new content must not be written while another assign reads it.
 */
START_TEST(an_input_that_lies_in_a_state_is_read_before_it_changes_under_a_budget) {
    wg_tensor *start = wg_tensor_new(WG_F64, WG_SHAPE(2), NULL);
    memcpy(wg_tensor_writable(start), (const double[]){1, 2}, 16);
    wg_state *u = wg_state_new(start, NULL), *v = wg_state_new(start, NULL);
    wg_tensor *lies_in_u = wg_tensor_over(WG_F64, WG_SHAPE(2), wg_tensor_data(wg_state_tensor(u)), NULL);
    wg_assign(u, wg_mul(wg_read(tape, u), wg_scalar(tape, 100)));
    wg_assign(v, wg_add(wg_read(tape, v), wg_input(tape, lies_in_u)));
    wg_set_memory_budget(tape, 1 << 20);
    ck_assert_msg(wg_eval_list((const wg_var[]){wg_scalar(tape, 0), WG_END_}) == WG_OK, "%s",
                  wg_tape_message(tape));
    for (int i = 0; i < 2; i++) {
        ck_assert_double_eq(wg_tensor_get(wg_state_tensor(u), i), 100 * (i + 1));
        ck_assert_double_eq(wg_tensor_get(wg_state_tensor(v), i), 2 * (i + 1));
    }
    wg_tensor_free(lies_in_u);
    wg_tensor_free(start);
    wg_state_free(u);
    wg_state_free(v);
}
END_TEST

WG_SUITE_WITH("plan/budget", begin, end, a_deep_network_fits_in_a_quarter_of_its_activations,
              less_memory_for_more_operations_and_never_otherwise, no_bit_depends_on_the_budget,
              a_region_is_computed_again_and_changes_no_bit,
              a_budget_is_kept_to_though_nothing_is_computed_again,
              derivatives_of_elementwise_layers_are_not_kept_instead_of_them,
              a_region_that_was_not_begun_cannot_end, a_pass_that_is_off_stays_off_under_a_budget,
              an_input_that_lies_in_a_state_is_read_before_it_changes_under_a_budget)
