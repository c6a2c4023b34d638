/* png — what the folder data set asks of a picture without decoding it. */
#ifndef WG_IO_PNG_H
#define WG_IO_PNG_H

#include "base/base.h"

/* Height and width from the picture's header. */
int wg_png_size(const char *path, int64_t *height, int64_t *width, wg_error *error);

/* Decodes a picture of this size into `pixels`, [height, width, channels]; of another size is an error. */
int wg_png_decode(const char *path, int channels, int64_t height, int64_t width, uint8_t *pixels,
                  wg_error *error);

#endif
