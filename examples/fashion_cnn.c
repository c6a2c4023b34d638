/* fashion_cnn — trains a convolutional network on Fashion-MNIST: see --help, and fashion.h for the network. */
#include "fashion.h"
#include "show.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { EPOCHS = 5, BATCH = 64, SHOWN = 48, POINTS = 250 };

static const char help[] =
    "fashion_cnn [--seed N] [--data DIR] [--out DIR] [--write-images N]\n"
    "Trains on the images in DIR (Fashion-MNIST, or others in the format of MNIST), evaluates on its test images, and\n"
    "writes curve.png, predictions.png and model.safetensors, and the first N test images as PNG files, to --out.\n";

typedef struct setting {
    const char *seed, *data, *out, *write_images;
} setting;

static bool read_arguments(int count, char **arguments, setting *to) {
    struct { const char *name; const char **value; } const known[] = {
        {"--seed", &to->seed}, {"--data", &to->data}, {"--out", &to->out}, {"--write-images", &to->write_images}};
    for (int i = 1; i < count; i++) {
        const char *equals = strchr(arguments[i], '=');
        const size_t length = equals ? (size_t)(equals - arguments[i]) : strlen(arguments[i]);
        const char **value = NULL;
        for (int k = 0; k < 4; k++)
            if (strlen(known[k].name) == length && !strncmp(known[k].name, arguments[i], length)) value = known[k].value;
        if (!value || (!equals && i + 1 == count)) return false;
        *value = equals ? equals + 1 : arguments[++i];
    }
    return true;
}

static int complain(const wg_error *error) { return fprintf(stderr, "error: %s\n", error->message), 1; }

static const char *path_of(const char *folder, const char *name) {
    static char paths[4][1000];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static wg_dataset *images_of(const char *folder, const char *part, wg_error *error) {
    char names[2][100];
    snprintf(names[0], sizeof names[0], "%s-images-idx3-ubyte.gz", part);
    snprintf(names[1], sizeof names[1], "%s-labels-idx1-ubyte.gz", part);
    return wg_dataset_of_idx(path_of(folder, names[0]), path_of(folder, names[1]), error);
}

/* One epoch of training; curve[0] and curve[1] get a point of loss and accuracy each `every` steps. */
static int train(wg_tape *tape, wg_model *model, wg_optimizer *optimizer, wg_loader *loader, show_progress *progress,
                 double curve[2][POINTS + 1], int *points, wg_error *error) {
    const int epoch = (int)wg_loader_epoch(loader) + 1;
    const int64_t every = progress->steps / POINTS + 1;
    static int64_t images;
    double loss_sum = 0, steps = 0;
    wg_confusion *counts = wg_confusion_new(10, error);
    for (wg_batch b; counts && wg_loader_next(loader, &b); wg_tape_clear(tape)) {
        wg_var logits = fashion_model(model, wg_input(tape, b.x));
        wg_var loss = wg_softmax_cross_entropy(logits, wg_input(tape, b.y));
        wg_minimize(optimizer, loss);
        if (wg_eval(loss, logits)) {
            fprintf(stderr, "\nstep %lld: no weight has been changed\n", (long long)wg_model_step(model) + 1);
            return wg_tape_recover(tape, error);
        }
        if (wg_confusion_add(counts, wg_value(logits), b.y, error)) break;
        loss_sum += wg_item(loss), steps++, images += wg_tensor_type(b.y).extent[0];
        show_step(progress, epoch, wg_model_step(model), images, loss_sum / steps, wg_confusion_accuracy(counts));
        if (wg_model_step(model) % every || *points == POINTS) continue;
        curve[0][*points] = loss_sum / steps, curve[1][(*points)++] = wg_confusion_accuracy(counts);
        loss_sum = steps = 0;
        wg_confusion_clear(counts);
    }
    wg_confusion_free(counts);
    return error->status ? error->status : wg_loader_status(loader, error);
}

/* Counts the predictions of a whole data set, and hands out the first of them. */
static int evaluate(wg_tape *tape, wg_model *model, wg_loader *loader, wg_confusion *counts, int *first, wg_error *error) {
    int64_t at = 0;
    wg_model_train(model, false);
    for (wg_batch b; wg_loader_next(loader, &b); wg_tape_clear(tape)) {
        wg_var guesses = wg_argmax(fashion_model(model, wg_input(tape, b.x)), 1);
        if (wg_eval(guesses)) return wg_tape_recover(tape, error);
        if (wg_confusion_add(counts, wg_value(guesses), b.y, error)) return error->status;
        for (int64_t i = 0; i < wg_tensor_count(b.y) && at < SHOWN; i++) first[at++] = (int)wg_tensor_get(wg_value(guesses), i);
    }
    return wg_loader_status(loader, error);
}

/* The first test images: with their predictions as one picture, and as many as were asked for as files. */
static int show_images(const setting *s, const wg_dataset *test, const int *predicted, wg_error *error) {
    static float pixels[SHOWN][28 * 28];
    static int actual[SHOWN];
    int64_t label = 0, count = wg_dataset_length(test) < SHOWN ? wg_dataset_length(test) : SHOWN;
    for (int i = 0; i < count; i++, actual[i - 1] = (int)label)
        if (wg_dataset_get(test, i, pixels[i], &label, error)) return error->status;
    for (int i = 0; i < atoi(s->write_images); i++) {
        float image[28 * 28];
        uint8_t grey[28 * 28];
        char name[60];
        if (wg_dataset_get(test, i, image, &label, error)) return error->status;
        for (int k = 0; k < 28 * 28; k++) grey[k] = (uint8_t)(255 * image[k] + 0.5f);
        snprintf(name, sizeof name, "%04d-%s.png", i, fashion_classes[label]);
        wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(28, 28), grey, error);
        const int status = tensor ? wg_png_write(path_of(s->out, name), tensor, error) : error->status;
        wg_tensor_free(tensor);
        if (status) return status;
    }
    return show_predictions(path_of(s->out, "predictions.png"), pixels[0], actual, predicted, (int)count, fashion_classes, error);
}

