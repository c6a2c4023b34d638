/* random_graph — recording, running and printing of the graphs that random_graph.h describes. */
#include "needed.h"
#include "random_graph.h"
#include "tape/tape.h"
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Life ------------------------------------------------------------------------------------------- */

random_graph *graph_copy(const random_graph *graph) {
    random_graph *copy = malloc(sizeof *copy);
    ck_assert_ptr_nonnull(copy);
    *copy = *graph;
    for (int i = 0; i < copy->node_count; i++)
        if (copy->nodes[i].tensor) wg_tensor_retain(copy->nodes[i].tensor);
    for (int i = 0; i < copy->state_count; i++) wg_tensor_retain(copy->states[i]);
    return copy;
}

void graph_free(random_graph *graph) {
    if (!graph) return;
    for (int i = 0; i < graph->node_count; i++) wg_tensor_free(graph->nodes[i].tensor);
    for (int i = 0; i < graph->state_count; i++) wg_tensor_free(graph->states[i]);
    free(graph);
}

void graph_new_states(const random_graph *graph, wg_state *states[GRAPH_STATES]) {
    memset(states, 0, GRAPH_STATES * sizeof *states);
    for (int i = 0; i < graph->state_count; i++) {
        states[i] = wg_state_new(graph->states[i], NULL);
        ck_assert_ptr_nonnull(states[i]);
    }
}

void graph_free_states(wg_state *states[GRAPH_STATES]) {
    for (int i = 0; i < GRAPH_STATES; i++) wg_state_free(states[i]);
}

/* --- Recording -------------------------------------------------------------------------------------- */

static void record_op(const graph_node *node, wg_tape *tape, const wg_var *inputs, wg_var *outputs) {
    if (node->input_count == 0) { /* only the op's name says on which tape */
        char text[1024];
        wg_attributes_text(node->op, node->attributes, text, sizeof text);
        outputs[0] = wg_apply_named(tape, node->op->name, inputs, text);
    } else {
        outputs[0] = wg_apply_list(node->op, sizeof *node->op,
                                   node->op->attributes_size ? node->attributes : NULL, inputs);
    }
    for (int i = 1; i < node->output_count; i++) outputs[i] = wg_output(outputs[0], i);
}

void graph_record_node(const random_graph *graph, int number, wg_tape *tape, wg_state *const *states,
                       graph_vars *vars) {
    const graph_node *node = &graph->nodes[number];
    wg_var inputs[GRAPH_INPUTS + 1], *outputs = vars->at[number];
    for (int i = 0; i < node->input_count; i++) {
        const graph_ref ref = node->inputs[i];
        inputs[i] = ref.node < 0 ? WG_NONE : vars->at[ref.node][ref.output];
    }
    inputs[node->input_count] = (wg_var)WG_END_;
    switch (node->kind) {
    case GRAPH_LEAF:
        outputs[0] = wg_input(tape, node->tensor);
        break;
    case GRAPH_STATE:
        outputs[0] = wg_read(tape, states[node->state]);
        break;
    case GRAPH_SCALAR:
        outputs[0] = wg_scalar(tape, node->number);
        break;
    case GRAPH_OP:
        record_op(node, tape, inputs, outputs);
        break;
    case GRAPH_GRADIENT:
        wg_grad_list(inputs[0], WG_NONE, inputs + 1, node->input_count - 1, outputs);
        break;
    }
}

static bool recorded(const bool *done, const graph_node *node) {
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i].node >= 0 && !done[node->inputs[i].node]) return false;
    return true;
}

void graph_record(const random_graph *graph, wg_tape *tape, wg_state *const *states, uint64_t order_seed,
                  graph_vars *vars) {
    bool done[GRAPH_NODES] = {false};
    uint64_t random = order_seed;
    for (int count = 0; count < graph->node_count; count++) {
        int next = count;
        if (order_seed) { /* any of those whose inputs are there */
            random = random * 6364136223846793005u + 1442695040888963407u;
            next = (int)((random >> 33) % (uint64_t)graph->node_count);
            while (done[next] || !recorded(done, &graph->nodes[next])) next = (next + 1) % graph->node_count;
        }
        graph_record_node(graph, next, tape, states, vars);
        done[next] = true;
    }
}

/* --- Running ---------------------------------------------------------------------------------------- */

static void append(graph_outcome *outcome, const void *bytes, size_t size) {
    if (outcome->size + size > outcome->capacity) {
        outcome->capacity = 2 * (outcome->size + size) + 1024;
        outcome->bytes = realloc(outcome->bytes, outcome->capacity);
        ck_assert_ptr_nonnull(outcome->bytes);
    }
    if (size) memcpy(outcome->bytes + outcome->size, bytes, size);
    outcome->size += size;
}

static void append_tensor(graph_outcome *outcome, const wg_tensor *tensor) {
    const wg_type type = wg_tensor_type(tensor);
    append(outcome, wg_tensor_data(tensor), wg_type_bytes(&type));
    outcome->elements += wg_tensor_count(tensor);
}

