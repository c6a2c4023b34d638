/* dataset — numbered samples: counted owners, the call that gives one, and sets that stand in memory. */
#include "data/dataset.h"
#include "tensor/tensor.h"
#include <stdlib.h>
#include <wengert/io.h>

/* --- Owners, and what can be asked ------------------------------------------------------------ */

wg_dataset *wg_dataset_retain(wg_dataset *dataset) {
    if (dataset) atomic_fetch_add_explicit(&dataset->owners, 1, memory_order_relaxed);
    return dataset;
}

void wg_dataset_free(wg_dataset *dataset) {
    if (!dataset || atomic_fetch_sub_explicit(&dataset->owners, 1, memory_order_acq_rel) != 1) return;
    if (dataset->release) dataset->release(dataset->context);
    free(dataset);
}

int64_t wg_dataset_length(const wg_dataset *dataset) { return dataset ? dataset->length : 0; }
wg_type wg_dataset_x(const wg_dataset *dataset) { return dataset ? dataset->x : (wg_type){0}; }
wg_type wg_dataset_y(const wg_dataset *dataset) { return dataset ? dataset->y : (wg_type){0}; }
int wg_dataset_classes(const wg_dataset *dataset) { return dataset ? dataset->class_count : 0; }

const char *wg_dataset_class(const wg_dataset *dataset, int64_t index) {
    return dataset && index >= 0 && index < dataset->class_count ? dataset->classes[index] : NULL;
}

int wg_dataset_get(const wg_dataset *dataset, int64_t index, void *x, void *y, wg_error *error) {
    if (!dataset) return wg_error_set(error, WG_ERROR_MEMORY, "no data set given");
    if (!x) return wg_error_set(error, WG_ERROR_TAPE, "no memory given for sample %lld", (long long)index);
    if (index < 0 || index >= dataset->length)
        return wg_error_set(error, WG_ERROR_INDEX, "no sample %lld; the data set has %lld", (long long)index,
                            (long long)dataset->length);
    wg_error own;
    own.message[0] = 0;
    const int status = dataset->get(dataset->context, index, x, dataset->y.dtype ? y : NULL, &own);
    if (!status) return WG_OK;
    own.message[sizeof own.message - 1] = 0; /* the function is the program's */
    const int known = status > 0 && status <= WG_ERROR_PLAN ? status : WG_ERROR_STOPPED;
    return own.message[0] ? wg_error_set(error, known, "sample %lld: %s", (long long)index, own.message)
                          : wg_error_set(error, known, "sample %lld: the data set's function returned %d",
                                         (long long)index, status);
}

/* --- From a function -------------------------------------------------------------------------- */

/* A batch adds an axis to a sample's. */
static int check_type(const wg_type *type, const char *name, wg_error *error) {
    if (wg_dtype_size(type->dtype) == 0 || type->dtype == WG_BF16)
        return wg_error_set(error, WG_ERROR_DTYPE, "the samples' %s has dtype %s, which no tensor can have",
                            name, wg_dtype_name(type->dtype));
    if (type->rank < 0 || type->rank >= WG_MAX_RANK)
        return wg_error_set(error, WG_ERROR_SHAPE,
                            "the samples' %s has rank %d; expected 0 to %d, for a batch adds an axis", name,
                            type->rank, WG_MAX_RANK - 1);
    char text[WG_TEXT_SIZE];
    for (int i = 0; i < type->rank; i++)
        if (type->extent[i] < 0)
            return wg_error_set(error, WG_ERROR_SHAPE, "the samples' %s is %s; extents must be at least 0",
                                name, wg_type_text(text, type, true));
    if (!wg_type_fits(type))
        return wg_error_set(error, WG_ERROR_SHAPE, "the samples' %s is %s, more than 2^63 bytes", name,
                            wg_type_text(text, type, true));
    return WG_OK;
}

