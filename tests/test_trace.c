/* What is shown of a plan is what the plan says: every step in the listing, every buffer in the picture. */
#include "trace_suite.h"
#include <math.h>
#include <stdlib.h>

/* In a scope whose name XML must have otherwise. */
static const wg_plan *prepare_step(void) {
    ck_assert_msg(wg_prepare(record_step(BATCH, "a<b&\"c\"")) == WG_OK, "%s", wg_tape_message(tape));
    return latest_plan();
}

/* The file's content, to be freed. */
static char *content_of(const char *path) {
    FILE *file = fopen(path, "r");
    ck_assert(file);
    char *text = calloc(1, 1 << 20);
    ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
    fclose(file);
    return text;
}

/* Without strstr, which AddressSanitizer has measure the whole text at each call. */
static size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (; *text; text++) {
        size_t i = 0;
        while (part[i] && text[i] == part[i]) i++;
        count += part[i] == '\0';
    }
    return count;
}

static char *explained(void) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    ck_assert_int_eq(wg_explain(tape, stream), WG_OK);
    fclose(stream);
    return text;
}

/* --- The listing ------------------------------------------------------------------------------- */

START_TEST(the_listing_has_every_step_and_adds_up_to_the_report) {
    const wg_plan *plan = prepare_step();
    wg_plan_info info;
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    char *text = explained();
    ck_assert_uint_gt(plan->steps.count, 10);
    ck_assert_uint_eq(count_of(text, "\nstep "), plan->steps.count);
    size_t nodes = 0, wide = 0;
    double flops = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        double number;
        char prefix[3] = "", unit[3] = "";
        wide += strlen(line) > 130;
        nodes += strncmp(line, "    %", 5) == 0 && strchr(line, '(') != NULL;
        const char *units = strncmp(line, "step ", 5) ? NULL : strstr(line, " by ");
        if (!units) continue;
        ck_assert_int_eq(sscanf(units, " by %*d %lf %2s %2s", &number, prefix, unit), 3);
        flops += number * (*prefix == 'K' ? 1e3 : *prefix == 'M' ? 1e6 : 1);
    }
    ck_assert_uint_eq(nodes, info.nodes);
    ck_assert_double_gt(info.flops, 1e4);
    ck_assert_double_eq_tol(flops / info.flops, 1, 1e-3); /* four digits are written */
    ck_assert_uint_eq(wide, 0);
    free(text);
}
END_TEST

START_TEST(the_listing_names_the_line_the_scope_and_whose_place_is_taken) {
    wg_tensor *tensor = wg_tensor_new(WG_F64, WG_SHAPE(3000), NULL);
    memset(wg_tensor_writable(tensor), 0, 3000 * sizeof(double));
    wg_scope(tape, "here");
    wg_var x = wg_input(tape, tensor), column = wg_transpose(wg_reshape(x, WG_SHAPE(50, 60)), WG_AXES(1, 0));
    const int line = __LINE__ + 1;
    wg_var y = wg_sum(wg_matmul(wg_exp(column), column, .transpose_b = true), WG_ALL_AXES);
    wg_scope_end(tape);
    ck_assert_int_eq(wg_prepare(y), WG_OK);
    char *text = explained(), where[64];
    snprintf(where, sizeof where, "test_trace.c:%d here\n", line);
    ck_assert_message_contains(text, where);
    ck_assert_message_contains(text, "f64[60, 50]");
    ck_assert_message_contains(text, " was %");
    ck_assert_message_contains(text, "result 0");
    free(text);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_stream_that_cannot_be_written_is_an_error) {
    prepare_step();
    FILE *full = fopen("/dev/full", "w");
    ck_assert(full);
    ck_assert_int_eq(wg_explain(tape, full), WG_ERROR_FILE);
    fclose(full);
    ck_assert_int_eq(wg_explain(tape, NULL), WG_ERROR_FILE);
}
END_TEST

