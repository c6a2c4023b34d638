/* Losses where they are hard: far out, at certainty, of nothing. */
#include "array_suite.h"
#include <math.h>

static wg_var empty(void) { return wg_full(tape, WG_F64, WG_SHAPE(0, 3), 0); }

START_TEST(bce_takes_no_logarithm_below_minus_100) {
    wg_var x = F64(0, 1, 0, 1), t = F64(1, 0, 0, 1);
    wg_var loss = wg_bce_loss(x, t, WG_NONE, .reduction = WG_NO_REDUCTION);
    assert_values(loss, 0, 100, 100, 0, 0);
    assert_values(wg_grad(wg_sum(loss, WG_ALL_AXES), x), 0, 0, 0, 1, -1);
}
END_TEST

START_TEST(kl_div_of_a_probability_of_zero_is_zero) {
    assert_values(wg_kl_div(F64(-1, -2), F64(0, 1), .reduction = WG_NO_REDUCTION), 0, 0, 2);
    wg_var x = F64(-INFINITY, -2, -INFINITY, NAN), t = F64(0, 1, 1, 0);
    wg_var loss = wg_kl_div(x, t, .reduction = WG_NO_REDUCTION); /* of 0, whatever x says, but for NaN */
    assert_values(loss, 0, 0, 2, INFINITY, NAN);
    assert_values(wg_grad(wg_sum(loss, WG_ALL_AXES), x), 0, 0, -1, -1, 0);
}
END_TEST

START_TEST(the_focal_loss_of_what_is_certain_is_zero) {
    wg_var x = F64(1e4, -1e4), loss = wg_sigmoid_focal_loss(x, F64(1, 0), 0.25, 1.5, .reduction = WG_SUM);
    assert_values(loss, 0, 0);
    assert_values(wg_grad(loss, x), 0, 0, 0);
}
END_TEST

START_TEST(
    a_triplet_takes_any_norm_and_swaps_to_the_nearer) { /* d(a, p), d(a, n), d(p, n) are 7, 9, 2 at p = 1 */
    wg_var a = F64(0, 0), p = F64(3, 4), n = F64(4, 5);
    assert_values(wg_triplet_margin_loss(a, p, n, .margin = 3, .p = 1, .epsilon = WG_ZERO), 1e-14, 1);
    assert_values(wg_triplet_margin_loss(a, p, n, .margin = 3, .p = 1, .epsilon = WG_ZERO, .swap = true),
                  1e-14, 8);
    assert_values(wg_triplet_margin_loss(a, p, n, .p = INFINITY, .epsilon = WG_ZERO, .margin = 3), 1e-14, 2);
    assert_values(wg_triplet_margin_loss(a, a, a, .p = 2, .epsilon = WG_ZERO), 0, 1);
}
END_TEST

START_TEST(margins_count_what_is_not_far_enough_apart) {
    wg_var a = F64(1, 1, 3), b = F64(2, 2, 2), t = F64(1, -1, 1);
    assert_values(wg_margin_ranking_loss(a, b, t, 0.5, .reduction = WG_NO_REDUCTION), 0, 1.5, 0, 0);
    assert_values(
        wg_hinge_embedding_loss(F64(0.25, 0.25, 3), F64(1, -1, -1), 1, .reduction = WG_NO_REDUCTION), 0, 0.25,
        0.75, 0);
}
END_TEST

START_TEST(a_weight_must_broadcast_to_x) {
    wg_bce_loss(F64(0.5, 0.5), F64(0, 1), F64(1, 2, 3));
    assert_error(tape, WG_ERROR_SHAPE, "bce_loss: x is [2], the weight is [3]; it must broadcast to x");
    wg_bce_with_logits(F64(0.5, 0.5), F64(0, 1), WG_NONE, F64(1, 2, 3));
    assert_error(tape, WG_ERROR_SHAPE, "bce_with_logits: x is [2], the weight of positives is [3]");
}
END_TEST

