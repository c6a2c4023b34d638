/* differentiate — reverse mode on the tape: the second room. Its arguments and answers are gradient.c.
 *
 * For a root y and inputs x the driver walks what y needs from y back to x, in reverse canonical order.
 * Each node between x and y has by then all cotangents of its outputs; they are summed, the op's rule
 * records what they mean for its inputs, and those are handed on:
 *
 *     cotangent(input i) += (d output / d input i)^T cotangent(output)
 *
 * All of it is recorded with ordinary ops, so a gradient can be differentiated like anything else. Only
 * here are cotangents summed, in canonical order, and broadcasting undone. */
#include "tape/path.h"
#include <stdlib.h>
#include <wengert/ops.h>

/* --- Cotangents: handed to a place, brought to its shape, summed ------------------------------ */

static void contribute(wg_tape *tape, uint32_t place, uint32_t cotangent) {
    if (!WG_TAPE_ROOM(tape, contributions, 1)) return;
    tape->contributions.at[tape->contributions.count] =
        (uint64_t)cotangent << 32 | tape->cotangents.at[place];
    tape->cotangents.at[place] = (uint32_t)tape->contributions.count++;
}

/* Sums over the axes along which a value of type `to` was broadcast. */
static wg_var undo_broadcast(wg_var cotangent, const wg_type *to) {
    const wg_type from = wg_type_of(cotangent);
    if (wg_shape_equal(&from, to)) return cotangent;
    wg_axes axes;
    wg_shape shape;
    int count = 0;
    for (int i = 0; i < from.rank; i++) {
        const int k = i - (from.rank - to->rank); /* the axis of `to`, aligned at the back */
        if (k < 0 || (to->extent[k] == 1 && from.extent[i] != 1)) axes.axis[count++] = i;
    }
    axes.axis[count] = INT_MIN;
    for (int i = 0; i < to->rank; i++) shape.extent[i] = to->extent[i];
    shape.extent[to->rank] = INT64_MIN;
    if (count) cotangent = (wg_sum)(cotangent, &axes, WG_OPTIONS_(wg_reduce_options, .keepdims = true));
    return (wg_reshape)(cotangent, &shape);
}

/* The sum of a place's contributions, those of consumers nearer to the root first; WG_NONE of none. */
static wg_var sum_of(wg_tape *tape, uint32_t place) {
    uint32_t first = WG_ABSENT;
    for (uint32_t at = tape->cotangents.at[place], before; at != WG_ABSENT;
         at = before) { /* turn the list round */
        uint64_t *entry = &tape->contributions.at[at];
        before = (uint32_t)*entry;
        *entry = (*entry >> 32 << 32) | first;
        first = at;
    }
    if (first == WG_ABSENT) return WG_NONE;
    wg_var sum = wg_var_of(tape, (uint32_t)(tape->contributions.at[first] >> 32));
    for (uint32_t at = (uint32_t)tape->contributions.at[first]; at != WG_ABSENT;
         at = (uint32_t)tape->contributions.at[at])
        sum = (wg_add)(sum, wg_var_of(tape, (uint32_t)(tape->contributions.at[at] >> 32)));
    return sum;
}

/* --- Rules ------------------------------------------------------------------------------------ */

bool wg_rule_wants(const wg_rule *rule, int input) {
    if (input < 0 || input >= rule->input_count || !rule->inputs[input].tape) return false;
    const uint32_t place = wg_rank(rule->tape, rule->inputs[input].id);
    return rule->tape->paths.at[place] == PATH_OPEN &&
           !wg_op_blocks(rule->tape, &rule->tape->nodes.at[rule->outputs[0].id], input);
}

/* A cotangent brought to the type of its input: a weak one takes its dtype, broadcasting is undone. */
static wg_var fit(wg_rule *rule, int input, wg_var cotangent) {
    wg_tape *tape = rule->tape;
    const wg_type want = wg_type_of(rule->inputs[input]), have = wg_type_of(cotangent);
    if (tape->nodes.at[cotangent.id].flags & WG_NODE_WEAK && have.dtype != want.dtype)
        cotangent = (wg_cast)(cotangent, want.dtype);
    const bool fits =
        rule->op->flags & WG_ELEMENTWISE ? wg_broadcasts_to(&want, &have) : wg_shape_equal(&want, &have);
    if (wg_type_of(cotangent).dtype != want.dtype || !fits) {
        char have_text[WG_TEXT_SIZE], want_text[WG_TEXT_SIZE];
        return wg_fail(tape, WG_ERROR_GRADIENT,
                       "%s: its backward rule gave input %d, which is %s, a cotangent of %s", rule->op->name,
                       input, wg_type_text(want_text, &want, true), wg_type_text(have_text, &have, true));
    }
    return undo_broadcast(cotangent, &want);
}

