/* enlarge — a case of training size out of a small one: an extent that its shapes have becomes a larger one,
 * in all of them at once, so that what must be alike stays so. Extents are tried as they come; the op says
 * which it takes. */
#include "check/check.h"
#include <stdlib.h>

enum { SIZE = 1 << 14, LEAST = 1 << 10 }; /* elements of all inputs: at most, and to be of any use */
enum { MOST_INPUTS = 64 };

/* More than SIZE is as good as any. */
static int64_t elements(const wg_shape *shape) {
    int64_t count = 1;
    for (int axis = 0; axis < WG_MAX_RANK && shape->extent[axis] != INT64_MIN; axis++)
        if (__builtin_mul_overflow(count, shape->extent[axis], &count) || count > SIZE) return SIZE + 1;
    return count;
}

/* Replaces `extent` everywhere; the elements that all inputs then have. */
static int64_t replace(wg_large_case *large, const wg_case *sample, int64_t extent, int64_t by) {
    int64_t total = 0;
    for (int i = 0; i < sample->input_count; i++) {
        wg_shape *shape = &large->shapes[i];
        *shape = sample->inputs[i].shape ? *sample->inputs[i].shape : *WG_SCALAR_SHAPE;
        for (int axis = 0; axis < WG_MAX_RANK && shape->extent[axis] != INT64_MIN; axis++)
            if (shape->extent[axis] == extent) shape->extent[axis] = by;
        if (!sample->inputs[i].absent) total += elements(shape);
    }
    return total;
}

/* Does the op take it, and give no more than a few times as much? */
static bool accepted(const wg_large_case *large, wg_tape *tape, wg_error *error) {
    const wg_case *sample = &large->sample;
    wg_var vars[MOST_INPUTS];
    wg_tape_clear(tape);
    for (int i = 0; i < sample->input_count; i++) {
        wg_tensor *tensor = wg_case_tensor(sample, i, WG_F64, 0, error);
        if (!tensor && !sample->inputs[i].absent) return false;
        vars[i] = tensor ? (wg_input)(tape, tensor) : WG_NONE;
        wg_tensor_free(tensor);
    }
    vars[sample->input_count] = (wg_var)WG_END_;
    const wg_type type = wg_type_of((wg_case_record)(tape, sample, vars));
    return wg_tape_recover(tape, error) == WG_OK && wg_type_count(&type) <= 4 * SIZE;
}

static bool enlarge(wg_large_case *large, const wg_case *sample, int64_t extent, wg_tape *tape,
                    wg_error *error) {
    int64_t by = extent;
    while (by < SIZE && replace(large, sample, extent, 2 * by) <= SIZE) by *= 2;
    for (; by > extent; by /= 2)
        if (replace(large, sample, extent, by) >= LEAST && accepted(large, tape, error)) return true;
    return false;
}

int wg_large_case_of(wg_large_case *large, const wg_case *sample, wg_engine *engine, wg_error *error) {
    const size_t count = (size_t)sample->input_count;
    *large = (wg_large_case){.sample = *sample,
                             .shapes = calloc(count + 1, sizeof(wg_shape)),
                             .inputs = calloc(count + 1, sizeof(wg_sample_input))};
    wg_tape *tape = wg_tape_new(.engine = engine);
    int status = WG_ERROR_MEMORY;
    if (large->shapes && large->inputs && tape) {
        memcpy(large->inputs, sample->inputs, count * sizeof *large->inputs);
        for (size_t i = 0; i < count; i++) large->inputs[i].shape = &large->shapes[i];
        large->sample.inputs = large->inputs;
        status = WG_ERROR_SHAPE;
    }
    for (size_t i = 0; status == WG_ERROR_SHAPE && i < count && count < MOST_INPUTS; i++) {
        const wg_shape *shape = sample->inputs[i].absent ? NULL : sample->inputs[i].shape;
        for (int axis = 0; shape && axis < WG_MAX_RANK && shape->extent[axis] != INT64_MIN; axis++)
            if (status && shape->extent[axis] > 1 && enlarge(large, sample, shape->extent[axis], tape, error))
                status = WG_OK;
    }
    wg_tape_free(tape);
    if (status == WG_ERROR_MEMORY) wg_error_set(error, status, "gradient check: no memory for a large case");
    return status;
}

void wg_large_case_free(wg_large_case *large) {
    free(large->shapes);
    free(large->inputs);
}
