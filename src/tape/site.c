/* site — where in the program a node was recorded (file:line), and the scopes that name things. */
#include "tape/tape.h"

/* The id of a site; 0 when there is no memory for it: a node without a line is no error. */
static uint32_t site_id(wg_tape *tape, const char *file, int line) {
    const uint64_t hash = ((uint64_t)line << 32 ^ (uint64_t)(uintptr_t)file) * 0x9E3779B97F4A7C15u;
    size_t probe = 0;
    for (uint32_t id; (id = wg_table_next(&tape->site_table, hash, &probe)) != UINT32_MAX;)
        if (tape->sites.at[id].file == file && tape->sites.at[id].line == line) return id;
    const uint32_t id = (uint32_t)tape->sites.count;
    if (!WG_RESERVE(&tape->sites.at, &tape->sites.capacity, tape->sites.count + 1) ||
        !wg_table_add(&tape->site_table, hash, id))
        return 0;
    tape->sites.at[tape->sites.count++] = (wg_site){file, line};
    return id;
}

wg_var wg_at_(wg_var result, const char *file, int line) {
    wg_tape *tape = result.tape;
    if (!tape) return result;
    if (tape->error.status && !tape->error_site.file) tape->error_site = (wg_site){file, line};
    if (tape->unstamped < tape->nodes.count) {
        const uint32_t site = site_id(tape, file, line);
        for (size_t i = tape->unstamped; i < tape->nodes.count; i++)
            if (!tape->nodes.at[i].site) tape->nodes.at[i].site = site;
        tape->unstamped = (uint32_t)tape->nodes.count;
    }
    return result;
}

/* Copies text behind all other text of the tape; its place, or UINT32_MAX without memory. */
static uint32_t add_text(wg_tape *tape, const char *head, const char *tail) {
    const size_t head_size = strlen(head), tail_size = strlen(tail) + 1, at = tape->text.count;
    const bool slash = head_size > 0;
    if (!WG_TAPE_ROOM(tape, text, head_size + slash + tail_size)) return UINT32_MAX;
    memcpy(tape->text.at + at, head, head_size);
    if (slash) tape->text.at[at + head_size] = '/';
    memcpy(tape->text.at + at + head_size + slash, tail, tail_size);
    tape->text.count += head_size + slash + tail_size;
    return (uint32_t)at;
}

const char *wg_scope_text(const wg_tape *tape, uint32_t scope) {
    return scope == 0 || scope >= tape->scopes.count ? "" : tape->text.at + tape->scopes.at[scope];
}

const char *wg_scope_path(const wg_tape *tape) { return tape ? wg_scope_text(tape, tape->scope_now) : ""; }

/* Opens the scope, or says why not. */
static bool open_scope(wg_tape *tape, const char *name) {
    if (!name || !*name) return wg_tape_fail(tape, WG_ERROR_NAME, "wg_scope: the name is empty"), false;
    char head[1024]; /* the text may move while it grows */
    const int length = snprintf(head, sizeof head, "%s", wg_scope_path(tape));
    if (length + strlen(name) + 2 > sizeof head)
        return wg_tape_fail(tape, WG_ERROR_NAME, "wg_scope: the path of \"%.64s\" is longer than %zu bytes",
                            name, sizeof head),
               false;
    if (!WG_TAPE_ROOM(tape, scopes, 1) || !WG_TAPE_ROOM(tape, scope_stack, 1)) return false;
    const uint32_t at = add_text(tape, head, name);
    if (at == UINT32_MAX) return false;
    tape->scope_stack.at[tape->scope_stack.count++] = tape->scope_now;
    tape->scope_now = (uint32_t)tape->scopes.count;
    tape->scopes.at[tape->scopes.count++] = at;
    return true;
}

/* Scopes open and close on a failed tape too, so that they balance when it is healed. */
void wg_scope(wg_tape *tape, const char *name) {
    if (tape && (tape->unopened_scopes || !open_scope(tape, name))) tape->unopened_scopes++;
}

void wg_scope_end(wg_tape *tape) {
    if (!tape) return;
    if (tape->unopened_scopes)
        tape->unopened_scopes--;
    else if (tape->scope_stack.count == 0)
        wg_tape_fail(tape, WG_ERROR_NAME, "wg_scope_end: no scope is open");
    else
        tape->scope_now = tape->scope_stack.at[--tape->scope_stack.count];
}

bool wg_name_once(wg_tape *tape, const char *path) {
    if (!tape || tape->error.status || !path) return false;
    const uint64_t hash = wg_hash(path, strlen(path), 2);
    size_t probe = 0;
    for (uint32_t at; (at = wg_table_next(&tape->name_table, hash, &probe)) != UINT32_MAX;)
        if (strcmp(tape->text.at + at, path) == 0) return false;
    const uint32_t at = add_text(tape, "", path);
    return at != UINT32_MAX && (wg_table_add(&tape->name_table, hash, at) || wg_tape_no_memory(tape));
}
