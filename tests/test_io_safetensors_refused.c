/* safetensors: files that lie. */
#include "safetensors_file.h"
#include <unistd.h>

/* The file with this header and `size` zero bytes of data is turned down with this message. */
static void assert_rejected(const char *header, size_t size, int status, const char *part) {
    static const unsigned char zeros[64];
    const char *path = file_with(header, zeros, size);
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, status, path, part);
}

START_TEST(a_file_without_a_length_is_rejected) {
    const char *path = file_of("short", "\1\0\0", 3);
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path, "3 bytes; expected a safetensors file of at least 8");
    path = file_of("empty", "", 0);
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path, "0 bytes");
}
END_TEST

START_TEST(a_length_beyond_the_file_is_rejected) {
    const char *path = file_of("length", "\12\0\0\0\0\0\0\0{}", 10);
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path, "claims a header of 10 bytes; expected at most 2");
    path = file_of("length", "\377\377\377\377\377\377\377\377{}", 10);
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path, "claims a header of 18446744073709551615 bytes");
}
END_TEST

START_TEST(a_length_beyond_100_megabytes_is_rejected) {
    const char *path = file_of("length", "\1\341\365\5\0\0\0\0{}", 10); /* 100,000,001 */
    ck_assert_int_eq(truncate(path, 200000000), 0);                     /* sparse */
    ck_assert_ptr_null(wg_safetensors_open(path, &error));
    assert_file_error(&error, WG_ERROR_FORMAT, path,
                      "claims a header of 100000001 bytes; expected at most 100000000");
}
END_TEST

START_TEST(a_header_that_is_no_object_is_rejected) {
    assert_rejected("", 0, WG_ERROR_FORMAT, "header does not begin with {");
    assert_rejected("[]", 0, WG_ERROR_FORMAT, "header does not begin with {");
    assert_rejected(" {}", 0, WG_ERROR_FORMAT, "header does not begin with {");
}
END_TEST

START_TEST(a_header_that_is_no_json_is_rejected) {
    assert_rejected("{", 0, WG_ERROR_FORMAT, "header is not the JSON of a safetensors file");
    assert_rejected("{} x", 0, WG_ERROR_FORMAT, "header is not the JSON of a safetensors file");
    assert_rejected("{\"a\":\n\n}", 0, WG_ERROR_FORMAT, "header is not the JSON of a safetensors file");
    assert_rejected("{\"\xff\":1}", 0, WG_ERROR_FORMAT, "header is not the JSON of a safetensors file");
}
END_TEST

START_TEST(a_header_nested_without_end_is_rejected) {
    static char header[60000] = "{\"a\":";
    memset(header + 5, '[', sizeof header - 6);
    assert_rejected(header, 0, WG_ERROR_FORMAT, "header is not the JSON of a safetensors file");
}
END_TEST

START_TEST(a_name_that_is_there_twice_is_rejected) {
    assert_rejected("{" ONE "," ONE "}", 4, WG_ERROR_FORMAT, "duplicate");
}
END_TEST

START_TEST(an_entry_that_is_no_object_is_rejected) {
    assert_rejected("{\"a\":1}", 0, WG_ERROR_FORMAT, "tensor \"a\": no text \"dtype\"");
    assert_rejected("{\"a\":{}}", 0, WG_ERROR_FORMAT, "tensor \"a\": no text \"dtype\"");
}
END_TEST

START_TEST(an_unknown_dtype_is_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F33\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, WG_ERROR_FORMAT,
                    "tensor \"a\": unknown dtype \"F33\"; expected F32, F64, I32, I64, U8 or BOOL");
}
END_TEST

START_TEST(a_dtype_of_the_format_that_we_lack_is_unsupported) {
    assert_rejected("{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]}}", 2,
                    WG_ERROR_UNSUPPORTED, "tensor \"a\": unsupported dtype \"BF16\"");
}
END_TEST

START_TEST(a_shape_that_is_none_is_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, WG_ERROR_FORMAT,
                    "no list \"shape\"");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, WG_ERROR_FORMAT,
                    "extent 0 is not a whole number from 0 on");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1.0],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_FORMAT, "extent 1 is not a whole number from 0 on");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_FORMAT, "extent 0 is not a whole number from 0 on");
}
END_TEST

START_TEST(a_shape_of_nine_axes_is_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_SHAPE, "9 axes; at most 8");
}
END_TEST

