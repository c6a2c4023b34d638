/* random_graph_shrink — cuts a failing graph down: one thing at a time is left out, and stays out if the
 * graph goes on failing, until nothing more can go. */
#include "random_graph.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

/* --- Taking out what nothing needs --------------------------------------------------------------------- */

static void renumber(graph_ref *ref, const int *places) {
    if (ref->node >= 0) ref->node = places[ref->node];
}

static void prune_states(random_graph *graph) {
    bool used[GRAPH_STATES] = {false};
    int places[GRAPH_STATES] = {0}, count = 0;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == GRAPH_STATE) used[graph->nodes[i].state] = true;
    for (int i = 0; i < graph->assign_count; i++) used[graph->assigns[i].state] = true;
    for (int i = 0; i < graph->state_count; i++) {
        places[i] = count;
        if (used[i])
            graph->states[count++] = graph->states[i];
        else
            wg_tensor_free(graph->states[i]);
    }
    graph->state_count = count;
    for (int i = 0; i < graph->node_count; i++)
        if (graph->nodes[i].kind == GRAPH_STATE) graph->nodes[i].state = places[graph->nodes[i].state];
    for (int i = 0; i < graph->assign_count; i++) graph->assigns[i].state = places[graph->assigns[i].state];
}

void graph_prune(random_graph *graph) {
    bool needed[GRAPH_NODES] = {false};
    int places[GRAPH_NODES], count = 0;
    for (int i = 0; i < graph->root_count; i++) needed[graph->roots[i].of.node] = true;
    for (int i = 0; i < graph->assign_count; i++) needed[graph->assigns[i].value.node] = true;
    for (int i = graph->node_count - 1; i >= 0; i--)
        for (int k = 0; needed[i] && k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k].node >= 0) needed[graph->nodes[i].inputs[k].node] = true;
    for (int i = 0; i < graph->node_count; i++) {
        places[i] = count;
        if (!needed[i]) {
            wg_tensor_free(graph->nodes[i].tensor);
            continue;
        }
        graph_node *node = &graph->nodes[count++];
        if (node != &graph->nodes[i]) *node = graph->nodes[i];
        for (int k = 0; k < node->input_count; k++) renumber(&node->inputs[k], places);
    }
    graph->node_count = count;
    for (int i = 0; i < graph->root_count; i++) renumber(&graph->roots[i].of, places);
    for (int i = 0; i < graph->assign_count; i++) renumber(&graph->assigns[i].value, places);
    prune_states(graph);
}

/* --- One thing less --------------------------------------------------------------------------------------
 */

typedef struct shrinking {
    random_graph *graph;
    graph_test *fails;
    void *context;
} shrinking;

/* Takes the candidate in place of the graph if it fails too. */
static bool adopt(shrinking *s, random_graph *candidate) {
    graph_prune(candidate);
    const bool smaller =
        candidate->root_count + candidate->assign_count > 0 && s->fails(candidate, s->context);
    if (smaller) {
        for (int i = 0; i < s->graph->node_count; i++) wg_tensor_free(s->graph->nodes[i].tensor);
        for (int i = 0; i < s->graph->state_count; i++) wg_tensor_free(s->graph->states[i]);
        *s->graph = *candidate; /* the caller's struct stays where it is */
        free(candidate);
    } else {
        graph_free(candidate);
    }
    return smaller;
}

static bool without_root(shrinking *s, int root) {
    random_graph *candidate = graph_copy(s->graph);
    candidate->roots[root] = candidate->roots[--candidate->root_count];
    return adopt(s, candidate);
}

/* The first node that fails alone. */
static bool earlier(shrinking *s) {
    for (int i = 0; i < s->graph->node_count; i++)
        for (int k = 0; k < s->graph->nodes[i].output_count; k++) {
            random_graph *candidate = graph_copy(s->graph);
            candidate->root_count = candidate->steps = candidate->evaluations = 1;
            candidate->assign_count = candidate->assigned_with = 0;
            candidate->roots[0] = (graph_root){.of = {i, k}};
            graph_prune(candidate);
            if (candidate->node_count == s->graph->node_count && s->graph->root_count == 1)
                graph_free(candidate);
            else if (adopt(s, candidate))
                return true;
        }
    return false;
}

static bool without_assign(shrinking *s, int assign) {
    random_graph *candidate = graph_copy(s->graph);
    candidate->assigns[assign] = candidate->assigns[--candidate->assign_count];
    return adopt(s, candidate);
}

static bool shorter(shrinking *s) {
    random_graph *candidate = graph_copy(s->graph);
    bool less = candidate->steps > 1 || candidate->evaluations > 1;
    if (candidate->steps > 1) {
        candidate->steps = 1;
    } else {
        candidate->evaluations = 1;
        candidate->assigned_with = 0;
        for (int i = 0; i < candidate->root_count; i++) candidate->roots[i].evaluation = 0;
    }
    for (int i = 0; i < candidate->root_count && !less; i++) {
        less = candidate->roots[i].kept;
        candidate->roots[i].kept = false;
    }
    if (less) return adopt(s, candidate);
    graph_free(candidate);
    return false;
}

