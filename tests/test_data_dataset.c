/* Data sets: samples from tensors, functions, IDX files and folders of pictures. */
#include "io_suite.h"
#include <sys/stat.h>
#include <unistd.h>

static wg_error error;

/* Sample i has 2 numbers, 10 i and 10 i + 1, and label i. */
static const float numbers[] = {0, 1, 10, 11, 20, 21};
static const int64_t labels[] = {0, 1, 2};

static void assert_type(wg_type type, wg_dtype dtype, int rank, const int64_t *extents) {
    ck_assert_int_eq(type.dtype, dtype);
    ck_assert_int_eq(type.rank, rank);
    for (int i = 0; i < rank; i++) ck_assert_int_eq(type.extent[i], extents[i]);
}

static void assert_error_of(const wg_dataset *dataset, int status, const char *part) {
    ck_assert_ptr_null(dataset);
    ck_assert_message_contains(error.message, part);
    ck_assert_str_eq(wg_status_name(error.status), wg_status_name(status));
}

/* --- From tensors ------------------------------------------------------------------------------- */

START_TEST(samples_lie_along_axis_0) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error);
    wg_tensor *y = wg_tensor_over(WG_I64, WG_SHAPE(3), labels, &error);
    wg_dataset *set = wg_dataset_of_tensors(x, y, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    ck_assert_int_eq(wg_dataset_length(set), 3);
    assert_type(wg_dataset_x(set), WG_F32, 1, (const int64_t[]){2});
    assert_type(wg_dataset_y(set), WG_I64, 0, NULL);
    float got[2];
    int64_t label;
    ck_assert_int_eq(wg_dataset_get(set, 2, got, &label, &error), WG_OK);
    ck_assert_float_eq(got[0], 20);
    ck_assert_float_eq(got[1], 21);
    ck_assert_int_eq(label, 2);
    ck_assert_int_eq(wg_dataset_get(set, 1, got, NULL, &error), WG_OK);
    ck_assert_float_eq(got[1], 11);
    wg_dataset_free(set);
    wg_tensor_free(x);
    wg_tensor_free(y);
}
END_TEST

START_TEST(tensors_are_held_by_reference) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error);
    wg_dataset *set = wg_dataset_of_tensors(x, NULL, &error);
    ck_assert_int_eq(wg_tensor_owners(x), 2);
    wg_dataset_free(wg_dataset_retain(set));
    ck_assert_int_eq(wg_tensor_owners(x), 2);
    wg_dataset_free(set);
    ck_assert_int_eq(wg_tensor_owners(x), 1);
    wg_tensor_free(x);
}
END_TEST

START_TEST(labels_may_be_absent) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error);
    wg_dataset *set = wg_dataset_of_tensors(x, NULL, &error);
    ck_assert_int_eq(wg_dataset_y(set).dtype, WG_NO_DTYPE);
    float got[2];
    int64_t label = 77;
    ck_assert_int_eq(wg_dataset_get(set, 0, got, &label, &error), WG_OK);
    ck_assert_int_eq(label, 77);
    wg_dataset_free(set);
    wg_tensor_free(x);
}
END_TEST

START_TEST(strided_and_unaligned_tensors_give_their_samples) {
    const int64_t strides[] = {1, 3};
    wg_tensor *turned = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error, .strides = strides);
    static char bytes[3 * sizeof(int64_t) + 1];
    memcpy(bytes + 1, labels, sizeof labels);
    wg_tensor *odd = wg_tensor_over(WG_I64, WG_SHAPE(3), bytes + 1, &error);
    wg_dataset *set = wg_dataset_of_tensors(turned, odd, &error);
    float got[2];
    int64_t label;
    ck_assert_int_eq(wg_dataset_get(set, 1, got, &label, &error), WG_OK);
    ck_assert_float_eq(got[0], 1);
    ck_assert_float_eq(got[1], 20);
    ck_assert_int_eq(label, 1);
    wg_dataset_free(set);
    wg_tensor_free(turned);
    wg_tensor_free(odd);
}
END_TEST

