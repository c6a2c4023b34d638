/* embedding — what the ops share that read rows of a table by indices: their padding, and what they take. */
#ifndef WG_OPS_EMBEDDING_H
#define WG_OPS_EMBEDDING_H

#include "op.h"

typedef struct embedding_attributes {
    bool has_padding;
    int64_t padding_index;
} embedding_attributes;

#ifdef WG_RULES

#define EMBEDDING_PADDING(op)                                                                      \
    WG_ATTRIBUTE(op##_attributes, has_padding, .kind = WG_ATTRIBUTE_BOOL,                          \
                 .meaning = "is one row padding?"),                                                \
        WG_ATTRIBUTE(op##_attributes, padding_index, .kind = WG_ATTRIBUTE_INT, .meaning = "that row")

/* The weight [V, …] is real, the indices are whole; the padding is one of the rows, and is counted from the
 * front. */
static inline int embedding_infer(wg_infer *infer, const bool *has_padding, int64_t *padding_index) {
    const wg_type *weight = &infer->inputs[0], *indices = &infer->inputs[1];
    int status = wg_infer_one_real(infer, 0, "the weight");
    if (status) return status;
    if (indices->dtype != WG_I32 && indices->dtype != WG_I64)
        return wg_infer_fail(infer, WG_ERROR_DTYPE,
                             "the indices are %s; they must be i32 or i64 (wg_cast converts)",
                             wg_infer_text(infer, indices));
    if (weight->rank < 1)
        return wg_infer_fail(infer, WG_ERROR_SHAPE, "the weight is %s; it must have an axis of rows",
                             wg_infer_shape_text(infer, weight));
    if (!*has_padding) return *padding_index = 0, WG_OK;
    const int64_t rows = weight->extent[0];
    if (*padding_index < -rows || *padding_index >= rows)
        return wg_infer_fail(infer, WG_ERROR_ATTRIBUTE, "padding_index is %lld; the weight has %lld rows",
                             (long long)*padding_index, (long long)rows);
    if (*padding_index < 0) *padding_index += rows;
    return WG_OK;
}

/* Which of the indices name row `padding`; each is counted from the front or from the back. */
static inline wg_var embedding_is_padding(wg_var indices, int64_t padding, int64_t rows) {
    const wg_dtype dtype = wg_type_of(indices).dtype;
    if (padding < 0) padding += rows;
    wg_var front = (wg_full)(indices.tape, dtype, WG_SCALAR_SHAPE, (double)padding);
    wg_var back = (wg_full)(indices.tape, dtype, WG_SCALAR_SHAPE, (double)(padding - rows));
    return (wg_logical_or)((wg_equal)(indices, front), (wg_equal)(indices, back));
}

#endif
#endif
