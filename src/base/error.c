/* error — the words for statuses and the one way to fill in a wg_error. */
#include "base/base.h"

const char *wg_status_name(int status) {
    static const char *const names[] = {
        "ok",    "shape", "dtype", "attribute", "axis", "index",  "not finite", "singular",    "gradient",
        "stale", "tape",  "name",  "memory",    "file", "format", "stopped",    "unsupported", "plan"};
    const int count = (int)(sizeof names / sizeof *names);
    return status >= 0 && status < count ? names[status] : "unknown";
}

int wg_error_set_list(wg_error *error, int status, const char *format, va_list arguments) {
    if (error) {
        error->status = status;
        vsnprintf(error->message, sizeof error->message, format, arguments);
    }
    return status;
}

int wg_error_set(wg_error *error, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    wg_error_set_list(error, status, format, arguments);
    va_end(arguments);
    return status;
}
