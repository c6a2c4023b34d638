/* `wengert bench`, run as a person or a script would run it: every line is JSON with the keys that scripts
 * rely on, a wrong command line is refused, and --paced and --export speak to another program. */
#include "suite.h"
#include <jansson.h>
#include <math.h>

static char output[60000];

/* Its exit status; standard output in `output`, or standard error where `arguments` say so. */
static int bench(const char *arguments) {
    return run_command(output, sizeof output, "cd '%s' && \"$WG_BUILD_ROOT/wengert\" bench %s",
                       temporary_path(""), arguments);
}

static void must_bench(const char *arguments) {
    const int status = bench(arguments);
    ck_assert_msg(status == 0, "bench %s: exit status %d\n%.3000s", arguments, status, output);
}

/* The next line of the output as JSON, the caller's; NULL after the last. */
static json_t *next_line(char **at) {
    char *line = strsep(at, "\n");
    if (!line || !*line) return NULL;
    json_error_t error;
    json_t *value = json_loads(line, 0, &error);
    ck_assert_msg(json_is_object(value), "%s in \"%.500s\"", error.text, line);
    return value;
}

static double number(json_t *line, const char *key) {
    json_t *value = json_object_get(line, key);
    ck_assert_msg(json_is_number(value), "no number \"%s\"", key);
    return json_number_value(value);
}

static const char *text(json_t *line, const char *key) {
    const char *value = json_string_value(json_object_get(line, key));
    ck_assert_msg(value != NULL, "no text \"%s\"", key);
    return value;
}

START_TEST(a_line_has_the_keys_of_its_peers_and_the_instruction_set) {
    must_bench("mlp --runs 3 --threads 2 2>/dev/null");
    static const char *const variants[] = {"record", "rerun"};
    char *at = output;
    for (int i = 0; i < 2; i++) {
        json_t *line = next_line(&at);
        ck_assert_str_eq(text(line, "model"), "mlp");
        ck_assert_int_eq(strncmp(text(line, "peer"), "wengert ", 8), 0);
        ck_assert_str_eq(text(line, "variant"), variants[i]);
        ck_assert_str_eq(text(line, "dtype"), "f32");
        ck_assert_double_eq(number(line, "threads"), 2);
        ck_assert_str_eq(text(line, "isa"), wg_engine_count(wg_engine_default(NULL)).isa);
        ck_assert_double_eq(number(line, "runs"), 3);
        ck_assert_double_gt(number(line, "min_ms"), 0);
        ck_assert_double_ge(number(line, "median_ms"), number(line, "min_ms"));
        ck_assert_double_gt(number(line, "peak_mb"), number(line, "grown_mb"));
        json_decref(line);
    }
    ck_assert_ptr_null(next_line(&at));
}
END_TEST

/* 784 -> 256 -> 10 on 64 samples: forward and both gradients of the second layer, forward and the gradient of
 * the weights of the first. */
START_TEST(a_line_tells_of_the_plan_and_of_what_became_of_it) {
    must_bench("mlp --runs 3 --variant record 2>/dev/null");
    char *at = output;
    json_t *line = next_line(&at);
    const double products = 2.0 * 64 * (2.0 * 784 * 256 + 3.0 * 256 * 10);
    ck_assert_double_ge(number(line, "flops"), products);
    ck_assert_double_le(number(line, "flops"), 1.1 * products);
    const double weights = 4.0 * (784 * 256 + 256 + 256 * 10 + 10);
    ck_assert_double_ge(number(line, "gradient_bytes"), weights);
    ck_assert_double_gt(number(line, "predicted_bytes"), 0);
    if (!UNDER_SANITIZER) /* whose own memory grows as well */
        ck_assert_double_le(number(line, "measured_bytes"), number(line, "predicted_bytes") + (4 << 20));
    json_decref(line);
}
END_TEST

/* 500 links y = 1.0001 y + 1.0001 from y = 1: the gradient is 1.0001^500. */
START_TEST(another_program_can_pace_it) {
    must_bench("chain --dtype f64 --paced 2>/dev/null <<END\n2\n3\nEND");
    char *at = output;
    json_t *line = next_line(&at);
    ck_assert(json_is_true(json_object_get(line, "ready")));
    json_decref(line);
    double y = 1;
    for (int i = 0; i < 500; i++) y = y * 1.0001 + 1.0001;
    for (int steps = 2; steps <= 3; steps++) {
        line = next_line(&at);
        ck_assert_int_eq((int)json_array_size(json_object_get(line, "ms")), steps);
        ck_assert_int_eq((int)json_array_size(json_object_get(line, "loss")), steps);
        const double last = json_number_value(json_array_get(json_object_get(line, "loss"), 0));
        ck_assert_double_eq_tol(last, y, 1e-9);
        ck_assert_double_eq_tol(number(line, "gradient"), pow(1.0001, 500), 1e-11);
        json_decref(line);
    }
    ck_assert_ptr_null(next_line(&at));
}
END_TEST

