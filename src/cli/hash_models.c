/* hash_models — the two small networks that `wengert hash` trains, and the data that it trains them on.
 *
 * Small, and still they meet what could tell machines apart: sums longer than a block, groups, windows that
 * overlap the border, a last batch that is not full, random zeros, clipping, roots and powers in the update.
 */
#include "cli/hash.h"
#include <pthread.h>

enum { CLASSES = 10 };

static wg_var keep(hash_network *network, wg_var x) {
    if (network->hidden_count < HASH_HIDDEN) network->hidden[network->hidden_count++] = x;
    return x;
}

/* Between the two, layers that may be computed twice. */
static void begin_layers(const hash_network *network, wg_var x) {
    if (network->recompute) wg_recompute_begin(x.tape);
}
static void end_layers(const hash_network *network, wg_var x) {
    if (network->recompute) wg_recompute_end(x.tape);
}

static wg_var record_mlp(wg_model *m, wg_var x, hash_network *network) {
    static const char *const names[] = {"fc1", "fc2", "fc3", "fc4", "fc5", "fc6", "fc7", "fc8"};
    begin_layers(network, x);
    for (int i = 0; i < 6; i++) x = wg_tanh(wg_linear(m, names[i], x, 56));
    end_layers(network, x);
    x = keep(network, wg_sigmoid(wg_linear(m, names[6], keep(network, x), 40)));
    x = keep(network, wg_relu(wg_linear(m, names[7], x, 24)));
    return wg_linear(m, "fc9", x, CLASSES);
}

static wg_optimizer *mlp_optimizer(wg_model *model) {
    return wg_sgd(model, 0.05, .momentum = 0.9, .weight_decay = 1e-4, .clip_value = 0.05);
}

static wg_var record_cnn(wg_model *m, wg_var x, hash_network *network) {
    begin_layers(network, x);
    x = wg_relu(wg_conv2d_layer(m, "conv1", x, 8, .kernel = 3, .padding = 1));
    x = keep(network, wg_max_pool2d(x, .kernel = 3, .stride = 2, .padding = 1));
    x = wg_relu(wg_conv2d_layer(m, "conv2", x, 16, .kernel = 3, .padding = 1, .groups = 2));
    x = keep(network, wg_max_pool2d(x, .kernel = 2));
    x = wg_tanh(wg_dropout(m, "drop1", wg_flatten(x, 1), 0.25));
    end_layers(network, x);
    x = keep(network, wg_relu(wg_linear(m, "fc1", x, 32)));
    return wg_linear(m, "fc2", wg_dropout(m, "drop2", x, 0.5), CLASSES);
}

static wg_optimizer *cnn_optimizer(wg_model *model) {
    wg_optimizer *optimizer = wg_adamw(model, 3e-3, .clip_norm = 1.0);
    wg_set_schedule(optimizer, WG_COSINE, .warm_up = 3, .steps = 40);
    return optimizer;
}

const hash_model hash_models[HASH_MODELS] = {
    {"mlp", {300}, 360, 96, record_mlp, mlp_optimizer},
    {"cnn", {3, 20, 20}, 88, 24, record_cnn, cnn_optimizer},
};

void hash_record(const hash_model *which, wg_model *model, hash_network *network) {
    wg_var logits = which->record(model, network->x, network);
    network->loss = wg_softmax_cross_entropy(keep(network, logits), network->y);
}

/* --- Data ------------------------------------------------------------------------------------------- */

typedef struct source {
    wg_dtype dtype;
    int64_t elements; /* of a sample */
    pthread_t caller;
    atomic_int *elsewhere;
} source;

/* Knuth's MMIX generator, its upper bits: -1 … 1 in steps of 2^-15, which every type holds exactly. */
static double number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)((int64_t)(*state >> 48) - 32768) / 32768;
}

/* A pattern of the sample's class under noise, so that there is something to learn. */
static int get_sample(void *context, int64_t index, void *x, void *y, wg_error *error) {
    (void)error;
    const source *from = context;
    uint64_t noise = (uint64_t)index * 2654435761u + 1, pattern = (uint64_t)(index % CLASSES);
    for (int64_t i = 0; i < from->elements; i++) {
        const double value = number(&pattern) / 2 + number(&noise) / 2;
        if (from->dtype == WG_F32)
            ((float *)x)[i] = (float)value;
        else
            ((double *)x)[i] = value;
    }
    *(int64_t *)y = index % CLASSES;
    if (!pthread_equal(pthread_self(), from->caller)) atomic_fetch_add(from->elsewhere, 1);
    return WG_OK;
}

wg_dataset *hash_data(const hash_model *which, wg_dtype dtype, atomic_int *elsewhere, wg_error *error) {
    wg_type x = {.dtype = dtype};
    const wg_type y = {.dtype = WG_I64};
    source *from = malloc(sizeof *from);
    if (!from) return NULL;
    *from = (source){.dtype = dtype, .elements = 1, .caller = pthread_self(), .elsewhere = elsewhere};
    for (int i = 0; i < 3 && which->features[i]; i++)
        from->elements *= x.extent[x.rank++] = which->features[i];
    wg_dataset *data =
        wg_dataset_of_function(which->samples, &x, &y, get_sample, error, .context = from, .release = free);
    if (!data) free(from);
    return data;
}
