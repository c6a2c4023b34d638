/* What a run asks of the system: nothing at all once a structure has been met, on no thread; and over a step
 * no more memory than the plan foretold, over thousands of them none. */
#include "faults.h"
#include "suite.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <wengert/plan.h>

/* --- What the system says --------------------------------------------------------------------------- */

/* A file of /proc, read without asking for memory. */
static const char *proc_file(const char *path) {
    static char text[1 << 18];
    const int file = open(path, O_RDONLY);
    ck_assert_int_ge(file, 0);
    size_t size = 0;
    for (ssize_t got; (got = read(file, text + size, sizeof text - 1 - size)) > 0;) size += (size_t)got;
    close(file);
    text[size] = '\0';
    return text;
}

/* Bytes of address space, the stack left out: it grows by itself. What the C library maps inside itself, by
 * calls that cannot be replaced, is in it. */
static long address_space(void) {
    long bytes = 0;
    for (const char *line = proc_file("/proc/self/maps"); *line; line = strchr(line, '\n') + 1) {
        unsigned long begin, end;
        const char *stack = strstr(line, "[stack]");
        if (sscanf(line, "%lx-%lx", &begin, &end) == 2 && !(stack && stack < strchr(line, '\n')))
            bytes += (long)(end - begin);
    }
    return bytes;
}

static long in_kb(const char *path, const char *name) {
    const char *line = strstr(proc_file(path), name);
    ck_assert_msg(line != NULL, "%s has no line %s", path, name);
    return strtol(line + strlen(name), NULL, 10);
}

/* Counted page by page; /proc/self/status may be some dozens of pages behind. */
static long resident_kb(void) { return in_kb("/proc/self/smaps_rollup", "Rss:"); }

/* --- A program that trains -------------------------------------------------------------------------- */

enum { BATCH = 8, SAMPLES = 5 * BATCH - 3, SIZE = 64, CLASSES = 4, WARM = 2, EPOCHS = 12 };

typedef enum plant { NOTHING, ALLOCATE, RELEASE, MAP, UNMAP, BREAK, CLANDESTINE } plant;
static const char *const plant_names[] = {"nothing", "malloc", "free",       "mmap",
                                          "munmap",  "sbrk",   "hidden mmap"};
typedef enum thread_kind { WORKER, PREFETCH } thread_kind;

static struct {
    atomic_int plant; /* done once, by a thread of that kind */
    thread_kind by;
    void *block, *map;  /* to be given back */
    atomic_int seen[2]; /* calls that threads of this kind did */
} planted;
static pthread_t main_thread;
static void *volatile sink; /* keeps the compiler from leaving out what is never used */

static void do_plant(thread_kind by) {
    atomic_fetch_add(&planted.seen[by], 1);
    if (planted.by != by) return;
    switch (atomic_exchange(&planted.plant, NOTHING)) {
    case ALLOCATE:
        sink = malloc(100);
        break;
    case RELEASE:
        free(planted.block);
        break;
    case MAP:
        sink = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    case UNMAP:
        munmap(planted.map, 4096);
        break;
    case BREAK:
        sink = sbrk(4096);
        break;
    case CLANDESTINE:
        syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        break;
    default:
        break;
    }
}

/* Hands its input on, a sample a unit. Where workers are looked at the calling thread waits for one of them
 * to take a unit, so that there is something to be seen. */
