/* fashion.h — the network that fashion_cnn trains and classify loads, and the names of its classes. */
#ifndef FASHION_H
#define FASHION_H

#include <wengert.h>

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

#endif
