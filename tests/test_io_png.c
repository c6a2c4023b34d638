/* PNG: pictures of every kind built chunk by chunk here, read; pictures written, read again; files that lie.
 */
#include "io_suite.h"
#include <unistd.h>
#include <zlib.h>

static wg_error error;

/* --- Files built by hand: ISO/IEC 15948 ---------------------------------------------------------- */

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6 };

static unsigned char file[1 << 16];
static size_t size;

static void put(const void *bytes, size_t count) {
    ck_assert_uint_le(size + count, sizeof file);
    if (count) memcpy(file + size, bytes, count);
    size += count;
}

static void put_int(uint32_t value) {
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    put(bytes, 4);
}

static void put_chunk(const char *name, const void *bytes, size_t count) {
    put_int((uint32_t)count);
    const size_t begin = size;
    put(name, 4);
    put(bytes, count);
    put_int((uint32_t)crc32(0, file + begin, (uInt)(4 + count)));
}

static void put_head(uint32_t width, uint32_t height, int depth, int colour, int interlaced) {
    size = 0;
    put("\211PNG\r\n\032\n", 8);
    const unsigned char head[] = {(unsigned char)(width >> 24),
                                  (unsigned char)(width >> 16),
                                  (unsigned char)(width >> 8),
                                  (unsigned char)width,
                                  (unsigned char)(height >> 24),
                                  (unsigned char)(height >> 16),
                                  (unsigned char)(height >> 8),
                                  (unsigned char)height,
                                  (unsigned char)depth,
                                  (unsigned char)colour,
                                  0,
                                  0,
                                  (unsigned char)interlaced};
    put_chunk("IHDR", head, sizeof head);
}

/* The rows, each behind its filter byte, and the end. */
static const char *put_rows(const void *rows, size_t count) {
    unsigned char packed[4096];
    uLongf length = sizeof packed;
    ck_assert_int_eq(compress(packed, &length, rows, (uLong)count), Z_OK);
    put_chunk("IDAT", packed, length);
    put_chunk("IEND", NULL, 0);
    return file_of("picture.png", file, size);
}

static void assert_pixels(const char *path, int channels, int height, int width, const double *expected) {
    wg_tensor *picture = wg_png_read(path, channels, &error);
    ck_assert_msg(picture != NULL, "%s", error.message);
    const wg_type type = wg_tensor_type(picture);
    ck_assert(type.dtype == WG_U8 && type.rank == 3 && type.extent[0] == height && type.extent[1] == width);
    ck_assert_int_eq(type.extent[2], channels);
    assert_elements(picture, expected, height * width * channels);
    wg_tensor_free(picture);
}

static void assert_rejected(const char *path, int status, const char *part) {
    ck_assert_ptr_null(wg_png_read(path, 3, &error));
    assert_file_error(&error, status, path, part);
    ck_assert_ptr_null(wg_png_read(path, 3, NULL));
}

/* Two rows of two pixels: red, green; blue, (10, 20, 30). */
static const unsigned char colour_rows[] = {0, 255, 0, 0, 0, 255, 0, 0, 0, 0, 255, 10, 20, 30};

/* --- Reading ------------------------------------------------------------------------------------ */

START_TEST(colour_is_read_as_it_is) {
    put_head(2, 2, 8, RGB, 0);
    assert_pixels(put_rows(colour_rows, sizeof colour_rows), 3, 2, 2,
                  (const double[]){255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30});
}
END_TEST

START_TEST(colour_as_grey_is_the_luma_of_bt_601) {
    put_head(2, 2, 8, RGB, 0);
    assert_pixels(put_rows(colour_rows, sizeof colour_rows), 1, 2, 2,
                  (const double[]){76, 150, 29, 18}); /* 0.299 R + 0.587 G + 0.114 B, rounded */
}
END_TEST

START_TEST(colour_without_alpha_is_opaque) {
    put_head(1, 1, 8, RGB, 0);
    assert_pixels(put_rows("\0\1\2\3", 4), 4, 1, 1, (const double[]){1, 2, 3, 255});
}
END_TEST

START_TEST(grey_of_any_value_keeps_it_in_any_number_of_channels) {
    unsigned char row[257] = {0};
    double expected[256], colour[3 * 256];
    for (int i = 0; i < 256; i++) {
        row[i + 1] = (unsigned char)i;
        expected[i] = colour[3 * i] = colour[3 * i + 1] = colour[3 * i + 2] = i;
    }
    put_head(256, 1, 8, GREY, 0);
    const char *path = put_rows(row, sizeof row);
    assert_pixels(path, 1, 1, 256, expected);
    assert_pixels(path, 3, 1, 256, colour);
}
END_TEST

