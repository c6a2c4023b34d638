/* base — what every other public header stands on: status codes, element types, shapes,
 * and the machinery that lets a C call have options. */
#ifndef WENGERT_BASE_H
#define WENGERT_BASE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
template <class T> static inline const T *wg_ref_(const T &value) { return &value; }
#define WG_REF_(T, ...) wg_ref_(T{__VA_ARGS__})
#define WG_BEGIN_C extern "C" {
#define WG_END_C }
#define WG_DEFAULT_ = {}
#else
#define WG_REF_(T, ...) &(const T){__VA_ARGS__}
#define WG_BEGIN_C
#define WG_END_C
#define WG_DEFAULT_
#endif

#if defined(__GNUC__)
#define WG_API __attribute__((visibility("default")))
#define WG_MUST_USE __attribute__((warn_unused_result))
#define WG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define WG_API
#define WG_MUST_USE
#define WG_PRINTF(text, first)
#endif

/* Options. A function with options takes a pointer to a struct that begins with WG_OPTIONS_HEAD:
 * the caller's sizeof (the library reads no further, so members may be appended for ever), then a
 * member that turns a forgotten option name into a compiler warning. */
#define WG_OPTIONS_HEAD                                                                            \
    size_t size_ WG_DEFAULT_;                                                                      \
    struct wg_write_the_name_of_the_option *unnamed_ WG_DEFAULT_
#define WG_OPTIONS_(T, ...) WG_REF_(T, .size_ = sizeof(T), __VA_ARGS__)

/* An exact zero for an option where leaving it out, or writing 0, means a default that is not 0. */
#define WG_ZERO (-0.0)

WG_BEGIN_C

/* What can go wrong. Functions that can fail return one of these, 0 being success. */
typedef enum wg_status {
    WG_OK = 0,
    WG_ERROR_SHAPE,      /* shapes do not fit, or an element count overflows */
    WG_ERROR_DTYPE,      /* element types do not fit; wg_cast converts */
    WG_ERROR_ATTRIBUTE,  /* an attribute or option is out of its range */
    WG_ERROR_AXIS,       /* an axis is out of range or named twice */
    WG_ERROR_INDEX,      /* an index found in data is out of range */
    WG_ERROR_NOT_FINITE, /* NaN or infinity where finite numbers were asked for */
    WG_ERROR_SINGULAR,   /* a matrix that has not the inverse or the factor that was asked for */
    WG_ERROR_GRADIENT,   /* a gradient that does not exist was asked for */
    WG_ERROR_STALE,      /* a var of a cleared tape, or state that has been overwritten since */
    WG_ERROR_TAPE,       /* vars of different tapes met, or no var was given */
    WG_ERROR_NAME,       /* a name is missing, unknown, or taken */
    WG_ERROR_MEMORY,     /* memory or another resource of the system ran out */
    WG_ERROR_FILE,       /* a file cannot be opened, read or written */
    WG_ERROR_FORMAT,     /* a file's content is not what its format says */
    WG_ERROR_STOPPED,    /* a callback asked to stop */
    WG_ERROR_UNSUPPORTED, /* this build or this machine lacks it */
    WG_ERROR_PLAN        /* the library's own mistake, or an op that breaks its contract: a plan that is not run */
} wg_status;

/* The word for a status: "shape", "memory", … Never NULL. */
WG_API const char *wg_status_name(int status);

/* An error of a function that works on no tape (files, models, loaders). Such functions take a
 * `wg_error *` last, which may be NULL; on failure they fill it in. */
typedef struct wg_error {
    int status;         /* wg_status */
    char message[1020]; /* one line, zero-terminated: what, with what, where, what was expected */
} wg_error;

/* Element types. Numbers never change type by themselves: wg_cast does it. */
typedef enum wg_dtype {
    WG_NO_DTYPE = 0,
    WG_F32,
    WG_F64,
    WG_I32,
    WG_I64,
    WG_U8,
    WG_BOOL, /* one byte, 0 or 1 */
    WG_BF16  /* reserved */
} wg_dtype;
enum { WG_DTYPE_COUNT = WG_BF16 + 1 };

WG_API const char *wg_dtype_name(wg_dtype dtype); /* "f32", …; "none" when it is none */
WG_API size_t wg_dtype_size(wg_dtype dtype);      /* bytes of one element; 0 when it is none */

enum { WG_MAX_RANK = 8 };

/* The type of a value: element type and shape. Unused extents are 0. */
typedef struct wg_type {
    wg_dtype dtype;
    int rank;
    int64_t extent[WG_MAX_RANK];
} wg_type;

/* A list of axes or of extents as an argument, closed by a sentinel:
 * wg_sum(x, WG_AXES(0, -1)), wg_reshape(x, WG_SHAPE(2, -1)), wg_sum(x, WG_ALL_AXES). */
typedef struct wg_axes {
    int axis[WG_MAX_RANK + 1]; /* closed by INT_MIN */
} wg_axes;
typedef struct wg_shape {
    int64_t extent[WG_MAX_RANK + 1]; /* closed by INT64_MIN */
} wg_shape;
#ifdef __cplusplus
#define WG_AXES(...) (wg_ref_(wg_axes{{__VA_ARGS__, INT_MIN}}))
#define WG_SHAPE(...) (wg_ref_(wg_shape{{__VA_ARGS__, INT64_MIN}}))
#define WG_SCALAR_SHAPE (wg_ref_(wg_shape{{INT64_MIN}}))
#else
#define WG_AXES(...) (&(const wg_axes){{__VA_ARGS__, INT_MIN}})
#define WG_SHAPE(...) (&(const wg_shape){{__VA_ARGS__, INT64_MIN}})
#define WG_SCALAR_SHAPE (&(const wg_shape){{INT64_MIN}})
#endif
#define WG_ALL_AXES ((const wg_axes *)0)
/* A list handed on. A plain 0 for axis 0 would be a null pointer, which means all axes: no dereferencing it,
 * so that is a compiler error. */
#define WG_LIST_(list) ((void)sizeof *(list), (list))

WG_END_C
#endif
