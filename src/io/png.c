/* png — pictures through libpng.
 *
 * libpng reports an error by a long jump out of its own functions. All that must survive the jump stands
 * in a struct in the frame above: a function that calls setjmp has no variables of its own. Warnings are
 * dropped: a file that is usable is used.
 *
 * libpng turns every kind of picture into rows of red, green, blue and alpha of 8 bits; from there to
 * the channels asked for is ours. */
#include "io/png.h"
#include "io/file.h"
#include <stdlib.h>
#include <wengert/io.h>
#include "wg_config.h"

#ifdef WG_HAVE_PNG
#include <png.h>

typedef struct {
    png_structp png;
    png_infop info;
    wg_reader reader;
    wg_writer writer;
    wg_error *error;
    int status; /* that of the error that jumped */
    bool no_memory;
    int channels;
    png_uint_32 height, width, y;
    int passes, pass;      /* more than one: interlaced */
    png_bytep rows;        /* RGBA: one row, or all of an interlaced picture */
    uint8_t *pixels;       /* what the caller gets, [height, width, channels] */
    const uint8_t *source; /* what is to be written */
} png_job;

/* --- What libpng calls ------------------------------------------------------------------------ */

static void on_error(png_structp png, png_const_charp message) {
    png_job *job = png_get_error_ptr(png);
    const char *path = job->reader.path ? job->reader.path : job->writer.path;
    if (!job->status)
        job->status =
            job->no_memory
                ? wg_error_set(job->error, WG_ERROR_MEMORY, "no memory for the picture %s", path)
                : wg_error_set(job->error, WG_ERROR_FORMAT, "%s: not a sound PNG picture: %s", path, message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) { (void)png, (void)message; }

static png_voidp allocate(png_structp png, png_alloc_size_t size) {
    void *memory = malloc(size);
    if (!memory) ((png_job *)png_get_mem_ptr(png))->no_memory = true;
    return memory;
}

static void release(png_structp png, png_voidp memory) {
    (void)png;
    free(memory);
}

static void read_bytes(png_structp png, png_bytep data, size_t size) {
    png_job *job = png_get_io_ptr(png);
    size_t got = 0;
    job->status = wg_reader_read(&job->reader, data, size, &got, job->error);
    if (!job->status && got == size) return;
    png_error(png, "it ends too early");
}

static void write_bytes(png_structp png, png_bytep data, size_t size) {
    png_job *job = png_get_io_ptr(png);
    job->status = wg_writer_write(&job->writer, data, size, job->error);
    if (job->status) png_error(png, "cannot be written");
}

static void flush_bytes(png_structp png) { (void)png; }

/* --- Reading ---------------------------------------------------------------------------------- */

/* RGBA to the channels asked for. Of a grey pixel, whose R, G and B are alike, the luma is that value. */
static void pack_row(const png_job *job, const uint8_t *rgba, uint8_t *to) {
    for (png_uint_32 x = 0; x < job->width; x++, rgba += 4, to += job->channels) {
        if (job->channels == 1)
            to[0] = (uint8_t)((299 * rgba[0] + 587 * rgba[1] + 114 * rgba[2] + 500) / 1000);
        else
            memcpy(to, rgba, (size_t)job->channels);
    }
}

/* The info that goes with the png; false, with an error, if there is no memory for either. */
static bool make_info(png_job *job, const char *path) {
    if (job->png) job->info = png_create_info_struct(job->png);
    if (!job->info && !job->status)
        job->status = wg_error_set(job->error, WG_ERROR_MEMORY, "no memory for the picture %s", path);
    return job->info;
}

static bool start_reading(png_job *job, const char *path) {
    job->status = wg_reader_open(&job->reader, path, job->error);
    if (job->status) return false;
    job->png =
        png_create_read_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, allocate, release);
    return make_info(job, path);
}

static void stop_reading(png_job *job) {
    png_destroy_read_struct(&job->png, &job->info, NULL);
    free(job->rows);
    wg_reader_close(&job->reader);
}

/* False: an error, filled in. So with the functions below. */
static bool read_header(png_job *job) {
    if (setjmp(png_jmpbuf(job->png))) return false;
    png_set_read_fn(job->png, job, read_bytes);
    png_read_info(job->png, job->info);
    job->height = png_get_image_height(job->png, job->info);
    job->width = png_get_image_width(job->png, job->info);
    return true;
}

