/* idx — arrays in the format of the MNIST data sets, whatever their rank:
 *
 *     2 bytes    0
 *     1 byte     element type: 08 u8, 09 i8, 0b i16, 0c i32, 0d f32, 0e f64
 *     1 byte     rank
 *     4 each     the extents, big-endian
 *     the rest   the elements, row-major, big-endian */
#include "io/gzip.h"
#include <stdlib.h>
#include <wengert/io.h>

enum { HEAD = 4 };

/* An element type of the file: its size there and what it becomes here. */
typedef struct {
    unsigned char code, size;
    wg_dtype dtype;
} idx_type;

static const idx_type idx_types[] = {
    {0x08, 1, WG_U8},  {0x0c, 4, WG_I32}, {0x0d, 4, WG_F32},
    {0x0e, 8, WG_F64}, {0x09, 1, WG_I32}, {0x0b, 2, WG_I32}, /* i8 and i16, widened */
};
enum { TYPES = sizeof idx_types / sizeof *idx_types };

/* --- Reading ---------------------------------------------------------------------------------- */

/* Exactly `size` bytes of the header. */
static int read_header_bytes(wg_stream *stream, void *data, size_t size, wg_error *error) {
    size_t got = 0;
    const int status = wg_stream_read(stream, data, size, &got, error);
    if (status || got == size) return status;
    return wg_error_set(error, WG_ERROR_FORMAT,
                        "%s: ends within its header; expected %zu more bytes of an IDX file",
                        stream->file.path, size - got);
}

static int read_extents(wg_stream *stream, wg_type *type, wg_error *error) {
    unsigned char bytes[4];
    for (int i = 0; i < type->rank; i++) {
        const int status = read_header_bytes(stream, bytes, sizeof bytes, error);
        if (status) return status;
        type->extent[i] = (int64_t)bytes[0] << 24 | bytes[1] << 16 | bytes[2] << 8 | bytes[3];
    }
    return WG_OK;
}

static int read_header(wg_stream *stream, wg_type *type, const idx_type **found, wg_error *error) {
    const char *path = stream->file.path;
    unsigned char head[HEAD];
    int status = read_header_bytes(stream, head, sizeof head, error);
    if (status) return status;
    *found = NULL;
    for (int i = 0; i < TYPES; i++)
        if (head[0] == 0 && head[1] == 0 && idx_types[i].code == head[2]) *found = &idx_types[i];
    if (!*found)
        return wg_error_set(error, WG_ERROR_FORMAT,
                            "%s: begins with %02x %02x %02x %02x; expected an IDX file: 00 00, a type (08, "
                            "09, 0b … 0e), a rank",
                            path, head[0], head[1], head[2], head[3]);
    if (head[3] > WG_MAX_RANK)
        return wg_error_set(error, WG_ERROR_SHAPE, "%s: rank %d; expected at most %d", path, head[3],
                            WG_MAX_RANK);
    *type = (wg_type){.dtype = (*found)->dtype, .rank = head[3]};
    status = read_extents(stream, type, error);
    char text[WG_TEXT_SIZE];
    if (!status && !wg_type_fits(type))
        status = wg_error_set(error, WG_ERROR_SHAPE, "%s: %s has more than 2^63 bytes", path,
                              wg_type_text(text, type, true));
    return status;
}

/* What the header promises against what the file can hold, before any memory is taken. */
static int check_size(const wg_stream *stream, const wg_type *type, uint64_t promised, wg_error *error) {
    const uint64_t most = (uint64_t)wg_max_int(stream->most - HEAD - 4 * type->rank, 0);
    char text[WG_TEXT_SIZE];
    if (promised <= most && (stream->gunzip || promised == most)) return WG_OK;
    return wg_error_set(error, WG_ERROR_FORMAT,
                        "%s: its header promises %s, %llu bytes; the file holds %s%llu", stream->file.path,
                        wg_type_text(text, type, false), (unsigned long long)promised,
                        stream->gunzip ? "at most " : "", (unsigned long long)most);
}

/* The stream must give `size` bytes and then end. */
static int read_exactly(wg_stream *stream, void *data, size_t size, wg_error *error) {
    size_t got = 0, over = 0;
    unsigned char behind;
    int status = wg_stream_read(stream, data, size, &got, error);
    if (!status && got == size) status = wg_stream_read(stream, &behind, 1, &over, error);
    if (!status && (got < size || over > 0))
        status = wg_error_set(error, WG_ERROR_FORMAT,
                              "%s: its header promises %zu bytes of elements; the file holds %s",
                              stream->file.path, size, over ? "more" : "fewer");
    return status;
}

