/* gzip — files of RFC 1952 through zlib's inflate and deflate.
 *
 * A file is gzipped when it begins with 1f 8b; it may have several members, one after the other, and
 * nothing behind the last. Deflate (RFC 1951) makes at most 258 bytes out of two bits, so a file of n
 * bytes holds no more than 1032 n: a bound to hold a header's promises against before memory is taken. */
#include "io/gzip.h"
#include <limits.h>
#include <stdlib.h>
#include "wg_config.h"

enum { MOST_BYTES_FROM_ONE = 1032 };

#ifdef WG_HAVE_ZLIB
#include <zlib.h>

enum { BLOCK = 1 << 16, GZIP_WINDOW = 15 + 16 /* 32 KiB, gzip's header and checksum */ };

struct wg_gunzip {
    z_stream z;
    bool ended; /* the last member has been read to its end */
    unsigned char block[BLOCK];
};

struct wg_gzip {
    z_stream z;
    unsigned char block[BLOCK];
};

static int no_memory(const char *path, wg_error *error) {
    return wg_error_set(error, WG_ERROR_MEMORY, "no memory to compress or decompress %s", path);
}

static int gunzip_open(wg_stream *stream, wg_error *error) {
    stream->gunzip = calloc(1, sizeof *stream->gunzip);
    if (!stream->gunzip) return no_memory(stream->file.path, error);
    if (inflateInit2(&stream->gunzip->z, GZIP_WINDOW) == Z_OK) return WG_OK;
    free(stream->gunzip);
    stream->gunzip = NULL;
    return no_memory(stream->file.path, error);
}

/* Has the block something to decompress? Reads on where it has not. */
static int refill(wg_stream *stream, bool *more, wg_error *error) {
    z_stream *z = &stream->gunzip->z;
    size_t got = z->avail_in;
    if (got == 0) {
        const int status = wg_reader_read(&stream->file, stream->gunzip->block, BLOCK, &got, error);
        if (status) return status;
        z->next_in = stream->gunzip->block;
        z->avail_in = (uInt)got;
    }
    *more = got > 0;
    return WG_OK;
}

/* One call of inflate. */
static int inflate_some(wg_stream *stream, wg_error *error) {
    struct wg_gunzip *gunzip = stream->gunzip;
    bool more = false;
    int status = refill(stream, &more, error);
    if (status) return status;
    if (!more)
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%s: ends within its gzip stream; expected more: the file has been cut",
                            stream->file.path);
    const int result = inflate(&gunzip->z, Z_NO_FLUSH);
    if (result == Z_MEM_ERROR) return no_memory(stream->file.path, error);
    if (result == Z_STREAM_END) {
        status = refill(stream, &more, error);
        if (!status && more) inflateReset(&gunzip->z); /* another member */
        gunzip->ended = !more;
        return status;
    }
    if (result == Z_OK || result == Z_BUF_ERROR) return WG_OK;
    return wg_error_set(error, WG_ERROR_FORMAT, "%s: corrupt gzip stream: %s", stream->file.path,
                        gunzip->z.msg ? gunzip->z.msg : "not gzip");
}

static int gunzip_read(wg_stream *stream, void *data, size_t size, size_t *got, wg_error *error) {
    struct wg_gunzip *gunzip = stream->gunzip;
    int status = WG_OK;
    for (*got = 0; *got < size && !gunzip->ended && !status;) {
        const uInt room = size - *got < UINT_MAX ? (uInt)(size - *got) : UINT_MAX;
        gunzip->z.next_out = (unsigned char *)data + *got;
        gunzip->z.avail_out = room;
        status = inflate_some(stream, error);
        *got += room - gunzip->z.avail_out;
    }
    return status;
}

static void gunzip_close(struct wg_gunzip *gunzip) {
    if (gunzip) inflateEnd(&gunzip->z);
    free(gunzip);
}

static int gzip_open(wg_outlet *outlet, wg_error *error) {
    outlet->gzip = calloc(1, sizeof *outlet->gzip);
    if (!outlet->gzip) return no_memory(outlet->file.path, error);
    if (deflateInit2(&outlet->gzip->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) == Z_OK)
        return WG_OK;
    free(outlet->gzip);
    outlet->gzip = NULL;
    return no_memory(outlet->file.path, error);
}

