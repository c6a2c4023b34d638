/* Checkpoints that do not fit, or are damaged: an error that says why, and then nothing has changed. */
#include "checkpoint_file.h"
#include <unistd.h>

/* --- What does not fit ------------------------------------------------------------------------ */

/* Loading into `t` fails, says why, and leaves `t` as it is: as its twin. */
static void refuses(const training *t, const training *twin, int status, const char *part) {
    ck_assert(same_training(t, twin));
    ck_assert_int_ne(load(path, t), WG_OK);
    ck_assert_message_contains(error.message, part);
    ck_assert_str_eq(wg_status_name(error.status), wg_status_name(status));
    ck_assert(same_training(t, twin));
}

/* Both where the layers have been met and where they have not; and then it goes on as its twin does. */
static void way_refuses(const way *how, int status, const char *part) {
    for (int steps = 0; steps < 3; steps += 2) {
        training t = walked(how, steps), twin = walked(how, steps);
        refuses(&t, &twin, status, part);
        ck_assert_ok(walk(&t, EPOCH, how));
        ck_assert_ok(walk(&twin, EPOCH, how));
        ck_assert(same_training(&t, &twin));
        end(&t);
        end(&twin);
    }
}

START_TEST(another_loader_is_an_error) {
    save_walked(&(way){.seed = 3}, 7);
    way_refuses(&(way){.samples = 23}, WG_ERROR_ATTRIBUTE, "it has 22 samples, the loader 23");
    way_refuses(&(way){.batch_size = 5}, WG_ERROR_ATTRIBUTE, "it has 4 samples a batch, the loader 5");
    way_refuses(&(way){.drop_last = true}, WG_ERROR_ATTRIBUTE, "it has 6 batches an epoch, the loader 5");
    way_refuses(&(way){.in_order = true}, WG_ERROR_ATTRIBUTE, "it has 1 for shuffle, the loader 0");
}
END_TEST

START_TEST(another_optimizer_is_an_error) {
    save_walked(&(way){.seed = 3}, 7);
    way_refuses(&(way){.optimizer = make_adam}, WG_ERROR_NAME, "the optimizer is \"adam mean square");
    way_refuses(&(way){.optimizer = make_sgd}, WG_ERROR_NAME, "it is of \"adamw mean square");
    save_walked(&(way){.seed = 3, .optimizer = make_sgd}, 7);
    way_refuses(&(way){.optimizer = make_momentum}, WG_ERROR_NAME,
                "it is of \"sgd\", the optimizer is \"sgd momentum\"");
}
END_TEST

START_TEST(other_parameters_are_an_error) {
    const way wide = {.units = 9}, precise = {.dtype = WG_F64};
    save_walked(&(way){.seed = 3}, 7);
    training t = walked(&wide, 2), twin = walked(&wide, 2);
    refuses(&t, &twin, WG_ERROR_NAME, "\"hidden.weight\" is f32[8, 5] in the file, f32[9, 5] in the model");
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = t.optimizer), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message,
                               "mean of \"hidden.bias\" is f32[8] in the file, f32[9] is expected");
    ck_assert(same_training(&t, &twin));
    end(&t);
    end(&twin);
    t = walked(&precise, 2), twin = walked(&precise, 2);
    refuses(&t, &twin, WG_ERROR_NAME, "\"hidden.weight\" is f32[8, 5] in the file, f64[8, 5] in the model");
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = t.optimizer), WG_ERROR_DTYPE);
    ck_assert(same_training(&t, &twin));
    end(&t);
    end(&twin);
}
END_TEST

START_TEST(a_parameter_more_or_less_is_an_error) {
    training t = walked(&(way){.seed = 3}, 2), twin = walked(&(way){.seed = 3}, 2);
    ck_assert_ok(save(path, &t));
    wg_parameter(t.model, t.tape, "extra", WG_SHAPE(2));
    wg_parameter(twin.model, twin.tape, "extra", WG_SHAPE(2));
    refuses(&t, &twin, WG_ERROR_NAME, "\"extra\" is missing");
    ck_assert_ok(save(path, &t));
    end(&t);
    end(&twin);
    t = walked(&(way){.seed = 3}, 2), twin = walked(&(way){.seed = 3}, 2);
    refuses(&t, &twin, WG_ERROR_NAME, "\"extra\" is unknown to the model");
    end(&t);
    end(&twin);
}
END_TEST

