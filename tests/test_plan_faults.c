/* Wrong plans are made from real ones, one fault at a time and at every place where there is room for it.
 * Each is caught by the proof that every plan goes through before it runs, or, run with poisoned memory in a
 * process of its own, by the bits that it gives. Those that are caught by neither would be slips: there are
 * none. */
#include "plan_faults.h"
#include "suite.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static wg_engine *engine;
static wg_tape *tape;

static void open_tape(void) {
    engine = wg_engine_new(NULL, .threads = 1, .poison = true);
    tape = wg_tape_new(.engine = engine);
}
static void close_tape(void) {
    wg_tape_free(tape);
    wg_engine_free(engine);
}

/* --- Real plans ------------------------------------------------------------------------------- */

enum { BATCH = 4, SIZE = 8, STATES = 64 };

typedef struct scene {
    wg_model *model;
    wg_optimizer *optimizer;
    wg_state *state[2];
    wg_tensor *strided;
    wg_var asked[8];
} scene;

static float numbers[BATCH * SIZE * SIZE];

static wg_var input_of(const wg_shape *shape) { return wg_array(tape, WG_F32, shape, numbers); }

static void network(scene *s) {
    int64_t classes[BATCH] = {1, 2, 3, 0};
    s->model = wg_model_new(.seed = 1);
    s->optimizer = wg_adamw(s->model, 1e-2, .clip_norm = 0.5);
    wg_var x = input_of(WG_SHAPE(BATCH, 1, SIZE, SIZE));
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(s->model, "conv", x, 4, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_dropout(s->model, "drop", wg_relu(wg_linear(s->model, "fc1", wg_flatten(x, 1), 16)), 0.3);
    wg_var loss = wg_softmax_cross_entropy(wg_linear(s->model, "fc2", x, 5),
                                           wg_array(tape, WG_I64, WG_SHAPE(BATCH), classes));
    wg_minimize(s->optimizer, loss);
    s->asked[0] = loss;
}

/* Weights are used twice; intermediate values are asked for, one of them under another shape too. */
static void shared_weights(scene *s) {
    s->model = wg_model_new(.seed = 2);
    s->optimizer = wg_sgd(s->model, 0.1, .momentum = 0.9);
    wg_var x = input_of(WG_SHAPE(16, 16));
    wg_var h = wg_tanh(wg_linear(s->model, "fc", x, 16)), g = wg_tanh(wg_linear(s->model, "fc", h, 16));
    wg_var loss = wg_mean(wg_square(g), WG_ALL_AXES);
    wg_minimize(s->optimizer, loss);
    s->asked[0] = loss;
    s->asked[1] = h;
    s->asked[2] = wg_reshape(h, WG_SHAPE(256));
    s->asked[3] = wg_exp(wg_sin(g));
}

/* What a region makes is computed again for the backward pass, dropout's numbers too. */
static void recomputed(scene *s) {
    s->model = wg_model_new(.seed = 3);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = input_of(WG_SHAPE(16, 16));
    wg_recompute_begin(tape);
    for (int i = 0; i < 3; i++) {
        const char *const names[][2] = {{"a", "da"}, {"b", "db"}, {"c", "dc"}};
        x = wg_dropout(s->model, names[i][1], wg_tanh(wg_linear(s->model, names[i][0], x, 16)), 0.2);
    }
    wg_recompute_end(tape);
    s->asked[0] = wg_mean(wg_square(x), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
}

/* Memory is short, so that of two layers' values no more is kept than the backward pass needs. */
static void packed(scene *s) {
    s->model = wg_model_new(.seed = 4);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = input_of(WG_SHAPE(BATCH, 1, SIZE, SIZE)), y[2];
    for (int i = 0; i < 2; i++)
        y[i] =
            wg_max_pool2d(wg_relu(wg_conv2d_layer(s->model, i ? "b" : "a", x, 4, .kernel = 3)), .kernel = 2);
    s->asked[0] = wg_mean(wg_square(wg_mul(y[0], y[1])), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
    if (engine->disabled) return;
    wg_plan_info info = {0};
    while (wg_prepare(s->asked[0]) == WG_OK && wg_plan_report(tape, &info) == WG_OK && info.packed < 3)
        wg_set_memory_budget(tape, info.peak - 1);
    ck_assert_msg(info.packed == 3, "%s", wg_tape_message(tape));
}

/* Pooling follows two convolutions run by run; one's output is never stored whole. */
static void followed(scene *s) {
    static float images[8 * 20 * 20];
    for (int i = 0; i < 8 * 20 * 20; i++) images[i] = (float)(i * 31 % 101) / 50 - 1;
    s->model = wg_model_new(.seed = 5);
    s->optimizer = wg_sgd(s->model, 0.1);
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(8, 1, 20, 20), images), y[2];
    for (int i = 0; i < 2; i++) {
        y[i] = wg_conv2d_layer(s->model, i ? "b" : "a", x, 2, .kernel = 3, .padding = 1);
        y[i] = wg_max_pool2d(i ? wg_relu(wg_neg(y[i])) : wg_neg(y[i]), .kernel = 2);
    }
    s->asked[0] = wg_mean(wg_square(wg_mul(y[0], y[1])), WG_ALL_AXES);
    wg_minimize(s->optimizer, s->asked[0]);
}

static wg_state *state_of(const double *content) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(4), NULL);
    memcpy(wg_tensor_writable(tensor), content, 32);
    wg_state *state = wg_state_new(tensor, NULL);
    wg_tensor_free(tensor);
    return state;
}

