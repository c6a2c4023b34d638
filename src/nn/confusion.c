/* confusion — counts predictions against classes. */
#include "base/base.h"
#include <math.h>
#include <stdlib.h>
#include <wengert/metrics.h>

struct wg_confusion {
    int classes;
    int64_t count[]; /* [actual][predicted] */
};

enum { MOST_CLASSES = 1 << 15 };

wg_confusion *wg_confusion_new(int classes, wg_error *error) {
    if (classes < 1 || classes > MOST_CLASSES) {
        wg_error_set(error, WG_ERROR_ATTRIBUTE, "a confusion matrix of %d classes; expected 1 to %d", classes,
                     MOST_CLASSES);
        return NULL;
    }
    const size_t cells = (size_t)classes * (size_t)classes;
    wg_confusion *confusion = calloc(1, sizeof *confusion + cells * sizeof *confusion->count);
    if (confusion)
        confusion->classes = classes;
    else
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a confusion matrix of %d classes", classes);
    return confusion;
}

void wg_confusion_free(wg_confusion *confusion) { free(confusion); }

void wg_confusion_clear(wg_confusion *confusion) {
    if (!confusion) return;
    const size_t cells = (size_t)confusion->classes * (size_t)confusion->classes;
    memset(confusion->count, 0, cells * sizeof *confusion->count);
}

/* --- Counting --------------------------------------------------------------------------------- */

static bool is_index(wg_dtype dtype) { return dtype == WG_I32 || dtype == WG_I64 || dtype == WG_U8; }

static int check_types(const wg_confusion *confusion, const wg_type *predictions, const wg_type *classes,
                       wg_error *error) {
    char have[WG_TEXT_SIZE], want[WG_TEXT_SIZE];
    wg_type_text(have, predictions, true);
    wg_type_text(want, classes, true);
    if (!is_index(classes->dtype) || classes->rank != 1)
        return wg_error_set(error, WG_ERROR_SHAPE,
                            "wg_confusion_add: the classes are %s; expected indices [N]", want);
    const bool scores = wg_dtype_real(predictions->dtype) && predictions->rank == 2 &&
                        predictions->extent[1] == confusion->classes;
    const bool indices = is_index(predictions->dtype) && predictions->rank == 1;
    if ((!scores && !indices) || predictions->extent[0] != classes->extent[0])
        return wg_error_set(
            error, WG_ERROR_SHAPE,
            "wg_confusion_add: the predictions are %s, the classes %s; expected scores [N, %d] or "
            "indices [N], one for each class",
            have, want, confusion->classes);
    return WG_OK;
}

static int64_t index_at(const wg_tensor *tensor, int64_t n) { return (int64_t)wg_tensor_get(tensor, n); }

/* The first largest score of a row; a NaN is larger than any number. */
static int64_t predicted_at(const wg_tensor *predictions, int64_t n, int64_t classes) {
    if (wg_tensor_type(predictions).rank == 1) return index_at(predictions, n);
    int64_t best = 0;
    double most = wg_tensor_get(predictions, n * classes);
    for (int64_t c = 1; c < classes && !isnan(most); c++) {
        const double score = wg_tensor_get(predictions, n * classes + c);
        if (isnan(score) || score > most) most = score, best = c;
    }
    return best;
}

int wg_confusion_add(wg_confusion *confusion, const wg_tensor *predictions, const wg_tensor *classes,
                     wg_error *error) {
    if (!confusion || !predictions || !classes)
        return wg_error_set(error, WG_ERROR_TAPE, "wg_confusion_add: the %s NULL",
                            !confusion     ? "confusion matrix is"
                            : !predictions ? "predictions are"
                                           : "classes are");
    const wg_type type = wg_tensor_type(predictions), class_type = wg_tensor_type(classes);
    const int status = check_types(confusion, &type, &class_type, error);
    if (status) return status;
    for (int counting = 0; counting < 2; counting++) /* looked at whole before anything is counted */
        for (int64_t n = 0; n < class_type.extent[0]; n++) {
            const int64_t actual = index_at(classes, n);
            if (actual < 0) continue;
            const int64_t predicted = predicted_at(predictions, n, confusion->classes);
            if (counting)
                confusion->count[actual * confusion->classes + predicted]++;
            else if (actual >= confusion->classes || predicted < 0 || predicted >= confusion->classes)
                return wg_error_set(
                    error, WG_ERROR_INDEX,
                    "wg_confusion_add: row %lld has class %lld, predicted %lld; there are %d classes",
                    (long long)n, (long long)actual, (long long)predicted, confusion->classes);
        }
    return WG_OK;
}

/* --- What was counted ------------------------------------------------------------------------- */

int wg_confusion_classes(const wg_confusion *confusion) { return confusion ? confusion->classes : 0; }

int64_t wg_confusion_count(const wg_confusion *confusion, int actual, int predicted) {
    if (!confusion || actual < 0 || predicted < 0 || actual >= confusion->classes ||
        predicted >= confusion->classes)
        return 0;
    return confusion->count[actual * confusion->classes + predicted];
}

static int64_t row_total(const wg_confusion *confusion, int actual) {
    int64_t total = 0;
    for (int c = 0; c < wg_confusion_classes(confusion); c++)
        total += wg_confusion_count(confusion, actual, c);
    return total;
}

int64_t wg_confusion_total(const wg_confusion *confusion) {
    int64_t total = 0;
    for (int c = 0; c < wg_confusion_classes(confusion); c++) total += row_total(confusion, c);
    return total;
}

double wg_confusion_accuracy(const wg_confusion *confusion) {
    int64_t right = 0;
    for (int c = 0; c < wg_confusion_classes(confusion); c++) right += wg_confusion_count(confusion, c, c);
    return (double)right / (double)wg_confusion_total(confusion);
}

double wg_confusion_recall(const wg_confusion *confusion, int actual) {
    return (double)wg_confusion_count(confusion, actual, actual) / (double)row_total(confusion, actual);
}
