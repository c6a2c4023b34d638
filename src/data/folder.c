/* folder — a data set of PNG pictures, a sub-folder a class. Names and sizes are read once; pixels when
 * a sample is asked for. */
#include "data/dataset.h"
#include "io/file.h"
#include "io/png.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct {
    char **names;
    size_t count, capacity;
} name_list;

typedef struct {
    name_list classes, pictures; /* names; paths */
    int64_t *labels;             /* the class of each picture */
    size_t label_capacity;
    int channels;
    int64_t height, width;
} folder;

static int no_memory(const char *path, wg_error *error) {
    return wg_error_set(error, WG_ERROR_MEMORY, "no memory for the pictures of %s", path);
}

static void list_free(name_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
}

static void folder_free(void *context) {
    folder *set = context;
    list_free(&set->classes);
    list_free(&set->pictures);
    free(set->labels);
    free(set);
}

/* --- A sample --------------------------------------------------------------------------------- */

/* [height, width, channels] of bytes to [channels, height, width] of numbers. */
static void unpack(const folder *set, const uint8_t *pixels, float *x) {
    const int64_t plane = set->height * set->width;
    for (int c = 0; c < set->channels; c++)
        for (int64_t i = 0; i < plane; i++) x[c * plane + i] = (float)pixels[i * set->channels + c] / 255.0f;
}

static int folder_get(void *context, int64_t index, void *x, void *y, wg_error *error) {
    const folder *set = context;
    const char *path = set->pictures.names[index];
    uint8_t *pixels = malloc((size_t)(set->height * set->width * set->channels));
    if (!pixels) return no_memory(path, error);
    const int status = wg_png_decode(path, set->channels, set->height, set->width, pixels, error);
    if (!status) unpack(set, pixels, x);
    free(pixels);
    if (!status && y) memcpy(y, &set->labels[index], sizeof *set->labels);
    return status;
}

/* --- Names ------------------------------------------------------------------------------------ */

static char *join(const char *folder_path, const char *name) {
    const size_t size = strlen(folder_path) + 1 + strlen(name) + 1;
    char *path = malloc(size);
    if (path) snprintf(path, size, "%s/%s", folder_path, name);
    return path;
}

/* Takes the text, which may be NULL: no memory. */
static bool list_add(name_list *list, char *text) {
    if (!text || !WG_RESERVE(&list->names, &list->capacity, list->count + 1)) {
        free(text);
        return false;
    }
    list->names[list->count++] = text;
    return true;
}

static int by_bytes(const void *left, const void *right) {
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_png(const char *name) {
    const size_t length = strlen(name);
    return length > 4 && !strcasecmp(name + length - 4, ".png");
}

/* Adds the names of a folder's sub-folders, or those of its pictures, to an empty list, in order. */
static int list_folder(const char *path, bool folders, name_list *list, wg_error *error) {
    DIR *stream = opendir(path);
    if (!stream) return wg_file_error(error, "open folder", path, errno);
    int status = WG_OK;
    const struct dirent *entry;
    while (!status && (errno = 0, entry = readdir(stream))) {
        if (entry->d_name[0] == '.' || (!folders && !is_png(entry->d_name))) continue;
        char *full = join(path, entry->d_name);
        struct stat found;
        if (!full)
            status = no_memory(path, error);
        else if (!stat(full, &found) && (folders ? S_ISDIR(found.st_mode) : S_ISREG(found.st_mode)) &&
                 !list_add(list, strdup(entry->d_name)))
            status = no_memory(path, error);
        free(full);
    }
    if (!status && errno) status = wg_file_error(error, "read folder", path, errno);
    closedir(stream);
    if (list->count > 1) qsort(list->names, list->count, sizeof *list->names, by_bytes);
    return status;
}

static int add_pictures(folder *set, const char *class_path, int64_t label, wg_error *error) {
    name_list names = {0};
    int status = list_folder(class_path, false, &names, error);
    if (!status && !WG_RESERVE(&set->labels, &set->label_capacity, set->pictures.count + names.count))
        status = no_memory(class_path, error);
    for (size_t i = 0; i < names.count && !status; i++) {
        if (list_add(&set->pictures, join(class_path, names.names[i])))
            set->labels[set->pictures.count - 1] = label;
        else
            status = no_memory(class_path, error);
    }
    list_free(&names);
    return status;
}

static int list_pictures(folder *set, const char *path, wg_error *error) {
    int status = list_folder(path, true, &set->classes, error);
    for (size_t i = 0; i < set->classes.count && !status; i++) {
        char *class_path = join(path, set->classes.names[i]);
        status = class_path ? add_pictures(set, class_path, (int64_t)i, error) : no_memory(path, error);
        free(class_path);
    }
    if (!status && set->pictures.count == 0)
        status = wg_error_set(error, WG_ERROR_FILE,
                              "%s: no pictures; expected PNG files in sub-folders, one a class", path);
    return status;
}

/* --- The data set ----------------------------------------------------------------------------- */

static int check_sizes(folder *set, wg_error *error) {
    for (size_t i = 0; i < set->pictures.count; i++) {
        int64_t height, width;
        const int status = wg_png_size(set->pictures.names[i], &height, &width, error);
        if (status) return status;
        if (i == 0) {
            set->height = height;
            set->width = width;
        } else if (height != set->height || width != set->width)
            return wg_error_set(error, WG_ERROR_SHAPE,
                                "%s: %lld x %lld pixels; expected %lld x %lld, as in %s",
                                set->pictures.names[i], (long long)width, (long long)height,
                                (long long)set->width, (long long)set->height, set->pictures.names[0]);
    }
    return WG_OK;
}

static wg_dataset *folder_dataset(folder *set, wg_error *error) {
    const wg_type x = {.dtype = WG_F32, .rank = 3, .extent = {set->channels, set->height, set->width}};
    const wg_type label = {.dtype = WG_I64};
    wg_dataset *dataset = wg_dataset_of_function((int64_t)set->pictures.count, &x, &label, folder_get, error,
                                                 .context = set, .release = folder_free);
    if (!dataset) return NULL;
    dataset->classes = (const char *const *)set->classes.names;
    dataset->class_count = (int)set->classes.count;
    return dataset;
}

wg_dataset *wg_dataset_of_folder(const char *path, int channels, wg_error *error) {
    if (!path || (channels != 1 && channels != 3 && channels != 4)) {
        wg_error_set(error, WG_ERROR_ATTRIBUTE,
                     "a data set of %s with %d channels; expected a path, and 1, 3 or 4",
                     path ? path : "(no path)", channels);
        return NULL;
    }
    wg_dataset *dataset = NULL;
    folder *set = calloc(1, sizeof *set);
    if (!set) {
        no_memory(path, error);
        return NULL;
    }
    set->channels = channels;
    if (!list_pictures(set, path, error) && !check_sizes(set, error)) dataset = folder_dataset(set, error);
    if (!dataset) folder_free(set);
    return dataset;
}
