/* model — a table of parameters, each a state with a path for a name.
 *
 * The table is ordered by path: the order in which parameters are walked, summed and saved is then a
 * property of the model and not of the order in which a compiler evaluated some arguments. */
#include "nn/model.h"
#include "base/options.h"
#include <stdlib.h>

wg_model *(wg_model_new)(const wg_model_options *given) {
    WG_OPTIONS_READ(wg_model_options, options, given);
    wg_model *model = calloc(1, sizeof *model);
    wg_tensor *zero = wg_tensor_new(WG_I64, WG_SCALAR_SHAPE, NULL);
    wg_state *step = zero ? wg_state_new(zero, NULL) : NULL;
    wg_tensor_free(zero);
    if (!model || !step) {
        wg_state_free(step);
        free(model);
        return NULL;
    }
    model->seed = options.seed;
    model->training = true;
    model->step = step;
    return model;
}

void wg_model_empty(wg_model *model) {
    for (size_t i = 0; i < model->entry_count; i++) {
        wg_state_free(model->entries[i]->info.state);
        free(model->entries[i]);
    }
    model->entry_count = 0;
}

void wg_model_free(wg_model *model) {
    if (!model) return;
    wg_model_empty(model);
    for (size_t i = 0; i < model->freeze_count; i++) free(model->freezes[i].path);
    wg_state_free(model->step);
    free(model->entries);
    free(model->freezes);
    free(model);
}

uint64_t wg_model_seed(const wg_model *model) { return model ? model->seed : 0; }
bool wg_model_training(const wg_model *model) { return model && model->training; }
wg_state *wg_model_step_state(const wg_model *model) { return model ? model->step : NULL; }

void wg_model_train(wg_model *model, bool training) {
    if (model) model->training = training;
}

int64_t wg_model_step(const wg_model *model) {
    if (!model) return 0;
    int64_t step;
    memcpy(&step, wg_tensor_data(wg_state_tensor(model->step)), sizeof step);
    return step;
}

/* --- The table -------------------------------------------------------------------------------- */