START_TEST(a_shape_whose_count_overflows_is_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
                    WG_ERROR_SHAPE, "f32[4294967296, 4294967296] has more than 2^63 bytes");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_SHAPE, "has more than 2^63 bytes");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_FORMAT, "too big integer");
}
END_TEST

START_TEST(offsets_that_are_no_pair_are_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, WG_ERROR_FORMAT,
                    "no pair of whole numbers");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, WG_ERROR_FORMAT,
                    "no pair");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,4]}}", 4, WG_ERROR_FORMAT,
                    "no pair");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, WG_ERROR_FORMAT,
                    "no pair");
}
END_TEST

START_TEST(offsets_out_of_the_file_are_rejected) {
    assert_rejected("{" ONE "}", 3, WG_ERROR_FORMAT, "data_offsets [0, 4] do not lie in the 3 bytes of data");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, WG_ERROR_FORMAT,
                    "data_offsets [-4, 0] do not lie in the 4 bytes of data");
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, WG_ERROR_FORMAT,
                    "data_offsets [4, 0] do not lie");
}
END_TEST

START_TEST(offsets_of_another_size_than_the_shape_are_rejected) {
    assert_rejected("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, WG_ERROR_FORMAT,
                    "data_offsets [0, 4] hold 4 bytes; f32[2] needs 8");
}
END_TEST

START_TEST(tensors_that_overlap_are_rejected) {
    assert_rejected("{" ONE ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}", 6,
                    WG_ERROR_FORMAT,
                    "tensor \"b\": begins at byte 2 of the data; expected 4, where the one before ends");
    assert_rejected("{" ONE ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                    WG_ERROR_FORMAT, "tensor \"b\": begins at byte 0 of the data; expected 4");
}
END_TEST

START_TEST(holes_between_tensors_are_rejected) {
    assert_rejected("{" ONE ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12,
                    WG_ERROR_FORMAT, "tensor \"b\": begins at byte 8 of the data; expected 4");
    assert_rejected("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2, WG_ERROR_FORMAT,
                    "tensor \"a\": begins at byte 1 of the data; expected 0");
}
END_TEST

START_TEST(bytes_of_no_tensor_are_rejected) {
    assert_rejected("{" ONE "}", 5, WG_ERROR_FORMAT, "5 bytes of data; its tensors have 4");
    assert_rejected("{}", 1, WG_ERROR_FORMAT, "1 bytes of data; its tensors have 0");
}
END_TEST

START_TEST(metadata_that_is_not_text_is_rejected) {
    assert_rejected("{\"__metadata__\":[]}", 0, WG_ERROR_FORMAT, "\"__metadata__\" is not an object");
    assert_rejected("{\"__metadata__\":{\"k\":1}}", 0, WG_ERROR_FORMAT, "metadata \"k\" is not a text");
}
END_TEST

START_TEST(a_name_in_a_message_is_one_short_line) {
    assert_rejected("{\"line\\nline\":{}}", 0, WG_ERROR_FORMAT, "tensor \"line?line\"");
    static char header[2000];
    snprintf(header, sizeof header, "{\"%0999d\":{}}", 0);
    assert_rejected(header, 0, WG_ERROR_FORMAT, "000\": no text");
    ck_assert_uint_lt(strlen(error.message), 400);
}
END_TEST

WG_SUITE("io/safetensors_refused", a_file_without_a_length_is_rejected, a_length_beyond_the_file_is_rejected,
         a_length_beyond_100_megabytes_is_rejected, a_header_that_is_no_object_is_rejected,
         a_header_that_is_no_json_is_rejected, a_header_nested_without_end_is_rejected,
         a_name_that_is_there_twice_is_rejected, an_entry_that_is_no_object_is_rejected,
         an_unknown_dtype_is_rejected, a_dtype_of_the_format_that_we_lack_is_unsupported,
         a_shape_that_is_none_is_rejected, a_shape_of_nine_axes_is_rejected,
         a_shape_whose_count_overflows_is_rejected, offsets_that_are_no_pair_are_rejected,
         offsets_out_of_the_file_are_rejected, offsets_of_another_size_than_the_shape_are_rejected,
         tensors_that_overlap_are_rejected, holes_between_tensors_are_rejected,
         bytes_of_no_tensor_are_rejected, metadata_that_is_not_text_is_rejected,
         a_name_in_a_message_is_one_short_line)
