/* error — the first error sticks to the tape; this file puts it there, tells it and takes it off. */
#include "kernels/table.h"
#include "tape/tape.h"

static int fail(wg_tape *tape, uint32_t site, uint32_t scope, int status, const char *format,
                va_list arguments) {
    if (tape->error.status) return tape->error.status;
    wg_error_set_list(&tape->error, status, format, arguments);
    tape->error_scope = scope;
    tape->error_site = site ? tape->sites.at[site] : (wg_site){0};
    return status;
}

int wg_tape_fail(wg_tape *tape, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fail(tape, tape->site_now, tape->scope_now, status, format, arguments);
    va_end(arguments);
    return tape->error.status;
}

int wg_tape_fail_at(wg_tape *tape, uint32_t node, int status, const char *format, ...) {
    const wg_node *at = &tape->nodes.at[node];
    va_list arguments;
    va_start(arguments, format);
    fail(tape, at->site, at->scope, status, format, arguments);
    va_end(arguments);
    return tape->error.status;
}

bool wg_tape_no_memory(wg_tape *tape) {
    wg_tape_fail(tape, WG_ERROR_MEMORY, "out of memory after %zu nodes", tape->nodes.count);
    return false;
}

wg_var wg_invalid(wg_tape *tape) { return (wg_var){tape, WG_INVALID_ID, tape ? tape->epoch : 0}; }

wg_var wg_fail(wg_tape *tape, int status, const char *format, ...) {
    if (!tape) return wg_invalid(NULL);
    va_list arguments;
    va_start(arguments, format);
    fail(tape, tape->site_now, tape->scope_now, status ? status : WG_ERROR_TAPE, format, arguments);
    va_end(arguments);
    return wg_invalid(tape);
}

bool wg_tape_disown(wg_tape *tape, wg_var var, const char *what) {
    if (!var.tape) {
        wg_tape_fail(tape, WG_ERROR_TAPE, "%s is no var", what);
    } else if (var.tape != tape) {
        wg_tape_fail(tape, WG_ERROR_TAPE, "%s is a var of another tape; record it on this one", what);
        wg_tape_fail(var.tape, WG_ERROR_TAPE, "%s is a var of this tape, used on another one", what);
    } else if (var.epoch != tape->epoch) {
        wg_tape_fail(tape, WG_ERROR_STALE, "%s is stale: its tape has been cleared since; record it again",
                     what);
    } else { /* after an error such vars are expected; without one, somebody recovered and went on with one */
        wg_tape_fail(tape, WG_ERROR_TAPE, "%s is an invalid var, left by an earlier error; record it again",
                     what);
    }
    return false;
}

int wg_tape_status(const wg_tape *tape) { return tape ? tape->error.status : WG_ERROR_MEMORY; }

const char *wg_tape_message(const wg_tape *tape) {
    if (!tape) return "no tape: out of memory, or no engine could be made";
    if (!tape->error.status) return "";
    char *text = ((wg_tape *)(uintptr_t)tape)->message; /* the one thing that reading may change */
    const size_t size = sizeof tape->message;
    const char *scope = wg_scope_text(tape, tape->error_scope);
    const wg_site site = tape->error_site;
    size_t at = (size_t)snprintf(text, size, "%s", tape->error.message);
    if (at < size && (*scope || site.file)) {
        at += (size_t)snprintf(text + at, size - at, " (");
        if (*scope && at < size)
            at += (size_t)snprintf(text + at, size - at, "scope \"%s\"%s", scope, site.file ? ", " : "");
        if (site.file && at < size)
            at += (size_t)snprintf(text + at, size - at, "%s:%d", site.file, site.line);
        if (at < size) snprintf(text + at, size - at, ")");
    }
    return text;
}

/* Why there is no tape: the environment asks for what is not there, or else there was no memory. */
static int no_tape(wg_error *error) {
    wg_isa isa;
    wg_error why;
    const int status = wg_isa_choose(NULL, &isa, &why);
    if (status) return wg_error_set(error, status, "no tape: %.1000s", why.message);
    return wg_error_set(error, WG_ERROR_MEMORY, "%s", wg_tape_message(NULL));
}

int wg_tape_recover(wg_tape *tape, wg_error *error) {
    if (!tape) return no_tape(error);
    const int status = wg_tape_status(tape);
    wg_error_set(error, status, "%s", wg_tape_message(tape));
    tape->error = (wg_error){0};
    tape->error_scope = 0;
    tape->error_site = (wg_site){0};
    return status;
}

int wg_report(FILE *stream, wg_tape *tape) {
    wg_error error;
    if (!tape) no_tape(&error);
    if (stream && wg_tape_status(tape))
        fprintf(stream, "error: %s\n", tape ? wg_tape_message(tape) : error.message);
    return wg_tape_recover(tape, NULL);
}
