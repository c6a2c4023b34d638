/* The loader: whose memory a batch is, what its thread does, and what it says when something fails. */
#include "loader_suite.h"
#include <pthread.h>
#include <unistd.h>

/* --- Memory ------------------------------------------------------------------------------------- */

START_TEST(a_batch_that_is_kept_is_never_refilled) {
    enum { KEPT = 60 }; /* far more than the loader keeps itself */
    static const int prefetch[] = {0, 3};
    for (int p = 0; p < 2; p++) {
        wg_loader *loader = LOADER(100, 3, .shuffle = true, .prefetch = prefetch[p]);
        wg_batch kept[KEPT];
        int order[KEPT][3], rows[KEPT], count = 0;
        for (wg_batch b; count < KEPT;) {
            if (!wg_loader_next(loader, &b)) continue;
            rows[count] = rows_of(&b, order[count]);
            kept[count++] = (wg_batch){wg_tensor_retain(b.x), wg_tensor_retain(b.y)};
        }
        for (int i = 0; i < KEPT; i++) {
            int now[3];
            ck_assert_int_eq(rows_of(&kept[i], now), rows[i]);
            ck_assert_mem_eq(now, order[i], (size_t)rows[i] * sizeof *now);
        }
        wg_loader_free(loader);
        for (int i = 0; i < KEPT; i++) { /* they outlive the loader */
            ck_assert_int_eq(wg_tensor_owners(kept[i].x), 1);
            wg_tensor_free(kept[i].x);
            wg_tensor_free(kept[i].y);
        }
    }
}
END_TEST

START_TEST(a_batch_of_which_only_one_half_is_kept_is_not_refilled) {
    wg_loader *loader = LOADER(20, 2, .seed = 0);
    wg_batch b;
    ck_assert(wg_loader_next(loader, &b));
    wg_tensor *y = wg_tensor_retain(b.y);
    for (int i = 0; i < 9; i++) ck_assert(wg_loader_next(loader, &b) && b.y != y);
    ck_assert_double_eq(wg_tensor_get(y, 1), 1);
    wg_tensor_free(y);
    wg_loader_free(loader);
}
END_TEST

START_TEST(a_batch_is_good_until_the_next_call) {
    wg_loader *loader = LOADER(40, 2, .prefetch = 4);
    int order[2], again[2];
    for (wg_batch b; wg_loader_next(loader, &b);) {
        rows_of(&b, order);
        usleep(1000); /* the thread has time to do harm */
        rows_of(&b, again);
        ck_assert_mem_eq(order, again, sizeof order);
    }
    wg_loader_free(loader);
}
END_TEST