static void pass_on_forward(const wg_call *call) {
    if (!pthread_equal(pthread_self(), main_thread)) do_plant(WORKER);
    for (int ms = 0; pthread_equal(pthread_self(), main_thread) && planted.by == WORKER &&
                     atomic_load(&planted.seen[WORKER]) == 0 && ms < 10000;
         ms++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    const size_t unit = wg_type_bytes(&call->inputs[0].type) / (size_t)call->inputs[0].type.extent[0];
    memcpy((char *)call->outputs[0].data + (size_t)call->begin * unit,
           (const char *)call->inputs[0].data + (size_t)call->begin * unit,
           (size_t)(call->end - call->begin) * unit);
}
static int64_t pass_on_units(const wg_call *call) { return call->inputs[0].type.extent[0]; }
static const wg_op pass_on = {.name = "pass_on",
                              .formula = "y = x",
                              .inputs = 1,
                              .outputs = 1,
                              .infer = wg_infer_same,
                              .forward = pass_on_forward,
                              .units = pass_on_units};

static int sample(void *context, int64_t index, void *x, void *y, wg_error *error) {
    (void)context, (void)error;
    if (!pthread_equal(pthread_self(), main_thread)) do_plant(PREFETCH);
    for (int i = 0; i < SIZE * SIZE; i++) ((float *)x)[i] = (float)((i + index) * 7 % 11) / 11;
    *(int64_t *)y = index % CLASSES;
    return WG_OK;
}

typedef struct training {
    wg_engine *engine;
    wg_tape *tape;
    wg_model *model;
    wg_optimizer *optimizer;
    wg_loader *batches, *held_out;
} training;

static void begin(training *t) {
    const wg_type x = {.dtype = WG_F32, .rank = 3, .extent = {1, SIZE, SIZE}}, y = {.dtype = WG_I64};
    main_thread = pthread_self();
    wg_dataset *set = wg_dataset_of_function(SAMPLES, &x, &y, sample, NULL);
    t->engine = wg_engine_new(NULL, .threads = 2);
    t->tape = wg_tape_new(.engine = t->engine);
    t->model = wg_model_new(.seed = 1);
    t->optimizer = wg_adamw(t->model, 1e-2, .clip_norm = 1.0);
    t->batches = wg_loader_new(set, BATCH, NULL, .shuffle = true, .seed = 1, .prefetch = 2);
    t->held_out = wg_loader_new(set, 2 * BATCH, NULL, .prefetch = 1);
    ck_assert(set && t->engine && t->tape && t->model && t->optimizer && t->batches && t->held_out);
    wg_dataset_free(set);
}

static void end(training *t) {
    wg_loader_free(t->batches);
    wg_loader_free(t->held_out);
    wg_tape_free(t->tape);
    wg_optimizer_free(t->optimizer);
    wg_model_free(t->model);
    wg_engine_free(t->engine);
}

/* Nothing of Check's from here on: it asks for memory too. */
static int step(training *t, const wg_batch *batch, bool learn) {
    wg_model_train(t->model, learn);
    wg_var x = wg_apply(&pass_on, wg_input(t->tape, batch->x));
    x = wg_relu(wg_conv2d_layer(t->model, "conv", x, 4, .kernel = 3, .stride = 2));
    x = wg_dropout(t->model, "dropout", wg_flatten(wg_max_pool2d(x, .kernel = 2), 1), 0.2);
    wg_var logits = wg_linear(t->model, "out", x, CLASSES);
    wg_var loss = wg_softmax_cross_entropy(logits, wg_input(t->tape, batch->y));
    if (learn) wg_minimize(t->optimizer, loss);
    const int status = wg_eval(loss, logits);
    wg_tape_clear(t->tape);
    return status;
}

/* An epoch with a rate of its own for each step, a last batch that is not full, and in the middle of it a
 * pass over held-out samples. */
static int epoch(training *t, int number) {
    int status = WG_OK, steps = 0;
    for (wg_batch b; !status && wg_loader_next(t->batches, &b); steps++) {
        wg_set_learning_rate(t->optimizer, 1e-2 / (1 + number + steps));
        status = step(t, &b, true);
        for (wg_batch h; steps == 2 && !status && wg_loader_next(t->held_out, &h);)
            status = step(t, &h, false);
    }
    return status ? status : wg_loader_status(t->batches, NULL);
}

typedef struct asked_for {
    long calls, returns,
        bytes; /* calls that give memory, and that take it back; growth of the address space */
} asked_for;

/* Epochs are counted from a moment at which the loaders' threads rest, having prepared all they may. */
static asked_for measure(training *t, int epochs, plant what, thread_kind by) {
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    planted.block = malloc(100);
    planted.map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    planted.by = by;
    memset((void *)planted.seen, 0, sizeof planted.seen);
    const long before = address_space();
    faults_arm(-1);
    atomic_store(&planted.plant, what);
    int status = WG_OK;
    for (int i = 0; i < epochs && !status; i++) status = epoch(t, i);
    nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    asked_for asked = {.calls = faults_calls(), .returns = faults_returns()};
    faults_disarm();
    asked.bytes = address_space() - before;
    ck_assert_int_eq(status, WG_OK);
    ck_assert_int_eq(atomic_load(&planted.plant), NOTHING);
    return asked;
}

START_TEST(structures_already_met_ask_for_no_memory_on_any_thread) {
    training t;
    begin(&t);
    for (int i = 0; i < WARM; i++) ck_assert_int_eq(epoch(&t, i), WG_OK);
    const wg_engine_counters before = wg_engine_count(t.engine);
    const asked_for asked = measure(&t, EPOCHS, NOTHING, WORKER);
    const wg_engine_counters after = wg_engine_count(t.engine);
    printf("%d epochs: %ld calls for memory or files, %ld that give it back, %ld bytes of address space; "
           "%d units on workers, %d samples on prefetching threads; %llu plans made, %llu found\n",
           EPOCHS, asked.calls, asked.returns, asked.bytes, atomic_load(&planted.seen[WORKER]),
           atomic_load(&planted.seen[PREFETCH]), (unsigned long long)(after.plans_made - before.plans_made),
           (unsigned long long)(after.plans_found - before.plans_found));
    ck_assert_int_eq(asked.calls, 0);
    ck_assert_int_eq(asked.returns, 0);
    ck_assert_int_eq(asked.bytes, 0);
    ck_assert_uint_eq(after.plans_made, before.plans_made);
    ck_assert_int_gt(atomic_load(&planted.seen[WORKER]), 0);
    ck_assert_int_gt(atomic_load(&planted.seen[PREFETCH]), EPOCHS * SAMPLES);
    end(&t);
}
END_TEST

/* The same, with one call planted in a thread of one kind or the other: nothing above is 0 by blindness. */
START_TEST(a_single_call_on_any_thread_is_seen) {
    training t;
    begin(&t);
    for (int i = 0; i < WARM; i++) ck_assert_int_eq(epoch(&t, i), WG_OK);
    for (thread_kind by = WORKER; by <= PREFETCH; by++)
        for (plant what = ALLOCATE; what <= CLANDESTINE; what++) {
            const asked_for asked = measure(&t, 1, what, by);
            const long calls = what == ALLOCATE || what == MAP || what == BREAK,
                       returns = what == RELEASE || what == UNMAP;
            ck_assert_msg(asked.calls == calls && asked.returns == returns,
                          "%s by %s: %ld calls, %ld returns", plant_names[what],
                          by == WORKER ? "a worker" : "the loader", asked.calls, asked.returns);
            if (what == MAP || what == BREAK || what == CLANDESTINE) ck_assert_int_eq(asked.bytes, 4096);
            if (what == UNMAP) ck_assert_int_eq(asked.bytes, -4096);
        }
    end(&t);
}
END_TEST

/* --- A step grows the process by what was foretold ------------------------------------------------------ */

enum { SLACK_KB = 4096, REFERENCE_BATCH = 64 };

static wg_var mlp(wg_model *model, wg_var x) {
    x = wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 512));
    x = wg_relu(wg_linear(model, "fc2", x, 512));
    return wg_linear(model, "fc3", x, 10);
}

