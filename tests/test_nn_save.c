/* Models saved and loaded: bit for bit, and what does not fit is listed. */
#include "model_suite.h"
#include <math.h>
#include <stdio.h>

static wg_var network(wg_model *of, int64_t hidden) {
    const wg_var x = wg_full(tape, WG_F32, WG_SHAPE(2, 3), 0.5);
    return wg_linear(of, "fc2", wg_linear(of, "fc1", x, hidden), 2);
}

static void same_values(const wg_model *a, const wg_model *b) {
    ck_assert_int_eq(wg_model_count(a), 4);
    ck_assert_int_eq(wg_model_count(b), 4);
    for (int i = 0; i < 4; i++) {
        const wg_tensor *x = wg_state_tensor(wg_model_parameter(a, i)->state);
        const wg_tensor *y = wg_state_tensor(wg_model_parameter(b, i)->state);
        ck_assert_str_eq(wg_model_parameter(a, i)->path, wg_model_parameter(b, i)->path);
        ck_assert_int_eq(wg_tensor_count(x), wg_tensor_count(y));
        ck_assert_int_eq(memcmp(wg_tensor_data(x), wg_tensor_data(y), (size_t)wg_tensor_count(x) * 4), 0);
    }
}

/* Two steps of training, then saved. */
static const char *trained(void) {
    wg_optimizer *sgd = wg_sgd(model, 0.1);
    for (int i = 0; i < 2; i++) {
        const wg_var loss = wg_mean(wg_square(network(model, 4)), WG_ALL_AXES);
        wg_minimize(sgd, loss);
        ck_assert_msg(wg_eval(loss) == WG_OK, "%s", wg_tape_message(tape));
        wg_tape_clear(tape);
    }
    wg_optimizer_free(sgd);
    const char *path = temporary_path("model.safetensors");
    wg_error error = {0};
    ck_assert_msg(wg_model_save(model, path, &error) == WG_OK, "%s", error.message);
    return path;
}

START_TEST(a_model_with_these_parameters_gets_their_bits_and_the_step) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    network(other, 4);
    ck_assert_int_eq(wg_model_load(other, path, NULL), WG_OK);
    same_values(model, other);
    ck_assert_int_eq(wg_model_step(other), 2);
    wg_model_free(other);
}
END_TEST

START_TEST(an_empty_model_keeps_what_it_loads_until_it_is_met) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    ck_assert_int_eq(wg_model_load(other, path, NULL), WG_OK);
    for (int i = 0; i < 4; i++) ck_assert(!wg_model_parameter(other, i)->met);
    network(other, 4);
    ck_assert_int_eq(wg_tape_status(tape), WG_OK);
    same_values(model, other);
    for (int i = 0; i < 4; i++) ck_assert(wg_model_parameter(other, i)->met);
    wg_model_free(other);
}
END_TEST

START_TEST(a_layer_of_another_shape_than_what_was_loaded_is_an_error) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    ck_assert_int_eq(wg_model_load(other, path, NULL), WG_OK);
    network(other, 5);
    assert_error(
        tape, WG_ERROR_SHAPE,
        "parameter \"fc1.weight\": f32[5, 3] is asked for, but the model has loaded it as f32[4, 3]");
    wg_model_free(other);
}
END_TEST

START_TEST(what_waits_is_replaced_by_another_load) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    ck_assert_int_eq(wg_model_load(other, path, NULL), WG_OK);
    ck_assert_int_eq(wg_model_load(other, path, NULL), WG_OK);
    same_values(model, other);
    wg_model_free(other);
}
END_TEST