START_TEST(a_tape_without_a_plan_has_nothing_to_show) {
    wg_error error = {0};
    ck_assert_int_eq(wg_explain(tape, stdout), WG_ERROR_STALE);
    ck_assert_int_eq(wg_explain(NULL, stdout), WG_ERROR_STALE);
    ck_assert_int_eq(wg_memory_svg(tape, temporary_path("a.svg"), &error), WG_ERROR_STALE);
    ck_assert_message_contains(error.message, "no plan");
    ck_assert_int_eq(wg_memory_svg(NULL, temporary_path("a.svg"), NULL), WG_ERROR_STALE);
    prepare_step();
    wg_tape_clear(tape);
    ck_assert_int_eq(wg_memory_svg(tape, temporary_path("a.svg"), NULL), WG_ERROR_STALE);
}
END_TEST

/* --- The picture ------------------------------------------------------------------------------- */

/* Tags nest and end, and no bare & or quote stands where it must not: as much of XML as is used. */
static void assert_well_formed(const char *text) {
    char open[32][32];
    int depth = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '&')
            ck_assert(!strncmp(at, "&amp;", 5) || !strncmp(at, "&lt;", 4) || !strncmp(at, "&gt;", 4) ||
                      !strncmp(at, "&quot;", 6));
        if (*at != '<') continue;
        const char *end = strchr(at, '>'), *next = strchr(at + 1, '<');
        ck_assert(end && (!next || end < next));
        char name[32] = "";
        ck_assert_int_eq(sscanf(at + 1, "%31[/a-z]", name), 1);
        size_t quotes = 0;
        for (const char *c = at; c < end; c++) quotes += *c == '"';
        ck_assert_uint_eq(quotes % 2, 0);
        if (*name == '/') {
            ck_assert_int_gt(depth, 0);
            ck_assert_str_eq(name + 1, open[--depth]);
        } else if (end[-1] != '/') {
            ck_assert_int_lt(depth, 32);
            strcpy(open[depth++], name);
        }
        at = end;
    }
    ck_assert_int_eq(depth, 0);
}

START_TEST(every_buffer_is_in_the_picture_once) {
    const wg_plan *plan = prepare_step();
    const char *path = temporary_path("memory.svg");
    wg_error error;
    ck_assert_msg(wg_memory_svg(tape, path, &error) == WG_OK, "%s", error.message);
    char *text = content_of(path);
    assert_well_formed(text);
    ck_assert_uint_gt(plan->buffers.count, 10);
    ck_assert_uint_eq(count_of(text, "class=\"b\""), plan->buffers.count);
    size_t found = 0;
    for (size_t i = 0; i < plan->buffers.count; i++) {
        const wg_buffer *b = &plan->buffers.at[i];
        char title[96];
        snprintf(title, sizeof title, " at %llu, waves %u to %u\n", (unsigned long long)b->offset, b->first,
                 b->last);
        found += count_of(text, title) == 1;
    }
    ck_assert_uint_eq(found, plan->buffers.count);
    ck_assert_message_contains(text, "a&lt;b&amp;&quot;c&quot;");
    free(text);
}
END_TEST