/* u, v <- v, u + 10 v, and what lies apart in memory. */
static void swapped_states(scene *s) {
    static float apart[64];
    for (int i = 0; i < 64; i++) apart[i] = (float)i / 7;
    s->state[0] = state_of((const double[]){1, 2, 3, 4});
    s->state[1] = state_of((const double[]){5, 6, 7, 8});
    s->strided = wg_tensor_over(WG_F32, WG_SHAPE(4, 4), apart, NULL, .strides = (const int64_t[]){2, 16});
    wg_var u = wg_read(tape, s->state[0]), v = wg_read(tape, s->state[1]), x = wg_input(tape, s->strided);
    wg_assign(s->state[0], v);
    wg_assign(s->state[1], wg_add(u, wg_mul(v, wg_scalar(tape, 10))));
    s->asked[0] = u;
    s->asked[1] = wg_softmax(wg_matmul(wg_exp(wg_neg(x)), x), 1);
    s->asked[2] = wg_sum(wg_mul(x, wg_sin(x)), WG_AXES(0));
}

typedef void record(scene *s);
static record *const scenes[] = {network, shared_weights, swapped_states, recomputed, packed, followed};
static const char *const scene_names[] = {"cnn, dropout, adamw with clipping",
                                          "shared weights, aliasing results",
                                          "swapped states, strided input",
                                          "recomputed, with dropout",
                                          "packed",
                                          "followed"};
enum { SCENES = sizeof scenes / sizeof *scenes };

static void open_scene(scene *s, int number) {
    *s = (scene){0};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) numbers[i] = (float)(i % 17) / 17 - 0.3f;
    for (int i = 0; i < 8; i++) s->asked[i] = (wg_var)WG_END_;
    scenes[number](s);
}

static void close_scene(scene *s) {
    wg_tape_clear(tape);
    wg_set_memory_budget(tape, 0);
    wg_optimizer_free(s->optimizer);
    wg_model_free(s->model);
    for (int i = 0; i < 2; i++) wg_state_free(s->state[i]);
    wg_tensor_free(s->strided);
}

