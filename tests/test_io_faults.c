/* Files when the system refuses: each allocation of a reader or writer, those of zlib, libpng and jansson
 * included, and each call that opens, reads, writes, syncs or renames is made to fail in turn. What comes is
 * an error or the right result, nothing leaks, and the file is the old one or the new one. */
#include "faults.h"
#include "io_suite.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static wg_error error;
static char path[512], other[512];
static bool wrong; /* a result; Check's own assertions take memory and have to wait */

/* Runs the attempt with each of its allocations failing, one at a time, until none is left. It returns a
 * wg_status, and notes a result that is wrong. */
static void assert_survives(int (*attempt)(void), int fewest) {
    snprintf(path, sizeof path, "%s", temporary_path("file"));
    snprintf(other, sizeof other, "%s", temporary_path("other.gz"));
    ck_assert_msg(attempt() == WG_OK, "%s", error.message);
    ck_assert(!wrong);
    const faults_held before = faults_hold();
    int errors = 0, memory = 0;
    for (long n = 0;; n++) {
        error = (wg_error){0};
        faults_arm(n);
        const int status = attempt();
        const bool hit = faults_disarm();
        ck_assert_msg(faults_same(before, faults_hold()), "leak after %s", faults_describe());
        ck_assert_int_eq(status, error.status);
        ck_assert(!wrong);
        ck_assert_int_eq(access(temporary_path("file.tmp0"), F_OK), -1);
        if (!hit) {
            ck_assert_msg(status == WG_OK, "%s", error.message);
            break;
        }
        errors += status != WG_OK;
        memory += status == WG_ERROR_MEMORY;
    }
    ck_assert_int_ge(errors, fewest);
    ck_assert_int_ge(memory, fewest);
}

/* --- What is tried ------------------------------------------------------------------------------ */

static const uint8_t pixels[] = {1, 2, 3, 4, 5, 6};

/* Checks the tensor, if there was memory for it, and frees it. */
static int take_pixels(wg_tensor *tensor) {
    if (!tensor) return error.status;
    wrong |= wg_tensor_count(tensor) != 6 || memcmp(wg_tensor_data(tensor), pixels, 6);
    wg_tensor_free(tensor);
    return WG_OK;
}

/* Hands the tensor to `write`, if there was memory for it, and frees it. */
static int with_tensor(int (*write)(const wg_tensor *tensor)) {
    static const uint8_t turned[] = {1, 4, 2, 5, 3, 6};
    const int64_t strides[] = {1, 2}; /* a dense copy has to be made */
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SHAPE(2, 3), turned, &error, .strides = strides);
    if (!tensor) return error.status;
    const int status = write(tensor);
    wg_tensor_free(tensor);
    return status;
}

static int write_idx(const wg_tensor *tensor) { return wg_write_idx(other, tensor, &error); }

static int idx_there_and_back(void) {
    const int status = with_tensor(write_idx);
    return status ? status : take_pixels(wg_read_idx(other, &error));
}

static int write_png(const wg_tensor *tensor) { return wg_png_write(path, tensor, &error); }

static int png_there_and_back(void) {
    const int status = with_tensor(write_png);
    return status ? status : take_pixels(wg_png_read(path, 1, &error));
}

static int write_safetensors(const wg_tensor *tensor) {
    const wg_named_tensor entries[] = {{"one", tensor}, {"two", tensor}};
    const wg_metadata text = {"key", "text"};
    return wg_safetensors_write(path, entries, 2, &error, .metadata = &text, .metadata_count = 1);
}

static int safetensors_there(void) { return with_tensor(write_safetensors); }

static int safetensors_back(void) {
    wg_safetensors *file = wg_safetensors_open(path, &error);
    if (!file) return error.status;
    const char *text = wg_safetensors_metadata(file, "key");
    wrong |= wg_safetensors_count(file) != 2 || !text || strcmp(text, "text");
    wg_tensor *read = wg_safetensors_read(file, wg_safetensors_find(file, "two"), &error);
    wg_safetensors_close(file);
    return take_pixels(read);
}

static int safetensors_there_and_back(void) {
    const int status = safetensors_there();
    return status ? status : safetensors_back();
}

