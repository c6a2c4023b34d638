/* mlp_spiral — a multi-layer perceptron learns to tell three entangled spirals apart, and shows where it
 * draws the line: see --help. */
#include "show.h"
#include <math.h>
#include <string.h>

enum { CLASSES = 3, POINTS = 600, STEPS = 800, EACH = 100 };

static const char help[] =
    "mlp_spiral [FILE.png]\n"
    "Trains on points of three spirals and draws them, and the regions found, to FILE.png (spiral.png).\n";

/* Points between -1 and 1 in both directions, and the spiral that each lies on. */
typedef struct points {
    float at[POINTS][2];
    int64_t spiral[POINTS];
} points;

/* Uniform between -1 and 1, the same sequence in each run: xorshift64*, Vigna 2016, arXiv:1402.6246. */
static double next_uniform(void) {
    static uint64_t state = 1;
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return (double)(int64_t)(state * 0x2545f4914f6cdd1d) * 0x1p-63;
}

static points make_points(void) {
    points made;
    for (int i = 0; i < POINTS; i++) {
        const double along = (double)(i / CLASSES + 1) / (POINTS / CLASSES);
        const double wobble = 0.1 * (next_uniform() + next_uniform() + next_uniform());
        const double turns = (double)(i % CLASSES) / CLASSES + 0.85 * along;
        const double angle = 2 * M_PI * turns + wobble;
        made.at[i][0] = (float)(0.92 * along * cos(angle));
        made.at[i][1] = (float)(0.92 * along * sin(angle));
        made.spiral[i] = i % CLASSES;
    }
    return made;
}

/* x [N, 2] -> logits [N, 3] */
static wg_var network(wg_model *m, wg_var x) {
    x = wg_tanh(wg_linear(m, "fc1", x, 64));
    x = wg_tanh(wg_linear(m, "fc2", x, 64));
    return wg_linear(m, "fc3", x, CLASSES);
}

/* All points in each step; an error stays on the tape. */
static void train(wg_tape *tape, wg_model *model, wg_optimizer *adam, const points *p) {
    for (int step = 0; step <= STEPS; step++, wg_tape_clear(tape)) {
        wg_var x = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 2), p->at);
        wg_var y = wg_array(tape, WG_I64, WG_SHAPE(POINTS), p->spiral);
        wg_var loss = wg_softmax_cross_entropy(network(model, x), y);
        wg_minimize(adam, loss);
        if (wg_eval(loss)) return;
        if (step % EACH == 0) printf("step %3d  loss %.4f\n", step, wg_item(loss));
    }
}

/* The share of points that the network puts on the right spiral; NaN if the tape has an error. */
static double accuracy(wg_tape *tape, wg_model *model, const points *p) {
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(POINTS, 2), p->at);
    wg_var y = wg_array(tape, WG_I64, WG_SHAPE(POINTS), p->spiral);
    wg_var share = wg_mean(wg_cast(wg_equal(wg_argmax(network(model, x), 1), y), WG_F64), WG_ALL_AXES);
    wg_eval(share);
    const double value = wg_item(share);
    return wg_tape_clear(tape), value;
}

/* --- The picture ---------------------------------------------------------------------------------------- */

enum { SIDE = 720, EDGE = 20, TOP = 56, RADIUS = 5 };

static const show_colour *const colours[CLASSES] = {&show_blue, &show_red, &show_green};

/* Lays a colour over a pixel: share 0 leaves the pixel, 1 covers it. */
static void blend(uint8_t *pixel, const show_colour *colour, double share) {
    const uint8_t over[3] = {colour->red, colour->green, colour->blue};
    for (int c = 0; c < 3; c++) pixel[c] = (uint8_t)(pixel[c] + share * (over[c] - pixel[c]) + 0.5);
}

static uint8_t *pixel_at(wg_tensor *picture, int x, int y) {
    return (uint8_t *)wg_tensor_writable(picture) + (y * wg_tensor_type(picture).extent[1] + x) * 3;
}

