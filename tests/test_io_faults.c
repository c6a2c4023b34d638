/* Files when memory runs out: each allocation of a reader or writer, those of zlib, libpng and jansson
 * included, is made to fail in turn. What comes is an error or the right result, and nothing leaks. */
#include "faults.h"
#include "io_suite.h"
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

START_TEST(idx_files_survive_every_allocation_that_fails) { assert_survives(idx_there_and_back, 8); }
END_TEST
START_TEST(pictures_survive_every_allocation_that_fails) { assert_survives(png_there_and_back, 8); }
END_TEST
START_TEST(safetensors_survive_every_allocation_that_fails) {
    assert_survives(safetensors_there_and_back, 8);
}
END_TEST

WG_SUITE("io/faults", idx_files_survive_every_allocation_that_fails,
         pictures_survive_every_allocation_that_fails, safetensors_survive_every_allocation_that_fails)
