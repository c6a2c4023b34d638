/* What runs agrees with a naive evaluation of the recorded graph, within a bound that running error analysis
 * derives from the ops (naive_graph.h): on random graphs, with every rewrite of the lowered graph on, off,
 * and in subsets. The bound means something: elements of which it can say nothing are few, errors are not far
 * below it, and one index dropped from one sum exceeds it. */
#include "naive_graph.h"
#include "random_graph.h"
#include "suite.h"
#include "tape/tape.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { GRAPHS = 60 };
#else
enum { GRAPHS = 300 };
#endif
enum { FEWEST_FAULTS = 20 };

/* A random graph recorded on a tape of its own. */
typedef struct recorded {
    random_graph *graph;
    wg_tape *tape;
    wg_state *states[GRAPH_STATES];
    wg_var roots[GRAPH_ROOTS + 1];
} recorded;

static recorded record(uint64_t seed, wg_engine *engine) {
    recorded r = {.graph = graph_make(seed, &(graph_options){.one_step = true}),
                  .tape = wg_tape_new(.engine = engine)};
    graph_vars vars;
    graph_new_states(r.graph, r.states);
    graph_record(r.graph, r.tape, r.states, 0, &vars);
    for (int i = 0; i < r.graph->root_count; i++) {
        const graph_ref root = r.graph->roots[i].of;
        r.roots[i] = vars.at[root.node][root.output];
    }
    r.roots[r.graph->root_count] = (wg_var)WG_END_;
    return r;
}

static void forget(recorded *r) {
    wg_tape_free(r->tape);
    graph_free_states(r->states);
    graph_free(r->graph);
}

/* Compares all roots, evaluated, with the definition, or with one that has a fault. */
static void compare(const recorded *r, const naive_graph *naive, naive_comparison *comparison) {
    for (int i = 0; i < r->graph->root_count; i++) naive_compare(comparison, naive, r->roots[i]);
}

static void try_graph(uint64_t seed, const char *disable, naive_comparison *comparison) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 2, .disable = disable);
    recorded r = record(seed, engine);
    naive_graph *naive = naive_graph_of(r.tape, r.roots, NULL); /* before states change */
    const int64_t wrong = comparison->wrong;
    ck_assert_msg(wg_eval_list(r.roots) == WG_OK, "graph %" PRIu64 ": %s", seed, wg_tape_message(r.tape));
    compare(&r, naive, comparison);
    if (comparison->wrong > wrong) {
        printf("graph %" PRIu64 " without \"%s\": %s\n", seed, disable, comparison->first);
        graph_print(stdout, r.graph);
        fflush(stdout);
    }
    naive_graph_free(naive);
    forget(&r);
    wg_engine_free(engine);
}

/* The rewrites of lowering whose bit is set, by name. */
static void name_rewrites(unsigned bits, char *names, size_t size) {
    int rewrite = 0;
    *names = '\0';
    for (int i = 0; wg_pass_at(i); i++) {
        if (!wg_pass_at(i)->lowers) continue;
        if (bits >> rewrite++ & 1)
            snprintf(names + strlen(names), size - strlen(names), "%s%s", *names ? "," : "",
                     wg_pass_at(i)->name);
    }
}

static void within_bounds(int graphs, unsigned (*rewrites_off)(uint64_t seed)) {
    naive_comparison c = {0};
    char names[256];
    for (uint64_t seed = 1; seed <= (uint64_t)graphs; seed++) {
        name_rewrites(rewrites_off(seed), names, sizeof names);
        try_graph(seed, names, &c);
    }
    const double skipped = 100.0 * (double)c.skipped / (double)c.elements, median = naive_median(&c);
    printf("%d graphs, %" PRId64 " elements: %.3f %% undecided, %" PRId64
           " wrong; error / bound: largest %.3f, median %.4f of %" PRId64 "\n",
           graphs, c.elements, skipped, c.wrong, c.largest, median, c.ratio_count);
    ck_assert_int_eq(c.wrong, 0);
    ck_assert_double_le(skipped, 1.0);
    ck_assert_double_ge(median, 1e-3);
    naive_comparison_free(&c);
}

