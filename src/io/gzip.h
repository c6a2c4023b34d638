/* gzip — a file as a stream of bytes, decompressed or compressed on the way where it is gzipped. */
#ifndef WG_IO_GZIP_H
#define WG_IO_GZIP_H

#include "io/file.h"

/* --- Reading ---------------------------------------------------------------------------------- */

typedef struct wg_stream {
    wg_reader file;
    struct wg_gunzip *gunzip; /* NULL: a plain file */
    int64_t most;             /* no more bytes than this can come out of a file of its size */
} wg_stream;

int wg_stream_open(wg_stream *stream, const char *path, wg_error *error);
/* *got is less than size only where the stream ends. */
int wg_stream_read(wg_stream *stream, void *data, size_t size, size_t *got, wg_error *error);
void wg_stream_close(wg_stream *stream);

/* --- Writing ---------------------------------------------------------------------------------- */

typedef struct wg_outlet {
    wg_writer file;
    struct wg_gzip *gzip; /* NULL: a plain file */
} wg_outlet;

/* Gzipped where the path ends in ".gz". */
int wg_outlet_open(wg_outlet *outlet, const char *path, wg_error *error);
int wg_outlet_write(wg_outlet *outlet, const void *data, size_t size, wg_error *error);
/* As wg_writer_finish. */
int wg_outlet_finish(wg_outlet *outlet, int status, wg_error *error);

#endif
