/* The programs in examples/, run as a reader would run them: what they print, the files they write, what they
 * answer to wrong arguments and broken data. Those that learn from pictures get a small set of them, made
 * here: ten classes, each a bright square at a place of its own under a little noise. */
#include "suite.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SIDE = 28, TRAINING = 256, TESTS = 64, CLASSES = 10 };

/* --- Running --------------------------------------------------------------------------------------- */

static char output[20000];

/* Runs an example in this test's folder with both streams in `output` and returns its exit status.
 * `arguments` are the shell's: ">/dev/null" leaves standard error alone. */
static int run(const char *example, const char *arguments) {
    return run_command(output, sizeof output, "cd '%s' && \"$WG_BUILD_ROOT/examples/%s\" %s",
                       temporary_path(""), example, arguments);
}

static void succeeds(const char *example, const char *arguments) {
    const int status = run(example, arguments);
    ck_assert_msg(status == 0, "%s %s: exit status %d\n%.3000s", example, arguments, status, output);
}

/* It ends by itself, with this status, saying this on standard error. */
static void fails(int expected, const char *example, const char *arguments, const char *message) {
    char quiet[500];
    snprintf(quiet, sizeof quiet, "%s >/dev/null", arguments);
    const int status = run(example, quiet);
    ck_assert_msg(status == expected, "%s %s: exit status %d, not %d\n%.3000s", example, arguments, status,
                  expected, output);
    ck_assert_message_contains(output, message);
}

static const char *after(const char *text, const char *part) {
    const char *found = strstr(text, part);
    ck_assert_msg(found != NULL, "\"%s\" is not in \"%.3000s\"", part, text);
    return found + strlen(part);
}

static double number_after(const char *text, const char *part) { return strtod(after(text, part), NULL); }

static const char *last_line(void) {
    size_t end = strlen(output);
    ck_assert_msg(end > 1 && output[end - 1] == '\n', "no last line in \"%s\"", output);
    output[--end] = '\0';
    const char *line = strrchr(output, '\n');
    return line ? line + 1 : output;
}

/* The losses of "step N  loss X" lines: how many there are, and the first and last. */
static int losses(double *first, double *last) {
    int count = 0;
    for (const char *at = output; (at = strstr(at, "  loss ")) != NULL; at++, count++) {
        *last = strtod(at + strlen("  loss "), NULL);
        if (!count) *first = *last;
    }
    return count;
}

/* --- Pictures to learn from ------------------------------------------------------------------------ */

static void write_tensor(const char *path, wg_dtype dtype, const wg_shape *shape, const void *data) {
    wg_error error = {0};
    wg_tensor *tensor = wg_tensor_over(dtype, shape, data, &error);
    ck_assert_msg(tensor && wg_write_idx(path, tensor, &error) == WG_OK, "%s", error.message);
    wg_tensor_free(tensor);
}

static void draw_class(uint8_t *pixels, int class) {
    static uint32_t noise = 1;
    for (int i = 0; i < SIDE * SIDE; i++) {
        noise = noise * 1664525 + 1013904223;
        const int row = i / SIDE, column = i % SIDE, top = 2 + class / 5 * 13, left = 1 + class % 5 * 5;
        const bool inside = row >= top && row < top + 10 && column >= left && column < left + 6;
        pixels[i] = (uint8_t)((inside ? 190 : 0) + (noise >> 26));
    }
}

/* Images and labels 0, 1, … 9, 0, … `shift` further. */
static void write_part(const char *part, int count, int width, int shift) {
    uint8_t *pixels = calloc(TRAINING, SIDE * SIDE), *classes = calloc(TRAINING, 1);
    ck_assert(pixels && classes);
    for (int i = 0; i < count; i++) {
        draw_class(pixels + i * SIDE * SIDE, i % CLASSES);
        classes[i] = (uint8_t)((i + shift) % CLASSES);
    }
    char name[100];
    snprintf(name, sizeof name, "data/%s-images-idx3-ubyte.gz", part);
    write_tensor(temporary_path(name), WG_U8, WG_SHAPE(count, SIDE, width), pixels);
    snprintf(name, sizeof name, "data/%s-labels-idx1-ubyte.gz", part);
    write_tensor(temporary_path(name), WG_U8, WG_SHAPE(count), classes);
    free(pixels);
    free(classes);
}

