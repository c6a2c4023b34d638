/* test_check_closure — the registry is closed: whatever an op's rule or expansion records is registered, and
 * has a rule itself or says why no gradient passes it. */
#include "declared.h"
#include "suite.h"
#include "tape/tape.h"
#include <stdio.h>
#include <stdlib.h>

enum { MOST_INPUTS = 16, ORDERS = 3, MOST_FAILURES = 20 };

typedef struct walk {
    wg_tape *tape;
    int nodes, failures;
} walk;

static void complain(walk *so_far, const wg_op *op, const wg_op *met, const char *what) {
    if (so_far->failures++ < MOST_FAILURES)
        printf("%s: %s, recorded for it, %s\n", op->name, met->name, what);
}

/* Has it a rule, an expansion, or a reason? */
static bool is_settled(const wg_op *op) {
    return op->backward || (op->expand && !op->forward) || wg_op_no_gradient(op);
}

/* All that is on the tape. Leaves have no inputs and are no ops of the registry. */
static void look_at_nodes(walk *so_far, const wg_op *op) {
    const wg_tape *tape = so_far->tape;
    for (uint32_t id = 0; id < tape->nodes.count; id++) {
        const wg_node *node = &tape->nodes.at[id];
        if (!node->input_count && !wg_op_find(node->op->name)) continue;
        so_far->nodes++;
        if (wg_op_find(node->op->name) != node->op) complain(so_far, op, node->op, "is not registered");
        if (!is_settled(node->op)) complain(so_far, op, node->op, "has neither a rule nor a reason why not");
    }
}

/* Records the gradients of y for all real inputs, and theirs, as far as there are any. */
static void record_gradients(wg_var y, const wg_var *inputs, int count) {
    wg_var wanted[MOST_INPUTS], gradients[MOST_INPUTS];
    int reals = 0;
    for (int i = 0; i < count; i++)
        if (wg_valid(inputs[i]) && wg_dtype_real(wg_type_of(inputs[i]).dtype)) wanted[reals++] = inputs[i];
    for (int order = 0; order < ORDERS && reals; order++) {
        wg_var total = WG_NONE;
        if (!wg_dtype_real(wg_type_of(y).dtype)) return;
        y = wg_sum(y, WG_ALL_AXES);
        for (int i = 0; i < reals; i++) {
            if (wg_connection_of(y, wanted[i]) != WG_CONNECTED) continue;
            gradients[i] = wg_grad(y, wanted[i]);
            wg_var part = wg_sum(wg_square(gradients[i]), WG_ALL_AXES);
            total = wg_valid(total) ? wg_add(total, part) : part;
        }
        if (!wg_valid(total)) return;
        y = total;
    }
}

static int record_case(const wg_case *sample, void *context) {
    walk *so_far = context;
    const wg_op *op = sample->op;
    wg_var vars[MOST_INPUTS + 1];
    if (sample->input_count > MOST_INPUTS) ck_abort_msg("%s: too many inputs", op->name);
    wg_tape_clear(so_far->tape);
    inputs_of_sample(so_far->tape, sample, WG_F64, 1, vars);
    wg_var first = wg_case_record(so_far->tape, sample, vars);
    for (int output = 0; output < op->outputs; output++)
        record_gradients(output ? wg_output(first, output) : first, vars, sample->input_count);
    if (op->expand && op->forward && wg_valid(first)) { /* attributes as the shape rule left them */
        const void *attributes = wg_node_attributes(so_far->tape, &so_far->tape->nodes.at[first.id]);
        record_gradients(op->expand(so_far->tape, vars, attributes), vars, sample->input_count);
    }
    wg_error error;
    if (wg_tape_recover(so_far->tape, &error) && so_far->failures++ < MOST_FAILURES)
        printf("%s, sample %d: %s\n", op->name, sample->number, error.message);
    look_at_nodes(so_far, op);
    return 0;
}

START_TEST(whatever_a_rule_or_an_expansion_records_is_registered_and_differentiable_or_says_why_not) {
    walk so_far = {.tape = wg_tape_new()};
    ck_assert_ptr_nonnull(so_far.tape);
    for (int i = 0; i < wg_op_count(); i++) {
        const int before = so_far.nodes;
        wg_op_samples(wg_op_at(i), record_case, &so_far);
        if (so_far.nodes == before && so_far.failures++ < MOST_FAILURES)
            printf("%s: nothing was recorded\n", wg_op_at(i)->name);
    }
    wg_tape_free(so_far.tape);
    printf("closure: %d ops, %d nodes looked at\n", wg_op_count(), so_far.nodes);
    ck_assert_int_eq(so_far.failures, 0);
}
END_TEST

