/* loader_suite.h — a data set whose samples say which they are, and its loader. */
#ifndef WG_TESTS_LOADER_SUITE_H
#define WG_TESTS_LOADER_SUITE_H

#include "suite.h"
#include <stdatomic.h>

static wg_error error;

/* Sample i: x = {i, -i}, y = i. */
static atomic_int calls;
static atomic_int broken; /* the sample that fails; 0: none */
static inline int give(void *context, int64_t index, void *x, void *y, wg_error *told) {
    const float pair[] = {(float)index, -(float)index};
    (void)context;
    atomic_fetch_add(&calls, 1);
    if (index > 0 && index == atomic_load(&broken)) {
        snprintf(told->message, sizeof told->message, "cannot be had");
        return WG_ERROR_FILE;
    }
    memcpy(x, pair, sizeof pair);
    if (y) memcpy(y, &index, sizeof index);
    return WG_OK;
}

static inline wg_dataset *numbered(int64_t length) {
    const wg_type x = {.dtype = WG_F32, .rank = 1, .extent = {2}}, y = {.dtype = WG_I64};
    wg_dataset *set = wg_dataset_of_function(length, &x, &y, give, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    return set;
}

/* A loader that is the data set's only owner. */
#define LOADER(length, batch_size, ...) \
    loader_of(length, batch_size, WG_OPTIONS_(wg_loader_options, __VA_ARGS__))
static inline wg_loader *loader_of(int64_t length, int64_t batch_size, const wg_loader_options *options) {
    wg_dataset *set = numbered(length);
    wg_loader *loader = (wg_loader_new)(set, batch_size, &error, options);
    ck_assert_msg(loader != NULL, "%s", error.message);
    wg_dataset_free(set);
    return loader;
}

/* The rows of a batch, each checked against its label. Returns how many. */
static inline int rows_of(const wg_batch *batch, int *order) {
    const wg_type x = wg_tensor_type(batch->x), y = wg_tensor_type(batch->y);
    ck_assert(x.dtype == WG_F32 && x.rank == 2 && x.extent[1] == 2);
    ck_assert(y.dtype == WG_I64 && y.rank == 1 && y.extent[0] == x.extent[0]);
    for (int i = 0; i < x.extent[0]; i++) {
        order[i] = (int)wg_tensor_get(batch->y, i);
        ck_assert_double_eq(wg_tensor_get(batch->x, 2 * i), order[i]);
        ck_assert_double_eq(wg_tensor_get(batch->x, 2 * i + 1), -order[i]);
    }
    return (int)x.extent[0];
}

/* Runs one epoch; returns the number of samples. */
static inline int epoch_of(wg_loader *loader, int *order) {
    int count = 0;
    for (wg_batch b; wg_loader_next(loader, &b);) count += rows_of(&b, order + count);
    ck_assert_msg(wg_loader_status(loader, &error) == WG_OK, "%s", error.message);
    return count;
}

#endif