START_TEST(memory_is_used_again) {
    enum { MOST = 64 };
    static const int prefetch[] = {0, 3};
    for (int p = 0; p < 2; p++) {
        wg_loader *loader = LOADER(100, 8, .prefetch = prefetch[p]);
        const wg_tensor *seen[MOST];
        int count = 0, given = 0;
        for (int epoch = 0; epoch < 20; epoch++)
            for (wg_batch b; wg_loader_next(loader, &b); given++) {
                int i = 0;
                while (i < count && seen[i] != b.x) i++;
                ck_assert_int_lt(i, MOST);
                if (i == count) seen[count++] = b.x;
            }
        ck_assert_int_eq(given, 20 * 13);
        ck_assert_int_le(count, 2 * (prefetch[p] + 2)); /* full ones and last ones */
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(the_loader_holds_its_data_set) {
    wg_dataset *set = numbered(4);
    wg_loader *loader = wg_loader_new(set, 2, &error);
    wg_dataset_free(set);
    int order[4];
    ck_assert_int_eq(epoch_of(loader, order), 4);
    wg_loader_free(loader);
}
END_TEST

/* --- The thread --------------------------------------------------------------------------------- */

START_TEST(batches_are_prepared_ahead_and_no_further) {
    wg_loader *loader = LOADER(1000, 10, .prefetch = 3);
    for (int tries = 0; atomic_load(&calls) < 30 && tries < 10000; tries++) usleep(1000);
    usleep(20000);
    ck_assert_int_eq(atomic_load(&calls), 30);
    wg_batch b;
    ck_assert(wg_loader_next(loader, &b));
    for (int tries = 0; atomic_load(&calls) < 40 && tries < 10000; tries++) usleep(1000);
    usleep(20000);
    ck_assert_int_eq(atomic_load(&calls), 40);
    wg_loader_free(loader);
}
END_TEST

START_TEST(the_next_epoch_is_prepared_before_this_one_ends) {
    wg_loader *loader = LOADER(10, 10, .prefetch = 2);
    for (int tries = 0; atomic_load(&calls) < 20 && tries < 10000; tries++) usleep(1000);
    ck_assert_int_eq(atomic_load(&calls), 20);
    wg_loader_free(loader);
}
END_TEST

START_TEST(a_loader_can_be_freed_at_any_time) {
    for (int used = 0; used < 40; used++) {
        wg_loader *loader = LOADER(100, 7, .shuffle = true, .prefetch = 1 + used % 4);
        wg_batch b;
        for (int i = 0; i < used; i++) wg_loader_next(loader, &b);
        wg_loader_free(loader);
    }
    wg_loader_free(NULL);
}
END_TEST

static void *run_epochs(void *context) {
    wg_loader *loader = wg_loader_new((wg_dataset *)context, 5, &error, .shuffle = true, .prefetch = 2);
    long sum = 0;
    for (int epoch = 0; epoch < 10; epoch++)
        for (wg_batch b; wg_loader_next(loader, &b);)
            for (int i = 0; i < wg_tensor_count(b.y); i++) sum += (long)wg_tensor_get(b.y, i);
    wg_loader_free(loader);
    return (void *)(intptr_t)sum;
}

START_TEST(several_threads_may_load_from_one_data_set) {
    wg_dataset *set = numbered(101);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) ck_assert_int_eq(pthread_create(&threads[i], NULL, run_epochs, set), 0);
    for (int i = 0; i < 3; i++) {
        void *sum;
        ck_assert_int_eq(pthread_join(threads[i], &sum), 0);
        ck_assert_int_eq((intptr_t)sum, 10 * 5050);
    }
    wg_dataset_free(set);
}
END_TEST

/* --- Errors ------------------------------------------------------------------------------------- */

START_TEST(an_error_comes_after_the_batches_before_it) {
    static const int prefetch[] = {0, 1, 4};
    for (int p = 0; p < 3; p++) {
        atomic_store(&broken, 6);
        wg_loader *loader = LOADER(10, 2, .prefetch = prefetch[p]);
        int count = 0;
        for (wg_batch b; wg_loader_next(loader, &b); count++)
            ck_assert_int_eq(wg_loader_status(loader, NULL), WG_OK);
        ck_assert_int_eq(count, 3);
        ck_assert_int_eq(wg_loader_status(loader, &error), WG_ERROR_FILE);
        ck_assert_int_eq(error.status, WG_ERROR_FILE);
        ck_assert_str_eq(error.message, "sample 6: cannot be had");
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(an_error_stays_until_it_is_recovered) {
    static const int prefetch[] = {0, 2};
    for (int p = 0; p < 2; p++) {
        atomic_store(&broken, 3);
        wg_loader *loader = LOADER(6, 2, .prefetch = prefetch[p]);
        int order[2];
        wg_batch b;
        ck_assert(wg_loader_next(loader, &b));
        for (int i = 0; i < 3; i++) ck_assert(!wg_loader_next(loader, &b));
        atomic_store(&broken, 0);
        ck_assert(!wg_loader_next(loader, &b));
        ck_assert_int_eq(wg_loader_recover(loader, &error), WG_ERROR_FILE);
        ck_assert_int_eq(wg_loader_status(loader, &error), WG_OK);
        ck_assert_int_eq(wg_loader_recover(loader, &error), WG_OK);
        for (int batch = 1; batch < 3; batch++) {
            ck_assert(wg_loader_next(loader, &b));
            rows_of(&b, order);
            ck_assert_int_eq(order[0], 2 * batch);
        }
        ck_assert(!wg_loader_next(loader, &b));
        ck_assert_int_eq(wg_loader_epoch(loader), 1);
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(a_loader_that_failed_gives_nothing) {
    wg_batch b = {.x = (wg_tensor *)&error};
    ck_assert(!wg_loader_next(NULL, &b));
    ck_assert_ptr_null(b.x);
    ck_assert_int_eq(wg_loader_status(NULL, &error), WG_ERROR_MEMORY);
    ck_assert_int_eq(wg_loader_batches(NULL) + wg_loader_position(NULL) + wg_loader_epoch(NULL), 0);
}
END_TEST

#define assert_no_loader(status_, part, set, batch_size, ...)                                       \
    do {                                                                                            \
        ck_assert_ptr_null(                                                                         \
            (wg_loader_new)(set, batch_size, &error, WG_OPTIONS_(wg_loader_options, __VA_ARGS__))); \
        ck_assert_str_eq(wg_status_name(error.status), wg_status_name(status_));                    \
        ck_assert_message_contains(error.message, part);                                            \
    } while (0)

START_TEST(options_out_of_range_are_errors) {
    const double two[] = {1, -2};
    wg_dataset *set = numbered(10), *empty = numbered(0);
    assert_no_loader(WG_ERROR_NAME, "without a data set", NULL, 1, .seed = 0);
    assert_no_loader(WG_ERROR_ATTRIBUTE, "batches of 0; expected at least 1", set, 0, .seed = 0);
    assert_no_loader(WG_ERROR_ATTRIBUTE, "prefetch -1; expected 0 to", set, 1, .prefetch = -1);
    assert_no_loader(WG_ERROR_SHAPE, "without a batch: 0 samples in batches of 4", empty, 4, .seed = 0);
    assert_no_loader(WG_ERROR_SHAPE, "10 samples in batches of 11, the last one dropped", set, 11,
                     .drop_last = true);
    assert_no_loader(WG_ERROR_ATTRIBUTE, "std -1; expected finite numbers, std above 0", set, 1, .std = -1);
    assert_no_loader(WG_ERROR_ATTRIBUTE, "std -2; expected", set, 1, .channel_std = two);
    assert_no_loader(WG_ERROR_ATTRIBUTE, "both mean and channel_mean", set, 1, .mean = 1,
                     .channel_mean = two);
    wg_dataset_free(set);
    wg_dataset_free(empty);
}
END_TEST

START_TEST(only_real_numbers_are_normalised) {
    const uint8_t bytes[] = {1, 2};
    const float scalars[] = {1, 2};
    wg_tensor *x = wg_tensor_over(WG_U8, WG_SHAPE(2), bytes, &error);
    wg_dataset *set = wg_dataset_of_tensors(x, NULL, &error);
    assert_no_loader(WG_ERROR_DTYPE, "normalises x of u8; expected f32 or f64", set, 1, .mean = 1);
    wg_tensor_free(x);
    wg_dataset_free(set);
    x = wg_tensor_over(WG_F32, WG_SHAPE(2), scalars, &error);
    set = wg_dataset_of_tensors(x, NULL, &error);
    const double one[] = {1};
    assert_no_loader(WG_ERROR_SHAPE, "for scalars; expected mean and std", set, 1, .channel_mean = one);
    wg_tensor_free(x);
    wg_dataset_free(set);
}
END_TEST

WG_SUITE("data/loader_memory", a_batch_that_is_kept_is_never_refilled,
         a_batch_of_which_only_one_half_is_kept_is_not_refilled, a_batch_is_good_until_the_next_call,
         memory_is_used_again, the_loader_holds_its_data_set, batches_are_prepared_ahead_and_no_further,
         the_next_epoch_is_prepared_before_this_one_ends, a_loader_can_be_freed_at_any_time,
         several_threads_may_load_from_one_data_set, an_error_comes_after_the_batches_before_it,
         an_error_stays_until_it_is_recovered, a_loader_that_failed_gives_nothing,
         options_out_of_range_are_errors, only_real_numbers_are_normalised)
