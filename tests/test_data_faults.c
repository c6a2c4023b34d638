/* Loaders when memory or threads run out, and the allocations that they do not make. */
#include "faults.h"
#include "suite.h"

static wg_error error;
static bool wrong; /* a batch; Check's own assertions take memory and have to wait */

enum { LENGTH = 10, BATCH = 4, EPOCHS = 4 };

/* What a program keeps: the loader then takes other memory. */
static wg_tensor *kept[2 * EPOCHS * (LENGTH / BATCH + 1)];
static int kept_count;
static bool keeping;

static int give(void *context, int64_t index, void *x, void *y, wg_error *told) {
    const float number = (float)index;
    (void)context, (void)told;
    memcpy(x, &number, sizeof number);
    memcpy(y, &index, sizeof index);
    return WG_OK;
}

static wg_loader *new_loader(int prefetch) {
    const wg_type x = {.dtype = WG_F32}, y = {.dtype = WG_I64};
    wg_dataset *set = wg_dataset_of_function(LENGTH, &x, &y, give, &error);
    if (!set) return NULL;
    wg_loader *loader = wg_loader_new(set, BATCH, &error, .shuffle = true, .mean = 1, .prefetch = prefetch);
    wg_dataset_free(set);
    return loader;
}

/* The order of an epoch, met with as many errors as there are: each batch is tried again. */
static int epoch_of(wg_loader *loader, int64_t *order) {
    int errors = 0, count = 0;
    for (const int64_t epoch = wg_loader_epoch(loader); wg_loader_epoch(loader) == epoch;) {
        wg_batch b;
        if (!wg_loader_next(loader, &b))
            errors += wg_loader_recover(loader, &error) != WG_OK;
        else {
            for (int i = 0; i < wg_tensor_count(b.y); i++) {
                order[count] = (int64_t)wg_tensor_get(b.y, i);
                wrong |= wg_tensor_get(b.x, i) != (double)order[count++] - 1;
            }
            if (keeping) {
                kept[kept_count++] = wg_tensor_retain(b.x);
                kept[kept_count++] = wg_tensor_retain(b.y);
            }
        }
    }
    wrong |= count != LENGTH;
    return errors;
}

static void let_go(void) {
    while (kept_count) wg_tensor_free(kept[--kept_count]);
}

/* Makes each allocation of making a loader and running some epochs, whose batches are kept, fail in turn. */
static void assert_survives(int prefetch) {
    int64_t expected[EPOCHS][LENGTH], order[EPOCHS][LENGTH];
    wg_loader *loader = new_loader(prefetch);
    for (int e = 0; e < EPOCHS; e++) ck_assert_int_eq(epoch_of(loader, expected[e]), 0);
    wg_loader_free(loader);
    const faults_held before = faults_hold();
    int refused = 0, recovered = 0;
    bool hit = true;
    for (long n = 0; hit; n++) {
        faults_arm(n);
        loader = new_loader(prefetch);
        keeping = true;
        for (int e = 0; loader && e < EPOCHS; e++) {
            recovered += epoch_of(loader, order[e]);
            wrong |= memcmp(order[e], expected[e], sizeof order[e]) != 0;
        }
        keeping = false;
        refused += !loader;
        wg_loader_free(loader);
        let_go();
        hit = faults_disarm();
        ck_assert_msg(faults_same(before, faults_hold()), "leak after %s", faults_describe());
        ck_assert_msg(!wrong, "wrong after %s", faults_describe());
    }
    ck_assert_int_ge(refused, 4);
    ck_assert_int_ge(recovered, 4); /* x and y of a full batch and of a last one */
}

START_TEST(a_loader_survives_every_allocation_that_fails) { assert_survives(0); }
END_TEST
START_TEST(a_loader_with_a_thread_survives_every_allocation_that_fails) { assert_survives(2); }
END_TEST

/* The first call that fails and yet gives a loader is the one for the thread. */
START_TEST(without_a_thread_a_loader_works_all_the_same) {
    int64_t expected[LENGTH], order[LENGTH];
    wg_loader *loader = new_loader(2);
    epoch_of(loader, expected);
    wg_loader_free(loader);
    bool hit = true;
    loader = NULL;
    for (long n = 0; !loader && hit; n++) {
        faults_arm(n);
        loader = new_loader(2);
        hit = faults_disarm();
    }
    ck_assert(hit);
    ck_assert_int_eq(faults_hold().threads, 0);
    ck_assert_int_eq(epoch_of(loader, order), 0);
    ck_assert_mem_eq(order, expected, sizeof order);
    ck_assert(!wrong);
    wg_loader_free(loader);
}
END_TEST

START_TEST(once_under_way_a_loader_allocates_nothing) {
    static const int prefetch[] = {0, 3};
    for (int p = 0; p < 2; p++) {
        int64_t order[LENGTH];
        wg_loader *loader = new_loader(prefetch[p]);
        for (int e = 0; e < 20; e++) epoch_of(loader, order);
        faults_arm(-1);
        for (int e = 0; e < 20; e++) epoch_of(loader, order);
        ck_assert_int_eq(faults_calls(), 0);
        ck_assert(!wrong);
        wg_loader_free(loader);
    }
}
END_TEST

WG_SUITE("data/faults", a_loader_survives_every_allocation_that_fails,
         a_loader_with_a_thread_survives_every_allocation_that_fails,
         without_a_thread_a_loader_works_all_the_same, once_under_way_a_loader_allocates_nothing)
