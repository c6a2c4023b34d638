/* Random graphs, planned in every way, give the bits of the simple executor (which runs the lowered graph
 * node by node on one thread, each value in poisoned memory of its own): results, states, statuses. What
 * fails is cut down and printed with its seed; FUZZ_SEED runs one graph alone, FUZZ_GRAPHS says how many. */
#include "random_graph.h"
#include "suite.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef FUZZ_GRAPHS
#define FUZZ_GRAPHS (UNDER_SANITIZER ? 80 : 300)
#endif

enum { FIRST_SEED = 1, REPORTS = 3, DISABLED_SIZE = 512, SEARCHED_GRAPHS = 300 };

static uint64_t number_from(const char *name, uint64_t preset) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : preset;
}

/* --- Ways to run a graph -----------------------------------------------------------------------------------
 */

typedef struct way {
    char lower[DISABLED_SIZE], plan[DISABLED_SIZE]; /* passes switched off */
    int threads;
    bool poison, prepare, rerun, tight;
    uint64_t order_seed;
} way;

static uint64_t next_random(uint64_t *random) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 33;
}

/* Names passes of lowering or of planning: each with one chance in `one_in`, all for 1, none for 0. */
static void name_passes(char *names, bool lowering, uint64_t *random, unsigned one_in) {
    *names = '\0';
    for (int i = 0; wg_pass_at(i) && one_in; i++)
        if (wg_pass_at(i)->lowers == lowering && next_random(random) % one_in == 0)
            snprintf(names + strlen(names), DISABLED_SIZE - strlen(names), "%s%s", *names ? "," : "",
                     wg_pass_at(i)->name);
}

enum { ALL_ON, ALL_OFF, WAYS = 5 }; /* the others are random subsets */

static way way_of(uint64_t seed, int number) {
    static const int threads[] = {1, 2, 3, 4, 7};
    uint64_t random = seed * 31 + (uint64_t)number;
    way chosen = {.threads = threads[next_random(&random) % 5]};
    chosen.poison = next_random(&random) % 2;
    chosen.prepare = next_random(&random) % 4 == 0;
    chosen.rerun = next_random(&random) % 2;
    chosen.tight = next_random(&random) % 4 == 0;
    chosen.order_seed = number == ALL_ON ? 0 : next_random(&random);
    name_passes(chosen.plan, false, &random, number == ALL_ON ? 0 : number == ALL_OFF ? 1 : 2);
    name_passes(chosen.lower, true, &random, seed % 3 ? 0 : 2);
    return chosen;
}

static void describe(FILE *stream, const way *w) {
    fprintf(stream,
            "  %d threads%s%s%s%s, recorded in order %" PRIu64
            ", without \"%s\" of planning, \"%s\" of lowering\n",
            w->threads, w->poison ? ", poisoned" : "", w->prepare ? ", prepared" : "",
            w->rerun ? ", rerun" : "", w->tight ? ", within the least memory" : "", w->order_seed, w->plan,
            w->lower);
}

static wg_engine *engine_of(const way *w, bool simple) {
    char both[2 * DISABLED_SIZE];
    wg_error error = {0};
    snprintf(both, sizeof both, "%s%s%s", w->lower, *w->lower && *w->plan ? "," : "", simple ? "" : w->plan);
    wg_engine *engine =
        simple ? wg_engine_new(&error, .executor = WG_NODE_BY_NODE, .threads = 1, .disable = both)
               : wg_engine_new(&error, .threads = w->threads, .disable = both, .poison = w->poison);
    ck_assert_msg(engine != NULL, "%s", error.message);
    return engine;
}

/* The outcome of the simple executor, for the passes of lowering that this way has. */
static graph_outcome simple_outcome(const random_graph *graph, const way *w, int64_t *uses) {
    wg_engine *engine = engine_of(w, true);
    graph_outcome outcome;
    graph_run(graph, &(graph_settings){.engine = engine, .uses = uses}, &outcome);
    wg_engine_free(engine);
    return outcome;
}

