/* parcel — see parcel.h. */
#include "io/parcel.h"
#include "io/checkpoint.h"
#include <inttypes.h>
#include <stdlib.h>

/* A text of its own, to be freed; NULL: no memory. */
static char *print(const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text) vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

void wg_parcel_tensor(wg_parcel *parcel, const wg_tensor *tensor, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *name = print(format, arguments);
    va_end(arguments);
    if (name && WG_RESERVE(&parcel->tensors, &parcel->tensor_capacity, parcel->tensor_count + 1)) {
        parcel->tensors[parcel->tensor_count++] = (wg_named_tensor){name, tensor};
    } else {
        free(name);
        parcel->out_of_memory = true;
    }
}

void wg_parcel_text(wg_parcel *parcel, const char *key, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = print(format, arguments);
    va_end(arguments);
    if (text && WG_RESERVE(&parcel->texts, &parcel->text_capacity, parcel->text_count + 1)) {
        parcel->texts[parcel->text_count++] = (wg_metadata){key, text};
    } else {
        free(text);
        parcel->out_of_memory = true;
    }
}

void wg_parcel_number(wg_parcel *parcel, const char *key, uint64_t number) {
    wg_parcel_text(parcel, key, "%" PRIu64, number);
}

static void empty(wg_parcel *parcel) {
    for (size_t i = 0; i < parcel->tensor_count; i++) free((char *)(uintptr_t)parcel->tensors[i].name);
    for (size_t i = 0; i < parcel->text_count; i++) free((char *)(uintptr_t)parcel->texts[i].text);
    free(parcel->tensors);
    free(parcel->texts);
    *parcel = (wg_parcel){0};
}

int wg_parcel_send(wg_parcel *parcel, const char *path, wg_error *error) {
    int status;
    if (parcel->out_of_memory || parcel->tensor_count > INT_MAX || parcel->text_count > INT_MAX) {
        status = wg_error_set(error, WG_ERROR_MEMORY, "no memory to write %s", path);
    } else {
        const wg_safetensors_options options = {
            .size_ = sizeof options, .metadata = parcel->texts, .metadata_count = (int)parcel->text_count};
        status = (wg_safetensors_write)(path, parcel->tensors, (int)parcel->tensor_count, error, &options);
    }
    empty(parcel);
    return status;
}

int wg_file_number(const wg_safetensors *file, const char *path, const char *key, uint64_t most,
                   uint64_t *number, wg_error *error) {
    const char *text = wg_safetensors_metadata(file, key);
    if (!text) return wg_error_set(error, WG_ERROR_FORMAT, "%.400s: no \"%s\"", path, key);
    const char *digit = text;
    for (*number = 0; *digit >= '0' && *digit <= '9'; digit++) {
        const uint64_t unit = (uint64_t)(*digit - '0');
        if (unit > most || *number > (most - unit) / 10) break;
        *number = 10 * *number + unit;
    }
    if (digit != text && !*digit) return WG_OK;
    return wg_error_set(error, WG_ERROR_FORMAT,
                        "%.400s: its %s is \"%.64s\"; a whole number from 0 to %" PRIu64 " is expected", path,
                        key, text, most);
}

int wg_file_scalar(const wg_safetensors *file, const char *path, const char *key, wg_tensor **scalar,
                   wg_error *error) {
    uint64_t number;
    const int status = wg_file_number(file, path, key, INT64_MAX, &number, error);
    if (status) return status;
    *scalar = wg_tensor_new(WG_I64, WG_SCALAR_SHAPE, error);
    if (!*scalar) return WG_ERROR_MEMORY;
    memcpy(wg_tensor_writable(*scalar), &number, sizeof number);
    return WG_OK;
}

int wg_checkpoint_check(const wg_safetensors *file, const char *path, wg_error *error) {
    const char *version = wg_safetensors_metadata(file, WG_CHECKPOINT_MARK);
    if (!version)
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%.400s is not a checkpoint; wg_checkpoint_save writes one", path);
    if (!strcmp(version, WG_CHECKPOINT_VERSION)) return WG_OK;
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "%.400s is a checkpoint of version %.64s; expected " WG_CHECKPOINT_VERSION, path,
                        version);
}
