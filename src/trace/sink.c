/* sink — see sink.h. */
#include "trace/sink.h"

enum { MOST = 2048 };

int wg_sink_open(wg_sink *sink, const char *path, wg_error *error) {
    sink->error = error;
    sink->used = 0;
    return sink->status = wg_writer_open(&sink->writer, path, error);
}

static void flush(wg_sink *sink) {
    if (!sink->status) sink->status = wg_writer_write(&sink->writer, sink->text, sink->used, sink->error);
    sink->used = 0;
}

void wg_sink_print(wg_sink *sink, const char *format, ...) {
    if (sizeof sink->text - sink->used < MOST) flush(sink);
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(sink->text + sink->used, MOST, format, arguments);
    va_end(arguments);
    sink->used += size < 0 ? 0 : (size_t)wg_smaller(size, MOST - 1);
}

void wg_sink_escaped(wg_sink *sink, const char *text) {
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '&')
            wg_sink_print(sink, "&amp;");
        else if (c == '<')
            wg_sink_print(sink, "&lt;");
        else if (c == '>')
            wg_sink_print(sink, "&gt;");
        else if (c == '"')
            wg_sink_print(sink, "&quot;");
        else
            wg_sink_print(sink, "%c", c < 0x20 ? ' ' : c); /* XML has no other control characters */
    }
}

int wg_sink_close(wg_sink *sink) {
    flush(sink);
    return wg_writer_finish(&sink->writer, sink->status, sink->error);
}
