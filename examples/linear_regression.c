/* linear_regression — a line through noisy points, by gradient descent on the mean squared error:
 *
 *     y[i] = slope x[i] + offset + noise[i],    loss = mean_i (weight x[i] + bias - y[i])² */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <wengert.h>

enum { POINTS = 500, STEPS = 50, EACH = 5 };

static const double slope = 1.5, offset = -0.7, noise = 0.3;

static const char help[] =
    "linear_regression\n"
    "Fits a line to 500 noisy points: prints the loss as it falls, then the line found.\n";

/* Uniform between -1 and 1, the same sequence in each run: xorshift64*, Vigna 2016, arXiv:1402.6246. */
static double next_uniform(void) {
    static uint64_t state = 1;
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (double)(int64_t)(state * 0x2545f4914f6cdd1d) * 0x1p-63;
}

/* The sum of twelve of them has variance 4, and is as good as normal. */
static double next_normal(void) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += next_uniform();
    return sum / 2;
}

/* Prints what a parameter of one element has become, and what it should be; false if they are far apart. */
static bool compare(const wg_model *model, const char *path, double truth) {
    const wg_parameter_info *parameter = wg_model_find(model, path);
    const double found = wg_tensor_get(wg_state_tensor(parameter->state), 0);
    printf("%-11s found %7.4f, true %7.4f\n", path, found, truth);
    return fabs(found - truth) < 5 * noise / sqrt(POINTS);
}

int main(int count, char **arguments) {
    if (count > 1) {
        const bool asked = !strcmp(arguments[1], "--help");
        return fputs(help, asked ? stdout : stderr), !asked;
    }
    static float x_data[POINTS], y_data[POINTS];
    for (int i = 0; i < POINTS; i++) {
        x_data[i] = (float)(2 * next_uniform());
        y_data[i] = (float)(slope * x_data[i] + offset + noise * next_normal());
    }
    wg_tape *tape = wg_tape_new();
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *sgd = wg_sgd(model, 0.02, .momentum = 0.8);
    int status = WG_OK;
    for (int step = 0; step <= STEPS && !status; step++, wg_tape_clear(tape)) {
        wg_var x = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 1), x_data);
        wg_var y = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 1), y_data);
        wg_var guess = wg_linear(model, "line", x, 1); /* line.weight x + line.bias */
        wg_var loss = wg_mean(wg_square(wg_sub(guess, y)), WG_ALL_AXES);
        wg_minimize(sgd, loss); /* records the gradients and the update; wg_eval carries them out */
        status = wg_eval(loss);
        if (!status && step % EACH == 0) printf("step %2d  loss %.5f\n", step, wg_item(loss));
    }
    bool close = !status;
    if (status)
        wg_report(stderr, tape);
    else {
        close &= compare(model, "line.weight", slope);
        close &= compare(model, "line.bias", offset);
    }
    wg_optimizer_free(sgd);
    wg_tape_free(tape);
    wg_model_free(model);
    return !close;
}
