/* show — see show.h. */
#include "show.h"
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

double show_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* --- The command line, folders, errors ------------------------------------------------------------------ */

static bool read_number(const char *text, uint64_t *number) {
    char *end;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && !errno; /* strtoull takes "-1" and " 1" */
}

static void refuse(const char *help, const char *what, const char *argument, const char *expected) {
    fprintf(stderr, "error: %s \"%s\"%s\n%s", what, argument, expected, help);
    exit(2);
}

int show_arguments(int count, char **arguments, const char *help, const show_option *options, int most) {
    int words = 0;
    for (int i = 1; i < count; i++) {
        char *argument = arguments[i];
        if (!strcmp(argument, "--help")) exit(fputs(help, stdout) < 0);
        if (*argument != '-') {
            if (words == most) refuse(help, "cannot make sense of", argument, "");
            arguments[words++] = argument;
            continue;
        }
        const size_t length = strcspn(argument, "=");
        const show_option *option = options;
        while (option->name && (strncmp(option->name, argument, length) || option->name[length])) option++;
        if (!option->name) refuse(help, "unknown option", argument, "");
        if (option->flag) {
            if (argument[length]) refuse(help, "no value belongs to", option->name, "");
            *option->flag = true;
            continue;
        }
        const char *value = argument[length] ? argument + length + 1 : i + 1 < count ? arguments[++i] : NULL;
        if (!value) refuse(help, "no value after", argument, "");
        if (option->text) *option->text = value;
        else if (!read_number(value, option->number))
            refuse(help, option->name, value, ": a whole number from 0 on was expected");
    }
    return words;
}

