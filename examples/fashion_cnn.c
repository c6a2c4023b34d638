/* fashion_cnn — trains a convolutional network on Fashion-MNIST: see --help; fashion.h has the network. */
#include "fashion.h"
#include "show.h"
#include <string.h>

enum { EPOCHS = 5, BATCH = 64, SHOWN = 48, POINTS = 250 };

static const char help[] =
    "fashion_cnn [--seed N] [--data DIR] [--out DIR] [--write-images N]\n"
    "Trains on the images in DIR (Fashion-MNIST, or others in the format of MNIST), evaluates on its test\n"
    "images, and writes curve.png, predictions.png, model.safetensors and the first N test images as PNG\n"
    "files to --out. Fails if fewer than 91 % of the test images are recognised.\n";

typedef struct run {
    wg_dataset *training, *test;
    wg_loader *train_loader, *test_loader;
    wg_model *model;
    wg_optimizer *sgd;
    wg_tape *tape;
    wg_confusion *counts;
    show_progress progress;
    double loss[POINTS], accuracy[POINTS]; /* the learning curve */
    int points, predicted[SHOWN];          /* of the first test images */
} run;

static wg_dataset *images_of(const char *folder, const char *part, wg_error *error) {
    char names[2][100];
    snprintf(names[0], sizeof names[0], "%s-images-idx3-ubyte.gz", part);
    snprintf(names[1], sizeof names[1], "%s-labels-idx1-ubyte.gz", part);
    const char *path = show_path(folder, names[0]);
    wg_dataset *images = wg_dataset_of_idx(path, show_path(folder, names[1]), error);
    if (!images) return NULL;
    const wg_type type = wg_dataset_x(images);
    if (type.rank == 3 && type.extent[1] == 28 && type.extent[2] == 28 && wg_dataset_length(images))
        return images;
    show_fail(error, WG_ERROR_SHAPE, "%s: expected one or more images of 28 x 28 pixels", path);
    return wg_dataset_free(images), NULL;
}

static int prepare(run *r, const char *folder, uint64_t seed, wg_error *error) {
    if (!(r->training = images_of(folder, "train", error))) return error->status;
    if (!(r->test = images_of(folder, "t10k", error))) return error->status;
    r->train_loader = wg_loader_new(r->training, BATCH, error, .shuffle = true, .seed = seed, .prefetch = 4,
                                    .mean = fashion_mean, .std = fashion_std);
    if (!r->train_loader) return error->status;
    r->test_loader = wg_loader_new(r->test, 250, error, .prefetch = 4, .mean = fashion_mean,
                                   .std = fashion_std);
    if (!r->test_loader || !(r->counts = wg_confusion_new(10, error))) return error->status;
    r->tape = wg_tape_new();
    r->model = wg_model_new(.seed = seed);
    r->sgd = wg_sgd(r->model, 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4);
    const int64_t steps = EPOCHS * wg_loader_batches(r->train_loader);
    const int status = wg_set_schedule(r->sgd, WG_COSINE, .warm_up = steps / 20, .steps = steps);
    if (status) return show_fail(error, status, "learning rate: %s", wg_status_name(status));
    r->progress = show_begin(steps);
    return WG_OK;
}

/* One epoch of training, with a point of the learning curve now and then. */
static int train(run *r, wg_error *error) {
    const int epoch = (int)wg_loader_epoch(r->train_loader) + 1;
    const int64_t every = r->progress.steps / POINTS + 1;
    double loss_sum = 0, steps = 0;
    wg_confusion_clear(r->counts);
    for (wg_batch b; wg_loader_next(r->train_loader, &b); wg_tape_clear(r->tape)) {
        wg_var logits = fashion_model(r->model, wg_input(r->tape, b.x));
        wg_var loss = wg_softmax_cross_entropy(logits, wg_input(r->tape, b.y));
        wg_minimize(r->sgd, loss);
        if (wg_eval(loss, logits)) {
            fprintf(stderr, "\nstep %lld: no weight has been changed\n", (long long)r->progress.step + 1);
            return wg_tape_recover(r->tape, error);
        }
        if (wg_confusion_add(r->counts, wg_value(logits), b.y, error)) return error->status;
        loss_sum += wg_item(loss), steps++;
        const double accuracy = wg_confusion_accuracy(r->counts);
        show_step(&r->progress, epoch, wg_tensor_count(b.y), loss_sum / steps, accuracy);
        if (r->progress.step % every) continue;
        r->loss[r->points] = loss_sum / steps, r->accuracy[r->points++] = accuracy;
        loss_sum = steps = 0;
        wg_confusion_clear(r->counts);
    }
    return wg_loader_status(r->train_loader, error);
}

