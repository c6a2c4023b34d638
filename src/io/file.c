/* file — whole files, read and written by descriptor. */
#include "io/file.h"
#include "tensor/tensor.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int wg_file_error(wg_error *error, const char *doing, const char *path, int number) {
    const int status = number == ENOMEM ? WG_ERROR_MEMORY : WG_ERROR_FILE;
    return wg_error_set(error, status, "cannot %s %s: %s", doing, path, strerror(number));
}

/* --- Reading ---------------------------------------------------------------------------------- */

int wg_reader_open(wg_reader *reader, const char *path, wg_error *error) {
    *reader = (wg_reader){.path = path, .descriptor = -1};
    if (!path) return wg_error_set(error, WG_ERROR_FILE, "no path given; expected that of a file to read");
    struct stat found;
    do reader->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (reader->descriptor < 0 && errno == EINTR);
    if (reader->descriptor < 0) return wg_file_error(error, "open", path, errno);
    int status = WG_OK;
    if (fstat(reader->descriptor, &found))
        status = wg_file_error(error, "read", path, errno);
    else if (!S_ISREG(found.st_mode))
        status = wg_error_set(error, WG_ERROR_FILE, "cannot read %s: it is %s; expected a regular file", path,
                              S_ISDIR(found.st_mode) ? "a directory" : "a pipe or device");
    if (status)
        wg_reader_close(reader);
    else
        reader->size = found.st_size;
    return status;
}

/* From `offset` on, or, if it is below 0, from where the last such read ended. */
static int read_from(wg_reader *reader, int64_t offset, void *data, size_t size, size_t *got,
                     wg_error *error) {
    for (*got = 0; *got < size;) {
        char *to = (char *)data + *got;
        const ssize_t n = offset < 0
                              ? read(reader->descriptor, to, size - *got)
                              : pread(reader->descriptor, to, size - *got, (off_t)(offset + (int64_t)*got));
        if (n == 0) break;
        if (n > 0)
            *got += (size_t)n;
        else if (errno != EINTR)
            return wg_file_error(error, "read", reader->path, errno);
    }
    return WG_OK;
}

int wg_reader_read(wg_reader *reader, void *data, size_t size, size_t *got, wg_error *error) {
    return read_from(reader, -1, data, size, got, error);
}

int wg_reader_read_at(wg_reader *reader, int64_t offset, void *data, size_t size, size_t *got,
                      wg_error *error) {
    return read_from(reader, offset, data, size, got, error);
}

