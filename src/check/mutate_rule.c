/* mutate_rule — a mistake in a backward rule. The rule of the original runs and records; what it would set is
 * caught, and set with the mistake in it: in a cotangent, or in a node, and then all that follows from this
 * node is recorded again. */
#include "check/mutate.h"
#include "full.h"
#include <stdlib.h>

typedef struct caught_set {
    int input;
    wg_var cotangent;
} caught_set;

/* One run of a rule. */
typedef struct recording {
    struct wg_rule_state state; /* the first member */
    wg_tape *tape;
    const wg_rule *rule;
    uint32_t begin, end; /* the nodes that the rule recorded */
    WG_ARRAY(caught_set) sets;
    bool *live;    /* of these nodes: does a cotangent need it? */
    uint32_t *now; /* the node in its place once the mistake is in */
} recording;

static void catch_set(struct wg_rule_state *state, int input, wg_var cotangent) {
    recording *r = (recording *)state;
    if (!WG_RESERVE(&r->sets.at, &r->sets.capacity, r->sets.count + 1))
        wg_tape_no_memory(cotangent.tape);
    else
        r->sets.at[r->sets.count++] = (caught_set){input, cotangent};
}

static bool within(const recording *r, uint32_t id) { return id >= r->begin && id < r->end; }

/* Marks what the cotangents are made of. A further output's node stands for the first one too. */
static void mark_live(recording *r) {
    for (size_t i = 0; i < r->sets.count; i++)
        if (within(r, r->sets.at[i].cotangent.id)) r->live[r->sets.at[i].cotangent.id - r->begin] = true;
    for (uint32_t id = r->end; id-- > r->begin;) {
        const wg_node *node = &r->tape->nodes.at[id];
        if (!r->live[id - r->begin]) continue;
        if (node->output) r->live[id - node->output - r->begin] = true;
        for (int i = 0; i < node->input_count; i++)
            if (within(r, wg_edge(r->tape, node, i))) r->live[wg_edge(r->tape, node, i) - r->begin] = true;
    }
}

static bool open_recording(recording *r, wg_rule *rule, const wg_op *original) {
    wg_rule inner = *rule;
    *r = (recording){.state = {catch_set}, .tape = rule->tape, .rule = rule};
    inner.op = original;
    inner.state_ = &r->state;
    r->begin = (uint32_t)r->tape->nodes.count;
    original->backward(&inner);
    r->end = (uint32_t)r->tape->nodes.count;
    const size_t count = r->end - r->begin + 1;
    r->live = calloc(count, sizeof *r->live);
    r->now = calloc(count, sizeof *r->now);
    if (!r->live || !r->now) return wg_tape_no_memory(r->tape);
    for (uint32_t id = r->begin; id < r->end; id++) r->now[id - r->begin] = id;
    mark_live(r);
    return !r->tape->error.status;
}

static void close_recording(recording *r) {
    free(r->sets.at);
    free(r->live);
    free(r->now);
}

/* --- What can go wrong with a node ------------------------------------------------------------ */

extern const wg_op wg_op_cast, wg_op_reshape;

/* Is the node one number everywhere, whatever the inputs? Then it is that number. */
static bool is_constant(const wg_tape *tape, uint32_t id, double *value) {
    for (const wg_node *node = &tape->nodes.at[id];; node = &tape->nodes.at[wg_edge(tape, node, 0)]) {
        const void *attributes = wg_node_attributes(tape, node);
        const bool scalar = node->op == &wg_op_scalar;
        if (scalar || node->op == &wg_op_full) {
            *value = scalar ? ((const scalar_attributes *)attributes)->value
                            : ((const full_attributes *)attributes)->value;
            return true;
        }
        if (node->input_count != 1 || (node->op != &wg_op_cast && node->op != &wg_op_reshape)) return false;
    }
}

/* Would the mistake leave the constant as it is? */
static bool is_harmless(wg_mutation_kind kind, double constant) {
    const bool moves = kind == WG_ELEMENTS_SWAPPED || kind == WG_SHIFTED || kind == WG_TRANSPOSED;
    return moves || (constant == 0 && kind != WG_ELEMENT_NAN);
}

static bool is_reduction(const wg_tape *tape, const wg_node *node) {
    bool over_axes = false;
    for (const wg_attribute *a = node->op->attributes; a && a->name; a++)
        over_axes |= a->kind == WG_ATTRIBUTE_AXES || strcmp(a->name, "axis") == 0;
    if (!over_axes || !node->input_count || wg_edge(tape, node, 0) == WG_ABSENT) return false;
    const wg_type from = wg_node_type(tape, &tape->nodes.at[wg_edge(tape, node, 0)]);
    const wg_type to = wg_node_type(tape, node);
    return wg_type_count(&to) < wg_type_count(&from);
}