int main(int count, char **arguments) {
    setting s = {"1", "/usr/share/datasets/fashion-mnist", "out", "0"};
    if (!read_arguments(count, arguments, &s)) return fputs(help, count == 2 && !strcmp(arguments[1], "--help") ? stdout : stderr), count != 2;
    const uint64_t seed = strtoull(s.seed, NULL, 10);
    wg_error error = {0};
    wg_dataset *training = images_of(s.data, "train", &error), *test = training ? images_of(s.data, "t10k", &error) : NULL;
    if (!test) return complain(&error);
    if (mkdir(s.out, 0777) && errno != EEXIST) return perror(s.out), 1;
    wg_loader *train_loader = wg_loader_new(training, BATCH, &error, .shuffle = true, .seed = seed, .prefetch = 4, .mean = fashion_mean, .std = fashion_std);
    wg_loader *test_loader = wg_loader_new(test, 250, &error, .prefetch = 4, .mean = fashion_mean, .std = fashion_std);
    if (!train_loader || !test_loader) return complain(&error);
    const int64_t steps = EPOCHS * wg_loader_batches(train_loader);
    wg_model *model = wg_model_new(.seed = seed);
    wg_optimizer *adam = wg_adamw(model, 2e-3, .weight_decay = 0.02, .clip_norm = 1.0);
    wg_set_schedule(adam, WG_COSINE, .warm_up = steps / 20, .steps = steps);
    wg_tape *tape = wg_tape_new();
    wg_confusion *counts = wg_confusion_new(10, &error);
    static double curve[2][POINTS + 1];
    int points = 0, predicted[SHOWN], status = counts ? WG_OK : error.status;
    show_progress progress = show_begin(steps, EPOCHS * wg_dataset_length(training));
    for (int epoch = 0; epoch < EPOCHS && !status; epoch++)
        status = train(tape, model, adam, train_loader, &progress, curve, &points, &error);
    show_end(&progress);
    if (!status) status = evaluate(tape, model, test_loader, counts, predicted, &error);
    const double seconds = show_seconds() - progress.begin, accuracy = wg_confusion_accuracy(counts);
    if (!status) show_confusion(stdout, counts, fashion_classes);
    if (!status) status = show_curve(path_of(s.out, "curve.png"), curve[0], curve[1], points, EPOCHS, &error);
    if (!status) status = show_images(&s, test, predicted, &error);
    if (!status) status = wg_model_save(model, path_of(s.out, "model.safetensors"), &error);
    if (status) complain(&error);
    else printf("test accuracy %.2f %% after %d epochs in %.1f s\n", 100 * accuracy, EPOCHS, seconds);
    wg_confusion_free(counts);
    wg_tape_free(tape);
    wg_optimizer_free(adam);
    wg_model_free(model);
    wg_loader_free(train_loader);
    wg_loader_free(test_loader);
    wg_dataset_free(training);
    wg_dataset_free(test);
    return status || accuracy < 0.91;
}
