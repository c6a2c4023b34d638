/* sink — text on its way to a file, through a buffer: the first error sticks, what comes after it is dropped.
 */
#ifndef WG_TRACE_SINK_H
#define WG_TRACE_SINK_H

#include "io/file.h"

typedef struct wg_sink {
    wg_writer writer;
    wg_error *error;
    int status;
    size_t used;
    char text[1 << 14];
} wg_sink;

/* A wg_status. */
int wg_sink_open(wg_sink *sink, const char *path, wg_error *error);
void wg_sink_print(wg_sink *sink, const char *format, ...) WG_PRINTF(2, 3); /* at most some 2,000 bytes */
/* Text of the program's, as XML has it. */
void wg_sink_escaped(wg_sink *sink, const char *text);
/* Ends what wg_sink_open began, a failure too: without an error the file takes its name, else it vanishes. A
 * wg_status. */
int wg_sink_close(wg_sink *sink);

#endif
