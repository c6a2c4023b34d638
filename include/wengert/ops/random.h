/* ops/random — numbers from a generator that counts: their bits come from seed, path, step and element.
 * See wengert/ops.h. */
#ifndef WENGERT_OPS_RANDOM_H
#define WENGERT_OPS_RANDOM_H

#include <wengert/tape.h>

WG_BEGIN_C

/* Of x's shape and dtype: 1 / (1 - p) with probability 1 - p, else 0. Bits come from (seed, path,
 * step, element): `step` is an i64 scalar. wg_dropout takes seed and step from a model. */
WG_API wg_var wg_dropout_mask(wg_var x, wg_var step, double p, uint64_t seed, const char *path);

WG_END_C

#define wg_dropout_mask(...) WG_AT((wg_dropout_mask)(__VA_ARGS__))

#endif
