/* io — tensors from files and into files: IDX (the format of MNIST and its family), PNG pictures,
 * safetensors.
 *
 * A file is not believed: what it says of its own size is held against what it holds before memory
 * is taken, and content that is not what the format says is an error that names the file, what was
 * found and what was expected. A file is written under a temporary name beside it, brought to the disk and
 * then renamed, and its folder is brought to the disk as well: whatever happens, a power cut too, the file is
 * the former one or the new one, whole, and a failure leaves the former one and nothing beside it. (Where
 * only the last part fails, telling the folder, the new one is there, and the error says so.)
 *
 * Functions whose library was left out of the build return WG_ERROR_UNSUPPORTED and name the build
 * option. */
#ifndef WENGERT_IO_H
#define WENGERT_IO_H

#include <wengert/base.h>
#include <wengert/tensor.h>

WG_BEGIN_C

/* --- IDX ---------------------------------------------------------------------------------------- */

/* Reads a file in the format of http://yann.lecun.com/exdb/mnist/, plain or gzipped: u8, i32, f32 and
 * f64 as they are, i8 and i16 widened to i32. The caller owns the tensor. NULL on failure. */
WG_API wg_tensor *wg_read_idx(const char *path, wg_error *error) WG_MUST_USE;

/* Writes u8, i32, f32 or f64; gzipped when the path ends in ".gz". Returns a wg_status. */
WG_API int wg_write_idx(const char *path, const wg_tensor *tensor, wg_error *error);

/* --- PNG ---------------------------------------------------------------------------------------- */

/* Reads a picture as u8 [height, width, channels], the top row first; channels is 1 (grey), 3 (red,
 * green, blue) or 4 (and alpha: 0 transparent, 255 opaque). Colour becomes grey by the luma of ITU-R
 * BT.601, (299 R + 587 G + 114 B) / 1000; transparency is dropped unless there are 4 channels; 16 bits
 * are rounded to 8; gamma and colour profiles are left alone. The caller owns the tensor. NULL on
 * failure. */
WG_API wg_tensor *wg_png_read(const char *path, int channels, wg_error *error) WG_MUST_USE;

/* Writes u8 [height, width] or [height, width, channels]. Returns a wg_status. */
WG_API int wg_png_write(const char *path, const wg_tensor *tensor, wg_error *error);

/* --- safetensors -------------------------------------------------------------------------------- */

/* The format of https://github.com/huggingface/safetensors: eight bytes of header length, a header in
 * JSON, the elements. Of its element types F32, F64, I32, I64, U8 and BOOL are known here. */

typedef struct wg_named_tensor {
    const char *name; /* UTF-8; each one once */
    const wg_tensor *tensor;
} wg_named_tensor;

typedef struct wg_metadata {
    const char *key, *text; /* UTF-8 */
} wg_metadata;

typedef struct wg_safetensors_options {
    WG_OPTIONS_HEAD;
    const wg_metadata *metadata WG_DEFAULT_; /* `metadata_count` texts to keep with the tensors */
    int metadata_count WG_DEFAULT_;
} wg_safetensors_options;

/* Writes `count` tensors. The same tensors and texts give the same bytes, in whatever order they are
 * listed: larger elements stand before smaller ones, so that all are aligned, and by name among their
 * like. Returns a wg_status. */
WG_API int wg_safetensors_write(const char *path, const wg_named_tensor *tensors, int count, wg_error *error,
                                const wg_safetensors_options *options);

typedef struct wg_safetensors wg_safetensors;

/* Opens a file and checks its header; reads no elements yet. NULL on failure. */
WG_API wg_safetensors *wg_safetensors_open(const char *path, wg_error *error) WG_MUST_USE;
WG_API void wg_safetensors_close(wg_safetensors *file); /* NULL is harmless */

/* How many tensors it has. They are counted from 0 in the order of their names' bytes. */
WG_API int wg_safetensors_count(const wg_safetensors *file);

/* Name and type of a tensor; the name belongs to the file. Out of range: NULL, no dtype. */
WG_API const char *wg_safetensors_name(const wg_safetensors *file, int index);
WG_API wg_type wg_safetensors_type(const wg_safetensors *file, int index);

/* The number of the tensor of that name; -1: there is none. */
WG_API int wg_safetensors_find(const wg_safetensors *file, const char *name);

/* The text kept under a key, which belongs to the file; NULL: there is none. */
WG_API const char *wg_safetensors_metadata(const wg_safetensors *file, const char *key);

/* Reads a tensor; the caller owns it. NULL on failure. */
WG_API wg_tensor *wg_safetensors_read(wg_safetensors *file, int index, wg_error *error) WG_MUST_USE;

WG_END_C

#define wg_safetensors_write(...) wg_safetensors_write_(__VA_ARGS__, )
#define wg_safetensors_write_(path, tensors, count, error, ...)                                    \
    (wg_safetensors_write)(path, tensors, count, error, WG_OPTIONS_(wg_safetensors_options, __VA_ARGS__))
#endif
