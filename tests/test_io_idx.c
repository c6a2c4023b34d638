/* IDX: the format of the MNIST data sets byte by byte, plain and gzipped, and files that lie. */
#include "io_suite.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

static wg_error error;

/* --- Files built by hand ------------------------------------------------------------------------ */

/* 2 x 3 bytes. */
static const unsigned char golden[] = {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};

/* The bytes as a gzip file written by zlib itself. */
static const char *gzip_of(const char *name, const void *bytes, size_t size) {
    const char *path = temporary_path(name);
    gzFile file = gzopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(gzwrite(file, bytes, (unsigned)size), (int)size);
    ck_assert_int_eq(gzclose(file), Z_OK);
    return path;
}

static void assert_rejected(const char *path, int status, const char *part) {
    ck_assert_ptr_null(wg_read_idx(path, &error));
    assert_file_error(&error, status, path, part);
    ck_assert_ptr_null(wg_read_idx(path, NULL));
}

/* Both as a plain file and gzipped. */
static void assert_bytes_rejected(const void *bytes, size_t size, int status, const char *part) {
    assert_rejected(file_of("plain", bytes, size), status, part);
    assert_rejected(gzip_of("packed", bytes, size), status, part);
}

static void assert_golden(wg_tensor *tensor) {
    ck_assert_msg(tensor != NULL, "%s", error.message);
    const wg_type type = wg_tensor_type(tensor);
    ck_assert(type.dtype == WG_U8 && type.rank == 2 && type.extent[0] == 2 && type.extent[1] == 3);
    assert_elements(tensor, (const double[]){1, 2, 3, 4, 5, 255}, 6);
    wg_tensor_free(tensor);
}

/* --- Reading ------------------------------------------------------------------------------------ */

START_TEST(a_plain_file_is_read) {
    assert_golden(wg_read_idx(file_of("plain", golden, sizeof golden), &error));
}
END_TEST

START_TEST(a_gzipped_file_is_read_whatever_its_name) {
    assert_golden(wg_read_idx(gzip_of("packed", golden, sizeof golden), &error));
}
END_TEST

START_TEST(a_gzip_file_of_several_members_is_one_stream) {
    unsigned char bytes[512];
    size_t size = bytes_of(gzip_of("head", golden, 7), bytes, sizeof bytes);
    size += bytes_of(gzip_of("rest", golden + 7, sizeof golden - 7), bytes + size, sizeof bytes - size);
    assert_golden(wg_read_idx(file_of("members.gz", bytes, size), &error));
}
END_TEST

