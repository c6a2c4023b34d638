/* array_suite.h — tape_suite.h for files that try ops on a few numbers: F64(1, 2, 3) is an array of them on
 * the tape. */
#ifndef WG_TESTS_ARRAY_SUITE_H
#define WG_TESTS_ARRAY_SUITE_H

#include "tape_suite.h"

#define ARRAY_OF(dtype, type, ...)                                                      \
    wg_array(tape, dtype, WG_SHAPE(sizeof((const type[]){__VA_ARGS__}) / sizeof(type)), \
             (const type[]){__VA_ARGS__})
#define F64(...) ARRAY_OF(WG_F64, double, __VA_ARGS__)
#define F32(...) ARRAY_OF(WG_F32, float, __VA_ARGS__)
#define I32(...) ARRAY_OF(WG_I32, int32_t, __VA_ARGS__)
#define I64(...) ARRAY_OF(WG_I64, int64_t, __VA_ARGS__)
#define U8(...) ARRAY_OF(WG_U8, uint8_t, __VA_ARGS__)
#define BOOL(...) ARRAY_OF(WG_BOOL, bool, __VA_ARGS__)

/* The gradient of y's sum. */
static inline wg_var gradient(wg_var y, wg_var x) { return wg_grad(wg_sum(y, WG_ALL_AXES), x); }

#endif