/* Is `other` to take the place of an operand? A constant twice is no other one. */
static bool may_replace(const wg_tape *tape, uint32_t operand, uint32_t other) {
    double value, same;
    if (is_constant(tape, operand, &value) && is_constant(tape, other, &same) && value == same) return false;
    const wg_type a = wg_node_type(tape, &tape->nodes.at[operand]);
    const wg_type b = wg_node_type(tape, &tape->nodes.at[other]);
    return operand != other && wg_type_equal(&a, &b);
}

static uint32_t among(const recording *r, uint32_t operand, const wg_var *vars, int count) {
    for (int i = 0; i < count; i++)
        if (vars[i].tape && may_replace(r->tape, operand, vars[i].id)) return vars[i].id;
    return WG_ABSENT;
}

/* Another value of the operand's type: another operand, what the rule was given, or what it recorded before.
 */
static uint32_t neighbour(const recording *r, uint32_t id, int input) {
    const wg_node *node = &r->tape->nodes.at[id];
    const wg_rule *rule = r->rule;
    const uint32_t operand = wg_edge(r->tape, node, input);
    if (operand == WG_ABSENT) return WG_ABSENT;
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t other = wg_edge(r->tape, node, i);
        if (other != WG_ABSENT && may_replace(r->tape, operand, other)) return other;
    }
    uint32_t other = among(r, operand, rule->inputs, rule->input_count);
    if (other == WG_ABSENT) other = among(r, operand, rule->outputs, rule->output_count);
    if (other == WG_ABSENT) other = among(r, operand, rule->cotangents, rule->output_count);
    for (uint32_t before = id; other == WG_ABSENT && before-- > r->begin;)
        if (may_replace(r->tape, operand, before)) other = before;
    return other;
}

/* How many nodes of its op the rule recorded before this one. */
static int count_before(const recording *r, uint32_t id) {
    int count = 0;
    for (uint32_t before = r->begin; before < id; before++) {
        const wg_node *node = &r->tape->nodes.at[before];
        count += node->op == r->tape->nodes.at[id].op && !node->output && r->live[before - r->begin];
    }
    return count;
}

/* --- Finding ---------------------------------------------------------------------------------- */

static void find(const wg_mutant_op *m, const wg_op *node, int before, int input, wg_mutation_kind kind) {
    const wg_mutation mutation = {kind, node, before, input};
    m->found(&mutation, m->context);
}

static void find_in_value(const wg_mutant_op *m, wg_var var, const wg_op *node, int before, int input) {
    const wg_type type = wg_type_of(var);
    double value;
    const bool constant = is_constant(var.tape, var.id, &value);
    for (wg_mutation_kind kind = WG_SIGN_FLIPPED; kind <= WG_WRONG_AXIS; kind++)
        if (wg_mutation_applies(kind, &type) && !(constant && is_harmless(kind, value)))
            find(m, node, before, input, kind);
}

static bool is_set(const recording *r, uint32_t id) {
    for (size_t i = 0; i < r->sets.count; i++)
        if (r->sets.at[i].cotangent.id == id) return true;
    return false;
}

/* What is set is changed as a cotangent; a weak scalar, as what it is cast to. */
static void find_in_node(const wg_mutant_op *m, const recording *r, uint32_t id) {
    const wg_node *node = &r->tape->nodes.at[id];
    const int before = count_before(r, id);
    if (!is_set(r, id) && !(node->flags & WG_NODE_WEAK))
        find_in_value(m, wg_var_of(r->tape, id), node->op, before, -1);
    if (is_reduction(r->tape, node)) {
        const wg_type from = wg_node_type(r->tape, &r->tape->nodes.at[wg_edge(r->tape, node, 0)]);
        if (wg_mutation_applies(WG_OPERAND_TRANSPOSED, &from))
            find(m, node->op, before, 0, WG_OPERAND_TRANSPOSED);
    }
    for (int i = 0; i < node->input_count; i++)
        if (neighbour(r, id, i) != WG_ABSENT) find(m, node->op, before, i, WG_OPERAND_REPLACED);
}

static void find_all(const wg_mutant_op *m, const recording *r) {
    for (size_t i = 0; i < r->sets.count; i++)
        find_in_value(m, r->sets.at[i].cotangent, NULL, 0, r->sets.at[i].input);
    for (uint32_t id = r->begin; id < r->end; id++)
        if (r->live[id - r->begin] && !r->tape->nodes.at[id].output) find_in_node(m, r, id);
}

/* --- Planting --------------------------------------------------------------------------------- */

static uint32_t value_with(const recording *r, uint32_t id, wg_mutation_kind kind) {
    const wg_type type = wg_node_type(r->tape, &r->tape->nodes.at[id]);
    return wg_mutation_applies(kind, &type) ? wg_mutation_of(wg_var_of(r->tape, id), kind).id : id;
}

/* The node recorded again on what stands now in place of its inputs; with the mistake, where it is the one.
 */
