/* safetensors_file.h — safetensors files built by hand. */
#ifndef WG_TESTS_SAFETENSORS_FILE_H
#define WG_TESTS_SAFETENSORS_FILE_H

#include "io_suite.h"

static wg_error error;

/* A file with this header, of its true length, and these bytes of data. */
static inline const char *file_with(const char *header, const void *data, size_t size) {
    static unsigned char bytes[1 << 16];
    const size_t length = strlen(header);
    ck_assert_uint_le(8 + length + size, sizeof bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    if (size) memcpy(bytes + 8 + length, data, size);
    return file_of("file.safetensors", bytes, 8 + length + size);
}

/* {"a": 1 element of F32} and then the text, to put a second entry in. */
#define ONE "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}"

#endif