static wg_var cnn(wg_model *model, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv1", x, 32, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(model, "conv2", x, 64, .kernel = 3, .padding = 1)),
                      .kernel = 2);
    x = wg_relu(wg_linear(model, "fc1", wg_flatten(x, 1), 128));
    return wg_linear(model, "fc2", x, 10);
}

/* In the process of the test, which is its own: what has been resident before it stays out of the way. */
static void grows_as_foretold(const char *name, wg_var (*network)(wg_model *model, wg_var x)) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *optimizer = wg_sgd(model, 0.1, .momentum = 0.9);
    wg_tensor *x = wg_tensor_new(WG_F32, WG_SHAPE(REFERENCE_BATCH, 1, 28, 28), NULL),
              *y = wg_tensor_new(WG_I64, WG_SHAPE(REFERENCE_BATCH), NULL);
    for (int i = 0; i < REFERENCE_BATCH * 784; i++)
        ((float *)wg_tensor_writable(x))[i] = (float)(i % 17) / 17;
    wg_var loss = wg_softmax_cross_entropy(network(model, wg_input(tape, x)), wg_input(tape, y));
    wg_minimize(optimizer, loss);
    wg_plan_info info;
    ck_assert_int_eq(wg_prepare(loss), WG_OK);
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    const int file = open("/proc/self/clear_refs", O_WRONLY);
    ck_assert_int_eq(write(file, "5\n", 2), 2);
    close(file);
    const long before = in_kb("/proc/self/status", "VmHWM:");
    ck_assert_int_eq(wg_eval(loss), WG_OK);
    const long grown = in_kb("/proc/self/status", "VmHWM:") - before;
    printf("%s: foretold %zu kB, grown by %ld kB\n", name, info.peak / 1024, grown);
    ck_assert_int_le(grown, (long)(info.peak / 1024) + SLACK_KB);
    ck_assert_int_ge(grown, (long)(info.arena / 1024) / 2); /* so that what was measured is the arena */
    wg_tensor_free(x);
    wg_tensor_free(y);
    wg_optimizer_free(optimizer);
    wg_model_free(model);
    wg_tape_free(tape);
    wg_engine_free(engine);
}