/* Where layers have been met, memory of others would wait for ever. */
START_TEST(memory_of_a_parameter_that_is_unknown_is_an_error) {
    save_walked(&(way){.seed = 3}, 7);
    training t = walked(&(way){.seed = 3}, 0);
    wg_linear(t.model, "hidden", wg_full(t.tape, WG_F32, WG_SHAPE(1, FEATURES), 0), 8);
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = t.optimizer), WG_ERROR_NAME);
    ck_assert_message_contains(error.message, "does not fit the optimizer: \"output.bias\" is unknown to it");
    ck_assert_int_eq(wg_optimizer_count(t.optimizer), 0);
    end(&t);
}
END_TEST

START_TEST(what_the_file_lacks_is_an_error) {
    training one = walked(&(way){.seed = 3}, 7);
    training t = walked(&(way){.seed = 4}, 1), twin = walked(&(way){.seed = 4}, 1);
    ck_assert_ok(wg_checkpoint_save(path, &error, .optimizer = one.optimizer, .loader = one.loader));
    refuses(&t, &twin, WG_ERROR_NAME, "a checkpoint without a model");
    ck_assert_int_eq(wg_model_load(t.model, path, &error), WG_ERROR_NAME);
    ck_assert_ok(wg_checkpoint_save(path, &error, .model = one.model, .loader = one.loader));
    refuses(&t, &twin, WG_ERROR_NAME, "a checkpoint without an optimizer");
    ck_assert_ok(wg_checkpoint_save(path, &error, .model = one.model, .optimizer = one.optimizer));
    refuses(&t, &twin, WG_ERROR_NAME, "a checkpoint without a loader");
    ck_assert_ok(wg_checkpoint_load(path, &error, .model = t.model, .optimizer = t.optimizer));
    end(&one);
    end(&t);
    end(&twin);
}
END_TEST

START_TEST(states_of_no_model_must_be_those_of_the_file) {
    wg_state *states[2] = {NULL}, *shorter;
    wg_tensor *one = wg_tensor_new(WG_F64, WG_SHAPE(1), NULL);
    wg_optimizer *saved = adam_of(&states[0]);
    states[1] = wg_state_retain(states[0]);
    wg_optimizer *more = wg_adam_states(states, 2, 0.1);
    ck_assert_ok(wg_checkpoint_save(path, &error, .optimizer = saved));
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = more), WG_ERROR_NAME);
    ck_assert_message_contains(error.message, "\"state 1\" is missing");
    ck_assert_ok(wg_checkpoint_save(path, &error, .optimizer = more));
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = saved), WG_ERROR_NAME);
    ck_assert_message_contains(error.message, "\"state 1\" is unknown");
    wg_optimizer_free(more);
    shorter = wg_state_new(one, NULL);
    more = wg_adam_states(&shorter, 1, 0.1);
    ck_assert_ok(wg_checkpoint_save(path, &error, .optimizer = saved));
    ck_assert_int_eq(wg_checkpoint_load(path, &error, .optimizer = more), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message,
                               "state of \"state 0\" is f64[2] in the file, f64[1] is expected");
    wg_optimizer_free(more);
    wg_optimizer_free(saved);
    wg_state_free(shorter);
    wg_state_free(states[0]);
    wg_state_free(states[1]);
    wg_tensor_free(one);
}
END_TEST

START_TEST(arguments_that_make_no_sense_are_errors) {
    training one = walked(&(way){.seed = 3}, 1), two = walked(&(way){.seed = 3}, 1);
    ck_assert_ok(save(path, &one));
    for (int i = 0; i < 2; i++) {
        int (*call)(const char *, wg_error *, const wg_checkpoint_options *) =
            i ? (wg_checkpoint_save) : (wg_checkpoint_load);
        const size_t size = sizeof(wg_checkpoint_options);
        ck_assert_int_eq(call(NULL, &error, &(wg_checkpoint_options){.size_ = size, .model = one.model}),
                         WG_ERROR_NAME);
        ck_assert_message_contains(error.message, "the path is NULL");
        ck_assert_int_eq(call(path, &error, NULL), WG_ERROR_NAME);
        ck_assert_message_contains(error.message, "no model, no optimizer and no loader");
        ck_assert_int_eq(
            call(path, &error,
                 &(wg_checkpoint_options){.size_ = size, .model = one.model, .optimizer = two.optimizer}),
            WG_ERROR_NAME);
        ck_assert_message_contains(error.message, "the optimizer is another model's");
    }
    end(&one);
    end(&two);
}
END_TEST

/* --- Files that are wrong ------------------------------------------------------------------------ */

enum { MOST = 64 };

/* Writes the checkpoint anew: `key` with another text (NULL: without), or the tensor `name` under another
 * name (NULL: without), or with another tensor. */
