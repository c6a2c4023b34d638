/* What a profile tells is what ran: every step, as often as it was called, with times that add up; and to
 * profile changes no bit. */
#include "trace_suite.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>

enum { RUNS = 7 };

/* In a scope whose name JSON must have otherwise. */
static double do_step(int batch) {
    const wg_var loss = record_step(batch, "a\"b\\c\n\xC3\xA4\xFF");
    ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
    return wg_item(loss);
}

static void profile_steps(size_t events, int runs) {
    wg_error error;
    ck_assert_msg(wg_profile_start(tape, events, &error) == WG_OK, "%s", error.message);
    for (int i = 0; i < runs; i++) do_step(BATCH);
    wg_profile_stop(tape);
}

/* Copies are done at most twice a run: before the commit and at the end. */
static size_t calls_of_a_run(const wg_plan *plan) {
    return plan->steps.count + (plan->early_copies > 0) + (plan->early_copies < plan->copies.count);
}
static size_t events_of_a_run(const wg_plan *plan) {
    return plan->waves.count + calls_of_a_run(plan) - plan->steps.count;
}

/* --- The table --------------------------------------------------------------------------------- */

typedef struct table {
    char *text;
    unsigned long long runs, plans, calls;
    double total, ms, share; /* in the head; the sums of all rows */
    int rows, unordered;
} table;

static table make_table(void) {
    table t = {0};
    size_t size;
    FILE *stream = open_memstream(&t.text, &size);
    ck_assert_int_eq(wg_profile_table(tape, stream), WG_OK);
    fclose(stream);
    ck_assert_int_eq(sscanf(t.text, "profile: %llu runs of %llu plans, %lf ms in their steps", &t.runs,
                            &t.plans, &t.total),
                     3);
    double before = INFINITY;
    for (const char *line = t.text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        double ms, share;
        unsigned long long calls;
        if (sscanf(line, "%lf %lf%% %llu", &ms, &share, &calls) != 3) continue;
        t.unordered += ms > before;
        before = ms;
        t.ms += ms;
        t.share += share;
        t.calls += calls;
        t.rows++;
    }
    return t;
}

START_TEST(every_call_of_every_step_is_in_the_table_and_shares_add_up) {
    do_step(BATCH);
    profile_steps(0, RUNS);
    do_step(BATCH); /* after the stop: not counted */
    const wg_plan *plan = latest_plan();
    ck_assert_uint_gt(plan->steps.count, 10);
    const table t = make_table();
    ck_assert_uint_eq(t.runs, RUNS);
    ck_assert_uint_eq(t.plans, 1);
    ck_assert_uint_eq(t.calls, RUNS * calls_of_a_run(plan));
    ck_assert_double_eq_tol(t.share, 100, 0.005 * t.rows + 1e-9); /* two digits are written */
    ck_assert_double_eq_tol(t.ms, t.total, 0.0005 * (t.rows + 1) + 1e-9);
    ck_assert_double_gt(t.total, 0);
    ck_assert_int_eq(t.unordered, 0);
    size_t named = 0;
    for (size_t i = 0; i < plan->steps.count; i++) {
        const wg_low_node *node = &plan->low.nodes.at[plan->members.at[plan->steps.at[i].first]];
        named += strstr(t.text, node->op->name) != NULL;
    }
    ck_assert_uint_eq(named, plan->steps.count);
    free(t.text);
}
END_TEST

START_TEST(a_matrix_product_has_the_operations_that_it_takes) {
    enum { N = 96 };
    static float numbers[N * N];
    wg_var x = wg_array(tape, WG_F32, WG_SHAPE(N, N), numbers), y = wg_matmul(x, x);
    ck_assert_int_eq(wg_profile_start(tape, 0, NULL), WG_OK);
    ck_assert_int_eq(wg_eval(y), WG_OK);
    for (int i = 1; i < 20; i++) ck_assert_int_eq(wg_rerun(tape), WG_OK);
    wg_tape_clear(tape); /* what was noted outlives it */
    const table t = make_table();
    const char *row = strstr(t.text, "matmul");
    ck_assert(row);
    while (row[-1] != '\n') row--;
    double ms, share, gflops, gbytes;
    unsigned long long calls;
    ck_assert_int_eq(sscanf(row, "%lf %lf%% %llu %lf %lf", &ms, &share, &calls, &gflops, &gbytes), 5);
    ck_assert_uint_eq(calls, 20);
    ck_assert_double_eq_tol(gflops * ms * 1e6 / (20 * 2.0 * N * N * N), 1, 0.02);
    ck_assert_double_eq_tol(gbytes * ms * 1e6 / (20 * 2.0 * N * N * sizeof(float)), 1, 0.02);
    ck_assert_message_contains(t.text, "test_trace_profile.c:");
    free(t.text);
}
END_TEST

