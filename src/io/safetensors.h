/* safetensors — what reader and writer share: the file's words for element types, its limits. */
#ifndef WG_IO_SAFETENSORS_H
#define WG_IO_SAFETENSORS_H

#include "base/base.h"

enum {
    WG_SAFETENSORS_ALIGNMENT = 8,    /* of the first element, from the file's beginning */
    WG_SAFETENSORS_LIMIT = 100000000 /* bytes of header, the format's own limit */
};
#define WG_SAFETENSORS_METADATA "__metadata__" /* the one name in the header that is not a tensor's */

/* The file's word for an element type of ours; NULL: it has none. */
static inline const char *wg_safetensors_word(wg_dtype dtype) {
    switch (dtype) {
    case WG_F32:
        return "F32";
    case WG_F64:
        return "F64";
    case WG_I32:
        return "I32";
    case WG_I64:
        return "I64";
    case WG_U8:
        return "U8";
    case WG_BOOL:
        return "BOOL";
    default:
        return NULL;
    }
}

#endif