START_TEST(a_path_that_cannot_be_written_is_named) {
    prepare_step();
    wg_error error;
    ck_assert_int_eq(wg_memory_svg(tape, "/no/such/folder/memory.svg", &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "/no/such/folder/memory.svg");
    ck_assert_int_eq(wg_memory_svg(tape, NULL, &error), WG_ERROR_FILE);
    ck_assert_int_eq(wg_memory_svg(tape, "/dev/full", &error), WG_ERROR_FILE);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
}
END_TEST

START_TEST(a_plan_without_buffers_can_be_drawn) {
    wg_tensor *tensor = wg_tensor_new(WG_F32, WG_SHAPE(2), NULL);
    ck_assert_int_eq(wg_prepare(wg_input(tape, tensor)), WG_OK);
    const char *path = temporary_path("empty.svg");
    ck_assert_int_eq(wg_memory_svg(tape, path, NULL), WG_OK);
    char *text = content_of(path);
    assert_well_formed(text);
    ck_assert_uint_eq(count_of(text, "class=\"b\""), 0);
    free(text);
    wg_tensor_free(tensor);
}
END_TEST

/* --- The graph --------------------------------------------------------------------------------- */

START_TEST(every_step_is_a_box_of_the_graph) {
    const wg_plan *plan = prepare_step();
    const char *path = temporary_path("step.dot");
    wg_error error;
    ck_assert_msg(wg_graph_dot(tape, path, &error) == WG_OK, "%s", error.message);
    char *text = content_of(path);
    size_t found = 0;
    for (size_t i = 0; i < plan->steps.count; i++) {
        char box[32];
        snprintf(box, sizeof box, "\n  b%zu [", i);
        found += count_of(text, box) == 1;
    }
    ck_assert_uint_eq(found, plan->steps.count);
    ck_assert_uint_gt(count_of(text, " -> "), plan->steps.count / 2);
    ck_assert_uint_eq(count_of(text, "{"), count_of(text, "}"));
    ck_assert_message_contains(text, "label=<a&lt;b&amp;&quot;c&quot;>");
    free(text);
    ck_assert_int_eq(wg_graph_dot(tape, "/no/such/folder/step.dot", &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "/no/such/folder/step.dot");
}
END_TEST

START_TEST(every_step_is_a_box_of_the_picture_of_the_graph) {
    const wg_plan *plan = prepare_step();
    const char *path = temporary_path("step.svg");
    wg_error error;
    ck_assert_msg(wg_graph_svg(tape, path, &error) == WG_OK, "%s", error.message);
    char *text = content_of(path);
    ck_assert_uint_eq(count_of(text, "<g class=\"step\">"), plan->steps.count);
    ck_assert_uint_gt(count_of(text, "<path d=\"M"), plan->steps.count / 2);
    ck_assert_uint_eq(count_of(text, "<g"), count_of(text, "</g>"));
    ck_assert_uint_eq(count_of(text, "<text"), count_of(text, "</text>"));
    ck_assert_message_contains(text, "a&lt;b&amp;&quot;c&quot;");
    free(text);
    ck_assert_int_eq(wg_graph_svg(tape, "/no/such/folder/step.svg", &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "/no/such/folder/step.svg");
}
END_TEST

/* More boxes than anybody could look at: the other form is named. */
START_TEST(a_plan_too_large_for_a_picture_is_an_error) {
    wg_var y = wg_array(tape, WG_F64, WG_SHAPE(3, 3), (const double[9]){1});
    for (int i = 0; i < 500; i++) y = wg_matmul(y, y);
    ck_assert_int_eq(wg_prepare(y), WG_OK);
    wg_error error;
    ck_assert_int_eq(wg_graph_svg(tape, temporary_path("large.svg"), &error), WG_ERROR_UNSUPPORTED);
    ck_assert_message_contains(error.message, "wg_graph_dot");
}
END_TEST

/* --- Size --------------------------------------------------------------------------------------- */

START_TEST(a_long_chain_is_listed_to_its_end) {
    enum { LINKS = 100000 };
    wg_var x = wg_scalar(tape, 1), y = x;
    for (int i = 0; i < LINKS; i++) y = wg_add(y, x);
    ck_assert_int_eq(wg_prepare(y, wg_grad(y, x)), WG_OK);
    wg_plan_info info;
    ck_assert_int_eq(wg_plan_report(tape, &info), WG_OK);
    ck_assert_uint_gt(info.nodes, LINKS);
    char *text = explained();
    ck_assert_uint_ge(count_of(text, " = add("), LINKS);
    ck_assert_int_eq(wg_memory_svg(tape, temporary_path("chain.svg"), NULL), WG_OK);
    free(text);
}
END_TEST

TRACE_SUITE("trace", the_listing_has_every_step_and_adds_up_to_the_report,
            the_listing_names_the_line_the_scope_and_whose_place_is_taken,
            a_stream_that_cannot_be_written_is_an_error, a_tape_without_a_plan_has_nothing_to_show,
            every_step_is_a_box_of_the_graph, every_step_is_a_box_of_the_picture_of_the_graph,
            a_plan_too_large_for_a_picture_is_an_error, every_buffer_is_in_the_picture_once,
            a_path_that_cannot_be_written_is_named, a_plan_without_buffers_can_be_drawn,
            a_long_chain_is_listed_to_its_end)
