/* test_plan_follow — a kernel that follows another one in its step, run by run: a value that only the two
 * know is never stored whole, and no bit depends on it. */
#include "run/evaluation.h"
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>

enum { BATCH = 12, SIZE = 28, FILTERS = 6 };

static float pixels[BATCH * SIZE * SIZE], weights[FILTERS * 9], biases[FILTERS];

static void fill(void) {
    for (int i = 0; i < BATCH * SIZE * SIZE; i++) pixels[i] = (float)(i * 7919 % 2003) / 1001.0f - 1.0f;
    for (int i = 0; i < FILTERS * 9; i++) weights[i] = (float)(i * 31 % 17) / 8.0f - 1.0f;
    for (int i = 0; i < FILTERS; i++) biases[i] = (float)i / 4.0f - 0.5f;
}

typedef struct recipe {
    bool relu, average, keeps, gradient;
    int kernel, stride, padding, groups;
    wg_dtype dtype;
} recipe;

/* What is asked for, closed by WG_END_: pooled values, and what else the recipe says. */
static void record(wg_tape *tape, const recipe *r, wg_var asked[6]) {
    const int groups = r->groups ? r->groups : 1;
    wg_var x =
        wg_cast(wg_array(tape, WG_F32, WG_SHAPE(BATCH / groups, groups, SIZE, SIZE), pixels), r->dtype);
    wg_var w = wg_cast(wg_array(tape, WG_F32, WG_SHAPE(FILTERS, 1, 3, 3), weights), r->dtype);
    wg_var b = wg_cast(wg_array(tape, WG_F32, WG_SHAPE(FILTERS), biases), r->dtype);
    wg_var y = wg_conv2d(x, w, b, .padding = 1, .groups = groups);
    if (r->relu) y = wg_relu(y);
    wg_var z = r->average ? wg_avg_pool2d(y, .kernel = r->kernel, .stride = r->stride, .padding = r->padding)
                          : wg_max_pool2d(y, .kernel = r->kernel, .stride = r->stride, .padding = r->padding);
    int n = 0;
    asked[n++] = z;
    if (!r->average) asked[n++] = wg_output(z, 1);
    if (r->keeps) asked[n++] = y;
    if (r->gradient) {
        asked[n++] = wg_grad(wg_sum(wg_square(z), WG_ALL_AXES), w);
        asked[n++] = wg_grad(wg_sum(wg_square(z), WG_ALL_AXES), x);
    }
    asked[n] = (wg_var)WG_END_;
}

typedef struct outcome {
    uint64_t hash;
    size_t arena;
    int followed, runs; /* steps; values that are only runs */
} outcome;

static outcome run(const recipe *r, int threads, const char *disable, wg_executor executor) {
    wg_engine *engine =
        wg_engine_new(NULL, .threads = threads, .disable = disable, .executor = executor, .poison = true);
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_var asked[6];
    record(tape, r, asked);
    ck_assert_msg(wg_eval_list(asked) == WG_OK, "%s", wg_tape_message(tape));
    outcome o = {0};
    wg_plan_info info = {0};
    wg_plan_report(tape, &info);
    o.arena = info.arena;
    for (int i = 0; asked[i].tape; i++) {
        const wg_tensor *value = wg_value(asked[i]);
        const wg_type type = wg_tensor_type(value);
        o.hash = wg_hash(wg_tensor_data(value), wg_type_bytes(&type), o.hash);
    }
    const wg_plan *plan = wg_evaluation_latest(tape)->plan;
    for (size_t i = 0; i < plan->steps.count; i++) o.followed += plan->steps.at[i].followed;
    for (size_t v = 0; v < plan->low.values.count; v++) o.runs += plan->places[v].kind == WG_PLACE_RUN;
    wg_tape_free(tape);
    wg_engine_free(engine);
    return o;
}

/* By the hash of everything asked for. */
static outcome same_bits(const recipe *r) {
    const outcome expected = run(r, 1, NULL, WG_NODE_BY_NODE);
    outcome o = {0};
    static const int threads[] = {7, 2, 1};
    for (int i = 0; i < 3; i++) {
        o = run(r, threads[i], NULL, WG_PLANNED);
        ck_assert_uint_eq(o.hash, expected.hash);
    }
    ck_assert_uint_eq(run(r, 2, "overwrite,reuse", WG_PLANNED).hash, expected.hash);
    const outcome without = run(r, 2, "epilogue", WG_PLANNED);
    ck_assert_uint_eq(without.hash, expected.hash);
    ck_assert_int_eq(without.followed + without.runs, 0);
    return o;
}

START_TEST(what_is_pooled_at_once_is_never_stored_whole) {
    for (int i = 0; i < 8; i++) {
        const recipe r = {
            .relu = i & 1, .average = i & 2, .dtype = i & 4 ? WG_F64 : WG_F32, .kernel = 2, .stride = 2};
        const outcome o = same_bits(&r), without = run(&r, 2, "epilogue", WG_PLANNED);
        const size_t whole = (size_t)BATCH * FILTERS * SIZE * SIZE * wg_dtype_size(r.dtype);
        ck_assert_int_eq(o.followed, 1);
        ck_assert_int_eq(o.runs, r.relu ? 2 : 1);
        ck_assert_uint_ge(without.arena, whole);
        ck_assert_uint_lt(o.arena, whole / 2);
        if (i == 1) printf("conv, relu, pooling: arena %zu, by itself %zu\n", o.arena, without.arena);
    }
}
END_TEST

START_TEST(windows_may_overlap_and_reach_beyond_the_edge) {
    static const recipe recipes[] = {
        {.kernel = 3, .stride = 1, .dtype = WG_F32},
        {.kernel = 3, .stride = 2, .padding = 1, .relu = true, .dtype = WG_F32},
        {.kernel = 5, .stride = 3, .padding = 2, .average = true, .dtype = WG_F64},
        {.kernel = 28, .stride = 1, .relu = true, .dtype = WG_F32}};
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++)
        ck_assert_int_eq(same_bits(&recipes[i]).followed, 1);
}
END_TEST

/* By the program, or by the backward pass. */
START_TEST(what_others_read_is_stored_whole) {
    recipe r = {.relu = true, .keeps = true, .kernel = 2, .stride = 2, .dtype = WG_F32};
    outcome o = same_bits(&r);
    ck_assert_int_eq(o.followed, 1);
    ck_assert_int_eq(o.runs, 1); /* the convolution's own output */
    r.keeps = false;
    r.gradient = true;
    o = same_bits(&r);
    ck_assert_int_eq(o.followed, 1);
    ck_assert_int_eq(o.runs, 1);
    r.relu = false;
    o = same_bits(&r);
    ck_assert_int_eq(o.followed, 1);
    ck_assert_int_eq(o.runs, 1); /* the gradient of pooling reads indices alone */
}
END_TEST

START_TEST(a_kernel_that_does_not_write_in_runs_is_not_followed) {
    const recipe r = {.groups = 2, .kernel = 2, .stride = 2, .relu = true, .dtype = WG_F32};
    ck_assert_int_eq(same_bits(&r).followed, 0);
}
END_TEST

WG_SUITE_WITH("plan/follow", fill, NULL, what_is_pooled_at_once_is_never_stored_whole,
              windows_may_overlap_and_reach_beyond_the_edge, what_others_read_is_stored_whole,
              a_kernel_that_does_not_write_in_runs_is_not_followed)
