/* Plans are held to the simple executor, which runs the lowered graph node by node on one thread, each value
 * in memory of its own that was filled with signalling NaNs before: on random graphs, with their gradients,
 * every result and every state has the same bits, whatever the number of threads and the instruction set. */
#include "suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { GRAPHS = 60, NODES = 40, LEAVES = 4, MOST = 256, RESULTS = 6 };

/* --- A random graph, recorded the same on each tape ---------------------------------------------- */

typedef struct graph {
    uint64_t random;
    wg_tape *tape;
    wg_dtype dtype;
    wg_var vars[MOST];
    int count;
} graph;

static int below(graph *g, int bound) { /* Knuth's MMIX generator; its upper bits are good enough for this */
    g->random = g->random * 6364136223846793005u + 1442695040888963407u;
    return (int)((g->random >> 33) % (uint64_t)bound);
}

static wg_var any(graph *g) { return g->vars[below(g, g->count)]; }

static void leaf(graph *g) {
    double numbers[5 * 6];
    const int rows = 1 + below(g, 5), columns = 1 + below(g, 6);
    for (int i = 0; i < rows * columns; i++) numbers[i] = below(g, 2001) / 1000.0 - 1.0;
    g->vars[g->count++] = wg_cast(wg_array(g->tape, WG_F64, WG_SHAPE(rows, columns), numbers), g->dtype);
}

/* Matrices only, each number kept within [-1, 1] or so: then whatever comes next is finite. */
static wg_var unary(graph *g, wg_var x) {
    switch (below(g, 8)) {
    case 0:
        return wg_neg(x);
    case 1:
        return wg_sin(x);
    case 2:
        return wg_tanh(x);
    case 3:
        return wg_sigmoid(x);
    case 4:
        return wg_relu(x);
    case 5:
        return wg_sqrt(wg_add(wg_square(x), wg_scalar(g->tape, 0.25)));
    case 6:
        return wg_tanh(wg_exp(x));
    default:
        return wg_where(wg_less(x, wg_scalar(g->tape, 0.1)), wg_cos(x), x);
    }
}

static bool broadcasts(wg_type a, wg_type b) {
    for (int i = 0; i < 2; i++)
        if (a.extent[i] != b.extent[i] && a.extent[i] != 1 && b.extent[i] != 1) return false;
    return true;
}

static wg_var binary(graph *g, wg_var a, wg_var b) {
    if (!broadcasts(wg_type_of(a), wg_type_of(b))) b = wg_sum(b, WG_ALL_AXES);
    switch (below(g, 5)) {
    case 0:
        return wg_tanh(wg_add(a, b));
    case 1:
        return wg_tanh(wg_sub(a, b));
    case 2:
        return wg_tanh(wg_mul(a, b));
    case 3:
        return wg_tanh(wg_div(a, wg_add(wg_square(b), wg_scalar(g->tape, 0.5))));
    default:
        return wg_tanh(wg_maximum(a, b));
    }
}

static wg_var shaping(graph *g, wg_var x) {
    const wg_type type = wg_type_of(x);
    const int axis = below(g, 2), rows = (int)type.extent[0];
    switch (below(g, 8)) {
    case 0:
        return wg_transpose(x, WG_ALL_AXES);
    case 1:
        return wg_reshape(x, WG_SHAPE(type.extent[1], type.extent[0]));
    case 2:
        return wg_tanh(wg_sum(x, WG_AXES(axis), .keepdims = true));
    case 3:
        return wg_mean(x, WG_AXES(axis), .keepdims = true);
    case 4:
        return wg_max(x, WG_AXES(axis), .keepdims = true);
    case 5:
        return wg_slice(x, 0, below(g, rows), WG_SLICE_TO_END, .step = 1 + below(g, 2));
    case 6:
        return wg_softmax(x, axis);
    default:
        return wg_slice(wg_concat(axis, x, wg_neg(x)), axis, 1, 4);
    }
}

