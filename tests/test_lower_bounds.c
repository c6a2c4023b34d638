/* What runs agrees with a naive evaluation of the recorded graph, within a bound that running error analysis
 * derives from the ops (naive_graph.h): on every op's samples and their gradients, and on random graphs, with
 * every rewrite of the lowered graph on, off, and in subsets. The bound means something: elements of which it
 * can say nothing are few, errors are not far below it, and one index dropped from one sum exceeds it. */
#include "naive_graph.h"
#include "random_graph.h"
#include "suite.h"
#include "tape/tape.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRAPHS = UNDER_SANITIZER ? 60 : 300, FEWEST_FAULTS = 20, SAMPLE_SEED = 7 };

/* A random graph recorded on a tape of its own. */
typedef struct recorded {
    random_graph *graph;
    wg_tape *tape;
    wg_state *states[GRAPH_STATES];
    wg_var roots[GRAPH_ROOTS + 1];
} recorded;

/* The graph is the recording's from now on. */
static recorded record_graph(random_graph *graph, wg_engine *engine) {
    recorded r = {.graph = graph, .tape = wg_tape_new(.engine = engine)};
    ck_assert_ptr_nonnull(r.tape);
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

static random_graph *make(uint64_t seed) { return graph_make(seed, &(graph_options){.one_step = true}); }

static void forget(recorded *r) {
    wg_tape_free(r->tape);
    graph_free_states(r->states);
    graph_free(r->graph);
}

/* What the graph must give, whatever evaluates it: all recordings of it have the same nodes. */
static naive_graph *definition_of(const random_graph *graph) {
    recorded r = record_graph(graph_copy(graph), NULL);
    naive_graph *naive = naive_graph_of(r.tape, r.roots, NULL);
    forget(&r);
    return naive;
}

/* How graphs were evaluated in one way. */
typedef struct tally {
    naive_comparison comparison;
    size_t nodes; /* that ran */
} tally;

/* Adds what the engine makes of the graph; is all of it within the bound? */
static bool is_within(const random_graph *graph, const naive_graph *naive, wg_engine *engine, tally *all) {
    recorded r = record_graph(graph_copy(graph), engine);
    const int64_t wrong = all->comparison.wrong;
    const int status = wg_eval_list(r.roots);
    for (int i = 0; !status && i < r.graph->root_count; i++)
        naive_compare(&all->comparison, naive, r.roots[i]);
    wg_plan_info info = {0};
    wg_plan_report(r.tape, &info);
    all->nodes += info.nodes;
    forget(&r);
    return !status && all->comparison.wrong == wrong;
}

/* A graph_test. */
static bool is_beyond(const random_graph *graph, void *engine) {
    tally all = {0};
    naive_graph *naive = definition_of(graph);
    is_within(graph, naive, engine, &all);
    const bool wrong = all.comparison.wrong > 0;
    naive_graph_free(naive);
    naive_comparison_free(&all.comparison);
    return wrong;
}

static void try_graph(random_graph *graph, const naive_graph *naive, const char *disable, tally *all) {
    wg_engine *engine = wg_engine_new(NULL, .threads = 2, .disable = disable);
    if (!is_within(graph, naive, engine, all)) {
        printf("without \"%s\": %s\n", disable, all->comparison.first);
        if (is_beyond(graph, engine)) graph_shrink(graph, is_beyond, engine);
        graph_print(stdout, graph);
        fflush(stdout);
        ck_abort_msg("a graph is not as its definition says");
    }
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

static void judge(naive_comparison *c) {
    const double skipped = 100.0 * (double)c->skipped / (double)c->elements, median = naive_median(c);
    printf("%" PRId64 " elements: %.3f %% undecided, %" PRId64
           " wrong; error / bound: largest %.3f, median %.4f of %" PRId64 "\n",
           c->elements, skipped, c->wrong, c->largest, median, c->ratio_count);
    fflush(stdout);
    ck_assert_int_eq(c->wrong, 0);
    ck_assert_double_le(skipped, 1.0);
    ck_assert_double_ge(median, 1e-3);
    naive_comparison_free(c);
}

enum { NONE_OFF, ALL_OFF, SOME_OFF, WAYS };

START_TEST(random_graphs_agree_with_their_definitions_whatever_rewrites_are_on) {
    tally ways[WAYS] = {{{0}, 0}};
    char names[256];
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        random_graph *graph = make(seed);
        naive_graph *naive = definition_of(graph);
        const unsigned off[WAYS] = {0, ~0u, (unsigned)(seed * 0x9E3779B97F4A7C15u >> 40)};
        for (int way = 0; way < WAYS; way++) {
            name_rewrites(off[way], names, sizeof names);
            try_graph(graph, naive, names, &ways[way]);
        }
        naive_graph_free(naive);
        graph_free(graph);
    }
    printf("%d graphs: %zu nodes ran; %zu without any rewrite, %zu with some\n", GRAPHS, ways[NONE_OFF].nodes,
           ways[ALL_OFF].nodes, ways[SOME_OFF].nodes);
    for (int way = 0; way < WAYS; way++) judge(&ways[way].comparison);
    ck_assert_uint_lt(ways[NONE_OFF].nodes, ways[SOME_OFF].nodes);
    ck_assert_uint_lt(ways[SOME_OFF].nodes, ways[ALL_OFF].nodes);
}
END_TEST

/* --- Every op ---------------------------------------------------------------------------------------- */

typedef struct sampled {
    wg_tape *tape;
    naive_comparison comparison;
    int64_t samples, gradients;
} sampled;

/* Behind the outputs in the list: the gradients of sum(y²) for the real inputs, where there are any. */
static int list_gradients(sampled *s, const wg_case *sample, wg_var y, const wg_var *vars, wg_var *list,
                          int count) {
    wg_var inputs[NAIVE_INPUTS];
    int wanted = 0;
    if (wg_type_of(y).dtype != WG_F32) return count;
    for (int i = 0; i < sample->input_count; i++)
        if (vars[i].tape && wg_type_of(vars[i]).dtype == WG_F32 &&
            wg_connection_of(y, vars[i]) == WG_CONNECTED)
            inputs[wanted++] = vars[i];
    const wg_var loss = wg_sum(wg_square(y), WG_ALL_AXES);
    if (!wanted || wg_grad_list(loss, WG_NONE, inputs, wanted, list + count)) {
        wg_tape_recover(s->tape, NULL);
        return count;
    }
    s->gradients++;
    return count + wanted;
}

static void compare_list(sampled *s, const wg_case *sample, const wg_var *list) {
    naive_graph *naive = naive_graph_of(s->tape, list, NULL);
    const int64_t wrong = s->comparison.wrong;
    ck_assert_msg(wg_eval_list(list) == WG_OK, "%s", wg_tape_message(s->tape));
    for (int i = 0; list[i].tape; i++) naive_compare(&s->comparison, naive, list[i]);
    if (s->comparison.wrong > wrong) {
        printf("%s, sample %d: %s\n", sample->op->name, sample->number, s->comparison.first);
        fflush(stdout);
    }
    naive_graph_free(naive);
}

static int try_sample(const wg_case *sample, void *context) {
    sampled *s = context;
    wg_var vars[NAIVE_INPUTS + 1], list[NAIVE_OUTPUTS + NAIVE_INPUTS + 1];
    ck_assert_int_le(sample->input_count, NAIVE_INPUTS);
    inputs_of_sample(s->tape, sample, WG_F32, SAMPLE_SEED, vars);
    const wg_var y = wg_case_record(s->tape, sample, vars);
    if (wg_tape_recover(s->tape, NULL) == WG_OK) {
        int count = 0;
        for (; count < sample->op->outputs; count++) list[count] = count ? wg_output(y, count) : y;
        count = list_gradients(s, sample, y, vars, list, count);
        list[count] = (wg_var)WG_END_;
        compare_list(s, sample, list);
        s->samples++;
    }
    wg_tape_clear(s->tape);
    return 0;
}

START_TEST(samples_of_every_op_and_their_gradients_agree_with_their_definitions) {
    sampled s = {.tape = wg_tape_new()};
    ck_assert_ptr_nonnull(s.tape);
    for (int i = 0; i < wg_op_count(); i++) {
        const int64_t before = s.samples;
        wg_op_samples(wg_op_at(i), try_sample, &s);
        ck_assert_msg(s.samples > before, "%s has no sample", wg_op_at(i)->name);
    }
    printf("%d ops, %" PRId64 " samples, %" PRId64 " of them with gradients\n", wg_op_count(), s.samples,
           s.gradients);
    ck_assert_int_gt(s.gradients, s.samples / 4);
    judge(&s.comparison);
    wg_tape_free(s.tape);
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
        recorded r = record_graph(make(seed), engine);
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

WG_SUITE("lower/bounds", samples_of_every_op_and_their_gradients_agree_with_their_definitions,
         random_graphs_agree_with_their_definitions_whatever_rewrites_are_on,
         one_index_dropped_from_one_sum_exceeds_the_bound, any_index_of_a_long_sum_is_missed)