const char *show_path(const char *folder, const char *name) {
    static char paths[4][4096];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

int show_folder(const char *path, wg_error *error) {
    if (!mkdir(path, 0777)) return WG_OK;
    if (errno == EEXIST && !access(show_path(path, "."), W_OK | X_OK)) return WG_OK;
    return show_fail(error, WG_ERROR_FILE, "%s: %s", path, strerror(errno));
}

int show_fail(wg_error *error, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error->status = status;
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

int show_error(const wg_error *error) { return fprintf(stderr, "error: %s\n", error->message), 1; }

/* --- Ctrl-C --------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;
static void note_interrupt(int signal) { (void)signal, interrupted = 1; }

void show_catch_interrupt(void) {
    const struct sigaction action = {.sa_handler = note_interrupt, .sa_flags = SA_RESETHAND | SA_RESTART};
    sigaction(SIGINT, &action, NULL);
}

bool show_interrupted(void) { return interrupted; }

/* --- Progress ------------------------------------------------------------------------------------------- */

enum { BAR = 28 };

show_progress show_begin(int64_t steps, int64_t first) {
    return (show_progress){.steps = steps, .first = first, .step = first, .begin = show_seconds(),
                           .terminal = isatty(STDERR_FILENO)};
}

void show_step(show_progress *progress, int epoch, int64_t images, double loss, double accuracy) {
    progress->step++, progress->images += images;
    const double now = show_seconds(), gone = now - progress->begin;
    const double share = (double)progress->step / (double)progress->steps;
    const double ahead = gone / (double)(progress->step - progress->first) *
                         (double)(progress->steps - progress->step);
    const double pause = progress->terminal ? 0.1 : 5; /* a line for each step would bury the rest */
    if (now - progress->last < pause && progress->step < progress->steps) return;
    progress->last = now;
    char bar[BAR + 1] = "", line[200];
    snprintf(line, sizeof line,
             "epoch %d  %3.0f %%  loss %.4f  accuracy %5.2f %%  %5.0f images/s  %3.0f s left", epoch,
             100 * share, loss, 100 * accuracy, (double)progress->images / gone, ahead);
    if (!progress->terminal) {
        fprintf(stderr, "%s\n", line);
        return;
    }
    /* A line that wraps cannot be drawn over: the bar has what the rest leaves, and the rest is cut. */
    struct winsize window = {0};
    const int columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) || !window.ws_col ? 80 : window.ws_col;
    const int left = columns - (int)strlen(line) - 5, width = left < 0 ? 0 : left < BAR ? left : BAR;
    for (int i = 0; i < width; i++) bar[i] = i < share * width ? '#' : '.';
    fprintf(stderr, "\r[%s] %.*s ", bar, columns - width - 5, line);
}

void show_end(show_progress *progress) {
    if (progress->terminal) fprintf(stderr, "\n");
}

/* --- Results in words ----------------------------------------------------------------------------------- */

void show_confusion(FILE *stream, const wg_confusion *confusion, const char *const *names) {
    const int classes = wg_confusion_classes(confusion);
    fprintf(stream, "%-10s %9s", "class", "accuracy");
    for (int c = 0; c < classes; c++) fprintf(stream, " %8.8s", names[c]);
    fprintf(stream, "   <- taken for\n");
    for (int actual = 0; actual < classes; actual++) {
        fprintf(stream, "%-10s %7.2f %%", names[actual], 100 * wg_confusion_recall(confusion, actual));
        for (int c = 0; c < classes; c++)
            fprintf(stream, " %8lld", (long long)wg_confusion_count(confusion, actual, c));
        fprintf(stream, "\n");
    }
}

/* --- Pictures ------------------------------------------------------------------------------------------- */

wg_tensor *show_picture(int width, int height) {
    wg_tensor *picture = wg_tensor_new(WG_U8, WG_SHAPE(height, width, 3), NULL);
    if (picture) memset(wg_tensor_writable(picture), 255, (size_t)wg_tensor_count(picture));
    return picture;
}

static void set_pixel(wg_tensor *picture, int x, int y, show_colour colour) {
    const wg_type type = wg_tensor_type(picture);
    if (x < 0 || y < 0 || x >= type.extent[1] || y >= type.extent[0]) return;
    uint8_t *pixel = (uint8_t *)wg_tensor_writable(picture) + (y * type.extent[1] + x) * 3;
    pixel[0] = colour.red, pixel[1] = colour.green, pixel[2] = colour.blue;
}

void show_box(wg_tensor *picture, int x, int y, int width, int height, show_colour colour) {
    for (int j = 0; j < height; j++)
        for (int i = 0; i < width; i++) set_pixel(picture, x + i, y + j, colour);
}

/* Two pixels thick. */
void show_line(wg_tensor *picture, double x0, double y0, double x1, double y1, show_colour colour) {
    const int steps = (int)(2 * fmax(fabs(x1 - x0), fabs(y1 - y0))) + 1;
    for (int i = 0; i <= steps; i++) {
        const double t = (double)i / steps;
        show_box(picture, (int)lround(x0 + t * (x1 - x0)), (int)lround(y0 + t * (y1 - y0)), 2, 2, colour);
    }
}

/* Seven rows of five pixels, the leftmost worth 16. */
typedef struct glyph {
    char letter;
    uint8_t row[7];
} glyph;
static const glyph font[] = {
    {'A', {14, 17, 17, 31, 17, 17, 17}}, {'B', {30, 17, 17, 30, 17, 17, 30}},
    {'C', {14, 17, 16, 16, 16, 17, 14}}, {'D', {30, 17, 17, 17, 17, 17, 30}},
    {'E', {31, 16, 16, 30, 16, 16, 31}}, {'F', {31, 16, 16, 30, 16, 16, 16}},
    {'G', {14, 17, 16, 23, 17, 17, 15}}, {'H', {17, 17, 17, 31, 17, 17, 17}},
    {'I', {14, 4, 4, 4, 4, 4, 14}},      {'J', {1, 1, 1, 1, 17, 17, 14}},
    {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
    {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 25, 21, 19, 17, 17, 17}},
    {'O', {14, 17, 17, 17, 17, 17, 14}}, {'P', {30, 17, 17, 30, 16, 16, 16}},
    {'Q', {14, 17, 17, 17, 21, 18, 13}}, {'R', {30, 17, 17, 30, 20, 18, 17}},
    {'S', {15, 16, 16, 14, 1, 1, 30}},   {'T', {31, 4, 4, 4, 4, 4, 4}},
    {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 17, 17, 10, 4}},
    {'W', {17, 17, 17, 21, 21, 27, 17}}, {'X', {17, 17, 10, 4, 10, 17, 17}},
    {'Y', {17, 17, 10, 4, 4, 4, 4}},     {'Z', {31, 1, 2, 4, 8, 16, 31}},
    {'0', {14, 17, 19, 21, 25, 17, 14}}, {'1', {4, 12, 4, 4, 4, 4, 14}},
    {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {30, 1, 1, 14, 1, 1, 30}},
    {'4', {2, 6, 10, 18, 31, 2, 2}},     {'5', {31, 16, 30, 1, 1, 17, 14}},
    {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
    {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},
    {'.', {0, 0, 0, 0, 0, 12, 12}},      {'-', {0, 0, 0, 14, 0, 0, 0}},
    {'%', {24, 25, 2, 4, 8, 19, 3}},     {'/', {1, 1, 2, 4, 8, 16, 16}},
    {':', {0, 12, 12, 0, 12, 12, 0}},
    {',', {0, 0, 0, 0, 12, 4, 8}},
};

int show_text_width(int scale, const char *text) { return (int)strlen(text) * 6 * scale; }

void show_text(wg_tensor *picture, int x, int y, int scale, show_colour colour, const char *text) {
    for (; *text; text++, x += 6 * scale) {
        const char letter = *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text;
        for (size_t g = 0; g < sizeof font / sizeof *font; g++)
            for (int pixel = 0; font[g].letter == letter && pixel < 35; pixel++)
                if (font[g].row[pixel / 5] >> (4 - pixel % 5) & 1)
                    show_box(picture, x + pixel % 5 * scale, y + pixel / 5 * scale, scale, scale, colour);
    }
}

/* --- The learning curve --------------------------------------------------------------------------------- */

enum { WIDTH = 900, HEIGHT = 520, LEFT = 90, RIGHT = 90, TOP = 56, BOTTOM = 64, TICKS = 5 };

static double across(double share) { return LEFT + share * (WIDTH - LEFT - RIGHT); }
static double up(double share) { return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM); }

