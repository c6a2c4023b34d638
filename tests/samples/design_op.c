/* The third sample of docs/design.md: an op that the library does not have, with the functions that it names.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

static void swish_forward(const wg_call *call) {
    const int64_t count = wg_type_count(&call->outputs[0].type);
    if (call->dtype == WG_F64) {
        const double *x = call->inputs[0].data;
        double *y = call->outputs[0].data;
        for (int64_t i = 0; i < count; i++) y[i] = x[i] / (1 + exp(-x[i]));
    } else {
        const float *x = call->inputs[0].data;
        float *y = call->outputs[0].data;
        for (int64_t i = 0; i < count; i++) y[i] = x[i] / (1 + expf(-x[i]));
    }
}

/* dy/dx = s + y (1 - s),  s = sigmoid(x) */
static void swish_backward(wg_rule *rule) {
    wg_var s = wg_sigmoid(rule->inputs[0]), one = wg_scalar(rule->tape, 1.0);
    wg_var slope = wg_add(s, wg_mul(rule->outputs[0], wg_sub(one, s)));
    wg_rule_set(rule, 0, wg_mul(rule->cotangents[0], slope));
}

static void swish_samples(wg_sampler *sampler) { wg_sample_unary(sampler, WG_NORMAL, 0, 0); }

#include "op.inc"

int main(void) {
    wg_tape *tape = wg_tape_new();
    wg_var x = wg_scalar(tape, 2.0);
    wg_gradcheck_report report;
#include "op_use.inc"
    if (wg_eval(y)) return wg_report(stderr, tape);
    const bool right = fabs(wg_item(y) - 2.0 / (1 + exp(-2.0))) < 1e-15;
    wg_tape_free(tape);
    return right && report.failures == 0 && report.elements > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
