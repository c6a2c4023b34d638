/* safetensors_write — named tensors into a file:  length, header, elements.
 *
 *     8 bytes         N, little-endian
 *     N bytes         {"__metadata__":{KEY:TEXT,…},NAME:{"data_offsets":[b,e],"dtype":"F32","shape":[…]},…},
 *                     keys sorted, spaces at the end until 8 + N is a multiple of 8
 *     the rest        elements, row-major, little-endian, without gaps; b and e count from here
 *
 * Larger elements stand first, as the format's own library has it: then each tensor begins at a multiple
 * of its element's size without padding, which the format forbids. */
#include "io/safetensors.h"
#include "io/file.h"
#include <stdlib.h>
#include <wengert/io.h>
#include "wg_config.h"

#ifdef WG_HAVE_SAFETENSORS
#include <jansson.h>

static int no_memory(const char *path, wg_error *error) {
    return wg_error_set(error, WG_ERROR_MEMORY, "no memory to write %s", path);
}

/* Larger elements first, then by name. */
static int by_size_and_name(const void *left, const void *right) {
    const wg_named_tensor *a = left, *b = right;
    const size_t size_a = wg_dtype_size(wg_tensor_type(a->tensor).dtype);
    const size_t size_b = wg_dtype_size(wg_tensor_type(b->tensor).dtype);
    return size_a != size_b ? (size_a < size_b) - (size_a > size_b) : strcmp(a->name, b->name);
}

static int check_tensor(const char *path, const wg_named_tensor *entry, int index, wg_error *error) {
    if (!entry->name || !entry->tensor)
        return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: tensor number %d has no %s", path, index,
                            entry->name ? "tensor" : "name");
    if (!strcmp(entry->name, WG_SAFETENSORS_METADATA))
        return wg_error_set(error, WG_ERROR_NAME,
                            "cannot write %s: a tensor may not be called \"" WG_SAFETENSORS_METADATA "\"",
                            path);
    const wg_dtype dtype = wg_tensor_type(entry->tensor).dtype;
    if (!wg_safetensors_word(dtype))
        return wg_error_set(error, WG_ERROR_DTYPE,
                            "cannot write %s: \"%s\" is %s; safetensors takes f32, f64, i32, i64, u8, bool",
                            path, entry->name, wg_dtype_name(dtype));
    return WG_OK;
}

/* Why jansson did not take a text: for want of memory, or because it is not UTF-8. */
static int not_taken(const char *text, const char *what, const char *name, const char *path,
                     wg_error *error) {
    json_t *unchecked = json_string_nocheck(text), *checked = json_string(text);
    const bool wrong = unchecked && !checked;
    json_decref(unchecked);
    json_decref(checked);
    if (!wrong) return no_memory(path, error);
    return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: the %s \"%s\" is not UTF-8", path, what,
                        name);
}

/* Adds `value`, which it takes, under `key`, which must be new and UTF-8. */
static int add(json_t *object, const char *key, json_t *value, const char *path, wg_error *error) {
    int status = WG_OK;
    if (!value) return no_memory(path, error);
    if (json_object_get(object, key))
        status = wg_error_set(error, WG_ERROR_NAME, "cannot write %s: \"%s\" is there twice", path, key);
    else if (json_object_set(object, key, value))
        status = not_taken(key, "name", key, path, error);
    json_decref(value);
    return status;
}

static json_t *describe(const wg_type *type, int64_t begin) {
    json_t *shape = json_array();
    for (int i = 0; shape && i < type->rank; i++)
        if (json_array_append_new(shape, json_integer(type->extent[i]))) {
            json_decref(shape);
            shape = NULL;
        }
    if (!shape) return NULL;
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", wg_safetensors_word(type->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + (int64_t)wg_type_bytes(type)));
}

static int add_metadata(json_t *header, const wg_safetensors_options *options, const char *path,
                        wg_error *error) {
    if (!options->metadata)
        return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: %d metadata, but their list is NULL",
                            path, options->metadata_count);
    json_t *texts = json_object();
    int status = add(header, WG_SAFETENSORS_METADATA, texts, path, error); /* header keeps it alive */
    for (int i = 0; !status && i < options->metadata_count; i++) {
        const wg_metadata *entry = &options->metadata[i];
        if (!entry->key || !entry->text)
            return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: metadata number %d has no %s", path,
                                i, entry->key ? "text" : "key");
        json_t *text = json_string(entry->text);
        if (!text) return not_taken(entry->text, "text of", entry->key, path, error);
        status = add(texts, entry->key, text, path, error);
    }
    return status;
}