/* --- The tests ---------------------------------------------------------------------------------- */

START_TEST(idx_files_survive_every_call_that_fails) { assert_survives(idx_there_and_back, 8); }
END_TEST
START_TEST(pictures_survive_every_call_that_fails) { assert_survives(png_there_and_back, 8); }
END_TEST
START_TEST(safetensors_survive_every_call_that_fails) { assert_survives(safetensors_there_and_back, 8); }
END_TEST

/* --- The old file or the new one ------------------------------------------------------------------ */

/* Writes a file that holds this number, or reads the number in it. */
static int write_number(uint8_t number) {
    wg_tensor *tensor = wg_tensor_over(WG_U8, WG_SCALAR_SHAPE, &number, &error);
    if (!tensor) return error.status;
    const wg_named_tensor entry = {"number", tensor};
    const int status = wg_safetensors_write(path, &entry, 1, &error);
    wg_tensor_free(tensor);
    return status;
}

static int number_written(void) {
    wg_safetensors *file = wg_safetensors_open(path, &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    wg_tensor *tensor = wg_safetensors_read(file, 0, &error);
    ck_assert_msg(tensor != NULL, "%s", error.message);
    const int number = (int)wg_tensor_get(tensor, 0);
    wg_tensor_free(tensor);
    wg_safetensors_close(file);
    return number;
}

/* Only the last call, which tells the folder, can fail with the new file in place; it says so. */
START_TEST(a_write_that_fails_leaves_the_old_file_and_nothing_beside_it) {
    int told = 0, failures = 0;
    snprintf(path, sizeof path, "%s", temporary_path("file"));
    for (long n = 0;; n++) {
        ck_assert_int_eq(write_number(1), WG_OK);
        faults_arm(n);
        const int status = write_number(2);
        if (!faults_disarm()) break;
        const bool in_place = status == WG_OK || strstr(error.message, "a power cut may");
        failures += status != WG_OK;
        told += status && in_place;
        ck_assert_msg(number_written() == (in_place ? 2 : 1), "after %s", faults_describe());
        ck_assert_msg(files_in_folder() == 1, "after %s", faults_describe());
    }
    ck_assert_int_eq(told, 1);
    ck_assert_int_ge(failures, 10);
    ck_assert_int_eq(number_written(), 2);
}
END_TEST

START_TEST(a_process_that_is_killed_leaves_the_old_file_or_the_new_one) {
    int seen[3] = {0};
    snprintf(path, sizeof path, "%s", temporary_path("file"));
    for (long n = 0;; n++) {
        int status;
        ck_assert_int_eq(write_number(1), WG_OK);
        const pid_t child = fork();
        if (child == 0) {
            faults_arm_kill(n);
            _exit(write_number(2));
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        const int number = number_written();
        unlink(temporary_path("file.tmp0"));
        if (WIFEXITED(status)) {
            ck_assert(WEXITSTATUS(status) == 0 && number == 2);
            break;
        }
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ck_assert_int_ge(number, 1);
        ck_assert_int_le(number, 2);
        seen[number]++;
    }
    ck_assert_int_ge(seen[1], 10);
    ck_assert_int_ge(seen[2], 1);
}
END_TEST

START_TEST(content_then_name_then_folder_reach_the_disk) {
    snprintf(path, sizeof path, "%s", temporary_path("file"));
    ck_assert_int_eq(write_number(1), WG_OK);
    faults_arm(-1);
    ck_assert_int_eq(write_number(2), WG_OK);
    faults_disarm();
    /* opened, written in four pieces, synced; the folder opened; renamed; the folder synced */
    ck_assert_str_eq(faults_file_calls(), "owwwwfond");
}
END_TEST

WG_SUITE("io/faults", idx_files_survive_every_call_that_fails, pictures_survive_every_call_that_fails,
         safetensors_survive_every_call_that_fails,
         a_write_that_fails_leaves_the_old_file_and_nothing_beside_it,
         a_process_that_is_killed_leaves_the_old_file_or_the_new_one,
         content_then_name_then_folder_reach_the_disk)