START_TEST(as_many_labels_as_samples_are_wanted) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error);
    wg_tensor *y = wg_tensor_over(WG_I64, WG_SHAPE(2), labels, &error);
    wg_tensor *one = wg_tensor_over(WG_I64, WG_SCALAR_SHAPE, labels, &error);
    assert_error_of(wg_dataset_of_tensors(x, y, &error), WG_ERROR_SHAPE,
                    "x is f32[3, 2], y is i64[2]; both need an axis 0, as many samples long");
    assert_error_of(wg_dataset_of_tensors(x, one, &error), WG_ERROR_SHAPE, "y is i64[]");
    assert_error_of(wg_dataset_of_tensors(one, NULL, &error), WG_ERROR_SHAPE, "x is i64[], y is none");
    assert_error_of(wg_dataset_of_tensors(NULL, y, &error), WG_ERROR_NAME, "without a tensor x");
    wg_tensor_free(x);
    wg_tensor_free(y);
    wg_tensor_free(one);
}
END_TEST

START_TEST(a_sample_out_of_range_is_an_error) {
    wg_tensor *x = wg_tensor_over(WG_F32, WG_SHAPE(3, 2), numbers, &error);
    wg_dataset *set = wg_dataset_of_tensors(x, NULL, &error);
    float got[2];
    ck_assert_int_eq(wg_dataset_get(set, 3, got, NULL, &error), WG_ERROR_INDEX);
    ck_assert_str_eq(error.message, "no sample 3; the data set has 3");
    ck_assert_int_eq(wg_dataset_get(set, -1, got, NULL, NULL), WG_ERROR_INDEX);
    wg_dataset_free(set);
    wg_tensor_free(x);
}
END_TEST

/* --- From a function ---------------------------------------------------------------------------- */

static int released;
static void count_release(void *context) { released += *(int *)context; }

static int squares(void *context, int64_t index, void *x, void *y, wg_error *told) {
    (void)context, (void)y;
    const double square = (double)(index * index);
    if (index == 3) return snprintf(told->message, sizeof told->message, "three is missing"), WG_ERROR_FILE;
    if (index == 4) return -1;
    memcpy(x, &square, sizeof square);
    return WG_OK;
}

START_TEST(a_function_gives_samples) {
    const wg_type scalar = {.dtype = WG_F64};
    int context = 1;
    wg_dataset *set = wg_dataset_of_function(10, &scalar, NULL, squares, &error, .context = &context,
                                             .release = count_release);
    double got;
    ck_assert_int_eq(wg_dataset_get(set, 5, &got, NULL, &error), WG_OK);
    ck_assert_double_eq(got, 25);
    ck_assert_int_eq(released, 0);
    wg_dataset_free(set);
    ck_assert_int_eq(released, 1);
}
END_TEST

START_TEST(what_a_function_says_of_its_failure_is_passed_on) {
    const wg_type scalar = {.dtype = WG_F64};
    wg_dataset *set = wg_dataset_of_function(10, &scalar, NULL, squares, &error);
    double got;
    ck_assert_int_eq(wg_dataset_get(set, 3, &got, NULL, &error), WG_ERROR_FILE);
    ck_assert_int_eq(error.status, WG_ERROR_FILE);
    ck_assert_str_eq(error.message, "sample 3: three is missing");
    wg_dataset_free(set);
}
END_TEST

START_TEST(a_failure_without_words_is_an_error_too) {
    const wg_type scalar = {.dtype = WG_F64};
    wg_dataset *set = wg_dataset_of_function(10, &scalar, NULL, squares, &error);
    double got;
    ck_assert_int_eq(wg_dataset_get(set, 4, &got, NULL, &error), WG_ERROR_STOPPED);
    ck_assert_str_eq(error.message, "sample 4: the data set's function returned -1");
    wg_dataset_free(set);
}
END_TEST