/* Counts what an evaluation of these vars needs, and of the assigns that are waiting. */
static void count_uses(const wg_tape *tape, const wg_var *vars, int64_t *uses) {
    bool *needed = calloc(tape->nodes.count + 1, sizeof *needed);
    ck_assert_ptr_nonnull(needed);
    for (; vars->tape; vars++) needed[vars->id] = true;
    for (size_t i = 0; i < tape->assigns.count; i++) needed[tape->assigns.at[i].value] = true;
    mark_needed(tape, needed);
    for (size_t id = 0; id < tape->nodes.count; id++) {
        const wg_node *node = &tape->nodes.at[id];
        for (int i = 0; needed[id] && !node->output && i < wg_op_count(); i++)
            uses[i] += wg_op_at(i) == node->op;
    }
    free(needed);
}

/* The vars that an evaluation asks for; how many. */
static int asked_for(const random_graph *graph, int evaluation, const graph_vars *vars, wg_var *asked) {
    int count = 0;
    for (int i = 0; i < graph->root_count; i++) {
        if (graph->roots[i].evaluation != evaluation) continue;
        asked[count] = vars->at[graph->roots[i].of.node][graph->roots[i].of.output];
        if (graph->roots[i].kept) wg_keep(asked[count]);
        count++;
    }
    asked[count] = (wg_var)WG_END_;
    return count;
}

/* The status, and the values if there are any. */
static bool append_values(graph_outcome *outcome, wg_tape *tape, const wg_var *asked, int count, int status) {
    append(outcome, &status, sizeof status);
    for (int i = 0; i < count && !status; i++) append_tensor(outcome, wg_value(asked[i]));
    if (status && !outcome->status) {
        outcome->status = status;
        snprintf(outcome->message, sizeof outcome->message, "%.250s", wg_tape_message(tape));
    }
    return status == WG_OK;
}

/* The budget becomes the least that can be met, which the error of one that cannot be met names. */
static void set_least_budget(wg_tape *tape, const wg_var *asked) {
    wg_error error;
    wg_set_memory_budget(tape, 1);
    if (wg_prepare_list(asked) == WG_OK) return; /* it needs no memory */
    wg_tape_recover(tape, &error);
    const char *least = strstr(error.message, "can do with is ");
    wg_set_memory_budget(tape, least ? strtoull(least + strlen("can do with is "), NULL, 10) : 0);
}

static bool evaluate(const random_graph *graph, int evaluation, const graph_settings *settings, wg_tape *tape,
                     wg_state *const *states, const graph_vars *vars, graph_outcome *outcome) {
    wg_var asked[GRAPH_ROOTS + 1];
    for (int i = 0; evaluation == graph->assigned_with && i < graph->assign_count; i++) {
        const graph_assign *assign = &graph->assigns[i];
        wg_assign(states[assign->state], vars->at[assign->value.node][assign->value.output]);
    }
    const int count = asked_for(graph, evaluation, vars, asked);
    if (!count || wg_tape_status(tape)) return append_values(outcome, tape, asked, 0, wg_tape_status(tape));
    if (settings->uses) count_uses(tape, asked, settings->uses);
    if (settings->prepare) wg_prepare_list(asked);
    if (settings->tight) set_least_budget(tape, asked);
    const int status = wg_eval_list(asked);
    wg_set_memory_budget(tape, 0);
    return append_values(outcome, tape, asked, count, status);
}

/* Records the graph and evaluates it, once more where the next step is a rerun. */
static bool run_step(const random_graph *graph, const graph_settings *settings, wg_tape *tape,
                     wg_state *const *states, bool again, graph_outcome *outcome) {
    graph_vars vars;
    wg_var asked[GRAPH_ROOTS + 1];
    graph_record(graph, tape, states, settings->order_seed, &vars);
    bool good = true;
    for (int i = 0; i < graph->evaluations && good; i++)
        good = evaluate(graph, i, settings, tape, states, &vars, outcome);
    if (!good || !again) return good;
    const int count = asked_for(graph, 0, &vars, asked);
    return append_values(outcome, tape, asked, count, wg_rerun(tape));
}

void graph_run(const random_graph *graph, const graph_settings *settings, graph_outcome *outcome) {
    wg_state *states[GRAPH_STATES];
    wg_tape *tape = wg_tape_new(.engine = settings->engine);
    ck_assert_ptr_nonnull(tape);
    *outcome = (graph_outcome){0};
    graph_new_states(graph, states);
    const bool rerun =
        settings->rerun && graph->steps > 1 && graph->evaluations == 1 && graph->root_count > 0;
    for (int step = 0; step < (rerun ? 1 : graph->steps); step++) {
        const bool good = run_step(graph, settings, tape, states, rerun, outcome);
        wg_tape_recover(tape, NULL);
        wg_tape_clear(tape);
        if (!good) break;
    }
    for (int i = 0; i < graph->state_count; i++) append_tensor(outcome, wg_state_tensor(states[i]));
    wg_tape_free(tape);
    graph_free_states(states);
}

void graph_outcome_free(graph_outcome *outcome) {
    free(outcome->bytes);
    *outcome = (graph_outcome){0};
}

