/* safetensors_read — opens a file, checks every claim of its header, reads its tensors.
 *
 * Holds for an opened file: each entry has a type of ours whose bytes are exactly end - begin, and the
 * entries laid end to end are exactly the bytes behind the header: no overlap, no hole, nothing over.
 * So a tensor is never larger than the file. */
#include "io/safetensors.h"
#include "io/file.h"
#include <stdlib.h>
#include <wengert/io.h>
#include "wg_config.h"

#ifdef WG_HAVE_SAFETENSORS
#include <jansson.h>

typedef struct {
    const char *name; /* the header's */
    wg_type type;
    int64_t begin, end; /* from the first byte behind the header */
} tensor_entry;

struct wg_safetensors {
    wg_reader reader;
    char *path;
    json_t *header; /* owns names and metadata */
    int64_t data;   /* where the elements begin */
    tensor_entry *entries;
    int count;
};

/* A text of the file for a message: control characters out, cut at a character's beginning. */
enum { SHOWN_SIZE = 64 };
static const char *shown(char text[SHOWN_SIZE], const char *from) {
    size_t n = 0;
    for (; from[n] && n < SHOWN_SIZE - 1; n++) {
        const unsigned char c = (unsigned char)from[n];
        text[n] = c < 0x20 || c == 0x7f ? '?' : from[n];
    }
    while (from[n] && n > 0 && ((unsigned char)from[n] & 0xc0) == 0x80) n--;
    text[n] = 0;
    return text;
}

static int no_memory(const wg_safetensors *file, wg_error *error) {
    return wg_error_set(error, WG_ERROR_MEMORY, "no memory to read %s", file->path);
}

/* "PATH: tensor "NAME": …" */
#define REJECT(file, name, error, status, format, ...)                      \
    wg_error_set(error, status, "%s: tensor \"%s\": " format, (file)->path, \
                 shown((char[SHOWN_SIZE]){0}, name), __VA_ARGS__)

/* --- The header's fields ---------------------------------------------------------------------- */

static int read_dtype(const wg_safetensors *file, const char *name, const json_t *value, wg_dtype *dtype,
                      wg_error *error) {
    static const char *const foreign[] = {"F16", "BF16", "F8_E4M3", "F8_E5M2", "I8",
                                          "I16", "U16",  "U32",     "U64"};
    const char *word = json_string_value(value);
    if (!word) return REJECT(file, name, error, WG_ERROR_FORMAT, "%s", "no text \"dtype\"");
    for (*dtype = WG_F32; (int)*dtype < WG_DTYPE_COUNT; *dtype = (wg_dtype)(*dtype + 1)) {
        const char *ours = wg_safetensors_word(*dtype);
        if (ours && !strcmp(word, ours)) return WG_OK;
    }
    bool known = false;
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) known |= !strcmp(word, foreign[i]);
    return REJECT(file, name, error, known ? WG_ERROR_UNSUPPORTED : WG_ERROR_FORMAT,
                  "%s dtype \"%s\"; expected F32, F64, I32, I64, U8 or BOOL",
                  known ? "unsupported" : "unknown", shown((char[SHOWN_SIZE]){0}, word));
}

static int read_shape(const wg_safetensors *file, const char *name, const json_t *value, wg_type *type,
                      wg_error *error) {
    if (!json_is_array(value)) return REJECT(file, name, error, WG_ERROR_FORMAT, "%s", "no list \"shape\"");
    if (json_array_size(value) > WG_MAX_RANK)
        return REJECT(file, name, error, WG_ERROR_SHAPE, "%zu axes; at most %d", json_array_size(value),
                      WG_MAX_RANK);
    type->rank = (int)json_array_size(value);
    for (int i = 0; i < type->rank; i++) {
        const json_t *extent = json_array_get(value, (size_t)i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0)
            return REJECT(file, name, error, WG_ERROR_FORMAT, "extent %d is not a whole number from 0 on", i);
        type->extent[i] = json_integer_value(extent);
    }
    char text[WG_TEXT_SIZE];
    if (!wg_type_fits(type))
        return REJECT(file, name, error, WG_ERROR_SHAPE, "%s has more than 2^63 bytes",
                      wg_type_text(text, type, true));
    return WG_OK;
}

