/* naive_graph — walks a tape and evaluates each node from its definition, with a bound of the rounding
 * errors: those of its inputs go through the op by its rule (naive_error.h). */
#include "naive_error.h"
#include "needed.h"
#include "tape/tape.h"
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- Names ------------------------------------------------------------------------------------- */

/* Of what is moved: the definition moves the names; what it fills in is 0. */
static void move_names(const propagation *p) {
    naive_real *replaced[NAIVE_INPUTS] = {NULL};
    naive_call other;
    for (int i = 0; i < p->call->input_count; i++) {
        if (i > 0 && naive_rule_of(p->call->op->name) == naive_error_by_places)
            break; /* the places themselves */
        replaced[i] = naive_numbers(p->call->inputs[i].count);
        for (int64_t k = 0; k < p->call->inputs[i].count; k++) replaced[i][k] = (naive_real)p->names[i][k];
    }
    naive_evaluate_at(p->call, replaced, &other);
    for (int64_t i = 0; i < p->outputs[0]->count; i++)
        p->outputs[0]->name[i] = (uint64_t)other.outputs[0].value[i];
    naive_free_outputs(&other);
    for (int i = 0; i < NAIVE_INPUTS; i++) free(replaced[i]);
}

/* Of an elementwise op: made of op, attributes and the names of what it reads. */
static void combine_names(const propagation *p) {
    const wg_op *op = p->call->op;
    const uint64_t seed = wg_hash(p->call->attributes, op->attributes_size, (uint64_t)(uintptr_t)op);
    for (naive_index i = naive_first(&p->outputs[0]->type); i.more; naive_next(&i)) {
        const element a = naive_element_at(p, &i);
        p->outputs[0]->name[i.number] = wg_hash(a.name, sizeof a.name, seed) >> 1;
    }
}

static void new_names(naive_value *y, uint32_t id) {
    for (int64_t i = 0; i < y->count; i++) y->name[i] = wg_hash(&i, sizeof i, (uint64_t)id + 1) >> 1;
}

static void name_outputs(const propagation *p, uint32_t id) {
    naive_error_rule *rule = naive_rule_of(p->call->op->name);
    const bool moves = rule == naive_error_linear || rule == naive_error_by_places;
    for (int i = 0; i < p->call->op->outputs; i++) new_names(p->outputs[i], id + (uint32_t)i);
    if (p->call->op->flags & WG_ELEMENTWISE && p->call->input_count > 0)
        combine_names(p);
    else if (moves && p->call->roundings == 0)
        move_names(p);
}

/* --- One node ---------------------------------------------------------------------------------- */

/* An op on whole numbers is exact, or nothing is known. */
static bool whole_only(const naive_call *call) {
    bool whole = call->input_count > 0;
    for (int i = 0; i < call->input_count; i++) whole &= !naive_is_real(&call->inputs[i]);
    for (int i = 0; i < call->op->outputs; i++) whole &= !naive_is_real(&call->outputs[i]);
    return whole;
}

/* The engine's own roundings, of numbers that are off already; those near 0 lose up to half a unit of the
 * least number more each time. 1 % allows for sizes taken at the exact inputs. */
static void add_rounding(const naive_call *call, int output, naive_value *y) {
    const naive_real u = y->type.dtype == WG_F32 ? 0x1p-24L : y->type.dtype == WG_F64 ? 0x1p-53L : 0;
    const naive_real least = y->type.dtype == WG_F32 ? 0x1p-149L : y->type.dtype == WG_F64 ? 0x1p-1074L : 0;
    const naive_real most = y->type.dtype == WG_F32 ? 0x1p127L : 0x1p1023L;
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real size = call->outputs[output].size[i] + y->error[i];
        if (call->roundings > 0 && u > 0 && size > 0)
            y->error[i] += call->roundings * (u * 1.01L * size + least);
        if (!(y->error[i] < INFINITY) || !(fabsl(y->value[i]) + y->error[i] < most)) y->error[i] = INFINITY;
    }
}

/* The numbers become the value's own. */
static naive_value value_of(const naive_array *x) {
    const naive_value y = {x->type, x->count, x->value, naive_numbers(x->count),
                           calloc((size_t)x->count + 1, sizeof *y.name)};
    if (!y.name) ck_abort_msg("out of memory");
    return y;
}

static void evaluate_node(naive_graph *graph, uint32_t id, const naive_fault *fault) {
    const wg_node *node = &graph->tape->nodes.at[id];
    naive_call call = {.op = node->op,
                       .attributes = wg_node_attributes(graph->tape, node),
                       .roundings = 1,
                       .input_count = node->input_count};
    propagation p = {.call = &call};
    naive_real *spoilt = NULL;
    if (node->input_count > NAIVE_INPUTS) ck_abort_msg("%s has too many inputs", node->op->name);
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t edge = wg_edge(graph->tape, node, i);
        if (edge == WG_ABSENT) continue;
        const naive_value *x = &graph->values[edge];
        call.inputs[i] = (naive_array){.type = x->type, .count = x->count, .value = x->value};
        p.errors[i] = x->error;
        p.names[i] = x->name;
        if (!fault || fault->node != id || fault->input != i) continue;
        call.inputs[i].value = spoilt = naive_numbers(x->count);
        memcpy(spoilt, x->value, (size_t)x->count * sizeof *spoilt);
        spoilt[fault->element] = 0;
    }
    naive_find(node->op->name)(&call);
    for (int i = 0; i < node->output_count; i++) {
        const naive_array *y = &call.outputs[i];
        p.outputs[i] = &graph->values[id + (uint32_t)i];
        *p.outputs[i] = value_of(y);
    }
    name_outputs(&p, id);
    if (whole_only(&call))
        naive_error_any_input(&p);
    else
        naive_propagate(&p);
    for (int i = 0; i < node->output_count; i++) {
        add_rounding(&call, i, p.outputs[i]);
        free(call.outputs[i].size);
    }
    free(spoilt);
}