typedef struct damage {
    const char *key, *text, *name, *new_name;
    const wg_tensor *tensor;
} damage;

static void rewrite(const damage *how) {
    static const char *const keys[] = {
        "checkpoint",          "model.step",    "model.seed",        "optimizer.kind", "optimizer.step",
        "optimizer.rate_bits", "loader.length", "loader.batch_size", "loader.batches", "loader.shuffle",
        "loader.seed",         "loader.epoch",  "loader.position"};
    wg_named_tensor tensors[MOST];
    wg_tensor *owned[MOST];
    wg_metadata texts[MOST];
    int count = 0, text_count = 0;
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    const int there = wg_safetensors_count(file);
    ck_assert_int_le(there, MOST);
    for (int i = 0; i < there; i++) {
        const char *name = wg_safetensors_name(file, i);
        const bool meant = how->name && !strcmp(name, how->name);
        owned[i] = wg_safetensors_read(file, i, &error);
        if (meant && !how->new_name) continue;
        tensors[count++] =
            (wg_named_tensor){meant ? how->new_name : name, meant && how->tensor ? how->tensor : owned[i]};
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const bool meant = how->key && !strcmp(keys[i], how->key);
        const char *text = meant ? how->text : wg_safetensors_metadata(file, keys[i]);
        if (text) texts[text_count++] = (wg_metadata){keys[i], text};
    }
    ck_assert_ok(
        wg_safetensors_write(path, tensors, count, &error, .metadata = texts, .metadata_count = text_count));
    for (int i = 0; i < there; i++) wg_tensor_free(owned[i]);
    wg_safetensors_close(file);
}

static void damaged_is_refused(const damage *how, int status, const char *part) {
    save_walked(&(way){.seed = 3}, 7);
    rewrite(how);
    way_refuses(&(way){.seed = 4}, status, part);
}

START_TEST(numbers_that_are_none_are_errors) {
    static const char *const keys[] = {"model.step",          "model.seed",     "optimizer.step",
                                       "optimizer.rate_bits", "loader.shuffle", "loader.batches",
                                       "loader.seed",         "loader.epoch",   "loader.position"};
    static const char *const texts[] = {"-1", "", "1e3", " 1", "18446744073709551616", NULL};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        for (int k = 0; k < 6; k++)
            damaged_is_refused(&(damage){.key = keys[i], .text = texts[k]},
                               !texts[k] && i == 0 ? WG_ERROR_NAME : WG_ERROR_FORMAT,
                               !texts[k] && i == 0 ? "without a model" : keys[i]);
}
END_TEST

START_TEST(numbers_that_cannot_be_are_errors) {
    damaged_is_refused(&(damage){.key = "loader.position", .text = "7"}, WG_ERROR_FORMAT,
                       "no loader is at epoch 1, position 7");
    damaged_is_refused(&(damage){.key = "loader.epoch", .text = "9223372036854775807"}, WG_ERROR_FORMAT,
                       "no loader is at epoch 9223372036854775807");
    damaged_is_refused(&(damage){.key = "optimizer.step", .text = "6"}, WG_ERROR_FORMAT,
                       "its model is at step 7, its optimizer at 6");
    damaged_is_refused(&(damage){.key = "checkpoint", .text = "2"}, WG_ERROR_UNSUPPORTED,
                       "a checkpoint of version 2; expected 1");
    damaged_is_refused(&(damage){.key = "checkpoint"}, WG_ERROR_FORMAT, "is not a checkpoint");
}
END_TEST

START_TEST(memory_that_is_not_whole_is_an_error) {
    wg_tensor *other = wg_tensor_new(WG_F32, WG_SHAPE(3, 3), NULL),
              *whole = wg_tensor_new(WG_I32, WG_SHAPE(8), NULL);
    damaged_is_refused(&(damage){.name = "optimizer/square/hidden.bias"}, WG_ERROR_FORMAT,
                       "no square of \"hidden.bias\"");
    damaged_is_refused(&(damage){.name = "optimizer/mean/hidden.bias"}, WG_ERROR_FORMAT,
                       "\"optimizer/square/hidden.bias\" without the memory before it");
    damaged_is_refused(
        &(damage){.name = "optimizer/mean/hidden.bias", .new_name = "optimizer/mine/hidden.bias"},
        WG_ERROR_FORMAT, "hidden.bias");
    damaged_is_refused(&(damage){.name = "optimizer/mean/hidden.bias", .new_name = "optimizer/"},
                       WG_ERROR_FORMAT, "\"optimizer/\" is nothing that adamw has");
    damaged_is_refused(&(damage){.name = "optimizer/square/hidden.bias",
                                 .new_name = "optimizer/square/hidden.bias",
                                 .tensor = other},
                       WG_ERROR_SHAPE,
                       "square of \"hidden.bias\" is f32[3, 3] in the file, f32[8] is expected");
    damaged_is_refused(&(damage){.name = "optimizer/mean/hidden.bias",
                                 .new_name = "optimizer/mean/hidden.bias",
                                 .tensor = whole},
                       WG_ERROR_DTYPE, "mean of \"hidden.bias\" is i32[8] in the file, f32[8] is expected");
    damaged_is_refused(&(damage){.name = "optimizer/mean_weight/hidden.bias",
                                 .new_name = "optimizer/mean_weight/hidden.bias",
                                 .tensor = whole},
                       WG_ERROR_DTYPE,
                       "mean_weight of \"hidden.bias\" is i32[8] in the file, f64[] is expected");
    wg_tensor_free(other);
    wg_tensor_free(whole);
}
END_TEST

