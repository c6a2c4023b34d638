/* Micro-batches: the gradients of k batches of 256 samples, accumulated, are those of the one batch of 256 k,
 * bit for bit, and so are the weights after an update. Losses are summed; or they are means, divided by k, a
 * power of two. */
#include "suite.h"
#include <stdio.h>
#include <stdlib.h>

enum { ALIGNED = 256, SIDE = 6, FEATURES = SIDE * SIDE, CLASSES = 10, STEPS = 2 };

typedef struct network {
    const char *name;
    wg_var (*record)(wg_model *model, wg_var x);
} network;

static wg_var dense(wg_model *m, wg_var x) {
    x = wg_tanh(wg_linear(m, "fc1", x, 33));
    return wg_linear(m, "fc2", wg_relu(wg_linear(m, "fc2a", x, 20, .no_bias = true)), CLASSES);
}

static wg_var convolutional(wg_model *m, wg_var x) {
    x = wg_reshape(x, WG_SHAPE(-1, 1, SIDE, SIDE));
    x = wg_relu(wg_conv2d_layer(m, "conv1", x, 6, .kernel = 3, .padding = 1));
    x = wg_max_pool2d(x, .kernel = 2);
    x = wg_tanh(wg_conv2d_layer(m, "conv2", x, 8, .kernel = 2, .groups = 2));
    return wg_linear(m, "fc", wg_flatten(x, 1), CLASSES);
}

static wg_var without_biases(wg_model *m, wg_var x) {
    x = wg_reshape(x, WG_SHAPE(-1, 1, SIDE, SIDE));
    x = wg_relu(wg_conv2d_layer(m, "conv", x, 9, .kernel = 3, .stride = 2, .padding = 1, .no_bias = true));
    x = wg_tanh(wg_linear(m, "fc1", wg_flatten(x, 1), 19, .no_bias = true));
    return wg_linear(m, "fc2", x, CLASSES, .no_bias = true);
}

static const network networks[] = {
    {"dense", dense}, {"convolutional", convolutional}, {"without biases", without_biases}};

/* --- A training -------------------------------------------------------------------------------- */

typedef struct batches {
    wg_dtype dtype;
    int64_t size;
    int count;
    bool mean;
} batches;

/* Knuth's MMIX generator, its upper bits: -1 … 1. */
static double number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)((int64_t)(*state >> 48) - 32768) / 32768;
}

static wg_tensor *pictures(const batches *b, uint64_t seed) {
    const int64_t count = b->size * b->count;
    wg_tensor *x = wg_tensor_new(b->dtype, WG_SHAPE(count, FEATURES), NULL);
    ck_assert_ptr_nonnull(x);
    for (int64_t i = 0; i < count * FEATURES; i++)
        if (b->dtype == WG_F32)
            ((float *)wg_tensor_writable(x))[i] = (float)number(&seed);
        else
            ((double *)wg_tensor_writable(x))[i] = number(&seed);
    return x;
}

static wg_tensor *classes(const batches *b) {
    wg_tensor *y = wg_tensor_new(WG_I64, WG_SHAPE(b->size * b->count), NULL);
    ck_assert_ptr_nonnull(y);
    for (int64_t i = 0; i < b->size * b->count; i++) ((int64_t *)wg_tensor_writable(y))[i] = i * 7 % CLASSES;
    return y;
}

/* Samples begin … end-1 as one batch; `share` is what its loss counts. */
static wg_var accumulate(const network *which, wg_optimizer *optimizer, wg_model *model, wg_var x, wg_var y,
                         const batches *b, double share) {
    const wg_reduction reduction = b->mean ? WG_MEAN : WG_SUM;
    wg_var loss = wg_softmax_cross_entropy(which->record(model, x), y, .reduction = reduction);
    if (b->mean && share != 1) loss = wg_mul(loss, wg_scalar(x.tape, share));
    wg_accumulate(optimizer, loss);
    return loss;
}

