/* metrics — how good is a classifier? Predictions are counted against classes, batch after batch.
 *
 *     wg_confusion *counts = wg_confusion_new(10, &error);
 *     while (…) wg_confusion_add(counts, wg_value(logits), b.y, &error);
 *     printf("%.2f %%\n", 100 * wg_confusion_accuracy(counts));
 *     wg_confusion_free(counts);
 */
#ifndef WENGERT_METRICS_H
#define WENGERT_METRICS_H

#include <wengert/base.h>
#include <wengert/tensor.h>

WG_BEGIN_C

/* A confusion matrix: how often class `actual` was taken for class `predicted`. */
typedef struct wg_confusion wg_confusion;

/* All counts 0; NULL on failure: fewer than one class, or no memory. */
WG_API wg_confusion *wg_confusion_new(int classes, wg_error *error) WG_MUST_USE;
WG_API void wg_confusion_free(wg_confusion *confusion); /* NULL is harmless */
WG_API void wg_confusion_clear(wg_confusion *confusion);

/* Counts a batch. `predictions` are scores f32 or f64 [N, C], of which the first largest is the prediction (NaN is
 * larger than any number), or indices [N]; `classes` are the right indices [N]; indices are i32, i64 or u8. A
 * negative right index is passed over. Returns a wg_status; after a failure nothing has been counted. */
WG_API int wg_confusion_add(wg_confusion *confusion, const wg_tensor *predictions, const wg_tensor *classes,
                            wg_error *error);

WG_API int wg_confusion_classes(const wg_confusion *confusion);
WG_API int64_t wg_confusion_count(const wg_confusion *confusion, int actual, int predicted); /* 0: out of range */
WG_API int64_t wg_confusion_total(const wg_confusion *confusion);

/* The share predicted rightly: of all, and of those of one class (its recall). NaN of none. */
WG_API double wg_confusion_accuracy(const wg_confusion *confusion);
WG_API double wg_confusion_recall(const wg_confusion *confusion, int actual);

WG_END_C
#endif