static uint32_t record_again(const recording *r, uint32_t id, const wg_mutation *here) {
    const wg_node node = r->tape->nodes.at[id];
    uint32_t *inputs = malloc((node.input_count + 1u) * sizeof *inputs);
    if (!inputs) return wg_tape_no_memory(r->tape), WG_INVALID_ID;
    for (int i = 0; i < node.input_count; i++) {
        inputs[i] = wg_edge(r->tape, &node, i);
        if (here && here->kind == WG_OPERAND_REPLACED && here->input == i && neighbour(r, id, i) != WG_ABSENT)
            inputs[i] = neighbour(r, id, i);
        if (within(r, inputs[i])) inputs[i] = r->now[inputs[i] - r->begin];
    }
    if (here && here->kind == WG_OPERAND_TRANSPOSED && is_reduction(r->tape, &node))
        inputs[0] = value_with(r, inputs[0], here->kind);
    const wg_var var =
        wg_record(r->tape, node.op, wg_node_attributes(r->tape, &node), inputs, node.input_count);
    free(inputs);
    return var.id;
}

static bool inputs_changed(const recording *r, const wg_node *node) {
    for (int i = 0; i < node->input_count; i++) {
        const uint32_t input = wg_edge(r->tape, node, i);
        if (within(r, input) && r->now[input - r->begin] != input) return true;
    }
    return false;
}

static void plant_in_node(recording *r, const wg_mutation *planted) {
    for (uint32_t id = r->begin; id < r->end && !r->tape->error.status; id++) {
        const wg_node *node = &r->tape->nodes.at[id];
        uint32_t *now = &r->now[id - r->begin];
        if (!r->live[id - r->begin]) continue;
        const uint32_t first = r->now[id - node->output - r->begin];
        const bool here =
            !node->output && node->op == planted->node && count_before(r, id) == planted->before;
        const bool again = first != id - node->output && r->tape->nodes.at[first].op == node->op;
        if (node->output)
            *now =
                again ? first + node->output : id; /* what is wrong with a value is so with the first alone */
        else if (here && planted->kind <= WG_WRONG_AXIS)
            *now = value_with(r, id, planted->kind);
        else if (here || inputs_changed(r, node))
            *now = record_again(r, id, here ? planted : NULL);
    }
}

/* Hands the caught cotangents on. */
static void set_all(recording *r, wg_rule *rule, const wg_mutation *planted) {
    for (size_t i = 0; i < r->sets.count && !r->tape->error.status; i++) {
        wg_var cotangent = r->sets.at[i].cotangent;
        const int input = r->sets.at[i].input;
        const bool here = planted->kind && !planted->node && planted->input == input;
        if (here && planted->kind == WG_DROPPED) continue;
        if (within(r, cotangent.id)) cotangent = wg_var_of(r->tape, r->now[cotangent.id - r->begin]);
        if (here) cotangent = wg_var_of(r->tape, value_with(r, cotangent.id, planted->kind));
        wg_rule_set(rule, input, cotangent);
    }
}

static void mutated(wg_rule *rule) {
    const wg_mutant_op *m = (const wg_mutant_op *)rule->op;
    recording r;
    if (open_recording(&r, rule, m->original)) {
        if (m->found) find_all(m, &r);
        if (m->planted.node) plant_in_node(&r, &m->planted);
        set_all(&r, rule, &m->planted);
    }
    close_recording(&r);
}

void wg_mutant_of(wg_mutant_op *mutant, const wg_op *op) {
    *mutant = (wg_mutant_op){.op = *op, .original = op};
    mutant->op.backward = mutated;
}

/* --- In words --------------------------------------------------------------------------------- */

const char *wg_mutation_text(const wg_mutation *mutation, char *text, size_t size) {
    static const char *const kinds[WG_MUTATION_KINDS] = {[WG_MUTATION_NONE] = "nothing",
                                                         [WG_SIGN_FLIPPED] = "sign flipped",
                                                         [WG_SCALED] = "scaled by 1.001",
                                                         [WG_DROPPED] = "dropped",
                                                         [WG_ELEMENT_DROPPED] = "one element dropped",
                                                         [WG_ELEMENT_NAN] = "NaN in one element",
                                                         [WG_ELEMENTS_SWAPPED] = "two elements swapped",
                                                         [WG_SHIFTED] = "shifted by one",
                                                         [WG_TRANSPOSED] = "transposed",
                                                         [WG_WRONG_AXIS] = "summed over an axis",
                                                         [WG_OPERAND_TRANSPOSED] =
                                                             "reduced over the wrong axis",
                                                         [WG_OPERAND_REPLACED] = "replaced by its neighbour"};
    if (!mutation->node)
        snprintf(text, size, "cotangent of input %d: %s", mutation->input, kinds[mutation->kind]);
    else if (mutation->kind == WG_OPERAND_REPLACED)
        snprintf(text, size, "%s %d, operand %d: %s", mutation->node->name, mutation->before + 1,
                 mutation->input, kinds[mutation->kind]);
    else
        snprintf(text, size, "%s %d: %s", mutation->node->name, mutation->before + 1, kinds[mutation->kind]);
    return text;
}
