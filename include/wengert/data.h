/* data — samples to learn from, and a loader that makes batches of them.
 *
 *     wg_dataset *images = wg_dataset_of_idx("train-images.gz", "train-labels.gz", &error);
 *     wg_loader  *train  = wg_loader_new(images, 64, &error, .shuffle = true, .seed = 1, .prefetch = 2);
 *     for (wg_batch b; wg_loader_next(train, &b); wg_tape_clear(tape)) {
 *         … wg_input(tape, b.x) … wg_input(tape, b.y) …
 *     }
 *     if (wg_loader_status(train, &error)) …
 *     wg_loader_free(train);
 *     wg_dataset_free(images);
 */
#ifndef WENGERT_DATA_H
#define WENGERT_DATA_H

#include <wengert/base.h>
#include <wengert/tensor.h>

WG_BEGIN_C

/* --- Data sets ---------------------------------------------------------------------------------- */

/* A numbered set of samples, each an x and a y: picture and class, say. All x are of one type, and all y.
 * Data sets are counted as tensors are, and may be read by several threads. */
typedef struct wg_dataset wg_dataset;

/* Samples along axis 0 of two tensors, which it holds by reference (a strided one it copies): x[i], y[i].
 * y may be NULL: samples without. NULL on failure. */
WG_API wg_dataset *wg_dataset_of_tensors(wg_tensor *x, wg_tensor *y, wg_error *error) WG_MUST_USE;

/* Writes sample `index`, 0 … length-1, to x and y, dense and of the types agreed on; y is NULL in a set
 * without. Returns 0, or a wg_status, and may then write a message to the error, which is never NULL. The
 * same index must give the same sample. Called from the threads of loaders. */
typedef int (*wg_dataset_get_function)(void *context, int64_t index, void *x, void *y, wg_error *error);

typedef struct wg_dataset_options {
    WG_OPTIONS_HEAD;
    void *context WG_DEFAULT_;                  /* handed to `get` */
    void (*release)(void *context) WG_DEFAULT_; /* called when the last owner lets go; not on failure */
} wg_dataset_options;

/* Samples that a function gives; `x` and `y` are the types of one (y NULL: samples without). NULL on
 * failure. */
WG_API wg_dataset *wg_dataset_of_function(int64_t length, const wg_type *x, const wg_type *y,
                                          wg_dataset_get_function get, wg_error *error,
                                          const wg_dataset_options *options) WG_MUST_USE;

/* Pictures (u8 [N, H, W], or [N]… of any shape) and their classes ([N] of u8 or i32) from two IDX files:
 * x is f32 [1, H, W], the pictures' numbers divided by 255; y is i64, a scalar. NULL on failure. */
WG_API wg_dataset *wg_dataset_of_idx(const char *images, const char *labels, wg_error *error) WG_MUST_USE;

/* PNG pictures sorted into sub-folders, a sub-folder a class: PATH/cat/1.png, PATH/dog/1.png. Classes and
 * pictures are counted in the order of their names' bytes; names that begin with a dot and files that do
 * not end in .png are passed over. x is f32 [channels, height, width] with numbers 0 … 1, channels being
 * 1, 3 or 4; y is i64, a scalar. The pictures are decoded as they are asked for; all must have one size,
 * which is checked here. NULL on failure. */
WG_API wg_dataset *wg_dataset_of_folder(const char *path, int channels, wg_error *error) WG_MUST_USE;

WG_API wg_dataset *wg_dataset_retain(wg_dataset *dataset); /* returns it */
WG_API void wg_dataset_free(wg_dataset *dataset);          /* NULL is harmless */

WG_API int64_t wg_dataset_length(const wg_dataset *dataset);
WG_API wg_type wg_dataset_x(const wg_dataset *dataset); /* of one sample */
WG_API wg_type wg_dataset_y(const wg_dataset *dataset); /* no dtype: samples without */

/* Classes of a folder, and their names; 0 and NULL for other data sets. */
WG_API int wg_dataset_classes(const wg_dataset *dataset);
WG_API const char *wg_dataset_class(const wg_dataset *dataset, int64_t index);