START_TEST(grey_of_one_bit_is_black_and_white) {
    put_head(10, 1, 1, GREY, 0);
    assert_pixels(put_rows("\0\245\100", 3), 1, 1, 10,
                  (const double[]){255, 0, 255, 0, 0, 255, 0, 255, 0, 255});
}
END_TEST

START_TEST(grey_of_two_bits_spans_the_range) {
    put_head(4, 1, 2, GREY, 0);
    assert_pixels(put_rows("\0\33", 2), 1, 1, 4, (const double[]){0, 85, 170, 255});
}
END_TEST

START_TEST(sixteen_bits_are_rounded_to_eight) {
    put_head(4, 1, 16, GREY, 0);
    /* v / 257: 0, 65535, 128, and 32895 = 127.996 * 257 */
    assert_pixels(put_rows("\0\0\0\377\377\200\200\200\177", 9), 1, 1, 4, (const double[]){0, 255, 128, 128});
}
END_TEST

START_TEST(a_palette_is_looked_up) {
    put_head(3, 1, 8, PALETTE, 0);
    put_chunk("PLTE", "\1\2\3\4\5\6", 6);
    assert_pixels(put_rows("\0\1\0\1", 4), 3, 1, 3, (const double[]){4, 5, 6, 1, 2, 3, 4, 5, 6});
}
END_TEST

START_TEST(a_palettes_transparency_is_alpha) {
    put_head(2, 1, 8, PALETTE, 0);
    put_chunk("PLTE", "\1\2\3\4\5\6", 6);
    put_chunk("tRNS", "\11", 1);
    assert_pixels(put_rows("\0\0\1", 3), 4, 1, 2, (const double[]){1, 2, 3, 9, 4, 5, 6, 255});
}
END_TEST

START_TEST(transparency_is_dropped_without_a_fourth_channel) {
    put_head(2, 1, 8, RGBA, 0);
    const char *path = put_rows("\0\1\2\3\0\4\5\6\7", 9);
    assert_pixels(path, 3, 1, 2, (const double[]){1, 2, 3, 4, 5, 6});
    assert_pixels(path, 4, 1, 2, (const double[]){1, 2, 3, 0, 4, 5, 6, 7});
}
END_TEST

START_TEST(grey_with_alpha_is_read) {
    put_head(1, 1, 8, GREY_ALPHA, 0);
    assert_pixels(put_rows("\0\7\10", 3), 4, 1, 1, (const double[]){7, 7, 7, 8});
}
END_TEST

START_TEST(an_interlaced_picture_is_put_together) {
    /* Adam7 of 3 x 3: pass 1 has pixel (0,0), pass 4 (2,0), pass 5 row 2 columns 0 and 2, pass 6 column 1
     * of rows 0 and 2, pass 7 row 1. */
    static const unsigned char rows[] = {0, 1, 0, 3, 0, 7, 9, 0, 2, 0, 8, 0, 4, 5, 6};
    put_head(3, 3, 8, GREY, 1);
    assert_pixels(put_rows(rows, sizeof rows), 1, 3, 3, (const double[]){1, 2, 3, 4, 5, 6, 7, 8, 9});
}
END_TEST

START_TEST(gamma_is_left_alone) {
    put_head(2, 1, 8, GREY, 0);
    put_chunk("gAMA", "\0\1\206\240", 4); /* 1.0 */
    assert_pixels(put_rows("\0\12\144", 3), 1, 1, 2, (const double[]){10, 100});
}
END_TEST

START_TEST(a_chunk_with_a_fault_that_does_not_matter_is_passed_over_in_silence) {
    char output[64];
    put_head(1, 1, 8, GREY, 0);
    put_chunk("gAMA", "\0", 1);
    const char *path = put_rows("\0\7", 2);
    const int kept = dup(2), null = fileno(fopen(temporary_path("stderr"), "w"));
    dup2(null, 2);
    assert_pixels(path, 1, 1, 1, (const double[]){7});
    dup2(kept, 2);
    ck_assert_uint_eq(bytes_of(temporary_path("stderr"), output, sizeof output), 0);
}
END_TEST

START_TEST(channels_are_1_3_or_4) {
    put_head(1, 1, 8, GREY, 0);
    const char *path = put_rows("\0\7", 2);
    static const int wrong[] = {0, 2, 5, -1};
    for (int i = 0; i < 4; i++) {
        ck_assert_ptr_null(wg_png_read(path, wrong[i], &error));
        assert_file_error(&error, WG_ERROR_ATTRIBUTE, path, "channels; expected 1, 3 or 4");
    }
}
END_TEST

/* --- Files that lie ----------------------------------------------------------------------------- */

