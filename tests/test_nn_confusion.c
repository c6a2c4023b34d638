/* Counting predictions against classes, by hand-made examples. */
#include "suite.h"
#include <math.h>

static wg_tensor *tensor(wg_dtype dtype, const wg_shape *shape, const void *data) {
    wg_tensor *made = wg_tensor_over(dtype, shape, data, NULL);
    ck_assert_ptr_nonnull(made);
    return made;
}

START_TEST(scores_and_indices_are_counted_alike) {
    static const float scores[] = {1,  3,          2, /* 1 */ 5, 5, 0, /* 0, the first of equals */ -2,
                                   -3, -1 /* 2 */, 0, NAN,       9 /* 1 */};
    static const int32_t guesses[] = {1, 0, 2, 1};
    static const int64_t classes[] = {1, 1, 2, -1};
    wg_tensor *x = tensor(WG_F32, WG_SHAPE(4, 3), scores), *i = tensor(WG_I32, WG_SHAPE(4), guesses);
    wg_tensor *y = tensor(WG_I64, WG_SHAPE(4), classes);
    wg_confusion *counts = wg_confusion_new(3, NULL);
    for (int round = 1; round <= 2; round++) {
        ck_assert_int_eq(wg_confusion_add(counts, round == 1 ? x : i, y, NULL), WG_OK);
        ck_assert_int_eq(wg_confusion_total(counts), 3 * round); /* the negative class is passed over */
        ck_assert_int_eq(wg_confusion_count(counts, 1, 1), round);
        ck_assert_int_eq(wg_confusion_count(counts, 1, 0), round);
        ck_assert_int_eq(wg_confusion_count(counts, 2, 2), round);
    }
    ck_assert_double_eq_tol(wg_confusion_accuracy(counts), 2.0 / 3, 1e-15);
    ck_assert_double_eq(wg_confusion_recall(counts, 1), 0.5);
    ck_assert(isnan(wg_confusion_recall(counts, 0)));
    wg_confusion_clear(counts);
    ck_assert_int_eq(wg_confusion_total(counts), 0);
    ck_assert(isnan(wg_confusion_accuracy(counts)));
    wg_confusion_free(counts);
    wg_tensor_free(x), wg_tensor_free(i), wg_tensor_free(y);
}
END_TEST

START_TEST(what_does_not_fit_is_an_error_and_counts_nothing) {
    static const float scores[6] = {0};
    static const int64_t classes[] = {0, 7};
    wg_tensor *x = tensor(WG_F32, WG_SHAPE(2, 3), scores), *y = tensor(WG_I64, WG_SHAPE(2), classes);
    wg_tensor *few = tensor(WG_I64, WG_SHAPE(1), classes);
    wg_confusion *counts = wg_confusion_new(3, NULL);
    wg_error error;
    ck_assert_int_eq(wg_confusion_add(counts, x, y, &error), WG_ERROR_INDEX);
    ck_assert_message_contains(error.message, "row 1 has class 7, predicted 0; there are 3 classes");
    ck_assert_int_eq(wg_confusion_add(counts, x, few, &error), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message, "f32[2, 3]");
    ck_assert_int_eq(wg_confusion_add(counts, x, x, &error), WG_ERROR_SHAPE);
    ck_assert_int_eq(wg_confusion_add(counts, NULL, y, &error), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_confusion_total(counts), 0);
    ck_assert_ptr_null(wg_confusion_new(0, &error));
    ck_assert_int_eq(error.status, WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_confusion_count(counts, 3, 0), 0);
    wg_confusion_free(counts);
    wg_tensor_free(x), wg_tensor_free(y), wg_tensor_free(few);
}
END_TEST

WG_SUITE("nn/confusion", scores_and_indices_are_counted_alike,
         what_does_not_fit_is_an_error_and_counts_nothing)
