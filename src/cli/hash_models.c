/* hash_models — the small networks that `wengert hash` trains, and the data that it trains them on.
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

/* Attention and a perceptron, what goes into each normalized and what comes out added. */
static wg_var record_transformer_block(wg_model *m, wg_var x, const char *scope, bool is_causal) {
    wg_scope(x.tape, scope);
    wg_var y = wg_multihead_attention_layer(m, "attention", wg_layer_norm_layer(m, "norm1", x, -1), 4,
                                            .kv_heads = 2, .is_causal = is_causal, .dropout = 0.1);
    x = wg_add(x, wg_dropout(m, "drop1", y, 0.1));
    y = wg_gelu(wg_linear(m, "fc1", wg_layer_norm_layer(m, "norm2", x, -1), 48));
    x = wg_add(x, wg_dropout(m, "drop2", wg_linear(m, "fc2", y, 24), 0.1));
    wg_scope_end(x.tape);
    return x;
}

static wg_var record_transformer(wg_model *m, wg_var x, hash_network *network) {
    begin_layers(network, x);
    x = record_transformer_block(m, wg_linear(m, "in", x, 24), "block1", true);
    end_layers(network, x);
    x = keep(network, record_transformer_block(m, keep(network, x), "block2", false));
    x = keep(network, wg_rms_norm_layer(m, "norm", wg_mean(x, WG_AXES(1)), -1));
    return wg_linear(m, "out", x, CLASSES);
}

static wg_optimizer *transformer_optimizer(wg_model *model) {
    return wg_adamw(model, 2e-3, .clip_norm = 1.0);
}

static wg_var convolve(wg_model *m, const char *scope, wg_var x, int64_t channels, int kernel, int stride) {
    wg_scope(x.tape, scope);
    x = wg_conv2d_layer(m, "conv", x, channels, .kernel = kernel, .stride = stride, .padding = kernel / 2,
                        .no_bias = true);
    x = wg_batch_norm_layer(m, "norm", x);
    wg_scope_end(x.tape);
    return x;
}

/* Two blocks, the second of which makes the image smaller. */
static wg_var record_resnet(wg_model *m, wg_var x, hash_network *network) {
    x = wg_relu(convolve(m, "stem", x, 8, 3, 1));
    wg_var y = keep(network, wg_relu(convolve(m, "block1a", x, 8, 3, 1)));
    x = keep(network, wg_relu(wg_add(x, convolve(m, "block1b", y, 8, 3, 1))));
    y = wg_relu(convolve(m, "block2a", x, 16, 3, 2));
    y = convolve(m, "block2b", y, 16, 3, 1);
    x = keep(network, wg_relu(wg_add(y, convolve(m, "block2c", x, 16, 1, 2))));
    begin_layers(network, x);
    x = wg_tanh(wg_linear(m, "fc1", wg_tanh(wg_flatten(x, 1)), 32));
    end_layers(network, x);
    return wg_linear(m, "fc2", x, CLASSES);
}

static wg_optimizer *resnet_optimizer(wg_model *model) {
    return wg_sgd(model, 0.02, .momentum = 0.9, .nesterov = true);
}

const hash_model hash_models[HASH_MODELS] = {
    {"mlp", {300}, 360, 96, record_mlp, mlp_optimizer},
    {"cnn", {3, 20, 20}, 88, 24, record_cnn, cnn_optimizer},
    {"transformer", {8, 20}, 40, 12, record_transformer, transformer_optimizer},
    {"resnet", {3, 10, 10}, 40, 12, record_resnet, resnet_optimizer},
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