void wg_reader_close(wg_reader *reader) {
    if (reader->descriptor >= 0) close(reader->descriptor);
    reader->descriptor = -1;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Creates TARGET.tmpN, the first N that nobody else is writing. */
static int create_temporary(wg_writer *writer, wg_error *error) {
    enum { TRIES = 1000 };
    const size_t size = strlen(writer->target) + sizeof ".tmp1000";
    writer->temporary = malloc(size);
    if (!writer->temporary)
        return wg_error_set(error, WG_ERROR_MEMORY, "no memory to write %s", writer->path);
    for (int n = 0; n < TRIES; n++) {
        snprintf(writer->temporary, size, "%s.tmp%d", writer->target, n);
        writer->descriptor = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (writer->descriptor >= 0) return WG_OK;
        if (errno != EEXIST && errno != EINTR) break;
    }
    const int number = errno;
    free(writer->temporary);
    writer->temporary = NULL; /* not ours: it must not be removed */
    return wg_file_error(error, "write", writer->path, number);
}

int wg_writer_open(wg_writer *writer, const char *path, wg_error *error) {
    *writer = (wg_writer){.path = path, .descriptor = -1};
    if (!path) return wg_error_set(error, WG_ERROR_FILE, "no path given; expected that of a file to write");
    struct stat found;
    const bool exists = stat(path, &found) == 0;
    writer->target = exists ? realpath(path, NULL) : strdup(path);
    if (!writer->target) return wg_file_error(error, "write", path, errno);
    if (!exists || S_ISREG(found.st_mode)) return create_temporary(writer, error);
    writer->descriptor = open(writer->target, O_WRONLY | O_CLOEXEC);
    return writer->descriptor >= 0 ? WG_OK : wg_file_error(error, "write", path, errno);
}

int wg_writer_write(wg_writer *writer, const void *data, size_t size, wg_error *error) {
    for (size_t done = 0; done < size;) {
        const ssize_t n = write(writer->descriptor, (const char *)data + done, size - done);
        if (n > 0)
            done += (size_t)n;
        else if (n == 0 || errno != EINTR)
            return wg_file_error(error, "write", writer->path, n ? errno : EIO);
    }
    return WG_OK;
}

/* Some file systems have no such thing as fsync. */
static bool reach_disk(int descriptor) {
    int status;
    do status = fsync(descriptor);
    while (status && errno == EINTR);
    return status == 0 || errno == EINVAL || errno == ENOTSUP;
}

/* Opens the folder that the path lies in; -1 and errno where that is not possible. */
static int open_folder(char *path) {
    char *slash = strrchr(path, '/');
    if (!slash) return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (slash == path) return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '\0';
    const int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    return folder;
}

/* Gives the temporary file its name, and sees to it that the folder keeps that. The folder is opened first:
 * what can go wrong shall do so while the old file is still there. One that we may write to and not read
 * cannot be opened, and is left to itself. */
static int take_name(wg_writer *writer, wg_error *error) {
    const int folder = open_folder(writer->target);
    if (folder < 0 && errno != EACCES) return wg_file_error(error, "write", writer->path, errno);
    int status = WG_OK;
    if (rename(writer->temporary, writer->target)) {
        status = wg_file_error(error, "write", writer->path, errno);
    } else {
        free(writer->temporary);
        writer->temporary = NULL; /* the name is anybody's again */
        if (folder >= 0 && !reach_disk(folder))
            status = wg_error_set(error, WG_ERROR_FILE,
                                  "%s: written, but a power cut may bring back what was there before: %s",
                                  writer->path, strerror(errno));
    }
    if (folder >= 0) close(folder);
    return status;
}

/* The content must have reached the disk before the name does, or a power cut could leave an empty file
 * under it. */
int wg_writer_finish(wg_writer *writer, int status, wg_error *error) {
    if (!status && writer->temporary && !reach_disk(writer->descriptor))
        status = wg_file_error(error, "write", writer->path, errno);
    if (writer->descriptor >= 0 && close(writer->descriptor) && errno != EINTR && !status)
        status = wg_file_error(error, "write", writer->path, errno);
    if (!status && writer->temporary) status = take_name(writer, error);
    if (status && writer->temporary) unlink(writer->temporary);
    free(writer->temporary);
    free(writer->target);
    *writer = (wg_writer){.descriptor = -1};
    return status;
}

/* --- Elements --------------------------------------------------------------------------------- */

const void *wg_dense_elements(const wg_tensor *tensor, void **copy, wg_error *error) {
    *copy = NULL;
    if (tensor->dense) return tensor->data ? tensor->data : ""; /* memory of no elements may be NULL */
    const size_t bytes = wg_type_bytes(&tensor->type);
    *copy = malloc(bytes ? bytes : 1);
    if (*copy)
        wg_tensor_gather(tensor, *copy);
    else
        wg_error_set(error, WG_ERROR_MEMORY, "no memory for a dense copy of %zu bytes", bytes);
    return *copy;
}

void wg_swap_bytes(void *target, const void *source, size_t size, int64_t count) {
    unsigned char *to = target, element[8];
    const unsigned char *from = source;
    for (int64_t n = 0; n < count; n++, to += size, from += size) {
        memcpy(element, from, size);
        for (size_t i = 0; i < size; i++) to[i] = element[size - 1 - i];
    }
}
