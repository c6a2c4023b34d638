/* safetensors: the published format byte by byte, read and written. */
#include "safetensors_file.h"
#include <unistd.h>

/* Two f32 [1, 2], 1.5 and -2, and one u8 of 7: what the format's own library would write. */
static const char golden_header[] = "{\"__metadata__\":{\"made\":\"by hand\"},"
                                    "\"b.weight\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[1,2]},"
                                    "\"a\":{\"data_offsets\":[8,9],\"dtype\":\"U8\",\"shape\":[]}}";
static const unsigned char golden_data[] = {0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0, 7};

/* --- Reading ------------------------------------------------------------------------------------ */

START_TEST(a_file_built_by_hand_is_read) {
    wg_safetensors *file =
        wg_safetensors_open(file_with(golden_header, golden_data, sizeof golden_data), &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    ck_assert_int_eq(wg_safetensors_count(file), 2);
    ck_assert_str_eq(wg_safetensors_name(file, 0), "a");
    ck_assert_str_eq(wg_safetensors_name(file, 1), "b.weight");
    ck_assert_int_eq(wg_safetensors_find(file, "b.weight"), 1);
    const wg_type type = wg_safetensors_type(file, 1);
    ck_assert(type.dtype == WG_F32 && type.rank == 2 && type.extent[0] == 1 && type.extent[1] == 2);
    wg_tensor *a = wg_safetensors_read(file, 0, &error), *b = wg_safetensors_read(file, 1, &error);
    assert_elements(a, (const double[]){7}, 1);
    assert_elements(b, (const double[]){1.5, -2}, 2);
    wg_tensor_free(a);
    wg_tensor_free(b);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(metadata_is_found_by_key) {
    wg_safetensors *file =
        wg_safetensors_open(file_with(golden_header, golden_data, sizeof golden_data), &error);
    ck_assert_str_eq(wg_safetensors_metadata(file, "made"), "by hand");
    ck_assert_ptr_null(wg_safetensors_metadata(file, "lost"));
    wg_safetensors_close(file);
}
END_TEST

START_TEST(what_is_not_there_is_not_found) {
    wg_safetensors *file = wg_safetensors_open(file_with("{" ONE "}", "\0\0\0", 4), &error);
    ck_assert_int_eq(wg_safetensors_find(file, "b"), -1);
    ck_assert_ptr_null(wg_safetensors_name(file, 1));
    ck_assert_ptr_null(wg_safetensors_name(file, -1));
    ck_assert_int_eq(wg_safetensors_type(file, 1).dtype, WG_NO_DTYPE);
    ck_assert_ptr_null(wg_safetensors_metadata(file, "a"));
    ck_assert_ptr_null(wg_safetensors_read(file, 1, &error));
    ck_assert_int_eq(error.status, WG_ERROR_INDEX);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(a_header_may_end_in_spaces) {
    wg_safetensors *file = wg_safetensors_open(file_with("{" ONE "}      ", "\0\0\0", 4), &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(empty_tensors_may_share_a_place) {
    wg_safetensors *file = wg_safetensors_open(
        file_with("{" ONE ",\"b\":{\"dtype\":\"F64\",\"shape\":[0,3],\"data_offsets\":[4,4]},"
                  "\"c\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                  "\0\0\0", 4),
        &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    wg_tensor *b = wg_safetensors_read(file, 1, &error);
    ck_assert_int_eq(wg_tensor_type(b).extent[1], 3);
    wg_tensor_free(b);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(a_file_cut_after_it_was_opened_is_an_error) {
    const char *path = file_with(golden_header, golden_data, sizeof golden_data);
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_int_eq(truncate(path, (off_t)strlen(golden_header) + 8 + 5), 0);
    ck_assert_ptr_null(wg_safetensors_read(file, 1, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path,
                      "tensor \"b.weight\": 5 bytes; expected 8: the file has been cut");
    wg_safetensors_close(file);
}
END_TEST

START_TEST(a_bool_is_0_or_1) {
    const char *path =
        file_with("{\"a\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[0,3]}}", "\0\1\2", 3);
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_ptr_null(wg_safetensors_read(file, 0, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path, "a BOOL of 2; expected 0 or 1");
    wg_safetensors_close(file);
}
END_TEST

START_TEST(a_missing_file_is_an_error) {
    const char *path = temporary_path("missing");
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FILE, path, "cannot open");
    ck_assert_ptr_null(wg_safetensors_open(path, NULL));
}
END_TEST

START_TEST(a_directory_is_not_a_file) {
    const char *path = temporary_path("");
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FILE, path, "it is a directory; expected a regular file");
}
END_TEST

/* --- Writing ------------------------------------------------------------------------------------ */

static wg_tensor *over_f32(const float *data, const wg_shape *shape) {
    wg_tensor *tensor = wg_tensor_over(WG_F32, shape, data, &error);
    ck_assert_ptr_nonnull(tensor);
    return tensor;
}

static wg_tensor *over_u8(const uint8_t *data, const wg_shape *shape) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, shape, data, &error);
    ck_assert_ptr_nonnull(tensor);
    return tensor;
}

START_TEST(the_bytes_are_the_formats) {
    wg_tensor *a = over_u8((const uint8_t[]){7}, WG_SCALAR_SHAPE);
    wg_tensor *b = over_f32((const float[]){1.5f, -2.0f}, WG_SHAPE(1, 2));
    const wg_metadata made = {"made", "by hand"};
    const char *path = temporary_path("out.safetensors");
    ck_assert_int_eq(wg_safetensors_write(path, ((const wg_named_tensor[]){{"a", a}, {"b.weight", b}}), 2,
                                          &error, .metadata = &made, .metadata_count = 1),
                     WG_OK);
    static const char header[] = "{\"__metadata__\":{\"made\":\"by hand\"},"
                                 "\"a\":{\"data_offsets\":[8,9],\"dtype\":\"U8\",\"shape\":[]},"
                                 "\"b.weight\":{\"data_offsets\":[0,8],\"dtype\":\"F32\",\"shape\":[1,2]}}";
    const size_t length = sizeof header - 1, padded = (length + 7) / 8 * 8;
    unsigned char expected[512] = {(unsigned char)padded}, found[512];
    memset(expected + 8, ' ', padded);
    memcpy(expected + 8, header, length);
    memcpy(expected + 8 + padded, golden_data, sizeof golden_data);
    ck_assert_uint_lt(padded, 256);
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 8 + padded + sizeof golden_data);
    ck_assert_mem_eq(found, expected, 8 + padded + sizeof golden_data);
    wg_tensor_free(a);
    wg_tensor_free(b);
}
END_TEST

START_TEST(the_order_of_the_list_leaves_no_trace) {
    wg_tensor *a = over_u8((const uint8_t[]){1, 2}, WG_SHAPE(2)),
              *b = over_u8((const uint8_t[]){3}, WG_SHAPE(1));
    wg_tensor *c = over_f32((const float[]){4}, WG_SHAPE(1));
    const wg_named_tensor there[] = {{"a", a}, {"b", b}, {"c", c}}, back[] = {{"c", c}, {"b", b}, {"a", a}};
    const wg_metadata texts[] = {{"k", "1"}, {"l", "2"}}, turned[] = {{"l", "2"}, {"k", "1"}};
    const char *one = temporary_path("one"), *two = temporary_path("two");
    ck_assert_int_eq(wg_safetensors_write(one, there, 3, &error, .metadata = texts, .metadata_count = 2),
                     WG_OK);
    ck_assert_int_eq(wg_safetensors_write(two, back, 3, &error, .metadata = turned, .metadata_count = 2),
                     WG_OK);
    unsigned char bytes_one[1024], bytes_two[1024];
    const size_t size = bytes_of(one, bytes_one, sizeof bytes_one);
    ck_assert_uint_gt(size, 8);
    ck_assert_uint_eq(bytes_of(two, bytes_two, sizeof bytes_two), size);
    ck_assert_mem_eq(bytes_one, bytes_two, size);
    wg_tensor_free(a);
    wg_tensor_free(b);
    wg_tensor_free(c);
}
END_TEST

START_TEST(every_dtype_comes_back_as_it_went) {
    static const wg_dtype dtypes[] = {WG_F32, WG_F64, WG_I32, WG_I64, WG_U8, WG_BOOL};
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    enum { COUNT = sizeof dtypes / sizeof *dtypes };
    const union {
        unsigned char bytes[24];
        double aligned;
    } data = {.bytes = {1, 0, 1, 1, 0, 0, 1}};
    wg_named_tensor entries[COUNT];
    for (int i = 0; i < COUNT; i++)
        entries[i] = (wg_named_tensor){names[i], wg_tensor_over(dtypes[i], WG_SHAPE(3), data.bytes, &error)};
    const char *path = temporary_path("all");
    ck_assert_int_eq(wg_safetensors_write(path, entries, COUNT, &error), WG_OK);
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    ck_assert_int_eq(wg_safetensors_count(file), COUNT);
    for (int i = 0; i < COUNT; i++) {
        wg_tensor *read = wg_safetensors_read(file, i, &error);
        ck_assert_int_eq(wg_tensor_type(read).dtype, dtypes[i]);
        ck_assert_mem_eq(wg_tensor_data(read), data.bytes, 3 * wg_dtype_size(dtypes[i]));
        wg_tensor_free(read);
        wg_tensor_free((wg_tensor *)(uintptr_t)entries[i].tensor);
    }
    wg_safetensors_close(file);
}
END_TEST

START_TEST(a_strided_tensor_is_written_row_major) {
    static const float data[] = {1, 2, 3, 4, 5, 6};
    wg_tensor *turned =
        wg_tensor_over(WG_F32, WG_SHAPE(3, 2), data, &error, .strides = (const int64_t[]){1, 3});
    const wg_named_tensor entry = {"t", turned};
    const char *path = temporary_path("turned");
    ck_assert_int_eq(wg_safetensors_write(path, &entry, 1, &error), WG_OK);
    wg_safetensors *file = wg_safetensors_open(path, &error);
    wg_tensor *read = wg_safetensors_read(file, 0, &error);
    assert_elements(read, (const double[]){1, 4, 2, 5, 3, 6}, 6);
    wg_tensor_free(read);
    wg_tensor_free(turned);
    wg_safetensors_close(file);
}
END_TEST

START_TEST(no_tensors_at_all_make_a_file) {
    const char *path = temporary_path("none");
    ck_assert_int_eq(wg_safetensors_write(path, NULL, 0, &error), WG_OK);
    unsigned char found[32];
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 16);
    ck_assert_mem_eq(found, "\10\0\0\0\0\0\0\0{}      ", 16);
}
END_TEST

START_TEST(names_are_quoted_as_json_wants) {
    wg_tensor *t = over_u8((const uint8_t[]){1}, WG_SHAPE(1));
    const char *path = temporary_path("quoted"), *name = "a \"b\" \\ \n \303\251";
    const wg_named_tensor entry = {name, t};
    ck_assert_int_eq(wg_safetensors_write(path, &entry, 1, &error), WG_OK);
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_str_eq(wg_safetensors_name(file, 0), name);
    wg_safetensors_close(file);
    wg_tensor_free(t);
}
END_TEST

static void assert_not_written(const wg_named_tensor *entries, int count, const wg_metadata *text, int status,
                               const char *part) {
    const char *path = temporary_path("not");
    ck_assert_int_eq(
        wg_safetensors_write(path, entries, count, &error, .metadata = text, .metadata_count = text ? 1 : 0),
        status);
    assert_file_error(&error, status, path, part);
    ck_assert_int_eq(access(path, F_OK), -1);
}

START_TEST(what_cannot_be_written_is_not_begun) {
    wg_tensor *t = over_u8((const uint8_t[]){1}, WG_SHAPE(1));
    assert_not_written((const wg_named_tensor[]){{"a", t}, {"a", t}}, 2, NULL, WG_ERROR_NAME,
                       "\"a\" is there twice");
    assert_not_written((const wg_named_tensor[]){{NULL, t}}, 1, NULL, WG_ERROR_NAME,
                       "tensor number 0 has no name");
    assert_not_written((const wg_named_tensor[]){{"a", NULL}}, 1, NULL, WG_ERROR_NAME,
                       "tensor number 0 has no tensor");
    assert_not_written((const wg_named_tensor[]){{"__metadata__", t}}, 1, NULL, WG_ERROR_NAME,
                       "may not be called");
    assert_not_written((const wg_named_tensor[]){{"\377", t}}, 1, NULL, WG_ERROR_NAME, "is not UTF-8");
    assert_not_written(NULL, 1, NULL, WG_ERROR_NAME, "no list of tensors");
    assert_not_written(NULL, -1, NULL, WG_ERROR_NAME, "no list of tensors");
    assert_not_written(NULL, 0, &(const wg_metadata){"k", NULL}, WG_ERROR_NAME,
                       "metadata number 0 has no text");
    assert_not_written(NULL, 0, &(const wg_metadata){"k", "\377"}, WG_ERROR_NAME,
                       "the text of \"k\" is not UTF-8");
    wg_tensor_free(t);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_leaves_the_old_one) {
    const char *path = file_of("kept", "old", 3);
    wg_tensor *t = over_u8((const uint8_t[]){1}, WG_SHAPE(1));
    const wg_named_tensor twice[] = {{"a", t}, {"a", t}};
    ck_assert_int_ne(wg_safetensors_write(path, twice, 2, &error), WG_OK);
    char found[4] = "";
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 3);
    ck_assert_str_eq(found, "old");
    wg_tensor_free(t);
}
END_TEST

START_TEST(a_directory_that_is_not_there_is_an_error) {
    const char *path = temporary_path("missing/file");
    ck_assert_int_eq(wg_safetensors_write(path, NULL, 0, &error), WG_ERROR_FILE);
    assert_file_error(&error, WG_ERROR_FILE, path, "cannot write");
}
END_TEST

START_TEST(a_full_disk_is_an_error) {
    ck_assert_int_eq(wg_safetensors_write("/dev/full", NULL, 0, &error), WG_ERROR_FILE);
    assert_file_error(&error, WG_ERROR_FILE, "/dev/full", "cannot write");
}
END_TEST

START_TEST(a_link_goes_on_pointing_at_what_was_written) {
    const char *path = file_of("target", "old", 3), *link = temporary_path("link");
    ck_assert_int_eq(symlink(path, link), 0);
    ck_assert_int_eq(wg_safetensors_write(link, NULL, 0, &error), WG_OK);
    char found[32];
    ck_assert_uint_eq(bytes_of(path, found, sizeof found), 16);
    ck_assert_int_gt(readlink(link, found, sizeof found), 0);
}
END_TEST

START_TEST(nothing_is_left_beside_the_file) {
    const char *path = temporary_path("alone"), *directory = temporary_path("");
    char output[256];
    ck_assert_int_eq(wg_safetensors_write(path, NULL, 0, &error), WG_OK);
    ck_assert_int_eq(wg_safetensors_write(path, NULL, 0, &error), WG_OK);
    ck_assert_int_eq(run_command(output, sizeof output, "ls -A '%s'", directory), 0);
    ck_assert_str_eq(output, "alone\n");
}
END_TEST

WG_SUITE("io/safetensors", a_file_built_by_hand_is_read, metadata_is_found_by_key,
         what_is_not_there_is_not_found, a_header_may_end_in_spaces, empty_tensors_may_share_a_place,
         a_file_cut_after_it_was_opened_is_an_error, a_bool_is_0_or_1, a_missing_file_is_an_error,
         a_directory_is_not_a_file, the_bytes_are_the_formats, the_order_of_the_list_leaves_no_trace,
         every_dtype_comes_back_as_it_went, a_strided_tensor_is_written_row_major,
         no_tensors_at_all_make_a_file, names_are_quoted_as_json_wants, what_cannot_be_written_is_not_begun,
         a_file_that_cannot_be_written_leaves_the_old_one, a_directory_that_is_not_there_is_an_error,
         a_full_disk_is_an_error, a_link_goes_on_pointing_at_what_was_written,
         nothing_is_left_beside_the_file)