static void write_data(void) {
    ck_assert_int_eq(mkdir(temporary_path("data"), 0700), 0);
    write_part("train", TRAINING, SIDE, 0);
    write_part("t10k", TESTS, SIDE, 0);
}

/* The labels of a part, all 0 but the one at `index`. */
static void write_label(const char *path, int count, int index, int32_t label) {
    int32_t labels[TRAINING] = {0};
    labels[index] = label;
    write_tensor(path, WG_I32, WG_SHAPE(count), labels);
}

static bool is_png(const char *name) {
    static const unsigned char signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char begin[8] = {0};
    FILE *file = fopen(temporary_path(name), "rb");
    const bool whole = file && fread(begin, 1, sizeof begin, file) == sizeof begin;
    if (file) fclose(file);
    return whole && !memcmp(begin, signature, sizeof begin);
}

static wg_type picture_type(const char *name, int channels) {
    wg_error error = {0};
    wg_tensor *picture = wg_png_read(temporary_path(name), channels, &error);
    ck_assert_msg(picture != NULL, "%s", error.message);
    const wg_type type = wg_tensor_type(picture);
    wg_tensor_free(picture);
    return type;
}

/* --- The small ones -------------------------------------------------------------------------------- */

START_TEST(hello_gradient_prints_the_derivatives_of_x_sin_x) {
    succeeds("hello_gradient", "");
    const double s = sin(3.0), c = cos(3.0);
    const double right[] = {3 * s, s + 3 * c, 2 * c - 3 * s, -3 * s - 3 * c};
    for (int order = 0; order < 4; order++) {
        char begin[20];
        snprintf(begin, sizeof begin, "\n%5d ", order);
        ck_assert_double_eq_tol(number_after(output, begin), right[order], 1e-14);
    }
    ck_assert_double_le(number_after(output, "largest difference "), 1e-14);
}
END_TEST

START_TEST(linear_regression_finds_the_line_in_the_noise) {
    succeeds("linear_regression", "");
    double first = 0, last = 0;
    ck_assert_int_eq(losses(&first, &last), 11);
    ck_assert_double_gt(first, 10 * last);
    ck_assert_double_eq_tol(last, 0.09, 0.02); /* the variance of the noise */
    ck_assert_double_eq_tol(number_after(output, "line.weight found"), 1.5, 0.05);
    ck_assert_double_eq_tol(number_after(output, "line.bias   found"), -0.7, 0.05);
}
END_TEST

START_TEST(custom_op_passes_its_check_and_learns) {
    succeeds("custom_op", "");
    ck_assert_ptr_nonnull(strstr(output, "swish: "));
    ck_assert_ptr_nonnull(strstr(output, ", passed\n"));
    double first = 0, last = 0;
    ck_assert_int_eq(losses(&first, &last), 5);
    ck_assert_double_gt(first, 0.1);
    ck_assert_double_lt(last, 1e-3);
}
END_TEST

START_TEST(mlp_spiral_separates_the_spirals_and_draws_them) {
    succeeds("mlp_spiral", "drawn.png");
    double first = 0, last = 0;
    ck_assert_int_eq(losses(&first, &last), 9);
    ck_assert_double_lt(last, 0.1 * first);
    ck_assert_double_ge(number_after(output, "points learnt, "), 95);
    const wg_type type = picture_type("drawn.png", 3);
    ck_assert_int_gt(type.extent[0], 500);
    ck_assert_int_gt(type.extent[1], 500);
    fails(1, "mlp_spiral", "no/such/folder.png", "no/such/folder.png");
}
END_TEST

START_TEST(each_says_what_it_does_and_refuses_what_it_does_not_know) {
    static const char *const examples[] = {"classify",       "custom_op",         "fashion_cnn",
                                           "hello_gradient", "linear_regression", "mlp_spiral"};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        succeeds(examples[i], "--help 2>/dev/null");
        ck_assert_msg(!strncmp(output, examples[i], strlen(examples[i])), "%s: %s", examples[i], output);
        ck_assert_int_ne(run(examples[i], "--nonsense >/dev/null"), 0);
        ck_assert_ptr_nonnull(strstr(output, examples[i]));
    }
}
END_TEST