static wg_var product(graph *g, wg_var a, wg_var b) {
    const wg_type left = wg_type_of(a), right = wg_type_of(b);
    if (left.extent[1] == right.extent[0]) return wg_tanh(wg_matmul(a, b));
    if (left.extent[1] == right.extent[1]) return wg_tanh(wg_matmul(a, b, .transpose_b = true));
    return wg_tanh(wg_matmul(a, a, .transpose_b = below(g, 2) == 0, .transpose_a = true));
}

static wg_var next(graph *g) {
    wg_var x = any(g);
    switch (below(g, 6)) {
    case 0:
        return shaping(g, x);
    case 1:
        if (wg_type_of(x).extent[0] == wg_type_of(x).extent[1]) return product(g, x, any(g));
        return wg_tanh(wg_matmul(x, any(g), .transpose_a = true));
    case 2:
    case 3:
        return binary(g, x, any(g));
    default:
        return unary(g, x);
    }
}

/* Records what does not fit as nothing: the mistake is recovered from, the same on each tape. */
static void grow(graph *g) {
    wg_var var = next(g);
    if (wg_tape_recover(g->tape, NULL) == WG_OK && g->count < MOST && wg_type_of(var).rank == 2)
        g->vars[g->count++] = var;
}

/* --- What it gives ----------------------------------------------------------------------------- */

typedef struct outcome {
    size_t size;
    unsigned char bytes[1 << 16];
} outcome;

static void append(outcome *to, const wg_tensor *tensor) {
    ck_assert_ptr_nonnull(tensor);
    const wg_type type = wg_tensor_type(tensor);
    const size_t size = wg_type_bytes(&type);
    ck_assert_uint_le(to->size + size, sizeof to->bytes);
    if (size) memcpy(to->bytes + to->size, wg_tensor_data(tensor), size);
    to->size += size;
}

/* Records graph number `seed`, evaluates some of it, the gradient for its leaves and a state that it changes.
 */
static void evaluate(wg_engine *engine, uint64_t seed, outcome *result) {
    graph *g = calloc(1, sizeof *g);
    wg_error error = {0};
    g->random = seed;
    g->tape = wg_tape_new(.engine = engine);
    g->dtype = seed % 2 ? WG_F32 : WG_F64;
    for (int i = 0; i < LEAVES; i++) leaf(g);
    for (int i = 0; i < NODES; i++) grow(g);
    ck_assert_int_gt(g->count, LEAVES + NODES / 4);

    wg_tensor *start = wg_tensor_new(g->dtype, WG_SCALAR_SHAPE, &error);
    wg_state *state = wg_state_new(start, &error);
    wg_var total = wg_read(g->tape, state), gradients[LEAVES], asked[RESULTS + LEAVES + 2];
    for (int i = LEAVES; i < g->count; i++) total = wg_add(total, wg_sum(g->vars[i], WG_ALL_AXES));
    wg_grad_list(total, WG_NONE, g->vars, LEAVES, gradients);
    wg_assign(state, wg_mul(total, wg_scalar(g->tape, 0.5)));
    int count = 0;
    for (int i = 0; i < RESULTS; i++) asked[count++] = any(g);
    for (int i = 0; i < LEAVES; i++) asked[count++] = gradients[i];
    asked[count++] = total;
    asked[count] = (wg_var)WG_END_;
    ck_assert_msg(wg_eval_list(asked) == WG_OK, "graph %d: %s", (int)seed, wg_tape_message(g->tape));
    result->size = 0;
    for (int i = 0; i < count; i++) append(result, wg_value(asked[i]));
    append(result, wg_state_tensor(state));

    wg_tape_free(g->tape);
    wg_state_free(state);
    wg_tensor_free(start);
    free(g);
}

