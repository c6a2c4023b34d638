/* The layers of attention: PyTorch's numbers, weights that are dropped, and what does not fit. */
#include "model_suite.h"
#include <math.h>
#include <stdlib.h>

enum { E = 6, HEADS = 3, L = 4, S = 5, N = 2 };

/* sin(1.7 i + seed) */
static wg_tensor *numbers(const wg_shape *shape, wg_dtype dtype, int seed) {
    wg_tensor *tensor = wg_tensor_new(dtype, shape, NULL);
    ck_assert_ptr_nonnull(tensor);
    for (int64_t i = 0; i < wg_tensor_count(tensor); i++)
        ((double *)wg_tensor_writable(tensor))[i] = sin(1.7 * (double)i + seed);
    return tensor;
}

static wg_var input(const wg_shape *shape, int seed) {
    wg_tensor *tensor = numbers(shape, WG_F64, seed);
    const wg_var x = wg_input(tape, tensor);
    wg_tensor_free(tensor);
    return x;
}

static void set(const char *path, const wg_shape *shape, int seed) {
    const wg_parameter_info *info = wg_model_find(model, path);
    wg_tensor *tensor = numbers(shape, WG_F64, seed);
    ck_assert_msg(info != NULL, "%s", path);
    ck_assert_int_eq(wg_state_set(info->state, tensor, NULL), WG_OK);
    wg_tensor_free(tensor);
}

/* sum_i y[i] cos(i) */
static double digest(wg_var y) {
    ck_assert_msg(wg_eval(y) == WG_OK, "%s", wg_tape_message(tape));
    const wg_tensor *value = wg_value(y);
    double sum = 0;
    for (int64_t i = 0; i < wg_tensor_count(value); i++) sum += wg_tensor_get(value, i) * cos((double)i);
    return sum;
}

static double apart(wg_var a, wg_var b) { return value_of(wg_max(wg_abs(wg_sub(a, b)), WG_ALL_AXES)); }

/* Of oneself, and of five others that have numbers of their own; recorded anew each time. */
static wg_var attend(bool cross, wg_var *q) {
    *q = input(WG_SHAPE(N, L, E), 0);
    if (!cross) return wg_multihead_attention_layer(model, "own", *q, HEADS, .is_causal = true);
    return wg_multihead_attention_layer(model, "cross", *q, HEADS, .key = input(WG_SHAPE(N, S, 4), 1),
                                        .value = input(WG_SHAPE(N, S, 3), 2));
}

/* By torch.nn.MultiheadAttention (1.13) of f64 with the same parameters: the output, and the gradient of its
 * sum for the query. */
START_TEST(attention_is_that_of_pytorch_of_oneself_and_of_others) {
    const double expected[2][2] = {{-0.275323679723577, -8.33560214934291},
                                   {0.660726233604802, -0.0397851899418757}};
    const char *const parts[] = {"q_proj", "k_proj", "v_proj", "out_proj"};
    for (int cross = 0; cross < 2; cross++) {
        const int64_t columns[] = {E, cross ? 4 : E, cross ? 3 : E, E};
        wg_var q;
        attend(cross, &q); /* which makes the parameters */
        for (int i = 0; i < 4; i++) {
            char path[64];
            snprintf(path, sizeof path, "%s.%s.weight", cross ? "cross" : "own", parts[i]);
            set(path, WG_SHAPE(E, columns[i]), 3 + i);
            snprintf(path, sizeof path, "%s.%s.bias", cross ? "cross" : "own", parts[i]);
            set(path, WG_SHAPE(E), 7 + i);
        }
        wg_tape_clear(tape);
        const wg_var y = attend(cross, &q);
        ck_assert_double_eq_tol(digest(y), expected[cross][0], 1e-12);
        ck_assert_double_eq_tol(digest(wg_grad(wg_sum(y, WG_ALL_AXES), q)), expected[cross][1], 1e-12);
    }
}
END_TEST

/* A probability so small that nothing is dropped: weights written out are those of the kernel. */
START_TEST(weights_written_out_give_what_the_kernel_gives) {
    wg_var q = input(WG_SHAPE(N, L, 4 * E), 1), k = input(WG_SHAPE(N, S, 2 * E), 2);
    wg_var v = input(WG_SHAPE(N, S, 2 * 3), 3), added = input(WG_SHAPE(L, S), 4);
    wg_var seen = wg_greater(added, wg_add(wg_mul(wg_slice(added, 1, 0, 1), wg_scalar(tape, 0)),
                                           wg_array(tape, WG_F64, WG_SHAPE(L, 1), (double[]){2, 0, 0, -2})));
    const wg_var masks[] = {WG_NONE, added, seen}; /* query 0 sees nothing of the last */
    for (int i = 0; i < 6; i++) {
        const wg_draw draw = wg_model_draw(model, tape,
                                           i == 0   ? "a"
                                           : i == 1 ? "b"
                                           : i == 2 ? "c"
                                           : i == 3 ? "d"
                                           : i == 4 ? "e"
                                                    : "f");
        wg_var a = wg_multi_head_attention(q, k, v, masks[i % 3], 4, .kv_heads = 2, .is_causal = i > 2);
        wg_var b = wg_multi_head_attention(q, k, v, masks[i % 3], 4, .kv_heads = 2, .is_causal = i > 2,
                                           .draw = draw, .dropout = 1e-300);
        ck_assert_double_lt(apart(a, b), 1e-14);
    }
}
END_TEST

