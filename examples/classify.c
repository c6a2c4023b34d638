/* classify — tells what is on pictures, with the network that fashion_cnn has trained: see --help. */
#include "fashion.h"
#include "show.h"

enum { SIDE = 28, CLASSES = 10, BEST = 3 };

static const char help[] =
    "classify [--model FILE] PICTURE.png ...\n"
    "Prints the three likeliest classes of each picture (28 x 28 pixels, bright on black), by the network\n"
    "in FILE (out/model.safetensors). fashion_cnn --write-images makes such pictures.\n";

/* Records the network once, which makes its parameters, then loads them: all must be in the file. */
static int load(wg_model *model, wg_tape *tape, const char *path, wg_error *error) {
    wg_var logits = fashion_model(model, wg_full(tape, WG_F32, WG_SHAPE(1, 1, SIDE, SIDE), 0));
    if (!wg_valid(logits)) return wg_tape_recover(tape, error);
    wg_tape_clear(tape);
    return wg_model_load(model, path, error);
}

/* Reads a picture the way the network has seen them: 0 … 1, then centred and scaled. */
static int read_picture(const char *path, float *pixels, wg_error *error) {
    wg_tensor *picture = wg_png_read(path, 1, error);
    if (!picture) return error->status;
    const wg_type type = wg_tensor_type(picture);
    const bool fits = type.extent[0] == SIDE && type.extent[1] == SIDE;
    for (int i = 0; fits && i < SIDE * SIDE; i++)
        pixels[i] = (float)((wg_tensor_get(picture, i) / 255 - fashion_mean) / fashion_std);
    wg_tensor_free(picture);
    if (fits) return WG_OK;
    return show_fail(error, WG_ERROR_SHAPE, "%s has %lld x %lld pixels; %d x %d were expected", path,
                     (long long)type.extent[1], (long long)type.extent[0], SIDE, SIDE);
}

static int classify(wg_model *model, wg_tape *tape, const char *path, wg_error *error) {
    float pixels[SIDE * SIDE];
    if (read_picture(path, pixels, error)) return error->status;
    wg_var logits = fashion_model(model, wg_array(tape, WG_F32, WG_SHAPE(1, 1, SIDE, SIDE), pixels));
    wg_var probabilities = wg_softmax(logits, 1);
    if (wg_eval(probabilities)) return wg_tape_recover(tape, error);
    double left[CLASSES];
    for (int c = 0; c < CLASSES; c++) left[c] = wg_tensor_get(wg_value(probabilities), c);
    printf("%s:", path);
    for (int place = 0; place < BEST; place++) {
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (left[c] > left[best]) best = c;
        printf("%s %s %.1f %%", place ? "," : "", fashion_classes[best], 100 * left[best]);
        left[best] = -1;
    }
    printf("\n");
    return wg_tape_clear(tape), WG_OK;
}

int main(int count, char **arguments) {
    const char *path = "out/model.safetensors";
    const show_option options[] = {{"--model", .text = &path}, {0}};
    const int pictures = show_arguments(count, arguments, help, options, count);
    if (!pictures) return fprintf(stderr, "error: no picture was named\n%s", help), 2;
    wg_error error;
    wg_tape *tape = wg_tape_new();
    wg_model *model = wg_model_new();
    wg_model_train(model, false); /* no dropout */
    const int status = load(model, tape, path, &error);
    int failed = status ? show_error(&error) : 0;
    for (int i = 0; i < pictures && !status; i++) /* a picture that cannot be read leaves the others to do */
        if (classify(model, tape, arguments[i], &error)) failed = show_error(&error);
    wg_tape_free(tape);
    wg_model_free(model);
    return failed;
}
