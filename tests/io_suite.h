/* io_suite.h — for test files that write bytes by hand and read what the library wrote. */
#ifndef WG_TESTS_IO_SUITE_H
#define WG_TESTS_IO_SUITE_H

#include "suite.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

/* A file of this test with these bytes. */
static inline const char *file_of(const char *name, const void *bytes, size_t size) {
    const char *path = temporary_path(name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

/* A file's bytes, up to `size` of them; returns how many. */
static inline size_t bytes_of(const char *path, void *bytes, size_t size) {
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s is not there", path);
    const size_t got = fread(bytes, 1, size, file);
    fclose(file);
    return got;
}

/* The error has this status, names the file, and its message has `part` in it. */
static inline void assert_file_error(const wg_error *error, int status, const char *path, const char *part) {
    ck_assert_message_contains(error->message, part);
    ck_assert_message_contains(error->message, path);
    ck_assert_str_eq(wg_status_name(error->status), wg_status_name(status));
    ck_assert_ptr_null(strchr(error->message, '\n'));
}

/* The tensor's elements in row-major order. */
static inline void assert_elements(const wg_tensor *tensor, const double *expected, int count) {
    ck_assert_ptr_nonnull(tensor);
    ck_assert_int_eq(wg_tensor_count(tensor), count);
    for (int i = 0; i < count; i++) ck_assert_double_eq(wg_tensor_get(tensor, i), expected[i]);
}

/* Below the folder that the test has to itself. */
static inline int files_in_folder(void) {
    int count = 0;
    DIR *folder = opendir(temporary_path(""));
    ck_assert_ptr_nonnull(folder);
    for (const struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

#endif