START_TEST(signed_bytes_are_widened) {
    wg_tensor *tensor = wg_read_idx(file_of("i8", "\0\0\11\1\0\0\0\5\0\177\200\377\1", 13), &error);
    ck_assert_int_eq(wg_tensor_type(tensor).dtype, WG_I32);
    assert_elements(tensor, (const double[]){0, 127, -128, -1, 1}, 5);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(shorts_are_widened) {
    wg_tensor *tensor = wg_read_idx(file_of("i16", "\0\0\13\1\0\0\0\4\1\2\377\376\200\0\0\1", 16), &error);
    ck_assert_int_eq(wg_tensor_type(tensor).dtype, WG_I32);
    assert_elements(tensor, (const double[]){258, -2, -32768, 1}, 4);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(ints_are_big_endian) {
    wg_tensor *tensor = wg_read_idx(file_of("i32", "\0\0\14\1\0\0\0\2\1\2\3\4\377\377\377\375", 16), &error);
    ck_assert_int_eq(wg_tensor_type(tensor).dtype, WG_I32);
    assert_elements(tensor, (const double[]){16909060, -3}, 2);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(floats_are_big_endian) {
    wg_tensor *tensor = wg_read_idx(file_of("f32", "\0\0\15\1\0\0\0\2\77\300\0\0\300\0\0\0", 16), &error);
    ck_assert_int_eq(wg_tensor_type(tensor).dtype, WG_F32);
    assert_elements(tensor, (const double[]){1.5, -2}, 2);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(doubles_are_big_endian) {
    wg_tensor *tensor = wg_read_idx(file_of("f64", "\0\0\16\1\0\0\0\1\77\370\0\0\0\0\0\0", 16), &error);
    ck_assert_int_eq(wg_tensor_type(tensor).dtype, WG_F64);
    assert_elements(tensor, (const double[]){1.5}, 1);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_file_of_no_elements_is_an_empty_tensor) {
    wg_tensor *tensor = wg_read_idx(file_of("none", "\0\0\10\2\0\0\0\0\0\0\0\3", 12), &error);
    ck_assert_msg(tensor != NULL, "%s", error.message);
    ck_assert_int_eq(wg_tensor_count(tensor), 0);
    ck_assert_int_eq(wg_tensor_type(tensor).extent[1], 3);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_file_of_rank_0_is_one_element) {
    wg_tensor *tensor = wg_read_idx(file_of("one", "\0\0\10\0\7", 5), &error);
    assert_elements(tensor, (const double[]){7}, 1);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(real_images_are_read) {
    static const char path[] = "/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz";
    static const char labels[] = "/usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz";
    if (access(path, R_OK) || access(labels, R_OK)) return;
    wg_tensor *x = wg_read_idx(path, &error), *y = wg_read_idx(labels, &error);
    const wg_type type = wg_tensor_type(x);
    ck_assert(type.rank == 3 && type.extent[0] == 10000 && type.extent[1] == 28 && type.extent[2] == 28);
    int seen[10] = {0};
    for (int i = 0; i < 10000; i++) seen[(int)wg_tensor_get(y, i)]++;
    for (int i = 0; i < 10; i++) ck_assert_int_eq(seen[i], 1000);
    wg_tensor_free(x);
    wg_tensor_free(y);
}
END_TEST

/* --- Files that lie ----------------------------------------------------------------------------- */

START_TEST(a_missing_file_is_an_error) {
    assert_rejected(temporary_path("missing"), WG_ERROR_FILE, "cannot open");
}
END_TEST

START_TEST(a_directory_is_not_a_file) {
    assert_rejected(temporary_path(""), WG_ERROR_FILE, "it is a directory; expected a regular file");
}
END_TEST

START_TEST(a_pipe_is_not_a_file_and_is_not_waited_for) {
    const char *path = temporary_path("pipe");
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    assert_rejected(path, WG_ERROR_FILE, "it is a pipe or device; expected a regular file");
}
END_TEST

START_TEST(no_path_is_an_error) {
    ck_assert_ptr_null(wg_read_idx(NULL, &error));
    ck_assert_int_eq(error.status, WG_ERROR_FILE);
    ck_assert_str_eq(error.message, "no path given; expected that of a file to read");
}
END_TEST

START_TEST(a_wrong_magic_is_rejected) {
    assert_bytes_rejected("\211PNG\r\n\032\n", 8, WG_ERROR_FORMAT,
                          "begins with 89 50 4e 47; expected an IDX file");
    assert_bytes_rejected("\0\0\12\1\0\0\0\0", 8, WG_ERROR_FORMAT,
                          "begins with 00 00 0a 01; expected an IDX file");
    assert_bytes_rejected("\1\0\10\1\0\0\0\0", 8, WG_ERROR_FORMAT,
                          "begins with 01 00 08 01; expected an IDX file");
}
END_TEST

START_TEST(a_rank_beyond_8_is_rejected) {
    assert_bytes_rejected("\0\0\10\11", 4, WG_ERROR_SHAPE, "rank 9; expected at most 8");
}
END_TEST

START_TEST(a_header_cut_anywhere_is_rejected) {
    for (size_t size = 0; size < 12; size++) {
        char part[64];
        snprintf(part, sizeof part, "ends within its header; expected %zu more bytes", 4 - size % 4);
        assert_bytes_rejected(golden, size, WG_ERROR_FORMAT, part);
    }
}
END_TEST

START_TEST(a_file_cut_among_its_elements_is_rejected) {
    assert_rejected(file_of("cut", golden, sizeof golden - 1), WG_ERROR_FORMAT,
                    "its header promises [2, 3], 6 bytes; the file holds 5");
    assert_rejected(gzip_of("cut.gz", golden, sizeof golden - 1), WG_ERROR_FORMAT,
                    "its header promises 6 bytes of elements; the file holds fewer");
}
END_TEST

START_TEST(bytes_behind_the_elements_are_rejected) {
    unsigned char longer[sizeof golden + 1] = {0};
    memcpy(longer, golden, sizeof golden);
    assert_rejected(file_of("over", longer, sizeof longer), WG_ERROR_FORMAT,
                    "its header promises [2, 3], 6 bytes; the file holds 7");
    assert_rejected(gzip_of("over.gz", longer, sizeof longer), WG_ERROR_FORMAT,
                    "its header promises 6 bytes of elements; the file holds more");
}
END_TEST

START_TEST(a_count_that_overflows_is_rejected) {
    unsigned char bytes[4 + 4 * 8] = {0, 0, 14, 8};
    memset(bytes + 4, 255, 4 * 8);
    assert_bytes_rejected(bytes, sizeof bytes, WG_ERROR_SHAPE, "has more than 2^63 bytes");
    bytes[3] = 3; /* 2^96 elements */
    assert_bytes_rejected(bytes, 4 + 4 * 3, WG_ERROR_SHAPE,
                          "f64[4294967295, 4294967295, 4294967295] has more than 2^63 bytes");
}
END_TEST

START_TEST(what_a_header_promises_is_not_allocated_before_the_file_can_hold_it) {
    static const unsigned char huge[] = {0, 0, 14, 2, 0, 255, 255, 255, 0, 255, 255, 255, 1}; /* 2^51 bytes */
    const char *plain = file_of("huge", huge, sizeof huge), *packed = gzip_of("huge.gz", huge, sizeof huge);
    assert_rejected(plain, WG_ERROR_FORMAT,
                    "its header promises [16777215, 16777215], 2251799545249800 bytes; the file holds 1");
    assert_rejected(packed, WG_ERROR_FORMAT, "2251799545249800 bytes; the file holds at most");
}
END_TEST

START_TEST(the_most_that_gzip_can_pack_is_still_read) {
    static unsigned char zeros[4 + 4 + 4000000] = {0, 0, 8, 1, 0, 0x3d, 0x09, 0x00};
    const char *path = gzip_of("zeros.gz", zeros, sizeof zeros);
    struct stat found;
    ck_assert_int_eq(stat(path, &found), 0);
    ck_assert_int_lt(found.st_size, 4200); /* nearly 1 : 1000 */
    wg_tensor *tensor = wg_read_idx(path, &error);
    ck_assert_msg(tensor != NULL, "%s", error.message);
    ck_assert_int_eq(wg_tensor_count(tensor), 4000000);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_gzip_file_cut_anywhere_is_rejected) {
    unsigned char bytes[256];
    const size_t size = bytes_of(gzip_of("whole.gz", golden, sizeof golden), bytes, sizeof bytes);
    ck_assert_uint_gt(size, 20);
    for (size_t cut = 2; cut < size; cut++)
        assert_rejected(file_of("cut.gz", bytes, cut), WG_ERROR_FORMAT, "ends within its gzip stream");
}
END_TEST

START_TEST(a_gzip_file_with_one_flipped_bit_is_never_read_as_another) {
    unsigned char bytes[256];
    const size_t size = bytes_of(gzip_of("whole.gz", golden, sizeof golden), bytes, sizeof bytes);
    int rejected = 0;
    for (size_t bit = 16; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        wg_tensor *tensor = wg_read_idx(file_of("flipped.gz", bytes, size), &error);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        if (tensor)
            assert_golden(tensor); /* the time, the system: nothing depends on them */
        else
            rejected++;
    }
    ck_assert_int_gt(rejected, 8 * 26); /* all of elements, checksum and length */
}
END_TEST

START_TEST(a_corrupt_gzip_stream_names_the_file_and_the_fault) {
    unsigned char bytes[256];
    const size_t size = bytes_of(gzip_of("whole.gz", golden, sizeof golden), bytes, sizeof bytes);
    bytes[size - 5] ^= 1;
    assert_rejected(file_of("crc.gz", bytes, size), WG_ERROR_FORMAT,
                    "corrupt gzip stream: incorrect data check");
}
END_TEST

START_TEST(bytes_behind_the_gzip_stream_are_rejected) {
    unsigned char bytes[256] = {0};
    const size_t size = bytes_of(gzip_of("whole.gz", golden, sizeof golden), bytes, sizeof bytes);
    assert_rejected(file_of("over.gz", bytes, size + 1), WG_ERROR_FORMAT, "its gzip stream");
    memcpy(bytes + size, "garbage", 7);
    assert_rejected(file_of("over.gz", bytes, size + 7), WG_ERROR_FORMAT,
                    "corrupt gzip stream: incorrect header check");
}
END_TEST

/* --- Writing ------------------------------------------------------------------------------------ */

START_TEST(the_bytes_are_the_formats) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(2, 3), golden + 12, &error);
    const char *path = temporary_path("out");
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_OK);
    unsigned char found[64];
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), sizeof golden);
    ck_assert_mem_eq(found, golden, sizeof golden);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_path_in_gz_is_a_gzip_file_that_others_read) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(2, 3), golden + 12, &error);
    const char *path = temporary_path("out.gz");
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_OK);
    unsigned char found[64];
    gzFile file = gzopen(path, "rb");
    ck_assert_int_eq(gzdirect(file), 0);
    ck_assert_int_eq(gzread(file, found, sizeof found), (int)sizeof golden);
    ck_assert_int_eq(gzclose(file), Z_OK);
    ck_assert_mem_eq(found, golden, sizeof golden);
    wg_tensor_free(tensor);
}
END_TEST

