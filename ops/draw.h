/* draw.h — what ops share that draw random numbers: a key, made of a model's seed and a path, a step, and the
 * words that belong to an element.
 *
 * Block b of a draw is Philox(key, counter = (b, step)): four words of 32 bits. Its numbers depend on neither
 * threads nor the order of recording, and a step drawn again draws the same. */
#ifndef WG_OPS_DRAW_H
#define WG_OPS_DRAW_H

#include "base/random.h"
#include "op.h"

typedef struct dropout_mask_attributes {
    double p;
    uint64_t key;
} dropout_mask_attributes;

/* A unit is so many elements, whole blocks of Philox. */
enum { DRAW_UNIT = 1024 };

/* The elements of output 0 that belong to the units of a call. */
typedef struct draw_range {
    int64_t begin, end;
} draw_range;
WG_INLINE draw_range draw_range_of(const wg_call *call) {
    int64_t count = 1;
    for (int axis = 0; axis < call->outputs[0].type.rank; axis++) count *= call->outputs[0].type.extent[axis];
    const int64_t end = call->end * DRAW_UNIT;
    return (draw_range){call->begin * DRAW_UNIT, end < count ? end : count};
}

#ifdef WG_RULES

static inline int64_t draw_units(const wg_call *call) {
    return (wg_type_count(&call->outputs[0].type) + DRAW_UNIT - 1) / DRAW_UNIT;
}

#define DRAW_KEY(attributes)                                                                       \
    WG_ATTRIBUTE(attributes, key, .kind = WG_ATTRIBUTE_BITS, .is_value = true,                \
                 .meaning = "of the random numbers")
/* A key of a sample's own. */
static inline uint64_t draw_sample_key(int sample) { return (uint64_t)sample * 0x9E3779B97F4A7C15u; }

/* A sample's input: the step. */
#define DRAW_STEP(number)                                                                          \
    {.dtype = WG_I64, .shape = WG_SCALAR_SHAPE, .values = WG_ALL_EQUAL, .low = number}

static inline int draw_infer_step(wg_infer *infer, int input) {
    const wg_type *step = &infer->inputs[input];
    if (step->dtype == WG_I64 && step->rank == 0) return WG_OK;
    return wg_infer_fail(infer, WG_ERROR_DTYPE, "the step is %s; it must be i64[]",
                         wg_infer_text(infer, step));
}

#endif
#endif
