/* save — a model's parameters into a safetensors file, and out of one or out of a checkpoint.
 *
 * A model's own file has the parameters under their paths and the step as text under the key "step" of the
 * metadata. A checkpoint has other things beside them, and other names: io/checkpoint.h. */
#include "io/checkpoint.h"
#include "nn/model.h"
#include <stdlib.h>

static const char step_key[] = "step";

void wg_model_pack(const wg_model *model, wg_parcel *parcel, const char *prefix) {
    for (size_t i = 0; i < model->entry_count; i++) {
        const wg_parameter_info *info = &model->entries[i]->info;
        wg_parcel_tensor(parcel, wg_state_tensor(info->state), "%s%s", prefix, info->path);
    }
}

int wg_model_save(const wg_model *model, const char *path, wg_error *error) {
    if (!model || !path)
        return wg_error_set(error, WG_ERROR_NAME, "wg_model_save: the %s is NULL", model ? "path" : "model");
    wg_parcel parcel = {0};
    wg_model_pack(model, &parcel, "");
    wg_parcel_number(&parcel, step_key, (uint64_t)wg_model_step(model));
    return wg_parcel_send(&parcel, path, error);
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

/* A model's part of an open file. */
typedef struct source {
    wg_safetensors *file;
    const char *path, *prefix;
} source;

/* The path of the parameter that tensor number `index` is; NULL: it is none. */
static const char *parameter_at(const source *from, int index) {
    const char *name = wg_safetensors_name(from->file, index);
    const size_t length = strlen(from->prefix);
    return strncmp(name, from->prefix, length) ? NULL : name + length;
}

/* Number of the parameter's tensor; -1: none. */
static int find_parameter(const source *from, const char *path) {
    char name[WG_PATH_SIZE + sizeof WG_MODEL_PREFIX];
    snprintf(name, sizeof name, "%s%s", from->prefix, path);
    return wg_safetensors_find(from->file, name);
}

/* Does the file hold exactly the model's parameters? */
static int check_fit(const wg_model *model, const source *from, wg_error *error) {
    faults list = {.count = 0};
    for (size_t i = 0; i < model->entry_count; i++) {
        const wg_parameter_info *info = &model->entries[i]->info;
        const int index = find_parameter(from, info->path);
        const wg_type in_model = wg_tensor_type(wg_state_tensor(info->state));
        const wg_type in_file = wg_safetensors_type(from->file, index);
        if (index < 0)
            add_fault(&list, "\"%s\" is missing", info->path);
        else
            compare_types(&list, info->path, &in_file, &in_model);
    }
    for (int i = 0; i < wg_safetensors_count(from->file); i++) {
        const char *path = parameter_at(from, i);
        if (path && !wg_model_find(model, path)) add_fault(&list, "\"%s\" is unknown to the model", path);
    }
    if (list.count == 0) return WG_OK;
    char more[48] = "";
    if (list.count > list.listed) snprintf(more, sizeof more, "; and %d more", list.count - list.listed);
    return wg_error_set(error, WG_ERROR_NAME, "%.120s does not fit the model: %s%s", from->path, list.text,
                        more);
}

/* --- Loading ---------------------------------------------------------------------------------- */

static bool has_met_any(const wg_model *model) {
    for (size_t i = 0; i < model->entry_count; i++)
        if (model->entries[i]->info.met) return true;
    return false;
}

/* Prefix, step and seed of a checkpoint; of a model alone no prefix, and the step where it tells one. What
 * the file does not tell stays as it is in the model. */
static int read_numbers(wg_model_change *change, source *from, wg_error *error) {
    wg_model *loaded = &change->loaded;
    from->prefix = "";
    loaded->seed = change->model->seed;
    if (!wg_safetensors_metadata(from->file, WG_CHECKPOINT_MARK)) {
        if (!wg_safetensors_metadata(from->file, step_key)) return WG_OK;
        return wg_file_scalar(from->file, from->path, step_key, &change->step, error);
    }
    from->prefix = WG_MODEL_PREFIX;
    int status = wg_checkpoint_check(from->file, from->path, error);
    if (status) return status;
    if (!wg_safetensors_metadata(from->file, WG_MODEL_STEP))
        return wg_error_set(error, WG_ERROR_NAME, "%.400s: a checkpoint without a model", from->path);
    status = wg_file_scalar(from->file, from->path, WG_MODEL_STEP, &change->step, error);
    if (status) return status;
    return wg_file_number(from->file, from->path, WG_MODEL_SEED, UINT64_MAX, &loaded->seed, error);
}

/* Reads every parameter of the file into `loaded`, as one that no layer has met. */
static int read_all(wg_model *loaded, const source *from, wg_error *error) {
    for (int i = 0; i < wg_safetensors_count(from->file); i++) {
        const char *path = parameter_at(from, i);
        if (!path) continue;
        wg_error own = {0};
        wg_tensor *tensor = wg_safetensors_read(from->file, i, &own);
        wg_state *state = tensor ? wg_state_new(tensor, &own) : NULL;
        wg_tensor_free(tensor);
        if (state) wg_model_add(loaded, path, state, false, &own);
        wg_state_free(state);
        if (own.status) return wg_error_set(error, own.status, "%s", own.message);
    }
    return WG_OK;
}

int wg_model_prepare(wg_model_change *change, wg_model *model, wg_safetensors *file, const char *path,
                     wg_error *error) {
    source from = {.file = file, .path = path};
    *change = (wg_model_change){.model = model,
                                .loaded = {.freezes = model->freezes, .freeze_count = model->freeze_count}};
    int status = read_numbers(change, &from, error);
    if (!status && has_met_any(model)) status = check_fit(model, &from, error);
    return status ? status : read_all(&change->loaded, &from, error);
}

void wg_model_commit(wg_model_change *change) {
    wg_model *model = change->model, *loaded = &change->loaded;
    if (change->step) wg_state_set(model->step, change->step, NULL);
    model->seed = loaded->seed;
    if (has_met_any(model)) {
        for (size_t i = 0; i < model->entry_count; i++)
            wg_state_set(model->entries[i]->info.state, wg_state_tensor(loaded->entries[i]->info.state),
                         NULL);
        return;
    }
    const wg_model old = *model;
    model->entries = loaded->entries;
    model->entry_count = loaded->entry_count;
    model->entry_capacity = loaded->entry_capacity;
    loaded->entries = old.entries;
    loaded->entry_count = old.entry_count;
}

void wg_model_discard(wg_model_change *change) {
    wg_model_empty(&change->loaded);
    free(change->loaded.entries);
    wg_tensor_free(change->step);
    *change = (wg_model_change){0};
}

int wg_model_load(wg_model *model, const char *path, wg_error *error) {
    if (!model || !path)
        return wg_error_set(error, WG_ERROR_NAME, "wg_model_load: the %s is NULL", model ? "path" : "model");
    wg_error own = {0};
    wg_model_change change = {0};
    wg_safetensors *file = wg_safetensors_open(path, &own);
    if (!file) return wg_error_set(error, own.status, "%s", own.message);
    const int status = wg_model_prepare(&change, model, file, path, error);
    if (status == WG_OK) wg_model_commit(&change);
    wg_model_discard(&change);
    wg_safetensors_close(file);
    return status;
}