/* --- fashion_cnn and classify ---------------------------------------------------------------------- */

START_TEST(fashion_cnn_learns_and_writes_what_classify_then_reads) {
    write_data();
    succeeds("fashion_cnn", "--data data --out=out --seed 3 --write-images 12");
    ck_assert_msg(strchr(output, '\r') == NULL, "a bar where there is no terminal");
    ck_assert_ptr_nonnull(strstr(output, "epoch 1 "));
    ck_assert_ptr_nonnull(strstr(output, "100 %  loss "));
    double accuracy, seconds;
    int epochs, end = 0;
    const char *line = last_line();
    sscanf(line, "test accuracy %lf %% after %d epochs in %lf s%n", &accuracy, &epochs, &seconds, &end);
    ck_assert_msg(end > 0 && line[end] == '\0', "\"%s\"", line);
    ck_assert(accuracy >= 91 && accuracy <= 100 && epochs == 5 && seconds > 0);

    ck_assert(is_png("out/curve.png") && is_png("out/predictions.png"));
    ck_assert(is_png("out/0000-T-shirt.png") && is_png("out/0009-boot.png") &&
              is_png("out/0011-trouser.png"));
    ck_assert(!is_png("out/0012-pullover.png"));
    const wg_type type = picture_type("out/0009-boot.png", 1);
    ck_assert(type.extent[0] == SIDE && type.extent[1] == SIDE);
    wg_error error = {0};
    wg_safetensors *file = wg_safetensors_open(temporary_path("out/model.safetensors"), &error);
    ck_assert_msg(file != NULL, "%s", error.message);
    ck_assert_int_ge(wg_safetensors_find(file, "conv1.weight"), 0);
    ck_assert_int_ge(wg_safetensors_find(file, "fc2.bias"), 0);
    wg_safetensors_close(file);

    succeeds("classify", "out/0009-boot.png out/0001-trouser.png"); /* out/model.safetensors */
    ck_assert_ptr_nonnull(strstr(output, "out/0009-boot.png: boot "));
    ck_assert_ptr_nonnull(strstr(output, "out/0001-trouser.png: trouser "));
    ck_assert_double_gt(number_after(output, ": boot "), 50);
    fails(1, "classify", "data/t10k-images-idx3-ubyte.gz", "t10k-images");
    ck_assert_int_eq(run("classify", "gone.png out/0009-boot.png"), 1); /* the others are done */
    ck_assert_ptr_nonnull(strstr(output, "gone.png"));
    ck_assert_ptr_nonnull(strstr(output, "out/0009-boot.png: boot "));
}
END_TEST

START_TEST(a_seed_names_a_training) {
    write_data();
    succeeds("fashion_cnn", "--data data --out one --seed 7");
    succeeds("fashion_cnn", "--data data --out two --seed 7");
    succeeds("fashion_cnn", "--data data --out other --seed 8");
    must_run("cd '%s' && cmp one/model.safetensors two/model.safetensors", temporary_path(""));
    must_run("cd '%s' && ! cmp -s one/model.safetensors other/model.safetensors", temporary_path(""));
}
END_TEST

/* Ctrl-C as soon as the program has shown progress; its exit status. Its standard error goes to `output`. */
static int interrupt(const char *arguments) {
    return run_command(output, sizeof output,
                       "cd '%s' && rm -f progress results && touch progress results && {\n"
                       "\"$WG_BUILD_ROOT/examples/fashion_cnn\" %s 2>progress >results &\n"
                       "while ! [ -s progress ] && ! [ -s results ]; do sleep 0.01; done\n"
                       "kill -INT $! 2>/dev/null; wait $!; status=$?; cat progress; exit $status; }",
                       temporary_path(""), arguments);
}

/* Interrupted again and again until there is nothing left to interrupt, but once in the middle of an epoch at
 * least (with four steps an epoch, which step it is is a matter of time). */