/* Big-endian elements at the end of the memory become the machine's at its beginning. In place: element
 * i, of `from` bytes, ends at (to - from) count + from (i + 1) >= to (i + 1), so it is read before it can
 * be written over. */
static void convert(unsigned char *data, const idx_type *type, int64_t count) {
    const size_t from = type->size, to = wg_dtype_size(type->dtype);
    const unsigned char *source = data + (to - from) * (size_t)count;
    if (from == to) {
        if (!WG_BIG_ENDIAN && from > 1) wg_swap_bytes(data, source, from, count);
        return;
    }
    for (int64_t i = 0; i < count; i++, source += from) {
        const int32_t value = from == 1 ? (int8_t)source[0] : (int16_t)(source[0] << 8 | source[1]);
        memcpy(data + to * (size_t)i, &value, sizeof value);
    }
}

static wg_tensor *read_tensor(wg_stream *stream, wg_error *error) {
    wg_type type;
    const idx_type *found = NULL;
    if (read_header(stream, &type, &found, error)) return NULL;
    const int64_t count = wg_type_count(&type);
    const size_t size = (size_t)count * found->size;
    if (check_size(stream, &type, size, error)) return NULL;
    wg_tensor *tensor = wg_tensor_of_type(&type, error);
    if (!tensor) return NULL;
    unsigned char *data = wg_tensor_writable(tensor);
    if (read_exactly(stream, data + (wg_type_bytes(&type) - size), size, error)) {
        wg_tensor_free(tensor);
        return NULL;
    }
    convert(data, found, count);
    return tensor;
}

wg_tensor *wg_read_idx(const char *path, wg_error *error) {
    wg_stream stream;
    if (wg_stream_open(&stream, path, error)) return NULL;
    wg_tensor *tensor = read_tensor(&stream, error);
    wg_stream_close(&stream);
    return tensor;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int write_header(wg_outlet *outlet, const wg_type *type, unsigned char code, wg_error *error) {
    unsigned char head[HEAD + 4 * WG_MAX_RANK] = {0, 0, code, (unsigned char)type->rank};
    for (int i = 0; i < type->rank; i++)
        for (int byte = 0; byte < 4; byte++)
            head[HEAD + 4 * i + byte] = (unsigned char)(type->extent[i] >> (24 - 8 * byte));
    return wg_outlet_write(outlet, head, HEAD + 4 * (size_t)type->rank, error);
}

/* Dense elements, a block at a time through a buffer that turns them big-endian. */
static int write_elements(wg_outlet *outlet, const void *elements, size_t size, int64_t count,
                          wg_error *error) {
    unsigned char block[8192];
    const int64_t most = (int64_t)(sizeof block / size);
    const unsigned char *from = elements;
    if (WG_BIG_ENDIAN || size == 1) return wg_outlet_write(outlet, elements, size * (size_t)count, error);
    int status = WG_OK;
    for (int64_t done = 0; done < count && !status; done += most) {
        const int64_t part = wg_smaller(most, count - done);
        wg_swap_bytes(block, from + size * (size_t)done, size, part);
        status = wg_outlet_write(outlet, block, size * (size_t)part, error);
    }
    return status;
}

static int write_file(const char *path, const wg_tensor *tensor, const idx_type *found, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    void *copy;
    const void *elements = wg_dense_elements(tensor, &copy, error);
    if (!elements) return WG_ERROR_MEMORY;
    wg_outlet outlet;
    int status = wg_outlet_open(&outlet, path, error);
    if (!status) status = write_header(&outlet, &type, found->code, error);
    if (!status) status = write_elements(&outlet, elements, found->size, wg_type_count(&type), error);
    status = wg_outlet_finish(&outlet, status, error);
    free(copy);
    return status;
}

int wg_write_idx(const char *path, const wg_tensor *tensor, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    const char *name = path ? path : "(no path)";
    if (!tensor) return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: no tensor given", name);
    const idx_type *found = NULL;
    for (int i = TYPES - 1; i >= 0; i--) /* the same type in the file stands before those that are widened */
        if (idx_types[i].dtype == type.dtype) found = &idx_types[i];
    if (!found)
        return wg_error_set(error, WG_ERROR_DTYPE,
                            "cannot write %s: the tensor is %s; IDX takes u8, i32, f32, f64", name,
                            wg_dtype_name(type.dtype));
    char text[WG_TEXT_SIZE];
    for (int i = 0; i < type.rank; i++)
        if (type.extent[i] > UINT32_MAX)
            return wg_error_set(error, WG_ERROR_SHAPE,
                                "cannot write %s: shape %s; IDX takes extents below 2^32", name,
                                wg_type_text(text, &type, false));
    return write_file(path, tensor, found, error);
}