static int read_offsets(const wg_safetensors *file, const json_t *value, tensor_entry *entry,
                        wg_error *error) {
    const json_t *begin = json_array_get(value, 0), *end = json_array_get(value, 1);
    if (json_array_size(value) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return REJECT(file, entry->name, error, WG_ERROR_FORMAT, "%s",
                      "no pair of whole numbers \"data_offsets\"");
    entry->begin = json_integer_value(begin);
    entry->end = json_integer_value(end);
    const int64_t held = file->reader.size - file->data;
    if (entry->begin < 0 || entry->end < entry->begin || entry->end > held)
        return REJECT(file, entry->name, error, WG_ERROR_FORMAT,
                      "data_offsets [%lld, %lld] do not lie in the %lld bytes of data",
                      (long long)entry->begin, (long long)entry->end, (long long)held);
    char text[WG_TEXT_SIZE];
    if ((uint64_t)(entry->end - entry->begin) != wg_type_bytes(&entry->type))
        return REJECT(file, entry->name, error, WG_ERROR_FORMAT,
                      "data_offsets [%lld, %lld] hold %lld bytes; %s needs %zu", (long long)entry->begin,
                      (long long)entry->end, (long long)(entry->end - entry->begin),
                      wg_type_text(text, &entry->type, true), wg_type_bytes(&entry->type));
    return WG_OK;
}

static int check_metadata(const wg_safetensors *file, json_t *metadata, wg_error *error) {
    const char *key;
    json_t *text;
    if (!json_is_object(metadata))
        return wg_error_set(error, WG_ERROR_FORMAT, "%s: \"__metadata__\" is not an object", file->path);
    json_object_foreach(metadata, key, text) if (!json_is_string(text)) return wg_error_set(
        error, WG_ERROR_FORMAT, "%s: metadata \"%s\" is not a text", file->path,
        shown((char[SHOWN_SIZE]){0}, key));
    return WG_OK;
}

/* --- The header as a whole -------------------------------------------------------------------- */

static int by_place(const void *left, const void *right) {
    const tensor_entry *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end) return a->end < b->end ? -1 : 1;
    return strcmp(a->name, b->name);
}

static int by_name(const void *left, const void *right) {
    return strcmp(((const tensor_entry *)left)->name, ((const tensor_entry *)right)->name);
}

static int check_places(const wg_safetensors *file, wg_error *error) {
    int64_t place = 0;
    for (int i = 0; i < file->count; place = file->entries[i++].end)
        if (file->entries[i].begin != place)
            return REJECT(file, file->entries[i].name, error, WG_ERROR_FORMAT,
                          "begins at byte %lld of the data; expected %lld, where the one before ends",
                          (long long)file->entries[i].begin, (long long)place);
    if (place != file->reader.size - file->data)
        return wg_error_set(error, WG_ERROR_FORMAT, "%s: %lld bytes of data; its tensors have %lld",
                            file->path, (long long)(file->reader.size - file->data), (long long)place);
    return WG_OK;
}

static int read_entries(wg_safetensors *file, wg_error *error) {
    const char *name;
    json_t *value;
    int status = WG_OK;
    file->entries = calloc(json_object_size(file->header) + 1, sizeof *file->entries);
    if (!file->entries) return no_memory(file, error);
    json_object_foreach(file->header, name, value) {
        if (status) break;
        if (!strcmp(name, WG_SAFETENSORS_METADATA)) {
            status = check_metadata(file, value, error);
            continue;
        }
        tensor_entry *entry = &file->entries[file->count++];
        entry->name = name;
        status = read_dtype(file, name, json_object_get(value, "dtype"), &entry->type.dtype, error);
        if (!status) status = read_shape(file, name, json_object_get(value, "shape"), &entry->type, error);
        if (!status) status = read_offsets(file, json_object_get(value, "data_offsets"), entry, error);
    }
    if (status) return status;
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_place);
    status = check_places(file, error);
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_name);
    return status;
}

/* The eight bytes in front. */
static int read_length(wg_safetensors *file, size_t *length, wg_error *error) {
    unsigned char head[8];
    size_t got;
    const int status = wg_reader_read(&file->reader, head, sizeof head, &got, error);
    if (status) return status;
    if (got < sizeof head)
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%s: %zu bytes; expected a safetensors file of at least 8", file->path, got);
    uint64_t claimed = 0;
    for (int i = 0; i < 8; i++) claimed |= (uint64_t)head[i] << 8 * i;
    const uint64_t most = (uint64_t)wg_max_int(file->reader.size - 8, 0);
    if (claimed > WG_SAFETENSORS_LIMIT || claimed > most)
        return wg_error_set(
            error, WG_ERROR_FORMAT,
            "%s: claims a header of %llu bytes; expected at most %llu in a safetensors file of this size",
            file->path, (unsigned long long)claimed,
            (unsigned long long)(most < WG_SAFETENSORS_LIMIT ? most : WG_SAFETENSORS_LIMIT));
    *length = (size_t)claimed;
    file->data = (int64_t)claimed + 8;
    return WG_OK;
}

static int parse_header(wg_safetensors *file, const char *text, size_t length, wg_error *error) {
    json_error_t found;
    if (length == 0 || text[0] != '{')
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%s: header does not begin with {; expected a JSON object", file->path);
    file->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &found);
    if (file->header) return read_entries(file, error);
    if (!found.text[0] || json_error_code(&found) == json_error_out_of_memory) return no_memory(file, error);
    return wg_error_set(error, WG_ERROR_FORMAT,
                        "%s: header is not the JSON of a safetensors file: %s (byte %d of it)", file->path,
                        shown((char[SHOWN_SIZE]){0}, found.text), found.position);
}

static int read_header(wg_safetensors *file, wg_error *error) {
    size_t length = 0, got = 0;
    int status = read_length(file, &length, error);
    if (status) return status;
    char *text = malloc(length + 1);
    if (!text) return no_memory(file, error);
    status = wg_reader_read(&file->reader, text, length, &got, error);
    if (!status) status = parse_header(file, text, got, error);
    free(text);
    return status;
}