START_TEST(a_step_of_an_mlp_grows_the_process_by_what_was_foretold) { grows_as_foretold("mlp", mlp); }
END_TEST

START_TEST(a_step_of_a_cnn_grows_the_process_by_what_was_foretold) { grows_as_foretold("cnn", cnn); }
END_TEST

/* --- Thousands of steps --------------------------------------------------------------------------------- */

typedef struct small {
    wg_engine *engine;
    wg_tape *tape;
    wg_model *model;
    wg_optimizer *optimizer;
} small;

static int small_step(small *s, int64_t rows) {
    wg_var x = wg_full(s->tape, WG_F32, WG_SHAPE(rows, 16), 0.5);
    wg_var hidden = wg_tanh(wg_linear(s->model, "fc1", x, 32));
    wg_var loss = wg_mean(wg_square(wg_linear(s->model, "fc2", hidden, 4)), WG_ALL_AXES);
    wg_minimize(s->optimizer, loss);
    const int status = wg_eval(loss);
    wg_tape_clear(s->tape);
    return status;
}

static small small_new(int cached_plans) {
    small s = {.engine = wg_engine_new(NULL, .threads = 2, .cached_plans = cached_plans)};
    s.tape = wg_tape_new(.engine = s.engine);
    s.model = wg_model_new(.seed = 1);
    s.optimizer = wg_adamw(s.model, 1e-3);
    ck_assert(s.engine && s.tape && s.model && s.optimizer);
    return s;
}

static void small_free(small *s) {
    wg_tape_free(s->tape);
    wg_optimizer_free(s->optimizer);
    wg_model_free(s->model);
    wg_engine_free(s->engine);
}

START_TEST(ten_thousand_steps_need_no_more_memory_than_a_thousand) {
    small s = small_new(0);
    int status = WG_OK;
    for (int i = 0; i < 1000 && !status; i++) status = small_step(&s, 8 + i % 3);
    const long early = resident_kb();
    for (int i = 1000; i < 10000 && !status; i++) status = small_step(&s, 8 + i % 3);
    const long late = resident_kb();
    printf("resident after 1,000 steps %ld kB, after 10,000 %ld kB\n", early, late);
    ck_assert_int_eq(status, WG_OK);
    ck_assert_int_lt(labs(late - early), 256);
    small_free(&s);
}
END_TEST

START_TEST(a_thousand_shapes_stay_within_the_bound_of_the_cache) {
    enum { BOUND = 16, SHAPES = 1000 };
    small s = small_new(BOUND);
    int status = WG_OK;
    long early = 0;
    /* The last hundred are the largest in both halves; each half meets every shape. */
    for (int round = 0; round < 2; round++) {
        for (int rows = 1; rows <= SHAPES && !status; rows++) status = small_step(&s, rows);
        if (round == 0) early = resident_kb();
    }
    const long late = resident_kb();
    const wg_engine_counters counters = wg_engine_count(s.engine);
    printf("%d shapes, %llu plans held; resident after them %ld kB, after all once more %ld kB\n", SHAPES,
           (unsigned long long)counters.plans_held, early, late);
    ck_assert_int_eq(status, WG_OK);
    ck_assert_uint_eq(counters.plans_held, BOUND);
    ck_assert_uint_eq(counters.plans_made, 2 * SHAPES);
    ck_assert_int_lt(labs(late - early), 1024);
    small_free(&s);
}
END_TEST

WG_SUITE("run/memory", structures_already_met_ask_for_no_memory_on_any_thread,
         a_single_call_on_any_thread_is_seen, a_step_of_an_mlp_grows_the_process_by_what_was_foretold,
         a_step_of_a_cnn_grows_the_process_by_what_was_foretold,
         ten_thousand_steps_need_no_more_memory_than_a_thousand,
         a_thousand_shapes_stay_within_the_bound_of_the_cache)
