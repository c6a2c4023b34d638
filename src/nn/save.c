/* save — a model's parameters into a safetensors file, and out of one. The step travels as text under
 * the key "step" of the file's metadata. */
#include "nn/model.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <wengert/io.h>

static const char step_key[] = "step";

int wg_model_save(const wg_model *model, const char *path, wg_error *error) {
    if (!model || !path)
        return wg_error_set(error, WG_ERROR_NAME, "wg_model_save: the %s is NULL", model ? "path" : "model");
    wg_named_tensor *tensors = malloc((model->entry_count + 1) * sizeof *tensors);
    if (!tensors) return wg_error_set(error, WG_ERROR_MEMORY, "wg_model_save: out of memory");
    for (size_t i = 0; i < model->entry_count; i++) {
        const wg_parameter_info *info = &model->entries[i]->info;
        tensors[i] = (wg_named_tensor){info->path, wg_state_tensor(info->state)};
    }
    char step[32];
    snprintf(step, sizeof step, "%" PRId64, wg_model_step(model));
    const wg_metadata metadata = {step_key, step};
    const wg_safetensors_options options = {
        .size_ = sizeof options, .metadata = &metadata, .metadata_count = 1};
    const int status = (wg_safetensors_write)(path, tensors, (int)model->entry_count, error, &options);
    free(tensors);
    return status;
}

/* --- What does not fit ------------------------------------------------------------------------ */

/* A list of faults in words: as many as there is room for, and how many more. */
typedef struct faults {
    char text[800];
    size_t length;
    int count, listed;
} faults;

static void add_fault(faults *list, const char *format, ...) WG_PRINTF(2, 3);
static void add_fault(faults *list, const char *format, ...) {
    const size_t room = sizeof list->text - list->length;
    char text[WG_PATH_SIZE + 2 * WG_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    const int length = snprintf(list->text + list->length, room, "%s%s", list->count ? "; " : "", text);
    list->count++;
    if (list->listed + 1 < list->count || length < 0 || (size_t)length >= room) {
        list->text[list->length] = '\0'; /* it and those after it are only counted */
        return;
    }
    list->length += (size_t)length;
    list->listed++;
}

static void compare_types(faults *list, const char *path, const wg_type *in_file, const wg_type *in_model) {
    if (wg_type_equal(in_file, in_model)) return;
    char file_text[WG_TEXT_SIZE], model_text[WG_TEXT_SIZE];
    add_fault(list, "\"%s\" is %s in the file, %s in the model", path, wg_type_text(file_text, in_file, true),
              wg_type_text(model_text, in_model, true));
}

/* Does the file hold exactly the model's parameters? */
static int check_fit(const wg_model *model, const wg_safetensors *file, const char *path, wg_error *error) {
    faults list = {.count = 0};
    for (size_t i = 0; i < model->entry_count; i++) {
        const wg_parameter_info *info = &model->entries[i]->info;
        const int index = wg_safetensors_find(file, info->path);
        const wg_type in_model = wg_tensor_type(wg_state_tensor(info->state));
        const wg_type in_file = wg_safetensors_type(file, index);
        if (index < 0)
            add_fault(&list, "\"%s\" is missing", info->path);
        else
            compare_types(&list, info->path, &in_file, &in_model);
    }
    for (int i = 0; i < wg_safetensors_count(file); i++)
        if (!wg_model_find(model, wg_safetensors_name(file, i)))
            add_fault(&list, "\"%s\" is unknown to the model", wg_safetensors_name(file, i));
    if (list.count == 0) return WG_OK;
    char more[48] = "";
    if (list.count > list.listed) snprintf(more, sizeof more, "; and %d more", list.count - list.listed);
    return wg_error_set(error, WG_ERROR_NAME, "%.120s does not fit the model: %s%s", path, list.text, more);
}

/* --- Loading ---------------------------------------------------------------------------------- */

static bool has_met_any(const wg_model *model) {
    for (size_t i = 0; i < model->entry_count; i++)
        if (model->entries[i]->info.met) return true;
    return false;
}

/* The step that the file tells, or the model's where it tells none. */
static int read_step(const wg_model *model, const wg_safetensors *file, const char *path, int64_t *step,
                     wg_error *error) {
    *step = wg_model_step(model);
    const char *text = wg_safetensors_metadata(file, step_key);
    if (!text) return WG_OK;
    char *end;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (errno || end == text || *end || number < 0)
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%.400s: its step is \"%.64s\"; a whole number is expected", path, text);
    *step = number;
    return WG_OK;
}

/* Reads every tensor of the file into `loaded`, as parameters that no layer has met. */
static int read_all(wg_model *loaded, wg_safetensors *file, wg_error *error) {
    for (int i = 0; i < wg_safetensors_count(file); i++) {
        wg_error own = {0};
        wg_tensor *tensor = wg_safetensors_read(file, i, &own);
        wg_state *state = tensor ? wg_state_new(tensor, &own) : NULL;
        wg_tensor_free(tensor);
        if (state) wg_model_add(loaded, wg_safetensors_name(file, i), state, false, &own);
        wg_state_free(state);
        if (own.status) return wg_error_set(error, own.status, "%s", own.message);
    }
    return WG_OK;
}

/* Everything that can fail has been done: takes over what `loaded` holds. */
static int take_over(wg_model *model, wg_model *loaded, const wg_tensor *step) {
    if (has_met_any(model)) {
        for (size_t i = 0; i < model->entry_count; i++)
            wg_state_set(model->entries[i]->info.state, wg_state_tensor(loaded->entries[i]->info.state),
                         NULL);
    } else {
        const wg_model old = *model;
        model->entries = loaded->entries;
        model->entry_count = loaded->entry_count;
        model->entry_capacity = loaded->entry_capacity;
        loaded->entries = old.entries;
        loaded->entry_count = old.entry_count;
    }
    return wg_state_set(model->step, step, NULL);
}

static int load_from(wg_model *model, wg_safetensors *file, const char *path, wg_error *error) {
    int64_t step;
    int status = read_step(model, file, path, &step, error);
    if (status == WG_OK && has_met_any(model)) status = check_fit(model, file, path, error);
    if (status) return status;
    wg_tensor *step_tensor = wg_tensor_new(WG_I64, WG_SCALAR_SHAPE, error);
    if (!step_tensor) return WG_ERROR_MEMORY;
    memcpy(wg_tensor_writable(step_tensor), &step, sizeof step);

    wg_model loaded = {.freezes = model->freezes, .freeze_count = model->freeze_count};
    status = read_all(&loaded, file, error);
    if (status == WG_OK) status = take_over(model, &loaded, step_tensor);
    wg_model_empty(&loaded);
    free(loaded.entries);
    wg_tensor_free(step_tensor);
    return status;
}

int wg_model_load(wg_model *model, const char *path, wg_error *error) {
    if (!model || !path)
        return wg_error_set(error, WG_ERROR_NAME, "wg_model_load: the %s is NULL", model ? "path" : "model");
    wg_error own = {0};
    wg_safetensors *file = wg_safetensors_open(path, &own);
    if (!file) return wg_error_set(error, own.status, "%s", own.message);
    const int status = load_from(model, file, path, error);
    wg_safetensors_close(file);
    return status;
}