size_t wg_model_place(const wg_model *model, const char *path, bool *found) {
    size_t low = 0, high = model->entry_count;
    *found = false;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = strcmp(path, model->entries[middle]->path);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Does `path` stand under `prefix`? Names end at '.' and '/'. */
static bool is_under(const char *path, const char *prefix) {
    const size_t length = strlen(prefix);
    return length == 0 || (strncmp(path, prefix, length) == 0 && strchr("./", path[length]) != NULL);
}

static bool is_frozen(const wg_model *model, const char *path) {
    for (size_t i = model->freeze_count; i-- > 0;)
        if (is_under(path, model->freezes[i].path)) return model->freezes[i].frozen;
    return false;
}

int wg_model_add(wg_model *model, const char *path, wg_state *state, bool met, wg_error *error) {
    bool found;
    const size_t place = wg_model_place(model, path, &found), size = strlen(path) + 1;
    if (found) return wg_error_set(error, WG_ERROR_NAME, "parameter \"%s\" exists already", path);
    wg_entry *entry = malloc(sizeof *entry + size);
    if (!entry || model->entry_count == INT_MAX ||
        !WG_RESERVE(&model->entries, &model->entry_capacity, model->entry_count + 1)) {
        free(entry);
        return wg_error_set(error, WG_ERROR_MEMORY, "parameter \"%s\": out of memory", path);
    }
    memcpy(entry->path, path, size);
    entry->info = (wg_parameter_info){entry->path, wg_state_retain(state), is_frozen(model, path), met};
    memmove(model->entries + place + 1, model->entries + place,
            (model->entry_count - place) * sizeof *model->entries);
    model->entries[place] = entry;
    model->entry_count++;
    return WG_OK;
}

int wg_model_count(const wg_model *model) { return model ? (int)model->entry_count : 0; }

const wg_parameter_info *wg_model_parameter(const wg_model *model, int index) {
    return index >= 0 && index < wg_model_count(model) ? &model->entries[index]->info : NULL;
}

const wg_parameter_info *wg_model_find(const wg_model *model, const char *path) {
    if (!model || !path) return NULL;
    bool found;
    const size_t place = wg_model_place(model, path, &found);
    return found ? &model->entries[place]->info : NULL;
}

int64_t wg_model_elements(const wg_model *model) {
    int64_t total = 0;
    for (int i = 0; i < wg_model_count(model); i++)
        total += wg_tensor_count(wg_state_tensor(model->entries[i]->info.state));
    return total;
}

/* --- Freezing --------------------------------------------------------------------------------- */

int wg_model_freeze(wg_model *model, const char *path, bool frozen) {
    if (!model || !path) return WG_ERROR_NAME;
    /* What was said before of this path and of anything under it no longer counts. */
    const size_t size = strlen(path) + 1;
    char *copy = malloc(size);
    if (!copy || !WG_RESERVE(&model->freezes, &model->freeze_capacity, model->freeze_count + 1)) {
        free(copy);
        return WG_ERROR_MEMORY;
    }
    memcpy(copy, path, size);
    size_t kept = 0;
    for (size_t i = 0; i < model->freeze_count; i++) {
        if (is_under(model->freezes[i].path, path))
            free(model->freezes[i].path);
        else
            model->freezes[kept++] = model->freezes[i];
    }
    model->freezes[kept++] = (wg_freeze){copy, frozen};
    model->freeze_count = kept;
    for (size_t i = 0; i < model->entry_count; i++)
        if (is_under(model->entries[i]->path, path)) model->entries[i]->info.frozen = frozen;
    return WG_OK;
}

/* --- Meeting a parameter ---------------------------------------------------------------------- */

bool wg_path_join(char path[WG_PATH_SIZE], wg_tape *tape, const char *name) {
    const char *scope = wg_scope_path(tape);
    if (!name || !*name) return wg_fail(tape, WG_ERROR_NAME, "a parameter or layer has no name"), false;
    const int length = snprintf(path, WG_PATH_SIZE, "%s%s%s", scope, *scope ? "/" : "", name);
    if (length < 0 || length >= WG_PATH_SIZE)
        return wg_fail(tape, WG_ERROR_NAME, "the path of \"%.64s\" is longer than %d bytes", name,
                       WG_PATH_SIZE - 1),
               false;
    return true;
}

static int make_parameter(wg_model *model, const char *path, const wg_type *type,
                          const wg_parameter_options *options, wg_error *error) {
    wg_tensor *initial = wg_tensor_of_type(type, error);
    if (!initial) return error->status;
    const double scale = options->scale != 0 ? options->scale : 1;
    const int filled = wg_init_fill(initial, options->init, scale, model->seed, path, error);
    wg_state *state = filled == WG_OK ? wg_state_new(initial, error) : NULL;
    wg_tensor_free(initial);
    if (!state) return error->status;
    const int status = wg_model_add(model, path, state, true, error);
    wg_state_free(state); /* the entry has it */
    return status;
}

/* The entry holds what the layer expects? Else an error on the tape. */
static bool entry_fits(const wg_entry *entry, wg_tape *tape, const wg_type *type) {
    const wg_type has = wg_tensor_type(wg_state_tensor(entry->info.state));
    if (wg_type_equal(&has, type)) return true;
    char want_text[WG_TEXT_SIZE], has_text[WG_TEXT_SIZE];
    wg_fail(tape, has.dtype == type->dtype ? WG_ERROR_SHAPE : WG_ERROR_DTYPE,
            "parameter \"%s\": %s is asked for, but the model %s it as %s", entry->path,
            wg_type_text(want_text, type, true), entry->info.met ? "has" : "has loaded",
            wg_type_text(has_text, &has, true));
    return false;
}

wg_var (wg_parameter)(wg_model *model, wg_tape *tape, const char *name, const wg_shape *shape,
                     const wg_parameter_options *given) {
    WG_OPTIONS_READ(wg_parameter_options, options, given);
    char path[WG_PATH_SIZE];
    wg_type type;
    wg_error error = {0};
    if (wg_tape_status(tape)) return (wg_read)(tape, NULL); /* the var of a tape with an error */
    if (!model)
        return wg_fail(tape, WG_ERROR_MEMORY, "parameter \"%s\": the model is NULL; it could not be made",
                       name ? name : "");
    if (!wg_path_join(path, tape, name)) return (wg_read)(tape, NULL);
    const wg_dtype dtype = options.dtype ? options.dtype : WG_F32;
    if (!wg_dtype_real(dtype))
        return wg_fail(tape, WG_ERROR_DTYPE, "parameter \"%s\": its dtype is %s; f32 or f64 are taken", path,
                       wg_dtype_name(dtype));
    if (options.init > WG_INIT_TRUNCATED)
        return wg_fail(tape, WG_ERROR_ATTRIBUTE, "parameter \"%s\": there is no initialisation %d", path,
                       (int)options.init);
    if (options.scale - options.scale != 0)
        return wg_fail(tape, WG_ERROR_ATTRIBUTE, "parameter \"%s\": scale is %g; it must be finite", path,
                       options.scale);
    if (wg_type_make(&type, dtype, shape, &error))
        return wg_fail(tape, error.status, "parameter \"%s\": %.400s", path, error.message);

    bool found;
    const size_t place = wg_model_place(model, path, &found);
    if (!found && make_parameter(model, path, &type, &options, &error))
        return wg_fail(tape, error.status, "parameter \"%s\": %.400s", path, error.message);
    wg_entry *entry = model->entries[place];
    if (!entry_fits(entry, tape, &type)) return (wg_read)(tape, NULL);
    entry->info.met = true;
    return (wg_read)(tape, entry->info.state);
}