/* Reads one sample into dense memory of its types; y may be NULL. Returns a wg_status. */
WG_API int wg_dataset_get(const wg_dataset *dataset, int64_t index, void *x, void *y, wg_error *error);

/* --- Loaders ------------------------------------------------------------------------------------ */

/* Goes through a data set batch by batch, epoch after epoch. A loader belongs to one thread at a time. */
typedef struct wg_loader wg_loader;

/* x[i], y[i]: sample i of the batch. Both belong to the loader, until its next call; retained, or given
 * to a tape, they stay as they are and the loader takes other memory. */
typedef struct wg_batch {
    wg_tensor *x, *y; /* y is NULL for samples without */
} wg_batch;

typedef struct wg_loader_options {
    WG_OPTIONS_HEAD;
    bool shuffle WG_DEFAULT_;       /* an order of its own for each epoch, all orders equally likely */
    uint64_t seed WG_DEFAULT_;      /* the order depends on it and on the epoch's number, on nothing else */
    bool drop_last WG_DEFAULT_;     /* leaves out a last batch that is not full */
    int prefetch WG_DEFAULT_;       /* batches that a thread of the loader's prepares ahead; default: none, no thread */
    double mean WG_DEFAULT_;        /* f32 and f64: x becomes (x - mean) / std; */
    double std WG_DEFAULT_;         /* default: 1 */
    const double *channel_mean WG_DEFAULT_; /* the same with a number for each index of the sample's axis 0; */
    const double *channel_std WG_DEFAULT_;  /* only read by wg_loader_new */
} wg_loader_options;

/* Batches of `batch_size` samples, the last of an epoch having what is left. The loader holds the data
 * set by reference. Where no thread can be had it works without. NULL on failure. */
WG_API wg_loader *wg_loader_new(wg_dataset *dataset, int64_t batch_size, wg_error *error,
                                const wg_loader_options *options) WG_MUST_USE;
WG_API void wg_loader_free(wg_loader *loader); /* NULL is harmless */

/* The next batch of the epoch. False at its end, and the next call then starts another; false after an
 * error too, with which the loader stays until wg_loader_recover. */
WG_API bool wg_loader_next(wg_loader *loader, wg_batch *batch);

/* The error that wg_loader_next met, copied to `error`; 0: none, `error` is left alone. Of NULL:
 * WG_ERROR_MEMORY. */
WG_API int wg_loader_status(const wg_loader *loader, wg_error *error);

/* The same, and the next call tries that batch again. */
WG_API int wg_loader_recover(wg_loader *loader, wg_error *error);

WG_API int64_t wg_loader_batches(const wg_loader *loader);  /* in an epoch */
WG_API int64_t wg_loader_position(const wg_loader *loader); /* of them, given out in this epoch */
WG_API int64_t wg_loader_epoch(const wg_loader *loader);    /* epochs that have come to their end */

/* Goes where a loader stands that has ended `epoch` epochs and given out `position` batches of the next: from
 * there on both give the same. `position` may be 0 … wg_loader_batches; at the last of these the next call of
 * wg_loader_next ends the epoch. The batch given out before is taken back, and an error that was met is
 * forgotten. Returns a wg_status: WG_ERROR_INDEX, with the loader as it was, where there is no such place. */
WG_API int wg_loader_seek(wg_loader *loader, int64_t epoch, int64_t position, wg_error *error);

WG_END_C

#define wg_dataset_of_function(...) wg_dataset_of_function_(__VA_ARGS__, )
#define wg_dataset_of_function_(length, x, y, get, error, ...)                                     \
    (wg_dataset_of_function)(length, x, y, get, error, WG_OPTIONS_(wg_dataset_options, __VA_ARGS__))
#define wg_loader_new(...) wg_loader_new_(__VA_ARGS__, )
#define wg_loader_new_(dataset, batch_size, error, ...)                                            \
    (wg_loader_new)(dataset, batch_size, error, WG_OPTIONS_(wg_loader_options, __VA_ARGS__))
#endif
