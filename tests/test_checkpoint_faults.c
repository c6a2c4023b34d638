/* Checkpoints when the system refuses: each call for memory, and each that opens, reads, writes, syncs or
 * renames, is made to fail in turn. The file is the old one or the new one, the objects are as they were or
 * loaded. */
#include "faults.h"
#include "checkpoint_suite.h"

#define ck_assert_ok(call) ck_assert_msg((call) == WG_OK, "%s", error.message)

static const way how = {.seed = 3, .prefetch = 2}, other = {.seed = 9, .prefetch = 2};
static char path[512];
static char older[20000], newer[20000], found[20000];
static size_t older_size, newer_size;

static void name_file(void) { snprintf(path, sizeof path, "%s", temporary_path("run.checkpoint")); }

static training walked(const way *as, int steps) {
    training t;
    ck_assert_ok(begin(&t, as));
    ck_assert_ok(walk(&t, steps, as));
    return t;
}

START_TEST(saving_that_fails_leaves_the_old_file_and_the_training) {
    training t = walked(&how, 2), twin = walked(&how, 7);
    ck_assert_ok(save(path, &t));
    older_size = bytes_of(path, older, sizeof older);
    ck_assert_ok(walk(&t, 5, &how));
    ck_assert_ok(save(path, &t));
    newer_size = bytes_of(path, newer, sizeof newer);
    ck_assert(older_size != newer_size || memcmp(older, newer, older_size));
    long calls = 0;
    int told = 0;
    for (;; calls++) {
        file_of("run.checkpoint", older, older_size);
        const faults_held before = faults_hold();
        faults_arm(calls);
        const int status = save(path, &t);
        const bool hit = faults_disarm();
        ck_assert_msg(faults_same(before, faults_hold()), "leak after %s", faults_describe());
        const size_t size = bytes_of(path, found, sizeof found);
        const bool is_new = size == newer_size && !memcmp(found, newer, size);
        const bool is_old = size == older_size && !memcmp(found, older, size);
        const bool in_place = !status || strstr(error.message, "a power cut may");
        ck_assert_msg(in_place ? is_new : is_old, "after %s", faults_describe());
        ck_assert_msg(files_in_folder() == 1, "after %s", faults_describe());
        ck_assert_msg(same_training(&t, &twin), "after %s", faults_describe());
        told += status && in_place;
        if (!hit) break;
    }
    printf("saving: %ld calls to the system, each made to fail once\n", calls);
    ck_assert_int_gt(calls, 100);
    ck_assert_int_eq(told, 1);
    ck_assert_ok(walk(&t, 3, &how));
    ck_assert_ok(walk(&twin, 3, &how));
    ck_assert(same_training(&t, &twin));
    end(&t);
    end(&twin);
}
END_TEST

/* Into a training that has taken `steps` steps. It goes on as if nothing had been tried. */
static void loading_fails(int steps) {
    training saved = walked(&how, 7);
    ck_assert_ok(save(path, &saved));
    training warm = walked(&other, steps),
             twin = walked(&other, steps); /* as many threads at a time as below */
    ck_assert_ok(load(path, &warm));
    ck_assert_ok(walk(&warm, EPOCH, &other));
    end(&warm);
    end(&twin);
    const faults_held before = faults_hold();
    training t = walked(&other, steps);
    twin = walked(&other, steps);
    long calls = 0;
    for (;; calls++) {
        faults_arm(calls);
        const int status = load(path, &t);
        if (!faults_disarm()) {
            ck_assert_int_eq(status, WG_OK);
            break;
        }
        ck_assert_msg(status != WG_OK, "loaded in spite of %s", faults_describe());
        ck_assert_int_eq(error.status, status);
        ck_assert_msg(same_training(&t, &twin), "after %s", faults_describe());
    }
    ck_assert_int_gt(calls, 100);
    ck_assert(same_training(&t, &saved));
    printf("loading after %d steps: %ld calls to the system, each made to fail once\n", steps, calls);
    end(&t);

    t = walked(&other, steps); /* the last failure possible, and on */
    faults_arm(calls - 1);
    ck_assert_int_ne(load(path, &t), WG_OK);
    ck_assert(faults_disarm());
    ck_assert_ok(walk(&t, EPOCH, &other));
    ck_assert_ok(walk(&twin, EPOCH, &other));
    ck_assert(same_training(&t, &twin));
    end(&t);
    end(&twin);
    ck_assert(faults_same(before, faults_hold()));
    end(&saved);
}

START_TEST(loading_that_fails_leaves_a_training_that_has_not_begun) { loading_fails(0); }
END_TEST
START_TEST(loading_that_fails_leaves_a_training_under_way) { loading_fails(4); }
END_TEST

WG_SUITE_WITH("checkpoint/faults", name_file, NULL, saving_that_fails_leaves_the_old_file_and_the_training,
              loading_that_fails_leaves_a_training_that_has_not_begun,
              loading_that_fails_leaves_a_training_under_way)