/* A hash of all results and of all that states hold. */
static uint64_t hash_of(const scene *s, const wg_evaluation *e) {
    uint64_t hash = 0;
    for (int i = 0; s->asked[i].tape; i++) {
        const wg_tensor *value = wg_value(s->asked[i]);
        if (value) hash = wg_hash(value->data, wg_type_bytes(&value->type), hash);
    }
    for (size_t i = 0; i < e->states.count; i++)
        hash = wg_hash(e->states.at[i]->tensor->data, wg_type_bytes(&e->states.at[i]->tensor->type), hash);
    return hash;
}

/* --- Who catches it --------------------------------------------------------------------------- */

typedef struct verdict {
    bool made, proved, same;
    size_t at;
} verdict;

/* Puts the fault into the first place from `at` on where it is one; in a process of its own: it may crash. */
static verdict try_fault(const scene *s, const plan_fault *f, size_t at, uint64_t expected, verdict *shared) {
    *shared = (verdict){.at = at};
    const pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        wg_evaluation *e = wg_evaluation_latest(tape);
        signal(SIGALRM, SIG_DFL); /* Check's handler would kill the whole test */
        alarm(20);
        setrlimit(RLIMIT_AS,
                  &(struct rlimit){1u << 30, 1u << 30}); /* a wrong plan may ask for any number of bytes */
        for (bool skipped = true; skipped; shared->at += skipped) {
            skipped = false;
            shared->made = f->make(e->plan, shared->at, &skipped);
        }
        if (!shared->made) _exit(0);
        shared->proved = wg_plan_verify(e->plan, tape, e->order.at);
        wg_tape_recover(tape, NULL);
        e->ran = true;
        if (freopen("/dev/null", "w", stderr)) {
        }
        shared->same = wg_rerun(tape) == WG_OK && hash_of(s, e) == expected;
        _exit(0);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    if (!WIFEXITED(status)) shared->same = false;
    return *shared;
}

