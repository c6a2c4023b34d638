/* custom_op — an operation of a program's own: a kernel, the rule of its gradient, and cases to check it on.
 *
 *     swish:  y = x s,  s = 1 / (1 + exp(-x));    dx = dy (s + y (1 - s))
 *
 * Ramachandran et al. 2017, arXiv:1710.05941. A wg_op of a program's own is planned, run by several threads
 * and differentiated as the built-in ones are. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wengert.h>

static const char help[] =
    "custom_op\n"
    "Defines an operation, swish, checks its gradients, and trains a small network that uses it.\n";

/* --- The op --------------------------------------------------------------------------------------------- */

/* An elementwise kernel does the elements begin … end-1; other threads do the others at the same time. */
static void swish_forward(const wg_call *call) {
    if (call->dtype == WG_F32) {
        const float *x = call->inputs[0].data;
        float *y = call->outputs[0].data;
        for (int64_t i = call->begin; i < call->end; i++) y[i] = x[i] / (1 + expf(-x[i]));
    } else {
        const double *x = call->inputs[0].data;
        double *y = call->outputs[0].data;
        for (int64_t i = call->begin; i < call->end; i++) y[i] = x[i] / (1 + exp(-x[i]));
    }
}

/* The rule records ordinary ops, so that it can be differentiated itself. */
static void swish_backward(wg_rule *rule) {
    wg_var y = rule->outputs[0], dy = rule->cotangents[0], s = wg_sigmoid(rule->inputs[0]);
    wg_var rest = wg_sub(wg_scalar(rule->tape, 1), s);
    wg_rule_set(rule, 0, wg_scale_cotangent(dy, wg_add(s, wg_mul(y, rest))));
}

/* What the gradient check tries: shapes of all kinds, then large numbers on both sides. */
static void swish_samples(wg_sampler *sampler) {
    wg_sample_unary(sampler, WG_NORMAL, 0, 0);
    WG_SAMPLE(sampler, NULL, {.shape = WG_SHAPE(19), .values = WG_UNIFORM, .low = -8, .high = 8});
}

static const wg_op swish_op = {
    .name = "swish", .formula = "y = x / (1 + exp(-x))", .torch = "silu",
    .inputs = 1, .outputs = 1, .flags = WG_ELEMENTWISE,
    .infer = wg_infer_same, .forward = swish_forward, .backward = swish_backward, .samples = swish_samples,
};

/* As a macro it lets error messages name the line that uses it. */
#define swish(x) wg_apply(&swish_op, x)

/* --- A network that uses it ----------------------------------------------------------------------------- */

enum { POINTS = 64, STEPS = 400, EACH = 100 };

/* Trains it to be a sine from -π to π; returns the last loss, NaN after an error. */
static double learn_a_sine(wg_tape *tape, wg_model *model, wg_optimizer *adam) {
    float x_data[POINTS], y_data[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x_data[i] = (float)(2 * i - (POINTS - 1)) / (POINTS - 1);
        y_data[i] = sinf((float)M_PI * x_data[i]);
    }
    double last = NAN;
    for (int step = 0; step <= STEPS; step++, wg_tape_clear(tape)) {
        wg_var x = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 1), x_data);
        wg_var y = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 1), y_data);
        wg_var hidden = swish(wg_linear(model, "in", x, 16));
        hidden = swish(wg_linear(model, "middle", hidden, 16));
        wg_var loss = wg_mean(wg_square(wg_sub(wg_linear(model, "out", hidden, 1), y)), WG_ALL_AXES);
        wg_minimize(adam, loss);
        if (wg_eval(loss)) return wg_report(stderr, tape), NAN;
        last = wg_item(loss);
        if (step % EACH == 0) printf("step %3d  loss %.6f\n", step, last);
    }
    return last;
}

int main(int count, char **arguments) {
    if (count > 1) {
        const bool asked = !strcmp(arguments[1], "--help");
        return fputs(help, asked ? stdout : stderr), !asked;
    }
    wg_gradcheck_report report;
    const int status = wg_gradcheck_op(&swish_op, &report);
    wg_gradcheck_print(status ? stderr : stdout, &report);
    if (status) return 1;

    wg_tape *tape = wg_tape_new();
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *adam = wg_adam(model, 0.01);
    const double loss = learn_a_sine(tape, model, adam);
    wg_optimizer_free(adam);
    wg_tape_free(tape);
    wg_model_free(model);
    return !(loss < 1e-3);
}