START_TEST(all_plans_that_ran_are_in_the_table) {
    ck_assert_int_eq(wg_profile_start(tape, 0, NULL), WG_OK);
    size_t calls = 0;
    for (int i = 0; i < 6; i++) {
        do_step(i % 2 ? BATCH : BATCH / 2);
        calls += calls_of_a_run(latest_plan());
    }
    const table t = make_table();
    ck_assert_uint_eq(t.plans, 2);
    ck_assert_uint_eq(t.runs, 6);
    ck_assert_uint_eq(t.calls, calls);
    free(t.text);
}
END_TEST

START_TEST(a_full_timeline_leaves_the_table_whole) {
    profile_steps(10, RUNS);
    const table t = make_table();
    ck_assert_uint_eq(t.calls, RUNS * calls_of_a_run(latest_plan()));
    ck_assert_message_contains(t.text, "no room for");
    free(t.text);
}
END_TEST

/* By single events of one run, every step of a shared wave has the part of its time that its pieces are of
 * all. */
START_TEST(steps_that_share_a_wave_share_its_time_by_their_pieces) {
    profile_steps(0, 1);
    const wg_profile *profile = wg_evaluation_latest(tape)->profile;
    const wg_plan *plan = latest_plan();
    const wg_profile_step *steps = profile->plans.at[0].steps;
    double *busy = calloc(plan->steps.count, sizeof *busy), longest = 0, shortest = INFINITY;
    for (int worker = 1; worker <= 2; worker++)
        for (size_t i = 0; i < profile->tracks[worker].count; i++) {
            const wg_profile_event *piece = &profile->tracks[worker].at[i];
            busy[piece->what] += (double)(piece->end - piece->begin);
        }
    size_t wrong = 0;
    for (size_t i = 0; i < profile->tracks[0].count; i++) {
        const wg_profile_event *event = &profile->tracks[0].at[i];
        if (event->what == plan->waves.count) continue; /* copies */
        const wg_wave *wave = &plan->waves.at[event->what];
        const double whole = (double)(event->end - event->begin);
        double all = 0;
        for (uint32_t k = 0; k < wave->count; k++) all += busy[wave->first + k];
        for (uint32_t k = wave->first; k < wave->first + wave->count; k++) {
            const double part = wave->count > 1 ? busy[k] / all : 1;
            wrong += fabs((double)steps[k].ns - part * whole) > 1;
            if (wave->count > 1) longest = fmax(longest, part * wave->count);
            if (wave->count > 1) shortest = fmin(shortest, part * wave->count);
        }
    }
    ck_assert_uint_eq(wrong, 0);
    ck_assert_double_gt(longest, shortest); /* or equal parts would do */
    free(busy);
}
END_TEST

/* --- The timeline ------------------------------------------------------------------------------ */

typedef struct span {
    double begin, end;
} span;

/* The track's events, which must lie one behind the other; returns how many. */
static size_t spans_of(json_t *root, int track, const char *only, span *spans) {
    size_t i, count = 0, wrong = 0;
    double before = 0;
    json_t *event;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        if (strcmp(json_string_value(json_object_get(event, "ph")), "X") != 0 ||
            json_integer_value(json_object_get(event, "tid")) != track)
            continue;
        const double begin = json_number_value(json_object_get(event, "ts"));
        const double end = begin + json_number_value(json_object_get(event, "dur"));
        wrong += begin < before - 0.002 || end < begin; /* of µs, three digits are written */
        before = end;
        if (only && !strstr(json_string_value(json_object_get(event, "name")), only)) continue;
        spans[count++] = (span){begin, end};
    }
    ck_assert_uint_eq(wrong, 0);
    return count;
}

static json_t *make_trace(void) {
    wg_error error;
    json_error_t wrong;
    const char *path = temporary_path("trace.json");
    ck_assert_msg(wg_profile_trace(tape, path, &error) == WG_OK, "%s", error.message);
    json_t *root = json_load_file(path, 0, &wrong);
    ck_assert_msg(root != NULL, "%s in line %d", wrong.text, wrong.line);
    return root;
}

START_TEST(the_timeline_has_every_wave_and_pieces_lie_within_waves) {
    enum { MOST = 4096 };
    static span waves[MOST], shared[MOST], pieces[MOST];
    profile_steps(0, RUNS);
    const wg_plan *plan = latest_plan();
    size_t several = 0, steps = 0;
    for (size_t i = 0; i < plan->waves.count; i++) {
        several += plan->waves.at[i].count > 1;
        steps += plan->waves.at[i].count > 1 ? plan->waves.at[i].count : 0;
    }
    ck_assert_uint_gt(several, 0);
    json_t *root = make_trace();
    ck_assert_uint_eq(spans_of(root, 0, NULL, waves), RUNS * events_of_a_run(plan));
    const size_t shared_count = spans_of(root, 0, " steps", shared);
    ck_assert_uint_eq(shared_count, RUNS * several);
    size_t count = 0, outside = 0;
    for (int worker = 0; worker < 2; worker++) {
        const size_t some = spans_of(root, worker + 1, NULL, pieces);
        count += some;
        for (size_t i = 0; i < some; i++) {
            bool within = false;
            for (size_t k = 0; k < shared_count && !within; k++)
                within = pieces[i].begin >= shared[k].begin - 0.002 && pieces[i].end <= shared[k].end + 0.002;
            outside += !within;
        }
    }
    ck_assert_uint_ge(count, RUNS * steps);
    ck_assert_uint_eq(outside, 0);
    json_decref(root);
}
END_TEST