/* Weights after a few steps, in one batch a step or in b->count of them. */
static wg_model *train(const network *which, const batches *b, bool in_one) {
    wg_model *model = wg_model_new(.seed = 9);
    wg_optimizer *optimizer = wg_adamw(model, 0.01, .clip_norm = 0.5);
    wg_engine *engine = wg_engine_new(NULL, .threads = 2);
    wg_tape *tape = wg_tape_new(.engine = engine);
    ck_assert(model && optimizer && tape);
    for (int step = 0; step < STEPS; step++) {
        wg_tensor *x = pictures(b, (uint64_t)step + 1), *y = classes(b);
        wg_var all = wg_input(tape, x), labels = wg_input(tape, y), loss = WG_NONE;
        if (in_one) loss = accumulate(which, optimizer, model, all, labels, b, 1);
        for (int64_t i = 0; i < b->count && !in_one; i++)
            loss = accumulate(which, optimizer, model, wg_slice(all, 0, i * b->size, (i + 1) * b->size),
                              wg_slice(labels, 0, i * b->size, (i + 1) * b->size), b, 1.0 / b->count);
        wg_update(optimizer);
        ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
        wg_tape_clear(tape);
        wg_tensor_free(x);
        wg_tensor_free(y);
    }
    wg_tape_free(tape);
    wg_optimizer_free(optimizer);
    wg_engine_free(engine);
    return model;
}

/* How many weights differ. */
static int64_t differing(const wg_model *a, const wg_model *b) {
    int64_t count = 0;
    ck_assert_int_eq(wg_model_count(a), wg_model_count(b));
    ck_assert_int_gt(wg_model_elements(a), 400);
    for (int i = 0; i < wg_model_count(a); i++) {
        const wg_tensor *p = wg_state_tensor(wg_model_parameter(a, i)->state),
                        *q = wg_state_tensor(wg_model_parameter(b, i)->state);
        for (int64_t k = 0; k < wg_tensor_count(p); k++) count += wg_tensor_get(p, k) != wg_tensor_get(q, k);
    }
    return count;
}

static int64_t compare(const network *which, const batches *b) {
    wg_model *one = train(which, b, true), *many = train(which, b, false);
    const int64_t count = differing(one, many);
    printf("%s, %s, %d batches of %lld, %s: %lld of %lld weights differ\n", which->name,
           wg_dtype_name(b->dtype), b->count, (long long)b->size, b->mean ? "mean" : "sum", (long long)count,
           (long long)wg_model_elements(one));
    wg_model_free(one);
    wg_model_free(many);
    return count;
}

/* --- The tests --------------------------------------------------------------------------------- */

static void must_be_the_same(const network *which) {
    static const int sums[] = {2, 3, 5, 16}, means[] = {2, 4};
    for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++) {
        for (int i = 0; i < 4; i++)
            ck_assert_int_eq(compare(which, &(batches){dtype, ALIGNED, sums[i], false}), 0);
        for (int i = 0; i < 2; i++)
            ck_assert_int_eq(compare(which, &(batches){dtype, ALIGNED, means[i], true}), 0);
    }
}

START_TEST(aligned_micro_batches_of_a_dense_network_give_the_bits_of_one_batch) {
    must_be_the_same(&networks[0]);
}
END_TEST

START_TEST(aligned_micro_batches_of_a_convolutional_network_give_the_bits_of_one_batch) {
    must_be_the_same(&networks[1]);
}
END_TEST

START_TEST(without_biases_micro_batches_may_be_any_multiple_of_256) {
    for (wg_dtype dtype = WG_F32; dtype <= WG_F64; dtype++) {
        ck_assert_int_eq(compare(&networks[2], &(batches){dtype, 2 * ALIGNED, 3, false}), 0);
        ck_assert_int_eq(compare(&networks[2], &(batches){dtype, 5 * ALIGNED, 4, true}), 0);
        ck_assert_int_eq(compare(&networks[2], &(batches){dtype, ALIGNED, 33, false}), 0);
    }
}
END_TEST

/* What the others compare can differ. */
START_TEST(micro_batches_that_are_not_aligned_round_otherwise) {
    for (int i = 0; i < 2; i++) ck_assert_int_gt(compare(&networks[i], &(batches){WG_F32, 100, 4, false}), 0);
}
END_TEST

WG_SUITE("optim/micro_batches", aligned_micro_batches_of_a_dense_network_give_the_bits_of_one_batch,
         aligned_micro_batches_of_a_convolutional_network_give_the_bits_of_one_batch,
         without_biases_micro_batches_may_be_any_multiple_of_256,
         micro_batches_that_are_not_aligned_round_otherwise)
