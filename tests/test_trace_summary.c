/* The table of layers: what each gives, counted by hand. */
#include "model_suite.h"
#include <stdlib.h>
#include <string.h>

static char *summary_of(const wg_model *of) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    const int status = wg_summary(of, tape, stream);
    fclose(stream);
    ck_assert_int_eq(status, WG_OK);
    return text;
}

/* The line of that layer, its runs of spaces as one. */
static const char *line_of(const char *text, const char *layer) {
    static char line[256];
    const size_t length = strlen(layer);
    for (const char *at = text; at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
        if (strncmp(at, layer, length) || at[length] != ' ') continue;
        size_t n = 0;
        for (; *at && *at != '\n' && n + 1 < sizeof line; at++)
            if (*at != ' ' || at[1] != ' ') line[n++] = *at;
        line[n] = '\0';
        return line;
    }
    return "";
}

static wg_var ones(int64_t rows, int64_t columns) {
    static const float numbers[64] = {1};
    return wg_array(tape, WG_F32, WG_SHAPE(rows, columns), numbers);
}

/* A product takes 2 K operations an element, adding the bias one, relu one. */
START_TEST(rows_tell_of_layers_in_the_order_in_which_they_compute) {
    wg_scope(tape, "block");
    const wg_var hidden = wg_relu(wg_linear(model, "fc1", ones(4, 10), 20));
    wg_scope_end(tape);
    const wg_var y = wg_linear(model, "fc2", hidden, 3, .no_bias = true);
    ck_assert_msg(wg_prepare(y) == WG_OK, "%s", wg_tape_message(tape));
    char *text = summary_of(model);
    ck_assert_str_eq(line_of(text, "block/fc1"), "block/fc1 f32[4, 20] 220 1.68 K 75.0%");
    ck_assert_str_eq(line_of(text, "block"), "block f32[4, 20] 0 80 3.6%");
    ck_assert_str_eq(line_of(text, "fc2"), "fc2 f32[4, 3] 60 480 21.4%");
    ck_assert_str_eq(line_of(text, "all"), "all 280 2.24 K 100.0%");
    ck_assert(strstr(text, "block/fc1") < strstr(text, "fc2 "));
    ck_assert_ptr_null(strstr(text, "backward"));
    free(text);
}
END_TEST

START_TEST(a_training_step_counts_its_backward_pass_apart) {
    wg_optimizer *sgd = wg_sgd(model, 0.1);
    const wg_var loss = wg_sum(wg_linear(model, "fc", ones(4, 10), 1), WG_ALL_AXES);
    wg_minimize(sgd, loss);
    ck_assert_msg(wg_prepare(loss) == WG_OK, "%s", wg_tape_message(tape));
    char *text = summary_of(model);
    ck_assert_str_eq(line_of(text, "fc"), "fc f32[4, 1] 11 84 95.5%");
    ck_assert_ptr_nonnull(strstr(text, "with backward pass and update: "));
    free(text);
    wg_optimizer_free(sgd);
}
END_TEST

START_TEST(parameters_that_the_plan_does_not_use_have_a_row) {
    wg_linear(model, "other", ones(1, 5), 2);
    const wg_var y = wg_linear(model, "fc", ones(1, 4), 2);
    ck_assert_msg(wg_prepare(y) == WG_OK, "%s", wg_tape_message(tape));
    char *text = summary_of(model);
    ck_assert_str_eq(line_of(text, "(others)"), "(others) not used 12 0 0.0%");
    free(text);
    text = summary_of(NULL);
    ck_assert_str_eq(line_of(text, "fc"), "fc f32[1, 2] 0 18 100.0%");
    free(text);
}
END_TEST

START_TEST(without_a_plan_or_a_stream_it_is_an_error) {
    ck_assert_int_eq(wg_summary(model, tape, NULL), WG_ERROR_FILE);
    ck_assert_int_eq(wg_summary(model, tape, stderr), WG_ERROR_STALE);
    ck_assert_int_eq(wg_summary(model, NULL, stderr), WG_ERROR_STALE);
}
END_TEST

WG_MODEL_SUITE("trace/summary", rows_tell_of_layers_in_the_order_in_which_they_compute,
               a_training_step_counts_its_backward_pass_apart,
               parameters_that_the_plan_does_not_use_have_a_row, without_a_plan_or_a_stream_it_is_an_error)
