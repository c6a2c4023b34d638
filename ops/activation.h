/* activation.h — what files of activations share: attributes that are numbers, and samples. */
#ifndef WG_OPS_ACTIVATION_H
#define WG_OPS_ACTIVATION_H

#include "op.h"

#ifdef WG_RULES

#define ACTIVATION_NUMBER(op, member, ...)                                                         \
    WG_ATTRIBUTE(op##_attributes, member, .kind = WG_ATTRIBUTE_REAL, .is_value = true, __VA_ARGS__)

/* These attributes in every shape; the inputs are apart from kinks at multiples of 0.1 and off by no 0.05. */
static inline void activation_sample(wg_sampler *s, const void *attributes) {
    const wg_shape *const shapes[] = {WG_SCALAR_SHAPE, WG_SHAPE(1), WG_SHAPE(19), WG_SHAPE(3, 1, 5),
                                      WG_SHAPE(2, 0), WG_SHAPE(1, 2, 1, 2, 1, 2, 1, 2), WG_SHAPE(1, 9)};
    for (int i = 0; i < 7; i++) WG_SAMPLE(s, attributes, {.shape = shapes[i], .values = WG_DISTINCT});
    WG_SAMPLE(s, attributes, {.shape = WG_SHAPE(13), .values = WG_UNIFORM, .low = -8, .high = 8});
}
/* ACTIVATION_SAMPLES(elu, {1}, {0.3}): with each of these attributes. */
#define ACTIVATION_SAMPLES(op, ...)                                                                \
    static void op##_samples(wg_sampler *s) {                                                      \
        static const op##_attributes chosen[] = {__VA_ARGS__};                                     \
        for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) activation_sample(s, &chosen[i]); \
    }

/* Of those without attributes. */
static inline void activation_plain_samples(wg_sampler *s) {
    wg_sample_unary(s, WG_DISTINCT, 0, 0);
    WG_SAMPLE(s, NULL, {.shape = WG_SHAPE(33), .values = WG_UNIFORM, .low = -9, .high = 9});
}

#endif
#endif