START_TEST(a_zero_vector_has_cosine_zero_and_a_finite_gradient) {
    wg_var a = F64(0, 0), b = F64(3, 4), y = wg_cosine_similarity(a, b, 0, .epsilon = 0.5);
    assert_values(y, 0, 0);
    assert_values(wg_grad(y, a), 1e-15, 1.2, 1.6);
    assert_values(wg_grad(y, b), 0, 0, 0);
    assert_values(wg_cosine_similarity(a, a, 0), 0, 0);
}
END_TEST

START_TEST(a_cosine_does_not_overflow) {
    assert_values(wg_cosine_similarity(F64(3e200, 4e200), F64(4e200, 3e200), 0), 1e-15, 0.96);
}
END_TEST

/* Cosines are 1, 1 and 0.6; the last target is neither sign. */
START_TEST(cosine_embedding_goes_by_the_sign_of_the_target) {
    wg_var a = wg_array(tape, WG_F64, WG_SHAPE(4, 2), (const double[]){1, 0, 1, 0, 0, 2, 1, 1});
    wg_var b = wg_array(tape, WG_F64, WG_SHAPE(4, 2), (const double[]){2, 0, 2, 0, 4, 3, 1, 2});
    wg_var t = F64(1, -1, -1, 0), loss = wg_cosine_embedding_loss(a, b, t, 0.5, .reduction = WG_NO_REDUCTION);
    assert_values(loss, 1e-15, 0, 0.5, 0.1, 0);
    assert_values(wg_cosine_embedding_loss(a, b, t, 0.5), 1e-15, 0.15);
    wg_var none = wg_full(tape, WG_F64, WG_SHAPE(0), 0);
    assert_values(wg_cosine_embedding_loss(empty(), empty(), none, 0.5, .reduction = WG_SUM), 0, 0);
    assert_values(wg_cosine_embedding_loss(empty(), empty(), none, 0.5), 0, NAN);
}
END_TEST

static wg_var labels(int64_t count, const int64_t *of) { return wg_array(tape, WG_I64, WG_SHAPE(count), of); }

START_TEST(nll_loss_counts_what_is_not_ignored) {
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(3, 2), (const double[]){0.5, 9, 9, 3, NAN, 7}), w = F64(1, 2);
    wg_var t = labels(3, (const int64_t[]){0, 1, -1});
    assert_values(wg_nll_loss(x, t, w, .reduction = WG_NO_REDUCTION), 0, -0.5, -6, 0);
    assert_values(wg_nll_loss(x, t, w), 1e-15, -6.5 / 3);
    assert_values(wg_grad(wg_nll_loss(x, t, w), x), 1e-15, -1. / 3, 0, 0, -2. / 3, 0, 0);
    assert_values(wg_nll_loss(x, t, WG_NONE, .ignore_index = 1), 0, -0.5);
}
END_TEST

START_TEST(nll_loss_refuses_a_class_that_is_not_there) {
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(1, 2), (const double[]){1, 2});
    ck_assert_int_eq(wg_eval(wg_nll_loss(x, labels(1, (const int64_t[]){2}), WG_NONE)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "nll_loss: element_index: index 2 at place 0 is out of range");
    wg_nll_loss(x, labels(2, (const int64_t[]){0, 1}), WG_NONE);
    assert_error(tape, WG_ERROR_SHAPE, "nll_loss: x is [1, 2], targets are [2]");
}
END_TEST

static wg_var logits_of_images(void) { /* [2, 3, 2] */
    return wg_array(tape, WG_F64, WG_SHAPE(2, 3, 2),
                    (const double[]){0.5, -1, 2, 0.25, 1, -2, 3, 0, 1, -1, 0.5, 0.75});
}

/* The numbers are those of PyTorch 1.13. */
START_TEST(cross_entropy_of_classes_is_weighted_and_smoothed) {
    wg_var x = logits_of_images(), w = F64(1, 2, 0.5);
    wg_var t = wg_reshape(labels(4, (const int64_t[]){0, 2, -1, 1}), WG_SHAPE(2, 2));
    wg_var loss = wg_softmax_cross_entropy(x, t, .weight = w, .label_smoothing = 0.25);
    assert_values(loss, 1e-15, 1.974197856037734);
    assert_values(wg_grad(loss, x), 1e-15, -0.19635583834342604, 0.015397448380505057, 0.13944396405111978,
                  0.08922673164782188, 0.056911874292306264, -0.10462418002832695, 0, 0.1230835805592166, 0,
                  -0.42215152304336556, 0, 0.2990679424841489);
    loss = wg_softmax_cross_entropy(x, t, .weight = w, .label_smoothing = 0.25, .reduction = WG_NO_REDUCTION);
    assert_values(loss, 1e-14, 1.7753841501124425, 1.2621150729381494, 0, 3.8721932730814763);
}
END_TEST

