/* file — whole files, read and written by descriptor: no buffers, no locale, errors as values. */
#ifndef WG_IO_FILE_H
#define WG_IO_FILE_H

#include "base/base.h"

/* Fills `error` with "cannot DOING PATH: REASON" for this errno, and returns its status. */
int wg_file_error(wg_error *error, const char *doing, const char *path, int number);

/* --- Reading ---------------------------------------------------------------------------------- */

typedef struct wg_reader {
    const char *path; /* the caller's */
    int descriptor;   /* -1: closed */
    int64_t size;
} wg_reader;

/* Opens a regular file: pipes and directories have no size to hold a header against. */
int wg_reader_open(wg_reader *reader, const char *path, wg_error *error);
/* *got is less than size only where the file ends. */
int wg_reader_read(wg_reader *reader, void *data, size_t size, size_t *got, wg_error *error);
/* The same from `offset` on, without moving the place at which wg_reader_read goes on. */
int wg_reader_read_at(wg_reader *reader, int64_t offset, void *data, size_t size, size_t *got,
                      wg_error *error);
void wg_reader_close(wg_reader *reader);

/* --- Writing ---------------------------------------------------------------------------------- */

typedef struct wg_writer {
    const char *path; /* the caller's */
    char *target;     /* what is to be replaced: the path, symbolic links followed */
    char *temporary;  /* what is written until it is finished; NULL: the target itself, a device or pipe */
    int descriptor;
} wg_writer;

int wg_writer_open(wg_writer *writer, const char *path, wg_error *error);
int wg_writer_write(wg_writer *writer, const void *data, size_t size, wg_error *error);
/* Ends what wg_writer_open began: with status 0 the file takes its name, for good; with another it vanishes.
 * Returns that status, or that of an error on the way. */
int wg_writer_finish(wg_writer *writer, int status, wg_error *error);

/* --- Elements --------------------------------------------------------------------------------- */

/* A tensor's elements, dense: its own memory, or *copy, which the caller frees. NULL: no memory. */
const void *wg_dense_elements(const wg_tensor *tensor, void **copy, wg_error *error);

/* Reverses the bytes of each of `count` elements of `size` bytes; source and target may be the same. */
void wg_swap_bytes(void *target, const void *source, size_t size, int64_t count);

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { WG_BIG_ENDIAN = 1 };
#else
enum { WG_BIG_ENDIAN = 0 };
#endif

#endif