static int fill_header(json_t *header, const char *path, const wg_named_tensor *tensors, int count,
                       const wg_safetensors_options *options, wg_error *error) {
    int status = WG_OK;
    int64_t begin = 0;
    if (options && options->metadata_count > 0) status = add_metadata(header, options, path, error);
    for (int i = 0; !status && i < count; i++) {
        const wg_type type = wg_tensor_type(tensors[i].tensor);
        if ((uint64_t)begin + wg_type_bytes(&type) > INT64_MAX)
            return wg_error_set(error, WG_ERROR_SHAPE, "cannot write %s: more than 2^63 bytes", path);
        status = add(header, tensors[i].name, describe(&type, begin), path, error);
        begin += (int64_t)wg_type_bytes(&type);
    }
    return status;
}

/* The header in letters, to be freed; NULL: no memory. Not by json_dumps, which measures and writes in one:
 * where its text cannot grow, jansson 2.14 leaves out a sorted key and says nothing. */
static char *text_of(const json_t *header) {
    enum { FLAGS = JSON_COMPACT | JSON_SORT_KEYS };
    const size_t length = json_dumpb(header, NULL, 0, FLAGS);
    char *text = length ? malloc(length + 1) : NULL;
    if (!text) return NULL;
    if (json_dumpb(header, text, length, FLAGS) != length) {
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

static int write_header(wg_writer *writer, const char *text, wg_error *error) {
    static const char spaces[WG_SAFETENSORS_ALIGNMENT] = {' ', ' ', ' ', ' ', ' ', ' ', ' ', ' '};
    const size_t length = strlen(text), padded = wg_round_up(length, WG_SAFETENSORS_ALIGNMENT);
    if (padded > WG_SAFETENSORS_LIMIT)
        return wg_error_set(error, WG_ERROR_NAME,
                            "cannot write %s: its header has %zu bytes; the format takes %d", writer->path,
                            padded, WG_SAFETENSORS_LIMIT);
    unsigned char head[8];
    for (int i = 0; i < 8; i++) head[i] = (unsigned char)((uint64_t)padded >> 8 * i);
    int status = wg_writer_write(writer, head, sizeof head, error);
    if (!status) status = wg_writer_write(writer, text, length, error);
    if (!status) status = wg_writer_write(writer, spaces, padded - length, error);
    return status;
}

static int write_elements(wg_writer *writer, const wg_tensor *tensor, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    const size_t bytes = wg_type_bytes(&type), size = wg_dtype_size(type.dtype);
    void *copy;
    const void *elements = wg_dense_elements(tensor, &copy, error);
    if (!elements) return WG_ERROR_MEMORY;
    int status = WG_OK;
    if (WG_BIG_ENDIAN && !copy) {
        copy = malloc(bytes ? bytes : 1);
        if (!copy) status = no_memory(writer->path, error);
    }
    if (WG_BIG_ENDIAN && !status) {
        wg_swap_bytes(copy, elements, size, wg_type_count(&type));
        elements = copy;
    }
    if (!status) status = wg_writer_write(writer, elements, bytes, error);
    free(copy);
    return status;
}

static int write_file(const char *path, const char *header, const wg_named_tensor *tensors, int count,
                      wg_error *error) {
    wg_writer writer;
    int status = wg_writer_open(&writer, path, error);
    if (!status) status = write_header(&writer, header, error);
    for (int i = 0; !status && i < count; i++) status = write_elements(&writer, tensors[i].tensor, error);
    return wg_writer_finish(&writer, status, error);
}

int (wg_safetensors_write)(const char *path, const wg_named_tensor *tensors, int count, wg_error *error,
                          const wg_safetensors_options *options) {
    if (!path || count < 0 || (count > 0 && !tensors))
        return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: no list of tensors",
                            path ? path : "(no path)");
    int status = WG_OK;
    for (int i = 0; !status && i < count; i++) status = check_tensor(path, &tensors[i], i, error);
    if (status) return status;
    wg_named_tensor *sorted = malloc(((size_t)count + 1) * sizeof *sorted);
    json_t *header = json_object();
    char *text = NULL;
    if (sorted && header) {
        if (count > 0) memcpy(sorted, tensors, (size_t)count * sizeof *sorted);
        qsort(sorted, (size_t)count, sizeof *sorted, by_size_and_name);
        status = fill_header(header, path, sorted, count, options, error);
        if (!status) text = text_of(header);
    }
    if (text)
        status = write_file(path, text, sorted, count, error);
    else if (!status)
        status = no_memory(path, error);
    free(text);
    json_decref(header);
    free(sorted);
    return status;
}

#else

int (wg_safetensors_write)(const char *path, const wg_named_tensor *tensors, int count, wg_error *error,
                          const wg_safetensors_options *options) {
    (void)tensors, (void)count, (void)options;
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "cannot write %s: built without safetensors; configure with -Dsafetensors=enabled",
                        path ? path : "(no path)");
}

#endif