/* Two engines give the same bits on every graph. */
static void agree(wg_engine *one, wg_engine *other) {
    static outcome expected, found;
    ck_assert(one && other);
    size_t bytes = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        evaluate(one, seed, &expected);
        evaluate(other, seed, &found);
        ck_assert_uint_eq(expected.size, found.size);
        ck_assert_msg(memcmp(expected.bytes, found.bytes, found.size) == 0, "graph %d differs", (int)seed);
        bytes += found.size;
    }
    ck_assert_uint_gt(bytes, GRAPHS * 100);
    wg_engine_free(one);
    wg_engine_free(other);
}

#define SIMPLE wg_engine_new(NULL, .executor = WG_NODE_BY_NODE)

START_TEST(a_plan_on_one_thread_gives_the_bits_of_node_by_node) {
    agree(SIMPLE, wg_engine_new(NULL, .threads = 1));
}
END_TEST

START_TEST(a_plan_on_two_threads_gives_the_bits_of_node_by_node) {
    agree(SIMPLE, wg_engine_new(NULL, .threads = 2));
}
END_TEST

START_TEST(more_threads_than_processors_give_the_bits_of_node_by_node) {
    agree(SIMPLE, wg_engine_new(NULL, .threads = 7));
}
END_TEST

/* Compared with portable code, where this build and this machine have the set. */
static void gives_the_bits_of_portable_code(const char *isa) {
    wg_error error = {0};
    wg_engine *engine = wg_engine_new(&error, .isa = isa);
    if (!engine) {
        ck_assert_int_eq(error.status, WG_ERROR_UNSUPPORTED);
        printf("%s\n", error.message);
        return;
    }
    ck_assert_str_eq(wg_engine_count(engine).isa, isa);
    agree(wg_engine_new(NULL, .isa = "portable", .threads = 1), engine);
}

START_TEST(avx2_gives_the_bits_of_portable_code) { gives_the_bits_of_portable_code("avx2"); }
END_TEST
START_TEST(avx512_gives_the_bits_of_portable_code) { gives_the_bits_of_portable_code("avx512"); }
END_TEST
START_TEST(neon_gives_the_bits_of_portable_code) { gives_the_bits_of_portable_code("neon"); }
END_TEST

START_TEST(the_environment_says_how_many_threads) {
    static const char *const wrong[] = {"0", "-1", "abc", "2x", "99999", "1.5"};
    wg_error error;
    setenv("WG_THREADS", "3", 1);
    wg_engine *engine = wg_engine_new(&error);
    ck_assert_int_eq(wg_engine_count(engine).threads, 3);
    wg_engine_free(engine);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        setenv("WG_THREADS", wrong[i], 1);
        ck_assert_ptr_null(wg_engine_new(&error));
        ck_assert_int_eq(error.status, WG_ERROR_ATTRIBUTE);
        ck_assert_message_contains(error.message, "expected a number of threads, 1 to 1024");
        engine = wg_engine_new(&error, .threads = 2); /* the program's word counts */
        ck_assert_int_eq(wg_engine_count(engine).threads, 2);
        wg_engine_free(engine);
    }
    unsetenv("WG_THREADS");
    ck_assert_ptr_null(wg_engine_new(&error, .threads = -2));
    ck_assert_message_contains(error.message, "threads is -2");
}
END_TEST

START_TEST(an_unknown_instruction_set_is_an_error) {
    wg_error error = {0};
    ck_assert_ptr_null(wg_engine_new(&error, .isa = "mmx"));
    ck_assert_int_ne(error.status, WG_OK);
    ck_assert_message_contains(error.message, "mmx");
}
END_TEST

WG_SUITE("run/executors", a_plan_on_one_thread_gives_the_bits_of_node_by_node,
         a_plan_on_two_threads_gives_the_bits_of_node_by_node,
         more_threads_than_processors_give_the_bits_of_node_by_node, avx2_gives_the_bits_of_portable_code,
         avx512_gives_the_bits_of_portable_code, neon_gives_the_bits_of_portable_code,
         an_unknown_instruction_set_is_an_error, the_environment_says_how_many_threads)
