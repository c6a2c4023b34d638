/* The second sample of docs/design.md: a network that trains, here on pictures that are easy to tell apart:
 * of a digit's class, bright in one of ten rows. */
#include <stdio.h>
#include <stdlib.h>
#include <wengert.h>

#include "network.inc"

enum { PICTURES = 96, BATCH = 32 };

static double first_loss = -1, last_loss;
static void progress(double loss) {
    if (first_loss < 0) first_loss = loss;
    last_loss = loss;
}

static int picture(void *context, int64_t index, void *x, void *y, wg_error *error) {
    (void)context, (void)error;
    float *pixels = x;
    const int64_t class = index % 10;
    for (int i = 0; i < 28 * 28; i++) pixels[i] = i / 28 / 2 == class ? 1.0f : 0.0f;
    *(int64_t *)y = class;
    return WG_OK;
}

static int train_on(wg_loader *train) {
#include "training.inc"
    wg_tape_free(tape);
    wg_optimizer_free(adam);
    wg_model_free(model);
    return 0;
}

int main(void) {
    wg_error error = {0};
    const wg_type x = {WG_F32, 3, {1, 28, 28}}, y = {WG_I64, 0, {0}};
    wg_dataset *pictures = wg_dataset_of_function(PICTURES, &x, &y, picture, &error);
    wg_loader *train = wg_loader_new(pictures, BATCH, &error, .shuffle = true, .seed = 1);
    const int status = error.status ? error.status : train_on(train);
    if (error.status) fprintf(stderr, "%s\n", error.message);
    wg_loader_free(train);
    wg_dataset_free(pictures);
    fprintf(stderr, "loss %g, then %g\n", first_loss, last_loss);
    return status == 0 && last_loss < first_loss ? EXIT_SUCCESS : EXIT_FAILURE;
}