wg_dataset *(wg_dataset_of_function)(int64_t length, const wg_type *x, const wg_type *y,
                                     wg_dataset_get_function get, wg_error *error,
                                     const wg_dataset_options *options) {
    if (length < 0 || !x || !get) {
        wg_error_set(error, WG_ERROR_ATTRIBUTE,
                     "a data set of %lld samples%s; expected 0 or more, a type and a function",
                     (long long)length,
                     !x     ? " without a type of x"
                     : !get ? " without a function"
                            : "");
        return NULL;
    }
    if (check_type(x, "x", error) || (y && check_type(y, "y", error))) return NULL;
    wg_dataset *dataset = calloc(1, sizeof *dataset);
    if (!dataset) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a data set");
        return NULL;
    }
    atomic_init(&dataset->owners, 1);
    dataset->length = length;
    dataset->x = *x;
    if (y) dataset->y = *y;
    dataset->get = get;
    if (options) {
        dataset->context = options->context;
        dataset->release = options->release;
    }
    return dataset;
}

/* --- From tensors ----------------------------------------------------------------------------- */

typedef struct {
    wg_tensor *x, *y; /* dense; y may be NULL */
    const char *x_data, *y_data;
    size_t x_bytes, y_bytes; /* of one sample */
} tensor_pair;

static void pair_free(void *context) {
    tensor_pair *pair = context;
    wg_tensor_free(pair->x);
    wg_tensor_free(pair->y);
    free(pair);
}

static int pair_get(void *context, int64_t index, void *x, void *y, wg_error *error) {
    const tensor_pair *pair = context;
    (void)error;
    if (pair->x_bytes) memcpy(x, pair->x_data + pair->x_bytes * (size_t)index, pair->x_bytes);
    if (y && pair->y_bytes) memcpy(y, pair->y_data + pair->y_bytes * (size_t)index, pair->y_bytes);
    return WG_OK;
}

/* Type of what lies at one index of axis 0. */
static wg_type sample_type(const wg_tensor *tensor) {
    const wg_type whole = wg_tensor_type(tensor);
    wg_type sample = {.dtype = whole.dtype, .rank = whole.rank - 1};
    for (int i = 0; i < sample.rank; i++) sample.extent[i] = whole.extent[i + 1];
    return sample;
}

/* The tensor itself, with one more owner, or a dense copy of it. */
static wg_tensor *dense_tensor(wg_tensor *tensor, wg_error *error) {
    if (tensor->dense) return wg_tensor_retain(tensor);
    wg_tensor *copy = wg_tensor_of_type(&tensor->type, error);
    if (copy) wg_tensor_gather(tensor, wg_tensor_writable(copy));
    return copy;
}

static tensor_pair *pair_new(wg_tensor *x, wg_tensor *y, wg_error *error) {
    tensor_pair *pair = calloc(1, sizeof *pair);
    if (!pair) {
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a data set");
        return NULL;
    }
    const wg_type x_type = sample_type(x), y_type = y ? sample_type(y) : (wg_type){0};
    pair->x = dense_tensor(x, error);
    pair->y = y && pair->x ? dense_tensor(y, error) : NULL;
    if (!pair->x || (y && !pair->y)) {
        pair_free(pair);
        return NULL;
    }
    pair->x_data = wg_tensor_data(pair->x);
    pair->y_data = wg_tensor_data(pair->y);
    pair->x_bytes = wg_type_bytes(&x_type);
    pair->y_bytes = wg_type_bytes(&y_type);
    return pair;
}

static int check_pair(const wg_tensor *x, const wg_tensor *y, wg_error *error) {
    const wg_type x_type = wg_tensor_type(x), y_type = wg_tensor_type(y);
    char x_text[WG_TEXT_SIZE], y_text[WG_TEXT_SIZE];
    if (!x) return wg_error_set(error, WG_ERROR_NAME, "a data set without a tensor x");
    if (x_type.rank > 0 && (!y || (y_type.rank > 0 && y_type.extent[0] == x_type.extent[0]))) return WG_OK;
    return wg_error_set(error, WG_ERROR_SHAPE, "x is %s, y is %s; both need an axis 0, as many samples long",
                        wg_type_text(x_text, &x_type, true),
                        y ? wg_type_text(y_text, &y_type, true) : "none");
}