static void replace(random_graph *graph, graph_ref old, graph_ref new) {
    for (int i = old.node + 1; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].input_count; k++) {
            graph_ref *input = &graph->nodes[i].inputs[k];
            if (input->node == old.node && input->output == old.output) *input = new;
        }
    for (int i = 0; i < graph->root_count; i++)
        if (graph->roots[i].of.node == old.node && graph->roots[i].of.output == old.output)
            graph->roots[i].of = new;
    for (int i = 0; i < graph->assign_count; i++)
        if (graph->assigns[i].value.node == old.node && graph->assigns[i].value.output == old.output)
            graph->assigns[i].value = new;
}

static bool same_type(const wg_type *a, const wg_type *b) { return memcmp(a, b, sizeof *a) == 0; }

/* An input of the same type takes the node's place. */
static bool by_input(shrinking *s, int number) {
    const graph_node node = s->graph->nodes[number];
    if (node.output_count > 1) return false;
    for (int k = 0; k < node.input_count; k++) {
        const graph_ref input = node.inputs[k];
        if (input.node < 0 || !same_type(&s->graph->nodes[input.node].types[input.output], &node.types[0]))
            continue;
        random_graph *candidate = graph_copy(s->graph);
        replace(candidate, (graph_ref){number, 0}, input);
        if (adopt(s, candidate)) return true;
    }
    return false;
}

/* Room for a node before the one at `place`. */
static void insert(random_graph *graph, int place, const graph_node *node) {
    int places[GRAPH_NODES];
    for (int i = 0; i < graph->node_count; i++) places[i] = i + (i >= place);
    memmove(graph->nodes + place + 1, graph->nodes + place,
            (size_t)(graph->node_count - place) * sizeof *graph->nodes);
    graph->nodes[place] = (graph_node){.kind = GRAPH_LEAF};
    graph->node_count++;
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].input_count; k++) renumber(&graph->nodes[i].inputs[k], places);
    for (int i = 0; i < graph->root_count; i++) renumber(&graph->roots[i].of, places);
    for (int i = 0; i < graph->assign_count; i++) renumber(&graph->assigns[i].value, places);
    graph->nodes[place] = *node;
}

static bool is_read(const random_graph *graph, graph_ref ref) {
    random_graph *copy = graph_copy(graph);
    replace(copy, ref, GRAPH_NOTHING);
    bool same = copy->assign_count == graph->assign_count;
    for (int i = 0; i < graph->node_count && same; i++)
        same = memcmp(copy->nodes[i].inputs, graph->nodes[i].inputs, sizeof copy->nodes[i].inputs) == 0;
    same = same && memcmp(copy->roots, graph->roots, sizeof copy->roots) == 0 &&
           memcmp(copy->assigns, graph->assigns, sizeof copy->assigns) == 0;
    graph_free(copy);
    return !same;
}

/* A leaf that holds what it was takes an output's place. */
static bool by_leaf(shrinking *s, graph_ref ref) {
    const graph_node *node = &s->graph->nodes[ref.node];
    if (node->kind == GRAPH_LEAF || node->kind == GRAPH_SCALAR || s->graph->node_count == GRAPH_NODES)
        return false;
    if (!is_read(s->graph, ref)) return false;
    wg_tensor *value = graph_value(s->graph, ref);
    if (!value) return false;
    random_graph *candidate = graph_copy(s->graph);
    insert(candidate, ref.node,
           &(graph_node){
               .kind = GRAPH_LEAF, .output_count = 1, .tensor = value, .types = {wg_tensor_type(value)}});
    replace(candidate, (graph_ref){ref.node + 1, ref.output}, (graph_ref){ref.node, 0});
    return adopt(s, candidate);
}

/* A gradient for fewer inputs. */
static bool without_gradient(shrinking *s, int number) {
    const graph_node *node = &s->graph->nodes[number];
    for (int output = 0;
         node->kind == GRAPH_GRADIENT && node->output_count > 1 && output < node->output_count; output++) {
        if (is_read(s->graph, (graph_ref){number, output})) continue;
        random_graph *candidate = graph_copy(s->graph);
        graph_node *less = &candidate->nodes[number];
        for (int i = output + 1; i < less->output_count; i++) {
            replace(candidate, (graph_ref){number, i}, (graph_ref){number, i - 1});
            less->inputs[i] = less->inputs[i + 1];
            less->types[i - 1] = less->types[i];
        }
        less->input_count--;
        less->output_count--;
        if (adopt(s, candidate)) return true;
    }
    return false;
}

void graph_shrink(random_graph *graph, graph_test *fails, void *context) {
    shrinking s = {graph, fails, context};
    for (bool again = true; again;) {
        again = earlier(&s);
        again |= shorter(&s);
        for (int i = graph->root_count - 1; i >= 0; i--)
            if (i < graph->root_count && without_root(&s, i)) again = true;
        for (int i = graph->assign_count - 1; i >= 0; i--)
            if (i < graph->assign_count && without_assign(&s, i)) again = true;
        for (int i = graph->node_count - 1; i >= 0; i--) {
            for (int k = 0; i < graph->node_count && k < graph->nodes[i].output_count; k++)
                if (by_leaf(&s, (graph_ref){i, k})) again = true;
            if (i < graph->node_count && (without_gradient(&s, i) || by_input(&s, i))) again = true;
        }
    }
}