/* The rows of the file, of which deflate makes at most 1032 bytes from one, must fit in it: otherwise a
 * small file could ask for terabytes. */
static bool check_promise(png_job *job) {
    const uint64_t bytes = (uint64_t)png_get_rowbytes(job->png, job->info) * job->height;
    if (bytes / 1032 <= (uint64_t)job->reader.size) return true;
    job->status = wg_error_set(
        job->error, WG_ERROR_FORMAT, "%s: promises %u x %u pixels; a file of %lld bytes cannot hold them",
        job->reader.path, (unsigned)job->width, (unsigned)job->height, (long long)job->reader.size);
    return false;
}

/* Asks libpng for RGBA of 8 bits. */
static bool set_transformations(png_job *job) {
    if (setjmp(png_jmpbuf(job->png))) return false;
    png_set_expand(job->png);
    png_set_scale_16(job->png);
    png_set_gray_to_rgb(job->png);
    png_set_add_alpha(job->png, 255, PNG_FILLER_AFTER);
    job->passes = png_set_interlace_handling(job->png);
    png_read_update_info(job->png, job->info);
    return true;
}

static bool allocate_rows(png_job *job) {
    const size_t rows = job->passes > 1 ? job->height : 1;
    job->rows = calloc(rows, 4 * (size_t)job->width);
    if (job->rows) return true;
    job->status = wg_error_set(job->error, WG_ERROR_MEMORY, "no memory for the picture %s", job->reader.path);
    return false;
}

static bool read_pixels(png_job *job) {
    if (setjmp(png_jmpbuf(job->png))) return false;
    for (job->pass = 0; job->pass < job->passes; job->pass++)
        for (job->y = 0; job->y < job->height; job->y++) {
            png_bytep row = job->rows + (job->passes > 1 ? 4 * (size_t)job->width * job->y : 0);
            png_read_row(job->png, row, NULL);
            if (job->pass == job->passes - 1)
                pack_row(job, row, job->pixels + (size_t)job->channels * job->width * job->y);
        }
    png_read_end(job->png, NULL);
    return true;
}

static bool decode(png_job *job) {
    return set_transformations(job) && allocate_rows(job) && read_pixels(job);
}

static bool check_channels(int channels, const char *path, wg_error *error) {
    if (channels == 1 || channels == 3 || channels == 4) return true;
    wg_error_set(error, WG_ERROR_ATTRIBUTE, "cannot read %s with %d channels; expected 1, 3 or 4",
                 path ? path : "(no path)", channels);
    return false;
}

wg_tensor *wg_png_read(const char *path, int channels, wg_error *error) {
    png_job job = {.error = error, .channels = channels, .reader.descriptor = -1};
    wg_tensor *tensor = NULL;
    if (!check_channels(channels, path, error)) return NULL;
    if (start_reading(&job, path) && read_header(&job) && check_promise(&job))
        tensor = wg_tensor_new(WG_U8, WG_SHAPE(job.height, job.width, channels), error);
    if (tensor) {
        job.pixels = wg_tensor_writable(tensor);
        if (!decode(&job)) {
            wg_tensor_free(tensor);
            tensor = NULL;
        }
    }
    stop_reading(&job);
    return tensor;
}

int wg_png_size(const char *path, int64_t *height, int64_t *width, wg_error *error) {
    png_job job = {.error = error, .channels = 1, .reader.descriptor = -1};
    if (start_reading(&job, path) && read_header(&job) && check_promise(&job)) {
        *height = job.height;
        *width = job.width;
    }
    stop_reading(&job);
    return job.status;
}

