/* profile — starts and stops the noting of times, tells what the steps are while their tape still knows, and
 * writes what was noted as a timeline in the JSON of Chrome's trace events. */
#include "trace/profile.h"
#include "trace/sink.h"
#include <stdlib.h>

enum { EVENTS = 1 << 16 };

/* --- What a step is ---------------------------------------------------------------------------- */

/* Copies what fits, never half a character of UTF-8. */
static void copy_text(char *text, size_t size, const char *from) {
    size_t length = strlen(from);
    if (length >= size) {
        length = size - 1;
        while (length && ((unsigned char)from[length] & 0xC0) == 0x80) length--;
    }
    memcpy(text, from, length);
    text[length] = 0;
}

static const char *name_of(const wg_facts *f, const wg_step *step, uint32_t member) {
    const wg_low_node *node = &f->low->nodes.at[f->plan->members.at[step->first + member]];
    return node->leaf ? "copy of a strided input" : node->op->name;
}

/* "conv2d + add x2 + relu": members in their order, equal neighbours counted. */
static void name_step(const wg_facts *f, char name[WG_PROFILE_NAME], const wg_step *step) {
    size_t at = 0;
    for (uint32_t m = 0, next; m < step->count; m = next) {
        char part[WG_PROFILE_NAME], times[16] = "";
        const char *op = name_of(f, step, m);
        for (next = m + 1; next < step->count && strcmp(name_of(f, step, next), op) == 0;) next++;
        if (next - m > 1) snprintf(times, sizeof times, " x%u", next - m);
        copy_text(part, sizeof part - 24, op);
        const bool last = next == step->count;
        if (at + strlen(part) + strlen(times) + (last ? 3 : 9) >= WG_PROFILE_NAME) {
            snprintf(name + at, WG_PROFILE_NAME - at, " + …");
            return;
        }
        at += (size_t)snprintf(name + at, WG_PROFILE_NAME - at, "%s%s%s", m ? " + " : "", part, times);
    }
}

static bool describe(const wg_tape *tape, const wg_profile_plan *met) {
    wg_facts facts;
    const bool good = wg_facts_open(&facts, tape, "wg_eval", NULL) == WG_OK;
    const wg_plan *plan = met->plan;
    for (uint32_t i = 0; good && i < plan->steps.count; i++) {
        const wg_step *step = &plan->steps.at[i];
        const uint32_t first = plan->members.at[step->first];
        const wg_low_node *node = &facts.low->nodes.at[first];
        const wg_step_work work = wg_work_of(&facts, i);
        const wg_site site = wg_site_of(&facts, node);
        wg_profile_step *told = &met->steps[i];
        name_step(&facts, told->name, step);
        copy_text(told->scope, sizeof told->scope, wg_scope_of(&facts, node));
        told->file = site.file;
        told->line = site.line;
        told->role = facts.roles[first];
        told->wide = node->dtype == WG_F64;
        told->flops = work.flops;
        told->bytes = work.read + work.written;
    }
    wg_profile_step *copies = &met->steps[plan->steps.count];
    snprintf(copies->name, sizeof copies->name, "copies of results and states");
    copies->role = WG_ROLE_UPDATE;
    for (size_t i = 0; i < plan->copies.count; i++) copies->bytes += 2.0 * (double)plan->copies.at[i].bytes;
    wg_facts_close(&facts);
    return good;
}

/* --- Start and stop ---------------------------------------------------------------------------- */

int wg_profile_start(wg_tape *tape, size_t events, wg_error *error) {
    if (!tape) return wg_error_set(error, WG_ERROR_TAPE, "wg_profile_start: the tape is NULL");
    wg_evaluation *e = wg_evaluation_of(tape);
    if (e && e->profile && e->profile->running)
        return wg_error_set(error, WG_ERROR_TAPE,
                            "wg_profile_start: the tape is being evaluated; expected a pause");
    if (events > SIZE_MAX / 64)
        return wg_error_set(error, WG_ERROR_ATTRIBUTE,
                            "wg_profile_start: events is %zu; expected at most %zu", events, SIZE_MAX / 64);
    wg_profile *profile =
        e ? wg_profile_new(events ? events : EVENTS, wg_engine_count(tape->engine).threads) : NULL;
    if (!profile) return wg_error_set(error, WG_ERROR_MEMORY, "wg_profile_start: out of memory");
    profile->describe = describe;
    wg_profile_free(e->profile);
    e->profile = profile;
    return WG_OK;
}