static void assert_comes_back(wg_dtype dtype, const char *name) {
    enum { COUNT = 3000 }; /* more than a block of the writer */
    static double data[COUNT];
    uint64_t state = 1;
    for (size_t i = 0; i < sizeof data / 8; i++) { /* any bits that are numbers */
        const uint64_t bits =
            (state = state * 6364136223846793005u + 1442695040888963407u) & 0x3f7fffff3f7fffffu;
        memcpy(&data[i], &bits, 8);
    }
    wg_tensor *tensor = wg_tensor_over(dtype, WG_SHAPE(COUNT / 3, 3), data, &error);
    const char *path = temporary_path(name);
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_OK);
    wg_tensor *read = wg_read_idx(path, &error);
    ck_assert_msg(read != NULL, "%s", error.message);
    ck_assert_int_eq(wg_tensor_type(read).dtype, dtype);
    ck_assert_mem_eq(wg_tensor_data(read), data, COUNT * wg_dtype_size(dtype));
    wg_tensor_free(read);
    wg_tensor_free(tensor);
}

START_TEST(every_dtype_comes_back_as_it_went) {
    static const wg_dtype dtypes[] = {WG_U8, WG_I32, WG_F32, WG_F64};
    for (int i = 0; i < 4; i++) {
        assert_comes_back(dtypes[i], "back");
        assert_comes_back(dtypes[i], "back.gz");
    }
}
END_TEST