START_TEST(a_missing_file_is_an_error) {
    assert_rejected(temporary_path("missing.png"), WG_ERROR_FILE, "cannot open");
    ck_assert_ptr_null(wg_png_read(NULL, 3, &error));
}
END_TEST

START_TEST(what_is_no_png_is_rejected) {
    assert_rejected(file_of("text.png", "this is not a picture", 21), WG_ERROR_FORMAT,
                    "not a sound PNG picture: ");
    assert_rejected(file_of("empty.png", "", 0), WG_ERROR_FORMAT,
                    "not a sound PNG picture: it ends too early");
}
END_TEST

START_TEST(a_picture_cut_anywhere_is_rejected) {
    put_head(2, 2, 8, RGB, 0);
    put_rows(colour_rows, sizeof colour_rows);
    for (size_t cut = 0; cut < size; cut++)
        assert_rejected(file_of("cut.png", file, cut), WG_ERROR_FORMAT, "not a sound PNG picture: ");
}
END_TEST

START_TEST(a_flipped_bit_in_the_pixels_is_rejected) {
    put_head(2, 2, 8, RGB, 0);
    put_rows(colour_rows, sizeof colour_rows);
    const size_t end = size - 12, begin = end - 20; /* the last of IDAT and its checksum */
    for (size_t i = begin; i < end; i++) {
        file[i] ^= 4;
        assert_rejected(file_of("flipped.png", file, size), WG_ERROR_FORMAT, "not a sound PNG picture: ");
        file[i] ^= 4;
    }
}
END_TEST

START_TEST(rows_that_are_missing_are_rejected) {
    put_head(2, 2, 8, RGB, 0);
    assert_rejected(put_rows(colour_rows, 7), WG_ERROR_FORMAT, "not a sound PNG picture: ");
}
END_TEST

START_TEST(a_picture_without_extent_is_rejected) {
    put_head(0, 2, 8, RGB, 0);
    assert_rejected(put_rows("", 0), WG_ERROR_FORMAT, "not a sound PNG picture: ");
}
END_TEST

START_TEST(a_size_that_the_file_cannot_hold_is_not_allocated) {
    put_head(1000000, 1000000, 8, RGB, 0);
    assert_rejected(put_rows(colour_rows, sizeof colour_rows), WG_ERROR_FORMAT,
                    "promises 1000000 x 1000000 pixels; a file of");
}
END_TEST

START_TEST(a_size_beyond_all_bounds_is_rejected) {
    put_head(2000000000, 2000000000, 8, RGB, 0);
    assert_rejected(put_rows(colour_rows, sizeof colour_rows), WG_ERROR_FORMAT, "not a sound PNG picture: ");
}
END_TEST

/* --- Writing ------------------------------------------------------------------------------------ */

static uint8_t pixels[5 * 7 * 4];

/* Writes 5 x 7 pixels and reads them again. */
static void assert_comes_back(const wg_shape *shape, int channels) {
    for (int i = 0; i < 5 * 7 * channels; i++) pixels[i] = (uint8_t)(i * 37 % 256);
    wg_tensor *tensor = wg_tensor_over(WG_U8, shape, pixels, &error);
    const char *path = temporary_path("written.png");
    ck_assert_int_eq(wg_png_write(path, tensor, &error), WG_OK);
    wg_tensor *read = wg_png_read(path, channels, &error);
    ck_assert_msg(read != NULL, "%s", error.message);
    ck_assert_int_eq(wg_tensor_type(read).extent[0], 5);
    ck_assert_int_eq(wg_tensor_type(read).extent[1], 7);
    ck_assert_mem_eq(wg_tensor_data(read), pixels, (size_t)(5 * 7 * channels));
    wg_tensor_free(read);
    wg_tensor_free(tensor);
}

START_TEST(pictures_come_back_as_they_went) {
    assert_comes_back(WG_SHAPE(5, 7), 1);
    assert_comes_back(WG_SHAPE(5, 7, 1), 1);
    assert_comes_back(WG_SHAPE(5, 7, 3), 3);
    assert_comes_back(WG_SHAPE(5, 7, 4), 4);
}
END_TEST