START_TEST(cross_entropy_of_probabilities_is_weighted_and_smoothed) {
    wg_var x = logits_of_images(), w = F64(1, 2, 0.5);
    wg_var p = wg_array(tape, WG_F64, WG_SHAPE(2, 3, 2),
                        (const double[]){.2, .3, .3, .3, .5, .4, .1, 1, .6, 0, .3, 0});
    wg_var loss = wg_softmax_cross_entropy(x, p, .weight = w, .label_smoothing = 0.25);
    assert_values(loss, 1e-15, 1.6230407543450773);
    assert_values(wg_grad(loss, x), 1e-15, -0.020496567458315715, -0.019620614717322276, 0.015405953412340084,
                  0.04639792857133894, 0.005090614045975625, -0.02677731385401669, 0.24363165150307986,
                  -0.13360573663411945, -0.22833768647697772, -0.014175920152874935, -0.015293965026102165,
                  0.1477816567869944);
}
END_TEST

START_TEST(a_class_of_weight_zero_costs_nothing_however_unlikely) {
    wg_var x = F64(0, -INFINITY), t = labels(1, (const int64_t[]){1});
    x = wg_reshape(x, WG_SHAPE(1, 2));
    wg_var loss = wg_softmax_cross_entropy(x, t, .weight = F64(1, 0), .reduction = WG_SUM);
    assert_values(loss, 0, 0);
    wg_softmax_cross_entropy(x, t, .weight = F64(1, 0, 2));
    assert_error(tape, WG_ERROR_SHAPE, "softmax_cross_entropy: logits are f64[1, 2], the weight is f64[3]");
}
END_TEST

static wg_var targets_of_two(void) {
    return wg_array(tape, WG_I64, WG_SHAPE(2, 2), (const int64_t[]){1, 1, 2, 9});
}

/* Two sequences, of 4 and 3 steps; the targets of the first are alike. The numbers are those of PyTorch 1.13.
 */
START_TEST(ctc_is_what_pytorch_makes_of_it) {
    wg_var z = wg_array(tape, WG_F64, WG_SHAPE(4, 2, 3),
                        (const double[]){.5, -1, 2,  0,   1,  -.5, 1, .25, -.75, 2, 0, 1,
                                         -1, .5, .5, .75, -2, 0,   0, .1,  -.3,  1, 1, 2});
    wg_var x = wg_log_softmax(z, 2), of_x = labels(2, (const int64_t[]){4, 3});
    wg_var t = targets_of_two(), of_t = labels(2, (const int64_t[]){2, 1}),
           loss = wg_ctc_loss(x, t, of_x, of_t);
    assert_values(loss, 1e-15, 1.9392949500503454);
    assert_values(wg_grad(loss, z), 1e-15, 0.00017763281855056806, -0.19657689146586943, 0.19639925864731886,
                  -0.14451589274466656, 0.31426585960588116, -0.1697499668612146, -0.04474613618960569,
                  0.018355019536365643, 0.026391116653240048, 0.055849585328882796, 0.04501528658519023,
                  -0.10086487191407303, -0.04890800388781683, -0.06354605052675166, 0.11245405441456849,
                  0.018251904105805416, 0.02080586267395064, -0.03905776677975605, 0.004239208469288008,
                  -0.06931484514276268, 0.06507563667347467, 0, 0, 0);
    wg_var each = wg_ctc_loss(x, t, of_x, of_t, .reduction = WG_NO_REDUCTION);
    assert_values(each, 1e-14, 4.489198632943504, 1.6339905836289386);
    assert_values(wg_ctc_loss(x, t, of_x, of_t, .reduction = WG_SUM), 1e-14, 6.123189216572443);
}
END_TEST