START_TEST(a_strided_tensor_is_written_row_major) {
    static const float data[] = {1, 2, 3, 4, 5, 6};
    const int64_t strides[] = {1, 3};
    wg_tensor *turned = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), data, &error, .strides = strides);
    const char *path = temporary_path("turned");
    ck_assert_int_eq(wg_write_idx(path, turned, &error), WG_OK);
    wg_tensor *read = wg_read_idx(path, &error);
    assert_elements(read, (const double[]){1, 4, 2, 5, 3, 6}, 6);
    wg_tensor_free(read);
    wg_tensor_free(turned);
}
END_TEST

START_TEST(a_dtype_that_idx_lacks_is_an_error) {
    wg_tensor *tensor = wg_tensor_new(WG_I64, WG_SHAPE(2), &error);
    const char *path = temporary_path("i64");
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_ERROR_DTYPE);
    assert_file_error(&error, WG_ERROR_DTYPE, path, "the tensor is i64; IDX takes u8, i32, f32, f64");
    ck_assert_int_eq(access(path, F_OK), -1);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(an_extent_that_idx_lacks_is_an_error) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(0, 4294967296), NULL, &error);
    const char *path = temporary_path("wide");
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_ERROR_SHAPE);
    assert_file_error(&error, WG_ERROR_SHAPE, path, "shape [0, 4294967296]; IDX takes extents below 2^32");
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(no_tensor_or_no_path_is_an_error) {
    wg_tensor *tensor = wg_tensor_new(WG_U8, WG_SHAPE(2), &error);
    ck_assert_int_eq(wg_write_idx("file", NULL, &error), WG_ERROR_NAME);
    ck_assert_int_eq(wg_write_idx(NULL, tensor, &error), WG_ERROR_FILE);
    wg_tensor_free(tensor);
}
END_TEST

