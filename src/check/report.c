/* report — what a gradient check found, put down and in words. */
#include "check/check.h"

void wg_gradcheck_fail(wg_gradcheck_report *report, const wg_gradcheck_failure *failure, const char *format,
                       ...) {
    if (report->failures++) return;
    report->first = *failure;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(report->first.reason, sizeof report->first.reason, format, arguments);
    va_end(arguments);
}

static void print_place(FILE *stream, const wg_gradcheck_failure *f) {
    if (f->input < 0)
        fprintf(stream, "  at: cotangent, element %lld", (long long)f->input_element);
    else
        fprintf(stream, "  at: input %d, element %lld", f->input, (long long)f->input_element);
    fprintf(stream,
            f->order == 2 ? "; of the gradient for input %d, element %lld\n" : "; output %d, element %lld\n",
            f->output, (long long)f->output_element);
    fprintf(stream, "  analytic %.17g, numeric %.17g, off by %.3g, tolerance %.3g\n", f->analytic, f->numeric,
            f->analytic - f->numeric, f->tolerance);
}

static void print_failure(FILE *stream, const wg_gradcheck_failure *f) {
    fprintf(stream, "  first: order %d", f->order);
    if (f->sample) fprintf(stream, ", sample %d, seed %llu", f->sample, (unsigned long long)f->seed);
    if (*f->attributes) fprintf(stream, ", %s", f->attributes);
    fprintf(stream, ": %s\n", f->reason);
    if (f->located) print_place(stream, f);
    if (*f->reproduce) fprintf(stream, "  again: %s\n", f->reproduce);
}

void wg_gradcheck_print(FILE *stream, const wg_gradcheck_report *report) {
    if (!stream || !report) return;
    fprintf(stream, "%s: %d samples", report->name, report->samples);
    if (report->samples_empty) fprintf(stream, " (%d empty)", report->samples_empty);
    if (report->not_differentiable)
        fprintf(stream, ", not differentiable, refused %d times", report->samples_blocked);
    else
        fprintf(stream, ", %lld elements, %lld kinks, largest error %.3g of the tolerance",
                (long long)report->elements, (long long)report->kinks, report->largest_error);
    if (report->directions)
        fprintf(stream, ", %lld directions of up to %lld elements", (long long)report->directions,
                (long long)report->largest_size);
    if (report->singles) fprintf(stream, ", f32 off by %.3g of its bound", report->largest_single);
    fprintf(stream, report->failures ? ", %lld FAILED\n" : ", passed\n", (long long)report->failures);
    if (report->failures) print_failure(stream, &report->first);
}