const wg_profile *wg_profile_of(const wg_tape *tape) {
    const wg_evaluation *e = tape ? tape->scratch : NULL;
    return e && e->profile && e->profile->plans.count ? e->profile : NULL;
}

void wg_profile_stop(wg_tape *tape) {
    wg_evaluation *e = tape ? tape->scratch : NULL;
    if (e && e->profile) e->profile->on = false;
}

/* --- The timeline ------------------------------------------------------------------------------ */

/* How many bytes the character of UTF-8 has that begins here; 0: none does. */
static int character(const unsigned char *at) {
    const int size = at[0] < 0x80                    ? 1
                     : at[0] >= 0xC2 && at[0] < 0xE0 ? 2
                     : at[0] >= 0xE0 && at[0] < 0xF0 ? 3
                     : at[0] >= 0xF0 && at[0] < 0xF5 ? 4
                                                     : 0;
    for (int i = 1; i < size; i++)
        if ((at[i] & 0xC0) != 0x80) return 0;
    const bool strange = (at[0] == 0xE0 && at[1] < 0xA0) ||
                         (at[0] == 0xED && at[1] >= 0xA0) || /* surrogates */
                         (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] >= 0x90);
    return strange ? 0 : size;
}

/* A string of JSON. */
static void write_string(wg_sink *sink, const char *text) {
    wg_sink_print(sink, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at;) {
        const int size = character(at);
        if (*at == '"' || *at == '\\')
            wg_sink_print(sink, "\\%c", *at);
        else if (*at < 0x20)
            wg_sink_print(sink, "\\u%04x", *at);
        else if (size == 0)
            wg_sink_print(sink, "\\ufffd");
        else
            wg_sink_print(sink, "%.*s", size, (const char *)at);
        at += size ? size : 1;
    }
    wg_sink_print(sink, "\"");
}

static void write_step(wg_sink *sink, const wg_profile_step *step) {
    write_string(sink, step->name);
    wg_sink_print(sink, ",\"cat\":\"%s\",\"args\":{\"flop\":%.0f,\"bytes\":%.0f,\"scope\":",
                  wg_role_name(step->role), step->flops, step->bytes);
    write_string(sink, step->scope);
    char where[600] = "";
    if (step->file) snprintf(where, sizeof where, "%.500s:%d", step->file, step->line);
    wg_sink_print(sink, ",\"line\":");
    write_string(sink, where);
    wg_sink_print(sink, "}");
}

static void write_event(wg_sink *sink, const wg_profile *profile, int track, const wg_profile_event *event) {
    const wg_profile_plan *met = &profile->plans.at[event->plan];
    const wg_plan *plan = met->plan;
    const bool copies = track == 0 && event->what == plan->waves.count;
    const wg_wave *wave = track == 0 && !copies ? &plan->waves.at[event->what] : NULL;
    wg_sink_print(sink, ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"name\":", track,
                  1e-3 * (double)(event->begin - profile->started),
                  1e-3 * (double)(event->end - event->begin));
    if (wave && wave->count > 1)
        wg_sink_print(sink, "\"%u steps\",\"cat\":\"wave\"", wave->count);
    else
        write_step(sink, &met->steps[copies ? plan->steps.count : wave ? wave->first : event->what]);
    wg_sink_print(sink, "}");
}

int wg_profile_trace(const wg_tape *tape, const char *path, wg_error *error) {
    const wg_profile *profile = wg_profile_of(tape);
    if (!profile)
        return wg_error_set(error, WG_ERROR_STALE, "wg_profile_trace: no run of the tape was profiled");
    wg_sink *sink = malloc(sizeof *sink);
    if (!sink) return wg_error_set(error, WG_ERROR_MEMORY, "wg_profile_trace: out of memory");
    if (!wg_sink_open(sink, path, error)) {
        wg_sink_print(sink, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
        wg_sink_print(sink,
                      "{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":\"wengert\"}}");
        for (int i = 0; i <= profile->threads; i++) {
            wg_sink_print(
                sink,
                ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":", i);
            if (i)
                wg_sink_print(sink, "\"worker %d, where waves have several steps\"}}", i - 1);
            else
                wg_sink_print(sink, "\"waves\"}}");
            const wg_profile_track *track = &profile->tracks[i];
            for (size_t k = 0; k < track->count; k++) write_event(sink, profile, i, &track->at[k]);
        }
        wg_sink_print(sink, "\n]}\n");
    }
    const int status = wg_sink_close(sink);
    free(sink);
    return status;
}