START_TEST(interrupted_and_resumed_it_ends_with_the_weights_of_never_interrupted) {
    int status = 0, stops = 0, within = 0;
    write_data();
    succeeds("fashion_cnn", "--data data --out whole --seed 5");
    for (int tries = 0; tries < 30 && !within; tries++) {
        must_run("cd '%s' && rm -rf parts", temporary_path(""));
        for (status = interrupt("--data data --out parts --seed 5"); status == 130;
             status = interrupt("--data data --out parts --seed 77 --resume")) {
            ck_assert_message_contains(output, "; the same command with --resume goes on");
            within += (int)number_after(output, "stopped after step ") % 4 != 0;
            stops++;
        }
        ck_assert_msg(status == 0, "exit status %d\n%.3000s", status, output);
        must_run("cd '%s' && cmp whole/model.safetensors parts/model.safetensors && "
                 "cmp whole/checkpoint.safetensors parts/checkpoint.safetensors",
                 temporary_path(""));
    }
    printf("interrupted %d times, %d of them within an epoch\n", stops, within);
    ck_assert_int_gt(within, 0);
}
END_TEST

START_TEST(resuming_needs_a_checkpoint_that_fits) {
    write_data();
    fails(1, "fashion_cnn", "--data data --resume", "out/checkpoint.safetensors: No such file");
    fails(2, "fashion_cnn", "--resume=yes", "no value belongs to \"--resume\"");
    succeeds("fashion_cnn", "--data data");
    succeeds("fashion_cnn", "--data data --resume"); /* nothing is left but to evaluate */
    write_part("train", TRAINING - 1, SIDE, 0);
    fails(1, "fashion_cnn", "--data data --resume", "it has 256 samples, the loader 255");
}
END_TEST

START_TEST(a_network_that_recognises_too_little_is_a_failure) {
    write_data();
    write_part("t10k", TESTS, SIDE, 1); /* every test image has the name of another */
    ck_assert_int_eq(run("fashion_cnn", "--data data --out out"), 1);
    ck_assert_double_lt(number_after(last_line(), "test accuracy "), 50);
}
END_TEST

START_TEST(fashion_cnn_says_what_is_wrong_with_its_arguments) {
    fails(2, "fashion_cnn", "--seed x", "--seed \"x\": a whole number");
    fails(2, "fashion_cnn", "--seed=", "--seed \"\": a whole number");
    fails(2, "fashion_cnn", "--seed 99999999999999999999", "a whole number");
    fails(2, "fashion_cnn", "--write-images -3", "--write-images \"-3\": a whole number");
    fails(2, "fashion_cnn", "--write-images 3x", "--write-images \"3x\": a whole number");
    fails(2, "fashion_cnn", "--out", "no value after \"--out\"");
    fails(2, "fashion_cnn", "--se 1", "unknown option \"--se\"");
    fails(2, "fashion_cnn", "data", "cannot make sense of \"data\"");
}
END_TEST

START_TEST(fashion_cnn_says_what_is_wrong_with_its_folders) {
    fails(1, "fashion_cnn", "--data nowhere", "nowhere/train-images-idx3-ubyte.gz: No such file");
    write_data();
    fails(1, "fashion_cnn", "--data data --out data/train-images-idx3-ubyte.gz", "Not a directory");
    fails(1, "fashion_cnn", "--data data --out not/there", "not/there: No such file");
}
END_TEST

START_TEST(fashion_cnn_says_what_is_wrong_with_its_files) {
    write_data();
    must_run(
        "cd '%s/data' && head -c 5000 train-images-idx3-ubyte.gz >cut && mv cut train-images-idx3-ubyte.gz",
        temporary_path(""));
    fails(1, "fashion_cnn", "--data data", "data/train-images-idx3-ubyte.gz");
    write_part("train", TRAINING, SIDE - 1, 0);
    fails(1, "fashion_cnn", "--data data", "images of 28 x 28 pixels");
    write_part("train", 0, SIDE, 0);
    fails(1, "fashion_cnn", "--data data", "one or more images");
}
END_TEST