static void evaluate_leaf(naive_graph *graph, uint32_t id) {
    const wg_tape *tape = graph->tape;
    const wg_node *node = &tape->nodes.at[id];
    naive_value *y = &graph->values[id];
    if (wg_is_leaf(node->op)) {
        const int64_t index = ((const input_attributes *)wg_node_attributes(tape, node))->index;
        const naive_array x = naive_read(node->op == &wg_op_input ? tape->inputs.at[index]
                                                                  : tape->reads.at[index].state->tensor);
        *y = value_of(&x);
    } else {
        *y =
            value_of(&(naive_array){.type = wg_node_type(tape, node), .count = 1, .value = naive_numbers(1)});
        y->value[0] = ((const scalar_attributes *)wg_node_attributes(tape, node))->value;
    }
    for (int64_t i = 0; i < y->count; i++) { /* equal numbers are equal bits, but for the sign of 0 */
        const double exact = (double)y->value[i];
        y->name[i] = wg_hash(&exact, sizeof exact, (uint64_t)y->type.dtype) >> 1;
    }
}

/* --- The graph --------------------------------------------------------------------------------- */

static bool *needed_by(const wg_tape *tape, const wg_var *vars) {
    bool *needed = calloc(tape->nodes.count + 1, sizeof *needed);
    ck_assert_ptr_nonnull(needed);
    for (; vars->tape; vars++) needed[vars->id] = true;
    mark_needed(tape, needed);
    return needed;
}

naive_graph *naive_graph_of(wg_tape *tape, const wg_var *vars, const naive_fault *fault) {
    naive_graph *graph = calloc(1, sizeof *graph);
    bool *needed = needed_by(tape, vars);
    ck_assert_ptr_nonnull(graph);
    *graph = (naive_graph){tape, calloc(tape->nodes.count + 1, sizeof *graph->values),
                           (uint32_t)tape->nodes.count};
    ck_assert_ptr_nonnull(graph->values);
    for (uint32_t id = 0; id < graph->count; id++) {
        const wg_node *node = &tape->nodes.at[id];
        if (!needed[id] || node->output) continue;
        if (wg_is_leaf(node->op) || node->op == &wg_op_scalar)
            evaluate_leaf(graph, id);
        else
            evaluate_node(graph, id, fault);
    }
    free(needed);
    return graph;
}

void naive_graph_free(naive_graph *graph) {
    for (uint32_t id = 0; id < graph->count; id++) {
        free(graph->values[id].value);
        free(graph->values[id].error);
        free(graph->values[id].name);
    }
    free(graph->values);
    free(graph);
}

/* --- Comparison -------------------------------------------------------------------------------- */

static void keep_ratio(naive_comparison *c, double ratio) {
    if (c->ratio_count == c->ratio_room) {
        c->ratio_room = 2 * c->ratio_room + 1024;
        c->ratios = realloc(c->ratios, (size_t)c->ratio_room * sizeof *c->ratios);
        ck_assert_ptr_nonnull(c->ratios);
    }
    c->ratios[c->ratio_count++] = ratio;
}

void naive_compare(naive_comparison *c, const naive_graph *graph, wg_var var) {
    const naive_value *y = &graph->values[var.id];
    const wg_tensor *got = wg_value(var);
    const wg_type type = wg_tensor_type(got);
    ck_assert_msg(!memcmp(&type, &y->type, sizeof type), "%s: the definition has another type",
                  wg_describe(var));
    for (int64_t i = 0; i < y->count; i++) {
        const naive_real value = wg_tensor_get(got, i), off = fabsl(value - y->value[i]);
        c->elements++;
        if (!(y->error[i] < INFINITY)) {
            c->skipped++;
            continue;
        }
        if (y->error[i] > 0) keep_ratio(c, (double)(off / y->error[i]));
        c->largest = fmax(c->largest, y->error[i] > 0 ? (double)(off / y->error[i]) : 0);
        if (off <= y->error[i]) continue;
        if (!c->wrong++)
            snprintf(c->first, sizeof c->first,
                     "%.300s: element %" PRId64 " is %.9Lg, not %.9Lg within %.3Lg", wg_describe(var), i,
                     value, y->value[i], y->error[i]);
    }
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double naive_median(naive_comparison *c) {
    if (!c->ratio_count) return 0;
    qsort(c->ratios, (size_t)c->ratio_count, sizeof *c->ratios, by_size);
    return c->ratios[c->ratio_count / 2];
}

void naive_comparison_free(naive_comparison *c) {
    free(c->ratios);
    *c = (naive_comparison){0};
}