START_TEST(what_does_not_fit_is_listed_and_nothing_is_loaded) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    wg_linear(other, "fc1", wg_full(tape, WG_F32, WG_SHAPE(2, 3), 1), 5, .no_bias = true);
    wg_linear(other, "head", wg_full(tape, WG_F32, WG_SHAPE(2, 3), 1), 2, .no_bias = true);
    const double before = wg_tensor_get(wg_state_tensor(wg_model_find(other, "fc1.weight")->state), 0);
    wg_error error;
    ck_assert_int_eq(wg_model_load(other, path, &error), WG_ERROR_NAME);
    ck_assert_message_contains(error.message,
                               "\"fc1.weight\" is f32[4, 3] in the file, f32[5, 3] in the model");
    ck_assert_message_contains(error.message, "\"head.weight\" is missing");
    ck_assert_message_contains(error.message, "\"fc1.bias\" is unknown to the model");
    ck_assert_message_contains(error.message, "\"fc2.weight\" is unknown to the model");
    ck_assert_double_eq(wg_tensor_get(wg_state_tensor(wg_model_find(other, "fc1.weight")->state), 0), before);
    ck_assert_int_eq(wg_model_step(other), 0);
    wg_model_free(other);
}
END_TEST

START_TEST(a_long_list_is_cut_and_counted) {
    const char *path = trained();
    wg_model *other = wg_model_new(.seed = 8);
    char name[128];
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "a_rather_long_name_of_a_parameter_%02d", i);
        wg_parameter(other, tape, name, WG_SHAPE(1));
    }
    wg_error error;
    ck_assert_int_eq(wg_model_load(other, path, &error), WG_ERROR_NAME);
    ck_assert_message_contains(error.message, "\"a_rather_long_name_of_a_parameter_00\" is missing; \"a");
    ck_assert_message_contains(error.message, "; and ");
    ck_assert_message_contains(error.message, " more");
    wg_model_free(other);
}
END_TEST

START_TEST(a_file_without_a_step_leaves_the_models) {
    const char *path = temporary_path("plain.safetensors");
    const float values[] = {1, 2};
    wg_tensor *tensor = wg_tensor_over(WG_F32, WG_SHAPE(2), values, NULL);
    const wg_named_tensor named = {"w", tensor};
    ck_assert_int_eq(wg_safetensors_write(path, &named, 1, NULL), WG_OK);
    wg_tensor_free(tensor);
    ck_assert_int_eq(wg_model_load(model, path, NULL), WG_OK);
    ck_assert_int_eq(wg_model_step(model), 0);
    assert_values(wg_parameter(model, tape, "w", WG_SHAPE(2)), 0, 1, 2);
}
END_TEST

START_TEST(a_step_that_is_no_number_is_an_error) {
    const char *path = temporary_path("odd.safetensors");
    const wg_metadata metadata = {"step", "12 or so"};
    ck_assert_int_eq(wg_safetensors_write(path, NULL, 0, NULL, .metadata = &metadata, .metadata_count = 1),
                     WG_OK);
    wg_error error;
    ck_assert_int_eq(wg_model_load(model, path, &error), WG_ERROR_FORMAT);
    ck_assert_message_contains(error.message, "its step is \"12 or so\"");
}
END_TEST

START_TEST(a_missing_file_is_an_error_that_names_it) {
    wg_error error;
    ck_assert_int_eq(wg_model_load(model, temporary_path("none.safetensors"), &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "none.safetensors");
    ck_assert_int_eq(wg_model_load(NULL, "x", NULL), WG_ERROR_NAME);
    ck_assert_int_eq(wg_model_load(model, NULL, NULL), WG_ERROR_NAME);
    ck_assert_int_eq(wg_model_save(NULL, "x", NULL), WG_ERROR_NAME);
}
END_TEST

WG_MODEL_SUITE("nn/save", a_model_with_these_parameters_gets_their_bits_and_the_step,
               an_empty_model_keeps_what_it_loads_until_it_is_met,
               a_layer_of_another_shape_than_what_was_loaded_is_an_error,
               what_waits_is_replaced_by_another_load, what_does_not_fit_is_listed_and_nothing_is_loaded,
               a_long_list_is_cut_and_counted, a_file_without_a_step_leaves_the_models,
               a_step_that_is_no_number_is_an_error, a_missing_file_is_an_error_that_names_it)