START_TEST(weights_and_batch_are_exported_as_they_are_before_the_first_step) {
    must_bench("cnn --runs 1 --variant record --export first.safetensors 2>/dev/null");
    wg_error error = {0};
    wg_safetensors *file = wg_safetensors_open(temporary_path("first.safetensors"), &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    ck_assert_int_eq(wg_safetensors_count(file), 10);
    const wg_type x = wg_safetensors_type(file, wg_safetensors_find(file, "batch.x"));
    ck_assert_int_eq(x.dtype, WG_F32);
    ck_assert_int_eq((int)(x.extent[0] * x.extent[1] * x.extent[2] * x.extent[3]), 64 * 28 * 28);
    /* biases start with zeros, and a step would change that */
    wg_tensor *bias = wg_safetensors_read(file, wg_safetensors_find(file, "fc2.bias"), &error);
    ck_assert_msg(bias != NULL, "%s", error.message);
    for (int i = 0; i < 10; i++) ck_assert_double_eq(wg_tensor_get(bias, i), 0);
    wg_tensor_free(bias);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(each_pass_is_switched_off_in_turn) {
    must_bench("chain --passes --runs 2 2>/dev/null");
    char *at = output;
    int lines = 0;
    for (json_t *line; (line = next_line(&at)) != NULL; lines++) {
        ck_assert_double_gt(number(line, "ratio"), 0);
        ck_assert_double_gt(number(line, "min_ratio"), 0);
        if (lines) ck_assert_str_eq(text(line, "disabled"), wg_pass_at(lines - 1)->name);
        json_decref(line);
    }
    ck_assert_ptr_nonnull(wg_pass_at(lines - 2));
    ck_assert_ptr_null(wg_pass_at(lines - 1));
}
END_TEST

START_TEST(a_larger_budget_costs_no_more_and_a_smaller_one_needs_no_more) {
    must_bench("mlp --sweep --runs 1 2>/dev/null");
    char *at = output;
    int lines = 0;
    double budget = 0, peak = 0, flops = INFINITY, distinct = 0, peaks = 0;
    for (json_t *line; (line = next_line(&at)) != NULL; lines++) {
        ck_assert_double_ge(number(line, "budget"), budget);
        ck_assert_double_ge(number(line, "predicted_bytes"), peak);
        peaks += number(line, "predicted_bytes") > peak;
        distinct = number(line, "distinct");
        ck_assert_double_le(number(line, "flops"), flops);
        budget = number(line, "budget"), peak = number(line, "predicted_bytes"),
        flops = number(line, "flops");
        json_decref(line);
    }
    ck_assert_int_eq(lines, 20);
    ck_assert_double_eq(peaks, fmin(distinct, 20)); /* every peak is there */
}
END_TEST

START_TEST(a_wrong_command_line_is_refused_with_the_reason) {
    static const struct {
        const char *arguments, *reason;
    } wrong[] = {
        {"resnet", "no model \"resnet\""},
        {"--threads 0", "--threads wants 1 to 1024, not \"0\""},
        {"--runs x", "--runs wants"},
        {"--dtype f16", "f32 or f64, not \"f16\""},
        {"--seconds", "requires an argument"},
        {"--budget -5", "--budget wants a count of bytes"},
        {"--variant best", "record or rerun"},
        {"--frobnicate", "unrecognized option"},
        {"--paced", "goes with one model"},
        {"mlp --disable nothing --runs 1", "names the pass \"nothing\""},
        {"--passes --disable fuse", "chooses"},
        {"--sweep --budget 5", "chooses"},
        {"--export weights", "one model"},
        {"mlp --seconds nan", "--seconds wants a time"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(bench(wrong[i].arguments), 2);
        ck_assert_message_contains(output, wrong[i].reason);
    }
}
END_TEST

START_TEST(a_step_that_cannot_be_taken_is_reported) {
    ck_assert_int_eq(bench("mlp --runs 1 --export no/such/folder/weights"), 1);
    ck_assert_message_contains(output, "wengert bench: mlp: ");
    ck_assert_message_contains(output, "no/such/folder/weights");
}
END_TEST

WG_SUITE("cli/bench", a_line_has_the_keys_of_its_peers_and_the_instruction_set,
         a_line_tells_of_the_plan_and_of_what_became_of_it, another_program_can_pace_it,
         weights_and_batch_are_exported_as_they_are_before_the_first_step, each_pass_is_switched_off_in_turn,
         a_larger_budget_costs_no_more_and_a_smaller_one_needs_no_more,
         a_wrong_command_line_is_refused_with_the_reason, a_step_that_cannot_be_taken_is_reported)
