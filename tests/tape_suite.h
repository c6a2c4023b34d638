/* tape_suite.h — suite.h for files in which each test gets a fresh `tape`: WG_TAPE_SUITE stands in the place
 * of WG_SUITE. */
#ifndef WG_TESTS_TAPE_SUITE_H
#define WG_TESTS_TAPE_SUITE_H

#include "suite.h"

static wg_tape *tape;

static void make_tape(void) {
    tape = wg_tape_new();
    ck_assert_ptr_nonnull(tape);
}

static void free_tape(void) {
    wg_tape_free(tape);
    tape = NULL;
}

#define WG_TAPE_SUITE(name, ...) WG_SUITE_WITH(name, make_tape, free_tape, __VA_ARGS__)

#endif