bool graph_outcome_equal(const graph_outcome *a, const graph_outcome *b) {
    return a->size == b->size && (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

wg_tensor *graph_value(const random_graph *graph, graph_ref ref) {
    wg_engine *engine = wg_engine_new(NULL, .executor = WG_NODE_BY_NODE, .threads = 1);
    wg_tape *tape = wg_tape_new(.engine = engine);
    wg_state *states[GRAPH_STATES];
    graph_vars vars;
    ck_assert_ptr_nonnull(tape);
    graph_new_states(graph, states);
    graph_record(graph, tape, states, 0, &vars);
    wg_tensor *value = NULL;
    if (wg_peek(vars.at[ref.node][ref.output]) == WG_OK) {
        const wg_tensor *found = wg_value(vars.at[ref.node][ref.output]);
        const wg_type type = wg_tensor_type(found);
        value = wg_tensor_of_type(&type, NULL);
        ck_assert_ptr_nonnull(value);
        if (wg_type_bytes(&type))
            memcpy(wg_tensor_writable(value), wg_tensor_data(found), wg_type_bytes(&type));
    }
    wg_tape_free(tape);
    wg_engine_free(engine);
    graph_free_states(states);
    return value;
}

/* --- As text ---------------------------------------------------------------------------------------- */

static void print_ref(FILE *stream, const random_graph *graph, graph_ref ref) {
    if (ref.node < 0)
        fprintf(stream, "none");
    else if (graph->nodes[ref.node].output_count > 1)
        fprintf(stream, "v%d.%d", ref.node, ref.output);
    else
        fprintf(stream, "v%d", ref.node);
}

static void print_type(FILE *stream, const wg_type *type) {
    fprintf(stream, "%s[", wg_dtype_name(type->dtype));
    for (int i = 0; i < type->rank; i++) fprintf(stream, "%s%" PRId64, i ? ", " : "", type->extent[i]);
    fprintf(stream, "]");
}

static void print_numbers(FILE *stream, const wg_tensor *tensor) {
    const int64_t count = wg_tensor_count(tensor);
    fprintf(stream, " {");
    for (int64_t i = 0; i < count && i < 6; i++)
        fprintf(stream, "%s%.9g", i ? ", " : "", wg_tensor_get(tensor, i));
    fprintf(stream, "%s}", count > 6 ? ", …" : "");
}

static void print_inputs(FILE *stream, const random_graph *graph, const graph_node *node) {
    fprintf(stream, "(");
    for (int i = 0; i < node->input_count; i++) {
        if (i) fprintf(stream, ", ");
        print_ref(stream, graph, node->inputs[i]);
    }
    char text[512] = "";
    if (node->kind == GRAPH_OP) wg_attributes_text(node->op, node->attributes, text, sizeof text);
    fprintf(stream, "%s%s)", *text ? "; " : "", text);
}

static void print_node(FILE *stream, const random_graph *graph, int number) {
    static const char *const names[] = {"input", "state", "scalar", "", "gradient"};
    const graph_node *node = &graph->nodes[number];
    fprintf(stream, "  v%-3d = %s", number, node->kind == GRAPH_OP ? node->op->name : names[node->kind]);
    if (node->kind == GRAPH_SCALAR) fprintf(stream, "(%.17g)", node->number);
    if (node->kind == GRAPH_STATE) fprintf(stream, "(s%d)", node->state);
    if (node->kind == GRAPH_OP || node->kind == GRAPH_GRADIENT) print_inputs(stream, graph, node);
    fprintf(stream, "  ");
    for (int i = 0; i < node->output_count; i++) {
        if (i) fprintf(stream, ", ");
        print_type(stream, &node->types[i]);
    }
    if (node->kind == GRAPH_LEAF) print_numbers(stream, node->tensor);
    fprintf(stream, "\n");
}

void graph_print(FILE *stream, const random_graph *graph) {
    fprintf(stream, "graph %" PRIu64 ": %d nodes, %d steps of %d evaluations\n", graph->seed,
            graph->node_count, graph->steps, graph->evaluations);
    for (int i = 0; i < graph->state_count; i++) {
        const wg_type type = wg_tensor_type(graph->states[i]);
        fprintf(stream, "  s%d begins as ", i);
        print_type(stream, &type);
        print_numbers(stream, graph->states[i]);
        fprintf(stream, "\n");
    }
    for (int i = 0; i < graph->node_count; i++) print_node(stream, graph, i);
    for (int i = 0; i < graph->evaluations; i++) {
        for (int k = 0; i == graph->assigned_with && k < graph->assign_count; k++) {
            fprintf(stream, "  s%d <- ", graph->assigns[k].state);
            print_ref(stream, graph, graph->assigns[k].value);
            fprintf(stream, "\n");
        }
        fprintf(stream, "  evaluate");
        for (int k = 0; k < graph->root_count; k++) {
            if (graph->roots[k].evaluation != i) continue;
            fprintf(stream, " ");
            print_ref(stream, graph, graph->roots[k].of);
            if (graph->roots[k].kept) fprintf(stream, " (kept)");
        }
        fprintf(stream, "\n");
    }
}