static bool gives(const random_graph *graph, const way *w, const graph_outcome *expected) {
    wg_engine *engine = engine_of(w, false);
    graph_outcome found;
    graph_run(graph,
              &(graph_settings){.engine = engine,
                                .order_seed = w->order_seed,
                                .prepare = w->prepare,
                                .rerun = w->rerun,
                                .tight = w->tight},
              &found);
    const bool equal = graph_outcome_equal(expected, &found);
    graph_outcome_free(&found);
    wg_engine_free(engine);
    return equal;
}

/* A graph_test: does that way give other bits than the simple executor? */
static bool differs(const random_graph *graph, void *context) {
    graph_outcome expected = simple_outcome(graph, context, NULL);
    const bool equal = gives(graph, context, &expected);
    graph_outcome_free(&expected);
    return !equal;
}

/* --- Many graphs -----------------------------------------------------------------------------------------
 */

typedef struct tally {
    int64_t graphs, nodes, runs, elements, failed_runs, found; /* found: graphs that differ in some way */
    int64_t uses[1024];
} tally;

static void report(random_graph *graph, way *w) {
    printf("graph %" PRIu64 " differs from the simple executor:\n", graph->seed);
    describe(stdout, w);
    graph_shrink(graph, differs, w);
    graph_print(stdout, graph);
    fflush(stdout);
}

static void try_graph(uint64_t seed, tally *t) {
    random_graph *graph = graph_make(seed, NULL);
    way first = way_of(seed, 0);
    graph_outcome expected = simple_outcome(graph, &first, t->uses);
    t->graphs++;
    t->nodes += graph->node_count;
    t->elements += expected.elements;
    t->failed_runs += expected.status != WG_OK;
    for (int i = 0; i < WAYS; i++) {
        way w = way_of(seed, i);
        memcpy(w.lower, first.lower, sizeof w.lower);
        t->runs++;
        if (gives(graph, &w, &expected)) continue;
        if (t->found++ < REPORTS) report(graph, &w);
        break;
    }
    graph_outcome_free(&expected);
    graph_free(graph);
}

START_TEST(plans_give_the_bits_of_node_by_node_whatever_passes_are_on) {
    tally *t = calloc(1, sizeof *t);
    const uint64_t one = number_from("FUZZ_SEED", 0),
                   count = one ? 1 : number_from("FUZZ_GRAPHS", FUZZ_GRAPHS);
    const uint64_t first = one ? one : FIRST_SEED;
    ck_assert_int_le(wg_op_count(), 1024);
    for (uint64_t seed = first; seed < first + count; seed++) try_graph(seed, t);
    int64_t ops = 0, unused = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        ops += t->uses[i];
        const bool composed =
            wg_op_at(i)->expand && !wg_op_at(i)->forward; /* its expansion is in the graph */
        if (!t->uses[i] && !composed) printf("%s is in no graph\n", wg_op_at(i)->name), unused++;
    }
    printf("%" PRId64 " graphs from seed %" PRIu64 ", %" PRId64 " nodes, %" PRId64 " ops evaluated, %" PRId64
           " runs of plans, %" PRId64 " elements; %" PRId64 " graphs end in an error, %" PRId64 " differ\n",
           t->graphs, first, t->nodes, ops, t->runs, t->elements, t->failed_runs, t->found);
    ck_assert_int_eq(t->found, 0);
    ck_assert_int_gt(t->elements, 100 * t->graphs);
    ck_assert_int_lt(t->failed_runs, t->graphs / 10 + 1);  /* all else is compared in numbers */
    if (!one && count >= 300) ck_assert_int_eq(unused, 0); /* fewer, under a sanitizer, do not meet all */
    free(t);
}
END_TEST

/* --- It can fail: ops that break their contract ----------------------------------------------------------
 */

/* y[i] = x[i] + x[i-1] / 2, though elementwise: in place it reads what it has written, and at a tile's edge
 * it does not see its neighbour. */