START_TEST(a_full_disk_is_an_error_and_leaves_the_old_file) {
    static const unsigned char bytes[100000];
    const char *path = file_of("old", "old", 3);
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(100000), bytes, &error);
    const struct rlimit small = {4096, 4096};
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_ERROR_FILE);
    assert_file_error(&error, WG_ERROR_FILE, path, "cannot write");
    char found[8], listed[64];
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 3);
    ck_assert_int_eq(run_command(listed, sizeof listed, "ls -A '%s'", temporary_path("")), 0);
    ck_assert_str_eq(listed, "old\n");
    wg_tensor_free(tensor);
}
END_TEST

WG_SUITE("io/idx", a_plain_file_is_read, a_gzipped_file_is_read_whatever_its_name,
         a_gzip_file_of_several_members_is_one_stream, signed_bytes_are_widened, shorts_are_widened,
         ints_are_big_endian, floats_are_big_endian, doubles_are_big_endian,
         a_file_of_no_elements_is_an_empty_tensor, a_file_of_rank_0_is_one_element, real_images_are_read,
         a_missing_file_is_an_error, a_directory_is_not_a_file, a_pipe_is_not_a_file_and_is_not_waited_for,
         no_path_is_an_error, a_wrong_magic_is_rejected, a_rank_beyond_8_is_rejected,
         a_header_cut_anywhere_is_rejected, a_file_cut_among_its_elements_is_rejected,
         bytes_behind_the_elements_are_rejected, a_count_that_overflows_is_rejected,
         what_a_header_promises_is_not_allocated_before_the_file_can_hold_it,
         the_most_that_gzip_can_pack_is_still_read, a_gzip_file_cut_anywhere_is_rejected,
         a_gzip_file_with_one_flipped_bit_is_never_read_as_another,
         a_corrupt_gzip_stream_names_the_file_and_the_fault, bytes_behind_the_gzip_stream_are_rejected,
         the_bytes_are_the_formats, a_path_in_gz_is_a_gzip_file_that_others_read,
         every_dtype_comes_back_as_it_went, a_strided_tensor_is_written_row_major,
         a_dtype_that_idx_lacks_is_an_error, an_extent_that_idx_lacks_is_an_error,
         no_tensor_or_no_path_is_an_error, a_full_disk_is_an_error_and_leaves_the_old_file)
