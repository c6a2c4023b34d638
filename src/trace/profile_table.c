/* profile_table — what was noted of a tape's runs, as a table: a row for each kind of step, the longest
 * first.
 *
 * A step cannot take less than its operations at the machine's rate of arithmetic, nor less than its bytes at
 * its rate of memory; the share of peak is the larger of the two over the time that it took. */
#include "trace/profile.h"
#include <math.h>
#include <stdlib.h>

enum { WHERE = 40 };

/* Steps that do the same for the same line and scope, of whichever plans. */
typedef struct row {
    const wg_profile_step *step;
    uint64_t calls, ns;
    double flops, bytes; /* of all calls */
} row;

static int by_kind(const void *one, const void *other) {
    const wg_profile_step *a = ((const row *)one)->step, *b = ((const row *)other)->step;
    int order = strcmp(a->name, b->name);
    if (!order) order = strcmp(a->scope, b->scope);
    if (!order) order = strcmp(a->file ? a->file : "", b->file ? b->file : "");
    if (!order) order = a->line - b->line;
    if (!order) order = a->role - b->role;
    return order ? order : a->wide - b->wide;
}

static int by_time(const void *one, const void *other) {
    const row *a = one, *b = other;
    return a->ns == b->ns ? by_kind(one, other) : (a->ns < b->ns) - (a->ns > b->ns);
}

/* All steps that were called, in rows to be freed; NULL: no memory. */
static row *make_rows(const wg_profile *profile, size_t *count) {
    size_t most = 1;
    for (size_t p = 0; p < profile->plans.count; p++) most += profile->plans.at[p].plan->steps.count + 1;
    row *rows = calloc(most, sizeof *rows);
    *count = 0;
    for (size_t p = 0; rows && p < profile->plans.count; p++)
        for (uint32_t i = 0; i <= profile->plans.at[p].plan->steps.count; i++) {
            const wg_profile_step *s = &profile->plans.at[p].steps[i];
            const double calls = (double)s->calls;
            if (s->calls) rows[(*count)++] = (row){s, s->calls, s->ns, calls * s->flops, calls * s->bytes};
        }
    return rows;
}

static size_t join_rows(row *rows, size_t count) {
    qsort(rows, count, sizeof *rows, by_kind);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        row *last = kept ? &rows[kept - 1] : NULL;
        if (!last || by_kind(last, &rows[i]) != 0) {
            rows[kept++] = rows[i];
            continue;
        }
        last->calls += rows[i].calls;
        last->ns += rows[i].ns;
        last->flops += rows[i].flops;
        last->bytes += rows[i].bytes;
    }
    qsort(rows, kept, sizeof *rows, by_time);
    return kept;
}

/* "62% flop": how near it came to which of the two. */
static void write_peak(FILE *stream, const wg_peak *peak, const row *r, double seconds) {
    const double rate = r->step->wide ? peak->wide_flops : peak->flops;
    const double flops = rate > 0 ? r->flops / rate : 0, bytes = peak->bytes > 0 ? r->bytes / peak->bytes : 0;
    if (seconds > 0 && fmax(flops, bytes) > 0)
        fprintf(stream, "%5.0f%% %-5s", 100 * fmax(flops, bytes) / seconds,
                flops >= bytes ? "flop" : "bytes");
    else
        fprintf(stream, "%6s %-5s", "-", "");
}

static void write_row(FILE *stream, const wg_peak *peak, const row *r, double all_ns) {
    const double seconds = 1e-9 * (double)r->ns, each = seconds > 0 ? 1e-9 / seconds : 0;
    const char *file = r->step->file, *slash = file ? strrchr(file, '/') : NULL;
    fprintf(stream, "%10.3f %6.2f%% %8llu %9.4g %9.4g ", 1e3 * seconds,
            all_ns > 0 ? 100 * (double)r->ns / all_ns : 0, (unsigned long long)r->calls, r->flops * each,
            r->bytes * each);
    write_peak(stream, peak, r, seconds);
    fprintf(stream, " %-8s  %-*s", wg_role_name(r->step->role), WHERE, r->step->name);
    if (file) fprintf(stream, "  %s:%d", slash ? slash + 1 : file, r->step->line);
    fprintf(stream, "%s%s\n", *r->step->scope ? " " : "", r->step->scope);
}

static void write_head(FILE *stream, const wg_tape *tape, const wg_profile *profile, const wg_peak *peak,
                       double all_ns) {
    const wg_engine_counters engine = wg_engine_count(tape->engine);
    uint64_t runs = 0, dropped = 0;
    for (size_t i = 0; i < profile->plans.count; i++) runs += profile->plans.at[i].runs;
    for (int i = 0; i <= profile->threads; i++) dropped += profile->tracks[i].dropped;
    fprintf(stream, "profile: %llu runs of %zu plans, %.3f ms in their steps", (unsigned long long)runs,
            profile->plans.count, 1e-6 * all_ns);
    if (profile->missed) fprintf(stream, "; %llu runs missed", (unsigned long long)profile->missed);
    if (dropped) fprintf(stream, "; no room for %llu events of the timeline", (unsigned long long)dropped);
    fprintf(stream,
            "\npeak on %d threads, %s: %.4g GFLOP/s in f32, %.4g in f64; %.4g GB/s copied in memory\n\n"
            "%10s %7s %8s %9s %9s %12s %-8s  %-*s  %s\n",
            engine.threads, engine.isa, 1e-9 * peak->flops, 1e-9 * peak->wide_flops, 1e-9 * peak->bytes, "ms",
            "share", "calls", "GFLOP/s", "GB/s", "of peak", "", WHERE, "step", "line, scope");
}

int wg_profile_table(const wg_tape *tape, FILE *stream) {
    if (!stream) return WG_ERROR_FILE;
    const wg_profile *profile = wg_profile_of(tape);
    if (!profile) return WG_ERROR_STALE;
    size_t count;
    row *rows = make_rows(profile, &count);
    if (!rows) return WG_ERROR_MEMORY;
    count = join_rows(rows, count);
    double all_ns = 0;
    for (size_t i = 0; i < count; i++) all_ns += (double)rows[i].ns;
    const wg_peak peak = wg_peak_measure(tape->engine);
    write_head(stream, tape, profile, &peak, all_ns);
    for (size_t i = 0; i < count && !ferror(stream); i++) write_row(stream, &peak, &rows[i], all_ns);
    free(rows);
    return fflush(stream) || ferror(stream) ? WG_ERROR_FILE : WG_OK;
}
