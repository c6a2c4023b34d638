/* show.h — what the larger examples share around the library: reading the command line, a progress bar, a
 * confusion matrix in words, pictures with curves and text. Nothing here is needed to use the library. */
#ifndef SHOW_H
#define SHOW_H

#include <stdio.h>
#include <wengert.h>

double show_seconds(void); /* of a clock that only goes forward */

/* --- The command line, folders, errors ------------------------------------------------------------------ */

/* `--name value` or `--name=value`, and where the value goes: a text, or a whole number from 0 on; or a flag,
 * `--name` alone. */
typedef struct show_option {
    const char *name;
    const char **text;
    uint64_t *number;
    bool *flag;
} show_option;

/* Reads options (a list closed by an empty one) and up to `most` other words, which it moves to arguments[0]
 * and on; returns how many there are. Ends the program after --help, and at what it cannot understand. */
int show_arguments(int count, char **arguments, const char *help, const show_option *options, int most);

/* "FOLDER/NAME", good for the next three calls. */
const char *show_path(const char *folder, const char *name);

/* Makes the folder unless it is there; fails, too, where no file can be made in it. A wg_status. */
int show_folder(const char *path, wg_error *error);

/* Fills in an error and returns its status; and prints one, and returns what main then returns. */
int show_fail(wg_error *error, int status, const char *format, ...) WG_PRINTF(3, 4);
int show_error(const wg_error *error);

/* --- Ctrl-C --------------------------------------------------------------------------------------------- */

/* From here on the first Ctrl-C (SIGINT) only makes show_interrupted true; the next one ends the program. */
void show_catch_interrupt(void);
bool show_interrupted(void);

/* --- Progress, on standard error: a bar on a terminal, else a line now and then ------------------------- */

typedef struct show_progress {
    int64_t steps, first; /* that there will be; that had been done when this program began */
    int64_t step, images; /* done so far; by this program */
    double begin, last;
    bool terminal;
} show_progress;

show_progress show_begin(int64_t steps, int64_t first);
/* After each step, on so many images; loss and accuracy are averages of late. */
void show_step(show_progress *progress, int epoch, int64_t images, double loss, double accuracy);
void show_end(show_progress *progress);

/* --- Results in words ----------------------------------------------------------------------------------- */

/* Accuracy of each class, then the matrix: a row for each class, a column for what it was taken for. */
void show_confusion(FILE *stream, const wg_confusion *confusion, const char *const *names);

/* --- Pictures ------------------------------------------------------------------------------------------- */

typedef struct show_colour {
    uint8_t red, green, blue;
} show_colour;
static const show_colour show_black = {20, 20, 24}, show_grey = {150, 150, 155}, show_pale = {226, 226, 230},
                         show_white = {255, 255, 255}, show_blue = {31, 98, 196}, show_red = {205, 44, 36},
                         show_green = {30, 132, 73};

/* A picture [height, width, 3], all white, for wg_png_write and wg_tensor_free. NULL: no memory. */
wg_tensor *show_picture(int width, int height);
void show_box(wg_tensor *picture, int x, int y, int width, int height, show_colour colour);
void show_line(wg_tensor *picture, double x0, double y0, double x1, double y1, show_colour colour);
/* Letters, digits and . , - % / : in capitals, 6 by 8 pixels times `scale` each; others are left blank. */
void show_text(wg_tensor *picture, int x, int y, int scale, show_colour colour, const char *text);
int show_text_width(int scale, const char *text);

/* Writes the loss of training (left axis) and the accuracy (right axis) of `count` points spread evenly over
 * `epochs` epochs as a PNG picture; those that are NaN are left out. A wg_status. */
int show_curve(const char *path, const double *loss, const double *accuracy, int count, int epochs,
               wg_error *error);

/* Writes the first images of a set, 28 × 28 numbers from 0 to 1 with one of ten classes: `files` of them as
 * FOLDER/0007-NAME.png, and `count` as one picture FOLDER/predictions.png, with what they are and, in red where
 * it is wrong, what they were taken for. A wg_status. */
int show_images(const wg_dataset *images, const char *folder, uint64_t files, const int *predicted, int count,
                const char *const *names, wg_error *error);

#endif