/* What the plan gives node by node, in a process of its own: states stay as they are. */
static uint64_t expected_of(const scene *s, uint64_t *shared) {
    const pid_t child = fork();
    if (child == 0) {
        wg_evaluation *e = wg_evaluation_latest(tape);
        engine->executor = WG_NODE_BY_NODE;
        e->ran = true;
        *shared = wg_rerun(tape) == WG_OK ? hash_of(s, e) : 0;
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return *shared;
}

enum { MOST_FAULTS = 100 };

static int all_faults(plan_fault faults[MOST_FAULTS]) {
    int count = 0;
    for (const plan_fault *f = plan_faults_of_places; f->name; f++) faults[count++] = *f;
    for (const plan_fault *f = plan_faults_of_steps; f->name; f++) faults[count++] = *f;
    ck_assert_int_le(count, MOST_FAULTS);
    return count;
}

START_TEST(no_wrong_plan_slips_through) {
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(shared, MAP_FAILED);
    plan_fault faults[MOST_FAULTS];
    const int fault_count = all_faults(faults);
    int count[MOST_FAULTS] = {0}, proof[MOST_FAULTS] = {0}, bits[MOST_FAULTS] = {0}, all = 0, slipped = 0,
        by_proof = 0, by_bits = 0;
    for (int n = 0; n < SCENES; n++) {
        scene s;
        open_scene(&s, n);
        ck_assert_msg(wg_prepare_list(s.asked) == WG_OK, "%s: %s", scene_names[n], wg_tape_message(tape));
        const uint64_t expected = expected_of(&s, shared);
        ck_assert_uint_ne(expected, 0);
        for (int f = 0; f < fault_count; f++)
            for (size_t at = 0;; at++) {
                const verdict v = try_fault(&s, &faults[f], at, expected, shared);
                if (!v.made) break;
                at = v.at;
                count[f]++;
                proof[f] += !v.proved;
                bits[f] += !v.same;
                slipped += v.proved && v.same;
                if (v.proved && v.same)
                    printf("SLIPPED: %s: %s, place %zu\n", scene_names[n], faults[f].name, at);
            }
        close_scene(&s);
    }
    printf("%-42s %6s %9s %9s\n", "fault", "plans", "by proof", "by bits");
    for (int f = 0; f < fault_count; f++) {
        printf("%-42s %6d %9d %9d\n", faults[f].name, count[f], proof[f], bits[f]);
        all += count[f], by_proof += proof[f], by_bits += bits[f];
    }
    printf("%-42s %6d %9d %9d, %d slipped\n", "together", all, by_proof, by_bits, slipped);
    for (int f = 0; f < fault_count; f++) ck_assert_msg(count[f] > 0, "nowhere: %s", faults[f].name);
    ck_assert_int_eq(slipped, 0);
    ck_assert_int_ge(all, 300);
}
END_TEST

/* The proof accepts plans with any passes off, each alone, all together, and none. */
START_TEST(plans_without_any_pass_are_proved) {
    for (uint32_t pass = 0; pass <= WG_PASS_COUNT + 1; pass++)
        for (int n = 0; n < SCENES; n++) {
            scene s;
            engine->disabled = pass < WG_PASS_COUNT    ? 1u << pass
                               : pass == WG_PASS_COUNT ? wg_planning_passes()
                                                       : 0;
            open_scene(&s, n);
            ck_assert_msg(wg_eval_list(s.asked) == WG_OK, "%s, pass %u: %s", scene_names[n], pass,
                          wg_tape_message(tape));
            close_scene(&s);
        }
    ck_assert_uint_gt(wg_engine_count(engine).verifying_ns, 0);
}
END_TEST

/* --- An op that breaks its contract ----------------------------------------------------------- */

static int64_t other_units(const wg_call *call) {
    static int64_t asked;
    (void)call;
    return 1 + asked++;
}
static void nothing(const wg_call *call) { *(double *)call->outputs[0].data = 1; }

static const wg_op fickle = {.name = "fickle",
                             .formula = "y = 1",
                             .inputs = 1,
                             .outputs = 1,
                             .infer = wg_infer_same,
                             .forward = nothing,
                             .units = other_units};

START_TEST(a_plan_that_cannot_be_proved_is_an_error_and_not_kept) {
    wg_var y = wg_apply(&fickle, wg_scalar(tape, 1));
    ck_assert_int_eq(wg_eval(y), WG_ERROR_PLAN);
    ck_assert_ptr_null(wg_value(y));
    printf("%s\n", wg_tape_message(tape));
    ck_assert_message_contains(wg_tape_message(tape), "fickle");
    ck_assert_message_contains(wg_tape_message(tape), "test_plan_faults.c:");
    ck_assert_uint_eq(wg_engine_count(engine).plans_held, 0);
    wg_tape_recover(tape, NULL);
}
END_TEST

/* --- Its share of planning -------------------------------------------------------------------- */

static void tell_share(const char *name, wg_engine_counters before) {
    const wg_engine_counters now = wg_engine_count(engine);
    const double all = (double)(now.planning_ns - before.planning_ns),
                 proof = (double)(now.verifying_ns - before.verifying_ns);
    printf("%s: planned in %.3f ms, of which the proof took %.1f %%\n", name, all * 1e-6, 100 * proof / all);
    ck_assert_double_gt(proof, 0);
}

START_TEST(the_share_of_the_proof_is_told) {
    scene s;
    wg_engine_counters before = wg_engine_count(engine);
    open_scene(&s, 0);
    ck_assert_int_eq(wg_prepare_list(s.asked), WG_OK);
    tell_share(scene_names[0], before);
    close_scene(&s);
    before = wg_engine_count(engine);
    wg_var x = wg_scalar(tape, 0.5);
    for (int i = 0; i < 1000000; i++) x = wg_sin(x);
    ck_assert_int_eq(wg_prepare(x), WG_OK);
    tell_share("a chain of 1,000,000 scalars", before);
}
END_TEST

WG_SUITE_WITH("plan/faults", open_tape, close_tape, no_wrong_plan_slips_through,
              plans_without_any_pass_are_proved, a_plan_that_cannot_be_proved_is_an_error_and_not_kept,
              the_share_of_the_proof_is_told)