START_TEST(a_written_picture_has_the_formats_header) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(5, 7, 3), pixels, &error);
    const char *path = temporary_path("written.png");
    ck_assert_int_eq(wg_png_write(path, tensor, &error), WG_OK);
    unsigned char found[33];
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 33);
    put_head(7, 5, 8, RGB, 0);
    ck_assert_mem_eq(found, file, 33);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(the_same_picture_gives_the_same_bytes) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(5, 7, 3), pixels, &error);
    const char *one = temporary_path("one.png"), *two = temporary_path("two.png");
    ck_assert_int_eq(wg_png_write(one, tensor, &error), WG_OK);
    ck_assert_int_eq(wg_png_write(two, tensor, &error), WG_OK);
    unsigned char bytes_one[1024], bytes_two[1024];
    const size_t length = bytes_of(one, bytes_one, sizeof bytes_one);
    ck_assert_uint_eq(bytes_of(two, bytes_two, sizeof bytes_two), length);
    ck_assert_mem_eq(bytes_one, bytes_two, length);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_strided_picture_is_written_row_major) {
    static const uint8_t planes[] = {1, 2, 11, 12, 21, 22}; /* [3, 1, 2] seen as [1, 2, 3] */
    const int64_t strides[] = {2, 1, 2};
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(1, 2, 3), planes, &error, .strides = strides);
    const char *path = temporary_path("strided.png");
    ck_assert_int_eq(wg_png_write(path, tensor, &error), WG_OK);
    assert_pixels(path, 3, 1, 2, (const double[]){1, 11, 21, 2, 12, 22});
    wg_tensor_free(tensor);
}
END_TEST

static void assert_not_written(wg_dtype dtype, const wg_shape *shape, int status, const char *part) {
    wg_tensor *tensor = wg_tensor_new(dtype, shape, &error);
    const char *path = temporary_path("not.png");
    ck_assert_int_eq(wg_png_write(path, tensor, &error), status);
    assert_file_error(&error, status, path, part);
    ck_assert_int_eq(access(path, F_OK), -1);
    wg_tensor_free(tensor);
}

START_TEST(what_is_no_picture_is_not_written) {
    assert_not_written(WG_F32, WG_SHAPE(5, 7), WG_ERROR_DTYPE, "the tensor is f32; a PNG picture takes u8");
    assert_not_written(WG_U8, WG_SHAPE(5), WG_ERROR_SHAPE, "shape [5]; expected [height, width] or");
    assert_not_written(WG_U8, WG_SHAPE(5, 7, 2), WG_ERROR_SHAPE, "shape [5, 7, 2]; expected");
    assert_not_written(WG_U8, WG_SHAPE(1, 5, 7, 3), WG_ERROR_SHAPE, "shape [1, 5, 7, 3]; expected");
    assert_not_written(WG_U8, WG_SHAPE(0, 7), WG_ERROR_SHAPE,
                       "a PNG picture has 1 to 1000000 pixels each way");
    ck_assert_int_eq(wg_png_write("file.png", NULL, &error), WG_ERROR_NAME);
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_an_error) {
    wg_tensor *tensor = wg_tensor_new(WG_U8, WG_SHAPE(100, 100), &error);
    const char *path = temporary_path("missing/file.png");
    ck_assert_int_eq(wg_png_write(path, tensor, &error), WG_ERROR_FILE);
    assert_file_error(&error, WG_ERROR_FILE, path, "cannot write");
    ck_assert_int_eq(wg_png_write("/dev/full", tensor, &error), WG_ERROR_FILE);
    assert_file_error(&error, WG_ERROR_FILE, "/dev/full", "No space left");
    ck_assert_int_eq(wg_png_write(NULL, tensor, &error), WG_ERROR_FILE);
    wg_tensor_free(tensor);
}
END_TEST

WG_SUITE("io/png", colour_is_read_as_it_is, colour_as_grey_is_the_luma_of_bt_601,
         colour_without_alpha_is_opaque, grey_of_any_value_keeps_it_in_any_number_of_channels,
         grey_of_one_bit_is_black_and_white, grey_of_two_bits_spans_the_range,
         sixteen_bits_are_rounded_to_eight, a_palette_is_looked_up, a_palettes_transparency_is_alpha,
         transparency_is_dropped_without_a_fourth_channel, grey_with_alpha_is_read,
         an_interlaced_picture_is_put_together, gamma_is_left_alone,
         a_chunk_with_a_fault_that_does_not_matter_is_passed_over_in_silence, channels_are_1_3_or_4,
         a_missing_file_is_an_error, what_is_no_png_is_rejected, a_picture_cut_anywhere_is_rejected,
         a_flipped_bit_in_the_pixels_is_rejected, rows_that_are_missing_are_rejected,
         a_picture_without_extent_is_rejected, a_size_that_the_file_cannot_hold_is_not_allocated,
         a_size_beyond_all_bounds_is_rejected, pictures_come_back_as_they_went,
         a_written_picture_has_the_formats_header, the_same_picture_gives_the_same_bytes,
         a_strided_picture_is_written_row_major, what_is_no_picture_is_not_written,
         a_place_that_cannot_be_written_is_an_error)
