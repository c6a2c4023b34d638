/* fashion.h — what fashion_cnn and classify share: the network, the names of its classes, its images. */
#ifndef FASHION_H
#define FASHION_H

#include "show.h"

static const char *const fashion_classes[10] = {"T-shirt", "trouser", "pullover", "dress", "coat",
                                                "sandal",  "shirt",   "sneaker",  "bag",   "boot"};

/* Numbers 0 … 1 of the training images: what is subtracted, and what is divided by. */
static const double fashion_mean = 0.2860, fashion_std = 0.3530;

/* x [N, 1, 28, 28] -> logits [N, 10]. relu after pooling: the same numbers, from a quarter of the work. */
static wg_var fashion_model(wg_model *m, wg_var x) {
    x = wg_relu(wg_max_pool2d(wg_conv2d_layer(m, "conv1", x, 32, .kernel = 3, .padding = 1), .kernel = 2));
    x = wg_relu(wg_max_pool2d(wg_conv2d_layer(m, "conv2", x, 64, .kernel = 3, .padding = 1), .kernel = 2));
    x = wg_relu(wg_linear(m, "fc1", wg_flatten(x, 1), 128));
    return wg_linear(m, "fc2", wg_dropout(m, "drop", x, 0.25), 10);
}

/* A part, "train" or "t10k", of the images in a folder; see wg_dataset_of_idx. NULL: an error. */
static inline wg_dataset *fashion_images(const char *folder, const char *part, wg_error *error) {
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

#endif