int wg_png_decode(const char *path, int channels, int64_t height, int64_t width, uint8_t *pixels,
                  wg_error *error) {
    png_job job = {.error = error, .channels = channels, .pixels = pixels, .reader.descriptor = -1};
    if (start_reading(&job, path) && read_header(&job)) {
        if (job.height == height && job.width == width)
            decode(&job);
        else
            job.status =
                wg_error_set(error, WG_ERROR_SHAPE, "%s: %u x %u pixels; expected %lld x %lld", path,
                             (unsigned)job.width, (unsigned)job.height, (long long)width, (long long)height);
    }
    stop_reading(&job);
    return job.status;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static bool start_writing(png_job *job, const char *path) {
    job->status = wg_writer_open(&job->writer, path, job->error);
    if (job->status) return false;
    job->png =
        png_create_write_struct_2(PNG_LIBPNG_VER_STRING, job, on_error, on_warning, job, allocate, release);
    return make_info(job, path);
}

static bool encode(png_job *job) {
    static const int colours[] = {0, PNG_COLOR_TYPE_GRAY, 0, PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};
    if (setjmp(png_jmpbuf(job->png))) return false;
    png_set_write_fn(job->png, job, write_bytes, flush_bytes);
    png_set_IHDR(job->png, job->info, job->width, job->height, 8, colours[job->channels], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(job->png, job->info);
    for (job->y = 0; job->y < job->height; job->y++)
        png_write_row(job->png, job->source + (size_t)job->channels * job->width * job->y);
    png_write_end(job->png, job->info);
    return true;
}

static int check_picture(const char *path, const wg_tensor *tensor, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    const int64_t channels = type.rank == 3 ? type.extent[2] : 1;
    char text[WG_TEXT_SIZE];
    if (!tensor) return wg_error_set(error, WG_ERROR_NAME, "cannot write %s: no tensor given", path);
    if (type.dtype != WG_U8)
        return wg_error_set(error, WG_ERROR_DTYPE,
                            "cannot write %s: the tensor is %s; a PNG picture takes u8", path,
                            wg_dtype_name(type.dtype));
    if ((type.rank != 2 && type.rank != 3) || (channels != 1 && channels != 3 && channels != 4))
        return wg_error_set(
            error, WG_ERROR_SHAPE,
            "cannot write %s: shape %s; expected [height, width] or [height, width, 1, 3 or 4]", path,
            wg_type_text(text, &type, false));
    if (type.extent[0] < 1 || type.extent[0] > PNG_USER_HEIGHT_MAX || type.extent[1] < 1 ||
        type.extent[1] > PNG_USER_WIDTH_MAX)
        return wg_error_set(error, WG_ERROR_SHAPE,
                            "cannot write %s: shape %s; a PNG picture has 1 to %d pixels each way", path,
                            wg_type_text(text, &type, false), PNG_USER_WIDTH_MAX);
    return WG_OK;
}

int wg_png_write(const char *path, const wg_tensor *tensor, wg_error *error) {
    const wg_type type = wg_tensor_type(tensor);
    png_job job = {.error = error, .writer.descriptor = -1};
    const int status = check_picture(path ? path : "(no path)", tensor, error);
    if (status) return status;
    void *copy;
    job.source = wg_dense_elements(tensor, &copy, error);
    if (!job.source) return WG_ERROR_MEMORY;
    job.height = (png_uint_32)type.extent[0];
    job.width = (png_uint_32)type.extent[1];
    job.channels = type.rank == 3 ? (int)type.extent[2] : 1;
    if (start_writing(&job, path)) encode(&job);
    png_destroy_write_struct(&job.png, &job.info);
    free(copy);
    return wg_writer_finish(&job.writer, job.status, error);
}

#else

static int unsupported(const char *doing, const char *path, wg_error *error) {
    return wg_error_set(error, WG_ERROR_UNSUPPORTED,
                        "cannot %s %s: built without PNG; configure with -Dpng=enabled", doing,
                        path ? path : "(no path)");
}

wg_tensor *wg_png_read(const char *path, int channels, wg_error *error) {
    (void)channels;
    unsupported("read", path, error);
    return NULL;
}

int wg_png_size(const char *path, int64_t *height, int64_t *width, wg_error *error) {
    *height = *width = 0;
    return unsupported("read", path, error);
}

int wg_png_decode(const char *path, int channels, int64_t height, int64_t width, uint8_t *pixels,
                  wg_error *error) {
    (void)channels, (void)height, (void)width, (void)pixels;
    return unsupported("read", path, error);
}

int wg_png_write(const char *path, const wg_tensor *tensor, wg_error *error) {
    (void)tensor;
    return unsupported("write", path, error);
}

#endif