/* Compresses what is there, and with Z_FINISH writes the end. */
static int deflate_all(wg_outlet *outlet, int flush, wg_error *error) {
    struct wg_gzip *gzip = outlet->gzip;
    int status = WG_OK, result = Z_OK;
    do {
        gzip->z.next_out = gzip->block;
        gzip->z.avail_out = BLOCK;
        result = deflate(&gzip->z, flush);
        status = wg_writer_write(&outlet->file, gzip->block, BLOCK - gzip->z.avail_out, error);
    } while (!status && (flush == Z_FINISH ? result != Z_STREAM_END : gzip->z.avail_out == 0));
    return status;
}

static int gzip_write(wg_outlet *outlet, const void *data, size_t size, wg_error *error) {
    int status = WG_OK;
    for (size_t done = 0; done < size && !status;) {
        const uInt part = size - done < UINT_MAX ? (uInt)(size - done) : UINT_MAX;
        outlet->gzip->z.next_in = (unsigned char *)(uintptr_t)data + done;
        outlet->gzip->z.avail_in = part;
        status = deflate_all(outlet, Z_NO_FLUSH, error);
        done += part;
    }
    return status;
}

static int gzip_finish(wg_outlet *outlet, int status, wg_error *error) {
    if (!status) status = deflate_all(outlet, Z_FINISH, error);
    deflateEnd(&outlet->gzip->z);
    free(outlet->gzip);
    return status;
}

#else

static int unsupported(const char *doing, const char *path, wg_error *error) {
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "cannot %s %s: built without gzip; configure with -Dzlib=enabled", doing, path);
}

static int gunzip_open(wg_stream *stream, wg_error *error) {
    return unsupported("read", stream->file.path, error);
}
static int gzip_open(wg_outlet *outlet, wg_error *error) {
    return unsupported("write", outlet->file.path, error);
}

/* Nothing gzipped is ever open. */
static int gunzip_read(wg_stream *stream, void *data, size_t size, size_t *got, wg_error *error) {
    return (void)data, (void)size, (void)got, gunzip_open(stream, error);
}
static int gzip_write(wg_outlet *outlet, const void *data, size_t size, wg_error *error) {
    return (void)data, (void)size, gzip_open(outlet, error);
}
static int gzip_finish(wg_outlet *outlet, int status, wg_error *error) {
    return (void)outlet, (void)error, status;
}
static void gunzip_close(struct wg_gunzip *gunzip) { (void)gunzip; }

#endif

/* --- Reading ---------------------------------------------------------------------------------- */

int wg_stream_open(wg_stream *stream, const char *path, wg_error *error) {
    *stream = (wg_stream){0};
    int status = wg_reader_open(&stream->file, path, error);
    if (status) return status;
    unsigned char magic[2];
    size_t got = 0;
    status = wg_reader_read_at(&stream->file, 0, magic, sizeof magic, &got, error);
    stream->most = stream->file.size;
    if (!status && got == sizeof magic && magic[0] == 0x1f && magic[1] == 0x8b) {
        status = gunzip_open(stream, error);
        if (__builtin_mul_overflow(stream->most, (int64_t)MOST_BYTES_FROM_ONE, &stream->most))
            stream->most = INT64_MAX;
    }
    if (status) wg_stream_close(stream);
    return status;
}

int wg_stream_read(wg_stream *stream, void *data, size_t size, size_t *got, wg_error *error) {
    return stream->gunzip ? gunzip_read(stream, data, size, got, error)
                          : wg_reader_read(&stream->file, data, size, got, error);
}

void wg_stream_close(wg_stream *stream) {
    gunzip_close(stream->gunzip);
    stream->gunzip = NULL;
    wg_reader_close(&stream->file);
}

/* --- Writing ---------------------------------------------------------------------------------- */

int wg_outlet_open(wg_outlet *outlet, const char *path, wg_error *error) {
    *outlet = (wg_outlet){0};
    const int status = wg_writer_open(&outlet->file, path, error);
    const size_t length = path ? strlen(path) : 0;
    return !status && length >= 3 && !strcmp(path + length - 3, ".gz") ? gzip_open(outlet, error) : status;
}

int wg_outlet_write(wg_outlet *outlet, const void *data, size_t size, wg_error *error) {
    return outlet->gzip ? gzip_write(outlet, data, size, error)
                        : wg_writer_write(&outlet->file, data, size, error);
}

int wg_outlet_finish(wg_outlet *outlet, int status, wg_error *error) {
    if (outlet->gzip) status = gzip_finish(outlet, status, error);
    return wg_writer_finish(&outlet->file, status, error);
}
