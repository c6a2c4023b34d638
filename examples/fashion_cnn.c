/* fashion_cnn — trains a convolutional network on Fashion-MNIST: see --help; fashion.h has the network. */
#include "fashion.h"
#include "show.h"
#include <math.h>

enum { EPOCHS = 5, BATCH = 64, SHOWN = 48, POINTS = 250 };

static const char help[] =
    "fashion_cnn [--seed N] [--data DIR] [--out DIR] [--write-images N] [--resume]\n"
    "Trains on the images in DIR (Fashion-MNIST, or others in the format of MNIST), evaluates on its test\n"
    "images, and writes curve.png, predictions.png, model.safetensors and the first N test images as PNG\n"
    "files to --out. Fails if fewer than 91 % of the test images are recognised.\n"
    "After each epoch and at Ctrl-C it writes checkpoint.safetensors, from which --resume goes on.\n";

typedef struct run {
    wg_dataset *training, *test;
    wg_loader *train_loader, *test_loader;
    wg_model *model;
    wg_optimizer *sgd;
    wg_tape *tape;
    wg_confusion *counts;
    show_progress progress;
    double loss[POINTS], accuracy[POINTS]; /* the learning curve: a point every so many steps */
    int64_t every;
    int predicted[SHOWN]; /* of the first test images */
} run;

/* Makes all of it; brings it to where `checkpoint` was written, unless that is NULL. */
static int prepare(run *r, const char *folder, uint64_t seed, const char *checkpoint, wg_error *error) {
    if (!(r->training = fashion_images(folder, "train", error))) return error->status;
    if (!(r->test = fashion_images(folder, "t10k", error))) return error->status;
    r->train_loader = wg_loader_new(r->training, BATCH, error, .shuffle = true, .seed = seed, .prefetch = 4,
                                    .mean = fashion_mean, .std = fashion_std);
    if (!r->train_loader) return error->status;
    r->test_loader = wg_loader_new(r->test, 250, error, .prefetch = 4, .mean = fashion_mean,
                                   .std = fashion_std);
    if (!r->test_loader || !(r->counts = wg_confusion_new(10, error))) return error->status;
    r->tape = wg_tape_new();
    r->model = wg_model_new(.seed = seed);
    r->sgd = wg_sgd(r->model, 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 5e-4);
    const int64_t batches = wg_loader_batches(r->train_loader), steps = EPOCHS * batches;
    int status = wg_set_schedule(r->sgd, WG_COSINE, .warm_up = steps / 20, .steps = steps);
    if (status) return show_fail(error, status, "learning rate: %s", wg_status_name(status));
    if (checkpoint)
        status = wg_checkpoint_load(checkpoint, error, .model = r->model, .optimizer = r->sgd,
                                    .loader = r->train_loader);
    r->progress = show_begin(
        steps, batches * wg_loader_epoch(r->train_loader) + wg_loader_position(r->train_loader));
    r->every = steps / POINTS + 1;
    for (int i = 0; i < POINTS; i++) r->loss[i] = r->accuracy[i] = NAN; /* what --resume skips is blank */
    return status;
}

/* Training to the end of an epoch or to Ctrl-C, with a point of the learning curve now and then. */
static int train(run *r, wg_error *error) {
    const int epoch = (int)wg_loader_epoch(r->train_loader) + 1;
    double loss_sum = 0, steps = 0;
    wg_confusion_clear(r->counts);
    for (wg_batch b; !show_interrupted() && wg_loader_next(r->train_loader, &b); wg_tape_clear(r->tape)) {
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
        if (r->progress.step % r->every) continue;
        const int64_t point = r->progress.step / r->every - 1;
        r->loss[point] = loss_sum / steps, r->accuracy[point] = accuracy;
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

/* Evaluates what has been trained, and writes all results. */
static int finish(run *r, const char *out, uint64_t files, wg_error *error) {
    int status = evaluate(r, error);
    if (status) return status;
    const double seconds = show_seconds() - r->progress.begin;
    show_confusion(stdout, r->counts, fashion_classes);
    status = show_curve(show_path(out, "curve.png"), r->loss, r->accuracy,
                        (int)(r->progress.steps / r->every), EPOCHS, error);
    if (!status) status = show_images(r->test, out, files, r->predicted, SHOWN, fashion_classes, error);
    if (!status) status = wg_model_save(r->model, show_path(out, "model.safetensors"), error);
    if (!status)
        printf("test accuracy %.2f %% after %d epochs in %.1f s\n", 100 * wg_confusion_accuracy(r->counts),
               EPOCHS, seconds);
    return status;
}

int main(int count, char **arguments) {
    const char *data = "/usr/share/datasets/fashion-mnist", *out = "out";
    uint64_t seed = 1, files = 0;
    bool resume = false;
    const show_option options[] = {{"--seed", .number = &seed}, {"--data", .text = &data},
                                   {"--out", .text = &out}, {"--write-images", .number = &files},
                                   {"--resume", .flag = &resume}, {0}};
    show_arguments(count, arguments, help, options, 0);
    char checkpoint[4096];
    snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.safetensors", out);
    static run r;
    wg_error error;
    int status = prepare(&r, data, seed, resume ? checkpoint : NULL, &error);
    if (!status) status = show_folder(out, &error);
    show_catch_interrupt();
    bool stopped = false;
    while (!status && !stopped && wg_loader_epoch(r.train_loader) < EPOCHS) {
        status = train(&r, &error);
        if (!status)
            status = wg_checkpoint_save(checkpoint, &error, .model = r.model, .optimizer = r.sgd,
                                        .loader = r.train_loader);
        stopped = show_interrupted();
    }
    show_end(&r.progress);
    if (!status && !stopped) status = finish(&r, out, files, &error);
    if (status) show_error(&error);
    else if (stopped)
        fprintf(stderr, "stopped after step %lld of %lld; the same command with --resume goes on\n",
                (long long)r.progress.step, (long long)r.progress.steps);
    const bool good = wg_confusion_accuracy(r.counts) >= 0.91;
    wg_confusion_free(r.counts);
    wg_tape_free(r.tape);
    wg_optimizer_free(r.sgd);
    wg_model_free(r.model);
    wg_loader_free(r.train_loader);
    wg_loader_free(r.test_loader);
    wg_dataset_free(r.training);
    wg_dataset_free(r.test);
    return status ? 1 : stopped ? 130 : !good; /* 130: ended by Ctrl-C, as shells have it */
}