/* Counts the predictions of all test images, and keeps the first of them. */
static int evaluate(run *r, wg_error *error) {
    int kept = 0;
    wg_confusion_clear(r->counts);
    wg_model_train(r->model, false);
    for (wg_batch b; wg_loader_next(r->test_loader, &b); wg_tape_clear(r->tape)) {
        wg_var guesses = wg_argmax(fashion_model(r->model, wg_input(r->tape, b.x)), 1);
        if (wg_eval(guesses)) return wg_tape_recover(r->tape, error);
        if (wg_confusion_add(r->counts, wg_value(guesses), b.y, error)) return error->status;
        for (int64_t i = 0; i < wg_tensor_count(b.y) && kept < SHOWN; i++)
            r->predicted[kept++] = (int)wg_tensor_get(wg_value(guesses), i);
    }
    return wg_loader_status(r->test_loader, error);
}

/* The first test images: some as files "0007-sandal.png", SHOWN of them as one picture with predictions. */
static int write_images(const run *r, const char *folder, uint64_t files, wg_error *error) {
    static float pixels[SHOWN][28 * 28];
    int actual[SHOWN], shown = 0;
    for (int i = 0; i < wg_dataset_length(r->test) && (i < SHOWN || (uint64_t)i < files); i++) {
        float image[28 * 28];
        int64_t label;
        char name[60];
        if (wg_dataset_get(r->test, i, image, &label, error)) return error->status;
        if (label < 0 || label > 9)
            return show_fail(error, WG_ERROR_INDEX, "test image %d has no class 0 ... 9", i);
        snprintf(name, sizeof name, "%04d-%s.png", i, fashion_classes[label]);
        if ((uint64_t)i < files && show_image(show_path(folder, name), image, error)) return error->status;
        if (i < SHOWN) memcpy(pixels[shown], image, sizeof image), actual[shown++] = (int)label;
    }
    return show_predictions(show_path(folder, "predictions.png"), pixels[0], actual, r->predicted, shown,
                            fashion_classes, error);
}

int main(int count, char **arguments) {
    const char *data = "/usr/share/datasets/fashion-mnist", *out = "out";
    uint64_t seed = 1, files = 0;
    const show_option options[] = {{"--seed", NULL, &seed}, {"--data", &data, NULL}, {"--out", &out, NULL},
                                   {"--write-images", NULL, &files}, {NULL, NULL, NULL}};
    show_arguments(count, arguments, help, options, 0);
    static run r;
    wg_error error;
    int status = prepare(&r, data, seed, &error);
    if (!status) status = show_folder(out, &error);
    for (int epoch = 0; epoch < EPOCHS && !status; epoch++) status = train(&r, &error);
    show_end(&r.progress);
    if (!status) status = evaluate(&r, &error);
    const double seconds = show_seconds() - r.progress.begin, accuracy = wg_confusion_accuracy(r.counts);
    if (!status) show_confusion(stdout, r.counts, fashion_classes);
    if (!status)
        status = show_curve(show_path(out, "curve.png"), r.loss, r.accuracy, r.points, EPOCHS, &error);
    if (!status) status = write_images(&r, out, files, &error);
    if (!status) status = wg_model_save(r.model, show_path(out, "model.safetensors"), &error);
    if (status) show_error(&error);
    else printf("test accuracy %.2f %% after %d epochs in %.1f s\n", 100 * accuracy, EPOCHS, seconds);
    wg_confusion_free(r.counts);
    wg_tape_free(r.tape);
    wg_optimizer_free(r.sgd);
    wg_model_free(r.model);
    wg_loader_free(r.train_loader);
    wg_loader_free(r.test_loader);
    wg_dataset_free(r.training);
    wg_dataset_free(r.test);
    return status || !(accuracy >= 0.91);
}