START_TEST(types_that_no_batch_can_have_are_errors) {
    const wg_type scalar = {.dtype = WG_F64}, none = {0},
                  negative = {.dtype = WG_F32, .rank = 1, .extent = {-1}};
    const wg_type deep = {.dtype = WG_F32, .rank = 8, .extent = {1, 1, 1, 1, 1, 1, 1, 1}};
    const wg_type large = {.dtype = WG_F32, .rank = 2, .extent = {INT64_MAX, 2}};
    assert_error_of(wg_dataset_of_function(1, &none, NULL, squares, &error), WG_ERROR_DTYPE,
                    "x has dtype none");
    assert_error_of(wg_dataset_of_function(1, &scalar, &deep, squares, &error), WG_ERROR_SHAPE,
                    "y has rank 8; expected 0 to 7, for a batch adds an axis");
    assert_error_of(wg_dataset_of_function(1, &negative, NULL, squares, &error), WG_ERROR_SHAPE,
                    "x is f32[-1]");
    assert_error_of(wg_dataset_of_function(1, &large, NULL, squares, &error), WG_ERROR_SHAPE,
                    "more than 2^63 bytes");
    assert_error_of(wg_dataset_of_function(-1, &scalar, NULL, squares, &error), WG_ERROR_ATTRIBUTE,
                    "-1 samples");
    assert_error_of(wg_dataset_of_function(1, NULL, NULL, squares, &error), WG_ERROR_ATTRIBUTE,
                    "without a type");
    assert_error_of(wg_dataset_of_function(1, &scalar, NULL, NULL, &error), WG_ERROR_ATTRIBUTE,
                    "without a function");
}
END_TEST

/* --- From IDX files ----------------------------------------------------------------------------- */

static const char *idx_of(const char *name, wg_dtype dtype, const wg_shape *shape, const void *data) {
    wg_tensor *tensor = wg_tensor_over(dtype, shape, data, &error);
    const char *path = temporary_path(name);
    ck_assert_int_eq(wg_write_idx(path, tensor, &error), WG_OK);
    wg_tensor_free(tensor);
    return path;
}

static const uint8_t pixels[] = {0, 51, 102, 153, 204, 255, 255, 0}; /* 2 x 2 x 2 */