/* --- Reasons ----------------------------------------------------------------------------------------------
 */

static int find_real(const wg_case *sample, void *context) {
    wg_tape *tape = context;
    wg_var vars[MOST_INPUTS + 1];
    wg_tape_clear(tape);
    inputs_of_sample(tape, sample, WG_F64, 1, vars);
    wg_var y = wg_case_record(tape, sample, vars);
    return wg_dtype_real(wg_type_of(y).dtype);
}

START_TEST(values_said_to_be_whole_numbers_are) {
    wg_tape *tape = wg_tape_new();
    int said = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        const char *reason = wg_op_no_gradient(op);
        if (!reason || !strstr(reason, "its values are whole numbers")) continue;
        said++;
        ck_assert_msg(!wg_op_samples(op, find_real, tape), "%s has real values: .no_gradient must say why",
                      op->name);
    }
    ck_assert_int_gt(said, 5);
    wg_tape_free(tape);
}
END_TEST

/* --- Attributes as text ------------------------------------------------------------------------------ */

/* What is recorded by text must be what is recorded by the attributes themselves. */
static int record_by_text(const wg_case *sample, void *context) {
    walk *so_far = context;
    const wg_op *op = sample->op;
    wg_tape *tape = so_far->tape;
    wg_var vars[MOST_INPUTS + 1];
    char text[1024];
    wg_tape_clear(tape);
    inputs_of_sample(tape, sample, WG_F64, 1, vars);
    const uint32_t before = wg_tape_nodes(tape);
    const wg_var direct = wg_case_record(tape, sample, vars);
    const uint32_t between = wg_tape_nodes(tape);
    ck_assert_int_lt(wg_attributes_text(op, sample->attributes, text, sizeof text), (int)sizeof text);
    const wg_var read = wg_apply_named(tape, op->name, vars, text);
    wg_error error = {0};
    bool same = !wg_tape_recover(tape, &error) && wg_tape_nodes(tape) - between == between - before;
    if (same && op->forward) { /* as the shape rule left them */
        char again[2][sizeof text];
        for (int i = 0; i < 2; i++)
            wg_attributes_text(op, wg_node_attributes(tape, &tape->nodes.at[(i ? read : direct).id]),
                               again[i], sizeof again[i]);
        same = !strcmp(again[0], again[1]);
    }
    if (!same && so_far->failures++ < MOST_FAILURES)
        printf("%s, sample %d, recorded as \"%s\": %s\n", op->name, sample->number, text, error.message);
    return 0;
}

START_TEST(attributes_of_every_sample_are_read_back_from_their_text) {
    walk so_far = {.tape = wg_tape_new()};
    ck_assert_ptr_nonnull(so_far.tape);
    for (int i = 0; i < wg_op_count(); i++) wg_op_samples(wg_op_at(i), record_by_text, &so_far);
    wg_tape_free(so_far.tape);
    ck_assert_int_eq(so_far.failures, 0);
}
END_TEST

/* --- The public functions --------------------------------------------------------------------------- */

START_TEST(helpers_are_those_without_a_function) {
    int wrong = 0;
    for (int i = 0; i < wg_op_count(); i++) {
        const wg_op *op = wg_op_at(i);
        char name[80];
        snprintf(name, sizeof name, "wg_%s",
                 strcmp(op->name, "var") ? op->name : "variance"); /* wg_var: a type */
        const bool helper = op->flags & WG_HELPER;
        if (is_declared(name) != helper) continue;
        printf(helper ? "%s has WG_HELPER and a function of its own\n"
                      : "%s has neither WG_HELPER nor a function\n",
               op->name);
        wrong++;
    }
    ck_assert_int_eq(wrong, 0);
}
END_TEST

WG_SUITE("check/closure",
         whatever_a_rule_or_an_expansion_records_is_registered_and_differentiable_or_says_why_not,
         values_said_to_be_whole_numbers_are, attributes_of_every_sample_are_read_back_from_their_text,
         helpers_are_those_without_a_function)
