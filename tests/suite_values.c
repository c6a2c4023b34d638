/* suite_values — helpers on vars: evaluate and compare, or fail the test with the tape's own message. */
#include "suite.h"

#include <math.h>
#include <stdio.h>

/* The failure is reported as the test's line, not as one of this file. */
#define FAIL_AT(file, line, ...) _ck_assert_failed(file, line, "Failed", __VA_ARGS__)

double value_of(wg_var var) {
    ck_assert_msg(wg_eval(var) == WG_OK, "%s", wg_tape_message(var.tape));
    return wg_item(var);
}

static bool near(double value, double expected, double tolerance) {
    return value == expected || (isnan(value) && isnan(expected)) || fabs(value - expected) <= tolerance;
}

void assert_values_(const char *file, int line, wg_var var, double tolerance, const double *expected,
                    int count) {
    if (wg_eval(var)) FAIL_AT(file, line, "%s", wg_tape_message(var.tape));
    const wg_tensor *value = wg_value(var);
    if (!value) FAIL_AT(file, line, "the var has no value");
    if (wg_tensor_count(value) != count)
        FAIL_AT(file, line, "%lld elements, not %d", (long long)wg_tensor_count(value), count);
    for (int i = 0; i < count; i++) {
        const double got = wg_tensor_get(value, i);
        if (!near(got, expected[i], tolerance))
            FAIL_AT(file, line, "element %d is %.17g, not %.17g (to within %g)", i, got, expected[i],
                    tolerance);
    }
    mark_point();
}

void inputs_of_sample(wg_tape *tape, const wg_case *sample, wg_dtype real, uint64_t seed, wg_var *inputs) {
    for (int i = 0; i < sample->input_count; i++) {
        wg_tensor *tensor = wg_case_tensor(sample, i, real, seed, NULL);
        inputs[i] = tensor ? wg_input(tape, tensor) : WG_NONE;
        wg_tensor_free(tensor);
    }
    inputs[sample->input_count] = (wg_var)WG_END_;
}

void assert_error_(const char *file, int line, wg_tape *tape, int status, const char *part) {
    wg_error error = {0};
    const int found = wg_tape_recover(tape, &error);
    if (found != status)
        FAIL_AT(file, line, "the tape's status is \"%s\" (%s), not \"%s\"", wg_status_name(found),
                error.message, wg_status_name(status));
    if (!strstr(error.message, part)) FAIL_AT(file, line, "\"%s\" is not in \"%s\"", part, error.message);
    printf("%s\n", error.message); /* for whoever wants to see how it reads */
    mark_point();
}
