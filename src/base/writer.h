/* writer — text into a buffer of the caller's: what does not fit is counted, not written. */
#ifndef WG_BASE_WRITER_H
#define WG_BASE_WRITER_H

#include "base/base.h"
#include <stdarg.h>
#include <stdio.h>

typedef struct wg_writer {
    char *text;
    size_t size, length;
} wg_writer;

static inline void wg_put(wg_writer *w, const char *format, ...) WG_PRINTF(2, 3);
static inline void wg_put(wg_writer *w, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const size_t left = w->length < w->size ? w->size - w->length : 0;
    const int length = vsnprintf(left ? w->text + w->length : NULL, left, format, arguments);
    va_end(arguments);
    if (length > 0) w->length += (size_t)length;
}

#endif
