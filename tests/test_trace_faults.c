/* What is shown of plans and runs when memory runs out: an error, whichever allocation fails, and no leak;
 * and what is profiled takes no memory while it runs. */
#include "faults.h"
#include "trace_suite.h"
#include <stdlib.h>

/* --- What is shown of a plan -------------------------------------------------------------------- */

static void assert_survives(int (*draw)(const wg_tape *tape, const char *path, wg_error *error)) {
    ck_assert_int_eq(wg_prepare(record_step(BATCH, "scope")), WG_OK);
    char path[512];
    snprintf(path, sizeof path, "%s", temporary_path("memory.svg"));
    ck_assert_int_eq(draw(tape, path, NULL), WG_OK);
    const faults_held before = faults_hold();
    int errors = 0;
    for (long n = 0;; n++) {
        wg_error error = {0};
        faults_arm(n);
        const int status = draw(tape, path, &error);
        const bool hit = faults_disarm();
        ck_assert_msg(faults_same(before, faults_hold()), "leak after %s", faults_describe());
        ck_assert_int_eq(status, error.status);
        ck_assert_int_eq(status != WG_OK, hit);
        if (!hit) break;
        errors++;
    }
    ck_assert_int_ge(errors, 7);
}

START_TEST(the_picture_survives_every_allocation_that_fails) { assert_survives(wg_memory_svg); }
END_TEST
START_TEST(the_graph_survives_every_allocation_that_fails) { assert_survives(wg_graph_dot); }
END_TEST

START_TEST(so_does_its_picture) { assert_survives(wg_graph_svg); }
END_TEST

START_TEST(the_listing_survives_every_allocation_that_fails) {
    ck_assert_int_eq(wg_prepare(record_step(BATCH, "scope")), WG_OK);
    static char text[1 << 16];
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_int_eq(wg_explain(tape, stream), WG_OK);
    const faults_held before = faults_hold();
    int errors = 0;
    for (long n = 0;; n++) {
        rewind(stream);
        faults_arm(n);
        const int status = wg_explain(tape, stream);
        const bool hit = faults_disarm();
        ck_assert_msg(faults_same(before, faults_hold()), "leak after %s", faults_describe());
        ck_assert_int_eq(status, hit ? WG_ERROR_MEMORY : WG_OK);
        if (!hit) break;
        errors++;
    }
    ck_assert_int_ge(errors, 4);
    fclose(stream);
}
END_TEST

/* --- Profiles ----------------------------------------------------------------------------------- */

static void profile_runs(int runs) {
    ck_assert_int_eq(wg_profile_start(tape, 100, NULL), WG_OK);
    for (int i = 0; i < runs; i++) ck_assert_int_eq(wg_eval(record_step(BATCH, "scope")), WG_OK);
}

START_TEST(profiled_runs_after_the_first_take_no_memory) {
    profile_runs(1);
    ck_assert_int_eq(wg_profile_start(tape, 100, NULL), WG_OK);
    ck_assert_int_eq(wg_rerun(tape), WG_OK);
    faults_arm(-1);
    for (int i = 0; i < 5; i++) wg_rerun(tape);
    const long calls = faults_calls();
    faults_disarm();
    ck_assert_int_eq(calls, 0);
    char text[1 << 14];
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_int_eq(wg_profile_table(tape, stream), WG_OK);
    fclose(stream);
    ck_assert_message_contains(text, "profile: 6 runs");
}
END_TEST

/* A start that finds no memory leaves what was noted; a run that finds none for its notes goes on without. */
START_TEST(profiling_survives_every_allocation_that_fails) {
    char path[512], text[1 << 14];
    snprintf(path, sizeof path, "%s", temporary_path("trace.json"));
    profile_runs(2);
    FILE *stream = fmemopen(text, sizeof text, "w");
    ck_assert_int_eq(wg_profile_trace(tape, path, NULL), WG_OK);
    ck_assert_int_eq(wg_profile_table(tape, stream), WG_OK);
    int errors[4] = {0};
    for (int what = 0; what < 4; what++)
        for (long n = 0;; n++) {
            if (what == 3) ck_assert_int_eq(wg_profile_start(tape, 100, NULL), WG_OK);
            const faults_held before = faults_hold();
            faults_arm(n);
            rewind(stream);
            const int status = what == 0   ? wg_profile_start(tape, 100, NULL)
                               : what == 1 ? wg_profile_trace(tape, path, NULL)
                               : what == 2 ? wg_profile_table(tape, stream)
                                           : wg_rerun(tape);
            const bool hit = faults_disarm();
            if (what != 3 && (what || status)) ck_assert(faults_same(before, faults_hold()));
            ck_assert(what == 3 ? status == WG_OK : hit || status == WG_OK);
            if (what == 0 && !hit) wg_eval(record_step(BATCH, "scope"));
            if (!hit) break;
            errors[what]++;
        }
    fclose(stream);
    ck_assert_int_ge(errors[0], 3);
    ck_assert_int_ge(errors[1], 3);
    ck_assert_int_ge(errors[2], 1);
    ck_assert_int_ge(errors[3], 5);
}
END_TEST

TRACE_SUITE("trace/faults", the_picture_survives_every_allocation_that_fails,
            the_graph_survives_every_allocation_that_fails, so_does_its_picture,
            the_listing_survives_every_allocation_that_fails, profiled_runs_after_the_first_take_no_memory,
            profiling_survives_every_allocation_that_fails)