START_TEST(fashion_cnn_names_a_label_that_is_no_class) {
    write_data();
    write_label(temporary_path("data/train-labels-idx1-ubyte.gz"), TRAINING, 200, CLASSES);
    fails(1, "fashion_cnn", "--data data", "10");
    ck_assert_ptr_nonnull(strstr(output, "no weight has been changed"));
    write_part("train", TRAINING, SIDE, 0);
    write_label(temporary_path("data/t10k-labels-idx1-ubyte.gz"), TESTS, 40, CLASSES);
    fails(1, "fashion_cnn", "--data data", "10");
    write_label(temporary_path("data/t10k-labels-idx1-ubyte.gz"), TESTS, 40, -1);
    fails(1, "fashion_cnn", "--data data", "test image 40 has no class");
}
END_TEST

START_TEST(classify_says_what_is_missing) {
    fails(2, "classify", "", "no picture was named");
    fails(1, "classify", "--model gone.safetensors any.png", "gone.safetensors: No such file");

    /* Every parameter the network has, as zeros, but for one; then with it, and each class is as likely. */
    static const char *const names[] = {"fc2.bias",   "conv1.weight", "conv1.bias", "conv2.weight",
                                        "conv2.bias", "fc1.weight",   "fc1.bias",   "fc2.weight"};
    const wg_shape *const shapes[] = {WG_SHAPE(10),           WG_SHAPE(32, 1, 3, 3), WG_SHAPE(32),
                                      WG_SHAPE(64, 32, 3, 3), WG_SHAPE(64),          WG_SHAPE(128, 3136),
                                      WG_SHAPE(128),          WG_SHAPE(10, 128)};
    wg_named_tensor all[8];
    wg_tensor *owned[8];
    for (int i = 0; i < 8; i++) {
        owned[i] = wg_tensor_new(WG_F32, shapes[i], NULL);
        ck_assert_ptr_nonnull(owned[i]);
        all[i] = (wg_named_tensor){names[i], owned[i]};
    }
    ck_assert_int_eq(wg_safetensors_write(temporary_path("part"), all + 1, 7, NULL), WG_OK);
    ck_assert_int_eq(wg_safetensors_write(temporary_path("whole"), all, 8, NULL), WG_OK);
    for (int i = 0; i < 8; i++) wg_tensor_free(owned[i]);

    static const uint8_t black[SIDE * SIDE];
    wg_tensor *right = wg_tensor_over(WG_U8, WG_SHAPE(SIDE, SIDE), black, NULL);
    wg_tensor *narrow = wg_tensor_over(WG_U8, WG_SHAPE(SIDE, 20), black, NULL);
    ck_assert_int_eq(wg_png_write(temporary_path("right.png"), right, NULL), WG_OK);
    ck_assert_int_eq(wg_png_write(temporary_path("narrow.png"), narrow, NULL), WG_OK);
    wg_tensor_free(right);
    wg_tensor_free(narrow);

    fails(1, "classify", "--model part right.png", "fc2.bias");
    fails(1, "classify", "--model right.png right.png", "right.png");
    fails(1, "classify", "--model whole narrow.png", "narrow.png has 20 x 28 pixels; 28 x 28 were expected");
    succeeds("classify", "--model whole right.png");
    ck_assert_str_eq(output, "right.png: T-shirt 10.0 %, trouser 10.0 %, pullover 10.0 %\n");
}
END_TEST

WG_SUITE("examples", hello_gradient_prints_the_derivatives_of_x_sin_x,
         linear_regression_finds_the_line_in_the_noise, custom_op_passes_its_check_and_learns,
         mlp_spiral_separates_the_spirals_and_draws_them,
         each_says_what_it_does_and_refuses_what_it_does_not_know,
         fashion_cnn_learns_and_writes_what_classify_then_reads, a_seed_names_a_training,
         interrupted_and_resumed_it_ends_with_the_weights_of_never_interrupted,
         resuming_needs_a_checkpoint_that_fits, a_network_that_recognises_too_little_is_a_failure,
         fashion_cnn_says_what_is_wrong_with_its_arguments, fashion_cnn_says_what_is_wrong_with_its_folders,
         fashion_cnn_says_what_is_wrong_with_its_files, fashion_cnn_names_a_label_that_is_no_class,
         classify_says_what_is_missing)
