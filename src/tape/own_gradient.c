/* own_gradient — a region whose backward pass the program records itself.
 *
 * The region is recorded on its inputs behind stop_gradient, and one node, a view of its value, has those
 * inputs as inputs too: its rule calls the program. So a gradient reaches them through the node alone. */
#include "tape/tape.h"
#include <wengert/ops.h>

enum { MOST_INPUTS = 62 }; /* of a region: with the value and the end they fill a list of 64 */

/* Both are addresses of this process: no part of what a plan is found by. */
typedef struct own_gradient_attributes {
    wg_region_backward *backward;
    void *context;
} own_gradient_attributes;

static const wg_attribute schema[] = {
    WG_ATTRIBUTE(own_gradient_attributes, backward, .kind = WG_ATTRIBUTE_BITS, .is_value = true),
    WG_ATTRIBUTE(own_gradient_attributes, context, .kind = WG_ATTRIBUTE_BITS, .is_value = true),
    WG_NO_MORE_ATTRIBUTES};
_Static_assert(sizeof(own_gradient_attributes) <= 2 * sizeof(uint64_t), "an address fits a word");

static int infer(wg_infer *infer) {
    infer->outputs[0] = infer->inputs[0];
    return WG_OK;
}

static void backward(wg_rule *rule) {
    const own_gradient_attributes *own = rule->attributes;
    const int count = rule->input_count - 1;
    wg_var inputs[MOST_INPUTS + 1], gradients[MOST_INPUTS];
    for (int i = 0; i < count; i++) inputs[i] = rule->inputs[i + 1], gradients[i] = WG_NONE;
    inputs[count] = (wg_var)WG_END_;
    own->backward(rule->tape, inputs, rule->outputs[0], rule->cotangents[0], gradients, own->context);
    for (int i = 0; i < count; i++) {
        const wg_type want = wg_type_of(inputs[i]), have = wg_type_of(gradients[i]);
        char want_text[WG_TEXT_SIZE], have_text[WG_TEXT_SIZE];
        if (gradients[i].tape && wg_valid(gradients[i]) && !wg_shape_equal(&want, &have))
            wg_fail(rule->tape, WG_ERROR_GRADIENT,
                    "wg_own_gradient: the backward function gave input %d, which is %s, a gradient of %s", i,
                    wg_type_text(want_text, &want, true), wg_type_text(have_text, &have, true));
        wg_rule_set(rule, i + 1, gradients[i]);
    }
}

static const wg_op own_gradient = {
    .name = "own_gradient",
    .formula = "y = x, dx by the program",
    .inputs = 1,
    .inputs_max = -1,
    .outputs = 1,
    .flags = WG_VIEW,
    .blocked_inputs = 1 << 0,
    .attributes = schema,
    .attributes_size = sizeof(own_gradient_attributes),
    .infer = infer,
    .backward = backward,
};

wg_var (wg_own_gradient)(const wg_var *inputs, wg_region *forward, wg_region_backward *backward_of,
                        void *context) {
    wg_tape *tape = inputs ? inputs[0].tape : NULL;
    wg_var list[MOST_INPUTS + 2], held[MOST_INPUTS + 1];
    int count = 0;
    if (!tape) return wg_invalid(NULL);
    if (!forward || !backward_of)
        return wg_fail(tape, WG_ERROR_TAPE, "wg_own_gradient: the %s function is NULL",
                       forward ? "backward" : "forward");
    for (; inputs[count].tape || inputs[count].id != UINT32_MAX; count++) {
        if (count == MOST_INPUTS)
            return wg_fail(tape, WG_ERROR_UNSUPPORTED, "wg_own_gradient: more than %d inputs", MOST_INPUTS);
        if (!inputs[count].tape || !wg_tape_owns(tape, inputs[count], "wg_own_gradient: an input"))
            return wg_fail(tape, WG_ERROR_TAPE, "wg_own_gradient: input %d is no var", count);
        list[count + 1] = inputs[count];
    }
    const bool within = wg_inner_begin(tape);
    for (int i = 0; i < count; i++) held[i] = (wg_stop_gradient)(inputs[i]);
    list[count + 1] = held[count] = (wg_var)WG_END_;
    list[0] = forward(tape, held, context);
    wg_inner_end(tape, within);
    if (!wg_valid(list[0]) || list[0].tape != tape)
        return wg_fail(tape, WG_ERROR_TAPE,
                       "wg_own_gradient: the forward function returned no var of this tape");
    const own_gradient_attributes chosen = {backward_of, context};
    return wg_apply_list(&own_gradient, sizeof(wg_op), &chosen, list);
}