wg_dataset *wg_dataset_of_tensors(wg_tensor *x, wg_tensor *y, wg_error *error) {
    if (check_pair(x, y, error)) return NULL;
    tensor_pair *pair = pair_new(x, y, error);
    if (!pair) return NULL;
    const wg_type x_type = sample_type(x), y_type = y ? sample_type(y) : (wg_type){0};
    wg_dataset *dataset = wg_dataset_of_function(wg_tensor_type(x).extent[0], &x_type, y ? &y_type : NULL,
                                                 pair_get, error, .context = pair, .release = pair_free);
    if (!dataset) pair_free(pair);
    return dataset;
}

/* --- From IDX files --------------------------------------------------------------------------- */

/* Pictures as bytes, which a sample turns into numbers: a quarter of the memory. */
static int idx_get(void *context, int64_t index, void *x, void *y, wg_error *error) {
    const tensor_pair *pair = context;
    (void)error;
    wg_unit_interval(x, (const uint8_t *)pair->x_data + pair->x_bytes * (size_t)index,
                     (int64_t)pair->x_bytes);
    if (!y) return WG_OK;
    int32_t wide = 0;
    if (pair->y_bytes == 1)
        wide = (uint8_t)pair->y_data[index];
    else
        memcpy(&wide, pair->y_data + pair->y_bytes * (size_t)index, sizeof wide);
    const int64_t label = wide;
    memcpy(y, &label, sizeof label);
    return WG_OK;
}

static int check_idx(const char *images, const wg_tensor *x, const char *labels, const wg_tensor *y,
                     wg_error *error) {
    const wg_type x_type = wg_tensor_type(x), y_type = wg_tensor_type(y);
    char x_text[WG_TEXT_SIZE], y_text[WG_TEXT_SIZE];
    if (x_type.dtype != WG_U8 || x_type.rank < 1)
        return wg_error_set(error, WG_ERROR_DTYPE, "%s: %s; expected pictures, u8 [N, height, width]", images,
                            wg_type_text(x_text, &x_type, true));
    if ((y_type.dtype != WG_U8 && y_type.dtype != WG_I32) || y_type.rank != 1)
        return wg_error_set(error, WG_ERROR_DTYPE, "%s: %s; expected labels, u8 or i32 [N]", labels,
                            wg_type_text(y_text, &y_type, true));
    if (x_type.extent[0] != y_type.extent[0])
        return wg_error_set(error, WG_ERROR_SHAPE,
                            "%s has %lld pictures, %s has %lld labels; expected as many", images,
                            (long long)x_type.extent[0], labels, (long long)y_type.extent[0]);
    return WG_OK;
}

static wg_dataset *idx_dataset(wg_tensor *x, wg_tensor *y, wg_error *error) {
    wg_type x_type = sample_type(x);
    const wg_type label = {.dtype = WG_I64};
    x_type.dtype = WG_F32;
    if (x_type.rank == 2) /* height, width: the axis of channels goes in front */
        x_type = (wg_type){.dtype = WG_F32, .rank = 3, .extent = {1, x_type.extent[0], x_type.extent[1]}};
    tensor_pair *pair = pair_new(x, y, error);
    if (!pair) return NULL;
    wg_dataset *dataset = wg_dataset_of_function(wg_tensor_type(x).extent[0], &x_type, &label, idx_get, error,
                                                 .context = pair, .release = pair_free);
    if (!dataset) pair_free(pair);
    return dataset;
}

wg_dataset *wg_dataset_of_idx(const char *images, const char *labels, wg_error *error) {
    wg_dataset *dataset = NULL;
    wg_tensor *x = wg_read_idx(images, error);
    wg_tensor *y = x ? wg_read_idx(labels, error) : NULL;
    if (y && !check_idx(images, x, labels, y, error)) dataset = idx_dataset(x, y, error);
    wg_tensor_free(x);
    wg_tensor_free(y);
    return dataset;
}
