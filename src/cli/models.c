/* models — see models.h. */
#include "cli/models.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reference_model {
    const char *name;
    int (*load)(reference_step *step, wg_error *error);
    void (*record)(reference_step *step);
    wg_var (*logits)(wg_model *weights, wg_var x); /* of a classifier */
};

/* --- Networks ---------------------------------------------------------------------------------------- */

enum { BATCH = 64, SIDE = 28, CLASSES = 10, LINKS = 500 };

static wg_var mlp_logits(wg_model *m, wg_var x) {
    return wg_linear(m, "fc2", wg_relu(wg_linear(m, "fc1", wg_flatten(x, 1), 256)), CLASSES);
}

static wg_var lenet5_logits(wg_model *m, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(m, "conv1", x, 6, .kernel = 5, .padding = 2)), .kernel = 2);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(m, "conv2", x, 16, .kernel = 5)), .kernel = 2);
    x = wg_relu(wg_linear(m, "fc1", wg_flatten(x, 1), 120));
    return wg_linear(m, "fc3", wg_relu(wg_linear(m, "fc2", x, 84)), CLASSES);
}

static wg_var cnn_logits(wg_model *m, wg_var x) {
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(m, "conv1", x, 32, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_max_pool2d(wg_relu(wg_conv2d_layer(m, "conv2", x, 64, .kernel = 3, .padding = 1)), .kernel = 2);
    x = wg_relu(wg_linear(m, "fc1", wg_flatten(x, 1), 128));
    return wg_linear(m, "fc2", x, CLASSES);
}

/* --- Steps of a classifier ----------------------------------------------------------------------------- */

/* Numbers 0 … 2^32-1 that look random: Knuth's MMIX generator, its high half. */
static uint32_t draw(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Even between -sqrt 3 and sqrt 3: mean 0, variance 1. */
static void fill(wg_tensor *tensor, uint64_t *state) {
    const int64_t count = wg_tensor_count(tensor);
    const bool is_f32 = wg_tensor_type(tensor).dtype == WG_F32;
    float *narrow = wg_tensor_writable(tensor);
    double *wide = wg_tensor_writable(tensor);
    for (int64_t i = 0; i < count; i++) {
        const double value = sqrt(3) * ((double)draw(state) / 2147483648.0 - 1);
        if (is_f32)
            narrow[i] = (float)value;
        else
            wide[i] = value;
    }
}

/* The weights come to be when a layer is first recorded. */
static int make_weights(reference_step *step, wg_error *error) {
    wg_tape *tape = wg_tape_new(.engine = wg_tape_engine(step->tape));
    step->model->logits(step->weights, wg_input(tape, step->x));
    const int status = wg_tape_recover(tape, error);
    wg_tape_free(tape);
    return status;
}

static int load_classifier(reference_step *step, wg_error *error) {
    uint64_t state = 1;
    step->x = wg_tensor_new(step->dtype, WG_SHAPE(BATCH, 1, SIDE, SIDE), error);
    step->y = step->x ? wg_tensor_new(WG_I64, WG_SHAPE(BATCH), error) : NULL;
    if (!step->y) return error->status;
    fill(step->x, &state);
    int64_t *labels = wg_tensor_writable(step->y);
    for (int i = 0; i < BATCH; i++) labels[i] = draw(&state) % CLASSES;
    step->weights = wg_model_new(.seed = 1);
    step->optimizer = wg_sgd(step->weights, 1e-3, .momentum = 0.9);
    return make_weights(step, error);
}

static void record_classifier(reference_step *step) {
    wg_var logits = step->model->logits(step->weights, wg_input(step->tape, step->x));
    step->loss = wg_softmax_cross_entropy(logits, wg_input(step->tape, step->y));
    wg_minimize(step->optimizer, step->loss);
}

/* --- The chain ----------------------------------------------------------------------------------------- */

static wg_tensor *number(wg_dtype dtype, double value, wg_error *error) {
    wg_tensor *tensor = wg_tensor_new(dtype, WG_SCALAR_SHAPE, error);
    if (tensor && dtype == WG_F32)
        *(float *)wg_tensor_writable(tensor) = (float)value;
    else if (tensor)
        *(double *)wg_tensor_writable(tensor) = value;
    return tensor;
}

static int load_chain(reference_step *step, wg_error *error) {
    step->x = number(step->dtype, 1.0, error);
    step->y = step->x ? number(step->dtype, 1.0001, error) : NULL;
    return step->y ? WG_OK : error->status;
}

static void record_chain(reference_step *step) {
    wg_var x = wg_input(step->tape, step->x), c = wg_input(step->tape, step->y), y = x;
    for (int i = 0; i < LINKS; i++) y = wg_add(wg_mul(y, c), c);
    step->loss = y;
    step->gradient = wg_grad(y, x);
}

/* --- The list ------------------------------------------------------------------------------------------ */

static const reference_model models[] = {
    {"mlp", load_classifier, record_classifier, mlp_logits},
    {"lenet5", load_classifier, record_classifier, lenet5_logits},
    {"cnn", load_classifier, record_classifier, cnn_logits},
    {"chain", load_chain, record_chain, NULL},
};
enum { MODELS = sizeof models / sizeof *models };

const reference_model *reference_at(int index) {
    return index >= 0 && index < MODELS ? &models[index] : NULL;
}

const reference_model *reference_find(const char *name) {
    for (int i = 0; i < MODELS; i++)
        if (strcmp(models[i].name, name) == 0) return &models[i];
    return NULL;
}

const char *reference_name(const reference_model *model) { return model->name; }

/* --- Steps of any model -------------------------------------------------------------------------------- */

int reference_open(reference_step *step, const reference_model *model, wg_dtype dtype, wg_engine *engine,
                   wg_error *error) {
    *step = (reference_step){.model = model, .dtype = dtype, .tape = wg_tape_new(.engine = engine)};
    if (!step->tape) return wg_tape_recover(NULL, error);
    return model->load(step, error);
}

void reference_close(reference_step *step) {
    wg_tape_free(step->tape);
    wg_optimizer_free(step->optimizer);
    wg_model_free(step->weights);
    wg_tensor_free(step->x);
    wg_tensor_free(step->y);
    *step = (reference_step){.tape = NULL};
}

void reference_record(reference_step *step) {
    wg_tape_clear(step->tape);
    step->gradient = WG_NONE;
    step->model->record(step);
}

int reference_prepare(reference_step *step) {
    return step->gradient.tape ? wg_prepare(step->loss, step->gradient) : wg_prepare(step->loss);
}

int reference_evaluate(reference_step *step) {
    return step->gradient.tape ? wg_eval(step->loss, step->gradient) : wg_eval(step->loss);
}

int reference_export(const reference_step *step, const char *path, wg_error *error) {
    const int weights = step->weights ? wg_model_count(step->weights) : 0;
    wg_named_tensor *tensors = calloc((size_t)weights + 2, sizeof *tensors);
    if (!tensors) {
        snprintf(error->message, sizeof error->message, "%s: no memory to write it from", path);
        return error->status = WG_ERROR_MEMORY;
    }
    for (int i = 0; i < weights; i++) {
        const wg_parameter_info *parameter = wg_model_parameter(step->weights, i);
        tensors[i] = (wg_named_tensor){parameter->path, wg_state_tensor(parameter->state)};
    }
    tensors[weights] = (wg_named_tensor){"batch.x", step->x};
    tensors[weights + 1] = (wg_named_tensor){"batch.y", step->y};
    const int status = wg_safetensors_write(path, tensors, weights + 2, error);
    free(tensors);
    return status;
}