static void draw_axes(wg_tensor *picture, double most_loss, int epochs) {
    char text[32];
    for (int tick = 0; tick <= TICKS; tick++) {
        const double share = (double)tick / TICKS;
        const int y = (int)up(share);
        show_box(picture, LEFT, y, WIDTH - LEFT - RIGHT, 1, show_pale);
        snprintf(text, sizeof text, "%.2f", share * most_loss);
        show_text(picture, LEFT - 8 - show_text_width(2, text), y - 6, 2, show_red, text);
        snprintf(text, sizeof text, "%.0f%%", 100 * share);
        show_text(picture, WIDTH - RIGHT + 10, y - 6, 2, show_blue, text);
    }
    for (int epoch = 0; epoch <= epochs; epoch++) {
        const int x = (int)across((double)epoch / epochs);
        show_box(picture, x, TOP, 1, HEIGHT - TOP - BOTTOM, show_pale);
        snprintf(text, sizeof text, "%d", epoch);
        show_text(picture, x - 5, HEIGHT - BOTTOM + 10, 2, show_black, text);
    }
    show_text(picture, (WIDTH - show_text_width(2, "epoch")) / 2, HEIGHT - 28, 2, show_black, "epoch");
    show_text(picture, LEFT, 20, 2, show_red, "loss");
    show_text(picture, LEFT + show_text_width(2, "loss     "), 20, 2, show_blue, "accuracy");
    show_text(picture, LEFT + show_text_width(2, "loss     accuracy     "), 20, 2, show_grey,
              "on training images");
    show_box(picture, LEFT, TOP, 2, HEIGHT - TOP - BOTTOM, show_black);
    show_box(picture, LEFT, HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT, 2, show_black);
}

static int save(const char *path, wg_tensor *picture, wg_error *error) {
    const int status = wg_png_write(path, picture, error);
    wg_tensor_free(picture);
    return status;
}