/* A row of pixels in the colours of the spirals, each as strong as the network is sure. */
static int draw_row(wg_tensor *picture, int row, wg_tape *tape, wg_model *model) {
    static float at[SIDE][2];
    for (int i = 0; i < SIDE; i++) {
        at[i][0] = (float)(2 * i + 1) / SIDE - 1;
        at[i][1] = 1 - (float)(2 * row + 1) / SIDE;
    }
    wg_var sure = wg_softmax(network(model, wg_array(tape, WG_F32, WG_SHAPE(SIDE, 2), at)), 1);
    if (wg_eval(sure)) return wg_tape_status(tape);
    const float *share = wg_tensor_data(wg_value(sure));
    for (int i = 0; i < SIDE; i++) {
        uint8_t *pixel = pixel_at(picture, EDGE + i, TOP + row);
        for (int c = 0; c < CLASSES; c++)
            blend(pixel, colours[c], 0.4 * fmax(0, 1.5 * share[i * CLASSES + c] - 0.5));
    }
    return wg_tape_clear(tape), WG_OK;
}

/* A disc with a white rim; its edges are as soft as the pixels they cut. */
static void draw_point(wg_tensor *picture, const float *at, const show_colour *colour) {
    const double x = EDGE + SIDE * (at[0] + 1) / 2.0, y = TOP + SIDE * (1 - at[1]) / 2.0;
    for (int j = (int)y - RADIUS - 1; j <= (int)y + RADIUS + 1; j++)
        for (int i = (int)x - RADIUS - 1; i <= (int)x + RADIUS + 1; i++) {
            const double inside = RADIUS - hypot(i + 0.5 - x, j + 0.5 - y);
            blend(pixel_at(picture, i, j), &show_white, fmin(fmax(inside + 0.5, 0), 1));
            blend(pixel_at(picture, i, j), colour, fmin(fmax(inside - 0.5, 0), 1));
        }
}

static int draw(const char *path, const points *p, double share, wg_tape *tape, wg_model *model,
                wg_error *error) {
    wg_tensor *picture = show_picture(SIDE + 2 * EDGE, SIDE + TOP + EDGE);
    if (!picture) return show_fail(error, WG_ERROR_MEMORY, "%s: no memory for the picture", path);
    int status = WG_OK;
    for (int row = 0; row < SIDE && !status; row++) status = draw_row(picture, row, tape, model);
    for (int i = 0; i < POINTS; i++) draw_point(picture, p->at[i], colours[p->spiral[i]]);
    char text[60];
    snprintf(text, sizeof text, "three spirals: %.1f%% of new points right", 100 * share);
    show_text(picture, EDGE, 22, 2, show_black, text);
    status = status ? wg_tape_recover(tape, error) : wg_png_write(path, picture, error);
    return wg_tensor_free(picture), status;
}

int main(int count, char **arguments) {
    static const show_option none = {0};
    const char *path = show_arguments(count, arguments, help, &none, 1) ? arguments[0] : "spiral.png";
    const points seen = make_points(), others = make_points();
    wg_error error;
    wg_tape *tape = wg_tape_new();
    wg_model *model = wg_model_new(.seed = 1);
    wg_optimizer *adam = wg_adamw(model, 0.01);
    wg_set_schedule(adam, WG_COSINE, .steps = STEPS + 1);
    train(tape, model, adam, &seen);
    const double learnt = accuracy(tape, model, &seen), share = accuracy(tape, model, &others);
    int status = wg_tape_recover(tape, &error); /* of all until here: the first error sticks */
    if (!status) status = draw(path, &seen, share, tape, model, &error);
    if (status) show_error(&error);
    else printf("%.1f %% of the points learnt, %.1f %% of others: %s\n", 100 * learnt, 100 * share, path);
    wg_optimizer_free(adam);
    wg_tape_free(tape);
    wg_model_free(model);
    return status || !(share >= 0.95);
}