/* Too few steps for equal targets: no alignment. No step, no target: one, of nothing. */
START_TEST(ctc_without_an_alignment_is_infinite_and_has_gradient_zero) {
    wg_var x = wg_full(tape, WG_F64, WG_SHAPE(2, 2, 3), -1), t = targets_of_two();
    wg_var of_x = labels(2, (const int64_t[]){2, 0}), of_t = labels(2, (const int64_t[]){2, 0});
    wg_var loss = wg_ctc_loss(x, t, of_x, of_t, .reduction = WG_NO_REDUCTION);
    assert_values(loss, 0, INFINITY, 0);
    assert_values(wg_grad(wg_sum(loss, WG_ALL_AXES), x), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    assert_values(wg_ctc_loss(x, t, of_x, of_t, .zero_infinity = true), 0, 0);
}
END_TEST

START_TEST(ctc_of_blanks_alone_and_of_no_batch) {
    wg_var x = wg_array(tape, WG_F64, WG_SHAPE(2, 1, 2), (const double[]){-1, -2, -3, -4});
    wg_var none = wg_full(tape, WG_I64, WG_SHAPE(1, 0), 0), of_x = labels(1, (const int64_t[]){2});
    wg_var loss = wg_ctc_loss(x, none, of_x, labels(1, (const int64_t[]){0}));
    assert_values(loss, 1e-15, 4);
    assert_values(wg_grad(loss, x), 1e-15, -1, 0, -1, 0);
    wg_var nobody = wg_full(tape, WG_I64, WG_SHAPE(0), 0),
           nothing = wg_full(tape, WG_F64, WG_SHAPE(2, 0, 3), 0);
    wg_var no_targets = wg_full(tape, WG_I64, WG_SHAPE(0, 2), 0);
    assert_values(wg_ctc_loss(nothing, no_targets, nobody, nobody), 0, NAN);
    assert_values(wg_ctc_loss(nothing, no_targets, nobody, nobody, .reduction = WG_SUM), 0, 0);
}
END_TEST

START_TEST(ctc_refuses_blanks_as_targets_and_lengths_that_are_too_long) {
    wg_var x = wg_full(tape, WG_F64, WG_SHAPE(4, 2, 3), -1), t = targets_of_two();
    wg_var of_x = labels(2, (const int64_t[]){4, 4}), of_t = labels(2, (const int64_t[]){2, 1});
    ck_assert_int_eq(wg_eval(wg_ctc_loss(x, t, of_x, of_t, .blank = 1)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX,
                 "target 0 of entry 0 is 1; it must be one of 3 classes, not the blank, 1");
    ck_assert_int_eq(wg_eval(wg_ctc_loss(x, t, labels(2, (const int64_t[]){4, 5}), of_t)), WG_ERROR_INDEX);
    assert_error(tape, WG_ERROR_INDEX, "entry 1 has 5 steps of 4 and 1 targets of 2");
    wg_ctc_loss(x, t, of_x, of_t, .blank = 3);
    assert_error(tape, WG_ERROR_ATTRIBUTE, "blank is 3; x has 3 classes");
}
END_TEST

WG_TAPE_SUITE("ops/losses", bce_takes_no_logarithm_below_minus_100, kl_div_of_a_probability_of_zero_is_zero,
              the_focal_loss_of_what_is_certain_is_zero, a_triplet_takes_any_norm_and_swaps_to_the_nearer,
              margins_count_what_is_not_far_enough_apart, a_weight_must_broadcast_to_x,
              a_zero_vector_has_cosine_zero_and_a_finite_gradient, a_cosine_does_not_overflow,
              cosine_embedding_goes_by_the_sign_of_the_target, nll_loss_counts_what_is_not_ignored,
              nll_loss_refuses_a_class_that_is_not_there, cross_entropy_of_classes_is_weighted_and_smoothed,
              cross_entropy_of_probabilities_is_weighted_and_smoothed,
              a_class_of_weight_zero_costs_nothing_however_unlikely, ctc_is_what_pytorch_makes_of_it,
              ctc_without_an_alignment_is_infinite_and_has_gradient_zero, ctc_of_blanks_alone_and_of_no_batch,
              ctc_refuses_blanks_as_targets_and_lengths_that_are_too_long)