int show_curve(const char *path, const double *loss, const double *accuracy, int count, int epochs,
               wg_error *error) {
    wg_tensor *picture = show_picture(WIDTH, HEIGHT);
    double most = 0.1;
    for (int i = 0; i < count; i++) most = fmax(most, loss[i]);
    const double most_loss = ceil(most * 10) / 10;
    if (picture) draw_axes(picture, most_loss, epochs);
    for (int i = 1; picture && i < count; i++) {
        if (isnan(loss[i - 1]) || isnan(loss[i])) continue;
        const double x0 = across((double)i / count), x1 = across((double)(i + 1) / count);
        show_line(picture, x0, up(loss[i - 1] / most_loss), x1, up(loss[i] / most_loss), show_red);
        show_line(picture, x0, up(accuracy[i - 1]), x1, up(accuracy[i]), show_blue);
    }
    return save(path, picture, error);
}

/* --- Predictions ---------------------------------------------------------------------------------------- */

enum { SIDE = 28, ZOOM = 4, CELL_WIDTH = SIDE * ZOOM + 24, CELL_HEIGHT = SIDE * ZOOM + 58, COLUMNS = 8,
       CLASSES = 10 };

static uint8_t grey_of(float number) { return (uint8_t)(255 * fmin(fmax((double)number, 0), 1) + 0.5); }

static int write_image(const char *path, const float *pixels, wg_error *error) {
    uint8_t grey[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) grey[i] = grey_of(pixels[i]);
    wg_tensor *picture = wg_tensor_over(WG_U8, WG_SHAPE(SIDE, SIDE), grey, error);
    return picture ? save(path, picture, error) : error->status;
}

static void draw_prediction(wg_tensor *picture, int x, int y, const float *pixels, const char *actual,
                            const char *predicted) {
    const bool right = actual == predicted;
    if (!right) show_box(picture, x - 4, y - 4, SIDE * ZOOM + 8, SIDE * ZOOM + 8, show_red);
    for (int i = 0; i < SIDE * SIDE; i++) {
        const uint8_t grey = grey_of(pixels[i]);
        const show_colour colour = {grey, grey, grey};
        show_box(picture, x + i % SIDE * ZOOM, y + i / SIDE * ZOOM, ZOOM, ZOOM, colour);
    }
    show_text(picture, x, y + SIDE * ZOOM + 9, 2, show_black, actual);
    show_text(picture, x, y + SIDE * ZOOM + 28, 2, right ? show_green : show_red, predicted);
}

/* Image `i`: as a file, if one is wanted, and into the picture, if it has a place there. */
static int show_one(const wg_dataset *images, int i, const char *folder, bool as_file, wg_tensor *picture,
                    const int *predicted, const char *const *names, wg_error *error) {
    float pixels[SIDE * SIDE];
    int64_t label;
    char name[60];
    if (wg_dataset_get(images, i, pixels, &label, error)) return error->status;
    if (label < 0 || label >= CLASSES)
        return show_fail(error, WG_ERROR_INDEX, "test image %d has no class 0 ... %d", i, CLASSES - 1);
    snprintf(name, sizeof name, "%04d-%s.png", i, names[label]);
    if (as_file && write_image(show_path(folder, name), pixels, error)) return error->status;
    if (picture)
        draw_prediction(picture, 24 + i % COLUMNS * CELL_WIDTH, 50 + i / COLUMNS * CELL_HEIGHT, pixels,
                        names[label], names[predicted[i]]);
    return WG_OK;
}

int show_images(const wg_dataset *images, const char *folder, uint64_t files, const int *predicted, int count,
                const char *const *names, wg_error *error) {
    const int64_t length = wg_dataset_length(images);
    const int shown = length < count ? (int)length : count, rows = (shown + COLUMNS - 1) / COLUMNS;
    wg_tensor *picture = show_picture(COLUMNS * CELL_WIDTH + 24, rows * CELL_HEIGHT + 50);
    if (picture)
        show_text(picture, 24, 16, 2, show_grey,
                  "above: what it is.  below: the prediction, a mistake in red");
    int status = WG_OK;
    for (int i = 0; i < length && (i < shown || (uint64_t)i < files) && !status; i++)
        status = show_one(images, i, folder, (uint64_t)i < files, i < shown ? picture : NULL, predicted,
                          names, error);
    if (!status) return save(show_path(folder, "predictions.png"), picture, error);
    wg_tensor_free(picture);
    return status;
}