START_TEST(other_files_are_errors) {
    training t = walked(&(way){.seed = 3}, 2), twin = walked(&(way){.seed = 3}, 2);
    ck_assert_ok(wg_model_save(t.model, path, &error));
    refuses(&t, &twin, WG_ERROR_FORMAT, "run.checkpoint is not a checkpoint; wg_checkpoint_save writes one");
    file_of("run.checkpoint", "", 0);
    refuses(&t, &twin, WG_ERROR_FORMAT, "run.checkpoint");
    file_of("run.checkpoint", "\x89PNG\r\n\x1a\n and so on", 18);
    refuses(&t, &twin, WG_ERROR_FORMAT, "run.checkpoint");
    unlink(path);
    refuses(&t, &twin, WG_ERROR_FILE, "run.checkpoint: No such file");
    end(&t);
    end(&twin);
}
END_TEST

static char bytes[20000], now[20000];

START_TEST(a_file_that_was_cut_anywhere_is_an_error) {
    save_walked(&(way){.seed = 3}, 7);
    const size_t size = bytes_of(path, bytes, sizeof bytes);
    ck_assert_uint_gt(size, 2000);
    ck_assert_uint_lt(size, sizeof bytes);
    training t = walked(&(way){.seed = 4}, 1), fresh = walked(&(way){.seed = 4}, 1);
    int refused = 0;
    for (size_t cut = 0; cut < size; cut += 1 + cut / 64) {
        file_of("run.checkpoint", bytes, cut);
        if (load(path, &t) == WG_OK || !same_training(&t, &fresh)) ck_abort_msg("cut to %zu bytes", cut);
        refused++;
    }
    ck_assert_int_ge(refused, 200);
    end(&t);
    end(&fresh);
}
END_TEST

/* A bit of the header may be turned and still make sense (another seed, say): then all of it is loaded. */
START_TEST(a_header_with_a_wrong_bit_is_loaded_whole_or_not_at_all) {
    save_walked(&(way){.seed = 3}, 7);
    const size_t size = bytes_of(path, bytes, sizeof bytes);
    size_t header = 8;
    for (int i = 0; i < 8; i++) header += (size_t)(unsigned char)bytes[i] << 8 * i;
    ck_assert(header < size);
    training untouched = walked(&(way){.seed = 4}, 1);
    int loaded = 0, refused = 0;
    for (size_t at = 0; at < header; at++) {
        training t = walked(&(way){.seed = 4}, 1);
        memcpy(now, bytes, size);
        now[at] = (char)(now[at] ^ 1 << at % 7);
        file_of("run.checkpoint", now, size);
        if (load(path, &t) == WG_OK)
            loaded++;
        else if (same_training(&t, &untouched))
            refused++;
        end(&t);
    }
    ck_assert_int_eq((size_t)(loaded + refused), header);
    ck_assert_int_gt(refused, 100);
    end(&untouched);
}
END_TEST

WG_SUITE_WITH("checkpoint/refused", name_file, NULL, another_loader_is_an_error,
              another_optimizer_is_an_error, other_parameters_are_an_error,
              a_parameter_more_or_less_is_an_error, memory_of_a_parameter_that_is_unknown_is_an_error,
              what_the_file_lacks_is_an_error, states_of_no_model_must_be_those_of_the_file,
              arguments_that_make_no_sense_are_errors, numbers_that_are_none_are_errors,
              numbers_that_cannot_be_are_errors, memory_that_is_not_whole_is_an_error, other_files_are_errors,
              a_file_that_was_cut_anywhere_is_an_error,
              a_header_with_a_wrong_bit_is_loaded_whole_or_not_at_all)