START_TEST(names_of_the_programs_are_escaped) {
    profile_steps(0, 1);
    json_t *root = make_trace(), *event;
    size_t i, found = 0;
    json_array_foreach(json_object_get(root, "traceEvents"), i, event) {
        const char *scope = json_string_value(json_object_get(json_object_get(event, "args"), "scope"));
        found += scope && strncmp(scope, "a\"b\\c\n\xC3\xA4\xEF\xBF\xBD", 11) == 0;
    }
    ck_assert_uint_gt(found, 3);
    json_decref(root);
}
END_TEST

START_TEST(a_full_timeline_drops_what_comes_later) {
    enum { EVENTS = 10 };
    static span spans[64];
    profile_steps(EVENTS, RUNS);
    json_t *root = make_trace();
    ck_assert_uint_eq(spans_of(root, 0, NULL, spans), EVENTS / 2);
    ck_assert_uint_le(spans_of(root, 1, NULL, spans), EVENTS / 4);
    json_decref(root);
}
END_TEST

/* --- What it leaves alone ---------------------------------------------------------------------- */

START_TEST(to_profile_changes_no_bit) {
    double losses[2][RUNS];
    for (int profiled = 0; profiled < 2; profiled++) {
        close_all();
        open_all();
        if (profiled) ck_assert_int_eq(wg_profile_start(tape, 0, NULL), WG_OK);
        for (int i = 0; i < RUNS; i++) losses[profiled][i] = do_step(BATCH);
    }
    const table t = make_table();
    ck_assert_uint_eq(t.runs, RUNS);
    free(t.text);
    ck_assert_double_ne(losses[0][0], losses[0][RUNS - 1]);
    ck_assert_int_eq(memcmp(losses[0], losses[1], sizeof losses[0]), 0);
}
END_TEST

/* --- Errors ------------------------------------------------------------------------------------ */

static bool start_while_running(void *context) {
    *(int *)context = wg_profile_start(tape, 0, NULL);
    return false;
}

START_TEST(what_cannot_be_shown_or_started_is_an_error) {
    wg_error error;
    const char *path = temporary_path("trace.json");
    wg_profile_stop(NULL);
    wg_profile_stop(tape);
    ck_assert_int_eq(wg_profile_start(NULL, 0, &error), WG_ERROR_TAPE);
    ck_assert_int_eq(wg_profile_start(tape, SIZE_MAX, &error), WG_ERROR_ATTRIBUTE);
    ck_assert_int_eq(wg_profile_table(NULL, stdout), WG_ERROR_STALE);
    ck_assert_int_eq(wg_profile_table(tape, stdout), WG_ERROR_STALE);
    ck_assert_int_eq(wg_profile_trace(tape, path, &error), WG_ERROR_STALE);
    ck_assert_int_eq(wg_profile_start(tape, 0, &error), WG_OK);
    ck_assert_int_eq(wg_profile_table(tape, stdout), WG_ERROR_STALE);
    int status = WG_OK;
    wg_set_stop(tape, start_while_running, &status);
    do_step(BATCH);
    ck_assert_int_eq(status, WG_ERROR_TAPE);
    ck_assert_int_eq(wg_profile_table(tape, NULL), WG_ERROR_FILE);
    FILE *full = fopen("/dev/full", "w");
    ck_assert_int_eq(wg_profile_table(tape, full), WG_ERROR_FILE);
    fclose(full);
    ck_assert_int_eq(wg_profile_trace(tape, "/no/such/folder/trace.json", &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "/no/such/folder/trace.json");
    ck_assert_int_eq(wg_profile_trace(tape, NULL, &error), WG_ERROR_FILE);
}
END_TEST

START_TEST(runs_that_cannot_be_noted_are_counted) {
    profile_steps(0, 1);
    ck_assert_int_eq(wg_profile_start(tape, 0, NULL), WG_OK);
    do_step(BATCH);
    ck_assert_int_eq(wg_set_threads(engine, 3, NULL), WG_OK);
    do_step(BATCH);
    do_step(BATCH);
    const table t = make_table();
    ck_assert_uint_eq(t.runs, 1);
    ck_assert_message_contains(t.text, "; 2 runs missed");
    free(t.text);
}
END_TEST

TRACE_SUITE("trace_profile", every_call_of_every_step_is_in_the_table_and_shares_add_up,
            a_matrix_product_has_the_operations_that_it_takes, all_plans_that_ran_are_in_the_table,
            a_full_timeline_leaves_the_table_whole, steps_that_share_a_wave_share_its_time_by_their_pieces,
            the_timeline_has_every_wave_and_pieces_lie_within_waves, names_of_the_programs_are_escaped,
            a_full_timeline_drops_what_comes_later, to_profile_changes_no_bit,
            what_cannot_be_shown_or_started_is_an_error, runs_that_cannot_be_noted_are_counted)
