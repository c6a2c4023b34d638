/* The means by which the other suites make allocations fail: that it does, at the call that was chosen, in
 * libraries too, and that it sees what is left behind. */
#include "faults.h"
#include "suite.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Keeps the compiler from seeing that a block is never used, and leaving it out. */
static void *volatile sink;

static bool is_refused(void *block) {
    sink = block;
    free(block);
    return block == NULL;
}

static void *nothing(void *argument) { return argument; }

START_TEST(only_the_chosen_call_fails) {
    faults_arm(1);
    const bool first = is_refused(malloc(8)), second = is_refused(malloc(8)), third = is_refused(malloc(8));
    ck_assert(faults_disarm());
    ck_assert(!first && second && !third);
}
END_TEST

START_TEST(nothing_fails_when_none_is_chosen) {
    faults_arm(-1);
    const bool refused = is_refused(malloc(8));
    const long calls = faults_calls();
    ck_assert(!faults_disarm());
    ck_assert(!refused);
    ck_assert_int_eq(calls, 1);
}
END_TEST

#define CHECK_REFUSED(call)                                                  \
    do {                                                                     \
        faults_arm(0);                                                       \
        const bool refused = is_refused(call);                               \
        ck_assert_msg(faults_disarm() && refused, "%s went through", #call); \
    } while (0)

START_TEST(every_function_of_the_malloc_family_can_fail) {
    CHECK_REFUSED(malloc(8));
    CHECK_REFUSED(calloc(2, 8));
    CHECK_REFUSED(realloc(NULL, 8));
    CHECK_REFUSED(reallocarray(NULL, 2, 8));
    CHECK_REFUSED(aligned_alloc(64, 64));
    CHECK_REFUSED(memalign(64, 64));
    CHECK_REFUSED(valloc(64));
    void *block = NULL;
    faults_arm(0);
    const int status = posix_memalign(&block, 64, 64);
    ck_assert(faults_disarm());
    ck_assert_int_ne(status, 0);
    ck_assert_ptr_null(block);
}
END_TEST

START_TEST(a_failed_realloc_leaves_the_block_as_it_was) {
    char *block = malloc(8);
    memcpy(block, "1234567", 8);
    faults_arm(0);
    char *moved = realloc(block, 1 << 20);
    ck_assert(faults_disarm());
    ck_assert_ptr_null(moved);
    ck_assert_str_eq(block, "1234567");
    free(block);
}
END_TEST

START_TEST(mmap_and_pthread_create_can_fail) {
    pthread_t thread;
    faults_arm(0);
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(faults_disarm());
    ck_assert_ptr_eq(map, MAP_FAILED);
    faults_arm(0);
    const int status = pthread_create(&thread, NULL, nothing, NULL);
    ck_assert(faults_disarm());
    ck_assert_int_ne(status, 0);
}
END_TEST

START_TEST(what_moves_a_mapping_or_the_break_can_fail) {
    void *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    faults_arm(0);
    void *moved = mremap(map, 4096, 8192, MREMAP_MAYMOVE);
    ck_assert(faults_disarm());
    ck_assert_ptr_eq(moved, MAP_FAILED);
    ck_assert_int_eq(munmap(map, 4096), 0);
    faults_arm(0);
    void *old_break = sbrk(4096);
    ck_assert(faults_disarm());
    ck_assert_int_eq((intptr_t)old_break, -1);
    faults_arm(0);
    const int status = brk((char *)sbrk(0) + 4096);
    ck_assert(faults_disarm());
    ck_assert_int_eq(status, -1);
}
END_TEST

START_TEST(what_gives_memory_back_is_counted) {
    void *block = malloc(8), *map = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sink = block;
    faults_arm(-1);
    free(sink);
    sink = NULL;
    free(sink);
    munmap(map, 4096);
    const long returns = faults_returns(), calls = faults_calls();
    faults_disarm();
    ck_assert_int_eq(returns, 3);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(a_call_inside_the_c_library_can_fail) {
    faults_arm(0);
    char *copy = strdup("text");
    ck_assert(faults_disarm());
    ck_assert_ptr_null(copy);
    faults_arm(0);
    FILE *file = fopen("/dev/null", "r");
    ck_assert(faults_disarm());
    ck_assert_ptr_null(file);
}
END_TEST

static void start_and_join(void) {
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

START_TEST(what_is_held_is_counted) {
    start_and_join(); /* the C library keeps the first thread's stack for the next one */
    const faults_held before = faults_hold();
    void *block = malloc(8), *grown = realloc(calloc(1, 8), 100);
    sink = block, sink = grown;
    void *map = mmap(NULL, 5000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, nothing, NULL), 0);
    const faults_held during = faults_hold();
    free(block), free(grown);
    ck_assert_int_eq(munmap(map, 5000), 0);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    const faults_held after = faults_hold();
    ck_assert_int_eq(during.blocks, before.blocks + 2);
    ck_assert_int_eq(during.mapped, before.mapped + 8192);
    ck_assert_int_eq(during.threads, before.threads + 1);
    ck_assert(faults_same(before, after));
}
END_TEST

START_TEST(the_failed_call_is_described) {
    faults_arm(0);
    sink = malloc(123);
    ck_assert(faults_disarm());
    ck_assert_message_contains(faults_describe(), "malloc(123), called from ");
}
END_TEST

WG_SUITE("faults", only_the_chosen_call_fails, nothing_fails_when_none_is_chosen,
         every_function_of_the_malloc_family_can_fail, a_failed_realloc_leaves_the_block_as_it_was,
         mmap_and_pthread_create_can_fail, what_moves_a_mapping_or_the_break_can_fail,
         what_gives_memory_back_is_counted, a_call_inside_the_c_library_can_fail, what_is_held_is_counted,
         the_failed_call_is_described)