START_TEST(weights_are_dropped_in_training_mode_alone) {
    wg_var x = input(WG_SHAPE(N, L, E), 1);
    wg_model_train(model, false);
    wg_var whole = wg_multihead_attention_layer(model, "own", x, HEADS, .dropout = 0.5);
    wg_model_train(model, true);
    wg_var dropped = wg_multihead_attention_layer(model, "own", x, HEADS, .dropout = 0.5);
    ck_assert_double_eq(apart(whole, wg_multihead_attention_layer(model, "own", x, HEADS)), 0);
    ck_assert_double_gt(apart(whole, dropped), 1e-3);
    wg_grad(wg_sum(dropped, WG_ALL_AXES), x);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
}
END_TEST

START_TEST(a_table_starts_normal_and_projections_within_glorots_bounds) {
    const wg_var words = wg_array(tape, WG_I64, WG_SHAPE(2, 2), (const int64_t[]){0, 1, 2, 299});
    const wg_var x = wg_embedding_layer(model, "table", words, 300, 64);
    wg_multihead_attention_layer(model, "own", x, 4, .kv_heads = 2, .no_bias = true);
    ck_assert_msg(wg_tape_status(tape) == WG_OK, "%s", wg_tape_message(tape));
    ck_assert_int_eq(wg_model_count(model), 5);
    const wg_tensor *table = wg_state_tensor(wg_model_find(model, "table.weight")->state);
    const wg_tensor *keys = wg_state_tensor(wg_model_find(model, "own.k_proj.weight")->state);
    double squares = 0, most = 0;
    ck_assert_int_eq(wg_tensor_count(table), 300 * 64);
    for (int i = 0; i < 300 * 64; i++) squares += pow(wg_tensor_get(table, i), 2);
    ck_assert_double_lt(fabs(squares / (300 * 64) - 1), 0.05);
    ck_assert_int_eq(wg_tensor_count(keys), 32 * 64);
    for (int i = 0; i < 32 * 64; i++) most = fmax(most, fabs(wg_tensor_get(keys, i)));
    ck_assert(most <= 0.25 && most > 0.245); /* sqrt(6 / (32 + 64)) */
}
END_TEST

START_TEST(layers_say_what_does_not_fit) {
    wg_var x = input(WG_SHAPE(N, L, E), 1);
    wg_multihead_attention_layer(model, "own", x, 4);
    assert_error(tape, WG_ERROR_ATTRIBUTE,
                 "multihead_attention_layer \"own\": 6 numbers, 4 heads, 4 of keys");
    wg_multihead_attention_layer(model, "own", wg_sum(x, WG_AXES(0, 1)), 2);
    assert_error(tape, WG_ERROR_SHAPE, "multihead_attention_layer \"own\": x is f64[6]; it must have 2 axes");
    wg_embedding_layer(model, "table", wg_array(tape, WG_I64, WG_SHAPE(1), (const int64_t[]){0}), 0, 3);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "embedding_layer \"table\": 0 rows of 3 numbers");
    wg_embedding_layer(model, "table", x, 2, 3);
    assert_error(tape, WG_ERROR_DTYPE, "embedding: the indices are f64");
    wg_multi_head_attention(x, x, x, WG_NONE, 5);
    assert_error(tape, WG_ERROR_SHAPE, "multi_head_attention: q has rows of 6 numbers, which 5 heads do not");
    wg_multi_head_attention(x, input(WG_SHAPE(N, L, 4), 1), x, WG_NONE, 2);
    assert_error(tape, WG_ERROR_SHAPE, "scaled_dot_product_attention: ");
    wg_multi_head_attention(x, WG_NONE, x, WG_NONE, 2);
    assert_error(tape, WG_ERROR_TAPE, "scaled_dot_product_attention: input 1 is no var");
    wg_multi_head_attention(x, x, x, WG_NONE, 2, .dropout = 7);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "multi_head_attention: dropout is 7; it must be from 0 to 1");
}
END_TEST

WG_MODEL_SUITE("nn/attention", attention_is_that_of_pytorch_of_oneself_and_of_others,
               weights_written_out_give_what_the_kernel_gives, weights_are_dropped_in_training_mode_alone,
               a_table_starts_normal_and_projections_within_glorots_bounds, layers_say_what_does_not_fit)
