/* parcel — named tensors and texts on their way into a safetensors file, and numbers out of one.
 *
 * The first failure sticks, so that whoever packs need not ask; wg_parcel_send tells it. */
#ifndef WG_IO_PARCEL_H
#define WG_IO_PARCEL_H

#include "base/base.h"
#include <wengert/io.h>

typedef struct wg_parcel {
    wg_named_tensor *tensors; /* names are the parcel's, tensors the caller's */
    wg_metadata *texts;       /* keys are literals, texts the parcel's */
    size_t tensor_count, tensor_capacity, text_count, text_capacity;
    bool out_of_memory;
} wg_parcel;

/* Adds a tensor, which must stay until the parcel is written, under a name made by printf's rules. */
void wg_parcel_tensor(wg_parcel *parcel, const wg_tensor *tensor, const char *format, ...) WG_PRINTF(3, 4);

/* Adds a text under a key; a number is a text of digits. */
void wg_parcel_text(wg_parcel *parcel, const char *key, const char *format, ...) WG_PRINTF(3, 4);
void wg_parcel_number(wg_parcel *parcel, const char *key, uint64_t number);

/* Writes all of it and empties the parcel. A wg_status. */
int wg_parcel_send(wg_parcel *parcel, const char *path, wg_error *error);

/* The number of at most `most` that an open file keeps under a key, or WG_ERROR_FORMAT. */
int wg_file_number(const wg_safetensors *file, const char *path, const char *key, uint64_t most,
                   uint64_t *number, wg_error *error);

/* The same as a new tensor, a scalar of i64. */
int wg_file_scalar(const wg_safetensors *file, const char *path, const char *key, wg_tensor **scalar,
                   wg_error *error);

/* Is the open file a checkpoint of a version that is understood? A wg_status. */
int wg_checkpoint_check(const wg_safetensors *file, const char *path, wg_error *error);

#endif
