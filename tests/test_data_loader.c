/* The loader: which samples come in which batch, and what is made of their numbers, with and without a thread
 * that prepares ahead. */
#include "loader_suite.h"

/* --- Order -------------------------------------------------------------------------------------- */

START_TEST(without_shuffle_samples_come_in_order) {
    static const int prefetch[] = {0, 1, 3};
    for (int p = 0; p < 3; p++) {
        wg_loader *loader = LOADER(10, 4, .prefetch = prefetch[p]);
        for (int epoch = 0; epoch < 3; epoch++) {
            int order[10];
            ck_assert_int_eq(epoch_of(loader, order), 10);
            for (int i = 0; i < 10; i++) ck_assert_int_eq(order[i], i);
        }
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(the_last_batch_has_what_is_left) {
    wg_loader *loader = LOADER(10, 4, .seed = 0);
    static const int64_t expected[] = {4, 4, 2};
    int count = 0;
    for (wg_batch b; wg_loader_next(loader, &b); count++)
        ck_assert_int_eq(wg_tensor_type(b.x).extent[0], expected[count]);
    ck_assert_int_eq(count, 3);
    ck_assert_int_eq(wg_loader_batches(loader), 3);
    wg_loader_free(loader);
}
END_TEST

START_TEST(a_last_batch_that_is_not_full_can_be_dropped) {
    wg_loader *loader = LOADER(10, 4, .drop_last = true);
    int order[10];
    ck_assert_int_eq(wg_loader_batches(loader), 2);
    ck_assert_int_eq(epoch_of(loader, order), 8);
    wg_loader_free(loader);
    loader = LOADER(8, 4, .drop_last = true);
    ck_assert_int_eq(wg_loader_batches(loader), 2);
    wg_loader_free(loader);
}
END_TEST

START_TEST(a_batch_may_be_larger_than_the_data_set) {
    wg_loader *loader = LOADER(3, INT64_MAX, .seed = 0);
    int order[3];
    ck_assert_int_eq(wg_loader_batches(loader), 1);
    ck_assert_int_eq(epoch_of(loader, order), 3);
    wg_loader_free(loader);
}
END_TEST

START_TEST(a_shuffled_epoch_has_every_sample_once) {
    enum { LENGTH = 1000 };
    wg_loader *loader = LOADER(LENGTH, 64, .shuffle = true, .seed = 7);
    for (int epoch = 0; epoch < 3; epoch++) {
        int order[LENGTH], seen[LENGTH] = {0}, moved = 0;
        ck_assert_int_eq(epoch_of(loader, order), LENGTH);
        for (int i = 0; i < LENGTH; i++) {
            seen[order[i]]++;
            moved += order[i] != i;
        }
        for (int i = 0; i < LENGTH; i++) ck_assert_int_eq(seen[i], 1);
        ck_assert_int_gt(moved, LENGTH - 20);
    }
    wg_loader_free(loader);
}
END_TEST

START_TEST(the_order_is_the_same_on_every_machine) {
    static const int first[] = {0, 2, 4, 8, 9, 3, 1, 6, 7, 5}, second[] = {6, 2, 3, 9, 4, 7, 8, 5, 0, 1};
    wg_loader *loader = LOADER(10, 3, .shuffle = true, .seed = 1);
    int order[10];
    epoch_of(loader, order);
    ck_assert_mem_eq(order, first, sizeof first);
    epoch_of(loader, order);
    ck_assert_mem_eq(order, second, sizeof second);
    wg_loader_free(loader);
}
END_TEST

START_TEST(another_seed_gives_another_order) {
    wg_loader *one = LOADER(50, 3, .shuffle = true, .seed = 1),
              *two = LOADER(50, 3, .shuffle = true, .seed = 2);
    int order_one[50], order_two[50];
    epoch_of(one, order_one);
    epoch_of(two, order_two);
    ck_assert_mem_ne(order_one, order_two, sizeof order_one);
    wg_loader_free(one);
    wg_loader_free(two);
}
END_TEST

START_TEST(the_order_does_not_depend_on_batch_size_or_prefetch) {
    enum { LENGTH = 100, EPOCHS = 4 };
    static const struct {
        int64_t batch_size;
        int prefetch;
    } ways[] = {{7, 0}, {7, 1}, {32, 2}, {100, 5}, {1, 16}};
    int expected[EPOCHS][LENGTH], order[LENGTH];
    wg_loader *plain = LOADER(LENGTH, 10, .shuffle = true, .seed = 3);
    for (int e = 0; e < EPOCHS; e++) epoch_of(plain, expected[e]);
    for (int w = 0; w < 5; w++) {
        wg_loader *loader =
            LOADER(LENGTH, ways[w].batch_size, .shuffle = true, .seed = 3, .prefetch = ways[w].prefetch);
        for (int e = 0; e < EPOCHS; e++) {
            ck_assert_int_eq(epoch_of(loader, order), LENGTH);
            ck_assert_mem_eq(order, expected[e], sizeof order);
        }
        wg_loader_free(loader);
    }
    wg_loader_free(plain);
}
END_TEST

START_TEST(all_orders_are_equally_likely) {
    /* Chi-squared over the 24 orders of 4 samples, 23 degrees of freedom: above 49.7 once in a thousand. */
    enum { ORDERS = 256, EPOCHS = 12000 };
    static int seen[ORDERS];
    wg_loader *loader = LOADER(4, 4, .shuffle = true, .seed = 5);
    for (int e = 0; e < EPOCHS; e++) {
        wg_batch b;
        ck_assert(wg_loader_next(loader, &b));
        int code = 0;
        for (int i = 0; i < 4; i++) code = 4 * code + (int)wg_tensor_get(b.y, i);
        seen[code]++;
        ck_assert(!wg_loader_next(loader, &b));
    }
    double chi = 0;
    int met = 0;
    for (int code = 0; code < ORDERS; code++) {
        const double expected = EPOCHS / 24.0, off = seen[code] - expected;
        if (seen[code] == 0) continue;
        chi += off * off / expected;
        met++;
    }
    ck_assert_int_eq(met, 24);
    ck_assert_double_lt(chi, 49.7);
    wg_loader_free(loader);
}
END_TEST

START_TEST(position_and_epoch_tell_how_far_it_is) {
    static const int prefetch[] = {0, 2};
    for (int p = 0; p < 2; p++) {
        wg_loader *loader = LOADER(10, 4, .prefetch = prefetch[p]);
        wg_batch b;
        ck_assert_int_eq(wg_loader_position(loader), 0);
        for (int epoch = 0; epoch < 2; epoch++) {
            ck_assert_int_eq(wg_loader_epoch(loader), epoch);
            for (int i = 1; i <= 3; i++) {
                ck_assert(wg_loader_next(loader, &b));
                ck_assert_int_eq(wg_loader_position(loader), i);
            }
            ck_assert(!wg_loader_next(loader, &b));
            ck_assert_ptr_null(b.x);
            ck_assert_int_eq(wg_loader_position(loader), 0);
        }
        ck_assert_int_eq(wg_loader_epoch(loader), 2);
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(samples_without_labels_make_batches_without) {
    const wg_type x = {.dtype = WG_F32, .rank = 1, .extent = {2}};
    wg_dataset *set = wg_dataset_of_function(5, &x, NULL, give, &error);
    wg_loader *loader = wg_loader_new(set, 2, &error, .prefetch = 1);
    int count = 0;
    for (wg_batch b; wg_loader_next(loader, &b); count++) {
        ck_assert_ptr_null(b.y);
        ck_assert_double_eq(wg_tensor_get(b.x, 0), 2 * count);
    }
    ck_assert_int_eq(count, 3);
    wg_loader_free(loader);
    wg_dataset_free(set);
}
END_TEST

/* --- Going elsewhere ---------------------------------------------------------------------------- */

enum { WALK = 40 }; /* calls, past several ends of epochs */

/* What `count` calls in a row give: the rows of each batch, -1 for the end of an epoch. */
static void walk(wg_loader *loader, int count, int rows[][4]) {
    for (int i = 0; i < count; i++) {
        wg_batch b;
        for (int k = 0; k < 4; k++) rows[i][k] = -1;
        if (wg_loader_next(loader, &b)) rows_of(&b, rows[i]);
        ck_assert_int_eq(wg_loader_status(loader, &error), WG_OK);
    }
}

/* From each place that a walk of two and a half epochs comes to, a walk from there in a loader that was put
 * there, whatever that one had done before. */
static void seeks_as_it_walks(const wg_loader_options *options) {
    wg_loader *walker = loader_of(10, 4, options), *seeker = loader_of(10, 4, options);
    for (int calls_before = 0; calls_before <= 9; calls_before++) {
        int expected[WALK][4], got[WALK][4], skipped[WALK][4];
        wg_loader_free(walker);
        walker = loader_of(10, 4, options);
        walk(walker, calls_before, skipped);
        const int64_t epoch = wg_loader_epoch(walker), position = wg_loader_position(walker);
        ck_assert_int_eq(wg_loader_seek(seeker, epoch, position, &error), WG_OK);
        ck_assert_int_eq(wg_loader_epoch(seeker), epoch);
        ck_assert_int_eq(wg_loader_position(seeker), position);
        walk(walker, WALK, expected);
        walk(seeker, WALK - calls_before, got); /* it then stands somewhere else each time */
        ck_assert_mem_eq(got, expected, (size_t)(WALK - calls_before) * sizeof *got);
    }
    wg_loader_free(walker);
    wg_loader_free(seeker);
}

START_TEST(seeking_gives_what_going_there_gives) {
    static const int prefetch[] = {0, 1, 5};
    for (int p = 0; p < 3; p++) {
        const size_t size = sizeof(wg_loader_options);
        seeks_as_it_walks(&(wg_loader_options){.size_ = size, .prefetch = prefetch[p]});
        seeks_as_it_walks(
            &(wg_loader_options){.size_ = size, .shuffle = true, .seed = 9, .prefetch = prefetch[p]});
        seeks_as_it_walks(&(wg_loader_options){
            .size_ = size, .shuffle = true, .seed = 9, .drop_last = true, .prefetch = prefetch[p]});
    }
}
END_TEST

START_TEST(a_batch_that_is_kept_survives_seeking) {
    wg_loader *loader = LOADER(30, 3, .prefetch = 2);
    wg_batch b;
    int order[3], again[3];
    ck_assert(wg_loader_next(loader, &b));
    const wg_batch kept = {wg_tensor_retain(b.x), wg_tensor_retain(b.y)};
    rows_of(&kept, order);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(wg_loader_seek(loader, i, i % 10, &error), WG_OK);
        ck_assert(wg_loader_next(loader, &b) && b.x != kept.x);
    }
    rows_of(&kept, again);
    ck_assert_mem_eq(order, again, sizeof order);
    wg_tensor_free(kept.x);
    wg_tensor_free(kept.y);
    wg_loader_free(loader);
}
END_TEST

START_TEST(seeking_forgets_an_error) {
    static const int prefetch[] = {0, 3};
    for (int p = 0; p < 2; p++) {
        wg_batch b;
        int order[2];
        atomic_store(&broken, 5);
        wg_loader *loader = LOADER(8, 2, .prefetch = prefetch[p]);
        while (wg_loader_next(loader, &b)) continue;
        ck_assert_int_eq(wg_loader_status(loader, NULL), WG_ERROR_FILE);
        ck_assert_int_eq(wg_loader_seek(loader, 0, 3, &error), WG_OK);
        ck_assert_int_eq(wg_loader_status(loader, NULL), WG_OK);
        ck_assert(wg_loader_next(loader, &b) && rows_of(&b, order) == 2 && order[0] == 6);
        wg_loader_free(loader);

        loader = LOADER(8, 2, .prefetch = prefetch[p]); /* the thread may have met it, and the caller not */
        ck_assert(wg_loader_next(loader, &b));
        ck_assert_int_eq(wg_loader_seek(loader, 0, 3, &error), WG_OK);
        ck_assert(wg_loader_next(loader, &b) && rows_of(&b, order) == 2 && order[0] == 6);
        wg_loader_free(loader);
    }
}
END_TEST

START_TEST(there_is_no_seeking_beyond_an_epoch) {
    static const int64_t places[][2] = {{-1, 0}, {0, -1}, {0, 4}, {INT64_MAX, 0}, {0, INT64_MIN}};
    wg_loader *loader = LOADER(10, 4, .prefetch = 1);
    wg_batch b;
    int order[4];
    ck_assert(wg_loader_next(loader, &b));
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(wg_loader_seek(loader, places[i][0], places[i][1], &error), WG_ERROR_INDEX);
        ck_assert_message_contains(error.message, "no place in a loader of 3 batches");
    }
    ck_assert_int_eq(wg_loader_position(loader), 1);
    ck_assert(wg_loader_next(loader, &b) && rows_of(&b, order) == 4 && order[0] == 4);
    ck_assert_int_eq(wg_loader_seek(NULL, 0, 0, &error), WG_ERROR_MEMORY);
    wg_loader_free(loader);
}
END_TEST

/* --- Numbers ------------------------------------------------------------------------------------ */

START_TEST(numbers_are_normalised) {
    const float x[] = {1, 2, 3, 4, 5, 6};
    wg_tensor *tensor = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), x, &error);
    wg_dataset *set = wg_dataset_of_tensors(tensor, NULL, &error);
    wg_loader *loader = wg_loader_new(set, 3, &error, .mean = 2, .std = 0.5);
    wg_batch b;
    ck_assert(wg_loader_next(loader, &b));
    for (int i = 0; i < 6; i++) ck_assert_double_eq(wg_tensor_get(b.x, i), (i + 1 - 2) / 0.5);
    ck_assert_float_eq(x[5], 6);
    wg_loader_free(loader);
    wg_dataset_free(set);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(each_channel_has_its_own_mean_and_deviation) {
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8}, mean[] = {1, 10},
                 std[] = {2, 4}; /* [2, 2, 2]: channels, 2 each */
    const double expected[] = {0, 0.5, -1.75, -1.5, 2, 2.5, -0.75, -0.5};
    wg_tensor *tensor = wg_tensor_over(WG_F64, WG_SHAPE(2, 2, 2), x, &error);
    wg_dataset *set = wg_dataset_of_tensors(tensor, NULL, &error);
    wg_loader *loader =
        wg_loader_new(set, 2, &error, .channel_mean = mean, .channel_std = std, .prefetch = 1);
    wg_batch b;
    ck_assert(wg_loader_next(loader, &b));
    for (int i = 0; i < 8; i++) ck_assert_double_eq(wg_tensor_get(b.x, i), expected[i]);
    wg_loader_free(loader);
    loader = wg_loader_new(set, 2, &error, .mean = 1, .channel_std = std);
    ck_assert(wg_loader_next(loader, &b));
    ck_assert_double_eq(wg_tensor_get(b.x, 3), 0.75);
    wg_loader_free(loader);
    wg_dataset_free(set);
    wg_tensor_free(tensor);
}
END_TEST

WG_SUITE("data/loader", without_shuffle_samples_come_in_order, the_last_batch_has_what_is_left,
         a_last_batch_that_is_not_full_can_be_dropped, a_batch_may_be_larger_than_the_data_set,
         a_shuffled_epoch_has_every_sample_once, the_order_is_the_same_on_every_machine,
         another_seed_gives_another_order, the_order_does_not_depend_on_batch_size_or_prefetch,
         all_orders_are_equally_likely, position_and_epoch_tell_how_far_it_is,
         samples_without_labels_make_batches_without, seeking_gives_what_going_there_gives,
         a_batch_that_is_kept_survives_seeking, seeking_forgets_an_error, there_is_no_seeking_beyond_an_epoch,
         numbers_are_normalised, each_channel_has_its_own_mean_and_deviation)