START_TEST(idx_pictures_are_numbers_from_0_to_1_with_a_channel) {
    const char *images = idx_of("images", WG_U8, WG_SHAPE(2, 2, 2), pixels);
    const char *classes = idx_of("labels", WG_U8, WG_SHAPE(2), (const uint8_t[]){7, 200});
    wg_dataset *set = wg_dataset_of_idx(images, classes, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    ck_assert_int_eq(wg_dataset_length(set), 2);
    assert_type(wg_dataset_x(set), WG_F32, 3, (const int64_t[]){1, 2, 2});
    assert_type(wg_dataset_y(set), WG_I64, 0, NULL);
    float got[4];
    int64_t label;
    ck_assert_int_eq(wg_dataset_get(set, 1, got, &label, &error), WG_OK);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(got[i], (float)pixels[4 + i] / 255.0f);
    ck_assert_float_eq(got[1], 1.0f);
    ck_assert_int_eq(label, 200);
    wg_dataset_free(set);
}
END_TEST

START_TEST(idx_labels_may_be_wider) {
    const char *images = idx_of("images", WG_U8, WG_SHAPE(2, 4), pixels);
    const char *classes = idx_of("labels", WG_I32, WG_SHAPE(2), (const int32_t[]){-1, 70000});
    wg_dataset *set = wg_dataset_of_idx(images, classes, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    assert_type(wg_dataset_x(set), WG_F32, 1, (const int64_t[]){4});
    float got[4];
    int64_t label;
    ck_assert_int_eq(wg_dataset_get(set, 0, got, &label, &error), WG_OK);
    ck_assert_int_eq(label, -1);
    ck_assert_int_eq(wg_dataset_get(set, 1, got, &label, &error), WG_OK);
    ck_assert_int_eq(label, 70000);
    wg_dataset_free(set);
}
END_TEST

START_TEST(idx_files_that_do_not_belong_together_are_errors) {
    const char *images = idx_of("images", WG_U8, WG_SHAPE(2, 4), pixels);
    const char *one = idx_of("labels", WG_U8, WG_SHAPE(1), pixels), *missing = temporary_path("missing");
    assert_error_of(wg_dataset_of_idx(images, one, &error), WG_ERROR_SHAPE, "has 2 pictures");
    assert_error_of(wg_dataset_of_idx(images, images, &error), WG_ERROR_DTYPE,
                    "u8[2, 4]; expected labels, u8 or i32 [N]");
    assert_error_of(wg_dataset_of_idx(images, missing, &error), WG_ERROR_FILE, missing);
    assert_error_of(wg_dataset_of_idx(missing, one, &error), WG_ERROR_FILE, missing);
    const char *floats = idx_of("floats", WG_F32, WG_SHAPE(3, 2), numbers);
    assert_error_of(wg_dataset_of_idx(floats, one, &error), WG_ERROR_DTYPE, "f32[3, 2]; expected pictures");
}
END_TEST

/* --- From a folder ------------------------------------------------------------------------------ */

/* A picture of this value, in a sub-folder. */
static void draw(const char *name, int height, int width, uint8_t value) {
    char path[512];
    snprintf(path, sizeof path, "%s", temporary_path(name));
    char *end = strrchr(path, '/');
    *end = 0;
    mkdir(path, 0700);
    *end = '/';
    wg_tensor *picture = wg_tensor_new(WG_U8, WG_SHAPE(height, width, 3), &error);
    uint8_t *data = wg_tensor_writable(picture);
    for (int i = 0; i < height * width; i++) {
        data[3 * i] = value;
        data[3 * i + 1] = (uint8_t)(10 * i);
        data[3 * i + 2] = 255;
    }
    ck_assert_msg(wg_png_write(path, picture, &error) == WG_OK, "%s", error.message);
    wg_tensor_free(picture);
}

static void draw_animals(void) {
    draw("dog/b.png", 2, 3, 4);
    draw("dog/a.PNG", 2, 3, 3);
    draw("cat/10.png", 2, 3, 1);
    draw("cat/9.png", 2, 3, 2);
}

START_TEST(a_folder_has_a_class_for_each_sub_folder_in_order) {
    draw_animals();
    wg_dataset *set = wg_dataset_of_folder(temporary_path(""), 3, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    ck_assert_int_eq(wg_dataset_length(set), 4);
    ck_assert_int_eq(wg_dataset_classes(set), 2);
    ck_assert_str_eq(wg_dataset_class(set, 0), "cat");
    ck_assert_str_eq(wg_dataset_class(set, 1), "dog");
    ck_assert_ptr_null(wg_dataset_class(set, 2));
    static const int values[] = {1, 2, 3, 4}, classes[] = {0, 0, 1, 1};
    float got[18];
    int64_t label;
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(wg_dataset_get(set, i, got, &label, &error), WG_OK);
        ck_assert_float_eq(got[0], (float)values[i] / 255.0f);
        ck_assert_int_eq(label, classes[i]);
    }
    wg_dataset_free(set);
}
END_TEST

START_TEST(a_folders_pictures_have_their_channels_in_front) {
    draw_animals();
    wg_dataset *set = wg_dataset_of_folder(temporary_path(""), 3, &error);
    assert_type(wg_dataset_x(set), WG_F32, 3, (const int64_t[]){3, 2, 3});
    assert_type(wg_dataset_y(set), WG_I64, 0, NULL);
    float got[18];
    ck_assert_int_eq(wg_dataset_get(set, 0, got, NULL, &error), WG_OK);
    for (int i = 0; i < 6; i++) {
        ck_assert_float_eq(got[i], 1.0f / 255.0f);
        ck_assert_float_eq(got[6 + i], (float)(10 * i) / 255.0f);
        ck_assert_float_eq(got[12 + i], 1.0f);
    }
    wg_dataset_free(set);
}
END_TEST

START_TEST(a_folders_hidden_and_other_files_are_passed_over) {
    draw_animals();
    draw(".hidden/1.png", 9, 9, 1);
    draw("cat/.hidden.png", 9, 9, 1);
    file_of("cat/notes.txt", "notes", 5);
    file_of("stray.png", "not in a class", 14);
    wg_dataset *set = wg_dataset_of_folder(temporary_path(""), 1, &error);
    ck_assert_msg(set != NULL, "%s", error.message);
    ck_assert_int_eq(wg_dataset_length(set), 4);
    ck_assert_int_eq(wg_dataset_classes(set), 2);
    wg_dataset_free(set);
}
END_TEST

START_TEST(a_picture_of_another_size_is_an_error_that_names_it) {
    draw_animals();
    draw("dog/c.png", 3, 2, 1);
    assert_error_of(wg_dataset_of_folder(temporary_path(""), 3, &error), WG_ERROR_SHAPE,
                    "/dog/c.png: 2 x 3 pixels; expected 3 x 2, as in ");
    ck_assert_message_contains(error.message, "/cat/10.png");
}
END_TEST

START_TEST(a_picture_that_is_none_is_an_error_that_names_it) {
    draw_animals();
    const char *path = file_of("dog/z.png", "not a picture", 13);
    assert_error_of(wg_dataset_of_folder(temporary_path(""), 3, &error), WG_ERROR_FORMAT,
                    path + strlen(temporary_path("")));
}
END_TEST

START_TEST(a_picture_that_changes_later_is_an_error_when_asked_for) {
    draw_animals();
    wg_dataset *set = wg_dataset_of_folder(temporary_path(""), 3, &error);
    draw("cat/9.png", 1, 1, 1);
    ck_assert_int_eq(unlink(temporary_path("dog/b.png")), 0);
    float got[18];
    ck_assert_int_eq(wg_dataset_get(set, 1, got, NULL, &error), WG_ERROR_SHAPE);
    ck_assert_message_contains(error.message, "cat/9.png: 1 x 1 pixels; expected 3 x 2");
    ck_assert_int_eq(wg_dataset_get(set, 3, got, NULL, &error), WG_ERROR_FILE);
    ck_assert_message_contains(error.message, "dog/b.png");
    wg_dataset_free(set);
}
END_TEST

START_TEST(a_folder_without_pictures_is_an_error) {
    assert_error_of(wg_dataset_of_folder(temporary_path(""), 3, &error), WG_ERROR_FILE,
                    "no pictures; expected PNG files in sub-folders");
    assert_error_of(wg_dataset_of_folder(temporary_path("missing"), 3, &error), WG_ERROR_FILE,
                    "cannot open folder");
    assert_error_of(wg_dataset_of_folder(temporary_path(""), 2, &error), WG_ERROR_ATTRIBUTE,
                    "with 2 channels; expected");
    assert_error_of(wg_dataset_of_folder(NULL, 3, &error), WG_ERROR_ATTRIBUTE, "expected a path");
}
END_TEST

WG_SUITE("data/dataset", samples_lie_along_axis_0, tensors_are_held_by_reference, labels_may_be_absent,
         strided_and_unaligned_tensors_give_their_samples, as_many_labels_as_samples_are_wanted,
         a_sample_out_of_range_is_an_error, a_function_gives_samples,
         what_a_function_says_of_its_failure_is_passed_on, a_failure_without_words_is_an_error_too,
         types_that_no_batch_can_have_are_errors, idx_pictures_are_numbers_from_0_to_1_with_a_channel,
         idx_labels_may_be_wider, idx_files_that_do_not_belong_together_are_errors,
         a_folder_has_a_class_for_each_sub_folder_in_order, a_folders_pictures_have_their_channels_in_front,
         a_folders_hidden_and_other_files_are_passed_over,
         a_picture_of_another_size_is_an_error_that_names_it,
         a_picture_that_is_none_is_an_error_that_names_it,
         a_picture_that_changes_later_is_an_error_when_asked_for, a_folder_without_pictures_is_an_error)