/* --- What callers see ------------------------------------------------------------------------- */

wg_safetensors *wg_safetensors_open(const char *path, wg_error *error) {
    wg_safetensors *file = calloc(1, sizeof *file);
    if (!file) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory to read %s", path ? path : "(no path)");
        return NULL;
    }
    int status = wg_reader_open(&file->reader, path, error);
    if (!status) {
        file->path = strdup(path);
        file->reader.path = file->path;
        status = file->path ? read_header(file, error)
                            : wg_error_set(error, WG_ERROR_MEMORY, "no memory to read %s", path);
    }
    if (!status) return file;
    wg_safetensors_close(file);
    return NULL;
}

void wg_safetensors_close(wg_safetensors *file) {
    if (!file) return;
    wg_reader_close(&file->reader);
    json_decref(file->header);
    free(file->entries);
    free(file->path);
    free(file);
}

int wg_safetensors_count(const wg_safetensors *file) { return file ? file->count : 0; }

static const tensor_entry *entry_at(const wg_safetensors *file, int index) {
    return file && index >= 0 && index < file->count ? &file->entries[index] : NULL;
}

const char *wg_safetensors_name(const wg_safetensors *file, int index) {
    const tensor_entry *entry = entry_at(file, index);
    return entry ? entry->name : NULL;
}

wg_type wg_safetensors_type(const wg_safetensors *file, int index) {
    const tensor_entry *entry = entry_at(file, index);
    return entry ? entry->type : (wg_type){0};
}

int wg_safetensors_find(const wg_safetensors *file, const char *name) {
    if (!file || !name) return -1;
    const tensor_entry wanted = {.name = name};
    const tensor_entry *found =
        bsearch(&wanted, file->entries, (size_t)file->count, sizeof *file->entries, by_name);
    return found ? (int)(found - file->entries) : -1;
}

const char *wg_safetensors_metadata(const wg_safetensors *file, const char *key) {
    if (!file || !key) return NULL;
    return json_string_value(json_object_get(json_object_get(file->header, WG_SAFETENSORS_METADATA), key));
}

static int read_elements(wg_safetensors *file, const tensor_entry *entry, void *data, wg_error *error) {
    const size_t bytes = wg_type_bytes(&entry->type);
    size_t got = 0;
    const int status = wg_reader_read_at(&file->reader, file->data + entry->begin, data, bytes, &got, error);
    if (status) return status;
    if (got < bytes)
        return REJECT(file, entry->name, error, WG_ERROR_FORMAT,
                      "%zu bytes; expected %zu: the file has been cut", got, bytes);
    if (WG_BIG_ENDIAN)
        wg_swap_bytes(data, data, wg_dtype_size(entry->type.dtype), wg_type_count(&entry->type));
    const unsigned char *flags = data;
    for (size_t i = 0; entry->type.dtype == WG_BOOL && i < bytes; i++)
        if (flags[i] > 1)
            return REJECT(file, entry->name, error, WG_ERROR_FORMAT, "a BOOL of %d; expected 0 or 1",
                          flags[i]);
    return WG_OK;
}

wg_tensor *wg_safetensors_read(wg_safetensors *file, int index, wg_error *error) {
    const tensor_entry *entry = entry_at(file, index);
    if (!entry) {
        wg_error_set(error, WG_ERROR_INDEX, "%s: no tensor number %d; it has %d",
                     file ? file->path : "(no file)", index, wg_safetensors_count(file));
        return NULL;
    }
    wg_tensor *tensor = wg_tensor_of_type(&entry->type, error);
    if (!tensor) return NULL;
    if (!read_elements(file, entry, wg_tensor_writable(tensor), error)) return tensor;
    wg_tensor_free(tensor);
    return NULL;
}

#else

wg_safetensors *wg_safetensors_open(const char *path, wg_error *error) {
    wg_error_set(error, WG_ERROR_UNSUPPORTED,
                 "cannot read %s: built without safetensors; configure with -Dsafetensors=enabled",
                 path ? path : "(no path)");
    return NULL;
}

/* There is no open file to ask. */
void wg_safetensors_close(wg_safetensors *file) { (void)file; }
int wg_safetensors_count(const wg_safetensors *file) { return (void)file, 0; }
const char *wg_safetensors_name(const wg_safetensors *file, int index) {
    return (void)file, (void)index, NULL;
}
wg_type wg_safetensors_type(const wg_safetensors *file, int index) {
    return (void)file, (void)index, (wg_type){0};
}
int wg_safetensors_find(const wg_safetensors *file, const char *name) { return (void)file, (void)name, -1; }
const char *wg_safetensors_metadata(const wg_safetensors *file, const char *key) {
    return (void)file, (void)key, NULL;
}
wg_tensor *wg_safetensors_read(wg_safetensors *file, int index, wg_error *error) {
    (void)file, (void)index;
    wg_error_set(error, WG_ERROR_UNSUPPORTED,
                 "built without safetensors; configure with -Dsafetensors=enabled");
    return NULL;
}

#endif