static unsigned none_off(uint64_t seed) { return 0u * (unsigned)seed; }
static unsigned all_off(uint64_t seed) { return ~(0u * (unsigned)seed); }
static unsigned some_off(uint64_t seed) { return (unsigned)(seed * 0x9E3779B97F4A7C15u >> 40); }

START_TEST(random_graphs_agree_with_their_definitions) { within_bounds(GRAPHS, none_off); }
END_TEST

START_TEST(so_they_do_without_the_rewrites_of_lowering) {
    within_bounds(GRAPHS / 2, all_off);
    within_bounds(GRAPHS / 2, some_off);
}
END_TEST

/* --- The bound means something ------------------------------------------------------------------------ */

static bool is_reduction(const wg_op *op) {
    static const char *const names[] = {"sum", "mean", "matmul", "conv2d"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op->name, names[i]) == 0) return true;
    return false;
}

/* One index of one sum counts as 0 in the definition: what the engine computed must then be called wrong, if
 * the sum is a root itself, and the index is not as good as 0 anyway. */
static bool try_fault(const recorded *r, uint32_t node, int64_t element) {
    const naive_fault fault = {.node = node, .input = 0, .element = element};
    const wg_var roots[] = {wg_var_of(r->tape, node), WG_END_};
    naive_graph *naive = naive_graph_of(r->tape, roots, &fault);
    naive_comparison c = {0};
    naive_compare(&c, naive, roots[0]);
    const bool seen = c.wrong > 0;
    naive_comparison_free(&c);
    naive_graph_free(naive);
    return seen;
}

START_TEST(one_index_dropped_from_one_sum_exceeds_the_bound) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    int faults = 0, seen = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        recorded r = record(seed, engine);
        for (uint32_t id = 0; id < r.tape->nodes.count && id < 400; id++) {
            const wg_node *node = &r.tape->nodes.at[id];
            if (!is_reduction(node->op) || (node->dtype != WG_F32 && node->dtype != WG_F64)) continue;
            const wg_var x = wg_var_of(r.tape, wg_edge(r.tape, node, 0)), y = wg_var_of(r.tape, id);
            if (wg_peek(x, y) || wg_tensor_count(wg_value(x)) == 0) {
                wg_tape_recover(r.tape, NULL);
                continue;
            }
            const int64_t element = (int64_t)(seed % (uint64_t)wg_tensor_count(wg_value(x)));
            const double dropped = wg_tensor_get(wg_value(x), element);
            if (!(dropped > 0.01 || dropped < -0.01)) continue; /* as good as 0, or not a number */
            faults++;
            seen += try_fault(&r, id, element);
            break;
        }
        forget(&r);
    }
    printf("%d indices dropped from sums of random graphs, %d of them seen\n", faults, seen);
    ck_assert_int_ge(faults, FEWEST_FAULTS);
    ck_assert_int_ge(
        seen, faults - faults / 10); /* the others are multiplied by 0, or drown in what is undecided */
    wg_engine_free(engine);
}
END_TEST

/* x f32[1000] of the same size, so that each index is a thousandth of the sum: all are seen. */
START_TEST(any_index_of_a_long_sum_is_missed) {
    enum { COUNT = 1000 };
    float numbers[COUNT];
    for (int i = 0; i < COUNT; i++) numbers[i] = 1.0f + (float)(i * 37 % 101) / 1000;
    recorded r = {.tape = wg_tape_new()};
    wg_var x = wg_array(r.tape, WG_F32, WG_SHAPE(COUNT), numbers), y = wg_sum(x, WG_ALL_AXES);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    int seen = 0;
    for (int64_t i = 0; i < COUNT; i++) seen += try_fault(&r, y.id, i);
    ck_assert_int_eq(seen, COUNT);
    wg_tape_free(r.tape);
}
END_TEST

WG_SUITE("lower/bounds", random_graphs_agree_with_their_definitions,
         so_they_do_without_the_rewrites_of_lowering, one_index_dropped_from_one_sum_exceeds_the_bound,
         any_index_of_a_long_sum_is_missed)