void wg_rule_set(wg_rule *rule, int input, wg_var cotangent) {
    wg_tape *tape = rule->tape;
    if (!wg_rule_wants(rule, input) || !cotangent.tape || !wg_tape_owns(tape, cotangent, "a cotangent"))
        return;
    if (rule->state_) {
        rule->state_->set(rule->state_, input, cotangent);
        return;
    }
    const uint32_t to = rule->inputs[input].id;
    const wg_node *want = &tape->nodes.at[to], *have = &tape->nodes.at[cotangent.id];
    if (have->dtype != want->dtype || !wg_same_shape(tape, have, want)) {
        cotangent = fit(rule, input, cotangent);
        if (!wg_valid(cotangent)) return;
    }
    contribute(tape, wg_rank(tape, to), cotangent.id);
}

enum { FEW_INPUTS = 64, MAX_OUTPUTS = 4, MAX_WORDS = 64 };

/* Runs the rule of a node whose outputs' cotangents are complete. */
static void apply_rule(wg_tape *tape, uint32_t id, const wg_var *cotangents) {
    const wg_node node = tape->nodes.at[id]; /* copies of what recording may move */
    uint64_t attributes[MAX_WORDS];
    const size_t size = node.op->attributes_size;
    if (size) memcpy(attributes, wg_node_attributes(tape, &node), size);
    wg_var outputs[MAX_OUTPUTS], few[FEW_INPUTS], *inputs = few;
    if (node.input_count > FEW_INPUTS && !(inputs = malloc(node.input_count * sizeof *inputs))) {
        wg_tape_no_memory(tape);
        return;
    }
    for (int i = 0; i < node.output_count; i++) outputs[i] = wg_var_of(tape, id + (uint32_t)i);
    for (int i = 0; i < node.input_count; i++) {
        const uint32_t edge = wg_edge(tape, &node, i);
        inputs[i] = edge == WG_ABSENT ? WG_NONE : wg_var_of(tape, edge);
    }
    wg_rule rule = {tape,    node.op,    attributes, node.input_count, node.output_count, inputs,
                    outputs, cotangents, NULL};
    const uint32_t scope = tape->scope_now;
    tape->site_now = node.site; /* what the rule records belongs to the line of the op */
    tape->scope_now = node.scope;
    tape->rule_now = node.op;
    node.op->backward(&rule);
    tape->rule_now = NULL;
    tape->site_now = 0;
    tape->scope_now = scope;
    if (inputs != few) free(inputs);
}

static void reverse(wg_tape *tape, wg_var y, wg_var seed) {
    const size_t count = tape->order.count;
    tape->cotangents.count = tape->contributions.count = 0;
    if (!WG_TAPE_ROOM(tape, cotangents, count)) return;
    for (size_t at = 0; at < count; at++) tape->cotangents.at[at] = WG_ABSENT;
    contribute(tape, wg_rank(tape, y.id), seed.id);
    for (size_t at = count; at-- > 0 && !tape->error.status;) {
        if (tape->paths.at[at] != PATH_OPEN) continue;
        const uint32_t id = tape->order.at[at];
        const wg_var sum = sum_of(tape, (uint32_t)at);
        tape->cotangents.at[at] = sum.tape ? sum.id : WG_ABSENT;
        const wg_node *node = &tape->nodes.at[id];
        if (node->output > 0 || node->input_count == 0 || !node->op->backward ||
            node->op->flags & (WG_BLOCKS | WG_STOPS))
            continue;
        wg_var cotangents[MAX_OUTPUTS];
        bool any = false;
        for (int i = 0; i < node->output_count; i++) {
            const uint32_t place = wg_rank(tape, id + (uint32_t)i);
            const uint32_t cotangent = place == WG_UNRANKED ? WG_ABSENT : tape->cotangents.at[place];
            cotangents[i] = cotangent == WG_ABSENT ? WG_NONE : wg_var_of(tape, cotangent);
            any |= cotangent != WG_ABSENT;
        }
        if (any) apply_rule(tape, id, cotangents);
    }
}

bool wg_reverse(wg_tape *tape, wg_var y, wg_var seed) {
    const uint8_t flags = tape->flags_now;
    tape->flags_now = WG_NODE_ADJOINT;
    reverse(tape, y, seed);
    tape->flags_now = flags;
    return !tape->error.status;
}