static void smear_forward(const wg_call *call) {
    const float *x = call->inputs[0].data;
    float *y = call->outputs[0].data;
    for (int64_t i = call->begin; i < call->end; i++) y[i] = x[i] + 0.5f * x[i > call->begin ? i - 1 : i];
}

/* y[i] = x[i], and the first of the units that one thread does at a time is marked. */
static void cut_forward(const wg_call *call) {
    const float *x = call->inputs[0].data;
    float *y = call->outputs[0].data;
    for (int64_t i = call->begin; i < call->end; i++) y[i] = x[i] + (i > 0 && i == call->begin ? 1.0f : 0.0f);
}
static int64_t elements(const wg_call *call) { return wg_type_count(&call->inputs[0].type); }

static int infer_f32(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return infer->inputs[0].dtype == WG_F32 ? WG_OK : wg_infer_fail(infer, WG_ERROR_DTYPE, "f32 is taken");
}

static void normal_samples(wg_sampler *sampler) { wg_sample_unary(sampler, WG_NORMAL, 0, 0); }
static void blocked(wg_rule *rule) { (void)rule; }

static const wg_op smear = {.name = "smear",
                            .formula = "y[i] = x[i] + x[i-1] / 2",
                            .inputs = 1,
                            .outputs = 1,
                            .flags = WG_ELEMENTWISE,
                            .infer = infer_f32,
                            .forward = smear_forward,
                            .backward = blocked,
                            .samples = normal_samples};
static const wg_op cut = {.name = "cut",
                          .formula = "y = x, and 1 more where a thread begins",
                          .inputs = 1,
                          .outputs = 1,
                          .infer = infer_f32,
                          .forward = cut_forward,
                          .backward = blocked,
                          .units = elements,
                          .samples = normal_samples};

/* Random graphs with that op among the others show that it is wrong, and are cut down to little more than it.
 */
static void finds(const wg_op *op, way *w, int most_nodes) {
    for (uint64_t seed = 1; seed <= SEARCHED_GRAPHS; seed++) {
        random_graph *graph = graph_make(seed, &(graph_options){.extra = op});
        const int before = graph->node_count;
        if (differs(graph, w)) {
            graph_shrink(graph, differs, w);
            printf("%s is found in graph %d of %d nodes, cut down to\n", op->name, (int)seed, before);
            graph_print(stdout, graph);
            fflush(stdout); /* a failing test's child does not */
            ck_assert(differs(graph, w));
            ck_assert_int_le(graph->node_count, most_nodes);
            bool named = false;
            for (int i = 0; i < graph->node_count; i++) named |= graph->nodes[i].op == op;
            ck_assert(named);
            graph_free(graph);
            return;
        }
        graph_free(graph);
    }
    ck_abort_msg("%s is not found", op->name);
}

START_TEST(an_op_that_reads_what_it_overwrites_is_found_and_cut_down) {
    finds(&smear, &(way){.threads = 1}, 6);
}
END_TEST

START_TEST(an_op_that_depends_on_how_work_is_cut_is_found_and_cut_down) {
    finds(&cut, &(way){.threads = 2}, 3);
}
END_TEST

/* --- The graphs ------------------------------------------------------------------------------------------
 */

static char *text_of(uint64_t seed) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(stream);
    random_graph *graph = graph_make(seed, NULL);
    graph_print(stream, graph);
    graph_free(graph);
    fclose(stream);
    return text;
}

START_TEST(a_graph_depends_on_its_seed_alone) {
    char *first = text_of(17), *other = text_of(18), *again = text_of(17);
    ck_assert_str_eq(first, again);
    ck_assert_str_ne(first, other);
    free(first);
    free(other);
    free(again);
}
END_TEST

WG_SUITE("plan/fuzz", plans_give_the_bits_of_node_by_node_whatever_passes_are_on,
         an_op_that_reads_what_it_overwrites_is_found_and_cut_down,
         an_op_that_depends_on_how_work_is_cut_is_found_and_cut_down, a_graph_depends_on_its_seed_alone)
