/* base — small things that every room uses: errors, types, growing arrays, hashing. */
#ifndef WG_BASE_BASE_H
#define WG_BASE_BASE_H

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <wengert/op.h>

/* --- Errors ----------------------------------------------------------------------------------- */

/* Fills `error` (may be NULL) and returns `status`. */
int wg_error_set(wg_error *error, int status, const char *format, ...) WG_PRINTF(3, 4);
int wg_error_set_list(wg_error *error, int status, const char *format, va_list arguments);

/* --- Types ------------------------------------------------------------------------------------ */

/* The type of a dtype and a shape argument, or an error: WG_ERROR_SHAPE with the extent at fault. */
int wg_type_make(wg_type *type, wg_dtype dtype, const wg_shape *shape, wg_error *error);

/* Do count and bytes fit in int64_t? */
bool wg_type_fits(const wg_type *type);
static inline bool wg_shape_equal(const wg_type *a, const wg_type *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->extent[i] != b->extent[i]) return false;
    return true;
}
static inline bool wg_type_equal(const wg_type *a, const wg_type *b) {
    return a->dtype == b->dtype && wg_shape_equal(a, b);
}
/* Does a value of shape `small` broadcast to shape `big`? */
static inline bool wg_broadcasts_to(const wg_type *small, const wg_type *big) {
    if (small->rank > big->rank) return false;
    for (int i = 0; i < small->rank; i++) {
        const int64_t extent = small->extent[i];
        if (extent != 1 && extent != big->extent[big->rank - small->rank + i]) return false;
    }
    return true;
}

enum { WG_TEXT_SIZE = 24 * WG_MAX_RANK };
/* "f32[64, 784]"; without dtype "[64, 784]". Returns text. */
const char *wg_type_text(char text[WG_TEXT_SIZE], const wg_type *type, bool with_dtype);

static inline bool wg_dtype_real(wg_dtype dtype) { return dtype == WG_F32 || dtype == WG_F64; }

/* --- Growing arrays --------------------------------------------------------------------------- */

/* Makes room for `count` elements of `size` bytes in *array, whose capacity is *capacity elements.
 * False when there is no memory: the array is then as before. */
bool wg_reserve_(void **array, size_t *capacity, size_t count, size_t size);
#define WG_RESERVE(array, capacity, count) \
    ((count) <= *(capacity) || wg_reserve_((void **)(array), (capacity), (count), sizeof **(array)))

/* --- Time ------------------------------------------------------------------------------------- */

/* Nanoseconds of a clock that is never set. */
static inline uint64_t wg_clock_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* --- Hash ------------------------------------------------------------------------------------- */

/* A 64-bit hash of words: multiply two, fold, in order. Not against adversaries: what is found by it is
 * compared in full. */
uint64_t wg_hash(const void *data, size_t size, uint64_t seed);

static inline size_t wg_round_up(size_t size, size_t unit) { return (size + unit - 1) / unit * unit; }
static inline int64_t wg_smaller(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t wg_max_int(int64_t a, int64_t b) { return a > b ? a : b; }

/* Buffers of tensors begin at multiples of this: a cache line, and the widest vector. */
enum { WG_ALIGNMENT = 64 };

#endif
