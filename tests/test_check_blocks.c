/* Blocks that models are built of, each checked whole: the gradient for its input and all of its parameters
 * against differences, in f64. */
#include "suite.h"
#include <math.h>
#include <stdio.h>

static wg_var affine(wg_var x, wg_var weight, wg_var bias) {
    return wg_add(wg_matmul(x, weight, .transpose_b = true), bias);
}

enum { EMBEDDING = 4, HEADS = 2, MLP = 5 };

/* Before attention and before the perceptron x is normalized, and both are added to it: Xiong et al. 2020
 * (arXiv:2002.04745), with rotary places (Su et al. 2021) and one head of keys for two of queries. */
static wg_var transformer(wg_tape *tape, const wg_var *p, void *context) {
    (void)tape, (void)context;
    wg_var x = p[0], normal = wg_layer_norm(x, p[1], p[2], -1);
    wg_var q = wg_rotary_embedding(affine(normal, p[3], p[4]), WG_NONE, .heads = HEADS);
    wg_var k = wg_rotary_embedding(affine(normal, p[5], p[6]), WG_NONE, .heads = 1),
           v = affine(normal, p[7], p[8]);
    wg_var seen = wg_multi_head_attention(q, k, v, WG_NONE, HEADS, .kv_heads = 1, .is_causal = true);
    x = wg_add(x, affine(seen, p[9], p[10]));
    return wg_add(x, affine(wg_gelu(affine(wg_layer_norm(x, p[11], p[12], -1), p[13], p[14])), p[15], p[16]));
}

/* He et al. 2016 (arXiv:1512.03385), figure 5, with a projection where the image gets smaller; batches have
 * statistics of their own, as in training. */
static wg_var resnet(wg_tape *tape, const wg_var *p, void *context) {
    (void)tape, (void)context;
    const wg_var x = p[0];
    wg_var y = wg_conv2d(x, p[1], WG_NONE, .stride = 2, .padding = 1);
    y = wg_relu(wg_batch_norm(y, p[2], p[3], WG_NONE, WG_NONE));
    y = wg_batch_norm(wg_conv2d(y, p[4], WG_NONE, .padding = 1), p[5], p[6], WG_NONE, WG_NONE);
    const wg_var shorter =
        wg_batch_norm(wg_conv2d(x, p[7], WG_NONE, .stride = 2), p[8], p[9], WG_NONE, WG_NONE);
    return wg_relu(wg_add(y, shorter));
}

/* Ronneberger, Fischer & Brox 2015 (arXiv:1505.04597), one step down and up: what was there before the
 * pooling is put beside what a transposed convolution makes larger again. */
static wg_var unet(wg_tape *tape, const wg_var *p, void *context) {
    (void)tape, (void)context;
    const wg_var left = wg_relu(wg_conv2d(p[0], p[1], p[2], .padding = 1));
    const wg_var down = wg_max_pool2d(left, .kernel = 2);
    const wg_var low = wg_relu(wg_conv2d(down, p[3], p[4], .padding = 1));
    const wg_var up = wg_conv_transpose2d(low, p[5], p[6], .stride = 2);
    return wg_conv2d(wg_concat(1, left, up), p[7], p[8], .padding = 1);
}

#define S(...)                     \
    {                              \
        { __VA_ARGS__, INT64_MIN } \
    }
#define MAX_INPUTS 18
static const struct {
    const char *name;
    wg_function *function;
    int count;
    int64_t elements; /* Jacobian entries at least */
    wg_shape shapes[MAX_INPUTS];
} blocks[] = {
    {"transformer block",
     transformer,
     17,
     20000,
     {S(2, 3, EMBEDDING), S(EMBEDDING), S(EMBEDDING), S(EMBEDDING, EMBEDDING), S(EMBEDDING),
      S(EMBEDDING / HEADS, EMBEDDING), S(EMBEDDING / HEADS), S(EMBEDDING / HEADS, EMBEDDING),
      S(EMBEDDING / HEADS), S(EMBEDDING, EMBEDDING), S(EMBEDDING), S(EMBEDDING), S(EMBEDDING),
      S(MLP, EMBEDDING), S(MLP), S(EMBEDDING, MLP), S(EMBEDDING)}},
    {"resnet block",
     resnet,
     10,
     20000,
     {S(2, 2, 4, 4), S(2, 2, 3, 3), S(2), S(2), S(2, 2, 3, 3), S(2), S(2), S(2, 2, 1, 1), S(2), S(2)}},
    {"unet block",
     unet,
     9,
     20000,
     {S(1, 1, 4, 4), S(2, 1, 3, 3), S(2), S(2, 2, 3, 3), S(2), S(2, 2, 2, 2), S(2), S(2, 4, 3, 3), S(2)}},
};
enum { BLOCKS = sizeof blocks / sizeof *blocks };

/* Numbers between -0.9 and 0.9 that follow no simple rule. */
static wg_tensor *numbers(const wg_shape *shape, int seed) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, shape, NULL);
    ck_assert_ptr_nonnull(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++)
        ((double *)wg_tensor_writable(tensor))[i] =
            0.9 * sin(1.7 * (double)(i * i) + 2.3 * (double)i + seed + 0.3);
    return tensor;
}

START_TEST(each_block_has_the_gradients_of_its_function) {
    for (int b = 0; b < BLOCKS; b++) {
        wg_tensor *inputs[MAX_INPUTS];
        wg_gradcheck_report report;
        for (int i = 0; i < blocks[b].count; i++) inputs[i] = numbers(&blocks[b].shapes[i], i);
        const int status =
            wg_gradcheck(blocks[b].function, NULL, inputs, blocks[b].count, &report, .name = blocks[b].name);
        wg_gradcheck_print(stdout, &report);
        ck_assert_int_eq(status, WG_OK);
        ck_assert_int_ge(report.elements, blocks[b].elements);
        ck_assert_int_eq(report.kinks, 0);
        for (int i = 0; i < blocks[b].count; i++) wg_tensor_free(inputs[i]);
    }
}
END_TEST

WG_SUITE("check/blocks", each_block_has_the_gradients_of_its_function)
